"""What is done to a hub as a whole: begun, looked at, put right after a restore, forked, purged, rewritten, upgraded.

Each changes the shared log in one transaction or not at all. What changes operations that others have does so under a
new epoch: views are made anew then, and whoever pulls reads the log anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Final

from tui_registry.datastore import (
    NO_CHAIN,
    Datastore,
    Head,
    PurgeAmounts,
    SharedHead,
    StoreError,
    Token,
    TokenScope,
    new_token,
)
from tui_registry.durable import drafted, drafted_folder, sweep, sync_folder
from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.hub.postgres import Epoch, Kept, Node, PostgresLog, StoredToken
from tui_registry.hub.store_publishing import LEASE
from tui_registry.records.schema import RULES_VERSION
from tui_registry.text import exact, plural, safe_text

# What a node that says nothing for so long is held to have ended, or to be away. Seconds.
AWAY_SECONDS: Final = 60
_CHUNK: Final = 1_000
# Where the log is checked anew, in the folder of a view.
_REWRITING: Final = "hub-rewriting"
_MODULUS: Final = 2**256
# Why the log has another epoch, where PostgreSQL was put back: what it lost is offered to it again.
_RECOVERED: Final = "recovered"
# How often a change of the whole log begins again because somebody wrote meanwhile.
_TRIES: Final = 5


class ViewStatus(NamedTuple):
    """How a folder stands to the hub.

    Attributes:
        hub: the hub whose view it is; None for a replica of its own. epoch, size: of its log.
        code: `follows`, `behind`, `restored` (the shared log is shorter, or another one), `other_epoch`, `other` (it is
            another hub's view), `alone`.
        sentence: what that means and what to do; empty for `follows`.
    """

    folder: Path
    hub: str | None
    epoch: str
    size: int
    code: str
    sentence: str = ""

    @property
    def fits(self) -> bool:
        """Whether there is nothing to be done."""
        return self.code in ("follows", "behind", "alone")


class HubStatus(NamedTuple):
    """How a hub is.

    Attributes:
        name: where it is kept, without secrets. tables: the version of its tables.
        store: where its tiles are published, empty where that was not said. publisher: who does so now.
        epochs: what the log was called, the last one last.
        view: of a folder on this machine, where there is one.
    """

    name: str
    head: SharedHead
    tables: int
    store: str
    publisher: str | None
    epochs: Sequence[Epoch]
    nodes: Sequence[Node]
    view: ViewStatus | None


class Recovered(NamedTuple):
    """What came of a recovery.

    Attributes:
        head: of the shared log now, or as it would be.
        appended: how many operations that it had lost were appended from the view.
        gone: how many of the view's the shared log had not, with a new epoch; they were offered to it again.
        epoch: the new one; None where it is the same.
    """

    head: SharedHead
    appended: int
    gone: int
    epoch: str | None


class Rewritten(NamedTuple):
    """What came of a rewriting.

    Attributes:
        head: of the shared log now. left_out: how many operations of it break a rule, or did.
        is_rewritten: whether it was written anew.
    """

    head: SharedHead
    left_out: int
    is_rewritten: bool


def begin(
    datastore: Datastore, log: PostgresLog, progress: Callable[[int, int], None] | None = None, *, keep: bool = False
) -> SharedHead:
    """Begin a hub with what a replica has, under its epoch and at the same places, and make the folder its view. The
    nodes of the hub sign with that replica's key.

    Args:
        datastore: opened without a hub.
        keep: its operations become the hub's; else it must have none.

    Raises:
        StoreError: `hub_view`: it is a hub's view already. `hub_other`: there is a hub already, or tables of another
            product's, or the replica has operations that nobody said are to be kept. As of `PostgresLog`. Nothing was
            written.
    """
    known = datastore.hub.id
    if known is not None:
        raise StoreError("hub_view", f"this folder is a view of the hub {known[:8]} already: name another one")
    datastore.expect_writable()
    head = datastore.log.head()
    if head.size and not keep:
        raise StoreError(
            "hub_other",
            f"this replica holds {plural(head.size, 'operation')}: 'hub init --from FOLDER' begins the hub with them; "
            "or name an empty folder with --data-dir",
        )
    log.migrate()
    if keep and log.has_log():
        there = log.head()
        # Begun before, by a run that ended before the folder was a view.
        if there[1:4] == head[:3] and there.chain == datastore.hub.chain_of_view(head.size):
            datastore.hub.bind(there)
            return there
    shared = SharedHead(token_hex(16), head.epoch, 0, head.fingerprint, b"", RULES_VERSION, datastore.address)

    def all_of_it() -> Iterator[Kept]:
        yield from operations_of(datastore, 0, head.size)
        if datastore.log.head() != head:
            raise StoreError(
                "hub_busy", "something was written to this replica meanwhile, and no hub was begun: do it again"
            )

    begun = log.begin(shared, all_of_it(), _of(progress, head.size))
    datastore.hub.bind(begun)
    return begun


def look(log: PostgresLog, datastore: Datastore | None = None) -> HubStatus:
    """How a hub is, and a folder that may be its view. Nothing is written."""
    head = log.head()
    view = None if datastore is None else view_of(datastore, log, head)
    tables = log.version()
    assert tables is not None  # or there were no head
    return HubStatus(log.name, head, tables, log.store, log.holder(LEASE), log.epochs(), log.nodes.all(), view)


def view_of(datastore: Datastore, log: PostgresLog, head: SharedHead) -> ViewStatus:
    """How a folder stands to a hub, by its end: whether all of it is the same, `chain_of_view` tells."""
    known, own = datastore.hub.id, datastore.log.head(make_key=False)
    if (own.epoch, own.size) != (head.epoch, head.size):
        head = log.head()  # a node that runs on this folder may have come on since that was read

    def told(code: str, sentence: str = "") -> ViewStatus:
        return ViewStatus(datastore.data_dir, known, own.epoch, own.size, code, sentence)

    if known is None:
        return told("alone", "this folder is a replica of its own, and no view of the hub")
    if known != head.hub:
        return told("other", f"this folder is a view of another hub ({known[:8]}): name that one, or another folder")
    if own.epoch != head.epoch:
        if log.had_epoch(own.epoch):
            return told(
                "other_epoch", "the hub's log was rewritten since: its node makes this view anew, or 'verify' does"
            )
        return told("restored", f"PostgreSQL knows nothing of this view's epoch: it was put back to before. {_RECOVER}")
    if own.size > head.size:
        beyond = plural(own.size - head.size, "operation")
        return told(
            "restored", f"this view has {beyond} more than PostgreSQL, which was put back to before. {_RECOVER}"
        )
    if own.size and log.operations(own.size - 1, own.size)[0].hash != datastore.log.hashes(own.size - 1, own.size)[0]:
        return told("restored", f"PostgreSQL holds another log than this view. {_RECOVER}")
    if own.size < head.size:
        return told("behind", f"this view follows {plural(head.size - own.size, 'operation')} behind")
    return told("follows")


def recover_from_view(
    datastore: Datastore,
    log: PostgresLog,
    progress: Callable[[int, int], None] | None = None,
    *,
    dry_run: bool = False,
) -> Recovered:
    """Append to the shared log what it lost, where this view extends it: after PostgreSQL was put back to an older
    copy. The epoch stays, and nobody reads anything anew.

    Raises:
        StoreError: `hub_differs`: the view does not extend it. `hub_other`: it is another hub's. As of `PostgresLog`.
            Nothing was written.
    """
    head, own = _of_one_hub(datastore, log)
    parted = "with 'hub recover --new-epoch' the hub goes on with what PostgreSQL has"
    if own.epoch != head.epoch:
        raise StoreError("hub_differs", f"this view has another epoch than the shared log: {parted}")
    if own.size < head.size:
        raise StoreError(
            "hub_differs", f"this view has less than the shared log, and adds nothing to it: {_OTHER_VIEW}, or {parted}"
        )
    if datastore.hub.chain_of_view(head.size) != head.chain:
        raise StoreError(
            "hub_differs",
            f"this view has other operations than the shared log among the first {exact(head.size)}: {_OTHER_VIEW}, or "
            f"{parted}",
        )
    missing = own.size - head.size
    if dry_run or not missing:
        return Recovered(head._replace(size=own.size, fingerprint=own.fingerprint), missing, 0, None)
    after = log.extend(
        head,
        operations_of(datastore, head.size, own.size),
        own.fingerprint,
        _of(progress, own.size),
    )
    return Recovered(after, missing, 0, None)


def recover_by_epoch(
    datastore: Datastore,
    log: PostgresLog,
    progress: Callable[[int, int], None] | None = None,
    *,
    dry_run: bool = False,
) -> Recovered:
    """Go on with what PostgreSQL has, under a new epoch; this view is made anew from it, and what it had besides is
    offered to the hub again.

    Args:
        datastore: opened with the hub's log.

    Raises:
        StoreError: as of `recover_from_view`, and of `Datastore.apply`. What was to be offered again lies in the folder
            then, in a file that the sentence names.
    """
    head, own = _of_one_hub(datastore, log)
    lost = [*_not_shared(datastore, log, own.size)]
    if dry_run:
        return Recovered(head, 0, len(lost), "")
    epoch = token_hex(16)
    log.renew_epoch(head, epoch, _RECOVERED, lost=own.epoch)
    _make_anew(datastore, lost, progress)
    return Recovered(log.head(), 0, len(lost), epoch)


def rejoin(datastore: Datastore, log: PostgresLog, *, offers: bool = True) -> bool:
    """Make a view anew whose hub's log has another epoch since, if that is what was done to the log. What the view has
    and the log lost when PostgreSQL was put back is offered to it again; not what was purged.

    Args:
        offers: False for a view that writes nothing to the log.

    Returns:
        Whether that is so. Else PostgreSQL knows nothing of the view's epoch: it was put back to before that, and
        nobody follows it there unasked.

    Raises:
        StoreError: as of `recover_by_epoch`.
    """
    _, own = _of_one_hub(datastore, log)
    epochs = log.epochs()
    since = [place for place, epoch in enumerate(epochs) if epoch.epoch == own.epoch]
    if not since:
        return False
    is_lost = offers and all(epoch.why == _RECOVERED for epoch in epochs[since[-1] + 1 :])
    _make_anew(datastore, [*_not_shared(datastore, log, own.size)] if is_lost else [], None)
    return True


def fork(log: PostgresLog, store: str = "") -> SharedHead:
    """Give a clone of a hub an id, an epoch and a place for its tiles of its own, so that nothing of it is taken for
    the hub's that it was.

    Args:
        store: the address of its tiles, empty for none yet.

    Raises:
        StoreError: `hub_other`: that is where the tiles of the hub lie that it was.
    """
    if store and store == log.store:
        raise StoreError("hub_other", "the tiles of the hub that this was lie there: name another prefix")
    return log.rename(token_hex(16), token_hex(16), "forked", store)


def plan_purge(datastore: Datastore, owner: str) -> PurgeAmounts:
    """What a purge would take, as this view has it.

    Args:
        owner: 40 hex digits.
    """
    return datastore.plan_purge(owner=owner)


def purge(
    datastore: Datastore, log: PostgresLog, owner: str, progress: Callable[[int, int], None] | None = None
) -> PurgeAmounts:
    """Take what an owner has out of the shared log, under a new epoch, and block the owner on this node. The view is
    made anew; the other nodes do so as they follow.

    Args:
        datastore: opened with the hub's log. owner: 40 hex digits.

    Raises:
        StoreError: `own_key`; as of `PostgresLog`. Nothing was taken then.
    """
    datastore.rations.block(owner)  # or it would come back while it goes
    for is_last in _tries():
        head = _caught_up(datastore, log)
        amounts, places, own = datastore.plan_purge(owner=owner), datastore.purge_places(owner), datastore.log.head()
        if not places:
            return amounts
        if (own.epoch, own.size, own.fingerprint) == (head.epoch, head.size, head.fingerprint):
            try:
                _take_out(datastore, log, head, places, progress)
                break
            except StoreError as error:
                if error.code != "hub_busy" or is_last:
                    raise
    else:
        raise StoreError("hub_busy", "others write to the hub's log all the time, and nothing was taken: try again")
    datastore.hub.remake(progress)
    return amounts


def rewrite(
    datastore: Datastore,
    log: PostgresLog,
    progress: Callable[[int, int], None] | None = None,
    *,
    dry_run: bool = False,
) -> Rewritten:
    """Check every operation of the shared log as a replica does that has none of them, and leave out what breaks a
    rule, under a new epoch. A log that is sound stays as it is.

    Args:
        datastore: the view, opened with the hub's log. A replica beside it takes as much room meanwhile.

    Raises:
        StoreError: as of `PostgresLog`; nothing was changed then.
    """
    # A view follows up to what breaks a rule: when the rest came the shared log alone says.
    missed: dict[bytes, int | None] = {}

    def came(hashes: Sequence[bytes]) -> dict[bytes, int | None]:
        return {digest: missed[digest] for digest in hashes if digest in missed} | datastore.log.arrived(hashes)

    sweep(datastore.data_dir, _REWRITING)
    with drafted_folder(datastore.data_dir / _REWRITING) as folder, Datastore.open(folder) as checked:
        done, epoch, end = 0, "", NO_CHAIN
        for is_last in _tries():
            head = log.head()
            if done and head.epoch != epoch:
                raise StoreError("hub_busy", "somebody else rewrote the hub's log meanwhile: look again")
            epoch = head.epoch
            for start in range(done, head.size, _CHUNK):
                ops = log.operations(start, min(start + _CHUNK, head.size))
                checked.apply([found.body for found in ops])
                here = datastore.log.arrived([found.hash for found in ops])
                missed.update((found.hash, found.added_at) for found in ops if found.hash not in here)
                if progress is not None:
                    progress(min(start + _CHUNK, head.size), head.size)
            done, sound = head.size, checked.log.head(make_key=False)
            end = checked.hub.chain_of_view(sound.size)
            if end == head.chain or dry_run:
                return Rewritten(head, head.size - sound.size, False)
            try:
                after = log.rewrite(
                    head,
                    token_hex(16),
                    "rewritten",
                    0,
                    operations_of(checked, 0, sound.size, came=came),
                    sound.fingerprint,
                    _of(progress, sound.size),
                )
                break
            except StoreError as error:
                if error.code != "hub_busy" or is_last:
                    raise
    datastore.hub.remake(progress)
    return Rewritten(after, head.size - after.size, True)


def upgrade(log: PostgresLog, *, dry_run: bool = False) -> SharedHead:
    """Bring the hub's tables up to date, and let the log hold what this program's rules read and older ones do not.

    Raises:
        StoreError: `hub_newer`: a node runs an older version, or the hub is ahead of this program. Nothing was changed.
    """
    head = log.head()
    older = [node for node in log.nodes.all() if node.rules < RULES_VERSION]
    if older:
        named = ", ".join(f"{safe_text(node.name, 60)} ({safe_text(node.version, 20)})" for node in older[:5])
        raise StoreError(
            "hub_newer",
            f"not every node is of this version yet: {named}. Upgrade them first; 'hub nodes --forget NAME' takes one "
            "off the list that is no more",
        )
    if dry_run:
        return head._replace(rules=max(head.rules, RULES_VERSION))
    log.migrate()
    return log.raise_rules(RULES_VERSION) if head.rules < RULES_VERSION else head


def add_token(log: PostgresLog, name: str, scopes: Iterable[TokenScope]) -> str:
    """Make a token that all nodes take; returns it, which nothing tells a second time.

    Raises:
        StoreError: `bad_token_name`, `token_exists`; as of `PostgresLog`.
        ValueError: there is no scope, or one that there is not.
    """
    token, digest, allowed = new_token(name, scopes)
    log.tokens.add(StoredToken(digest, Token(name, allowed, int(time.time()))))
    return token


def operations_of(
    datastore: Datastore,
    start: int,
    stop: int,
    *,
    came: Callable[[Sequence[bytes]], dict[bytes, int | None]] | None = None,
) -> Iterator[Kept]:
    """The operations of a replica from a place up to another one.

    Args:
        came: tells when they came, of a replica that was made of them later.
    """
    for first in range(start, stop, _CHUNK):
        last = min(first + _CHUNK, stop)
        hashes, lines = datastore.log.hashes(first, last), datastore.log.lines(first, last)
        known = (came or datastore.log.arrived)(hashes)
        yield from (Kept(digest, line, known.get(digest)) for digest, line in zip(hashes, lines, strict=True))


# As JSON


def status_json(status: HubStatus) -> dict[str, Json]:
    """How a hub is, for programs."""
    head, view = status.head, status.view
    return {
        "name": status.name,
        "hub": head.hub,
        "epoch": head.epoch,
        "size": head.size,
        "fingerprint": head.fingerprint,
        "chain": head.chain.hex(),
        "rules": head.rules,
        "address": head.address,
        "tables": status.tables,
        "store": status.store or None,
        "publisher": status.publisher,
        "epochs": [
            {"epoch": epoch.epoch, "began_at": epoch.began_at, "why": epoch.why, "size": epoch.size}
            for epoch in status.epochs
        ],
        "nodes": [node_json(node, head.size) for node in status.nodes],
        "view": None
        if view is None
        else {
            "folder": str(view.folder),
            "hub": view.hub,
            "epoch": view.epoch,
            "size": view.size,
            "code": view.code,
            "sentence": view.sentence or None,
            "fits": view.fits,
        },
    }


def node_json(node: Node, size: int) -> dict[str, Json]:
    """A node, for programs.

    Args:
        size: of the shared log.
    """
    return {
        "name": node.name,
        "version": node.version,
        "rules": node.rules,
        "size": node.size,
        "behind": max(0, size - node.size),
        "state": node.state,
        "seen_at": node.seen_at,
        "away": node.age > AWAY_SECONDS,
    }


# How

_RECOVER: Final = (
    "Nothing is followed until you say what holds: 'hub recover --from-view' appends what PostgreSQL lost, "
    "'hub recover --new-epoch' goes on with what it has"
)
_OTHER_VIEW: Final = "try the view that has most ('hub nodes')"


def _of(progress: Callable[[int, int], None] | None, size: int) -> Callable[[int], None] | None:
    """How far it is, of so many operations."""
    return None if progress is None else lambda done: progress(done, size)


def _tries() -> Iterator[bool]:
    """Whether it is the last time."""
    for number in range(1, _TRIES + 1):
        yield number == _TRIES


def _of_one_hub(datastore: Datastore, log: PostgresLog) -> tuple[SharedHead, Head]:
    """The shared log's head, and that of a view of it.

    Raises:
        StoreError: `hub_other`.
    """
    # In this order: a node that runs on this folder goes on meanwhile, and is no further than the log.
    known, own = datastore.hub.id, datastore.log.head(make_key=False)
    head = log.head()
    if known is None:
        raise StoreError("hub_other", "this folder is no view of a hub: name the folder of a node with --data-dir")
    if known != head.hub:
        raise StoreError("hub_other", f"this folder is a view of another hub ({known[:8]}): name that one")
    return head, own


def _caught_up(datastore: Datastore, log: PostgresLog) -> SharedHead:
    """The shared log's head, with the view at its end; if nobody writes at this very moment."""
    _of_one_hub(datastore, log)
    while True:
        head = log.head()
        followed = datastore.hub.follow()
        if not followed.appended or followed.size >= head.size:
            return log.head()


def _make_anew(datastore: Datastore, lost: Sequence[bytes], progress: Callable[[int, int], None] | None) -> None:
    """Make a view anew, and offer operations to the hub again that it had."""
    kept = datastore.data_dir / f"hub-recovered-{token_hex(4)}.ndjson"
    if lost:
        with drafted(kept, (line + b"\n" for line in lost)) as draft:
            draft.replace(kept)
        sync_folder(datastore.data_dir)
    try:
        datastore.hub.remake(progress)
        unknown = datastore.elsewhere.count()
        if lost:
            datastore.apply(lost, source=_RECOVERED)
        if not unknown:
            datastore.elsewhere.acknowledge()  # the hub's own nodes signed them
    except StoreError as error:
        if lost:
            shown = safe_text(str(kept), 200)
            told = (
                f"{error.sentence}. What the hub has lost is in {shown}: 'import --register' brings it into another "
                "replica, and 'sync --push' from there to the hub"
            )
            raise StoreError(error.code, told) from error
        raise
    kept.unlink(missing_ok=True)


def _not_shared(datastore: Datastore, log: PostgresLog, size: int) -> Iterator[bytes]:
    """The operations of a view that the shared log has not."""
    for start in range(0, size, _CHUNK):
        stop = min(start + _CHUNK, size)
        hashes = datastore.log.hashes(start, stop)
        shared = log.places(hashes)
        if len(shared) < len(hashes):
            lines = datastore.log.lines(start, stop)
            yield from (line for digest, line in zip(hashes, lines, strict=True) if digest not in shared)


def _take_out(
    datastore: Datastore,
    log: PostgresLog,
    head: SharedHead,
    places: Sequence[int],
    progress: Callable[[int, int], None] | None,
) -> None:
    """Rewrite the shared log, which the view has to its end, without the operations at some places."""
    first, doomed = places[0], frozenset(places)
    behind = enumerate(operations_of(datastore, first, head.size), first)
    total = int(head.fingerprint, 16) - sum(int.from_bytes(one.hash, "big") for place, one in behind if place in doomed)
    behind = enumerate(operations_of(datastore, first, head.size), first)
    log.rewrite(
        head,
        token_hex(16),
        "purged",
        first,
        (one for place, one in behind if place not in doomed),
        f"{total % _MODULUS:064x}",
        _of(progress, head.size - len(doomed)),
    )
