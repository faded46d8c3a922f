"""Hostile and broken peers over real HTTP: each is contained, told in words that name it, and costs us nothing."""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.replica.replicas import rows
from tests.sync.hostile import Answer, Ask, Peer, Reply, always, but, honest, hostile
from tests.sync.logs import ALICE, MALLORY, FakeLog, edit, fingerprint, root, roots
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, PullResult, pull
from tui_registry.sync.tiles import pack

# Small enough that nobody waits, large enough that an honest answer on a busy machine is in time.
HASTY = Bounds(connect_seconds=5, read_seconds=0.3, head_seconds=1.0, request_seconds=1.0)
GOOD = roots(ALICE, 20, "good")


@pytest.fixture
def log() -> FakeLog:
    """Twenty good operations."""
    return FakeLog.of(GOOD)


@asynccontextmanager
async def pulled(
    here: Datastore, answer: Answer, bounds: Bounds | None = None
) -> AsyncIterator[tuple[PullResult, Peer]]:
    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        yield await pull(here, "them", bounds=bounds), peer


def expect(result: PullResult, here: Datastore, code: str, said: str) -> None:
    """It failed with this code; the sentence names the peer and the reason, and the Sync screen has the reason."""
    assert result.error is not None
    assert result.error.code == code, result.sentence
    assert result.sentence.startswith("them: ")
    assert re.search(said, result.sentence), result.sentence
    assert result.sentence.isprintable()
    assert len(result.sentence) < 400
    assert here.peers.get("them").last_error == result.sentence.removeprefix("them: ")


# Nobody there, or somebody else


async def test_down(here: Datastore) -> None:
    async with hostile(always(200)) as peer:
        url = peer.url
    here.peers.add("them", url)
    expect(await pull(here, "them"), here, "refused", "connection refused. Is `serve` running there")


async def test_no_such_host(here: Datastore) -> None:
    here.peers.add("them", "http://no-such-host.invalid:8420")
    expect(await pull(here, "them"), here, "unreachable", "no such host: no-such-host.invalid")


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (always(200, b"<!doctype html><p>Welcome to the hotel"), "not_a_node", "web page"),
        (always(200, b"\0" * 100), "not_a_node", "something else"),
        (always(200, b'{"hello": "world"}'), "bad_head", "epoch"),
        (always(404, b"nothing"), "not_a_node", "no registry at that address"),
        (always(500, b"\x1b[31mred"), "http_500", "status 500"),
        (always(401), "http_401", "does not let us in"),
        (always(503), "http_503", "too busy"),
        (always(206, b"{}"), "http_206", "status 206"),
        (always(304), "http_304", "status 304"),
        (always(200, b"x" * 70_000), "too_large", "its head is larger than 65,536 bytes"),
    ],
)
async def test_something_that_is_no_node(here: Datastore, answer: Answer, code: str, said: str) -> None:
    async with pulled(here, answer) as (result, _):
        expect(result, here, code, said)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n", b"", b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000,
    ],
    ids=["ssh", "hangs-up", "half-an-answer", "endless-headers"],
)  # fmt: skip
async def test_something_that_does_not_speak_http(here: Datastore, data: bytes) -> None:
    async def answer(ask: Ask, reply: Reply) -> None:
        await reply.raw(data)
        reply.writer.close()

    async with pulled(here, answer) as (result, _):
        assert result.error is not None
        expect(result, here, result.error.code, "")
        assert result.error.code in ("protocol", "unreachable")


async def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    here: Datastore, log: FakeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with pulled(here, honest(log)) as (result, _):
        assert result.ok


# Time


async def test_silence_ends(here: Datastore) -> None:
    async def answer(ask: Ask, reply: Reply) -> None:
        await asyncio.Event().wait()

    async with pulled(here, answer, HASTY) as (result, _):
        expect(result, here, "timeout", "silent for 0.3 s")


async def test_a_slow_drip_ends_with_the_whole_request(here: Datastore, log: FakeLog) -> None:
    async def drip(ask: Ask, reply: Reply) -> None:
        await reply.begin(200)
        while True:
            await reply.raw(b"\x1f")
            await asyncio.sleep(0.05)  # the attack itself

    for path in ("/sync/head", ".ndjson.gz"):
        async with hostile(but(honest(log), path, drip)) as peer:
            here.peers.add("them", peer.url)
            bounds = Bounds(head_seconds=0.4, grace_seconds=0.4, tile_bytes=1 << 30)
            result = await pull(here, "them", bounds=bounds)
            if path == "/sync/head":
                expect(result, here, "timeout", "did not finish one answer within 0.4 s")
            else:
                # Not gzip from its second byte on, or out of time: whichever is noticed first.
                assert result.error is not None
                assert result.error.code in ("timeout", "bad_tile")
            here.peers.remove("them")


# Redirects


async def test_a_redirect_on_the_same_host_is_followed(here: Datastore, log: FakeLog) -> None:
    async def moved(ask: Ask, reply: Reply) -> None:
        if ask.path.startswith("/new/"):
            await honest(log)(Ask(ask.method, ask.path[4:], ask.headers, ask.body), reply)
            return
        await reply.whole(301, location="/new" + ask.path)

    async with pulled(here, moved) as (result, _):
        assert (result.ok, result.applied) == (True, 20)


async def test_a_redirect_loop_ends(here: Datastore) -> None:
    async with pulled(here, always(302, location="/sync/head")) as (result, peer):
        expect(result, here, "redirect", "too many redirects")
        assert len(peer.asks) == Bounds().redirects + 1


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd", "https://127.0.0.1/sync/head", "http://127.0.0.1:1/sync/head",
        "//elsewhere.example/sync/head", "http://localhost/sync/head", "ftp://x/", "http://[",
        "http://\\u001b[31m", "gopher:x",
    ],
)  # fmt: skip
async def test_a_redirect_to_another_place_is_not_followed(here: Datastore, location: str) -> None:
    async with pulled(here, always(302, location=location)) as (result, peer):
        expect(result, here, "redirect", "redirects to")
        assert len(peer.asks) == 1


# Lies about the log


async def test_a_head_that_promises_more_than_there_is(here: Datastore, log: FakeLog) -> None:
    log.size = 5000
    async with pulled(here, honest(log)) as (result, peer):
        expect(result, here, "vanished", "has no tile 0.ndjson.gz, which its head promises")
        assert peer.paths.count("/sync/head") == 2


@pytest.mark.parametrize("size", [2**53 - 1, 10**12])
async def test_a_head_of_any_size_costs_no_memory(here: Datastore, log: FakeLog, size: int) -> None:
    log.size = size
    async with pulled(here, honest(log)) as (result, peer):
        expect(result, here, "vanished", "has no tile")
        assert len(peer.asks) < 20


async def test_a_head_that_promises_less_than_there_is(here: Datastore, log: FakeLog) -> None:
    log.size = 5
    async with pulled(here, honest(log)) as (result, _):
        expect(result, here, "bad_head", "fingerprints differ")
        assert here.log.head().size == 5


async def test_a_fingerprint_that_lies(here: Datastore, log: FakeLog) -> None:
    log.fingerprint = "00" * 32
    async with hostile(honest(log)) as peer:
        here.peers.add("them", peer.url)
        for _ in range(2):
            result = await pull(here, "them")
            expect(result, here, "bad_head", "fingerprints differ")
            assert here.log.head().size == 20
            assert not here.peers.get("them").identical


async def test_an_epoch_that_changes_at_every_look(here: Datastore, log: FakeLog) -> None:
    looks = 0

    async def answer(ask: Ask, reply: Reply) -> None:
        nonlocal looks
        if ask.path == "/sync/head":
            looks += 1
            log.epoch = f"{looks:032x}"
        await honest(log)(ask, reply)

    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        for _ in range(10):
            assert (await pull(here, "them")).ok
    assert here.log.head().size == 20


async def test_a_tile_with_too_few_too_many_or_other_lines(here: Datastore, log: FakeLog) -> None:
    lines = log.lines
    for data, said in (
        (pack(lines[:19]), "19 lines where its name promises 20"),
        (pack([*lines, lines[0]]), "21 lines"),
        (pack([*lines[:19], b""]), "empty line"),
        (b"<html>", "not whole gzip"),
        (pack(lines)[:-9], "ends in the middle"),
        (pack(lines) + b"\n", "after the end"),
    ):
        async with hostile(but(honest(log), ".gz", always(200, data))) as peer:
            here.peers.add("them", peer.url)
            expect(await pull(here, "them"), here, "bad_tile", f"tile 0.20.ndjson.gz .*{said}")
            assert (here.log.head().size, here.peers.get("them").next_index) == (0, 0)
            here.peers.remove("them")


async def test_a_gzip_bomb(here: Datastore, log: FakeLog) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(32)) + bomb.flush()
    assert len(packed) < 50_000
    async with pulled(here, but(honest(log), ".gz", always(200, packed))) as (result, _):
        expect(result, here, "too_large", "tile 0.20.ndjson.gz unpacks to more than 16,777,472 bytes")


async def test_a_bomb_that_travels_as_content_encoding_is_not_unpacked_twice(here: Datastore, log: FakeLog) -> None:
    packed = zlib.compress(json.dumps(log.head()).encode(), 9, 31)
    async with pulled(here, always(200, packed, content_encoding="gzip")) as (result, _):
        expect(result, here, "not_a_node", "something else")


async def test_an_endless_body(here: Datastore, log: FakeLog) -> None:
    async def endless(ask: Ask, reply: Reply) -> None:
        await reply.begin(200)
        while True:
            await reply.raw(b" " * 65_536)

    async with hostile(but(honest(log), "head", endless)) as peer:
        here.peers.add("them", peer.url)
        expect(await pull(here, "them"), here, "too_large", "its head is larger")


async def test_an_endless_body_of_gzip_that_never_unpacks_to_anything(here: Datastore, log: FakeLog) -> None:
    async def endless(ask: Ask, reply: Reply) -> None:
        await reply.begin(200)
        await reply.raw(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
        while True:
            await reply.raw(b"\x00\x00\x00\xff\xff" * 13_000)  # empty stored blocks

    async with pulled(here, but(honest(log), ".gz", endless), Bounds(tile_bytes=1 << 20)) as (result, _):
        expect(result, here, "too_large", "tile 0.20.ndjson.gz is larger than")


async def test_good_tiles_before_a_bad_one_stay(here: Datastore) -> None:
    log = FakeLog.of(roots(ALICE, 600))
    async with hostile(but(honest(log), "/2.88.ndjson.gz", always(200, b"junk"))) as peer:
        here.peers.add("them", peer.url)
        expect(await pull(here, "them"), here, "bad_tile", "tile 2.88")
    assert here.log.head().size == 512
    assert here.peers.get("them").next_index == 512


# Operations that break rules


async def test_a_forged_operation_is_rejected_and_the_rest_is_kept(here: Datastore, log: FakeLog) -> None:
    forged = root(ALICE, "forged").to_json().replace(b'"name":"forged"', b'"name":"FORGED"')
    log.lines.insert(7, forged)
    log.size = 21
    async with pulled(here, honest(log)) as (result, _):
        assert (result.ok, result.applied, result.rejected) == (True, 20, 1)
        assert [(found.place, found.code) for found in result.rejections] == [(7, "hash")]
        assert "them: 20 new operations, 1 rejected (hash: " in result.sentence
        assert here.peers.get("them").rejected == 1


async def test_a_strangers_name_on_anothers_record_is_rejected(here: Datastore, log: FakeLog) -> None:
    stolen = edit(MALLORY, GOOD[0], description="mine now")
    log.lines.append(stolen.to_json())
    async with pulled(here, honest(log)) as (result, _):
        assert (result.applied, result.rejected) == (20, 1)
        assert result.rejections[0].code == "owner"


async def test_operations_out_of_order_arrive_all_the_same(here: Datastore) -> None:
    first = root(ALICE, "chain")
    second = edit(ALICE, first, description="two")
    third = edit(ALICE, second, clock=3, description="three")
    async with pulled(here, honest(FakeLog.of([third, second, first]))) as (result, _):
        assert result.ok
        assert here.log.head().size == 3
        assert here.stats().pending == 0


async def test_a_line_of_ten_megabytes_is_rejected_and_named(here: Datastore, log: FakeLog) -> None:
    log.lines.insert(3, b"x" * 10_000_000)
    async with pulled(here, honest(log)) as (result, _):
        assert (result.ok, result.applied, result.rejected) == (True, 20, 1)
        assert result.rejections[0].code == "limit"
        assert "10,000,000 bytes" in result.sentence


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 60_000, b'{"Model":' * 6_000, b"9" * 60_000, b'"\\ud800"',
        b"\xff" * 100, b"null", b"\x1b]52;c;aGk=\x07", b"NaN",
    ],
    ids=["deep", "deep-objects", "huge-number", "lone-surrogate", "not-utf8", "null", "escapes", "nan"],
)  # fmt: skip
async def test_lines_that_are_no_operations_are_rejected_one_by_one(here: Datastore, log: FakeLog, line: bytes) -> None:
    log.lines[5:5] = [line]
    async with pulled(here, honest(log)) as (result, _):
        assert (result.ok, result.applied, result.rejected) == (True, 20, 1)
        assert result.rejections[0].code == "malformed"
        assert result.sentence.isprintable()


async def test_an_operation_of_a_later_version_is_counted_and_not_kept(here: Datastore, log: FakeLog) -> None:
    log.lines.append(b'{"Dataset":{"Up":{}}}')
    async with pulled(here, honest(log)) as (result, _):
        assert (result.ok, result.applied, result.unsupported) == (True, 20, 1)
        assert "1 of a later version" in result.sentence


# The answers to questions


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (always(200, b"no line end"), "protocol"),
        (always(200, b"\n\n"), "protocol"),
        (always(500), "http_500"),
        (always(302, location="/x"), "http_302"),
    ],
)
async def test_a_bad_answer_to_a_question_is_told_and_costs_nothing(here: Datastore, answer: Answer, code: str) -> None:
    lost = root(ALICE, "lost")
    log = FakeLog.of([*GOOD, edit(ALICE, lost)])
    async with pulled(here, but(honest(log), "/ops/get", answer)) as (result, _):
        assert result.error is not None
        assert result.error.code == code
        assert here.log.head().size == 20


async def test_answers_that_are_junk_do_not_go_on_for_ever(here: Datastore) -> None:
    lost = root(ALICE, "lost")
    rounds = 0

    async def junk(ask: Ask, reply: Reply) -> None:
        nonlocal rounds
        rounds += 1
        wanted = json.loads(ask.body)["hashes"][0]
        await reply.whole(200, b'{"hash":"%s"}}\n' % wanted.encode())

    async with pulled(here, but(honest(FakeLog.of([edit(ALICE, lost)])), "/ops/get", junk)) as (result, _):
        assert result.ok
        assert rounds == 1


async def test_hostile_words_of_a_peer_never_reach_the_sentence_raw(here: Datastore) -> None:
    answer = always(302, location="http://evil.example/" + "%1b[31m" + "A" * 5000)
    async with pulled(here, answer) as (result, _):
        expect(result, here, "redirect", "evil.example")


async def test_one_honest_peer_among_bad_ones_is_enough(here: Datastore) -> None:
    from tui_registry.sync import pull_all

    log = FakeLog.of(GOOD)
    short = FakeLog.of(GOOD[:3])
    short.fingerprint = fingerprint(GOOD)
    bad: list[Answer] = [
        always(200, b"<html>"),
        but(honest(log), ".gz", always(200, b"junk")),
        honest(short),
        always(302, location="/sync/head"),
        honest(FakeLog.of([edit(MALLORY, GOOD[0])])),
    ]
    async with hostile(honest(log)) as good:
        peers = [hostile(answer) for answer in bad]
        opened = [await peer.__aenter__() for peer in peers]
        for index, peer in enumerate(opened):
            here.peers.add(f"bad-{index}", peer.url)
        here.peers.add("good", good.url)
        results = await pull_all(here)
        for entered in peers:
            await entered.__aexit__(None, None, None)
    assert results[-1].ok
    assert here.peers.get("good").identical


# Heads that turn back, and logs that are never mended


async def test_heads_that_go_back_and_forth_cost_two_looks_and_a_tile_each(here: Datastore) -> None:
    """A liar behind its own edge: it denies what it said, in every way, for ever."""
    ops = roots(ALICE, 300, "flip")
    honest_log = FakeLog.of(ops)
    lies = [
        {"size": 299}, {"size": 256}, {"size": 1, "fingerprint": "0" * 64}, {"size": 0},
        {"size": 299, "fingerprint": fingerprint(ops[:298])}, {"epoch": "a" * 32, "size": 0, "fingerprint": "0" * 64},
    ]  # fmt: skip
    said: dict[str, object] = {}

    async def answer(ask: Ask, reply: Reply) -> None:
        if ask.path == "/sync/head":
            # Past caches it tells the truth, or nobody would ever believe it.
            told = honest_log.head() if ask.query else {**honest_log.head(), **said}
            await reply.whole(200, json.dumps(told).encode())
        else:
            await honest(honest_log)(ask, reply)

    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        assert (await pull(here, "them")).applied == 300
        for said in lies:
            peer.asks.clear()
            result = await pull(here, "them")
            assert (result.ok, result.read, result.restarted) == (True, 0, False), said
            assert peer.paths.count("/sync/head") <= 2
            assert len(peer.asks) <= 4
            assert here.peers.get("them").next_index == 300


async def test_a_tile_that_does_not_come_when_an_old_head_is_judged_fails_the_pull_and_moves_nothing(
    here: Datastore, log: FakeLog
) -> None:
    answers = [honest(log), but(honest(replace(log, size=7)), ".gz", always(200, b"junk"))]
    async with hostile(lambda ask, reply: answers[0](ask, reply)) as peer:
        here.peers.add("them", peer.url)
        await pull(here, "them")
        del answers[0]
        expect(await pull(here, "them"), here, "bad_tile", "tile 0.20.ndjson.gz is not whole gzip")
        assert here.peers.get("them").next_index == 20


async def test_a_log_that_never_adds_up_is_read_twice_and_no_more(here: Datastore, log: FakeLog) -> None:
    log.fingerprint = "1" * 64
    async with pulled(here, honest(log)) as (result, peer):
        expect(result, here, "bad_head", "the fingerprints differ")
        assert peer.paths.count("/sync/head") == 2
        assert len(peer.asks) == 4


async def test_what_is_remembered_of_spoilt_entries_and_of_sums_is_bounded(here: Datastore, log: FakeLog) -> None:
    log.lines = [b"junk %d" % number for number in range(4_500)]
    async with hostile(lambda ask, reply: honest(log)(ask, reply)) as peer:
        here.peers.add("them", peer.url)
        assert (await pull(here, "them")).rejected == 4_500
        result = await pull(here, "them")
        assert (result.ok, result.read, result.still_spoilt) == (True, 0, 4_096)
        assert rows(here, "SELECT count(*) FROM spoilt") == [(4_096,)]
        log.lines = log.lines[:300]
        for number in range(12):
            log.epoch = f"{number:032x}"
            await pull(here, "them")
        assert int(str(rows(here, "SELECT count(*) FROM spoilt")[0][0])) <= 4_096 + 5 * 300
        assert int(str(rows(here, "SELECT count(DISTINCT epoch) FROM cursor_sums")[0][0])) <= 6
        here.peers.remove("them")
        assert rows(here, "SELECT * FROM spoilt") == rows(here, "SELECT * FROM cursor_sums") == []
