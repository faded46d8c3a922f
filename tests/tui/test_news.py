"""What is new, stars, notes and what is watched, by the keyboard."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from tests.seeds import make_record, owner, signed
from tests.tui.driving import (
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
from tui_registry.datastore import MOST_NOTE
from tui_registry.tui.app import RegistryApp

WIDE = (160, 40)
LAB = owner("lab")


def title(app: RegistryApp) -> str:
    return screen_text(app).split("\n")[0]


def row(app: RegistryApp, name: str) -> str:
    return next(line for line in screen_text(app).split("\n")[3:] if name in line[:40])


async def test_what_came_has_a_dot_stands_in_the_title_and_is_looked_at_by_leaving_its_list(tmp_path: Path) -> None:
    with replica(tmp_path, 6) as datastore:
        datastore.add("model", make_record("model", "own"))
        datastore.news.seen()
        async with running(datastore, WIDE, query="kind:model") as (app, pilot):
            await press(pilot, ".")
            assert "nothing came from others" in status(app)
            datastore.apply([signed(LAB, "model", "arrived")], source="peer")
            datastore.apply([signed(LAB, "agent", "helper")], source="peer")
            await notice_changes(pilot)
            assert ". 2 new records" in title(app)
            assert "• arrived" in row(app, "arrived")
            await press(pilot, "3")
            assert "· 2 new records ·" in title(app)  # no key there lists them
            await press(pilot, "1")
            assert "•" not in row(app, "own")

            await press(pilot, ".")
            assert browse_of(app).query_one(Input).value == "is:new"
            assert list_of(app).total == 2
            assert "2 new records since you looked" in status(app)
            assert ". 2 new records" in title(app)
            await press(pilot, "escape")
            await notice_changes(pilot)
            assert browse_of(app).query_one(Input).value == "kind:model"
            assert "new" not in title(app)
            assert "•" not in screen_text(app)
            assert datastore.news.count().records == 0
            assert "pulled:1d" in status(app)


async def test_where_it_is_narrow_the_title_tells_only_how_much_is_new(tmp_path: Path) -> None:
    with replica(tmp_path, 6) as datastore:
        datastore.news.seen()
        first = signed(LAB, "model", "arrived")
        datastore.apply([first], source="peer")
        async with running(datastore, (80, 24)) as (app, pilot):
            await notice_changes(pilot)
            assert app.facts is not None
            news = app.facts.news
            assert news is not None
            app.facts = app.facts._replace(news=news._replace(changed=3, conflicts=2), in_conflict=2)
            await settle(pilot)
            assert ". 6 new · 7 records · ! 2 conflicts" in title(app)


async def test_what_comes_while_the_list_is_looked_at_shows_in_it_and_is_looked_at_with_it(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.apply([signed(LAB, "model", "first")], source="peer")
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, ".")
            datastore.apply([signed(LAB, "model", "second")], source="peer")
            await notice_changes(pilot)
            assert list_of(app).total == 2
            # To narrow it is not to leave it
            await press(pilot, "/", "end", *" first", "enter")
            assert (list_of(app).total, datastore.news.count().new) == (1, 2)
            await press(pilot, ".")
            assert datastore.news.count().records == 0
            assert list_of(app).total == 2


async def test_a_star_is_put_and_taken_away_and_shown_in_list_and_detail(tmp_path: Path) -> None:
    with replica(tmp_path, 6) as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            name = name_under_cursor(app)
            await press(pilot, "*")
            assert f"{name}  ★" in row(app, name)
            assert "starred by you" in screen_text(app)
            assert datastore.search("is:starred").total == 1
            await press(pilot, "*")
            assert "★" not in screen_text(app)
            await press(pilot, "space", "space", "*")
            assert "2 records" in status(app)
            assert datastore.search("is:starred").total == 2
            # One of the marked has none
            await press(pilot, "space", "*")
            assert datastore.search("is:starred").total == 3
            await press(pilot, "*")
            assert datastore.search("is:starred").total == 0


async def test_a_note_is_written_refused_where_it_is_too_long_without_a_loss_and_taken_away(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        key = datastore.search().rows[0].id
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "N", *"try", "enter", *"it", "ctrl+s")
            assert datastore.stars.of(key).note == "try\nit"
            assert "✎" in row(app, name_under_cursor(app))
            assert "Your note" in screen_text(app)
            datastore.stars.note(key, "x" * MOST_NOTE)
            await press(pilot, "N", "y", "ctrl+s")
            assert "Not kept: a note has up to 2,000" in screen_text(app)
            await press(pilot, "delete", "ctrl+s")
            datastore.stars.note(key, "short")
            await press(pilot, "N", "ctrl+k")
            assert datastore.stars.of(key).note is not None
            await press(pilot, "ctrl+s")
            assert datastore.stars.of(key).note is None


async def test_a_note_of_another_hand_is_shown_harmless(tmp_path: Path) -> None:
    with replica(tmp_path, 1) as datastore:
        datastore.stars.note(datastore.search().rows[0].id, "\x1b[31mred [@click=app.quit]x[/] \u202egnp [/x]")
        async with running(datastore, WIDE) as (app, pilot):
            assert "[@click=app.quit]x[/]" in screen_text(app)
            assert "\x1b" not in screen_text(app)
            assert "\u202e" not in screen_text(app)
            await press(pilot, "N")
            assert "[@click=app.quit]x[/]" in screen_text(app)
            await press(pilot, "escape")
            assert app.screen is browse_of(app)


async def test_an_owner_and_a_search_are_watched_and_their_news_told_by_themselves(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        datastore.apply([signed(LAB, "model", "lab-one")], source="peer")
        datastore.names.set(LAB.address, "my-lab")
        datastore.searches.save("small", "name:lab")
        datastore.news.seen()
        async with running(datastore, (180, 40), query="@small") as (app, pilot):
            await press(pilot, "w")
            assert "watch the owner my-lab" in screen_text(app)
            await press(pilot, "o")
            assert "my-lab is watched" in status(app)
            await press(pilot, "w", "s")
            assert datastore.news.watches() == [f"0x{LAB.address}", "@small"]
            datastore.apply([signed(LAB, "model", "lab-two"), signed(LAB, "model", "other")], source="peer")
            await notice_changes(pilot)
            assert "2 new of my-lab · 1 new of @small · . 2 new" in title(app)
            await press(pilot, "w")
            assert "watch @small no more" in screen_text(app)
            await press(pilot, "2")
            assert datastore.news.watches() == [f"0x{LAB.address}"]
            await press(pilot, "escape", "w", "escape")
            assert datastore.news.watches() == [f"0x{LAB.address}"]


async def test_star_note_and_watch_go_on_the_detail_of_a_narrow_terminal_too(tmp_path: Path) -> None:
    with replica(tmp_path, 2) as datastore:
        key = datastore.search().rows[0].id
        async with running(datastore, (80, 24)) as (app, pilot):
            await press(pilot, "enter", "*", "N", *"so", "ctrl+s", "w", "o")
            await notice_changes(pilot)
            assert "starred by you; so" in screen_text(app)
            own = datastore.stars.of(key)
            assert (own.starred_at is not None, own.note, len(datastore.news.watches())) == (True, "so", 1)
            await press(pilot, "escape")
            assert "★✎" in screen_text(app)


async def test_a_watched_search_that_cannot_be_read_any_more_keeps_nothing_else_from_being_told(tmp_path: Path) -> None:
    with replica(tmp_path, 6) as datastore:
        datastore.searches.save("inner", "arrived")
        datastore.searches.save("outer", "@inner")
        datastore.news.watch("@outer")
        datastore.searches.drop("inner")
        datastore.apply([signed(LAB, "model", "arrived")], source="peer")
        async with running(datastore, WIDE) as (app, pilot):
            await notice_changes(pilot)
            assert ". 1 new" in title(app)
            await press(pilot, "w")
            assert "'inner'" in screen_text(app)
            await press(pilot, "1")
            assert datastore.news.watches() == []
