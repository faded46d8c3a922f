"""A real node on loopback, and a client that speaks to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from tui_registry.datastore import TOKEN_SCOPES, Datastore, TokenScope
from tui_registry.node import Address, running

T0 = 1_750_000_000


@dataclass(frozen=True)
class Node:
    """A running node: its replica, where it listens, a client without the token and one with it."""

    store: Datastore
    address: Address
    reader: httpx.Client
    writer: httpx.Client


@contextmanager
def serving(store: Datastore) -> Iterator[Node]:
    """A node of that replica."""
    with running(store) as address, client(address) as reader, client(address) as writer:
        writer.headers["authorization"] = bearer(store)
        yield Node(store, address, reader, writer)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as opened:
        yield opened


@pytest.fixture
def node(store: Datastore) -> Iterator[Node]:
    with serving(store) as started:
        yield started


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that answers a whole module, and to which nothing is ever written."""
    with (
        Datastore.open(tmp_path_factory.mktemp("untouched") / "node", clock=lambda: T0) as store,
        serving(store) as started,
    ):
        yield started
        assert store.log.head().size == 0


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node to which a whole module writes; its clock goes on, so that each record registered there is another one."""
    seconds = count(T0)
    with (
        Datastore.open(tmp_path_factory.mktemp("busy") / "node", clock=lambda: next(seconds)) as store,
        serving(store) as started,
    ):
        yield started


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Is released once for each connection that the node has given up or lost."""
    ended = threading.Semaphore(0)
    handled = H11Protocol.connection_lost

    def watched(self: H11Protocol, exc: Exception | None) -> None:
        handled(self, exc)
        ended.release()

    monkeypatch.setattr(H11Protocol, "connection_lost", watched)
    return ended


def bearer(store: Datastore, *scopes: TokenScope) -> str:
    """An Authorization header with a new token for these scopes, or for all."""
    return f"Bearer {store.tokens.add(f'test-{len(store.tokens.all())}', scopes or TOKEN_SCOPES)}"


def client(address: Address) -> httpx.Client:
    """A client with time enough for a busy machine; plain HTTP needs no store of certificates, which is slow to load."""
    return httpx.Client(base_url=address.url, trust_env=False, timeout=30, verify=False)


def refused(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    """The problem+json of an answer, which must have this status and code."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    tree: dict[str, object] = response.json()
    assert (tree["status"], tree["code"]) == (status, code)
    assert tree["detail"]
    assert "Traceback" not in response.text
    return tree
