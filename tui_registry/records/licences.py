"""Is a licence an SPDX expression, and if not, which one was meant.

The list of ids is `packaging`'s copy of https://spdx.org/licenses; `LicenseRef-...` names what is not on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from tui_registry.errors import Severity
from tui_registry.text import safe_text


class LicenceFault(NamedTuple):
    """What is wrong with a licence; a warning is a valid expression that has a better spelling."""

    severity: Severity
    code: str
    sentence: str


@lru_cache(maxsize=4096)
def licence_fault(expression: str) -> LicenceFault | None:
    """What is wrong with an SPDX expression, or None.

    Ids match without regard to case (SPDX 2.3, annex D), so `mit` is valid and only asked to be written `MIT`.
    """
    if expression in _COMMON:
        return None  # as SPDX spells it; most records need no library to be right
    spdx = _canonical(expression)
    if spdx is None:
        return _explain(expression)
    for token in _tokens(spdx):
        old = _deprecated(token)
        if old is not None:
            return old
    if spdx != expression:
        return LicenceFault("warning", "license_spelling", f"SPDX spells it differently: write {spdx}")
    return None


# ---- what is right -------------------------------------------------------------------------------------------------

_OPERATORS = frozenset({"and", "or", "with", "(", ")"})
_REF = re.compile(r"licenseref-[a-z0-9.-]+", re.IGNORECASE | re.ASCII)


def _tokens(expression: str) -> list[str]:
    return expression.replace("(", " ( ").replace(")", " ) ").split()


def _canonical(expression: str) -> str | None:
    """The expression as SPDX spells it, or None when it is none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not expression.isascii() or not expression.isprintable():
        return None
    # References go round packaging by number: it takes two that differ in case alone for one.
    refs: list[str] = []
    tokens = _tokens(expression)
    for index, token in enumerate(tokens):
        if _REF.fullmatch(token):
            refs.append("LicenseRef-" + token[len("LicenseRef-") :])
            tokens[index] = f"LicenseRef-{len(refs) - 1}."
    try:
        spdx: str = canonicalize_license_expression(" ".join(tokens))
    except InvalidLicenseExpression:
        return None
    return re.sub(r"LicenseRef-([0-9]+)\.", lambda match: refs[int(match[1])], spdx) if refs else spdx


class _List(NamedTuple):
    ids: Mapping[str, str]  # lower case -> as listed
    deprecated: frozenset[str]
    exceptions: Mapping[str, str]


@lru_cache(maxsize=1)
def _listed() -> _List:
    # packaging has no public way to its list. Without it, ids are still checked, only no rare one is proposed.
    try:
        from packaging.licenses._spdx import EXCEPTIONS, LICENSES
    except ImportError:
        return _List({name.lower(): name for name in _COMMON}, frozenset(), {})
    return _List(
        {key: entry["id"] for key, entry in LICENSES.items()},
        frozenset(entry["id"] for entry in LICENSES.values() if entry["deprecated"]),
        {key: entry["id"] for key, entry in EXCEPTIONS.items()},
    )


_GNU = re.compile(r"((?:A|L)?GPL-[0-9.]+|GFDL-[0-9.]+)(\+?)")


def _deprecated(token: str) -> LicenceFault | None:
    gnu = _GNU.fullmatch(token)
    if gnu is not None:
        write = f"{gnu[1]}-or-later" if gnu[2] else f"{gnu[1]}-only or {gnu[1]}-or-later"
    elif token in _listed().deprecated:
        write = "the id that replaced it, see https://spdx.org/licenses"
    else:
        return None
    return LicenceFault("warning", "license_deprecated", f"{token} is no longer an SPDX id of its own: write {write}")


# ---- what was meant ------------------------------------------------------------------------------------------------

_COMMON = (
    "MIT", "Apache-2.0", "BSD-3-Clause", "BSD-2-Clause", "GPL-3.0-only", "GPL-3.0-or-later", "GPL-2.0-only",
    "GPL-2.0-or-later", "LGPL-3.0-only", "LGPL-2.1-only", "AGPL-3.0-only", "AGPL-3.0-or-later", "MPL-2.0", "ISC",
    "Unlicense", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0",
    "CC-BY-NC-ND-4.0", "BSL-1.0", "Zlib", "EUPL-1.2", "EPL-2.0", "Artistic-2.0", "OFL-1.1", "ODC-By-1.0", "ODbL-1.0",
)  # fmt: skip
_CC = tuple(name for name in _COMMON if name.startswith("CC"))

# What people write for a family, as `_key` spells it -> the ids that it may mean.
_FAMILIES: Mapping[str, Sequence[str]] = {
    "apache": ("Apache-1.0", "Apache-1.1", "Apache-2.0"),
    "asl": ("Apache-1.0", "Apache-1.1", "Apache-2.0"),
    "bsd": ("BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "BSD-4-Clause", "0BSD"),
    "bsd 2": ("BSD-2-Clause",), "simplified bsd": ("BSD-2-Clause",), "freebsd": ("BSD-2-Clause",),
    "bsd 3": ("BSD-3-Clause",), "new bsd": ("BSD-3-Clause",), "modified bsd": ("BSD-3-Clause",),
    "cc": _CC, "creative commons": _CC, "creativecommons": _CC,
    "cc by": ("CC-BY-4.0", "CC-BY-3.0", "CC-BY-2.0"),
    "cc by sa": ("CC-BY-SA-4.0", "CC-BY-SA-3.0"),
    "cc by nc": ("CC-BY-NC-4.0", "CC-BY-NC-3.0", "CC-BY-NC-2.0"),
    "cc by nd": ("CC-BY-ND-4.0",),
    "cc by nc sa": ("CC-BY-NC-SA-4.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-2.0"),
    "cc by nc nd": ("CC-BY-NC-ND-4.0", "CC-BY-NC-ND-3.0"),
    "cc 0": ("CC0-1.0",), "cc zero": ("CC0-1.0",), "public domain": ("CC0-1.0", "Unlicense"),
    "gpl": ("GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later"),
    "gnu gpl": ("GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later"),
    "lgpl": ("LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later"),
    "agpl": ("AGPL-3.0-only", "AGPL-3.0-or-later"),
    "gfdl": ("GFDL-1.2-only", "GFDL-1.3-only", "GFDL-1.3-or-later"),
    "mpl": ("MPL-1.0", "MPL-1.1", "MPL-2.0"), "mozilla": ("MPL-1.0", "MPL-1.1", "MPL-2.0"),
    "bsl": ("BSL-1.0", "BUSL-1.1"), "boost": ("BSL-1.0",),
    "artistic": ("Artistic-1.0", "Artistic-2.0"), "epl": ("EPL-1.0", "EPL-2.0"),
    "eupl": ("EUPL-1.1", "EUPL-1.2"), "ofl": ("OFL-1.0", "OFL-1.1"),
    "cdla": ("CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0"),
    "odc by": ("ODC-By-1.0",), "odbl": ("ODbL-1.0",), "pddl": ("PDDL-1.0",), "etalab": ("etalab-2.0",),
    "llama": tuple(f"LicenseRef-Llama-{version}" for version in ("2", "3", "3.1", "3.2", "3.3", "4")),
    "rail": ("LicenseRef-openrail", "LicenseRef-bigscience-openrail-m", "LicenseRef-creativeml-openrail-m"),
}  # fmt: skip

# Model licences that are well known and not on the SPDX list, by how they begin or what they hold.
_MODEL_LICENCE = re.compile(
    r"(?:meta[ -]?)?llama[ -]?[0-9]|gemma|.*rail|qwen|tongyi|deepseek|deepfloyd|falcon|nvidia|mistral|mrl|mnpl"
    r"|stabilityai|flux|apple|grok|c-uda|h-research|intel-research|bigscience|bigcode|fair[ -]noncommercial|yi[ -]"
    r"|openmdw|commercial|proprietary|.*community"
)
_NO_LICENCE = frozenset(
    {"", "none", "noassertion", "unknown", "other", "custom", "n a", "na", "tbd", "see", "unspecified"}
)


def _explain(expression: str) -> LicenceFault:
    tokens = _tokens(expression)
    plain = _canonical(" ".join(tokens))
    if plain is not None:
        return LicenceFault("error", "license_syntax", f"holds a line break or a space of another kind: write {plain}")
    if not any(token.lower() in _OPERATORS for token in tokens):
        return _explain_name(expression)
    # One bad name inside an expression: say which. A name may have spaces here, that is what may be wrong with it.
    for name, is_exception in _names(tokens):
        if is_exception:
            if name.lower() not in _listed().exceptions and _listed().exceptions:
                return _explain_exception(name)
        elif _canonical(name) is None:
            return _explain_name(name)
    sentence = f"{_show(expression)} does not read as an SPDX expression: write one such as MIT OR Apache-2.0"
    return LicenceFault("error", "license_syntax", sentence)


def _names(tokens: list[str]) -> list[tuple[str, bool]]:
    """The names between the operators, each with whether it follows WITH."""
    names: list[tuple[list[str], bool]] = [([], False)]
    for token in tokens:
        if token.lower() in _OPERATORS:
            names.append(([], token.lower() == "with"))
        else:
            names[-1][0].append(token)
    return [(" ".join(words), after_with) for words, after_with in names if words]


def _explain_name(name: str) -> LicenceFault:
    shown, key = _show(name), _key(name)
    reference = re.sub(r"[^a-z0-9.]+", "-", name.lower().replace("+", "-plus"), flags=re.ASCII).strip("-.")[:64]
    # One spelling for what many records carry, or search would take them for several licences.
    reference = re.sub(r"^llama-?(?=[0-9])", "Llama-", re.sub(r"^gemma$", "Gemma", reference))
    if name.lower().startswith("licenseref-"):
        own = re.sub(r"[^A-Za-z0-9.]+", "-", name[len("LicenseRef-") :]).strip("-") or "name"
        sentence = f"{shown} may hold letters, digits, dots and hyphens only: write LicenseRef-{own[:64]}"
        return LicenceFault("error", "license_ref", sentence)
    if key in _NO_LICENCE:
        sentence = f"{shown} names no licence: write an SPDX id such as MIT, or LicenseRef- and a name of your own"
        return LicenceFault("error", "license_unknown", sentence)
    meant = _FAMILIES.get(key) or _by_key().get(key, ())
    if len(meant) > 1:
        sentence = f"{shown} is ambiguous: {', '.join(meant[:-1])} or {meant[-1]}?"
        return LicenceFault("error", "license_ambiguous", sentence)
    parts = [_canonical(part) for part in re.split(r"[\s,;/|&]+", name.strip())]
    listed = [part for part in parts if part is not None]
    if not meant and 1 < len(listed) == len(parts):
        sentence = f"{shown} lists licences: write {' OR '.join(listed)} or {' AND '.join(listed)}"
        return LicenceFault("error", "license_syntax", sentence)
    if meant:
        write = meant[0]
    elif _MODEL_LICENCE.match(name.strip().lower()):
        write = f"LicenseRef-{reference}"
    else:
        near = _nearest(name.strip().lower(), _listed().ids)
        write = near or "an id such as MIT or Apache-2.0" + (f", or LicenseRef-{reference}" if reference else "")
    return LicenceFault("error", "license_unknown", f"{shown} is not an SPDX licence: write {write}")


def _explain_exception(name: str) -> LicenceFault:
    near = _nearest(name.lower(), _listed().exceptions) or "one of https://spdx.org/licenses/exceptions-index.html"
    return LicenceFault("error", "license_unknown", f"{_show(name)} is not an SPDX exception: write {near}")


_NOISE = frozenset({"the", "license", "licence", "licensed", "version", "under", "software", "foundation"})


def _key(name: str) -> str:
    """The words and numbers of a name, so that `Apache License, v2`, `apache2` and `Apache-2.0` are one."""
    lower = re.sub(r"v(?:er(?:sion)?)?\.?\s*(?=[0-9])", " ", name.lower())
    words = re.findall(r"[a-z]+|[0-9]+(?:\.[0-9]+)*", lower)
    return " ".join(re.sub(r"(?:\.0)+$", "", word) for word in words if word not in _NOISE)


@lru_cache(maxsize=1)
def _by_key() -> Mapping[str, tuple[str, ...]]:
    """Every listed id by its key; a deprecated GNU id stands for the two that replaced it."""
    found: dict[str, tuple[str, ...]] = {}
    for listed in _listed().ids.values():
        gnu = _GNU.fullmatch(listed)
        if gnu is not None:
            found[_key(gnu[1])] = (f"{gnu[1]}-only", f"{gnu[1]}-or-later")
        elif listed not in _listed().deprecated:
            found.setdefault(_key(listed), (listed,))
    return found


def _nearest(name: str, listed: Mapping[str, str]) -> str | None:
    """The listed name that is a typo or two away, common ones first; None when nothing is that near."""
    from rapidfuzz.distance import OSA

    most = max(1, len(name) // 5)
    common = [key for key in map(str.lower, _COMMON) if key in listed]
    best: tuple[int, str] | None = None
    for key in dict.fromkeys((*common, *listed)):
        distance = OSA.distance(name[:64], key, score_cutoff=most)
        if distance <= most and (best is None or distance < best[0]):
            best = (distance, key)
    return listed[best[1]] if best is not None else None


def _show(name: str) -> str:
    return safe_text(" ".join(name.split()), 60) or "an empty licence"
