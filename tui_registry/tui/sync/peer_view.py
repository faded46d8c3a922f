"""A peer as the Sync screen sees it: what the replica knows of it, and the pull that runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from tui_registry.datastore import Peer
from tui_registry.present.pulls import Event, Progress, PullResult, Started
from tui_registry.text import exact
from tui_registry.tui.kit.facts import Tone


@dataclass(frozen=True, slots=True)
class Pulling:
    """A pull that was asked for.

    Attributes:
        waiting: others have to end first. stopping: it was told to stop. ended: its outcome is being read.
        start, done, of: where in the peer's log it began, where it is, and the log's size; `of` is None before the
            peer has answered.
        progress: the last that was told, None before the first batch is stored.
    """

    waiting: bool = False
    stopping: bool = False
    ended: bool = False
    start: int = 0
    done: int = 0
    of: int | None = None
    progress: Progress | None = None

    @property
    def share(self) -> float | None:
        """How much of this pull's work is done, 0 to 1; None where there is nothing to measure by."""
        if self.of is None or self.of <= self.start:
            return None
        return min(1.0, max(0.0, (self.done - self.start) / (self.of - self.start)))

    def after(self, event: Event | None) -> Pulling:
        """What it is once this was told; None is told when its turn has come."""
        if event is None:
            return replace(self, waiting=False)
        if isinstance(event, Started):
            return replace(self, start=event.start, done=event.start, of=event.theirs)
        if isinstance(event, Progress):
            return replace(self, done=event.done, of=event.of, progress=event)
        return self

    def told_to_stop(self) -> Pulling:
        return replace(self, stopping=True)

    def over(self) -> Pulling:
        return replace(self, ended=True)


@dataclass(frozen=True, slots=True)
class PeerView:
    """A peer, its pull if one runs, and what the last pull of this session came to."""

    peer: Peer
    pulling: Pulling | None = None
    result: PullResult | None = None

    @property
    def name(self) -> str:
        return self.peer.name

    @property
    def theirs(self) -> int | None:
        """Ops in the peer's log, as far as known."""
        if self.pulling is not None and self.pulling.of is not None:
            return self.pulling.of
        return self.peer.their_size

    @property
    def ours(self) -> int:
        """Ops of the peer's log that were read."""
        pulling = self.pulling
        if pulling is not None and pulling.of is not None:
            # A log that is read again from some place on was read up to there before.
            return max(pulling.done, min(self.peer.next_index, pulling.of))
        return self.peer.next_index

    @property
    def failure(self) -> str | None:
        """Why the last pull failed; None while another one runs."""
        error = self.peer.last_error
        if error is None or self.pulling is not None:
            return None
        return error

    @property
    def failure_word(self) -> str:
        """`down` for a peer that was not reached, `failed` for one that was."""
        error = None if self.result is None else self.result.error
        return "failed" if error is not None and error.code not in _UNREACHED else "down"


def summary(views: Iterable[PeerView]) -> tuple[str, Tone]:
    """All peers in a few words."""
    views = list(views)
    if not views:
        return "", "note"
    failing = sum(view.failure is not None for view in views)
    running = sum(view.pulling is not None for view in views)
    words = [f"{exact(len(views))} peer{'' if len(views) == 1 else 's'}"]
    words += [f"{exact(failing)} failing"] if failing else []
    words += [f"{exact(running)} pull{'' if running == 1 else 's'} running"] if running else []
    return " · ".join(words), "problem" if failing else "note"


def outcome(ended: Iterable[tuple[PullResult, Peer | None]]) -> tuple[str, Tone]:
    """What pulls that ended came to, in one sentence; each with its peer as it is now, None if it is no more."""
    ended = list(ended)
    results = [result for result, _ in ended]
    failed = [result for result in results if result.error is not None and result.error.code != STOPPED]
    if len(ended) == 1:
        return _outcome_of_one(*ended[0]), "problem" if failed else "done"
    new = sum(result.applied for result in results)
    rejected = sum(result.rejected for result in results)
    stopped = sum(result.error is not None for result in results) - len(failed)
    words = [f"{exact(len(results))} pulls: {exact(new)} new" if new else f"{exact(len(results))} pulls: nothing new"]
    words += [f"{exact(rejected)} rejected"] if rejected else []
    words += [f"{exact(stopped)} stopped"] if stopped else []
    if failed:
        names = ", ".join(sorted(result.peer for result in failed)[:3]) + (", …" if len(failed) > 3 else "")
        words.append(f"{exact(len(failed))} failed ({names})")
    return ", ".join(words), "problem" if failed else "done"


STOPPED: Final = "stopped"
_UNREACHED: Final = frozenset({"refused", "unreachable", "timeout", "no_directory", "insecure"})


def _outcome_of_one(result: PullResult, peer: Peer | None) -> str:
    if result.error is None or result.error.code != STOPPED:
        return result.sentence
    # The cursor, not the result: a batch that was being stored when the stop came is kept too.
    at = peer.next_index if peer is not None else 0
    of = f" of {exact(peer.their_size)}" if peer is not None and peer.their_size is not None else ""
    return f"{result.peer}: stopped at {exact(at)}{of}, which are kept; s goes on from there"
