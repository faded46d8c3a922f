"""Validity and State of a key of protocol.md in plain Python: a set of operations, and pure functions over it. The
oracle of the laws.

Nothing here comes from `tui_registry.crdt` but the address that a signature recovers to: reading, spelling, hashing,
the rules and the state of a key are written anew, in the design's words and with no thought of speed. Records are
encoded and limited by `tui_registry.records`, which the reference's vectors prove.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from tui_registry.crdt.keys import Identity, recover
from tui_registry.errors import OpKind, Record
from tui_registry.records.wire import ShapeError, canonical_bytes, wire_limits

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KINDS: dict[str, OpKind] = {"Model": "model", "Agent": "agent", "Manifest": "manifest"}
VARIANTS: dict[OpKind, str] = {"model": "Model", "agent": "Agent", "manifest": "Manifest"}
ID: dict[OpKind, str] = {"model": "model_id", "agent": "agent_id", "manifest": "manifest_id"}
LAST_SECOND = 253402300799

Tree = Any


class BrokenRuleError(Exception):
    """An operation that breaks a rule; `code` as in the design."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Fact(NamedTuple):
    """An operation that passes rules 1 to 5. `created_at` of a removal is None: it carries its record's on."""

    kind: OpKind
    key: str
    hash: str
    children: tuple[str, ...]
    is_rm: bool
    owner: str
    clock: int
    created_at: int | None
    updated_at: int
    record: Record | None


# ---- spelling and hashes -------------------------------------------------------------------------------------------


def spell(value: Tree) -> bytes:
    """The one byte string of an operation, as serde_json prints it."""
    return _spelt(value).encode()


def _spelt(value: Tree) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if type(value) is int:
        return str(value)
    if type(value) is str:
        return '"' + value.translate(_ESCAPES) + '"'
    if type(value) is list:
        return "[" + ",".join(_spelt(item) for item in value) + "]"
    if type(value) is dict:
        return "{" + ",".join(f"{_spelt(name)}:{_spelt(item)}" for name, item in value.items()) + "}"
    raise BrokenRuleError("malformed")


_ESCAPES = str.maketrans(
    {chr(code): f"\\u{code:04x}" for code in range(0x20)}
    | {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
)


def hash_of_up(kind: OpKind, record: Record, vclock: dict[str, int], children: Iterable[str]) -> bytes:
    """SHA3-256 over the children ascending, the value, the clock ascending by actor."""
    parts = [child.encode() for child in sorted(children)]
    parts.append(canonical_bytes(kind, record))
    parts += [_entry(actor, counter) for actor, counter in sorted(vclock.items())]
    return hashlib.sha3_256(b"".join(parts)).digest()


def hash_of_rm(kind: OpKind, key: str, clock: dict[str, int], children: Iterable[str], updated_at: int) -> bytes:
    """SHA3-256 over the domain, the kind, the key, the children, the clock, the time."""
    parts = [b"tui_registry/rm/1\0", kind.encode(), b"\0", key.encode()]
    parts += [child.encode() for child in sorted(children)]
    parts += [_entry(actor, counter) for actor, counter in sorted(clock.items())]
    parts.append(updated_at.to_bytes(8, "big", signed=True))
    return hashlib.sha3_256(b"".join(parts)).digest()


def _entry(actor: str, counter: int) -> bytes:
    return actor.encode() + counter.to_bytes(8, "big")


def derived_id(kind: OpKind, owner: str, name: str, created_at: int) -> str:
    seconds = created_at.to_bytes(8, "big", signed=True)
    return hashlib.sha3_256(
        kind.encode() + b"\0" + owner.encode() + b"\0" + name.encode() + b"\0" + seconds
    ).hexdigest()


def manifest_id(subject_id: str) -> str:
    return hashlib.sha3_256(b"manifest\0" + subject_id.encode()).hexdigest()


# ---- making operations, right and wrong ones -----------------------------------------------------------------------


def up_tree(
    signer: Identity,
    kind: OpKind,
    record: Record,
    children: Iterable[str] = (),
    clock: int = 1,
    *,
    counter: int = 1,
    actor: str | None = None,
    key: str | None = None,
    vclock: dict[str, int] | None = None,
) -> Tree:
    """The tree of an Up, hashed and signed as it is, whatever rules it breaks."""
    named = sorted(children)
    vclock = {signer.address: clock} if vclock is None else vclock
    digest = hash_of_up(kind, record, vclock, named)
    return {
        VARIANTS[kind]: {
            "Up": {
                "dot": {"actor": actor or signer.address, "counter": counter},
                "key": record[ID[kind]] if key is None else key,
                "op": {
                    "op": {"value": record, "vclock": vclock, "children": named},
                    "signature": _signed(signer, digest),
                    "hash": digest.hex(),
                },
            }
        }
    }


def rm_tree(
    signer: Identity,
    kind: OpKind,
    key: str,
    children: Iterable[str],
    clock: int,
    updated_at: int,
    *,
    keyset: list[str] | None = None,
    vclock: dict[str, int] | None = None,
) -> Tree:
    """The tree of an Rm, hashed and signed as it is, whatever rules it breaks."""
    named = sorted(children)
    vclock = {signer.address: clock} if vclock is None else vclock
    digest = hash_of_rm(kind, key, vclock, named, updated_at)
    return {
        VARIANTS[kind]: {
            "Rm": {
                "clock": vclock,
                "keyset": [key] if keyset is None else keyset,
                "children": named,
                "updated_at": updated_at,
                "signature": _signed(signer, digest),
                "hash": digest.hex(),
            }
        }
    }


def _signed(signer: Identity, digest: bytes) -> Tree:
    signature, rec = signer.sign(digest)
    return {"sig": signature.hex(), "rec": rec}


# ---- rules 1 to 5: one operation by itself -------------------------------------------------------------------------


@lru_cache(maxsize=100_000)
def judge(body: bytes) -> Fact | str:
    """What the operation says when it passes rules 1 to 5, otherwise the code of the lowest-numbered broken one."""
    try:
        return _judged(body)
    except BrokenRuleError as broken:
        return broken.code


def _judged(body: bytes) -> Fact:
    tree = _read(body)
    variant, inner = _only(tree)
    if variant not in KINDS:
        raise BrokenRuleError("unsupported")
    kind = KINDS[variant]
    form, op = _only(inner)
    if form == "Up":
        return _judged_up(kind, tree, op, body)
    if form == "Rm":
        return _judged_rm(kind, tree, op, body)
    raise BrokenRuleError("unsupported")


def _judged_up(kind: OpKind, tree: Tree, op: Tree, body: bytes) -> Fact:
    dot, key, signed = _members(op, "dot", "key", "op")
    actor, counter = _members(dot, "actor", "counter")
    inner, signature, claimed = _members(signed, "op", "signature", "hash")
    record, vclock, children = _members(inner, "value", "vclock", "children")
    _hex(actor, 40)
    _count(counter)
    if type(key) is not str or type(record) is not dict:
        raise BrokenRuleError("malformed")
    try:
        canonical_bytes(kind, record)
    except ShapeError:
        raise BrokenRuleError("malformed") from None
    _shape(vclock, children, signature, claimed)
    _same_spelling(tree, body)
    # 1, limits
    if len(body) > 65_536 or wire_limits(kind, record) is not None or "\0" in key:
        raise BrokenRuleError("limit")
    # 2
    if key != record[ID[kind]]:
        raise BrokenRuleError("key")
    # 3
    if hash_of_up(kind, record, vclock, children).hex() != claimed:
        raise BrokenRuleError("hash")
    # 4
    owner = _signer(claimed, signature)
    if actor != owner or list(vclock) != [owner]:
        raise BrokenRuleError("actor")
    # 5
    if record["owner_id"] != owner:
        raise BrokenRuleError("owner")
    if kind == "manifest":
        subject = derived_id(KINDS[record["subject_kind"]], owner, record["subject_name"], record["created_at"])
        if record["subject_id"] != subject or key != manifest_id(subject):
            raise BrokenRuleError("id")
    elif not children and record[ID[kind]] != derived_id(kind, owner, record["name"], record["created_at"]):
        raise BrokenRuleError("id")
    times = record["created_at"], record["updated_at"]
    return Fact(kind, key, claimed, tuple(children), False, owner, vclock[owner], *times, record)


def _judged_rm(kind: OpKind, tree: Tree, op: Tree, body: bytes) -> Fact:
    vclock, keyset, children, updated_at, signature, claimed = _members(
        op, "clock", "keyset", "children", "updated_at", "signature", "hash"
    )
    if type(keyset) is not list or not all(type(key) is str for key in keyset):
        raise BrokenRuleError("malformed")
    if type(updated_at) is not int or not -(2**63) <= updated_at < 2**63:
        raise BrokenRuleError("malformed")
    _shape(vclock, children, signature, claimed)
    _same_spelling(tree, body)
    # 1, limits
    if len(body) > 65_536 or not 0 <= updated_at <= LAST_SECOND:
        raise BrokenRuleError("limit")
    if not all(re.fullmatch("[0-9a-f]{64}", key) for key in keyset):
        raise BrokenRuleError("limit")
    # 2
    if len(keyset) != 1:
        raise BrokenRuleError("key")
    # 3
    if hash_of_rm(kind, keyset[0], vclock, children, updated_at).hex() != claimed:
        raise BrokenRuleError("hash")
    # 4
    owner = _signer(claimed, signature)
    if list(vclock) != [owner]:
        raise BrokenRuleError("actor")
    # 5
    if not children:
        raise BrokenRuleError("child")
    return Fact(kind, keyset[0], claimed, tuple(children), True, owner, vclock[owner], None, updated_at, None)


def _read(body: bytes) -> Tree:
    def once(pairs: list[tuple[str, Tree]]) -> Tree:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a member twice")
        return dict(pairs)

    def never(_: str) -> Tree:
        raise ValueError("not a number that an op may hold")

    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=once, parse_constant=never)
    except (ValueError, RecursionError):
        raise BrokenRuleError("malformed") from None


def _only(tree: Tree) -> tuple[str, Tree]:
    if type(tree) is not dict or len(tree) != 1:
        raise BrokenRuleError("malformed")
    return next(iter(tree.items()))


def _members(tree: Tree, *names: str) -> list[Tree]:
    if type(tree) is not dict or list(tree) != list(names):
        raise BrokenRuleError("malformed")
    return list(tree.values())


def _hex(value: Tree, digits: int) -> None:
    if type(value) is not str or not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
        raise BrokenRuleError("malformed")


def _count(value: Tree) -> None:
    if type(value) is not int or not 1 <= value < 2**63:
        raise BrokenRuleError("malformed")


def _shape(vclock: Tree, children: Tree, signature: Tree, claimed: Tree) -> None:
    if type(vclock) is not dict or list(vclock) != sorted(vclock):
        raise BrokenRuleError("malformed")
    for actor, counter in vclock.items():
        _hex(actor, 40)
        _count(counter)
    if type(children) is not list or len(children) > 16:
        raise BrokenRuleError("malformed")
    for child in children:
        _hex(child, 64)
    if children != sorted(set(children)):
        raise BrokenRuleError("malformed")
    sig, rec = _members(signature, "sig", "rec")
    _hex(sig, 128)
    _hex(claimed, 64)
    if type(rec) is not int or not 0 <= rec <= 3:
        raise BrokenRuleError("malformed")


def _same_spelling(tree: Tree, body: bytes) -> None:
    try:
        spelt = spell(tree)
    except UnicodeEncodeError:  # a lone surrogate has no bytes
        raise BrokenRuleError("malformed") from None
    if spelt != body:
        raise BrokenRuleError("malformed")


def _signer(claimed: str, signature: Tree) -> str:
    sig = bytes.fromhex(signature["sig"])
    r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
    if not (1 <= r < ORDER and 1 <= s <= ORDER // 2):
        raise BrokenRuleError("signature")
    address = recover(bytes.fromhex(claimed), sig, signature["rec"])
    if address is None:
        raise BrokenRuleError("signature")
    return address


# ---- rules 6 to 8, and the state of a set --------------------------------------------------------------------------


def broken_against(fact: Fact, children: list[Fact]) -> str | None:
    """The code of the lowest-numbered of rules 6 to 8 that the operation breaks against its valid children."""
    if any((child.kind, child.key) != (fact.kind, fact.key) for child in children):
        return "child"
    if any(child.owner != fact.owner for child in children):
        return "owner"
    if fact.clock != 1 + max([0, *(child.clock for child in children)]):
        return "clock"
    if fact.created_at is not None and any(child.created_at != fact.created_at for child in children):
        return "time"
    if any(child.updated_at > fact.updated_at for child in children):
        return "time"
    return None


@dataclass(frozen=True)
class State:
    """What a set of operations amounts to. `rejected` and `pending` hold bodies, `valid` goes by hash.

    It stays as it is, so that each question is worked out once: some are asked of every record.
    """

    valid: dict[str, Fact]
    pending: set[bytes]
    rejected: dict[bytes, str]
    unsupported: set[bytes]
    by_key: dict[str, list[Fact]]

    def of(self, key: str) -> list[Fact]:
        return self.by_key.get(key, [])

    def heads(self, key: str) -> list[Fact]:
        """Valid ops that no valid op names as a child."""
        return self._heads.get(key, [])

    @cached_property
    def _heads(self) -> dict[str, list[Fact]]:
        found = {}
        for key, ops in self.by_key.items():
            named = {child for op in ops for child in op.children}
            found[key] = sorted((op for op in ops if op.hash not in named), key=lambda op: op.hash)
        return found

    def live_heads(self, key: str) -> list[Fact]:
        return [head for head in self.heads(key) if not head.is_rm]

    def winner(self, key: str) -> Fact | None:
        """The live head with the largest clock, ties to the smallest hash."""
        live = self.live_heads(key)
        if not live:
            return None
        largest = max(head.clock for head in live)
        return min((head for head in live if head.clock == largest), key=lambda head: head.hash)

    @cached_property
    def keys(self) -> list[str]:
        return sorted(self.by_key)

    @cached_property
    def current(self) -> dict[str, Fact]:
        """The current record or manifest of each key that has one."""
        return {key: best for key in self.keys if (best := self.winner(key)) is not None}

    @cached_property
    def catalogue(self) -> dict[str, Fact]:
        """The current record of each key that has one."""
        return {key: best for key, best in self.current.items() if best.kind != "manifest"}

    @cached_property
    def manifests(self) -> dict[str, Fact]:
        """The current manifests, by the id of the record that each belongs to, which need not be here."""
        found = (best for best in self.current.values() if best.kind == "manifest")
        return {best.record["subject_id"]: best for best in found if best.record is not None}

    @cached_property
    def conflicts(self) -> list[str]:
        """The current records of which, or of whose manifests, several versions are live."""
        return [key for key in self.catalogue if max(len(self.live_heads(key)), self.manifest_heads(key)) > 1]

    def manifest_heads(self, record: str) -> int:
        """How many versions of the manifest of a record are live."""
        manifest = self.manifests.get(record)
        return 0 if manifest is None else len(self.live_heads(manifest.key))

    @cached_property
    def fingerprint(self) -> str:
        return f"{sum(int(digest, 16) for digest in self.valid) % 2**256:064x}"


def state(bodies: Iterable[bytes]) -> State:
    """What a set of byte strings amounts to, whatever order they came in."""
    bodies = set(bodies)
    judged = {body: judge(body) for body in bodies}
    unsupported = {body for body, verdict in judged.items() if verdict == "unsupported"}
    rejected = {
        body: verdict for body, verdict in judged.items() if isinstance(verdict, str) and body not in unsupported
    }
    waiting = {body: verdict for body, verdict in judged.items() if isinstance(verdict, Fact)}
    valid: dict[str, Fact] = {}
    while True:
        ready = [body for body, fact in waiting.items() if all(child in valid for child in fact.children)]
        if not ready:
            by_key: dict[str, list[Fact]] = {}
            for fact in sorted(valid.values(), key=lambda fact: fact.hash):
                by_key.setdefault(fact.key, []).append(fact)
            return State(valid, set(waiting), rejected, unsupported, by_key)
        for body in ready:
            fact = waiting.pop(body)
            children = [valid[child] for child in fact.children]
            code = broken_against(fact, children)
            if code is not None:
                rejected[body] = code
            else:
                if fact.is_rm:
                    fact = fact._replace(created_at=children[0].created_at)
                valid[fact.hash] = fact
