"""Compare: two to four records side by side, over the list where they were marked.

Loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.compare.compare_screen import CompareScreen as CompareScreen, read_beside as read_beside

__all__ = ["CompareScreen", "read_beside"]

__getattr__, __dir__ = lazy_exports(__name__, {"CompareScreen": ".compare_screen", "read_beside": ".compare_screen"})
