"""What workers and widgets tell their screen. A worker touches no widget: it posts one of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from textual.message import Message

from tui_registry.datastore import Entry, HistoryEntry, Page, Peer, Stats

if TYPE_CHECKING:
    from tui_registry.query import Completion
    from tui_registry.replica.facets import Facets

Tone = Literal["done", "problem", "note"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of the last action, as the status line shows it."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Facts:
    """What every screen shows of the replica; `changes` differs whenever something was committed.

    Attributes:
        address: of this replica's key, 40 hex digits.
        owners: local names by address.
    """

    changes: int
    stats: Stats
    peers: tuple[Peer, ...]
    address: str
    owners: dict[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """What the list is asked for: a query as typed."""

    query: str = ""

    @property
    def asks_for_all(self) -> bool:
        return not self.query.strip()


@dataclass(frozen=True, slots=True)
class Reading:
    """One window that was read; its rows are not kept when it was only passed by, and its cursor always is."""

    index: int
    page: Page
    keep: bool = True
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Understanding:
    """How a query is read.

    Attributes:
        words: what it asks for, in a sentence's words.
        reversible: its order can be read from the end too: that of relevance cannot.
        begun: its last word begins a field, or a value that exists: it is probably still being typed.
    """

    words: str
    reversible: bool
    begun: bool = False


class FactsRead(Message):
    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.facts = facts


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


@dataclass(frozen=True, slots=True)
class Span:
    """Windows `first` to `last` of a list, and how to reach them.

    Attributes:
        start, cursor: the window to begin with, and what opens it (None: the list's own beginning or end).
        total: places in the list.
        backwards: from `start` towards the top.
    """

    first: int
    last: int
    start: int = 0
    cursor: str | None = None
    total: int = 0
    backwards: bool = False

    @property
    def windows(self) -> range:
        """In the order they are read."""
        return range(self.start, self.first - 1, -1) if self.backwards else range(self.start, self.last + 1)

    def ending_at(self, total: int, size: int) -> Span:
        """The same windows seen from the end of a list that now has so many places, `size` to a window."""
        start = max(0, total - 1) // size
        first, last = start - (self.start - self.first), start - (self.start - self.last)
        return Span(max(0, first), max(0, last), start, None, total, backwards=True)


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
    """Go to Browse, and to that record if one is named."""

    def __init__(self, record_id: str | None) -> None:
        super().__init__()
        self.record_id = record_id


class Search(Message):
    """Go to Browse, and ask for that."""

    def __init__(self, query: str) -> None:
        super().__init__()
        self.query = query
