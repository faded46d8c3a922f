"""What a power cut leaves of a folder, worked out from the journal of what a program did to it.

The model is the strict one of POSIX: the bytes of a file are on disk once the file has been synced, a name (made,
linked, renamed, removed) once its folder has been. Everything else may be lost, whole or in part.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeAlias

_HEAD = struct.Struct("<cqII")
_SECTOR = 512
# Name below the folder -> the bytes, None for a folder.
Image: TypeAlias = dict[str, bytes | None]


class Event(NamedTuple):
    """One line of the shim's journal; see shim.c."""

    what: str
    path: str
    offset: int
    data: bytes


def read_journal(journal: Path) -> list[Event]:
    """Every whole record; a process may be killed while it writes the last."""
    data = journal.read_bytes() if journal.exists() else b""
    events = []
    at = 0
    while at + _HEAD.size <= len(data):
        what, offset, path_size, data_size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        end = at + path_size + data_size
        if end > len(data):
            break
        events.append(Event(what.decode(), data[at : at + path_size].decode(), offset, data[at + path_size : end]))
        at = end
    return events


def said(events: list[Event]) -> list[str]:
    """What the program acknowledged, in order."""
    return [event.data.decode() for event in events if event.what == "!"]


class _File:
    def __init__(self, data: bytes = b"") -> None:
        self.synced = bytearray(data)
        self.since: list[Event] = []

    def bytes(self, kept: list[Event]) -> bytes:
        data = bytearray(self.synced)
        for event in kept:
            _change(data, event)
        return bytes(data)


class _Folder:
    def __init__(self) -> None:
        self.names: dict[str, _File | _Folder] = {}
        self.synced: dict[str, _File | _Folder] = {}


class Disk:
    """A watched folder, its live state and what of it is on disk."""

    def __init__(self, home: Path) -> None:
        """What lies in `home` now counts as synced."""
        self._home = str(home)
        self._root = _Folder()
        for path in sorted(home.rglob("*")):
            folder, name = self._find(str(path))
            folder.names[name] = folder.synced[name] = _Folder() if path.is_dir() else _File(path.read_bytes())

    def apply(self, event: Event) -> None:
        """Let one more thing happen."""
        if event.what == "!" or event.path.endswith(("-shm", " (deleted)")):
            return  # the -shm file is memory that is shared, never data
        if event.what == "s" and event.path == self._home:
            self._root.synced = dict(self._root.names)
            return
        folder, name = self._find(event.path)
        match event.what:
            case "c":
                folder.names[name] = _File()
            case "m":
                folder.names[name] = _Folder()
            case "u":
                folder.names.pop(name)
            case "r" | "l":
                to, other = self._find(event.data.decode())
                to.names[other] = folder.names[name]
                if event.what == "r":
                    del folder.names[name]
            case "s":
                node = folder.names[name]
                if isinstance(node, _Folder):
                    node.synced = dict(node.names)
                else:
                    node.synced = bytearray(node.bytes(node.since))
                    node.since = []
            case _:
                node = folder.names[name]
                assert isinstance(node, _File)
                node.since.append(event)

    def synced(self) -> Image:
        """The least that a power cut leaves: no byte and no name that was not synced."""
        return dict(_image(self._root, None, names="synced"))

    def names_first(self) -> Image:
        """Every change of a name reached the disk at once, the bytes only when they were synced."""
        return dict(_image(self._root, None, names="live"))

    def torn(self, random: Random) -> Image:
        """Of what was not synced some survived: any writes, whole or by sectors, and the names of any folder."""
        return dict(_image(self._root, random, names="either"))

    def _find(self, path: str) -> tuple[_Folder, str]:
        *folders, name = path[len(self._home) + 1 :].split("/")
        folder = self._root
        for part in folders:
            below = folder.names[part]
            assert isinstance(below, _Folder)
            folder = below
        return folder, name


def _image(folder: _Folder, random: Random | None, *, names: str, at: str = "") -> Iterator[tuple[str, bytes | None]]:
    live = names == "live" or (random is not None and random.random() < 0.5)
    for name, node in sorted((folder.names if live else folder.synced).items()):
        path = f"{at}{name}"
        if isinstance(node, _Folder):
            yield path, None
            yield from _image(node, random, names=names, at=f"{path}/")
        else:
            yield path, node.bytes([] if random is None else list(_survivors(node.since, random)))


def _survivors(events: list[Event], random: Random) -> Iterator[Event]:
    for event in events:
        fate = random.random()
        if fate < 0.4:
            yield event
        elif fate < 0.6 and event.what == "w":
            sectors = random.randrange(len(event.data) // _SECTOR + 1)
            yield event._replace(data=event.data[: sectors * _SECTOR])


def _change(data: bytearray, event: Event) -> None:
    if event.what == "t":
        del data[event.offset :]
        data.extend(bytes(event.offset - len(data)))
        return
    data.extend(bytes(max(0, event.offset - len(data))))
    data[event.offset : event.offset + len(event.data)] = event.data


def write_image(image: Image, folder: Path) -> None:
    """Put an image on the real disk."""
    folder.mkdir(parents=True)
    for name, data in image.items():
        if data is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o600)
