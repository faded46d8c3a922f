"""What must hold of a hub once its clients have stopped and its nodes have followed: nothing that was acknowledged is
lost, nothing is there twice, every node has the same, and the oracle agrees."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
from pathlib import Path

import httpx

from tests.convergence.machines import Shown, shown_by
from tests.crdt import model
from tests.hub.fleet import Fleet, Node, until
from tests.hub.traffic import LONGEST, Traffic
from tests.replica.replicas import assert_agrees
from tests.seeds import NOW
from tui_registry.crdt import parse_op
from tui_registry.datastore import Datastore, chained
from tui_registry.sync import pull
from tui_registry.sync.tiles import TILE_OPS


def assert_agreement(fleet: Fleet, traffic: Traffic, place: Path, *, laptops: bool) -> None:
    """Everything above. The nodes are ended for it.

    Args:
        place: an empty folder.
        laptops: a replica of its own pulls from each node, too.
    """
    lines = until(lambda: _shared(fleet, {*traffic.pushed}), "what was pushed does not come in")
    for node in fleet.nodes:
        until(lambda node=node: node.head()["size"] == len(lines), f"node {node.number} does not follow")
    assert len({json.dumps(node.head(), sort_keys=True) for node in fleet.nodes}) == 1
    for node in fleet.nodes:
        assert _tiles(node) == lines
    state = model.state(lines)
    assert len(state.valid) == len(lines) == len({*lines})
    _assert_kept(traffic, lines)
    with Datastore.open(place / "alone", clock=lambda: NOW) as alone:
        assert not alone.apply(lines, source="shared log").rejected
        _assert_as_the_oracle(alone, state)
    for node in fleet.nodes if laptops else ():
        pulled = place / f"laptop-of-{node.number}"
        with Datastore.open(pulled, clock=lambda: NOW) as laptop:
            laptop.peers.add("node", node.url)
            result = asyncio.run(pull(laptop, "node"))
            assert result.error is None, result.sentence
            assert laptop.log.lines(0, len(lines)) == lines
            _assert_as_the_oracle(laptop, state)
    assert not traffic.troubles, traffic.troubles
    assert traffic.longest < LONGEST
    # Each node's folder, by a copy of it.
    for node in fleet.nodes:
        node.end()
        copy = place / f"view-{node.number}"
        shutil.copytree(node.folder, copy)
        with Datastore.open(copy, clock=lambda: NOW) as view:
            assert view.log.lines(0, len(lines) + 1) == lines
            _assert_as_the_oracle(view, state)


def _assert_as_the_oracle(replica: Datastore, state: model.State) -> None:
    """It shows what the oracle makes of the same operations."""
    head = replica.log.head()
    assert (head.size, head.fingerprint) == (len(state.valid), state.fingerprint)
    assert shown_by(replica) == Shown.of(state)
    if len(state.catalogue) <= 1_000:  # one page of a list
        assert_agrees(replica, state, each_entry=False)


def _shared(fleet: Fleet, pushed: set[bytes]) -> list[bytes] | None:
    """The log as PostgreSQL has it, which fits its head; None as long as something waits at a node for what it builds
    on."""
    asked = "SELECT epoch, size, fingerprint, head.chain, idx, hash, body, log.chain FROM hub_head head, hub_log log"
    found = fleet.postgres.ask(f"{asked} ORDER BY idx")
    ((epoch, size, fingerprint, chain),) = {row[:4] for row in found}
    rows = [row[4:] for row in found]
    if not pushed <= {bytes(row[2]) for row in rows}:
        return None
    assert [row[0] for row in rows] == [*range(size)]
    assert sum(int(bytes(row[1]).hex(), 16) for row in rows) % 2**256 == int(fingerprint, 16)
    made = bytes(32)
    for _, digest, body, end in rows:
        made = chained(made, bytes(body))
        assert made == bytes(end)
        assert parse_op(bytes(body)).hash == bytes(digest).hex()
    assert made == bytes(chain)
    assert {node.head()["epoch"] for node in fleet.nodes} == {epoch}
    return [bytes(row[2]) for row in rows]


def _tiles(node: Node) -> list[bytes]:
    head = node.head()
    full, rest = divmod(head["size"], TILE_OPS)
    names = [*(f"{at}" for at in range(full)), *([f"{full}.{rest}"] if rest else [])]
    lines: list[bytes] = []
    with httpx.Client(base_url=node.url, timeout=LONGEST) as client:
        for name in names:
            answer = client.get(f"/sync/{head['epoch']}/entries/{name}.ndjson.gz")
            assert answer.status_code == 200, (name, answer.text)
            lines += gzip.decompress(answer.content).splitlines()
    return lines


def _assert_kept(traffic: Traffic, lines: list[bytes]) -> None:
    assert {*traffic.pushed} <= {*lines}, "a push that was acknowledged is lost"
    names: dict[str, int] = {}
    writes: dict[str, list[str]] = {}
    removed = set()
    for line in lines:
        op = parse_op(line)
        if op.record is None:
            removed.add(op.key)
            continue
        writes.setdefault(op.key, []).append(str(op.record["description"]))
        if not op.children:
            names[str(op.record["name"])] = names.get(str(op.record["name"]), 0) + 1
    assert {count for name, count in names.items() if name in traffic.written} <= {1}, "a record is there twice"
    for written in traffic.written.values():
        there = writes[written.id]
        told = ["", *(f"edit {at}" for at in range(1, written.edits + 1))]
        # Each was asked for again until it was acknowledged, so there is no other one.
        assert there == told, (written, there)
        assert written.id not in removed
    assert traffic.deleted <= removed, "a removal that was acknowledged is lost"
