"""The node's own page about its API: one HTML file, made here, that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from tui_registry.errors import KINDS, Json
from tui_registry.node.shapes import SCHEMA_NAME, component_schemas
from tui_registry.query import GRAMMAR, spellings

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
        "<a href=openapi.json>openapi.json</a>.</p>"
        f"<h2>Routes</h2>{_routes(openapi)}"
        '<p>Lists answer <code>{"items": [...], "next": cursor or null}</code>. Errors are problem+json (RFC 9457) '
        "with a <code>code</code>, a <code>detail</code> for people and, where a record is at fault, "
        "<code>problems</code>. A record's ETag in <code>If-Match</code> guards PUT and DELETE: 412 says that it has "
        "changed; in <code>If-None-Match</code> it spares an answer that you have: 304.</p>"
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
