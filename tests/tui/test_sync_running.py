"""Pulls while they run: progress, leaving the screen, stopping; and a screen that stays calm."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.sync.hostile import Ask, Peer, Reply, always, hostile
from tests.tui.driving import NARROW, WIDE, list_of, notice_changes, press, replica, screen_text, settle, status
from tests.tui.syncing import (
    OPS,
    STORED,
    Gate,
    peer_under_cursor,
    static_log,
    stuck_at_the_last_tile,
    sync_of,
    syncing,
    until,
)
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, Progress, PullResult
from tui_registry.tui.app import RegistryApp
from tui_registry.tui.sync import sync_screen
from tui_registry.tui.sync.peer_table import PeerTable
from tui_registry.tui.sync.running_pulls import Pulls

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Datastore]:
    with replica(tmp_path / "here") as datastore:
        yield datastore


async def pull_until_stuck(app: RegistryApp, pilot: Pilot[None], lab: Peer, gate: Gate) -> int:
    """Add the peer, pull, and wait until something is stored and the rest does not come; returns the cursor."""
    datastore = app.datastore
    datastore.peers.add("lab", lab.url)
    await notice_changes(pilot)
    await pilot.press("s")

    def told() -> bool:
        progress = peer_under_cursor(app).pulling
        done = 0 if progress is None else progress.done
        return gate.waiting > 0 and done == datastore.peers.get("lab").next_index == STORED

    await until(pilot, told)
    return datastore.peers.get("lab").next_index


@BOTH
async def test_a_pull_shows_how_far_it_is_and_goes_on_while_another_screen_is_shown(
    here: Datastore, size: tuple[int, int]
) -> None:
    async with stuck_at_the_last_tile() as (lab, gate), syncing(here, size) as (app, pilot):
        done = await pull_until_stuck(app, pilot, lab, gate)
        share = f"{100 * done // OPS}%"
        await until(pilot, lambda: share in screen_text(app))
        text = screen_text(app)
        for words in ("pulling [", f"{done:,} of {OPS:,} read", "op/s", " left", "c cancel", "1 pull running"):
            assert words in text
        await pilot.press("escape")
        app.look()
        await until(pilot, lambda: list_of(app).total == done)
        await pilot.press("3")
        await until(pilot, lambda: share in screen_text(app))
        await pilot.press("1")
        gate.open()
        await settle(pilot)
        assert status(app) == f"lab: {OPS:,} new operations"  # said where one is
        await notice_changes(pilot)
        assert list_of(app).total == OPS
        await press(pilot, "3")
        assert "identical" in screen_text(app)


async def test_a_stopped_pull_keeps_what_it_stored_and_the_next_goes_on_from_there(here: Datastore) -> None:
    async with stuck_at_the_last_tile() as (lab, gate), syncing(here) as (app, pilot):
        await pull_until_stuck(app, pilot, lab, gate)
        await press(pilot, "c")
        done = here.peers.get("lab").next_index
        assert 0 < done == here.stats().records
        assert status(app) == f"lab: stopped at {done:,} of {OPS:,}, which are kept; s goes on from there"
        text = screen_text(app)
        assert f"behind by {OPS - done:,}" in text
        assert "down" not in text
        gate.open()
        await press(pilot, "s")
        assert status(app) == f"lab: {OPS - done:,} new operations"
        assert "identical" in screen_text(app)


async def test_a_running_pull_is_not_begun_twice_and_its_peer_not_removed(here: Datastore) -> None:
    async with stuck_at_the_last_tile() as (lab, gate), syncing(here) as (app, pilot):
        await pull_until_stuck(app, pilot, lab, gate)
        await pilot.press("s")
        await until(pilot, lambda: "c stops it" in status(app))
        await pilot.press("d")
        await until(pilot, lambda: "then d removes it" in status(app))
        assert app.screen is sync_of(app)
        gate.open()
        await settle(pilot)
        assert here.stats().records == OPS
        assert lab.paths.count("/sync/head") == 1


async def test_the_rows_of_other_peers_can_be_used_while_one_is_being_pulled(here: Datastore, tmp_path: Path) -> None:
    here.peers.add("stick", str(static_log(tmp_path / "stick", 9)))
    async with stuck_at_the_last_tile() as (lab, gate), syncing(here) as (app, pilot):
        here.peers.add("lab", lab.url)
        await notice_changes(pilot)
        await pilot.press("k", "s")
        await until(pilot, lambda: gate.waiting > 0)
        await pilot.press("j", "s")
        await until(pilot, lambda: here.peers.get("stick").last_sync is not None)
        await until(pilot, lambda: "up to date" in screen_text(app))
        assert "1 pull running" in screen_text(app)
        await pilot.press("c")
        await until(pilot, lambda: "stick is not being pulled from" in status(app))
        gate.open()
        await settle(pilot)
        assert status(app) == f"2 pulls: {OPS + 9:,} new operations"


async def test_peers_beyond_the_first_eight_wait_for_their_turn_and_can_be_stopped_there(here: Datastore) -> None:
    many = Bounds().peers_at_once + 1
    gate = Gate(always(503))
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(hostile(gate))
        for number in range(many):
            here.peers.add(f"p{number}", f"{slow.url}/{number}")
        app, pilot = await stack.enter_async_context(syncing(here))
        await pilot.press("S")
        await until(pilot, lambda: gate.waiting == many - 1)
        await pilot.press("G")
        await until(pilot, lambda: "waits for its turn" in screen_text(app))
        assert peer_under_cursor(app).name == f"p{many - 1}"
        await pilot.press("c")
        await until(pilot, lambda: "stopped before its turn came" in status(app))
        assert here.peers.get(f"p{many - 1}").last_try is None
        await press(pilot, "C")
        assert gate.waiting == many - 1
        assert status(app) == f"{many - 1} pulls: nothing new, {many - 1} stopped"
        assert "down" not in screen_text(app)


async def test_peers_that_are_slow_without_end_keep_no_peer_waiting_that_is_asked_later(
    here: Datastore, tmp_path: Path
) -> None:
    bounds = Bounds(peers_at_once=2, turn_seconds=0.0)
    arrived = asyncio.Semaphore(0)

    async def never(ask: Ask, reply: Reply) -> None:
        arrived.release()
        await asyncio.Event().wait()

    here.peers.add("stick", str(static_log(tmp_path / "stick", 9)))
    pulls = Pulls(lambda: None, lambda: bounds)
    async with hostile(never) as slow, asyncio.TaskGroup() as group, asyncio.timeout(120):
        for name in ("one", "two"):
            here.peers.add(name, f"{slow.url}/{name}")
            pulls.enlist(name)
            group.create_task(pulls.run(here, name))
        for _ in range(bounds.peers_at_once):
            await arrived.acquire()
        assert not pulls.results
        pulls.enlist("stick")
        await pulls.run(here, "stick")
        assert [(peer, result.error and result.error.code) for peer, result in pulls.results.items()] == [
            ("one", "turn_over"),
            ("stick", None),
        ]
        pulls.stop("two")


async def test_quitting_stops_a_pull_at_a_transaction_boundary(here: Datastore) -> None:
    async with stuck_at_the_last_tile() as (lab, gate):
        async with syncing(here) as (app, pilot):
            await pull_until_stuck(app, pilot, lab, gate)
            await pilot.press("ctrl+q")
        assert here.verify().sound
        assert 0 < here.peers.get("lab").next_index == here.log.head().size


async def test_however_fast_progress_is_told_it_is_drawn_calmly(
    here: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []
    show = PeerTable.show

    def counted(table: PeerTable, views: list[object], select: str | None = None) -> None:
        shown.append(len(views))
        show(table, views, select)  # type: ignore[arg-type]

    async with stuck_at_the_last_tile() as (lab, gate), syncing(here) as (app, pilot):
        await pull_until_stuck(app, pilot, lab, gate)
        # What the batch brought about is read and drawn: from now on there is only progress.
        await until(pilot, lambda: app.facts is not None and app.facts.changes == here.changes())
        await until(pilot, lambda: not [worker for worker in app.workers if worker.group in ("facts", "peers")])
        monkeypatch.setattr(sync_screen, "SECONDS_BETWEEN_DRAWINGS", 3600.0)
        monkeypatch.setattr(PeerTable, "show", counted)
        for done in range(256):
            sync_of(app).pulls.report("lab", progress(STORED + done))
        await pilot.pause()
        assert len(shown) <= 1  # a drawing may have been due
        gate.open()
        await settle(pilot)
        assert "identical" in screen_text(app)  # the end is drawn at once


def progress(done: int) -> Progress:
    so_far = PullResult(
        peer="lab", head=None, read=done, applied=done, rejections=(), bytes=done * 100, seconds=1.0, restarted=False,
        error=None,
    )  # fmt: skip
    return Progress(done, OPS, so_far)
