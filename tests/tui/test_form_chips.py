"""Lists in the form: items that come, go, move and are brought back from the keyboard, and nothing typed is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len
from textual.events import Key, Paste
from textual.pilot import Pilot

from tests.tui.form_app import (
    OF_SHARED_FORM,
    FormApp,
    Opened,
    clock,
    echoed,
    go_to,
    lines,
    model,
    settled,
    typed,
    under,
)
from tests.tui.form_records import HOSTILE
from tui_registry.datastore import Datastore
from tui_registry.tui.register.form_fields import finished_items, join_items, split_items
from tui_registry.tui.register.item_rows import LEAST_LINE, Chips, laid_out
from tui_registry.tui.register.register_screen import RegisterScreen


@pytest.fixture
def datastore(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "data", clock=clock) as opened:
        yield opened


async def write(pilot: Pilot[None], text: str) -> None:
    """Type behind what is there, in one burst."""
    for character in text:
        pilot.app.post_message(Key(character, character))
    await settled(pilot)


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await settled(pilot)


def tags(app: FormApp) -> list[str]:
    return split_items(app.form.state.texts["tags"])


# ---- without widgets


@given(st.lists(st.text(max_size=8)), st.text(max_size=8).map(lambda text: text.replace('"', "")))
def test_a_comma_ends_an_item_and_the_rest_stays_to_be_written(items: list[str], rest: str) -> None:
    rest = rest.replace(",", "").strip()
    line = "".join(f"{join_items([item])}, " for item in items) + rest
    assert finished_items(line) == (items, rest)


def test_a_comma_in_an_open_quote_ends_nothing() -> None:
    assert finished_items('"a, b') == ([], '"a, b')
    assert finished_items('x, "a, b", c') == (["x", "a, b"], "c")


@given(st.lists(st.text(max_size=4), unique=True), st.lists(st.sampled_from(["left", "right", "remove", "take", "on"])))
def test_undo_brings_back_each_state_in_turn(items: list[str], steps: list[str]) -> None:
    chips = Chips(list(items))
    states = []
    for step in steps:
        before = list(chips.items)
        match step:
            case "left":
                chips.left()
            case "right":
                chips.right()
            case "remove":
                chips.remove()
            case "take":
                chips.take_back()
            case _:
                chips.shift(1)
        if chips.items != before:
            states.append(before)
    for state in reversed(states):
        assert chips.undo() is not None
        assert chips.items == state


@given(st.lists(st.text(max_size=40) | st.sampled_from(HOSTILE), max_size=20), st.integers(24, 120))
def test_items_keep_their_order_and_no_line_is_too_long(words: list[str], width: int) -> None:
    full, line = laid_out(words, width)
    assert [chip.place for chips in [*full, line] for chip in chips] == list(range(len(words)))
    for chips in [*full, line]:
        text = " ".join(f"[{chip.text}]" for chip in chips)
        assert cell_len(text) <= width
        assert not set(text) & {"\x1b", "\n", "\u202e"}
    assert sum(cell_len(chip.text) + 3 for chip in line) + LEAST_LINE <= width or not line


# ---- in the form


@OF_SHARED_FORM
async def test_enter_or_a_comma_adds_an_item_and_the_line_begins_anew(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, "tags")
    await write(pilot, "chat, code,multi")
    assert tags(app) == ["chat", "code", "multi"]
    await press(pilot, "enter")
    await write(pilot, "chat,")
    assert tags(app) == ["chat", "code", "multi"]
    assert app.outcome.text == "chat is there already"
    assert echoed(app, "tags") == "3 of 64"
    await press(pilot, "enter")
    assert app.form.query_one("#field-capabilities").has_focus_within


@OF_SHARED_FORM
async def test_items_are_gone_over_removed_moved_and_brought_back_by_keys(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, "tags")
    await write(pilot, "a, b, c, d,")
    await press(pilot, "left", "left")
    assert "[c]" in lines(app)
    await press(pilot, "delete")
    assert tags(app) == ["a", "b", "d"]
    await press(pilot, "ctrl+left")
    assert tags(app) == ["a", "d", "b"]
    await press(pilot, "ctrl+z", "ctrl+z")
    assert tags(app) == ["a", "b", "c", "d"]
    await press(pilot, "home", "enter")
    await write(pilot, "x,")
    assert tags(app) == ["ax", "b", "c", "d"]


@OF_SHARED_FORM
async def test_backspace_in_an_empty_line_takes_the_last_item_back_to_change_it(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, "tags")
    await write(pilot, "chat, cody,")
    await press(pilot, "backspace", "backspace")
    await write(pilot, "e,")
    assert tags(app) == ["chat", "code"]
    await press(pilot, "ctrl+z")
    assert tags(app) == ["chat", "code"]
    await press(pilot, "ctrl+z")
    assert tags(app) == ["chat", "cody"]


@OF_SHARED_FORM
async def test_a_pasted_list_makes_an_item_of_each(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, "tags")
    line = app.form.query_one("#field-tags ChipInput")
    for pasted in ("a, b, c", "d\ne\n", "f", "\x1b[31m,"):
        line.post_message(Paste(pasted))
        await settled(pilot)
    assert tags(app) == ["a", "b", "c", "d", "e", "f\ufffd[31m"]
    await press(pilot, "left")
    assert "\x1b" not in lines(app)


async def test_what_is_still_being_typed_is_part_of_the_record_and_of_the_draft(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "tags")
        await write(pilot, "chat, cod")
        await press(pilot, "escape")
    (draft,) = datastore.drafts.all()
    assert draft.fields["tags"] == "chat, cod"


async def test_words_in_use_are_offered_with_how_many_records_have_them(datastore: Datastore) -> None:
    for name in ("one", "two"):
        datastore.add("model", model(name=name, tags=["multilingual", *(["math"] if name == "one" else [])]))
    app = FormApp(datastore, RegisterScreen("agent"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "tags")
        await write(pilot, "code, m")
        assert re.findall(r"(multilingual|math) +(\d)", lines(app)) == [("multilingual", "2"), ("math", "1")]
        await press(pilot, "right")
        assert tags(app) == ["code", "multilingual"]
        await write(pilot, "m")
        await press(pilot, "escape")
        assert app.results == [], "escape closes the list of words first"
        await press(pilot, "f2", "down", "enter")
        assert tags(app) == ["code", "multilingual", "math"]


@OF_SHARED_FORM
async def test_more_items_than_a_record_can_have_are_kept_and_said(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, "tags")
    app.form.query_one("#field-tags ChipInput").post_message(Paste(", ".join(f"t{n}" for n in range(65))))
    await settled(pilot)
    assert len(tags(app)) == 65
    assert app.outcome.text == "65 are more than the 64 of a record: take some out"
    await press(pilot, "tab")
    assert "has 65 items, at most 64 are allowed" in under(app, "tags")


@OF_SHARED_FORM
async def test_an_item_with_a_problem_is_marked_where_it_stands(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, "tags")
    await write(pilot, "chat, Code Review,")
    assert "✗Code" not in lines(app)
    await press(pilot, "tab")
    assert "✗Code\xa0Review" in lines(app)
    assert "item 2: Code Review is not a slug: write code-review" in under(app, "tags").replace("\n", " ")


async def test_models_are_searched_by_what_was_typed_and_shown_by_name(datastore: Datastore) -> None:
    fits = datastore.add("model", model(name="Mistral-7B")).key
    datastore.add("model", model(name="Mistral-Embed", model_type="Embedding"))
    app = FormApp(datastore, RegisterScreen("agent"))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "preferred_models")
        await write(pilot, "mistral")
        await press(pilot, "enter")
        shown = {
            found[0]: found.string for line in lines(app).splitlines() if (found := re.search(r"Mistral-\w+", line))
        }
        assert "not in Works with" in shown["Mistral-Embed"]
        assert "not in Works with" not in shown["Mistral-7B"]
        await typed(pilot, "mistral-7b")
        await press(pilot, "enter")
        assert split_items(app.form.state.texts["preferred_models"]) == [fits]
        assert "\xa0Mistral-7B\xa0" in lines(app)
        app.form.query_one("#field-preferred_models ChipInput").post_message(Paste("f" * 64))
        await settled(pilot)
        await press(pilot, "enter", "tab")
        assert "!ffffffffffff…" in lines(app)
        assert "is no model known here" in under(app, "preferred_models")
