"""`import` of what others wrote: each value with where it came from, and nothing signed that a person has not seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tests.importers.made import LLAMA, TEXT, gguf
from tests.importers.serving import serving
from tests.importers.test_a2a import CARD_1_0
from tests.importers.test_mcp import SERVER
from tests.importers.test_ollama import TAGS


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf(LLAMA))
    return path


def test_the_only_draft_is_explained_value_by_value(cli: Cli, llama: Path) -> None:
    said = cli("import", str(llama))
    assert said.code == 0
    assert "  name: Tiny Llama  <- general.name in the GGUF header\n" in said.out
    assert "  context_length: 8,192  <- llama.context_length in the GGUF header\n" in said.out
    assert "--register" in said.err


def test_many_drafts_are_a_table_and_explained_when_asked(cli: Cli, llama: Path, tmp_path: Path) -> None:
    (tmp_path / "two.gguf").write_bytes(gguf([("general.name", TEXT, "Two"), *LLAMA[2:]]))
    short = cli("import", ".").out
    assert "Tiny Llama" in short
    assert "Two" in short
    assert "<-" not in short
    assert cli("import", ".", "--explain").out.count("  name: ") == 2


def test_json_has_the_draft_with_its_origins_and_notes(cli: Cli, llama: Path) -> None:
    line = cli("import", str(llama), "--json").json
    assert line["record"]["license"] == "Apache-2.0"
    assert line["origins"]["parameters"] == "the shapes of the tensors"
    assert line["notes"] == ["with a manifest: 1 file"]
    assert [one["uri"] for one in line["manifest"]["artifacts"]] == ["tiny.gguf"]


def test_a_model_is_registered_from_its_file_alone(cli: Cli, llama: Path) -> None:
    said = cli("import", str(llama), "--register", "--json")
    assert said.code == 0
    assert cli("show", said.json["id"], "--json").json["record"]["context_length"] == 8192


def test_a_batch_without_stated_licences_is_registered_and_told(cli: Cli, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.json").write_text(json.dumps({**CARD_1_0, "name": f"Agent {number}"}))
    said = cli("import", str(tmp_path))
    assert said.code == 0
    assert "30 ready (30 of them without a stated licence)" in said.err
    said = cli("import", "0.json", "--register", "--json")
    assert (said.code, said.json["status"]) == (0, "registered")
    assert [(one["path"], one["severity"]) for one in said.json["problems"]] == [("license", "warning")]
    named = cli("import", "1.json", "--register", "--set", "license=MIT", "--json")
    assert (named.code, named.json["problems"]) == (0, [])
    assert named.json["origins"]["license"] == "--set"


def test_a_file_of_ours_without_a_licence_says_which_was_assumed(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps({"kind": "model", "name": "m"}))
    assert "default was taken" not in cli("import", "m.json", "--set", "license=Apache-2.0").out
    assert "the default was taken, MIT" in cli("import", "m.json").out
    assert "no licence is stated, so the default was taken, MIT" in cli("register", "model", "m.json").err
    (tmp_path / "n.json").write_text(json.dumps({"kind": "model", "name": "n"}))
    assert "the default was taken, MIT" in cli("import", "n.json", "--register").out


def test_a_model_whose_type_nothing_states_is_not_registered_before_it_is_given(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# Untyped\n\nA model without any type in its card.\n")
    said = cli("import", "README.md", "--register")
    assert said.code == 1
    assert "model_type: the type is stated nowhere" in said.out
    assert "an LLM should state" not in said.out
    line = cli("import", "README.md", "--register", "--json", "--set", "model_type=Embedding").json
    assert (line["status"], line["record"]["model_type"]) == ("registered", "Embedding")


def test_a_file_that_is_cut_off_is_not_registered_whatever_is_set(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf(LLAMA, [("w", (1024, 1024), 0, 0)], data=10))
    said = cli("import", "a.gguf", "--register", "--set", "name=x")
    assert said.code == 1
    assert "a.gguf is not whole: get it again" in said.out


def test_a_server_is_imported_by_its_address(cli: Cli) -> None:
    with serving({"/api/tags": TAGS}) as server:
        said = cli("import", server.address, "--register", "--set", "license=LicenseRef-Gemma", "--json")
    assert said.code == 0
    assert [line["status"] for line in said.lines] == ["registered", "registered"]


def test_an_address_where_nothing_answers_is_one_sentence(cli: Cli) -> None:
    with serving({}) as server:
        address = server.address
    assert is_one_sentence(cli("import", address), "127.0.0.1: connection refused")


def test_hostile_words_of_a_header_never_reach_the_terminal_as_they_are(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(
        gguf([("general.name", TEXT, "\x1b[31mred\x1b]0;x\x07"), ("general.version", TEXT, "\x1b[2J\n")])
    )
    said = cli("import", "x.gguf")
    assert "\x1b" not in said.out + said.err
    assert "\x07" not in said.out + said.err


def test_a_list_that_breaks_off_is_registered_as_far_as_it_goes_and_goes_on_after_its_cursor(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    first = "/v0.1/servers?version=latest&limit=100"
    pages = {first: {"servers": [{"server": SERVER}], "metadata": {"nextCursor": "a:1"}}}
    with serving(pages) as host:
        said = cli("import", host.address, "--register", "--json")
        assert (said.code, said.lines[0]["status"]) == (1, "registered")
        assert said.lines[1]["error"]["code"] == "source"
        assert "\rasking 127.0.0.1 for an AI Catalog" in said.err
        told = said.err.splitlines()[-1]
        assert told.endswith(
            "the next page of the list is not there. 1 was read before that; to go on there: --after a:1"
        )
        pages[f"{first}&cursor=a%3A1"] = {"servers": [{"server": {**SERVER, "name": "a/b", "title": "Other"}}]}
        said = cli("import", host.address, "--after", "a:1", "--json")
    assert (said.code, said.json["name"]) == (0, "Other")
