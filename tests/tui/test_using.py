"""The keys that show what a record is used with, and whose file something on this machine is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from tests.seeds import make_record
from tests.tui.driving import NARROW, WIDE, browse_of, press, replica, running, screen_text, settle, status
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.records.schema import defaults
from tui_registry.tui.browse.record_use import UseScreen

BODY = b"weights" * 1000


def fill(datastore: Datastore) -> None:
    """A model with a file on the Hub and one that nobody may follow, and one that says nothing."""
    files: list[Record] = [
        {"uri": uri, "media_type": "", "sha256": hashlib.sha256(BODY).hexdigest(), "size_bytes": 9, "quantization": None}
        for uri in ("hf://org/m/m.Q4_K_M.gguf", "ollama://not/a/name/at/all")
    ]  # fmt: skip
    datastore.add("model", make_record("model", "said"), manifest={**defaults("manifest"), "artifacts": [*files]})
    datastore.add("model", make_record("model", "silent"))
    artifact: Json = {**files[1], "uri": "weights.bin"}
    datastore.add(
        "model", make_record("model", "placeless"), manifest={**defaults("manifest"), "artifacts": [artifact]}
    )


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_lines_for_tools_are_shown_and_one_is_copied(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore, size) as (app, pilot):
            browse_of(app).bar.ask("said")
            await settle(pilot)
            if size == NARROW:
                await press(pilot, "enter")
            await press(pilot, "x")
            assert isinstance(app.screen, UseScreen)
            seen = screen_text(app)
            assert "ollama run hf.co/org/m:Q4_K_M" in seen
            assert "shown and not run" in seen
            assert "artifacts[1].uri: ollama://not/a/name/at/all can be read by no tool" in " ".join(seen.split())
            await press(pilot, "down", "enter")
            assert app.clipboard == "ollama pull hf.co/org/m:Q4_K_M"
            assert "sent the line for ollama to the clipboard" in status(app)


async def test_a_record_that_nothing_is_said_of_has_no_line(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore) as (app, pilot):
            browse_of(app).bar.ask("silent")
            await settle(pilot)
            await press(pilot, "x")
            assert app.screen is browse_of(app)
            assert "its owner has not said where its files are" in status(app)
            browse_of(app).bar.ask("placeless")
            await settle(pilot)
            await press(pilot, "x")
            assert "weights.bin is a path in a repository, and no repository" in status(app)


async def test_a_file_is_checked_against_the_record_and_all_others(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(BODY)
    with replica(tmp_path / "data") as datastore:
        fill(datastore)
        async with running(datastore) as (app, pilot):
            for name, words in (
                ("said", "model.gguf is hf://org/m/m.Q4_K_M.gguf of the model “said”"),
                ("silent", "model.gguf cannot be told to be of “silent” or not: its owner states no digests; by its"),
            ):
                browse_of(app).bar.ask(name)
                await settle(pilot)
                await press(pilot, "c")
                app.screen.query_one(Input).value = str(tmp_path / "mod")
                await settle(pilot)
                await press(pilot, "tab", "enter")
                seen = " ".join(str(part.content) for part in app.screen.query(Static))
                assert words in seen
                assert "though that should have 9 bytes and this has 7,000" in seen
                await press(pilot, "escape")
            await press(pilot, "c")
            for bad, words in ((tmp_path, "that is a folder"), (tmp_path / "nowhere", "cannot be read")):
                app.screen.query_one(Input).value = str(bad)
                await settle(pilot)
                await press(pilot, "enter")
                assert words in str(app.screen.query_one(".wrong", Static).content)
