"""A tar of plain files with one spelling: the same members give the same bytes, and no other bytes give them back.

The format is POSIX ustar (IEEE Std 1003.1-2017, pax, "ustar Interchange Format"), which every tar reads. Written out
here instead of through `tarfile`, whose output has changed with Python's versions and whose reader follows links,
extended headers and sparse maps: what a stranger's archive holds beyond plain files is refused at its first header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .report import shown

BLOCK = 512
# 11 octal digits, the year 2242; later times are written as this one.
LATEST = 0o77777777777

_OCTAL = re.compile(rb"[0-7]{11}\0")
_KINDS = {
    b"1": "a link", b"2": "a link", b"3": "a device", b"4": "a device", b"5": "a folder", b"6": "a pipe",
    b"x": "an extended header", b"g": "an extended header", b"L": "an extended header", b"K": "an extended header",
}  # fmt: skip


class ArchiveError(ValueError):
    """Bytes that `write_archive` does not write; the message says why in words."""


class Archive(NamedTuple):
    """The members in their order, and the time that all of them carry, in Unix seconds."""

    members: dict[str, bytes]
    modified: int


def write_archive(members: Mapping[str, bytes], modified: int) -> bytes:
    """A tar of these members, in this order.

    Args:
        members: by name; names are 1..100 ASCII characters.
        modified: Unix seconds, for all of them; times outside 1970..2242 become the nearest one inside.
    """
    modified = min(max(modified, 0), LATEST)
    parts: list[bytes] = []
    for name, content in members.items():
        parts += [_header(name, len(content), modified), content, bytes(-len(content) % BLOCK)]
    # Two blocks of zeros end an archive; more of them, as some tars write for tape drives, say nothing.
    return b"".join((*parts, bytes(2 * BLOCK)))


def read_archive(data: bytes, sizes: Mapping[str, int]) -> Archive:
    """What `write_archive` was given.

    Args:
        data: the tar, whole. The result is never larger.
        sizes: the members that must be there, in this order, each with the most bytes that it may have.

    Raises:
        ArchiveError: anything is there that `write_archive` would have written in another way.
    """
    members: dict[str, bytes] = {}
    modified = None
    at = 0
    for name, most in sizes.items():
        header = data[at : at + BLOCK]
        size, written = _read_header(header, name)
        if size > most:
            raise ArchiveError(f"{name} has {size:,} bytes, at most {most:,} are allowed")
        modified = written if modified is None else modified
        if written != modified or header != _header(name, size, modified):
            raise ArchiveError(f"the header of {name} is not as it was written: the archive was changed or repacked")
        at += BLOCK
        content = data[at : at + size]
        padding = data[at + size : at + size + -size % BLOCK]
        if len(content) < size or padding != bytes(-size % BLOCK):
            raise ArchiveError(f"the archive ends within {name}, or something lies behind it: it is damaged")
        members[name] = content
        at += size + len(padding)
    if data[at:] != bytes(2 * BLOCK):
        raise ArchiveError(_after_the_last(data[at : at + BLOCK]))
    return Archive(members, modified or 0)


def _header(name: str, size: int, modified: int) -> bytes:
    fields = (
        name.encode("ascii").ljust(100, b"\0"),
        b"0000644\0",  # mode
        b"0000000\0",  # user and group: root, without a name, wherever it was built
        b"0000000\0",
        b"%011o\0" % size,
        b"%011o\0" % modified,
        b" " * 8,  # the checksum counts itself as spaces
        b"0",  # a plain file
        bytes(100),
        b"ustar\x0000",
        bytes(32),
        bytes(32),
        b"0000000\0",
        b"0000000\0",
        bytes(155 + 12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _read_header(header: bytes, name: str) -> tuple[int, int]:
    """The size and the time in a header, which should be that of `name`."""
    if len(header) < BLOCK or not header.strip(b"\0"):
        raise ArchiveError(f"{name} is missing: the archive ends before it")
    if header[257:262] != b"ustar":
        raise ArchiveError("this is no tar archive, or not a plain one")
    found = _name(header)
    if header[156:157] in _KINDS:
        raise ArchiveError(f"it holds {_KINDS[header[156:157]]}, '{found}': a bundle has plain files only")
    if found != name:
        raise ArchiveError(f"it holds '{found}' where {name} should be")
    if not (_OCTAL.fullmatch(header[124:136]) and _OCTAL.fullmatch(header[136:148])):
        raise ArchiveError(f"the size or the time of {name} cannot be read")
    return int(header[124:135], 8), int(header[136:147], 8)


def _after_the_last(header: bytes) -> str:
    if len(header) == BLOCK and header[257:262] == b"ustar":
        return f"it holds one thing more, '{_name(header)}', which is no part of a bundle"
    return "the end of the archive is not as it was written: it is damaged or was repacked"


def _name(header: bytes) -> str:
    return shown(header[:100].rstrip(b"\0").decode("ascii", "replace"), 100)
