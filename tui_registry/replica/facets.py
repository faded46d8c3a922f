"""What the matches of a search have in common: how many have which kind, type, licence, tag and so on."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import Counter
from typing import Any, NamedTuple

from tui_registry.licences import usual
from tui_registry.query.fields import FACETS
from tui_registry.replica import matching
from tui_registry.replica.columns import KINDS_BY_CODE, read_labels
from tui_registry.replica.compile import Compiled

# All matches are looked at where they can be listed; of a search with more, so many of the ones registered last.
_LOOKED_AT = 5_000
_VALUES = 30

FACET_FIELDS = tuple(FACETS)

# Classes of size by parameters: (largest, what the query language calls the class, what people call it).
_SIZES = (
    (10**9, "<=1b", "up to 1 B"),
    (4 * 10**9, "1b..4b", "1 to 4 B"),
    (10**10, "4b..10b", "4 to 10 B"),
    (4 * 10**10, "10b..40b", "10 to 40 B"),
    (2**63, ">40b", "over 40 B"),
)
_LARGEST = [largest for largest, _, _ in _SIZES]
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
    rids = matching.listed(db, compiled)
    tables, where, parameters = matching.source(compiled, rids, _LOOKED_AT if rids is None else len(rids))
    rows = db.execute(
        "SELECT c.kind, c.type, c.framework, c.license, c.quantization, c.parameters, c.owner, c.labels "
        f"FROM {tables} WHERE {where}",
        parameters,
    ).fetchall()
    counters = _counted(rows)
    values = {field: _most(counters[field]) for field in FACET_FIELDS}
    order = [value for _, value, _ in _SIZES]
    values["size"].sort(key=lambda item: order.index(item.value))
    if compiled.is_everything:
        # Of the whole registry the replica keeps count.
        values.update({field: found for field in FACET_FIELDS if (found := known_values(db, field, "", _VALUES))})
    return Facets(values, rids is not None or (compiled.is_everything and len(rows) < _LOOKED_AT))


def known_values(db: sqlite3.Connection, field: str, prefix: str, limit: int) -> list[FacetValue]:
    """The values of a field that records here have, the most frequent first, whose text begins so in any case."""
    rows = db.execute(
        "SELECT value, records FROM counted WHERE field = ? AND substr(value, 1, ?) = ? COLLATE NOCASE "
        "ORDER BY records DESC, value LIMIT ?",
        (field, len(prefix), prefix, limit),
    )
    counted = _folded(Counter(dict(rows))).most_common() if field == "license" else rows
    return [FacetValue(value, value, records) for value, records in counted]


def _most(counted: Counter[str]) -> list[FacetValue]:
    items = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [FacetValue(value, _SIZE_LABELS.get(value, value), records) for value, records in items[:_VALUES]]


def _folded(licences: Counter[str]) -> Counter[str]:
    """The numbers of records by licence, where those of all spellings of a licence count for its usual one."""
    found: Counter[str] = Counter()
    for licence, records in licences.items():
        found[usual(licence)] += records
    return found


def _counted(rows: list[tuple[Any, ...]]) -> dict[str, Counter[str]]:
    """The values of rows by field. Column by column, as one call for a column costs a tenth of one for each value."""
    columns = zip(*rows, strict=True) if rows else [()] * 8
    kinds, types, frameworks, licences, quantizations, sizes, owners, labels = columns
    classes = Counter(bisect_left(_LARGEST, size) for size in sizes if size)
    found: dict[str, Counter[str]] = {
        "kind": Counter({KINDS_BY_CODE[code]: records for code, records in Counter(kinds).items()}),
        "type": Counter(types),
        "framework": Counter(frameworks),
        "license": _folded(Counter(licences)),
        "quant": Counter(value for value in quantizations if value is not None),
        "size": Counter({_SIZES[number][1]: records for number, records in classes.items()}),
        "owner": Counter({owner.hex(): records for owner, records in Counter(owners).items()}),
        "tag": Counter(),
        "cap": Counter(),
        "tool": Counter(),
    }
    for line, records in Counter("\n".join(labels).split("\n")).items():
        for field, value in read_labels(line):
            found[field][value] = records
    return found
