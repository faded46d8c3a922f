"""`identity`: the address for everybody, the key for nobody but a keystore that a passphrase locks."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import MODEL, Cli, is_one_sentence

pytestmark = pytest.mark.usefixtures("quick_lock")


@pytest.fixture
def phrase(tmp_path: Path) -> str:
    path = tmp_path / "phrase"
    path.write_text("correct horse battery staple\n")
    return str(path)


@pytest.fixture
def keystore(cli: Cli, own: str, phrase: str, tmp_path: Path) -> Path:
    said = cli("identity", "export", "key.json", "--passphrase-file", phrase)
    assert said.code == 0, said.err
    return tmp_path / "key.json"


def test_show_says_address_place_and_why_to_keep_a_copy(cli: Cli, own: str, data_dir: Path) -> None:
    said = cli("identity", "show")
    record = cli("show", own, "--json").json["record"]
    assert f"0x{record['owner_id']}" in said.out
    assert str(data_dir / "identity.key") in said.out
    assert "keep a copy" in said.err
    assert cli("identity", "show", "--json").json == {
        "address": record["owner_id"],
        "key_file": str(data_dir / "identity.key"),
    }


@pytest.mark.parametrize("words", [("register", "model", "new.yaml"), ("import", "new.yaml", "--register")])
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_the_first_write_says_where_the_key_is_and_to_keep_a_copy(
    cli: Cli, data_dir: Path, tmp_path: Path, words: tuple[str, ...], more: tuple[str, ...]
) -> None:
    (tmp_path / "new.yaml").write_text(MODEL)
    refused = cli("register", "model", "-", given="name: x\nlicense: bsd\n")
    assert (refused.code, "identity.key" in refused.err) == (1, False)
    (told,) = [line for line in cli(*words, *more).err.splitlines() if "identity.key" in line]
    assert f" {data_dir / 'identity.key'}, and without it nobody can change them, you included: " in told
    assert told.endswith("keep a copy elsewhere with 'identity export FILE'")
    again = cli("register", "model", "-", "--new", given=MODEL.replace("name:", "description: again\nname:"))
    assert (again.code, "identity.key" in again.err) == (0, False)


def test_the_key_is_readable_by_its_owner_alone_and_never_printed(cli: Cli, keystore: Path, data_dir: Path) -> None:
    secret = (data_dir / "identity.key").read_text().strip()
    for path in (data_dir / "identity.key", keystore):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret not in keystore.read_text()
    for words in (("identity", "show"), ("identity", "show", "--json"), ("export",), ("verify", "--json")):
        said = cli(*words)
        assert secret not in said.out + said.err


def test_an_exported_key_signs_for_its_records_in_another_replica(
    cli: Cli, own: str, keystore: Path, phrase: str, tmp_path: Path
) -> None:
    there = ("--data-dir", str(tmp_path / "there"))
    (tmp_path / "ops").write_text(cli("export", "--ops").out)
    assert cli(*there, "import", "ops", "--register").code == 0
    assert cli(*there, "update", own, "-", given="version: 2.0.0\n").code == 1
    said = cli(*there, "identity", "import", str(keystore), "--passphrase-file", phrase, "--yes")
    assert said.code == 0, said.err
    assert cli(*there, "update", own, "-", given="version: 2.0.0\n").code == 0


def test_import_keeps_the_former_key(cli: Cli, keystore: Path, phrase: str, data_dir: Path) -> None:
    former = (data_dir / "identity.key").read_text()
    cli("identity", "new", "--yes")
    said = cli("identity", "import", str(keystore), "--passphrase-file", phrase, "--yes", "--json")
    assert said.code == 0
    assert Path(said.json["former_key_file"]).exists()
    assert (data_dir / "identity.key").read_text() == former


def test_a_wrong_passphrase_gets_a_sentence_and_changes_nothing(cli: Cli, keystore: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("another passphrase\n")
    before = cli("identity", "show", "--json").json
    said = cli("identity", "import", str(keystore), "--passphrase-file", "wrong", "--yes")
    assert is_one_sentence(said, "the passphrase does not open this keystore")
    assert cli("identity", "show", "--json").json == before


def _without_salt(document: dict[str, Any]) -> None:
    del document["crypto"]["kdfparams"]["salt"]


def _huge(document: dict[str, Any]) -> None:
    document["crypto"]["kdfparams"]["n"] = 2**30


def _version(document: dict[str, Any]) -> None:
    document["version"] = 4


def _cost(document: dict[str, Any]) -> None:
    document["crypto"]["kdfparams"]["r"] = "8"


@pytest.mark.parametrize("spoil", [_without_salt, _huge, _version, _cost])
def test_a_spoilt_keystore_gets_a_sentence(cli: Cli, keystore: Path, phrase: str, spoil: Any) -> None:
    document = json.loads(keystore.read_text())
    spoil(document)
    keystore.write_text(json.dumps(document))
    assert is_one_sentence(cli("identity", "import", str(keystore), "--passphrase-file", phrase, "--yes"), "keystore")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 3}', '{"version": 3, "crypto": []}'])
def test_a_file_that_is_no_keystore_gets_a_sentence(cli: Cli, own: str, phrase: str, tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    assert is_one_sentence(cli("identity", "import", "x.json", "--passphrase-file", phrase, "--yes"), "keystore")


def test_a_key_is_never_written_over_a_file(cli: Cli, keystore: Path, phrase: str) -> None:
    before = keystore.read_bytes()
    said = cli("identity", "export", str(keystore), "--passphrase-file", phrase)
    assert is_one_sentence(said, "is there already")
    assert keystore.read_bytes() == before
    assert is_one_sentence(cli("identity", "export", ".", "--passphrase-file", phrase), "is there already")


def test_without_a_person_or_a_passphrase_file_nothing_is_written(cli: Cli, own: str, tmp_path: Path) -> None:
    assert cli("identity", "export", "key.json").code == 2
    (tmp_path / "short").write_text("short\n")
    assert cli("identity", "export", "key.json", "--passphrase-file", "short").code == 2
    assert not (tmp_path / "key.json").exists()


def test_a_lost_key_is_told_and_new_begins_again(cli: Cli, own: str, data_dir: Path) -> None:
    (data_dir / "identity.key").unlink()
    assert is_one_sentence(cli("register", "model", "-", given=MODEL), "is gone", "identity new")
    assert cli("show", own).code == 0
    assert cli("identity", "new").code == 0
    assert cli("register", "model", "-", given=MODEL).code == 0


@pytest.mark.parametrize(("text", "part"), [(None, "is gone"), ("zz\n", "does not hold a private key")])
def test_show_tells_a_missing_or_broken_key_and_fails(
    cli: Cli, own: str, data_dir: Path, text: str | None, part: str
) -> None:
    address = cli("show", own, "--json").json["record"]["owner_id"]
    (data_dir / "identity.key").unlink()
    if text is not None:
        (data_dir / "identity.key").write_text(text)
    for words in ((), ("--json",)):
        said = cli("identity", "show", *words)
        assert (said.code, len(said.err.splitlines())) == (1, 1)
        assert part in said.err
        # It tells which backup is the right one.
        assert address in said.out


def test_new_asks_before_it_puts_a_key_aside(cli: Cli, own: str) -> None:
    said = cli("identity", "new")
    assert said.code == 2
    assert "--yes" in said.err
