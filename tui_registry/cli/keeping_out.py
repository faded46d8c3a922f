"""Keeping out: `mute`, `block`, `purge`, `peer limit`, and what was left out (`quarantine --left-out`)."""

from __future__ import annotations

import re
import time
from argparse import Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.output import Column, Table, UsageError, confirm, note, out, out_json, terminal_width
from tui_registry.cli.registry import open_registry
from tui_registry.datastore import EVERYBODY, NO_RATION, PUSHES, StoreError
from tui_registry.text import age, exact, safe_text, size_bytes

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore, LeftOutGroup, Ration

_ADDRESS = re.compile(r"(?:0x)?([0-9a-f]{40})").fullmatch


def mute(args: Namespace) -> int:
    """Hide an owner's records, show them again, or list the owners that are hidden."""
    with open_registry(args) as datastore:
        if args.owner is None:
            return _list(datastore, args, blocked=False)
        owner = owner_of(datastore, args.owner)
        if args.undo:
            if not datastore.rations.unmute(owner):
                raise StoreError("not_found", f"0x{owner} is not muted: 'mute' lists who is")
        else:
            datastore.rations.mute(owner)
        from tui_registry.present.leaving_out import MUTED, UNMUTED

        _tell(datastore, owner, UNMUTED if args.undo else MUTED, as_json=args.json)
    return 0


def block(args: Namespace) -> int:
    """Take nothing new of an owner, take it again, or list the owners that are blocked."""
    with open_registry(args) as datastore:
        if args.owner is None:
            return _list(datastore, args, blocked=True)
        owner = owner_of(datastore, args.owner)
        from tui_registry.present.leaving_out import BLOCKED, unblocked

        if args.undo:
            kept = datastore.rations.of(owner)
            if kept is None or kept.blocked_at is None:
                raise StoreError("not_found", f"0x{owner} is not blocked: 'block' lists who is")
            said = unblocked(datastore.rations.unblock(owner))
        else:
            datastore.rations.block(owner)
            said = BLOCKED
        _tell(datastore, owner, said, as_json=args.json)
    return 0


def purge(args: Namespace) -> int:
    """Say what it takes, ask, and take it out."""
    if (args.owner is None) == (args.peer is None):
        raise UsageError("say whose records go: an OWNER, or --peer NAME for what only that peer brought")
    from tui_registry.present.leaving_out import amounts, amounts_json, owner_words, purge_question, purged

    with open_registry(args) as datastore:
        owner = None if args.owner is None else owner_of(datastore, args.owner)
        whose = "nobody" if owner is None else owner_words(owner, datastore.names.all())
        if args.peer is not None:
            whose = f"what only {safe_text(args.peer, 40)} brought"
        planned = datastore.plan_purge(owner=owner, peer=args.peer)
        if args.peer is not None and not planned.ops and all(peer.name != args.peer for peer in datastore.peers.all()):
            # A name that was mistyped would else be told that all is done.
            raise StoreError(
                "not_found",
                f"there is no peer named '{safe_text(args.peer, 40)}', and nothing here came from one of that name "
                "alone: see 'peer list'",
            )
        beside = {"owner": owner, "peer": args.peer}
        if args.dry_run:
            if args.json:
                out_json({**beside, **amounts_json(planned, is_done=False)})
            else:
                out(f"it would take out {amounts(planned)} of {whose}")
            return 0
        datastore.expect_writable()
        if not args.yes:
            confirm(purge_question(planned, whose), f"take out {amounts(planned)}", "nothing was taken out")
        done = datastore.purge(owner=owner, peer=args.peer)
        if args.json:
            out_json({**beside, **amounts_json(done, is_done=True)})
        else:
            out(purged(done, is_blocked=owner is not None))
    return 0


def limit(datastore: Datastore, args: Namespace) -> None:
    """Tell or change how much is taken from a peer, of what is pushed, or from everybody."""

    changes = _changes(args)
    if (args.name is not None) + args.everybody + args.pushes > 1:
        raise UsageError("a limit is a peer's, or --everybody's, or that of --pushes: one at a time")
    source = EVERYBODY if args.everybody else PUSHES if args.pushes else args.name
    if source is None:
        if changes or args.off:
            raise UsageError("say whose limit it is: a peer's NAME, --everybody or --pushes")
        rations = datastore.rations.rations()
        for source, ration in rations.items():
            _tell_limit(source, ration, as_json=args.json)
        if not rations:
            note("there are no limits: 'peer limit NAME --ops N' sets one")
        return
    if args.off and changes:
        raise UsageError("--off takes all limits away: it goes with no other")
    if source not in (EVERYBODY, PUSHES):
        datastore.peers.get(source)  # there is one
    ration = NO_RATION if args.off else datastore.rations.ration(source)
    for name, value in changes.items():
        most = None if value < 0 else value
        match name:
            case "named_only":
                ration = ration._replace(named_only=bool(value))
            case "ops":
                ration = ration._replace(source_ops=most)
            case "bytes":
                ration = ration._replace(source_bytes=most)
            case "owner_ops":
                ration = ration._replace(owner_ops=most)
            case _:
                ration = ration._replace(owner_bytes=most)
    if ration != datastore.rations.ration(source):
        datastore.rations.set_ration(source, ration)
    _tell_limit(source, ration, as_json=args.json)


def left_out(datastore: Datastore, args: Namespace) -> None:
    """List what was left out, or let it come in at the next sync."""
    from tui_registry.present.leaving_out import comes_in, left_out_json

    owner = None if args.owner is None else owner_of(datastore, args.owner)
    if args.take_in:
        count = datastore.rations.take_in(owner=owner)
        if args.json:
            out_json({"owner": owner, "wanted": count})
        elif count:
            out(f"{comes_in(count)} with a peer that has {'it' if count == 1 else 'them'}, whatever the limits")
        else:
            note("nothing waits: what blocked owners have stays out, and 'block OWNER --undo' takes it again")
    elif args.json:
        for found in datastore.rations.left_out(args.limit, owner=owner):
            out_json(left_out_json(found))
    else:
        groups = datastore.rations.groups(args.limit, owner=owner)
        if groups:
            _print_groups(datastore, groups)
        else:
            note("nothing was left out")


def owner_of(datastore: Datastore, word: str) -> str:
    """The address of an owner, by itself or by this replica's name for it.

    Raises:
        StoreError: `not_found`, `ambiguous`.
    """
    match = _ADDRESS(word.strip().lower())
    if match is not None:
        return match[1]
    found = [address for address, name in datastore.names.all().items() if name == word]
    if not found:
        raise StoreError(
            "not_found",
            f"'{safe_text(word, 40)}' is no address of 40 hex digits, and no key has that name here: 'show' tells a "
            "record's owner, 'identity name' the names",
        )
    if len(found) > 1:
        raise StoreError("ambiguous", f"{len(found)} keys have the name '{safe_text(word, 40)}' here: give an address")
    return found[0]


# How

_KEPT_OUT = (
    Column("OWNER", 42),
    Column("NAME", 12, grows=True),
    Column("SINCE", 7, right=True),
    Column("HERE", 9, right=True),
    Column("LEFT OUT", 9, right=True),
)
_GROUPS = (
    Column("OWNER", 20, grows=True),
    Column("WHY", 11),
    Column("OPS", 9, right=True),
    Column("BYTES", 9, right=True),
    Column("LAST", 7, right=True),
    Column("COMES IN", 9, right=True, spare=1),
)


def _list(datastore: Datastore, args: Namespace, *, blocked: bool) -> int:
    if args.undo:
        raise UsageError("--undo needs an OWNER")
    from tui_registry.present.leaving_out import kept_out_json

    found = [kept for kept in datastore.rations.all() if (kept.blocked_at if blocked else kept.muted_at) is not None]
    if args.json:
        for kept in found:
            out_json(kept_out_json(kept))
    elif found:
        table, names, now = Table(_KEPT_OUT, terminal_width()), datastore.names.all(), int(time.time())
        out(table.header())
        for kept in found:
            since = (kept.blocked_at if blocked else kept.muted_at) or now
            cells = (
                f"0x{kept.owner}",
                names.get(kept.owner, ""),
                age(now - since),
                exact(kept.ops),
                exact(kept.left_out),
            )
            out(table.line(cells))
    else:
        note(f"no owner is {'blocked' if blocked else 'muted'}")
    return 0


def _tell(datastore: Datastore, owner: str, said: str, *, as_json: bool) -> None:
    from tui_registry.present.leaving_out import kept_out_json, owner_words

    if not as_json:
        out(f"{owner_words(owner, datastore.names.all())}: {said}")
        return
    kept = datastore.rations.of(owner)
    out_json(
        {"owner": owner, "muted_at": None, "blocked_at": None, "ops": None, "left_out": None}
        if kept is None
        else kept_out_json(kept)
    )


def _changes(args: Namespace) -> dict[str, int]:
    """What the line says by option; -1 for none."""
    named = None if args.named_only is None else int(args.named_only == "yes")
    told: dict[str, int | None] = {
        "named_only": named,
        "ops": args.ops,
        "bytes": args.bytes,
        "owner_ops": args.owner_ops,
        "owner_bytes": args.owner_bytes,
    }
    return {name: value for name, value in told.items() if value is not None}


def _tell_limit(source: str, ration: Ration, *, as_json: bool) -> None:
    from tui_registry.present.leaving_out import ration_json, ration_words, source_words

    if as_json:
        out_json(ration_json(source, ration))
    else:
        out(f"{source_words(source)}: {ration_words(ration)}")


def _print_groups(datastore: Datastore, groups: list[LeftOutGroup]) -> None:
    from tui_registry.present.leaving_out import BRIEF, WHY, owner_words

    table, names, now = Table(_GROUPS, terminal_width()), datastore.names.all(), int(time.time())
    out(table.header())
    for group in groups:
        cells = (
            owner_words(group.owner, names),
            BRIEF[group.reason],
            exact(group.ops),
            size_bytes(group.bytes),
            age(now - group.latest),
            exact(group.wanted),
        )
        out(table.line(cells))
    for reason in dict.fromkeys(group.reason for group in groups):
        out(f"  {BRIEF[reason]}: {WHY[reason]}")
