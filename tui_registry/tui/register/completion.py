"""What a field offers to complete while somebody types, from what is registered here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from textual.suggester import Suggester

from tui_registry.errors import RegistryError
from tui_registry.text import safe_text
from tui_registry.tui.register.fields import FormField
from tui_registry.tui.register.items import join_items


class Known(NamedTuple):
    """A word that records here say in a field, and how many of them."""

    word: str
    records: int


# (path, how it begins) -> what records here say there, the most common first. Blocks: it is called in a thread.
Ask: TypeAlias = Callable[[str, str], Sequence[Known]]

# The fields that are completed from what is registered, and what the query language calls them.
COMPLETED: Final[Mapping[str, str]] = {"tags": "tag", "capabilities": "cap", "tools": "tool", "license": "license"}

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

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.ask: Ask | None = None

    async def get_suggestion(self, value: str) -> str | None:
        if not value:
            return None
        known = [] if self.ask is None else await asyncio.to_thread(asked, self.ask, "license", value)
        names = (*_LICENCES, *(found.word for found in known))
        return next((name for name in names if name.lower().startswith(value.lower())), None)


def suggester_for(field: FormField) -> LicenceSuggester | None:
    """The completion in the line of a field, None where there is none."""
    return LicenceSuggester() if field.path == "license" else None


def asked(ask: Ask, path: str, prefix: str) -> Sequence[Known]:
    """What `ask` tells; nothing when the replica cannot be read."""
    try:
        return ask(path, prefix)
    except RegistryError:
        # The form works without: what is wrong with the replica is said where it matters
        return ()


def is_plain(word: str) -> bool:
    """Whether a word can be proposed: short, nothing hidden in it, no quotes needed in a list."""
    return len(word) <= _LONGEST and safe_text(word) == word and join_items([word]) == word
