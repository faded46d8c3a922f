"""Peers that lie about their logs, and many of them at once: each is contained under its own code, told in words, and
one honest path among them is enough."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable

import pytest

from tests.crdt import model
from tests.crdt.making import removal_of, root, write_on
from tests.replica.replicas import assert_agrees, replica, rows
from tests.sync.hostile import Answer, Ask, Reply, always, but, honest, hostile
from tests.trust.peers import answering, log_of, pull_from, pull_from_all
from tests.trust.spoiling import BASE, WRITE, attacks, every_byte
from tui_registry.crdt import Op
from tui_registry.datastore import Datastore
from tui_registry.node import running
from tui_registry.sync import Bounds, PullResult, pull
from tui_registry.sync.tiles import pack

# Silence ends soon; whoever is honest has more than enough.
BOUNDS = Bounds(read_seconds=3.0, request_seconds=30.0)
ROOTS = [root(name=f"good-{number}") for number in range(12)]
GOOD: list[Op] = [BASE, WRITE, *ROOTS, write_on(ROOTS[0], description="edited"), removal_of(ROOTS[1])]
LINES = [op.body for op in GOOD]


def expect(result: PullResult, here: Datastore, code: str) -> None:
    """It failed so, in words that are fit to be shown, here and in the list of peers."""
    assert result.error is not None
    assert result.error.code == code, result.sentence
    assert result.sentence.startswith(f"{result.peer}: ")
    assert result.sentence.isprintable()
    assert here.peers.get(result.peer).last_error == result.sentence.removeprefix(f"{result.peer}: ")
    assert not here.peers.get(result.peer).identical


# ---- heads that lie ----------------------------------------------------------------------------------------------------------


async def test_a_log_that_shrinks_is_read_anew_and_takes_nothing_from_us(here: Datastore) -> None:
    log = log_of(LINES)
    async with hostile(lambda ask, reply: honest(log)(ask, reply)) as peer:
        here.peers.add("them", peer.url)
        assert (await pull(here, "them")).applied == len(LINES)
        log = log_of(LINES[:4])
        result = await pull(here, "them")
        assert (result.ok, result.restarted, result.known, result.applied) == (True, True, 4, 0)
        log = log_of([])
        assert (await pull(here, "them")).ok
    assert_agrees(here, model.state(LINES))


async def test_a_log_that_grows_from_another_past_is_read_anew(here: Datastore) -> None:
    log = log_of(LINES[:5])
    async with hostile(lambda ask, reply: honest(log)(ask, reply)) as peer:
        here.peers.add("them", peer.url)
        assert (await pull(here, "them")).applied == 5
        # The same epoch and the same size or more, but entries that we have read are others now.
        log = log_of([*LINES[2:], LINES[0]])
        result = await pull(here, "them")
        assert (result.ok, result.restarted) == (True, True)
        log = log_of(list(reversed(LINES)))
        assert (await pull(here, "them")).ok
    assert_agrees(here, model.state(LINES))


async def test_a_tile_that_is_another_one_at_each_look_costs_its_peer_only(here: Datastore) -> None:
    looks = 0

    async def answer(ask: Ask, reply: Reply) -> None:
        nonlocal looks
        if not ask.path.endswith(".gz"):
            await honest(log_of(LINES))(ask, reply)
            return
        looks += 1
        shifted = [*LINES[looks % len(LINES) :], *LINES[: looks % len(LINES)]]
        shifted[looks % len(LINES)] = shifted[looks % len(LINES)].replace(b'"rec":', b'"rec":1', 1)
        await reply.whole(200, pack(shifted))

    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        assert (await pull(here, "them")).rejected == 1
        # It was read, and says that it is as it was: the tile is looked at once more for what was spoilt in it, and there
        # is nothing identical about it.
        assert (await pull(here, "them")).read == 0
        assert (looks, here.peers.get("them").identical) == (2, False)
        for _ in range(3):
            here.peers.remove("them")
            here.peers.add("them", peer.url)
            assert (await pull(here, "them")).rejected == 1
    async with hostile(honest(log_of(LINES))) as peer:
        here.peers.add("honest", peer.url)
        assert (await pull(here, "honest")).ok
        assert here.peers.get("honest").identical
    assert_agrees(here, model.state(LINES))


async def test_an_epoch_that_changes_at_each_look_fills_no_disk(here: Datastore) -> None:
    looks = 0

    async def answer(ask: Ask, reply: Reply) -> None:
        nonlocal looks
        looks += ask.path == "/sync/head"
        log = log_of(LINES)
        log.epoch = f"{looks:032x}"
        await honest(log)(ask, reply)

    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        for _ in range(12):
            assert (await pull(here, "them")).ok
    assert rows(here, "SELECT count(*) <= 5 FROM cursors") == [(1,)]
    assert_agrees(here, model.state(LINES))


async def test_an_epoch_that_changes_while_it_is_read_is_looked_at_once_more(here: Datastore) -> None:
    old, new = log_of(LINES[:6]), log_of(LINES)
    new.epoch = "f" * 32
    looks = 0

    async def answer(ask: Ask, reply: Reply) -> None:
        nonlocal looks
        looks += ask.path == "/sync/head"
        # The head of the old log, but its tiles are gone.
        await honest(old if ask.path == "/sync/head" and looks == 1 else new)(ask, reply)

    result = await pull_from(here, "them", answer)
    assert (result.ok, result.applied) == (True, len(LINES))


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"fingerprint": "0" * 64}, "bad_head"),
        ({"fingerprint": "f" * 64}, "bad_head"),
        ({"size": 5}, "bad_head"),
        ({"size": len(LINES) + 1}, "vanished"),
        ({"size": 2**53 - 1}, "vanished"),
        ({"size": 2**53}, "bad_head"),
        ({"size": -1}, "bad_head"),
        ({"size": True}, "bad_head"),
        ({"size": 1e3}, "bad_head"),
        ({"size": "16"}, "bad_head"),
        ({"size": None}, "bad_head"),
        ({"epoch": "../../../../etc/passwd/aaaaaaaaa"}, "bad_head"),
        ({"epoch": "E" * 32}, "bad_head"),
        ({"epoch": "e" * 31 + "\n"}, "bad_head"),
        ({"epoch": "\u0661" * 32}, "bad_head"),
        ({"epoch": ["e" * 32]}, "bad_head"),
        ({"fingerprint": "g" * 64}, "bad_head"),
        ({"fingerprint": "\x1b" * 64}, "bad_head"),
        ({"node": "0x" + "a" * 38}, "bad_head"),
        ({"node": None}, "bad_head"),
    ],
)
async def test_a_head_that_cannot_be_is_told_and_believed_in_nothing(
    here: Datastore, said: dict[str, object], code: str
) -> None:
    log = log_of(LINES)
    log.extra = said
    async with hostile(honest(log)) as peer:
        here.peers.add("them", peer.url)
        for _ in range(2):
            expect(await pull(here, "them"), here, code)
    assert here.log.head().size in (0, 5, len(LINES))
    assert here.stats().pending == here.stats().rejected == 0


@pytest.mark.parametrize(
    "head",
    [
        b"[" * 60_000, b'{"epoch":' * 7_000, b'"\\ud800"', b"\xff\xfe{}", b"9" * 60_000, b"NaN", b"", b"null", b"[]",
        b'{"size":' + b"9" * 50_000 + b"}", b'{"epoch":"' + b"e" * 32 + b'","epoch":1}', b"{}{}",
    ],
    ids=range(12),
)  # fmt: skip
async def test_bytes_that_are_no_head_are_told(here: Datastore, head: bytes) -> None:
    result = await pull_from(here, "them", but(honest(log_of(LINES)), "/sync/head", always(200, head)))
    assert result.error is not None
    expect(result, here, "bad_head" if head.startswith((b'{"epoch":"', b"{}")) and b"}{" not in head else "not_a_node")


# ---- answers that lead elsewhere ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sync/head", ".ndjson.gz"])
@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd", "file:/etc/passwd", "http://127.0.0.1:1/sync/head", "https://127.0.0.1/",
        "//evil.example/sync/head", "http://localhost:{port}/sync/head", "http://127.0.0.1:{port}@evil.example/",
        "ftp://127.0.0.1/", "data:text/plain,x", "javascript:alert(1)", "http://[::1]/", "http://", "http://[",
        "http://evil.example:99999/", "http://e\xadvil.example/", "http://" + "a" * 5_000, "", "http://xn--/", "//xn--a/",
    ],
    ids=range(19),
)  # fmt: skip
async def test_a_redirect_that_leaves_the_peer_is_not_followed(here: Datastore, path: str, location: str) -> None:
    async def elsewhere(ask: Ask, reply: Reply) -> None:
        port = ask.headers["host"].rpartition(":")[2]
        await reply.whole(302, location=location.replace("{port}", port))

    async with hostile(but(honest(log_of(LINES)), path, elsewhere)) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=BOUNDS)
        asked = [ask for ask in peer.paths if ask.endswith(path)]
    # Nowhere at all is here again, which ends as a circle; a name that cannot be one is no HTTP.
    assert len(asked) == (BOUNDS.redirects + 1 if location in ("", "http://") else 1)
    expect(result, here, "redirect" if location.isprintable() else "protocol")
    assert len(result.sentence) < 300
    assert here.log.head().size == 0


@pytest.mark.parametrize(
    "location", ["\\\\evil.example\\x", "/../../etc/passwd", "../../../x", "?a=b", "/\x1b[31m", "\x7f"]
)
async def test_a_redirect_within_the_peer_finds_what_the_peer_has_there(here: Datastore, location: str) -> None:
    async def moved(ask: Ask, reply: Reply) -> None:
        is_head = ask.path == "/sync/head" and not ask.query
        await (always(302, location=location) if is_head else always(404))(ask, reply)

    result = await pull_from(here, "them", moved, BOUNDS)
    assert result.error is not None
    expect(result, here, "protocol" if not location.isprintable() else "not_a_node")


async def test_a_question_is_not_carried_to_another_place(here: Datastore) -> None:
    log = log_of([*LINES, write_on(write_on(WRITE)).body])
    answer = but(honest(log), "/ops/get", always(307, location="http://127.0.0.1:1/"))
    result = await pull_from(here, "them", answer)
    expect(result, here, "http_307")
    assert here.log.head().size == len(LINES)


# ---- one honest path among twenty bad peers ------------------------------------------------------------------------------------


def _shifting() -> Answer:
    looks = 0

    async def answer(ask: Ask, reply: Reply) -> None:
        nonlocal looks
        looks += 1
        log = log_of(LINES[: len(LINES) - looks % 5])
        log.epoch = f"{looks:032x}"
        await honest(log)(ask, reply)

    return answer


async def _silent(ask: Ask, reply: Reply) -> None:
    await asyncio.Event().wait()


async def _endless(ask: Ask, reply: Reply) -> None:
    await reply.begin(200)
    while True:
        await reply.raw(b" " * 65_536)


async def _half(ask: Ask, reply: Reply) -> None:
    await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n\x1f\x8b")
    reply.writer.close()


def _lying(**said: object) -> Answer:
    log = log_of(LINES)
    log.extra = said
    return honest(log)


def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(40)) + packer.flush()


def _everything_spoilt() -> list[bytes]:
    return [line[:-80] + bytes((line[-80] ^ 1,)) + line[-79:] for line in LINES]


def _high_s(line: bytes) -> bytes:
    tree = json.loads(line)
    (form,) = tree["Model"].values()
    signature = form["op"]["signature"] if "op" in form else form["signature"]
    sig = signature["sig"]
    signature.update(sig=f"{sig[:64]}{model.ORDER - int(sig[64:], 16):064x}", rec=signature["rec"] ^ 1)
    return model.spell(tree)


LOG = log_of(LINES)
FORGED = [line for attack in attacks() for line in attack.lines]
FLOOD = [write_on(write_on(WRITE, description=str(number))).body for number in range(40)]

# How each behaves, and the code that its pull ends with; None where it ends well for all its lies.
BAD: dict[str, tuple[Callable[[], Answer], str | None]] = {
    "web-page": (lambda: always(200, b"<!doctype html><title>Hotel</title>"), "not_a_node"),
    "broken": (lambda: always(500, b"\x1b[31mTraceback"), "http_500"),
    "silent": (lambda: _silent, "timeout"),
    "endless": (lambda: but(honest(LOG), "/sync/head", _endless), "too_large"),
    "hangs-up": (lambda: but(honest(LOG), ".gz", _half), "protocol"),
    "bomb": (lambda: but(honest(LOG), ".gz", always(200, _bomb())), "too_large"),
    "junk": (lambda: but(honest(LOG), ".gz", always(200, b"junk")), "bad_tile"),
    "short": (lambda: but(honest(LOG), ".gz", always(200, pack(LINES[:-1]))), "bad_tile"),
    "no-tiles": (lambda: but(honest(LOG), ".gz", always(404)), "vanished"),
    "circle": (lambda: always(302, location="/sync/head"), "redirect"),
    "to-a-file": (lambda: but(honest(LOG), ".gz", always(302, location="file:///etc/passwd")), "redirect"),
    "to-no-host": (lambda: but(honest(LOG), ".gz", always(302, location="//xn--a/")), "redirect"),
    "to-others": (lambda: always(301, location="http://127.0.0.1:1/sync/head"), "redirect"),
    "wrong-sum": (lambda: _lying(fingerprint="1" * 64), "bad_head"),
    "too-large": (lambda: _lying(size=2**53 - 1), "vanished"),
    "shifting": (_shifting, "vanished"),
    "spoiler": (lambda: honest(log_of(_everything_spoilt())), None),
    "high-s": (lambda: honest(log_of([_high_s(line) for line in LINES])), None),
    "forger": (lambda: honest(log_of(FORGED)), None),
    "flood": (lambda: honest(log_of(FLOOD)), None),
    "byte-turner": (lambda: honest(log_of([line for _, line in every_byte(WRITE.body)][::7])), None),
    "of-the-future": (lambda: honest(log_of([b'{"Dataset":{"Up":{"n":%d}}}' % n for n in range(300)])), None),
    "censor": (lambda: honest(log_of(LINES[:-2])), None),
}  # fmt: skip


async def test_one_honest_path_among_more_than_twenty_bad_peers_is_enough(here: Datastore) -> None:
    assert len(BAD) > 20
    # Two hops: the honest peer has it from another; and neither is known to be honest.
    with replica() as first, replica() as second, running(first) as origin:
        first.apply(LINES, source="")
        second.peers.add("origin", origin.url)
        assert (await pull(second, "origin")).ok
        with running(second) as relay:
            here.peers.add("m-honest", relay.url)
            results = {
                result.peer: result
                for result in await pull_from_all(here, {name: make() for name, (make, _) in BAD.items()}, BOUNDS)
            }
            assert results["m-honest"].ok
            again = await pull(here, "m-honest")
            assert again.ok
    for name, (_, code) in BAD.items():
        result = results[name]
        assert (None if result.error is None else result.error.code) == code, (name, result.sentence)
        if code is not None:
            expect(result, here, code)
    assert_agrees(here, model.state([*LINES, *FORGED, *FLOOD, *(line for _, line in every_byte(WRITE.body)[::7])]))
    assert here.log.head().size == len(LINES)
    blamed = {found.source for found in here.log.quarantine(limit=10_000)}
    assert blamed == {"spoiler", "high-s", "forger", "byte-turner"}
    assert here.peers.get("of-the-future").unsupported == 300


async def test_replicas_that_met_the_bad_peers_in_another_order_agree() -> None:
    """None of them is believed anything, so it makes no difference who came first."""
    chosen = ("spoiler", "high-s", "forger", "flood", "censor", "shifting", "wrong-sum")
    with replica() as one, replica() as other:
        for datastore, order in ((one, chosen), (other, tuple(reversed(chosen)))):
            for name in order:
                await pull_from(datastore, name, BAD[name][0]())
            assert (await pull_from(datastore, "honest", answering(LINES, log_of(LINES)))).ok
        assert one.log.head().fingerprint == other.log.head().fingerprint
        assert one.log.head().size == len(LINES)
        for name in chosen:
            assert one.peers.get(name).rejected == other.peers.get(name).rejected


async def test_a_bad_peer_cannot_keep_a_later_one_from_being_heard(here: Datastore) -> None:
    """Whatever was refused, waits or is remembered of the same records, the sound operations are taken."""
    for line in (*_everything_spoilt(), *map(_high_s, LINES)):
        here.apply([line], source="relay")
    assert here.stats().rejected == 2 * len(LINES)
    assert (await pull_from(here, "honest", honest(log_of(LINES)))).applied == len(LINES)
    assert_agrees(here, model.state(LINES))
