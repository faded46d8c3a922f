"""Which agents answer in which protocol: in the order of what changed, and what fell out of the list."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.replica.conftest import Clock
from tests.seeds import make_record, owner, signed
from tui_registry.crdt import AnyOp, sign_up
from tui_registry.datastore import Datastore, Place, SpeakerPage
from tui_registry.errors import Json, Record
from tui_registry.records.schema import defaults
from tui_registry.records.wire import derive_manifest_id
from tui_registry.replica.catalogue import interfaces

MCP: Record = {"url": "https://example.org/mcp", "protocol": "MCP", "version": ""}
A2A: Record = {"url": "https://example.org/a2a", "protocol": "A2A", "version": "1.0"}


def manifest(*interfaces: Json, **more: Json) -> Record:
    return defaults("manifest") | {"interfaces": [*interfaces]} | more


def agent(store: Datastore, name: str, *interfaces: Json, **more: Json) -> str:
    return store.add("agent", make_record("agent", name), manifest=manifest(*interfaces, **more)).key


def told(store: Datastore, page: SpeakerPage) -> list[tuple[str, bool]]:
    names = {}
    for one in page.speakers:
        entry = store.entry(one.id)
        names[one.id] = str(entry.record["name"]) if entry else str(json.loads(one.manifest)["subject_name"])
    return [(names[one.id], one.is_live) for one in page.speakers]


def manifest_of(written: AnyOp, *interfaces: Json) -> Record:
    """What its owner signs behind a record."""
    assert written.record is not None
    subject = written.key
    return manifest(*interfaces) | {
        "manifest_id": derive_manifest_id(subject), "subject_id": subject, "subject_kind": "Agent",
        "owner_id": written.record["owner_id"], "subject_name": written.record["name"],
        "created_at": written.record["created_at"], "updated_at": written.record["updated_at"],
    }  # fmt: skip


def live(store: Datastore, protocol: str = "MCP") -> list[str]:
    return [name for name, _ in told(store, store.interfaces.page(protocol, 100))]


def test_an_agent_is_listed_in_each_protocol_that_its_manifest_names(datastore: Datastore) -> None:
    agent(datastore, "both", MCP, A2A)
    agent(datastore, "words", MCP | {"protocol": {"Other": "mcp"}})
    agent(datastore, "none", MCP | {"protocol": "OpenAI"})
    datastore.add("model", make_record("model", "no-agent"), manifest=manifest(MCP))
    assert live(datastore) == ["both", "words"]
    assert live(datastore, "A2A") == ["both"]


def test_an_mcp_server_that_is_started_where_it_is_used_is_one(datastore: Datastore) -> None:
    file: Record = {
        "uri": "oci://ghcr.io/x/y:1", "media_type": "", "sha256": None, "size_bytes": None, "quantization": None
    }  # fmt: skip
    written = {}
    for name, kind in (("server", {"Other": "mcp Server"}), ("chatter", "Chatbot"), ("later", "Assistant")):
        record = make_record("agent", name, agent_type=kind)
        written[name] = datastore.add("agent", record, manifest=manifest(artifacts=[file])).key
    assert live(datastore) == ["server"]
    assert told(datastore, datastore.interfaces.page("MCP", 9, gone=True)) == [("server", True)]
    for name, kind in (("server", "Assistant"), ("later", {"Other": "MCP server"})):
        entry = datastore.entry(written[name])
        assert entry is not None
        datastore.update("agent", entry.id, entry.record | {"agent_type": kind}, entry.heads)
    assert live(datastore) == ["later"]
    assert {*told(datastore, datastore.interfaces.page("MCP", 9, gone=True))} == {("server", False), ("later", True)}
    assert datastore.verify().sound


def test_what_changed_comes_last_and_what_fell_out_is_told_to_who_asks(datastore: Datastore, clock: Clock) -> None:
    ids = {name: agent(datastore, name, MCP) for name in ("deleted", "quiet", "renamed", "silent", "bare", "withdrawn")}
    began = clock.now + 10
    clock.now = began
    datastore.delete("agent", ids["deleted"], datastore.heads(ids["deleted"]))
    entry = datastore.entry(ids["renamed"])
    assert entry is not None
    datastore.update("agent", entry.id, entry.record | {"name": "new-name"}, entry.heads)

    def seen(name: str) -> tuple[str, ...]:
        found = datastore.manifests.get(ids[name])
        assert found is not None
        return found.heads

    datastore.manifests.set(ids["silent"], manifest(), seen("silent"))
    datastore.manifests.delete(ids["bare"], seen("bare"))
    datastore.manifests.set(
        ids["withdrawn"], manifest(MCP, status="Withdrawn", status_message="leaks"), seen("withdrawn")
    )
    assert live(datastore) == ["quiet", "new-name"]
    since = datastore.interfaces.page("MCP", 100, since=began, gone=True)
    assert sorted(told(datastore, since)) == [
        ("bare", False), ("deleted", False), ("new-name", True), ("silent", False), ("withdrawn", True)
    ]  # fmt: skip
    assert datastore.interfaces.page("MCP", 100, since=began + 1, gone=True).speakers == ()
    # What comes back is in the list again.
    record = make_record("agent", "deleted") | {"agent_id": ids["deleted"]}
    datastore.add("agent", record, manifest=manifest(MCP))
    datastore.manifests.set(ids["bare"], manifest(MCP), seen("bare"))
    assert {*live(datastore)} == {"quiet", "new-name", "deleted", "bare"}
    assert datastore.verify().sound


def test_pages_lead_on_and_names_and_versions_choose(datastore: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        agent(datastore, f"Server-{number}", MCP)
    seen: list[str] = []
    place: Place | None = None
    for _ in range(4):
        page = datastore.interfaces.page("MCP", 2, after=place)
        seen += [name for name, _ in told(datastore, page)]
        place = page.next
    assert place is None
    assert seen == [f"Server-{number}" for number in range(7)]
    assert [name for name, _ in told(datastore, datastore.interfaces.page("MCP", 9, name="vER-3"))] == ["Server-3"]
    assert datastore.interfaces.page("MCP", 9, version="9.9.9").speakers == ()
    # A page that had its time has what was found, and leads on: whoever goes on comes to the end.
    monkeypatch.setattr(interfaces, "_SIFTED_AT_ONCE", 2)
    for name, gone, version in (
        ("", False, None), ("", True, None), ("sERVER-", False, None), ("-5", False, None), ("-5", True, None),
        ("", False, "9.9.9"),
    ):  # fmt: skip
        for seconds, limit in ((-1.0, 5), (9.0, 1), (9.0, 9)):
            seen, place = [], None
            for turn in range(9):
                page = datastore.interfaces.page(
                    "MCP", limit, after=place, seconds=seconds, name=name, gone=gone, version=version
                )
                assert turn or seconds > 0 or page.next is not None
                seen += [one for one, _ in told(datastore, page)]
                place = page.next
                if place is None:
                    break
            assert place is None
            listed = [f"Server-{number}" for number in range(7)] if version is None else []
            assert seen == [one for one in listed if name.lower() in one.lower()]


def test_a_muted_owner_is_left_out_of_the_list_and_a_purged_one_out_of_all(datastore: Datastore) -> None:
    agent(datastore, "mine", MCP)
    theirs = owner("their")
    record = make_record("agent", "theirs")
    written = signed(theirs, "agent", "theirs")
    behind = sign_up(theirs, "manifest", manifest_of(written, MCP))
    datastore.apply([written.to_json(), behind.to_json()], source="a stranger")
    assert sorted(live(datastore)) == ["mine", record["name"]]
    datastore.rations.mute(theirs.address)
    assert live(datastore) == ["mine"]
    assert datastore.interfaces.one("MCP", written.key) is not None
    datastore.rations.unmute(theirs.address)
    datastore.purge(owner=theirs.address)
    assert told(datastore, datastore.interfaces.page("MCP", 9, gone=True)) == [("mine", True)]
    assert datastore.interfaces.one("MCP", written.key) is None
    assert datastore.verify().sound


def test_a_manifest_whose_record_is_not_here_counts_once_that_comes(datastore: Datastore) -> None:
    theirs = owner("their")
    written = signed(theirs, "agent", "theirs")
    behind = sign_up(theirs, "manifest", manifest_of(written, MCP))
    datastore.apply([behind.to_json()], source="a stranger")
    assert datastore.interfaces.page("MCP", 9, gone=True).speakers == ()
    assert datastore.interfaces.one("MCP", written.key) is None
    datastore.apply([written.to_json()], source="a stranger")
    assert live(datastore) == ["theirs"]


def test_the_list_is_read_from_its_index(datastore: Datastore) -> None:
    from tui_registry.replica.catalogue import interfaces

    agent(datastore, "one", MCP)
    path = datastore.data_dir / "registry.sqlite3"
    with sqlite3.connect(path) as db:
        for statement, index in ((interfaces._LIVE, "interfaces_live"), (interfaces._GONE_TOO, "interfaces_changed")):
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", ("MCP", 0, 0, 0, 1))]
            assert any(f"USING COVERING INDEX {index}" in line for line in plan), plan
            assert not [line for line in plan if line.startswith("SCAN") and line != "SCAN i"], plan
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan[:2], plan


@pytest.mark.parametrize(
    "spoiling",
    [
        "DELETE FROM interfaces",
        "UPDATE interfaces SET source = NULL",
        "UPDATE interfaces SET changed = -1",
        "UPDATE interfaces SET stated = 0, source = NULL",
        "INSERT INTO interfaces (rid, protocol, stated) VALUES (-999, 'MCP', 1)",
    ],
)
def test_what_is_wrong_with_the_rows_is_found_and_set_right(tmp_path: Path, spoiling: str) -> None:
    with Datastore.open(tmp_path / "r") as store:
        agent(store, "one", MCP)
    with sqlite3.connect(tmp_path / "r" / "registry.sqlite3") as db:
        db.execute(spoiling)
    db.close()
    with Datastore.open(tmp_path / "r") as store:
        assert not store.verify().sound
        assert store.verify().sound
        assert live(store) == ["one"]
