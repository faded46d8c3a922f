"""What a screen tells the app of another mode, which it does not know."""

from __future__ import annotations

from textual.message import Message


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
