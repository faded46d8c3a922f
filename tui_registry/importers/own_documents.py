"""Our own descriptions: an object of fields as people write it, or a line of our export -> the draft of a record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TypeGuard

from tui_registry import formfile
from tui_registry.errors import ABSENT, KINDS, GivenManifest, InvalidRecord, Json, Kind, Problem, Record
from tui_registry.importers.others import FORMAT, unknown
from tui_registry.present.imports import LICENCE_ASSUMED, Finding
from tui_registry.records.as_written import beside, read_manifest_as_far_as_it_goes, read_record, revision_beside
from tui_registry.records.documents import DocumentError, load_document
from tui_registry.records.schema import FIELDS, ID_FIELD
from tui_registry.text import exact, safe_text


def read_text(text: str, source: str, kind: Kind | None = None) -> list[Finding]:
    """The descriptions in the text of one file: an object is one, a list is many. Nothing is raised."""
    try:
        document = load_document(text, source)
    except DocumentError as error:
        # The place is part of the sentence, and the source leads every line that is shown.
        sentence = error.sentence.removeprefix(safe_text(source, 200)).removeprefix(", ").removeprefix(": ")
        return [Finding(source, kind, None, (_fault("document", sentence),))]
    return read_drafts(document, source, kind)


def read_drafts(document: Json, source: str, kind: Kind | None) -> list[Finding]:
    """The drafts that a document means: one, or those of a list. Nothing is raised."""
    if isinstance(document, list):
        if len(document) > 1 and not any(_may_be_ours(item) for item in document):
            return [Finding(source, kind, None, (_not_ours(document),))]
        return [read_draft(item, f"{source}[{index}]", kind) for index, item in enumerate(document)]
    return [read_draft(document, source, kind)]


def read_draft(
    document: Json,
    source: str,
    kind: Kind | None = None,
    *,
    base: Record | None = None,
    base_manifest: Record | None = None,
) -> Finding:
    """The draft that a document means. Nothing is raised.

    Args:
        document: an object of fields, with or without `kind`, or `{"kind": ..., "record": {...}}` as we export it;
            `manifest` stands among the fields, or beside the record.
        kind: what it must be; None to find out from the document.
        base: the record whose values stay where the document has none; without it the defaults do.
        base_manifest: the same of its manifest.
    """
    if not isinstance(document, dict):
        return Finding(source, kind, None, (_fault("type", f"holds {_what(document)}, not an object of fields"),))
    told, fields, outside = _split(document)
    if kind is not None and told is not None and told != kind:
        return Finding(source, told, None).wanted_as(kind)
    kind = kind or told or kind_of(fields)
    if kind is None:
        if not _may_be_ours(document):
            return Finding(source, None, None, (unknown(fields),))
        sentence = "does not say whether it is a model or an agent: add kind: model or kind: agent"
        return Finding(source, None, None, (_fault("kind", sentence, "kind"),))
    manifest, manifest_stated, unread = _manifest(document, fields, base_manifest)
    fields, form, notes = _with_plain_template({name: fields[name] for name in fields if name != _MANIFEST})
    try:
        record = read_record(kind, fields, base=base)
    except InvalidRecord as error:
        return Finding(source, kind, None, (*error.problems, *unread))
    if unread:
        return Finding(source, kind, None, tuple(unread))
    faults = [] if _is_id(record[ID_FIELD[kind]]) else [_fault("id", _NO_ID, ID_FIELD[kind])]
    shown_id, heads, revision, wrong = _guard(outside)
    if faults or wrong:
        return Finding(source, kind, None, (*faults, *wrong))
    if base is None and "license" not in fields:
        notes = (*notes, LICENCE_ASSUMED)
    origins = {_TEMPLATE: f"formfile_template, given in its {form} form"} if form else {}
    return Finding(
        source,
        kind,
        record,
        id=shown_id,
        heads=heads,
        revision=revision,
        origins=origins,
        notes=notes,
        stated=_written(fields),
        manifest=manifest,
        manifest_stated=manifest_stated,
    )


def kind_of(fields: Mapping[str, Json]) -> Kind | None:
    """The kind by the names of the fields, None when they fit both or neither."""
    fitting: list[Kind] = [kind for kind in KINDS if any(name in _ONLY[kind] for name in fields)]
    return fitting[0] if len(fitting) == 1 else None


# ---- lines of our exports ------------------------------------------------------------------------------------------


def is_export(value: Json) -> bool:
    """Whether a value is a line that `export` wrote."""
    return isinstance(value, dict) and isinstance(value.get("record"), dict) and "kind" in value


def is_operation(value: Json) -> bool:
    """Whether a value is a signed operation, as `export --ops` writes them one a line."""
    if not isinstance(value, dict):
        return False
    inner = next((value[name] for name in ("Model", "Agent", "Manifest") if name in value), None)
    return len(value) == 1 and isinstance(inner, dict) and ("Up" in inner or "Rm" in inner)


def is_ours(value: Json) -> bool:
    """Whether a value is an export, an operation or a record whose kind is clear."""
    if is_export(value) or is_operation(value):
        return True
    return isinstance(value, dict) and (value.get("kind") in ("model", "agent") or kind_of(value) is not None)


# ---- how -----------------------------------------------------------------------------------------------------------

_NAMES = {kind: {field.name for field in FIELDS[kind]} for kind in KINDS}
# The fields that only one kind has.
_ONLY: dict[Kind, set[str]] = {
    "model": _NAMES["model"] - _NAMES["agent"],
    "agent": _NAMES["agent"] - _NAMES["model"],
}


def _split(document: dict[str, Json]) -> tuple[Kind | None, dict[str, Json], dict[str, Json]]:
    """The kind that the document names, its fields, and what one of our exports says beside them."""
    told: Kind | None = next((kind for kind in KINDS if document.get("kind") == kind), None)
    inner = document.get("record")
    if told is not None and isinstance(inner, dict):
        return told, inner, document
    if told is not None:
        return told, {name: value for name, value in document.items() if name != "kind"}, {}
    # What a node answers has them beside the fields.
    return None, document, document if revision_beside(document) is not None else {}


_MANIFEST = "manifest"


def _manifest(
    document: Mapping[str, Json], fields: Mapping[str, Json], base: Record | None
) -> tuple[GivenManifest, frozenset[str], list[Problem]]:
    """What is to stand behind the record, which fields of it are written, and what could not be read of it. It stands
    among the fields, or beside the record of an export."""
    where = fields if _MANIFEST in fields else document
    if _MANIFEST not in where:
        return ABSENT, frozenset(), []
    said = where[_MANIFEST]
    # YAML's nothing is text here.
    if said is None or (isinstance(said, str) and said.strip().lower() in ("", "~", "null")):
        return None, frozenset(), []
    manifest, problems = read_manifest_as_far_as_it_goes(said, base=base)
    inner = said.get(_MANIFEST) if isinstance(said, dict) else None
    written = inner if isinstance(inner, dict) else said if isinstance(said, dict) else {}
    return manifest, frozenset(written), [problem._replace(path=beside(problem.path)) for problem in problems]


def _written(fields: Mapping[str, Json]) -> frozenset[str]:
    """The paths of the fields that a description writes; a variant of the author's own is an object too."""
    within = (f"{name}.{inner}" for name, value in fields.items() if isinstance(value, dict) for inner in value)
    return frozenset((*fields, *within))


_TEMPLATE = "formfile_template"


def _with_plain_template(fields: dict[str, Json]) -> tuple[dict[str, Json], str, tuple[str, ...]]:
    """The fields with the Formfile as text, the form it came in when it was another one, and what that lost."""
    template = fields.get(_TEMPLATE)
    if isinstance(template, dict | list) and template:
        template = json.dumps(template)
    if not isinstance(template, str) or not template.strip():
        return fields, "", ()
    found = formfile.recognise(template)
    if found.form == "plain":
        return fields, "", ()
    return {**fields, _TEMPLATE: found.text}, {"base64": "base64", "json": "JSON"}[found.form], found.notes


def _may_be_ours(value: Json) -> bool:
    """Whether a value may be a record that only does not say of which kind it is: all its fields are those of one."""
    if not isinstance(value, dict):
        return False
    if is_ours(value) or revision_beside(value) is not None:
        return True
    return bool(value) and any(value.keys() - {_MANIFEST} <= names for names in _NAMES.values())


def _not_ours(items: list[Json]) -> Problem:
    first = next((item for item in items if isinstance(item, dict)), None)
    if first is None:
        return Problem("", "error", FORMAT, f"is a list of {exact(len(items))} values, none of them a record")
    said = unknown(first).sentence
    return Problem("", "error", FORMAT, f"is a list of {exact(len(items))}, none of them a record: the first {said}")


_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)  # of records and of ops
_NO_ID = "is not an id of 64 lower-case hex digits: leave it out, and the record gets its own"
_NO_HEADS = "must be the list of 64-digit hashes that 'show --json' gave"


def _guard(beside: Mapping[str, Json]) -> tuple[str | None, tuple[str, ...], str | None, list[Problem]]:
    """The id, the heads and the revision beside the record. Damaged ones are problems, not taken for missing: else the
    edit would go on top of changes, or into a record, that its editor was not shown."""
    faults = []
    identifier, heads, revision = beside.get("id"), beside.get("heads"), beside.get("revision")
    if identifier is not None and not _is_id(identifier):  # null: a line of `import --json` that is not signed yet
        faults.append(_fault("id", "is not an id of 64 lower-case hex digits", "id"))
    found = tuple(head for head in heads if _is_id(head)) if isinstance(heads, list) else ()
    if "heads" in beside and not (isinstance(heads, list) and len(found) == len(heads) > 0):
        faults.append(_fault("heads", _NO_HEADS, "heads"))
    if "revision" in beside and not _is_id(revision):
        faults.append(_fault("revision", "must be the 64 hex digits that 'show --json' gave", "revision"))
    return (identifier if _is_id(identifier) else None), found, (revision if _is_id(revision) else None), faults


def _is_id(value: Json) -> TypeGuard[str]:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _fault(code: str, sentence: str, path: str = "") -> Problem:
    return Problem(path, "error", code, sentence)


def _what(value: Json) -> str:
    match value:
        case None:
            return "nothing"
        case bool() | int() | float():
            return "a number" if not isinstance(value, bool) else "true or false"
        case str():
            # Not `text`: YAML's `null` and `7` are text here as well.
            return "a single value"
        case _:
            return "a list"
