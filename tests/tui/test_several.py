"""Many records marked at once, and what all of them get: tags, a licence, a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.places import no_room_for_many
from tests.seeds import make_record, seed
from tests.tui.driving import NARROW, WIDE, browse_of, list_of, press, replica, running, screen_text, settle, status
from tui_registry.datastore import Datastore
from tui_registry.present import several
from tui_registry.tui.kit.dialogs import ConfirmScreen

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])


def fill(datastore: Datastore) -> list[str]:
    """Two records of a stranger and three of one's own, the ids of these."""
    seed(datastore, 2)
    return [
        datastore.add("model", make_record("model", f"mine-{number}", license="MIT", tags=["old"])).key
        for number in range(3)
    ]


def tags_of(datastore: Datastore, identifier: str) -> object:
    entry = datastore.entry(identifier)
    return None if entry is None else entry.record["tags"]


# ---- marks -----------------------------------------------------------------------------------------------------------


async def test_capital_v_marks_from_the_last_mark_to_here_also_over_what_was_never_in_view(tmp_path: Path) -> None:
    with replica(tmp_path, 900) as datastore:
        rows = [row.id for row in datastore.search(limit=1000).rows]
        async with running(datastore) as (app, pilot):
            await press(pilot, "j", "V")
            assert "space marks the first" in status(app)
            await press(pilot, "space", "G", "V")
            assert list(list_of(app).marked) == rows[1:]
            await press(pilot, "escape")
            list_of(app).move_to(850)
            await settle(pilot)
            await press(pilot, "space")
            list_of(app).move_to(400)
            await settle(pilot)
            await press(pilot, "V")
            assert set(list_of(app).marked) == set(rows[400:851])


async def test_a_marks_all_that_are_found_and_again_unmarks_them(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        async with running(datastore, query="kind:agent") as (app, pilot):
            await press(pilot, "a")
            assert len(list_of(app).marked) == 6
            assert status(app).startswith("6 marked")
            await press(pilot, "a")
            assert not list_of(app).marked


async def test_more_than_can_be_marked_are_told_and_not_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "MOST", 20)
    with replica(tmp_path, 30) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "a")
            assert "narrow the search" in status(app)
            await press(pilot, "space", "G", "V")
            assert "lie between: at most 20" in status(app)
            assert len(list_of(app).marked) == 1
            marked = set(list_of(app).marked)
            for query, fits in (
                ("kind:agent", True),
                ("tag:llama OR tag:qwen", True),
                ("tag:code OR tag:chat OR tag:tiny", False),
            ):
                found = {row.id for row in datastore.search(query).rows}
                assert (len(marked | found) <= 20) is fits
                browse_of(app).bar.ask(query)
                await press(pilot, "a")
                marked |= found if fits else set()
                assert set(list_of(app).marked) == marked
            assert "would be marked" in status(app)


# ---- tags and licence ------------------------------------------------------------------------------------------------


@BOTH
async def test_tags_of_the_marked_are_changed_in_one_batch_and_taken_back_by_one_undo(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with replica(tmp_path) as datastore:
        mine = fill(datastore)
        async with running(datastore, size) as (app, pilot):
            await press(pilot, "a", "+")
            assert "old (3)" in screen_text(app)
            await press(pilot, *"rag -old", "enter")
            assert isinstance(app.screen, ConfirmScreen)
            text = screen_text(app)
            assert "Add the tag rag and take away the tag old: 3 records of" in text
            assert "2 left alone" in text
            assert [tags_of(datastore, one) for one in mine] == [["old"]] * 3
            before = datastore.stats().ops
            await press(pilot, "y")
            assert "3 records" in status(app)
            assert [tags_of(datastore, one) for one in mine] == [["rag"]] * 3
            assert datastore.stats().ops == before + 3
            assert datastore.log.batches(1)[0].label == "change of tags of 3 records"
            await press(pilot, "escape", "g", "u", "2", "y")
            assert [tags_of(datastore, one) for one in mine] == [["old"]] * 3


async def test_what_a_full_disk_left_of_a_change_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with replica(tmp_path) as datastore:
        mine = [
            datastore.add("model", make_record("model", f"mine-{number}", description="x" * 3000)).key
            for number in range(12)
        ]
    no_room_for_many(monkeypatch)
    with replica(tmp_path) as datastore:
        async with running(datastore, (200, 50)) as (app, pilot):
            await press(pilot, "a", "+", *"rag", "enter", "y")
            changed = [one for one in mine if tags_of(datastore, one) == ["rag"]]
            assert 0 < len(changed) < len(mine)
            assert f"{len(mine) - len(changed)} left alone" in status(app)
            assert "is full" in status(app)
            assert "takes it back" in status(app)


async def test_the_licence_of_one_record_is_set_from_its_detail_by_what_is_offered(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        mine = fill(datastore)
        async with running(datastore) as (app, pilot):
            await press(pilot, "enter", "L", *"apache", "enter")
            assert "SPDX" in screen_text(app)
            assert not isinstance(app.screen, ConfirmScreen)
            await press(pilot, "tab", "enter", "y")
            licences = [datastore.entry(one).record["license"] for one in mine]  # type: ignore[union-attr]
            assert sorted(map(str, licences)) == ["Apache-2.0", "MIT", "MIT"]


async def test_what_is_wrong_is_said_where_it_is_typed_and_what_is_so_already_signs_nothing(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        before = datastore.stats().ops
        async with running(datastore) as (app, pilot):
            await press(pilot, "+", *"No_Slug", "enter")
            assert "is not a slug" in screen_text(app)
            await press(pilot, "escape", "+", *"old", "enter")
            assert "nothing to change" in status(app)
            await press(pilot, "G", "+")
            assert "another owner" in status(app)
            assert datastore.stats().ops == before


# ---- export ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "told"), [("j", "JSON lines of 1 record"), ("b", "deleted meanwhile")])
async def test_what_was_deleted_while_a_name_was_typed_is_not_counted_among_what_is_exported(
    tmp_path: Path, key: str, told: str
) -> None:
    file = tmp_path / "out"
    with replica(tmp_path / "data") as datastore:
        mine = fill(datastore)
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, *(("space", "j", "space") if key == "j" else ()), "E", key)
            gone = datastore.entry(next(iter(list_of(app).marked), mine[-1]))
            assert gone is not None
            datastore.delete(gone.kind, gone.id, gone.heads)
            app.screen.query_one(Input).value = str(file)
            await press(pilot, "enter")
            assert told in (status(app) if key == "j" else screen_text(app))
        assert file.exists() is (key == "j")


@pytest.mark.parametrize(("key", "count"), [("j", 2), ("o", 2), ("b", 1)])
async def test_records_are_exported_into_a_new_file_that_another_replica_reads(
    tmp_path: Path, key: str, count: int
) -> None:
    file = tmp_path / "out"
    with replica(tmp_path / "here") as datastore:
        mine = fill(datastore)
        async with running(datastore) as (app, pilot):
            await press(pilot, *(["space"] * count), "E", key)
            app.screen.query_one(Input).value = str(tmp_path)
            await press(pilot, "enter")
            app.screen.query_one(Input).value = str(file)
            await press(pilot, "enter")
            assert str(file) in status(app).replace("\n", "")
            written = file.read_bytes()
            await press(pilot, "E", key)
            app.screen.query_one(Input).value = str(file)
            await settle(pilot)
            await press(pilot, "enter")
            assert "there already" in screen_text(app)
            assert file.read_bytes() == written
    lines = [json.loads(line) for line in written.splitlines()]
    assert len(lines) == count
    if key == "o":
        with Datastore.open(tmp_path / "there") as other:
            assert other.apply(written.splitlines(), source="file").applied == count
    elif key == "j":
        assert {line["id"] for line in lines} <= set(mine)
    else:
        assert lines[0]["bomFormat"] == "CycloneDX"
