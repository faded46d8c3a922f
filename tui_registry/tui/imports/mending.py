"""One problem mended for all that have it: which those are, the question for the value, and the drafts with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from textual import events, on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.datastore import Datastore, Described, ImportRun
from tui_registry.errors import Json, Problem
from tui_registry.frozen import NamedTuple
from tui_registry.present.imports import LICENCE_ASSUMED, NOT_STATED, Finding, describe
from tui_registry.records.merging import choose
from tui_registry.text import exact, plural, safe_text
from tui_registry.tui.imports.survey import Line, Survey, judge
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.dialogs import Dialog
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.register.form_fields import OTHER, FormField, default_text, field_at, read_text
from tui_registry.tui.register.inputs import SafeInput, move_by_arrows
from tui_registry.tui.register.known_words import Ask, licences_like

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


class MendScreen(Dialog[str]):
    """Answers with the text of the field, which the rules have nothing against."""

    AUTO_FOCUS = "SafeInput"
    # Where there is little room, what is offered stays in sight
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012 - as Textual has it
    BINDINGS = bindings_for("mending")

    def __init__(self, trouble: Trouble, lines: Sequence[Line], scope: str, ask: Ask) -> None:
        """
        Args:
            lines: those that get the value.
            scope: which those are, such as `of the marked ones`.
            ask: finds what records here say in a field.
        """
        names = [safe_text(line.candidate.name, 40) for line in lines[:_MOST_NAMED]]
        more = f" and {exact(len(lines) - _MOST_NAMED)} more" if len(lines) > _MOST_NAMED else ""
        super().__init__(
            f"{trouble.field.title} of {plural(len(lines), 'finding')} {scope}",
            f"{trouble.words}: {', '.join(names)}{more}.\nNothing is signed by this: the list shows what it leads to.",
        )
        self._field = trouble.field
        self._sample = lines[0].found
        self._ask = ask
        self._typed = ""
        self._offers: Sequence[str] = ()
        self._offered_for: str | None = None

    def compose_answers(self) -> Iterable[Widget]:
        yield SafeInput(placeholder=f"e.g. {self._field.hint}" if self._field.hint else "type, or choose below")
        yield Static(classes="wrong")
        yield OptionList()
        yield Static("Tab completes, Enter gives it to all of them, Esc goes back", classes="keys")

    def on_mount(self) -> None:
        self._look()

    # ---- typing and choosing

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._typed = event.value.strip()
        self._look()

    @flow(group="mending", exclusive=True, background=True)
    async def _look(self) -> None:
        """Offer what could be meant, and say what is wrong with what is typed."""
        await self._show_offers()
        said = await self._faults(self._typed) if self._typed and not self._field.names else []
        self._tell(said)

    async def _show_offers(self) -> None:
        typed = self._typed
        if typed == self._offered_for:
            return  # the cursor in them stays where it was moved to
        found = await self.read(offers, self._field, typed, self._ask)
        if typed != self._typed:
            return
        self._offers, self._offered_for = found, typed
        shown = self.query_one(OptionList)
        shown.clear_options()
        shown.add_options(Option(Content(_words(offer))) for offer in found)
        # Of the variants the first one is meant; a licence may be another one than all that are known
        shown.highlighted = 0 if found and self._field.names else None
        shown.display = bool(found) or bool(self._field.names)

    async def _faults(self, text: str) -> list[Problem]:
        return await self.read(partial(faults, self.datastore, self._sample, self._field, text))

    @flow
    async def action_complete(self) -> None:
        """Put the offer under the cursor, or else the first, into the line."""
        await self._show_offers()
        if self._offers:
            line = self.query_one(SafeInput)
            line.value = self._offers[self.query_one(OptionList).highlighted or 0].removeprefix(OTHER)
            line.cursor_position = len(line.value)
            line.focus()

    def on_key(self, event: events.Key) -> None:
        move_by_arrows(event, self.query_one(OptionList))

    # ---- answering

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._take()

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._give(self._offers[event.option_index])

    @flow
    async def _take(self) -> None:
        # The offers for the last key may still be on their way
        await self._show_offers()
        at = self.query_one(OptionList).highlighted
        await self._give_if_right(self._typed if at is None else self._offers[at])

    @flow
    async def _give(self, text: str) -> None:
        await self._give_if_right(text)

    async def _give_if_right(self, text: str) -> None:
        if not text:
            self._say_wrong(f"write what it is, such as {self._field.hint or 'one of those below'}")
            return
        said = await self._faults(text)
        if said and said[0].severity == "error":
            self._tell(said)
        else:
            self.dismiss(text)

    def _tell(self, said: Sequence[Problem]) -> None:
        sign = {"error": "✗", "warning": "!"}
        self._say_wrong("" if not said else f"{sign[said[0].severity]} {said[0].sentence}")

    def _say_wrong(self, words: str) -> None:
        self.query_one(".wrong", Static).update(Content(safe_text(words, 300)))


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


def _words(offer: str) -> str:
    return safe_text(f"Other: {offer.removeprefix(OTHER)}" if offer.startswith(OTHER) else offer, 100)
