"""The node's FastAPI app: a table of contents of its routes."""

from __future__ import annotations

import json
from importlib.resources import files

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool

import tui_registry
from tui_registry.datastore import Datastore
from tui_registry.errors import KINDS, Json
from tui_registry.node.description import HEADERS, HEALTH, SECURITY, add_route, component_schemas, docs_page
from tui_registry.node.limits import NodeBounds
from tui_registry.node.log_routes import log_routes
from tui_registry.node.record_routes import record_routes
from tui_registry.node.responses import PacedAnswers, answer_with_problems

_PROTOCOL = files(tui_registry) / "protocol.md"


def create_app(
    datastore: Datastore, token: str, *, accept_ops: bool = False, bounds: NodeBounds | None = None
) -> FastAPI:
    """The app of a node over one replica.

    Args:
        datastore: open; the caller closes it after the app.
        token: what a write over REST must bear.
        accept_ops: whether strangers may push operations.
    """
    bounds = bounds or NodeBounds()
    app = _Node(
        title="tui-registry node",
        version=tui_registry.__version__,
        summary="A decentralised registry of AI models and agents",
        docs_url=None,
        redoc_url=None,
        # A redirect to the other spelling of a path would be a second way to say everything.
        redirect_slashes=False,
    )
    answer_with_problems(app)
    for kind in KINDS:
        app.include_router(record_routes(datastore, kind, token, bounds))
    app.include_router(log_routes(datastore, accept_ops=accept_ops, bounds=bounds))
    app.include_router(_about(app, datastore))
    app.add_middleware(PacedAnswers, bounds=bounds)
    return app


def _about(app: FastAPI, datastore: Datastore) -> APIRouter:
    router = APIRouter(tags=["about"])

    async def health() -> Response:
        head = await run_in_threadpool(datastore.head)
        told = {"status": "ok", "version": tui_registry.__version__, "node": head.node, "ops": head.size}
        return Response(json.dumps(told), media_type="application/json")

    async def docs() -> Response:
        return HTMLResponse(docs_page(app.openapi()), headers=HEADERS)

    async def protocol() -> Response:
        # As plain text: Markdown reads well as it is, and browsers would download it under its own media type.
        return PlainTextResponse(await run_in_threadpool(_PROTOCOL.read_bytes), headers=HEADERS)

    add_route(router, "GET", "/health", health, HEALTH)
    router.add_api_route("/docs", docs, methods=["GET", "HEAD"], include_in_schema=False)
    router.add_api_route("/docs/protocol", protocol, methods=["GET", "HEAD"], include_in_schema=False)
    return router


class _Node(FastAPI):
    def openapi(self) -> dict[str, Json]:
        """The OpenAPI document, with our schemas in place of FastAPI's own for faults."""
        if not self.openapi_schema:
            tree: dict[str, Json] = super().openapi()
            components = tree.setdefault("components", {})
            if isinstance(components, dict):
                components["schemas"] = {**component_schemas()}
                components["securitySchemes"] = SECURITY
            paths = tree["paths"]
            for methods in paths.values() if isinstance(paths, dict) else ():
                for operation in methods.values() if isinstance(methods, dict) else ():
                    _without_fastapis_faults(operation)
        return self.openapi_schema or {}


def _without_fastapis_faults(operation: Json) -> None:
    responses = operation.get("responses") if isinstance(operation, dict) else None
    if isinstance(responses, dict):
        responses.pop("422", None)
