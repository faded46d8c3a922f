"""A replica of version 0.1.0, filled by that version: run by `tests.released.make` with the kept wheel on its path.

    python fill_0_1.py DIRECTORY        makes DIRECTORY/replica (a data directory) and DIRECTORY/said.json

It is written for the released package and for nothing else: whoever renames something in the present one leaves this
file as it is. Always the same but for the epoch.
"""

import hashlib
import json
import sys
from pathlib import Path

import tui_registry
from tui_registry import Datastore, Identity
from tui_registry.crdt import sign_up
from tui_registry.datastore import Draft, Head
from tui_registry.records import defaults, derive_id
from tui_registry.records.schema import ID_FIELD

NOW = 1_784_160_000


def owner(name):
    return Identity(hashlib.sha256(b"test owner " + name.encode()).digest())


def record_of(kind, name, **fields):
    record = {**defaults(kind), "name": name}
    if kind == "model":
        record.update(parameters=7_000_000_000, context_length=8192)
    return {**record, **fields}


def root(identity, kind, name, at, **fields):
    record = record_of(kind, name, owner_id=identity.address, created_at=at, updated_at=at, **fields)
    record[ID_FIELD[kind]] = derive_id(kind, identity.address, name, at)
    return sign_up(identity, kind, record)


def fill(registry, other):
    """`registry` and `other` are replicas of one owner, on two machines that write at the same time."""
    for each in (registry, other):
        each.replace_identity(owner("released"))

    # A peer whose log was half read: among its entries one of a later version, one spoilt on its way, one that waits.
    stranger = owner("stranger")
    roots = [
        root(
            stranger, "agent" if number % 4 == 3 else "model", f"theirs-{number}", NOW - 90_000 - number, tags=["chat"]
        )
        for number in range(9)
    ]
    edited = {**roots[0].record, "version": "0.2.0", "description": "Second edition"}
    edit = sign_up(stranger, "model", edited, children=[roots[0].hash], clock=2)
    unseen = sign_up(stranger, "model", {**edited, "version": "0.3.0"}, children=[edit.hash], clock=3)
    waits = sign_up(stranger, "model", {**edited, "version": "0.4.0"}, children=[unseen.hash], clock=4)
    spoilt = root(stranger, "model", "spoilt", NOW - 95_000).to_json().replace(b'"name":"spoilt"', b'"name":"spoiled"')
    lines = [*(op.to_json() for op in (*roots, edit, waits)), spoilt, b'{"Dataset":{}}']
    registry.add_peer("lab", "http://127.0.0.1:1")
    cursor = registry.begin_pull("lab", Head("e" * 32, 40, "0" * 64, stranger.address))
    registry.store_entries("lab", cursor, registry.check_lines(lines, 0))
    registry.finish_pull("lab", None, "connection refused", None, whole=False)

    # Its own records: every field of a model and an agent, edits, a deletion, one brought back.
    model = record_of(
        "model",
        "Änderung 変更",
        license="Apache-2.0 OR LicenseRef-ours",
        model_type="Embedding",
        framework={"Other": "MLX"},
        quantization="GGUF",
        input_tokens_per_second=120,
        output_tokens_per_second=40,
        tags=["embed", "tiny"],
        formfile_template="NAME ours\nVCPU 4\n",
        capabilities=["search"],
    )
    model["resource_requirements"] = {**model["resource_requirements"], "requires_gpu": True, "min_vram_gb": 24}
    kept = registry.add("model", model)
    registry.update("model", kept.key, {**kept.record, "version": "1.0.0"}, registry.heads(kept.key))
    crew = record_of("agent", "crew", preferred_models=[kept.key], tools=["browser"], compatible_model_types=["LLM"])
    registry.add("agent", crew)
    gone = registry.add("agent", record_of("agent", "gone"))
    registry.delete("agent", gone.key, registry.heads(gone.key))
    back = registry.add("model", record_of("model", "back"))
    registry.delete("model", back.key, registry.heads(back.key))
    registry.add("model", {**back.record, "version": "0.2.0"})

    # The same key on the other machine: an edit of its own, and a deletion of what was edited here.
    left = registry.add("model", record_of("model", "left-or-right"))
    torn = registry.add("model", record_of("model", "torn"))
    other.apply([left.to_json(), torn.to_json()], source="a stick")
    other.update("model", left.key, {**left.record, "description": "from the other machine"}, other.heads(left.key))
    other.delete("model", torn.key, other.heads(torn.key))
    registry.update("model", left.key, {**left.record, "description": "from this machine"}, registry.heads(left.key))
    registry.update("model", torn.key, {**torn.record, "description": "kept here"}, registry.heads(torn.key))
    registry.apply(other.log_lines(0, other.head().size), source="a stick")
    registry.apply([b"{}", kept.to_json() + b" "], source="a file")

    registry.add_peer("stick", "/media/stick")
    registry.save_draft(Draft("register model", "model", None, (), {"name": "half typ"}))
    registry.save_draft(Draft(f"edit {kept.key}", "model", kept.key, registry.heads(kept.key), {"version": "2"}))
    registry.save_search("small", "kind:model params:<=8b")
    registry.remember_search("left")
    registry.name_owner(stranger.address, "my-lab")


def said(registry):
    """What this version says that the replica holds, in plain JSON."""
    head = registry.head()
    entries = [
        {
            "kind": entry.kind,
            "id": entry.id,
            "record": entry.record,
            "heads": sorted(entry.heads),
            "history": [step.hash for step in registry.history(entry.id)],
        }
        for entry in sorted(registry.entries(), key=lambda entry: entry.id)
    ]
    return {
        "version": tui_registry.__version__,
        "address": registry.address,
        "head": {"size": head.size, "fingerprint": head.fingerprint, "node": head.node},
        "log": [line.decode() for line in registry.log_lines(0, head.size)],
        "entries": entries,
        "conflicts": sorted(row.id for row in registry.conflicts()),
        "refused": sorted(found.code for found in registry.quarantine()),
        "peers": [
            {
                "name": peer.name,
                "address": peer.address,
                "next_index": peer.next_index,
                "pending": peer.pending,
                "rejected": peer.rejected,
                "unsupported": peer.unsupported,
                "last_error": peer.last_error,
            }
            for peer in registry.peers()
        ],
        "names": registry.owner_names(),
        "drafts": [[draft.key, dict(draft.fields)] for draft in registry.drafts()],
        "searches": registry.saved_searches(),
        "searched": registry.search_history(),
    }


def main(place):
    with Datastore.open(place / "replica", clock=lambda: NOW) as registry:
        with Datastore.open(place / "other", clock=lambda: NOW) as other:
            fill(registry, other)
        assert registry.verify().sound
        told = said(registry)
    (place / "said.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
