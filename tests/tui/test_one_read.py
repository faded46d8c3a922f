"""Keys that arrive in one read, as over a slow line or from a key that repeats: a screen closes itself and no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from tests.seeds import make_record
from tests.tui.driving import browse_of, press, replica, running, settle, status
from tui_registry.datastore import Draft
from tui_registry.tui.forms.draft_list import DraftList
from tui_registry.tui.screens.ask import AskScreen
from tui_registry.tui.screens.choose import ChooseScreen
from tui_registry.tui.screens.confirm import ConfirmScreen
from tui_registry.tui.screens.help import HelpScreen
from tui_registry.tui.screens.import_list import FindingsScreen
from tui_registry.tui.screens.leaving import LeavingScreen
from tui_registry.tui.screens.register import RegisterScreen
from tui_registry.tui.screens.searches import SearchesScreen
from tui_registry.tui.screens.theme import ThemeScreen


async def in_one_read(pilot: Pilot[None], *keys: str) -> None:
    """Send keys as one packet brings them; a pilot waits after each one."""
    for key in keys:
        pilot.app.post_message(Key(key, key if len(key) == 1 else None))
    await settle(pilot)


async def is_ready(pilot: Pilot[None]) -> RegisterScreen:
    """The form on top, once its fields are there: an app that ends before would end in the middle of making them."""
    form = pilot.app.screen
    assert isinstance(form, RegisterScreen)
    while not form.ready:
        await settle(pilot)
    return form


@pytest.mark.parametrize("keys", ["am", "aa", "mm", ["enter", "enter"]], ids=str)
async def test_two_keys_at_a_choice_choose_once(tmp_path: Path, keys: str | list[str]) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "n")
            assert isinstance(app.screen, ChooseScreen)
            await in_one_read(pilot, *keys)
            form = await is_ready(pilot)
            assert form.state.kind == ("agent" if keys[0] == "a" else "model")
            assert len(app.screen_stack) == 2


@pytest.mark.parametrize("key", ["enter", "escape", "y", "n"])
async def test_two_keys_at_a_question_answer_once(tmp_path: Path, key: str) -> None:
    with replica(tmp_path) as datastore:
        datastore.add_peer("lab", str(tmp_path / "log"))
        async with running(datastore) as (app, pilot):
            await press(pilot, "3", "d")
            assert isinstance(app.screen, ConfirmScreen)
            below = app.screen_stack[-2]
            await in_one_read(pilot, key, key)
            assert app.screen is below or key == "escape"
            assert bool(datastore.peers()) == (key != "y")


async def test_enter_twice_at_a_line_answers_once(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore, query="kind:agent") as (app, pilot):
            await press(pilot, "ctrl+s", *"Llamas")
            assert isinstance(app.screen, AskScreen)
            await in_one_read(pilot, "enter", "enter")
            assert app.screen is browse_of(app)
            assert datastore.saved_searches() == {"Llamas": "kind:agent"}


async def test_enter_twice_in_the_list_of_searches_takes_one(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        datastore.save_search("agents", "kind:agent")
        async with running(datastore) as (app, pilot):
            await press(pilot, "@")
            assert isinstance(app.screen, SearchesScreen)
            await in_one_read(pilot, "enter", "enter")
            assert app.screen is browse_of(app)
            assert browse_of(app).bar.question.query == "@agents"


async def test_enter_twice_at_the_colours_keeps_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            app.action_change_theme()
            await settle(pilot)
            assert isinstance(app.screen, ThemeScreen)
            await in_one_read(pilot, "enter", "enter")
            assert app.screen is browse_of(app)


async def test_enter_twice_in_the_list_of_drafts_opens_the_draft(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.save_draft(Draft("new:1", "model", None, (), {"name": "half an idea"}))
        async with running(datastore) as (app, pilot):
            await press(pilot, "2")
            assert isinstance(app.screen, DraftList)
            form = app.screen_stack[-2]
            await in_one_read(pilot, "enter", "enter")
            assert app.screen is form
            assert isinstance(form, RegisterScreen)
            assert form.state.texts["name"] == "half an idea"


async def test_a_screen_that_ends_its_work_under_another_waits_until_that_is_closed(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            answers: list[str | None] = []
            lower: LeavingScreen[str] = LeavingScreen()
            app.push_screen(lower, answers.append)
            await press(pilot, "f1")
            assert isinstance(app.screen, HelpScreen)
            lower.dismiss("done")
            await settle(pilot)
            assert isinstance(app.screen, HelpScreen)
            assert answers == []
            await press(pilot, "escape")
            assert app.screen is browse_of(app)
            assert answers == ["done"]


async def test_leaving_the_form_of_its_mode_goes_to_browse_and_offers_no_draft_there(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            for _ in range(2):
                await press(pilot, "2")
                if isinstance(app.screen, DraftList):
                    await press(pilot, "escape")
                await is_ready(pilot)
                await press(pilot, *"hello", "escape")
                assert app.screen is browse_of(app)
                assert status(app) == "draft kept: Register offers it again"
                assert [type(screen).__name__ for screen in app.get_screen_stack("register")] == ["RegisterMode"]


@pytest.mark.parametrize(("mode", "key"), [("1", "enter"), ("4", "enter"), ("5", "enter"), ("1", "n")])
async def test_a_key_that_repeats_opens_one_screen(
    tmp_path: Path, mode: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with replica(tmp_path / "data") as datastore:
        datastore.add("model", make_record("model", "mine"))
        async with running(datastore) as (app, pilot):
            await press(pilot, mode)
            await in_one_read(pilot, key, key)
            assert len(app.screen_stack) == 2


async def test_enter_twice_on_what_was_found_opens_one_form(tmp_path: Path) -> None:
    for name in ("one", "two"):
        path = tmp_path / "in" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"kind": "model", "record": make_record("model", name)}))
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "i")
            app.screen.query_one(Input).value = str(path.parent)
            await press(pilot, "enter")
            assert isinstance(app.screen, FindingsScreen)
            await in_one_read(pilot, "enter", "enter")
            form = await is_ready(pilot)
            assert app.screen_stack[2:] == [form]
