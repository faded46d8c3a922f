"""What fails in passing is asked again: after a while, not for ever, and not where that would help nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate

import pytest
from hypothesis import given, strategies as st

from tests.sync.hostile import Answer, Ask, Reply, always, but, honest, hostile
from tests.sync.lines import line_to
from tests.sync.logs import ALICE, EPOCH, FakeLog, bodies, edit, root, roots
from tui_registry.datastore import Datastore
from tui_registry.node import running
from tui_registry.sync import Bounds, SyncError, pull, push
from tui_registry.sync.http_transport import HttpTransport, Waits
from tui_registry.sync.tiles import Span

# Nobody waits in these tests.
AT_ONCE = Bounds(retry_seconds=0)
BUSY = always(503)
T = 1_750_000_000.0


@dataclass
class Time:
    """Time that passes by waiting alone, and what was waited."""

    waited: list[float] = field(default_factory=list)
    spread: float = 0.5

    def waits(self) -> Waits:
        return Waits(self._sleep, lambda: sum(self.waited), lambda: T, lambda: self.spread)

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


def in_turn(*answers: Answer) -> Answer:
    """One after the other; the last one stays."""
    left = list(answers)

    async def answer(ask: Ask, reply: Reply) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(ask, reply)

    return answer


def cut(data: bytes = b"") -> Answer:
    """Hangs up, after these bytes."""

    async def answer(ask: Ask, reply: Reply) -> None:
        await reply.raw(data)
        reply.writer.close()

    return answer


async def failed(url: str, time: Time, bounds: Bounds | None = None) -> SyncError:
    """What asking for a head comes to."""
    async with HttpTransport("them", url, bounds or Bounds(), waits=time.waits()) as transport:
        with pytest.raises(SyncError) as error:
            await transport.head()
    return error.value


# Lines that are let go


async def test_a_server_that_hangs_up_on_each_reused_connection_does_not_stop_a_pull(here: Datastore) -> None:
    log = FakeLog.of(roots(ALICE, 3000))
    seen: set[asyncio.StreamWriter] = set()

    async def once(ask: Ask, reply: Reply) -> None:
        if reply.writer in seen:
            reply.writer.close()
        else:
            seen.add(reply.writer)
            await honest(log)(ask, reply)

    async with hostile(once) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=AT_ONCE)
        assert (result.error, result.applied) == (None, 3000)
        # Its habit is noticed: from then on nothing is asked twice.
        assert len(peer.asks) < 1 + 12 + 10


async def test_a_line_that_is_cut_in_the_middle_of_any_answer_is_asked_again(here: Datastore) -> None:
    lost = root(ALICE, "lost")
    log = FakeLog.of([*roots(ALICE, 40), edit(ALICE, lost)])
    half = cut(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{")
    found = always(200, lost.to_json() + b"\n")
    answer = but(honest(log), "/sync/head", in_turn(cut(), half, honest(log)))
    answer = but(answer, ".gz", in_turn(half, cut(), honest(log)))
    answer = but(answer, "/ops/get", in_turn(BUSY, half, found))
    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=AT_ONCE)
    assert (result.error, result.applied, result.pending) == (None, 42, 0)


async def mute(ask: Ask, reply: Reply) -> None:
    await asyncio.Event().wait()


async def test_a_line_that_died_unnoticed_is_left_for_another(here: Datastore) -> None:
    """As where a laptop slept in the middle of a pull."""
    log = FakeLog.of(roots(ALICE, 300))
    async with hostile(but(honest(log), "/0.ndjson.gz", in_turn(mute, honest(log)))) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=Bounds(retry_seconds=0, read_seconds=2))
        assert (result.error, result.applied) == (None, 300)


async def test_who_stays_silent_is_asked_twice(here: Datastore) -> None:
    async with hostile(but(honest(FakeLog.of(roots(ALICE, 3))), ".gz", mute)) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=Bounds(retry_seconds=0, read_seconds=0.1))
        assert result.error is not None
        assert (result.error.code, len(peer.asks)) == ("timeout", 3)


async def test_a_push_is_sent_again(here: Datastore) -> None:
    here.apply(bodies(roots(ALICE, 3)), source="test")
    took = always(200, json.dumps({"applied": 3}).encode())
    pushed = in_turn(always(503, retry_after="0"), cut(), always(429), took)
    async with hostile(but(honest(FakeLog.of([])), "/sync/ops", pushed)) as peer:
        here.peers.add("them", peer.url)
        assert (await push(here, "them", bounds=AT_ONCE)).applied == 3
        assert len({ask.body for ask in peer.asks if ask.path == "/sync/ops"}) == 1


@pytest.mark.parametrize("status", [408, 413])
async def test_a_push_that_is_too_much_at_once_is_sent_in_halves(here: Datastore, status: int) -> None:
    here.apply(bodies(roots(ALICE, 40)), source="test")
    took: list[bytes] = []

    async def push_up_to_ten(ask: Ask, reply: Reply) -> None:
        lines = ask.body.splitlines()
        if len(lines) > 10:
            await reply.whole(status)
        else:
            took.extend(lines)
            await reply.whole(200, json.dumps({"applied": len(lines)}).encode())

    async with hostile(but(honest(FakeLog.of([])), "/sync/ops", push_up_to_ten)) as peer:
        here.peers.add("them", peer.url)
        assert (await push(here, "them", bounds=AT_ONCE)).applied == 40
    assert took == here.log.lines(0, 40)


async def test_a_real_node_behind_a_line_that_breaks_is_pulled_and_pushed_to(
    here: Datastore, replica: Callable[[str], Datastore]
) -> None:
    there = replica("there")
    there.apply(bodies(roots(ALICE, 600, "theirs")), source="test")
    here.apply(bodies(roots(ALICE, 600, "ours")), source="test")
    with running(there, accept_ops=True) as node:
        async with line_to(node.url, one_request=True) as line:
            here.peers.add("them", line.url)
            assert (await pull(here, "them", bounds=AT_ONCE)).error is None
            assert (await push(here, "them", bounds=AT_ONCE)).applied == 600
    assert there.log.head().fingerprint == here.log.head().fingerprint


# How long, and how often


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_peer_is_asked_again_each_time_after_twice_as_long(status: int) -> None:
    time = Time()
    async with hostile(always(status)) as peer:
        error = await failed(peer.url, time)
        assert len(peer.asks) == 1 + len(time.waited)
    assert (error.code, error.reason) == (f"http_{status}", f"is too busy now ({status}). Try again later")
    assert time.waited == [0.125, 0.25]  # who never answered well may be no node


async def test_one_that_answered_before_is_asked_more_often(here: Datastore) -> None:
    time = Time()
    log = FakeLog.of(roots(ALICE, 3))
    async with (
        hostile(but(honest(log), ".gz", BUSY)) as peer,
        HttpTransport("them", peer.url, Bounds(), waits=time.waits()) as transport,
    ):
        await transport.head()
        with pytest.raises(SyncError):
            await transport.entries(EPOCH, Span(0, 0, 3))
    assert time.waited == [0.125, 0.25, 0.5, 1, 2]


@given(spread=st.floats(0, 1, exclude_max=True))
def test_any_time_up_to_the_bound_is_as_likely(spread: float) -> None:
    async def ask() -> None:
        time = Time(spread=spread)
        async with hostile(BUSY) as peer:
            await failed(peer.url, time, Bounds(retry_seconds=20, wait_seconds=30))
        assert time.waited == [20 * spread, 30 * spread]

    asyncio.run(ask())


@pytest.mark.parametrize("said", ["7", " 7 ", formatdate(T + 7, usegmt=True)])
async def test_a_peer_that_says_when_is_asked_then(said: str) -> None:
    time = Time()
    log = FakeLog.of([])
    async with (
        hostile(in_turn(always(503, retry_after=said), honest(log))) as peer,
        HttpTransport("them", peer.url, Bounds(), waits=time.waits()) as transport,
    ):
        assert await transport.head() is not None
    # Not all at the same moment: those who were sent away together do not come back together.
    assert time.waited == [7 + 0.125]


@pytest.mark.parametrize(
    "said", ["", "soon", "-3", "1.5", "99" * 400, "Tue, 99 Foo 2026 00:00:00 GMT", formatdate(T - 99)]
)
async def test_what_says_nothing_is_passed_over(said: str) -> None:
    time = Time()
    async with hostile(always(503, retry_after=said)) as peer:
        error = await failed(peer.url, time)
    assert error.code == "http_503"
    assert sum(time.waited) <= Bounds().patience_seconds


async def test_who_says_much_later_is_not_waited_for_but_it_is_told() -> None:
    time = Time()
    async with hostile(always(503, retry_after="600")) as peer:
        error = await failed(peer.url, time)
    assert (time.waited, error.reason) == ([], "is too busy now (503). Try again in 600 s")


@pytest.mark.parametrize("said", ["0", "25"])
async def test_who_says_later_again_and_again_is_left_in_the_end(said: str) -> None:
    time = Time()
    async with hostile(always(503, retry_after=said)) as peer:
        await failed(peer.url, time)
    assert sum(time.waited) <= Bounds().patience_seconds
    assert len(time.waited) >= 4


@pytest.mark.parametrize(
    ("answer", "times"),
    [
        (cut(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), 1),
        (cut(), 3),
        (cut(b"HTTP/1.1 200 OK\r\n"), 3),
        (always(500), 1),
        (always(401), 1),
        (always(200, b"<html>"), 1),
    ],
)
async def test_what_will_not_pass_is_not_asked_for_long(answer: Answer, times: int) -> None:
    async with hostile(answer) as peer:
        await failed(peer.url, Time())
        assert len(peer.asks) == times


async def test_nobody_there_is_told_at_once() -> None:
    time = Time()
    async with hostile(BUSY) as peer:
        url = peer.url
    assert (await failed(url, time)).code == "refused"
    assert time.waited == []


async def test_a_node_that_is_started_anew_is_waited_for() -> None:
    """Refused in the middle of a pull: somebody listened there a moment ago."""
    head = json.dumps(FakeLog.of(roots(ALICE, 3)).head()).encode()
    time = Time()
    async with hostile(always(200, head, connection="close")) as peer:
        transport = HttpTransport("them", peer.url, Bounds(), waits=time.waits())
        await transport.__aenter__()
        await transport.head()
    with pytest.raises(SyncError) as error:
        await transport.entries(EPOCH, Span(0, 0, 3))
    await transport.__aexit__(None, None, None)
    assert (error.value.code, len(time.waited)) == ("refused", 5)


async def test_a_person_ends_a_wait_at_once(here: Datastore) -> None:
    cancel = asyncio.Event()

    async def busy(ask: Ask, reply: Reply) -> None:
        await reply.whole(503, retry_after="30")
        cancel.set()

    async with hostile(busy) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", cancel=cancel)
    assert result.error is not None
    assert result.error.code == "stopped"
