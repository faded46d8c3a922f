"""A web server of this process that replays answers; nothing here asks anything of the live network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What a path answers with: a JSON value, or whatever a function of the request writes.
Writes = Callable[[BaseHTTPRequestHandler, bytes], None]


class Server:
    """A running server."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[tuple[str, str, bytes]] = []


@contextmanager
def serving(answers: Mapping[str, Any]) -> Iterator[Server]:
    """Serve on a free port of the loopback; a path that is not named is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers.get("content-length", "0"))))

        def answer(self, body: bytes) -> None:
            server.asked.append((self.command, self.path, body))
            answer = answers.get(self.path)
            if callable(answer):
                answer(self, body)
            elif answer is None:
                send(self, b"not here", status=404)
            else:
                send(self, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def log_message(self, *details: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server = Server(f"http://127.0.0.1:{httpd.server_address[1]}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def send(
    handler: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> None:
    handler.send_response(status)
    for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
