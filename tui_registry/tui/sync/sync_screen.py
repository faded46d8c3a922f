"""Sync: the peers, how this replica stands to each, pulling from them and pushing to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar, Final

from textual import on
from textual.timer import Timer
from textual.widget import Widget

from tui_registry.datastore import (
    EVERYBODY,
    NO_RATION,
    Datastore,
    Operation,
    Peer,
    PurgeAmounts,
    Ration,
    Restored,
    TouchedRecord,
)
from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present import elsewhere, leaving_out
from tui_registry.present.pulls import SyncError, key_words
from tui_registry.text import exact, plural
from tui_registry.tui import kit
from tui_registry.tui.kit.actions import Where, bindings_for, key_of
from tui_registry.tui.kit.copying import copy_text
from tui_registry.tui.kit.flows import FlowScreen, Part, flow
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.messages import Narrow, PullFrom
from tui_registry.tui.kit.text_flow import Flow
from tui_registry.tui.sync.add_peer import AddPeerScreen, add_recommended, choose_node, take_from
from tui_registry.tui.sync.owners_left_out import LeftOutScreen, ask_about, taken_in
from tui_registry.tui.sync.peer_table import PeerTable, PeerView, no_peers, peer_detail, summary
from tui_registry.tui.sync.pushes import Pushes
from tui_registry.tui.sync.quarantine import QuarantineScreen
from tui_registry.tui.sync.running_pulls import Pulls, PullsByThemselves

# Progress is drawn at most so often, however fast it is reported.
SECONDS_BETWEEN_DRAWINGS: Final = 0.1


class SyncScreen(FrameScreen[None]):
    """The table of peers, and the one under the cursor in detail.

    Pulls go on while another mode is shown: the mode's screen stays.

    Attributes:
        peers: as the replica knew them when it was last asked.
    """

    CSS_PATH: ClassVar[str] = "sync.tcss"
    AUTO_FOCUS: ClassVar[str] = "PeerTable"
    # Why a peer fails is told in its line, which needs more room than other lists.
    HORIZONTAL_BREAKPOINTS = [(0, "-below"), (180, "-beside")]  # noqa: RUF012 - as Textual has it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-tall")]  # noqa: RUF012 - as Textual has it
    HEADING: ClassVar[str] = "Sync"
    MODE: ClassVar[str] = "app.sync"
    WHERE: ClassVar[tuple[Where, ...]] = ("sync",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "sync.pull", "sync.pull_all", "sync.push", "sync.add", "sync.remove", "sync.back", "app.help",
    )  # fmt: skip
    FAILING: ClassVar[tuple[str, ...]] = ("sync.retry", *FOOTER[1:])
    RUNNING: ClassVar[tuple[str, ...]] = (
        "sync.cancel", "sync.cancel_all", "sync.pull_all", "sync.add", "sync.copy", "sync.back", "app.help",
    )  # fmt: skip
    NOTHING: ClassVar[tuple[str, ...]] = ("sync.add", "sync.back", "app.help", "app.palette", "app.quit")

    def __init__(self) -> None:
        super().__init__()
        self.peers: list[Peer] = []
        self._elsewhere = SignedElsewhere(self)
        self._taking = Taking(self, self._peers_changed)
        self._pushes = Pushes(self, self._show_soon)
        self._select: str | None = None
        self._next_drawing: Timer | None = None
        self._drawn_at = 0.0

    @property
    def pulls(self) -> Pulls:
        """Those of this session: of this screen, and those that the app began by itself."""
        return self.host.held(PullsByThemselves).pulls

    def compose_body(self) -> Iterable[Widget]:
        yield PeerTable(id="peers")
        yield Flow(id="no-peers")
        yield Flow(id="peer-detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.pulls.moved = self._show_soon
        self.query_one("#no-peers", Flow).flow(no_peers)
        if self.host.facts is not None:
            self.peers = list(self.host.facts.peers)
            self._show()
        self.watch(self.host, "facts", self._read_peers, init=False)
        self.watch(self.host, "minute", self._minute_passed, init=False)
        self.watch(self.host, "settings", self._minute_passed, init=False)
        self._read_peers()

    def footer_actions(self) -> tuple[str, ...]:
        view = self.view
        if view is None:
            footer = self.NOTHING
        elif view.pulling is not None or view.pushing is not None:
            footer = self.RUNNING
        else:
            footer = self.FOOTER if view.failure is None else self.FAILING
        if view is not None and view.concerns:
            # What is odd about its key asks to be looked at, before it is forgotten.
            footer = tuple("sync.trust" if name == "sync.remove" else name for name in footer)
        facts = self.host.facts
        if facts is None:
            return footer
        if facts.elsewhere or facts.restored:
            # What was signed elsewhere asks to be looked at; the others work all the same.
            footer = tuple(
                "sync.elsewhere" if name == ("app.palette" if view is None else "sync.add") else name for name in footer
            )
        if any(peer.left_out for peer in self.peers):
            footer = tuple("sync.left_out" if name == "sync.pull_all" else name for name in footer)
        if not facts.stats.rejected:
            return footer
        # What was refused asks to be looked at; pushing, copying and quitting work all the same.
        seldom = ("sync.push", "sync.copy", "app.quit")
        return tuple("sync.quarantine" if name in seldom else name for name in footer)

    # Pulling

    def action_pull(self) -> None:
        view = self._selected()
        if view is None:
            return
        if view.pulling is not None:
            self.say(_running_words(view))
        else:
            self._begin([view.name])

    @on(PeerTable.Chosen)
    def _chosen(self, message: PeerTable.Chosen) -> None:
        message.stop()
        self.action_pull()

    def action_pull_all(self) -> None:
        names = [peer.name for peer in self.peers if peer.name not in self.pulls.pulling]
        if not self.peers:
            self._selected()
        elif not names:
            self.say("every peer is being pulled from already")
        else:
            self._begin(names)

    def action_retry(self) -> None:
        view = self._selected()
        if view is None:
            return
        if view.failure is None:
            self.say(f"{view.name} did not fail: {key_of('sync.pull')} pulls from it")
        else:
            self._begin([view.name])

    def action_cancel(self) -> None:
        view = self._selected()
        if view is None:
            return
        if self.pulls.is_running(view.name):
            self._stop([view.name])
        elif view.name in self._pushes.pushing:
            self._pushes.stop(view.name)
        else:
            count = len(self.pulls.pulling)
            every = f"{key_of('sync.cancel_all')} stops all {count}"
            others = f": put the cursor on one that is, or {every}" if count else ""
            self.say(f"{view.name} is not being pulled from{others}")

    def action_cancel_all(self) -> None:
        names = [name for name in self.pulls.pulling if self.pulls.is_running(name)]
        for name in list(self._pushes.pushing):
            self._pushes.stop(name)
        if names:
            self._stop(names)
        elif not self._pushes.pushing:
            self.say("no pull or push is running")

    def _begin(self, names: list[str]) -> None:
        self.next_step()
        for name in names:
            self.pulls.enlist(name)
            self._pull(name)
        self._show()

    def _stop(self, names: list[str]) -> None:
        self.next_step()
        for name in names:
            self.pulls.stop(name)
        self._show()

    @flow(background=True, group="pull")
    async def _pull(self, name: str) -> None:
        try:
            await self.pulls.run(self.datastore, name)
        except RegistryError as error:
            sentence = error.sentence if isinstance(error, SyncError) else f"{name}: {error.sentence}"
            self.say(sentence, "note" if self.pulls.pulling[name].stopping else "problem")
        self._read_peers()
        self.host.look()

    @flow(writes=True)
    async def action_push(self) -> None:
        """Offer the peer what it lacks, after a question."""
        view = self._selected()
        if view is None:
            return
        if view.pulling is not None or view.name in self._pushes.pushing:
            self.say(_running_words(view))
        else:
            await self._pushes.push_to(view.peer)

    # Adding and removing peers

    @flow(writes=True)
    async def action_add_peer(self) -> None:
        peer = await self.ask(AddPeerScreen())
        if peer is not None:
            self._added(peer)

    @flow(writes=True)
    async def action_take(self) -> None:
        """Take records from a node, a folder or a bundle, after a look at what is there."""
        peer = await take_from(self)
        if peer is not None:
            self._pull_new(peer.name)

    @flow(writes=True)
    async def action_find_peers(self) -> None:
        """Ask the local network for nodes, and add the one that is chosen, if any."""
        url = await choose_node(self, [peer.address for peer in self.peers])
        peer = None if url is None else await self.ask(AddPeerScreen(url))
        if peer is not None:
            self._added(peer)

    @flow(writes=True)
    async def action_recommended(self) -> None:
        """Whom the peer recommends, and add the one that is chosen, if any."""
        view = self._selected()
        peer = None if view is None else await add_recommended(self, view.peer)
        if peer is not None:
            self._added(peer)

    def _added(self, peer: Peer) -> None:
        self._select = peer.name
        pull, ask = key_of("sync.pull"), key_of("sync.recommended")
        self._peers_changed(f"added {peer.name}: {pull} pulls from it, {ask} asks whom it recommends")

    @on(PullFrom)
    def _pull_wanted(self, message: PullFrom) -> None:
        message.stop()
        self._pull_new(message.peer)

    @flow(background=True, group="pull")
    async def _pull_new(self, name: str) -> None:
        # In no group that a reading of the peers calls off: somebody asked for it.
        self.peers = await self.read(self.datastore.peers.all)
        self._select = name
        self._show()
        self._begin([name])

    @flow(writes=True)
    async def action_remove_peer(self) -> None:
        view = self._selected()
        if view is None:
            return
        if view.pulling is not None or view.name in self._pushes.pushing:
            self.say(f"{_running_words(view)}, then {key_of('sync.remove')} removes it", "problem")
            return
        await self._taking.forget(view.peer)

    @flow(writes=True)
    async def action_trust(self) -> None:
        """Show what is odd about the peer's key, and accept what its last head is signed by where that is said."""
        view = self._selected()
        if view is None:
            return
        peer = view.peer
        acceptable = [concern for concern in view.concerns if concern.code != "other_root"]
        if not acceptable:
            odd = "".join(f". But {concern.sentence}" for concern in view.concerns)
            self.say(f"{view.name}: its key is {key_words(peer)}{odd}", "problem" if odd else "note")
            return
        told = "\n\n".join(f"{concern.sentence[0].upper()}{concern.sentence[1:]}." for concern in acceptable)
        if peer.signed_by is not None:
            then = f"From now on {view.name} is known by the key 0x{peer.signed_by}, and this is not told again."
        else:
            then = f"From now on {view.name} is taken without a signature, and this is not told again."
        proofs = " The proofs stay: 'peer faces' lists them." if peer.faces else ""
        # Whoever types ahead must not accept it by that.
        question = kit.ConfirmScreen(
            f"Accept the key of {view.name} as it is?",
            f"{told}\n\n{then} Ask whoever runs it first.{proofs}",
            yes="Accept",
            no="Not now",
            for_good=True,
        )
        if await self.ask(question):
            await self.write(self.datastore.peers.trust, view.name, peer.signed_by)
            self._peers_changed(f"accepted the key of {view.name} as it is")

    def _peers_changed(self, sentence: str) -> None:
        self.say(sentence, "done")
        self._read_peers()
        self.host.look()

    # Other actions

    @flow
    async def action_quarantine(self) -> None:
        """What was refused, whoever sent it."""
        await self.ask(QuarantineScreen())

    @flow
    async def action_left_out(self) -> None:
        """What is left out, whoever sent it, and who is muted or blocked."""
        await self.ask(LeftOutScreen())

    @flow(writes=True)
    async def action_takes(self) -> None:
        """What is taken from the peer."""
        view = self._selected()
        if view is not None:
            await self._taking.ask_what_is_taken(view.peer)

    @flow
    async def action_elsewhere(self) -> None:
        """What this replica's key signed elsewhere, and what its owner says that it is."""
        await self._elsewhere.ask_what_it_is()

    @flow
    async def action_copy(self) -> None:
        view = self._selected()
        if view is not None:
            await copy_text(self, view.peer.address, f"the address of {view.name}")

    @flow
    async def action_back(self) -> None:
        await self.app.run_action("mode('browse')")

    # What it shows

    @property
    def view(self) -> PeerView | None:
        """The peer under the cursor."""
        return self.query_one(PeerTable).item

    def _selected(self) -> PeerView | None:
        """The peer under the cursor, or None and a word about it."""
        view = self.view
        if view is None:
            self.say(f"there are no peers yet: {key_of('sync.add')} adds one")
        return view

    @flow(background=True, exclusive=True, group="peers")
    async def _read_peers(self) -> None:
        self.peers = await self.read(self.datastore.peers.all)
        # Until now the row of a pull that ended showed its last progress; its outcome is shown from here on.
        outcome = self.pulls.take_ended(self.peers)
        if outcome is not None:
            self.say(*outcome)
        self._show()

    def _show(self) -> None:
        views = self._views()
        if self._next_drawing is not None:
            self._next_drawing.stop()
            self._next_drawing = None
        self._drawn_at = time.monotonic()
        table = self.query_one(PeerTable)
        before = table.item
        table.show(views, self._select)
        if any(view.name == self._select for view in views):
            self._select = None
        self.set_class(not views, "-nothing")
        if views and self.focused is None and self.is_current:
            table.focus()
        self._hint()
        if table.item != before:
            self._show_detail()
        self.refresh_footer()

    def _hint(self) -> None:
        words, tone = summary(self._views(), 0 if self.host.facts is None else self.host.facts.in_conflict)
        by_itself = self.host.held(PullsByThemselves).in_words()
        self.hint(" · ".join(filter(None, (words, by_itself))) if self.peers else words, tone)

    def _minute_passed(self) -> None:
        self._hint()
        self._show_detail()

    def _views(self) -> list[PeerView]:
        pulls = self.pulls
        pushing = self._pushes.pushing
        return [
            PeerView(peer, pulls.pulling.get(peer.name), pulls.results.get(peer.name), pushing.get(peer.name))
            for peer in self.peers
        ]

    def _show_soon(self) -> None:
        """Draw now, or together with what else is reported until the next drawing is due."""
        if self._next_drawing is not None:
            return
        wait = self._drawn_at + SECONDS_BETWEEN_DRAWINGS - time.monotonic()
        if wait <= 0:
            self._show()
        else:
            self._next_drawing = self.set_timer(wait, self._show)

    def _show_detail(self) -> None:
        view = self.view
        if view is not None:
            self.query_one("#peer-detail", Flow).flow(partial(peer_detail, view, self.host.now()))

    @on(PeerTable.Highlighted)
    def _highlighted(self, message: PeerTable.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        self._show_detail()
        self.refresh_footer()


# What this replica's key signed and this replica did not write: shown, and the question what it is

# The first of each are shown in the question, which has to fit into 80 by 24; the history has them all.
_OPERATIONS: Final = 2
_RECORDS: Final = 2


class _Found(NamedTuple):
    """What the question says.

    Attributes:
        number: of the operations; upto: the place in the log behind the last of them.
        operations, touched: the first of each.
        conflicts: how many records of this replica are in conflict.
        restored: this replica was put back to an older copy.
    """

    number: int
    upto: int
    operations: list[Operation]
    touched: list[TouchedRecord]
    conflicts: int
    restored: Restored | None


class SignedElsewhere(Part):
    """What a screen asks about them."""

    def __init__(self, screen: FlowScreen[None]) -> None:
        super().__init__(screen)

    async def ask_what_it_is(self) -> None:
        """Show them, and do what their owner says. A step of a flow."""
        found = await self.read(_read, self.datastore)
        if not found.number and found.restored is None:
            self.say("this replica wrote all that its key has signed, or you said that the rest is yours")
            return
        match await self.ask(kit.ChooseScreen(*_question(found, self.screen.host.now()))):
            case "pull":
                await self.screen.run_action("pull_all")
            case "look":
                await self.screen.app.run_action("mode('history')")
                self.screen.app.get_screen_stack("history")[0].post_message(Narrow("is:elsewhere"))
            case "settle":
                await self.screen.app.run_action("app.conflicts")
            case elsewhere.OWN_DEVICE.key:
                count = await self.write(self.datastore.elsewhere.acknowledge, found.upto)
                if found.restored is not None:
                    await self.write(self.datastore.mark.forget)
                told = plural(count, "operation") if count else "it"
                self.say(f"{told} will not be told again", "done")
                self.screen.host.look()
            case elsewhere.STOLEN.key:
                await self.ask(kit.page_of_package("trust", "### Somebody else has your key"))


def _read(datastore: Datastore) -> _Found:
    places = datastore.elsewhere.places()
    return _Found(
        len(places),
        places[0] + 1 if places else 0,
        datastore.log.operations_at(places[:_OPERATIONS]),
        datastore.elsewhere.touched(_RECORDS + 1),
        datastore.stats().conflicts,
        datastore.mark.restored(),
    )


def _question(found: _Found, now: int) -> tuple[str, list[kit.Choice], str]:
    lines = [elsewhere.line(operation, now) for operation in found.operations]
    if found.number > len(lines):
        lines.append(f"and {exact(found.number - len(lines))} more")
    lines += [elsewhere.touched(record, named=False) for record in found.touched[:_RECORDS]]
    if len(found.touched) > _RECORDS:
        lines.append("and other records")
    choices = []
    if found.restored is not None:
        lines.insert(0, elsewhere.PUT_BACK if found.number else elsewhere.what_was_restored(found.restored))
        choices.append(kit.Choice("p", "pull", "pull from every peer", "brings back what is missing"))
    if found.number:
        choices.append(kit.Choice("l", "look", "look at them all", "in the history"))
    if found.conflicts:
        choices.append(kit.Choice("!", "settle", "settle what is in conflict"))
    yours, not_yours = elsewhere.OWN_DEVICE.key, elsewhere.STOLEN.key
    if not found.number:
        choices.append(kit.Choice(yours, yours, "go on as it is", "and do not tell it again"))
        return "This replica is an older copy of itself", choices, "\n".join(lines)
    choices += [
        kit.Choice(yours, yours, "they are mine", "another device, or a backup put back"),
        kit.Choice(not_yours, not_yours, "they are not mine", "somebody has the key"),
    ]
    return elsewhere.operations(found.number), choices, "\n".join(lines)


def _running_words(view: PeerView) -> str:
    what = "pull from" if view.pulling is not None else "push to"
    return f"a {what} {view.name} is running: {key_of('sync.cancel')} stops it"


# What is taken from a peer, and what goes when the peer is forgotten

_COMES_BACK: Final = f"{leaving_out.OTHERS_KEEP}: what other peers have of it comes back when they are pulled from."
_UNPROVEN: Final = "The peer says that this is its key, and nothing proves it."


class Taking(Part):
    """What a screen asks about a peer; its methods are steps of flows that write."""

    def __init__(self, screen: FlowScreen[None], changed: Callable[[str], object]) -> None:
        """
        Args:
            changed: is called with what to say after every write.
        """
        super().__init__(screen)
        self._changed = changed

    async def ask_what_is_taken(self, peer: Peer) -> None:
        """Say what is taken from a peer, and do what is chosen."""
        found = await self.read(_read_takes, self.datastore, peer.name)
        of_all = await self.read(self.datastore.rations.ration, EVERYBODY)
        chosen = await self.ask(
            kit.ChooseScreen(f"What is taken from {peer.name}", _choices(peer, found), _said(found, of_all))
        )
        match chosen:
            case "named" | "every":
                await self._set(peer.name, found.ration._replace(named_only=chosen == "named"))
            case "take in":
                count = await self.write(self.datastore.rations.take_in, source=peer.name)
                self._changed(taken_in(count))
            case "key" if peer.node is not None:
                await ask_about(self.screen, peer.node, _UNPROVEN)
            case "purge":
                await self._purge(peer, found.only_it)

    async def forget(self, peer: Peer) -> None:
        """Forget a peer, after a question; and, where it is asked for, what only it brought."""
        found = await self.read(_read_takes, self.datastore, peer.name)
        waiting = f" {plural(peer.pending, 'pending operation')} of it are dropped." if peer.pending else ""
        about = f"{peer.address}\nIts address and how far its log was read are forgotten.{waiting}"
        with_it = False
        if found.only_it.ops:
            choices = [
                kit.Choice("f", "keep", "forget the peer", "what came from it stays"),
                kit.Choice("p", "purge", "purge what only it brought, too"),
            ]
            with_figures = f"{about}\n{_only_by(found.only_it)}"
            chosen = await self.ask(kit.ChooseScreen(f"Forget the peer {peer.name}?", choices, with_figures))
            if chosen is None:
                return
            with_it = chosen == "purge"
        if with_it:
            asked = f"Forget the peer {peer.name}, and take {leaving_out.amounts(found.only_it)} out for good?"
            what = f"{_COMES_BACK} Who reads this log begins anew then."
        else:
            asked, what = (
                f"Forget the peer {peer.name}?",
                "The operations that came from it stay, and so do their records.",
            )
        question = kit.ConfirmScreen(asked, f"{about} {what}", yes="Forget", no="Keep", for_good=True)
        if not await self.ask(question):
            return
        # The purge first: it asks nobody for what only this one has.
        came = await self.write(self.datastore.purge, peer=peer.name) if with_it else None
        await self.write(self.datastore.peers.remove, peer.name)
        told = "what came from it stays" if came is None else leaving_out.purged(came, is_blocked=False)
        self._changed(f"forgot the peer {peer.name}; {told}")

    async def _set(self, name: str, ration: Ration) -> None:
        await self.write(self.datastore.rations.set_ration, name, ration)
        what = "only what named keys signed" if ration.named_only else "what every key signed"
        self._changed(f"from {name} {what} is taken from the next pull on")

    async def _purge(self, peer: Peer, only_it: PurgeAmounts) -> None:
        question = kit.ConfirmScreen(
            leaving_out.purge_question(only_it, f"what only {peer.name} brought"),
            f"{_COMES_BACK} {peer.name} stays a peer, and is not asked for it unless you take it in.",
            yes="Purge",
            no="Keep",
            for_good=True,
        )
        if await self.ask(question):
            self.say(f"purging what {peer.name} brought ...")
            self._changed(leaving_out.purged(await self.write(self.datastore.purge, peer=peer.name), is_blocked=False))


class _Takes(NamedTuple):
    """What is taken from a peer, and what it brought.

    Attributes:
        waits: operations that it sent first, and that are left out and may come in.
        only_it: what nobody else brought.
    """

    ration: Ration
    waits: int
    only_it: PurgeAmounts


def _read_takes(datastore: Datastore, name: str) -> _Takes:
    return _Takes(
        datastore.rations.ration(name),
        datastore.rations.waiting(source=name),
        datastore.plan_purge(peer=name),
    )


def _choices(peer: Peer, found: _Takes) -> list[kit.Choice]:
    choices = [
        kit.Choice("n", "every", "take what every key signed", "and ask for what waits")
        if found.ration.named_only
        else kit.Choice("n", "named", "take only what named keys signed", "what is here stays"),
    ]
    if found.waits:
        note = f"{plural(found.waits, 'operation')}, at the next sync"
        choices.append(kit.Choice("t", "take in", "take in what waits", note))
    if peer.node is not None:
        whose = "its key" if peer.signed_by == peer.node else "the key it says is its own"
        choices.append(kit.Choice("k", "key", whose, "mute, block or purge it"))
    if found.only_it.ops:
        choices.append(kit.Choice("p", "purge", "purge what only it brought"))
    return choices


def _said(found: _Takes, of_all: Ration) -> str:
    of_it = leaving_out.ration_words(found.ration)
    lines = [f"{of_it[0].upper()}{of_it[1:]}."]
    if of_all != NO_RATION:
        lines.append(f"From everybody: {leaving_out.ration_words(of_all)}.")
    if found.only_it.ops:
        lines.append(_only_by(found.only_it))
    return "\n".join(lines)


def _only_by(only_it: PurgeAmounts) -> str:
    return f"Only it brought {leaving_out.amounts(only_it)}."
