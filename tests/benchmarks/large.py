"""Large replicas for reading: the engine's own rows for realistic records, without the cost of a million signatures."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from tests.benchmarks.data import DATA, records
from tests.seeds import NOW
from tui_registry.crdt.rules import Ancestor
from tui_registry.crdt.spelling import spell
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.errors import Json, Kind, Record
from tui_registry.records import defaults, derive_manifest_id
from tui_registry.records.schema import ID_FIELD
from tui_registry.replica.catalogue.current_manifests import manifest_columns
from tui_registry.replica.catalogue.derived import derive
from tui_registry.replica.log.append import Batch
from tui_registry.replica.log.first_seen import FirstSeen
from tui_registry.replica.log.judge import Checked

_BATCH = 10_000
_SAMPLE = 300


def large_replica(count: int, *, manifests: bool = False) -> Path:
    """The directory of a replica with `count` records; made once for a schema and a recipe of records. Its ops are of the
    right shape and size, but their signatures are blank: nothing that reads looks at them, and `verify` would throw
    them out.

    Args:
        manifests: each tenth record has one that says that it is deprecated or, of each hundred, withdrawn.
    """
    folder = DATA / f"replica-{count}{'-manifests' if manifests else ''}"
    complete = folder / "complete"
    wanted = _fingerprint()
    if complete.exists() and complete.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    _fill(folder, count, manifests=manifests)
    complete.write_text(wanted)
    return folder


def _fingerprint() -> str:
    """A digest of all that is stored for the first few records: another one means that cached replicas are outdated."""
    with tempfile.TemporaryDirectory(prefix="tui-registry-bench-") as folder:
        _fill(Path(folder), _SAMPLE, manifests=True)
        with closing(sqlite3.connect(Path(folder) / DATABASE)) as db:
            tables = dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE name <> 'replica' ORDER BY name"))
            found = hashlib.sha256(repr(tables).encode())
            for table, sql in tables.items():
                if (sql or "").startswith("CREATE TABLE"):
                    found.update(repr(db.execute(f"SELECT * FROM '{table}'").fetchall()).encode())
    return found.hexdigest()


def _fill(folder: Path, count: int, *, manifests: bool) -> None:
    stream = records(count)
    done = 0
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        while batch := list(islice(stream, _BATCH)):
            write(datastore, [unsigned_op(kind, record) for kind, record in batch])
            if manifests:
                write(datastore, [_unsigned_manifest(*one) for one in batch if _chance(*one) % 10 == 0])
            done += len(batch)
            if count > _SAMPLE:
                print(f"\r{done:,} of {count:,}", end="\n" if done == count else "", file=sys.stderr)


def unsigned_op(kind: Kind, record: Record) -> tuple[Checked, bytes]:
    """What appending needs of an op that registers the record, and bytes of the right shape and size."""
    key, owner = str(record[ID_FIELD[kind]]), str(record["owner_id"])
    body = _body(kind, record)
    digest = hashlib.sha3_256(body).hexdigest()
    claim = Ancestor(digest, kind, key, owner, 1, _time(record["created_at"]), _time(record["updated_at"]))
    return Checked(claim, (), derive(kind, record)), body


def _chance(kind: Kind, record: Record) -> int:
    """A number that has nothing to do with what the record says."""
    return int(str(record[ID_FIELD[kind]])[:8], 16)


def _unsigned_manifest(kind: Kind, record: Record) -> tuple[Checked, bytes]:
    """The same for a manifest that says that the record is not to be used."""
    number = _chance(kind, record)
    status = "Withdrawn" if number % 100 == 0 else {"Other": "frozen"} if number % 1000 == 10 else "Deprecated"
    return unsigned_manifest(kind, record, {"status": status, "status_message": "use another"})


def unsigned_manifest(kind: Kind, record: Record, said: Record) -> tuple[Checked, bytes]:
    """The same for a manifest of the record, which says that."""
    subject = str(record[ID_FIELD[kind]])
    manifest = (
        defaults("manifest")
        | {
            "manifest_id": derive_manifest_id(subject),
            "owner_id": record["owner_id"],
            "subject_id": subject,
            "subject_kind": kind.capitalize(),
            "subject_name": record["name"],
            "created_at": record["created_at"],
            "updated_at": record["updated_at"],
        }
        | said
    )
    key, owner = str(manifest["manifest_id"]), str(record["owner_id"])
    body = _body("manifest", manifest)
    digest = hashlib.sha3_256(body).hexdigest()
    claim = Ancestor(digest, "manifest", key, owner, 1, _time(record["created_at"]), _time(record["updated_at"]))
    return Checked(claim, (), manifest_columns(manifest)), body


def write(datastore: Datastore, ops: Sequence[tuple[Checked, bytes]], at: int = NOW) -> None:
    """Append them in one transaction.

    Args:
        at: when they came, in Unix seconds.
    """
    with datastore._pool.write(bulk=True) as db:
        writing = Batch(db)
        writing.load(op for op, _ in ops)
        for op, body in ops:
            writing.append(op, body, FirstSeen(at, "benchmark"))
        writing.flush()


def _body(kind: str, record: dict[str, Json]) -> bytes:
    variant = {"model": "Model", "agent": "Agent", "manifest": "Manifest"}[kind]
    actor = record["owner_id"]
    return spell(
        {
            variant: {
                "Up": {
                    "dot": {"actor": actor, "counter": 1},
                    "key": record[f"{kind}_id"],
                    "op": {
                        "op": {"value": record, "vclock": {str(actor): 1}, "children": []},
                        "signature": {"sig": "0" * 128, "rec": 0},
                        "hash": "0" * 64,
                    },
                }
            }
        }
    )


def _time(value: Json) -> int:
    assert isinstance(value, int)
    return value
