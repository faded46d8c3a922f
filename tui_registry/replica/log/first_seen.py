"""When and from whom each operation first came to this replica: local, never compared with other replicas.

What comes together is one row: a run reaches from its first operation to the first one of the next run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from tui_registry.frozen import NamedTuple
from tui_registry.replica.log.left_out import OVERHEAD_BYTES


class FirstSeen(NamedTuple):
    """When and from whom operations came.

    Attributes:
        arrived_at: Unix seconds; None for operations of before version 0.2.
        source: a peer's name, `file`, `push:` and an address, or `hub:` and how a hub's id begins for what its log
            brought; None for what was written here.
        batch: the writes of this replica that belong together have one number; None for all others.
    """

    arrived_at: int | None = None
    source: str | None = None
    batch: int | None = None


def first_seen(db: sqlite3.Connection, places: Iterable[int]) -> dict[int, FirstSeen]:
    """When and from whom the operations at these places of the log came."""
    ask = "SELECT arrived_at, source, batch FROM arrivals WHERE idx <= ? ORDER BY idx DESC LIMIT 1"
    return {place: FirstSeen(*(db.execute(ask, (place,)).fetchone() or ())) for place in places}


def write_first_seen(db: sqlite3.Connection, appended: Iterable[tuple[int, FirstSeen]]) -> None:
    """Write down where operations that were appended came from.

    Args:
        appended: the place of each, ascending, behind all that stand in the log.
    """
    last = db.execute("SELECT arrived_at, source, batch FROM arrivals ORDER BY idx DESC LIMIT 1").fetchone()
    current = None if last is None else FirstSeen(*last)
    runs = []
    for place, seen in appended:
        if seen != current:
            runs.append((place, *seen))
            current = seen
    db.executemany("INSERT INTO arrivals (idx, arrived_at, source, batch) VALUES (?, ?, ?, ?)", runs)


class Came(NamedTuple):
    """Operations that came together and stand side by side in the log.

    Attributes:
        arrived_at: Unix seconds. source: as for `FirstSeen`.
        stop: the place behind the last of them.
        bytes: about what they take on disk.
    """

    arrived_at: int
    source: str
    stop: int
    ops: int
    bytes: int


def pushed_since(db: sqlite3.Connection, start: int, since: int) -> list[Came]:
    """What others pushed.

    Args:
        start: the place of the log to begin at.
        since: Unix seconds; what came before is left out.
    """
    runs = db.execute(
        "SELECT max(idx, :start), stop, arrived_at, source FROM ("
        " SELECT idx, arrived_at, source, lead(idx, 1, (SELECT size FROM replica)) OVER (ORDER BY idx) AS stop"
        " FROM arrivals WHERE idx >= coalesce((SELECT max(idx) FROM arrivals WHERE idx <= :start), 0)"
        ") WHERE stop > :start AND arrived_at >= :since AND source >= 'push:' AND source < 'push;' ORDER BY idx",
        {"start": start, "since": since},
    ).fetchall()
    ask = "SELECT coalesce(sum(length(body) + ?), 0) FROM ops WHERE idx >= ? AND idx < ?"
    return [
        Came(arrived_at, source, stop, stop - begin, db.execute(ask, (OVERHEAD_BYTES, begin, stop)).fetchone()[0])
        for begin, stop, arrived_at, source in runs
    ]
