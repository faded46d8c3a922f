"""Importing by keyboard: what a file, a folder or an address holds becomes drafts, and records once they were seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from tests.importers.made import LLAMA, gguf
from tests.seeds import make_record, owner, signed
from tests.tui.driving import browse_of, name_under_cursor, press, replica, running, screen_text, settle, status
from tui_registry.tui import RegistryApp
from tui_registry.tui.imports.findings import FindingsScreen
from tui_registry.tui.imports.import_flow import SourceScreen, common_start, offers
from tui_registry.tui.register.field_rows import FieldRow
from tui_registry.tui.register.register_screen import RegisterScreen


def showing(app: RegistryApp) -> type:
    """The class of the screen on top."""
    return type(app.screen)


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


async def ask_for(pilot: Pilot[None], source: object) -> None:
    """Open the dialog and type a source, then Enter."""
    await press(pilot, "i")
    pilot.app.screen.query_one(Input).value = str(source)
    await settle(pilot)
    await press(pilot, "enter")


def row(app: RegistryApp, path: str) -> FieldRow:
    return app.screen.query_one("#field-" + path.replace(".", "-"), FieldRow)


def origin(app: RegistryApp, path: str) -> str:
    return "".join(str(line.content) for line in row(app, path).query(".origin").results(Static) if line.display)


async def test_a_model_is_registered_from_a_gguf_file_without_the_mouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "models" / "tiny-llama.gguf", gguf(LLAMA))
    write(tmp_path / "models" / "notes.txt", "nothing")
    monkeypatch.chdir(tmp_path)
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "i", "m", "o", "tab")
            assert app.screen.query_one(Input).value == "models/"
            await press(pilot, "t", "tab")
            assert app.screen.query_one(Input).value == "models/tiny-llama.gguf"
            await press(pilot, "enter")
            assert showing(app) is RegisterScreen
            assert row(app, "name").text == "Tiny Llama"
            assert "general.name" in origin(app, "name")
            assert "nothing is signed yet" in screen_text(app)
            await press(pilot, "ctrl+s")
            assert status(app).startswith("registered ")
            assert name_under_cursor(app) == "Tiny Llama"
            await ask_for(pilot, "models/tiny-llama.gguf")
            assert "1 found: 1 here already" in screen_text(app)
        (found,) = datastore.search("").rows
        entry = datastore.entry(found.id)
        assert entry is not None
        assert (entry.record["license"], entry.record["context_length"]) == ("Apache-2.0", 8192)
        assert datastore.drafts.all() == []


async def test_a_type_that_nothing_states_is_asked_for_before_signing(tmp_path: Path) -> None:
    front = "---\nlicense: mit\n---\n# Untyped\n\nA model whose card says nothing about its type.\n"
    path = write(tmp_path / "x" / "README.md", front)
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await ask_for(pilot, path)
            await press(pilot, "ctrl+s")
            assert "not signed yet" in status(app)
            assert row(app, "model_type").problems[0].sentence.startswith("not stated: choose one of LLM")
        assert datastore.search("").rows == []


async def test_what_a_person_changes_no_longer_comes_from_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.gguf", gguf(LLAMA))
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await ask_for(pilot, path)
            assert origin(app, "name")
            await press(pilot, "end", "2")
            assert row(app, "name").text == "Tiny Llama2"
            assert origin(app, "name") == ""
            assert origin(app, "context_length")


async def test_an_import_that_was_left_is_a_draft_that_still_knows_its_origins(tmp_path: Path) -> None:
    path = write(tmp_path / "x.gguf", gguf(LLAMA))
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await ask_for(pilot, path)
            await press(pilot, "escape")
            assert app.screen is browse_of(app)
            (draft,) = datastore.drafts.all()
            assert draft.fields["name"] == "Tiny Llama"
            app.push_screen(RegisterScreen("model", draft_key=draft.key))
            await settle(pilot)
            assert row(app, "name").text == "Tiny Llama"
            assert "general.name" in origin(app, "name")
            assert "x.gguf" in screen_text(app)


async def test_a_finding_that_was_opened_and_left_goes_on_from_its_draft(tmp_path: Path) -> None:
    write(tmp_path / "found" / "one.json", json.dumps({"kind": "model", "name": "one", "version": "1.0"}))
    write(tmp_path / "found" / "two.json", json.dumps({"kind": "model", "name": "two"}))
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await ask_for(pilot, tmp_path / "found")
            await press(pilot, "enter", "end", "!", "escape")
            assert "draft kept" in screen_text(app)
            await press(pilot, "enter")
            assert "one!" in screen_text(app)
            await press(pilot, "escape")
        assert [draft.fields["name"] for draft in datastore.drafts.all()] == ["one!"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "missing"),
        (b"GGUF", "ends"),
        (b"\x00\x01\x02", "nothing that can be read here"),
        (b"[]", "holds nothing"),
    ],
)
async def test_what_cannot_be_read_is_told_and_what_was_typed_stays(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "missing.bin" if content is None else write(tmp_path / "broken.bin", content)
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await ask_for(pilot, path)
            assert showing(app) is SourceScreen
            assert words in str(app.screen.query_one(".wrong", Static).content)
            assert app.screen.query_one(Input).value == str(path)
            await press(pilot, "escape")
            assert app.screen is browse_of(app)


async def test_an_address_that_does_not_answer_is_told_in_words(tmp_path: Path) -> None:
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await ask_for(pilot, "http://127.0.0.1:1/.well-known/agent-card.json")
            assert showing(app) is SourceScreen
            assert "127.0.0.1" in str(app.screen.query_one(".wrong", Static).content)


async def test_origins_and_notes_hold_a_strangers_text_only_as_text(tmp_path: Path) -> None:
    hostile = "[/x][@click=app.quit]y[/]\x1b[31m"
    values = [(key, kind, hostile if key == "general.license" else content) for key, kind, content in LLAMA]
    path = write(tmp_path / "x.gguf", gguf(values))
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await ask_for(pilot, path)
            assert showing(app) is RegisterScreen
            assert "\x1b" not in screen_text(app)
            assert all("\x1b" not in words for words in [origin(app, "license"), origin(app, "name")])


def test_folders_come_first_and_hidden_names_only_after_a_dot(tmp_path: Path) -> None:
    for name in ("b.gguf", ".hidden", "A.json"):
        write(tmp_path / name, "")
    (tmp_path / "zoo").mkdir()
    assert [offer.text for offer in offers(f"{tmp_path}/")] == [f"{tmp_path}/{n}" for n in ("zoo/", "A.json", "b.gguf")]
    assert [offer.name for offer in offers(f"{tmp_path}/.")] == [".hidden"]
    assert [offer.name for offer in offers(f"{tmp_path}/a")] == ["A.json"]
    assert offers(f"{tmp_path}/none/") == []


def test_a_path_is_completed_as_far_as_all_offers_agree(tmp_path: Path) -> None:
    for name in ("llama-7b.gguf", "llama-8b.gguf"):
        write(tmp_path / name, "")
    assert common_start(offers(f"{tmp_path}/l")) == f"{tmp_path}/llama-"
    assert common_start([]) == ""


async def test_a_copy_of_a_record_of_ones_own_becomes_an_edit_of_it(tmp_path: Path) -> None:
    with replica(tmp_path / "data") as datastore:
        key = datastore.add("model", make_record("model", "mine")).key
        entry = datastore.entry(key)
        assert entry is not None
        changed = {**entry.record, "version": "2.0.0"}
        path = write(tmp_path / "mine.json", json.dumps({"kind": "model", "record": changed}))
        async with running(datastore) as (app, pilot):
            await ask_for(pilot, path)
            assert "Version: 0.1.0 → 2.0.0" in screen_text(app)
            await press(pilot, "enter")
            assert "registered here" in status(app)
            await press(pilot, "ctrl+s")
            assert status(app).startswith("saved ")
        again = datastore.entry(key)
        assert again is not None
        assert again.record["version"] == "2.0.0"
        assert len(datastore.history(key)) == 2


async def test_operations_in_a_file_are_taken_in_after_a_question(tmp_path: Path) -> None:
    line = signed(owner("else"), "model", "theirs").to_json() + b"\n"
    path = write(tmp_path / "ops.ndjson", line + line.replace(b"theirs", b"thxirs"))
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await ask_for(pilot, path)
            await press(pilot, "y")
            assert status(app) == "1 operation stored, 1 rejected: tui-registry quarantine says why"
            assert app.screen is browse_of(app)
        assert datastore.stats().records == 1


async def test_hostile_names_of_files_and_records_are_shown_safely(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    names = ["[/x]", "[@click=app.quit]x[/]", "\x1b[31mred"]
    for number, name in enumerate(names):
        record = {"kind": "model", **make_record("model", name)}
        write(folder / f"[b]{number}[@click=x].json", json.dumps(record))
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "i")
            app.screen.query_one(Input).value = f"{folder}/"
            await settle(pilot)
            assert app.screen.query_one(OptionList).option_count == 3
            assert "[b]0[@click=x].json" in screen_text(app)
            await press(pilot, "enter")
            assert showing(app) is FindingsScreen
            shown = screen_text(app)
            assert "[@click=app.quit]x[/]" in shown
            assert "\x1b" not in shown
            await press(pilot, "enter")
            assert showing(app) is RegisterScreen


async def test_all_formats_have_room_in_the_dialog_of_a_narrow_terminal(tmp_path: Path) -> None:
    with replica(tmp_path / "data") as datastore:
        async with running(datastore, size=(80, 24)) as (app, pilot):
            await press(pilot, "i")
            assert "Tab completes, Enter reads it, Esc goes back" in screen_text(app)
