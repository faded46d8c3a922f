"""A line on stderr that says how far something is, where stderr is a terminal; nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tui_registry.cli.output import terminal_width
from tui_registry.cli.table import cell_width, fitted
from tui_registry.text import exact

_SECONDS_BETWEEN = 0.1


class StatusLine:
    """One line that is written over; call `clear` before anything else is written."""

    def __init__(self) -> None:
        self._shown = 0
        self._next = 0.0
        self._visible = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Show safe text in place of the former one, some times a second at most."""
        now = time.monotonic()
        if not self._visible or now < self._next:
            return
        self._next = now + _SECONDS_BETWEEN
        text = fitted(text, max(10, terminal_width() - 1))
        width = cell_width(text)
        sys.stderr.write("\r" + text + " " * max(0, self._shown - width))
        sys.stderr.flush()
        self._shown = width

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0


@contextmanager
def progress_bar(doing: str) -> Iterator[Callable[[int, int], None]]:
    """A callback `(done, of)` that shows how far it is."""
    line = StatusLine()

    def show(done: int, of: int) -> None:
        percent = f" {100 * done // of}%" if of else ""
        line.show(f"{doing} {exact(done)} of {exact(of)}{percent}")

    try:
        yield show
    finally:
        line.clear()
