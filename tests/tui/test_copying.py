"""What is copied of a record, and where it goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.seeds import make_record
from tests.tui.driving import press, replica, running, screen_text, status
from tui_registry.records.schema import defaults
from tui_registry.tui.kit.copying import can_copy, share_line, text_to_copy


def test_a_share_line_names_the_record_and_is_a_search_that_finds_it(tmp_path: Path) -> None:
    with replica(tmp_path, 20) as datastore:
        for name in ("plain", 'with "quotes" (and OR)', "two words"):
            key = datastore.add("model", make_record("model", name)).key
            entry = datastore.entry(key)
            assert entry is not None
            line = share_line(entry)
            assert key in line
            assert datastore.address in line
            assert [row.id for row in datastore.search(line).rows] == [key]


def test_several_records_take_a_line_each(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        entries = list(datastore.entries())
        for what in ("id", "json", "share"):
            assert len(text_to_copy(what, entries).split("\n")) == 3
        assert text_to_copy("owner", entries) == entries[0].record["owner_id"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux,1,0"}, True),
        ({"TERM": "screen", "STY": "1.pts"}, False),
        ({"TERM": "linux"}, False),
        ({}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7402"}, False),
    ],
)
def test_terminals_that_are_known_to_drop_copies(environment: dict[str, str], expected: bool) -> None:
    assert can_copy(environment) is expected


async def test_where_the_terminal_cannot_copy_it_goes_to_a_file_and_the_message_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("TERM", "linux")
    with replica(tmp_path) as datastore:
        key = datastore.add("model", make_record("model", "copied")).key
        async with running(datastore, (160, 50)) as (app, pilot):
            await press(pilot, "y")
            assert "lets no program copy" in screen_text(app)
            await press(pilot, "i")
            assert (tmp_path / "copied.txt").read_text() == f"{key}\n"
            assert str(tmp_path) in status(app)
            assert app.clipboard == ""


async def test_json_can_go_to_a_file_from_any_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "known to pass copies on")
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "copied"))
        async with running(datastore, (160, 50)) as (app, pilot):
            await press(pilot, "y", "w")
            assert json.loads((tmp_path / "copied.json").read_text())["name"] == "copied"
            assert "copied.json" in status(app)


def test_the_json_of_a_record_has_its_manifest_as_an_import_reads_it(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        manifest = defaults("manifest") | {"languages": ["en"]}
        keys = [
            datastore.add("model", make_record("model", name), manifest=behind).key
            for name, behind in (("with", manifest), ("without", None))
        ]
        entries = [entry for entry in map(datastore.entry, keys) if entry is not None]
        behind = datastore.manifests.of(keys)
        told = {record["name"]: record for record in map(json.loads, text_to_copy("json", entries, behind).split("\n"))}
        assert told["with"]["manifest"]["languages"] == ["en"]
        assert "manifest" not in told["without"]
        assert json.loads(text_to_copy("json", entries[:1], behind)) == told["with"]


async def test_what_is_copied_in_the_app_says_that_the_manifest_is_with_it(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        manifest = defaults("manifest") | {"languages": ["en"]}
        datastore.add("model", make_record("model", "copied"), manifest=manifest)
        async with running(datastore, (160, 50)) as (app, pilot):
            await press(pilot, "y")
            assert "as it is signed, with the manifest" in screen_text(app)
            await press(pilot, "w")
            assert json.loads((datastore.data_dir / "copied.json").read_text())["manifest"]["languages"] == ["en"]
