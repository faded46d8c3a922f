"""Colours that can be read, in every theme and on every terminal.

Themes choose colours that look well together, and many of them are hard to read where they meet: pale letters on the
bright row of a cursor, greyed words on grey. No list of exceptions keeps up with themes, and people write their own. So
the last thing that is done to each line before it is drawn is to look at its letters: those that do not stand out from
what is behind them are moved towards white or black, as little as makes them. What can be read stays as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from rich.color import Color as RichColor, ColorSystem, ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.filter import LineFilter

# WCAG 2.2, 1.4.3: of text, and here of what cannot be used now, such as what lies under a dialog.
LEAST_CONTRAST: Final = 4.5
LEAST_INACTIVE: Final = 3.0

_BLACK, _WHITE = RichColor.from_rgb(0, 0, 0), RichColor.from_rgb(255, 255, 255)
_STEPS: Final = 20
# Frames, bars and blocks are drawn with letters too, and nobody reads them.
_LETTER: Final = re.compile(r"[^\s\u2500-\u259f\u2800-\u28ff]")
# What the console of Linux and xterm make of the 16 colours that a terminal calls its own.
_SIXTEEN: Final = (
    (
        (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170),
        (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
        (255, 255, 255),
    ),
    (
        (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
        (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
        (255, 255, 255),
    ),
)  # fmt: skip
# The same terminals, dark and light.
TERMINALS: Final = {
    True: [TerminalTheme(own[0], own[7], list(own[:8]), list(own[8:])) for own in _SIXTEEN],
    False: [TerminalTheme(own[15], own[0], list(own[:8]), list(own[8:])) for own in _SIXTEEN],
}
_DEFAULT: Final = RichColor.default()
_ENDS: Final = (_DEFAULT, RichColor.from_ansi(0), RichColor.from_ansi(15))
_SYSTEMS: Final = {"standard": ColorSystem.STANDARD, "256": ColorSystem.EIGHT_BIT}


def contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    """How far two colours stand apart, from 1 to 21: WCAG 2.2, contrast ratio."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def colours_of(color_system: str | None) -> ColorSystem:
    """What a terminal can show, by what Rich calls that; all colours where it is not known."""
    return _SYSTEMS.get(color_system or "", ColorSystem.TRUECOLOR)


def own_theme(told: str) -> str:
    """The theme of the terminal's own colours, by what some terminals tell of those in `$COLORFGBG`: `15;0`."""
    return "ansi-light" if told.rpartition(";")[2] in ("7", "15") else "ansi-dark"


def readable(
    colour: RichColor, background: RichColor, least: float, system: ColorSystem = ColorSystem.TRUECOLOR
) -> RichColor:
    """The colour nearest to this one that reaches the contrast on that background.

    Args:
        least: the contrast to reach, at most 4.5; white or black reach that on any background but some of 16
            colours, see `on_sure_ground`.
        system: what the terminal can show; both colours are met as it shows them.
    """

    def reached(colour: RichColor) -> float:
        return min(map(contrast, _shown(colour, system), behind))

    behind = _shown(background, system)
    if reached(colour) >= least:
        return colour
    start = colour.get_truecolor()
    # Where both would do, a light colour stays light.
    ends = sorted((_WHITE, _BLACK), key=lambda end: contrast(start, end.get_truecolor()))
    end = next((end for end in ends if reached(end) >= least), max(ends, key=reached))
    for step in range(1, _STEPS):
        moved = RichColor.from_triplet(
            ColorTriplet(*(round(a + (b - a) * step / _STEPS) for a, b in zip(start, end.get_truecolor(), strict=True)))
        )
        if reached(moved) >= least:
            return moved
    return end


class ReadableText(LineFilter):
    """Lets every letter that is drawn reach a contrast to what is behind it."""

    def __init__(self, least: float, system: ColorSystem, dark: bool) -> None:
        """
        Args:
            least: as in `readable`.
            system: what the terminal can show.
            dark: whether the theme is one for a dark terminal; it counts where the colours are the terminal's own.
        """
        super().__init__()
        self._meant = least, system, dark
        self._has_few = system is ColorSystem.STANDARD

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        made = []
        for segment in segments:
            text, style, control = segment
            if style is not None and not control:
                if self._has_few or _is_own(style):
                    style = on_sure_ground(style)
                    segment = Segment(text, style)
                better = _readable_style(style, background, *self._meant)
                if better is not style and _LETTER.search(text) is not None:
                    segment = Segment(text, better)
            made.append(segment)
        return made


@lru_cache(4096)
def _readable_style(style: Style, under: Color, least: float, system: ColorSystem, dark: bool) -> Style:
    """The style itself where its letters can be read."""
    front, back = style.color or _DEFAULT, style.bgcolor or under.rich_color
    if style.reverse:
        front, back = back, front
    is_own = front.triplet is None or back.triplet is None
    better = (
        _readable_own(front, back, least, dark, bool(style.reverse)) if is_own else readable(front, back, least, system)
    )
    if better is not front:
        style += Style(bgcolor=better) if style.reverse else Style(color=better)
    # How dark a terminal makes that is not known.
    return style + Style(dim=False) if is_own and style.dim else style


def _readable_own(front: RichColor, back: RichColor, least: float, dark: bool, reverse: bool) -> RichColor:
    """The same of the terminal's own colours: its lighter or darker shade, or else what it usually writes in."""

    def reached(colour: RichColor) -> float:
        return min(
            contrast(colour.get_truecolor(own, not reverse), back.get_truecolor(own, reverse))
            for own in TERMINALS[dark]
        )

    twin = () if front.number is None or front.number > 15 else (RichColor.from_ansi(front.number ^ 8),)
    choices = (front, *twin, *_ENDS)
    best: RichColor = max(choices, key=reached)
    return next((colour for colour in choices if reached(colour) >= least), best)


def _shown(colour: RichColor, system: ColorSystem) -> list[ColorTriplet]:
    """What terminals make of a colour."""
    terminals = TERMINALS[True] if system is ColorSystem.STANDARD else TERMINALS[True][:1]
    return [colour.downgrade(system).get_truecolor(terminal) for terminal in terminals]


@lru_cache(4096)
def on_sure_ground(style: Style) -> Style:
    """A style for a terminal of 16 colours. On some of them, such as its grey and its brown, neither white nor black
    can be read on every terminal: what would lie on one lies on black."""
    back = style.color if style.reverse else style.bgcolor
    if back is None or back.is_default or _is_sure(back.downgrade(ColorSystem.STANDARD)):
        return style
    # Of the terminal's own colours the one that it writes on.
    ground = _DEFAULT if back.triplet is None else _BLACK
    return style + (Style(color=ground) if style.reverse else Style(bgcolor=ground))


def _is_own(style: Style) -> bool:
    """Whether it lies on one of the terminal's own 16 colours."""
    back = style.color if style.reverse else style.bgcolor
    return back is not None and back.type is ColorType.STANDARD


@lru_cache(16)
def _is_sure(back: RichColor) -> bool:
    behind = _shown(back, ColorSystem.STANDARD)
    return any(
        min(map(contrast, _shown(end, ColorSystem.STANDARD), behind)) >= LEAST_CONTRAST for end in (_WHITE, _BLACK)
    )


@lru_cache(4096)
def _luminance(colour: ColorTriplet) -> float:
    """WCAG 2.2, relative luminance."""
    parts = (value / 255 for value in colour)
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
