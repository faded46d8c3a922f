"""Two logs are compared, pulled and pushed at a cost that grows with their difference, not with the logs."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.sync.conftest import Open
from tests.sync.hostile import Ask, Peer, Reply, hostile
from tests.sync.lines import Line, line_to
from tests.sync.logs import ALICE, BOB, MALLORY, T0, bodies, edit, roots
from tui_registry.crdt.sets import SYMBOL_BYTES, Symbols, decode
from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.node import running
from tui_registry.sync import Bounds, PullResult, difference, publish, pull, push
from tui_registry.sync.http_transport import HttpTransport
from tui_registry.sync.tiles import Answered, pack, unpacked_lines

COMMON = roots(ALICE, 640)
OURS = roots(BOB, 60, "ours")
THEIRS = roots(BOB, 60, "theirs")


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replica with what both have. A test takes copies."""
    folder = tmp_path_factory.mktemp("common") / "replica"
    with Datastore.open(folder, clock=lambda: T0 + 1000) as store:
        assert store.apply(bodies(COMMON), source="test").applied == len(COMMON)
    return folder


@pytest.fixture
def copied(common: Path, tmp_path: Path, replica: Open) -> Open:
    """Opens replicas by name with what both have, each with an epoch of its own."""

    def opened(name: str) -> Datastore:
        shutil.copytree(common, tmp_path / name)
        store = replica(name)
        store.log.renew_epoch()
        return store

    return opened


async def pulled(here: Datastore, line: Line) -> PullResult:
    line.forget()
    if not here.peers.all():
        here.peers.add("them", line.url)
    result = await pull(here, "them")
    assert result.error is None
    return result


def sets(*stores: Datastore) -> set[str]:
    return {store.log.head().fingerprint for store in stores}


async def test_an_unknown_peer_with_the_same_set_costs_one_trip(copied: Open) -> None:
    here, there = copied("here"), copied("there")
    with running(there) as node:
        async with line_to(node.url) as line:
            result = await pulled(here, line)
            assert (line.trips, result.read, result.applied) == (1, 0, 0)
            assert line.bytes < 3_000
            assert here.peers.get("them").identical
            await pulled(here, line)
            assert (line.trips, line.bytes < 600) == (1, True)


async def test_scattered_differences_cost_three_trips_and_little_beside_them(copied: Open) -> None:
    here, there = copied("here"), copied("there")
    here.apply(bodies(OURS), source="test")
    there.apply(bodies(THEIRS), source="test")
    with running(there) as node:
        async with line_to(node.url) as line:
            result = await pulled(here, line)
            assert (result.read, result.applied, result.rejected) == (0, 60, 0)
            assert line.trips <= 3
            assert line.bytes < 20_000 + len(pack(bodies(THEIRS)))
            assert here.peers.get("them").next_index == 700
            # What came once is passed over, and what comes then is read as ever.
            there.apply(bodies([edit(ALICE, COMMON[0], description="new")]), source="test")
            assert (await pulled(here, line)).read == 1


async def test_a_peer_that_was_put_back_costs_little(copied: Open, replica: Open, tmp_path: Path) -> None:
    here, there = copied("here"), copied("there")
    backup = tmp_path / "backup"
    shutil.copytree(there.data_dir, backup)
    there.apply(bodies(THEIRS), source="test")
    with running(there) as node:
        async with line_to(node.url) as line:
            assert (await pulled(here, line)).applied == 60
    restored = replica("backup")
    restored.apply(bodies(OURS[:3]), source="test")
    with running(restored) as node:
        async with line_to(node.url) as line:
            here.peers.remove("them")
            here.peers.add("them", line.url)
            result = await pulled(here, line)
            assert (result.read, result.applied) == (0, 3)
            assert line.bytes < 20_000


@contextmanager
def serving(there: Datastore) -> Iterator[str]:
    with running(there, accept_ops=True) as node:
        yield node.url


@pytest.mark.parametrize("count", [1, 60])
async def test_a_push_sends_what_the_peer_lacks_and_nothing_comes_back(copied: Open, count: int) -> None:
    here, there = copied("here"), copied("there")
    here.apply(bodies(OURS[:count]), source="test")
    with serving(there) as url:
        async with line_to(url) as line:
            here.peers.add("them", line.url)
            result = await push(here, "them")
            assert (result.offered, result.applied) == (count, count)
            assert line.bytes < 5_000 + 1.1 * len(pack(bodies(OURS[:count])))
            assert sets(here, there) == {here.log.head().fingerprint}
            back = await pulled(here, line)
            assert (back.read, back.known, line.bytes < 2_000) == (0, 0, True)


async def test_a_push_of_which_something_else_came_moves_no_cursor(copied: Open) -> None:
    """As many operations were appended as were offered: one of them was left out, and one had waited for another."""
    here, there = copied("here"), copied("there")
    first = OURS[0]
    waiting = edit(BOB, first)
    there.apply(bodies([waiting]), source="elsewhere")
    there.rations.block(MALLORY.address)
    here.apply(bodies([first, *roots(MALLORY, 1)]), source="test")
    with serving(there) as url:
        async with line_to(url) as line:
            await pulled(here, line)
            assert (await push(here, "them")).applied == 2
            there.apply(bodies(THEIRS[:1]), source="test")
            result = await pulled(here, line)
    # Else the peer would be told to have been put back to a backup.
    assert (result.applied, result.restarted) == (2, False)


async def test_a_push_among_others_ops_sends_what_the_peer_lacks(copied: Open) -> None:
    here, there = copied("here"), copied("there")
    here.apply(bodies(OURS), source="test")
    there.apply(bodies(THEIRS), source="test")
    with serving(there) as url:
        async with line_to(url) as line:
            here.peers.add("them", line.url)
            assert (await push(here, "them")).offered == 60
            back = await pulled(here, line)
            assert (back.read, back.applied, back.known) == (0, 60, 0)
            assert (await push(here, "them")).offered == 0
            # What is written now is pushed right behind what is known of the peer's log.
            here.apply(bodies([edit(BOB, OURS[0], description="new")]), source="test")
            assert (await push(here, "them")).offered == 1
            assert (await pulled(here, line)).read == 0
    assert len(sets(here, there)) == 1


async def test_what_the_second_of_three_peers_has_too_is_read_once(copied: Open) -> None:
    here, one, other = copied("here"), copied("one"), copied("other")
    one.apply(bodies(THEIRS), source="test")
    other.apply(bodies(THEIRS[30:] + OURS), source="test")
    with running(one) as first, running(other) as second:
        here.peers.add("one", first.url)
        here.peers.add("other", second.url)
        results = [await pull(here, name) for name in ("one", "other")]
    # What the first one's log ends in is read as ever, as it begins with all that is here.
    assert [(result.applied, result.known, result.read) for result in results] == [(60, 0, 60), (60, 0, 0)]
    assert all(peer.next_index == peer.their_size for peer in here.peers.all())


def test_a_question_about_an_earlier_size_is_answered_as_it_was(copied: Open) -> None:
    there = copied("there")
    head = there.log.head()
    question = difference.read_question({"epoch": head.epoch, "size": head.size, "symbols": [0, 50]})
    before = difference.answer(there, head, question)
    there.apply(bodies(THEIRS), source="test")
    now = there.log.head()
    assert difference.answer(there, now, question) == before
    parts = difference.read_question(
        {"epoch": head.epoch, "size": head.size, "symbols": [0, 50], "prefixes": [2, 0, 4]}
    )
    _, data = difference.answer(there, now, parts)
    ours = Symbols(50)
    ours.add_all(there.log.hashes_under(b"\xc0", 2, head.size))
    assert decode(data[3 * 50 * SYMBOL_BYTES :], ours) == (frozenset(), frozenset())


@pytest.mark.parametrize("listed", [False, True], ids=["symbols of parts", "lists of parts"])
async def test_more_differences_than_the_symbols_tell_are_found_by_parts(
    copied: Open, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """As with thousands of differences, and few symbols in place of 4,096."""
    monkeypatch.setattr(difference, "SYMBOLS", 64)
    monkeypatch.setattr(difference, "_IN_A_PART", 24)
    monkeypatch.setattr(difference, "LISTED_BYTES", 8 if listed else 32)
    here, there = copied("here"), copied("there")
    here.apply(bodies(OURS), source="test")
    there.apply(bodies(THEIRS), source="test")
    asked: list[dict[str, Json]] = []
    whole = HttpTransport.difference

    async def noted(transport: HttpTransport, question: dict[str, Json], most: int) -> Answered | None:
        asked.append(question)
        return await whole(transport, question, most)

    monkeypatch.setattr(HttpTransport, "difference", noted)
    monkeypatch.setattr(difference, "MOST_SKETCHED", 400)
    with running(there) as node:
        async with line_to(node.url) as line:
            result = await pulled(here, line)
    assert (result.read, result.applied, result.known) == (0, 60, 0)
    assert any("prefixes" in question and ("listed" in question) == listed for question in asked)


async def test_a_published_log_is_read_by_its_hashes(copied: Open, tmp_path: Path) -> None:
    here, there = copied("here"), copied("there")
    there.apply(bodies(THEIRS), source="test")
    publish(there, tmp_path / "stick")
    here.peers.add("usb", str(tmp_path / "stick"))
    result = await pull(here, "usb")
    assert (result.read, result.applied, result.known) == (0, 60, 0)
    tail = (tmp_path / "stick/sync" / there.log.head().epoch / "entries" / "2.188.ndjson.gz").stat().st_size
    assert result.bytes < tail + 32 * 700 + 1_000
    assert here.peers.get("usb").next_index == 700


# Liars


Change = Callable[[str, bytes, bytes], tuple[int, bytes]]


@asynccontextmanager
async def lying(there: Datastore, change: Change) -> AsyncIterator[Peer]:
    """A node whose answers to questions are changed: given the path, the question and the answer."""
    with running(there) as node:
        async with httpx.AsyncClient(base_url=node.url, trust_env=False, timeout=30, verify=False) as behind:

            async def relay(ask: Ask, reply: Reply) -> None:
                kind = {"content-type": ask.headers["content-type"]} if ask.body else {}
                answer = await behind.request(ask.method, ask.path, content=ask.body, headers=kind)
                status, content = answer.status_code, answer.content
                if status == 200 and (ask.method == "POST" or ask.path == "/sync/head"):
                    status, content = change(ask.path, ask.body, content)
                await reply.whole(status, content)

            async with hostile(relay) as peer:
                yield peer


def told(answer: bytes, **members: Json) -> bytes:
    """The answer of a comparison, with other members in its line."""
    line, rest = answer.split(b"\n", 1)
    tree = {**json.loads(line), **members}
    return json.dumps({name: value for name, value in tree.items() if value is not None}).encode() + b"\n" + rest


def symbols(change: Callable[[bytes], bytes]) -> Change:
    def changed(path: str, _: bytes, answer: bytes) -> tuple[int, bytes]:
        line, _, rest = answer.partition(b"\n")
        return 200, (line + b"\n" + change(rest)) if path == "/sync/difference" else answer

    return changed


def line(**members: Json) -> Change:
    return lambda path, _, answer: (200, told(answer, **members) if path == "/sync/difference" else answer)


def given(change: Callable[[list[bytes]], list[bytes]]) -> Change:
    def changed(path: str, _: bytes, answer: bytes) -> tuple[int, bytes]:
        if path != "/sync/ops/get":
            return 200, answer
        return 200, pack(change(unpacked_lines(answer, 1_024, 2**24)))

    return changed


def another_set(path: str, _: bytes, answer: bytes) -> tuple[int, bytes]:
    """Whatever is fetched, it never comes to this set."""
    if path == "/sync/head":
        head = {**json.loads(answer), "set": "ab" * 32, "sig": None}
        return 200, json.dumps({name: value for name, value in head.items() if value is not None}).encode()
    if path == "/sync/difference" and b'"head"' in answer[:10]:
        head = {**json.loads(answer.split(b"\n")[0])["head"], "set": "ab" * 32}
        return 200, told(answer, head={name: value for name, value in head.items() if name != "sig"})
    return 200, answer


def made_up(data: bytes) -> bytes:
    """Symbols that hold an operation more, which nobody has."""
    found = Symbols.from_bytes(data)
    found.add_all([hashlib.sha3_256(b"made up").digest()])
    return found.to_bytes()


def noise(data: bytes) -> bytes:
    return random.Random(7).randbytes(len(data))


def swapped(lines: list[bytes]) -> list[bytes]:
    """Other bytes under the same hash."""
    return [line.replace(b'"name":"theirs', b'"name":"THEIRS') for line in lines]


CAUGHT: dict[str, Change] = {
    "symbols that decode to garbage": symbols(made_up),
    "too few bytes": symbols(lambda data: data[:-1]),
    "too many bytes": symbols(lambda data: data + b"\0"),
    "a head that is none": line(head={}),
    "no head": line(head=None),
    "a beginning that nobody asked about": line(begins=7),
    "no line": symbols(lambda data: b""),
    "hashes never delivered": given(lambda lines: []),
    "others than were asked for": given(lambda lines: bodies(COMMON[: len(lines)])),
    "one twice": given(lambda lines: [*lines[1:], lines[-1]]),
    "no gzip": lambda path, _, answer: (200, b"junk" if path == "/sync/ops/get" else answer),
}


@pytest.mark.parametrize("lie", CAUGHT)
async def test_whoever_is_caught_in_a_comparison_is_read_no_further(lie: str, copied: Open) -> None:
    here, there = copied("here"), copied("there")
    there.apply(bodies(OURS[:1] + THEIRS[:5]), source="test")
    here.apply(bodies(OURS[1:2]), source="test")
    async with lying(there, CAUGHT[lie]) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=Bounds(retry_seconds=0))
    assert result.error is not None
    assert result.error.code in ("protocol", "bad_head", "too_large")
    assert (result.read, len(peer.asks) <= 4) == (0, True)
    assert here.peers.get("them").next_index == 0


async def test_lists_of_more_hashes_than_the_log_has_are_not_read_on(
    copied: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts whose symbols tell nothing, and lists for all of these that never end: of a large log hundreds, 4 MiB each."""
    monkeypatch.setattr(difference, "SYMBOLS", 64)
    monkeypatch.setattr(difference, "_IN_A_PART", 24)
    monkeypatch.setattr(difference, "LISTED_BYTES", 32)
    here, there = copied("here"), copied("there")
    here.apply(bodies(OURS), source="test")
    there.apply(bodies(THEIRS), source="test")

    def endless(path: str, question: bytes, answer: bytes) -> tuple[int, bytes]:
        if path != "/sync/difference" or b"prefixes" not in question:
            return 200, answer
        line, _, rest = answer.partition(b"\n")
        count = len(rest) if b"symbols" in question else 32 * 20_000
        return 200, line + b"\n" + random.Random(len(rest)).randbytes(count)

    async with lying(there, endless) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=Bounds(retry_seconds=0))
    assert any(b"listed" in ask.body for ask in peer.asks)
    assert result.error is not None
    assert (result.error.code in ("protocol", "too_large"), result.read) == (True, 0)
    assert result.bytes < 300_000


async def test_operations_that_break_rules_are_not_taken_by_hash_for_ever(copied: Open) -> None:
    here, there = copied("here"), copied("there")
    here.apply(bodies(OURS[:1]), source="test")
    there.apply(bodies(THEIRS), source="test")
    async with lying(there, given(swapped)) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=Bounds(retry_seconds=0, refused_entries=10))
    assert result.error is not None
    assert (result.error.code, result.read) == ("protocol", 0)


READ: dict[str, Change] = {
    "noise": symbols(noise),
    "endless differences": symbols(lambda data: Symbols.from_bytes(noise(data)).to_bytes()),
    "operations swapped under their hash": given(swapped),
    "not now": lambda path, _, answer: (501 if path == "/sync/difference" else 200, answer),
}


@pytest.mark.parametrize("lie", READ)
async def test_whoever_never_comes_to_a_difference_is_read_as_ever(lie: str, copied: Open) -> None:
    here, there = copied("here"), copied("there")
    there.apply(bodies(OURS[:1] + THEIRS[:5]), source="test")
    here.apply(bodies(OURS[1:2]), source="test")
    async with lying(there, READ[lie]) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=Bounds(retry_seconds=0))
    assert (result.error, here.log.head().size) == (None, 647)
    assert result.read == 646
    assert peer.paths.count("/sync/difference") <= 4
    assert here.peers.get("them").next_index == 646


async def test_a_set_that_never_fits_moves_no_cursor(copied: Open) -> None:
    here, there = copied("here"), copied("there")
    there.apply(bodies(OURS[:1] + THEIRS[:5]), source="test")
    here.apply(bodies(OURS[1:2]), source="test")

    async with lying(there, another_set) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=Bounds(retry_seconds=0))
    assert (result.error, here.log.head().size, result.read) == (None, 647, 646)


# What is left out here


async def test_what_is_left_out_counts_where_logs_are_compared(copied: Open, tmp_path: Path) -> None:
    here, there = copied("here"), copied("there")
    there.apply(bodies(THEIRS + roots(MALLORY, 5, "flood")), source="test")
    publish(there, tmp_path / "stick")
    here.rations.block(MALLORY.address)
    with serving(there) as url:
        async with line_to(url) as line:
            result = await pulled(here, line)
            assert (result.applied, result.left_out) == (60, 5)
            # A new peer with the same set costs one trip, and what is left out is asked of nobody once more.
            here.peers.remove("them")
            again = await pulled(here, line)
            assert (again.read, again.left_out, line.trips) == (0, 0, 1)
            peer = here.peers.get("them")
            assert (peer.identical, peer.left_out) == (True, 5)
            assert (await push(here, "them")).offered == 0
            here.apply(bodies(OURS[:2]), source="test")
            assert (await push(here, "them")).offered == 2
            here.rations.unblock(MALLORY.address)
            assert (await pulled(here, line)).applied == 5
            assert here.log.head().fingerprint == there.log.head().fingerprint
            assert here.peers.get("them").identical


async def test_what_strangers_pushed_and_is_left_out_makes_no_comparison_costly(copied: Open) -> None:
    here, there = copied("here"), copied("there")
    here.rations.block(MALLORY.address)
    here.apply(bodies(roots(MALLORY, 300, "flood")), source="push:192.0.2.1")
    here.apply(bodies(OURS[:1]), source="test")
    there.apply(bodies([*THEIRS[:2], *roots(MALLORY, 2, "flood")]), source="test")
    with running(there) as node:
        async with line_to(node.url) as line:
            # What a log does have of it is fetched once, to see that.
            assert (await pulled(here, line)).left_out == 2
            assert line.bytes < 64 * SYMBOL_BYTES + 4 * 700 + 3_000
            assert (here.peers.get("them").left_out, here.rations.count()) == (2, 300)
            here.peers.remove("them")
            assert (await pulled(here, line)).left_out == 0


async def test_an_owner_who_is_unblocked_while_logs_are_compared_is_not_passed_over(
    copied: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, first, there = copied("here"), copied("first"), copied("there")
    flood = bodies(roots(MALLORY, 3, "flood"))
    first.apply(flood, source="test")
    there.apply(flood, source="test")
    here.rations.block(MALLORY.address)
    settle = difference.settle

    def settled(*args: object, **more: object) -> object:
        here.rations.unblock(MALLORY.address)
        return settle(*args, **more)  # type: ignore[arg-type]

    with running(first) as one, running(there) as node:
        here.peers.add("first", one.url)
        await pull(here, "first")
        monkeypatch.setattr("tui_registry.sync.pulling.settle", settled)
        here.peers.add("them", node.url)
        assert (await pull(here, "them")).applied == 3


async def test_what_is_left_out_is_not_read_from_a_published_log_either(copied: Open, tmp_path: Path) -> None:
    here, there = copied("here"), copied("there")
    there.apply(bodies(roots(MALLORY, 5, "flood")), source="test")
    publish(there, tmp_path / "stick")
    here.rations.block(MALLORY.address)
    here.peers.add("usb", str(tmp_path / "stick"))
    first = await pull(here, "usb")
    assert (first.read, first.left_out, here.peers.get("usb").left_out) == (0, 5, 5)
    here.peers.remove("usb")
    here.peers.add("usb", str(tmp_path / "stick"))
    again = await pull(here, "usb")
    assert (again.read, again.left_out, here.peers.get("usb").identical) == (0, 0, True)
    here.rations.unblock(MALLORY.address)
    assert (await pull(here, "usb")).applied == 5
