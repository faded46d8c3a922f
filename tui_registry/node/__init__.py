"""The HTTP node: the REST API and the sync endpoints of one replica."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .api import create_app
    from .doors import Whereabouts
    from .limits import NodeBounds
    from .responses import NodeError
    from .server import Address, Door, Terms, Tls, running, serve
    from .workers import Telling, serve_by_workers

__all__ = [
    "Address",
    "Door",
    "NodeBounds",
    "NodeError",
    "Telling",
    "Terms",
    "Tls",
    "Whereabouts",
    "create_app",
    "running",
    "serve",
    "serve_by_workers",
]
_HOMES = {
    "create_app": ".api",
    "NodeBounds": ".limits",
    "Whereabouts": ".doors",
    "NodeError": ".responses",
    **dict.fromkeys(("Address", "Door", "Terms", "Tls", "running", "serve"), ".server"),
    **dict.fromkeys(("Telling", "serve_by_workers"), ".workers"),
}
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
