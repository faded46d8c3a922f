"""The configuration of a ModelPack, in the shape of the example in its specification, and hostile versions of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at
from tui_registry.importers import Finding, read_source


def config(**changed: Any) -> dict[str, Any]:
    descriptor = {
        "createdAt": "2025-01-01T00:00:00Z", "authors": ["lab@lab.example"], "vendor": "Lab", "family": "tiny3",
        "name": "tiny-3-8B-Instruct", "version": "3.1.0", "title": "Tiny 3", "description": "Answers in a sentence.",
        "docURL": "https://lab.example/docs", "sourceURL": "https://git.example.org/lab/tiny3", "revision": "12ab",
        "licenses": ["Apache-2.0"],
    }  # fmt: skip
    technical = {
        "architecture": "transformer", "format": "pytorch", "paramSize": "8b", "precision": "bf16",
        "capabilities": {
            "inputTypes": ["text", "image"], "outputTypes": ["text"], "reasoning": True, "toolUsage": False,
            "knowledgeCutoff": "2024-05-21T00:00:00Z", "languages": ["en", "de"],
        },
    }  # fmt: skip
    return {
        "descriptor": descriptor,
        "config": {**technical, **changed},
        "modelfs": {"type": "layers", "diffIds": ["sha256:" + "a" * 64]},
    }


def read(tmp_path: Path, value: object) -> Finding:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(value))
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


def test_a_configuration_gives_a_whole_draft(tmp_path: Path) -> None:
    found = read(tmp_path, config())
    assert found.problems == ()
    expected = {
        "name": "tiny-3-8B-Instruct", "version": "3.1.0", "description": "Answers in a sentence.",
        "license": "Apache-2.0", "parameters": 8_000_000_000, "quantization": "BF16", "framework": "PyTorch",
        "model_type": "Multimodal", "tags": ["tiny3", "lab"], "capabilities": ["image input", "reasoning"],
    }  # fmt: skip
    assert {name: at(found, name) for name in expected} == expected
    assert isinstance(found.manifest, dict)
    assert found.manifest["repository_url"] == "https://git.example.org/lab/tiny3"
    assert found.manifest["documentation_url"] == "https://lab.example/docs"
    assert found.manifest["languages"] == ["en", "de"]
    assert any("knowledgeCutoff 2024-05-21" in note for note in found.notes)


@pytest.mark.parametrize(
    ("changed", "quantization"),
    [
        ({"quantization": "gptq"}, "GPTQ"), ({"quantization": "Q4_K_M", "format": "gguf"}, "GGUF"),
        ({"precision": "int4"}, "INT4"), ({"precision": "mixed"}, "FP32"),
    ],
)  # fmt: skip
def test_quantisation_comes_before_precision(tmp_path: Path, changed: dict[str, str], quantization: str) -> None:
    found = read(tmp_path, config(**changed))
    said = "quantization" in found.origins
    assert (at(found, "quantization") if said else "FP32") == quantization


@pytest.mark.parametrize(
    "changed",
    [
        {"paramSize": "many"}, {"paramSize": 8}, {"format": ["x"]}, {"capabilities": "all"}, {"precision": {"a": 1}},
        {"capabilities": {"inputTypes": [1, None], "outputTypes": {}}}, {"paramSize": "9" * 400 + "b"},
        {"quantization": "x" * 5000},
    ],
)  # fmt: skip
def test_odd_values_still_give_a_draft(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert at(read(tmp_path, config(**changed)), "name") == "tiny-3-8B-Instruct"


def test_a_path_is_no_licence(tmp_path: Path) -> None:
    value = config()
    value["descriptor"]["licenses"] = ["/home/bob/LICENSE"]
    found = read(tmp_path, value)
    assert at(found, "license") == "LicenseRef-unstated"
    assert "/home/bob" not in str((found.record, found.notes, found.origins))
