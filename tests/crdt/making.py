"""One sound operation of each form, and small changes to it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.crdt import model
from tests.crdt.histories import START, key_of
from tui_registry.crdt import Op, parse_op
from tui_registry.errors import OP_KINDS, Json, OpKind, Record
from tui_registry.records.schema import defaults

ADA, BOB = key_of("ada"), key_of("bob")
KINDS = OP_KINDS


def fresh(kind: OpKind = "model", name: str = "tiny", *, by: Any = ADA, at: int = START, **fields: Json) -> Record:
    """A record ready to be signed as a root, or the manifest of a model of that name."""
    record = defaults(kind)
    record.update(owner_id=by.address, created_at=at, updated_at=at)
    record["subject_name" if kind == "manifest" else "name"] = name
    record.update(fields)
    if kind == "manifest":
        subject = model.derived_id("model", by.address, str(record["subject_name"]), at)
        record.update(subject_id=subject, manifest_id=model.manifest_id(subject))
    else:
        record[model.ID[kind]] = model.derived_id(kind, by.address, str(record["name"]), at)
    return record


def root_tree(kind: OpKind = "model", **fields: Json) -> Any:
    return model.up_tree(ADA, kind, fresh(kind, **fields))


def root(kind: OpKind = "model", **fields: Json) -> Op:
    return parse_op(model.spell(root_tree(kind, **fields)))


def write_on(*children: Op, later: int = 1, by: Any = ADA, clock: int | None = None, **fields: Json) -> Op:
    """A sound write on top of these."""
    return parse_op(model.spell(write_tree(*children, later=later, by=by, clock=clock, **fields)))


def write_tree(*children: Op, later: int = 1, by: Any = ADA, clock: int | None = None, **fields: Json) -> Any:
    first = children[0]
    base = first.record if first.record is not None else fresh(first.kind)
    record = {**base, "updated_at": max(child.updated_at for child in children) + later, **fields}
    clock = next_clock(children) if clock is None else clock
    return model.up_tree(by, first.kind, record, [child.hash for child in children], clock)


def removal_of(*children: Op, later: int = 1, by: Any = ADA, clock: int | None = None, key: str | None = None) -> Op:
    """A sound removal of these."""
    clock = next_clock(children) if clock is None else clock
    updated_at = max(child.updated_at for child in children) + later
    named = [child.hash for child in children]
    tree = model.rm_tree(by, children[0].kind, key or children[0].key, named, clock, updated_at)
    return parse_op(model.spell(tree))


def next_clock(children: tuple[Op, ...]) -> int:
    return 1 + max(next(iter(child.clock.values())) for child in children)


def changed(tree: Any, change: Callable[[Any], None]) -> bytes:
    """The tree's bytes after a change to a copy of its inner object (what stands beside Up or Rm)."""
    tree = copy.deepcopy(tree)
    (inner,) = tree.values()
    (op,) = inner.values()
    change(op)
    return model.spell(tree)
