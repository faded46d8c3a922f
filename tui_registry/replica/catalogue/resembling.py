"""Whose name a record's name looks like, as this replica sees it.

Anybody may call a record what somebody else's is called, or nearly so. Of all records whose names look alike
(`skeletons`) this replica takes as the original one of its own key, else one of a key that was named here, else the one
that came here first; each record of another owner is marked as looking like it. Records of one's own key and of named
keys are never marked: it is known whose they are. That a name looks like another says nothing of who had it first in
the world, and no order and no search depends on it.

It is looked up for what is shown, in one index (`catalogue_looks`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Literal

from tui_registry.errors import Kind
from tui_registry.frozen import NamedTuple
from tui_registry.replica.catalogue.derived import KINDS_BY_CODE, indexed_from
from tui_registry.skeletons import looks, looks_alike

# Among so many that came first, records of one's own and of named keys are looked for. A flood of look-alikes that came
# here before all of these makes the first of them the original.
_LOOKED_THROUGH = 256


class Like(NamedTuple):
    """What a name looks like.

    Attributes:
        kind, id, name, owner: the record that counts as the original; `owner` is 40 hex digits.
        why: it is of this replica's key, of one that has a name here, or came here first.
        called: the local name of its owner's key.
    """

    kind: Kind
    id: str
    name: str
    owner: str
    why: Literal["yours", "named", "first"]
    called: str | None


def resembled(
    db: sqlite3.Connection, own: str, named: Sequence[tuple[str, str]], *, as_strangers: bool = False
) -> list[Like | None]:
    """For each name what it looks like, None where it looks like nobody else's.

    Args:
        own: the address of this replica's key, empty where there is none yet.
        named: names, each with its owner's address.
        as_strangers: whose they are is not believed: what is described elsewhere is not yet anybody's here.
    """
    if not named:
        return []
    called = {owner.hex(): name for owner, name in db.execute("SELECT address, name FROM owner_names")}
    muted = {owner.hex() for (owner,) in db.execute("SELECT owner FROM kept_out WHERE muted_at IS NOT NULL")}
    # While the catalogue is made anew the first are the last to come.
    is_whole = indexed_from(db) <= 1
    found: dict[tuple[str, str], Like | None] = {}
    for name, owner in named:
        if (name, owner) not in found:
            is_known = not as_strangers and (owner == own or owner in called)
            found[name, owner] = None if is_known else _original(db, own, called, muted, name, owner, is_whole)
    return [found[each] for each in named]


def alike_to_others(db: sqlite3.Connection, rids: Sequence[int]) -> set[int]:
    """Those of some records whose names may look like another owner's, told without looking at the names: of a list
    that is looked through, few have any."""
    rows = db.execute(
        "SELECT c.rid FROM json_each(?) AS shown CROSS JOIN catalogue c ON c.rid = shown.value WHERE c.looks IS NULL "
        "OR EXISTS (SELECT 1 FROM (SELECT owner FROM catalogue INDEXED BY catalogue_looks WHERE looks = c.looks "
        "ORDER BY rid LIMIT ?) AS alike WHERE alike.owner <> c.owner)",
        (json.dumps(rids), _LOOKED_THROUGH),
    )
    return {rid for (rid,) in rows}


def known_keys(db: sqlite3.Connection, own: str) -> tuple[bytes, ...]:
    """The owners who are known here: one's own key, and those that have a name; none where these are very many."""
    rows = db.execute("SELECT address FROM owner_names LIMIT ?", (_MOST_NAMED + 1,)).fetchall()
    named = {owner for (owner,) in rows} | ({bytes.fromhex(own)} if own else set())
    return () if len(rows) > _MOST_NAMED else tuple(sorted(named))


# How

_MOST_NAMED = 1_000


def _original(
    db: sqlite3.Connection, own: str, called: dict[str, str], muted: set[str], name: str, owner: str, is_whole: bool
) -> Like | None:
    alike = [
        (rid, holder.hex())
        for rid, holder in db.execute(
            "SELECT rid, owner FROM catalogue INDEXED BY catalogue_looks WHERE looks = ? ORDER BY rid LIMIT ?",
            (looks(name), _LOOKED_THROUGH),
        )
        # What nobody is shown is no original.
        if holder.hex() not in muted
    ]
    rid, holder, why = _chosen(alike, own, called, is_whole)
    if holder in ("", owner):
        return None
    kind, identifier, theirs = db.execute("SELECT kind, id, name FROM catalogue WHERE rid = ?", (rid,)).fetchone()
    if not looks_alike(name, theirs):  # the column holds but a digest
        return None
    return Like(KINDS_BY_CODE[kind], identifier.hex(), theirs, holder, why, called.get(holder))


def _chosen(
    alike: Sequence[tuple[int, str]], own: str, called: dict[str, str], is_whole: bool
) -> tuple[int, str, Literal["yours", "named", "first"]]:
    """The original among records whose names look alike, in the order in which they came; no owner: there is none."""
    for rid, holder in alike:
        if holder == own:
            return rid, holder, "yours"
    for rid, holder in alike:
        if holder in called:
            return rid, holder, "named"
    return (*alike[0], "first") if alike and is_whole else (0, "", "first")
