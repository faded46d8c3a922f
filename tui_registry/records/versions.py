"""Is a version SemVer 2.0.0, and if not, which one was meant (https://semver.org/spec/v2.0.0.html)."""

from __future__ import annotations

import re
from functools import lru_cache

from tui_registry.text import safe_text


@lru_cache(maxsize=4096)
def version_fault(version: str) -> str | None:
    """A sentence that says what to write instead, or None when the version is SemVer."""
    if _is_semver(version):
        return None
    meant = _meant(version)
    write = meant if meant is not None else "a version such as 0.1.0"
    return f"{safe_text(version, 40)} is not SemVer: write {write}"


def _is_semver(version: str) -> bool:
    if _PLAIN(version):
        return True
    # semver 3.0 takes other scripts' digits and a line end after the version; the specification does not.
    if not version.isascii() or not version.isprintable():
        return False
    from semver import Version

    return Version.is_valid(version)


# Three plain numbers need no library to be recognised: most versions, and the import of semver costs 5 ms.
_PLAIN = re.compile(r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)").fullmatch

# `v1.2`, `1`, `1.2.3.4`, `1.0rc1`, `1.0.0.dev3`, `2024-05-01`, `1.0_beta`: up to three numbers, then whatever follows.
_LOOSE = re.compile(r"[vV=\s]*([0-9]{1,9})(?:[.-]([0-9]{1,9}))?(?:[.-]([0-9]{1,9}))?([0-9A-Za-z.+_\s-]*)", re.ASCII)


def _meant(version: str) -> str | None:
    match = _LOOSE.fullmatch(version.strip())
    if match is None:
        return None
    numbers = ".".join(str(int(part or "0")) for part in match.group(1, 2, 3))
    rest, plus, build = match[4].partition("+")
    release = _identifiers(rest)
    tail = _identifiers(build) if plus else []
    meant = numbers + ("-" + ".".join(release) if release else "") + ("+" + ".".join(tail) if tail else "")
    return meant if _is_semver(meant) else None


def _identifiers(text: str) -> list[str]:
    parts = (part.strip("-") for part in re.split(r"[.\s_]+", text))
    return [str(int(part)) if part.isdigit() else part for part in parts if part]
