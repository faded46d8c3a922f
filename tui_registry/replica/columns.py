"""From a plain record to what the catalogue and the word index hold. Pure; `INDEX_VERSION` changes when an answer does.

The word index is contentless: to take a record out of it the very words that went in must be given again, so these
functions depend on nothing but the record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from tui_registry.errors import Json, Kind, Record
from tui_registry.query.folding import fold_case, searched_text, words
from tui_registry.replica.classes import class_words

INDEX_VERSION = 1

# Which words the vocabulary knows, by their length: FTS5 has an index of the beginnings of up to three letters.
SHORTEST_KNOWN = 4
LONGEST_KNOWN = 40
_MOST = 2**63 - 1
_HEX = re.compile(r"[0-9a-f]{1,64}").match

KIND_CODES: dict[Kind, int] = {"model": 0, "agent": 1}
KIND_CODES_BY_NAME: dict[str, int] = {str(kind): code for kind, code in KIND_CODES.items()}
KINDS_BY_CODE: tuple[Kind, Kind] = ("model", "agent")

WORD_COLUMNS = "name, description, tags, capabilities, tools, facets"

# One letter a facet. The made-up word is the letter and a digest of the folded value, so that any value is one word;
# for what is hex digits already (`owner`, `model`) the digits themselves, so that the first few of them find it.
# Numbers have letters of their own (`classes`).
FACET_LETTERS = {
    "kind": "k",
    "type": "t",
    "framework": "f",
    "license": "l",
    "quant": "q",
    "tag": "g",
    "cap": "c",
    "tool": "u",
    "owner": "o",
    "model": "m",
    "has": "h",
}

RECORD_COLUMNS = (
    "name, version, type, framework, license, quantization, parameters, context_length, output_tps, min_vcpus, "
    "min_memory_mb, min_disk_gb, min_vram_gb, has_formfile, labels, created_at, updated_at"
)
CATALOGUE_COLUMNS = f"rid, idx, kind, id, owner, live_heads, {RECORD_COLUMNS}"

RecordColumns = tuple[str | int | None, ...]


def variant_text(value: Json) -> str:
    """An enum's name, or the text of its `Other`."""
    return str(value["Other"]) if isinstance(value, dict) else str(value)


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
        1 if _has_template(record) else 0,
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


def read_labels(labels: str) -> list[tuple[str, str]]:
    """The column `labels` taken apart: (`tag`, `cap` or `tool`, value)."""
    return [(_LABEL_FIELDS[line[0]], line[1:]) for line in labels.split("\n") if line]


def known_words(texts: Iterable[tuple[str, ...]]) -> set[str]:
    """The words of records that the vocabulary knows; `texts` are their `word_values`."""
    found: set[str] = set()
    for *columns, _ in texts:
        found.update(" ".join(columns).split())
    return {word for word in found if SHORTEST_KNOWN <= len(word) <= LONGEST_KNOWN}


def word_values(kind: Kind, record: Record) -> tuple[str, ...]:
    """The words of a record, in the order of `WORD_COLUMNS`.

    Folded and cut here already, so that what a word is depends on one table (`query.folding`) and not also on the
    Unicode version of whatever SQLite is installed.
    """
    return (*(" ".join(words(text)) for text in searched_text(record)), " ".join(_facets(kind, record)))


# The same few licences, types and tags come again and again.
@lru_cache(maxsize=65_536)
def facet_word(field: str, value: str) -> str:
    """The made-up word that stands for one value of a facet; values compare as SQLite's NOCASE does."""
    # Only writing and filtering come here: a list need not pay for OpenSSL.
    import hashlib

    folded = fold_case(value).encode("utf-8", "surrogatepass")
    return FACET_LETTERS[field] + hashlib.blake2s(folded, digest_size=6).hexdigest()


def hex_word(field: str, digits: str) -> str:
    """The made-up word of an address or id, or the beginning of one."""
    return FACET_LETTERS[field] + digits


def _facets(kind: Kind, record: Record) -> list[str]:
    found = [
        facet_word("kind", kind),
        facet_word("type", variant_text(record[f"{kind}_type"])),
        facet_word("framework", variant_text(record["framework"])),
        facet_word("license", str(record["license"])),
        hex_word("owner", str(record["owner_id"])),
        *(facet_word("tag", value) for value in _texts(record["tags"])),
        *(facet_word("cap", value) for value in _texts(record["capabilities"])),
        *(facet_word("tool", value) for value in _texts(record.get("tools"))),
        # Asked for by its first digits, so what counts is how it begins.
        *(hex_word("model", digits) for value in _texts(record.get("preferred_models")) if (digits := _digits(value))),
    ]
    if (quantization := record.get("quantization")) is not None:
        found.append(facet_word("quant", variant_text(quantization)))
    if _has_template(record):
        found.append(facet_word("has", "formfile"))
    return found + class_words(record)


_LABEL_FIELDS = {"g": "tag", "c": "cap", "u": "tool"}


def _labels(record: Record) -> str:
    """Tags, capabilities and tools, a line each, the facet's letter first. One that holds a line end is not counted,
    and one that a record has twice counts once."""
    return "\n".join(
        letter + value
        for letter, field in (("g", "tags"), ("c", "capabilities"), ("u", "tools"))
        for value in dict.fromkeys(_texts(record.get(field)))
        if "\n" not in value
    )


def _digits(value: str) -> str:
    match = _HEX(value)
    return "" if match is None else match[0]


def _has_template(record: Record) -> bool:
    return bool(str(record["formfile_template"]).strip())


def _texts(value: Json) -> list[str]:
    return [item for item in value if type(item) is str] if type(value) is list and value else []


def _clamped(value: Json) -> int | None:
    """A number as SQLite can hold it: u64 clamped to 2^63-1."""
    if type(value) is not int:
        return None
    return value if value <= _MOST else _MOST  # noqa: FURB136 - min() costs four times as much, eleven times an op
