"""A log as it travels (see protocol.md, Heads and Tiles): its head, one small JSON object, and its tiles, each 256
operations, one a line, as gzip. Names, spans, packing; strict and bounded reading. No I/O."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tui_registry.crdt.signed_heads import SIGNATURE_DIGITS, head_signer
from tui_registry.datastore import Head
from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.sync.bounds import TILE_OPS

# The largest whole number that every JSON reader keeps exactly (RFC 8259, section 6).
MAX_SIZE = 2**53 - 1
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)
_NUMBER = "(0|[1-9][0-9]{0,15})"
_NAME = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}(?:-{_NUMBER})?)?\.ndjson\.gz", re.ASCII)
_HASHES_NAME = re.compile(rf"{_NUMBER}(?:\.{_NUMBER})?\.hashes", re.ASCII)
# Hashes in a full hash tile: 128 KiB.
HASHES = 4096
_MOST_URL = 1024
_GZIP = 31  # zlib's wbits for one gzip member with its header and checksum
_LEVEL = 6


class LogError(ValueError):
    """Bytes that are not the head or the tile that they should be. The text is the reason.

    Attributes:
        code: `not_a_node` or `bad_head` of a head; `bad_tile` or `too_large` of a tile.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RemoteHead:
    """A peer's head.

    Attributes:
        ranges: it serves parts of a tile that begin in its middle. etag: for the next look.
        differs: it compares logs by their differences, and takes pushes that are packed. lists: there are hash tiles.
        store: where full tiles lie as well, an http(s) URL; empty where it names none.
    """

    head: Head
    ranges: bool
    etag: str | None = None
    differs: bool = False
    lists: bool = False
    store: str = ""


class Answered(NamedTuple):
    """The answer to a question about differences: the head where it was asked for, the members, what follows them."""

    head: RemoteHead | None
    told: dict[str, Json]
    data: bytes


def spell_head(head: Head, *, ranges: bool, lists: bool = False, store: str = "") -> bytes:
    """A head as JSON bytes.

    Args:
        ranges: of a node, which answers questions as well. lists: there are hash tiles beside the tiles.
        store: where full tiles lie as well (`is_store_url`); empty for nowhere.
    """
    tree: dict[str, Json] = {
        "epoch": head.epoch,
        "size": head.size,
        "fingerprint": head.fingerprint,
        "node": head.node,
    }
    if head.rules:
        tree["rules"] = head.rules
    if head.rules or head.sig:
        tree["signed_at"] = head.signed_at
    if head.set:
        tree["set"] = head.set
        tree["root"] = head.root
    if ranges:
        tree["ranges"] = True
        tree["difference"] = 1
    if lists:
        tree["hashes"] = True
    if store:
        tree["store"] = store
    if head.sig:
        tree["sig"] = head.sig
    return json.dumps(tree, separators=(",", ":")).encode()


def etag_of_head(head: Head) -> str:
    """The ETag that a node gives a head: nodes that share one log give the same, and it tells what they have."""
    return f'"{head.epoch}.{head.size}.{head.fingerprint[:16]}"'


def parse_head(data: bytes) -> RemoteHead:
    """Read a head from a stranger. Members that this version does not know are ignored.

    Raises:
        LogError: the bytes are no JSON object (`not_a_node`), or a member is missing or wrong (`bad_head`).
    """
    try:
        tree: Json = json.loads(data.decode())
    except (ValueError, RecursionError):
        start = data[:512].lstrip().lower()
        what = "a web page" if start.startswith((b"<!doctype", b"<html", b"<")) else "something else"
        raise LogError("not_a_node", f"answers with {what} where a registry's head should be") from None
    if not isinstance(tree, dict):
        raise LogError("not_a_node", "answers with JSON that is not a registry's head")
    epoch = _digits(tree, "epoch", 32)
    size = tree.get("size")
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        raise _wrong("size", f"a whole number from 0 to {MAX_SIZE}")
    fingerprint = _digits(tree, "fingerprint", 64)
    node = _digits(tree, "node", 40, "an address of ")
    # As programs of 0.2 tell; no other ones have members of these names.
    rules, signed_at = _number(tree, "rules"), _number(tree, "signed_at")
    whole, root = (_digits(tree, member, 64) if member in tree else "" for member in ("set", "root"))
    signature = _digits(tree, "sig", SIGNATURE_DIGITS) if "sig" in tree else ""
    head = Head(epoch, size, fingerprint, node, rules, whole, root, signed_at, signature)
    if head.sig:
        _check_signature(head, whole_told="signed_at" in tree)
    return RemoteHead(
        head,
        tree.get("ranges") is True,
        differs=bool(whole) and type(tree.get("difference")) is int and tree["difference"] == 1,
        lists=bool(whole) and tree.get("hashes") is True,
        store=store if isinstance(store := tree.get("store"), str) and is_store_url(store) else "",
    )


def is_store_url(text: str) -> bool:
    """Whether a head may name this as the place where full tiles lie: a plain web address, below which the paths of
    protocol.md, Sync are."""
    if not 0 < len(text) <= _MOST_URL or not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return False
    bare = url.username is None and url.password is None and not url.query and not url.fragment
    return url.scheme in ("https", "http") and bool(url.hostname) and bare and "\\" not in text


@dataclass(frozen=True, slots=True)
class Span:
    """Entries `first` up to `stop` (0 <= first < stop <= 256) of tile `tile`, as one file."""

    tile: int
    first: int
    stop: int

    @property
    def start(self) -> int:
        """The log index of its first entry."""
        return self.tile * TILE_OPS + self.first

    @property
    def end(self) -> int:
        """One past the log index of its last entry."""
        return self.tile * TILE_OPS + self.stop

    @property
    def is_full(self) -> bool:
        """Whether it is all of its tile."""
        return (self.first, self.stop) == (0, TILE_OPS)

    @property
    def name(self) -> str:
        """The file's name: `7.ndjson.gz` full, `7.12.ndjson.gz` its first 12, `7.5-12.ndjson.gz` from 5 up to 12."""
        if self.first:
            return f"{self.tile}.{self.first}-{self.stop}.ndjson.gz"
        return f"{self.tile}.ndjson.gz" if self.stop == TILE_OPS else f"{self.tile}.{self.stop}.ndjson.gz"

    @classmethod
    def from_name(cls, name: str) -> Span | None:
        """The span that a file name means, None when it is none or not spelt the one right way."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        first, stop = 0, TILE_OPS
        if match[3] is not None:
            first, stop = int(match[2]), int(match[3])
        elif match[2] is not None:
            stop = int(match[2])
        span = cls(int(match[1]), first, stop)
        return span if 0 <= first < stop <= TILE_OPS and span.name == name else None


def spans(start: int, size: int, *, ranges: bool) -> Iterator[Span]:
    """The files that hold entries `start` up to `size`, in order.

    Args:
        ranges: the node serves parts of a tile that begin in its middle; without, the whole first tile is read again.
    """
    if start >= size:
        return
    for tile in range(start // TILE_OPS, (size + TILE_OPS - 1) // TILE_OPS):
        first = max(0, start - tile * TILE_OPS) if ranges else 0
        yield Span(tile, first, min(TILE_OPS, size - tile * TILE_OPS))


@dataclass(frozen=True, slots=True)
class HashSpan:
    """The hashes of entries from `4,096 * tile` on, `count` of them (1 to 4,096), as one file of 32 bytes each."""

    tile: int
    count: int

    @property
    def start(self) -> int:
        """The log index of the first."""
        return self.tile * HASHES

    @property
    def name(self) -> str:
        """The file's name: `7.hashes` full, `7.12.hashes` its first 12."""
        return f"{self.tile}.hashes" if self.count == HASHES else f"{self.tile}.{self.count}.hashes"

    @classmethod
    def from_name(cls, name: str) -> HashSpan | None:
        """The span that a file name means, None when it is none or not spelt the one right way."""
        match = _HASHES_NAME.fullmatch(name)
        if match is None:
            return None
        span = cls(int(match[1]), HASHES if match[2] is None else int(match[2]))
        return span if 0 < span.count <= HASHES and span.name == name else None


def hash_spans(size: int) -> Iterator[HashSpan]:
    """The files that hold the hashes of a log of so many entries, in order."""
    for start in range(0, size, HASHES):
        yield HashSpan(start // HASHES, min(HASHES, size - start))


def pack(lines: Sequence[bytes]) -> bytes:
    """One gzip member of the lines, each ended by LF; the same bytes every time (no file name, time 0)."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(b"".join(line + b"\n" for line in lines)) + packer.flush()


class Unpacker:
    """Unpacks one gzip member as it arrives and never holds more than `limit` bytes of it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._pieces: list[bytes] = []
        self._unzip = zlib.decompressobj(_GZIP)

    @property
    def is_whole(self) -> bool:
        """Whether the gzip member has come to its end."""
        return self._unzip.eof

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            LogError: no gzip, more than the limit, or bytes after the end.
        """
        while data:
            if self._unzip.eof:
                raise LogError("bad_tile", "has bytes after the end of its gzip data")
            try:
                piece = self._unzip.decompress(data, self._limit - self._size + 1)
            except zlib.error:
                raise LogError("bad_tile", "is not whole gzip data") from None
            self._size += len(piece)
            if self._size > self._limit:
                self._pieces.clear()
                raise LogError("too_large", f"unpacks to more than {self._limit:,} bytes")
            self._pieces.append(piece)
            data = self._unzip.unconsumed_tail or self._unzip.unused_data

    def lines(self, count: int) -> list[bytes]:
        """The lines, without their ends, once all bytes are in.

        Raises:
            LogError: the data ends too early, or is not exactly `count` lines.
        """
        lines = self.all_lines(count)
        if len(lines) != count:
            raise LogError("bad_tile", f"holds {len(lines):,} lines where its name promises {count:,}")
        return lines

    def all_lines(self, most: int) -> list[bytes]:
        """As `lines`, where it is only known that there are at most so many."""
        return split(self.whole(), most)

    def whole(self) -> bytes:
        """All that was packed, once all bytes are in.

        Raises:
            LogError: the data ends too early.
        """
        if not self._unzip.eof:
            raise LogError("bad_tile", "ends in the middle of its gzip data")
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def unpacked_lines(data: bytes, most: int, limit: int) -> list[bytes]:
    """The lines of one gzip member.

    Args:
        most: lines. limit: bytes, unpacked.

    Raises:
        LogError: it is none, or is larger.
    """
    unpacker = Unpacker(limit)
    unpacker.feed(data)
    return unpacker.all_lines(most)


def split(data: bytes, most: int) -> list[bytes]:
    """The lines of NDJSON, each ended by LF.

    Raises:
        LogError: more than `most` lines, a line without an end, an empty line or a NUL: no operation is spelt so.
    """
    if not data:
        return []
    # Counted before they are made: a line costs far more as an object than the bytes that it takes in `data`.
    count = data.count(b"\n")
    if count > most:
        raise LogError("bad_tile", f"holds {count:,} lines where at most {most:,} are due")
    lines = data.split(b"\n")
    if lines.pop():
        raise LogError("bad_tile", "does not end with a line end")
    if not all(lines):
        raise LogError("bad_tile", "has an empty line")
    if b"\0" in data:
        raise LogError("bad_tile", "has a NUL byte")
    return lines


def _digits(tree: dict[str, Json], member: str, count: int, of: str = "") -> str:
    value = tree.get(member)
    if not isinstance(value, str) or len(value) != count or not _HEX.fullmatch(value):
        raise _wrong(member, f"{of}{count} lower-case hex digits")
    return value


def _number(tree: dict[str, Json], member: str) -> int:
    value = tree.get(member, 0)
    if type(value) is not int or not 0 <= value <= MAX_SIZE:
        raise _wrong(member, f"a whole number from 0 to {MAX_SIZE}")
    return value


def _check_signature(head: Head, *, whole_told: bool) -> None:
    """Refuse a head whose signature is not of its node's key."""
    digest = head.digest
    if digest is None or not whole_told:
        raise LogError(
            "bad_head", "sends a head with a signature, and without the set, root and signed_at that it is of"
        )
    if head_signer(digest, head.sig) != head.node:
        raise LogError(
            "bad_head",
            "sends a head whose signature is not one of its node's key: it was changed on the way, or somebody else "
            "made it",
        )


def _wrong(member: str, right: str) -> LogError:
    return LogError("bad_head", f"sends a head whose {member} is not {right}")
