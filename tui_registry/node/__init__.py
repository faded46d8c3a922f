"""The HTTP node: the REST API and the sync endpoints of one replica."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .api import create_app
    from .doors import Whereabouts
    from .limits import NodeBounds
    from .responses import NodeError
    from .server import Address, Terms, Tls, running, serve

__all__ = ["Address", "NodeBounds", "NodeError", "Terms", "Tls", "Whereabouts", "create_app", "running", "serve"]
_HOMES = {
    "create_app": ".api",
    "NodeBounds": ".limits",
    "Whereabouts": ".doors",
    "NodeError": ".responses",
    **dict.fromkeys(("Address", "Terms", "Tls", "running", "serve"), ".server"),
}
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
