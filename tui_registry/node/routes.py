"""Where a node answers: its paths, and the methods of each. They stand apart from what is said of them, `description`,
which takes longer to import than all the rest of a node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from tui_registry.tongues.mcp_registry import API

Endpoint = Callable[[Request], Awaitable[Response]]

EVENTS = "/events"
# The read API of an MCP registry: its list, and how many servers a page has at most and unless asked for.
MCP_SERVERS = f"{API}/servers"
MCP_LIMIT, MCP_PAGE = 100, 30
# Of the answers in other formats: how many records could not be said in it.
LEFT_OUT_HEADER = "tui-registry-left-out"
MERGE_PATCH = "application/merge-patch+json"
# What stands in a path where others name a record.
_OWN_NAMES = ("search", "validate", "facets")
_RECORD = "/{record_id:record_id}"
# What can be done with records of one kind, by its name: the method, and the path below that of the kind.
RECORD_ROUTES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "register": ("POST", ""),
        "browse": ("GET", ""),
        "search": ("POST", "/search"),
        "facets": ("GET", "/facets"),
        "show": ("GET", _RECORD),
        "validate": ("POST", "/validate"),
        "update": ("PUT", _RECORD),
        "patch": ("PATCH", _RECORD),
        "delete": ("DELETE", _RECORD),
        "resolve": ("POST", f"{_RECORD}/resolve"),
        "history": ("GET", f"{_RECORD}/history"),
        "heads": ("GET", f"{_RECORD}/heads"),
        "versions": ("GET", f"{_RECORD}/versions"),
        "lineage": ("GET", f"{_RECORD}/lineage"),
        "dependants": ("GET", f"{_RECORD}/dependants"),
        "manifest": ("GET", f"{_RECORD}/manifest"),
        "put_manifest": ("PUT", f"{_RECORD}/manifest"),
        "patch_manifest": ("PATCH", f"{_RECORD}/manifest"),
        "delete_manifest": ("DELETE", f"{_RECORD}/manifest"),
        "resolve_manifest": ("POST", f"{_RECORD}/manifest/resolve"),
        "manifest_history": ("GET", f"{_RECORD}/manifest/history"),
    }
)


class _RecordId(StringConvertor):
    """What stands for a record in a path: not what is a path of its own, and takes other methods."""

    regex = f"(?!(?:{'|'.join(_OWN_NAMES)})$)[^/]+"


register_url_convertor("record_id", _RecordId())


class NodeRoute(Route):
    """A route that is found in the scope, at `route`, by whoever watches the node. What answers GET answers HEAD too
    (RFC 9110, section 9.1); the server leaves the body out."""

    def __init__(self, path: str, endpoint: Endpoint, method: str = "GET") -> None:
        super().__init__(path, endpoint, methods=[method])

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, {**found, "route": self} if found else found
