"""Pushers are told apart by where they push from: each is named in the quarantine, and none drives out what another waits
for."""

from __future__ import annotations

import httpx
import pytest

from tests.crdt.making import root, write_on
from tests.node.conftest import client
from tui_registry.datastore import Datastore
from tui_registry.node import Address, NodeBounds, running
from tui_registry.node.log_routes import OTHERS, Pushers
from tui_registry.replica.log import arrivals

BASE = root(name="base")


def pusher(address: Address, place: str) -> httpx.Client:
    """A client that speaks from another address of the loopback."""
    return httpx.Client(base_url=address.url, transport=httpx.HTTPTransport(local_address=place), timeout=30)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("192.0.2.7", "push:192.0.2.7"),
        ("::ffff:192.0.2.7", "push:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "push:2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "push:2001:db8:1:2::/64"),
        ("fe80::1%eth0", "push:fe80::/64"),
        ("evil.example", OTHERS),
        ("\x1b[31m", OTHERS),
        ("", OTHERS),
        (None, OTHERS),
    ],
)
def test_a_place_has_one_spelling_that_is_safe_to_show(host: str | None, name: str) -> None:
    assert Pushers(8).name(host) == name


def test_only_so_many_are_told_apart_and_those_that_are_stay_so() -> None:
    pushers = Pushers(2)
    names = [pushers.name(f"10.0.0.{number}") for number in (1, 2, 3, 4, 1, 2)]
    assert names == ["push:10.0.0.1", "push:10.0.0.2", OTHERS, OTHERS, "push:10.0.0.1", "push:10.0.0.2"]


def test_what_one_pushes_is_blamed_on_none_but_him(store: Datastore) -> None:
    with running(store, accept_ops=True) as address:
        for place in ("127.0.0.2", "127.0.0.3"):
            with pusher(address, place) as caller:
                assert len(caller.post("/sync/ops", content=f"from {place}\n".encode()).json()["rejected"]) == 1
    assert {(found.source, found.start) for found in store.log.quarantine()} == {
        ("push:127.0.0.2", b"from 127.0.0.2"),
        ("push:127.0.0.3", b"from 127.0.0.3"),
    }


def test_a_flood_of_one_pusher_drives_out_nothing_of_another(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MAX_PENDING", 10)
    waiting = write_on(BASE, description="honest")
    missing = write_on(BASE, description="never sent")
    flood = b"".join(write_on(missing, description=str(number)).body + b"\n" for number in range(40))
    with running(store, accept_ops=True) as address:
        with pusher(address, "127.0.0.2") as honest, pusher(address, "127.0.0.3") as flooding:
            # The latest of whoever holds most has to go.
            assert flooding.post("/sync/ops", content=flood).json()["pending"] == 40
            assert honest.post("/sync/ops", content=waiting.body + b"\n").json()["pending"] == 1
        with client(address) as late:
            assert late.post("/sync/ops", content=BASE.body + b"\n").json()["applied"] == 2
    assert store.heads(BASE.key) == (waiting.hash,)
    assert store.stats().pending <= 10


def test_those_beyond_the_bound_are_taken_all_the_same(store: Datastore) -> None:
    with running(store, accept_ops=True, bounds=NodeBounds(pushers=0)) as address, client(address) as caller:
        assert caller.post("/sync/ops", content=BASE.body + b"\nnonsense\n").json()["applied"] == 1
    assert [found.source for found in store.log.quarantine()] == [OTHERS]
