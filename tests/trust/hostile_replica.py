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
from tui_registry.records import defaults, derive_id, derive_manifest_id
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


def manifest_of(op: Op, text: str, by: Identity = STRANGER) -> Record:
    """What stands behind a record of `record_of`, sound on the wire, with this text in every field that holds text; what
    may be no text of any kind holds what a URI may."""
    assert op.record is not None
    item, other = fitted(text, 128), {"Other": fitted(text, 64)}
    uri = "".join(letter for letter in text if "!" <= letter <= "~" and letter not in '"<>\\^`{|}')[:2_048] or "x"
    manifest = defaults("manifest")
    manifest |= {
        "manifest_id": derive_manifest_id(op.key),
        "owner_id": by.address,
        "subject_id": op.key,
        "subject_kind": op.kind.capitalize(),
        "subject_name": op.record["name"],
        "status": other,
        "status_message": fitted(text, 500),
        "superseded_by": op.key,
        "artifacts": [
            {"uri": uri, "media_type": item, "sha256": "ab" * 32, "size_bytes": 2**64 - 1, "quantization": other},
            {"uri": f"https://evil.example/{uri[:2_000]}", "media_type": "", "sha256": None, "size_bytes": None, "quantization": None},
        ],
        "interfaces": [{"url": uri, "protocol": other, "version": fitted(text, 64)}],
        "derived_from": [{"relation": other, "model_id": op.key, "name": fitted(text, 256), "sha256": "cd" * 32}],
        "required_models": ["ab" * 32, op.key],
        "architecture": dict.fromkeys(("layers", "kv_heads", "head_dim", "experts"), 2**32 - 1)
        | {"active_parameters": 2**64 - 1, "kv_token_bytes": 2**32 - 1, "kv_constant_bytes": 2**64 - 1},
        "evaluations": [{"benchmark": item, "metric": fitted(text, 64), "value": "-0.000000000001", "source": uri}],
        "datasets": [fitted(text, 256)] * 2,
        "languages": ["x-" + "a-" * 30 + "1"],
        "repository_url": uri,
        "documentation_url": uri,
        "created_at": op.created_at,
        "updated_at": op.updated_at,
    }  # fmt: skip
    return manifest


def op_of(kind: Kind, name: str) -> Op:
    return sign_up(STRANGER, kind, record_of(kind, STRINGS[name]))


OPS = {case: op_of(*case) for case in CASES}
# Every other record was written twice at once: a conflict.
RIVALS = [
    sign_up(STRANGER, kind, {**record_of(kind, STRINGS[name]), "description": fitted(STRINGS[name][::-1], 9_999)})
    for kind, name in CASES[::2]
]
# What stands behind each of them, and behind every third twice at once.
MANIFESTS = {case: sign_up(STRANGER, "manifest", manifest_of(OPS[case], STRINGS[case[1]])) for case in CASES}
MANIFEST_RIVALS = [
    sign_up(STRANGER, "manifest", {**manifest_of(OPS[case], STRINGS[case[1]]), "status": "Withdrawn", "datasets": []})
    for case in CASES[::3]
]


def fill(folder: Path) -> None:
    """Make a replica full of such records, with such words in every other place that a stranger or a mistake reaches."""
    with Datastore.open(folder, clock=lambda: NOW + 60) as datastore:
        ops = [*OPS.values(), *RIVALS, *MANIFESTS.values(), *MANIFEST_RIVALS]
        report = datastore.apply([op.body for op in ops], source="stranger")
        assert report.applied == len({op.hash for op in ops}), report.rejected[:3]
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
