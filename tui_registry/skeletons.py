"""What a name looks like: two names with one skeleton are hard to tell apart. Pure, no I/O but one table.

The skeleton is that of Unicode Technical Standard 39 (Unicode 17: `skeletons.txt`, made by `tests.trust.confusables`),
taken further, for it is compared with names that somebody means to imitate. Beside homoglyphs (the a of three scripts
is one; m is rn) nothing of what a reader in a hurry passes over tells names apart: case, accents, characters that
nothing shows, which of I, i, l, 1 and | it is, how words are joined or whether they are, and signs in a name or around
it, such as brackets or a check mark: a search passes over these too. Numbers count as they are written: 1.5 is not 15.

It only ever serves to mark, and to look up what is alike: nothing is refused, ordered or found by it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final


def skeleton(name: str) -> str:
    """What the name looks like; never empty where the name is not."""
    folded = _folded(name)
    claim = _claimed(folded)
    # What it says of itself is no part of the name that it imitates.
    core = _bare(folded if claim is None else folded[: claim.start()])
    # A name of nothing but signs is itself.
    return core or _bare(folded) or name.casefold()


def looks_alike(one: str, other: str) -> bool:
    """Whether a reader may take one name for the other; two that are equal too."""
    return one == other or skeleton(one) == skeleton(other)


def looks(name: str) -> int:
    """The skeleton as a number that a column holds, 0 to 2^63-1: of those who look for another name with the same one,
    each has 2^63 to try."""
    return int.from_bytes(hashlib.blake2s(skeleton(name).encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 1


def imitates_marks(name: str) -> bool:
    """Whether the name itself holds what this program says beside names: who signed, a short address, a check mark."""
    if not name.isascii() and any(character in _CHECKS for character in name):
        return True
    return _claimed(_folded(name)) is not None


# How

_CHECKS: Final = "✓✔☑✅🗸🗹🔏🔐"
# Combining marks of all scripts; those that belong to one script spell its words.
_ACCENTS: Final = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe2f\U000e0100-\U000e01ef]"
# Letters and a sign that show nothing.
_BLANKS: Final = "\u115f\u1160\u2800\u3164\uffa0"
_UNSEEN: Final = ("Cc", "Cf", "Cs")
_APART: Final = ("Zs", "Zl", "Zp", "Pd", "Pc", "Po", "Ps", "Pe", "Pi", "Pf", "So", "Sk", "Sm", "Sc")
# Points of a number, and marks that would else be letters.
_POINTS: Final = "\u00b7\u2027\u2219\u22c5\u30fb"
_MARKS: Final = "\u2122\u2120"
# What a name may be framed by. Not `+` and `#` behind it: C++ and C# are names.
_BEFORE: Final = "-!*+#>~.,:;=[](){}<>\"'`"
_BEHIND: Final = "-!*>~.,:;=[](){}<>\"'`"
# What joins words or stands between them; a comma may be the point of a number.
_BETWEEN: Final = str.maketrans("!*~:;=[](){}<>\"'`/\\?&@$%^,", "-" * 25 + ".")
# I, i, l, 1 and | are one; so are O, o and 0; words are joined by `-`.
_LIKE: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZi1|0 _\t\n\r", "abcdefghljklmnopqrstuvwxyzlllo-----")
_TABLE: Final = "skeletons.txt"


def _folded(name: str) -> str:
    if not name.isascii():
        name = _in_ascii(name)
    folded = name.translate(_LIKE)
    if "rn" in folded or "vv" in folded:
        folded = folded.replace("rn", "m").replace("vv", "w")
    while "--" in folded:
        folded = folded.replace("--", "-")
    return folded


def _bare(folded: str) -> str:
    core = folded.lstrip(_BEFORE).rstrip(_BEHIND).translate(_BETWEEN)
    if "." in core:
        core = _no_point().sub("-", core)
    while "--" in core:
        core = core.replace("--", "-")
    return _joint().sub("", core) if "-" in core else core


def _in_ascii(name: str) -> str:
    """The name as the characters that its own are taken for, of which most are ASCII."""
    prototypes, category = _prototypes(), unicodedata.category
    found = []
    for mark in _MARKS:
        name = name.replace(mark, "")
    for character in _accents().sub("", unicodedata.normalize("NFKD", name)):
        if character.isascii() or character in _POINTS:
            found.append(character if character.isascii() else ".")
            continue
        kind, prototype = category(character), prototypes.get(character)
        if prototype is not None and (kind not in _APART or prototype.isascii()):
            found.append(prototype)
        elif character not in _BLANKS and kind not in _UNSEEN:
            found.append("-" if kind in _APART else character.casefold())
    return "".join(found)


@cache
def _no_point() -> re.Pattern[str]:
    return re.compile(r"\.(?:(?![0-9lo])|(?<![0-9lo]\.))")


@cache
def _joint() -> re.Pattern[str]:
    # All but what stands between two numbers: 1-5 is not 15. Of l and o no letter is beside where they are digits.
    return re.compile(r"-(?:(?![0-9lo])|(?<![0-9lo]-)|(?=[lo][a-km-np-z])|(?<=[a-km-np-z][lo]-))")


@cache
def _accents() -> re.Pattern[str]:
    return re.compile(_ACCENTS)


def _claimed(folded: str) -> re.Match[str] | None:
    # Each claim holds one of these; the expression costs ten times what looking for all of them does.
    if "ed" in folded or "key" in folded or "looks" in folded or "ox" in folded:
        return _claim().search(folded)
    return None


@cache
def _claim() -> re.Pattern[str]:
    # As they look (`_LIKE`): who writes `slgned by` means the same.
    words = "slgned-by|ver[l]fled-by|key-(?:whlch-)?you|looks-llke-a-name|your-key|[\\[(]verlfled"
    return re.compile(rf"(?<![a-z0-9])(?:{words}|ox[0-9a-fol]{{4}}(?:\.\.|[0-9a-fol]{{4}}))")


@cache
def _prototypes() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in (Path(__file__).parent / _TABLE).read_text("ascii").splitlines():
        if not line.startswith("#"):
            prototype, _, characters = line.partition(" ")
            spelt = "".join(chr(int(each, 16)) for each in prototype.split("+"))
            found.update((chr(int(each, 16)), spelt) for each in characters.split(","))
    return found
