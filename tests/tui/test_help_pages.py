"""The pages of help in the app: by the palette, by the `:` line, and named by the help screen; as the command line has
them, and whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from textual.widgets import Input

from tests.tui.driving import WIDE, browse_of, press, replica, running, screen_text
from tui_registry.datastore import Datastore
from tui_registry.present.pages import PAGES, page_text
from tui_registry.tui.kit.actions import HEADINGS
from tui_registry.tui.kit.authored import markdown_lines
from tui_registry.tui.kit.help import PageScreen, PagesProvider, help_text, page_of_package


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    with replica(tmp_path_factory.mktemp("help")) as datastore:
        yield datastore


def laid_out(name: str, width: int, *words: str) -> str:
    return page_of_package(name)._page(words, width).plain


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_shown_whole(name: str) -> None:
    """All of its words in their order, but for what a block of code is said to be."""
    text = re.sub(r"^```.*$", "", page_text(name), flags=re.MULTILINE)
    shown, written = (re.findall(r"[A-Za-z]{3,}", one) for one in (laid_out(name, 2_000), text))
    wrong = next((at for at, (one, other) in enumerate(zip(shown, written, strict=False)) if one != other), None)
    assert wrong is None, (shown[wrong - 9 : wrong + 9], written[wrong - 9 : wrong + 9])
    assert len(shown) == len(written)


def test_what_is_typed_narrows_a_page_to_the_paragraphs_that_hold_it() -> None:
    found = laid_out("trust", 90, "revocation")
    assert "There is no revocation" in found
    assert len(found) < len(laid_out("trust", 90)) / 4
    assert not laid_out("trust", 90, "xyzzy").strip()


def test_one_part_of_a_page_ends_where_the_next_one_begins() -> None:
    found = page_of_package("trust", "### Somebody else has your key")._page((), 90).plain
    assert "There is no revocation" in found
    assert "Before you write" not in found


def test_a_table_that_is_too_wide_is_broken_within_its_cells() -> None:
    table = "| k | v |\n| --- | --- |\n| a | " + "word " * 20 + "|\n"
    lines = [line.plain.rstrip() for line in markdown_lines(table, 40)]
    assert lines[:2] == ["k │ v", f"──┼─{'─' * 36}"]
    assert lines[2].startswith("a │ word word")
    assert all(line.startswith("  │ word") for line in lines[3:])
    assert max(map(len, lines)) <= 40
    many = "|" + "a long cell|" * 12 + "\n" + "|---" * 12 + "|\n"
    assert " ".join(line.plain for line in markdown_lines(many, 40)).split().count("cell") == 12


async def test_the_line_shows_a_page_in_the_app(shared: Datastore) -> None:
    async with running(shared, WIDE) as (app, pilot):
        for typed, title in (("help conflicts", "Conflicts, undo and history"), ("help node", "Running a node")):
            await press(pilot, ":")
            app.screen.query_one(Input).value = typed
            await press(pilot, "enter")
            assert isinstance(app.screen, PageScreen)
            assert title in screen_text(app)
            await press(pilot, "escape")
            assert app.screen is browse_of(app)


async def test_the_palette_offers_the_pages_by_name_and_by_what_they_are_about(shared: Datastore) -> None:
    async with running(shared, WIDE) as (app, pilot):
        offered = [hit async for hit in PagesProvider(app.screen).discover()]
        assert [str(hit.text) for hit in offered] == [f"Help: {name}" for name in PAGES]
        for typed in ("help: fit", "what runs where"):
            best = max([hit async for hit in PagesProvider(app.screen).search(typed)], key=lambda hit: hit.score)
            assert best.text == "Help: fit"
        await press(pilot, "ctrl+p", *"help: trust", "enter")
        assert isinstance(app.screen, PageScreen)
        assert "How replicas exchange records" in screen_text(app)
        await press(pilot, "escape")
        assert app.screen is browse_of(app)


def test_help_names_the_pages() -> None:
    text = help_text(HEADINGS, 200, ["page help"]).plain
    assert "Pages to read: ctrl+p, or :help NAME" in text
    assert all(f"  {name} " in text for name in PAGES)
