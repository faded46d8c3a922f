"""Addresses that are none, as a peer's, as an import's and as where a redirect leads: refused in words, and no trouble
for anybody else."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.sync.hostile import always, but, honest, hostile
from tests.sync.logs import ALICE, FakeLog, roots
from tests.trust.peers import served
from tui_registry.datastore import Datastore
from tui_registry.errors import RegistryError
from tui_registry.importers.addresses import read_from_address
from tui_registry.importers.untrusted import SourceError
from tui_registry.sync import pull_all

LOG = FakeLog.of(roots(ALICE, 3))
NO_HOST = ["http://xn--/", "http://xn--a/", "https://xn--a/", "http://[::1%\xe9]/", "http://\ud800/"]
NO_ADDRESS = [
    *NO_HOST, "http://exa mple:80/", "http://%2e/", "http://a..b/", "http://x/\0", "http://x/\ud800", "file:/etc", "ftp:x",
    "http:/x", "http://192.168.1.999", "http://1.2.3", "http://\u2603.net", "http://[::1%25lo]", "http://" + "a" * 64, "localhost:8420", "127.0.0.1:8420", "[::1]:8420", "d\udcff", "/tmp/\0",
]  # fmt: skip
NOWHERE = ["http://xn--/", "//xn--a/", "//xn--#\xdf", "http://xn--" + "a" * 80 + "/"]


@pytest.mark.parametrize("address", NO_ADDRESS, ids=ascii)
def test_an_address_that_nobody_can_be_asked_at_is_refused_in_words(here: Datastore, address: str) -> None:
    with pytest.raises(RegistryError) as refused:
        here.peers.add("them", address)
    assert refused.value.code == "bad_address"
    assert refused.value.sentence.isprintable()
    assert [problem.code for problem in here.peers.check("them", address)] == ["bad_address"]


@pytest.mark.parametrize(
    "address",
    [
        "http://b\xfccher.example/",
        "http://xn--bcher-kva.example",
        "http://[::1]:8420",
        "http://10.0.0.7:8420",
        "http://x_y.",
        "./a:b",
        "/a:b",
    ],
    ids=ascii,
)
def test_an_address_of_a_name_or_a_folder_is_taken(here: Datastore, address: str) -> None:
    here.peers.add("them", address)


@pytest.mark.parametrize("address", [*NO_HOST[:-1], "/tmp/\0", "http://\0/"], ids=ascii)
async def test_an_address_that_was_taken_once_costs_its_peer_only(here: Datastore, address: str) -> None:
    here.peers.add("bad", "http://x")
    with closing(sqlite3.connect(here.data_dir / "registry.sqlite3")) as db:  # as an earlier release kept it
        db.execute("UPDATE peers SET address = ?", (address,))
        db.commit()
    async with hostile(honest(LOG)) as good:
        here.peers.add("good", good.url)
        bad, pulled = await pull_all(here)
    assert (pulled.ok, pulled.applied) == (True, 3)
    assert bad.error is not None
    assert bad.error.code == ("unexpected" if address.startswith("/") else "unreachable")
    assert bad.sentence.isprintable()
    assert here.peers.get("bad").last_error == bad.sentence.removeprefix("bad: ")


@pytest.mark.parametrize("location", NOWHERE, ids=ascii)
@pytest.mark.parametrize("path", ["/sync/head", ".ndjson.gz"])
async def test_a_redirect_to_no_host_costs_its_peer_only(here: Datastore, path: str, location: str) -> None:
    elsewhere = but(honest(LOG), path, always(302, location=location))
    async with hostile(elsewhere) as peer, hostile(honest(LOG)) as good:
        here.peers.add("bad", peer.url)
        here.peers.add("good", good.url)
        bad, pulled = await pull_all(here)
        assert len([ask for ask in peer.paths if ask.endswith(path)]) == 1
    assert pulled.ok
    assert here.log.head().size == 3
    assert bad.error is not None
    assert bad.error.code == "redirect"
    assert bad.sentence == "bad: redirects to something that is no web address. Check the address"


@pytest.mark.parametrize("address", NO_HOST, ids=ascii)
def test_nothing_is_imported_from_an_address_that_is_none(address: str) -> None:
    with pytest.raises(SourceError, match="is not a web address"):
        list(read_from_address(address))


@pytest.mark.parametrize("location", NOWHERE, ids=ascii)
def test_an_import_does_not_follow_a_redirect_to_no_host(location: str) -> None:
    with (
        served(always(302, location=location)) as url,
        pytest.raises(SourceError, match="redirects to something that is no web address"),
    ):
        list(read_from_address(f"{url}/card.json"))
