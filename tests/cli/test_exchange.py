"""`peer`, `sync`, `serve`: two replicas, real sockets and directories."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import MODEL, Cli, is_one_sentence
from tests.seeds import seed
from tui_registry.datastore import Datastore


@pytest.fixture
def stick(tmp_path: Path) -> str:
    """A stranger's log in a directory."""
    from tui_registry.sync import publish

    with Datastore.open(tmp_path / "stranger") as datastore:
        seed(datastore, 30)
        publish(datastore, tmp_path / "stick")
    return str(tmp_path / "stick")


@contextmanager
def serving(data_dir: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [
        sys.executable,
        "-m",
        "tui_registry",
        "--data-dir",
        str(data_dir),
        "serve",
        "--port",
        "0",
        "--json",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.terminate()


def test_a_peer_is_added_listed_and_removed(cli: Cli, stick: str) -> None:
    assert cli("peer", "add", "stick", stick, "--json").json["address"] == stick
    assert cli("peer", "list", "--json").json["last_sync"] is None
    assert "stick" in cli("peer", "list").out
    assert cli("peer", "remove", "stick").code == 0
    assert cli("peer", "list", "--json").lines == []


def test_a_file_is_no_peer_and_a_folder_that_is_not_there_yet_may_be_one(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "log.tar").write_bytes(b"x")
    said = cli("peer", "add", "stick", "log.tar")
    assert is_one_sentence(said, "that is a file, not a directory")
    with Datastore.open() as datastore:
        (problem,) = datastore.peers.check("stick", "log.tar")
    assert said.err == f"tui-registry: {problem.sentence}\n"
    assert cli("peer", "add", "stick", "not/there/yet").code == 0
    assert cli("peer", "add", "strangers", "~nobody-of-that-name/log").code == 0


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("add", "Bad Name", "/x"), "a peer's name"),
        (("add", "hub", "ftp://x"), "http://HOST"),
        (("remove", "nobody"), "no peer named 'nobody'"),
    ],
)
def test_a_peer_that_makes_no_sense_gets_a_sentence(cli: Cli, words: tuple[str, ...], part: str) -> None:
    assert is_one_sentence(cli("peer", *words), part)


def test_sync_reads_a_directory_and_the_second_time_finds_nothing_new(cli: Cli, stick: str) -> None:
    cli("peer", "add", "stick", stick)
    said = cli("sync", "--json")
    assert (said.code, said.json["applied"], said.json["error"]) == (0, 30, None)
    assert cli("sync").out == "stick: nothing new\n"
    assert len(cli("export").lines) == 30
    assert cli("peer", "list", "--json").json["identical"] is True


def test_a_peer_that_is_down_is_named_and_the_others_are_read(cli: Cli, stick: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        cli("peer", "add", "down", f"http://127.0.0.1:{unused.getsockname()[1]}")
        cli("peer", "add", "stick", stick)
        said = cli("sync")
    assert said.code == 1
    assert said.out == "stick: 30 new\n"
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("tui-registry: down: ")


def test_sync_with_an_unknown_peer_pulls_nothing(cli: Cli, stick: str) -> None:
    cli("peer", "add", "stick", stick)
    assert is_one_sentence(cli("sync", "stick", "nobody"), "nobody")
    assert cli("export").lines == []


def test_sync_without_peers_says_how_to_add_one(cli: Cli) -> None:
    assert is_one_sentence(cli("sync"), "peer add")


def test_serve_says_where_it_listens_and_another_replica_pulls_from_it(cli: Cli, tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "hub") as datastore:
        seed(datastore, 20)
        fingerprint = datastore.log.head().fingerprint
    with serving(tmp_path / "hub") as (process, ready):
        assert ready["port"] > 0
        cli("peer", "add", "hub", ready["url"])
        said = cli("sync", "hub", "--json")
        assert (said.code, said.json["applied"]) == (0, 20)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert cli("sync", "hub").code == 1
    with Datastore.open(tmp_path / "data") as datastore:
        assert datastore.log.head().fingerprint == fingerprint


@pytest.mark.parametrize("typed", ["0", "-1", "soon", "1e3", "", "0.0", "nan"])
def test_a_time_for_sync_is_a_number_of_seconds(cli: Cli, typed: str) -> None:
    said = cli("sync", f"--timeout={typed}")
    assert said.code == 2
    assert "a time is a number of seconds above 0, such as 60" in said.err


def test_sync_ends_with_the_time_that_it_is_given(cli: Cli, own: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cli("peer", "add", "silent", f"http://127.0.0.1:{silent.getsockname()[1]}")
        said = cli("sync", "silent", "--push", "--timeout", "0.2")
    assert is_one_sentence(said, "silent: did not end within the time that it was given")


def test_sync_push_offers_what_is_here_to_a_node_that_takes_it(cli: Cli, own: str, tmp_path: Path) -> None:
    with serving(tmp_path / "open", "--accept-ops") as (_, ready):
        cli("peer", "add", "open", ready["url"])
        pushed = cli("sync", "open", "--push", "--json").lines[1]
        assert (pushed["offered"], pushed["applied"], pushed["rejected"]) == (1, 1, 0)
        assert cli("sync", "open", "--push", "--json").lines[1]["offered"] == 0
        assert "open: has everything that is here" in cli("sync", "open", "--push").out
    with serving(tmp_path / "shut") as (_, ready):
        cli("peer", "add", "shut", ready["url"])
        said = cli("sync", "shut", "--push")
        assert said.code == 1
        assert "shut: " in said.err
    assert cli("--data-dir", str(tmp_path / "open"), "show", own).code == 0


def test_serve_refuses_other_machines_unless_asked_in_so_many_words(cli: Cli) -> None:
    assert is_one_sentence(cli("serve", "--host", "0.0.0.0", "--port", "0"), "--allow-remote")


def test_a_taken_port_gets_a_sentence(cli: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert is_one_sentence(cli("serve", "--port", port), port, "--port")


def test_help_tells_the_port_that_a_node_takes(cli: Cli) -> None:
    from tui_registry.node import serve

    assert f"default: {signature(serve).parameters['port'].default};" in cli("serve", "--help").out


@pytest.mark.parametrize("host", ["", "[]"])
def test_a_host_that_is_none_is_a_usage_error(cli: Cli, host: str) -> None:
    assert cli("serve", f"--host={host}").code == 2


def test_a_host_may_be_spelt_as_in_a_url(cli: Cli) -> None:
    said = cli("serve", "--host", "[::]", "--port", "0")
    assert is_one_sentence(said, "--allow-remote")


@pytest.mark.parametrize("port", ["65536", "-1", "http", "٣"])
def test_a_port_that_is_none_is_a_usage_error(cli: Cli, port: str) -> None:
    assert cli("serve", f"--port={port}").code == 2


def test_serve_token_shows_the_token_and_ends(cli: Cli) -> None:
    token = cli("serve", "--token").out.strip()
    assert len(token) >= 32
    assert cli("serve", "--token", "--json").json == {"token": token}


# A backup that was put back


def put_back(data_dir: Path, tmp_path: Path, cli: Cli, share: Callable[[], object]) -> str:
    """What was shared has seven records, and the backup in its place two; gives the epoch."""
    for number in range(2):
        assert cli("register", "model", "-", given=MODEL.replace("my-", f"my-{number}-")).code == 0
    shutil.copytree(data_dir, tmp_path / "backup")
    for number in range(2, 7):
        assert cli("register", "model", "-", given=MODEL.replace("my-", f"my-{number}-")).code == 0
    share()
    shutil.rmtree(data_dir)
    shutil.copytree(tmp_path / "backup", data_dir)
    with Datastore.open(data_dir) as store:
        return store.log.head().epoch


def test_a_backup_that_was_put_back_is_published_under_a_new_epoch_and_that_is_said(
    cli: Cli, data_dir: Path, tmp_path: Path
) -> None:
    epoch = put_back(data_dir, tmp_path, cli, lambda: cli("export", "--log", "log"))
    said = cli("export", "--log", "log", "--json")
    assert (said.code, said.json["operations"], said.json["new_epoch"]) == (0, 2, True)
    assert said.json["epoch"] != epoch
    assert "an older copy of itself, such as a backup: it has 2, and others were given 7 operations" in said.err
    again = cli("export", "--log", "log", "--json")
    assert (again.json["new_epoch"], again.err) == (False, "")
    asked = cli("export", "--log", "log", "--new-epoch")
    assert (asked.code, asked.err) == (0, "tui-registry: the log has a new epoch: readers begin anew\n")
    assert cli("export", "--new-epoch").code == 2


def test_a_backup_that_was_put_back_is_served_under_a_new_epoch_and_that_is_said(
    cli: Cli, data_dir: Path, tmp_path: Path
) -> None:
    def share() -> None:
        with serving(data_dir) as (_, ready):
            assert httpx.get(f"{ready['url']}/sync/head").json()["size"] == 7

    epoch = put_back(data_dir, tmp_path, cli, share)
    with serving(data_dir) as (process, ready):
        assert process.stderr is not None
        assert "it has 2, and others were given 7 operations" in process.stderr.readline()
        head = httpx.get(f"{ready['url']}/sync/head").json()
        assert (head["size"], head["epoch"] != epoch) == (2, True)
    with serving(data_dir, "--new-epoch") as (process, ready):
        assert process.stderr is not None
        assert "the log has a new epoch" in process.stderr.readline()
        assert httpx.get(f"{ready['url']}/sync/head").json()["epoch"] != head["epoch"]


def test_a_mark_that_cannot_be_written_is_said_and_stops_nothing(cli: Cli, own: str, state_dir: Path) -> None:
    state_dir.parent.mkdir(exist_ok=True)
    state_dir.write_text("in the way")
    said = cli("export", "--log", "log")
    assert said.code == 0
    assert "cannot be remembered" in said.err
    assert "--new-epoch" in said.err
