"""Take the screenshots anew: `python screenshots/take.py [NAME...]` drives the real app on the demo's data and writes
SVGs here.

Needs what the tests need (`pip install '.[test]'`).
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from scenes import SCENES, Scene, furnish, write_model  # noqa: E402

from tests.tui.driving import settle  # noqa: E402
from tui_registry.cli.demo import prepared  # noqa: E402
from tui_registry.datastore import Datastore  # noqa: E402
from tui_registry.settings import Settings  # noqa: E402
from tui_registry.tui import RegistryApp  # noqa: E402

SIZE = (132, 36)
# What a person sees of their own folders; the pictures show nobody's.
HOME = Path("/home/me")
# A reader's own monospaced font will do: the pictures ask no foreign host for one.
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


_TEXT = re.compile(
    r'<text class="([^"]+)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)" ([^>]*)>'
    r"((?:&#160;)*)(.*?)((?:&#160;)*)</text>"
)
# Of a cell, as Rich draws it.
_CELL = 12.2


def tight(picture: str) -> str:
    """The picture without the spaces around its texts: some programs drop those, and with them what is aligned."""

    def moved(match: re.Match[str]) -> str:
        name, x, y, length, more, before, text, after = match.groups()
        if not text:
            return ""
        left, right = (len(spaces) // len("&#160;") for spaces in (before, after))
        start, width = float(x) + left * _CELL, float(length) - (left + right) * _CELL
        return f'<text class="{name}" x="{start:.5g}" y="{y}" textLength="{width:.5g}" {more}>{text}</text>'

    return _TEXT.sub(moved, picture)


async def take(datastore: Datastore, name: str, scene: Scene) -> None:
    """Play the scene in a new app, and keep what it comes to."""
    app = RegistryApp(datastore, settings=Settings(name="laptop"))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot)
        await scene(pilot)
        await settle(pilot)
        path = HERE / f"{name}.svg"
        path.write_text(tight(_FONTS.sub("", app.export_screenshot(title="tui_registry"))), "utf-8")
        print(path.name)
    for draft in datastore.drafts.all():
        datastore.drafts.drop(draft.key)


async def main(names: list[str]) -> None:
    """Take those of these names, or all."""
    os.environ["XDG_CONFIG_HOME"] = str(HOME / ".config")
    with prepared() as datastore, tempfile.TemporaryDirectory() as folder:
        furnish(datastore)
        write_model(Path(folder))
        os.chdir(folder)
        datastore.data_dir = datastore.key._data_dir = HOME / ".local" / "share" / "tui-registry"
        for name in names or SCENES:
            await take(datastore, name, SCENES[name])
        os.chdir(HERE)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
