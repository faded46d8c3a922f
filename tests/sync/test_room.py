"""The room of a replica: a pull ends where its files are as big as they may be, and goes on once they may be bigger."""

from __future__ import annotations

from tests.sync.hostile import honest, hostile
from tests.sync.logs import ALICE, FakeLog, roots
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, pull


async def test_a_pull_ends_where_the_room_does_and_goes_on_where_it_ended(here: Datastore) -> None:
    async with hostile(honest(FakeLog.of(roots(ALICE, 600)))) as peer:
        here.peers.add("them", peer.url)
        full = await pull(here, "them", bounds=Bounds(room_bytes=1))
        assert full.error is not None
        assert (full.error.code, full.applied, here.log.head().size) == ("no_room", 0, 0)
        assert "room_bytes of [sync]" in full.sentence
        assert not (here.data_dir / "incoming").exists()
        roomy = await pull(here, "them", bounds=Bounds(room_bytes=10**9))
        assert (roomy.error, roomy.applied) == (None, 600)
