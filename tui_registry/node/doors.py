"""Who asks a node, under which name, and from whose page: decided before anything is answered.

A web page that somebody looks at can ask servers on that person's machine and network. Two things keep it from reading
and writing what a node holds there. A page whose own name is made to lead to the node (DNS rebinding) names itself in
Host, and only names of the node's own are answered; an address needs no list, as nobody can make it lead elsewhere.
And whatever changes something is refused where a browser says (Origin, RFC 6454) that another site's page asks.

What a node says in the formats of others is for everybody once its operator says by which address everybody reaches it:
pages of other sites may read that then (Access-Control-Allow-Origin), and nothing else. It is what anybody is told who
asks without a name, and a browser sends none with it. No other node says so: what it holds may be its owner's business.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from tui_registry.node.responses import NodeError, of_error
from tui_registry.present.found import Recommended
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# What stands for whoever comes over a Unix socket, where an address would name a proxy.
UNIX = "unix"
_READING = frozenset(("GET", "HEAD", "OPTIONS"))
_OWN_PATHS = frozenset(
    (
        "models",
        "agents",
        "events",
        "sync",
        "docs",
        "browse",
        "health",
        "metrics",
        "openapi.json",
        "catalog",
        ".well-known",
        "v0.1",
    )
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_ROOT_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+", re.ASCII)
# A name or an IPv4 address, or an IPv6 address in brackets; and a port.
_HOST = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]{2,45})(?:%[0-9A-Za-z._~-]{1,32})?\]|([0-9A-Za-z._-]{1,255}))(?::([0-9]{0,5}))?"
)
# Below the root path, what pages of other sites may read: the routes of `tongue_routes` and of `mcp_routes`.
_OFFERED = re.compile(
    r"/\.well-known/ai-catalog\.json|/catalog/[^/]+|/agents/[^/]+/agent-card\.json|/v0\.1/servers(?:/.*)?", re.DOTALL
)
_TO_ALL_PAGES = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"etag, tui-registry-left-out"),
)
_ORIGIN = re.compile(rb"(https?)://([^/?#@]+)")
# A scheme, a host, a port and a path.
_PUBLIC = re.compile(r"((?i:https?))://([^/?#@:\[\]\s]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[^?#\s]*)?")
_LAST_PORT = 65_535
_PORTS = {b"http": 80, b"https": 443}
# RFC 7239, section 4: pairs with a token or a quoted string; an element is what stands between commas.
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'[ \t]*({_WORD})=(?:({_WORD})|"((?:[^"\\]|\\.)*)")[ \t]*(?:([,;])|\Z)')
# A chain is looked at so far: longer ones are written to keep a node busy.
_MOST_HOPS = 32


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a node is reached.

    Attributes:
        host: what it listens on: an address, or a name of this machine.
        names: by which it is known beside that (`host_name`).
        proxies: addresses and networks whose word on who asks is believed (`proxy`); `unix` for who comes over the Unix
            socket.
        root_path: what stands before its paths where a proxy offers it (`root_path`); empty for nothing.
        recommended: where others may look as well: the peers that it names to whoever asks.
        public_url: how everybody reaches it (`public_url`): what is written down elsewhere leads there. Empty where it
            is not said; then by the address that each one asks by.
    """

    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    root_path: str = ""
    recommended: tuple[Recommended, ...] = ()
    public_url: str = ""

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine asks, as far as is known: what is listened on is loopback, and neither a name
        nor a proxy nor a path nor an address says that it is offered elsewhere."""
        address = _address(self.host)
        is_here = self.host == "localhost" or (address is not None and address.is_loopback)
        return is_here and not (self.names or self.proxies or self.root_path or self.public_url)


def host_name(text: str) -> str:
    """A name that a node may be known by, in its one spelling.

    Raises:
        ValueError: it is none.
    """
    address = _address(text.removeprefix("[").removesuffix("]"))
    name = text.lower().removesuffix(".") if address is None else str(address)
    if address is None and not _NAME.fullmatch(name):
        raise ValueError("a host name is one such as registry.example, without http:// and without a port")
    return name


def proxy(text: str) -> _Network:
    """The address or network of a proxy.

    Raises:
        ValueError: it is none.
    """
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("a proxy is an address such as 127.0.0.1, or a network such as 10.0.0.0/8") from None


def root_path(text: str) -> str:
    """The path under which a proxy offers a node, without a slash at its end.

    Raises:
        ValueError: it is none, or begins as the node's own paths do, so that nobody could tell them apart.
    """
    path = text.rstrip("/")
    if path and not _ROOT_PATH.fullmatch(path):
        raise ValueError("a root path is one such as /registry, of letters, digits and . _ ~ -")
    if path.split("/")[1:2] and path.split("/")[1] in _OWN_PATHS:
        raise ValueError(f"{path} is a path of the node's own: choose another one, such as /registry")
    return path


def public_url(text: str) -> str:
    """The address by which everybody reaches a node, or files, without a slash at its end.

    Raises:
        ValueError: it is none.
    """
    said = "a public URL is one such as https://registry.example or https://example.org/registry, without ? and #"
    found = _PUBLIC.fullmatch(text.rstrip("/"))
    if found is None or not _ROOT_PATH.fullmatch(found[4] or "/x"):
        raise ValueError(said)
    scheme, host, port, path = found.groups()
    try:
        name = host_name(host)
    except ValueError:
        raise ValueError(said) from None
    if port and int(port[1:]) > _LAST_PORT:
        raise ValueError(f"{port[1:]} is no port: {said}")
    return f"{scheme.lower()}://{f'[{name}]' if ':' in name else name}{port or ''}{path or ''}"


class Proxies:
    """The proxies of a node."""

    def __init__(self, whereabouts: Whereabouts) -> None:
        self._networks = tuple(proxy(text) for text in whereabouts.proxies if text != UNIX)
        self._unix = UNIX in whereabouts.proxies
        # Asked for each request, and always about the same few.
        self.believed = lru_cache(1024)(self._are)

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks)

    def _are(self, host: str) -> bool:
        """Whether who has that address, or none, is a proxy."""
        if not host:
            return self._unix
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)

    def client(self, peer: str, headers: _Forwarded) -> str:
        """The address of who asks: the last one in the chain that no believed proxy has.

        What stands before it whoever asks could have written. So could he a header that his proxy does not write but
        lets pass: where the two headers disagree, neither is believed.
        """
        said = set()
        if headers.x_for:
            said.add(self._last(peer, _hops_of(headers.x_for)))
        if headers.forwarded:
            said.add(self._last(peer, _hops(headers.forwarded)))
        return said.pop() if len(said) == 1 else peer

    def _last(self, peer: str, hops: Iterable[str | None]) -> str:
        """
        Args:
            hops: the last first; None for what is no address.
        """
        client = peer
        for hop in islice(hops, _MOST_HOPS):
            if hop is None or not self.believed(client):
                break
            client = hop
        return client


class Doors:
    """An ASGI app around the node's own: lets in who asks by a name of the node's, and no other site's page to change
    anything. It writes into the scope who asks, and by which name, where a believed proxy says so (`client`, `scheme`,
    the Host among the `headers`), and `root_path`; `path` is then without that, whether the proxy took it away or not.
    """

    def __init__(self, app: ASGIApp, whereabouts: Whereabouts) -> None:
        """
        Raises:
            ValueError: a name, a proxy or a path is none.
        """
        self._app = app
        self._proxies = Proxies(whereabouts)
        self._root = root_path(whereabouts.root_path)
        self._is_public = bool(whereabouts.public_url)
        self._given = frozenset(map(host_name, whereabouts.names))
        self._host = whereabouts.host.lower().removesuffix(".")
        self._listens = _address(whereabouts.host)
        self._known = lru_cache(1024)(self._look_up)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._enter(scope)
            except NodeError as error:
                await of_error(error)(scope, receive, send)
                return
            if self._is_public and scope["method"] in _READING and _OFFERED.fullmatch(scope["path"]):
                send = _for_all_pages(send)
        await self._app(scope, receive, send)

    def lets_in(self, scope: Scope) -> bool:
        """Whether it would let a request in; then what it writes is in the scope."""
        try:
            self._enter(scope)
        except NodeError:
            return False
        return True

    def _enter(self, scope: Scope) -> None:
        # Before anything is refused: where a page is asked for, the refusal is one, and leads to others.
        if self._root:
            self._without_root(scope)
        headers = _Forwarded()
        hosts: list[bytes] = []
        origins: list[bytes] = []
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name in _FORWARDED:
                headers.take(name, value)
        if len(hosts) != 1:
            raise NodeError("bad_host", "a request names one Host (RFC 9112, section 3.2)")
        client = scope["client"]
        peer = client[0] if client else ""
        proxied = bool(self._proxies) and self._proxies.believed(peer)
        host = hosts[0]
        if proxied:
            named = self._proxies.client(peer, headers)
            scope["client"] = (named, 0) if named else None
            scope["scheme"] = headers.scheme or scope["scheme"]
            # Both: a proxy that writes one of them may let pass what a page wrote into the other.
            self._expect_known(host)
            if headers.host:
                host = headers.host
                scope["headers"] = [(name, host if name == b"host" else value) for name, value in scope["headers"]]
        self._expect_known(host)
        if scope["method"] not in _READING and not all(self._is_own(origin, host, proxied) for origin in origins):
            raise NodeError(
                "foreign_origin",
                "a page of another site asks for this in somebody's browser: nothing was changed. Programs send no "
                "Origin",
            )

    def _expect_known(self, host: bytes) -> None:
        known = self._known(host)
        if known is None:
            raise NodeError("bad_host", "the Host of the request is no name or address")
        if not known:
            shown = safe_text(host.decode("latin-1"), 80)
            raise NodeError(
                "unknown_host",
                f"this node does not know itself as '{shown}', and a page could have made that name lead here: ask by "
                "an address of the node, or let its operator start it with --host-name and the name",
            )

    def _look_up(self, host: bytes) -> bool | None:
        """Whether a Host is this node; None where it could be nobody."""
        named = _named(host)
        if named is None:
            return None
        name = named[0]
        address = _address(name)
        if address is None:
            return name in self._given or name == self._host or name == "localhost" or name.endswith(".localhost")
        # Nobody can make an address lead elsewhere; where one is listened on, there is no other by which to come.
        everywhere = self._listens is not None and self._listens.is_unspecified
        return everywhere or address.is_loopback or address == self._listens or str(address) in self._given

    def _is_own(self, origin: bytes, host: bytes, proxied: bool) -> bool:
        """Whether a page is the node's own: of the same host and port as was asked; through a proxy, which may have
        written another Host, of a name that the operator gave."""
        found, asked = _ORIGIN.fullmatch(origin), _named(host)
        page = None if found is None else _named(found[2])
        if found is None or page is None or asked is None:
            return False
        port = _PORTS[found[1]]
        return (page[0], page[1] or port) == (asked[0], asked[1] or port) or (proxied and page[0] in self._given)

    def _without_root(self, scope: Scope) -> None:
        scope["root_path"] = self._root
        path: str = scope["path"]
        if path == self._root or path.startswith(f"{self._root}/"):
            scope["path"] = path[len(self._root) :] or "/"
            raw: bytes = scope.get("raw_path") or b""
            if raw.startswith(self._root.encode()):
                scope["raw_path"] = raw[len(self._root) :] or b"/"


# How


def _for_all_pages(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *_TO_ALL_PAGES]}
        await send(message)

    return sent


_FORWARDED = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"))


class _Forwarded:
    """What proxies wrote into a request, as it is there."""

    def __init__(self) -> None:
        self.x_for: list[str] = []
        self.forwarded: list[str] = []
        self._proto = b""
        self._host = b""

    def take(self, name: bytes, value: bytes) -> None:
        if name == b"x-forwarded-for":
            self.x_for.append(value.decode("latin-1"))
        elif name == b"forwarded":
            self.forwarded.append(value.decode("latin-1"))
        elif name == b"x-forwarded-proto":
            self._proto = _last_of(value)
        else:
            self._host = _last_of(value)

    @property
    def scheme(self) -> str | None:
        """The scheme that the nearest proxy was asked by, where it says so."""
        scheme = self._proto.decode("latin-1").lower() or self._nearest().get("proto", "").lower()
        return scheme if scheme in ("http", "https") else None

    @property
    def host(self) -> bytes:
        """The Host that the nearest proxy was asked by; empty where it does not say."""
        return self._host or self._nearest().get("host", "").encode("latin-1")

    def _nearest(self) -> dict[str, str]:
        elements = _elements(self.forwarded[-1]) if self.forwarded else None
        return elements[-1] if elements else {}


def _last_of(value: bytes) -> bytes:
    return value.rpartition(b",")[2].strip(b" \t")


def _hops_of(values: list[str]) -> Iterator[str | None]:
    """The addresses of X-Forwarded-For, the last first."""
    for value in reversed(values):
        for hop in reversed(value.split(",")):
            yield _hop(hop.strip(" \t"))


def _hops(values: list[str]) -> Iterator[str | None]:
    """The addresses of Forwarded, the last first; None for a line that cannot be read, and nothing before it."""
    for value in reversed(values):
        elements = _elements(value)
        if elements is None:
            yield None
            return
        for element in reversed(elements):
            yield _hop(element.get("for", ""))


def _hop(text: str) -> str | None:
    """An address with or without a port, an IPv6 one in brackets or not; None for all else, such as `unknown`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    address = _address(text)
    return None if address is None else str(address)


def _elements(line: str) -> list[dict[str, str]] | None:
    """The elements of a line of Forwarded; None where it does not follow the grammar to its end: a quote that is left
    open by whoever asks must not swallow what his proxy wrote behind it."""
    elements: list[dict[str, str]] = [{}]
    at = 0
    while (pair := _PAIR.match(line, at)) is not None:
        name, token, quoted, separator = pair.groups()
        if name.lower() in elements[-1]:
            return None
        elements[-1][name.lower()] = token or re.sub(r"\\(.)", r"\1", quoted)
        if separator is None:
            return elements
        if separator == ",":
            elements.append({})
        at = pair.end()
    return None


def _named(host: bytes) -> tuple[str, int | None] | None:
    """The name or address of a Host in its one spelling, and the port; None where it is no Host."""
    found = _HOST.fullmatch(host)
    if found is None:
        return None
    address, name, port = found.groups()
    if address is not None:
        read = _address(address.decode())
        return None if read is None else (str(read), int(port) if port else None)
    spelt = name.decode().lower().removesuffix(".")
    return (spelt, int(port) if port else None) if spelt else None


def _address(text: str) -> _Address | None:
    """An address without its zone; an IPv4 one that is spelt as an IPv6 one is the IPv4 one."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
