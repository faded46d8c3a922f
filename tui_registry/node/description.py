"""What the node says about itself: summaries of its routes, JSON schemas made from the records' own table, and the page
about its API, one HTML file that is made here and loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from fastapi import APIRouter
from fastapi.responses import Response

from tui_registry.errors import KINDS, Json, Kind
from tui_registry.node.limits import MAX_PAGE, MAX_QUESTION_TEXT, MAX_VERSIONS, PAGE
from tui_registry.node.responses import MEDIA_TYPE
from tui_registry.query import GRAMMAR, spellings
from tui_registry.records import schema

SCHEMA_NAME: dict[Kind, str] = {"model": "AIModel", "agent": "AIAgent"}
_JSON = "application/json"
_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer"}


@dataclass(frozen=True, slots=True)
class Said:
    """The OpenAPI entry of one operation: its answer on success, and what else is merged into the entry."""

    summary: str
    status: int
    extra: dict[str, Json]


def add_route(
    router: APIRouter, method: str, path: str, endpoint: Callable[..., Awaitable[Response]], said: Said
) -> None:
    """Add a route whose endpoint makes its own answers; FastAPI makes and checks none.

    What answers GET answers HEAD too (RFC 9110, section 9.1); the server leaves the body out.
    """
    router.add_api_route(
        path,
        endpoint,
        methods=[method],
        summary=said.summary,
        # FastAPI would show the docstring of a private method otherwise.
        description=said.summary,
        status_code=said.status,
        openapi_extra={**said.extra},
        response_model=None,
        response_class=Response,
    )
    if method == "GET":
        router.add_api_route(
            path, endpoint, methods=["HEAD"], include_in_schema=False, response_model=None, response_class=Response
        )


def describe_routes(kind: Kind) -> dict[str, Said]:
    """The record routes of one kind, by the name of what they do."""
    one, many = kind, f"{kind}s"
    article = "an" if kind == "agent" else "a"
    record = _ref(SCHEMA_NAME[kind])
    shown: Json = {"allOf": [record, _ref("State"), _ref("Versions")]}
    listed: Json = {"allOf": [record, _ref("State")]}
    page = _object({"items": {"type": "array", "items": listed}, "next": {"type": ["string", "null"]}})
    refused: dict[str, Json] = {"409": _CONFLICT, "412": _CHANGED}
    settling: Json = {
        "type": "object",
        "properties": {"record": {"anyOf": [record, _NULL]}, "heads": _HASHES, "revision": _HASH},
        "anyOf": [{"required": ["record", "heads"]}, {"required": ["record", "revision"]}],
    }
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
            f"Register {article} {one}", shown, status=201, body=record, told=("ETag", "Location"), signed=True
        ),
        "browse": _said(f"List or search {many}, newest first", page, asked=_ASKED),
        "search": _said(f"Search {many}", page, body=question),
        "show": _said(
            f"One {one}, by id or unique prefix; its ETag is for If-Match",
            shown,
            told=("ETag",),
            asked=(_IF_NONE_MATCH,),
            others={"304": _UNCHANGED},
        ),
        "update": _said(
            f"Replace {article} {one}; If-Match guards against lost edits",
            shown,
            body=record,
            told=("ETag",),
            asked=(_IF_MATCH,),
            others=refused,
            signed=True,
        ),
        "delete": _said(
            f"Delete {article} {one}; If-Match guards against lost edits",
            None,
            status=204,
            asked=(_IF_MATCH,),
            others=refused,
            signed=True,
        ),
        "resolve": _said(
            f"Settle {article} {one} of which several versions are live, naming all heads; null deletes it (204)",
            shown,
            body=settling,
            told=("ETag",),
            asked=(_IF_MATCH,),
            others={"204": {"description": "deleted"}, **refused},
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
    body: Json = None,
    told: tuple[str, ...] = (),
    asked: tuple[Json, ...] = (),
    others: Mapping[str, Json] | None = None,
    signed: bool = False,
) -> Said:
    """One operation.

    Args:
        answer: the schema of what it is answered with; None for an empty answer.
        body: of what is sent.
        told: headers of the answer.
        asked: parameters beside those of the path.
        others: answers beside the one and the problems.
        signed: needs the token.
    """
    given: dict[str, Json] = {"description": "done"}
    if answer is not None:
        given["content"] = {_JSON: {"schema": answer}}
    if told:
        given["headers"] = {name: _HEADERS[name] for name in told}
    extra: dict[str, Json] = {"responses": {str(status): given, **(others or {}), "default": _refused("a problem")}}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": {_JSON: {"schema": body}}}
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
_CHANGED = _refused("If-Match names another state than the present one")
_CONFLICT = _refused("several versions are live, or the record has changed meanwhile")
_HASH: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_HASHES: Json = {"type": "array", "items": _HASH}
_PATHS: Json = {"type": "array", "items": _TEXT}
_NULL: Json = {"type": "null"}

SECURITY: Json = {
    "token": {"type": "http", "scheme": "bearer", "description": "what `node.token` beside the replica holds"}
}


def component_schemas() -> dict[str, Json]:
    """The named schemas: both kinds of record, what is told beside their fields, and problems."""
    listed = _object({"path": _TEXT, "severity": {"enum": ["error", "warning"]}, "code": _TEXT, "sentence": _TEXT})
    schemas: dict[str, Json] = {SCHEMA_NAME[kind]: _fields(schema.FIELDS[kind]) for kind in KINDS}
    version = _object(
        {
            "hash": _HASH,
            "updated_at": _NUMBER,
            "arrived_at": {"type": ["integer", "null"]},
            "record": {"anyOf": [_ref(name) for name in SCHEMA_NAME.values()]},
        }
    )
    schemas["State"] = _object({"revision": _HASH, "conflict": {"type": "boolean"}})
    schemas["Versions"] = _object(
        {
            "heads": _HASHES,
            "differing": _PATHS,
            "ancestor": {"anyOf": [version, _NULL]},
            "versions": {"type": "array", "items": version, "maxItems": MAX_VERSIONS},
            "more_versions": _NUMBER,
        }
    )
    schemas["Problem"] = _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": _NUMBER,
            "code": _TEXT,
            "detail": _TEXT,
            "problems": {"type": "array", "items": listed},
            "revision": _HASH,
            "heads": _HASHES,
            "differing": _PATHS,
            "resolve": _TEXT,
        }
    )
    return schemas


def _fields(fields: tuple[schema.Field, ...]) -> Json:
    properties: dict[str, Json] = {}
    for of in fields:
        shape = _shape(of.type)
        if isinstance(shape, dict) and not _stands_for_nothing(of):
            shape["default"] = of.default
        properties[of.name] = shape
    return _object(properties)


def _stands_for_nothing(of: schema.Field) -> bool:
    """Whether a draft begins with what no record may have: a name or an owner that is still to come."""
    if not isinstance(of.type, schema.Text) or not isinstance(of.default, str):
        return False
    return len(of.default) != of.type.hex_digits if of.type.hex_digits else len(of.default) < of.type.least


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


# The page

# Styles stand in the page itself; scripts, images, frames and other hosts are not used, and so not allowed.
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre,code{font-family:ui-monospace,monospace;font-size:.9em}"
    "pre{overflow-x:auto;padding:1rem;border:1px solid #8884}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #8884;"
    "vertical-align:top}:root{color-scheme:light dark}"
)


def docs_page(openapi: Mapping[str, Json]) -> str:
    """The page for an OpenAPI document: routes, records, problems and the query language."""
    records = "".join(f"<h3>{name}</h3>{_schema(name)}" for name in (SCHEMA_NAME[kind] for kind in KINDS))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>tui-registry node</title><style>{_STYLE}</style>"
        "<h1>tui-registry node</h1>"
        "<p>A registry of AI models and agents. Reads are open; a write is signed by the node's own key and needs "
        "<code>Authorization: Bearer TOKEN</code>. The same in a form for programs: "
        "<a href=openapi.json>openapi.json</a>. How replicas exchange signed operations, and which are valid: "
        "<a href=docs/protocol>the protocol</a>.</p>"
        f"<h2>Routes</h2>{_routes(openapi)}"
        '<p>Lists answer <code>{"items": [...], "next": cursor or null}</code>. Errors are problem+json (RFC 9457) '
        "with a <code>code</code>, a <code>detail</code> for people and, where a record is at fault, "
        "<code>problems</code>. A record's ETag in <code>If-Match</code> guards PUT and DELETE: 412 says that it has "
        "changed; in <code>If-None-Match</code> it spares an answer that you have: 304. A record with "
        '<code>"conflict": true</code> has several live versions, which GET shows beside it: PUT and DELETE answer 409 '
        "until <code>POST .../resolve</code> has settled it.</p>"
        f"<h2>Records</h2>{records}<h2>Queries</h2><pre>{escape(GRAMMAR)}</pre>"
        "<p>Saved searches and names of owners are the operator's own and not known here: <code>owner:</code> takes an "
        "address.</p>"
        f"<h3>Other spellings</h3><pre>{escape(spellings())}</pre></html>"
    )


def _routes(openapi: Mapping[str, Json]) -> str:
    paths = openapi.get("paths")
    rows = [
        _row((method.upper(), path, _text(operation, "summary")))
        for path, methods in (paths.items() if isinstance(paths, dict) else ())
        for method, operation in (methods.items() if isinstance(methods, dict) else ())
    ]
    return f"<table>{''.join(rows)}</table>"


def _schema(name: str) -> str:
    shape = component_schemas()[name]
    properties = shape.get("properties") if isinstance(shape, dict) else None
    rows = [_row(cells) for cells in _cells(properties, "")]
    return f"<table><tr><th>field<th>holds<th>default</tr>{''.join(rows)}</table>"


def _cells(properties: Json, prefix: str) -> list[tuple[str, str, str]]:
    cells: list[tuple[str, str, str]] = []
    for name, shape in properties.items() if isinstance(properties, dict) else ():
        inner = shape.get("properties") if isinstance(shape, dict) else None
        if inner is not None:
            cells += _cells(inner, f"{prefix}{name}.")
        else:
            default = shape.get("default") if isinstance(shape, dict) else None
            cells.append((prefix + name, _words(shape), _shown(default)))
    return cells


def _words(shape: Json) -> str:
    if not isinstance(shape, dict):
        return ""
    for choices in (shape.get("oneOf"), shape.get("anyOf")):
        if isinstance(choices, list):
            return " or ".join(_words(choice) for choice in choices)
    names = shape.get("enum")
    if isinstance(names, list):
        return ", ".join(map(str, names))
    if "properties" in shape:
        return '{"Other": text}'
    if "items" in shape:
        return f"list of at most {shape.get('maxItems')}: {_words(shape['items'])}"
    if "pattern" in shape:
        return f"text like {shape['pattern']}"
    if "maxLength" in shape:
        return f"text of at most {shape['maxLength']} characters"
    if "maximum" in shape:
        return f"{shape['minimum']} to {shape['maximum']}"
    return _text(shape, "type")


def _shown(default: Json) -> str:
    return "" if default in (None, "", []) else str(default).lower() if isinstance(default, bool) else str(default)


def _text(tree: Json, name: str) -> str:
    value = tree.get(name) if isinstance(tree, dict) else None
    return value if isinstance(value, str) else ""


def _row(cells: Sequence[str]) -> str:
    first, *rest = cells
    return f"<tr><td><code>{escape(first)}</code>{''.join(f'<td>{escape(cell)}' for cell in rest)}</tr>"
