"""Clients of a hub, who ask through a balancer and believe what they are told: writers, pushers, pullers.

Each remembers what was acknowledged. Who gets no answer, or is told to come again, sends the same request again with the
same `Idempotency-Key`, to whichever node the balancer picks.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.sync.logs import Identity, edit, root
from tui_registry.crdt.op import Op
from tui_registry.datastore import Datastore
from tui_registry.sync import pull

_RECORD = {"license": "MIT", "parameters": 1, "context_length": 1}
# A turn: three tries of 5 s for the lock, and 10 s for what came of a commit; a node may wait for its own threads too.
LONGEST = 45.0
_LATER = {429, 502, 503, 504}
# Whom a balancer or a node that is gone leaves without an answer.
_LOST = httpx.TransportError


class Written(NamedTuple):
    """A record as it was acknowledged last. `edits`: so many were acknowledged, each with a description of its number."""

    id: str
    name: str
    edits: int


class Traffic:
    """What several clients did, until they were told to stop.

    Attributes:
        written: by name. deleted: ids of records whose removal was acknowledged. pushed: lines that were taken.
        pulls: how many there were. read: how far the hub's log was read after each.
        troubles: answers that no client of a hub may be given. codes: how often an answer was which.
        longest: seconds that one request took.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self.written: dict[str, Written] = {}
        self.deleted: set[str] = set()
        self.pushed: list[bytes] = []
        self.pulls = 0
        self.read: list[int] = []
        self.troubles: list[str] = []
        self.codes: dict[str, int] = {}
        self.longest = 0.0
        self.stop = threading.Event()
        self._is_given_up = False
        self._lock = threading.Lock()

    @contextmanager
    def of(self, *clients: Callable[[], None]) -> Iterator[None]:
        """Let them ask while the block runs; every request that was begun is answered before it ends."""
        threads = [threading.Thread(target=self._lives, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        try:
            yield
        except BaseException:
            self._is_given_up = True
            raise
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def _lives(self, client: Callable[[], None]) -> None:
        try:
            client()
        except Exception as error:
            self.troubles.append(repr(error))
            raise

    # Clients

    def writer(self, name: str) -> Callable[[], None]:
        """Registers records, edits and deletes its own."""
        chance = random.Random(name)

        def live() -> None:
            with self._client() as client:
                at = 0
                while not self.stop.is_set():
                    at += 1
                    self._register(client, f"{name} {at}")
                    if chance.random() < 0.5:
                        self._edit(client, chance.choice([*self._own(name)]))
                    if chance.random() < 0.1:
                        self._delete(client, chance.choice([*self._own(name)]))

        return live

    def pusher(self, identity: Identity, prefix: str) -> Callable[[], None]:
        """Pushes what its owner signed elsewhere: some of it twice, some of it before what it builds on."""

        def live() -> None:
            with self._client() as client:
                at = 0
                while not self.stop.is_set():
                    at += 1
                    first = root(identity, f"{prefix}-{at}")
                    later = edit(identity, first, description="later")
                    self._push(client, [later])
                    self._push(client, [first])
                    self._push(client, [first, root(identity, f"{prefix}-{at}-more")])

        return live

    def puller(self, folder: Path) -> Callable[[], None]:
        """A laptop's replica, which pulls again and again."""

        def live() -> None:
            with Datastore.open(folder) as store:
                store.peers.add("hub", self._url)
                while not self.stop.is_set():
                    result = asyncio.run(pull(store, "hub"))
                    if result.error is not None and result.error.code not in {"refused", "unreachable", "timeout"}:
                        self.troubles.append(f"pull: {result.error.code}: {result.error.sentence}")
                    if result.rejected:
                        self.troubles.append(f"pull: {result.rejected} rejected")
                    self.pulls += 1
                    self.read.append(store.peers.all()[0].next_index or 0)

        return live

    # Deeds

    def _own(self, name: str) -> list[str]:
        return [other for other, found in self.written.items() if other.startswith(f"{name} ")]

    def _register(self, client: httpx.Client, name: str) -> None:
        answer = self._answered(client, "POST", "/models", name, json={"name": name, **_RECORD})
        if answer is not None and answer.status_code == 201:
            self.written[name] = Written(answer.json()["model_id"], name, 0)
        elif answer is not None:
            self._odd("register", answer)

    def _edit(self, client: httpx.Client, name: str) -> None:
        found = self.written[name]
        edits = found.edits + 1
        body = {"name": name, **_RECORD, "description": f"edit {edits}"}
        answer = self._answered(client, "PUT", f"/models/{found.id}", f"{name} edit {edits}", json=body)
        if answer is not None and answer.status_code == 200:
            self.written[name] = found._replace(edits=edits)
        elif answer is not None:
            self._odd("edit", answer)

    def _delete(self, client: httpx.Client, name: str) -> None:
        found = self.written.pop(name)
        answer = self._answered(client, "DELETE", f"/models/{found.id}", f"{name} delete")
        if answer is not None and answer.status_code == 204:
            self.deleted.add(found.id)
        elif answer is not None:
            self._odd("delete", answer)

    def _push(self, client: httpx.Client, ops: list[Op]) -> None:
        lines = [op.to_json() for op in ops]
        content = b"".join(line + b"\n" for line in lines)
        answer = self._answered(client, "POST", "/sync/ops", None, content=content)
        if answer is not None and answer.status_code == 200:
            told = answer.json()
            if told["rejected"] or told["unsupported"] or told.get("left_out"):
                self._odd("push", answer)
            self.pushed += lines
        elif answer is not None:
            self._odd("push", answer)

    def _odd(self, what: str, answer: httpx.Response) -> None:
        self.troubles.append(f"{what}: {answer.status_code} {answer.text[:500]}")

    def _client(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self._token}"}
        return httpx.Client(base_url=self._url, headers=headers, timeout=LONGEST)

    def _answered(
        self, client: httpx.Client, method: str, path: str, key: str | None, **body: Any
    ) -> httpx.Response | None:
        """The answer, however often it has to be asked for."""
        headers = {} if key is None else {"idempotency-key": key.replace(" ", "-")}
        end = time.monotonic() + 4 * LONGEST
        while True:
            is_given_up = self._is_given_up or time.monotonic() > end
            assert not is_given_up, f"{method} {path} is not answered: {self.codes}"
            began = time.monotonic()
            try:
                answer = client.request(method, path, headers=headers, **body)
                code = str(answer.status_code)
                if answer.status_code >= 400:
                    code += f" {answer.json().get('code')}" if "json" in answer.headers.get("content-type", "") else ""
            except _LOST as error:
                answer, code = None, type(error).__name__
            with self._lock:
                self.longest = max(self.longest, time.monotonic() - began)
                self.codes[code] = self.codes.get(code, 0) + 1
            in_flight = answer is not None and answer.status_code == 409 and answer.json().get("code") == "in_flight"
            if answer is not None and answer.status_code not in _LATER and not in_flight:
                return answer
            time.sleep(0.05)
