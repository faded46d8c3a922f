"""What a line names, opened: the replica, a record in it, and files to read and write."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from tui_registry.cli.output import FileError, NoTerminalError, UsageError, note, on_terminal
from tui_registry.cli.parser import PROGRAM
from tui_registry.datastore import Datastore, Entry, StoreError
from tui_registry.errors import Json, Kind, Record
from tui_registry.exports import shown_json
from tui_registry.query.nodes import QueryError
from tui_registry.text import exact, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import ManifestEntry, SharedLog
    from tui_registry.fit import Machine
    from tui_registry.sync.remote import Remote

# What a command is about: the replica here, or with `--node` a node, which has the same verbs. What only a replica has,
# such as names and saved searches, is asked for where it is one.
Registry: TypeAlias = Union[Datastore, "Remote"]

# How a text begins to name a command.
_COMMAND = f"'{PROGRAM} "
TOKEN_VARIABLE = "TUI_REGISTRY_TOKEN"  # noqa: S105 - the name of it
STDIN = STDOUT = "-"
# So many operations by one's own key from elsewhere are told before a list of them all is named.
_TOLD = 5
_CANNOT_DRAW = ("", "dumb", "unknown")


def open_registry(args: argparse.Namespace, *, read_only: bool = False, hub: SharedLog | None = None) -> Datastore:
    """The replica that the line means, to be closed by the caller.

    Args:
        hub: the log whose view it is.
    """
    given: str | None = args.data_dir
    datastore = Datastore.open(given, read_only=read_only, hub=hub)
    datastore.machine = lambda: machine_in(args, datastore)
    return datastore


def machine_in(args: argparse.Namespace, registry: Registry) -> Machine:
    """The machine that a line names, else this one, which takes as long as the tools of its cards do.

    Raises:
        MachineError: what it names is none.
    """
    from tui_registry.machine import detect, find_machine  # few lines ask for it

    named: str | None = getattr(args, "machine", None)
    if named is None:
        return detect(registry.data_dir if isinstance(registry, Datastore) else None)
    from tui_registry.settings import load_settings

    return find_machine(named, dict(load_settings().machines))


def open_either(args: argparse.Namespace) -> Registry:
    """The node that the line names, or the replica that it means, to be closed by the caller."""
    return open_registry(args) if args.node is None else _reached(args, None)


def open_either_to_write(args: argparse.Namespace) -> Registry:
    """`open_either` for what signs.

    Raises:
        UsageError: there is no token for the node.
    """
    if args.node is None:
        return open_to_write(args)
    token = token_in(args.token_file) if args.token_file is not None else os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise UsageError(
            f"the node asks for a token before it writes: name a file that holds it with --token-file, or set "
            f"{TOKEN_VARIABLE}; 'token add' on the node's machine prints one"
        )
    node = _reached(args, token)
    if node.is_exposed:
        note(f"warning: others on the way to {node.name} can read the token: use https where they may be strangers")
    return node


def _reached(args: argparse.Namespace, token: str | None) -> Remote:
    from tui_registry.settings import load_settings
    from tui_registry.sync.bounds import bounds_of
    from tui_registry.sync.remote import connect

    return connect(args.node, token, bounds=bounds_of(load_settings()))


def say_who_signed(registry: Registry) -> None:
    """Say whose key signed what was written, where it is not the one here."""
    if not isinstance(registry, Datastore):
        note(f"signed by the node {registry.name} with its own key, 0x{registry.address}")


def asking(registry: Registry, text: str) -> str:
    """A text whose commands ask what this one asked."""
    return text if isinstance(registry, Datastore) else text.replace(_COMMAND, f"{_COMMAND}--node {registry.name} ")


def names_in(registry: Registry) -> dict[str, str]:
    """What owners are called, by address: names are local, and of a node's it is known which is its own."""
    return registry.names.all() if isinstance(registry, Datastore) else {registry.address: "the node"}


def own_key_in(registry: Registry) -> str:
    """The address of the key on this machine, empty where there is none yet: looking makes none."""
    return registry.key.known if isinstance(registry, Datastore) else ""


def open_to_write(args: argparse.Namespace) -> Datastore:
    """`open_registry` for what signs. Once it is said where this replica was put back to an older copy, or its key
    signed what it did not write; nothing is refused for it, so that no script stands still."""
    datastore = open_registry(args)
    try:
        datastore.expect_writable()
    except StoreError:
        datastore.close()
        raise
    restored = datastore.mark.restored()
    if restored is not None or datastore.elsewhere.untold():
        from tui_registry.present.elsewhere import WHERE_THEY_ARE, before_writing

        count = datastore.elsewhere.count()
        note(before_writing(count, restored) + (f". {WHERE_THEY_ARE}" if count else ""))
        datastore.elsewhere.told()
        if restored is not None:
            datastore.mark.forget()  # which gives the log another epoch, as what it has now is another log
    return datastore


def tell_elsewhere(datastore: Datastore, count: int, *, in_full: bool) -> None:
    """Say how many operations by this replica's key it did not write, which have come just now, and what they did.

    Args:
        in_full: with the first of them, and what became of records.
    """
    from tui_registry.present import elsewhere

    note(f"{elsewhere.operations(count)}. {elsewhere.WHERE_THEY_ARE}")
    if not in_full:
        return
    now = int(time.time())
    places = datastore.elsewhere.places()[:count]
    for operation in datastore.log.operations_at(places[:_TOLD]):
        note(f"  {elsewhere.line(operation, now)}")
    if count > _TOLD:
        note(f"  and {exact(count - _TOLD)} more")
    for record in datastore.elsewhere.touched(_TOLD, since=min(places, default=0)):
        note(f"  {elsewhere.touched(record)}")


def find(datastore: Registry, typed: str, kind: Kind | None = None, *, own: bool = False) -> Entry:
    """The current record that a word of a line means: by its id, a beginning that only it has, or its name.

    Args:
        own: for what writes: a record of the key that signs comes before all others.

    Raises:
        StoreError: `not_found`, or `ambiguous` with the choices.
    """
    found, identifier = datastore.find(typed, kind, own=own)
    entry = datastore.entry(identifier, found)
    if entry is None:  # deleted by another process since
        raise StoreError("not_found", f"there is no {found} {identifier[:12]} here: it was deleted just now")
    return entry


def find_with_manifest(datastore: Registry, typed: str) -> tuple[Entry, ManifestEntry | None]:
    """As `find`, with what stands behind the record."""
    entry = find(datastore, typed)
    return entry, datastore.manifests.get(entry.id)


def standing(registry: Registry, kind: Kind, manifest: Record) -> str | None:
    """What is to be known before a record is used; a node is not asked what the record is called that its owner names
    instead."""
    from tui_registry.present import links, manifest_rows

    if isinstance(registry, Datastore):
        return links.standing(registry, kind, manifest)
    return manifest_rows.status_line(manifest, kind)


def seen_json(entry: Entry) -> dict[str, Json]:
    """What this replica alone knows of a record that it shows: its own name for the owner's key, and whose name the
    record's looks like. No part of what is given to others (`export`)."""
    from tui_registry.present.owners import like_json

    return {"petname": entry.owner_name, "looks_like": like_json(entry.like)}


def whole_json(registry: Registry, entry: Entry) -> dict[str, Json]:
    """A record as `show` and the commands that write give it: with what stands behind it, and for the heads of both."""
    return shown_json(entry, registry.manifests.get(entry.id))


@contextmanager
def query_explained(query: str) -> Iterator[None]:
    """Add to an error of the query where it is and what to write instead."""
    try:
        yield
    except QueryError as error:
        corrected = error.corrected(query)
        hint = f": try {corrected}" if corrected is not None else ""
        place = f" (at character {error.position + 1})" if query else ""
        raise QueryError(f"{error.sentence}{place}{hint}", error.position, error.length) from error


def need_terminal(instead: str) -> None:
    """Refuse to open screens where nobody sees them; wait for the shell to bring them to the front (`&`).

    Raises:
        NoTerminalError: there is no terminal, or one that cannot draw.
    """
    for stream, on in ("stdin", sys.stdin.isatty()), ("stdout", on_terminal()):
        if not on:
            raise NoTerminalError(f"the screens need a terminal, and {stream} is a pipe or a file: {instead}")
    kind = os.environ.get("TERM", "")
    if kind in _CANNOT_DRAW:
        what = f"TERM is {kind}" if kind else "TERM is not set"
        hint = "if this one can, set TERM=xterm-256color"
        raise NoTerminalError(f"the screens need a terminal that can draw, and {what}: {hint}; {instead}")
    import termios

    with suppress(termios.error):  # what is gone is noticed when it is drawn on
        # Changes nothing; but a background process that does it stops until `fg`.
        termios.tcsetattr(0, termios.TCSANOW, termios.tcgetattr(0))


# Files


def shown_name(name: str) -> str:
    """What a file is called in messages."""
    return "stdin" if name == STDIN else safe_text(name)


def read_bytes(name: str, most: int) -> bytes:
    """The bytes of a file, or of stdin for `-`, but no more than `most + 1`.

    Raises:
        FileError: it cannot be read.
    """
    with _file_errors(name, "read"):
        if name == STDIN:
            return sys.stdin.buffer.read(most + 1)
        with Path(name).open("rb") as file:
            return file.read(most + 1)


def read_lines(name: str, longest: int) -> Iterator[bytes]:
    """The lines of a file, or of stdin for `-`, with their line ends, as they are read; of one that has more than
    `longest` bytes no more than `longest + 1`, and what is left of it as the next.

    Raises:
        FileError: it cannot be read.
    """
    with _file_errors(name, "read"):
        if name == STDIN:
            yield from iter(lambda: sys.stdin.buffer.readline(longest + 1), b"")
            return
        with Path(name).open("rb") as file:
            yield from iter(lambda: file.readline(longest + 1), b"")


def read_text(name: str, most: int) -> str:
    """The text of a file, or of stdin for `-`; at most `most` bytes.

    Raises:
        FileError: it cannot be read, is too big or is not UTF-8.
    """
    raw = read_bytes(name, most)
    if len(raw) > most:
        raise FileError(f"{shown_name(name)} has more than {most:,} bytes: no record is that long")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        place = f"byte {error.start:,}"
        raise FileError(f"{shown_name(name)} is not UTF-8 text ({place}): save it as UTF-8") from None


def token_in(file: str) -> str:
    """The token in the first line of a file, or of stdin for `-`.

    Raises:
        FileError: it cannot be read, or holds none.
    """
    token = read_text(file, 4096).partition("\n")[0].strip()
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise FileError(f"{safe_text(file)} holds no token: 'token add' on the node's machine prints one")
    return token


def write_text(text: str) -> None:
    """A text on stdout: exactly as it is for a file or a pipe, made safe for a terminal."""
    if on_terminal():
        sys.stdout.write(safe_text(text, newlines=True))
    else:
        write_bytes(text.encode("utf-8", "surrogatepass"))


def write_bytes(data: bytes) -> None:
    """Bytes on stdout.

    Raises:
        UsageError: it is a terminal.
    """
    if on_terminal():
        raise UsageError("a terminal cannot show this: send it to a file or a pipe")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_file(name: str, data: bytes, mode: int | None) -> None:
    """Write a file in one step: others see the old one or the new one, and a failure or a power cut leaves one of them.

    Args:
        mode: of the file, before the umask; None keeps that of the file which is there.

    Raises:
        FileError: it cannot be written.
    """
    from tui_registry.durable import drafted, sync_folder

    with _file_errors(name, "written"):
        path = Path(name).resolve()
        if path.exists() and not path.is_file():
            # A device or a pipe: it is written to, never replaced.
            path.write_bytes(data)
            return
        with drafted(path, data, 0o600 if mode is None else mode) as draft:
            if mode is None:
                draft.chmod(path.stat().st_mode & 0o7777)
            draft.replace(path)
        sync_folder(path.parent)


@contextmanager
def _file_errors(name: str, deed: str) -> Iterator[None]:
    """Say what the system says of a file that cannot be `read` or `written`."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise FileError(f"{shown_name(name)} cannot be {deed}: {reason}") from error
    except ValueError as error:  # a NUL
        raise FileError(f"{safe_text(name)} is no name of a file") from error
