"""A certificate authority made here, and TLS servers by it: X.509 version 3 (RFC 5280), written byte by byte."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from Crypto.Hash import SHA1, SHA256
from Crypto.IO import PEM
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from Crypto.Util.asn1 import DerBitString, DerBoolean, DerInteger, DerObjectId, DerOctetString, DerSequence

_ECDSA_WITH_SHA256 = DerSequence([DerObjectId("1.2.840.10045.4.3.2").encode()])


class Authority:
    """A CA of one's own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._key = ECC.generate(curve="P-256")
        self.certificate = self._made(1, name, self._key, [
            _extension("2.5.29.19", DerSequence([DerBoolean(True).encode()]).encode()),
            _extension("2.5.29.14", DerOctetString(_identifier(self._key)).encode()),
            _extension("2.5.29.15", DerBitString(bytes([0x06])).encode()),
        ])  # fmt: skip

    @property
    def file_name(self) -> str:
        """What OpenSSL calls its certificate in a folder: a hash of its name as it compares names (`openssl rehash`)."""
        pair = DerSequence([DerObjectId("2.5.4.3").encode(), _tagged(0x0C, self._name.lower().encode())]).encode()
        digest = SHA1.new(_tagged(0x31, pair)).digest()
        return f"{int.from_bytes(digest[:4], 'little'):08x}.0"

    def server(self, *hosts: str) -> str:
        """A key and its certificate for these names and IPv4 addresses."""
        key = ECC.generate(curve="P-256")
        names = b"".join(_named(host) for host in hosts)
        issuer = DerSequence([bytes([0x80, 20]) + _identifier(self._key)]).encode()
        extensions = [
            _extension("2.5.29.17", bytes([0x30, len(names)]) + names),
            _extension("2.5.29.35", issuer),
            _extension("2.5.29.14", DerOctetString(_identifier(key)).encode()),
        ]
        return str(key.export_key(format="PEM")) + "\n" + self._made(2, hosts[0], key, extensions)

    def _made(self, number: int, subject: str, key: ECC.EccKey, extensions: list[bytes]) -> str:
        times = b"\x18\x0f20200101000000Z\x18\x0f21200101000000Z"
        body = DerSequence([
            bytes([0xA0, 3]) + DerInteger(2).encode(), DerInteger(number).encode(), _ECDSA_WITH_SHA256.encode(),
            _distinguished(self._name), bytes([0x30, len(times)]) + times, _distinguished(subject),
            key.public_key().export_key(format="DER"), _tagged(0xA3, DerSequence(extensions).encode()),
        ]).encode()  # fmt: skip
        signature = DSS.new(self._key, "fips-186-3", encoding="der").sign(SHA256.new(body))
        whole = DerSequence([body, _ECDSA_WITH_SHA256.encode(), DerBitString(signature).encode()]).encode()
        return PEM.encode(whole, "CERTIFICATE") + "\n"


def _tagged(tag: int, value: bytes) -> bytes:
    length = bytes([len(value)]) if len(value) < 128 else bytes([0x82]) + len(value).to_bytes(2)
    return bytes([tag]) + length + value


def _named(host: str) -> bytes:
    parts = host.split(".")
    if all(part.isdigit() for part in parts):
        return _tagged(0x87, bytes(map(int, parts)))
    return _tagged(0x82, host.encode())


def _distinguished(name: str) -> bytes:
    pair = DerSequence([DerObjectId("2.5.4.3").encode(), _tagged(0x0C, name.encode())]).encode()
    return DerSequence([_tagged(0x31, pair)]).encode()


def _identifier(key: ECC.EccKey) -> bytes:
    return SHA256.new(key.public_key().export_key(format="DER")).digest()[:20]


def _extension(identifier: str, value: bytes) -> bytes:
    critical = [DerBoolean(True).encode()] if identifier in ("2.5.29.19", "2.5.29.15") else []
    return DerSequence([DerObjectId(identifier).encode(), *critical, DerOctetString(value).encode()]).encode()


@contextmanager
def proxy_to(port: int) -> Iterator[str]:
    """A proxy that leads to a port of the loopback whatever name it is asked for (`CONNECT`, RFC 9110, 9.3.6)."""

    class Leads(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as there:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_copy, args=(there, self.connection))
                back.start()
                _copy(self.connection, there)
                back.join()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Leads)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of them hung up


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving_tls(folder: Path, identity: Path) -> Iterator[int]:
    """Serve the files of a folder over TLS on a free port of the loopback; `identity` holds a key and a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    server.daemon_threads = True
    # A handshake that fails is the client's: it ends that line alone
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
