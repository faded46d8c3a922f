"""Twenty replicas, each with operations of its own, push to one node at the same time, in one call each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sync.logs import bodies, roots
from tui_registry.crdt import Identity
from tui_registry.datastore import Datastore
from tui_registry.node import running

_REPLICAS, _OPS = 20, 300


@pytest.mark.long
def test_twenty_replicas_push_at_once_and_all_end_well(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "hub") as hub, running(hub, accept_ops=True) as node:
        folders = [tmp_path / f"replica-{number}" for number in range(_REPLICAS)]
        for number, folder in enumerate(folders):
            with Datastore.open(folder) as store:
                store.apply(bodies(roots(Identity(bytes([number + 1]) * 32), _OPS)), source="test")
                store.peers.add("hub", node.url)
        pushing = [
            subprocess.Popen(
                [sys.executable, "-m", "tui_registry", "--data-dir", folder, "sync", "hub", "--push"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            for folder in folders
        ]  # fmt: skip
        said = [one.communicate()[0] for one in pushing]
        assert [one.returncode for one in pushing] == [0] * _REPLICAS, said
        assert hub.log.head().size == _REPLICAS * _OPS
