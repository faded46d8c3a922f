"""The peers, one under the cursor in detail; adding and removing them. Knows nothing of how one pulls."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Final

from textual import on, work
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import get_current_worker

from tui_registry.datastore import Peer
from tui_registry.errors import RegistryError
from tui_registry.text import exact
from tui_registry.tui.kit.copying import CopyingScreen
from tui_registry.tui.kit.messages import Failed
from tui_registry.tui.kit.text_flow import Flow
from tui_registry.tui.sync.peer_table import PeerTable
from tui_registry.tui.sync.peer_text import no_peers, peer_detail
from tui_registry.tui.sync.peer_view import PeerView, summary
from tui_registry.tui.sync.pulls import PeerRemoved, PeersRead

# Progress is drawn at most so often, however fast it is told.
SECONDS_BETWEEN_DRAWINGS: Final = 0.1


class PeersScreen(CopyingScreen):
    """A screen with the table of peers.

    Attributes:
        peers: as the replica knew them when it was last asked.
    """

    AUTO_FOCUS: ClassVar[str] = "PeerTable"

    def __init__(self) -> None:
        super().__init__()
        self.peers: list[Peer] = []
        self._serial = 0
        self._select: str | None = None
        self._next_drawing: Timer | None = None
        self._drawn_at = 0.0

    def compose_body(self) -> Iterable[Widget]:
        yield PeerTable(id="peers")
        yield Flow(id="no-peers")
        yield Flow(id="peer-detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#no-peers", Flow).flow(no_peers)
        if self.host.facts is not None:
            self.peers = list(self.host.facts.peers)
            self.show_peers()
        self.watch(self.host, "facts", self.read_peers, init=False)
        self.watch(self.host, "minute", self._show_detail, init=False)
        self.read_peers()

    @abstractmethod
    def view_of(self, peer: Peer) -> PeerView:
        """The peer, with the pull from it."""

    def peers_were_read(self) -> None:
        """`peers` is as new as this moment."""

    # What it shows

    @property
    def view(self) -> PeerView | None:
        """The peer under the cursor."""
        return self.query_one(PeerTable).item

    def selected(self) -> PeerView | None:
        """The peer under the cursor, or None and a word about it."""
        view = self.view
        if view is None:
            self.say("there are no peers yet: a adds one")
        return view

    def show_peers(self) -> None:
        views = [self.view_of(peer) for peer in self.peers]
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
        self.hint(*summary(views))
        if table.item != before:
            self._show_detail()
        self.refresh_footer()

    def _show_detail(self) -> None:
        view, now = self.view, self.host.now()
        if view is not None:
            self.query_one("#peer-detail", Flow).flow(lambda width: peer_detail(view, now, width))

    def show_soon(self) -> None:
        """Draw now, or with everything else that is told until the next drawing is due."""
        if self._next_drawing is not None:
            return
        wait = self._drawn_at + SECONDS_BETWEEN_DRAWINGS - time.monotonic()
        if wait <= 0:
            self.show_peers()
        else:
            self._next_drawing = self.set_timer(wait, self.show_peers)

    @on(PeerTable.Highlighted)
    def _highlighted(self, message: PeerTable.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        self._show_detail()
        self.refresh_footer()

    # What the replica knows of its peers

    def read_peers(self) -> None:
        self._serial += 1
        self._read(self._serial)

    @work(thread=True, exclusive=True, group="peers")
    def _read(self, serial: int) -> None:
        worker = get_current_worker()
        try:
            peers = self.datastore.peers.all()
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
            return
        if not worker.is_cancelled:
            self.post_message(PeersRead(peers, serial))

    @on(PeersRead)
    def _peers_read(self, message: PeersRead) -> None:
        if message.serial != self._serial:
            return  # a newer reading is on its way
        self.peers = message.peers
        self.peers_were_read()
        self.show_peers()

    # Peers come and go

    def action_add_peer(self) -> None:
        from tui_registry.tui.sync.add_peer import AddPeerScreen

        def answered(peer: Peer | None) -> None:
            if peer is not None:
                self._select = peer.name
                self.say(f"added {peer.name}: s pulls from it", "done")
                self.read_peers()
                self.host.look()

        self.open_screen(AddPeerScreen(), answered)

    def action_remove_peer(self) -> None:
        view = self.selected()
        if view is None:
            return
        if view.pulling is not None:
            self.say(f"a pull from {view.name} is running: c stops it, then d removes it", "problem")
            return
        from tui_registry.tui.kit.dialogs import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self._remove(view.name)

        waiting = f" {exact(view.peer.pending)} pending operations of it are dropped." if view.peer.pending else ""
        self.open_screen(
            ConfirmScreen(
                f"Forget the peer {view.name}?",
                f"{view.peer.address}\nIts address and how far its log was read are forgotten.{waiting} "
                "The operations that came from it stay, and so do their records.",
                yes="Forget",
                no="Keep",
            ),
            answered,
        )

    @work(thread=True, group="write")
    def _remove(self, name: str) -> None:
        try:
            self.datastore.peers.remove(name)
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
        else:
            self.post_message(PeerRemoved(name))

    @on(PeerRemoved)
    def _removed(self, message: PeerRemoved) -> None:
        self.say(f"forgot the peer {message.peer}; what came from it stays", "done")
        self.read_peers()
        self.host.look()

    # Other actions

    def action_quarantine(self) -> None:
        """What was refused, whoever sent it."""
        from tui_registry.tui.sync.quarantine import QuarantineScreen

        self.open_screen(QuarantineScreen())

    def action_copy(self) -> None:
        view = self.selected()
        if view is not None:
            self.copy_text(view.peer.address, f"the address of {view.name}")

    async def action_back(self) -> None:
        await self.app.run_action("mode('browse')")
