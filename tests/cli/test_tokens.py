"""`token`: made, shown once, listed, revoked."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Cli, is_one_sentence
from tui_registry.datastore import TOKEN_FILE, TOKEN_SCOPES, Datastore
from tui_registry.node import running


def test_a_token_is_shown_once_and_listed_without_what_it_is(cli: Cli) -> None:
    made = cli("token", "add", "ci")
    token = made.out.strip()
    assert len(token) > 40
    assert "not shown again" in made.err
    other = cli("token", "add", "mirror", "--scope", "metrics", "--scope", "push", "--json").json
    assert other["name"] == "mirror"
    assert other["scopes"] == ["push", "metrics"]
    listed = cli("token", "list")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["TOKEN", "ci", "mirror"]
    assert "push, metrics" in listed.out
    as_json = cli("token", "list", "--json")
    assert [(row["name"], row["scopes"]) for row in as_json.lines] == [
        ("ci", ["write"]),
        ("mirror", ["push", "metrics"]),
    ]
    for secret in (token, other["token"]):
        assert str(secret) not in listed.out + listed.err + as_json.out


def test_a_token_that_could_not_be_shown_is_none(cli: Cli, data_dir: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(data_dir), "token", "add", "ci"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "tui-registry: the disk is full: make room and try again\n")
    assert cli("token", "list").out == ""
    assert cli("token", "add", "ci").code == 0


def test_a_revoked_token_is_gone_and_its_name_is_free_for_another(cli: Cli, data_dir: Path) -> None:
    token = cli("token", "add", "ci").out.strip()
    assert is_one_sentence(cli("token", "add", "ci"), "there is a token named 'ci'", "revoke")
    assert cli("token", "revoke", "ci", "--json").json == {"name": "ci", "revoked": True}
    assert is_one_sentence(cli("token", "revoke", "ci"), "no token named 'ci'", "token list")
    assert cli("token", "list").out == ""
    again = cli("token", "add", "ci").out.strip()
    with Datastore.open(data_dir) as store:
        assert store.tokens.find(token.encode()) is None
        assert store.tokens.find(again.encode()) is not None


@pytest.mark.parametrize("name", ["", " ", "-x", "x" * 33, "a/b", "\u202eabc", TOKEN_FILE])
def test_a_name_that_is_none_is_refused(cli: Cli, name: str) -> None:
    assert cli("token", "add", "--", name).code == 1
    assert cli("token", "list").out == ""


def test_a_scope_that_there_is_not_is_refused_and_the_others_are_named(cli: Cli) -> None:
    said = cli("token", "add", "ci", "--scope", "admin")
    assert said.code == 2
    assert all(scope in said.err for scope in TOKEN_SCOPES)


def test_the_token_of_0_1_is_listed_first_and_revoked_with_its_file(cli: Cli, data_dir: Path) -> None:
    cli("token", "add", "ci")
    file = data_dir / TOKEN_FILE
    file.write_text("x" * 43 + "\n")
    file.chmod(0o644)
    listed = cli("token", "list", "--json").lines
    assert [(row["name"], row["created_at"] is None) for row in listed] == [(TOKEN_FILE, True), ("ci", False)]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "by version 0.1" in cli("token", "list").out
    assert cli("token", "revoke", TOKEN_FILE).code == 0
    assert not file.exists()
    assert [row["name"] for row in cli("token", "list", "--json").lines] == ["ci"]
    assert is_one_sentence(cli("token", "revoke", TOKEN_FILE), TOKEN_FILE)


def test_a_push_bears_the_token_in_a_file_and_shows_it_to_one_peer_alone(cli: Cli, tmp_path: Path) -> None:
    cli("register", "model", "-", given=MODEL)
    with Datastore.open(tmp_path / "hub") as hub, running(hub, accept_ops="token") as address:
        cli("peer", "add", "hub", address.url)
        (tmp_path / "writing").write_text(hub.tokens.add("writing", ["write"]))
        (tmp_path / "pushing").write_text(hub.tokens.add("pushing", ["push"]) + "\n")
        (tmp_path / "none").write_text("no token\n")
        for line in ("", "--token-file writing"):
            said = cli("sync", "hub", "--push", *line.split())
            assert said.code == 1
            assert "--token-file" in said.err
        assert hub.log.head().size == 0
        assert cli("sync", "hub", "--push", "--token-file", "pushing").code == 0
        assert hub.log.head().size == 1
        assert "holds no token" in cli("sync", "hub", "--push", "--token-file", "none").err
    for line in ("hub", "--push", "hub other --push"):
        assert cli("sync", *line.split(), "--token-file", "pushing").code == 2


def test_a_peer_by_a_name_that_it_does_not_know_says_what_to_do(cli: Cli, tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "hub") as hub, running(hub, "127.0.0.1") as address:
        # Leads to this machine, and is no address of the node's.
        cli("peer", "add", "hub", f"http://0.0.0.0:{address.port}")
        said = cli("sync", "hub")
    assert said.code == 1
    assert "--host-name 0.0.0.0" in said.err
