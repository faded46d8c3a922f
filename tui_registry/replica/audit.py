"""Checking a replica from the ground up: every stored op against the rules, every derived table against the log. And
making anew, piece by piece, what another version of the program derived otherwise."""

from __future__ import annotations

import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

from tui_registry.crdt.key_state import heads, winner
from tui_registry.crdt.op import Op, OpError, parse_op
from tui_registry.crdt.rules import Ancestor, check_against
from tui_registry.errors import Kind, OpKind, Record, RegistryError
from tui_registry.records.schema import RULES_VERSION
from tui_registry.replica.catalogue.current_manifests import (
    NO_STANDING,
    ManifestRow,
    is_stored,
    manifest_columns,
    standings,
    stated,
    write_manifests,
)
from tui_registry.replica.catalogue.derived import (
    CATALOGUE_COLUMNS,
    INDEX_VERSION,
    INSERT_CATALOGUE,
    KIND_CODES,
    KINDS_BY_CODE,
    OP_KINDS_BY_CODE,
    Derived,
    begin_index,
    count_values,
    counted_values,
    derive,
    field_and_value,
    forget_all_words,
    index_reaches,
    index_words,
    indexed_from,
    learn,
    vocabulary_of,
)
from tui_registry.replica.catalogue.judged import is_invalid, judge_some, judged_from
from tui_registry.replica.catalogue.record_links import PREFERS, Link, Linking, check_counting, check_links
from tui_registry.replica.log.append import Batch, clear_log
from tui_registry.replica.log.first_seen import FirstSeen
from tui_registry.replica.log.hub_view import HubView
from tui_registry.replica.log.judge import Checked, Rejection, check_bytes
from tui_registry.replica.log.kept_set import check_sets, keep_some
from tui_registry.replica.log.own_elsewhere import restate
from tui_registry.replica.store.connection import Pool, StoreError, said_plainly
from tui_registry.replica.store.stored import Stored, record_of, unpacked
from tui_registry.replica.store.tables import drop_words_aside, is_view
from tui_registry.replica.unshared import word_notes_anew

_CHUNK = 1_000
_MOST_FAULTS = 5
_INDEX_PATIENCE_SECONDS = 0.5
_INVALID = CATALOGUE_COLUMNS.split(", ").index("invalid")
_ID = CATALOGUE_COLUMNS.split(", ").index("id")
_OWNER = CATALOGUE_COLUMNS.split(", ").index("owner")
_COLUMNS = ", ".join(f"c.{column.strip()}" for column in CATALOGUE_COLUMNS.split(","))
Progress = Callable[[int, int], None]


@dataclass(slots=True, eq=False)
class VerifyReport:
    """What `verify` found: every stored op re-checked, derived tables rebuilt.

    Attributes:
        ops, records: how many were checked, and how many are current.
        invalid: ops that break a rule; `place` is where it stands in the log.
        repaired: what differed and was set right, a sentence each.
        unrepaired: what differs where nothing can be written; `unwritable` is why, empty where it can.
    """

    ops: int = 0
    records: int = 0
    invalid: list[Rejection] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    unrepaired: list[str] = field(default_factory=list)
    unwritable: str = ""

    @property
    def sound(self) -> bool:
        return not self.invalid and not self.repaired and not self.unrepaired


class Audit:
    """What checks a replica, and makes anew what is derived."""

    def __init__(self, pool: Pool, view: HubView) -> None:
        self._pool = pool
        self._view = view

    def verify(self, progress: Progress) -> VerifyReport:
        """Re-check every op, remove what is invalid (with a new epoch), rebuild what is derived, and say what was
        found.

        Where nothing can be written, what is derived is compared with what the log says; the word index is left out,
        which can only be made anew. So it is with a view of a hub that was opened without that. Else a view is compared
        with the shared log as well, and made anew from it where it differs.

        Args:
            progress: called with ops done and ops in all.
        """
        report = VerifyReport()
        with suppress(StoreError):  # what kept it from being written may be gone by now
            self._pool.expect_writable()
        with self._pool.read() as db:
            (epoch,) = db.execute("SELECT epoch FROM replica").fetchone()
            report.invalid = list(_check_log(db, report, progress))
            of_hub = is_view(db)
            if self._pool.hindrance is not None:
                report.unwritable = self._pool.hindrance.reason
            elif of_hub and self._view.shared is None:
                report.unwritable = "it is a view of a hub, which was opened without that (--hub)"
            if report.unwritable:
                if _has_gaps(db):
                    report.unrepaired.append("operations are missing from the log")
                if not report.invalid:  # else some of it cannot be read at all
                    report.unrepaired += _rebuild(db, mend=False)
                report.records = db.execute("SELECT count(*) FROM catalogue").fetchone()[0]
                return report
        if of_hub and (said := _compare_with_hub(self._view, progress, is_sound=not report.invalid)):
            report.invalid.clear()
            report.repaired.append(said)
            with self._pool.read() as db:
                (epoch,) = db.execute("SELECT epoch FROM replica").fetchone()
        with self._pool.write() as db:
            if db.execute("SELECT epoch FROM replica").fetchone() != (epoch,):
                raise StoreError(
                    "locked", f"{self._pool.path} was repaired by another process meanwhile: run verify again"
                )
            if not of_hub and (report.invalid or _has_gaps(db)):
                _rewrite_log(db, {rejection.place for rejection in report.invalid})
            if report.invalid:
                report.repaired.append(
                    f"{len(report.invalid)} invalid operations were taken out of the log, which has a new epoch now"
                )
            elif db.execute("SELECT epoch FROM replica").fetchone() != (epoch,):
                report.repaired.append(
                    "operations were missing from the log, which was closed up and has a new epoch now"
                )
            report.repaired += _rebuild(db)
            report.records = db.execute("SELECT count(*) FROM catalogue").fetchone()[0]
            db.execute("UPDATE replica SET rules_version = ?, index_version = ?", (RULES_VERSION, INDEX_VERSION))
        return report

    def quick_check(self) -> list[str]:
        """What SQLite finds wrong with the pages and rows of the database file; empty where it finds nothing."""
        with self._pool.read() as db:
            found = [str(said) for (said,) in db.execute(f"PRAGMA quick_check({_MOST_FAULTS})")]
        if found == ["ok"]:
            return []
        # What is wrong with a tree comes as many lines in one, the first of which names the database.
        return [line for said in found for line in said.splitlines() if not line.startswith("*** in database")] or found

    def bring_up_to_date(self, records: int) -> bool:
        """Bring up to date what depends on this program's version, of what is derived no more than of so many records;
        whether that is all.

        Raises:
            StoreError: as every write, but for what may pass: who only looks is not kept out by a full disk, or by
                another process that writes.
        """
        try:
            refresh_versions(self._pool)
        except StoreError as error:
            if error.code not in ("locked", "disk_full", "read_only"):
                raise
        with suppress(StoreError):
            return not make_index(self._pool, records)
        return False

    def pieces(self, records: Callable[[], int]) -> Iterator[None]:
        """Make anew what is derived, make what is kept of the log as a set and judge what is not judged, piece by
        piece.

        Args:
            records: of so many the next piece makes anew what is derived.
        """
        while make_index(self._pool, records()):
            yield
        while keep_some(self._pool):
            yield
        while judge_some(self._pool):
            yield


def refresh_versions(pool: Pool) -> None:
    """Bring up to date what depends on this program's version: remembered rejections are dropped when the rules have
    changed, and making anew what is derived is begun when its making has: `make_index` goes on with it.

    Where nothing has changed nothing is written, and no other process waited for."""
    # On a connection of its own: renaming a table leaves temporary storage in use, and `_rewrite_log` must choose it.
    with said_plainly(pool.path), closing(pool.connect()) as db:
        if db.execute("SELECT rules_version, index_version FROM replica").fetchone() == (RULES_VERSION, INDEX_VERSION):
            return
        db.execute("BEGIN IMMEDIATE")  # what fails is rolled back when the connection is closed
        rules, index = db.execute("SELECT rules_version, index_version FROM replica").fetchone()
        if rules != RULES_VERSION:
            db.execute("DELETE FROM rejected")
        if index != INDEX_VERSION:
            begin_index(db)
            word_notes_anew(db)
        db.execute("UPDATE replica SET rules_version = ?, index_version = ?", (RULES_VERSION, INDEX_VERSION))
        db.execute("COMMIT")


def make_index(pool: Pool, records: int) -> bool:
    """Go on with making anew what is derived of so many records, in one transaction; whether more are to come. Whatever
    ends the program between two calls, the next one goes on where the last one ended.

    Raises:
        StoreError: `locked` soon, as it can wait: others write.
    """
    with pool.write(patience=_INDEX_PATIENCE_SECONDS) as db:
        is_more = drop_words_aside(db)
        floor = indexed_from(db)
        if floor <= 1:
            return is_more
        rows = db.execute(
            f"SELECT o.body, {_COLUMNS} FROM catalogue c JOIN ops o ON o.idx = c.idx WHERE c.rid < ? "
            "ORDER BY c.rid DESC LIMIT ?",
            (floor, records),
        ).fetchall()
        texts: list[tuple[int, tuple[str, ...]]] = []
        counted: Counter[str] = Counter()
        linking = Linking()
        said = standings(db, [row[1 + _ID] for row in rows])
        for body, *before in reversed(rows):  # upwards, as an index is written in one go
            rid, _, code, *_ = before
            kind = KINDS_BY_CODE[code]
            derived = _derived(kind, body)
            if derived is None:
                continue
            derived = said.get(before[_ID], NO_STANDING).of(derived)
            beside = len(before) - len(derived.columns)
            if tuple(before[beside:]) != derived.columns:
                db.execute(INSERT_CATALOGUE, (*before[:beside], *derived.columns))
                counted.update(derived.counted)
                counted.subtract(counted_values(kind, tuple(before[beside:])))
            if kind == "agent":
                linking.prefers(rid, before[_OWNER], derived.prefers)
            texts.append((rid, derived.words))
        _index(db, texts)
        count_values(db, counted)
        linking.write(db, has_manifests=False)
        is_last = len(rows) < records
        index_reaches(db, 1 if is_last else rows[-1][1])
    return is_more or not is_last


# How: the log


def _compare_with_hub(view: HubView, progress: Progress, *, is_sound: bool) -> str:
    """Compare a view with the shared log by their chains, and make it anew from that where they differ: a sentence for
    that, empty where they do not.

    Args:
        is_sound: no operation of it breaks a rule.
    """
    fits = False
    try:
        size = view.follow(0).size
        fits = is_sound and view.chain_of_view(size) == view.chain_there(size)
    except StoreError as error:
        if error.code != "corrupt" and view.standing().code != "other_epoch":
            raise
    if fits:
        return ""
    remade = view.remake(progress)
    gone = f", which has {remade.gone} of its operations no more" if remade.gone else ""
    return f"this view differed from the hub's log{gone}: it was made anew from that"


def _check_log(db: sqlite3.Connection, report: VerifyReport, progress: Progress) -> Iterator[Rejection]:
    (size,) = db.execute("SELECT count(*) FROM ops").fetchone()
    bad: set[str] = set()
    start = -1
    while True:
        rows = db.execute(
            "SELECT o.idx, o.hash, o.clock, o.created_at, o.updated_at, o.body, k.kind, k.id, k.owner FROM ops o "
            "LEFT JOIN keys k USING (rid) WHERE o.idx > ? ORDER BY o.idx LIMIT ?",
            (start, _CHUNK),
        ).fetchall()
        if not rows:
            return
        start = rows[-1][0]
        batch = Batch(db)
        for idx, digest, clock, created_at, updated_at, body, kind, key, owner in rows:
            report.ops += 1
            try:
                if type(body) is not bytes:
                    raise OpError("malformed", "the operation's bytes are of another type")
                op = check_bytes(_exact(body))
                batch.load([op])
                _check_place(batch, op, idx, bad)
                found = check_against(op.claim, [ancestor for ancestor, _ in batch.ancestors(op)])
                beside = (digest, kind, key, owner, clock, created_at, updated_at)
                if _beside(found) != beside:
                    raise OpError("malformed", "the row beside the operation says something else")
            except RegistryError as error:
                bad.add(digest.hex())
                yield Rejection(idx, error.code, error.sentence)
        progress(report.ops, size)


def _exact(kept: bytes) -> bytes:
    try:
        return unpacked(kept)
    except ValueError as error:
        raise OpError("malformed", str(error)) from None


def _beside(op: Ancestor) -> tuple[bytes, int, bytes, bytes, int, int | None, int]:
    """What the columns beside a stored op must say."""
    key, owner = bytes.fromhex(op.key), bytes.fromhex(op.owner)
    return bytes.fromhex(op.hash), KIND_CODES[op.kind], key, owner, op.clock, op.created_at, op.updated_at


def _has_gaps(db: sqlite3.Connection) -> bool:
    """Whether operations are missing, in the middle or at the end: a peer may have read them under this epoch."""
    count, stop = db.execute("SELECT count(*), coalesce(max(idx) + 1, 0) FROM ops").fetchone()
    (size,) = db.execute("SELECT size FROM replica").fetchone()
    return bool(count != stop or count < size)


def _check_place(batch: Batch, op: Checked, idx: int, bad: set[str]) -> None:
    if batch.missing(op) or any(place >= idx for _, place in batch.ancestors(op)):
        raise OpError("child", "a child is missing, or stands after the operation that names it")
    if bad.intersection(op.children):
        raise OpError("child", "a child is not valid")


def _rewrite_log(db: sqlite3.Connection, invalid: set[int]) -> None:
    """The log without some of its ops.

    No more than a few thousand ops are in memory at a time, however long the log is.
    """
    # The copy goes to a file. Within a transaction SQLite accepts this only before the first temporary table, and this
    # is the only one that a writer makes.
    db.execute("PRAGMA temp_store = FILE")
    seen = ", ".join(
        f"(SELECT {column} FROM arrivals a WHERE a.idx <= o.idx ORDER BY a.idx DESC LIMIT 1) AS {column}"
        for column in FirstSeen._fields
    )
    state = "(SELECT state FROM elsewhere e WHERE e.idx = o.idx) AS state"
    db.execute(f"CREATE TEMP TABLE survivors AS SELECT idx, body, {seen}, {state} FROM ops o ORDER BY idx")
    db.executemany("DELETE FROM survivors WHERE idx = ?", ((idx,) for idx in invalid))
    (looked,) = db.execute("SELECT looked FROM replica").fetchone()
    clear_log(db, secrets.token_hex(16))
    db.execute("UPDATE replica SET looked = ?", (looked - sum(idx < looked for idx in invalid),))
    reading = db.execute(f"SELECT body, state, {', '.join(FirstSeen._fields)} FROM survivors ORDER BY idx")
    place = 0
    while rows := reading.fetchmany(_CHUNK):
        batch = Batch(db)
        for kept, _, *seen_then in rows:
            body = unpacked(kept)
            op = check_bytes(body)
            batch.load([op])
            batch.append(op, body, FirstSeen(*seen_then))
        batch.flush()
        restate(db, ((place + step, row[1]) for step, row in enumerate(rows)))
        place += len(rows)
    db.execute("DROP TABLE survivors")


# How: the derived tables


def _derived(kind: Kind, body: bytes) -> Derived | None:
    """What is derived from a stored operation; None where its bytes are spoilt, which is for `audit` to tell."""
    try:
        record = record_of(body)
        return None if record is None else derive(kind, record)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
        return None


def _index(db: sqlite3.Connection, texts: Sequence[tuple[int, tuple[str, ...]]]) -> None:
    """Put the words of records into the index, and learn them."""
    index_words(db, texts)
    learn(db, vocabulary_of(found for _, found in texts))


def _rebuild(db: sqlite3.Connection, *, mend: bool = True) -> list[str]:
    """Make heads, catalogue, words and counters anew from the log; the sentences say what differed. Without `mend`
    nothing is written."""
    wrong_heads: list[tuple[bool, int]] = []
    counts: dict[Kind, int] = {"model": 0, "agent": 0}
    conflicts = 0
    floor = judged_from(db)
    if mend:
        forget_all_words(db)
        index_reaches(db, 1)
    # Manifests come before records, by their rids, and what their rows say by then is what records are given.
    wrong_rows = 0
    for table in ("manifests", "digests"):
        without_key = f"FROM {table} WHERE rid NOT IN (SELECT rid FROM keys WHERE rid < 0)"
        wrong_rows += db.execute(f"SELECT count(*) {without_key}").fetchone()[0]
        if mend:
            db.execute(f"DELETE {without_key}")
    shown: set[int] = set()
    texts: list[tuple[int, tuple[str, ...]]] = []
    counted: Counter[str] = Counter()
    for rid, kind, key, owner, ops in _keys(db):
        current = {op.hash for op in heads(op for op, _ in ops)}
        stored: list[Stored] = []
        records: dict[int, Record | None] = {}
        for op, (idx, clock, was_head) in ops:
            is_head = op.hash in current
            if is_head:
                stored.append(Stored(idx, op.hash, op.is_rm, clock))
                records[idx] = op.record
            if is_head != was_head:
                wrong_heads.append((is_head, idx))
        best = winner(stored)
        live = sum(not head.is_rm for head in stored)
        if kind == "manifest":
            wrong_rows += _check_manifest(db, rid, owner, best, live, ops, mend=mend)
            continue
        if best is None:
            wrong_rows += check_links(db, rid, owner, (), mend=mend)
            continue
        record = records[best.idx]
        assert record is not None
        shown.add(rid)
        counts[kind] += 1
        given = standings(db, [key]).get(key, NO_STANDING)
        conflicts += live > 1 or given.heads > 1
        derived = given.of(derive(kind, record))
        wrong_rows += check_links(
            db, rid, owner, [Link(PREFERS, target, None) for target in derived.prefers], mend=mend
        )
        current = db.execute(f"SELECT {CATALOGUE_COLUMNS} FROM catalogue WHERE rid = ?", (rid,)).fetchone()
        invalid = derived.invalid
        if current is not None and (current[_INVALID] is None or rid < floor):
            invalid = current[_INVALID]  # what is not judged yet, or by the rules of before still, is nobody's fault
        elif current is not None and invalid is None:
            invalid = int(is_invalid(kind, record))
        values = (rid, best.idx, KIND_CODES[kind], key, owner, live, given.heads, invalid, *derived.columns)
        if current != values:
            wrong_rows += 1
            if mend:
                db.execute(INSERT_CATALOGUE, values)
        if mend:
            texts.append((rid, derived.words))
        if len(texts) == _CHUNK:
            _index(db, texts)
            texts.clear()
        counted.update(derived.counted)
    extra = [(rid,) for (rid,) in db.execute("SELECT rid FROM catalogue").fetchall() if rid not in shown]
    if mend:
        _index(db, texts)
        db.executemany("DELETE FROM catalogue WHERE rid = ?", extra)
        db.executemany("UPDATE ops SET is_head = ? WHERE idx = ?", wrong_heads)
    wrong_links = check_counting(db, mend=mend)
    found: list[str] = []

    def say(what: str, repair: str) -> None:
        found.append(f"{what} {repair}" if mend else what)

    if wrong_heads:
        say(f"{len(wrong_heads)} head marks were wrong", "and were set right")
    if wrong_rows or extra:
        say(f"{wrong_rows + len(extra)} catalogue rows were wrong", "and were made anew")
    if wrong_links:
        say(f"{wrong_links} links between records were wrong", "and were made anew")
    by_value = {field_and_value(key): records for key, records in counted.items()}
    if by_value != {(field, value): records for field, value, records in db.execute("SELECT * FROM counted")}:
        if mend:
            db.execute("DELETE FROM counted")
            count_values(db, counted)
        say("the numbers of records by value were wrong", "and were counted anew")
    if _recount(db, counts, conflicts, mend=mend):
        say("the counters were wrong", "and were counted anew")
    if check_sets(db, mend=mend):
        say(
            "what is kept of the log to compare it with others (set hash, symbols, root) did not fit it",
            "and was made anew",
        )
    return found


_Stated = Sequence[tuple[Op, tuple[int, int, bool]]]
_Keyed = tuple[int, OpKind, bytes, bytes, _Stated]


def _check_manifest(
    db: sqlite3.Connection, rid: int, owner: bytes, best: Stored | None, live: int, ops: _Stated, *, mend: bool
) -> bool:
    """Make the row of a manifest anew; whether it was wrong."""
    written = {idx: op.record for op, (idx, _, _) in ops if op.record is not None}
    place = max(written) if best is None else best.idx
    said = written[place]
    row = ManifestRow(rid, owner, None if best is None else place, live, manifest_columns(said))
    if is_stored(db, row) and not check_links(db, rid, owner, stated(row), mend=False):
        return False
    if mend:
        write_manifests(db, [row])
    return True


def _keys(db: sqlite3.Connection) -> Iterator[_Keyed]:
    reading = db.execute("SELECT rid, kind, id, owner FROM keys ORDER BY rid")
    for rid, kind, key, owner in reading.fetchall():
        rows = db.execute("SELECT idx, clock, is_head, body FROM ops WHERE rid = ? ORDER BY idx", (rid,))
        ops = [(parse_op(unpacked(body)), (idx, clock, bool(is_head))) for idx, clock, is_head, body in rows.fetchall()]
        yield rid, OP_KINDS_BY_CODE[kind], key, owner, ops


def _recount(db: sqlite3.Connection, counts: dict[Kind, int], conflicts: int, *, mend: bool) -> bool:
    size, total = 0, 0
    for (digest,) in db.execute("SELECT hash FROM ops"):
        size += 1
        total += int.from_bytes(digest, "big")
    right = (size, f"{total % 2**256:064x}", counts["model"], counts["agent"], conflicts)
    current = db.execute("SELECT size, fingerprint, models, agents, conflicts FROM replica").fetchone()
    if current == right:
        return False
    if mend:
        db.execute("UPDATE replica SET size = ?, fingerprint = ?, models = ?, agents = ?, conflicts = ?", right)
    return True
