"""The current records, as lists and screens read them: plain tuples, so that a list pays for no more."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha3_256
from typing import Any

from tui_registry import records
from tui_registry.errors import ABSENT, Choice, GivenManifest, Json, Kind, Problem, Record
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import ID_FIELD, MAX_TIME, NULL_HASH
from tui_registry.replica.catalogue.derived import KIND_CODES, KINDS_BY_CODE, hex_word, indexed_share
from tui_registry.replica.catalogue.resembling import Like, resembled
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.key import Key
from tui_registry.replica.store.stored import (
    Stored,
    chunks,
    hex_range,
    marks,
    read_heads,
    record_in,
    record_of,
    stored_id,
    unpacked,
)
from tui_registry.replica.unshared import SaidBy, said_of
from tui_registry.text import safe_text

DAY = 86_400

# In the order of `Row`, after the rid.
COLUMNS = (
    "c.rid, c.kind, c.id, c.name, c.owner, c.version, c.type, c.framework, c.license, c.quantization, c.parameters, "
    "c.context_length, c.created_at, c.updated_at, c.live_heads, c.status, c.manifest_heads, c.need, c.needs_gpu, "
    "c.min_vram_gb"
)

# A condition on a row `c`, in the words of the index that has these rows.
IN_CONFLICT = "c.live_heads > 1 OR c.manifest_heads > 1"

_PREFIX = re.compile(r"(?:0x)?([0-9a-f]{1,64})", re.ASCII).fullmatch
# What has so many hex digits, as ids are shown, is never read as a name: whoever is called like the id of another
# record is not found in its place.
LEAST_ID = 12
CHOICES_TOLD = 8
# Of the records of one's own that were deleted last so many are known by name.
_DELETED_LOOKED_AT = 200


class Row(NamedTuple):
    """One current record as lists show it.

    Attributes:
        id: 64 hex digits. owner: 40 hex digits.
        type, framework, quantization: the variant's name, or the text of an `Other`.
        parameters: a count, 0 = unknown; clamped to 2^63-1.
        created_at, updated_at: Unix seconds.
        heads: the number of live heads; more than one is a conflict.
        future: updated_at lies more than a day ahead of this machine's clock.
        like: whose name its name looks like, as this replica sees it; None also where nobody asked for that.
        status: what its manifest says of it: None where it is to be used, `Deprecated`, `Withdrawn`, or a word of its
            owner's, which is foreign text. `present.manifest_rows.said_status` says it.
        manifest_heads: the number of live heads of its manifest: 0 where it has none, more than one is a conflict.
        need: the bytes that it needs to run at the usual context (`tui_registry.fit`), None where nothing tells them.
        needs_gpu: its owner says that it needs a GPU. vram: the GB of GPU memory that its owner says it needs at least.
        starred, noted, new: what this replica's person keeps about it, and that it came from others since they looked;
            False also where nobody asked for that.
    """

    kind: Kind
    id: str
    name: str
    owner: str
    version: str
    type: str
    framework: str
    license: str
    quantization: str | None
    parameters: int
    context_length: int | None
    created_at: int
    updated_at: int
    heads: int
    future: bool
    like: Like | None = None
    status: str | None = None
    manifest_heads: int = 0
    need: int | None = None
    needs_gpu: bool = False
    vram: int | None = None
    starred: bool = False
    noted: bool = False
    new: bool = False

    @property
    def in_conflict(self) -> bool:
        """Whether the record or its manifest has several versions."""
        return self.heads > 1 or self.manifest_heads > 1


class Body(NamedTuple):
    """One current record as it is stored, for whoever passes it on.

    Attributes:
        id: 64 hex digits.
        record: the record as JSON, an object without white space, its fields in their order: byte for byte as its owner
            signed it, which is how `json.dumps` spells it too, without `ensure_ascii`.
        heads: all heads, ascending.
        live: how many of them are Ups; more than one is a conflict.
        status: as in `Row`.
    """

    kind: Kind
    id: str
    record: bytes
    heads: tuple[str, ...]
    live: int
    status: str | None = None

    @property
    def revision(self) -> str:
        """As `Entry.revision`."""
        return revision_of(self.heads)


class Page(NamedTuple):
    """A window of a list.

    Attributes:
        next: an opaque cursor for the window after this one, None at the end.
        total: how many records match; where `exact` is False there are at least so many.
        did_you_mean: a query that would find something, when this one found nothing.
        near: the nearest names that there are to what was typed, when it found nothing: foreign text.
        notes: what was not read as it may have been meant, and what to know of the answer: a sentence each, safe to
            show. Only with the first window.
        bodies: the records of the window as they are stored, where these were asked for; then there are no `rows`.
        until: with `bodies`, the time in Unix seconds at which the answer may be another although nothing was written;
            None where time changes nothing.
    """

    rows: list[Row]
    next: str | None
    total: int
    exact: bool = True
    did_you_mean: str | None = None
    near: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    bodies: Sequence[Body] = ()
    until: int | None = None


class Entry(NamedTuple):
    """One current record in full.

    Attributes:
        record: the plain record, exact.
        heads: all heads, ascending; what `update` and `delete` want as `seen`.
        live_heads: the heads that are Ups, the winner first.
        problems: the authoring rules it breaks, given the models that are known here.
        mine: signed by this replica's identity.
        owner_name: the local name of the owner's key, None when the user has not named it.
        size: bytes of the winning op.
        like: whose name its name looks like, as this replica sees it.
        said_by: the domains that said of the owner's key that it is theirs, as this replica was told.
        status: as in `Row`.
        starred, note: what this replica's person keeps about it, which is for nobody else.
    """

    kind: Kind
    id: str
    record: Record
    heads: tuple[str, ...]
    live_heads: tuple[str, ...]
    problems: tuple[Problem, ...]
    mine: bool
    owner_name: str | None
    future: bool
    size: int
    like: Like | None = None
    said_by: tuple[SaidBy, ...] = ()
    status: str | None = None
    starred: bool = False
    note: str | None = None

    @property
    def revision(self) -> str:
        """What stands for exactly these heads: SHA3-256 over the hashes of all, ascending; 64 hex digits."""
        return revision_of(self.heads)


def revision_of(heads: Iterable[str]) -> str:
    """What stands for exactly these heads, ascending; 64 hex digits."""
    return sha3_256("".join(heads).encode()).hexdigest()


def revision_with(heads: Iterable[str], beside: Iterable[str]) -> str:
    """What stands for the heads of a record and of its manifest; without a manifest ever, for those of the record."""
    return revision_of(sorted((*heads, *beside)))


class Stats(NamedTuple):
    """Counts of what this replica holds.

    Attributes:
        ops: the size of the log.
        unsupported: the sum of what peers' logs held.
        muted: those of the records that lists and searches hide.
        left_out: the operations that are known to be left out.
    """

    models: int
    agents: int
    ops: int
    conflicts: int
    pending: int
    rejected: int
    unsupported: int
    muted: int = 0
    left_out: int = 0

    @property
    def records(self) -> int:
        return self.models + self.agents


class Catalogue:
    """The current records, one by one."""

    def __init__(self, pool: Pool, clock: Callable[[], int], key: Key) -> None:
        self._pool = pool
        self._clock = clock
        self._key = key

    def stats(self) -> Stats:
        """Counts of what is here."""
        with self._pool.read() as db:
            row = db.execute(
                "SELECT models, agents, size, conflicts, (SELECT count(*) FROM pending), "
                "(SELECT count(*) FROM rejected), (SELECT coalesce(sum(unsupported), 0) FROM peers), "
                "0, (SELECT count(*) FROM left_out) FROM replica"
            ).fetchone()
            muted = records_of(db, muted_owners(db))
        return Stats(*row)._replace(muted=muted)

    def find(
        self, typed: str, kind: Kind | None, *, deleted: bool = False, own: bool = False, by_name: bool = True
    ) -> tuple[Kind, str]:
        """The record that is meant: by its id, the beginning of one that only it has, or a name that only it has.

        Args:
            deleted: also among the deleted ones; by name among those of this replica's key.
            own: first among the records of this replica's key, and among all others where none of these is meant.
            by_name: False: by ids alone.

        Raises:
            StoreError: `not_found`, or `ambiguous` with the choices.
        """
        match = _PREFIX(typed.strip().lower())
        digits = match[1] if match is not None else ""
        is_name = by_name and len(digits) < LEAST_ID and not typed.strip().lower().startswith("0x")
        with self._pool.read() as db:
            meant = _Meant(db, self._key.known_address(db), kind)
            several: list[Choice] = []
            for mine in (True, False) if own and len(digits) < 64 else (False,):
                begun = meant.beginning(digits, deleted=deleted, mine=mine) if digits else []
                if len(begun) == 1:
                    return begun[0].kind, begun[0].id
                named = meant.called(typed, deleted=deleted, mine=mine) if is_name else []
                if len(named) == 1:
                    return named[0].kind, named[0].id
                # A name is told before the beginnings of ids that happen to be letters of it
                several = named or begun
                if several:
                    break
            was_deleted = digits and not several and meant.beginning(digits, deleted=True, mine=False)
        what = kind or "record"
        if several:
            raise _several(typed, digits, what, several)
        if is_name and not digits:
            said = f"'{safe_text(typed, 80)}' is not an id, and no {what} here has that name"
            raise StoreError("not_found", f"{said}: see `list`, or `search` for a part of a name")
        if not digits:
            raise StoreError("not_found", f"'{typed[:80]}' is not an id: an id is up to 64 hex digits, see `list`")
        or_named = " or that has that name" if is_name else ""
        told = ": it was deleted here" if was_deleted else ""
        raise StoreError("not_found", f"there is no {what} here whose id begins with {digits[:64]}{or_named}{told}")

    def named(self, name: str, kind: Kind | None = None) -> list[Choice]:
        """The first of the records that have a name, those of this replica's key before those of keys with a name."""
        with self._pool.read() as db:
            return _Meant(db, self._key.known_address(db), kind).called(name, deleted=False, mine=False)[:CHOICES_TOLD]

    def beginning(self, name: str, *, own: bool, limit: int) -> list[Choice]:
        """Records whose names begin so, by name; with `own` those of this replica's key alone."""
        with self._pool.read() as db:
            return _Meant(db, self._key.known_address(db), None).named_so(name, mine=own, limit=limit)

    def entry(self, identifier: str, kind: Kind | None) -> Entry | None:
        """The current record with that id in full, None when there is none."""
        with self._pool.read() as db:
            row = db.execute(
                "SELECT c.rid, c.kind, c.owner, o.body, n.name, c.updated_at, c.status, "
                "EXISTS (SELECT 1 FROM stars s WHERE s.id = c.id), (SELECT text FROM notes w WHERE w.id = c.id) "
                "FROM keys k JOIN catalogue c USING (rid) "
                "JOIN ops o ON o.idx = c.idx LEFT JOIN owner_names n ON n.address = c.owner WHERE k.id = ?",
                (stored_id(identifier),),
            ).fetchone()
            if row is None:
                return None
            rid, code, owner, kept, owner_name, updated_at, status, starred, note = row
            own = self._key.known_address(db)
            found = KINDS_BY_CODE[code]
            if kind is not None and kind != found:
                return None
            heads = [head for _, head in read_heads(db, [rid])]
            record = record_of(kept)
            assert record is not None
            return Entry(
                kind=found,
                id=identifier,
                record=record,
                heads=tuple(sorted(head.hash for head in heads)),
                live_heads=live_of(heads),
                problems=tuple(check_among(db, found, record)),
                mine=owner.hex() == own,
                owner_name=owner_name,
                future=updated_at > self._clock() + DAY,
                size=len(unpacked(kept)),
                like=resembled(db, own, [(str(record["name"]), owner.hex())])[0],
                said_by=said_of(db, owner),
                status=status,
                starred=bool(starred),
                note=note,
            )

    def bodies(self, identifiers: Sequence[str]) -> list[Body]:
        """The current records with these ids as they are stored, in that order, without those that there are not."""
        found: list[Body] = []
        with self._pool.read() as db:
            for chunk in chunks([stored_id(identifier) for identifier in identifiers]):
                rows = db.execute(
                    f"SELECT {OF_BODY} FROM keys k JOIN catalogue c USING (rid) JOIN ops o ON o.idx = c.idx "
                    f"WHERE k.id IN ({marks(chunk)})",
                    chunk,
                )
                by_id = {row[1]: body_of(db, row) for row in rows.fetchall()}
                found += [by_id[key] for key in chunk if key in by_id]
        return found

    def heads(self, identifier: str) -> tuple[str, ...]:
        """All heads of a key, ascending; empty for an id never seen."""
        with self._pool.read() as db:
            row = db.execute("SELECT rid FROM keys WHERE id = ?", (stored_id(identifier),)).fetchone()
            return () if row is None else tuple(sorted(head.hash for _, head in read_heads(db, [row[0]])))

    def conflicts(self, limit: int) -> list[Row]:
        """The records of which, or of whose manifests, several versions are live, those of this replica's key first,
        then the last updated. What is dated ahead of the clock comes last, what is muted is left out."""
        now = self._clock()
        with self._pool.read() as db:
            rows = db.execute(
                f"SELECT {COLUMNS} FROM catalogue c WHERE ({IN_CONFLICT}) AND NOT EXISTS "
                "(SELECT 1 FROM kept_out k WHERE k.owner = c.owner AND k.muted_at IS NOT NULL) "
                "ORDER BY c.owner = ? DESC, c.updated_at > ?, c.updated_at DESC, c.rid DESC LIMIT ?",
                (bytes.fromhex(self._key.known_address(db)), now, limit),
            )
            return [row_of(values, now) for values in rows]

    def check(self, kind: Kind, record: Record, manifest: GivenManifest = ABSENT) -> list[Problem]:
        """The authoring rules, with what is known in this registry."""
        with self._pool.read() as db:
            return check_both_among(db, kind, record, manifest)


class _Meant:
    """The records that a line may mean, at most one more than is told."""

    def __init__(self, db: sqlite3.Connection, address: str, kind: Kind | None) -> None:
        self._db = db
        self._own = bytes.fromhex(address)
        self._kind = None if kind is None else KIND_CODES[kind]

    def beginning(self, digits: str, *, deleted: bool, mine: bool) -> list[Choice]:
        """Those whose ids begin so."""
        join = "LEFT JOIN" if deleted else "JOIN"
        rows = self._db.execute(
            f"SELECT k.kind, k.id, c.name, c.version, k.owner, n.name FROM keys k {join} catalogue c ON c.rid = k.rid "
            "LEFT JOIN owner_names n ON n.address = k.owner WHERE k.id BETWEEN ? AND ? AND k.rid > 0 "
            "AND (? IS NULL OR k.kind = ?) AND (NOT ? OR k.owner = ?) ORDER BY k.id LIMIT ?",
            (*hex_range(digits, 64), self._kind, self._kind, mine, self._own, CHOICES_TOLD + 1),
        ).fetchall()
        return [self._choice(row) for row in rows]

    def called(self, name: str, *, deleted: bool, mine: bool) -> list[Choice]:
        """Those that have a name: exactly, else in another case, else the deleted ones of this replica's key. What is
        muted is hidden."""
        if not _is_text(name):
            return []
        for condition, values in (("AND c.name = ?", [name]), ("", [])):
            rows = self._db.execute(
                "SELECT c.kind, c.id, c.name, c.version, c.owner, n.name FROM catalogue c INDEXED BY catalogue_name "
                f"LEFT JOIN owner_names n ON n.address = c.owner WHERE c.name = ? COLLATE NOCASE {condition} "
                f"AND (? IS NULL OR c.kind = ?) AND (c.owner = ? OR NOT ? AND {_IS_SHOWN}) "
                "ORDER BY c.owner = ? DESC, n.name IS NULL, c.updated_at DESC, c.rid LIMIT ?",
                (name, *values, self._kind, self._kind, self._own, mine, self._own, CHOICES_TOLD + 1),
            ).fetchall()
            if rows:
                return [self._choice(row) for row in rows]
        return self._deleted(name) if deleted else []

    def named_so(self, begun: str, *, mine: bool, limit: int) -> list[Choice]:
        """Those whose names begin so, without what is muted."""
        if not _is_text(begun):
            return []
        rows = self._db.execute(
            "SELECT c.kind, c.id, c.name, c.version, c.owner, n.name FROM catalogue c INDEXED BY catalogue_name "
            "LEFT JOIN owner_names n ON n.address = c.owner WHERE c.name >= ? COLLATE NOCASE "
            f"AND c.name < ? COLLATE NOCASE AND (c.owner = ? OR NOT ? AND {_IS_SHOWN}) "
            "ORDER BY c.name COLLATE NOCASE, c.rid LIMIT ?",
            (begun, f"{begun}\U0010ffff", self._own, mine, limit),
        ).fetchall()
        return [self._choice(row) for row in rows]

    def _deleted(self, name: str) -> list[Choice]:
        rows = self._db.execute(
            "SELECT k.kind, k.id, k.owner, (SELECT body FROM ops o WHERE o.rid = k.rid AND o.is_rm = 0 "
            "ORDER BY o.idx DESC LIMIT 1) FROM keys k WHERE k.owner = ? AND k.rid > 0 AND (? IS NULL OR k.kind = ?) "
            "AND NOT EXISTS (SELECT 1 FROM catalogue c WHERE c.rid = k.rid) ORDER BY k.rid DESC LIMIT ?",
            (self._own, self._kind, self._kind, _DELETED_LOOKED_AT),
        ).fetchall()
        found = []
        for code, identifier, owner, body in rows:
            record = None if body is None else record_of(body)
            if record is not None and str(record["name"]).lower() == name.lower():
                found.append(self._choice((code, identifier, name, str(record["version"]), owner, None), gone=True))
        return found

    def _choice(self, row: Sequence[Any], *, gone: bool = False) -> Choice:
        code, identifier, name, version, owner, whose = row
        if name is None:
            name, gone = first_name(self._db, identifier.hex()) or "", True
        mine = owner == self._own
        return Choice(KINDS_BY_CODE[code], identifier.hex(), name, version or "", owner.hex(), whose, mine, gone)


_IS_SHOWN = "NOT EXISTS (SELECT 1 FROM kept_out x WHERE x.owner = c.owner AND x.muted_at IS NOT NULL)"


def _is_text(typed: str) -> bool:
    """Whether it can be a name at all: a shell may hand over any bytes."""
    try:
        return 0 < len(typed.encode()) <= _LONGEST_NAME
    except UnicodeEncodeError:
        return False


# Bytes: 128 characters.
_LONGEST_NAME = 512


def _several(typed: str, digits: str, what: str, choices: Sequence[Choice]) -> StoreError:
    shown = choices[:CHOICES_TOLD]
    if digits and all(choice.id.startswith(digits) for choice in choices):
        more = ", ..." if len(choices) > len(shown) else ""
        begun = ", ".join(choice.id[: len(digits) + 8] for choice in shown)
        sentence = f"{digits} is the beginning of several ids ({begun}{more}): give more digits"
        return StoreError("ambiguous", sentence, shown)
    count = f"more than {len(shown)}" if len(choices) > len(shown) else str(len(choices))
    ids = ", ".join(choice.id[:LEAST_ID] for choice in shown)
    sentence = f"{count} {what}s here have the name '{safe_text(typed, 80)}' ({ids}): give an id"
    return StoreError("ambiguous", sentence, shown)


def muted_owners(db: sqlite3.Connection) -> list[bytes]:
    """The owners whose records are hidden: those that are muted, but for this replica's own key."""
    rows = db.execute(
        "SELECT owner FROM kept_out, replica WHERE muted_at IS NOT NULL AND lower(hex(owner)) <> address ORDER BY owner"
    )
    return [owner for (owner,) in rows]


def records_of(db: sqlite3.Connection, owners: Sequence[bytes]) -> int:
    """How many current records these owners have."""
    if not owners:
        return 0
    if indexed_share(db) == 1:
        # No index leads from an owner to the records, and each word of the word index leads to those that have it.
        ask = "SELECT count(*) FROM words WHERE words MATCH ?"
        return int(db.execute(ask, (owned_by(owners),)).fetchone()[0])
    of_them = ", ".join("?" * len(owners))
    return int(db.execute(f"SELECT count(*) FROM catalogue WHERE owner IN ({of_them})", owners).fetchone()[0])


def owned_by(owners: Iterable[bytes]) -> str:
    """The FTS5 expression over `words` for the records of these owners."""
    marked = " OR ".join(f'"{hex_word("owner", owner.hex())}"' for owner in owners)
    return f"facets : ({marked})"


def bodies_of(db: sqlite3.Connection, rids: Sequence[int]) -> list[Body]:
    """The current records with these rids as they are stored, in their order; there must be all of them."""
    rows = db.execute(
        f"SELECT {OF_BODY} FROM json_each(?) AS wanted CROSS JOIN catalogue c ON c.rid = wanted.value "
        "JOIN ops o ON o.idx = c.idx",
        [json.dumps(rids)],
    )
    return [body_of(db, row) for row in rows.fetchall()]


# What the index of heads tells by itself comes last: nearly all records have one head, which is the one that is shown.
OF_BODY = (
    "c.rid, c.id, c.kind, c.live_heads, c.status, o.hash, o.body, "
    "(SELECT count(*) FROM ops h WHERE h.rid = c.rid AND h.is_head = 1)"
)


def body_of(db: sqlite3.Connection, values: Sequence[Any]) -> Body:
    """A `Body` from the values of `OF_BODY`."""
    rid, identifier, kind, live, status, shown, body, number = values
    hashes: tuple[str, ...]
    if number == 1:  # nearly always
        hashes = (shown.hex(),)
    else:
        heads = db.execute("SELECT hash FROM ops WHERE is_head = 1 AND rid = ? ORDER BY hash", (rid,))
        hashes = tuple([head.hex() for (head,) in heads])
    return Body(KINDS_BY_CODE[kind], identifier.hex(), record_in(body), hashes, live, status)


def row_of(values: Sequence[Any], now: int) -> Row:
    """A `Row` from the values of `COLUMNS`, which are what the schema says."""
    _, kind, identifier, name, owner, *described, updated_at, live, status, manifest, need, needs_gpu, vram = values
    future = updated_at > now + DAY
    return Row._make(
        (
            KINDS_BY_CODE[kind],
            identifier.hex(),
            name,
            owner.hex(),
            *described,
            updated_at,
            live,
            future,
            None,
            status,
            manifest,
            need,
            needs_gpu == 1,
            vram,
            False,
            False,
            False,
        )
    )


def check_among(db: sqlite3.Connection, kind: Kind, record: Record) -> list[Problem]:
    """The authoring rules, with the models that are here."""

    def model_type(identifier: str) -> Json | None:
        row = db.execute(
            "SELECT o.body FROM keys k JOIN catalogue c USING (rid) JOIN ops o ON o.idx = c.idx "
            "WHERE k.id = ? AND c.kind = 0",
            (stored_id(identifier),),
        ).fetchone()
        known = None if row is None else record_of(row[0])
        return None if known is None else known["model_type"]

    return records.check(kind, record, model_type=model_type, instead=lambda one: _instead(db, one))


def check_manifest_among(db: sqlite3.Connection, manifest: Record) -> list[Problem]:
    """The authoring rules of a manifest, with the records that are here."""

    def kind_of(identifier: str) -> Kind | None:
        row = db.execute(
            "SELECT c.kind FROM keys k JOIN catalogue c USING (rid) WHERE k.id = ?", (stored_id(identifier),)
        ).fetchone()
        return None if row is None else KINDS_BY_CODE[row[0]]

    return records.check_manifest(manifest, kind_of=kind_of, instead=lambda one: _instead(db, one))


def _instead(db: sqlite3.Connection, identifier: str) -> str | None:
    """What is known of an id that is not what it should be, to end a sentence that begins with it; None where it was
    never here."""
    row = db.execute(
        "SELECT k.kind, c.rid FROM keys k LEFT JOIN catalogue c ON c.rid = k.rid WHERE k.id = ? AND k.rid > 0",
        (stored_id(identifier),),
    ).fetchone()
    if row is None:
        return None
    kind, live = row
    if live is not None:
        return "is an agent" if kind else "is a model"
    name = safe_text(first_name(db, identifier) or "", 40)
    return f"(“{name}”) was deleted here" if name else "was deleted here"


def check_manifest_of(db: sqlite3.Connection, record_id: str, manifest: Record) -> list[Problem]:
    """The authoring rules of a manifest that is written for a record that is here: what the Datastore sets is set, as
    it takes room and decides what may stand in its place."""
    row = db.execute("SELECT kind FROM keys WHERE id = ?", (stored_id(record_id),)).fetchone()
    if row is None or row[0] >= len(KINDS_BY_CODE):
        return check_manifest_among(db, {**manifest, "subject_id": record_id})
    return _check_beside(db, KINDS_BY_CODE[row[0]], record_id, first_name(db, record_id) or "", manifest)


def check_both_among(db: sqlite3.Connection, kind: Kind, record: Record, manifest: GivenManifest) -> list[Problem]:
    """The authoring rules of a record and of what is to stand behind it, whose paths begin with `manifest.`"""
    problems = check_among(db, kind, record)
    if manifest is ABSENT or manifest is None:
        return problems
    identifier = str(record.get(ID_FIELD[kind], NULL_HASH))
    name = first_name(db, identifier) or str(record.get("name", ""))
    from tui_registry.records.as_written import beside  # few writes come so far, and no list

    found = _check_beside(db, kind, identifier, name, manifest)
    return [*problems, *(problem._replace(path=beside(problem.path)) for problem in found)]


def _check_beside(db: sqlite3.Connection, kind: Kind, identifier: str, name: str, manifest: Record) -> list[Problem]:
    set_here: Record = {"subject_id": identifier, "subject_kind": kind.capitalize(), "subject_name": name}
    # No time takes more room than the last one that there is.
    return check_manifest_among(db, {**manifest, **set_here, "created_at": MAX_TIME, "updated_at": MAX_TIME})


def first_name(db: sqlite3.Connection, record_id: str) -> str | None:
    """The name that a record was first registered with, of which its id is made; None where it never was here."""
    row = db.execute(
        "SELECT o.body FROM keys k JOIN ops o USING (rid) WHERE k.id = ? ORDER BY o.idx LIMIT 1",
        (stored_id(record_id),),
    ).fetchone()
    first = None if row is None else record_of(row[0])
    return None if first is None else str(first["name"])


def live_of(heads: Sequence[Stored]) -> tuple[str, ...]:
    """The live ones of a key's heads, the one that is shown first."""
    live = sorted((head for head in heads if not head.is_rm), key=lambda head: (-head.counter, head.hash))
    return tuple(head.hash for head in live)
