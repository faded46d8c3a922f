"""The line itself: help for every command, exit codes, and what cannot be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Cli
from tui_registry import __version__
from tui_registry.cli.parser import SUMMARIES, load_command
from tui_registry.datastore import Datastore
from tui_registry.query import GRAMMAR


@pytest.mark.parametrize("command", SUMMARIES)
def test_every_command_has_help_with_examples(cli: Cli, command: str) -> None:
    asked, helped = cli(command, "--help"), cli("help", command)
    assert asked.code == helped.code == 0
    assert asked.out == helped.out
    assert f"tui-registry {command}" in asked.out.partition("examples:")[2]
    assert max(len(line) for line in asked.out.splitlines()) <= 120
    assert cli("--help").out.count(f"\n  {command:<10} ") == 1
    assert callable(load_command(command).run)


@pytest.mark.parametrize("words", [("search", "--help"), ("help", "search")])
def test_the_query_language_stands_in_the_help_of_search(cli: Cli, words: tuple[str, str]) -> None:
    assert GRAMMAR in cli(*words).out


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
        (("peer",), "add|list|remove"),
        (("--query", "x", "list", "models"), "--query"),
        (("demo", "--data-dir", "x"), "--data-dir"),
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


@pytest.mark.parametrize("words", [(), ("--query", "llama"), ("demo",)])
def test_screens_are_not_opened_where_nobody_sees_them(cli: Cli, data_dir: Path, words: tuple[str, ...]) -> None:
    said = cli(*words)
    assert (said.code, said.out) == (2, "")
    assert "terminal" in said.err
    assert not data_dir.exists()


def test_the_screens_get_the_replica_and_the_query(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui_registry.cli import run

    opened: list[tuple[Path, str]] = []

    def screens(datastore: Datastore, *, query: str) -> None:
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
