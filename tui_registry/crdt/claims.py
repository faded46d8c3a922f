"""What bytes say of themselves, before anything of it is believed."""

from __future__ import annotations

import hashlib
import re

# The one spelling of an op ends in its hash (DESIGN section 4): within the members of an Up, or of an Rm.
_LAST_MEMBER = re.compile(rb'"hash":"([0-9a-f]{64})"\}{3,4}\Z')


def claimed_hash(body: bytes) -> str | None:
    """The hash that an op's bytes end in, None where they end otherwise. It only says which question they answer."""
    match = _LAST_MEMBER.search(body)
    return None if match is None else match[1].decode()


def digest_of(body: bytes) -> bytes:
    """The digest of 32 bytes by which whole bytes are kept: a hash that they claim says nothing about them."""
    return hashlib.blake2b(body, digest_size=32).digest()
