"""The frame: title line, status line, footer, modes, help, palette."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.command import CommandPalette
from textual.css.styles import RulesMap
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.widget import Widget
from textual.widgets import Input

from tests.seeds import make_record
from tests.tui.driving import (
    NARROW,
    WIDE,
    browse_of,
    list_of,
    notice_changes,
    press,
    replica,
    running,
    screen_text,
    settle,
    status,
)
from tui_registry.datastore import Datastore
from tui_registry.settings import Settings
from tui_registry.tui import RegistryApp
from tui_registry.tui.kit.frame import KeyFooter, StatusLine, TitleLine
from tui_registry.tui.kit.help import ActionsProvider, HelpScreen

# What was found for widgets beside one another.
Styled = dict[tuple[object, ...], RulesMap]


async def test_the_title_line_tells_replica_address_and_records(tmp_path: Path) -> None:
    with replica(tmp_path, 12) as datastore:
        async with running(datastore, WIDE) as (app, _):
            title = screen_text(app).split("\n")[0]
            address = datastore.address
            assert f"test 0x{address[:4]}..{address[-4:]}" in title
            assert "12 records" in title
            assert "[1 Browse]" in title


async def test_the_title_line_names_failing_peers_also_where_it_is_narrow(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        datastore.peers.add("hub", "http://127.0.0.1:1")
        datastore.peers.finish_pull("hub", None, "connection refused", None)
        async with running(datastore, NARROW) as (app, _):
            assert "! 1 peer failing" in screen_text(app).split("\n")[0]


async def test_of_several_troubles_those_stay_in_the_title_that_nothing_else_shows(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        datastore.peers.add("hub", "http://127.0.0.1:1")
        datastore.peers.finish_pull("hub", None, "connection refused", None)
        async with running(datastore, NARROW) as (app, pilot):
            assert app.facts is not None
            app.facts = app.facts._replace(in_conflict=2, elsewhere=34, restored=True)
            await settle(pilot)
            title = screen_text(app).split("\n")[0]
    assert "! 2 conflicts · ! older copy · ! 34 elsewhere" in title
    assert "[1 Browse]   2    3    4    5" in title


async def test_what_another_process_commits_reaches_the_title_line(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, pilot):
            with Datastore.open(tmp_path) as other:
                other.add("model", make_record("model", "elsewhere"))
            await notice_changes(pilot)
            assert "3 records" in screen_text(app).split("\n")[0]


async def test_nothing_is_drawn_or_asked_when_nothing_changed(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, pilot):
            await notice_changes(pilot)  # which asks once what the first frame left out
            facts, serial = app.facts, list_of(app).serial
            await notice_changes(pilot)
            assert app.facts is facts
            assert list_of(app).serial == serial


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_opens_over_any_screen_and_closes_with_esc(tmp_path: Path, key: str) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, key)
            assert isinstance(app.screen, HelpScreen)
            assert "Search as you type" in screen_text(app)
            await press(pilot, "G")
            await press(pilot, "escape")
            assert app.screen is browse_of(app)


async def test_f1_shows_help_also_while_typing(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", "f1")
            assert isinstance(app.screen, HelpScreen)


async def test_the_palette_opens_finds_an_action_by_its_words_and_runs_it(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "ctrl+p")
            assert isinstance(app.screen, CommandPalette)
            await press(pilot, "escape")
            hits = [hit async for hit in ActionsProvider(app.screen).search("narrow the list")]
            await hits[0].command()
            await press(pilot)
            assert "FILTERS" in screen_text(app)


async def test_the_footer_follows_the_focus(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            footers = [screen_text(app).split("\n")[-1]]
            for keys in (["slash"], ["escape", "enter"]):
                await press(pilot, *keys)
                footers.append(screen_text(app).split("\n")[-1])
            assert "n new" in footers[0]
            assert "enter to the list" in footers[1]
            assert "d delete" in footers[2]


async def test_a_click_on_a_footer_key_presses_it_and_one_on_a_mode_goes_there(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, pilot):
            footer = screen_text(app).split("\n")[-1]
            await pilot.click(KeyFooter, offset=(footer.index("? help"), 0))
            await press(pilot)
            assert isinstance(app.screen, HelpScreen)
            await press(pilot, "escape")
            title = screen_text(app).split("\n")[0]
            await pilot.click(TitleLine, offset=(title.index("2 Register"), 0))
            await press(pilot)
            assert app.current_mode == "register"


async def test_mode_two_is_the_form_and_esc_leads_back_to_browse(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "2")
            assert type(app.screen).__name__ == "RegisterScreen"
            await press(pilot, "escape")
            assert app.screen is browse_of(app)
            await press(pilot, "2")
            assert type(app.screen).__name__ == "RegisterScreen"


async def test_a_widget_is_styled_when_it_is_mounted_and_never_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it is compact is a class that its constructor gives it, and no reason to look through all the rules."""
    early, apply = list[str](), Stylesheet.apply

    def watched(self: Stylesheet, node: DOMNode, *, animate: bool = False, cache: Styled | None = None) -> None:
        if isinstance(node, Widget) and node.parent is None:
            early.append(type(node).__name__)
        apply(self, node, animate=animate, cache=cache)

    monkeypatch.setattr(Stylesheet, "apply", watched)
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "colon")
            line = app.screen.query_one(Input)
            assert line.compact
            assert line.styles.border_top[0] == ""
    assert early == []


async def test_an_unknown_theme_in_the_settings_is_named_and_harmless(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        app = RegistryApp(datastore, settings=Settings(theme="[/x]"))
        async with app.run_test(size=NARROW, notifications=True) as pilot:
            await pilot.pause()
            assert "there is no theme [/x]" in screen_text(app)


async def test_what_was_done_fades_from_the_status_line_and_a_problem_stays(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, pilot):
            app.say("copied", "done")
            await settle(pilot)
            assert status(app) == "copied"
            app.stays = 0.001
            app.say("cannot be read", "problem")
            await settle(pilot)
            assert status(app) == "cannot be read"
            assert app.screen.query_one(StatusLine).size.height == 1
            # What helps stands at the end, and is read nowhere else
            app.say("it cannot be read, for a reason that takes many words to say: " + "ask its owner " * 5, "problem")
            await settle(pilot)
            assert screen_text(app).count("ask its owner") == 5
            app.say("copied", "done")
            await settle(pilot)
            assert status(app) == ""


async def test_a_key_that_does_nothing_says_once_what_it_may_have_been(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "q")
            assert status(app) == "q does nothing here: ctrl+q is quit"
            app.say("")
            await press(pilot, "q")
            assert status(app) == ""
            await press(pilot, "f12")
            assert status(app) == "F12 does nothing here: ? shows all keys"
            # As terminals send it, with a character that cannot be shown
            app.screen.post_message(events.Key("ctrl+k", "\x0b"))
            await settle(pilot)
            assert status(app).startswith("ctrl+k does nothing here: ")
            app.say("")
            await press(pilot, "slash", *"zz", "f7")
            assert status(app) == ""


async def test_the_palette_finds_actions_by_their_keys(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, _):
            for typed, label in (
                ("s", "sync"),
                ("ctrl+s", "save search"),
                ("Ctrl+Q", "quit"),
                ("narrow the", "filters"),
            ):
                hits = [hit async for hit in ActionsProvider(app.screen).search(typed)]
                assert hits
                best = max(hits, key=lambda hit: hit.score)
                assert str(best.match_display).lower().startswith(label), typed


async def test_help_is_narrowed_by_typing_and_esc_shows_all_again(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "question_mark", *"save search")
            shown = screen_text(app)
            assert "/ save search" in shown
            assert "ctrl+s" in shown
            assert "Keep the search under a name" in shown
            assert "Search as you type" not in shown
            await press(pilot, *"xyz")
            assert "nothing here holds" in screen_text(app)
            await press(pilot, "escape")
            assert "Search as you type" in screen_text(app)
            await press(pilot, "escape")
            assert app.screen is browse_of(app)
            await press(pilot, "f1", "slash", *"ctrl+q", "down", "question_mark")
            assert app.screen is browse_of(app)
