"""A claimed time ahead of this clock never keeps a record on top: it stands where it first came."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from tests.replica.conftest import Clock
from tests.replica.replicas import replica
from tests.seeds import NOW, owner, signed
from tui_registry.datastore import Datastore
from tui_registry.replica.search import matching, relevance

HOUR = 3600


def take(datastore: Datastore, name: str, at: int) -> None:
    assert datastore.apply([signed(owner("lab"), "model", name, at=at).to_json()]).applied == 1


def names(datastore: Datastore, query: str = "", **asked: object) -> list[str]:
    """All names in order, read window by window."""
    found: list[str] = []
    cursor = None
    while True:
        page = datastore.search(query, limit=2, cursor=cursor, **asked)  # type: ignore[arg-type]
        found += [row.name for row in page.rows]
        cursor = page.next
        if cursor is None:
            return found


@pytest.fixture
def pinned(datastore: Datastore, clock: Clock) -> Datastore:
    """Five that say when they were written, among them one a little and one far ahead; each came when it is named."""
    for place, (name, at) in enumerate(
        [
            ("llama one", 0),
            ("llama pinned", 20 * HOUR),
            ("llama two", 2 * HOUR),
            ("llama far", 99 * HOUR),
            ("llama three", 4 * HOUR),
        ]
    ):
        clock.now = NOW + place * HOUR
        take(datastore, name, NOW + at)
    return datastore


ORDER = ["llama three", "llama two", "llama pinned", "llama one", "llama far"]


def test_in_a_list_and_in_a_search_it_stands_where_it_came(pinned: Datastore) -> None:
    assert names(pinned) == names(pinned, "llama") == names(pinned, "llama sort:-updated") == ORDER
    assert names(pinned, sort="-created") == names(pinned, "kind:model") == ORDER


def test_the_quick_ways_give_the_same_order(pinned: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (
        (matching, "FEW", 1), (relevance, "RANKED", 1), (relevance, "_BLOCK", 9),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    assert names(pinned, "llama", counted=False) == ORDER
    assert (
        names(pinned, "kind:model", counted=False) == names(pinned, "kind:model sort:-created", counted=False) == ORDER
    )
    assert names(pinned, "llama sort:-updated", counted=False) == ORDER


def test_backwards_it_is_the_same_order(pinned: Datastore) -> None:
    last = pinned.search(limit=3, backwards=True)
    before = pinned.search(limit=3, backwards=True, cursor=last.next)
    assert [row.name for row in (*before.rows, *last.rows)] == ORDER


def test_what_strangers_ask_depends_on_nothing_that_is_local(pinned: Datastore) -> None:
    order = ["llama pinned", "llama three", "llama two", "llama one", "llama far"]
    assert names(pinned, own_names=False) == names(pinned, "llama", own_names=False) == order


def test_a_flood_of_them_hides_nothing(datastore: Datastore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_registry.replica.search.matching._MOST_AHEAD", 3)
    take(datastore, "honest", NOW - HOUR)
    for place in range(8):
        take(datastore, f"flood {place}", NOW + 60 + place)
    found = names(datastore)
    assert sorted(found) == [*(f"flood {place}" for place in range(8)), "honest"]
    assert found[3] == "honest"


@settings(max_examples=15)
@given(st.lists(st.integers(-3, 30), max_size=8), st.integers(1, 4), st.booleans())
def test_windows_give_every_record_once_in_the_order_of_the_smaller_time(
    ahead: list[int], limit: int, backwards: bool
) -> None:
    with replica() as datastore:
        for place, hours in enumerate(ahead):
            take(datastore, f"r{place}", NOW + hours * HOUR)
        found: list[str] = []
        cursor = None
        while True:
            page = datastore.search(limit=limit, cursor=cursor, backwards=backwards)
            rows = [row.name for row in page.rows]
            found = rows + found if backwards else found + rows
            cursor = page.next
            if cursor is None:
                break
        # All came now; the last that came stands before others of its time; what is far ahead comes last.
        stands = [(hours > 24, -min(hours, 0) if hours <= 24 else -hours, -place) for place, hours in enumerate(ahead)]
        assert found == [f"r{place}" for place in sorted(range(len(ahead)), key=stands.__getitem__)]
