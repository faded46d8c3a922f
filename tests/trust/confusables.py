"""Makes `tui_registry/skeletons.txt` of Unicode's table of confusable characters.

    python -m tests.trust.confusables confusables.txt

The table is https://www.unicode.org/Public/security/latest/confusables.txt. Another one makes other skeletons: so
`INDEX_VERSION` moves with it.

A line of what is made holds a prototype and the characters that look like it, in hex. What `skeletons` does by itself is
left out: ASCII, what a compatibility decomposition takes apart, accents.
"""

from __future__ import annotations

import sys
import unicodedata
from collections import defaultdict
from pathlib import Path

from tui_registry.skeletons import _TABLE

_NOTICE = """\
# Which characters look alike, made of Unicode's confusables.txt, version {version}, by `python -m tests.trust.confusables`:
# a prototype, and the characters that are taken for it.
#
# Copyright (c) 1991-2025 Unicode, Inc. Unicode and the Unicode Logo are registered trademarks of Unicode, Inc. in the
# United States and other countries. Licensed under the Unicode License v3 (SPDX: Unicode-3.0):
#
# Permission is hereby granted, free of charge, to any person obtaining a copy of data files and any associated
# documentation (the "Data Files") or software and any associated documentation (the "Software") to deal in the Data
# Files or Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
# distribute, and/or sell copies of the Data Files or Software, and to permit persons to whom the Data Files or Software
# are furnished to do so, provided that either (a) this copyright and permission notice appear with all copies of the
# Data Files or Software, or (b) this copyright and permission notice appear in associated Documentation.
#
# THE DATA FILES AND SOFTWARE ARE PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
# LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT OF THIRD PARTY
# RIGHTS. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR HOLDERS INCLUDED IN THIS NOTICE BE LIABLE FOR ANY CLAIM, OR ANY
# SPECIAL INDIRECT OR CONSEQUENTIAL DAMAGES, OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS,
# WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR
# PERFORMANCE OF THE DATA FILES OR SOFTWARE.
#
# Except as contained in this notice, the name of a copyright holder shall not be used in advertising or otherwise to
# promote the sale, use or other dealings in these Data Files or Software without prior written authorization of the
# copyright holder.
"""


def main(source: Path) -> None:
    """Write the table beside `skeletons.py`."""
    text = source.read_text("utf-8-sig")
    version = text.partition("# Version: ")[2].partition("\n")[0].strip()
    alike = {}
    for line in text.splitlines():
        entry = line.partition("#")[0].strip()
        if entry:
            character, prototype, _ = (field.split() for field in entry.split(";"))
            alike[chr(int(character[0], 16))] = "".join(chr(int(each, 16)) for each in prototype)

    groups = defaultdict(list)
    for character in sorted({*alike, *(upper for lower in alike if len(upper := lower.upper()) == 1)}):
        prototype = _seen_as(character, alike)
        if _is_left(character) and prototype not in ("", character.casefold()):
            groups[prototype].append(f"{ord(character):x}")
    lines = [
        "+".join(f"{ord(each):x}" for each in prototype) + " " + ",".join(groups[prototype])
        for prototype in sorted(groups)
    ]
    Path("tui_registry", _TABLE).write_text(_NOTICE.format(version=version) + "\n".join(lines) + "\n", "ascii")
    sys.stdout.write(f"{sum(map(len, groups.values()))} characters, {len(groups)} prototypes\n")


def _is_left(character: str) -> bool:
    """Whether `skeletons` meets the character, and does not see to it by itself."""
    return not character.isascii() and unicodedata.normalize("NFKD", character) == character and not _is_mark(character)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc")


def _seen_as(character: str, alike: dict[str, str]) -> str:
    """What the character comes to in the end: in lower case, without accents."""
    text, seen = character, set()
    while text not in seen:
        seen.add(text)
        text = "".join(each if each.isascii() else alike.get(each, each) for each in text)
        text = "".join(each for each in unicodedata.normalize("NFKD", text.casefold()) if not _is_mark(each))
    return text


if __name__ == "__main__":
    main(Path(sys.argv[1]))
