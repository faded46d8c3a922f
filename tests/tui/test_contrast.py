"""Every theme can be read, on every terminal. All screens: `python -m tests.tui.contrast`, and here with `-m long`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from rich.color import Color as RichColor, ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from tests.tui.contrast import main, ratio, readings, show_colours, wear
from tests.tui.driving import press, replica, running
from tui_registry.settings import THEMES
from tui_registry.tui import RegistryApp
from tui_registry.tui.kit.colours import LEAST_CONTRAST, TERMINALS, ReadableText, on_sure_ground, own_theme, readable

_shades = st.builds(RichColor.from_rgb, *(st.integers(0, 255) for _ in range(3)))


@given(_shades, _shades, st.sampled_from([ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD]))
def test_any_letters_on_any_background_can_be_read(letters: RichColor, behind: RichColor, system: ColorSystem) -> None:
    if system is ColorSystem.STANDARD:
        solid = on_sure_ground(Style(bgcolor=behind)).bgcolor
        assert solid is not None
        behind = solid
    better = readable(letters, behind, LEAST_CONTRAST, system)
    for terminal in TERMINALS[True]:
        shown = [colour.downgrade(system).get_truecolor(terminal) for colour in (better, behind)]
        assert ratio(*shown) >= LEAST_CONTRAST
    assert readable(better, behind, LEAST_CONTRAST, system) is better


@given(st.integers(0, 15), st.none() | st.integers(0, 15), st.booleans(), st.booleans())
def test_the_terminals_own_colours_can_be_read_on_each_other(
    letters: int, behind: int | None, reverse: bool, dark: bool
) -> None:
    pair = [RichColor.from_ansi(letters), RichColor.default() if behind is None else RichColor.from_ansi(behind)]
    style = Style(color=pair[reverse], bgcolor=pair[not reverse], reverse=reverse)
    (made,) = ReadableText(LEAST_CONTRAST, ColorSystem.TRUECOLOR, dark).apply([Segment("x", style)], Color(0, 0, 0))
    assert made.style is not None
    assert made.style.color is not None
    assert made.style.bgcolor is not None
    for terminal in TERMINALS[dark]:
        front, back = made.style.color.get_truecolor(terminal, True), made.style.bgcolor.get_truecolor(terminal, False)
        assert ratio(front, back) >= LEAST_CONTRAST


def test_what_can_be_read_and_what_is_no_text_stays_as_it_is() -> None:
    faint = Style(color=RichColor.from_rgb(40, 40, 40), bgcolor=RichColor.from_rgb(30, 30, 30))
    plain = Style(color=RichColor.from_rgb(220, 220, 220), bgcolor=RichColor.from_rgb(30, 30, 30))
    line = [Segment("\u2502\u2588 ", faint), Segment("words", plain)]
    assert ReadableText(LEAST_CONTRAST, ColorSystem.TRUECOLOR, True).apply(line, Color(0, 0, 0)) == line


async def _measure(app: RegistryApp, themes: tuple[str, ...]) -> None:
    for theme in themes:
        wear(app, theme)
        for reading in readings(app):
            assert reading.part >= 1, (theme, type(app.screen).__name__, reading)


# Those that were the hardest to read; all of them cost a minute.
_SOME = ("gruvbox", "solarized-light", "ansi-light")


async def test_the_list_a_question_and_a_form_can_be_read_whatever_the_theme(
    tmp_path: Path,
) -> None:
    with replica(tmp_path, 6) as datastore:
        async with running(datastore) as (app, pilot):
            await _measure(app, _SOME)
            await press(pilot, "n")
            await _measure(app, _SOME)
            await press(pilot, "m", "tab", *"1.x", "tab")
            await _measure(app, _SOME)


async def test_sixteen_colours_are_the_terminals_own_and_any_other_theme_can_be_read_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLORTERM", "")
    with replica(tmp_path, 3) as datastore:
        async with running(datastore) as (app, _):
            assert app.theme == "ansi-dark"
            await _measure(app, ("ansi-dark", "gruvbox"))


@pytest.mark.parametrize(
    ("told", "theme"), [("", "ansi-dark"), ("15;0", "ansi-dark"), ("0;15", "ansi-light"), ("0;default;7", "ansi-light")]
)
def test_a_terminal_that_says_that_it_is_light_is_met_with_dark_letters(told: str, theme: str) -> None:
    assert own_theme(told) == theme


@pytest.mark.long
@pytest.mark.parametrize("colours", ["all", "256", "16"])
async def test_every_screen_can_be_read_in_every_theme(colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TERM", "COLORTERM", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, "")
    show_colours(colours)
    assert await main(THEMES) == 0
