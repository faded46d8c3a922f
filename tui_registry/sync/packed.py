"""Full tiles, packed once and kept beside the replica: they never change within their epoch, and packing one takes a
hundred times as long as reading it.

They lie in `tiles/EPOCH/` of the replica's folder, each as its gzip bytes and a seal: the SHA-256 of the SHA-256 of
these, the epoch and the number, so that a file that a kill or a power cut left spoilt, or that took another's place, is
seen and made anew. Everything here may be deleted at any time, and where nothing can be written, nothing is kept; nor
where the folder is a link, as what lies behind one is not ours to delete. Any number of processes share the folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from contextlib import suppress
from pathlib import Path

from tui_registry.datastore import Datastore, StoreError
from tui_registry.durable import bytes_in, drafted, free_bytes, sweep
from tui_registry.sync.bounds import MAX_OP_BYTES, TILE_OPS
from tui_registry.sync.tiles import LogError, Unpacker

FOLDER = "tiles"
_EPOCH = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NAME = re.compile(r"(0|[1-9][0-9]{0,15})\.tile", re.ASCII)
_DIGEST = hashlib.sha256().digest_size
_MOST_UNPACKED = TILE_OPS * (MAX_OP_BYTES + 1)
# Random bytes do not pack: gzip then adds a little to them.
_MOST = _MOST_UNPACKED + _MOST_UNPACKED // 1000 + 1024 + _DIGEST
# What is left of the disk for the replica itself, which tiles must not take.
_SPARE_BYTES = 256 * 1024**2
# After so many tiles it is counted anew what lies there: other processes keep tiles, too.
_COUNTED_EACH = 64
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
# Linux can say that a file is not in memory instead of waiting for the disk. To check what is larger takes longer.
_MOST_AT_ONCE = 1024**2
_AT_ONCE: int | None = getattr(os, "RWF_NOWAIT", None)


class PackedTiles:
    """The packed tiles of one replica. Safe to use from any thread.

    No method raises: what cannot be read is not there, what cannot be written is not kept.
    """

    def __init__(self, datastore: Datastore, limit: int) -> None:
        """
        Args:
            limit: bytes of all tiles together; beyond them no more are kept. 0 to keep none, and only read.
        """
        self._datastore = datastore
        self._folder = datastore.data_dir / FOLDER
        self._limit = limit
        self._lock = threading.Lock()
        # The epoch whose tiles were found to be of this log; they are read without another look at it.
        self._epoch: str | None = None
        # Where what lies there is of another log, and cannot be removed.
        self._foreign: str | None = None
        self._size = 0
        self._kept = 0

    def read(self, epoch: str, tile: int) -> tuple[bytes, bytes] | None:
        """A tile and its SHA-256, None where it is not kept; what is spoilt goes.

        Args:
            epoch: the log's own, at present.
        """
        with self._lock:
            if not self._use(epoch):
                return None
        return self._read(epoch, tile)

    def read_at_once(self, epoch: str, tile: int) -> tuple[bytes, bytes] | None:
        """The same without waiting: None, too, where that cannot be known, or the tile is large."""
        if _AT_ONCE is None or epoch != self._epoch:
            return None
        with suppress(OSError):
            handle = os.open(self._path(epoch, tile), _FLAGS)
            try:
                size = os.fstat(handle).st_size
                if size <= _MOST_AT_ONCE:
                    data = bytearray(size)
                    if os.preadv(handle, [data], 0, _AT_ONCE) == size:
                        return _sound(data, epoch, tile)
            finally:
                os.close(handle)
        return None

    def keep(self, epoch: str, tile: int, data: bytes) -> None:
        """Keep a tile of the log's present epoch, if there is room."""
        size = len(data) + _DIGEST
        with self._lock:
            if not self._use(epoch):
                return
            self._kept += 1
            if self._kept % _COUNTED_EACH == 0:
                self._size = bytes_in(self._folder / epoch)
            if self._size + size > self._limit or self._datastore.why_read_only:
                return
            self._size += size
        path = self._path(epoch, tile)
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if (free_bytes(path.parent) or 0) < _SPARE_BYTES + size:
                return
            with drafted(path, (data, _seal(hashlib.sha256(data).digest(), epoch, tile)), on_disk=False) as draft:
                draft.replace(path)

    # How

    def _path(self, epoch: str, tile: int) -> Path:
        return self._folder / epoch / f"{tile}.tile"

    def _use(self, epoch: str) -> bool:
        """Turn to an epoch: what lies there of another goes, and what lies there of this one, if it is not of this log.
        False for a name that is none: a database that comes from a stranger may hold any.

        A replica that is put back to an older copy and goes on gets another epoch, as far as that is noticed (see
        `datastore.mark`). Where it is not, the last tile tells.
        """
        if epoch == self._epoch:
            return True
        if epoch == self._foreign or not _EPOCH.fullmatch(epoch):
            return False
        folder = self._folder / epoch
        if self._folder.is_symlink() or folder.is_symlink():
            self._foreign = epoch
            return False
        if not self._datastore.why_read_only:
            with suppress(OSError):
                for other in self._folder.iterdir():
                    if _EPOCH.fullmatch(other.name) and other.name != epoch:
                        shutil.rmtree(other, ignore_errors=True)
            sweep(folder)
        if not self._is_of_this_log(epoch, folder):
            if not self._datastore.why_read_only:
                shutil.rmtree(folder, ignore_errors=True)
            if _tiles_in(folder):
                self._foreign = epoch
                return False
        self._size = bytes_in(folder)
        self._epoch = epoch
        return True

    def _is_of_this_log(self, epoch: str, folder: Path) -> bool:
        for tile in sorted(_tiles_in(folder), reverse=True):
            found = self._read(epoch, tile)
            if found is None:
                continue
            unpacker = Unpacker(_MOST_UNPACKED)
            with suppress(LogError, StoreError):
                unpacker.feed(found[0])
                lines = unpacker.lines(TILE_OPS)
                return lines == self._datastore.log.lines(tile * TILE_OPS, (tile + 1) * TILE_OPS)
            return False
        return True

    def _read(self, epoch: str, tile: int) -> tuple[bytes, bytes] | None:
        path = self._path(epoch, tile)
        try:
            with open(path, "rb", opener=lambda name, _: os.open(name, _FLAGS)) as file:
                sound = _sound(file.read(_MOST + 1), epoch, tile)
        except OSError:
            return None
        if sound is None and not self._datastore.why_read_only:
            with suppress(OSError):
                path.unlink()
        return sound


def _sound(data: bytes | bytearray, epoch: str, number: int) -> tuple[bytes, bytes] | None:
    """A file's tile and its SHA-256, None where the seal is not that of this tile."""
    tile = bytes(memoryview(data)[:-_DIGEST])
    digest = hashlib.sha256(tile).digest()
    return (tile, digest) if data[-_DIGEST:] == _seal(digest, epoch, number) else None


def _seal(digest: bytes, epoch: str, number: int) -> bytes:
    return hashlib.sha256(digest + f"{epoch}/{number}".encode()).digest()


def _tiles_in(folder: Path) -> list[int]:
    with suppress(OSError):
        return [int(found[1]) for file in folder.iterdir() if (found := _NAME.fullmatch(file.name))]
    return []
