"""Appending valid operations: log, heads, catalogue, words, counters and sets, all within the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tui_registry.crdt.key_state import winner
from tui_registry.crdt.rules import Ancestor, check_against
from tui_registry.errors import Kind, OpKind
from tui_registry.frozen import NamedTuple
from tui_registry.replica.catalogue.current_manifests import (
    NO_STANDING,
    ManifestColumns,
    ManifestRow,
    Standing,
    follow,
    manifest_columns,
    standings,
    words_given,
    write_manifests,
)
from tui_registry.replica.catalogue.derived import (
    INSERT_CATALOGUE,
    KIND_CODES,
    OP_KINDS_BY_CODE,
    RECORD_COLUMNS,
    Derived,
    count_values,
    counted_values,
    derive,
    forget_all_words,
    forget_words,
    index_reaches,
    index_words,
    indexed_from,
    learn,
    vocabulary_of,
)
from tui_registry.replica.catalogue.judged import judge_anew
from tui_registry.replica.catalogue.record_links import Linking
from tui_registry.replica.log.first_seen import FirstSeen, write_first_seen
from tui_registry.replica.log.judge import Checked
from tui_registry.replica.log.kept_set import forget_sets, keep
from tui_registry.replica.log.left_out import OF_HUB, OVERHEAD_BYTES, count_source
from tui_registry.replica.log.own_elsewhere import note_elsewhere
from tui_registry.replica.store.stored import Stored, chunks, marks, packed, read_heads, read_record, stored_id
from tui_registry.replica.store.tables import is_view

_MODULUS = 2**256


@dataclass(slots=True)
class _New:
    idx: int
    rid: int
    checked: Checked
    ancestor: Ancestor
    body: bytes
    seen: FirstSeen
    is_head: bool = True

    @property
    def stored(self) -> Stored:
        return Stored(self.idx, self.ancestor.hash, self.checked.is_rm, self.ancestor.clock)


class Batch:
    """Operations on their way into the log.

    Use: `load` what the ops need, `append` each whose children are known, `flush` once.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        """
        Args:
            db: a connection inside a write transaction.
        """
        self._db = db
        size, fingerprint, models, agents, conflicts, address, kept = db.execute(
            "SELECT size, fingerprint, models, agents, conflicts, address, kept FROM replica"
        ).fetchone()
        self._size: int = size
        self._sum = int(fingerprint, 16)
        self._counts: dict[Kind, int] = {"model": models, "agent": agents}
        self._conflicts: int = conflicts
        self._own: str = address
        self._kept: int = kept
        first_rid, last_rid = db.execute("SELECT coalesce(min(rid), 0), coalesce(max(rid), 0) FROM keys").fetchone()
        self._last_rid: int = max(last_rid, 0)
        self._last_manifest: int = min(first_rid, 0)
        # What is older than this comes into the word index when that is made anew so far.
        self._indexed_from = indexed_from(db)
        self._known: dict[str, tuple[Ancestor, int, int]] = {}  # hash -> ancestor, rid, idx
        self._rids: dict[str, int] = {}
        self._new_keys: dict[str, int] = {}
        self._new: list[_New] = []
        self._new_by_idx: dict[int, _New] = {}
        # Of a view of a hub, what was appended and not yet written: agents, and those that are said to answer in a
        # protocol, with the manifests that say so.
        self._is_view = is_view(db)
        self._agents: set[str] = set()
        self._speaking: set[str] = set()
        self._named: set[int] = set()
        # The records that what was flushed brought into conflict, and those that it settled.
        self.came_into_conflict: set[int] = set()
        self.settled: set[int] = set()
        # How many of what was flushed this replica's key signed elsewhere.
        self.elsewhere = 0

    @property
    def size(self) -> int:
        """Of the log, with what was appended."""
        return self._size

    def load(self, ops: Iterable[Checked]) -> None:
        """Read what is known of these ops, of their children and of their keys."""
        hashes: set[str] = set()
        keys: set[str] = set()
        for op in ops:
            hashes.add(op.claim.hash)
            hashes.update(op.children)
            keys.add(op.claim.key)
        hashes.difference_update(self._known)
        keys.difference_update(self._rids)
        for chunk in chunks([bytes.fromhex(item) for item in hashes]):
            rows = self._db.execute(
                "SELECT o.hash, k.kind, k.id, k.owner, o.clock, o.created_at, o.updated_at, o.rid, o.idx "
                f"FROM ops o JOIN keys k USING (rid) WHERE o.hash IN ({marks(chunk)})",
                chunk,
            )
            for digest, kind, key, owner, clock, created_at, updated_at, rid, idx in rows:
                ancestor = Ancestor(
                    digest.hex(), OP_KINDS_BY_CODE[kind], key.hex(), owner.hex(), clock, created_at, updated_at
                )
                self._known[ancestor.hash] = ancestor, rid, idx
        for chunk in chunks([bytes.fromhex(item) for item in keys]):
            rows = self._db.execute(
                f"SELECT id, rid FROM keys WHERE id IN ({marks(chunk)})",
                chunk,
            )
            self._rids.update((key.hex(), rid) for key, rid in rows)

    def knows(self, op: Checked) -> bool:
        """Whether a valid op of that kind and hash is in the log, or in this batch."""
        known = self._known.get(op.claim.hash)
        return known is not None and known[0].kind == op.claim.kind

    def has(self, digest: str) -> bool:
        """Whether a valid op of that hash is in the log, or in this batch."""
        if digest in self._known:
            return True
        return self._db.execute("SELECT 1 FROM ops WHERE hash = ?", (bytes.fromhex(digest),)).fetchone() is not None

    def ancestors(self, op: Checked) -> list[tuple[Ancestor, int]]:
        """The children that are here, each with its place in the log."""
        return [(self._known[child][0], self._known[child][2]) for child in op.children if child in self._known]

    def missing(self, op: Checked) -> list[str]:
        """The children that are not here."""
        return [child for child in op.children if child not in self._known]

    def has_key(self, key: str) -> bool:
        """Whether any op of that key is in the log, or in this batch."""
        if key in self._rids:
            return True
        return self._db.execute("SELECT 1 FROM keys WHERE id = ?", (stored_id(key),)).fetchone() is not None

    def append(self, op: Checked, body: bytes, seen: FirstSeen) -> None:
        """Take an op that passed rules 1 to 5, is not known and misses no child, with its exact bytes, and when and
        from whom it came.

        Raises:
            OpError: it breaks one of rules 6 to 8; the batch is as before.
        """
        children = [self._known[child] for child in op.children]
        ancestor = check_against(op.claim, [child for child, _, _ in children])
        key = ancestor.key
        if self._is_view:
            self._keep_in_step(op, ancestor)
        rid = self._rids.get(key)
        if rid is None:
            rid = self._rids[key] = self._new_keys[key] = self._take_rid(ancestor.kind)
        new = _New(self._take_index(), rid, op, ancestor, body, seen)
        self._sum += int(ancestor.hash, 16)
        self._known[ancestor.hash] = ancestor, rid, new.idx
        self._new.append(new)
        self._new_by_idx[new.idx] = new
        for _, _, idx in children:
            child = self._new_by_idx.get(idx)
            if child is None:
                self._named.add(idx)
            else:
                child.is_head = False

    def flush(self) -> None:
        """Write everything that was appended."""
        if not self._new:
            return
        db = self._db
        self._write_log()
        self._write_catalogue()
        db.execute(
            "UPDATE replica SET size = ?, fingerprint = ?, models = ?, agents = ?, conflicts = ?",
            (self._size, f"{self._sum % _MODULUS:064x}", self._counts["model"], self._counts["agent"], self._conflicts),
        )
        appended = [bytes.fromhex(new.ancestor.hash) for new in self._new]
        self._kept = keep(db, self._kept, self._size - len(appended), appended)
        self._new.clear()
        self._new_by_idx.clear()
        self._agents.clear()
        self._speaking.clear()
        self._new_keys.clear()
        self._named.clear()

    # How: the log

    def _keep_in_step(self, op: Checked, ancestor: Ancestor) -> None:
        """Write what another node of the hub has listed before this operation, which changes it: that node tells what
        fell out of its list, and so does this one, though both operations came to it together."""
        key = ancestor.key
        is_listed = key in self._speaking
        if not is_listed and key in self._agents:
            ask = "SELECT 1 FROM manifests m JOIN interfaces i ON i.rid = m.rid WHERE m.subject = ?"
            is_listed = self._db.execute(ask, (bytes.fromhex(key),)).fetchone() is not None
        if is_listed:
            self.flush()
        if ancestor.kind == "agent":
            self._agents.add(key)
        elif isinstance(op.derived, ManifestColumns) and op.derived.protocols:
            self._speaking.update((key, op.derived.subject))

    def _take_index(self) -> int:
        """The next index of the log.

        This is the one place where an operation gets its index, and it is final when the transaction commits: no other
        writer can take it, for the batch lives inside one immediate transaction, and what `replica.size` said at its
        beginning holds until its end. Where several replicas share one log, the transaction is part of a turn
        (`log.turns`): the shared log is locked, and ends where this one does.
        """
        index = self._size
        self._size += 1
        return index

    def _take_rid(self, kind: OpKind) -> int:
        """The next row of a key: see `manifests` in `store.tables`."""
        if kind == "manifest":
            self._last_manifest -= 1
            return self._last_manifest
        self._last_rid += 1
        return self._last_rid

    def _write_log(self) -> None:
        db = self._db
        if self._new_keys:
            owners = {new.ancestor.key: new.ancestor for new in self._new}
            db.executemany(
                "INSERT INTO keys (rid, kind, id, owner) VALUES (?, ?, ?, ?)",
                (
                    (rid, KIND_CODES[owners[key].kind], bytes.fromhex(key), bytes.fromhex(owners[key].owner))
                    for key, rid in self._new_keys.items()
                ),
            )
        bodies = [packed(new.body) for new in self._new]
        db.executemany(
            "INSERT INTO ops (idx, hash, rid, clock, created_at, updated_at, is_rm, is_head, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    new.idx,
                    bytes.fromhex(new.ancestor.hash),
                    new.rid,
                    new.ancestor.clock,
                    new.ancestor.created_at,
                    new.ancestor.updated_at,
                    new.checked.is_rm,
                    new.is_head,
                    body,
                )
                for new, body in zip(self._new, bodies, strict=True)
            ),
        )
        db.executemany("UPDATE ops SET is_head = 0 WHERE idx = ?", ((idx,) for idx in self._named))
        write_first_seen(db, ((new.idx, new.seen) for new in self._new))
        per_owner = Counter(new.ancestor.owner for new in self._new)
        taken: Counter[str] = Counter()
        for new, body in zip(self._new, bodies, strict=True):
            taken[new.ancestor.owner] += len(body) + OVERHEAD_BYTES
        db.executemany(
            "INSERT INTO owners (address, ops, bytes) VALUES (?, ?, ?) "
            "ON CONFLICT (address) DO UPDATE SET ops = ops + excluded.ops, bytes = bytes + excluded.bytes",
            ((bytes.fromhex(owner), count, taken[owner]) for owner, count in per_owner.items()),
        )
        count_source(
            db,
            (
                (new.seen.source or "", len(body) + OVERHEAD_BYTES)
                for new, body in zip(self._new, bodies, strict=True)
                if _is_from_source(new.seen)
            ),
        )
        if self._own in per_owner:
            ours = (new for new in self._new if new.ancestor.owner == self._own)
            places = [new.idx for new in ours if _is_from_source(new.seen)]
            note_elsewhere(db, places)
            self.elsewhere += len(places)

    # How: the derived tables

    def _write_manifests(self, manifests: dict[int, bytes]) -> dict[bytes, str]:
        """The rows of these manifests, by their keys' rids, with whose they are; gives the words that they gave their
        records before, by the ids of these."""
        fresh = manifests.keys() & self._new_keys.values()
        older = sorted(manifests.keys() - fresh)
        given = words_given(self._db, older)
        rows: list[ManifestRow] = []
        for rid, heads in self._heads(older, fresh).items():
            best, live = _state(heads)
            last = self._last_write(rid) if best is None else best.idx
            rows.append(ManifestRow(rid, manifests[rid], None if best is None else last, live, self._said(last)))
        write_manifests(self._db, rows)
        return {**dict.fromkeys((bytes.fromhex(row.says.subject) for row in rows), ""), **given}

    def _last_write(self, rid: int) -> int:
        """The place of the last version of a deleted manifest: there is one, as a removal names what it removes."""
        written = self._db.execute("SELECT max(idx) FROM ops WHERE rid = ? AND is_rm = 0", (rid,)).fetchone()
        return int(written[0])

    def _said(self, place: int) -> ManifestColumns:
        """What is derived from a version of a manifest: at hand for an operation of this batch."""
        new = self._new_by_idx.get(place)
        at_hand = None if new is None else new.checked.derived
        return at_hand if isinstance(at_hand, ManifestColumns) else manifest_columns(read_record(self._db, place))

    def _write_catalogue(self) -> None:
        db = self._db
        touched: dict[int, tuple[_New, Kind]] = {}
        manifests: dict[int, bytes] = {}
        for new in self._new:
            if new.ancestor.kind == "manifest":
                manifests[new.rid] = bytes.fromhex(new.ancestor.owner)
            else:
                touched[new.rid] = new, new.ancestor.kind
        described = self._write_manifests(manifests) if manifests else {}
        ids = {rid: bytes.fromhex(new.ancestor.key) for rid, (new, _) in touched.items()}
        if alone := described.keys() - ids.values():
            self._follow({subject: described[subject] for subject in alone})
        # Keys of manifests go downwards from zero: where there is none, nothing need be asked.
        said = standings(db, [*ids.values()]) if self._last_manifest < 0 else {}
        fresh = {rid for rid in self._new_keys.values() if rid in touched}
        older = [rid for rid in touched if rid not in fresh]
        heads = self._heads(older, fresh)
        shown = dict(_read_shown(db, older))
        out: list[tuple[int, tuple[str, ...]]] = []
        fewer: list[str] = []
        gone: list[tuple[int]] = []
        rows: list[tuple[str | int | bytes | None, ...]] = []
        words: list[tuple[int, tuple[str, ...]]] = []
        linking = Linking()
        more: list[str] = []
        for rid, (new, kind) in touched.items():
            before = shown.get(rid)
            best, live = _state(heads[rid])
            given = said.get(ids[rid], NO_STANDING)
            self._count(rid, kind, before, live, given)
            words_now = given.words or ""
            words_before = described.get(ids[rid], words_now)
            is_same = (
                before is not None
                and best is not None
                and (best.idx, given.status, words_now) == (*before.shown, words_before)
            )
            linking.note(kind, rid, ids[rid], was_live=before is not None, is_live=best is not None)
            if before is not None and not is_same:
                was = derive(kind, read_record(db, before.idx)).beside(before.given.status, words_before)
                out.append((rid, was.words))
                # What an earlier version derived of it is counted as long as its turn has not come.
                fewer += was.counted if rid >= self._indexed_from else self._counted(kind, rid)
            if best is None:
                if before is not None:
                    gone.append((rid,))
                continue
            now = given.of(self._derived(kind, best))
            owner = bytes.fromhex(new.ancestor.owner)
            rows.append(
                (rid, best.idx, KIND_CODES[kind], ids[rid], owner, live, given.heads, now.invalid, *now.columns)
            )
            if now.prefers or (before is not None and kind == "agent"):
                linking.prefers(rid, owner, now.prefers)
            if not is_same:
                words.append((rid, now.words))
                more += now.counted
        out = [entry for entry in out if entry[0] >= self._indexed_from]
        words = [entry for entry in words if entry[0] >= self._indexed_from]
        forget_words(db, out)
        db.executemany("DELETE FROM catalogue WHERE rid = ?", gone)
        db.executemany(INSERT_CATALOGUE, rows)
        linking.write(db, has_manifests=self._last_manifest < 0)
        index_words(db, words)
        learn(db, vocabulary_of(texts for _, texts in words))
        counted = Counter(more)
        counted.subtract(fewer)
        count_values(db, counted)

    def _counted(self, kind: Kind, rid: int) -> tuple[str, ...]:
        columns = self._db.execute(f"SELECT {RECORD_COLUMNS} FROM catalogue WHERE rid = ?", (rid,)).fetchone()
        return counted_values(kind, columns)

    def _heads(self, older: Sequence[int], fresh: set[int]) -> dict[int, list[Stored]]:
        """The heads of the keys that this batch writes."""
        heads: dict[int, list[Stored]] = {rid: [] for rid in older}
        # The log is written already, so the heads of older keys come from it, this batch's own included.
        for rid, head in read_heads(self._db, older):
            heads[rid].append(head)
        for new in self._new:
            if new.is_head and new.rid in fresh:
                heads.setdefault(new.rid, []).append(new.stored)
        return heads

    def _derived(self, kind: Kind, best: Stored) -> Derived:
        """What is derived from a winner: at hand for an operation of this batch."""
        new = self._new_by_idx.get(best.idx)
        at_hand = None if new is None else new.checked.derived
        return at_hand if isinstance(at_hand, Derived) else derive(kind, read_record(self._db, best.idx))

    def _follow(self, given: dict[bytes, str]) -> None:
        """What manifests give records of which this batch has nothing else; `given` as in `follow`."""
        conflicted, settled = follow(self._db, given)
        self._conflicts += len(conflicted) - len(settled)
        self.came_into_conflict.difference_update(settled)  # what one flush brings, a later one may settle
        self.came_into_conflict.update(conflicted)
        self.settled.update(settled)

    def _count(self, rid: int, kind: Kind, before: _Shown | None, live: int, given: Standing) -> None:
        self._counts[kind] += (live > 0) - (before is not None)
        is_in = live > 1 or (live > 0 and given.heads > 1)
        was_in = before is not None and (before.live > 1 or before.given.heads > 1)
        self._conflicts += is_in - was_in
        if is_in and not was_in:
            self.came_into_conflict.add(rid)
        elif was_in and not is_in:
            self.came_into_conflict.discard(rid)
            self.settled.add(rid)


# Of the tables that are made of the log, or name places of it.
_OF_THE_LOG = (
    "ops",
    "arrivals",
    "elsewhere",
    "keys",
    "owners",
    "manifests",
    "digests",
    "links",
    "missing",
    "evaluations",
    "interfaces",
    "sources",
    "catalogue",
    "counted",
    "cursors",
    "cursor_sums",
    "spoilt",
    "left_at",
)


def clear_log(db: sqlite3.Connection, epoch: str) -> None:
    """Begin the log anew, under another epoch. Cursors of peers fall too: what was dropped may come again, sound."""
    for table in _OF_THE_LOG:
        db.execute(f"DELETE FROM {table}")
    forget_all_words(db)
    index_reaches(db, 1)
    judge_anew(db)
    forget_sets(db)
    db.execute(
        "UPDATE replica SET epoch = ?, size = 0, fingerprint = ?, models = 0, agents = 0, conflicts = 0",
        (epoch, "0" * 64),
    )


def _is_from_source(seen: FirstSeen) -> bool:
    """Whether it came from somebody whose ration counts it, and who may have had it from who has this replica's key:
    nodes of a hub sign with one key."""
    return seen.source is not None and not seen.source.startswith(OF_HUB)


def _state(heads: Sequence[Stored]) -> tuple[Stored | None, int]:
    """The winner, and how many heads are live."""
    if len(heads) == 1:  # nearly always
        (only,) = heads
        return (None, 0) if only.is_rm else (only, 1)
    return winner(heads), sum(not head.is_rm for head in heads)


class _Shown(NamedTuple):
    """What the catalogue says of a record: the place of its version, how many are live, what its manifest gives it."""

    idx: int
    live: int
    given: Standing

    @property
    def shown(self) -> tuple[int, str | None]:
        """What else is derived depends on this alone."""
        return self.idx, self.given.status


def _read_shown(db: sqlite3.Connection, rids: Sequence[int]) -> Iterator[tuple[int, _Shown]]:
    for chunk in chunks(rids):
        rows = db.execute(
            f"SELECT rid, idx, live_heads, status, manifest_heads FROM catalogue WHERE rid IN ({marks(chunk)})",
            chunk,
        )
        for rid, idx, live, *given in rows:
            yield rid, _Shown(idx, live, Standing(*given))
