"""The conflict screen: nobody's version is lost unseen, and nothing is signed that nobody decided."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from tests.seeds import NOW, make_record, owner, signed
from tests.tui.driving import (
    NARROW,
    WIDE,
    browse_of,
    notice_changes,
    press,
    replica,
    running,
    screen_text,
    settle,
    status,
)
from tests.tui.form_app import go_to
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.tui import RegistryApp
from tui_registry.tui.conflicts.conflict_screen import ConflictScreen, TextScreen
from tui_registry.tui.conflicts.version_columns import ItemTable
from tui_registry.tui.kit.dialogs import ConfirmScreen
from tui_registry.tui.register.inputs import SafeArea
from tui_registry.tui.register.register_screen import RegisterScreen

Fields = dict[str, Json]

BASE: Fields = {"description": "Sorts tickets.", "license": "MIT", "tags": ["support", "old"]}
DESK: Fields = {"description": "Sorts tickets by topic.", "version": "1.0.0", "tags": ["support", "old", "desk"]}
LAPTOP: Fields = {"description": "Sorts tickets by urgency.", "license": "ISC", "tags": ["support", "laptop"]}


def conflict(datastore: Datastore, *sides: Fields, by: str = "me", **base: Json) -> str:
    """A record that one key wrote on several devices at once; returns its id. The first side is the current one."""
    root = signed(owner(by), "model", "torn", **{**BASE, **base})
    assert root.record is not None
    datastore.apply([root.to_json()], source="hub")
    for place, side in enumerate(sides):
        came(datastore, by, root.record, side, place)
    return root.key


def came(datastore: Datastore, by: str, root: Record, side: Fields, place: int) -> None:
    """A version that builds on the first one comes from another device. The smaller the place, the smaller the hash:
    of clocks that are equal the smallest hash is shown."""
    children = [datastore.history(str(root["model_id"]))[-1].hash]
    op = next(
        op
        for at in count(NOW - 3600)
        for op in [
            sign_up(owner(by), "model", {**root, **side, "updated_at": at}, children=children, clock=2, counter=2)
        ]
        if op.hash[0] == f"{place:x}"
    )
    report = datastore.apply([op.to_json()], source=f"device {place}")
    assert report.applied == 1


def record_of(datastore: Datastore, key: str) -> Record:
    entry = datastore.entry(key)
    assert entry is not None
    assert len(entry.live_heads) == 1
    return entry.record


def screen_of(app: RegistryApp) -> ConflictScreen:
    assert isinstance(app.screen, ConflictScreen)
    return app.screen


def shown_fields(app: RegistryApp) -> list[str]:
    return [row.path for row in screen_of(app).settling.rows()]


async def to_field(app: RegistryApp, pilot: Pilot[None], path: str) -> None:
    await press(pilot, "g", *["j"] * shown_fields(app).index(path))


@pytest.mark.parametrize(("key", "size"), [("e", NARROW), ("d", WIDE), ("v", NARROW), ("exclamation_mark", WIDE)])
async def test_whoever_edits_or_deletes_a_record_in_conflict_is_shown_both_versions_first(
    tmp_path: Path, key: str, size: tuple[int, int]
) -> None:
    with replica(tmp_path) as datastore:
        record_id = conflict(datastore, DESK, LAPTOP)
        heads = datastore.heads(record_id)
        async with running(datastore, size) as (app, pilot):
            assert "! conflict" in screen_text(app)
            assert "! 1 conflict" in screen_text(app)
            await press(pilot, key)
            assert shown_fields(app) == ["version", "description", "license", "tags"]
            seen = screen_text(app)
            for _ in range(3):
                await press(pilot, "right")
                seen += screen_text(app)
            # every value of both versions, the words that changed, and items that one of them added or removed
            for words in ("1.0.0", "ISC", "topic", "urgency", "+ desk", "- old, + laptop", "undecided"):
                assert words in seen
            assert datastore.heads(record_id) == heads


async def test_the_two_laptops_story_ends_with_one_version_that_has_all(tmp_path: Path) -> None:
    with replica(tmp_path / "desk") as desk, replica(tmp_path / "laptop") as laptop:
        key = desk.add("model", make_record("model", "torn", **BASE)).key
        laptop.apply(desk.log.by_hash([*desk.heads(key)], 65_537), source="desk")
        for datastore, fields in ((desk, DESK), (laptop, LAPTOP)):
            entry = datastore.entry(key)
            assert entry is not None
            datastore.update("model", key, {**entry.record, **fields}, entry.heads)
        desk.apply(laptop.log.by_hash([*laptop.heads(key)], 65_537), source="laptop")
        async with running(desk, WIDE) as (app, pilot):
            await press(pilot, "e", "ctrl+s")
            assert "not signed: Description undecided" in status(app)
            assert len(desk.heads(key)) == 2
            await press(pilot, "a")
            assert "A " in screen_text(app)
            await press(pilot, "ctrl+s")
            assert app.screen is browse_of(app)
            assert "stands in its history" in status(app)
            assert "conflict" not in screen_text(app).splitlines()[0]
        record = record_of(desk, key)
        assert record["tags"] == ["support", "desk", "laptop"]
        assert (record["version"], record["license"]) == ("1.0.0", "ISC")
        assert record["description"] in (DESK["description"], LAPTOP["description"])
        # one operation that names both: the other replica sees no conflict either
        laptop.apply(
            (line for line in desk.log.by_hash([entry.hash for entry in desk.history(key)], 1 << 20)), source=""
        )
        assert record_of(laptop, key) == record


async def test_a_field_a_whole_version_items_and_words_of_ones_own_can_be_taken_and_taken_back(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = conflict(datastore, DESK, LAPTOP)
        async with running(datastore) as (app, pilot):
            await press(pilot, "exclamation_mark")
            settling = screen_of(app).settling
            await press(pilot, "B")
            assert settling.record["tags"] == LAPTOP["tags"]
            assert settling.record["version"] == "0.1.0"
            await press(pilot, "u")
            assert settling.waiting == ["description"]
            await to_field(app, pilot, "tags")
            await press(pilot, "enter", "j", "space")
            assert "old" in str(settling.record["tags"])
            await press(pilot, "escape")
            await to_field(app, pilot, "license")
            await press(pilot, "enter", "ctrl+a", *"no such licence", "enter")
            assert "!" in screen_text(app).splitlines()[6][:4]
            assert "SPDX" in screen_text(app)
            await to_field(app, pilot, "description")
            await press(pilot, "enter")
            assert isinstance(app.screen, TextScreen)
            app.screen.query_one(SafeArea).text = "By topic\nand urgency."
            await press(pilot, "escape")
            assert isinstance(app.screen, ConfirmScreen)  # what was written is not lost by a slip
            await press(pilot, "n", "ctrl+s")
            assert settling.record["description"] == "By topic\nand urgency."
            # what breaks a rule is not signed, and the cursor goes there
            await press(pilot, "ctrl+s")
            assert len(datastore.heads(key)) == 2
            row = screen_of(app).row
            assert row is not None
            assert row.path == "license"
            await press(pilot, "b", "ctrl+s")
        record = record_of(datastore, key)
        assert (record["license"], record["description"]) == ("ISC", "By topic\nand urgency.")
        assert _list(record["tags"]) == ["support", "old", "desk", "laptop"]


def _list(value: Json) -> Sequence[Json]:
    assert isinstance(value, list)
    return value


async def test_what_is_decided_stays_when_other_versions_come_and_waits_where_they_say_otherwise(
    tmp_path: Path,
) -> None:
    with replica(tmp_path) as datastore:
        key = conflict(datastore, DESK, LAPTOP)
        root = datastore.history(key)[-1].record
        assert root is not None
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "exclamation_mark")
            settling = screen_of(app).settling
            await to_field(app, pilot, "description")
            await press(pilot, "b")
            await to_field(app, pilot, "license")
            await press(pilot, "b")
            assert settling.waiting == []
            came(datastore, "me", root, {"license": "0BSD", "context_length": 4096}, 2)
            # signing and the look of each second meet it at once, in whatever order: nothing is signed
            app.look()
            await press(pilot, "ctrl+s")
            assert len(datastore.heads(key)) == 3
            said = ("version C came meanwhile", "not signed: Licence undecided", "the versions changed meanwhile")
            assert any(words in status(app) for words in said)
            assert settling.record["description"] == LAPTOP["description"]
            assert settling.record["context_length"] == 4096
            assert settling.waiting == ["license"]
            assert "0BSD" in screen_text(app)
            await press(pilot, "escape", "exclamation_mark")
            assert "is back" in status(app)
            settling = screen_of(app).settling
            assert settling.waiting == ["license"]
            await to_field(app, pilot, "license")
            await press(pilot, "c", "ctrl+s")
        assert record_of(datastore, key)["license"] == "0BSD"


async def test_a_conflict_that_another_process_settled_is_left_and_said(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = conflict(datastore, DESK, LAPTOP)
        versions = datastore.versions(key)
        assert versions is not None
        async with running(datastore) as (app, pilot):
            await press(pilot, "exclamation_mark")
            datastore.resolve("model", key, versions.live[0].record, versions.heads)
            await notice_changes(pilot)
            assert app.screen is browse_of(app)
            assert "settled elsewhere" in status(app)


async def test_a_conflict_can_end_with_the_record_deleted(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = conflict(datastore, DESK, LAPTOP)
        async with running(datastore) as (app, pilot):
            await press(pilot, "d", "d", "y")
            assert app.screen is browse_of(app)
            assert "U brings it back" in status(app)
        assert datastore.entry(key) is None


async def test_somebody_elses_conflict_is_shown_and_says_who_can_settle_it(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = conflict(datastore, DESK, LAPTOP, by="lab")
        heads = datastore.heads(key)
        datastore.names.set(owner("lab").address, "the lab")
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "exclamation_mark", "a", "B", "r", "ctrl+s")
            assert "only the lab (0x" in status(app)
            assert "result" not in screen_text(app)
            await press(pilot, "d")
            assert isinstance(app.screen, ConflictScreen)
        assert datastore.heads(key) == heads


async def test_many_versions_are_all_within_reach_and_the_result_always_in_sight(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        ways: list[Fields] = [
            {"version": f"2.{place}.0", "tags": ["support", "old", f"way-{place}"]} for place in range(9)
        ]
        key = conflict(datastore, *ways)
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "exclamation_mark")
            for place in range(9):
                assert f"2.{place}.0" in screen_text(app)
                assert "undecided" in screen_text(app)
                await press(pilot, "right")
            await press(pilot, "left", "space", "ctrl+s")
        record = record_of(datastore, key)
        assert record["version"] == "2.8.0"
        assert _list(record["tags"]) == ["support", "old", *(f"way-{place}" for place in range(9))]


async def test_what_a_form_says_is_taken_along_when_its_record_comes_into_conflict(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        key = conflict(datastore, DESK)
        root = datastore.history(key)[-1].record
        assert root is not None
        async with running(datastore) as (app, pilot):
            await press(pilot, "e")
            await go_to(pilot, "name")
            await press(pilot, "end", *"-mine")
            came(datastore, "me", root, LAPTOP, 1)
            await press(pilot, "ctrl+s")
            assert "what you typed is taken along" in status(app)
            assert screen_of(app).settling.record["name"] == "torn-mine"
            assert "name" in shown_fields(app)
            await press(pilot, "escape")
            assert isinstance(app.screen, RegisterScreen)
            assert app.screen.state.texts["name"] == "torn-mine"
            await press(pilot, "ctrl+s", "r", "ctrl+s")
            assert app.screen is browse_of(app)
            assert datastore.drafts.all() == []
        record = record_of(datastore, key)
        assert (record["name"], record["license"]) == ("torn-mine", "ISC")


async def test_the_key_leads_from_everywhere_to_the_conflict_or_to_the_list_of_them(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "calm"))
        async with running(datastore) as (app, pilot):
            await press(pilot, "3", "exclamation_mark")
            assert status(app) == "no record here is in conflict"
            conflict(datastore, DESK, LAPTOP)
            await notice_changes(pilot)
            await press(pilot, "exclamation_mark")
            assert isinstance(app.screen, ConflictScreen)
            await press(pilot, "escape")
            for name in ("lab", "hub"):
                conflict(datastore, DESK, LAPTOP, by=name)
            await press(pilot, "exclamation_mark")
            assert isinstance(app.screen, ConflictScreen)  # one's own comes before those of others
            await press(pilot, "d", "y", "exclamation_mark")
            assert app.screen is browse_of(app)
            line = browse_of(app).query_one(Input)
            assert line.value.strip() == "is:conflict"


async def test_restoring_a_version_of_a_record_in_conflict_settles_it_in_sight_of_all_versions(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        root = signed(owner("me"), "model", "forked", description="the first words")
        assert root.record is not None
        forks = [
            sign_up(owner("me"), "model", {**root.record, "description": text}, children=[root.hash], clock=2)
            for text in ("those of one desk", "those of the other")
        ]
        datastore.apply(op.to_json() for op in (root, *forks))
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "4", "G", "r")
            assert isinstance(app.screen, ConflictScreen)
            assert "the first words" in screen_text(app)
            assert datastore.log.head().size == 3
            await press(pilot, "ctrl+s", "y")
        entry = datastore.entry(root.key)
        assert entry is not None
        assert (entry.record["description"], len(entry.live_heads)) == ("the first words", 1)


async def test_a_fast_tab_on_a_list_leads_to_its_items_and_space_takes_one(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        conflict(datastore, DESK, LAPTOP)
        async with running(datastore) as (app, pilot):
            await press(pilot, "exclamation_mark")
            settling = screen_of(app).settling
            for key in (*"jjj", "tab"):
                app.post_message(Key(key, key if len(key) == 1 else None))
            await settle(pilot)
            assert isinstance(app.focused, ItemTable)
            assert status(app).startswith("space takes an item")
            await press(pilot, "down", "space")
            assert _list(settling.record["tags"]) == ["support", "old", "desk", "laptop"]


async def test_a_refused_signature_names_the_version_that_the_rest_would_be_taken_from(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        conflict(datastore, {"description": "one", "license": "ISC"}, {"description": "two", "license": "0BSD"})
        async with running(datastore) as (app, pilot):
            await press(pilot, "exclamation_mark", "right", "ctrl+s")
            assert status(app) == "not signed: 2 undecided; r takes them from B"
            await press(pilot, "r")
            assert screen_of(app).settling.record["description"] == "two"


async def test_what_a_form_says_is_taken_along_later_where_the_conflict_could_not_be_shown_at_once(
    tmp_path: Path,
) -> None:
    with replica(tmp_path) as datastore:
        key = conflict(datastore, DESK)
        root = datastore.history(key)[-1].record
        assert root is not None
        async with running(datastore) as (app, pilot):
            await press(pilot, "e")
            form = app.screen
            assert isinstance(form, RegisterScreen)
            await go_to(pilot, "name")
            await press(pilot, "end", *"-mine")
            came(datastore, "me", root, LAPTOP, 1)
            # the palette lies over the form by the time that the write is refused
            await press(pilot, "ctrl+p")
            form.action_save()
            await settle(pilot)
            assert not isinstance(app.screen, ConflictScreen)
            await press(pilot, "escape")
            assert app.screen is form
            assert "ctrl+s shows" in status(app)
            await press(pilot, "ctrl+s")
            assert screen_of(app).settling.record["name"] == "torn-mine"
            assert "taken along" in status(app)


async def test_the_detail_of_a_record_in_conflict_offers_to_show_its_versions(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        conflict(datastore, DESK, LAPTOP)
        async with running(datastore) as (app, pilot):
            await press(pilot, "enter")
            assert "! conflict" in screen_text(app).splitlines()[-1]
            await press(pilot, "d")
            assert status(app) == "in conflict: look at its versions, then d deletes them all"
            assert "right next column" in screen_text(app).splitlines()[-1]
            assert "? help" in screen_text(app).splitlines()[-1]


async def test_what_was_said_of_one_screen_does_not_cover_what_another_says(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        conflict(datastore, DESK, LAPTOP)
        conflict(datastore, DESK, LAPTOP, by="lab")
        async with running(datastore) as (app, pilot):
            await press(pilot, "g", "exclamation_mark")
            if not screen_of(app).settling.versions.mine:
                await press(pilot, "escape", "j", "exclamation_mark")
            await to_field(app, pilot, "tags")
            await press(pilot, "tab")
            assert status(app).startswith("space takes an item")
            await press(pilot, "escape", "escape")
            assert "space takes" not in status(app)
            await press(pilot, "exclamation_mark", "r", "ctrl+s")
            assert status(app).startswith("settled ")
            await press(pilot, "g", "exclamation_mark")
            if screen_of(app).settling.versions.mine:
                await press(pilot, "escape", "j", "exclamation_mark")
            assert status(app).startswith("only the key")
