"""What every test shares: hypothesis without timed assertions, few examples but for the nightly run, and the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

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


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test runs in a loop that knows when it is idle."""
    return {"idle": IdleLoop}
