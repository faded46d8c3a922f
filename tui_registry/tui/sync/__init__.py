"""Sync: peers, the pulls that run, and what was refused.

Imported by the first frame: what it offers is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.sync.running_pulls import PullsByThemselves as PullsByThemselves
    from tui_registry.tui.sync.sync_screen import SyncScreen as SyncScreen

__all__ = ["PullsByThemselves", "SyncScreen"]

__getattr__, __dir__ = lazy_exports(__name__, {"PullsByThemselves": ".running_pulls", "SyncScreen": ".sync_screen"})
