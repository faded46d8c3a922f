"""Convergence: the same operations give the same registry, in whatever order and batches they came (see protocol.md,
State of a key).

The oracle is `tests.crdt.model`, which knows no order at all.
"""

from __future__ import annotations

from hypothesis import given, note, settings, strategies as st

from tests.crdt import model
from tests.crdt.histories import WORDS, History, deliveries, histories
from tests.laws import examples
from tests.replica.replicas import assert_agrees, replica, vocabulary

SEARCHED = (*WORDS, "first", "number")


@settings(max_examples=examples(50, 600))
@given(st.data(), histories())
def test_every_order_of_delivery_gives_what_the_oracle_says(data: st.DataObject, history: History) -> None:
    batches = data.draw(deliveries(history.all))
    with replica() as datastore:
        for batch in batches:
            datastore.apply(batch, source="anyone")
        assert_agrees(datastore, model.state(history.all), SEARCHED)


@settings(max_examples=examples(20, 120))
@given(st.data(), histories(most=16))
def test_after_every_batch_a_replica_shows_what_the_oracle_says_of_what_came_so_far(
    data: st.DataObject, history: History
) -> None:
    batches = data.draw(deliveries(history.all))
    came: set[bytes] = set()
    with replica() as datastore:
        for batch in batches:
            came.update(batch)
            datastore.apply(batch, source="anyone")
            assert_agrees(datastore, model.state(came), SEARCHED[:2])


@settings(max_examples=examples(20, 120))
@given(st.data(), histories(most=16))
def test_verify_finds_nothing_to_repair_after_any_delivery(data: st.DataObject, history: History) -> None:
    with replica() as datastore:
        for batch in data.draw(deliveries(history.all)):
            datastore.apply(batch, source="anyone")
        before = vocabulary(datastore)
        report = datastore.verify()
        note(str(report))
        assert report.sound
        assert report.ops == len(model.state(history.all).valid)
        # The rebuilt index holds the very words that were kept up to date op by op.
        assert vocabulary(datastore) == before
        assert_agrees(datastore, model.state(history.all), SEARCHED)


@settings(max_examples=examples(15, 80))
@given(st.data(), histories(spoilt=False, most=16))
def test_two_replicas_that_heard_different_orders_are_identical(data: st.DataObject, history: History) -> None:
    with replica() as one, replica() as other:
        for batch in data.draw(deliveries(history.all)):
            one.apply(batch, source="anyone")
        # The other hears it from the first, whose log has children first: nothing has to wait.
        report = other.apply(one.log.lines(0, one.log.head().size), source="one")
        assert (report.applied, report.pending, report.rejected) == (one.log.head().size, 0, [])
        assert (one.log.head().size, one.log.head().fingerprint) == (
            other.log.head().size,
            other.log.head().fingerprint,
        )
        # What a name looks like depends on what came first here, and on nothing else.
        assert one.search(limit=1000, own_names=False).rows == other.search(limit=1000, own_names=False).rows
        assert one.stats() == other.stats()
        assert vocabulary(one) == vocabulary(other)
