"""Nodes on the local network, told and found by mDNS and DNS-SD (RFC 6762, RFC 6763; the service `_tui-registry._tcp`).

Both sides opt in: a node tells of itself with `serve --announce` and by nothing else, and a network is asked when
somebody looks for nodes and at no other time. What answers may be anybody: an answer is an address to be looked at, and
becomes a peer where a person adds it. It is told nowhere else, and nothing is asked there before.

Needs zeroconf, which the extra `[lan]` of this program brings.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple

try:
    from ifaddr import get_adapters
    from zeroconf import (
        BadTypeInNameException,
        InterfaceChoice,
        IPVersion,
        ServiceBrowser,
        ServiceInfo,
        Zeroconf,
    )
except ImportError:
    # Without the extra, `check_lan` says so before anything here is used.
    _IS_INSTALLED = False
else:
    _IS_INSTALLED = True

SERVICE: Final = "_tui-registry._tcp.local."
# How long a network is listened to: those who answer do so within a second, and are asked twice.
LOOKING_SECONDS: Final = 3.0
# So many answers are looked at, and so many addresses of each.
MOST_ANSWERS: Final = 64
_MOST_ADDRESSES: Final = 4
_ASKING_SECONDS: Final = 1.0


class LanError(RegistryError):
    """The local network cannot be asked or told: `no_lan` where zeroconf is not installed, or the system refuses."""


class LanNode(NamedTuple):
    """A node that says that it is there.

    Attributes:
        url: where: by an address of a private network.
        node: the address of its key as it says, 40 hex digits; empty where it says none.
    """

    url: str
    node: str


def find_nodes(seconds: float = LOOKING_SECONDS, *, interfaces: Sequence[str] | None = None) -> list[LanNode]:
    """Ask the local network for nodes, listen for a while, and end; each once, in the order of their addresses.

    Args:
        interfaces: the addresses of this machine by which to ask; None for all.

    Raises:
        LanError.
    """
    found: set[LanNode] = set()
    with contextlib.closing(_opened(interfaces)) as network:
        names: set[str] = set()

        def heard(name: str, **_: object) -> None:
            if len(names) < MOST_ANSWERS:
                names.add(name)

        browser = ServiceBrowser(network, SERVICE, handlers=[heard])
        try:
            threading.Event().wait(seconds)
        finally:
            browser.cancel()
        # Most answers are whole; of the others what lacks is asked for, together no longer than was listened.
        infos = [info for name in sorted(names) if (info := _named(name)) is not None]
        lacking = [info for info in infos if not info.load_from_cache(network)]
        end = time.monotonic() + seconds
        for info in lacking:
            if (left := end - time.monotonic()) > 0:
                info.request(network, min(left, _ASKING_SECONDS) * 1000)
        for info in infos:
            # What is broken in an answer is that answer's alone.
            with contextlib.suppress(ValueError, TypeError):
                found.update(_read(info))
    return sorted(found)


class Announcement:
    """Tells the local network of a node, from `begin` until it is left."""

    def __init__(
        self, *, interfaces: Sequence[str] | None = None, failed: Callable[[str], None] = lambda _: None
    ) -> None:
        """
        Args:
            interfaces: as of `find_nodes`. failed: is told, in that thread, why nothing could be told.
        """
        self._interfaces = interfaces
        self._failed = failed
        self._ended = threading.Event()
        self._told = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: LanError | None = None

    def begin(self, host: str, port: int, *, node: str, path: str = "", tls: bool = False) -> None:
        """Begin to tell, in a thread of its own: a name has to be asked for first, which takes a second.

        Args:
            host: the address that the node listens on; one of all stands for all of this machine.
            node: the address of its key. path: what stands before its paths.
        """
        self._thread = threading.Thread(
            target=self._tell, args=(host, port, node, path, tls), name="announcing", daemon=True
        )
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether it was told within so many seconds."""
        return self._told.wait(seconds) and self.failure is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _tell(self, host: str, port: int, node: str, path: str, tls: bool) -> None:
        try:
            addresses = _own_addresses(host)
            # A node that listens on one address is told of where that one is, and nowhere else.
            only = self._interfaces or ([host] if addresses == [host] else None)
            with contextlib.closing(_opened(only)) as network:
                # Of the machine nothing is told but the addresses that it is reached by.
                label = f"tui-registry-{node[:8] or 'node'}-{port}"
                info = ServiceInfo(
                    SERVICE,
                    f"{label}.{SERVICE}",
                    port=port,
                    parsed_addresses=addresses,
                    properties={"node": node, "path": path, "tls": "1" if tls else "0"},
                    server=f"{label}.local.",
                )
                network.register_service(info, allow_name_change=True)
                self._told.set()
                self._ended.wait()
                network.unregister_service(info)
        except (LanError, OSError, ValueError) as error:
            self.failure = error if isinstance(error, LanError) else LanError("no_lan", _refused(error))
            self._failed(self.failure.sentence)
            self._told.set()


def check_lan() -> None:
    """See to it that the local network can be told and asked.

    Raises:
        LanError: zeroconf is not installed.
    """
    if not _IS_INSTALLED:
        raise LanError("no_lan", _MISSING)


# How

_MISSING = "what the local network is asked and told needs zeroconf: install 'tui-registry[lan]' for it"

_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]{1,64}){0,8}").fullmatch
_NODE = re.compile(r"[0-9a-f]{40}").fullmatch


def _opened(interfaces: Sequence[str] | None) -> Zeroconf:
    check_lan()
    try:
        asked = InterfaceChoice.All if interfaces is None else [*interfaces]
        return Zeroconf(interfaces=asked, ip_version=IPVersion.V4Only)
    except OSError as error:
        raise LanError("no_lan", _refused(error)) from error


def _refused(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "no reason given"
    return f"the local network cannot be asked by mDNS ({reason.lower()}): is another program in the way of port 5353?"


def _named(name: str) -> ServiceInfo | None:
    with contextlib.suppress(BadTypeInNameException):
        return ServiceInfo(SERVICE, name)
    return None


def _own_addresses(host: str) -> list[str]:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is not None and not address.is_unspecified:
        return [host]
    own = [str(each.ip) for adapter in get_adapters() for each in adapter.ips if each.is_IPv4]
    return [each for each in own if not ipaddress.ip_address(each).is_loopback]


def _read(info: ServiceInfo) -> list[LanNode]:
    """What an answer says, as far as it can be meant: an address elsewhere in the world is no neighbour."""
    told = {_plain(key): _plain(value or b"") for key, value in info.properties.items()}
    path, node, port = told.get("path", ""), told.get("node", ""), info.port or 0
    if not _PATH(path) or not 0 < port < 2**16:
        return []
    scheme = "https" if told.get("tls") == "1" else "http"
    addresses = [ipaddress.ip_address(text) for text in info.parsed_addresses()[:_MOST_ADDRESSES]]
    return [
        LanNode(f"{scheme}://{address}:{port}{path}", node if _NODE(node) else "")
        for address in addresses
        if address.version == 4 and address.is_private and not address.is_multicast and not address.is_unspecified
    ]


def _plain(raw: bytes) -> str:
    return raw.decode("ascii", "replace")
