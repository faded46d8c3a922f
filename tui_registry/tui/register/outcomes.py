"""What became of the try to sign and store a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tui_registry.datastore import Entry
from tui_registry.errors import Problem, RegistryError
from tui_registry.tui.register.saved import Saved


@dataclass(frozen=True, slots=True)
class Signed:
    """The record was signed and stored; `leftover` is a sentence when its draft could not be removed."""

    saved: Saved
    sentence: str
    leftover: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The authoring rules keep it from being signed."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The record has other heads than the form was made from; `entry` is None when it was deleted."""

    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Broken:
    """The replica could not store it; the form and its draft stay. The sentence says what to do."""

    sentence: str


Outcome: TypeAlias = Signed | Refused | Overtaken | Broken


def not_stored(error: RegistryError) -> str:
    """Why a record was not stored, what to do about it, and that nothing is lost."""
    return f"not saved: {error.sentence} (the form and its draft are kept)"
