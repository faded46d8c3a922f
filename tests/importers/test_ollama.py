"""Ollama: answers in the shapes that its API reference shows (docs.ollama.com/api), not asked of a live server."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import LLAMA, at, gguf
from tui_registry.importers import Finding, Skipped, read_source
from tui_registry.importers.ollama import is_tags, read_tags
from tui_registry.records.manifests import check_manifest

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


# ---- the store -------------------------------------------------------------------------------------------------------


def stored(store: Path, name: str, blobs: dict[str, bytes], *, place: str = "registry.ollama.ai/library") -> Path:
    """A model as Ollama keeps it: `name` is NAME/TAG, `blobs` the content by its use. Returns its manifest."""

    def put(content: bytes, use: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (store / "blobs").mkdir(parents=True, exist_ok=True)
        (store / "blobs" / f"sha256-{digest}").write_bytes(content)
        return {"mediaType": f"application/vnd.ollama.image.{use}", "digest": f"sha256:{digest}", "size": len(content)}

    config = put(blobs.pop("config", b"{}"), "config")
    layers = [put(content, use) for use, content in blobs.items()]
    path = store / "manifests" / place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schemaVersion": 2, "config": config, "layers": layers}))
    return path


WEIGHTS = gguf(LLAMA)
CONFIG = b'{"model_format": "gguf", "model_family": "llama", "model_type": "3.2B", "file_type": "Q4_K_M"}'
WHOLE = {
    "config": CONFIG,
    "model": WEIGHTS,
    "template": b"{{ if .Tools }}{{ .Prompt }}{{ end }}",
    "system": b"You translate.",
    "license": b"                Apache License\n           Version 2.0, January 2004",
    "params": b'{"stop": ["<|end|>"], "num_ctx": 4096}',
}


def found_in(source: Path) -> list[Finding]:
    return [found for found in read_source(source) if isinstance(found, Finding)]


def test_a_store_gives_each_model_with_the_digests_of_its_blobs(tmp_path: Path) -> None:
    stored(tmp_path / "models", "llama3.2/latest", {**WHOLE})
    stored(tmp_path / "models", "mine/q4", {"model": WEIGHTS}, place="registry.ollama.ai/me")
    stored(tmp_path / "models", "far/8b", {"model": WEIGHTS}, place="hub.example/lab")
    far, llama, mine = found_in(tmp_path)
    assert [at(one, "name") for one in (far, llama, mine)] == ["hub.example/lab/far:8b", "llama3.2", "me/mine:q4"]
    assert at(mine, "framework") == {"Other": "GGML"}  # by its header: its configuration is empty
    expected = {
        "parameters": 32,
        "quantization": "GGUF",
        "context_length": 8192,
        "license": "Apache-2.0",
        "model_type": "LLM",
        "framework": {"Other": "GGML"},
        "description": "You translate.",
        "capabilities": ["chat", "tool-use"],
    }
    assert {path: at(llama, path) for path in expected} == expected
    origins = {
        "name": "the place of its manifest in the store",
        "parameters": "the shapes of the tensors in the GGUF header in the store",
        "context_length": "llama.context_length in the GGUF header in the store",
        "model_type": "the GGUF header in the store, and its template",
        "quantization": "quantization_level in its configuration in the store (Q4_K_M)",
    }
    assert {path: llama.origins[path] for path in origins} == origins
    assert any('"num_ctx": 4096' in note for note in llama.notes)
    assert isinstance(llama.manifest, dict)
    repositories = [isinstance(one.manifest, dict) and one.manifest["repository_url"] for one in (far, llama, mine)]
    assert repositories == ["ollama://hub.example/lab/far:8b", "ollama://llama3.2", "ollama://me/mine:q4"]
    assert not any(problem.code == "no_repository" for problem in check_manifest(llama.manifest))
    assert any("take that out if it was never pushed there" in note for note in llama.notes)
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    (weights,) = llama.manifest["artifacts"]
    assert weights == {
        "uri": f"blobs/sha256-{digest}", "media_type": "", "sha256": digest, "size_bytes": len(WEIGHTS),
        "quantization": "GGUF",
    }  # fmt: skip
    assert llama.source == str(tmp_path / "models/manifests/registry.ollama.ai/library/llama3.2/latest")


def test_blobs_that_are_not_here_or_lead_out_of_a_store_are_not_read(tmp_path: Path) -> None:
    store, secret = tmp_path / "models", tmp_path / "secret"
    secret.write_text("a secret of this machine")
    stored(store, "away/latest", {**WHOLE})
    system = store / "blobs" / f"sha256-{hashlib.sha256(WHOLE['system']).hexdigest()}"
    system.unlink()
    system.symlink_to(secret)
    (store / "blobs" / f"sha256-{hashlib.sha256(WEIGHTS).hexdigest()}").unlink()
    (store / "manifests/registry.ollama.ai/library/away/link").symlink_to(secret)
    (found,) = found_in(store)
    assert "secret" not in str(found)
    assert at(found, "description") == ""
    assert at(found, "parameters") == 3_200_000_000  # as its configuration says
    assert any("is not in the store" in note for note in found.notes)


@pytest.mark.parametrize(
    "broken",
    [
        b"", b"[]", b"{", b'{"layers": 3}', b'{"layers": [{"mediaType": "x", "digest": "sha256:../../etc"}]}',
        b'{"layers": [' + b"[" * 5_000, b"{}" + b" " * 2_000_000, b'{"layers": [{}], "layers": []}',
    ],
    ids=["empty", "list", "cut", "number", "climbs", "deep", "giant", "twice"],
)  # fmt: skip
def test_a_broken_manifest_of_a_store_is_told_in_a_sentence_and_the_others_are_read(
    tmp_path: Path, broken: bytes
) -> None:
    stored(tmp_path, "a/latest", {**WHOLE}).write_bytes(broken)
    stored(tmp_path, "b/latest", {**WHOLE, "model": WEIGHTS[:40], "config": broken[:100]})
    skipped, whole = read_source(tmp_path)
    assert isinstance(skipped, Skipped)
    assert "a/latest" in skipped.sentence
    assert isinstance(whole, Finding)
    assert at(whole, "name") == "b"
    assert any("GGUF header" in note for note in whole.notes)


def test_models_that_run_elsewhere_or_lie_in_tensors_are_drafts_too(tmp_path: Path) -> None:
    """As `ollama pull` leaves `gpt-oss:120b-cloud` and models of safetensors (types/model/config.go)."""
    cloud = {
        "model_family": "gptoss", "model_type": "116.8B", "file_type": "MXFP4", "remote_host": "https://ollama.com:443",
        "remote_model": "gpt-oss:120b", "capabilities": ["completion", "tools"], "context_length": 131072,
    }  # fmt: skip
    stored(tmp_path, "gpt-oss/120b-cloud", {"config": json.dumps(cloud).encode()})
    painter = {"model_format": "safetensors", "capabilities": ["image"]}
    stored(tmp_path, "painter/latest", {"config": json.dumps(painter).encode(), "tensor": bytes(2 * 1024**2)})
    far, near = found_in(tmp_path)
    expected = {"name": "gpt-oss:120b-cloud", "parameters": 116_800_000_000, "context_length": 131_072,
                "model_type": "LLM", "capabilities": ["chat", "tool-use"]}  # fmt: skip
    assert {path: at(far, path) for path in expected} == expected
    assert at(far, "framework") == {"Other": "Ollama"}
    assert any("runs elsewhere, at https://ollama.com:443" in note for note in far.notes)
    assert (at(near, "model_type"), at(near, "framework")) == ("ImageGeneration", {"Other": "safetensors"})
    assert any("one tensor in a blob (1 of them)" in note for note in near.notes)


def test_a_size_that_no_disk_holds_is_none(tmp_path: Path) -> None:
    path = stored(tmp_path, "big/latest", {**WHOLE})
    value = json.loads(path.read_text())
    path.write_text(json.dumps({**value, "layers": [{**layer, "size": 10**400} for layer in value["layers"]]}))
    (found,) = found_in(tmp_path)
    assert at(found, "resource_requirements.min_memory_mb") == 1024
    draft, _ = read_tags({"models": [{**TAGS["models"][0], "size": 10**400}, TAGS["models"][1]]}, "x")
    assert draft.finding().record is not None


def test_a_model_of_a_registry_in_somebodys_own_network_is_told_without_it(tmp_path: Path) -> None:
    stored(tmp_path, "ours/1b", {"model": WEIGHTS}, place="10.0.0.7:5000/lab")
    (found,) = found_in(tmp_path)
    assert isinstance(found.manifest, dict)
    assert found.manifest["repository_url"] == ""


@pytest.mark.parametrize("name", ["a b\x1b[31m", "é/ü", ":latest", "x/../y", "localhost:5000/a/b"])
def test_a_name_that_nothing_is_pulled_by_is_called_no_repository(name: str) -> None:
    draft, _ = read_tags({"models": [TAGS["models"][0] | {"name": name}, TAGS["models"][1]]}, "x")
    found = draft.finding()
    assert not isinstance(found.manifest, dict) or found.manifest["repository_url"] == ""
    assert not any("repository" in note for note in found.notes)
