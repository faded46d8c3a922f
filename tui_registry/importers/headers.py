"""Headers of files that lie elsewhere, laid down in a folder of our own as the beginnings of files of the same size.

The readers of files then do the rest: they look at headers and sizes only, and what was not fetched takes no room.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tui_registry.errors import Kind
from tui_registry.importers.documents import Finding
from tui_registry.importers.errors import CutOffError, SourceError
from tui_registry.importers.fetch import FetchBounds, Fetcher, Piece, fetched
from tui_registry.importers.gguf_header import MAGIC, read_gguf_header
from tui_registry.importers.weights import read_weights_file
from tui_registry.text import exact, safe_text

# Headers of many parts, or the vocabulary in one of GGUF, take more than a description does.
BOUNDS = FetchBounds(bytes=16 * 1024 * 1024, total_bytes=160 * 1024 * 1024, seconds=120.0)

# (address, first byte, how many) -> those bytes of the file.
Pieces = Callable[[httpx.URL, int, int], Awaitable[Piece]]

_FIRST = 512 * 1024
_MOST_GGUF = 64 * 1024 * 1024
_MOST_SAFETENSORS = 16 * 1024 * 1024
# No file of weights comes near; what claims more is not believed.
_LARGEST = 2**46


def read_weights_at(url: httpx.URL, kind: Kind | None, bounds: FetchBounds = BOUNDS) -> Finding:
    """The finding of one GGUF or safetensors file at an address.

    Raises:
        SourceError: its header cannot be had.
    """

    async def ask(fetcher: Fetcher) -> Finding:
        with TemporaryDirectory(prefix="tui-registry-") as place:
            # A file with a general name is called by the folder that it lies in
            above, _, name = url.path.rpartition("/")
            path = Path(place) / safe_name(above.rpartition("/")[2] or url.host) / safe_name(name)
            path.parent.mkdir()
            form = await lay_down(fetcher.piece, url, path)
            found = read_weights_file(path, form, kind)
        return replace(found, source=str(url))

    return fetched(url, ask, bounds)


async def lay_down(pieces: Pieces, url: httpx.URL, path: Path) -> str:
    """Write the header of a GGUF or safetensors file, and make the file as long as the one at the address.

    Returns:
        `gguf` or `safetensors`.

    Raises:
        SourceError: it cannot be had, or has no such header.
    """
    read = await _Beginning(pieces, url).until_whole()
    size = read.size
    try:
        with path.open("wb") as file:
            file.write(read.bytes)
            file.truncate(size)
    except OSError as error:
        raise SourceError(f"a file of {exact(size)} bytes cannot be laid down here ({error.strerror})") from error
    return "gguf" if read.bytes.startswith(MAGIC) else "safetensors"


def safe_name(part: str) -> str:
    """A part of an address as the name of a file in a folder of our own."""
    return re.sub(r"[^A-Za-z0-9._+-]", "-", part)[-180:].lstrip(".") or "model"


class _Beginning:
    """The first bytes of a file at an address, as far as they were needed."""

    def __init__(self, pieces: Pieces, url: httpx.URL) -> None:
        self._pieces = pieces
        self._url = url
        self._name = safe_text(url.path.rpartition("/")[2], 80)
        self.bytes = b""
        self.size = 0

    async def until_whole(self) -> _Beginning:
        """Fetch until the header is whole."""
        await self._go_on_to(_FIRST)
        if self.bytes.startswith(MAGIC):
            await self._whole_gguf()
        elif self.bytes[8:9] == b"{":
            length = int.from_bytes(self.bytes[:8], "little")
            if length > _MOST_SAFETENSORS:
                most = exact(_MOST_SAFETENSORS)
                raise SourceError(f"the header of {self._name} is longer than the {most} bytes that are read")
            await self._go_on_to(8 + length)
        else:
            raise SourceError(f"{self._name} is neither GGUF nor safetensors")
        return self

    async def _whole_gguf(self) -> None:
        # Nothing tells how long the header is: read on, twice as far each time, until it does not end too early
        while True:
            try:
                read_gguf_header(BytesIO(self.bytes))
            except CutOffError:
                if len(self.bytes) >= min(self.size, _MOST_GGUF):
                    raise
                await self._go_on_to(2 * len(self.bytes))
            else:
                return

    async def _go_on_to(self, end: int) -> None:
        """Fetch up to there, or up to the end of the file."""
        while len(self.bytes) < (min(end, self.size) if self.size else end):
            start = len(self.bytes)
            piece = await self._pieces(self._url, start, end - start)
            if piece.status not in (200, 206):
                raise SourceError(f"{self._name} cannot be had: the host answers with status {piece.status}")
            if piece.size is None or piece.size > _LARGEST:
                raise SourceError(f"the host does not tell how large {self._name} is")
            if not piece.body:
                raise SourceError(f"{self._name} ends in the middle: the host gave {exact(start)} bytes")
            self.bytes += piece.body
            self.size = piece.size
