"""`import` of what others wrote: each value with where it came from, and nothing signed that a person has not seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tests.importers.made import LLAMA, TEXT, gguf
from tests.importers.serving import serving
from tests.importers.test_a2a import CARD_1_0
from tests.importers.test_ollama import TAGS
from tui_registry.datastore import Datastore


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
    assert line["notes"] == []


def test_a_model_is_registered_from_its_file_alone(cli: Cli, llama: Path) -> None:
    said = cli("import", str(llama), "--register", "--json")
    assert said.code == 0
    assert cli("show", said.json["id"], "--json").json["record"]["context_length"] == 8192


def test_a_draft_without_a_licence_is_not_registered_before_one_is_named(
    cli: Cli, tmp_path: Path, data_dir: Path
) -> None:
    (tmp_path / "card.json").write_text(json.dumps(CARD_1_0))
    said = cli("import", "card.json", "--register", "--json")
    assert (said.code, said.json["status"]) == (1, "invalid")
    assert [problem["path"] for problem in said.json["problems"]] == ["license"]
    with Datastore.open(data_dir) as datastore:
        assert datastore.stats().ops == 0
    again = cli("import", "card.json", "--register", "--set", "license=MIT", "--json")
    assert (again.code, again.json["status"]) == (0, "registered")
    assert again.json["origins"]["license"] == "--set"


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
