"""AI Catalogs: in files with what they hold, and at addresses with what they name; hostile ones are bounded."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at
from tests.importers.serving import serving
from tests.importers.test_a2a import CARD_1_0
from tests.importers.test_mcp import SERVER
from tui_registry.importers import Finding, Skipped, read_source

A2A, MCP, NESTED = (
    f"application/{name}+json" for name in ("a2a-agent-card", "mcp-server-card", "ai-catalog")
)  # fmt: skip
WELL_KNOWN = "/.well-known/ai-catalog.json"


def entry(name: str, media_type: str, **more: Any) -> dict[str, Any]:
    return {"identifier": f"urn:example:{name}", "displayName": name, "mediaType": media_type, **more}


def catalog(*entries: object) -> dict[str, Any]:
    return {"specVersion": "1.0", "entries": list(entries)}


def in_file(tmp_path: Path, value: object) -> list[Finding]:
    (tmp_path / "ai-catalog.json").write_text(json.dumps(value))
    return [found for found in read_source(tmp_path / "ai-catalog.json") if isinstance(found, Finding)]


def test_the_documents_that_a_catalog_holds_are_read_in_their_own_format(tmp_path: Path) -> None:
    found = in_file(
        tmp_path,
        catalog(
            entry("one", A2A, data=CARD_1_0, tags=["finance"], publisher={"identifier": "x", "displayName": "Lab"}),
            entry("two", MCP, data=SERVER),
            entry("more", NESTED, data=catalog(entry("inner", A2A, data={**CARD_1_0, "name": "Inner"}))),
        ),
    )
    assert [one.problems for one in found] == [(), (), ()]
    assert [at(one, "name") for one in found][::2] == [CARD_1_0["name"], "Inner"]
    assert "finance" in at(found[0], "tags")
    assert any("publisher Lab" in note for note in found[0].notes)
    assert len({one.entry for one in found}) == 3


def test_an_entry_by_its_address_is_told_by_the_catalog_and_never_fetched_for_a_file(tmp_path: Path) -> None:
    with serving({"/card.json": CARD_1_0}) as server:
        url = f"{server.address}/card.json?key=s3cr3t".replace("://", "://bob:s3cr3t@")
        card = entry("far", A2A, url=url, description="Looks far", version="1.2.0")
        (found,) = in_file(tmp_path, catalog(card))
        assert server.asked == []
    assert (at(found, "name"), at(found, "description"), at(found, "version")) == ("far", "Looks far", "1.2.0")
    assert f"its own document was not read: import {server.address}/card.json for what it says" in found.notes
    assert "s3cr3t" not in str(found)


def test_what_describes_no_agent_or_model_is_told_by_its_type(tmp_path: Path) -> None:
    parquet = entry("data", "application/parquet", url="https://data.example.com/x.parquet")
    (found,) = in_file(tmp_path, catalog(parquet))
    assert [problem.sentence for problem in found.problems] == [
        "is an entry of the type application/parquet: no model or agent can be read from it"
    ]
    (tmp_path / "plain.txt").write_text("x")
    (skipped,) = read_source(tmp_path)
    assert isinstance(skipped, Skipped)


@pytest.mark.parametrize(
    "value",
    [
        catalog(), catalog(1, None, [], "x"), catalog(entry("x", A2A, data=[1])), catalog(entry("x", A2A, data={})),
        catalog({"mediaType": A2A}), catalog({"mediaType": ["x"], "url": {"a": 1}}),
        {"specVersion": "9.9", "entries": [entry("x", MCP, data={"name": 3})]},
    ],
    ids=range(7),
)  # fmt: skip
def test_odd_catalogs_give_a_sentence_each(tmp_path: Path, value: object) -> None:
    for found in in_file(tmp_path, value):
        assert found.problems or found.record is not None
        assert all("\n" not in problem.sentence for problem in found.problems)


def test_catalogs_one_in_the_other_end(tmp_path: Path) -> None:
    value = catalog(entry("deepest", A2A, data=CARD_1_0))
    for number in range(12):
        value = catalog(entry(f"c{number}", NESTED, data=value))
    (found,) = in_file(tmp_path, value)
    assert "more than 4 catalogs, one in the other" in found.problems[0].sentence


@pytest.mark.parametrize("path", ["", WELL_KNOWN, "/lists/agents.json"])
def test_of_a_site_the_entries_are_fetched(path: str) -> None:
    inner = catalog(entry("second", A2A, url="/second.json"))
    value = catalog(entry("first", A2A, url="/first.json"), entry("more", NESTED, url="/inner.json"))
    answers = {"/first.json": CARD_1_0, "/second.json": {**CARD_1_0, "name": "Second"}, "/inner.json": inner}
    with serving({WELL_KNOWN: value, "/lists/agents.json": value, **answers}) as server:
        found = [one for one in read_source(server.address + path) if isinstance(one, Finding)]
    assert [at(one, "name") for one in found] == [CARD_1_0["name"], "Second"]
    assert [one.entry for one in found] == ["urn:example:first", "urn:example:second"]


@pytest.mark.parametrize("path", ["", "/lists/agents.json"])
def test_what_is_left_out_of_a_catalog_or_of_what_it_names_is_told_at_an_address_as_of_a_file(path: str) -> None:
    card = json.dumps(CARD_1_0)[:-1] + ', "twice": 1, "twice": 2}'
    value = json.dumps(catalog(entry("first", A2A, url="/first.json")))[:-1] + ', "seen": 1, "seen": 2}'
    answers = {"/first.json": card.encode(), WELL_KNOWN: value.encode(), "/lists/agents.json": value.encode()}
    with serving(answers) as server:
        (found,) = read_source(server.address + path)
    assert isinstance(found, Finding)
    assert [at(found, "name"), *(key for key in ("seen", "twice") if any(f"{key} " in note for note in found.notes))] == [
        CARD_1_0["name"], "seen", "twice",
    ]  # fmt: skip


def test_nothing_is_sent_to_this_machine_by_a_link_of_somebody_elses() -> None:
    def away(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(302)
        handler.send_header("location", f"{private.address}/secret.json")
        handler.send_header("content-length", "0")
        handler.end_headers()

    with serving({"/secret.json": CARD_1_0}) as private:
        links = [f"{private.address}/secret.json", "/away.json", "http://169.254.169.254/latest", "file:///etc/passwd"]
        value = catalog(*(entry(f"e{number}", A2A, url=link) for number, link in enumerate(links)))
        with serving({WELL_KNOWN: value, "/away.json": away}) as server:
            found = [one for one in read_source(server.address) if isinstance(one, Finding)]
        assert private.asked == []
    assert [at(one, "name") for one in found] == ["e0", "e1", "e2", "e3"]
    told = [" ".join(one.notes) for one in found]
    assert all("private address" in one for one in told[:3]), told
    assert "is not a web address" in told[3]


def test_a_catalog_that_names_itself_comes_to_an_end() -> None:
    value = catalog(entry("again", NESTED, url=WELL_KNOWN), entry("card", A2A, url="/card.json"))
    with serving({WELL_KNOWN: value, "/card.json": CARD_1_0}) as server:
        found = [one for one in read_source(server.address) if isinstance(one, Finding)]
        assert len(server.asked) < 10
    assert any(one.record is not None for one in found)


def test_catalogs_that_name_each_other_over_and_over_are_read_once_each() -> None:
    value = catalog(*(entry(f"again{n}", NESTED, url=f"{WELL_KNOWN}#{n}") for n in range(50)), entry("a", A2A, data={}))
    with serving({WELL_KNOWN: value}) as server:
        found = [one for one in read_source(server.address) if isinstance(one, Finding)]
    assert len(found) == 1


def test_all_catalogs_together_have_no_more_entries_than_one_may_have() -> None:
    parts = {f"/{n}.json": catalog(*[entry("card", A2A, data=CARD_1_0)] * 900) for n in range(4)}
    value = catalog(*(entry(path, NESTED, url=path) for path in parts))
    with serving({WELL_KNOWN: value, **parts}) as server:
        found = [one for one in read_source(server.address) if isinstance(one, Finding)]
    assert len(found) == 2_001
    assert "more than the 2,000 entries" in found[-1].problems[0].sentence


def test_an_address_in_a_catalog_is_read_from_where_that_catalog_lies() -> None:
    inner = catalog(entry("second", "application/json", url="second.json"))
    value = catalog(entry("more", NESTED, url="/lists/inner.json"))
    with serving({WELL_KNOWN: value, "/lists/inner.json": inner, "/lists/second.json": CARD_1_0}) as server:
        (found,) = read_source(server.address)
    assert isinstance(found, Finding)
    assert at(found, "name") == CARD_1_0["name"]


def test_a_host_that_is_away_is_not_asked_for_each_entry_of_a_catalog() -> None:
    def hang_up(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.close_connection = True

    paths = [f"/{n}.json" for n in range(20)]
    value = catalog(*(entry(path, A2A, url=path) for path in paths))
    with serving({WELL_KNOWN: value, **dict.fromkeys(paths, hang_up)}) as server:
        found = [one for one in read_source(server.address) if isinstance(one, Finding)]
        assert len([path for _, path, _ in server.asked if path in paths]) < 4
    assert len(found) == 20
    assert all("hung up" in " ".join(one.notes) for one in found)


def test_a_later_version_in_the_place_of_the_one_before_is_the_same_agent(tmp_path: Path) -> None:
    old, new = (entry("a", A2A, data=CARD_1_0, version=version) for version in ("1.0.0", "2.0.0"))
    assert [one.entry for value in (catalog(old), catalog(new)) for one in in_file(tmp_path, value)] == [
        "urn:example:a"
    ] * 2
    assert [one.entry for one in in_file(tmp_path, catalog(new, old))] == ["urn:example:a 2.0.0", "urn:example:a 1.0.0"]
