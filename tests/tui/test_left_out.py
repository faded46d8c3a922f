"""Muting, blocking and purging owners in the app, and the list of what is left out, with keys to take it in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.seeds import owner, signed
from tests.sync.logs import roots
from tests.tui.driving import NARROW, WIDE, press, replica, running, screen_text, status
from tests.tui.syncing import static_log, sync_of, syncing
from tui_registry.datastore import EVERYBODY, Datastore, Ration
from tui_registry.tui.kit.dialogs import ChooseScreen, ConfirmScreen
from tui_registry.tui.sync.owners_left_out import LeftOutScreen
from tui_registry.tui.sync.sync_screen import SyncScreen

LOUD, QUIET = owner("loud"), owner("quiet")


def lines(by: str, count: int) -> list[bytes]:
    return [op.to_json() for op in roots(owner(by), count)]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Datastore]:
    """A replica with a loud neighbour and a quiet one."""
    with replica(tmp_path) as datastore:
        datastore.apply([*lines("loud", 5), signed(QUIET, "model", "quiet-one").to_json()], source="hub")
        yield datastore


async def test_an_owner_is_blocked_from_a_record_and_that_is_taken_back(here: Datastore) -> None:
    here.names.set(LOUD.address, "loud [/x]")
    async with running(here, WIDE) as (app, pilot):
        await press(pilot, "/", *"record", "enter", "b")
        assert isinstance(app.screen, ChooseScreen)
        text = screen_text(app)
        assert "loud [/x] (0x" in text
        assert "It has 5 records (5 operations, about " in text
        await press(pilot, "b")
        assert "blocked loud [/x] (0x" in status(app)
        assert "b, then u takes it back" in status(app)
        assert here.apply(lines("loud", 7)).left_out == {"blocked": 2}
        await press(pilot, "b")
        assert "2 operations are left out" in screen_text(app)
        assert "blocked just now" in screen_text(app)
        # From whatever record, as that of a muted owner is in no list any more.
        await press(pilot, "u")
        assert "unblocked loud [/x]" in status(app)
        assert "2 operations come at the next sync" in status(app)
        assert here.rations.all() == []


async def test_one_s_own_key_is_neither_hidden_nor_left_out(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.apply([signed(owner("me"), "model", "mine").to_json()])
        async with running(datastore) as (app, pilot):
            await press(pilot, "b")
            assert "your own key" in status(app)


async def test_a_purge_says_what_goes_and_is_answered_by_no_letter(here: Datastore) -> None:
    epoch = here.log.head().epoch
    async with running(here, NARROW) as (app, pilot):
        await press(pilot, "4", "m", "j", "b", "p")
        assert isinstance(app.screen, ConfirmScreen)
        text = screen_text(app)
        assert "5 records (5 operations, about" in " ".join(text.split())
        assert "begins anew" in " ".join(text.split())
        await press(pilot, "y", "p", "enter")
        assert here.stats().ops == 6
        await press(pilot, "b", "p", "right", "enter")
        assert "took out 5 records (5 operations" in status(app)
        assert (here.stats().ops, here.log.head().epoch == epoch) == (1, False)
        (kept,) = here.rations.all()
        assert (kept.owner, kept.left_out) == (LOUD.address, 5)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
async def test_what_is_left_out_is_listed_with_why_and_can_be_taken_in(here: Datastore, size: tuple[int, int]) -> None:
    here.rations.set_ration(EVERYBODY, Ration(owner_ops=5))
    here.apply(lines("loud", 8), source="hub")
    here.rations.block(QUIET.address)
    here.apply([signed(QUIET, "model", "another").to_json()], source="usb")
    here.rations.mute(owner("silent").address)
    async with running(here, size) as (app, pilot):
        await press(pilot, "3", "l")
        assert isinstance(app.screen, LeftOutScreen)
        text = screen_text(app)
        assert "4 operations left out" in text
        assert "owner full" in text
        assert "3 operations: their owner has as much here" in " ".join(text.split())
        assert "hub 3" in text
        assert "muted" in text
        await press(pilot, "j", "t")
        assert "is blocked: b unblocks it" in status(app)
        await press(pilot, "k", "t")
        assert "3 operations come in at the next sync" in status(app)
        await press(pilot, "j")
        assert "3 of them are asked for at the next sync" in screen_text(app)
        await press(pilot, "b", "b")
        assert "1 operation comes at the next sync" in status(app)
        await press(pilot, "T")
        await press(pilot, "escape", "enter", "escape", "escape")
        assert isinstance(app.screen, SyncScreen)
    assert here.apply(lines("loud", 8)).applied == 3


async def test_an_empty_list_says_what_it_is_for(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "3", "l")
            assert "Nothing is left out." in screen_text(app)
            await press(pilot, "t", "T", "b", "y", "enter", "escape")
            assert isinstance(app.screen, SyncScreen)


async def test_only_what_named_keys_signed_is_taken_from_a_peer_and_the_rest_waits(
    here: Datastore, tmp_path: Path
) -> None:
    here.peers.add("lab", str(static_log(tmp_path / "lab", 4)))
    async with syncing(here) as (app, pilot):
        await press(pilot, "b")
        assert "Whatever comes." in screen_text(app)
        await press(pilot, "n")
        assert "from lab only what named keys signed is taken" in status(app)
        assert here.rations.ration("lab").named_only
        (source,) = {op.source for op in here.log.operations_at([0])}
        assert source == "hub"
        report = here.apply(lines("neighbour", 3), source="lab")
        assert report.left_out == {"unnamed": 3}
        await press(pilot, "b")
        assert "Only named keys." in screen_text(app)
        await press(pilot, "t")
        assert "3 operations come in at the next sync" in status(app)
        await press(pilot, "b", "n")
        assert not here.rations.ration("lab").named_only


async def test_a_peer_is_forgotten_with_what_only_it_brought(here: Datastore, tmp_path: Path) -> None:
    here.peers.add("hub", str(static_log(tmp_path / "hub", 1)))
    async with syncing(here) as (app, pilot):
        await press(pilot, "d")
        assert "Only it brought 6 records (6 operations, about" in screen_text(app)
        await press(pilot, "p")
        assert isinstance(app.screen, ConfirmScreen)
        await press(pilot, "y", "right", "enter")
        assert "forgot the peer hub; took out 6 records" in status(app)
        assert sync_of(app).peers == []
    assert here.stats().ops == 0
