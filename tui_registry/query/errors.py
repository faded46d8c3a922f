"""The one error of the query language: a sentence, the place, and what could stand there instead."""

from __future__ import annotations

from tui_registry.errors import RegistryError


class QueryError(RegistryError):
    """A query that cannot be read. Code `query`.

    Attributes:
        position: 0-based index of the first character that is wrong in the text given to `parse`.
        length: how many characters are wrong, at least 1 (it may reach past the end of the text).
        suggestion: what could stand in place of `text[position : position + length]`, or None.
    """

    def __init__(self, sentence: str, position: int, length: int = 1, suggestion: str | None = None) -> None:
        super().__init__("query", sentence)
        self.position = position
        self.length = max(1, length)
        self.suggestion = suggestion

    def corrected(self, text: str) -> str | None:
        """The query's text with the suggestion in its place, or None without a suggestion."""
        if self.suggestion is None:
            return None
        return text[: self.position] + self.suggestion + text[self.position + self.length :]


class BackwardsRangeError(ValueError):
    """A range whose end comes before its start; `turned` is the range the other way round."""

    def __init__(self, first: str, last: str) -> None:
        self.turned = f"{last.strip()}..{first.strip()}"
        super().__init__(f"the range runs backwards: write {self.turned}")


def shown(text: str) -> str:
    """A piece of the user's text as a sentence quotes it: safe, and short."""
    # Imported on the way to an error only: reading a query must not pay for it.
    from tui_registry.text import safe_text

    return f"'{safe_text(text, 40)}'"


def nearest(word: str, known: list[str]) -> str | None:
    """The known word that `word` was most likely meant to be, or None."""
    from difflib import get_close_matches

    close = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return close[0] if close else None
