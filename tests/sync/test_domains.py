"""A domain that names keys: read once, on demand, from a server over TLS that may be hostile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tests.certificates import Authority, serving_tls
from tests.cli.conftest import Cli, cli, data_dir  # noqa: F401 - fixtures
from tests.seeds import NOW, owner, signed
from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.present.record_rows import domain_rows
from tui_registry.sync.domains import MOST_KEYS, DomainError, DomainKeys, _read, domain_file, domain_name, read_domain


class Site:
    """A server at localhost with that file, and the CA that vouches for it."""

    def __init__(self, folder: Path) -> None:
        authority = Authority("A CA made here")
        self.authority = folder / authority.file_name
        self.authority.write_text(authority.certificate)
        self.identity = folder / "identity.pem"
        self.identity.write_text(authority.server("localhost"))
        self.www = folder / "www"
        self.file = self.www / ".well-known" / "tui-registry.json"
        self.file.parent.mkdir(parents=True)
        self.port = 0

    @property
    def domain(self) -> str:
        return f"localhost:{self.port}"

    def says(self, tree: Json | bytes) -> None:
        self.file.write_bytes(tree if isinstance(tree, bytes) else json.dumps(tree).encode())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    with serving_tls(site.www, site.identity) as site.port:
        yield site


@pytest.fixture
def site(served: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name in ("SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(served.authority))
    served.says(domain_file(served.domain, owner("lab")))
    return served


def test_a_domain_names_a_key_that_agreed(site: Site) -> None:
    assert read_domain(site.domain) == DomainKeys(site.domain, (owner("lab").address,), 0)


def test_a_key_that_did_not_agree_is_not_taken_and_neither_is_a_copy_of_another_domain_s_file(site: Site) -> None:
    copied = domain_file("example.org", owner("victim"))
    assert isinstance(copied["keys"], list)
    site.says({"tui_registry": 1, "domain": site.domain, "keys": [*copied["keys"], {"address": owner("b").address}]})
    assert read_domain(site.domain) == DomainKeys(site.domain, (), 2)
    site.says(copied)
    with pytest.raises(DomainError, match=r"of another domain, example\.org"):
        read_domain(site.domain)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 60_000, b'{"tui_registry": 2, "keys": []}', b"\xff", b"[]"])
def test_what_cannot_be_read_is_told_in_a_sentence(site: Site, body: bytes) -> None:
    site.says(body)
    with pytest.raises(DomainError) as caught:
        read_domain(site.domain)
    assert caught.value.code == "no_statement"
    assert "\n" not in caught.value.sentence


def test_an_answer_without_end_is_cut_off(site: Site) -> None:
    site.says(b" " * 200_000)
    with pytest.raises(DomainError, match="more than 65,536 bytes"):
        read_domain(site.domain)


def test_only_so_many_keys_are_kept() -> None:
    tree = domain_file("example.org", owner("0"))
    tree["keys"] = [key for n in range(MOST_KEYS + 6) for key in _keys(domain_file("example.org", owner(str(n))))]
    found = _read("example.org", tree)
    assert (len(found.keys), found.unproven) == (MOST_KEYS, 6)


def _keys(tree: dict[str, Json]) -> list[Json]:
    assert isinstance(tree["keys"], list)
    return tree["keys"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["address", "signature", "sig", "rec", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=40)
@given(_JSON)
def test_no_statement_of_any_shape_names_a_key_that_did_not_sign(entry: Json) -> None:
    tree: Json = {"tui_registry": 1, "domain": "example.org", "keys": [entry]}
    assert _read("example.org", tree) == DomainKeys("example.org", (), 1)


def test_a_domain_is_shown_as_it_travels_so_that_no_letter_passes_for_another() -> None:
    assert domain_name("Example.ORG") == "example.org"
    assert domain_name("ex\u0430mple.org") == "xn--exmple-4nf.org"
    assert domain_name(" https://b\u00fccher.example/ ") == "xn--bcher-kva.example"
    assert domain_name("example.org:8443") == "example.org:8443"


@pytest.mark.parametrize(
    "text", ["", " ", "http://example.org", "a/b", "me@example.org", "example.org?x", "\x1b[2J", "a b", "..", "[::1]"]
)
def test_what_is_no_domain_is_refused_before_anybody_is_asked(text: str) -> None:
    with pytest.raises(DomainError) as caught:
        domain_name(text)
    assert caught.value.code == "bad_domain"
    assert "\x1b" not in caught.value.sentence


def test_the_command_line_asks_keeps_tells_and_forgets(site: Site, cli: Cli, data_dir: Path) -> None:  # noqa: F811
    said = cli("identity", "statement", site.domain)
    site.says(said.out.encode())
    address = cli("identity", "show", "--json").json["address"]
    assert cli("identity", "verify", site.domain, "--json").json["keys"] == [address]
    with Datastore.open(data_dir) as datastore:
        op = signed(datastore.key.identity(), "model", "mine")
        datastore.apply([op.to_json()])
    assert f"{site.domain} said so just now" in cli("identity", "list").out
    (known,) = cli("identity", "list", "--json").lines
    assert (known["address"], [each["domain"] for each in known["domains"]]) == (address, [site.domain])
    assert f"domain        {site.domain} said so just now" in cli("show", op.key).out
    # What cannot be asked now takes nothing back; another answer does.
    site.says(b"")
    assert cli("identity", "verify", site.domain).code == 1
    assert site.domain in cli("identity", "list").out
    site.says({"tui_registry": 1, "domain": site.domain, "keys": []})
    assert "names no key" in cli("identity", "verify", site.domain).err
    assert cli("identity", "list").out == ""
    assert cli("identity", "verify", site.domain, "--forget").code == 1


def test_what_a_domain_said_is_shown_with_its_age(tmp_path: Path) -> None:
    now = [NOW]
    with Datastore.open(tmp_path, clock=lambda: now[0]) as datastore:
        op = signed(owner("lab"), "model", "theirs")
        datastore.apply([op.to_json()])
        datastore.domains.put("example.org", [owner("lab").address])
        entry = datastore.entry(op.key)
        assert entry is not None
        (row,) = domain_rows(entry, NOW + 3 * 86_400)
        assert row.text.startswith("example.org said so 3 d ago: ")
