"""How far a command is: on stderr where that is a terminal, once it takes a second, and nowhere else."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tui_registry.cli.output import how_far, progress_bar

BEGUN = 1000.0


class Clock:
    def __init__(self) -> None:
        self.now = BEGUN

    def __call__(self) -> float:
        return self.now


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands, before a terminal of 120 columns."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    return Clock()


def test_a_bar_comes_after_a_second_tells_the_time_left_and_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = at_a_terminal(monkeypatch)
    with progress_bar("checked", clock) as show:
        for second, done in ((0.0, 0), (0.5, 50)):
            clock.now = BEGUN + second
            show(done, 1_000)
        assert capsys.readouterr().err == ""
        clock.now = BEGUN + 10
        show(250, 1_000)
        line = capsys.readouterr().err
        assert line == "\rchecked 250 of 1,000 [=====>              ] 25%  0:30 left"
    assert capsys.readouterr().err == "\r" + " " * (len(line) - 1) + "\r"


def test_what_an_earlier_run_did_counts_as_no_speed_of_this_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = at_a_terminal(monkeypatch)
    with progress_bar("checked", clock) as show:
        show(900, 1_000)
        clock.now = BEGUN + 10
        show(950, 1_000)
        assert capsys.readouterr().err.endswith("95%  0:10 left")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (how_far("read", 12_408, 0, None), "read 12,408"),
        (how_far("hub", 0, 10, None), "hub 0 of 10 [>                   ] 0%"),
        (how_far("hub", 10, 10, 4.0), "hub 10 of 10 [====================] 100%"),
        (how_far("hub", 12, 10, 4.0), "hub 12 of 10 [====================] 100%"),
        (how_far("hub", 1, 1_000_000, 36_000.0), "hub 1 of 1,000,000 [>                   ] 0%  10:00:00 left"),
    ],
)
def test_how_far_something_is(line: str, told: str) -> None:
    assert line == told


@pytest.mark.parametrize(
    "words", [("export",), ("export", "--ops"), ("verify",), ("import", "x.json", "--kind", "model")]
)
def test_a_pipe_gets_no_bar(cli: Cli, own: str, words: tuple[str, ...]) -> None:
    assert own
    said = cli(*words)
    assert "\r" not in said.out + said.err
    assert "[=" not in said.out + said.err
