"""One origin on the web (a scheme, a host and a port), asked within bounds. Whatever answers may be hostile."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias, TypeVar

import httpcore
import httpx

from tui_registry.frozen import NamedTuple
from tui_registry.hosts import is_loopback, is_public
from tui_registry.text import safe_text

_E = TypeVar("_E", bound=BaseException)
_CHUNK = 65_536
# Pieces of a body that are taken before others in this event loop have their turn.
_AT_ONCE = 64
# What a request's content leaves by, so that a slow line is seen to move; and what the system may hold of it unsent.
_PIECE = 16_384
_UNSENT = 65_536
# A line is let go before any server lets it go that was set with care: nodes of 0.1 do after 5 s, and a request that
# meets the closing of its line on the way is lost.
_IDLE_SECONDS = 4.0
# Lines in a row that were hung up on instead of carrying a second request: more than are open at once, so that one
# restart of a server is not taken for its habit.
_HANG_UPS = 6
# How httpcore and h11 say that the other side closed the connection; what else they call a protocol error is no HTTP.
_CLOSED = ("disconnected", "closed connection")
# httpcore parses what one read gave without giving way, and a stranger may fill it with answers of 1xx: its 64 KiB of
# them keep a screen from its keys for a quarter of a second.
httpcore.AsyncHTTP11Connection.READ_NUM_BYTES = 8192
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
# Polls must stay small, so little more than these goes out. What is packed travels as it is and is never unpacked here.
_HEADERS = {"user-agent": "tui-registry", "accept-encoding": "identity"}

Astray: TypeAlias = Literal["nowhere", "elsewhere", "circles"]


class RedirectError(Exception):
    """A redirect that is not followed.

    Attributes:
        why: it leads to no web address, to another origin, or round in circles.
        target: where to, in a stranger's words.
    """

    def __init__(self, why: Astray, target: str) -> None:
        super().__init__(why)
        self.why = why
        self.target = target


class TooLargeError(Exception):
    """A body of more bytes than its bound."""


class PrivateError(OSError):
    """An address of this machine or its network, where only a public one may be asked. Nothing was sent there."""


class NoTrustError(OSError):
    """The certificates that the environment names cannot be read: nobody can be trusted. The sentence says which."""


# What asking raises, beside `TooLargeError`; `Origin.failure` puts it in words.
FAILURES = (RedirectError, httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError)


def is_hang_up(error: Exception) -> bool:
    """Whether the line broke, or the other side let it go: nobody said anything wrong."""
    if isinstance(error, httpx.RemoteProtocolError):
        return any(said in str(error) for said in _CLOSED)
    return isinstance(error, (httpx.ReadError, httpx.WriteError, httpx.CloseError))


class Failure(NamedTuple):
    """Why there is no answer.

    Attributes:
        code: `refused`, `unreachable`, `timeout`, `insecure`, `protocol` or `redirect`.
        reason: for people, with what to do; safe to show. It begins in lower case, to stand behind the name of whoever
            was asked and a colon.
    """

    code: str
    reason: str


def read_url(text: str) -> httpx.URL:
    """The URL in a text; its scheme may be any.

    Raises:
        httpx.InvalidURL: it is none, or its host or port is none that can be asked.
    """
    try:
        url = httpx.URL(text)
        # httpx reads a host when somebody looks at it, and not before: as people write it, and as it travels.
        _ = url.host, url.raw_host
    except ValueError as error:  # as IDNA's errors are, and those of encoding
        raise httpx.InvalidURL(str(error)) from None
    if url.port is not None and not 0 < url.port < 2**16:
        raise httpx.InvalidURL(f"no port is {url.port}")
    return url


def _nothing(count: int) -> None:
    """For those who do not count what moves."""


class Origin:
    """Asks one origin, and follows it to no other. Whatever is asked may be asked twice without harm.

    A line that was kept for the next request may be let go by the other side just as that request leaves: it is sent
    again then, at once and on a new line.

    Attributes:
        received: bytes of message bodies so far.
    """

    def __init__(
        self,
        url: httpx.URL,
        timeout: httpx.Timeout,
        *,
        redirects: int,
        connections: int,
        moved: Callable[[int], None] = _nothing,
        public: bool = False,
    ) -> None:
        """
        Args:
            url: any of the origin, from `read_url`.
            redirects: followed for one GET. connections: open at once.
            moved: told the bytes of bodies as they move, in either direction.
            public: somebody else named it: nothing is sent to this machine or its network, whatever the name leads to.
        """
        self._public = public
        self.received = 0
        self._host = url.host
        self._redirects = redirects
        self._timeout = timeout
        self._moved = moved
        self._trust_env = not is_loopback(url.host)
        self._verify, self._no_trust = _trust(url)
        self._connections = connections
        self._client = self._opened(connections)
        # Keeps no lines: for what met the closing of a kept one, and for servers that hang up on every kept one.
        self._fresh: httpx.AsyncClient | None = None
        self._hang_ups = 0

    @asynccontextmanager
    async def get(self, url: httpx.URL, headers: Mapping[str, str] | None = None) -> AsyncIterator[httpx.Response]:
        """The answer to a GET, its body not yet read; redirects on the same origin are followed.

        Raises:
            RedirectError, httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError.
        """
        for _ in range(self._redirects + 1):
            async with self._sent(self._request("GET", url, headers)) as response:
                if response.status_code not in _REDIRECTS:
                    yield response
                    return
                url = _redirected(url, response)
        raise RedirectError("circles", str(url))

    @asynccontextmanager
    async def post(
        self,
        url: httpx.URL,
        content: bytes,
        media_type: str,
        *,
        method: str = "POST",
        answer_seconds: float | None = None,
        token: str | None = None,
        more: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """The answer to a POST. Redirects are not followed: the content is for this origin alone. Raises as `get`.

        Args:
            method: another one that has content.
            answer_seconds: without a byte of the answer, where that is another time than for the rest.
            token: what the request bears (RFC 6750). more: headers beside these.
        """
        headers = {"content-type": media_type, "content-length": str(len(content)), **(more or {})}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        request = self._request(method, url, headers, _Content(content, self._moved))
        if answer_seconds is not None:
            request.extensions["timeout"]["read"] = answer_seconds
        async with self._sent(request) as response:
            yield response

    async def body(self, response: httpx.Response, limit: int) -> AsyncIterator[bytes]:
        """The body's bytes as they travel, in pieces; all that came, where it breaks off.

        Raises:
            TooLargeError: there are more than `limit`.
        """
        read = 0
        gathered = bytearray()
        parsed = 0
        broken: Exception | None = None
        try:
            async for piece in response.aiter_raw():
                read += len(piece)
                self.received += len(piece)
                self._moved(len(piece))
                if read > limit:
                    raise TooLargeError
                gathered += piece
                if len(gathered) >= _CHUNK:
                    yield bytes(gathered)
                    gathered.clear()
                parsed += 1
                if parsed % _AT_ONCE == 0:
                    await asyncio.sleep(0)
        except FAILURES as error:
            broken = error
        if gathered:
            yield bytes(gathered)
        if broken is not None:
            raise broken

    def failure(self, error: Exception, *, server: str, if_refused: str, if_trusted: str) -> Failure:
        """One of `FAILURES` in words.

        Args:
            server: what was expected there, such as `a node`.
            if_refused: what to look at where nothing listens, such as "Is `serve` running there?".
            if_trusted: what to do about a redirect to a place that one trusts, such as `add it as a peer`.
        """
        if isinstance(error, RedirectError):
            return Failure("redirect", _astray(error, if_trusted))
        if isinstance(error, httpx.InvalidURL):  # the origin's own was read before: it is what a redirect names
            return Failure("redirect", "redirects to something that is no web address. Check the address")
        if isinstance(error, httpx.ConnectTimeout):
            return Failure("timeout", f"no connection within {self._timeout.connect or 0:g} s. Is it switched on?")
        if isinstance(error, httpx.TimeoutException):
            return Failure("timeout", f"silent for {self._timeout.read or 0:g} s. Try again later")
        if isinstance(error, httpx.ProtocolError):
            if is_hang_up(error):
                return Failure("protocol", "hung up before its answer was whole. Try again later")
            return Failure("protocol", f"does not speak HTTP as {server} does. Check the address")
        if isinstance(error, httpx.ProxyError):
            return Failure("unreachable", "the proxy of this machine did not let us through")
        if _cause(error, socket.gaierror) is not None:
            return Failure("unreachable", f"no such host: {_quoted(self._host)}. Check the address")
        if isinstance(error, NoTrustError):
            return Failure("insecure", str(error))
        if _cause(error, PrivateError) is not None:
            return Failure("unreachable", "leads to a private address by somebody else's link: nothing was sent there")
        if (untrusted := _cause(error, ssl.SSLCertVerificationError)) is not None:
            why = _quoted(untrusted.verify_message or "no reason")
            own = "If a CA of your own made it, name that in SSL_CERT_FILE"
            return Failure("insecure", f"its TLS certificate cannot be trusted ({why}). {own}")
        if (tls := _cause(error, ssl.SSLError)) is not None:
            return Failure("insecure", f"its TLS certificate cannot be trusted ({_quoted(tls.reason or 'no reason')})")
        if _cause(error, ConnectionRefusedError) is not None:
            return Failure("refused", f"connection refused. {if_refused}")
        system = _cause(error, OSError)
        if system is not None and system.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return Failure("unreachable", "no route to that host. Is the network up?")
        return Failure("unreachable", "the connection broke. Try again")

    async def __aenter__(self) -> Origin:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._client.aclose()
        if self._fresh is not None:
            await self._fresh.aclose()

    # How

    def _opened(self, kept: int) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=self._verify,
            trust_env=self._trust_env,
            limits=httpx.Limits(
                max_connections=self._connections, max_keepalive_connections=kept, keepalive_expiry=_IDLE_SECONDS
            ),
            follow_redirects=False,
        )

    def _request(
        self, method: str, url: httpx.URL, headers: Mapping[str, str] | None, content: _Content | None = None
    ) -> httpx.Request:
        sent = {"host": url.netloc.decode("ascii"), **_HEADERS, **(headers or {})}
        return httpx.Request(method, url, headers=sent, stream=content, extensions={"timeout": self._timeout.as_dict()})

    @asynccontextmanager
    async def _sent(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        if self._no_trust:
            raise NoTrustError(self._no_trust)
        try:
            response = await self._answer(request)
        except UnicodeError as error:
            # httpx reads where a redirect leads even where it is not to follow it, and a host may be no name at all.
            raise httpx.InvalidURL(str(error)) from None
        try:
            yield response
        finally:
            await response.aclose()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        """The beginning of an answer; asked for again where a kept line was let go."""
        if self._hang_ups < _HANG_UPS:
            line = _Line(public=self._public)
            request.extensions["trace"] = line.trace
            try:
                response = await self._client.send(request, stream=True)
            except httpx.TransportError as error:
                if line.is_new or not is_hang_up(error):
                    raise
                self._hang_ups += 1
            else:
                if not line.is_new:
                    self._hang_ups = 0
                return response
        if self._fresh is None:
            self._fresh = self._opened(0)
        request.extensions["trace"] = _Line(public=self._public).trace
        return await self._fresh.send(request, stream=True)


class _Line:
    """The line that a request goes by: `is_new` where it was made for it."""

    def __init__(self, *, public: bool) -> None:
        self.is_new = False
        self._public = public

    async def trace(self, event: str, info: Mapping[str, object]) -> None:
        """httpcore tells what it does (its extension `trace`)."""
        if event.startswith("connection.connect_tcp."):
            self.is_new = True
            stream = info.get("return_value")
            if self._public and isinstance(stream, httpcore.AsyncNetworkStream):
                # Where it really leads: a name may lead somewhere else each time it is asked for.
                place = stream.get_extra_info("server_addr")
                if not (isinstance(place, tuple) and is_public(str(place[0]))):
                    await stream.aclose()
                    raise PrivateError(errno.EACCES, "a private address")
            if isinstance(stream, httpcore.AsyncNetworkStream) and hasattr(socket, "TCP_NOTSENT_LOWAT"):
                # The system would take megabytes of a push for a slow line, and nobody see whether they move.
                raw = stream.get_extra_info("socket")
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)


class _Content(httpx.AsyncByteStream):
    """A request's content, in pieces, as often as it is sent."""

    def __init__(self, content: bytes, moved: Callable[[int], None]) -> None:
        self._content = content
        self._moved = moved

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._content), _PIECE):
            piece = self._content[at : at + _PIECE]
            yield piece
            self._moved(len(piece))


def _redirected(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    location = response.headers.get("location", "")
    try:
        target = url.join(location)
        there = (target.scheme, target.host, target.port)
    except (httpx.InvalidURL, ValueError):
        raise RedirectError("nowhere", location) from None
    if there != (url.scheme, url.host, url.port):
        raise RedirectError("elsewhere", str(target))
    return target.copy_with(fragment=None)


def _trust(url: httpx.URL) -> tuple[ssl.SSLContext | bool, str]:
    """Whom TLS trusts at an address (False where there is none), and why that is nobody.

    The certificates that `SSL_CERT_FILE` and `SSL_CERT_DIR` name are in the place of those that come along, as OpenSSL
    takes them. httpx would not look at them where it is to ignore the environment's proxies, as for this machine.
    """
    # A certificate store takes long to load, and plain HTTP can never lead us to TLS.
    if url.scheme != "https":
        return False, ""
    file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not file and not folders:
        return httpx.create_ssl_context(trust_env=False), ""
    name, path = ("SSL_CERT_FILE", file) if file else ("SSL_CERT_DIR", folders)
    try:
        if folders and not any(map(os.path.isdir, folders.split(os.pathsep))):
            name, path = "SSL_CERT_DIR", folders
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return ssl.create_default_context(cafile=file or None, capath=folders or None), ""
    except (OSError, ValueError) as error:  # ssl's own too
        why = error.strerror if type(error) is not ssl.SSLError and isinstance(error, OSError) else "no certificates"
        shown = safe_text(path or "", 300)
        said = f"{name} is {shown}, which cannot be read ({why}). Correct it, or unset it"
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), said  # it trusts nobody


# How: failures in words


def _astray(error: RedirectError, if_trusted: str) -> str:
    match error.why:
        case "nowhere":
            return f"redirects to {_quoted(error.target)}, which is no web address"
        case "elsewhere":
            return f"redirects to another place, {_quoted(error.target)}. If you trust that one, {if_trusted}"
        case "circles":
            return "sends us round in circles: too many redirects. Check the address"


def _quoted(text: str) -> str:
    return safe_text(text, 60)


def _cause(error: BaseException, wanted: type[_E]) -> _E | None:
    """The first exception of that type among an error and its causes, groups included."""
    return next((found for found in _causes(error) if isinstance(found, wanted)), None)


def _causes(error: BaseException | None, depth: int = 0) -> Iterator[BaseException]:
    if error is None or depth > 12:
        return
    yield error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner, depth + 1)
    yield from _causes(error.__cause__, depth + 1)
    if error.__context__ is not error.__cause__:
        yield from _causes(error.__context__, depth + 1)
