"""Nodes on the local network: told and found by mDNS over the loopback, where anybody may answer anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

pytest.importorskip("zeroconf", reason="needs zeroconf: pip install -e '.[lan]'")

from zeroconf import ServiceInfo, Zeroconf

from tests.cli.conftest import Cli, cli, data_dir  # noqa: F401 - fixtures
from tests.seeds import owner
from tests.tui.driving import press, running, screen_text, settle
from tui_registry.datastore import Datastore
from tui_registry.sync import lan
from tui_registry.sync.lan import SERVICE, Announcement, LanNode, _read, find_nodes

HERE = ("127.0.0.1",)
NODE = owner("node").address
# Others may run these tests on this machine at the same time.
PATH = f"/{os.getpid()}"
OURS = LanNode(f"https://127.0.0.1:8420{PATH}", NODE)
PLAIN = LanNode("http://127.0.0.2:80", "")
HARMFUL = ("127.0.0.3", "127.0.0.4", "8.8.8.8", "0.0.0.0")


@pytest.fixture(scope="module")
def told() -> Iterator[None]:
    """A node of ours, and answers of somebody who means harm."""
    with Announcement(interfaces=HERE) as ours, Zeroconf(interfaces=[*HERE]) as theirs:
        ours.begin("127.0.0.1", 8420, node=NODE, path=PATH, tls=True)
        for place, (address, port, properties) in enumerate(HARM):
            label = f"harm{place}-{os.getpid()}"
            theirs.register_service(
                ServiceInfo(
                    SERVICE, f"{label}.{SERVICE}", port=port, parsed_addresses=[address], properties=properties,
                    server=f"{label}.local.",
                ),
                cooperating_responders=True,
            )  # fmt: skip
        assert ours.wait(20)
        yield


HARM: list[tuple[str, int, dict[str, str | bytes]]] = [
    ("127.0.0.2", 80, {"node": "\x1b[31m" * 8, "path": ""}),
    ("127.0.0.3", 80, {"path": "/../../x?y"}),
    ("127.0.0.4", 80, {"path": b"\xff\xfe"}),
    ("8.8.8.8", 80, {"path": ""}),
    ("0.0.0.0", 80, {"path": ""}),
]


def looked(*wanted: LanNode) -> list[LanNode]:
    """What is found of the nodes of these tests, once these are among it: a busy machine answers late, and nobody
    answers the same twice within a second (RFC 6762, section 6)."""
    found: set[LanNode] = set()
    for tries in range(1, 8):
        found.update(find_nodes(1.5 * tries, interfaces=HERE))
        assert not [node for node in found if any(harm in node.url for harm in HARMFUL)]
        if found.issuperset(wanted):
            break
    return sorted(found.intersection({*wanted, OURS, PLAIN}))


@pytest.fixture(scope="module")
def found(told: None) -> list[LanNode]:
    """Looked for once, as it takes seconds."""
    return looked(OURS, PLAIN)


def test_a_node_that_tells_of_itself_is_found_and_harm_is_left_out(found: list[LanNode]) -> None:
    assert found == [PLAIN, OURS]


def test_the_command_line_lists_what_answers_and_adds_nothing(
    found: list[LanNode],
    cli: Cli,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lan, "find_nodes", lambda: found)
    cli("identity", "name", NODE, "the hub")
    cli("peer", "add", "plain", "http://127.0.0.2:80")
    assert cli("peer", "find", "--json").lines == [
        {"url": "http://127.0.0.2:80", "node": None, "petname": None, "peer": "plain"},
        {"url": OURS.url, "node": NODE, "petname": "the hub", "peer": None},
    ]
    assert "says its key is the hub" in cli("peer", "find").out
    assert len(cli("peer", "list", "--json").lines) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_serve_tells_of_itself_by_the_address_that_it_listens_on_until_it_ends(tmp_path: Path, workers: int) -> None:
    words = ["serve", "--host", "127.0.0.1", "--port", "0", "--allow-remote", "--announce", "--json"]
    words.append(f"--workers={workers}")
    program = [sys.executable, "-m", "tui_registry", "--data-dir", str(tmp_path), *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as serving:
        assert serving.stdout is not None
        place = json.loads(serving.stdout.readline())
        mine = LanNode(f"http://127.0.0.1:{place['port']}", place["node"])
        is_found = mine in looked(mine)
        threads = len([*Path(f"/proc/{serving.pid}/task").iterdir()])
        serving.send_signal(signal.SIGINT)
        assert serving.wait(30) == 0
        assert is_found
        # Whoever begins workers forks again when one dies, which nobody may do who has threads.
        assert (threads == 1) == (workers > 1)


def test_a_node_that_only_this_machine_reaches_is_not_announced(cli: Cli) -> None:  # noqa: F811
    said = cli("serve", "--announce")
    assert (said.code, "--allow-remote" in said.err) == (2, True)


async def test_the_app_offers_what_answers_and_adds_what_is_chosen(
    found: list[LanNode], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lan, "find_nodes", lambda: found)
    with Datastore.open(tmp_path) as datastore:
        datastore.names.set(NODE, "the hub")
        async with running(datastore) as (app, pilot):
            await press(pilot, "3", "f")
            await settle(pilot)
            text = screen_text(app)
            assert OURS.url in text
            assert "says it is the hub" in text
            await press(pilot, "2", *"hub", "enter", "enter")
            await settle(pilot)
            assert [(peer.name, peer.address) for peer in datastore.peers.all()] == [("hub", OURS.url)]


def info(port: int, address: bytes, properties: dict[bytes, bytes | None]) -> ServiceInfo:
    return ServiceInfo(SERVICE, f"x.{SERVICE}", port=port, addresses=[address], properties=properties)


@settings(max_examples=60)
@given(
    st.integers(0, 2**16 - 1),
    st.binary(min_size=4, max_size=4),
    st.dictionaries(
        st.sampled_from([b"node", b"path", b"tls", b"\xff"]), st.none() | st.binary(max_size=50), max_size=4
    ),
)
def test_whatever_an_answer_says_what_comes_of_it_is_a_plain_address_nearby(
    port: int, address: bytes, properties: dict[bytes, bytes | None]
) -> None:
    for node in _read(info(port, address, properties)):
        assert node.url.isascii()
        assert node.url.isprintable()
        assert " " not in node.url
        assert node.node == "" or len(node.node) == 40
