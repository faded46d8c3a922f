"""AI Catalogs: from a node and as files, as the specification has them, and what comes back of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

import tui_registry
from tests.importers.made import at
from tests.importers.serving import serving
from tests.node.conftest import T0, client, refused
from tests.seeds import stranger_ops
from tui_registry.crdt import parse_op, sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.importers import Finding, ai_catalog as reader, read_source
from tui_registry.node import Whereabouts, running
from tui_registry.node.doors import public_url
from tui_registry.records.schema import defaults
from tui_registry.tongues import ai_catalog
from tui_registry.tongues.ai_catalog import MOST_ENTRIES, RECORD_TYPES, WELL_KNOWN, path_of
from tui_registry.tongues.files import CatalogError, write_catalog

PAGE = Path(tui_registry.__file__).with_name("tongues.md").read_text()
PUBLIC = "https://registry.example/hub"
HOSTILE = '"}],"entries":[{"url":"http://169.254.169.254/\u202e\n\r</script>'


def model(name: str, **given: Json) -> Record:
    return {
        **defaults("model"),
        "name": name,
        "license": "MIT",
        "version": "1.0.0",
        "description": "Says hello.",
        **given,
    }


class Served(NamedTuple):
    store: Datastore
    reader: httpx.Client
    model: str
    agent: str
    stranger: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node with a public address: a model and an agent of its own, one hostile name, and one of a stranger."""
    with Datastore.open(tmp_path_factory.mktemp("catalog") / "node", clock=lambda: T0) as store:
        behind = {**defaults("manifest"), "languages": ["en"], "repository_url": "https://a.example/repo"}
        ours = store.add("model", model("tiny", tags=["chat"], description="long " * 200), manifest=behind)
        store.add("model", model(HOSTILE[:128]))
        reached = [{"url": "https://a.example/a2a", "protocol": "A2A", "version": "1.0"}]
        record = {**defaults("agent"), "name": "planner", "license": "MIT", "capabilities": ["plans"], "tags": ["maps"]}
        agent = store.add("agent", record, manifest={**defaults("manifest"), "interfaces": reached})
        (op,) = stranger_ops(1)
        store.apply([op])
        whereabouts = Whereabouts(public_url=PUBLIC)
        with running(store, whereabouts=whereabouts) as address, client(address) as asking:
            yield Served(store, asking, ours.key, agent.key, op.key)


def check_catalog(tree: Any) -> list[dict[str, Any]]:
    """The entries of a catalog, which must be as its "Top-Level Structure", "Host Info", "Catalog Entry" and "Publisher
    Object" say, and as level 2 of its conformance asks."""
    assert tree["specVersion"] == "1.0"
    assert isinstance(tree["host"]["displayName"], str)
    entries = tree["entries"]
    for entry in entries:
        texts = ("identifier", "displayName", "mediaType")
        assert all(isinstance(entry[name], str) and entry[name] for name in texts)
        assert ("url" in entry) != ("data" in entry)
        optional = {
            "version": str,
            "description": str,
            "tags": list,
            "updatedAt": str,
            "metadata": dict,
            "publisher": dict,
        }
        assert entry.keys() <= {*texts, "url", "data", *optional}
        assert all(isinstance(entry[name], of) for name, of in optional.items() if name in entry)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.get("updatedAt", "2026-01-01T00:00:00Z"))
        if "publisher" in entry:
            assert all(isinstance(entry["publisher"][name], str) for name in ("identifier", "displayName"))
    named = [(entry["identifier"], entry.get("version")) for entry in entries]
    assert len({*named}) == len(named)
    return list(entries)


def ours_of(entry: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = entry["metadata"]["tui-registry"]
    return found


def test_a_node_says_what_it_has_as_a_catalog(served: Served) -> None:
    answer = served.reader.get(f"/{WELL_KNOWN}")
    assert answer.headers["content-type"] == ai_catalog.MEDIA_TYPE
    entries = {ours_of(entry)["id"]: entry for entry in check_catalog(answer.json())}
    assert len(entries) == 4
    tiny, agent, stranger = (entries[each] for each in (served.model, served.agent, served.stranger))
    assert answer.json()["host"] == {
        "displayName": "registry.example", "identifier": "registry.example", "documentationUrl": f"{PUBLIC}/docs",
    }  # fmt: skip
    # The domain names what the operator's own key signed, and nothing of anybody else.
    assert tiny["identifier"] == f"urn:tui-registry:registry.example:model:{served.model}"
    assert tiny["publisher"]["identifier"] == "registry.example"
    assert stranger["identifier"] == f"{PUBLIC}/models/{served.stranger}"
    assert "registry.example" not in json.dumps(stranger["publisher"])
    entry = served.store.entry(served.model)
    behind = served.store.manifests.get(served.model)
    assert entry is not None
    assert behind is not None
    assert tiny["data"] == {"kind": "model", "record": entry.record, "manifest": behind.manifest}
    assert (tiny["mediaType"], len(tiny["description"])) == (RECORD_TYPES["model"], 303)
    assert tiny["metadata"]["repository"] == "https://a.example/repo"
    assert agent["url"] == f"{PUBLIC}/agents/{served.agent}/agent-card.json"
    assert served.reader.get(f"/agents/{served.agent}/agent-card.json").headers["content-type"] == agent["mediaType"]


def test_the_operations_of_an_entry_prove_it(served: Served) -> None:
    for entry in served.reader.get(f"/{WELL_KNOWN}").json()["entries"]:
        ours = ours_of(entry)
        lines = [_spelt(op) for op in ours["ops"]]
        ops = [parse_op(line) for line in lines]
        assert {op.hash for op in ops} == {*ours["heads"], *ours["manifest_heads"]}
        assert f"0x{ops[0].actor}" == ours["owner"]
        assert lines[0] in served.store.log.ops_of(ours["id"])


def test_who_has_it_is_told_so_until_something_is_written(served: Served) -> None:
    for path in (f"/{WELL_KNOWN}", "/catalog/a.json", f"/agents/{served.agent}/agent-card.json"):
        answer = served.reader.get(path)
        again = served.reader.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert (answer.status_code, again.status_code, again.content) == (200, 304, b"")
        head = served.reader.head(path)
        assert (head.headers["etag"], head.content) == (answer.headers["etag"], b"")


@pytest.mark.parametrize(
    ("path", "status", "code", "part"),
    [
        ("/catalog/zz.json", 404, "not_found", "is no part of the catalog"),
        ("/catalog/3F.json", 404, "not_found", "such as 3f.json"),
        ("/catalog/.json", 404, "not_found", "is no part"),
        (f"/catalog/{'a' * 65}.json", 404, "not_found", "is no part"),
        ("/catalog/a%0d%0ab.json", 404, "not_found", "is no part"),
        ("/catalog/a.json?limit=5", 400, "parameter", "this path takes none"),
        (f"/{WELL_KNOWN}?cursor=x", 400, "parameter", "this path takes none"),
        ("/agents/nobody/agent-card.json", 404, "not_found", "is not an id"),
        (f"/agents/{'0' * 64}/agent-card.json", 404, "not_found", "no agent"),
        ("/agents/a%2fb/agent-card.json", 404, "no_route", "there is nothing"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    served: Served, path: str, status: int, code: str, part: str
) -> None:
    assert part in str(refused(served.reader.get(path), status, code)["detail"])


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://registry.example", "https://registry.example"),
        ("HTTPS://Registry.Example./hub//", "https://registry.example/hub"),
        ("http://[::1]:8420/a.b", "http://[::1]:8420/a.b"),
    ],
)
def test_a_public_address_has_one_spelling(text: str, url: str) -> None:
    assert public_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "", "registry.example", "ftp://a.example", "https://", "https:///x", "https://u:p@a.example", "https://a.example?x",
        "https://a.example/#x", "https://a.example:99999", "https://a.example/../x", "https://a.example/a b", "https://a b",
        'https://a.example/"x', "https://[zz]", "https://a.example\n", "https://\u00fc.example",
    ],
)  # fmt: skip
def test_what_is_no_public_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="public URL"):
        public_url(text)


def test_a_domain_is_taken_from_a_public_address_alone_and_an_address_of_a_machine_is_none(served: Served) -> None:
    for url, domain in (
        (PUBLIC, "registry.example"), ("http://10.0.0.1:8420", ""), ("http://[::1]", ""), ("http://localhost:8420", ""),
    ):  # fmt: skip
        assert ai_catalog.site_at(served.store, url, is_public=True).domain == domain
    assert ai_catalog.site_at(served.store, PUBLIC, is_public=False).domain == ""


def test_a_record_that_has_no_card_says_so(served: Served) -> None:
    record = {**defaults("agent"), "name": "mute", "license": "MIT"}
    key = served.store.add("agent", record).key
    told = refused(served.reader.get(f"/agents/{key}/agent-card.json"), 404, "not_found")
    assert "nothing says that it answers over A2A" in str(told["detail"])
    refused(served.reader.get(f"/agents/{served.model}/agent-card.json"), 404, "not_found")
    entries = {ours_of(entry)["id"]: entry for entry in served.reader.get(f"/{WELL_KNOWN}").json()["entries"]}
    assert entries[key]["mediaType"] == RECORD_TYPES["agent"]
    served.store.delete("agent", key, served.store.heads(key))


def test_without_a_public_address_each_reader_is_led_by_the_one_that_they_asked_by(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store:
        key = store.add("model", model("tiny")).key
        with running(store) as address, client(address) as asking:
            for host in ("127.0.0.1:80", "LOCALHOST:80"):
                (entry,) = check_catalog(asking.get(f"/{WELL_KNOWN}", headers={"host": host}).json())
                assert entry["identifier"] == f"http://{host.lower()}/models/{key}"
                assert entry["publisher"]["identityType"] == "tui-registry-key"
            other = asking.get(f"/{WELL_KNOWN}", headers={"host": "evil.example"})
            assert other.status_code == 421


def test_pages_of_other_sites_read_what_is_offered_to_everybody_and_nothing_else(
    served: Served, tmp_path: Path
) -> None:
    page = {"origin": "https://elsewhere.example"}
    offered = (
        f"/{WELL_KNOWN}",
        "/catalog/a.json",
        "/catalog/none",
        f"/agents/{served.agent}/agent-card.json",
        "/v0.1/servers",
        "/v0.1/servers?limit=0",
        f"/v0.1/servers/0x{40 * '0'}%2F{served.agent}/versions",
    )
    others = ("/models", f"/agents/{served.agent}", "/sync/head", "/browse", "/docs", "/health", "/metrics", "/nothing")
    with (
        Datastore.open(tmp_path / "private", clock=lambda: T0) as store,
        running(store) as address,
        client(address) as private,
    ):
        for path in (*offered, *others):
            allowed = [asked.get(path, headers=page).headers.get("access-control-allow-origin")
                       for asked in (served.reader, private)]  # fmt: skip
            assert allowed == ["*" if path in offered else None, None], path
    # To ask whether it may write, a browser asks first, and is told of nothing.
    asks = {**page, "access-control-request-method": "PUT"}
    answer = served.reader.request("OPTIONS", f"/agents/{served.agent}", headers=asks)
    assert "access-control-allow-origin" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control-allow-methods")]


def test_a_large_catalog_is_divided_and_written_as_files_that_change_only_where_records_do(tmp_path: Path) -> None:
    www = tmp_path / "www"
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store:
        list(store.add_all([("model", model(f"m{number}")) for number in range(MOST_ENTRIES + 1)]))
        key = store.add("agent", {**defaults("agent"), "name": "a", "license": "MIT"}, manifest=_answering()).key
        done = write_catalog(store, str(www), PUBLIC)
        assert (done.records, done.catalogs, done.cards) == (MOST_ENTRIES + 2, 17, 1)
        nested = check_catalog(json.loads((www / WELL_KNOWN).read_bytes()))
        assert [entry["url"] for entry in nested] == [f"{PUBLIC}/{path_of(f'{digit:x}')}" for digit in range(16)]
        met = {
            ours_of(entry)["id"]
            for digit in range(16)
            for entry in check_catalog(json.loads((www / path_of(f"{digit:x}")).read_bytes()))
        }
        assert len(met) == MOST_ENTRIES + 2
        with running(store, whereabouts=Whereabouts(public_url=PUBLIC)) as address, client(address) as asking:
            files = [file for file in www.rglob("*.json") if file.is_file()]
            assert len(files) == 18
            for file in files:
                # A server of files has no page about itself.
                about = f',"documentationUrl":"{PUBLIC}/docs"'.encode()
                answer = asking.get("/" + file.relative_to(www).as_posix()).content
                assert answer.replace(about, b"") == file.read_bytes()
                assert (about in answer) == (file.name != "agent-card.json")
        (www / "catalog" / "robots.txt").write_text("mine")
        assert write_catalog(store, str(www), PUBLIC).written == 0
        store.delete("agent", key, store.heads(key))
        done = write_catalog(store, str(www), PUBLIC)
        assert (done.written, done.removed) == (1, 1)
        assert not (www / "agents" / key).exists()
        for number, each in enumerate(sorted(met - {key})):
            if number > 2:
                store.delete("model", each, store.heads(each))
        done = write_catalog(store, str(www), PUBLIC)
        assert (done.catalogs, done.records, done.removed) == (1, 3, 16)
        assert (www / "catalog" / "robots.txt").read_text() == "mine"


def test_of_several_versions_the_one_that_is_shown_is_proven_and_all_are_named(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store:
        first = store.add("model", model("tiny"))
        for number in (1, 2):
            record = {**(first.record or {}), "description": f"Version {number}", "updated_at": T0 + number}
            other = sign_up(store.key.identity(), "model", record, children=[first.hash], clock=2)
            assert store.apply([other.to_json()]).applied == 1
        entry = store.entry(first.key)
        site = ai_catalog.site_at(store, PUBLIC, is_public=True)
        (told,) = check_catalog(json.loads(ai_catalog.read_part(store, site, "", work=10**9).body))
    assert entry is not None
    assert len(entry.live_heads) == 2
    assert ours_of(told)["heads"] == [*entry.heads]
    assert parse_op(_spelt(ours_of(told)["ops"][0])).hash == entry.live_heads[0]
    assert told["data"] == {"kind": "model", "record": entry.record}


def test_what_is_too_large_for_one_catalog_is_divided_however_few_its_records_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ai_catalog, "MOST_BYTES", 40_000)
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store:
        keys = {store.add("model", model(f"m{number}", description="x" * 9_000)).key for number in range(3)}
        site = ai_catalog.site_at(store, PUBLIC, is_public=True)
        waiting, met = [""], set()
        while waiting:
            part = ai_catalog.read_part(store, site, waiting.pop(), work=10**9)
            waiting += part.divided
            if not part.divided:
                assert len(part.body) < 50_000
                met |= {ours_of(entry)["id"] for entry in check_catalog(json.loads(part.body))}
    assert met == keys


def test_to_ask_or_to_write_files_makes_no_key(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store:
        assert write_catalog(store, str(tmp_path / "www"), PUBLIC).records == 0
        assert check_catalog(json.loads((tmp_path / "www" / WELL_KNOWN).read_bytes())) == []
        assert not store.key.file.exists()


def test_a_muted_owner_is_left_out(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store:
        (op,) = stranger_ops(1)
        store.apply([op])
        store.rations.mute(op.actor)
        for prefix in ("", op.key[:2]):
            site = ai_catalog.site_at(store, PUBLIC, is_public=True)
            part = ai_catalog.read_part(store, site, prefix, work=10**9)
            assert check_catalog(json.loads(part.body)) == []


def test_what_is_served_comes_back_whole(tmp_path: Path) -> None:
    """Files of a static server, read by our importer: of our own descriptions nothing is lost."""
    full = model(
        "whole", tags=["chat", "tiny"], parameters=7, context_length=4096, quantization="INT8",
        model_type="Multimodal",
        framework={"Other": "thing"}, capabilities=["vision"], formfile_template="NAME whole\n",
    )  # fmt: skip
    behind = {
        **defaults("manifest"), "status": "Deprecated", "status_message": "Use 2", "languages": ["en"],
        "datasets": ["web"], "repository_url": "https://a.example/repo",
    }  # fmt: skip
    answers: dict[str, Any] = {}
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store, serving(answers) as server:
        key = store.add("model", full, manifest=behind).key
        card = store.add("agent", {**defaults("agent"), "name": "a", "license": "MIT"}, manifest=_answering())
        write_catalog(store, str(tmp_path / "www"), server.address)
        for file in (tmp_path / "www").rglob("*.json"):
            answers["/" + file.relative_to(tmp_path / "www").as_posix()] = file.read_bytes()
        found = {str(at(one, "name")): one for one in read_source(server.address) if isinstance(one, Finding)}
        entry, manifest = store.entry(key), store.manifests.get(key)
    assert entry is not None
    assert manifest is not None
    assert [one.problems for one in found.values()] == [(), ()]
    assert found["whole"].record == entry.record
    assert found["whole"].manifest == manifest.manifest
    # What it is in the log that it comes from is not what is imported.
    assert (found["whole"].id, found["whole"].heads) == (None, ())
    assert found["whole"].entry == f"{server.address}/models/{key}"
    assert "sync" in found["whole"].notes[-1]
    assert found["a"].entry.startswith(f"{server.address}/agents/{card.key}")
    assert isinstance(found["a"].manifest, dict)
    assert found["a"].manifest["interfaces"] == _answering()["interfaces"]
    assert at(found["a"], "license") == "MIT"


def test_a_node_is_read_as_a_whole_though_it_is_an_mcp_registry_as_well(tmp_path: Path) -> None:
    behind = _answering()
    behind["interfaces"] = [*behind["interfaces"], {"url": "https://a.example/mcp", "protocol": "MCP", "version": ""}]
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store:
        store.add("model", model("tiny"))
        store.add("agent", {**defaults("agent"), "name": "planner", "license": "MIT"}, manifest=behind)
        with running(store) as address:
            assert len(list(read_source(f"{address.url}/v0.1/servers"))) == 1
            assert sorted(str(at(one, "name")) for one in read_source(address.url)) == ["planner", "tiny"]


@pytest.mark.parametrize("data", [None, 3, [], {}, {"kind": "agent", "record": {"name": "x"}}, {"kind": "model"}])
def test_an_entry_of_ours_that_holds_no_record_is_judged(tmp_path: Path, data: Json) -> None:
    entry = {"identifier": "x", "displayName": "x", "mediaType": RECORD_TYPES["model"], "data": data}
    (tmp_path / "ai-catalog.json").write_text(json.dumps({"specVersion": "1.0", "entries": [entry]}))
    (found,) = read_source(tmp_path / "ai-catalog.json")
    assert isinstance(found, Finding)
    assert found.problems


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "https://u:p@a.example/"])
def test_an_entry_names_no_address_of_a_strangers_that_nobody_should_follow(url: str) -> None:
    record = {**defaults("model"), "license": "MIT"}
    behind = {**defaults("manifest"), "repository_url": url, "documentation_url": "https://a.example/doc"}
    assert ai_catalog._beside(record, behind) == {"license": "MIT", "documentationUrl": "https://a.example/doc"}


def test_other_peoples_files_stay_as_they_are_and_what_a_killed_run_left_goes(tmp_path: Path) -> None:
    www = tmp_path / "www"
    card = www / "agents" / ("a" * 64) / "agent-card.json"
    others = {www / "catalog" / "2026.json": b'{"year":2026}', www / "catalog" / "ab.json": b"", card: b'{"name": "x"}'}
    for file, body in others.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store:
        key = store.add("agent", {**defaults("agent"), "name": "a", "license": "MIT"}, manifest=_answering()).key
        write_catalog(store, str(www), PUBLIC)
        draft = www / "agents" / key / f".agent-card.json.{'0' * 16}"
        draft.write_bytes(b"{")
        write_catalog(store, str(www), PUBLIC)
        assert not draft.exists()
        draft.write_bytes(b"{")
        store.delete("agent", key, store.heads(key))
        assert write_catalog(store, str(www), PUBLIC).removed == 1
    assert not draft.parent.exists()
    assert {file: file.read_bytes() for file in others} == others


def test_no_file_of_others_gives_way_to_one_of_the_catalog(tmp_path: Path) -> None:
    www = tmp_path / "www"
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store:
        list(store.add_all([("model", model(f"m{number}")) for number in range(MOST_ENTRIES + 1)]))
        key = store.add("agent", {**defaults("agent"), "name": "a", "license": "MIT"}, manifest=_answering()).key
        for path in (WELL_KNOWN, path_of("3"), f"agents/{key}/agent-card.json"):
            file = www / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b'{"specVersion":"1.0","host":{"displayName":"another"},"entries":[]}')
            with pytest.raises(
                CatalogError, match=f"{re.escape(str(file))} was not written by tui-registry"
            ) as refused:
                write_catalog(store, str(www), PUBLIC)
            assert refused.value.code == "foreign_file"
            assert b"another" in file.read_bytes()
            # What is led to is written first, so that nothing else was begun.
            assert path != WELL_KNOWN or [*www.rglob("*.json")] == [file]
            file.write_bytes(b"")  # as a power cut leaves it
        assert write_catalog(store, str(www), PUBLIC).catalogs == 17
        assert write_catalog(store, str(www), f"{PUBLIC}/elsewhere").records == MOST_ENTRIES + 2


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "www" / WELL_KNOWN).mkdir(parents=True)
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store, pytest.raises(CatalogError) as raised:
        write_catalog(store, str(tmp_path / "www"), PUBLIC)
    assert f"{WELL_KNOWN} cannot be written: Is a directory" in raised.value.sentence


def test_reader_writer_and_page_agree() -> None:
    assert {kind: media for media, kind in reader._OURS.items()} == RECORD_TYPES
    for word in (ai_catalog.MEDIA_TYPE, WELL_KNOWN, str(MOST_ENTRIES), RECORD_TYPES["model"], "`ops`", "--public-url"):
        assert word in PAGE


def _spelt(op: object) -> bytes:
    return json.dumps(op, ensure_ascii=False, separators=(",", ":")).encode()


def _answering() -> Record:
    reached: Json = [{"url": "https://a.example/a2a", "protocol": "A2A", "version": "1.0"}]
    return {**defaults("manifest"), "interfaces": reached}
