"""Replicas for the tests of sync, each in a directory of its own, on a frozen clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sync.logs import T0
from tui_registry.datastore import Datastore

Open = Callable[[str], Datastore]


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Open]:
    """Opens replicas by name; the same name is the same directory."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(Datastore.open(tmp_path / name, clock=lambda: T0 + 1000))


@pytest.fixture
def here(replica: Open) -> Datastore:
    """The replica that pulls."""
    return replica("here")
