"""A replica of version 0.2.0, filled by that version: run by `tests.released.make` with the kept wheel on its path.

    python fill_0_2.py DIRECTORY        makes DIRECTORY/replica (a data directory) and DIRECTORY/said.json

It is written for the released package and for nothing else: whoever renames something in the present one leaves this
file as it is. Always the same but for the epoch and the secret of the token.
"""

import hashlib
import json
import sys
from pathlib import Path

import tui_registry
from tui_registry import Datastore, Identity
from tui_registry.crdt import sign_up
from tui_registry.crdt.signed_heads import sign_head
from tui_registry.datastore import Draft, Head, ImportRun, Once, Ration
from tui_registry.records import defaults, derive_id
from tui_registry.records.schema import ID_FIELD

NOW = 1_784_160_000
EPOCH = "e" * 32


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
        each.key.replace(owner("released"))
    fill_from_peers(registry)
    fill_own(registry, other)
    fill_unshared(registry)


def fill_from_peers(registry):
    """A peer whose log was half read: among its entries one of a later version, one spoilt on its way, one that waits;
    a pinned key; a key with two faces; owners that are muted and blocked, and what was left out."""
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
    registry.peers.add("lab", "http://127.0.0.1:1", key=stranger.address)
    registry.peers.add("stick", "/media/stick")
    cursor = registry.peers.begin_pull("lab", Head(EPOCH, 40, "0" * 64, stranger.address))
    registry.peers.store_entries("lab", cursor, registry.log.check_lines(lines, 0))
    for name, of_it in (("lab", "1" * 64), ("stick", "2" * 64)):
        head = Head(EPOCH, 40, "0" * 64, stranger.address, 1, "3" * 64, of_it, NOW)
        registry.peers.see_head(name, head._replace(sig=sign_head(stranger, head.digest)))
    registry.rations.mute(owner("loud").address)
    registry.rations.block(owner("flood").address)
    registry.rations.set_ration("lab", Ration(source_ops=1_000_000))
    registry.apply([root(owner("flood"), "model", "flood", NOW - 80_000).to_json()], source="a stick")


def fill_own(registry, other):
    """Its own records: an import, every field of a model, a manifest with what stands behind it, an edit, a deletion,
    conflicts of records and of a manifest."""
    model = record_of(
        "model",
        "Änderung 変更",
        license="Apache-2.0 OR LicenseRef-ours",
        model_type="Embedding",
        framework={"Other": "MLX"},
        quantization="GGUF",
        tags=["embed", "tiny"],
        formfile_template="NAME ours\nVCPU 4\n",
        capabilities=["search"],
    )
    model["resource_requirements"] = {**model["resource_requirements"], "requires_gpu": True, "min_vram_gb": 24}
    run = ImportRun("/models", "import of a folder")
    (taken,) = registry.take_in(
        [run.describe("/models/ours.yaml", "", "model", model, stated=model)], run, register=True
    )
    kept = taken.op
    registry.update("model", kept.key, {**kept.record, "version": "1.0.0"}, registry.heads(kept.key))
    registry.manifests.set(
        kept.key,
        defaults("manifest")
        | {
            "status": "Deprecated",
            "status_message": "alt",
            "languages": ["de", "zh"],
            "artifacts": [
                {"uri": "a.gguf", "media_type": "", "sha256": "ab" * 32, "size_bytes": 7, "quantization": None}
            ],
            "derived_from": [{"relation": "Merge", "model_id": "cd" * 32, "name": "Basis", "sha256": None}],
            "evaluations": [{"benchmark": "MMLU", "metric": "acc", "value": "0.5", "source": ""}],
        },
    )
    answers = {"interfaces": [{"url": "https://example.org/mcp", "protocol": "MCP", "version": "2025-06-18"}]}
    crew = record_of("agent", "crew", preferred_models=[kept.key], tools=["browser"], compatible_model_types=["LLM"])
    registry.add("agent", crew, manifest=defaults("manifest") | answers)
    gone = registry.add("agent", record_of("agent", "gone"), once=Once("laptop", "POST /agents", "1", b"gone"))
    registry.delete("agent", gone.key, registry.heads(gone.key))

    # The same key on the other machine: an edit of its own, and a deletion of what was edited here.
    left = registry.add("model", record_of("model", "left-or-right"))
    torn = registry.add("model", record_of("model", "torn"))
    both = registry.add("model", record_of("model", "two manifests"))
    other.apply([op.to_json() for op in (left, torn, both)], source="a stick")
    other.update("model", left.key, {**left.record, "description": "from the other machine"}, other.heads(left.key))
    other.delete("model", torn.key, other.heads(torn.key))
    other.manifests.set(both.key, defaults("manifest") | {"status": "Withdrawn", "status_message": "wrong"})
    registry.update("model", left.key, {**left.record, "description": "from this machine"}, registry.heads(left.key))
    registry.update("model", torn.key, {**torn.record, "description": "kept here"}, registry.heads(torn.key))
    registry.manifests.set(both.key, defaults("manifest") | {"languages": ["fr"]})
    registry.apply(other.log.lines(0, other.log.head().size), source="a stick")
    registry.apply([b"{}", kept.to_json() + b" "], source="a file")
    registry.stars.star([kept.key, left.key], starred=True)
    registry.stars.note(kept.key, "zweimal, 両方")
    registry.drafts.save(Draft(f"edit {kept.key}", "model", kept.key, registry.heads(kept.key), {"version": "2"}))


def fill_unshared(registry):
    """What is for its person alone, and who may write to its node."""
    stranger = owner("stranger").address
    registry.news.watch(f"0x{stranger}")
    registry.news.seen()
    registry.drafts.save(Draft("register model", "model", None, (), {"name": "half typ"}))
    registry.searches.save("small", "kind:model params:<=8b")
    registry.searches.remember("left")
    registry.names.set(stranger, "my-lab")
    registry.domains.put("example.org", [owner("lab").address])
    registry.tokens.add("laptop", ["write", "push"])


def said(registry):
    """What this version says that the replica holds, in plain JSON."""
    head = registry.log.head()
    entries = sorted(registry.entries(), key=lambda entry: entry.id)
    return {
        "version": tui_registry.__version__,
        "address": registry.address,
        "head": {"size": head.size, "fingerprint": head.fingerprint, "node": head.node, "root": head.root},
        "log": [line.decode() for line in registry.log.lines(0, head.size)],
        "entries": [
            {
                "kind": entry.kind,
                "id": entry.id,
                "record": entry.record,
                "heads": sorted(entry.heads),
                "history": [step.hash for step in registry.history(entry.id)],
                "manifest": None if (behind := registry.manifests.get(entry.id)) is None else behind.manifest,
                "manifest_versions": sorted(step.hash for step in registry.manifests.versions(entry.id)),
            }
            for entry in entries
        ],
        "conflicts": sorted(row.id for row in registry.conflicts()),
        "refused": sorted(found.code for found in registry.log.quarantine()),
        "peers": [
            {
                "name": peer.name,
                "address": peer.address,
                "next_index": peer.next_index,
                "pending": peer.pending,
                "rejected": peer.rejected,
                "unsupported": peer.unsupported,
                "last_error": peer.last_error,
                "pinned": peer.pinned,
            }
            for peer in registry.peers.all()
        ],
        "faces": [[face.key, face.size, list(face.shown_by), face.known] for face in registry.peers.faces()],
        "rations": {source: ration._asdict() for source, ration in registry.rations.rations().items()},
        "kept_out": [list(each) for each in registry.rations.all()],
        "left_out": [[each.hash, each.owner, each.reason] for each in registry.rations.left_out()],
        "names": registry.names.all(),
        "domains": {address: [each.domain for each in by] for address, by in registry.domains.all().items()},
        "tokens": [[token.name, sorted(token.scopes)] for token in registry.tokens.all()],
        "drafts": [[draft.key, dict(draft.fields)] for draft in registry.drafts.all()],
        "searches": registry.searches.saved(),
        "searched": registry.searches.history(),
        "stars": [list(own) for own in registry.stars.all()],
        "watched": registry.news.watches(),
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
