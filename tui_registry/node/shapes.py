"""What the node says about itself: summaries of its routes and JSON schemas, made from the records' own table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tui_registry.errors import KINDS, Json, Kind
from tui_registry.node.bounds import MAX_PAGE, MAX_QUESTION_TEXT, PAGE
from tui_registry.node.problems import MEDIA_TYPE
from tui_registry.present.pulls import Tally
from tui_registry.records import schema

SCHEMA_NAME: dict[Kind, str] = {"model": "AIModel", "agent": "AIAgent"}


_JSON = "application/json"
_NDJSON = "application/x-ndjson"
_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer"}


@dataclass(frozen=True, slots=True)
class Said:
    """What OpenAPI says of one operation: what it is answered with when all is well, and what is merged into it."""

    summary: str
    status: int
    extra: dict[str, Json]


def describe_routes(kind: Kind) -> dict[str, Said]:
    """The record routes of one kind, by the name of what they do."""
    one, many = kind, f"{kind}s"
    article = "an" if kind == "agent" else "a"
    record = _ref(SCHEMA_NAME[kind])
    page = _object({"items": {"type": "array", "items": record}, "next": {"type": ["string", "null"]}})
    question = _object(
        {
            "query": {"type": "string", "maxLength": MAX_QUESTION_TEXT},
            "limit": _LIMIT,
            "cursor": {"type": ["string", "null"]},
            "sort": {"type": ["string", "null"]},
        }
    )
    return {
        "register": _said(
            f"Register {article} {one}", record, status=201, body=record, told=("ETag", "Location"), signed=True
        ),
        "browse": _said(f"List or search {many}, newest first", page, asked=_ASKED),
        "search": _said(f"Search {many}", page, body=question),
        "show": _said(
            f"One {one}, by id or unique prefix; its ETag is for If-Match",
            record,
            told=("ETag",),
            asked=(_IF_NONE_MATCH,),
            others={"304": _UNCHANGED},
        ),
        "update": _said(
            f"Replace {article} {one}; If-Match guards against lost edits",
            record,
            body=record,
            told=("ETag",),
            asked=(_IF_MATCH,),
            others={"412": _CHANGED},
            signed=True,
        ),
        "delete": _said(
            f"Delete {article} {one}; If-Match guards against lost edits",
            None,
            status=204,
            asked=(_IF_MATCH,),
            others={"412": _CHANGED},
            signed=True,
        ),
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Json]) -> Json:
    return {"type": "object", "properties": properties}


def _said(
    summary: str,
    answer: Json,
    *,
    status: int = 200,
    of: str = _JSON,
    body: Json = None,
    body_of: str = _JSON,
    told: tuple[str, ...] = (),
    asked: tuple[Json, ...] = (),
    others: Mapping[str, Json] | None = None,
    signed: bool = False,
) -> Said:
    """One operation.

    Args:
        answer, of: the schema and media type of what it is answered with; None for an empty answer.
        body, body_of: of what is sent.
        told: headers of the answer.
        asked: parameters beside those of the path.
        others: answers beside the one and the problems.
        signed: needs the token.
    """
    given: dict[str, Json] = {"description": "done"}
    if answer is not None:
        given["content"] = {of: {"schema": answer}}
    if told:
        given["headers"] = {name: _HEADERS[name] for name in told}
    extra: dict[str, Json] = {"responses": {str(status): given, **(others or {}), "default": _refused("a problem")}}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": {body_of: {"schema": body}}}
    if asked:
        extra["parameters"] = [*asked]
    if signed:
        extra["security"] = [{"token": []}]
    return Said(summary, status, extra)


def _refused(what: str) -> Json:
    schema = _ref("Problem")
    return {"description": f"{what}, as problem+json (RFC 9457)", "content": {MEDIA_TYPE: {"schema": schema}}}


def _parameter(name: str, place: str, schema: Json, what: str) -> Json:
    return {"name": name, "in": place, "required": False, "schema": schema, "description": what}


_LIMIT: Json = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}
_ASKED = (
    _parameter("q", "query", {"type": "string", "maxLength": MAX_QUESTION_TEXT}, "a query; /docs has its grammar"),
    _parameter("limit", "query", _LIMIT, "records in a page"),
    _parameter("cursor", "query", _TEXT, "`next` of the page before, for the same query and sort"),
    _parameter("sort", "query", _TEXT, "such as `-updated` or `name`"),
)
_HEADERS: dict[str, Json] = {
    "ETag": {"schema": _TEXT, "description": "for If-None-Match, and of a record for If-Match"},
    "Location": {"schema": _TEXT, "description": "the record's path"},
}
_IF_NONE_MATCH = _parameter("If-None-Match", "header", _TEXT, "the ETag of what you have")
_IF_MATCH = _parameter("If-Match", "header", _TEXT, "the ETag of the record that you decided by")
_UNCHANGED: Json = {"description": "you have it", "headers": {"ETag": _HEADERS["ETag"]}}
_CHANGED = _refused("the record has changed since")
_HASHES: Json = {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
_HEAD: Json = _object(
    {"epoch": _TEXT, "size": _NUMBER, "fingerprint": _TEXT, "node": _TEXT, "ranges": {"type": "boolean"}}
)
_REPORT: Json = _object(
    {
        **{name: _NUMBER for name in Tally().counts() if name != "rejected"},
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
    "head": _said(
        "The log's epoch, size and fingerprint",
        _HEAD,
        told=("ETag",),
        asked=(_IF_NONE_MATCH,),
        others={"304": _UNCHANGED},
    ),
    "tile": _said(
        "A tile: {i}.ndjson.gz, {i}.{w}.ndjson.gz for its first w ops, {i}.{a}-{b}.ndjson.gz for ops a up to b",
        _BYTES,
        of="application/gzip",
        told=("ETag",),
        asked=(_IF_NONE_MATCH,),
        others={"304": _UNCHANGED},
    ),
    "by_hash": _said(
        "Operations by hash, children first; the answer may be a prefix",
        _TEXT,
        of=_NDJSON,
        body=_object({"hashes": _HASHES}),
    ),
    "reconcile": _said(
        "Ranges of the log in the order (updated_at, hash): the hashes of a small one, digests of a large one's parts",
        _object({"size": _NUMBER, "fingerprint": _TEXT, "ranges": {"type": "array", "items": _DESCRIBED}}),
        body=_object({"epoch": _TEXT, "size": _NUMBER, "ranges": {"type": "array", "items": _PAIR}}),
    ),
    "push": _said(
        "Offer operations, one a line; refused unless the node was started with --accept-ops",
        _REPORT,
        body=_TEXT,
        body_of=_NDJSON,
    ),
}
HEALTH = _said(
    "Whether the node answers",
    _object({"status": _TEXT, "version": _TEXT, "node": _TEXT, "ops": _NUMBER}),
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
