"""The small programs that are interrupted at every step. Each works on `home`, the watched folder, and says what has
been acknowledged: `say("op HASH")` once the call that made it has returned.

They run in the nursery only, where the sizes below are as small as the real ones are large: a few dozen operations then
cross several tiles, batches and transactions.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.crash.places import BACKUP, DATABASE_PATH, FORMFILE, KEYSTORE, LINES, LOG, NEW_LOG, PURGED, REPLICA
from tests.seeds import NOW, make_record, seed
from tests.sync.logs import ALICE, BOB, FakeLog, edit, manifest, removal, roots
from tui_registry import datastore as door
from tui_registry.backup import back_up, put_back
from tui_registry.cli.registry import write_file
from tui_registry.crdt import Identity
from tui_registry.crdt.op import Op
from tui_registry.datastore import Datastore, Draft, carry_out, plan_undo
from tui_registry.errors import Record, RegistryError
from tui_registry.keystore import write_keystore
from tui_registry.present.pulls import Progress
from tui_registry.records.schema import defaults
from tui_registry.replica.log import arrivals, kept_set, purging
from tui_registry.replica.store import connection as pool, tables
from tui_registry.replica.store.connection import Pool
from tui_registry.replica.store.key import KEY_FILE
from tui_registry.sync import Bounds, publish, pull
from tui_registry.sync.tiles import pack, spans

Say = Callable[[str], None]

TILE_OPS = 8
door._ADDED_AT_ONCE = 4
arrivals._BULK = TILE_OPS
purging._LEAST_PAGES = 1


def opened(home: Path) -> Datastore:
    return Datastore.open(home / REPLICA, clock=lambda: NOW)


# The programs


def first_start(home: Path, say: Say) -> None:
    """A registry from nothing: schema, key, first record."""
    with opened(home) as datastore:
        say(f"epoch {datastore.log.head().epoch}")
        say(f"address {datastore.address}")
        say(f"op {datastore.add('model', make_record('model', 'first')).hash}")


def neighbours_key(home: Path, say: Say) -> None:
    """Sign with a key whose maker, another process, was killed before it synced the folder."""
    with opened(home) as datastore:
        # SQLite syncs the folder when it makes a WAL: that is over by now.
        datastore.drafts.save(Draft("new model", "model", None, (), {}, 0))
        key = home / REPLICA / KEY_FILE
        if not key.exists():
            # On a full disk the neighbour gets nowhere, and it is this process that makes a key, or says why not.
            with suppress(OSError):
                _write_key(key)
        say(f"address {datastore.key.identity().address}")
        say(f"op {datastore.add('model', make_record('model', 'signed')).hash}")


def _write_key(key: Path) -> None:
    draft = key.with_name("draft")
    with draft.open("w") as file:
        file.write("07" * 32 + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(key)


def local_writes(home: Path, say: Say) -> None:
    """Add, update, delete, register again, keep a draft."""
    with opened(home) as datastore:
        ops = []
        for kind, name in (("model", "one"), ("agent", "two"), ("model", "three")):
            ops.append(datastore.add(kind, make_record(kind, name, tags=["llama", name])))  # type: ignore[arg-type]
            say(f"op {ops[-1].hash}")
        entry = datastore.entry(ops[0].key)
        assert entry is not None
        say(f"op {datastore.update('model', ops[0].key, {**entry.record, 'name': 'one more'}, entry.heads).hash}")
        say(f"op {datastore.delete('model', ops[2].key, [ops[2].hash]).hash}")
        assert ops[2].record is not None
        say(f"op {datastore.add('model', {**ops[2].record, 'version': '2.0.0'}).hash}")
        datastore.drafts.save(Draft("new model", "model", None, (), {"name": "unfinished"}, 0))
        say("draft new model")


def manifests(home: Path, say: Say) -> None:
    """Write, change and remove what stands behind records; delete a record with its own, and bring both back."""
    with opened(home) as datastore:
        ops = [datastore.add("model", make_record("model", name)) for name in ("one", "two")]
        said = [datastore.manifests.set(op.key, defaults("manifest")) for op in ops]
        for op in (*ops, *said):
            say(f"op {op.hash}")
        old: Record = {**defaults("manifest"), "status": "Deprecated", "status_message": "old"}
        said[0] = datastore.manifests.set(ops[0].key, old, [said[0].hash])
        say(f"op {said[0].hash}")
        say(f"op {datastore.manifests.delete(ops[1].key, [said[1].hash]).hash}")
        say(f"op {datastore.delete('model', ops[0].key, [ops[0].hash]).hash}")
        say(f"op {carry_out(datastore, plan_undo(datastore, ops[0].key)).hash}")
        say(f"op {datastore.add('model', make_record('model', 'three'), manifest=old).hash}")


def pull_log(home: Path, say: Say) -> None:
    """Pull a static log of several batches: writes, removals, a conflict, lines that are refused or must wait."""

    def emit(event: object) -> None:
        if isinstance(event, Progress):
            say(f"read {event.done}")

    with opened(home) as datastore:
        result = asyncio.run(pull(datastore, "stick", emit=emit, bounds=Bounds(batch_ops=TILE_OPS)))
        if result.error is not None:
            raise result.error
        say("pulled")


def import_records(home: Path, say: Say) -> None:
    """Register many at once, a few to a transaction."""
    records = [("agent" if number % 3 else "model", f"imported {number}") for number in range(14)]
    with opened(home) as datastore:
        for op in datastore.add_all((kind, make_record(kind, name)) for kind, name in records):  # type: ignore[arg-type,misc]
            if isinstance(op, RegistryError):
                raise op
            say(f"op {op.hash}")


def upgrade(home: Path, say: Say) -> None:
    """Open a replica whose word index and remembered rejections are of an earlier version."""
    with opened(home) as datastore:
        say("upgraded")
        say(f"op {datastore.add('model', make_record('model', 'after')).hash}")


def repair(home: Path, say: Say) -> None:
    """Verify a log with an operation that does not belong there: it is rewritten, with a new epoch."""
    with opened(home) as datastore:
        datastore.expect_writable()  # where nothing can be written, verifying compares and repairs nothing
        datastore.verify()
        say(f"epoch {datastore.log.head().epoch}")


def purge(home: Path, say: Say) -> None:
    """Take all of an owner out, and give the room back."""
    with opened(home) as datastore:
        datastore.purge(owner=ALICE.address)
        say("purged")
        say(f"epoch {datastore.log.head().epoch}")


def new_key(home: Path, say: Say) -> None:
    """Sign with another key from now on."""
    with opened(home) as datastore:
        say(f"key {datastore.key.identity().secret().hex()}")
        datastore.key.replace()
        say(f"key {datastore.key.identity().secret().hex()}")
        say(f"address {datastore.address}")
        say(f"op {datastore.add('model', make_record('model', 'by another')).hash}")


def publish_log(home: Path, say: Say) -> None:
    """Write the log for others, and again once it has grown."""
    with opened(home) as datastore:
        for part in range(2):
            say(f"published {publish(datastore, home / LOG).head.size}")
            for number in range(6):
                say(f"op {datastore.add('model', make_record('model', f'grown {part} {number}')).hash}")


def whole_files(home: Path, say: Say) -> None:
    """Write what a person asked for, once: a copy of the key, a text over an earlier one, a log in a folder that is
    not there yet."""
    write_keystore(home / KEYSTORE, ALICE, b"a passphrase")
    say(f"file {KEYSTORE}")
    write_file(str(home / FORMFILE), b"FROM the/new\n", None)
    say(f"file {FORMFILE}")
    with opened(home) as datastore:
        publish(datastore, home / NEW_LOG)
        say(f"file {NEW_LOG}/sync/head")


def write_backup(home: Path, say: Say) -> None:
    """Write everything into one file, over an earlier one."""
    with opened(home) as datastore:
        back_up(datastore, home / BACKUP, lambda identity: identity.secret().hex(), replace=True)
    say("backed up")


def put_backup_back(home: Path, say: Say) -> None:
    """Make a replica of a backup."""
    put_back(home / BACKUP, home / REPLICA, lambda text: Identity(bytes.fromhex(text)), lambda *_: None)
    say("put back")


def read_log(home: Path, say: Say) -> None:
    """Another replica pulls all that was published: no interrupted program, but the test of one."""
    reader = home.parent / "reader"
    if reader.exists():
        shutil.rmtree(reader)
    with Datastore.open(reader, clock=lambda: NOW) as datastore:
        datastore.peers.add("log", str(home / LOG))
        result = asyncio.run(pull(datastore, "log"))
        assert result.error is None, result.error
        assert result.head is not None
        assert datastore.log.head().fingerprint == result.head.fingerprint


_WRITING = (
    first_start,
    neighbours_key,
    local_writes,
    manifests,
    pull_log,
    import_records,
    upgrade,
    repair,
    purge,
    new_key,
)
PROGRAMS: dict[str, Callable[[Path, Say], None]] = {
    program.__name__: program
    for program in (*_WRITING, publish_log, whole_files, write_backup, put_backup_back, read_log)
}


# What they begin with


def prepare(name: str, base: Path) -> None:
    """Make `base/home` as the program finds it, and what lies beside it unwatched."""
    home = base / "home"
    home.mkdir(parents=True)
    if name in ("first_start", "neighbours_key"):
        return
    with opened(home) as datastore:
        seed(datastore, 10)
        datastore.key.identity()
        if name == "pull_log":
            _write_log(base, _entries())
            datastore.peers.add("stick", str(base / LOG))
        if name == "purge":
            theirs = roots(ALICE, PURGED - 3)
            theirs += [manifest(ALICE, of) for of in theirs[:2]]
            honest = roots(BOB, 5, "honest")
            ops = [*theirs[:9], *honest[:3], edit(ALICE, theirs[4], name="edited"), *honest[3:], *theirs[9:]]
            datastore.apply([op.to_json() for op in ops], source="stick")
    if name == "whole_files":
        (home / FORMFILE).write_bytes(b"FROM the/old\n")
    if name in ("write_backup", "put_backup_back"):
        write_backup(home, lambda _: None)
    if name == "put_backup_back":
        shutil.rmtree(home / REPLICA)
    if name == "upgrade":
        _spoil(home, "UPDATE replica SET index_version = 0, rules_version = 0", "DELETE FROM vocabulary")
    if name == "repair":
        _spoil(home, "UPDATE ops SET clock = 7 WHERE idx = 4", "DELETE FROM catalogue WHERE rid = 2")


def _spoil(home: Path, *statements: str) -> None:
    connection = sqlite3.connect(home / DATABASE_PATH, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def _entries() -> list[bytes]:
    first = roots(ALICE, 14)
    late = roots(BOB, 2, "late")
    ops: list[Op] = [*first, edit(BOB, late[0], name="before its root"), edit(ALICE, first[0], name="edited")]
    ops += [manifest(BOB, late[1]), manifest(ALICE, first[0]), removal(ALICE, manifest(ALICE, first[0]))]
    ops += [edit(ALICE, first[0], name="edited elsewhere"), removal(ALICE, first[1]), *late, *roots(BOB, 8, "more")]
    lines = [op.to_json() for op in ops]
    spoilt = next(op for op in roots(BOB, 1, "spoilt")).to_json().replace(b'"rec":0', b'"rec":2')
    lines.insert(5, spoilt.replace(b'"rec":1', b'"rec":3'))
    return lines


def _write_log(base: Path, lines: list[bytes]) -> None:
    total = sum(int(line.rstrip(b"}")[-65:-1], 16) for line in lines) % 2**256
    log = FakeLog(lines, f"{total:064x}")
    entries = base / LOG / "sync" / log.epoch / "entries"
    entries.mkdir(parents=True)
    for span in spans(0, len(lines), ranges=False):
        (entries / span.name).write_bytes(pack(lines[span.start : span.end]))
    (base / LOG / "sync" / "head").write_text(json.dumps(log.head()))
    (base / LINES).write_bytes(b"\n".join(lines))


# Other circumstances


def twist(name: str) -> None:
    """Change how the product stores things, in this process: `checkpoints` makes the WAL flow into the database after
    every few pages, `unsynced` switches SQLite's durability off."""
    if name == "checkpoints":
        # Later in a bulk, so that ordinary writes find something that it has left.
        pool._CHECKPOINT_PAGES, pool._BULK_CHECKPOINT_PAGES = 4, 16
        # And what is kept of the log as a set is written every few operations.
        kept_set.MOST_BEHIND = tables.MOST_BEHIND = 3
        return
    assert name == "unsynced"
    connect = Pool.connect

    def twisted(connections: Pool) -> sqlite3.Connection:
        connection = connect(connections)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    setattr(Pool, "connect", twisted)  # noqa: B010 - mypy lets no method be replaced
