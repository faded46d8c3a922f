"""The peers that a node names to whoever asks it whom else to pull from (see protocol.md, Recommended peers).

It is a stranger's list: a claim, which is shown and never acted on by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from tui_registry.errors import Json
from tui_registry.hosts import place_of_host
from tui_registry.present.found import Recommended

PEERS: Final = "sync/peers"
MOST_RECOMMENDED: Final = 16
MOST_BYTES: Final = 16_384
LONGEST_URL: Final = 256

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}", re.ASCII).fullmatch
# Printable ASCII, and nothing that ends a line, a quoted word or a tag: it is shown, and put before somebody to add.
_URL = re.compile(r"(?i:https?)://[!#-;=?-\[\]_a-z~]{1,250}", re.ASCII).fullmatch


def parse_recommended(text: str) -> Recommended:
    """What `URL` or `URL=NAME` means, as an operator writes it.

    Raises:
        ValueError: it is none; the sentence says what one is.
    """
    url, equals, name = text.strip().rpartition("=")
    if not equals or "/" in name:
        url, name = text.strip(), ""
    if name and _NAME(name) is None:
        raise ValueError("the NAME of URL=NAME is 1 to 32 of a-z, 0-9, '.', '_' and '-', as a peer's name")
    if not _is_address(url):
        raise ValueError(
            f"a recommended peer is a URL such as https://hub.example:8420, with up to {LONGEST_URL} characters and no "
            "password, and maybe =NAME behind it"
        )
    return Recommended(url, name)


def spell_recommended(peers: Iterable[Recommended]) -> bytes:
    """The list as a node gives it."""
    told: Json = {"peers": [{"url": peer.url, "name": peer.name} for peer in peers]}
    return json.dumps(told, separators=(",", ":")).encode()


def read_recommended(data: bytes) -> tuple[Recommended, ...]:
    """Whom a list names that came from anybody: the first 16 that a peer could be, once each; the others are passed
    over.

    Raises:
        ValueError: it is no such list.
    """
    try:
        tree: Json = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise ValueError("is no JSON") from None
    items = tree.get("peers") if isinstance(tree, dict) else None
    if not isinstance(items, list):
        raise ValueError('is no object with a list "peers"')
    found: dict[str, Recommended] = {}
    for item in items:
        url, name = (item.get("url"), item.get("name")) if isinstance(item, dict) else (None, None)
        if not isinstance(url, str) or not _is_address(url) or len(found) == MOST_RECOMMENDED:
            continue
        known = name if isinstance(name, str) and _NAME(name) is not None else ""
        found.setdefault(url.rstrip("/"), Recommended(url, known, place_of(url)))
    return tuple(found.values())


def place_of(url: str) -> str:
    """What is to be known of where an address leads before it is asked, by itself alone: nobody is asked for it. Empty
    where it is one of the internet at large, or a name that may be."""
    return _WORDS[place_of_host(urlsplit(url).hostname or "")]


_WORDS = {"here": "on this machine itself", "private": "on a private network", "public": ""}


def name_for(peer: Recommended, taken: Sequence[str] = ()) -> str:
    """What a peer could be called here: as it is named, else by its host; with a number where that is taken."""
    try:
        host = urlsplit(peer.url).hostname or ""
    except ValueError:
        host = ""
    return free_name(peer.name or host.removeprefix("www."), taken, otherwise="node")


def free_name(wished: str, taken: Sequence[str], *, otherwise: str) -> str:
    """A name that a peer may have and none has, made of any words.

    Args:
        taken: names of peers. otherwise: where nothing of the words can be in a name that says anything.
    """
    name = re.sub(r"[^a-z0-9.-]+", "-", wished.lower())[:28].strip(".-_")
    if not re.search(r"[a-z]", name):
        name = otherwise
    return next(each for each in (name, *(f"{name}-{number}" for number in range(2, 10_000))) if each not in taken)


def _is_address(url: str) -> bool:
    if len(url) > LONGEST_URL or _URL(url) is None:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc and port != 0 and not parts.query and not parts.fragment
