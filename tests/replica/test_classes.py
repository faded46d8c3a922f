"""The class of a number finds every record whose number lies in a range, and when it says so no other."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.seeds import make_record
from tui_registry.errors import Record
from tui_registry.replica.catalogue.derived import class_words, words_between

MOST = 2**63 - 1
LETTERS = {"params": "p", "ctx": "x", "vram": "v", "mem": "e", "disk": "d", "vcpus": "n", "tps": "s", "created": "w"}
# Many small ones, and those around the edges of classes.
numbers = st.one_of(
    st.integers(0, 300),
    st.builds(lambda power, more: min(MOST, max(0, 2**power + more)), st.integers(0, 63), st.integers(-1, 1)),
    st.integers(0, MOST),
)


def model(**stated: int | None) -> Record:
    record = make_record("model", "numbers", context_length=None, parameters=0)
    needs = record["resource_requirements"]
    assert isinstance(needs, dict)
    in_record = {
        "params": "parameters",
        "ctx": "context_length",
        "tps": "output_tokens_per_second",
        "created": "created_at",
    }
    in_needs = {"vram": "min_vram_gb", "mem": "min_memory_mb", "disk": "min_disk_gb", "vcpus": "min_vcpus"}
    for field, number in stated.items():
        if field in in_needs:
            needs[in_needs[field]] = number
        else:
            record[in_record[field]] = number
    return record


def word_of(field: str, number: int) -> str | None:
    return next((word for word in class_words(model(**{field: number})) if word[0] == LETTERS[field]), None)


@pytest.mark.parametrize("field", LETTERS)
@given(numbers, numbers, numbers)
def test_a_number_in_a_range_has_one_of_its_words_and_one_beyond_only_where_columns_are_asked(
    field: str, number: int, one: int, other: int
) -> None:
    low, high = sorted((one, other))
    if field == "params":
        number, low, high = max(1, number), max(1, low), max(1, high)
    words, is_exact = words_between(field, low, high)
    word = word_of(field, number)
    assert word is not None
    if words and low <= number <= high:
        assert word in words
    if is_exact and not low <= number <= high:
        assert word not in words


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [("params", 1, MOST), ("ctx", 0, 32_768), ("mem", 16_385, MOST), ("vcpus", 0, 1), ("vram", 0, MOST), ("tps", 3, 4)],
)
def test_a_range_of_whole_classes_needs_no_columns(field: str, low: int, high: int) -> None:
    assert words_between(field, low, high)[1]


@given(numbers, numbers)
def test_whatever_was_updated_before_a_time_was_created_before_it(created: int, later: int) -> None:
    updated = created + later
    words, is_exact = words_between("updated", 0, updated)
    assert not is_exact
    if words:
        assert word_of("created", created) in words


def test_what_a_record_does_not_state_has_no_word() -> None:
    stated = {word[0] for word in class_words(model(params=0, ctx=None, vram=None, tps=None))}
    assert stated == {"e", "d", "n", "w"}


@given(numbers, numbers)
def test_a_backwards_range_has_no_words(one: int, other: int) -> None:
    if one > other:
        assert words_between("params", one, other) == ([], False)
