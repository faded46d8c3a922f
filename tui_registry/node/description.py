"""What the node says about itself: the types of what it takes and answers, made from the records' own table, from which
FastAPI describes its routes; and the page about them, one HTML file that is made here and loads nothing from anywhere.

Imported by whoever asks for one of both first: FastAPI serves no route, and to import it and to make the types takes
longer than all that a node needs to start. No type here is ever asked to read a body: bodies are read by our own rules,
which say what is wrong in our own words.
"""

from __future__ import annotations

import json
import re
import types as python_types
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from html import escape
from shlex import quote
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, FastAPI, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, conint, constr
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaMode, models_json_schema

import tui_registry
from tui_registry.datastore import revision_of
from tui_registry.errors import KINDS, Json, Kind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.node.limits import (
    KEY_PATTERN,
    MAX_LINKED,
    MAX_NAMES,
    MAX_PAGE,
    MAX_QUESTION_TEXT,
    MAX_SORT,
    MAX_VERSIONS,
    PAGE,
)
from tui_registry.node.log_description import SYNC_PATHS, SYNC_SCHEMAS, TONGUE_PATHS
from tui_registry.node.page_frame import page
from tui_registry.node.responses import MEDIA_TYPE, status_of
from tui_registry.node.routes import (
    EVENTS,
    LEFT_OUT_HEADER,
    MCP_LIMIT,
    MCP_PAGE,
    MCP_SERVERS,
    MERGE_PATCH,
    RECORD_ROUTES,
)
from tui_registry.present.pages import PAGES
from tui_registry.query import GRAMMAR, spellings
from tui_registry.records import schema, types
from tui_registry.records.as_written import BESIDE, read_manifest
from tui_registry.records.wire import derive_id, derive_manifest_id
from tui_registry.tongues.mcp_registry import State, answer, listing, server, server_name

_JSON = "application/json"
_REF = "#/components/schemas/{model}"
# As the annotation of a field has them.
_Type: TypeAlias = type[object] | python_types.UnionType | python_types.GenericAlias
_Fields: TypeAlias = Mapping[str, tuple[_Type, object]]

# Records, as the table of their fields has them


class _Answer(BaseModel):
    """What is answered may have more members in a later version."""

    model_config = ConfigDict(protected_namespaces=())


class _Sent(BaseModel):
    """What is sent is refused with members that there are not."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Other(_Answer):
    """What has no name in an enum."""

    Other: str = Field(min_length=schema.OTHER_TEXT.least, max_length=schema.OTHER_TEXT.most)


class OtherInput(_Sent):
    """What has no name in an enum."""

    Other: str = Field(min_length=schema.OTHER_TEXT.least, max_length=schema.OTHER_TEXT.most)


def _without_default(shape: JsonDict) -> None:
    shape.pop("default", None)


class FieldProblem(_Answer):
    """What is wrong with one field or member."""

    path: str = Field(description="of the field; empty for the body as a whole")
    severity: Literal["error", "warning"]
    code: str = Field(description="for programs: see Error codes on the protocol page")
    sentence: str = Field(description="for people: what would be right")
    instead: list[str | int | None] = Field(
        [],
        description="values of which each would be right there, null for nothing",
        json_schema_extra=_without_default,
    )


class OperationDeed(StrEnum):
    """What an operation did to its record; `settled`: it made several live versions one."""

    REGISTERED = "registered"
    EDITED = "edited"
    SETTLED = "settled"
    DELETED = "deleted"
    BROUGHT_BACK = "brought back"


_ENUMS: dict[tuple[str, ...], type[StrEnum]] = {
    tuple(member.value for member in enum): enum
    for enum in (
        types.ModelType,
        types.ModelFramework,
        types.QuantizationType,
        types.AgentType,
        types.AgentFramework,
        types.ManifestStatus,
        types.InterfaceProtocol,
        types.Relation,
        types.SubjectKind,
    )
}
_HASH = constr(pattern="^[0-9a-f]{64}$")
_KIND_NAME: dict[Kind, str] = {"model": "Model", "agent": "Agent"}
_PASSED_OVER = sorted(BESIDE - {"revision"})


def _made(name: str, base: type[BaseModel], what: str, fields: _Fields) -> type[BaseModel]:
    """A class of those fields: each with its type, and what pydantic's `Field` gives for it."""

    def body(namespace: dict[str, object]) -> None:
        namespace["__module__"] = __name__
        namespace["__doc__"] = what
        namespace["__annotations__"] = {field: of for field, (of, _) in fields.items()}
        namespace.update({field: more for field, (_, more) in fields.items()})

    made = python_types.new_class(name, (base,), {}, body)
    assert issubclass(made, BaseModel)
    return made


class _Spelling(NamedTuple):
    """How a field may stand in a body.

    Attributes:
        most: of a list, how long it may be.
    """

    of: _Type
    most: int | None = None


def _answered(of: schema.FieldType, needs: type[BaseModel]) -> _Spelling:
    """As it is answered."""
    match of:
        case schema.Text():
            if of.hex_digits:
                return _Spelling(constr(pattern=f"^[0-9a-f]{{{of.hex_digits}}}$"))
            if of.form is not None:
                form = f"^(?:{of.form.pattern}){'' if of.least else '?'}$"
                return _Spelling(constr(min_length=of.least, max_length=of.most, pattern=form))
            return _Spelling(constr(min_length=of.least, max_length=of.most))
        case schema.Integer():
            return _Spelling(conint(ge=of.least, le=of.most))
        case schema.Flag():
            return _Spelling(bool)
        case schema.Variant():
            return _Spelling(_ENUMS[of.names] | Other if of.has_other else _ENUMS[of.names])
        case schema.Optional():
            return _Spelling(_answered(of.of, needs).of | None)
        case schema.Many():
            return _Spelling(_list_of(_answered(of.of, needs).of), of.most)
        case schema.Struct():
            return _Spelling(_ANSWERED_STRUCTS.get(of, needs))


def _sent(of: schema.FieldType, needs: type[BaseModel]) -> _Spelling:
    """As it may be sent: numbers in people's units, names in any case (`records.as_written`)."""
    match of:
        case schema.Text():
            if of == _OWNER:
                return _Spelling(constr(pattern=f"^([0-9a-f]{{40}}|{schema.NULL_HASH})$"))
            return _answered(of, needs)
        case schema.Integer():
            return _Spelling(conint(ge=of.least, le=of.most) | str)
        case schema.Flag():
            return _Spelling(bool | str)
        case schema.Variant():
            return _Spelling(_ENUMS[of.names] | OtherInput | str if of.has_other else _ENUMS[of.names] | str)
        case schema.Optional():
            return _Spelling(_sent(of.of, needs).of | None)
        case schema.Many():
            return _Spelling(_list_of(_sent(of.of, needs).of), of.most)
        case schema.Struct():
            return _Spelling(_SENT_STRUCTS.get(of, needs))


def _list_of(of: _Type) -> _Type:
    return python_types.GenericAlias(list, (of,))


_OWNER = schema.Text(40, hex_digits=40)
# The structs of a manifest, each with its type; a record has one alone, which is named where it is asked for.
_ANSWERED_STRUCTS: dict[schema.Struct, type[BaseModel]] = {}
_SENT_STRUCTS: dict[schema.Struct, type[BaseModel]] = {}
_UNITS: dict[schema.Unit, str] = {"mb": "MB", "gb": "GB", "tokens": "tokens", "time": "Unix seconds"}


def _answered_fields(fields: tuple[schema.Field, ...], needs: type[BaseModel]) -> _Fields:
    spelt = [(field, _answered(field.type, needs)) for field in fields]
    return {
        field.name: (of, Field(title=field.label, description=_about(field), max_length=most))
        for field, (of, most) in spelt
    }


def _sent_fields(fields: tuple[schema.Field, ...], needs: type[BaseModel]) -> _Fields:
    spelt = [(field, _sent(field.type, needs)) for field in fields]
    return {
        field.name: (of, Field(_default(field), title=field.label, description=_about(field), max_length=most))
        for field, (of, most) in spelt
    }


def _patched_fields(fields: tuple[schema.Field, ...], needs: type[BaseModel]) -> _Fields:
    """All may be left out, and those be null that a record may be registered without."""
    spelt = [(field, _sent(field.type, needs)) for field in fields]
    return {
        field.name: (
            of if _default(field) is ... else of | None,
            Field(
                None,
                title=field.label,
                description=_about(field),
                max_length=most,
                json_schema_extra=_without_default,
            ),
        )
        for field, (of, most) in spelt
    }


def _about(field: schema.Field) -> str | None:
    return "; ".join(filter(None, (field.about, _UNITS.get(field.unit)))) or None


def _default(field: schema.Field) -> object:
    """What stands for a field that is left out; nothing does for one that a record must have, such as its name."""
    of = field.type
    is_missing = isinstance(of, schema.Text) and isinstance(field.default, str) and len(field.default) < of.least
    return ... if is_missing else field.default


def _left_out(what: str, most: int | None = None) -> object:
    """Of a field that need not be there, and stands for nothing then."""
    return Field(None, description=what, json_schema_extra=_without_default, max_length=most)


# What stands behind a record

_STRUCTS = {
    "artifacts": ("Artifact", "A file of a record."),
    "interfaces": ("Interface", "Where a record answers."),
    "derived_from": ("Derivation", "What a model was made from."),
    "architecture": ("Architecture", "What decides how much memory a context takes."),
    "evaluations": ("Evaluation", "A result that was measured."),
}
for _field in schema.MANIFEST_FIELDS:
    _struct = _field.type.of if isinstance(_field.type, schema.Many | schema.Optional) else _field.type
    if isinstance(_struct, schema.Struct):
        _called, _what = _STRUCTS[_field.name]
        _ANSWERED_STRUCTS[_struct] = _made(_called, _Answer, _what, _answered_fields(_struct.fields, _Answer))
        _SENT_STRUCTS[_struct] = _made(f"{_called}Input", _Sent, _what, _sent_fields(_struct.fields, _Sent))

_SET_BY_THE_NODE = (
    "manifest_id", "owner_id", "subject_id", "subject_kind", "subject_name", "created_at", "updated_at",
)  # fmt: skip
_AUTHORS = tuple(field for field in schema.MANIFEST_FIELDS if field.name not in _SET_BY_THE_NODE)
_OWN = {field.name: field.type for field in schema.MANIFEST_FIELDS if field.name in _SET_BY_THE_NODE}
Manifest = _made(
    "Manifest",
    _Answer,
    "What stands behind a record: where its bytes are, what it was made from, whether it is still to be used.",
    _answered_fields(schema.MANIFEST_FIELDS, _Answer),
)
_MANIFEST_STATE: _Fields = {
    "revision": (_HASH, Field(description="stands for the heads of the manifest")),
    "conflict": (bool, Field(description="whether several versions are live")),
    "heads": (_list_of(_HASH), Field(description="the hashes of the operations that stand, ascending")),
}
_ManifestVersion = _made(
    "ManifestVersion",
    _Answer,
    "A live version of a manifest.",
    {
        "hash": (_HASH, Field(description="of its operation")),
        "updated_at": (int, Field(description="Unix seconds")),
        "arrived_at": (int | None, Field(description="Unix seconds: when it came to this node")),
        "manifest": (Manifest, Field()),
    },
)
ShownManifest = _made(
    "ShownManifest",
    Manifest,
    "A manifest as it is now.",
    {
        **_MANIFEST_STATE,
        "versions": (
            _list_of(_ManifestVersion),
            _left_out("in a conflict: the live ones, the shown one first", MAX_VERSIONS),
        ),
    },
)
_MANIFEST_BESIDE: _Fields = {
    "revision": (_HASH, _left_out("of the state that was read: refused where the present one is another")),
    **{told: (object, _left_out("as it was answered beside `revision`: passed over")) for told in _PASSED_OVER},
}
_SET_THERE: _Fields = {name: (_answered(of, _Answer).of, _left_out("set by the node")) for name, of in _OWN.items()}
ManifestInput = _made(
    "ManifestInput",
    _Sent,
    "What is to stand behind a record, spelt as freely as a record. What was answered may be sent back.",
    {**_sent_fields(_AUTHORS, _Sent), **_SET_THERE, **_MANIFEST_BESIDE},
)
ManifestPatch = _made(
    "ManifestPatch",
    _Sent,
    "What shall be another way in a manifest (RFC 7396): what is left out stays, null takes a value away, a list takes "
    "the place of the former one.",
    {**_patched_fields(_AUTHORS, _Sent), **_SET_THERE, **_MANIFEST_BESIDE},
)
ManifestResolution = _made(
    "ManifestResolution",
    _Sent,
    "How a conflict is settled, and the state that this was decided by: `heads` or `revision` must be there.",
    {
        "manifest": (ManifestInput | None, Field(description="as it shall be, null to delete all versions")),
        "heads": (_list_of(_HASH) | None, Field(None, min_length=1, description="as they were answered")),
        "revision": (_HASH | None, Field(None, description="in place of `heads`")),
    },
)
_BEHIND_IT = "what stands behind it; null for nothing"


_OPERATION: _Fields = {
    "hash": (_HASH, Field(description="of the operation")),
    "deed": (OperationDeed, Field(description="what it did")),
    "updated_at": (int, Field(description="Unix seconds, as its author says")),
    "arrived_at": (int | None, Field(description="Unix seconds: when it came to this node")),
    "children": (_list_of(_HASH), Field(description="the operations that it builds upon")),
    "is_head": (bool, Field(description="whether none builds upon it")),
    "is_shown": (bool, Field(description="whether it is what is shown now")),
    "changed": (_list_of(str), Field(description="the paths of the fields that it changed")),
}


class _Kind(NamedTuple):
    """The types of one kind: of a record as it is answered in a list and by itself, and as it is sent."""

    page: type[BaseModel]
    shown: type[BaseModel]
    in_part: type[BaseModel]
    sent: type[BaseModel]
    patch: type[BaseModel]
    settling: type[BaseModel]
    validation: type[BaseModel]
    history: type[BaseModel]
    versions: type[BaseModel]
    example: Record


_LINK_COUNTS = _made(
    "LinkCounts",
    _Answer,
    "Whose records name one, by one sort of link; 1,001 means more than a thousand.",
    {name: (int, Field()) for name in ("own", "named", "strangers")},
)
LinksCounted = _made(
    "LinksCounted",
    _Answer,
    "Whose records name one.",
    {sort: (_LINK_COUNTS, Field()) for sort in ("needs", "prefers", "derived")},
)
_LinkNode = _made(
    "LinkNode",
    _Answer,
    "A record that links lead to. What is null is not known, of a record that is not here most of it.",
    {
        "id": (_HASH | None, Field()),
        "name": (str, Field()),
        "kind": (str | None, Field()),
        "presence": (str, Field(description="live, deleted or unknown at this node")),
        "version": (str | None, Field()),
        "license": (str | None, Field()),
        "status": (str | None, Field()),
        "owner": (str | None, Field()),
        "whose": (str | None, Field(description="own: of the node's key")),
        "parent": (int | None, Field(description="the place of the record that it was come from; null for the first")),
        "steps": (int, Field(description="how many links away the first one is")),
        "link": (str | None, Field(description="needs, prefers or derived")),
        "relation": (str | None, Field(description="how it was derived")),
        "again": (bool, Field(description="it stands at another place too, where what goes on from it is")),
    },
)
_LinkClash = _made(
    "LinkClash",
    _Answer,
    "Two licences that do not go together, as far as that is known.",
    {
        "id": (_HASH, Field()),
        "license": (str, Field()),
        "base": (_HASH, Field(description="what it was made from")),
        "base_license": (str, Field()),
        "why": (str, Field()),
    },
)
_WALK: _Fields = {
    "kind": (str, Field()),
    "id": (_HASH, Field()),
    "nodes": (_list_of(_LinkNode), Field(description="the record first, then level by level", max_length=MAX_LINKED)),
    "deeper": (bool, Field(description="it was cut where more links go on")),
    "more": (bool, Field(description="it was cut as there are too many records")),
    "partial": (bool, Field(description="links of older records are still being gathered")),
    "clashes": (_list_of(_LinkClash), Field()),
}
Lineage = _made("Lineage", _Answer, "What a record needs, prefers and was made from, and what that stands on.", _WALK)
Dependants = _made(
    "Dependants",
    _Answer,
    "What needs a record, prefers it or was made from it, and what stands on that.",
    {**_WALK, "counts": (LinksCounted, Field(description="who names the record itself"))},
)


def _kind(kind: Kind) -> _Kind:
    name, fields = _KIND_NAME[kind], schema.FIELDS[kind]
    needs_of = next(field.type.fields for field in fields if isinstance(field.type, schema.Struct))
    needs = _made(
        f"{name}ResourceRequirements", _Answer, f"What {_a(kind)} needs.", _answered_fields(needs_of, _Answer)
    )
    record = _made(f"AI{name}", _Answer, f"A version of {_a(kind)}.", _answered_fields(fields, needs))
    state: _Fields = {
        "revision": (_HASH, Field(description="stands for the heads: SHA3-256 of their hashes, sorted and joined")),
        "conflict": (bool, Field(description="whether several versions are live")),
        "heads": (_list_of(_HASH), Field(description="the hashes of the operations that stand, ascending")),
        "status": (
            str,
            _left_out("what its manifest says of it: Deprecated, Withdrawn or a word of its owner's", 64),
        ),
    }
    listed = _made(f"Listed{name}", record, f"{_a(kind).capitalize()} as lists have it.", state)
    version = _made(
        f"{name}Version",
        _Answer,
        f"A live version of {_a(kind)}.",
        {
            "hash": (_HASH, Field(description="of its operation")),
            "updated_at": (int, Field(description="Unix seconds")),
            "arrived_at": (int | None, Field(description="Unix seconds: when it came to this node")),
            "record": (record, Field()),
        },
    )
    conflict: _Fields = {
        "differing": (_list_of(str), _left_out("in a conflict: the paths of the fields that are not equal")),
        "versions": (
            _list_of(version),
            _left_out("in a conflict: the live ones, the shown one first", MAX_VERSIONS),
        ),
        "ancestor": (version | None, _left_out("in a conflict: the nearest that all versions come from, if known")),
        "mergeable": (bool, _left_out("whether `ancestor` is what to merge the versions from")),
        "more_versions": (int, _left_out("how many live versions are not told")),
    }
    versions = _made(
        f"{name}Versions",
        _Answer,
        f"The live versions of {_a(kind)}, and what they come from.",
        {
            **state,
            "differing": (_list_of(str), Field(description="the paths of the fields that are not equal")),
            "versions": (
                _list_of(version),
                Field(description="the shown one first", max_length=MAX_VERSIONS),
            ),
            "ancestor": (version | None, Field(description="the nearest that all versions come from, if known")),
            "mergeable": (bool, Field(description="whether that is what to merge the versions from")),
            "more_versions": conflict["more_versions"],
        },
    )
    operation = _made(
        f"{name}Operation",
        _Answer,
        f"What was done to {_a(kind)}.",
        {
            **_OPERATION,
            "record": (record | None, Field(description="as it was written; null where it was deleted")),
        },
    )
    history = _made(
        f"{name}History",
        _Answer,
        f"What was done to {_a(kind)}, the last that came to this node first.",
        _page_of(operation),
    )
    behind: _Fields = {"manifest": (Manifest | None, _left_out(f"where it was asked for: {_BEHIND_IT}"))}
    shown = _made(f"Shown{name}", listed, f"{_a(kind).capitalize()} as it is now.", {**conflict, **behind})
    in_part = _made(
        f"Partial{name}",
        _Answer,
        f"{_a(kind).capitalize()} of which some fields were asked for.",
        {
            schema.ID_FIELD[kind]: (_HASH, Field()),
            **state,
            **{field.name: (_answered(field.type, needs).of, _left_out(field.label)) for field in fields[1:]},
            **behind,
        },
    )
    page = _made(
        f"{name}Page",
        _Answer,
        f"{name}s that match, in order.",
        {
            **_page_of(listed | in_part),
            "total": (int, _left_out("where `total` was asked for: how many match")),
            "total_is_exact": (bool, _left_out("where `total` was asked for: whether not more than so many match")),
            "did_you_mean": (str, _left_out("where nothing was found: a query that finds something")),
            "near": (_list_of(str), _left_out("where nothing was found: the nearest names that there are")),
        },
    )
    needs_sent = _made(f"{name}RequirementsInput", _Sent, f"What {_a(kind)} needs.", _sent_fields(needs_of, _Sent))
    beside: _Fields = {
        "revision": (_HASH, _left_out("of the state that was read: PUT refuses where the present one is another")),
        **{told: (object, _left_out("as it was answered beside `revision`: passed over")) for told in _PASSED_OVER},
    }
    sent = _made(
        f"{name}Input",
        _Sent,
        f"{_a(kind).capitalize()} to be signed. Numbers may be text in people's units (`7b`, `32k`, `16GB`), names of "
        "enums be in any case. Owner and times are set by the node; what was answered may be sent back.",
        {
            **_sent_fields(fields, needs_sent),
            "manifest": (ManifestInput | None, _left_out(f"{_BEHIND_IT}; left out, what stands there stays")),
            **beside,
        },
    )
    patch = _made(
        f"{name}Patch",
        _Sent,
        f"What shall be another way in {_a(kind)} (RFC 7396): what is left out stays, null takes a value away, a list "
        "takes the place of the former one. Spelt as for PUT.",
        {
            **_patched_fields(
                fields,
                _made(
                    f"{name}RequirementsPatch", _Sent, "What shall be another way.", _patched_fields(needs_of, _Sent)
                ),
            ),
            "manifest": (ManifestPatch | None, _left_out(f"{_BEHIND_IT}; left out, what stands there stays")),
            **beside,
        },
    )
    validation = _made(
        f"{name}Validation",
        _Answer,
        f"What is to be said of {_a(kind)} that might be registered.",
        {
            "valid": (bool, Field(description="whether it would be registered")),
            "problems": (_list_of(FieldProblem), Field(description="all of them, warnings too")),
            "record": (record | None, Field(description="as it would be registered just now; null where it would not")),
        },
    )
    settling = _made(
        f"{name}Resolution",
        _Sent,
        "How a conflict is settled, and the state that this was decided by: `heads` or `revision` must be there.",
        {
            "record": (sent | None, Field(description="as it shall be, null to delete all versions")),
            "heads": (_list_of(_HASH) | None, Field(None, min_length=1, description="as they were answered")),
            "revision": (_HASH | None, Field(None, description="in place of `heads`")),
        },
    )
    return _Kind(page, shown, in_part, sent, patch, settling, validation, history, versions, _example(kind))


def _page_of(item: _Type, most: int | None = MAX_PAGE) -> _Fields:
    """The members of every list."""
    return {
        "items": (_list_of(item), Field(max_length=most)),
        "next": (str | None, Field(description="the `cursor` of the next page, null where this is the last")),
        "notes": (_list_of(str), Field(description="what to know of the answer, a sentence each")),
    }


Heads = _made(
    "Heads",
    _Answer,
    "The operations of a record that stand; of one that is deleted as well.",
    {
        "revision": (_HASH, Field(description="stands for the heads: SHA3-256 of their hashes, sorted and joined")),
        "conflict": (bool, Field(description="whether several versions are live")),
        "heads": (_list_of(_HASH), Field(description="the hashes of those upon which none builds, ascending")),
        "live": (
            _list_of(_HASH),
            Field(description="those of them that are versions, the shown one first; none where it is deleted"),
        ),
    },
)


def _a(kind: Kind) -> str:
    return "an agent" if kind == "agent" else "a model"


# An example of each kind: what somebody sends, and what the node makes of it

_AT = 1767225600
_HEAD = "5e3b9a3c1f0d4e7f8a6b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f"
_BY = "3b2d227260784ed8dcc34f5537c934456fda0bc7"
_SENT: dict[Kind, Record] = {
    "model": {
        "name": "tiny-llama-ft",
        "version": "1.2.0",
        "description": "TinyLlama, tuned on our support tickets",
        "license": "Apache-2.0",
        "model_type": "LLM",
        "parameters": 1_100_000_000,
        "quantization": "INT4",
        "context_length": 2048,
        "tags": ["chat", "tiny"],
    },
    "agent": {
        "name": "research-crew",
        "version": "0.3.0",
        "license": "MIT",
        "agent_type": "Researcher",
        "framework": "CrewAI",
        "tags": ["search"],
        "tools": ["web-search"],
    },
}

_MANIFEST_SENT: Record = {
    "artifacts": [{"uri": "weights/model.safetensors", "sha256": "9f" * 32, "size_bytes": 2_200_119_864}],
    "derived_from": [{"relation": "Finetune", "name": "TinyLlama/TinyLlama-1.1B-Chat-v1.0"}],
    "languages": ["en"],
}
_MANIFEST_PATCH: Record = {"status": "Deprecated", "status_message": "answers wrongly in Dutch: use 1.3"}

_PATCHES: dict[Kind, Record] = {
    "model": {"description": "tuned again", "quantization": None, "resource_requirements": {"min_memory_mb": "2GB"}},
    "agent": {"description": "searches twice", "tags": ["search", "web"]},
}


def _example(kind: Kind) -> Record:
    """The example as it is answered, signed and unedited."""
    sent = _SENT[kind]
    signed: Record = {
        schema.ID_FIELD[kind]: derive_id(kind, _BY, str(sent["name"]), _AT),
        "owner_id": _BY,
        "created_at": _AT,
        "updated_at": _AT,
    }
    return {
        **schema.defaults(kind), **sent, **signed, "revision": revision_of((_HEAD,)), "conflict": False,
        "heads": [_HEAD],
    }  # fmt: skip


def _manifest_example() -> Record:
    """The example of a manifest as it is answered."""
    read = read_manifest(_MANIFEST_SENT)
    subject = str(_example("model")["model_id"])
    signed: Record = {
        "manifest_id": derive_manifest_id(subject),
        "owner_id": _BY,
        "subject_id": subject,
        "subject_kind": "Model",
        "subject_name": str(_SENT["model"]["name"]),
        "created_at": _AT,
        "updated_at": _AT,
    }
    state: Record = {"revision": revision_of((_HEAD,)), "conflict": False, "heads": [_HEAD]}
    return {**read, **signed, **state}


_ManifestOperation = _made(
    "ManifestOperation",
    _Answer,
    "What was done to a manifest.",
    {**_OPERATION, "manifest": (Manifest | None, Field(description="as it was written; null where it was deleted"))},
)
ManifestHistory = _made(
    "ManifestHistory",
    _Answer,
    "What was done to a manifest, the last that came to this node first.",
    _page_of(_ManifestOperation),
)
_TYPES: dict[Kind, _Kind] = {kind: _kind(kind) for kind in KINDS}
# By the type of an answer, one.
EXAMPLES: dict[type[BaseModel], Json] = {}
for _of in _TYPES.values():
    EXAMPLES[_of.shown] = _of.example
    _beside = ("revision", "conflict", "heads")
    _record: Record = {name: value for name, value in _of.example.items() if name not in _beside}
    EXAMPLES[_of.validation] = {"valid": True, "problems": [], "record": _record}
    _heads = _of.example["heads"]
    _state: Record = {"revision": _of.example["revision"], "conflict": False, "heads": _heads}
    _version: Record = {"hash": _HEAD, "updated_at": _AT, "arrived_at": _AT, "record": _record}
    EXAMPLES[Heads] = {**_state, "live": _heads}
    EXAMPLES[_of.versions] = {**_state, "differing": [], "ancestor": None, "mergeable": False, "versions": [_version]}
    _operation: Record = {
        **_version, "deed": "registered", "children": [], "is_head": True, "is_shown": True, "changed": [],
    }  # fmt: skip
    _walked: Record = {
        "kind": "model", "id": _HEAD, "deeper": False, "more": False, "partial": False, "clashes": [],
        "nodes": [{
            "id": _HEAD, "name": "a-model", "kind": "model", "presence": "live", "version": "1.0.0", "license": "MIT",
            "status": None, "owner": _BY, "whose": "own", "parent": None, "steps": 0, "link": None, "relation": None,
            "again": False,
        }],
    }  # fmt: skip
    EXAMPLES[Lineage] = _walked
    _nobody: Record = {"own": 0, "named": 0, "strangers": 0}
    EXAMPLES[Dependants] = {**_walked, "counts": {"needs": _nobody, "prefers": _nobody, "derived": _nobody}}
    EXAMPLES[_of.history] = {"items": [_operation], "next": None, "notes": []}
    EXAMPLES[_of.page] = {"items": [_of.example], "next": None, "notes": []}


EXAMPLES[ShownManifest] = _manifest_example()
_beside = ("revision", "conflict", "heads")
_example_manifest: Record = {name: value for name, value in _manifest_example().items() if name not in _beside}
EXAMPLES[ManifestHistory] = {
    "items": [
        {
            "hash": _HEAD,
            "updated_at": _AT,
            "arrived_at": _AT,
            "deed": "registered",
            "children": [],
            "is_head": True,
            "is_shown": True,
            "changed": [],
            "manifest": _example_manifest,
        }
    ],
    "next": None,
    "notes": [],
}


class RecordEvent(_Answer):
    """The `data` of an event: an operation that was appended to this node's log."""

    kind: Literal["model", "agent"]
    id: str = Field(description="of the record", pattern="^[0-9a-f]{64}$")
    of: Literal["model", "agent", "manifest"] = Field(description="what was written: that record, or its manifest")
    hash: str = Field(description="of the operation", pattern="^[0-9a-f]{64}$")
    deed: OperationDeed = Field(description="what it did")
    name: str = Field(
        description="of the record as it was written, or as it was before it was deleted; empty if unknown"
    )
    owner_id: str = Field(description="who signed it", pattern="^[0-9a-f]{40}$")


class Facet(_Answer):
    """A value that records have in common."""

    field: str
    value: str
    label: str = Field(description="the value, for people")
    term: str = Field(description="what a query narrows down to these by")
    records: int = Field(description="how many have it")


FacetPage = _made(
    "FacetPage",
    _Answer,
    "Values that records have in common, field by field, the most frequent first.",
    {
        **_page_of(Facet, None),
        "is_exact": (bool, Field(description="whether all were counted; else those that came last stand for all")),
    },
)


EXAMPLES[FacetPage] = {
    "items": [{"field": "license", "value": "MIT", "label": "MIT", "term": "license:MIT", "records": 7}],
    "next": None,
    "notes": [],
    "is_exact": True,
}


class Question(_Sent):
    """A search."""

    query: str | None = Field("", max_length=MAX_QUESTION_TEXT, description="in the query language: see /docs")
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] | None = Field(PAGE, description="records in a page")
    cursor: str | None = Field(
        None, max_length=MAX_QUESTION_TEXT, description="`next` of the page before, for the same query and sort"
    )
    sort: str | None = Field(None, max_length=MAX_SORT, description="such as `-updated` or `name`")
    fields: list[str] | None = Field(
        None, max_length=MAX_NAMES, description="the names of those that are wanted; null for all"
    )
    total: bool | None = Field(False, description="whether to say how many match")


class Problem(_Answer):
    """Why a request was refused, by RFC 9457."""

    type: Literal["about:blank"]
    title: str = Field(description="the status in words")
    status: int
    code: str = Field(description="for programs: see Error codes on the protocol page")
    detail: str = Field(description="for people: what happened and what to do")


class InvalidProblem(Problem):
    """Why what was sent cannot be signed or read."""

    problems: list[FieldProblem] = Field([], description="for `invalid`: each", json_schema_extra=_without_default)


class StateProblem(Problem):
    """Why a write was refused that would have been signed without what others wrote, and how the record stands."""

    revision: str = Field("", description="the present one", json_schema_extra=_without_default)
    heads: list[str] = Field([], description="the present ones", json_schema_extra=_without_default)
    differing: list[str] = Field(
        [], description="in a conflict: the paths of the fields that are not equal", json_schema_extra=_without_default
    )
    resolve: str = Field(
        "", description="in a conflict: the path where it is settled", json_schema_extra=_without_default
    )


# Parameters, described by hand: the routes read them, and refuse them in their own words. FastAPI would take a tenth of
# what a whole answer costs for each that it reads.


class Parameter(NamedTuple):
    """A parameter of a route.

    Attributes:
        place: `query`, `path` or `header`.
        example: None for none.
    """

    name: str
    place: Literal["query", "path", "header"]
    what: str
    shape: Mapping[str, Json]
    example: Json = None

    def described(self) -> dict[str, Json]:
        """As OpenAPI has it."""
        return {
            "name": self.name,
            "in": self.place,
            "required": self.place == "path",
            "description": self.what,
            "schema": {**self.shape},
            **({} if self.example is None else {"example": self.example}),
        }


_TAGS = "tags with commas between them, or `*`"
_QUERY = Parameter(
    "q",
    "query",
    "a query, in the language that /docs describes",
    {"type": "string", "maxLength": MAX_QUESTION_TEXT},
    "llama license:apache-2.0 params:<=8b",
)
_LIMIT = Parameter(
    "limit", "query", "how many in a page", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}
)
_CURSOR = Parameter(
    "cursor",
    "query",
    "`next` of the page before, of a list for the same query and sort",
    {"type": "string", "maxLength": MAX_QUESTION_TEXT},
)
_SORT = Parameter("sort", "query", "such as `-updated` or `name`", {"type": "string", "maxLength": MAX_SORT}, "name")
_FIELDS = Parameter(
    "fields",
    "query",
    "the names of the fields that are wanted, with commas between them; the id and the state are always told",
    {"type": "string", "maxLength": MAX_QUESTION_TEXT},
    "name,license",
)
_WITH_MANIFEST = Parameter(
    "manifest",
    "query",
    "whether to tell what stands behind it as well: the revision stands for the heads of both then",
    {"type": "boolean", "default": False},
)
_TOTAL = Parameter("total", "query", "whether to say how many match", {"type": "boolean", "default": False})
_ID_OR_PREFIX = Parameter(
    "record_id",
    "path",
    "64 hex digits, or as many of the first as are unique",
    {"type": "string", "pattern": "^(0[xX])?[0-9a-fA-F]{1,64}$"},
)
_DEPTH = Parameter(
    "depth", "query", "so many links at most", {"type": "integer", "minimum": 0, "maximum": 16, "default": 16}
)
_WHOLE_ID = Parameter("record_id", "path", "64 hex digits", {"type": "string", "pattern": "^[0-9a-f]{64}$"})
_IF_MATCH = Parameter("If-Match", "header", f"the ETag of the record that you decided by: {_TAGS}", {"type": "string"})
_IF_NONE_MATCH = Parameter("If-None-Match", "header", f"the ETag of what you have: {_TAGS}", {"type": "string"})
_IF_NEW = Parameter("If-None-Match", "header", "`*`: write only where there is none yet", {"type": "string"})
_WRITTEN_FIRST: dict[str, Json] = {
    "description": "written for the first time",
    "headers": {"ETag": {"schema": {"type": "string"}, "description": "for If-Match"}},
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/ShownManifest"},
            "example": EXAMPLES[ShownManifest],
        }
    },
}
_IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "yours for this request: sent again with it within 24 hours, it is answered as before and written once. In quotes "
    "or without",
    {"type": "string", "pattern": KEY_PATTERN},
    '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
)
_TOKEN = HTTPBearer(scheme_name="token", auto_error=False, description="what the node's operator made: `token add`")

# The routes of records

_HEADERS: dict[str, Json] = {
    "ETag": {"schema": {"type": "string"}, "description": "for If-None-Match, and of a record for If-Match"},
    "Location": {"schema": {"type": "string"}, "description": "the record's path"},
    "Retry-After": {"schema": {"type": "integer"}, "description": "seconds"},
    "WWW-Authenticate": {"schema": {"type": "string"}, "description": "how to say who you are"},
}
# By status, what is told with a refusal beside its type.
_TOLD_BY_STATUS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
_PROBLEMS: dict[int, type[Problem]] = {409: StateProblem, 412: StateProblem, 422: InvalidProblem}
_ANYWHERE = ("bad_host", "unknown_host", "parameter", "header_too_large", "too_many", "busy", "locked", "internal")
_READ_BODY = ("document", "bad_body", "too_slow", "too_large", "encoded", "media_type")
_WITH_BODY = ("foreign_origin", *_READ_BODY, "invalid")
_OF_WRITES = (
    "unauthorized",
    "insufficient_scope",
    "idempotency_key",
    "in_flight",
    "key_reused",
    "disk_full",
    "read_only",
    "hub_away",
    "hub_busy",
    "hub_newer",
    "hub_other",
    "hub_view",
    "outcome_unknown",
)
_OF_STATES = ("foreign_origin", "bad_id", "not_found", "not_owner", "conflict", "changed")


class Deed(NamedTuple):
    """What can be done with records: a route of one kind.

    Attributes:
        answer: what it is answered with at best, None for nothing. body: what is sent, with an example.
        told: headers of the answer. refused: codes, those that any route may answer with left out.
        others: answers beside those. parameters: what it reads beside the body.
        media_types: of the body. in_part: the answer where only some fields are asked for.
    """

    method: str
    path: str
    name: str
    summary: str
    answer: type[BaseModel] | None
    refused: tuple[str, ...]
    status: int = 200
    body: type[BaseModel] | None = None
    example: Json = None
    told: tuple[str, ...] = ()
    others: Mapping[int, dict[str, Json]] = MappingProxyType({})
    parameters: tuple[Parameter, ...] = ()
    media_types: tuple[str, ...] = (_JSON,)
    in_part: type[BaseModel] | None = None


def deeds(kind: Kind) -> dict[str, Deed]:
    """The routes of one kind, by the name of what they do."""
    page, shown, in_part, sent, patch, settling, validation, history, versions, example = _TYPES[kind]
    held: dict[int, dict[str, Json]] = {304: {"description": "you have it", "headers": {"ETag": _HEADERS["ETag"]}}}
    of_one = (_ID_OR_PREFIX, _IF_NONE_MATCH)
    one, many, a = kind, f"{kind}s", _a(kind)
    write = (*_OF_WRITES, *_OF_STATES)
    at = RECORD_ROUTES
    stale: dict[int, dict[str, Json]] = {412: {"description": "`changed`: If-Match names another state"}}
    written_at = (_WHOLE_ID, _IF_MATCH, _IDEMPOTENCY_KEY)
    settled: Json = {"record": {**_SENT[kind]}, "revision": example["revision"]}
    return {
        "register": Deed(
            *at["register"], f"register_{one}", f"Register {a}", shown,
            (*_OF_WRITES, *_WITH_BODY, "limit", "not_owner", "already_registered"),
            201, sent, {**_SENT[kind]}, ("ETag", "Location"), parameters=(_IDEMPOTENCY_KEY,),
        ),
        "browse": Deed(
            *at["browse"], f"list_{many}", f"List or search {many}, the last changed first", page,
            ("query", "invalid", "interrupted"), told=("ETag",), others=held,
            parameters=(_QUERY, _LIMIT, _CURSOR, _SORT, _FIELDS, _TOTAL, _IF_NONE_MATCH),
        ),
        "search": Deed(
            *at["search"], f"search_{many}", f"Search {many}", page,
            ("query", *_WITH_BODY, "interrupted"), 200, Question, {"query": "tag:chat", "limit": 10},
        ),
        "facets": Deed(
            *at["facets"], f"count_{many}", f"What {many} have in common, or those that a query finds, counted",
            FacetPage, ("query", "invalid", "interrupted"), told=("ETag",), others=held,
            parameters=(_QUERY, _IF_NONE_MATCH),
        ),
        "show": Deed(
            *at["show"], f"get_{one}", f"{a.capitalize()}, by its id or the beginning of it", shown,
            ("ambiguous", "not_found", "invalid"), told=("ETag",), others=held,
            parameters=(_ID_OR_PREFIX, _FIELDS, _WITH_MANIFEST, _IF_NONE_MATCH), in_part=in_part,
        ),
        "history": Deed(
            *at["history"], f"get_{one}_history", f"What was done to {a}, deleted or not, the last first",
            history, ("ambiguous", "not_found", "invalid"), parameters=(_ID_OR_PREFIX, _LIMIT, _CURSOR),
        ),
        "heads": Deed(
            *at["heads"], f"get_{one}_heads", f"The operations of {a} that stand, deleted or not", Heads,
            ("ambiguous", "not_found"), told=("ETag",), others=held, parameters=of_one,
        ),
        "versions": Deed(
            *at["versions"], f"get_{one}_versions", f"The live versions of {a}, and what they come from",
            versions, ("ambiguous", "not_found"), told=("ETag",), others=held, parameters=of_one,
        ),
        "lineage": Deed(
            *at["lineage"], f"get_{one}_lineage", f"What {a} stands on: what it needs, prefers, was made from",
            Lineage, ("ambiguous", "not_found", "invalid", "interrupted"), parameters=(_ID_OR_PREFIX, _DEPTH),
        ),
        "dependants": Deed(
            *at["dependants"], f"get_{one}_dependants", f"What stands on {a}, deleted or not", Dependants,
            ("ambiguous", "not_found", "invalid", "interrupted"), parameters=(_ID_OR_PREFIX, _DEPTH),
        ),
        "validate": Deed(
            *at["validate"], f"validate_{one}",
            f"Say all that is wrong with {a}, and what would be registered; nothing is written", validation,
            ("foreign_origin", *_READ_BODY), 200, sent, {**_SENT[kind]},
        ),
        "update": Deed(
            *at["update"], f"replace_{one}", f"Replace {a}; If-Match guards against lost edits", shown,
            (*write, *_WITH_BODY, "limit"), 200, sent, {**_SENT[kind]}, ("ETag",), stale, written_at,
        ),
        "patch": Deed(
            *at["patch"], f"patch_{one}", f"Change fields of {a}, by a merge patch (RFC 7396); else as PUT", shown,
            (*write, *_WITH_BODY, "limit"), 200, patch, _PATCHES[kind], ("ETag",), stale, written_at,
            (MERGE_PATCH, _JSON),
        ),
        "delete": Deed(
            *at["delete"], f"delete_{one}", f"Delete {a}; If-Match guards against lost edits", None, write, 204,
            others=stale, parameters=written_at,
        ),
        "resolve": Deed(
            *at["resolve"], f"resolve_{one}",
            f"Settle {a} of which several versions are live, naming all heads; null deletes it", shown,
            (*write, *_WITH_BODY, "limit", "no_conflict"), 200, settling, settled, ("ETag",),
            {**stale, 204: {"description": "deleted"}}, written_at,
        ),
        "manifest": Deed(
            *at["manifest"], f"get_{one}_manifest", f"What stands behind {a}", ShownManifest,
            ("ambiguous", "not_found", "no_manifest"), told=("ETag",), others=held, parameters=of_one,
        ),
        "manifest_history": Deed(
            *at["manifest_history"], f"get_{one}_manifest_history",
            f"What was done to what stands behind {a}, deleted or not, the last first", ManifestHistory,
            ("ambiguous", "not_found", "invalid"), parameters=(_ID_OR_PREFIX, _LIMIT, _CURSOR),
        ),
        "put_manifest": Deed(
            *at["put_manifest"], f"replace_{one}_manifest",
            f"Write what stands behind {a}; If-Match guards against lost edits, If-None-Match: * against the first",
            ShownManifest, (*write, *_WITH_BODY, "limit"), 200, ManifestInput, _MANIFEST_SENT, ("ETag",),
            {**stale, 201: _WRITTEN_FIRST}, (*written_at, _IF_NEW),
        ),
        "patch_manifest": Deed(
            *at["patch_manifest"], f"patch_{one}_manifest",
            f"Change fields of what stands behind {a}, by a merge patch (RFC 7396); else as PUT", ShownManifest,
            (*write, *_WITH_BODY, "limit"), 200, ManifestPatch, _MANIFEST_PATCH, ("ETag",),
            {**stale, 201: _WRITTEN_FIRST}, (*written_at, _IF_NEW), (MERGE_PATCH, _JSON),
        ),
        "delete_manifest": Deed(
            *at["delete_manifest"], f"delete_{one}_manifest",
            f"Delete what stands behind {a}; If-Match guards against lost edits", None, (*write, "no_manifest"), 204,
            others=stale, parameters=written_at,
        ),
        "resolve_manifest": Deed(
            *at["resolve_manifest"], f"resolve_{one}_manifest",
            f"Settle a manifest of {a} of which several versions are live, naming all heads; null deletes it",
            ShownManifest, (*write, *_WITH_BODY, "limit", "no_conflict"), 200, ManifestResolution,
            {"manifest": _MANIFEST_SENT, "revision": example["revision"]}, ("ETag",),
            {**stale, 204: {"description": "deleted"}}, written_at,
        ),
    }  # fmt: skip


async def _answered_elsewhere() -> None:
    """FastAPI describes the routes alone."""


def _add_deed(router: APIRouter, deed: Deed) -> None:
    extra: dict[str, Json] = {"parameters": [given.described() for given in deed.parameters]}
    if deed.body is not None:
        content: Json = {"schema": {"$ref": _REF.format(model=deed.body.__name__)}, "example": deed.example}
        extra["requestBody"] = {"required": True, "content": dict.fromkeys(deed.media_types, content)}
    told: dict[str, Json] = {"headers": {name: _HEADERS[name] for name in deed.told}} if deed.told else {}
    if deed.answer is not None:
        told["content"] = {_JSON: {"example": EXAMPLES[deed.answer]}}
    if deed.status == 201:
        told["links"] = _links(deed.name.partition("_")[2])
    is_signed = "unauthorized" in deed.refused
    router.add_api_route(
        deed.path,
        _answered_elsewhere,
        methods=[deed.method],
        operation_id=deed.name,
        summary=deed.summary,
        # FastAPI would show the docstring of a private function otherwise.
        description=deed.summary,
        status_code=deed.status,
        response_model=deed.answer if deed.in_part is None else deed.answer | deed.in_part,
        response_class=JSONResponse,
        response_description="deleted" if deed.answer is None else "done",
        responses={deed.status: told, **_refusals(deed.refused), **_others(deed.others)},
        openapi_extra=extra,
        dependencies=[Security(_TOKEN)] if is_signed else [],
    )


def _links(one: str) -> Json:
    """What may be done next with a record that was registered: what was answered may be sent back."""
    at: Json = {"record_id": "$response.header.Location#regex:/([0-9a-f]+)$"}
    return {
        name: {"operationId": f"{name}_{one}", "parameters": at, **({"requestBody": "$response.body"} if sends else {})}
        for name, sends in (("get", False), ("replace", True), ("delete", False))
    }


def _refusals(codes: Sequence[str]) -> dict[int | str, dict[str, object]]:
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys((*codes, *_ANYWHERE)):
        by_status.setdefault(status_of(code), []).append(f"`{code}`")
    return {status: _refusal(status, ", ".join(by_status[status])) for status in sorted(by_status)}


def _refusal(status: int, what: str) -> dict[str, object]:
    headers = {name: _HEADERS[name] for name in _TOLD_BY_STATUS.get(status, ())}
    return {
        "model": _PROBLEMS.get(status, Problem),
        "description": what,
        **({"headers": headers} if headers else {}),
    }


def _others(others: Mapping[int, dict[str, Json]]) -> dict[int | str, dict[str, object]]:
    return {
        status: _refusal(status, str(said["description"])) if status in _PROBLEMS else {**said}
        for status, said in others.items()
    }


# The document


@cache
def document() -> dict[str, Json]:
    """The OpenAPI document of a node that is reached at the root of its address."""
    app = FastAPI(
        title="tui-registry node",
        version=tui_registry.__version__,
        summary="A decentralised registry of AI models and agents",
    )
    for kind in KINDS:
        router = APIRouter(prefix=f"/{kind}s", tags=[f"{kind}s"])
        said = deeds(kind)
        for name in RECORD_ROUTES:
            _add_deed(router, said[name])
        app.include_router(router)
    return _completed(app.openapi())


def _completed(openapi: dict[str, Json]) -> dict[str, Json]:
    """The document that FastAPI made, in place: problems under their media type, examples with their nulls, which
    FastAPI leaves out, the types of bodies, and what is described by hand."""
    by_name = {deed.name: deed for kind in KINDS for deed in deeds(kind).values()}
    for operation in operations(openapi):
        deed = by_name.get(_text(operation.content, "operationId"))
        if deed is not None:
            given: list[tuple[Json, Json]] = [(_member(operation.content, "requestBody"), deed.example)]
            if deed.answer is not None:
                answers = _object(operation.content, "responses")
                given.append((_member(answers, str(deed.status)), EXAMPLES[deed.answer]))
            for told, example in given:
                for content in _object(told, "content").values():
                    if isinstance(content, dict) and "example" in content:
                        content["example"] = example
        responses = operation.content["responses"]
        assert isinstance(responses, dict)
        for status, response in responses.items():
            content = response.get("content") if isinstance(response, dict) else None
            if isinstance(content, dict) and status >= "400":
                content[MEDIA_TYPE] = content.pop(_JSON)
    components = openapi.setdefault("components", {})
    schemas = components.setdefault("schemas", {}) if isinstance(components, dict) else {}
    if isinstance(schemas, dict):
        schemas.clear()
        # By pydantic, and as they may come: FastAPI rounds large bounds, and asks for what may be left out.
        modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [(of, "validation") for of in _described()]
        schemas.update(models_json_schema(modes, ref_template=_REF)[1]["$defs"])
        schemas.update(SYNC_SCHEMAS)
    paths = openapi["paths"]
    if isinstance(paths, dict):
        paths[EVENTS] = _events()
        paths.update(_mcp_registry())
        paths.update(SYNC_PATHS)
        paths.update(TONGUE_PATHS)
    return openapi


def _described() -> list[type[BaseModel]]:
    """Every type that a route names."""
    done = [deed for kind in KINDS for deed in deeds(kind).values()]
    named = [of for deed in done for of in (deed.body, deed.answer, deed.in_part) if of is not None]
    return [*dict.fromkeys(named), RecordEvent, Problem, *_PROBLEMS.values()]


def _events() -> Json:
    """`GET /events`: FastAPI describes no answers that do not end."""
    place: dict[str, Json] = {"type": "string", "pattern": "^[0-9a-f]{32}:[0-9]{1,15}$"}
    given = (
        Parameter("after", "query", "the same, for whoever cannot send a header; the header counts more", place),
        Parameter("Last-Event-ID", "header", "the `id` of the last event that you were told: what came since", place),
    )
    which: Record = {"kind": "model", "id": derive_id("model", _BY, "tiny-llama-ft", _AT), "of": "model"}
    data = json.dumps({**which, "hash": _HEAD, "deed": "registered", "name": "tiny-llama-ft", "owner_id": _BY})
    told: dict[str, Json] = {
        "text/event-stream": {
            "schema": {
                "type": "string",
                "description": "server-sent events; the `data` of one that is called `operation` is a RecordEvent",
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": _REF.format(model=RecordEvent.__name__)},
            },
            "example": f"id: {'0' * 32}:1\nevent: operation\ndata: {data}\n\n",
        }
    }
    problems = _refusals(("event_id",))
    refused: dict[str, Json] = {
        str(status): {
            "description": str(said["description"]),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}},
        }
        for status, said in problems.items()
    }
    operation: dict[str, Json] = {
        "tags": ["about"],
        "operationId": "read_events",
        "summary": "What is appended to the log, told as it comes; `reset` where the place named is of another log",
        "parameters": [one.described() for one in given],
        "responses": {"200": {"description": "the events, without end", "content": told}, **refused},
    }
    return {"get": operation}


def _mcp_registry() -> dict[str, Json]:
    """The read API of an MCP registry: its types are that project's own, and named where it describes them."""
    identifier = derive_id("agent", _BY, "weather", _AT)
    record = schema.defaults("agent") | {
        "agent_id": identifier, "owner_id": _BY, "name": "Weather", "version": "1.0.2", "license": "MIT",
        "description": "Tells the weather", "tools": ["forecast"], "created_at": _AT,
    }  # fmt: skip
    behind = schema.defaults("manifest") | {
        "interfaces": [{"url": "https://mcp.example.org/mcp", "protocol": "MCP", "version": ""}]
    }
    told = server(record, behind)
    assert told is not None
    which: Record = {"kind": "agent", "id": identifier, "owner_id": _BY, "heads": [_HEAD]}
    one = answer(told, State("active", "", _AT, _AT), which)
    many = json.loads(listing([json.dumps(one).encode()]))
    detail: dict[str, Json] = {"type": "object", "description": "`ServerResponse` of that API"}
    page: dict[str, Json] = {"type": "object", "description": "`ServerList` of that API"}
    named = Parameter(
        "serverName", "path", "as the list has it, its slash escaped or not", {"type": "string"},
        server_name(_BY, identifier).replace("/", "%2F"),
    )  # fmt: skip
    version = Parameter("version", "path", "or `latest`", {"type": "string"}, "latest")
    deleted = Parameter(
        "include_deleted", "query", "also what is deleted or withdrawn", {"type": "boolean", "default": False}
    )
    asked = (
        Parameter("cursor", "query", "`nextCursor` of the page before", {"type": "string"}),
        Parameter(
            "limit", "query", "how many in a page",
            {"type": "integer", "minimum": 1, "maximum": MCP_LIMIT, "default": MCP_PAGE},
        ),
        Parameter(
            "search", "query", "what stands in their names, in any case",
            {"type": "string", "maxLength": MAX_QUESTION_TEXT}, "weather",
        ),
        Parameter(
            "updated_since", "query", "what changed here then or later, and what was deleted since; RFC 3339",
            {"type": "string", "format": "date-time"}, "2026-01-31T08:00:00Z",
        ),
        Parameter("version", "query", "`latest`, or those of exactly this version", {"type": "string"}),
        deleted, _IF_NONE_MATCH,
    )  # fmt: skip
    of_one = (named, deleted, _IF_NONE_MATCH)
    return {
        MCP_SERVERS: _get(
            "list_mcp_servers", "The agents with an MCP interface, as an MCP registry lists servers; `latest` ones",
            asked, page, many, ("invalid", "interrupted"), LEFT_OUT_HEADER,
        ),
        f"{MCP_SERVERS}/{{serverName}}/versions": _get(
            "get_mcp_versions", "The versions of such a server, the latest first", of_one, page, many,
            ("not_found", "invalid"),
        ),
        f"{MCP_SERVERS}/{{serverName}}/versions/{{version}}": _get(
            "get_mcp_version", "One version of such a server", (version, *of_one), detail, one,
            ("not_found", "invalid"),
        ),
    }  # fmt: skip


def _get(
    name: str,
    summary: str,
    given: Sequence[Parameter],
    shape: Json,
    example: Json,
    refused: Sequence[str],
    *told: str,
) -> Json:
    """A GET that is answered with JSON of somebody else's format, tagged."""
    tag: Json = _HEADERS["ETag"]
    counted: Json = {"schema": {"type": "integer"}, "description": "records that could not be said, and are left out"}
    refusals: dict[str, Json] = {
        str(status): {
            "description": str(said["description"]),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=_PROBLEMS.get(status, Problem).__name__)}}},
        }
        for status, said in _refusals(refused).items()
        if isinstance(status, int)
    }
    return {
        "get": {
            "tags": ["tongues"],
            "operationId": name,
            "summary": summary,
            "parameters": [one.described() for one in given],
            "responses": {
                "200": {
                    "description": "what is asked for",
                    "headers": {"ETag": tag, **dict.fromkeys(told, counted)},
                    "content": {_JSON: {"schema": shape, "example": example}},
                },
                "304": {"description": "you have it", "headers": {"ETag": tag}},
                **refusals,
            },
        }
    }


class Operation(NamedTuple):
    """One operation of an OpenAPI document."""

    method: str
    path: str
    content: dict[str, Json]


def operations(openapi: Mapping[str, Json]) -> Iterator[Operation]:
    """Each operation of a document."""
    paths = openapi.get("paths")
    for path, methods in paths.items() if isinstance(paths, dict) else ():
        for method, content in methods.items() if isinstance(methods, dict) else ():
            if isinstance(content, dict):
                yield Operation(method.upper(), path, content)


# The page


def docs_page(openapi: Mapping[str, Json]) -> str:
    """The page for an OpenAPI document: its routes and types, and the query language."""
    tables = _Tables(openapi)
    return page(
        "The API of a tui-registry node",
        "<h1>The API of this node</h1>"
        "<p>A registry of AI models and agents. Reads are open; a write is signed by the node's own key and needs "
        "<code>Authorization: Bearer TOKEN</code>. The same in a form for programs: "
        "<a href=openapi.json>openapi.json</a>. How replicas exchange signed operations, which are valid, and what the "
        "codes of problems mean: <a href=docs/protocol>the protocol</a>.</p>"
        "<p>In the lines for a shell, <code>NODE</code> is the address of this node, <code>TOKEN</code> a token of it "
        "and <code>RECORD_ID</code> the id of a record.</p>"
        '<p>Lists answer <code>{"items": [...], "next": cursor or null, "notes": [...]}</code>. Errors are '
        "problem+json (RFC 9457) with a <code>code</code>, a <code>detail</code> for people and, where a body is at "
        "fault, all its <code>problems</code>. A record's ETag in <code>If-Match</code> guards PUT, PATCH and DELETE: "
        "412 says that it has changed; in <code>If-None-Match</code> it spares an answer that you have: 304. A record "
        'with <code>"conflict": true</code> has several live versions, which GET shows beside it: PUT, PATCH and '
        "DELETE answer 409 until <code>POST .../resolve</code> has settled it. A write that bears an "
        "<code>Idempotency-Key</code> is done once, however often it is sent.</p>"
        "<h2>Pages</h2><p>What there is to read, as 'tui-registry help' has it:</p><ul>"
        + "".join(f"<li><a href=docs/{name}>{name}</a>: {about}" for name, about in PAGES.items())
        + "</ul>"
        f"<h2>Routes</h2>{''.join(map(tables.route, operations(openapi)))}"
        f"<h2>Types</h2>{tables.types()}<h2 id=queries>Queries</h2><pre>{escape(GRAMMAR)}</pre>"
        "<p>Saved searches and names of owners are the operator's own and not known here: <code>owner:</code> takes an "
        "address.</p>"
        f"<h3>Other spellings</h3><pre>{escape(spellings())}</pre>",
        ".",
    )


class _Tables:
    """The tables of the page, with a link wherever a type is named."""

    def __init__(self, openapi: Mapping[str, Json]) -> None:
        self._types = _object(_member({**openapi}, "components"), "schemas")
        self._name = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(self._types)))})\b")

    def route(self, operation: Operation) -> str:
        said = operation.content
        parameters = [
            self._row(
                (
                    _text(given, "name"),
                    _text(given, "in"),
                    _words(_member(given, "schema")),
                    _text(given, "description"),
                )
            )
            for given in _list(said, "parameters")
        ]
        answers = [
            self._row((status, _text(answer, "description"), _contents(answer)))
            for status, answer in sorted(_object(said, "responses").items())
        ]
        body = _member(said, "requestBody")
        given = (answer for status, answer in sorted(_object(said, "responses").items()) if status < "300")
        shown = next(filter(None, map(_shown_example, given)), "")
        return (
            f"<h3><code>{operation.method} {escape(operation.path)}</code></h3><p>{_told(_text(said, 'summary'))}"
            f"{'; needs a token' if said.get('security') else ''}.</p>"
            + (f"<table><tr><th>parameter<th>in<th>holds<th></tr>{''.join(parameters)}</table>" if parameters else "")
            + (f"<p>Body: {self._linked(_contents(body))}</p>{_shown_example(body)}" if body else "")
            + f"<pre>{escape(curl_line(operation))}</pre>"
            + f"<table><tr><th>status<th>when<th>answer</tr>{''.join(answers)}</table>"
            + (f"<details><summary>such as</summary>{shown}</details>" if shown else "")
        )

    def types(self) -> str:
        """What is sent and answered, by name."""
        return "".join(
            f"<h3 id={escape(name)}>{escape(name)}</h3><p>{_told(_text(shape, 'description'))}</p>{self._type(shape)}"
            for name, shape in sorted(self._types.items())
        )

    def _type(self, shape: Json) -> str:
        properties = _object(shape, "properties")
        if not properties:
            return f"<p>{self._linked(_words(shape))}</p>"
        needed = _list(shape, "required")
        rows = [
            self._row((
                name if name in needed else f"{name} (may be left out)",
                _words(of),
                _text(of, "description"),
                _default_of(of),
            ))
            for name, of in properties.items()
        ]  # fmt: skip
        return f"<table><tr><th>member<th>holds<th><th>default</tr>{''.join(rows)}</table>"

    def _row(self, cells: Sequence[str]) -> str:
        first, *rest = cells
        return f"<tr><td><code>{escape(first)}</code>{''.join(f'<td>{self._linked(cell)}' for cell in rest)}</tr>"

    def _linked(self, words: str) -> str:
        """Text with a link at the name of each type."""
        return self._name.sub(lambda name: f"<a href=#{name[0]}>{name[0]}</a>", _told(words))


def _told(words: str) -> str:
    """Text in which code stands between backticks."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(words))


def _contents(told: Json) -> str:
    """The types of a body or an answer, each with its media type."""
    contents = _object(told, "content")
    return ", ".join(f"{_words(_member(content, 'schema'))} ({media})" for media, content in contents.items())


def curl_line(operation: Operation) -> str:
    """How one asks for it in a shell, of the node whose address stands in `NODE`."""
    said, path = operation.content, operation.path
    line = ["curl", *([] if operation.method == "GET" else ["-X", operation.method])]
    more: list[str] = []
    if said.get("security"):
        more += ["-H", '"Authorization: Bearer $TOKEN"']
    for given in _list(said, "parameters"):
        name, example = _text(given, "name"), _member(given, "example")
        match _text(given, "in"):
            case "path":
                path = path.replace(f"{{{name}}}", str(example or f"${name.upper()}"))
            case "query" if example is not None:
                more += ["--data-urlencode", quote(f"{name}={example}")]
    if "--data-urlencode" in more:
        line.append("-G")
    for media_type, content in _object(_member(said, "requestBody"), "content").items():
        example = _member(content, "example")
        if example is not None:
            spelt = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
            more += ["-H", quote(f"Content-Type: {media_type}"), "--data-binary", quote(spelt)]
            break
    answers = _object(said, "responses")
    if any("text/event-stream" in _object(answer, "content") for answer in answers.values()):
        line.append("-N")
    return " ".join((*line, f'"$NODE{path}"', *more))


def _shown_example(told: Json) -> str:
    """The example of a body or an answer."""
    for content in _object(told, "content").values():
        if isinstance(content, dict) and "example" in content:
            example = content["example"]
            text = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False, indent=2)
            return f"<pre>{escape(text)}</pre>"
    return ""


def _words(shape: Json) -> str:
    """A JSON schema in words; the names of types stand by themselves."""
    if not isinstance(shape, dict):
        return ""
    if "$ref" in shape:
        return str(shape["$ref"]).rpartition("/")[2]
    choices = shape.get("oneOf", shape.get("anyOf"))
    if isinstance(choices, list):
        return " or ".join(map(_words, choices))
    for names in (shape.get("enum"), [shape["const"]] if "const" in shape else None):
        if isinstance(names, list):
            return ", ".join(map(str, names))
    if "items" in shape:
        most = f" of at most {shape['maxItems']}" if "maxItems" in shape else ""
        return f"list{most}: {_words(shape['items'])}"
    if "pattern" in shape:
        return f"text like {shape['pattern']}"
    if "maxLength" in shape:
        return f"text of at most {shape['maxLength']} characters"
    if "maximum" in shape:
        return f"{shape['minimum']} to {shape['maximum']}"
    return {"string": "text", "integer": "a number", "boolean": "true or false"}.get(
        _text(shape, "type"), _text(shape, "type") or "anything"
    )


def _default_of(shape: Json) -> str:
    default = shape.get("default") if isinstance(shape, dict) else None
    return "" if default in (None, "", []) else json.dumps(default, ensure_ascii=False)


def _member(tree: Json, name: str) -> Json:
    return tree.get(name) if isinstance(tree, dict) else None


def _object(tree: Json, name: str) -> dict[str, Json]:
    value = _member(tree, name)
    return value if isinstance(value, dict) else {}


def _list(tree: Json, name: str) -> list[Json]:
    value = _member(tree, name)
    return value if isinstance(value, list) else []


def _text(tree: Json, name: str) -> str:
    value = _member(tree, name)
    return value if isinstance(value, str) else ""
