"""`publish`: signed here, handed to real nodes, and believed to be there once they show it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.cli.conftest import Cli, Said, is_one_sentence
from tui_registry.cli.commands import IN_CI
from tui_registry.datastore import Datastore
from tui_registry.node.server import running
from tui_registry.records.schema import defaults

CARD = "name: my-finetune\nversion: {}\nlicense: MIT\nparameters: 7.6b\ncontext_length: 32k\n"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[Datastore, str]]:
    """A node that takes operations from everybody, and its URL."""
    with Datastore.open(tmp_path / "hub") as datastore, running(datastore, accept_ops=True) as address:
        yield datastore, address.url


@pytest.fixture
def card(cli: Cli, hub: tuple[Datastore, str], tmp_path: Path) -> str:
    """A description; the node is a peer."""
    assert cli("peer", "add", "hub", hub[1]).code == 0
    (tmp_path / "card.yaml").write_text(CARD.format("1.0.0"))
    return "card.yaml"


def published(said: Said) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What became of the only description, and of it at each node."""
    first, *nodes = said.lines
    return first, nodes


def test_what_is_published_is_registered_and_the_node_has_it(
    cli: Cli, card: str, hub: tuple[Datastore, str], tmp_path: Path
) -> None:
    found, (node,) = published(cli("publish", card, "--json"))
    assert found["status"] == "registered"
    assert (node["published_to"], node["ok"], node["records"], node["applied"]) == ("hub", True, 1, 1)
    assert hub[0].entry(found["id"]) is not None
    # The same once more signs nothing and offers nothing.
    found, (node,) = published(cli("publish", card, "--json"))
    assert (found["status"], node["ok"], node["offered"]) == ("here", True, 0)
    assert "hub: has 1 record as here\n" in cli("publish", card).out
    # What changes in the file is changed here and there.
    (tmp_path / card).write_text(CARD.format("1.0.0").replace("MIT", "Apache-2.0"))
    found, (node,) = published(cli("publish", card, "--to", "hub", "--json"))
    assert (found["status"], node["ok"], node["offered"], node["applied"], node["known"]) == ("updated", True, 2, 1, 1)
    entry = hub[0].entry(found["id"])
    assert entry is not None
    assert entry.record["license"] == "Apache-2.0"


def test_what_stands_behind_a_record_is_published_with_it(
    cli: Cli, card: str, hub: tuple[Datastore, str], data_dir: Path
) -> None:
    found, _ = published(cli("publish", card, "--json"))
    with Datastore.open(data_dir) as here:
        op = here.manifests.set(found["id"], {**defaults("manifest"), "languages": ["en"]})
    _, (node,) = published(cli("publish", card, "--json"))
    assert (node["ok"], node["offered"], node["applied"], node["known"]) == (True, 2, 1, 1)
    there = hub[0].manifests.get(found["id"])
    assert there is not None
    assert there.heads == (op.hash,)
    _, (node,) = published(cli("publish", card, "--json"))
    assert (node["ok"], node["offered"]) == (True, 0)
    # Taken away here, it is taken away there.
    with Datastore.open(data_dir) as here:
        here.manifests.delete(found["id"], [op.hash])
    assert published(cli("publish", card, "--json"))[1][0]["applied"] == 1
    there = hub[0].manifests.get(found["id"])
    assert there is not None
    assert there.manifest is None


def test_what_stays_otherwise_than_the_source_says_is_no_success(cli: Cli, card: str, tmp_path: Path) -> None:
    """As `apply` ends; a replica that forgot the source cannot tell which of both is newer."""
    record = {"name": "my-finetune", "version": "1.0.0", "parameters": 7_600_000_000, "context_length": 32_768}
    registered = cli("register", "model", "-", "--json", given=json.dumps({**record, "license": "MIT"})).json
    edited = {**registered["record"], "license": "BSD-3-Clause"}
    assert cli("update", registered["id"], "-", given=json.dumps(edited)).code == 0
    (tmp_path / card).write_text(CARD.format("1.0.0").replace("MIT", "Apache-2.0"))
    said = cli("publish", card)
    assert said.code == 1
    assert "1 record stays as edited here, and not as card.yaml says: 'tui-registry apply card.yaml' takes" in said.err
    assert "hub: has 1 record as here" in said.out
    assert cli("apply", card).code == 0
    said = cli("publish", card)
    assert (said.code, "stays" in said.err) == (0, False)
    # What was edited since the source said it last is no difference that somebody forgot.
    entry = cli("show", registered["id"], "--json").json
    assert cli("update", registered["id"], "-", given=json.dumps({**entry["record"], "license": "MIT"})).code == 0
    assert cli("publish", card).code == 0


def test_only_what_is_published_is_given_to_a_node(cli: Cli, own: str, card: str, hub: tuple[Datastore, str]) -> None:
    assert cli("publish", card, "--set", "name=another").code == 0
    assert hub[0].stats().records == 1
    assert hub[0].entry(own) is None


def test_a_dry_run_signs_and_offers_nothing(cli: Cli, card: str, hub: tuple[Datastore, str], data_dir: Path) -> None:
    found, (node,) = published(cli("publish", card, "--dry-run", "--json"))
    assert (found["status"], node["dry_run"], node["records"], node["missing"]) == ("ready", True, 0, [])
    said = cli("publish", card, "--dry-run")
    assert said.err == "tui-registry: 1 ready: without --dry-run this is signed and offered\n"
    assert (said.code, said.out.splitlines()[-1]) == (0, "hub: would get 1 record")
    assert not (data_dir / "identity.key").exists()
    cli("import", card, "--register")
    found, (node,) = published(cli("publish", card, "--dry-run", "--json"))
    assert (found["status"], node["ok"], node["missing"]) == ("here", False, [found["id"]])
    assert cli("publish", card, "--dry-run").code == 0
    assert hub[0].stats().records == 0


def test_a_node_that_does_not_take_it_is_named_and_the_others_get_it(
    cli: Cli, card: str, hub: tuple[Datastore, str], tmp_path: Path
) -> None:
    cli("peer", "add", "down", "http://127.0.0.1:1")
    dry = cli("publish", card, "--dry-run")
    assert (dry.code, "down: would get" in dry.out, "down: connection refused" in dry.err) == (1, False, True)
    assert "hub: would get 1 record\n" in dry.out
    with Datastore.open(tmp_path / "shut") as shut, running(shut) as address:
        cli("peer", "add", "shut", address.url)
        said = cli("publish", card, "--json")
    assert said.code == 1
    found, nodes = published(said)
    assert {node["published_to"]: node["ok"] for node in nodes} == {"down": False, "hub": True, "shut": False}
    by_name = {node["published_to"]: node for node in nodes}
    assert by_name["shut"]["error"]["code"] == "not_accepted"
    assert by_name["shut"]["missing"] == by_name["down"]["missing"] == [found["id"]]
    assert "shut: does not take operations from others" in said.err
    assert "down: " in said.err
    assert cli("publish", card, "--to", "hub").code == 0


def test_what_does_not_end_in_time_is_to_be_published_again(cli: Cli, card: str) -> None:
    said = cli("publish", card, "--timeout", "0.001")
    assert said.code == 1
    assert "hub: did not end within the time that it was given. Publish it again to go on from here\n" in said.err
    assert cli("publish", card).code == 0


class _Liar(BaseHTTPRequestHandler):
    """Says of all operations that they are new to it, and shows others that claim their hashes."""

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"applied": 1}'
        if self.path == "/sync/ops/get":
            (digest,) = json.loads(asked)["hashes"]
            body = b'{"Up":{"name":"another","hash":"%s"}}}\n' % digest.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_node_that_says_it_took_it_and_does_not_show_it_does_not_have_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text(CARD.format("1.0.0"))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Liar) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        cli("peer", "add", "liar", f"http://127.0.0.1:{server.server_port}")
        said = cli("publish", "card.yaml", "--json")
        server.shutdown()
        thread.join()
    assert said.code == 1
    found, (node,) = published(said)
    assert (node["ok"], node["error"], node["offered"], node["applied"]) == (False, None, 1, 1)
    assert node["missing"] == [found["id"]]
    assert f"liar: does not have {found['id'][:12]}\n" in said.err


def test_nothing_is_signed_where_there_is_nobody_to_publish_to(cli: Cli, tmp_path: Path, data_dir: Path) -> None:
    (tmp_path / "card.yaml").write_text(CARD.format("1.0.0"))
    assert is_one_sentence(cli("publish", "card.yaml"), "no node to publish to", "peer add")
    assert is_one_sentence(cli("publish", "card.yaml", "--to", "nobody"), "nobody")
    cli("peer", "add", "stick", str(tmp_path))
    assert is_one_sentence(cli("publish", "card.yaml"), "no node to publish to")
    assert cli("publish", "card.yaml", "--to", "stick").code == 2
    assert cli("list", "models").out == ""


def test_what_has_errors_is_named_and_the_rest_is_published(
    cli: Cli, card: str, hub: tuple[Datastore, str], tmp_path: Path
) -> None:
    (tmp_path / "many.ndjson").write_text('{"name": "one", "license": "MIT"}\n{"name": ""}\n')
    said = cli("publish", "many.ndjson", "--kind", "model", "--json")
    assert said.code == 1
    assert [line["status"] for line in said.lines[:-1]] == ["registered", "invalid"]
    assert (said.lines[-1]["ok"], said.lines[-1]["records"]) == (True, 1)
    (tmp_path / "ops").write_text(cli("export", "--ops").out)
    said = cli("publish", "ops")
    assert said.code == 1
    assert "sync --push" in said.out


def test_the_recipe_for_ci_publishes_and_finds_its_record_again(cli: Cli, tmp_path: Path, quick_lock: None) -> None:
    """Its lines are run as they stand in the help, by a shell, as on a machine that knows nothing."""
    lines = [line[4:] for line in IN_CI.partition("run: |\n")[2].splitlines() if line.startswith("    ")]
    (tmp_path / "phrase").write_text("a long passphrase")
    cli("identity", "export", "key.json", "--passphrase-file", "phrase")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tui-registry").write_text(f'#!/bin/sh\nexec {sys.executable} -m tui_registry "$@"\n')
    (tmp_path / "bin/tui-registry").chmod(0o755)
    with Datastore.open(tmp_path / "hub") as hub, running(hub, accept_ops="token") as address:
        environment = {
            **os.environ,
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "KEY": (tmp_path / "key.json").read_text(),
            "PHRASE": "a long passphrase",
            "TOKEN": hub.tokens.add("ci", ["push"]),
            "GITHUB_WORKSPACE": str(tmp_path),
        }
        script = "\n".join(lines).replace("https://registry.example", address.url)
        (tmp_path / "model.yaml").write_text(f"kind: model\n{CARD.format('1.0.0')}")
        cli("peer", "add", "hub", address.url)
        (tmp_path / "token").write_text(environment["TOKEN"])
        # A field that was changed before is changed again, by a machine that does not remember what the file said then.
        for licence in ("MIT", "Apache-2.0"):
            (tmp_path / "model.yaml").write_text(f"kind: model\n{CARD.format('1.0.0').replace('MIT', licence)}")
            assert cli("publish", "model.yaml", "--token-file", "token").code == 0
        (tmp_path / "model.yaml").write_text(f"kind: model\n{CARD.format('1.0.0').replace('MIT', 'BSD-3-Clause')}")
        done = subprocess.run(["bash", "-ec", script], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (row,) = hub.search("").rows
        assert (row.license, hub.stats().ops) == ("BSD-3-Clause", 3)
