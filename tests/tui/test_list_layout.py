"""The order of the list, by keys and by its titles; the columns that a person chooses, which are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.seeds import NOW, make_record
from tests.tui.driving import NARROW, WIDE, browse_of, list_of, press, replica, running, screen_text, status
from tui_registry.datastore import Datastore
from tui_registry.present.columns import COLUMNS, chosen_columns, read_columns
from tui_registry.query import parse
from tui_registry.settings import Settings, load_settings
from tui_registry.tui import RegistryApp
from tui_registry.tui.browse.answers import NEWEST, Order, in_order, order_after
from tui_registry.tui.browse.record_list import columns_for, titles_in_order
from tui_registry.tui.kit.lists import GAP

ORDERS = [None, *(Order(key, turned) for key in ("name", "updated", "created", "params", "context", "fit")
                  for turned in (False, True))]  # fmt: skip


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def asked(app: RegistryApp) -> str:
    return browse_of(app).bar.question.query


def names(app: RegistryApp) -> list[str]:
    records = list_of(app)
    rows = (records.item_at(place) for place in range(records.total))
    return [row.name for row in rows if row is not None]


def title_line(app: RegistryApp) -> str:
    return next(line for line in screen_text(app).split("\n") if "NAME" in line and "KIND" in line)


def shown(app: RegistryApp) -> list[str]:
    records = list_of(app)
    return [column.title for column in records.titles(records.scrollable_content_region.width)]


def fill(datastore: Datastore) -> None:
    for name, parameters in (("small", 1_000_000), ("unknown", 0), ("large", 9_000_000_000)):
        datastore.add("model", make_record("model", name, parameters=parameters))


# ---- the order -------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(["", "llama", "kind:model", "a OR b", "sort:name x", "llama sort:-params kind:agent", "(a"]),
    st.sampled_from(ORDERS),
)
def test_a_search_keeps_its_terms_and_has_the_order_that_is_asked_for(text: str, order: Order | None) -> None:
    changed = parse(in_order(text, order), now=NOW)
    assert changed.where == parse(text, now=NOW).where
    usual = None if changed.texts else NEWEST
    sort = changed.sort
    got = usual if sort is None else None if sort.key == "relevance" else Order(sort.key, sort.descending)
    assert got == (order if order is not None or changed.texts else None)
    assert in_order(in_order(text, order), order) == in_order(text, order)


@pytest.mark.parametrize("by_relevance", [False, True])
def test_stepping_comes_by_every_order_and_back(by_relevance: bool) -> None:
    first = None if by_relevance else NEWEST
    seen, order = [first], order_after(first, by_relevance=by_relevance)
    while order != first:
        seen.append(order)
        order = order_after(order, by_relevance=by_relevance)
    assert {order.key for order in seen if order is not None} == {
        "updated",
        "name",
        "params",
        "context",
        "fit",
        "created",
    }


async def test_t_steps_through_the_orders_and_capital_t_turns_them_with_what_is_unknown_last(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore) as (app, pilot):
            assert "↓UPDATED" in title_line(app)
            await press(pilot, "t")
            assert asked(app) == "sort:name"
            assert "NAME↑" in title_line(app)
            assert names(app) == ["large", "small", "unknown"]
            await press(pilot, "t")
            assert asked(app) == "sort:-params"
            assert "↓SIZE" in title_line(app)
            assert names(app) == ["large", "small", "unknown"]
            await press(pilot, "T")
            assert asked(app) == "sort:params"
            assert "↑SIZE" in title_line(app)
            assert names(app) == ["small", "large", "unknown"]
            await press(pilot, "t", "t", "t", "t")
            assert asked(app) == ""
            await press(pilot, "T")
            assert asked(app) == "sort:updated"


async def test_keys_of_one_burst_each_count_before_the_list_has_shown_anything(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore, query="kind:model") as (app, _):
            layout = browse_of(app).furnish().layout
            for _ in range(2):
                layout.action_order()
            layout.action_turn()
            assert asked(app) == "kind:model sort:params"


async def test_a_saved_search_keeps_its_order_until_another_is_asked_for(tmp_path: Path) -> None:
    with replica(tmp_path, 5) as datastore:
        datastore.searches.save("mine", "kind:model sort:-params")
        async with running(datastore, query="@mine") as (app, pilot):
            assert "↓SIZE" in title_line(app)
            await press(pilot, "T")
            assert asked(app) == "sort:params @mine"
            assert "↑SIZE" in title_line(app)


async def test_free_text_goes_by_relevance_which_cannot_be_turned(tmp_path: Path) -> None:
    with replica(tmp_path, 5) as datastore:
        async with running(datastore, query="llama") as (app, pilot):
            assert "↓" not in title_line(app)
            await press(pilot, "T")
            assert asked(app) == "llama"
            assert "best match" in status(app)
            await press(pilot, "t", "t")
            assert asked(app) == "llama sort:name"


async def test_a_click_on_a_title_sorts_by_it_and_a_second_one_turns_it(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore) as (app, pilot):
            at = title_line(app).index("SIZE") + 2
            await pilot.click(list_of(app), offset=(at, 0))
            assert asked(app) == "sort:-params"
            await pilot.click(list_of(app), offset=(at, 0))
            assert asked(app) == "sort:params"
            await pilot.click(list_of(app), offset=(6, 0))
            assert asked(app) == "sort:name"
            await pilot.click(list_of(app), offset=(title_line(app).index("KIND"), 0))
            assert asked(app) == "sort:name"
            assert "no order goes by kind" in status(app)


async def test_a_search_that_cannot_be_read_keeps_its_words(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore) as (app, pilot):
            browse_of(app).bar.ask("params:<<")
            await press(pilot, "t")
            assert asked(app) == "params:<<"
            assert "cannot be read" in status(app)


@given(st.integers(10, 300), st.sampled_from(ORDERS))
def test_no_title_moves_for_the_arrow(width: int, order: Order | None) -> None:
    columns = columns_for(width)
    with_arrow, plain = titles_in_order(columns, order), titles_in_order(columns, None)
    assert len(with_arrow) == len(plain) == width
    start = 0
    for place, column in enumerate(columns):
        start += GAP * (place > 0)
        end = start + column.width
        if len(column.title) <= column.width:
            assert column.title in with_arrow[max(0, start - 1) : end]
        start = end


# ---- the columns -----------------------------------------------------------------------------------------------------


def test_columns_are_read_as_people_write_them() -> None:
    assert read_columns("") == ()
    assert read_columns("name kind, License  PARAMS") == ("kind", "licence", "size")
    for text, said in (
        ("kind licnce", "did you mean licence?"), ("size params", "size stands there twice"), ("zzzzzz", "there are kind"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            read_columns(text)
    for name, text, said in (("browse", "ownr", "did you mean owner?"), ("brwse", "owner", "did you mean browse?")):
        chosen, (fault,) = chosen_columns(((name, text),))
        assert chosen == ()
        assert fault.name == name
        assert said in fault.sentence
    assert chosen_columns((("browse", "owner size"),)) == (("owner", "size"), [])


@given(st.permutations([column.name for column in COLUMNS]), st.integers(1, 15), st.integers(10, 300))
def test_chosen_columns_stand_in_their_order_and_the_last_are_left_out(
    chosen: list[str], most: int, width: int
) -> None:
    titles = {column.name: column.title for column in COLUMNS}
    name, *shown = [column.title for column in columns_for(width, chosen[:most])]
    assert name == "NAME"
    assert shown == [titles[one] for one in chosen[: len(shown)]]


@pytest.mark.parametrize("size", [NARROW, WIDE, (60, 20)], ids=["80x24", "160x50", "60x20"])
async def test_columns_are_chosen_in_a_dialog_and_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path, 5) as datastore:
        async with running(datastore, size) as (app, pilot):
            before = shown(app)
            await press(pilot, "C")
            assert "Columns of the list" in screen_text(app)
            await press(pilot, "space", "G", "space", "left", "enter")
            kept = dict(load_settings().columns)["browse"].split()
            assert kept[-2] == ("updated" if "UPDATED" not in before else "created")
            assert len(kept) == len(before) - 1  # of which one is the name
            assert "kind" not in kept
            assert "KIND" not in screen_text(app).replace("Columns", "")
            await press(pilot, "C", "r")
            assert load_settings().columns == ()
            assert shown(app) == before


async def test_columns_of_the_settings_are_shown_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    with replica(tmp_path, 5) as datastore:
        for text, said in (("owner size", ""), ("ownr", "did you mean owner?")):
            settings = Settings(name="test", columns=(("browse", text),))
            app = RegistryApp(datastore, settings=settings, clock=lambda: NOW)
            async with app.run_test(size=NARROW) as pilot:
                await press(pilot)
                titles = shown(app)
                assert (titles == ["NAME", "OWNER", "SIZE"]) is (said == "")
                assert said in status(app)
