"""Every order of arrival of every small history of two records, through SQLite.

A history of n operations is a DAG: each names any set of the ones before it as children, and each that has children
may be a write or a removal; `tests.crdt.lattice` makes them, and looks at longer ones through the pure functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import pytest

from tests.crdt import model
from tests.crdt.lattice import Slot, operations, shapes, slot
from tests.replica.replicas import assert_agrees, replica


def pair(name: str, number: int) -> tuple[Slot, Slot]:
    """Two records that no other history is about: of one owner, of two, of two kinds."""
    owner, kind = (("a", "model"), ("b", "model"), ("a", "agent"))[number % 3]
    return slot("a", "model", name), slot(owner, kind, f"{name} too")


def histories(size: int, *, across: bool = False) -> Iterator[list[bytes]]:
    for number, shape in enumerate(shapes(size, across=across)):
        yield [made.body for made in operations(shape, pair(f"shape {size} {number}", number))]


def test_the_histories_are_all_valid() -> None:
    for history in histories(4):
        assert len(model.state(history).valid) == 4


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_order_op_by_op_in_a_replica_of_its_own(size: int) -> None:
    for history in histories(size):
        seen: set[tuple[bytes, ...]] = set()
        for order in itertools.permutations(history):
            with replica() as datastore:
                for count, body in enumerate(order, 1):
                    datastore.apply([body], source="anyone")
                    # Two orders that begin alike are alike until they part.
                    if (so_far := order[:count]) not in seen:
                        seen.add(so_far)
                        assert_agrees(datastore, model.state(so_far))


def orders(size: int) -> list[tuple[int, ...]]:
    """The orders of arrival for every run: all of them, or of the 24 of four operations the first and the last, which is its reverse."""
    every = [*itertools.permutations(range(size))]
    return every if size < 4 else every[::23]


def assert_every_order_batch_by_batch(size: int, chosen: Iterable[tuple[int, ...]], *, across: bool) -> None:
    """The n-th batch brings the n-th to come of every history: hundreds of records move in one transaction."""
    everything = list(histories(size, across=across))
    for order in chosen:
        came: list[bytes] = []
        with replica() as datastore:
            for place in order:
                batch = [history[place] for history in everything]
                came += batch
                datastore.apply(batch, source="anyone")
                assert_agrees(datastore, model.state(came), ("writing",), each_entry=False)
            assert across or datastore.stats().pending == 0
            assert datastore.verify().sound


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_order_of_all_histories_at_once_batch_by_batch(size: int) -> None:
    assert_every_order_batch_by_batch(size, orders(size), across=False)


@pytest.mark.long
def test_each_of_the_24_orders_of_four_batch_by_batch() -> None:
    assert_every_order_batch_by_batch(4, itertools.permutations(range(4)), across=False)


def test_every_order_when_operations_may_name_those_of_the_other_record() -> None:
    """Which breaks a rule, and leaves waiting for ever what names them in turn."""
    assert_every_order_batch_by_batch(3, orders(3), across=True)


@pytest.mark.long
def test_every_order_of_four_when_operations_may_name_those_of_the_other_record() -> None:
    assert_every_order_batch_by_batch(4, itertools.permutations(range(4)), across=True)


def assert_every_order_within_one_batch(size: int, chosen: Iterable[tuple[int, ...]]) -> None:
    everything = list(histories(size))
    for order in chosen:
        batch = [history[place] for history in everything for place in order]
        with replica() as datastore:
            report = datastore.apply(batch, source="anyone")
            assert (report.applied, report.pending) == (len(batch), 0)
            assert_agrees(datastore, model.state(batch), ("writing",), each_entry=False)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_order_within_one_batch(size: int) -> None:
    assert_every_order_within_one_batch(size, orders(size))


@pytest.mark.long
def test_each_of_the_24_orders_of_four_within_one_batch() -> None:
    assert_every_order_within_one_batch(4, itertools.permutations(range(4)))


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
