"""What a source was found to hold: a list in which drafts are looked at, chosen, mended, one problem for all that have
it, and signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import on
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui_registry.datastore import Datastore, Described, ImportRun
from tui_registry.errors import Json, Problem, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present.imports import (
    LICENCE_ASSUMED,
    NOT_STATED,
    Candidate,
    Finding,
    Status,
    change_lines_behind,
    describe,
    registered_words,
    survey_words,
)
from tui_registry.present.record_rows import value_row
from tui_registry.present.version_words import change_lines
from tui_registry.records.merging import choose
from tui_registry.text import ELLIPSIS, exact, plural, safe_text
from tui_registry.tui.imports.survey import Line, Progress, Survey, judge, remember, sign_all, take_operations
from tui_registry.tui.kit.actions import Where, bindings_for, key_of
from tui_registry.tui.kit.dialogs import (
    NARROWING_STYLES,
    Choice,
    ChooseScreen,
    ConfirmScreen,
    NarrowingInput,
    NarrowingLine,
)
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.lists import GAP, Column, CursorList, ItemList
from tui_registry.tui.kit.signing import ask_before_signing
from tui_registry.tui.kit.text_flow import TextBody, field as labelled, paragraph, stack
from tui_registry.tui.register import Fault, ValueScreen
from tui_registry.tui.register.desk import Desk
from tui_registry.tui.register.form_fields import OTHER, FormField, default_text, field_at, read_text, spelt_text
from tui_registry.tui.register.known_words import Ask, licences_like
from tui_registry.tui.register.register_screen import RegisterScreen

# How often it is said how far a thread is, in seconds.
SECONDS_BETWEEN_WORDS: Final = 0.25
_MOST_NAMED: Final = 5
_SIGNS: Final = {"registered": "✓ ", "updated": "✓ ", "failed": "✗ ", "invalid": "✗ "}
_PLACEHOLDER: Final = "words of a name, a file, a state or a problem"
_NONE_LEFT: Final = "nothing is left to do here: esc goes back"


class FindingList(ItemList[int]):
    """Findings, each by its place in the survey.

    Attributes:
        marked: the places that a person marked, also those that the list does not show.
    """

    MARKED: ClassVar[bool] = True
    PLAIN: ClassVar[tuple[str, ...]] = ("NAME",)

    def __init__(self, lines: Sequence[Line], where: Callable[[str], str]) -> None:
        """`where` gives the part of a source that sets it apart from the others."""
        super().__init__(id="findings")
        self.marked: set[int] = set()
        self._lines = lines
        self._where = where

    def refresh_item(self, item: int) -> None:
        """It looks different now."""
        if item in self._items:
            self.refresh_place(self._items.index(item))

    @property
    def shown(self) -> Sequence[int]:
        """What stands in the list."""
        return self._items

    def columns(self, width: int) -> tuple[Column, ...]:
        return finding_columns(width)

    def value(self, item: int, column: Column) -> str:
        line = self._lines[item]
        match column.title:
            case "NAME":
                return line.candidate.name or "-"
            case "KIND":
                return line.candidate.kind or "-"
            case "STATE":
                return state_of(line)
        return last_of(safe_text(self._where(line.candidate.source)), column.width)

    def key_of(self, item: int) -> Hashable:
        return item

    def mark_of(self, item: int) -> str:
        return "*" if item in self.marked else " "


_STATE: Final = Column("STATE", 13)
_KIND: Final = Column("KIND", 5)


def finding_columns(width: int) -> tuple[Column, ...]:
    """The columns in so many cells: name and file share what the others leave, and a line says which file at any."""
    left = max(2, width - _STATE.width - _KIND.width - 3 * GAP)
    file = max(1, left * 11 // 20)
    return (Column("NAME", left - file), _KIND, _STATE, Column("WHERE", file))


def last_of(text: str, width: int) -> str:
    """The end of a text in so many cells: of a path, that is the file."""
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return f"{ELLIPSIS}{text}"


class _Kept(NamedTuple):
    """Why something is left as it is, in a word or two, and what can be done about it."""

    state: str
    remedy: str
    opens: bool = False


_KEPT: Final[Mapping[str, _Kept]] = {
    "ambiguous": _Kept("ambiguous", "enter opens it as a new record", opens=True),
    "conflict": _Kept("in conflict", "settle that first, with ! in Browse"),
    "changed": _Kept("old copy", "enter opens it over the record as it is now", opens=True),
    "not_owner": _Kept("not yours", "enter opens a copy as a new record", opens=True),
    "twice": _Kept("twice", "nothing is left to do with it"),
    "": _Kept("left as it is", "look at both, and edit the record itself"),
}


def state_of(line: Line) -> str:
    """How a finding stands, in a word or two."""
    if line.draft is not None:
        return "draft kept"
    one = line.candidate
    if one.status == "ready" and line.mended:
        return "ready, mended"
    if one.status == "kept":
        return _KEPT.get(one.problems[0].code, _KEPT[""]).state
    return f"{_SIGNS.get(one.status, '')}{one.state}"


def opens(line: Line) -> bool:
    """Whether the form can be opened for a finding."""
    one = line.candidate
    kept = _KEPT.get(one.problems[0].code, _KEPT[""]) if one.status == "kept" else None
    return one.record is not None and not line.is_done and (kept is None or kept.opens)


def reason_of(line: Line) -> str:
    """Why a finding cannot be signed as it is, and what can be done about it here; empty where it can."""
    one = line.candidate
    if line.is_passed_over:
        return "it describes no model or agent"
    if one.status != "kept":
        more = f" (and {exact(len(one.errors) - 1)} more)" if len(one.errors) > 1 else ""
        return problem_words(line, one.errors[0]) + more if one.errors else ""
    # What follows the colon is for the command line
    why = safe_text(one.problems[0].sentence, 300).partition(": ")[0]
    return f"{why}: {_KEPT.get(one.problems[0].code, _KEPT['']).remedy}"


class FindingsScreen(FrameScreen[str | None]):
    """Answers with the id of the record that was signed last, None when none was."""

    CSS_PATH = [NARROWING_STYLES, "import.tcss"]  # noqa: RUF012 - as Textual has it
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - as Textual has it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-tall")]  # noqa: RUF012
    AUTO_FOCUS: ClassVar[str] = "FindingList"
    WHERE: ClassVar[tuple[Where, ...]] = ("findings",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "list.open", "findings.mark", "findings.mark_ready", "findings.register", "findings.mend", "findings.back",
        "app.help",
    )  # fmt: skip
    TYPING: ClassVar[tuple[str, ...]] = ("narrowing.to_list", "findings.back", "app.help_f1", "app.palette")
    HEADING: ClassVar[str] = "Import"

    def __init__(self, found: Survey) -> None:
        super().__init__()
        self._found = found
        self._lines = list(found.lines)
        self._last: str | None = None
        self._busy = False
        # Why not all was signed, until the next try
        self._trouble = ""
        # What the filter looks at, as long as the lines stand as they do
        self._texts: dict[int, str] = {}
        # Of each value that was given to several, what the lines were before and are since
        self._mended: list[dict[int, tuple[Line, Line]]] = []

    def compose_body(self) -> Iterable[Widget]:
        yield Static(id="summary")
        yield NarrowingLine(_PLACEHOLDER)
        with Container(id="findings-and-one"):
            yield FindingList(self._lines, self._where)
            yield TextBody()

    def on_mount(self) -> None:
        super().on_mount()
        # What was done before stands in the way of what can be done here
        self.next_step()
        self._list.show(range(len(self._lines)))
        self._show_state()
        if self._found.operations:
            self._take_operations()

    def footer_actions(self) -> tuple[str, ...]:
        return self.TYPING if isinstance(self.focused, NarrowingInput) else self.FOOTER

    # ---- marking

    def action_mark(self) -> None:
        """Mark the finding under the cursor, or take its mark away, and go to the next one."""
        place = self._list.item
        if place is None:
            return
        self.next_step()
        marked, line = self._list.marked, self._lines[place]
        if place in marked:
            marked.remove(place)
        elif line.can_be_marked:
            marked.add(place)
        else:
            self.say(_why_not_marked(line), "problem")
            return
        self._list.refresh_item(place)
        self._show_state()
        self._list.action_cursor_down()

    def action_mark_ready(self) -> None:
        """Mark what is new and ready, of those that the list shows; where all of them are marked, unmark them."""
        self._mark_all("ready", "nothing here is new and ready")

    def action_mark_changed(self) -> None:
        """The same with what changed."""
        self._mark_all("changed", "nothing here is changed")

    def _mark_all(self, status: Status, none: str) -> None:
        self.next_step()
        places = {place for place in self._list.shown if self._lines[place].is_ready_as(status)}
        marked = self._list.marked
        if not places:
            lines = [self._lines[place] for place in self._list.shown]
            if status != "changed" and any(line.is_ready_as("changed") for line in lines):
                none += f": {key_of('findings.mark_changed')} marks what changed"
            elif any(line.is_ready_as("deleted") for line in lines):
                none += ": space marks what was deleted here"
            self.say(none, "problem")
        elif places <= marked:
            marked -= places
        else:
            marked |= places
        self._list.refresh()
        self._show_state()

    # ---- one finding

    @on(CursorList.Chosen)
    @flow
    async def _open(self, message: CursorList.Chosen) -> None:
        """Open the finding under the cursor in the form."""
        message.stop()
        self.next_step()
        place = self._list.item
        if place is None:
            return
        if self._busy:
            self.say(_STILL_SIGNING)
            return
        line = self._lines[place]
        one = line.candidate
        if not opens(line):
            words = f"is {one.state}" if line.is_done else f"cannot be opened: {reason_of(line)}"
            self.say(f"{one.name or safe_text(self._where(one.source), 60)} {words}", "problem")
            return
        form = RegisterScreen(line.kind, imported=one, draft_key=line.draft, is_at_hand=True)
        line.draft = None
        saved = await self.ask(form)
        if saved is not None:
            # What was wrong with it as it was read is not what was signed
            one.status, one.id, one.problems = "updated" if saved.id == one.id else "registered", saved.id, ()
            self._last = saved.id
        else:
            line.draft = form.draft_left
        if line.is_done or line.draft is not None:
            self._list.marked.discard(place)
        self._list.refresh_item(place)
        self._show_state()
        if saved is not None:
            await self.write(remember, self.datastore, line)

    # ---- several

    @flow(writes=True)
    async def action_register(self) -> None:
        """Sign what is marked, or else what is under the cursor, after a question that shows what it changes."""
        self.next_step()
        marked = sorted(self._list.marked)
        pointed = [] if self._list.item is None else [self._list.item]
        places = [place for place in marked or pointed if self._lines[place].can_be_signed]
        if self._busy:
            self.say(_STILL_SIGNING)
        elif not places:
            self.say(_why_none([self._lines[place] for place in marked or pointed]), "problem")
        else:
            chosen = [self._lines[place] for place in places]
            question, detail = signing_words(chosen, len(marked) - len(places) if marked else 0)
            if await self.ask(ConfirmScreen(question, detail, yes="Sign", no="Not yet")):
                await self._sign(places)

    async def _sign(self, places: Sequence[int]) -> None:
        await ask_before_signing(self)
        chosen = [self._lines[place] for place in places]
        progress = Progress(len(chosen))
        self._busy = True
        self.say("signing …")
        drawing = self.set_interval(SECONDS_BETWEEN_WORDS, lambda: self.say(progress.words("signing")))
        try:
            self._trouble = await self.write(sign_all, self.datastore, self._found, chosen, progress)
        finally:
            drawing.stop()
            self._busy = False
        done = [place for place in places if self._lines[place].is_done]
        left = [place for place in places if not self._lines[place].is_done]
        self._last = next((self._lines[place].candidate.id for place in reversed(done)), self._last)
        # Said first: somebody may have left the list meanwhile
        self._say_signed([line.candidate for line in chosen], len(left))
        self.host.look()
        if self.is_attached:
            self._list.marked.difference_update(done)
            if left and not self._trouble and left[0] in self._list.shown:
                self._list.point_at(self._list.shown.index(left[0]))
            self._list.refresh()
            self._show_state()

    def _say_signed(self, chosen: Sequence[Candidate], left: int) -> None:
        """What came of it, and how it is taken back; `left` were not signed, nor here already."""
        counts = Counter(one.status for one in chosen)
        signed = counts["registered"] + counts["updated"]
        words = registered_words(counts["registered"], updated=counts["updated"])
        if self._trouble:
            words = f"{words}, then it stopped" if signed else "nothing was signed"
            self.say(f"{words}: why, stands above the list", "problem")
        elif left:
            self.say(f"{words}, not {exact(left)} of them: why, stands below the list", "problem")
        else:
            back = "" if not signed else f": {key_of('record.undo')} in Browse undoes {'it' if signed == 1 else 'all'}"
            self.say(words + back, "done")

    @flow
    async def action_mend(self) -> None:
        """Give one value to all that have the same problem: of the marked ones, or else of those in the list."""
        self.next_step()
        marked = sorted(self._list.marked)
        places = [place for place in marked or self._list.shown if self._lines[place].can_be_mended]
        found = troubles({place: self._lines[place] for place in places})
        if self._busy:
            self.say(_STILL_SIGNING)
            return
        if not found:
            what = "what is marked has" if marked else "what is listed has"
            self.say(f"{what} no problem that one value mends: enter opens one", "problem")
            return
        trouble = found[0] if len(found) == 1 else await self._choose(found, marked=bool(marked))
        if trouble is None:
            return
        scope = which_ones(len(trouble.places), marked=bool(marked))
        lines = [self._lines[place] for place in trouble.places]
        text = await self.ask(mend_screen(self.datastore, trouble, lines, scope, Desk(self.datastore).known_words))
        if text is not None:
            await self._mend(trouble, lines, text)

    async def _choose(self, found: Sequence[Trouble], *, marked: bool) -> Trouble | None:
        choices = [
            Choice(
                str(number) if number < 10 else " ", str(number), trouble.words, plural(len(trouble.places), "finding")
            )
            for number, trouble in enumerate(found, 1)
        ]
        which = which_ones(2, marked=marked)
        chosen = await self.ask(ChooseScreen(f"Mend which problem, for all {which} that have it?", choices))
        return None if chosen is None else found[int(chosen) - 1]

    async def _mend(self, trouble: Trouble, lines: Sequence[Line], text: str) -> None:
        value = read_text(trouble.field, text)
        self._busy = True
        try:
            since = await self.read(mend_all, self.datastore, self._found, lines, trouble.field, value)
        finally:
            self._busy = False
        self._mended.append(dict(zip(trouble.places, zip(lines, since, strict=True), strict=True)))
        for place, line in zip(trouble.places, since, strict=True):
            self._lines[place] = line
            if not line.can_be_marked:
                self._list.marked.discard(place)
        self._list.refresh()
        self._show_state()
        self._show_finding()
        ready = sum(line.can_be_signed for line in since)
        rest = f", {exact(len(since) - ready)} have other problems" if ready < len(since) else ""
        given = f"{trouble.field.title.lower()} {safe_text(text.removeprefix(OTHER), 24)}"
        self.say(
            f"gave {plural(len(since), 'finding')} the {given}{rest}: {key_of('findings.undo')} takes it back", "done"
        )

    def action_undo(self) -> None:
        """Take the last value that was given to several back, where it is not signed yet."""
        self.next_step()
        if not self._mended or self._busy:
            self.say("no value was given to several here" if not self._busy else _STILL_SIGNING, "problem")
            return
        given = self._mended.pop()
        back = [place for place, (_, since) in given.items() if self._lines[place] is since and not since.is_done]
        for place in back:
            self._lines[place] = given[place][0]
        self._list.marked -= {place for place in back if not self._lines[place].can_be_marked}
        self._list.refresh()
        self._show_state()
        self._show_finding()
        signed = len(given) - len(back)
        rest = f"; {exact(signed)} are signed or opened already and keep it" if signed else ""
        self.say(f"{plural(len(back), 'finding')} as before{rest}", "done")

    @flow(writes=True)
    async def _take_operations(self) -> None:
        """Store the operations of others that were found, after a question."""
        files = ", ".join(safe_text(str(one.path), 100) for one in self._found.operations[:3])
        detail = f"{files}\nThey are checked one by one, as those of a peer are."
        if await self.ask(ConfirmScreen("Take in operations that are signed already?", detail), later=True):
            try:
                taken = await self.write(take_operations, self.datastore, self._found.operations)
                refused = f"{taken.sentence}: tui-registry quarantine says why"
                self.say(refused if taken.rejected else taken.sentence, "problem" if taken.rejected else "done")
            except RegistryError as error:
                self.say(error.sentence, "problem")
            self.host.look()
        if all(line.is_passed_over for line in self._lines):
            self.dismiss(None)

    # ---- narrowing, and leaving

    def action_find(self) -> None:
        self.add_class("-narrowing")
        self.query_one(NarrowingInput).focus()

    def action_to_list(self) -> None:
        self._list.focus()
        self.set_class(bool(self._filter), "-narrowing")

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        self.next_step()
        self._narrow()

    def _narrow(self) -> None:
        words = self._filter.lower().split()
        places = [place for place in range(len(self._lines)) if not words or self._has(place, words)]
        self._list.show(places)
        self.query_one(NarrowingLine).say_count(f"{exact(len(places))} of {exact(len(self._lines))}")

    def _has(self, place: int, words: Sequence[str]) -> bool:
        text = self._texts.get(place)
        if text is None:
            line = self._lines[place]
            one = line.candidate
            wrong = [*faults_in_words(line), *(problem.sentence for problem in one.errors)]
            text = " ".join([one.name, self._where(one.source), state_of(line), *wrong]).lower()
            self._texts[place] = text
        return all(word in text for word in words)

    @flow
    async def action_back(self) -> None:
        """To the whole list, then out of it: after a question where something would be lost with it."""
        if self._filter or isinstance(self.focused, NarrowingInput):
            self.query_one(NarrowingInput).value = ""
            self.action_to_list()
            return
        marked = len(self._list.marked)
        mended = sum(line.mended and not line.is_done and line.draft is None for line in self._lines)
        parts = [f"{exact(marked)} marked"] * bool(marked) + [f"{exact(mended)} mended"] * bool(mended)
        if parts and not self._busy:
            question = ConfirmScreen(
                f"Leave, with {' and '.join(parts)} but not signed?",
                "The marks and the values given here are forgotten. The source can be read again.",
                yes="Leave",
                no="Stay",
                for_good=True,
            )
            if not await self.ask(question):
                return
        if self.host.outcome.tone == "problem":
            # It is about this list, and says nothing where there is none
            self.next_step()
        self.dismiss(self._last)

    # ---- what it shows

    @on(CursorList.Highlighted)
    def _moved(self, message: CursorList.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        self._show_finding()

    def _show_finding(self) -> None:
        """The finding under the cursor in full, and what can be done now."""
        body, place = self.query_one(TextBody), self._list.item
        if place is not None:
            body.text.flow(partial(in_full, self._lines[place]))
        elif self._lines:
            body.text.flow(nothing_here)
        body.scroll_home(animate=False)

    def _show_state(self) -> None:
        """How many findings stand how, and what is marked."""
        self._texts.clear()
        counts = Counter(line.stands for line in self._lines)
        words = survey_words(counts, self._found.passed, cut=self._found.cut)
        trouble = self._trouble or (self._found.broken and f"not read to its end: {self._found.broken}")
        lines = [Content(words)] + [Content.styled(f"! {safe_text(trouble, 400)}", "$text-warning")] * bool(trouble)
        self.query_one("#summary", Static).update(stack(lines))
        self._show_finding()
        self._show_marked()

    def _show_marked(self) -> None:
        marked = [self._lines[place] for place in self._list.marked]
        ready = sum(line.can_be_signed for line in marked)
        if not marked:
            self.hint(_hint(self._lines))
            return
        them, common = ("it", "a problem of it") if len(marked) == 1 else ("them", "what they have in common")
        which = them if ready == len(marked) else exact(ready)
        deeds = [f"{key_of('findings.register')} signs {which}"] * bool(ready)
        deeds += [f"{key_of('findings.mend')} mends {common}"] * any(
            line.can_be_mended and faults_in_words(line) for line in marked
        )
        self.hint(": ".join([f"{exact(len(marked))} marked", ", ".join(deeds)][: 1 + bool(deeds)]))

    # ---- how

    @property
    def _list(self) -> FindingList:
        return self.query_one(FindingList)

    @property
    def _filter(self) -> str:
        return self.query_one(NarrowingInput).value.strip()

    def _where(self, source: str) -> str:
        """The part of a source that sets it apart from the others."""
        base = str(Path(self._found.source).expanduser()) if "://" not in self._found.source else self._found.source
        rest = source.removeprefix(base).lstrip("/ ")
        # Of a file of many, its name and the place in it
        return rest if rest and rest[0] not in "[:" else source.rpartition("/")[2]


# ---- words ---------------------------------------------------------------------------------------------------------

_STILL_SIGNING: Final = "what was chosen before is still being signed"


def _hint(lines: Sequence[Line]) -> str:
    """What can be done while nothing is marked."""
    if all(line.is_done or line.is_passed_over for line in lines):
        return _NONE_LEFT
    new, changed = (any(line.is_ready_as(status) for line in lines) for status in _MARKED_AT_ONCE)
    name, what = ("mark_changed", "changed") if changed and not new else ("mark_ready", "is ready")
    return f"{key_of(f'findings.{name}')} marks what {what}, {key_of('findings.register')} signs it, / narrows the list"


_MARKED_AT_ONCE: Final[tuple[Status, ...]] = ("ready", "changed")


def which_ones(count: int, *, marked: bool) -> str:
    """Which findings are meant, after their number: the marked ones, or else all that the list shows."""
    return f"that {'is' if count == 1 else 'are'} marked" if marked else "in the list"


def signing_words(chosen: Sequence[Line], left: int) -> tuple[str, str]:
    """The question before these are signed, and what it says of each that changes or comes back.

    Args:
        left: how many are marked that cannot be signed as they are.
    """
    updates = [line.candidate for line in chosen if line.candidate.before is not None]
    again = [line.candidate for line in chosen if line.candidate.status == "deleted"]
    new = len(chosen) - len(updates)
    deeds = [f"register {plural(new, 'record')}"] * bool(new) + [f"update {plural(len(updates), 'record')}"] * bool(
        updates
    )
    question = f"{' and '.join(deeds)}, signed by your key?"
    if len(updates) == 1:
        (one,) = updates
        lines = [safe_text(f"{one.name}: {change}", 100) for change in _changes(one, 40, 1)]
    else:
        lines = [safe_text(f"{one.name}: {', '.join(_labels(one))}", 56) for one in updates]
    if len(lines) > _MOST_NAMED:
        lines[_MOST_NAMED:] = [f"and {exact(len(lines) - _MOST_NAMED)} more that change"]
    if again:
        which = "It was" if len(chosen) == 1 else f"{exact(len(again))} of them {'was' if len(again) == 1 else 'were'}"
        lines.append(f"{which} deleted here before.")
    unlicensed = sum(any(one.code == "license_unstated" for one in line.candidate.problems) for line in chosen)
    if unlicensed:
        which = "It has" if len(chosen) == 1 else f"{exact(unlicensed)} of them {'has' if unlicensed == 1 else 'have'}"
        lines.append(f"{which} no stated licence.")
    if left:
        lines.append(f"{exact(left)} marked cannot be signed as they are: they stay marked.")
    if len(chosen) > 1:
        lines.append("They are one batch, which is undone as one.")
    return question[0].upper() + question[1:], "\n".join(lines)


def _labels(one: Candidate) -> list[str]:
    """What would change of it: the names of the fields."""
    return [value_row(change.path, change.after).plain for change in one.changes] + ["manifest"] * bool(
        one.manifest_changes
    )


def _changes(one: Candidate, limit: int, most: int = 8) -> list[str]:
    """What would change of it, field by field."""
    return [*change_lines(one.before, one.record, limit, most), *change_lines_behind(one, limit)]


def in_full(line: Line, width: int) -> Content:
    """A finding as it stands: what it changes, what is wrong with it, where it is, and what a person should look at."""
    one = line.candidate
    where = labelled("Where", safe_text(one.source, 500), width, _LABEL)
    lines = labelled("State", _said_of(line), width, _LABEL)
    if one.status == "changed":
        changes = _changes(one, 200)
        lines += [shown for change in changes for shown in labelled("→", change, width, 2, "$text-accent")]
    for note in one.edited:
        path, _, said = note.partition(": ")
        known = field_at(line.kind, path)
        lines += labelled("!", safe_text(f"{known.title}: {said}" if known else note, 300), width, 2, "$text-warning")
    if one.status == "here":
        return stack([*lines, *where])
    # What is said of these above is said for the command line there
    said_above = one.status in ("kept", "deleted")
    for problem in one.problems[said_above:]:
        sign, style = ("✗", "$text-error") if problem.severity == "error" else ("!", "$text-warning")
        lines += labelled(sign, problem_words(line, problem), width, 2, style)
    # A long path does not push what has to be read out of sight
    lines += where
    for note in one.notes:
        if note not in one.edited:
            lines += labelled("·", safe_text(note, 300), width, 2, "$foreground-muted")
    return stack(lines)


def nothing_here(width: int) -> Content:
    """Where the list is empty."""
    return stack(paragraph("Nothing here has these words: esc shows all.", width, "$foreground-muted"))


_LABEL: Final = 8


def problem_words(line: Line, problem: Problem) -> str:
    """A problem as it is read here: by the field's name in the form, and with what can be done about it here."""
    known = field_at(line.kind, problem.path)
    where = known.title if known is not None else safe_text(problem.path, 60)
    if problem.code == NOT_STATED and problem.severity == "error":
        return f"{where}: stated nowhere: m gives one to all that have none, enter opens this one"
    return f"{where}: {safe_text(problem.sentence, 300)}" if where else safe_text(problem.sentence, 300)


def _said_of(line: Line) -> str:
    """How a finding stands, in a sentence, and what can be done with it."""
    one, known = line.candidate, "" if line.candidate.id is None else line.candidate.id[:12]
    match line.stands:
        case "draft":
            return "what you typed is kept as a draft: enter goes on with it"
        case "ready":
            return f"new, and ready: space marks it, {key_of('findings.register')} signs what is marked"
        case "registered" | "updated":
            return f"{one.status} as {known}"
        case "here":
            # What is here may be another than the source says, where it was edited or an update undone
            return f"here already as {known}: {'edited here since' if one.edited else 'the source says nothing new'}"
        case "changed":
            return f"here as {known}, and described otherwise now: space marks it"
        case "deleted":
            how = "enter opens it" if one.errors else "space marks it"
            return f"was registered as {known}, and deleted here since: {how}, to register it anew"
        case "kept":
            return reason_of(line)
        case "skipped":
            return "passed over: it describes no model or agent"
        case "failed":
            return "refused: why, stands below; r tries again"
        case _:
            return "cannot be read" if one.record is None else "not ready: enter opens it, to put it right"


def _why_not_marked(line: Line) -> str:
    one = line.candidate
    if line.draft is not None:
        return "a draft of it is kept: enter goes on with it"
    if line.is_done:
        return f"nothing is left to do with it: it is {one.state}"
    return f"it cannot be registered: {reason_of(line)}"


def _why_none(lines: Sequence[Line]) -> str:
    """Why none of these can be signed, and what can be done about it."""
    if not lines:
        return "there is nothing to sign"
    if len(lines) > 1:
        how = (
            "m mends what they have in common"
            if any(map(faults_in_words, lines))
            else "enter opens one to put it right"
        )
        return f"none of the marked can be signed as it is: {how}"
    (line,) = lines
    if line.can_be_marked:
        return "it cannot be signed as it is: enter opens it to put it right, m mends what several have"
    return _why_not_marked(line)


# One problem mended for all that have it


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


# The question for the value

_MOST_SAMPLED: Final = 3


def mend_screen(datastore: Datastore, trouble: Trouble, lines: Sequence[Line], scope: str, ask: Ask) -> ValueScreen:
    """The question for the value.

    Args:
        lines: those that get it.
        scope: which those are, such as `of the marked ones`.
        ask: finds what records here say in a field.
    """
    field, sample = trouble.field, lines[0].found
    names = [safe_text(line.candidate.name, 40) for line in lines[:_MOST_SAMPLED]]
    more = f" and {exact(len(lines) - _MOST_SAMPLED)} more" if len(lines) > _MOST_SAMPLED else ""
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
