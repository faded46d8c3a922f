"""Lists as people write them on one line: `chat, code, "a, b"`. Lossless: every list of texts has a spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence


def join_items(items: Sequence[str]) -> str:
    """The items on one line; one that commas or spaces would break is quoted, its quotes doubled."""
    return ", ".join(_quoted(item) if _needs_quotes(item) else item for item in items)


def split_items(line: str) -> list[str]:
    """The items of a line, in order; space around them and empty places between commas are dropped.

    A quote that is never closed runs to the end of the line: people see it while they type.
    """
    items: list[str] = []
    for match in _matches(line):
        quoted, plain = match["quoted"], match["plain"]
        if quoted is not None:
            items.append(quoted.replace('""', '"'))
        elif plain.strip():
            items.append(plain.strip())
    return items


def finished_items(line: str) -> tuple[list[str], str]:
    """The items of a line that a comma ends, and the rest of it, which somebody is still writing."""
    end = 0
    for match in _matches(line):
        # The comma inside of an open quote ends nothing
        if match[0].endswith(",") and match.end("quoted") != match.end():
            end = match.end()
    return split_items(line[:end]), line[end:].lstrip()


# What follows a closing quote up to the comma is an item of its own: `"a" b` is two.
_ITEM = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)(?:"|\Z)\s*,?|(?P<plain>[^,]*),?)', re.DOTALL)


def _matches(line: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(line) and (match := _ITEM.match(line, at)) is not None:
        yield match
        at = match.end()


def _needs_quotes(item: str) -> bool:
    return not item or item != item.strip() or "," in item or item.startswith('"')


def _quoted(item: str) -> str:
    return '"' + item.replace('"', '""') + '"'
