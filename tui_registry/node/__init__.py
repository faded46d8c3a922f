"""The HTTP node: the REST API and the sync endpoints of one replica."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .api import create_app
    from .limits import NodeBounds
    from .responses import NodeError
    from .server import TOKEN_FILE, Address, node_token, running, serve

__all__ = ["TOKEN_FILE", "Address", "NodeBounds", "NodeError", "create_app", "node_token", "running", "serve"]
_HOMES = {
    "create_app": ".api",
    "NodeBounds": ".limits",
    "NodeError": ".responses",
    **dict.fromkeys(("TOKEN_FILE", "Address", "node_token", "running", "serve"), ".server"),
}
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
