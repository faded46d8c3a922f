"""What describes no model or agent is refused by the name of what it is, and passed over in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tui_registry.errors import Json
from tui_registry.importers import Finding, Skipped, read_source

CARDS = {
    "a data set card": "license: mit\ntask_categories:\n- text-classification\n",
    "the card of a Space": "title: Demo\nemoji: x\nsdk: gradio\napp_file: app.py\nlicense: mit\n",
    "an agent skill": "name: pdf-forms\ndescription: Fill in forms.\nlicense: MIT\nallowed-tools: Read\n",
    "a page of a web site": "layout: post\ndate: 2024-01-01\ntags: [a]\n",
}


@pytest.mark.parametrize("what", CARDS)
def test_a_card_of_something_else_is_refused_by_name(tmp_path: Path, what: str) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"---\n{CARDS[what]}---\n# Title\nWords that are long enough to be a paragraph of a card.\n")
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    assert found.record is None
    assert found.problems[0].sentence.startswith(f"is {what}")
    (again,) = read_source(tmp_path)
    assert again == Skipped(str(path), found.problems[0].sentence)


def test_a_data_set_card_is_known_by_its_heading(tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("---\nlicense: mit\n---\n# Dataset Card for X\nWords of it.\n")
    (found,) = read_source(tmp_path / "card.md")
    assert isinstance(found, Finding)
    assert found.problems[0].sentence.startswith("is a data set card")


DOCUMENTS: dict[str, Json] = {
    "a Kitfile": {"manifestVersion": "1.0", "package": {"name": "x"}},
    "a Helm chart": {"apiVersion": "v2", "name": "x", "version": "1.0.0", "appVersion": "1"},
    "a Kubernetes manifest": {"apiVersion": "v1", "kind": "Pod"},
    "an npm package": {"name": "x", "version": "1.0.0", "dependencies": {}},
    "an OpenAPI description": {"openapi": "3.1.0", "info": {}},
    "a Jupyter notebook": {"nbformat": 4, "cells": [], "metadata": {}},
    "settings of MCP clients": {"mcpServers": []},
    "an MLflow model": {"artifact_path": "model", "flavors": {"python_function": {}}},
    "the agents of CrewAI": {"writer": {"role": "Writer", "goal": "Write", "backstory": "Wrote a lot."}},
    "the tasks of CrewAI": {"write": {"description": "Write it", "expected_output": "A text", "agent": "writer"}},
    "a model.yaml of LM Studio": {"model": "lab/tiny", "base": [{"key": "lab/tiny-gguf"}], "metadataOverrides": {}},
    "a Compose file": {"services": {"ollama": {"image": "ollama/ollama"}}, "volumes": {}},
}


# What people keep beside models and agents: there the refusal says what can be read instead.
NEAREST = {"a Kitfile", "an MLflow model", "a model.yaml of LM Studio", "a Compose file", "the agents of CrewAI",
           "the tasks of CrewAI"}  # fmt: skip


@pytest.mark.parametrize("what", DOCUMENTS)
def test_a_document_of_another_format_is_refused_by_name(tmp_path: Path, what: str) -> None:
    for name in ("x.json", "Kitfile.yaml"):
        path = tmp_path / name
        path.write_text(json.dumps(DOCUMENTS[what]))
        (found,) = read_source(path)
        assert isinstance(found, Finding)
        known, _, nearest = found.problems[0].sentence.partition("; ")
        assert known == f"is {what}: no model or agent can be read from it"
        assert bool(nearest) == (what in NEAREST)
    assert all(isinstance(found, Skipped) for found in read_source(tmp_path))


def test_a_kitfile_without_an_ending_is_known_too(tmp_path: Path) -> None:
    (tmp_path / "Kitfile").write_text("manifestVersion: 1.0.0\npackage:\n  name: x\nmodel:\n  path: m.gguf\n")
    (found,) = read_source(tmp_path / "Kitfile")
    assert isinstance(found, Finding)
    assert found.problems[0].sentence.startswith("is a Kitfile")


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"PK\x03\x04\0\0\0", "a ZIP archive"), (b"\x80\x02\0\0", "a Python pickle"), (b"\x89HDF\0\0", "an HDF5 file"),
     (b"<!DOCTYPE html><p>", "a web page"), (b"%PDF-1.4\0", "a PDF document")],
)  # fmt: skip
def test_files_are_known_by_how_they_begin(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "x.bin").write_bytes(content)
    (found,) = read_source(tmp_path / "x.bin")
    assert isinstance(found, Finding)
    assert found.problems[0].sentence.startswith(f"is {what}")
    assert list(read_source(tmp_path)) == []


@pytest.mark.parametrize(
    ("name", "what"),
    [("Dockerfile", "is a Dockerfile"), ("Modelfile", "is no Modelfile"), ("x.modelfile", "is no Mod")],
)
def test_what_is_written_like_a_modelfile_is_refused_by_its_name(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / name).write_text("FROM python:3.11\nRUN pip install x\n")
    (found,) = read_source(tmp_path / name)
    assert isinstance(found, Finding)
    assert found.problems[0].sentence.startswith(what)


def test_no_remedy_is_named_that_cannot_work(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"q": 0, "r": 1}')
    (found,) = read_source(tmp_path / "x.json")
    assert isinstance(found, Finding)
    assert "the fields q, r" in found.problems[0].sentence
    assert "kind:" not in found.problems[0].sentence
    (tmp_path / "x.json").write_text('{"name": "m", "version": "1.0.0"}')
    (found,) = read_source(tmp_path / "x.json")
    assert isinstance(found, Finding)
    assert "add kind: model" in found.problems[0].sentence


def test_a_list_of_something_else_is_one_finding_and_of_ours_as_many_as_it_has(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps([{"q": n} for n in range(5_000)]))
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    assert found.problems[0].sentence.startswith("is a list of 5,000, none of them a record")
    (again,) = read_source(tmp_path)
    assert isinstance(again, Skipped)
    path.write_text(json.dumps([{"kind": "model", "name": "m"}, {"q": 1}, {"kind": "agent", "name": "a"}]))
    assert [found.record is None for found in read_source(path) if isinstance(found, Finding)] == [False, True, False]


def test_a_broken_record_of_ours_is_told_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("kind: model\nname: [\n")
    (tmp_path / "n.json").write_text('{"kind": "model", "na')
    (tmp_path / "o.json").write_text('{"name": ')
    assert [type(found) for found in read_source(tmp_path)] == [Finding, Finding, Skipped]
