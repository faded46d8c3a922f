"""Texts from strangers in the form: shown as data, kept as they are, never run and never sent to the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.events import Paste

from tests.tui.form_app import FormApp, clock, go_to, lines, model, settled, typed
from tests.tui.form_records import HOSTILE
from tui_registry.datastore import Datastore, Draft
from tui_registry.errors import Record
from tui_registry.tui.register.form_changes import Difference, MergeScreen
from tui_registry.tui.register.form_fields import form_fields
from tui_registry.tui.register.register_screen import RegisterScreen, Saved


@pytest.fixture
def datastore(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "data", clock=clock) as opened:
        yield opened


def _record(datastore: Datastore, record_id: str) -> Record:
    entry = datastore.entry(record_id)
    assert entry is not None
    return entry.record


async def test_hostile_texts_are_shown_safely_and_survive_an_edit_elsewhere(datastore: Datastore) -> None:
    record = model(
        name=HOSTILE[0] + HOSTILE[2],
        description="\n".join(HOSTILE),
        model_type={"Other": HOSTILE[1] + HOSTILE[3]},
        capabilities=[*HOSTILE],
    )
    record_id = datastore.add("model", record).key
    stored = _record(datastore, record_id)
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await settled(pilot)
        for path in ("name", "model_type", "capabilities", "description"):
            await go_to(pilot, path)
            await settled(pilot)
            shown = lines(app)
            assert "\x1b" not in shown
            assert "\u202e" not in shown
        await go_to(pilot, "version")
        await typed(pilot, "2.0.0")
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert "\x1b" not in lines(app)
        await pilot.press("escape", "ctrl+s")
        await settled(pilot)
    assert app.results == [Saved("model", record_id)]
    assert _record(datastore, record_id) == {**stored, "version": "2.0.0"}


async def test_hostile_texts_in_drafts_problems_and_merges_are_data(datastore: Datastore) -> None:
    for number, text in enumerate(HOSTILE):
        datastore.drafts.save(Draft(f"new:{number}", "model", None, (), {"name": text, "license": text}))
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await settled(pilot)
        assert "\x1b" not in lines(app)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert "\x1b" not in lines(app)
        pairs = zip(form_fields("model"), HOSTILE, strict=False)
        app.push_screen(MergeScreen([Difference(field, text, text, text, True, "mine") for field, text in pairs]))
        await settled(pilot)
        assert "\x1b" not in lines(app)
        assert "[/x]" in lines(app)


async def test_a_pasted_escape_sequence_never_reaches_the_terminal(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        app.form.query_one("#field-name SafeInput").post_message(Paste("\x1b[31mred\nblue"))
        await settled(pilot)
        assert app.form.state.texts["name"] == "\ufffd[31mred blue"
        await go_to(pilot, "tags")
        app.form.query_one("#field-tags SafeInput").post_message(Paste("chat\ncode\n"))
        await settled(pilot)
        assert app.form.state.texts["tags"] == "chat, code"
        await go_to(pilot, "description")
        app.form.query_one("#field-description SafeArea").post_message(Paste("one\x1b]0;x\x07\ntwo"))
        await settled(pilot)
        assert "\x1b" not in app.form.state.texts["description"]
        assert "\x1b" not in lines(app)


async def test_hostile_names_in_the_search_for_models_are_data(datastore: Datastore) -> None:
    for text in HOSTILE:
        datastore.add("model", model(name=text))
    app = FormApp(datastore, RegisterScreen("agent"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "preferred_models")
        await pilot.press("enter")
        await settled(pilot)
        assert "[/x]" in lines(app)
        assert "\x1b" not in lines(app)
        await pilot.press("down", "enter")
        await settled(pilot)
        assert len(app.form.state.texts["preferred_models"]) == 64
        assert "\x1b" not in lines(app)
