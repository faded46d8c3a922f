"""A long text in the person's own editor: what it leaves comes back as one edit, and nothing is lost otherwise."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest

from tests.seeds import make_record
from tests.tui.driving import press, replica, running, status
from tests.tui.form_app import go_to
from tui_registry.tui import RegistryApp
from tui_registry.tui.register.inputs import SafeArea
from tui_registry.tui.register.register_screen import RegisterScreen


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)


def editor(code: str) -> str:
    """A value of `$EDITOR`: a program that does this with the file at `path`, given words of its own before it."""
    program = f"import sys, os, pathlib\npath = pathlib.Path(sys.argv[-1])\nassert sys.argv[1] == 'two words'\n{code}"
    return shlex.join([sys.executable, "-c", program, "two words"])


def left(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()]


def area(app: RegistryApp) -> SafeArea:
    assert isinstance(app.focused, SafeArea)
    return app.focused


async def test_an_editor_changes_a_long_text_as_one_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with replica(tmp_path / "data") as datastore:
        datastore.add("model", make_record("model", "mine", description="before"))
        async with running(datastore) as (app, pilot):
            await press(pilot, "e")
            assert isinstance(app.screen, RegisterScreen)
            await go_to(pilot, "description")
            code = "assert os.stat(path).st_mode & 0o777 == 0o600; assert path.name == 'description.md'\n"
            code += "path.write_text(path.read_text() + ' and\\x1b[31m after\\n')"
            monkeypatch.setenv("EDITOR", editor(code))
            await press(pilot, "ctrl+o")
            assert area(app).text == "before and\ufffd[31m after"
            assert app.screen.state.texts["description"] == area(app).text
            await press(pilot, "ctrl+z")
            assert area(app).text == "before"
            assert left(tmp_path) == []


# What stands in $VISUAL, what is said of how it ended, and whether what was written is kept.
_ENDS_BADLY: Final = [
    ("", "set $VISUAL or $EDITOR", False),
    ("no-such-editor --wait", "cannot be started", False),
    ("vi 'x", "ends within a quotation", False),
    (editor(""), "nothing was changed", False),
    (editor("path.write_text(path.read_text() + '\\n')"), "nothing was changed", False),
    (editor("sys.exit(3)"), "ended with 3: the text stays as it was", False),
    (editor("path.write_text('much'); sys.exit(3)"), "and what was written is in", True),
    (editor("path.write_text('much'); os.kill(os.getpid(), 9)"), "signal 9 ended the editor", True),
    (editor("path.write_bytes(b'\\xff')"), "not UTF-8", True),
    (editor("path.write_text('x' * 300_000)"), "more than 256 KiB", True),
    (editor("path.unlink()"), "cannot be read", False),
]


async def test_where_an_editor_does_not_end_well_the_text_stays_and_so_does_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replica(tmp_path / "data") as datastore:
        datastore.add("model", make_record("model", "mine", description="before"))
        async with running(datastore, (160, 50)) as (app, pilot):
            await press(pilot, "e")
            await go_to(pilot, "description")
            for value, told, kept in _ENDS_BADLY:
                monkeypatch.setenv("VISUAL", value)
                app.say("")
                await press(pilot, "ctrl+o")
                assert told in status(app), value
                assert area(app).text == "before", value
                assert len(left(tmp_path)) == kept, value
                for path in left(tmp_path):
                    assert os.fspath(path) in status(app), value
                    path.unlink()


async def test_where_the_disk_has_no_room_for_the_file_nothing_of_it_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replica(tmp_path / "data") as datastore:
        datastore.add("model", make_record("model", "mine", description="before"))
        async with running(datastore) as (app, pilot):
            await press(pilot, "e")
            await go_to(pilot, "description")
            monkeypatch.setenv("EDITOR", editor(""))
            monkeypatch.setattr(Path, "write_bytes", _no_room)
            await press(pilot, "ctrl+o")
            assert "no file could be made for the editor" in status(app)
            assert area(app).text == "before"
            assert list((tmp_path / "tmp").iterdir()) == []


def _no_room(path: Path, data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
