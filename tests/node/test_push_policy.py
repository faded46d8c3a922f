"""Who may push to a node, and how much: a flood fills its own ration, and others go on writing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.node.conftest import T0, bearer, client, refused
from tests.node.test_pushers import offer
from tests.sync.logs import ALICE, BOB, Identity, root
from tui_registry.datastore import Datastore
from tui_registry.node import NodeBounds, running
from tui_registry.present.pulls import SyncError
from tui_registry.sync import push

DAY = 86_400
SMALL = NodeBounds(push_day_ops=20)


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "node", clock=clock) as opened:
        yield opened


_numbers = count()


def lines(owner: Identity, number: int) -> bytes:
    """So many operations of an owner that nobody has seen."""
    return b"".join(root(owner, f"model-{next(_numbers)}").to_json() + b"\n" for _ in range(number))


def test_an_address_has_a_ration_a_day_whatever_keys_sign(store: Datastore, clock: Clock) -> None:
    with running(store, accept_ops=True, bounds=SMALL) as address:
        # Ten keys, one address.
        for key in range(10):
            assert offer(address, "127.0.0.2", lines(Identity(bytes([100 + key]) * 32), 2)).json()["applied"] == 2
        told = offer(address, "127.0.0.2", lines(ALICE, 1))
        assert "taken 20 operations from your address in a day" in str(refused(told, 429, "ration")["detail"])
        assert DAY <= int(told.headers["retry-after"]) <= DAY + 3600
        assert offer(address, "127.0.0.3", lines(BOB, 1)).json()["applied"] == 1
        with client(address) as bearing:
            bearing.headers["authorization"] = bearer(store, "push")
            assert bearing.post("/sync/ops", content=lines(ALICE, 25)).json()["applied"] == 25
            assert bearing.post("/sync/ops", content=lines(ALICE, 1)).json()["applied"] == 1
            # A token for something else opens nothing more, and shuts nothing.
            bearing.headers["authorization"] = bearer(store, "metrics")
            refused(bearing.post("/sync/ops", content=lines(ALICE, 1)), 429, "ration")
    # A node that is started anew has forgotten nothing of it.
    with running(store, accept_ops=True, bounds=SMALL) as address:
        refused(offer(address, "127.0.0.2", lines(ALICE, 1)), 429, "ration")
        clock.now += int(told.headers["retry-after"])
        # The push that reaches the ration is taken whole; what is known already, or is refused, is none of it.
        known = lines(ALICE, 30)
        assert offer(address, "127.0.0.2", b"nonsense\n" * 30).status_code == 200
        assert offer(address, "127.0.0.2", known).json()["applied"] == 30
        refused(offer(address, "127.0.0.2", known), 429, "ration")
    assert store.log.head().size == 20 + 1 + 26 + 30


async def test_whoever_pushes_is_told_why_no_more_is_taken(store: Datastore, tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "pushing", clock=lambda: T0) as pushing:
        pushing.apply(lines(ALICE, 12).splitlines(), source="file")
        with running(store, accept_ops=True, bounds=NodeBounds(push_owner_ops=8, push_day_ops=8)) as address:
            pushing.peers.add("hub", address.url)
            first = await push(pushing, "hub")
            assert (first.applied, first.left_out) == (8, 4)
            assert "4 left out by its own choice" in first.sentence
            with pytest.raises(SyncError, match="hub: takes no more: this node has taken 8 operations") as caught:
                await push(pushing, "hub")
            assert caught.value.code == "not_accepted"


def test_the_ration_counts_bytes_as_well(store: Datastore) -> None:
    with running(store, accept_ops=True, bounds=NodeBounds(push_day_bytes=1000)) as address:
        assert offer(address, "127.0.0.2", lines(ALICE, 9)).json()["applied"] == 9
        told = refused(offer(address, "127.0.0.2", lines(ALICE, 1)), 429, "ration")
        assert "KiB of operations from your address" in str(told["detail"])


def test_the_last_sixteenth_of_the_room_is_for_those_whom_the_operator_knows(store: Datastore) -> None:
    (store.data_dir / "ballast").write_bytes(bytes(8 * 2**20))
    taken = sum(file.stat().st_size for file in store.data_dir.iterdir())
    with running(store, accept_ops=True, bounds=NodeBounds(push_store_bytes=taken * 16 // 15)) as address:
        told = refused(offer(address, "127.0.0.2", lines(ALICE, 1)), 507, "full")
        assert "nearly full" in str(told["detail"])
        with client(address) as caller:
            caller.headers["authorization"] = bearer(store, "push")
            assert caller.post("/sync/ops", content=lines(ALICE, 1)).json()["applied"] == 1
            pushes = caller.get("/health/ready").json()["pushes"]
            assert pushes["from"] == "anybody"
            assert 0 <= pushes["bytes_left"] < taken
            metrics = caller.get("/metrics", headers={"authorization": bearer(store, "metrics")}).text
    assert 'tui_registry_pushes_refused_total{code="full"} 1.0' in metrics
    assert 'tui_registry_pushes_info{from="anybody"} 1.0' in metrics


def left_out(store: Datastore) -> dict[tuple[str, str], int]:
    return {(group.owner, group.reason): group.ops for group in store.rations.groups()}


def test_a_flood_of_one_key_from_many_addresses_fills_that_key_s_ration(store: Datastore) -> None:
    with running(store, accept_ops=True, bounds=NodeBounds(push_owner_ops=8)) as address:
        for place, taken in zip(range(2, 8), (3, 3, 2, 0, 0, 0), strict=True):
            report = offer(address, f"127.0.0.{place}", lines(ALICE, 3)).json()
            assert (report["applied"], report["left_out"], report["rejected"]) == (taken, 3 - taken, [])
        assert report["left_out_for"] == {"owner_full": 3}
        assert left_out(store) == {(ALICE.address, "owner_full"): 10}
        assert offer(address, "127.0.0.2", lines(BOB, 8)).json()["applied"] == 8
        # Whom the operator knows by name is held to none.
        store.names.set(ALICE.address, "alice")
        assert offer(address, "127.0.0.2", lines(ALICE, 9)).json()["applied"] == 9


def test_only_what_named_keys_signed_is_taken_whoever_brings_it(store: Datastore) -> None:
    store.names.set(ALICE.address, "alice")
    bounds = NodeBounds(push_day_ops=1, push_owner_ops=1)
    with running(store, accept_ops="named", bounds=bounds) as address:
        assert offer(address, "127.0.0.2", lines(BOB, 3)).json()["applied"] == 0
        assert left_out(store) == {(BOB.address, "unnamed"): 3}
        for _ in range(2):
            assert offer(address, "127.0.0.2", lines(ALICE, 3)).json()["applied"] == 3
        with client(address) as caller:
            assert caller.get("/health/ready").json()["pushes"]["from"] == "named"
