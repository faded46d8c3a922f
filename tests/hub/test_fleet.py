"""A hub from outside: real nodes behind a balancer on a real PostgreSQL, and everything that goes wrong with them.

What must hold says `tests.hub.agreement`. The slice below runs with the other tests; `pytest -m long` has the ten minutes.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hub import stores
from tests.hub.agreement import assert_agreement
from tests.hub.fleet import Fleet, Postgres, until
from tests.hub.proxy import Fate, Statement, same, transaction_of
from tests.hub.traffic import LONGEST, Traffic
from tests.released.test_released_0_1 import WHEEL, run
from tests.sync.logs import ALICE, BOB, MALLORY, bodies, roots
from tui_registry.datastore import Datastore
from tui_registry.sync import pull

seaweed, store_url = stores.seaweed, stores.store_url
LOCKS = "FOR UPDATE"
_RECORD = {"license": "MIT", "parameters": 1, "context_length": 1}
_names = count()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as started:
        yield started


@pytest.fixture(scope="module")
def fleet(postgres: Postgres) -> Iterator[Fleet]:
    with Fleet(3, postgres) as begun:
        yield begun


def write(fleet: Fleet, at: int, key: str, timeout: float = LONGEST) -> httpx.Response:
    """Register a record at a node, by its own address."""
    headers = {"authorization": f"Bearer {fleet.token}", "idempotency-key": key}
    return httpx.post(f"{fleet.nodes[at].url}/models", json={"name": key, **_RECORD}, headers=headers, timeout=timeout)


def found(fleet: Fleet, at: int, name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = httpx.get(f"{fleet.nodes[at].url}/models", params={"q": f'name:"{name}"'}).json()[
        "items"
    ]
    return [item for item in items if item["name"] == name]


def statements_of_a_turn(fleet: Fleet) -> list[Statement]:
    """As they are sent when nothing goes wrong, by node 0."""
    write(fleet, 0, f"first-{next(_names)}").raise_for_status()
    write(fleet, 0, f"second-{next(_names)}").raise_for_status()
    return transaction_of(fleet.proxies[0].seen(), LOCKS)


def assert_once(fleet: Fleet, name: str, made: httpx.Response) -> None:
    """It is there, once, at every node."""
    assert made.status_code == 201, made.text
    for at in range(len(fleet.nodes)):
        (there,) = until(lambda at=at: found(fleet, at, name), f"node {at} does not have it")
        assert there["model_id"] == made.json()["model_id"]


def test_a_connection_that_is_cut_at_any_statement_of_a_turn_loses_nothing_and_writes_nothing_twice(
    fleet: Fleet,
) -> None:
    turn = statements_of_a_turn(fleet)
    assert any(LOCKS in statement.text for statement in turn)
    assert turn[-1].text == "COMMIT"
    for statement in turn:
        for fate in (Fate.CUT_BEFORE, Fate.CUT_AFTER):
            key = f"cut-{next(_names)}"
            fault = fleet.proxies[0].arm(fate, same(statement))
            answer = write(fleet, 0, key)
            assert fault.has_happened
            # The node finds out by itself what came of it.
            assert answer.status_code == 201 or answer.json()["code"] in {"hub_away", "hub_busy", "outcome_unknown"}, (
                answer.text
            )
            if answer.status_code != 201:
                answer = write(fleet, 1, key)
                assert answer.status_code == 201, answer.text
            assert_once(fleet, key, answer)


def test_a_session_that_nobody_ends_is_waited_out(fleet: Fleet) -> None:
    """As where a cable is cut: PostgreSQL does not hear of it, and the session keeps its locks."""
    *_, commit = turn = statements_of_a_turn(fleet)
    lock = next(statement for statement in turn if LOCKS in statement.text)
    for statement, fate in ((commit, Fate.LEFT_AFTER), (lock, Fate.LEFT_AFTER)):
        key = f"left-{next(_names)}"
        fault = fleet.proxies[0].arm(fate, same(statement))
        answer = write(fleet, 0, key)
        assert fault.has_happened
        if answer.status_code != 201:
            assert answer.json()["code"] in {"hub_busy", "outcome_unknown"}, answer.text
            until(lambda key=key: write(fleet, 1, key).status_code == 201, "the lock is never let go")
        fleet.proxies[0].release()
        assert_once(fleet, key, write(fleet, 1, key))


def test_a_node_that_stands_still_while_it_holds_the_lock_loses_its_turn(fleet: Fleet) -> None:
    turn = statements_of_a_turn(fleet)
    held = turn[-1]
    key, other = f"frozen-{next(_names)}", f"beside-{next(_names)}"
    fault = fleet.proxies[0].arm(Fate.HELD_BEFORE, same(held))
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(write(fleet, 0, key, 120)))
    asking.start()
    fault.wait()
    fleet.nodes[0].freeze()
    try:
        fleet.proxies[0].release()  # what it had sent arrives; it does not hear the answer
        made = until(lambda: answered(write(fleet, 1, other)), "nobody else gets a turn")
        assert httpx.get(f"{fleet.nodes[1].url}/models", params={"limit": 1}).status_code == 200
    finally:
        fleet.nodes[0].thaw()
    asking.join()
    assert_once(fleet, other, made)
    again = until(lambda: answered(write(fleet, 1, key)), "it is not done")
    assert_once(fleet, key, again)


def answered(answer: httpx.Response) -> httpx.Response | None:
    return answer if answer.status_code == 201 else None


def test_while_postgres_is_away_all_is_read_and_nothing_is_written(fleet: Fleet) -> None:
    key = f"away-{next(_names)}"
    write(fleet, 0, f"before-{next(_names)}").raise_for_status()
    until(lambda: {node.head()["size"] for node in fleet.nodes} == {fleet.shared_size()}, "they do not follow")
    for proxy in fleet.proxies:
        proxy.shut()
    try:
        for at, node in enumerate(fleet.nodes):
            refused = write(fleet, at, key)
            assert (refused.status_code, refused.json()["code"]) == (503, "hub_away"), refused.text
            assert "retry-after" in refused.headers
            head = node.head()
            assert httpx.get(f"{node.url}/models").status_code == 200
            assert (
                httpx.get(f"{node.url}/sync/{head['epoch']}/entries/0.{min(head['size'], 255)}.ndjson.gz").status_code
                == 200
            )
            assert node.is_ready(), node.readiness()
        for _ in range(10):  # what is written in vain takes no node from those who read
            headers = {"authorization": f"Bearer {fleet.token}"}
            asked = httpx.post(f"{fleet.balancer.url}/models", json={"name": key, **_RECORD}, headers=headers)
            assert asked.status_code == 503, asked.text
            assert httpx.get(f"{fleet.balancer.url}/models").status_code == 200
    finally:
        for proxy in fleet.proxies:
            proxy.reopen()
    assert_once(fleet, key, until(lambda: answered(write(fleet, 0, key)), "it does not find back"))


def test_a_full_disk_of_a_view_loses_nothing(fleet: Fleet) -> None:
    with small_disk(fleet.place) as disk:
        node = fleet.another(folder=disk / "view")
        until(node.is_ready, "it does not follow")
        fleet.nodes.append(node)
        last = len(fleet.nodes) - 1
        try:
            assert_once(fleet, "roomy", write(fleet, last, "roomy"))
            ballast = disk / "ballast"
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            made = {}
            for _ in range(3):
                key = f"full-{next(_names)}"
                answer = write(fleet, last, key)
                if answer.status_code == 201:
                    made[key] = answer
                else:
                    assert answer.status_code in {503, 507}, answer.text
                    made[key] = write(fleet, 0, key)
                    made[key].raise_for_status()
                until(lambda key=key: found(fleet, 0, key), "another node does not have it")
                assert node.readiness()["status_code"] == 503, node.readiness()
                assert httpx.get(f"{node.url}/models").status_code == 200
            ballast.unlink()
            until(node.is_ready, "it does not follow again")
            for key, answer in made.items():
                assert_once(fleet, key, answer)
            assert_once(fleet, "roomy-again", write(fleet, last, "roomy-again"))
        finally:
            fleet.nodes.remove(node)
            node.kill()


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of 96 MiB."""
    disk = place / "small"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_program_whose_rules_are_older_does_not_follow(fleet: Fleet) -> None:
    ((before,),) = fleet.postgres.ask("SELECT rules FROM hub_head")
    fleet.postgres.ask("UPDATE hub_head SET rules = 1000")
    try:
        for at, node in enumerate(fleet.nodes):
            answer = write(fleet, at, "older")
            assert (answer.status_code, answer.json()["code"]) == (503, "hub_newer"), answer.text
            until(lambda node=node: "newer" in str(node.readiness().get("reasons")), "it does not say so")
            assert httpx.get(f"{node.url}/models").status_code == 200
    finally:
        fleet.postgres.ask("UPDATE hub_head SET rules = %s", before)
    for node in fleet.nodes:
        until(node.is_ready, "it does not follow again")
    assert_once(fleet, "newer", write(fleet, 0, "newer"))


def test_a_backup_that_was_put_back_is_noticed_and_nothing_follows_it(fleet: Fleet, tmp_path: Path) -> None:
    fleet.postgres.keep()
    for proxy in fleet.proxies:  # sessions were ended for the copy
        proxy.cut()
    made = {}
    for at in range(len(fleet.nodes)):
        key = f"after-the-backup-{at}"
        made[key] = until(lambda at=at, key=key: answered(write(fleet, at, key)), "it does not find back")
    for key, answer in made.items():
        assert_once(fleet, key, answer)
    size = fleet.nodes[0].head()["size"]
    until(lambda: {node.head()["size"] for node in fleet.nodes} == {fleet.shared_size()}, "they do not follow")
    size = fleet.shared_size()
    fleet.postgres.put_back()
    assert fleet.shared_size() == size - len(made)
    for at in range(len(fleet.nodes)):
        refused = until(lambda at=at: not_away(write(fleet, at, "lost")), "it does not find back")
        assert (refused.status_code, refused.json()["code"]) == (503, "hub_other"), refused.text
    for node in fleet.nodes:
        until(lambda node=node: "restored" in str(node.readiness().get("reasons")), "it does not say so")
        assert node.head()["size"] == size
    assert fleet.shared_size() == size - len(made), "nothing is written unasked"
    for at in range(len(fleet.nodes)):
        for key in made:
            assert len(found(fleet, at, key)) == 1
    fleet.command(fleet.nodes[0].folder, "hub", "recover", "--from-view", "--yes")
    assert fleet.shared_size() == size
    for node in fleet.nodes:
        until(node.is_ready, "it does not follow again")
    for key, answer in made.items():
        assert_once(fleet, key, answer)
    assert_once(fleet, "recovered", write(fleet, 1, "recovered"))


def not_away(answer: httpx.Response) -> httpx.Response | None:
    return None if answer.status_code == 503 and answer.json()["code"] in {"hub_away", "hub_busy"} else answer


def test_a_log_that_was_purged_is_followed_by_every_node(fleet: Fleet) -> None:
    lines = b"".join(line + b"\n" for line in bodies(roots(MALLORY, 3, "spam")))
    told = httpx.post(
        f"{fleet.nodes[1].url}/sync/ops", content=lines, headers={"authorization": f"Bearer {fleet.token}"}
    )
    assert told.json()["applied"] == 3
    before = fleet.nodes[0].head()["epoch"]
    fleet.command(fleet.nodes[0].folder, "hub", "purge", MALLORY.address, "--yes")
    for node in fleet.nodes:
        until(lambda node=node: node.head()["epoch"] != before, "it stays with the former epoch")
        until(node.is_ready, "it does not follow")
        assert httpx.get(f"{node.url}/models", params={"q": "name:spam"}).json()["items"] == []
    for at in range(len(fleet.nodes)):
        assert_once(fleet, key := f"purged-{next(_names)}", write(fleet, at, key))


def test_a_copy_of_a_nodes_folder_is_a_node(fleet: Fleet) -> None:
    first = fleet.nodes[0]
    first.end()
    copy = fleet.place / "copy"
    shutil.copytree(first.folder, copy)
    first.start()
    assert_once(fleet, key := f"since-{next(_names)}", write(fleet, 1, key))
    node = fleet.another(folder=copy)
    fleet.nodes.append(node)
    try:
        until(node.is_ready, "it does not follow")
        assert_once(fleet, key, write(fleet, 1, key))
        assert_once(fleet, key := f"by-the-copy-{next(_names)}", write(fleet, len(fleet.nodes) - 1, key))
    finally:
        fleet.nodes.remove(node)
        node.kill()


@pytest.mark.long
def test_a_laptop_has_the_same_from_the_store(
    fleet: Fleet, store_url: str, seaweed: stores.Seaweed, tmp_path: Path
) -> None:
    lines = b"".join(line + b"\n" for line in bodies(roots(BOB, 600, "published")))
    bearing = {"authorization": f"Bearer {fleet.token}"}
    assert httpx.post(f"{fleet.nodes[2].url}/sync/ops", content=lines, headers=bearing, timeout=60).status_code == 200
    size = fleet.shared_size()
    for node in fleet.nodes:  # whichever of them publishes
        fleet.command(node.folder, "hub", "publish", store_url)
    with Datastore.open(tmp_path / "laptop") as laptop, Datastore.open(tmp_path / "other") as other:
        laptop.peers.add("store", f"{seaweed.url}/{store_url.removeprefix('s3://')}")
        other.peers.add("node", fleet.nodes[0].url)
        until(lambda: fleet.nodes[0].head()["size"] == size, "the head does not settle")
        for replica, peer in ((laptop, "store"), (other, "node")):
            result = asyncio.run(pull(replica, peer))
            assert result.error is None, result.sentence
        assert laptop.log.lines(0, size + 1) == other.log.lines(0, size + 1)
        assert laptop.log.head().size == size
    node = fleet.another()
    until(node.is_ready, "it does not begin")
    assert any("came from the hub's store" in note for note in node.told("note")), node.lines
    node.kill()


def test_a_client_of_0_1_pulls_through_the_balancer(fleet: Fleet, tmp_path: Path) -> None:
    released, data = tmp_path / "released", tmp_path / "data"
    with zipfile.ZipFile(WHEEL) as packed:
        packed.extractall(released)
    run(released, data, "peer", "add", "hub", fleet.balancer.url)
    seen = []
    for at in range(3):
        assert_once(fleet, key := f"for-0.1-{next(_names)}", write(fleet, at % len(fleet.nodes), key))
        (told,) = [json.loads(line) for line in run(released, data, "sync", "--json").splitlines()]
        seen.append(told)
    until(lambda: len(fleet.nodes) and fleet.nodes[0].head()["size"] == fleet.shared_size(), "the head does not settle")
    run(released, data, "sync", "--json")
    lines = run(released, data, "export", "--ops").splitlines()
    assert len(lines) == fleet.shared_size()


# What goes wrong at random


def _kills_a_node(fleet: Fleet, chance: random.Random) -> None:
    node = chance.choice(fleet.nodes)
    node.kill()
    node.start()


def _ends_a_node(fleet: Fleet, chance: random.Random) -> None:
    node = chance.choice(fleet.nodes)
    assert node.end() == 0
    node.start()


# Time itself is the fault here: how long a node is frozen, or PostgreSQL away, decides what its bounds make of it. What
# a test waits *for* is asked for, never slept for.


def _freezes_a_node(fleet: Fleet, chance: random.Random) -> None:
    node = chance.choice(fleet.nodes)
    node.freeze()
    time.sleep(chance.choice((0.2, 2, 12)))
    node.thaw()


def _freezes_a_node_in_its_turn(fleet: Fleet, chance: random.Random) -> None:
    at = chance.randrange(len(fleet.nodes))
    fault = fleet.proxies[at].arm(Fate.HELD_AFTER, lambda statement: LOCKS in statement.text)
    end = time.monotonic() + 5
    while not fault.has_happened and time.monotonic() < end:
        time.sleep(0.01)
    fleet.nodes[at].freeze()
    fleet.proxies[at].disarm()
    time.sleep(chance.choice((0.5, 11)))
    fleet.nodes[at].thaw()


def _kills_postgres(fleet: Fleet, chance: random.Random) -> None:
    fleet.postgres.kill()


def _restarts_postgres(fleet: Fleet, chance: random.Random) -> None:
    fleet.postgres.restart()


def _cuts(fleet: Fleet, chance: random.Random) -> None:
    chance.choice(fleet.proxies).cut()


def _cuts_in_a_turn(fleet: Fleet, chance: random.Random) -> None:
    fate = chance.choice((Fate.CUT_BEFORE, Fate.CUT_AFTER))
    place = chance.randrange(1, 6)
    chance.choice(fleet.proxies).arm(fate, lambda statement: statement.place == place)


def _cuts_a_commit(fleet: Fleet, chance: random.Random) -> None:
    fate = chance.choice((Fate.CUT_BEFORE, Fate.CUT_AFTER))
    chance.choice(fleet.proxies).arm(fate, lambda statement: statement.text == "COMMIT")


def _leaves_in_a_turn(fleet: Fleet, chance: random.Random) -> None:
    proxy = chance.choice(fleet.proxies)
    place = chance.randrange(1, 6)
    proxy.arm(chance.choice((Fate.LEFT_BEFORE, Fate.LEFT_AFTER)), lambda statement: statement.place == place)
    time.sleep(chance.choice((1, 11)))
    proxy.disarm()


def _is_silent(fleet: Fleet, chance: random.Random) -> None:
    proxy = chance.choice(fleet.proxies)
    proxy.go_silent()
    time.sleep(chance.choice((0.5, 3, 9)))
    proxy.speak()


def _parts_a_node(fleet: Fleet, chance: random.Random) -> None:
    proxy = chance.choice(fleet.proxies)
    proxy.shut()
    time.sleep(chance.choice((0.5, 3)))
    proxy.reopen()


def _lets_be(fleet: Fleet, chance: random.Random) -> None:
    time.sleep(1)


_QUICK = (_kills_a_node, _kills_postgres, _cuts, _cuts_in_a_turn, _cuts_a_commit, _lets_be)
_ALL = (
    *_QUICK, _ends_a_node, _freezes_a_node, _freezes_a_node_in_its_turn, _restarts_postgres, _leaves_in_a_turn,
    _is_silent, _parts_a_node,
)  # fmt: skip


def test_what_was_acknowledged_is_there_once_whatever_was_killed(fleet: Fleet, tmp_path: Path) -> None:
    try:
        play(fleet, tmp_path, 3, _QUICK, seed=15)
    finally:
        fleet.mend()


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_ten_minutes_of_it(postgres: Postgres, tmp_path: Path, seed: int) -> None:
    with Fleet(3, postgres) as fleet:
        play(fleet, tmp_path, 300, _ALL, seed, laptops=True)


Deed = Callable[[Fleet, random.Random], None]


def play(fleet: Fleet, place: Path, seconds: float, deeds: Sequence[Deed], seed: int, *, laptops: bool = False) -> None:
    """Let clients ask, and things go wrong one after the other; then all must be well."""
    chance = random.Random(seed)
    traffic = Traffic(fleet.balancer.url, fleet.token)
    clients = [traffic.writer(f"one-{seed}"), traffic.writer(f"two-{seed}"), traffic.puller(place / "laptop")]
    clients += [traffic.pusher(owner, f"pushed-{seed}") for owner in (ALICE, ALICE, BOB)]
    done: Counter[str] = Counter()
    with traffic.of(*clients):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            deed = chance.choice(deeds)
            done[deed.__name__] += 1
            deed(fleet, chance)
        fleet.mend()
    print(dict(done), traffic.codes, f"{traffic.longest:.1f} s", traffic.pulls)  # noqa: T201 - told where it fails
    assert traffic.read == sorted(traffic.read), "a cursor was void"
    assert_agreement(fleet, traffic, place, laptops=laptops)
