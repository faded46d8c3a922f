"""Text at the edge: foreign text made safe to show, and numbers as people write and read them. Pure, no I/O.

`safe_text` is the one gate between what strangers wrote and a terminal. It knows nothing of the
markup of Textual: a widget still takes its result as `Content`/`Text`, never as a bare str.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Collection, Iterable
from functools import cache
from typing import Final

REPLACEMENT: Final = "\ufffd"
ELLIPSIS: Final = "…"
NEWLINE_SIGN: Final = "↵"

# Five or more marks on one letter are no language's spelling; they paint over the lines above and below.
_MAX_MARKS: Final = 4


def safe_text(text: str, limit: int | None = None, newlines: bool = False) -> str:
    """The text with nothing in it that could act on a terminal, hide, or pass for other text.

    Control characters and escapes, bidi controls, line separators, zero-width and other default-ignorable characters
    (Unicode 5.21), lone surrogates and marks beyond four on one letter each become a visible U+FFFD, one for one, so
    that different texts stay different to the eye. Emoji sequences keep their joiners, odd spaces become plain ones.

    Args:
        text: any str, whole or broken.
        limit: at most so many characters come back, the last an ellipsis when something was cut.
        newlines: True keeps line breaks (as LF) and makes a tab four spaces; False shows `↵` and one space.
    """
    cut = False
    if limit is not None and len(text) > 2 * limit + 2:
        # Every character of the input but the CR of a CR LF gives one or more: the rest cannot matter.
        text, cut = text[: 2 * limit + 2], True
    if not (text.isascii() and text.isprintable()):
        text = _clean(text, newlines)
    if limit is not None and (cut or len(text) > limit):
        kept = text[: max(0, limit - 1)].rstrip(_ZWJ)
        text = kept + ELLIPSIS if limit > 0 else ""
    return text


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that `word` was most likely meant to be, or None; compared as they are spelt."""
    # Needed on the way to an error only.
    from difflib import get_close_matches

    close = get_close_matches(word[:64], list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def fewest_typos(word: str, known: Iterable[str], most: int) -> str | None:
    """The known word that is the fewest typos away, of several the first; None where each is more than `most` away."""
    from rapidfuzz.distance import OSA  # needed on the way to an error only

    distances = ((OSA.distance(word[:64], candidate, score_cutoff=most), candidate) for candidate in known)
    distance, found = min(distances, key=lambda pair: pair[0], default=(most + 1, ""))
    return found if distance <= most else None


_ZWJ: Final = "\u200d"
_EMOJI: Final = (
    "\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u25ff\u2600-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_EMOJI_PART: Final = f"[{_EMOJI}][\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?"
_SPACES: Final = "\xa0\u1680\u2000-\u200a\u202f\u205f"
# Ranges: C0, DEL and C1; soft hyphen; then the default-ignorable code points, bidi controls, separators, surrogates,
# interlinear annotation, noncharacters, controls of hieroglyphs, shorthand and music, tags and variation selectors.
_HIDDEN: Final = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SUSPECT: Final = f"[{_HIDDEN}{_SPACES}]"
# Whole emoji sequences first, so that the joiners and selectors inside them are never looked at alone.
_PIECES: Final = (
    f"(?P<emoji>{_EMOJI_PART}(?:{_ZWJ}{_EMOJI_PART})*|[0-9#*]\ufe0f\u20e3)"
    f"|(?P<line>\r\n|[\r\n])|(?P<tab>\t)|(?P<space>[{_SPACES}])|(?P<hidden>[{_HIDDEN}])"
)
# `\w` holds no combining mark, so a stack of marks lies inside a run of these.
_NO_WORDS: Final = r"[^\w\s\x21-\x7e]{5,}"


# Compiled at the first text that needs them: most commands meet none, and it takes longer than all else they import.
_compiled: Final = cache(re.compile)


def _clean(text: str, newlines: bool) -> str:
    if _compiled(_SUSPECT).search(text) is not None:

        def show(match: re.Match[str]) -> str:
            piece = match.lastgroup
            if piece == "emoji":
                return match[0]
            if piece == "line":
                return "\n" if newlines else NEWLINE_SIGN
            if piece == "tab":
                return "    " if newlines else " "
            return " " if piece == "space" else REPLACEMENT

        text = _compiled(_PIECES).sub(show, text)
    if _compiled(_NO_WORDS).search(text) is not None:
        text = _compiled(_NO_WORDS).sub(_thin_marks, text)
    return "\n".join(map(_seated, text.split("\n")))


def _seated(line: str) -> str:
    """A line that begins with a mark, on a letter: it would sit on whatever the screen shows before it."""
    return "\u25cc" + line if line and _is_mark(line[0]) else line


def _thin_marks(match: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for character in match[0]:
        marks = marks + 1 if _is_mark(character) else 0
        kept.append(character if marks <= _MAX_MARKS else REPLACEMENT)
    return "".join(kept)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me")


# ---- numbers for people to read -------------------------------------------------------------------------------------


def exact(number: int) -> str:
    """A number with its thousands apart: 12408 -> `12,408`."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """So many of something whose plural ends in s: 1 -> `1 record`, 12408 -> `12,408 records`."""
    return f"{exact(number)} {noun}{'' if number == 1 else 's'}"


def count_words(number: int) -> str:
    """A count in thousands: 7_615_616_512 -> `7.6 B`, 131_072 -> `131 k`, 940 -> `940`."""
    return _scaled(number, 1000, ("", " k", " M", " B", " T"))


def size_bytes(number: int) -> str:
    """A size given in bytes, in units of 1024, which are never called by the names of those of 1000:
    1536 -> `1.5 KiB`."""
    return _scaled(number, 1024, (" B", " KiB", " MiB", " GiB", " TiB"))


def size_mb(megabytes: int) -> str:
    """A size given in MB, in units of 1024: 16384 -> `16 GB`."""
    return _scaled(megabytes, 1024, (" MB", " GB", " TB", " PB"))


def _scaled(number: int, base: int, units: tuple[str, ...]) -> str:
    if number < 0:
        return f"-{_scaled(-number, base, units)}"
    power = 0
    # Compared as it will be rounded: 999,950 is 1 M, not 1,000 k.
    while power + 1 < len(units) and _rounded(number, base**power) >= 10 * base:
        power += 1
    whole, tenth = divmod(_rounded(number, base**power), 10)
    return f"{whole:,}{f'.{tenth}' if tenth else ''}{units[power]}"


def _rounded(number: int, unit: int) -> int:
    """Tenths of `unit` in `number`, rounded to a tenth below a hundred and to a whole from there, halves upwards."""
    tenths = (20 * number + unit) // (2 * unit)
    return tenths if tenths < 1000 else 10 * ((2 * number + unit) // (2 * unit))


_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
# A month is a twelfth of a Gregorian year; 28 and 29 days are still four weeks.
_AGES: Final = (
    (365 * _DAY, 365 * _DAY, "y"),
    (31 * _DAY, 2_629_746, "mo"),
    (7 * _DAY, 7 * _DAY, "w"),
    (_DAY, _DAY, "d"),
    (_HOUR, _HOUR, "h"),
    (_MINUTE, _MINUTE, "min"),
)


def age(seconds: int) -> str:
    """How long ago something was: `now`, `5 min`, `3 h`, `3 d`, `1 w`, `4 mo`, `2 y`; a negative age is `in 3 d`."""
    for least, unit, name in _AGES:
        if abs(seconds) >= least:
            return f"{'in ' if seconds < 0 else ''}{abs(seconds) // unit} {name}"
    return "now"


def moment_utc(seconds: int) -> str:
    """A time in Unix seconds, as `2026-11-19 08:12:05 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def address_short(address: str) -> str:
    """An address of 40 hex digits as people compare it: `0x7a1c..93ef`."""
    return f"0x{safe_text(address[:4])}..{safe_text(address[-4:])}"


# ---- numbers as people write them ------------------------------------------------------------------------------------

_COUNT_UNITS: Final = {
    "": 1, "k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6,
    "b": 10**9, "bn": 10**9, "g": 10**9, "billion": 10**9, "t": 10**12, "trillion": 10**12,
}  # fmt: skip
_TOKEN_UNITS: Final = {"": 1, "k": 1024, "ki": 1024, "m": 1024**2, "mi": 1024**2}
_SIZE_UNITS: Final = {
    spelling: 1024**power
    for power, letter in enumerate("kmgtp", start=1)
    for spelling in (letter, f"{letter}b", f"{letter}ib", f"{letter}i")
}
_BYTE_UNITS: Final = {"": 1, "b": 1} | {
    spelling: base**power
    for power, letter in enumerate("kmgtp", start=1)
    for base, spellings in ((1000, (letter, f"{letter}b")), (1024, (f"{letter}i", f"{letter}ib")))
    for spelling in spellings
}
_MB, _GB = 1024**2, 1024**3

_NUMBER: Final = r"(?a:([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*)(\.[0-9]+)?\s*([a-z]*))"
# Longer than any number of 64 bits with its commas; bounds the arithmetic on text from strangers.
_LONGEST_NUMBER: Final = 40


def parse_count(text: str, examples: str = "7.6b, 135m or 7,600,000,000") -> int:
    """A count as people write it: `7.6b`, `135 M`, `7,615,616,512`; k, m, b and t are powers of 1000.

    Args:
        examples: what the sentence proposes, for counts of what there are fewer of.

    Raises:
        ValueError: with a sentence, when the text is no such number or not a whole one.
    """
    return _parsed(text, _COUNT_UNITS, 1, "a count", examples)


# Tokens of context that are counted where nobody says otherwise; here, where the first frame has it.
USUAL_CONTEXT: Final = 8_192


def parse_tokens(text: str) -> int:
    """A number of tokens: `32k` -> 32768, `1m` -> 1048576, `200,000`; k is 1024, as context lengths are built.

    Raises:
        ValueError: with a sentence, when the text is no such number or not a whole one.
    """
    return _parsed(text, _TOKEN_UNITS, 1, "a number of tokens", "4096, 32k or 1m")


def parse_mb(text: str) -> int:
    """A size in MB of 1024 KB: `16GB` -> 16384, `1.5 TB`, `512M`; a bare number is MB.

    Raises:
        ValueError: with a sentence, when the text is no size or no whole number of MB.
    """
    return _parsed(text, _SIZE_UNITS | {"": _MB}, _MB, "a size in MB", "512, 16GB or 1.5TB")


# Of a plain number where people type: nobody has so many GB of memory that he would not name the unit, and nothing that
# is registered needs less than so many MB.
LEAST_PLAIN_MB: Final = 512


def parse_memory(text: str) -> int:
    """Memory as people type it, in MB of 1024 KB: as `parse_mb`, but a bare number below 512 is GB: `16` -> 16384.

    Whatever shows what was typed says its unit.

    Raises:
        ValueError: with a sentence, when the text is no size or no whole number of MB.
    """
    plain = _compiled(_NUMBER).fullmatch(text.strip().lower()) if len(text) <= _LONGEST_NUMBER else None
    if plain is not None and not plain[3] and float(f"{plain[1]}{plain[2] or ''}".replace(",", "")) < LEAST_PLAIN_MB:
        text = f"{text.strip()}gb"
    return _parsed(text, _SIZE_UNITS | {"": _MB}, _MB, "a size of memory", "16GB, 512MB or 1.5TB")


def parse_gb(text: str) -> int:
    """A size in GB of 1024 MB: `20GB` -> 20, `1TB` -> 1024, `20480 MB` -> 20; a bare number is GB.

    Raises:
        ValueError: with a sentence, when the text is no size or no whole number of GB.
    """
    return _parsed(text, _SIZE_UNITS | {"": _GB}, _GB, "a size in GB", "20, 20GB or 1TB")


def parse_bytes(text: str) -> int:
    """A size in bytes: `4,920,739,232`, `1.5 GB`, `512 KiB`; a GB is 10^9 and a GiB 2^30, a bare number is bytes.

    Raises:
        ValueError: with a sentence, when the text is no size or no whole number of bytes.
    """
    return _parsed(text, _BYTE_UNITS, 1, "a size", "4,920,739,232, 4.5GB or 4.2GiB")


def _parsed(text: str, units: dict[str, int], one: int, what: str, examples: str) -> int:
    stripped = text.strip()
    match = _compiled(_NUMBER).fullmatch(stripped.lower()) if len(stripped) <= _LONGEST_NUMBER else None
    unit = units.get(match[3]) if match is not None else None
    shown = safe_text(stripped, 40) or "nothing"
    if match is None or unit is None:
        raise ValueError(f"{shown} is not {what}: write {examples}")
    whole, decimals = match[1].replace(",", "").replace("_", ""), (match[2] or ".")[1:]
    number, fraction = divmod(int(whole + decimals) * unit, one * int("1" + "0" * len(decimals)))
    if fraction:
        raise ValueError(f"{shown} is not {what} without a fraction: write {examples}")
    return number
