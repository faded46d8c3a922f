"""Pushing in the app: told first, offered then, with a token where the node asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.seeds import NOW, seed, stranger_ops
from tests.tui.driving import NARROW, WIDE, press, replica, screen_text, settle, status
from tests.tui.syncing import peer_under_cursor, static_log, sync_of, syncing, until
from tui_registry.datastore import Datastore
from tui_registry.node import running as serving
from tui_registry.tui.kit.dialogs import ConfirmScreen
from tui_registry.tui.sync.pushes import TokenScreen, wrong_token


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Datastore]:
    with replica(tmp_path / "here") as datastore:
        seed(datastore, 5)
        yield datastore


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "there", clock=lambda: NOW) as datastore:
        datastore.apply(op.to_json() for op in stranger_ops(2, by="neighbour"))
        yield datastore


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
async def test_a_push_says_how_much_it_sends_before_it_sends_it(
    here: Datastore, there: Datastore, size: tuple[int, int]
) -> None:
    with serving(there, accept_ops=True) as address:
        here.peers.add("hub", address.url)
        async with syncing(here, size) as (app, pilot):
            await press(pilot, "p")
            await settle(pilot)
            assert isinstance(app.screen, ConfirmScreen)
            assert "Push 5 operations to hub?" in screen_text(app)
            assert address.url in screen_text(app)
            await press(pilot, "n")
            assert there.stats().ops == 2
            await press(pilot, "p", "y")
            assert status(app) == "hub: offered 5 operations, 5 new to it, 0 rejected"
            assert there.stats().ops == 7
            await press(pilot, "p")
            assert status(app) == "hub: has everything that is here"
            assert app.screen is sync_of(app)
            await until(pilot, lambda: peer_under_cursor(app).pushing is None)


async def test_a_node_that_asks_for_a_token_is_shown_the_one_that_was_pasted_and_no_other_peer_is(
    here: Datastore, there: Datastore
) -> None:
    token = there.tokens.add("me", ["push"])
    with serving(there, accept_ops="token") as address:
        here.peers.add("hub", address.url)
        async with syncing(here) as (app, pilot):
            await press(pilot, "p", "y")
            assert isinstance(app.screen, TokenScreen)
            await press(pilot, "enter")
            assert "paste what" in screen_text(app)
            await press(pilot, *"wrong", "enter")
            assert isinstance(app.screen, TokenScreen)
            await settle(pilot)
            assert "the one before does not open it" in screen_text(app)
            await press(pilot, *token, "enter")
            assert token not in screen_text(app)
            assert status(app) == "hub: offered 5 operations, 5 new to it, 0 rejected"
            seed(here, 7)
            await press(pilot, "p", "y")
            assert "offered" in status(app)


async def test_a_peer_that_has_another_address_by_now_gets_neither_the_token_nor_what_was_allowed(
    here: Datastore, there: Datastore, tmp_path: Path
) -> None:
    token = there.tokens.add("me", ["push"])
    elsewhere = Datastore.open(tmp_path / "elsewhere", clock=lambda: NOW)
    with elsewhere, serving(there, accept_ops="token") as asked, serving(elsewhere, accept_ops=True) as other:
        here.peers.add("hub", asked.url)
        async with syncing(here) as (app, pilot):
            await press(pilot, "p", "y")
            assert isinstance(app.screen, TokenScreen)
            here.peers.remove("hub")
            here.peers.add("hub", other.url)
            await press(pilot, *token, "enter")
            assert status(app) == (
                f"hub: leads to {other.url} now, which it did not when this began: nothing was sent there"
            )
            assert (there.stats().ops, elsewhere.stats().ops) == (2, 0)


async def test_who_takes_no_operations_says_so(here: Datastore, there: Datastore, tmp_path: Path) -> None:
    here.peers.add("stick", str(static_log(tmp_path / "stick", 2)))
    async with syncing(here) as (app, pilot):
        await press(pilot, "p")
        assert "a directory takes no operations" in status(app)
    with serving(there) as address:
        here.peers.add("closed", address.url)
        async with syncing(here) as (app, pilot):
            await press(pilot, "g", "p", "y")
            assert "does not take operations from others" in status(app)
            await press(pilot, "c")
            assert "is not being pulled from" in status(app)
    async with syncing(here) as (app, pilot):
        await press(pilot, "g", "p")
        assert "serve" in status(app)


def test_what_is_no_token_is_told() -> None:
    for text in ("", "two words", "Schlüssel", "x" * 5000, "a\tb"):
        assert wrong_token(text)
    assert wrong_token("abc-DEF_1") is None
