"""A record of the Open Agentic Schema Framework -> the draft of an agent.

Versions 0.7 to 1.1 (https://github.com/agntcy/oasf, schema/objects/record.json): locators have one `url`, and from 1.0
on `urls`; modules are called `runtime/...`, and from 0.8 on `integration/...` and `core/...`. Modules that hold an A2A
card or describe an MCP server say where the agent answers, and which tools it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tui_registry.errors import Json
from tui_registry.importers import a2a
from tui_registry.importers.draft_writer import Draft, put_version, seen, shown
from tui_registry.importers.formats import Reader
from tui_registry.importers.manifest_writer import public_address
from tui_registry.importers.untrusted import object_at, objects_at, text_at, texts_at
from tui_registry.text import exact

_IN = "in the OASF record"
_MOST, _MOST_MODULES = 256, 64


def read_document(value: Json, source: str, _name: str) -> list[Draft] | None:
    """The draft of an agent, None when the document is no record of OASF."""
    if not isinstance(value, dict) or not _is_record(value):
        return None
    draft = Draft("agent", source)
    draft.put("name", text_at(value, "name"), f"name {_IN}")
    put_version(draft, text_at(value, "version"), f"version {_IN}")
    draft.put("description", text_at(value, "description"), f"description {_IN}")
    draft.add("capabilities", [*_names(draft, value, "skills")], f"skills {_IN}")
    draft.add("tags", [*_names(draft, value, "domains")], f"domains {_IN}")
    reached = [_read_module(draft, module) for module in objects_at(value, "modules")[:_MOST_MODULES]]
    known = next((word for word in reached if word), "")
    draft.put("framework", {"Other": known or "OASF"}, f"not stated; {known or 'OASF'} is how it is described")
    _put_locators(draft, value)
    authors = texts_at(value, "authors")
    draft.note_unplaced([seen("authors", list[Json](authors[:8]))] if authors else [])
    draft.note_unplaced(
        seen(key, of) for key, of in object_at(value, "annotations").items() if isinstance(of, str) and of
    )
    if object_at(value, "signature"):
        draft.note("the record is signed, and the signature was not checked")
    return [draft]


def _is_record(value: Mapping[str, Json]) -> bool:
    version = value.get("schema_version")
    return (
        isinstance(version, str)
        and _VERSION.match(version) is not None
        and isinstance(value.get("name"), str)
        and any(isinstance(value.get(member), list) for member in ("skills", "locators", "modules"))
    )


_VERSION = re.compile(r"v?[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?", re.ASCII)


def _names(draft: Draft, value: Mapping[str, Json], member: str) -> Iterator[str]:
    """What classes are called: the last word of `category/class`, as people search for that."""
    listed = objects_at(value, member)
    if len(listed) > _MOST:
        draft.note(f"only the first {exact(_MOST)} of {exact(len(listed))} {member} were read")
    for one in listed[:_MOST]:
        # Before 0.7 a class and its category had names of their own
        name = text_at(one, "name", "class_name")
        if name:
            yield name.rpartition("/")[2].replace("_", " ").strip()


# ---- modules ---------------------------------------------------------------------------------------------------------


def _read_module(draft: Draft, module: Mapping[str, Json]) -> str:
    """Give the draft what a module says; gives how the agent is reached by it, if that is so."""
    name, data = text_at(module, "name").rpartition("/")[2].lower(), object_at(module, "data")
    if name == "a2a":
        _read_card(draft, data)
        return "A2A"
    if name == "mcp":
        for server in objects_at(data, "servers") or [data]:
            _read_server(draft, server)
        return "MCP"
    if name in ("model", "language_model", "llm"):
        models = [text_at(one, "model", "name") for one in objects_at(data, "models")] or [text_at(data, "model")]
        draft.note_unplaced(f"it uses {shown(model, 80)}" for model in models[:8] if model)
        return ""
    draft.note_unplaced([f"module {shown(name, 40)}"] if name else [])
    return ""


def _read_card(draft: Draft, data: Mapping[str, Json]) -> None:
    card = object_at(data, "card_data")
    if not a2a.is_agent_card(card):
        draft.note("the A2A card in it cannot be read")
        return
    a2a.put_interfaces(draft, card)
    for skill in objects_at(card, "skills")[:_MOST]:
        draft.add("tags", texts_at(skill, "tags"), f"tags of the skills in its A2A card {_IN}")


def _read_server(draft: Draft, server: dict[str, Json]) -> None:
    tools = [text_at(tool, "name") for tool in objects_at(server, "tools")[:_MOST]]
    draft.add("tools", [tool for tool in tools if tool], f"tools of its MCP server {_IN}")
    for place in objects_at(server, "connections") or [server]:
        url = public_address(text_at(place, "url"))
        if url:
            draft.behind.add_interface(url, "MCP")
        needed = [text_at(one, "name") for one in objects_at(place, "env_vars")[:_MOST]]
        if any(needed):
            draft.note(f"it needs to be given {', '.join(shown(one, 40) for one in needed if one)}")


# ---- locators --------------------------------------------------------------------------------------------------------


def _put_locators(draft: Draft, value: Mapping[str, Json]) -> None:
    """Where it is: source, packages and images. What means something in somebody's own network alone is left out."""
    for locator in objects_at(value, "locators")[:_MOST]:
        kind = text_at(locator, "type").lower().replace("-", "_")
        for url in texts_at(locator, "urls") or [text_at(locator, "url")]:
            if kind == "source_code":
                draft.behind.put("repository_url", public_address(url))
            elif kind in ("container_image", "docker_image", "oci_image") and _IMAGE.fullmatch(url):
                draft.behind.add_file(url if "://" in url else f"oci://{url}")
            elif kind in ("binary", "package", "python_package", "helm_chart") and public_address(url):
                draft.behind.add_file(public_address(url))
            elif url:
                told = "that may hold a secret" if _SECRET.search(url) else shown(url, 120)
                draft.note_unplaced([f"locator {shown(kind or 'without a type', 40)} {told}"])


_SECRET = re.compile(r"//[^/]*@|\?")
# An image with the host of its registry; without one it means another registry to each program.
_IMAGE = re.compile(r"(?:https://|oci://)?[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]{1,5})?/[A-Za-z0-9._/-]{1,256}"
                    r"(?::[A-Za-z0-9._-]{1,128})?(?:@sha256:[0-9a-f]{64})?", re.ASCII)  # fmt: skip


READER = Reader(document=read_document)
