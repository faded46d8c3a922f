"""`verify` finds what was spoilt on disk; `demo` builds two replicas and leaves nothing behind."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.seeds import owner
from tui_registry.cli.demo import NEIGHBOUR, UNNAMED, _served, _url, own_conflict, own_records, prepared, sample_ops
from tui_registry.crdt import Op, check_op
from tui_registry.datastore import Datastore
from tui_registry.records.authoring import check


def test_a_sound_replica_is_said_to_be_sound(cli: Cli, seeded: Path) -> None:
    said = cli("verify", "--json")
    assert (said.code, said.json["sound"], said.json["operations"], said.json["records"]) == (0, True, 12, 12)
    assert cli("verify").out == "12 operations checked, 12 records: all is sound\n"


def test_a_spoilt_operation_is_found_and_told(cli: Cli, seeded: Path) -> None:
    with sqlite3.connect(seeded / "registry.sqlite3") as db:
        db.execute(
            "UPDATE ops SET body = CAST(replace(body, 'made for tests', 'made for theft') AS BLOB) WHERE idx = 3"
        )
    db.close()
    said = cli("verify", "--json")
    assert said.code == 1
    assert [found["index"] for found in said.json["invalid"]] == [3]
    assert cli("verify").code == 0
    assert len(cli("export").lines) == 11


def test_the_sample_s_operations_are_valid_and_older_than_now() -> None:
    now = int(time.time())
    sample = sample_ops(now)
    for ops in sample.records:
        known: dict[str, Op] = {}
        for op in ops:
            check_op(op, [known[child] for child in op.children])
            assert op.updated_at < now
            known[op.hash] = op
    assert UNNAMED in sample.owners
    assert len({owner.address for owner in sample.owners.values()}) == len(sample.owners)


def test_the_demo_s_own_records_have_no_problems() -> None:
    assert len(own_records()) >= 2
    for kind, record in own_records():
        assert check(kind, record) == []
    for op in own_conflict(owner("me"), int(time.time())):
        assert op.record is not None
        assert check("model", op.record) == []


def test_demo_check_builds_everything_pulls_and_leaves_nothing_behind(
    cli: Cli, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    said = cli("demo", "--check", "--json")
    assert said.code == 0, said.err
    assert said.json["sound"] is True
    assert said.json["records"] > 50
    assert said.json["pulled"] > 20
    assert said.json["conflicts"] >= 1
    assert list(room.iterdir()) == []
    assert not data_dir.exists()


def test_the_demo_runs_nothing_that_lies_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tui_registry").mkdir()
    (tmp_path / "tui_registry/__init__.py").write_text("open('ran', 'w').close()\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    Datastore.open(tmp_path / "replica").close()
    with _served(tmp_path / "replica") as node:
        assert _url(node, tmp_path).startswith("http://127.0.0.1:")
    assert not (tmp_path / "ran").exists()


def test_the_demo_shows_a_peer_owners_a_conflict_and_problems(data_dir: Path) -> None:
    with prepared() as datastore:
        (peer,) = datastore.peers.all()
        assert peer.name == NEIGHBOUR
        assert peer.address.startswith("http://127.0.0.1:")
        assert peer.last_sync is None
        assert len(datastore.names.all()) > 10
        assert [row.name for row in datastore.conflicts()] == ["my-ticket-classifier", "two-desks-embedder"]
        assert datastore.elsewhere.count() == 0
        mine = datastore.versions(datastore.conflicts()[0].id)
        assert mine is not None
        assert mine.mine
        assert {entry.source for entry in mine.live} == {"desk", "laptop"}
        assert [row.name for row in datastore.search("is:invalid").rows] == ["weekend-chat"]
        assert datastore.search("is:mine").total == len(own_records()) + 1
        assert [row.name for row in datastore.search("status:deprecated").rows] == ["lantern-7b-v1"]
        assert [row.name for row in datastore.search("needs:lantern-7b").rows] == ["harbour-crew"]
        place = datastore.data_dir
    assert not place.exists()
