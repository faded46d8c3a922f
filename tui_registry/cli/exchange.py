"""Exchanging: `peer`, `sync`, `serve` and `export`. What reaches the network is imported by the command that does."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING

from tui_registry.cli.output import (
    CALM_SECONDS,
    Column,
    StatusLine,
    Table,
    UsageError,
    confirm,
    error_json,
    how_far,
    note,
    noting,
    on_terminal,
    out,
    out_json,
    progress_bar,
    terminal_width,
)
from tui_registry.cli.registry import (
    STDOUT,
    open_registry,
    query_explained,
    tell_elsewhere,
    token_in,
    write_bytes,
    write_file,
)
from tui_registry.datastore import DATABASE, StoreError
from tui_registry.errors import RegistryError
from tui_registry.exports import exported_json, operations_of
from tui_registry.frozen import NamedTuple
from tui_registry.settings import data_dir, load_settings
from tui_registry.text import age, exact, moment_utc, plural, safe_text, size_bytes

if TYPE_CHECKING:
    import asyncio

    from tui_registry.datastore import Datastore, Faces, HubStanding, Peer, Shared
    from tui_registry.errors import Json
    from tui_registry.hub.postgres import PostgresLog
    from tui_registry.node import Address
    from tui_registry.node.following import Following
    from tui_registry.node.watch import Journal
    from tui_registry.present.found import Recommended
    from tui_registry.present.pulls import Event, PullResult, PushResult
    from tui_registry.sync import Bounds, Rounds


class _Token(NamedTuple):
    """What opens a peer to pushes, and the address that it had when the command began: no other is shown it."""

    word: str | None = None
    address: str | None = None


_NO_TOKEN = _Token()


def peer(args: Namespace) -> int:
    """Add, list, find or remove; say whose heads are expected, and what is odd about them."""
    if args.action == "find":
        return _find_peers(args)
    with open_registry(args) as datastore:
        match args.action:
            case "look":
                _look(datastore, args.where, as_json=args.json)
            case "add" if args.dry_run:
                for problem in datastore.peers.check(args.name, args.address):
                    raise StoreError(problem.code, problem.sentence)
                _look(datastore, args.address, as_json=args.json)
            case "add":
                added = datastore.peers.add(args.name, args.address, key=args.key)
                if args.json:
                    out_json(_peer_json(added))
                else:
                    out(f"added peer {added.name}: 'tui-registry sync {added.name}' pulls from it")
            case "limit":
                from tui_registry.cli.keeping_out import limit

                limit(datastore, args)
            case "remove":
                _remove_peer(datastore, args)
            case "show":
                _show_peer(datastore.peers.get(args.name), as_json=args.json)
            case "trust":
                _trust(datastore, args.name, args.key, as_json=args.json)
            case "faces":
                _list_faces(datastore.peers.faces(), as_json=args.json)
            case _:
                _list_peers(datastore.peers.all(), as_json=args.json)
    return 0


def sync(args: Namespace) -> int:
    """Pull, and say for each peer what came of it."""
    import asyncio

    names: list[str] = list(dict.fromkeys(args.peers))
    alone = not args.push and args.every is None and args.timeout is None
    if args.dry_run and (not args.push or args.every is not None or args.audit or args.source):
        raise UsageError("--dry-run says what --push would offer: it goes with that, peers and --timeout alone")
    if args.audit and (args.push or args.every is not None or args.source):
        raise UsageError("--audit takes and gives nothing: it goes with peers and --timeout alone")
    if args.source and (len(names) > 1 or not alone):
        raise UsageError("--from reads files: it goes with one peer at most, whose log they hold, and nothing else")
    for source in args.source:
        if "://" in source:
            raise UsageError(f"--from reads files: fetch it first, such as with 'curl -OC - {safe_text(source, 200)}'")
    word = None
    if args.token_file is not None:
        if not args.push or len(names) != 1:
            raise UsageError("--token-file goes with --push and one peer, which alone is shown the token")
        word = token_in(args.token_file)
    with open_registry(args) as datastore:
        if not args.audit and not args.dry_run:
            datastore.expect_writable()  # before anything is fetched
        if args.source:
            return asyncio.run(_sync_from(datastore, names[0] if names else None, args.source, as_json=args.json))
        names = names or [peer.name for peer in datastore.peers.all()]
        if not names:
            raise StoreError("not_found", "there are no peers to pull from: add one with 'peer add NAME URL|DIR'")
        from dataclasses import replace

        from tui_registry.sync import Rounds, bounds_of

        token = _NO_TOKEN if word is None else _Token(word, datastore.peers.get(names[0]).address)
        bounds = bounds_of(load_settings())
        if args.timeout is not None:
            bounds = replace(bounds, pull_seconds=args.timeout)
        if args.dry_run:
            return asyncio.run(_plan_pushes(datastore, names, bounds, as_json=args.json))
        if args.audit:
            return asyncio.run(_audit(datastore, names, bounds, as_json=args.json))
        if args.every is not None:
            rounds = Rounds(args.every)
            every = _sync_every(datastore, args.peers, bounds, rounds, push=args.push, token=token, as_json=args.json)
            return asyncio.run(every)
        return asyncio.run(_sync(datastore, names, bounds, push=args.push, token=token, as_json=args.json))


def serve(args: Namespace) -> int:
    """Serve until told to end."""
    for option in ("uds", "tls_cert", "tls_key"):
        if getattr(args, option) == "":
            raise UsageError(f"--{option.replace('_', '-')} needs the path of a file")
    if args.tls_key is not None and args.tls_cert is None:
        raise UsageError("--tls-key is the key of a certificate: it goes with --tls-cert")
    if args.uds is not None and args.tls_cert is not None:
        raise UsageError("--uds is for what runs on this machine, which needs no certificate: leave one of the two out")
    if args.announce and (args.uds is not None or not args.allow_remote):
        raise UsageError(
            "--announce tells others of the node: it goes with --allow-remote and a --host that they reach"
        )
    if args.uds is None and "unix" in args.trust_proxy:
        raise UsageError("--trust-proxy unix believes who comes over a Unix socket: it goes with --uds")
    if args.read_only and (args.accept_ops not in (None, "nobody") or args.new_epoch):
        raise UsageError("--accept-ops and --new-epoch write, and --read-only says to write nothing")
    from tui_registry.node.watch import Journal

    dsn = None if args.token else _hub_of(args)
    if args.new_epoch and dsn is not None:
        raise UsageError("--new-epoch is of a log of one's own: 'hub rewrite' gives that of a hub another one")
    if args.store_url and dsn is None:
        raise UsageError("--store-url says where a hub's tiles are: it goes with --hub")
    journal = None if args.log_format == "none" else Journal(args.log_format, sys.stderr)
    opened = partial(_opened, args, dsn, journal)
    with ExitStack() as stack:
        if dsn is not None:
            _expect_key(args, dsn)
        # What is open here ends before other processes begin.
        alone = stack.enter_context(ExitStack())
        datastore, following = alone.enter_context(opened())
        if args.token:
            token = datastore.tokens.file_token()
            if token is None:
                raise StoreError(
                    "not_found",
                    "a token is shown once, when it is made: 'tui-registry token add NAME' makes one, 'token list' "
                    "names those that there are",
                )
            if args.json:
                out_json({"token": token})
            else:
                out(token)
            return 0
        from pathlib import Path

        from tui_registry.node import Door, Telling, Terms, Tls, Whereabouts, serve as serve_node, serve_by_workers
        from tui_registry.node.limits import node_bounds_of
        from tui_registry.node.server import expect_hub
        from tui_registry.node.tokens import accepting

        def terms() -> Terms:
            settings = load_settings()
            who = "nobody" if args.read_only else args.accept_ops or settings.accept_ops
            return Terms(node_bounds_of(settings), accepting(who))

        if journal is not None:
            stack.enter_context(noting(journal.note))
        before = datastore.elsewhere.count()
        if before:
            tell_elsewhere(datastore, before, in_full=False)
        # What they say of the replica is found out now: where others answer, none is open here.
        expect_hub(datastore, following)
        if following is not None and args.workers == 1:
            _catch_up(args, datastore, following.shared)
        who, why_not, unsigned = datastore.address, datastore.why_read_only, datastore.log.why_unsigned()
        if following is not None and args.read_only:
            why_not = "that was asked for"
        door = Door(
            args.host,
            args.port,
            args.allow_remote,
            args.uds and Path(args.uds),
            args.tls_cert and Tls(Path(args.tls_cert), args.tls_key and Path(args.tls_key)),
        )
        whereabouts = Whereabouts(
            names=tuple(args.host_name),
            proxies=tuple(args.trust_proxy),
            root_path=args.root_path or "",
            recommended=_recommended(args.recommend),
            public_url=args.public_url or "",
        )
        if args.announce:
            from tui_registry.sync.lan import check_lan

            check_lan()
        begun = terms()

        def announced(address: Address) -> AbstractContextManager[object]:
            return _announced(args, address, who) if args.announce else nullcontext()

        def say(address: Address) -> None:
            if args.workers == 1:
                stack.enter_context(announced(address))
            _say_where(args, address, who, journal, why_read_only=why_not, why_unsigned=unsigned)

        if args.workers > 1:
            alone.close()
            if dsn is not None:
                _catch_up_aside(args, dsn)
            serve_by_workers(
                opened,
                args.workers,
                door,
                Telling(say, _say_shared, _say_reread, note),
                terms=begun,
                new_epoch=args.new_epoch,
                whereabouts=whereabouts,
                reread=terms,
                journal=journal,
                beside=announced,
            )
            datastore, _ = stack.enter_context(opened())
        else:
            serve_node(
                datastore,
                args.host,
                args.port,
                allow_remote=args.allow_remote,
                uds=door.uds,
                tls=door.tls,
                accept_ops=begun.accept_ops,
                bounds=begun.bounds,
                new_epoch=args.new_epoch,
                whereabouts=whereabouts,
                reread=terms,
                on_ready=say,
                on_shared=_say_shared,
                on_reread=_say_reread,
                journal=journal,
                hub=following,
            )
        pushed = datastore.elsewhere.count() - before
        if pushed > 0:
            tell_elsewhere(datastore, pushed, in_full=not args.json)
    return 0


def _recommended(given: Sequence[str]) -> tuple[Recommended, ...]:
    """The peers of the options `--recommend`, once each.

    Raises:
        UsageError: they are more than a reader takes.
    """
    from tui_registry.sync.recommended import MOST_RECOMMENDED, parse_recommended

    found = tuple({peer.url.rstrip("/"): peer for peer in map(parse_recommended, given)}.values())
    if len(found) > MOST_RECOMMENDED:
        raise UsageError(f"--recommend names {MOST_RECOMMENDED} peers at most: a reader passes over the others")
    return found


def _hub_of(args: Namespace) -> str | None:
    """The address of the hub that a line means; None for none.

    Raises:
        StoreError: `no_hub`: what it takes is not installed; or it cannot be told which is meant.
    """
    if args.hub is None and args.hub_file is None and not os.environ.get("TUI_REGISTRY_HUB", "").strip():
        return None
    from tui_registry.hub.postgres import dsn_from

    return dsn_from(args.hub, args.hub_file)


@contextmanager
def _opened(args: Namespace, dsn: str | None, journal: Journal | None) -> Iterator[tuple[Datastore, Following | None]]:
    """The replica that is served, and how it follows its hub where it is of one; each process has connections of its
    own."""
    if dsn is None:
        with open_registry(args, read_only=args.read_only) as datastore:
            yield datastore, None
        return
    from tui_registry.hub.postgres import connect
    from tui_registry.node.following import Following

    def says(standing: HubStanding) -> None:
        sentence = standing.sentence or f"follows the hub again: {plural(standing.size, 'operation')} are here"
        if journal is None:
            note(sentence)
            return
        journal.say(
            "hub",
            sentence,
            "info" if standing.code == "follows" else "warning",
            code=standing.code,
            size=standing.size,
            shared_size=standing.shared_size,
        )

    with closing(connect(dsn)) as shared, open_registry(args, hub=shared) as datastore:
        yield datastore, Following(datastore, shared, store=args.store_url or "", only_reads=args.read_only, says=says)


def _expect_key(args: Namespace, dsn: str) -> None:
    """See to it that a folder has the hub's key before it becomes a view of that: it could not be served, and would be
    a replica of its own no more.

    Raises:
        StoreError: `hub_key`; `hub_away`: the hub cannot be asked; `hub_other`: there is none.
    """
    from tui_registry.hub.postgres import connect
    from tui_registry.node.server import expect_key

    with closing(connect(dsn)) as shared:
        if not (data_dir(args.data_dir) / DATABASE).exists():
            shared.head()  # before anything is made
        with open_registry(args) as datastore:
            if datastore.hub.id is None and not datastore.log.head(make_key=False).size:
                expect_key(datastore, shared.head().address)


def _catch_up(args: Namespace, datastore: Datastore, shared: PostgresLog) -> None:
    """Bring a view to where its hub is before it is served, from the hub's store as far as that goes. What cannot be
    had now is had later: the node says that it is not ready as long as it is far behind."""
    from tui_registry.hub.starting import start
    from tui_registry.hub.store import BucketError, open_store

    if args.hub is not None and shared.names_password:
        note("warning: others on this machine can see the password on this line: put it into a file (--hub-file)")
    try:
        address, store = shared.store, None
        try:
            store = open_store(address, to_read=True) if address else None
        except BucketError as error:
            note(f"the hub's store is not read: {error.sentence}")
        with progress_bar("followed") as show:
            begun = start(datastore, store, progress=show)
    except StoreError as error:
        note(error.sentence)
        return
    if begun.from_store:
        note(f"{plural(begun.from_store, 'operation')} came from the hub's store")
    if begun.why:
        note(begun.why)


def _catch_up_aside(args: Namespace, dsn: str) -> None:
    """`_catch_up` in a process of its own: what reads a store has threads that nothing ends, and this process is to
    begin others."""
    from multiprocessing import get_context

    def work() -> None:
        with suppress(RegistryError), _opened(args, dsn, None) as (datastore, following):
            if following is not None:
                _catch_up(args, datastore, following.shared)

    sys.stdout.flush()
    sys.stderr.flush()
    process = get_context("fork").Process(target=work, daemon=True)
    process.start()
    process.join()


@contextmanager
def _announced(args: Namespace, address: Address, who: str) -> Iterator[None]:
    """Tell the local network of a node until the block ends."""
    from tui_registry.sync.lan import Announcement

    with Announcement(failed=lambda sentence: note(f"not announced: {sentence}")) as announcement:
        path, tls = args.root_path or "", args.tls_cert is not None
        announcement.begin(address.host, address.port, node=who, path=path, tls=tls)
        yield


def _say_where(
    args: Namespace,
    address: Address,
    who: str,
    journal: Journal | None,
    *,
    why_read_only: str,
    why_unsigned: str | None,
) -> None:
    """Say where a node listens, now that it does."""
    if args.json:
        place: dict[str, Json] = {"host": address.host, "port": address.port}
        if address.path:
            place = {"uds": address.path}
        out_json({"url": address.url, **place, "node": who})
    else:
        out(f"serving {address.url}")
    if journal is not None:
        journal.say("start", f"serving {address.url}", url=address.url, node=who)
    elif address.path and not args.json:
        note("programs on this machine that may open that socket reach it; Ctrl+C ends this")
    elif not args.json:
        writes = "" if why_read_only else ", programs write with a token of 'token add'"
        note(f"others pull with 'peer add NAME URL'{writes}; Ctrl+C ends this")
        if args.allow_remote and not args.host_name:
            note("it is known by its addresses alone: --host-name NAME lets others ask for it by a name")
    if why_unsigned is not None:
        note(f"the head of its log bears no signature: {safe_text(why_unsigned)}")
    if why_read_only:
        note(f"it answers reads alone: {safe_text(why_read_only)}")
    sys.stdout.flush()


def export(args: Namespace) -> int:
    """Write records, operations or a static log."""
    if args.query and args.bom is not None:
        raise UsageError("--bom is of one record, with all that it needs: a query goes with records only")
    if args.query and (args.log is not None or args.bundle is not None):
        raise UsageError("--log and --bundle write everything: a query goes with records only")
    if args.query and args.catalog is not None:
        raise UsageError("--catalog is of everything: a query goes with records only")
    if (args.catalog is None) != (args.public_url is None):
        raise UsageError(
            "--catalog and --public-url go together: a catalog is a directory of files that lead to one another by the "
            "address at which a web server offers it, such as https://registry.example"
        )
    if args.new_epoch and args.log is None:
        raise UsageError("--new-epoch is of a log that others read: it goes with --log")
    if args.alone and "://" not in (args.log or ""):
        raise UsageError(
            "--alone is about an object store: it goes with --log and an address such as s3://BUCKET/PREFIX"
        )
    if args.recommend and (args.log is None or "://" in args.log):
        raise UsageError("--recommend is of a log that others read: it goes with --log and a directory")
    recommended = _recommended(args.recommend)
    if args.output is not None and not (args.ops and args.query):
        raise UsageError("--output is for the operations of records: export --ops ID -o FILE")
    if args.ops and args.output in (None, STDOUT) and on_terminal():
        raise UsageError(
            "operations are strangers' bytes as they are: send them to a file or a pipe, not to a terminal"
        )
    with open_registry(args) as datastore:
        if args.bom is not None:
            from tui_registry.cli.linked import write_bom

            write_bom(datastore, args.bom)
        elif args.catalog is not None:
            _write_catalog(datastore, args.catalog, args.public_url, as_json=args.json)
        elif args.bundle is not None:
            _write_bundles(datastore, args.bundle, as_json=args.json)
        elif args.log is not None:
            _write_log(datastore, args.log, new_epoch=args.new_epoch, alone=args.alone, as_json=args.json)
            if "://" not in args.log:
                from tui_registry.sync.publishing import write_recommended

                write_recommended(args.log, recommended)
        elif args.ops and args.query:
            _write_operations_of(datastore, args.query, args.output or STDOUT)
        elif args.ops:
            _write_operations(datastore)
        else:
            _write_records(datastore, " ".join(args.query))
    return 0


async def _audit(datastore: Datastore, names: Sequence[str], bounds: Bounds, *, as_json: bool) -> int:
    """Tell what peers' logs have that is not here."""
    from tui_registry.present.leaving_out import NOT_HERE
    from tui_registry.present.pulls import SyncError
    from tui_registry.sync import audit

    failed = False
    for name in names:
        try:
            found = await audit(datastore, name, bounds=bounds)
        except SyncError as error:
            failed = True
            if as_json:
                nothing: dict[str, Json] = {"theirs": 0, "here": 0, "not_here": {}}
                out_json({"peer": name, **nothing, **error_json(error)})
            note(error.sentence)
            continue
        if as_json:
            told: dict[str, Json] = {"theirs": found.size, "here": found.here, "not_here": dict(found.not_here)}
            out_json({"peer": name, **told, "error": None})
            continue
        out(f"{name}: {exact(found.here)} of {plural(found.size, 'operation')} are here")
        for why, count in found.not_here.most_common():
            out(f"  {exact(count)} are not: {NOT_HERE.get(why, why)}")
    return int(failed)


async def _plan_pushes(datastore: Datastore, names: Sequence[str], bounds: Bounds, *, as_json: bool) -> int:
    """Tell what peers would be offered by a push."""
    from tui_registry.present.pulls import SyncError
    from tui_registry.sync import plan_push

    failed = False
    for name in names:
        try:
            plan = await plan_push(datastore, name, bounds=bounds)
        except SyncError as error:
            failed = True
            note(safe_text(error.sentence))
            if as_json:
                out_json({"pushes_to": name, "offers": 0, "told": False, **error_json(error)})
            continue
        if as_json:
            out_json({"pushes_to": name, "offers": plan.offers, "told": plan.told, "error": None})
        else:
            out(safe_text(plan.sentence))
    return int(failed)


# Peers

_PEERS = (
    Column("PEER", 12),
    Column("ADDRESS", 28, grows=True),
    Column("THEIRS", 9, right=True, spare=2),
    Column("READ", 9, right=True, spare=1),
    Column("LAST SYNC", 9),
    Column("STATE", 12, told=True),
)


def _find_peers(args: Namespace) -> int:
    """Ask the local network for nodes, and list what answers.

    Raises:
        LanError: it cannot be asked.
    """
    from tui_registry.present.owners import owner_cell
    from tui_registry.sync.lan import find_nodes

    if on_terminal():
        note("asking the local network, for 3 s")
    found = find_nodes()
    with open_registry(args) as datastore:
        names, own = datastore.names.all(), datastore.key.known
        known = {peer.address.rstrip("/"): peer.name for peer in datastore.peers.all()}
    for node in found:
        peer = known.get(node.url.rstrip("/"))
        if args.json:
            out_json({"url": node.url, "node": node.node or None, "petname": names.get(node.node), "peer": peer})
            continue
        whose = f"  says its key is {owner_cell(node.node, node.node == own, names)}" if node.node else ""
        out(f"{node.url}{whose}{f'  (the peer {peer})' if peer is not None else ''}")
    if not found:
        note("no node answers there: one does where 'serve --announce' runs")
    elif not args.json:
        note("anybody can answer so: 'peer add NAME URL' adds the one that you mean")
    return 0


def _look(datastore: Datastore, where: str, *, as_json: bool) -> None:
    """Say what is at an address or a peer's, and whom it recommends; nothing is added and nothing pulled.

    Raises:
        LookError: there is nothing to pull from.
    """
    import asyncio

    from tui_registry.present.found import found_json, found_lines, recommended_line, recommended_words
    from tui_registry.sync import bounds_of
    from tui_registry.sync.looking import look_at

    address = next((peer.address for peer in datastore.peers.all() if peer.name == where), where)
    found = asyncio.run(look_at(address, bounds_of(load_settings())))
    if as_json:
        out_json(found_json(found))
        return
    for line in found_lines(found, int(time.time()), datastore.names.all(), datastore.key.known or ""):
        out(line)
    if found.recommended:
        out(f"It {recommended_words(found.recommended)}")
        for peer in found.recommended:
            out(f"  {recommended_line(peer)}")
    if found.kind == "bundles":
        note(f"nothing was taken: 'sync --from {safe_text(found.files[0], 200)}' reads it")
    elif address == where:
        note("nothing was added: 'peer add NAME URL|DIR' does that, and 'sync' pulls")


def _remove_peer(datastore: Datastore, args: Namespace) -> None:
    from tui_registry.present.leaving_out import amounts, amounts_json, purge_question, purged

    datastore.peers.get(args.name)  # there is one
    brought = datastore.plan_purge(peer=args.name)
    done = None
    if args.purge and brought.ops:
        whose = f"what only {args.name} brought"
        if not args.yes:
            confirm(purge_question(brought, whose), f"take out {amounts(brought)}", "nothing was taken out")
        # First, so that what is cut short can be done again.
        done = datastore.purge(peer=args.name)
    datastore.peers.remove(args.name)
    if args.json:
        only = amounts_json(done or brought, is_done=done is not None)
        out_json({"name": args.name, "removed": True, "brought": only})
    elif done is not None:
        out(f"removed peer {args.name}; {purged(done, is_blocked=False)}")
    else:
        out(f"removed peer {args.name}; what came from it stays")
        if brought.ops:
            note(f"{amounts(brought)} came from it alone: 'purge --peer {args.name}' takes them out")


def _list_peers(peers: list[Peer], *, as_json: bool) -> None:
    if as_json:
        for peer in peers:
            out_json(_peer_json(peer))
        return
    if not peers:
        note("there are no peers yet: add one with 'peer add NAME URL|DIR'")
        return
    table = Table(_PEERS, terminal_width())
    now = int(time.time())
    out(table.header())
    for peer in peers:
        theirs = "?" if peer.their_size is None else exact(peer.their_size)
        last = "never" if peer.last_sync is None else age(now - peer.last_sync)
        out(table.line((peer.name, peer.address, theirs, exact(peer.next_index), last, _state(peer))))
        if peer.last_error is not None:
            out(f"  {safe_text(peer.last_error)}")
        if peer.left_out:
            out(f"  {'identical but for' if peer.identical else 'besides,'} {exact(peer.left_out)} left out here")
        for line in _concern_lines(peer):
            out(f"  {line}")


def _concern_lines(peer: Peer) -> list[str]:
    from tui_registry.present.pulls import concerns_of

    return [f"{concern.sentence}. {concern.remedy}" for concern in concerns_of(peer)]


def _show_peer(peer: Peer, *, as_json: bool) -> None:
    from tui_registry.present.pulls import key_words, root_words

    if as_json:
        out_json(_peer_json(peer))
        return
    now = int(time.time())
    theirs = "never seen" if peer.their_size is None else plural(peer.their_size, "operation")
    last = "never" if peer.last_sync is None else f"{age(now - peer.last_sync)} ({moment_utc(peer.last_sync)})"
    lines = [("peer", peer.name), ("address", peer.address), ("state", _state(peer))]
    lines += [("their log", theirs), ("read", plural(peer.next_index, "operation")), ("last sync", last)]
    lines += [("left out", plural(peer.left_out, "operation"))] if peer.left_out else []
    lines += [("key", key_words(peer)), ("root", root_words(peer))]
    lines += [("failed", peer.last_error)] if peer.last_error is not None else []
    lines += [("", line) for line in _concern_lines(peer)]
    for label, text in lines:
        out(f"{label:<11}{safe_text(text)}")


def _trust(datastore: Datastore, name: str, key: str | None, *, as_json: bool) -> None:
    """Accept the key that is named, or else what the peer showed last: another key, or no signature."""
    before = datastore.peers.get(name)
    if key is None and before.their_size is None:
        raise StoreError(
            "not_found",
            f"{name} was never read, so that no key of it is known: 'sync {name}' first, or name the key, as its "
            "'identity show' prints it",
        )
    peer = datastore.peers.trust(name, before.signed_by if key is None else key)
    if as_json:
        out_json(_peer_json(peer))
    elif peer.pinned is None:
        out(f"{name} is taken without a signature: the next key that signs its head is the one that it is known by")
    else:
        out(f"{name} is known by the key 0x{peer.pinned}")
    if before.faces:
        told = "is" if before.faces == 1 else "are"
        note(f"{plural(before.faces, 'proof')} of two faces {told} known now, and kept: 'peer faces' lists them")


def _list_faces(found: list[Faces], *, as_json: bool) -> None:
    if not found and not as_json:
        note("no key has signed two heads of one log that cannot both be true, as far as is known here")
    for faces in found:
        if as_json:
            out_json(_faces_json(faces))
            continue
        known = ", which you know" if faces.known else ""
        out(f"0x{faces.key} signed two heads of {plural(faces.size, 'operation')} of log {faces.epoch}{known}:")
        for head, shown_by in zip(faces.heads, faces.shown_by, strict=True):
            out(f"  root {head.root}, shown by {safe_text(shown_by)}")
    if found and not as_json:
        note("'peer faces --json > FILE' writes the proofs; anybody checks them with 'verify --faces FILE'")


def _faces_json(faces: Faces) -> dict[str, Json]:
    """A proof as it is handed on: see protocol.md, Signed heads."""
    import json

    from tui_registry.sync.tiles import spell_head

    heads: list[Json] = [json.loads(spell_head(head, ranges=False)) for head in faces.heads]
    told: dict[str, Json] = {"key": faces.key, "epoch": faces.epoch, "size": faces.size, "heads": heads}
    return {**told, "shown_by": [*faces.shown_by], "found_at": faces.found_at, "known": faces.known}


def _state(peer: Peer) -> str:
    from tui_registry.present.pulls import concerns_of

    if peer.last_error is not None:
        return "failed"
    for concern in concerns_of(peer):
        return concern.brief
    if peer.identical:
        return "identical"
    return "new" if peer.last_try is None else "read"


def _peer_json(peer: Peer) -> dict[str, Json]:
    from tui_registry.present.pulls import concern_json, concerns_of, kept_out

    return {
        "name": peer.name,
        "address": peer.address,
        "node": peer.node,
        "epoch": peer.epoch,
        "their_size": peer.their_size,
        "read": peer.next_index,
        "identical": peer.identical,
        **{count.name: number for count, number in kept_out(peer)},
        "last_sync": peer.last_sync,
        "last_try": peer.last_try,
        "last_error": peer.last_error,
        "key": peer.pinned,
        "signed_by": peer.signed_by,
        "root_fits": peer.root_fits,
        "faces": peer.faces,
        "concerns": [concern_json(concern) for concern in concerns_of(peer)],
    }


def nodes_named(datastore: Datastore, names: Sequence[str]) -> list[str]:
    """The peers of these names that may be given operations; without a name all that are no folders.

    Raises:
        StoreError: `not_found`: there is no such peer, or none at all. UsageError: it is a folder.
    """
    from tui_registry.sync.transport import is_url

    for name in names:
        if not is_url(datastore.peers.get(name).address):
            raise UsageError(f"{safe_text(name)} is a directory, which is given nothing: 'export --log' writes one")
    found = list(dict.fromkeys(names)) or [peer.name for peer in datastore.peers.all() if is_url(peer.address)]
    if not found:
        raise StoreError("not_found", "there is no node to publish to: add one with 'peer add NAME URL'")
    return found


# Pulling and pushing


async def _sync(
    datastore: Datastore, names: list[str], bounds: Bounds, *, push: bool, token: _Token, as_json: bool
) -> int:
    from tui_registry.sync import pull_all

    began = time.monotonic()
    progress = _Progress()
    try:
        results = await pull_all(datastore, names, emit=progress.take, bounds=bounds)
    finally:
        progress.clear()
    failed = False
    for result in results:
        if as_json:
            out_json(_pull_json(result))
        elif result.ok:
            out(safe_text(result.sentence))
        if result.error is not None:
            failed = True
            note(safe_text(result.sentence))
        if not as_json:
            _warn(result)
        if push and result.error is None:
            pushed = await _push(datastore, result.peer, _left(bounds, began), token, as_json=as_json)
            failed = failed or not pushed
    elsewhere = sum(result.elsewhere for result in results)
    if elsewhere:
        tell_elsewhere(datastore, elsewhere, in_full=not as_json)
    if any(result.conflicts for result in results) and not as_json:
        from tui_registry.present.settling import WHERE_CONFLICTS_ARE

        note(WHERE_CONFLICTS_ARE)
    return 1 if failed else 0


def _warn(result: PullResult) -> None:
    for warning in result.warnings:
        note(warning)


def _left(bounds: Bounds, began: float) -> Bounds:
    """The bounds with the time that is left of what all of it was given."""
    from dataclasses import replace

    if bounds.pull_seconds is None:
        return bounds
    return replace(bounds, pull_seconds=max(0.0, bounds.pull_seconds - (time.monotonic() - began)))


async def _sync_from(datastore: Datastore, name: str | None, files: Sequence[str], *, as_json: bool) -> int:
    """Read bundles of a log: with a peer's name as if they had come from it, so that the next sync with it goes on
    behind them; without one as operations of files."""
    import asyncio

    from tui_registry.present.pulls import tally_of
    from tui_registry.sync import Bundle, bounds_of, pull
    from tui_registry.sync.bundles import take_bundle

    bounds = bounds_of(load_settings())
    peer = None if name is None else datastore.peers.get(name)
    bundles = sorted((Bundle(name or "file", file, bounds) for file in files), key=lambda found: found.end)
    elsewhere = 0
    try:
        for bundle in bundles:
            if peer is None:
                report = await asyncio.to_thread(take_bundle, datastore, bundle)
                elsewhere += report.elsewhere
                if as_json:
                    out_json({"bundle": bundle.name, **tally_of(report).counts(), "elsewhere": report.elsewhere})
                else:
                    out(f"{safe_text(bundle.name)}: {tally_of(report).brief}")
                continue
            peer = datastore.peers.get(peer.name)
            if peer.epoch == bundle.head_here.epoch and peer.next_index >= bundle.end:
                note(f"{safe_text(bundle.name)}: {peer.name}'s log was read up to {exact(peer.next_index)} already")
                continue
            progress = _Progress()
            try:
                result = await pull(datastore, peer.name, emit=progress.take, bounds=bounds, through=bundle)
            finally:
                progress.clear()
            elsewhere += result.elsewhere
            if as_json:
                out_json({"bundle": bundle.name, **_pull_json(result)})
            elif result.ok:
                out(safe_text(result.sentence))
            if not as_json:
                _warn(result)
            if result.error is not None:
                note(safe_text(result.sentence))
                return 1
    finally:
        if elsewhere:
            tell_elsewhere(datastore, elsewhere, in_full=not as_json)
    return 0


async def _sync_every(
    datastore: Datastore,
    names: Sequence[str],
    bounds: Bounds,
    rounds: Rounds,
    *,
    push: bool,
    token: _Token = _NO_TOKEN,
    as_json: bool,
    wait: Callable[[asyncio.Event, float], Awaitable[None]] | None = None,
) -> int:
    """Pull in rounds until a signal ends it, which is no failure: in a pull between two transactions.

    Args:
        names: of the peers; none for all that there are in each round.
        wait: waits until the event is set, or so many seconds.
    """
    import asyncio

    from tui_registry.sync import Rounds, pull_all

    stop, wait = asyncio.Event(), wait or _wait
    # A node that takes no operations is pulled from as often as ever.
    pushes = Rounds(rounds.every)
    # What was told of each peer's key, so that it is told once.
    odd: dict[str, tuple[str, ...]] = {}
    with _ended_by_signals(stop):
        while True:
            began = time.monotonic()
            progress = _Progress()
            try:
                due = rounds.due(dict.fromkeys(names) or [peer.name for peer in datastore.peers.all()])
                results = await pull_all(datastore, due, emit=progress.take, cancel=stop, bounds=bounds)
            finally:
                progress.clear()
            for result in results:
                if stop.is_set() and result.error is not None and result.error.code == "stopped":
                    continue
                other = odd.get(result.peer, ()) != result.odd
                odd[result.peer] = result.odd
                changed = rounds.note(result.peer, failed=not result.ok)
                _tell_round(result, changed=changed, other=other, as_json=as_json)
                if push and result.ok and not stop.is_set() and pushes.due([result.peer]):
                    left = _left(bounds, began)
                    await _push_in_round(datastore, result.peer, left, token, pushes, stop, as_json=as_json)
            elsewhere = sum(result.elsewhere for result in results)
            if elsewhere:
                tell_elsewhere(datastore, elsewhere, in_full=not as_json)
            sys.stdout.flush()
            if not stop.is_set():
                await wait(stop, rounds.wait())
            if stop.is_set():
                return 0


def _tell_round(result: PullResult, *, changed: bool, other: bool, as_json: bool) -> None:
    """What a round brought: a line for each peer with news; a failure, and its end, once, and so what is odd about its
    key where that is another than before (`other`)."""
    now = int(time.time())
    news = result.applied or result.rejected or result.conflicts
    if other and not as_json:
        for warning in result.warnings:
            note(f"{moment_utc(now)}  {warning}")
    if as_json:
        if news or changed or other:
            out_json({"at": now, **_pull_json(result)})
    elif result.ok and (news or changed):
        again = "" if news or not changed else " (it answers again)"
        out(f"{moment_utc(now)}  {safe_text(result.sentence)}{again}")
    if result.error is not None and changed:
        note(f"{moment_utc(now)}  {_ended(result.sentence)} It is asked again, less and less often")


def _ended(sentence: str) -> str:
    """With a mark at its end, so that another one can follow; safe to show."""
    shown = safe_text(sentence)
    return shown if shown.endswith((".", "?", "!")) else f"{shown}."


async def _push_in_round(
    datastore: Datastore,
    name: str,
    bounds: Bounds,
    token: _Token,
    pushes: Rounds,
    stop: asyncio.Event,
    *,
    as_json: bool,
) -> None:
    """Push, unless it is to stop meanwhile; say what was offered, and a failure once."""
    import asyncio

    from tui_registry.errors import RegistryError
    from tui_registry.present.pulls import PushResult
    from tui_registry.sync import push

    pushing = asyncio.ensure_future(push(datastore, name, bounds=bounds, token=token.word, at=token.address))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({pushing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not pushing.done():
            return  # what the peer took, it keeps
        result = await pushing
    except RegistryError as error:  # it may have been removed meanwhile
        if pushes.note(name, failed=True):
            now = int(time.time())
            note(f"{moment_utc(now)}  {_ended(error.sentence)} It is offered again, less and less often")
            if as_json:
                out_json({"at": now, **_push_json(PushResult(peer=name, offered=0), error)})
        return
    finally:
        stopping.cancel()
        pushing.cancel()
        await asyncio.gather(pushing, stopping, return_exceptions=True)
    again = pushes.note(name, failed=False)
    if not (result.offered or again):
        return
    if as_json:
        out_json({"at": int(time.time()), **_push_json(result)})
    else:
        out(f"{moment_utc(int(time.time()))}  {safe_text(result.sentence)}")


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    import asyncio

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


@contextmanager
def _ended_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set the event on Ctrl+C and SIGTERM; the second one does what it always does."""
    import asyncio
    import signal

    loop = asyncio.get_running_loop()
    ending = (signal.SIGINT, signal.SIGTERM)

    def end() -> None:
        stop.set()
        for number in ending:
            loop.remove_signal_handler(number)

    for number in ending:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in ending:
            loop.remove_signal_handler(number)


async def _push(datastore: Datastore, name: str, bounds: Bounds, token: _Token, *, as_json: bool) -> bool:
    from tui_registry.present.pulls import PushResult, SyncError
    from tui_registry.sync import push

    try:
        result = await push(datastore, name, bounds=bounds, token=token.word, at=token.address)
    except SyncError as error:
        note(safe_text(error.sentence))
        if as_json:
            out_json(_push_json(PushResult(peer=name, offered=0), error))
        return False
    if as_json:
        out_json(_push_json(result))
    else:
        out(safe_text(result.sentence))
    return True


class _Progress:
    """The pulls that run, on one line."""

    def __init__(self) -> None:
        self._line = StatusLine(CALM_SECONDS)
        self._at: dict[str, str] = {}
        self.clear = self._line.clear

    def take(self, event: Event) -> None:
        from tui_registry.present.pulls import Progress, Started

        if isinstance(event, Started):
            self._at[event.peer] = how_far(event.peer, event.start, event.theirs, None)
        elif isinstance(event, Progress):
            self._at[event.peer] = how_far(event.peer, event.done, event.of, event.seconds_left)
        else:
            self._at.pop(event.peer, None)
        self._line.show(" | ".join(self._at.values()))


def _push_json(result: PushResult, error: RegistryError | None = None) -> dict[str, Json]:
    told: dict[str, Json] = {"pushed_to": result.peer, "offered": result.offered, **result.counts()}
    return {**told, **({"error": None} if error is None else error_json(error))}


def _pull_json(result: PullResult) -> dict[str, Json]:
    from tui_registry.present.pulls import concern_json, rejection_json

    return {
        "peer": result.peer,
        "ok": result.ok,
        "theirs": None if result.head is None else result.head.size,
        "read": result.read,
        **result.counts(),
        "elsewhere": result.elsewhere,
        "rejections": [rejection_json(rejection) for rejection in result.rejections],
        "restarted": result.restarted,
        "stale": result.stale,
        "still_spoilt": result.still_spoilt,
        "concerns": [concern_json(concern) for concern in result.concerns],
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
        **({"error": None} if result.error is None else error_json(result.error)),
    }


# Exports

_LINES_AT_ONCE = 1_000


def _write_records(datastore: Datastore, query: str) -> None:
    # How many a query finds is known once all are found.
    of = 0 if query else datastore.stats().records
    with query_explained(query), _writing() as show:
        for number, entry in enumerate(datastore.entries(query, whole=True, strict=True)):
            show(number, of)
            out_json(exported_json(datastore, entry))


def _write_operations(datastore: Datastore) -> None:
    # Bytes: an operation is its exact spelling, whatever stdout's encoding.
    sys.stdout.flush()
    stream = sys.stdout.buffer
    size = datastore.log.head().size
    with _writing() as show:
        for start in range(0, size, _LINES_AT_ONCE):
            show(start, size)
            for line in datastore.log.lines(start, min(start + _LINES_AT_ONCE, size)):
                stream.write(line + b"\n")
    stream.flush()


@contextmanager
def _writing() -> Iterator[Callable[[int, int], None]]:
    """A bar for what goes to stdout; none where that is the terminal, which shows how far it is."""
    if on_terminal():
        yield lambda _done, _of: None
        return
    with progress_bar("written") as show:
        yield show


def _write_operations_of(datastore: Datastore, prefixes: Sequence[str], output: str) -> None:
    """The operations of records, children first: together they prove what each is and who wrote it ('verify --ops')."""
    named = list(dict.fromkeys(datastore.find(prefix, deleted=True) for prefix in prefixes))
    ops = [*operations_of(datastore, (identifier for _, identifier in named))]
    data = b"".join(ops)
    if output == STDOUT:
        write_bytes(data)
        return
    write_file(output, data, 0o666)
    of = ", ".join(f"{kind} {identifier[:12]}" for kind, identifier in named)
    note(f"wrote {plural(len(ops), 'operation')} of {of} to {safe_text(output)}")


def _say_reread(error: RegistryError | None) -> None:
    if error is None:
        note("SIGHUP: settings and certificate were read anew. Key and tokens are followed without being asked")
    else:
        note(f"SIGHUP: settings and certificate stay as they were. {safe_text(error.sentence)}")


def _say_shared(shared: Shared) -> None:
    from tui_registry.present.elsewhere import what_sharing_did

    for line in what_sharing_did(shared):
        note(line)


def _write_log(datastore: Datastore, directory: str, *, new_epoch: bool, alone: bool, as_json: bool) -> None:
    with progress_bar("written") as show:
        if "://" in directory:
            from tui_registry.hub.store import open_store
            from tui_registry.hub.store_publishing import publish_to_store

            done = publish_to_store(datastore, open_store(directory), new_epoch=new_epoch, alone=alone, progress=show)
        else:
            from tui_registry.sync import publish

            done = publish(datastore, directory, new_epoch=new_epoch, progress=show)
    _say_shared(done.shared)
    unsigned = None if done.head.sig else datastore.log.why_unsigned()
    if unsigned is not None:
        note(f"its head bears no signature: {safe_text(unsigned)}")
    if as_json:
        out_json(
            {
                "directory": done.place if "://" in directory else directory,
                "epoch": done.head.epoch,
                "new_epoch": done.shared.renewed,
                "operations": done.head.size,
                "fingerprint": done.head.fingerprint,
                "signed": bool(done.head.sig),
                "tiles_written": done.tiles,
                "bytes_written": done.bytes,
            }
        )
    else:
        now = f"{plural(done.tiles, 'tile')}, {size_bytes(done.bytes)} written now"
        out(f"{done.place} holds {plural(done.head.size, 'operation')}: {now}")


def _write_bundles(datastore: Datastore, directory: str, *, as_json: bool) -> None:
    from tui_registry.sync import write_bundles

    with progress_bar("written") as show:
        done = write_bundles(datastore, directory, progress=show)
    _say_shared(done.shared)
    if as_json:
        out_json(
            {
                "directory": directory,
                "epoch": done.head.epoch,
                "new_epoch": done.shared.renewed,
                "operations": done.head.size,
                "files": [path.name for path in done.files],
                "files_written": done.written,
                "bytes_written": done.bytes,
            }
        )
    else:
        now = f"{exact(done.written)} of {exact(len(done.files))} files, {size_bytes(done.bytes)} written now"
        out(f"{safe_text(directory)} holds {plural(done.head.size, 'operation')}: {now}")


def _write_catalog(datastore: Datastore, directory: str, url: str, *, as_json: bool) -> None:
    from tui_registry.tongues.files import write_catalog

    with progress_bar("written") as show:
        done = write_catalog(datastore, directory, url, show)
    if as_json:
        out_json(
            {
                "directory": directory,
                "url": f"{url}/.well-known/ai-catalog.json",
                "records": done.records,
                "catalogs": done.catalogs,
                "cards": done.cards,
                "files_written": done.written,
                "files_removed": done.removed,
                "bytes_written": done.bytes,
            }
        )
    else:
        now = f"{plural(done.written, 'file')}, {size_bytes(done.bytes)} written now, {exact(done.removed)} removed"
        out(f"{safe_text(directory)} holds a catalog of {plural(done.records, 'record')}: {now}")
        note(f"offered at {url}, it is found at {url}/.well-known/ai-catalog.json")
