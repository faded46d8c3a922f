"""The private key stays where it belongs, in one file that only its owner can read, and the node's tokens nowhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import os
import pickle
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import MODEL, Cli, Said, is_one_sentence
from tests.node.conftest import bearer, client, refused
from tests.replica.replicas import database
from tests.seeds import make_record, seed
from tui_registry import keystore as keystore_file
from tui_registry.crdt import Identity
from tui_registry.datastore import DATABASE, TOKEN_FILE, TOKEN_SCOPES, Datastore, StoreError
from tui_registry.keystore import write_keystore
from tui_registry.node import running
from tui_registry.replica.store.key import KEY_FILE

PHRASE = "correct horse battery staple"
SECRET = bytes(range(1, 33))


def spellings(secret: bytes) -> list[bytes]:
    """Every way in which the key could have been written down."""
    hexed = secret.hex()
    number = int.from_bytes(secret, "big")
    return [
        secret, secret[::-1], hexed.encode(), hexed.upper().encode(), str(number).encode(), base64.b64encode(secret)[:42],
        base64.urlsafe_b64encode(secret)[:42], repr(secret)[2:-1].encode(), repr(list(secret))[1:-1].encode(),
        # Half of it is as good as all of it.
        secret[:16], secret[16:], hexed[:32].encode(), hexed[32:].encode(), hexed.encode("utf-16-le"),
    ]  # fmt: skip


def holds(data: bytes, secret: bytes) -> bool:
    """Whether these bytes hold the key in any spelling."""
    return any(spelt in data for spelt in spellings(secret))


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def keyed(cli: Cli, data_dir: Path) -> Path:
    """A replica whose key is known, with a record of its own and a stranger's."""
    with Datastore.open(data_dir) as datastore:
        datastore.key.replace(Identity(SECRET))
        datastore.add("model", make_record("model", "mine", license="Apache-2.0"))
        seed(datastore, 3)
    return data_dir


@pytest.fixture
def phrase(tmp_path: Path) -> str:
    path = tmp_path / "phrase"
    path.write_text(PHRASE + "\n")
    return str(path)


def test_a_key_is_found_in_whatever_holds_it() -> None:
    for spelt in spellings(SECRET):
        assert holds(b"before" + spelt + b"after", SECRET)
    assert not holds(Identity(SECRET).address.encode(), SECRET)


# ---- the key, at rest --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick_lock")
def test_the_key_is_in_the_key_file_and_in_no_other(cli: Cli, keyed: Path, tmp_path: Path, phrase: str) -> None:
    (tmp_path / "new.yaml").write_text(MODEL)
    assert cli("register", "model", "new.yaml").code == 0
    assert cli("export", "--log", "log").code == 0
    (tmp_path / "ops.ndjson").write_text(cli("export", "--ops").out)
    assert cli("identity", "export", "keystore.json", "--passphrase-file", phrase).code == 0
    assert cli("verify").code == 0
    assert cli("token", "add", "ci").code == 0
    with Datastore.open(keyed) as datastore:
        # Open, so that what stands in the WAL is looked at too.
        datastore.add("agent", make_record("agent", "another"))
        found = [path for path in files(tmp_path) if holds(path.read_bytes(), SECRET)]
    assert found == [keyed / KEY_FILE]
    assert not [path for path in files(tmp_path) if PHRASE.encode() in path.read_bytes() and path != Path(phrase)]


def test_a_token_is_in_no_file(cli: Cli, keyed: Path, tmp_path: Path) -> None:
    token = cli("token", "add", "ci").out.strip()
    assert cli("token", "list").code == cli("verify").code == cli("export", "--log", "log").code == 0
    with Datastore.open(keyed) as datastore:
        datastore.add("agent", make_record("agent", "another"))
        assert datastore.tokens.find(token.encode()) is not None
        random = token.partition("_")[2]
        for spelt in (random.encode(), base64.urlsafe_b64decode(random + "=")):
            assert not [path for path in files(tmp_path) if spelt in path.read_bytes()]


def test_an_old_key_is_kept_as_carefully_as_the_present_one(cli: Cli, keyed: Path) -> None:
    assert cli("identity", "new", "--yes").code == 0
    holding = [path for path in files(keyed) if holds(path.read_bytes(), SECRET)]
    assert len(holding) == 1
    assert holding[0].name.startswith(f"{KEY_FILE}.")
    assert {mode(path) for path in keyed.glob(f"{KEY_FILE}*")} == {0o600}


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.usefixtures("quick_lock")
def test_what_is_secret_is_its_owners_alone_whatever_the_umask(
    cli: Cli, data_dir: Path, phrase: str, tmp_path: Path
) -> None:
    with umask(0):
        assert cli("register", "model", "-", given=MODEL).code == 0
        assert cli("identity", "export", "keystore.json", "--passphrase-file", phrase).code == 0
        assert cli("identity", "new", "--yes").code == 0
    assert mode(data_dir) == 0o700
    secret = [tmp_path / "keystore.json", *data_dir.glob(f"{KEY_FILE}*")]
    assert len(secret) == 3
    assert {mode(path) for path in secret} == {0o600}


@pytest.mark.parametrize("name", [KEY_FILE, TOKEN_FILE])
def test_a_secret_that_others_could_read_is_closed_at_the_next_look(cli: Cli, keyed: Path, name: str) -> None:
    (keyed / TOKEN_FILE).write_text("x" * 43)
    (keyed / name).chmod(0o644)
    assert cli("serve", "--token").code == cli("register", "model", "-", given=MODEL).code == 0
    assert mode(keyed / name) == 0o600


def test_a_leftover_of_making_a_key_is_never_there(cli: Cli, data_dir: Path) -> None:
    assert cli("register", "model", "-", given=MODEL).code == 0
    assert not [path for path in files(data_dir) if path.name.startswith(".")]


# ---- the key, in words ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick_lock")
def test_no_command_prints_the_key(cli: Cli, keyed: Path, phrase: str) -> None:
    identifier = cli("search", "mine", "--json").json["id"]
    lines = [
        ("identity", "show"), ("identity", "export", "k.json", "--passphrase-file", phrase), ("list", "models"),
        ("search", "is:mine"), ("show", identifier), ("history", identifier), ("export",), ("export", "--ops"),
        ("verify",), ("quarantine",), ("peer", "list"), ("token", "list"), ("formfile", "generate", identifier),
        ("identity", "import", "k.json", "--passphrase-file", phrase, "--yes"), ("identity", "new", "--yes"),
    ]  # fmt: skip
    for words in lines:
        said = cli(*words)
        assert said.code == 0, (words, said.err)
        assert not holds((said.out + said.err).encode(), SECRET), words
        if words != ("export", "--ops") and words[:2] != ("identity", "export"):
            said = cli(*words, "--json")
            assert not holds((said.out + said.err).encode(), SECRET), words


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-2],
        lambda text: text + text,
        lambda text: "x" + text[1:],
        lambda text: text.upper(),
        lambda text: "-----BEGIN PRIVATE KEY-----\n" + text,
        lambda text: "\x1b[31m" + text,
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_a_spoilt_key_file_is_told_without_what_stands_in_it(
    cli: Cli, keyed: Path, spoil: Callable[[str], str], debug: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keyed / KEY_FILE
    path.write_text(spoil(path.read_text().strip()))
    if debug:
        monkeypatch.setenv("TUI_REGISTRY_DEBUG", "1")
        with pytest.raises(StoreError) as caught:
            cli("register", "model", "-", given=MODEL)
        assert not holds(repr(caught.getrepr(showlocals=False)).encode() + str(caught.value).encode(), SECRET)
        return
    said = cli("register", "model", "-", given=MODEL)
    assert is_one_sentence(said, KEY_FILE)
    assert not holds(said.err.encode(), SECRET)
    assert SECRET.hex()[2:20] not in said.err


def test_an_identity_tells_its_address_and_not_its_key() -> None:
    identity = Identity(SECRET)
    for told in (
        repr(identity),
        str(identity),
        f"{identity}",
        ascii(identity),
        repr([identity]),
        repr({"key": identity}),
    ):
        assert identity.address in told
        assert not holds(told.encode(), SECRET)
    with pytest.raises(Exception, match="pickle"):
        pickle.dumps(identity)
    with pytest.raises(ValueError) as caught:
        Identity(SECRET + b"\0")
    assert not holds(str(caught.value).encode(), SECRET)


@pytest.mark.usefixtures("quick_lock")
def test_nothing_secret_is_logged(
    cli: Cli, keyed: Path, phrase: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    token = cli("token", "add", "ci").out.strip()
    assert cli("register", "model", "-", given=MODEL).code == 0
    assert cli("identity", "export", "k.json", "--passphrase-file", phrase).code == 0
    with Datastore.open(keyed) as datastore, running(datastore) as address, client(address) as caller:
        for credentials in (token, token[:-1], "x"):
            caller.post("/models", json={"name": "x"}, headers={"authorization": f"Bearer {credentials}"})
        with database(datastore) as db:
            db.execute("DROP TABLE catalogue")
        assert caller.get("/models").status_code >= 500
    said = capfd.readouterr()
    told = caplog.text + said.out + said.err
    assert not holds(told.encode(), SECRET)
    assert token not in told
    assert PHRASE not in told


def test_no_command_takes_a_secret_among_its_words(cli: Cli) -> None:
    """Other users see the words of a command (`ps`): a passphrase, a key or a token is named by its file."""
    for action in ("show", "export", "import", "new"):
        options = set(re.findall(r"--[a-z-]+", cli("identity", action, "--help").out))
        assert options <= {"--help", "--data-dir", "--json", "--yes", "--passphrase-file"}
    assert "--token" in re.findall(r"--[a-z-]+", cli("serve", "--help").out)  # prints it, takes nothing
    assert cli("serve", "--token", "x").code == 2
    assert cli("token", "add", "x", "--token", "y").code == cli("token", "add", "x", "y").code == 2


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_a_running_node_shows_no_secret_to_others(keyed: Path) -> None:
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(keyed), "serve", "--port", "0", "--json"]
    with (
        Datastore.open(keyed) as made,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
    ):
        try:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())
            token = made.tokens.add("ci", ["write"])
            with httpx.Client(base_url=address["url"], trust_env=False, timeout=30, verify=False) as caller:
                headers = {"authorization": f"Bearer {token}"}
                record = {"name": "x", "license": "MIT", "parameters": 1, "context_length": 1}
                assert caller.post("/models", json=record, headers=headers).status_code == 201
            shown = b"".join(
                Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ", "comm")
            )
        finally:
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate()
    assert process.returncode == 0
    for told in (shown, out, err, json.dumps(address).encode()):
        assert not holds(told, SECRET)
        assert token.encode() not in told


# ---- the key, elsewhere ----------------------------------------------------------------------------------------------------------


def test_a_key_goes_to_another_replica_through_a_locked_file(
    cli: Cli, keyed: Path, phrase: str, tmp_path: Path
) -> None:
    assert cli("identity", "export", "key.json", "--passphrase-file", phrase).code == 0
    document = json.loads((tmp_path / "key.json").read_text())
    assert document["version"] == 3
    assert document["crypto"]["kdf"] == "scrypt"
    assert document["crypto"]["kdfparams"]["n"] >= 2**18
    assert document["address"].removeprefix("0x").lower() == Identity(SECRET).address
    assert not holds((tmp_path / "key.json").read_bytes(), SECRET)
    there = tmp_path / "there"
    said = cli(
        "--data-dir", str(there), "identity", "import", "key.json", "--passphrase-file", phrase, "--yes", "--json"
    )
    assert said.json["address"] == Identity(SECRET).address
    assert (there / KEY_FILE).read_text() == (keyed / KEY_FILE).read_text()
    assert mode(there / KEY_FILE) == 0o600


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keystore that names a small cost: each try at one of ours takes long on purpose."""
    path = tmp_path_factory.mktemp("keystore") / "key.json"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keystore_file, "_SCRYPT_N", 1_024)
        write_keystore(path, Identity(SECRET), PHRASE.encode())
    return path


@pytest.mark.parametrize("wrong", [PHRASE + " ", PHRASE[:-1], PHRASE.upper(), "x", "\u0000"], ids=range(5))
def test_a_wrong_passphrase_is_told_in_words_and_changes_nothing(
    cli: Cli, keyed: Path, keystore: Path, tmp_path: Path, wrong: str
) -> None:
    shutil.copy(keystore, tmp_path / "key.json")
    (tmp_path / "wrong").write_text(wrong + "\n")
    before = (keyed / KEY_FILE).read_bytes()
    said = cli("identity", "import", "key.json", "--passphrase-file", "wrong", "--yes")
    assert is_one_sentence(said, "the passphrase does not open this keystore")
    assert (keyed / KEY_FILE).read_bytes() == before
    assert wrong.strip() == "x" or wrong not in said.err


# ---- the node ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def serving(keyed: Path) -> Iterator[tuple[Datastore, httpx.Client, str]]:
    with Datastore.open(keyed) as datastore, running(datastore) as address, client(address) as caller:
        yield datastore, caller, bearer(datastore).removeprefix("Bearer ")


WRITES = [("POST", "/models"), ("PUT", "/models/{id}"), ("DELETE", "/models/{id}"), ("POST", "/models/{id}/resolve")]
WRITES += [(method, path.replace("models", "agents")) for method, path in WRITES]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_no_write_without_the_token(serving: tuple[Datastore, httpx.Client, str], method: str, path: str) -> None:
    datastore, caller, token = serving
    before = datastore.log.head()
    (row,) = datastore.search("is:mine").rows
    url = path.replace("{id}", row.id)
    body = {"name": "x", "license": "MIT"}
    wrong: list[str | bytes | None] = [
        None, "", "Bearer", "Bearer null", token, f"Basic {token}", f"Token {token}", f"Bearer {token[:-1]}",
        f"Bearer {token}x", f"Bearer {token[::-1]}", f"Bearer {token.swapcase()}", f"Bearer {token} {token}",
        f"Bearer x, Bearer {token}", f"Bearer '{token}'", b"Bearer \xff\xfe", f"Bearer {token}\u00a0".encode("latin-1"),
        "Bearer " + "x" * 5_000,
    ]  # fmt: skip
    for credentials in wrong:
        headers = [] if credentials is None else [("authorization", credentials)]
        answer = caller.request(method, url, json=body, headers=[*headers])  # type: ignore[list-item]
        told = refused(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert token not in answer.text
        assert token[:12] not in json.dumps(told)
    # Nor by any other way of saying it.
    for elsewhere in ({"token": token}, {"access_token": token}, {"authorization": f"Bearer {token}"}):
        assert caller.request(method, url, json=body, params=elsewhere).status_code == 401
        cookies = {"cookie": "; ".join(f"{name}={value}" for name, value in elsewhere.items())}
        assert caller.request(method, url, json=body, headers=cookies).status_code == 401
    assert datastore.log.head() == before


def test_a_token_is_compared_in_constant_time(
    serving: tuple[Datastore, httpx.Client, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every token's hash is compared through `hmac.compare_digest`, on the whole of both, whatever is wrong with it."""
    datastore, caller, token = serving
    another = datastore.tokens.add("another", ["push"])
    known = [hashlib.sha256(text.encode()).digest() for text in (another, token)]
    compared: list[tuple[object, object]] = []
    compare = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr("hmac.compare_digest", watched)
    for credentials in (f"Bearer {token}", "Bearer x", f"Basic {token}", "", f"Bearer {token[:-1]}"):
        caller.post("/models", json={}, headers={"authorization": credentials})
    said = [hashlib.sha256(text.encode()).digest() for text in (token, "x", token, "", token[:-1])]
    assert compared == [(each, given) for given in said for each in known]


def test_a_token_has_256_bits_and_no_two_are_alike(data_dir: Path) -> None:
    with Datastore.open(data_dir) as datastore:
        one, other = (datastore.tokens.add(name, TOKEN_SCOPES) for name in ("one", "other"))
    assert one != other
    assert all(len(base64.urlsafe_b64decode(token.removeprefix("tuir_") + "=")) == 32 for token in (one, other))


@pytest.mark.parametrize("content", ["", "short", "x" * 31, "a b" * 20, "\x1b[31m" + "x" * 40, "é" * 40, "x" * 300])
def test_a_token_file_without_a_token_is_told_without_what_stands_in_it(cli: Cli, data_dir: Path, content: str) -> None:
    data_dir.mkdir()
    (data_dir / TOKEN_FILE).write_text(content)
    with Datastore.open(data_dir) as datastore:
        with pytest.raises(StoreError) as caught:
            datastore.tokens.all()
        assert caught.value.code == "bad_token_file"
        assert not content or content[:10] not in caught.value.sentence
        assert datastore.tokens.find(content.encode()) is None
    for words in (("token", "list"), ("serve", "--token"), ("serve", "--port", "0")):
        assert is_one_sentence(cli(*words), TOKEN_FILE, "token add NAME")
    assert cli("token", "revoke", TOKEN_FILE).code == 0


def test_a_token_file_that_is_a_pipe_holds_nothing_up_and_what_a_link_leads_to_stays_as_it_is(
    cli: Cli, data_dir: Path
) -> None:
    data_dir.mkdir()
    token, file, another = "x" * 40, data_dir / TOKEN_FILE, data_dir.parent / "another"
    another.write_text(token)
    another.chmod(0o644)
    with Datastore.open(data_dir) as datastore:
        os.mkfifo(file, 0o644)
        # It would be waited for by the loop in which the node answers.
        assert datastore.tokens.find(token.encode()) is None
        assert is_one_sentence(cli("token", "list"), TOKEN_FILE, "no plain file")
        assert datastore.tokens.add("other", TOKEN_SCOPES)
        file.unlink()
        file.symlink_to(another)
        assert datastore.tokens.find(token.encode()) is not None
    assert another.stat().st_mode & 0o777 == 0o644


def test_no_answer_of_the_node_names_a_place_of_its_machine(serving: tuple[Datastore, httpx.Client, str]) -> None:
    datastore, caller, token = serving
    (row,) = datastore.search("is:mine").rows
    head = datastore.log.head()
    writer = {"authorization": f"Bearer {token}"}
    asked = [
        ("GET", "/"), ("GET", "/models"), ("GET", f"/models/{row.id}"), ("GET", "/models/zzz"), ("GET", "/models/%00"),
        ("GET", "/..%2f..%2fetc/passwd"), ("GET", "/sync/../../etc/passwd"), ("GET", f"/sync/{head.epoch}/entries/..%2fhead"),
        ("GET", "/models?limit=x"), ("GET", "/models?cursor=%ff"), ("GET", "/models?q=params:%3c"), ("GET", "/docs"),
        ("GET", "/openapi.json"), ("GET", "/health"), ("GET", "/sync/head"), ("POST", "/sync/ops"), ("PATCH", "/models"),
        ("POST", "/models"), ("PUT", f"/models/{row.id}"), ("TRACE", "/models"), ("GET", "/favicon.ico"), ("GET", "/.env"),
        ("GET", "/static/../identity.key"), ("GET", "/identity.key"), ("GET", "/node.token"), ("GET", "/registry.sqlite3"),
    ]  # fmt: skip
    for method, url in asked:
        for headers in ({}, writer):
            for content in (b"", b"\xff", b"{", b"[" * 50_000, b'{"name": 1}'):
                if content and method in ("GET", "TRACE"):
                    continue
                answer = caller.request(method, url, content=content, headers=headers)
                says_nothing_of(answer, datastore.data_dir, token)


def says_nothing_of(answer: httpx.Response, data_dir: Path, token: str) -> None:
    told = answer.text + repr(answer.headers)
    for hidden in (
        "Traceback",
        'File "',
        ".py",
        "sqlite",
        str(data_dir),
        str(data_dir.parent),
        str(Path.home()),
        token,
    ):
        assert hidden not in told or (hidden == "sqlite" and "sqlite" in str(answer.url)), (answer.url, hidden)
    assert not holds(answer.content, SECRET)


def test_a_node_whose_replica_breaks_says_so_and_no_more(serving: tuple[Datastore, httpx.Client, str]) -> None:
    datastore, caller, token = serving
    (row,) = datastore.search("is:mine").rows
    epoch = datastore.log.head().epoch
    db = database(datastore)
    for table in ("catalogue", "words", "ops", "keys"):
        db.execute(f"DROP TABLE {table}")
    db.close()
    writer = {"authorization": f"Bearer {token}"}
    broken = 0
    for method, url in [
        ("GET", "/models"), ("GET", f"/models/{row.id}"), ("GET", "/models?q=llama"), ("POST", "/models"),
        ("PUT", f"/models/{row.id}"), ("DELETE", f"/models/{row.id}"), ("POST", "/models/search"),
        ("GET", f"/sync/{epoch}/entries/0.1.ndjson.gz"), ("POST", "/sync/ops/get"), ("POST", "/sync/reconcile"),
    ]:  # fmt: skip
        body = {"name": "x", "license": "MIT"} if method in ("POST", "PUT") else None
        if url == "/sync/ops/get":
            body = {"hashes": ["ab" * 32]}  # type: ignore[dict-item]
        if url == "/sync/reconcile":
            body = {"epoch": epoch, "ranges": []}  # type: ignore[dict-item]
        if url.endswith("search"):
            body = {"query": "llama"}
        answer = caller.request(method, url, json=body, headers=writer)
        says_nothing_of(answer, datastore.data_dir, token)
        assert answer.headers["content-type"] == "application/problem+json"
        broken += answer.status_code == 500
    assert broken >= 8


def test_a_replica_that_cannot_be_opened_is_told_without_its_secrets(cli: Cli, keyed: Path) -> None:
    (keyed / DATABASE).write_bytes(b"x" * 5_000)
    said: Said = cli("list", "models")
    assert said.code == 1
    assert not holds(said.err.encode(), SECRET)
