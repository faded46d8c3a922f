"""Finding records: one window of an answer at a time, bounded whatever is asked.

Without free text, or with a `sort:`, a window is a stretch of an order (`walking`). With free text alone the order is
relevance (`relevance`). Nothing is ever ordered or counted as a whole.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from tui_registry.errors import Kind
from tui_registry.query.fields import FIELDS
from tui_registry.query.nodes import And, Match, Node, Query, QueryError, Sort
from tui_registry.replica.columns import KINDS_BY_CODE
from tui_registry.replica.compile import Compiled, Eyes, compile_query
from tui_registry.replica.rows import Page, Row
from tui_registry.text import safe_text

DAY = 86_400

# In the order of `Row`, after the rid.
COLUMNS = (
    "c.rid, c.kind, c.id, c.name, c.owner, c.version, c.type, c.framework, c.license, c.quantization, c.parameters, "
    "c.context_length, c.created_at, c.updated_at, c.live_heads"
)

Found = tuple[int, Row]
State = list[str | int | None]


class Ask(NamedTuple):
    """One window of a search: `now` in Unix seconds, `cursor` from the window before (or after, `backwards`)."""

    query: Query
    kind: Kind | None
    sort: Sort | None
    limit: int
    cursor: str | None
    now: int
    eyes: Eyes
    backwards: bool = False


def search(db: sqlite3.Connection, ask: Ask) -> Page:
    """The window.

    Raises:
        QueryError: the cursor is not one of this search's.
    """
    from tui_registry.replica import matching

    sort = ask.query.sort or ask.sort or Sort("relevance" if ask.query.texts else "updated", not ask.query.texts)
    asked = compiled(ask.query, ask.kind, ask.eyes)
    state, counted = _read_cursor(ask.cursor)
    rids = matching.listed(db, asked)
    if sort.key == "relevance" and ask.query.texts and asked.match is not None and not ask.backwards:
        from tui_registry.replica import relevance

        found, after = relevance.window(db, ask, asked, rids, state)
    else:
        from tui_registry.replica import walking

        # Relevance has no other end to begin from, and without text there is none.
        order = Sort("updated", True) if sort.key == "relevance" else sort
        found, after = walking.window(db, ask, asked, rids, order, state)
    if after is None and ask.cursor is None:
        total, exact = len(found), True
    else:
        total, exact = counted or matching.count(db, asked, rids)
    cursor = None if after is None else _write_cursor(after, (total, exact))
    return Page([row for _, row in found], cursor, max(total, len(found)), exact)


def compiled(query: Query, kind: Kind | None, eyes: Eyes) -> Compiled:
    """The conditions of a query over one kind, or both for None."""
    return compile_query(_with_kind(query.where, kind), eyes)


def row_of(values: Sequence[Any], now: int) -> Row:
    """A `Row` from the values of `COLUMNS`, which are what the schema says."""
    _, kind, identifier, name, owner, *described, updated_at, live = values
    future = updated_at > now + DAY
    return Row._make((KINDS_BY_CODE[kind], identifier.hex(), name, owner.hex(), *described, updated_at, live, future))


def read_sort(text: str) -> Sort:
    """An order as `sort:` writes it, such as `-updated`.

    Raises:
        QueryError: there is no such order.
    """
    key = text.removeprefix("-")
    known = FIELDS["sort"].options
    if key not in known:
        raise QueryError(f"there is no order '{safe_text(text, 40)}': sort by {', '.join(known)}", 0, len(text))
    return Sort(key, text.startswith("-"))


def stale_cursor() -> QueryError:
    """The error for a cursor that this search did not give."""
    return QueryError("the cursor is not one of this search: start again without it", 0)


def _with_kind(node: Node | None, kind: Kind | None) -> Node | None:
    if kind is None:
        return node
    only = Match("kind", kind)
    if node is None:
        return only
    return And((*node.nodes, only)) if isinstance(node, And) else And((node, only))


# How: cursors. A cursor carries the count of its search, so that only the first window counts.


def _write_cursor(state: State, counted: tuple[int, bool]) -> str:
    return json.dumps([counted[0], int(counted[1]), *state], separators=(",", ":")).encode().hex()


def _read_cursor(cursor: str | None) -> tuple[State | None, tuple[int, bool] | None]:
    if cursor is None:
        return None, None
    try:
        values = json.loads(bytes.fromhex(cursor))
    except (ValueError, RecursionError):
        raise stale_cursor() from None
    if not isinstance(values, list) or not all(value is None or type(value) in (str, int) for value in values):
        raise stale_cursor()
    if any(isinstance(value, int) and abs(value) > 2**63 - 1 for value in values):
        raise stale_cursor()
    total, exact, *state = values if len(values) > 2 else (None, None)
    if not isinstance(total, int) or total < 0 or exact not in (0, 1):
        raise stale_cursor()
    return state, (total, bool(exact))
