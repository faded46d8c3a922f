"""What stands behind a record, as rows of label and text: the same words on the command line, in the app and on a
node's pages. Manifests come from strangers: all text is made safe to show, and nothing is fetched by showing it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, TypeAlias

from tui_registry.errors import Json, Record
from tui_registry.present.amounts import parameters
from tui_registry.present.record_rows import Row, variant
from tui_registry.records.schema import MANIFEST_FIELDS, defaults
from tui_registry.text import exact, safe_text, size_bytes

# A digest is told by its beginning where it stands beside other things.
_DIGITS = 12

# A status of the owner's own words is no longer than this beside a name.
_STATUS_WIDTH = 24

# What a status says of a record where there is one; `Active` says nothing.
STATUSES: Final = {"Deprecated": "deprecated", "Withdrawn": "withdrawn"}


def status(manifest: Record) -> str | None:
    """`deprecated`, `withdrawn`, or in the owner's own word; None where the record is to be used. Safe to show."""
    found = variant(manifest["status"])
    return said_status(None if found == "Active" else found)


def said_status(found: str | None) -> str | None:
    """The same of a row of a list, which holds the variant or the owner's word; None for a record to be used."""
    return None if found is None else STATUSES.get(found) or safe_text(found, _STATUS_WIDTH)


def status_line(manifest: Record, kind: str, heir_name: str | None = None) -> str | None:
    """What is to be known before the record is used: `deprecated: use 0.3`; None where there is nothing to say.

    Args:
        kind: `model` or `agent`.
        heir_name: what the record is called that is to be used instead, safe to show; None: its id is told.
    """
    said = status(manifest)
    if said is None:
        return None
    why = safe_text(str(manifest["status_message"])).strip()
    heir = manifest["superseded_by"]
    called = str(heir)[:_DIGITS] if heir_name is None else f"{heir_name} ({str(heir)[:_DIGITS]})"
    instead = f"; its owner names another {kind} instead, {called}" if heir is not None else ""
    return f"{said}{f': {why}' if why else ''}{instead}"


def manifest_rows(manifest: Record) -> list[Row]:
    """Every value that an author fills in, in the order of the manifest; an item of a list has a row of its own, with
    its number in the path: `artifacts[0]`."""
    return [row for name in _SAYS for row in _rows(name, manifest)]


def stated_rows(manifests: Collection[Record]) -> list[list[Row]]:
    """Of each manifest a row for every field of which any of them says more than none does, in the order of the
    manifest."""
    nothing = defaults("manifest")
    named = [name for name in _SAYS if any(manifest[name] != nothing[name] for manifest in manifests)]
    return [[_joined(name, manifest) for name in named] for manifest in manifests]


def changed_manifest_rows(before: Record | None, after: Record | None) -> list[tuple[Row, Row]]:
    """The fields that differ between two versions, each as it was and as it is; none where there is no version."""
    if before is None or after is None:
        return []
    changed = [name for name in _SAYS if before[name] != after[name]]
    return [(_joined(name, before), _joined(name, after)) for name in changed]


def _rows(name: str, manifest: Record) -> Iterator[Row]:
    label, value = _LABELS[name], manifest[name]
    if not isinstance(value, list):
        text = _said(name, value)
        yield Row(name, label, text or "none", bool(text))
    elif not value:
        yield Row(name, label, "none", False)
    elif name in _WORDS:
        yield Row(name, label, ", ".join(_said(name, item) for item in value))
    else:
        for place, item in enumerate(value):
            yield Row(f"{name}[{place}]", label, _said(name, item) or "none")


def _joined(name: str, manifest: Record) -> Row:
    """A field in one row."""
    rows = [*_rows(name, manifest)]
    return Row(name, _LABELS[name], "; ".join(row.text for row in rows), rows[0].stated)


def _said(name: str, value: Json) -> str:
    return "" if value is None else _SAYS[name](value)


# How each is said

_Say: TypeAlias = Callable[[Json], str]


def _text(value: Json) -> str:
    return safe_text(str(value))


def _members(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _artifact(value: Json) -> str:
    said = _members(value)
    size, digest, kept = said["size_bytes"], said["sha256"], said["quantization"]
    parts = [
        _text(said["uri"]),
        size_bytes(size) if isinstance(size, int) else "",
        "" if kept is None else variant(kept),
        _text(said["media_type"]),
        f"SHA-256 {digest}" if digest is not None else "no digest",
    ]
    return ", ".join(part for part in parts if part)


def _interface(value: Json) -> str:
    said = _members(value)
    version = _text(said["version"])
    return f"{variant(said['protocol'])}{f' {version}' if version else ''} at {_text(said['url'])}"


# How a model was made from another, by the name of the relation.
MADE_BY: Final = {
    "Finetune": "fine-tuned from",
    "Adapter": "an adapter of",
    "Merge": "merged from",
    "Quantized": "quantised from",
    "Distilled": "distilled from",
}


def _derivation(value: Json) -> str:
    said = _members(value)
    relation, name, model = variant(said["relation"]), _text(said["name"]), said["model_id"]
    how = MADE_BY.get(relation, f"{relation} of")
    which = " ".join(part for part in (name, f"({model[:_DIGITS]})" if isinstance(model, str) else "") if part)
    digest = f", SHA-256 {said['sha256']}" if said["sha256"] is not None else ""
    return f"{how} {which or 'something without a name'}{digest}"


def _architecture(value: Json) -> str:
    said = _members(value)

    def number(name: str) -> int:
        found = said[name]
        return found if isinstance(found, int) else 0

    heads = f"{exact(number('kv_heads'))} key and value heads of {exact(number('head_dim'))}"
    parts = [f"{exact(number('layers'))} layers", heads if number("kv_heads") else "no key and value heads"]
    if said["experts"] is not None:
        parts.append(f"{exact(number('experts'))} experts")
    if said["active_parameters"] is not None:
        parts.append(f"{parameters(number('active_parameters'))} parameters active")
    if said["kv_token_bytes"] is not None:
        parts.append(f"{exact(number('kv_token_bytes'))} bytes of cache a token")
    if said["kv_constant_bytes"] is not None:
        parts.append(f"{size_bytes(number('kv_constant_bytes'))} of cache besides")
    return ", ".join(parts)


def _evaluation(value: Json) -> str:
    said = _members(value)
    result = " ".join(_text(said[name]) for name in ("benchmark", "metric", "value"))
    return f"{result}, from {_text(said['source'])}" if said["source"] else result


_SAYS: dict[str, _Say] = {
    "status": variant,
    "status_message": _text,
    "superseded_by": _text,
    "artifacts": _artifact,
    "interfaces": _interface,
    "derived_from": _derivation,
    "required_models": _text,
    "architecture": _architecture,
    "evaluations": _evaluation,
    "datasets": _text,
    "languages": _text,
    "repository_url": _text,
    "documentation_url": _text,
}
# Lists of a word or two each, which stand on one line.
_WORDS: Final = ("datasets", "languages")
# What an author fills in, in the order of the manifest.
SAID: Final = tuple(_SAYS)
_LABELS: dict[str, str] = {field.name: field.label for field in MANIFEST_FIELDS}
