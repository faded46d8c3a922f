"""What exchanging and writing hand out: histories, reports, heads, cursors, peers, drafts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tui_registry.errors import Kind, Record


class HistoryEntry(NamedTuple):
    """One operation of a record; `place` is where it stands in this replica's log, `record` None for a removal."""

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


class Rejection(NamedTuple):
    """An operation that breaks a rule. `place` is where it stands among the lines given."""

    place: int
    code: str
    sentence: str


class Quarantined(NamedTuple):
    """An operation that was refused, kept to be looked at.

    Attributes:
        source: who sent it last: a peer's name, `push` or `file`.
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
        missing: the children that pending ops wait for.
    """

    __slots__ = ("applied", "known", "missing", "pending", "rejected", "unsupported")

    def __init__(self) -> None:
        self.applied = 0
        self.known = 0
        self.pending = 0
        self.unsupported = 0
        self.rejected: list[Rejection] = []
        self.missing: list[str] = []

    @property
    def total(self) -> int:
        return self.applied + self.known + self.pending + self.unsupported + len(self.rejected)

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
