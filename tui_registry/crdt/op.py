"""Operations as they travel: one JSON object, one spelling, one hash; see protocol.md, Operations."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import ClassVar, NoReturn, TypeAlias

from tui_registry import records
from tui_registry.errors import Json, OpKind, Record, RegistryError
from tui_registry.records.schema import ID_FIELD, MAX_CHILDREN
from tui_registry.records.wire import ShapeError, canonical_bytes

MAX_COUNTER = 2**63 - 1

VARIANTS: dict[OpKind, str] = {"model": "Model", "agent": "Agent", "manifest": "Manifest"}


class OpError(RegistryError):
    """Bytes that are not a valid operation. `code` is one of `malformed`, `limit`, `key`, `hash`, `signature`,
    `actor`, `owner`, `id`, `child`, `clock`, `time`, `unsupported`."""


class Op:
    """One operation of the right shape. What its members claim is checked by `tui_registry.crdt.rules`.

    Attributes:
        kind: "model", "agent" or "manifest".
        key: the id of the record or manifest, 64 hex digits once checked.
        hash: the hash that the op claims, 64 hex digits.
        children: the heads its author had seen, ascending hex hashes.
        is_rm: whether it removes the record.
        clock: actor -> counter; a checked op names its signer alone.
        record: the plain record or manifest of an Up, None for an Rm.
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
    kind: ClassVar[OpKind]

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
        from tui_registry.crdt.keys import recover  # whoever reads a log needs the class, and neither keys nor JSON

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


class ManifestOp(Op):
    """An operation on the manifest of a record."""

    __slots__ = ()
    kind = "manifest"

    @property
    def value(self) -> records.Manifest | None:
        """The manifest that an Up writes, typed."""
        return None if self.record is None else records.Manifest.from_plain(self.record)


AnyOp: TypeAlias = ModelOp | AgentOp | ManifestOp


def hashed_up(children: tuple[str, ...], canonical: bytes, clock: Mapping[str, int]) -> bytes:
    """What the hash of an Up is taken over: children ascending, the value, the clock ascending by actor."""
    return b"".join((*(child.encode() for child in children), canonical, _clock_bytes(clock)))


def hashed_rm(kind: OpKind, key: str, children: tuple[str, ...], clock: Mapping[str, int], updated_at: int) -> bytes:
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
    match = _LAST_MEMBER.search(body, max(0, len(body) - _LONGEST_MEMBER))
    return None if match is None else match[1].decode()


# The one spelling of an op ends in its hash: within the members of an Up, or of an Rm.
_LAST_MEMBER = re.compile(rb'"hash":"([0-9a-f]{64})"\}{3,4}\Z')
_LONGEST_MEMBER = len('"hash":""}}}}') + 64


def digest_of(body: bytes) -> bytes:
    """The digest of 32 bytes by which whole bytes are kept: a hash that they claim says nothing about them."""
    return hashlib.blake2b(body, digest_size=32).digest()


def id_of(kind: OpKind, record: Record) -> str:
    """The id that a plain record of the right shape carries."""
    value = record[ID_FIELD[kind]]
    assert type(value) is str
    return value


def _clock_bytes(clock: Mapping[str, int]) -> bytes:
    return b"".join(actor.encode() + clock[actor].to_bytes(8, "big") for actor in sorted(clock))


# ---- reading one: shape, spelling and widths -------------------------------------------------------------------------

_CLASSES: dict[str, type[AnyOp]] = {"Model": ModelOp, "Agent": AgentOp, "Manifest": ManifestOp}


def parse_op(data: bytes) -> AnyOp:
    """Read an operation: shape, spelling and widths only, none of the rules that need its hash, key or children.

    Args:
        data: the op's JSON, without a line end.

    Raises:
        OpError: code `malformed`, or `unsupported` for an op of a later version.
        TypeError: the data are no bytes.
    """
    if not isinstance(data, bytes):
        raise TypeError(f"an operation is read from bytes, not from {type(data).__name__}")
    from tui_registry.crdt.spelling import decode, spell  # as above

    try:
        tree = decode(data)
    except ValueError as error:
        raise OpError("malformed", f"the bytes are not UTF-8 JSON ({error})") from None
    variant, inner = _only_member(tree, "the operation")
    op_class = _CLASSES.get(variant)
    if op_class is None:
        raise OpError("unsupported", "this operation is of a kind that a later version introduced")
    name, members = _only_member(inner, variant)
    if name == "Up":
        op = _read_up(op_class, members, data)
    elif name == "Rm":
        op = _read_rm(op_class, members, data)
    else:
        raise OpError("unsupported", "this operation is of a form that a later version introduced")
    # Duplicate members, white space, other number or escape spellings: all of them come out different.
    if spell(tree) != data:
        _malformed("the operation is not spelt in its one canonical way")
    return op


# How


def _malformed(sentence: str) -> NoReturn:
    raise OpError("malformed", sentence)


def _only_member(tree: Json, where: str) -> tuple[str, Json]:
    if type(tree) is not dict or len(tree) != 1:
        _malformed(f"{where} must be an object with exactly one member")
    return next(iter(tree.items()))


def _members(tree: Json, names: tuple[str, ...], where: str) -> list[Json]:
    if type(tree) is not dict or tuple(tree) != names:
        _malformed(f"{where} must have the members {', '.join(names)}, in that order")
    return list(tree.values())


_DIGITS = {length: re.compile(rf"[0-9a-f]{{{length}}}").fullmatch for length in (40, 64, 128)}


def _hex(value: Json, length: int, where: str) -> str:
    if type(value) is not str or not _DIGITS[length](value):
        _malformed(f"{where} must be {length} lower-case hex digits")
    return value


def _integer(value: Json, least: int, most: int, where: str) -> int:
    if type(value) is not int or not least <= value <= most:
        _malformed(f"{where} must be a whole number from {least} to {most}")
    return value


def _text(value: Json, where: str) -> str:
    if type(value) is not str:
        _malformed(f"{where} must be text")
    return value


def _clock(value: Json) -> dict[str, int]:
    if type(value) is not dict:
        _malformed("the clock must be an object")
    clock = {}
    before = ""
    for actor, counter in value.items():
        if _hex(actor, 40, "an actor") <= before:
            _malformed("the actors of the clock must ascend")
        before = actor
        clock[actor] = _integer(counter, 1, MAX_COUNTER, "a counter")
    return clock


def _children(value: Json) -> tuple[str, ...]:
    if type(value) is not list or len(value) > MAX_CHILDREN:
        _malformed(f"the children must be a list of at most {MAX_CHILDREN} hashes")
    before = ""
    children = []
    for item in value:
        child = _hex(item, 64, "a child")
        if child <= before:
            _malformed("the children must ascend and be unique")
        children.append(child)
        before = child
    return tuple(children)


def _signature(value: Json) -> tuple[bytes, int]:
    sig, rec = _members(value, ("sig", "rec"), "the signature")
    return bytes.fromhex(_hex(sig, 128, "sig")), _integer(rec, 0, 3, "rec")


_UP = ("dot", "key", "op")
_UP_OP = ("op", "signature", "hash")
_UP_INNER = ("value", "vclock", "children")
_RM = ("clock", "keyset", "children", "updated_at", "signature", "hash")


def _read_up(op_class: type[AnyOp], tree: Json, body: bytes) -> AnyOp:
    dot, key, signed = _members(tree, _UP, "Up")
    actor, counter = _members(dot, ("actor", "counter"), "the dot")
    _integer(counter, 1, MAX_COUNTER, "the dot's counter")
    inner, signature, claimed = _members(signed, _UP_OP, "the signed op")
    record, vclock, named = _members(inner, _UP_INNER, "the op")
    if type(record) is not dict:
        _malformed("the value must be a record")
    try:
        canonical = canonical_bytes(op_class.kind, record)
    except ShapeError as error:
        # The path may be a stranger's member name: any length, any character, even what is none.
        path = error.path.encode("unicode_escape").decode()[:80]
        _malformed(f"the record's {path}: {error.sentence}" if path else f"the record: {error.sentence}")
    sig, rec = _signature(signature)
    clock, children = _clock(vclock), _children(named)
    created_at, updated_at = record["created_at"], record["updated_at"]
    assert type(created_at) is int
    assert type(updated_at) is int
    return op_class(
        key=_text(key, "the key"),
        keyset=[],
        hash=_hex(claimed, 64, "the hash"),
        children=children,
        clock=clock,
        signature=sig,
        rec=rec,
        record=record,
        created_at=created_at,
        updated_at=updated_at,
        actor=_hex(actor, 40, "the dot's actor"),
        body=body,
        hashed=hashed_up(children, canonical, clock),
    )


def _read_rm(op_class: type[AnyOp], tree: Json, body: bytes) -> AnyOp:
    clock_tree, keys, named, time, signature, claimed = _members(tree, _RM, "Rm")
    if type(keys) is not list:
        _malformed("the keyset must be a list")
    keyset = [_text(item, "a key of the keyset") for item in keys]
    key = keyset[0] if keyset else ""
    clock, children = _clock(clock_tree), _children(named)
    updated_at = _integer(time, -(2**63), 2**63 - 1, "updated_at")
    sig, rec = _signature(signature)
    return op_class(
        key=key,
        keyset=keyset,
        hash=_hex(claimed, 64, "the hash"),
        children=children,
        clock=clock,
        signature=sig,
        rec=rec,
        record=None,
        created_at=None,
        updated_at=updated_at,
        actor=None,
        body=body,
        hashed=hashed_rm(op_class.kind, key, children, clock, updated_at),
    )
