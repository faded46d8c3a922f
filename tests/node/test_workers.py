"""A node of several processes is one node, whichever of them is asked. Real processes."""

from __future__ import annotations

import json
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as read_metrics

from tests.node.conftest import refused
from tests.node.test_rotation import commanded
from tests.sync.logs import ALICE, BOB, Identity, bodies, roots
from tui_registry.datastore import Datastore
from tui_registry.node import NodeBounds, Whereabouts
from tui_registry.node.doors import Proxies
from tui_registry.node.server import _Held, _Places
from tui_registry.node.shared import CommonMemory, Member
from tui_registry.node.watch import Seen, Waiting, Watch

WORKERS = 3
RECORD = {"license": "MIT", "parameters": 1, "context_length": 1}


class Serving:
    """A `serve --workers` of its own, and what it writes on stderr."""

    def __init__(self, data_dir: Path, process: subprocess.Popen[str], stack: ExitStack) -> None:
        self.data_dir = data_dir
        self.process = process
        assert process.stdout is not None
        self.told = json.loads(process.stdout.readline())
        self.token = ""
        self._stack = stack
        self._ids = count()
        self._lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        stack.callback(self._reader.join)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(json.loads(line) if line.startswith("{") else {"event": "text", "message": line})
        self._lines.put(None)

    def line(self, **wanted: object) -> dict[str, Any]:
        """The next line that has these members."""
        while (line := self._lines.get(timeout=120)) is not None:
            if all(line.get(name) == value for name, value in wanted.items()):
                return line
        raise AssertionError("it has ended")

    def note(self, part: str) -> dict[str, Any]:
        """The next note that says this."""
        while part not in (line := self.line(event="note"))["message"]:
            pass
        return line

    def caller(self) -> httpx.Client:
        """A client with a connection of its own."""
        transport = httpx.HTTPTransport(uds=self.told.get("uds"), verify=False, limits=httpx.Limits(max_connections=1))
        url = "http://localhost" if "uds" in self.told else self.told["url"]
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        caller = httpx.Client(base_url=url, transport=transport, timeout=60, headers=headers)
        return self._stack.enter_context(caller)

    def worker_of(self, caller: httpx.Client) -> int:
        """Who answers that connection: the journal says it."""
        request_id = f"who-{next(self._ids)}"
        caller.get("/health/live", headers={"x-request-id": request_id})
        return int(self.line(request_id=request_id)["worker"])

    def each(self, workers: int = WORKERS) -> dict[int, httpx.Client]:
        """A connection to each worker."""
        found: dict[int, httpx.Client] = {}
        for _ in range(500):
            caller = self.caller()
            if found.setdefault(self.worker_of(caller), caller) is not caller:
                caller.close()
            if len(found) == workers:
                return dict(sorted(found.items()))
        raise AssertionError(f"only {sorted(found)} answer")

    def processes(self) -> list[int]:
        """The workers, as the system knows them."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(number) for number in listed.split()]


@contextmanager
def serving(data_dir: Path, *words: str, code: int = 0, env: dict[str, str] | None = None) -> Iterator[Serving]:
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(data_dir), "serve", "--json"]
    with (
        ExitStack() as stack,
        subprocess.Popen(
            [*command, "--log-format=json", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        ) as process,
    ):
        try:
            yield Serving(data_dir, process, stack)
        finally:
            process.terminate()
            process.wait()
    assert process.returncode == code


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("config") / "tui-registry" / "settings.toml"
    file.parent.mkdir()
    return file


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, settings: Path) -> Iterator[Serving]:
    data_dir = tmp_path_factory.mktemp("workers") / "data"
    with Datastore.open(data_dir) as datastore:
        datastore.apply(bodies(roots(ALICE, 300)), source="test")
        token = datastore.tokens.add("test", ("write", "metrics"))
    environment = {"XDG_CONFIG_HOME": str(settings.parents[1])}
    with serving(data_dir, "--port=0", f"--workers={WORKERS}", env=environment) as started:
        started.token = token
        yield started


@pytest.fixture
def each(node: Serving) -> Iterator[dict[int, httpx.Client]]:
    callers = node.each()
    yield callers
    for caller in callers.values():
        caller.close()


# One node


def test_whoever_is_asked_tells_of_what_any_other_wrote(each: dict[int, httpx.Client], node: Serving) -> None:
    with ExitStack() as stack:
        streams = []
        for caller in node.each().values():
            answer = stack.enter_context(caller.stream("GET", "/events"))
            lines = answer.iter_lines()
            assert next(line for line in lines if line.startswith("id:"))  # it is told from here on
            streams.append(lines)
        names = [f"written by {number}" for number in each]
        for name, caller in zip(names, each.values(), strict=True):
            made = caller.post("/models", json={"name": name, **RECORD})
            assert made.status_code == 201
            for other in each.values():
                assert other.get(made.headers["location"]).json()["name"] == name
        for lines in streams:
            told = (json.loads(line[5:]) for line in lines if line.startswith("data:"))
            assert [event["name"] for event in islice(told, WORKERS)] == names


def test_a_write_that_is_asked_for_at_each_at_once_is_done_once(each: dict[int, httpx.Client]) -> None:
    def write(caller: httpx.Client) -> httpx.Response:
        return caller.post("/models", json={"name": "once", **RECORD}, headers={"idempotency-key": '"one key"'})

    with ThreadPoolExecutor(WORKERS) as pool:
        answers = [*pool.map(write, each.values())]
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({answer.json()["model_id"] for answer in answers}) == 1


def test_a_comparison_goes_on_at_whichever_is_asked_next(each: dict[int, httpx.Client]) -> None:
    """As a peer of 0.1 asks: each question after the first names the size that it was told."""
    epoch = each[1].get("/sync/head").json()["epoch"]
    turns = cycle(each.values())
    answers = []
    for number in range(20):
        ranges = [[None, None]]
        first = next(turns).post("/sync/reconcile", json={"epoch": epoch, "ranges": ranges})
        assert first.status_code == 200, first.text
        body = {"epoch": epoch, "size": first.json()["size"], "ranges": ranges}
        answers += [next(turns).post("/sync/reconcile", json=body) for _ in range(3)]
        assert {answer.content for answer in answers[-3:]} == {first.content}
        if number == 10:  # the log grows by more than an eighth
            for at in range(60):
                next(turns).post("/models", json={"name": f"grown {at}", **RECORD})
    assert {answer.status_code for answer in answers} == {200}


def test_a_tile_that_one_has_packed_is_packed_by_no_other(each: dict[int, httpx.Client], node: Serving) -> None:
    epoch = each[1].get("/sync/head").json()["epoch"]
    found = set()
    for caller in each.values():
        tile = caller.get(f"/sync/{epoch}/entries/0.ndjson.gz")
        kept = (node.data_dir / "tiles" / epoch / "0.tile").stat()
        found.add((tile.status_code, tile.content, kept.st_ino, kept.st_mtime_ns))
    assert len(found) == 1


def test_each_tells_the_metrics_of_all(each: dict[int, httpx.Client], node: Serving) -> None:
    def counted(caller: httpx.Client) -> dict[str, float]:
        families = read_metrics(caller.get("/metrics").text)
        samples = {
            (sample.name, sample.labels.get("route")): sample.value for one in families for sample in one.samples
        }
        return {
            "asked": samples.get(("tui_registry_http_requests_total", "/models/{record_id}/heads"), 0),
            "workers": samples["tui_registry_workers", None],
            "connections": samples["tui_registry_connections", None],
        }

    for caller in each.values():
        assert caller.get(f"/models/{'0' * 64}/heads").status_code == 404
    for caller in each.values():
        for _ in range(1000):  # what others count is known a tenth of a second later
            found = counted(caller)
            if found["asked"] == WORKERS:
                break
        assert found["asked"] == WORKERS
        assert found["workers"] == WORKERS
        assert found["connections"] >= WORKERS


def test_a_token_opens_and_closes_at_each(each: dict[int, httpx.Client], node: Serving) -> None:
    token = commanded(node.data_dir, "token", "add", "one")
    bearing = {"authorization": f"Bearer {token}"}

    def writes() -> set[int]:
        ask = {"json": {"name": "x", **RECORD}, "headers": bearing}
        return {caller.post("/models/validate", **ask).status_code for caller in each.values()}  # type: ignore[arg-type]

    assert 401 not in writes()
    commanded(node.data_dir, "token", "revoke", "one")
    answers = [caller.post("/models", json={"name": "x", **RECORD}, headers=bearing) for caller in each.values()]
    assert {answer.status_code for answer in answers} == {401}


def test_a_hangup_reads_the_bounds_anew_in_each(each: dict[int, httpx.Client], node: Serving, settings: Path) -> None:
    def asked() -> list[httpx.Response]:
        return [caller.post("/models/search", json={"query": "x" * 2_000}) for caller in each.values()]

    settings.write_text("[node]\nquestion_bytes = 1000\n")
    node.process.send_signal(signal.SIGHUP)
    node.note("read anew")
    for answer in asked():
        refused(answer, 413, "too_large")
    settings.write_text("[node]\nno_such_bound = 1\n")
    node.process.send_signal(signal.SIGHUP)
    assert "no_such_bound" in node.note("stay as they were")["message"]
    settings.write_text("[node]\nquestion_bytes = 2000\n")
    worker = node.processes()[0]
    limits = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (3, limits[1]))  # a crowd has taken all that it may open
    node.process.send_signal(signal.SIGHUP)
    assert "Too many open files" in (said := node.note("stay as they were"))["message"]
    assert said["worker"] in each
    resource.prlimit(worker, resource.RLIMIT_NOFILE, limits)
    settings.unlink()
    node.process.send_signal(signal.SIGHUP)
    node.note("read anew")
    assert [answer.status_code for answer in asked()] == [200] * WORKERS


def test_who_may_push_is_read_anew_in_each_and_a_ration_is_one_for_all(
    each: dict[int, httpx.Client], node: Serving, settings: Path
) -> None:
    *first, last = bodies(roots(BOB, 3))

    def pushed(lines: list[bytes], caller: httpx.Client) -> httpx.Response:
        return caller.post("/sync/ops", content=b"".join(line + b"\n" for line in lines))

    for caller in each.values():
        refused(pushed(first, caller), 403, "push_off")
    settings.write_text('accept_ops = "anybody"\n[node]\npush_day_ops = 2\n')
    node.process.send_signal(signal.SIGHUP)
    node.note("read anew")
    assert pushed(first, each[1]).json()["applied"] == 2
    for caller in each.values():
        refused(pushed([last], caller), 429, "ration")
    settings.unlink()
    node.process.send_signal(signal.SIGHUP)
    node.note("read anew")
    for caller in each.values():
        refused(pushed([last], caller), 403, "push_off")
    wanted = {"applied": 2.0, "push_off": 2.0 * WORKERS, "ration": 1.0 * WORKERS}
    for caller in each.values():
        for _ in range(1000):  # what others count is known a tenth of a second later
            families = read_metrics(caller.get("/metrics").text)
            samples = [sample for one in families if one.name.startswith("tui_registry_push") for sample in one.samples]
            found = {one.labels.get("code") or one.labels.get("outcome"): one.value for one in samples}
            if wanted.items() <= found.items():
                break
        assert wanted.items() <= found.items()


def test_pushes_to_several_at_once_do_not_pass_a_ration_together(
    each: dict[int, httpx.Client], node: Serving, settings: Path
) -> None:
    settings.write_text('accept_ops = "anybody"\n[node]\npush_day_ops = 3\n')
    node.process.send_signal(signal.SIGHUP)
    node.note("read anew")
    offered = [
        b"".join(line + b"\n" for line in bodies(roots(Identity(bytes([seed]) * 32), 200))) for seed in range(20, 23)
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        codes = [
            *pool.map(lambda lines, caller: caller.post("/sync/ops", content=lines).status_code, offered, each.values())
        ]
    # One that reaches the end of the ration is taken whole, but one alone.
    assert codes.count(200) <= 1
    assert {*codes} <= {200, 429}
    settings.unlink()
    node.process.send_signal(signal.SIGHUP)
    node.note("read anew")


def test_another_takes_the_place_of_one_that_is_killed(each: dict[int, httpx.Client], node: Serving) -> None:
    before = node.processes()
    assert len(before) == WORKERS
    os.kill(before[0], signal.SIGKILL)
    said = node.note("another takes its place")
    assert f"process {before[0]}" in said["message"]
    assert "SIGKILL" in said["message"]
    assert "worker" not in said
    after = node.each()
    assert len({*node.processes()} - {*before}) == 1
    lost = [line for line in after[1].get("/metrics").text.splitlines() if line.startswith("tui_registry_workers_lost")]
    assert lost == ["tui_registry_workers_lost_total 1.0"]
    # One that is told to end is begun again, and is no loss.
    os.kill(node.processes()[0], signal.SIGTERM)
    node.line(event="closing")
    assert len(node.each()) == WORKERS


# The end


def test_what_was_begun_is_answered_by_each_before_the_node_ends(tmp_path: Path) -> None:
    body = json.dumps({"query": "x"}).encode()
    path = tmp_path / "node.sock"
    with serving(tmp_path / "data", "--workers=2", "--uds", str(path), "--trust-proxy=unix") as node:
        callers = node.each(2)
        told_to_end = threading.Event()

        def half() -> Iterator[bytes]:
            yield body[:5]
            assert told_to_end.wait(60)
            yield body[5:]

        def ask(caller: httpx.Client) -> int:
            headers = {"content-length": str(len(body)), "content-type": "application/json"}
            return caller.post("/models/search", content=half(), headers=headers).status_code

        with ThreadPoolExecutor(2) as pool:
            answers = [pool.submit(ask, caller) for caller in callers.values()]
            for caller in node.each(2).values():  # in between, both are at work and answer others
                assert caller.get("/health/ready").status_code == 200
            node.process.send_signal(signal.SIGTERM)
            assert {node.line(event="closing")["worker"] for _ in range(2)} == {1, 2}
            told_to_end.set()
            assert [answer.result() for answer in answers] == [200, 200]
        assert node.process.wait() == 0
        assert not path.exists()


def test_a_node_whose_workers_die_again_and_again_ends_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    with serving(tmp_path / "data", "--workers=2", "--uds", str(path), code=1) as node:
        for _ in range(5):
            os.kill(node.processes()[0], signal.SIGKILL)
            node.note("another takes its place")
        os.kill(node.processes()[0], signal.SIGKILL)
        assert "6 workers died within 60 seconds" in node.line(event="text")["message"]
        assert node.process.wait() == 1
    assert not path.exists()


def test_a_node_that_can_begin_no_worker_ends_and_says_why(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--workers=2", "--port=0", code=1) as node:
        node.each(2)
        there = len([*Path(f"/proc/{node.process.pid}/fd").iterdir()])
        resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (there - 1, there - 1))
        os.kill(node.processes()[0], signal.SIGKILL)
        node.note("another takes its place")
        assert node.line(event="closing")["worker"] == 2  # the other one ends as if it was told to
        assert "lets no worker begin: Too many open files" in node.line(event="text")["message"]
        assert node.process.wait() == 1


def test_no_worker_stays_behind(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--workers=2", "--port=0", code=-signal.SIGKILL) as node:
        node.each(2)
        node.process.kill()
        # Whoever writes to the journal has gone once it has an end.
        assert {node.line(event="closing")["worker"] for _ in range(2)} == {1, 2}
        with pytest.raises(AssertionError, match="has ended"):
            node.line(event="closing")


# What they know of each other


def test_connections_are_counted_over_all_workers() -> None:
    shared = CommonMemory(2)
    places = [
        _Places(
            NodeBounds(connections=4, client_connections=3), Proxies(Whereabouts()), Watch(None, Member(shared, at))
        )
        for at in range(2)
    ]
    held = [_Held(host, lambda: False) for host in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")]
    assert places[0].take(held[0])
    assert places[0].take(held[1])
    assert places[1].take(held[2])
    assert not places[1].has_room("192.0.2.1")
    assert not places[0].has_room("192.0.2.1")
    assert places[1].take(held[3])
    assert not places[0].has_room("192.0.2.3")
    places[0].leave(held[0])
    assert places[1].has_room("192.0.2.3")
    shared.end(0, has_died=True)
    assert Member(shared, 1).held_beside("192.0.2.1") == (0, 0)


def test_a_crowd_at_one_worker_keeps_nobody_out_of_another() -> None:
    shared = CommonMemory(2)
    bounds = NodeBounds(connections=4, client_connections=4)
    one, other = (_Places(bounds, Proxies(Whereabouts()), Watch(None, Member(shared, at))) for at in range(2))
    for _ in range(4):
        assert one.take(_Held("192.0.2.1", lambda: False))
    assert not one.has_room("192.0.2.2")
    newcomers = [_Held(f"192.0.2.{host}", lambda: False) for host in (2, 3, 4)]
    # As many as are its part; and the share of an address is the same everywhere.
    assert not other.has_room("192.0.2.1")
    assert [other.take(held) for held in newcomers] == [True, True, False]


def test_nobody_can_tell_which_addresses_are_counted_as_one() -> None:
    """A worker knows of the others by numbers of places. Who could find places of one number, as anybody can who has a
    network of them, would take the share of whoever else has it."""
    places = [f"192.0.{host // 256}.{host % 256}" for host in range(1, 2000)]

    def counted_together(shared: CommonMemory) -> set[str]:
        for place in places[1:]:
            Member(shared, 0).hold(place, 1)
        return {place for place in places if Member(shared, 1).held_beside(place)[1] > 1}

    assert counted_together(CommonMemory(2)) != counted_together(CommonMemory(2))


def test_what_a_worker_counted_outlasts_it() -> None:
    shared = CommonMemory(2)
    line = Waiting(1, 2, 3, 4.0, {"busy": 5})
    one, other = (Watch(None, Member(shared, at)) for at in range(2))
    for watch in (one, other):
        watch.counts.add(Seen("", "GET", "/models", 200, 0.2, 10, None))
        watch.counts.in_flight = watch.counts.connections = 1
        watch.tell({"reading": line})
    again = Watch(None, Member(shared, 0))
    counts, lines = again.together({"reading": Waiting(0, 0, 1, 1.0, {"busy": 1, "too_many": 1})})
    assert counts.requests == {("/models", "GET", 200): 2}
    assert (sum(counts.seconds["/models"][0]), counts.sent, counts.in_flight) == (2, {"/models": 20}, 1)
    assert lines == {"reading": Waiting(1, 2, 7, 9.0, {"busy": 11, "too_many": 1})}


def test_what_is_too_much_to_be_told_is_not_half_told() -> None:
    shared = CommonMemory(2)
    for told in (b"", b"first", b"second", bytes(10**6), b"x" * 500_000):
        shared.tell(0, told)
        assert shared.told_by(0) == (b"second" if len(told) == 10**6 else told)
    assert shared.told_by(1) is None


def test_the_bounds_of_one_of_several_leave_room_for_a_whole_push() -> None:
    bounds = NodeBounds()
    assert bounds.of_one_of(1) == bounds
    one = bounds.of_one_of(3)
    assert (one.threads, one.search_threads, one.waiting, one.connections) == (3, 1, 43, bounds.connections)
    assert 3 * one.pushers >= bounds.pushers > 2 * one.pushers
    many = bounds.of_one_of(64)
    assert (many.threads, many.pushes_at_once) == (1, 1)
    assert min(many.unchecked_bytes // 2, many.unsent_bytes) >= bounds.push_bytes
