"""Completion: what may stand at the cursor of a line, and that real shells put it there at a press of Tab."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.seeds import make_record, owner
from tui_registry.cli.commands import COMMANDS, SHELLS
from tui_registry.cli.completion import SCRIPTS, split
from tui_registry.datastore import DATABASE, Datastore

LAB = owner("lab").address
HOSTILE = "zz $(touch pwned) `touch pwned`; touch pwned; it's !x * #"
QUOTED = f'name:="{HOSTILE}"'


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three records, two peers, a saved search and a named owner; closed."""
    folder = tmp_path_factory.mktemp("whole")
    with Datastore.open(folder) as datastore:
        for name in ("alpha", "beta", "Big Model", HOSTILE, "colour \x1b[31m"):
            datastore.add("model", make_record("model", name, license="MIT"))
        datastore.peers.add("hub", "http://127.0.0.1:1")
        datastore.peers.add("stick", "/media/stick")
        datastore.searches.save("small", "params:<=8b")
        datastore.names.set(LAB, "my-lab")
    return folder


@pytest.fixture
def ids(whole: Path) -> dict[str, str]:
    """The id of each record by its name."""
    with Datastore.open(whole) as datastore:
        return {row.name: row.id for row in datastore.search().rows}


@pytest.fixture
def offered(cli: Cli, whole: Path) -> object:
    def ask(*words: str) -> tuple[str, list[str]]:
        said = cli("completion", "words", "--", "--data-dir", str(whole), *words)
        assert (said.code, said.err) == (0, "")
        kind, *lines = said.out.splitlines()
        return kind, [line.partition("\t")[0] for line in lines]

    return ask


# ---- what may stand there ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "kind", "candidates"),
    [
        (["stat"], "words", ["status"]),
        (["peer", ""], "words", ["add", "look", "list", "show", "trust", "faces", "limit", "remove", "find"]),
        (["peer", "remove", ""], "words", ["hub", "stick"]),
        (["peer", "add", "x", ""], "files", []),
        (["sync", "hub", ""], "words", ["stick"]),
        (["sync", "--pu"], "words", ["--push"]),
        (["sync", "--from", ""], "files", []),
        (["list", "m"], "words", ["models"]),
        (["list", "models", "--sort", "-n"], "words", ["-name"]),
        (["list", "models", "--sort=na"], "words", ["--sort=name"]),
        (["search", "kind:mo"], "words", ["kind:model"]),
        (["search", "alpha kind:mo"], "words", ["alpha kind:model"]),
        (["search", "licen"], "words open", ["license:"]),
        (["search", "license:"], "words", ["license:MIT"]),
        (["search", "name:bi"], "words", ['name:="Big Model"']),
        (["search", "name:colo"], "words", []),
        (["search", "@s"], "words", ["@small"]),
        (["search", "--forget", ""], "words", ["small"]),
        (["search", "--", "--kind"], "words", []),
        (["--query", "kind:mo"], "words", ["kind:model"]),
        (["identity", "name", ""], "words", [LAB]),
        (["identity", "export", ""], "files", []),
        (["export", "--log", ""], "folders", []),
        (["config", "set", "sync.pull_"], "words", ["sync.pull_seconds"]),
        (["completion", ""], "words", [*SHELLS]),
        (["help", "prot"], "words", ["protocol"]),
        (["undo", "--batch", ""], "words", ["last"]),
        (["no-such-command", ""], "words", []),
        (["verify", "too", "many", ""], "words", []),
        (["diff", "zzzz", ""], "words", []),
    ],
)
def test_what_may_stand_at_the_cursor(offered: object, words: list[str], kind: str, candidates: list[str]) -> None:
    assert callable(offered)
    assert offered(*words) == (kind, candidates)


def test_records_are_completed_by_their_id_and_by_a_name_that_only_one_has(
    offered: object, ids: dict[str, str]
) -> None:
    assert callable(offered)
    short = {name: identifier[:12] for name, identifier in ids.items()}
    assert offered("show", "") == ("words", sorted(short.values(), key=[*short.values()].index))
    for name, identifier in ids.items():
        if name not in ("alpha", "beta", "Big Model"):
            continue
        assert offered("show", identifier[:4]) == ("words", [short[name]])
        assert offered("compare", short["beta"], name.lower()) == ("words", [name])
    (operation,) = offered("diff", ids["alpha"], "")[1]
    assert offered("resolve", ids["alpha"], "--take", operation[:3]) == ("words", [operation])


def test_every_command_and_option_is_offered(offered: object) -> None:
    assert callable(offered)
    assert offered("")[1] == [*COMMANDS]
    for command in COMMANDS:
        assert "--help" in offered(command, "-")[1]


def test_pressing_tab_makes_nothing_and_a_replica_that_cannot_be_read_offers_nothing(
    cli: Cli, data_dir: Path, whole: Path, tmp_path: Path
) -> None:
    assert cli("completion", "words", "--", "show", "").out == "words\n"
    assert not data_dir.exists()
    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    (spoilt / DATABASE).write_bytes(b"nonsense" * 1_000)
    assert cli("completion", "words", "--", "--data-dir", str(spoilt), "show", "").out == "words\n"
    before = {path: path.read_bytes() for path in whole.iterdir()}
    cli("completion", "words", "--", "--data-dir", str(whole), "show", "")
    assert {path: path.read_bytes() for path in whole.iterdir()} == before


@pytest.mark.parametrize(
    ("line", "words", "quote"),
    [
        ("tui-registry ", [""], ""),
        ("tui-registry  list mo", ["list", "mo"], ""),
        ("X=1 _y=2 tui-registry list a=b", ["list", "a=b"], ""),
        ("tui-registry search 'a kind:mo", ["search", "a kind:mo"], "'"),
        ('tui-registry search "', ["search", ""], '"'),
        ('tui-registry search "a\\"b" c\\ d \'\'', ["search", 'a"b', "c d", ""], ""),
        ("tui-registry search 'it''s' ", ["search", "its", ""], ""),
        ("tui-registry x\\", ["x"], ""),
    ],
)
def test_a_line_is_split_as_a_shell_does(line: str, words: list[str], quote: str) -> None:
    assert split(line) == (words, quote)


def test_there_is_a_script_for_every_shell_that_is_named(cli: Cli) -> None:
    assert {*SHELLS} == {*SCRIPTS}
    for shell in SHELLS:
        assert cli("completion", shell).out == SCRIPTS[shell]
    assert "are required: bash|zsh|fish. Try" in cli("completion").err


# ---- in real shells ------------------------------------------------------------------------------------------------

_START = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
_READY = {
    "bash": "bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; source <(tui-registry completion bash)",
    "zsh": "unsetopt beep zle_bracketed_paste; autoload -Uz compinit; compinit -D -u; source <(tui-registry completion zsh)",
    "fish": "tui-registry completion fish | source",
}


class Shell:
    """A real shell in a terminal of its own, in which `tui-registry` completes and else only says how it was run."""

    def __init__(self, shell: str, folder: Path, replica: Path) -> None:
        program = shutil.which(shell)
        if program is None:
            pytest.skip(f"{shell} is not here")
        stub = folder / "bin" / "tui-registry"
        stub.parent.mkdir()
        stub.write_text(
            f'#!/bin/sh\nif [ "$1" = completion ]; then exec {sys.executable} -m tui_registry "$@"; fi\n'
            "printf 'RAN'; for word in \"$@\"; do printf ' <%s>' \"$word\"; done; printf ' DONE\\n'\n"
        )
        stub.chmod(0o755)
        (folder / "record.ops").touch()
        environment = {
            "PATH": f"{stub.parent}:/usr/bin:/bin",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": str(folder),
            "TERM": "dumb" if shell == "bash" else "xterm",
            "TUI_REGISTRY_DATA_DIR": str(replica),
            "LANG": "C.UTF-8",
            "PS1": "$ ",
        }
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.chdir(folder)
            os.execve(program, [program, *_START[shell]], environment)
        self._read = b""
        os.write(self.terminal, f"{_READY[shell]}; echo REA''DY\n".encode())
        self.until(b"READY")

    def until(self, end: bytes) -> bytes:
        """What comes up to and with these bytes."""
        while end not in self._read:
            ready, _, _ = select.select([self.terminal], [], [], 30)
            assert ready, f"it never said {end!r}, only {self._read!r}"
            self._read += os.read(self.terminal, 4_096)
        found, _, self._read = self._read.partition(end)
        return found

    def run(self, keys: str) -> str:
        """The words with which the program was run by these keys; `\\t` is Tab."""
        os.write(self.terminal, keys.encode() + b"\n")
        self.until(b"RAN ")
        return self.until(b" DONE").decode()

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes(shell: str, whole: Path, tmp_path: Path, ids: dict[str, str]) -> None:
    running = Shell(shell, tmp_path, whole)
    try:
        alpha = ids["alpha"]
        assert running.run("tui-registry stat\t") == "<status>"
        assert running.run("tui-registry peer rem\thu\t") == "<peer> <remove> <hub>"
        assert running.run(f"tui-registry show {alpha[:5]}\t") == f"<show> <{alpha[:12]}>"
        assert running.run("tui-registry list models --so\tnam\t") == "<list> <models> <--sort> <name>"
        assert running.run("tui-registry search kind:mo\t") == "<search> <kind:model>"
        assert running.run("tui-registry search licen\tM\t") == "<search> <license:MIT>"
        # The shell closes the quote behind what is complete.
        assert running.run("tui-registry search 'alpha kind:mo\t") == "<search> <alpha kind:model>"
        assert running.run('tui-registry search "alpha kind:mo\t') == "<search> <alpha kind:model>"
        assert running.run("tui-registry verify --ops rec\t") == "<verify> <--ops> <record.ops>"
        if shell != "fish":  # which offers only what has the letters that were typed
            assert running.run("tui-registry show alp\t") == "<show> <alpha>"
            assert running.run("tui-registry show Big\t") == "<show> <Big Model>"
            assert running.run("tui-registry show zz\t") == f"<show> <{HOSTILE}>"
            assert running.run("tui-registry search name:bi\t") == '<search> <name:="Big Model">'
            # Nothing that a stranger calls a record is run by the shell of whoever completes it.
            assert running.run("tui-registry search name:zz\t") == f"<search> <{QUOTED}>"
            assert running.run("tui-registry search 'name:zz\t") == f"<search> <{QUOTED}>"
            assert not (tmp_path / "pwned").exists()
    finally:
        running.close()


def test_machines_are_offered_by_their_names(cli: Cli, offered: object) -> None:
    ask: Callable[..., tuple[str, list[str]]] = offered  # type: ignore[assignment]
    assert cli("config", "set", "machines.big", "gpu=2x24gb").code == 0
    assert ask("fit", "ab", "--machine", "") == ("words", ["big", "gpu=", "ram="])
    assert ask("search", "--machine", "b") == ("words", ["big"])
    assert ask("config", "set", "mach") == ("words", ["machines.big"])
