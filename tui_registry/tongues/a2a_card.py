"""An agent that answers over A2A -> its agent card.

Version 1.0 of the protocol: https://a2a-protocol.org/v1.0.0/specification/, the message AgentCard of its a2a.proto, as
ProtoJSON spells it. What a card has no member for is left out (`NOT_SAID`, and the table in tongues.md); the record's
id, owner and heads stand in an extension, so that whoever has the card can ask the registry for what was signed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tui_registry.errors import Json, Record
from tui_registry.records.manifests import is_followable

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore

VERSION: Final = "1.0"
MEDIA_TYPE: Final = "application/a2a-agent-card+json"
# Names the extension of a card; an address of nothing, as no domain is the registry's own.
EXTENSION: Final = "urn:tui-registry:record:1"
# Fields of an agent, and of what stands behind it, that do not come back from its card. Ids, owner and times are those
# of whoever signs it then.
NOT_SAID: Final = frozenset(
    {"license", "agent_type", "framework", "compatible_model_types", "preferred_models", "tools", "formfile_template",
     "resource_requirements", "manifest.status", "manifest.status_message", "manifest.superseded_by",
     "manifest.artifacts", "manifest.derived_from", "manifest.required_models", "manifest.architecture",
     "manifest.evaluations", "manifest.datasets", "manifest.languages", "manifest.repository_url"}
)  # fmt: skip
# Words for what a card has a member of its own for.
_ABLE = {"streaming": "streaming", "push-notifications": "pushNotifications"}
_WEB = re.compile(r"https?://")
# What readers take for the name of a skill; others are numbered, and told by their name.
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[._ -][A-Za-z0-9]+)*", re.ASCII)


def agent_card(record: Record, manifest: Record | None, heads: Sequence[str]) -> dict[str, Json] | None:
    """The card of an agent; None where it has no interface of A2A that an address of the web leads to.

    The manifest does not say which binding an interface speaks, so the card says JSONRPC, the one that A2A began with;
    nor does it have to say a version, and then the card says this one's.

    Args:
        heads: of the record, as it stands now.
    """
    interfaces = a2a_interfaces(manifest)
    if not interfaces or manifest is None:
        return None
    abilities = [str(one) for one in _items(record, "capabilities")]
    extension: dict[str, Json] = {
        "uri": EXTENSION,
        "description": "The record that this card was made from, in tui-registry",
        "params": {"kind": "agent", "id": record["agent_id"], "owner": f"0x{record['owner_id']}", "heads": [*heads]},
    }
    tags = _items(record, "tags")
    skills: list[Json] = [
        {
            "id": ability if _WORD.fullmatch(ability) else f"{number}",
            "name": ability,
            "description": ability,
            "tags": [*tags],
        }
        for number, ability in enumerate(dict.fromkeys(abilities), 1)
        if ability not in _ABLE
    ]
    documentation = str(manifest["documentation_url"])
    # Readers make links of it, and a stranger may have signed any scheme.
    about: dict[str, Json] = {"documentationUrl": documentation} if is_followable(documentation) else {}
    return {
        "name": record["name"],
        "description": record["description"],
        "supportedInterfaces": [
            {"url": one["url"], "protocolBinding": "JSONRPC", "protocolVersion": one["version"] or VERSION}
            for one in interfaces
        ],
        "version": record["version"],
        **about,
        "capabilities": {
            **{member: word in abilities for word, member in _ABLE.items()},
            "extensions": [extension],
        },
        "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"],
        "skills": skills,
    }


def read_card(datastore: Datastore, agent_id: str) -> bytes | None:
    """The card of an agent as it is served; None where it has none, or is not here."""
    entry, behind = datastore.entry(agent_id, "agent"), datastore.manifests.get(agent_id)
    if entry is None or behind is None:
        return None
    card = agent_card(entry.record, behind.manifest, entry.heads)
    return None if card is None else json.dumps(card, ensure_ascii=False, separators=(",", ":")).encode()


def a2a_interfaces(manifest: Record | None) -> list[dict[str, Json]]:
    """Where an agent answers over A2A, as far as its manifest says it as an address of the web."""
    return [
        one
        for one in (_items(manifest, "interfaces") if manifest is not None else ())
        if isinstance(one, dict)
        and one["protocol"] == "A2A"
        and _WEB.match(str(one["url"])) is not None
        and is_followable(str(one["url"]))
    ]


def _items(tree: Record, name: str) -> list[Json]:
    value = tree[name]
    return value if isinstance(value, list) else []
