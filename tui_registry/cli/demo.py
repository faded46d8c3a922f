"""The demo: a throw-away replica with sample records, and a second one, served on loopback, that has more of them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import tui_registry
from tui_registry.cli.demo_records import UNNAMED, own_records, sample_ops
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, RegistryError
from tui_registry.text import safe_text

NEIGHBOUR = "neighbour"

_READY_SECONDS = 60
_END_SECONDS = 10


class DemoError(RegistryError):
    """The demo could not be built; code `demo`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("demo", sentence)


@contextmanager
def prepared() -> Iterator[Datastore]:
    """A replica with about two thirds of the sample and a peer, `neighbour`, that has all of it.

    Nothing outside a temporary directory is touched, and that is removed at the end, as is the neighbour's process.

    Raises:
        DemoError: the neighbour could not be started.
    """
    with tempfile.TemporaryDirectory(prefix="tui-registry-demo-") as folder, _ended_by_signals():
        here, there = Path(folder, "replica"), Path(folder, NEIGHBOUR)
        sample = sample_ops(int(time.time()))
        with Datastore.open(there) as neighbour:
            neighbour.apply((op.to_json() for ops in sample.records for op in ops), source="demo")
        with _served(there) as node, Datastore.open(here) as datastore:
            # Every third record is the neighbour's alone, so that there is something to pull.
            known = [ops for number, ops in enumerate(sample.records) if number % 3 != 2]
            datastore.apply((op.to_json() for ops in known for op in ops), source="demo")
            for kind, record in own_records():
                datastore.add(kind, record)
            for publisher, owner in sample.owners.items():
                if publisher != UNNAMED:
                    datastore.names.set(owner.address, publisher)
            datastore.peers.add(NEIGHBOUR, _url(node, Path(folder)))
            yield datastore


@contextmanager
def _served(replica: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The replica as a node in a process of its own, ended with the block."""
    # The same program from the same place, wherever the person stands: -P keeps the current folder out of it.
    root = str(Path(tui_registry.__file__).parent.parent)
    serve = ["serve", "--port", "0", "--json", "--data-dir", str(replica)]
    command = [sys.executable, "-P", "-m", "tui_registry", *serve]
    with replica.with_suffix(".log").open("wb") as log:
        node = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))},
            start_new_session=True,  # Ctrl+C is for us; we end the node
        )
    with node:
        try:
            yield node
        finally:
            node.terminate()
            try:
                node.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                node.kill()


def _url(node: subprocess.Popen[bytes], folder: Path) -> str:
    """Where the node listens, by its first line."""
    assert node.stdout is not None
    readable, _, _ = select.select([node.stdout], [], [], _READY_SECONDS)
    line = node.stdout.readline() if readable else b""
    try:
        ready: Json = json.loads(line)
    except ValueError:
        ready = None
    url = ready.get("url") if isinstance(ready, dict) else None
    if not isinstance(url, str):
        said = (folder / f"{NEIGHBOUR}.log").read_text("utf-8", "replace").strip().rpartition("\n")[2]
        raise DemoError(f"the demo's neighbour did not start: {safe_text(said, 300) or 'it said nothing'}")
    return url


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a closed terminal or a kill end the demo in order, or its node and its directory would stay."""

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what `signal` calls
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
