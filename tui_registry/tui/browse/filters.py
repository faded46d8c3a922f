"""The filters of Browse: opened, gone to and closed with one key; what is toggled there edits the search line."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from tui_registry.tui.browse.answers import Answers
from tui_registry.tui.browse.reading import Question
from tui_registry.tui.browse.record_list import RecordList

if TYPE_CHECKING:
    from tui_registry.tui.browse.facet_panel import FacetPanel


class Filters(Answers):
    """A screen with a panel of filters, in sight while it has the class `-filters`.

    Attributes:
        answered: the question whose answer is shown.
    """

    def __init__(self, query: str) -> None:
        super().__init__()
        self.answered = Question(query)

    @property
    @abstractmethod
    def filters(self) -> FacetPanel:
        """Brought when they are first asked for."""
        raise NotImplementedError

    def count_facets(self) -> None:
        """After an answer, never before it; not at all where nobody looks."""
        if self.has_class("-filters"):
            self.filters.count(self.answered)

    def action_filters(self) -> None:
        """Open the filters, go to them, close them."""
        if self.focused is self.filters:
            self.close_filters()
            return
        self.add_class("-filters")
        self.filters.focus()
        self.count_facets()

    def close_filters(self) -> None:
        self.filters.stop()
        self.query_one(RecordList).focus()
        self.remove_class("-filters")

    def on_facet_panel_toggled(self, message: FacetPanel.Toggled) -> None:
        message.stop()
        self.bar.ask(message.query)
