"""Browse, driven as a person drives it, on a real replica."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App
from textual.widgets import Input

from tests.seeds import make_record, owner, signed
from tests.tui.driving import (
    NARROW,
    WIDE,
    browse_of,
    list_of,
    name_under_cursor,
    notice_changes,
    press,
    replica,
    running,
    screen_text,
    settle,
    status,
)
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import Problem
from tui_registry.tui.browse.detail_screen import DetailScreen
from tui_registry.tui.browse.record_detail import HISTORY_SHOWN, RecordDetail, counted
from tui_registry.tui.kit.text_flow import TextBody

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])


@BOTH
async def test_the_first_screen_lists_records_newest_first(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path, 30) as datastore:
        newest = datastore.search().rows[0].name
        async with running(datastore, size) as (app, _):
            assert name_under_cursor(app) == newest
            text = screen_text(app)
            assert newest in text
            assert "30 records" in text
            assert "NAME" in text


async def test_an_empty_replica_says_what_to_do(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, _):
            text = screen_text(app)
            for words in (
                "register a model or an agent",
                "import records",
                "a  take what others registered",
                "l  look around",
            ):
                assert words in text


async def test_the_first_record_takes_the_place_of_the_empty_state(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            datastore.add("model", make_record("model", "first-of-all"))
            await notice_changes(pilot)
            assert name_under_cursor(app) == "first-of-all"
            assert "first-of-all" in screen_text(app)
            assert app.focused is list_of(app)


async def test_the_list_narrows_as_one_types_and_counts(tmp_path: Path) -> None:
    with replica(tmp_path, 45) as datastore:
        wanted = datastore.search("mistral").total
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"mistral")
            assert list_of(app).total == wanted
            assert f"{wanted} of 45" in screen_text(app)
            await press(pilot, "enter")
            assert app.focused is list_of(app)
            await press(pilot, "escape")
            assert list_of(app).total == 45


async def test_while_one_types_letters_and_digits_are_text(tmp_path: Path) -> None:
    with replica(tmp_path, 5) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"ednjk123syfio?G")
            assert app.screen.query_one(Input).value == "ednjk123syfio?G"
            assert app.screen is browse_of(app)


async def test_a_query_that_cannot_be_read_keeps_the_last_results_and_points_at_the_place(tmp_path: Path) -> None:
    with replica(tmp_path, 20) as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "slash", *"kind:model")
            app.screen.query_one(Input).value = "kind:model parms:7b"
            await settle(pilot)
            models = datastore.search("kind:model").total
            assert list_of(app).total == models
            lines = screen_text(app).split("\n")
            caret = lines[2].index("^")
            assert lines[1][caret:].startswith("parms")
            assert "parms" in lines[2]


async def test_data_that_changes_while_a_query_cannot_be_read_is_still_shown(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"params:<=q")
            datastore.add("model", make_record("model", "came-later"))
            await notice_changes(pilot)
            assert list_of(app).total == 4
            assert "params" in screen_text(app).split("\n")[2]


async def test_a_misspelt_word_gets_a_proposal_that_enter_takes(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"mistrl")
            assert "Did you mean" in screen_text(app)
            await press(pilot, "enter")
            assert app.screen.query_one(Input).value == "mistral"
            assert list_of(app).total > 0


async def test_a_query_given_at_the_start_is_asked_at_once(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        async with running(datastore, query="kind:agent") as (app, _):
            assert list_of(app).total == datastore.search("kind:agent").total
            assert app.screen.query_one(Input).value == "kind:agent"


async def test_enter_opens_a_screen_of_its_own_where_it_is_narrow_and_esc_comes_back(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore, NARROW) as (app, pilot):
            await press(pilot, "j", "enter")
            assert isinstance(app.screen, DetailScreen)
            assert name_under_cursor(app) in screen_text(app)
            await press(pilot, "escape")
            assert app.screen is browse_of(app)
            assert list_of(app).cursor == 1


async def test_enter_goes_into_the_detail_beside_the_list_where_it_is_wide(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "enter")
            assert isinstance(app.focused, TextBody)
            await press(pilot, "escape")
            assert app.focused is list_of(app)


async def test_the_detail_follows_the_cursor_and_its_tabs_turn_from_the_list(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "with-formfile", formfile_template="NAME x\nVCPU 2\n"))
        async with running(datastore, WIDE) as (app, pilot):
            detail = app.screen.query_one(RecordDetail)
            assert detail.entry is not None
            assert detail.entry.record["name"] == "with-formfile"
            seen = []
            for _ in range(7):
                await press(pilot, "right")
                seen.append(detail.tab)
            assert seen == ["requirements", "fit", "formfile", "sources", "links", "history", "proof"]
            assert detail.entry.id[:40] in screen_text(app)
            await press(pilot, "left")
            assert "registered" in screen_text(app)
            await press(pilot, "left")
            assert "names no record" in screen_text(app)
            await press(pilot, "left")
            assert "has not said where its files are" in screen_text(app)
            await press(pilot, "left")
            assert "VCPU 2" in screen_text(app)


async def test_the_history_of_a_record_ends_after_so_many_and_says_where_the_earlier_ones_are(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = chain(datastore, HISTORY_SHOWN + 1)
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "left", "left")
            shown = str(app.screen.query_one(TextBody).text.render())
            assert shown.count("clock ") == HISTORY_SHOWN
            assert shown.count("Description") == HISTORY_SHOWN
            assert f"tui-registry history {key[:12]}" in " ".join(shown.split())


def chain(datastore: Datastore, count: int) -> str:
    """A stranger's record of so many operations, each after the one before."""
    by = owner("stranger")
    ops = [signed(by, "model", "often-changed")]
    for number in range(1, count):
        record = ops[-1].record
        assert record is not None
        later = {**record, "description": f"change {number}"}
        ops.append(sign_up(by, "model", later, children=[ops[-1].hash], clock=number + 1))
    assert datastore.apply([op.to_json() for op in ops]).applied == count
    return ops[0].key


async def test_esc_goes_back_one_level_and_never_quits(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"llama", "escape")
            assert app.focused is list_of(app)
            assert app.screen.query_one(Input).value == "llama"
            await press(pilot, "escape")
            assert app.screen.query_one(Input).value == ""
            await press(pilot, "escape", "escape")
            assert "ctrl+q" in status(app)


async def test_what_another_process_writes_appears_and_the_cursor_stays_on_its_record(tmp_path: Path) -> None:
    with replica(tmp_path, 40) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, *"jjjjj")
            before = name_under_cursor(app)
            with Datastore.open(tmp_path, clock=lambda: datastore.search().rows[0].updated_at + 60) as other:
                other.add("model", make_record("model", "from-elsewhere"))
            await notice_changes(pilot)
            assert name_under_cursor(app) == before
            assert list_of(app).cursor == 6
            assert "41 records" in screen_text(app)


async def test_the_status_line_names_what_is_wrong_with_the_record_under_the_cursor(tmp_path: Path) -> None:
    from tests.seeds import signed, stranger_ops

    with replica(tmp_path) as datastore:
        bad = signed(next_owner(), "model", "odd-one", license="apache")
        datastore.apply([bad.to_json(), *(op.to_json() for op in stranger_ops(1))])
        async with running(datastore) as (app, pilot):
            while name_under_cursor(app) != "odd-one":
                await press(pilot, "j")
            assert "odd-one" in status(app)
            assert "license" in status(app)


def next_owner():
    from tests.seeds import owner

    return owner("another")


async def test_narrow_becomes_wide_and_the_detail_appears(tmp_path: Path) -> None:
    with replica(tmp_path, 5) as datastore:
        async with running(datastore, NARROW) as (app, pilot):
            assert not app.screen.query_one(RecordDetail).display
            await pilot.resize_terminal(*WIDE)
            await settle(pilot)
            assert app.screen.query_one(RecordDetail).display
            assert "Needs" in screen_text(app)


async def test_warnings_are_not_called_problems_and_what_was_done_is_said_before_them(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "another"))
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "2", *"hello", "ctrl+s")
            assert app.screen is browse_of(app)
            assert status(app).startswith("registered ")
            assert "2 warnings, listed below" in screen_text(app)
            assert "problem" not in screen_text(app).lower()
            await press(pilot, "j", "k")
            assert status(app).startswith("2 warnings in “hello”: ")


def test_problems_and_warnings_are_counted_apart() -> None:
    error, warning = Problem("name", "error", "x", "is wrong"), Problem("tags", "warning", "y", "are few")
    assert counted([error]) == "1 problem"
    assert counted([warning, error, warning]) == "1 problem, 2 warnings"


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
async def test_enter_takes_what_was_probably_meant_also_after_completions_were_open(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "llama-one", license="MIT"))
        async with running(datastore, size) as (app, pilot):
            await press(pilot, "slash", *"lamma license:mit", "enter")
            assert "Enter in the search line takes it" in screen_text(app)
            await press(pilot, "enter")
            assert browse_of(app).bar.question.query == "llama license:mit"
            assert name_under_cursor(app) == "llama-one"
            await press(pilot, "enter")
            assert list_of(app).has_focus


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
async def test_what_was_found_is_marked_in_the_list_and_in_the_detail(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path) as datastore:
        about = "Made for the llama, and no other."
        datastore.add("model", make_record("model", "通义 Llama-3", description=about, tags=["llama-chat"]))
        async with running(datastore, size, query="llam 3") as (app, pilot):
            in_detail = ["Llam", "3", "llam", "llam"]  # the name, the description, the tag
            if size == NARROW:
                assert marked_text(app) == ["Llam", "3"]
                await press(pilot, "enter")
                assert marked_text(app) == in_detail
                await press(pilot, "escape")
            else:
                assert sorted(marked_text(app)) == sorted(["Llam", "3", *in_detail])
            await press(pilot, "slash", "ctrl+u", *"通义", "enter")
            assert marked_text(app)[0] == "通义"
            await press(pilot, "slash", "ctrl+u", "enter")
            assert marked_text(app) == []


async def test_where_nothing_is_found_the_nearest_names_are_offered(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "Mixtral-8x7B"))
        async with running(datastore, WIDE, query="mixtral 9x7b") as (app, _):
            assert "The nearest names are" in screen_text(app)
            assert "Mixtral-8x7B" in screen_text(app)


def marked_text(app: App[None]) -> list[str]:
    """What stands out by its weight and a line, from top to bottom."""
    lines = app.screen._compositor.render_strips()
    return [
        segment.text
        for line in lines
        for segment in line
        if segment.style is not None and segment.style.bold and segment.style.underline
    ]


@pytest.mark.parametrize("before", ["👩\u200d👩\u200d👧", "通义", "e\u0301", "❤\ufe0f"])
async def test_what_is_marked_is_what_was_typed_however_wide_it_stands(tmp_path: Path, before: str) -> None:
    with replica(tmp_path) as datastore:
        datastore.apply([signed(owner("wide"), "model", f"{before}-qwen-{before}").to_json()])
        async with running(datastore, query="qwe") as (app, _):
            assert marked_text(app) == ["qwe"]


async def test_what_was_taken_for_words_is_said_below_the_search_line(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "Llama-3.1-8B"))
        async with running(datastore, WIDE, query="llama3.1:8b") as (app, _):
            assert "there is no field 'llama3.1': looked for 'llama3.1:8b' as words" in screen_text(app)
            assert name_under_cursor(app) == "Llama-3.1-8B"


async def test_a_proposal_that_comes_when_the_line_was_left_is_taken_with_enter(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "llama-one"))
        async with running(datastore, query="lamma") as (app, pilot):
            await press(pilot, "enter")
            assert name_under_cursor(app) == "llama-one"
