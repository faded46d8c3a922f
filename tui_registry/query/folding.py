"""What a word is, in plain Python: the replica's index holds exactly these, and a query is cut by the same rule.

The rule. A text is brought to NFKC and case-folded (`ß` is ss), and loses its accents. Then a word is

- a run of letters: `Mistral`, `llama`;
- a number with the letters that stand behind it: `2.5`, `7b`, `4o`. So a word ends where a number begins;
- in the scripts that put no spaces between words (Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese) each pair of
  neighbours: 通义千问 is 通义, 义千, 千问;
- one of the few names that are made of marks: `c++`, `c#`, `.net`.

Everything else separates. `Qwen2.5-7B-Instruct` is qwen, 2.5, 7b, instruct. No word has more than LONGEST_WORD
characters: what is longer goes on in the next one.

Beside its words a text has forms, by which it is found too: what stands between capitals inside a word (`DeepSeek` is
deepseek, its forms are deep and seek), the letters behind a number, the last character of a run without spaces, and
`.net` without its point.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from operator import add
from typing import Final

from tui_registry.errors import Record
from tui_registry.frozen import NamedTuple

# The fields that free text looks in, in the order of their weight. Models have no tools.
TEXT_FIELDS: Final = ("name", "description", "tags", "capabilities", "tools")
LONGEST_WORD: Final = 40


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    if text.isascii():
        text = text.lower()
        if ".net" not in text:  # nearly always; looking for it at each dot costs as much as all the rest
            return _compiled(_ASCII_WORD).findall(text)
        return _words_of(text)
    return _words_of(_folded(text))


def forms(text: str) -> list[str]:
    """What a text is found by beside its words."""
    lower = text.lower()
    undotted = ["net"] if ".net" in lower and ".net" in words(text) else []
    if text.isascii():
        has_capital = lower != text and _compiled(_CAPITAL_INSIDE).search(text) is not None
        if not has_capital and _compiled(_UNIT).search(text) is None:
            return undotted
        return [*undotted, *(piece for run in _compiled(_FORM).findall(text) for piece in _forms_of(run))]
    runs = _compiled(_FORM).findall(unicodedata.normalize("NFKC", text))
    found = [piece for run in runs for piece in _forms_of(run)]
    return [*undotted, *found, *(run[-1] for run in _compiled(_PAIRED).findall(_folded(text)) if len(run) > 1)]


def word_places(folded: str) -> list[tuple[str, int, int]]:
    """The words of a text that is folded already, each with its start and end."""
    found: list[tuple[str, int, int]] = []
    for match in _compiled(_ANY_WORD).finditer(folded):
        word, start, end = match[0], match.start(), match.end()
        if _is_paired(word) and len(word) > 1:
            found += [(word[place : place + 2], start + place, start + place + 2) for place in range(len(word) - 1)]
        else:
            found.append((word, start, end))
    return found


def searched_text(record: Record) -> tuple[str, ...]:
    """The text of each of TEXT_FIELDS, "" where the record has none. The items of a list stand on a line each, so a
    phrase may run from one item into the next, as it does in an index that holds them in one column."""
    found: list[str] = []
    for name in TEXT_FIELDS:
        value = record.get(name)
        if isinstance(value, str):
            found.append(value)
        elif value and isinstance(value, list):
            found.append("\n".join([item for item in value if isinstance(item, str)]))
        else:
            found.append("")
    return tuple(found)


class SearchedWords(NamedTuple):
    """What free text is looked up in: the words of each of TEXT_FIELDS, the forms of the name, the forms of the rest. A
    phrase stands in one of these lists."""

    name: list[str]
    description: list[str]
    tags: list[str]
    capabilities: list[str]
    tools: list[str]
    name_forms: list[str]
    forms: list[str]


def searched_words(record: Record) -> SearchedWords:
    """The words and forms of a record: more than any record has that was written to be read, and not so many that a
    record of nothing but words takes many times its own room in an index."""
    name, described, *lists = searched_text(record)
    # Most lists are empty or short, and most texts have no forms.
    tags, capabilities, tools = [words(text)[:_MOST_OF_A_LIST] if text else [] for text in lists]
    others: list[str] = []
    for text in (described, *lists):
        if text:
            others += forms(text)
    description = words(described)[:_MOST_DESCRIBING]
    return SearchedWords(words(name), description, tags, capabilities, tools, forms(name), others[:_MOST_FORMS])


@lru_cache(maxsize=256)
def spellings_of(typed: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """How a name may be written that somebody types as these words without a space: apart (`deepseek`, Deep Seek),
    together (`code-llama`, codellama), and with a point in its number (`qwen25`, `qwen-2-5`: Qwen2.5) or a dash for it
    (`v1.5`, v1-5). Not as it was typed."""
    found: list[tuple[str, ...]] = []
    if len(typed) > _MOST_SPELT:
        return ()
    for place, word in enumerate(typed):
        before, after = typed[:place], typed[place + 1 :]
        if word.isalpha() and not _is_paired(word):
            # A single letter before a number is a part too: deepseekr1. So it is at the end of a word alone, which may
            # go on: what `deepseekr1` finds must not be gone while that is typed.
            least = 1 if len(typed) == 1 or (after and after[0][0].isdigit()) else _LEAST_PART
            cuts = range(_LEAST_PART, min(len(word), _LONGEST_SPELT) - least + 1)
            found += [(*before, word[:cut], word[cut:], *after) for cut in cuts]
            if after and after[0].isalpha() and not _is_paired(after[0]):
                found.append((*before, (word + after[0])[:LONGEST_WORD], *after[1:]))
            continue
        number = _compiled(_NUMBER).fullmatch(word)
        if number is None:
            continue
        digits, unit = number.groups()
        if before and before[-1].isalpha() and 2 <= len(digits) <= 3:
            found += [(*before, f"{digits[:cut]}.{digits[cut:]}{unit}", *after) for cut in range(1, len(digits))]
        if "." not in word and not unit and after and _compiled(_DECIMALS).fullmatch(after[0]):
            found.append((*before, f"{word}.{after[0]}", *after[1:]))
        if digits.count(".") == 1:
            whole, _, rest = word.partition(".")
            found.append((*before, whole, rest, *after))
        if unit:
            found.append((*before, digits, unit, *after))
        elif after and after[0].isalpha() and not _is_paired(after[0]):
            found.append((*before, (word + after[0])[:LONGEST_WORD], *after[1:]))
    return tuple(found)


def joined(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...] | None:
    """The words of two texts that a name may have together without the space between them (`sd xl`, SDXL; `yolo v8`,
    YOLOv8); None where a word would end there all the same."""
    left, right = before[-1], after[0]
    if right[0].isdigit() or _is_paired(left[-1]) or _is_paired(right[0]):
        return None
    return (*before[:-1], left + right, *after[1:]) if words(left + right) == [left + right] else None


def goes_on(typed: tuple[str, ...], spelling: tuple[str, ...]) -> bool:
    """Whether the last word of one of `spellings_of` may be the beginning of a longer one: not a number's last digits,
    as the 5 of `qwen2.5` is not that of Qwen2-57B."""
    return not ("." in typed[-1] and spelling[-1].isdigit())


def has_inside(word: str) -> bool:
    """Whether a word of a name is looked into: it may be found by any three of its letters that stand together."""
    return _LEAST_INSIDE < len(word) <= _LONGEST_INSIDE and word.isalpha() and not _is_paired(word)


def is_inside(word: str) -> bool:
    """Whether a typed word is looked for inside the words of names."""
    return len(word) >= _LEAST_INSIDE and word.isalpha() and not _is_paired(word)


def endings(word: str) -> list[str]:
    """What begins inside a word that is looked into, at least three letters long."""
    return [word[start:] for start in range(1, len(word) - _LEAST_INSIDE + 1)]


def fold_case(text: str) -> str:
    """A-Z in lower case and nothing else: the comparison of SQLite's NOCASE, which field values use."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


# How

_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_MOST_DESCRIBING: Final = 5_000
_MOST_OF_A_LIST: Final = 512
_MOST_FORMS: Final = 512
_LEAST_INSIDE: Final = 3
_LONGEST_INSIDE: Final = 24
# A part of a word that is written apart has so many letters at least.
_LEAST_PART: Final = 3
_MOST_SPELT: Final = 6
_LONGEST_SPELT: Final = 24

# Compiled when the first text is cut: that takes half as long as the interpreter to start, and most commands cut none.
_compiled = cache(re.compile)

# Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, bopomofo, Han, Hangul.
_PAIRS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
# A folded text holds no other marks than those of ASCII, so whatever else is no pair is a letter.
_LETTER: Final = f"[^\\x00-\\x60\\x7b-\\x7f{_PAIRS}]"
_NUMBERS: Final = r"[0-9]{1,16}(?:\.[0-9]{1,4}){0,3}"
_MARKS: Final = r"(?:\+\+?|#)(?![a-z0-9+#])"
_ASCII_WORD: Final = rf"[a-z]{{2,40}}|{_NUMBERS}[a-z]{{0,9}}|[a-z](?:{_MARKS})?"
_ANY_WORD: Final = (
    rf"{_LETTER}{{2,40}}|{_NUMBERS}{_LETTER}{{0,9}}|[a-z]{_MARKS}|{_LETTER}|[{_PAIRS}]+"
    r"|\.net(?![a-z0-9])(?<![^\s(,;/\"']\.net)"
)
_PAIRED: Final = f"[{_PAIRS}]+"
_DECIMALS: Final = r"[0-9]{1,2}[^\W\d_]*"
_NUMBER: Final = r"([0-9]+(?:\.[0-9]+)*)([^\W\d_]*)"
# Words with a capital inside; numbers with two letters or more behind them.
_FORM: Final = r"[A-Za-z]*[a-z][A-Z][A-Za-z]*|[0-9][A-Za-z]{2,}"
_CAPITAL_INSIDE: Final = r"[A-Z](?<=[a-z][A-Z])"
_UNIT: Final = r"[0-9][A-Za-z]{2}"
_CAPITAL: Final = r"(?<=[a-z])(?=[A-Z])"

# Marks that people leave out, or that only say how a character is drawn: accents, Hebrew points, Arabic vowels,
# joiners. Other marks (the vowels of Indic scripts, Thai tones) are part of their word.
_DROPPED: Final = (
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    "\ufe00-\ufe0f\ufe20-\ufe2f\u00ad\u0640\u200b-\u200d\u2060\ufeff]"
)
_GREEK: Final = range(0x370, 0x400)
# Letters of which only the stroke or the dot differs, which Unicode does not take apart; and the one letter of Russian
# whose dots people leave out (those of й they do not).
_STROKES: Final = {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ı": "i", "ё": "е"}


def _words_of(folded: str) -> list[str]:
    found: list[str] = []
    for word in _compiled(_ANY_WORD).findall(folded):
        if _is_paired(word):
            found += [word] if len(word) == 1 else map(add, word, word[1:])
        else:
            found.append(word)
    return found


def _is_paired(word: str) -> bool:
    return word >= "\u0e00" and _begins_pairs(word[0])


@lru_cache(maxsize=8192)
def _begins_pairs(character: str) -> bool:
    return _compiled(_PAIRED).match(character) is not None


def _forms_of(run: str) -> list[str]:
    pieces = [run[1:]] if run[0].isdigit() else _compiled(_CAPITAL).split(run)
    return [piece[:LONGEST_WORD].lower() for piece in pieces]


# Of each text that a record has the words are asked for, and then the forms.
@lru_cache(maxsize=8)
def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).translate(_FOLDING)
    # Without its accents a character may go together with the next one.
    return unicodedata.normalize("NFKC", folded)


@lru_cache(maxsize=8192)
def folded_character(character: str) -> str:
    """What stands for a character in a word: nothing for a mark that is left out, a space for what separates."""
    if character.isascii():
        return character.lower()
    if _compiled(_DROPPED).match(character):
        return ""
    category = unicodedata.category(character)
    if category[0] not in "LNM" and category != "Co":
        return " "
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    return "".join(map(_plain, character.casefold()))


class _Folding(dict[int, str]):
    """`folded_character` as a table to translate by; it learns each character as it comes."""

    def __missing__(self, code: int) -> str:
        found = folded_character(chr(code))
        if len(self) < _MOST_LEARNT:
            self[code] = found
        return found


_MOST_LEARNT: Final = 8192
_FOLDING: Final = _Folding()


def _plain(character: str) -> str:
    """The character without its accents, where its base is a letter of Latin or Greek."""
    if _compiled(_DROPPED).match(character):
        return ""
    apart = unicodedata.normalize("NFD", character)
    base, marks = apart[0], apart[1:]
    if character in _STROKES:
        return _STROKES[character]
    if marks and (base.isascii() or ord(base) in _GREEK) and all(unicodedata.combining(mark) for mark in marks):
        return base
    return character
