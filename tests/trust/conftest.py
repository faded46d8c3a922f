"""A replica in memory's file system on a clock that stands still, and the peers that it pulls from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import cli as cli, data_dir as data_dir, quick_lock as quick_lock
from tests.replica.replicas import replica
from tests.trust.hostile_replica import fill
from tui_registry.datastore import Datastore


@pytest.fixture
def here() -> Iterator[Datastore]:
    """The replica that everybody tries to spoil."""
    with replica() as opened:
        yield opened


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replica that strangers filled. Whoever writes to it takes a copy."""
    folder = tmp_path_factory.mktemp("hostile") / "data"
    fill(folder)
    return folder
