"""What workers and widgets tell their screen. A worker touches no widget: it posts one of these."""

from __future__ import annotations

from textual.message import Message


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
