"""The commands: all that the screens do, for scripts and for people who prefer a line. Knows nothing of the tui."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .run import Screens as Screens, run as run

__all__ = ["Screens", "run"]
__getattr__, __dir__ = lazy_exports(__name__, {"Screens": ".run", "run": ".run"})
