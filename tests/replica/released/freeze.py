"""A replica of the present schema with something in each of its tables. `python -m tests.replica.released.freeze` keeps
it beside this file: once for each version of the schema, before that version is released."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.seeds import NOW, make_record, owner, signed, stranger_ops
from tui_registry.crdt import sign_up
from tui_registry.crdt.signed_heads import sign_head
from tui_registry.datastore import DATABASE, Datastore, Draft, Head, ImportRun, Once, Ration
from tui_registry.records import defaults
from tui_registry.replica.log import kept_set
from tui_registry.replica.store.tables import SCHEMA_VERSION

FOLDER = Path(__file__).parent
_EPOCH = "e" * 32


@contextmanager
def kept_soon() -> Iterator[None]:
    """What is kept of the log as a set follows it after a few operations, not after a thousand."""
    most, kept_set.MOST_BEHIND = kept_set.MOST_BEHIND, 4
    try:
        yield
    finally:
        kept_set.MOST_BEHIND = most


@kept_soon()
def fill(datastore: Datastore, version: int = SCHEMA_VERSION) -> None:
    """Always the same, but for the epoch and the token: two owners' records, an edit, a deletion, a conflict, an
    operation that waits, two that were refused, an import, a peer half read, drafts, searches, names, a token, owners
    that are muted or blocked, what was left out, two faces of a key, a manifest, stars, a note and what is watched.

    Args:
        version: of the schema: no operations that a program of that version had no place for.
    """
    datastore.key.replace(owner("released"))
    lines = [op.to_json() for op in stranger_ops(12)]
    datastore.peers.add("lab", "http://127.0.0.1:1")
    cursor = datastore.peers.begin_pull("lab", Head(_EPOCH, 40, "0" * 64, owner("stranger").address))
    arrivals = datastore.log.check_lines([*lines, b'{"Dataset":{}}', b"nonsense"], 0)
    _, moved = datastore.peers.store_entries("lab", cursor, arrivals)
    datastore.peers.skip_entries("lab", _EPOCH, moved.next_index, moved.running_sum)
    datastore.peers.add("stick", "/media/stick")
    # A key that shows one log to some and another to others.
    for name, root in (("lab", "1" * 64), ("stick", "2" * 64)):
        head = Head(_EPOCH, 40, "0" * 64, owner("stranger").address, 1, "3" * 64, root, NOW)
        assert head.digest is not None
        datastore.peers.see_head(name, head._replace(sig=sign_head(owner("stranger"), head.digest)))

    record = make_record("model", "kept", tags=["kept"], formfile_template="NAME kept\n")
    run = ImportRun("/models", "import of a folder")
    entry = run.describe("/models/kept.yaml", "", "model", record, stated=record)
    (taken,) = datastore.take_in([entry], run, register=True)
    kept = taken.op
    assert kept is not None
    assert kept.record is not None
    edited = {**kept.record, "description": "Änderung, 変更", "quantization": {"Other": "EXL2"}}
    datastore.update("model", kept.key, edited, datastore.heads(kept.key))
    gone = datastore.add(
        "agent",
        make_record("agent", "gone", tools=["search"], capabilities=["reading"]),
        once=Once("laptop", "POST /agents", "1", b"gone"),
    )
    datastore.delete("agent", gone.key, datastore.heads(gone.key))

    if version > 1:
        behind = {
            "status": "Deprecated",
            "status_message": "alt",
            "artifacts": [
                {"uri": "a.gguf", "media_type": "", "sha256": "ab" * 32, "size_bytes": 7, "quantization": None}
            ],
            "derived_from": [{"relation": "Merge", "model_id": "ab" * 32, "name": "Basis", "sha256": None}],
            "evaluations": [{"benchmark": "MMLU", "metric": "acc", "value": "0.5", "source": ""}],
        }
        datastore.manifests.set(kept.key, defaults("manifest") | behind)
        answers = {"interfaces": [{"url": "https://example.org/mcp", "protocol": "MCP", "version": ""}]}
        datastore.add("agent", make_record("agent", "answers"), manifest=defaults("manifest") | answers)

        datastore.stars.star([kept.key, gone.key], starred=True)
        datastore.stars.note(kept.key, "zweimal, 両方")
        datastore.news.watch(f"0x{owner('stranger').address}")
        datastore.news.seen()

    # The same key on another machine, on top of the same root; and one write of it that is not here.
    twin = sign_up(owner("released"), "model", {**kept.record, "name": "twin"}, children=[kept.hash], clock=2)
    unseen = sign_up(owner("released"), "model", {**kept.record, "name": "unseen"}, children=[twin.hash], clock=3)
    waits = sign_up(owner("released"), "model", {**kept.record, "name": "waits"}, children=[unseen.hash], clock=4)
    datastore.apply([twin.to_json(), waits.to_json(), b"{}"], source="a file")

    datastore.drafts.save(Draft("register model", "model", None, (), {"name": "half typ"}))
    datastore.drafts.save(Draft(f"edit {kept.key}", "model", kept.key, datastore.heads(kept.key), {"version": "2"}))
    datastore.searches.save("small", "kind:model params:<=8b")
    datastore.searches.remember("llama")
    datastore.names.set(owner("stranger").address, "my-lab")
    datastore.domains.put("example.org", [owner("lab").address])
    datastore.tokens.add("laptop", ["write", "push"])

    datastore.rations.mute(owner("twin").address)
    datastore.rations.block(owner("flood").address)
    datastore.rations.set_ration("lab", Ration(source_ops=1_000_000))
    flood = signed(owner("flood"), "model", "flood")
    datastore.apply([flood.to_json()], source="lab")
    total, of_flood = moved.running_sum, [(0, flood.hash, owner("flood").address)]
    datastore.peers.skip_entries("lab", _EPOCH, moved.next_index, total, left_out=of_flood)


def freeze(folder: Path = FOLDER) -> Path:
    """Make such a replica with this program, and keep it as the present version's."""
    with tempfile.TemporaryDirectory() as place:
        with Datastore.open(place, clock=lambda: NOW) as datastore:
            fill(datastore)
        data = (Path(place) / DATABASE).read_bytes()
    kept = folder / f"{SCHEMA_VERSION}.sqlite3.gz"
    kept.write_bytes(gzip.compress(data, mtime=0))
    return kept


if __name__ == "__main__":
    freeze()
