"""The line itself: help for every command, exit codes, and what cannot be read."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Cli, is_one_sentence
from tui_registry import __version__
from tui_registry.cli.commands import COMMANDS
from tui_registry.datastore import Datastore
from tui_registry.errors import RegistryError


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(cli: Cli, command: str) -> None:
    asked, helped = cli(command, "--help"), cli("help", command)
    assert asked.code == helped.code == 0
    assert helped.out.startswith(asked.out)
    assert f"tui-registry {command}" in asked.out.partition("examples:")[2]
    assert max(len(line) for line in asked.out.splitlines()) <= 120
    assert cli("--help").out.partition("\nPages:\n")[0].count(f"\n  {command:<10} ") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_function_or_says_what_to_install(cli: Cli, command: str) -> None:
    try:
        assert callable(COMMANDS[command].run)
    except RegistryError:
        assert find_spec("mcp") is None
        assert is_one_sentence(cli(command), "pip install 'tui-registry[mcp]'")


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"tui-registry {__version__}\n"


def test_help_without_a_command_lists_them_all(cli: Cli) -> None:
    assert cli("help").out == cli("--help").out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("lst",), "did you mean list?"),
        (("xyzzy",), "there is no command 'xyzzy'"),
        (("list",), "models|agents"),
        (("list", "things"), "things"),
        (("list", "models", "--jso"), "--jso"),
        (("list", "models", "--sort", "size"), "size"),
        (("show",), "ID"),
        (("register", "model"), "FILE"),
        (("peer",), "add|look|list|show|trust|faces|limit|find|remove"),
        (("--query", "x", "list", "models"), "--query"),
        (("demo", "--data-dir", "x"), "--data-dir"),
        (("--data-dir", "", "list", "models"), "--data-dir: needs a directory"),
        (("list", "models", "--data-dir="), "--data-dir: needs a directory"),
        (("export", "--log", ""), "--log: needs a directory"),
        (("export", "--bundle="), "--bundle: needs a directory"),
        (("list", "models", "--jso"), "Try 'tui-registry list --help'"),
        (("peer", "list", "--jso"), "Try 'tui-registry peer list --help'"),
        (("search", "\udcff"), "QUERY: is not text in this terminal's encoding"),
        (("search", "--save", "x", "llama", "\udcff"), "not text"),
        (("export", "--", "\udcff"), "QUERY: is not text"),
        (("--query", "\udcff"), "--query: is not text"),
        (("peer", "add", "x", "/tmp/\udcff"), "URL|DIR: is not text"),
        (("sync", "\udcff"), "PEER: is not text"),
        (("import", "x", "--set", "name=\udcff"), "--set: is not text"),
        (("\x1b[31m",), "there is no command"),
    ],
)
def test_a_line_that_makes_no_sense_is_one_sentence_and_exit_2(cli: Cli, words: tuple[str, ...], part: str) -> None:
    said = cli(*words)
    assert (said.code, said.out) == (2, "")
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("tui-registry: ")
    assert part in said.err
    assert "\x1b" not in said.err


def test_no_command_takes_an_empty_data_dir_for_the_persons_own_replica(cli: Cli, data_dir: Path) -> None:
    for words in (("list", "models"), ("peer", "list"), ("register", "model", "-")):
        assert cli(*words, "--data-dir", "").code == cli("--data-dir=", *words).code == 2
    assert not data_dir.exists()


@pytest.mark.parametrize(
    "words",
    [("peer", "list"), ("identity", "show"), ("formfile", "language"), ("identity", "name"), ("list", "models")],
)
def test_the_data_dir_may_stand_behind_every_word(
    cli: Cli, data_dir: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    other = ("--data-dir", str(tmp_path / "other"))
    said = [cli(*words[:place], *other, *words[place:]) for place in range(len(words) + 1)]
    assert {one.code for one in said} == {0}
    assert len({one.out for one in said}) == 1
    assert not data_dir.exists()


@pytest.mark.parametrize("query", ['"no such', "params:<", "(first", "!!!"])
@pytest.mark.parametrize(
    "words",
    [("search",), ("search", "--json"), ("search", "--facets"), ("search", "--save", "x"), ("export",)],
    ids=" ".join,
)
def test_a_query_without_an_end_or_a_word_lists_nothing(
    cli: Cli, seeded: Path, words: tuple[str, ...], query: str
) -> None:
    assert is_one_sentence(cli(*words, "--", query), "at character 1")
    assert cli("search", "--saved").out == ""


@pytest.mark.parametrize(
    ("line", "code", "part"),
    [
        # Who takes the code 0 for a backup must have one.
        ("list models >&-", 1, "stdout is closed"),
        ("list models --json >&-", 1, "stdout is closed"),
        ("export --ops >&-", 1, "stdout is closed"),
        ("--help >&-", 1, "stdout is closed"),
        ("peer list >&-", 0, "no peers"),
        ("--no-such-option 2>&-", 2, ""),
        ("list models 2>&-", 0, "NAME"),
        ("register model - <&-", 1, "stdin: is empty"),
        ("verify <&- >&- 2>&-", 1, ""),
    ],
)
def test_a_closed_stream_is_an_empty_one_and_takes_nothing(seeded: Path, line: str, code: int, part: str) -> None:
    shell = f'exec "$0" -m tui_registry {line}'
    done = subprocess.run(["sh", "-c", shell, sys.executable], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "should not happen" not in done.stderr
    assert "Traceback" not in done.stderr
    assert part in done.stdout + done.stderr


@pytest.mark.parametrize("words", [(), ("--query", "llama"), ("demo",)])
def test_screens_are_not_opened_where_nobody_sees_them(cli: Cli, data_dir: Path, words: tuple[str, ...]) -> None:
    said = cli(*words)
    assert (said.code, said.out) == (1, "")
    assert "terminal" in said.err
    assert not data_dir.exists()


def test_the_screens_get_the_replica_and_the_query(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui_registry.cli import run

    opened: list[tuple[Path, str]] = []

    def screens(datastore: Datastore, *, query: str, settings_file: Path | None = None) -> None:
        assert settings_file is None
        opened.append((datastore.data_dir, query))

    for stream in ("sys.stdin", "sys.stdout"):
        monkeypatch.setattr(f"{stream}.isatty", lambda: True, raising=False)
    assert run(["--query", "params:<=8b"], screens) == 0
    assert run([], screens) == 0
    assert opened == [(data_dir, "params:<=8b"), (data_dir, "")]


def test_an_interrupted_command_ends_with_130_and_no_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Datastore, "verify", interrupt)
    said = cli("verify")
    assert said.code == 130
    assert "Traceback" not in said.err


def test_python_dash_m_is_the_same_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(tmp_path)]
    done = subprocess.run(
        [*command, "register", "model", "-"], input=MODEL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    (told,) = done.stderr.splitlines()
    assert "identity.key" in told
    listed = subprocess.run([*command, "list", "models"], capture_output=True, text=True, check=False)
    assert "my-finetune" in listed.stdout


def test_a_terminal_of_another_encoding_gets_an_escape_instead_of_an_error(tmp_path: Path) -> None:
    import os

    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(tmp_path)]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for words in (["register", "model", "-"], ["list", "models"]):
        done = subprocess.run(
            [*command, *words], input="name: модель\n".encode(), capture_output=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        assert b"\\u043c\\u043e\\u0434" in done.stdout


@pytest.mark.parametrize("name", ["elsewhere", "a b$'\"`c"])
def test_the_commands_of_a_message_are_about_the_replica_that_was_asked(cli: Cli, tmp_path: Path, name: str) -> None:
    """Run as it is told, it takes back what was done, and not in the person's own replica."""
    (tmp_path / "models").mkdir()
    for number in range(2):
        (tmp_path / "models" / f"{number}.yaml").write_text(MODEL.replace("name: ", f"name: {number}-"))
    said = cli("--data-dir", name, "import", "models", "--register")
    (hint,) = re.findall("to take it back: (.*)", said.err)
    words = shlex.split(hint)
    assert words[:4] == ["tui-registry", "--data-dir", name, "undo"]
    assert cli(*words[1:], "--yes").code == 0
    assert cli("--data-dir", name, "list", "models", "--json").out == ""
    own = cli("import", "models", "--register").err
    assert "tui-registry undo --batch" in own
