"""An agent as people keep it for their coding tool -> the draft of an agent: Markdown below front matter.

Claude Code (https://code.claude.com/docs/en/sub-agents), OpenCode (https://opencode.ai/docs/agents) and GitHub Copilot
(`NAME.agent.md`) share the shape: a name or the file's, a description, tools, a model. The text is what the agent is
told, which no field holds; it stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tui_registry.errors import Json
from tui_registry.importers.draft_writer import Draft, draft_of_text, put_licence, put_version, seen, shown
from tui_registry.importers.formats import Reader, TextReader
from tui_registry.importers.front_matter import FrontMatter, front_matter
from tui_registry.importers.untrusted import SourceError, text_at, texts_at
from tui_registry.text import exact

_IN = "in the front matter"
_MOST = 128
# What says that front matter is an agent's, and what says that it is something else.
_OWN = frozenset(
    {"tools", "model", "disallowedTools", "permissionMode", "skills", "mode", "mcp-servers", "mcpServers", "color",
     "maxTurns", "initialPrompt", "handoffs"}
)  # fmt: skip
_OTHERS = frozenset(
    {"license_name", "pipeline_tag", "library_name", "base_model", "model-index", "globs", "alwaysApply", "applyTo",
     "allowed-tools", "layout", "permalink", "argument-hint", "sdk"}
)  # fmt: skip
_PLACED = frozenset({"name", "description", "tools", "model", "license", "version", "tags", "keywords", "color"})


def is_agent_file(text: str) -> bool:
    """Whether a text is the file of an agent."""
    matter = front_matter(text)
    if matter is None or matter.values.get("kind") in ("model", "agent"):
        return False
    keys = matter.values.keys()
    return bool(text_at(matter.values, "description")) and not _OWN.isdisjoint(keys) and _OTHERS.isdisjoint(keys)


def is_agents(text: str, path: Path) -> bool:
    """Whether a text is the file of an agent by its place, such as `.claude/agents`: no more than a description has to
    stand in one there."""
    place, name = path.absolute().parent.parts, path.name.lower()
    placed = place[-1:] == ("agents",) or place[-2:] == (".opencode", "agent") or name.endswith(".agent.md")
    matter = front_matter(text) if placed and name not in ("skill.md", "readme.md") else None
    if matter is None or matter.values.get("kind") in ("model", "agent"):
        return False
    return bool(text_at(matter.values, "description")) and (_OTHERS - {"argument-hint"}).isdisjoint(matter.values)


def read_file(path: Path) -> Draft:
    """The draft of a file. Raises as `read_text`, and where the file cannot be read."""

    def read(text: str, source: str, name: str) -> Draft:
        matter = front_matter(text) if is_agents(text, path) else None
        return read_text(text, source, name) if matter is None else _draft(matter, source, name)

    return draft_of_text(path, read)


def read_text(text: str, source: str, name: str) -> Draft:
    """The draft that a text gives.

    Raises:
        SourceError: it is the file of no agent.
    """
    matter = front_matter(text)
    if matter is None or not is_agent_file(text):
        raise SourceError("is no file of an agent: its front matter has no description, tools or model")
    return _draft(matter, source, name)


def _draft(matter: FrontMatter, source: str, name: str) -> Draft:
    draft = Draft("agent", source)
    values = matter.values
    draft.put("name", text_at(values, "name"), f"name {_IN}")
    draft.put("name", name.removesuffix(".agent"), "the name of the file")
    put_version(draft, text_at(values, "version"), f"version {_IN}")
    draft.put("description", text_at(values, "description"), f"description {_IN}")
    draft.put("framework", {"Other": "agent file"}, "it is the file of a coding tool's agent, which names no framework")
    put_licence(draft, text_at(values, "license"), f"license {_IN}")
    draft.add("tools", _tools(values)[:_MOST], f"tools {_IN}")
    draft.add("tags", [*_words(values.get("tags")), *_words(values.get("keywords"))][:_MOST], f"tags {_IN}")
    model = text_at(values, "model")
    draft.note_unplaced([f"it asks for the model {shown(model, 80)}"] if model and model != "inherit" else [])
    draft.note_unplaced(seen(key, of) for key, of in values.items() if key not in _PLACED and of not in ("", [], {}))
    _note_text(draft, matter)
    return draft


def _tools(values: Mapping[str, Json]) -> list[str]:
    """The tools: a list, a line with commas between them, or those that are switched on."""
    tools = values.get("tools")
    if isinstance(tools, dict):
        return [name for name, on in tools.items() if on is True or (isinstance(on, str) and on.lower() == "true")]
    return _words(tools)


def _words(value: Json) -> list[str]:
    if not isinstance(value, str):
        return texts_at({"": value}, "")
    found, depth, word = list[str](), 0, ""
    for character in value[:10_000]:
        # `Bash(git add:*, git commit:*)` is one
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth <= 0:
            found.append(word)
            word = ""
        else:
            word += character
    return [stripped for one in (*found, word) if (stripped := one.strip())]


def _note_text(draft: Draft, matter: FrontMatter) -> None:
    for note in matter.notes:
        draft.note(note)
    told = matter.body.strip()
    if told:
        draft.note(f"what it is told, {exact(len(told))} characters, is in no field and stays in the file")


READER = Reader(text=TextReader(is_agent_file, read_file, read_text, is_there=is_agents))
