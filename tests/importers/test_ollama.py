"""Ollama: answers in the shapes that its API reference shows (docs.ollama.com/api), not asked of a live server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at
from tui_registry.importers import Finding, read_source
from tui_registry.importers.ollama import is_tags, read_tags

TAGS: dict[str, Any] = {
    "models": [
        {
            "name": "gemma3:4b",
            "model": "gemma3:4b",
            "modified_at": "2025-10-03T23:34:03.409490317-07:00",
            "size": 3_338_801_804,
            "digest": "a2af6cc3eb7fa8be8504abaf9b04e88f17a119ec3f04a3addf55f92841195f5a",
            "details": {
                "format": "gguf",
                "family": "gemma3",
                "families": ["gemma3"],
                "parameter_size": "4.3B",
                "quantization_level": "Q4_K_M",
            },
        },
        {
            "name": "nomic-embed-text:latest",
            "model": "nomic-embed-text:latest",
            "size": 274_302_450,
            "digest": "0a109f422b47e3a30ba2b10eca18548e944e8a23073ee3f3e947efcf3c45e59f",
            "details": {
                "format": "gguf",
                "family": "nomic-bert",
                "families": ["nomic-bert"],
                "parameter_size": "137M",
                "quantization_level": "F16",
            },
        },
    ]
}
SHOW: dict[str, Any] = {
    "parameters": "temperature 0.7\nnum_ctx 2048",
    "license": "Gemma Terms of Use \n\nLast modified: February 21, 2024\n\nBy using, reproducing ...",
    "capabilities": ["completion", "vision"],
    "modified_at": "2025-08-14T15:49:43.634137516-07:00",
    "details": {
        "parent_model": "", "format": "gguf", "family": "gemma3", "families": ["gemma3"], "parameter_size": "4.3B",
        "quantization_level": "Q4_K_M",
    },
    "model_info": {
        "gemma3.attention.head_count": 8,
        "gemma3.context_length": 131072,
        "general.architecture": "gemma3",
        "general.file_type": 15,
        "general.parameter_count": 4_299_915_632,
        "general.quantization_version": 2,
        "tokenizer.ggml.tokens": None,
    },
}  # fmt: skip


def test_tags_and_show_together_give_a_whole_draft() -> None:
    draft, _ = read_tags(TAGS, "http://127.0.0.1:11434", {"gemma3:4b": SHOW})
    found = draft.finding()
    assert found.source == "http://127.0.0.1:11434 gemma3:4b"
    expected = {
        "name": "gemma3:4b",
        "parameters": 4_299_915_632,
        "quantization": "GGUF",
        "context_length": 131_072,
        "license": "LicenseRef-Gemma",
        "model_type": "Multimodal",
        "framework": {"Other": "GGML"},
        "capabilities": ["chat", "vision"],
        "tags": ["q4-k-m", "gemma3"],
    }
    assert {path: at(found, path) for path in expected} == expected
    assert "general.parameter_count in /api/show" in found.origins["parameters"]
    assert "size in /api/tags" in found.origins["resource_requirements.min_memory_mb"]


def test_an_answer_of_tags_that_was_saved_to_a_file_is_read_by_itself(tmp_path: Path) -> None:
    import json

    (tmp_path / "tags.json").write_text(json.dumps(TAGS))
    first, second = read_source(tmp_path / "tags.json")
    assert isinstance(first, Finding)
    assert isinstance(second, Finding)
    assert at(first, "parameters") == 4_300_000_000
    assert "which says 4.3B" in first.origins["parameters"]
    assert (at(second, "name"), at(second, "model_type")) == ("nomic-embed-text", "Embedding")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Apache License\n                           Version 2.0, January 2004", "Apache-2.0"),
        ("MIT License\n\nCopyright (c) 2023", "MIT"),
        ("LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\nLlama 3.1 Version Release Date", "LicenseRef-Llama-3.1"),
        ("House rules, by us", "LicenseRef-unstated"),
        ("", "LicenseRef-unstated"),
    ],
)
def test_the_licence_is_known_by_the_title_of_its_text(text: str, wanted: str) -> None:
    draft, _ = read_tags(TAGS, "x", {"gemma3:4b": {**SHOW, "license": text}})
    assert at(draft.finding(), "license") == wanted


@pytest.mark.parametrize(
    "show",
    [
        {},
        {"model_info": [], "details": 7, "capabilities": "x", "license": {"a": 1}},
        {"model_info": {"general.architecture": 3, "general.parameter_count": "many"}},
        {
            "model_info": {
                "general.parameter_count": -5,
                "gemma3.context_length": 2**70,
                "general.architecture": "gemma3",
            }
        },
    ],
)
def test_an_answer_of_show_that_makes_no_sense_takes_nothing_from_the_draft(show: Any) -> None:
    draft, _ = read_tags(TAGS, "x", {"gemma3:4b": show})
    found = draft.finding()
    assert found.problems == ()
    assert at(found, "name") == "gemma3:4b"
    assert at(found, "quantization") == "GGUF"


def test_only_a_list_of_models_is_taken_for_one() -> None:
    assert is_tags(TAGS)
    assert is_tags({"models": []})
    assert not is_tags({"models": ["gpt"]})
    assert not is_tags({"models": [{"name": "x"}]})
    assert not is_tags([])
