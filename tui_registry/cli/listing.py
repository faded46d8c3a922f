"""Lists of records: one JSON object a line for programs, a table for people. `list` and `search` share it."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from itertools import islice

from tui_registry.cli.list_options import ROWS_ON_A_TERMINAL
from tui_registry.cli.output import note, on_terminal, out, out_json, terminal_width
from tui_registry.cli.registry import entry_json, open_registry
from tui_registry.cli.table import Column, Table
from tui_registry.datastore import Datastore, Row
from tui_registry.errors import Kind
from tui_registry.query.nodes import QueryError
from tui_registry.text import address_short, age, count_words, exact, safe_text

_PAGE = 200
_COLUMNS = (
    Column("NAME", 24, grows=True),
    Column("KIND", 5, spare=2),
    Column("TYPE", 15, spare=1),
    Column("SIZE", 6, right=True),
    Column("LICENCE", 16, spare=3),
    Column("UPDATED", 7, right=True),
    Column("OWNER", 12, spare=4),
    Column("ID", 12),
)


def run(args: Namespace, query: str, kind: Kind | None) -> int:
    """List what the query finds."""
    limit: int | None = args.limit
    if limit is None:
        limit = ROWS_ON_A_TERMINAL if on_terminal() and not args.json else 0
    try:
        with open_registry(args) as datastore:
            if args.json:
                for entry in islice(datastore.entries(query, kind=kind, sort=args.sort, whole=True), limit or None):
                    out_json(entry_json(entry))
            else:
                _print_table(datastore, query, kind, args.sort, limit)
    except QueryError as error:
        raise pointed(error, query) from error
    return 0


def _print_table(datastore: Datastore, query: str, kind: Kind | None, sort: str | None, limit: int) -> None:
    # Where all are of one kind, the column says nothing.
    columns = [column for column in _COLUMNS if kind is None or column.title != "KIND"]
    table = Table(columns, terminal_width())
    now = int(time.time())
    shown = 0
    page = datastore.search(query, kind=kind, sort=sort, limit=min(limit, _PAGE) or _PAGE, whole=True)
    first = page
    while page.rows:
        if shown == 0:
            out(table.header())
        for row in page.rows:
            out(table.line(_cells(row, now, with_kind=kind is None), _note(row)))
        shown += len(page.rows)
        if page.next is None or shown == limit:
            break
        room = min(limit - shown, _PAGE) if limit else _PAGE
        page = datastore.search(query, kind=kind, sort=sort, limit=room, cursor=page.next, whole=True)
    if shown == 0:
        note(_nothing(datastore, query, first.did_you_mean))
    elif page.next is not None:
        more = "" if first.exact else "more than "
        note(f"{exact(shown)} of {more}{exact(first.total)} shown: --limit 0 lists all")


def _cells(row: Row, now: int, *, with_kind: bool) -> tuple[str, ...]:
    return (
        row.name,
        *((row.kind,) if with_kind else ()),
        row.type,
        count_words(row.parameters) if row.parameters else "-",
        row.license,
        age(now - row.updated_at),
        address_short(row.owner),
        row.id[:12],
    )


def _note(row: Row) -> str:
    return "  ".join(_notes(row))


def _notes(row: Row) -> Iterator[str]:
    if row.heads > 1:
        yield f"conflict: {row.heads} versions"
    if row.future:
        yield "dated in the future"


def _nothing(datastore: Datastore, query: str, did_you_mean: str | None) -> str:
    if did_you_mean is not None:
        return f"nothing found. Did you mean: {safe_text(did_you_mean)}"
    if query:
        return "nothing found"
    if datastore.stats().records:
        return "no records of this kind here"
    return "this replica is empty: 'register' a record, 'sync' with a peer, or look around in the 'demo'"


def pointed(error: QueryError, query: str) -> QueryError:
    """The error with the place and what could stand there, as one sentence."""
    corrected = error.corrected(query)
    hint = f": try {corrected}" if corrected is not None else ""
    place = f" (at character {error.position + 1})" if query else ""
    return QueryError(f"{error.sentence}{place}{hint}", error.position, error.length)
