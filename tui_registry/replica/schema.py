"""The tables of a replica, as SQL: once released, a version stays as it is."""

from __future__ import annotations

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
    # How both indexes are written. A batch of a pull is one segment, not one for every megabyte (`hashsize`); segments
    # are merged less often (`automerge`): together they take the index from a third of the cost of a row to a sixth.
    *(
        f"INSERT INTO {index} ({index}, rank) VALUES ('{setting}', {value})"
        for index in ("words", "names")
        for setting, value in (("pgsz", 8_100), ("hashsize", 16 * 2**20), ("automerge", 8))
    ),
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

# Version n is reached from n-1 by the n-th group of statements.
VERSIONS: tuple[tuple[str, ...], ...] = (_VERSION_1,)
