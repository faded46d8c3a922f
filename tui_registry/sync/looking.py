"""What is at an address, before anything is pulled from it: a node, a log in a folder, bundles on a stick."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from tui_registry.datastore import DATABASE
from tui_registry.errors import RegistryError, system_reason
from tui_registry.present.found import Found, FoundKind, Recommended
from tui_registry.present.pulls import SyncError
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.bundles import Bundle, bundles_in
from tui_registry.sync.tiles import RemoteHead
from tui_registry.sync.transport import DirTransport, is_url, left_behind, open_node
from tui_registry.text import nearest, safe_text

T = TypeVar("T")

# `hub.example`, `10.0.0.7:8420`, `localhost:8420/registry`.
LIKE_A_HOST: Final = re.compile(
    r"(localhost|[\w-]+(\.[\w-]+)+|[\w.-]+:[0-9]{1,5})(:[0-9]{1,5})?(/.*)?", re.ASCII
).fullmatch
# Entries of a folder that are looked at for a log below it, and files of a log whose sizes are added up.
_MOST_ENTRIES: Final = 200
_MOST_FILES: Final = 100_000
_HEAD: Final = ("sync", "head")


class LookError(RegistryError):
    """Nothing that could be pulled from is at an address: code `nothing_there`, or a `SyncError`'s. The sentence says
    the nearest thing to do."""


async def look_at(address: str, bounds: Bounds) -> Found:
    """Find out what is at an address: one head and a list of peers are read at most, and nothing is kept.

    Args:
        address: as somebody typed it: a URL, a folder, or a file.

    Raises:
        LookError: there is nothing to pull from, or it does not answer.
    """
    typed = address.strip().removeprefix("file://")
    if not typed:
        raise LookError("nothing_there", "give a URL such as http://127.0.0.1:8420, a folder, or a bundle's file")
    try:
        if is_url(typed):
            return await _look_at_url(typed, bounds)
        if "://" in typed:
            scheme = safe_text(typed.partition("://")[0], 20)
            raise LookError("nothing_there", f"{scheme}:// is no way to a peer: a URL begins with http:// or https://")
        return await _look_at_path(typed, bounds)
    except SyncError as error:
        # A bundle is named in what is wrong with it
        where = "" if error.code == "bad_bundle" else f"{safe_text(typed, 120)}: "
        raise LookError(error.code, f"{where}{error.reason}") from None


async def _look_at_url(address: str, bounds: Bounds) -> Found:
    async with open_node(address, address, bounds) as transport:
        read = await transport.head()
        assert read is not None  # no tag was given
        recommended, why = await _asked(transport.recommended)
    # What only files have, or only a program that answers.
    kind: FoundKind = "node" if read.ranges or read.differs else "log"
    return _found(kind, address, read, recommended=recommended, why_none=why)


async def _look_at_path(typed: str, bounds: Bounds) -> Found:
    path = _expanded(typed)

    async def in_time(look: Callable[[], T]) -> T:
        """A share that hangs keeps a thread waiting and nobody else."""
        try:
            async with asyncio.timeout(bounds.head_seconds):
                return await left_behind(look)
        except TimeoutError:
            sentence = f"{safe_text(typed, 120)} did not answer within {bounds.head_seconds:g} s. Is the drive there?"
            raise LookError("timeout", sentence) from None
        except OSError as error:  # such as a folder that is not for us, or a name that no file can have
            sentence = f"{safe_text(typed, 120)} cannot be read: {system_reason(error)}"
            raise LookError("unreachable", sentence) from None

    kind = await in_time(lambda: _kind_of(path, typed))
    if kind == "bundles":
        return await in_time(lambda: _bundles(path, bounds))
    transport = DirTransport(typed, str(path), bounds)
    read = await transport.head()
    assert read is not None  # a file is always read
    recommended, why = await _asked(transport.recommended)
    size = await in_time(lambda: _size_of(path / "sync" / read.head.epoch / "entries"))
    return _found("folder", str(path.absolute()), read, size=size, recommended=recommended, why_none=why)


async def _asked(
    ask: Callable[[], Awaitable[tuple[Recommended, ...]]],
) -> tuple[tuple[Recommended, ...], str]:
    """Whom it names, or why that cannot be told: a log is worth no less for it."""
    try:
        return await ask(), ""
    except SyncError as error:
        return (), error.reason


def _found(
    kind: FoundKind,
    address: str,
    read: RemoteHead,
    *,
    size: int | None = None,
    recommended: tuple[Recommended, ...] = (),
    why_none: str = "",
) -> Found:
    head = read.head
    return Found(
        kind,
        address,
        head.size,
        head.node,
        signed=bool(head.sig),
        signed_at=head.signed_at,
        bytes=size,
        recommended=recommended,
        why_none=why_none,
    )


# On disk


def _expanded(typed: str) -> Path:
    try:
        return Path(typed).expanduser()
    except RuntimeError:  # `~stranger`: no such user
        return Path(typed)


def _kind_of(path: Path, typed: str) -> FoundKind:
    """What a path could be.

    Raises:
        LookError: nothing that could be pulled from.
    """
    shown = safe_text(typed, 120)
    if path.is_dir():
        if path.joinpath(*_HEAD).exists():
            return "folder"
        if bundles_in(path):
            return "bundles"
        raise LookError("nothing_there", f"{shown} {_nothing_in(path)}")
    if path.exists():
        if path.suffix.lower() == ".tar" or not path.is_file():
            return "bundles"  # which says what is wrong with it
        raise LookError(
            "nothing_there", f"{shown} is no bundle of a log (log-....tar): import reads records from other files"
        )
    if LIKE_A_HOST(typed):
        raise LookError("nothing_there", f"there is no file {shown}: write http://{shown} for a node")
    close = _nearest_to(path)
    hint = f"did you mean {safe_text(close, 120)}?" if close else "is the drive mounted?"
    raise LookError("nothing_there", f"there is nothing at {shown}: {hint}")


def _nothing_in(folder: Path) -> str:
    if (folder / DATABASE).exists():
        return (
            "is a replica itself: 'tui-registry --data-dir' with it and 'export --log DIR' writes its log, or 'serve' "
            "offers it"
        )
    folders = (entry for entry in _entries(folder) if entry.is_dir())
    below = [entry.name for entry in folders if entry.joinpath(*_HEAD).exists() or bundles_in(entry)]
    if below:
        return f"holds no log, but {' and '.join(safe_text(name, 60) for name in below[:3])} below it does: add /NAME"
    return "holds no log and no bundle: 'export --log' or 'export --bundle' on the other machine writes one there"


def _entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            return [folder / entry.name for entry, _ in zip(found, range(_MOST_ENTRIES), strict=False)]
    except OSError:
        return []


def _nearest_to(path: Path) -> str:
    """What stands beside where there is nothing, and is called nearly so; empty for nothing."""
    names = [entry.name for entry in _entries(path.parent)]
    close = nearest(path.name, names)
    return "" if close is None else str(path.with_name(close))


def _size_of(entries: Path) -> int | None:
    total = 0
    try:
        with os.scandir(entries) as found:
            for entry, _ in zip(found, range(_MOST_FILES), strict=False):
                total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        return None
    return total


def _bundles(path: Path, bounds: Bounds) -> Found:
    """What bundles hold, in the order of their log.

    Raises:
        SyncError: one cannot be read. LookError: they are of several logs.
    """
    files = bundles_in(path) if path.is_dir() else [path]
    opened = sorted((Bundle(str(path), file, bounds) for file in files), key=lambda bundle: bundle.end)
    epochs = {bundle.head_here.epoch for bundle in opened}
    if len(epochs) > 1:
        raise LookError(
            "nothing_there",
            f"{safe_text(str(path), 120)} holds bundles of {len(epochs)} logs: name one file of them at a time",
        )
    last = opened[-1].head_here
    return Found(
        "bundles",
        str(path.absolute()),
        sum(bundle.end - bundle.start for bundle in opened),
        last.node,
        signed=bool(last.sig),
        signed_at=last.signed_at,
        bytes=sum(file.stat().st_size for file in files),
        files=tuple(str(bundle.path.absolute()) for bundle in opened),
    )
