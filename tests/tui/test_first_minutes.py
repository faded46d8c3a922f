"""The first minutes: keys of an empty replica that act, a look before anything is pulled, sample data and back, the tour."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.benchmarks.terminal import Terminal
from tests.listening import listening
from tests.seeds import NOW, stranger_ops
from tests.tui.driving import browse_of, press, replica, running, screen_text, settle, status
from tests.tui.syncing import static_log, sync_of, until
from tests.tui.test_gate import key_event
from tui_registry.cli.demo import NEIGHBOUR, looked_around
from tui_registry.datastore import Datastore
from tui_registry.node import Whereabouts, running as serving
from tui_registry.present.found import Recommended
from tui_registry.settings import is_sample
from tui_registry.sync import write_bundles
from tui_registry.tui.imports.import_flow import SourceScreen
from tui_registry.tui.looking_around import LookingAround
from tui_registry.tui.sync.add_peer import FoundScreen
from tui_registry.tui.tour import STEPS, Tour, TourLine

NARROW = (80, 24)


@pytest.fixture(scope="module")
def sample() -> Iterator[Datastore]:
    with looked_around() as datastore:
        yield datastore


def first(screen: object) -> Input:
    assert isinstance(screen, SourceScreen | FoundScreen)
    return screen.query_one(Input)


@pytest.mark.parametrize("size", [NARROW, (60, 20), (160, 50)], ids=str)
async def test_all_of_the_empty_replica_s_ways_are_in_sight(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore, size) as (app, _):
            text = screen_text(app)
            for words in ("n  register", "i  import", "a  take", "l  look around", "?  all keys", "K  save a copy"):
                assert words in text
            assert "elsewhere" in text  # the last word


async def test_a_folder_is_told_before_it_is_pulled_and_then_pulled(tmp_path: Path) -> None:
    log = static_log(tmp_path / "stick", 3)
    with replica(tmp_path / "own") as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "a")
            first(app.screen).value = str(log)
            await press(pilot, "enter")
            assert isinstance(app.screen, FoundScreen)
            text = screen_text(app)
            assert "A log in a folder" in text
            assert "3 operations" in text
            assert "Signed by" in text
            assert datastore.peers.all() == []
            assert first(app.screen).value == "stick"
            await press(pilot, "enter")
            await settle(pilot)
            assert sync_of(app).is_current
            assert [peer.name for peer in datastore.peers.all()] == ["stick"]
            await until(pilot, lambda: datastore.stats().records == 3)


async def test_a_pull_that_was_asked_for_begins_though_the_peers_are_read_anew(tmp_path: Path) -> None:
    log = static_log(tmp_path / "stick", 3)
    with replica(tmp_path / "own") as datastore:
        datastore.peers.add("stick", str(log))
        async with running(datastore) as (app, pilot):
            await press(pilot, "3")
            sync_of(app)._pull_new("stick")
            sync_of(app)._read_peers()
            await settle(pilot)
            assert datastore.stats().records == 3


async def test_a_bundle_is_taken_without_a_peer_and_the_list_shows_it(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "there", clock=lambda: NOW) as there:
        there.apply(op.to_json() for op in stranger_ops(3))
        (file,) = write_bundles(there, tmp_path / "stick").files
    with replica(tmp_path / "own") as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "a")
            first(app.screen).value = str(file)
            await press(pilot, "enter")
            assert "A bundle of a log" in screen_text(app)
            await press(pilot, "enter")
            assert "3 new" in app.outcome.text
            assert (datastore.stats().records, datastore.peers.all()) == (3, [])
            await settle(pilot)
            assert browse_of(app).records.total == 3
            # Later as well, when nothing is empty any more
            await press(pilot, "3")
            assert "A  look at one first, or take a bundle's file" in screen_text(app)
            await press(pilot, "A")
            first(app.screen).value = str(file)
            await press(pilot, "enter", "enter")
            assert "0 new" in app.outcome.text


async def test_where_nothing_is_the_dialog_says_what_to_do_and_keeps_what_was_typed(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "a")
            first(app.screen).value = "127.0.0.1:8420"
            await press(pilot, "enter")
            assert "write http://127.0.0.1:8420" in screen_text(app)
            assert first(app.screen).value == "127.0.0.1:8420"
            await press(pilot, "escape")
            assert browse_of(app).is_current


async def test_a_recommended_peer_is_shown_as_a_claim_and_added_by_hand_alone(tmp_path: Path) -> None:
    recommended = (Recommended("https://hub.example", "hub"), Recommended("http://10.0.0.7"))
    with (
        Datastore.open(tmp_path / "there", clock=lambda: NOW) as there,
        serving(there, whereabouts=Whereabouts(recommended=recommended)) as node,
        replica(tmp_path / "own") as datastore,
    ):
        datastore.peers.add("lab", node.url)
        async with running(datastore) as (app, pilot):
            await press(pilot, "3", "R")
            text = screen_text(app)
            assert "A claim of whoever runs lab" in text
            assert "http://10.0.0.7  (on a private network)" in text
            await press(pilot, "1")
            assert [peer.name for peer in datastore.peers.all()] == ["lab"]
            await press(pilot, "tab", "enter")
            assert [(peer.name, peer.address) for peer in datastore.peers.all()] == [
                ("hub", "https://hub.example"),
                ("lab", node.url),
            ]


async def test_a_peer_that_does_not_say_whom_it_recommends_is_let_go_of_by_esc(tmp_path: Path) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        left.set()
        writer.close()

    async with listening(say_nothing) as url:
        with replica(tmp_path) as datastore:
            datastore.peers.add("lab", url)
            async with running(datastore) as (app, pilot):
                await press(pilot, "3")
                app.gate.patience = 0.01
                app.post_message(key_event("R"))
                app.post_message(key_event("y"))  # which waits
                await asked.wait()
                await app.gate.until(lambda: "esc gives it up" in status(app))
                app.post_message(key_event("escape"))
                await asyncio.wait_for(left.wait(), 10)  # the program's own patience is longer


async def test_looking_around_ends_the_app_for_one_on_sample_data_and_touches_nothing(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            around = app.held(LookingAround)
            await press(pilot, "l")
            assert "tui-registry demo" in app.outcome.text  # this app was given none
            around.samples = looked_around
            await pilot.press("l")

            await app.workers.wait_for_complete()
        opened = around.opened
        assert opened is not None
        with opened[0]:
            assert is_sample(opened[1].data_dir)
            assert opened[1].stats().records > 50
            folder = opened[1].data_dir
        assert not folder.exists()
        assert datastore.stats().ops == 0
        assert not is_sample(datastore.data_dir)


async def test_sample_data_that_cannot_be_made_is_told_and_the_app_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            app.held(LookingAround).samples = looked_around
            monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
            await press(pilot, "l")
            assert "no sample data can be made" in app.outcome.text
            assert app.held(LookingAround).opened is None
            assert browse_of(app).is_current


async def test_sample_data_say_so_and_a_key_leads_back(sample: Datastore) -> None:
    async with running(sample) as (app, pilot):
        assert "SAMPLE DATA" in screen_text(app).split("\n")[0]
        assert "F8 begins a tour" in app.outcome.text
        await press(pilot, "f9")
        assert "ctrl+q" in app.outcome.text  # nothing waits behind this one
        app.held(LookingAround).show_guest(with_tour=False)
        await pilot.press("f9")
    assert app.held(LookingAround).goes_back


async def test_the_tour_can_be_walked_by_skipping_and_left_anywhere(sample: Datastore) -> None:
    async with running(sample) as (app, pilot):
        await press(pilot, "f8")
        for step in STEPS:
            assert f"of 5: {step.name}" in screen_text(app)
            await press(pilot, "f8")
            await press(pilot, "n")
        assert app.held(Tour).at is None
        assert not app.query(TourLine)
        await press(pilot, "f8", "3")
        # The two lines come to a screen that is being put together, and take their room with its next frame.
        await until(pilot, lambda: "1 goes to Browse" in screen_text(app))
        await press(pilot, "f8", "l")
        assert not app.screen.query(TourLine)
        assert "tour" in app.outcome.text


async def test_the_first_write_says_how_to_keep_a_copy_of_the_key(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            for expected in (True, False):
                await press(pilot, "n", "m", *("one" if expected else "two"), "ctrl+s")
                assert ("K saves a copy of the key" in app.outcome.text) is expected, app.outcome
            await press(pilot, "K")
            assert "Save a copy of" in screen_text(app)


# In a process and a terminal of its own, as a person meets it


def test_the_tour_is_walked_to_its_end_in_a_terminal_and_back_to_ones_own_replica(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "XDG_CONFIG_HOME": str(tmp_path),
        "TUI_REGISTRY_STATE_DIR": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(tmp_path / "own")]
    with Terminal(command, environment, *NARROW) as terminal:

        def after(keys: bytes, seen: bytes) -> None:
            terminal.forget()
            terminal.press(keys)
            terminal.wait_for(seen)

        terminal.wait_for(b"Nothing is registered here yet")
        after(b"l", b"SAMPLE DATA")
        terminal.wait_for(b"begins a tour")
        after(b"\x1b[19~", b"1 of 5: Search")
        after(b"/llama", b"llama")
        after(b"\r", b"2 of 5: Filters")
        after(b"f", b"FRAMEWORK")
        after(b" ", b"3 of 5: Form")
        after(b"\x1b", b"copy")  # the footer of the list: until then a letter would be one of Alt
        after(b"n", b"weights that answer")
        after(b"m", b"Quantisation")
        after(b"mine", b"mine")
        after(b"\x13", b"4 of 5: Pull")
        after(b"3", NEIGHBOUR.encode())
        after(b"s", b"5 of 5: Conflict")
        after(b"!", b"my-ticket-classifier")
        after(b"A\x13", b"that was the tour")
        after(b"\x1b[20~", b"Nothing is registered here yet")
        terminal.press(b"\x11")
        assert terminal.wait() == 0
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("tui-registry-")]
    with Datastore.open(tmp_path / "own") as datastore:
        assert datastore.stats().ops == 0
