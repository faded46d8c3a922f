"""What exchanging and writing hand out: histories, reports, heads, cursors, peers, drafts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from tui_registry.errors import Kind, Record

if TYPE_CHECKING:
    from tui_registry.replica.stored import Deed


class HistoryEntry(NamedTuple):
    """One operation of a record.

    Attributes:
        place: where it stands in this replica's log, from 0.
        did: what it did to the record, as for `Operation`.
        is_head, is_winner, is_gone: as for `Operation`.
        record: None for a removal.
    """

    place: int
    hash: str
    actor: str
    clock: int
    updated_at: int
    is_rm: bool
    is_head: bool
    is_winner: bool
    children: tuple[str, ...]
    record: Record | None
    did: Deed
    is_gone: bool


class Rejection(NamedTuple):
    """An operation that breaks a rule. `place` is where it stands among the lines given."""

    place: int
    code: str
    sentence: str


class Quarantined(NamedTuple):
    """An operation that was refused, kept to be looked at.

    Attributes:
        source: who sent it last: a peer's name, `file`, or `push:` and the address it was pushed from.
        received_at: Unix seconds.
        code, sentence: the rule that it breaks.
        size: of the whole bytes; `start` holds the first 1,024 of them at most. They are a stranger's: show them
            through `safe_text` only.
    """

    source: str
    received_at: int
    code: str
    sentence: str
    size: int
    start: bytes


class ApplyReport:
    """What became of operations from elsewhere.

    Attributes:
        applied, known, pending, unsupported: counts.
        rejected: what breaks a rule, one by one.
        held: the ops of these that wait, by a digest of their bytes, each with the child it waits for.
        moved: the ops of earlier ones that these released, with the child they wait for now, None for no more.
        beyond: ops that waited when `held` was full: what strangers make us remember is bounded, these only count.
    """

    __slots__ = ("applied", "beyond", "held", "known", "moved", "pending", "rejected", "unsupported")

    def __init__(self) -> None:
        self.applied = 0
        self.known = 0
        self.pending = 0
        self.unsupported = 0
        self.rejected: list[Rejection] = []
        self.held: dict[bytes, str] = {}
        self.moved: dict[bytes, str | None] = {}
        self.beyond = 0

    @property
    def missing(self) -> list[str]:
        """The children that pending ops wait for."""
        return sorted({*self.held.values(), *(child for child in self.moved.values() if child is not None)})

    @property
    def total(self) -> int:
        return self.applied + self.known + self.pending + self.unsupported + len(self.rejected)

    def add(self, later: ApplyReport) -> None:
        """Count in what came later, but for its rejections, whose places mean something else here. What waited for it
        is pending no more."""
        from tui_registry.replica.pending import MAX_PENDING

        self.applied += later.applied
        self.known += later.known
        self.unsupported += later.unsupported
        for digest, child in later.moved.items():
            if digest not in self.held:
                if digest in self.moved or len(self.moved) < MAX_PENDING:
                    self.moved[digest] = child
            elif child is None:
                del self.held[digest]
            else:
                self.held[digest] = child
        self.beyond += later.beyond
        for digest, child in later.held.items():
            if digest in self.held or len(self.held) < MAX_PENDING:
                self.held[digest] = child
            else:
                self.beyond += 1
        self.pending = len(self.held) + self.beyond

    def __repr__(self) -> str:
        return (
            f"ApplyReport(applied={self.applied}, known={self.known}, pending={self.pending}, "
            f"unsupported={self.unsupported}, rejected={self.rejected!r})"
        )


class Head(NamedTuple):
    """What a log holds: 32 hex digits, a number of ops, 64 hex digits, and the address of the node's key."""

    epoch: str
    size: int
    fingerprint: str
    node: str


class Cursor(NamedTuple):
    """How far a peer's log was read.

    Attributes:
        start: the index to read next; before `next_index` when an op that was not kept is read again.
        next_index: one past the last entry ever read in this epoch.
        running_sum: of the hashes of entries 0..next_index, 64 hex digits.
        restarted: the cursor was void (the peer was restored from a backup, or its sums disagree) and starts at 0.
    """

    epoch: str
    start: int
    next_index: int
    running_sum: str
    restarted: bool = False


class Peer(NamedTuple):
    """A node or static log that this replica pulls from.

    Attributes:
        address: an http(s) URL or a directory.
        epoch, next_index: the cursor in the peer's current epoch; None and 0 before the first pull.
        their_size: ops in its log at the last look, None when never reached.
        identical: everything up to the head's size was read, and size and fingerprint equal ours.
        rejected, pending, unsupported: ops of this peer that this replica refused, holds back, or cannot read yet.
        last_sync: Unix seconds of the last complete pull.
        last_error: why the last try failed, None when it went well.
        etag: of the last head read, for a poll that costs nothing.
    """

    name: str
    address: str
    epoch: str | None
    next_index: int
    their_size: int | None
    their_fingerprint: str | None
    node: str | None
    identical: bool
    rejected: int
    pending: int
    unsupported: int
    last_sync: int | None
    last_error: str | None
    last_try: int | None
    etag: str | None


class Draft(NamedTuple):
    """A form not yet signed. `fields` holds the text as typed; `record_id` and `seen` are set where it edits."""

    key: str
    kind: Kind
    record_id: str | None
    seen: tuple[str, ...]
    fields: Mapping[str, str]
    saved_at: int = 0


class VerifyReport:
    """What `verify` found: every stored op re-checked, derived tables rebuilt.

    Attributes:
        ops, records: how many were checked, and how many are current.
        invalid: ops that break a rule; `place` is where it stands in the log.
        repaired: what differed and was set right, a sentence each.
    """

    __slots__ = ("invalid", "ops", "records", "repaired")

    def __init__(self) -> None:
        self.ops = 0
        self.records = 0
        self.invalid: list[Rejection] = []
        self.repaired: list[str] = []

    @property
    def sound(self) -> bool:
        return not self.invalid and not self.repaired
