"""How the node's pages for people look: one frame and one style sheet, nothing loaded from anywhere, no scripts; and a
refusal as such a page."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from tui_registry.errors import Json
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from starlette.types import Scope

# Not where it says that it takes none (RFC 9110, 12.4.2).
_TAKES_HTML = re.compile(rb"(?:^|,)\s*text/html\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", re.IGNORECASE)
# Where the pages are on which a node's records are looked at.
BROWSE = "/browse"

# Colours by what they are for, and both times with a contrast of 4.5 and more (WCAG 2.2, 1.4.3).
_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1f262d;--soft:#5a6570;--line:#dde2e7;--tint:#f5f7f8;--link:#0b5a9c;
--warn:#864600;--warn-tint:#fdf5e6}
@media(prefers-color-scheme:dark){:root{--paper:#13171b;--ink:#dde3e8;--soft:#97a3ae;--line:#2c343c;--tint:#1a2026;
--link:#82bbf5;--warn:#e8b366;--warn-tint:#272014}}
*{box-sizing:border-box}
body{font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:66rem;margin:0 auto;
padding:0 1.2rem 3rem;overflow-wrap:break-word}
h1,p,li,dd,td{overflow-wrap:anywhere}td:nth-child(-n+2){overflow-wrap:normal}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
header{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;align-items:baseline;padding:1rem 0 .8rem;margin-bottom:1.4rem;
border-bottom:1px solid var(--line)}
header a:first-child{font-weight:650;color:var(--ink);margin-right:auto}
footer{margin-top:3rem;padding-top:.8rem;border-top:1px solid var(--line);color:var(--soft);font-size:.9em}
h1{font-size:1.6rem;line-height:1.25;margin:.4rem 0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
h3{font-size:1rem;margin:1.6rem 0 .3rem}
h1 small,h3 small{font-weight:400;color:var(--soft)}h1 small{font-size:.65em}
pre,code{font-family:ui-monospace,monospace;font-size:.9em}
pre{overflow-x:auto;overflow-wrap:normal;padding:.7rem .9rem;background:var(--tint);
border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.35rem .7rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:500;font-size:.85em;color:var(--soft)}
summary{cursor:pointer}
form{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center}
form label:first-child{flex:1 1 20rem;display:flex}
input,select,button{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:6px;
padding:.4rem .7rem;max-width:100%}
input{flex:1;min-width:0}button{background:var(--tint);cursor:pointer}
dl{display:grid;grid-template-columns:minmax(8rem,12rem) 1fr;gap:.25rem 1rem;margin:.5rem 0}
dt{color:var(--soft)}dd{margin:0;min-width:0}
ul{padding-left:1.2rem}
.text{white-space:pre-wrap}
.soft{color:var(--soft)}
.hash{font-family:ui-monospace,monospace;font-size:.88em}
.note,.warn{padding:.5rem .9rem;margin:.7rem 0;border-left:3px solid var(--line);background:var(--tint)}
.warn{border-color:var(--warn);background:var(--warn-tint)}b.warned{color:var(--warn)}
.wide{overflow-x:auto}.wide td{min-width:9rem}
nav.links{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;margin:1rem 0}
.records td:first-child{font-weight:550;overflow-wrap:anywhere}
.records td,.records th{padding-right:1rem}
.records td:not(:first-child){white-space:nowrap;max-width:13rem;overflow:hidden;text-overflow:ellipsis}
.records tr>:nth-child(4),.records tr>:nth-child(6){text-align:right;font-variant-numeric:tabular-nums}
@media(max-width:46rem){.records thead{display:none}.records tr{display:block;
padding:.55rem 0;border-bottom:1px solid var(--line)}
.records td,.records td:not(:first-child){display:inline-block;white-space:normal;
max-width:100%;border:0;padding:0 .6rem 0 0;color:var(--soft);font-size:.9em}
.records td:first-child{display:block;font-size:1rem;color:inherit}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}body{padding:0 1rem 2rem}
header a:first-child{width:100%}.wide td{min-width:6rem}.wide{font-size:.9em}}
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
# What each page is sent with. The style sheet stands in it and is known by its digest; scripts, images, frames and
# other hosts are not used, and so not allowed.
HEADERS: Mapping[str, str] = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def page(title: str, body: str, root: str) -> str:
    """A page.

    Args:
        title: as text.
        body: as HTML, in which all text of others is `shown`.
        root: what stands before the node's paths: what `root_path` says, or `.` for a page at the root, `..` for one
            below a name of the root.
    """
    at = escape(root)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{shown(title, 160)}</title><style>{_STYLE}</style></head><body>"
        f'<header><a href="{at}{BROWSE}">tui-registry node</a> <a href="{at}{BROWSE}?kind=model">Models</a> '
        f'<a href="{at}{BROWSE}?kind=agent">Agents</a> <a href="{at}/docs">API</a> '
        f'<a href="{at}/docs/protocol">Protocol</a></header><main>{body}</main></body></html>'
    )


def shown(text: str, limit: int | None = None, *, newlines: bool = False) -> str:
    """Anybody's text as HTML: nothing in it acts, hides or passes for other text (`safe_text`)."""
    return escape(safe_text(text, limit, newlines))


def is_page(scope: Scope) -> bool:
    """Whether a request is for a page for people, so that its refusal is one too."""
    path = str(scope["path"])
    return path == BROWSE or path.startswith(f"{BROWSE}/") or (path.startswith("/docs/") and wants_html(scope))


def wants_html(scope: Scope) -> bool:
    """Whether a browser asks, where a page is there for programs too."""
    return any(name == b"accept" and _TAKES_HTML.search(value) is not None for name, value in scope["headers"])


def refusal_page(told: Mapping[str, Json], root: str) -> str:
    """The page that says what a problem+json answer says."""
    title = str(told["title"])
    listed = told.get("problems")
    problems = "".join(
        f"<li>{shown(str(found['path']))}: {shown(str(found['sentence']))}"
        for found in (listed if isinstance(listed, list) else ())
        if isinstance(found, dict)
    )
    body = f"<h1>{shown(title)}</h1><p>{shown(str(told['detail']))}</p>" + (f"<ul>{problems}</ul>" if problems else "")
    at = escape(root)
    return page(title, f'{body}<nav class="links"><a href="{at}{BROWSE}">All records of this node</a></nav>', root)
