"""Colours in tables: on a terminal that can, for who did not say no, and nowhere else."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Cli
from tui_registry.cli.output import Column, Table

ROW = (Column("NAME", 6), Column("STATE", 10, told=True))


def lines() -> list[str]:
    table = Table(ROW, 80)
    return [table.header(), table.line(("failed", "failed")), table.line(("\x1b[31mx", "known"), "conflict")]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return monkeypatch


def test_a_terminal_shows_titles_and_what_went_wrong_in_colours(terminal: pytest.MonkeyPatch) -> None:
    plain = lines()
    assert not any("\x1b" in line for line in plain)
    terminal.setattr("sys.stdout.isatty", lambda: True, raising=False)
    header, failed, known = lines()
    assert header == "\x1b[1mNAME    STATE\x1b[0m"
    assert failed == "failed  \x1b[31mfailed\x1b[0m"
    assert known.endswith("known       \x1b[33mconflict\x1b[0m")
    # They take no room, and what a stranger wrote brings none.
    assert [re.sub(r"\x1b\[[0-9]*m", "", line) for line in (header, failed, known)] == plain


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "")])
def test_who_wants_none_gets_none(terminal: pytest.MonkeyPatch, name: str, value: str) -> None:
    terminal.setattr("sys.stdout.isatty", lambda: True, raising=False)
    terminal.setenv(name, value)
    assert not any("\x1b" in line for line in lines())


def test_a_pipe_gets_none(cli: Cli, own: str, terminal: pytest.MonkeyPatch) -> None:
    assert own
    assert "\x1b" not in cli("list", "models").out + cli("history").out
