"""What every test shares: hypothesis without timed assertions, few examples but for the nightly run, the loop, and a
state directory that is nobody's."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

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

# Also for what is set up before the first test, such as the node of a module.
os.environ[STATE_DIR_VARIABLE] = str(Path(tempfile.gettempdir()) / f"tui-registry-tests-{os.getpid()}")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test runs in a loop that knows when it is idle."""
    return {"idle": IdleLoop}


@pytest.fixture(scope="session")
def _states() -> Iterator[Callable[[], str]]:
    with tempfile.TemporaryDirectory() as folder:
        numbers = count()
        yield lambda: str(Path(folder) / f"{next(numbers)}")


@pytest.fixture(autouse=True)
def state_dir(_states: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where marks are kept, another place for every test; it is made by whoever writes there."""
    place = _states()
    monkeypatch.setenv(STATE_DIR_VARIABLE, place)
    return Path(place)
