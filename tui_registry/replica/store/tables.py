"""The tables of a replica, making them, and the way from every earlier version of them to this one.

Once released, a version of the tables stays as it is.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import AUTHORING_VERSION, RULES_VERSION
from tui_registry.replica.store.connection import BUSY_SECONDS, Pool, StoreError, damaged, said_plainly

APPLICATION_ID = 0x74756972  # "tuir"
# Of a backup (`store.backup_file`).
BACKUP_ID = 0x74756962  # "tuib"
# An op takes a kilobyte or two: on SQLite's own 4,096 bytes a page, an eighth of the file would be gaps.
_PAGE_BYTES = 8_192

SCHEMA_VERSION = 2

# What is kept of the log as a set (`log.kept_set`) may leave out so many operations at its end.
MOST_BEHIND = 1_024


class Prepared(NamedTuple):
    """What is left to do of a replica that is brought up to date.

    Attributes:
        is_whole: rejections and word index are of this program's version, and the index is whole; else
            `audit.refresh_versions` and `audit.make_index` are due.
        is_judged: all records are judged by this program's authoring rules; else `catalogue.judged.judge_some` is due.
        is_kept: what the log is as a set is kept nearly to its end; else `log.kept_set.keep_some` is due.
    """

    is_whole: bool
    is_judged: bool
    is_kept: bool


def prepare(pool: Pool, index_version: int) -> Prepared:
    """Make the database if there is none, bring an older one up to date, and leave any other file untouched.

    Args:
        index_version: `INDEX_VERSION`, written into a new database.

    Raises:
        StoreError: `not_a_replica`, `newer_schema`, `corrupt`, `read_only`, `unusable`, `locked`, `disk_full`.
    """
    with said_plainly(pool.path):
        connection = pool.settle()
        try:
            version = _recognise(connection, pool.path)
            if version < SCHEMA_VERSION:
                if pool.hindrance is not None:
                    raise pool.hindrance.error(
                        f"{pool.path} was written by an earlier version of tui-registry (schema {version}, this one "
                        f"has {SCHEMA_VERSION}) and has to be brought up to date before it is read, which cannot be "
                        "done there"
                    )
                # Before the first transaction: both are properties of the file, and cannot change inside one.
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                _enter_wal(connection)
                _migrate(connection, pool.path, index_version)
            rules, index, is_made, judged_by, has_unjudged, behind = _read_versions(connection, pool.path)
        finally:
            connection.close()
    is_judged = not has_unjudged and judged_by.partition(" ")[0] == str(AUTHORING_VERSION)
    is_whole = (rules, index, is_made) == (RULES_VERSION, index_version, 1)
    return Prepared(is_whole, is_judged, 0 <= behind <= MOST_BEHIND)


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL. While another process does the same SQLite does not wait, so this does."""
    patience = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(0.01)
        else:
            return


def _read_versions(connection: sqlite3.Connection, path: Path) -> tuple[int, int, int, str, int, int]:
    try:
        row = connection.execute(
            "SELECT rules_version, index_version, floor <= 1 AND NOT EXISTS (SELECT 1 FROM sqlite_schema "
            "WHERE name IN ('words_old', 'names_old')), judged_by, judged_from > 1 OR EXISTS (SELECT 1 FROM catalogue "
            "INDEXED BY catalogue_unjudged WHERE invalid IS NULL), size - kept FROM replica, search_state"
        ).fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        row = None  # the table is gone
    if row is None:
        raise StoreError("corrupt", damaged(path))
    rules, index, is_made, judged_by, has_unjudged, behind = row
    return rules, index, is_made, judged_by, has_unjudged, behind


def _recognise(connection: sqlite3.Connection, path: Path) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == 0 and version == 0 and tables == 0:
        return 0
    if application == BACKUP_ID:
        raise StoreError(
            "not_a_replica",
            f"{path} is a backup: move it out of there, and 'tui-registry backup --restore FILE' makes a replica of it",
        )
    if application != APPLICATION_ID:
        raise StoreError(
            "not_a_replica", f"{path} is a database of another program. Move it away, or name another --data-dir"
        )
    if version > SCHEMA_VERSION:
        raise StoreError(
            "newer_schema",
            f"{path} was written by a later version of tui-registry (schema {version}, this one knows "
            f"{SCHEMA_VERSION}). Upgrade tui-registry, or name another --data-dir",
        )
    return int(version)


def _migrate(connection: sqlite3.Connection, path: Path, index_version: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it between our look and our lock.
        version = _recognise(connection, path)
        if version == 1:
            set_words_aside(connection)
        for statements in VERSIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        if version == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(
                "INSERT INTO replica (one, epoch, fingerprint, rules_version, index_version) VALUES (1, ?, ?, ?, ?)",
                (os.urandom(16).hex(), "0" * 64, RULES_VERSION, index_version),
            )
            connection.execute("UPDATE search_state SET judged_by = ?", (str(AUTHORING_VERSION),))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def set_words_aside(connection: sqlite3.Connection) -> None:
    """Give the word index other names, to be dropped piece by piece: to drop that of a large replica takes long."""
    for table in _WORD_TABLES:
        connection.execute(f"DROP TABLE IF EXISTS {table}_old")
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_old")


def drop_words_aside(connection: sqlite3.Connection) -> bool:
    """Drop a piece of a word index that was set aside; whether there is more of it."""
    is_more = False
    for table in _WORD_TABLES:
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (f"{table}_old",)).fetchone() is None:
            continue
        data = f"{table}_old_data"
        piece = f"DELETE FROM {data} WHERE id IN (SELECT id FROM {data} WHERE id > {_FIRST_PAGE} LIMIT ?)"
        if connection.execute(piece, (_DROPPED_AT_ONCE,)).rowcount < _DROPPED_AT_ONCE:
            connection.execute(f"DROP TABLE {table}_old")
        else:
            is_more = True
    return is_more


# Whose log it is


def is_view(db: sqlite3.Connection) -> bool:
    """Whether the folder is a view of a hub's log."""
    return db.execute("SELECT 1 FROM hub").fetchone() is not None


def expect_own(db: sqlite3.Connection, what: str | None = None) -> None:
    """See to it that the folder is a replica of its own.

    Args:
        what: is to be done instead.

    Raises:
        StoreError: `hub_view`.
    """
    if is_view(db):
        raise view_error() if what is None else view_error(what)


def view_error(what: str = "write through one of its nodes ('--node URL')") -> StoreError:
    """
    Args:
        what: is to be done instead.
    """
    return StoreError("hub_view", f"this folder is a hub's view: {what}")


# The tables

_WORD_TABLES = ("words", "names")
# FTS5 keeps two rows of its own before the pages, and opens no table without them.
_FIRST_PAGE = 10
# Pages of 8 kB, most of them.
_DROPPED_AT_ONCE = 1_000

# How both word indexes are written. A batch of a pull is one segment, not one for every megabyte (`hashsize`); segments
# are merged less often (`automerge`): together they take the index from a third of the cost of a row to a sixth.
_WRITTEN_SO = tuple(
    f"INSERT INTO {index} ({index}, rank) VALUES ('{setting}', {value})"
    for index in ("words", "names")
    for setting, value in (("pgsz", 8_100), ("hashsize", 16 * 2**20), ("automerge", 8))
)

MAKE_WORD_INDEX = (
    """
    CREATE VIRTUAL TABLE words USING fts5(
        name, description, tags, capabilities, tools, name_forms, forms, facets,
        content='', columnsize=0, detail=full, prefix='1 2 3', tokenize="ascii tokenchars '.+#'"
    )
    """,
    """
    CREATE VIRTUAL TABLE names USING fts5(
        name, name_forms,
        content='', columnsize=0, detail=full, prefix='1 2 3', tokenize="ascii tokenchars '.+#'"
    )
    """,
    *_WRITTEN_SO,
)

_VERSION_1 = (
    # One row of facts about the replica. Counters move with the batch that changes them, so that nothing is counted
    # at start. `fingerprint` is the sum of all op hashes modulo 2^256, 64 hex digits.
    """
    CREATE TABLE replica (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        epoch TEXT NOT NULL,
        size INTEGER NOT NULL DEFAULT 0,
        fingerprint TEXT NOT NULL,
        models INTEGER NOT NULL DEFAULT 0,
        agents INTEGER NOT NULL DEFAULT 0,
        conflicts INTEGER NOT NULL DEFAULT 0,
        address TEXT NOT NULL DEFAULT '',
        rules_version INTEGER NOT NULL DEFAULT 0,
        index_version INTEGER NOT NULL DEFAULT 0
    )
    """,
    # Every key ever seen, live or deleted. An id is derived from its kind, so it is unique over both.
    """
    CREATE TABLE keys (
        rid INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        id BLOB NOT NULL UNIQUE,
        owner BLOB NOT NULL
    )
    """,
    "CREATE TABLE owners (address BLOB PRIMARY KEY, ops INTEGER NOT NULL) WITHOUT ROWID",
    # The append-only log; `idx` counts from 0 without a gap, children before those that name them.
    """
    CREATE TABLE ops (
        idx INTEGER PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        rid INTEGER NOT NULL,
        clock INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        is_rm INTEGER NOT NULL,
        is_head INTEGER NOT NULL,
        body BLOB NOT NULL
    )
    """,
    "CREATE INDEX ops_of_record ON ops (rid, is_head)",
    # Derived: the winner of every live key, in columns that lists and filters read. u64 clamped to 2^63-1.
    """
    CREATE TABLE catalogue (
        rid INTEGER PRIMARY KEY,
        idx INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        id BLOB NOT NULL,
        owner BLOB NOT NULL,
        name TEXT NOT NULL,
        version TEXT NOT NULL,
        type TEXT NOT NULL,
        framework TEXT NOT NULL,
        license TEXT NOT NULL,
        quantization TEXT,
        parameters INTEGER NOT NULL,
        context_length INTEGER,
        output_tps INTEGER,
        min_vcpus INTEGER NOT NULL,
        min_memory_mb INTEGER NOT NULL,
        min_disk_gb INTEGER NOT NULL,
        min_vram_gb INTEGER,
        has_formfile INTEGER NOT NULL,
        labels TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        live_heads INTEGER NOT NULL
    )
    """,
    "CREATE INDEX catalogue_updated ON catalogue (updated_at, rid)",
    "CREATE INDEX catalogue_kind_updated ON catalogue (kind, updated_at, rid)",
    "CREATE INDEX catalogue_name ON catalogue (name COLLATE NOCASE, rid)",
    "CREATE INDEX catalogue_parameters ON catalogue (parameters, rid)",
    "CREATE INDEX catalogue_context ON catalogue (context_length, rid)",
    "CREATE INDEX catalogue_created ON catalogue (created_at, rid)",
    "CREATE INDEX catalogue_conflicts ON catalogue (updated_at, rid) WHERE live_heads > 1",
    # Derived: the words of every live record. Contentless: the words stand in the ops already. `facets` holds one
    # made-up word per exact value (kind, type, licence, tag...), so that filters are answered inside the index. What
    # comes here is folded and cut into words already: the plainest tokenizer has only the spaces left to see.
    """
    CREATE VIRTUAL TABLE words USING fts5(
        name, description, tags, capabilities, tools, facets,
        content='', columnsize=0, detail=full, prefix='1 2 3', tokenize='ascii'
    )
    """,
    # The words of names once more, by themselves: "names that hold the words come first" is answered from short lists.
    """
    CREATE VIRTUAL TABLE names USING fts5(
        name, content='', columnsize=0, detail=full, prefix='1 2 3', tokenize='ascii'
    )
    """,
    *_WRITTEN_SO,
    # Every word of four letters or more that any record ever had. FTS5 answers the beginning of a word by merging all
    # that have it, which for a common word means a large part of the registry; a few whole words instead cost nothing.
    "CREATE TABLE vocabulary (word TEXT PRIMARY KEY) WITHOUT ROWID",
    # Derived: how many records have a value; a facet of the whole registry, and what completion offers.
    """
    CREATE TABLE counted (
        field TEXT NOT NULL,
        value TEXT NOT NULL,
        records INTEGER NOT NULL,
        PRIMARY KEY (field, value)
    ) WITHOUT ROWID
    """,
    # Valid by themselves, waiting for `child`; kept by digest of the whole bytes, once for each source: were they
    # shared, a peer could send an honest peer's op first, get itself evicted, and so make it forgotten.
    """
    CREATE TABLE pending (
        seq INTEGER PRIMARY KEY,
        digest BLOB NOT NULL,
        source TEXT NOT NULL,
        child BLOB NOT NULL,
        epoch TEXT,
        entry INTEGER,
        size INTEGER NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (digest, source)
    )
    """,
    "CREATE INDEX pending_child ON pending (child)",
    "CREATE INDEX pending_source ON pending (source, seq)",
    # The quarantine: what was refused, from whom and why; `start` is the beginning of the bytes.
    """
    CREATE TABLE rejected (
        digest BLOB PRIMARY KEY,
        source TEXT NOT NULL,
        received_at INTEGER NOT NULL,
        code TEXT NOT NULL,
        sentence TEXT NOT NULL,
        size INTEGER NOT NULL,
        start BLOB NOT NULL
    )
    """,
    "CREATE INDEX rejected_received ON rejected (received_at)",
    """
    CREATE TABLE peers (
        name TEXT PRIMARY KEY,
        address TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        epoch TEXT,
        their_size INTEGER,
        their_fingerprint TEXT,
        node TEXT,
        etag TEXT,
        rejected INTEGER NOT NULL DEFAULT 0,
        unsupported INTEGER NOT NULL DEFAULT 0,
        last_sync INTEGER,
        last_try INTEGER,
        last_error TEXT
    )
    """,
    # How far each log of a peer was read: entries below `next_index`, whose hashes sum up to `running_sum`. The first
    # entry that this program's reader could not read, the first that pending had no room for, and, while entries are
    # read again for one of these reasons, the first still to be read again.
    """
    CREATE TABLE cursors (
        peer TEXT NOT NULL REFERENCES peers (name) ON DELETE CASCADE,
        epoch TEXT NOT NULL,
        next_index INTEGER NOT NULL,
        running_sum TEXT NOT NULL,
        unsupported_index INTEGER,
        unsupported_version TEXT,
        evicted_index INTEGER,
        again_index INTEGER,
        used_at INTEGER NOT NULL,
        PRIMARY KEY (peer, epoch)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE owner_names (address BLOB PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE saved_searches (name TEXT PRIMARY KEY, query TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE search_history (query TEXT PRIMARY KEY, asked_at INTEGER NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE drafts (
        key TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        record_id TEXT,
        seen TEXT NOT NULL,
        fields TEXT NOT NULL,
        saved_at INTEGER NOT NULL
    )
    """,
)

_VERSION_2 = (
    # When and from whom operations first came here: a row for each run of them that came together, which reaches to the
    # next row. `source` is null for what was written here, `arrived_at` for what came before this table was there.
    # Writes that belong together, such as an import, have a batch.
    """
    CREATE TABLE arrivals (
        idx INTEGER PRIMARY KEY,
        arrived_at INTEGER,
        source TEXT,
        batch INTEGER
    )
    """,
    "INSERT INTO arrivals (idx) SELECT 0 FROM replica WHERE size > 0",
    "CREATE INDEX arrivals_batch ON arrivals (batch) WHERE batch IS NOT NULL",
    # What people call a batch, and whether it was undone.
    """
    CREATE TABLE batches (
        batch INTEGER PRIMARY KEY,
        label TEXT NOT NULL,
        undone INTEGER NOT NULL DEFAULT 0
    )
    """,
    # An operation that waits came here when it came, not when it is released.
    "ALTER TABLE pending ADD COLUMN received_at INTEGER",
    # History in the order in which operations say that they were written.
    "CREATE INDEX ops_written ON ops (updated_at)",
    # What an entry of a source came to here, and what the source said of it last (a draft as compressed JSON). By that
    # no import makes a second record, and what a person edited is told from what the source changed. Never synced.
    """
    CREATE TABLE imported (
        source TEXT NOT NULL,
        entry TEXT NOT NULL,
        id BLOB NOT NULL,
        said BLOB NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (source, entry)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX imported_id ON imported (id)",
    # What this replica's own key signed and this replica did not write. `state` is 0 until somebody was told of it
    # before a write, 1 after that, 2 once the owner of the key said that they know of it.
    "CREATE TABLE elsewhere (idx INTEGER PRIMARY KEY, state INTEGER NOT NULL)",
    "CREATE INDEX elsewhere_unknown ON elsewhere (state) WHERE state < 2",
    # What the hashes of the first `size` entries of a peer's log sum up to, at the ends of its tiles: an older head of
    # the same log is told from another log by it.
    """
    CREATE TABLE cursor_sums (
        peer TEXT NOT NULL,
        epoch TEXT NOT NULL,
        size INTEGER NOT NULL,
        total BLOB NOT NULL,
        PRIMARY KEY (peer, epoch, size)
    ) WITHOUT ROWID
    """,
    # By how much a peer's head differs from the sum of what it sent, where refused entries explain that.
    "ALTER TABLE cursors ADD COLUMN off_by TEXT",
    # Entries of a peer's log that were refused for their bytes, with the hash that they claimed: the log may be mended.
    """
    CREATE TABLE spoilt (
        peer TEXT NOT NULL,
        epoch TEXT NOT NULL,
        entry INTEGER NOT NULL,
        claimed BLOB,
        tries INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (peer, epoch, entry)
    ) WITHOUT ROWID
    """,
    # The word index anew: forms (`query.folding`) in columns of their own, and marks that are part of a word.
    "DROP TABLE IF EXISTS words",
    "DROP TABLE IF EXISTS names",
    *MAKE_WORD_INDEX,
    # The words of names by how they go on from each of their letters, so that a name is found inside its words.
    "CREATE TABLE endings (ending TEXT, word TEXT, PRIMARY KEY (ending, word)) WITHOUT ROWID",
    # How far the word index is made: records from `floor` on are in it, up to `top` there were some when it was begun.
    # It is made anew from the newest record to the oldest, so what is written meanwhile is in it too. And how many
    # words `vocabulary` and `endings` have learnt: they are bounded.
    """
    CREATE TABLE search_state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        floor INTEGER NOT NULL,
        top INTEGER NOT NULL,
        words INTEGER NOT NULL DEFAULT 0,
        name_words INTEGER NOT NULL DEFAULT 0
    )
    """,
    "DELETE FROM vocabulary",
    # The values that most records have, without looking at those that few have: there is no end of them.
    "CREATE INDEX counted_common ON counted (field, records) WHERE records > 1",
    "INSERT INTO search_state (one, floor, top) "
    "SELECT 1, coalesce(max(rid), 0) + 1, coalesce(max(rid), 0) + 1 FROM keys",
    # Derived: whether a record breaks an authoring rule, null until it is judged; by which rules (`catalogue.judged`),
    # and from which record on by these: what stands before is judged anew, from the newest on.
    "ALTER TABLE catalogue ADD COLUMN invalid INTEGER DEFAULT 0",
    "CREATE INDEX catalogue_invalid ON catalogue (updated_at, rid) WHERE invalid = 1",
    "CREATE INDEX catalogue_unjudged ON catalogue (rid) WHERE invalid IS NULL",
    "ALTER TABLE search_state ADD COLUMN judged_by TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE search_state ADD COLUMN judged_from INTEGER NOT NULL DEFAULT 1",
    # Which operation came of a request that may be asked for again, by digests (`log.turns`). Never synced.
    """
    CREATE TABLE retries (
        seq INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        request BLOB NOT NULL,
        hash BLOB NOT NULL,
        at INTEGER NOT NULL
    )
    """,
    "CREATE INDEX retries_at ON retries (at)",
    # Every manifest ever seen, by its key: the kind and id of its record, which need not be here, and the winner, null
    # where it is deleted. `status` is null for `Active`. Keys of manifests have rids below zero, so that those of
    # records stay one behind the other: the word index counts by them.
    """
    CREATE TABLE manifests (
        rid INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        subject BLOB NOT NULL UNIQUE,
        idx INTEGER,
        live_heads INTEGER NOT NULL,
        status TEXT
    )
    """,
    # Derived: what the manifest of a record says of it, null where it is to be used, and how many versions of that are
    # live. Here, where lists and filters read: to look into another table for each row would double what a list costs.
    "ALTER TABLE catalogue ADD COLUMN manifest_heads INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE catalogue ADD COLUMN status TEXT",
    "CREATE INDEX catalogue_manifests ON catalogue (updated_at, rid) WHERE manifest_heads > 0",
    # Every order of what is not simply to be used: deprecated records may lie together at the far end of any of them.
    *(
        f"CREATE INDEX catalogue_status_{order} ON catalogue ({column}, rid, status, kind) WHERE status IS NOT NULL"
        for order, column in (
            ("updated", "updated_at"),
            ("created", "created_at"),
            ("name", "name COLLATE NOCASE"),
            ("parameters", "parameters"),
            ("context", "context_length"),
        )
    ),
    # Whose manifest alone is in conflict is to be found, and settled, too.
    "DROP INDEX catalogue_conflicts",
    "CREATE INDEX catalogue_conflicts ON catalogue (updated_at, rid) WHERE live_heads > 1 OR manifest_heads > 1",
    # What opens the node to programs: SHA-256 of a token, and what it may be used for, as words.
    """
    CREATE TABLE tokens (
        name TEXT PRIMARY KEY,
        digest BLOB NOT NULL,
        scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    # Derived: what the first `kept` operations of the log are as a set (`log.kept_set`): the sum of their hashes modulo
    # 2^256, their LtHash and the right edge of their tree in one row, none while there are no such; and symbols, a row
    # for each 256 of them. In `replica`, as every opening looks there anyway.
    "ALTER TABLE replica ADD COLUMN kept INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE log_set (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        total BLOB NOT NULL,
        lanes BLOB NOT NULL,
        edge BLOB NOT NULL
    )
    """,
    "CREATE TABLE log_symbols (start INTEGER PRIMARY KEY, symbols BLOB NOT NULL)",
    # What owners and sources (`arrivals`) have here, in operations and bytes on disk, for rations; null bytes are not
    # counted yet.
    "ALTER TABLE owners ADD COLUMN bytes INTEGER",
    "CREATE TABLE sources (source TEXT PRIMARY KEY, ops INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID",
    # Owners that are hidden here, and owners of whom nothing new is taken: since when.
    "CREATE TABLE kept_out (owner BLOB PRIMARY KEY, muted_at INTEGER, blocked_at INTEGER) WITHOUT ROWID",
    # How much is taken: from everybody (an empty source), of all that is pushed, from a peer.
    """
    CREATE TABLE rations (
        source TEXT PRIMARY KEY,
        named_only INTEGER NOT NULL,
        owner_ops INTEGER,
        owner_bytes INTEGER,
        source_ops INTEGER,
        source_bytes INTEGER
    ) WITHOUT ROWID
    """,
    # Valid by themselves, and left out for a reason of this replica's (`log.left_out`); `wanted` once they may come in.
    """
    CREATE TABLE left_out (
        seq INTEGER PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        owner BLOB NOT NULL,
        reason INTEGER NOT NULL,
        source TEXT NOT NULL,
        size INTEGER NOT NULL,
        at INTEGER NOT NULL,
        wanted INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX left_out_owner ON left_out (owner, reason)",
    # Of each log of a peer, by owner: how many of the entries below `upto` were left out, what their hashes sum up to,
    # the first of them, and how many are not remembered by hash.
    """
    CREATE TABLE left_at (
        peer TEXT NOT NULL,
        epoch TEXT NOT NULL,
        owner BLOB NOT NULL,
        entry INTEGER NOT NULL,
        upto INTEGER NOT NULL,
        ops INTEGER NOT NULL,
        total BLOB NOT NULL,
        beyond INTEGER NOT NULL,
        PRIMARY KEY (peer, epoch, owner)
    ) WITHOUT ROWID
    """,
    # Whether a peer is to be asked for what is wanted by now. Who answers no such questions is read again from
    # `left_index` on, and so is a log of which some (`left_beyond`) was not remembered by hash.
    "ALTER TABLE peers ADD COLUMN to_ask INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE cursors ADD COLUMN left_index INTEGER",
    "ALTER TABLE cursors ADD COLUMN left_beyond INTEGER NOT NULL DEFAULT 0",
    # The key by which a peer's heads are known, the first one that signed any; the key of the head that was read last,
    # null where it bears no signature; and whether the root that it names fits the entries that were read, null where
    # that cannot be told.
    "ALTER TABLE peers ADD COLUMN pinned TEXT",
    "ALTER TABLE peers ADD COLUMN signed_by TEXT",
    "ALTER TABLE peers ADD COLUMN root_fits INTEGER",
    # The right edge of the tree (`crdt.tree`) over the hashes that the first `edge_size` entries of a peer's log claim.
    # It is not of what was read where the two sizes differ. `edge_doubtful`: an entry may have another hash in the
    # peer's own tree.
    "ALTER TABLE cursors ADD COLUMN edge BLOB",
    "ALTER TABLE cursors ADD COLUMN edge_size INTEGER",
    "ALTER TABLE cursors ADD COLUMN edge_doubtful INTEGER NOT NULL DEFAULT 0",
    # Signed heads that peers showed, the last ones of each, as JSON: what else a key says of the same size is compared.
    """
    CREATE TABLE shown_heads (
        seq INTEGER PRIMARY KEY,
        peer TEXT NOT NULL,
        key TEXT NOT NULL,
        epoch TEXT NOT NULL,
        size INTEGER NOT NULL,
        root TEXT NOT NULL,
        head TEXT NOT NULL,
        UNIQUE (peer, key, epoch, size)
    )
    """,
    "CREATE INDEX shown_heads_said ON shown_heads (key, epoch, size)",
    # Proofs that a key signed two heads of the same log and size with different roots, and whom each came from.
    # `known`: the person was told and said so.
    """
    CREATE TABLE faces (
        seq INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        epoch TEXT NOT NULL,
        size INTEGER NOT NULL,
        one TEXT NOT NULL,
        one_from TEXT NOT NULL,
        other TEXT NOT NULL,
        other_from TEXT NOT NULL,
        found_at INTEGER NOT NULL,
        known INTEGER NOT NULL DEFAULT 0,
        UNIQUE (key, epoch, size)
    )
    """,
    # Derived: what a record's name looks like (`skeletons.looks`), null until the catalogue is made anew; whose names
    # look alike is read from the index alone, those that came here first first.
    "ALTER TABLE catalogue ADD COLUMN looks INTEGER",
    "CREATE INDEX catalogue_looks ON catalogue (looks, rid, owner) WHERE looks IS NOT NULL",
    # Which keys a domain said are its own, and when it was asked. Never synced.
    """
    CREATE TABLE domain_keys (
        address BLOB NOT NULL,
        domain TEXT NOT NULL,
        said_at INTEGER NOT NULL,
        PRIMARY KEY (address, domain)
    ) WITHOUT ROWID
    """,
    # The hub whose log this replica is a view of, no row where it is its own: the id, the address that its nodes sign
    # as, and the chain (`log.shared_log`) of the view's operations, moved in the transaction that appends.
    """
    CREATE TABLE hub (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        id TEXT NOT NULL,
        address TEXT NOT NULL,
        size INTEGER NOT NULL,
        chain BLOB NOT NULL
    )
    """,
    # Derived: the bytes that a model needs to run at the usual context (`tui_registry.fit`), null where nothing tells
    # them, and whether it needs a GPU. Of a manifest, its part in that: the smallest weights that there are files of,
    # and what a cache takes a token and besides.
    "ALTER TABLE catalogue ADD COLUMN need INTEGER",
    "ALTER TABLE catalogue ADD COLUMN needs_gpu INTEGER NOT NULL DEFAULT 0",
    # The largest models that fit lie far behind those that do not: what is passed by is told by the index alone.
    "CREATE INDEX catalogue_need ON catalogue (need, rid, needs_gpu)",
    "DROP INDEX catalogue_parameters",
    "CREATE INDEX catalogue_parameters ON catalogue (parameters, rid, need, needs_gpu)",
    "ALTER TABLE manifests ADD COLUMN weights INTEGER",
    "ALTER TABLE manifests ADD COLUMN cache_token INTEGER",
    "ALTER TABLE manifests ADD COLUMN cache_constant INTEGER",
    # Derived: the digests that current manifests state of files, by manifest. The owner is in the key, so that what
    # one's own key and named ones state is found whatever strangers state of the same file.
    """
    CREATE TABLE digests (
        sha256 BLOB NOT NULL,
        owner BLOB NOT NULL,
        rid INTEGER NOT NULL,
        PRIMARY KEY (sha256, owner, rid)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX digests_of_manifest ON digests (rid)",
    # Derived: which records name which models (`catalogue.record_links`): a row for each model that the current version
    # of a key, a record's or a manifest's, names. `source` is the row of the record that is live, null where none is:
    # what that states counts nowhere. Who names a model is read from the index alone, owner by owner.
    """
    CREATE TABLE links (
        stated_by INTEGER NOT NULL,
        sort INTEGER NOT NULL,
        target BLOB NOT NULL,
        relation TEXT,
        owner BLOB NOT NULL,
        source INTEGER,
        PRIMARY KEY (stated_by, sort, target)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX links_to ON links (target, sort, owner, source) WHERE source IS NOT NULL",
    # Derived: what some live record names and is no model that is live here.
    "CREATE TABLE missing (target BLOB PRIMARY KEY) WITHOUT ROWID",
    # Derived: what the current version of a manifest says that was measured, by its key, and its record as in `links`;
    # benchmarks are folded.
    """
    CREATE TABLE evaluations (
        rid INTEGER NOT NULL,
        benchmark TEXT NOT NULL,
        value REAL NOT NULL,
        source INTEGER,
        PRIMARY KEY (rid, benchmark, value)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX evaluations_measured ON evaluations (benchmark, value, source) WHERE source IS NOT NULL",
    # Derived: the words that a manifest gives its record in the word index, null for none: to take these out again they
    # must be known.
    "ALTER TABLE manifests ADD COLUMN words TEXT",
    # What a person keeps to themselves about records, whatever becomes of these: stars; and notes, with their words
    # (`query.folding`) in one line. Never synced.
    "CREATE TABLE stars (id BLOB PRIMARY KEY, starred_at INTEGER NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE notes (
        id BLOB PRIMARY KEY,
        text TEXT NOT NULL,
        words TEXT NOT NULL,
        written_at INTEGER NOT NULL
    )
    """,
    # The place of the log up to which, and the time at which, the person looked at what came from others; and what they
    # watch (`catalogue.since_looked`). What is there already is nothing new.
    "ALTER TABLE replica ADD COLUMN looked INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE replica ADD COLUMN looked_at INTEGER",
    "UPDATE replica SET looked = size",
    "CREATE TABLE watches (what TEXT PRIMARY KEY, watched_at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX arrivals_from_others ON arrivals (idx) WHERE source IS NOT NULL",
    "CREATE INDEX arrivals_at ON arrivals (arrived_at) WHERE source IS NOT NULL",
    # Derived, but for `stated` = 0: which agents answer in which protocol (`catalogue.interfaces`), by the key of the
    # manifest that says so. What it does not say any more stays, for whoever keeps a list of them and is to know what
    # fell out. `changed`: when the last operation on the record or its manifest came here, -1 while it never counted;
    # `source` as in `links`.
    """
    CREATE TABLE interfaces (
        rid INTEGER NOT NULL,
        protocol TEXT NOT NULL,
        stated INTEGER NOT NULL,
        changed INTEGER NOT NULL DEFAULT -1,
        source INTEGER,
        PRIMARY KEY (rid, protocol)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX interfaces_changed ON interfaces (protocol, changed, rid DESC, source)",
    "CREATE INDEX interfaces_live ON interfaces (protocol, changed, rid DESC, source) WHERE source IS NOT NULL",
    # As for the other orders.
    "CREATE INDEX catalogue_status_need ON catalogue (need, rid, status, kind) WHERE status IS NOT NULL",
)

# Version n is reached from n-1 by the n-th group of statements.
VERSIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2)
