"""A replica on a clock that the test moves by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.seeds import NOW
from tui_registry.datastore import Datastore


class Clock:
    """Unix seconds; stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def datastore(tmp_path: Path, clock: Clock) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "replica", clock=clock) as opened:
        yield opened
