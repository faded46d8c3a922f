"""Strangers may sign manifests for nothing, as many as they like, and say in them whatever they like of anybody's
records: they are rationed as everything is, and what was written of a record costs nobody who looks at it anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.replica.replicas import database
from tests.seeds import NOW, make_record, owner, signed
from tests.sync.logs import manifest
from tui_registry.crdt import Op, sign_up
from tui_registry.datastore import EVERYBODY, PUSHES, Datastore, Ration
from tui_registry.errors import Json, Record
from tui_registry.node import NodeBounds, running
from tui_registry.records import derive_id, derive_manifest_id
from tui_registry.records.schema import defaults
from tui_registry.replica.store.connection import Pool
from tui_registry.sync import push

STRANGER = owner("claims")


@cache
def lone(count: int, about: str = "") -> tuple[bytes, ...]:
    """Manifests of records that nobody has, each of which claims to be made from that one, to need it and to be followed
    by it."""
    links: Record = {}
    if about:
        links = {"superseded_by": about, "required_models": [about]}
        derivation: Json = {"relation": "Merge", "model_id": about, "name": "x", "sha256": None}
        links["derived_from"] = [derivation] * 16
    base: Record = {**defaults("manifest"), **links, "status": "Withdrawn", "status_message": "x"}
    base |= {"owner_id": STRANGER.address, "created_at": NOW, "updated_at": NOW}
    lines = []
    for number in range(count):
        subject = derive_id("model", STRANGER.address, f"n{number}", NOW)
        ids: Record = {"manifest_id": derive_manifest_id(subject), "subject_id": subject, "subject_name": f"n{number}"}
        lines.append(sign_up(STRANGER, "manifest", {**base, **ids}).to_json())
    return tuple(lines)


@contextmanager
def stepping() -> Iterator[list[int]]:
    """Counts every ten steps of SQLite's that looking takes."""
    taken, read = [0], Pool.read

    def step() -> int:
        taken[0] += 1
        return 0

    @contextmanager
    def counted(pool: Pool, *_: object, **__: object) -> Iterator[sqlite3.Connection]:
        with read(pool) as db:
            db.set_progress_handler(step, 10)
            try:
                yield db
            finally:
                db.set_progress_handler(None, 0)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Pool, "read", counted)
        yield taken


def steps(look: Callable[[], object]) -> int:
    with stepping() as taken:
        look()
    return taken[0]


def looks(store: Datastore, record: str) -> dict[str, Callable[[], object]]:
    """Every way to look at a record, and at all of them."""
    return {
        "list": lambda: store.search(""),
        "search": lambda: store.search("subject"),
        "conflict": lambda: store.search("is:conflict"),
        "status": lambda: store.search("status:deprecated"),
        "facets": store.facets,
        "values": lambda: store.known_values("tag"),
        "entry": lambda: store.entry(record),
        "manifest": lambda: store.manifests.get(record),
        "history": lambda: (store.history(record), store.manifests.history(record)),
        "versions": lambda: store.versions(record),
        "find": lambda: store.find(record[:12], deleted=True),
        "stats": store.stats,
        "conflicts": store.conflicts,
        "operations": lambda: store.log.operations(limit=20),
        "check": lambda: store.manifests.check(record, {**defaults("manifest"), "required_models": [record]}),
    }


def expect_no_cost(folder: Path, claims: int) -> None:
    with Datastore.open(folder, clock=lambda: NOW) as store:
        record = store.add("model", make_record("model", "subject")).key
        store.manifests.set(record, {**defaults("manifest"), "status": "Deprecated", "status_message": "x"})
        others = [signed(owner("honest"), "model", f"other {number}").body for number in range(60)]
        store.apply([*others, *lone(20, record)], source="hub")
        before = {name: steps(look) for name, look in looks(store, record).items()}
        assert store.apply(lone(claims, record), source="hub").applied == claims - 20
        assert store.search("").total == store.stats().records == 61
        assert sum(before.values()) > 50
        after = {name: steps(look) for name, look in looks(store, record).items()}
        assert {name: (before[name], taken) for name, taken in after.items() if taken > before[name] * 1.5 + 20} == {}


def test_claims_about_a_record_and_manifests_of_nothing_cost_nobody_who_looks_anything(tmp_path: Path) -> None:
    expect_no_cost(tmp_path, 600)


@pytest.mark.long
def test_a_hundred_thousand_claims_about_a_record_cost_nobody_who_looks_anything(tmp_path: Path) -> None:
    expect_no_cost(tmp_path, 100_000)


def rationed(store: Datastore, ration: Ration, lines: Sequence[bytes], source: str, *, at: str | None = None) -> int:
    """How many of them come in by a ration."""
    store.rations.set_ration(source if at is None else at, ration)
    report = store.apply(lines, source=source)
    assert report.applied + report.left_out.total() == len(lines)
    assert (store.stats().ops, store.stats().records) == (report.applied, 0)
    assert store.rations.count() == report.left_out.total()
    return report.applied


@pytest.mark.parametrize(
    ("ration", "most"),
    [
        (Ration(owner_ops=7), 7),
        (Ration(source_ops=9), 9),
        (Ration(named_only=True), 0),
        (Ration(owner_bytes=12_000), 8),
        (Ration(source_bytes=12_000), 8),
    ],
)
def test_manifests_of_nothing_are_rationed_as_records_are(tmp_path: Path, ration: Ration, most: int) -> None:
    for source, at in (("hub", None), ("hub", EVERYBODY), ("push:203.0.113.7", PUSHES)):
        with Datastore.open(tmp_path / f"{source} {at}", clock=lambda: NOW) as store:
            store.peers.add("hub", "http://127.0.0.1:1")
            came = rationed(store, ration, lone(30), source, at=at)
            assert came == most if ration.owner_bytes is ration.source_bytes else 0 < came < 30
            # Nothing is forgotten: with more room all of them come.
            store.rations.set_ration(source if at is None else at, Ration())
            assert store.apply(lone(30), source=source).applied == 30 - came
            assert store.verify().sound


async def expect_a_node_takes_its_ration(folder: Path, count: int, bounds: NodeBounds, most: int) -> None:
    """A stranger pushes that many manifests of nothing to a node."""
    with (
        Datastore.open(folder / "there", clock=lambda: NOW) as there,
        Datastore.open(folder / "here", clock=lambda: NOW) as here,
        running(there, accept_ops=True, bounds=bounds) as node,
    ):
        here.apply(lone(count), source="made")
        here.peers.add("node", node.url)
        result = await push(here, "node")
        assert (result.applied, result.left_out) == (most, count - most)
        assert there.search("").total == 0
        # Others still get in.
        here.add("model", make_record("model", "honest"))
        await push(here, "node")
        assert [row.name for row in there.search("").rows] == ["honest"]


async def test_a_push_of_manifests_of_nothing_ends_at_the_ration_of_its_owner(tmp_path: Path) -> None:
    await expect_a_node_takes_its_ration(tmp_path, 40, NodeBounds(push_owner_ops=16), 16)


@pytest.mark.long
async def test_a_push_of_a_hundred_thousand_manifests_of_nothing_ends_at_the_ration_of_its_owner(
    tmp_path: Path,
) -> None:
    await expect_a_node_takes_its_ration(tmp_path, 100_000, NodeBounds(push_day_ops=1_000_000), 65_536)


def test_a_manifest_of_the_largest_size_takes_no_more_than_ten_times_its_bytes(tmp_path: Path) -> None:
    large = [
        manifest(
            STRANGER,
            signed(STRANGER, "model", f"large {number}"),
            artifacts=[
                {
                    "uri": f"a/{number}/{place}",
                    "media_type": "",
                    "sha256": None,
                    "size_bytes": None,
                    "quantization": None,
                }
                for place in range(256)
            ],
            datasets=[f"{number} {place}" for place in range(64)],
            languages=[f"x-{number}-{place}" for place in range(64)],
        )
        for number in range(8)
    ]
    lines = [*(op.to_json() for op in large), *lone(200)]
    with Datastore.open(tmp_path, clock=lambda: NOW) as store:
        db = database(store)
        pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        (before,) = db.execute(pages).fetchone()
        assert store.apply(lines, source="hub").applied == len(lines)
        (after,) = db.execute(pages).fetchone()
    assert after - before <= 10 * sum(map(len, lines))


def test_a_deep_history_and_many_heads_of_a_manifest_are_bounded_where_they_are_shown(tmp_path: Path) -> None:
    first = manifest(STRANGER, signed(STRANGER, "model", "forked"))
    assert first.record is not None
    forks: list[Op] = [
        sign_up(STRANGER, "manifest", {**first.record, "status_message": f"{number}"}, children=[first.hash], clock=2)
        for number in range(300)
    ]
    with Datastore.open(tmp_path, clock=lambda: NOW) as store:
        store.apply([op.to_json() for op in (first, *forks)], source="hub")
        found = store.manifests.get(str(first.record["subject_id"]))
        assert found is not None
        assert (len(found.live_heads), found.is_live) == (300, False)
        assert len(store.manifests.history(found.id, limit=20)) == 20
        assert store.conflicts() == []
        assert store.verify().sound
