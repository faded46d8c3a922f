"""What is left out, of whom and why: what waits for room, what nobody has named, and the owners that are muted or
blocked. Beside the quarantine, which holds what breaks a rule: what stands here is as valid as anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Final

from textual import on
from textual.content import Content
from textual.widget import Widget

from tui_registry.datastore import Datastore, KeptOut, LeftOutGroup
from tui_registry.frozen import NamedTuple
from tui_registry.present import leaving_out
from tui_registry.present.amounts import moment
from tui_registry.text import address_short, age, exact, plural, size_bytes
from tui_registry.tui import kit
from tui_registry.tui.kit.actions import Where, action, bindings_for
from tui_registry.tui.kit.copying import copy_text
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.kit.frame import BESIDE, FrameScreen
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import GAP, Column, ItemList, ListAndText
from tui_registry.tui.kit.text_flow import field, paragraph, stack
from tui_registry.tui.sync.owners_left_out import ask_about, in_words, taken_in
from tui_registry.tui.sync.quarantine import counts_in_words

# More than anybody looks through; the command `quarantine --left-out` lists them all.
MOST_LISTED: Final = 1_000
_SENDERS_OF: Final = 200
_FIXED: Final = (
    Column("WHY", 15),
    Column("OPS", 9, right=True),
    Column("SIZE", 8, right=True),
    Column("LAST", 5, True),
)
_LABEL: Final = 10


class Line(NamedTuple):
    """An owner, and what is left out of it for one reason; None where nothing is, as it is muted, or blocked before it
    wrote anything more."""

    owner: str
    group: LeftOutGroup | None
    kept: KeptOut | None


class LeftOutList(ItemList[Line]):
    """A line for each owner and reason, what is most first; then owners of whom nothing is left out."""

    PLAIN: ClassVar[tuple[str, ...]] = ("OWNER",)

    def columns(self, width: int) -> tuple[Column, ...]:
        left = width - sum(column.width + GAP for column in _FIXED)
        return (Column("OWNER", max(1, left)), *_FIXED)

    def value(self, item: Line, column: Column) -> str:
        host, group = host_of(self), item.group
        match column.title:
            case "OWNER":
                return in_words(item.owner, {} if host.facts is None else host.facts.owners)
            case "WHY":
                return standing(item.kept) if group is None else leaving_out.BRIEF[group.reason]
            case "OPS":
                return "-" if group is None else exact(group.ops)
            case "SIZE":
                return "-" if group is None else size_bytes(group.bytes)
            case _:
                return "-" if group is None else age(host.now() - group.latest)

    def key_of(self, item: Line) -> Hashable:
        return item.owner, None if item.group is None else item.group.reason


class LeftOutScreen(FrameScreen[None]):
    """Over Sync; Esc leads back."""

    AUTO_FOCUS: ClassVar[str] = "LeftOutList"
    HORIZONTAL_BREAKPOINTS = BESIDE
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-tall")]  # noqa: RUF012 - as Textual has it
    HEADING: ClassVar[str] = "Left out"
    MODE: ClassVar[str] = "app.sync"
    WHERE: ClassVar[tuple[Where, ...]] = ("left_out",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "left_out.take_in", "left_out.take_in_all", "left_out.owner", "left_out.read", "left_out.back", "app.help",
        "app.quit",
    )  # fmt: skip
    NOTHING: ClassVar[tuple[str, ...]] = ("left_out.back", "app.help", "app.palette", "app.quit")

    def __init__(self) -> None:
        super().__init__()
        self._lines: Sequence[Line] = ()

    def compose_body(self) -> Iterable[Widget]:
        yield ListAndText(LeftOutList(id="left-out"), _nothing())

    def on_mount(self) -> None:
        super().on_mount()
        self._read()
        self.watch(self.host, "facts", self._read, init=False)

    def footer_actions(self) -> tuple[str, ...]:
        return self.NOTHING if self._left_out.is_empty else self.FOOTER

    @property
    def _left_out(self) -> ListAndText[Line]:
        return self.query_one(ListAndText)

    # Reading

    @flow(background=True, exclusive=True, group="left out")
    async def _read(self) -> None:
        lines, count = await self.read(read_lines, self.datastore)
        self._lines = lines
        self._left_out.show(lines)
        self.note(f"{plural(count, 'operation')} left out")
        wanted = sum(line.group.wanted for line in lines if line.group is not None)
        self.hint(f"{exact(wanted)} of them are asked for at the next sync" if wanted else "")
        self._show()
        self.refresh_footer()

    @on(ItemList.Highlighted)
    def _highlighted(self, message: ItemList.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        self._show()

    @flow(background=True, exclusive=True, group="senders")
    async def _show(self) -> None:
        item = self._left_out.item
        if item is None:
            return
        last = await self.read(self.datastore.rations.left_out, _SENDERS_OF, owner=item.owner)
        senders = Counter(one.source for one in last if item.group is None or one.reason == item.group.reason)
        self._left_out.tell(partial(line_in_full, item, dict(senders.most_common()), self.host.now()))

    # Actions

    def action_read(self) -> None:
        """From the list into the text of the one under the cursor."""
        self._left_out.read_on()

    @flow(writes=True)
    async def action_take_in(self) -> None:
        """Ask for what waits of the owner under the cursor, at the next sync."""
        item = self._left_out.item
        if item is None:
            return
        if item.kept is not None and item.kept.blocked_at is not None:
            key = action("left_out.owner").footer_key
            self.say(f"{self._named(item)} is blocked: {key} unblocks it, and asks for all of it", "problem")
            return
        self._say_taken_in(await self.write(self.datastore.rations.take_in, owner=item.owner))

    @flow(writes=True)
    async def action_take_in_all(self) -> None:
        """The same of everybody who is not blocked, after a question."""
        waiting = [line.group for line in self._lines if line.group is not None and line.group.reason != "blocked"]
        ops, size = sum(group.ops for group in waiting), sum(group.bytes for group in waiting)
        if not ops:
            self.say("nothing waits but what blocked owners wrote", "problem")
            return
        question = kit.ConfirmScreen(
            f"Take in {plural(ops, 'operation')} of {plural(len({group.owner for group in waiting}), 'owner')}?",
            f"They take about {size_bytes(size)}, and come at the next sync with a peer that has them, whatever the "
            "limits. To purge an owner takes them out again.",
            yes="Take in",
            no="Leave out",
        )
        if await self.ask(question):
            self._say_taken_in(await self.write(self.datastore.rations.take_in))

    def _say_taken_in(self, count: int) -> None:
        self.say(taken_in(count), "done" if count else "problem")
        self.host.look()

    @flow(writes=True)
    async def action_owner(self) -> None:
        item = self._left_out.item
        if item is not None:
            await ask_about(self, item.owner)

    @flow
    async def action_copy(self) -> None:
        item = self._left_out.item
        if item is not None:
            await copy_text(self, f"0x{item.owner}", f"the address of {self._named(item)}")

    def action_back(self) -> None:
        """From the text to the list, from the list to where it was opened."""
        if not self._left_out.go_back():
            self.dismiss(None)

    def _named(self, item: Line) -> str:
        return in_words(item.owner, {} if self.host.facts is None else self.host.facts.owners)


def standing(kept: KeptOut | None) -> str:
    """`muted and blocked`, empty where it is neither."""
    if kept is None:
        return ""
    words = (("muted", kept.muted_at), ("blocked", kept.blocked_at))
    return " and ".join(word for word, since in words if since is not None)


def read_lines(datastore: Datastore) -> tuple[list[Line], int]:
    """The lines, and how many operations are left out in all. Raises StoreError."""
    kept = {one.owner: one for one in datastore.rations.all()}
    groups = datastore.rations.groups(MOST_LISTED)
    lines = [Line(group.owner, group, kept.get(group.owner)) for group in groups]
    of_them = {group.owner for group in groups}
    lines += [Line(owner, None, one) for owner, one in kept.items() if owner not in of_them]
    return lines, datastore.rations.count()


def line_in_full(item: Line, senders: Mapping[str, int], now: int, width: int) -> Content:
    """Who it is, why it is left out, who sent it, and what can be done."""
    group, kept = item.group, item.kept
    lines = field("owner", f"0x{item.owner} ({address_short(item.owner)})", width, _LABEL)
    stands = standing(kept)
    if stands and kept is not None:
        here = f"; {plural(kept.ops, 'operation')} of it {'is' if kept.ops == 1 else 'are'} here" if kept.ops else ""
        lines += field("it is", f"{stands}{here}", width, _LABEL)
    if group is not None:
        lines += field("left out", f"{plural(group.ops, 'operation')}: {leaving_out.WHY[group.reason]}", width, _LABEL)
        lines += field("size", f"about {size_bytes(group.bytes)}", width, _LABEL)
        lines += field("last", moment(group.latest, now), width, _LABEL)
        if senders:
            lines += field("sent by", counts_in_words(senders), width, _LABEL)
        if group.wanted:
            lines += field("asked for", f"{exact(group.wanted)} at the next sync", width, _LABEL)
    lines.append(Content(""))
    blocked = kept is not None and kept.blocked_at is not None
    take_in, owner = action("left_out.take_in").footer_key, action("left_out.owner").footer_key
    what = "unblocks it, which asks for all of it" if blocked else "mutes, blocks or purges it"
    said = [] if blocked or group is None else [f"{take_in} asks for it at the next sync"]
    lines += paragraph("; ".join([*said, f"{owner} {what}"]), width, "$foreground-muted")
    return stack(lines)


def _nothing() -> Content:
    key = "bold $text-accent"
    return Content.assemble(
        ("Nothing is left out.\n\n", "bold"),
        "What is valid and not taken ends here: of owners that you blocked, of keys that you did\n"
        "not name where only those are taken, and what is over a limit. It waits, and can be\n"
        "taken in at any time.\n\n",
        "  ", (action("record.owner").footer_key, key), "  on a record or in History is about its owner\n",
        "  ", (action("sync.takes").footer_key, key), "  on a peer says what is taken from it",
    )  # fmt: skip
