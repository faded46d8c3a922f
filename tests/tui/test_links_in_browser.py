"""An address of a record is opened on demand alone, shown in full before, and none that is not of the web."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.seeds import make_record
from tests.tui.driving import press, replica, running, screen_text, status
from tui_registry.present.using import is_web_page, links
from tui_registry.records.schema import defaults
from tui_registry.tui.browse.record_use import LinksScreen, browser

REPOSITORY, DOCUMENTATION = "https://example.org/org/repo", "https://docs.example.org/m?x=$(reboot)&y=';z"


@pytest.fixture(autouse=True)
def _desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a screen, on which opening an address writes down what was opened."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("DISPLAY", ":0")
    for name in ("SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$@" >> {tmp_path}/opened\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{opener.parent}{os.pathsep}{os.environ['PATH']}")


async def test_an_address_is_shown_in_full_and_opened_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = {**defaults("manifest"), "repository_url": REPOSITORY, "documentation_url": DOCUMENTATION}
    with replica(tmp_path / "data") as datastore:
        datastore.add("model", make_record("model", "said"), manifest=manifest)
        async with running(datastore, (160, 50)) as (app, pilot):
            await press(pilot, "O")
            assert isinstance(app.screen, LinksScreen)
            await press(pilot, "down", "enter")
            assert DOCUMENTATION in screen_text(app)
            assert not (tmp_path / "opened").exists()
            await press(pilot, "o")
            assert (tmp_path / "opened").read_text() == f"1\n{DOCUMENTATION}\n"
            assert DOCUMENTATION in status(app)
            monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
            await press(pilot, "O", "enter")
            assert "(SSH)" in screen_text(app)
            await press(pilot, "o", "y")
            assert app.clipboard == REPOSITORY
            assert (tmp_path / "opened").read_text().count("\n") == 2


async def test_a_record_without_an_address_says_so(tmp_path: Path) -> None:
    with replica(tmp_path / "data") as datastore:
        datastore.add("model", make_record("model", "silent"))
        async with running(datastore) as (app, pilot):
            await press(pilot, "O")
            assert "names no address of the web" in status(app)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "ftp://example.org/", "https://", "https:///x",
        "https://user@example.org/", "https://example.org@evil.example/", "http://exa mple.org", "-https://example.org",
        "https://ex\u0430mple.org/", "https://example.org/\x1b[31m", "https://example.org\\@evil.example", "//example.org",
        "mailto:a@example.org", "hf://org/m", "https://example.org\n", "HTTPS//example.org", "", "https://-x/",
    ],
)  # fmt: skip
def test_no_other_address_is_offered(url: str) -> None:
    assert not is_web_page(url)
    assert links({**defaults("manifest"), "repository_url": url}) == []


def test_where_nothing_opens_a_browser_it_is_said_why(tmp_path: Path) -> None:
    words, why_not = browser({"PATH": str(tmp_path), "DISPLAY": ":0"}, "linux")
    assert (words, "xdg-open is not there" in why_not) == ([], True)
    assert browser({"PATH": str(tmp_path)}, "linux")[0] == []
    assert "SSH" in browser({"PATH": str(tmp_path), "SSH_TTY": "/dev/pts/1"}, "darwin")[1]
