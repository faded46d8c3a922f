"""What the matches of a search have in common: how many have which kind, type, licence, tag and so on."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import NamedTuple

from tui_registry.replica.columns import KINDS_BY_CODE, read_labels
from tui_registry.replica.compile import Compiled
from tui_registry.replica.walking import matches_source

# Matches that are looked at; the counts of a search with more are of the ones registered last.
_LOOKED_AT = 5_000
_VALUES = 30

FACET_FIELDS = ("kind", "type", "framework", "license", "quant", "size", "tag", "cap", "tool", "owner")

# Classes of size by parameters: (largest, what the query language calls the class, what people call it).
_SIZES = (
    (10**9, "<=1b", "up to 1 B"),
    (4 * 10**9, "1b..4b", "1 to 4 B"),
    (10**10, "4b..10b", "4 to 10 B"),
    (4 * 10**10, "10b..40b", "10 to 40 B"),
    (2**63, ">40b", "over 40 B"),
)
_SIZE_LABELS = {value: label for _, value, label in _SIZES}


class FacetValue(NamedTuple):
    """One value of a facet.

    Attributes:
        value: what the query language takes after the field (for `size` the field is `params`).
        label: what people read; foreign text.
        records: how many of the matches looked at have it.
    """

    value: str
    label: str
    records: int


class Facets(NamedTuple):
    """The facets of a search.

    Attributes:
        values: by field of `FACET_FIELDS`, the most frequent first, at most 30 each.
        exact: whether all matches were counted; otherwise the ones registered last stand for all.
    """

    values: dict[str, list[FacetValue]]
    exact: bool


def read_facets(db: sqlite3.Connection, compiled: Compiled) -> Facets:
    """Count the values of a search's matches."""
    (tables, where, parameters), is_all = matches_source(db, compiled, _LOOKED_AT)
    rows = db.execute(
        "SELECT c.kind, c.type, c.framework, c.license, c.quantization, c.parameters, c.owner, c.labels "
        f"FROM {tables} WHERE {where} LIMIT ?",
        [*parameters, _LOOKED_AT + 1],
    ).fetchall()
    counters: dict[str, Counter[str]] = {field: Counter() for field in FACET_FIELDS}
    for kind, type_, framework, licence, quantization, size, owner, labels in rows[:_LOOKED_AT]:
        counters["kind"][KINDS_BY_CODE[kind]] += 1
        counters["type"][type_] += 1
        counters["framework"][framework] += 1
        counters["license"][licence] += 1
        if quantization is not None:
            counters["quant"][quantization] += 1
        if size:
            counters["size"][_size_class(size)] += 1
        counters["owner"][owner.hex()] += 1
        for field, value in dict.fromkeys(read_labels(labels)):
            counters[field][value] += 1
    exact = is_all and len(rows) <= _LOOKED_AT
    values = {field: _most(counter) for field, counter in counters.items()}
    order = [value for _, value, _ in _SIZES]
    values["size"].sort(key=lambda item: order.index(item.value))
    if compiled.is_everything:
        # Of the whole registry the replica keeps count.
        values.update({field: found for field in FACET_FIELDS if (found := known_values(db, field, "", _VALUES))})
    return Facets(values, exact)


def known_values(db: sqlite3.Connection, field: str, prefix: str, limit: int) -> list[FacetValue]:
    """The values of a field that records here have, the most frequent first, whose text begins so in any case."""
    rows = db.execute(
        "SELECT value, records FROM counted WHERE field = ? AND substr(value, 1, ?) = ? COLLATE NOCASE "
        "ORDER BY records DESC, value LIMIT ?",
        (field, len(prefix), prefix, limit),
    )
    return [FacetValue(value, value, records) for value, records in rows]


def _most(counted: Counter[str]) -> list[FacetValue]:
    items = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [FacetValue(value, _SIZE_LABELS.get(value, value), records) for value, records in items[:_VALUES]]


def _size_class(parameters: int) -> str:
    return next(value for largest, value, _ in _SIZES if parameters <= largest)
