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
from tui_registry.importers.draft_writer import Draft
from tui_registry.importers.fetch import Answer, FetchBounds, Fetcher, fetched
from tui_registry.importers.formats import READ_BY_HEADER, WEIGHTS
from tui_registry.importers.manifest_writer import public_address
from tui_registry.importers.recognising import form_of, read_weights_file, weights_reader
from tui_registry.importers.untrusted import SourceError
from tui_registry.present.imports import Finding
from tui_registry.text import exact, safe_text

# Headers of many parts, or the vocabulary in one of GGUF, take more than a description does.
BOUNDS = FetchBounds(bytes=16 * 1024 * 1024, total_bytes=160 * 1024 * 1024, seconds=120.0)

# (address, first byte, how many) -> those bytes of the file.
Pieces = Callable[[httpx.URL, int, int], Awaitable[Answer]]

_FIRST = 512 * 1024
# No file of weights comes near; what claims more is not believed.
_LARGEST = 2**46


def read_weights_at(url: httpx.URL, kind: Kind | None, bounds: FetchBounds = BOUNDS) -> Finding:
    """The finding of one file of weights at an address.

    Raises:
        SourceError: its header cannot be had.
    """

    def lies_at(draft: Draft) -> None:
        # Only the file at the address was laid down here
        draft.behind.move_files(lambda uri: public_address(str(url)) or uri, lambda _: None)

    async def ask(fetcher: Fetcher) -> Finding:
        with TemporaryDirectory(prefix="tui-registry-") as place:
            # A file with a general name is called by the folder that it lies in
            above, _, name = url.path.rpartition("/")
            path = Path(place) / safe_name(above.rpartition("/")[2] or url.host) / safe_name(name)
            path.parent.mkdir()
            form = await lay_down(fetcher.piece, url, path)
            found = read_weights_file(path, form, kind, lies_at)
        return replace(found, source=str(url))

    return fetched(url, ask, bounds)


async def lay_down(pieces: Pieces, url: httpx.URL, path: Path) -> str:
    """Write the header of a file of weights, and make the file as long as the one at the address.

    Returns:
        Its form, of `WEIGHTS`.

    Raises:
        SourceError: it cannot be had, or has no such header.
    """
    read = _Beginning(pieces, url)
    form = await read.until_whole()
    try:
        with path.open("wb") as file:
            file.write(read.bytes)
            file.truncate(read.size)
    except OSError as error:
        raise SourceError(f"a file of {exact(read.size)} bytes cannot be laid down here ({error.strerror})") from error
    return form


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

    async def until_whole(self) -> str:
        """Fetch until the header is whole; gives the form of the file."""
        await self._go_on_to(_FIRST)
        form = form_of(BytesIO(self.bytes))
        if form not in WEIGHTS or not WEIGHTS[form].suffix:
            raise SourceError(f"{self._name} is neither {' nor '.join(READ_BY_HEADER)}")
        header_end = weights_reader(form).header_end
        while (end := header_end(self.bytes, self.size, self._name)) > len(self.bytes):
            await self._go_on_to(end)
        return form

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
