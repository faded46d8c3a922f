"""Nothing typed is lost: not by a kill, a second form or process on the same draft, a second import, or an upgrade."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.events import Paste

from tests.seeds import owner
from tests.tui.form_app import FormApp, clock, go_to, lines, model, settled, typed, under
from tui_registry.datastore import Datastore, Draft
from tui_registry.tui.register.desk import Desk, Opened, Wanted, edit_key
from tui_registry.tui.register.form_state import as_draft
from tui_registry.tui.register.register_screen import DraftList, RegisterScreen

_TYPES_UNTIL_IT_IS_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.tui.form_app import FormApp, clock, settled, typed
from tui_registry.datastore import Datastore
from tui_registry.tui.register.register_screen import RegisterScreen

async def main():
    with Datastore.open(Path(sys.argv[1]), clock=clock) as datastore:
        app = FormApp(datastore, RegisterScreen("model"))
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await typed(pilot, "half an idea")
            while app.form.drafts.saved_at is None or app.form.drafts.unsaved:
                await pilot.pause()
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
def datastore(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "data", clock=clock) as opened:
        yield opened


def opened_form(desk: Desk, wanted: Wanted) -> Opened:
    return desk.open(wanted)


def keep(desk: Desk, opened: Opened, key: str, **texts: str) -> str:
    for path, text in texts.items():
        opened.state.edit(path, text)
    return desk.keep(as_draft(key, opened.state, clock()))


def typed_in(datastore: Datastore, path: str) -> list[str]:
    return sorted(draft.fields[path] for draft in datastore.drafts.all())


def test_a_killed_process_leaves_its_draft(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    run = subprocess.run(
        [sys.executable, "-c", _TYPES_UNTIL_IT_IS_KILLED, str(folder)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert run.returncode == -signal.SIGKILL, run.stderr
    with Datastore.open(folder) as datastore:
        assert typed_in(datastore, "name") == ["half an idea"]


@pytest.mark.parametrize("of", ["a new record", "an edit"])
def test_two_processes_on_one_draft_keep_what_each_typed(tmp_path: Path, of: str) -> None:
    folder = tmp_path / "data"
    with Datastore.open(folder, clock=clock) as ours, Datastore.open(folder, clock=clock) as others:
        if of == "an edit":
            wanted = Wanted("model", record_id=ours.add("model", model()).key)
        else:
            ours.drafts.save(Draft("new:1", "model", None, (), {"name": "begun"}))
            wanted = Wanted("model", draft_key="new:1")
        here, there = Desk(ours), Desk(others)
        mine, theirs = opened_form(here, wanted), opened_form(there, wanted)
        assert keep(here, mine, mine.key, name="mine") == mine.key
        assert keep(here, mine, mine.key, name="mine, on and on") == mine.key
        second = keep(there, theirs, theirs.key, name="theirs")
        assert second != mine.key
        assert keep(there, theirs, second, name="theirs, too") == second
        assert typed_in(ours, "name") == ["mine, on and on", "theirs, too"]

        # What is left of the one can be gone on with beside the other, and signing the one leaves the other
        again = opened_form(Desk(ours), Wanted("model", draft_key=second))
        assert (again.key, again.state.texts["name"]) == (second, "theirs, too")
        assert again.state.record_id == wanted.record_id
        here.close(mine.key)
        assert typed_in(ours, "name") == ["theirs, too"]


def test_a_form_that_is_left_does_not_remove_what_another_one_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Datastore.open(folder, clock=clock) as ours, Datastore.open(folder, clock=clock) as others:
        ours.drafts.save(Draft("new:1", "model", None, (), {"name": "begun"}))
        here, there = Desk(ours), Desk(others)
        opened_form(here, Wanted("model", draft_key="new:1"))
        theirs = opened_form(there, Wanted("model", draft_key="new:1"))
        keep(there, theirs, theirs.key, name="theirs")
        here.close("new:1")
        assert typed_in(ours, "name") == ["theirs"]


async def test_a_form_whose_draft_was_changed_elsewhere_says_that_both_are_kept(datastore: Datastore) -> None:
    record_id = datastore.add("model", model()).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "mine")
        datastore.drafts.save(Draft(edit_key("model", record_id), "model", record_id, (), {"name": "theirs"}))
        app.form.keep_draft()
        await settled(pilot)
        assert "yours is kept beside it" in lines(app)
        await pilot.press("escape")
        await settled(pilot)
    assert typed_in(datastore, "name") == ["mine", "theirs"]


def test_a_second_import_of_an_own_record_leaves_the_draft_of_the_first(datastore: Datastore, tmp_path: Path) -> None:
    from tui_registry.tui.imports.survey import survey

    record_id = datastore.add("model", model()).key
    entry = datastore.entry(record_id)
    assert entry is not None
    for version in ("2.0.0", "3.0.0"):
        copy = {"kind": "model", "record": {**entry.record, "version": version}}
        (tmp_path / "copy.json").write_text(json.dumps(copy))
        (line,) = survey(datastore, str(tmp_path / "copy.json")).lines
        desk = Desk(datastore)
        form = desk.open(Wanted("model", imported=line.candidate))
        assert ("earlier draft" in form.notice) == (version == "3.0.0")
        assert keep(desk, form, form.key) == form.key
    assert typed_in(datastore, "version") == ["2.0.0", "3.0.0"]
    assert {draft.record_id for draft in datastore.drafts.all()} == {record_id}


async def test_a_draft_of_an_earlier_version_opens_with_the_fields_that_came_since(datastore: Datastore) -> None:
    record_id = datastore.add("model", model(tags=["chat"])).key
    entry = datastore.entry(record_id)
    assert entry is not None
    fields = {"name": "renamed", "was:name": "llama", "a_field_of_old": "kept"}
    datastore.drafts.save(Draft(edit_key("model", record_id), "model", record_id, entry.heads, fields))
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        assert app.form.state.texts["tags"] == "chat"
        assert app.form.state.changed
        await go_to(pilot, "version")
        await typed(pilot, "2.0.0")
        await pilot.press("escape")
        await settled(pilot)
    (draft,) = datastore.drafts.all()
    assert (draft.fields["name"], draft.fields["version"]) == ("renamed", "2.0.0")
    assert draft.fields["a_field_of_old"] == "kept"


async def test_a_draft_of_a_kind_that_is_not_known_yet_waits_for_its_version(datastore: Datastore) -> None:
    datastore.drafts.save(Draft("new:1", "dataset", None, (), {"name": "later"}))  # type: ignore[arg-type]
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        assert app.screen is app.form
        await pilot.press("escape")
        await settled(pilot)
    assert typed_in(datastore, "name") == ["later"]


async def test_a_draft_that_comes_back_shows_what_is_wrong_with_it(datastore: Datastore) -> None:
    wrong = {"name": "half an idea", "version": "one", "context_length": "many"}
    datastore.drafts.save(Draft("new:1", "model", None, (), wrong))
    app = FormApp(datastore, RegisterScreen("model", draft_key="new:1"))
    async with app.run_test(size=(160, 50), notifications=True) as pilot:
        await settled(pilot)
        assert app.outcome.text == "your draft is back: 2 problems before this can be signed, 1 warning"
        assert under(app, "version").startswith("✗")
        assert under(app, "context_length").startswith("✗ many is not")
        assert not under(app, "parameters")
        # What the person said last is not said again
        await go_to(pilot, "version")
        await typed(pilot, "1.0.0")
        await settled(pilot)
        assert app.outcome.text == ""


# The question about drafts


async def test_what_is_typed_and_pasted_at_the_question_goes_to_the_form_that_is_chosen(datastore: Datastore) -> None:
    datastore.drafts.save(Draft("new:1", "model", None, (), {"name": "first idea"}))
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press(*"gone", "ctrl+u", *" and m", "backspace")
        app.post_message(Paste("on!\x1b"))
        await settled(pilot)
        await pilot.press("backspace", "backspace", "tab", *"2.")
        assert "typed so far:  and on [tab] 2." in lines(app)
        # The first letter had moved the cursor to the new one; whoever moves it back goes on with the draft
        await pilot.press("up", *"0", "enter", *"1")
        await settled(pilot)
        assert app.form.state.texts["name"] == "first idea and on"
        assert app.form.state.texts["version"] == "2.01"
        await pilot.press("escape")
        await settled(pilot)
    assert typed_in(datastore, "name") == ["first idea and on"]


async def test_a_long_paste_at_the_question_stays_on_its_line(datastore: Datastore) -> None:
    datastore.drafts.save(Draft("new:1", "model", None, (), {"name": "first idea"}))
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        before = len(lines(app).strip().splitlines())
        app.post_message(Paste("word\n" * 500 + "the\x1b[31m end"))
        await settled(pilot)
        assert "the\ufffd[31m end" in lines(app)
        assert len(lines(app).strip().splitlines()) == before


@pytest.mark.parametrize("wanted", ["model", "agent", "any"])
async def test_the_kind_that_is_asked_for_is_the_kind_that_is_offered(datastore: Datastore, wanted: str) -> None:
    record_id = datastore.add("model", model()).key
    edit = Draft(edit_key("model", record_id), "model", record_id, datastore.heads(record_id), {"name": "an edit"})
    for draft in (Draft("new:1", "model", None, (), {"name": "a new one"}), edit):
        datastore.drafts.save(draft)
    form = RegisterScreen("agent" if wanted == "agent" else "model", any_draft=wanted == "any")
    app = FormApp(datastore, form)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        shown = lines(app)
        assert isinstance(app.screen, DraftList) == (wanted != "agent")
        assert ("new model: a new one" in shown) == (wanted != "agent")
        assert ("edit of model: an edit" in shown) == (wanted == "any")
        assert ("Other drafts: 1, offered by 2 Register" in shown) == (wanted == "model")
        await pilot.press("escape")
        await settled(pilot)
    assert typed_in(datastore, "name") == ["a new one", "an edit"]


async def test_what_was_typed_at_the_question_is_a_draft_when_the_app_ends(datastore: Datastore) -> None:
    datastore.drafts.save(Draft("new:1", "model", None, (), {"name": "first idea"}))
    for keys in ([], [*"second"]):
        app = FormApp(datastore, RegisterScreen("model"))
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await settled(pilot)
            await pilot.press(*keys, "ctrl+q")
        assert len(datastore.drafts.all()) == (2 if keys else 1)
    assert typed_in(datastore, "name") == ["first idea", "second"]


async def test_a_draft_that_went_while_it_was_offered_leaves_a_new_form_with_what_was_typed(
    datastore: Datastore,
) -> None:
    datastore.drafts.save(Draft("new:1", "model", None, (), {"name": "first idea"}))
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        datastore.drafts.drop("new:1")
        await pilot.press(*"kept", "up", "enter")
        await settled(pilot)
        assert app.form.state.texts["name"] == "kept"


async def test_a_draft_is_not_discarded_where_it_was_changed_since_it_was_shown(datastore: Datastore) -> None:
    datastore.drafts.save(Draft("new:1", "model", None, (), {"name": "first idea"}))
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        datastore.drafts.save(Draft("new:1", "model", None, (), {"name": "first idea, and more"}))
        await pilot.press("delete", "right", "enter")
        await settled(pilot)
        assert "changed elsewhere meanwhile: it is kept" in app.outcome.text
    assert typed_in(datastore, "name") == ["first idea, and more"]


# No draft goes by itself


async def test_a_draft_with_texts_of_the_other_kind_alone_is_kept(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "parameters")
        await typed(pilot, "7b")
        await go_to(pilot, "name")
        await pilot.press("shift+tab", "enter", "down", "enter")
        await settled(pilot)
        assert app.form.state.kind == "agent"
        await pilot.press("escape")
        await settled(pilot)
        assert "draft kept" in app.outcome.text
        app.open(RegisterScreen("agent"))
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("escape")
        await settled(pilot)
    assert typed_in(datastore, "parameters") == ["7b"]


async def test_the_last_of_several_drafts_of_a_record_comes_back_and_the_others_are_named(datastore: Datastore) -> None:
    record_id = datastore.add("model", model()).key
    key, heads, fields = edit_key("model", record_id), datastore.heads(record_id), {"was:name": "llama"}
    for suffix in ("", ":beside"):
        datastore.drafts.save(Draft(key + suffix, "model", record_id, heads, fields | {"name": f"mine{suffix}"}))
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        assert app.outcome.text == "the last of your 2 drafts of it is back: 2 Register offers the others"
        await pilot.press("escape")
        await settled(pilot)
    assert typed_in(datastore, "name") == ["mine", "mine:beside"]


def test_a_draft_of_a_record_that_another_key_signed_opens_with_what_was_typed(datastore: Datastore) -> None:
    record_id = datastore.add("model", model()).key
    datastore.drafts.save(Draft("edit:1", "model", record_id, datastore.heads(record_id), {"name": "typed"}))
    datastore.key.replace(owner("another"))
    opened = opened_form(Desk(datastore), Wanted("model", draft_key="edit:1"))
    assert (opened.key, opened.state.texts["name"], opened.state.record_id) == ("edit:1", "typed", None)
    assert "signed by another key" in opened.notice
