"""Every order of arrival of every small history of one record, through SQLite.

A history of n operations is a DAG: each names any set of the ones before it as children, and each that has children
may be a write or a removal. There are 1, 3, 21 and 315 of 1, 2, 3 and 4 operations.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.crdt import model
from tests.crdt.histories import START, key_of
from tests.crdt.model import Fact
from tests.replica.replicas import assert_agrees, replica
from tui_registry.crdt.keys import Identity
from tui_registry.records.schema import defaults

Shape = tuple[tuple[tuple[int, ...], bool], ...]


def shapes(size: int) -> list[Shape]:
    """Every history of `size` operations: for each its children among the ones before, and whether it removes."""
    found: list[Shape] = [()]
    for place in range(size):
        subsets = [
            tuple(child for child in range(place) if bits >> child & 1) for bits in range(2**place)
        ]  # the empty one first: a root, which can only be a write
        forms = [((), False), *((subset, removes) for subset in subsets[1:] for removes in (False, True))]
        found = [(*shape, form) for shape in found for form in forms]
    return found


def operations(shape: Shape, identity: Identity, name: str) -> list[bytes]:
    """The shape's operations on one model, each with a text of its own, children first."""
    key = model.derived_id("model", identity.address, name, START)
    made: list[bytes] = []
    facts: list[Fact] = []
    for place, (children, removes) in enumerate(shape):
        named = [facts[child] for child in children]
        clock = 1 + max([0, *(child.clock for child in named)])
        hashes = [child.hash for child in named]
        if removes:
            tree = model.rm_tree(identity, "model", key, hashes, clock, START + place)
        else:
            record = defaults("model")
            record.update(
                model_id=key, name=name, owner_id=identity.address, description=f"writing {place}",
                created_at=START, updated_at=START + place,
            )  # fmt: skip
            tree = model.up_tree(identity, "model", record, hashes, clock)
        made.append(model.spell(tree))
        fact = model.judge(made[-1])
        assert isinstance(fact, Fact)
        facts.append(fact)
    return made


def histories(size: int) -> Iterator[list[bytes]]:
    for number, shape in enumerate(shapes(size)):
        yield operations(shape, key_of("a" if number % 2 else "b"), f"shape {size} {number}")


def test_the_histories_are_counted_right_and_all_valid() -> None:
    assert [len(shapes(size)) for size in range(1, 5)] == [1, 3, 21, 315]
    for history in histories(4):
        assert len(model.state(history).valid) == 4


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_order_op_by_op_in_a_replica_of_its_own(size: int) -> None:
    for history in histories(size):
        for order in itertools.permutations(history):
            with replica() as datastore:
                for count, body in enumerate(order, 1):
                    datastore.apply([body], source="anyone")
                    assert_agrees(datastore, model.state(order[:count]))


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_order_of_all_histories_at_once_batch_by_batch(size: int) -> None:
    """The n-th batch brings the n-th to come of every history: hundreds of records move in one transaction."""
    everything = list(histories(size))
    for order in itertools.permutations(range(size)):
        came: list[bytes] = []
        with replica() as datastore:
            for place in order:
                batch = [history[place] for history in everything]
                came += batch
                datastore.apply(batch, source="anyone")
                assert_agrees(datastore, model.state(came), ("writing",), each_entry=False)
            assert datastore.stats().pending == 0
            assert datastore.verify().sound


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_order_within_one_batch(size: int) -> None:
    everything = list(histories(size))
    for order in itertools.permutations(range(size)):
        batch = [history[place] for history in everything for place in order]
        with replica() as datastore:
            report = datastore.apply(batch, source="anyone")
            assert (report.applied, report.pending) == (len(batch), 0)
            assert_agrees(datastore, model.state(batch), ("writing",), each_entry=False)


@pytest.mark.long
def test_every_order_of_four_op_by_op() -> None:
    """Each order in a replica that holds every history, one operation a transaction."""
    everything = list(histories(4))
    for order in itertools.permutations(range(4)):
        with replica() as datastore:
            for history in everything:
                for place in order:
                    datastore.apply([history[place]], source="anyone")
            assert_agrees(datastore, model.state(body for history in everything for body in history), ("writing",))
