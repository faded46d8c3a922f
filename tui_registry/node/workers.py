"""A node of several processes: one that begins the others and answers nobody, and workers that take connections from
one listener. Each has its own Datastore, opened after it began; what they have to know of each other is in `shared`.

Whoever begins them hears the signals and tells the workers through a socket each: a byte a deed, and the worker's
answer. The socket's end says that the other side is gone, so that no worker stays behind and none that died is missed.
"""

from __future__ import annotations

import asyncio
import gc
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from tui_registry.datastore import Datastore, Shared
from tui_registry.errors import RegistryError, system_reason
from tui_registry.node.doors import Whereabouts
from tui_registry.node.following import Following
from tui_registry.node.responses import NodeError
from tui_registry.node.server import (
    Address,
    Certificate,
    Door,
    Listener,
    Terms,
    entered,
    expect_hub,
    has_terminal,
    prepared,
    run,
)
from tui_registry.node.shared import CommonMemory, Member
from tui_registry.node.watch import Journal, Watch
from tui_registry.text import plural

# How many of one node's workers may die within so many seconds before the node gives up: what kills them does so again.
_MOST_DEATHS, _WITHIN_SECONDS = 5, 60.0
# After so long, one that was told to end and has not is killed.
_PATIENCE_SECONDS = 60.0
# What a worker is told, and what it answers.
_END, _END_AT_ONCE, _READ_AGAIN = b"e", b"E", b"r"
_IS_READY, _HAS_READ, _HAS_NOT_READ = b"R", b"y", b"n"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Telling:
    """Whom a node of several processes tells what; each is called in the process that began the others.

    Attributes:
        ready: once all workers take connections. shared: before, with what came of the epoch.
        reread: the terms and the certificate were read anew, or were not for that error; as in `serve`.
        lost: a sentence about a worker that died, or that cannot begin.
    """

    ready: Callable[[Address], None]
    shared: Callable[[Shared], None]
    reread: Callable[[RegistryError | None], None]
    lost: Callable[[str], None]


def serve_by_workers(
    opened: Callable[[], AbstractContextManager[tuple[Datastore, Following | None]]],
    count: int,
    door: Door,
    telling: Telling,
    *,
    terms: Terms,
    new_epoch: bool = False,
    whereabouts: Whereabouts | None = None,
    reread: Callable[[], Terms] | None = None,
    journal: Journal | None = None,
    beside: Callable[[Address], AbstractContextManager[object]] | None = None,
) -> None:
    """`serve` with so many processes, each of which opens the replica for itself.

    No thread may run, and no replica be open, in the process that calls this: it forks.

    Args:
        opened: opens the replica for a block, and how it follows its hub where it is of one: neither a connection nor a
            thread outlives that. terms: on which they serve together. The other arguments are those of `serve`.
        beside: what goes on while the node answers and may have threads of its own; the first worker enters it.

    Raises:
        NodeError: as `serve`; `workers_died`: too many of them within a minute; `no_worker`: the system has no
                process or file left for one.
        StoreError: the replica cannot be opened, or as `serve`.
    """
    certificate = None if door.tls is None else Certificate(door.tls)
    with door.listening() as listener:
        with opened() as (datastore, hub):
            datastore.tokens.all()  # as `serve`
            expect_hub(datastore, hub)
            if datastore.hub.id is None:
                telling.shared(datastore.mark.share(new_epoch=new_epoch))

        def part_of(terms: Terms) -> Terms:
            return terms._replace(bounds=terms.bounds.of_one_of(count))

        def work(member: Member, channel: socket.socket, terms: Terms) -> None:
            if journal is not None:
                journal.worker = member.worker + 1
            aside = beside(door.address(listener)) if beside is not None and member.worker == 0 else nullcontext()
            with ExitStack() as stack:
                datastore, hub = stack.enter_context(opened())
                stack.enter_context(entered(hub, door.address(listener)))
                stack.enter_context(aside)
                server = prepared(
                    datastore,
                    door,
                    listener,
                    part_of(terms),
                    whereabouts,
                    lambda _: listens_to(channel),
                    Watch(journal, member),
                    certificate,
                    hub=hub,
                )
                datastore.log.share_cores(count)
                faults: list[RegistryError | None] = []
                server.reread = None if reread is None else lambda: part_of(reread())
                server.on_reread = faults.append

                def listens_to(channel: socket.socket) -> None:
                    asyncio.get_running_loop().add_reader(channel, hears, channel)
                    channel.sendall(_IS_READY)

                def reads_again(channel: socket.socket) -> None:
                    faults.clear()
                    try:
                        server.read_again()
                    finally:
                        has_read = faults == [None]
                        with suppress(OSError):
                            channel.sendall(_HAS_READ if has_read else _HAS_NOT_READ)
                    if not has_read:  # whoever began this process could read them: it says nothing
                        telling.reread(faults[0])

                def hears(channel: socket.socket) -> None:
                    try:
                        told = channel.recv(64)
                    except OSError:
                        told = b""
                    if not told:  # whoever began this process is gone
                        asyncio.get_running_loop().remove_reader(channel)
                        told = _END
                    for deed in (told[at : at + 1] for at in range(len(told))):
                        if deed == _READ_AGAIN:
                            reads_again(channel)
                        else:
                            server.end(at_once=deed == _END_AT_ONCE)

                run(server, listener, journal)

        _Workers(count, listener, door.address(listener), terms, certificate, reread, telling, work).stand()


# How


class _Worker:
    """A process that answers, as the one that began it sees it.

    Attributes:
        is_ready: it takes connections. asked: how often it was told to read the terms anew, and has not answered yet.
        has_read: it could, the last time that it answered.
    """

    def __init__(self, number: int, process: int, channel: socket.socket) -> None:
        self.number = number
        self.process = process
        self.channel = channel
        self.is_ready = False
        self.asked = 0
        self.has_read = True

    def tell(self, deed: bytes) -> None:
        with suppress(OSError):  # it is gone, which is heard in another way
            self.channel.sendall(deed)


class _Workers:
    """The workers of a node, from their beginning to their end."""

    def __init__(
        self,
        count: int,
        listener: Listener,
        address: Address,
        terms: Terms,
        certificate: Certificate | None,
        reread: Callable[[], Terms] | None,
        telling: Telling,
        work: Callable[[Member, socket.socket, Terms], None],
    ) -> None:
        self._count = count
        self._listener = listener
        self._address = address
        self._terms = terms
        self._certificate = certificate
        self._reread = reread
        self._telling = telling
        self._work = work
        self._shared = CommonMemory(count)
        self._selector = selectors.DefaultSelector()
        self._there: dict[int, _Worker] = {}
        self._deaths: deque[float] = deque()
        self._is_announced = self._is_ending = False
        self._ends_by = float("inf")
        self._fault: NodeError | None = None
        self._is_reading = False

    def stand(self) -> None:
        """Begin them, and return when all have ended.

        Raises:
            NodeError: `workers_died`, `no_worker`.
        """
        had_terminal = has_terminal()
        with self._selector, _signals() as heard:
            self._selector.register(heard, selectors.EVENT_READ)
            try:
                gc.freeze()  # what is there by now stays one memory for all of them
                for number in range(self._count):
                    if not self._is_ending:
                        self._begin(number)
                while self._there:
                    for key, _ in self._selector.select(self._left()):
                        if isinstance(key.data, _Worker):
                            self._hear(key.data)
                            continue
                        for number in os.read(heard, 64):
                            if number == signal.SIGHUP and (not had_terminal or has_terminal()):
                                self._read_again()
                            else:
                                self._end()
                    if self._is_ending and self._left() == 0:
                        self._kill()
            except BaseException:
                self._kill()
                raise
        if self._fault is not None:
            raise self._fault

    def _left(self) -> float | None:
        """Seconds until those who do not end are killed."""
        return max(self._ends_by - time.monotonic(), 0) if self._is_ending else None

    def _begin(self, number: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        # What comes meanwhile is heard by this process afterwards, and by the other one once it has its own handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            ours, theirs = socket.socketpair()
            process = os.fork()
        except OSError as error:
            # Those that are there still answer what they have begun; whoever began the node may begin it again.
            self._fault = NodeError("no_worker", f"the system lets no worker begin: {system_reason(error)}")
            self._end()
            return
        else:
            if process == 0:
                self._be(number, ours, theirs)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        theirs.close()
        worker = self._there[number] = _Worker(number, process, ours)
        self._shared.begin(number, process)
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _be(self, number: int, ours: socket.socket, theirs: socket.socket) -> NoReturn:
        """The worker's whole life: nothing of what called this goes on in its process."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            for channel in (ours, *(other.channel for other in self._there.values())):
                channel.close()
            self._selector.close()
            self._listener.path = None  # the file of the socket is not this process's
            self._work(Member(self._shared, number), theirs, self._terms)
            code = 0
        except RegistryError as error:
            self._telling.lost(f"worker {number + 1} cannot answer: {error.sentence}")
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _hear(self, worker: _Worker) -> None:
        try:
            said = worker.channel.recv(64)
        except OSError:
            said = b""
        if not said:
            self._has_ended(worker)
        for answer in (said[at : at + 1] for at in range(len(said))):
            if answer == _IS_READY:
                worker.is_ready = True
            else:
                worker.asked -= 1
                worker.has_read = answer == _HAS_READ
        if not self._is_announced and len(self._there) == self._count and self._are_all_ready():
            self._is_announced = True
            self._telling.ready(self._address)
        self._tell_reread()

    def _are_all_ready(self) -> bool:
        return all(worker.is_ready for worker in self._there.values())

    def _has_ended(self, worker: _Worker) -> None:
        self._selector.unregister(worker.channel)
        worker.channel.close()
        del self._there[worker.number]
        _, status = os.waitpid(worker.process, 0)
        code = os.waitstatus_to_exitcode(status)
        self._shared.end(worker.number, has_died=code != 0)
        if self._is_ending:
            return
        if code:
            how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
            what = f"worker {worker.number + 1} (process {worker.process}) {how}"
            now = time.monotonic()
            self._deaths.append(now)
            while self._deaths[0] < now - _WITHIN_SECONDS:
                self._deaths.popleft()
            if len(self._deaths) > _MOST_DEATHS:
                self._telling.lost(what)
                within = f"{plural(len(self._deaths), 'worker')} died within {_WITHIN_SECONDS:.0f} seconds"
                self._fault = NodeError("workers_died", f"{within}, the last one {how}: what they said stands above")
                self._end()
                return
            self._telling.lost(f"{what}, and another takes its place")
        self._begin(worker.number)

    def _read_again(self) -> None:
        if self._is_ending:
            return
        try:
            if self._reread is not None:
                self._terms = self._reread()
            if self._certificate is not None:
                self._certificate.renew()
        except RegistryError as error:
            self._telling.reread(error)
            return
        self._is_reading = True
        for worker in self._there.values():
            worker.asked += 1
            worker.tell(_READ_AGAIN)

    def _tell_reread(self) -> None:
        """Say that the terms were read anew, once all have done so: one that begins meanwhile begins with them."""
        if self._is_reading and not any(worker.asked for worker in self._there.values()):
            self._is_reading = False
            if all(worker.has_read for worker in self._there.values()):
                self._telling.reread(None)

    def _end(self) -> None:
        """Tell all to end; the second time, not to wait for what was begun."""
        deed = _END_AT_ONCE if self._is_ending else _END
        if not self._is_ending:
            self._is_ending = True
            self._ends_by = time.monotonic() + _PATIENCE_SECONDS
            self._listener.close()  # who comes now is told at once that nobody is here
        for worker in self._there.values():
            worker.tell(deed)

    def _kill(self) -> None:
        for worker in self._there.values():
            with suppress(OSError):
                os.kill(worker.process, signal.SIGKILL)
        for worker in [*self._there.values()]:
            os.waitpid(worker.process, 0)
            worker.channel.close()
        self._there.clear()


@contextmanager
def _signals() -> Iterator[int]:
    """Let signals be bytes to be read from this descriptor, until the block ends."""

    def heard(sig: int, frame: FrameType | None) -> None:
        """What came is read from the descriptor."""

    with ExitStack() as stack:
        reading, writing = socket.socketpair()
        for end in (reading, writing):
            stack.enter_context(end)
            end.setblocking(False)
        for number in _SIGNALS:
            stack.callback(signal.signal, number, signal.signal(number, heard))
        stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(writing.fileno()))
        yield reading.fileno()
