"""A replica that strangers filled: every string of `strings` in every field of records, peers, owners and errors."""

from __future__ import annotations

import json
from pathlib import Path

from tests.seeds import NOW, owner
from tests.trust.spoiling import attacks
from tests.trust.strings import STRINGS, fitted
from tui_registry.crdt import Identity, Op, sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import KINDS, Json, Kind, Record
from tui_registry.records import defaults, derive_id
from tui_registry.records.schema import ID_FIELD

STRANGER = owner("hostile")
CASES = [(kind, name) for kind in KINDS for name in STRINGS]


def record_of(kind: Kind, text: str, by: Identity = STRANGER) -> Record:
    """A record, sound on the wire, with this text in every field that holds text."""
    record = defaults(kind)
    item = fitted(text, 128)
    record |= {
        "name": item,
        "version": fitted(text, 64),
        "description": fitted(text, 10_000),
        "license": item,
        "framework": {"Other": fitted(text, 64)},
        "tags": [item, item[::-1], "x" + item[:127]],
        "capabilities": [item] * 3,
        "formfile_template": fitted(text, 1_500),
    }
    other: Json = {"Other": fitted(text, 64)}
    if kind == "model":
        record |= {"model_type": other, "quantization": other, "parameters": 2**64 - 1, "context_length": 2**32 - 1}
    else:
        record |= {"agent_type": other, "compatible_model_types": [other, "LLM"], "preferred_models": [item, "ab" * 32]}
        record |= {"tools": [item, item]}
    record |= {"owner_id": by.address, "created_at": NOW, "updated_at": NOW}
    record[ID_FIELD[kind]] = derive_id(kind, by.address, item, NOW)
    return record


def op_of(kind: Kind, name: str) -> Op:
    return sign_up(STRANGER, kind, record_of(kind, STRINGS[name]))


OPS = {case: op_of(*case) for case in CASES}
# Every other record was written twice at once: a conflict.
RIVALS = [
    sign_up(STRANGER, kind, {**record_of(kind, STRINGS[name]), "description": fitted(STRINGS[name][::-1], 9_999)})
    for kind, name in CASES[::2]
]


def fill(folder: Path) -> None:
    """Make a replica full of such records, with such words in every other place that a stranger or a mistake reaches."""
    with Datastore.open(folder, clock=lambda: NOW + 60) as datastore:
        report = datastore.apply([op.body for op in (*OPS.values(), *RIVALS)], source="stranger")
        assert report.applied == len({op.hash for op in (*OPS.values(), *RIVALS)}), report.rejected[:3]
        datastore.apply([line for attack in attacks() for line in attack.lines], source="forger")
        for number, text in enumerate(STRINGS.values()):
            # Lines that are no operations, with the words in their values, their names and their errors.
            lines = [text.replace("\n", "").encode(), json.dumps({text: {text: text}}).encode()]
            tree = json.loads(OPS["model", "sql"].body)
            tree["Model"]["Up"]["op"]["op"]["value"][text] = 1
            lines.append(json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode())
            datastore.apply(lines, source=f"source-{number}")
            datastore.peers.add(f"peer-{number}", f"/nowhere/{number}/{text[:200].replace(chr(58), chr(46))}")
            datastore.peers.finish_pull(f"peer-{number}", None, f"it said {text}")
        datastore.names.set(STRANGER.address, STRINGS["clipboard"])
