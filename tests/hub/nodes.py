"""Nodes of a hub on real PostgreSQL, each with a line to it that can be cut; all sign with one key."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest

pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[hub]'")

from psycopg import conninfo

from tests.hub.conftest import drop_schema, in_schema, new_head
from tests.node.conftest import client
from tests.sync.logs import ALICE, T0
from tui_registry.datastore import TOKEN_SCOPES, Datastore, Token, now
from tui_registry.hub.postgres import PostgresLog, StoredToken, connect
from tui_registry.node import Address, running
from tui_registry.node.following import Following

TOKEN = "turt_" + "0" * 43


class Line:
    """A way to a server, which can be cut and mended: then nobody is there."""

    def __init__(self, host: str, port: int) -> None:
        self._place = host, port
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break what goes over it, and let nothing go over it any more."""
        self._is_cut = True
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def mend(self) -> None:
        """Let things go over it again."""
        self._is_cut = False

    def close(self) -> None:
        """End it."""
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self._place)
                self._ends += (near, far)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Clock:
    """Seconds by which operations settle: they pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Node:
    """A node of the hub: its view, its line to PostgreSQL, its clock, the standings that it said it has, and clients
    without a token and with one."""

    store: Datastore
    shared: PostgresLog
    line: Line
    clock: Clock
    following: Following
    said: list[str]
    address: Address
    reader: httpx.Client
    writer: httpx.Client


@contextmanager
def begun(postgres: str) -> Iterator[str]:
    """The DSN of a hub that was begun just now, in a schema of its own, and takes one token."""
    import psycopg

    schema = f"nodes_{token_hex(8)}"
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute(f'CREATE SCHEMA "{schema}"'.encode())
        dsn = in_schema(postgres, schema)
        with closing(connect(dsn)) as log:
            log.migrate()
            log.begin(new_head(ALICE.address))
            log.tokens.add(StoredToken(digest_of(TOKEN), Token("ci", TOKEN_SCOPES, T0)))
        yield dsn
        drop_schema(db, schema)


def digest_of(token: str) -> bytes:
    """As a token is kept."""
    import hashlib

    return hashlib.sha256(token.encode()).digest()


def with_key(folder: Path) -> Path:
    """A folder that has the hub's key and nothing else."""
    with Datastore.open(folder) as registry:
        registry.key.replace(ALICE)
    return folder


@contextmanager
def node_of(dsn: str, folder: Path, *, ahead: int = 0) -> Iterator[Node]:
    """A node of that hub in a thread, whose clock is so many seconds ahead, and goes on with each look."""
    place = conninfo.conninfo_to_dict(dsn)
    with ExitStack() as stack:
        line = stack.enter_context(closing(Line(str(place["host"]), int(place.get("port", 5432)))))
        by_line = conninfo.make_conninfo(dsn, host="127.0.0.1", port=line.port)
        shared = stack.enter_context(closing(connect(by_line)))
        seconds, clock = count(now() + ahead), Clock()
        store = stack.enter_context(Datastore.open(with_key(folder), clock=lambda: next(seconds), hub=shared))
        said: list[str] = []
        following = Following(store, shared, clock=clock, says=lambda standing: said.append(standing.code))
        stack.enter_context(following)
        address = stack.enter_context(running(store, accept_ops=True, hub=following))
        reader, writer = stack.enter_context(client(address)), stack.enter_context(client(address))
        writer.headers["authorization"] = f"Bearer {TOKEN}"
        yield Node(store, shared, line, clock, following, said, address, reader, writer)


def written(node: Node, name: str, **headers: str) -> dict[str, Any]:
    """A record that was registered by that node."""
    body = {"name": name, "license": "MIT", "parameters": 1, "context_length": 1}
    answer = node.writer.post("/models", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told
