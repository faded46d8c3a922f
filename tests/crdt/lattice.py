"""Every history of a few operations, and every order in which each may arrive, through the pure functions.

An order of arrival is a path through the sets of what has come so far, from none to all. So it is enough to look at
every step of every such path once: if adding any operation to any set always leads to the one state that the oracle
gives for the set, then all orders do, children late or not. Six operations have 720 orders, but only 192 steps.

`step` keeps its state as a replica does (heads as flags, what waits by the first child that it misses), and asks
`tui_registry.crdt` for everything that is a rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import factorial
from typing import NamedTuple

from tests.crdt import model
from tests.crdt.histories import START, key_of
from tests.crdt.model import Fact
from tui_registry.crdt import Ancestor, Op, OpError, check_against, check_alone, claim_of, heads, parse_op, winner
from tui_registry.crdt.keys import Identity
from tui_registry.errors import Kind
from tui_registry.records.schema import defaults


class Form(NamedTuple):
    """One operation of a history: on which of the records, on top of which operations before it, whether it removes."""

    record: int
    children: tuple[int, ...]
    removes: bool


class Slot(NamedTuple):
    """A record that a history is about."""

    identity: Identity
    kind: Kind
    name: str
    key: str


def slot(owner: str, kind: Kind, name: str) -> Slot:
    identity = key_of(owner)
    return Slot(identity, kind, name, model.derived_id(kind, identity.address, name, START))


def forms_after(shape: Sequence[Form], *, across: bool) -> list[Form]:
    """What the next operation of a history may be.

    Of two operations that follow each other and of which neither names the other, either might have been made first:
    only one of the two orders is given, since all orders of arrival are looked at anyway.

    Args:
        across: whether it may name operations of the other record too, which makes it break a rule.
    """
    found: list[Form] = []
    # The first operation is about the first record: what else there is differs by names alone.
    for record in (0, 1) if shape else (0,):
        own = [place for place, before in enumerate(shape) if across or before.record == record]
        found.append(Form(record, (), False))
        for bits in range(1, 2 ** len(own)):
            children = tuple(place for at, place in enumerate(own) if bits >> at & 1)
            found += (Form(record, children, removes) for removes in (False, True))
    last = len(shape) - 1
    return [form for form in found if not shape or last in form.children or shape[last] <= form]


def shapes(size: int, *, across: bool = False) -> Iterator[tuple[Form, ...]]:
    """Every history of `size` operations on up to two records, but for the order in which unrelated ones were made."""

    def longer(shape: tuple[Form, ...]) -> Iterator[tuple[Form, ...]]:
        if len(shape) == size:
            yield shape
            return
        for form in forms_after(shape, across=across):
            yield from longer((*shape, form))

    return longer(())


# A record and another one: of the same owner, of another owner, of another kind.
PAIRS = {
    "one owner": (slot("a", "model", "one"), slot("a", "model", "other")),
    "two owners": (slot("a", "model", "one"), slot("b", "model", "other")),
    "two kinds": (slot("a", "model", "one"), slot("a", "agent", "other")),
}


class Made(NamedTuple):
    """An operation of a history: its bytes, as the product reads it, and as the oracle does."""

    body: bytes
    op: Op
    claim: Ancestor
    fact: Fact


def make(form: Form, slots: Sequence[Slot], before: Sequence[Made]) -> Made:
    """The operation of a form on top of those before it: hashed, signed, read back and judged."""
    owner, kind, name, key = slots[form.record]
    children = [before[child].fact for child in form.children]
    clock = 1 + max([0, *(child.clock for child in children)])
    hashes = [child.hash for child in children]
    updated_at = START + len(before)
    if form.removes:
        tree = model.rm_tree(owner, kind, key, hashes, clock, updated_at)
    else:
        record = defaults(kind)
        record.update({model.ID[kind]: key, "name": name, "owner_id": owner.address})
        record.update(description=f"writing {len(before)}", created_at=START, updated_at=updated_at)
        tree = model.up_tree(owner, kind, record, hashes, clock)
    body = model.spell(tree)
    op = parse_op(body)
    check_alone(op)
    fact = model.judge(body)
    assert isinstance(fact, Fact)
    return Made(body, op, claim_of(op), fact)


def operations(shape: Sequence[Form], slots: Sequence[Slot]) -> list[Made]:
    """A whole history, children first."""
    made: list[Made] = []
    for form in shape:
        made.append(make(form, slots, made))
    return made


# ---- one arrival after another -------------------------------------------------------------------------------------


class Reached(NamedTuple):
    """What a replica is in after some arrivals. Operations go by their place in the history."""

    log: dict[int, Ancestor]
    heads: frozenset[int]
    waiting: dict[int, int]
    rejected: dict[int, str]


NOTHING = Reached({}, frozenset(), {}, {})


def step(state: Reached, arrived: int, made: Sequence[Made], places: dict[str, int]) -> Reached:
    """The state after one more arrival; `places` says where in the history a hash stands."""
    children = [places[child] for child in made[arrived].op.children]
    missing = next((child for child in children if child not in state.log), None)
    if missing is not None:
        return state._replace(waiting={**state.waiting, arrived: missing})
    log, waiting, rejected = dict(state.log), dict(state.waiting), dict(state.rejected)
    marked = set(state.heads)
    queue = [arrived]
    while queue:
        place = queue.pop()
        waiting.pop(place, None)
        children = [places[child] for child in made[place].op.children]
        missing = next((child for child in children if child not in log), None)
        if missing is not None:
            waiting[place] = missing
            continue
        try:
            log[place] = check_against(made[place].claim, [log[child] for child in children])
        except OpError as error:
            rejected[place] = error.code
            continue
        marked.difference_update(children)
        marked.add(place)
        queue += (other for other, child in waiting.items() if child == place)
    return Reached(log, frozenset(marked), waiting, rejected)


class Valid:
    """A valid operation as the register wants it."""

    def __init__(self, made: Made, ancestor: Ancestor) -> None:
        self.hash, self.is_rm, self.children, self.counter = (
            ancestor.hash,
            made.op.is_rm,
            made.op.children,
            ancestor.clock,
        )


def assert_sorted_out(state: Reached, expected: model.State, made: Sequence[Made]) -> None:
    """What is valid, waits or is refused is what the oracle says."""
    assert {made[place].body for place in state.waiting} == expected.pending
    assert {made[place].body: code for place, code in state.rejected.items()} == expected.rejected
    assert len(state.log) == len(expected.valid)


def assert_register(state: Reached, expected: model.State, made: Sequence[Made], slots: Sequence[Slot]) -> None:
    """The heads and the winners of what is valid are those of the oracle."""
    assert {made[place].fact.hash for place in state.log} == set(expected.valid)
    for ancestor in state.log.values():
        assert ancestor.created_at == expected.valid[ancestor.hash].created_at
    for key in {slot.key for slot in slots}:
        ops = [Valid(made[place], ancestor) for place, ancestor in state.log.items() if ancestor.key == key]
        names = [head.hash for head in expected.heads(key)]
        best = expected.winner(key)
        for order in (ops, ops[::-1]):
            found = heads(order)
            assert [op.hash for op in found] == names
            top = winner(found[::-1] if order is ops else found)
            assert (None if top is None else top.hash) == (None if best is None else best.hash)
        assert {made[place].fact.hash for place in state.heads if made[place].op.key == key} == set(names)


class Looked(NamedTuple):
    """How many histories were looked at, and the steps and the orders of arrival that these have."""

    histories: int = 0
    steps: int = 0
    orders: int = 0


def look_at_every_order(size: int, slots: Sequence[Slot], *, across: bool = False) -> Looked:
    """Every step of every order of every history of `size` operations, and of the shorter ones that they begin with.

    Args:
        slots: the two records.

    Raises:
        AssertionError: with a note that says which history and which step.
    """
    looked = Looked()

    def longer(shape: tuple[Form, ...], made: list[Made], reached: dict[int, Reached]) -> None:
        nonlocal looked
        if len(shape) == size:
            looked = Looked(
                looked.histories + 1, looked.steps + size * 2 ** (size - 1), looked.orders + factorial(size)
            )
            return
        for form in forms_after(shape, across=across):
            more = [*made, make(form, slots, made)]
            try:
                here = _with_the_last(more, reached, slots)
            except BaseException as error:
                error.add_note(f"replay: {(*shape, form)} on {[(s.kind, s.name) for s in slots]}")
                raise
            longer((*shape, form), more, here)

    longer((), [], {0: NOTHING})
    return looked


def _with_the_last(made: list[Made], reached: dict[int, Reached], slots: Sequence[Slot]) -> dict[int, Reached]:
    """The states of all sets of these operations, given those of the sets without the last one. Sets are bits."""
    last = len(made) - 1
    places = {one.fact.hash: place for place, one in enumerate(made)}
    here = dict(reached)
    for rest in range(1 << last):
        came = rest | 1 << last
        state: Reached | None = None
        for place in range(last + 1):
            if came >> place & 1:
                found = step(here[came ^ 1 << place], place, made, places)
                if state is None:
                    state = found
                assert found == state, f"the order matters: {place} last of {came:b}"
        assert state is not None
        expected = model.state(one.body for place, one in enumerate(made) if came >> place & 1)
        assert_sorted_out(state, expected, made)
        if state.log != here[rest].log:
            assert_register(state, expected, made, slots)
        here[came] = state
    return here
