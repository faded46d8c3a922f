"""The current manifests: one row for each that was ever seen, whether or not its record is here.

What a manifest says counts only while its record is live; who reads these rows joins them to the catalogue by the id of
the record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from tui_registry.errors import Kind, Problem, Record
from tui_registry.frozen import NamedTuple
from tui_registry.replica.catalogue.current import check_manifest_among, live_of, revision_of
from tui_registry.replica.catalogue.derived import KIND_CODES_BY_NAME, KINDS_BY_CODE, variant_text
from tui_registry.replica.store.stored import read_heads, record_of, stored_id


class ManifestColumns(NamedTuple):
    """What is derived from a manifest.

    Attributes:
        kind, subject: of its record; 64 hex digits.
        status: what it says of the record; None for `Active`.
    """

    kind: str
    subject: str
    status: str | None


class ManifestRow(NamedTuple):
    """A manifest as it stands: the row of its key, the place of its current version, None for a deleted one, how many
    versions are live, and what the current one says, of a deleted one the last."""

    rid: int
    idx: int | None
    live: int
    says: ManifestColumns


def manifest_columns(manifest: Record) -> ManifestColumns:
    """What a row holds of a manifest."""
    status = variant_text(manifest["status"])
    kind = str(manifest["subject_kind"]).lower()
    return ManifestColumns(kind, str(manifest["subject_id"]), None if status == "Active" else status)


def stored_row(row: ManifestRow) -> tuple[int, int, bytes, int | None, int, str | None]:
    """A row as the table holds it."""
    rid, idx, live, says = row
    return (
        rid,
        KIND_CODES_BY_NAME[says.kind],
        bytes.fromhex(says.subject),
        idx,
        live,
        says.status if idx is not None else None,
    )


def write_manifests(db: sqlite3.Connection, rows: Iterable[ManifestRow]) -> None:
    """Put rows in their places."""
    db.executemany(
        "INSERT OR REPLACE INTO manifests (rid, kind, subject, idx, live_heads, status) VALUES (?, ?, ?, ?, ?, ?)",
        map(stored_row, rows),
    )


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
