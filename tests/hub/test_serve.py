"""`serve --hub` as people and services begin it: what becomes a node of a hub, and what is refused, in a sentence. Real
processes and PostgreSQL."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[hub]'")

import psycopg

from tests.cli.conftest import Cli, cli as cli, data_dir as data_dir
from tests.hub.nodes import TOKEN, begun, with_key
from tests.hub.test_balancer import BODY, served
from tests.node.conftest import refused
from tests.seeds import make_record
from tests.sync.logs import ALICE, BOB, bodies, roots
from tui_registry.cli.exchange import _catch_up, _opened
from tui_registry.cli.parser import build_parser
from tui_registry.datastore import Datastore
from tui_registry.hub.postgres import connect
from tui_registry.node.watch import Journal
from tui_registry.sync import publish
from tui_registry.sync.bounds import TILE_OPS


@pytest.fixture(scope="module")
def hub(postgres: str) -> Iterator[str]:
    with begun(postgres) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def file(hub: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that says which hub."""
    path = tmp_path_factory.mktemp("hub") / "dsn"
    path.write_text(f"{hub}\n")
    return path


@pytest.fixture(scope="module")
def folder(hub: str, file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node's folder, of a node that has ended: it was served by two workers."""
    path = with_key(tmp_path_factory.mktemp("node") / "replica")
    words = ("--hub-file", file, "--workers", "2", "--port", "0", "--store-url", "https://cdn.example/registry/")
    with served((path, words)) as (told,), caller(told["url"]) as client:
        assert told["node"] == ALICE.address
        assert client.post("/models", json={"name": "by-a-worker", **BODY}).status_code == 201
        head = client.get("/sync/head", headers={"cache-control": "no-cache"}).json()
        assert (head["size"], head["store"]) == (1, "https://cdn.example/registry")
        assert client.get("/health/ready").json()["hub"] == {"standing": "follows", "size": 1, "shared_size": 1}
        with closing(connect(hub)) as log:
            assert [node.state for node in log.nodes.all()] == ["follows"]
    return path


def caller(url: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {TOKEN}"}
    return httpx.Client(base_url=url, trust_env=False, timeout=60, headers=headers)


def refused_by(cli: Cli, folder: Path, code: str, *words: str | Path) -> str:
    """The sentence by which a command refuses."""
    said = cli("--data-dir", str(folder), *map(str, words), "--json")
    assert said.code == 1, said
    error = said.json["error"]
    assert error["code"] == code, error
    return str(error["sentence"])


def test_a_node_that_has_ended_is_none_of_its_hub_any_more(folder: Path, hub: str) -> None:
    with closing(connect(hub)) as log:
        assert log.nodes.all() == []
    with Datastore.open(folder) as view:
        assert (view.hub.id is not None, view.log.head().size) == (True, 1)


def test_a_folder_without_the_hubs_key_is_not_served_and_stays_its_own(cli: Cli, file: Path, tmp_path: Path) -> None:
    assert ALICE.address in refused_by(cli, tmp_path / "none", "hub_key", "serve", "--hub-file", file)
    with Datastore.open(tmp_path / "another") as registry:
        registry.key.replace(BOB)
    assert "identity import" in refused_by(cli, tmp_path / "another", "hub_key", "serve", "--hub-file", file)
    for name in ("none", "another"):
        with Datastore.open(tmp_path / name) as registry:
            assert registry.hub.id is None


def test_a_folder_with_a_log_of_its_own_is_refused_and_left_as_it_is(cli: Cli, file: Path, tmp_path: Path) -> None:
    with Datastore.open(with_key(tmp_path / "own")) as registry:
        registry.add("model", make_record("model", "my-own"))
        before = registry.log.head()
    assert "hub init --from" in refused_by(cli, tmp_path / "own", "hub_other", "serve", "--hub-file", file)
    with Datastore.open(tmp_path / "own") as registry:
        assert registry.log.head() == before


def test_a_view_of_another_hub_is_refused(cli: Cli, folder: Path, postgres: str) -> None:
    with begun(postgres) as other:
        refused_by(cli, folder, "hub_other", "serve", "--hub", other)


def test_without_its_hub_a_view_is_served_only_to_be_read(cli: Cli, folder: Path) -> None:
    assert "--hub" in refused_by(cli, folder, "hub_view", "serve", "--port", "0")
    with served((folder, ("--port", "0", "--read-only"))) as (told,), caller(told["url"]) as client:
        assert client.get("/models").json()["items"][0]["name"] == "by-a-worker"
        assert client.get("/sync/head").json()["size"] == 1
        refused(client.post("/models", json={"name": "not-here", **BODY}), 403, "read_only")


def test_read_only_with_a_hub_follows_and_takes_nothing(folder: Path, file: Path) -> None:
    words = ("--hub-file", file, "--port", "0", "--read-only")
    with served((folder, words)) as (told,), caller(told["url"]) as client:
        refused(client.post("/models", json={"name": "not-here", **BODY}), 403, "read_only")
        assert client.get("/health/ready").json()["hub"]["standing"] == "follows"


def test_a_token_of_a_views_folder_is_one_of_the_hub(cli: Cli, folder: Path, file: Path, hub: str) -> None:
    assert "--hub-file" in refused_by(cli, folder, "no_hub", "token", "add", "nobodys")
    named = ("--hub-file", str(file))
    made = cli("--data-dir", str(folder), "token", "add", "new", *named)
    assert made.code == 0
    with closing(connect(hub)) as log, Datastore.open(folder) as view:
        assert "new" in {one.token.name for one in log.tokens.all()} == {token.name for token in view.tokens.all()}
        assert view.tokens.find(made.out.strip().encode()) is not None
        assert cli("--data-dir", str(folder), "token", "revoke", "new", *named).code == 0
        assert "new" not in {one.token.name for one in log.tokens.all()}
        assert view.tokens.find(made.out.strip().encode()) is None


def test_a_node_begins_with_the_tiles_of_the_hubs_store_and_says_when_it_follows_no_more(
    postgres: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with begun(postgres) as dsn, ExitStack() as stack:
        log = stack.enter_context(closing(connect(dsn)))
        with Datastore.open(with_key(tmp_path / "first"), hub=log) as first:
            first.apply(bodies(roots(BOB, TILE_OPS + 3)))
            publish(first, tmp_path / "store")
        serve_files = partial(SimpleHTTPRequestHandler, directory=tmp_path / "store")
        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), serve_files))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        log.store = f"http://127.0.0.1:{server.server_port}"
        line = ["--data-dir", str(with_key(tmp_path / "second")), "serve", "--hub", dsn]
        args = build_parser(line).parse_args(line)
        written = io.StringIO()
        second, following = stack.enter_context(_opened(args, dsn, Journal("json", written)))
        assert following is not None
        _catch_up(args, second, following.shared)
        assert second.log.head().size == TILE_OPS + 3
        assert f"{TILE_OPS} operations came from the hub's store" in capfd.readouterr().err
        with following, psycopg.connect(dsn, autocommit=True) as db:
            db.execute("UPDATE hub_head SET size = 1, chain = %s", (log.chain_at(1),))
            while not written.getvalue().endswith("\n"):
                pass
        (line,) = map(json.loads, written.getvalue().splitlines())
        told = {"level": "warning", "event": "hub", "code": "restored", "size": TILE_OPS + 3, "shared_size": 1}
        assert told.items() <= line.items()
        assert "hub recover" in line["message"]


def test_what_does_not_go_together_is_said(cli: Cli, file: Path, tmp_path: Path) -> None:
    for words in (("--hub-file", file, "--new-epoch"), ("--store-url", "https://cdn.example"), ("--store-url", "x"),
                  ("--hub-file", file, "--store-url", "https://user@cdn.example")):  # fmt: skip
        assert cli("--data-dir", str(tmp_path / "none"), "serve", *map(str, words)).code == 2
    assert not (tmp_path / "none").exists()
    refused_by(cli, tmp_path / "none", "hub_away", "serve", "--hub", "postgresql://nobody@127.0.0.1:1/none")
    assert not (tmp_path / "none").exists()
