"""Import: from a file, a folder or an address to drafts and records.

Imported by the first frame: what it offers is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.imports.import_flow import FindingsScreen as FindingsScreen
    from tui_registry.tui.imports.import_flow import ImportSource as ImportSource

__all__ = ["FindingsScreen", "ImportSource"]

__getattr__, __dir__ = lazy_exports(__name__, {"FindingsScreen": ".import_flow", "ImportSource": ".import_flow"})
