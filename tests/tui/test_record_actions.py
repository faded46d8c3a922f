"""Edit, delete, copy, duplicate, name the owner: what each asks, says and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.seeds import make_record, owner, seed
from tests.tui.driving import (
    NARROW,
    WIDE,
    browse_of,
    list_of,
    name_under_cursor,
    press,
    replica,
    running,
    screen_text,
    settle,
    status,
)
from tui_registry.tui.browse.detail_screen import DetailScreen
from tui_registry.tui.kit.dialogs import AskScreen, ChooseScreen, ConfirmScreen
from tui_registry.tui.register.register_screen import RegisterScreen

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])


@BOTH
async def test_delete_names_the_record_asks_and_deletes(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path) as datastore:
        key = datastore.add("model", make_record("model", "to-go")).key
        async with running(datastore, size) as (app, pilot):
            await press(pilot, "d")
            assert isinstance(app.screen, ConfirmScreen)
            assert "Delete the model “to-go” 0.1.0?" in screen_text(app)
            await press(pilot, "y")
            assert datastore.entry(key) is None
            assert status(app) == "deleted model “to-go”: U brings it back"
            assert "Nothing is registered here yet" in screen_text(app)


@BOTH
async def test_an_empty_replica_says_where_the_key_is_and_to_keep_a_copy(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore, size) as (app, _):
            text = screen_text(app)
            assert str(tmp_path / "identity.key") in "".join(line.strip() for line in text.split("\n"))
            assert "K  save a copy under a passphrase" in text
            assert "nobody can change your records" in text


async def test_enter_alone_deletes_nothing(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = datastore.add("model", make_record("model", "stays")).key
        async with running(datastore) as (app, pilot):
            for answer in ("enter", "n", "escape"):
                await press(pilot, "d", answer)
                assert app.screen is browse_of(app)
            assert datastore.entry(key) is not None


async def test_a_record_that_changed_while_the_question_stood_is_not_deleted(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = datastore.add("model", make_record("model", "moving")).key
        async with running(datastore) as (app, pilot):
            await press(pilot, "d")
            datastore.update("model", key, make_record("model", "moved"), datastore.heads(key))
            await press(pilot, "y")
            assert datastore.entry(key) is not None
            assert status(app)
            assert app.outcome.tone == "problem"


@pytest.mark.parametrize("key", ["d", "e"])
async def test_on_a_strangers_record_e_and_d_say_whose_it_is_and_offer_a_duplicate(tmp_path: Path, key: str) -> None:
    with replica(tmp_path) as datastore:
        seed(datastore, 1)
        stranger = datastore.search().rows[0].owner
        datastore.names.set(stranger, "my-lab")
        async with running(datastore) as (app, pilot):
            await press(pilot, key)
            text = screen_text(app)
            assert "my-lab" in text
            assert stranger[:4] in text
            await press(pilot, "y")
            assert isinstance(app.screen, RegisterScreen)


async def test_e_opens_the_form_on_ones_own_record(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.add("agent", make_record("agent", "my-agent"))
        async with running(datastore) as (app, pilot):
            await press(pilot, "e")
            assert isinstance(app.screen, RegisterScreen)
            await press(pilot, "escape")
            assert app.screen is browse_of(app)


async def test_n_asks_for_the_kind_and_opens_the_form(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "n")
            assert isinstance(app.screen, ChooseScreen)
            await press(pilot, "a")
            assert isinstance(app.screen, RegisterScreen)


@pytest.mark.parametrize("key", ["i", "j", "o"])
async def test_y_copies_and_says_what(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "known to pass copies on")
    with replica(tmp_path) as datastore:
        record_id = datastore.add("model", make_record("model", "copied")).key
        async with running(datastore) as (app, pilot):
            await press(pilot, "y", key)
            assert "“copied” to the clipboard" in status(app)
            if key == "i":
                assert app.clipboard == record_id
            elif key == "o":
                assert app.clipboard == datastore.address
            else:
                assert json.loads(app.clipboard)["name"] == "copied"


async def test_a_key_gets_a_local_name_and_the_detail_shows_it(tmp_path: Path) -> None:
    with replica(tmp_path, 1) as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            assert "signed by a key you have not named" in " ".join(screen_text(app).split())
            await press(pilot, "o")
            assert isinstance(app.screen, AskScreen)
            await press(pilot, *"lab", "enter")
            assert list(datastore.names.all().values()) == ["lab"]
            assert "signed by a key which you call lab" in screen_text(app)
            assert "not named" not in screen_text(app)


async def test_two_keys_of_one_name_are_marked(tmp_path: Path) -> None:
    with replica(tmp_path, 1) as datastore:
        datastore.names.set(datastore.search().rows[0].owner, "twin")
        datastore.names.set(owner("other").address, "twin")
        async with running(datastore, WIDE) as (app, _):
            assert "signed by a key which you call twin, as 1" in screen_text(app)


async def test_the_detail_screen_deletes_too_and_goes_back_to_the_list(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        datastore.add("model", make_record("model", "mine"))
        async with running(datastore) as (app, pilot):
            assert name_under_cursor(app) == "mine"
            await press(pilot, "enter")
            assert isinstance(app.screen, DetailScreen)
            await press(pilot, "d", "y")
            assert app.screen is browse_of(app)
            assert status(app) == "deleted model “mine”: U brings it back"
            assert list_of(app).total == 3


async def test_the_detail_screen_closes_when_its_record_is_deleted_elsewhere(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        key = datastore.add("model", make_record("model", "mine")).key
        async with running(datastore) as (app, pilot):
            await press(pilot, "enter")
            datastore.delete("model", key, datastore.heads(key))
            app.look()
            await settle(pilot)
            assert app.screen is browse_of(app)
            assert "deleted meanwhile" in status(app)


async def test_a_conflict_is_marked_in_list_and_detail(tmp_path: Path) -> None:
    from tests.seeds import signed
    from tui_registry.crdt import sign_up

    with replica(tmp_path) as datastore:
        root = signed(owner("stranger"), "model", "forked")
        assert root.record is not None
        lines = [root.to_json()]
        for version in ("1.0.0", "2.0.0"):
            record = {**root.record, "version": version}
            lines.append(sign_up(owner("stranger"), "model", record, children=[root.hash], clock=2).to_json())
        datastore.apply(lines)
        async with running(datastore, WIDE) as (app, pilot):
            text = screen_text(app)
            assert ">! forked" in text
            assert "2 versions are live" in " ".join(text.split())
            await press(pilot, "left", "left")
            assert screen_text(app).count("edited") == 2
            assert "→ 2.0.0" in screen_text(app)
