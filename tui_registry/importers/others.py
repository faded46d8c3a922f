"""What describes no model or agent that can be read here, by its name in words: a refusal says what was seen.

Nothing is read of it. What is not in these tables is told as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tui_registry.errors import Json, Problem
from tui_registry.frozen import NamedTuple
from tui_registry.importers.draft_writer import shown
from tui_registry.importers.formats import FILES
from tui_registry.importers.front_matter import front_matter

# The code of a problem: the format is known, and is none of ours.
FORMAT = "format"


def refusal(what: str) -> Problem:
    """The problem of a file of another format."""
    near = _NEAREST.get(what, "")
    return Problem("", "error", FORMAT, f"is {what}: no model or agent can be read from it{near and f'; {near}'}")


# What can be read in its place, of what people keep beside their models and agents.
_NEAREST = {
    "a Kitfile": "import the file or folder of the model that it names",
    "an MLflow model": "import the folder of weights in it, such as its model/ or artifacts/",
    "the agents of CrewAI": "export each as an A2A card, or write it as JSON or YAML of ours",
    "the tasks of CrewAI": "export each as an A2A card, or write it as JSON or YAML of ours",
    "a model.yaml of LM Studio": "import the GGUF file or the folder that it names",
    "a Compose file": "import the address of the server that it starts",
    "an OCI manifest": "import the configuration of the ModelPack that it names, or the folder of Ollama's store",
    "an agent skill (SKILL.md)": "import the file of an agent that uses it",
    "a data set card of the Hugging Face Hub": "import the card of a model that was trained on it",
    "the card of a Space on the Hugging Face Hub": "import the model that it shows",
}


def unknown(fields: Mapping[str, Json]) -> Problem:
    """The problem of an object whose fields are not those of a record."""
    named = ", ".join(shown(key, 30) for key in list(fields)[:4])
    more = ", ..." if len(fields) > 4 else ""
    said = f"has the field{'' if len(fields) == 1 else 's'} {named}{more} and so" if fields else "has no fields and"
    sentence = f"{said} describes no model or agent that can be read here: what can be is {FILES}"
    return Problem("", "error", FORMAT, sentence)


# ---- text ------------------------------------------------------------------------------------------------------------


def other_text(text: str, name: str) -> str:
    """What a text is by what it begins with, such as `a data set card`; empty when that is not known."""
    matter = front_matter(text) if text[:4096].lstrip("\ufeff \t\r\n").startswith("---") else None
    if matter is not None and matter.values:
        return _other_card(matter.values, matter.body, name)
    head = text[:4096].lstrip("\ufeff \t\r\n")
    if _DOCKERFILE.match(name) and _FROM.search(head):
        return "a Dockerfile"
    return next((what for begins, what in _BEGINS if begins.match(head)), "")


def other_bytes(head: bytes) -> str:
    """What a binary file is by its first bytes; empty when that is not known."""
    if head[4:8] == b"ftyp":
        return "a film"
    if head[257:262] == b"ustar":
        return "a tar archive"
    return next((what for magic, what in _MAGIC if head.startswith(magic)), "")


_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive (PyTorch and Keras save checkpoints in such)"),
    (b"\x80\x02", "a Python pickle (PyTorch saves checkpoints in such), which is never opened here"),
    (b"\x80\x04", "a Python pickle (PyTorch saves checkpoints in such), which is never opened here"),
    (b"\x80\x05", "a Python pickle (PyTorch saves checkpoints in such), which is never opened here"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x89HDF", "an HDF5 file (Keras saves weights in such)"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"SQLite format 3", "an SQLite database"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"ggml", "a GGML file, the format before GGUF"),
    (b"lmgg", "a GGML file, the format before GGUF"),
    (b"tjgg", "a GGML file, the format before GGUF"),
    (b"\x08\x03\x12", "an ONNX model"),
    (b"\x08\x04\x12", "an ONNX model"),
    (b"\x08\x06\x12", "an ONNX model"),
    (b"\x08\x07\x12", "an ONNX model"),
    (b"\x08\x08\x12", "an ONNX model"),
    (b"\x08\x09\x12", "an ONNX model"),
    (b"\x7fELF", "a program"),
)
_BEGINS = (
    (re.compile(r"<!doctype html|<html", re.IGNORECASE), "a web page"),
    (re.compile(r"<\?xml|<[a-z]+ xmlns", re.IGNORECASE), "XML"),
    (re.compile(r"#!"), "a script"),
)

_DOCKERFILE, _FROM = re.compile(r"(?i)(?:docker|container)file\b"), re.compile(r"(?im)^FROM[ \t]")

_DATA_SET = frozenset(
    {"task_categories", "task_ids", "size_categories", "annotations_creators", "language_creators", "dataset_info",
     "source_datasets", "multilinguality", "paperswithcode_id"}
)  # fmt: skip
_SPACE = frozenset({"app_file", "emoji", "colorFrom", "colorTo", "sdk_version", "app_port", "pinned", "python_version"})
_SKILL = frozenset({"name", "description", "license", "allowed-tools", "metadata", "compatibility", "version", "tags"})
_PAGE = frozenset({"layout", "permalink", "slug", "categories", "date", "draft", "nav_order", "parent", "weight"})
_OF_MODELS = frozenset(
    {"pipeline_tag", "library_name", "base_model", "model-index", "model_name", "inference", "quantized_by",
     "model_creator", "license_name", "co2_eq_emissions", "new_version", "widget"}
)  # fmt: skip


def _other_card(values: Mapping[str, Json], body: str, name: str) -> str:
    keys = values.keys()
    if values.get("kind") in ("model", "agent"):
        return ""
    if ("sdk" in keys and not _SPACE.isdisjoint(keys)) or len(_SPACE & keys) >= 3:
        return "the card of a Space on the Hugging Face Hub"
    if not _OF_MODELS.isdisjoint(keys):
        return ""
    if not _DATA_SET.isdisjoint(keys) or _DATA_SET_TITLE.search(body[:4096]):
        return "a data set card of the Hugging Face Hub"
    named = {"name", "description"} <= keys
    if name.upper() == "SKILL.MD" or (named and "allowed-tools" in keys):
        return "an agent skill (SKILL.md)"
    if named and keys <= _SKILL:
        return "an agent skill (SKILL.md)"
    if "globs" in keys or "alwaysApply" in keys or "applyTo" in keys:
        return "a rule for a coding agent"
    if not _PAGE.isdisjoint(keys):
        return "a page of a web site"
    return ""


_DATA_SET_TITLE = re.compile(r"^#[ \t]+data ?set card\b", re.IGNORECASE | re.MULTILINE)


# ---- JSON and YAML ---------------------------------------------------------------------------------------------------


class _Known(NamedTuple):
    """A document with all of `keys`, and one of `any_of` when there are some."""

    what: str
    keys: frozenset[str]
    any_of: frozenset[str] = frozenset()


def _known(what: str, keys: str, any_of: str = "") -> _Known:
    return _Known(what, frozenset(keys.split()), frozenset(any_of.split()))


_DOCUMENTS = (
    _known("a Kitfile", "manifestVersion", "package model datasets code docs prompts"),
    _known("a Helm chart", "apiVersion name version", "appVersion dependencies type"),
    _known("a Kubernetes manifest", "apiVersion kind"),
    _known("a Compose file", "services", "version networks volumes name"),
    _known("a workflow of GitHub Actions", "jobs", "on true name"),
    _known("a workflow of GitHub Actions", "runs", "inputs outputs branding"),
    _known("an OpenAPI description", "openapi"),
    _known("an OpenAPI description", "swagger"),
    _known("an MLflow model", "flavors"),
    _known("a model.yaml of LM Studio", "model base", "metadataOverrides config"),
    _known("a CycloneDX bill of materials", "bomFormat"),
    _known("an SPDX document", "spdxVersion"),
    _known("a Jupyter notebook", "nbformat cells"),
    _known("a tokenizer", "model added_tokens"),
    _known("the configuration of a tokenizer", "tokenizer_class"),
    _known("settings of MCP clients", "mcpServers"),
    _known("an npm package", "name version", "dependencies devDependencies scripts main lockfileVersion"),
    _known("settings of the TypeScript compiler", "compilerOptions"),
    _known("an OCI manifest", "schemaVersion", "config layers manifests"),
    _known("a component of AutoGen", "provider component_type"),
    _known("a plug-in of ChatGPT", "name_for_model"),
    _known("a conda environment", "dependencies channels"),
    _known("a DVC file", "outs"),
    _known("a Croissant description of a data set", "@context @type", "recordSet distribution"),
    _known("JSON-LD", "@context @type"),
    _known("a JSON Schema", "$schema properties"),
    _known("a JSON Schema", "$schema $defs"),
    _known("settings of MkDocs", "site_name"),
    _known("settings of pre-commit", "repos"),
    _known("a citation file", "cff-version"),
    _known("GeoJSON", "type features"),
    _known("an index of weights without the weights", "weight_map"),
)


# Each entry of which has these members.
_CREWS = (
    ("the agents of CrewAI", frozenset(("role", "goal", "backstory"))),
    ("the tasks of CrewAI", frozenset(("description", "expected_output"))),
)


def other_document(value: Json) -> str:
    """What a document is by its keys, such as `a Kitfile`; empty when that is not known."""
    if not isinstance(value, dict) or value.get("kind") in ("model", "agent"):
        return ""
    keys = value.keys()
    for what, members in _CREWS:
        if value and all(isinstance(one, dict) and members <= one.keys() for one in value.values()):
            return what
    fitting = (one for one in _DOCUMENTS if one.keys <= keys and (not one.any_of or not one.any_of.isdisjoint(keys)))
    return next((one.what for one in fitting), "")


def other_unreadable(text: str) -> str:
    """What a text is that holds no document that can be read; empty when that is not known."""
    head = text[:65536]
    if _MANIFEST.search(head) and re.search(r"(?m)^kind:", head):
        return "a Kubernetes manifest"
    if "{{" in head and "}}" in head:
        return "a template"
    if text.lstrip().startswith(("{", "[")) and re.search(r"(?m)^\s*//|,\s*[}\]]", head):
        return "JSON with comments or trailing commas"
    if not text.lstrip().startswith(("{", "[")) and re.search(r"(?m)^---[ \t]*$", head.lstrip()[3:]):
        return "YAML of several documents"
    return ""


_MANIFEST = re.compile(r"(?m)^apiVersion:")
_OURS = re.compile(r"(?m)^[ \t{\[-]*[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?(?:model|agent)\b")


def says_ours(text: str) -> bool:
    """Whether a text that cannot be read says of itself that it is a record."""
    return _OURS.search(text[:65536]) is not None
