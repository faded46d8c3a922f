"""What Browse is made of: the widgets of the first frame, and those that come after it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from textual.app import ComposeResult
from textual.widget import Widget

from tui_registry.tui.browse.filters import Filters
from tui_registry.tui.browse.record_detail import RecordDetail
from tui_registry.tui.browse.record_list import RecordList
from tui_registry.tui.browse.search_bar import SearchBar
from tui_registry.tui.kit.host import read_styles

if TYPE_CHECKING:
    from tui_registry.tui.browse.empty import EmptyState
    from tui_registry.tui.browse.facet_panel import FacetPanel

WIDE = 100


class Later(NamedTuple):
    """The widgets that come after the first frame."""

    empty: EmptyState
    filters: FacetPanel


class BrowseParts(Filters):
    """A screen with a search line, a list, and beside it a record in full where there is room.

    The first frame is what a person waits for, so nothing is made for it that it does not show: no containers, no input
    before somebody can type, no text of the detail. What comes later has its place kept, and nothing jumps.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide"), (150, "-roomy")]  # noqa: RUF012 - as Textual has it

    def __init__(self, query: str, width: int) -> None:
        """
        Args:
            width: of the terminal, so that the first frame is laid out for it at once.
        """
        super().__init__(query)
        room = [name for least, name in self.HORIZONTAL_BREAKPOINTS if least <= width]
        self.set_class(True, room[-1], update=False)
        self._first_query = query
        self._later: Later | None = None

    def compose(self) -> ComposeResult:
        yield from self.compose_frame()
        yield from self.compose_body()

    def compose_body(self) -> Iterable[Widget]:
        yield SearchBar(self._first_query)
        yield RecordList(id="records")
        yield RecordDetail(id="detail", furnished=False)

    def furnish(self) -> Later:
        """Bring what the first frame does without, if it is not there yet, and read the record under the cursor."""
        if self._later is None:
            from tui_registry.tui.browse.empty import EmptyState
            from tui_registry.tui.browse.facet_panel import FacetPanel

            read_styles(self, "browse/browse_more.tcss")
            self._later = Later(EmptyState(id="empty"), FacetPanel(id="filters"))
            self.mount_all(self._later, before="#detail")
            self.bar.furnish()
            self.detail.furnish()
            if self.ref is not None:
                self.read_entry(self.ref)
        return self._later

    @property
    def is_furnished(self) -> bool:
        """Whether all of it is there."""
        return self._later is not None

    @property
    def bar(self) -> SearchBar:
        return self.query_one(SearchBar)

    @property
    def records(self) -> RecordList:
        return self.query_one(RecordList)

    @property
    def detail(self) -> RecordDetail:
        return self.query_one(RecordDetail)

    @property
    def filters(self) -> FacetPanel:
        return self.furnish().filters

    @property
    def is_filtering(self) -> bool:
        """Whether the filters have the focus."""
        return self._later is not None and self.focused is self._later.filters
