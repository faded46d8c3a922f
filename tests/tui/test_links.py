"""What records are to one another, in the app: a tab that leads on and back, and questions that say who is affected."""

from __future__ import annotations

from pathlib import Path

from tests.seeds import make_record
from tests.tui.driving import WIDE, list_of, press, replica, running, screen_text, settle
from tui_registry.datastore import Datastore
from tui_registry.records.schema import defaults
from tui_registry.tui.browse.detail_screen import DetailScreen
from tui_registry.tui.browse.record_detail import RecordDetail


def fill(datastore: Datastore) -> None:
    """An agent that needs a model, which was made from another."""
    base = datastore.add("model", make_record("model", "base", license="CC-BY-NC-4.0")).key
    made = [{"relation": "Finetune", "model_id": base, "name": "", "sha256": None}]
    lineage = defaults("manifest") | {"derived_from": made}
    tuned = datastore.add("model", make_record("model", "tuned"), manifest=lineage).key
    needed = defaults("manifest") | {"required_models": [tuned]}
    datastore.add("agent", make_record("agent", "crew"), manifest=needed)


def select(datastore: Datastore, name: str) -> int:
    return [row.name for row in datastore.search(sort="-updated").rows].index(name)


async def test_the_links_of_a_record_lead_on_and_back(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore, WIDE, "tuned") as (app, pilot):
            assert "tuned" in screen_text(app)
            await press(pilot, "left", "left", "left")
            text = screen_text(app)
            assert app.screen.query_one(RecordDetail).tab == "links"
            assert "Needed by  1" in text
            assert "Derived from  1" in text
            assert "allows no commercial use" in " ".join(text.split())
            assert "] goes to the next, [ to the one before" in " ".join(text.split())
            await press(pilot, "right_square_bracket")
            assert "in the history" not in screen_text(app)
            await press(pilot, "left_square_bracket", "enter", "right_square_bracket", "enter")
            assert isinstance(app.screen, DetailScreen)
            shown = app.screen.query_one(RecordDetail)
            assert shown.entry is not None
            assert (shown.entry.record["name"], shown.tab) == ("base", "links")
            await settle(pilot)
            assert "fine-tuned from it tuned" in screen_text(app)
            await press(pilot, "backspace")
            assert not isinstance(app.screen, DetailScreen)
            assert app.screen.query_one(RecordDetail).tab == "links"


async def test_questions_say_who_is_affected_before_anything_is_signed(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        size = datastore.stats().ops
        async with running(datastore, WIDE, "tuned") as (app, pilot):
            await press(pilot, "D")
            assert "1 agent needs this" in screen_text(app)
            await press(pilot, "escape", "d")
            assert "1 agent needs this" in screen_text(app)
            await press(pilot, "n", "u")
            assert "1 agent needs this" in screen_text(app)
            await press(pilot, "n")
            await press(pilot, "space", "d")
            assert "“tuned”: 1 agent needs this" in screen_text(app)
            await press(pilot, "n")
        async with running(datastore, WIDE, "base") as (app, pilot):
            assert list_of(app).region
            await press(pilot, "d")
            assert "1 model was made from this" in screen_text(app)
            await press(pilot, "n")
        assert datastore.stats().ops == size


async def test_the_overview_names_whom_a_record_needs_and_who_uses_it(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        base, tuned = (next(row.id for row in datastore.search(f"name:={name}").rows) for name in ("base", "tuned"))
        gone = datastore.add("model", make_record("model", "gone")).key
        datastore.add("agent", make_record("agent", "writer", preferred_models=[tuned, base, gone, "ab" * 32]))
        datastore.delete("model", gone, datastore.heads(gone))
        async with running(datastore, WIDE, "name:=writer") as (app, pilot):
            text = " ".join(screen_text(app).split())
            assert "tuned, base, gone (deleted here), abababababab (not" in text
            assert "(“gone”) was deleted here" in text
            await press(pilot, "enter", "enter")
            await settle(pilot)
            assert "Prefers  4 " in screen_text(app)
        async with running(datastore, WIDE, "name:=tuned") as (app, pilot):
            await press(pilot, "enter")
            await settle(pilot)
            assert "2 agents: " in screen_text(app)
            assert "crew" in screen_text(app)
            await press(pilot, "e")
            await settle(pilot)
            assert "1 agent needs this, 1 agent prefers it" in screen_text(app)


async def test_another_name_is_asked_about_where_others_name_the_record(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        size = datastore.stats().ops
        async with running(datastore, WIDE, "name:=tuned") as (app, pilot):
            await press(pilot, "e")
            await settle(pilot)
            await press(pilot, "end", "2", "ctrl+s")
            await settle(pilot)
            text = screen_text(app)
            assert "name tuned → tuned2" in text
            assert "1 agent needs this" in text
            await press(pilot, "n")
        assert datastore.stats().ops == size


async def test_enter_leads_from_the_names_in_the_overview_to_the_links(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore, (80, 24), "name:=crew") as (app, pilot):
            await press(pilot, "enter")
            await settle(pilot)
            assert "[ older" in screen_text(app)
            await press(pilot, "enter")
            await settle(pilot)
            assert app.screen.query_one(RecordDetail).tab == "links"
            assert "[ older" not in screen_text(app)
            await press(pilot, "enter")
            await settle(pilot)
            shown = app.screen.query_one(RecordDetail).entry
            assert shown is not None
            assert shown.record["name"] == "tuned"
            await press(pilot, "backspace")
            shown = app.screen.query_one(RecordDetail).entry
            assert shown is not None
            assert shown.record["name"] == "crew"
