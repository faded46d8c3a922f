"""The current manifests: one row for each that was ever seen, whether or not its record is here.

What a manifest says counts only while its record is live. Two things that it says stand in the record's own row of the
catalogue, with what follows from it for what the record needs to run, and the status among its words: lists and
searches read no other table.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

from tui_registry.errors import Json, Kind, Problem, Record
from tui_registry.frozen import NamedTuple
from tui_registry.query.fields import STATUSES
from tui_registry.query.folding import fold_case
from tui_registry.replica.catalogue.current import OF_BODY, Body, body_of, check_manifest_among, live_of, revision_of
from tui_registry.replica.catalogue.derived import (
    FACET_LETTERS,
    KIND_CODES_BY_NAME,
    KINDS_BY_CODE,
    Derived,
    asked_of,
    behind_of,
    count_values,
    derive,
    facet_word,
    forget_words,
    hex_word,
    index_words,
    indexed_from,
    least_need,
    texts,
    variant_text,
)
from tui_registry.replica.catalogue.interfaces import Stated, protocols_of, protocols_stated, state_protocols
from tui_registry.replica.catalogue.record_links import DERIVED, NEEDS, Link, count_links, state_links
from tui_registry.replica.catalogue.resembling import known_keys
from tui_registry.replica.store.stored import (
    chunks,
    hex_range,
    marks,
    read_heads,
    read_record,
    record_in,
    record_of,
    stored_id,
    unpacked,
)


class ManifestColumns(NamedTuple):
    """What is derived from a manifest.

    Attributes:
        kind, subject: of its record; 64 hex digits.
        status: what it says of the record; None for `Active`. A word of the owner's that is one of the three counts as
            that one.
        weights, token, constant: its part in what its record needs to run (`fit.Behind`), clamped.
        digests: the SHA-256 that it states of files, ascending, each once; 64 hex digits.
        words: what its record is found by besides, made-up words with spaces between them; None for none.
        links: the models that it names, each once for what it is to the record.
        evaluations: what was measured, each benchmark folded.
        protocols: of an agent, in which of `interfaces.PROTOCOLS` it answers, and how it says so.
    """

    kind: str
    subject: str
    status: str | None
    weights: int | None = None
    token: int | None = None
    constant: int | None = None
    digests: tuple[str, ...] = ()
    words: str | None = None
    links: tuple[Link, ...] = ()
    evaluations: tuple[tuple[str, float], ...] = ()
    protocols: tuple[Stated, ...] = ()


class ManifestRow(NamedTuple):
    """A manifest as it stands: the row of its key, whose it is, the place of its current version, None for a deleted
    one, how many versions are live, and what the current one says, of a deleted one the last."""

    rid: int
    owner: bytes
    idx: int | None
    live: int
    says: ManifestColumns


def manifest_columns(manifest: Record) -> ManifestColumns:
    """What a row holds of a manifest."""
    word = variant_text(manifest["status"])
    status = next((known for known in STATUSES if fold_case(known) == fold_case(word)), word)
    kind = str(manifest["subject_kind"]).lower()
    weights, token, constant = behind_of(manifest) if kind == "model" else (None, None, None)
    found = {(fold_case(one["benchmark"]), float(one["value"])) for one in _members(manifest["evaluations"])}
    return ManifestColumns(
        kind=kind,
        subject=str(manifest["subject_id"]),
        status=None if status == "Active" else status,
        weights=weights,
        token=token,
        constant=constant,
        digests=tuple(sorted({file["sha256"] for file in _members(manifest["artifacts"]) if "sha256" in file})),
        words=" ".join(_words(manifest)) or None,
        links=tuple(_links(manifest)),
        evaluations=tuple(sorted(found)),
        protocols=protocols_of(manifest) if kind == "agent" else (),
    )


def _members(value: Json) -> list[dict[str, str]]:
    """The texts of each struct of a list."""
    structs = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    return [{name: held for name, held in item.items() if isinstance(held, str)} for item in structs]


def _links(manifest: Record) -> Iterator[Link]:
    seen: set[tuple[int, bytes]] = set()
    needed = [Link(NEEDS, stored_id(target), None) for target in texts(manifest["required_models"])]
    stated = manifest["derived_from"]
    made = [
        Link(DERIVED, stored_id(str(item["model_id"])), variant_text(item["relation"]))
        for item in (stated if isinstance(stated, list) else [])
        if isinstance(item, dict) and item["model_id"] is not None
    ]
    for link in (*needed, *made):
        if link.target and link[:2] not in seen:
            seen.add((link.sort, link.target))
            yield link


def _words(manifest: Record) -> list[str]:
    """The made-up words of what a manifest says."""
    made_from = _members(manifest["derived_from"])
    artifacts = _members(manifest["artifacts"])
    found = [
        *(hex_word("needs", target) for target in texts(manifest["required_models"])),
        *(hex_word("from", item["model_id"]) for item in made_from if "model_id" in item),
        *(facet_word("source", item["name"]) for item in made_from if item.get("name")),
        *(facet_word("eval", item["benchmark"]) for item in _members(manifest["evaluations"])),
    ]
    if artifacts:
        found.append(facet_word("has", "artifact"))
    if any("sha256" in item for item in artifacts):
        found.append(facet_word("has", "digest"))
    return sorted(set(found))


StoredRow: TypeAlias = tuple[
    int, int, bytes, int | None, int, str | None, int | None, int | None, int | None, str | None
]
STORED = "rid, kind, subject, idx, live_heads, status, weights, cache_token, cache_constant, words"


def stored_row(row: ManifestRow) -> StoredRow:
    """A row as the table holds it, in the order of `STORED`."""
    rid, _, idx, live, says = row
    given = (says.status, says.weights, says.token, says.constant, says.words) if idx is not None else (None,) * 5
    return (
        rid,
        KIND_CODES_BY_NAME[says.kind],
        bytes.fromhex(says.subject),
        idx,
        live,
        *given,
    )


def write_manifests(db: sqlite3.Connection, rows: Sequence[ManifestRow]) -> None:
    """Put rows in their places, with what they state of files, and of other records, which does not count yet
    (`count_links`)."""
    db.executemany(
        f"INSERT OR REPLACE INTO manifests ({STORED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", map(stored_row, rows)
    )
    db.executemany("DELETE FROM digests WHERE rid = ?", ((row.rid,) for row in rows))
    files = chain.from_iterable(map(_digest_rows, rows))
    db.executemany("INSERT INTO digests (sha256, owner, rid) VALUES (?, ?, ?)", files)
    state_links(db, [(row.rid, row.owner, stated(row), None) for row in rows])
    db.executemany("DELETE FROM evaluations WHERE rid = ?", [(row.rid,) for row in rows])
    db.executemany(
        "INSERT INTO evaluations (rid, benchmark, value) VALUES (?, ?, ?)",
        [(row.rid, *one) for row in rows for one in measured(row)],
    )
    state_protocols(db, [(row.rid, row.says.protocols, row.idx is not None) for row in rows])


def stated(row: ManifestRow) -> tuple[Link, ...]:
    """The models that a manifest names as it stands."""
    return () if row.idx is None else row.says.links


def measured(row: ManifestRow) -> tuple[tuple[str, float], ...]:
    """What was measured, as a manifest stands."""
    return () if row.idx is None else row.says.evaluations


def words_given(db: sqlite3.Connection, rids: Sequence[int]) -> dict[bytes, str]:
    """What manifests, by the rids of their keys, give the word index now, by the ids of their records."""
    found: dict[bytes, str] = {}
    for chunk in chunks(rids):
        rows = db.execute(f"SELECT subject, words FROM manifests WHERE rid IN ({marks(chunk)})", chunk)
        found.update((subject, words or "") for subject, words in rows)
    return found


def is_stored(db: sqlite3.Connection, row: ManifestRow) -> bool:
    """Whether the tables say of a manifest what it says, but for its links (`check_links`)."""
    kept = db.execute(f"SELECT {STORED} FROM manifests WHERE rid = ?", (row.rid,)).fetchone()
    files = db.execute("SELECT sha256, owner, rid FROM digests WHERE rid = ? ORDER BY sha256, owner", (row.rid,))
    results = db.execute("SELECT benchmark, value FROM evaluations WHERE rid = ? ORDER BY benchmark, value", (row.rid,))
    answers = row.says.protocols if row.idx is not None else ()
    return (
        bool(kept == stored_row(row))
        and [*files] == _digest_rows(row)
        and tuple(results) == measured(row)
        and protocols_stated(db, row.rid) == answers
    )


def _digest_rows(row: ManifestRow) -> list[tuple[bytes, bytes, int]]:
    if row.idx is None:
        return []
    return [(bytes.fromhex(digest), row.owner, row.rid) for digest in row.says.digests]


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
        weights, token, constant, words: as in `ManifestColumns`.
    """

    status: str | None = None
    heads: int = 0
    weights: int | None = None
    token: int | None = None
    constant: int | None = None
    words: str | None = None

    def of(self, derived: Derived) -> Derived:
        """What is derived of its record, with what it gives that."""
        return derived.given(self.status, self.weights, self.token, self.constant, self.words or "")


# Of a record without a manifest.
NO_STANDING = Standing()


def standings(db: sqlite3.Connection, records: Sequence[bytes]) -> dict[bytes, Standing]:
    """What manifests give these records, by id; those that have none are not among them."""
    found: dict[bytes, Standing] = {}
    for chunk in chunks(records):
        rows = db.execute(
            "SELECT subject, status, live_heads, weights, cache_token, cache_constant, words FROM manifests "
            f"WHERE subject IN ({marks(chunk)}) AND live_heads > 0",
            chunk,
        )
        found.update((subject, Standing(*given)) for subject, *given in rows)
    return found


class Followed(NamedTuple):
    """The rows of records that came into conflict by their manifests, and of those that are in none any more."""

    conflicted: list[int]
    settled: list[int]


def follow(db: sqlite3.Connection, given: Mapping[bytes, str]) -> Followed:
    """Let the catalogue, the word index and the links say of some records what their manifests give them now; those
    that are not live have no row there. The counter of conflicts is the caller's.

    Args:
        given: by the ids of the records, the words that their manifests gave them before.
    """
    records = sorted(given)
    followed = Followed([], [])
    now = standings(db, records)
    floor = indexed_from(db)
    out: list[tuple[int, tuple[str, ...]]] = []
    words: list[tuple[int, tuple[str, ...]]] = []
    rows: list[tuple[str | None, int, int | None, int]] = []
    counted: Counter[str] = Counter()
    counting: list[tuple[bytes, int | None]] = []
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
            words_now, words_before = standing.words or "", given[subject]
            is_same = (status, words_now) == (before, words_before)
            record = read_record(db, idx) if kind == "model" or not is_same else {}
            counting.append((subject, rid))
            behind = standing.weights, standing.token, standing.constant
            need = least_need(asked_of(record), *behind) if kind == "model" else None
            if live <= 1 and (heads > 1) != (heads_before > 1):
                (followed.conflicted if heads > 1 else followed.settled).append(rid)
            if (status, heads, need) != (before, heads_before, needed):
                rows.append((status, heads, need, rid))
            if is_same:
                continue
            counted.update({f"{FACET_LETTERS['status']}{said}": -1 for said in (before,) if said is not None})
            counted.update({f"{FACET_LETTERS['status']}{said}": 1 for said in (status,) if said is not None})
            if rid >= floor:  # what is older comes into the index as its row says then
                plain = derive(kind, record)
                out.append((rid, plain.beside(before, words_before).words))
                words.append((rid, plain.beside(status, words_now).words))
    db.executemany("UPDATE catalogue SET status = ?, manifest_heads = ?, need = ? WHERE rid = ?", rows)
    forget_words(db, sorted(out))
    index_words(db, sorted(words))
    count_values(db, counted)
    count_links(db, counting)
    return followed


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


class Signed(NamedTuple):
    """What is shown of a record and of what stands behind it, as it was signed; nothing of it is decoded or judged.

    Attributes:
        op: the operation of the record that is shown.
        manifest: the manifest as JSON, as `Body.record`; manifest_op: its operation. None without one.
        manifest_heads: all heads of the manifest, ascending.
    """

    body: Body
    op: bytes
    manifest: bytes | None
    manifest_op: bytes | None
    manifest_heads: tuple[str, ...]


class SignedPart(NamedTuple):
    """The records whose ids begin alike.

    Attributes:
        records: in the order of their ids; None where they are more than were asked for, or larger.
        total: how many there are, with those that were deleted where `records` is None, and counted up to a bound.
    """

    records: tuple[Signed, ...] | None
    total: int


def read_signed(db: sqlite3.Connection, prefix: str, most: int, most_bytes: int, counted: int) -> SignedPart:
    """What is shown of the records whose ids begin so.

    Args:
        prefix: at most 64 lower-case hex digits.
        most, most_bytes: of records, and of their operations, without what stands behind them; one record may be any
            size. counted: so many are counted where there are more.
    """
    # Along the index of ids alone. Manifests have rows below zero.
    begun = ("FROM keys k WHERE k.id BETWEEN ? AND ? AND k.rid > 0", hex_range(prefix, 64))
    live = f"SELECT k.rid {begun[0]} AND EXISTS (SELECT 1 FROM catalogue c WHERE c.rid = k.rid) ORDER BY k.id LIMIT ?"
    rids = [rid for (rid,) in db.execute(live, (*begun[1], most + 1))]
    if len(rids) <= most:
        rows = [_with_op(row) for row in db.execute(_SIGNED, (json.dumps(rids),)).fetchall()]
        if len(rows) <= 1 or sum(len(row[_OP]) for row in rows) <= most_bytes:
            return SignedPart(tuple([_signed(db, row) for row in rows]), len(rids))
    (total,) = db.execute(f"SELECT count(*) FROM (SELECT 1 {begun[0]} LIMIT ?)", (*begun[1], counted)).fetchone()
    return SignedPart(None, total)


_SIGNED = (
    f"SELECT {OF_BODY}, m.rid, b.hash, b.body, (SELECT count(*) FROM ops h WHERE h.rid = m.rid AND h.is_head = 1) "
    "FROM json_each(?) AS wanted CROSS JOIN catalogue c ON c.rid = wanted.value JOIN ops o ON o.idx = c.idx "
    "LEFT JOIN manifests m ON m.subject = c.id LEFT JOIN ops b ON b.idx = m.idx"
)


# Where `OF_BODY` has the operation.
_OP = 6


def _with_op(values: Sequence[Any]) -> tuple[Any, ...]:
    """The values of `_SIGNED` with the operation as it was signed."""
    return (*values[:_OP], unpacked(values[_OP]), *values[_OP + 1 :])


def _signed(db: sqlite3.Connection, values: Sequence[Any]) -> Signed:
    *of_record, rid, shown, behind, number = values
    heads = [shown]
    if rid is not None and not (number == 1 and shown is not None):
        heads = sorted(bytes.fromhex(head.hash) for _, head in read_heads(db, [rid]))
    return Signed(
        body_of(db, of_record),
        of_record[_OP],
        None if behind is None else record_in(behind),
        None if behind is None else unpacked(behind),
        tuple([head.hex() for head in heads if head is not None]),
    )


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
