"""What the panel of filters lists: a heading for each field, under it the values that the matches have. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tui_registry.text import address_short, exact, safe_text
from tui_registry.tui.browse.reading import TERMS

if TYPE_CHECKING:
    from tui_registry.datastore import Facets

# Values of a field that are shown before one asks for the others.
FEW: Final = 6
# The first digits of an address that a query names an owner by.
_ADDRESS_DIGITS: Final = 12
_TITLES: Final = {
    "kind": "KIND",
    "type": "TYPE",
    "framework": "FRAMEWORK",
    "license": "LICENCE",
    "quant": "QUANTISATION",
    "size": "SIZE",
    "tag": "TAGS",
    "cap": "CAPABILITIES",
    "tool": "TOOLS",
    "owner": "OWNER",
}


@dataclass(frozen=True, slots=True)
class FacetLine:
    """One line of the panel.

    Attributes:
        field: of the facet.
        text: safe to show: a heading, a value, or how many values are not shown.
        value: what the query language takes after the field; None on a line that is no value.
        records: how many of the matches have it, None where that was not counted.
        chosen: the term of the query that asks for it, None when it does not.
        more: the line stands for values that are not shown.
    """

    field: str
    text: str
    value: str | None = None
    records: int | None = None
    chosen: str | None = None
    more: bool = False

    @property
    def is_heading(self) -> bool:
        return self.value is None and not self.more


def facet_lines(facets: Facets, query: str, owners: dict[str, str], opened: Set[str]) -> list[FacetLine]:
    """The lines of the panel, those that the query asks for always among them.

    Args:
        owners: local names by address.
        opened: fields of which all values are shown.
    """
    lines: list[FacetLine] = []
    for field, title in _TITLES.items():
        values = list(_values(field, facets, query, owners))
        if not values:
            continue
        lines.append(FacetLine(field, title))
        shown = values if field in opened else [line for k, line in enumerate(values) if k < FEW or line.chosen]
        lines += shown
        if len(shown) < len(values):
            lines.append(FacetLine(field, f"{len(values) - len(shown)} more", more=True))
    return lines


def toggled(query: str, line: FacetLine) -> str:
    """The query with the line's value, or without it when it asks for it already."""
    from tui_registry.query import with_term, without_term

    term = TERMS.get(line.field, line.field)
    if line.chosen is not None:
        return without_term(query, term, line.chosen)
    return query if line.value is None else with_term(query, term, line.value)


def count_text(records: int | None, is_exact: bool) -> str:
    """`1,204`, or `~1,204` where not all matches were looked at."""
    if records is None:
        return ""
    return exact(records) if is_exact else f"~{exact(records)}"


def _values(field: str, facets: Facets, query: str, owners: dict[str, str]) -> Iterator[FacetLine]:
    from tui_registry.query import chosen

    asked = chosen(query, TERMS.get(field, field))
    for found in facets.values.get(field, []):
        value, label = found.value, found.label
        if field == "owner":
            name = owners.get(value)
            label = name or address_short(value)
            address = f"0x{value}"
            value = address[: 2 + _ADDRESS_DIGITS]
            term = next((term for term in asked if _names_owner(term, address, name)), None)
        else:
            term = next((term for term in asked if term.casefold() == value.casefold()), None)
        if term is not None:
            asked.remove(term)
        yield FacetLine(field, safe_text(label, 100), value, found.records, term)
    for term in asked:
        # Asked for, and none of the frequent ones: it must be possible to take it back.
        yield FacetLine(field, safe_text(term, 100), term, None, term)


def _names_owner(term: str, address: str, name: str | None) -> bool:
    if term.startswith("0x"):
        return address.startswith(term.lower())
    return name is not None and term.casefold() == name.casefold()
