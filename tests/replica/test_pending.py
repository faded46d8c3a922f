"""Ops whose children have not come, and ops that were refused: kept by their whole bytes, bounded, released in any
order (see protocol.md, Validity)."""

from __future__ import annotations

import itertools

import pytest

from tests.crdt import model
from tests.crdt.making import ADA, BOB, removal_of, root, write_on
from tests.crdt.model import ORDER
from tests.replica.replicas import assert_agrees, replica, rows
from tui_registry.crdt import Op
from tui_registry.datastore import ApplyReport, Datastore
from tui_registry.replica.log import arrivals


def chain(length: int, name: str = "tiny") -> list[Op]:
    """A root and writes on top of one another."""
    ops = [root(description=name)]
    while len(ops) < length:
        ops.append(write_on(ops[-1], description=f"{name} {len(ops)}"))
    return ops


def spoilt_signature(op: Op) -> bytes:
    """The op with the hash it has and another signature that the curve would accept: the high s."""
    sig = op.signature.hex()
    other = f"{sig[:64]}{ORDER - int(sig[64:], 16):064x}"
    return op.body.replace(sig.encode(), other.encode()).replace(
        f'"rec":{op.rec}'.encode(), f'"rec":{op.rec ^ 1}'.encode()
    )


def pending(datastore: Datastore) -> set[bytes]:
    return {bytes(body) for (body,) in rows(datastore, "SELECT DISTINCT body FROM pending")}  # type: ignore[arg-type]


# ---- released ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_chain_is_released_in_any_order(order: tuple[int, ...]) -> None:
    ops = chain(4)
    with replica() as datastore:
        for place in order:
            datastore.apply([ops[place].body], source="anyone")
        assert datastore.stats().pending == 0
        assert datastore.stats().ops == 4
        assert datastore.heads(ops[0].key) == (ops[3].hash,)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_an_op_with_several_children_waits_for_each_of_them(order: tuple[int, ...]) -> None:
    base = root()
    left, right = write_on(base, description="left"), removal_of(base)
    ops = [base, left, right, write_on(left, right, description="merged")]
    with replica() as datastore:
        for count, place in enumerate(order, 1):
            datastore.apply([ops[place].body], source="anyone")
            assert_agrees(datastore, model.state(ops[place].body for place in order[:count]))
        assert datastore.stats().pending == 0
        assert datastore.heads(base.key) == (ops[3].hash,)


def test_a_long_chain_delivered_backwards_one_by_one_and_as_one_batch() -> None:
    ops = [op.body for op in chain(120)]
    with replica() as one, replica() as other:
        for body in reversed(ops):
            one.apply([body], source="anyone")
        other.apply(reversed(ops), source="anyone")
        assert one.stats().ops == other.stats().ops == 120
        assert one.log.head().fingerprint == other.log.head().fingerprint
        assert one.stats().pending == other.stats().pending == 0


def test_pending_says_which_children_are_missing() -> None:
    ops = chain(3)
    with replica() as datastore:
        report = datastore.apply([ops[2].body], source="anyone")
        assert (report.applied, report.pending, report.missing) == (0, 1, [ops[1].hash])
        report = datastore.apply([ops[1].body], source="anyone")
        assert report.missing == [ops[0].hash]
        report = datastore.apply([ops[0].body], source="anyone")
        assert report.missing == []
        assert datastore.stats().ops == 3


def test_without_keep_pending_nothing_waits() -> None:
    ops = chain(2)
    with replica() as datastore:
        report = datastore.apply([ops[1].body], source="anyone", keep_pending=False)
        assert (report.pending, datastore.stats().pending) == (1, 0)
        datastore.apply([op.body for op in ops], source="anyone", keep_pending=False)
        assert datastore.stats().ops == 2


def test_an_op_that_waits_on_an_invalid_op_waits_and_is_never_rejected() -> None:
    base = root()
    bad = write_on(base, clock=7)
    on_top = write_on(bad)
    with replica() as datastore:
        datastore.apply([base.body, bad.body, on_top.body], source="anyone")
        assert datastore.stats().ops == 1
        assert pending(datastore) == {on_top.body}
        assert rows(datastore, "SELECT code FROM rejected") == [("clock",)]


def test_what_waited_and_turns_out_to_break_a_rule_is_remembered_with_who_sent_it() -> None:
    base = root()
    bad = write_on(base, later=-1, created_at=base.updated_at - 5)
    with replica() as datastore:
        datastore.apply([bad.body], source="liar")
        assert datastore.stats().pending == 1
        datastore.apply([base.body], source="honest")
        assert datastore.stats().pending == 0
        assert rows(datastore, "SELECT source, code FROM rejected") == [("liar", "time")]


# ---- a relay that spoils a byte gets no good op refused ------------------------------------------------------------


@pytest.mark.parametrize("spoilt_first", [True, False])
def test_a_spoilt_copy_does_not_keep_the_good_op_out(spoilt_first: bool) -> None:
    op = root()
    bodies = [spoilt_signature(op), op.body]
    for batches in ([[body] for body in bodies], [bodies]):
        with replica() as datastore:
            for batch in batches if spoilt_first else reversed(batches):
                datastore.apply(batch if spoilt_first else batch[::-1], source="relay")
            assert datastore.stats().ops == 1
            assert rows(datastore, "SELECT code FROM rejected") == [("signature",)]


def test_a_spoilt_copy_does_not_keep_a_waiting_op_out_nor_what_waits_on_it() -> None:
    ops = chain(3)
    with replica() as datastore:
        datastore.apply([ops[2].body, spoilt_signature(ops[1]), spoilt_signature(ops[0])], source="relay")
        assert (datastore.stats().ops, datastore.stats().pending) == (0, 1)
        datastore.apply([ops[1].body, spoilt_signature(ops[2])], source="relay")
        datastore.apply([ops[0].body], source="honest")
        assert (datastore.stats().ops, datastore.stats().pending) == (3, 0)


def test_the_same_op_under_another_dot_counter_is_known_whether_stored_or_waiting() -> None:
    ops = chain(2)
    twins = [op.body.replace(b'"counter":1', b'"counter":9') for op in ops]
    with replica() as datastore:
        datastore.apply([ops[1].body, twins[1]], source="anyone")
        assert datastore.stats().pending == 2  # by their whole bytes
        report = datastore.apply([ops[0].body, twins[0]], source="anyone")
        assert (datastore.stats().ops, datastore.stats().pending) == (2, 0)
        assert report.rejected == []
        report = datastore.apply(twins, source="anyone")
        assert (report.known, report.applied) == (2, 0)


def test_good_ops_in_a_batch_are_kept_beside_bad_ones() -> None:
    good = [root(name=f"good {number}") for number in range(5)]
    bad = [b"", b"nonsense", b"\xff\xfe", b'{"Model":{"Up":{"\\ud800":1}}}', b"x" * 70_000, spoilt_signature(good[0]), b"null",
           good[1].body.replace(b'"tags":', b'"\\ud800\\u0000":'), b"[" * 50_000, good[2].body[:-1], b'{"Dataset":{}}']  # fmt: skip
    lines = [line for pair in itertools.zip_longest(bad, (op.body for op in good)) for line in pair if line is not None]
    with replica() as datastore:
        report = datastore.apply(lines, source="mixed")
        assert report.applied == 5
        assert report.unsupported == 1
        assert report.total == len(lines)
        assert [lines[item.place] for item in report.rejected] == [line for line in bad if b"Dataset" not in line]
        assert all(item.sentence for item in report.rejected)
        assert datastore.stats().records == 5


# ---- bounds --------------------------------------------------------------------------------------------------------


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MAX_PENDING", 8)
    monkeypatch.setattr(arrivals, "MAX_REJECTED", 6)


def waiting_ops(count: int, by: str) -> list[bytes]:
    """Ops of `count` records whose roots nobody sends."""
    identity = {"a": ADA, "b": BOB}[by]
    found = []
    for number in range(count):
        record = dict(root(name=f"{by} {number}").record or {})
        base = model.up_tree(identity, "model", {**record, "owner_id": identity.address})
        digest = base["Model"]["Up"]["op"]["hash"]
        found.append(model.spell(model.rm_tree(identity, "model", str(record["model_id"]), [digest], 2, 1_790_000_000)))
    return found


def held(datastore: Datastore) -> dict[object, object]:
    return dict(rows(datastore, "SELECT source, count(*) FROM pending GROUP BY source"))  # type: ignore[arg-type]


@pytest.mark.usefixtures("_small")
def test_pending_is_bounded_and_the_source_that_holds_most_loses_its_newest_first() -> None:
    with replica() as datastore:
        modest, greedy = waiting_ops(3, "a"), waiting_ops(30, "b")
        datastore.apply(modest, source="modest")
        datastore.apply(greedy, source="greedy")
        assert datastore.stats().pending == 8
        assert held(datastore) == {"modest": 3, "greedy": 5}
        assert pending(datastore) == {*modest, *greedy[:5]}
        # One op at a time makes no difference.
        for body in greedy[5:]:
            datastore.apply([body], source="greedy")
        assert held(datastore) == {"modest": 3, "greedy": 5}


@pytest.mark.usefixtures("_small")
def test_an_op_that_an_honest_source_holds_is_not_forgotten_when_a_greedy_one_held_it_too() -> None:
    ops = chain(2)
    with replica() as datastore:
        datastore.apply([ops[1].body], source="greedy")
        datastore.apply([ops[1].body], source="honest")
        datastore.apply(waiting_ops(30, "b"), source="greedy")
        for _ in range(3):
            datastore.apply(waiting_ops(30, "a"), source="greedier")
        assert held(datastore)["honest"] == 1
        datastore.apply([ops[0].body], source="honest")
        assert datastore.heads(ops[0].key) == (ops[1].hash,)


def test_pending_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MAX_PENDING_BYTES", 20_000)
    with replica() as datastore:
        base = root()
        for number in range(30):
            missing = write_on(base, description=f"missing {number}")
            datastore.apply([write_on(missing, description="d" * 3_000).body], source="large")
        (size,) = rows(datastore, "SELECT sum(size) FROM pending")[0]
        assert isinstance(size, int)
        assert 0 < size <= 20_000


@pytest.mark.usefixtures("_small")
def test_what_a_report_remembers_of_endless_waiting_ops_is_bounded_and_all_are_counted() -> None:
    lines = waiting_ops(30, "b")
    total = ApplyReport()
    with replica() as datastore:
        for start in range(0, 30, 10):
            total.add(datastore.apply(lines[start : start + 10], source="endless"))
    assert total.pending == 30
    assert len(total.held) == len(total.missing) == 8
    for number in range(30):
        later = ApplyReport()
        later.moved = {bytes([number]): None}
        total.add(later)
    assert len(total.moved) <= 8
    # What it does remember is let go as ever.
    freed = ApplyReport()
    freed.moved = dict.fromkeys(total.held)
    total.add(freed)
    assert (total.held, total.missing) == ({}, [])


@pytest.mark.usefixtures("_small")
def test_evicted_ops_come_again_and_nothing_is_lost() -> None:
    ops = chain(30)
    with replica() as datastore:
        datastore.apply([op.body for op in ops[1:]], source="anyone")
        assert datastore.stats().pending <= 8
        datastore.apply([op.body for op in ops], source="anyone")
        assert (datastore.stats().ops, datastore.stats().pending) == (30, 0)


@pytest.mark.usefixtures("_small")
def test_rejections_are_bounded_and_the_last_ones_stay() -> None:
    with replica() as datastore:
        lines = [f"nonsense {number}".encode() for number in range(50)]
        assert len(datastore.apply(lines, source="noise").rejected) == 50
        assert datastore.stats().rejected == 6
        starts = {bytes(start) for (start,) in rows(datastore, "SELECT start FROM rejected")}  # type: ignore[arg-type]
        assert starts == set(lines[-6:])
        datastore.apply([b"one more"], source="noise")
        assert datastore.stats().rejected == 6


def test_of_a_rejected_op_only_the_beginning_is_kept() -> None:
    with replica() as datastore:
        datastore.apply([b"x" * 1_000_000], source="large")
        assert rows(datastore, "SELECT code, size, length(start) <= 2048 FROM rejected") == [("limit", 1_000_000, 1)]


def test_the_same_refused_bytes_are_kept_once() -> None:
    with replica() as datastore:
        for source in ("one", "two", "one"):
            datastore.apply([b"nonsense", b"nonsense"], source=source)
        assert datastore.stats().rejected == 1
