"""The validity rules: functions of operations, never of a clock, a setting or arrival order.

The numbers are those of protocol.md, Validity; the lowest-numbered broken rule gives the code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tui_registry.crdt.op import MAX_COUNTER, Op, OpError, id_of
from tui_registry.errors import Kind, OpKind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import MAX_OP_BYTES, MAX_TIME
from tui_registry.records.wire import derive_id, derive_manifest_id, wire_limits

_ID = re.compile(r"[0-9a-f]{64}").fullmatch
_SUBJECTS: dict[str, Kind] = {"Model": "model", "Agent": "agent"}


class Ancestor(NamedTuple):
    """What rules 6 to 8 ask of an op and of its valid children. `clock` is the owner's own counter, `created_at` None
    for an Rm whose children are not known yet: it carries theirs on."""

    hash: str
    kind: OpKind
    key: str
    owner: str
    clock: int
    created_at: int | None
    updated_at: int


def check_op(op: Op, children: Sequence[Op]) -> Ancestor:
    """Apply every rule, given the valid ops that `op` names as its children.

    Args:
        op: an op from `parse_op`.
        children: the ops it names, each checked before; the order does not matter.

    Returns:
        What the rules will ask of `op` when another names it.

    Raises:
        OpError: the code of the lowest-numbered broken rule; `child` also when a named child is not given.
        TypeError: one of them is no op.
    """
    check_alone(_read(op))
    given = {child.hash: child for child in map(_read, children)}
    missing = [name for name in op.children if name not in given]
    if missing:
        raise OpError("child", f"the child {missing[0]} is not among the ops given")
    found = check_against(claim_of(op), [claim_of(given[name]) for name in op.children])
    op.created_at = found.created_at
    return found


def check_alone(op: Op, signer: str | None = None) -> None:
    """Rules 1 to 5, which need no other operation. Sets the op's `actor` to its signer.

    Args:
        op: an op from `parse_op`.
        signer: the recovered address where the caller has it already (verification on threads).
    """
    _rule_1_limits(op)
    _rule_2_key(op)
    if op.computed_hash() != op.hash:
        raise OpError("hash", "the hash is not that of the operation's content")
    if signer is None:
        signer = op.signer()
    _rule_4_actor(op, signer)
    _rule_5_root(op, signer)
    op.actor = signer


def claim_of(op: Op) -> Ancestor:
    """What rules 6 to 8 ask of an op that passed `check_alone`."""
    owner = op.actor if op.actor is not None else op.signer()
    return Ancestor(op.hash, op.kind, op.key, owner, op.clock.get(owner, 0), op.created_at, op.updated_at)


def check_against(claim: Ancestor, children: Sequence[Ancestor]) -> Ancestor:
    """Rules 6 to 8, against valid children.

    Returns:
        The claim, with the `created_at` that an Rm carries on.

    Raises:
        OpError: `child`, `owner`, `clock` or `time`.
    """
    for child in children:
        if child.kind != claim.kind or child.key != claim.key:
            raise OpError("child", "a child belongs to another record")
    for child in children:
        if child.owner != claim.owner:
            raise OpError("owner", "a child belongs to another owner: nobody can write what is not theirs")
    expected = 1 + max((child.clock for child in children), default=0)
    if claim.clock != expected:
        raise OpError("clock", f"the clock says {claim.clock}, but its children make it {expected}")
    created_at = claim.created_at
    for child in children:
        if child.updated_at > claim.updated_at:
            raise OpError("time", "updated_at lies before that of a child")
        if created_at is None:
            created_at = child.created_at
        elif child.created_at is not None and child.created_at != created_at:
            raise OpError("time", "created_at is not that of the children")
    return claim if created_at == claim.created_at else claim._replace(created_at=created_at)


def _read(op: Op) -> Op:
    if not isinstance(op, Op):
        raise TypeError(f"the rules judge what `parse_op` gives, not {type(op).__name__}")
    return op


# How: the rules that look at one op


def _rule_1_limits(op: Op) -> None:
    if len(op.body) > MAX_OP_BYTES:
        raise OpError("limit", f"the operation has {len(op.body):,} bytes, at most {MAX_OP_BYTES:,} are allowed")
    if op.record is not None:
        problem = wire_limits(op.kind, op.record)
        if problem is not None:
            raise OpError("limit", f"the record's {problem.path}: {problem.sentence}")
        if "\0" in op.key:
            raise OpError("limit", "the key holds a NUL character")
        return
    for key in op.keyset:
        if not _ID(key):
            raise OpError("limit", "a key of the keyset is not 64 lower-case hex digits")
    if not 0 <= op.updated_at <= MAX_TIME:
        raise OpError("limit", "updated_at lies outside 1970 to 9999")


def _rule_2_key(op: Op) -> None:
    if op.record is None:
        if len(op.keyset) != 1:
            raise OpError("key", f"the keyset has {len(op.keyset)} keys, it must have exactly one")
    elif op.key != id_of(op.kind, op.record):
        raise OpError("key", "the key is not the record's id")


def _rule_4_actor(op: Op, signer: str) -> None:
    if op.record is not None and op.actor != signer:
        raise OpError("actor", f"the dot names {op.actor}, but {signer} signed")
    if len(op.clock) != 1 or signer not in op.clock:
        raise OpError("actor", "the clock must name the signer alone")
    assert 1 <= op.clock[signer] <= MAX_COUNTER


def _rule_5_root(op: Op, signer: str) -> None:
    if op.record is None:
        if not op.children:
            raise OpError("child", "a removal must name what it removes")
        return
    if op.record["owner_id"] != signer:
        raise OpError("owner", "the record's owner_id is not the signer")
    created = op.created_at
    assert created is not None
    if op.kind == "manifest":
        _rule_5_subject(op.record, signer, created)
    elif not op.children:
        name = op.record["name"]
        assert type(name) is str
        if op.key != derive_id(op.kind, signer, name, created):
            raise OpError("id", "a new record's id must be derived from its owner, name and time of creation")


def _rule_5_subject(manifest: Record, signer: str, created: int) -> None:
    """Every version of a manifest is held to this, so that only the record's owner can write one, whether or not the
    record itself is here."""
    kind, name, subject = manifest["subject_kind"], manifest["subject_name"], manifest["subject_id"]
    assert type(name) is str
    assert type(subject) is str
    if subject != derive_id(_SUBJECTS[str(kind)], signer, name, created):
        raise OpError("id", "a manifest's subject_id must be derived from its owner, subject_name and created_at")
    if manifest["manifest_id"] != derive_manifest_id(subject):
        raise OpError("id", "a manifest's id must be derived from its subject_id")
