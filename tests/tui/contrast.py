"""How well every screen can be read in every theme: `python -m tests.tui.contrast [--colours 16|256] [THEME...]` prints
a table, as it is on a terminal of all colours, or of so many.

The walk of `test_hostile` goes by every screen and every widget. At each that is new it stands still and turns the app
through the themes; the figure is the lowest contrast of any text on the screen, as WCAG 2.2 measures it (1.4.3), of the
colours that reach the terminal. Lines and bars are no text.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.color import Color as RichColor, ColorSystem
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.screen import ModalScreen

from tests.idle import IdleLoop
from tests.tui.driving import replica, running
from tests.tui.hostile import Looker, fill
from tui_registry.settings import THEMES
from tui_registry.tui import RegistryApp
from tui_registry.tui.kit.colours import TERMINALS, colours_of

# Of text, and of what cannot be used now: what is disabled or lies under a dialog.
LEAST, LEAST_INACTIVE = 4.5, 3.0


class Reading(NamedTuple):
    """The text of a screen that is the hardest to read, by what it has to reach."""

    ratio: float
    least: float
    text: str
    foreground: str
    background: str

    @property
    def part(self) -> float:
        """Of what it has to reach; less than 1 is too little."""
        return self.ratio / self.least


def luminance(red: int, green: int, blue: int) -> float:
    """WCAG 2.2, relative luminance."""
    parts = (value / 255 for value in (red, green, blue))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """WCAG 2.2, contrast ratio."""
    low, high = sorted((luminance(*one), luminance(*other)))
    return (high + 0.05) / (low + 0.05)


# Frames, bars and blocks; and emoji, which have colours of their own.
_NO_TEXT = re.compile(r"[\s\u2500-\u259f\u2800-\u28ff\u200d\ufe0f\U0001f000-\U0001faff]*")


def is_text(text: str) -> bool:
    """Whether anything in it is read."""
    return _NO_TEXT.fullmatch(text) is None


def readings(app: RegistryApp) -> Iterator[Reading]:
    """What is on the screen."""
    terminals, system = TERMINALS[app.current_theme.dark], colours_of(app.console.color_system)
    for y, strip in enumerate(app.screen._compositor.render_strips(app.size)):
        x = 0
        for segment in strip:
            if is_text(segment.text):
                least = LEAST_INACTIVE if _is_inactive(app, x, y) else LEAST
                for terminal in terminals if system is ColorSystem.STANDARD or app.native_ansi_color else terminals[:1]:
                    yield _reading(segment, least, terminal, system)
            x += segment.cell_length


def _reading(segment: Segment, least: float, terminal: TerminalTheme, system: ColorSystem) -> Reading:
    style = segment.style or Style()
    front, back = (colour or RichColor.default() for colour in (style.color, style.bgcolor))
    foreground = front.downgrade(system).get_truecolor(terminal, foreground=True)
    background = back.downgrade(system).get_truecolor(terminal, foreground=False)
    if style.reverse:
        foreground, background = background, foreground
    if style.dim:  # as Textual draws it where it knows the colours
        foreground = type(foreground)(*((one + other) // 2 for one, other in zip(foreground, background, strict=True)))
    return Reading(ratio(foreground, background), least, segment.text.strip(), foreground.hex, background.hex)


def _is_inactive(app: RegistryApp, x: int, y: int) -> bool:
    widget, _ = app.screen.get_widget_at(x, y)
    return widget.is_disabled if not isinstance(widget, ModalScreen) else True


class ContrastLooker(Looker):
    """Looks, and measures what it has not yet seen in all of the themes."""

    def __init__(self, themes: Sequence[str]) -> None:
        super().__init__()
        self.worst: dict[tuple[str, str], Reading] = {}
        self._themes = themes
        self._seen: set[tuple[str, type]] = set()

    def look(self, app: RegistryApp) -> None:
        super().look(app)
        name = type(app.screen).__name__
        shown = {(name, type(widget)) for widget in app.screen.walk_children() if widget.display}
        shown.add((name, type(app.focused)))
        if shown <= self._seen:
            return
        self._seen |= shown
        before = app.theme
        for theme in self._themes:
            wear(app, theme)
            key = name, theme
            found = [*readings(app), *([self.worst[key]] if key in self.worst else [])]
            if found:
                self.worst[key] = min(found, key=lambda reading: reading.part)
        wear(app, before)


def wear(app: RegistryApp, theme: str) -> None:
    """Put on another theme, at once."""
    app.theme = theme
    app.refresh_css(animate=False)
    app.stylesheet.update(app.screen)


def table(worst: dict[tuple[str, str], Reading], themes: Sequence[str]) -> Iterable[str]:
    """A line for each screen: the lowest contrast in each theme, `*` where that is too little."""
    screens = sorted({screen for screen, _ in worst})
    for place, theme in enumerate(themes, start=1):
        low = min((worst[screen, theme] for screen in screens), key=lambda reading: reading.part)
        yield (
            f"{place:2} {theme:22} {low.ratio:5.2f}{' ' if low.part >= 1 else '*'} of {low.least}  "
            f"{low.foreground} on {low.background} {low.text[:40]!r}"
        )
    yield ""
    yield " " * 20 + "".join(f"{place:6}" for place in range(1, len(themes) + 1))
    for screen in screens:
        cells = [worst[screen, theme] for theme in themes]
        yield f"{screen:20}" + "".join(f"{cell.ratio:5.2f}{' ' if cell.part >= 1 else '*'}" for cell in cells)
    few = [(*key, reading) for key, reading in sorted(worst.items()) if reading.part < 1]
    yield ""
    for screen, theme, low in few:
        colours = f"{low.foreground} on {low.background}"
        yield f"{screen:20} {theme:20} {low.ratio:5.2f} of {low.least}, {colours}: {low.text[:40]!r}"
    yield f"{len(worst)} screens in themes, {len(few)} with text that is hard to read"


async def main(themes: Sequence[str]) -> int:
    """Print the table; 1 where some text is hard to read."""
    from tests.tui.test_hostile import VISITS

    looker = ContrastLooker(themes)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        fill(Path(folder, "data"))
        for visit, size, _ in VISITS:
            with replica(Path(folder, "data")) as datastore:
                async with running(datastore, size) as (app, pilot):
                    await visit(app, pilot, looker)
    sys.stdout.write("\n".join(table(looker.worst, themes)) + "\n")
    return int(any(reading.part < 1 for reading in looker.worst.values()))


def show_colours(colours: str) -> None:
    """Let the app have a terminal of so many colours."""
    os.environ["TERM"], os.environ["COLORTERM"] = {
        "16": ("xterm", ""), "256": ("xterm-256color", ""), "all": ("xterm-256color", "truecolor"),
    }[colours]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--colours", choices=("16", "256", "all"), default="all")
    parser.add_argument("themes", nargs="*")
    options = parser.parse_args()
    show_colours(options.colours)
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        sys.exit(runner.run(main(options.themes or THEMES)))
