"""Records, owners and ops for tests, made deterministically."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache

from tui_registry.crdt import AgentOp, Identity, ModelOp, sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Kind, Record
from tui_registry.records import defaults, derive_id
from tui_registry.records.schema import ID_FIELD

# A Thursday in July 2026, for clocks that stand still.
NOW = 1_784_160_000

_WORDS = ("llama", "mistral", "qwen", "chat", "code", "vision", "tiny", "instruct", "embed", "speech", "agent", "tool")


def owner(name: str) -> Identity:
    """A throw-away identity that is always the same for a name."""
    return Identity(hashlib.sha256(b"test owner " + name.encode()).digest())


def make_record(kind: Kind, name: str, **fields: Json) -> Record:
    """A plain record without id, owner and times that passes the authoring rules."""
    record = defaults(kind)
    record["name"] = name
    if kind == "model":
        record.update(parameters=7_000_000_000, context_length=8192)
    record.update(fields)
    return record


def signed(identity: Identity, kind: Kind, name: str, *, at: int = NOW - 86_400, **fields: Json) -> ModelOp | AgentOp:
    """The root op of a record by that owner, made at `at`."""
    record = make_record(kind, name, **fields)
    record["owner_id"] = identity.address
    record["created_at"] = record["updated_at"] = at
    record[ID_FIELD[kind]] = derive_id(kind, identity.address, name, at)
    return sign_up(identity, kind, record)


def stranger_ops(count: int, *, by: str = "stranger") -> Iterator[ModelOp | AgentOp]:
    """Root ops of `count` records, one in five an agent."""
    return (_stranger_op(number, by) for number in range(count))


@lru_cache(maxsize=8_192)
def _stranger_op(number: int, by: str) -> ModelOp | AgentOp:
    """Made once: nearly every test asks for the first ones, and signing takes longer than all else."""
    first, second = _WORDS[number % len(_WORDS)], _WORDS[(number * 7 + 3) % len(_WORDS)]
    kind: Kind = "agent" if number % 5 == 4 else "model"
    return signed(
        owner(by),
        kind,
        f"{first}-{second}-{number}",
        at=NOW - 86_400 - number * 3600,
        description=f"A {second} {kind} made for tests, number {number}",
        tags=[first, *([second] if second != first else [])],
    )


def written(datastore: Datastore, key: str, record: Record | None) -> ModelOp | AgentOp:
    """A new value for a record of one's own, None to delete it, as somebody writes who looked at all versions of it."""
    found = datastore.versions(key)
    assert found is not None
    if len(found.live) > 1:
        return datastore.resolve(found.kind, key, record, found.heads)
    if record is None:
        return datastore.delete(found.kind, key, found.heads)
    return datastore.update(found.kind, key, record, found.heads)


def seed(datastore: Datastore, count: int = 12) -> None:
    """Put `count` of a stranger's records into a replica."""
    datastore.apply((op.to_json() for op in stranger_ops(count)), source="seed")
