"""A record in conflict: its versions beside what they come from, and the one version that is made of them.

Nothing is signed that nobody decided. What is decided is kept until it is signed, as long as the app runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Literal, TypeVar

from textual import events, on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from tui_registry.datastore import Versions
from tui_registry.errors import InvalidRecord, Json, Problem, RegistryError
from tui_registry.present.record_rows import value_row
from tui_registry.present.version_words import ancestor_line, headline, letter
from tui_registry.text import address_short, exact, plural, safe_text
from tui_registry.tui.conflicts.decisions import ANCESTOR, FieldRow, Settling
from tui_registry.tui.conflicts.version_columns import FieldTable, ItemTable, Sides, columns, in_full, layout
from tui_registry.tui.kit.actions import TYPE_AHEAD, Where, bindings_for, key_of
from tui_registry.tui.kit.dialogs import AskScreen, ConfirmScreen, Dialog, back_or_accept
from tui_registry.tui.kit.facts import Tone
from tui_registry.tui.kit.flows import FlowScreen, flow, read
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.host import RegistryHost
from tui_registry.tui.kit.lists import HEADER, CursorList
from tui_registry.tui.kit.messages import Search, Settle
from tui_registry.tui.kit.text_flow import Flow, TextBody, paragraph, stack
from tui_registry.tui.register.form_fields import FormField, field_at, read_text, to_texts
from tui_registry.tui.register.inputs import SafeArea, shown_lines

Result = TypeVar("Result")
# What became of the conflict.
Deed = Literal["settled", "deleted"]
# So many versions are told of in the head of a tall screen; left and right go through all.
_MOST_TOLD = 6
_TALL = 36
_BY_HEIGHT = [(0, "-low"), (_TALL, "-tall")]


async def show_conflict(
    screen: FlowScreen[Result],
    record_id: str,
    decided: Mapping[str, Json] | None = None,
    taken: Callable[[], object] | None = None,
) -> Deed | None:
    """Show the versions of a record over a screen, and let its owner settle them.

    Args:
        record_id: 64 hex digits.
        decided: values that somebody wants in some fields, by path; they count as decided.
        taken: is called once these values are shown, and kept as long as the app runs.

    Returns:
        What became of it; None where it was left as it was, also because there is no conflict, which is said.
    """
    versions = await screen.read(screen.datastore.versions, record_id)
    if versions is None:
        screen.say("this record was deleted meanwhile", "problem")
        return None
    if len(versions.live) < 2 and not decided:
        screen.say("this record is not in conflict: one version of it is live")
        return None
    return await screen.ask(ConflictScreen(versions, decided or {}, taken))


async def show_conflicts(host: RegistryHost) -> None:
    """Show the record that is in conflict, one's own before others'; where there are several, the list of them."""
    host.say("")
    rows, address = await read(lambda: (host.datastore.conflicts(), host.datastore.address))
    mine = [row for row in rows if row.owner == address]
    front = host.screen
    if not rows:
        host.say("no record here is in conflict")
    elif len(mine or rows) > 1:
        host.post_message(Search("is:conflict is:mine" if mine else "is:conflict"))
    elif isinstance(front, FlowScreen) and not isinstance(front, ConflictScreen):
        await show_conflict(front, (mine or rows)[0].id)


async def settle(host: RegistryHost, wish: Settle) -> None:
    """Show a conflict over what is in front, and tell who asked for it when it is settled.

    Where it cannot be shown, what was said by who asked for it stays.
    """
    if isinstance(host.screen, FlowScreen):
        deed = await show_conflict(host.screen, wish.record_id, wish.decided, wish.taken)
        if deed is not None:
            wish.settled(deed == "settled")


class ConflictScreen(FrameScreen[Deed]):
    """Answers with what became of the conflict, None where it was left.

    Attributes:
        settling: what is decided by now.
    """

    CSS_PATH: ClassVar[str] = "conflicts.tcss"
    AUTO_FOCUS: ClassVar[str] = "FieldTable"
    VERTICAL_BREAKPOINTS = _BY_HEIGHT
    HEADING: ClassVar[str] = "Conflict"
    WHERE: ClassVar[tuple[Where, ...]] = ("conflict",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "conflict.take", "conflict.next_side", "conflict.change", "conflict.save", "conflict.back", "app.help",
    )  # fmt: skip
    READING: ClassVar[tuple[str, ...]] = (
        "conflict.next_side", "conflict.read", "conflict.back", "app.help", "app.palette", "app.quit",
    )  # fmt: skip

    def __init__(
        self, versions: Versions, decided: Mapping[str, Json], taken: Callable[[], object] | None = None
    ) -> None:
        """
        Args:
            decided, taken: see `show_conflict`.
        """
        super().__init__()
        self._asked = decided
        self._taken = taken
        self._problems: Sequence[Problem] = ()
        self.settling = Settling(versions, {})
        self._sides = Sides(0, False, False, 0)
        self._is_done = False

    def compose_body(self) -> Iterable[Widget]:
        yield Flow(id="versions")
        yield FieldTable(id="fields")
        yield Flow(id="field-head")
        yield ItemTable(id="items")
        yield TextBody()

    def on_mount(self) -> None:
        super().on_mount()
        kept = self.host.decided.get(self.settling.versions.id, {})
        self.settling = Settling(self.settling.versions, kept)
        if self._asked:
            self.settling.decide(self._asked)
            self._keep()
        self._sides = self._sides_now(0)
        self._show()
        self.watch(self.host, "facts", self._look, init=False)
        self.watch(self.host, "minute", self._show_head, init=False)
        if self._taken is not None:
            self._taken()
        if kept and not self._asked:
            self.say(f"what you decided before is back: {key_of('conflict.undo')} forgets it", "note")

    def footer_actions(self) -> tuple[str, ...]:
        return self.FOOTER if self.settling.versions.mine else self.READING

    # What it shows

    @property
    def row(self) -> FieldRow | None:
        """The field under the cursor."""
        return self._table.item

    @property
    def _table(self) -> FieldTable:
        return self.query_one(FieldTable)

    @property
    def _items(self) -> ItemTable:
        return self.query_one(ItemTable)

    def _sides_now(self, cursor: int) -> Sides:
        """The sides there are by now."""
        versions = self.settling.versions
        count = len(versions.live)
        sides = Sides(count, versions.ancestor is not None, versions.mine, cursor)
        return sides if cursor in sides.all else sides._replace(cursor=0)

    def _show(self, select: str | None = None) -> None:
        """Show all of it as it stands."""
        rows = self.settling.rows(self._problems)
        for shown in (self._table, self._items):
            shown.point_at_side(self._sides)
        self._table.styles.height = HEADER + max(1, min(len(rows), (self.size.height - 6) // 2))
        self._table.show(rows, select)
        self._show_head()
        self._show_field()
        self.hint(*self._in_words(rows))
        self.note("" if not self.settling.versions.mine else _progress(rows))
        self._check()

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002
        if self.is_mounted:
            self._show()

    def _show_head(self) -> None:
        self.query_one("#versions", Flow).flow(self._head)

    def _head(self, width: int) -> Content:
        """The record, and what there is to know of its versions: of all where there is room, else of the one that the
        cursor is on."""
        versions, now = self.settling.versions, self.host.now()
        record = self.settling.records[0]
        names = {} if self.host.facts is None else self.host.facts.owners
        name, version = safe_text(str(record["name"]), 128), safe_text(str(record["version"]), 64)
        live, fields = len(versions.live), len(self.settling.differences)
        apart = f"{exact(live)} versions, {plural(fields, 'field')} differ{'s' if fields == 1 else ''}"
        said = apart if live > 1 else "one version is live by now"
        lines = [
            Content.assemble(
                (name, "bold $text-primary"), (f"  {version}  ", "$foreground-muted"), f"{versions.kind} · {said}"
            )
        ]
        words = {ANCESTOR: ancestor_line(versions.ancestor, now, names)} | {
            place: headline(place, entry, now, names)
            for place, entry in enumerate(versions.live)
            if place < _MOST_TOLD or place == self._sides.cursor
        }
        if self.size.height >= _TALL:
            told = list(words.values())[: _MOST_TOLD + 1]
            more = live - _MOST_TOLD
            told += [f"and {exact(more)} more: → goes through them"] if more > 0 else []
        else:
            told = [words.get(self._sides.cursor, "result: what you sign, on top of all versions")]
        lines += [Content.styled(words, "$foreground-muted") for words in told]
        return stack(line.truncate(width, ellipsis=True) for line in lines)

    def _in_words(self, rows: Sequence[FieldRow]) -> tuple[str, Tone]:
        """Where it stands, for the status line."""
        versions = self.settling.versions
        if not versions.mine:
            owner = address_short(versions.owner)
            who = f"{safe_text(versions.owner_name, 40)} ({owner})" if versions.owner_name else f"the key {owner}"
            return f"only {who} can settle this: here it is shown as it is", "note"
        wrong = next((row for row in rows if row.is_wrong), None)
        waiting = sum(row.waits for row in rows)
        if waiting:
            return (
                f"{exact(waiting)} undecided: {key_of('conflict.take_a')} or {key_of('conflict.take_b')} takes "
                f"that version, {key_of('conflict.take')} what is under the cursor",
                "note",
            )
        whole = next((problem for problem in self._problems if field_at(versions.kind, problem.path) is None), None)
        if whole is not None:
            return whole.sentence, "problem"
        if wrong is not None:
            return f"{_label(wrong)}: {wrong.problems[0].sentence}", "problem"
        return (
            f"everything is decided: {key_of('conflict.save')} signs it as one operation on top of all versions",
            "done",
        )

    def _show_field(self) -> None:
        row = self.row
        is_list = row is not None and row.difference.shape == "list"
        # Not by a class: a key that comes right behind would find the widget still hidden, which takes no focus.
        self._items.display = is_list
        self.query_one(TextBody).display = not is_list
        self.query_one("#field-head", Flow).flow(partial(_field_head, row))
        if row is None:
            return
        if is_list:
            self._items.based = row.difference.based
            self._items.show(self.settling.items_of(row.difference))
        else:
            self._show_value(row)

    @flow(group="value", exclusive=True, background=True)
    async def _show_value(self, row: FieldRow) -> None:
        sides, flown = self._sides, self.query_one(TextBody).text
        shown = layout(sides, max(1, flown.size.width or self.size.width - 1)).sides
        told = await self.read(in_full, row, sides, shown)
        flown.flow(lambda width: columns(told, sides, width).content)
        first = columns(told, sides, max(1, flown.size.width)).first if row.difference.shape == "text" else 0
        self.query_one(TextBody).scroll_to(y=max(0, first - 1), animate=False)

    @on(CursorList.Highlighted)
    def _highlighted(self, message: CursorList.Highlighted) -> None:
        message.stop()
        # With the focus on the items it may be told late of the fields: what is said of the items stays.
        if message.by_hand and self.focused is not self._items:
            self.next_step()
            self._show_field()

    # The rules

    @flow(group="check", exclusive=True, background=True)
    async def _check(self) -> None:
        """Ask the authoring rules about the result as it stands."""
        await self._ask_rules()

    async def _ask_rules(self) -> None:
        if not self.settling.versions.mine:
            return
        record = self.settling.record
        problems = tuple(await self.read(self.datastore.check, self.settling.versions.kind, record))
        if problems != self._problems and record == self.settling.record:
            self._problems = problems
            rows = self.settling.rows(problems)
            self._table.show(rows)
            self.hint(*self._in_words(rows))
            self.query_one("#field-head", Flow).flow(partial(_field_head, self.row))

    # Moving

    def action_next_side(self) -> None:
        self._move(1)

    def action_previous_side(self) -> None:
        self._move(-1)

    def _move(self, step: int) -> None:
        self.next_step()
        self._sides = self._sides.moved(step)
        for shown in (self._table, self._items):
            shown.point_at_side(self._sides)
        self._show_head()
        if self.row is not None and self.row.difference.shape != "list":
            self._show_value(self.row)

    def action_next_field(self) -> None:
        """To the next field that asks for something."""
        rows = self.settling.rows(self._problems)
        here = self._table.cursor
        asking = [place for place, row in enumerate(rows) if row.waits] or [
            place for place, row in enumerate(rows) if row.is_wrong
        ]
        if not asking:
            self.say(f"nothing is undecided: {key_of('conflict.save')} signs it", "done")
            return
        self._table.focus()
        self._table.move_to(next((place for place in asking if place > here), asking[0]))

    def action_read(self) -> None:
        """Between the fields and what the one under the cursor says in full."""
        if self.focused is not self._table:
            self._table.focus()
        elif self.row is not None:
            # That the cursor moved may not be told yet.
            self._show_field()
            self.set_focus(self._items if self._items.display else self.query_one(TextBody))
            if self._items.display and self.settling.versions.mine:
                self.say("space takes an item or leaves it out, enter writes the list, esc goes back")

    # Deciding

    def _may_decide(self) -> bool:
        if not self.settling.versions.mine:
            self.say(self._in_words(())[0], "problem")
        else:
            self.next_step()
        return self.settling.versions.mine

    def _decided(self) -> None:
        """Something was decided, or taken back."""
        self._keep()
        self._show()

    def _keep(self) -> None:
        self.host.decided[self.settling.versions.id] = self.settling.decided

    def action_take(self, place: int | None = None) -> None:
        """Take a version's value of the field under the cursor: that version's, else the one in the cell; in the list
        of items, take the item or leave it out."""
        row = self.row
        if row is None or not self._may_decide():
            return
        if place is None and self.focused is self._items and self._items.item is not None:
            self.settling.toggle(row.difference, self._items.item.value)
            self._decided()
            return
        side = self._sides.cursor if place is None else place
        if side == self.settling.result and row.state == "open":
            self.say(
                f"this is undecided: {key_of('conflict.take_a')} or {key_of('conflict.take_b')} takes "
                f"that version, {key_of('conflict.change')} writes a value",
                "problem",
            )
        elif side > self.settling.result:
            self.say(f"there is no version {letter(side)}", "problem")
        elif side < self.settling.result or row.waits:
            self.settling.take(row.difference, side)
            self._decided()

    def action_side(self, place: int | None = None) -> None:
        """Take a whole version: every field as it has it."""
        if not self._may_decide():
            return
        side = self._sides.cursor if place is None else place
        if side == self.settling.result:
            self.say("put the cursor on a version with ← and →, or press A or B", "problem")
        elif side > self.settling.result:
            self.say(f"there is no version {letter(side)}", "problem")
        else:
            self.settling.take_side(side)
            self._decided()
            what = "the common ancestor" if side == ANCESTOR else f"version {letter(side)}"
            self.say(f"every field as {what} has it: {key_of('conflict.undo')} takes that back", "done")

    @property
    def _rest_from(self) -> int:
        """The version that what is undecided is taken from."""
        return self._sides.cursor if self._sides.on_version else 0

    def action_rest(self) -> None:
        """Take what is still undecided as the version under the cursor has it, else as the current one."""
        if not self._may_decide():
            return
        place = self._rest_from
        if not self.settling.waiting:
            self.say("nothing is undecided")
            return
        count = self.settling.take_rest(place)
        self._decided()
        them = "it" if count == 1 else "them"
        self.say(
            f"{plural(count, 'field')} as version {letter(place)} has {them}: {key_of('conflict.undo')} takes that back"
        )

    def action_undo(self) -> None:
        if not self._may_decide():
            return
        if self.settling.undo():
            self._decided()
            self.say("taken back")
        else:
            self.say("nothing was decided here yet")

    @on(CursorList.Chosen)
    def _chosen(self, message: CursorList.Chosen) -> None:
        message.stop()
        self.action_change()

    @flow
    async def action_change(self) -> None:
        """Write a value of one's own; of a list first its items are chosen."""
        row = self.row
        if row is None:
            return
        if not self.settling.versions.mine or (row.difference.shape == "list" and self.focused is not self._items):
            self.action_read()
            return
        field = field_at(self.settling.versions.kind, row.path)
        if field is None:
            return
        side = self._sides.cursor if row.state == "open" else self.settling.result
        begun = self.settling.value(row.difference, side)
        value = await self._write(field, begun, _label(row))
        if value is not None:
            self.next_step()
            self.settling.decide({row.path: value[0]})
            self._decided()

    async def _write(self, field: FormField, begun: Json, label: str) -> tuple[Json] | None:
        """The value that somebody writes, None where it is left; what was not touched stays to the last character."""
        kind = self.settling.versions.kind
        text = to_texts(kind, self.settling.with_value(field.path, begun))[field.path]
        if field.control == "prose":
            shown = shown_lines(text)
            written = await self.ask(TextScreen(f"{label} as it shall be", shown))
            return None if written is None else (begun,) if written == shown else (written,)
        shown = safe_text(text).strip()
        written = await self.ask(AskScreen(f"{label} as it shall be", shown, field.hint, partial(_fault, field)))
        return None if written is None else (begun,) if written == shown else (read_text(field, written),)

    # What comes of it

    @flow(writes=True)
    async def action_save(self) -> None:
        """Sign what was decided, where nothing is undecided or wrong."""
        if not self._may_decide():
            return
        # As they are now: what comes while the rules are asked was not seen, and is not signed over.
        versions, record, waiting = self.settling.versions, self.settling.record, self.settling.waiting
        if waiting:
            self._go_to(waiting[0])
            what = value_row(waiting[0], None).label if len(waiting) == 1 else exact(len(waiting))
            which = "it" if len(waiting) == 1 else "them"
            self.say(
                f"not signed: {what} undecided; {key_of('conflict.rest')} takes {which} from {letter(self._rest_from)}",
                "problem",
            )
            return
        await self._ask_rules()
        if record != self.settling.record:
            return  # other versions came, which was said
        errors = [problem for problem in self._problems if problem.severity == "error"]
        if errors:
            self._refuse(errors[0])
            return
        write = self.datastore.resolve if len(versions.live) > 1 else self.datastore.update
        try:
            await self.write(write, versions.kind, versions.id, record, versions.heads)
        except InvalidRecord as error:
            self._refuse(error.problems[0])
        except RegistryError as error:
            await self._not_written(error)
        else:
            name = safe_text(str(record["name"]), 40)
            self._leave("settled", f"settled “{name}”: what was not taken stands in its history")

    @flow(writes=True)
    async def action_delete(self) -> None:
        """Settle it by deleting the record, all versions of it, after a question."""
        if not self._may_decide():
            return
        versions = self.settling.versions
        name = safe_text(str(self.settling.records[0]["name"]), 60)
        question = ConfirmScreen(
            f"Delete the {versions.kind} “{name}”?",
            f"{versions.id}\nAll {len(versions.live)} versions go. Replicas that pull from you will see it deleted; "
            "its history stays readable.",
            yes="Delete",
            no="Keep",
        )
        if not await self.ask(question):
            return
        try:
            if len(versions.live) > 1:
                await self.write(self.datastore.resolve, versions.kind, versions.id, None, versions.heads)
            else:
                await self.write(self.datastore.delete, versions.kind, versions.id, versions.heads)
        except RegistryError as error:
            await self._not_written(error)
        else:
            self._leave("deleted", f"deleted {versions.kind} “{name}”: {key_of('record.undelete')} brings it back")

    def _refuse(self, problem: Problem) -> None:
        field = field_at(self.settling.versions.kind, problem.path)
        if field is not None:
            self._go_to(field.path)
        self.say(f"not signed: {'' if field is None else f'{field.title}: '}{problem.sentence}", "problem")

    async def _not_written(self, error: RegistryError) -> None:
        """Nothing was written: where the record moved meanwhile, show how."""
        if error.code not in ("changed", "conflict", "no_conflict", "not_found"):
            raise error
        await self._read_again("nothing was signed: ")

    def _leave(self, deed: Deed, sentence: str) -> None:
        self._is_done = True
        self.host.decided.pop(self.settling.versions.id, None)
        self.say(sentence, "done")
        self.host.look()
        self.dismiss(deed)

    def _go_to(self, path: str) -> None:
        places = [row.path for row in self.settling.rows(self._problems)]
        self._table.focus()
        if path in places:
            self._table.point_at(places.index(path))
            self._show_field()

    def action_back(self) -> None:
        """From the value or the items to the fields; then out, with what was decided kept."""
        self.next_step()
        if self.focused is not self._table:
            self._table.focus()
            return
        if self.settling.decided:
            self.say("nothing was signed; what you decided is kept as long as the app runs")
        self.dismiss(None)

    # The record moved

    @flow(group="look", exclusive=True, background=True)
    async def _look(self) -> None:
        if not self._is_done:
            await self._read_again("")

    async def _read_again(self, before: str) -> None:
        """Merge again where there are other versions now; what was decided stays."""
        known = self.settling.versions
        versions = await self.read(self.datastore.versions, known.id)
        if self._is_done:
            return
        if versions is None:
            self.say("this record was deleted meanwhile", "problem")
            self.dismiss(None)
            return
        if versions.heads == known.heads:
            if versions != known:
                self.settling.update(versions)
                self._show_head()
            if before:
                self.say(f"{before}the versions changed meanwhile, look at them again", "problem")
            return
        self.settling.update(versions)
        new = _new(known, versions)
        self._sides = self._sides_now(new[0] if new else self._sides.cursor)
        if len(versions.live) == 1 and not self.settling.rows():
            self.say(f"{before}it was settled elsewhere meanwhile: one version is live")
            self.host.decided.pop(versions.id, None)
            self.dismiss(None)
            return
        self._show()
        moved = _moved([letter(place) for place in new], len(versions.live))
        self.say(f"{before}{moved}; what you decided is kept, look at it again", "problem")


class TextScreen(Dialog[str]):
    """Answers with a text of many lines, None when closed."""

    AUTO_FOCUS = "SafeArea"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("writing"), *TYPE_AHEAD]

    def __init__(self, question: str, text: str, detail: str = "", typed: str | None = None) -> None:
        """
        Args:
            typed: what was written in its place already; None for nothing.
        """
        super().__init__(question, detail)
        self.add_class("-form")
        self._text = text
        self._typed = text if typed is None else typed

    def compose_answers(self) -> Iterable[Widget]:
        yield SafeArea(self._typed)
        yield back_or_accept("Take it", "writing.accept")

    def action_accept(self) -> None:
        self.dismiss(self.query_one(SafeArea).text)

    @flow
    async def action_back(self) -> None:
        """Close it, after a question where something was written."""
        if self.query_one(SafeArea).text != self._text:
            question = ConfirmScreen("Forget what you wrote?", yes="Forget", no="Write on")
            if not await self.ask(question):
                return
        self.dismiss(None)


# Words


def _label(row: FieldRow) -> str:
    return value_row(row.path, row.result).label


def _progress(rows: Sequence[FieldRow]) -> str:
    waiting = sum(row.waits for row in rows)
    return f"{exact(waiting)} undecided" if waiting else "all decided"


def _field_head(row: FieldRow | None, width: int) -> Content:
    """The field under the cursor, how it stands, and what is wrong with it."""
    if row is None:
        return Content.styled("The versions say the same in every field.", "$foreground-muted")
    style = "$text-warning" if row.waits else "$foreground-muted"
    lines = [Content.assemble((_label(row), "bold"), (f"  {row.says}", style)).truncate(width, ellipsis=True)]
    for problem in row.problems:
        wrong = problem.severity == "error"
        lines += paragraph(
            f"{'!' if wrong else '·'} {safe_text(problem.sentence, 400)}", width, "$text-warning" if wrong else ""
        )
    return stack(lines)


def _fault(field: FormField, text: str) -> str | None:
    """What is wrong with a text of that field."""
    if field.control == "flag" and text not in ("yes", "no"):
        return "write yes or no"
    try:
        read_text(field, text)
    except ValueError as error:
        return str(error)
    return None


def _new(before: Versions, after: Versions) -> list[int]:
    """The places of the versions that were not there before."""
    known = {entry.hash for entry in before.live}
    return [place for place, entry in enumerate(after.live) if entry.hash not in known]


def _moved(new: Sequence[str], live: int) -> str:
    """What became of the versions: the letters of new ones, and how many are live."""
    if live == 1:
        return "it was settled elsewhere meanwhile, and you decided otherwise"
    if not new:
        return "the versions changed meanwhile"
    return f"version{'' if len(new) == 1 else 's'} {' and '.join(new)} came meanwhile"
