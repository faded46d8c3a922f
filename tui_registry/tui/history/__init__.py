"""History: the operations of this replica, and records that were deleted.

Imported by the first frame: what it offers is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.history.history_screen import HistoryScreen as HistoryScreen

__all__ = ["HistoryScreen"]

__getattr__, __dir__ = lazy_exports(__name__, {"HistoryScreen": ".history_screen"})
