"""What the node says about itself: summaries of its routes and JSON schemas, made from the records' own table."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui_registry.errors import KINDS, Json, Kind
from tui_registry.node.problems import MEDIA_TYPE
from tui_registry.records import schema

SCHEMA_NAME: dict[Kind, str] = {"model": "AIModel", "agent": "AIAgent"}


@dataclass(frozen=True, slots=True)
class Said:
    """What OpenAPI says of one operation; `extra` is merged into it."""

    summary: str
    extra: dict[str, Json] = field(default_factory=dict)


def describe_routes(kind: Kind) -> dict[str, Said]:
    """The record routes of one kind, by the name of what they do."""
    one, many = kind, f"{kind}s"
    article = "an" if kind == "agent" else "a"
    record = _ref(SCHEMA_NAME[kind])
    page = _object({"items": {"type": "array", "items": record}, "next": {"type": ["string", "null"]}})
    question = _object(
        {
            "query": {"type": "string"},
            "limit": {"type": "integer", "minimum": 1},
            "cursor": {"type": ["string", "null"]},
            "sort": {"type": ["string", "null"]},
        }
    )
    return {
        "register": Said(f"Register {article} {one}", _io(record, 201, record) | _signed()),
        "browse": Said(f"List or search {many}, newest first", _io(None, 200, page)),
        "search": Said(f"Search {many}", _io(question, 200, page)),
        "show": Said(f"One {one}, by id or unique prefix; its ETag is for If-Match", _io(None, 200, record)),
        "update": Said(
            f"Replace {article} {one}; If-Match guards against lost edits", _io(record, 200, record) | _signed()
        ),
        "delete": Said(f"Delete {article} {one}; If-Match guards against lost edits", _io(None, 204, None) | _signed()),
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Json]) -> Json:
    return {"type": "object", "properties": properties}


def _io(body: Json, status: int, answer: Json, of: str = "application/json") -> dict[str, Json]:
    given: dict[str, Json] = {"description": "done"}
    if answer is not None:
        given["content"] = {of: {"schema": answer}}
    refused: Json = {"description": "problem+json (RFC 9457)", "content": {MEDIA_TYPE: {"schema": _ref("Problem")}}}
    extra: dict[str, Json] = {"responses": {str(status): given, "default": refused}}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return extra


def _signed() -> dict[str, Json]:
    return {"security": [{"token": []}]}


_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer"}
_HASHES: Json = {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
_HEAD: Json = _object(
    {"epoch": _TEXT, "size": _NUMBER, "fingerprint": _TEXT, "node": _TEXT, "ranges": {"type": "boolean"}}
)
_REPORT: Json = _object(
    {
        "applied": _NUMBER,
        "known": _NUMBER,
        "pending": _NUMBER,
        "unsupported": _NUMBER,
        "rejected": {"type": "array", "items": _object({"index": _NUMBER, "code": _TEXT, "sentence": _TEXT})},
        "missing": _HASHES,
    }
)
_KEY: Json = {"type": ["string", "null"], "pattern": "^[0-9a-f]{80}$"}
_PAIR: Json = {"type": "array", "items": _KEY, "minItems": 2, "maxItems": 2}
_PART: Json = _object({"to": _KEY, "count": _NUMBER, "digest": _TEXT, "fingerprint": _TEXT})
_DESCRIBED: Json = _object({"hashes": _HASHES, "parts": {"type": "array", "items": _PART}})
_BYTES: Json = {"type": "string", "format": "binary"}

SYNC_ROUTES: dict[str, Said] = {
    "head": Said("The log's epoch, size and fingerprint", _io(None, 200, _HEAD)),
    "tile": Said(
        "A tile: {i}.ndjson.gz, {i}.{w}.ndjson.gz for its first w ops, {i}.{a}-{b}.ndjson.gz for ops a up to b",
        _io(None, 200, _BYTES, "application/gzip"),
    ),
    "by_hash": Said(
        "Operations by hash, children first; the answer may be a prefix",
        _io(_object({"hashes": _HASHES}), 200, _TEXT, "application/x-ndjson"),
    ),
    "reconcile": Said(
        "Ranges of the log in the order (updated_at, hash): the hashes of a small one, digests of a large one's parts",
        _io(
            _object({"epoch": _TEXT, "size": _NUMBER, "ranges": {"type": "array", "items": _PAIR}}),
            200,
            _object({"size": _NUMBER, "fingerprint": _TEXT, "ranges": {"type": "array", "items": _DESCRIBED}}),
        ),
    ),
    "push": Said(
        "Offer operations, one a line; refused unless the node was started with --accept-ops", _io(None, 200, _REPORT)
    ),
}
HEALTH = Said(
    "Whether the node answers",
    _io(None, 200, _object({"status": _TEXT, "version": _TEXT, "node": _TEXT, "ops": _NUMBER})),
)

SECURITY: Json = {
    "token": {"type": "http", "scheme": "bearer", "description": "what `node.token` beside the replica holds"}
}


def component_schemas() -> dict[str, Json]:
    """The named schemas: both kinds of record, as they are answered, and problems."""
    listed = _object({"path": _TEXT, "severity": {"enum": ["error", "warning"]}, "code": _TEXT, "sentence": _TEXT})
    schemas: dict[str, Json] = {SCHEMA_NAME[kind]: _fields(schema.FIELDS[kind]) for kind in KINDS}
    schemas["Problem"] = _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": _NUMBER,
            "code": _TEXT,
            "detail": _TEXT,
            "problems": {"type": "array", "items": listed},
        }
    )
    return schemas


def _fields(fields: tuple[schema.Field, ...]) -> Json:
    properties: dict[str, Json] = {}
    for of in fields:
        shape = _shape(of.type)
        properties[of.name] = {**shape, "default": of.default} if isinstance(shape, dict) else shape
    return _object(properties)


def _shape(of: schema.FieldType) -> Json:
    if isinstance(of, schema.Text):
        if of.hex_digits:
            return {"type": "string", "pattern": f"^[0-9a-f]{{{of.hex_digits}}}$"}
        return {"type": "string", "minLength": of.least, "maxLength": of.most}
    if isinstance(of, schema.Integer):
        return {"type": "integer", "minimum": of.least, "maximum": of.most}
    if isinstance(of, schema.Flag):
        return {"type": "boolean"}
    if isinstance(of, schema.Variant):
        other = _object({"Other": _shape(schema.OTHER_TEXT)})
        return {"oneOf": [{"type": "string", "enum": [*of.names]}, other]}
    if isinstance(of, schema.Optional):
        return {"anyOf": [_shape(of.of), {"type": "null"}]}
    if isinstance(of, schema.Many):
        return {"type": "array", "items": _shape(of.of), "maxItems": of.most}
    return _fields(of.fields)
