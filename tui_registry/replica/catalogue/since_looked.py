"""What came from others since a person looked at it here, and what of that they watch. Never synced.

What was looked at is one place of the log (`replica.looked`), and whence an operation came is known already
(`arrivals`): a pull writes nothing for it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from tui_registry.frozen import NamedTuple
from tui_registry.query import QueryError
from tui_registry.replica.catalogue.current import IN_CONFLICT, muted_owners
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.text import exact, safe_text

# Of what came last so many operations are counted.
MOST_COUNTED: Final = 10_000
MOST_WATCHED: Final = 20

_OWNER = re.compile(r"0x[0-9a-f]{40}").fullmatch

# Conditions on a row `c` of the catalogue. Each holds where one of the versions of the record or of its manifest, or
# the removal of one, came from others: since somebody looked; or between two times.
_RUN = "(SELECT {} FROM arrivals a WHERE a.idx <= o.idx ORDER BY a.idx DESC LIMIT 1)"
_ONE_CAME = (
    "(EXISTS (SELECT 1 FROM ops o WHERE o.rid = c.rid AND o.is_head = 1 AND {0}) OR EXISTS (SELECT 1 FROM manifests m "
    "CROSS JOIN ops o ON o.rid = m.rid AND o.is_head = 1 WHERE m.subject = c.id AND {0}))"
)
IS_NEW: Final = _ONE_CAME.format(f"o.idx >= (SELECT looked FROM replica) AND {_RUN.format('a.source IS NOT NULL')}")
# Takes the two times twice.
IS_PULLED: Final = _ONE_CAME.format(_RUN.format("a.source IS NOT NULL AND a.arrived_at BETWEEN ? AND ?"))
IS_STARRED: Final = "EXISTS (SELECT 1 FROM stars s WHERE s.id = c.id)"
IS_NOTED: Final = "EXISTS (SELECT 1 FROM notes n WHERE n.id = c.id AND {})"

# The same from the few rows that there are, as rids: all that the condition holds for, and perhaps others.
STARRED: Final = "SELECT k.rid FROM stars s CROSS JOIN keys k ON k.id = s.id"
NOTED: Final = "SELECT k.rid FROM notes n CROSS JOIN keys k ON k.id = n.id WHERE {}"
# What operations are of: a record, or the record of a manifest.
_OF = (
    "CASE WHEN o.rid > 0 THEN o.rid ELSE (SELECT k.rid FROM manifests m CROSS JOIN keys k ON k.id = m.subject "
    "WHERE m.rid = o.rid) END"
)
_STOP = "coalesce((SELECT min(b.idx) FROM arrivals b WHERE b.idx > a.idx), r.size)"
_CAME = "SELECT DISTINCT {of} AS rid FROM ({runs}) run CROSS JOIN ops o ON o.idx >= run.first AND o.idx < run.stop"
_NEW_RUNS = (
    f"SELECT max(a.idx, r.looked) AS first, {_STOP} AS stop FROM replica r CROSS JOIN arrivals a INDEXED BY "
    "arrivals_from_others ON a.source IS NOT NULL AND a.idx >= coalesce((SELECT max(idx) FROM arrivals "
    "WHERE idx <= r.looked), 0)"
)
NEW: Final = _CAME.format(of=_OF, runs=_NEW_RUNS)
# All that `IS_NEW` does not hold for, and perhaps others: where nearly all is new these are few. (With the plus SQLite
# makes no index of all operations for it.)
SEEN: Final = (
    "SELECT DISTINCT rid FROM (SELECT o.rid AS rid FROM replica r CROSS JOIN ops o ON o.idx < r.looked "
    "WHERE +o.is_head = 1 AND +o.rid > 0 UNION ALL SELECT o.rid FROM replica r CROSS JOIN arrivals a "
    f"ON a.source IS NULL CROSS JOIN ops o ON o.idx >= a.idx AND o.idx < {_STOP} WHERE +o.is_head = 1 AND +o.rid > 0)"
)
# Takes the two times.
PULLED: Final = _CAME.format(
    of=_OF,
    runs=f"SELECT a.idx AS first, {_STOP} AS stop FROM replica r CROSS JOIN arrivals a INDEXED BY arrivals_at "
    "ON a.source IS NOT NULL AND a.arrived_at BETWEEN ? AND ?",
)


class Marks(NamedTuple):
    """What a list shows of a record beside it: it is starred, has a note, came since somebody looked."""

    starred: bool = False
    noted: bool = False
    new: bool = False


def marks_of(db: sqlite3.Connection, rids: Sequence[int]) -> dict[int, Marks]:
    """The marks of records, by rid; those without any are left out."""
    (has_any,) = db.execute(
        "SELECT looked < size OR EXISTS (SELECT 1 FROM stars) OR EXISTS (SELECT 1 FROM notes) FROM replica"
    ).fetchone()
    if not has_any or not rids:
        return {}
    rows = db.execute(
        f"SELECT c.rid, {IS_STARRED}, {IS_NOTED.format('1')}, {IS_NEW} FROM json_each(?) listed "
        "CROSS JOIN catalogue c ON c.rid = listed.value",
        (json.dumps(rids),),
    )
    return {rid: Marks(*map(bool, marks)) for rid, *marks in rows if any(marks)}


class NewsCount(NamedTuple):
    """What came from others since somebody looked, in records; those of muted owners are left out.

    Attributes:
        new: were not here before. changed: were, and say something else now. conflicts: are in conflict now: these are
            neither counted as new nor as changed.
        exact: False where more came than is counted: there are at least so many.
        upto: the size of the log when they were counted: whoever looks has looked at what stands below.
        looked_at: when somebody looked last, in Unix seconds; None: never.
    """

    new: int = 0
    changed: int = 0
    conflicts: int = 0
    exact: bool = True
    upto: int = 0
    looked_at: int | None = None

    @property
    def records(self) -> int:
        """All of them."""
        return self.new + self.changed + self.conflicts


class Watched(NamedTuple):
    """What somebody watches: `0x` and an address, or `@` and the name of a saved search; and how many of its records
    are new, at least, or exactly; why that cannot be said, where its search cannot be read any more."""

    what: str
    new: int = 0
    exact: bool = True
    fault: str = ""

    @property
    def query(self) -> str:
        """What finds all of it, and with `is:new` what is new of it."""
        return f"owner:{self.what}" if self.what.startswith("0x") else self.what


class News:
    """What is new here, and what of that is watched."""

    def __init__(self, pool: Pool, clock: Callable[[], int], counted: Callable[[str], tuple[int, bool]]) -> None:
        """
        Args:
            counted: how many records a query finds, and whether that is exact.
        """
        self._pool = pool
        self._clock = clock
        self._counted = counted

    def count(self) -> NewsCount:
        """What came since somebody looked. It costs milliseconds, however much came."""
        with self._pool.read() as db:
            size, looked, looked_at = db.execute("SELECT size, looked, looked_at FROM replica").fetchone()
            if looked >= size:
                return NewsCount(upto=size, looked_at=looked_at)
            runs = f"SELECT * FROM ({_NEW_RUNS} ORDER BY a.idx DESC) LIMIT {MOST_COUNTED}"
            newest = _CAME.replace("DISTINCT ", "").format(of=_OF, runs=runs)
            count, rids = db.execute(
                f"SELECT count(*), json_group_array(DISTINCT rid) FROM ({newest} LIMIT ?)", (MOST_COUNTED + 1,)
            ).fetchone()
            hidden = muted_owners(db)
            shown = f"AND c.owner NOT IN ({', '.join('?' * len(hidden))})" if hidden else ""
            counted = dict.fromkeys(("conflicts", "new", "changed"), 0)
            counted |= db.execute(
                f"SELECT CASE WHEN {IN_CONFLICT} THEN 'conflicts' WHEN NOT EXISTS (SELECT 1 FROM ops o "
                "WHERE o.rid = c.rid AND o.idx < (SELECT looked FROM replica)) THEN 'new' ELSE 'changed' END AS how, "
                f"count(*) FROM json_each(?) listed CROSS JOIN catalogue c ON c.rid = listed.value WHERE {IS_NEW} "
                f"{shown} GROUP BY how",
                (rids, *hidden),
            )
        return NewsCount(**counted, exact=count <= MOST_COUNTED, upto=size, looked_at=looked_at)

    def seen(self, upto: int | None = None) -> None:
        """Let nothing be new of what came so far.

        Args:
            upto: only what stands below this place of the log (`NewsCount.upto`).
        """
        with self._pool.write() as db:
            db.execute(
                "UPDATE replica SET looked = max(looked, min(size, coalesce(?, size))), looked_at = ?",
                (upto, self._clock()),
            )

    def watches(self) -> list[str]:
        """What is watched (`Watched.what`), in the order of their spelling."""
        with self._pool.read() as db:
            return read_watches(db)

    def watched(self) -> list[Watched]:
        """What is watched, each with how much of it is new."""
        return [self._with_news(Watched(what)) for what in self.watches()]

    def _with_news(self, one: Watched) -> Watched:
        try:
            new, exact = self._counted(f"is:new {one.query}")
        except QueryError as error:  # a search that it names was dropped
            return one._replace(exact=False, fault=error.sentence)
        return one._replace(new=new, exact=exact)

    def watch(self, what: str) -> bool:
        """Watch an owner (`0x` and 40 hex digits) or a saved search (`@` and its name); False where it was watched.

        Raises:
            StoreError: `bad_watch`, `not_found` (no such saved search), `too_many_watched`.
        """
        what = what.lower() if what.lower().startswith("0x") else what
        if not _OWNER(what) and not what.startswith("@"):
            raise StoreError("bad_watch", "an owner is watched by an address of 40 hex digits, a saved search as @NAME")
        with self._pool.write() as db:
            if db.execute("SELECT 1 FROM watches WHERE what = ?", (what,)).fetchone() is not None:
                return False
            saved = db.execute("SELECT 1 FROM saved_searches WHERE name = ?", (what[1:],)).fetchone()
            if what.startswith("@") and saved is None:
                raise StoreError("not_found", f"there is no saved search named '{safe_text(what[1:], 32)}'")
            if db.execute("SELECT count(*) FROM watches").fetchone()[0] >= MOST_WATCHED:
                raise StoreError("too_many_watched", f"{exact(MOST_WATCHED)} are watched, the most: take one away")
            db.execute("INSERT INTO watches (what, watched_at) VALUES (?, ?)", (what, self._clock()))
        return True

    def unwatch(self, what: str) -> bool:
        """Watch an owner or a saved search no more; False where it was not watched."""
        with self._pool.write() as db:
            return db.execute("DELETE FROM watches WHERE what = ? COLLATE NOCASE", (what,)).rowcount > 0


def read_watches(db: sqlite3.Connection) -> list[str]:
    """As `News.watches`."""
    return [what for (what,) in db.execute("SELECT what FROM watches ORDER BY what")]
