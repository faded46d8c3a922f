"""A JSON value that others describe models or agents with -> drafts; which format it is, its content tells."""

from __future__ import annotations

from collections.abc import Callable

from tui_registry.errors import Json, Kind, Problem
from tui_registry.importers import a2a, config, mcp, ollama
from tui_registry.importers.documents import Finding
from tui_registry.importers.drafting import Draft
from tui_registry.importers.errors import SourceError
from tui_registry.importers.estimate import put_requirements


def read_foreign(value: Json, source: str, name: str) -> list[Draft] | None:
    """The drafts in a document, None when it is of no format that is known here.

    Args:
        source: where it stands.
        name: for a model whose description has none.
    """
    if not isinstance(value, dict):
        return None
    if a2a.is_agent_card(value):
        return [a2a.read_agent_card(value, source)]
    servers = mcp.servers_in(value)
    if servers:
        many = len(servers) > 1
        return [mcp.read_server(server, f"{source}[{n}]" if many else source) for n, server in enumerate(servers)]
    if ollama.is_tags(value):
        return ollama.read_tags(value, source)
    if config.is_config(value):
        draft = Draft("model", source)
        draft.put("name", name, "the name of the file or folder")
        config.put_config(draft, value)
        config.put_dtype(draft, value)
        put_requirements(draft, None, "")
        return [draft]
    return None


def finding_of(read: Callable[[], Draft], source: str, kind: Kind | None) -> Finding:
    """The finding that reading a draft ends in: the draft, or why there is none. Nothing is raised."""
    try:
        draft = read()
    except SourceError as error:
        return Finding(source, kind, None, (Problem("", "error", "header", error.sentence),))
    return checked(draft.finding(), kind)


def checked(finding: Finding, kind: Kind | None) -> Finding:
    """The finding, refused when it must be of another kind."""
    if kind is None or finding.kind in (None, kind):
        return finding
    sentence = "describes an agent, not a model" if kind == "model" else "describes a model, not an agent"
    return Finding(finding.source, finding.kind, None, (Problem("kind", "error", "kind", sentence),))
