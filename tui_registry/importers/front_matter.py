"""YAML front matter between lines of three hyphens, as cards and skills have it: its values, and the text below it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.importers.draft_writer import seen
from tui_registry.records.documents import MAX_FOREIGN_BYTES, DocumentError, load_foreign, top_fields
from tui_registry.text import exact

# What is read of a file: all of its front matter, and of its text as much as says what it is about.
MOST_BYTES = MAX_FOREIGN_BYTES + 256 * 1024
_FENCE = re.compile(r"\A\ufeff?(?:[ \t]*\r?\n)*---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


class FrontMatter(NamedTuple):
    """What stands at the beginning of a text.

    Attributes:
        values: scalars are text, as they stand there.
        body: the text below.
        notes: what could not be read of it.
    """

    values: Mapping[str, Json]
    body: str
    notes: tuple[str, ...]


@lru_cache(maxsize=2)  # what a text is, and what it says, are two questions
def front_matter(text: str) -> FrontMatter | None:
    """The front matter of a text, None when it has none or no mapping is in it. Nothing is raised."""
    match = _FENCE.match(text)
    if match is None:
        return None
    notes: list[str] = []
    # As many lines as stand before it, so that a place in it is one in the file
    inner = "\n" * text.count("\n", 0, match.start(1)) + match[1]
    results: dict[str, Json] = {}
    if len(inner) > _LONG:
        inner, results = _without_results(inner)
    try:
        values = load_foreign(inner, "the front matter.yaml", notes)
    except DocumentError as error:
        place = "" if error.line is None else f" (line {error.line})"
        notes.append(f"the front matter could not be read{place}: it {error.sentence.partition(': ')[2]}")
        return FrontMatter({}, text[match.end() :], tuple(notes))
    if not isinstance(values, dict):
        return None
    return FrontMatter({**values, **results}, text[match.end() :], tuple(notes))


# Lists of results grow to megabytes, and no field of a record holds them.
_LONG = 64 * 1024
_RESULTS = "model-index"


def _without_results(text: str) -> tuple[str, dict[str, Json]]:
    kept, results = [text], dict[str, Json]()
    for key, _, part in top_fields(text):
        if key == _RESULTS and len(part) > _LONG // 2:
            kept = [piece for one in kept for piece in one.split(part, 1)]
            results[key] = f"{exact(len(part))} characters of results"
    return "".join(kept), results


def without_place(values: Mapping[str, Json], placed: frozenset[str]) -> list[str]:
    """What a card says that no field of a record holds, as a note."""
    said = [seen(key, value) for key, value in values.items() if key not in placed and value not in (None, "", [], {})]
    if not said:
        return []
    more = f", and {exact(len(said) - _MOST)} more" if len(said) > _MOST else ""
    return [f"the card also states what no field holds: {'; '.join(said[:_MOST])}{more}"]


_MOST = 12
