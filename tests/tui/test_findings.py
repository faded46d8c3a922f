"""The list of what a source holds: several chosen and signed as one, one problem mended for all, nothing lost."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.seeds import make_record
from tests.tui.driving import (
    WIDE,
    browse_of,
    list_of,
    name_under_cursor,
    press,
    replica,
    running,
    screen_text,
    settle,
    status,
)
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.tui import RegistryApp
from tui_registry.tui.imports.findings import FindingList, FindingsScreen, finding_columns, last_of
from tui_registry.tui.imports.survey import ImportRefused, survey
from tui_registry.tui.kit.dialogs import ChooseScreen, ConfirmScreen
from tui_registry.tui.kit.lists import GAP
from tui_registry.tui.register.register_screen import RegisterScreen
from tui_registry.tui.register.value_screen import ValueScreen


def showing(app: RegistryApp) -> type:
    """The class of the screen on top."""
    return type(app.screen)


def card(folder: Path, name: str, *, licence: str = "", task: str = "", version: str = "") -> None:
    """A model card in a folder of its own, as a clone of a Hub repository has it."""
    front = ["tags: [chat]"] + [f"license: {licence}"] * bool(licence) + [f"pipeline_tag: {task}"] * bool(task)
    path = folder / name / "README.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["---", *front, "---", f"# {name}", "", f"A model called {name}.{version}", ""]))


def ours(path: Path, *names: str, **fields: Json) -> Path:
    """A list of models of ours in one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([{"kind": "model", "record": make_record("model", name, **fields)} for name in names]))
    return path


async def found_in(pilot: Pilot[None], source: object) -> FindingsScreen:
    await press(pilot, "i")
    pilot.app.screen.query_one(Input).value = str(source)
    await settle(pilot)
    await press(pilot, "enter")
    screen = pilot.app.screen
    assert isinstance(screen, FindingsScreen)
    return screen


def summary(app: RegistryApp) -> str:
    return str(app.screen.query_one("#summary", Static).content).replace("\n", " ")


def marks(app: RegistryApp) -> int:
    return len(app.screen.query_one(FindingList).marked)


def named(datastore: Datastore) -> dict[str, Record]:
    """The records that are here, by name."""
    entries = [datastore.entry(row.id) for row in datastore.search("").rows]
    return {str(entry.record["name"]): entry.record for entry in entries if entry is not None}


@contextmanager
def no_room(datastore: Datastore) -> Iterator[None]:
    """A disk that is full, for the replica's writer."""
    with datastore._pool.write() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    yield
    with datastore._pool.write() as db:
        db.execute("PRAGMA max_page_count = 1073741823")


async def test_one_problem_is_mended_for_all_that_have_it_and_what_is_marked_is_signed_as_one_batch(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "found"
    card(folder, "alpha", licence="mit", task="text-generation")
    card(folder, "beta", task="text-generation")
    card(folder, "gamma")
    card(folder, "delta", licence="mit")
    (folder / "values.yaml").write_text("replicas: 3\n")
    (folder / "broken.json").write_text(json.dumps({"kind": "model", "record": {"name": ["no text"]}}))
    with replica(tmp_path / "data") as datastore:
        datastore.add("model", make_record("model", "before"))
        async with running(datastore) as (app, pilot):
            await found_in(pilot, folder)
            assert summary(app) == "5 found: 2 ready, 3 not ready; 1 file passed over"
            assert "delta/README.md" in screen_text(app)
            await press(pilot, "G")
            assert "has the field replicas" in screen_text(app)
            await press(pilot, "space")
            assert status(app) == "it cannot be registered: it describes no model or agent"
            await press(pilot, "g")

            # A value for all: which problem first, then the value, by the words of the field
            await press(pilot, "m")
            assert showing(app) is ChooseScreen
            assert "Type not stated  2 findings" in screen_text(app)
            assert "Licence not stated  2 findings" in screen_text(app)
            await press(pilot, "1")
            assert showing(app) is ValueScreen
            assert "Type of 2 findings in the list" in screen_text(app)
            await press(pilot, *"emb", "enter")
            assert status(app) == "gave 2 findings the type Embedding: u takes it back"
            assert summary(app).startswith("5 found: 4 ready, 1 not ready")
            await press(pilot, "u")
            assert summary(app).startswith("5 found: 2 ready, 3 not ready")
            await press(pilot, "m", "1", *"summarise", "enter")
            assert summary(app).startswith("5 found: 4 ready, 1 not ready")

            # The same check as in the form, before it is given; only the marked ones get it
            await press(pilot, "/", *"licence not", "enter", "space", "escape", "m", "1")
            assert "Licence of 1 finding that is marked" in screen_text(app)
            await press(pilot, *"Apache-3", "enter")
            assert showing(app) is ValueScreen
            assert "✗ Apache-3 is not an SPDX licence" in screen_text(app)
            await press(pilot, *["backspace"] * 8, *"apache 2")
            assert "(ctrl+t writes it)" in " ".join(screen_text(app).replace("│", " ").split())
            await press(pilot, "ctrl+t")
            assert app.screen.query_one(Input).value == "Apache-2.0"
            await press(pilot, "ctrl+t")
            assert "no problem says what to write" in screen_text(app)
            await press(pilot, *["backspace"] * 10, *"apa", "tab", "enter")
            assert status(app) == "gave 1 finding the licence Apache-2.0: u takes it back"
            assert len(named(datastore)) == 1

            # Leaving would lose it
            await press(pilot, "escape")
            assert showing(app) is ConfirmScreen
            assert "Leave, with 1 marked and 3 mended" in " ".join(screen_text(app).replace("│", " ").split())
            await press(pilot, "y", "escape")
            assert showing(app) is FindingsScreen

            # All that is ready is marked, and signed after one question
            await press(pilot, "a")
            assert status(app).startswith("4 marked: r signs them")
            await press(pilot, "r")
            assert "Register 4 records, signed by your key?" in screen_text(app)
            await press(pilot, "y")
            assert status(app) == "registered 4 records: u in Browse undoes all"
            assert summary(app).startswith("5 found: 1 not ready, 4 registered")
            assert marks(app) == 0
            records = named(datastore)
            assert records["gamma"]["model_type"] == records["delta"]["model_type"] == {"Other": "summarise"}
            assert sorted(str(records[name]["license"]) for name in ("alpha", "beta", "gamma", "delta")) == [
                "Apache-2.0", "LicenseRef-unstated", "MIT", "MIT",
            ]  # fmt: skip
            await press(pilot, "g", "space")
            assert status(app).startswith("it cannot be registered: Name: must be text")
            await press(pilot, "escape")
            assert app.screen is browse_of(app)

            # Twice is once, whatever was given to it here
            await found_in(pilot, folder)
            assert summary(app).startswith("5 found: 1 not ready, 4 here already")
            await press(pilot, "j", "enter")
            assert "is here already" in status(app)
            await press(pilot, "escape", "g", "u", "2", "y")
            assert list(named(datastore)) == ["before"]


async def test_what_changed_is_shown_and_signed_only_where_it_was_chosen(tmp_path: Path) -> None:
    path = ours(tmp_path / "found" / "many.json", "m0", "m1", "m2", license="MIT")
    with replica(tmp_path / "data") as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            await found_in(pilot, path)
            await press(pilot, "a", "r", "y")
            assert status(app).startswith("registered 3 records")
            await press(pilot, "escape")

            ours(path, "m0", "m1", "m2", license="Apache-2.0")
            list_of(app).move_to(0)
            await press(pilot, "d", "y")  # one is deleted here meanwhile
            gone = {"m0", "m1", "m2"} - set(named(datastore))
            await found_in(pilot, path)
            assert summary(app) == "3 found: 2 changed, 1 deleted here"
            assert "A marks what changed" in screen_text(app)
            await press(pilot, "a")
            assert status(app) == "nothing here is new and ready: A marks what changed"
            await press(pilot, "A")
            assert status(app).startswith("2 marked: r signs them")
            assert "Licence: MIT → Apache-2.0" in screen_text(app)
            await press(pilot, "space", "r")
            assert "Licence: MIT → Apache-2.0" in screen_text(app)
            assert "Update 1 record, signed by your key?" in screen_text(app)
            await press(pilot, "n")
            assert {str(record["license"]) for record in named(datastore).values()} == {"MIT"}

            # What was deleted comes again only where it is marked; with what changed it is one batch
            await press(pilot, "/", *"deleted", "enter", "space", "r")
            assert "Register 1 record and update 1 record, signed by your key?" in screen_text(app)
            assert "1 of them was deleted here before." in screen_text(app)
            await press(pilot, "y")
            assert status(app) == ("registered 1 record and updated 1 record: u in Browse undoes all")
            assert sorted(str(record["license"]) for record in named(datastore).values()) == [
                "Apache-2.0", "Apache-2.0", "MIT",
            ]  # fmt: skip

            # An edit in the form starts from what is here
            await press(pilot, "escape", "/", *"changed", "enter", "enter")
            form = app.screen
            assert isinstance(form, RegisterScreen)
            assert (form.state.base["license"], form.state.texts["license"]) == ("MIT", "Apache-2.0")
            await press(pilot, "ctrl+s")
            assert showing(app) is FindingsScreen
            await press(pilot, "escape")
            assert summary(app) == "3 found: 1 registered, 2 updated"
            assert {str(record["license"]) for record in named(datastore).values()} == {"Apache-2.0"}

            # The batch of the list is taken back as one
            await press(pilot, "escape")
            rows = [list_of(app).item_at(place) for place in range(list_of(app).total)]
            list_of(app).move_to([row.name for row in rows if row is not None].index(next(iter(gone))))
            await press(pilot, "u")
            assert "records, undone as one" in screen_text(app)
            await press(pilot, "2", "y")
            assert [str(record["license"]) for record in named(datastore).values()].count("MIT") == 1
            assert not gone & set(named(datastore))


async def test_a_full_disk_and_a_record_that_came_meanwhile_keep_the_marks_and_are_said_in_their_place(
    tmp_path: Path,
) -> None:
    path = ours(tmp_path / "many.json", "m0", "m1", license="Apache-2.0", description="long " * 1000)
    with replica(tmp_path / "data") as datastore:
        datastore.add("model", make_record("model", "before"))
        async with running(datastore) as (app, pilot):
            await found_in(pilot, path)
            path.unlink()  # what was read is at hand
            await press(pilot, "a")
            with no_room(datastore):
                await press(pilot, "r", "y")
                assert status(app) == "nothing was signed: why, stands above the list"
                assert "is full: this was not written. Make room and try again" in summary(app)
                assert marks(app) == 2
                assert len(named(datastore)) == 1
            # Somebody else registers one of them meanwhile: it is no longer what was shown, and not signed over that
            datastore.add("model", make_record("model", "m1", license="MIT", description="long " * 1000))
            await press(pilot, "r", "y")
            assert status(app) == "registered 1 record, not 1 of them: why, stands below the list"
            assert summary(app) == "2 found: 1 changed, 1 registered"
            assert "Licence: MIT → Apache-2.0" in screen_text(app)
            assert marks(app) == 1
            await press(pilot, "space", "escape")
            assert name_under_cursor(app) == "m0"


def test_a_source_that_goes_away_leaves_what_it_gave_before(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        ours(tmp_path / "found" / name / "list.json", f"{name}0", f"{name}1")

    def unplugged() -> bool:
        shutil.rmtree(tmp_path / "found" / "b", ignore_errors=True)
        return False

    with replica(tmp_path / "data") as datastore:
        found = survey(datastore, str(tmp_path / "found"), unplugged)
    assert [line.candidate.name for line in found.lines] == ["a0", "a1"]
    assert "found/b cannot be read" in found.broken
    assert found.alone is None


async def test_findings_are_left_with_their_draft_and_told_apart_by_words(tmp_path: Path) -> None:
    path = ours(tmp_path / "many.json", "one", "two", "three", "four")
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            screen = await found_in(pilot, path)
            await press(pilot, "enter", "end", "!", "escape")
            assert "draft kept" in screen_text(app)
            await press(pilot, "G", "enter", "ctrl+s")
            assert showing(app) is FindingsScreen
            assert summary(app) == "4 found: 2 ready, 1 kept as drafts, 1 registered"
            await press(pilot, "g", "space")
            assert status(app) == "a draft of it is kept: enter goes on with it"
            # What was only looked at stays as it is
            await press(pilot, "a", "j", "enter")
            assert showing(app) is RegisterScreen
            await press(pilot, "escape")
            assert marks(app) == 2
            assert len(datastore.drafts.all()) == 1
            await press(pilot, "/", *"thr")
            assert list(screen.query_one(FindingList).shown) == [2]
            assert "1 of 4" in screen_text(app)
            await press(pilot, *"zzz")
            assert "Nothing here has these words" in screen_text(app)
            await press(pilot, "escape")
            assert len(screen.query_one(FindingList).shown) == 4
            assert marks(app) == 2

            # What is being signed is signed, and said, where somebody leaves meanwhile
            with datastore._pool.write():
                for key in ("r", "y", "enter", "escape"):
                    app.post_message(Key(key, key if len(key) == 1 else None))
                await pilot.pause()
                assert app.screen is browse_of(app)
                assert not named(datastore).keys() & {"two", "three"}
            await settle(pilot)
            assert status(app).startswith("registered 2 records")
            assert set(named(datastore)) == {"two", "three", "four"}
        assert [draft.fields["name"] for draft in datastore.drafts.all()] == ["one!"]


async def test_the_arrows_choose_what_is_given_and_it_stays_in_sight_on_the_smallest_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "found"
    card(folder, "alpha")
    for name in ("beta", "gamma", "delta"):
        card(folder, name, licence="mit", task="text-generation")
    ours(folder / "other.json", "odd", license="Foo-Bar")
    with replica(tmp_path / "data") as datastore:
        async with running(datastore, (60, 16)) as (app, pilot):
            screen = await found_in(pilot, folder)
            assert screen.query_one(FindingList).size.height > 5
            await press(pilot, "m")
            assert "Foo-Bar is not an SPDX licence" in screen_text(app)
            assert "write an id" not in screen_text(app)
            await press(pilot, "2", "down", "down", "down", "down")
            assert "ImageGeneration" in screen_text(app)
            assert "nothing is signed yet" in screen_text(app)
            await press(pilot, "up", "up", "tab", "ctrl+u", "down", "down", "enter")
            assert status(app).startswith("gave 1 finding the type Multimodal")
            await press(pilot, "m", "1", *"mi", "down", "enter")
            assert status(app).startswith("gave 1 finding the licence MIT")

            # What is said of one is said of one, and only what can be done
            await press(pilot, "g", "space")
            assert status(app) == "1 marked: r signs it"
            await press(pilot, "k", "space", "space")
            assert status(app) == "1 marked: r signs it, m mends a problem of it"
            await press(pilot, "r")
            assert "It has no stated licence." in screen_text(app)


async def test_what_is_here_otherwise_than_its_source_says_is_not_told_to_be_the_same(tmp_path: Path) -> None:
    path = ours(tmp_path / "many.json", "m0", "m1", license="MIT")
    with replica(tmp_path / "data") as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            await found_in(pilot, path)
            await press(pilot, "a", "r", "y", "escape")
            ours(path, "m0", "m1", license="Apache-2.0")
            await found_in(pilot, path)
            await press(pilot, "A", "r", "y", "escape", "u", "2", "y")  # and the update is taken back
            await found_in(pilot, path)
            assert summary(app) == "2 found: 2 here already"
            assert "the source says nothing new" in screen_text(app)
            assert "nothing is left to do here" in screen_text(app)
            await press(pilot, "escape")
            ours(path, "m0", "m1", license="GPL-3.0-only")
            await found_in(pilot, path)
            assert "here already as" in screen_text(app)
            assert "edited here since" in screen_text(app)
            assert "Licence: the source says something else" in " ".join(screen_text(app).split())


async def test_what_is_left_alone_cannot_be_marked_as_if_one_value_mended_it(tmp_path: Path) -> None:
    path = ours(tmp_path / "many.json", "twin", "other", license="GPL-3.0-only")
    with replica(tmp_path / "data") as datastore:
        for licence in ("MIT", "Apache-2.0"):
            datastore.add("model", make_record("model", "twin", license=licence))
        async with running(datastore) as (app, pilot):
            await found_in(pilot, path)
            assert summary(app) == "2 found: 1 ready, 1 left alone"
            await press(pilot, "space")
            assert marks(app) == 0
            assert "enter opens it as a new record" in " ".join(screen_text(app).split())


def test_a_host_is_asked_nothing_more_once_nobody_waits_for_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, replica(tmp_path / "data") as datastore:
        silent.setblocking(False)
        with pytest.raises(ImportRefused):
            survey(datastore, f"http://127.0.0.1:{silent.getsockname()[1]}", lambda: True)
        with pytest.raises(BlockingIOError):
            silent.accept()


@pytest.mark.parametrize("width", [57, 76, 96, 200])
def test_a_line_says_which_file_at_any_width(width: int) -> None:
    columns = finding_columns(width)
    assert sum(column.width for column in columns) + GAP * (len(columns) - 1) == width
    assert columns[-1].title == "WHERE"
    assert columns[-1].width >= len("…/README.md")
    assert last_of("models/of/somebody/README.md", 18) == "…omebody/README.md"
    assert cell_len(last_of("模型/模型/README.md", 12)) <= 12
