"""Exchanging: `peer`, `sync`, `serve` and `export`. What reaches the network is imported by the command that does."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.output import (
    Column,
    StatusLine,
    Table,
    UsageError,
    note,
    on_terminal,
    out,
    out_json,
    progress_bar,
    terminal_width,
)
from tui_registry.cli.registry import STDOUT, entry_json, open_registry, query_explained, write_bytes, write_file
from tui_registry.datastore import StoreError
from tui_registry.text import age, exact, safe_text, size_bytes

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore, Peer
    from tui_registry.errors import Json
    from tui_registry.node import Address
    from tui_registry.present.pulls import Event, PullResult


def peer(args: Namespace) -> int:
    """Add, list or remove."""
    with open_registry(args) as datastore:
        match args.action:
            case "add":
                added = datastore.peers.add(args.name, args.address)
                if args.json:
                    out_json(_peer_json(added))
                else:
                    out(f"added peer {added.name}: 'tui-registry sync {added.name}' pulls from it")
            case "remove":
                datastore.peers.remove(args.name)
                if args.json:
                    out_json({"name": args.name, "removed": True})
                else:
                    out(f"removed peer {args.name}; what came from it stays")
            case _:
                _list_peers(datastore.peers.all(), as_json=args.json)
    return 0


def sync(args: Namespace) -> int:
    """Pull, and say for each peer what came of it."""
    import asyncio

    names: list[str] = list(dict.fromkeys(args.peers))
    with open_registry(args) as datastore:
        names = names or [peer.name for peer in datastore.peers.all()]
        if not names:
            raise StoreError("not_found", "there are no peers to pull from: add one with 'peer add NAME URL|DIR'")
        return asyncio.run(_sync(datastore, names, push=args.push, as_json=args.json))


def serve(args: Namespace) -> int:
    """Serve until told to end."""
    from tui_registry.node import node_token, serve as serve_node

    def say(address: Address) -> None:
        if args.json:
            out_json({"url": address.url, "host": address.host, "port": address.port, "node": datastore.address})
        else:
            out(f"serving {address.url}")
            note("others pull with 'peer add NAME URL'; Ctrl+C ends this")
        sys.stdout.flush()

    with open_registry(args) as datastore:
        if args.token:
            token = node_token(datastore.data_dir)
            if args.json:
                out_json({"token": token})
            else:
                out(token)
            return 0
        serve_node(
            datastore,
            args.host,
            args.port,
            allow_remote=args.allow_remote,
            accept_ops=args.accept_ops,
            on_ready=say,
        )
    return 0


def export(args: Namespace) -> int:
    """Write records, operations or a static log."""
    if args.query and args.log is not None:
        raise UsageError("--log writes everything: a query goes with records only")
    if args.ops and len(args.query) > 1:
        raise UsageError("--ops writes the operations of all records, or of one: name one ID")
    if args.output is not None and not (args.ops and args.query):
        raise UsageError("--output is for the operations of one record: export --ops ID -o FILE")
    if args.ops and args.output in (None, STDOUT) and on_terminal():
        raise UsageError(
            "operations are strangers' bytes as they are: send them to a file or a pipe, not to a terminal"
        )
    with open_registry(args) as datastore:
        if args.log is not None:
            _write_log(datastore, args.log, as_json=args.json)
        elif args.ops and args.query:
            _write_operations_of(datastore, args.query[0], args.output or STDOUT)
        elif args.ops:
            _write_operations(datastore)
        else:
            _write_records(datastore, " ".join(args.query))
    return 0


# Peers

_PEERS = (
    Column("PEER", 12),
    Column("ADDRESS", 28, grows=True),
    Column("THEIRS", 9, right=True, spare=2),
    Column("READ", 9, right=True, spare=1),
    Column("LAST SYNC", 9),
    Column("STATE", 12),
)


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


def _state(peer: Peer) -> str:
    if peer.last_error is not None:
        return "failed"
    if peer.identical:
        return "identical"
    return "new" if peer.last_try is None else "read"


def _peer_json(peer: Peer) -> dict[str, Json]:
    from tui_registry.present.pulls import kept_out

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
    }


# Pulling and pushing


async def _sync(datastore: Datastore, names: list[str], *, push: bool, as_json: bool) -> int:
    from tui_registry.sync import pull_all

    progress = _Progress()
    try:
        results = await pull_all(datastore, names, emit=progress.take)
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
        elif push:
            failed = not await _push(datastore, result.peer, as_json=as_json) or failed
    if any(result.conflicts for result in results) and not as_json:
        from tui_registry.present.settling import WHERE_CONFLICTS_ARE

        note(WHERE_CONFLICTS_ARE)
    return 1 if failed else 0


async def _push(datastore: Datastore, name: str, *, as_json: bool) -> bool:
    from tui_registry.present.pulls import SyncError
    from tui_registry.sync import push

    try:
        result = await push(datastore, name)
    except SyncError as error:
        note(safe_text(error.sentence))
        return False
    if as_json:
        out_json({"pushed_to": result.peer, "offered": result.offered, **result.counts()})
    else:
        out(safe_text(result.sentence))
    return True


class _Progress:
    """The pulls that run, on one line."""

    def __init__(self) -> None:
        self._line = StatusLine()
        self._at: dict[str, str] = {}
        self.clear = self._line.clear

    def take(self, event: Event) -> None:
        from tui_registry.present.pulls import Progress, Started

        if isinstance(event, Started):
            self._at[event.peer] = f"{event.peer} {exact(event.start)} of {exact(event.theirs)}"
        elif isinstance(event, Progress):
            percent = f" {100 * event.done // event.of}%" if event.of else ""
            rate = f", {exact(round(event.rate))} op/s" if event.rate else ""
            self._at[event.peer] = f"{event.peer} {exact(event.done)} of {exact(event.of)}{percent}{rate}"
        else:
            self._at.pop(event.peer, None)
        self._line.show(" | ".join(self._at.values()))


def _pull_json(result: PullResult) -> dict[str, Json]:
    from tui_registry.present.pulls import rejection_json

    return {
        "peer": result.peer,
        "ok": result.ok,
        "theirs": None if result.head is None else result.head.size,
        "read": result.read,
        **result.counts(),
        "rejections": [rejection_json(rejection) for rejection in result.rejections],
        "restarted": result.restarted,
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
        "error": None if result.error is None else {"code": result.error.code, "sentence": result.error.sentence},
    }


# Exports

_LINES_AT_ONCE = 1_000


def _write_records(datastore: Datastore, query: str) -> None:
    with query_explained(query):
        for entry in datastore.entries(query, whole=True, strict=True):
            out_json(entry_json(entry))


def _write_operations(datastore: Datastore) -> None:
    # Bytes: an operation is its exact spelling, whatever stdout's encoding.
    sys.stdout.flush()
    stream = sys.stdout.buffer
    size = datastore.log.head().size
    for start in range(0, size, _LINES_AT_ONCE):
        for line in datastore.log.lines(start, min(start + _LINES_AT_ONCE, size)):
            stream.write(line + b"\n")
    stream.flush()


def _write_operations_of(datastore: Datastore, prefix: str, output: str) -> None:
    """One record's operations, children first: together they prove what it is and who wrote it ('verify --ops')."""
    kind, identifier = datastore.find(prefix, deleted=True)
    ops = datastore.log.ops_of(identifier)
    data = b"".join(line + b"\n" for line in ops)
    if output == STDOUT:
        write_bytes(data)
        return
    write_file(output, data, 0o666)
    note(f"wrote {exact(len(ops))} operations of {kind} {identifier[:12]} to {safe_text(output)}")


def _write_log(datastore: Datastore, directory: str, *, as_json: bool) -> None:
    from tui_registry.sync import publish

    with progress_bar("writing") as show:
        done = publish(datastore, directory, progress=show)
    if as_json:
        out_json(
            {
                "directory": str(done.directory),
                "epoch": done.head.epoch,
                "operations": done.head.size,
                "fingerprint": done.head.fingerprint,
                "tiles_written": done.tiles,
                "bytes_written": done.bytes,
            }
        )
    else:
        now = f"{exact(done.tiles)} tiles, {size_bytes(done.bytes)} written now"
        out(f"{safe_text(str(done.directory))} holds {exact(done.head.size)} operations: {now}")
