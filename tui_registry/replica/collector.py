"""Python's search for cyclic rubbish, made rare while a bulk of operations is taken in."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Objects that may come before the next search. By default it is 700: a batch of operations, which is all in use and has
# no cycles, would be searched over and over, for an eighth of what storing it costs.
_SELDOM = 100_000

_guard = threading.Lock()
_bulks = 0
_usual = gc.get_threshold()


@contextmanager
def searching_seldom() -> Iterator[None]:
    """Search seldom until the block, and every other such block in the process, has ended."""
    global _bulks, _usual
    with _guard:
        if not _bulks:
            _usual = gc.get_threshold()
            gc.set_threshold(_SELDOM, *_usual[1:])
        _bulks += 1
    try:
        yield
    finally:
        with _guard:
            _bulks -= 1
            if not _bulks:
                gc.set_threshold(*_usual)
