"""Take the screenshots anew: `python screenshots/take.py` drives the real app on the demo's data and writes SVGs here.

Needs what the tests need (`pip install '.[test]'`).
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from textual.pilot import Pilot  # noqa: E402

from tests.tui.driving import settle  # noqa: E402
from tui_registry.cli.demo import prepared  # noqa: E402
from tui_registry.datastore import Datastore  # noqa: E402
from tui_registry.settings import Settings  # noqa: E402
from tui_registry.tui import RegistryApp  # noqa: E402

SIZE = (132, 36)
# A reader's own monospaced font will do: the pictures ask no foreign host for one.
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)

Steps = Callable[[Pilot[None]], Awaitable[None]]


async def browse(pilot: Pilot[None]) -> None:
    """A search, and the detail of what it found."""
    await pilot.press("/", *"qwen params:<=8b")
    await settle(pilot)
    await pilot.press("enter", "j")


async def register(pilot: Pilot[None]) -> None:
    """A form with two problems."""
    await pilot.press("2")
    await settle(pilot)
    await pilot.press(*"my-llama-finetune", "tab", *["backspace"] * 6, *"1.0", "tab")
    await pilot.press(*["backspace"] * 4, *"apache", "tab", "tab", "tab", *"7.6b", "tab", "tab", *"32k", "tab")


async def sync(pilot: Pilot[None]) -> None:
    """The peers after a pull."""
    await pilot.press("3")
    await settle(pilot)
    await pilot.press("s")
    await settle(pilot)


async def take(datastore: Datastore, name: str, steps: Steps) -> None:
    """Run the steps in a new app, and keep what they come to."""
    app = RegistryApp(datastore, settings=Settings(name="laptop"))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot)
        await steps(pilot)
        await settle(pilot)
        path = HERE / f"{name}.svg"
        path.write_text(_FONTS.sub("", app.export_screenshot(title="tui_registry")), "utf-8")
        print(path.name)


async def main() -> None:
    """Take them all."""
    with prepared() as datastore:
        datastore.add_peer("old-node", "http://127.0.0.1:9")
        await take(datastore, "browse", browse)
        await take(datastore, "register", register)
        await take(datastore, "sync", sync)


if __name__ == "__main__":
    asyncio.run(main())
