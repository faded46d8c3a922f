"""What the tests of the screens share."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """An app is thousands of objects in circles, and the modules below it a million that stay: looking through all of
    them again and again for what can go takes a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
