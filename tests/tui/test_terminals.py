"""What the app leaves of the terminal, whatever ends or stops it; and which terminals it can be used in."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.benchmarks.terminal import Terminal
from tests.seeds import make_record
from tui_registry.datastore import Datastore

_APP = (sys.executable, "-m", "tui_registry")
# As a terminal answers that it can tell of its size: then more of its modes are changed.
_TELLS_ITS_SIZE = b"\x1b[?2048;2$y"
_STARTED = b"Nothing is registered here yet"


def open_terminal(
    tmp_path: Path, command: Sequence[str] = (), columns: int = 100, rows: int = 30, term: str = "xterm-256color"
) -> Terminal:
    """A terminal in which the app, or a shell that runs it as `"$@"`, has a replica in `data`."""
    environment = {**os.environ, "TERM": term, "XDG_CONFIG_HOME": str(tmp_path)}
    arguments = [*command, *_APP, "--data-dir", str(tmp_path / "data")]
    return Terminal(arguments, environment, columns, rows)


def shell(script: str) -> tuple[str, ...]:
    """A shell that runs a script in which `"$@"` is the app."""
    return ("/bin/sh", "-c", script, "sh")


def left_changed(written: bytes) -> set[bytes]:
    """The modes of the terminal that are not as a shell has them, after all that was written to it."""
    modes = dict(re.findall(rb"\x1b\[\?(\d+)([hl])", written))
    usual = {mode: b"h" if mode in (b"7", b"25") else b"l" for mode in modes}
    changed = {mode for mode in modes if modes[mode] != usual[mode]}
    pushed = len(re.findall(rb"\x1b\[>\d+u", written)) - written.count(b"\x1b[<u")
    return changed | ({b"kitty keyboard"} if pushed else set())


def begin_a_form(terminal: Terminal) -> None:
    """Start to register a model called zebra."""
    terminal.wait_for(_STARTED)
    terminal.press(_TELLS_ITS_SIZE)
    terminal.wait_for(b"\x1b[?2048h")
    terminal.press(b"n")
    terminal.wait_for(b"weights that answer")
    terminal.press(b"m")
    terminal.wait_for(b"Quantisation")
    terminal.press(b"zebra")
    terminal.wait_for(b"zebra")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back_and_keeps_what_was_typed(tmp_path: Path, number: signal.Signals) -> None:
    with open_terminal(tmp_path) as terminal:
        before = terminal.settings()
        begin_a_form(terminal)
        assert left_changed(terminal.seen)
        terminal.send(number)
        terminal.send(number)  # as `timeout` and a closing shell do
        assert terminal.wait() == 128 + number
        assert left_changed(terminal.seen) == set()
        assert terminal.settings() == before
    with Datastore.open(tmp_path / "data") as datastore:
        assert [draft.fields["name"] for draft in datastore.drafts.all()] == ["zebra"]


@pytest.mark.parametrize(
    ("seen", "number"),
    [(b"\x1b[?1049h", signal.SIGQUIT), (b"weights that answer", signal.SIGINT)],
    ids=["starting", "asking something"],
)
def test_a_signal_gives_the_terminal_back_while_the_app_is(tmp_path: Path, seen: bytes, number: signal.Signals) -> None:
    with open_terminal(tmp_path) as terminal:
        before = terminal.settings()
        terminal.press(b"n")
        terminal.wait_for(seen)
        terminal.send(number)
        assert terminal.wait() == 128 + number
        assert left_changed(terminal.seen) == set()
        assert terminal.settings() == before


def test_fg_brings_the_screen_back_with_what_was_typed(tmp_path: Path) -> None:
    script = 'set -m; "$@"; echo is st"opped"; read line; fg; echo has e"nded" with $?'
    with open_terminal(tmp_path, shell(script)) as terminal:
        before = terminal.settings()
        begin_a_form(terminal)
        terminal.press(b"\x1a")
        terminal.wait_for(b"is stopped")
        assert left_changed(terminal.seen) == set()
        assert terminal.settings() == before
        terminal.forget()
        terminal.press(b"\n")
        terminal.wait_for(b"zebra")
        terminal.wait_for(b"ctrl+s")
        terminal.press(b"ra")
        terminal.wait_for(b"zebrara")
        terminal.press(b"\x11")
        terminal.wait_for(b"has ended with 0")
        terminal.wait()
        assert left_changed(terminal.seen) == set()
        assert terminal.settings() == before


def test_the_terminal_is_the_editors_until_it_ends_and_what_is_typed_there_ends_nothing_else(tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    # Ctrl+C reaches all that has the terminal: the editor goes on, and so must the app.
    lines = "trap : INT", "echo edi'ting'", "read line", "kill -INT 0", 'echo "$line OUT"SIDE >> "$1"', "stty raw -echo"
    editor.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    editor.chmod(0o755)
    script = f'EDITOR={editor} "$@"; echo has e"nded" with $?'
    with open_terminal(tmp_path, shell(f"trap : INT; {script}")) as terminal:
        before = terminal.settings()
        begin_a_form(terminal)
        for _ in range(5):
            terminal.press(b"\x1b[1;5B")  # ctrl+down
        terminal.wait_for(b"ctrl+o")
        terminal.press(b"\x0f")
        terminal.wait_for(b"editing")
        assert left_changed(terminal.seen) == set()
        assert terminal.settings() == before
        terminal.press(b"written\n")
        terminal.wait_for(b"written OUTSIDE")
        terminal.press(b"\x11")
        terminal.wait_for(b"has ended with 0")
        terminal.wait()
        assert left_changed(terminal.seen) == set()
        assert terminal.settings() == before


def test_a_stopped_app_ends_by_a_signal_without_touching_the_terminal(tmp_path: Path) -> None:
    script = 'set -m; "$@"; kill %1; bg; wait %1; echo has e"nded" with $?'
    with open_terminal(tmp_path, shell(script)) as terminal:
        terminal.wait_for(_STARTED)
        terminal.press(b"\x1a")
        terminal.wait_for(b"has ended with 143")
        assert left_changed(terminal.seen) == set()


def test_ctrl_z_where_no_shell_waits_says_so_and_goes_on(tmp_path: Path) -> None:
    with open_terminal(tmp_path) as terminal:
        terminal.wait_for(_STARTED)
        terminal.press(b"\x1a")
        terminal.wait_for(b"No shell is waiting")
        terminal.press(b"\x11")
        assert terminal.wait() == 0
        assert left_changed(terminal.seen) == set()


def test_too_small_a_terminal_says_so_and_loses_nothing(tmp_path: Path) -> None:
    with open_terminal(tmp_path, columns=20, rows=5) as terminal:
        terminal.wait_for(b"Too small: 20x5")
        terminal.wait_for(b"60x16")
        assert b"Browse" not in terminal.seen
        terminal.press(b"q")
        terminal.resize(100, 30)
        begin_a_form(terminal)
        terminal.press(b"\x1b[48;5;20;0;0t")  # as it tells of its size by now
        terminal.forget()
        terminal.wait_for(b"Too small: 20x5")
        terminal.press(b"lost")
        terminal.press(b"\x1b[48;30;100;0;0t")
        terminal.wait_for(b"zebra")
        terminal.press(b"ra")
        terminal.wait_for(b"zebrara")
        assert b"lost" not in terminal.seen


def test_ctrl_l_draws_the_whole_screen_anew(tmp_path: Path) -> None:
    with open_terminal(tmp_path) as terminal:
        terminal.wait_for(_STARTED)
        terminal.wait_for(b"ctrl+q")
        terminal.press(b"n")
        terminal.wait_for(b"weights that answer")
        terminal.forget()
        terminal.press(b"\x0c")  # in a dialog too
        for text in (b"\x1b[2J", b"Browse", b"weights that answer", b"ctrl+q"):
            terminal.wait_for(text)


def test_the_screens_are_shown_wherever_stderr_goes(tmp_path: Path) -> None:
    with open_terminal(tmp_path, shell(f'exec "$@" 2>{tmp_path}/log')) as terminal:
        terminal.wait_for(_STARTED)
        terminal.press(b"\x11")
        assert terminal.wait() == 0
    assert (tmp_path / "log").read_bytes() == b""


def test_a_settings_file_that_is_wrong_keeps_nobody_from_looking(tmp_path: Path) -> None:
    (tmp_path / "config" / "tui-registry").mkdir(parents=True)
    (tmp_path / "config" / "tui-registry" / "settings.toml").write_text("[sync]\nread_second = 3\n")
    with open_terminal(tmp_path, shell(f'XDG_CONFIG_HOME={tmp_path}/config exec "$@"')) as terminal:
        terminal.wait_for(b"settings not read: [sync] has no bound 'read_second'")
        terminal.press(b"\x11")
        assert terminal.wait() == 0


@pytest.mark.parametrize(
    ("script", "term", "said"),
    [
        ('exec "$@" </dev/null', "xterm", b"stdin is a pipe or a file"),
        ('exec "$@" >/dev/null', "xterm", b"stdout is a pipe or a file"),
        ('exec "$@"', "dumb", b"TERM is dumb"),
        ('unset TERM; exec "$@"', "", b"TERM is not set"),
    ],
)
def test_where_no_screens_can_be_shown_a_sentence_says_so(tmp_path: Path, script: str, term: str, said: bytes) -> None:
    with open_terminal(tmp_path, shell(script), term=term) as terminal:
        assert terminal.wait() == 1
        assert said in terminal.seen.replace(b"\r\n", b" ")
        assert b"\x1b" not in terminal.seen


def test_a_program_of_ones_own_has_the_terminal_and_its_keys_until_it_ends(tmp_path: Path) -> None:
    settings = tmp_path / "tui-registry" / "settings.toml"
    settings.parent.mkdir()
    mess = '[ "$line" != mess ] || { stty raw -echo; kill -9 $$; }'
    command = ["sh", "-c", f'echo "has $1"; read line; echo "read $line"; {mess}; exit 4', "sh", "{name}"]
    settings.write_text(f'[commands.lent]\nkey = "ctrl+g"\nrun = "screen"\nargv = {json.dumps(command)}\n')
    with Datastore.open(tmp_path / "data") as datastore:
        datastore.add("model", make_record("model", "lent-model"))
    script = 'set -m; "$@"; echo is st"opped"; read line; fg; echo has e"nded" with $?'
    with open_terminal(tmp_path, shell(script)) as terminal:
        before = terminal.settings()
        terminal.wait_for(b"lent-model")
        terminal.press(b"\x07")
        terminal.wait_for(b"do not ask again")
        terminal.press(b"R")
        terminal.wait_for(b"has lent-model")
        assert left_changed(terminal.seen) == set()
        assert terminal.settings() == before
        # Ctrl+Z stops both, and fg brings both back.
        terminal.press(b"\x1a")
        terminal.wait_for(b"is stopped")
        terminal.press(b"\n")
        terminal.forget()
        terminal.press(b"some words\n")
        terminal.wait_for(b"read some words")
        terminal.wait_for(b"ended with 4. Enter goes back")
        terminal.press(b"\n")
        terminal.wait_for(b"lent: ended with 4")
        # Ctrl+C is for the program.
        terminal.press(b"\x07")
        terminal.wait_for(b"has lent-model")
        terminal.press(b"\x03")
        terminal.wait_for(b"ended by SIGINT. Enter goes back")
        # Once more, as somebody does who sees nothing happen: it ends no more than the program.
        terminal.forget()
        terminal.press(b"\x03")
        terminal.wait_for(b"lent: ended by SIGINT")
        # Killed it leaves the terminal as it made it: Enter is Enter again.
        terminal.press(b"\x07")
        terminal.wait_for(b"has lent-model")
        terminal.press(b"mess\n")
        terminal.wait_for(b"ended by SIGKILL. Enter goes back")
        terminal.press(b"\r")
        terminal.wait_for(b"lent: ended by SIGKILL")
        terminal.press(b"\x11")
        terminal.wait_for(b"has ended with 0")
        terminal.wait()
        assert left_changed(terminal.seen) == set()
        assert terminal.settings() == before
