"""Importing twice is importing once: what a source describes is the record that it came to here, or a new one.

A table of this replica's own, which is never synced, remembers of each entry of a source which record it came to and
what the source said of it last. By that, what is described again is told apart into what the source changed and what
was changed here: what the source changed is taken, what a person edited stays. Nothing here signs.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from tui_registry.errors import ABSENT, GivenManifest, InvalidRecord, Json, Kind, Problem, Record
from tui_registry.frozen import NamedTuple
from tui_registry.records.as_written import read_record
from tui_registry.records.merging import differing, merge, paths, value_at
from tui_registry.records.schema import ID_FIELD, MANIFEST_FIELDS, MAX_OP_BYTES, NULL_HASH, defaults
from tui_registry.replica.catalogue.current import check_both_among, revision_of, revision_with
from tui_registry.replica.catalogue.derived import KIND_CODES, KINDS_BY_CODE, variant_text
from tui_registry.replica.catalogue.resembling import Like, resembled
from tui_registry.replica.log.batches import Together
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.key import Key
from tui_registry.replica.store.stored import read_heads, record_of, stored_id

# `new` is nowhere here; `same` is here as it is described; `changed` is here, and described otherwise; `deleted` was
# here and was deleted; `kept` stays as it is, for the reason given.
Found: TypeAlias = Literal["new", "same", "changed", "deleted", "kept"]


class Described(NamedTuple):
    """One entry of a source, as the source describes it. `ImportRun.describe` makes it.

    Attributes:
        source: the absolute path of a file or folder, or an address; empty where nothing can be remembered (stdin).
        entry: what names it in the source, the same when a list is put in another order; empty where it is all there.
        called: the same without the number that it has where several are called so.
        record: the draft, with what a person set.
        said: the draft as the source has it.
        stated: the fields that the source states, and those that a person set: of others it says nothing.
        chosen: the fields that a person set: they win.
        heads, revision: the version that it is a copy of, where it is an export and says so.
        problems: what keeps it from being registered as it is, such as a field that a person must give a value.
        manifest: what is to stand behind it, where the source says so.
        manifest_stated: the fields of the manifest that the source states.
        manifest_wins: what is stated of the manifest is how it is to be, whatever was edited here.
    """

    source: str
    entry: str
    called: str
    kind: Kind
    record: Record
    said: Record
    stated: frozenset[str]
    chosen: frozenset[str] = frozenset()
    heads: tuple[str, ...] = ()
    revision: str | None = None
    problems: tuple[Problem, ...] = ()
    manifest: GivenManifest = ABSENT
    manifest_stated: frozenset[str] = frozenset()
    manifest_wins: bool = False


class FieldChange(NamedTuple):
    """A field that would change, or did; of a manifest its path begins with `manifest.`"""

    path: str
    before: Json
    after: Json


class Comparison(NamedTuple):
    """What an entry is to this replica.

    Attributes:
        id: of the record that it describes; None for what is `new`, and where several records may be meant.
        heads: of that record, as it was compared.
        before: that record as it is here.
        record: as it would be signed.
        edited: the fields that the source has otherwise and a person edited here: they stay. Those of the manifest
            begin with `manifest.`; `manifest` alone is one that a person wrote, or took away, as a whole.
        reason: why it is `deleted` or `kept`.
        problems: what keeps `record` from being signed, and what the authoring rules say of it.
        manifest: what would stand behind it; `ABSENT` where that stays as it is. manifest_before, manifest_heads: the
            manifest that is here, None for none, and its heads, as it was compared.
        like: whose name the name of what is `new` looks like.
    """

    found: Found
    id: str | None = None
    heads: tuple[str, ...] = ()
    before: Record | None = None
    record: Record | None = None
    edited: tuple[str, ...] = ()
    reason: StoreError | None = None
    problems: tuple[Problem, ...] = ()
    manifest: GivenManifest = ABSENT
    manifest_before: Record | None = None
    manifest_heads: tuple[str, ...] = ()
    like: Like | None = None

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """What signing would change in the record, field by field; none but of what is `changed`."""
        if self.found != "changed" or self.before is None or self.record is None:
            return ()
        return tuple(FieldChange(found.path, *found.values) for found in differing(None, [self.before, self.record]))

    @property
    def manifest_changes(self) -> tuple[FieldChange, ...]:
        """The same of its manifest. Where one is made or taken away, the other side is as a manifest that says nothing
        is."""
        if self.found != "changed" or self.manifest is ABSENT:
            return ()
        nothing = defaults("manifest")
        before, after = self.manifest_before or nothing, self.manifest or nothing
        changed = [field for field in _BEHIND if before[field] != after[field]]
        return tuple(FieldChange(f"manifest.{field}", before[field], after[field]) for field in changed)


class ImportRun:
    """One import, over however many steps: no two of its entries are the same record, and its writes are one batch.

    Attributes:
        source: what is imported: the absolute path of a file or folder, or an address; empty where there is none, and
            then nothing is remembered.
        together: its writes, which are undone as one if they have a label.
    """

    def __init__(self, source: str, label: str = "") -> None:
        self.source = source.rstrip("/") or source
        self.together = Together(label)
        self._described: set[_EntryKey] = set()
        # Entry as it was described -> the name that it is remembered by, and which of those are taken
        self._names: dict[_EntryKey, str] = {}
        self._taken: set[_EntryKey] = set()
        # Record -> the entry that it is in this import
        self._claims: dict[str, _EntryKey] = {}
        # What is remembered of entries that changed their places; None of one whose place another had
        self._moved: dict[_EntryKey, _Row | None] = {}

    def describe(
        self,
        source: str,
        entry: str | None,
        kind: Kind,
        record: Record,
        *,
        stated: Collection[str],
        said: Record | None = None,
        chosen: Collection[str] = (),
        heads: Sequence[str] = (),
        revision: str | None = None,
        problems: Sequence[Problem] = (),
        manifest: GivenManifest = ABSENT,
        manifest_stated: Collection[str] | None = None,
        manifest_wins: bool = False,
    ) -> Described:
        """An entry, to be compared and taken in. Call it once for each, in the order of the source: what one source
        has several times under one name is numbered.

        Args:
            entry: what names it in the source; empty where it is all there, None where the draft's own name, version
                and quantisation must do.
            stated: the fields that the source states; those that are no fields of an author are left out.
            said: the draft as the source has it, where a person set something in `record`.
            chosen: the fields that the person set.
            manifest: what is to stand behind it, `ABSENT` where the source says nothing of it.
            manifest_stated: the fields of it that the source states; None for all.
            manifest_wins: they are how it is to be, whatever was edited here.
        """
        draft = record if said is None else said
        source, first = _stored_text(source), _stored_text("\t".join(_identity(draft)) if entry is None else entry)
        name, number = first, 1
        while (source, name) in self._described:
            number += 1
            name = _numbered(first, number)
        if source:
            self._described.add((source, name))
        # A struct that was set as a whole is set where it says something else
        set_here = frozenset(
            path
            for path in (_authors(kind) if chosen else ())
            if path in chosen or (path.partition(".")[0] in chosen and value_at(record, path) != value_at(draft, path))
        )
        return Described(
            source,
            name,
            first,
            kind,
            record,
            draft,
            _authors(kind).intersection(stated) | set_here,
            set_here,
            tuple(heads),
            revision,
            tuple(problems),
            manifest,
            frozenset(_BEHIND if manifest_stated is None else set(_BEHIND).intersection(manifest_stated))
            if isinstance(manifest, dict)
            else frozenset(),
            manifest_wins,
        )

    def name(self, entry: Described, name: str) -> None:
        """Keep by which name an entry is remembered: no other entry of this import is."""
        self._names[entry.source, entry.entry] = name
        self._taken.add((entry.source, name))

    def name_of(self, entry: Described) -> str | None:
        """By which name an entry is remembered, None while that is not known."""
        return self._names.get((entry.source, entry.entry))

    def is_free(self, source: str, name: str) -> bool:
        """Whether no entry of this import is remembered by that name."""
        return (source, name) not in self._taken

    def move(self, entry: _EntryKey, source: _EntryKey, row: _Row) -> None:
        """Keep that an entry is what another place had before."""
        self._moved[entry] = row
        self._moved.setdefault(source, None)

    def moved(self, entry: _EntryKey, row: _Row | None) -> _Row | None:
        """What is remembered of an entry, by what is remembered of its place."""
        return self._moved.get(entry, row)

    def has_moved(self, entry: _EntryKey) -> bool:
        """Whether an entry is what another place had before."""
        return self._moved.get(entry) is not None

    def claim(self, entry: Described, identifier: str) -> None:
        """Keep that an entry is a record: no other entry of this import is."""
        self._claims[identifier] = (entry.source, entry.entry)

    def claims(self) -> int:
        """How many records are claimed; for `give_up`."""
        return len(self._claims)

    def give_up(self, claims: int) -> None:
        """Claim no more than the first so many: what claimed the others was rolled back."""
        while len(self._claims) > claims:
            self._claims.popitem()

    def may_be(self, entry: Described, identifier: str) -> bool:
        """Whether no other entry of this import is that record."""
        key = (entry.source, entry.entry)
        return self._claims.get(identifier, key) == key

    def holds(self, source: str) -> bool:
        """Whether a source is a part of what is imported: its entries come by themselves, if they are still there."""
        within = source == self.source or source.startswith(f"{self.source.rstrip('/')}/")
        return bool(self.source) and within and ("://" in source or os.path.lexists(source))


class Imports:
    """What sources described before, and what is described again."""

    def __init__(self, pool: Pool, clock: Callable[[], int], key: Key) -> None:
        self._pool = pool
        self._clock = clock
        self._key = key

    def compare(self, run: ImportRun, entries: Sequence[Described]) -> list[Comparison]:
        """What each of the entries is to this replica, with what the authoring rules say of what would be signed.
        Nothing is written.

        Raises:
            StoreError: the database cannot be read.
        """
        with self._pool.read() as db:
            entries = told_apart(db, run, entries)
            found = compare(db, self._key.known_address(db), run, entries)
            return [checked(db, entry, comparison) for entry, comparison in zip(entries, found, strict=True)]

    def remember(self, entry: Described, identifier: str) -> None:
        """Keep which record an entry came to, where a person signed it by hand, such as in a form. Where no manifest
        was signed with it, what the source says of that is still to come.

        Raises:
            StoreError: the database cannot be written.
        """
        with self._pool.write() as db:
            behind = db.execute("SELECT 1 FROM manifests WHERE subject = ?", (stored_id(identifier),)).fetchone()
            said = entry if behind is not None else entry._replace(manifest=ABSENT, manifest_stated=frozenset())
            remember(db, said, identifier, self._clock())


def told_apart(db: sqlite3.Connection, run: ImportRun, entries: Iterable[Described]) -> list[Described]:
    """The entries by the names that they are remembered by.

    Where a source has several of one name, their numbers are no names: whatever order they come in, and however many
    came or went between them, each is the one that said the same the last time, and what is left changed.
    """
    entries = list(entries)
    alike: dict[_EntryKey, list[Described]] = {}
    for entry in entries:
        if entry.source and run.name_of(entry) is None:
            alike.setdefault((entry.source, entry.called), []).append(entry)
    for (source, called), group in alike.items():
        alone = len(group) == 1 and group[0].entry == called and not _is_numbered(db, source, called)
        for entry, name in [(group[0], called)] if alone else _names(db, run, group):
            run.name(entry, name)
    named = ((entry, run.name_of(entry)) for entry in entries)
    return [entry if name is None else entry._replace(entry=name) for entry, name in named]


def compare(db: sqlite3.Connection, address: str, run: ImportRun, entries: Iterable[Described]) -> list[Comparison]:
    """What each of the entries is to this replica; what the authoring rules say is not asked.

    Args:
        entries: as `told_apart` gives them.
        address: of the key that signs here, 40 hex digits.
    """
    looking = _Looking(db, address, run)
    entries = list(entries)
    looking.find_moved(entries)
    compared = [looking.compare(entry) for entry in entries]
    # What a description calls itself is a stranger's word, whoever signs it here.
    both = zip(entries, compared, strict=True)
    new = [(str(entry.record["name"]), address) for entry, found in both if found.found == "new"]
    likes = iter(resembled(db, address, new, as_strangers=True))
    return [found._replace(like=next(likes)) if found.found == "new" else found for found in compared]


def checked(db: sqlite3.Connection, entry: Described, comparison: Comparison) -> Comparison:
    """The comparison with what keeps from signing what would be signed, if anything would."""
    record = comparison.record if comparison.found == "changed" else entry.record
    if comparison.found not in ("new", "changed", "deleted") or record is None:
        return comparison
    # What a person must say about a new record, the record that is here says already.
    own = () if comparison.found == "changed" else entry.problems
    manifest = comparison.manifest if comparison.found == "changed" else entry.manifest
    problems = check_both_among(db, entry.kind, record, manifest)
    return comparison._replace(record=record, problems=(*own, *problems), manifest=manifest)


def remember(db: sqlite3.Connection, entry: Described, identifier: str, now: int) -> None:
    """Keep which record an entry came to and what the source said of it; within the transaction that signs it."""
    if not entry.source:
        return
    known = _read_row(db, entry)
    same = known is not None and known.id == identifier and _says(entry, known.said)
    if known is not None and same and _says_behind(entry, known.said):
        return
    if known is None:
        _forget_moved(db, identifier)
    said = _said(entry, {} if known is None or known.id != identifier else known.said)
    db.execute(
        "INSERT OR REPLACE INTO imported (source, entry, id, said, at) VALUES (?, ?, ?, ?, ?)",
        (entry.source, entry.entry, stored_id(identifier), _packed(said), now),
    )


# How: several of one name

_EntryKey: TypeAlias = tuple[str, str]
# Of more than these the order counts.
_MOST_ALIKE = 500


def _numbered(called: str, number: int) -> str:
    return called if number == 1 else f"{called}\t{number}"


def _names(db: sqlite3.Connection, run: ImportRun, group: Sequence[Described]) -> list[tuple[Described, str]]:
    """By which name each of the entries of one name in one source is remembered."""
    source, called = group[0].source, group[0].called
    rows = {name: row for name, row in _rows_called(db, source, called).items() if run.is_free(source, name)}
    names: dict[str, str] = {}

    def said_as(entry: Described, meant: Iterable[str]) -> None:
        found = next((name for name in meant if name in rows and _says(entry, rows[name].said)), None)
        if found is not None:
            del rows[found]
            names[entry.entry] = found

    for entry in group:
        said_as(entry, (entry.entry,))
    for entry in group:
        if entry.entry not in names:
            said_as(entry, tuple(rows))
    used = set(names.values())
    for entry in group:
        name, number = names.get(entry.entry, entry.entry), 0
        while entry.entry not in names and (name in used or not run.is_free(source, name)):
            number += 1
            name = _numbered(called, number)
        names[entry.entry] = name
        used.add(name)
    return [(entry, names[entry.entry]) for entry in group]


def _is_numbered(db: sqlite3.Connection, source: str, called: str) -> bool:
    """Whether several of one name may be remembered."""
    row = db.execute(f"SELECT 1 {_NUMBERED} LIMIT 1", _bounds(source, called)).fetchone()
    return row is not None


def _rows_called(db: sqlite3.Connection, source: str, called: str) -> dict[str, _Row]:
    """What is remembered of the entries of one name, by the name with its number."""
    first = _row_of(db, source, called)
    found = {} if first is None else {called: first}
    rows = db.execute(f"SELECT entry, id, said {_NUMBERED} LIMIT {_MOST_ALIKE}", _bounds(source, called))
    for name, identifier, said in rows:
        if isinstance(name, str) and name[len(called) + 1 :].isdecimal():
            found[name] = _row(identifier, said)
    return found


# After the tab a digit, the last of which stands before the colon
_NUMBERED = "FROM imported WHERE source = ? AND entry > ? AND entry < ?"


def _bounds(source: str, called: str) -> tuple[str, str, str]:
    return source, f"{called}\t", f"{called}\t:"


# How: finding the record


class _Row(NamedTuple):
    """What is remembered of an entry: the record, and what the source said, which is not looked at yet."""

    id: str
    said: Record


class _Here(NamedTuple):
    """A live record of this replica's."""

    rid: int
    id: str
    kind: Kind
    mine: bool
    live_heads: int


class _Now(NamedTuple):
    """A manifest as it is, None where there is none; one that never was has no heads. `first` is its first version."""

    rid: int | None
    manifest: Record | None
    heads: tuple[str, ...]
    live: int
    first: Record | None


class _Looking:
    """Comparing the entries of one step."""

    def __init__(self, db: sqlite3.Connection, address: str, run: ImportRun) -> None:
        self._db = db
        self._owner = bytes.fromhex(address)
        self._run = run
        self._named: dict[tuple[str, ...], list[tuple[_Here, list[_EntryKey]]]] = {}
        self._rows: dict[_EntryKey, _Row | None] = {}

    def find_moved(self, entries: Sequence[Described]) -> None:
        """Notice files that were renamed while something else took their names: they say just what another place said,
        and what is called otherwise stands there now. Each stays the record that it is."""
        left: dict[_EntryKey, Described] = {}
        for entry in entries:
            if entry.source and entry.record[ID_FIELD[entry.kind]] == NULL_HASH:
                key = (entry.source, entry.entry)
                row = self._rows[key] = _read_row(self._db, entry)
                if not self._run.has_moved(key) and (row is None or not _says(entry, row.said)):
                    left[key] = entry
        vacant: dict[str, list[tuple[_EntryKey, _Row]]] = {}
        for key, entry in left.items():
            row = self._rows[key]
            if row is not None and row.said.get("name") not in (None, entry.said["name"]):
                vacant.setdefault(str(row.said["name"]), []).append((key, row))
        for key, entry in left.items():
            places = vacant.get(str(entry.said["name"]), [])
            found = next((one for one in places if _says(entry, one[1].said)), None)
            if found is not None:
                places.remove(found)
                self._run.move(key, *found)

    def _row(self, entry: Described) -> _Row | None:
        """What is remembered of an entry."""
        key = (entry.source, entry.entry)
        if not entry.source:
            return None
        return self._run.moved(key, self._rows[key] if key in self._rows else _read_row(self._db, entry))

    def compare(self, entry: Described) -> Comparison:
        """An entry and what it is to this replica, with what stands behind it."""
        found = self._record(entry)
        is_here = found.found in ("same", "changed") and found.id is not None
        if entry.manifest is ABSENT or not is_here or found.id is None or not self._run.may_be(entry, found.id):
            return found
        here = self._here(found.id)
        return found if here is None or not here.mine else self._behind(entry, here, found)

    def _record(self, entry: Described) -> Comparison:
        given = str(entry.record[ID_FIELD[entry.kind]])
        if given != NULL_HASH:
            here = self._here(given)
            if here is not None and here.kind == entry.kind:
                return self._copy_of(entry, here)
            if self._was_ours(given, entry.kind):
                return Comparison("deleted", given, reason=_deleted(entry.kind, given))
        row = self._row(entry)
        if row is not None:
            here = self._here(row.id)
            if here is None and self._was_ours(row.id, entry.kind):
                found = self._by_name(entry)
                gone = Comparison("deleted", row.id, reason=_deleted(entry.kind, row.id))
                return gone if found.found == "new" else found
            if here is not None and here.mine and here.kind == entry.kind:
                if not self._run.may_be(entry, here.id):
                    says = _says(entry, row.said)
                    return Comparison("same" if says else "kept", here.id, reason=None if says else _twice(here))
                return self._against(entry, here, row.said)
        return self._by_name(entry)

    def _copy_of(self, entry: Described, here: _Here) -> Comparison:
        """What carries the id of a record that is here."""
        before, heads = self._read(here)
        if not here.mine:
            if _says(entry, before):
                return Comparison("same", here.id, heads, before)
            return Comparison("kept", here.id, heads, before, reason=_another_s(here, before))
        if not self._run.may_be(entry, here.id):
            return Comparison("kept", here.id, heads, before, reason=_twice(here))
        row = self._row(entry)
        if not entry.heads and entry.revision is None and row is not None and row.id == here.id:
            return self._against(entry, here, row.said)
        found = self._merged(entry, here, before, heads, before)
        stale = (entry.heads and set(entry.heads) != set(heads)) or self._is_stale(entry, here, heads)
        if found.found != "changed" or not stale:
            return found
        if self._is_copy(entry):
            return Comparison("same", here.id, heads, before)
        return Comparison("kept", here.id, heads, before, reason=_stale(here))

    def _is_stale(self, entry: Described, here: _Here, heads: tuple[str, ...]) -> bool:
        """Whether its revision is another one than that of the record, with or without the manifest."""
        if entry.revision in (None, revision_of(heads)):
            return False
        return entry.revision != revision_with(heads, self._manifest(here).heads)

    def _is_copy(self, entry: Described) -> bool:
        """Whether it is the very version that it says it is a copy of."""
        digest = stored_id(entry.heads[0]) if len(entry.heads) == 1 else b""
        row = self._db.execute("SELECT body FROM ops WHERE hash = ?", (digest,)).fetchone()
        record = None if row is None else record_of(row[0])
        return record is not None and _says(entry, record)

    def _by_name(self, entry: Described) -> Comparison:
        """Without a row: one record of ours that is called so, and is no other entry of this import."""
        meant = [here for here, known in self._called(entry) if self._may_be(entry, here, known)]
        if len(meant) == 1:
            before, heads = self._read(meant[0])
            return self._merged(entry, meant[0], before, heads, self._first(meant[0]), known=False)
        for here in meant:
            before, heads = self._read(here)
            if _says(entry, before):
                return self._same(entry, here, heads, before)
        if meant:
            return Comparison("kept", reason=_ambiguous(meant))
        return Comparison("new")

    def _called(self, entry: Described) -> list[tuple[_Here, list[_EntryKey]]]:
        """Our live records of that kind, name, version and quantisation, each with the entries that it is known as:
        those that no entry of this import is yet."""
        key = (entry.kind, *_identity(entry.record))
        if key not in self._named:
            _, name, version, quantization = key
            rows = self._db.execute(
                "SELECT rid, id, live_heads FROM catalogue WHERE name = ? COLLATE NOCASE AND name = ? AND owner = ? "
                "AND kind = ? AND version = ? AND coalesce(quantization, '') = ? ORDER BY rid",
                (name, name, self._owner, KIND_CODES[entry.kind], version, quantization),
            )
            found = [_Here(rid, digest.hex(), entry.kind, True, live) for rid, digest, live in rows.fetchall()]
            self._named[key] = [(here, self._known(here)) for here in found if self._run.may_be(entry, here.id)]
        return self._named[key]

    def _known(self, here: _Here) -> list[_EntryKey]:
        return _entries_of(self._db, here.id)

    def _may_be(self, entry: Described, here: _Here, known: Sequence[_EntryKey]) -> bool:
        """Whether a record is no other entry of this import, neither one before nor one that may come.

        A file holds one description, or several with names: one of them is not the other way's.
        """
        if not self._run.may_be(entry, here.id):
            return False
        return not any(
            bool(name) is bool(entry.entry) if source == entry.source else self._run.holds(source)
            for source, name in known
        )

    def _here(self, identifier: str) -> _Here | None:
        row = self._db.execute(
            "SELECT c.rid, c.kind, c.owner, c.live_heads FROM keys k JOIN catalogue c USING (rid) WHERE k.id = ?",
            (stored_id(identifier),),
        ).fetchone()
        if row is None:
            return None
        rid, kind, owner, live = row
        return _Here(rid, identifier, KINDS_BY_CODE[kind], owner == self._owner, live)

    def _was_ours(self, identifier: str, kind: Kind) -> bool:
        """Whether a record that is not live is a deleted one of ours."""
        row = self._db.execute("SELECT kind, owner FROM keys WHERE id = ?", (stored_id(identifier),)).fetchone()
        return row is not None and tuple(row) == (KIND_CODES[kind], self._owner)

    def _read(self, here: _Here) -> tuple[Record, tuple[str, ...]]:
        """The record that is shown, and all its heads."""
        (body,) = self._db.execute(
            "SELECT o.body FROM catalogue c JOIN ops o ON o.idx = c.idx WHERE c.rid = ?", (here.rid,)
        ).fetchone()
        record = record_of(body)
        assert record is not None
        return record, tuple(sorted(head.hash for _, head in read_heads(self._db, [here.rid])))

    def _first(self, here: _Here) -> Record:
        """The record as it was registered: what was edited since is known by that, where no source is remembered."""
        (body,) = self._db.execute("SELECT body FROM ops WHERE rid = ? ORDER BY idx LIMIT 1", (here.rid,)).fetchone()
        record = record_of(body)
        assert record is not None
        return record

    # How: comparing with it

    def _against(self, entry: Described, here: _Here, said: Record) -> Comparison:
        """An entry and its record, by what is remembered of the source."""
        if not entry.chosen and _says(entry, said):
            self._run.claim(entry, here.id)
            return Comparison("same", here.id)
        before, heads = self._read(here)
        return self._merged(entry, here, before, heads, _as_draft(entry.kind, said) or self._first(here))

    def _merged(
        self, entry: Described, here: _Here, before: Record, heads: tuple[str, ...], base: Record, *, known: bool = True
    ) -> Comparison:
        """An entry and its record.

        Args:
            base: what the source said last; where that is not `known`, what the record said first.
        """
        record, edited = _taken(entry, before, base)
        if not known:
            edited = tuple(
                path
                for path in paths(entry.kind)
                if path in entry.stated and value_at(entry.record, path) != value_at(record, path)
            )
        if all(value_at(record, path) == value_at(before, path) for path in entry.stated):
            return self._same(entry, here, heads, before, edited)
        if here.live_heads > 1:
            return Comparison("kept", here.id, heads, before, reason=_in_conflict(here))
        self._run.claim(entry, here.id)
        return Comparison("changed", here.id, heads, before, record, edited)

    # How: comparing what stands behind it

    def _behind(self, entry: Described, here: _Here, found: Comparison) -> Comparison:
        """The comparison of an entry and its record, with their manifests."""
        row = self._row(entry)
        carries = str(entry.record[ID_FIELD[entry.kind]]) == here.id
        is_copy = carries and bool(entry.heads or entry.revision or row is None or row.id != here.id)
        said = row.said if row is not None and row.id == here.id and not is_copy else {}
        if found.found == "same" and not entry.manifest_wins and _says_behind(entry, said):
            return found
        before, heads = self._read(here)
        if is_copy and entry.heads and set(entry.heads) != set(heads):
            return found  # a copy of an earlier version
        now = self._manifest(here)
        if entry.manifest_wins or is_copy:
            base = now.manifest
        elif _MANIFEST in said:
            base = _remembered(said)
        else:
            # The source said nothing of it before, or nobody knows what
            base = defaults("manifest") if row is not None and said else now.first
        after, edited = _taken_behind(entry, now, base, said, wins=entry.manifest_wins or is_copy)
        kept = (*found.edited, *edited)
        if after is ABSENT:
            return found._replace(edited=kept)
        if is_copy and entry.revision not in (None, revision_with(heads, now.heads)):
            return found if self._was(entry, now) else Comparison("kept", here.id, heads, before, reason=_stale(here))
        if now.live > 1:
            return Comparison("kept", here.id, heads, before, reason=_manifest_in_conflict(here, now.live))
        self._run.claim(entry, here.id)
        return found._replace(
            found="changed",
            heads=heads,
            before=before,
            record=found.record or before,
            edited=kept,
            manifest=after,
            manifest_before=now.manifest,
            manifest_heads=now.heads,
        )

    def _manifest(self, here: _Here) -> _Now:
        """The manifest of a record as it is, and as it was first."""
        row = self._db.execute(
            "SELECT m.rid, m.live_heads, o.body, (SELECT body FROM ops WHERE rid = m.rid ORDER BY idx LIMIT 1) "
            "FROM manifests m LEFT JOIN ops o ON o.idx = m.idx WHERE m.subject = ?",
            (stored_id(here.id),),
        ).fetchone()
        if row is None:
            return _Now(None, None, (), 0, None)
        rid, live, kept, first = row
        heads = tuple(sorted(head.hash for _, head in read_heads(self._db, [rid])))
        return _Now(rid, None if kept is None else record_of(kept), heads, live, record_of(first))

    def _was(self, entry: Described, now: _Now) -> bool:
        """Whether a manifest was as it is stated at some time: what states it is a copy of that version."""
        rows = self._db.execute("SELECT body FROM ops WHERE rid = ? ORDER BY idx DESC LIMIT ?", (now.rid, _MOST_FORMER))
        stated = _stated_behind(entry, {})
        former = (record_of(body) for (body,) in rows)
        return any(
            entry.manifest is None if one is None else all(one[field] == value for field, value in stated.items())
            for one in former
        )

    def _same(
        self, entry: Described, here: _Here, heads: tuple[str, ...], before: Record, edited: tuple[str, ...] = ()
    ) -> Comparison:
        self._run.claim(entry, here.id)
        return Comparison("same", here.id, heads, before, edited=edited)


def _stored_text(text: str) -> str:
    """A path or a stranger's name as a column holds it: Unicode, and no longer than anybody needs."""
    plain = text.encode("utf-8", "backslashreplace").decode()
    if len(plain) <= _LONGEST:
        return plain
    return plain[:_LONGEST] + hashlib.sha256(plain.encode()).hexdigest()


_LONGEST = 4_096


@cache
def _authors(kind: Kind) -> frozenset[str]:
    """The fields that an author writes."""
    return frozenset(paths(kind))


def _identity(record: Record) -> tuple[str, str, str]:
    """Name, version and quantisation."""
    quantization = record.get("quantization")
    return str(record["name"]), str(record["version"]), "" if quantization is None else variant_text(quantization)


# How: what the source changed, and what a person did


def _says(entry: Described, record: Record) -> bool:
    """Whether a record has all that the source states; a record that lacks a field has not."""
    try:
        return all(value_at(entry.said, path) == value_at(record, path) for path in entry.stated)
    except KeyError:
        return False


def _taken(entry: Described, ours: Record, base: Record) -> tuple[Record, tuple[str, ...]]:
    """Our record with what the source changed since it said `base`, and the fields that we changed too, to something
    else: they stay ours.

    What a source does not state it did not change. Lists are merged by item, and what a person chose now wins.
    """
    stated = {path: value_at(entry.said, path) for path in entry.stated - entry.chosen}
    theirs = merge(None, [base], stated).record
    merged = merge(base, [ours, theirs], {path: value_at(entry.record, path) for path in entry.chosen})
    return merged.record, merged.open


# Of a manifest that was written more often, the last versions are looked at.
_MOST_FORMER = 200


# How: the same of what stands behind it. A source that says nothing of a field leaves it as it is.

_MANIFEST = "manifest"
_SET_HERE = (
    "manifest_id", "owner_id", "subject_id", "subject_kind", "subject_name", "created_at", "updated_at",
)  # fmt: skip
_BEHIND = tuple(field.name for field in MANIFEST_FIELDS if field.name not in _SET_HERE)


def _stated_behind(entry: Described, said: Record) -> Record:
    """The fields of the manifest that the source states. A digest that it does not state this time it stated before, if
    the file is as large as it was."""
    if not isinstance(entry.manifest, dict):
        return {}
    stated = {field: entry.manifest[field] for field in _BEHIND if field in entry.manifest_stated}
    before = said.get(_MANIFEST)
    known = before.get(_FILES) if isinstance(before, dict) else None
    files = stated.get(_FILES)
    if isinstance(known, list) and isinstance(files, list):
        digests = {(one["uri"], one["size_bytes"]): one["sha256"] for one in known if isinstance(one, dict)}
        stated[_FILES] = [
            {**one, "sha256": one["sha256"] or digests.get((one["uri"], one["size_bytes"]))}
            if isinstance(one, dict)
            else one
            for one in files
        ]
    return stated


_FILES = "artifacts"


def _says_behind(entry: Described, said: Record) -> bool:
    """Whether the source said of the manifest what it says now."""
    if entry.manifest is ABSENT:
        return True
    before = said.get(_MANIFEST, False)
    if entry.manifest is None or not isinstance(before, dict):
        return before is None and entry.manifest is None
    stated = _stated_behind(entry, said)
    return all(field in before and before[field] == value for field, value in stated.items())


def _remembered(said: Record) -> Record | None:
    """What a source said of a manifest; None where it said that there is to be none."""
    before = said.get(_MANIFEST)
    return {**defaults("manifest"), **before} if isinstance(before, dict) else None


def _taken_behind(
    entry: Described, now: _Now, base: Record | None, said: Record, *, wins: bool
) -> tuple[GivenManifest, tuple[str, ...]]:
    """The manifest that is here with what the source changed since it said `base`, `ABSENT` where that is nothing; and
    what was changed here too, to something else, and stays."""
    ours = now.manifest
    if not isinstance(entry.manifest, dict):
        if ours is None:
            return ABSENT, ()
        as_said = base is not None and all(ours[field] == base[field] for field in _BEHIND)
        return (None, ()) if wins or as_said else (ABSENT, (_MANIFEST,))
    stated = _stated_behind(entry, said)
    if ours is None and now.heads and not wins:
        # Taken away here
        as_said = base is not None and all(base[field] == value for field, value in stated.items())
        return ABSENT, () if as_said else (_MANIFEST,)
    nothing = defaults("manifest")
    start = nothing if ours is None else ours
    taken: Record = {**start}
    edited: list[str] = []
    for field, value in stated.items():
        before = start[field] if ours is None or wins else (base or nothing)[field]
        if isinstance(value, list) and not wins:
            taken[field], is_open = _list_taken(before, start[field], value)
        else:
            is_open = start[field] not in (before, value) and value != before
            taken[field] = value if start[field] == before else start[field]
        if is_open:
            edited.append(f"{_MANIFEST}.{field}")
    same = ours is not None and all(taken[field] == ours[field] for field in _BEHIND)
    return ABSENT if same else taken, tuple(edited)


def _list_taken(base: Json, ours: Json, theirs: list[Json]) -> tuple[Json, bool]:
    """Our list with what the source changed in it, item by item; and whether an item was changed here too, to something
    else. New items come last."""
    was, now, then = (_by_key(items) for items in (base, ours, theirs))
    taken: list[Json] = []
    is_open = False
    for key in dict.fromkeys((*now, *then)):
        mine, given, before = now.get(key), then.get(key), was.get(key)
        if mine == given or given == before:
            found = mine
        elif mine == before:
            found = given
        else:
            found, is_open = mine, True
        if found is not None:
            taken.append(found)
    if now.keys() == then.keys() and ours == base:
        taken = theirs  # put in another order
    return taken, is_open


def _by_key(items: Json) -> dict[str, Json]:
    """The items of a list by what names each: an address, a name, or all that it says but for a value."""
    found: dict[str, Json] = {}
    for item in items if isinstance(items, list) else ():
        named = item
        if isinstance(item, dict):
            own = next((item[name] for name in ("uri", "url") if name in item), None)
            named = own if own is not None else {name: of for name, of in item.items() if name not in _SAID_OF_IT}
        key = json.dumps(named)
        while key in found:
            key += "+"
        found[key] = item
    return found


_SAID_OF_IT = ("value", "relation", "sha256", "model_id", "source")


# How: what is remembered

_NOT_SAID = ("model_id", "agent_id", "owner_id", "created_at", "updated_at")
# Of a row that somebody else wrote into, no more is unpacked.
_MOST_SAID = 8 * MAX_OP_BYTES


def _read_row(db: sqlite3.Connection, entry: Described) -> _Row | None:
    return _row_of(db, entry.source, entry.entry)


def _row_of(db: sqlite3.Connection, source: str, name: str) -> _Row | None:
    row = db.execute("SELECT id, said FROM imported WHERE source = ? AND entry = ?", (source, name)).fetchone()
    if row is None:
        return None
    return _row(*row)


def _row(identifier: object, said: object) -> _Row:
    return _Row(identifier.hex() if isinstance(identifier, bytes) else "", _unpacked(said))


def _entries_of(db: sqlite3.Connection, identifier: str) -> list[_EntryKey]:
    rows = db.execute("SELECT source, entry FROM imported WHERE id = ?", (stored_id(identifier),)).fetchall()
    return [(source, name) for source, name in rows if isinstance(source, str) and isinstance(name, str)]


def _forget_moved(db: sqlite3.Connection, identifier: str) -> None:
    """Forget the files that a record came from and that are gone from their folders: it has another one now, and what
    comes in their place is something else."""
    for source, name in _entries_of(db, identifier):
        if "://" not in source and Path(source).parent.is_dir() and not os.path.lexists(source):
            db.execute("DELETE FROM imported WHERE source = ? AND entry = ?", (source, name))


def _said(entry: Described, known: Record) -> Record:
    """What the source has said of an entry by now: what it does not state this time it said before."""
    before = _as_draft(entry.kind, known)
    said = entry.said
    if before is not None:
        said = merge(None, [before], {path: value_at(entry.said, path) for path in entry.stated}).record
    kept = {name: value for name, value in said.items() if name not in _NOT_SAID}
    behind = known.get(_MANIFEST, False)
    if isinstance(entry.manifest, dict):
        kept[_MANIFEST] = {**(behind if isinstance(behind, dict) else {}), **_stated_behind(entry, known)}
    elif entry.manifest is None:
        kept[_MANIFEST] = None
    elif behind is not False:
        kept[_MANIFEST] = behind
    return kept


def _packed(said: Record) -> bytes:
    return zlib.compress(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode())


def _unpacked(packed: object) -> Record:
    """What was remembered, empty where it cannot be read: then it is not known what the source said."""
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(packed, _MOST_SAID) if isinstance(packed, bytes) else b""
        said: Json = json.loads(text)
    except (zlib.error, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _as_draft(kind: Kind, said: Record) -> Record | None:
    """What was remembered as a whole draft, None where it is none of that kind."""
    try:
        return read_record(kind, {name: value for name, value in said.items() if name != _MANIFEST}) if said else None
    except InvalidRecord:
        return None


# How: why a record stays as it is


def _deleted(kind: Kind, identifier: str) -> StoreError:
    return StoreError(
        "deleted",
        f"{kind} {identifier[:12]}, which it was registered as, was deleted here: 'import --register' registers it "
        "anew",
    )


def _twice(here: _Here) -> StoreError:
    return StoreError(
        "twice", f"{here.kind} {here.id[:12]} is described by another entry of this import too: only the first counts"
    )


def _stale(here: _Here) -> StoreError:
    return StoreError(
        "changed",
        f"{here.kind} {here.id[:12]} has changed since this copy of it was written: export it again, then repeat the "
        "change",
    )


def _manifest_in_conflict(here: _Here, live: int) -> StoreError:
    return StoreError(
        "conflict",
        f"the manifest of {here.kind} {here.id[:12]} is in conflict, {live} versions of it are live: settle that first "
        f"(`manifest resolve {here.id[:12]}`)",
    )


def _another_s(here: _Here, record: Record) -> StoreError:
    return StoreError(
        "not_owner",
        f"{here.kind} {here.id[:12]} belongs to 0x{record['owner_id']} and says something else here: leave out the id "
        "for a record of your own",
    )


def _in_conflict(here: _Here) -> StoreError:
    return StoreError(
        "conflict",
        f"{here.kind} {here.id[:12]} is in conflict, {here.live_heads} versions of it are live: settle that first "
        f"(`resolve {here.id[:12]}`)",
    )


_NAMED = 5


def _ambiguous(meant: Sequence[_Here]) -> StoreError:
    ids = ", ".join(here.id[:12] for here in meant[:_NAMED]) + (", ..." if len(meant) > _NAMED else "")
    return StoreError(
        "ambiguous",
        f"{len(meant)} records of yours have this name, version and quantisation ({ids}), and each says something "
        "else: `update ID FILE` changes the one that is meant, `register --new` makes another",
    )
