"""MCP's server.json: today's camelCase, the snake_case before it, and the registry's wrapping."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at
from tests.importers.serving import send, serving
from tui_registry.importers import CutShortError, Finding, SourceError, read_source
from tui_registry.importers.addresses import read_from_address
from tui_registry.importers.fetch import FetchBounds
from tui_registry.importers.mcp import read_document, read_server, servers_in
from tui_registry.records.authoring import check

SERVER: dict[str, Any] = {
    "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    "name": "io.modelcontextprotocol.anonymous/brave-search",
    "title": "Brave Search",
    "description": "MCP server for the Brave Search API",
    "repository": {"url": "https://github.com/modelcontextprotocol/servers", "source": "github"},
    "version": "1.0.2",
    "websiteUrl": "https://example.com",
    "packages": [
        {
            "registryType": "npm",
            "identifier": "@modelcontextprotocol/server-brave-search",
            "version": "1.0.2",
            "runtimeHint": "npx",
            "transport": {"type": "stdio"},
            "environmentVariables": [{"name": "BRAVE_API_KEY", "isRequired": True, "isSecret": True}],
        }
    ],
    "remotes": [{"type": "streamable-http", "url": "https://mcp.example.com/http"}],
}
SNAKE: dict[str, Any] = {
    "name": "io.github.example/weather-mcp",
    "description": "Python MCP server for weather data",
    "version_detail": {"version": "0.5.0"},
    "status": "deprecated",
    "packages": [
        {
            "registry_type": "pypi",
            "identifier": "weather-mcp-server",
            "version": "0.5.0",
            "runtime_hint": "uvx",
            "environment_variables": [{"name": "WEATHER_API_KEY", "is_required": True, "is_secret": True}],
        }
    ],
    "remotes": [{"transport_type": "sse", "url": "https://mcp.example.com/sse"}],
}


def test_a_server_is_an_agent_whose_tool_it_is() -> None:
    found = read_server(SERVER, "server.json").finding()
    assert found.problems == ()
    expected = {
        "name": "Brave Search",
        "version": "1.0.2",
        "agent_type": {"Other": "MCP server"},
        "framework": "CustomJS",
        "tools": ["io.modelcontextprotocol.anonymous/brave-search"],
        "tags": ["mcp", "npm"],
        "capabilities": ["stdio", "streamable-http"],
    }
    assert {path: at(found, path) for path in expected} == expected
    assert at(found, "description").splitlines()[2:] == [
        "Package: npm @modelcontextprotocol/server-brave-search 1.0.2 (npx)",
        "Remote: https://mcp.example.com/http (streamable-http)",
        "Repository: https://github.com/modelcontextprotocol/servers",
        "Website: https://example.com",
    ]
    assert "it needs to be given BRAVE_API_KEY (secret)" in found.notes


def test_the_older_names_are_read_too() -> None:
    found = read_server(SNAKE, "server.json").finding()
    assert (at(found, "name"), at(found, "version")) == ("io.github.example/weather-mcp", "0.5.0")
    assert at(found, "framework") == "CustomPython"
    assert at(found, "capabilities") == ["sse"]
    assert "its status is deprecated" in found.notes
    assert "it needs to be given WEATHER_API_KEY (secret)" in found.notes


def test_tools_that_a_publisher_lists_are_taken() -> None:
    meta: dict[str, Any] = {
        "io.modelcontextprotocol.registry/publisher-provided": {"tools": [{"name": "search"}, {"name": "news"}]}
    }
    found = read_server({**SERVER, "_meta": meta}, "x").finding()
    assert at(found, "tools") == ["search", "news"]
    assert not any("lists no tools" in note for note in found.notes)


def test_the_answers_of_the_registry_are_unwrapped(tmp_path: Path) -> None:
    wrapped = {"servers": [{"server": SERVER, "_meta": {}}, {"server": SNAKE}], "metadata": {"count": 2}}
    (tmp_path / "page.json").write_text(json.dumps(wrapped))
    found = list(read_source(tmp_path / "page.json"))
    assert [at(one, "version") for one in found if isinstance(one, Finding)] == ["1.0.2", "0.5.0"]
    assert servers_in({"server": SERVER}) == [{"server": SERVER}]


@pytest.mark.parametrize(
    "change", [{"packages": 3}, {"packages": [{"identifier": 3}]}, {"remotes": [{}]}, {"_meta": 3}, {"version": None},
               {"repository": "x", "title": "\x00"}]
)  # fmt: skip
def test_odd_values_still_give_a_draft_that_can_be_registered(change: Any) -> None:
    found = read_server({**SERVER, **change}, "x").finding()
    assert found.record is not None, found.problems
    assert [p.path for p in check("agent", found.record) if p.severity == "error"] == []


def test_other_documents_are_no_servers() -> None:
    assert servers_in({"name": "left-pad", "version": "1.0.0"}) == []
    assert servers_in({"name": "a/b", "version": "1.0.0"}) == []
    assert servers_in({"servers": ["a"]}) == []
    assert servers_in([SERVER]) == []


def server(number: int, **more: Any) -> dict[str, Any]:
    return {**SNAKE, "name": f"io.github.example/s{number}", "version_detail": {"version": "1.0.0"}, **more}


def test_one_bad_entry_does_not_refuse_the_list(tmp_path: Path) -> None:
    bare = {"name": "io.github.me/b", "description": "d", "repository": {"url": "https://github.com/me/b"}}
    entries = [{"server": server(1)}, {"server": bare}, {"server": {}}, {"server": server(2)}]
    (tmp_path / "page.json").write_text(json.dumps({"servers": entries, "metadata": {"nextCursor": "c:1"}}))
    found = [one for one in read_source(tmp_path / "page.json") if isinstance(one, Finding)]
    assert [one.record is not None for one in found] == [True, False, False, True]
    assert found[1].problems[0].sentence.startswith("io.github.me/b states neither packages nor remotes")
    assert any("goes on at the cursor c:1" in note for note in found[0].notes)


def test_a_list_of_thousands_is_read_whole_and_what_has_no_place_is_noted(tmp_path: Path) -> None:
    more = {"icons": [{"src": "https://x/i.png"}], "packages": [{"identifier": "p", "fileSha256": "ab" * 32}]}
    entries = [{"server": {"name": f"a/{number}", **more}} for number in range(1_200)]
    (tmp_path / "page.json").write_text(json.dumps({"servers": entries}))
    found = [one for one in read_source(tmp_path / "page.json") if isinstance(one, Finding)]
    assert len(found) == 1_200
    said = f"icons (1); sha256 of a package {'ab' * 32}"
    assert f"no field holds what is stated here too: {said}" in found[-1].notes


def test_an_array_of_servers_cards_and_our_own_is_read(tmp_path: Path) -> None:
    from tests.importers.test_a2a import CARD_1_0

    own = {"kind": "model", "name": "mine", "license": "MIT"}
    (tmp_path / "all.json").write_text(json.dumps([server(1), CARD_1_0, own, {"q": 1}]))
    found = [one for one in read_source(tmp_path / "all.json") if isinstance(one, Finding)]
    assert [one.kind for one in found] == ["agent", "agent", "model", None]
    assert [one.source.rpartition("[")[2] for one in found] == ["0]", "1]", "2]", "3]"]


def test_what_a_registry_and_a_publisher_say_is_read() -> None:
    entry = {
        "server": server(1, license="Apache-2.0", keywords=["search"], status=None),
        "_meta": {"io.modelcontextprotocol.registry/official": {
            "status": "deleted", "statusMessage": "spam", "isLatest": False}},
    }  # fmt: skip
    (given,) = read_document({"servers": [entry]}, "x", "") or ()
    found = given.finding()
    assert at(found, "license") == "Apache-2.0"
    assert "search" in at(found, "tags")
    assert "its status is deleted: spam" in found.notes
    assert "the registry has a later version of it" in found.notes


def test_required_variables_of_remotes_are_told() -> None:
    remote = {"type": "sse", "url": "https://{tenant}.x/{path}", "variables": {
        "tenant": {"isRequired": True}, "path": {"default": "a"}, "key": {"isSecret": True}}}  # fmt: skip
    found = read_server({"name": "a/b", "remotes": [remote]}, "x").finding()
    assert "it needs to be given tenant, key (secret)" in found.notes


def test_a_registry_is_read_page_after_page_by_its_address() -> None:
    first = "/v0.1/servers?version=latest&limit=100"
    pages = {
        first: {"servers": [{"server": server(1)}], "metadata": {"nextCursor": "a/b:1"}},
        f"{first}&cursor=a%2Fb%3A1": {"servers": [{"server": server(2)}], "metadata": {}},
    }
    with serving(pages) as host:
        found = [one for one in read_source(host.address) if isinstance(one, Finding)]
        assert [at(one, "name") for one in found] == ["io.github.example/s1", "io.github.example/s2"]
        (again,) = [path for _, path, _ in host.asked if "cursor" in path]
        assert again.endswith("cursor=a%2Fb%3A1")


def test_the_api_before_todays_is_found_and_the_whole_list_has_one_source() -> None:
    first = "/sub/v0/servers?version=latest&limit=100"
    pages = {
        first: {"servers": [{"server": server(1)}], "metadata": {"nextCursor": "c"}},
        f"{first}&cursor=c": {"servers": [{"server": server(2)}]},
    }
    with serving(pages) as host:
        found = [one for one in read_source(f"{host.address}/sub") if isinstance(one, Finding)]
        where = f"{host.address}{first}"
    assert [one.source for one in found] == [f"{where} io.github.example/s1", f"{where} io.github.example/s2"]
    assert {one.place for one in found} == {f"{host.address}/sub"}
    assert [one.entry for one in found] == ["io.github.example/s1", "io.github.example/s2"]


def test_a_registry_without_servers_is_an_empty_list() -> None:
    with serving({"/v0.1/servers?version=latest&limit=100": {"servers": [], "metadata": {"count": 0}}}) as host:
        assert list(read_source(host.address)) == []


# ---- lists that break off ------------------------------------------------------------------------------------------

FIRST = "/v0.1/servers?version=latest&limit=100"


def cut_short(address: str, after: str = "", bounds: FetchBounds | None = None) -> tuple[list[str], CutShortError]:
    """The names that were read of a list, and what ended it."""
    names: list[str] = []
    with pytest.raises(CutShortError) as caught:
        for one in read_from_address(address, bounds=bounds, after=after):
            names.append(at(one, "name"))
    return names, caught.value


def goes_on(number: int, cursor: str) -> dict[str, Any]:
    return {"servers": [{"server": server(number)}], "metadata": {"nextCursor": cursor}}


def broken(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    send(handler, b"", status=503)


@pytest.mark.parametrize(
    ("second", "part"),
    [
        (broken, "answers with status 503"),
        (b"<html>", "is not there"),
        (b"[" * 1_000_000, "nested deeper"),
        ({"servers": "none"}, "is not there"),
        (goes_on(2, "a b"), "go round in circles"),
    ],
)
def test_a_registry_that_breaks_off_is_read_as_far_as_it_goes_and_says_how_to_go_on(second: Any, part: str) -> None:
    answers = {FIRST: goes_on(1, "a b"), f"{FIRST}&cursor=a+b": second, f"{FIRST}&cursor=a%20b": second}
    with serving(answers) as host:
        names, error = cut_short(host.address)
        assert names[0] == "io.github.example/s1"
        assert part in error.sentence
        if len(names) == 1:
            assert error.sentence.endswith("1 was read before that; to go on there: --after 'a b'")
        answers.update({f"{FIRST}&cursor=a%20b": {"servers": [{"server": server(3)}]}})
        answers.update({f"{FIRST}&cursor=a+b": {"servers": [{"server": server(3)}]}})
        rest = [one for one in read_source(host.address, after="a b") if isinstance(one, Finding)]
    assert [at(one, "name") for one in rest] == ["io.github.example/s3"]
    # The same server is the same, on whichever page it stands and with whichever run it was read
    assert (rest[0].place, rest[0].entry) == (host.address, "io.github.example/s3")


def test_a_registry_without_end_is_read_up_to_a_bound() -> None:
    def endless(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        number = int(handler.path.rpartition("cursor=")[2] or 0) if "cursor=" in handler.path else 0
        send(handler, json.dumps(goes_on(number, str(number + 1))).encode())

    class Anywhere(dict[str, Any]):
        def get(self, path: str, otherwise: Any = None) -> Any:
            return endless

    with serving(Anywhere()) as host:
        names, error = cut_short(host.address, bounds=FetchBounds(pages=4))
        assert len(names) == 4
        assert "more than the 4 pages" in error.sentence
        assert error.sentence.endswith("--after 4")
        names, error = cut_short(host.address, bounds=FetchBounds(all_seconds=0.3))
        assert names
        assert "altogether" in error.sentence or "did not answer" in error.sentence


def test_what_stands_on_two_pages_of_a_list_is_one() -> None:
    pages = {
        FIRST: {"servers": [{"server": server(1)}, {"server": server(2)}], "metadata": {"nextCursor": "c"}},
        f"{FIRST}&cursor=c": {"servers": [{"server": server(2)}, {"server": server(3)}]},
    }
    with serving(pages) as host:
        found = [one.entry for one in read_source(host.address) if isinstance(one, Finding)]
    assert [(one or "")[-2:] for one in found] == ["s1", "s2", "s3"]


def test_a_cursor_that_cannot_be_typed_is_not_told_and_one_of_a_shell_is_quoted() -> None:
    for cursor, told in (
        ("\x1b[31m", "read before that"),
        ("$(x)", "--after '$(x)'"),
        ("'; x", "--after ''\"'\"'; x'"),
    ):
        with serving({FIRST: goes_on(1, cursor)}) as host:
            _, error = cut_short(host.address)
        assert error.sentence.endswith(told)


def test_how_far_a_list_is_is_told_as_it_is_read() -> None:
    told: list[str] = []
    pages = {FIRST: goes_on(1, "c"), f"{FIRST}&cursor=c": {"servers": [{"server": server(2)}]}}
    with serving(pages) as host:
        assert len(list(read_source(host.address, tell=told.append))) == 2
    assert told[-2:] == ["asking 127.0.0.1 for an MCP registry", "1 entry of 127.0.0.1 read, asking for more"]


def test_where_nothing_comes_in_pages_a_cursor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text(json.dumps(SERVER))
    with serving({"/server.json": SERVER}) as host:
        for source in (str(tmp_path), f"{host.address}/server.json", f"{host.address}/x.gguf"):
            with pytest.raises(SourceError) as caught:
                list(read_source(source, after="c"))
            assert caught.value.sentence.endswith("is no list that comes in pages: leave out --after")
