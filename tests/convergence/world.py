"""Replicas, and what may happen to them: all through the product's own code, all small and repeatable.

Every machine is compared with the oracle of what was stored in it, after everything that happened to it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self
from unittest.mock import patch

from tests.convergence.machines import Machine, Near, Shown
from tests.convergence.memory import Here, here
from tests.crdt import model
from tests.crdt.histories import SLOTS, SPOILERS, START, WORDS, Play, first_name, slot_key, value
from tests.crdt.model import Fact
from tests.replica.replicas import PLACE, assert_agrees
from tests.seeds import written
from tui_registry.crdt import Op
from tui_registry.datastore import Peer
from tui_registry.errors import Record
from tui_registry.replica.log import arrivals
from tui_registry.sync import (
    Bounds,
    PullResult,
    comparing,
    difference,
    publish,
    publishing,
    pull,
    pull_all,
    pulling,
    tiles,
)

SEARCHED = (*WORDS, "first", "number")
# Small logs then have several tiles, and are compared in several rounds.
TILE_OPS = 8


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop for any number of worlds, with threads of its own for directories."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(2))
        yield loop


class World:
    """Some machines. Use as a context manager; every number is taken modulo what there is.

    Attributes:
        done: what has happened, in words.
    """

    def __init__(
        self, owners: Sequence[int], loop: asyncio.AbstractEventLoop, bounds: Bounds, *, thorough: bool
    ) -> None:
        """
        Args:
            owners: an index into `OWNERS` for each machine; two machines may share a key.
            loop: see `event_loop`.
            bounds: of every pull.
            thorough: replicas on files, pulls in threads, and everything that a replica shows compared after each step;
                otherwise in memory, one thing after the other, and heads, winners and counters.
        """
        self.done: list[str] = []
        self._loop = loop
        self._bounds = bounds
        self._thorough = thorough
        self._stack = ExitStack()
        self._home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(dir=PLACE)))
        self._near: dict[str, Near] = {}
        self._sides = 0
        self._made = 0
        self._seen: dict[tuple[str, str], int] = {}
        for module in (tiles, publishing):
            self._stack.enter_context(patch.object(module, "TILE_OPS", TILE_OPS))
        self._stack.enter_context(patch.multiple(comparing, _FEW=2, _PARTS=3, _OPS_A_QUESTION=1))
        # Few symbols and large tiles: what differs is found by parts as well, and seldom left to be read.
        self._stack.enter_context(
            patch.multiple(difference, FIRST_OF_PULL=3, SYMBOLS=8, _IN_A_PART=2, _IN_A_TILE=1_000_000)
        )
        if not thorough:
            for module in (pulling, comparing, difference):
                self._stack.enter_context(patch.object(module, "in_thread", here))
            self._stack.enter_context(patch.object(arrivals, "ThreadPoolExecutor", Here))
        self._stack.enter_context(patch.object(pulling, "open_transport", self._open_transport))
        self.machines = [
            Machine(f"m{at}", owner, self._home / f"m{at}" if thorough else None) for at, owner in enumerate(owners)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self.machines:
            machine.store.close()
        self._stack.close()

    def __repr__(self) -> str:
        return f"World({len(self.machines)} machines: {'; '.join(self.done)})"

    # What one machine does

    def write(self, at: int, slot: int, word: int, later: int) -> None:
        """Register, edit or register again: whatever the record's state asks for."""
        machine = self._machine(at)
        key, kind = slot_key(machine.identity, slot), SLOTS[slot]
        self._made += 1
        text = f"number {self._made} {WORDS[word % 6]}"
        record = value(machine.identity, slot, first_name(slot), 0, text)
        if kind == "manifest":
            self._write_manifest(at, key, record, later)
            return
        entry, heads = machine.store.entry(key), machine.store.heads(key)
        size = machine.store.log.head().size
        if not heads:
            # Without an id: the clock and the name give it, the same on every machine of this owner.
            machine.now = START + slot
            op = machine.store.add(kind, {**record, model.ID[kind]: "0" * 64})
        elif entry is None:
            machine.now = START + later
            op = machine.store.add(kind, record)
        else:
            machine.now = START + later
            op = written(machine.store, key, {**record, "name": f"{WORDS[word % 6]} {at}"})
        self._wrote(machine, op, size, f"{machine.name} writes {kind}")

    def remove(self, at: int, slot: int, later: int) -> None:
        machine = self._machine(at)
        key, kind = slot_key(machine.identity, slot), SLOTS[slot]
        size = machine.store.log.head().size
        machine.now = START + later
        if kind == "manifest":
            found = machine.store.manifests.get(slot_key(machine.identity, 0))
            if found is None or found.manifest is None:
                return
            if len(found.live_heads) > 1:
                op = machine.store.manifests.resolve(found.id, None, found.heads)
            else:
                op = machine.store.manifests.delete(found.id, found.heads)
        elif machine.store.entry(key) is None:
            return
        else:
            op = written(machine.store, key, None)
        self._wrote(machine, op, size, f"{machine.name} removes {kind}")

    def _write_manifest(self, at: int, key: str, manifest: Record, later: int) -> None:
        """As its owner writes one: here where the record is, else by another program that has the record."""
        machine = self._machine(at)
        subject = slot_key(machine.identity, 0)
        machine.now = START + later
        size = machine.store.log.head().size
        found = machine.store.manifests.get(subject)
        if found is None or not found.is_live:
            if not machine.state.of(key):
                tree = model.up_tree(machine.identity, "manifest", {**manifest, "updated_at": START + later})
                self._apply(machine, [model.spell(tree)], f"{machine.name} has a manifest from elsewhere")
            return
        several = len(found.live_heads) > 1
        write = machine.store.manifests.resolve if several else machine.store.manifests.set
        self._wrote(machine, write(subject, manifest, found.heads), size, f"{machine.name} writes manifest")

    def fork(self, at: int, slot: int, seen: int, later: int, *, removes: bool) -> None:
        """A write by the owner's other program, which has seen only some of what this machine has."""
        machine = self._machine(at)
        key, kind = slot_key(machine.identity, slot), SLOTS[slot]
        there = machine.state.of(key)
        named = [fact for place, fact in enumerate(there[:6]) if seen >> place & 1] or there[:1]
        if not named:
            return
        self._made += 1
        clock = 1 + max(fact.clock for fact in named)
        updated_at = max(fact.updated_at for fact in named) + later
        hashes = [fact.hash for fact in named]
        if removes:
            tree = model.rm_tree(machine.identity, kind, key, hashes, clock, updated_at)
        else:
            record = value(machine.identity, slot, "forked", updated_at, f"number {self._made} {WORDS[seen % 6]}")
            tree = model.up_tree(machine.identity, kind, record, hashes, clock)
        self._apply(machine, [model.spell(tree)], f"{machine.name} forks {kind} on {len(named)} of {len(there)}")

    def spoil(self, at: int, how: int, which: int) -> None:
        """A stranger sends something that breaks a rule, waits for ever, or is of a later version."""
        machine = self._machine(at)
        log = machine.log
        if not log:
            return
        play = Play()
        spoiler = SPOILERS[how % len(SPOILERS)]
        bad = spoiler(play, log[which % len(log)])
        self._apply(
            machine, [*([bad] if bad else []), *play.history.spoilt], f"{machine.name} is sent {spoiler.__name__}"
        )

    def restart(self, at: int) -> None:
        self._machine(at).restart()
        self._did(at, "starts again")

    def back_up(self, at: int) -> None:
        self._machine(at).back_up()
        self._did(at, "is backed up")

    def restore(self, at: int) -> None:
        self._machine(at).restore()
        self._did(at, "is restored")

    # What machines do to each other

    def part(self, sides: int) -> None:
        """Two sides that do not reach each other: the bits of `sides` say who is on which."""
        self._sides = sides
        self.done.append(f"parted as {sides:b}")

    def heal(self) -> None:
        self._sides = 0
        self.done.append("healed")

    def pull(self, to: int, source: int, requests: int | None = None) -> None:
        """Pull over the product's own reading; after so many requests the peer is gone."""
        reader, there = self._machine(to), self._machine(source)
        if not self._reach(to, source):
            return
        self._near[there.name] = Near(there, requests)
        result = self._pull(reader, there.name, f"http://{there.name}")
        assert (result.error is None) or (result.error.code, requests is not None) == ("unreachable", True), (
            result.error
        )
        cut = f", cut after {requests} requests" if requests is not None else ""
        self._pulled(reader, there, there.name, result, f"{reader.name} pulls {there.name}{cut}")

    def pull_from_all(self, to: int) -> None:
        """Pull from everybody in reach at the same time."""
        reader = self._machine(to)
        others = [at for at in range(len(self.machines)) if self._reach(to, at)]
        for at in others:
            self._near[self._machine(at).name] = Near(self._machine(at), None)
        names = [self._peer(reader, self._machine(at).name, f"http://{self._machine(at).name}") for at in others]
        results = self._loop.run_until_complete(pull_all(reader.store, names, bounds=self._bounds))
        for at, result in zip(others, results, strict=True):
            assert result.error is None, result.error
            self._pulled(
                reader, self._machine(at), result.peer, result, f"{reader.name} pulls {result.peer} beside others"
            )

    def pull_published(self, to: int, source: int) -> None:
        """Publish to a directory, as on a USB stick, and pull from it. The stick knows no sides."""
        reader, there = self._machine(to), self._machine(source)
        if reader is there:
            return
        publish(there.store, self._home / f"log-of-{there.name}")
        result = self._pull(reader, f"stick-{there.name}", str(self._home / f"log-of-{there.name}"))
        assert result.error is None, result.error
        self._pulled(reader, there, f"stick-{there.name}", result, f"{reader.name} pulls {there.name}'s stick")

    def push(self, source: int, to: int, first: int, count: int) -> None:
        """Offer a part of the log, in its order."""
        if self._reach(to, source):
            log = self._machine(source).log
            start = first % (len(log) + 1)
            self._give(source, to, log[start : start + count], "pushes")

    def scatter(self, source: int, to: int, order: Iterable[int]) -> None:
        """Hand on lines of the log in any order, some more than once, some never."""
        log = self._machine(source).log
        if self._reach(to, source) and log:
            self._give(source, to, [log[place % len(log)] for place in order], "scatters")

    def settle(self, hub: int, *, by_pushing: bool = False) -> None:
        """Everybody reaches everybody again: all meet at one machine until nobody learns anything; all are equal then."""
        self.heal()
        everybody = [at for at in range(len(self.machines)) if at != hub % len(self.machines)]
        meetings = [*((hub, other) for other in everybody), *((other, hub) for other in everybody)]
        learned = True
        while learned:
            learned = False
            for to, source in meetings:
                before = self._machine(to).store.log.head()
                if before[1:3] == self._machine(source).store.log.head()[1:3]:
                    continue
                if by_pushing:
                    self.push(source, to, 0, self._machine(source).store.log.head().size)
                else:
                    self.pull(to, source)
                learned = learned or self._machine(to).store.log.head().size != before.size
        union = model.state(line for machine in self.machines for line in machine.held)
        for at, machine in enumerate(self.machines):
            assert machine.store.log.head().fingerprint == union.fingerprint, f"{machine.name} is not where all are"
            assert set(machine.state.valid) == set(union.valid)
            assert machine.shown()[:2] == Shown.of(union)[:2]
            self.check(at, thorough=self._thorough)
            assert not self._thorough or machine.store.verify().sound

    # What must hold

    def check(self, at: int, *, thorough: bool) -> None:
        """The machine shows what the oracle says of what is stored in it."""
        machine, expected = self._machine(at), self._machine(at).state
        if thorough:
            assert_agrees(machine.store, expected, SEARCHED[:2], each_entry=len(expected.keys) < 8)
            return
        head, stats = machine.store.log.head(), machine.store.stats()
        assert (head.size, head.fingerprint) == (len(expected.valid), expected.fingerprint)
        assert machine.shown() == Shown.of(expected)
        assert (stats.records, stats.conflicts) == (len(expected.catalogue), len(expected.conflicts))

    def _machine(self, at: int) -> Machine:
        return self.machines[at % len(self.machines)]

    def _reach(self, one: int, other: int) -> bool:
        one, other = one % len(self.machines), other % len(self.machines)
        return one != other and self._sides >> one & 1 == self._sides >> other & 1

    def _did(self, at: int, what: str) -> None:
        self.done.append(f"{self._machine(at).name} {what}")
        self.check(at, thorough=self._thorough)

    def _wrote(self, machine: Machine, op: Op, size: int, what: str) -> None:
        assert machine.store.heads(op.key) == (op.hash,), "a write by its owner leaves nothing unseen"
        machine.held.update(machine.store.log.lines(size, machine.store.log.head().size))
        self.done.append(what)
        self.check(self.machines.index(machine), thorough=self._thorough)

    def _apply(self, machine: Machine, lines: list[bytes], what: str) -> None:
        machine.store.apply(lines, source="stranger")
        machine.held.update(lines)
        self.done.append(what)
        self.check(self.machines.index(machine), thorough=self._thorough)

    def _give(self, source: int, to: int, lines: list[bytes], how: str) -> None:
        there, here = self._machine(source).name, self._machine(to)
        report = here.store.apply(lines, source="push")
        assert (report.rejected, report.unsupported) == ([], 0)
        here.held.update(lines)
        self.done.append(f"{there} {how} {len(lines)} to {here.name}")
        self.check(to, thorough=self._thorough)

    def _open_transport(self, peer: Peer, bounds: Bounds, data_dir: Path | None = None) -> object:
        if peer.name in self._near:
            return self._near[peer.name]
        from tui_registry.sync.transport import DirTransport

        return DirTransport(peer.name, peer.address, bounds)

    def _pull(self, reader: Machine, name: str, address: str) -> PullResult:
        return self._loop.run_until_complete(pull(reader.store, self._peer(reader, name, address), bounds=self._bounds))

    def _peer(self, reader: Machine, name: str, address: str) -> str:
        if not any(peer.name == name for peer in reader.store.peers.all()):
            reader.store.peers.add(name, address)
        return name

    def _pulled(self, reader: Machine, there: Machine, name: str, result: PullResult, what: str) -> None:
        self.done.append(what)
        assert not result.rejected, "an honest log holds nothing to refuse"
        head = there.store.log.head()
        place = (reader.name, name)
        # An empty log is an older one of any: it is told as such, and the cursor waits where it is.
        if result.error is None and not result.stale:
            self._seen[place] = there.restored
        with reader.store._pool.read() as db:
            found = db.execute(
                "SELECT next_index, running_sum FROM cursors WHERE peer = ? AND epoch = ?", (name, head.epoch)
            ).fetchall()
        # A cursor of a log that is no more is noticed when all of the new one was read.
        if found and self._seen.get(place, there.restored) == there.restored:
            ((next_index, running_sum),) = found
            read = there.store.log.lines(0, next_index)
            assert len(read) == next_index
            assert reader.held.issuperset(read), "the cursor is ahead of the operations"
            hashes = [fact.hash for line in read if isinstance(fact := model.judge(line), Fact)]
            assert running_sum == f"{sum(int(digest, 16) for digest in hashes) % 2**256:064x}"
            if result.error is None and not result.stale:
                assert (next_index, running_sum) == (head.size, head.fingerprint)
        self.check(self.machines.index(reader), thorough=self._thorough)
