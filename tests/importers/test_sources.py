"""What a file is, its content tells; what a folder holds is found once, in order, and nothing in it stops the rest."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.importers.made import LLAMA, at, gguf, safetensors, tensor
from tests.importers.test_a2a import CARD_1_0
from tests.importers.test_mcp import SERVER
from tests.importers.test_ollama import TAGS
from tests.places import bound_by_modes, folder_for_all
from tui_registry.importers import Finding, Operations, Skipped, SourceError, is_address, read_source

TINY = safetensors({"a": tensor("F16", (2,), 0, 4)})


def names(path: Path) -> list[str]:
    return [str(at(found, "name")) for found in read_source(path) if isinstance(found, Finding)]


def test_names_do_not_matter_where_content_tells(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(gguf(LLAMA))
    (tmp_path / "b.gguf").write_text(json.dumps(CARD_1_0))
    (tmp_path / "c").write_bytes(TINY)
    (tmp_path / "d.txt").write_text(json.dumps(SERVER))
    assert names(tmp_path) == ["Tiny Llama", "Recipe Agent", "c", "Brave Search"]
    for name in "a.json", "b.gguf", "c", "d.txt":
        assert len(names(tmp_path / name)) == 1


def test_a_folder_of_everything_is_read_in_order_and_each_thing_once(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "card.json").write_text(json.dumps(CARD_1_0))
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (tmp_path / "hub" / "tokenizer.json").write_text("{}")
    (tmp_path / "hub" / "model.safetensors").write_bytes(TINY)
    (tmp_path / "1.gguf").write_bytes(gguf(LLAMA))
    (tmp_path / "2.yaml").write_text("kind: model\nname: ours\n")
    (tmp_path / "3.json").write_text(json.dumps(TAGS))
    (tmp_path / "main.py").write_text("print('not ours')")
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    (tmp_path / ".hidden.gguf").write_bytes(gguf(LLAMA))
    assert names(tmp_path) == [
        "Tiny Llama", "ours", "gemma3:4b", "nomic-embed-text", "Recipe Agent", "hub",
    ]  # fmt: skip


def test_a_broken_file_does_not_stop_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf(value_count=2**63))
    (tmp_path / "b.json").write_text('{"kind": "model"')
    (tmp_path / "c.gguf").write_bytes(gguf(LLAMA))
    os.mkfifo(tmp_path / "d.gguf")
    broken, unreadable, good = read_source(tmp_path)
    assert isinstance(broken, Finding)
    assert isinstance(unreadable, Finding)
    assert isinstance(good, Finding)
    assert broken.problems[0].code == "header"
    assert unreadable.problems[0].code == "document"
    assert at(good, "name") == "Tiny Llama"


def test_a_named_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (found,) = read_source(tmp_path)
    assert isinstance(found, Skipped)
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        list(read_source(tmp_path / "pipe.json"))


@pytest.mark.parametrize("damaged", ['ind": "model"}', '{"kind": "model", "record": {', '{"kind": "model",,}'])
def test_a_damaged_line_is_not_all_of_a_backup(tmp_path: Path, damaged: str) -> None:
    line = json.dumps({"kind": "model", "record": {"name": "kept", "license": "MIT"}})
    for lines in ((damaged, line), (line, damaged)):
        (tmp_path / "backup.ndjson").write_text("\n".join(lines))
        for source in (tmp_path, tmp_path / "backup.ndjson"):
            found = [one for one in read_source(source) if isinstance(one, Finding)]
            assert [one.record is not None for one in found] == [text == line for text in lines]


def test_a_data_set_of_many_lines_is_passed_over_as_one(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"prompt": "a"}\n' * 1_000)
    (found,) = read_source(tmp_path)
    assert found == Skipped(str(tmp_path / "train.jsonl"), "its lines describe no records")


def test_operations_are_known_by_their_content_in_folders_too(tmp_path: Path) -> None:
    (tmp_path / "backup").write_text('{"Model":{"Up":{}}}\n')
    (found,) = read_source(tmp_path)
    assert isinstance(found, Operations)


@pytest.mark.parametrize(
    "content", [b"\x81\x04\x95\0\0x", b"PX\x03\x04\0\0", b"import os\nprint(1): 2: 3", b"\xff\xfe\x00"]
)
def test_what_is_none_of_all_this_is_told_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.bin").write_bytes(content)
    (found,) = read_source(tmp_path / "x.bin")
    assert isinstance(found, Finding)
    assert found.problems[0].sentence.startswith("is nothing that can be read here")
    assert list(read_source(tmp_path)) == []


@pytest.mark.parametrize("text", ["- " * 100_000 + "x", "[" * 100_000, "{a: " * 100_000, "- [1\n- 2", "? [a]\n: b"])
def test_yaml_without_a_field_that_can_be_read_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    (passed,) = read_source(tmp_path)
    assert isinstance(passed, Skipped)
    (refused,) = read_source(tmp_path / "x.yaml")
    assert isinstance(refused, Finding)
    assert refused.record is None


def test_a_finding_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf(LLAMA))
    (found,) = read_source(tmp_path / "a.gguf", "agent")
    assert isinstance(found, Finding)
    assert found.record is None
    assert found.problems[0].sentence == "describes a model, not an agent"


@pytest.mark.parametrize("source", ["http://x", "HTTPS://x.y/z", " http://127.0.0.1:11434"])
def test_addresses_are_told_from_paths(source: str) -> None:
    assert is_address(source)
    assert not is_address("./http://x")


@pytest.mark.parametrize("source", ["nowhere", "a\0b", "~nobody-of-this-name/x"])
def test_a_path_that_leads_nowhere_is_one_sentence(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError) as caught:
        list(read_source(source))
    assert "\0" not in caught.value.sentence


def test_reading_files_needs_no_network_library() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from tui_registry.importers import read_source; list(read_source(sys.argv[1]));"
        "print(*(m for m in ('httpx', 'pydantic', 'yaml', 'textual', 'sqlite3') if m in sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code, __file__], capture_output=True, text=True, check=True)
    assert said.stdout.split() in ([], ["yaml"])


@pytest.mark.parametrize("mode", [0o311, 0o444, 0o000], ids=["not listed", "listed alone", "shut"])
def test_a_folder_that_cannot_be_read_is_told_and_so_is_a_file_in_it(mode: int) -> None:
    with folder_for_all() as top:
        shut = top / "model"
        shut.mkdir()
        (shut / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')
        (shut / "README.md").write_text("---\nlicense: mit\n---\nA model.\n")
        assert names(shut) == names(shut / "README.md") == ["model"]
        shut.chmod(mode)
        for place in shut, shut / "README.md":
            with bound_by_modes():
                try:
                    (found,) = read_source(place)
                except SourceError as error:
                    said = error.sentence
                else:
                    assert isinstance(found, Finding)
                    said = found.problems[0].sentence
            assert "cannot be read" in said
        shut.chmod(0o755)


def test_of_a_project_the_agents_and_servers_of_its_tools_are_found_and_nothing_else_that_is_hidden(
    tmp_path: Path,
) -> None:
    agent, server = "---\ndescription: Reviews what changed\n---\n", {"command": "npx", "args": ["-y", "@x/y"]}
    texts = {
        ".claude/agents/reviews.md": agent,
        ".claude/agents/.hidden.md": agent,
        ".claude/commands/deploys.md": agent,
        ".claude/other.agent.md": agent,
        ".github/agents/triages.agent.md": agent,
        ".github/workflows/agents/builds.md": agent,
        ".git/agents/never.md": agent,
        ".opencode/agents/plans.md": agent,
        ".opencode/agent/drafts.md": agent,
        ".mcp.json": json.dumps({"mcpServers": {"files": server}}),
        ".cursor/mcp.json": json.dumps({"mcpServers": {"notes": server}}),
        ".vscode/mcp.json": json.dumps({"servers": {"issues": server}}),
        ".vscode/launch.json": json.dumps({"mcpServers": {"no": server}}),
        "inner/.mcp.json": json.dumps({"mcpServers": {"inside": server}}),
        ".env": "KEY=secret\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / ".claude" / "agents" / "linked").symlink_to(tmp_path / ".git")
    found = [*read_source(tmp_path)]
    assert sorted(str(at(one, "name")) for one in found if isinstance(one, Finding)) == [
        "drafts", "files", "inside", "issues", "notes", "plans", "reviews", "triages",
    ]  # fmt: skip
    assert not [one for one in found if isinstance(one, Skipped)]
    assert len([*read_source(tmp_path / ".claude")]) > 1  # who names such a folder means all of it
