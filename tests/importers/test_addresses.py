"""Addresses: what a server answers becomes drafts, and what a hostile one answers becomes one sentence."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.importers.made import at
from tests.importers.serving import send, serving
from tests.importers.test_a2a import CARD_1_0
from tests.importers.test_mcp import SERVER
from tests.importers.test_ollama import SHOW, TAGS
from tui_registry.importers import Finding, SourceError, read_source
from tui_registry.importers.addresses import read_from_address
from tui_registry.importers.fetch import FetchBounds

WELL_KNOWN = "/.well-known/agent-card.json"


def read(address: str) -> list[Finding]:
    found = list(read_source(address))
    assert all(isinstance(finding, Finding) for finding in found)
    return [finding for finding in found if isinstance(finding, Finding)]


def refused(address: str, bounds: FetchBounds | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        list(read_from_address(address, None, bounds))
    assert "\n" not in caught.value.sentence
    return caught.value.sentence


# ---- what is found -------------------------------------------------------------------------------------------------


def test_what_an_address_gives_is_named_by_its_place_and_its_name_there() -> None:
    both = [CARD_1_0, {**CARD_1_0, "name": "Another"}]
    own = {"kind": "model", "name": "ours"}
    with serving({WELL_KNOWN: CARD_1_0, "/two.json": both, "/api/tags": TAGS, "/own.json": own}) as server:
        host = server.address
        places = {
            path: [(one.place, one.entry) for one in read(host + path)] for path in ("", "/two.json", "/api/tags")
        }
        (alone,) = read(f"{host}/own.json")
    assert places == {
        "": [("", "")],  # its source is the card's address
        "/two.json": [(f"{host}/two.json", None)] * 2,
        "/api/tags": [(host, "gemma3:4b"), (host, "nomic-embed-text:latest")],
    }
    assert (alone.source, alone.place, alone.entry) == (f"{host}/own.json", "", "")


@pytest.mark.parametrize("path", ["", "/", WELL_KNOWN])
def test_an_agent_is_known_by_its_host_alone(path: str) -> None:
    with serving({WELL_KNOWN: CARD_1_0}) as server:
        (found,) = read(server.address + path)
    assert (found.kind, at(found, "name")) == ("agent", CARD_1_0["name"])
    assert found.source == server.address + WELL_KNOWN


@pytest.mark.parametrize("path", ["", "/api/tags"])
def test_an_ollama_server_gives_a_draft_for_each_of_its_models(path: str) -> None:
    def show(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        known = json.loads(body) == {"model": "gemma3:4b"}
        send(handler, json.dumps(SHOW).encode() if known else b"{}", status=200 if known else 404)

    with serving({"/api/tags": TAGS, "/api/show": show}) as server:
        first, second = read(server.address + path)
    assert (at(first, "name"), at(first, "parameters")) == ("gemma3:4b", 4_299_915_632)
    digest = TAGS["models"][0]["digest"]
    repository = "its repository is ollama://gemma3:4b, by its name: take that out if it was never pushed there"
    assert first.notes == (repository, f"no field holds what is stated here too: digest {digest}")
    # The server did not show the second one: what the list says is there all the same.
    assert (at(second, "name"), at(second, "quantization")) == ("nomic-embed-text", "FP16")
    assert any("/api/show was not read" in note for note in second.notes)


def test_a_server_that_shows_without_end_costs_no_more_than_the_bound() -> None:
    many = {"models": [{"name": f"m{number}", "digest": "x"} for number in range(40)]}
    with serving({"/api/tags": many, "/api/show": {"license": "x" * 50_000}}) as server:
        found = list(read_from_address(server.address, None, FetchBounds(total_bytes=500_000)))
    assert len(found) == 40
    assert 0 < sum("/api/show was not read" in note for one in found for note in one.notes) < 40


def test_any_description_can_lie_at_a_path_of_its_own() -> None:
    card = b"---\nlicense: mit\n---\n# A card\n\nThe first paragraph of a card that lies on a server.\n"
    answers = {
        "/server.json": SERVER,
        "/README.md": card,
        "/record.json": {"kind": "model", "record": {"name": "ours"}},
        "/many.json": [{"kind": "model", "name": "a"}, {"kind": "agent", "name": "b"}],
    }
    with serving(answers) as server:
        names = {path: [at(found, "name") for found in read(server.address + path)] for path in answers}
    assert names == {
        "/server.json": ["Brave Search"], "/README.md": ["A card"], "/record.json": ["ours"], "/many.json": ["a", "b"],
    }  # fmt: skip


def test_a_description_of_the_other_kind_is_refused() -> None:
    with serving({"/server.json": SERVER}) as server:
        (found,) = read_source(f"{server.address}/server.json", "model")
    assert isinstance(found, Finding)
    assert found.record is None
    assert found.problems[0].sentence == "describes an agent, not a model"


def test_a_redirect_on_the_same_server_is_followed() -> None:
    def moved(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        send(handler, b"", status=302, headers={"location": "/new.json"})

    with serving({"/old.json": moved, "/new.json": SERVER}) as server:
        assert len(read(server.address + "/old.json")) == 1


# ---- what is refused -----------------------------------------------------------------------------------------------


def test_a_redirect_to_another_server_is_not_followed() -> None:
    with serving({"/x": SERVER}) as other:

        def moved(handler: BaseHTTPRequestHandler, _: bytes) -> None:
            send(handler, b"", status=302, headers={"location": f"{other.address}/x"})

        with serving({"/x": moved}) as server:
            assert "redirects to another place" in refused(f"{server.address}/x")
        assert other.asked == []


def test_redirects_in_a_circle_come_to_an_end() -> None:
    def again(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        send(handler, b"", status=302, headers={"location": "/x"})

    with serving({"/x": again}) as server:
        assert "too many redirects" in refused(f"{server.address}/x")


def endless(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" " * 65_536)
    except OSError:
        pass  # the reader has had enough


def packed(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    send(handler, gzip.compress(b" " * 10_000_000), headers={"content-encoding": "gzip"})


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (endless, "answers with more than 100,000 bytes"),
        (packed, "compresses its answer"),
        (b"<!DOCTYPE html><title>x</title>", "is a web page"),
        (b"GGUF\x03\x00\x00\x00", "is a binary file: download it"),
        (b'{"a": ', "is not JSON"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"[" * 50_000, "nested deeper"),
        (b'{"name": "\xff"}', "not UTF-8"),
        (b"", "is empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_one_sentence(answer: Any, part: str) -> None:
    with serving({"/x.json": answer}) as server:
        assert part in refused(f"{server.address}/x.json", FetchBounds(bytes=100_000))


def test_a_server_that_never_finishes_is_given_up_on() -> None:
    over = threading.Event()

    def silent(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"{")
        over.wait(30)

    with serving({"/x": silent}) as server:
        try:
            sentence = refused(f"{server.address}/x", FetchBounds(seconds=0.2))
        finally:
            over.set()
    assert "did not answer within 0.2 s" in sentence


def test_a_host_without_any_description_says_what_was_looked_for_and_in_which_order() -> None:
    with serving({}) as server:
        sentence = refused(server.address)
        asked = [path.partition("?")[0] for _, path, _ in server.asked]
    catalog = "/.well-known/ai-catalog.json"
    sought = (
        f"an AI Catalog ({catalog}) nor an MCP registry (/v0.1/servers) nor an agent card ({WELL_KNOWN}) "
        "nor an Ollama server (/api/tags)"
    )
    assert sentence.endswith(f"has neither {sought}")
    assert asked == [catalog, "/v0.1/servers", "/v0/servers", WELL_KNOWN, "/.well-known/agent.json", "/api/tags"]


def test_a_card_that_cannot_be_read_is_told_among_what_was_looked_for() -> None:
    with serving({WELL_KNOWN: b'{"name": '}) as server:
        sentence = refused(server.address)
    assert "has neither an AI Catalog" in sentence
    assert f"({server.address}{WELL_KNOWN}: agent-card.json" in sentence


@pytest.mark.parametrize(
    ("length", "said"),
    [
        ("7000000000", "hung up before its answer was whole"),
        ("-1", "does not speak HTTP"),
        ("x", "does not speak HTTP"),
    ],
)
def test_a_length_that_is_a_lie_is_one_sentence(length: str, said: str) -> None:
    def lies(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        send(handler, b'{"name"', headers={"content-length": length})

    with serving({"/x.json": lies}) as server:
        assert said in refused(f"{server.address}/x.json")


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><title>x</title>", None])
def test_below_a_path_the_same_is_looked_for_in_the_same_order(page: bytes | None) -> None:
    with serving({"/team": page}) as server:
        sentence = refused(f"{server.address}/team")
    places = ("/team/v0.1/servers", f"/team{WELL_KNOWN}", "/api/models", "/team/api/tags")
    assert sentence.startswith(f"{server.address}/team " + ("answers with status 404" if page is None else "is a web"))
    assert sorted(map(sentence.index, places)) == list(map(sentence.index, places))


def test_an_ollama_server_below_a_path_is_found_with_what_it_shows() -> None:
    with serving({"/llm/api/tags": TAGS, "/llm/api/show": SHOW}) as server:
        first, _ = read(f"{server.address}/llm")
    assert at(first, "parameters") == 4_299_915_632


def test_a_missing_file_is_not_looked_for_below_itself() -> None:
    with serving({}) as server:
        refused(f"{server.address}/nothing.json")
        assert len(server.asked) == 1


def test_what_programs_write_is_read_at_an_address_as_it_is_in_a_file() -> None:
    card = (
        b'{"name": "a", "skills": [], "protocolVersion": "0.3.0", "description": "\xe9t\xe9", "x": NaN, "version": 1}'
    )
    servers = b'{"servers": [{"server": {"name": "a/b", "remotes": [], "status": "active", "status": "deleted"}}]}'
    pages = {WELL_KNOWN: card, "/card.json": card, "/v/v0.1/servers?version=latest&limit=100": servers}
    with serving(pages) as server:
        for path in ("", "/card.json"):
            (found,) = read(server.address + path)
            assert at(found, "description") == "\xe9t\xe9"
            assert any("Latin-1" in note for note in found.notes)
        (found,) = read(f"{server.address}/v")
    assert "status is given twice with different values, so it was left out" in found.notes


def test_a_closed_port_and_a_missing_page_are_told_apart() -> None:
    with serving({}) as server:
        assert "status 404" in refused(f"{server.address}/nothing.json")
    assert "127.0.0.1: connection refused" in refused(server.address)  # closed by now


@pytest.mark.parametrize(
    ("address", "part"),
    [
        ("http://", "is not a web address"),
        ("http://[", "is not a web address"),
        ("localhost:99999", "is not a web address"),
        ("http://127.0.0.1:0/", "is not a web address"),
        ("http://user:secret@127.0.0.1/", "leave it out"),
        ("https://exa mple/\x1b[31m", "is not a web address"),
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_secrets(address: str, part: str) -> None:
    sentence = refused(address)
    assert part in sentence
    assert "secret" not in sentence
    assert "\x1b" not in sentence
