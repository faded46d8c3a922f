"""Two logs find exactly the operations that one has and the other lacks, from sums over ranges of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st

from tui_registry.errors import Json
from tui_registry.sync.comparing import Keys, Range, RangeError, compare, describe, question, read_question


def key(number: int, at: int) -> bytes:
    return at.to_bytes(8, "big") + hashlib.sha3_256(b"%d" % number).digest()


def keys_of(keys: Iterable[bytes]) -> Keys:
    return Keys(b"".join(sorted(keys)))


LOG = keys_of(key(number, number) for number in range(100))


def everything(keys: Keys) -> Range:
    return Range(b"", None, keys.size, int(keys.fingerprint, 16))


def missing(ours: Keys, theirs: Keys) -> tuple[set[str], int]:
    """What ours lacks of theirs, and how many ranges were asked for."""
    found: set[str] = set()
    todo, asked = [everything(theirs)], 0
    while todo:
        todo.sort(key=lambda one: one.low)
        chosen, todo = todo[:64], todo[64:]
        asked += len(chosen)
        for (low, high), sent in zip(read_question(question(chosen)), chosen, strict=True):
            hashes, more = compare(ours, sent, describe(theirs, low, high))
            found.update(hashes)
            todo += more
    return found, asked


# Few times, so that many operations share one: then the hash alone orders them.
LOGS = st.tuples(
    st.lists(st.integers(0, 3_000), unique=True, max_size=40),
    st.lists(st.integers(0, 3_000), unique=True, max_size=40),
    st.integers(0, 1_500),
    st.sampled_from((1, 3, 10_000)),
)


@given(LOGS)
def test_what_is_found_is_exactly_what_is_missing(logs: tuple[list[int], list[int], int, int]) -> None:
    only_ours, only_theirs, shared, times = logs

    def made(numbers: Iterable[int]) -> set[bytes]:
        return {key(number, number * 7919 % times) for number in numbers}

    common = made(range(10_000, 10_000 + shared))
    ours, theirs = common | made(only_ours), common | made(only_theirs)
    found, _ = missing(keys_of(ours), keys_of(theirs))
    assert found == {item[8:].hex() for item in theirs - ours}


def test_logs_that_are_the_same_cost_one_question() -> None:
    keys = keys_of(key(number, number) for number in range(5_000))
    assert missing(keys, keys) == (set(), 1)


def test_few_differences_cost_few_questions_however_large_the_logs() -> None:
    theirs = [key(number, number) for number in range(20_000)]
    found, asked = missing(keys_of(theirs[:7] + theirs[8:]), keys_of(theirs))
    assert found == {theirs[7][8:].hex()}
    assert asked <= 5


@given(st.integers(0, 1_999), st.integers(1, 60), st.integers(1, 2**200))
def test_logs_of_equal_numbers_and_sums_are_told_apart_all_the_same(place: int, apart: int, by: int) -> None:
    """Sums can be made to agree: here one hash is larger by what another is smaller."""
    theirs = [key(number, number) for number in range(2_000)]
    one, other = place, (place + apart) % 2_000
    ours = list(theirs)
    for changed, step in ((one, by), (other, -by)):
        total = (int.from_bytes(ours[changed][8:], "big") + step) % 2**256
        ours[changed] = ours[changed][:8] + total.to_bytes(32, "big")
    mine, others = keys_of(ours), keys_of(theirs)
    assert (mine.size, mine.fingerprint) == (others.size, others.fingerprint)
    found, _ = missing(mine, others)
    assert found == {theirs[changed][8:].hex() for changed in (one, other)}


def test_a_part_that_is_the_same_and_says_another_sum_is_refused() -> None:
    """What the cursor is moved by is the sum of operations that are here."""
    tree = describe(LOG, b"", None)
    assert isinstance(tree, dict)
    parts = tree["parts"]
    assert isinstance(parts, list)
    for part, step in zip(parts, (1, -1), strict=False):
        assert isinstance(part, dict)
        part["fingerprint"] = f"{(int(str(part['fingerprint']), 16) + step) % 2**256:064x}"
    with pytest.raises(RangeError, match="does not add up"):
        compare(LOG, everything(LOG), tree)


@given(st.lists(st.integers(0, 500), unique=True, max_size=300), st.integers(0, 320), st.integers(0, 320))
def test_a_sum_over_any_range_is_the_sum_of_its_hashes(numbers: list[int], one: int, other: int) -> None:
    keys = keys_of(key(number, number % 5) for number in numbers)
    start, stop = sorted((min(one, keys.size), min(other, keys.size)))
    assert keys.total(start, stop) == sum(int(item, 16) for item in keys.hashes(start, stop)) % 2**256


@pytest.mark.parametrize(
    "tree",
    [
        None, {}, "x", [[None]], [[None, None, None]], [["x", None]], [[None, 7]], [["AB" * 40, None]], [[None, None]] * 65,
        [[None, None]] * 2, [["1" * 80, "0" * 80]], [["1" * 80, "1" * 80]], [[None, "1" * 80], ["0" * 80, None]],
    ],
    ids=range(13),
)  # fmt: skip
def test_a_question_of_another_shape_is_refused(tree: Json) -> None:
    with pytest.raises(RangeError):
        read_question(tree)


def lies(keys: Keys) -> dict[str, Json]:
    """Answers for the whole of a log of 100 operations that no honest node gives."""
    honest = describe(keys, b"", None)
    assert isinstance(honest, dict)
    parts = honest["parts"]
    assert isinstance(parts, list)
    first = parts[0]
    assert isinstance(first, dict)
    hashes = list(keys.hashes(0, keys.size))
    return {
        "nothing": None,
        "neither": {},
        "no list": {"parts": {}},
        "one part": {"parts": [{"to": None, "count": keys.size, "fingerprint": keys.fingerprint}]},
        "too many parts": {"parts": [*parts, *parts]},
        "a part missing": {"parts": parts[1:]},
        "a part twice": {"parts": [first, *parts]},
        "parts in another order": {"parts": [parts[1], first, *parts[2:]]},
        "a part that ends elsewhere": {"parts": [*parts[:-1], {**first, "to": "f" * 80}]},
        "a count of text": {"parts": [{**first, "count": "7"}, *parts[1:]]},
        "a count of true": {"parts": [{**first, "count": True}, *parts[1:]]},
        "a count below zero": {"parts": [{**first, "count": -7}, *parts[1:]]},
        "a count that is larger than the whole": {"parts": [{**first, "count": 2**60}, *parts[1:]]},
        "another sum": {"parts": [{**first, "fingerprint": "0" * 64}, *parts[1:]]},
        "no digest": {"parts": [{**first, "digest": None}, *parts[1:]]},
        "a digest of text": {"parts": [{**first, "digest": "\x1b[31m"}, *parts[1:]]},
        "a sum of text": {"parts": [{**first, "fingerprint": "\x1b[31m"}, *parts[1:]]},
        "a hash missing": {"hashes": list(hashes[1:])},
        "a hash that is none": {"hashes": ["x", *hashes[1:]]},
        "a hash too many": {"hashes": [*hashes, "0" * 64]},
    }


@pytest.mark.parametrize("name", lies(LOG))
def test_an_answer_that_does_not_add_up_is_refused(name: str) -> None:
    with pytest.raises(RangeError):
        compare(keys_of([]), everything(LOG), lies(LOG)[name])
