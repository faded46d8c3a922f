"""A query's tree made into SQL: what the word index can answer goes there, the rest becomes conditions on columns.

The text of a query is data: words are letters and digits by construction, everything else is a bound parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeGuard

from tui_registry.query.folding import fold_case
from tui_registry.query.nodes import And, Match, Node, Not, Or, Range, Text
from tui_registry.replica.columns import KIND_CODES_BY_NAME, facet_word, hex_word

Parameter = str | int | bytes
Condition = tuple[str, list[Parameter]]

_TEXT_COLUMNS = "{name description tags capabilities tools} :"

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
_ALWAYS: Condition = ("1", [])


class Compiled(NamedTuple):
    """A query in the forms that ways of reading need; each alone, or `match` with `rest`, is the whole query.

    Attributes:
        walk: a condition on the catalogue `c` that asks columns where it can, for walking along an order.
        probe: the same, with words looked up row by row: for words that a large part of the registry holds.
        columns: the same for all but free text, None where more than columns must be asked.
        match: an FTS5 expression over `words` for all that the index can answer, None when that is nothing.
        rest: a condition on `c` for what `match` leaves.
        ranges: the ranges that must hold, as (column, low, high), for reading through the index of a rare one.
        kind: 0 or 1 where the query asks for one kind.
        conflicts: the query asks for records in conflict.
    """

    walk: Condition = _ALWAYS
    probe: Condition = _ALWAYS
    columns: Condition | None = _ALWAYS
    match: str | None = None
    rest: Condition = _ALWAYS
    ranges: tuple[tuple[str, int, int], ...] = ()
    kind: int | None = None
    conflicts: bool = False

    @property
    def is_everything(self) -> bool:
        return self.walk == _ALWAYS


class Eyes(NamedTuple):
    """Whose registry it is, and what it knows.

    Attributes:
        address: the replica's, 40 hex digits, "" before there is one.
        owners: local names of owners, folded -> their addresses.
        begin_with: the known words that begin with a word; None where they are too many, or too short, to name.
        is_rare: whether few records match an FTS5 expression, so that they can be listed.
    """

    address: str
    owners: dict[str, list[str]]
    begin_with: Callable[[str], Sequence[str] | None]
    is_rare: Callable[[str], bool]


def by_folded_name(names: Mapping[str, str]) -> dict[str, list[str]]:
    """`Eyes.owners` from local names by address."""
    found: dict[str, list[str]] = {}
    for address, name in names.items():
        found.setdefault(fold_case(name), []).append(address)
    return found


def compile_query(node: Node | None, eyes: Eyes) -> Compiled:
    """The conditions that hold for exactly the records that `query.matches` accepts."""
    if node is None:
        return Compiled()
    parts = node.nodes if isinstance(node, And) else (node,)
    found: list[str] = []
    excluded: list[tuple[str, Node]] = []
    left: list[Node] = []
    for part in parts:
        if (match := _match(part, eyes)) is not None:
            found.append(match)
        elif isinstance(part, Not) and (match := _match(part.node, eyes)) is not None:
            excluded.append((match, part))
        else:
            left.append(part)
    # FTS5's NOT has two sides: with nothing on its left, the exclusion is a condition like any other.
    whole = " AND ".join(f"({match})" for match in found) or None
    if whole is None:
        left += [part for _, part in excluded]
    elif excluded:
        whole = f"({whole}) NOT ({' OR '.join(f'({match})' for match, _ in excluded)})"
    return Compiled(
        _all(parts, eyes, _LISTED),
        _all(parts, eyes, _PROBED),
        _without_text(parts, eyes),
        whole,
        _all(left, eyes, _LISTED),
        tuple(_bounds(part) for part in parts if isinstance(part, Range)),
        next((KIND_CODES_BY_NAME[part.value] for part in parts if _is_kind(part)), None),
        Match("is", "conflict") in parts,
    )


def text_match(text: Text, eyes: Eyes, columns: str = _TEXT_COLUMNS, *, at_start: bool = False) -> str:
    """The FTS5 expression of free text.

    Args:
        columns: a column filter with its colon.
        at_start: only where a column begins with the text.
    """
    anchor = "^ " if at_start else ""
    *before, last = text.words
    known = eyes.begin_with(last) if text.prefix else None
    if known is None:
        return f'{columns} {anchor}"{" ".join(text.words)}"{" *" if text.prefix else ""}'
    phrases = " OR ".join(f'{anchor}"{" ".join((*before, word))}"' for word in (known or (last,)))
    return f"{columns} ({phrases})"


def _match(node: Node, eyes: Eyes) -> str | None:
    """The node as an FTS5 expression, None where the index cannot answer it."""
    match node:
        case Text():
            return text_match(node, eyes)
        case Match():
            return _facet(node, eyes)
        case And() | Or():
            parts = [_match(part, eyes) for part in node.nodes]
            if any(part is None for part in parts):
                return None
            return (" AND " if isinstance(node, And) else " OR ").join(f"({part})" for part in parts)
        case _:
            return None


def _facet(node: Match, eyes: Eyes) -> str | None:
    match node.field:
        case "kind" | "type" | "framework" | "license" | "quant" | "tag" | "cap" | "tool" | "has":
            return f'facets : "{facet_word(node.field, node.value)}"'
        case "model":
            return f'facets : "{hex_word("model", node.value)}" *'
        case "owner":
            named = [hex_word("owner", address) for address in eyes.owners.get(_as_name(node.value), ())]
            prefix = _owner_prefix(node.value)
            begins = [f'"{hex_word("owner", prefix)}" *'] if prefix else []
            options = [*begins, *(f'"{word}"' for word in named)]
            return f"facets : ({' OR '.join(options)})" if options else None
        case "is" if node.value == "mine" and eyes.address:
            return f'facets : "{hex_word("owner", eyes.address)}"'
        case _:
            return None


def _as_name(value: str) -> str:
    # What is written with 0x is an address, whatever names there are.
    return "" if value.lower().startswith("0x") else fold_case(value)


def _owner_prefix(value: str) -> str | None:
    digits = value.lower().removeprefix("0x")
    return digits if 1 <= len(digits) <= 40 and not digits.strip("0123456789abcdef") else None


_LISTED = "c.rid IN (SELECT rowid FROM words WHERE words MATCH ?)"
_PROBED = "EXISTS (SELECT 1 FROM words WHERE words MATCH ? AND rowid = c.rid)"


def _all(nodes: Sequence[Node], eyes: Eyes, by_words: str) -> Condition:
    parts = [_condition(node, eyes, by_words) for node in nodes]
    if not parts:
        return _ALWAYS
    return " AND ".join(f"({part})" for part, _ in parts), [value for _, values in parts for value in values]


def _without_text(nodes: Sequence[Node], eyes: Eyes) -> Condition | None:
    condition, parameters = _all([node for node in nodes if not isinstance(node, Text)], eyes, _LISTED)
    return None if _LISTED in condition or _PROBED in condition else (condition, parameters)


def _condition(node: Node, eyes: Eyes, by_words: str) -> Condition:
    """The node as an SQL condition that is never NULL; of columns where there are any, else `by_words`."""
    match node:
        case Not():
            match = _match(node.node, eyes)
            # A list of all that hold a common word would be most of the registry.
            form = _LISTED if match is not None and eyes.is_rare(match) else _PROBED
            condition, parameters = _condition(node.node, eyes, form)
            return f"NOT ({condition})", parameters
        case And() | Or():
            parts = [_condition(part, eyes, by_words) for part in node.nodes]
            word = " AND " if isinstance(node, And) else " OR "
            return word.join(f"({part})" for part, _ in parts), [value for _, values in parts for value in values]
        case Range():
            column, low, high = _bounds(node)
            return f"c.{column} IS NOT NULL AND c.{column} BETWEEN ? AND ?", [low, high]
        case Match():
            return _column_condition(node, eyes) or _by_words(node, eyes, by_words)
        case Text():
            return _by_words(node, eyes, by_words)


def _by_words(node: Node, eyes: Eyes, form: str) -> Condition:
    match = _match(node, eyes)
    # None: an owner's name that nobody has, or `is:mine` before there is a key.
    return ("0", []) if match is None else (form, [match])


def _bounds(node: Range) -> tuple[str, int, int]:
    """The column and its bounds, both inclusive. 0 parameters are unknown ones, and lie in no range."""
    least = 1 if node.field == "params" else 0
    low = least if node.low is None else max(least, node.low)
    return _RANGE_COLUMNS[node.field], low, 2**63 - 1 if node.high is None else node.high


def _column_condition(node: Match, eyes: Eyes) -> Condition | None:
    match node.field, node.value:
        case "kind", value:
            return "c.kind = ?", [KIND_CODES_BY_NAME[value]]
        case "id", value:
            low, high = hex_range(value, 64)
            return "c.rid IN (SELECT rid FROM keys WHERE id BETWEEN ? AND ?)", [low, high]
        case "is", "mine" if eyes.address:
            return "c.owner = ?", [bytes.fromhex(eyes.address)]
        case "is", "conflict":
            return "c.live_heads > 1", []
        case "is", "invalid":
            return "is_invalid(c.rid)", []
        case "has", "formfile":
            return "c.has_formfile", []
        case ("type" | "framework" | "license" | "quant") as field, value:
            column = _COLUMNS[field]
            return f"coalesce(c.{column}, '') = ? COLLATE NOCASE", [value]
        case _:
            return None


def _is_kind(node: Node) -> TypeGuard[Match]:
    return isinstance(node, Match) and node.field == "kind"


def hex_range(prefix: str, digits: int) -> tuple[bytes, bytes]:
    """The smallest and the largest value of `digits` hex digits that begin with `prefix`."""
    return bytes.fromhex(prefix.ljust(digits, "0")), bytes.fromhex(prefix.ljust(digits, "f"))
