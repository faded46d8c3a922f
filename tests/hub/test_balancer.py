"""Three nodes of a hub as real processes behind nginx, which sends each request to the next of them. The clients neither
know nor care."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hub.nodes import TOKEN, begun, with_key
from tests.released.test_released_0_1 import WHEEL, run
from tests.sync.logs import ALICE, BOB, T0, bodies, roots
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, pull, push

SBIN = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"
NGINX = shutil.which("nginx") or shutil.which("nginx", path=SBIN)
pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx")
BODY = {"license": "MIT", "parameters": 1, "context_length": 1}
NODES = 3


CONFIGURATION = """
daemon on; master_process off; pid {folder}/pid; events {{}}
http {{
    access_log off; {kept}
    upstream hub {{ {nodes} }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 17m;
        location / {{
            proxy_pass http://hub;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
}}
"""


@contextmanager
def balanced(sockets: list[Path], folder: Path) -> Iterator[str]:
    """nginx before nodes that listen on these sockets, each of which hears one request in turn; its URL."""
    folder.mkdir()
    kept = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    nodes = "".join(f"server unix:{path};" for path in sockets)
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    while True:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        text = CONFIGURATION.format(folder=folder, kept=kept, nodes=nodes, port=port)
        (folder / "nginx.conf").write_text(text)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
        assert "in use" in done.stderr, done.stderr  # another took it a moment before
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run([*command, "-s", "stop"], check=True, capture_output=True)


@contextmanager
def served(*lines: tuple[Path, Sequence[str | Path]]) -> Iterator[list[dict[str, Any]]]:
    """Nodes as processes of their own, each of a folder and what its command says, once all of them answer; what they
    say then."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tui_registry", "--data-dir", data_dir, "serve", "--json", *words],
            stdout=subprocess.PIPE, text=True,
        )
        for data_dir, words in lines
    ]  # fmt: skip
    try:
        yield [json.loads(process.stdout.readline()) for process in processes if process.stdout is not None]
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        codes = {process.wait() for process in processes}
        for process in processes:
            process.communicate()
    assert codes == {0}


@pytest.fixture(scope="module")
def hub(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of three nodes."""
    folder = tmp_path_factory.mktemp("balanced")
    with begun(postgres) as dsn, ExitStack() as stack:
        (folder / "dsn").write_text(f"{dsn}\n")
        sockets = [folder / f"{number}.sock" for number in range(NODES)]
        words = ("--hub-file", folder / "dsn", "--trust-proxy", "unix", "--accept-ops", "--uds")
        stack.enter_context(served(*((with_key(path.with_suffix("")), (*words, path)) for path in sockets)))
        yield stack.enter_context(balanced(sockets, folder / "nginx"))


@pytest.fixture
def caller(hub: str) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=hub, trust_env=False, timeout=60, headers=headers) as client:
        yield client


def test_nodes_tell_one_head_and_one_log_at_one_address(caller: httpx.Client) -> None:
    told = caller.post("/models", json={"name": "seen-by-all", **BODY}).json()
    path = f"/models/{told['model_id']}"
    assert [caller.patch(path, json={"description": f"{n}"}).status_code for n in range(NODES + 1)] == [200] * (
        NODES + 1
    )
    size = caller.get("/sync/head", headers={"cache-control": "no-cache"}).json()["size"]
    heads: set[tuple[bytes, str]] = set()
    while not heads or min(json.loads(head)["size"] for head, _ in heads) < size:
        heads = {
            (answer.content, answer.headers["etag"]) for answer in (caller.get("/sync/head") for _ in range(NODES))
        }
    assert len(heads) == 1
    epoch = json.loads(next(iter(heads))[0])["epoch"]
    tiles = {caller.get(f"/sync/{epoch}/entries/0.{size}.ndjson.gz").content for _ in range(NODES)}
    assert len(tiles) == 1
    assert caller.delete(path).status_code == 204


def test_a_client_pulls_pushes_and_writes_and_its_cursor_is_never_void(
    hub: str, caller: httpx.Client, tmp_path: Path
) -> None:
    with Datastore.open(tmp_path / "client", clock=lambda: T0) as here:
        here.peers.add("hub", hub)
        restarts, heads = 0, []
        for number in range(12):
            # Across the ends of tiles, too.
            here.apply(bodies(roots(BOB, 40, f"pushed-{number}")))
            assert asyncio.run(push(here, "hub")).applied == 40
            key = {"idempotency-key": f"key-{number}"}
            body = {"name": f"written-{number}", **BODY}
            first, again = (
                caller.post("/models", json=body, headers=key),
                caller.post("/models", json=body, headers=key),
            )
            assert (first.status_code, first.content) == (201, again.content)
            for _ in range(2):
                result = asyncio.run(pull(here, "hub", bounds=Bounds(reconcile_least=64)))
                assert result.ok, result
                restarts += result.restarted
                heads.append(result.head)
        assert restarts == 0
        total = caller.get("/sync/head", headers={"cache-control": "no-cache"}).json()
        while here.log.head().size < total["size"]:
            result = asyncio.run(pull(here, "hub"))
            assert (result.ok, result.restarted) == (True, False)
        assert here.log.head().fingerprint == total["fingerprint"]
        assert here.peers.get("hub").pinned == ALICE.address
        assert not here.peers.faces()
        assert here.verify().sound


def test_a_client_of_0_1_pulls_from_them(
    hub: str, caller: httpx.Client, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    released, there = tmp_path / "released", tmp_path / "there"
    with zipfile.ZipFile(WHEEL) as packed:
        packed.extractall(released)
    run(released, there, "peer", "add", "hub", hub)
    restarts = 0
    for number in range(4):
        assert caller.post("/models", json={"name": f"for-0-1-{number}", **BODY}).status_code == 201
        told = json.loads(run(released, there, "sync", "--json"))
        assert told["error"] is None
        restarts += told["restarted"]
    # Of that version nothing is promised but that it has all in the end.
    record_property("restarts", restarts)
    total = caller.get("/sync/head", headers={"cache-control": "no-cache"}).json()["size"]
    (peer,) = map(json.loads, run(released, there, "peer", "list", "--json").splitlines())
    while peer["read"] < total:
        run(released, there, "sync")
        (peer,) = map(json.loads, run(released, there, "peer", "list", "--json").splitlines())
    assert "all is sound" in run(released, there, "verify")
