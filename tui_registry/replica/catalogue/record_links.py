"""Which records name which: what agents prefer, what manifests say that their records need and were made from.

A link is a claim of who states it. It counts while its record is live, whether or not what it names is here. What a
record names stands in itself and in its manifest; who names a record is rows of an index, one look-up however many
records there are. Anybody can name anything, so those of this replica's key and of keys with a name come first,
strangers are counted apart, and no count goes beyond a thousand.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from tui_registry.errors import Json, Kind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.replica.catalogue.interfaces import CHANGED, COUNTING, count_protocols
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.key import Key
from tui_registry.replica.store.stored import chunks, marks, record_of, stored_id

# What a model is to a record that names it, as the table `links` says it.
NEEDS, PREFERS, DERIVED = 0, 1, 2
SORTS: Final = (NEEDS, PREFERS, DERIVED)

Whose: TypeAlias = Literal["own", "named", "stranger"]
Presence: TypeAlias = Literal["live", "deleted", "unknown"]
Direction: TypeAlias = Literal["lineage", "dependants"]

# No more is counted, or listed at once.
MOST_COUNTED = 1_000
# How far a walk goes at most: steps from where it begins, and records in all.
MOST_STEPS = 16
MOST_NODES = 10_000
_ID_DIGITS = 64


class Link(NamedTuple):
    """A model that a record names: its id, and of what it was made from how (the relation's name, or the owner's own
    word)."""

    sort: int
    target: bytes
    relation: str | None


class Linked(NamedTuple):
    """A record at the other end of a link.

    Attributes:
        sort: `NEEDS`, `PREFERS` or `DERIVED`. relation: of `DERIVED`, the variant's name or the owner's own word.
        id: 64 hex digits; empty where only a name is stated.
        name: of the record, of a deleted one its first; else what the manifest calls it: foreign text, perhaps empty.
        presence: whether it is live here, deleted here, or was never here.
        kind, owner, owner_name, version, license, status: of a live one, else empty; `status` as in `Row`.
        whose: whose the record is.
    """

    sort: int
    relation: str | None
    id: str
    name: str
    presence: Presence
    kind: Kind | None = None
    owner: str = ""
    owner_name: str | None = None
    version: str = ""
    license: str = ""
    status: str | None = None
    whose: Whose = "stranger"


class LinkPage(NamedTuple):
    """The records at the other end of a record's links of one sort.

    Attributes:
        rows: as many as were asked for; those of this replica's key first, then of keys with a name.
        own, named, strangers: how many there are; each at most 1,001, which means more than a thousand.
        partial: links of older records are still being gathered (once, behind the program): there may be more.
    """

    rows: tuple[Linked, ...]
    own: int
    named: int
    strangers: int
    partial: bool = False

    @property
    def total(self) -> int:
        """How many there are; where `exact` is False there are at least so many."""
        counts = (self.own, self.named, self.strangers)
        return sum(min(count, MOST_COUNTED) for count in counts)

    @property
    def exact(self) -> bool:
        return max(self.own, self.named, self.strangers) <= MOST_COUNTED


class Node(NamedTuple):
    """A record that a walk came to.

    Attributes:
        parent: the place in `Walk.nodes` of the record that it was come from; -1 for the first.
        steps: how many links away the first one is.
        again: it stands at another place too, and what goes on from it stands there: a circle ends so.
    """

    parent: int
    steps: int
    record: Linked
    again: bool = False


class Walk(NamedTuple):
    """The records that links lead to, the one that it began with first, then level by level; of what stands on it all
    that known keys name before what strangers do.

    Attributes:
        deeper: it was cut where more links go on. more: it was cut as there are too many records.
        partial: as in `LinkPage`.
    """

    nodes: tuple[Node, ...]
    deeper: bool
    more: bool
    partial: bool = False


class Affected(NamedTuple):
    """Who names a record: as its needs, as what it prefers, as what it was made from."""

    needs: LinkPage
    prefers: LinkPage
    derived: LinkPage


class Links:
    """What the records of this replica are to one another."""

    def __init__(self, pool: Pool, key: Key) -> None:
        self._pool = pool
        self._key = key

    def needs(self, record_id: str) -> LinkPage:
        """The models that a record cannot do without."""
        return self._stated(record_id, NEEDS)

    def prefers(self, record_id: str) -> LinkPage:
        """The models that an agent prefers."""
        return self._stated(record_id, PREFERS)

    def derived_from(self, record_id: str) -> LinkPage:
        """What a record was made from; some of it has a name and no id."""
        return self._stated(record_id, DERIVED)

    def needed_by(self, record_id: str, limit: int = MOST_COUNTED) -> LinkPage:
        """The records that cannot do without a model."""
        return self._naming(record_id, NEEDS, limit)

    def preferred_by(self, record_id: str, limit: int = MOST_COUNTED) -> LinkPage:
        """The agents that prefer a model."""
        return self._naming(record_id, PREFERS, limit)

    def derivatives(self, record_id: str, limit: int = MOST_COUNTED) -> LinkPage:
        """The records that were made from a record."""
        return self._naming(record_id, DERIVED, limit)

    def look(self, identifiers: Iterable[str]) -> dict[str, Linked]:
        """The records with these ids (64 hex digits) that were ever here, live or deleted; texts that are no ids are
        passed over."""
        with self._pool.read() as db:
            known = self._known(db)
            return _look(db, known, [one for one in identifiers if len(one) == _ID_DIGITS and stored_id(one)])

    def affected(self, record_id: str, limit: int = MOST_COUNTED, *, own_names: bool = True) -> Affected:
        """Who is affected by what becomes of a record.

        Args:
            own_names: False: as somebody else is told it, who is not to know which keys have a name here.
        """
        with self._pool.read() as db:
            known = self._known(db, own_names=own_names)
            pages = (_naming(db, known, stored_id(record_id), sort, limit) for sort in SORTS)
            return Affected(*pages)

    def walk(
        self,
        record_id: str,
        direction: Direction,
        depth: int = MOST_STEPS,
        most: int = MOST_NODES,
        *,
        own_names: bool = True,
    ) -> Walk:
        """What a record stands on (`lineage`: what it needs, prefers and was made from), or what stands on it
        (`dependants`), over several links. Each record goes on from one place only, so that circles end.

        Args:
            record_id: whole.
            depth: so many links at most, and never more than 16.
            most: so many records at most, and never more than 10,000.
            own_names: as for `affected`.

        Raises:
            StoreError: `not_found`: that record was never here.
        """
        with self._pool.read() as db:
            steps = max(0, min(depth, MOST_STEPS))
            known = self._known(db, own_names=own_names)
            return _walk(db, known, record_id, direction, steps, min(most, MOST_NODES))

    def _stated(self, record_id: str, sort: int) -> LinkPage:
        with self._pool.read() as db:
            rows = tuple(row for row in _stated(db, self._known(db), record_id) if row.sort == sort)
            whose = [row.whose for row in rows]
            return LinkPage(rows, whose.count("own"), whose.count("named"), whose.count("stranger"))

    def _naming(self, record_id: str, sort: int, limit: int) -> LinkPage:
        with self._pool.read() as db:
            return _naming(db, self._known(db), stored_id(record_id), sort, limit)

    def _known(self, db: sqlite3.Connection, *, own_names: bool = True) -> _Known:
        own = bytes.fromhex(self._key.known_address(db))
        if not own_names:
            return _Known(own, [], False)
        named = [address for (address,) in db.execute("SELECT address FROM owner_names") if address != own]
        return _Known(own, named, True)


# How: the rows


def state_links(db: sqlite3.Connection, stated: Sequence[tuple[int, bytes, Iterable[Link], int | None]]) -> None:
    """Put down what keys state now, in place of what they stated before.

    Args:
        stated: by the row of the key: whose it is, what it names, and the row of its record where that is live.
    """
    named: set[bytes] = set()
    for rid, *_ in stated:
        named.update(target for (target,) in db.execute("SELECT target FROM links WHERE stated_by = ?", (rid,)))
    if named:
        db.executemany("DELETE FROM links WHERE stated_by = ?", [(rid,) for rid, *_ in stated])
    db.executemany(
        "INSERT INTO links (stated_by, sort, target, relation, owner, source) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (rid, link.sort, link.target, link.relation, owner, source)
            for rid, owner, links, source in stated
            for link in links
        ],
    )
    _forget_missing(db, named)


def _forget_missing(db: sqlite3.Connection, targets: Iterable[bytes]) -> None:
    """Let what is missing be what some live record names still."""
    db.executemany(f"DELETE FROM missing AS x WHERE x.target = ? AND {_NAMED_BY_NONE}", [(one,) for one in targets])


def count_links(db: sqlite3.Connection, records: Sequence[tuple[bytes, int | None]]) -> None:
    """Let what the manifests of these records state count, or not any more.

    Args:
        records: each by its id, with its row where it is live.
    """
    db.executemany(
        "UPDATE links SET source = ? WHERE stated_by = (SELECT rid FROM manifests WHERE subject = ?)",
        [(rid, identifier) for identifier, rid in records],
    )
    db.executemany(
        "UPDATE evaluations SET source = ? WHERE rid = (SELECT rid FROM manifests WHERE subject = ?)",
        [(rid, identifier) for identifier, rid in records],
    )
    count_protocols(db, records)
    db.executemany(
        f"{_NOTE_MISSING} l.stated_by = (SELECT rid FROM manifests WHERE subject = ?)",
        [(identifier,) for identifier, rid in records if rid is not None],
    )
    not_live = [(identifier,) for identifier, rid in records if rid is None]
    stated = "SELECT l.target FROM manifests m CROSS JOIN links l ON l.stated_by = m.rid WHERE m.subject = ?"
    for one in not_live:
        _forget_missing(db, [target for (target,) in db.execute(stated, one)])


class Linking:
    """What a batch of records changes in the links; the catalogue has its rows before it is written."""

    def __init__(self) -> None:
        self._preferring: list[tuple[int, bytes, tuple[bytes, ...]]] = []
        self._counting: list[tuple[bytes, int | None]] = []
        self._arrived: list[tuple[bytes]] = []
        self._left: list[tuple[bytes, bytes]] = []

    def note(self, kind: Kind, rid: int, identifier: bytes, *, was_live: bool, is_live: bool) -> None:
        """A record that was written."""
        self._counting.append((identifier, rid if is_live else None))
        if is_live == was_live:
            return
        if kind == "agent":
            if was_live:
                self._preferring.append((rid, b"", ()))
        elif is_live:
            self._arrived.append((identifier,))
        else:
            self._left.append((identifier, identifier))

    def prefers(self, rid: int, owner: bytes, targets: tuple[bytes, ...]) -> None:
        """What a live agent prefers now."""
        self._preferring.append((rid, owner, targets))

    def write(self, db: sqlite3.Connection, *, has_manifests: bool) -> None:
        """
        Args:
            has_manifests: there are any manifests.
        """
        if self._preferring:
            state_links(
                db,
                [
                    (rid, owner, [Link(PREFERS, target, None) for target in targets], rid)
                    for rid, owner, targets in self._preferring
                ],
            )
            db.executemany(f"{_NOTE_MISSING} l.stated_by = ?", [(rid,) for rid, *_ in self._preferring])
        if has_manifests:
            count_links(db, self._counting)
        db.executemany("DELETE FROM missing WHERE target = ?", self._arrived)
        db.executemany(_NOTE_LEFT, self._left)


def take_links_out(db: sqlite3.Connection) -> None:
    """Take out what the keys in `temp.purged` state, and let what stays know that their models are gone. The keys are
    there still."""
    db.execute("DELETE FROM links WHERE stated_by IN (SELECT rid FROM purged)")
    # A manifest may stay whose record goes.
    for table in ("links", "evaluations", "interfaces"):
        db.execute(f"UPDATE {table} SET source = NULL WHERE source IN (SELECT rid FROM purged)")
    left = "SELECT k.id FROM purged p CROSS JOIN keys k ON k.rid = p.rid WHERE k.kind = 0"
    db.execute(f"INSERT OR IGNORE INTO missing (target) SELECT id FROM ({left}) k WHERE {_NAMED_BY_ANY}")
    db.execute(f"DELETE FROM missing AS x WHERE {_NAMED_BY_NONE}")


def check_links(db: sqlite3.Connection, rid: int, owner: bytes, links: Sequence[Link], *, mend: bool) -> bool:
    """Whether the rows of what a key states are wrong; with `mend` they are made anew. Whether they count is for
    `check_counting`."""
    right = sorted((*link, owner) for link in links)
    rows = "SELECT sort, target, relation, owner FROM links WHERE stated_by = ? ORDER BY sort, target"
    if right == db.execute(rows, (rid,)).fetchall():
        return False
    if mend:
        state_links(db, [(rid, owner, links, rid if rid > 0 else None)])
    return True


def check_counting(db: sqlite3.Connection, *, mend: bool) -> int:
    """How many rows were wrong beside what keys state (`check_links`): which links count, and what is missing; with
    `mend` they are set right. The catalogue is right by then."""
    wrong = 0
    for statement, repair in _CHECKS:
        (found,) = db.execute(f"SELECT count(*) {statement}").fetchone()
        wrong += found
        if mend and found:
            db.execute(repair)
    return wrong


_LIVE_MODEL = (
    "EXISTS (SELECT 1 FROM keys t CROSS JOIN catalogue m ON m.rid = t.rid WHERE t.id = {target} AND t.kind = 0)"
)
_IS_HERE = _LIVE_MODEL.format(target="l.target")
_NOTE_MISSING = (
    "INSERT OR IGNORE INTO missing (target) SELECT l.target FROM links l "
    f"WHERE l.source IS NOT NULL AND NOT {_IS_HERE} AND"
)
_NAMED_BY_ANY = "EXISTS (SELECT 1 FROM links l WHERE l.target = k.id AND l.source IS NOT NULL)"
_NOTE_LEFT = (
    "INSERT OR IGNORE INTO missing (target) SELECT ? WHERE EXISTS "
    "(SELECT 1 FROM links l WHERE l.target = ? AND l.source IS NOT NULL)"
)
# The row of the record that a manifest is of, where that is live; and so of a row of `links`.
_SUBJECT = (
    "(SELECT c.rid FROM manifests m CROSS JOIN keys k ON k.id = m.subject CROSS JOIN catalogue c ON c.rid = k.rid "
    "WHERE m.rid = {})"
)
_SOURCE = (
    "CASE WHEN links.stated_by > 0 THEN (SELECT c.rid FROM catalogue c WHERE c.rid = links.stated_by) ELSE "
    f"{_SUBJECT.format('links.stated_by')} END"
)
_OF_NOBODY = (
    "FROM links WHERE stated_by NOT IN (SELECT rid FROM manifests) AND stated_by NOT IN (SELECT rid FROM catalogue)"
)
_MEASURED_BY_NOBODY = "FROM evaluations WHERE rid NOT IN (SELECT rid FROM manifests WHERE idx IS NOT NULL)"
_MEASURED_OTHERWISE = f"WHERE source IS NOT {_SUBJECT.format('evaluations.rid')}"
_OTHERWISE = f"WHERE source IS NOT ({_SOURCE})"
_ANSWERED_BY_NOBODY = "FROM interfaces WHERE rid NOT IN (SELECT rid FROM manifests)"
_ANSWERING = COUNTING.format(_SUBJECT.format("interfaces.rid"))
_LISTED_NEVER = "WHERE source IS NOT NULL AND changed < 0"
_ANSWERING_OTHERWISE = f"WHERE source IS NOT ({_ANSWERING})"
_NOT_NOTED = (
    f"FROM (SELECT DISTINCT target FROM links l WHERE l.source IS NOT NULL AND NOT {_IS_HERE}) l "
    "WHERE NOT EXISTS (SELECT 1 FROM missing x WHERE x.target = l.target)"
)
_NAMED_BY_NONE = "NOT EXISTS (SELECT 1 FROM links l WHERE l.target = x.target AND l.source IS NOT NULL)"
_NOT_MISSING = f"FROM missing AS x WHERE {_LIVE_MODEL.format(target='x.target')} OR {_NAMED_BY_NONE}"
# What is counted as wrong, and what sets it right; in this order.
_CHECKS = (
    (_OF_NOBODY, f"DELETE {_OF_NOBODY}"),
    (_MEASURED_BY_NOBODY, f"DELETE {_MEASURED_BY_NOBODY}"),
    (f"FROM links {_OTHERWISE}", f"UPDATE links SET source = ({_SOURCE}) {_OTHERWISE}"),
    (
        f"FROM evaluations {_MEASURED_OTHERWISE}",
        f"UPDATE evaluations SET source = {_SUBJECT.format('evaluations.rid')} {_MEASURED_OTHERWISE}",
    ),
    (_ANSWERED_BY_NOBODY, f"DELETE {_ANSWERED_BY_NOBODY}"),
    (
        f"FROM interfaces {_ANSWERING_OTHERWISE}",
        f"UPDATE interfaces SET source = ({_ANSWERING}) {_ANSWERING_OTHERWISE}",
    ),
    (f"FROM interfaces {_LISTED_NEVER}", f"UPDATE interfaces SET changed = {CHANGED} {_LISTED_NEVER}"),
    (_NOT_MISSING, f"DELETE {_NOT_MISSING}"),
    (_NOT_NOTED, f"INSERT INTO missing (target) SELECT l.target {_NOT_NOTED}"),
)


# How: reading


class _Known(NamedTuple):
    own: bytes
    named: list[bytes]
    own_names: bool

    def whose(self, owner: bytes) -> Whose:
        if owner == self.own:
            return "own"
        return "named" if owner in self.named else "stranger"


class _Statement(NamedTuple):
    """What a record names, by an id, a name or both."""

    sort: int
    relation: str | None
    id: str
    name: str


def _stated(db: sqlite3.Connection, known: _Known, record_id: str) -> list[Linked]:
    """What a live record names, in the order in which it does; nothing of another one."""
    found = [*_statements(db, record_id)]
    here = _look(db, known, [one.id for one in found if one.id])
    return [_linked(one.sort, one.relation, one.id, one.name, here.get(one.id)) for one in found]


def _statements(db: sqlite3.Connection, record_id: str) -> Iterable[_Statement]:
    row = db.execute(
        "SELECT c.kind, c.idx, m.idx FROM keys k CROSS JOIN catalogue c ON c.rid = k.rid "
        "LEFT JOIN manifests m ON m.subject = k.id WHERE k.id = ?",
        (stored_id(record_id),),
    ).fetchone()
    if row is None:
        return
    code, place, behind = row
    manifest = _read(db, behind)
    seen: set[tuple[int, str]] = set()

    def once(sort: int, value: Json) -> Iterable[_Statement]:
        for item in value if isinstance(value, list) else []:
            if isinstance(item, str) and stored_id(item) and (sort, item) not in seen:
                seen.add((sort, item))
                yield _Statement(sort, None, item, "")

    yield from once(NEEDS, manifest.get("required_models"))
    if code:
        yield from once(PREFERS, _read(db, place).get("preferred_models"))
    made_from = manifest.get("derived_from")
    for item in made_from if isinstance(made_from, list) else []:
        if isinstance(item, dict):
            relation, target = item["relation"], item["model_id"]
            how = str(relation["Other"]) if isinstance(relation, dict) else str(relation)
            yield _Statement(DERIVED, how, target if isinstance(target, str) else "", str(item["name"]))


def _read(db: sqlite3.Connection, place: int | None) -> Record:
    row = None if place is None else db.execute("SELECT body FROM ops WHERE idx = ?", (place,)).fetchone()
    return {} if row is None else record_of(row[0]) or {}


def _look(db: sqlite3.Connection, known: _Known, identifiers: Sequence[str]) -> dict[str, Linked]:
    """The records with these ids that were ever here; of a live one all that a link tells."""
    found: dict[str, Linked] = {}
    for chunk in chunks([stored_id(identifier) for identifier in dict.fromkeys(identifiers)]):
        rows = db.execute(
            "SELECT k.id, k.kind, c.name, c.owner, c.version, c.license, c.status, n.name FROM keys k "
            "LEFT JOIN catalogue c ON c.rid = k.rid LEFT JOIN owner_names n ON n.address = c.owner "
            f"WHERE k.id IN ({marks(chunk)}) AND k.rid > 0",
            chunk,
        ).fetchall()
        for identifier, code, name, owner, version, licence, status, owner_name in rows:
            kind: Kind = "agent" if code else "model"
            hexed = identifier.hex()
            if name is None:
                found[hexed] = Linked(NEEDS, None, hexed, _first_name(db, identifier), "deleted", kind)
            else:
                found[hexed] = Linked(
                    NEEDS, None, hexed, name, "live", kind, owner.hex(), owner_name, version, licence, status,
                    known.whose(owner),
                )  # fmt: skip
    return found


def _first_name(db: sqlite3.Connection, identifier: bytes) -> str:
    row = db.execute(
        "SELECT o.body FROM keys k JOIN ops o USING (rid) WHERE k.id = ? ORDER BY o.idx LIMIT 1", (identifier,)
    ).fetchone()
    first = None if row is None else record_of(row[0])
    return "" if first is None else str(first["name"])


def _linked(sort: int, relation: str | None, identifier: str, name: str, here: Linked | None) -> Linked:
    if here is None:
        return Linked(sort, relation, identifier, name, "unknown")
    return here._replace(sort=sort, relation=relation, name=here.name or name)


_TO = "links l INDEXED BY links_to WHERE l.target = ? AND l.sort = ? AND l.source IS NOT NULL"
_SHOWN = "NOT EXISTS (SELECT 1 FROM kept_out x WHERE x.owner = l.owner AND x.muted_at IS NOT NULL)"


def _naming(db: sqlite3.Connection, known: _Known, target: bytes, sort: int, limit: int) -> LinkPage:
    """Who else names a record; what is muted is left out, but for what this replica's key has."""
    (itself,) = db.execute("SELECT (SELECT rid FROM keys WHERE id = ? AND rid > 0)", (target,)).fetchone()
    limit = max(0, min(limit, MOST_COUNTED))
    rows: list[tuple[int, str | None]] = []
    counts: list[int] = []
    for condition, values in _groups(known):
        where, parameters = f"FROM {_TO} AND l.source IS NOT ? AND {condition}", [target, sort, itself, *values]
        wanted = min(limit - len(rows), MOST_COUNTED)
        if wanted > 0:
            rows += db.execute(f"SELECT l.source, l.relation {where} LIMIT ?", [*parameters, wanted]).fetchall()
        (count,) = db.execute(
            f"SELECT count(*) FROM (SELECT 1 {where} LIMIT ?)", [*parameters, MOST_COUNTED + 1]
        ).fetchone()
        counts.append(count)
    (floor,) = db.execute("SELECT floor FROM search_state").fetchone()
    own, named, strangers = counts
    return LinkPage(tuple(_sources(db, known, sort, rows)), own, named, strangers, floor > 1)


_Group: TypeAlias = tuple[str, list[bytes]]


def _groups(known: _Known) -> list[_Group]:
    """Conditions on `l` for those of this replica's key, of keys with a name, and of strangers."""
    named = "l.owner IN (SELECT address FROM owner_names)"
    if not known.own_names:
        # Of nobody, as no address is empty.
        return [("l.owner = ?", [known.own]), ("l.owner = ?", [b""]), (f"l.owner <> ? AND {_SHOWN}", [known.own])]
    return [
        ("l.owner = ?", [known.own]),
        (f"{named} AND l.owner <> ? AND {_SHOWN}", [known.own]),
        (f"NOT {named} AND l.owner <> ? AND {_SHOWN}", [known.own]),
    ]


def _sources(
    db: sqlite3.Connection, known: _Known, sort: int, rows: Sequence[tuple[int, str | None]]
) -> Iterable[Linked]:
    described: dict[int, Linked] = {}
    for chunk in chunks([rid for rid, _ in rows]):
        reading = db.execute(
            "SELECT c.rid, c.kind, c.id, c.name, c.owner, c.version, c.license, c.status, n.name FROM catalogue c "
            f"LEFT JOIN owner_names n ON n.address = c.owner WHERE c.rid IN ({marks(chunk)})",
            chunk,
        )
        for rid, code, identifier, name, owner, version, licence, status, owner_name in reading:
            described[rid] = Linked(
                sort, None, identifier.hex(), name, "live", "agent" if code else "model", owner.hex(), owner_name,
                version, licence, status, known.whose(owner),
            )  # fmt: skip
    return [described[rid]._replace(relation=relation) for rid, relation in rows if rid in described]


def _walk(db: sqlite3.Connection, known: _Known, record_id: str, direction: Direction, depth: int, most: int) -> Walk:
    first = _look(db, known, [record_id]).get(record_id)
    if first is None:
        raise StoreError("not_found", f"there is no record {record_id[:12]} here, and there never was one")
    nodes = [Node(-1, 0, first)]
    reached = {record_id}
    deeper = more = False
    (floor,) = db.execute("SELECT floor FROM search_state").fetchone()
    groups = _groups(known)

    def go_on(place: int, of: Sequence[_Group]) -> None:
        nonlocal deeper, more
        node = nodes[place]
        if node.again or not node.record.id:
            return
        room = 1 if node.steps == depth else most - len(nodes) + 1
        going_on = _next(db, known, node.record.id, direction, of, room)
        if node.steps == depth:
            deeper = deeper or bool(going_on)
            return
        for record in going_on:
            if len(nodes) >= most:
                more = True
                return
            nodes.append(Node(place, node.steps + 1, record, record.id in reached))
            if record.id:
                reached.add(record.id)

    # What strangers claim comes after all that known keys do, so that no number of claims keeps that out of sight.
    strangers = groups[2:] if direction == "dependants" else []
    place = 0
    while place < len(nodes) and not more:
        go_on(place, groups[:2])
        place += 1
    known_nodes, place = len(nodes), 0
    while strangers and place < len(nodes) and not more:
        go_on(place, strangers if place < known_nodes else groups)
        place += 1
    return Walk(tuple(nodes), deeper, more, floor > 1 and direction == "dependants")


def _next(
    db: sqlite3.Connection,
    known: _Known,
    record_id: str,
    direction: Direction,
    groups: Sequence[_Group],
    room: int,
) -> list[Linked]:
    """Where links lead from a record, at most so many; of those that name it, of these groups."""
    if direction == "lineage":
        return _stated(db, known, record_id)[:room]
    found: list[Linked] = []
    for condition, values in groups:
        for sort in SORTS:
            if len(found) >= room:
                return found
            rows = db.execute(
                f"SELECT l.source, l.relation FROM {_TO} AND {condition} LIMIT ?",
                [stored_id(record_id), sort, *values, room - len(found)],
            ).fetchall()
            found += _sources(db, known, sort, rows)
    return found
