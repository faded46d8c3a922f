"""Pulling by itself, where the settings say so: from every peer, again and again, as long as the app runs."""

from __future__ import annotations

import asyncio

from tui_registry import sync
from tui_registry.errors import RegistryError
from tui_registry.present.pulls import PullResult
from tui_registry.settings import interval
from tui_registry.text import age
from tui_registry.tui.kit.host import POLL_SECONDS, RegistryHost
from tui_registry.tui.sync.pulls import STOPPED, Pulls

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
        told = failed or new
        if told is not None:
            self._say(told.sentence)

    def _say(self, sentence: str) -> None:
        if not self._host.outcome.text:
            self._host.say(f"by itself: {sentence}")


def _nobody_looks() -> None:
    """While the Sync screen was not opened yet."""
