"""Replicas for tests: cheap to make, on a clock that stands still, and compared with the oracle."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path

from tests.crdt.model import Fact, State, judge
from tests.seeds import NOW
from tui_registry import fit
from tui_registry.datastore import DATABASE, Datastore, Row
from tui_registry.query.folding import searched_text, words
from tui_registry.replica.catalogue.derived import variant_text
from tui_registry.replica.catalogue.record_links import NEEDS, PREFERS
from tui_registry.replica.store.stored import stored_id

# Commits are as durable as in the product; a file system in memory makes that cheap where there is one.
_MEMORY = Path("/dev/shm")
PLACE = str(_MEMORY) if _MEMORY.is_dir() else None


@lru_cache(maxsize=1)
def fresh_replica() -> bytes:
    """The bytes of a replica that was made and closed: making one costs more than a small history."""
    with tempfile.TemporaryDirectory(dir=PLACE) as folder:
        Datastore.open(folder).close()
        return (Path(folder) / DATABASE).read_bytes()


@contextmanager
def replica() -> Iterator[Datastore]:
    """An empty replica in a folder of its own that goes with it."""
    folder = Path(tempfile.mkdtemp(dir=PLACE))
    try:
        (folder / DATABASE).write_bytes(fresh_replica())
        with Datastore.open(folder, clock=lambda: NOW) as datastore:
            yield datastore
    finally:
        shutil.rmtree(folder)


def database(datastore: Datastore) -> sqlite3.Connection:
    """A connection beside the Datastore's, to look at (or spoil) what it stores."""
    return sqlite3.connect(datastore.data_dir / DATABASE, isolation_level=None)


def rows(datastore: Datastore, statement: str, *values: object) -> list[tuple[object, ...]]:
    """What a statement answers, through a connection of its own."""
    with closing(database(datastore)) as connection:
        return connection.execute(statement, values).fetchall()


# What a Datastore does not tell: what waits, the heads, the manifests, the links that count, and the links to nothing.
_BESIDE = (
    "SELECT DISTINCT body FROM pending",
    "SELECT id, hash FROM ops JOIN keys USING (rid) WHERE is_head = 1",
    "SELECT subject, hash, m.live_heads, status FROM manifests m JOIN ops USING (idx)",
    "SELECT c.id, l.sort, l.target FROM links l JOIN catalogue c ON c.rid = l.source",
    "SELECT target FROM missing",
)


def assert_agrees(
    datastore: Datastore, state: State, search_for: Sequence[str] = (), *, each_entry: bool = True
) -> None:
    """Everything that a replica shows is what the oracle says of the same operations.

    Args:
        search_for: words to find the right records by.
        each_entry: whether every record is looked at by itself too, which is slow with hundreds.
    """
    # the log: every valid op once, children first; and its counters
    head, stats = datastore.log.head(), datastore.stats()
    assert_log(datastore.log.lines(0, head.size), state)
    catalogue = state.catalogue
    assert (head.size, head.fingerprint) == (len(state.valid), state.fingerprint)
    kinds = [fact.kind for fact in catalogue.values()]
    counts = (kinds.count("model"), kinds.count("agent"), len(state.valid), len(state.conflicts))
    assert (stats.models, stats.agents, stats.ops, stats.conflicts) == counts
    # what waits
    with closing(database(datastore)) as beside:
        waiting, marks, behind, linked, lacking = (beside.execute(question).fetchall() for question in _BESIDE)
    assert {body for (body,) in waiting} == state.pending
    # heads and winners
    marked = {(bytes.fromhex(key), bytes.fromhex(head.hash)) for key in state.keys for head in state.heads(key)}
    assert set(marks) == marked
    for key in state.keys if each_entry else ():
        assert datastore.heads(key) == tuple(head.hash for head in state.heads(key))
        entry, best = datastore.entry(key), catalogue.get(key)
        assert (None if entry is None else entry.record) == (None if best is None else best.record)
        if entry is not None and best is not None:
            live = sorted(state.live_heads(key), key=lambda op: (-op.clock, op.hash))
            assert entry.heads == datastore.heads(key)
            assert entry.live_heads == tuple(op.hash for op in live)
            assert entry.live_heads[0] == best.hash
    assert {(subject.hex(), digest.hex(), live, status) for subject, digest, live, status in behind} == {
        (subject, best.hash, len(state.live_heads(best.key)), status_of(best))
        for subject, best in state.manifests.items()
    }
    # the links that count, and what is missing
    links = {(key.hex(), sort, target.hex()) for key, sort, target in linked}
    assert links == links_of(state)
    models = {key for key, best in catalogue.items() if best.kind == "model"}
    missing = {target.hex() for (target,) in lacking}
    assert missing == {target for _, _, target in links} - models
    # the list, and the words
    found = datastore.search(limit=1000).rows
    assert len(found) == len(catalogue)
    assert {row.id: row._replace(like=None, new=False) for row in found} == {
        key: row_of(best, len(state.live_heads(key)), state.manifests.get(key), state.manifest_heads(key))
        for key, best in catalogue.items()
    }
    assert {row.id for row in datastore.conflicts()} == set(state.conflicts)
    if state.manifests:
        given = {key: status_of(state.manifests[key]) for key in catalogue.keys() & state.manifests.keys()}
        deprecated = {key for key, status in given.items() if status == "Deprecated"}
        for query, expected in (
            ("status:deprecated", deprecated),
            ("status:active", catalogue.keys() - deprecated),
            ("has:manifest", given.keys()),
            ("is:conflict", set(state.conflicts)),
        ):
            assert {row.id for row in datastore.search(query, limit=1000).rows} == expected, query
        counted = {found.value: found.records for found in datastore.facets("").values["status"]}
        in_use = len(catalogue) - len(deprecated)
        told = {"Deprecated": len(deprecated), "Active": in_use} if deprecated else {}
        assert counted == {value: records for value, records in told.items() if records}
    for word in search_for:
        hits = [row.id for row in datastore.search(word, limit=1000).rows]
        assert len(hits) == len(set(hits))
        assert set(hits) == {key for key, best in catalogue.items() if word in words_of(best)}


def status_of(manifest: Fact) -> str | None:
    """What a manifest says of its record, None for `Active`."""
    status = (manifest.record or {})["status"]
    return None if status == "Active" else str(status["Other"] if isinstance(status, dict) else status)


def assert_log(log: Sequence[object], state: State) -> None:
    """The log holds every valid op once, children before those that name them."""
    seen: set[str] = set()
    for body in log:
        assert isinstance(body, bytes)
        fact = judge(body)
        assert isinstance(fact, Fact)
        assert fact.hash not in seen
        assert seen.issuperset(fact.children)
        seen.add(fact.hash)
    assert seen == set(state.valid)


def words_of(fact: Fact) -> set[str]:
    """The words by which free text finds a live record."""
    assert fact.record is not None
    return {word for text in searched_text(fact.record) for word in words(text)}


def row_of(fact: Fact, heads: int, manifest: Fact | None = None, manifest_heads: int = 0) -> Row:
    """The row that lists show for a winner with its manifest."""
    record = fact.record
    assert record is not None
    quantization = record.get("quantization")
    parameters, context = record.get("parameters", 0), record.get("context_length")
    assert isinstance(parameters, int)
    assert context is None or isinstance(context, int)
    return Row(
        kind=fact.kind,
        id=fact.key,
        name=str(record["name"]),
        owner=fact.owner,
        version=str(record["version"]),
        type=variant_text(record[f"{fact.kind}_type"]),
        framework=variant_text(record["framework"]),
        license=str(record["license"]),
        quantization=None if quantization is None else variant_text(quantization),
        parameters=min(parameters, 2**63 - 1),
        context_length=context,
        created_at=int(str(record["created_at"])),
        updated_at=fact.updated_at,
        heads=heads,
        future=fact.updated_at > NOW + 86_400,
        status=None if manifest is None else status_of(manifest),
        manifest_heads=manifest_heads,
        need=_need_of(fact, manifest),
        needs_gpu=(record["resource_requirements"] or {}).get("requires_gpu") is True,  # type: ignore[union-attr]
    )


def _need_of(fact: Fact, manifest: Fact | None) -> int | None:
    """By the formula itself, in one go."""
    if fact.kind != "model" or fact.record is None:
        return None
    least = fit.least(fit.needs(fact.record, None if manifest is None else manifest.record))
    return None if least is None else min(least.total, 2**63 - 1)


def vocabulary(datastore: Datastore) -> list[tuple[object, ...]]:
    """Every word of the index, where it stands in which record: what a rebuild must come to as well."""
    connection = database(datastore)
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.instances USING fts5vocab(main, words, instance)")
        return connection.execute("SELECT term, doc, col, offset FROM instances ORDER BY 1, 2, 3, 4").fetchall()
    finally:
        connection.close()


def links_of(state: State) -> set[tuple[str, int, str]]:
    """The links that count in a state: of which record, of which sort, to what."""
    found: set[tuple[str, int, str]] = set()
    for key, best in state.catalogue.items():
        assert best.record is not None
        manifest = state.manifests.get(key)
        said = {} if manifest is None or manifest.record is None else manifest.record
        stated = ((NEEDS, said.get("required_models")), (PREFERS, best.record.get("preferred_models")))
        for sort, targets in stated:
            named = targets if isinstance(targets, list) else []
            found.update((key, sort, target) for target in named if isinstance(target, str) and stored_id(target))
    return found
