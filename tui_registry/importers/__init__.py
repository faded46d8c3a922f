"""Descriptions from elsewhere -> drafts of records, with where each value came from and what could not be read.

Nothing here signs or stores. `read_source` takes a file, a folder or an address.
"""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .documents import Finding as Finding
    from .documents import kind_of as kind_of
    from .documents import read_draft as read_draft
    from .errors import SourceError as SourceError
    from .found import Found as Found
    from .found import Operations as Operations
    from .found import Skipped as Skipped
    from .sources import is_address as is_address
    from .sources import read_source as read_source

_HOMES = {
    **dict.fromkeys(("Finding", "kind_of", "read_draft"), ".documents"),
    "SourceError": ".errors",
    **dict.fromkeys(("Found", "Operations", "Skipped"), ".found"),
    **dict.fromkeys(("is_address", "read_source"), ".sources"),
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
