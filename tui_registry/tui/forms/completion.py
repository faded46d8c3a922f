"""What a field offers to complete while somebody types; the right arrow takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from textual.suggester import Suggester

from tui_registry.errors import RegistryError
from tui_registry.text import safe_text
from tui_registry.tui.forms.fields import FormField
from tui_registry.tui.forms.items import join_items

# (path, how it begins) -> what records here say there, the most common first. Blocks: it is called in a thread.
Ask: TypeAlias = Callable[[str, str], Sequence[str]]

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


class WordSuggester(Suggester):
    """Completes a text, or the last item of a list, with what records here say; `ask` tells that."""

    def __init__(self, path: str) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.path = path
        self.ask: Ask | None = None

    async def get_suggestion(self, value: str) -> str | None:
        word = value if self.path == "license" else value.rpartition(",")[2].lstrip()
        if not word:
            return None
        known = await self._known(word)
        if self.path == "license":
            return next((name for name in (*_LICENCES, *known) if name.lower().startswith(word.lower())), None)
        return completed(value, known)

    async def _known(self, word: str) -> Sequence[str]:
        if self.ask is None:
            return ()
        try:
            return await asyncio.to_thread(self.ask, self.path, word)
        except RegistryError:
            # The form works without: what is wrong with the replica is said where it matters
            return ()


def suggester_for(field: FormField) -> WordSuggester | None:
    """The completion of a field, None where there is nothing to propose."""
    return WordSuggester(field.path) if field.path in COMPLETED else None


def completed(line: str, known: Sequence[str]) -> str | None:
    """The line with its last item completed to the first known word that begins with it and is not there yet."""
    before, _, last = line.rpartition(",")
    start = last.lstrip()
    there = {item.strip() for item in before.split(",")}
    for word in known:
        if start and word.startswith(start) and word != start and word not in there:
            return line + word[len(start) :]
    return None


def is_plain(word: str) -> bool:
    """Whether a word can be proposed: short, nothing hidden in it, no quotes needed in a list."""
    return len(word) <= _LONGEST and safe_text(word) == word and join_items([word]) == word
