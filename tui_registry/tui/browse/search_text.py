"""The two lines of the search bar as text. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from rich.cells import cell_len
from textual.content import Content

from tui_registry.text import safe_text

PROMPT_WIDTH: Final = 3
# Room for `1,000,000+ of 1,000,000`, always kept, so that what one types in has one width.
COUNT_WIDTH: Final = 27
PLACEHOLDER: Final = "find by words, or params:<=8b license:apache-2.0"
_PROMPT: Final = Content.styled(" / ", "bold $text-accent")
_QUIET: Final = "$foreground-muted"
_WARNING: Final = "$text-warning"
# What an input draws its placeholder with comes to the same on either theme.
_FAINT: Final = "$foreground 44%"


class Note(NamedTuple):
    """What stands under the query.

    Attributes:
        ways: to say it, each with its indent: the first that fits is shown, or else the last, cut short.
    """

    style: str = _QUIET
    ways: tuple[tuple[int, str], ...] = ()

    def line(self, width: int) -> Content:
        """The note in so many cells."""
        fitting = (way for way in self.ways if way[0] + cell_len(way[1]) <= width)
        indent, text = next(fitting, self.ways[-1] if self.ways else (0, ""))
        return Content.styled(" " * indent + text, self.style).truncate(max(1, width), ellipsis=True)


def understood(words: str, proposal: str | None) -> Note:
    """How the query is read; with a proposal, that nothing matches and what Enter would search for."""
    if proposal is None:
        return Note(_QUIET, ((PROMPT_WIDTH, words),))
    text = f"nothing matches; Enter searches for {safe_text(proposal, 60)}"
    return Note(_WARNING, ((PROMPT_WIDTH, text),))


def begun() -> Note:
    """That the last word is probably not all of it: nothing has it, and something begins so."""
    return Note(_QUIET, ((PROMPT_WIDTH, "nothing has this word; tab completes it"),))


def refused(query: str, sentence: str, position: int, proposal: str | None) -> Note:
    """Why the query cannot be read, and what Enter would take instead; a caret at the character where there is room."""
    text = safe_text(sentence, 300)
    if proposal is not None:
        text += f"  (Enter takes {safe_text(proposal, 60)})"
    indent = PROMPT_WIDTH + cell_len(safe_text(query[:position]))
    return Note(_WARNING, ((indent, f"^ {text}"), (PROMPT_WIDTH, f"! at character {position + 1}: {text}")))


def search_lines(query: str | None, count: str, note: Note, width: int) -> Content:
    """Both lines.

    Args:
        query: None where an input lies over its place.
    """
    line = Content("")
    if query is not None:
        line = Content(query) if query else Content.styled(PLACEHOLDER, _FAINT)
        line = line.truncate(max(1, width - PROMPT_WIDTH - COUNT_WIDTH))
    number = Content.styled(count, _QUIET)
    gap = max(0, width - PROMPT_WIDTH - line.cell_length - number.cell_length - 1)
    return Content.assemble(_PROMPT, line, " " * gap, number, "\n", note.line(width))
