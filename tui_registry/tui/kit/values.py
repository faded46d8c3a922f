"""What the screens ask for and what they are told, as plain values. No Textual here: the first are read before it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tui_registry.datastore import Page, Peer, Stats

Tone = Literal["done", "problem", "note"]


class Outcome(NamedTuple):
    """The result of the last action, as the status line shows it."""

    text: str
    tone: Tone


class Facts(NamedTuple):
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


class Question(NamedTuple):
    """What the list is asked for: a query as typed."""

    query: str = ""

    @property
    def asks_for_all(self) -> bool:
        return not self.query.strip()


class Reading(NamedTuple):
    """One window that was read; its rows are not kept when it was only passed by, and its cursor always is.

    Attributes:
        window: its number, 0 at the top of the list.
    """

    window: int
    page: Page
    keep: bool = True
    backwards: bool = False


class Understanding(NamedTuple):
    """How a query is read.

    Attributes:
        words: what it asks for, in a sentence's words.
        reversible: its order can be read from the end too: that of relevance cannot.
        begun: its last word begins a field, or a value that exists: it is probably still being typed.
    """

    words: str
    reversible: bool
    begun: bool = False


class Span(NamedTuple):
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


TOP = Span(0, 0)
