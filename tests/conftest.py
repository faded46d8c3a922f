"""What every test shares: hypothesis without timed assertions, few examples but for the nightly run, the loop, and
folders in memory."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, settings

from tests.idle import IdleLoop
from tests.laws import NIGHTLY

settings.register_profile(
    NIGHTLY, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("house", settings.get_profile(NIGHTLY), max_examples=40)
# The same examples for every mutant, and no time spent on shrinking what one breaks.
settings.register_profile(
    "mutation", settings.get_profile(NIGHTLY), derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("house")

# Every commit of every replica waits for the disk. Where a file system in memory has room, `tmp_path` lies there: what a
# file system has to keep when the power fails is for `tests/crash`.
_MEMORY: Final = Path("/dev/shm")
_ROOM_BYTES: Final = 2 << 30


def pytest_configure() -> None:
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test runs in a loop that knows when it is idle."""
    return {"idle": IdleLoop}
