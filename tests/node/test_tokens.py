"""What a token opens: the purposes that it is for, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.crdt.making import root
from tests.node.conftest import Node, bearer, client, refused
from tests.places import read_only
from tests.seeds import make_record
from tui_registry.datastore import TOKEN_FILE, Datastore, StoreError
from tui_registry.node import running
from tui_registry.node.tokens import Tokens

RECORD = {"name": "x", "license": "MIT", "parameters": 1, "context_length": 1}
BASE = root(name="base").body + b"\n"


@pytest.fixture
def closed(store: Datastore) -> Iterator[httpx.Client]:
    """A caller of a node that takes operations of those alone who bear a token for that."""
    with running(store, accept_ops="token") as address, client(address) as caller:
        yield caller


def test_a_token_for_something_else_is_told_what_it_is_for(node: Node) -> None:
    for scopes, told in ((("push", "metrics"), "push and metrics"), (("metrics",), "metrics")):
        headers = {"authorization": bearer(node.store, *scopes)}
        answer = node.reader.post("/models", json=RECORD, headers=headers)
        assert told in str(refused(answer, 403, "insufficient_scope")["detail"])
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert node.store.log.head().size == 0
    headers = {"authorization": bearer(node.store, "write")}
    assert node.reader.post("/models", json=RECORD, headers=headers).status_code == 201


def test_a_node_may_take_operations_of_those_alone_who_bear_a_token(store: Datastore, closed: httpx.Client) -> None:
    refused(closed.post("/sync/ops", content=BASE), 401, "unauthorized")
    refused(closed.post("/sync/ops", content=BASE, headers={"authorization": "Bearer x"}), 401, "unauthorized")
    writer = {"authorization": bearer(store, "write")}
    refused(closed.post("/sync/ops", content=BASE, headers=writer), 403, "insufficient_scope")
    assert store.log.head().size == 0
    pusher = {"authorization": bearer(store, "push")}
    assert closed.post("/sync/ops", content=BASE, headers=pusher).json()["applied"] == 1


def test_a_node_that_takes_operations_of_anybody_asks_nobody_for_a_token(store: Datastore) -> None:
    with running(store, accept_ops=True) as address, client(address) as caller:
        assert caller.post("/sync/ops", content=BASE, headers={"authorization": "x"}).json()["applied"] == 1


def test_a_token_has_the_name_that_it_was_given(store: Datastore) -> None:
    tokens = Tokens(store)
    one, other = store.tokens.add("one", ["write"]), store.tokens.add("other", ["push", "write"])
    assert tokens.allows(f"Bearer {one}", "write") == "one"
    assert tokens.allows(f"bearer   {other} ", "push") == tokens.allows(f"BEARER {other}", "write") == "other"
    store.tokens.revoke("one")
    assert tokens.allows(f"Bearer {one}", "write") is None
    for header in (None, "", "Bearer", other, f"Basic {other}", f"Bearer {other[:-1]}", "Bearer \u00e9\u20ac"):
        assert tokens.allows(header, "write") is None


def test_writers_on_other_threads_keep_no_token_waiting(store: Datastore) -> None:
    """A lookup borrows nothing that searches may hold all of, and waits for no writer."""
    token = store.tokens.add("one", ["write"])
    with store._pool.write() as db:
        db.execute("UPDATE replica SET epoch = epoch")
        assert store.tokens.find(token.encode()) is not None


def test_a_node_that_can_only_read_goes_on_with_the_tokens_that_are_there(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "node") as store:
        store.add("model", make_record("model", "mine"))
        token = bearer(store, "write")
    (tmp_path / "node" / TOKEN_FILE).write_text("x" * 43)
    (tmp_path / "node" / TOKEN_FILE).chmod(0o644)
    with (
        read_only(tmp_path / "node") as place,
        Datastore.open(place) as store,
        running(store) as address,
        client(address) as caller,
    ):
        for known in (token, f"Bearer {'x' * 43}"):
            refused(caller.post("/models", json=RECORD, headers={"authorization": known}), 403, "read_only")
        refused(caller.post("/models", json=RECORD, headers={"authorization": "Bearer y"}), 401, "unauthorized")
        assert [token.name for token in store.tokens.all()] == [TOKEN_FILE, "test-0"]
        with pytest.raises(StoreError) as caught:
            store.tokens.add("another", ["write"])
        assert caught.value.code == "read_only"


def test_a_token_for_nothing_is_not_made(store: Datastore) -> None:
    for scopes in ([], ["admin"], ["write", "admin"]):
        with pytest.raises(ValueError, match="scopes"):
            store.tokens.add("x", scopes)  # type: ignore[arg-type]
    assert store.tokens.all() == []
