"""The real entry point on a real replica in a directory of its own."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.cli import shapes
from tests.seeds import seed
from tui_registry import keystore
from tui_registry.__main__ import main
from tui_registry.cli import run as run_line
from tui_registry.cli.commands import COMMANDS
from tui_registry.cli.parser import build_parser
from tui_registry.datastore import Datastore

MODEL = "name: my-finetune\nversion: 1.0.0\nlicense: Apache-2.0\nparameters: 7.6b\ncontext_length: 32k\ntags: [chat]\n"


@cache
def _parser_of(names: tuple[str, ...]) -> argparse.ArgumentParser:
    return build_parser(names)


def _build_parser_once(line: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """A process that is started for one line makes its parser for that line; to make it takes longer than most lines
    take, and the same one reads the next line with these names of commands as well."""
    return _parser_of(tuple(name for name in COMMANDS if line is None or name in line))


@dataclass(frozen=True, slots=True)
class Said:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        (line,) = self.lines
        return line

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Cli = Callable[..., Said]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The replica that commands use, by the environment; nothing of the person's own is in reach."""
    path = tmp_path / "data"
    monkeypatch.setenv("TUI_REGISTRY_DATA_DIR", str(path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("TUI_REGISTRY_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def cli(data_dir: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command line in this process; `given` is what it finds on stdin. What it prints with `--json` has the shape
    that `help json` tells."""

    # Its module: the package calls the function by that name.
    monkeypatch.setitem(run_line.__globals__, "build_parser", _build_parser_once)

    def run(*words: str, given: str | bytes = b"") -> Said:
        raw = given.encode() if isinstance(given, str) else given
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))
        capfd.readouterr()
        code = main(words)
        captured = capfd.readouterr()
        said = Said(code, captured.out, captured.err)
        if shapes.row_of(words) is not None:
            fault = shapes.fault_of(words, said.lines, code)
            assert fault is None, f"'help json' says otherwise: {fault}"
        return said

    return run


@pytest.fixture
def quick_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keystores that are made have a lock of small cost: a real one takes most of a second to close and to open."""
    monkeypatch.setattr(keystore, "_SCRYPT_N", 1_024)


@pytest.fixture
def seeded(data_dir: Path) -> Path:
    """Twelve records of a stranger, two of them agents."""
    with Datastore.open(data_dir) as datastore:
        seed(datastore)
    return data_dir


@pytest.fixture
def own(cli: Cli) -> str:
    """The id of a model of this replica's own."""
    said = cli("register", "model", "-", "--json", given=MODEL)
    assert said.code == 0, said.err
    identifier: str = said.json["id"]
    return identifier


def is_one_sentence(said: Said, *parts: str) -> bool:
    """Whether a command failed with exactly one line on stderr that holds all the parts, and no traceback; on stdout
    there is nothing, or with `--json` the error."""
    lines: Sequence[str] = said.err.splitlines()
    return (
        said.code == 1
        and (said.out == "" or list(said.json) == ["error"])
        and len(lines) == 1
        and lines[0].startswith("tui-registry: ")
        and "Traceback" not in said.err
        and all(part in said.err for part in parts)
    )
