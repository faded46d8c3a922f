"""Pulling and pushing: peers, transports and static logs (DESIGN section 6)."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .bounds import Bounds as Bounds
    from .errors import SyncError as SyncError
    from .events import Event as Event
    from .events import Failed as Failed
    from .events import Finished as Finished
    from .events import Progress as Progress
    from .events import PullResult as PullResult
    from .events import Started as Started
    from .publishing import Published as Published
    from .publishing import publish as publish
    from .pulling import pull as pull
    from .pulling import pull_all as pull_all
    from .pushing import PushResult as PushResult
    from .pushing import push as push
    from .transport import open_transport as open_transport
    from .turns import Turns as Turns

_HOMES = {
    "Bounds": ".bounds",
    "SyncError": ".errors",
    **dict.fromkeys(("Event", "Failed", "Finished", "Progress", "PullResult", "Started"), ".events"),
    **dict.fromkeys(("Published", "publish"), ".publishing"),
    **dict.fromkeys(("pull", "pull_all"), ".pulling"),
    **dict.fromkeys(("PushResult", "push"), ".pushing"),
    "open_transport": ".transport",
    "Turns": ".turns",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
