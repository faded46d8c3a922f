"""Errors as answers: RFC 9457 problem+json, with the codes and sentences that the rest of the house uses."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match

from tui_registry.errors import InvalidRecord, Json, Problem, RegistryError

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("tui_registry.node")

# What a caller can do something about. Everything else is the operator's, and its sentence may name files.
_STATUS = {
    "not_found": 404,
    "ambiguous": 400,
    "not_owner": 403,
    "already_registered": 409,
    "changed": 412,
    "invalid": 422,
    "query": 400,
    "document": 400,
    "limit": 422,
    "unauthorized": 401,
    "push_off": 403,
    "too_large": 413,
    "too_slow": 408,
    "encoded": 415,
    "bad_id": 400,
    "bad_body": 400,
    "no_operations": 400,
    "no_tile": 404,
    "no_log": 404,
    "not_offered": 501,
    "interrupted": 503,
    "locked": 503,
    "busy": 503,
    "disk_full": 507,
    "full": 507,
}
_KEPT_BACK = "the node cannot do this now. Its operator finds the reason in the node's own output"
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
_OPERATORS = frozenset(("locked", "disk_full"))


class NodeError(RegistryError):
    """A request that the node refuses, or a node that cannot start."""


def problem(
    status: int,
    code: str,
    sentence: str,
    problems: Iterable[Problem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem+json answer (RFC 9457): `code` and `problems` are our members."""
    tree: dict[str, Json] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": sentence,
    }
    listed: list[Json] = [
        {"path": found.path, "severity": found.severity, "code": found.code, "sentence": found.sentence}
        for found in problems
    ]
    if listed:
        tree["problems"] = listed
    return Response(json.dumps(tree), status, dict(headers or {}), MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Let every error of the app be a problem+json answer, without a traceback or a path."""
    app.add_exception_handler(RegistryError, _registry_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unforeseen)


def of_error(error: RegistryError) -> Response:
    """The answer to a declared error."""
    status = _STATUS.get(error.code)
    if status is None or error.code in _OPERATORS:
        _log.error("%s: %s", error.code, error.sentence)
        return problem(status or 500, error.code, _KEPT_BACK)
    headers = {"www-authenticate": "Bearer"} if status == 401 else {"retry-after": "5"} if status == 503 else None
    found = error.problems if isinstance(error, InvalidRecord) else ()
    return problem(status, error.code, error.sentence, found, headers)


def _registry_error(request: Request, error: Exception) -> Response:
    return of_error(error) if isinstance(error, RegistryError) else _unforeseen(request, error)


def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _unforeseen(request, error)
    if error.status_code == 404:
        return problem(404, "no_route", "there is nothing at this path: /docs lists what there is")
    if error.status_code == 405:
        # Starlette names the methods of the first route that has the path; each of ours has one method.
        allow = {"allow": ", ".join(_methods_of(request))}
        return problem(405, "method", "this path does not take that method: see /docs", headers=allow)
    return problem(error.status_code, f"http_{error.status_code}", HTTPStatus(error.status_code).phrase)


def _methods_of(request: Request) -> list[str]:
    routes: list[BaseRoute] = request.app.routes
    scopes = [{**request.scope, "method": method} for method in _METHODS]
    return [scope["method"] for scope in scopes if any(route.matches(scope)[0] is Match.FULL for route in routes)]


def _gone(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's interface
    return problem(400, "bad_body", "the connection ended before the body did")


def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("unforeseen error in %s %s", request.method, request.url.path, exc_info=error)
    # Starlette raises the error again, and the server then drops the connection: the caller must not use it again.
    return problem(500, "internal", _KEPT_BACK, headers={"connection": "close"})
