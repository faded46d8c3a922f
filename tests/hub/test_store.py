"""What an object store is asked, and what it says in words: a real one, SeaweedFS."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Cli, cli, data_dir
from tests.hub.stores import BUCKET, Seaweed, as_one, seaweed, store_url
from tests.sync.conftest import Open, replica
from tests.sync.hostile import always, hostile
from tests.sync.logs import ALICE, bodies, roots
from tui_registry.datastore import Datastore
from tui_registry.hub.starting import start
from tui_registry.hub.store import BucketError, Patience, Version, open_store
from tui_registry.hub.store_publishing import LEASE, publish_to_store
from tui_registry.sync import pull

__all__ = ["cli", "data_dir", "replica", "seaweed", "store_url"]
pytest.importorskip("obstore", reason="needs obstore: pip install -e '.[hub]'")

# A store that does not answer is not waited for here.
HASTY = Patience(connect_seconds=2.0, seconds=5.0, retries=0, retry_seconds=2.0)
PLAIN = {"Content-Type": "application/json"}


def test_a_store_keeps_what_is_there_unless_it_is_told_which_version_to_replace(store_url: str) -> None:
    store = open_store(store_url)
    assert store.create("sync/head", b"1", {**PLAIN, "Cache-Control": "public, max-age=10", "before": "x.1"})
    assert not store.create("sync/head", b"2", PLAIN)
    found = store.get("sync/head", 10)
    assert found is not None
    assert (found.data, found.notes["cache-control"], found.notes["before"]) == (b"1", "public, max-age=10", "x.1")
    assert store.replace("sync/head", b"3", PLAIN, found.version)
    assert not store.replace("sync/head", b"4", PLAIN, found.version)
    assert not store.replace("sync/none", b"4", PLAIN, Version('"0"', None))
    store.put("sync/e/1", b"5", PLAIN)
    assert (list(store.names("sync")), store.folders("sync")) == (["sync/e/1", "sync/head"], ["e"])
    with pytest.raises(BucketError, match="bytes: none is so large"):
        store.get("sync/e/1", 0)
    store.remove(["sync/head", "sync/e/1", "sync/none"])
    assert store.get("sync/head", 10) is None


async def test_a_log_in_a_store_is_pulled_like_any_static_log(store_url: str, seaweed: Seaweed, replica: Open) -> None:
    there, here = replica("there"), replica("here")
    there.apply(bodies(roots(ALICE, 300)), source="test")
    done = publish_to_store(there, open_store(store_url))
    assert (done.tiles, done.head) == (2, there.log.signed_head())
    here.peers.add("cdn", f"{seaweed.url}/{store_url.removeprefix('s3://')}")
    result = await pull(here, "cdn")
    assert (result.error, result.applied) == (None, 300)
    assert here.peers.get("cdn").identical


def test_export_writes_into_a_store_and_says_so(cli: Cli, store_url: str) -> None:
    cli("register", "model", "-", given=MODEL)
    said = cli("export", "--log", store_url, "--json")
    assert said.code == 0, said.err
    assert (said.json["directory"], said.json["operations"], said.json["tiles_written"]) == (store_url, 1, 1)
    again = cli("export", "--log", store_url)
    assert again.out == f"{store_url} holds 1 operation: 0 tiles, 0 B written now\n"
    assert cli("export", "--log", "ftp://x/y").err.startswith("tui-registry: ftp://x/y is no object store")
    assert cli("export", "--log", "folder", "--alone").code == 2


# Begins, and is killed once it has a tile.
_KILLED = """
import os, signal, sys
from pathlib import Path
from tui_registry.datastore import Datastore
from tui_registry.hub import postgres, starting, store
starting._GROUP_OPS = 256
log = postgres.connect(os.environ["TUI_REGISTRY_HUB"])
with Datastore.open(Path(sys.argv[1]), hub=log) as view:
    starting.start(view, store.open_store(sys.argv[2]), progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_hub_is_published_and_another_node_begins_from_there(
    cli: Cli, data_dir: Path, postgres_schema: str, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it real: PostgreSQL, the store, the command line."""
    from tui_registry.hub.postgres import connect

    monkeypatch.setenv("TUI_REGISTRY_HUB", postgres_schema)
    with Datastore.open(data_dir) as datastore:
        datastore.apply(bodies(roots(ALICE, 600)), source="test")
    assert cli("hub", "init", "--from", str(data_dir)).code == 0
    assert cli("hub", "publish").code == 2  # published nowhere yet
    done = cli("hub", "publish", store_url, "--json")
    assert (done.code, done.json["operations"], done.json["tiles_written"]) == (0, 600, 3)
    with closing(connect(postgres_schema)) as log:
        assert (log.store, log.holder(LEASE)) == (store_url, None)
        again = [sys.executable, "-m", "tui_registry", "hub", "publish", "--every", "10s"]
        with subprocess.Popen(again, stdout=subprocess.PIPE, text=True) as publisher:
            assert publisher.stdout is not None
            assert store_url in publisher.stdout.readline()
            publisher.send_signal(signal.SIGTERM)
            assert publisher.wait() == 0
        assert log.holder(LEASE) is None, "nobody else could publish"
        assert log.lease(LEASE, "another node", 60)
        said = cli("hub", "publish")
        assert (said.code, said.out) == (0, "another node publishes the hub's log: there is nothing to do here\n")
        killed = subprocess.run([sys.executable, "-c", _KILLED, tmp_path / "second", store_url], check=False)
        assert killed.returncode == -signal.SIGKILL
        with Datastore.open(tmp_path / "second", hub=log) as second:
            begun = start(second, open_store(log.store))
            assert (begun.size, begun.from_store, begun.why) == (600, 256, "")
            assert second.hub.chain_of_view() == log.head().chain


def test_what_is_wrong_is_said_in_one_sentence_without_a_secret(
    store_url: str, seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refused(address: str) -> BucketError:
        with pytest.raises(BucketError) as caught:
            open_store(address, HASTY).create("sync/head", b"1", PLAIN)
        return caught.value

    assert refused("s3://nosuchbucket/log").code == "no_bucket"
    as_one(monkeypatch, seaweed.reader)
    assert refused(store_url).code == "no_rights"
    assert open_store(store_url).get("sync/head", 10) is None
    as_one(monkeypatch, {**seaweed.writer, "AWS_SECRET_ACCESS_KEY": "Tr0ub4dor"})
    wrong = refused(store_url)
    assert (wrong.code, "(SignatureDoesNotMatch)" in wrong.sentence) == ("no_rights", True)
    as_one(monkeypatch, {**seaweed.writer, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    away = refused(store_url)
    assert (away.code, "cannot be reached" in away.sentence) == ("store_away", True)
    as_one(monkeypatch, {**seaweed.writer, "AWS_ENDPOINT_URL": "http://store.example"})
    assert "in the clear" in refused(store_url).sentence
    as_one(monkeypatch, {"AWS_METADATA_ENDPOINT": "http://127.0.0.1:9"})
    assert refused(f"s3://{BUCKET}/log").code == "no_rights"
    said = [*capfd.readouterr(), wrong.sentence, away.sentence, repr(wrong)]
    assert not any(secret in text for text in said for secret in ("Tr0ub4dor", "secret-of"))


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (501, b"<Error><Code>NotImplemented</Code></Error>", "no_conditions", "no conditional puts"),
        (503, b"<Error><Code>SlowDown</Code></Error>", "store_away", r"status 503 \(SlowDown\)"),
        (400, b"<Error><Code>\x1b[2J</Code></Error>", "store_away", "status 400. Try"),
        (302, b"", "store_away", "302|cannot be reached"),
    ],
)
async def test_what_a_store_answers_is_said_by_its_code(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, code: str, said: str
) -> None:
    async with hostile(always(status, body)) as peer:
        keys = {"AWS_ACCESS_KEY_ID": "writer", "AWS_SECRET_ACCESS_KEY": "secret-of-writer"}
        as_one(monkeypatch, {**keys, "AWS_ENDPOINT_URL": peer.url})
        store = open_store("s3://bucket/x", HASTY)
        with pytest.raises(BucketError, match=said) as caught:
            await asyncio.to_thread(store.create, "sync/head", b"1", PLAIN)
    assert caught.value.code == code
    assert caught.value.sentence.isprintable()
    assert "secret" not in caught.value.sentence


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://bucket/x", "is no object store"),
        ("s3://", "is no object store"),
        ("s3://bucket/../x", "is no object store"),
        ("https://cdn.example/log", "is no object store"),
        ("s3://key:Tr0ub4dor@bucket/x", "says more than a place"),
        ("s3://bucket/x?secret=Tr0ub4dor", "says more than a place"),
        ("s3://bucket\x1b[2J/x\n", "is no object store"),
        ("az://container/x", "AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_an_address_that_is_none_is_refused_and_shows_no_secret(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    with pytest.raises(BucketError, match=said) as caught:
        open_store(address)
    assert caught.value.code == "bad_store"
    assert "Tr0ub4dor" not in caught.value.sentence
    assert caught.value.sentence.isprintable()


def test_without_obstore_it_is_said_how_to_have_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "obstore.exceptions", None)
    # As the package's attribute too, which importing it anew sets, it is put back.
    monkeypatch.setattr("tui_registry.hub.store", sys.modules["tui_registry.hub.store"])
    monkeypatch.delitem(sys.modules, "tui_registry.hub.store")
    without = import_module("tui_registry.hub.store")
    with pytest.raises(without.BucketError, match=r"pip install 'tui-registry\[hub\]'"):
        without.open_store("s3://bucket/x")
