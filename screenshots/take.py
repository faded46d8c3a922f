"""Take the screenshots anew: `python screenshots/take.py [NAME...]` drives the real app on the demo's data and writes
SVGs here: all, or those of these names. `tour` is the one that moves.

Needs what the tests need (`pip install '.[test]'`).
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from textual.pilot import Pilot

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from picture import Frame, frame, moving, still  # noqa: E402
from scenes import BEST, HOME, LIGHT, SCENES, SIZES, furnish, tour, write_model  # noqa: E402

from tests.tui.driving import settle  # noqa: E402
from tui_registry.cli.demo import prepared  # noqa: E402
from tui_registry.settings import Settings  # noqa: E402
from tui_registry.tui import RegistryApp  # noqa: E402

SIZE = (132, 34)


async def play(scene: Callable[[Pilot[None]], Awaitable[None]], size: tuple[int, int]) -> tuple[Frame, Frame]:
    """Play the scene in a new app on new data, and give what it comes to: in dark colours, and in light ones."""
    with prepared() as datastore, tempfile.TemporaryDirectory() as folder, furnish(datastore, Path(folder)):
        write_model(Path(folder))
        os.chdir(folder)
        app = RegistryApp(datastore, settings=Settings(name="laptop"))
        # They show what somebody sees who has records of their own.
        (datastore.data_dir / "this-is-sample-data").unlink()
        async with app.run_test(size=size, notifications=True) as pilot:
            await settle(pilot)
            await scene(pilot)
            await settle(pilot)
            dark = frame(app)
            app.theme = "textual-light"
            await settle(pilot)
            light = frame(app)
            os.chdir(HERE)
    return dark, light


async def take(name: str) -> None:
    """Write the pictures of that name."""
    if name == "tour":
        frames: list[Frame] = []
        await play(partial(tour, frames=frames), SIZES[name])
        best = next(number for number, shown in enumerate(frames) if shown.caption.startswith(BEST))
        _write(name, moving(frames, best))
        return
    dark, light = await play(SCENES[name], SIZES.get(name, SIZE))
    _write(name, still(dark))
    if name in LIGHT:
        _write(f"{name}-light", still(light, light=True))


def _write(name: str, picture: str) -> None:
    path = HERE / f"{name}.svg"
    path.write_text(picture, "utf-8")
    print(f"{path.name}, {len(picture.encode()) // 1000} kB")


async def main(names: list[str]) -> None:
    """Take those of these names, or all."""
    os.environ["XDG_CONFIG_HOME"] = str(HOME / ".config")
    for name in names or (*SCENES, "tour"):
        await take(name)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
