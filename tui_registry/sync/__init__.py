"""Pulling and pushing: peers, transports and static logs (see protocol.md, Sync)."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.present.pulls import (
        Delivery,
        Event,
        Failed,
        Finished,
        Progress,
        PullResult,
        PushResult,
        Started,
        SyncError,
    )

    from .auditing import Audit, audit
    from .bounds import Bounds, bounds_of
    from .bundles import Bundle, Bundled, write_bundles
    from .concurrency import Turns
    from .publishing import Published, publish
    from .pulling import pull, pull_all
    from .pushing import deliver, plan_push, push
    from .rounds import Rounds
    from .transport import open_transport

__all__ = [
    "Audit", "Bounds", "Bundle", "Bundled", "Delivery", "Event", "Failed", "Finished", "Progress", "Published",
    "PullResult", "PushResult", "Rounds", "Started", "SyncError", "Turns", "audit", "bounds_of", "deliver",
    "open_transport", "plan_push", "publish", "pull", "pull_all", "push", "write_bundles",
]  # fmt: skip
_OUTCOMES = ("Delivery", "Event", "Failed", "Finished", "Progress", "PullResult", "PushResult", "Started", "SyncError")
_HOMES = {
    **dict.fromkeys(_OUTCOMES, "tui_registry.present.pulls"),
    **dict.fromkeys(("Audit", "audit"), ".auditing"),
    **dict.fromkeys(("Bounds", "bounds_of"), ".bounds"),
    **dict.fromkeys(("Bundle", "Bundled", "write_bundles"), ".bundles"),
    "Turns": ".concurrency",
    **dict.fromkeys(("Published", "publish"), ".publishing"),
    **dict.fromkeys(("pull", "pull_all"), ".pulling"),
    **dict.fromkeys(("deliver", "plan_push", "push"), ".pushing"),
    "Rounds": ".rounds",
    "open_transport": ".transport",
}
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
