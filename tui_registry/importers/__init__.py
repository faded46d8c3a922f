"""Descriptions from elsewhere -> drafts of records, with where each value came from and what could not be read.

Nothing here signs or stores. `read_source` takes a file, a folder or an address.
"""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.present.imports import Finding, Found, Operations, Skipped

    from .own_documents import kind_of, read_draft
    from .sources import is_address, place_of, read_source
    from .untrusted import CutShortError, SourceError

__all__ = [
    "CutShortError", "Finding", "Found", "Operations", "Skipped", "SourceError", "is_address", "kind_of", "place_of",
    "read_draft",
    "read_source",
]  # fmt: skip
_HOMES = {
    **dict.fromkeys(("Finding", "Found", "Operations", "Skipped"), "tui_registry.present.imports"),
    **dict.fromkeys(("kind_of", "read_draft"), ".own_documents"),
    **dict.fromkeys(("is_address", "place_of", "read_source"), ".sources"),
    **dict.fromkeys(("CutShortError", "SourceError"), ".untrusted"),
}
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
