"""What the first frame may cost: which modules are loaded once the list is on screen."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.tui.driving import replica

_FIRST_FRAME = """
import asyncio, sys
from tui_registry.datastore import Datastore
from tui_registry.tui import RegistryApp
from tui_registry.tui.widgets.record_list import RecordList

async def main():
    with Datastore.open(sys.argv[1]) as datastore:
        app = RegistryApp(datastore)
        async with app.run_test(size=(160, 50), notifications=True) as pilot:
            while app.screen.query_one(RecordList).row is None:
                await pilot.pause()
            print(" ".join(sys.modules))

asyncio.run(main())
"""
_HEAVY = {"pydantic", "coincurve", "Crypto", "fastapi", "uvicorn", "httpx", "yaml", "rapidfuzz"}


def test_the_first_frame_with_records_needs_no_heavy_module(tmp_path: Path) -> None:
    with replica(tmp_path, 20):
        pass
    run = subprocess.run(
        [sys.executable, "-c", _FIRST_FRAME, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split())
    assert not loaded & _HEAVY
    assert not {name for name in loaded if name.startswith("tui_registry.tui.forms")}
    assert "tui_registry.tui.screens.register" not in loaded


def test_the_screens_know_neither_sqlite_nor_the_network() -> None:
    import tui_registry.tui

    folder = Path(tui_registry.tui.__file__).parent
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] not in ("sqlite3", "httpx", "socket", "urllib"), path


def test_the_app_module_stays_a_table_of_contents() -> None:
    import tui_registry.tui.app

    assert len(Path(tui_registry.tui.app.__file__).read_text().splitlines()) <= 150
