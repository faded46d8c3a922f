"""TLS with a certificate authority of one's own (`SSL_CERT_FILE`, `SSL_CERT_DIR`): imports and pulls, here and by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority, proxy_to, serving_tls
from tests.importers.test_a2a import CARD_1_0
from tui_registry import RemoteError, connect
from tui_registry.datastore import Datastore
from tui_registry.importers import Finding, SourceError, read_source
from tui_registry.sync import publish, pull


class World:
    """A server over TLS that has an agent card and a log, and the CA that vouches for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = Authority("A CA made here")
        (folder / "trusted").mkdir()
        self.authority = folder / "trusted" / authority.file_name
        self.authority.write_text(authority.certificate)
        (folder / "identity.pem").write_text(authority.server("localhost", "127.0.0.1", "registry.example"))
        (folder / "www").mkdir()
        health = {"status": "ok", "version": "1", "node": "", "ops": 0}
        (folder / "www" / "health").write_text(json.dumps(health))
        (folder / "www" / "card.json").write_text(json.dumps(CARD_1_0))
        self.port = 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("tls"))
    with Datastore.open(world.folder / "there") as there:
        publish(there, world.folder / "www" / "log")
    with serving_tls(world.folder / "www", world.folder / "identity.pem") as world.port:
        yield world


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def refused(world: World) -> str:
    with pytest.raises(SourceError) as caught:
        list(read_source(f"https://localhost:{world.port}/card.json"))
    assert "\n" not in caught.value.sentence
    return caught.value.sentence


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "registry.example"])
@pytest.mark.parametrize("by", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_what_a_private_authority_vouches_for_is_imported(
    world: World, monkeypatch: pytest.MonkeyPatch, host: str, by: str
) -> None:
    monkeypatch.setenv(by, str(world.authority if by == "SSL_CERT_FILE" else world.authority.parent))
    with proxy_to(world.port) as proxy:
        # Of this machine's names no proxy is asked, and any other leads through it
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        (found,) = read_source(f"https://{host}:{world.port}/card.json")
    assert isinstance(found, Finding)
    assert found.kind == "agent"


async def test_a_peer_with_a_certificate_of_a_private_authority_is_pulled_from(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Datastore.open(tmp_path / "here") as here:
        here.peers.add("them", f"https://localhost:{world.port}/log")
        result = await pull(here, "them")
        assert result.error is not None
        assert result.error.code == "insecure"
        assert "If a CA of your own made it, name that in SSL_CERT_FILE" in result.error.sentence
        monkeypatch.setenv("SSL_CERT_FILE", str(world.authority))
        assert (await pull(here, "them")).ok
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
        result = await pull(here, "them")
        assert result.error is not None
        assert "gone.pem, which cannot be read (No such file or directory)" in result.error.sentence


def test_a_node_with_a_certificate_of_a_private_authority_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://localhost:{world.port}"
    with connect(url) as remote, pytest.raises(RemoteError) as caught:
        remote.health()
    assert caught.value.code == "insecure"
    monkeypatch.setenv("SSL_CERT_FILE", str(world.authority))
    with connect(url) as remote:
        assert remote.health().status == "ok"


def test_without_it_nobody_vouches_for_the_server_and_the_sentence_says_what_to_do(world: World) -> None:
    assert refused(world).endswith("cannot be trusted (unable to get local issuer certificate). If a CA of your own made "
    "it, name that in SSL_CERT_FILE")  # fmt: skip


def test_another_authority_vouches_for_nothing(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_text(Authority("Another CA").certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    assert "cannot be trusted" in refused(world)


def test_a_name_that_the_certificate_has_not_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(world.authority))
    with proxy_to(world.port) as proxy, pytest.raises(SourceError, match="cannot be trusted"):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        list(read_source(f"https://other.example:{world.port}/card.json"))


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("SSL_CERT_FILE", "gone.pem", "gone.pem, which cannot be read (No such file or directory)"),
        ("SSL_CERT_FILE", ".", "., which cannot be read (Is a directory)"),
        ("SSL_CERT_FILE", "empty.pem", "empty.pem, which cannot be read (no certificates)"),
        ("SSL_CERT_FILE", "noise.pem", "noise.pem, which cannot be read (no certificates)"),
        ("SSL_CERT_DIR", "gone", "gone, which cannot be read (Not a directory)"),
        ("SSL_CERT_DIR", "noise.pem", "noise.pem, which cannot be read (Not a directory)"),
    ],
)
def test_certificates_that_cannot_be_read_are_told_with_their_name(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, part: str
) -> None:
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "noise.pem").write_bytes(bytes(range(256)) * 20)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    assert f"{name} is {part}" in refused(world)
