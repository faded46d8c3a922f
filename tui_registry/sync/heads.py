"""The head of a log as it travels: one small JSON object, read strictly. No I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from tui_registry.datastore import Head
from tui_registry.errors import Json

# The largest whole number that every JSON reader keeps exactly (RFC 8259, section 6).
MAX_SIZE = 2**53 - 1
_EPOCH = re.compile(r"[0-9a-f]{32}", re.ASCII)
_FINGERPRINT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ADDRESS = re.compile(r"[0-9a-f]{40}", re.ASCII)


class HeadError(ValueError):
    """Bytes that are not a head. `code` is `not_a_node` or `bad_head`; the text is the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RemoteHead:
    """A peer's head. `ranges`: it serves parts of a tile that begin in its middle. `etag`: for the next look."""

    head: Head
    ranges: bool
    etag: str | None = None


def spell_head(head: Head, *, ranges: bool) -> bytes:
    """A head as JSON bytes."""
    tree: dict[str, Json] = {
        "epoch": head.epoch,
        "size": head.size,
        "fingerprint": head.fingerprint,
        "node": head.node,
    }
    if ranges:
        tree["ranges"] = True
    return json.dumps(tree, separators=(",", ":")).encode()


def parse_head(data: bytes) -> RemoteHead:
    """Read a head from a stranger. Members that this version does not know are ignored.

    Raises:
        HeadError: the bytes are no JSON object (`not_a_node`), or a member is missing or wrong (`bad_head`).
    """
    try:
        tree: Json = json.loads(data.decode())
    except (ValueError, RecursionError):
        start = data[:512].lstrip().lower()
        what = "a web page" if start.startswith((b"<!doctype", b"<html", b"<")) else "something else"
        raise HeadError("not_a_node", f"answers with {what} where a registry's head should be") from None
    if not isinstance(tree, dict):
        raise HeadError("not_a_node", "answers with JSON that is not a registry's head")
    epoch, size, fingerprint, node = (tree.get(name) for name in ("epoch", "size", "fingerprint", "node"))
    if not isinstance(epoch, str) or not _EPOCH.fullmatch(epoch):
        _bad("epoch", "32 lower-case hex digits")
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        _bad("size", f"a whole number from 0 to {MAX_SIZE}")
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        _bad("fingerprint", "64 lower-case hex digits")
    if not isinstance(node, str) or not _ADDRESS.fullmatch(node):
        _bad("node", "an address of 40 lower-case hex digits")
    return RemoteHead(Head(epoch, size, fingerprint, node), tree.get("ranges") is True)


def _bad(member: str, right: str) -> NoReturn:
    raise HeadError("bad_head", f"sends a head whose {member} is not {right}")
