"""Copying: what of a record, and whether the terminal passes it on or it goes to a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from tui_registry.datastore import Entry
from tui_registry.errors import Json, Record
from tui_registry.query.nodes import quoted
from tui_registry.text import address_short, exact, safe_text
from tui_registry.tui import kit
from tui_registry.tui.kit.actions import key_of
from tui_registry.tui.kit.flows import FlowScreen

What = Literal["id", "json", "share", "owner"]
NOUNS: Final[dict[What, tuple[str, str]]] = {
    "id": ("id", "ids"),
    "json": ("JSON", "JSON"),
    "share": ("share line", "share lines"),
    "owner": ("owner's address", "owners' addresses"),
}
# Terminals pass on less than this at once; some drop longer texts without a word.
MOST_FOR_A_TERMINAL: Final = 70_000


async def copy_records(
    screen: FlowScreen[None], entries: Sequence[Entry], behind: Mapping[str, Record] = MappingProxyType({})
) -> None:
    """Ask what of these records to copy, and copy it; nothing where there is none. A step of a flow of the screen.

    Args:
        behind: the manifests of those that have one, by the id of the record.
    """
    if not entries:
        return
    first, many = entries[0], len(entries) > 1
    id_note = f"{exact(len(entries))} of them" if many else f"{first.id[:12]}…"
    owner_note = "each once" if many else address_short(_text(first.record["owner_id"]))
    question = kit.ChooseScreen(
        f"Copy of {_named(entries)}",
        [
            kit.Choice("i", "id", NOUNS["id"][many], id_note),
            kit.Choice("j", "json", "JSON", _how("one record a line" if many else "as it is signed", behind)),
            kit.Choice("s", "share", NOUNS["share"][many], "name, id and owner: a search that finds it anywhere"),
            kit.Choice("o", "owner", NOUNS["owner"][many], owner_note),
            kit.Choice("w", "file", "JSON into a file", "in the replica's folder"),
        ],
        detail="" if can_copy() else "This terminal lets no program copy: all of it goes to a file.",
    )
    chosen = await screen.ask(question)
    if chosen == "file":
        await write_text(screen, text_to_copy("json", entries, behind), _noun(entries, "json"), "copied.json")
    for what in NOUNS:
        if what == chosen:
            file = "copied.json" if what == "json" else "copied.txt"
            otherwise = f"; not there? {key_of('record.copy')} w writes a file"
            await copy_text(
                screen, text_to_copy(what, entries, behind), _noun(entries, what), otherwise=otherwise, file=file
            )


async def copy_text(
    screen: FlowScreen[None], text: str, noun: str, *, otherwise: str = "", file: str = "copied.txt"
) -> None:
    """Give a text to the terminal's clipboard, or to a file where the terminal takes none; says which. A step of a flow
    of the screen.

    Args:
        noun: what it is, with its article, for the sentence.
        otherwise: what to do when the terminal took it and it is not there.
        file: what the file in the replica's folder is called.
    """
    if len(text) > MOST_FOR_A_TERMINAL or not can_copy():
        await write_text(screen, text, noun, file)
    else:
        screen.app.copy_to_clipboard(text)
        screen.say(f"sent {noun} to the clipboard (OSC 52){otherwise}", "done")


async def write_text(screen: FlowScreen[None], text: str, noun: str, file: str) -> None:
    """Write a text to a file in the replica's folder, and say where. A step of a flow of the screen."""
    try:
        path = await screen.write(write_copy, screen.datastore.data_dir, file, text)
    except OSError as error:
        screen.say(f"the copy cannot be written ({error.strerror})", "problem")
    else:
        screen.say(f"wrote {noun} to {path}", "done")


def text_to_copy(what: What, entries: Sequence[Entry], behind: Mapping[str, Record] = MappingProxyType({})) -> str:
    """The text: of one record its JSON is laid out, of several each takes a line. What stands behind a record is its
    member `manifest`, as `import` and `register` read it."""
    match what:
        case "json":
            told = [
                {**entry.record, **({"manifest": behind[entry.id]} if entry.id in behind else {})} for entry in entries
            ]
            if len(told) == 1:
                return json.dumps(told[0], ensure_ascii=False, indent=2)
            return "\n".join(json.dumps(record, ensure_ascii=False) for record in told)
        case "id":
            return "\n".join(entry.id for entry in entries)
        case "share":
            return "\n".join(map(share_line, entries))
        case "owner":
            return "\n".join(dict.fromkeys(_text(entry.record["owner_id"]) for entry in entries))


def share_line(entry: Entry) -> str:
    """Name, id and owner on one line, which is a search: it finds the record on every replica that has it."""
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


def _how(words: str, behind: Mapping[str, Record]) -> str:
    return f"{words}, with {'the manifest' if len(behind) == 1 else 'manifests'}" if behind else words


def _noun(entries: Sequence[Entry], what: What) -> str:
    return f"the {NOUNS[what][len(entries) > 1]} of {_named(entries)}"


def _named(entries: Sequence[Entry]) -> str:
    if len(entries) > 1:
        return f"{exact(len(entries))} records"
    return f"“{safe_text(_text(entries[0].record['name']), 60)}”"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
