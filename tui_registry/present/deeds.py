"""The words for operations: how each one stands by now, and who signed it.

What an operation did to its record, the Datastore tells itself: `did` of `Operation` and of `HistoryEntry` is
`registered`, `edited`, `settled` (a write on several live versions), `deleted` or `brought back`, shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

from tui_registry.text import address_short

if TYPE_CHECKING:
    from tui_registry.datastore import HistoryEntry, Operation

Standing = Literal["current", "rival", "gone", ""]
DEEDS: Final = ("registered", "edited", "settled", "deleted", "brought back")


def standing(operation: Operation | HistoryEntry) -> Standing:
    """How an operation stands by now.

    `current`: the record is what it wrote. `rival`: it wrote another version that is live as well. `gone`: it deleted
    the record, which is not there. Empty: later operations build on it, or the record outlived this removal.
    """
    if operation.is_winner:
        return "current"
    if not operation.is_head:
        return ""
    if operation.did == "deleted":
        # A removal that did not know of a write beside it leaves the record there.
        return "gone" if operation.is_gone else ""
    return "rival"


def deed(operation: Operation) -> str:
    """What an operation of a list did: `edited`, or `edited manifest` where it wrote the manifest of the record."""
    return f"{operation.did} manifest" if operation.of == "manifest" else operation.did


def by_whom(actor: str, mine: bool, names: Mapping[str, str]) -> str:
    """Who signed it: `you`, the name that this replica has for the key (not made safe), or `0x7a1c..93ef`.

    Args:
        actor: the address, 40 hex digits; `mine` says that it is this replica's.
        names: this replica's names of owners, by address.
    """
    return "you" if mine else names.get(actor) or address_short(actor)


def conflict(live: int) -> str:
    """What is said of a record with so many live versions."""
    return f"conflict: {live} versions are live, the current one is shown; none is lost, and its owner settles it"
