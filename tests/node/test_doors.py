"""Who is let in: hosts that the node knows itself as, pages of its own; and who asks, behind proxies that are believed."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given, settings, strategies as st

from tests.node.conftest import Node, bearer, client, refused
from tui_registry.datastore import Datastore
from tui_registry.node import Address, NodeBounds, Whereabouts, running
from tui_registry.node.doors import Doors, host_name, proxy, root_path
from tui_registry.sync import pull

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

Headers = list[tuple[str, str]]
EVIL = "http://evil.example:8420"


class Within:
    """The app behind the doors: keeps the scope that it was given."""

    def __init__(self) -> None:
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})


def knocked(
    whereabouts: Whereabouts,
    headers: Headers,
    *,
    method: str = "GET",
    peer: str = "127.0.0.1",
    path: str = "/models",
) -> tuple[int | str, Scope]:
    """200, or the code of the refusal; and what the app behind the doors was given."""
    within = Within()
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    spelt = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": spelt, "scheme": "http",
        "client": (peer, 4711), "root_path": "",
    }  # fmt: skip
    asyncio.run(Doors(within, whereabouts)(scope, receive, send))
    return (200 if within.scope else json.loads(said[1]["body"])["code"]), within.scope


# Names


LOOPBACK = Whereabouts()
NAMED = Whereabouts(host="192.0.2.7", names=("Registry.Example.", "203.0.113.9"))
EVERYWHERE = Whereabouts(host="::", names=("registry.example",))


@pytest.mark.parametrize(
    ("host", "by"),
    [
        *((host, {"loopback", "named", "everywhere"}) for host in (
            "localhost", "LOCALHOST:8420", "localhost.", "some.localhost:1", "127.0.0.1", "127.0.0.1:8420", "127.8.9.1",
            "[::1]:8420", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
        )),
        *((host, {"named", "everywhere"}) for host in ("registry.example", "REGISTRY.example.:443", "203.0.113.9",
            "192.0.2.7:1")),
        *((host, {"everywhere"}) for host in ("198.51.100.1", "[2001:db8::1]:8420", "0.0.0.0", "[fe80::1%eth0]")),
        *((host, set()) for host in (
            "evil.example", "evil.example:8420", "localhost.evil.example", "evillocalhost", "registry.example.evil.example",
            "127.0.0.1.evil.example", "2130706433", "0x7f.1", "127.1", "1.2.3.4.5",
        )),
    ],
)  # fmt: skip
def test_a_name_that_is_none_of_the_nodes_is_not_answered(host: str, by: set[str]) -> None:
    nodes = {"loopback": LOOPBACK, "named": NAMED, "everywhere": EVERYWHERE}
    for name, node in nodes.items():
        code, _ = knocked(node, [("host", host)])
        assert code == (200 if name in by else "unknown_host"), name


@pytest.mark.parametrize(
    "hosts",
    [
        [], [""], [" "], ["localhost", "localhost"], ["localhost", "evil.example"], ["a@localhost"], ["localhost/x"], [":80"],
        ["localhost:http"], ["localhost:80:80"], ["[::1"], ["[evil.example]"], ["::1"], ["localhost, evil.example"], ["."],
        ["\xe9.example"], ["localhost\t"], ["x" * 300],
    ],
)  # fmt: skip
def test_what_names_no_host_or_two_is_refused(hosts: list[str]) -> None:
    assert knocked(LOOPBACK, [("host", host) for host in hosts])[0] == "bad_host"


def test_a_name_that_a_node_was_told_to_listen_on_is_its_own() -> None:
    for host in ("localhost", "My-Machine"):
        assert knocked(Whereabouts(host=host), [("host", f"{host.lower()}:1")])[0] == 200


def test_a_page_whose_name_was_made_to_lead_here_reads_nothing(untouched: Node) -> None:
    for path in ("/models", "/sync/head", "/health", "/docs", "/openapi.json", "/nothing"):
        tree = refused(untouched.reader.get(path, headers={"host": "evil.example:8420"}), 421, "unknown_host")
        assert "--host-name" in str(tree["detail"])
        assert untouched.reader.get(path, headers={"host": "localhost:1"}).status_code != 421


def test_a_request_of_http_1_0_names_its_host_too(untouched: Node) -> None:
    with socket.create_connection((untouched.address.host, untouched.address.port), timeout=30) as raw:
        raw.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        with raw.makefile("rb") as answer:
            assert b'"bad_host"' in answer.read()


# Pages


def origins(
    whereabouts: Whereabouts, origin: str, host: str, *more: tuple[str, str], method: str = "POST"
) -> int | str:
    return knocked(whereabouts, [("host", host), ("origin", origin), *more], method=method)[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "post", "TRACE"])
def test_a_page_of_another_site_changes_nothing(method: str) -> None:
    for origin in (
        EVIL, "https://evil.example", "null", "", "http://localhost:3000", "https://localhost:8421", "http://localhost",
        "http://localhost:8420.evil.example", "http://localhost:8420@evil.example", "http://localhost:8420/", "localhost:8420",
        "file://", "http://127.0.0.1:8420", "moz-extension://5f9a", "http://localhost:8420 http://evil.example",
    ):  # fmt: skip
        assert origins(LOOPBACK, origin, "localhost:8420", method=method) == "foreign_origin", origin
    assert origins(LOOPBACK, "http://localhost:8420", "localhost:8420", method=method) == 200
    assert origins(LOOPBACK, "http://LOCALHOST:8420", "localhost.:8420", method=method) == 200


def test_the_port_that_a_scheme_has_need_not_be_said() -> None:
    at = Whereabouts(names=("registry.example",))
    assert origins(at, "http://registry.example", "registry.example:80") == 200
    assert origins(at, "https://registry.example", "registry.example") == 200
    assert origins(at, "https://registry.example", "registry.example:80") == "foreign_origin"


def test_one_page_of_ours_beside_one_of_anothers_is_anothers() -> None:
    assert origins(LOOPBACK, "http://localhost", "localhost", ("origin", EVIL)) == "foreign_origin"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/models"), ("PUT", "/models/x"), ("DELETE", "/agents/x"), ("POST", "/models/search"), ("POST", "/sync/ops"),
        ("POST", "/sync/ops/get"), ("POST", "/sync/reconcile"), ("POST", "/nothing"),
    ],
)  # fmt: skip
def test_a_foreign_page_is_refused_whatever_it_brings(untouched: Node, method: str, path: str) -> None:
    for headers in ({"origin": EVIL}, {"origin": "null", "content-type": "text/plain"}):
        refused(untouched.writer.request(method, path, headers=headers, content=b"{}"), 403, "foreign_origin")


def test_a_page_may_read_what_it_cannot_see(untouched: Node) -> None:
    """Pages may link to the node and load from it; without CORS no browser shows them what came."""
    answer = untouched.reader.get("/models", headers={"origin": EVIL})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


# Proxies


FRONT = Whereabouts(names=("registry.example",), proxies=("127.0.0.1", "10.0.0.0/8", "2001:db8::/32"))
OWN = ("host", "localhost")


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([], "127.0.0.1"),
        ([("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        ([("x-forwarded-for", "192.0.2.1:4711")], "192.0.2.1"),
        ([("x-forwarded-for", "[2001:db9::1]:4711")], "2001:db9::1"),
        ([("x-forwarded-for", "2001:db9:0::1")], "2001:db9::1"),
        ([("x-forwarded-for", "::ffff:192.0.2.1")], "192.0.2.1"),
        # What whoever asks wrote himself stands before what his proxy wrote.
        ([("x-forwarded-for", "6.6.6.6, 192.0.2.1")], "192.0.2.1"),
        ([("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        # Through several proxies of ours.
        ([("x-forwarded-for", "6.6.6.6, 192.0.2.1, 10.1.2.3, 2001:db8::5")], "192.0.2.1"),
        ([("x-forwarded-for", "10.1.2.3")], "10.1.2.3"),
        # What cannot be read ends the chain at who is known.
        ([("x-forwarded-for", "192.0.2.1, unknown, 10.1.2.3")], "10.1.2.3"),
        ([("x-forwarded-for", "192.0.2.1, ")], "127.0.0.1"),
        ([("x-forwarded-for", "evil.example")], "127.0.0.1"),
        ([("forwarded", "for=192.0.2.1")], "192.0.2.1"),
        ([("forwarded", 'for=6.6.6.6, For="[2001:db9::1]:4711";proto=https;by=10.1.2.3')], "2001:db9::1"),
        ([("forwarded", "for=6.6.6.6"), ("forwarded", 'by="x, for=6.6.6.6";for="192.0.2.1:80"')], "192.0.2.1"),
        ([("forwarded", "for=192.0.2.1, for=_hidden")], "127.0.0.1"),
        ([("forwarded", "for=192.0.2.1, for=unknown, for=10.1.2.3")], "10.1.2.3"),
        ([("forwarded", "for=192.0.2.1, by=10.0.0.1")], "127.0.0.1"),
        ([("forwarded", "for=6.6.6.6;for=192.0.2.1")], "127.0.0.1"),
        # A quote that is left open swallows nothing that the proxy wrote.
        ([("forwarded", 'for=6.6.6.6;by="x, for=192.0.2.1')], "127.0.0.1"),
        # A proxy writes one of the two, and may let the other pass.
        ([("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.1")], "127.0.0.1"),
        ([("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "6.6.6.6, 192.0.2.1")], "192.0.2.1"),
    ],
)  # fmt: skip
def test_who_asks_is_the_last_that_no_believed_proxy_has(headers: Headers, client: str) -> None:
    code, scope = knocked(FRONT, [OWN, *headers])
    assert (code, scope["client"][0]) == (200, client)
    # And from one that is not believed, nothing is.
    for peer, believed in (("192.0.2.9", FRONT), ("127.0.0.1", LOOPBACK)):
        assert knocked(believed, [OWN, *headers], peer=peer)[1]["client"] == (peer, 4711)


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=40), max_size=3), st.booleans())
def test_whatever_somebody_writes_himself_he_is_who_his_proxy_says_or_the_proxy(forged: list[str], rfc: bool) -> None:
    name, ours = ("forwarded", "for=192.0.2.1") if rfc else ("x-forwarded-for", "192.0.2.1")
    for written in ([*forged, ours], [", ".join([*forged, ours])]):
        _, scope = knocked(FRONT, [OWN, *((name, text) for text in written)])
        assert scope["client"][0] in ("192.0.2.1", "127.0.0.1")


def test_a_chain_without_end_is_not_walked_to_its_end() -> None:
    _, scope = knocked(FRONT, [OWN, ("x-forwarded-for", "192.0.2.1, " + "10.0.0.1, " * 40 + "10.0.0.2")])
    assert scope["client"][0] == "10.0.0.1"


def test_a_believed_proxy_says_by_which_name_and_scheme_it_was_asked() -> None:
    told = [("x-forwarded-host", "registry.example"), ("x-forwarded-proto", "https")]
    code, scope = knocked(FRONT, [("host", "127.0.0.1"), *told])
    assert (code, scope["scheme"]) == (200, "https")
    code, scope = knocked(
        FRONT, [("host", "127.0.0.1"), ("forwarded", "for=192.0.2.1;host=registry.example;proto=https")]
    )
    assert (code, scope["scheme"]) == (200, "https")
    assert knocked(FRONT, [("host", "localhost"), ("x-forwarded-host", "evil.example")])[0] == "unknown_host"
    assert knocked(LOOPBACK, [OWN, *told])[1]["scheme"] == "http"
    # The page of the node's own, by the name that it has outside: also where the proxy does not say by which it was asked.
    assert origins(FRONT, "https://registry.example", "127.0.0.1", *told) == 200
    assert origins(FRONT, "https://registry.example", "127.0.0.1:8420") == 200
    assert origins(FRONT, "https://evil.example", "127.0.0.1", *told) == "foreign_origin"


@pytest.mark.parametrize("header", [("x-forwarded-host", "registry.example"), ("forwarded", "host=registry.example")])
def test_a_page_that_writes_what_its_proxy_lets_pass_names_itself_in_host(header: tuple[str, str]) -> None:
    """A page whose name was made to lead to the proxy asks its own site, as the browser sees it: any header is its."""
    assert knocked(FRONT, [("host", "evil.example"), header])[0] == "unknown_host"


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/registry/models", "/models"), ("/models", "/models"), ("/registry", "/"), ("/registry/", "/"),
        ("/registryx", "/registryx"), ("/", "/"), ("/registry/registry", "/registry"),
    ],
)  # fmt: skip
def test_a_path_in_front_is_taken_away_where_the_proxy_left_it(path: str, inside: str) -> None:
    _, scope = knocked(Whereabouts(root_path="/registry/"), [OWN], path=path)
    assert (scope["path"], scope["raw_path"], scope["root_path"]) == (inside, inside.encode(), "/registry")


@pytest.mark.parametrize("front", ["/s", "/syn", "/h", "/m", "/b"])
def test_a_path_in_front_may_begin_as_the_nodes_own_do(store: Datastore, front: str) -> None:
    with running(store, whereabouts=Whereabouts(root_path=front)) as address, client(address) as reader:
        for path in ("/sync/head", "/health", "/models"):
            assert [reader.get(at).status_code for at in (path, front + path)] == [200, 200]
        # What is said of a path names one that the caller can go to.
        for answer in (reader.get(f"{front}/nothing"), reader.post(f"{front}/health"), reader.put(f"{front}/models")):
            assert f" {front}/docs" in answer.json()["detail"]
        # What is refused of a page is a page.
        assert reader.get(f"{front}/browse/models/none").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "text", ["http://x", "x:80", "x/y", "-x", "x..y", "", "*", "x y", "a" * 64, "ü.example", "x@y"]
)
def test_what_is_no_host_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        host_name(text)
    with pytest.raises(ValueError, match="host name"):
        Doors(Within(), Whereabouts(names=(text,)))


@pytest.mark.parametrize("text", ["", "x", "10.0.0.0/33", "10.0.0", "*", "registry.example"])
def test_what_is_no_proxy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="proxy"):
        proxy(text)


@pytest.mark.parametrize(
    "text", ["registry", "/a//b", "/a/../b", "/a b", "/models", "/sync/x", "/docs/", "/ü", "/a?b", "/."]
)
def test_what_is_no_path_in_front_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        root_path(text)


def test_a_believed_proxy_has_the_connections_of_all_who_come_through_it(store: Datastore) -> None:
    bounds = NodeBounds(connections=16, client_connections=2)
    for believed, answered in ((FRONT, 5), (LOOPBACK, 2)):
        with running(store, bounds=bounds, whereabouts=believed) as address, ExitStack() as opened:
            # Each holds its place, as no body follows.
            callers = [opened.enter_context(connected(address)) for _ in range(5)]
            assert sum(map(is_let_in, callers)) == answered


def connected(address: Address) -> socket.socket:
    return socket.create_connection((address.host, address.port), timeout=30)


def is_let_in(raw: socket.socket) -> bool:
    """Whether there is a place for a connection: its headers are answered, and it waits for the rest."""
    try:
        raw.sendall(
            b"POST /models/search HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        )
        return raw.recv(100).startswith(b"HTTP/1.1 100")
    except ConnectionError:
        return False


# Behind a real proxy


NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
CONFIGURATION = """
daemon on; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    # As `help trust` has it.
    location /registry/ {{
      proxy_pass {node}/;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
    location /registry/models {{
      proxy_pass {node};
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Host $http_host;
    }}
  }}
}}
"""


@contextmanager
def proxied(address: Address, folder: Path) -> Iterator[str]:
    """An nginx that offers the node under /registry/: for models it leaves that in the path, elsewhere it takes it away."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, node=address.url))
    command = [str(NGINX), "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
    # It says that it is ready by going into the background.
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield f"http://127.0.0.1:{port}/registry"
    finally:
        subprocess.run([*command, "-s", "stop"], check=True, capture_output=True)


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_behind_nginx_pushers_are_told_apart_and_everything_leads_back_through_it(
    store: Datastore, tmp_path: Path
) -> None:
    front = Whereabouts(names=("registry.example",), proxies=("127.0.0.1",), root_path="/registry")
    with running(store, accept_ops=True, whereabouts=front) as address, proxied(address, tmp_path / "nginx") as url:
        for place in ("127.0.0.2", "127.0.0.3"):
            transport = httpx.HTTPTransport(local_address=place, verify=False)
            forged = {"x-forwarded-for": "6.6.6.6", "host": "registry.example"}
            with httpx.Client(transport=transport, timeout=30, headers=forged) as caller:
                report = caller.post(f"{url}/sync/ops", content=f"from {place}\n".encode()).json()
                assert len(report["rejected"]) == 1
        assert {found.source for found in store.log.quarantine()} == {"push:127.0.0.2", "push:127.0.0.3"}

        with httpx.Client(trust_env=False, timeout=30, verify=False) as caller:
            record = {"name": "x", "license": "MIT", "parameters": 1, "context_length": 1}
            authorization = {"authorization": bearer(store)}
            made = caller.post(f"{url}/models", json=record, headers=authorization)
            assert made.status_code == 201
            location = made.headers["location"]
            assert location.startswith("/registry/models/")
            assert caller.get(httpx.URL(url).join(location)).json()["name"] == "x"
            assert caller.get(f"{url}/openapi.json").json()["servers"] == [{"url": "/registry"}]
            page = caller.get(f"{url}/docs")
            links = [part.partition(">")[0].strip('"') for part in page.text.split("href=")[1:]]
            assert links
            for link in links:
                assert caller.get(page.url.join(link)).status_code == 200, link
            refused(caller.get(f"{url}/health", headers={"host": "evil.example"}), 421, "unknown_host")
            refused(caller.post(f"{url}/models", headers={**authorization, "origin": EVIL}), 403, "foreign_origin")

        with Datastore.open(tmp_path / "reader") as reader:
            reader.peers.add("hub", url)
            result = asyncio.run(pull(reader, "hub"))
            assert result.error is None, result.sentence
            assert reader.log.head().size == store.log.head().size == 1
