"""Sync, driven as a person drives it: real peers, a real replica."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.seeds import NOW, stranger_ops
from tests.sync.hostile import always, hostile
from tests.tui.driving import (
    NARROW,
    WIDE,
    list_of,
    notice_changes,
    press,
    replica,
    screen_text,
    status,
)
from tests.tui.hostile import Looker
from tests.tui.syncing import peer_under_cursor, static_log, sync_of, syncing, type_peer, until
from tui_registry.datastore import Datastore
from tui_registry.node import running as serving
from tui_registry.sync import publish
from tui_registry.tui.kit.actions import Action, action, actions_for
from tui_registry.tui.kit.dialogs import ConfirmScreen
from tui_registry.tui.kit.frame import MOST_FOOTER_KEYS
from tui_registry.tui.sync.add_peer import AddPeerScreen
from tui_registry.tui.sync.peer_table import PeerTable
from tui_registry.tui.sync.sync_screen import SyncScreen

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Datastore]:
    with replica(tmp_path / "here") as datastore:
        yield datastore


@pytest.fixture
def neighbour(tmp_path: Path) -> Iterator[Datastore]:
    """A replica with forty records that are not here."""
    with Datastore.open(tmp_path / "neighbour", clock=lambda: NOW) as datastore:
        datastore.apply(op.to_json() for op in stranger_ops(40, by="neighbour"))
        yield datastore


@BOTH
async def test_without_peers_the_screen_says_what_one_is_and_how_to_add_it(
    here: Datastore, size: tuple[int, int]
) -> None:
    async with syncing(here, size) as (app, pilot):
        text = screen_text(app)
        for words in ("no peers yet", "node or a folder", "a  add one", "http://127.0.0.1:8420", "/media/stick"):
            assert words in text
        await press(pilot, "s")
        assert "a adds one" in status(app)
        await press(pilot, "escape")
        assert app.current_mode == "browse"


@BOTH
async def test_a_node_is_added_and_pulled_by_keyboard_and_its_records_appear(
    here: Datastore, neighbour: Datastore, size: tuple[int, int]
) -> None:
    with serving(neighbour) as address:
        async with syncing(here, size) as (app, pilot):
            await type_peer(pilot, "hub", address.url)
            assert app.screen is sync_of(app)
            assert "added hub" in status(app)
            assert "never pulled" in screen_text(app)
            await press(pilot, "s")
            assert peer_under_cursor(app).peer.identical
            text = screen_text(app)
            assert "identical" in text
            assert "at 40 of 40 in its log" in text
            assert "40 new" in text
            assert status(app) == "hub: 40 new operations"
            await notice_changes(pilot)
            assert "40 records" in screen_text(app)
            await press(pilot, "escape")
            assert list_of(app).total == 40


async def test_a_folder_with_a_log_is_a_peer_too(here: Datastore, tmp_path: Path) -> None:
    folder = static_log(tmp_path / "stick", 12)
    async with syncing(here) as (app, pilot):
        await type_peer(pilot, "stick", str(folder))
        await press(pilot, "enter")
        assert here.stats().records == 12
        assert "identical" in screen_text(app)


async def test_a_peer_with_less_than_this_replica_is_up_to_date_and_one_with_more_is_behind(
    here: Datastore, neighbour: Datastore, tmp_path: Path
) -> None:
    here.apply(op.to_json() for op in stranger_ops(3, by="others"))
    folder = tmp_path / "stick"
    publish(neighbour, folder)
    here.peers.add("stick", str(folder))
    async with syncing(here) as (app, pilot):
        await press(pilot, "s")
        assert "up to date" in screen_text(app)
        # What another process saw of the peer is shown as well.
        neighbour.apply(op.to_json() for op in stranger_ops(7, by="late"))
        here.peers.finish_pull("stick", neighbour.log.head(), None)
        await notice_changes(pilot)
        assert "behind by 7" in screen_text(app)


@BOTH
async def test_a_peer_that_is_down_says_so_in_a_sentence_and_retry_works_once_it_is_up(
    here: Datastore, neighbour: Datastore, size: tuple[int, int]
) -> None:
    with serving(neighbour) as address:
        here.peers.add("hub", address.url)
    async with syncing(here, size) as (app, pilot):
        await press(pilot, "s")
        await notice_changes(pilot)
        text = screen_text(app)
        assert "down: connection refused" in text
        assert "Is `serve` running there? r tries again" in text
        assert "1 peer failing" in text
        assert "r retry" in text
        assert "connection refused" in status(app)
        with serving(neighbour, port=address.port):
            await press(pilot, "r")
            await notice_changes(pilot)
        assert "identical" in screen_text(app)
        assert "failing" not in screen_text(app)
        assert here.stats().records == 40


async def test_one_failing_peer_hurts_no_other(here: Datastore, tmp_path: Path) -> None:
    async with hostile(always(200, b"<!doctype html><title>router login</title>")) as router:
        here.peers.add("router", router.url)
        here.peers.add("stick", str(static_log(tmp_path / "stick", 5)))
        here.peers.add("attic", str(tmp_path / "nowhere"))
        async with syncing(here, WIDE) as (app, pilot):
            await press(pilot, "S")
            await notice_changes(pilot)
            text = screen_text(app)
            assert "failed: answers with a web page" in text
            assert "down: there is no directory" in text
            assert "identical" in text
            assert "2 peers failing" in text
            assert status(app) == "3 pulls: 5 new operations, 2 failed (attic, router)"
            assert here.stats().records == 5


async def test_the_cursor_stays_on_its_peer_when_peers_come_and_go(here: Datastore, tmp_path: Path) -> None:
    for name in ("delta", "echo"):
        here.peers.add(name, str(tmp_path / name))
    async with syncing(here) as (app, pilot):
        await press(pilot, "j")
        assert peer_under_cursor(app).name == "echo"
        with Datastore.open(here.data_dir) as other_process:
            other_process.peers.add("alpha", str(tmp_path / "alpha"))
        await notice_changes(pilot)
        assert peer_under_cursor(app).name == "echo"
        assert sync_of(app).query_one(PeerTable).cursor == 2
        await press(pilot, "g")
        assert peer_under_cursor(app).name == "alpha"
        await press(pilot, "G")
        assert peer_under_cursor(app).name == "echo"


async def test_a_removed_peer_is_gone_and_what_came_from_it_stays(here: Datastore, tmp_path: Path) -> None:
    here.peers.add("stick", str(static_log(tmp_path / "stick", 5)))
    async with syncing(here) as (app, pilot):
        await press(pilot, "s")
        await until(pilot, lambda: "5 new" in status(app))
        await press(pilot, "d", "f")
        assert isinstance(app.screen, ConfirmScreen)
        assert "came from it stay" in screen_text(app)
        await press(pilot, "escape")
        assert here.peers.all()
        await press(pilot, "d", "f", "enter")
        assert here.peers.all()  # Enter alone changes nothing
        await press(pilot, "d", "f", "right", "enter")
        assert not here.peers.all()
        assert here.stats().records == 5
        assert "no peers yet" in screen_text(app)
        assert "what came from it stays" in status(app)


async def test_y_copies_the_address(here: Datastore) -> None:
    here.peers.add("hub", "https://hub.example:8420")
    async with syncing(here) as (app, pilot):
        await press(pilot, "y")
        assert app.clipboard == "https://hub.example:8420"


# The dialog


async def test_what_cannot_be_added_is_said_below_its_field_once_that_was_left(here: Datastore) -> None:
    here.peers.add("hub", "http://hub.example:8420")
    async with syncing(here, WIDE) as (app, pilot):
        await press(pilot, "a", *"hub")
        assert "already" not in screen_text(app)
        await press(pilot, "tab")
        assert "another peer has that name already" in screen_text(app)
        await press(pilot, "shift+tab", "end", "2", "exclamation_mark")
        assert "a-z, 0-9" in screen_text(app)
        await press(pilot, "backspace")
        assert "a-z, 0-9" not in screen_text(app)
        await press(pilot, "tab", *"10", "full_stop", *"0", "full_stop", *"0", "full_stop", *"7", "colon", *"8420")
        await press(pilot, "enter")
        assert isinstance(app.screen, AddPeerScreen)
        assert "write http://10.0.0.7:8420 for a node" in screen_text(app)
        app.screen.query_one("#peer-address", Input).value = "http://hub.example:8420/"
        await press(pilot, "enter")
        assert "the peer hub has that address already" in screen_text(app)
        await press(pilot, "escape")
        assert [peer.name for peer in here.peers.all()] == ["hub"]


@pytest.mark.parametrize("address", ["ftp://hub.example", "http://", "http://me:secret@hub.example", "http://hub/?q=1"])
async def test_what_the_datastore_refuses_is_said_in_its_words(here: Datastore, address: str) -> None:
    async with syncing(here, WIDE) as (app, pilot):
        await press(pilot, "a", *"hub", "tab")
        app.screen.query_one("#peer-address", Input).value = address
        await press(pilot, "enter")
        assert isinstance(app.screen, AddPeerScreen)
        assert "http://HOST[:PORT]" in screen_text(app)
        assert not here.peers.all()


# The registry of actions


@pytest.mark.parametrize("item", actions_for("sync"), ids=lambda item: item.id)
def test_every_action_of_the_screen_can_be_run_there(item: Action) -> None:
    assert callable(getattr(SyncScreen, f"action_{item.name}", None))


@pytest.mark.parametrize("footer", [SyncScreen.FOOTER, SyncScreen.FAILING, SyncScreen.RUNNING, SyncScreen.NOTHING])
def test_every_footer_has_at_most_seven_keys_that_fit_into_eighty_columns(footer: tuple[str, ...]) -> None:
    assert len(footer) <= MOST_FOOTER_KEYS
    items = [action(name) for name in footer]
    assert sum(len(item.footer_key) + 1 + len(item.label) for item in items) + 3 * (len(items) - 1) <= 78


# Hostile text


async def test_a_redirect_with_markup_in_it_runs_nothing(here: Datastore) -> None:
    evil = "http://evil.example/[@click=app.quit]x[/]"
    async with hostile(always(302, location=evil)) as peer:
        here.peers.add("evil", peer.url)
        async with syncing(here, WIDE) as (app, pilot):
            await press(pilot, "s")
            assert "redirects to" in screen_text(app)
            assert "[@click=app.quit]" in screen_text(app)
            await pilot.click("#peer-detail", offset=(40, 2))
            await press(pilot, "k")
            Looker().look(app)


async def test_what_is_pasted_into_the_dialog_is_made_safe(here: Datastore) -> None:
    async with syncing(here, WIDE) as (app, pilot):
        await press(pilot, "a", *"hub", "tab")
        app.screen.query_one("#peer-address", Input).value = "http://\x1b[31mhub\u202e[/x]"
        await press(pilot, "enter")
        Looker().look(app)


@BOTH
async def test_another_key_is_shown_and_accepted_on_purpose(
    here: Datastore, tmp_path: Path, size: tuple[int, int]
) -> None:
    static_log(tmp_path / "log", 3)
    here.peers.add("hub", str(tmp_path / "log"), key="ab" * 20)
    async with syncing(here, size) as (app, pilot):
        await press(pilot, "s")
        await until(pilot, lambda: "another key" in status(app))
        assert "another key: t tells more; hub: 3 new operations" in status(app)
        assert "another key" in screen_text(app)
        assert "is signed by another key than" in " ".join(screen_text(app).split())
        await press(pilot, "t", "y")  # no letter answers it
        assert isinstance(app.screen, ConfirmScreen)
        await press(pilot, "escape")
        assert here.peers.get("hub").pinned == "ab" * 20
        await press(pilot, "t", "tab", "enter")
        peer = here.peers.get("hub")
        assert peer.pinned == peer.signed_by == peer.node
        await until(pilot, lambda: "accepted the key of hub" in status(app))
        assert "another key" not in screen_text(app)
        await press(pilot, "t")
        assert "which signed its last head" in status(app)
