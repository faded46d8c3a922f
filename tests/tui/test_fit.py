"""Whether a record runs here, where records are shown: a column, a tab with the formula, other machines' eyes."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from tests.seeds import make_record
from tests.tui.driving import NARROW, WIDE, browse_of, list_of, press, replica, running, screen_text, settle, status
from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.fit import GB, Gpu, Machine
from tui_registry.records.schema import defaults
from tui_registry.settings import Settings
from tui_registry.tui.browse.record_detail import RecordDetail
from tui_registry.tui.browse.search_bar import SearchBar

HERE = Machine("this machine", (Gpu("a card", 12 * GB),), 16 * GB, notes=("cards of AMD could not be told",))
ROOMY = (220, 60)


def fill(datastore: Datastore) -> None:
    """A model in two forms, one that is too large, one that says nothing, and an agent that prefers the first two."""
    files: Json = [
        {"uri": f"hf://o/m/m.{name}.gguf", "media_type": "", "sha256": "0" * 64, "size_bytes": size,
         "quantization": "GGUF"}
        for name, size in (("Q4_K_M", 5 * GB), ("Q8_0", 9 * GB))
    ]  # fmt: skip
    shape: Json = {
        "layers": 32, "kv_heads": 8, "head_dim": 128, "experts": None, "active_parameters": None,
        "kv_token_bytes": None, "kv_constant_bytes": None,
    }  # fmt: skip
    manifest = {**defaults("manifest"), "artifacts": files, "architecture": shape}
    small = datastore.add("model", make_record("model", "small"), manifest=manifest).key
    large = datastore.add("model", make_record("model", "large", parameters=405 * GB)).key
    datastore.add("model", make_record("model", "bare", parameters=0))
    datastore.add("agent", make_record("agent", "crew", preferred_models=[large, small]))


def fits(text: str) -> dict[str, str]:
    """The FIT column of what is on the screen, by name."""
    lines = text.splitlines()
    head = next(line for line in lines if " FIT " in line)
    place = head.index("FIT")
    names = ("small", "large", "bare", "crew")
    return {name: line[place : place + 6].strip() for line in lines for name in names if f" {name} " in line[:40]}


async def test_a_column_says_what_runs_once_the_machine_is_known(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        datastore.machine = lambda: HERE
        async with running(datastore, ROOMY) as (app, pilot):
            assert fits(screen_text(app)) == {"small": "runs", "large": "no", "bare": "?", "crew": "-"}
            app.machine = None
            await settle(pilot)
            assert fits(screen_text(app)) == {"small": "", "large": "", "bare": "", "crew": "-"}
        async with running(datastore, NARROW) as (app, _):
            assert " FIT " not in screen_text(app)


async def test_the_first_frame_does_not_wait_for_a_tool_that_hangs(tmp_path: Path) -> None:
    answered = threading.Event()

    def told() -> Machine:
        answered.wait(30)
        return HERE

    with replica(tmp_path) as datastore:
        fill(datastore)
        datastore.machine = told
        from tui_registry.tui import RegistryApp

        app = RegistryApp(datastore, settings=Settings(name="test"))
        async with app.run_test(size=ROOMY) as pilot:
            await pilot.pause()
            for _ in range(100):
                if "small" in screen_text(app):
                    break
                await asyncio.sleep(0)
            assert fits(screen_text(app))["small"] == ""
            answered.set()
            await settle(pilot)
            assert fits(screen_text(app))["small"] == "runs"


async def test_a_tab_shows_the_formula_with_every_input_and_bars(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        datastore.machine = lambda: HERE
        async with running(datastore, NARROW, "name:=small") as (app, pilot):
            await press(pilot, "enter", "right", "right")
            shown = screen_text(app)
            assert "Runs on one GPU: needs 10.5 GB, 11.5 GB are there" in shown
            assert "Needed by Q8_0, m.Q8_0.gguf, an estimate" in shown
            assert "9.0 GB  ██████" in shown
            assert "2 × 32 layers × 8 heads × 128 numbers × 2 bytes × 8,192 tokens" in shown
            await press(pilot, "G")
            shown = screen_text(app)
            assert "an upper bound" in shown
            assert "Q4_K_M, m.Q4_K_M.gguf: runs on one GPU" in shown
            assert "12.0 GB, less 500 MB for the system" in shown
            assert "! cards of AMD could not be told" in shown


async def test_an_agents_tab_says_which_of_its_models_fits(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        datastore.machine = lambda: HERE
        async with running(datastore, WIDE, "name:=crew") as (app, pilot):
            await press(pilot, "right", "right")
            shown = " ".join(screen_text(app).split())
            assert "Fits with small as Q8_0, which runs on" in shown
            assert "large: does not run" in shown


async def test_a_key_looks_with_the_eyes_of_another_machine(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        datastore.machine = lambda: HERE
        async with running(datastore, ROOMY) as (app, pilot):
            app.settings = Settings(name="test", machines=(("big", "gpu=8x192gb"), ("broken", "gpu=lots")))
            browse_of(app).query_one(SearchBar).ask("fit:runs")
            await settle(pilot)
            assert list_of(app).total == 1
            await press(pilot, "m")
            assert "8x192gb" in screen_text(app)
            await press(pilot, "1")
            assert "seen with the eyes of big: 8 GPUs of 192 GB" in status(app)
            assert list_of(app).total == 2
            assert fits(screen_text(app)) == {"small": "runs", "large": "runs"}
            await press(pilot, "m", "2")
            assert "[machines] broken in the settings" in status(app)
            await press(pilot, "m", "=", *"gpu", "enter")
            assert "says nothing of a machine" in screen_text(app)
            await press(pilot, *"=4gb", "enter")
            assert "gpu=4gb: a GPU of 4.0 GB" in status(app)
            assert list_of(app).total == 0
            await press(pilot, "m", "h")
            assert "seen with the eyes of this machine" in status(app)
            assert list_of(app).total == 1


async def test_a_machine_that_was_made_up_is_saved_and_the_context_is_changed(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        datastore.machine = lambda: HERE
        async with running(datastore, ROOMY, "name:=small") as (app, pilot):
            app.settings_file = tmp_path / "settings.toml"
            await press(pilot, "m", "=", *"gpu=4gb", "enter", "m", "s", *"two words", "enter")
            assert "a machine's name has" in status(app)
            await press(pilot, "m", "s", *"tiny", "enter")
            assert dict(app.settings.machines) == {"tiny": "gpu=4gb"}
            assert "gpu=4gb" in app.settings_file.read_text()
            await press(pilot, "right", "right", "m", "c", *"none", "enter")
            assert "How many tokens" in screen_text(app)
            await press(pilot, *["backspace"] * 4, *"32k", "enter")
            assert app.tokens == 32_768
            assert "32,768 tokens" in " ".join(screen_text(app).split())


async def test_where_nobody_can_tell_the_machine_it_is_said_how_to_choose_one(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore, WIDE, "name:=small") as (app, pilot):
            await press(pilot, "right", "right")
            assert "m looks with the eyes of another" in " ".join(screen_text(app).split())
            browse_of(app).query_one(SearchBar).ask("fit:runs")
            await settle(pilot)
            assert "write fit:24gb" in screen_text(app)
            browse_of(app).query_one(SearchBar).ask("")
            await press(pilot, "m", "=", *"ram=24gb", "enter")
            browse_of(app).query_one(SearchBar).ask("fit:runs")
            await settle(pilot)
            assert list_of(app).total == 1


async def test_where_not_all_tabs_have_room_the_open_one_is_in_sight_and_signs_say_that_there_are_more(
    tmp_path: Path,
) -> None:
    def titles(text: str) -> str:
        return next(line for line in text.splitlines() if " Formfile " in line or " Proof" in line)

    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore, (100, 30), "small") as (app, pilot):
            assert "Overview  Needs  Fit  Formfile  >" in titles(screen_text(app))
            await press(pilot, *["right"] * 7)
            assert "<  Sources  Links  History  Proof" in titles(screen_text(app))
            line = titles(screen_text(app))
            row = screen_text(app).splitlines().index(line)
            await pilot.click(offset=(line.index("<"), row))
            await settle(pilot)
            assert app.screen.query_one(RecordDetail).tab == "formfile"
