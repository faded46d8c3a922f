"""What stands behind the records of this replica: reading and writing manifests.

Every write is signed by this replica's key, and durable when a call returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from tui_registry.errors import InvalidRecord, Problem, Record
from tui_registry.records.wire import derive_manifest_id
from tui_registry.replica.catalogue.current import check_manifest_of
from tui_registry.replica.catalogue.current_manifests import (
    ManifestEntry,
    Naming,
    SignedPart,
    naming,
    read_manifest,
    read_signed,
)
from tui_registry.replica.log.record_history import HistoryEntry, find_key, read_history, read_live, version_at
from tui_registry.replica.log.turns import Once
from tui_registry.replica.store.connection import Pool, StoreError

if TYPE_CHECKING:
    from tui_registry.crdt import AnyOp
    from tui_registry.replica.log.local import LocalWrites


class Manifests:
    """The manifests of this replica, each by the id of its record."""

    def __init__(self, pool: Pool, local: Callable[[], LocalWrites]) -> None:
        """
        Args:
            local: gives what signs and writes.
        """
        self._pool = pool
        self._local = local

    def get(self, record_id: str) -> ManifestEntry | None:
        """What stands behind a record; None where neither the record nor a manifest of it was ever seen."""
        with self._pool.read() as db:
            return read_manifest(db, record_id)

    def of(self, record_ids: Iterable[str]) -> dict[str, Record]:
        """The manifests of the records that have one, by the ids of the records."""
        found = ((record_id, self.get(record_id)) for record_id in record_ids)
        return {
            record_id: entry.manifest for record_id, entry in found if entry is not None and entry.manifest is not None
        }

    def signed(self, prefix: str, most: int, *, most_bytes: int, counted: int, work: int) -> SignedPart:
        """What is shown of the records whose ids begin so, with what stands behind them, as it was signed; of muted
        owners too. Nothing is decoded or judged.

        Args:
            prefix: at most 64 lower-case hex digits.
            most, most_bytes: of records, and of their operations, without what stands behind them; one record may be
                any size.
            counted: so many are counted where there are more.
            work: as in `Datastore.search`.

        Raises:
            StoreError: `interrupted`.
        """
        with self._pool.read(work=work) as db:
            return read_signed(db, prefix, most, most_bytes, counted)

    def naming(self, digest: str, most: int = 100) -> Naming:
        """The records whose manifests state that a file of theirs has this SHA-256: a claim of their owners.

        Args:
            digest: 64 hex digits.
        """
        with self._pool.read() as db:
            return naming(db, digest, most)

    def check(self, record_id: str, manifest: Record) -> list[Problem]:
        """The authoring rules, with what is known in this registry, of what is to stand behind a record."""
        with self._pool.read() as db:
            return check_manifest_of(db, record_id, manifest)

    def history(self, record_id: str, *, limit: int | None = None, before: int | None = None) -> list[HistoryEntry]:
        """The operations on the manifest of a record, the last arrived first; arguments as for `Datastore.history`."""
        with self._pool.read() as db:
            key = find_key(db, derive_manifest_id(record_id))
            return [] if key is None else read_history(db, key, limit, before)

    def versions(self, record_id: str) -> list[HistoryEntry]:
        """The live versions of the manifest of a record, the one that is shown first; of another owner's at most 64."""
        with self._pool.read() as db:
            key = find_key(db, derive_manifest_id(record_id))
            return [] if key is None else read_live(db, key)

    def at(self, record_id: str, moment: int) -> HistoryEntry | None:
        """The manifest of a record as it was at a moment (Unix seconds), by the times at which its operations say that
        they were written; None where there was none yet. Where it was deleted then, `record` of it is None."""
        with self._pool.read() as db:
            key = find_key(db, derive_manifest_id(record_id))
            try:
                return None if key is None else version_at(db, key, moment)
            except StoreError as error:
                if error.code != "not_found":
                    raise
                return None

    def set(self, record_id: str, manifest: Record, seen: Sequence[str] = (), *, once: Once | None = None) -> AnyOp:
        """Write what stands behind a record of this replica's key.

        Args:
            manifest: plain; ids, owner, the record's kind and first name, and times are set here.
            seen: `ManifestEntry.heads` as the caller was shown them, empty where there was none.
            once: as for `Datastore.add`.

        Raises:
            InvalidRecord: it breaks an authoring rule.
            StoreError: `not_found`: the record is not live here; `not_owner`, `conflict`, `changed`, `bad_key`,
                `key_reused`.
        """
        self._refuse_errors(record_id, manifest)
        return self._local().set_manifest(record_id, manifest, seen, once)

    def delete(self, record_id: str, seen: Sequence[str], *, once: Once | None = None) -> AnyOp:
        """Remove the manifest of a record as the caller was shown it; errors as for `set`."""
        return self._local().delete_manifest(record_id, seen, once)

    def resolve(
        self, record_id: str, manifest: Record | None, seen: Sequence[str], *, once: Once | None = None
    ) -> AnyOp:
        """Settle several live versions by one write that names every head, or with None by a removal.

        Raises:
            InvalidRecord: the value breaks an authoring rule.
            StoreError: `no_conflict`, `changed`, `not_found`, `not_owner`, `bad_key`, `key_reused`.
        """
        if manifest is not None:
            self._refuse_errors(record_id, manifest)
        return self._local().resolve_manifest(record_id, manifest, seen, once)

    def _refuse_errors(self, record_id: str, manifest: Record) -> None:
        problems = self.check(record_id, manifest)
        if any(problem.severity == "error" for problem in problems):
            raise InvalidRecord(tuple(problems))
