"""A write that is asked for again under its key is done once, and both callers are given what came of it."""

from __future__ import annotations

import threading

import pytest

from tests.replica.conftest import Clock
from tests.replica.replicas import rows
from tests.seeds import make_record
from tui_registry.datastore import Datastore, Once, StoreError
from tui_registry.errors import InvalidRecord
from tui_registry.replica.log import turns

ONCE = Once("laptop", "POST /models", "8e03978e", b"a request")
RECORD = make_record("model", "tiny")


def test_the_same_request_writes_once_and_is_given_the_same_operation(datastore: Datastore) -> None:
    assert datastore.done(ONCE) is None
    op = datastore.add("model", RECORD, once=ONCE)
    assert datastore.add("model", RECORD, once=ONCE) == op == datastore.done(ONCE)
    assert datastore.log.head().size == 1
    with Datastore.open(datastore.data_dir, clock=datastore._clock) as beside:
        assert beside.add("model", RECORD, once=ONCE) == op
    changed = datastore.update(
        "model", op.key, {**RECORD, "description": "new"}, [op.hash], once=ONCE._replace(key="2")
    )
    again = datastore.update("model", op.key, {**RECORD, "description": "new"}, [op.hash], once=ONCE._replace(key="2"))
    gone = datastore.delete("model", op.key, [changed.hash], once=ONCE._replace(key="3"))
    assert (again, datastore.delete("model", op.key, [changed.hash], once=ONCE._replace(key="3"))) == (changed, gone)
    assert datastore.log.head().size == 3


def test_a_long_record_that_is_kept_packed_is_given_again_too(datastore: Datastore) -> None:
    op = datastore.add("model", {**RECORD, "description": "long " * 1500}, once=ONCE)
    ((kept,),) = rows(datastore, "SELECT body FROM ops")
    assert isinstance(kept, bytes)
    assert not kept.startswith(b"{")
    assert datastore.add("model", RECORD, once=ONCE) == op == datastore.done(ONCE)


def test_a_key_stands_for_one_request_of_one_caller_and_route(datastore: Datastore) -> None:
    op = datastore.add("model", RECORD, once=ONCE)
    for again in (lambda once: datastore.add("model", RECORD, once=once), datastore.done):
        with pytest.raises(StoreError) as raised:
            again(ONCE._replace(request=b"another"))
        assert raised.value.code == "key_reused"
    for other in (ONCE._replace(caller="desk"), ONCE._replace(route="POST /agents"), ONCE._replace(key="8e03978f")):
        assert datastore.add("model", RECORD, once=other).key != op.key
    assert datastore.log.head().size == 4


def test_a_refused_request_leaves_its_key_free(datastore: Datastore) -> None:
    with pytest.raises(InvalidRecord):
        datastore.add("model", {**RECORD, "name": ""}, once=ONCE)
    op = datastore.add("model", RECORD)
    with pytest.raises(StoreError):
        datastore.update("model", op.key, RECORD, ["0" * 64], once=ONCE)
    assert datastore.done(ONCE) is None
    assert datastore.add("model", RECORD, once=ONCE._replace(request=b"mended")).key


def test_keys_are_kept_for_a_day_and_within_a_bound(
    datastore: Datastore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    op = datastore.add("model", RECORD, once=ONCE)
    clock.now += turns.KEPT_SECONDS - 1
    assert datastore.done(ONCE) == op
    clock.now += 1
    assert datastore.done(ONCE) is None
    assert datastore.add("model", RECORD, once=ONCE._replace(request=b"another")) != op
    assert rows(datastore, "SELECT count(*) FROM retries") == [(1,)]
    monkeypatch.setattr(turns, "MAX_KEYS", 2)
    for number in range(3):
        datastore.add("model", RECORD, once=ONCE._replace(key=str(number)))
    assert datastore.done(ONCE._replace(key="0")) is None
    assert rows(datastore, "SELECT count(*) FROM retries") == [(2,)]


def test_of_two_who_ask_together_one_writes(datastore: Datastore) -> None:
    keys: list[str] = []
    threads = [
        threading.Thread(target=lambda: keys.append(datastore.add("model", RECORD, once=ONCE).key)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(keys), len({*keys}), datastore.log.head().size) == (4, 1, 1)
