"""What a row of the catalogue must hold for one part of a query: SQL over `c`, every value of the query a parameter."""

from __future__ import annotations

import re

from tui_registry.query.fields import alike
from tui_registry.query.nodes import Match, Range
from tui_registry.replica.columns import FACET_LETTERS, KIND_CODES_BY_NAME

Parameter = str | int | bytes
Condition = tuple[str, list[Parameter]]

IS_KIND = "c.kind = ?"
IS_INVALID = "is_invalid(c.rid)"
LISTED = "c.rid IN (SELECT rowid FROM words WHERE words MATCH ?)"
LOOKED_UP = "EXISTS (SELECT 1 FROM words WHERE words MATCH ? AND rowid = c.rid)"
# The column holds a line for each label, and LIKE compares as NOCASE does.
_IS_LABELLED = "(char(10) || c.labels || char(10)) LIKE ? ESCAPE '\\'"
_ESCAPED = re.compile(r"[\\%_]")

_RANGE_COLUMNS = {
    "params": "parameters",
    "ctx": "context_length",
    "vram": "min_vram_gb",
    "mem": "min_memory_mb",
    "disk": "min_disk_gb",
    "vcpus": "min_vcpus",
    "tps": "output_tps",
    "updated": "updated_at",
    "created": "created_at",
}
_COLUMNS = {
    "type": "type",
    "framework": "framework",
    "license": "license",
    "quant": "quantization",
}


def bounds(node: Range) -> tuple[str, int, int]:
    """The column and its bounds, both inclusive. 0 parameters are unknown ones, and lie in no range."""
    least = 1 if node.field == "params" else 0
    low = least if node.low is None else max(least, node.low)
    return _RANGE_COLUMNS[node.field], low, 2**63 - 1 if node.high is None else node.high


def asks_words(condition: str) -> bool:
    """Whether a condition asks the word index."""
    return LISTED in condition or LOOKED_UP in condition


def column_condition(node: Match, address: str) -> Condition | None:
    """A condition of columns alone; None where they do not tell.

    Args:
        address: the replica's own, 40 hex digits, "" before there is one.
    """
    match node.field, node.value:
        case "kind", value:
            return IS_KIND, [KIND_CODES_BY_NAME[value]]
        case "id", value:
            low, high = hex_range(value, 64)
            return "c.rid IN (SELECT rid FROM keys WHERE id BETWEEN ? AND ?)", [low, high]
        case "is", "mine" if address:
            return "c.owner = ?", [bytes.fromhex(address)]
        case "is", "conflict":
            return "c.live_heads > 1", []
        case "is", "invalid":
            return IS_INVALID, []
        case "has", "formfile":
            return "c.has_formfile", []
        case ("type" | "framework" | "license" | "quant") as field, value:
            values = alike(field, value)
            return f"coalesce(c.{_COLUMNS[field]}, '') COLLATE NOCASE IN ({', '.join('?' * len(values))})", [*values]
        case ("tag" | "cap" | "tool") as field, value if "\n" not in value:
            escaped = _ESCAPED.sub(r"\\\g<0>", value)
            return _IS_LABELLED, [f"%\n{FACET_LETTERS[field]}{escaped}\n%"]
        case _:
            return None


def hex_range(prefix: str, digits: int) -> tuple[bytes, bytes]:
    """The smallest and the largest value of `digits` hex digits that begin with `prefix`."""
    return bytes.fromhex(prefix.ljust(digits, "0")), bytes.fromhex(prefix.ljust(digits, "f"))
