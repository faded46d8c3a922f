"""What was found at an address before anything is pulled from it, in words: for `peer look`, `peer add --dry-run`, the
empty list of the app and its Sync screen alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.present.owners import owner_cell
from tui_registry.text import age, plural, safe_text, size_bytes

FoundKind = Literal["node", "log", "folder", "bundles"]

_LONGEST = 200
_SHOWN_FILES = 3
_KINDS: dict[FoundKind, str] = {
    "node": "A node",
    "log": "A log on a web server",
    "folder": "A log in a folder",
    "bundles": "Bundles of a log",
}


class Recommended(NamedTuple):
    """A peer that somebody names.

    Attributes:
        url: an http(s) URL; nobody asked it yet. name: what whoever names it calls it, as a peer may be called; or
            empty.
        place: what is to be known of where it leads, such as "on a private network"; empty for nothing.
    """

    url: str
    name: str = ""
    place: str = ""


class Found(NamedTuple):
    """What is at an address. Its head was read and nothing else: no operation.

    Attributes:
        address: as a peer would have it; of bundles the folder or file that was named.
        operations: of the log; of bundles, those that they hold.
        node: whose log it says it is, 40 hex digits. signed: its head bears that key's signature.
        signed_at: Unix seconds: when the log's last operation came there; 0 where it is not known.
        bytes: on disk; None where that is not told.
        files: paths of the bundles, in the order of the log.
        recommended: whom it names; why_none: why that could not be read, else empty.
    """

    kind: FoundKind
    address: str
    operations: int
    node: str
    signed: bool
    signed_at: int = 0
    bytes: int | None = None
    files: tuple[str, ...] = ()
    recommended: tuple[Recommended, ...] = ()
    why_none: str = ""


def found_lines(found: Found, now: int, names: Mapping[str, str], own: str = "") -> list[str]:
    """What it is, how much, and whose, a sentence a line; safe to show.

    Args:
        now: Unix seconds. names: local names of keys by address. own: the address of this replica's key.
    """
    address = safe_text(found.address, _LONGEST)
    lines = [f"{_KINDS[found.kind]}: {address}"]
    if found.kind == "bundles" and len(found.files) == 1:
        lines = [f"A bundle of a log: {safe_text(found.files[0], _LONGEST)}"]
    elif found.files:
        shown = [safe_text(file.rpartition("/")[2], 60) for file in found.files[:_SHOWN_FILES]]
        more = len(found.files) - len(shown)
        lines.append(f"{len(found.files)} files: {', '.join(shown)}{f' and {more} more' if more else ''}")
    much = [plural(found.operations, "operation")]
    if found.bytes is not None:
        much.append(size_bytes(found.bytes))
    if found.signed_at and found.operations:
        since = age(max(0, now - found.signed_at))
        much.append("the last came there just now" if since == "now" else f"the last came there {since} ago")
    lines.append(", ".join(much))
    whose = owner_cell(found.node, found.node == own, names)
    if found.signed:
        lines.append(f"Signed by the key of {whose}")
    else:
        lines.append(f"It bears no signature; it says that it is {whose}, which nothing proves")
    if found.why_none:
        lines.append(f"Whom it recommends cannot be read: {safe_text(found.why_none, _LONGEST)}")
    return lines


def recommended_words(found: Sequence[Recommended]) -> str:
    """How many peers somebody recommends, and what that is worth; empty for none."""
    if not found:
        return ""
    return f"recommends {plural(len(found), 'peer')}: a claim, and nobody asked them"


def recommended_line(peer: Recommended) -> str:
    """A recommended peer in one line; safe to show."""
    name = f"{peer.name}  " if peer.name else ""
    place = f"  ({peer.place})" if peer.place else ""
    return safe_text(f"{name}{peer.url}{place}", 300)


def recommended_json(peers: Sequence[Recommended]) -> list[Json]:
    """The same for programs."""
    return [{"url": peer.url, "name": peer.name or None, "place": peer.place or None} for peer in peers]


def found_json(found: Found) -> dict[str, Json]:
    """What was found, for programs."""
    return {
        "kind": found.kind,
        "address": found.address,
        "operations": found.operations,
        "bytes": found.bytes,
        "node": found.node,
        "signed": found.signed,
        "signed_at": found.signed_at or None,
        "files": [*found.files],
        "recommended": recommended_json(found.recommended),
    }
