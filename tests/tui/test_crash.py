"""A mistake in the program ends the app as it ends a command: with a sentence, and not as if all were well."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.benchmarks.terminal import Terminal
from tests.tui.test_terminals import left_changed

_CRASHES_ON_HELP = """
import sys
from tui_registry.__main__ import main
from tui_registry.tui import RegistryApp

def crash(app):
    secret = "a value that was at hand"
    raise LookupError("made by a test")

RegistryApp.action_help = crash
print("it ended with", main(["--data-dir", sys.argv[1]]), flush=True)
"""


def test_a_crash_of_the_app_ends_with_1_and_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUI_REGISTRY_DEBUG", raising=False)
    environment = {**os.environ, "TERM": "xterm-256color", "XDG_CONFIG_HOME": str(tmp_path)}
    arguments = [sys.executable, "-c", _CRASHES_ON_HELP, str(tmp_path / "data")]
    with Terminal(arguments, environment, 100, 30) as terminal:
        terminal.wait_for(b"help")
        terminal.wait_for(b"Nothing is registered")
        terminal.press(b"?")
        terminal.wait_for(b"it ended with 1")
        assert left_changed(terminal.seen) == set()
        said = terminal.seen.rpartition(b"\x1b[?1049l")[2].decode()  # back from the alternate screen
    assert "this should not happen (LookupError: made by a test)" in said
    assert "at hand" not in said
    assert "Traceback" not in said
