"""The filters: values that the matches have, counted, toggled in the search line."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.seeds import make_record, owner
from tests.tui.driving import NARROW, WIDE, list_of, notice_changes, press, replica, running, screen_text, settle
from tui_registry.replica.search.vocabulary import Facets, FacetValue
from tui_registry.tui.app import RegistryApp
from tui_registry.tui.browse.facet_panel import FEW, FacetPanel, count_text, facet_lines, toggled
from tui_registry.tui.browse.record_detail import RecordDetail

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])


def panel_of(app: RegistryApp) -> FacetPanel:
    return app.screen.query_one(FacetPanel)


def query_of(app: RegistryApp) -> str:
    return app.screen.query_one(Input).value


async def go_to(pilot: Pilot[None], field: str, value: str) -> None:
    app = pilot.app
    assert isinstance(app, RegistryApp)
    for _ in range(200):
        line = panel_of(app).line
        assert line is not None
        if (line.field, line.value) == (field, value):
            return
        await press(pilot, "j")
    raise AssertionError(f"{field} {value} is not in the filters")


# On the screen


@BOTH
async def test_f_lists_what_the_matches_have_in_common_with_counts(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path, 40) as datastore:
        async with running(datastore, size) as (app, pilot):
            await press(pilot, "f")
            assert app.focused is panel_of(app)
            text = screen_text(app)
            for words in ("FILTERS", "KIND", "[ ] ◆ model", "[ ] ○ agent", "TYPE"):
                assert words in text
            counts = {line.value: line.records for line in panel_of(app).lines if line.field == "kind"}
            assert counts == {None: None, "model": 32, "agent": 8}


@BOTH
async def test_a_value_is_toggled_in_the_search_line(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path, 40) as datastore:
        async with running(datastore, size, query="llama") as (app, pilot):
            before = list_of(app).total
            await press(pilot, "f")
            await go_to(pilot, "kind", "agent")
            await press(pilot, "space")
            assert query_of(app) == "llama kind:agent"
            assert list_of(app).total == datastore.search("llama kind:agent").total < before
            assert "[x] ○ agent" in screen_text(app)
            assert app.focused is panel_of(app)
            await press(pilot, "enter")
            assert query_of(app) == "llama"
            assert list_of(app).total == before


async def test_a_second_value_of_one_field_joins_the_first(tmp_path: Path) -> None:
    with replica(tmp_path, 40) as datastore:
        async with running(datastore, WIDE, query="kind:agent") as (app, pilot):
            await press(pilot, "f")
            await go_to(pilot, "kind", "model")
            await press(pilot, "space")
            assert query_of(app) == "kind:agent,model"
            assert list_of(app).total == 40


async def test_values_of_a_list_narrow_together_and_are_counted_together(tmp_path: Path) -> None:
    with replica(tmp_path, 40) as datastore:
        async with running(datastore, WIDE, query="tag:llama") as (app, pilot):
            await press(pilot, "f")
            others = {line.value: line.records for line in panel_of(app).lines if line.field == "tag" and line.value}
            assert others["llama"] == datastore.search("tag:llama").total
            assert set(others) == {"llama", "qwen", "chat"} & set(others)
            for value, records in others.items():
                assert records == datastore.search(f"tag:llama tag:{value}").total


async def test_esc_closes_the_filters_and_the_query_stays(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore, query="kind:model") as (app, pilot):
            await press(pilot, "f", "escape")
            assert not panel_of(app).display
            assert app.focused is list_of(app)
            assert query_of(app) == "kind:model"
            await press(pilot, "f", "f")
            assert not panel_of(app).display


async def test_beside_the_list_where_it_is_wide_and_over_it_where_it_is_narrow(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore, NARROW) as (app, pilot):
            width = list_of(app).size.width
            await press(pilot, "f")
            assert list_of(app).size.width == width
            await pilot.resize_terminal(*WIDE)
            await settle(pilot)
            assert list_of(app).region.right <= panel_of(app).region.x
            assert app.screen.query_one(RecordDetail).display
            await pilot.resize_terminal(110, 30)
            await settle(pilot)
            assert not app.screen.query_one(RecordDetail).display
            assert list_of(app).size.width > 50


async def test_the_counts_follow_what_is_typed_and_what_is_written(tmp_path: Path) -> None:
    def models(app: RegistryApp) -> int | None:
        return next(line.records for line in panel_of(app).lines if line.value == "model")

    with replica(tmp_path, 40) as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "f", "slash", *"mistral")
            assert models(app) == datastore.search("mistral kind:model").total
            datastore.add("model", make_record("model", "mistral-mine"))
            await notice_changes(pilot)
            assert models(app) == datastore.search("mistral kind:model").total


async def test_the_cursor_of_the_filters_stays_on_its_value(tmp_path: Path) -> None:
    with replica(tmp_path, 40) as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "f")
            await go_to(pilot, "license", "Apache-2.0") if any(
                line.value == "Apache-2.0" for line in panel_of(app).lines
            ) else await press(pilot, "G")
            before = panel_of(app).line
            await press(pilot, "space", "space")
            after = panel_of(app).line
            assert before is not None
            assert after is not None
            assert (after.field, after.value) == (before.field, before.value)


async def test_an_owner_goes_by_the_name_one_gave_the_key(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        datastore.names.set(owner("stranger").address, "some-lab")
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "f", "G", "space")
            assert "[x] some-lab" in screen_text(app)
            assert list_of(app).total == 10
            await press(pilot, "space")
            assert query_of(app) == ""


async def test_a_click_toggles(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "f")
            await pilot.click("#filters", offset=(8, 2))
            await settle(pilot)
            assert query_of(app) == "kind:model"


async def test_hostile_values_do_not_reach_the_terminal(tmp_path: Path) -> None:
    tag = "[/x]\x1b[31m\u202e[@click=app.quit]x[/]"
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "odd", framework={"Other": tag}))
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "f", "j", "space")
            assert "\x1b" not in screen_text(app)
            assert "\u202e" not in screen_text(app)


# Lines, pure


def facets(**values: list[tuple[str, int]]) -> Facets:
    return Facets({field: [FacetValue(v, v, n) for v, n in pairs] for field, pairs in values.items()}, exact=True)


def test_a_value_that_is_asked_for_is_listed_even_when_nothing_has_it() -> None:
    lines = facet_lines(facets(type=[("LLM", 3)]), "type:LLM,Embedding", {}, set())
    assert [(line.text, line.chosen is not None) for line in lines] == [
        ("TYPE", False),
        ("LLM", True),
        ("Embedding", True),
    ]
    assert toggled("type:LLM,Embedding", lines[2]) == "type:LLM"


def test_many_values_are_shown_only_when_asked_for_but_chosen_ones_always() -> None:
    many = facets(tag=[(f"tag{k}", 30 - k) for k in range(30)])
    lines = facet_lines(many, "tag:tag20", {}, set())
    assert [line.text for line in lines[-2:]] == ["tag20", f"{30 - FEW - 1} more"]
    assert len(facet_lines(many, "", {}, {"tag"})) == 31


def test_a_class_of_size_is_a_term_of_parameters_and_takes_the_place_of_another() -> None:
    sizes = Facets({"size": [FacetValue("<=1b", "up to 1 B", 2), FacetValue("1b..4b", "1 to 4 B", 1)]}, exact=False)
    lines = facet_lines(sizes, "params:<=1b", {}, set())
    assert lines[1].chosen == "<=1b"
    assert toggled("params:<=1b", lines[2]) == "params:1b..4b"


def test_counts_of_a_part_say_so() -> None:
    assert count_text(1204, is_exact=True) == "1,204"
    assert count_text(1204, is_exact=False) == "~1,204"


async def test_licences_that_begin_alike_can_be_told_apart(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        for name in ("LicenseRef-CreativeML-OpenRAIL-M", "LicenseRef-CreativeML-OpenRAIL-PlusPlus"):
            datastore.add("model", make_record("model", name.lower(), license=name))
        async with running(datastore) as (app, pilot):
            await press(pilot, "f")
            shown = [line for line in screen_text(app).split("\n") if "[ ] " in line and "CreativeML" in line]
            assert len({line[: line.index("CreativeML") + 24] for line in shown}) == 2
