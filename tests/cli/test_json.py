"""`--json`: what programs read of every command, where it did what it was asked for and where it failed."""

from __future__ import annotations

from argparse import _SubParsersAction
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.trust.test_every_command import COMMANDS
from tui_registry.settings import settings_path

Words = tuple[str, ...]

SPEAKING = [words for words, parser in COMMANDS.items() if "--json" in parser._option_string_actions]
# What fails in an answer of its own, or not by what is in its way here.
_ANSWERS = {("doctor",), ("config", "path"), ("demo",)}


def filled(words: Words) -> list[str]:
    """A line of the command with some word in every place that needs one."""
    parser = COMMANDS[words]
    assert not any(isinstance(action, _SubParsersAction) for action in parser._actions)
    needed = [action for action in parser._actions if not action.option_strings and action.nargs not in ("?", "*")]
    return [*words, *("0" * 40 if action.choices is None else next(iter(action.choices)) for action in needed)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_line_that_cannot_be_read_is_an_error_for_programs_too(cli: Cli, words: Words) -> None:
    said = cli(*words, "--json", "--no-such-option")
    assert said.code == 2
    error = said.json["error"]
    assert error["code"] == "usage"
    assert said.err == f"tui-registry: {error['sentence']}\n"


def test_json_behind_two_dashes_is_a_word_as_any(cli: Cli) -> None:
    assert cli("list", "--", "--json").out == ""


@pytest.mark.parametrize("words", [words for words in SPEAKING if words not in _ANSWERS], ids=" ".join)
def test_every_command_that_fails_says_so_as_json(cli: Cli, data_dir: Path, words: Words) -> None:
    """Neither its replica nor its settings nor its files can be read."""
    data_dir.write_text("no folder")
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text("= [")
    more = {
        ("search",): ["x"],
        ("compare",): ["y"],
        ("undo",): ["x"],
        ("formfile", "lint"): ["x"],
        ("formfile", "render"): ["x"],
    }
    said = cli(*filled(words), *more.get(words, []), "--json")
    assert said.code == 1
    error = said.json["error"]
    assert set(error) == {"code", "sentence"}
    assert error["code"] not in ("usage", "unexpected")
    assert said.err == f"tui-registry: {error['sentence']}\n"


def test_a_record_that_cannot_be_signed_is_an_error_with_its_problems(cli: Cli) -> None:
    said = cli("register", "model", "-", "--json", given="name: ''\nversion: x\nlicense: ''\n")
    error = said.json["error"]
    assert (said.code, error["code"]) == (1, "invalid")
    assert error["problems"][0]["path"] == "name"
    severities = [problem["severity"] for problem in error["problems"]]
    assert set(severities) == {"error", "warning"}
    assert severities == sorted(severities)
    assert len(said.err.splitlines()) == len(error["problems"])


def test_what_came_before_a_failure_stays_and_the_error_is_the_last_line(cli: Cli, own: str) -> None:
    said = cli("identity", "show", "--json")
    Path(said.json["key_file"]).write_text("no key")
    first, last = cli("identity", "show", "--json").lines
    assert first["address"] == said.json["address"]
    assert list(last) == ["error"]
