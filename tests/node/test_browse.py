"""The pages for people: what they say, that hostile text stays text, and that all of them work in a browser."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import struct
import subprocess
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.crdt.making import root, write_on
from tests.node.conftest import Node, client, refused, serving
from tests.node.test_doors import NGINX, proxied
from tests.seeds import NOW, owner, seed, signed, written
from tests.trust.strings import STRINGS, dangers
from tests.tui import hostile
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.node import NodeBounds, Whereabouts, running
from tui_registry.node.page_frame import HEADERS
from tui_registry.present.record_rows import fact_rows, requirement_rows
from tui_registry.records import defaults
from tui_registry.records.manifests import is_followable
from tui_registry.replica.store import connection
from tui_registry.sync import pull

_TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "nav", "section", "a", "b", "bdi", "br",
    "h1", "h2", "h3", "p", "small", "span", "code", "pre", "ul", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr",
    "th", "td", "div", "time", "form", "label", "input", "select", "option", "button",
}  # fmt: skip
_ATTRIBUTES = {
    "lang", "charset", "name", "content", "href", "class", "id", "dir", "rel", "title", "method", "action", "role", "type",
    "value", "maxlength", "aria-label", "placeholder", "selected",
}  # fmt: skip
_NEVER_CLOSED = {"meta", "input", "br"}


class Read(HTMLParser):
    """A page as a browser takes it apart: nothing in it but what these pages are made of."""

    def __init__(self, html: str, root: str = "") -> None:
        super().__init__()
        self._root = root
        self._open: list[str] = []
        self.links: list[str] = []
        self.away: list[str] = []
        self.texts: list[str] = []
        self.values: list[str] = []
        self.feed(html.removeprefix("<!doctype html>"))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS
        if tag not in _NEVER_CLOSED:
            self._open.append(tag)
        for name, value in attrs:
            assert name in _ATTRIBUTES, (tag, name)
            assert not dangers(value or ""), (tag, name)
            if name == "href" and ("rel", "noreferrer nofollow") in attrs:
                # What an owner wrote into a manifest, and nothing else, leads away from the node.
                assert is_followable(value or ""), value
                self.away.append(value or "")
            elif name in ("href", "action"):
                assert re.match(rf"{self._root}/(?:browse|models|agents|docs)\b", value or ""), value
                self.links.append(value or "")
            if name in ("value", "title"):
                self.values.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            assert not dangers(data)
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def read(answer: httpx.Response, status: int = 200, root: str = "") -> Read:
    """A page with this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    return Read(answer.text, root)


class Known:
    """A replica with a conflict, an agent that prefers models, something deleted; and enough for several pages."""

    def __init__(self, store: Datastore) -> None:
        lab = owner("lab")
        seed(store, 60)
        fields: dict[str, Json] = {
            "version": "1.0.2", "license": "Apache-2.0", "quantization": "BF16", "tags": ["chat", "code"],
            "description": "Chats.\n\nAnd codes.", "formfile_template": "NAME qwen\nVCPU 4\n",
        }  # fmt: skip
        self.model = signed(lab, "model", "Qwen2.5-7B-Instruct", at=NOW - 86_400, **fields)
        self.torn = signed(lab, "model", "torn-model")
        assert self.torn.record is not None
        changes: list[Record] = [{"license": "Apache-2.0"}, {"license": "BSD-3-Clause", "tags": ["rival"]}]
        self.live = [
            sign_up(lab, "model", {**self.torn.record, **changed}, children=[self.torn.hash], clock=2)
            for changed in changes
        ]
        preferred: list[Json] = [self.model.key, self.torn.key, "f" * 64]
        self.agent = signed(lab, "agent", "research-crew", preferred_models=preferred)
        self.old, self.disputed = root(name="old-model"), root(name="disputed")
        artifacts: list[Json] = [
            {"uri": uri, "media_type": "", "sha256": None, "size_bytes": None, "quantization": None}
            for uri in ("https://example.org/model.gguf", "file:///etc/passwd", "model.gguf")
        ]
        said = root(
            "manifest", name="old-model", status="Deprecated", status_message="use the other",
            superseded_by=self.model.key, artifacts=artifacts, documentation_url="https://example.org/docs?a=1&b=2",
        )  # fmt: skip
        begun = root("manifest", name="disputed")
        rivals = [write_on(begun, status_message=side) for side in ("left", "right")]
        ops = [self.model, self.torn, *self.live, self.agent, self.old, said, self.disputed, begun, *rivals]
        assert not store.apply([op.to_json() for op in ops], source="secret-source").rejected
        store.names.set(lab.address, "secret-name")
        store.searches.save("secret-search", "torn")
        self.own = store.add("model", {**defaults("model"), "name": "own-model", "parameters": 1, "context_length": 1})
        gone = store.add("model", {**defaults("model"), "name": "gone-model", "parameters": 1, "context_length": 1})
        self.gone = gone.key
        written(store, self.gone, None)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    with Datastore.open(tmp_path_factory.mktemp("browse") / "node", clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture(scope="module")
def known(store: Datastore) -> Known:
    return Known(store)


@pytest.fixture(scope="module")
def node(store: Datastore, known: Known) -> Iterator[Node]:
    """A node of what is known, to which nothing is written."""
    with serving(store) as started:
        yield started


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with hostile text wherever there is text."""
    folder = tmp_path_factory.mktemp("strange") / "node"
    hostile.fill(folder)
    with Datastore.open(folder, clock=lambda: NOW) as store, serving(store) as started:
        assert not store.apply(_with_hostile_manifests(), source="hub").rejected
        yield started


def _with_hostile_manifests() -> Iterator[bytes]:
    """A model for each hostile text, with a manifest that says it wherever it may say anything."""
    for number, text in enumerate(STRINGS.values()):
        name, short = f"described {number}", text.encode(errors="replace").decode()[:60] or "-"
        yield root(name=name).to_json()
        fields: dict[str, Json] = {
            "status": {"Other": short},
            "status_message": short,
            "artifacts": [{"uri": "javascript:alert(1)", "media_type": short, "sha256": None, "size_bytes": 1, "quantization": {"Other": short}}],
            "interfaces": [{"url": f"https://a@b/{number}", "protocol": {"Other": short}, "version": short}],
            "derived_from": [{"relation": {"Other": short}, "model_id": None, "name": short, "sha256": None}],
            "evaluations": [{"benchmark": short, "metric": short, "value": "1", "source": "ftp://example.org/x"}],
            "datasets": [short],
        }  # fmt: skip
        yield root("manifest", name=name, **fields).to_json()


# What they say


def test_a_browser_is_led_to_the_records(node: Node) -> None:
    answer = node.reader.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/browse")
    answer = node.reader.get("/browse/agents")
    assert (answer.status_code, answer.headers["location"]) == (303, "/browse?kind=agent")


def test_a_search_lists_what_it_finds_page_by_page(node: Node) -> None:
    seen: list[str] = []
    link: str | None = "/browse?kind=model&sort=name"
    while link:
        answer = node.reader.get(link)
        page = read(answer)
        assert "53 models" in page.text
        seen += re.findall(r'/browse/models/([0-9a-f]{64})"', answer.text)
        link = next((found for found in page.links if "cursor=" in found), None)
    assert seen == [entry.id for entry in node.store.entries(kind="model", sort="name")]
    assert len(seen) == 53


def test_a_search_says_what_the_app_says(node: Node) -> None:
    page = read(node.reader.get("/browse", params={"q": "name:torn", "kind": "", "sort": "", "cursor": ""}))
    for said in ("torn-model", "conflict: 2 versions", "model", "LLM", "7 B", "4 mo", "1 record"):
        assert said in page.text
    # The form as it was filled in
    assert "name:torn" in page.values
    assert "no model here is called 'nowhere'" in read(node.reader.get("/browse?q=model:nowhere&kind=agent")).text
    nothing = read(node.reader.get("/browse?q=qwen2.5-7b-instrukt"))
    assert "Nothing found." in nothing.text
    assert "The nearest names: Qwen2.5-7B-Instruct" in nothing.text
    near = next(link for link in nothing.links if "name%3A" in link)
    assert "1 record" in read(node.reader.get(near)).text
    proposed = read(node.reader.get("/browse?q=reserch"))
    assert "Did you mean: " in proposed.text


def test_what_cannot_be_read_is_said_beside_the_form(node: Node) -> None:
    page = read(node.reader.get("/browse?q=params:%3C%3Dx"), 400)
    assert "params: x is not a count" in page.text
    assert "(at character 8)" in page.text
    assert "params:<=x" in page.values
    page = read(node.reader.get("/browse?q=is:conflct"), 400)
    corrected = next(link for link in page.links if "is%3Aconflict" in link)
    assert "torn-model" in read(node.reader.get(corrected)).text


def test_a_search_has_no_more_work_than_over_rest(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_STEPS", 1)
    monkeypatch.setattr(connection, "_STEPS_A_SECOND", 1)
    with running(node.store, bounds=NodeBounds(search_work=200)) as address, client(address) as reader:
        answer = reader.get("/browse?q=made")
        assert "add a word or a filter" in read(answer, 503).text
        assert answer.headers["retry-after"]


def test_a_record_is_shown_with_all_its_rows_and_where_they_lead(node: Node, known: Known) -> None:
    for op in (known.model, known.agent):
        assert op.record is not None
        path = f"/browse/{op.kind}s/{op.key}"
        page = read(node.reader.get(path))
        for row in (*fact_rows(op.record), *requirement_rows(op.record)):
            # What is recommended stands in a column beside the least.
            assert row.label in page.texts or row.label.startswith("Recommended ")
            for part in row.text.split(", ") if row.path != "preferred_models" else ():
                assert part in page.text
        for said in (op.key, f"0x{op.actor}", op.hash, "A valid signature"):
            assert said in page.text
        assert f"/{op.kind}s/{op.key}" in page.links
        for link in page.links:
            assert node.reader.get(link).status_code == 200, link
        # By the beginning of its id as well
        assert op.hash in read(node.reader.get(path[:-40])).text
    assert "VCPU 4" in read(node.reader.get(f"/browse/models/{known.model.key}")).text
    assert ", the key of this node" in read(node.reader.get(f"/browse/models/{known.own.key}")).text


def test_an_agent_leads_to_the_models_that_it_prefers_and_back(node: Node, known: Known) -> None:
    page = read(node.reader.get(f"/browse/agents/{known.agent.key}"))
    assert "Qwen2.5-7B-Instruct" in page.text
    assert f"{'f' * 64} (not known here)" in page.text
    assert "is no model known here" in page.text  # a problem of the record
    model = read(node.reader.get(next(link for link in page.links if known.model.key in link)))
    back = next(link for link in model.links if parse_qs(urlsplit(link).query).get("q") == [f"model:{known.model.key}"])
    assert "research-crew" in read(node.reader.get(back)).text
    assert "type%3ALLM&amp;kind=model" in node.reader.get(f"/browse/agents/{known.agent.key}").text


def test_a_conflict_shows_each_version_and_what_differs(node: Node, known: Known) -> None:
    page = read(node.reader.get(f"/browse/models/{known.torn.key}"))
    for said in (
        "conflict: 2 versions are live", "version A: current", "version B: rival", "common ancestor: written",
        "They differ in licence, tags.", "Before", "Version A", "Version B", "BSD-3-Clause", "rival", "MIT",
    ):  # fmt: skip
        assert said in page.text
    for op in (known.torn, *known.live):
        assert op.record is not None
        link = f"/browse/models/{known.torn.key}/versions/{op.hash}"
        assert link in page.links
        version = read(node.reader.get(link))
        assert op.hash in version.text
        assert str(op.record["license"]) in version.text


def test_a_manifest_is_shown_and_leads_only_where_it_may(node: Node, known: Known) -> None:
    listed = read(node.reader.get("/browse?q=status:deprecated"))
    assert "1 record" in listed.text
    assert "deprecated" in listed.text
    page = read(node.reader.get(f"/browse/models/{known.old.key}"))
    for said in (
        "deprecated: use the other; its owner names another model instead",
        "model.gguf",
        "file:///etc/passwd",
    ):
        assert said in page.text, said
    assert page.away == ["https://example.org/model.gguf", "https://example.org/docs?a=1&b=2"]
    assert f"/browse/models/{known.model.key}" in page.links
    assert "/browse?q=status%3ADeprecated" in page.links
    assert "Manifest" not in read(node.reader.get(f"/browse/models/{known.model.key}")).text


def test_a_manifest_in_conflict_is_told_in_the_list_and_beside_its_record(node: Node, known: Known) -> None:
    listed = read(node.reader.get("/browse?q=is:conflict"))
    assert "conflict: 2 versions of its manifest" in listed.text
    page = read(node.reader.get(f"/browse/models/{known.disputed.key}"))
    assert "2 versions of its manifest are live" in page.text


def test_a_history_says_what_became_of_a_record_also_of_a_deleted_one(node: Node, known: Known) -> None:
    page = read(node.reader.get(f"/browse/models/{known.torn.key}/history"))
    for said in ("edited", "current", "rival", "registered", "Licence: MIT → BSD-3-Clause", "Tags: + rival"):
        assert said in page.text
    gone = read(node.reader.get(f"/browse/models/{known.gone}"), 404)
    assert "there is no model here whose id begins with" in gone.text
    (link,) = [link for link in gone.links if link.endswith("/history")]
    history = read(node.reader.get(link))
    assert "deleted gone" in history.text
    assert "took away version 0.1.0" in history.text
    for link in history.links:
        assert node.reader.get(link).status_code == 200, link


def test_a_long_history_is_read_page_by_page_and_compares_no_more_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_registry.node.browse._HISTORY", 2)
    with Datastore.open(tmp_path / "node", clock=lambda: NOW) as store:
        record = {**defaults("model"), "name": "x", "parameters": 1, "context_length": 1}
        key = store.add("model", record).key
        for text in ("a " * 4_900, "b " * 4_900, "c"):
            monkeypatch.setattr("tui_registry.node.browse._COMPARED_IN_ALL", 15_000)
            entry = store.entry(key)
            assert entry is not None
            written(store, key, {**entry.record, "description": text})
        with serving(store) as node:
            page = read(node.reader.get(f"/browse/models/{key}/history"))
            assert "changed description" in page.text
            assert "Description, line 1: " in page.text
            (older,) = [link for link in page.links if "before=" in link]
            last = read(node.reader.get(older))
            assert "registered" in last.text
            assert not [link for link in last.links if "before=" in link]


def test_what_is_the_operators_own_is_told_to_nobody(node: Node, known: Known) -> None:
    paths = [
        "/browse?q=torn", "/browse?q=owner:secret-name", "/browse?q=%40secret-search", "/browse?q=secret",
        *(f"/browse/models/{known.torn.key}{below}" for below in ("", "/history", f"/versions/{known.torn.hash}")),
    ]  # fmt: skip
    for path in paths:
        page = read(node.reader.get(path), node.reader.get(path).status_code)
        asked = urlsplit(path).query
        for secret in ("secret-source", "secret-name", "secret-search"):
            assert secret in asked or secret not in page.text, path
        assert "torn-model" not in page.text or "secret" not in path


def test_whose_names_look_alike_here_and_what_domains_said_is_the_operators_own_too(tmp_path: Path) -> None:
    with Datastore.open(tmp_path, clock=lambda: NOW) as store:
        ops = [signed(owner("lab"), "model", "secret"), signed(owner("imitator"), "model", "s\u0435cret")]
        store.apply([op.to_json() for op in ops])
        store.names.set(owner("lab").address, "petname")
        store.domains.put("example.org", [owner("imitator").address])
        marked = store.entry(ops[1].key)
        assert marked is not None
        assert (marked.like is not None, len(marked.said_by)) == (True, 1)
        with serving(store) as node:
            for path in ("/browse", f"/browse/models/{ops[1].key}", f"/browse/models/{ops[1].key}/history"):
                page = read(node.reader.get(path)).text
                assert not [word for word in ("petname", "looks like", "example.org") if word in page]


# How they are answered


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/browse/models/ffffffff", 404, "there is no model here whose id begins with ffffffff"),
        ("GET", "/browse/models/zz%1b%5b2J", 404, "is not an id: an id is up to 64 hex digits"),
        ("GET", "/browse/nothing", 404, "there is nothing at this path"),
        ("GET", "/browse/models/ffffffff/history", 404, "there is no model here whose id begins with ffffffff"),
        ("GET", "/browse?x=1", 400, "there is no parameter 'x'"),
        ("GET", "/browse?q=a&q=b", 400, "'q' is given twice"),
        ("GET", "/browse?kind=x", 400, "`kind` is model or agent"),
        ("GET", "/browse?sort=x", 400, "`sort` is one of name, -name, updated"),
        ("GET", f"/browse?q={'x' * 2001}", 400, "at most 2,000 characters"),
        ("POST", "/browse", 405, "this path does not take that method"),
    ],
)
def test_a_refusal_is_a_page_too(node: Node, method: str, path: str, status: int, sentence: str) -> None:
    answer = node.reader.request(method, path)
    page = read(answer, status)
    assert sentence in page.text
    assert "/browse" in page.links
    head = node.reader.head(path)
    if method == "GET":
        assert (head.status_code, head.content) == (status, b"")
        assert head.headers["content-length"] == answer.headers["content-length"]


def test_who_asks_by_a_name_that_the_node_does_not_know_reads_why(node: Node) -> None:
    for path in ("/browse", "/browse/models/ff"):
        page = read(node.reader.get(path, headers={"host": "evil.example"}), 421)
        assert "this node does not know itself as 'evil.example'" in page.text
    refused(node.reader.get("/models", headers={"host": "evil.example"}), 421, "unknown_host")
    refused(node.reader.get("/models/browse"), 404, "not_found")


def test_pages_are_asked_for_again_and_not_sent_twice(node: Node, known: Known) -> None:
    for path in ("/browse", f"/browse/models/{known.model.key}", f"/browse/models/{known.model.key}/history"):
        got, head = node.reader.get(path), node.reader.head(path)
        assert got.headers["cache-control"] == "no-cache"
        assert head.content == b""
        assert (head.status_code, head.headers["etag"]) == (200, got.headers["etag"])
        again = node.reader.get(path, headers={"if-none-match": got.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_nothing_is_loaded_and_the_style_sheet_is_the_one_that_is_allowed(node: Node, known: Known) -> None:
    sheets = set()
    for path in ("/browse", f"/browse/models/{known.model.key}", "/browse/nothing", "/docs"):
        answer = node.reader.get(path)
        (sheet,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        digest = b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
        policy = answer.headers["content-security-policy"]
        assert f"default-src 'none'; style-src 'sha256-{digest}';" in policy
        assert "unsafe" not in policy
        assert "url(" not in sheet
        assert "@import" not in sheet
        assert not re.search(r"<(script|img|link|iframe|object|svg)|\bstyle=|\bon\w+=", answer.text)
        sheets.add(sheet)
    assert len(sheets) == 1


def test_behind_a_proxy_every_link_leads_through_it_and_the_peer_is_what_others_reach(node: Node, known: Known) -> None:
    front = Whereabouts(names=("registry.example",), proxies=("127.0.0.1",), root_path="/registry")
    named = {"x-forwarded-host": "registry.example", "x-forwarded-proto": "https"}
    with running(node.store, whereabouts=front) as address, client(address) as reader:
        reader.headers.update(named)
        for prefix in ("", "/registry"):  # whether the proxy takes it away or not
            assert reader.get(f"{prefix}/").headers["location"] == "/registry/browse"
            for path in ("/browse", f"/browse/models/{known.torn.key}", f"/browse/models/{known.torn.key}/history"):
                page = read(reader.get(f"{prefix}{path}"), root="/registry")
                assert all(link.startswith("/registry/") for link in page.links)
                if not path.endswith("history"):
                    assert "peer add registry https://registry.example/registry\n" in page.text
            read(reader.get(f"{prefix}/browse/nothing"), 404, root="/registry")
            read(reader.get(f"{prefix}/browse", headers={"x-forwarded-host": "evil.example"}), 421, root="/registry")


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_behind_nginx_each_link_of_a_page_leads_to_an_answer(node: Node, known: Known, tmp_path: Path) -> None:
    front = Whereabouts(proxies=("127.0.0.1",), root_path="/registry")
    with (
        running(node.store, whereabouts=front) as address,
        proxied(address, tmp_path / "nginx") as url,
        httpx.Client(trust_env=False, timeout=30, verify=False) as caller,
    ):
        assert caller.get(f"{url}/").headers["location"] == "/registry/browse"
        for path in ("/browse?q=torn", f"/browse/agents/{known.agent.key}", "/browse/nothing"):
            answer = caller.get(f"{url}{path}")
            for link in read(answer, answer.status_code, "/registry").links:
                assert caller.get(answer.url.join(link)).status_code == 200, link


def test_the_lines_that_add_the_node_as_a_peer_do(node: Node, tmp_path: Path) -> None:
    added, synced = lines_of_peer(node.reader.get("/browse"))
    name, url = added.split()[-2:]
    assert synced.split()[-1] == name
    assert url == node.address.url
    with Datastore.open(tmp_path / "reader") as reader:
        reader.peers.add(name, url)
        result = asyncio.run(pull(reader, name))
        assert result.error is None, result.sentence
        assert reader.stats().records == node.store.stats().records


def lines_of_peer(answer: httpx.Response) -> list[str]:
    """The command lines that a page proposes."""
    return next(text for text in read(answer).texts if text.startswith("tui-registry peer add ")).splitlines()


@pytest.mark.parametrize("host", ["localhost:1", "[::1]:8420", "127.0.0.1", "LOCALHOST.", "some.localhost"])
def test_a_peers_name_and_address_are_such_as_peer_add_takes(node: Node, host: str) -> None:
    added, _ = lines_of_peer(node.reader.get("/browse", headers={"host": host}))
    assert node.store.peers.check(*added.split()[-2:]) == []


# Hostile text


def test_hostile_text_of_a_record_stays_text_on_every_page(strange: Node) -> None:
    left, seen = ["/browse", "/browse?q=is:conflict", "/browse?q=is:mine"], set[str]()
    searches = 0
    while left:
        link = left.pop()
        if link in seen:
            continue
        seen.add(link)
        asks = urlsplit(link).query
        searches += bool(asks)
        # Of what a record leads to some is enough: each string stands in many.
        if not urlsplit(link).path.startswith("/browse") or (asks and "cursor" not in asks and searches > 60):
            continue
        page = read(strange.reader.get(link))
        left += page.links
    records = [link for link in seen if re.fullmatch(r"/browse/(models|agents)/[0-9a-f]{64}", link)]
    assert len(records) == strange.store.stats().records > len(STRINGS)
    assert len([link for link in seen if "/versions/" in link]) > len(records)


def test_hostile_text_in_a_request_stays_text(strange: Node) -> None:
    key = strange.store.search(limit=1).rows[0].id
    for text in STRINGS.values():
        for parameters in ({"q": text}, {"kind": text}, {"sort": text}, {"cursor": text}, {text[:40]: "x"}):
            answer = strange.reader.get("/browse", params=_sent(parameters))
            read(answer, answer.status_code)
            assert answer.status_code in (200, 400)
        for path in (f"/browse/models/{_quoted(text)}", f"/browse/models/{key}/versions/{_quoted(text)}"):
            read(strange.reader.get(path), 404)


def _sent(parameters: Mapping[str, str]) -> dict[str, str]:
    """A query string that a client sends: text beyond any bound of a request's line is refused before it is asked."""
    return {name: value[:1_000].encode(errors="replace").decode() for name, value in parameters.items()}


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text[:100].encode(errors="replace"))


# In a browser


_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(_CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_the_pages_light_and_dark_and_has_nothing_to_object_to(
    node: Node, known: Known, strange: Node, tmp_path: Path
) -> None:
    papers = {}
    torn = f"{node.address.url}/browse/models/{known.torn.key}"
    for name, url, width in (("light", torn, 1000), ("dark", f"{strange.address.url}/browse", 500)):
        picture = tmp_path / f"{name}.png"
        scheme = ["--blink-settings=preferredColorScheme=0"] if name == "dark" else []
        done = subprocess.run(
            [
                str(_CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
                f"--user-data-dir={tmp_path / name}", f"--window-size={width},900", *scheme, f"--screenshot={picture}", url,
            ],
            check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        # What it refuses, for want of being allowed, it says on the console.
        assert "CONSOLE" not in done.stderr
        papers[name] = corner(picture.read_bytes())
    # The colours of the style sheet: so it is in force, and goes by what the reader likes.
    assert papers == {"light": (0xFF, 0xFF, 0xFF), "dark": (0x13, 0x17, 0x1B)}


def corner(png: bytes) -> tuple[int, int, int]:
    """The pixel at the upper left of a picture, of which no filter changes the first row's first one."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data = 8, b""
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += 12 + size
    _, red, green, blue = zlib.decompressobj().decompress(data, 4)
    return red, green, blue
