"""The pictures of README: they are drawn of what the app shows, and play without anything from elsewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

SCREENSHOTS = Path(__file__).parent.parent / "screenshots"
sys.path.append(str(SCREENSHOTS))
picture = pytest.importorskip("picture", reason="the pictures' script comes with a clone")

PICTURES = sorted(SCREENSHOTS.glob("*.svg"))
# A forge shows no picture that is larger than this, or shows it late.
MOST_BYTES = 1_000_000


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_small_and_needs_nothing_from_elsewhere(path: Path) -> None:
    drawn = path.read_text("utf-8")
    assert len(drawn.encode()) < MOST_BYTES
    root = ElementTree.fromstring(drawn)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names <= {"svg", "style", "g", "rect", "path", "text", "circle"}
    assert "url(" not in drawn
    assert "@import" not in drawn
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not [name for name in attributes if "href" in name or name.startswith("on")]


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_shows_nobody_s_folders(path: Path) -> None:
    assert re.findall(r"/(?:tmp|work|root|Users|private)/|/home/(?!me/)", path.read_text("utf-8")) == []


def test_the_tour_has_all_its_acts_and_stands_still_where_that_was_asked_for() -> None:
    drawn = (SCREENSHOTS / "tour.svg").read_text("utf-8")
    for act in ("1. Import", "2. Search", "3. Does it run here", "4. Pull", "5. Changed on two machines"):
        assert act in drawn
    before, _, playing = drawn.partition("@media (prefers-reduced-motion:no-preference){")
    assert "animation:" not in before
    assert "animation:" in playing


class Words(App[None]):
    """Two lines; the second one changes."""

    def compose(self) -> ComposeResult:
        yield Static("the same  <always>", markup=False)
        yield Static("first", id="line")


async def test_what_frames_have_in_common_is_drawn_once() -> None:
    app = Words()
    async with app.run_test(size=(40, 4)) as pilot:
        frames = [picture.frame(app, 1, "one", "a")]
        app.query_one("#line", Static).update("second")
        await pilot.pause()
        frames.append(picture.frame(app, 3, "two", "b"))
    drawn = picture.moving(frames, best=1)
    texts = [element.text for element in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(filter(None, texts)) == sorted(
        ["tui_registry", "the same", "<always>", "first", "second", "one", "two", "a", "b"]
    )
    # The first frame is seen for a quarter of the time; where nothing plays, the second is.
    (first,) = re.findall(
        r"\.(f\d+)\{animation:\1 4s step-end infinite\}@keyframes \1\{0%\{visibility:visible\}25%", drawn
    )
    assert re.findall(r"([.\w,]+)\{visibility:hidden\}@media", drawn) == [f".{first}"]
    assert "animation" not in picture.still(frames[0])
