"""One way to add a route, with what OpenAPI says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import Response

from tui_registry.node.shapes import Said


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
