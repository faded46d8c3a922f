"""One table of licences: what people, hubs and headers write, and the one expression that stands for it here.

Three ask it, so that a licence has one spelling wherever it came from: the authoring rule says what was meant
(`licence_fault`), importers write it (`meant`), and a search looks for it (`searched`, `alike`, `usual`).

Ids are those of https://spdx.org/licenses, of which `packaging` has a copy; it is imported only where an expression has
to be checked. `LicenseRef-...` names what is not on that list. Spellings are compared without case and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from tui_registry.frozen import NamedTuple
from tui_registry.text import fewest_typos, safe_text

if TYPE_CHECKING:
    from tui_registry.errors import Severity

_REF: Final = "LicenseRef-"

_SPDX: Final = {
    "MIT": "mitlicense mitlicence expat",
    "Apache-2.0": "apache apache2 apachelicense apachelicense2 apachelicense20 apachev2 asl asl2 asl20",
    "BSD-3-Clause": "bsd3 bsd3clause newbsd new-bsd modified-bsd",
    "BSD-2-Clause": "bsd2 bsd2clause simplified-bsd freebsd",
    "GPL-3.0-only": "",
    "GPL-3.0-or-later": "gpl3+ gpl30+",
    "GPL-2.0-only": "",
    "GPL-2.0-or-later": "gpl2+ gpl20+",
    "LGPL-3.0-only": "",
    "LGPL-3.0-or-later": "lgpl3+ lgpl30+",
    "LGPL-2.1-only": "",
    "LGPL-2.1-or-later": "lgpl21+ lgpl2.1+",
    "AGPL-3.0-only": "",
    "AGPL-3.0-or-later": "agpl3+ agpl30+",
    "MPL-2.0": "mpl mpl2",
    "ISC": "",
    "Unlicense": "theunlicense",
    "CC0-1.0": "cc0 cc-zero",
    "CC-BY-4.0": "ccby ccby4",
    "CC-BY-SA-4.0": "ccbysa ccbysa4",
    "CC-BY-NC-4.0": "ccbync ccbync4",
    "CC-BY-NC-SA-4.0": "ccbyncsa ccbyncsa4",
    "CC-BY-ND-4.0": "ccbynd ccbynd4",
    "CC-BY-NC-ND-4.0": "ccbyncnd ccbyncnd4",
    "CC-BY-3.0": "",
    "CC-BY-SA-3.0": "",
    "BSL-1.0": "boost",
    "Zlib": "",
    "EUPL-1.2": "eupl",
    "EPL-2.0": "",
    "Artistic-2.0": "",
    "OFL-1.1": "ofl",
    "ODC-By-1.0": "odc-by odcby",
    "ODbL-1.0": "odbl",
    "PDDL-1.0": "pddl",
    "CDLA-Permissive-2.0": "",
    "etalab-2.0": "etalab",
    "WTFPL": "",
}
# Licences of models and data sets by the identifiers of https://huggingface.co/docs/hub/repositories-licenses. Until
# 0.1 the authoring rule proposed `LicenseRef-` and that word, so records carry those references as well (`alike`).
_MODELS: Final = {
    "LicenseRef-Llama-2": "llama2",
    "LicenseRef-Llama-3": "llama3",
    "LicenseRef-Llama-3.1": "llama3.1",
    "LicenseRef-Llama-3.2": "llama3.2",
    "LicenseRef-Llama-3.3": "llama3.3",
    "LicenseRef-Llama-4": "llama4",
    "LicenseRef-Gemma": "gemma",
    "LicenseRef-OpenRAIL": "openrail",
    "LicenseRef-CreativeML-OpenRAIL-M": "creativeml-openrail-m",
    "LicenseRef-CreativeML-OpenRAIL-PlusPlus-M": "openrail++",
    "LicenseRef-BigScience-OpenRAIL-M": "bigscience-openrail-m",
    "LicenseRef-BigScience-BLOOM-RAIL-1.0": "bigscience-bloom-rail-1.0",
    "LicenseRef-BigCode-OpenRAIL-M": "bigcode-openrail-m",
    "LicenseRef-DeepFloyd-IF": "deepfloyd-if-license",
    "LicenseRef-Apple-ASCL": "apple-ascl",
    "LicenseRef-Apple-AMLR": "apple-amlr",
    "LicenseRef-FAIR-Noncommercial-Research": "fair-noncommercial-research-license",
    "LicenseRef-Intel-Research": "intel-research",
    "LicenseRef-H-Research": "h-research",
    "LicenseRef-Grok-2-Community": "grok2-community",
    "C-UDA-1.0": "c-uda",
    "LGPLLR": "lgpl-lr",
}
# The table: expression -> its other spellings, separated by spaces. A spelling that names a family too is what a search
# takes it for; an author is asked which member is meant.
SPELLINGS: Final[Mapping[str, str]] = {**_SPDX, **_MODELS}

_CC: Final = (
    "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0",
)  # fmt: skip
_GPL2: Final = ("GPL-2.0-only", "GPL-2.0-or-later")
_GPL3: Final = ("GPL-3.0-only", "GPL-3.0-or-later")
_LGPL21: Final = ("LGPL-2.1-only", "LGPL-2.1-or-later")
_LGPL3: Final = ("LGPL-3.0-only", "LGPL-3.0-or-later")
_AGPL3: Final = ("AGPL-3.0-only", "AGPL-3.0-or-later")
# What people write for a family -> the ids that it may mean.
_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "apache asl": ("Apache-1.0", "Apache-1.1", "Apache-2.0"),
    "bsd": ("BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "BSD-4-Clause", "0BSD"),
    "cc creativecommons creative-commons": _CC,
    "cc-by ccby": ("CC-BY-4.0", "CC-BY-3.0", "CC-BY-2.0"),
    "cc-by-sa ccbysa": ("CC-BY-SA-4.0", "CC-BY-SA-3.0"),
    "cc-by-nc ccbync": ("CC-BY-NC-4.0", "CC-BY-NC-3.0", "CC-BY-NC-2.0"),
    "cc-by-nd ccbynd": ("CC-BY-ND-4.0", "CC-BY-ND-3.0"),
    "cc-by-nc-sa ccbyncsa": ("CC-BY-NC-SA-4.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-2.0"),
    "cc-by-nc-nd ccbyncnd": ("CC-BY-NC-ND-4.0", "CC-BY-NC-ND-3.0"),
    "public-domain": ("CC0-1.0", "Unlicense"),
    "gpl gnu-gpl": _GPL2 + _GPL3,
    "gpl2 gpl20": _GPL2,
    "gpl3 gpl30": _GPL3,
    "lgpl": _LGPL21 + _LGPL3,
    "lgpl2.1 lgpl21": _LGPL21,
    "lgpl3 lgpl30": _LGPL3,
    "agpl agpl3 agpl30": _AGPL3,
    "gfdl": ("GFDL-1.2-only", "GFDL-1.3-only", "GFDL-1.3-or-later"),
    "mpl mozilla": ("MPL-1.0", "MPL-1.1", "MPL-2.0"),
    "bsl": ("BSL-1.0", "BUSL-1.1"),
    "artistic": ("Artistic-1.0", "Artistic-2.0"),
    "afl": ("AFL-1.1", "AFL-1.2", "AFL-2.0", "AFL-2.1", "AFL-3.0"),
    "epl": ("EPL-1.0", "EPL-2.0"),
    "eupl": ("EUPL-1.1", "EUPL-1.2"),
    "ofl": ("OFL-1.0", "OFL-1.1"),
    "cdla": ("CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0"),
    "llama": tuple(name for name in _MODELS if name.startswith("LicenseRef-Llama-")),
    "rail": ("LicenseRef-OpenRAIL", "LicenseRef-BigScience-OpenRAIL-M", "LicenseRef-CreativeML-OpenRAIL-M"),
}
# What importers give what states no licence: a valid expression that claims none, with a warning.
UNSTATED: Final = "LicenseRef-unstated"
_NOT_STATED: Final = frozenset(
    {
        "",
        "none",
        "null",
        "noassertion",
        "unknown",
        "unk",
        "n a",
        "na",
        "tbd",
        "unspecified",
        "unstated",
        "not specified",
    }
)
_NO_LICENCE: Final = _NOT_STATED | {"other", "custom", "proprietary", "unlicensed", "see"}


# ---- what is meant: for authors and importers ------------------------------------------------------------------------


def meant(name: str) -> tuple[str, ...]:
    """The expressions that a spelling may mean: one when it is certain, several for a family, none when it is unknown.

    Whole expressions are read too (`mit or apache-2.0`). Raises nothing, whatever the text.
    """
    spdx = _canonical(name)
    return (usual_expression(spdx),) if spdx is not None else _by_name(name)


def names_none(name: str) -> bool:
    """Whether the words say that there is no licence, or that it is some other one: `other`, `n/a`, `custom`."""
    return _key(name) in _NO_LICENCE


def states_none(name: str) -> bool:
    """Whether the words say that no licence is stated: `unknown`, `n/a`, but not `other` or `custom`."""
    return _key(name) in _NOT_STATED


def reference(name: str) -> str:
    """A name as what follows `LicenseRef-`: `Yi License (v1)` -> `Yi-License-v1`; "" when nothing of it may stay."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name.replace("+", "-plus"), flags=re.ASCII).strip("-.")[:64].strip("-.")


# ---- what is looked for: without `packaging`, which no list and no search waits for ----------------------------------


def searched(value: str) -> tuple[str, ...]:
    """The licences that a search for a spelling is for: one, or a family's members. Never none.

    Ids of the GNU licences without `only` or `or-later` are given up by SPDX, and records still carry them.
    """
    exact, by_name = _search_index()
    if value.lower() in exact:
        return (exact[value.lower()],)
    return by_name.get(_key(value)) or by_name.get(_squeezed(value), (value,))


def searched_families() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each name that a search takes for several licences, with those."""
    single = {_key(other) for others in SPELLINGS.values() for other in others.split()}
    for names, members in _FAMILIES.items():
        for name in names.split():
            if _key(name) not in single and (found := _searched_members(members)):
                yield name, found


def alike(value: str) -> tuple[str, ...]:
    """The values of records that are this licence: itself, and the references that were proposed for it before."""
    return (value, *_FORMER.get(value.lower(), ()))


def usual(value: str) -> str:
    """The table's own spelling of a licence of models (`LicenseRef-openrail`); any other value as it is."""
    return _USUAL.get(value.lower(), value)


def usual_expression(expression: str) -> str:
    """The same for every reference in an SPDX expression."""
    return _REFERENCE.sub(lambda match: usual(match[0]), expression)


_FORMER: Final[Mapping[str, tuple[str, ...]]] = {
    name.lower(): former
    for name, word in _MODELS.items()
    if (former := tuple(ref for ref in (_REF + word.replace("+", "-plus"),) if ref.lower() != name.lower()))
}
_USUAL: Final[Mapping[str, str]] = {
    spelling.lower(): name for name in _MODELS for spelling in (name, *_FORMER.get(name.lower(), ()))
}


@cache
def _search_index() -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Ids by lower case, and what is meant by the key of a spelling. Made when the first licence is searched for."""
    exact = {**{name.lower(): name for name in SPELLINGS}, **_USUAL}
    found = {
        key: members
        for names, ids in _FAMILIES.items()
        if (members := _searched_members(ids))
        for key in map(_key, names.split())
    }
    for name, others in SPELLINGS.items():
        found |= dict.fromkeys((_key(name), _squeezed(name), *map(_key, others.split())), (name,))
    return exact, found


def _searched_members(ids: tuple[str, ...]) -> tuple[str, ...]:
    known = [name for name in ids if name in SPELLINGS]
    return tuple([id_ for name in known for id_ in ((name[:-5], name) if name.endswith("-only") else (name,))])


# ---- the authoring rule ----------------------------------------------------------------------------------------------


class LicenceFault(NamedTuple):
    """What is wrong with a licence; a warning is a valid expression that has a better spelling. Each of `instead` would
    be right in place of all of it."""

    severity: Severity
    code: str
    sentence: str
    instead: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def licence_fault(expression: str) -> LicenceFault | None:
    """What is wrong with an SPDX expression, or None.

    Ids match without regard to case (SPDX 2.3, annex D), so `mit` is valid and only asked to be written `MIT`.
    """
    if expression in SPELLINGS:
        return None  # as it is spelt here; most records need no library to be right
    spdx = _canonical(expression)
    if spdx is None:
        return _explain(expression)
    tokens = _tokens(spdx)
    for place, token in enumerate(tokens):
        old = _deprecated(token)
        if old is not None:
            whole = (" ".join((*tokens[:place], new, *tokens[place + 1 :])) for new in old.instead)
            return old._replace(instead=_readable(whole))
    if spdx.lower() == UNSTATED.lower():
        sentence = (
            "nothing states a licence: name it where you know it, because nobody may use what gives no permission"
        )
        return LicenceFault("warning", "license_unstated", sentence)
    if (here := usual_expression(spdx)) != spdx:
        return LicenceFault("warning", "license_spelling", f"it has one spelling here: write {here}", (here,))
    if spdx != expression:
        return LicenceFault("warning", "license_spelling", f"SPDX spells it differently: write {spdx}", (spdx,))
    return None


def as_expression(licence: str) -> str | None:
    """A licence as SPDX spells it; None where it is no expression of SPDX."""
    return _canonical(licence)


_OPERATORS = frozenset({"and", "or", "with", "(", ")"})
_REFERENCE = re.compile(r"licenseref-[a-z0-9.-]+", re.IGNORECASE | re.ASCII)


def _tokens(expression: str) -> list[str]:
    return expression.replace("(", " ( ").replace(")", " ) ").split()


def _canonical(expression: str) -> str | None:
    """The expression as SPDX spells it, or None when it is none."""
    # Most licences stand in the table above.
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not expression.isascii() or not expression.isprintable():
        return None
    # References go round packaging by number: it takes two that differ in case alone for one.
    refs: list[str] = []
    tokens = _tokens(expression)
    for index, token in enumerate(tokens):
        if _REFERENCE.fullmatch(token):
            refs.append(_REF + token[len(_REF) :])
            tokens[index] = f"{_REF}{len(refs) - 1}."
    try:
        spdx: str = canonicalize_license_expression(" ".join(tokens))
    except InvalidLicenseExpression:
        return None
    return re.sub(r"LicenseRef-([0-9]+)\.", lambda match: refs[int(match[1])], spdx) if refs else spdx


class _List(NamedTuple):
    ids: Mapping[str, str]  # lower case -> as listed
    deprecated: frozenset[str]
    exceptions: Mapping[str, str]


@cache
def _listed() -> _List:
    # packaging has no public way to its list. Without it, ids are still checked, only no rare one is proposed.
    try:
        from packaging.licenses._spdx import EXCEPTIONS, LICENSES
    except ImportError:
        return _List({name.lower(): name for name in _SPDX}, frozenset(), {})
    return _List(
        {key: entry["id"] for key, entry in LICENSES.items()},
        frozenset(entry["id"] for entry in LICENSES.values() if entry["deprecated"]),
        {key: entry["id"] for key, entry in EXCEPTIONS.items()},
    )


_GNU = re.compile(r"((?:A|L)?GPL-[0-9.]+|GFDL-[0-9.]+)(\+?)")


def _deprecated(token: str) -> LicenceFault | None:
    gnu = _GNU.fullmatch(token)
    instead: tuple[str, ...] = ()
    if gnu is not None:
        instead = (f"{gnu[1]}-or-later",) if gnu[2] else (f"{gnu[1]}-only", f"{gnu[1]}-or-later")
        write = " or ".join(instead)
    elif token in _listed().deprecated:
        write = "the id that replaced it, see https://spdx.org/licenses"
    else:
        return None
    sentence = f"{token} is no longer an SPDX id of its own: write {write}"
    return LicenceFault("warning", "license_deprecated", sentence, instead)


# Licences of models that are well known and stand in no list, by how they begin or what they hold.
_MODEL_LICENCE = (
    r"(?:meta[ -]?)?llama[ -]?[0-9]|gemma|.*rail|qwen|tongyi|deepseek|deepfloyd|falcon|nvidia|mistral|mrl|mnpl"
    r"|stabilityai|flux|apple|grok|c-uda|h-research|intel-research|bigscience|bigcode|fair[ -]noncommercial|yi[ -]"
    r"|openmdw|commercial|.*community"
)


def _explain(expression: str) -> LicenceFault:
    tokens = _tokens(expression)
    plain = _canonical(" ".join(tokens))
    if plain is not None:
        sentence = f"holds a line break or a space of another kind: write {plain}"
        return LicenceFault("error", "license_syntax", sentence, (plain,))
    if not any(token.lower() in _OPERATORS for token in tokens):
        return _explain_name(expression)
    # One bad name inside an expression: say which. A name may have spaces here, that is what may be wrong with it.
    for name, is_exception in _names(tokens):
        if is_exception:
            if name.lower() not in _listed().exceptions and _listed().exceptions:
                return _explain_exception(name)
        elif _canonical(name) is None:
            fault = _explain_name(name)
            whole = " ".join(tokens)
            return fault._replace(instead=_readable(whole.replace(name, new, 1) for new in fault.instead))
    sentence = f"{_show(expression)} does not read as an SPDX expression: write one such as MIT OR Apache-2.0"
    return LicenceFault("error", "license_syntax", sentence)


def _readable(expressions: Iterable[str]) -> tuple[str, ...]:
    """Those that are expressions, as SPDX spells them."""
    return tuple(spdx for expression in expressions if (spdx := _canonical(expression)) is not None)


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
    shown = _show(name)
    if name.lower().startswith("licenseref-"):
        own = reference(name[len(_REF) :]) or "name"
        sentence = f"{shown} may hold letters, digits, dots and hyphens only: write {_REF}{own}"
        return LicenceFault("error", "license_ref", sentence, _readable([f"{_REF}{own}"]))
    if names_none(name):
        sentence = f"{shown} names no licence: write an SPDX id such as MIT, or LicenseRef- and a name of your own"
        return LicenceFault("error", "license_unknown", sentence)
    ids = _by_name(name)
    if len(ids) > 1:
        sentence = f"{shown} is ambiguous: {', '.join(ids[:-1])} or {ids[-1]}?"
        return LicenceFault("error", "license_ambiguous", sentence, ids)
    parts = [_canonical(part) for part in re.split(r"[\s,;/|&]+", name.strip())]
    listed = [part for part in parts if part is not None]
    if not ids and 1 < len(listed) == len(parts):
        both = " OR ".join(listed), " AND ".join(listed)
        sentence = f"{shown} lists licences: write {both[0]} or {both[1]}"
        return LicenceFault("error", "license_syntax", sentence, both)
    own = re.sub(r"^llama-?(?=[0-9])", "Llama-", reference(name.lower()))
    instead: tuple[str, ...] = ()
    if ids:
        write = ids[0]
    elif re.match(_MODEL_LICENCE, name.strip().lower()):
        write = _REF + own
    else:
        near = _nearest(name.strip().lower(), _listed().ids)
        write = near or "an id such as MIT or Apache-2.0" + (f", or {_REF}{own}" if own else "")
        instead = tuple(filter(None, (near or (f"{_REF}{own}" if own else ""),)))
    sentence = f"{shown} is not an SPDX licence: write {write}"
    return LicenceFault("error", "license_unknown", sentence, _readable(instead or (write,)))


def _explain_exception(name: str) -> LicenceFault:
    near = _nearest(name.lower(), _listed().exceptions) or "one of https://spdx.org/licenses/exceptions-index.html"
    return LicenceFault("error", "license_unknown", f"{_show(name)} is not an SPDX exception: write {near}")


def _by_name(name: str) -> tuple[str, ...]:
    """What a name means that is no id: by the table, else by SPDX's list."""
    key = _key(name)
    families, spellings = _meanings()
    return families.get(key) or spellings.get(key) or _by_key().get(key, ())


@cache
def _meanings() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """The families and the licences of the table, by the key of each of their spellings."""
    families = {_key(name): ids for names, ids in _FAMILIES.items() for name in names.split()}
    return families, {_key(word): (name,) for name, others in SPELLINGS.items() for word in (name, *others.split())}


@cache
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


_NOISE = frozenset({"the", "license", "licence", "licensed", "version", "under", "software", "foundation"})


def _key(name: str) -> str:
    """The words and numbers of a name, so that `Apache License, v2`, `apache2` and `Apache-2.0` are one."""
    lower = re.sub(r"v(?:er(?:sion)?)?\.?\s*(?=[0-9])", " ", name.lower())
    words = re.findall(r"[a-z]+|[0-9]+(?:\.[0-9]+)*|\+", lower)
    return " ".join([re.sub(r"(?:\.0)+$", "", word) for word in words if word not in _NOISE])


def _squeezed(name: str) -> str:
    """An id without its punctuation, as some people write it: `apache20`."""
    return re.sub(r"[ _./-]", "", name.lower())


def _nearest(name: str, listed: Mapping[str, str]) -> str | None:
    """The listed name that is a typo or two away, common ones first; None when nothing is that near."""
    common = [key for key in map(str.lower, SPELLINGS) if key in listed]
    found = fewest_typos(name, dict.fromkeys((*common, *listed)), max(1, len(name) // 5))
    return None if found is None else listed[found]


def _show(name: str) -> str:
    return safe_text(" ".join(name.split()), 60) or "an empty licence"


# ---- which do not go together ----------------------------------------------------------------------------------------

# Whoever receives something under one of these may sell it, and may give what is made from it another licence.
_FREE: Final = frozenset(
    ("MIT", "Apache-2.0", "BSD-3-Clause", "BSD-2-Clause", "ISC", "Unlicense", "CC0-1.0", "BSL-1.0", "Zlib", "CC-BY-4.0")
)
_KEPT_GPL: Final = frozenset(
    ("GPL-3.0-only", "GPL-3.0-or-later", "GPL-2.0-only", "GPL-2.0-or-later", "AGPL-3.0-only", "AGPL-3.0-or-later")
)
_BY_NC: Final = frozenset(("CC-BY-NC-4.0",))
# (of what something was made from, of what was made, why these do not go together). Only pairs of which the texts
# themselves leave no doubt: the legal codes of Creative Commons 4.0 (https://creativecommons.org/licenses/, sections
# 2(a)(1), 3(a)(4) and 3(b)), sections 5(c) of the GPL 3 and AGPL 3 and 2(b) of the GPL 2, and, for Apache with GPL 2,
# https://www.gnu.org/licenses/license-list.html#apache2. Of all others nothing is said, and so of any `LicenseRef-`.
_CLASHES: Final = (
    (frozenset(("CC-BY-ND-4.0", "CC-BY-NC-ND-4.0")), None, "what is changed may not be shared under the latter"),
    (_BY_NC, _FREE | _KEPT_GPL | {"CC-BY-SA-4.0"}, "the latter allows no commercial use, the former does"),
    (
        frozenset(("CC-BY-NC-SA-4.0",)),
        _FREE | _KEPT_GPL | {"CC-BY-SA-4.0"},
        "the latter allows no commercial use, and has to stay the licence of what is made from it",
    ),
    (frozenset(("CC-BY-SA-4.0",)), _FREE, "the latter has to stay the licence of what is made from it"),
    (_KEPT_GPL, _FREE, "the latter has to stay the licence of what is made from it"),
    (frozenset(("Apache-2.0",)), frozenset(("GPL-2.0-only",)), "the GPL 2 does not allow what the latter asks for"),
)


def clash(made: str, base: str) -> str | None:
    """Why a licence does not go with that of what something was made from; None where nothing is known against it. It
    is advice by what the licences say, knows single licences alone, and no exceptions that an owner grants."""
    made, base = usual(made), usual(base)
    for bases, others, why in _CLASHES:
        if base in bases and (others is None or made in others):
            return why
    return None
