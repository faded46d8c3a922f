"""What records are to one another: `dependants` and `lineage`, and who is affected by what other commands do."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.output import note, out, out_json
from tui_registry.cli.registry import asking, find, open_either
from tui_registry.datastore import StoreError
from tui_registry.exports import MOST_PARTS, bill_of
from tui_registry.present import links as words
from tui_registry.text import exact

if TYPE_CHECKING:
    from tui_registry.cli.registry import Registry
    from tui_registry.datastore import Datastore, Direction


def dependants(args: Namespace) -> int:
    """Show what stands on the record."""
    return _walk(args, "dependants")


def lineage(args: Namespace) -> int:
    """Show what the record stands on."""
    return _walk(args, "lineage")


def say_affected(registry: Registry, record_id: str) -> None:
    """Say who names a record before something becomes of it; it keeps nobody from doing that. A node of before tells
    nothing of it."""
    try:
        line = words.affected_line(registry.links.affected(record_id))
    except StoreError as error:
        if error.code != "too_old":
            raise
        return
    if line is not None:
        note(asking(registry, f"{line}: 'tui-registry dependants {record_id[:12]}' lists who that is"))


def write_bom(datastore: Datastore, prefix: str) -> None:
    """Write a record, with all that it needs and prefers, as a bill of materials."""
    _, identifier = _live(datastore, prefix)
    bill, is_whole = bill_of(datastore, identifier, int(time.time()))
    if not is_whole:
        note(f"it ends after {exact(MOST_PARTS)} records")
    out_json(bill)


# How


def _walk(args: Namespace, direction: Direction) -> int:
    upwards = direction == "dependants"
    with open_either(args) as registry:
        kind, identifier = registry.find(args.id, deleted=True) if upwards else _live(registry, args.id)
        walk = registry.links.walk(identifier, direction, args.depth)
        affected = registry.links.affected(identifier) if upwards else None
    if args.json:
        counts = {} if affected is None else {"counts": words.affected_json(affected)}
        out_json({"kind": kind, "id": identifier, **counts, **words.walk_json(walk, upwards=upwards)})
        return 0
    for line in words.tree_lines(walk, upwards=upwards):
        out(line)
    for clash in words.clashes(walk, upwards=upwards):
        out(f"! {words.clash_line(clash)}")
    if len(walk.nodes) == 1 and not walk.deeper:
        note("nothing here names it" if upwards else "it names no model that it needs, prefers or was made from")
    elif affected is not None and (told := words.affected_line(affected)):
        note(told)
    for cut in words.cuts(walk):
        note(cut)
    return 0


def _live(registry: Registry, typed: str) -> tuple[str, str]:
    entry = find(registry, typed)
    return entry.kind, entry.id
