"""What stands behind an imported record: only what a format says, and what a limit refuses is left out and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.importers.made import LIST, LLAMA, TEXT, U32, file, gguf, safetensors, tensor
from tests.importers.test_a2a import CARD_0_3, CARD_1_0
from tests.importers.test_lfs import GB, clone
from tests.importers.test_mcp import SNAKE
from tests.importers.test_ollama import SHOW, TAGS
from tests.laws import examples
from tui_registry.errors import ABSENT, Json, Record
from tui_registry.importers import Finding, read_source
from tui_registry.importers.a2a import read_agent_card
from tui_registry.importers.draft_writer import Draft
from tui_registry.importers.huggingface import architecture_in
from tui_registry.importers.manifest_writer import decimal_text, public_address
from tui_registry.importers.mcp import read_server
from tui_registry.importers.ollama import read_tags
from tui_registry.records.manifests import check_manifest

CARD = """---
license: mit
pipeline_tag: text-generation
base_model: [org/base, 'C:\\\\Users\\\\bob\\\\model']
base_model_relation: finetune
datasets: [squad, org/words]
language: [en, pt-BR, multilingual-text]
model-index:
- name: x
  results:
  - task: {type: text-generation}
    dataset: {name: MMLU, type: cais/mmlu}
    metrics:
    - {type: acc, name: accuracy, value: 0.71300}
    - {type: acc_norm, value: 9.26e-2}
    - {type: f1, value: .nan}
    source: {name: Board, url: 'https://example.org/board'}
---
# Tiny

Words of a card that are long enough to be a paragraph of it.
"""
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "hidden_size": 4096, "max_position_embeddings": 8192,
}  # fmt: skip
WEIGHTS = safetensors({"a": tensor("BF16", (100,), 0, 200)})


def manifest_of(found: Finding) -> Record:
    assert isinstance(found.manifest, dict)
    assert [one for one in check_manifest(found.manifest) if one.severity == "error"] == []
    assert found.manifest_stated == {name for name in found.manifest if found.manifest[name] not in _NOTHING} - _SET
    return found.manifest


_NOTHING: tuple[Json, ...] = ("", [], None, "Active")
_SET = {"manifest_id", "owner_id", "subject_id", "subject_kind", "subject_name", "created_at", "updated_at"}


def read(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


def origin(name: str, relation: Json) -> Record:
    return {"relation": relation, "model_id": None, "name": name, "sha256": None}


def architecture(**more: int | None) -> dict[str, Any]:
    of = dict.fromkeys(
        ("layers", "kv_heads", "head_dim", "experts", "active_parameters", "kv_token_bytes", "kv_constant_bytes")
    )
    return {**of, **more}


def test_a_folder_states_its_files_its_card_and_its_architecture(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    (folder / "onnx").mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "optimizer.bin").write_bytes(b"x")
    (folder / "onnx" / "model.onnx").write_bytes(b"onnx")
    (folder / "with space.pt").write_bytes(b"x")
    (tmp_path / "private.bin").write_bytes(b"secret")
    (folder / "z.bin").symlink_to(tmp_path / "private.bin")
    found = read(folder)
    manifest = manifest_of(found)
    assert manifest["artifacts"] == [
        file("model.safetensors", len(WEIGHTS)), file("pytorch_model.bin", 6), file("onnx/model.onnx", 4)
    ]  # fmt: skip
    assert {name: path.name for name, path in found.files.items()} == {
        "model.safetensors": "model.safetensors", "pytorch_model.bin": "pytorch_model.bin", "onnx/model.onnx": "model.onnx"
    }  # fmt: skip
    assert manifest["derived_from"] == [origin("org/base", "Finetune")]
    assert manifest["datasets"] == ["squad", "org/words"]
    assert manifest["languages"] == ["en", "pt-BR"]
    assert manifest["evaluations"] == [
        {"benchmark": "MMLU", "metric": name, "value": value, "source": "https://example.org/board"}
        for name, value in (("accuracy", "0.71300"), ("acc_norm", "0.0926"))
    ]
    assert manifest["architecture"] == architecture(layers=32, kv_heads=8, head_dim=128)
    assert manifest["repository_url"] == ""
    told = "\n".join(found.notes)
    for words in (
        "z.bin is a link that leads out of the folder", "with space.pt was left out", "multilingual-text was left out",
        "nan is no number (MMLU, f1)", "a base model on somebody's disk was left out",
    ):  # fmt: skip
        assert words in told
    assert str(tmp_path) not in json.dumps(manifest)


def test_a_relation_that_is_not_stated_is_not_guessed_and_an_adapter_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\nbase_model: [org/a, org/b]\n---\n")
    assert manifest_of(read(tmp_path / "README.md"))["derived_from"] == [
        origin("org/a", {"Other": "derivative"}), origin("org/b", {"Other": "derivative"})
    ]  # fmt: skip
    (tmp_path / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": "org/a", "task_type": "CAUSAL_LM"})
    )
    assert manifest_of(read(tmp_path))["derived_from"] == [
        origin("org/a", "Adapter"), origin("org/b", {"Other": "derivative"})
    ]  # fmt: skip


def test_the_links_of_the_hub_s_cache_are_the_files_of_the_model(tmp_path: Path) -> None:
    cache = tmp_path / "models--org--tiny"
    snapshot = cache / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (cache / "blobs").mkdir()
    (cache / "blobs" / "abc").write_bytes(WEIGHTS)
    (snapshot / "config.json").write_text(json.dumps(CONFIG))
    (snapshot / "model.safetensors").symlink_to(Path("..") / ".." / "blobs" / "abc")
    assert manifest_of(read(snapshot))["artifacts"] == [file("model.safetensors", len(WEIGHTS))]


def test_a_card_that_states_nothing_of_it_makes_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    found = read(tmp_path / "README.md")
    assert (found.manifest, found.manifest_stated) == (ABSENT, frozenset())


def test_a_gguf_header_states_where_it_comes_from_and_what_a_context_takes(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    values: list[tuple[str | bytes, int, Any]] = [
        ("general.languages", LIST, (TEXT, ["en", "no language"])),
        ("general.datasets", LIST, (TEXT, ["squad"])),
        ("general.base_model.count", U32, 2),
        ("general.base_model.0.name", TEXT, "Base"),
        ("general.base_model.0.repo_url", TEXT, "https://huggingface.co/org/base"),
        ("general.base_model.1.name", TEXT, "Other"),
        ("general.base_model.1.organization", TEXT, "Org"),
        ("llama.block_count", U32, 3),
        ("llama.embedding_length", U32, 256),
        ("llama.attention.head_count", U32, 4),
    ]
    path.write_bytes(gguf([*LLAMA, *values]))
    found = read(path)
    manifest = manifest_of(found)
    assert manifest["artifacts"] == [file("tiny.gguf", path.stat().st_size, quantization="GGUF")]
    assert found.files == {"tiny.gguf": path}
    unsaid: Json = {"Other": "derivative"}
    assert manifest["derived_from"] == [origin("org/base", unsaid), origin("Org/Other", unsaid)]
    assert (manifest["datasets"], manifest["languages"]) == (["squad"], ["en"])
    assert manifest["architecture"] == architecture(layers=3, kv_heads=4, head_dim=64)
    # Layers without a cache of their own: the plain formula would count them
    path.write_bytes(gguf([*LLAMA, *values, ("llama.attention.head_count_kv", LIST, (U32, [0, 2, 4]))]))
    assert manifest_of(read(path))["architecture"] == architecture(
        layers=3, kv_heads=4, head_dim=64, kv_token_bytes=2 * 6 * 128
    )


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"num_hidden_layers": 2, "num_attention_heads": 4}, None),
        (
            {"n_layer": 2, "n_head": 4, "n_embd": 64, "multi_query": True},
            architecture(layers=2, kv_heads=1, head_dim=16),
        ),
        ({**CONFIG, "is_encoder_decoder": True}, None),
        (
            {"text_config": {**CONFIG, "head_dim": 100, "num_local_experts": 8}},
            architecture(layers=32, kv_heads=8, head_dim=100, experts=8),
        ),
        (
            {**CONFIG, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128},
            architecture(layers=32, kv_heads=8, head_dim=192, kv_token_bytes=2 * 32 * 576),
        ),
        (
            {**CONFIG, "sliding_window": 10, "layer_types": ["sliding_attention"] * 30 + ["full_attention"] * 2},
            architecture(
                layers=32, kv_heads=8, head_dim=128, kv_token_bytes=2 * 4096, kv_constant_bytes=30 * 10 * 4096
            ),
        ),
        ({**CONFIG, "sliding_window": 4096}, architecture(layers=32, kv_heads=8, head_dim=128)),
        ({**CONFIG, "num_hidden_layers": 2**40}, None),
        ({**CONFIG, "num_key_value_heads": "8", "hidden_size": True}, None),
    ],
)
def test_an_architecture_is_what_the_configuration_says(config: Any, wanted: Json) -> None:
    assert architecture_in(config) == wanted


def test_pointers_tell_digests_and_sizes_without_a_file_being_read(tmp_path: Path) -> None:
    found = read(clone(tmp_path / "m", {"total_size": 4_000_000_000}))
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    assert manifest_of(found)["artifacts"] == [
        file(name, 2 * GB, sha256=digit * 64) for name, digit in zip(names, "ab", strict=True)
    ]
    assert not found.files


def test_the_blobs_of_ollama_are_told_by_their_digests() -> None:
    blob = "6a" * 32
    info = {**SHOW["model_info"], "gemma3.block_count": 34, "gemma3.embedding_length": 2560}
    show = {
        **SHOW,
        "modelfile": f"# made by x\nFROM /root/.ollama/models/blobs/sha256-{blob}\nTEMPLATE x\nFROM /etc/passwd\n",
        "model_info": {**info, "gemma3.attention.head_count_kv": 4, "gemma3.attention.key_length": 256},
        "details": {**SHOW["details"], "parent_model": "gemma3:base"},
    }
    draft, _ = read_tags(TAGS, "http://127.0.0.1:11434", {"gemma3:4b": show})
    manifest = manifest_of(draft.finding())
    assert manifest["artifacts"] == [file(f"blobs/sha256-{blob}", sha256=blob)]
    assert manifest["derived_from"] == [origin("gemma3:base", {"Other": "derivative"})]
    assert manifest["architecture"] == architecture(layers=34, kv_heads=4, head_dim=256)
    assert manifest["repository_url"] == ""


def test_packages_and_remotes_of_a_server_are_files_and_interfaces() -> None:
    digest = "AB" * 32
    server = {
        "name": "io.example/tool",
        "version": "1.0.0",
        "repository": {"url": "https://github.com/example/tool", "source": "github"},
        "websiteUrl": "http://localhost/docs",
        "packages": [
            {"registryType": "npm", "identifier": "@example/tool", "version": "1.0.0"},
            {"registryType": "npm", "identifier": "own", "version": "1", "registryBaseUrl": "https://npm.example.org"},
            {"registryType": "oci", "identifier": "ghcr.io/example/tool:1.0.0"},
            {"registryType": "oci", "identifier": "example/tool", "version": "1.0.0"},
            {"registryType": "mcpb", "identifier": "https://example.org/tool.mcpb", "fileSha256": digest},
            {"registryType": "mcpb", "identifier": "file:///etc/passwd"},
            {"registryType": "nuget", "identifier": "x", "version": "1.0.0", "fileSha256": "12"},
        ],
        "remotes": [
            {"type": "sse", "url": "https://example.org/sse"},
            {"type": "streamable-http", "url": "https://{tenant}.example.org/mcp"},
        ],
    }
    found = read_server(server, "server.json").finding()
    manifest = manifest_of(found)
    assert manifest["artifacts"] == [
        file("https://registry.npmjs.org/@example/tool/1.0.0"),
        file("oci://ghcr.io/example/tool:1.0.0"),
        file("oci://docker.io/example/tool:1.0.0"),
        file("https://example.org/tool.mcpb", sha256=digest.lower()),
    ]
    assert manifest["interfaces"] == [{"url": "https://example.org/sse", "protocol": "MCP", "version": ""}]
    assert manifest["repository_url"] == "https://github.com/example/tool"
    assert manifest["documentation_url"] == ""
    told = "\n".join(found.notes)
    assert "https://{tenant}.example.org/mcp was left out" in told
    assert "file:///etc/passwd was left out" in told
    assert "sha256 of a package 12" in told
    deprecated = manifest_of(read_server(SNAKE, "server.json").finding())
    assert deprecated["status"] == "Deprecated"
    assert deprecated["artifacts"] == [file("https://pypi.org/project/weather-mcp-server/0.5.0")]


def test_interfaces_of_an_agent_card_are_told_with_the_version_that_they_speak() -> None:
    def interfaces(card: dict[str, Any]) -> Json:
        return manifest_of(read_agent_card(card, "card.json").finding())["interfaces"]

    assert interfaces(CARD_0_3) == [
        {"url": f"https://routes.example.com/{path}", "protocol": "A2A", "version": "0.3.0"}
        for path in ("a2a/v1", "grpc")
    ]
    assert interfaces(CARD_1_0) == [
        {"url": f"https://api.example.com/{path}", "protocol": "A2A", "version": "1.0"} for path in ("a2a/v1", "rest")
    ]


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("https://huggingface.co/org/name/", "https://huggingface.co/org/name"),
        ("https://Example.org:8443/a", "https://example.org:8443/a"),
        ("http://[2606:4700::1111]/a", "http://[2606:4700::1111]/a"),
        *(
            (text, "")
            for text in (
                "/home/bob/models", "C:\\models", "file:///etc/passwd", "http://127.0.0.1:8080/x", "http://10.1.2.3/x",
                "http://[::1]/x", "http://[fe80::1]/x", "http://nas/x", "https://hub.internal/x", "http://x.local/y",
                "https://bob:secret@example.org/x", "https://example.org/x?token=secret", "https://example.org:x/",
                "javascript:alert(1)", "https://exa mple.org/", "http://[", "",
                "http://0x7f.1/x", "http://127.1:80/x", "http://2130706433/x", "http://0300.0250.0.1/x", "http://10.0.0.1./x",
                "http://localhost./x", "http://hub.internal./x", "http://[::ffff:10.0.0.1]/x", "http://[::ffff:7f00:1]/x",
                "http://[64:ff9b::a00:1]/x", "http://[2002:a00:1::]/x", "http://224.0.0.1/x", "http://%31%32%37.0.0.1/x",
                "http://a\0b.com/x", "http://\udcff.example.com/", "http://[v1.x]/", "http://\uff11\uff12\uff17.0.0.1/",
                "http://0/x", "http://box.LAN/x", "https://x.corp/y",
            )
        ),
    ],
)  # fmt: skip
def test_only_an_address_for_everybody_is_told_to_everybody(address: str, wanted: str) -> None:
    assert public_address(address) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0.5, "0.5"), (71, "71"), ("64.590", "64.590"), ("-1.5e-3", "-0.0015"), ("1e3", "1000"), (".5", "0.5"),
        ("0.92608695652173911", "0.926086956522"), ("1e400", None), ("1e17", "1" + "0" * 17), ("1e18", None),
        ("nan", None), ("64%", None), (True, None), (None, None), ([1], None), ("1e-300", "0"), ("9" * 200, None),
    ],
)  # fmt: skip
def test_a_result_is_a_plain_decimal_number(value: Json, wanted: str | None) -> None:
    assert decimal_text(value) == wanted


@settings(max_examples=examples(12, 300))
@given(st.data())
def test_whatever_a_source_says_the_manifest_can_be_signed(data: st.DataObject) -> None:
    draft, words = Draft("model", "x"), st.text(max_size=300) | st.sampled_from(["a/b", "https://example.org/x", "en"])
    numbers = st.integers(-1, 2**65) | st.none()
    behind = draft.behind
    for _ in range(data.draw(st.integers(0, 6))):
        behind.add_file(data.draw(words), size=data.draw(numbers), sha256=data.draw(words | st.none()))
        behind.add_interface(data.draw(words), "MCP", data.draw(words))
        behind.add_origin(data.draw(words), {"Other": data.draw(words)})
        behind.add_texts("languages", [data.draw(words)])
        behind.add_texts("datasets", [data.draw(words)])
        behind.add_result(data.draw(words), data.draw(words), data.draw(words | st.floats()), data.draw(words))
    behind.put("documentation_url", data.draw(words))
    behind.put("status_message", data.draw(words))
    made, stated = behind.plain()
    if isinstance(made, dict):
        assert [one for one in check_manifest(made) if one.severity == "error"] == []
        assert stated


def test_more_than_a_manifest_holds_is_cut_and_told() -> None:
    draft = Draft("model", "x")
    for number in range(400):
        draft.behind.add_file(f"{'x' * 240}-{number}.bin", size=1)
        draft.behind.add_texts("languages", [f"x-{number}"])
    made, _ = draft.behind.plain()
    assert isinstance(made, dict)
    files = made["artifacts"]
    assert isinstance(files, list)
    assert len(files) == 128
    assert draft.notes == [
        "manifest.artifacts: the first 256 of 300 were kept", "manifest.languages: the first 64 of 300 were kept",
        "manifest.artifacts: cut to 128, more have no room in one operation",
    ]  # fmt: skip
