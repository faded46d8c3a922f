"""How a peer's log is reached: over HTTP, or as a directory such as a USB stick or a mounted share."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from tui_registry.datastore import Peer
from tui_registry.errors import Json
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.heads import RemoteHead
from tui_registry.sync.tiles import Span


class Transport(Protocol):
    """One peer's log, read within bounds. Every method raises `SyncError` and nothing else.

    Attributes:
        answers: the peer answers questions (`missing`); a directory does not.
    """

    answers: bool

    @property
    def received(self) -> int:
        """Bytes of message bodies so far."""

    async def head(self, etag: str | None = None) -> RemoteHead | None:
        """The peer's head; None when it is still the one that `etag` came with."""

    async def entries(self, epoch: str, span: Span) -> list[bytes]:
        """Exactly the entries of the span. `SyncError` code `vanished` when the peer has no such file."""

    async def missing(self, hashes: Sequence[str]) -> list[bytes]:
        """Operations by hash, children first; maybe only some of them."""

    async def reconcile(self, epoch: str, size: int | None, ranges: Json) -> Json:
        """What the peer says of ranges of its log, as it came; None when it does not do this."""

    async def __aenter__(self) -> Transport: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_transport(peer: Peer, bounds: Bounds) -> Transport:
    """The transport for a peer's address, an http(s) URL or a directory; to be used with `async with`."""
    if is_url(peer.address):
        from tui_registry.sync.http import HttpTransport

        return HttpTransport(peer.name, peer.address, bounds)
    from tui_registry.sync.directory import DirTransport

    return DirTransport(peer.name, peer.address, bounds)


def is_url(address: str) -> bool:
    """Whether a peer's address is an http(s) URL; otherwise it is a directory."""
    return address.lower().startswith(("http://", "https://"))
