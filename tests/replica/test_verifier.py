"""Helper processes that judge lines run our code and nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.crdt.making import root
from tui_registry.replica.log import verifier as verifying
from tui_registry.replica.log.judge import Checked
from tui_registry.replica.log.verifier import Verifier


def test_judging_in_helpers_runs_nothing_that_lies_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull may well be started in a folder that a stranger filled: a downloaded model's, say."""
    (tmp_path / "tui_registry").mkdir()
    for name in ("tui_registry/__init__", "marshal", "struct", "re"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    verifier = Verifier(few=0)
    try:
        verdicts = verifier.judge([root(name=f"model {number}").body for number in range(3)])
    finally:
        verifier.close()
    assert all(isinstance(verdict, Checked) for verdict in verdicts)
    assert not (tmp_path / "ran").exists()


def test_a_line_now_and_then_starts_no_helpers_however_long_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is pushed to all day would else hold their memory all day."""
    now = 0.0
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(verifying.time, "monotonic", lambda: now)
    verifier = Verifier(few=50)
    try:
        for _ in range(200):
            verifier.judge([b"x"])
            now += 1
            assert verifier._helpers is None
        verifier.judge([b"x"] * 60)
        assert verifier._helpers is not None
    finally:
        verifier.close()


def test_processes_of_one_node_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them would else start as many helpers as there are cores, which anybody can bring about who may push."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for processes, helpers in ((2, 2), (3, 0)):
        verifier = Verifier(few=0, processes=processes)
        try:
            verifier.judge([b"x"])
            assert helpers == (0 if verifier._helpers is None else len(verifier._helpers._all))
        finally:
            verifier.close()
