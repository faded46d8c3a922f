"""Version 0.2.0 is out: what it left on disks opens and is written on, and its nodes and this program's still talk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.released.make import FOLDER
from tests.seeds import NOW, make_record, owner
from tui_registry.datastore import Datastore
from tui_registry.node import running
from tui_registry.records.schema import defaults
from tui_registry.sync import pull, push

VERSION = "0.2.0"
WHEEL = FOLDER / f"tui_registry-{VERSION}-py3-none-any.whl"
KEPT = FOLDER / f"{VERSION}.tar.gz"

pytestmark = pytest.mark.skipif(
    not KEPT.exists(), reason=f"{VERSION} is not out: `python -m tests.released.make` keeps it"
)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the release left: `replica/` and `said.json`. To be copied, not opened."""
    place = tmp_path_factory.mktemp("left")
    with tarfile.open(KEPT) as packed:
        packed.extractall(place, filter="data")
    return place


@pytest.fixture(scope="module")
def said(left: Path) -> dict[str, Any]:
    """What the release itself said that its replica holds."""
    told: dict[str, Any] = json.loads((left / "said.json").read_text("utf-8"))
    return told


@pytest.fixture
def replica(left: Path, tmp_path: Path) -> Path:
    """A copy of the replica that the release left."""
    copy = tmp_path / "replica"
    shutil.copytree(left / "replica", copy)
    copy.chmod(0o700)
    for file in copy.iterdir():
        file.chmod(0o600)
    return copy


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released program's code, as it was installed."""
    place = tmp_path_factory.mktemp("released")
    with zipfile.ZipFile(WHEEL) as packed:
        packed.extractall(place)
    return place


def environment(released: Path) -> dict[str, str]:
    """Where Python finds the released program, and nothing of this tree."""
    return {**os.environ, "PYTHONPATH": str(released), "PYTHONSAFEPATH": "1"}


def by_release(data_dir: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "tui_registry", "--data-dir", str(data_dir), *words]


def run(released: Path, data_dir: Path, *words: str) -> str:
    """The output of a command of the released program."""
    return subprocess.run(
        by_release(data_dir, *words),
        env=environment(released), cwd=data_dir.parent, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


@contextmanager
def served(released: Path, data_dir: Path) -> Iterator[str]:
    """A node of the released program; its URL."""
    words = by_release(data_dir, "serve", "--port", "0", "--accept-ops=anybody", "--json")
    node = subprocess.Popen(
        words, env=environment(released), cwd=data_dir.parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )  # fmt: skip
    with node:
        try:
            assert node.stdout is not None
            yield json.loads(node.stdout.readline())["url"]
        finally:
            node.terminate()


# ---- its replica ----------------------------------------------------------------------------------------------------


def test_its_replica_holds_what_it_said(replica: Path, said: dict[str, Any]) -> None:
    with Datastore.open(replica, clock=lambda: NOW) as registry:
        head = registry.log.head()
        told = {"size": head.size, "fingerprint": head.fingerprint, "node": head.node, "root": head.root}
        assert told == said["head"]
        assert [line.decode() for line in registry.log.lines(0, head.size)] == said["log"]
        assert registry.address == said["address"] == owner("released").address
        for entry in said["entries"]:
            here, behind = registry.entry(entry["id"]), registry.manifests.get(entry["id"])
            assert here is not None
            assert (here.kind, here.record, sorted(here.heads)) == (entry["kind"], entry["record"], entry["heads"])
            assert [step.hash for step in registry.history(entry["id"])] == entry["history"]
            assert (None if behind is None else behind.manifest) == entry["manifest"]
            versions = sorted(step.hash for step in registry.manifests.versions(entry["id"]))
            assert versions == entry["manifest_versions"]
        assert sorted(entry.id for entry in registry.entries()) == [entry["id"] for entry in said["entries"]]
        assert sorted(row.id for row in registry.conflicts()) == said["conflicts"]
        assert registry.verify().sound


def test_its_replica_holds_what_is_local_too(replica: Path, said: dict[str, Any]) -> None:
    with Datastore.open(replica, clock=lambda: NOW) as registry:
        for peer, told in zip(registry.peers.all(), said["peers"], strict=True):
            assert {name: getattr(peer, name) for name in told} == told
        assert [[face.key, face.size, [*face.shown_by], face.known] for face in registry.peers.faces()] == said["faces"]
        rations = {source: ration._asdict() for source, ration in registry.rations.rations().items()}
        assert rations == said["rations"]
        assert [[*each] for each in registry.rations.all()] == said["kept_out"]
        assert [[each.hash, each.owner, each.reason] for each in registry.rations.left_out()] == said["left_out"]
        assert registry.names.all() == said["names"]
        domains = {address: [each.domain for each in by] for address, by in registry.domains.all().items()}
        assert domains == said["domains"]
        assert [[token.name, sorted(token.scopes)] for token in registry.tokens.all()] == said["tokens"]
        assert [[draft.key, dict(draft.fields)] for draft in registry.drafts.all()] == said["drafts"]
        assert registry.searches.saved() == said["searches"]
        assert registry.searches.history() == said["searched"]
        assert [[*own] for own in registry.stars.all()] == said["stars"]
        assert registry.news.watches() == said["watched"]
        # Each of those sections holds something, so that none of them is compared with nothing.
        assert all(said.values())


def test_its_replica_is_searched_by_what_stands_behind_its_records(replica: Path) -> None:
    with Datastore.open(replica, clock=lambda: NOW) as registry:
        for query, name in (
            ("status:deprecated", "Änderung 変更"),
            ("has:digest", "Änderung 変更"),
            ("eval:mmlu>=0.4", "Änderung 変更"),
            ("has:note", "Änderung 変更"),
            ("needs:Änderung", "crew"),
        ):
            assert name in [row.name for row in registry.search(query).rows], query


def test_its_replica_is_written_on_with_its_key(replica: Path, said: dict[str, Any]) -> None:
    with Datastore.open(replica, clock=lambda: NOW) as registry:
        for torn in said["conflicts"]:
            entry = registry.entry(torn)
            assert entry is not None
            if len(entry.heads) > 1:
                registry.resolve(entry.kind, torn, {**entry.record, "description": "settled"}, entry.heads)
        new = registry.add(
            "agent", make_record("agent", "newcomer"), manifest=defaults("manifest") | {"languages": ["de"]}
        )
        assert new.actor == said["address"]
        assert [row.name for row in registry.search("newcomer").rows] == ["newcomer"]
        assert registry.verify().sound


# ---- its program ----------------------------------------------------------------------------------------------------


def test_its_wheel_fills_a_replica_as_it_did(released: Path, tmp_path: Path, said: dict[str, Any]) -> None:
    """The script that made it is for that version: it must not follow what is renamed today."""
    subprocess.run(
        [sys.executable, FOLDER / "fill_0_2.py", tmp_path], env=environment(released), cwd=tmp_path, check=True
    )  # fmt: skip
    assert json.loads((tmp_path / "said.json").read_text("utf-8")) == said


def test_its_wheel_names_no_place_of_the_machine_that_made_it() -> None:
    with zipfile.ZipFile(WHEEL) as packed:
        for name in packed.namelist():
            text = packed.read(name).decode()
            assert not any(place in text for place in ("/root/", "/work/", "file://")), name


async def test_its_node_is_pulled_from_and_pushed_to_by_this_program(
    released: Path, replica: Path, said: dict[str, Any], tmp_path: Path
) -> None:
    with served(released, replica) as url, Datastore.open(tmp_path / "here", clock=lambda: NOW) as here:
        here.peers.add("old", url)
        result = await pull(here, "old")
        assert (result.error, result.applied, result.concerns) == (None, said["head"]["size"], ())
        assert (here.peers.get("old").pinned, here.peers.get("old").root_fits) == (said["address"], True)
        here.add("model", make_record("model", "pushed"), manifest=defaults("manifest") | {"languages": ["de"]})
        pushed = await push(here, "old")
        assert (pushed.applied, pushed.rejected) == (2, 0)
        assert (await pull(here, "old")).error is None
        assert here.peers.get("old").identical


def test_this_programs_node_is_pulled_from_by_it(released: Path, replica: Path, tmp_path: Path) -> None:
    with Datastore.open(replica, clock=lambda: NOW) as here, running(here) as node:
        new = here.add("agent", make_record("agent", "of-today"))
        there = tmp_path / "there"
        run(released, there, "peer", "add", "new", node.url)
        run(released, there, "sync")
        assert new.key in run(released, there, "search", "of-today", "--json")
        fingerprint = here.log.head().fingerprint
    with Datastore.open(there, clock=lambda: NOW) as after:
        assert after.log.head().fingerprint == fingerprint
        assert after.verify().sound
