"""What a pull reports while it runs, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tui_registry.datastore import Head, Rejection
from tui_registry.errors import RegistryError
from tui_registry.sync.errors import SyncError
from tui_registry.text import exact, safe_text


@dataclass(frozen=True, slots=True)
class Started:
    """The peer's head is known. `theirs` and `ours` are log sizes in ops, `start` the first index to be read.

    `restarted` says that the cursor was void: the peer was restored from a backup, or began a new log.
    """

    peer: str
    theirs: int
    ours: int
    start: int
    restarted: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """A batch is stored.

    Attributes:
        done, of: entries of the peer's log that are behind the cursor, and its size.
        so_far: what the pull would come to if it ended now.
    """

    done: int
    of: int
    so_far: PullResult

    @property
    def peer(self) -> str:
        return self.so_far.peer

    @property
    def rate(self) -> float:
        """Ops per second, 0 before anything was read."""
        return self.so_far.read / self.so_far.seconds if self.so_far.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None while there is none."""
        return (self.of - self.done) / self.rate if self.rate > 0 else None


@dataclass(frozen=True, slots=True)
class PullResult:
    """What a pull came to. What was stored stays stored, also when `error` is set.

    Attributes:
        head: the peer's, None when it was never read.
        read: entries read. applied .. unsupported: what became of them and of the children asked for.
        rejections: the first of them, `place` being the index in the peer's log (-1 for a child asked for).
        bytes: received as message bodies. seconds: it took.
        restarted: the peer's log was read from its start again.
        error: why it ended early; a `SyncError`, or what the Datastore raised.
    """

    peer: str
    head: Head | None
    read: int
    applied: int
    known: int
    pending: int
    rejected: int
    unsupported: int
    rejections: tuple[Rejection, ...]
    bytes: int
    seconds: float
    restarted: bool
    error: RegistryError | None

    @property
    def ok(self) -> bool:
        return self.error is None

    @property
    def sentence(self) -> str:
        """What happened, for people; it names the peer."""
        if self.error is not None:
            return self.error.sentence if isinstance(self.error, SyncError) else f"{self.peer}: {self.error.sentence}"
        said = [f"{exact(self.applied)} new"] if self.applied else []
        said += [f"{exact(self.pending)} waiting for earlier ones"] if self.pending else []
        said += [f"{exact(self.unsupported)} of a later version"] if self.unsupported else []
        if self.rejected:
            first = (
                f" ({self.rejections[0].code}: {safe_text(self.rejections[0].sentence, 160)})"
                if self.rejections
                else ""
            )
            said.append(f"{exact(self.rejected)} rejected{first}")
        return f"{self.peer}: {', '.join(said) or 'nothing new'}"


@dataclass(frozen=True, slots=True)
class Finished:
    """The pull read everything up to the peer's head."""

    peer: str
    result: PullResult


@dataclass(frozen=True, slots=True)
class Failed:
    """The pull ended early: `code` for programs, `sentence` for people. `result` has what came before."""

    peer: str
    code: str
    sentence: str
    result: PullResult


Event: TypeAlias = Started | Progress | Finished | Failed
