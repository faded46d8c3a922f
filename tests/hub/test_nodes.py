"""Nodes of one hub are one node to whoever asks: whichever of them hears the next request. Real PostgreSQL."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest

pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[hub]'")

import psycopg
from prometheus_client.parser import text_string_to_metric_families as read_metrics

from tests.hub.nodes import TOKEN, Node, begun, node_of, with_key, written
from tests.node.conftest import client, refused
from tests.seeds import make_record
from tests.sync.logs import ALICE, BOB, T0, bodies, roots
from tui_registry.datastore import NO_CHAIN, Datastore, HubStanding, StoreError, Token
from tui_registry.hub.postgres import Kept, StoredToken, connect
from tui_registry.node import running
from tui_registry.node.following import SETTLING_SECONDS, Following
from tui_registry.node.responses import of_error
from tui_registry.sync import pull, push
from tui_registry.sync.bounds import TILE_OPS
from tui_registry.sync.tiles import spans
from tui_registry.tongues.mcp_registry import OFFICIAL


@pytest.fixture(scope="module")
def nodes(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Two nodes to which a whole module writes."""
    folder = tmp_path_factory.mktemp("nodes")
    with begun(postgres) as dsn, ExitStack() as stack:
        # Their clocks differ: nothing that they tell depends on it.
        one = stack.enter_context(node_of(dsn, folder / "one"))
        other = stack.enter_context(node_of(dsn, folder / "other", ahead=3_600))
        yield one, other


def told(node: Node, **headers: str) -> httpx.Response:
    return node.reader.get("/sync/head", headers=headers)


def latest(node: Node) -> dict[str, Any]:
    """The head past caches, which tells all that the hub has."""
    head: dict[str, Any] = told(node, **{"cache-control": "no-cache"}).json()
    return head


def settle(*nodes: Node) -> None:
    """Let all that any of them has be settled."""
    for node in nodes:
        latest(node)
    for node in nodes:
        node.clock.now += SETTLING_SECONDS


def last_tile(head: dict[str, Any], more: int = 0) -> str:
    """The path of what stands at a log's end, or so many operations behind that."""
    (span,) = spans(head["size"] + more - 1, head["size"] + more, ranges=True)
    return f"/sync/{head['epoch']}/entries/{span.name}"


def meet(here: Datastore, node: Node) -> None:
    """Let a client's next request to its peer reach that node, as a balancer does."""
    with here._pool.write() as db:
        db.execute("UPDATE peers SET address = ?", (node.address.url,))


def test_nodes_tell_one_signed_head_whoever_wrote_and_whenever_they_heard_of_it(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    written(one, "by-one")
    written(other, "by-other")
    settle(one, other)
    first, second = told(one), told(other)
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert len(first.json()["sig"]) == 130
    assert first.json()["node"] == ALICE.address


def test_a_head_tells_of_an_operation_once_it_is_old_enough_for_the_other_nodes_to_have_it(
    nodes: tuple[Node, Node],
) -> None:
    one, other = nodes
    settle(one, other)
    before = told(one)
    record = written(one, "young")
    one.clock.now += SETTLING_SECONDS - 1
    one.following.settled()
    assert latest(one)["size"] == before.json()["size"] + 1
    assert told(one).content == before.content
    assert one.reader.get(f"/models/{record['model_id']}").status_code == 200
    one.clock.now += SETTLING_SECONDS
    assert told(one).json()["size"] == before.json()["size"] + 1


def test_a_node_follows_on_where_nobody_can_be_told_how_it_stands(postgres: str, tmp_path: Path) -> None:
    def gone(_: HubStanding) -> None:
        raise BrokenPipeError

    with ExitStack() as stack:
        dsn = stack.enter_context(begun(postgres))
        db = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        shared = stack.enter_context(closing(connect(dsn)))
        store = stack.enter_context(Datastore.open(with_key(tmp_path / "view"), hub=shared))
        store.add("model", make_record("model", "tiny"))
        before = db.execute("SELECT size, chain FROM hub_head").fetchone()
        db.execute("UPDATE hub_head SET size = 0, chain = %s", (NO_CHAIN,))
        following = stack.enter_context(Following(store, shared, says=gone))
        while following.seen().standing != "restored":
            pass
        db.execute("UPDATE hub_head SET size = %s, chain = %s", before)
        while following.seen().standing != "follows" and following._thread.is_alive():
            pass
        assert following._thread.is_alive()


def test_heads_that_nobody_asked_for_are_forgotten(nodes: tuple[Node, Node]) -> None:
    one, _ = nodes
    for number in range(5):
        before = one.following.latest()
        written(one, f"unseen-{number}")
        while one.following.latest() == before:
            pass
        one.clock.now += SETTLING_SECONDS
    assert len(one.following._heads) <= 2


def test_who_has_more_from_another_node_has_all_that_this_one_tells(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    settle(one, other)
    written(one, "known-to-one")
    latest(one)
    one.clock.now += SETTLING_SECONDS
    tag = told(one).headers["etag"]
    assert told(other).headers["etag"] != tag
    answer = told(other, **{"if-none-match": tag})
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, tag, b"")
    assert told(other, **{"if-none-match": f"W/{tag}"}).status_code == 304


def test_a_tag_of_another_log_or_of_more_than_there_is_is_answered_with_the_head(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    settle(one, other)
    written(one, "told-by-one")
    head = latest(one)
    size = head["size"]
    for tag in (f'"{head["epoch"]}.{size}.{"0" * 16}"', f'"{head["epoch"]}.{size + 9}.{"0" * 16}"', '"x"'):
        assert told(other, **{"if-none-match": tag}).status_code == 200


def test_a_tile_beyond_what_a_node_has_is_followed_to_and_beyond_the_log_is_none(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    written(one, "in-the-next-tile")
    head = latest(one)
    assert other.reader.get(last_tile(head)).status_code == 200
    refused(other.reader.get(last_tile(head, more=1)), 404, "no_tile")
    refused(other.reader.get(f"/sync/{'0' * 32}/entries/0.1.ndjson.gz"), 404, "no_tile")


def test_what_was_written_by_one_node_is_changed_by_the_next_at_once(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    for number in range(3):
        record = written(one, f"passed-on-{number}")
        path = f"/models/{record['model_id']}"
        for writer, text in ((other, "by other"), (one, "by one")):
            answer = writer.writer.patch(path, json={"description": text})
            assert answer.status_code == 200, answer.text
        assert other.writer.delete(path).status_code == 204
        refused(one.writer.patch(path, json={"description": ""}), 404, "not_found")


def test_an_idempotency_key_is_one_at_all_nodes(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    before = latest(one)["size"]
    key = {"idempotency-key": "once-at-all"}
    first, again = written(one, "once", **key), written(other, "once", **key)
    assert first == again
    assert latest(other)["size"] == before + 1
    body = {"name": "another", "license": "MIT", "parameters": 1, "context_length": 1}
    refused(other.writer.post("/models", json=body, headers=key), 422, "key_reused")
    with ThreadPoolExecutor(4) as pool:
        said = [*pool.map(lambda node: node.writer.post("/models", json=body, headers={"idempotency-key": "race"}),
                          (one, other, one, other))]  # fmt: skip
    assert {answer.status_code for answer in said} <= {201, 409}
    assert len({answer.json()["model_id"] for answer in said if answer.status_code == 201}) == 1
    assert latest(one)["size"] == before + 2


def test_what_one_node_tells_of_differences_and_events_the_next_goes_on_with(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    before = latest(one)
    record = written(one, "of-differences")
    head = latest(one)
    question = {"epoch": head["epoch"], "size": head["size"], "symbols": [0, 4]}
    said = [node.reader.post("/sync/difference", json=question) for node in (other, one)]
    assert [answer.status_code for answer in said] == [200, 200]
    assert said[0].content == said[1].content
    asked = {"epoch": head["epoch"], "size": head["size"], "ranges": []}
    assert other.reader.post("/sync/reconcile", json=asked).json()["fingerprint"] == head["fingerprint"]
    written_hash = record["heads"][0]
    assert other.reader.post("/sync/ops/get", json={"hashes": [written_hash]}).content.count(b"\n") == 1
    with other.reader.stream("GET", f"/events?after={before['epoch']}:{before['size']}") as events:
        for line in events.iter_lines():
            if line.startswith("data:"):
                assert written_hash in line
                break
    written(one, "behind-it")
    place = f"{before['epoch']}:{latest(one)['size']}"
    with other.reader.stream("GET", "/events", headers={"last-event-id": place}) as events:
        lines = events.iter_lines()
        assert next(lines) == "retry: 2000"
        written(one, "after-that")
        assert "reset" not in [line for line, _ in zip(lines, range(3), strict=False)]


def test_tokens_are_those_of_the_hub(nodes: tuple[Node, Node]) -> None:
    from tests.hub.nodes import digest_of

    one, other = nodes
    one.shared.tokens.add(StoredToken(digest_of("turt_another"), Token("another", ("write",), T0)))
    body = {"name": "by-token", "license": "MIT", "parameters": 1, "context_length": 1}

    def statuses() -> set[int]:
        return {node.reader.post("/models/none/resolve", headers={"authorization": "Bearer turt_another"}).status_code
                for node in (one, other)}  # fmt: skip

    while statuses() == {401}:
        pass
    one.shared.tokens.revoke("another")
    while statuses() != {401}:
        pass
    assert one.writer.post("/models", json=body).status_code == 201


def test_a_push_counts_at_all_nodes_and_its_entries_are_told(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    head = latest(one)
    lines = b"".join(line + b"\n" for line in bodies(roots(BOB, 3, "pushed")))
    first, again = (
        one.reader.post("/sync/ops", content=lines).json(),
        other.reader.post("/sync/ops", content=lines).json(),
    )
    assert (first["applied"], again["applied"], again["known"]) == (3, 0, 3)
    assert first["appended"] == {"epoch": head["epoch"], "ranges": [[head["size"], head["size"] + 3]]}


async def test_a_client_that_meets_another_node_each_time_never_begins_anew(
    nodes: tuple[Node, Node], tmp_path: Path
) -> None:
    one, other = nodes
    settle(one, other)
    with Datastore.open(tmp_path / "client", clock=lambda: T0) as here:
        here.peers.add("hub", one.address.url)
        for number in range(6):
            ahead, behind = (one, other) if number % 2 else (other, one)
            ahead.writer.post("/sync/ops", content=bodies(roots(BOB, number + 1, f"met-{number}"))[number] + b"\n")
            latest(ahead)
            ahead.clock.now += SETTLING_SECONDS
            for node in (ahead, behind, ahead):
                meet(here, node)
                result = await pull(here, "hub")
                assert (result.ok, result.restarted) == (True, False)
        assert here.log.head().fingerprint == latest(one)["fingerprint"]
        assert not here.peers.faces()


async def test_who_has_pushed_across_the_end_of_a_tile_does_not_begin_anew_before_that_is_settled(
    nodes: tuple[Node, Node], tmp_path: Path
) -> None:
    one, other = nodes
    filled = bodies(roots(BOB, (TILE_OPS - 2 - latest(one)["size"]) % TILE_OPS, "filling"))
    one.reader.post("/sync/ops", content=b"".join(line + b"\n" for line in filled))
    settle(one, other)
    with Datastore.open(tmp_path / "client", clock=lambda: T0) as here:
        here.peers.add("hub", one.address.url)
        assert (await pull(here, "hub")).ok
        here.apply(bodies(roots(BOB, 5, "across")))
        assert (await push(here, "hub")).applied == 5
        assert here.peers.get("hub").next_index == latest(one)["size"] > told(other).json()["size"]
        for node in (one, other):
            meet(here, node)
            result = await pull(here, "hub")
            assert (result.ok, result.restarted, result.read) == (True, False, 0)


def test_while_postgresql_is_away_reads_are_answered_and_writes_are_not(nodes: tuple[Node, Node]) -> None:
    one, other = nodes
    settle(one, other)
    before = told(other)
    other.line.cut()
    try:
        body = {"name": "lost", "license": "MIT", "parameters": 1, "context_length": 1}
        answer = other.writer.post("/models", json=body)
        assert refused(answer, 503, "hub_away")
        assert int(answer.headers["retry-after"]) > 0
        assert told(other).content == before.content
        assert other.reader.get("/models").status_code == 200
        ready = other.reader.get("/health/ready")
        assert (ready.status_code, ready.json()["hub"]["standing"]) == (200, "away")
        written(one, "while-away")
        head = latest(one)
        beyond = last_tile(head)
        refused(other.reader.get(beyond), 503, "hub_behind")
        # Not with an older head, which would look as if the log had been put back.
        tag = f'"{head["epoch"]}.{head["size"]}.{head["fingerprint"][:16]}"'
        refused(told(other, **{"if-none-match": tag}), 503, "hub_behind")
        refused(told(other, **{"cache-control": "no-cache"}), 503, "hub_behind")
        while not other.said:
            pass  # the thread that says so finds out by its own look
    finally:
        other.line.mend()
    while other.reader.get(beyond).status_code == 503:
        pass
    assert latest(other)["fingerprint"] == latest(one)["fingerprint"]
    text = other.writer.get("/metrics").text
    assert other.said == ["away", "follows"]
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in read_metrics(text)
        for sample in family.samples
    }
    assert values["tui_registry_hub_standing", "follows"] == 1
    assert values["tui_registry_hub_turns_total", "hub_away"] >= 1
    assert values["tui_registry_hub_behind_operations",] == 0


def test_of_those_that_write_at_once_none_takes_a_look_that_failed_for_its_own(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    following = nodes[1].following
    came = threading.Semaphore(0)

    class Told:
        """The lock, which tells who comes."""

        lock = threading.Lock()

        def __enter__(self) -> None:
            came.release()
            self.lock.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    monkeypatch.setattr(following, "_looking", Told())
    nodes[1].line.cut()
    try:
        with ThreadPoolExecutor(3) as threads:
            with Told.lock:
                asked = [threads.submit(following.follow_before_writing) for _ in range(3)]
                for _ in asked:
                    came.acquire()
            errors = [one.exception() for one in asked]
    finally:
        nodes[1].line.mend()
    assert [error.code if isinstance(error, StoreError) else error for error in errors] == ["hub_away"] * 3


def test_a_node_whose_hub_was_put_back_is_not_ready_and_says_no_more_than_that(postgres: str, tmp_path: Path) -> None:
    """And follows again once the hub is what it was."""
    with begun(postgres) as dsn, node_of(dsn, tmp_path / "node") as node, psycopg.connect(dsn, autocommit=True) as db:
        for name in ("first", "second"):
            written(node, name)
        before = db.execute("SELECT size, chain FROM hub_head").fetchone()
        chain = node.shared.chain_at(1)
        db.execute("UPDATE hub_head SET size = 1, chain = %s", (chain,))
        while (ready := node.reader.get("/health/ready")).status_code == 200:
            pass
        (reason,) = refused(ready, 503, "not_ready")["reasons"]
        assert reason == {"code": "restored", "sentence": "the node does not follow its hub (restored)"}
        body = {"name": "third", "license": "MIT", "parameters": 1, "context_length": 1}
        answer = node.writer.post("/models", json=body)
        refused(answer, 503, "hub_other")
        assert "retry-after" in answer.headers
        assert str(tmp_path) not in answer.text
        assert len(node.reader.get("/models").json()["items"]) == 2
        assert told(node).status_code == 200
        db.execute("UPDATE hub_head SET size = %s, chain = %s", before)
        while node.reader.get("/health/ready").status_code == 503:
            pass
        written(node, "third")
        epoch = token_hex(16)
        node.shared.renew_epoch(node.shared.head(), epoch, "for a test")
        while (ready := node.reader.get("/health/ready")).status_code == 200:
            pass
        assert [one["code"] for one in ready.json()["reasons"]] == ["other_epoch"]
        assert told(node).json()["epoch"] != epoch
        node.store.hub.remake(whole=False)
        while node.reader.get("/health/ready").status_code == 503:
            pass
        # Of another log nothing has to settle: nobody can have more of it.
        assert (latest(node)["epoch"], told(node).json()["epoch"]) == (epoch, epoch)


def test_a_node_makes_its_view_anew_where_the_log_was_rewritten_and_not_where_it_was_put_back(
    postgres: str, tmp_path: Path
) -> None:
    with begun(postgres) as dsn, node_of(dsn, tmp_path / "node") as node, psycopg.connect(dsn, autocommit=True) as db:
        for name in ("first", "second"):
            written(node, name)
        before = node.shared.head()
        first, second = node.shared.operations(0, 2)
        node.shared.rewrite(before, "ab" * 16, "test", 1, [], first.hash.hex())
        while (head := told(node).json())["epoch"] == before.epoch:
            pass
        assert (head["epoch"], head["size"]) == ("ab" * 16, 1)
        while node.reader.get("/health/ready").status_code == 503:
            pass
        written(node, "third")
        # As a copy of before the rewriting is: it knows nothing of that epoch.
        db.execute("DELETE FROM hub_epochs WHERE epoch = %s", ("ab" * 16,))
        node.shared.rewrite(
            node.shared.head(),
            before.epoch,
            "test",
            1,
            [Kept(second.hash, second.body, second.added_at)],
            before.fingerprint,
        )
        while (ready := node.reader.get("/health/ready")).status_code == 200:
            pass
        (reason,) = refused(ready, 503, "not_ready")["reasons"]
        assert reason["code"] == "restored"
        assert told(node).json()["epoch"] == "ab" * 16


def test_an_outcome_that_nobody_knows_is_answered_with_its_hash_and_when_to_ask_again() -> None:
    answer = of_error(StoreError("outcome_unknown", f"it is not known whether operation {'ab' * 32} was written"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "ab" * 32 in bytes(answer.body).decode()


def test_a_token_of_the_hub_opens_a_node_from_its_first_answer_on(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Following, "_run", lambda self: None)  # whatever its thread has not come to yet
    with begun(postgres) as dsn, node_of(dsn, tmp_path / "node") as node:
        assert node.store.tokens.find(TOKEN.encode()) is not None


def test_what_nodes_of_a_hub_say_in_the_formats_of_others_is_what_a_node_alone_says(
    nodes: tuple[Node, Node], tmp_path: Path
) -> None:
    one, other = nodes
    paths: list[str] = ["/.well-known/ai-catalog.json", "/v0.1/servers"]
    for number, protocol in enumerate(("MCP", "A2A", "MCP")):
        reached = [{"url": f"https://a.example/{number}", "protocol": protocol, "version": "1.0"}]
        said = {
            "name": f"answering-{number}",
            "license": "MIT",
            "version": "1.0.0",
            "manifest": {"interfaces": reached},
        }
        made = nodes[number % 2].writer.post("/agents", json=said)
        assert made.status_code == 201, made.text
        record: dict[str, Any] = made.json()
        path = f"/agents/{record['agent_id']}"
        assert nodes[1 - number % 2].writer.patch(path, json={"version": "2.0.0"}).status_code == 200
        named = f"/v0.1/servers/0x{record['owner_id']}%2F{record['agent_id']}/versions"
        paths += [f"/catalog/{record['agent_id'][:8]}.json"]
        paths += [f"{path}/agent-card.json"] if protocol == "A2A" else [named, f"{named}/1.0.0"]
    settle(one, other)

    def told(reader: httpx.Client, address: str, path: str) -> str:
        answer = reader.get(path)
        assert answer.status_code == 200, (path, answer.text)
        return answer.text.replace(address, "http://here").replace(address.partition("//")[2], "here")

    with Datastore.open(tmp_path / "alone") as store:
        ops = one.store.log.lines(0, one.store.log.head().size)
        assert store.apply(ops).applied == len(ops)
        with running(store) as address, client(address) as reader:
            for path in paths:
                texts = {told(node.reader, node.address.url, path) for node in nodes}
                assert len(texts) == 1, path
                # When something came here is told, and orders a list: to a node alone it came just now.
                alone = _without_arrivals(told(reader, address.url, path))
                assert _without_arrivals(texts.pop()) == alone, path


def test_who_reads_a_list_of_servers_page_by_page_from_one_node_and_another_meets_each_once(
    nodes: tuple[Node, Node],
) -> None:
    for number in range(3):
        said = {"name": f"paged-{number}", "license": "MIT", "version": "1.0.0"}
        reached = [{"url": f"https://b.example/{number}", "protocol": "MCP", "version": "1.0"}]
        made = nodes[number % 2].writer.post("/agents", json={**said, "manifest": {"interfaces": reached}})
        assert made.status_code == 201, made.text
    settle(*nodes)
    (whole,) = {node.reader.get("/v0.1/servers").content for node in nodes}
    met: list[object] = []
    cursor: dict[str, str] = {}
    while True:
        page = nodes[len(met) % 2].reader.get("/v0.1/servers", params={"limit": "1", **cursor}).json()
        met += page["servers"]
        if "nextCursor" not in page["metadata"]:
            break
        cursor = {"cursor": page["metadata"]["nextCursor"]}
    assert met == json.loads(whole)["servers"]
    assert len(met) >= 3


def _without_arrivals(text: str) -> Any:
    tree = json.loads(text)
    for server in (tree.get("servers") or [tree]) if "entries" not in tree else ():
        if "_meta" in server:
            del server["_meta"][OFFICIAL]["updatedAt"]
    if "servers" in tree:
        tree["servers"].sort(key=lambda server: (server["server"]["name"], server["server"]["version"]))
    return tree
