"""Which agents answer in which protocol, so that they are found among all records by an index.

A row counts while its record is live and its manifest says so. What does not count any more stays, with when that came
to be known here: whoever keeps a list of the agents of a protocol asks what changed, and is told what fell out of it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from tui_registry.errors import Record
from tui_registry.frozen import NamedTuple
from tui_registry.query.folding import fold_case
from tui_registry.replica.catalogue.current import Body, bodies_of
from tui_registry.replica.store.connection import Pool
from tui_registry.replica.store.stored import record_in, stored_id

# The protocols of which lists are asked for, ascending.
PROTOCOLS: Final = ("A2A", "MCP")

# How a manifest says so: it names an interface; or it names files alone, which counts for an agent whose type is "MCP
# server": most of these are started where they are used, and answer at no address.
NAMED: Final = 1
PACKAGED: Final = 2
# A protocol, and how.
Stated: TypeAlias = tuple[str, int]

# Rows that one statement reads.
_AT_ONCE = 200
_SIFTED_AT_ONCE = 1_000
_BEFORE_ALL = 2**63 - 1


class Place(NamedTuple):
    """A place in the list of a protocol: Unix seconds, and of those of one second the row of a manifest's key."""

    changed: int
    rid: int


class Speaker(NamedTuple):
    """An agent that answers in a protocol, or did.

    Attributes:
        id: 64 hex digits. owner: 40 hex digits.
        place: in the list; `changed` of it is when the last operation on it or on its manifest came here.
        is_live: it is here, and its manifest says so. status: of a live one, as in `Row`.
        manifest: as JSON, as it stands; of one that was deleted as it stood last. Not decoded, as in `Body`.
        body: its record, of a live one.
    """

    id: str
    owner: str
    place: Place
    is_live: bool
    status: str | None
    manifest: bytes
    body: Body | None


class SpeakerPage(NamedTuple):
    """Some of the agents of a protocol, what changed the longest ago first.

    Attributes:
        next: where the list goes on, None at its end. A page may have fewer than were asked for before that.
    """

    speakers: tuple[Speaker, ...]
    next: Place | None


class Interfaces:
    """In which protocols the agents of this replica answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def page(
        self,
        protocol: str,
        limit: int,
        *,
        after: Place | None = None,
        since: int = 0,
        gone: bool = False,
        name: str = "",
        version: str | None = None,
        seconds: float = 0.25,
    ) -> SpeakerPage:
        """Some of the agents that answer in a protocol; those of muted owners are left out.

        Args:
            protocol: one of `PROTOCOLS`.
            after: `next` of the page before, in place of `since`. since: Unix seconds: what changed then or later.
            gone: also those that are deleted, withdrawn, or answer in it no more.
            name: what stands in their names, in any case; of those that are not listed any more, in their first.
            version: which they have, exactly; those have none.
            seconds: of the processor, after which a page ends.
        """
        place = after or Place(since, _BEFORE_ALL)
        sought = fold_case(name)
        # Few of those are met that are told by their names.
        is_sifted = not gone and bool(sought or version is not None)
        at_once = _SIFTED_AT_ONCE if is_sifted else min(_AT_ONCE, 2 * limit)
        found: list[tuple[Place, _Row]] = []
        until = time.thread_time() + seconds
        with self._pool.read() as db:
            muted = {owner for (owner,) in db.execute("SELECT owner FROM kept_out WHERE muted_at IS NOT NULL")}
            while True:
                after_place = (protocol, place.changed, place.changed, -place.rid, at_once)
                if is_sifted:
                    # The last row tells of the window.
                    *rows, end = db.execute(_SIFTED, (*after_place, sought, version)).fetchall()
                    rows.sort(key=lambda row: (row[0], -row[1]))
                    seen = end[2]
                else:
                    rows = db.execute(_GONE_TOO if gone else _LIVE, after_place).fetchall()
                    end, seen = rows[-1] if rows else None, len(rows)
                # The row is what a page goes on behind, whether or not there is a record to it.
                for changed, rid, *of_record in rows:
                    if len(found) == limit:
                        return SpeakerPage(_speakers(db, found), place)
                    place, row = Place(changed, rid), _Row(*of_record)
                    is_asked = row.subject is not None and row.owner not in muted
                    # Of what is not listed any more the first name is at hand, in what stood behind it.
                    if (
                        is_asked
                        and _is_asked(row, gone, sought, version)
                        and (
                            row.name is not None
                            or not sought
                            or sought in _first_name(_speakers(db, [(place, row)])[0])
                        )
                    ):
                        found.append((place, row))
                    if time.thread_time() > until:
                        return SpeakerPage(_speakers(db, found), place)
                if seen < at_once or end is None:
                    return SpeakerPage(_speakers(db, found), None)
                place = Place(*end[:2])
                if time.thread_time() > until:
                    return SpeakerPage(_speakers(db, found), place)

    def one(self, protocol: str, record_id: str) -> Speaker | None:
        """The agent with that id (64 hex digits) as it stands, of muted owners too; None where it never answered in the
        protocol."""
        with self._pool.read() as db:
            found = db.execute(_ONE, (stored_id(record_id), protocol)).fetchone()
            return None if found is None else _speakers(db, [(Place(*found[:2]), _Row(*found[2:]))])[0]


# How: the rows


def protocols_of(manifest: Record) -> tuple[Stated, ...]:
    """In which of `PROTOCOLS` that answers which a manifest is of, ascending. A word of the owner's that is one of them
    counts as that one."""
    stated = manifest["interfaces"]
    words = {_word(item) for item in stated if isinstance(item, dict)} if isinstance(stated, list) else set()
    found = {protocol: NAMED for protocol in PROTOCOLS if fold_case(protocol) in words}
    if manifest["artifacts"]:
        found.setdefault("MCP", PACKAGED)
    return tuple(sorted(found.items()))


def _word(interface: Record) -> str:
    protocol = interface["protocol"]
    return fold_case(str(protocol["Other"]) if isinstance(protocol, dict) else str(protocol))


def state_protocols(db: sqlite3.Connection, stated: Sequence[tuple[int, tuple[Stated, ...], bool]]) -> None:
    """Put down what manifests say now; it does not count yet (`count_protocols`).

    Args:
        stated: by the row of a manifest's key, what it says, of a deleted one said last, and whether it stands.
    """
    db.executemany("UPDATE interfaces SET stated = 0, source = NULL WHERE rid = ?", [(rid,) for rid, *_ in stated])
    db.executemany(
        "INSERT INTO interfaces (rid, protocol, stated) VALUES (?, ?, ?) "
        "ON CONFLICT (rid, protocol) DO UPDATE SET stated = excluded.stated",
        [(rid, protocol, how if stands else 0) for rid, protocols, stands in stated for protocol, how in protocols],
    )
    changed = f"UPDATE interfaces SET changed = {CHANGED} WHERE rid = ? AND changed >= 0"
    db.executemany(changed, [(rid,) for rid, *_ in stated])


def count_protocols(db: sqlite3.Connection, records: Iterable[tuple[bytes, int | None]]) -> None:
    """Let what the manifests of these records say of protocols count, or not any more; they changed just now. The
    catalogue has their rows.

    Args:
        records: each by its id, with its row where it is live.
    """
    listed = list(records)
    of_subject = "WHERE rid = (SELECT rid FROM manifests WHERE subject = {})"
    db.executemany(
        f"UPDATE interfaces SET source = {COUNTING.format(':row')} {of_subject.format(':subject')}",
        [{"row": rid, "subject": identifier} for identifier, rid in listed],
    )
    # What never counted fell out of no list, and is told to nobody.
    db.executemany(
        f"UPDATE interfaces SET changed = {CHANGED} {of_subject.format('?')} AND (source IS NOT NULL OR changed >= 0)",
        [(identifier,) for identifier, _ in listed],
    )


def protocols_stated(db: sqlite3.Connection, rid: int) -> tuple[Stated, ...]:
    """What the table has of a manifest, by the row of its key."""
    rows = db.execute("SELECT protocol, stated FROM interfaces WHERE rid = ? AND stated ORDER BY protocol", (rid,))
    return tuple((protocol, how) for protocol, how in rows)


# The row of the record where what a manifest says of a protocol counts, of the row of that record if it is live.
COUNTING: Final = (
    f"CASE stated WHEN {NAMED} THEN {{0}} WHEN {PACKAGED} "
    "THEN (SELECT t.rid FROM catalogue t WHERE t.rid = {0} AND t.type = 'MCP server' COLLATE NOCASE) END"
)
# When the last operation on a manifest or on its record came: the last one of a key is a head.
_LAST = "(SELECT max(o.idx) FROM ops o WHERE o.rid = {} AND o.is_head = 1)"
_RECORD = "(SELECT k.rid FROM manifests m CROSS JOIN keys k ON k.id = m.subject WHERE m.rid = interfaces.rid)"
CHANGED: Final = (
    "coalesce((SELECT a.arrived_at FROM arrivals a WHERE a.idx <= "
    f"max(coalesce({_LAST.format('interfaces.rid')}, 0), coalesce({_LAST.format(_RECORD)}, 0)) "
    "ORDER BY a.idx DESC LIMIT 1), 0)"
)


# How: reading


class _Row(NamedTuple):
    """What is read of an agent, but for its manifest, which takes long. `subject` is None where its record was never
    here; what follows `source` is of a live record."""

    subject: bytes | None
    owner: bytes
    source: int | None
    name: str | None
    version: str | None
    status: str | None


# Keys of manifests have rows below zero, the later ones the lower.
_WINDOW = (
    "FROM (SELECT changed, rid, source FROM interfaces INDEXED BY {} WHERE protocol = ? "
    "AND changed >= ? AND (changed, -rid) > (?, ?) {} ORDER BY changed, rid DESC LIMIT ?) i"
)
# All from one table: to look for a key by its id reads a page of the file for each.
_LIVE = (
    "SELECT i.changed, i.rid, c.id, c.owner, i.source, c.name, c.version, c.status "
    f"{_WINDOW.format('interfaces_live', 'AND source IS NOT NULL')} CROSS JOIN catalogue c ON c.rid = i.source "
    "ORDER BY i.changed, i.rid DESC"
)
# The same of those with a name and a version, in any order, and at the end the last row that was looked at, and how
# many were. `lower` knows A-Z alone, as `fold_case` does.
_SIFTED = (
    f"WITH i AS MATERIALIZED (SELECT * {_WINDOW.format('interfaces_live', 'AND source IS NOT NULL')}) "
    "SELECT i.changed, i.rid, c.id, c.owner, i.source, c.name, c.version, c.status FROM i "
    "CROSS JOIN catalogue c ON c.rid = i.source WHERE instr(lower(c.name), ?) AND c.version = coalesce(?, c.version) "
    "UNION ALL SELECT max(changed), (SELECT min(rid) FROM i WHERE changed = (SELECT max(changed) FROM i)), count(*), "
    "NULL, NULL, NULL, NULL, NULL FROM i"
)
_COLUMNS = "i.changed, i.rid, k.id, k.owner, i.source, c.name, c.version, c.status"
_OF_RECORD = "LEFT JOIN keys k ON k.id = m.subject AND k.rid > 0 LEFT JOIN catalogue c ON c.rid = i.source"
_GONE_TOO = (
    f"SELECT {_COLUMNS} {_WINDOW.format('interfaces_changed', '')} "
    f"CROSS JOIN manifests m ON m.rid = i.rid {_OF_RECORD} ORDER BY i.changed, i.rid DESC"
)
_ONE = (
    f"SELECT {_COLUMNS} FROM manifests m CROSS JOIN interfaces i ON i.rid = m.rid {_OF_RECORD} "
    "WHERE m.subject = ? AND i.protocol = ? AND k.id IS NOT NULL"
)


def _is_asked(row: _Row, gone: bool, sought: str, version: str | None) -> bool:
    if not gone and (row.source is None or row.status == "Withdrawn"):
        return False
    if row.name is None:
        return version is None
    return sought in fold_case(row.name) and version in (None, row.version)


def _first_name(speaker: Speaker) -> str:
    manifest: Record = json.loads(speaker.manifest)
    return fold_case(str(manifest["subject_name"]))


def _speakers(db: sqlite3.Connection, rows: Sequence[tuple[Place, _Row]]) -> tuple[Speaker, ...]:
    """The agents of these rows, in that order."""
    stands = (
        "SELECT m.rid, o.body FROM json_each(?) AS wanted CROSS JOIN manifests m ON m.rid = wanted.value "
        "JOIN ops o ON o.idx = m.idx"
    )
    manifests = dict(db.execute(stands, (json.dumps([place.rid for place, _ in rows]),)).fetchall())
    sources = [row.source for _, row in rows if row.source is not None]
    bodies = dict(zip(sources, bodies_of(db, sources), strict=True))
    found: list[Speaker] = []
    for place, row in rows:
        manifest = manifests.get(place.rid)
        if manifest is None:  # a removal names what it removes, so there is one
            last = "SELECT body FROM ops WHERE rid = ? AND is_rm = 0 ORDER BY idx DESC LIMIT 1"
            (manifest,) = db.execute(last, (place.rid,)).fetchone()
        body = None if row.source is None else bodies[row.source]
        said = record_in(manifest)
        found.append(
            Speaker((row.subject or b"").hex(), row.owner.hex(), place, body is not None, row.status, said, body)
        )
    return tuple(found)
