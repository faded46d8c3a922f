"""The peers that this replica pulls from."""

from __future__ import annotations

import re
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tui_registry.errors import Problem
from tui_registry.replica.errors import StoreError
from tui_registry.replica.reports import Head, Peer

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}").fullmatch
_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", re.ASCII).fullmatch
# A scheme, or a host and its port, and not the two slashes that make a URL of it.
_HALF_A_URL = re.compile(r"[^/]*:").match


def add_peer(db: sqlite3.Connection, name: str, address: str, now: int) -> None:
    """Remember a peer.

    Raises:
        StoreError: `bad_peer_name`, `bad_address`, `peer_exists`.
    """
    for problem in check_peer(db, name, address):
        raise StoreError(problem.code, problem.sentence)
    db.execute("INSERT INTO peers (name, address, added_at) VALUES (?, ?, ?)", (name, _normal(address), now))


def check_peer(db: sqlite3.Connection, name: str, address: str) -> list[Problem]:
    """What keeps a peer of that name and address from being added, by field: `name`, `address`."""
    problems = []
    if not _NAME(name):
        sentence = "a peer's name is 1 to 32 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
        problems.append(Problem("name", "error", "bad_peer_name", sentence))
    elif db.execute("SELECT 1 FROM peers WHERE name = ?", (name,)).fetchone():
        problems.append(Problem("name", "error", "peer_exists", "another peer has that name already: remove it first"))
    fault = _address_fault(address.strip())
    if fault is not None:
        problems.append(Problem("address", "error", "bad_address", fault))
    elif row := db.execute("SELECT name FROM peers WHERE address = ?", (_normal(address),)).fetchone():
        sentence = f"the peer {row[0]} has that address already: remove it first"
        problems.append(Problem("address", "error", "peer_exists", sentence))
    return problems


def check_place(address: str) -> list[Problem]:
    """What is wrong with the place that an address names: a folder may come later, such as a stick, a file is none.

    It looks at the disk, and a share may keep it waiting: not for the inside of a write.
    """
    if "://" in address or not address.strip():
        return []
    try:
        is_folder = stat.S_ISDIR(Path(_normal(address)).stat().st_mode)
    except (OSError, ValueError):
        return []
    sentence = "that is a file, not a directory: name one made by `export --log`, or a node's URL"
    return [] if is_folder else [Problem("address", "error", "bad_address", sentence)]


def remove_peer(db: sqlite3.Connection, name: str) -> None:
    """Forget a peer, its cursors and what waits on its behalf; its ops stay.

    Raises:
        StoreError: `not_found`.
    """
    if db.execute("DELETE FROM peers WHERE name = ?", (name,)).rowcount == 0:
        raise no_such_peer(name)
    db.execute("DELETE FROM cursors WHERE peer = ?", (name,))
    db.execute("DELETE FROM pending WHERE source = ?", (name,))


def read_peers(db: sqlite3.Connection, name: str | None = None) -> list[Peer]:
    """Every peer by name, or the one of that name."""
    size, fingerprint = db.execute("SELECT size, fingerprint FROM replica").fetchone()
    rows = db.execute(
        "SELECT p.name, p.address, p.epoch, coalesce(c.next_index, 0), p.their_size, p.their_fingerprint, p.node, "
        "p.rejected, (SELECT count(*) FROM pending WHERE source = p.name), p.unsupported, p.last_sync, p.last_error, "
        "p.last_try, p.etag FROM peers p LEFT JOIN cursors c ON c.peer = p.name AND c.epoch = p.epoch "
        "WHERE ? IS NULL OR p.name = ? ORDER BY p.name",
        (name, name),
    )
    return [_peer(values, size, fingerprint) for values in rows]


def finish_pull(
    db: sqlite3.Connection, name: str, head: Head | None, error: str | None, etag: str | None, whole: bool, now: int
) -> None:
    """Write down how a pull ended: with `error`, or well; not `whole` when it was stopped before the peer's head."""
    if head is not None:
        db.execute(
            "UPDATE peers SET their_size = ?, their_fingerprint = ?, node = ?, etag = ? WHERE name = ?",
            (head.size, head.fingerprint, head.node, etag if whole and error is None else None, name),
        )
    synced = now if whole and error is None else None
    db.execute(
        "UPDATE peers SET last_try = ?, last_error = ?, last_sync = coalesce(?, last_sync) WHERE name = ?",
        (now, error, synced, name),
    )


def no_such_peer(name: str) -> StoreError:
    return StoreError("not_found", f"there is no peer named '{name[:32]}': see `peer list`")


# How


def _address_fault(address: str) -> str | None:
    from urllib.parse import urlsplit

    if not address:
        return "the address is empty: give a URL such as http://HOST:8420, or a directory"
    if "://" not in address:
        return _folder_fault(address)
    try:
        parts = urlsplit(address)
        _, colon, port = parts.netloc.rpartition(":")
        if colon and port.isdecimal() and not 0 < int(port) < 65_536:
            return f"{port[:10]} is not a port: 1 to 65535"
        sound = parts.scheme in ("http", "https") and _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment or parts.username is not None or not _is_plain(address):
        return "a node's address is http://HOST[:PORT] or https://HOST[:PORT], with no more than a path"
    return None


def _is_plain(address: str) -> bool:
    return len(address) <= 2_000 and address.isprintable()  # no surrogates either, which no URL can hold


def _is_host(host: str) -> bool:
    """Whether it is an IP address or a name that can be looked up (IDNA 2008, RFC 5891), as the web client has it."""
    from ipaddress import ip_address

    import idna

    name = host.lower()
    try:
        # A name never ends in a number (RFC 1123, 2.1), so that a wrong IPv4 address is none either.
        if ":" in name or name.rpartition(".")[2].isdecimal():
            return "%" not in name and name.isascii() and str(ip_address(name)) != ""
        if not name.isascii():
            name = idna.encode(name).decode("ascii")
        elif "xn--" in name:
            idna.decode(name)
    except ValueError:
        return False
    return _HOST(name) is not None


def _folder_fault(address: str) -> str | None:
    if _HALF_A_URL(address):
        return (
            "a node's address is http://HOST[:PORT] or https://HOST[:PORT]; a directory with a colon in its name is "
            "./NAME"
        )
    try:
        _normal(address).encode()
    except UnicodeEncodeError:
        return "the directory's name is not UTF-8, and so cannot be kept as an address: rename it, or link to it"
    return "no directory has a NUL in its name" if "\0" in address else None


def _normal(address: str) -> str:
    address = address.strip()
    if "://" in address:
        return address.rstrip("/")
    path = Path(address)
    with suppress(RuntimeError):  # `~stranger`: no such user, so the folder is called that
        path = path.expanduser()
    return str(path.absolute())


def _peer(values: Sequence[Any], size: int, fingerprint: str) -> Peer:
    (
        name,
        address,
        epoch,
        next_index,
        their_size,
        their_sum,
        node,
        refused,
        waiting,
        unread,
        synced,
        error,
        tried,
        etag,
    ) = values
    identical = their_size == size and their_sum == fingerprint and next_index >= size and synced is not None
    return Peer(
        name=name,
        address=address,
        epoch=epoch,
        next_index=next_index,
        their_size=their_size,
        their_fingerprint=their_sum,
        node=node,
        identical=identical,
        rejected=refused,
        pending=waiting,
        unsupported=unread,
        last_sync=synced,
        last_error=error,
        last_try=tried,
        etag=etag,
    )
