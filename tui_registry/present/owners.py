"""Whose a record is, in words, and whose its name looks like. All of it is as this replica sees it: names of owners are
local, never from the wire, and nothing here says that a record is false, for nobody can know that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tui_registry.errors import Choice, Json
from tui_registry.present.deeds import by_whom
from tui_registry.skeletons import imitates_marks
from tui_registry.text import address_short, age, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Like, SaidBy

# Beside a record in a list: what `resemblance` says of it in words.
LIKE_MARK = "~"
LIKE_MARK_MEANS = "A name like one of another key's, or one that imitates what is said beside names"
IMITATES = (
    "its name itself holds what is said here beside names, such as who signed: whose it is stands under owner, never "
    "in a name"
)
_LONGEST = 40


def owner_cell(owner: str, mine: bool, names: Mapping[str, str]) -> str:
    """An owner in a column: `you`, the name that this replica has for the key, or `0x7a1c..93ef`; safe to show.

    Args:
        owner: the address; `mine` says that it is this replica's. names: names of owners by address.
    """
    return safe_text(by_whom(owner, mine, names), _LONGEST)


def choice_line(choice: Choice) -> str:
    """One of the records that may have been meant: its id, what it is called, whose it is."""
    owner = f"0x{choice.owner}" if choice.whose is None else f"{safe_text(choice.whose, _LONGEST)} (0x{choice.owner})"
    name = f"{safe_text(choice.name, 60)} {safe_text(choice.version, 24)}".strip()
    gone = ", deleted" if choice.deleted else ""
    return f"{choice.id[:12]}  {choice.kind} {name}{gone}  of {'yours' if choice.mine else owner}"


def is_marked(name: str, like: Like | None) -> bool:
    """Whether a list marks a record with that name by `LIKE_MARK`."""
    return like is not None or imitates_marks(name)


def remarks(name: str, like: Like | None) -> list[str]:
    """The same in a few words each, behind a line of a list."""
    told = [] if like is None else [f"looks like a name of {_whose(like)}"]
    return told + (["a name with marks in it"] if imitates_marks(name) else [])


def cautions(name: str, like: Like | None) -> list[str]:
    """The same in a sentence each, above a record in full."""
    told = [] if like is None else [resemblance(name, like)]
    return told + ([IMITATES] if imitates_marks(name) else [])


def resemblance(name: str, like: Like) -> str:
    """Whose name a record's name looks like, and why that one counts as the original."""
    other = safe_text(like.name, 60)
    same = f"a {like.kind} has the same name" if name == like.name else f"its name looks like “{other}”"
    match like.why:
        case "yours":
            why = "a record of yours"
        case "named":
            why = f"a record of {_whose(like)}, a key you named"
        case _:
            why = f"a record of {_whose(like)}, which came here first"
    return f"{same}, {why}"


def said_by_domain(said: SaidBy, now: int) -> str:
    """What a domain said of a key, and how long ago; `now` in Unix seconds."""
    ago = age(now - said.said_at)
    return f"{safe_text(said.domain, 80)} said so {'just now' if ago == 'now' else f'{ago} ago'}"


def like_json(like: Like | None) -> Json:
    """The same for programs."""
    if like is None:
        return None
    return {
        "kind": like.kind,
        "id": like.id,
        "name": like.name,
        "owner": like.owner,
        "petname": like.called,
        "why": like.why,
    }


def _whose(like: Like) -> str:
    if like.why == "yours":
        return "yours"
    return safe_text(like.called, _LONGEST) if like.called is not None else address_short(like.owner)
