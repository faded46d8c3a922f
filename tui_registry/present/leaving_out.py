"""The words for leaving out: muting, blocking and purging an owner, rations, and what was left out; the same in the app
and on the command line, and as JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tui_registry.datastore import EVERYBODY, PUSHES
from tui_registry.errors import Json
from tui_registry.text import address_short, exact, plural, safe_text, size_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_registry.datastore import KeptOut, LeftOut, PurgeAmounts, Ration, Reason

# Why operations were left out: the end of a sentence, and in a column.
WHY: Final[dict[Reason, str]] = {
    "blocked": "their owner is blocked",
    "unnamed": "only named keys are taken from there, and their owner has no name here",
    "owner_full": "their owner has as much here as is taken of one owner",
    "source_full": "as much came from there as is taken",
    "removed": "they were taken out with the peer that had brought them",
}
BRIEF: Final[dict[Reason, str]] = {
    "blocked": "blocked",
    "unnamed": "no name",
    "owner_full": "owner full",
    "source_full": "source full",
    "removed": "removed",
}
MUTED: Final = "is hidden in lists, searches and counts from now on; what it signs still comes in"
UNMUTED: Final = "is shown again"
BLOCKED: Final = "nothing new of it comes in from now on; what is here stays"
OTHERS_KEEP: Final = "Copies that others have stay with them"

_SIZE = re.compile(r"([0-9]{1,12})\s*([kmgt]?i?b?)", re.IGNORECASE).fullmatch
_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY: Final = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def unblocked(count: int) -> str:
    """What is said once an owner is blocked no more, of whom so many operations are known to be left out."""
    if not count:
        return "what comes of it is taken again"
    return f"what comes of it is taken again, and {plural(count, 'operation')} left out so far at the next sync"


def amounts(planned: PurgeAmounts) -> str:
    """`12 records (34 operations, about 56 kB)`."""
    return (
        f"{plural(planned.records, 'record')} ({plural(planned.ops, 'operation')}, about {size_bytes(planned.bytes)})"
    )


def purge_question(planned: PurgeAmounts, whose: str) -> str:
    """What is asked before a purge.

    Args:
        whose: an owner, or what only a peer brought; safe to show.
    """
    return f"Take {amounts(planned)} of {whose} out for good? Who reads this log begins anew then."


def purged(done: PurgeAmounts, *, is_blocked: bool) -> str:
    """What is said after a purge: a sentence or two."""
    room = "" if not done.given_back else f", and {size_bytes(done.given_back)} of the disk are free again"
    taken = f"took out {amounts(done)}{room}" if done.ops else f"nothing was left to take out{room}"
    if not is_blocked:
        return f"{taken}. {OTHERS_KEEP}: what other peers have of it comes back when they are pulled from"
    return f"{taken}. {OTHERS_KEEP}, and none of it comes in here as long as the owner is blocked"


def owner_words(address: str, names: Mapping[str, str]) -> str:
    """An owner by this replica's name for them and the address, safe to show."""
    name = names.get(address)
    return f"0x{address}" if name is None else f"{safe_text(name)} ({address_short(address)})"


def source_words(source: str) -> str:
    """Whose a ration is, safe to show."""
    return "everybody" if source == EVERYBODY else "pushes" if source == PUSHES else safe_text(source, 40)


def ration_words(ration: Ration) -> str:
    """A ration in words, such as `only named keys, 1,000 operations of an owner`."""
    told = ["only named keys"] if ration.named_only else []
    each = (("in all", ration.source_ops, ration.source_bytes), ("of an owner", ration.owner_ops, ration.owner_bytes))
    for whose, ops, size in each:
        told += [] if ops is None else [f"{plural(ops, 'operation')} {whose}"]
        told += [] if size is None else [f"{_size_as_said(size)} {whose}"]
    return ", ".join(told) or "whatever comes"


def comes_in(count: int) -> str:
    """`12 operations come in at the next sync`."""
    return f"{plural(count, 'operation')} {'comes' if count == 1 else 'come'} in at the next sync"


def _size_as_said(size: int) -> str:
    """As whoever set it wrote it: in the largest unit that it is whole in, which `read_size` reads back: `500 MB`."""
    units = [(_UNITS[unit], "kB" if unit == "k" else f"{unit.upper()}B") for unit in "kmgt"]
    units += [(_BINARY[unit], f"{unit.upper()}iB") for unit in "kmgt"]
    of, name = max(((of, name) for of, name in units if size and size % of == 0), default=(1, ""))
    return f"{exact(size // of)} {name}" if name else plural(size, "byte")


def read_size(typed: str) -> int:
    """A number of bytes: `200`, `200kB`, `64 MiB`, `2G`.

    Raises:
        ValueError: it is none, in a sentence.
    """
    match = _SIZE(typed.strip())
    unit = "" if match is None else match[2].lower().rstrip("b")
    table = _BINARY if unit.endswith("i") else _UNITS
    if match is None or unit.rstrip("i") not in table:
        raise ValueError("a size is a number of bytes, such as 500MB or 2GiB")
    return int(match[1]) * table[unit.rstrip("i")]


# `sync --audit`

NOT_HERE: Final[dict[str, str]] = {
    **{reason: f"left out: {why}" for reason, why in WHY.items()},
    "wanted": "left out before, and wanted: the next sync asks for them",
    "pending": "they wait for earlier ones",
    "rejected": "they break a rule",
    "unsupported": "of a later version",
    "unread": "not read yet: the next sync reads them",
    "passed": "read before and not here: 'verify' looks whether this replica is whole",
}


# As programs read it


def kept_out_json(kept: KeptOut) -> dict[str, Json]:
    """How an owner stands."""
    return {
        "owner": kept.owner,
        "muted_at": kept.muted_at,
        "blocked_at": kept.blocked_at,
        "ops": kept.ops,
        "left_out": kept.left_out,
    }


def left_out_json(found: LeftOut) -> dict[str, Json]:
    """An operation that was left out."""
    return {
        "hash": found.hash,
        "owner": found.owner,
        "reason": found.reason,
        "source": found.source or None,
        "size": found.size,
        "at": found.at,
        "wanted": found.wanted,
    }


def amounts_json(planned: PurgeAmounts, *, is_done: bool) -> dict[str, Json]:
    """What a purge takes, or took."""
    return {
        "records": planned.records,
        "ops": planned.ops,
        "owners": planned.owners,
        "bytes": planned.bytes,
        "done": is_done,
        "given_back": planned.given_back,
    }


def ration_json(source: str, ration: Ration) -> dict[str, Json]:
    """A ration; `peer` is null for everybody's and for that of pushes."""
    return {
        "of": "everybody" if source == EVERYBODY else "pushes" if source == PUSHES else "peer",
        "peer": None if source in (EVERYBODY, PUSHES) else source,
        "named_only": ration.named_only,
        "ops": ration.source_ops,
        "bytes": ration.source_bytes,
        "owner_ops": ration.owner_ops,
        "owner_bytes": ration.owner_bytes,
    }
