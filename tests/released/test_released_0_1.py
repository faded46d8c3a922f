"""Version 0.1.0 is out: what it left on disks opens and is written on, and its nodes and this program's still talk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.released.make import FOLDER
from tests.replica.replicas import database
from tests.seeds import NOW, make_record, owner, stranger_ops
from tests.sync.lines import line_to
from tui_registry import RemoteError, connect
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import KINDS
from tui_registry.node import running
from tui_registry.records.schema import defaults
from tui_registry.sync import Bounds, deliver, publish, pull, push

VERSION = "0.1.0"
WHEEL = FOLDER / f"tui_registry-{VERSION}-py3-none-any.whl"


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the release left: `replica/` and `said.json`. To be copied, not opened."""
    place = tmp_path_factory.mktemp("left")
    with tarfile.open(FOLDER / f"{VERSION}.tar.gz") as packed:
        for entry in packed:
            file = packed.extractfile(entry)
            if file is None:
                (place / entry.name).mkdir()
            else:
                (place / entry.name).write_bytes(file.read())
    return place


@pytest.fixture(scope="module")
def said(left: Path) -> dict[str, Any]:
    """What the release itself said that its replica holds."""
    told: dict[str, Any] = json.loads((left / "said.json").read_text())
    return told


@pytest.fixture
def replica(left: Path, tmp_path: Path) -> Path:
    """A copy of the replica that the release left."""
    copy = tmp_path / "replica"
    copy.mkdir(mode=0o700)
    for file in (left / "replica").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
        (copy / file.name).chmod(0o600)
    return copy


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released program's code, as it was installed."""
    place = tmp_path_factory.mktemp("released")
    with zipfile.ZipFile(WHEEL) as packed:
        packed.extractall(place)
    return place


def by_release(released: Path, *words: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "tui_registry", *words]


def environment(released: Path) -> dict[str, str]:
    """Where Python finds the released program, and nothing of this tree."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (released, FOLDER / "stand_in"))),
        "PYTHONSAFEPATH": "1",
    }


def run(released: Path, data_dir: Path, *words: str) -> str:
    """The output of a command of the released program."""
    return subprocess.run(
        by_release(released, "--data-dir", data_dir, *words),
        env=environment(released), cwd=data_dir.parent, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


@contextmanager
def served(released: Path, data_dir: Path) -> Iterator[str]:
    """A node of the released program; its URL."""
    words = by_release(released, "--data-dir", data_dir, "serve", "--port", "0", "--accept-ops", "--json")
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
        assert {"size": head.size, "fingerprint": head.fingerprint, "node": head.node} == said["head"]
        assert [line.decode() for line in registry.log.lines(0, head.size)] == said["log"]
        assert registry.address == said["address"] == owner("released").address
        entries = [
            {
                "kind": entry.kind,
                "id": entry.id,
                "record": entry.record,
                "heads": sorted(entry.heads),
                "history": [step.hash for step in registry.history(entry.id)],
            }
            for entry in sorted(registry.entries(), key=lambda entry: entry.id)
        ]
        assert entries == said["entries"]
        assert sorted(row.id for row in registry.conflicts()) == said["conflicts"]
        assert registry.verify().sound


def test_its_replica_holds_what_is_local_too(replica: Path, said: dict[str, Any]) -> None:
    with Datastore.open(replica, clock=lambda: NOW) as registry:
        asked = ("name", "address", "next_index", "pending", "rejected", "unsupported", "last_error")
        assert [{name: getattr(peer, name) for name in asked} for peer in registry.peers.all()] == said["peers"]
        # What was refused by the rules of before may come again, and is judged by those of now.
        assert (registry.log.quarantine(), len(said["refused"])) == ([], 3)
        assert registry.names.all() == said["names"]
        assert [[draft.key, dict(draft.fields)] for draft in registry.drafts.all()] == said["drafts"]
        assert registry.searches.saved() == said["searches"]
        assert registry.searches.history() == said["searched"]
        # Each of those sections holds something, so that none of them is compared with nothing.
        assert all(said.values())


def test_its_replica_is_written_on_with_its_key(replica: Path, said: dict[str, Any]) -> None:
    (torn,) = said["conflicts"]
    with Datastore.open(replica, clock=lambda: NOW) as registry:
        entry = registry.entry(torn)
        assert entry is not None
        registry.resolve(entry.kind, torn, {**entry.record, "description": "settled"}, entry.heads)
        registry.delete("model", torn, registry.heads(torn))
        new = registry.add("agent", make_record("agent", "newcomer"))
        assert new.actor == said["address"]
        assert registry.conflicts() == []
        assert [row.name for row in registry.search("newcomer").rows] == ["newcomer"]
        assert registry.log.head().size == said["head"]["size"] + 3
        assert registry.verify().sound


def test_what_waited_in_it_is_let_go_once_its_child_comes(replica: Path, said: dict[str, Any]) -> None:
    stranger = owner("stranger")
    edited = next(entry for entry in said["entries"] if entry["record"]["description"] == "Second edition")
    unseen = sign_up(
        stranger, "model", {**edited["record"], "version": "0.3.0"}, children=edited["heads"], clock=3
    )  # fmt: skip
    with Datastore.open(replica, clock=lambda: NOW) as registry:
        assert registry.apply([unseen]).applied == 2
        entry = registry.entry(edited["id"])
        assert entry is not None
        assert entry.record["version"] == "0.4.0"
        assert registry.peers.all()[0].pending == 0


# ---- its program ----------------------------------------------------------------------------------------------------


def test_its_wheel_runs_and_says_its_version(released: Path, tmp_path: Path) -> None:
    assert run(released, tmp_path / "data", "--version") == f"tui-registry {VERSION}\n"


def test_its_wheel_fills_a_replica_as_it_did(released: Path, tmp_path: Path, said: dict[str, Any]) -> None:
    """The script that made it is for that version: it must not follow what is renamed today."""
    subprocess.run(
        [sys.executable, FOLDER / "fill_0_1.py", tmp_path], env=environment(released), cwd=tmp_path, check=True
    )  # fmt: skip
    assert json.loads((tmp_path / "said.json").read_text()) == said


def test_its_wheel_names_no_place_of_the_machine_that_made_it() -> None:
    with zipfile.ZipFile(WHEEL) as packed:
        for name in packed.namelist():
            text = packed.read(name).decode()
            assert not any(place in text for place in ("/root/", "/home/", "/work/", "/tmp/", "file://")), name


async def test_its_node_is_pulled_from_by_this_program(
    released: Path, replica: Path, said: dict[str, Any], tmp_path: Path
) -> None:
    with served(released, replica) as url, Datastore.open(tmp_path / "here", clock=lambda: NOW) as here:
        here.peers.add("old", url)
        result = await pull(here, "old")
        assert (result.error, result.applied) == (None, said["head"]["size"])
        # It signs no head, and nothing is odd about that.
        assert (result.concerns, here.peers.get("old").pinned, here.peers.get("old").root_fits) == ((), None, None)
        assert here.log.head().fingerprint == said["head"]["fingerprint"]
        assert {entry.id: entry.record for entry in here.entries()} == {
            entry["id"]: entry["record"] for entry in said["entries"]
        }
        # And what is new here, it takes.
        here.add("model", make_record("model", "pushed"))
        pushed = await push(here, "old")
        assert (pushed.applied, pushed.rejected) == (1, 0)
        assert (await pull(here, "old")).error is None
        assert here.peers.all()[0].identical


def test_its_node_is_read_by_this_programs_client(released: Path, replica: Path, said: dict[str, Any]) -> None:
    """Its lists tell neither heads nor totals, and it has no histories."""
    with served(released, replica) as url, connect(url, "token") as remote:
        for kind in KINDS:
            here = {entry["id"]: entry["record"] for entry in said["entries"] if entry["kind"] == kind}
            assert {row.id: row.name for row in remote.search(kind=kind).rows} == {
                identifier: record["name"] for identifier, record in here.items()
            }
            told = remote.models() if kind == "model" else remote.agents()
            assert {one.id: one.to_plain() for one in told} == here
            # What a write needs to know, it does not tell; and a write that is sent again it would do again.
            with pytest.raises(RemoteError, match="older than this one"):
                remote.entry(next(iter(here)))
            with pytest.raises(RemoteError, match="older than this one"):
                remote.history(next(iter(here)))
        with pytest.raises(RemoteError, match="write on its own machine"):
            remote.add("model", make_record("model", "from-afar"))


def test_this_programs_node_is_pulled_from_by_it(released: Path, replica: Path, tmp_path: Path) -> None:
    with Datastore.open(replica, clock=lambda: NOW) as here, running(here) as node:
        new = here.add("agent", make_record("agent", "of-today"))
        there = tmp_path / "there"
        run(released, there, "peer", "add", "new", node.url)
        assert here.log.signed_head().sig
        run(released, there, "sync")
        assert new.key in run(released, there, "search", "of-today", "--json")
        fingerprint = here.log.head().fingerprint
    with Datastore.open(there, clock=lambda: NOW) as after:
        assert after.log.head().fingerprint == fingerprint
        assert after.verify().sound


async def test_its_node_is_pulled_and_pushed_over_a_line_that_hangs_up_on_each_second_request(
    released: Path, replica: Path, said: dict[str, Any], tmp_path: Path
) -> None:
    """And breaks in the middle: it knows no ranges, so a tile begins anew."""
    bounds = Bounds(retry_seconds=0)
    with served(released, replica) as url, Datastore.open(tmp_path / "here", clock=lambda: NOW) as here:
        async with line_to(url, one_request=True, cut_after=3000) as line:
            here.peers.add("old", line.url)
            broken = await pull(here, "old", bounds=bounds)
            assert broken.error is not None
            assert broken.error.code == "protocol"
            line.cut_after = None
            assert (await pull(here, "old", bounds=bounds)).applied == said["head"]["size"]
            here.add("model", make_record("model", "pushed"))
            assert (await push(here, "old", bounds=bounds)).applied == 1


async def test_its_node_is_given_all_and_compared_with_in_its_own_way(
    released: Path, replica: Path, said: dict[str, Any], tmp_path: Path
) -> None:
    """It knows nothing of differences, nor of pushes that are packed."""
    lines = [op.to_json() for op in stranger_ops(300)]
    with served(released, replica) as url, Datastore.open(tmp_path / "here", clock=lambda: NOW) as here:
        here.apply(lines)
        here.peers.add("old", url)
        given = await push(here, "old")
        assert (given.offered, given.applied) == (300, 300)
        result = await pull(here, "old", bounds=Bounds(reconcile_least=256))
        assert (result.ok, result.read, result.applied) == (True, 0, said["head"]["size"])
        assert here.peers.get("old").identical


def test_many_of_it_push_to_this_programs_node_at_once(released: Path, replica: Path, tmp_path: Path) -> None:
    """It gives up where it is told to come back, so a node lets it wait for its turn instead."""
    with Datastore.open(tmp_path / "hub", clock=lambda: NOW) as hub, running(hub, accept_ops=True) as node:
        run(released, replica, "peer", "add", "hub", node.url)
        words = by_release(released, "--data-dir", replica, "sync", "hub", "--push")
        pushing = [
            subprocess.Popen(words, env=environment(released), cwd=tmp_path, stdout=subprocess.DEVNULL)
            for _ in range(5)
        ]
        assert [one.wait() for one in pushing] == [0] * 5
        with Datastore.open(replica, clock=lambda: NOW) as after:
            assert hub.log.head().fingerprint == after.log.head().fingerprint


# ---- manifests, which it knows nothing of ---------------------------------------------------------------------------

PULLED_BY_RANGES = """
import asyncio, sys
from tui_registry import Datastore
from tui_registry.sync import Bounds, pull
with Datastore.open(sys.argv[1]) as registry:
    registry.add_peer("new", sys.argv[2])
    for _ in range(2):
        result = asyncio.run(pull(registry, "new", bounds=Bounds(reconcile_least=8)))
        print(result.ok, result.read, result.applied, result.unsupported, result.rejected)
"""


def with_manifests(here: Datastore, records: int, of: str) -> None:
    """Registers so many models, all but the last of them with a manifest; the first manifest is removed again."""
    for number in range(records):
        key = here.add("model", make_record("model", f"{of}-{number}")).key
        if number < records - 1:
            op = here.manifests.set(key, defaults("manifest"))
            if not number:
                here.manifests.delete(key, [op.hash])


async def test_it_keeps_what_it_understands_and_its_replica_opens_here_and_reads_the_rest(
    released: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    with Datastore.open(tmp_path / "here", clock=lambda: NOW) as here, running(here, accept_ops=True) as node:
        with_manifests(here, 4, "first")
        run(released, there, "peer", "add", "new", node.url)
        told = [json.loads(run(released, there, "sync", "--json")) for _ in range(2)]
        assert [(one["read"], one["applied"], one["rejected"], one["unsupported"]) for one in told] == [
            (8, 4, 0, 4), (0, 0, 0, 0)
        ]  # fmt: skip
        (peer,) = map(json.loads, run(released, there, "peer", "list", "--json").splitlines())
        assert (peer["read"], peer["unsupported"], peer["identical"], peer["last_error"]) == (8, 4, False, None)
        # It goes on, reads on behind them, and gives what it has.
        (tmp_path / "old.yaml").write_text("name: of-the-old\nparameters: 7b\ncontext_length: 8k\n")
        run(released, there, "register", "model", str(tmp_path / "old.yaml"))
        with_manifests(here, 2, "later")
        assert json.loads(run(released, there, "sync", "--json"))["read"] == 4
        run(released, there, "sync", "--push")
        assert here.search("of-the-old").total == 1
        # The first of them is offered each time, as it may have been upgraded; where it cannot be read no other is.
        here.add("agent", make_record("agent", "newest"))
        with served(released, there) as url:
            here.peers.add("old", url)
            for applied in (1, 0):
                pushed = await push(here, "old")
                assert (pushed.applied, pushed.unsupported, pushed.rejected) == (applied, 6, 0)
                assert pushed.offered == here.log.head().size - 5
            # A record is delivered there, though what stands behind it is not.
            key = here.add("model", make_record("model", "published")).key
            here.manifests.set(key, defaults("manifest"))
            given = await deliver(here, "old", [key])
            assert (given.error, given.missing, given.applied, given.unsupported) == (None, (), 1, 1)
            assert (await pull(here, "old")).error is None
        assert "all is sound" in run(released, there, "verify")
        with Datastore.open(there, clock=lambda: NOW) as after:
            assert (after.stats().unsupported, after.stats().ops) == (6, 9)
            read = await pull(after, "new")
            assert (read.error, read.applied, read.unsupported) == (None, 7, 0)
            assert after.log.head().fingerprint == here.log.head().fingerprint
            # Nothing waits for an upgrade any more, and nothing is read a third time.
            assert (after.stats().unsupported, after.peers.get("new").unsupported) == (0, 0)
            assert after.peers.get("new").identical
            assert (await pull(after, "new")).read == 0
            assert after.verify().sound


def test_its_comparison_of_logs_with_manifests_ends(released: Path, tmp_path: Path) -> None:
    """They are missing there, and it cannot have them: it reads the log instead, once."""
    there = tmp_path / "there"
    common = [op.to_json() for op in stranger_ops(300)]
    (tmp_path / "common.ndjson").write_bytes(b"".join(line + b"\n" for line in common))
    run(released, there, "import", str(tmp_path / "common.ndjson"), "--register")
    with Datastore.open(tmp_path / "here", clock=lambda: NOW) as here, running(here) as node:
        here.apply(common)
        with_manifests(here, 4, "ours")
        told = subprocess.run(
            [sys.executable, "-c", PULLED_BY_RANGES, there, node.url],
            env=environment(released), cwd=tmp_path, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    assert told.splitlines() == ["True 308 4 8 0", "True 0 0 0 0"]


async def test_this_programs_comparison_with_its_log_is_not_misled_by_manifests(released: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    lines = [op.to_json() for op in stranger_ops(304)]
    (tmp_path / "all.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
    run(released, there, "import", str(tmp_path / "all.ndjson"), "--register")
    with served(released, there) as url, Datastore.open(tmp_path / "here", clock=lambda: NOW) as here:
        here.apply(lines[:300])
        with_manifests(here, 4, "ours")
        here.peers.add("old", url)
        result = await pull(here, "old", bounds=Bounds(reconcile_least=8))
        assert (result.error, result.read, result.applied) == (None, 0, 4)
        assert (await pull(here, "old", bounds=Bounds(reconcile_least=8))).bytes == 0


# ---- heads, epochs and backups, with that program on the other side -------------------------------------------------


async def test_its_node_is_polled_for_little_and_may_be_put_back_to_a_backup(
    released: Path, replica: Path, tmp_path: Path
) -> None:
    """Such a node keeps its epoch when it is put back."""
    shutil.copytree(replica, tmp_path / "backup")
    with Datastore.open(replica, clock=lambda: NOW) as there:
        size = there.log.head().size
        for line in (b"one", b"two"):
            there.add("agent", make_record("agent", line.decode()))
        lines = there.log.lines(size, size + 2)
    old = tmp_path / "of 0.1"
    shutil.copytree(tmp_path / "backup", old)
    # A file of the operations, taken by that program itself: this one's schema is not for it.
    (tmp_path / "more.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
    run(released, old, "import", str(tmp_path / "more.ndjson"), "--register")
    with Datastore.open(tmp_path / "here", clock=lambda: NOW) as here:
        with served(released, old) as url:
            here.peers.add("old", url)
            assert (await pull(here, "old")).error is None
            assert here.peers.get("old").next_index == size + 2
            again = await pull(here, "old")
            assert (again.error, again.bytes) == (None, 0)  # its own validator is of the content
            # Where a signature is expected, such as of a node that went back to it, that is told and stops nothing.
            here.peers.trust("old", "ab" * 20)
            again = await pull(here, "old")
            assert (again.error, [concern.code for concern in again.concerns]) == (None, ["unsigned"])
            here.peers.trust("old", None)
        with served(released, tmp_path / "backup") as url:
            point_to(here, url)
            # It is asked for that once more, past caches, and read anew.
            again = await pull(here, "old")
            assert (again.error, again.restarted, again.read, again.applied) == (None, True, size, 0)
        (tmp_path / "other.ndjson").write_bytes(lines[1] + b"\n")
        run(released, tmp_path / "backup", "import", str(tmp_path / "other.ndjson"), "--register")
        with served(released, tmp_path / "backup") as url:
            point_to(here, url)
            again = await pull(here, "old")
            assert (again.error, again.restarted, again.read) == (None, False, 1)
            assert here.peers.get("old").next_index == size + 1


def point_to(here: Datastore, url: str) -> None:
    """The peer listens on another port now."""
    with closing(database(here)) as db:
        db.execute("UPDATE peers SET address = ?, etag = NULL", (url,))


def test_its_reader_follows_a_new_epoch_and_heads_of_today(released: Path, replica: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    log = tmp_path / "log"
    with Datastore.open(replica, clock=lambda: NOW) as here:
        publish(here, log)
        run(released, there, "peer", "add", "log", str(log))
        run(released, there, "sync")
        for number in range(2):
            here.add("agent", make_record("agent", f"later-{number}"))
            publish(here, log, new_epoch=number == 1)
            # As on a disk that keeps times of its own: with white space at its end.
            (log / "sync" / "head").write_bytes((log / "sync" / "head").read_bytes() + b"\n" * 3)
            run(released, there, "sync")
            assert f"later-{number}" in run(released, there, "search", f"later-{number}", "--json")
        with running(here) as node:
            run(released, there, "peer", "add", "node", node.url)
            run(released, there, "sync", "node")
            run(released, there, "sync", "node")
            here.mark.share(new_epoch=True)
            new = here.add("agent", make_record("agent", "after-that"))
            run(released, there, "sync", "node")
        assert new.key in run(released, there, "search", "after-that", "--json")
