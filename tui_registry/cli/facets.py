"""`search --facets`: what the matches have in common, counted, each as the term that narrows a search to it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from tui_registry.cli.listing import pointed
from tui_registry.cli.output import note, out, out_json, terminal_width
from tui_registry.cli.registry import open_registry
from tui_registry.cli.table import Column, Table
from tui_registry.query.editing import with_term
from tui_registry.query.nodes import QueryError
from tui_registry.text import exact, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Facets

_COLUMNS = (Column("TERM", 20, grows=True), Column("RECORDS", 9, right=True))
# The field of the query language, where it is called otherwise.
_TERMS = {"size": "params"}


class Count(NamedTuple):
    """A value that some of the matches have.

    Attributes:
        label: what people read in its place, such as your name for an owner.
        term: what narrows a search to it.
    """

    field: str
    value: str
    label: str
    term: str
    records: int


def run(args: Namespace, query: str) -> int:
    """Count."""
    try:
        with open_registry(args) as datastore:
            facets = datastore.facets(query, whole=True)
            counts = list(_counts(facets, datastore.owner_names()))
    except QueryError as error:
        raise pointed(error, query) from error
    if args.json:
        for count in counts:
            out_json({**count._asdict(), "exact": facets.exact})
        return 0
    table = Table(_COLUMNS, terminal_width())
    if counts:
        out(table.header())
    for count in counts:
        label = "" if count.label == count.value else safe_text(count.label)
        out(table.line((count.term, exact(count.records)), label))
    if not counts:
        note("nothing found")
    elif not facets.exact:
        note("too many were found to count them all: these are the numbers of the ones registered last")
    return 0


def _counts(facets: Facets, names: dict[str, str]) -> Iterator[Count]:
    for field, values in facets.values.items():
        for value, label, records in values:
            shown = names.get(value, label) if field == "owner" else label
            yield Count(field, value, shown, with_term("", _TERMS.get(field, field), value), records)
