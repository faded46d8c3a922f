"""What can be copied of records, and where it goes: the terminal's clipboard, or a file. No Textual here."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from tui_registry.datastore import Entry
from tui_registry.errors import Json
from tui_registry.text import safe_text

What = Literal["id", "json", "share", "owner"]
NOUNS: Final[dict[What, tuple[str, str]]] = {
    "id": ("id", "ids"),
    "json": ("JSON", "JSON"),
    "share": ("share line", "share lines"),
    "owner": ("owner's address", "owners' addresses"),
}
# Terminals pass on less than this at once; some drop longer texts without a word.
MOST_FOR_A_TERMINAL: Final = 70_000


def text_to_copy(what: What, entries: Sequence[Entry]) -> str:
    """The text: of one record its JSON is laid out, of several each takes a line."""
    match what:
        case "json" if len(entries) == 1:
            return json.dumps(entries[0].record, ensure_ascii=False, indent=2)
        case "json":
            return "\n".join(json.dumps(entry.record, ensure_ascii=False) for entry in entries)
        case "id":
            return "\n".join(entry.id for entry in entries)
        case "share":
            return "\n".join(map(share_line, entries))
        case "owner":
            return "\n".join(dict.fromkeys(_text(entry.record["owner_id"]) for entry in entries))


def share_line(entry: Entry) -> str:
    """Name, id and owner on one line, which is a search: it finds the record on every replica that has it."""
    from tui_registry.query.nodes import quoted

    name = safe_text(_text(entry.record["name"]), 100)
    return f"{quoted(name)} id:{entry.id} owner:0x{_text(entry.record['owner_id'])}"


def can_copy(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal may pass a copy on (OSC 52): False where it is known not to. None ever says what it did."""
    if "TMUX" in environment:
        return True  # it keeps a copy of its own, too
    return not (
        environment.get("TERM", "") in ("", "dumb", "linux")
        or environment.get("TERM_PROGRAM") == "Apple_Terminal"
        or "VTE_VERSION" in environment  # GNOME Terminal and its relatives
        or "STY" in environment  # GNU screen
    )


def write_copy(folder: Path, name: str, text: str) -> Path:
    """Write the text into the replica's folder, in place of the copy before.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / name
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
