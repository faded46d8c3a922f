"""What stands behind a record, where records are shown: its status, its files, its history, its conflicts."""

from __future__ import annotations

from pathlib import Path

from tests.crdt import model
from tests.seeds import make_record
from tests.tui.driving import NARROW, WIDE, list_of, press, replica, running, screen_text, settle, status
from tui_registry.datastore import Datastore, ManifestEntry
from tui_registry.errors import Json, Record
from tui_registry.records.schema import defaults
from tui_registry.tui.browse.version_screen import VersionScreen
from tui_registry.tui.kit.dialogs import ChooseScreen


def manifest(**fields: Json) -> Record:
    return defaults("manifest") | fields


def behind(datastore: Datastore, record_id: str) -> ManifestEntry:
    found = datastore.manifests.get(record_id)
    assert found is not None
    return found


def says(datastore: Datastore, record_id: str, name: str) -> Json:
    found = behind(datastore, record_id).manifest
    return None if found is None else found[name]


def registered(datastore: Datastore, name: str = "tiny", **fields: Json) -> str:
    return datastore.add("model", make_record("model", name), manifest=manifest(**fields) if fields else None).key


ARTIFACT: Record = {
    "uri": "hf://org/tiny/tiny.gguf", "media_type": "", "sha256": "ab" * 32, "size_bytes": 5 * 1024**3, "quantization": "GGUF",
}  # fmt: skip


async def test_a_record_is_deprecated_by_one_key_shown_so_everywhere_and_brought_back_by_undo(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        heir = registered(datastore, "tiny-2")
        record_id = registered(datastore, artifacts=[ARTIFACT])
        async with running(datastore, WIDE) as (app, pilot):
            list_of(app).move_to(0)
            await press(pilot, "D")
            await press(pilot, "tab", *"use", "space", *"it", "tab", *"tiny-2", "ctrl+s")
            await press(pilot, "enter")
            await press(pilot, "ctrl+s")
            assert "is deprecated from now on: u takes it back" in status(app)
            assert (says(datastore, record_id, "status"), says(datastore, record_id, "superseded_by")) == (
                "Deprecated", heir
            )  # fmt: skip
            assert says(datastore, record_id, "artifacts") == [ARTIFACT]
            shown = screen_text(app)
            assert "tiny  deprecated" in shown
            assert "! deprecated: use it; its owner" in shown
            await press(pilot, "u", "y")
            assert says(datastore, record_id, "status") == "Active"
            assert "deprecated" not in screen_text(app)


async def test_a_withdrawal_without_a_reason_is_refused_where_it_is_asked_for(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        record_id = registered(datastore)
        async with running(datastore, NARROW) as (app, pilot):
            await press(pilot, "D", "down", "ctrl+s")
            assert "a withdrawn record says why" in screen_text(app)
            assert behind(datastore, record_id).heads == ()
            await press(pilot, "tab", *"bad", "ctrl+s")
            assert (says(datastore, record_id, "status"), says(datastore, record_id, "status_message")) == (
                "Withdrawn", "bad"
            )  # fmt: skip
            await press(pilot, "D", "up", "up", "ctrl+s")
            assert (says(datastore, record_id, "status"), says(datastore, record_id, "status_message")) == (
                "Active",
                "",
            )


async def test_the_detail_tells_what_stands_behind_a_record_and_what_became_of_it(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        record_id = registered(datastore, artifacts=[ARTIFACT], languages=["en"])
        entry = behind(datastore, record_id)
        assert entry.manifest is not None
        datastore.manifests.set(record_id, {**entry.manifest, "languages": ["nl"]}, entry.heads)
        async with running(datastore, NARROW) as (app, pilot):
            await press(pilot, "enter", "right", "right", "right", "right")
            assert "hf://org/tiny/tiny.gguf, 5 GiB, GGUF" in " ".join(screen_text(app).split())
            await press(pilot, "right", "right")
            shown = screen_text(app)
            assert "edited manifest" in shown
            assert "Languages: en → nl" in shown
            await press(pilot, "enter")
            assert isinstance(app.screen, VersionScreen)
            assert "edited manifest" in screen_text(app)
            await press(pilot, "left_square_bracket")
            assert "registered manifest" in screen_text(app)
            await press(pilot, "r", "y")
            assert says(datastore, record_id, "languages") == ["en"]


async def test_a_manifest_in_conflict_is_said_and_settled_by_choosing_a_version(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        record_id = registered(datastore, status_message="before")
        forked(datastore, record_id)
        async with running(datastore, WIDE) as (app, pilot):
            assert "2 versions of its manifest are live" in status(app)
            await press(pilot, "exclamation_mark")
            assert isinstance(app.screen, ChooseScreen), status(app)
            shown = screen_text(app)
            assert "right" in shown
            assert "left" in shown
            chosen = datastore.manifests.versions(record_id)[1]
            await press(pilot, "b")
            # The key signed elsewhere: that is asked about before
            await press(pilot, "right", "enter")
            assert chosen.record is not None
            assert says(datastore, record_id, "status_message") == chosen.record["status_message"]
            assert len(behind(datastore, record_id).live_heads) == 1


def forked(datastore: Datastore, record_id: str) -> None:
    entry = behind(datastore, record_id)
    assert entry.manifest is not None
    identity = datastore.key.identity()
    sides = [
        model.spell(model.up_tree(identity, "manifest", {**entry.manifest, "status_message": side}, [*entry.heads], 2))
        for side in ("left", "right")
    ]
    assert datastore.apply(sides, source="hub").applied == 2


async def test_history_tells_of_the_manifest_what_its_operation_wrote(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        record_id = registered(datastore, artifacts=[ARTIFACT])
        entry = behind(datastore, record_id)
        assert entry.manifest is not None
        datastore.manifests.set(record_id, {**entry.manifest, "languages": ["nl"]}, entry.heads)
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "4")
            shown = " ".join(screen_text(app).split())
            assert "Languages: none → nl" in shown
            assert "version 2 of 2" in shown
            assert "hf://org/tiny/tiny.gguf" in shown
            await press(pilot, "j", "enter")
            await settle(pilot)
            assert isinstance(app.screen, VersionScreen)
            assert "registered manifest" in screen_text(app)


async def test_undo_in_the_history_undoes_the_operation_under_the_cursor_and_no_later_one(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        record_id = registered(datastore)
        datastore.manifests.set(record_id, manifest(languages=["nl"]))
        entry = datastore.entry(record_id)
        assert entry is not None
        datastore.update("model", record_id, {**entry.record, "version": "2.0.0"}, entry.heads)
        async with running(datastore, NARROW) as (app, pilot):
            await press(pilot, "4", "j")
            assert "registered manifest" in screen_text(app)
            await press(pilot, "u")
            assert "Undo the writing of the manifest of model “tiny”" in " ".join(screen_text(app).split())
            await press(pilot, "y")
            changed = datastore.entry(record_id)
            assert changed is not None
            assert (changed.record["version"], behind(datastore, record_id).manifest) == ("2.0.0", None)


async def test_no_record_is_offered_as_its_own_replacement_and_a_name_is_said_to_be_looked_for(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        registered(datastore)
        async with running(datastore, NARROW) as (app, pilot):
            await press(pilot, "D", "tab", "tab", *"tiny")
            assert "tiny is no id: Enter looks for a model of that name" in screen_text(app)
            await press(pilot, "enter")
            assert "no model here matches" in screen_text(app)
