"""Numbers and times as words: each stands in the word index as its class, so that a range is answered inside the index.

A class is wide, so the index finds a little more than a range asks for, and columns tell the rest: class n of a number
holds what is over 2^(n-1) and at most 2^n, class n of a time 2^23 seconds (97 days). A word is a letter and the class.
"""

from __future__ import annotations

from functools import lru_cache

from tui_registry.errors import Record

_MOST = 2**63 - 1
# By field of the query language (letter, smallest class, largest class); the two hold what lies beyond them as well.
_NUMBERS = {
    "params": ("p", 20, 42),
    "ctx": ("x", 9, 24),
    "vram": ("v", 0, 12),
    "mem": ("e", 8, 24),
    "disk": ("d", 0, 14),
    "vcpus": ("n", 0, 8),
    "tps": ("s", 0, 14),
}
_TIME = "w"
_TIME_BITS = 23
# The class of the autumn of 2019: whatever is older is in it too.
_FIRST_TIME = 187
# A range of more classes is not worth asking the index for: nearly everything lies in it.
_MOST_CLASSES = 32


def class_words(record: Record) -> list[str]:
    """The words of all numbers that a record states, and of its creation."""
    needs = record["resource_requirements"]
    assert isinstance(needs, dict)
    stated = (
        ("params", record.get("parameters")),
        ("ctx", record.get("context_length")),
        ("vram", needs.get("min_vram_gb")),
        ("mem", needs["min_memory_mb"]),
        ("disk", needs["min_disk_gb"]),
        ("vcpus", needs["min_vcpus"]),
        ("tps", record.get("output_tokens_per_second")),
    )
    found = [word for field, number in stated if type(number) is int and (word := _word(field, number))]
    created = record["created_at"]
    if type(created) is int:
        found.append(f"{_TIME}{_time_class(created)}")
    return found


def words_between(field: str, low: int, high: int) -> tuple[list[str], bool]:
    """The words of all values from `low` to `high` (inclusive, at least 0), and whether no others have them. No words
    at all: the index cannot help."""
    if low > high:
        return [], False
    if field == "created":
        return _times(low, high), False
    if field == "updated":
        # Nothing is updated before it is created. (What is new needs no help: searches begin with it.)
        return _times(0, high), False
    letter, first, last = _NUMBERS[field]
    lowest, highest = _class(low, first, last), _class(high, first, last)
    # 0 parameters are unknown ones, and have no word.
    begins_class = low <= (field == "params") if lowest == first else low == 2 ** (lowest - 1) + 1
    ends_class = high == (_MOST if highest == last else 2**highest)
    return [f"{letter}{number}" for number in range(lowest, highest + 1)], begins_class and ends_class


# Sizes and needs come again and again.
@lru_cache(maxsize=65_536)
def _word(field: str, number: int) -> str:
    if number == 0 and field == "params":
        return ""
    letter, first, last = _NUMBERS[field]
    return f"{letter}{_class(number, first, last)}"


def _class(number: int, first: int, last: int) -> int:
    return min(max((number - 1).bit_length() if number > 0 else 0, first), last)


def _times(low: int, high: int) -> list[str]:
    classes = range(_time_class(low), _time_class(high) + 1)
    return [f"{_TIME}{number}" for number in classes] if len(classes) <= _MOST_CLASSES else []


def _time_class(seconds: int) -> int:
    return max(seconds >> _TIME_BITS, _FIRST_TIME)
