"""Every key goes to the screen it was typed for, however fast it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from string import ascii_lowercase, digits
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st
from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.widgets import Input

from tests.seeds import NOW, make_record, owner
from tests.tui.driving import browse_of, play, press, replica, running, screen_text, settle, status
from tui_registry.datastore import Datastore, Draft, Entry
from tui_registry.tui import RegistryApp
from tui_registry.tui.compare.compare_screen import CompareScreen, CompareTable
from tui_registry.tui.kit.actions import ACTIONS
from tui_registry.tui.kit.dialogs import AskScreen, ConfirmScreen
from tui_registry.tui.register.register_screen import DraftList, RegisterScreen

CHARACTERS = {"/": "slash", "?": "question_mark", "@": "at", "=": "equals_sign", ".": "full_stop"}
WORDS = st.text(ascii_lowercase + digits + "".join(CHARACTERS), min_size=1, max_size=12)


class Opener(NamedTuple):
    """Keys that lead to a line of text: those to the screen, each waited for, and those that open the line at once."""

    before: tuple[str, ...]
    keys: tuple[str, ...]


OPENERS = {
    "name an owner": Opener((), ("o",)),
    "save a search": Opener(("slash", "m", "escape"), ("ctrl+s",)),
    "import": Opener((), ("i",)),
    "new model": Opener((), ("n", "m")),
    "next version, from the history": Opener(("4",), ("1", "i")),
    "add a peer": Opener(("3",), ("a",)),
    "add a peer, from Browse": Opener((), ("s", "a")),
    "name the replica": Opener(("5",), ("enter", "ctrl+u")),
}
# All that the screens know, and letters; nothing that ends the app.
KEYS = sorted({key for action in ACTIONS for key in action.keys if key not in ("ctrl+q", "ctrl+p")} | set("abcxyz"))


def key_event(key: str) -> Key:
    return Key(CHARACTERS.get(key, key), key if len(key) == 1 else None)


async def in_one_read(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        pilot.app.post_message(key_event(key))
    await settle(pilot)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """For replicas and the settings; each example takes a folder of its own below it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", OPENERS)
@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=WORDS)
def test_what_is_typed_right_after_a_key_ends_in_the_line_that_the_key_opens(
    name: str, folder: Path, word: str
) -> None:
    async def scenario() -> None:
        opener = OPENERS[name]
        with TemporaryDirectory(dir=folder) as path, replica(Path(path)) as datastore:
            datastore.add("model", make_record("model", "mine"))
            async with running(datastore) as (app, pilot):
                await press(pilot, *opener.before)
                await in_one_read(pilot, *opener.keys, *word)
                line = app.focused
                assert isinstance(line, Input)
                assert line.value == word
                assert len(app.screen_stack) == 2
                await ready_to_end(pilot)

    play(scenario)


@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=WORDS, answer=st.sampled_from(["enter", "escape"]), rest=WORDS)
@example(word="hd-yolo-8b", answer="enter", rest="!")
def test_what_is_typed_for_a_new_record_comes_into_its_form_past_the_question_about_drafts(
    folder: Path, word: str, answer: str, rest: str
) -> None:
    async def scenario() -> None:
        with TemporaryDirectory(dir=folder) as path, replica(Path(path)) as datastore:
            draft = Draft("new:1", "model", None, (), {"name": "first idea"})
            datastore.drafts.save(draft)
            async with running(datastore) as (app, pilot):
                await in_one_read(pilot, "n", "m", *word)
                question, form = app.screen, app.screen_stack[-2]
                assert isinstance(question, DraftList)
                assert isinstance(form, RegisterScreen)
                assert not form.ready
                assert f"typed so far: {word}" in screen_text(app)
                await in_one_read(pilot, answer, *rest)
                assert isinstance(app.focused, Input)
                assert app.focused.value == word + rest
                assert len(app.screen_stack) == 2
                assert datastore.drafts.get("new:1") == draft._replace(saved_at=NOW)
                await ready_to_end(pilot)

    play(scenario)


@pytest.mark.parametrize("at", [(), ("@",), ("n", "m"), ("2",), ("3",), ("5", "G")], ids=str)
async def test_no_word_typed_anywhere_destroys_what_no_undo_brings_back(folder: Path, at: tuple[str, ...]) -> None:
    with replica(folder / "data", 3) as datastore:
        datastore.peers.add("lab", str(folder / "log"))
        datastore.names.set(owner("stranger").address, "their-lab")
        datastore.searches.save("agents", "kind:agent")
        datastore.drafts.save(Draft("new:1", "model", None, (), {"name": "first idea"}))
        async with running(datastore) as (app, pilot):
            await press(pilot, *at)
            await in_one_read(pilot, *"dyhd-yolo-8byd")
            assert app.is_running
            assert datastore.peers.all()
            assert len(datastore.names.all()) == 1
            assert datastore.searches.saved() == {"agents": "kind:agent"}
            assert datastore.drafts.get("new:1") is not None
            await ready_to_end(pilot)


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bursts=st.lists(st.lists(st.sampled_from(KEYS), min_size=1, max_size=8), min_size=2, max_size=5))
def test_after_any_burst_of_keys_nothing_is_left_waiting(folder: Path, bursts: list[list[str]]) -> None:
    async def scenario() -> None:
        with TemporaryDirectory(dir=folder) as path, replica(Path(path), 3) as datastore:
            datastore.add("model", make_record("model", "mine"))
            async with running(datastore) as (app, pilot):
                for burst in bursts:
                    await in_one_read(pilot, *burst)
                    assert app.is_running
                    assert app.gate.is_at_rest
                await ready_to_end(pilot)

    play(scenario)


async def ready_to_end(pilot: Pilot[None]) -> None:
    """A form is there whole before the app ends: it would end in the middle of making it."""
    for screen in pilot.app.screen_stack:
        while isinstance(screen, RegisterScreen) and not screen.ready and not isinstance(pilot.app.screen, DraftList):
            await settle(pilot)


async def test_two_letters_in_one_read_open_a_question_and_answer_it(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = datastore.add("model", make_record("model", "mine")).key
        async with running(datastore) as (app, pilot):
            await in_one_read(pilot, "y", "i")
            assert app.screen is browse_of(app)
            assert key in app.clipboard or "id of “mine”" in status(app)
            await in_one_read(pilot, "d", "n", "d", "y")
            assert app.screen is browse_of(app)
            assert datastore.entry(key) is None


async def test_keys_typed_right_after_the_one_that_compares_are_for_the_table(tmp_path: Path) -> None:
    with replica(tmp_path, 4) as datastore:
        async with running(datastore) as (app, pilot):
            await in_one_read(pilot, "space", "space", "=", "right", ".", "y", "m")
            assert isinstance(app.screen, CompareScreen)
            table = app.screen.query_one(CompareTable)
            assert (table.column, table.only_differing) == (1, True)
            assert "the table" in status(app)


async def test_a_paste_waits_for_the_line_like_keys(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "3")
            app.post_message(key_event("a"))
            app.post_message(Paste("lab"))
            await settle(pilot)
            assert isinstance(app.focused, Input)
            assert app.focused.value == "lab"


class SlowDatastore(Datastore):
    """Reads a record when it is let."""

    def hold(self) -> None:
        self.may_read = threading.Event()

    def entry(self, record_id: str, kind: str | None = None) -> Entry | None:
        if hasattr(self, "may_read") and not self.may_read.wait(20):
            raise AssertionError("nobody let it")
        return super().entry(record_id, kind)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[SlowDatastore]:
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "mine"))
    with SlowDatastore.open(tmp_path) as datastore:
        yield datastore


def holds_keys(app: RegistryApp) -> Callable[[], bool]:
    return lambda: any(flow.holds_keys for flow in app.gate.flows)


async def test_where_a_reading_is_slow_that_is_said_and_esc_gives_it_up(slow: SlowDatastore) -> None:
    async with running(slow) as (app, pilot):
        slow.hold()
        app.gate.patience = 0.01
        app.post_message(key_event("d"))
        app.post_message(key_event("y"))
        await app.gate.until(holds_keys(app))
        await app.gate.until(lambda: "esc gives it up" in status(app))
        app.post_message(key_event("escape"))
        await app.gate.until(lambda: not holds_keys(app)())
        slow.may_read.set()
        await settle(pilot)
        assert app.screen is browse_of(app)
        assert status(app) == ""
        assert len(list(slow.entries())) == 1


async def test_what_was_typed_after_the_esc_that_gives_up_a_slow_reading_keeps_its_turn(slow: SlowDatastore) -> None:
    async with running(slow) as (app, pilot):
        slow.hold()
        app.gate.patience = 0.01
        for key in ("d", "y", "escape", "/", *"abc"):
            app.post_message(key_event(key))
        await app.gate.until(holds_keys(app))
        await app.gate.until(lambda: not holds_keys(app)())
        slow.may_read.set()
        await settle(pilot)
        assert isinstance(app.focused, Input)
        assert app.focused.value.strip() == "abc"
        assert len(list(slow.entries())) == 1


async def test_what_is_slow_opens_its_dialog_in_the_end_and_the_keys_are_for_that(slow: SlowDatastore) -> None:
    async with running(slow) as (app, pilot):
        slow.hold()
        for key in ("o", *"lab"):
            app.post_message(key_event(key))
        await app.gate.until(holds_keys(app))
        slow.may_read.set()
        await settle(pilot)
        assert isinstance(app.screen, AskScreen)
        assert isinstance(app.focused, Input)
        assert app.focused.value == "lab"


async def test_a_key_that_is_held_down_does_not_answer_the_question_that_it_opened(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.peers.add("lab", str(tmp_path / "log"))
        async with running(datastore) as (app, pilot):
            await press(pilot, "3")
            await in_one_read(pilot, "d", "d", "d")
            assert isinstance(app.screen, ConfirmScreen)
            assert len(app.screen_stack) == 2
