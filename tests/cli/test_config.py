"""`config`: settings are shown, set and edited; what a person wrote in the file stays, and nothing wrong gets into it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tui_registry.settings import THEMES

WRITTEN = """\
# mine
theme = "nord"  # dark

[sync]  # of pulls
# slow line
pull_seconds = 600 # ten minutes
requests_at_once = 2

[node]
connections = 64
"""


@pytest.fixture
def file(tmp_path: Path, data_dir: Path) -> Path:
    """Where the settings are kept; it is not there yet."""
    return tmp_path / "config" / "tui-registry" / "settings.toml"


@pytest.fixture
def written(file: Path) -> Path:
    """The same with settings and comments in it."""
    file.parent.mkdir(parents=True)
    file.write_text(WRITTEN)
    return file


def edited_by(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let `$EDITOR` be a program that changes the file (`path`) and ends."""
    code = f"import pathlib, sys; path = pathlib.Path(sys.argv[1]); {script}"
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f'{sys.executable} -c "{code}"')


def test_the_path_is_told_whether_the_file_is_there_or_not(cli: Cli, file: Path) -> None:
    assert cli("config", "path").out == f"{file}\n"
    assert cli("config", "path", "--json").json == {"path": str(file), "exists": False}
    assert not file.parent.exists()


def test_what_is_set_is_shown_and_on_demand_everything(cli: Cli, written: Path) -> None:
    shown = cli("config", "show").out.splitlines()
    assert shown[0] == "theme = nord"
    assert "sync.pull_seconds = 600" in shown
    assert len(shown) == 8
    whole = cli("config", "show", "--all").out.splitlines()
    assert len(whole) > 40
    assert "node.connections = 64" in whole
    assert "node.header_seconds = 10.0  (not set)" in whole
    assert not any("None" in line for line in whole)
    told = cli("config", "show", "--json").json
    assert (told["path"], told["exists"], told["theme"], told["name"]) == (str(written), True, "nord", "")
    assert (told["sync"], told["node"]) == ({"pull_seconds": 600, "requests_at_once": 2}, {"connections": 64})


@pytest.mark.parametrize(
    ("name", "value", "before", "after"),
    [
        ("theme", "gruvbox", 'theme = "nord"', 'theme = "gruvbox"'),
        ("sync.pull_seconds", "60", "pull_seconds = 600", "pull_seconds = 60"),
        ("node.connections", "128", "connections = 64", "connections = 128"),
        ("sync.requests_at_once", "", "requests_at_once = 2\n", ""),
        ("sync.batch_ops", "100", "[sync]  # of pulls\n", "[sync]  # of pulls\nbatch_ops = 100\n"),
    ],
)
def test_one_setting_is_set_and_all_else_stays(
    cli: Cli, written: Path, name: str, value: str, before: str, after: str
) -> None:
    said = cli("config", "set", name, value)
    assert said.code == 0, said.err
    assert written.read_text() == WRITTEN.replace(before, after, 1)


def test_settings_are_set_where_there_is_no_file(cli: Cli, file: Path) -> None:
    for name, value in (("node.connections", "64"), ("name", "lab"), ("sync.pull_seconds", "2.5"), ("name", "")):
        assert cli("config", "set", name, value).code == 0
    told = cli("config", "show", "--json").json
    assert (told["name"], told["sync"], told["node"]) == ("", {"pull_seconds": 2.5}, {"connections": 64})
    assert file.exists()


def test_a_size_is_set_in_the_units_of_limits(cli: Cli, file: Path) -> None:
    for name, value in (("sync.room_bytes", "5GB"), ("node.push_store_bytes", "2GiB")):
        assert cli("config", "set", name, value).code == 0
    told = cli("config", "show", "--json").json
    assert (told["sync"], told["node"]) == ({"room_bytes": 5 * 10**9}, {"push_store_bytes": 2 * 2**30})


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("thme", "nord", "there is no setting 'thme': did you mean theme?"),
        ("connections", "64", "did you mean node.connections?"),
        ("sync.pull_secs", "64", "[sync] has no bound 'pull_secs': did you mean pull_seconds?"),
        ("xyzzy", "64", "'config show --all' lists them"),
        ("node.connections", "many", "node.connections must be a number, such as 30: 'many' is none"),
        (
            "sync.room_bytes",
            "none",
            "must be a number of bytes, such as 500MB or 2GiB: 'none' is none, and an empty word",
        ),
        ("node.connections", "0", "[node] connections is 0: write 1 to"),
        ("node.connections", "1.5", "must be a whole number"),
        ("node.connections", "nan", "must be a"),
        ("sync_every", "soon", "an interval is a number"),
        ("theme", "x" * 80, "80 characters"),
    ],
)
def test_what_is_wrong_is_told_and_not_written(cli: Cli, written: Path, name: str, value: str, part: str) -> None:
    assert is_one_sentence(cli("config", "set", name, value), part)
    assert written.read_text() == WRITTEN


@pytest.mark.parametrize(
    "text", ["sync = {pull_seconds = 600}\n", "sync.pull_seconds = 600\n", '["sync"]\npull_seconds = 600\n']
)
def test_what_is_written_in_a_way_of_ones_own_is_left_to_the_person(cli: Cli, file: Path, text: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert is_one_sentence(cli("config", "set", "sync.pull_seconds", "60"), "only you can change")
    assert file.read_text() == text


def test_an_editor_changes_the_file_which_is_looked_at_then(
    cli: Cli, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited_by(monkeypatch, "path.write_text(path.read_text().replace('nord', 'dracula'))")
    assert cli("config", "edit").out == f"{written}: every setting is right\n"
    assert written.read_text() == WRITTEN.replace("nord", "dracula")
    edited_by(monkeypatch, "path.write_text('thme = 3')")
    assert is_one_sentence(cli("config", "edit"), "unknown setting 'thme': did you mean theme?")
    assert written.read_text() == "thme = 3"  # what was typed is not taken away
    edited_by(monkeypatch, "sys.exit(3)")
    assert is_one_sentence(cli("config", "edit"), "the editor ended with 3")
    monkeypatch.setenv("EDITOR", "no-such-editor --wait")
    assert is_one_sentence(cli("config", "edit"), "no-such-editor --wait", "set $EDITOR")
    monkeypatch.setenv("EDITOR", "vi '")
    assert is_one_sentence(cli("config", "edit"), "vi '", "set $EDITOR")


def test_an_editor_that_is_left_at_once_leaves_no_file(cli: Cli, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited_by(monkeypatch, "assert 'theme' in path.read_text()")
    said = cli("config", "edit")
    assert (said.code, said.err) == (0, "tui-registry: nothing was written, and there is no file\n")
    assert not file.exists()
    edited_by(monkeypatch, "path.write_text(path.read_text().replace('# name', 'name'))")
    assert cli("config", "edit").code == 0
    assert cli("config", "show", "--json").json["name"] == "laptop"


def test_no_editor_is_begun_that_nobody_named(cli: Cli, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    assert is_one_sentence(cli("config", "edit"), "set $EDITOR", str(file), "config set")
    assert not file.exists()


def test_a_theme_that_there_is_not_is_told_with_the_nearest(cli: Cli, file: Path) -> None:
    assert is_one_sentence(cli("config", "set", "theme", "nrod"), "there is no theme 'nrod': did you mean nord?")
    assert is_one_sentence(cli("config", "set", "theme", "xyzzy"), "there are ansi-dark, ")
    assert not file.exists()
    for theme in (*THEMES, ""):
        assert cli("config", "set", "theme", theme).code == 0


def test_a_machine_is_saved_by_its_name_and_taken_away(cli: Cli, written: Path) -> None:
    for name, made_of in (("big", "gpu=2x24gb ram=128gb"), ("lap-top", "unified=32gb"), ("big", "gpu=24gib ram=64gb")):
        said = cli("config", "set", f"machines.{name}", made_of)
        assert said.code == 0, said.err
    assert cli("config", "show", "--json").json["machines"] == {
        "big": "gpu=24gib ram=64gb",
        "lap-top": "unified=32gb",
    }
    assert "machines.big = gpu=24gib ram=64gb" in cli("config", "show").out
    assert written.read_text().startswith(WRITTEN.rstrip())
    assert cli("config", "set", "machines.big", "").code == 0
    assert cli("config", "show", "--json").json["machines"] == {"lap-top": "unified=32gb"}


def test_the_columns_of_the_list_are_set_as_people_write_them(cli: Cli, written: Path) -> None:
    assert cli("config", "set", "columns.browse", "License, size  ctx").code == 0
    assert cli("config", "show", "--json").json["columns"] == {"browse": "licence size context"}
    assert "columns.browse = licence size context" in cli("config", "show").out
    assert written.read_text().startswith(WRITTEN.rstrip())
    written.write_text(written.read_text().replace("licence size", "licnce size"))
    said = cli("config", "check")
    assert said.code == 1
    assert "[columns] browse: there is no column 'licnce': did you mean licence?" in said.out
    assert said.out.startswith("line ")
    assert cli("config", "show").code == 0
    assert cli("config", "set", "columns.browse", "").code == 0
    assert cli("config", "show", "--json").json["columns"] == {}


@pytest.mark.parametrize(
    ("name", "made_of", "part"),
    [
        ("columns.browse", "size licnce", "columns.browse: there is no column 'licnce': did you mean licence?"),
        ("columns.brows", "size", "did you mean columns.browse?"),
        ("machines.big", "gpu=lots", "a size is a number and its unit"),
        ("machines.big", "cores=4", "a machine has a gpu"),
        ("machines.a b", "ram=8gb", "a machine's name has"),
        ("machines", "ram=8gb", "there is no setting"),
    ],
)
def test_what_is_no_machine_or_column_is_not_saved(cli: Cli, written: Path, name: str, made_of: str, part: str) -> None:
    said = cli("config", "set", name, made_of)
    assert said.code == 1
    assert part in said.err
    assert written.read_text() == WRITTEN
