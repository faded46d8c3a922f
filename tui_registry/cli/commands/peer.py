"""`peer add|list|remove`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.parser import examples, words

if TYPE_CHECKING:
    from tui_registry.datastore import Peer
    from tui_registry.errors import Json


def arguments(parser: ArgumentParser) -> None:
    """What `peer` takes."""
    parser.description = (
        "A peer is a node or a directory that this replica pulls from. Nothing travels until 'sync'.\n"
        "Nobody has to trust a peer: every operation proves its own author, whoever relays it."
    )
    parser.epilog = examples(
        "tui-registry peer add hub https://registry.example:8420",
        "tui-registry peer add stick /media/stick/registry",
        "tui-registry peer list --json",
        "tui-registry peer remove hub",
    )
    actions = parser.add_subparsers(dest="action", metavar="add|list|remove", required=True)
    add = actions.add_parser("add", command="", description="Add a peer.")
    add.add_argument("name", type=words, metavar="NAME", help="what you call it: a-z, 0-9, '.', '_' and '-'")
    where = "a node's URL, or a directory made by 'export --log'"
    add.add_argument("address", type=words, metavar="URL|DIR", help=where)
    lists = actions.add_parser("list", command="", description="List the peers and how the last pull from each went.")
    remove = actions.add_parser("remove", command="", description="Forget a peer. What came from it stays.")
    remove.add_argument("name", type=words, metavar="NAME")
    for action in (add, lists, remove):
        action.add_argument("--json", action="store_true", help="JSON, one object a line")


def run(args: Namespace) -> int:
    """Add, list or remove."""
    from tui_registry.cli.output import note, out, out_json
    from tui_registry.cli.registry import open_registry

    with open_registry(args) as datastore:
        match args.action:
            case "add":
                peer = datastore.add_peer(args.name, args.address)
                if args.json:
                    out_json(_json(peer))
                else:
                    out(f"added peer {peer.name}: 'tui-registry sync {peer.name}' pulls from it")
            case "remove":
                datastore.remove_peer(args.name)
                if args.json:
                    out_json({"name": args.name, "removed": True})
                else:
                    out(f"removed peer {args.name}; what came from it stays")
            case _:
                peers = datastore.peers()
                if args.json:
                    for peer in peers:
                        out_json(_json(peer))
                elif peers:
                    _print(peers)
                else:
                    note("there are no peers yet: add one with 'peer add NAME URL|DIR'")
    return 0


def _print(peers: list[Peer]) -> None:
    import time

    from tui_registry.cli.output import out, terminal_width
    from tui_registry.cli.table import Column, Table
    from tui_registry.text import age, exact, safe_text

    columns = (
        Column("PEER", 12),
        Column("ADDRESS", 28, grows=True),
        Column("THEIRS", 9, right=True, spare=2),
        Column("READ", 9, right=True, spare=1),
        Column("LAST SYNC", 9),
        Column("STATE", 12),
    )
    table = Table(columns, terminal_width())
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


def _json(peer: Peer) -> dict[str, Json]:
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
