"""How Browse asks: workers that read the answer to a question, its windows and what was saved of it."""

from __future__ import annotations

from textual import work
from textual.worker import get_current_worker

from tui_registry.errors import RegistryError
from tui_registry.query.nodes import QueryError
from tui_registry.tui.browse.reading import TOP, Question, Span, read_windows, understand
from tui_registry.tui.browse.saved_searches import SavedSearches
from tui_registry.tui.kit.messages import Failed, QueryRefused, RowsRead


class Answers(SavedSearches):
    """A screen with a list that answers a question."""

    @work(thread=True, exclusive=True, group="rows")
    def read_anew(self, question: Question, stay: bool, span: Span = TOP) -> None:
        """Another answer. Each key typed cancels the one before: what comes too late is not shown."""
        self._read_rows(question, span, None, stay, recount=stay)

    @work(thread=True, exclusive=True, group="windows")
    def read_more(self, question: Question, span: Span, serial: int, recount: bool = False) -> None:
        """Windows of the answer that is shown."""
        self._read_rows(question, span, serial, stay=True, recount=recount)

    def _read_rows(self, question: Question, span: Span, serial: int | None, stay: bool, recount: bool) -> None:
        worker = get_current_worker()
        understanding = None
        try:
            for readings in read_windows(self.datastore, question, span, lambda: worker.is_cancelled, recount):
                if worker.is_cancelled:
                    return
                if serial is None and understanding is None:
                    nothing = not readings[0].page.rows
                    understanding = understand(self.datastore, question, self.host.now(), nothing)
                self.post_message(RowsRead(question, serial, readings, stay, understanding))
        except QueryError as error:
            if not worker.is_cancelled:
                corrected = error.corrected(question.query)
                self.post_message(QueryRefused(question, error.sentence, error.position, corrected))
        except RegistryError as error:
            if not worker.is_cancelled:
                self.post_message(Failed(error.sentence))
