"""`:` takes commands in the app: they run on the replica that is shown, and what they print is a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.seeds import make_record
from tests.tui.driving import WIDE, browse_of, list_of, notice_changes, press, replica, running, screen_text, status
from tests.tui.syncing import until_ended
from tui_registry.cli.commands import COMMANDS
from tui_registry.cli.inside import _NEVER, _NOT_SO, LinesInside
from tui_registry.cli.output import UsageError
from tui_registry.datastore import Datastore
from tui_registry.tui.line.command_line import CommandLines, LineScreen


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    with replica(tmp_path_factory.mktemp("line")) as datastore:
        datastore.add("model", make_record("model", "first-model"))
        yield datastore


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


async def test_a_line_runs_on_the_replica_that_is_shown_and_what_it_writes_is_noticed(
    shared: Datastore, tmp_path: Path
) -> None:
    record = tmp_path / "new.json"
    record.write_text('{"name": "second-model"}')
    async with running(shared, WIDE) as (app, pilot):
        await press(pilot, ":")
        app.screen.query_one(Input).value = f"register model {record}"
        await press(pilot, "enter")
        await until_ended(pilot)
        assert "done" in screen_text(app)
        await notice_changes(pilot)
        await press(pilot, "escape")
        assert app.screen is browse_of(app)
        assert status(app).startswith(":register model")
        assert "second-model" in screen_text(app)
        assert list_of(app).total == 2
        # Once more, and with a mistake: its exit code and its sentence are told.
        await press(pilot, ":", "up")
        assert app.screen.query_one(Input).value == f"register model {record}"
        app.screen.query_one(Input).value = "show nobody"
        await press(pilot, "enter")
        await until_ended(pilot)
        assert "ended with 1" in screen_text(app)
        await press(pilot, "escape")
        assert "ended with 1: tui-registry:" in status(app)


async def test_what_needs_a_terminal_or_never_ends_is_refused_where_it_is_typed(shared: Datastore) -> None:
    async with running(shared) as (app, pilot):
        await press(pilot, ":", *"serve", "enter")
        assert isinstance(app.screen, LineScreen)
        assert "until it is stopped" in screen_text(app)
        await press(pilot, "escape")
        assert app.screen is browse_of(app)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("serve --port 0", "until it is stopped"),
        ("--json demo", "once more"),
        ("sync --every 1m", "until it is stopped"),
        ("sync hub --every=1m", "until it is stopped"),
        ("config edit", "editor"),
        ("identity new --yes", "the key"),
        ("--data-dir /x list models", "leave --data-dir out"),
        ("list --data-dir=/x models", "leave --data-dir out"),
        ("--query x", "which you are in"),
        ("--json", "begins with a command"),
        ("verfy", "did you mean verify?"),
        ("show 'x", "quotation"),
    ],
)
def test_a_line_that_does_not_run_here_says_why(line: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        LinesInside(Path("/data")).argv(line)


def test_a_line_is_about_the_replica_and_is_no_shell() -> None:
    lines = LinesInside(Path("/data"))
    assert list(lines.argv("tui-registry show 'a b' $HOME; x"))[2:] == [
        "-m", "tui_registry", "--data-dir", "/data", "show", "a b", "$HOME;", "x",
    ]  # fmt: skip
    assert "--data-dir" not in lines.argv("list --node http://127.0.0.1:1 models")
    assert lines.argv("serve --help")
    assert lines.argv("search -- --every")
    assert {*_NEVER, *(command for command, _ in _NOT_SO)} <= {*COMMANDS}


def test_lines_are_completed_from_the_commands_and_the_replica(shared: Datastore) -> None:
    lines = LinesInside(shared.data_dir)
    assert next(line for line, _ in lines.complete("verif")).startswith("verif")
    assert any(line == "peer list " for line, _ in lines.complete("peer l"))
    assert all(not line.startswith("serve") for line, _ in lines.complete("s"))
    assert any("show" in line for line, _ in lines.complete(""))


async def test_the_line_stands_still_while_offers_come_and_go(shared: Datastore) -> None:
    async with running(shared, (60, 20)) as (app, pilot):
        await press(pilot, ":")
        places = {app.screen.query_one(Input).region}
        for typed in ("p", "e", "e", "r", "space"):
            await press(pilot, typed)
            places.add(app.screen.query_one(Input).region)
        assert "more" in screen_text(app)
        assert len(places) == 1


async def test_no_line_with_a_secret_is_kept(shared: Datastore) -> None:
    async with running(shared) as (app, _):
        lines = app.held(CommandLines)
        for line in ("peer list", "peer add x https://me:hunter2@host", "list --token abc", "x passphrase=abc"):
            lines._keep(line)
        assert lines.past == ["peer list"]
