"""A node whose replica cannot be written: reads and sync as always, writes and pushes refused in words, and no key made
for whoever asks. Each is a real `serve`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.places import fill, read_only, small_disk
from tests.seeds import NOW, make_record, seed
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.sync import pull

RECORD = {"name": "new", "license": "MIT", "parameters": 7_000_000_000}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Six records of a stranger and one of the replica's own, closed; and what bears a token of it."""
    folder = tmp_path_factory.mktemp("whole")
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        seed(datastore, 6)
        datastore.add("model", make_record("model", "mine"))
        token = datastore.tokens.add("all", ["write", "push"])
    return folder, {"authorization": f"Bearer {token}"}


@contextmanager
def served(folder: Path, *options: str) -> Iterator[httpx.Client]:
    """A node of its own process, and a client of it; it ends well."""
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(folder), "serve", "--port", "0", "--json"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())
            with httpx.Client(base_url=address["url"], timeout=30, verify=False) as client:
                yield client
        finally:
            process.terminate()
        assert process.wait() == 0


def refused(answer: httpx.Response, folder: Path, status: int = 403, code: str = "read_only") -> None:
    """Whether a write was refused, in words that name no file."""
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert str(folder) not in answer.text
    assert DATABASE not in answer.text


async def test_reads_and_sync_are_answered_and_writes_are_refused(
    whole: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    folder, token = Path(shutil.copytree(whole[0], tmp_path / "replica")), whole[1]
    with read_only(folder) as place, served(place, "--accept-ops") as client:
        files = {path: path.read_bytes() for path in place.iterdir()}
        items = client.get("/models").json()["items"]
        mine = client.get("/models", params={"q": "mine"}).json()["items"][0]["model_id"]
        assert mine in {item["model_id"] for item in items}
        health = client.get("/health").json()
        assert (health["status"], health["ops"]) == ("ok", 7)
        with Datastore.open(tmp_path / "other") as other:
            other.peers.add("node", str(client.base_url))
            assert (await pull(other, "node")).applied == 7

        assert client.post("/models", json=RECORD).status_code == 401
        revision = client.get(f"/models/{mine}").json()["revision"]
        refused(client.post("/models", json=RECORD, headers=token), place)
        refused(client.put(f"/models/{mine}", json={**RECORD, "revision": revision}, headers=token), place)
        refused(client.delete(f"/models/{mine}", headers=token), place)
        with Datastore.open(tmp_path / "other") as other:
            other.add("model", make_record("model", "pushed"))
            (line,) = other.log.lines(7, 8)
        refused(client.post("/sync/ops", content=line + b"\n"), place)
        assert {path: path.read_bytes() for path in place.iterdir()} == files


def test_a_node_without_a_key_makes_none_for_whoever_asks(tmp_path: Path) -> None:
    folder = tmp_path / "replica"
    Datastore.open(folder).close()
    with read_only(folder) as place, served(place) as client:
        for _ in range(2):
            assert client.get("/health").json()["node"] in ("", "0" * 40)
            head = client.get("/sync/head").json()
            assert (head["node"], "sig" in head) == ("0" * 40, False)
    assert not (folder / "identity.key").exists()


def test_it_is_asked_for_by_an_option(whole: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, token = Path(shutil.copytree(whole[0], tmp_path / "replica")), whole[1]
    with served(folder, "--read-only") as client:
        refused(client.post("/models", json=RECORD, headers=token), folder)
        with Datastore.open(folder) as datastore:
            datastore.add("model", make_record("model", "late"))
        assert client.get("/models", params={"q": "late"}).json()["items"]
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(folder), "serve", "--read-only", "--accept-ops"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--read-only says to write nothing" in done.stderr


def test_what_is_written_elsewhere_is_served_and_a_token_revoked_there_is_none_here(
    whole: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    """As in a container that only reads what its host writes."""
    folder, token = Path(shutil.copytree(whole[0], tmp_path / "replica")), whole[1]
    with read_only(folder) as place:
        if place == folder:
            pytest.skip("only root can mount")
        with served(place) as client:
            refused(client.post("/models", json=RECORD, headers=token), place)
            with Datastore.open(folder) as datastore:
                datastore.add("model", make_record("model", "late"))
                datastore.tokens.revoke("all")
            assert client.get("/models", params={"q": "late"}).json()["items"]
            assert client.get("/health").json()["ops"] == 8
            assert client.post("/models", json=RECORD, headers=token).status_code == 401


def test_a_full_disk_is_served_from_and_written_again_once_there_is_room(
    whole: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "small", "2m") as disk:
        folder, token = Path(shutil.copytree(whole[0], disk / "replica")), whole[1]
        ballast = fill(disk)
        with served(folder) as client:
            assert len(client.get("/models").json()["items"]) > 0
            assert client.get("/sync/head").json()["size"] == 7
            refused(client.post("/models", json=RECORD, headers=token), folder, 507, "disk_full")
            ballast.unlink()
            assert client.post("/models", json=RECORD, headers=token).status_code == 201
            assert client.get("/health").json()["ops"] == 8
