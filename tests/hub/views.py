"""Replicas that are views of one hub, and what must hold of them whatever happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.hub.memory import HUB_KEY, Shaky
from tests.replica.replicas import rows
from tests.seeds import NOW
from tui_registry.datastore import Datastore, SharedLog

# Of records, all that is derived but for where it stands here.
_CATALOGUE = "SELECT * FROM catalogue"


class View:
    """A node's replica, and the way by which it gets at the hub."""

    def __init__(self, folder: Path, shared: SharedLog, *, clock: Callable[[], int] = lambda: NOW) -> None:
        self.shaky = Shaky(shared)
        self.store = Datastore.open(folder, clock=clock, hub=self.shaky)
        if self.store.key.known != HUB_KEY.address:
            self.store.key.replace(HUB_KEY)

    def close(self) -> None:
        self.store.close()


def bodies(store: Datastore) -> list[bytes]:
    """The exact operations, in the order of the log."""
    return store.log.lines(0, store.log.head().size)


def same_everywhere(views: list[View], shared: SharedLog) -> list[bytes]:
    """Follow to the end, and see to it that all views hold just what the shared log does; gives that."""
    head = shared.head()
    ops = shared.operations(0, head.size)
    for view in views:
        view.shaky.is_away = False
        view.shaky.faults.clear()
        while view.store.hub.follow().size < head.size:
            pass
        mine = view.store.log.head(make_key=False)
        assert (mine.epoch, mine.size, mine.fingerprint) == (head.epoch, head.size, head.fingerprint)
        assert bodies(view.store) == [op.body for op in ops]
        assert view.store.hub.chain_of_view() == head.chain
        assert view.store.hub.standing()[:2] == (True, "follows")
        # Whatever the node's own clock says, and whoever wrote it.
        assert view.store.log.arrived([op.hash for op in ops]) == {op.hash: op.added_at for op in ops}
    assert len({op.hash for op in ops}) == len(ops), "one operation stands there twice"
    return [op.body for op in ops]


def catalogue(store: Datastore) -> list[tuple[object, ...]]:
    """What is derived of all records, whatever their order in the log."""
    columns = [name for (name,) in rows(store, "SELECT name FROM pragma_table_info('catalogue')")]
    kept = ", ".join(str(name) for name in columns if name not in ("rid", "idx", "invalid"))
    derived = rows(store, f"SELECT {kept} FROM catalogue ORDER BY id")
    counted = rows(store, "SELECT * FROM counted WHERE records > 0 ORDER BY field, value")
    numbers = rows(store, "SELECT models, agents, conflicts, size, fingerprint FROM replica")
    heads = rows(store, "SELECT hash, is_head FROM ops ORDER BY hash")
    return [*derived, *counted, *numbers, *heads]


def as_one_replica(folder: Path, lines: list[bytes]) -> list[tuple[object, ...]]:
    """The catalogue of a replica alone that was given these operations."""
    with Datastore.open(folder, clock=lambda: NOW) as alone:
        report = alone.apply(lines, source="oracle")
        assert report.applied == len(lines), report
        return catalogue(alone)
