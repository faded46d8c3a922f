"""Which records break an authoring rule (`is:invalid`): a column of the catalogue, made behind where judging is costly.

Only errors count, no warnings. So whether a record is invalid depends on the record and the rules alone: what is known
of other records leads to warnings and nothing else. What a glance tells is judged where an operation is checked
(`records.authoring.is_plainly_valid`, in `derive`); the rest is null until it is judged here, piece by piece, while
everything else goes on. Rules of another version make all of it anew, from the newest record on: until a record's turn
comes, what was found by the rules of before stands.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress

from tui_registry import records
from tui_registry.errors import Kind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import AUTHORING_VERSION
from tui_registry.replica.catalogue.derived import KINDS_BY_CODE
from tui_registry.replica.store.connection import Pool
from tui_registry.replica.store.stored import record_of, unpacked

# A piece: so many records, less where their templates take long. Others write between two of them.
_AT_ONCE = 500
_PIECE_SECONDS = 0.05
_PIECE_BYTES = 4 * 2**20
_PATIENCE_SECONDS = 0.5
# What is not judged is judged by a search that asks for it, where it is so little: some fifty records.
_FEW_BYTES = 65_536
_FEW = 200

_UNJUDGED = "catalogue INDEXED BY catalogue_unjudged WHERE invalid IS NULL"


class Judged(NamedTuple):
    """What is known of which records are invalid.

    Attributes:
        floor: what the column says of records from this rid on counts.
        beside: the invalid ones among those that it says nothing of, where these are few.
        share: how much is judged, from 0 to 1; less than 1 where more than a few are not.
    """

    floor: int = 0
    beside: tuple[int, ...] = ()
    share: float = 1.0

    @property
    def is_whole(self) -> bool:
        """Whether the column alone tells it."""
        return self.floor <= 1 and not self.beside

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know of an answer that asks for it."""
        if self.share == 1:
            return ()
        return (f"not all records are judged by the rules of this version yet: {int(self.share * 100)} % of them are",)


def read_judged(db: sqlite3.Connection) -> Judged:
    """What is known, a few records that are not judged yet judged on the way."""
    floor = judged_from(db)
    places = [*_before(db, floor, _FEW + 1), *_unjudged(db, floor, _FEW + 1)]
    if not places:
        return Judged()
    if len(places) <= _FEW:
        found = _bodies(db, places, _FEW_BYTES)
        if len(found) == len(places):
            return Judged(floor, tuple(rid for rid, _, kind, body in found if _is_invalid(kind, body)))
    last, records = db.execute(
        "SELECT coalesce(max(rid), 0), (SELECT models + agents FROM replica) FROM keys"
    ).fetchone()
    (unjudged,) = db.execute(f"SELECT count(*) FROM {_UNJUDGED} AND rid >= ?", (floor,)).fetchone()
    left = min(1.0, unjudged / max(1, records) + max(0, floor - 1) / max(1, last))
    return Judged(0, (), min(1 - left, 0.99))


def judge_some(pool: Pool, patience: float = _PATIENCE_SECONDS) -> bool:
    """Judge a piece of what is not judged; whether more is to come. Whatever ends the program between two calls, the
    next one goes on where the last one ended.

    Args:
        patience: so many seconds others who write are waited for.

    Raises:
        StoreError: `locked` soon, as it can wait: others write.
    """
    by = _judging_by()
    with pool.read() as db:
        if db.execute("SELECT judged_by FROM search_state").fetchone() != (by,):
            found = None
        else:
            floor = judged_from(db)
            places = _before(db, floor, _AT_ONCE) if floor > 1 else _unjudged(db, floor, _AT_ONCE)
            found = _bodies(db, places, _PIECE_BYTES)
            is_last = len(found) == len(places) < _AT_ONCE
    if found is None:
        _begin(pool, patience)
        return True
    if not found and floor <= 1:
        return False
    # No transaction is open meanwhile, for a single template may take a tenth of a second.
    end = time.monotonic() + _PIECE_SECONDS
    judged: list[tuple[int, int, int]] = []
    for rid, idx, kind, body in found:
        judged.append((_is_invalid(kind, body), rid, idx))
        if time.monotonic() > end:
            break
    is_last = is_last and len(judged) == len(found)
    with pool.write(patience=patience) as db:
        # Another version of a record may have come in between, and another version of this program, which goes on.
        if db.execute("SELECT judged_by FROM search_state").fetchone() != (by,):
            return False
        db.executemany("UPDATE catalogue SET invalid = ? WHERE rid = ? AND idx = ?", judged)
        if floor > 1:
            db.execute(
                "UPDATE search_state SET judged_from = ? WHERE judged_from = ?",
                (1 if is_last else judged[-1][1], floor),
            )
    return not is_last or floor > 1


def is_invalid(kind: Kind, record: Record) -> bool:
    """Whether a record that keeps the wire limits breaks an authoring rule: errors count, not warnings."""
    if records.is_plainly_valid(kind, record):
        return False
    return any(problem.severity == "error" for problem in records.check(kind, record))


def judge_anew(db: sqlite3.Connection) -> None:
    """Let nothing count as judged by rules of before: all records have just been written by this version."""
    db.execute("UPDATE search_state SET judged_by = ?, judged_from = 1", (_judging_by(),))


def judged_from(db: sqlite3.Connection) -> int:
    """The first rid that counts as judged by this program's rules."""
    by, floor, last = db.execute(
        "SELECT judged_by, judged_from, (SELECT coalesce(max(rid), 0) FROM keys) FROM search_state"
    ).fetchone()
    return int(last) + 1 if _is_outdated(by) else int(floor)


# How


def _judging_by() -> str:
    """By what this program judges: the version of its rules, and of the library that knows the licences of SPDX."""
    import packaging  # a list is read without it

    return f"{AUTHORING_VERSION} {packaging.__version__}"


def _is_outdated(by: str) -> bool:
    # What was only glanced at so far did not ask the library.
    return by not in (str(AUTHORING_VERSION), _judging_by())


def _begin(pool: Pool, patience: float) -> None:
    """Note by what is judged from now on; all that was judged by something else is to be judged anew."""
    with pool.write(patience=patience) as db:
        db.execute("UPDATE search_state SET judged_from = ?", (judged_from(db),))
        db.execute("UPDATE search_state SET judged_by = ?", (_judging_by(),))


def _before(db: sqlite3.Connection, floor: int, most: int) -> list[int]:
    if floor <= 1:
        return []
    rows = db.execute("SELECT rid FROM catalogue WHERE rid < ? ORDER BY rid DESC LIMIT ?", (floor, most))
    return [rid for (rid,) in rows]


def _unjudged(db: sqlite3.Connection, floor: int, most: int) -> list[int]:
    rows = db.execute(f"SELECT rid FROM {_UNJUDGED} AND rid >= ? LIMIT ?", (floor, most))
    return [rid for (rid,) in rows]


def _bodies(db: sqlite3.Connection, rids: list[int], most_bytes: int) -> list[tuple[int, int, Kind, bytes]]:
    """Row, place in the log, kind and operation of these records, or of the first of them that have so many bytes."""
    found: list[tuple[int, int, Kind, bytes]] = []
    size = 0
    for rid in rids:
        # An operation that is gone is for `audit` to tell, like one whose bytes are spoilt.
        idx, code, body = db.execute(
            "SELECT c.idx, c.kind, coalesce(o.body, x'') FROM catalogue c LEFT JOIN ops o ON o.idx = c.idx "
            "WHERE c.rid = ?",
            (rid,),
        ).fetchone()
        with suppress(ValueError):
            body = unpacked(body)
        size += len(body)
        if size > most_bytes and found:
            return found
        found.append((rid, idx, KINDS_BY_CODE[code], body))
    return found


def _is_invalid(kind: Kind, body: bytes) -> bool:
    try:
        record = record_of(body)
        return record is not None and is_invalid(kind, record)
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
