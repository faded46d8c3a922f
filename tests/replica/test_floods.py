"""Strangers may send what they like as long as they sign it: what it takes on this disk, and what it costs to look
through, is bounded."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tests.laws import examples
from tests.replica.replicas import database, replica, rows
from tests.seeds import NOW, owner, seed, signed
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.errors import Json
from tui_registry.replica.search import vocabulary
from tui_registry.replica.store.stored import packed, record_of, unpacked

STRANGER = owner("floods")


def flood(count: int, *, labels: int = 20) -> list[bytes]:
    """Records with labels that nobody else has."""
    return [
        signed(STRANGER, "model", f"f{n}", tags=[f"t{n:05}x{k:02}" for k in range(labels)]).body for n in range(count)
    ]


# What is sent for nearly nothing, as it is gzipped: the fields of the n-th such record.
REPEATING = {
    "long labels": lambda n: {"tags": [f"{'abcdefghij' * 11}{n * 64 + k:05}" for k in range(64)]},
    "a Formfile": lambda n: {"formfile_template": ("FROM x\n" * 4_000)[:24_000]},
    "a letter": lambda n: {"description": "a" * 10_000},
    "a line": lambda n: {"description": "a model for tests\n" * 555},
}


@pytest.mark.parametrize(
    ("what", "most"), [("long labels", 10_000), ("a Formfile", 2_500), ("a letter", 3_500), ("a line", 9_500)]
)
def test_what_repeats_itself_is_kept_in_little_room(tmp_path: Path, what: str, most: int) -> None:
    Datastore.open(tmp_path).close()
    before = (tmp_path / DATABASE).stat().st_size
    lines = [signed(STRANGER, "model", f"{what} {n}", **REPEATING[what](n)).body for n in range(32)]
    with Datastore.open(tmp_path, clock=lambda: NOW) as registry:
        assert registry.apply(lines).applied == len(lines)
        assert registry.log.lines(0, 32) == lines
    assert (tmp_path / DATABASE).stat().st_size - before <= most * len(lines)


def test_what_is_kept_small_is_read_as_it_came_everywhere() -> None:
    large = signed(STRANGER, "model", "large", description="of a kind " * 900)
    with replica() as registry:
        registry.apply([large.body])
        ((kept,),) = rows(registry, "SELECT body FROM ops")
        assert isinstance(kept, bytes)
        assert len(kept) < len(large.body) / 4
        entry, last = registry.entry(large.key), registry.log.last_operation(large.key)
        assert entry is not None
        assert last is not None
        assert (entry.record, entry.size, last.size) == (large.record, len(large.body), len(large.body))
        assert registry.log.by_hash([large.hash], 1) == registry.log.ops_of(large.key) == [large.body]
        assert registry.log.operations().rows[0].name == "large"
        assert registry.bodies([large.key])[0].record in large.body
        assert registry.apply([large.body]).known == 1
        assert registry.verify().sound


@settings(max_examples=examples(30, 400))
@given(st.text(max_size=60), st.integers(0, 500), st.binary(max_size=40))
def test_any_bytes_come_back_and_none_take_more_room_than_they_are(text: str, times: int, tail: bytes) -> None:
    body = b"{" + text.encode() * times + tail
    assert unpacked(packed(body)) == body
    assert len(packed(body)) <= len(body)


@pytest.mark.parametrize("kept", [b"", b"\x78", b"\x78\x01\x00\xff", packed(b"{" + b"x" * 70_000), b"\xff" * 9])
def test_bytes_that_are_spoilt_or_swell_up_are_a_value_error(kept: bytes) -> None:
    with pytest.raises(ValueError, match=r"spoilt|larger|Expecting"):
        record_of(kept)


def test_spoilt_bytes_of_a_large_operation_are_found_by_verify() -> None:
    with replica() as registry:
        seed(registry, 3)
        registry.apply([signed(STRANGER, "model", "large", description="of a kind " * 900).body])
        database(registry).execute("UPDATE ops SET body = substr(body, 1, 60) WHERE idx = 3")
        assert [(found.place, found.code) for found in registry.verify().invalid] == [(3, "malformed")]


def test_a_label_too_long_to_choose_is_found_but_not_offered() -> None:
    long, short = "x" * 65, "y" * 64
    with replica() as registry:
        registry.apply([signed(STRANGER, "model", "m", tags=[long, short]).body])
        for query in (f"tag:{long}", f"tag:{short}", f"tag:{long} params:<1t OR tag:{long}", f"-(-tag:{long})"):
            assert registry.search(query).total == 1
        assert registry.search(f"-tag:{long}").total == 0
        assert [value.value for value in registry.facets().values["tag"]] == [short]
        assert [value.value for value in registry.known_values("tag")] == [short]


def _steps(registry: Datastore, ask: str) -> int:
    """How many steps SQLite takes to offer values and to count facets."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    with registry._pool.read() as db:
        db.set_progress_handler(step, 1)
        vocabulary.known_values(db, "tag", ask, 20)
        vocabulary.nearest_value(db, "tag", "chad")
        db.set_progress_handler(None, 0)
    return taken


@pytest.mark.parametrize("twice", [False, True])
def test_a_flood_of_labels_is_not_looked_through_and_hides_nothing_that_is_common(
    monkeypatch: pytest.MonkeyPatch, twice: bool
) -> None:
    monkeypatch.setattr(vocabulary, "_SEARCHED", 30)
    monkeypatch.setattr(vocabulary, "_COMPARED", 20)
    honest = [signed(owner("honest"), "model", f"h{n}", tags=["chat", "Chess"]).body for n in range(3)]
    with replica() as registry:
        registry.apply([*honest, *flood(10)])
        if twice:
            registry.apply(
                signed(owner("more"), "model", f"g{n}", tags=[f"t{n:05}x{k:02}" for k in range(20)]).body
                for n in range(10)
            )
        few = {ask: _steps(registry, ask) for ask in ("", "ch", "t000")}
        registry.apply(flood(40)[10:])
        for ask, steps in few.items():
            assert _steps(registry, ask) <= steps * 1.2 + 50, ask
        assert {value.value for value in registry.known_values("tag", limit=2)} == {"chat", "Chess"}
        assert {value.value for value in registry.known_values("tag", "CH", limit=20)} == {"chat", "Chess"}
        assert [value.value for value in registry.known_values("tag", "t00039x0", limit=3)] == [
            "t00039x00",
            "t00039x01",
            "t00039x02",
        ]
        assert registry.search("tag:chad").did_you_mean == "tag:chat"


def test_facets_of_a_flood_count_so_many_labels_and_say_that_they_are_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_LABELLED_AT_ONCE", 2)
    monkeypatch.setattr(vocabulary, "_MOST_LABELS", 60)
    with replica() as registry:
        registry.apply(flood(2))
        assert registry.facets("kind:model").exact
        registry.apply(flood(12)[2:])
        facets = registry.facets("kind:model")
        assert not facets.exact
        assert sum(value.records for value in facets.values["tag"]) <= 80
        assert registry.facets().exact


@settings(max_examples=examples(4, 40))
@given(st.integers(0, 2**32), st.integers(1, 24))
def test_whatever_text_a_stranger_sends_takes_no_more_than_ten_times_its_bytes(seed_of: int, alphabet: int) -> None:
    chance = random.Random(seed_of)
    letters = chance.sample("abcdefghijklmnopqrstuvwxyz0123456789 .-千问义云ไทยไม", alphabet)

    def text(length: int) -> str:
        return "".join(chance.choices(letters, k=length)).strip() or "x"

    def fields() -> dict[str, Json]:
        return {
            "description": text(chance.choice((10, 1_000, 10_000))),
            "tags": [*dict.fromkeys(text(chance.randrange(1, 128)) for _ in range(chance.choice((1, 64))))],
            "capabilities": [*dict.fromkeys(text(chance.randrange(1, 12)) for _ in range(chance.choice((1, 64))))],
        }

    with replica() as registry:
        before = sum(size for (size,) in rows(registry, _PAGES))  # type: ignore[misc]
        lines = [signed(STRANGER, "model", text(chance.randrange(1, 40)) + str(n), **fields()).body for n in range(6)]
        assert registry.apply(lines).applied == len(lines)
        after = sum(size for (size,) in rows(registry, _PAGES))  # type: ignore[misc]
    assert after - before <= 10 * sum(map(len, lines))


_PAGES = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
