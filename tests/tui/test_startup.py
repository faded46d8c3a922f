"""What the first frame may cost: which modules are loaded once the list is on screen."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.terminal import Terminal
from tests.seeds import NOW
from tests.tui.driving import browse_of, replica, running
from tui_registry.tui.browse.answers import Question
from tui_registry.tui.browse.record_detail import TabLine
from tui_registry.tui.start import Opening

_FIRST_FRAME = """
import asyncio, sys
from tui_registry.datastore import Datastore
from tui_registry.tui import RegistryApp
from tui_registry.tui.browse.record_list import RecordList

async def main():
    with Datastore.open(sys.argv[1]) as datastore:
        app = RegistryApp(datastore)
        async with app.run_test(size=(160, 50), notifications=True) as pilot:
            while app.screen.query_one(RecordList).item is None:
                await pilot.pause()
            print(" ".join(sys.modules))

asyncio.run(main())
"""
_HEAVY = {"pydantic", "btclib_secp256k1", "Crypto", "fastapi", "uvicorn", "httpx", "yaml", "rapidfuzz"}


def test_the_first_frame_with_records_needs_no_heavy_module(tmp_path: Path) -> None:
    with replica(tmp_path, 20):
        pass
    run = subprocess.run(
        [sys.executable, "-c", _FIRST_FRAME, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split())
    assert not loaded & _HEAVY
    assert not {name for name in loaded if name.startswith("tui_registry.tui.register.")}
    assert "tui_registry.tui.register.register_screen" not in loaded


# As `tui-registry` starts, but for the wait for the records: a busy machine may take longer over them.
_START = """
import sys
from tui_registry.tui import start
start._PATIENCE_SECONDS = 60
from tui_registry.__main__ import main
main(["--data-dir", sys.argv[1]])
"""


def test_the_first_frame_that_is_drawn_holds_the_records_and_all_around_them(tmp_path: Path) -> None:
    with replica(tmp_path / "data", 20) as datastore:
        name = datastore.search(limit=1).rows[0].name.encode()
    environment = {**os.environ, "TERM": "xterm-256color", "XDG_CONFIG_HOME": str(tmp_path)}
    with Terminal([sys.executable, "-c", _START, str(tmp_path / "data")], environment, 100, 30) as terminal:
        terminal.wait_for(b"\x1b[30;1H")  # the last line of the first frame
        terminal.wait_for(b"help")
        drawn = terminal.seen
    places = [
        drawn.index(text) for text in (b"1 Browse", b"20 records", b"find by words", b"newest first", b"NAME", name)
    ]
    assert places == sorted(places)
    assert places[-1] < drawn.index(b"\x1b[30;1H")


def test_what_is_shown_first_is_read_without_textual(tmp_path: Path) -> None:
    script = "import sys, tui_registry.tui.start; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "tui_registry.tui.browse.answers" in run.stdout.split()
    assert not {name for name in run.stdout.split() if name.partition(".")[0] in ("textual", "rich")}


def test_the_opening_reads_the_first_window_and_the_facts(tmp_path: Path) -> None:
    with replica(tmp_path, 20) as datastore:
        opening = Opening(datastore, Question("kind:model", True))
        opening._thread.join()
        answer = opening.take()
        assert answer is not None
        assert answer.readings[0].page.rows == datastore.search("kind:model", limit=200).rows
        assert answer.facts is not None
        assert answer.facts.stats == datastore.stats()
        assert answer.understanding.reversible
        assert opening.take() is None


def test_what_the_opening_cannot_read_is_left_to_the_screen(tmp_path: Path) -> None:
    with replica(tmp_path, 20) as datastore:
        opening = Opening(datastore, Question("parms:7b", True))
        opening._thread.join()
        assert opening.take() is None
        opening.close()


def test_the_opening_of_an_empty_replica_makes_no_key(tmp_path: Path) -> None:
    from tui_registry.datastore import Datastore

    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        opening = Opening(datastore, Question("", True))
        opening._thread.join()
        answer = opening.take()
    assert answer is not None
    assert answer.facts is None
    assert not (tmp_path / "identity.key").exists()


async def test_a_query_stands_in_the_search_line_before_its_input_does(tmp_path: Path) -> None:
    from tui_registry.tui.browse.search_bar import SearchBar

    with replica(tmp_path, 20) as datastore:
        async with running(datastore, (160, 50)) as (app, pilot):
            bar = SearchBar("kind:agent")
            await browse_of(app).mount(bar)
            await pilot.pause()
            assert bar.question.query == "kind:agent"
            assert "/ kind:agent" in str(bar.render())
            assert not bar.is_typing


async def test_a_click_on_a_title_turns_the_tab(tmp_path: Path) -> None:
    with replica(tmp_path, 20) as datastore:
        async with running(datastore, (160, 50)) as (app, pilot):
            tabs = app.screen.query_one(TabLine)
            assert tabs.active == "overview"
            await pilot.click(TabLine, offset=(13, 0))
            assert tabs.active == "requirements"
            tabs.turn(-2)
            assert tabs.active == "proof"


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

    assert len(Path(tui_registry.tui.app.__file__).read_text().splitlines()) <= 175
