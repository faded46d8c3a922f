"""What whoever operates a node has of it: health, metrics, a line for each request."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_metrics

from tests.node.conftest import bearer, client, refused
from tests.seeds import owner, signed
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.node import NodeBounds, Whereabouts, create_app, log_routes, running
from tui_registry.node.watch import UNMATCHED, Journal, LogFormat, Seen, Watch

if TYPE_CHECKING:
    from starlette.types import Message

SECRET = "sesame-ÿ"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Asked:
    """An app that is asked without a server."""

    def __init__(self, store: Datastore, form: LogFormat | None = None, whereabouts: Whereabouts | None = None) -> None:
        self.written = io.StringIO()
        self.watch = Watch(None if form is None else Journal(form, self.written))
        self.app = create_app(store, watch=self.watch, whereabouts=whereabouts, accept_ops=True)

    def __call__(
        self, path: str, *, method: str = "GET", peer: str = "127.0.0.1", query: bytes = b"", body: bytes = b"",
        **headers: str,
    ) -> Answer:  # fmt: skip
        said: list[Message] = []

        async def send(message: Message) -> None:
            said.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        named = {"host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "scheme": "http",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()],
            "client": (peer, 4711), "root_path": "", "query_string": query, "http_version": "1.1",
        }  # fmt: skip
        asyncio.run(self.app(scope, receive, send))
        fields = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        return Answer(said[0]["status"], fields, b"".join(message.get("body", b"") for message in said[1:]))

    def code(self, path: str, *, peer: str = "127.0.0.1", **headers: str) -> int | str:
        answer = self(path, peer=peer, **headers)
        return answer.status if answer.status == 200 else str(json.loads(answer.body)["code"])

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.written.getvalue().splitlines()]


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(value for name, value in sorted(sample.labels.items()) if name != "version")): sample.value
        for family in read_metrics(text)
        for sample in family.samples
    }


# Health


def test_a_node_is_alive_and_ready(store: Datastore) -> None:
    with running(store) as address, client(address) as caller:
        for path, status in (("/health/live", "alive"), ("/health/ready", "ready")):
            answer = caller.get(path)
            assert (answer.status_code, answer.json()["status"]) == (200, status)
            assert answer.headers["cache-control"] == "no-store"
            assert caller.head(path).headers["content-length"] == answer.headers["content-length"]
            refused(caller.post(path), 405, "method")


def test_a_node_that_was_told_to_end_is_alive_and_not_ready(store: Datastore) -> None:
    ask = Asked(store)
    ask.watch.is_closing = True
    answer = ask("/health/ready")
    told = json.loads(answer.body)
    assert (answer.status, told["code"], told["reasons"][0]["code"]) == (503, "not_ready", "closing")
    assert told["detail"] == "the node was told to end"
    assert (answer.headers["cache-control"], answer.headers["retry-after"]) == ("no-store", "5")
    assert ask.code("/health/live") == 200


def test_a_node_says_why_it_is_not_ready(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_routes, "_SPARE", 2**63)
    with store._pool.write() as db:
        db.execute("UPDATE search_state SET floor = 4, top = 5")
    told = json.loads(Asked(store)("/health/ready").body)
    assert [reason["code"] for reason in told["reasons"]] == ["index", "disk"]
    assert "the word index is made to 20%" in told["detail"]
    assert re.search(r"the disk has [\d.,]+ [KMGT]iB left$", told["detail"])


def test_a_replica_that_cannot_be_read_is_told_without_its_files(
    store: Datastore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ask = Asked(store)
    assert ask.code("/health/ready") == 200
    for file in (DATABASE, f"{DATABASE}-wal"):
        (tmp_path / "node" / file).write_bytes(b"no database" * 1000)
    told = json.loads(ask("/health/ready").body)
    (reason,) = told["reasons"]
    assert reason["code"] in ("corrupt", "not_a_replica")  # by what of it was in memory
    assert str(tmp_path) not in str(told)
    assert reason["code"] in caplog.text
    assert ask.code("/health/live") == 200
    # Nobody knows any more which tokens there are.
    assert ask.code("/metrics") != 200


# Metrics


def test_metrics_count_requests_by_route_and_status_and_never_by_path(store: Datastore) -> None:
    with running(store) as address, client(address) as caller:
        for path in ("/models", "/models", f"/models/{'a' * 64}", f"/models/{'b' * 64}", "/x/y", "/z", "/sync/head"):
            caller.get(path)
        caller.request("BREW", "/models")
        caller.request("BREW2", "/z")
        answer = caller.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    requests = {labels: value for (name, labels), value in found.items() if name == "tui_registry_http_requests_total"}
    assert requests == {
        ("GET", "/models", "200"): 2,
        ("GET", "/models/{record_id}", "404"): 2,
        ("GET", UNMATCHED, "404"): 2,
        ("GET", "/sync/head", "200"): 1,
        ("other", "/models", "405"): 1,
        ("other", UNMATCHED, "404"): 1,
    }
    assert found["tui_registry_http_request_duration_seconds_count", ("/models",)] == 3
    assert found["tui_registry_http_request_duration_seconds_bucket", ("+Inf", "/models")] == 3
    assert found["tui_registry_http_response_bytes_total", ("/sync/head",)] > 100
    assert found["tui_registry_http_requests_in_flight", ()] == 1
    assert found["tui_registry_connections", ()] == 1
    assert found["tui_registry_queue_refused_total", ("busy", "searching")] == 0
    assert found["tui_registry_replica_readable", ()] == found["tui_registry_index_share", ()] == 1
    assert found["tui_registry_replica_bytes", ()] > 0
    assert found["tui_registry_disk_free_bytes", ()] > 0
    assert "process_cpu_seconds_total" in answer.text


def test_metrics_tell_of_the_replica_and_of_what_was_pushed(store: Datastore) -> None:
    ask = Asked(store)
    op = signed(owner("me"), "model", "mine")
    for _ in range(2):
        ask("/sync/ops", method="POST", body=op.to_json() + b"\nno operation\n")
    found = samples(ask("/metrics").body.decode())
    pushed = {
        labels[0]: value for (name, labels), value in found.items() if name == "tui_registry_pushed_operations_total"
    }
    assert pushed == {"applied": 1, "known": 1, "pending": 0, "rejected": 2, "unsupported": 0, "left_out": 0}
    assert found["tui_registry_operations", ()] == found["tui_registry_records", ("model",)] == 1
    assert found["tui_registry_records", ("agent",)] == 0


def test_open_metrics_are_answered_to_who_asks_for_them(store: Datastore) -> None:
    answer = Asked(store)("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert any(family.name == "tui_registry_operations" for family in read_openmetrics(answer.body.decode()))


def test_what_is_no_request_is_counted_too(store: Datastore) -> None:
    with running(store, bounds=NodeBounds(header_bytes=1000)) as address, client(address) as caller:
        with pytest.raises(httpx.HTTPError):
            caller.request("GET", "/models", headers={"x": "y" * 2_000}).raise_for_status()
        found = samples(caller.get("/metrics").text)
    assert found["tui_registry_http_unreadable_total", ("header_too_large",)] == 1


def test_metrics_are_open_on_loopback_alone_and_only_while_no_token_is_for_them(store: Datastore) -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        assert Asked(store, whereabouts=Whereabouts(host=host)).code("/metrics") == 200
    for reached in (
        Whereabouts(host="0.0.0.0"), Whereabouts(host="::"), Whereabouts(host="192.0.2.7"), Whereabouts(proxies=("10.0.0.1",)),
        Whereabouts(names=("registry.example",)), Whereabouts(root_path="/registry"),
    ):  # fmt: skip
        assert Asked(store, whereabouts=reached).code("/metrics") == "unauthorized"
    ask = Asked(store)
    assert ask.code("/metrics", peer="192.0.2.9") == "unauthorized"
    # A proxy on this machine that the node was not told of.
    for name in ("x-forwarded-for", "forwarded", "x-real-ip", "via"):
        assert ask.code("/metrics", **{name: "for=192.0.2.9"}) == "unauthorized"
    assert ask.code("/metrics", authorization=bearer(store, "write")) == "insufficient_scope"
    assert ask.code("/metrics") == 200
    token = bearer(store, "metrics")
    assert ask.code("/metrics") == "unauthorized"
    assert ask.code("/metrics", authorization=token) == 200
    assert Asked(store, whereabouts=Whereabouts(host="0.0.0.0")).code("/metrics", authorization=token) == 200


def test_no_name_of_a_path_client_or_peer_is_a_label(store: Datastore) -> None:
    ask = Asked(store)
    store.peers.add("hostile-peer", "http://hostile.example")
    for number in range(50):
        ask(f"/hostile/{number}", peer=f"192.0.2.{number}", method=f"HOSTILE{number}", user_agent="hostile")
        ask(f"/models/{number:064x}/heads")
    told = ask("/metrics").body.decode()
    assert "hostile" not in told.lower()
    assert "192.0.2" not in told
    assert sum(name == "tui_registry_http_requests_total" for name, _ in samples(told)) == 2


# The journal


def test_each_request_is_a_line_that_tells_no_secret(store: Datastore) -> None:
    ask = Asked(store, "json", Whereabouts(proxies=("10.0.0.1",)))
    asked = f"/models/{'c' * 64}"
    answer = ask(
        asked,
        peer="10.0.0.1",
        query=b"q=sesame",
        authorization=f"Bearer {SECRET}",
        cookie=SECRET,
        x_forwarded_for="192.0.2.1",
    )
    ask("/x\x1b[31m\nsesame", method="M" * 99)
    ask("/sync/head", host="evil.example")
    first, second, third = ask.lines()
    assert list(first) == [
        "time", "level", "event", "request_id", "method", "route", "status", "duration", "bytes", "client",
    ]  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(first["time"]))
    assert (first["level"], first["method"], first["route"]) == ("info", "GET", "/models/{record_id}")
    assert (first["status"], first["bytes"], first["client"]) == (answer.status, len(answer.body), "192.0.2.1")
    assert first["request_id"] == answer.headers["x-request-id"]
    assert isinstance(first["duration"], float)
    assert (second["route"], second["status"]) == (UNMATCHED, 404)
    assert (third["route"], third["status"]) == (UNMATCHED, 421)
    written = ask.written.getvalue()
    assert "sesame" not in written
    assert "c" * 64 not in written
    assert "\x1b" not in written
    assert len(str(second["method"])) <= 32


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [("0af7651916cd43dd", True), ("A.b_c-1", True), ("x" * 64, True), ("x" * 65, False), ("", False), ("a b", False),
     ('a"}', False), ("\x1b[2J", False), ("ü", False)],
)  # fmt: skip
def test_a_sane_id_is_kept_and_another_one_is_not(store: Datastore, given: str, is_taken: bool) -> None:
    ask = Asked(store, "json")
    told = ask("/health/live", x_request_id=given).headers["x-request-id"]
    assert (told == given) is is_taken
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", told)
    assert ask.lines()[0]["request_id"] == told


def test_without_a_journal_nothing_is_written_and_no_id_is_made(store: Datastore) -> None:
    ask = Asked(store)
    assert "x-request-id" not in ask("/health/live", x_request_id="abc").headers
    assert ask.written.getvalue() == ""


def test_lines_of_text_are_for_a_terminal() -> None:
    written = io.StringIO()
    journal = Journal("text", written)
    journal.request(Seen("abc", "G\x1b[2J", "/models", 503, 0.0123, 45, None))
    journal.say("start", "serving \x1b]0;x\x07")
    with journal.taking_logs():
        try:
            raise ValueError("\x1b[2Jbroken")
        except ValueError:
            logging.getLogger("tui_registry.test").exception("it failed \x9b")
    logging.getLogger("tui_registry.test").propagate = True
    text = written.getvalue()
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "warning 503 G�[2J /models 12.3 ms 45 B - abc\n" in text
    assert "broken" in text


def test_a_reader_of_lines_who_stands_still_holds_nobody_up() -> None:
    reader, writer = os.pipe()

    def read() -> list[dict[str, object]]:
        return [json.loads(line) for line in os.read(reader, 2_000_000).splitlines()]

    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        journal = Journal("json", stream)
        # More than a pipe holds, be it one of 1 MiB.
        for number in range(500):
            journal.say("note", "x" * 4000, number=number)
        taken = read()
        assert [line["number"] for line in taken] == [*range(len(taken))]
        assert 0 < len(taken) < 500
        journal.say("note", "they read again")
        note, lost = read()
    os.close(reader)
    assert (note["event"], lost["event"], lost["lines"]) == ("note", "lost", 500 - len(taken))


def test_what_the_program_logs_is_a_line_of_json_as_well() -> None:
    written = io.StringIO()
    with Journal("json", written).taking_logs():
        try:
            raise ValueError("two\nlines\x7f\u202e")
        except ValueError:
            logging.getLogger("tui_registry.test").exception("failed")
        logging.getLogger("tui_registry.test").info("passed over")
    assert "\x7f" not in written.getvalue()
    assert written.getvalue().isascii()
    (line,) = map(json.loads, written.getvalue().splitlines())
    assert (line["level"], line["event"], line["message"]) == ("error", "log", "failed")
    assert "two\nlines" in line["traceback"]


def test_a_reader_that_has_gone_ends_no_request(store: Datastore) -> None:
    ask = Asked(store, "json")
    ask.written.close()
    assert ask.code("/health/live") == 200


def test_what_the_server_tells_from_what_is_at_hand_is_noted_like_all_else(store: Datastore) -> None:
    asked = Asked(store, "json")
    store.log.head()  # makes the key, which is a commit as well
    assert asked("/sync/head").status == 200
    scope = {
        "type": "http", "method": "GET", "path": "/sync/head", "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "scheme": "http",
    }  # fmt: skip
    answer = asked.app.at_hand(scope)
    assert answer is not None
    fields = dict(asked.app.told(scope, answer, time.perf_counter()))
    first, second = asked.lines()
    assert {**first, **{name: second[name] for name in ("time", "request_id", "duration")}} == second
    assert fields[b"x-request-id"].decode() == second["request_id"]
    assert asked.watch.counts.requests == {("/sync/head", "GET", 200): 2}
    assert not any(name == b"x-request-id" for name, _ in answer.fields)
    store.apply([signed(owner("hand"), "model", "a").body])
    assert asked.app.at_hand(scope) is None
    assert asked.app.at_hand({**scope, "headers": [(b"host", b"evil.example")]}) is None
