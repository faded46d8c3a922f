"""From a plain record to what the catalogue holds: a row in columns, and its values counted over the registry.

What is derived from a record depends on nothing but the record; `INDEX_VERSION` changes when an answer here or in
`words` does, so that every replica makes its catalogue and its words anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from tui_registry.errors import Json, Kind, Record
from tui_registry.replica.catalogue.word_index import FACET_LETTERS, has_template, texts, variant_text, word_values

INDEX_VERSION = 1

_MOST = 2**63 - 1

KIND_CODES: dict[Kind, int] = {"model": 0, "agent": 1}
KIND_CODES_BY_NAME: dict[str, int] = {str(kind): code for kind, code in KIND_CODES.items()}
KINDS_BY_CODE: tuple[Kind, Kind] = ("model", "agent")

RECORD_COLUMNS = (
    "name, version, type, framework, license, quantization, parameters, context_length, output_tps, min_vcpus, "
    "min_memory_mb, min_disk_gb, min_vram_gb, has_formfile, labels, created_at, updated_at"
)
CATALOGUE_COLUMNS = f"rid, idx, kind, id, owner, live_heads, {RECORD_COLUMNS}"

RecordColumns = tuple[str | int | None, ...]

_CATALOGUE_MARKS = ", ".join("?" * len(CATALOGUE_COLUMNS.split(",")))
INSERT_CATALOGUE = f"INSERT OR REPLACE INTO catalogue ({CATALOGUE_COLUMNS}) VALUES ({_CATALOGUE_MARKS})"

_FIELDS = {letter: field for field, letter in FACET_LETTERS.items()}


class Derived(NamedTuple):
    """All that is derived from one record.

    Attributes:
        columns: what the catalogue holds. words: what the word index holds.
        counted: its values that are counted, each after its facet's letter.
    """

    columns: RecordColumns
    words: tuple[str, ...]
    counted: tuple[str, ...]


def derive(kind: Kind, record: Record) -> Derived:
    """What the catalogue, the word index and the counts hold for a record."""
    columns = record_columns(kind, record)
    return Derived(columns, word_values(kind, record), counted_values(kind, columns))


def record_columns(kind: Kind, record: Record) -> RecordColumns:
    """What the catalogue holds of a record, in the order of `RECORD_COLUMNS`."""
    needs = record["resource_requirements"]
    assert isinstance(needs, dict)
    quantization = record.get("quantization")
    return (
        str(record["name"]),
        str(record["version"]),
        variant_text(record[f"{kind}_type"]),
        variant_text(record["framework"]),
        str(record["license"]),
        None if quantization is None else variant_text(quantization),
        _clamped(record.get("parameters", 0)),
        _clamped(record.get("context_length")),
        _clamped(record.get("output_tokens_per_second")),
        _clamped(needs["min_vcpus"]),
        _clamped(needs["min_memory_mb"]),
        _clamped(needs["min_disk_gb"]),
        _clamped(needs.get("min_vram_gb")),
        1 if has_template(record) else 0,
        _labels(record),
        _clamped(record["created_at"]),
        _clamped(record["updated_at"]),
    )


def counted_values(kind: Kind, columns: RecordColumns) -> tuple[str, ...]:
    """The values of a record that are counted over the registry, each after its facet's letter (`lMIT`): the column
    `labels` has its own that way already."""
    _, _, type_, framework, licence, quantization, *_, labels, _, _ = columns
    found = [f"k{kind}", f"t{type_}", f"f{framework}", f"l{licence}"]
    if quantization is not None:
        found.append(f"q{quantization}")
    if labels:
        found += str(labels).split("\n")
    return tuple(found)


def count_values(db: sqlite3.Connection, counted: Mapping[str, int]) -> None:
    """Add to the number of records that have a value (`counted_values`); what none has any more is forgotten."""
    db.executemany(
        "INSERT INTO counted (field, value, records) VALUES (?, ?, ?) "
        "ON CONFLICT (field, value) DO UPDATE SET records = records + excluded.records",
        ((*field_and_value(key), more) for key, more in sorted(counted.items()) if more),
    )
    fewer = [field_and_value(key) for key, more in counted.items() if more < 0]
    db.executemany("DELETE FROM counted WHERE field = ? AND value = ? AND records <= 0", fewer)


def field_and_value(counted: str) -> tuple[str, str]:
    """A field of the query language and a value of it, from one of `counted_values`."""
    return _FIELDS[counted[0]], counted[1:]


# How


def _labels(record: Record) -> str:
    """Tags, capabilities and tools, a line each, the facet's letter first. One that holds a line end is not counted,
    and one that a record has twice counts once."""
    return "\n".join(
        letter + value
        for letter, field in (("g", "tags"), ("c", "capabilities"), ("u", "tools"))
        for value in dict.fromkeys(texts(record.get(field)))
        if "\n" not in value
    )


def _clamped(value: Json) -> int | None:
    """A number as SQLite can hold it: u64 clamped to 2^63-1."""
    if type(value) is not int:
        return None
    return value if value <= _MOST else _MOST  # noqa: FURB136 - min() costs four times as much, eleven times an op
