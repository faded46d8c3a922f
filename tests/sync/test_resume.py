"""A pull that is killed loses nothing and goes on behind what it stored."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from tests.sync.conftest import Open
from tests.sync.logs import ALICE, bodies, roots
from tui_registry.datastore import Datastore
from tui_registry.sync import publish, pull

_PULL_AND_STOP_AT_THE_FIRST_BATCH = """
import asyncio, sys, threading
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, Progress, pull

def tell(event):
    if isinstance(event, Progress):
        print(event.done, flush=True)
        if event.done >= int(sys.argv[2]):
            threading.Event().wait()

with Datastore.open(sys.argv[1]) as store:
    asyncio.run(pull(store, "usb", emit=tell, bounds=Bounds(batch_ops=256)))
"""


def test_a_killed_pull_goes_on_where_it_was(replica: Open, tmp_path: Path) -> None:
    there = replica("there")
    there.apply(bodies(roots(ALICE, 1000)), source="test")
    publish(there, tmp_path / "stick")
    with Datastore.open(tmp_path / "killed") as store:
        store.peers.add("usb", str(tmp_path / "stick"))
    for at in (256, 768):
        command = [sys.executable, "-c", _PULL_AND_STOP_AT_THE_FIRST_BATCH, str(tmp_path / "killed"), str(at)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) >= at:
                    process.send_signal(signal.SIGKILL)
                    break
        assert process.returncode == -signal.SIGKILL
        with Datastore.open(tmp_path / "killed") as store:
            assert store.log.head().size == store.peers.get("usb").next_index >= at
            assert store.peers.get("usb").last_sync is None
    with Datastore.open(tmp_path / "killed") as store:
        before = store.log.head().size
        result = asyncio.run(pull(store, "usb"))
        assert (result.ok, result.read, result.known) == (True, 1000 - before, 0)
        assert store.peers.get("usb").identical
        assert store.verify().sound
