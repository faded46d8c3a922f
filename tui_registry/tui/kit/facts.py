"""What every screen shows of the replica, and of the last action. No Textual here: the first are read before it."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from tui_registry.datastore import Datastore, NewsCount, Peer, Stats, StoreError, Watched
from tui_registry.frozen import NamedTuple

Tone = Literal["done", "problem", "note"]


class Outcome(NamedTuple):
    """The result of the last action, as the status line shows it."""

    text: str
    tone: Tone


class Facts(NamedTuple):
    """What every screen shows of the replica; `changes` differs whenever something was committed.

    Attributes:
        in_conflict: records of this replica's key that are in conflict.
        address: of this replica's key, 40 hex digits.
        owners: local names by address.
        restored: this replica was put back to an older copy, and nobody took note of that; None before it was looked
            at, which takes a moment and is left to the second look.
        read_only: nothing can be written, so far.
        news: what came from others since somebody looked; None before it was counted, which is left to the second look.
        watched: what somebody watches, and there is something new of.
        elsewhere: operations by this replica's key that it did not write, until their owner says that they are known.
    """

    changes: int
    stats: Stats
    in_conflict: int
    peers: tuple[Peer, ...]
    address: str
    owners: dict[str, str]
    elsewhere: int
    restored: bool | None
    read_only: bool = False
    news: NewsCount | None = None
    watched: tuple[Watched, ...] = ()


def read_facts(datastore: Datastore, before: Facts | None = None) -> Facts | None:
    """What the replica holds; None when nothing was committed since `before`. Raises StoreError."""
    changes = datastore.changes()
    restored = _is_restored(datastore, before)
    if datastore.why_read_only:
        with suppress(StoreError):  # what kept it from being written may be gone by now
            datastore.expect_writable()
    read_only = bool(datastore.why_read_only)
    # That its owner goes on with an older copy may be noted outside the replica alone.
    if before is not None and (changes, restored, read_only) == (before.changes, before.restored, before.read_only):
        return None
    stats, address = datastore.stats(), datastore.address
    rows = datastore.conflicts() if stats.conflicts else []
    news = None if before is None else datastore.news.count()
    watched = datastore.news.watched() if news is not None and news.records else []
    return Facts(
        # From before the rest: what is committed meanwhile shows at the next look.
        changes=changes,
        stats=stats,
        in_conflict=sum(row.owner == address for row in rows),
        peers=tuple(datastore.peers.all()),
        address=address,
        owners=dict(datastore.names.all()),
        elsewhere=datastore.elsewhere.count(),
        restored=restored,
        read_only=read_only,
        news=news,
        watched=tuple(one for one in watched if one.new),
    )


def _is_restored(datastore: Datastore, before: Facts | None) -> bool | None:
    if before is None:
        return None
    # Nobody puts a copy into the place of a replica that is open.
    return datastore.mark.restored() is not None if before.restored is not False else False
