"""Keys that arrive in one read, as over a slow line or from a key that repeats.

A screen closes itself and no other, and what a key of it opens lies over it and over no other.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from tests.replica.replicas import database
from tests.seeds import make_record
from tests.tui.driving import browse_of, press, replica, running, screen_text, settle, status
from tui_registry.datastore import Draft
from tui_registry.tui import RegistryApp
from tui_registry.tui.browse.saved_searches import SearchesScreen
from tui_registry.tui.imports.findings import FindingsScreen
from tui_registry.tui.kit.dialogs import AskScreen, ChooseScreen, ConfirmScreen
from tui_registry.tui.kit.flows import FlowScreen
from tui_registry.tui.kit.help import HelpScreen
from tui_registry.tui.register.register_screen import DraftList, RegisterScreen
from tui_registry.tui.settings.settings_screen import ThemeScreen


async def in_one_read(pilot: Pilot[None], *keys: str) -> None:
    """Send keys as one packet brings them; a pilot waits after each one."""
    for key in keys:
        pilot.app.post_message(Key(key, key if len(key) == 1 else None))
    await settle(pilot)


async def with_a_click(pilot: Pilot[None], key: str, mode: str, before: type = Screen) -> None:
    """Press a key, and click on a mode just before such a screen is opened; a key for that would wait for the screen."""
    app = pilot.app
    assert isinstance(app, RegistryApp)
    ask = FlowScreen.ask

    async def after_a_click(below: FlowScreen[None], screen: Screen[bool], *, later: bool = False) -> bool | None:
        if isinstance(screen, before):
            app.action_mode(mode)
        return await ask(below, screen, later=later)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FlowScreen, "ask", after_a_click)
        await in_one_read(pilot, key)


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
        datastore.add("model", make_record("model", "mine"))
        async with running(datastore) as (app, pilot):
            await press(pilot, "d")
            assert isinstance(app.screen, ConfirmScreen)
            await in_one_read(pilot, key, key)
            # The second n asks what is new; the second y what to copy, where the list still shows the record
            asked = isinstance(app.screen, ChooseScreen)
            assert asked or key != "n"
            assert key in ("n", "y") or not asked
            assert len(app.screen_stack) == 1 + asked
            assert bool(datastore.stats().records) == (key != "y")


@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_two_keys_at_a_question_before_something_goes_for_good_answer_once(tmp_path: Path, key: str) -> None:
    with replica(tmp_path) as datastore:
        datastore.peers.add("lab", str(tmp_path / "log"))
        async with running(datastore) as (app, pilot):
            for before in ([], ["right"]):
                await press(pilot, "3", "d", *before)
                assert isinstance(app.screen, ConfirmScreen)
                below = app.screen_stack[-2]
                await in_one_read(pilot, key, key)
                assert app.screen is below or key == "escape"
                assert bool(datastore.peers.all()) == (key == "escape" or not before)


async def test_enter_twice_at_a_line_answers_once(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore, query="kind:agent") as (app, pilot):
            await press(pilot, "ctrl+s", *"Llamas")
            assert isinstance(app.screen, AskScreen)
            await in_one_read(pilot, "enter", "enter")
            assert app.screen is browse_of(app)
            assert datastore.searches.saved() == {"Llamas": "kind:agent"}


async def test_enter_twice_in_the_list_of_searches_takes_one(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        datastore.searches.save("agents", "kind:agent")
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
        datastore.drafts.save(Draft("new:1", "model", None, (), {"name": "half an idea"}))
        async with running(datastore) as (app, pilot):
            await press(pilot, "2")
            assert isinstance(app.screen, DraftList)
            form = app.screen_stack[-2]
            await in_one_read(pilot, "enter", "enter")
            assert app.screen is form
            form = await is_ready(pilot)
            assert form.state.texts["name"] == "half an idea"


async def test_a_screen_that_ends_its_work_under_another_waits_until_that_is_closed(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            answers: list[str | None] = []
            lower: FlowScreen[str] = FlowScreen()
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


def stacks(app: RegistryApp, *modes: str) -> list[list[str]]:
    """The names of the screens in each of these modes, the lowest first."""
    return [[type(screen).__name__ for screen in app.get_screen_stack(mode)] for mode in modes]


async def test_a_form_left_while_another_mode_is_shown_makes_way_for_a_new_one(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "2")
            form = await is_ready(pilot)
            # From a line a digit would go into the form
            await press(pilot, *"hello", "shift+tab")
            with closing(database(datastore)) as other:
                # As a pull does that is storing what came: the draft waits
                other.execute("BEGIN IMMEDIATE")
                app.simulate_key("escape")
                app.simulate_key("3")
                while app.current_mode != "sync":
                    await pilot.pause()
                assert app.get_screen_stack("register")[-1] is form
            await settle(pilot)
            assert [draft.fields["name"] for draft in datastore.drafts.all()] == ["hello"]
            assert app.current_mode == "sync"
            await press(pilot, "2")
            assert app.current_mode == "register"
            assert stacks(app, "browse", "register") == [
                ["BrowseScreen"],
                ["RegisterMode", "RegisterScreen", "DraftList"],
            ]
            assert app.screen_stack[1] is not form
            await press(pilot, "escape")
            await is_ready(pilot)
            await press(pilot, "escape")
            assert app.screen is browse_of(app)
            assert stacks(app, "browse", "register") == [["BrowseScreen"], ["RegisterMode"]]


@pytest.mark.parametrize("key", ["d", "e", "v", "y", "o", "u"])
async def test_what_a_key_opens_is_not_opened_in_the_mode_that_a_click_goes_to(tmp_path: Path, key: str) -> None:
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "mine"))
        async with running(datastore) as (app, pilot):
            await with_a_click(pilot, key, "sync")
            assert stacks(app, "browse", "sync") == [["BrowseScreen"], ["SyncScreen"]]
            await press(pilot, "1")
            assert app.screen is browse_of(app)
            await press(pilot, key)
            assert len(app.screen_stack) == 2
            if isinstance(app.screen, RegisterScreen):
                await is_ready(pilot)


async def test_a_record_of_the_history_is_not_opened_in_another_mode(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "mine"))
        async with running(datastore) as (app, pilot):
            await press(pilot, "4")
            await with_a_click(pilot, "enter", "sync")
            assert stacks(app, "history", "sync") == [["HistoryScreen"], ["SyncScreen"]]


async def test_a_record_that_comes_back_while_another_mode_is_shown_leads_nobody_away(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        record_id = datastore.add("model", make_record("model", "mine")).key
        entry = datastore.entry(record_id)
        assert entry is not None
        datastore.delete("model", record_id, entry.heads)
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "enter", "r")
            assert isinstance(app.screen, ConfirmScreen)
            with closing(database(datastore)) as other:
                other.execute("BEGIN IMMEDIATE")
                await pilot.press("y", "3")
                assert app.current_mode == "sync"
            await settle(pilot)
            assert datastore.entry(record_id) is not None
            assert app.current_mode == "sync"
            await press(pilot, "4")
            assert stacks(app, "history") == [["HistoryScreen", "DetailScreen"]]  # where it is shown


async def test_the_offer_of_a_draft_waits_until_its_form_is_shown_again(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.drafts.save(Draft("new:1", "model", None, (), {"name": "half an idea"}))
        async with running(datastore) as (app, pilot):
            await with_a_click(pilot, "2", "browse", DraftList)
            assert app.screen is browse_of(app)
            await press(pilot, "2")
            assert isinstance(app.screen, DraftList)
            assert len(app.screen_stack) == 3
            await press(pilot, "enter")
            form = await is_ready(pilot)
            assert form.state.texts["name"] == "half an idea"


async def test_what_waits_for_its_screen_opens_when_help_over_it_is_closed(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "f1")
            browse_of(app).open_screen(ConfirmScreen("Dropped?", ""))
            browse_of(app).open_screen(ConfirmScreen("First?", ""), later=True)
            browse_of(app).open_screen(ConfirmScreen("Second?", ""), later=True)
            await settle(pilot)
            assert isinstance(app.screen, HelpScreen)
            for question in ("First?", "Second?"):
                await press(pilot, "escape")
                assert question in screen_text(app)
            await press(pilot, "escape")
            assert app.screen is browse_of(app)


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
