"""`hub`: begin a log that several nodes share, look at it, and put it right. What needs PostgreSQL is imported by the
verb that does."""

from __future__ import annotations

import os
import signal
import socket
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tui_registry.cli.keeping_out import owner_of
from tui_registry.cli.output import (
    Column,
    Table,
    UsageError,
    confirm,
    note,
    out,
    out_json,
    progress_bar,
    terminal_width,
)
from tui_registry.cli.registry import open_registry
from tui_registry.datastore import DATABASE, Datastore, StoreError
from tui_registry.errors import RegistryError
from tui_registry.settings import data_dir
from tui_registry.text import age, exact, moment_utc, plural, safe_text, size_bytes

if TYPE_CHECKING:
    from tui_registry.hub.admin import HubStatus
    from tui_registry.hub.postgres import Node, PostgresLog
    from tui_registry.sync.publishing import Published


HUB_VARIABLE = "TUI_REGISTRY_HUB"


def hub(args: Namespace) -> int:
    """Do what the verb says."""
    verbs = {
        "init": _init, "status": _status, "nodes": _nodes, "recover": _recover, "fork": _fork, "purge": _purge,
        "rewrite": _rewrite, "publish": _publish, "upgrade": _upgrade,
    }  # fmt: skip
    if args.action == "leave":
        return _leave(args)
    with hub_log(args) as log:
        return verbs[args.action](args, log)


@contextmanager
def hub_log(args: Namespace) -> Iterator[PostgresLog]:
    """The log of the hub that a line means, closed at the end. Nothing is asked yet.

    Raises:
        StoreError: `no_hub`: none is named, or the extra is not installed; `hub_away`: what is named is no address.
    """
    from tui_registry.hub.postgres import connect, dsn_from

    dsn = dsn_from(args.hub, args.hub_file)
    if dsn is None:
        raise StoreError(
            "no_hub",
            "say which hub: its address with --hub, a file that holds it with --hub-file, or $TUI_REGISTRY_HUB",
        )
    with closing(connect(dsn)) as log:
        if args.hub is not None and log.names_password:
            note("warning: others on this machine can see the password on this line: put it into a file (--hub-file)")
        yield log


@contextmanager
def open_with_hub(args: Namespace) -> Iterator[Datastore]:
    """The replica that a line means; with its hub where it is a view, and a hub is named.

    Raises:
        StoreError: `hub_other`: what is named is not the hub whose view it is, or PostgreSQL was put back to an older
            copy, which no view is made of before somebody says so; as of `hub_log`.
    """
    datastore = open_registry(args)
    if datastore.hub.id is None or not is_named(args):
        with datastore:
            yield datastore
        return
    with closing(datastore), hub_log(args) as log:
        from tui_registry.hub.admin import rejoin, view_of

        stands = view_of(datastore, log, log.head())
    if stands.code in ("restored", "other"):
        raise StoreError("hub_other", stands.sentence)
    with hub_log(args) as log, open_registry(args, hub=log) as datastore:
        if stands.code == "other_epoch" and rejoin(datastore, log):
            note("the hub's log was rewritten since: this view was made anew from it")
        yield datastore


def is_named(args: Namespace) -> bool:
    """Whether a line says which hub is meant."""
    return args.hub is not None or args.hub_file is not None or bool(os.environ.get(HUB_VARIABLE, "").strip())


# The verbs


def _init(args: Namespace, log: PostgresLog) -> int:
    from tui_registry.hub.admin import begin

    if args.source is not None and args.data_dir is not None:
        raise UsageError("--from names the replica that the hub begins with: leave out --data-dir")
    folder = data_dir(args.data_dir if args.source is None else args.source)
    if args.source is not None:
        _expect_replica(folder)
    elif not (folder / DATABASE).exists():
        log.expect_room()
    with Datastore.open(folder) as datastore, progress_bar("writing operation") as show:
        begun = begin(datastore, log, show, keep=args.source is not None)
    if args.json:
        out_json(
            {
                "name": log.name,
                "hub": begun.hub,
                "epoch": begun.epoch,
                "size": begun.size,
                "chain": begun.chain.hex(),
                "address": begun.address,
                "folder": str(folder),
            }
        )
        return 0
    out(f"began the hub {begun.hub[:8]} at {log.name} with {plural(begun.size, 'operation')}")
    out(f"{safe_text(str(folder))} is its first view: 'tui-registry serve --hub ...' serves it")
    note(f"its nodes sign as 0x{begun.address}: bring that key to each ('identity export', 'identity import')")
    return 0


def _status(args: Namespace, log: PostgresLog) -> int:
    from tui_registry.hub.admin import look, status_json

    folder = data_dir(args.data_dir)
    if (folder / DATABASE).exists():
        with Datastore.open(folder, read_only=True) as datastore:
            found = look(log, datastore)
    else:
        found = look(log)
    if args.json:
        out_json(status_json(found))
    else:
        for label, text in _lines(found):
            out(f"{label:<{_LABEL}}{text}")
        if found.nodes:
            out()
            _print_nodes(found.nodes, found.head.size)
    return 0 if found.view is None or found.view.fits else 1


def _nodes(args: Namespace, log: PostgresLog) -> int:
    from tui_registry.hub.admin import node_json

    if args.forget is not None:
        if not log.nodes.forget(args.forget):
            raise StoreError("not_found", f"the hub has no node named '{safe_text(args.forget, 60)}'")
        if args.json:
            out_json({"name": args.forget, "forgotten": True})
        else:
            out(f"{safe_text(args.forget, 60)} is no node of the hub any more, until it says that it is there")
        return 0
    size, nodes = log.head().size, log.nodes.all()
    if args.json:
        for node in nodes:
            out_json(node_json(node, size))
    elif nodes:
        _print_nodes(nodes, size)
    else:
        note("no node has said that it is there: 'tui-registry serve --hub ...' runs one")
    return 0


def _recover(args: Namespace, log: PostgresLog) -> int:
    from tui_registry.hub.admin import recover_by_epoch, recover_from_view

    with _view(args, log) as datastore:
        recover = recover_from_view if args.from_view else recover_by_epoch
        planned = recover(datastore, log, dry_run=True)
        size, appended, gone = planned.head.size, planned.appended, planned.gone
        what = (
            f"append {plural(appended, 'operation')} that PostgreSQL lost"
            if args.from_view
            else f"go on with the {plural(size, 'operation')} of PostgreSQL under a new epoch, and offer it "
            f"{plural(gone, 'operation')} of this view again"
        )
        is_nothing = args.from_view and not appended
        if args.dry_run or is_nothing:
            done = planned
        else:
            if not args.yes:
                confirm(f"{log.name}: {what}?", what, "nothing was changed")
            with progress_bar("writing operation") as show:
                done = recover(datastore, log, show)
    if args.json:
        out_json(
            {
                "hub": done.head.hub,
                "epoch": done.head.epoch,
                "size": done.head.size,
                "appended": done.appended,
                "offered": done.gone,
                "done": not args.dry_run,
            }
        )
    elif is_nothing:
        out("the shared log has all that this view has: there is nothing to append")
    elif args.dry_run:
        out(f"it would {what}")
    elif args.from_view:
        out(f"appended {plural(done.appended, 'operation')}: the hub has {exact(done.head.size)} again")
    else:
        out(f"the hub goes on as {done.head.epoch[:8]} with {plural(done.head.size, 'operation')}")
        note("the other nodes make their views anew as they follow")
    return 0


def _fork(args: Namespace, log: PostgresLog) -> int:
    from tui_registry.hub.admin import AWAY_SECONDS, fork

    head, nodes = log.head(), [node for node in log.nodes.all() if node.age <= AWAY_SECONDS]
    if not args.yes:
        alive = f" {plural(len(nodes), 'node')} of that hub said so within a minute, and would stop." if nodes else ""
        confirm(
            f"{log.name} holds the hub {head.hub[:8]}.{alive} Is it a copy that is to go its own way?",
            "give it an id of its own",
            "nothing was changed",
        )
    forked = fork(log, args.store or "")
    if args.json:
        out_json({"hub": forked.hub, "epoch": forked.epoch, "size": forked.size, "store": args.store or None})
    else:
        out(f"{log.name} is a hub of its own now, {forked.hub[:8]}, with {plural(forked.size, 'operation')}")
        note(
            "its nodes begin in empty folders, as those of the other hub stay that one's; they sign with the same key, "
            "and take the tokens that were made there"
        )
    return 0


def _leave(args: Namespace) -> int:
    with open_registry(args) as datastore:
        hub, folder = datastore.hub.id, safe_text(str(datastore.data_dir), 200)
        if hub is None:
            raise StoreError("no_hub", f"{folder} is a replica of its own, and follows no hub")
        if not args.yes:
            confirm(
                f"{folder} follows the hub {hub[:8]} no more, and may hold less than that has. Is that meant?",
                "make it a replica of its own",
                "nothing was changed",
            )
        datastore.hub.release()
        head = datastore.log.head()
    if args.json:
        out_json({"hub": hub, "epoch": head.epoch, "size": head.size})
    else:
        out(f"{folder} is a replica of its own now, with {plural(head.size, 'operation')}")
        note(
            "it signs with the hub's key still, as the hub's nodes do: where those go on, give it a key of its own "
            "('identity new') before you write"
        )
    return 0


def _purge(args: Namespace, log: PostgresLog) -> int:
    from tui_registry.hub.admin import plan_purge, purge
    from tui_registry.present.leaving_out import amounts, amounts_json, owner_words, purge_question, purged

    with _view(args, log) as datastore:
        owner = owner_of(datastore, args.owner)
        whose = owner_words(owner, datastore.names.all())
        done = planned = plan_purge(datastore, owner)
        if not args.dry_run:
            if not args.yes:
                confirm(purge_question(planned, whose), f"take out {amounts(planned)}", "nothing was taken out")
            with progress_bar("writing operation") as show:
                done = purge(datastore, log, owner, show)
        head = log.head()
    if args.json:
        out_json(
            {"owner": owner, "epoch": head.epoch, "size": head.size, **amounts_json(done, is_done=not args.dry_run)}
        )
    elif args.dry_run:
        out(f"it would take out {amounts(planned)} of {whose}")
    else:
        out(purged(done, is_blocked=True))
        note("the other nodes take what comes of the owner again, unless each of them blocks ('block OWNER')")
        if log.store:
            note(
                f"{safe_text(log.store, 200)} holds it until 'hub publish' has written the log anew, and a CDN before "
                "that until it is told to forget it"
            )
    return 0


def _rewrite(args: Namespace, log: PostgresLog) -> int:
    from tui_registry.hub.admin import rewrite

    if not args.yes and not args.dry_run:
        confirm(
            f"{log.name}: check all of the log, and leave out what breaks a rule?", "rewrite it", "nothing was changed"
        )
    with _view(args, log) as datastore, progress_bar("checking operation") as show:
        done = rewrite(datastore, log, show, dry_run=args.dry_run)
    if args.json:
        out_json(
            {
                "hub": done.head.hub,
                "epoch": done.head.epoch,
                "size": done.head.size,
                "left_out": done.left_out,
                "rewritten": done.is_rewritten,
            }
        )
    elif done.is_rewritten:
        out(f"the hub goes on as {done.head.epoch[:8]}: {plural(done.left_out, 'operation')} left out")
    elif done.left_out:
        out(f"it would leave out {plural(done.left_out, 'operation')}")
    else:
        out(f"the log is sound: {plural(done.head.size, 'operation')} checked, and nothing was changed")
    return 0


def _publish(args: Namespace, log: PostgresLog) -> int:
    """Once, or again and again until told to end: what fails then is said, and tried again."""
    from tui_registry.hub.store import open_store
    from tui_registry.hub.store_publishing import HubPublisher

    address = args.url or log.store
    if not address:
        raise UsageError("say where to: the hub was published nowhere yet. Such as 'hub publish s3://BUCKET/PREFIX'")
    store = open_store(address)
    # Containers may have one name and one number of a process.
    holder = f"{socket.gethostname()}/{os.getpid()}/{os.urandom(4).hex()}"
    said = ""
    with (
        nullcontext() if args.every is None else _ended_by_signals(),
        _view(args, log) as datastore,
        HubPublisher(datastore, store, log, holder, alone=args.alone) as publisher,
    ):
        while True:
            try:
                with progress_bar("written") as show:
                    done = publisher.publish(show)
                if done is not None and log.store != address:
                    # For nodes that begin, and whoever publishes next.
                    log.store = address
                if done is not None or args.every is None:
                    _say_published(args, log, store.shown, done)
                said = ""
            except RegistryError as error:
                if args.every is None or error.code in _FOR_GOOD:
                    raise
                if error.sentence != said:
                    note(error.sentence)
                said = error.sentence
            if args.every is None:
                return 0
            time.sleep(args.every)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let Ctrl+C and SIGTERM end the block, and the program with 0: who publishes lets go of the lease then, and
    another one goes on at once. The second of them does what it always does."""

    def leave(*_: object) -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        raise SystemExit(0)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# Waiting does not help against these: somebody has to do something about this very command.
_FOR_GOOD = frozenset({"foreign_log", "no_conditions", "no_bucket", "no_extra", "bad_store", "hub_newer", "hub_view"})


def _say_published(args: Namespace, log: PostgresLog, place: str, done: Published | None) -> None:
    if done is None:
        from tui_registry.hub.store_publishing import LEASE

        holder = log.holder(LEASE)
        if args.json:
            out_json({"store": place, "published": False, "publisher": holder})
        else:
            who = "another process" if holder is None else safe_text(holder, 60)
            out(f"{who} publishes the hub's log: there is nothing to do here")
    elif args.json:
        out_json(
            {
                "store": place,
                "published": True,
                "epoch": done.head.epoch,
                "operations": done.head.size,
                "tiles_written": done.tiles,
                "bytes_written": done.bytes,
            }
        )
    else:
        now = f"{plural(done.tiles, 'tile')}, {size_bytes(done.bytes)} written now"
        out(f"{place} holds {plural(done.head.size, 'operation')}: {now}")


def _upgrade(args: Namespace, log: PostgresLog) -> int:
    from tui_registry.hub.admin import upgrade

    done = upgrade(log, dry_run=args.dry_run)
    tables = log.version()
    if args.json:
        out_json({"hub": done.hub, "rules": done.rules, "tables": tables, "done": not args.dry_run})
    elif args.dry_run:
        out(f"it would let the log hold what rules of version {done.rules} read")
    else:
        out(f"the log holds what rules of version {done.rules} read; its tables are of version {tables}")
    return 0


# How

_LABEL = 14
_NODES = (
    Column("NODE", 12, grows=True, most=60),
    Column("VERSION", 10, spare=1),
    Column("HAS", 12, right=True),
    Column("BEHIND", 9, right=True),
    Column("STATE", 11),
    Column("SEEN", 7, right=True),
)


@contextmanager
def _view(args: Namespace, log: PostgresLog) -> Iterator[Datastore]:
    """The view in the folder that the line means, opened with its hub.

    Raises:
        StoreError: there is none.
    """
    folder = data_dir(args.data_dir)
    _expect_replica(folder)
    with Datastore.open(folder, read_only=True) as alone:
        known = alone.hub.id
    if known is None:
        raise StoreError(
            "hub_other",
            f"{safe_text(str(folder), 200)} is no view of a hub: name the folder of a node with --data-dir",
        )
    with Datastore.open(folder, hub=log) as datastore:
        yield datastore


def _expect_replica(folder: Path) -> None:
    if not (folder / DATABASE).exists():
        raise StoreError("not_found", f"there is no replica in {safe_text(str(folder), 200)}")


def _lines(found: HubStatus) -> Iterator[tuple[str, str]]:
    head, view = found.head, found.view
    yield "hub", f"{head.hub} at {found.name}"
    yield "log", f"{plural(head.size, 'operation')}, epoch {head.epoch}"
    yield "chain", head.chain.hex()
    yield "signs as", f"0x{head.address}"
    yield "rules", f"version {head.rules}, tables of version {found.tables}"
    publisher = "nobody publishes now" if found.publisher is None else f"published by {safe_text(found.publisher, 60)}"
    yield "tiles", f"{safe_text(found.store, 200)} ({publisher})" if found.store else "published nowhere"
    if found.epochs:
        last = found.epochs[-1]
        yield (
            "epochs",
            f"{exact(len(found.epochs))}; the last one {safe_text(last.why, 40)} {moment_utc(last.began_at)}",
        )
    if view is not None:
        fits = "fits" if view.code == "follows" else safe_text(view.sentence)
        yield "this folder", f"{safe_text(str(view.folder), 200)}, {plural(view.size, 'operation')}: {fits}"


def _print_nodes(nodes: Sequence[Node], size: int) -> None:
    table = Table(_NODES, terminal_width())
    out(table.header())
    for node in nodes:
        cells = (
            safe_text(node.name, 60),
            safe_text(node.version, 20),
            exact(node.size),
            exact(max(0, size - node.size)),
            safe_text(node.state, 20),
            age(node.age),
        )
        out(table.line(cells))
