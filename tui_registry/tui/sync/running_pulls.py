"""The pulls of one app: those asked for, how far each is and what came of it, and those that it begins by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from tui_registry import sync
from tui_registry.datastore import Datastore, Peer
from tui_registry.errors import RegistryError
from tui_registry.present.elsewhere import SIGNED_ELSEWHERE
from tui_registry.present.pulls import Event, Progress, PullResult, Started, SyncError
from tui_registry.settings import interval
from tui_registry.text import age, exact, plural
from tui_registry.tui.kit.actions import action, key_of
from tui_registry.tui.kit.facts import Tone
from tui_registry.tui.kit.host import POLL_SECONDS, RegistryHost

if TYPE_CHECKING:
    from tui_registry.sync import Bounds, Turns

STOPPED: Final = "stopped"


@dataclass(frozen=True, slots=True)
class Pulling:
    """A pull that was asked for.

    Attributes:
        waiting: others have to end first. stopping: it was told to stop. ended: the peer is being read again.
        start, done, of: where in the peer's log it began, where it is, and the log's size; `of` is None before the
            peer has answered.
        progress: the last one reported, None before the first batch is stored.
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
        """The state after this event; None stands for the beginning of its turn."""
        if event is None:
            return replace(self, waiting=False)
        if isinstance(event, Started):
            return replace(self, start=event.start, done=event.start, of=event.theirs)
        if isinstance(event, Progress):
            return replace(self, done=event.done, of=event.of, progress=event)
        return self

    def told_to_stop(self) -> Pulling:
        return replace(self, stopping=True)


class Pulls:
    """The pulls of one session. Everything here happens in the app's event loop; the Datastore's work in threads.

    Attributes:
        moved: called whenever a pull has come further.
        pulling: by peer, those that wait, run, or have ended since `take_ended` was called.
        results: of the last pull from each peer.
    """

    def __init__(self, moved: Callable[[], object], bounds: Callable[[], Bounds] | None = None) -> None:
        """
        Args:
            bounds: makes those of all pulls, once the first one begins; None for the usual ones.
        """
        self.pulling: dict[str, Pulling] = {}
        self.results: dict[str, PullResult] = {}
        self._unreported: list[PullResult] = []
        self._stops: dict[str, asyncio.Event] = {}
        self.moved = moved
        self._make_bounds = bounds
        self._bounds: Bounds | None = None
        self._turns: Turns | None = None

    def is_running(self, peer: str) -> bool:
        """Whether a pull from that peer waits or runs."""
        return peer in self._stops

    def enlist(self, peer: str) -> None:
        """Count a pull among those that wait; `run` must follow."""
        self.pulling[peer] = Pulling(waiting=True)
        self._stops[peer] = asyncio.Event()

    def stop(self, peer: str) -> None:
        """Tell a pull to end at the next transaction boundary."""
        self._stops[peer].set()
        self.pulling[peer] = self.pulling[peer].told_to_stop()

    async def run(self, datastore: Datastore, peer: str, *, reported: bool = True) -> PullResult:
        """Pull from a peer that was enlisted, as soon as there is room among the others.

        Args:
            reported: whether `take_ended` tells of it; what nobody asked for just now need not be told.

        Raises:
            SyncError: it was stopped before its turn came.
            StoreError: the peer was removed meanwhile, or nothing can be written.
        """
        make = self._make_bounds or sync.Bounds
        bounds = self._bounds = self._bounds or make()
        turns = self._turns = self._turns or sync.Turns(bounds)
        stop, report = self._stops[peer], partial(self.report, peer)
        try:
            if datastore.why_read_only:  # what was fetched would be lost
                await asyncio.to_thread(datastore.expect_writable)
            async with turns.turn(stop) as over:
                if over is None:
                    raise SyncError(peer, STOPPED, "stopped before its turn came")
                report(None)
                await asyncio.to_thread(_load)
                result = await sync.pull(datastore, peer, emit=report, cancel=stop, turn_over=over, bounds=bounds)
            self.results[peer] = result
            if reported:
                self._unreported.append(result)
            return result
        finally:
            del self._stops[peer]
            self.pulling[peer] = replace(self.pulling[peer], ended=True)

    def report(self, peer: str, event: Event | None) -> None:
        """Take an event of a pull; None stands for the beginning of its turn."""
        self.pulling[peer] = self.pulling[peer].after(event)
        self.moved()

    def forget_ended(self, peer: str) -> None:
        """Forget a pull that has ended and that nobody waits to hear of."""
        self.pulling.pop(peer, None)

    def take_ended(self, peers: Iterable[Peer]) -> tuple[str, Tone] | None:
        """Forget the pulls that have ended.

        Args:
            peers: all of them as they are now.

        Returns:
            Their outcome in one sentence, once no pull runs any more.
        """
        known = {peer.name: peer for peer in peers}
        self.pulling = {name: pulling for name, pulling in self.pulling.items() if not pulling.ended}
        self.results = {name: result for name, result in self.results.items() if name in known}
        if self.pulling or not self._unreported:
            return None
        ended, self._unreported = self._unreported, []
        return outcome([(result, known.get(result.peer)) for result in ended])


def outcome(ended: Iterable[tuple[PullResult, Peer | None]]) -> tuple[str, Tone]:
    """The outcome of pulls that ended, in one sentence; each with its peer as it is now, None if it was removed."""
    ended = list(ended)
    results = [result for result, _ in ended]
    failed = [result for result in results if result.error is not None and result.error.code != STOPPED]
    conflicts = sum(result.conflicts for result in results)
    shown = f": {action('app.conflicts').footer_key} shows {'it' if conflicts == 1 else 'them'}" if conflicts else ""
    elsewhere = sum(result.elsewhere for result in results)
    if elsewhere:  # the worse news of the two
        shown = f" ({action('sync.elsewhere').footer_key})"
    odd = [result for result in results if result.concerns]
    tone: Tone = "problem" if failed or elsewhere or odd else "done"
    if len(ended) == 1:
        look = action("sync.trust").footer_key
        brief = f"{odd[0].concerns[0].brief}: {look} tells more; " if odd else ""
        return f"{brief}{_outcome_of_one(*ended[0])}{shown}", tone
    new = sum(result.applied for result in results)
    rejected = sum(result.rejected for result in results)
    stopped = sum(result.error is not None for result in results) - len(failed)
    words = [f"{exact(len(results))} pulls: {plural(new, 'new operation') if new else 'nothing new'}"]
    words += [f"{exact(rejected)} rejected"] if rejected else []
    words += [f"{exact(conflicts)} in conflict{'' if elsewhere else shown}"] if conflicts else []
    words += [f"{exact(elsewhere)} {SIGNED_ELSEWHERE}{shown}"] if elsewhere else []
    words += [f"{exact(stopped)} stopped"] if stopped else []
    for these, what in ((failed, "failed"), (odd, "with a key to look at")):
        if these:
            names = ", ".join(sorted(result.peer for result in these)[:3]) + (", …" if len(these) > 3 else "")
            words.append(f"{exact(len(these))} {what} ({names})")
    return ", ".join(words), tone


def _outcome_of_one(result: PullResult, peer: Peer | None) -> str:
    if result.error is None or result.error.code != STOPPED:
        return result.sentence
    # The cursor, not the result: a batch that was being stored when the stop came is kept too.
    at = peer.next_index if peer is not None else 0
    of = f" of {exact(peer.their_size)}" if peer is not None and peer.their_size is not None else ""
    return f"{result.peer}: stopped at {exact(at)}{of}, which are kept; {key_of('sync.pull')} goes on from there"


def _load() -> None:
    """Import what speaks to peers: it takes a moment, which the screen would feel."""
    from tui_registry.sync import http_transport, pull  # noqa: F401


# By itself, where the settings say so: from every peer, again and again, as long as the app runs

# Where pulls run that somebody asked for, it is looked again after so long.
_AGAIN = 30


class PullsByThemselves:
    """Of one app: its pulls, whoever asked for them, and the rounds of those that nobody did.

    A round begins once no pull runs. What it brought shows where it belongs, in lists and counts; the status line says
    it only where nothing else stands there, and a failure once.

    Attributes:
        pulls: those of this session.
        next_at: Unix seconds of the next round; None where the settings want none, and while one runs.
    """

    def __init__(self, host: RegistryHost) -> None:
        self.pulls = Pulls(_nobody_looks, lambda: sync.bounds_of(host.settings, host.settings_file))
        self.next_at: int | None = None
        self._host = host
        self._every = ""
        self._rounds: sync.Rounds | None = None
        # What was told of each peer's key, so that it is told once.
        self._odd: dict[str, tuple[str, ...]] = {}
        self._settings_read()
        host.watch(host, "settings", self._settings_read, init=False)
        host.set_interval(POLL_SECONDS, self.look)

    def look(self) -> None:
        """Begin a round if it is time. Asked each second; the clock may have been put forward or back meanwhile."""
        rounds = self._rounds
        if rounds is None or self.next_at is None:
            return
        # A clock that was put back must not make it wait for days.
        self.next_at = min(self.next_at, self._host.now() + 2 * rounds.every)
        if self._host.now() < self.next_at:
            return
        if self.pulls.pulling:
            self.next_at = self._host.now() + min(_AGAIN, rounds.every)
            return
        self.next_at = None
        self._host.run_worker(self._round(rounds), group="pulls by themselves")

    def in_words(self) -> str:
        """`next pull by itself in 12 min`; empty where there is none."""
        self._settings_read()  # who watches the settings too may ask first
        if self._rounds is None:
            return ""
        if self.next_at is None:
            return "pulling by itself"
        left = self.next_at - self._host.now()
        return f"next pull by itself {'now' if left <= 0 else f'in {age(left)}' if left >= 60 else 'within a minute'}"

    def _settings_read(self) -> None:
        every = self._host.settings.sync_every
        if every == self._every:
            return
        self._every = every
        self._rounds = sync.Rounds(interval(every)) if every else None
        # Not at once: who opens the app wants to see it, and who writes a setting may change it again.
        self.next_at = self._after(self._rounds)

    def _after(self, rounds: sync.Rounds | None) -> int | None:
        return None if rounds is None else self._host.now() + round(rounds.wait())

    async def _round(self, rounds: sync.Rounds) -> None:
        host = self._host
        try:
            peers = await asyncio.to_thread(host.datastore.peers.all)
            due = [name for name in rounds.due(peer.name for peer in peers) if name not in self.pulls.pulling]
            for name in due:
                self.pulls.enlist(name)
            ended = await asyncio.gather(*(self._pull(name) for name in due))
            self._tell(rounds, [result for result in ended if result is not None])
        except RegistryError as error:
            self._say(error.sentence)
        finally:
            if self._rounds is rounds:
                self.next_at = self._after(rounds)
        host.look()
        self.pulls.moved()

    async def _pull(self, name: str) -> PullResult | None:
        """What it came to; None where somebody stopped it, or its peer is gone."""
        try:
            result = await self.pulls.run(self._host.datastore, name, reported=False)
        except RegistryError:
            return None
        else:
            return None if result.error is not None and result.error.code == STOPPED else result
        finally:
            self.pulls.forget_ended(name)

    def _tell(self, rounds: sync.Rounds, results: list[PullResult]) -> None:
        changed = [result for result in results if rounds.note(result.peer, failed=not result.ok)]
        failed = next((result for result in changed if not result.ok), None)
        new = next((result for result in results if result.applied), None)
        odd = [result for result in results if self._odd.get(result.peer, ()) != result.odd]
        self._odd.update((result.peer, result.odd) for result in odd)
        odd = [result for result in odd if result.concerns]
        if odd:
            self._say(f"{odd[0].peer}: {odd[0].concerns[0].sentence}")
            return
        told = failed or new
        if told is not None:
            self._say(told.sentence)

    def _say(self, sentence: str) -> None:
        if not self._host.outcome.text:
            self._host.say(f"by itself: {sentence}")


def _nobody_looks() -> None:
    """While the Sync screen was not opened yet."""
