"""Editing: nobody's change is lost, whatever the record holds and whatever happens to it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.form_app import FormApp, clock, go_to, lines, model, settled, typed, under
from tui_registry.crdt import Identity, sign_up
from tui_registry.datastore import Datastore, StoreError
from tui_registry.errors import Record
from tui_registry.records.schema import defaults
from tui_registry.records.wire import derive_id
from tui_registry.replica.unshared import Draft, Drafts
from tui_registry.tui.register.form_changes import DifferenceList, MergeScreen
from tui_registry.tui.register.register_screen import RegisterScreen, Saved


@pytest.fixture
def datastore(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "data", clock=clock) as opened:
        yield opened


def _record(datastore: Datastore, record_id: str) -> Record:
    entry = datastore.entry(record_id)
    assert entry is not None
    return entry.record


def _change(datastore: Datastore, record_id: str, **fields: str) -> None:
    """What another process does meanwhile."""
    entry = datastore.entry(record_id)
    assert entry is not None
    datastore.update(entry.kind, record_id, {**entry.record, **fields}, entry.heads)


async def test_an_edit_changes_what_was_typed_and_nothing_else(datastore: Datastore) -> None:
    before = model(parameters=7_615_616_512, quantization={"Other": "IQ4"}, tags=["chat"], description="a\nb\n")
    record_id = datastore.add("model", before).key
    stored = _record(datastore, record_id)
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        assert "Edit llama" in lines(app)
        await go_to(pilot, "version")
        await typed(pilot, "1.1.0")
        await pilot.press("ctrl+r")
        await settled(pilot)
        shown = lines(app)
        assert "- 1.0.0" in shown
        assert "+ 1.1.0" in shown
        await pilot.press("escape", "ctrl+s")
        await settled(pilot)
    assert app.results == [Saved("model", record_id)]
    assert _record(datastore, record_id) == {**stored, "version": "1.1.0"}


async def test_another_licence_is_signed_once_it_is_known_who_names_the_record(datastore: Datastore) -> None:
    record_id = datastore.add("model", model()).key
    datastore.add("agent", {**defaults("agent"), "name": "crew", "preferred_models": [record_id]})
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "license")
        await typed(pilot, "ISC")
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert "1 agent prefers this" in lines(app)
        await pilot.press("n")
        await settled(pilot)
        assert "nothing was signed" in lines(app)
        assert _record(datastore, record_id)["license"] != "ISC"
        await pilot.press("ctrl+s")
        await settled(pilot)
        await pilot.press("y")
        await settled(pilot)
    assert app.results == [Saved("model", record_id)]
    assert _record(datastore, record_id)["license"] == "ISC"


async def test_a_change_underneath_is_offered_field_by_field_and_nothing_is_lost(datastore: Datastore) -> None:
    record_id = datastore.add("model", model()).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "mine")
        await go_to(pilot, "license")
        await typed(pilot, "ISC")
        _change(datastore, record_id, name="theirs", version="1.0.1", description="theirs too")
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert isinstance(app.screen, MergeScreen)
        assert "This record changed while you edited it" in lines(app)
        assert list(app.screen.query_one(DifferenceList).choices) == ["name", "version", "description"]
        # nothing was written, and Esc leaves the form as it was
        assert _record(datastore, record_id)["name"] == "theirs"
        await pilot.press("escape")
        await settled(pilot)
        assert app.form.state.texts["name"] == "mine"

        # so does its button, and the other one does what ctrl+s does
        await pilot.press("ctrl+s")
        await settled(pilot)
        await pilot.click("#back")
        await settled(pilot)
        assert app.form.state.texts["name"] == "mine"

        await pilot.press("ctrl+s")
        await settled(pilot)
        await pilot.press("space")
        await pilot.click("#accept")
        await settled(pilot)
        assert "This record changed while" not in lines(app)
        assert "merged" in app.outcome.text
        await pilot.press("ctrl+s")
        await settled(pilot)
    assert app.results == [Saved("model", record_id)]
    record = _record(datastore, record_id)
    assert (record["name"], record["version"], record["description"]) == ("theirs", "1.0.1", "theirs too")
    assert record["license"] == "ISC"


async def test_a_change_underneath_is_said_as_soon_as_it_is_seen(datastore: Datastore) -> None:
    record_id = datastore.add("model", model()).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        _change(datastore, record_id, version="1.0.1")
        app.look()
        await settled(pilot)
        await settled(pilot)
        assert "changed meanwhile" in app.outcome.text


async def test_a_draft_of_an_edit_meets_the_change_that_came_in_between(datastore: Datastore) -> None:
    record_id = datastore.add("model", model()).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "mine")
        await pilot.press("escape")
        await settled(pilot)
        _change(datastore, record_id, version="1.0.1")
        app.open(RegisterScreen("model", record_id=record_id))
        await settled(pilot)
        assert app.form.state.texts["name"] == "mine"
        assert "draft saved just now" in lines(app)
        await pilot.press("ctrl+s")
        await settled(pilot)
        await pilot.press("ctrl+s")
        await settled(pilot)
        await pilot.press("ctrl+s")
        await settled(pilot)
    assert app.results == [None, Saved("model", record_id)]
    record = _record(datastore, record_id)
    assert (record["name"], record["version"]) == ("mine", "1.0.1")
    assert datastore.drafts.all() == []


async def test_register_offers_the_draft_of_an_edit_too(datastore: Datastore) -> None:
    record_id = datastore.add("model", model()).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "mine")
        await pilot.press("escape")
        await settled(pilot)
        app.open(RegisterScreen("agent", any_draft=True))
        await settled(pilot)
        assert "edit of model: mine" in lines(app)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("ctrl+s")
        await settled(pilot)
    assert app.results == [None, Saved("model", record_id)]
    assert _record(datastore, record_id)["name"] == "mine"


async def test_a_record_deleted_underneath_can_be_registered_again(datastore: Datastore) -> None:
    record_id = datastore.add("model", model()).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "kept")
        datastore.delete("model", record_id, datastore.heads(record_id))
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert "was deleted meanwhile" in app.outcome.text
        await pilot.press("ctrl+s")
        await settled(pilot)
    saved = app.results[0]
    assert saved is not None
    assert _record(datastore, saved.id)["name"] == "kept"


async def test_another_owners_record_opens_as_a_copy(datastore: Datastore) -> None:
    stranger = Identity.generate()
    record = model(name="foreign", owner_id=stranger.address)
    record["created_at"] = record["updated_at"] = 5
    record["model_id"] = derive_id("model", stranger.address, "foreign", 5)
    datastore.apply([sign_up(stranger, "model", record).to_json()], source="test")
    app = FormApp(datastore, RegisterScreen("model", record_id=str(record["model_id"])))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        assert "signed by another key" in app.outcome.text
        await pilot.press("ctrl+s")
        await settled(pilot)
    saved = app.results[0]
    assert saved is not None
    assert saved.id != record["model_id"]
    assert _record(datastore, saved.id)["owner_id"] == datastore.address
    assert _record(datastore, str(record["model_id"]))["owner_id"] == stranger.address


async def test_a_duplicate_is_a_new_record_with_the_same_fields(datastore: Datastore) -> None:
    record_id = datastore.add("model", model(tags=["chat"])).key
    app = FormApp(datastore, RegisterScreen("model", duplicate_of=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        assert "Copy of llama" in lines(app)
        await pilot.press("ctrl+s")
        await settled(pilot)
    saved = app.results[0]
    assert saved is not None
    assert saved.id != record_id
    assert _record(datastore, saved.id)["tags"] == ["chat"]


class _FullDisk(Datastore):
    """A replica whose disk takes no record and, when told so, no draft."""

    def __init__(self, data_dir, pool, clock, hub=None):  # type: ignore[no-untyped-def]
        super().__init__(data_dir, pool, clock, hub)
        self.drafts = _NoDrafts(pool, clock)

    def add(self, kind, record, **beside):  # type: ignore[no-untyped-def]
        raise StoreError("disk_full", "the disk of /data is full. Nothing was written: make room and try again")


class _NoDrafts(Drafts):
    """When told so, none is taken."""

    full = False

    def replace(self, before: Draft | None, draft: Draft) -> bool:
        if self.full:
            raise StoreError("disk_full", "the disk of /data is full")
        return super().replace(before, draft)


async def test_a_full_disk_keeps_the_form_and_says_what_to_do(tmp_path: Path) -> None:
    with _FullDisk.open(tmp_path / "data", clock=clock) as datastore:
        assert isinstance(datastore, _FullDisk)
        app = FormApp(datastore, RegisterScreen("model"))
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await settled(pilot)
            await typed(pilot, "kept")
            await pilot.press("ctrl+s")
            await settled(pilot)
            assert "make room" in app.outcome.text
            assert app.form.state.texts["name"] == "kept"
            assert [draft.fields["name"] for draft in datastore.drafts.all()] == ["kept"]

            datastore.drafts.full = True
            await pilot.press("!", "escape")
            await settled(pilot)
            assert "Leave, and lose what you typed?" in lines(app)
            await pilot.press("y", "n", "enter")
            await settled(pilot)
            assert app.screen is app.form
            assert app.form.state.texts["name"] == "kept!"
        assert app.results == []


async def test_a_record_that_is_no_more_closes_the_form_with_a_sentence(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model", record_id="a" * 64))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
    assert app.results == [None]
    assert "there is no model aaaaaaaaaaaa here" in app.outcome.text


async def test_problems_of_a_loaded_record_stay_quiet_until_one_looks(datastore: Datastore) -> None:
    record_id = datastore.add("model", model(parameters=0)).key
    app = FormApp(datastore, RegisterScreen("model", record_id=record_id))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        assert under(app, "parameters") == ""
        assert "ready to sign, 1 warning" in lines(app)
        await pilot.press("ctrl+n")
        await settled(pilot)
        assert under(app, "parameters").startswith("! ")
