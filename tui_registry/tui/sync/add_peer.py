"""Adding a peer: its name and address; and finding something to pull from, where what is at an address, a folder or in
a bundle is told before anything is pulled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from tui_registry.datastore import Datastore, Peer
from tui_registry.errors import RegistryError
from tui_registry.present.found import Found, Recommended, found_lines, recommended_line, recommended_words
from tui_registry.present.owners import owner_cell
from tui_registry.present.pulls import tally_of
from tui_registry.sync.bounds import Bounds, bounds_of
from tui_registry.sync.bundles import Bundle, take_bundle
from tui_registry.sync.looking import LIKE_A_HOST, LookError, look_at
from tui_registry.sync.recommended import free_name, name_for
from tui_registry.text import exact, safe_text
from tui_registry.tui import imports, kit
from tui_registry.tui.kit.actions import TYPE_AHEAD, key_of
from tui_registry.tui.kit.dialogs import Dialog, LineInput
from tui_registry.tui.kit.flows import FlowScreen, flow, unwanted

if TYPE_CHECKING:
    from tui_registry.sync.lan import LanNode

NAME: Final = "name"
ADDRESS: Final = "address"
EXAMPLES: Final = (
    ("http://127.0.0.1:8420", "a node, run by  tui-registry serve"),
    ("/media/stick/registry", "a folder, from  tui-registry export --log"),
)


class AddPeerScreen(Dialog[Peer]):
    """Answers with the peer that was added; what keeps it from being added is said below its field."""

    AUTO_FOCUS = f"#peer-{NAME}"
    BINDINGS: ClassVar[list[BindingType]] = [*TYPE_AHEAD]

    def __init__(self, address: str = "", name: str = "") -> None:
        """
        Args:
            address: where it is, if that is known. name: what it could be called.
        """
        super().__init__("Add a peer", "A node or a folder. Nothing travels until you pull.")
        self._address = address
        self._proposed = name
        self._left: set[str] = set()

    def compose_answers(self) -> Iterable[Widget]:
        yield Static(Content("Name, as you call it"), classes="label")
        yield LineInput(value=self._proposed, placeholder="hub", id=f"peer-{NAME}", compact=True)
        yield Static(classes="wrong", id=f"wrong-{NAME}")
        yield Static(Content("Address: URL of a node, or path of a folder"), classes="label")
        yield LineInput(value=self._address, placeholder=EXAMPLES[0][0], id=f"peer-{ADDRESS}", compact=True)
        yield Static(classes="wrong", id=f"wrong-{ADDRESS}")
        yield Horizontal(
            Button(Content("Cancel (esc)"), id="cancel"),
            Button(Content("Add (enter)"), id="add", variant="primary"),
            classes="answers",
        )

    # While it is typed: neutral until a field was left once

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        self._check()

    @on(Input.Blurred)
    def _blurred(self, message: Input.Blurred) -> None:
        message.stop()
        if message.value:
            self._left.add(NAME if message.input is self._input(NAME) else ADDRESS)
            self._check()

    @flow(background=True, exclusive=True, group="check-peer")
    async def _check(self) -> None:
        self._show(await self.read(wrong_in, self.datastore, *self._typed))

    def _show(self, wrong: dict[str, str]) -> None:
        for field in (NAME, ADDRESS):
            sentence = wrong.get(field, "") if field in self._left else ""
            self.query_one(f"#wrong-{field}", Static).update(Content(safe_text(sentence, 300)))

    # Adding

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        if message.input is self._input(NAME) and not self._input(ADDRESS).value:
            self._input(ADDRESS).focus()
        else:
            self._add()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        message.stop()
        if message.button.id == "add":
            self._add()
        else:
            self.dismiss(None)

    @flow(exclusive=True, group="add-peer")
    async def _add(self) -> None:
        self._left.update((NAME, ADDRESS))
        name, address = self._typed
        try:
            wrong = await self.read(wrong_in, self.datastore, name, address)
            if not wrong:
                self.dismiss(await self.write(self.datastore.peers.add, name, address))
                return
        except RegistryError as error:
            wrong = {ADDRESS: error.sentence}
        self._show(wrong)
        self._input(NAME if NAME in wrong else ADDRESS).focus()

    # How

    @property
    def _typed(self) -> tuple[str, str]:
        return self._input(NAME).value.strip(), self._input(ADDRESS).value.strip()

    def _input(self, field: str) -> Input:
        return self.query_one(f"#peer-{field}", Input)


def wrong_in(datastore: Datastore, name: str, address: str) -> dict[str, str]:
    """What keeps a peer from being added, a sentence for each field that is wrong.

    Raises:
        StoreError: the database cannot be read.
    """
    wrong = {problem.path: problem.sentence for problem in datastore.peers.check(name, address)}
    if not name:
        wrong[NAME] = "give it a name, such as hub"
    if (ADDRESS not in wrong or ":" in address) and LIKE_A_HOST(address):
        # It could be the path of a folder, but hardly anybody means that.
        wrong[ADDRESS] = f"write http://{address} for a node, or ./{address} for a folder of that name"
    return wrong


# Finding something to pull from

Result = TypeVar("Result")

# Of the nodes that answer, and of the peers that are recommended: a digit picks each.
_MOST_OFFERED: Final = 9
# How many of them are shown before anything is pulled: the dialog has to fit into 80 by 24.
_MOST_SHOWN: Final = 3
_LOOKED_SECONDS: Final = 0.1


async def take_from(screen: FlowScreen[Result]) -> Peer | None:
    """Ask over a screen for an address, a folder or a bundle, tell what is there, and ask whether to pull it. A step of
    a flow.

    Returns:
        The peer that was added, from which nothing is pulled yet; None where nothing was, or a bundle was taken.
    """
    bounds = bounds_of(screen.host.settings)
    found = await screen.ask(take_screen(partial(_look, bounds)))
    if found is None:
        return None
    peers = await screen.read(screen.datastore.peers.all)
    known = next((peer for peer in peers if peer.address.rstrip("/") == found.address.rstrip("/")), None)
    if known is not None:
        screen.say(f"{known.name} is that peer already: nothing was added")
        return known
    names = await screen.read(lambda: (screen.datastore.names.all(), screen.datastore.key.known or ""))
    taken = [peer.name for peer in peers]
    wish = await screen.ask(FoundScreen(found, taken, screen.host.now(), *names), later=True)
    if wish is None:
        return None
    if found.kind == "bundles":
        screen.say(f"reading {safe_text(found.address, 60)} …")
        screen.say(await screen.write(_take_bundles, screen.datastore, found.files, bounds), "done")
        screen.host.look()
        return None
    return await screen.write(screen.datastore.peers.add, wish, found.address)


async def choose_node(screen: FlowScreen[Result], known: Sequence[str]) -> str | None:
    """Ask the local network for nodes and, over a screen, which one is meant; its URL. A step of a flow.

    Args:
        known: addresses of peers, which are not offered.
    """
    screen.say("asking the local network: 3 s")
    found = await screen.read(_ask_network)
    there = {address.rstrip("/") for address in known}
    new = [node for node in found if node.url.rstrip("/") not in there]
    if not new:
        screen.say("no other node answers: one does where  tui-registry serve --announce  runs")
        return None
    screen.say("")
    names = {} if screen.host.facts is None else screen.host.facts.owners
    choices = [
        kit.Choice(str(place), node.url, node.url, _says_its_key(node, names))
        for place, node in enumerate(new[:_MOST_OFFERED], 1)
    ]
    detail = "Anybody can answer so. Nothing is asked of it before you pull."
    return await screen.ask(kit.ChooseScreen("Which node on the local network?", choices, detail))


async def add_recommended(screen: FlowScreen[Result], peer: Peer) -> Peer | None:
    """Ask a peer whom it recommends, and over a screen which of them to add. A step of a flow.

    Returns:
        The peer that was added.

    Raises:
        LookError: it cannot be asked.
    """
    screen.say(f"asking {peer.name} whom it recommends …")
    found = await screen.read(_look, bounds_of(screen.host.settings), peer.address, unwanted())
    if found.why_none:
        raise LookError("protocol", f"{peer.name} {found.why_none}")
    screen.say("")
    peers = await screen.read(screen.datastore.peers.all)
    there = {each.address.rstrip("/") for each in peers}
    new = [each for each in found.recommended if each.url.rstrip("/") not in there]
    if not new:
        more = " but what is a peer here already" if found.recommended else ""
        screen.say(f"{peer.name} recommends nobody{more}")
        return None
    choices = [
        kit.Choice(str(place), str(place), recommended_line(each)) for place, each in enumerate(new[:_MOST_OFFERED], 1)
    ]
    more = f"\n{len(new) - len(choices)} more are not shown." if len(new) > len(choices) else ""
    detail = f"A claim of whoever runs {peer.name}: nobody asked them yet. None is added before you say so.{more}"
    chosen = await screen.ask(kit.ChooseScreen(f"{peer.name} recommends", choices, detail))
    if chosen is None:
        return None
    one = new[int(chosen) - 1]
    return await screen.ask(AddPeerScreen(one.url, name_for(one, [each.name for each in peers])))


def take_screen(look: Callable[[str, Callable[[], bool]], Found]) -> imports.SourceScreen[Found]:
    """The dialog that asks where to take records from, and answers with what is there."""

    async def find(screen: FlowScreen[Result], /) -> str | None:
        peers = await screen.read(screen.datastore.peers.all)
        return await choose_node(screen, [peer.address for peer in peers])

    return imports.SourceScreen(
        "Take what others registered",
        "The URL of a node, a folder (such as on a stick), or a bundle's file. It is looked at first, and nothing "
        f"is pulled before you have seen what is there. {key_of('take.find')} asks the local network for nodes.",
        lambda source, is_unwanted, _: look(source, is_unwanted),
        placeholder="http://hub.example:8420, or a path",
        takes_addresses=True,
        find=find,
    )


class FoundScreen(Dialog[str]):
    """Tells what was found; answers with the name of the peer that it is to be, or `-` for bundles, which are no
    peer."""

    AUTO_FOCUS: ClassVar[str] = "Input, #take"
    BINDINGS: ClassVar = []

    def __init__(self, found: Found, taken: Sequence[str], now: int, names: Mapping[str, str], own: str) -> None:
        """
        Args:
            taken: names of peers. now: Unix seconds. names: of keys, by address. own: this replica's own.
        """
        lines = found_lines(found, now, names, own)
        if found.recommended:
            lines.append(f"It {recommended_words(found.recommended)}")
            lines += [f"  {recommended_line(peer)}" for peer in found.recommended[:_MOST_SHOWN]]
            if len(found.recommended) > _MOST_SHOWN:
                more, key = len(found.recommended) - _MOST_SHOWN, key_of("sync.recommended")
                lines.append(f"  and {more} more: {key} in Sync shows them all")
        super().__init__("This is there", "\n".join(lines))
        self._is_peer = found.kind != "bundles"
        self._taken = taken
        is_folder = "://" not in found.address
        proposed = free_name(Path(found.address).name, taken, otherwise="stick")
        self._name = proposed if is_folder else name_for(Recommended(found.address), taken)

    def compose_answers(self) -> Iterable[Widget]:
        if self._is_peer:
            yield Static(Content("Name, as you call it"), classes="label")
            yield LineInput(value=self._name, compact=True)
            yield Static(classes="wrong")
        yield Horizontal(
            Button(Content("Leave it (esc)"), id="cancel"),
            Button(Content("Pull (enter)" if self._is_peer else "Take them (enter)"), id="take", variant="primary"),
            classes="answers",
        )

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self._take()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        message.stop()
        if message.button.id == "take":
            self._take()
        else:
            self.dismiss(None)

    @flow(exclusive=True, group="take")
    async def _take(self) -> None:
        if not self._is_peer:
            self.dismiss("-")
            return
        name = self.query_one(Input).value.strip()
        problems = await self.read(self.datastore.peers.check, name, "http://127.0.0.1:1")
        wrong = next((problem.sentence for problem in problems if problem.path == "name"), None)
        if wrong is None:
            self.dismiss(name)
        else:
            self.query_one(".wrong", Static).update(Content(safe_text(wrong, 300)))


# How


class _Unwanted(LookError):
    def __init__(self) -> None:
        super().__init__("stopped", "nobody waits for it any more")


def _look(bounds: Bounds, source: str, is_unwanted: Callable[[], bool]) -> Found:
    """Look at an address in a thread, until nobody wants to know any more."""

    async def look() -> Found:
        looking = asyncio.ensure_future(look_at(source, bounds))
        while not looking.done():
            await asyncio.wait([looking], timeout=_LOOKED_SECONDS)
            if is_unwanted():
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking
                raise _Unwanted
        return looking.result()

    return asyncio.run(look())


def _take_bundles(datastore: Datastore, files: Sequence[str], bounds: Bounds) -> str:
    """Take the operations of bundles over; what came of it."""
    brief = ""
    for file in files:
        brief = tally_of(take_bundle(datastore, Bundle("file", file, bounds))).brief
    many = "" if len(files) == 1 else f"{exact(len(files))} bundles, the last: "
    return f"{many}{brief}"


def _ask_network() -> list[LanNode]:
    # In the thread that asks: it takes long to import.
    from tui_registry.sync.lan import find_nodes

    return find_nodes()


def _says_its_key(node: LanNode, names: Mapping[str, str]) -> str:
    """Which key a node says is its own: a claim."""
    return f"says it is {owner_cell(node.node, mine=False, names=names)}" if node.node else ""
