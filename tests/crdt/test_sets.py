"""Sets of operations compared by a hash of all of them and by symbols: whatever the order, and whatever a liar says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st

from tui_registry.crdt.sets import SYMBOL_BYTES, SYMBOLS, LtHash, Symbols, decode, estimate


def digest(number: int) -> bytes:
    return hashlib.sha3_256(b"%d" % number).digest()


def digests(numbers: Iterable[int]) -> list[bytes]:
    return [digest(number) for number in numbers]


def lanes_of(hashes: Iterable[bytes]) -> LtHash:
    made = LtHash()
    made.add_all(hashes)
    return made


def symbols_of(hashes: Iterable[bytes], length: int = SYMBOLS) -> Symbols:
    made = Symbols(length)
    made.add_all(hashes)
    return made


SETS = st.tuples(st.sets(st.integers(0, 60), max_size=40), st.sets(st.integers(0, 60), max_size=40))


@given(SETS)
def test_the_hash_of_a_set_is_the_same_however_it_came_to_be(sets: tuple[set[int], set[int]]) -> None:
    some, others = sets
    grown = LtHash.from_bytes(lanes_of(digests(some - others)).to_bytes())
    grown.add_all(digests(others))
    grown.take_all(digests(others - some))
    assert grown.digest() == lanes_of(digests(sorted(some | (others & some)))).digest()
    assert (lanes_of(digests(others)).digest() == lanes_of(digests(some)).digest()) == (some == others)


def test_the_lanes_are_what_the_protocol_says() -> None:
    """Spelt out: 1,024 little-endian numbers of 16 bits from SHAKE-256, added lane by lane."""
    hashes = digests(range(3))
    lanes = [0] * 1024
    for one in hashes:
        expanded = hashlib.shake_256(one).digest(2048)
        for lane in range(1024):
            lanes[lane] = (lanes[lane] + int.from_bytes(expanded[2 * lane : 2 * lane + 2], "little")) % 65536
    spelt = b"".join(lane.to_bytes(2, "little") for lane in lanes)
    assert lanes_of(hashes).to_bytes() == spelt
    assert lanes_of(hashes).digest() == hashlib.sha3_256(spelt).digest()


@given(SETS)
def test_symbols_tell_the_difference_whatever_both_have(sets: tuple[set[int], set[int]]) -> None:
    ours, theirs = sets
    found = decode(symbols_of(digests(theirs), 512).to_bytes(), symbols_of(digests(ours), 512))
    assert found == (frozenset(digests(theirs - ours)), frozenset(digests(ours - theirs)))


@given(SETS, st.integers(0, 300))
def test_symbols_of_a_set_do_not_depend_on_how_it_came_to_be(sets: tuple[set[int], set[int]], start: int) -> None:
    some, others = sets
    grown = Symbols.from_bytes(symbols_of(digests(some | others), 300).to_bytes())
    grown.take_all(digests(others - some))
    assert grown.to_bytes(start) == symbols_of(digests(some), 300).to_bytes(start, 300)


def test_the_first_symbols_are_the_same_however_many_there_are() -> None:
    hashes = digests(range(50))
    assert symbols_of(hashes, 10).to_bytes() == symbols_of(hashes).to_bytes(0, 10)


def test_a_thousand_differences_take_fewer_than_1500_symbols() -> None:
    ours, theirs = digests(range(500, 2_500)), digests(range(2_000))
    told = symbols_of(theirs, 1_500).to_bytes()
    found = decode(told, symbols_of(ours, 1_500))
    assert found == (frozenset(digests(range(500))), frozenset(digests(range(2_000, 2_500))))
    assert decode(told[: 900 * SYMBOL_BYTES], symbols_of(ours, 1_500)) is None
    assert 650 < estimate(told[: 64 * SYMBOL_BYTES], symbols_of(ours, 64), 0) < 1_500


@pytest.mark.parametrize("same", [1, 200], ids=["one", "many"])
def test_the_same_operation_in_symbols_twice_ends(same: int) -> None:
    """A liar's symbols: the same operation again and again, or what comes to nothing."""
    told = symbols_of(digests(range(20)) * (1 + same), 256).to_bytes()
    assert decode(told, symbols_of(digests(range(10)), 256)) is None


@given(st.binary(min_size=SYMBOL_BYTES, max_size=SYMBOL_BYTES * 4), st.integers(1, 64))
def test_symbols_made_up_tell_nothing_and_end(noise: bytes, times: int) -> None:
    told = (noise * times)[: len(noise) * times // SYMBOL_BYTES * SYMBOL_BYTES]
    found = decode(told, symbols_of(digests(range(3)), 256))
    assert found is None or len(found.theirs_only | found.ours_only) <= 256


def test_symbols_in_part_are_refused() -> None:
    with pytest.raises(ValueError, match="no whole number"):
        decode(b"\0" * 41, Symbols(8))
    with pytest.raises(ValueError, match="compared with"):
        decode(b"\0" * 84, Symbols(1))
    with pytest.raises(ValueError, match="2048"):
        LtHash.from_bytes(b"")
