"""Pulling and pushing: peers, transports and static logs (see protocol.md, Sync)."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.present.pulls import (
        Event as Event,
        Failed as Failed,
        Finished as Finished,
        Progress as Progress,
        PullResult as PullResult,
        PushResult as PushResult,
        Started as Started,
        SyncError as SyncError,
    )

    from .bounds import Bounds as Bounds
    from .concurrency import Turns as Turns
    from .publishing import Published as Published, publish as publish
    from .pulling import pull as pull, pull_all as pull_all
    from .pushing import push as push
    from .transport import open_transport as open_transport

_OUTCOMES = ("Event", "Failed", "Finished", "Progress", "PullResult", "PushResult", "Started", "SyncError")
_HOMES = {
    **dict.fromkeys(_OUTCOMES, "tui_registry.present.pulls"),
    "Bounds": ".bounds",
    "Turns": ".concurrency",
    **dict.fromkeys(("Published", "publish"), ".publishing"),
    **dict.fromkeys(("pull", "pull_all"), ".pulling"),
    "push": ".pushing",
    "open_transport": ".transport",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
