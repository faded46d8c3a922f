"""What a field offers to complete while somebody types, from what is registered here, and the list that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Offset
from textual.suggester import Suggester
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.query import FIELDS
from tui_registry.text import exact, safe_text
from tui_registry.tui.register.form_fields import join_items


class Known(NamedTuple):
    """A word that records here say in a field, and how many of them."""

    word: str
    records: int


# (path, how it begins) -> what records here say there, the most common first. Blocks: it is called in a thread.
Ask: TypeAlias = Callable[[str, str], Sequence[Known]]

# The fields that are completed from what is registered, and what the query language calls them.
COMPLETED: Final[Mapping[str, str]] = {
    path: term.name
    for term in FIELDS.values()
    if term.shape == "word" and (term.many or term.name == "license")
    for path in term.paths
    if path
}

# Licences that models and agents carry, the most common first.
_LICENCES = (
    "Apache-2.0", "MIT", "BSD-3-Clause", "BSD-2-Clause", "GPL-3.0-or-later", "GPL-3.0-only", "AGPL-3.0-or-later",
    "LGPL-3.0-or-later", "MPL-2.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC0-1.0",
    "ISC", "Unlicense", "LicenseRef-llama3.1", "LicenseRef-llama3.2", "LicenseRef-llama3.3", "LicenseRef-gemma",
    "LicenseRef-openrail", "LicenseRef-proprietary",
)  # fmt: skip
_LONGEST = 40


class LicenceSuggester(Suggester):
    """Completes a licence, in the line itself, with a common one or with what records here say; right takes it."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._ask = ask

    async def get_suggestion(self, value: str) -> str | None:
        if not value:
            return None
        names = await asyncio.to_thread(licences_like, self._ask, value)
        return next(iter(names), None)


def licences_like(ask: Ask, typed: str) -> list[str]:
    """Licences that begin so: common ones, the most common first, then what records here say. Blocks, as `ask` does."""
    names = dict.fromkeys((*_LICENCES, *(found.word for found in asked(ask, "license", typed))))
    return [name for name in names if name.lower().startswith(typed.lower())]


def asked(ask: Ask, path: str, prefix: str) -> Sequence[Known]:
    """What `ask` finds; nothing when the replica cannot be read."""
    try:
        return ask(path, prefix)
    except RegistryError:
        # The form works without: what is wrong with the replica is said where it matters
        return ()


def is_plain(word: str) -> bool:
    """Whether a word can be proposed: short, nothing hidden in it, no quotes needed in a list."""
    return len(word) <= _LONGEST and safe_text(word) == word and join_items([word]) == word


# As many lines as `.offers` shows in register.tcss.
_MOST_SHOWN = 8
_WIDEST = 40
_WIDEST_COUNT = 12


class OfferList(OptionList, can_focus=False):
    """A list that opens over the form at the cursor of a line, and takes that line's keys. Closed while it is empty."""

    def __init__(self) -> None:
        super().__init__(classes="offers", compact=True)
        self.display = False

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    def open_at(self, cursor: Offset, offers: Sequence[Content]) -> None:
        """Show these below the cursor, or above it where there is more room; none closes the list."""
        self.clear_options()
        self.add_options(Option(offer) for offer in offers)
        lines, below = min(len(offers), _MOST_SHOWN), cursor.y + 1
        fits = below + lines <= self.screen.size.height
        # Over what follows the cursor, so that the form never moves under it
        self.absolute_offset = Offset(cursor.x, below if fits else max(0, cursor.y - lines))
        self.display = bool(offers)

    def close(self) -> None:
        """Close the list."""
        self.display = False

    def press(self, key: str) -> bool:
        """Take a key of the line; True when it was for the list."""
        if not self.is_open:
            return False
        match key:
            case "down":
                self.action_cursor_down()
            case "up":
                self.action_cursor_up()
            case "escape":
                self.close()
            case _:
                return False
        return True


class WordOffers(OfferList):
    """Words that records here say, and how many of them."""

    found: Sequence[Known] = ()

    @property
    def chosen(self) -> Known | None:
        """The word that a person moved to, None before."""
        return self.found[self.highlighted] if self.is_open and self.highlighted is not None else None

    @property
    def best(self) -> Known | None:
        """The chosen one, or else the first."""
        return self.chosen or (self.found[0] if self.is_open else None)

    def show(self, found: Sequence[Known], cursor: Offset) -> None:
        """Show these at the cursor; none closes the list."""
        self.found = found
        words = [safe_text(known.word, _WIDEST) for known in found]
        width = max(map(cell_len, words), default=0)
        self.styles.width = width + _WIDEST_COUNT
        self.open_at(
            cursor,
            [
                Content.assemble(word, " " * (width - cell_len(word) + 2), (exact(known.records), "$text-muted"))
                for word, known in zip(words, found, strict=True)
            ],
        )
        self.highlighted = None
