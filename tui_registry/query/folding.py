"""What a word is: the tokens of SQLite's FTS5 `unicode61 remove_diacritics 2`, in plain Python.

The rule. A word is a maximal run of letters and numbers (Unicode categories L*, N* and Co). Each character is
case-folded to one character, and loses its accents when its base letter is A-Z; a combining accent inside a word is
dropped, any other mark ends the word. So `Qwen2.5-7B` is qwen2, 5, 7b and `Café` is cafe in either spelling.

SQLite knows Unicode 6.1 and takes code points that had no category then (newer emoji: U+1F917) for letters; here the
running Python's tables decide. tests/query/test_words.py compares the two, character by character.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from tui_registry.errors import Record

# The fields that free text looks in, in the order of their weight. Models have no tools.
TEXT_FIELDS: Final = ("name", "description", "tags", "capabilities", "tools")


def words(text: str) -> list[str]:
    """The words of a text, folded, in order."""
    if text.isascii():
        return text.translate(_ASCII).split()
    found: list[str] = []
    word: list[str] = []
    for character in text:
        folded = _folded(character)
        if folded:
            word.append(folded)
        elif word and character not in _ACCENTS:
            found.append("".join(word))
            word.clear()
    if word:
        found.append("".join(word))
    return found


def searched_text(record: Record) -> tuple[str, ...]:
    """The text of each of TEXT_FIELDS, "" where the record has none. The items of a list stand on a line each, so a
    phrase may run from one item into the next, as it does in an index that holds them in one column."""
    found: list[str] = []
    for name in TEXT_FIELDS:
        value = record.get(name)
        if isinstance(value, list):
            found.append("\n".join(item for item in value if isinstance(item, str)))
        else:
            found.append(value if isinstance(value, str) else "")
    return tuple(found)


def fold_case(text: str) -> str:
    """A-Z in lower case and nothing else: the comparison of SQLite's NOCASE, which field values use."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_ASCII: Final = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
# The combining accents that unicode61 takes out of a word; at any other mark it ends the word.
_ACCENTS: Final = frozenset(
    "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u0309\u030a\u030b\u030c\u030f\u0311\u031b"
    "\u0323\u0324\u0325\u0326\u0327\u0328\u032d\u032e\u0330\u0331"
)


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """The one character that stands for this one in a word, or "" when it is no part of one."""
    category = unicodedata.category(character)
    if category[0] not in "LN" and category != "Co":
        return ""
    folded = character.casefold()
    plain = unicodedata.normalize("NFD", folded)
    if plain[0].isascii() and all(unicodedata.combining(mark) for mark in plain[1:]):
        return plain[0]
    if len(folded) == 1:
        return folded
    # A character that folds to several (ß, ŉ) stays one, as in SQLite.
    lower = character.lower()
    return lower if len(lower) == 1 else character
