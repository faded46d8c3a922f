"""The current manifests: one row for each that was ever seen, whether or not its record is here.

What a manifest says counts only while its record is live. Two things that it says stand in the record's own row of the
catalogue, with what follows from it for what the record needs to run, and the status among its words: lists and
searches read no other table.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

from tui_registry.errors import Json, Kind, Problem, Record
from tui_registry.frozen import NamedTuple
from tui_registry.query.fields import LARGEST, STATUSES
from tui_registry.query.folding import fold_case
from tui_registry.replica.catalogue.current import check_manifest_among, live_of, revision_of
from tui_registry.replica.catalogue.derived import (
    FACET_LETTERS,
    KIND_CODES_BY_NAME,
    KINDS_BY_CODE,
    Derived,
    asked_of,
    count_values,
    derive,
    forget_words,
    index_words,
    indexed_from,
    variant_text,
)
from tui_registry.replica.catalogue.resembling import known_keys
from tui_registry.replica.store.stored import chunks, marks, read_heads, read_record, record_of, stored_id


class ManifestColumns(NamedTuple):
    """What is derived from a manifest.

    Attributes:
        kind, subject: of its record; 64 hex digits.
        status: what it says of the record; None for `Active`. A word of the owner's that is one of the three counts as
            that one.
        weights, token, constant: its part in what its record needs to run (`fit.Behind`), clamped.
        owner: 40 hex digits.
        digests: the SHA-256 that it states of files, ascending, each once; 64 hex digits.
    """

    kind: str
    subject: str
    status: str | None
    weights: int | None = None
    token: int | None = None
    constant: int | None = None
    owner: str = ""
    digests: tuple[str, ...] = ()


class ManifestRow(NamedTuple):
    """A manifest as it stands: the row of its key, the place of its current version, None for a deleted one, how many
    versions are live, and what the current one says, of a deleted one the last."""

    rid: int
    idx: int | None
    live: int
    says: ManifestColumns


def manifest_columns(manifest: Record) -> ManifestColumns:
    """What a row holds of a manifest."""
    word = variant_text(manifest["status"])
    status = next((known for known in STATUSES if fold_case(known) == fold_case(word)), word)
    kind = str(manifest["subject_kind"]).lower()
    from tui_registry.fit import behind_of  # a list is read without it

    behind = behind_of(manifest) if kind == "model" else (None, None, None)
    weights, token, constant = (None if size is None else min(size, LARGEST) for size in behind)
    return ManifestColumns(
        kind=kind,
        subject=str(manifest["subject_id"]),
        status=None if status == "Active" else status,
        weights=weights,
        token=token,
        constant=constant,
        owner=str(manifest["owner_id"]),
        digests=_digests(manifest),
    )


def _digests(manifest: Record) -> tuple[str, ...]:
    files = manifest["artifacts"]
    stated = {file["sha256"] for file in files if isinstance(file, dict)} if isinstance(files, list) else set[Json]()
    return tuple(sorted(digest for digest in stated if isinstance(digest, str)))


StoredRow: TypeAlias = tuple[int, int, bytes, int | None, int, str | None, int | None, int | None, int | None]
STORED = "rid, kind, subject, idx, live_heads, status, weights, cache_token, cache_constant"


def stored_row(row: ManifestRow) -> StoredRow:
    """A row as the table holds it, in the order of `STORED`."""
    rid, idx, live, says = row
    of_need = (says.weights, says.token, says.constant) if idx is not None else (None, None, None)
    return (
        rid,
        KIND_CODES_BY_NAME[says.kind],
        bytes.fromhex(says.subject),
        idx,
        live,
        says.status if idx is not None else None,
        *of_need,
    )


def write_manifests(db: sqlite3.Connection, rows: Sequence[ManifestRow]) -> None:
    """Put rows in their places, and the digests that they state."""
    db.executemany(
        f"INSERT OR REPLACE INTO manifests ({STORED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(stored_row, rows)
    )
    db.executemany("DELETE FROM digests WHERE rid = ?", ((row.rid,) for row in rows))
    db.executemany("INSERT INTO digests (sha256, owner, rid) VALUES (?, ?, ?)", chain.from_iterable(map(_stated, rows)))


def is_stored(db: sqlite3.Connection, row: ManifestRow) -> bool:
    """Whether the tables say of a manifest what it says."""
    stored = db.execute(f"SELECT {STORED} FROM manifests WHERE rid = ?", (row.rid,)).fetchone()
    stated = db.execute("SELECT sha256, owner, rid FROM digests WHERE rid = ? ORDER BY sha256, owner", (row.rid,))
    return bool(stored == stored_row(row)) and stated.fetchall() == _stated(row)


def _stated(row: ManifestRow) -> list[tuple[bytes, bytes, int]]:
    if row.idx is None:
        return []
    owner = bytes.fromhex(row.says.owner)
    return [(bytes.fromhex(digest), owner, row.rid) for digest in row.says.digests]


class Naming(NamedTuple):
    """The records whose manifests state a digest, by kind and id, those of one's own key and of named ones first;
    `more` that there are others."""

    records: tuple[tuple[Kind, str], ...]
    more: bool


def naming(db: sqlite3.Connection, digest: str, most: int) -> Naming:
    """Who states a digest of a file: a claim of its owner, and no more. Owners that are muted are asked for nothing.

    Args:
        digest: 64 hex digits.
        most: at most so many are given.
    """
    (own,) = db.execute("SELECT address FROM replica").fetchone()
    known = known_keys(db, own)
    found: list[tuple[int, bytes]] = []
    more = False
    for of_known in (True, False):
        theirs = f"owner {'IN' if of_known else 'NOT IN'} ({marks(known)})"
        # Anybody may state any digest any number of times: no more of them are looked at.
        stated = f"SELECT rid FROM digests WHERE sha256 = ? AND {theirs} LIMIT {_LOOKED_AT}"
        rows = db.execute(
            f"SELECT k.kind, k.id FROM ({stated}) d CROSS JOIN manifests m ON m.rid = d.rid "
            "CROSS JOIN keys k ON k.id = m.subject CROSS JOIN catalogue c ON c.rid = k.rid "
            "WHERE c.owner NOT IN (SELECT owner FROM kept_out WHERE muted_at IS NOT NULL) "
            "ORDER BY c.owner = ? DESC, m.rid DESC LIMIT ?",
            (bytes.fromhex(digest), *known, bytes.fromhex(own), most + 1 - len(found)),
        )
        found += rows.fetchall()
        (count,) = db.execute(f"SELECT count(*) FROM ({stated})", (bytes.fromhex(digest), *known)).fetchone()
        more |= count == _LOOKED_AT
    kept = tuple((KINDS_BY_CODE[kind], record.hex()) for kind, record in found[:most])
    return Naming(kept, more or len(found) > most)


_LOOKED_AT = 10_000


class Standing(NamedTuple):
    """What a manifest gives its record.

    Attributes:
        status: as in `ManifestColumns`. heads: how many versions of the manifest are live; more are in conflict.
        weights, token, constant: as in `ManifestColumns`.
    """

    status: str | None = None
    heads: int = 0
    weights: int | None = None
    token: int | None = None
    constant: int | None = None

    def of(self, derived: Derived) -> Derived:
        """What is derived of its record, with what it gives that."""
        return derived.given(self.status, self.weights, self.token, self.constant)


# Of a record without a manifest.
NO_STANDING = Standing()


def standings(db: sqlite3.Connection, records: Sequence[bytes]) -> dict[bytes, Standing]:
    """What manifests give these records, by id; those that have none are not among them."""
    found: dict[bytes, Standing] = {}
    for chunk in chunks(records):
        rows = db.execute(
            "SELECT subject, status, live_heads, weights, cache_token, cache_constant FROM manifests "
            f"WHERE subject IN ({marks(chunk)}) AND live_heads > 0",
            chunk,
        )
        found.update((subject, Standing(*given)) for subject, *given in rows)
    return found


class Followed(NamedTuple):
    """The rows of records that came into conflict by their manifests, and of those that are in none any more."""

    conflicted: list[int]
    settled: list[int]


def follow(db: sqlite3.Connection, records: Sequence[bytes]) -> Followed:
    """Let the catalogue and the word index say of these records, by id, what their manifests give them now; those that
    are not live have no row there. The counter of conflicts is the caller's."""
    followed = Followed([], [])
    now = standings(db, records)
    floor = indexed_from(db)
    out: list[tuple[int, tuple[str, ...]]] = []
    words: list[tuple[int, tuple[str, ...]]] = []
    rows: list[tuple[str | None, int, int | None, int]] = []
    counted: Counter[str] = Counter()
    for chunk in chunks(records):
        reading = db.execute(
            "SELECT k.id, c.rid, c.kind, c.idx, c.live_heads, c.need, c.status, c.manifest_heads "
            f"FROM keys k CROSS JOIN catalogue c USING (rid) WHERE k.id IN ({marks(chunk)})",
            chunk,
        )
        for subject, rid, code, idx, live, needed, *was in reading.fetchall():
            standing = now.get(subject, NO_STANDING)
            status, heads, *_ = standing
            before, heads_before = was
            kind = KINDS_BY_CODE[code]
            record = read_record(db, idx) if kind == "model" or status != before else {}
            need = _need(record, standing) if kind == "model" else None
            if live <= 1 and (heads > 1) != (heads_before > 1):
                (followed.conflicted if heads > 1 else followed.settled).append(rid)
            if (status, heads, need) != (before, heads_before, needed):
                rows.append((status, heads, need, rid))
            if status == before:
                continue
            counted.update({f"{FACET_LETTERS['status']}{said}": -1 for said in (before,) if said is not None})
            counted.update({f"{FACET_LETTERS['status']}{said}": 1 for said in (status,) if said is not None})
            if rid >= floor:  # what is older comes into the index as its row says then
                plain = derive(kind, record)
                out.append((rid, plain.with_status(before).words))
                words.append((rid, plain.with_status(status).words))
    db.executemany("UPDATE catalogue SET status = ?, manifest_heads = ?, need = ? WHERE rid = ?", rows)
    forget_words(db, sorted(out))
    index_words(db, sorted(words))
    count_values(db, counted)
    return followed


def _need(record: Record, standing: Standing) -> int | None:
    from tui_registry.fit import Behind, least_need  # a list is read without it

    need = least_need(asked_of(record), Behind(standing.weights, standing.token, standing.constant))
    return None if need is None else min(need, LARGEST)


class ManifestEntry(NamedTuple):
    """What stands behind a record.

    Attributes:
        kind, id: of the record. is_live: the record is here; what the manifest of another one says counts nowhere.
        manifest: plain, the version that is shown; None where it has none, or it is deleted.
        heads: all heads of the manifest, ascending: what a write wants as `seen`.
        live_heads: the live versions, the one that is shown first; more than one are in conflict.
        problems: what the authoring rules say of it.
    """

    kind: Kind
    id: str
    is_live: bool
    manifest: Record | None
    heads: tuple[str, ...]
    live_heads: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def revision(self) -> str:
        """What stands for exactly these heads."""
        return revision_of(self.heads)


def read_manifest(db: sqlite3.Connection, record_id: str) -> ManifestEntry | None:
    """What stands behind a record; None where neither the record nor a manifest of it was ever seen."""
    subject = stored_id(record_id)
    record = db.execute(
        # Of records only: their keys are above zero, and a manifest has none of its own.
        "SELECT k.kind, c.rid FROM keys k LEFT JOIN catalogue c USING (rid) WHERE k.id = ? AND k.rid > 0",
        (subject,),
    ).fetchone()
    row = db.execute(
        "SELECT m.rid, m.kind, o.body FROM manifests m LEFT JOIN ops o ON o.idx = m.idx WHERE m.subject = ?", (subject,)
    ).fetchone()
    if row is None and record is None:
        return None
    is_live = record is not None and record[1] is not None
    if row is None:
        return ManifestEntry(KINDS_BY_CODE[record[0]], record_id, is_live, None, (), (), ())
    rid, kind, kept = row
    heads = [head for _, head in read_heads(db, [rid])]
    manifest = None if kept is None else record_of(kept)
    problems = () if manifest is None else tuple(check_manifest_among(db, manifest))
    return ManifestEntry(
        kind=KINDS_BY_CODE[kind],
        id=record_id,
        is_live=is_live,
        manifest=manifest,
        heads=tuple(sorted(head.hash for head in heads)),
        live_heads=live_of(heads),
        problems=problems,
    )
