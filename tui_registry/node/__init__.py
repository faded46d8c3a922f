"""The HTTP node: the REST API and the sync endpoints of one replica."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .api import create_app as create_app
    from .limits import NodeBounds as NodeBounds
    from .responses import NodeError as NodeError
    from .server import (
        TOKEN_FILE as TOKEN_FILE,
        Address as Address,
        node_token as node_token,
        running as running,
        serve as serve,
    )

_HOMES = {
    "create_app": ".api",
    "NodeBounds": ".limits",
    "NodeError": ".responses",
    **dict.fromkeys(("TOKEN_FILE", "Address", "node_token", "running", "serve"), ".server"),
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
