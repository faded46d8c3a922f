"""The HTTP node: the REST API and the sync endpoints of one replica (DESIGN section 7)."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .app import create_app as create_app
    from .bounds import NodeBounds as NodeBounds
    from .problems import NodeError as NodeError
    from .server import Address as Address
    from .server import running as running
    from .server import serve as serve
    from .token import TOKEN_FILE as TOKEN_FILE
    from .token import node_token as node_token

_HOMES = {
    "create_app": ".app",
    "NodeBounds": ".bounds",
    "NodeError": ".problems",
    **dict.fromkeys(("Address", "running", "serve"), ".server"),
    **dict.fromkeys(("TOKEN_FILE", "node_token"), ".token"),
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
