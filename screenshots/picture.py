"""Pictures of the app as SVG: a frame as it stands, or many that play by themselves where a page shows the file.

They need no script, no font and no other host, so a forge shows them as any picture. What successive frames have in
common is drawn once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from rich.cells import cell_len
from textual.app import App

# A cell, in units of the picture: letters of 20 are 12 wide in the fonts of terminals.
WIDE, HIGH = 12, 24
_FONT = 'font:20px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace'
_TITLE_FONT = "font:600 17px system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"
_CAPTION_FONT = "font:600 25px system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"
_BESIDE, _ABOVE, _BELOW, _CAPTION = 10, 38, 10, 56

# As Rich draws a cell.
_RICH_WIDE, _RICH_HIGH = 12.2, 24.4
_RULE = re.compile(r"\.([\w-]+) \{ ([^}]*) \}")
_SVG = "{http://www.w3.org/2000/svg}"
# One space stands within a text; more of them part it, so that what is aligned stays so in every font.
_WORDS = re.compile(r"\S+(?: \S+)*")


@dataclass(frozen=True, slots=True)
class Run:
    """Cells of one row: `text` in a style, or a background where there is no text."""

    row: int
    column: int
    width: int
    style: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a terminal shows at one time.

    Attributes:
        columns, rows: the size of the terminal in cells.
        seconds: how long it is shown, in a picture that plays. caption: what is being done. keys: what was pressed.
    """

    columns: int
    rows: int
    backgrounds: tuple[Run, ...]
    texts: tuple[Run, ...]
    seconds: float = 0
    caption: str = ""
    keys: str = ""


def frame(app: App[None], seconds: float = 0, caption: str = "", keys: str = "") -> Frame:
    """What the app shows now."""
    root = ElementTree.fromstring(app.export_screenshot(simplify=True))  # noqa: S314 - our own picture
    sheet = root.findtext(f"{_SVG}style") or ""
    styles = {name: _short(rule) for name, rule in _RULE.findall(sheet)}
    columns, rows = app.size
    backgrounds: list[Run] = []
    texts: list[Run] = []
    for rect in root.iterfind(f".//{_SVG}g/{_SVG}rect"):
        left, width = _cells(rect, "x"), _cells(rect, "width")
        row = round((float(rect.get("y", 0)) - 1.5) / _RICH_HIGH)
        backgrounds.append(Run(row, left, width, rect.get("fill", "")))
    for element in root.iter(f"{_SVG}text"):
        name = element.get("class", "")
        written = (element.text or "").replace("\xa0", " ")
        if name not in styles or not written.strip():
            continue
        row = round((float(element.get("y", 0)) - 20) / _RICH_HIGH)
        for words in _WORDS.finditer(written):
            column = _cells(element, "x") + cell_len(written[: words.start()])
            texts.append(Run(row, column, cell_len(words[0]), styles[name], words[0]))
    return Frame(columns, rows, tuple(_joined(backgrounds)), tuple(texts), seconds, caption, keys)


def still(shown: Frame, *, light: bool = False) -> str:
    """One frame in a window."""
    styles = _names(run.style for run in shown.texts)
    ground = _ground([shown])
    body = _paths(run for run in shown.backgrounds if run.style != ground) + _letters(shown.texts, styles)
    return _window(shown, ground, _sheet(styles), body, 0, light=light)


def moving(frames: Sequence[Frame], best: int) -> str:
    """The frames one after the other, over and over, with their captions and keys below.

    Args:
        best: the frame that is shown where nothing moves: by a program that does not play, or to a person who asked
            their system for less motion.
    """
    whole = sum(shown.seconds for shown in frames)
    starts = [sum(shown.seconds for shown in frames[:number]) / whole * 100 for number in range(len(frames))]
    ground = _ground(frames)
    when: dict[Run, list[int]] = {}
    for number, shown in enumerate(frames):
        for run in (*(run for run in shown.backgrounds if run.style != ground), *shown.texts):
            when.setdefault(run, []).append(number)
    styles = _names(run.style for run in when if run.text)
    classes: dict[tuple[int, ...], str] = {}
    named = count()
    for at in map(tuple, when.values()):
        if len(at) < len(frames) and at not in classes:
            classes[at] = f"f{next(named)}"
    captions = _times((shown.caption for shown in frames), classes, named)
    keys = _times((shown.keys for shown in frames), classes, named)
    together = _by_time(when)
    # Letters after all backgrounds: those of one time would cover letters of another.
    body = "".join(_grouped(classes.get(at, ""), _paths(run for run in runs if not run.text)) for at, runs in together)
    body += "".join(
        _grouped(classes.get(at, ""), _letters((run for run in runs if run.text), styles)) for at, runs in together
    )
    bottom = frames[0].rows * HIGH + 35
    right = frames[0].columns * WIDE
    for at, caption in captions:
        body += _grouped(classes.get(at, ""), f'<text class="c" x="4" y="{bottom}">{escape(caption)}</text>')
    for at, pressed in keys:
        if pressed:
            wide = len(pressed) * WIDE + 24
            cap = f'<rect class="k" x="{right - wide}" y="{bottom - 27}" width="{wide}" height="36" rx="7"/>'
            word = f'<text class="w" x="{right - wide // 2}" y="{bottom - 2}">{escape(pressed)}</text>'
            body += _grouped(classes.get(at, ""), cap + word)
    hidden = ",".join(f".{name}" for at, name in classes.items() if best not in at)
    plays = "".join(
        f".{name}{{animation:{name} {whole:g}s step-end infinite}}@keyframes {name}{{{_keyframes(at, starts)}}}"
        for at, name in classes.items()
    )
    sheet = (
        f"{_sheet(styles)}.c{{{_CAPTION_FONT};fill:#fff}}.k{{fill:#3d3d3d;stroke:#777}}"
        f".w{{fill:#ffc473;text-anchor:middle}}{hidden}{{visibility:hidden}}"
        f"@media (prefers-reduced-motion:no-preference){{{plays}}}"
    )
    return _window(frames[0], ground, sheet, body, _CAPTION, light=False)


# How


def _cells(element: ElementTree.Element, name: str) -> int:
    return round(float(element.get(name, 0)) / _RICH_WIDE)


def _short(rule: str) -> str:
    """A rule of Rich's without its spaces."""
    return re.sub(r"\s*([:;])\s*", r"\1", rule).strip("; ")


def _joined(runs: Iterable[Run]) -> Iterable[Run]:
    """The same backgrounds, neighbours of one colour as one; a terminal has a colour behind each cell."""
    for (row, style), same in groupby(runs, lambda run: (run.row, run.style)):
        each = list(same)
        yield Run(row, each[0].column, sum(run.width for run in each), style)


def _ground(frames: Iterable[Frame]) -> str:
    """The colour behind most cells, which is drawn once."""
    areas: Counter[str] = Counter()
    for shown in frames:
        for run in shown.backgrounds:
            areas[run.style] += run.width
    return areas.most_common(1)[0][0]


def _names(styles: Iterable[str]) -> dict[str, str]:
    return {style: f"s{number}" for number, style in enumerate(dict.fromkeys(styles))}


def _sheet(styles: Mapping[str, str]) -> str:
    # Of each text for itself: not all programs let a group's underline go on to its texts.
    return "".join(f".{name}>text{{{style}}}" for style, name in styles.items())


def _paths(runs: Iterable[Run]) -> str:
    """The backgrounds, one path to a colour."""
    drawn: dict[str, str] = {}
    for run in runs:
        step = f"M{run.column * WIDE} {run.row * HIGH}h{run.width * WIDE}v{HIGH}h-{run.width * WIDE}z"
        drawn[run.style] = drawn.get(run.style, "") + step
    return "".join(f'<path fill="{colour}" d="{steps}"/>' for colour, steps in drawn.items())


def _letters(runs: Iterable[Run], styles: Mapping[str, str]) -> str:
    """The texts, those of one style together."""
    drawn: dict[str, str] = {}
    for run in runs:
        x, y = run.column * WIDE, run.row * HIGH + 18
        words = f'<text x="{x}" y="{y}" textLength="{run.width * WIDE}">{escape(run.text)}</text>'
        drawn[run.style] = drawn.get(run.style, "") + words
    return "".join(f'<g class="{styles[style]}">{words}</g>' for style, words in drawn.items())


def _by_time(when: Mapping[Run, Sequence[int]]) -> list[tuple[tuple[int, ...], list[Run]]]:
    """What is shown in the same frames."""
    found: dict[tuple[int, ...], list[Run]] = {}
    for run, at in when.items():
        found.setdefault(tuple(at), []).append(run)
    return list(found.items())


def _times(
    words: Iterable[str], classes: dict[tuple[int, ...], str], named: Iterable[int]
) -> list[tuple[tuple[int, ...], str]]:
    """When each of the words is shown; times that had no class get one."""
    names = iter(named)
    when: dict[str, list[int]] = {}
    for number, said in enumerate(words):
        when.setdefault(said, []).append(number)
    found = [(tuple(at), said) for said, at in when.items()]
    for at, _ in found:
        if at not in classes:
            classes[at] = f"f{next(names)}"
    return found


def _grouped(name: str, drawn: str) -> str:
    return f'<g class="{name}">{drawn}</g>' if name and drawn else drawn


def _keyframes(at: Sequence[int], starts: Sequence[float]) -> str:
    """When something is to be seen: at each change, until the next."""
    steps = ""
    before: bool | None = None
    for number, start in enumerate(starts):
        seen = number in at
        if seen is not before:
            steps += f"{start:.4g}%{{visibility:{'visible' if seen else 'hidden'}}}"
        before = seen
    return steps


def _window(shown: Frame, ground: str, sheet: str, body: str, below: int, *, light: bool) -> str:
    """The window of a terminal around what was drawn."""
    wide, high = shown.columns * WIDE + 2 * _BESIDE, shown.rows * HIGH + _ABOVE + _BELOW + below
    frame_colour, edge, title = ("#e4e4e4", "#b8b8b8", "#444") if light else ("#292929", "#4a4a4a", "#c5c8c6")
    dots = "".join(
        f'<circle cx="{22 + 22 * number}" cy="19" r="7" fill="{colour}"/>'
        for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return (
        f'<svg viewBox="0 0 {wide} {high}" xmlns="http://www.w3.org/2000/svg">\n'
        f"<style>svg{{{_FONT}}}.t{{{_TITLE_FONT};fill:{title};text-anchor:middle}}{sheet}</style>\n"
        f'<rect x=".5" y=".5" width="{wide - 1}" height="{high - 1}" rx="8" fill="{frame_colour}" stroke="{edge}"/>'
        f'{dots}<text class="t" x="{wide // 2}" y="25">tui_registry</text>\n'
        f'<g transform="translate({_BESIDE} {_ABOVE})">'
        f'<rect width="{shown.columns * WIDE}" height="{shown.rows * HIGH}" fill="{ground}"/>\n'
        f"{body}</g>\n</svg>\n"
    )
