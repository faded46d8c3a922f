"""What is done about an owner, and what is left out and why: the words of it. Nothing of it travels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui_registry.text import exact, plural, size_bytes

if TYPE_CHECKING:
    from tui_registry.datastore import KeptOut, LeftOutGroup, PurgeAmounts, Reason

# Behind "left out, as".
WHY: Final[dict[Reason, str]] = {
    "blocked": "its owner is blocked",
    "unnamed": "only what named keys signed is taken from there",
    "owner_full": "its owner has as much here as one may have",
    "source_full": "who sent it has brought as much as one may bring",
    "removed": "it was taken out with the peer that had brought it",
}
# The same in a column.
BRIEFLY: Final[dict[Reason, str]] = {
    "blocked": "blocked",
    "unnamed": "no name here",
    "owner_full": "owner's ration",
    "source_full": "sender's ration",
    "removed": "peer removed",
}
# What comes in when it is asked for; a blocked owner has to be unblocked first.
MAY_COME_IN: Final[frozenset[Reason]] = frozenset(("unnamed", "owner_full", "source_full", "removed"))

HIDES = "hides its records in lists and searches"
SHOWS = "its records are listed again"
BLOCKS = "takes nothing new of it; what is here stays"
TAKES_IN = "at the next sync, over any ration"
PURGES = "takes it out of this replica, and blocks it"


def amounts(found: PurgeAmounts) -> str:
    """`12 records, 340 operations, about 1.2 MB`."""
    return f"{plural(found.records, 'record')}, {plural(found.ops, 'operation')}, about {size_bytes(found.bytes)}"


def only_by(found: PurgeAmounts) -> str:
    """What only one peer brought."""
    return f"Only it brought {amounts(found)}."


def standing(kept: KeptOut | None) -> str:
    """`muted and blocked`, empty where it is neither."""
    if kept is None:
        return ""
    words = (("muted", kept.muted_at), ("blocked", kept.blocked_at))
    return " and ".join(word for word, since in words if since is not None)


def unblocks(left_out: int) -> str:
    """What unblocking an owner does."""
    return f"and asks for {_asked(left_out)}" if left_out else "takes what comes of it again"


def what_a_purge_means(found: PurgeAmounts, *, is_of_owner: bool) -> str:
    """What is lost by it, and what is not."""
    back = (
        "It comes back only where you unblock the owner and pull it from somebody who has it."
        if is_of_owner
        else "What other peers have of it comes back at the next sync with them."
    )
    return (
        f"{amounts(found)} go from this replica for good, history and all. Whoever has copies keeps them. {back}\n"
        "This log gets a new name (an epoch): whoever pulls from you reads it anew."
    )


def purged(found: PurgeAmounts) -> str:
    """What came of a purge."""
    given = f", {size_bytes(found.given_back)} of the disk are free again" if found.given_back else ""
    return f"purged {plural(found.records, 'record')} and {plural(found.ops, 'operation')}{given}"


def left_out(groups: list[LeftOutGroup]) -> str:
    """`12 left out, 3 of them wanted`."""
    ops, wanted = sum(group.ops for group in groups), sum(group.wanted for group in groups)
    asked = f", {exact(wanted)} of them asked for at the next sync" if wanted else ""
    return f"{plural(ops, 'operation')} left out{asked}"


def left_out_of_it(count: int) -> str:
    """`12 operations of it are left out`."""
    return f"{plural(count, 'operation')} of it {'is' if count == 1 else 'are'} left out"


def done(deed: str, name: str) -> str:
    """What was done about an owner.

    Args:
        deed: `mute`, `unmute`, `block` or `unblock`.
    """
    match deed:
        case "mute":
            return f"the records of {name} are hidden"
        case "unmute":
            return f"the records of {name} are shown"
        case "block":
            return f"nothing new of {name} is taken"
        case _:
            return f"what comes of {name} is taken again"


def taken_in(count: int) -> str:
    """What asking for what waits came to."""
    return (
        f"{_asked(count)} will be asked for at the next sync with a peer that has them"
        if count
        else "nothing that waits may come in"
    )


def _asked(count: int) -> str:
    return plural(count, "operation")
