"""`status`, what is here and how it stands, and `doctor`, what is wrong and what helps."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tui_registry.cli.output import StatusLine, note, out, out_json
from tui_registry.cli.registry import open_registry
from tui_registry.datastore import DATABASE, Datastore, StoreError
from tui_registry.durable import bytes_in, free_bytes
from tui_registry.frozen import NamedTuple
from tui_registry.present.news import news_json, news_words, watched_words
from tui_registry.present.pulls import concerns_of
from tui_registry.settings import data_dir, is_sample
from tui_registry.text import age, exact, moment_utc, plural, safe_text, size_bytes

if TYPE_CHECKING:
    from tui_registry.datastore import Peer
    from tui_registry.errors import Json
    from tui_registry.settings import PushersName

_LABEL = 12
_SHORT = 12


# What is here


def status(args: Namespace) -> int:
    """Tell what this replica holds and how it stands."""
    with open_registry(args) as datastore:
        found = _Found(datastore)
    if args.json:
        out_json(found.to_json())
    else:
        for label, text in found.lines():
            out(f"{label:<{_LABEL}}{text}")
    return 0


class _Found:
    """What was read of a replica."""

    def __init__(self, datastore: Datastore) -> None:
        self.folder = datastore.data_dir
        self.is_sample = is_sample(datastore.data_dir)
        self.read_only = datastore.why_read_only
        self.stats = datastore.stats()
        self.head = datastore.log.head(make_key=False)
        self.hub = datastore.hub.id
        self.address = datastore.key.known
        self.key_file = datastore.key.file
        self.has_key = self.key_file.exists()
        self.signed = datastore.key.operations() if self.address else 0
        conflicts = datastore.conflicts() if self.stats.conflicts else []
        self.own_conflicts = sum(row.owner == self.address for row in conflicts)
        self.peers = datastore.peers.all()
        self.elsewhere = datastore.elsewhere.count()
        self.restored = datastore.mark.restored() is not None
        self.indexed = datastore.indexed_share()
        self.drafts = len(datastore.drafts.all())
        self.searches = len(datastore.searches.saved())
        self.news = datastore.news.count()
        self.watched = datastore.news.watched()
        self.names = datastore.names.all() if self.watched else {}
        self.size = _bytes_of(self.folder)
        self.taken = bytes_in(self.folder)
        self.terms = _terms()
        self.free = free_bytes(self.folder)

    def to_json(self) -> dict[str, Json]:
        stats = self.stats
        return {
            "folder": str(self.folder),
            "sample": self.is_sample,
            "read_only": self.read_only or None,
            "records": {"models": stats.models, "agents": stats.agents, "muted": stats.muted},
            "conflicts": {"records": stats.conflicts, "own": self.own_conflicts},
            "operations": {
                "log": stats.ops,
                "epoch": self.head.epoch,
                "hub": self.hub,
                "pending": stats.pending,
                "rejected": stats.rejected,
                "unsupported": stats.unsupported,
                "left_out": stats.left_out,
            },
            "key": {"address": self.address or None, "file": str(self.key_file), "signed": self.signed},
            "elsewhere": self.elsewhere,
            "restored": self.restored,
            "peers": [
                {
                    "name": peer.name,
                    "address": peer.address,
                    "last_sync": peer.last_sync,
                    "last_error": peer.last_error,
                    "identical": peer.identical,
                }
                for peer in self.peers
            ],
            "indexed": round(self.indexed, 4),
            "drafts": self.drafts,
            "saved_searches": self.searches,
            "news": news_json(self.news, self.watched),
            "bytes": self.size,
            "bytes_free": self.free,
            "room": None if self.terms is None else self.terms.room,
            "pushes": None if self.terms is None else {"from": self.terms.pushes, "room": self.terms.push_room},
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """Labels and safe texts, trouble where it belongs."""
        stats = self.stats
        yield "folder", safe_text(str(self.folder))
        if self.is_sample:
            yield "", "sample data of a demo, which goes when that ends: nothing that you register here is kept"
        if self.read_only:
            yield "", f"it can only be read: {safe_text(self.read_only)}"
        yield "records", f"{plural(stats.models, 'model')}, {plural(stats.agents, 'agent')}"
        if stats.muted:
            yield "", f"{exact(stats.muted)} of owners that you muted, which lists do not show: 'mute' names them"
        if stats.conflicts:
            yours = f", {exact(self.own_conflicts)} of them yours to settle" if self.own_conflicts else ""
            yield "", f"{exact(stats.conflicts)} in conflict{yours}: 'conflicts' lists them"
        if self.news.records:
            yield "news", f"{news_words(self.news)} since you looked: 'search is:new' lists it"
        for one in self.watched:
            if one.new:
                yield "", watched_words(one, self.names)
        yield "operations", f"{exact(stats.ops)} in the log {self.head.epoch[:8]}"
        for count, what in (
            (stats.pending, "wait for others that they build on"),
            (stats.rejected, "were refused: 'quarantine' says why"),
            (stats.unsupported, "of peers are of a later version, and wait for an upgrade"),
            (stats.left_out, "were left out by your choice: 'quarantine --left-out' says why"),
        ):
            if count:
                yield "", f"{exact(count)} {what}"
        if self.hub is not None:
            yield "hub", _view_words(self.hub)
        yield from self._key_lines()
        yield from self._peer_lines()
        index = (
            "whole"
            if self.indexed >= 1
            else f"made anew just now: {int(self.indexed * 100)} % of the records are in it"
        )
        yield "index", index
        kept = [
            f"{exact(number)} {one if number == 1 else several}"
            for number, one, several in (
                (self.drafts, "unfinished draft", "unfinished drafts"),
                (self.searches, "saved search", "saved searches"),
            )
            if number
        ]
        if kept:
            yield "kept", ", ".join(kept)
        free = "" if self.free is None else f"; {size_bytes(self.free)} of the disk are free"
        yield "room", f"{size_bytes(self.size)}{free}"
        terms = self.terms
        if terms is None:
            return
        if terms.room is not None:
            full = ": pulls end until there is more" if self.taken >= terms.room else ""
            yield "", f"what comes from others may fill {size_bytes(terms.room)}{full}"
        # A node that runs may have been told otherwise by an option.
        if terms.pushes != "nobody":
            room = size_bytes(terms.push_room)
            full = f", of which none is left: {room} are full" if self.taken >= terms.push_room else f", up to {room}"
            yield "pushes", f"a node here takes them from {_FROM[terms.pushes]}{full}"

    def _key_lines(self) -> Iterator[tuple[str, str]]:
        if not self.address:
            yield "key", "none yet: it is made at the first signature"
            return
        yield "key", f"0x{self.address}, which signed {plural(self.signed, 'operation')}"
        if not self.has_key:
            yield "", f"its file {safe_text(str(self.key_file))} is not there: put your backup in its place"
        if self.restored:
            yield "", "this replica is an older copy of itself: sync before you write"
        if self.elsewhere:
            yield "", f"{plural(self.elsewhere, 'operation')} signed by it elsewhere: 'history --elsewhere' says more"

    def _peer_lines(self) -> Iterator[tuple[str, str]]:
        if not self.peers:
            yield "peers", "none: 'peer add NAME URL|DIR' adds one"
        label, now = "peers", int(time.time())
        for peer in self.peers:
            yield label, f"{safe_text(peer.name)}: {_how(peer, now)}"
            label = ""
            for concern in concerns_of(peer):
                yield label, f"{safe_text(peer.name)}: {concern.sentence}"


def _view_words(hub: str) -> str:
    return f"a view of the hub {hub[:8]}: 'hub status' says how it stands to that"


class _Terms(NamedTuple):
    """What the settings say of the room that others may fill, in bytes, and of who may push to a node."""

    room: int | None
    pushes: PushersName
    push_room: int


_FROM: Final[dict[PushersName, str]] = {
    "nobody": "nobody",
    "token": "who bears a token for that",
    "named": "keys with a name here",
    "anybody": "anybody, within rations",
}


def _terms() -> _Terms | None:
    """None where the settings are wrong, which `doctor` tells."""
    from tui_registry.node.limits import node_bounds_of
    from tui_registry.settings import PUSHERS, SettingsError, load_settings
    from tui_registry.sync.bounds import bounds_of

    try:
        settings = load_settings()
        room, push_room = bounds_of(settings).room_bytes, node_bounds_of(settings).push_store_bytes
    except SettingsError:
        return None
    who: PushersName = next((one for one in PUSHERS if one == settings.accept_ops), "nobody")
    return _Terms(room, who, push_room)


def _how(peer: Peer, now: int) -> str:
    last = "never read to its end" if peer.last_sync is None else f"read to its end {_ago(now - peer.last_sync)}"
    if peer.last_error is not None:
        return f"{last}; the last pull failed: {safe_text(peer.last_error, 200)}"
    if peer.last_try is None:
        return "never pulled from: 'sync' does"
    return f"{last}, the same operations as here" if peer.identical else last


def _ago(seconds: int) -> str:
    since = age(max(0, seconds))
    return "just now" if since == "now" else f"{since} ago"


def _bytes_of(folder: Path) -> int:
    """What the files of a replica take, in bytes."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - as `os.walk` gives them
            except OSError:
                continue
    return size


# What is wrong

State: TypeAlias = Literal["ok", "warning", "wrong"]
_SIGNS: Final[dict[State, str]] = {"ok": "ok", "warning": "warning", "wrong": "WRONG"}
# Less room than that, and a batch of a pull may not fit.
_LITTLE_ROOM = 100 * 2**20
# What no clock of a machine that runs this can say: it was written later.
_EARLIEST = 1_760_000_000
_DAY = 86_400
# As the app has it (`tui.kit.terminal`), which commands know nothing of.
SMALLEST_TERMINAL: Final = (60, 16)
_PEER_SECONDS = 10


class Check(NamedTuple):
    """One thing that was looked at.

    Attributes:
        sentence: what was found, safe to show. remedy: what helps, empty where all is well.
    """

    name: str
    state: State
    sentence: str
    remedy: str = ""


def doctor(args: Namespace) -> int:
    """Look for what is wrong, and say what helps."""
    checks: list[Check] = []
    line = StatusLine()
    looking = _checks(data_dir(args.data_dir), args, line)
    try:
        for check in looking:
            line.clear()
            checks.append(check)
            if not args.json:
                out(f"{check.name:<{_LABEL}}{_SIGNS[check.state]:<9}{check.sentence}")
                if check.remedy:
                    out(f"{'':<{_LABEL + 9}}{check.remedy}")
    finally:
        line.clear()
    wrong = sum(check.state == "wrong" for check in checks)
    if args.json:
        out_json({"ok": not wrong, "checks": [_check_json(check) for check in checks]})
    elif wrong:
        note(f"{plural(wrong, 'thing')} {'is' if wrong == 1 else 'are'} wrong")
    return 1 if wrong else 0


def _check_json(check: Check) -> Json:
    return {"name": check.name, "state": check.state, "sentence": check.sentence, "remedy": check.remedy or None}


def _checks(folder: Path, args: Namespace, line: StatusLine) -> Iterator[Check]:
    yield _settings()
    yield _folder(folder)
    if not (folder / DATABASE).exists():
        yield Check("database", "ok", "there is none yet: the first command makes it")
        yield _clock(None)
        yield _terminal()
        return
    try:
        datastore = open_registry(args)
    except StoreError as error:
        yield _unread(error)
        yield _clock(None)
        yield _terminal()
        return
    with datastore:
        line.show("reading the database")
        database = _database(datastore)
        yield database
        if database.state == "wrong":
            # What else it says may be wrong, too.
            yield _clock(None)
        else:
            hub = datastore.hub.id
            if hub is not None:
                yield Check("hub", "ok", _view_words(hub))
            yield _told("key", lambda: _key(datastore))
            yield _told("clock", lambda: _clock(datastore))
            yield from _peers(datastore, line, offline=args.offline)
    yield _terminal()


def _told(name: str, look: Callable[[], Check]) -> Check:
    """A check, also where looking fails."""
    try:
        return look()
    except StoreError as error:
        return _unread(error, name)


def _unread(error: StoreError, name: str = "database") -> Check:
    # Such a sentence ends with what to do.
    sentence, _, remedy = error.sentence.partition(". ")
    return Check(name, "wrong", safe_text(sentence), safe_text(remedy) or "try again")


_DAMAGED: Final = "keep a copy, then put a backup in its place, or move it away and pull from your peers again"


def _settings() -> Check:
    from tui_registry.cli.config import checked
    from tui_registry.settings import SettingsError, settings_path

    path = settings_path()
    try:
        checked(path)
    except SettingsError as error:
        return Check("settings", "wrong", safe_text(error.sentence), "'config edit' opens them")
    where = safe_text(str(path))
    return Check("settings", "ok", where if path.exists() else f"none are set (they would be in {where})")


def _folder(folder: Path) -> Check:
    where = safe_text(str(folder))
    if not folder.exists():
        return Check("folder", "ok", f"{where} is not there yet: the first command makes it")
    if not folder.is_dir():
        return Check("folder", "wrong", f"{where} is no folder", "move that file away, or name another --data-dir")
    free = free_bytes(folder)
    if free is not None and free < _LITTLE_ROOM:
        state: State = "warning" if free else "wrong"
        return Check("folder", state, f"{where} has {size_bytes(free)} left on its disk", "make room there")
    mode = folder.stat().st_mode & 0o777
    if mode & 0o022:
        shown = f"{where} can be written by others (mode {mode:o})"
        return Check("folder", "warning", shown, f"chmod 700 {where}: who writes there can replace your replica")
    return Check("folder", "ok", where)


def _database(datastore: Datastore) -> Check:
    try:
        faults = datastore.quick_check()
        stats, share = datastore.stats(), datastore.indexed_share()
    except StoreError as error:
        return _unread(error)
    if faults:
        return Check("database", "wrong", f"the file is damaged: {safe_text(faults[0], 200)}", _DAMAGED)
    held = f"{plural(stats.records, 'record')}, {plural(stats.ops, 'operation')}; the file is sound"
    if datastore.why_read_only:
        sentence = f"{held}, and can only be read: {safe_text(datastore.why_read_only)}"
        try:
            datastore.expect_writable()
        except StoreError as error:
            return Check("database", "warning", sentence, _unread(error).remedy)
    if share < 1:
        sentence = f"{held}, and its search index is {int(share * 100)} % made"
        return Check("database", "warning", sentence, "leave the app or a node open for a while: it goes on by itself")
    return Check("database", "ok", held)


def _key(datastore: Datastore) -> Check:
    key = datastore.key
    where = safe_text(str(key.file))
    if not key.known and not key.file.exists():
        return Check("key", "ok", "there is none yet: it is made at the first signature")
    try:
        mode = key.file.stat().st_mode & 0o777
        address = key.identity().address
    except StoreError as error:
        return Check("key", "wrong", safe_text(error.sentence), "put the backup of the key file in its place")
    except OSError:
        known = f"the key file {where} of 0x{key.known} is not there"
        return Check("key", "wrong", known, "put your backup in its place, or start over with 'identity new'")
    if mode & 0o077:
        return Check("key", "warning", f"others could read the key file {where} (mode {mode:o})", f"chmod 600 {where}")
    if datastore.mark.restored() is not None:
        sentence = "this replica is an older copy of itself, such as a backup that was put back"
        return Check("key", "warning", sentence, "'sync' with all your peers before you write")
    if datastore.elsewhere.untold():
        count = plural(datastore.elsewhere.count(), "operation")
        sentence = f"0x{address} signed {count} that this replica did not write"
        return Check("key", "warning", sentence, "'history --elsewhere' says what that may mean")
    return Check("key", "ok", f"0x{address}")


def _clock(datastore: Datastore | None) -> Check:
    now = int(time.time())
    remedy = "set the clock of this machine: records are signed with the time it tells"
    if now < _EARLIEST:
        return Check("clock", "wrong", f"it says {moment_utc(now)}, which is before this program was written", remedy)
    page = None if datastore is None else datastore.search("is:mine", sort="-updated", limit=1)
    if page is not None and page.rows and page.rows[0].updated_at > now + _DAY:
        last = moment_utc(page.rows[0].updated_at)
        return Check("clock", "wrong", f"it says {moment_utc(now)}, and you signed a record at {last}", remedy)
    return Check("clock", "ok", f"it says {moment_utc(now)}")


def _terminal() -> Check:
    if not sys.stdout.isatty():
        return Check("terminal", "ok", "none here: commands work, the app needs one")
    kind = os.environ.get("TERM", "")
    if kind in ("", "dumb", "unknown"):
        return Check(
            "terminal", "warning", f"TERM is '{safe_text(kind)}': the app cannot draw", "use a terminal that can"
        )
    if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        sentence = f"it takes {safe_text(sys.stdout.encoding or 'no encoding')}, not UTF-8"
        return Check("terminal", "warning", sentence, "set LANG to one such as C.UTF-8, or names are shown as escapes")
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    least_columns, least_rows = SMALLEST_TERMINAL
    if columns < least_columns or rows < least_rows:
        sentence = f"{safe_text(kind, 40)}, {columns} x {rows}: the app needs {least_columns} x {least_rows}"
        return Check("terminal", "warning", sentence, "make it larger")
    return Check("terminal", "ok", f"{safe_text(kind, 40)}, {columns} x {rows}")


def _peers(datastore: Datastore, line: StatusLine, *, offline: bool) -> Iterator[Check]:
    try:
        peers = datastore.peers.all()
    except StoreError as error:
        yield _unread(error, "peers")
        return
    if not peers:
        yield Check("peers", "ok", "there are none: 'peer add NAME URL|DIR' adds one")
        return
    for peer in peers:
        for concern in concerns_of(peer):
            yield Check("peers", "warning", f"peer {safe_text(peer.name)}: {concern.sentence}", concern.remedy)
    if offline:
        yield Check("peers", "ok", f"{plural(len(peers), 'peer')}, not asked")
        return
    import asyncio

    line.show(f"asking {plural(len(peers), 'peer')}")
    for peer, failure in zip(peers, asyncio.run(_asked(peers)), strict=True):
        name = f"peer {safe_text(peer.name)}"
        if failure is None:
            yield Check("peers", "ok", f"{name} answers")
        else:
            yield Check(
                "peers", "wrong", f"{name}: {safe_text(failure, 300)}", _PEER_REMEDY.format(safe_text(peer.name))
            )


_PEER_REMEDY: Final = "see that it runs and can be reached from here; 'peer remove {}' forgets it"


async def _asked(peers: list[Peer]) -> list[str | None]:
    """Why each peer cannot be read, None where it can; all are asked at once."""
    import asyncio
    from dataclasses import replace

    from tui_registry.sync import Bounds, SyncError, open_transport

    bounds = replace(Bounds(), pull_seconds=_PEER_SECONDS)

    async def ask(peer: Peer) -> str | None:
        try:
            async with asyncio.timeout(_PEER_SECONDS), open_transport(peer, bounds) as transport:
                await transport.head()
        except SyncError as error:
            return error.reason
        except TimeoutError:
            return f"no answer within {_PEER_SECONDS} s"
        return None

    return await asyncio.gather(*(ask(peer) for peer in peers))
