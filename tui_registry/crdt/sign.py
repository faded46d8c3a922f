"""Making and signing operations. Pure: the caller knows the heads, the clock and the time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tui_registry.crdt.keys import Identity
from tui_registry.crdt.op import VARIANTS, AnyOp, hashed_rm, hashed_up, id_of, parse_op
from tui_registry.crdt.spelling import spell
from tui_registry.errors import Json, OpKind, Record
from tui_registry.records.schema import MAX_CHILDREN
from tui_registry.records.wire import canonical_bytes


def sign_up(
    identity: Identity, kind: OpKind, record: Record, *, children: Sequence[str] = (), clock: int = 1, counter: int = 1
) -> AnyOp:
    """Sign a write of `record` on top of `children`.

    Args:
        identity: the owner's.
        kind: of the record.
        record: plain, complete, with its id, owner and times set.
        children: hashes of the heads seen, at most 16.
        clock: 1 + the largest clock among the children.
        counter: the dot's, 1 + the number of this actor's ops known; nothing depends on it.

    Returns:
        The op. It is not checked: an op that breaks a rule can be made (and must be, in tests).
    """
    named = tuple(sorted(children))
    vclock = {identity.address: clock}
    digest = hashlib.sha3_256(hashed_up(named, canonical_bytes(kind, record), vclock)).digest()
    tree: Json = {
        VARIANTS[kind]: {
            "Up": {
                "dot": {"actor": identity.address, "counter": counter},
                "key": id_of(kind, record),
                "op": {
                    "op": {"value": record, "vclock": {**vclock}, "children": [*named]},
                    "signature": _signature(identity, digest),
                    "hash": digest.hex(),
                },
            }
        }
    }
    return parse_op(spell(tree))


def sign_rm(
    identity: Identity, kind: OpKind, key: str, *, children: Sequence[str], clock: int, updated_at: int
) -> AnyOp:
    """Sign a removal of what `children` wrote; arguments as for `sign_up`, `updated_at` in Unix seconds."""
    named = tuple(sorted(children))
    vclock = {identity.address: clock}
    digest = hashlib.sha3_256(hashed_rm(kind, key, named, vclock, updated_at)).digest()
    tree: Json = {
        VARIANTS[kind]: {
            "Rm": {
                "clock": {**vclock},
                "keyset": [key],
                "children": [*named],
                "updated_at": updated_at,
                "signature": _signature(identity, digest),
                "hash": digest.hex(),
            }
        }
    }
    return parse_op(spell(tree))


def chain_of_children(heads: Sequence[str]) -> list[tuple[str, ...]]:
    """Split heads into the children of a chain of ops, none naming more than 16; see protocol.md, State of a key.

    The first op names the first 16 heads by hash; each next one names the op before it, which the caller adds, and up
    to 15 more.
    """
    ordered = sorted(heads)
    links = [tuple(ordered[:MAX_CHILDREN])]
    step = MAX_CHILDREN - 1
    links.extend(tuple(ordered[start : start + step]) for start in range(MAX_CHILDREN, len(ordered), step))
    return links


def _signature(identity: Identity, digest: bytes) -> Json:
    sig, rec = identity.sign(digest)
    return {"sig": sig.hex(), "rec": rec}
