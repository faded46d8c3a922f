"""What the workers of the form tell its screen."""

from __future__ import annotations

from textual.message import Message

from tui_registry.errors import Kind, Problem
from tui_registry.tui.register.desk import Opened
from tui_registry.tui.register.outcomes import Outcome


class FormOpened(Message):
    """The form was read from the replica; or it was not, and the sentence says why."""

    def __init__(self, opened: Opened | None, sentence: str = "") -> None:
        super().__init__()
        self.opened = opened
        self.sentence = sentence


class RecordChecked(Message):
    """What the authoring rules say of the record; `names` are those of the preferred models, by id."""

    def __init__(self, kind: Kind, problems: tuple[Problem, ...], names: dict[str, str], failure: str = "") -> None:
        super().__init__()
        self.kind = kind
        self.problems = problems
        self.names = names
        self.failure = failure


class DraftKept(Message):
    """The draft was stored at that second; `failure` says why it was not.

    It was meant to be stored under the key `meant`, and is under `key`, where another form's draft is left alone.
    """

    def __init__(self, meant: str, key: str, saved_at: int, failure: str = "") -> None:
        super().__init__()
        self.meant = meant
        self.key = key
        self.saved_at = saved_at
        self.failure = failure


class DraftDropped(Message):
    """A draft was removed; `failure` says why it was not."""

    def __init__(self, key: str, failure: str = "") -> None:
        super().__init__()
        self.key = key
        self.failure = failure


class RecordStored(Message):
    """What became of the try to sign and store the record."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class RecordOvertaken(Message):
    """The record that is being edited changed in the replica."""
