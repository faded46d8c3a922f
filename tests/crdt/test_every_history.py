"""Every order of arrival of every small history of two records, through the pure functions (`lattice.py` says how).

The long run takes histories of six operations: `python -m tests.convergence --histories 6`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.crdt import model
from tests.crdt.lattice import PAIRS, Form, Looked, look_at_every_order, operations, shapes


def all_of_one_record(size: int) -> Iterator[tuple[Form, ...]]:
    """Every history of one record, made in every order: with k operations before it, one may name 2^k sets of them."""
    places = [
        [
            Form(0, children, removes)
            for count in range(place + 1)
            for children in itertools.combinations(range(place), count)
            for removes in ((False, True) if children else (False,))
        ]
        for place in range(size)
    ]
    return itertools.product(*places)


def smallest(shape: tuple[Form, ...]) -> tuple[Form, ...]:
    """The same history with its operations in the order that compares smallest, of all in which it may be made."""
    found = shape
    for order in itertools.permutations(range(len(shape))):
        new = {old: place for place, old in enumerate(order)}
        renamed = tuple(
            Form(shape[old].record, tuple(sorted(new[child] for child in shape[old].children)), shape[old].removes)
            for old in order
        )
        if all(child < place for place, form in enumerate(renamed) for child in form.children):
            found = min(found, renamed)
    return found


@pytest.mark.parametrize(("size", "made", "distinct"), [(1, 1, 1), (2, 3, 3), (3, 21, 18), (4, 315, 208)])
def test_no_history_is_left_out(size: int, made: int, distinct: int) -> None:
    everything = list(all_of_one_record(size))
    of_one_record = [shape for shape in shapes(size) if not any(form.record for form in shape)]
    assert (len(everything), len(of_one_record)) == (made, distinct)
    assert {smallest(shape) for shape in of_one_record} == {smallest(shape) for shape in everything}


def test_the_histories_are_counted_right() -> None:
    # Of two records those of the first come first: 208 + 18 * 1 + 3 * 3 + 1 * 18.
    assert [sum(1 for _ in shapes(size)) for size in range(1, 5)] == [1, 4, 24, 253]
    assert [sum(1 for _ in shapes(size, across=True)) for size in range(1, 4)] == [1, 6, 69]


def test_the_histories_hold_what_orders_can_differ_by() -> None:
    every = {smallest(shape) for shape in shapes(4)}
    write, removal, again = Form(0, (), False), Form(0, (0,), True), Form(0, (1,), False)
    # Registered, removed, registered again beside a write that had not seen the removal.
    assert smallest((write, removal, again, Form(0, (0,), False))) in every
    # Two machines of one owner write without knowing of each other, and a third resolves it.
    assert smallest((write, Form(0, (0,), False), Form(0, (0,), False), Form(0, (1, 2), False))) in every
    for shape in shapes(4):
        made = operations(shape, PAIRS["two kinds"])
        assert len(model.state(one.body for one in made).valid) == 4


@pytest.mark.parametrize("pair", PAIRS)
def test_every_order_of_every_history_of_four_leads_where_the_oracle_says(pair: str) -> None:
    assert look_at_every_order(4, PAIRS[pair]) == Looked(253, 253 * 32, 253 * 24)


@pytest.mark.parametrize("pair", PAIRS)
def test_so_does_every_order_when_operations_may_name_those_of_the_other_record(pair: str) -> None:
    assert look_at_every_order(3, PAIRS[pair], across=True) == Looked(69, 69 * 12, 69 * 6)


@pytest.mark.long
def test_every_order_of_every_history_of_six_leads_where_the_oracle_says() -> None:
    looked = look_at_every_order(6, PAIRS["two kinds"])
    print(f"six operations: {looked}")  # noqa: T201
    assert looked.histories > 200_000


@pytest.mark.long
@pytest.mark.parametrize("pair", PAIRS)
def test_so_does_every_order_of_five_that_may_name_those_of_the_other_record(pair: str) -> None:
    print(f"five operations across two records, {pair}: {look_at_every_order(5, PAIRS[pair], across=True)}")  # noqa: T201
