"""Agent cards: as A2A 1.0 defines them, and what comes back of them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import tui_registry
from tests.importers.made import at
from tui_registry.errors import Json, Record
from tui_registry.importers.a2a import is_agent_card, read_agent_card
from tui_registry.records.schema import FIELDS, MANIFEST_FIELDS, defaults
from tui_registry.tongues.a2a_card import EXTENSION, MEDIA_TYPE, NOT_SAID, agent_card

OWNER, AGENT, HEAD = "1" * 40, "a" * 64, "b" * 64
PAGE = Path(tui_registry.__file__).with_name("tongues.md").read_text()
# Set by whoever signs; and what a table of losses says in words.
SIGNED = {"agent_id", "owner_id", "created_at", "updated_at"}
SET_THERE = {"manifest_id", "owner_id", "subject_id", "subject_kind", "subject_name", "created_at", "updated_at"}


def agent(**given: Json) -> Record:
    return {
        **defaults("agent"), "agent_id": AGENT, "owner_id": OWNER, "name": "Route planner", "version": "1.2.0",
        "description": "Plans routes.", "license": "MIT", "tags": ["maps"], "capabilities": ["tool-calling", "c++ 2024"],
        **given,
    }  # fmt: skip


def interface(url: str, protocol: Json = "A2A", version: str = "1.0") -> Record:
    return {"url": url, "protocol": protocol, "version": version}


def manifest(*interfaces: Record, **given: Json) -> Record:
    return {**defaults("manifest"), "interfaces": [*interfaces], **given}


def made(record: Record, behind: Record) -> dict[str, Any]:
    card = agent_card(record, behind, [HEAD])
    assert card is not None
    return card


@cache
def messages() -> dict[str, list[tuple[str, str, str, str]]]:
    """The messages of the frozen a2a.proto: of each field whether it is repeated, type, name in JSON, and behaviour."""
    text = Path(__file__).with_name("a2a_card.proto").read_text()
    found = {}
    for name, body in re.findall(r"message (\w+) \{\n(.*?)\n\}", text, re.DOTALL):
        fields = re.findall(r"(repeated |optional )?([\w.]+|map<[^>]+>) (\w+) = \d+( \[[^\]]*\][^;]*)?;", body)
        found[name] = [
            (label.strip(), of, re.sub(r"_(\w)", lambda match: match[1].upper(), field), more)
            for label, of, field, more in fields
        ]
    return found


def conforms(value: Any, message: str) -> None:
    """Whether an object is that message in ProtoJSON: its members are the message's, those that are REQUIRED are there,
    and each is of its type."""
    known = {name: (label, of, more) for label, of, name, more in messages()[message]}
    assert isinstance(value, dict)
    assert value.keys() <= known.keys()
    for name, (label, of, more) in known.items():
        if name not in value:
            assert "REQUIRED" not in more, (message, name)
            continue
        items = value[name] if label == "repeated" else [value[name]]
        assert isinstance(items, list)
        for item in items:
            if of in messages():
                conforms(item, of)
            elif of in ("string", "bool"):
                assert isinstance(item, str if of == "string" else bool), (message, name)
            else:
                assert (of, type(item)) == ("google.protobuf.Struct", dict), (message, name)


def test_a_card_is_what_the_protocol_defines() -> None:
    assert len(messages()["AgentCard"]) == 14
    behind = manifest(interface("https://a.example/a2a"), documentation_url="https://a.example/doc")
    conforms(made(agent(), behind), "AgentCard")
    conforms(made(agent(capabilities=[], tags=[], description="", version=""), behind), "AgentCard")
    conforms(made(agent(capabilities=["streaming", "x", "x", "\u202e\ud7ff"]), behind), "AgentCard")
    with pytest.raises(AssertionError):
        conforms({"name": 1}, "AgentCard")


def test_the_official_sdk_reads_a_card() -> None:
    types: Any = pytest.importorskip("a2a.types")
    json_format: Any = pytest.importorskip("google.protobuf.json_format")
    card = made(agent(capabilities=["streaming", "c++"]), manifest(interface("https://a.example/a2a", version="")))
    read = json_format.ParseDict(card, types.AgentCard())
    assert (read.name, read.supported_interfaces[0].protocol_version) == ("Route planner", "1.0")
    assert json_format.MessageToDict(read)["skills"] == card["skills"]


@pytest.mark.parametrize(
    "behind",
    [
        None,
        manifest(),
        manifest(interface("https://a.example/mcp", "MCP"), interface("https://a.example", {"Other": "A2A"})),
        manifest(
            interface("javascript:alert(1)"), interface("git+https://a.example/x"), interface("https://u@a.example")
        ),
    ],
)
def test_an_agent_without_an_address_for_a2a_has_no_card(behind: Record | None) -> None:
    assert agent_card(agent(), behind, [HEAD]) is None


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "https://u:p@a.example/"])
def test_a_card_names_no_address_that_nobody_should_follow(url: str) -> None:
    card = made(agent(), manifest(interface(url), interface("https://a.example/a2a"), documentation_url=url))
    assert url not in json.dumps(card)


def test_the_extension_says_which_record_it_is() -> None:
    card = made(agent(), manifest(interface("https://a.example/a2a")))
    (extension,) = card["capabilities"]["extensions"]
    assert extension["uri"] == EXTENSION
    assert extension["params"] == {"kind": "agent", "id": AGENT, "owner": f"0x{OWNER}", "heads": [HEAD]}


def test_what_comes_back_of_a_card_is_all_but_what_the_page_says() -> None:
    record = agent(capabilities=["tool-calling", "c++ 2024", "5", "Find a recipe", "streaming", "push-notifications"])
    behind = manifest(
        interface("https://a.example/a2a"), interface("https://b.example/a2a", version="0.3"),
        documentation_url="https://a.example/doc",
    )  # fmt: skip
    card = json.loads(json.dumps(made(record, behind)))
    assert is_agent_card(card)
    found = read_agent_card(card, "card.json").finding()
    assert found.problems == ()
    for field in FIELDS["agent"]:
        if field.name in ("description", *SIGNED):
            continue
        is_back = at(found, field.name) == record[field.name] != field.default
        assert is_back is (field.name not in NOT_SAID), field.name
    assert str(at(found, "description")).startswith("Plans routes.\n\nInterface: https://a.example/a2a")
    assert isinstance(found.manifest, dict)
    for field in MANIFEST_FIELDS:
        if field.name not in SET_THERE:
            is_back = found.manifest[field.name] == behind[field.name] != field.default
            assert is_back is (f"manifest.{field.name}" not in NOT_SAID), field.name
    # A card of what came back says the same, and the second time around nothing is added.
    again = made({**record, "description": at(found, "description")}, behind)
    assert at(read_agent_card(again, "card.json").finding(), "description") == at(found, "description")


def test_the_page_lists_what_is_lost() -> None:
    (row,) = re.findall(r"^\| an agent card \| (`license`.*) \|$", PAGE, re.MULTILINE)
    own, _, behind = row.partition("of its manifest")
    named = {*re.findall(r"`(\w+)`", own), *(f"manifest.{name}" for name in re.findall(r"`(\w+)`", behind))}
    assert named == NOT_SAID
    assert MEDIA_TYPE in PAGE
    assert EXTENSION in PAGE
