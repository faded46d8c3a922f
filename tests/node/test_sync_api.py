"""The sync endpoints of a real node, and pulls from it: what they hold, what they cost, what they refuse."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import h11
import pytest

from tests.node.conftest import T0, Node, client, refused, serving
from tests.node.wire import counted
from tests.replica.replicas import database
from tests.seeds import stranger_ops
from tests.sync.logs import ALICE, BOB, bodies, edit, root, roots
from tui_registry.datastore import Datastore, Head
from tui_registry.node import NodeBounds, running
from tui_registry.node.log_description import SYNC_PATHS
from tui_registry.settings import STATE_DIR_VARIABLE
from tui_registry.sync import SyncError, publish, pull, push
from tui_registry.sync.tiles import etag_of_head, pack, parse_head


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "other", clock=lambda: T0) as opened:
        yield opened


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of a full tile and some more, that a whole module asks."""
    with (
        Datastore.open(tmp_path_factory.mktemp("tiled") / "node", clock=lambda: T0) as store,
        serving(store) as started,
    ):
        store.apply(bodies(roots(ALICE, 300)), source="test")
        yield started


def lines_of(content: bytes) -> list[bytes]:
    return gzip.decompress(content).splitlines()


# Head and tiles


def _raw(node: Node, *pieces: bytes) -> list[bytes]:
    """What comes back for each piece but for the date, on one connection, until there is nothing for a moment."""
    told = []
    with socket.create_connection((node.address.host, node.address.port), timeout=30) as raw:
        for piece in pieces:
            raw.sendall(piece)
            said = b""
            while b"\r\n\r\n" not in said or len(said.partition(b"\r\n\r\n")[2]) < _length(said):
                said += raw.recv(65_536)
            told.append(re.sub(rb"date: [^\r]+", b"date", said))
    return told


def _length(said: bytes) -> int:
    found = re.search(rb"content-length: ([0-9]+)", said)
    assert found is not None
    return int(found[1])


def test_what_lies_at_hand_is_told_without_h11_in_the_same_bytes(tiled: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    parse = h11.Connection.next_event

    def noted(connection: h11.Connection) -> object:
        event = parse(connection)
        if isinstance(event, h11.Request):
            read.append(event.target)
        return event

    epoch = tiled.store.log.head().epoch
    monkeypatch.setattr(h11.Connection, "next_event", noted)
    for path in ("/sync/head", f"/sync/{epoch}/entries/0.ndjson.gz", f"/sync/{epoch}/entries/1.44.ndjson.gz"):
        plain = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        by_h11 = plain.replace(b"Host", b"content-length: 0\r\nhost")
        first, second, third = _raw(tiled, by_h11, plain, plain)
        assert first.startswith(b"HTTP/1.1 200 OK\r\ndate")
        assert first == second == third
        assert read == [path.encode()]
        read.clear()
    counted = tiled.writer.get("/metrics").text
    assert re.search(r'requests_total\{.*route="/sync/\{epoch\}/entries/\{name\}".*\} 6\.0', counted)


def test_whatever_is_not_plain_is_answered_as_ever(tiled: Node) -> None:
    etag = tiled.reader.get("/sync/head").headers["etag"]
    plain = b"GET /sync/head HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for said, status in (
        (plain.replace(b"head", b"head?a=b"), b"200"),
        (plain.replace(b"head", b"tail"), b"404"),
        (plain.replace(b"Host", b"If-None-Match: %b\r\nHost" % etag.encode()), b"304"),
        (plain.replace(b"Host", b"Range: bytes=0-3\r\nHost"), b"200"),
        (plain.replace(b"127.0.0.1", b"evil.example"), b"421"),
        (plain.replace(b"Host", b"Host: a\r\nHost"), b"400"),
        (plain.replace(b"Host", b"a b"), b"400"),
        (plain.replace(b"Host", b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\nHost"), b"400"),
        (plain.replace(b"1.1", b"1.0"), b"200"),
        (plain * 2, b"200"),
    ):
        told = asked_until_the_end(tiled, said)
        assert told.startswith(b"HTTP/1.1 " + status), said
        assert told.count(b"HTTP/1.1 200") == said.count(b"GET") * (status == b"200")
    closing = asked_until_the_end(tiled, plain + plain.replace(b"Host", b"Connection: close\r\nHost") + plain)
    assert closing.count(b"HTTP/1.1 200") == 2


def asked_until_the_end(node: Node, said: bytes) -> bytes:
    """All that comes back once the node knows that no more is asked."""
    told = b""
    with socket.create_connection((node.address.host, node.address.port), timeout=30) as raw:
        raw.sendall(said)
        raw.shutdown(socket.SHUT_WR)
        while piece := raw.recv(65_536):
            told += piece
    return told


def test_the_head_says_what_the_log_holds_and_costs_nothing_twice(node: Node) -> None:
    node.store.apply(bodies(roots(ALICE, 3)), source="test")
    first = node.reader.get("/sync/head")
    head = node.store.log.head()
    said = first.json()
    assert (said["epoch"], said["size"], said["fingerprint"]) == (head.epoch, 3, head.fingerprint)
    assert said["node"] == node.store.address
    assert first.headers["cache-control"] == "max-age=2"
    again = node.reader.get("/sync/head", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    node.store.apply(bodies(roots(ALICE, 4)), source="test")
    assert node.reader.get("/sync/head", headers={"if-none-match": first.headers["etag"]}).status_code == 200


def test_a_poll_that_finds_nothing_new_reads_no_log_and_sees_what_others_write(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[Head] = []
    read = node.store.log.head

    def counted(*, make_key: bool = True) -> Head:
        heads.append(read(make_key=make_key))
        return heads[-1]

    assert node.store.address  # the key is made by now, which is a write of its own
    monkeypatch.setattr(node.store.log, "head", counted)
    with Datastore.open(node.store.data_dir, clock=lambda: T0) as beside:
        for size in (1, 2):
            beside.apply(bodies(roots(ALICE, size)), source="test")
            for _ in range(3):
                assert node.reader.get("/sync/head").json()["size"] == size
                assert node.reader.get("/health").json()["ops"] == size
            assert len(heads) == 2 * size
        epoch = beside.log.head().epoch
        beside.log.renew_epoch()
        refused(node.reader.get(f"/sync/{epoch}/entries/0.2.ndjson.gz"), 404, "no_tile")
        assert node.reader.get("/sync/head").json()["epoch"] != epoch


def test_a_head_whose_giving_away_could_not_be_noted_is_noted_at_the_next_poll(
    node: Node, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    node.store.apply(bodies(roots(ALICE, 3)), source="test")
    (tmp_path / "file").touch()
    mark = tmp_path / "state" / "marks" / f"{node.store.log.head().epoch}.json"
    monkeypatch.setenv(STATE_DIR_VARIABLE, str(tmp_path / "file" / "no-folder"))
    assert node.reader.get("/sync/head").json()["size"] == 3
    monkeypatch.setenv(STATE_DIR_VARIABLE, str(tmp_path / "state"))
    assert node.reader.get("/sync/head").json()["size"] == 3
    assert json.loads(mark.read_bytes())["size"] == 3


def test_the_heads_tag_says_what_the_log_holds(node: Node) -> None:
    head = node.store.log.head()
    tag = node.reader.get("/sync/head").headers["etag"]
    assert tag == f'"{head.epoch}.{head.size}.{head.fingerprint[:16]}"'


def test_a_head_or_tile_that_is_held_is_not_sent_again_weak_or_in_a_list(node: Node) -> None:
    node.store.apply(bodies(roots(ALICE, 3)), source="test")
    for path in ("/sync/head", f"/sync/{node.store.log.head().epoch}/entries/0.3.ndjson.gz"):
        first = node.reader.get(path)
        etag, cached = first.headers["etag"], first.headers["cache-control"]
        for header in (etag, f"W/{etag}", "*", f'"other", {etag}', f'"other",W/{etag}'):
            again = node.reader.get(path, headers={"if-none-match": header})
            assert (again.status_code, again.content) == (304, b""), (path, header)
            assert (again.headers["etag"], again.headers["cache-control"]) == (etag, cached)
        assert node.reader.get(path, headers={"if-none-match": '"other", W/"more"'}).content == first.content
    missing = f"/sync/{node.store.log.head().epoch}/entries/7.ndjson.gz"
    refused(node.reader.get(missing, headers={"if-none-match": "*"}), 404, "no_tile")


def test_tiles_hold_what_their_names_say(tiled: Node) -> None:
    lines = bodies(roots(ALICE, 300))
    base = f"/sync/{tiled.store.log.head().epoch}/entries"
    for name, expected in (
        ("0.ndjson.gz", lines[:256]),
        ("1.44.ndjson.gz", lines[256:]),
        ("1.3.ndjson.gz", lines[256:259]),
        ("0.250.ndjson.gz", lines[:250]),
        ("0.100-200.ndjson.gz", lines[100:200]),
        ("1.40-44.ndjson.gz", lines[296:]),
    ):
        response = tiled.reader.get(f"{base}/{name}")
        assert response.status_code == 200, name
        assert lines_of(response.content) == expected
        assert "immutable" in response.headers["cache-control"]
        assert "content-encoding" not in response.headers
        assert tiled.reader.get(f"{base}/{name}").content == response.content


@pytest.mark.parametrize(
    "name",
    [
        "1.ndjson.gz", "1.45.ndjson.gz", "2.ndjson.gz", "0.0.ndjson.gz", "00.ndjson.gz", "head", "1.1-45.ndjson.gz",
        "9999999999999999.ndjson.gz",
    ],
)  # fmt: skip
def test_tiles_that_are_not_there_are_not_found(tiled: Node, name: str) -> None:
    refused(tiled.reader.get(f"/sync/{tiled.store.log.head().epoch}/entries/{name}"), 404, "no_tile")


def test_a_tile_that_fills_up_is_never_served_short(node: Node) -> None:
    lines = bodies(roots(ALICE, 4))
    node.store.apply(lines[:3], source="test")
    path = f"/sync/{node.store.log.head().epoch}/entries/0.4.ndjson.gz"
    refused(node.reader.get(path), 404, "no_tile")
    node.store.apply(lines[3:], source="test")
    assert lines_of(node.reader.get(path).content) == lines


def test_a_tile_of_a_log_that_is_renewed_while_it_is_read_is_not_served(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.store.apply(bodies(roots(ALICE, 3)), source="test")
    read = node.store.log.lines

    def overtaken(start: int, stop: int) -> list[bytes]:
        found = read(start, stop)
        node.store.log.renew_epoch()
        return found

    path = f"/sync/{node.store.log.head().epoch}/entries/0.3.ndjson.gz"
    with monkeypatch.context() as patched:
        patched.setattr(node.store.log, "lines", overtaken)
        refused(node.reader.get(path), 404, "no_tile")
    refused(node.reader.get(path), 404, "no_tile")


def test_tiles_of_another_epoch_are_not_found_even_when_they_are_kept(node: Node) -> None:
    node.store.apply(bodies(roots(ALICE, 3)), source="test")
    refused(node.reader.get(f"/sync/{'0' * 32}/entries/0.3.ndjson.gz"), 404, "no_tile")


def test_a_node_and_a_static_log_serve_the_same_bytes(tiled: Node, tmp_path: Path) -> None:
    publish(tiled.store, tmp_path / "log")
    for path in (tmp_path / "log").rglob("*.gz"):
        assert tiled.reader.get("/" + str(path.relative_to(tmp_path / "log"))).content == path.read_bytes()


# Operations by hash


def test_operations_are_found_by_hash_children_first(node: Node) -> None:
    first = root(ALICE, "chain")
    second = edit(ALICE, first)
    node.store.apply(bodies([first, second]), source="test")
    response = node.reader.post("/sync/ops/get", json={"hashes": [second.hash, first.hash, "0" * 64]})
    assert response.content == first.to_json() + b"\n" + second.to_json() + b"\n"


def test_an_answer_that_would_be_large_is_a_prefix(store: Datastore) -> None:
    ops = [root(ALICE, f"large-{index}", description="x" * 9000) for index in range(4)]
    store.apply(bodies(ops), source="test")
    with running(store, bounds=NodeBounds(answer_bytes=25_000)) as address, client(address) as reader:
        answer = reader.post("/sync/ops/get", json={"hashes": [op.hash for op in ops]}).content
    assert 0 < len(answer.splitlines()) < 4


@pytest.mark.parametrize(
    "body",
    [{}, {"hashes": "x"}, {"hashes": ["x"]}, {"hashes": [7]}, {"hashes": ["0" * 64] * 1025}, {"hashes": [], "m": 1}],
)  # fmt: skip
def test_questions_of_the_wrong_shape_are_refused(untouched: Node, body: object) -> None:
    refused(untouched.reader.post("/sync/ops/get", json=body), 422, "invalid")


def test_a_question_that_is_too_large_is_refused(untouched: Node) -> None:
    refused(untouched.reader.post("/sync/ops/get", content=b" " * 200_000), 413, "too_large")


# Pulling from a real node


async def test_a_pull_from_a_node_makes_both_replicas_the_same(node: Node, other: Datastore) -> None:
    node.store.apply(bodies(roots(ALICE, 700)), source="test")
    other.peers.add("hub", node.address.url)
    result = await pull(other, "hub")
    assert (result.ok, result.applied) == (True, 700)
    assert other.peers.get("hub").identical
    assert other.peers.get("hub").node == node.store.address


async def test_a_poll_that_finds_nothing_new_costs_at_most_500_bytes_both_ways(node: Node, other: Datastore) -> None:
    node.store.apply(bodies(roots(ALICE, 10)), source="test")
    async with counted(node.address.host, node.address.port) as wire:
        other.peers.add("hub", wire.url)
        await pull(other, "hub")
        wire.reset()
        result = await pull(other, "hub")
        assert (result.ok, result.read) == (True, 0)
        assert 0 < wire.both <= 500


async def test_new_operations_cost_little_more_than_their_compressed_bytes(node: Node, other: Datastore) -> None:
    ops = roots(ALICE, 700)
    node.store.apply(bodies(ops[:300]), source="test")
    async with counted(node.address.host, node.address.port) as wire:
        other.peers.add("hub", wire.url)
        await pull(other, "hub")
        node.store.apply(bodies(ops[300:]), source="test")
        wire.reset()
        result = await pull(other, "hub")
        assert result.read == 400
        assert wire.both <= 1.05 * len(pack(bodies(ops[300:])))


# Pushing


async def test_push_is_refused_unless_it_was_allowed(node: Node, other: Datastore) -> None:
    other.apply(bodies(roots(ALICE, 3)), source="test")
    other.peers.add("hub", node.address.url)
    with pytest.raises(SyncError, match="does not take operations") as caught:
        await push(other, "hub")
    assert caught.value.code == "not_accepted"
    refused(node.reader.post("/sync/ops", content=b"{}\n"), 403, "push_off")


async def test_a_push_is_checked_like_a_pull(store: Datastore, other: Datastore) -> None:
    other.apply(bodies(roots(ALICE, 600)), source="test")
    with running(store, accept_ops=True) as address, client(address) as reader:
        other.peers.add("hub", address.url)
        first = await push(other, "hub")
        assert (first.offered, first.applied) == (600, 600)
        other.apply(bodies(roots(BOB, 1)), source="test")
        again = await push(other, "hub")
        assert (again.offered, again.known, again.applied) == (1, 0, 1)
        forged = root(ALICE, "forged").to_json().replace(b'"name":"forged"', b'"name":"FORGED"')
        report = reader.post("/sync/ops", content=forged + b"\nnonsense\n").json()
        assert [found["code"] for found in report["rejected"]] == ["hash", "malformed"]
        first_op = root(ALICE, "record-00000")
        rivals = edit(ALICE, first_op, version="0.2.0"), edit(ALICE, first_op, version="0.3.0")
        report = reader.post("/sync/ops", content=b"".join(line + b"\n" for line in bodies(rivals))).json()
        assert (report["applied"], report["conflicts"], reader.get("/health").json()["conflicts"]) == (2, 1, 1)
        other.apply(bodies(rivals))
        refused(reader.post("/sync/ops", content=b"no line end"), 400, "no_operations")
        refused(reader.post("/sync/ops", content=b"x\n" * 5000), 413, "too_large")
    assert store.log.head().fingerprint == other.log.head().fingerprint


async def test_a_peer_that_has_everything_is_offered_nothing(node: Node, other: Datastore) -> None:
    ops = bodies(roots(ALICE, 3))
    node.store.apply(ops, source="test")
    other.apply(reversed(ops), source="test")
    other.peers.add("hub", node.address.url)
    # Not even asked whether it takes operations, which it does not.
    assert (await push(other, "hub")).offered == 0


def test_pushes_end_when_there_is_no_room(store: Datastore) -> None:
    with running(store, accept_ops=True, bounds=NodeBounds(push_store_bytes=1)) as address, client(address) as reader:
        body = root(ALICE, "one").to_json() + b"\n"
        refused(reader.post("/sync/ops", content=body), 507, "full")
    assert store.log.head().size == 0


async def test_a_push_to_a_directory_is_told(other: Datastore, tmp_path: Path) -> None:
    other.peers.add("usb", str(tmp_path))
    with pytest.raises(SyncError, match="a directory takes no operations"):
        await push(other, "usb")


def test_health(node: Node) -> None:
    assert node.reader.get("/health").json()["node"] == "", "to be asked how one is makes no key"
    address = node.store.address
    said = node.reader.get("/health").json()
    assert (said["status"], said["ops"], said["conflicts"], said["node"]) == ("ok", 0, 0, address)


def test_the_head_is_one_small_json_object(node: Node) -> None:
    told = json.loads(node.reader.get("/sync/head").content)
    of_0_1 = {"epoch", "size", "fingerprint", "node", "ranges"}
    assert set(told) == of_0_1 | {"rules", "signed_at", "set", "root", "sig", "difference"}
    assert parse_head(node.reader.get("/sync/head").content).head == node.store.log.signed_head()


def test_a_head_is_told_again_once_its_set_is_made(node: Node) -> None:
    """As of a log of version 0.1, whose set is made behind."""
    node.store.apply(op.body for op in stranger_ops(3))
    with closing(database(node.store)) as db:
        db.execute("UPDATE replica SET kept = -9999")
    head = node.store.log.head()
    told = node.reader.get("/sync/head", headers={"if-none-match": etag_of_head(head)})
    assert (told.status_code, told.headers.get("etag")) == (200, None)
    assert not {"set", "root"} & set(told.json())
    assert node.store.log.finish_sets(60)
    told = node.reader.get("/sync/head", headers={"if-none-match": "W/x"})
    assert (told.headers["etag"], len(told.json()["set"])) == (etag_of_head(head), 64)
    assert node.reader.get("/sync/head", headers={"if-none-match": etag_of_head(head)}).status_code == 304


@pytest.mark.parametrize(
    "body",
    [
        {}, {"symbols": [0, 0]}, {"symbols": [0, 4_097]}, {"symbols": [0]}, {"symbols": [0, "8"]}, {"symbols": "x"},
        {"symbols": [0, 8], "epoch": "E"}, {"symbols": [0, 8], "size": 3}, {"symbols": [0, 8], "epoch": "e" * 32},
        {"symbols": [0, 8], "have": {}}, {"symbols": [0, 8], "have": {"size": -1, "set": "a" * 64}},
        {"symbols": [0, 8], "prefixes": [1, 0, 1]}, {"symbols": [0, 8], "listed": 10}, {"symbols": [0, 8], "more": 1},
        {"epoch": "e" * 32, "size": 0, "prefixes": [17, 0, 1], "symbols": [0, 8]},
        {"epoch": "e" * 32, "size": 0, "prefixes": [1, 0, 3], "symbols": [0, 8]},
        {"epoch": "e" * 32, "size": 0, "prefixes": [16, 0, 4_097], "symbols": [0, 8]},
        {"epoch": "e" * 32, "size": 0, "prefixes": [1, 0, 1], "symbols": [1, 8]},
        {"epoch": "e" * 32, "size": 0, "prefixes": [1, 0, 1], "listed": 7},
        {"epoch": "e" * 32, "size": 0, "prefixes": [1, 0, 1], "listed": 8, "symbols": [0, 8]},
        # What is there and wrong is not taken for what is not there.
        {"symbols": [0, 8], "size": -1}, {"symbols": [0, 8], "size": None}, {"symbols": [0, 8], "epoch": None},
        {"symbols": [0, 8], "have": None}, {"symbols": [0, 8], "prefixes": None},
    ],
    ids=range(25),
)  # fmt: skip
def test_a_question_about_differences_of_another_shape_is_refused(untouched: Node, body: dict[str, Any]) -> None:
    refused(untouched.reader.post("/sync/difference", json=body), 422, "invalid")


def test_a_push_that_unpacks_to_more_than_a_push_may_be_is_refused(store: Datastore) -> None:
    with running(store, accept_ops=True, bounds=NodeBounds(push_bytes=5_000)) as address, client(address) as reader:
        packed = {"content-type": "application/gzip"}
        refused(reader.post("/sync/ops", content=pack([b"x" * 5_000]), headers=packed), 413, "too_large")
        refused(reader.post("/sync/ops", content=b"junk", headers=packed), 400, "no_operations")
        refused(reader.post("/sync/ops", content=pack([b"x"])[:-1], headers=packed), 400, "no_operations")
        told = reader.post("/sync/ops", content=pack(bodies(roots(ALICE, 2))), headers=packed).json()
        assert told["appended"] == {"epoch": store.log.head().epoch, "ranges": [[0, 2]]}


# What is said of them

OCTETS = {"content-type": "application/octet-stream"}


def test_what_is_answered_is_described(tiled: Node) -> None:
    head = tiled.store.log.head()
    tile, question = f"/sync/{head.epoch}/entries/1.44.ndjson.gz", {"epoch": head.epoch, "ranges": [[None, None]]}
    tag = tiled.reader.get(tile).headers["etag"]
    named = {"epoch": head.epoch, "size": head.size, "symbols": [0, 8]}
    asked: list[tuple[str, str, str, int, dict[str, Any]]] = [
        ("/sync/head", "get", "/sync/head", 200, {}),
        ("/sync/head", "get", "/sync/head", 304, {"headers": {"if-none-match": "*"}}),
        ("/sync/{epoch}/entries/{name}", "get", tile, 200, {}),
        ("/sync/{epoch}/entries/{name}", "get", tile, 206, {"headers": {"range": "bytes=0-9", "if-range": tag}}),
        ("/sync/{epoch}/entries/{name}", "get", tile, 304, {"headers": {"if-none-match": tag}}),
        ("/sync/{epoch}/entries/{name}", "get", tile.replace("44", "45"), 404, {}),
        ("/sync/{epoch}/entries/{name}", "get", tile, 416, {"headers": {"range": "bytes=99999999-"}}),
        ("/sync/ops/get", "post", "/sync/ops/get", 200, {"json": {"hashes": [root(ALICE, "record-00000").hash]}}),
        ("/sync/ops/get", "post", "/sync/ops/get", 200, {"content": b"\x08" + b"12345678", "headers": OCTETS}),
        ("/sync/ops/get", "post", "/sync/ops/get", 400, {"content": b"\x07", "headers": OCTETS}),
        ("/sync/ops/get", "post", "/sync/ops/get", 400, {"content": b"\x20" + b"half", "headers": OCTETS}),
        ("/sync/ops/get", "post", "/sync/ops/get", 413, {"content": b"\x08" + b"12345678" * 1_025, "headers": OCTETS}),
        ("/sync/ops/get", "post", "/sync/ops/get", 400, {"content": b"\xff"}),
        ("/sync/ops/get", "post", "/sync/ops/get", 413, {"content": b" " * 200_000}),
        ("/sync/ops/get", "post", "/sync/ops/get", 415, {"headers": {"content-encoding": "gzip"}}),
        ("/sync/ops/get", "post", "/sync/ops/get", 422, {"json": {}}),
        ("/sync/difference", "post", "/sync/difference", 200, {"json": {"symbols": [0, 8]}}),
        ("/sync/difference", "post", "/sync/difference", 404, {"json": {**named, "size": head.size + 1}}),
        ("/sync/difference", "post", "/sync/difference", 422, {"json": {**named, "symbols": [8, 8]}}),
        ("/sync/reconcile", "post", "/sync/reconcile", 200, {"json": question}),
        ("/sync/reconcile", "post", "/sync/reconcile", 404, {"json": {**question, "epoch": "0" * 32}}),
        ("/sync/ops", "post", "/sync/ops", 403, {"content": b"{}\n"}),
        ("/health", "get", "/health", 200, {}),
    ]
    paths = json.loads(tiled.reader.get("/openapi.json").content)["paths"]
    for path, method, url, status, more in asked:
        answer = tiled.reader.request(method, url, **more)
        assert answer.status_code == status, (path, answer.text)
        said = paths[path][method]["responses"][str(status)]
        kind = answer.headers.get("content-type")
        assert kind in said["content"] if kind is not None else "content" not in said
        for name in said.get("headers", {}):
            assert name in answer.headers, (path, status, name)


def test_each_operation_is_described_by_a_name_and_names_no_status_that_could_be_any(untouched: Node) -> None:
    tree = json.loads(untouched.reader.get("/openapi.json").content)
    operations = [operation for path in SYNC_PATHS for operation in tree["paths"][path].values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == 11
    for operation in operations:
        assert all(status.isdecimal() for status in operation["responses"])
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(SYNC_PATHS)))
    assert named <= set(tree["components"]["schemas"])


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/sync/head", "GET, HEAD"),
        (f"/sync/{'0' * 32}/entries/0.ndjson.gz", "GET, HEAD"),
        ("/sync/ops/get", "POST"),
        ("/sync/ops", "POST"),
        ("/sync/difference", "POST"),
        ("/sync/reconcile", "POST"),
        ("/health", "GET, HEAD"),
    ],
)
def test_a_method_that_a_path_does_not_take_is_told_which_it_takes(untouched: Node, path: str, allowed: str) -> None:
    wrong = "PUT" if allowed == "POST" else "POST"
    answer = untouched.reader.request(wrong, path)
    refused(answer, 405, "method")
    assert answer.headers["allow"] == allowed
    assert untouched.reader.request("FROBNICATE", path).status_code == 405


@pytest.mark.parametrize("path", ["/sync", "/sync/", "/sync/heads", "/sync/x/entries/", "/sync//entries/0.ndjson.gz"])
def test_nothing_else_is_below_sync(untouched: Node, path: str) -> None:
    refused(untouched.reader.get(path), 404, "no_route")


def test_head_answers_as_get_does_without_the_body(tiled: Node) -> None:
    for path in ("/sync/head", f"/sync/{tiled.store.log.head().epoch}/entries/0.ndjson.gz", "/health"):
        whole, bare = tiled.reader.get(path), tiled.reader.head(path)
        assert (bare.status_code, bare.content) == (200, b"")
        assert {**bare.headers, "date": ""} == {**whole.headers, "date": ""}
