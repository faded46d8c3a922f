"""The pages of help, at `/docs/NAME`: to a browser as HTML, to all others as they are written, in Markdown. They are
those that the command line prints, made from this package alone: nothing of the replica stands in them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from tui_registry.node.page_frame import HEADERS, page, wants_html
from tui_registry.node.queues import Queues
from tui_registry.node.requests import etag_of, is_held
from tui_registry.node.responses import problem
from tui_registry.node.routes import NodeRoute
from tui_registry.present.pages import PAGES, page_text
from tui_registry.text import nearest, safe_text

if TYPE_CHECKING:
    from markdown_it.token import Token

# Where one page names another.
_NAMES_A_PAGE = re.compile(r"(?:tui-registry )?help (\w+)")


def help_routes(queues: Queues) -> list[NodeRoute]:
    """`/docs/{name}`, for each of `PAGES`."""

    async def answer(request: Request) -> Response:
        name: str = request.path_params["name"]
        if name not in PAGES:
            near = nearest(name, PAGES)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(PAGES)}"
            return problem(404, "no_route", f"there is no page of help called '{safe_text(name, 40)}': {hint}")
        made = _as_html if wants_html(request.scope) else _as_written
        content, tag = await queues.read(request.scope["client"], made, name)
        # A later version of the program may say something else.
        headers = {"etag": tag, "cache-control": "no-cache", "vary": "accept"}
        if is_held(request, tag):
            return Response(status_code=304, headers=headers)
        answered = HTMLResponse if made is _as_html else PlainTextResponse
        return answered(content, headers={**HEADERS, **headers})

    return [NodeRoute("/docs/{name}", answer)]


# How


@cache
def _as_written(name: str) -> tuple[bytes, str]:
    # As plain text: browsers would download it under its own media type.
    content = page_text(name).encode()
    return content, etag_of(content)


@cache
def _as_html(name: str) -> tuple[bytes, str]:
    import markdown_it.token  # takes long, and few ask

    reader = markdown_it.MarkdownIt("commonmark", {"html": False}).enable("table")
    text = page_text(name)
    tokens = reader.parse(text)
    for token in tokens:
        # How a column is aligned: no style but the sheet's is allowed.
        token.attrs.pop("style", None)
        if token.type == "inline":
            token.children = _leading(token.children or [], markdown_it.token.Token)
    body = reader.renderer.render(tokens, reader.options, {})
    title = text.partition("\n")[0].lstrip("# ")
    content = page(
        title, body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>"), ".."
    )
    return (made := content.encode()), etag_of(made)


def _leading(children: list[Token], make: type[Token]) -> list[Token]:
    """A run of text in which a page that is named leads to that page. No other word of it leads anywhere."""
    found: list[Token] = []
    for token in children:
        named = _NAMES_A_PAGE.fullmatch(token.content) if token.type == "code_inline" else None
        if named is None or named[1] not in PAGES:
            found.append(token)
        else:
            found += [make("link_open", "a", 1, {"href": named[1]}), token, make("link_close", "a", -1)]
    return found
