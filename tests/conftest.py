"""What every test shares: hypothesis without timed assertions, few examples but for the nightly run, the loop, folders
in memory, and a state directory that is nobody's."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.idle import IdleLoop
from tests.laws import NIGHTLY
from tui_registry.settings import STATE_DIR_VARIABLE

settings.register_profile(
    NIGHTLY, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("house", settings.get_profile(NIGHTLY), max_examples=40)
# The same examples for every mutant, and no time spent on shrinking what one breaks.
settings.register_profile(
    "mutation", settings.get_profile(NIGHTLY), derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("house")

# Gone with the process. Its name stands in the environment from the start, for what is set up before any test, such as
# the node of a module.
_STATES = tempfile.TemporaryDirectory(prefix="tui-registry-tests-")
os.environ[STATE_DIR_VARIABLE] = _STATES.name
_NUMBERS = count()

# Every commit of every replica waits for the disk. Where a file system in memory has room, `tmp_path` lies there: what a
# file system has to keep when the power fails is for `tests/crash`.
_MEMORY: Final = Path("/dev/shm")
_ROOM_BYTES: Final = 2 << 30


def pytest_configure() -> None:
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_collection_finish() -> None:
    """Each node of a test describes the same deeds. FastAPI makes 450 schemas for that, which is most of what it costs
    to start a node: they are made once."""
    if "fastapi.routing" in sys.modules:
        from fastapi import routing

        routing.create_model_field = lru_cache(maxsize=None)(routing.create_model_field)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test runs in a loop that knows when it is idle."""
    return {"idle": IdleLoop}


@pytest.fixture(autouse=True)
def state_dir(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where marks are kept, another place for every test; it is made by whoever writes there."""
    place = Path(_STATES.name) / f"{next(_NUMBERS)}"
    monkeypatch.setenv(STATE_DIR_VARIABLE, str(place))
    return place
