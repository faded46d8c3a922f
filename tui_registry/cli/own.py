"""What a person keeps to themselves: `star`, `note`, `watch`, and `news` of what came since they looked."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.output import Column, Table, UsageError, note as tell, out, out_json, terminal_width
from tui_registry.cli.registry import STDIN, open_registry, read_text
from tui_registry.datastore import MOST_NOTE, StoreError, Watched
from tui_registry.text import age, plural, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore, Own
    from tui_registry.errors import Json


def star(args: Namespace) -> int:
    """Put stars to records, take them away, or list what is starred."""
    with open_registry(args) as datastore:
        if not args.ids:
            if args.undo:
                raise UsageError("say whose star is taken away: 'star' alone lists what is starred")
            _list(args, [own for own in datastore.stars.all() if own.starred_at is not None], "starred: 'star ID' does")
            return 0
        ids = [_id(datastore, typed) for typed in args.ids]
        count = datastore.stars.star(ids, starred=not args.undo)
        if args.json:
            for identifier in ids:
                out_json(own_json(datastore.stars.of(identifier)))
        else:
            done = "not starred any more" if args.undo else "starred"
            out(f"{plural(count, 'record')} {'is' if count == 1 else 'are'} {done}")
    return 0


def note(args: Namespace) -> int:
    """Write a note to a record, show it, take it away, or list all notes."""
    if args.undo and (args.id is None or args.text):
        raise UsageError("--undo takes a note away: give the ID and no text")
    with open_registry(args) as datastore:
        if args.id is None:
            _list(args, [own for own in datastore.stars.all() if own.note is not None], "noted: 'note ID TEXT' does")
            return 0
        identifier = _id(datastore, args.id)
        if args.text or args.undo:
            text = " ".join(args.text)
            if text == STDIN:
                text = read_text(STDIN, 4 * MOST_NOTE)
            if not args.undo and not text.strip():
                raise UsageError("the note is empty: 'note --undo ID' takes one away")
            datastore.stars.note(identifier, text)
        own = datastore.stars.of(identifier)
    if args.json:
        out_json(own_json(own))
    elif args.undo:
        out("the note is gone")
    elif own.note is None:
        tell(f"no note stands there: 'note {identifier[:12]} TEXT' writes one")
    else:
        out(safe_text(own.note, newlines=True))
    return 0


def watch(args: Namespace) -> int:
    """Watch an owner or a saved search, watch it no more, or list what is watched with what is new of it."""
    from tui_registry.present.news import watched_json, watched_name

    with open_registry(args) as datastore:
        names = datastore.names.all()
        if args.what is None:
            if args.undo:
                raise UsageError("say what is watched no more: 'watch' alone lists it")
            found = datastore.news.watched()
            if args.json:
                for one in found:
                    out_json(watched_json(one))
            else:
                _list_watched(found, names)
            return 0
        what = _watched_what(datastore, args.what)
        if args.undo:
            if not datastore.news.unwatch(what):
                raise StoreError("not_found", f"{watched_name(what, names)} is not watched: 'watch' lists what is")
        else:
            datastore.news.watch(what)
        if args.json:
            out_json(
                {**watched_json(Watched(what)), "new": None, "exact": None} if args.undo else _told(datastore, what)
            )
        else:
            out(f"{watched_name(what, names)} is {'not watched any more' if args.undo else 'watched'}")
    return 0


def news(args: Namespace) -> int:
    """Say what came since somebody looked; with --seen let all of it be looked at."""
    from tui_registry.present.news import news_json, news_words, watched_words

    with open_registry(args) as datastore:
        count, watched, names = datastore.news.count(), datastore.news.watched(), datastore.names.all()
        if args.seen:
            datastore.news.seen(count.upto)
    if args.json:
        out_json(news_json(count, watched))
        return 0
    since = "" if count.looked_at is None else f", {age(max(0, int(time.time()) - count.looked_at))} ago"
    out(f"{news_words(count) or 'nothing came'} since you looked{since}")
    for one in watched:
        if one.new:
            out(watched_words(one, names))
    if count.records:
        tell("looked at now: 'search pulled:1d' finds what came today" if args.seen else "'search is:new' lists it")
    return 0


def own_json(own: Own) -> dict[str, Json]:
    """What is kept about a record, for programs."""
    return dict(own._asdict())


# How


def _told(datastore: Datastore, what: str) -> dict[str, Json]:
    from tui_registry.present.news import watched_json

    return next(watched_json(one) for one in datastore.news.watched() if one.what == what)


def _id(datastore: Datastore, typed: str) -> str:
    """The id that is meant: of a record that is here or was deleted, or of one that is gone and has a star or a note.

    Raises:
        StoreError: `not_found`, `ambiguous`.
    """
    try:
        return datastore.find(typed, deleted=True)[1]
    except StoreError as error:
        if error.code != "not_found":
            raise
        begun = typed.strip().lower().removeprefix("0x")
        kept = [own.id for own in datastore.stars.all() if begun and own.id.startswith(begun)]
        if len(kept) != 1:
            raise
        return kept[0]


def _watched_what(datastore: Datastore, typed: str) -> str:
    if typed.startswith("@"):
        return typed
    from tui_registry.cli.keeping_out import owner_of

    return f"0x{owner_of(datastore, typed)}"


_LISTED = (
    Column("", 1),
    Column("NAME", 28),
    Column("KIND", 5, spare=1),
    Column("ID", 12),
    Column("NOTE", 20, grows=True),
)


def _list(args: Namespace, owns: list[Own], nothing: str) -> None:
    if args.json:
        for own in owns:
            out_json(own_json(own))
        return
    if not owns:
        tell(f"nothing is {nothing}")
        return
    table = Table(_LISTED, terminal_width())
    out(table.header())
    for own in owns:
        star, name = "*" if own.starred_at is not None else "", own.name if own.name is not None else "(not here)"
        out(table.line((star, name, own.kind or "-", own.id[:12], " ".join((own.note or "").split()))))


def _list_watched(watched: list[Watched], names: dict[str, str]) -> None:
    from tui_registry.present.news import watched_words

    for one in watched:
        out(f"{watched_words(one, names)}  ({one.query})")
    if not watched:
        tell("nothing is watched: 'watch OWNER' or 'watch @SEARCH' does")
