"""Looking at an address before anything is pulled: what is there, whom it recommends, and what to do where nothing is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.seeds import NOW, stranger_ops
from tui_registry.datastore import Datastore
from tui_registry.node import Whereabouts, running
from tui_registry.present.found import Found, Recommended, found_lines, recommended_line
from tui_registry.present.pulls import SyncError
from tui_registry.sync import Bounds, publish, write_bundles
from tui_registry.sync.http_transport import HttpTransport
from tui_registry.sync.looking import LookError, look_at
from tui_registry.sync.publishing import write_recommended
from tui_registry.sync.recommended import (
    MOST_RECOMMENDED,
    free_name,
    name_for,
    parse_recommended,
    place_of,
    read_recommended,
    spell_recommended,
)
from tui_registry.sync.transport import DirTransport

OPS = 300
HUB = Recommended("https://hub.example:8420", "hub")
LOCAL = Recommended("http://10.0.0.7:8420")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    with Datastore.open(tmp_path_factory.mktemp("there"), clock=lambda: NOW) as datastore:
        datastore.apply(op.to_json() for op in stranger_ops(OPS))
        yield datastore


def look(address: str | Path) -> Found:
    return asyncio.run(look_at(str(address), Bounds()))


def refusal(address: str | Path) -> str:
    with pytest.raises(LookError) as error:
        look(address)
    return error.value.sentence


def test_a_node_tells_how_much_it_has_whose_it_is_and_whom_it_recommends(there: Datastore) -> None:
    with running(there, whereabouts=Whereabouts(recommended=(HUB, LOCAL))) as node:
        found = look(node.url)
    assert (found.kind, found.address, found.operations, found.signed) == ("node", node.url, OPS, True)
    assert found.node == there.address
    assert found.recommended == (HUB, LOCAL._replace(place="on a private network"))
    lines = found_lines(found, NOW, {there.address: "lab"})
    assert lines[0] == f"A node: {node.url}"
    assert "300 operations" in lines[1]
    assert "lab" in lines[2]


def test_a_node_that_recommends_nobody_names_nobody(there: Datastore) -> None:
    with running(there) as node:
        assert look(node.url).recommended == ()


def test_a_folder_and_what_is_recommended_beside_it(there: Datastore, tmp_path: Path) -> None:
    publish(there, tmp_path / "log")
    write_recommended(tmp_path / "log", (HUB,))
    found = look(tmp_path / "log")
    assert (found.kind, found.operations, found.recommended) == ("folder", OPS, (HUB,))
    assert found.bytes
    write_recommended(tmp_path / "log", ())
    assert look(f"file://{tmp_path}/log").recommended == ()


def test_bundles_are_found_by_their_folder_and_by_one_file(there: Datastore, tmp_path: Path) -> None:
    (file,) = write_bundles(there, tmp_path / "stick").files
    for named in (tmp_path / "stick", file):
        found = look(named)
        assert (found.kind, found.operations, found.files) == ("bundles", OPS, (str(file),))
        assert found.bytes == file.stat().st_size


def test_a_list_of_peers_that_cannot_be_read_is_told_and_the_log_found_all_the_same(
    there: Datastore, tmp_path: Path
) -> None:
    publish(there, tmp_path)
    (tmp_path / "sync" / "peers").write_text("<html>")
    found = look(tmp_path)
    assert found.operations == OPS
    assert "is no JSON" in found.why_none


def test_where_nothing_is_the_sentence_says_the_nearest_thing_to_do(there: Datastore, tmp_path: Path) -> None:
    write_bundles(there, tmp_path / "stick" / "registry")
    (tmp_path / "card.json").write_text("{}")
    (tmp_path / "spoilt.tar").write_bytes(b"x" * 2000)
    (tmp_path / "own" / "x").mkdir(parents=True)
    Datastore.open(tmp_path / "own").close()
    assert "http://127.0.0.1:8420" in refusal("  ")
    assert "write http://hub.example:8420 for a node" in refusal("hub.example:8420")
    assert "did you mean" in refusal(tmp_path / "stik")
    assert "is the drive mounted?" in refusal("/no/such/drive")
    assert "registry below it does" in refusal(tmp_path / "stick")
    assert "import reads records" in refusal(tmp_path / "card.json")
    assert "export --bundle" in refusal(tmp_path / "spoilt.tar")
    assert "is a replica itself" in refusal(tmp_path / "own")
    assert "export --log" in refusal(tmp_path / "own" / "x")
    assert "no way to a peer" in refusal("ftp://hub.example")
    assert "connection refused" in refusal("http://127.0.0.1:1").lower()
    assert "cannot be read" in refusal(tmp_path / ("x" * 300))
    assert "there is nothing at" in refusal("/no\0such")
    assert "\x1b" not in refusal("/no/\x1b[31m/such")


def test_bundles_of_two_logs_are_told_apart(there: Datastore, tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "other", clock=lambda: NOW) as other:
        other.apply(op.to_json() for op in stranger_ops(2))
        write_bundles(other, tmp_path / "both")
    write_bundles(there, tmp_path / "both")
    assert "bundles of 2 logs" in refusal(tmp_path / "both")


def test_what_a_stranger_recommends_is_bounded_and_only_what_a_peer_could_be() -> None:
    told = [
        {"url": "javascript:alert(1)", "name": "x"},
        {"url": "https://name:secret@hub.example"},
        {"url": "https://hub.example/" + "x" * 300},
        {"url": "https://hub.example/\x1b[31m"},
        {"url": "https://"},
        {"url": "https://hub.example:99999"},
        {"url": 5},
        "https://hub.example",
        {"url": "https://HUB.example/", "name": "../x"},
        {"url": "https://HUB.example", "name": "twice"},
        *({"url": f"http://{number}.example"} for number in range(30)),
    ]
    read = read_recommended(json.dumps({"peers": told, "more": 1}).encode())
    assert len(read) == MOST_RECOMMENDED
    assert read[0] == Recommended("https://HUB.example/")
    assert read[1].url == "http://0.example"
    for spoilt in (b"", b"[]", b'{"peers": {}}', b"\xff", b"[" * 50_000):
        with pytest.raises(ValueError, match="is no"):
            read_recommended(spoilt)


@given(st.lists(st.dictionaries(st.sampled_from(("url", "name")), st.text()), max_size=3))
def test_whatever_is_recommended_is_a_line_of_plain_text(told: list[dict[str, str]]) -> None:
    for peer in read_recommended(json.dumps({"peers": told}).encode()):
        line = recommended_line(peer)
        assert line.isascii()
        assert line.isprintable()
        assert read_recommended(spell_recommended([peer])) == (peer,)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://127.0.0.1:8420", "on this machine itself"),
        ("http://localhost", "on this machine itself"),
        ("http://[::1]:8420/x", "on this machine itself"),
        ("http://192.168.1.2", "on a private network"),
        ("http://169.254.169.254", "on a private network"),
        ("http://[fe80::1]", "on a private network"),
        ("http://[::ffff:10.0.0.1]", "on a private network"),
        ("http://nas:8420", "on a private network"),
        ("http://nas.local", "on a private network"),
        ("http://0x7f000001", "on this machine itself"),
        ("http://0x7f.1:8420", "on this machine itself"),
        ("http://2130706433", "on this machine itself"),
        ("http://0.0.0.0", "on this machine itself"),
        ("http://[::ffff:127.0.0.1]", "on this machine itself"),
        ("http://0xa.0.0.7", "on a private network"),
        ("http://010.8.8.8", ""),
        ("https://hub.example", ""),
        ("http://8.8.8.8", ""),
    ],
)
def test_where_an_address_leads_is_said_before_it_is_asked(url: str, place: str) -> None:
    assert place_of(url) == place


def test_an_operator_names_a_peer_by_its_url_and_maybe_a_name() -> None:
    assert parse_recommended("https://hub.example:8420=hub") == HUB
    assert parse_recommended(" https://hub.example ") == Recommended("https://hub.example")
    for wrong in ("hub.example", "ftp://hub", "https://hub.example=No Name", "https://u:p@hub.example", ""):
        with pytest.raises(ValueError, match=r"recommended peer|NAME"):
            parse_recommended(wrong)


def test_a_name_is_proposed_that_no_peer_has() -> None:
    assert name_for(HUB) == "hub"
    assert name_for(HUB, ["hub", "hub-2"]) == "hub-3"
    assert name_for(Recommended("https://www.Registry.Example/x")) == "registry.example"
    assert name_for(Recommended("http://10.0.0.7")) == "node"
    assert name_for(Recommended("http://[")) == "node"
    assert free_name("Registry [2026] ", [], otherwise="stick") == "registry-2026"
    assert free_name("\x1b[", ["stick"], otherwise="stick") == "stick-2"


async def test_a_program_of_before_is_one_that_recommends_nobody(there: Datastore, tmp_path: Path) -> None:
    publish(there, tmp_path)
    assert await DirTransport("stick", str(tmp_path), Bounds()).recommended() == ()
    with running(there) as node:
        async with HttpTransport("hub", f"{node.url}/docs", Bounds()) as transport:  # where no list is: 404
            assert await transport.recommended() == ()
            with pytest.raises(SyncError):
                await transport.head()
