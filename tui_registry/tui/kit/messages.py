"""What a screen tells the app of another mode, which it does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.message import Message

from tui_registry.errors import Json


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


class Narrow(Message):
    """To the screen of the history: narrow the list as if that was typed."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words


class PullFrom(Message):
    """To the screen of the peers: pull from that one, which was just added."""

    def __init__(self, peer: str) -> None:
        super().__init__()
        self.peer = peer


class Settle(Message):
    """Show the versions of a record in conflict over what is in front."""

    def __init__(
        self,
        record_id: str,
        decided: Mapping[str, Json],
        taken: Callable[[], object],
        settled: Callable[[bool], None],
    ) -> None:
        """
        Args:
            decided: values that somebody wants already, by the field's path.
            taken: is called once they are shown, and kept there.
            settled: is called once the conflict is settled, with False where that was by deleting the record.
        """
        super().__init__()
        self.record_id = record_id
        self.decided = decided
        self.taken = taken
        self.settled = settled
