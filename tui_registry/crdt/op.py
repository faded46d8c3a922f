"""Operations as they travel: one JSON object, one spelling, one hash; see protocol.md, Operations."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import ClassVar

from tui_registry import records
from tui_registry.errors import Kind, Record, RegistryError
from tui_registry.records.schema import ID_FIELD

# Of the validity rules: remembered rejections fall when this number changes.
RULES_VERSION = 1

MAX_CHILDREN = 16
MAX_COUNTER = 2**63 - 1

VARIANTS: dict[Kind, str] = {"model": "Model", "agent": "Agent"}


class OpError(RegistryError):
    """Bytes that are not a valid operation. `code` is one of `malformed`, `limit`, `key`, `hash`, `signature`,
    `actor`, `owner`, `id`, `child`, `clock`, `time`, `unsupported`."""


class Op:
    """One operation of the right shape. What its members claim is checked by `tui_registry.crdt.rules`.

    Attributes:
        kind: "model" or "agent".
        key: the id of the record, 64 hex digits once checked.
        hash: the hash that the op claims, 64 hex digits.
        children: the heads its author had seen, ascending hex hashes.
        is_rm: whether it removes the record.
        clock: actor -> counter; a checked op names its signer alone.
        record: the plain record of an Up, None for an Rm.
        updated_at: Unix seconds.
        created_at: Unix seconds; of an Rm, what its record carried: None until its children are known.
        actor: the address in the dot of an Up, and the signer once checked; None for an Rm not yet checked.
        body: the op's exact bytes.
    """

    __slots__ = (
        "_hashed",
        "actor",
        "body",
        "children",
        "clock",
        "created_at",
        "hash",
        "is_rm",
        "key",
        "keyset",
        "rec",
        "record",
        "signature",
        "updated_at",
    )
    kind: ClassVar[Kind]

    def __init__(
        self,
        *,
        key: str,
        keyset: list[str],
        hash: str,  # noqa: A002 - the field's name on the wire
        children: tuple[str, ...],
        clock: Mapping[str, int],
        signature: bytes,
        rec: int,
        record: Record | None,
        created_at: int | None,
        updated_at: int,
        actor: str | None,
        body: bytes,
        hashed: bytes,
    ) -> None:
        self.key = key
        self.keyset = keyset
        self.hash = hash
        self.children = children
        self.is_rm = record is None
        self.clock = clock
        self.signature = signature
        self.rec = rec
        self.record = record
        self.created_at = created_at
        self.updated_at = updated_at
        self.actor = actor
        self.body = body
        self._hashed = hashed

    def to_json(self) -> bytes:
        """The op's one spelling, as UTF-8 bytes without a line end."""
        return self.body

    def computed_hash(self) -> str:
        """The hash that the op ought to carry, 64 hex digits."""
        return hashlib.sha3_256(self._hashed).hexdigest()

    def signer(self) -> str:
        """The address that signed the op's hash.

        Raises:
            OpError: code `signature`.
        """
        from tui_registry.crdt.keys import recover

        address = recover(bytes.fromhex(self.hash), self.signature, self.rec)
        if address is None:
            raise OpError("signature", "the signature is not a valid one: no key could have made it")
        return address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Op) and self.body == other.body

    def __hash__(self) -> int:
        return hash(self.body)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'Rm' if self.is_rm else 'Up'} {self.hash[:8]} of {self.key[:8]}>"


class ModelOp(Op):
    """An operation on a model."""

    __slots__ = ()
    kind = "model"

    @property
    def value(self) -> records.AIModel | None:
        """The model that an Up writes, as a typed record."""
        return None if self.record is None else records.AIModel.from_plain(self.record)


class AgentOp(Op):
    """An operation on an agent."""

    __slots__ = ()
    kind = "agent"

    @property
    def value(self) -> records.AIAgent | None:
        """The agent that an Up writes, as a typed record."""
        return None if self.record is None else records.AIAgent.from_plain(self.record)


def hashed_up(children: tuple[str, ...], canonical: bytes, clock: Mapping[str, int]) -> bytes:
    """What the hash of an Up is taken over: children ascending, the value, the clock ascending by actor."""
    return b"".join((*(child.encode() for child in children), canonical, _clock_bytes(clock)))


def hashed_rm(kind: Kind, key: str, children: tuple[str, ...], clock: Mapping[str, int], updated_at: int) -> bytes:
    """What the hash of an Rm is taken over; see protocol.md, Hashes and signatures."""
    return b"".join(
        (
            b"tui_registry/rm/1\0",
            kind.encode(),
            b"\0",
            key.encode(),
            *(child.encode() for child in children),
            _clock_bytes(clock),
            updated_at.to_bytes(8, "big", signed=True),
        )
    )


def claimed_hash(body: bytes) -> str | None:
    """The hash that an op's bytes end in, None where they end otherwise; nothing of them is checked.

    It only says which question they answer.
    """
    match = _LAST_MEMBER.search(body)
    return None if match is None else match[1].decode()


# The one spelling of an op ends in its hash: within the members of an Up, or of an Rm.
_LAST_MEMBER = re.compile(rb'"hash":"([0-9a-f]{64})"\}{3,4}\Z')


def digest_of(body: bytes) -> bytes:
    """The digest of 32 bytes by which whole bytes are kept: a hash that they claim says nothing about them."""
    return hashlib.blake2b(body, digest_size=32).digest()


def id_of(kind: Kind, record: Record) -> str:
    """The id that a plain record of the right shape carries."""
    value = record[ID_FIELD[kind]]
    assert type(value) is str
    return value


def _clock_bytes(clock: Mapping[str, int]) -> bytes:
    return b"".join(actor.encode() + clock[actor].to_bytes(8, "big") for actor in sorted(clock))
