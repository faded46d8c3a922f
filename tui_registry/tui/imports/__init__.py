"""Import: from a file, a folder or an address to drafts and records.

Imported by the first frame: what it offers is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.imports.import_flow import SourceScreen as SourceScreen, import_records as import_records

__all__ = ["SourceScreen", "import_records"]

__getattr__, __dir__ = lazy_exports(__name__, dict.fromkeys(("SourceScreen", "import_records"), ".import_flow"))
