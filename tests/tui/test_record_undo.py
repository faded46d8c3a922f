"""On a record of one's own: its next version, undo as one more operation, bringing back what was deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.seeds import make_record, owner, seed, signed, written
from tests.tui.driving import browse_of, name_under_cursor, press, replica, running, screen_text, status
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore, Together, carry_out, plan_undo
from tui_registry.errors import Json, RegistryError
from tui_registry.present.undone import done
from tui_registry.tui import RegistryApp
from tui_registry.tui.browse.detail_screen import DetailScreen
from tui_registry.tui.browse.record_actions import next_versions
from tui_registry.tui.kit.dialogs import ChooseScreen, ConfirmScreen
from tui_registry.tui.register.register_screen import RegisterScreen


def showing(app: RegistryApp) -> type:
    """The class of the screen on top."""
    return type(app.screen)


def mine(datastore: Datastore, *versions: str) -> str:
    """A record with these versions, one after the other; its id."""
    first, *later = versions
    key = datastore.add("model", make_record("model", "mine", version=first)).key
    for version in later:
        entry = datastore.entry(key)
        assert entry is not None
        datastore.update("model", key, {**entry.record, "version": version}, entry.heads)
    return key


def version_of(datastore: Datastore, key: str) -> Json:
    entry = datastore.entry(key)
    return None if entry is None else entry.record["version"]


@pytest.mark.parametrize(
    ("version", "following"),
    [
        ("1.2.3", ["1.2.4", "1.3.0", "2.0.0"]),
        ("1.2.3-rc.1", ["1.2.3", "1.3.0", "2.0.0"]),
        ("1.2.3+build", ["1.2.4", "1.3.0", "2.0.0"]),
        ("1.2", []),
        ("", []),
    ],
)
def test_the_next_versions_are_those_of_semver(version: str, following: list[str]) -> None:
    assert [step.version for step in next_versions(version)] == following


async def test_a_new_version_is_the_edit_form_with_the_version_that_was_chosen(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = mine(datastore, "1.2.3")
        async with running(datastore) as (app, pilot):
            await press(pilot, "v")
            assert showing(app) is ChooseScreen
            assert "1.3.0" in screen_text(app)
            await press(pilot, "M")
            assert showing(app) is RegisterScreen
            await press(pilot, "ctrl+s")
            assert status(app).startswith("saved ")
        assert version_of(datastore, key) == "2.0.0"
        assert len(datastore.history(key)) == 2


async def test_undo_restores_the_value_before_as_one_more_operation(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = mine(datastore, "1.0.0", "2.0.0")
        async with running(datastore) as (app, pilot):
            await press(pilot, "u")
            assert showing(app) is ConfirmScreen
            assert "Version: 2.0.0 → 1.0.0" in screen_text(app)
            await press(pilot, "n")
            assert version_of(datastore, key) == "2.0.0"
            await press(pilot, "u", "y")
            assert version_of(datastore, key) == "1.0.0"
            assert len(datastore.history(key)) == 3
            await press(pilot, "u", "y")
            assert version_of(datastore, key) == "2.0.0"


async def test_undoing_a_registration_deletes_and_says_so_first(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = mine(datastore, "1.0.0")
        async with running(datastore) as (app, pilot):
            await press(pilot, "u")
            assert "delete it?" in screen_text(app)
            await press(pilot, "y")
            assert datastore.entry(key) is None
            await press(pilot, "U", "y")
            assert version_of(datastore, key) == "1.0.0"


async def test_what_was_deleted_is_brought_back_right_after(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        key = mine(datastore, "1.0.0", "1.1.0")
        async with running(datastore) as (app, pilot):
            await press(pilot, "enter")
            assert showing(app) is DetailScreen
            await press(pilot, "d", "y")
            assert status(app) == "deleted model “mine”: U brings it back"
            await press(pilot, "U", "y")
            assert status(app) == "“mine” is back"
            assert app.screen is browse_of(app)
            assert name_under_cursor(app) == "mine"
            await press(pilot, "U")
            assert status(app) == "there is no deleted record of yours to bring back"
        assert version_of(datastore, key) == "1.1.0"
        assert [entry.is_rm for entry in datastore.history(key)] == [False, True, False, False]


async def test_the_record_of_another_owner_cannot_be_undone(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        seed(datastore, 1)
        async with running(datastore) as (app, pilot):
            await press(pilot, "u")
            assert "only the key that signed" in status(app)
            await press(pilot, "v")
            assert "Duplicate as new" in screen_text(app)


def test_an_undo_that_was_overtaken_writes_nothing(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = mine(datastore, "1.0.0", "2.0.0")
        planned = plan_undo(datastore, key)
        entry = datastore.entry(key)
        assert entry is not None
        datastore.update("model", key, {**entry.record, "version": "3.0.0"}, entry.heads)
        with pytest.raises(RegistryError, match="changed"):
            carry_out(datastore, planned)
        assert version_of(datastore, key) == "3.0.0"


def test_a_conflict_is_settled_before_anything_is_undone(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        root = signed(owner("me"), "model", "forked")
        assert root.record is not None
        forks = [
            sign_up(owner("me"), "model", {**root.record, "version": version}, children=[root.hash], clock=2)
            for version in ("1.0.0", "2.0.0")
        ]
        datastore.apply(op.to_json() for op in (root, *forks))
        with pytest.raises(RegistryError, match="is in conflict, 2 versions of it are live: settle that first"):
            plan_undo(datastore, root.key)


def test_undo_after_a_settled_conflict_restores_the_version_that_was_shown(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        root = signed(owner("me"), "model", "forked")
        assert root.record is not None
        forks = [
            sign_up(owner("me"), "model", {**root.record, "version": version}, children=[root.hash], clock=2)
            for version in ("1.0.0", "2.0.0")
        ]
        datastore.apply(op.to_json() for op in (root, *forks))
        entry = datastore.entry(root.key)
        assert entry is not None
        shown = entry.record["version"]
        written(datastore, root.key, {**entry.record, "version": "3.0.0"})
        carry_out(datastore, plan_undo(datastore, root.key))
        assert version_of(datastore, root.key) == shown


def test_the_undo_of_a_rename_calls_the_record_by_the_name_that_it_has_again(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = mine(datastore, "1.0.0")
        entry = datastore.entry(key)
        assert entry is not None
        datastore.update("model", key, {**entry.record, "name": "renamed"}, entry.heads)
        undo = plan_undo(datastore, key)
        carry_out(datastore, undo)
        assert done(undo).startswith("“mine” is as it was before")


async def test_an_import_is_undone_as_one_from_any_of_its_records(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        together = Together("import of a folder")
        drafts = [("model", make_record("model", name)) for name in ("one", "two", "three")]
        list(datastore.add_all(drafts, together=together))
        datastore.add("model", make_record("model", "apart"))
        async with running(datastore) as (app, pilot):
            await press(pilot, "j", "u")
            assert showing(app) is ChooseScreen
            assert "The whole import of a folder" in screen_text(app)
            await press(pilot, "2")
            assert showing(app) is ConfirmScreen
            assert "3 records" in screen_text(app)
            assert "U brings them back" in " ".join(screen_text(app).split())
            await press(pilot, "y")
            assert status(app) == "undone: import of a folder, 3 records: U brings them back"
            assert [entry.record["name"] for entry in datastore.entries()] == ["apart"]
            await press(pilot, "U", "2")
            assert "3 records come back." in screen_text(app)
            await press(pilot, "y")
            assert len(list(datastore.entries())) == 4


async def test_marked_records_that_are_deleted_together_come_back_together(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        for name in ("one", "two"):
            datastore.add("model", make_record("model", name))
        async with running(datastore) as (app, pilot):
            await press(pilot, "space", "space", "d", "y")
            assert status(app).startswith("deleted 2 records")
            assert datastore.stats().records == 0
            await press(pilot, "U", "2", "y")
            assert datastore.stats().records == 2
