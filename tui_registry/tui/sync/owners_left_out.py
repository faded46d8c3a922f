"""What a person does about an owner, wherever one is shown: mute, block, purge, the figures first, and take it back.
And what is left out, of whom and why: what waits for room, what nobody has named, and owners that are muted or blocked.

Beside the quarantine, which holds what breaks a rule: what is left out is as valid as anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Final, Literal

from textual import on
from textual.content import Content
from textual.widget import Widget

from tui_registry.datastore import Datastore, KeptOut, LeftOutGroup, PurgeAmounts
from tui_registry.frozen import NamedTuple
from tui_registry.present import leaving_out
from tui_registry.present.amounts import moment
from tui_registry.text import address_short, age, exact, plural, safe_text, size_bytes
from tui_registry.tui import kit
from tui_registry.tui.kit.actions import Where, action, bindings_for, key_of
from tui_registry.tui.kit.copying import copy_text
from tui_registry.tui.kit.flows import FlowScreen, flow
from tui_registry.tui.kit.frame import BESIDE, FrameScreen
from tui_registry.tui.kit.host import RegistryHost, host_of
from tui_registry.tui.kit.lists import GAP, Column, ItemList, ListAndText
from tui_registry.tui.kit.text_flow import field, paragraph, stack
from tui_registry.tui.sync.quarantine import counts_in_words

Deed = Literal["mute", "unmute", "block", "unblock"]
_SAID: Final[dict[Deed, str]] = {"mute": "muted", "unmute": "unmuted", "block": "blocked", "unblock": "unblocked"}
_REVERSE: Final[dict[Deed, Deed]] = {"mute": "unmute", "unmute": "mute", "block": "unblock", "unblock": "block"}


class LastDeed:
    """What was done last about an owner, so that it can be taken back when its records are in no list any more.

    Attributes:
        deed: None for nothing that can be taken back.
    """

    def __init__(self, _: RegistryHost) -> None:
        self.deed: tuple[Deed, str] | None = None


async def ask_about(screen: FlowScreen[None], address: str, note: str = "") -> bool:
    """Show how an owner stands, and do what is chosen. A step of a flow that writes; whether anything was done.

    Args:
        address: 40 hex digits. note: what to know of it besides.
    """
    if address == screen.datastore.address:
        screen.say("that is your own key: what it signs is neither hidden nor left out", "problem")
        return False
    found = await screen.read(_read, screen.datastore, address)
    last = screen.host.held(LastDeed)
    name = in_words(address, {} if screen.host.facts is None else screen.host.facts.owners)
    back = None if last.deed is None else in_words(last.deed[1], found.names)
    detail = f"0x{address}\n{_detail(found, note, screen.host.now())}"
    match await screen.ask(kit.ChooseScreen(name, _choices(found, last, back), detail)):
        case "mute" | "unmute" | "block" | "unblock" as deed:
            await _do(screen, deed, address, name)
        case "back" if last.deed is not None and back is not None:
            await _do(screen, _REVERSE[last.deed[0]], last.deed[1], back)
        case "take in":
            screen.say(taken_in(await screen.write(screen.datastore.rations.take_in, owner=address)), "done")
        case "name":
            return await name_key(screen, address, found.names.get(address, ""))
        case "purge":
            return await _purge(screen, found, address, name)
        case _:
            return False
    screen.host.look()
    return True


async def name_key(screen: FlowScreen[None], address: str, before: str) -> bool:
    """Ask for a name of a key's, and give it; whether it has another one then. A step of a flow that writes."""
    question = kit.AskScreen(
        f"A name of yours for the key {address_short(address)}",
        before,
        placeholder="my-lab",
        detail=f"{address}\nThe name stays on this machine. Compare the address with its owner first.",
    )
    name = await screen.ask(question)
    if name is None or name == before:
        return False
    await screen.write(screen.datastore.names.set, address, name)
    screen.say(f"the key {address_short(address)} is called {safe_text(name, 40)} here", "done")
    screen.host.look()
    return True


def in_words(address: str, names: dict[str, str]) -> str:
    """`my-lab (0x91b2..07aa)`, safe to show."""
    short = address_short(address)
    return f"{safe_text(names[address], 40)} ({short})" if names.get(address) else short


def taken_in(count: int) -> str:
    """What asking for what waits came to."""
    if not count:
        return "nothing waits that may come in"
    return f"{leaving_out.comes_in(count)}, whatever the limits"


def left_out_words(count: int) -> str:
    """`12 operations are`."""
    return f"{plural(count, 'operation')} {'is' if count == 1 else 'are'}"


# How


class _Found(NamedTuple):
    """How an owner stands.

    Attributes:
        here: what it has here.
        waits: so many of its operations may come in when they are asked for.
    """

    here: PurgeAmounts
    kept: KeptOut | None
    left_out: int
    waits: int
    names: dict[str, str]


def _read(datastore: Datastore, address: str) -> _Found:
    # Of one owner there are as many groups as reasons.
    groups = datastore.rations.groups(owner=address)
    return _Found(
        datastore.plan_purge(owner=address),
        datastore.rations.of(address),
        sum(group.ops for group in groups),
        sum(group.ops - group.wanted for group in groups if group.reason != "blocked"),
        datastore.names.all(),
    )


def _detail(found: _Found, note: str, now: int) -> str:
    lines = [note] if note else []
    lines.append(f"It has {leaving_out.amounts(found.here)} here." if found.here.ops else "It has nothing here.")
    kept = found.kept
    if kept is not None:
        since = ((word, at) for word, at in (("muted", kept.muted_at), ("blocked", kept.blocked_at)) if at is not None)
        lines.append(", ".join(f"{word} {_ago(now - at)}" for word, at in since))
    if found.left_out:
        lines.append(f"{left_out_words(found.left_out)} left out.")
    return "\n".join(lines)


def _ago(seconds: int) -> str:
    since = age(seconds)
    return "just now" if since == "now" else f"{since} ago"


def _choices(found: _Found, last: LastDeed, back: str | None) -> list[kit.Choice]:
    kept = found.kept
    is_muted = kept is not None and kept.muted_at is not None
    is_blocked = kept is not None and kept.blocked_at is not None
    choices = [
        kit.Choice("m", "unmute", "unmute", leaving_out.UNMUTED)
        if is_muted
        else kit.Choice("m", "mute", "mute", "hide its records in lists and searches"),
        kit.Choice(
            "b", "unblock", "unblock", f"and ask for {plural(found.left_out, 'operation')}" if found.left_out else ""
        )
        if is_blocked
        else kit.Choice("b", "block", "block", "take nothing new of it; what is here stays"),
    ]
    if found.here.ops:
        choices.append(kit.Choice("p", "purge", "purge", "take all of it out for good, and block it"))
    if found.waits and not is_blocked:
        choices.append(kit.Choice("t", "take in", "take in what waits", "at the next sync, over any limit"))
    choices.append(kit.Choice("n", "name", "name", "a named key is held to no owner's limit"))
    if last.deed is not None:
        choices.append(kit.Choice("u", "back", f"take back: {last.deed[0]} {back}"))
    return choices


async def _do(screen: FlowScreen[None], deed: Deed, address: str, name: str) -> None:
    rations = screen.datastore.rations
    how = {"mute": rations.mute, "unmute": rations.unmute, "block": rations.block, "unblock": rations.unblock}[deed]
    came = await screen.write(how, address)
    screen.host.held(LastDeed).deed = deed, address
    come = "comes" if came == 1 else "come"
    more = f", {plural(came, 'operation')} {come} at the next sync" if deed == "unblock" and came else ""
    key = action("record.owner").footer_key
    # The narrowest line has room for how to take it back.
    screen.say(f"{_SAID[deed]} {name}{more}: {key}, then {key_of('record.undo')} takes it back", "done")


async def _purge(screen: FlowScreen[None], found: _Found, address: str, name: str) -> bool:
    question = kit.ConfirmScreen(
        leaving_out.purge_question(found.here, name),
        f"{leaving_out.OTHERS_KEEP}. It comes back only where you unblock the owner and pull it from somebody who has "
        "it.",
        yes="Purge",
        no="Keep",
        for_good=True,
    )
    if not await screen.ask(question):
        return False
    screen.say(f"purging {name} ...")
    amounts = await screen.write(screen.datastore.purge, owner=address)
    screen.host.held(LastDeed).deed = None
    screen.say(f"{name}: {leaving_out.purged(amounts, is_blocked=True)}", "done")
    screen.host.look()
    return True


# What is left out of them

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
