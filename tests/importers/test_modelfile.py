"""An Ollama Modelfile is the draft of a model, with the weights that it names where they lie beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.importers.made import LLAMA, at, gguf
from tui_registry.importers import Finding, read_source

MODELFILE = '''# my helper
FROM llama3.2:3b
PARAMETER temperature 0.3
PARAMETER num_ctx 8192
SYSTEM """You are a careful helper.
You answer in one sentence."""
LICENSE """MIT License"""
'''


def read(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize("name", ["Modelfile", "helper.modelfile", "any.txt"])
def test_a_modelfile_is_the_draft_of_a_model(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(MODELFILE)
    found = read(tmp_path / name)
    assert found.problems == ()
    assert at(found, "name") == ("llama3.2:3b" if name == "Modelfile" else Path(name).stem)
    assert at(found, "context_length") == 8192
    assert at(found, "description") == "You are a careful helper.\nYou answer in one sentence."
    assert (at(found, "license"), at(found, "model_type"), at(found, "framework")) == ("MIT", "LLM", {"Other": "GGML"})
    assert "it is made from llama3.2:3b" in found.notes
    assert any("temperature 0.3" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("FROM llama3.2:latest\nSYSTEM x\n", {"Other": "derivative"}),
        ("FROM hf.co/lab/base\nADAPTER ./a.gguf\n", "Adapter"),
    ],
)
def test_what_it_is_made_from_is_its_lineage(tmp_path: Path, text: str, relation: object) -> None:
    (tmp_path / "Modelfile").write_text(text)
    manifest = read(tmp_path / "Modelfile").manifest
    assert isinstance(manifest, dict)
    name = "llama3.2" if "latest" in text else "hf.co/lab/base"
    assert manifest["derived_from"] == [{"relation": relation, "model_id": None, "name": name, "sha256": None}]


def test_a_modelfile_in_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "Modelfile").write_text(MODELFILE)
    assert at(read(tmp_path), "context_length") == 8192


def test_the_weights_that_it_names_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(gguf(LLAMA))
    (tmp_path / "Modelfile").write_text('FROM ./tiny.gguf\nPARAMETER num_ctx 2048\nSYSTEM "Be brief."\n')
    for source in (tmp_path / "Modelfile", tmp_path):
        found = read(source)
        assert (at(found, "name"), at(found, "license")) == ("Tiny Llama", "Apache-2.0")
        assert (at(found, "context_length"), at(found, "description")) == (2048, "Be brief.")


@pytest.mark.parametrize("base", ["C:\\Users\\bob\\secret\\m.gguf", "/home/bob/secret/m.gguf", "../secret/m.gguf"])
def test_no_path_of_somebodys_disk_is_told(tmp_path: Path, base: str) -> None:
    (tmp_path / "Modelfile").write_text(f"FROM {base}\nSYSTEM x\nADAPTER {base}\n")
    found = read(tmp_path / "Modelfile")
    assert at(found, "name") == "m"
    assert "secret" not in f"{found.record} {found.notes} {found.manifest}"


@pytest.mark.parametrize(
    "text",
    ["FROM python:3.11\nRUN pip install x\n", "# A page\n\nFROM here on it is prose.\nMore of it.\n", "SYSTEM x\n", ""],
)
def test_what_holds_other_lines_is_no_modelfile(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.txt").write_text(text)
    assert read(tmp_path / "x.txt").record is None


@pytest.mark.parametrize(
    "text", ['FROM x\nSYSTEM """never ends', "FROM x\nPARAMETER num_ctx 99999999999999\n", "FROM .\nLICENSE x y z\n"]
)
def test_odd_values_still_give_a_draft(tmp_path: Path, text: str) -> None:
    (tmp_path / "Modelfile").write_text(text)
    assert read(tmp_path / "Modelfile").record is not None
