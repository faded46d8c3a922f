"""Lists as people write them on one line: `chat, code, "a, b"`. Lossless: every list of texts has a spelling."""

from __future__ import annotations

import re
from collections.abc import Sequence


def join_items(items: Sequence[str]) -> str:
    """The items on one line; one that commas or spaces would break is quoted, its quotes doubled."""
    return ", ".join(_quoted(item) if _needs_quotes(item) else item for item in items)


def split_items(line: str) -> list[str]:
    """The items of a line, in order; space around them and empty places between commas are dropped.

    A quote that is never closed runs to the end of the line: people see it while they type.
    """
    items: list[str] = []
    at = 0
    while at < len(line):
        match = _ITEM.match(line, at)
        if match is None:
            break
        quoted, plain = match["quoted"], match["plain"]
        if quoted is not None:
            items.append(quoted.replace('""', '"'))
        elif plain.strip():
            items.append(plain.strip())
        at = match.end()
    return items


# What follows a closing quote up to the comma is an item of its own: `"a" b` is two.
_ITEM = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)(?:"|\Z)\s*,?|(?P<plain>[^,]*),?)', re.DOTALL)


def _needs_quotes(item: str) -> bool:
    return not item or item != item.strip() or "," in item or item.startswith('"')


def _quoted(item: str) -> str:
    return '"' + item.replace('"', '""') + '"'
