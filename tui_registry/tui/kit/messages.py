"""What workers and widgets tell their screen. A worker touches no widget: it posts one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from tui_registry.datastore import Entry, HistoryEntry
from tui_registry.tui.browse.reading import Question, Reading, Understanding

if TYPE_CHECKING:
    from tui_registry.datastore import Facets
    from tui_registry.query import Completion


class Failed(Message):
    """A worker could not do its work; the sentence is for people."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence


class Told(Message):
    """A worker did its work, and nothing that is shown changed by it."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence


class Done(Message):
    """A write went well.

    Attributes:
        sentence: what was done.
        gone: the id of a record that is no more.
        select: the record to put the cursor on.
    """

    def __init__(self, sentence: str, *, gone: str | None = None, select: str | None = None) -> None:
        super().__init__()
        self.sentence = sentence
        self.gone = gone
        self.select = select


class RowsRead(Message):
    """Windows of the list.

    Attributes:
        serial: of the answer that they belong to; None when they are another answer.
        stay: the cursor stays on its record (data changed); else it goes to the top (another question).
        understanding: how the question was read; None when they belong to an answer that is shown.
    """

    def __init__(
        self,
        question: Question,
        serial: int | None,
        readings: list[Reading],
        stay: bool,
        understanding: Understanding | None = None,
    ) -> None:
        super().__init__()
        self.question = question
        self.understanding = understanding
        self.serial = serial
        self.readings = readings
        self.stay = stay


class QueryRefused(Message):
    """The query cannot be read.

    Attributes:
        position: of the character that is wrong, 0-based.
        corrected: the query as it was probably meant, or None.
    """

    def __init__(self, question: Question, sentence: str, position: int, corrected: str | None) -> None:
        super().__init__()
        self.question = question
        self.sentence = sentence
        self.position = position
        self.corrected = corrected


class FacetsRead(Message):
    """What the matches of a question have in common; None when that could not be counted."""

    def __init__(self, question: Question, facets: Facets | None) -> None:
        super().__init__()
        self.question = question
        self.facets = facets


class CompletionsRead(Message):
    """What could be typed at the cursor of a query."""

    def __init__(self, text: str, cursor: int, found: list[Completion]) -> None:
        super().__init__()
        self.text = text
        self.cursor = cursor
        self.found = found


class PastRead(Message):
    """The queries last asked, the latest first."""

    def __init__(self, queries: list[str]) -> None:
        super().__init__()
        self.queries = queries


class EntryRead(Message):
    """A record in full, None when it is no more."""

    def __init__(self, record_id: str, entry: Entry | None) -> None:
        super().__init__()
        self.record_id = record_id
        self.entry = entry


class HistoryRead(Message):
    def __init__(self, record_id: str, history: list[HistoryEntry]) -> None:
        super().__init__()
        self.record_id = record_id
        self.history = history


class ShowRecord(Message):
    """Go to Browse, and to that record."""

    def __init__(self, record_id: str) -> None:
        super().__init__()
        self.record_id = record_id


class Search(Message):
    """Go to Browse, and ask for that."""

    def __init__(self, query: str) -> None:
        super().__init__()
        self.query = query
