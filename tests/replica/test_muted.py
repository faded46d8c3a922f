"""Records of muted owners: hidden wherever many are looked at, and it is said how many; whole where one is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.replica.replicas import replica
from tests.seeds import make_record, owner, signed, stranger_ops
from tui_registry.datastore import Datastore

NOISY = owner("noisy")


@pytest.fixture(scope="module")
def registry() -> Iterator[Datastore]:
    """Ten records of others and three of an owner that is muted."""
    noise = [signed(NOISY, "model", f"noise-llama-{n}", tags=["llama", "noise"], license="0BSD") for n in range(3)]
    with replica() as opened:
        opened.apply([op.to_json() for op in (*noise, *stranger_ops(10))])
        opened.rations.mute(NOISY.address)
        yield opened


SAID = "3 records of owners that you muted are not shown"


@pytest.mark.parametrize(
    "query",
    ["", "noise", "noise-llama", "llama", "license:0bsd", "tag:noise", "params:>1b", "-tag:chat", "kind:model", "-xyz"],
)
@pytest.mark.parametrize("sort", [None, "name", "-updated"])
def test_what_an_owner_has_is_hidden_by_a_mute_and_told(registry: Datastore, query: str, sort: str | None) -> None:
    page = registry.search(query, sort=sort, limit=100)
    everything = registry.search(query, sort=sort, limit=100, own_names=False)
    kept = [row for row in everything.rows if row.owner != NOISY.address]
    assert ([row._replace(new=False) for row in page.rows], page.total, page.exact) == (kept, len(kept), True)
    assert len(everything.rows) == len(kept) + 3
    assert SAID in page.notes
    assert SAID not in everything.notes
    facets = registry.facets(query)
    assert SAID in facets.notes
    for field, values in facets.values.items():
        assert all(found.value != "0BSD" and "noise" not in found.value for found in values), field
    counted = {found.value: found.records for found in facets.values["kind"]}
    assert counted == {kind: n for kind in ("model", "agent") if (n := sum(row.kind == kind for row in kept))}


def test_windows_follow_one_another_without_what_is_hidden(registry: Datastore) -> None:
    found, cursor = [], None
    while True:
        page = registry.search(limit=3, cursor=cursor)
        found += page.rows
        cursor = page.next
        if cursor is None:
            break
    assert found == registry.search(limit=100).rows
    assert registry.search(limit=3).total == 10


def test_whoever_asks_for_the_owner_or_the_record_sees_it(registry: Datastore) -> None:
    registry.names.set(NOISY.address, "noisy")
    for query in (f"owner:0x{NOISY.address}", f"owner:{NOISY.address[:8]} llama", "owner:noisy"):
        assert registry.search(query).total == 3, query
    (row, *_) = registry.search("owner:noisy").rows
    assert registry.search(f"id:{row.id[:12]}").total == 1
    assert registry.entry(row.id) is not None
    assert registry.history(row.id)


def test_counts_tell_what_is_hidden(registry: Datastore) -> None:
    stats = registry.stats()
    assert (stats.records, stats.muted) == (13, 3)
    assert registry.search(kind="agent").notes == ()


def test_an_unmuted_owner_is_shown_as_before() -> None:
    with replica() as registry:
        registry.apply([signed(NOISY, "model", "noise").to_json()])
        before = registry.search(), registry.facets(), registry.stats()
        registry.rations.mute(NOISY.address)
        assert registry.search().rows == []
        assert registry.rations.unmute(NOISY.address)
        assert (registry.search(), registry.facets(), registry.stats()) == before
        assert not registry.rations.unmute(NOISY.address)


def test_records_of_ones_own_are_never_hidden() -> None:
    with replica() as registry:
        identity = owner("other me")
        registry.apply([signed(identity, "model", "mine").to_json()])
        registry.rations.mute(identity.address)
        assert registry.search().total == 0
        registry.key.replace(identity)
        assert registry.search().total == 1
        registry.add("model", make_record("model", "new"))
        assert registry.stats().muted == 0
