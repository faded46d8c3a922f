"""A2A agent cards of versions 0.3 and 1.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at
from tests.importers.serving import serving
from tui_registry.importers import Finding, is_address, read_source
from tui_registry.importers.a2a import is_agent_card, read_agent_card
from tui_registry.records.authoring import check

CARD_0_3: dict[str, Any] = {
    "protocolVersion": "0.3.0",
    "name": "Route Planner",
    "description": "Plans routes and draws maps of them.",
    "url": "https://routes.example.com/a2a/v1",
    "preferredTransport": "JSONRPC",
    "additionalInterfaces": [{"url": "https://routes.example.com/grpc", "transport": "GRPC"}],
    "provider": {"organization": "Example Maps", "url": "https://example.com"},
    "version": "1.2.0",
    "documentationUrl": "https://docs.example.com",
    "capabilities": {"streaming": True, "pushNotifications": False},
    "securitySchemes": {"google": {"type": "openIdConnect"}},
    "defaultInputModes": ["application/json", "text/plain"],
    "defaultOutputModes": ["image/png"],
    "skills": [
        {
            "id": "route-optimizer",
            "name": "Route optimiser",
            "description": "Finds the best route",
            "tags": ["maps", "Route Planning"],
        },
        {"id": "2f0f1b9e-6a3c-4d2e-8f10-000000000000", "name": "Map maker", "description": "", "tags": ["maps"]},
    ],
    "supportsAuthenticatedExtendedCard": True,
}
CARD_1_0: dict[str, Any] = {
    "name": "Recipe Agent",
    "description": "Helps with recipes and cooking.",
    "supportedInterfaces": [
        {"url": "https://api.example.com/a2a/v1", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        {"url": "https://api.example.com/rest", "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
    ],
    "version": "2.0",
    "capabilities": {"streaming": True, "pushNotifications": True, "extendedAgentCard": False},
    "defaultInputModes": ["text/plain"],
    "defaultOutputModes": ["text/plain"],
    "skills": [{"id": "find_recipe", "name": "Find a recipe", "description": "By ingredients", "tags": ["cooking"]}],
    "signatures": [{"protected": "e30", "signature": "AAAA"}],
}


def test_a_card_of_0_3_gives_a_draft_that_says_where_the_agent_is_reached() -> None:
    found = read_agent_card(CARD_0_3, "card.json").finding()
    assert found.problems == ()
    assert (at(found, "name"), at(found, "version")) == ("Route Planner", "1.2.0")
    assert at(found, "description").splitlines() == [
        "Plans routes and draws maps of them.",
        "",
        "Interface: https://routes.example.com/a2a/v1 (JSONRPC A2A 0.3.0)",
        "Interface: https://routes.example.com/grpc (GRPC A2A 0.3.0)",
        "",
        "Provider: Example Maps",
        "Documentation: https://docs.example.com",
    ]
    assert at(found, "capabilities") == ["route-optimizer", "Map maker", "streaming"]
    assert at(found, "tags") == ["maps", "route-planning"]
    assert at(found, "compatible_model_types") == ["LLM", "Multimodal"]
    assert "the agent asks for credentials (google)" in found.notes


def test_a_card_of_0_2_is_read_too() -> None:
    card = {
        "name": "Recipes", "description": "Finds recipes.", "url": "https://recipes.example.com/a2a", "version": "1.0.0",
        "provider": {"organization": "Lab"}, "authentication": {"schemes": ["bearer"]},
        "capabilities": {"streaming": True, "pushNotifications": False}, "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"], "skills": [{"id": "find", "name": "Find", "tags": ["food"]}],
    }  # fmt: skip
    assert is_agent_card(card)
    found = read_agent_card(card, "agent.json").finding()
    assert found.problems == ()
    assert (at(found, "name"), at(found, "capabilities"), at(found, "tags")) == (
        "Recipes", ["find", "streaming"], ["food"],
    )  # fmt: skip
    assert isinstance(found.manifest, dict)
    assert [one["url"] for one in found.manifest["interfaces"]] == ["https://recipes.example.com/a2a"]


def test_a_card_of_1_0_gives_the_same_fields() -> None:
    found = read_agent_card(CARD_1_0, "card.json").finding()
    assert at(found, "version") == "2.0.0"
    assert "Interface: https://api.example.com/rest (HTTP+JSON A2A 1.0)" in at(found, "description")
    assert at(found, "capabilities") == ["find_recipe", "streaming", "push-notifications"]
    assert at(found, "compatible_model_types") == ["LLM"]
    assert any(note.startswith("the card is signed, by nobody known here") for note in found.notes)


def test_an_agent_without_a_stated_licence_is_ready_and_warned_of() -> None:
    for card in (CARD_0_3, CARD_1_0):
        record = read_agent_card(card, "x").finding().record
        assert record is not None
        assert [(problem.severity, problem.code) for problem in check("agent", record)] == [
            ("warning", "license_unstated")
        ]
        assert check("agent", {**record, "license": "MIT"}) == []


@pytest.mark.parametrize("card", [CARD_0_3, CARD_1_0], ids=["0.3", "1.0"])
def test_a_card_in_a_file_is_known_by_its_content(tmp_path: Path, card: Any) -> None:
    (tmp_path / "whatever.txt").write_text(json.dumps(card, indent=1))
    (found,) = read_source(tmp_path / "whatever.txt")
    assert isinstance(found, Finding)
    assert (found.kind, at(found, "name")) == ("agent", card["name"])
    (again,) = read_source(tmp_path)
    assert isinstance(again, Finding)


@pytest.mark.parametrize(
    "change",
    [
        {"skills": [None, 3, {"tags": 4}, {"id": None, "name": ["x"]}]},
        {"capabilities": []},
        {"version": "latest", "supportedInterfaces": [{"url": 4}], "securitySchemes": []},
        {"description": "\x00\ud800", "name": "n\x00"},
        {"skills": [{"id": f"s{n}", "name": "x" * 300, "tags": ["t" * 300] * 3} for n in range(500)]},
        {"description": "d" * 100_000},
    ],
)
def test_a_card_with_odd_values_still_gives_a_draft(change: Any) -> None:
    found = read_agent_card({**CARD_1_0, **change}, "x").finding()
    assert found.problems == ()
    assert found.record is not None
    assert [p.path for p in check("agent", found.record) if p.severity == "error"] == []


def test_what_was_cut_or_left_out_is_noted() -> None:
    found = read_agent_card({**CARD_1_0, "description": "d" * 100_000, "version": "latest"}, "x").finding()
    assert any("description: cut to 10,000" in note for note in found.notes)
    assert any("the version latest is not SemVer" in note for note in found.notes)


def test_what_of_a_card_has_no_place_and_what_is_beyond_the_bounds_is_noted() -> None:
    skills = [{"id": f"skill{n}", "name": "x", "tags": [f"t{n}", f"u{n}"]} for n in range(20_000)]
    able = {"extensions": [{"uri": "urn:a"}, {"uri": "urn:b"}]}
    more = {"iconUrl": "https://x/i.png", "x-team": "one", "capabilities": able, "skills": skills}
    found = read_agent_card({**CARD_1_0, **more}, "x").finding()
    assert "only the first 512 of 20,000 skills were read" in found.notes
    said = "iconUrl https://x/i.png; x-team one; extensions urn:a, urn:b"
    assert f"no field holds what is stated here too: {said}" in found.notes


def test_other_documents_are_no_cards() -> None:
    assert not is_agent_card({"name": "left-pad", "version": "1.0.0"})
    assert not is_agent_card({"name": "x", "skills": []})
    assert not is_agent_card([CARD_1_0])


def test_a_card_in_a_well_known_folder_is_read(tmp_path: Path) -> None:
    for hidden in (".well-known", ".git"):
        (tmp_path / hidden).mkdir()
        (tmp_path / hidden / "agent-card.json").write_text(json.dumps(CARD_1_0))
    (found,) = read_source(tmp_path)
    assert isinstance(found, Finding)
    assert found.source.endswith(".well-known/agent-card.json")


@pytest.mark.parametrize("place", ["/.well-known/agent.json", "/teams/one/.well-known/agent-card.json"])
def test_a_card_is_found_at_its_former_place_and_below_a_path(place: str) -> None:
    with serving({place: CARD_1_0}) as host:
        (found,) = read_source(host.address + place.partition("/.well-known")[0])
    assert isinstance(found, Finding)
    assert at(found, "name") == "Recipe Agent"


def test_what_else_a_host_answers_with_hides_no_card_at_its_former_place() -> None:
    with serving({"/.well-known/agent-card.json": {}, "/.well-known/agent.json": CARD_0_3}) as host:
        (found,) = read_source(host.address)
    assert isinstance(found, Finding)
    assert found.record is not None


def test_a_host_and_port_without_a_scheme_are_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"/.well-known/agent-card.json": CARD_1_0}) as host:
        (found,) = read_source(host.address.removeprefix("http://"))
    assert isinstance(found, Finding)
    assert is_address("localhost:11434")
    assert not is_address("C:\\models")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "localhost:11434").write_text("{}")
    assert not is_address("localhost:11434")
