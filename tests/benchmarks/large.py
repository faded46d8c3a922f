"""Large replicas for reading: the engine's own rows for realistic records, without the cost of a million signatures."""

from __future__ import annotations

import hashlib
import sys
from itertools import islice
from pathlib import Path

from tests.benchmarks.data import DATA, records
from tests.seeds import NOW
from tui_registry.crdt.rules import Ancestor
from tui_registry.crdt.spelling import spell
from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.records.schema import ID_FIELD
from tui_registry.replica.batch import Batch
from tui_registry.replica.checked import Checked
from tui_registry.replica.columns import record_columns, word_values

_BATCH = 10_000


def large_replica(count: int) -> Path:
    """The directory of a replica with `count` records; made once. Its ops are of the right shape and size, but their
    signatures are blank: nothing that reads looks at them, and `verify` would throw them out."""
    folder = DATA / f"replica-{count}"
    if (folder / "complete").exists():
        return folder
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        stream = records(count)
        done = datastore.stats().records
        for _ in islice(stream, done):
            pass
        while batch := list(islice(stream, _BATCH)):
            with datastore._pool.write() as db:
                writing = Batch(db)
                for kind, record in batch:
                    key = str(record[ID_FIELD[kind]])
                    body = _body(kind, record)
                    claim = Ancestor(
                        hashlib.sha3_256(body).hexdigest(), kind, key, str(record["owner_id"]), 1, NOW, NOW
                    )._replace(created_at=_time(record["created_at"]), updated_at=_time(record["updated_at"]))
                    writing.append(Checked(claim, (), record_columns(kind, record), word_values(kind, record)), body)
                writing.flush()
            done += len(batch)
            print(f"\r{done:,} of {count:,}", end="", file=sys.stderr)
    print(file=sys.stderr)
    (folder / "complete").touch()
    return folder


def _body(kind: str, record: dict[str, Json]) -> bytes:
    variant = {"model": "Model", "agent": "Agent"}[kind]
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
