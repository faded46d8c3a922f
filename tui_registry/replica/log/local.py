"""Local writes: read the heads, sign, append, all in one immediate transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from tui_registry.crdt.keys import Identity
from tui_registry.crdt.op import AnyOp, parse_op
from tui_registry.crdt.sign import chain_of_children, sign_rm, sign_up
from tui_registry.errors import ABSENT, KINDS, GivenManifest, InvalidRecord, Kind, OpKind, Record, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import ID_FIELD, NULL_HASH
from tui_registry.records.wire import derive_id, derive_manifest_id
from tui_registry.replica.catalogue.current import check_both_among, check_manifest_of, first_name
from tui_registry.replica.catalogue.derived import OP_KINDS_BY_CODE
from tui_registry.replica.log.append import Batch
from tui_registry.replica.log.batches import BESIDE, RecordChange, Together, mark_undone
from tui_registry.replica.log.first_seen import FirstSeen
from tui_registry.replica.log.imported import Comparison, Described, ImportRun, checked, compare, remember, told_apart
from tui_registry.replica.log.judge import check
from tui_registry.replica.log.record_history import same_content
from tui_registry.replica.log.turns import Once, Turns
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.key import Key
from tui_registry.replica.store.stored import record_of, stored_id, unpacked

Write = AnyOp
T = TypeVar("T")
Item = TypeVar("Item")


class TakenIn(NamedTuple):
    """What became of an entry of a source.

    Attributes:
        comparison: what it was to this replica, within the transaction; with what the authoring rules said of it.
        op: what was signed, None where nothing was.
        error: why what was to be signed was refused.
    """

    comparison: Comparison
    op: Write | None = None
    error: RegistryError | None = None


class LocalWrites:
    """Registering, editing, deleting. Every write is signed by this replica's key, and durable when a call returns."""

    def __init__(self, pool: Pool, turns: Turns, clock: Callable[[], int], key: Key) -> None:
        self._pool = pool
        self._turns = turns
        self._clock = clock
        self._key = key

    def add(self, kind: Kind, record: Record, once: Once | None = None, *, manifest: GivenManifest = ABSENT) -> Write:
        """Register a record, and what stands behind it: ids, owner and times are set here. Gives the record's
        operation.

        Args:
            once: the request that this answers: what came of it before is given, and nothing is written.

        Raises:
            StoreError: `already_registered`, `not_owner`, `changed`, `bad_key`, `key_reused`.
        """
        return self._write_once(once, lambda turn: turn.add(kind, record, manifest))

    def would_add(self, kind: Kind, record: Record) -> Record:
        """The record that `add` would sign just now, with its id, owner and times. Nothing is written.

        Raises:
            StoreError: `already_registered`, `not_owner`, `bad_key`.
        """
        identity = self._key.identity()
        with self._pool.read() as db:
            return _Turn(db, identity, self._clock, FirstSeen()).would_add(kind, record)

    def add_all(
        self, records: Sequence[tuple[Kind, Record, GivenManifest]], *, bulk: bool, together: Together | None = None
    ) -> list[Write | RegistryError]:
        """Register records in one transaction; gives the record's op or the error of each, in order.

        Args:
            records: each with what is to stand behind it.
            bulk: others are likely to follow.
            together: the writes that they are part of.
        """
        return self._write_all(records, lambda turn, item: turn.add_or_refuse(*item), bulk=bulk, together=together)

    def change_all(
        self, changes: Sequence[RecordChange], *, bulk: bool, together: Together
    ) -> list[Write | RegistryError]:
        """Write values of several records in one transaction; gives the op or the error of each, in order.

        Args:
            changes: no record twice.
            bulk: others are likely to follow.
        """
        return self._write_all(
            changes, lambda turn, change: turn.change_or_refuse(change), bulk=bulk, together=together
        )

    def take_in(
        self, entries: Sequence[Described], run: ImportRun, *, register: bool, update: bool, bulk: bool
    ) -> list[TakenIn]:
        """Register what is new and update what changed, and remember all that is here now, in one transaction.

        Args:
            register, update: as in `Datastore.take_in`.
            bulk: others are likely to follow.
        """
        wanted = {"new"} | ({"deleted"} if register else set()) | ({"changed"} if update else set())
        with self._pool.read() as db:
            if not self._key.known_address(db):
                # No key is made where nothing is to be signed
                named = told_apart(db, run, entries)
                found = compare(db, "", run, named)
                if not _signs(db, named, found, wanted):
                    return [_left(db, entry, comparison) for entry, comparison in zip(named, found, strict=True)]
        identity = self._key.identity()
        claims = run.claims()

        def write(db: sqlite3.Connection, some: Sequence[Described]) -> tuple[list[TakenIn], int | None]:
            run.give_up(claims)
            named = told_apart(db, run, some)
            found = compare(db, identity.address, run, named)
            number = run.together.number
            if number is None and run.together.label and _signs(db, named, found, wanted):
                number = _new_batch(db, run.together.label)
            turn = self._turn(db, identity, number)
            taken: list[TakenIn] = []
            for entry, comparison in zip(named, found, strict=True):
                outcome = TakenIn(comparison)
                if comparison.found in wanted:
                    outcome = turn.take_in(entry, comparison)
                signed = outcome.op if outcome.op is not None and outcome.op.kind != "manifest" else None
                identifier = comparison.id if signed is None else signed.key
                if outcome.op is not None and identifier is not None:
                    run.claim(entry, identifier)
                # What stays as a person edited it is told until `update` takes the rest
                same = comparison.found == "same" and (update or not comparison.edited)
                if identifier is not None and (outcome.op is not None or same):
                    remember(db, entry, identifier, self._clock())
                taken.append(outcome)
            turn.flush()
            return taken, number

        every: list[TakenIn] = []
        try:
            for given, number in self._turns.in_parts(entries, write, bulk=bulk):
                every += given
                claims, run.together.number = run.claims(), number
        except StoreError as error:
            raise error.after(sum(one.op is not None for one in every)) from error
        return every

    def mark_undone(self, batch: int) -> None:
        """Note that a batch was taken back."""
        with self._pool.write() as db:
            mark_undone(db, batch)

    def update(
        self,
        kind: Kind,
        identifier: str,
        record: Record,
        seen: Collection[str],
        once: Once | None = None,
        *,
        manifest: GivenManifest = ABSENT,
        manifest_seen: Collection[str] = (),
    ) -> Write:
        """Write a new value on top of the heads that the caller was shown, and what stands behind the record; gives
        the record's operation.

        Args:
            once: as for `add`.
            manifest: one that says what the present one says is not written again.
            manifest_seen: the heads of the manifest that the caller was shown, none where it has none.

        Raises:
            StoreError: `not_found`, `not_owner`, `conflict`, `changed`, `bad_key`, `key_reused`.
        """

        def write(turn: _Turn) -> Write:
            known = turn.existing(kind, identifier, seen)
            return turn.write_both(known, record, manifest, manifest_seen)

        return self._write_once(once, write)

    def delete(self, kind: Kind, identifier: str, seen: Collection[str], once: Once | None = None) -> Write:
        """Remove what the caller was shown, and the manifest of the record with it.

        Args:
            once: as for `add`.

        Raises:
            StoreError: `not_found`, `not_owner`, `conflict`, `changed`, `bad_key`, `key_reused`.
        """
        return self._write_once(once, lambda turn: turn.delete(turn.existing(kind, identifier, seen)))

    def resolve(
        self, kind: Kind, identifier: str, record: Record | None, seen: Collection[str], once: Once | None = None
    ) -> Write:
        """Settle the live versions that the caller was shown: with a value, or with None by a removal.

        Args:
            once: as for `add`.

        Raises:
            StoreError: `not_found`, `not_owner`, `changed`, `no_conflict`, `bad_key`, `key_reused`.
        """
        return self._write_once(once, lambda turn: turn.settle(turn.in_conflict(kind, identifier, seen), record))

    def set_manifest(self, record_id: str, manifest: Record, seen: Collection[str], once: Once | None = None) -> Write:
        """Write what stands behind a record of this key's: ids, owner, the record's kind and first name, and times are
        set here.

        Args:
            seen: the heads of its manifest that the caller was shown, none where it has none.
            once: as for `add`.

        Raises:
            StoreError: `not_found`, `not_owner`, `conflict`, `changed`, `bad_key`, `key_reused`.
        """
        return self._write_once(once, lambda turn: turn.set_manifest(record_id, manifest, seen))

    def delete_manifest(self, record_id: str, seen: Collection[str], once: Once | None = None) -> Write:
        """Remove the manifest of a record; arguments and errors as for `set_manifest`."""
        return self._write_once(
            once, lambda turn: turn.remove(turn.existing("manifest", derive_manifest_id(record_id), seen))
        )

    def resolve_manifest(
        self, record_id: str, manifest: Record | None, seen: Collection[str], once: Once | None = None
    ) -> Write:
        """Settle the live versions of a manifest, as `resolve` does those of a record."""
        return self._write_once(once, lambda turn: turn.settle_manifest(record_id, manifest, seen))

    def _write_all(
        self, items: Sequence[Item], deed: Callable[[_Turn, Item], T], *, bulk: bool, together: Together | None
    ) -> list[T]:
        identity = self._key.identity()

        def write(db: sqlite3.Connection, some: Sequence[Item]) -> tuple[list[T], int | None]:
            number = None if together is None else together.number or _new_batch(db, together.label)
            return self._in_turn(db, identity, number, lambda turn: [deed(turn, item) for item in some]), number

        outcomes: list[T] = []
        try:
            for given, number in self._turns.in_parts(items, write, bulk=bulk):
                outcomes += given
                if together is not None:
                    together.number = number
        except StoreError as error:
            raise error.after(sum(not isinstance(outcome, RegistryError) for outcome in outcomes)) from error
        return outcomes

    def _write_once(self, once: Once | None, deed: Callable[[_Turn], Write]) -> Write:
        """Do a deed, and remember of which request it came; where that was done before, give what came of it."""
        identity = self._key.identity()

        def write(db: sqlite3.Connection) -> Write:
            return self._in_turn(db, identity, None, deed)

        return self._turns.run(write) if once is None else self._turns.run_once(once, write)

    def _in_turn(self, db: sqlite3.Connection, identity: Identity, batch: int | None, deed: Callable[[_Turn], T]) -> T:
        turn = self._turn(db, identity, batch)
        outcome = deed(turn)
        turn.flush()
        return outcome

    def _turn(self, db: sqlite3.Connection, identity: Identity, batch: int | None) -> _Turn:
        moment = self._turns.moment
        seen = FirstSeen(self._clock() if moment is None else moment, None, batch)
        return _Turn(db, identity, self._clock, seen)


# How


def _signs(
    db: sqlite3.Connection, entries: Sequence[Described], found: Sequence[Comparison], wanted: Collection[str]
) -> bool:
    """Whether anything of what is wanted may be signed by the authoring rules."""
    meant = ((entry, one) for entry, one in zip(entries, found, strict=True) if one.found in wanted)
    return any(not _is_refused(checked(db, entry, one)) for entry, one in meant)


def _names_others(record: Record, manifest: GivenManifest) -> bool:
    """Whether a record or its manifest names other records, which the rules ask for."""
    behind = manifest if isinstance(manifest, dict) else {}
    return bool(record.get("preferred_models") or behind.get("required_models") or behind.get("superseded_by"))


def _is_refused(compared: Comparison) -> bool:
    return any(problem.severity == "error" for problem in compared.problems)


def _left(db: sqlite3.Connection, entry: Described, comparison: Comparison) -> TakenIn:
    """An entry of which nothing is signed."""
    compared = checked(db, entry, comparison)
    return TakenIn(compared, error=InvalidRecord(compared.problems) if _is_refused(compared) else None)


class _Head(NamedTuple):
    hash: str
    is_rm: bool
    clock: int
    created_at: int
    updated_at: int


class _Subject(NamedTuple):
    """A record that has a manifest or gets one: its first name, and Unix seconds."""

    kind: Kind
    id: str
    name: str
    created_at: int


class _Known(NamedTuple):
    """A key of the log, live or deleted; `record` is its id, of a manifest that of its record."""

    kind: OpKind
    id: str
    owner: str
    heads: list[_Head]
    record: str

    @property
    def live(self) -> int:
        """How many versions are live."""
        return sum(not head.is_rm for head in self.heads)

    @property
    def words(self) -> str:
        return f"{'the manifest of' if self.kind == 'manifest' else self.kind} {self.record[:12]}"

    @property
    def settle(self) -> str:
        """The command that settles a conflict of it."""
        return f"{'manifest ' if self.kind == 'manifest' else ''}resolve {self.record[:12]}"


class _Turn:
    """One write transaction: operations are signed and taken one after the other, and written together by `flush`.

    Nobody else writes to the connection meanwhile. What is refused leaves the turn as it was.
    """

    def __init__(self, db: sqlite3.Connection, identity: Identity, clock: Callable[[], int], seen: FirstSeen) -> None:
        self._db = db
        self._identity = identity
        self._clock = clock
        self._batch = Batch(db)
        self._counter = _next_counter(db, identity)
        self._seen = seen
        # Of a kind and name, the last second that was not free: a thousand of one name do not each try all before it
        self._taken: dict[tuple[Kind, str], int] = {}

    def flush(self) -> None:
        """Write what was taken."""
        self._batch.flush()

    def existing(self, kind: OpKind, identifier: str, seen: Collection[str]) -> _Known:
        """A record of this key's that is as the caller was shown it, in one version.

        Whoever names all heads of several versions proves nothing: an entry gives the heads of all, and the value of
        one. So nobody settles a conflict in passing.
        """
        known = self._ours(kind, identifier)
        if known.live > 1:
            raise StoreError(
                "conflict",
                f"{known.words} is in conflict, {known.live} versions of it are live: look at what differs and settle "
                f"it first (`{known.settle}`). Nothing was written, and no version is lost",
            )
        _check_seen(known, seen)
        return known

    def in_conflict(self, kind: OpKind, identifier: str, seen: Collection[str]) -> _Known:
        """A record of this key's with several live versions, which are those that the caller was shown."""
        known = self._ours(kind, identifier)
        _check_seen(known, seen)
        if known.live < 2:
            raise StoreError("no_conflict", f"{known.words} is not in conflict: there is nothing to settle")
        return known

    def add(self, kind: Kind, record: Record, manifest: GivenManifest = ABSENT) -> Write:
        """Sign and take a record, and what stands behind it; gives the record's.

        A record without an id gets one from the clock, or the next free second; an id deleted here is registered again
        on top of its removal; an unknown id gives way to a new one.

        Raises:
            StoreError: `already_registered`, `not_owner`; `changed`: a manifest is here that nobody was shown.
        """
        identifier = str(record[ID_FIELD[kind]])
        if identifier != NULL_HASH and self._batch.has_key(identifier):
            # Its heads are read from the log, so what was taken before must be written.
            self.flush()
            known = _read_known(self._db, identifier)
            if known is not None and known.kind == kind:
                self._expect_removed(known)
                return self.write_both(known, record, manifest, ())
        value = self._as_new(kind, record)
        subject = _Subject(kind, str(value[ID_FIELD[kind]]), str(value["name"]), int(str(value["created_at"])))
        beside = self._manifest_deed(subject, manifest, ())
        with self._as_one(beside):
            return self._take(sign_up(self._identity, kind, value, counter=self._counter))

    def would_add(self, kind: Kind, record: Record) -> Record:
        """The record that `add` would sign; nothing is taken."""
        known = _read_known(self._db, str(record[ID_FIELD[kind]]))
        if known is None or known.kind != kind:
            return self._as_new(kind, record)
        self._expect_removed(known)
        return self._value_after(known, record)

    def add_or_refuse(self, kind: Kind, record: Record, manifest: GivenManifest = ABSENT) -> Write | RegistryError:
        """`add` after the authoring rules, with the errors of this one record as a value."""
        if _names_others(record, manifest):
            self.flush()  # they may be among the records before
        problems = check_both_among(self._db, kind, record, manifest)
        if any(problem.severity == "error" for problem in problems):
            return InvalidRecord(tuple(problems))
        try:
            return self.add(kind, record, manifest)
        except StoreError as error:
            return error

    def take_in(self, entry: Described, comparison: Comparison) -> TakenIn:
        """Register what an entry describes, or write what changed in its record; an error of this one is a value."""
        if _names_others(entry.record, entry.manifest):
            self.flush()  # they may be among the records before
        compared = checked(self._db, entry, comparison)
        if compared.record is None:
            return TakenIn(compared)
        if _is_refused(compared):
            return TakenIn(compared, error=InvalidRecord(compared.problems))
        try:
            if compared.found != "changed" or compared.id is None:
                return TakenIn(compared, self.add(entry.kind, compared.record, compared.manifest))
            if same_content(compared.before, compared.record) and compared.manifest is not ABSENT:
                return TakenIn(compared, self._manifest_alone(compared.id, compared.manifest, compared.manifest_heads))
            known = self.existing(entry.kind, compared.id, compared.heads)
            op = self.write_both(known, compared.record, compared.manifest, compared.manifest_heads)
            return TakenIn(compared, op)
        except StoreError as error:
            return TakenIn(compared, error=error)

    def _manifest_alone(self, record_id: str, manifest: Record | None, seen: Collection[str]) -> Write:
        """Write what stands behind a record that stays as it is, or remove it."""
        if manifest is None:
            return self.remove(self.existing("manifest", derive_manifest_id(record_id), seen))
        return self.set_manifest(record_id, manifest, seen)

    def change_or_refuse(self, change: RecordChange) -> Write | RegistryError:
        """Write a value, bring a record back or remove it; an error of this one record is a value."""
        kind, identifier, record, seen = change[:4]
        try:
            if kind == "manifest":
                return self._change_manifest(change)
            if record is None:
                return self.delete(self.existing(kind, identifier, seen))
            known = _read_known(self._db, identifier)
            if known is None or not known.live:
                return self.add_or_refuse(kind, record, change.manifest)
            problems = check_both_among(self._db, kind, record, change.manifest)
            if any(problem.severity == "error" for problem in problems):
                return InvalidRecord(tuple(problems))
            known = self.existing(kind, identifier, seen)
            return self.write_both(known, record, change.manifest, change.manifest_seen)
        except StoreError as error:
            return error

    def _change_manifest(self, change: RecordChange) -> Write | RegistryError:
        self.flush()  # its record may be among those before
        if change.record is None:
            return self.remove(self.existing(change.kind, change.id, change.seen))
        subject = str(change.record["subject_id"])
        problems = check_manifest_of(self._db, subject, change.record)
        if any(problem.severity == "error" for problem in problems):
            return InvalidRecord(tuple(problems))
        return self.set_manifest(subject, change.record, change.seen)

    def set_manifest(self, record_id: str, manifest: Record, seen: Collection[str]) -> Write:
        """Sign and take what stands behind a live record: the first version, or one on top of the heads that the
        caller was shown."""
        subject = self._live_subject(record_id)
        known = self._manifest_seen(record_id, seen)
        standing = None if known is None else _standing(self._db, known, self._manifest_value(subject, manifest))
        return standing or self._signs_manifest(subject, manifest, known)

    def settle_manifest(self, record_id: str, manifest: Record | None, seen: Collection[str]) -> Write:
        """Sign and take what settles the live versions of a manifest: a value for a live record, or a removal."""
        known = self.in_conflict("manifest", derive_manifest_id(record_id), seen)
        if manifest is None:
            return self.remove(known)
        return self._signs_manifest(self._live_subject(record_id), manifest, known)

    def _live_subject(self, record_id: str) -> _Subject:
        known = _read_known(self._db, record_id)
        if known is None or known.kind not in KINDS or not known.live:
            raise StoreError("not_found", f"there is no record {record_id[:12]} here: it may have been deleted")
        self._check_owner(known)
        return self._subject(known)

    def write_both(
        self, known: _Known, record: Record, manifest: GivenManifest, manifest_seen: Collection[str]
    ) -> Write:
        """Sign and take a new value of a record, and what is to stand behind it; gives the record's, which is the one
        that is there where it says the same: that is not signed again.

        Raises:
            StoreError: `conflict`, `changed`: of the manifest; nothing was taken then.
        """
        beside = None if manifest is ABSENT else self._manifest_deed(self._subject(known), manifest, manifest_seen)
        standing = _standing(self._db, known, self._value_after(known, record))
        if standing is not None:
            if beside is not None:
                beside()
            return standing
        with self._as_one(beside):
            return self.write(known, record)

    def _manifest_deed(
        self, subject: _Subject, manifest: GivenManifest, seen: Collection[str]
    ) -> Callable[[], Write] | None:
        """What writes a manifest, looked at before its record is taken; None where there is nothing to write."""
        if manifest is ABSENT:
            return None
        known = self._manifest_seen(subject.id, seen)
        if manifest is None:
            return None if known is None or not known.live else lambda: self.remove(known)
        if known is not None and _standing(self._db, known, self._manifest_value(subject, manifest)) is not None:
            return None
        return lambda: self._signs_manifest(subject, manifest, known)

    def _manifest_seen(self, record_id: str, seen: Collection[str]) -> _Known | None:
        """The manifest of a record, which is as the caller was shown it; None where there never was one."""
        known = _read_known(self._db, derive_manifest_id(record_id))
        if known is None and seen:
            raise _changed(f"the manifest of {record_id[:12]}")
        if known is not None and known.live:
            return self.existing("manifest", known.id, seen)
        if known is not None and seen:
            _check_seen(known, seen)
        return known

    def _signs_manifest(self, subject: _Subject, manifest: Record, known: _Known | None) -> Write:
        value = self._manifest_value(subject, manifest)
        if known is not None:
            return self.write(known, value)
        return self._take(sign_up(self._identity, "manifest", value, counter=self._counter))

    def _manifest_value(self, subject: _Subject, manifest: Record) -> Record:
        return {
            **manifest,
            "manifest_id": derive_manifest_id(subject.id),
            "owner_id": self._identity.address,
            "subject_id": subject.id,
            "subject_kind": subject.kind.capitalize(),
            "subject_name": subject.name,
            "created_at": subject.created_at,
            "updated_at": max(self._clock(), subject.created_at),
        }

    def _subject(self, known: _Known) -> _Subject:
        assert known.kind != "manifest"
        return _Subject(known.kind, known.id, first_name(self._db, known.id) or "", known.heads[0].created_at)

    @contextmanager
    def _as_one(self, beside: Callable[[], Write] | None) -> Iterator[None]:
        """Take what is taken in the block, and then the manifest beside it: they are undone as one."""
        if beside is None:
            yield
            return
        alone = self._seen
        if alone.batch is None:
            self._seen = alone._replace(batch=_new_batch(self._db, BESIDE))
        yield
        beside()
        self._seen = alone

    def delete(self, known: _Known) -> Write:
        """Sign and take the removal of a record and its manifest, whatever versions that has; gives the record's."""
        manifest = _read_known(self._db, derive_manifest_id(known.id))
        if manifest is not None and manifest.live:
            self.remove(manifest)
        return self.remove(known)

    def write(self, known: _Known, record: Record) -> Write:
        """Sign and take a new value on top of all heads."""
        value = self._value_after(known, record)
        return self._take_chain(
            known,
            lambda children, clock: sign_up(
                self._identity, known.kind, value, children=children, clock=clock, counter=self._counter
            ),
        )

    def settle(self, known: _Known, record: Record | None) -> Write:
        """`write`, or `remove` where there is to be no record."""
        return self.remove(known) if record is None else self.write(known, record)

    def remove(self, known: _Known) -> Write:
        """Sign and take a removal of all heads."""
        updated_at = self._time_after(known)
        return self._take_chain(
            known,
            lambda children, clock: sign_rm(
                self._identity, known.kind, known.id, children=children, clock=clock, updated_at=updated_at
            ),
        )

    def _ours(self, kind: OpKind, identifier: str) -> _Known:
        known = _read_known(self._db, identifier)
        if known is None or known.kind != kind or not known.live:
            what = f"there is no {kind} {identifier[:12]}" if kind != "manifest" else "it has no manifest"
            raise StoreError("not_found", f"{what} here: it may have been deleted")
        self._check_owner(known)
        return known

    def _value_after(self, known: _Known, record: Record) -> Record:
        return {
            **record,
            ID_FIELD[known.kind]: known.id,
            "owner_id": self._identity.address,
            "created_at": known.heads[0].created_at,
            "updated_at": self._time_after(known),
        }

    def _expect_removed(self, known: _Known) -> None:
        if known.live:
            raise StoreError(
                "already_registered",
                f"{known.words} is registered already: update it, or leave out the id for a new one",
            )
        self._check_owner(known)

    def _as_new(self, kind: Kind, record: Record) -> Record:
        address, name = self._identity.address, str(record["name"])
        second = max(self._clock(), self._taken.get((kind, name), -1) + 1)
        while self._batch.has_key(identifier := derive_id(kind, address, name, second)):
            second += 1
        self._taken[kind, name] = second
        ours: Record = {ID_FIELD[kind]: identifier, "owner_id": address, "created_at": second, "updated_at": second}
        return {**record, **ours}

    def _check_owner(self, known: _Known) -> None:
        if known.owner != self._identity.address:
            raise StoreError(
                "not_owner",
                f"{known.words} belongs to 0x{known.owner}, not to this replica's key: "
                "duplicate it as a new record instead",
            )

    def _time_after(self, known: _Known) -> int:
        return max(self._clock(), *(head.updated_at for head in known.heads))

    def _take_chain(self, known: _Known, sign: Callable[[Sequence[str], int], Write]) -> Write:
        """Take the operations that together name all heads, as one alone may name only so many; gives the last."""
        clocks = {head.hash: head.clock for head in known.heads}
        ops: list[Write] = []
        clock = 0
        for children in chain_of_children([*clocks]):
            clock = 1 + max(clock, *(clocks[child] for child in children))
            ops.append(self._take(sign([*children, *(op.hash for op in ops[-1:])], clock)))
        return ops[-1]

    def _take(self, op: Write) -> Write:
        checked = check(op)
        if op.children:
            self._batch.load([checked])
        self._batch.append(checked, op.body, self._seen)
        self._counter += 1
        return op


def _new_batch(db: sqlite3.Connection, label: str) -> int:
    (number,) = db.execute("INSERT INTO batches (label) VALUES (?) RETURNING batch", (label,)).fetchone()
    return int(number)


def _check_seen(known: _Known, seen: Collection[str]) -> None:
    if {head.hash for head in known.heads} != set(seen):
        raise _changed(known.words)


def _changed(what: str) -> StoreError:
    return StoreError("changed", f"{what} has changed since it was read: look at it again, then repeat the change")


def _standing(db: sqlite3.Connection, known: _Known, value: Record) -> Write | None:
    """What wrote the one head of a key, where it says just that, but for when."""
    if len(known.heads) != 1 or not known.live:
        return None
    (kept,) = db.execute("SELECT body FROM ops WHERE hash = ?", (bytes.fromhex(known.heads[0].hash),)).fetchone()
    return parse_op(unpacked(kept)) if same_content(record_of(kept), value) else None


def _read_known(db: sqlite3.Connection, identifier: str) -> _Known | None:
    row = db.execute("SELECT rid, kind, owner FROM keys WHERE id = ?", (stored_id(identifier),)).fetchone()
    if row is None:
        return None
    rid, kind, owner = row
    subject = None
    if OP_KINDS_BY_CODE[kind] == "manifest":
        subject = db.execute("SELECT subject FROM manifests WHERE rid = ?", (rid,)).fetchone()
    rows = db.execute(
        "SELECT hash, is_rm, clock, created_at, updated_at FROM ops WHERE rid = ? AND is_head = 1", (rid,)
    )
    heads = [_Head(digest.hex(), bool(is_rm), *rest) for digest, is_rm, *rest in rows]
    return _Known(OP_KINDS_BY_CODE[kind], identifier, owner.hex(), heads, subject[0].hex() if subject else identifier)


def _next_counter(db: sqlite3.Connection, identity: Identity) -> int:
    row = db.execute("SELECT ops FROM owners WHERE address = ?", (bytes.fromhex(identity.address),)).fetchone()
    return 1 + (0 if row is None else int(row[0]))
