"""Sync: the peers, how this replica stands to each, and pulling from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on

from tui_registry.datastore import Peer
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.sync.peer_table import PeerTable
from tui_registry.tui.sync.peer_view import PeerView, Pulling, outcome
from tui_registry.tui.sync.peers import PeersScreen
from tui_registry.tui.sync.pulls import PullEnded, PullMoved, Pulls

if TYPE_CHECKING:
    from tui_registry.present.pulls import PullResult


class SyncScreen(PeersScreen):
    """Pulls belong to this screen and go on while another mode is shown: the mode's screen stays."""

    CSS_PATH: ClassVar[str] = "sync.tcss"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-tall")]  # noqa: RUF012 - as Textual has it
    HEADING: ClassVar[str] = "Sync"
    MODE: ClassVar[str] = "app.sync"
    WHERE: ClassVar[tuple[Where, ...]] = ("sync",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "sync.pull", "sync.pull_all", "sync.add", "sync.remove", "sync.copy", "sync.back", "app.help",
    )  # fmt: skip
    FAILING: ClassVar[tuple[str, ...]] = ("sync.retry", *FOOTER[1:])
    RUNNING: ClassVar[tuple[str, ...]] = (
        "sync.cancel", "sync.cancel_all", "sync.pull_all", "sync.add", "sync.copy", "sync.back", "app.help",
    )  # fmt: skip
    NOTHING: ClassVar[tuple[str, ...]] = ("sync.add", "sync.back", "app.help", "app.palette", "app.quit")

    def __init__(self) -> None:
        super().__init__()
        self._pulling: dict[str, Pulling] = {}
        self._results: dict[str, PullResult] = {}
        self._untold: list[PullResult] = []

    def on_mount(self) -> None:
        self._pulls = Pulls(self.datastore, self.post_message)
        super().on_mount()

    def view_of(self, peer: Peer) -> PeerView:
        return PeerView(peer, self._pulling.get(peer.name), self._results.get(peer.name))

    def footer_actions(self) -> tuple[str, ...]:
        view = self.view
        if view is None:
            footer = self.NOTHING
        elif view.pulling is not None:
            footer = self.RUNNING
        else:
            footer = self.FOOTER if view.failure is None else self.FAILING
        if self.host.facts is None or not self.host.facts.stats.rejected:
            return footer
        # What was refused asks to be looked at; copying and quitting work all the same.
        return tuple("sync.quarantine" if name in ("sync.copy", "app.quit") else name for name in footer)

    # Asking for pulls

    def action_pull(self) -> None:
        view = self.selected()
        if view is None:
            return
        if view.pulling is not None:
            self.say(f"a pull from {view.name} is running: c stops it")
        else:
            self._begin([view.name])

    @on(PeerTable.Chosen)
    def _chosen(self, message: PeerTable.Chosen) -> None:
        message.stop()
        self.action_pull()

    def action_pull_all(self) -> None:
        names = [peer.name for peer in self.peers if peer.name not in self._pulling]
        if not self.peers:
            self.selected()
        elif not names:
            self.say("every peer is being pulled from already")
        else:
            self._begin(names)

    def action_retry(self) -> None:
        view = self.selected()
        if view is None:
            return
        if view.failure is None:
            self.say(f"{view.name} did not fail: s pulls from it")
        else:
            self._begin([view.name])

    def action_cancel(self) -> None:
        view = self.selected()
        if view is None:
            return
        if view.name not in self._pulls:
            others = f": put the cursor on one that is, or C stops all {len(self._pulling)}" if self._pulling else ""
            self.say(f"{view.name} is not being pulled from{others}")
        else:
            self._stop([view.name])

    def action_cancel_all(self) -> None:
        names = [name for name in self._pulling if name in self._pulls]
        if names:
            self._stop(names)
        else:
            self.say("no pull is running")

    def _begin(self, names: list[str]) -> None:
        self.next_step()
        for name in names:
            self._pulling[name] = Pulling(waiting=True)
            self._pulls.enlist(name)
        for name in names:
            self.run_worker(self._pulls.run(name), name=f"pull {name}", group="pull")
        self.show_peers()

    def _stop(self, names: list[str]) -> None:
        self.next_step()
        for name in names:
            self._pulls.stop(name)
            self._pulling[name] = self._pulling[name].told_to_stop()
        self.show_peers()

    # What pulls tell

    @on(PullMoved)
    def _pull_moved(self, message: PullMoved) -> None:
        pulling = self._pulling.get(message.peer)
        if pulling is not None:
            self._pulling[message.peer] = pulling.after(message.event)
            self.show_soon()

    @on(PullEnded)
    def _pull_ended(self, message: PullEnded) -> None:
        pulling = self._pulling.get(message.peer, Pulling())
        self._pulling[message.peer] = pulling.over()
        if message.result is None:
            self.say(message.sentence, "note" if pulling.stopping else "problem")
        else:
            self._results[message.peer] = message.result
            self._untold.append(message.result)
        self.read_peers()
        self.host.look()

    def peers_were_read(self) -> None:
        # Until now the row of a pull that ended showed its last progress: what it came to is known from here on.
        self._pulling = {name: pulling for name, pulling in self._pulling.items() if not pulling.ended}
        known = {peer.name: peer for peer in self.peers}
        self._results = {name: result for name, result in self._results.items() if name in known}
        if self._untold and not self._pulling:
            self.say(*outcome([(result, known.get(result.peer)) for result in self._untold]))
            self._untold.clear()
