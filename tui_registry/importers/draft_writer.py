"""A draft as it comes together: values with their origins, each made to fit its field or left out with a note.

Licences, as cards, headers and servers spell them, become SPDX expressions, or a word that a rule then asks about:
which spelling means which expression is in `tui_registry.licences`, for authors and importers alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from tui_registry.errors import InvalidRecord, Json, Kind, Problem, Record
from tui_registry.frozen import NamedTuple
from tui_registry.importers.manifest_writer import Behind
from tui_registry.importers.untrusted import SourceError, decoded, opened
from tui_registry.licences import UNSTATED, meant, names_none, reference, states_none
from tui_registry.present.imports import NOT_STATED, Finding
from tui_registry.records.as_written import read_record
from tui_registry.records.authoring import version_fault
from tui_registry.records.documents import MAX_FOREIGN_BYTES
from tui_registry.records.schema import FIELDS, MODEL_TYPES, Flag, Integer, Many, Optional, Text, Variant, leaves
from tui_registry.text import exact, safe_text

if TYPE_CHECKING:
    from tui_registry.importers.signatures import HostKeys

NO_TYPE = Problem(
    "model_type",
    "error",
    NOT_STATED,
    f"the type is stated nowhere: give one of {', '.join(MODEL_TYPES)}, or another task as Other "
    '(on the command line --set model_type=LLM, or --set \'model_type={"Other": "text-classification"}\')',
)


class Draft:
    """The values of one record. The first value that a field is given stays: ask the best source first.

    Attributes:
        entry: what names it where it stands with others, such as the name that a server knows it by.
        in_part: some of what describes it was not to be had this time: what it says of a record that is here already
            may be worse than what was said before, and changes nothing.
        behind: what is to stand behind the record.
        proof: asks the host that the description came from about what it claims, and notes what came of it; None where
            there is nothing to ask.
    """

    def __init__(self, kind: Kind, source: str) -> None:
        self.kind = kind
        self.source = source
        self.entry = ""
        self.in_part = False
        self.origins: dict[str, str] = {}
        self.notes: list[str] = []
        self.problems: list[Problem] = []
        self.behind = Behind(self.note)
        self._unplaced: dict[str, None] = {}
        self.proof: Callable[[HostKeys], Awaitable[None]] | None = None
        self._fields: dict[str, Json] = {}

    def has(self, path: str) -> bool:
        """Whether the field has a value already."""
        return path in self.origins

    def get(self, path: str) -> Json:
        """The value that the field was given, None without one."""
        place, name = self._place(path)
        return place.get(name)

    def put(self, path: str, value: Json, origin: str) -> bool:
        """Give a field its value.

        Args:
            path: the field, such as `parameters` or `resource_requirements.min_memory_mb`.
            value: as JSON; None, empty text and empty lists are no values. What is too long is cut, what does not fit
                is left out, and a note says so.
            origin: where it came from, such as `general.name in the GGUF header`.

        Returns:
            Whether the field has this value now.
        """
        if path == "name" and isinstance(value, str):
            value = plain_name(value)
        if self.has(path) or value is None or value in ("", []):
            return False
        fitting = self._fit(path, leaves(self.kind)[path].type, value, origin)
        if fitting is None or fitting in ("", []):
            return False
        place, name = self._place(path)
        place[name] = fitting
        self.origins[path] = origin
        return True

    def replace(self, path: str, value: Json, origin: str) -> None:
        """As `put`, in place of the value that the field has."""
        told = self.origins.pop(path, None)
        if not self.put(path, value, origin) and told is not None:
            self.origins[path] = told

    def add(self, path: str, items: Iterable[str], origin: str) -> None:
        """Add to a list of text: tags become slugs, nothing is listed twice, and each origin is told."""
        present = self.get(path)
        # A dictionary: a stranger's list may be as long as a file
        merged = dict.fromkeys(item for item in present if isinstance(item, str)) if isinstance(present, list) else {}
        before = len(merged)
        for item in items:
            if is_disk_path(item):
                self.note(f"{path}: a path on somebody's disk was left out ({origin})")
                continue
            word = slug(item) if path == "tags" else " ".join(item.split())
            if word:
                merged[word] = None
        if len(merged) == before:
            return
        told = self.origins.pop(path, None)
        self.put(path, list[Json](merged), origin if told is None or origin in told else f"{told}, {origin}")

    def note(self, sentence: str) -> None:
        """Something that could not be read, or that a person should look at."""
        if len(self.notes) < _MOST_NOTES and sentence not in self.notes:
            self.notes.append(sentence)

    def note_unplaced(self, said: Iterable[str]) -> None:
        """Something that the description states and no field of a record holds, in few words each."""
        self._unplaced.update((one, None) for one in said if one)

    def problem(self, path: str, code: str, sentence: str) -> None:
        """Something that keeps the draft from being registered, until a person gives the field at `path` a value."""
        self.problems.append(Problem(path, "error", code, sentence))

    def finding(self) -> Finding:
        """The draft as the rest of the program takes it."""
        if not self.has("license"):
            self.put("license", UNSTATED, "stated nowhere; the default would claim one")
        # A record needs a type, and what nobody stated is not to be registered as the default
        untyped = self.kind == "model" and not self.has("model_type")
        record: Record | None = None
        problems = (*self.problems, *((NO_TYPE,) if untyped else ()))
        try:
            record = read_record(self.kind, self._fields)
        except InvalidRecord as error:
            problems = tuple(error.problems)
        if self._unplaced:
            more = len(self._unplaced) - _MOST_UNPLACED
            said = "; ".join([*self._unplaced][:_MOST_UNPLACED]) + (f", and {exact(more)} more" if more > 0 else "")
            self.note(f"no field holds what is stated here too: {said}")
        places = {name: place for place, name in enumerate(field.name for field in FIELDS[self.kind])}
        origins = dict(sorted(self.origins.items(), key=lambda item: places[item[0].partition(".")[0]]))
        manifest, manifest_stated = self.behind.plain()
        return Finding(
            self.source,
            self.kind,
            record,
            problems,
            origins=origins,
            notes=tuple(self.notes),
            entry=self.entry,
            stated=frozenset({"name"}) if self.in_part else None,
            manifest=manifest,
            manifest_stated=frozenset() if self.in_part else manifest_stated,
            files=self.behind.files,
        )

    # How: where a value goes and how it is made to fit

    def _place(self, path: str) -> tuple[dict[str, Json], str]:
        outer, _, inner = path.partition(".")
        if not inner:
            return self._fields, outer
        struct = self._fields.setdefault(outer, {})
        return (struct, inner) if isinstance(struct, dict) else ({}, inner)

    def _fit(self, path: str, of: object, value: Json, origin: str) -> Json:
        match of, value:
            case Optional(), _:
                return self._fit(path, of.of, value, origin)
            case Text(), str():
                return self._fit_text(path, of, value, origin)
            case Integer(), int() if not isinstance(value, bool):
                if of.least <= value <= of.most:
                    return value
                self.note(f"{path}: {_number(value)} does not fit and was left out ({origin})")
                return None
            case Many(), list():
                return self._fit_list(path, of, value, origin)
            case Variant(), dict() if isinstance(value.get("Other"), str):
                other = _clean(str(value["Other"]))[:64].strip()
                return {"Other": other} if other else None
            case (Variant(), str()) | (Flag(), bool()):
                return value
        self.note(f"{path}: the value was not of the right type and was left out ({origin})")
        return None

    def _fit_text(self, path: str, of: Text, value: str, origin: str) -> str:
        text = _clean(value).strip()
        if path == "name" and is_disk_path(text):
            text = last_of_path(text)
            self.note(f"name: the path on somebody's disk that stands before it was left out ({origin})")
        if len(text) > of.most:
            self.note(f"{path}: cut to {exact(of.most)} of {exact(len(text))} characters ({origin})")
            text = text[: of.most].rstrip()
        return text

    def _fit_list(self, path: str, of: Many, items: list[Json], origin: str) -> Json:
        if not isinstance(of.of, Text):
            return items[: of.most]
        most = of.of.most
        fitting = [text for item in items if isinstance(item, str) and 0 < len(text := _clean(item)) <= most]
        if len(fitting) < len(items):
            self.note(f"{path}: {exact(len(items) - len(fitting))} left out that are too long or no text ({origin})")
        if len(fitting) > of.most:
            self.note(f"{path}: the first {of.most} of {exact(len(fitting))} were kept ({origin})")
        return list[Json](fitting[: of.most])


_MOST_UNPLACED = 12
# More than anybody reads.
_MOST_NOTES = 200


class Judged(NamedTuple):
    """What stands beside drafts in a list and is none: an entry that cannot be read, or one of ours."""

    found: Finding

    def finding(self) -> Finding:
        """As of a draft."""
        return self.found


Given: TypeAlias = Union[Draft, Judged]


def with_notes(given: Sequence[Given], notes: Sequence[str]) -> Sequence[Given]:
    """What is given, each draft with what there is to say of the document that it stands in."""
    for draft in (one for one in given if isinstance(one, Draft)):
        for note in notes:
            draft.note(note)
    return given


def finding_of(read: Callable[[], Draft], source: str, kind: Kind | None) -> Finding:
    """The finding that reading a draft ends in: the draft, or why there is none. Nothing is raised."""
    try:
        draft = read()
    except SourceError as error:
        return Finding(source, kind, None, (Problem("", "error", "header", error.sentence),))
    return draft.finding().wanted_as(kind)


def draft_of_text(path: Path, read: Callable[[str, str, str], Draft]) -> Draft:
    """The draft of a file whose text says all of it.

    Args:
        read: (text, where it stands, name for one that has none) -> its draft.

    Raises:
        SourceError: the file cannot be read, or `read` raises it.
    """
    notes: list[str] = []
    with opened(path) as file:
        text = decoded(file.read(MAX_FOREIGN_BYTES), notes)
    draft = read(text, str(path), path.stem)
    for note in notes:
        draft.note(note)
    return draft


def put_version(draft: Draft, version: str, origin: str) -> None:
    """Give the draft its version; one that is no SemVer and cannot be completed is left out, with a note."""
    version = version.strip()
    if not version or draft.has("version"):
        return
    if version_fault(version) is None:
        draft.put("version", version, origin)
        return
    match = None if _DATE.fullmatch(version) else _SHORT.fullmatch(version)
    if match is not None:
        whole = ".".join(str(int(part or "0")) for part in match.group(1, 2, 3)) + (match[4] or "")
        if version_fault(whole) is None:
            draft.put("version", whole, f"{origin}, where it is {shown(version)}")
            return
    what = "a date and not" if _DATE.fullmatch(version) else "not"
    draft.note(f"the version {shown(version)} is {what} SemVer, so the draft has the default ({origin})")


# `v1.2`, `1`, `1.2.0-rc.1`: numbers that only lack a part. Dates and names are another matter.
_SHORT = re.compile(
    r"v?([0-9]{1,4})(?:\.([0-9]{1,4}))?(?:\.([0-9]{1,4}))?([-+][0-9A-Za-z.+-]+)?", re.ASCII | re.IGNORECASE
)


# `2025-06-01`, `2025.06`, `v2025_06_01-rc1`, `20250601`: the day of a release says nothing of compatibility.
_DATE = re.compile(
    r"v?(?:19|20)[0-9]{2}(?:[-._/ ]?[0-1]?[0-9](?:[-._/ ]?[0-3]?[0-9])?)?(?:[-+.T ][0-9A-Za-z.:+-]*)?",
    re.ASCII | re.IGNORECASE,
)


def plain_name(text: str) -> str:
    """A name without what a template puts around it: `Model Card for X`, `X Model Card` -> `X`; `null` -> nothing."""
    name = _AROUND.sub("", text.strip()).strip()
    return "" if name.lower() in _NO_NAMES else name


_AROUND = re.compile(
    r"(?i)^model[ -]?card(?: (?:for|of)[ \t]+|[ \t]*[-:|\u2013\u2014][ \t]*|$)"
    r"|[ \t]*[-:|\u2013\u2014]?[ \t]+model[ -]?card$"
)
_NO_NAMES = frozenset(
    {"null", "none", "nil", "nan", "~", "unk", "unknown", "<unk>", "n/a", "na", "undefined", "untitled", "no name"}
)


def slug(text: str) -> str:
    """A tag as the authoring rules ask for it: `Text Generation` -> `text-generation`, `C++` -> `c`; maybe empty."""
    plain = unicodedata.normalize("NFKD", text[:200]).encode("ascii", "ignore").decode().lower().replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", plain)[:128].strip("-")


def is_disk_path(text: str) -> bool:
    """Whether a text is a path on somebody's disk, such as `C:\\Users\\bob\\llama` or `/home/bob/llama`.

    `OWNER/NAME` is none: so the Hub calls its models.
    """
    return _DISK_PATH.match(text.strip()) is not None


def last_of_path(text: str) -> str:
    """The name at the end of a path, of either way to write one."""
    return _SEPARATORS.split(text.strip().rstrip("/\\"))[-1]


_DISK_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\|/[^/\s]|~[A-Za-z0-9_-]*/|\.{1,2}[\\/]|(?i:file:)|[\w.-]+\\(?=[\w.-])")
_SEPARATORS = re.compile(r"[\\/]")


def shown(text: str, limit: int = 60) -> str:
    """A foreign word inside a sentence: safe, on one line, short."""
    return safe_text(" ".join(text[: 4 * limit].split()), limit)


def seen(key: str, value: Json) -> str:
    """A key and what stands there, in few words."""
    match value:
        case str():
            return f"{shown(key, 40)} {shown(value, 60)}"
        case list() if value and all(isinstance(item, str) for item in value):
            more = f" and {exact(len(value) - 4)} more" if len(value) > 4 else ""
            return f"{shown(key, 40)} {', '.join(shown(str(item), 40) for item in value[:4])}{more}"
        case list():
            return f"{shown(key, 40)} ({exact(len(value))})"
    return shown(key, 40)


def _clean(text: str) -> str:
    """Without NULs and lone surrogates, which no field may hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _number(value: int) -> str:
    return exact(value) if abs(value) < 10**30 else "the number"


# ---- licences --------------------------------------------------------------------------------------------------------


class Licence(NamedTuple):
    """A licence for a draft; `note` says what a person must look at."""

    expression: str
    note: str | None = None


def put_licence(draft: Draft, identifier: str, origin: str, *, name: str = "") -> None:
    """Give the draft its licence.

    Args:
        identifier: such as `apache-2.0`, `llama3.1` or `other`.
        origin: where it was found.
        name: what the licence calls itself, for `other`.
    """
    if draft.has("license") or not identifier.strip():
        return
    if states_none(identifier) and names_none(name):
        draft.note(f"the licence is given as {shown(identifier)} ({origin})")
        return  # another source may know it
    if is_disk_path(identifier):
        draft.note(f"license: a path on somebody's disk was left out ({origin})")
        return
    licence = spdx(identifier, name)
    written = "" if licence.expression == identifier.strip() else f", where it is {shown(name or identifier)}"
    draft.put("license", licence.expression, origin + written)
    if licence.note is not None:
        draft.note(licence.note)


def spdx(identifier: str, name: str = "") -> Licence:
    """The SPDX expression that an identifier means.

    Families, such as `bsd` or `cc`, stay as they are with a note, and the authoring rule then asks which one is meant.
    What is not on the SPDX list but a known licence of models becomes a `LicenseRef-`.
    """
    word = " ".join(identifier.split())
    if names_none(word):
        if not names_none(name):
            named = meant(name)
            return Licence(named[0] if len(named) == 1 else _reference(name))
        # `other` is a licence that somebody has to name before anything is signed
        return Licence(UNSTATED if states_none(word) else word, f"the licence is given as {shown(word)}: name it")
    expressions = meant(word)
    if len(expressions) == 1:
        return Licence(expressions[0])
    if expressions:
        return Licence(word, f"{shown(word)} is a family of licences: name the one that is meant")
    return Licence(word[:128], f"{shown(word)} is not known as a licence: check it")


def _reference(name: str) -> str:
    """A name as a reference: `Yi License (v1)` -> `LicenseRef-Yi-License-v1`."""
    own = reference(name.strip().removeprefix("LicenseRef-"))
    return f"LicenseRef-{own}" if own else UNSTATED
