"""What a program hands to the Datastore, looked at before anything is done with it.

A mistake in a program is a TypeError or a ValueError in a sentence, not what the layers below would make of it.
"""

from __future__ import annotations

from types import NoneType

from tui_registry.errors import KINDS


def expect(value: object, types: type | tuple[type, ...], what: str) -> None:
    """
    Args:
        types: those that the value may be of.
        what: what it must be, as the sentence begins.

    Raises:
        TypeError: it is of none.
    """
    if not isinstance(value, types):
        raise TypeError(f"{what}, not {type(value).__name__}")


def expect_kind(kind: object) -> None:
    """
    Raises:
        ValueError: there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"a kind is {' or '.join(map(repr, KINDS))}, not {kind!r}")


def expect_kind_or_none(kind: object) -> None:
    """As `expect_kind`, where None stands for both."""
    if kind is not None:
        expect_kind(kind)


def expect_search(query: object, kind: object, sort: object = None, cursor: object = None) -> None:
    """
    Raises:
        TypeError: query, order or cursor are no text; whether they can be read is another question.
        ValueError: there is no such kind.
    """
    expect(query, str, "a query is text")
    expect(sort, (str, NoneType), "an order is text")
    expect(cursor, (str, NoneType), "a cursor is text")
    expect_kind_or_none(kind)


def expect_window(limit: int) -> None:
    """
    Raises:
        TypeError: it is no whole number.
        ValueError: it is less than 1.
    """
    expect(limit, int, "a limit is a whole number of rows")
    if limit < 1:
        raise ValueError(f"a limit is 1 row or more, not {limit}")


def expect_record(record: object) -> None:
    """
    Raises:
        TypeError: it is no plain record.
    """
    expect(record, dict, "a plain record is a dict (`to_plain` makes one of a typed record)")


def expect_heads(seen: object) -> None:
    """
    Raises:
        TypeError: they are no list of hashes.
    """
    # One text is a sequence of texts too, and would only ever be told that the record has changed.
    expect(seen, (list, tuple, set, frozenset), "the heads that were seen are a list of hashes")
