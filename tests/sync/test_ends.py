"""A pull has an end: against logs that give the same for ever, and where a person gives it a time."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable

import pytest

from tests.sync.hostile import Answer, Ask, Reply, but, honest, hostile
from tests.sync.logs import ALICE, FakeLog, bodies, edit, root, roots
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, PullResult, SyncError, pull, pull_all, push
from tui_registry.sync.tiles import Span, pack

_ABSURD = 2**53 - 1
_TILE = bodies(roots(ALICE, 256))


def endless(tile: Callable[[int], list[bytes]]) -> Answer:
    """A log whose head claims any size, each tile being what `tile` says of its number."""
    log = FakeLog([], "00" * 32, size=_ABSURD)

    async def answer(ask: Ask, reply: Reply) -> None:
        span = Span.from_name(ask.path.rsplit("/", 1)[-1])
        await (honest(log)(ask, reply) if span is None else reply.whole(200, pack(tile(span.tile))))

    return answer


def shuffled(number: int) -> list[bytes]:
    lines = list(_TILE)
    random.Random(number).shuffle(lines)
    return lines


async def read(here: Datastore, answer: Answer, bounds: Bounds | None = None) -> PullResult:
    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        return await pull(here, "them", bounds=bounds)


def expect(result: PullResult, code: str, said: str) -> None:
    assert result.error is not None
    assert (result.error.code, said in result.sentence) == (code, True), result.sentence
    assert result.sentence.isprintable()


@pytest.mark.parametrize("tile", [lambda number: _TILE, shuffled], ids=["as-it-was", "shuffled"])
@pytest.mark.parametrize("here_already", [False, True])
async def test_a_tile_that_is_repeated_for_ever_ends_the_pull(
    here: Datastore, tile: Callable[[int], list[bytes]], here_already: bool
) -> None:
    if here_already:
        here.apply(_TILE, source="test")
    result = await read(here, endless(tile), Bounds(batch_ops=256))
    expect(result, "protocol", "gives the same operations again and again, which no log holds twice")
    assert result.read < 2000
    assert here.log.head().size == 256


async def test_operations_that_break_a_rule_end_it_in_the_end(here: Datastore) -> None:
    def junk(number: int) -> list[bytes]:
        return [b"%d" % (number * 256 + place) for place in range(256)]

    result = await read(here, endless(junk), Bounds(batch_ops=256, refused_entries=1000))
    expect(result, "protocol", "gave 1,024 operations that break a rule, where an honest log has none")


async def test_operations_that_cannot_be_kept_end_it_and_the_next_pull_goes_on(here: Datastore) -> None:
    def later(number: int) -> list[bytes]:
        return [b'{"Dataset":{"Up":{"n":%d}}}' % (number * 256 + place) for place in range(256)]

    bounds = Bounds(batch_ops=256, unkept_entries=1000)
    async with hostile(endless(later)) as peer:
        here.peers.add("them", peer.url)
        for turn in (1, 2):
            result = await pull(here, "them", bounds=bounds)
            expect(result, "protocol", "of a later version. The next sync goes on from here")
            assert here.peers.get("them").next_index == turn * 1024


async def test_operations_that_wait_for_ever_end_it_too(here: Datastore) -> None:
    lost = root(ALICE, "lost")

    def waiting(number: int) -> list[bytes]:
        at = number * 256
        return bodies([edit(ALICE, lost, description=str(at + place)) for place in range(256)])

    result = await read(here, endless(waiting), Bounds(batch_ops=256, unkept_entries=500))
    expect(result, "protocol", "they wait for others")


async def test_a_log_that_grows_while_it_is_read_is_read_to_where_it_was(here: Datastore) -> None:
    log = FakeLog.of(roots(ALICE, 300))

    async def growing(ask: Ask, reply: Reply) -> None:
        if ask.path.endswith(".gz"):
            grown = FakeLog.of(roots(ALICE, len(log.lines) + 300))
            log.lines, log.fingerprint = grown.lines, grown.fingerprint
        await honest(log)(ask, reply)

    async with hostile(growing) as peer:
        here.peers.add("them", peer.url)
        assert (await pull(here, "them")).read == 300
        assert peer.paths.count("/sync/head") == 1


async def test_a_slow_reader_whose_tail_vanishes_again_and_again_reads_on(here: Datastore) -> None:
    """Of a published log, which has one tail at a time: it is overtaken twice by a log that grows."""
    ops = roots(ALICE, 1200)
    sizes = iter((300, 600, 1200))
    log = FakeLog.of([])

    async def growing(ask: Ask, reply: Reply) -> None:
        nonlocal log
        name = ask.path.rsplit("/", 1)[-1]
        if name == "head":
            log = FakeLog.of(ops[: next(sizes)])
        if name in ("1.44.ndjson.gz", "2.88.ndjson.gz"):
            await reply.whole(404)
        else:
            await honest(log)(ask, reply)

    result = await read(here, growing)
    assert (result.error, result.applied) == (None, 1200)


async def test_a_log_that_vanishes_after_each_tile_ends_too(here: Datastore) -> None:
    vanished: set[str] = set()

    async def vanishing(ask: Ask, reply: Reply) -> None:
        odd = re.search(r"/([0-9]*[13579])\.ndjson", ask.path)
        if odd and odd[1] not in vanished:
            vanished.add(odd[1])
            await reply.whole(404)
        else:
            await endless(lambda _: _TILE)(ask, reply)

    result = await read(here, vanishing, Bounds(batch_ops=256, requests_at_once=1, unread_tiles=1))
    expect(result, "protocol", "gives the same operations again and again, which no log holds twice")


async def silent(ask: Ask, reply: Reply) -> None:
    await asyncio.Event().wait()


_SHORT = Bounds(pull_seconds=0.3)
_SAID = "did not end within the time that it was given. The next sync goes on from here"


async def test_a_pull_ends_with_the_time_that_it_was_given(here: Datastore) -> None:
    log = FakeLog.of(roots(ALICE, 300))
    result = await read(here, but(honest(log), "/1.44.ndjson.gz", silent), _SHORT)
    expect(result, "out_of_time", _SAID)
    # Nothing is wrong with the peer, and what was stored stays.
    peer = here.peers.get("them")
    assert (peer.last_error, peer.next_index) == (None, here.log.head().size)


async def test_all_pulls_and_those_that_wait_for_a_turn_end_together(here: Datastore) -> None:
    async with hostile(silent) as peer:
        for number in range(4):
            here.peers.add(f"peer-{number}", f"{peer.url}/{number}")
        results = await pull_all(here, bounds=Bounds(pull_seconds=0.3, peers_at_once=1))
    for result in results:
        expect(result, "out_of_time", _SAID)


async def test_a_push_ends_with_its_time_too(here: Datastore) -> None:
    here.apply(_TILE, source="test")
    async with hostile(but(honest(FakeLog.of([])), "/sync/ops", silent)) as peer:
        here.peers.add("them", peer.url)
        with pytest.raises(SyncError) as error:
            await push(here, "them", bounds=_SHORT)
    assert (error.value.code, error.value.reason) == ("out_of_time", _SAID)
