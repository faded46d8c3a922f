"""One problem mended for all that have it: which those are, the question for the value, and the drafts with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from tui_registry.datastore import Datastore, Described, ImportRun
from tui_registry.errors import Json, Problem
from tui_registry.frozen import NamedTuple
from tui_registry.present.imports import LICENCE_ASSUMED, NOT_STATED, Finding, describe
from tui_registry.records.merging import choose
from tui_registry.text import exact, plural, safe_text
from tui_registry.tui.imports.survey import Line, Survey, judge
from tui_registry.tui.register.form_fields import OTHER, FormField, default_text, field_at, read_text, spelt_text
from tui_registry.tui.register.known_words import Ask, licences_like
from tui_registry.tui.register.value_screen import Fault, ValueScreen

# ---- what is wrong with several ------------------------------------------------------------------------------------


class Trouble(NamedTuple):
    """A problem that one value would mend.

    Attributes:
        words: what is wrong, as a line of a list.
        error: it keeps them from being registered.
        places: of the findings that have it, in their order.
    """

    field: FormField
    words: str
    error: bool
    places: tuple[int, ...]


def troubles(lines: Mapping[int, Line]) -> list[Trouble]:
    """What one value would mend in these, by their places: first what keeps most of them from being registered."""
    found: dict[tuple[str, str, tuple[str, ...]], Trouble] = {}
    places: dict[tuple[str, str, tuple[str, ...]], dict[int, None]] = {}
    for place, line in lines.items():
        for field, code, words, error in _faults_of(line):
            # A model's frameworks are not an agent's
            key = field.path, code, field.names
            known = found.get(key)
            places.setdefault(key, {})[place] = None
            if known is None:
                found[key] = Trouble(field, words, error, ())
            elif words != known.words:
                # What is wrong with each of them is not said of all
                found[key] = known._replace(words=f"{field.title} not right")
    told = [trouble._replace(places=tuple(places[key])) for key, trouble in found.items()]
    return sorted(told, key=lambda one: (not one.error, one.field.path not in _USUAL, -len(one.places)))


def faults_in_words(line: Line) -> list[str]:
    """What one value would mend in it, each as `Trouble.words` says it."""
    return [words for _, _, words, _ in _faults_of(line)]


def mended(found: Finding, field: FormField, value: Json) -> Finding:
    """The finding with a person's value in a field, and without what was wrong there."""
    kind, record = found.kind, found.record
    assert kind is not None
    assert record is not None
    return replace(
        found,
        record=choose(record, field.path, value),
        problems=tuple(one for one in found.problems if field_at(kind, one.path) != field),
        origins={**found.origins, field.path: _BY_HAND} if found.origins else found.origins,
        notes=tuple(note for note in found.notes if field.path != "license" or note != LICENCE_ASSUMED),
    )


def mend_all(datastore: Datastore, found: Survey, lines: Sequence[Line], field: FormField, value: Json) -> list[Line]:
    """The lines with that value in that field, and what each comes to with it. Signs and stores nothing."""
    findings = [mended(line.found, field, value) for line in lines]
    entries = [_with_it(line, since, field, found.run) for line, since in zip(lines, findings, strict=True)]
    candidates = judge(datastore, found.run, findings, entries)
    return [Line(line.read, since, one) for line, since, one in zip(lines, findings, candidates, strict=True)]


def faults(datastore: Datastore, found: Finding, field: FormField, text: str) -> list[Problem]:
    """What the form would say of that text in that field of the draft, errors first."""
    kind = found.kind
    try:
        record = mended(found, field, read_text(field, text)).record
    except ValueError as error:
        return [Problem(field.path, "error", "unreadable", str(error))]
    if kind is None or record is None:
        return []
    said = [one for one in datastore.check(kind, record) if field_at(kind, one.path) == field]
    return sorted(said, key=lambda one: one.severity != "error")


def _with_it(line: Line, since: Finding, field: FormField, run: ImportRun) -> Described | None:
    """As the replica takes it: what a person chose wins, and is no part of what the source says."""
    entry = line.candidate.described
    if entry is None or since.record is None:
        return describe(since, run)
    return entry._replace(
        record=since.record,
        stated=entry.stated | {field.path},
        chosen=entry.chosen | {field.path},
        problems=since.problems,
    )


_BY_HAND: Final = "given in the list of what was found"
# What is asked for first
_USUAL: Final = ("model_type", "license")
_ONE_LINE: Final = frozenset({"text", "number", "flag", "choice"})
_UNSTATED: Final = "unstated"


def _faults_of(line: Line) -> Iterator[tuple[FormField, str, str, bool]]:
    """A field, a code for what is wrong there, the same in words, and whether it keeps the draft from being signed."""
    found, one = line.found, line.candidate
    if found.kind is None or found.record is None:
        return
    for problem in one.problems:
        field = field_at(found.kind, problem.path)
        # Names, long texts and lists are each one's own, and so are sizes that only might be stated
        if field is None or field.control not in _ONE_LINE or field.path == "name":
            continue
        if field.control == "number" and problem.severity == "warning":
            continue
        unstated = problem.code in (NOT_STATED, "license_unstated")
        # What follows the colon says what to write
        words = f"{field.title}: {safe_text(problem.sentence.partition(': ')[0], 60)}"
        words = f"{field.title} not stated" if unstated else words
        yield field, _UNSTATED if unstated else problem.code, words, problem.severity == "error"
    licence, version = field_at(found.kind, "license"), field_at(found.kind, "version")
    if licence is not None and LICENCE_ASSUMED in found.notes:
        yield licence, _UNSTATED, f"{licence.title} not stated", False
    foreign = found.origins.keys() - {"formfile_template"}
    if version is not None and foreign and "version" not in foreign:
        yield version, _UNSTATED, f"{version.title} not stated, {default_text(version)} was taken", False


# ---- the question --------------------------------------------------------------------------------------------------

_MOST_NAMED: Final = 3


def mend_screen(datastore: Datastore, trouble: Trouble, lines: Sequence[Line], scope: str, ask: Ask) -> ValueScreen:
    """The question for the value.

    Args:
        lines: those that get it.
        scope: which those are, such as `of the marked ones`.
        ask: finds what records here say in a field.
    """
    field, sample = trouble.field, lines[0].found
    names = [safe_text(line.candidate.name, 40) for line in lines[:_MOST_NAMED]]
    more = f" and {exact(len(lines) - _MOST_NAMED)} more" if len(lines) > _MOST_NAMED else ""
    return ValueScreen(
        f"{field.title} of {plural(len(lines), 'finding')} {scope}",
        f"{trouble.words}: {', '.join(names)}{more}.",
        f"e.g. {field.hint}" if field.hint else "type, or choose below",
        lambda typed: offers(field, typed.strip(), ask),
        partial(_faults_in, datastore, sample, field),
        closed=bool(field.names),
    )


def _faults_in(datastore: Datastore, sample: Finding, field: FormField, text: str) -> list[Fault]:
    if not text:
        return [Fault(f"write what it is, such as {field.hint or 'one of those below'}")]
    return [
        Fault(one.sentence, one.severity == "error", tuple(spelt_text(field, each) for each in one.instead if each))
        for one in faults(datastore, sample, field, text)
    ]


def offers(field: FormField, typed: str, ask: Ask) -> list[str]:
    """Texts that a person may mean who typed that in a field: variants that hold it, and it itself as Other."""
    if field.path == "license":
        return licences_like(ask, typed)
    if field.control == "flag":
        return [word for word in ("yes", "no") if word.startswith(typed.lower())]
    lower = typed.lower()
    found = sorted(
        (name for name in field.names if lower in name.lower()), key=lambda name: not name.lower().startswith(lower)
    )
    other = [OTHER + typed] if field.names and typed and lower not in (name.lower() for name in field.names) else []
    return found + other
