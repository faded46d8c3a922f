"""Conflicts: the versions of a record side by side, and settling them.

Imported by the first frame: what it offers is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.conflicts.conflict_screen import (
        TextScreen as TextScreen,
        settle as settle,
        show_conflict as show_conflict,
        show_conflicts as show_conflicts,
    )

__all__ = ["TextScreen", "settle", "show_conflict", "show_conflicts"]

__getattr__, __dir__ = lazy_exports(__name__, dict.fromkeys(__all__, ".conflict_screen"))
