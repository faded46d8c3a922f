"""`peer`, `sync`, `serve`: two replicas, real sockets and directories."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import httpx
import pytest

from tests.cli import shapes
from tests.cli.conftest import MODEL, Cli, is_one_sentence
from tests.seeds import make_record, seed
from tui_registry.cli.exchange import _sync_every
from tui_registry.cli.parser import build_parser
from tui_registry.datastore import TOKEN_FILE, Datastore
from tui_registry.node import running
from tui_registry.sync import Bounds, Rounds, publish, pull, push


@pytest.fixture
def stick(tmp_path: Path) -> str:
    """A stranger's log in a directory."""
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
            ready = json.loads(process.stdout.readline())
            assert shapes.fault_of(("serve", "--json"), [ready], 0) is None
            yield process, ready
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
    assert said.out == "stick: 30 new operations\n"
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
    with Datastore.open(tmp_path / "open") as there, running(there, accept_ops=True) as node:
        cli("peer", "add", "open", node.url)
        plan = cli("sync", "open", "--push", "--dry-run", "--json").lines
        assert plan == [{"pushes_to": "open", "offers": 1, "told": True, "error": None}]
        assert "lacks 1 operation of this log" in cli("sync", "open", "--push", "--dry-run").out
        assert cli("sync", "open", "--dry-run").code == 2
        pushed = cli("sync", "open", "--push", "--json").lines[1]
        assert (pushed["offered"], pushed["applied"], pushed["rejected"]) == (1, 1, 0)
        assert cli("sync", "open", "--push", "--json").lines[1]["offered"] == 0
        assert "open: has everything that is here" in cli("sync", "open", "--push").out
    with Datastore.open(tmp_path / "shut") as there, running(there) as node:
        cli("peer", "add", "shut", node.url)
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


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--host-name", "http://registry.example", "without http://"),
        ("--host-name", "registry.example:8420", "without a port"),
        ("--trust-proxy", "registry.example", "a network such as 10.0.0.0/8"),
        ("--root-path", "registry", "one such as /registry"),
        ("--root-path", "/models", "the node's own"),
        ("--accept-ops", "everybody", "token"),
    ],
)
def test_where_a_node_cannot_be_reached_is_a_usage_error(cli: Cli, option: str, value: str, said: str) -> None:
    answer = cli("serve", f"{option}={value}")
    assert answer.code == 2
    assert said in answer.err
    assert option in answer.err


def test_serve_token_shows_the_token_of_0_1_and_points_to_the_command_where_there_is_none(
    cli: Cli, data_dir: Path
) -> None:
    assert is_one_sentence(cli("serve", "--token"), "tui-registry token add NAME")
    data_dir.joinpath(TOKEN_FILE).write_text("x" * 43 + "\n")
    assert cli("serve", "--token").out == "x" * 43 + "\n"
    assert cli("serve", "--token", "--json").json == {"token": "x" * 43}


# What this replica's key signed elsewhere


@pytest.fixture
def restored(cli: Cli, own: str, data_dir: Path, tmp_path: Path) -> str:
    """This replica was put back to a copy of before its last writes, which a peer called `hub` has; gives the id of a
    record that they edited."""
    copytree(data_dir, tmp_path / "backup")
    for version in ("1.1.0", "1.2.0"):
        assert cli("update", own, "-", given=f"version: {version}").code == 0
    assert cli("register", "agent", "-", given="name: later").code == 0
    with Datastore.open(data_dir) as datastore:
        publish(datastore, tmp_path / "hub")
    rmtree(data_dir)
    copytree(tmp_path / "backup", data_dir)
    assert cli("peer", "add", "hub", str(tmp_path / "hub")).code == 0
    return own


def test_sync_tells_what_this_key_signed_elsewhere_and_how_to_see_it_all(cli: Cli, restored: str) -> None:
    assert cli("update", restored, "-", given="version: 1.0.5").code == 0
    said = cli("sync")
    assert said.code == 0
    assert said.out == "hub: 3 new operations, 1 in conflict, 3 signed by your key elsewhere\n"
    lines = said.err.splitlines()
    assert lines[0].startswith(
        "tui-registry: 3 operations by your key that this replica did not write. 'tui-registry hi"
    )
    assert sum("from hub" in line for line in lines) == 3
    assert any("“my-finetune” (model" in line and "from elsewhere, not yours" in line for line in lines)
    # Once: the next one has nothing new to tell.
    assert cli("sync").err == ""


def test_sync_counts_them_for_programs(cli: Cli, restored: str) -> None:
    said = cli("sync", "--json")
    assert (said.json["applied"], said.json["elsewhere"]) == (3, 3)
    assert said.err.count("\n") == 1
    assert "3 operations by your key" in said.err


def test_they_are_listed_until_their_owner_says_that_they_are_known(cli: Cli, restored: str) -> None:
    cli("sync")
    told = cli("history", "--elsewhere")
    assert told.out.startswith("3 operations by your key that this replica did not write, the last arrived first\n")
    assert "“later” (agent" in told.out
    assert "No key can be called back" in told.err
    listed = cli("history", "--elsewhere", "--json").lines
    assert [(line["source"], line["did"], line["name"]) for line in listed] == [
        ("hub", "registered", "later"), ("hub", "edited", "my-finetune"), ("hub", "edited", "my-finetune"),
    ]  # fmt: skip
    assert [line["index"] for line in cli("history", "--elsewhere", "--json", "--limit", "1").lines] == [3]
    # Within one second the log is as it was given to others, by all that the mark knows; later it is an older copy.
    said = cli("history", "--elsewhere", "--acknowledge").out
    assert said.removeprefix("3 operations ").removeprefix("and that this replica is an older copy ") == (
        "will not be told again\n"
    )
    assert cli("history", "--elsewhere", "--json").out == ""
    assert cli("history", "--elsewhere", "--acknowledge", "--json").json == {"acknowledged": 0}


def test_before_it_writes_on_it_is_said_once_and_nothing_stands_still(cli: Cli, restored: str) -> None:
    cli("sync")
    said = cli("update", restored, "-", given="version: 2.0.0")
    assert said.code == 0
    assert "here are 3 operations by your key that this replica did not write" in said.err
    assert "sync with all your peers first" in said.err
    assert cli("update", restored, "-", given="version: 2.0.1").err == ""


def test_an_import_of_operations_tells_them_as_well(cli: Cli, restored: str, tmp_path: Path) -> None:
    (tile,) = (tmp_path / "hub").glob("sync/*/entries/*.gz")
    (tmp_path / "ops.ndjson").write_bytes(gzip.decompress(tile.read_bytes()))
    said = cli("import", "ops.ndjson", "--register", "--json")
    assert said.json["elsewhere"] == 3
    assert "3 operations by your key that this replica did not write" in said.err


def test_a_replica_that_wrote_it_all_says_so(cli: Cli, own: str) -> None:
    assert "this replica wrote all that its key has signed" in cli("history", "--elsewhere").err


def test_an_older_copy_says_so_once_before_it_writes(cli: Cli, restored: str, data_dir: Path) -> None:
    said = cli("history", "--elsewhere")
    assert "an older copy of itself, such as a backup: it has 1, and others were given 4 operations" in said.err
    with Datastore.open(data_dir) as datastore:
        epoch = datastore.log.head().epoch
    said = cli("update", restored, "-", given="version: 1.0.5")
    assert said.code == 0
    assert "others were given 4 operations of it" in said.err
    assert "sync with all your peers first" in said.err
    assert cli("update", restored, "-", given="version: 1.0.6").err == ""
    with Datastore.open(data_dir) as datastore:
        # What it has now is another log than what others were given.
        assert datastore.log.head().epoch != epoch


def test_whoever_goes_on_with_an_older_copy_is_told_how_and_no_more_of_it(cli: Cli, restored: str) -> None:
    assert "--acknowledge' says so" in cli("history", "--elsewhere").err
    said = cli("history", "--elsewhere", "--acknowledge")
    assert said.out == "that this replica is an older copy will not be told again\n"
    assert cli("update", restored, "-", given="version: 1.0.5").err == ""
    assert cli("history", "--elsewhere", "--acknowledge").out == "0 operations will not be told again\n"


@pytest.mark.parametrize("words", [("--acknowledge",), ("3fa9c1", "--elsewhere")])
def test_words_that_do_not_go_together_are_a_usage_error(cli: Cli, words: tuple[str, ...]) -> None:
    assert cli("history", *words).code == 2


def test_help_has_a_page_on_sync_and_trust(cli: Cli) -> None:
    said = cli("help", "trust")
    assert "## Your key elsewhere" in said.out
    # What it tells people to type are lines that can be read.
    for line in set(re.findall(r"`tui-registry ([^`]+)`", said.out)):
        build_parser().parse_args(line.replace("ADDRESS", "0" * 40).split())


# By itself


def every(
    datastore: Datastore, rounds: int, between: Callable[[int], None], *, push: bool = False, as_json: bool = False
) -> list[float]:
    """`sync --every 1m`, so many rounds of it; gives how long it waited after each. `between` is called meanwhile."""
    waited: list[float] = []

    async def wait(stop: asyncio.Event, seconds: float) -> None:
        waited.append(seconds)
        between(len(waited))
        if len(waited) == rounds:
            os.kill(os.getpid(), signal.SIGTERM)
            await stop.wait()

    run = _sync_every(datastore, [], Bounds(), Rounds(60, lambda: 0.5), push=push, as_json=as_json, wait=wait)
    assert asyncio.run(run) == 0
    return waited


def test_sync_every_pulls_until_it_is_ended_and_says_what_is_new(
    data_dir: Path, stick: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def more(rounds: int) -> None:
        if rounds == 2:
            with Datastore.open(tmp_path / "stranger") as stranger:
                stranger.add("model", make_record("model", "later"))
                publish(stranger, stick)

    with Datastore.open(data_dir) as datastore:
        datastore.peers.add("stick", stick)
        assert every(datastore, 4, more) == [60.0] * 4
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("  ")[2] for line in lines] == ["stick: 30 new operations", "stick: 1 new operation"]


def test_a_peer_that_fails_is_told_once_and_asked_less_and_less_often(
    data_dir: Path, stick: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = tmp_path / "away"
    tried: list[int | None] = []

    def between(rounds: int) -> None:
        tried.append(datastore.peers.get("stick").last_try)
        clock[0] += 60
        if rounds == 9:
            away.rename(stick)

    clock = [1_784_160_000]
    Path(stick).rename(away)
    with Datastore.open(data_dir, clock=lambda: clock[0]) as datastore:
        datastore.peers.add("stick", stick)
        every(datastore, 16, between)
    said = capsys.readouterr()
    # Rounds 1, 2, 4, 8 and 16.
    assert [(at or 0) - 1_784_160_000 for at in tried] == [
        0, 60, 60, 180, 180, 180, 180, 420, 420, 420, 420, 420, 420, 420, 420, 900,
    ]  # fmt: skip
    assert said.err.count("no directory") == 1
    assert said.out.splitlines()[0].endswith("stick: 30 new operations")


def test_sync_every_gives_programs_a_line_for_each_peer_with_news(
    data_dir: Path, stick: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Datastore.open(data_dir) as datastore:
        datastore.peers.add("stick", stick)
        datastore.peers.add("gone", "/nowhere/at/all")
        every(datastore, 3, lambda _: None, as_json=True)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["peer"], line["applied"], line["ok"]) for line in told] == [("gone", 0, False), ("stick", 30, True)]
    assert shapes.fault_of(("sync", "--every", "1m", "--json"), told, 0) is None


def test_what_is_pushed_in_rounds_is_told_and_a_node_that_takes_nothing_once(
    data_dir: Path, own: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert own
    with (
        Datastore.open(tmp_path / "open") as open_one,
        Datastore.open(tmp_path / "shut") as shut_one,
        running(open_one, accept_ops=True) as takes,
        running(shut_one) as refuses,
        Datastore.open(data_dir) as datastore,
    ):
        datastore.peers.add("open", takes.url)
        datastore.peers.add("shut", refuses.url)
        capfd.readouterr()
        every(datastore, 4, lambda _: None, push=True)
    said = capfd.readouterr()
    assert [line.partition("  ")[2] for line in said.out.splitlines()] == [
        "open: offered 1 operation, 1 new to it, 0 rejected"
    ]
    (failure,) = said.err.splitlines()
    assert "  shut: " in failure
    assert failure.endswith(". It is offered again, less and less often")


def test_a_question_in_a_sentence_gets_no_full_stop(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with Datastore.open(data_dir) as datastore:
        datastore.peers.add("gone", address)
        every(datastore, 1, lambda _: None)
    assert "Is `serve` running there? It is asked again" in capsys.readouterr().err


def test_a_running_sync_ends_with_0_on_a_signal(data_dir: Path, stick: str) -> None:
    with Datastore.open(data_dir) as datastore:
        datastore.peers.add("stick", stick)
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(data_dir), "sync", "--every", "1h"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("stick: 30 new operations\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


@pytest.mark.parametrize("time", ["15", "1s", "soon", ""])
def test_an_interval_that_is_none_is_a_usage_error(cli: Cli, time: str) -> None:
    said = cli("sync", "--every", time)
    assert said.code == 2
    assert "from 10s to 30d" in said.err


# Bundles


@pytest.fixture
def bundle(tmp_path: Path, stick: str) -> str:
    """The stranger's log as a file."""
    from tui_registry.sync import write_bundles

    with Datastore.open(tmp_path / "stranger") as stranger:
        (path,) = write_bundles(stranger, tmp_path / "bundles").files
    return str(path)


def test_a_first_clone_from_a_file_and_the_peer_goes_on_from_there(
    cli: Cli, bundle: str, stick: str, tmp_path: Path
) -> None:
    assert cli("peer", "add", "hub", stick).code == 0
    assert cli("sync", "hub", "--from", bundle).out == "hub: 30 new operations\n"
    again = cli("sync", "hub", "--from", bundle)
    assert (again.code, again.out) == (0, "")
    assert "hub's log was read up to 30 already" in again.err
    with Datastore.open(tmp_path / "stranger") as stranger:
        stranger.add("model", make_record("model", "later"))
        publish(stranger, stick)
    said = cli("sync", "hub", "--json").json
    assert (said["read"], said["applied"], said["restarted"]) == (1, 1, False)


def test_a_file_without_a_peer_is_operations_of_files(cli: Cli, bundle: str) -> None:
    assert cli("sync", "--from", bundle, "--json").json["applied"] == 30
    assert cli("history", "--json", "--limit", "1").json["source"] == "file"


def test_a_log_is_written_as_bundles(cli: Cli, own: str, tmp_path: Path) -> None:
    said = cli("export", "--bundle", str(tmp_path / "out"), "--json").json
    assert (said["operations"], said["files_written"]) == (1, 1)
    assert [path.name for path in (tmp_path / "out").iterdir()] == said["files"]
    assert "1 of 1 files" not in cli("export", "--bundle", str(tmp_path / "out")).out


@pytest.mark.parametrize("words", [("a", "b"), ("--push",), ("--every", "1m"), ("--timeout", "9")])
def test_a_bundle_goes_with_one_peer_and_nothing_else(cli: Cli, bundle: str, words: tuple[str, ...]) -> None:
    assert cli("sync", *words, "--from", bundle).code == 2


def test_what_is_no_bundle_gets_a_sentence(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"x" * 4096)
    assert is_one_sentence(cli("sync", "--from", "x.tar"), "the bundle x.tar is none", "export --bundle")


# A backup that was put back


def put_back(data_dir: Path, tmp_path: Path, cli: Cli, share: Callable[[], object]) -> str:
    """What was shared has seven records, and the backup in its place two; gives the epoch."""
    for number in range(2):
        assert cli("register", "model", "-", given=MODEL.replace("my-", f"my-{number}-")).code == 0
    copytree(data_dir, tmp_path / "backup")
    for number in range(2, 7):
        assert cli("register", "model", "-", given=MODEL.replace("my-", f"my-{number}-")).code == 0
    share()
    rmtree(data_dir)
    copytree(tmp_path / "backup", data_dir)
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
        with Datastore.open(data_dir) as store, running(store) as node:
            assert httpx.get(f"{node.url}/sync/head", verify=False).json()["size"] == 7

    epoch = put_back(data_dir, tmp_path, cli, share)
    with serving(data_dir) as (process, ready):
        assert process.stderr is not None
        assert "it has 2, and others were given 7 operations" in process.stderr.readline()
        head = httpx.get(f"{ready['url']}/sync/head", verify=False).json()
        assert (head["size"], head["epoch"] != epoch) == (2, True)
    with serving(data_dir, "--new-epoch") as (process, ready):
        assert process.stderr is not None
        assert "the log has a new epoch" in process.stderr.readline()
        assert httpx.get(f"{ready['url']}/sync/head", verify=False).json()["epoch"] != head["epoch"]


def test_a_mark_that_cannot_be_written_is_said_and_stops_nothing(cli: Cli, own: str, state_dir: Path) -> None:
    state_dir.parent.mkdir(exist_ok=True)
    state_dir.write_text("in the way")
    said = cli("export", "--log", "log")
    assert said.code == 0
    assert "cannot be remembered" in said.err
    assert "--new-epoch" in said.err


def test_a_bundle_on_the_web_is_to_be_fetched_first(cli: Cli) -> None:
    said = cli("sync", "--from", "https://hub.example/log-486ccbd9-0.tar")
    assert said.code == 2
    assert "curl -OC - https://hub.example/log-486ccbd9-0.tar" in said.err


def test_a_node_tells_what_its_own_key_signed_and_somebody_pushed(
    cli: Cli, restored: str, data_dir: Path, tmp_path: Path
) -> None:
    with serving(data_dir, "--accept-ops") as (process, ready):
        with Datastore.open(tmp_path / "other") as other:
            other.peers.add("hub", str(tmp_path / "hub"))
            asyncio.run(pull(other, "hub"))
            other.peers.add("node", ready["url"])
            assert asyncio.run(push(other, "node")).applied == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert "3 operations by your key that this replica did not write" in process.stderr.read()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--tls-key x.pem", "--tls-cert"),
        ("--uds x.sock --tls-cert x.pem", "needs no certificate"),
        ("--trust-proxy unix", "--uds"),
        ("--uds=", "path"),
        ("--tls-cert=", "path"),
    ],
)
def test_serve_says_which_ways_in_go_together(cli: Cli, line: str, words: str) -> None:
    answer = cli("serve", *line.split())
    assert answer.code == 2
    assert words in answer.err


def test_a_log_names_the_peers_that_were_recommended_and_looking_takes_nothing(cli: Cli, own: str) -> None:
    assert cli("export", "--log", "log", "--recommend", "https://hub.example=hub").code == 0
    said = cli("--data-dir", "other", "peer", "look", "log")
    assert said.code == 0
    assert "A log in a folder" in said.out
    assert "  hub  https://hub.example\n" in said.out
    tried = cli("--data-dir", "other", "peer", "add", "--dry-run", "stick", "log", "--json")
    assert tried.json["recommended"] == [{"url": "https://hub.example", "name": "hub", "place": None}]
    assert cli("--data-dir", "other", "peer", "list").out == ""
    assert cli("--data-dir", "other", "list").out == ""
    assert cli("export", "--recommend", "https://hub.example").code == 2
    assert cli("export", "--log", "log", "--recommend", "hub").code == 2


def test_looking_where_nothing_is_says_what_to_do(cli: Cli) -> None:
    said = cli("peer", "look", "hub.example:8420")
    assert said.code == 1
    assert "write http://hub.example:8420 for a node" in said.err


def test_a_catalog_is_written_for_a_web_server_and_brought_up_to_date(cli: Cli, own: str, tmp_path: Path) -> None:
    words = ("export", "--catalog", "www", "--public-url", "https://registry.example/")
    said = cli(*words)
    assert said.out.startswith("www holds a catalog of 1 record: 1 file, ")
    assert said.err.endswith("found at https://registry.example/.well-known/ai-catalog.json\n")
    (entry,) = json.loads((tmp_path / "www" / ".well-known" / "ai-catalog.json").read_bytes())["entries"]
    assert entry["identifier"] == f"urn:tui-registry:registry.example:model:{own}"
    assert cli(*words, "--json").json["files_written"] == 0


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--catalog", "www"), "--catalog and --public-url go together"),
        (("--public-url", "https://a.example"), "--catalog and --public-url go together"),
        (("--catalog", "www", "--public-url", "a.example"), "a public URL is one such as https://registry.example"),
        (("--catalog", "www", "--public-url", "https://a.example", "is:mine"), "a query goes with records only"),
        (("--catalog", "/dev/null/x", "--public-url", "https://a.example"), "cannot be written"),
    ],
)
def test_a_catalog_that_makes_no_sense_gets_a_sentence(cli: Cli, words: tuple[str, ...], part: str) -> None:
    said = cli("export", *words)
    assert said.code == (1 if "/dev/null/x" in words else 2)
    assert part in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
