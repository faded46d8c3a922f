"""Browse: search as one types, the list of records, the record in full, and what can be done with it.

Offers the screens over Browse, which the first frame does without: each is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.browse.detail_screen import DetailScreen as DetailScreen
    from tui_registry.tui.browse.searches import SearchesScreen as SearchesScreen

__all__ = ["DetailScreen", "SearchesScreen"]

__getattr__, __dir__ = lazy_exports(__name__, {"DetailScreen": ".detail_screen", "SearchesScreen": ".searches"})
