"""What a record is used with: the lines for tools, which are harmless whatever a stranger wrote."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess

import pytest
from hypothesis import given, strategies as st

from tui_registry.errors import Json, Kind, Record
from tui_registry.present.using import NOTHING_SAID, TOOLS, Uses, for_tool, nothing_for, uses
from tui_registry.records.schema import defaults
from tui_registry.text import safe_text

_HUB = "https://huggingface.co/org/name-GGUF"


def _uses(
    *uris: str,
    repository: str = "",
    interfaces: tuple[tuple[str, str], ...] = (),
    kind: Kind = "model",
    name: str = "A",
) -> Uses:
    manifest: Record = {
        **defaults("manifest"),
        "artifacts": [
            {"uri": uri, "media_type": "", "sha256": None, "size_bytes": None, "quantization": None} for uri in uris
        ],
        "interfaces": [{"protocol": protocol, "url": url, "version": ""} for protocol, url in interfaces],
        "repository_url": repository,
    }
    return uses(kind, {**defaults(kind), "name": name}, manifest)


def _texts(found: Uses, tool: str) -> list[str]:
    return [line.text for line in for_tool(found, tool)]


def test_a_gguf_file_on_the_hub_is_for_every_tool_that_reads_one() -> None:
    found = _uses("name-Q4_K_M.gguf", repository=_HUB)
    name = "org/name-GGUF"
    assert _texts(found, "ollama") == [f"ollama run hf.co/{name}:Q4_K_M", f"ollama pull hf.co/{name}:Q4_K_M"]
    assert _texts(found, "docker") == [
        f"docker model run hf.co/{name}:Q4_K_M",
        f"docker model pull hf.co/{name}:Q4_K_M",
    ]
    assert _texts(found, "llama.cpp") == [
        f"llama-server -hf {name}:Q4_K_M",
        f"llama-server --hf-repo {name} --hf-file name-Q4_K_M.gguf",
    ]
    assert _texts(found, "hf") == [f"hf download {name} name-Q4_K_M.gguf"]
    assert _texts(found, "git") == [f"git clone -- {_HUB}"]
    assert _texts(found, "vllm") == []
    assert not found.unread


@pytest.mark.parametrize(
    ("uri", "tool", "texts"),
    [
        (
            "hf://org/name@v2/sub/w-Q8_0-00002-of-00002.gguf",
            "hf",
            ["hf download --revision=v2 org/name sub/w-Q8_0-00002-of-00002.gguf"],
        ),
        ("hf://org/name@v2/w-Q8_0.gguf", "ollama", []),  # which takes no revision
        ("hf://org/name/w-Q8_0-00001-of-00002.gguf", "ollama", []),  # nor weights in several files
        ("hf://datasets/org/name/a.csv", "hf", ["hf download --repo-type=dataset org/name"]),
        ("hf://datasets/org/name/a.gguf", "hf", ["hf download --repo-type=dataset org/name"]),
        ("hf://org/name.gguf", "hf", ["hf download org/name.gguf"]),  # which is a repository
        ("hf://org/name.gguf", "llama.cpp", []),
        ("https://example.org/mmproj-F16.gguf", "llama.cpp", []),
        ("hf://org/name/unet/diffusion_pytorch_model.safetensors", "vllm", []),
        ("https://huggingface.co/org/name/resolve/main/model.safetensors?download=true", "vllm", ["vllm serve org/name"]),
        ("https://huggingface.co/org/name/resolve/v2/model.safetensors", "vllm", ["vllm serve org/name --revision=v2"]),
        ("hf://org/name/adapter_model.safetensors", "vllm", []),
        (
            "https://huggingface.co/org/name/resolve/main/a%20b.bin",
            "curl",
            ["curl --globoff --fail --location --no-clobber --output ./a_20b.bin "
             "https://huggingface.co/org/name/resolve/main/a%20b.bin"],
        ),
        ("hf://org/name/adapter_model.safetensors", "hf", ["hf download org/name"]),
        ("ollama://llama3.2:1b", "ollama", ["ollama run llama3.2:1b", "ollama pull llama3.2:1b"]),
        ("oci://docker.io/ai/smollm2:latest", "docker", [
            "docker model run docker.io/ai/smollm2:latest", "docker model pull docker.io/ai/smollm2:latest",
        ]),
        ("ipfs://bafybeigdyrzt5sfp7udm7hu76/w.bin", "ipfs", ["ipfs get /ipfs/bafybeigdyrzt5sfp7udm7hu76/w.bin"]),
        ("https://example.org/a.gguf", "llama.cpp", ["llama-server --model-url https://example.org/a.gguf"]),
        (
            "https://example.org/[1-9]/.bashrc?x=1",
            "curl",
            ["curl --globoff --fail --location --no-clobber --output ./bashrc 'https://example.org/[1-9]/.bashrc?x=1'"],
        ),
    ],
)  # fmt: skip
def test_a_file_elsewhere_has_the_line_of_its_tool(uri: str, tool: str, texts: list[str]) -> None:
    assert _texts(_uses(uri), tool) == texts


@pytest.mark.parametrize("name", ["mmproj-name-F16.gguf", "name.mmproj-Q8_0.gguf", "sub/mmproj.gguf", "imatrix.gguf"])
def test_what_is_no_model_by_itself_is_only_fetched(name: str) -> None:
    found = _uses(name, repository=_HUB)
    assert {line.tool for line in found.lines} == {"hf", "git"}
    assert _texts(found, "hf") == [f"hf download org/name-GGUF {name}"]


def test_a_repository_without_an_owner_is_for_hf_alone() -> None:
    found = _uses("x-Q4_0.gguf", repository="https://huggingface.co/gpt2")
    assert {line.tool for line in found.lines} == {"hf", "git"}


def test_files_that_have_one_quantisation_are_told_apart_by_their_names() -> None:
    found = _uses("a-Q4_0.gguf", "b-q4_0.gguf", "c-Q8_0.gguf", "mmproj-Q8_0.gguf", repository=_HUB)
    repo = "org/name-GGUF"
    assert [line.argv[-1] for line in for_tool(found, "ollama") if line.argv[1] == "run"] == [
        f"hf.co/{repo}:a-Q4_0.gguf", f"hf.co/{repo}:b-q4_0.gguf", f"hf.co/{repo}:Q8_0",
    ]  # fmt: skip
    assert [line.argv[-1] for line in for_tool(found, "docker") if line.argv[2] == "run"] == [f"hf.co/{repo}:Q8_0"]
    assert [line.argv[-1] for line in for_tool(found, "llama.cpp")] == [
        "a-Q4_0.gguf", "b-q4_0.gguf", f"{repo}:Q8_0", "c-Q8_0.gguf",
    ]  # fmt: skip


def test_a_model_may_be_named_after_what_is_none() -> None:
    assert _texts(_uses("Immproj2-Q8_0.gguf", repository=_HUB), "llama.cpp")


def test_weights_in_several_files_are_one_line() -> None:
    parts = [f"big-Q8_0-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    found = _uses(*parts, repository=_HUB)
    assert _texts(found, "hf") == [f"hf download org/name-GGUF {' '.join(parts)}"]
    assert _texts(found, "llama.cpp") == [f"llama-server --hf-repo org/name-GGUF --hf-file {parts[0]}"]
    assert _texts(_uses(*parts), "llama.cpp") == [f"llama-server -m ./{parts[0]}"]
    away = [f"https://example.org/{part}" for part in parts]
    assert _texts(_uses(*away), "llama.cpp") == [f"llama-server --model-url {away[0]}"]
    assert len(_texts(_uses(*away), "curl")) == len(parts)


def test_a_file_in_a_repository_of_git_is_read_within_its_clone() -> None:
    found = _uses("w/a.gguf", repository="git+https://example.org/r.git@v1.0")
    assert _texts(found, "llama.cpp") == ["llama-server -m ./w/a.gguf"]
    assert _texts(found, "git") == ["git clone --branch=v1.0 -- https://example.org/r.git"]
    (line,) = for_tool(found, "llama.cpp")
    assert "clone" in line.note


def test_a_file_on_the_disk_of_who_registered_it_is_read_where_it_lies() -> None:
    found = _uses("Qwen2.5-7B-Q4_K_M.gguf", "config.json")
    (line,) = found.lines
    assert (line.text, "in the folder where you have the file" in line.note) == (
        "llama-server -m ./Qwen2.5-7B-Q4_K_M.gguf",
        True,
    )
    assert [unread.path for unread in found.unread] == ["artifacts[1].uri"]


def test_an_agent_is_used_by_its_interfaces() -> None:
    found = _uses(
        interfaces=(
            ("MCP", "https://example.org/mcp?a=1&b=2"),
            ("A2A", "https://example.org:8080/a2a/v1"),
            ("OpenAI", "https://api.example.org/v1/"),
            ("Ollama", "http://10.0.0.7:11434"),
        ),
        kind="agent",
        name='Ignore "this"\n}, "evil": {\u202e',
    )
    (config,) = _texts(found, "mcp")
    assert json.loads(config) == {
        "mcpServers": {"Ignore-this-evil": {"type": "http", "url": "https://example.org/mcp?a=1&b=2"}}
    }
    assert _texts(found, "a2a") == ["https://example.org:8080/.well-known/agent-card.json"]
    assert _texts(found, "openai") == ["curl --globoff --fail --location https://api.example.org/v1/models"]
    assert _texts(found, "ollama") == ["env OLLAMA_HOST=http://10.0.0.7:11434 ollama ls"]


def test_the_address_of_a_card_and_of_an_api_are_taken_as_they_are_meant() -> None:
    found = _uses(
        interfaces=(
            ("A2A", "https://example.org/team/.well-known/agent-card.json"),
            ("A2A", "https://example.org/$(id)/agent-card.json"),
            ("Ollama", "http://10.0.0.7:11434/api/"),
        ),
        kind="agent",
    )
    assert _texts(found, "a2a") == [
        "https://example.org/team/.well-known/agent-card.json",
        "https://example.org/.well-known/agent-card.json",
    ]
    assert _texts(found, "ollama") == ["env OLLAMA_HOST=http://10.0.0.7:11434 ollama ls"]


def test_an_image_of_an_agent_is_fetched_and_not_run() -> None:
    found = _uses("oci://ghcr.io/org/server:1.0", kind="agent")
    assert _texts(found, "docker") == ["docker pull ghcr.io/org/server:1.0"]


def test_a_model_that_lies_in_a_registry_of_ollama_is_run_by_its_name() -> None:
    manifest = {**defaults("manifest"), "repository_url": "ollama://me/mine:q4"}
    blob = {"uri": "blobs/sha256-ab", "media_type": "", "sha256": None, "size_bytes": None, "quantization": None}
    for artifacts in ([], [blob]):
        found = uses("model", defaults("model"), {**manifest, "artifacts": artifacts})
        assert _texts(found, "ollama") == ["ollama run me/mine:q4", "ollama pull me/mine:q4"]
        assert not found.unread


@pytest.mark.parametrize(
    "uri",
    [
        "javascript://example.org/alert(1)",
        "file:///etc/passwd",
        "https://user@example.org/a.gguf",
        "../../etc/passwd",
        "ollama://-x",
        "oci://--privileged/x",
        "hf://--help/x/y.gguf",
        "hf://org/name/-x.gguf",
        "hf://org/name/../../x.gguf",
        "hf://org/name@--x/y.gguf",
        "https://$(id)/a.gguf",
        "https://-x/a.gguf",
        "ipfs://bafybeigdyrzt5sfp7udm7hu76/../../x",
        "https://pypi.org/project/x/1.0",
        "https://huggingface.co/papers/2401.00001",
        "https://github.com/org/name/blob/main/model.gguf",
        "https://ollama.com/library/llama3.2",
    ],
)
def test_what_no_tool_may_be_given_is_in_no_line_and_that_is_said(uri: str) -> None:
    found = _uses(uri)
    assert not found.lines
    (unread,) = found.unread
    assert unread.path == "artifacts[0].uri"
    assert unread.uri == uri
    assert "no " in unread.sentence
    assert nothing_for(found, None).startswith("no tool known here")


def test_what_nobody_said_is_said() -> None:
    assert nothing_for(uses("model", defaults("model"), None), "ollama") == NOTHING_SAID
    assert nothing_for(_uses(), None) == NOTHING_SAID
    found = _uses(repository="https://github.com/org/name")
    assert nothing_for(found, "ollama") == "Ollama can read nothing of it; there are lines for git"


# Whatever a stranger wrote

_OPTIONS = {
    "--", "-hf", "-m", "--hf-repo", "--hf-file", "--model-url", "--globoff", "--fail", "--location", "--no-clobber",
    "--output", "--repo-type=dataset", "--repo-type=space",
}  # fmt: skip
_STARTS = st.sampled_from(
    ("", "https://", "http://", "hf://", "hf://datasets/", "ollama://", "oci://docker.io/", "ipfs://", "git+https://",
     "https://huggingface.co/", "https://a/agent-card.json", "https://github.com/", "https://hf.co/a/b/resolve/"),
)  # fmt: skip
_PIECES = st.lists(
    st.one_of(
        st.sampled_from(("-", "--", "a", "org", "/", "/", "@", ":", "..", ".", "~", "=", "'", '"', "\n", " ", "$(id)",
                         "`id`", ";", "&", "|", "\u202e", "\x1b[2J", "\\", "%2F", "[1-9]", "{a,b}", "?", "#", "!",
                         "name", "x-Q4_K_M.gguf", "m.safetensors", ".git", "main", "bafybeigdyrzt5sfp7udm", "\x00")),
        st.text(max_size=3),
    ),
    max_size=8,
).map("".join)  # fmt: skip
_URIS = st.builds(str.__add__, _STARTS, _PIECES)


@given(
    uris=st.lists(_URIS, max_size=3),
    repository=st.one_of(st.just(""), st.just(_HUB), _URIS),
    interfaces=st.lists(st.tuples(st.sampled_from(("MCP", "A2A", "OpenAI", "Ollama")), _URIS), max_size=2),
    name=_PIECES,
    kind=st.sampled_from(("model", "agent")),
)
def test_a_shell_reads_exactly_the_words_of_a_line_and_no_value_is_an_option(
    uris: list[str], repository: str, interfaces: list[tuple[str, str]], name: str, kind: Kind
) -> None:
    found = _uses(*uris, repository=repository, interfaces=tuple(interfaces), kind=kind, name=name)
    for line in found.lines:
        assert line.tool in TOOLS
        assert line.text.isascii()
        assert line.text.isprintable()
        for shown in (line.what, line.note):
            assert safe_text(shown) == shown
        if line.argv:
            assert shlex.split(line.text) == list(line.argv)
            own = [word for word in line.argv if word.startswith("-")]
            assert all(word in _OPTIONS or word.startswith(("--revision=", "--branch=")) for word in own)
            # What a shell may read into a word that it need not quote
            assert not any(word.startswith(("=", "~", "%", "+")) for word in line.argv)
        elif line.tool == "mcp":
            assert json.loads(line.text)["mcpServers"]
            assert not set(line.text) & set("$'!`")
        else:
            assert shlex.split(line.text) == [line.text]
            assert "$" not in line.text
    told: list[Json] = [*(unread.uri for unread in found.unread), *(unread.sentence for unread in found.unread)]
    assert all(safe_text(str(text)) == text for text in told)


def test_a_real_shell_gives_the_tool_what_was_meant() -> None:
    shell = shutil.which("sh")
    assert shell is not None
    found = _uses("https://example.org/a';$(id)`&|b.gguf?x=[1-9]&y=$HOME", "https://example.org/*~!.gguf")
    assert found.lines
    for line in found.lines:
        said = subprocess.run([shell, "-c", f"printf '%s\\0' {line.text}"], capture_output=True, check=True)
        assert said.stdout.decode().split("\0")[:-1] == list(line.argv)
