"""`backup` and `backup --restore` as people and scripts type them."""

from __future__ import annotations

import os
import pty
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tests.replica.programs import ROOT

pytestmark = pytest.mark.usefixtures("quick_lock")


@pytest.fixture
def phrase(tmp_path: Path) -> str:
    path = tmp_path / "phrase"
    path.write_text("correct horse battery staple\n")
    return str(path)


def test_a_replica_moves_to_another_folder_whole(cli: Cli, own: str, phrase: str, tmp_path: Path) -> None:
    config = tmp_path / "config" / "tui-registry" / "settings.toml"
    config.parent.mkdir(parents=True)
    config.write_text('name = "laptop"\n')
    cli("peer", "add", "hub", "https://hub.example")
    cli("search", "--save", "small", "params:<=8b")
    made = cli("backup", "saved", "--passphrase-file", phrase)
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith("wrote 1 operation, 1 record to ")
    assert "locked with the passphrase" in made.out
    assert stat.S_IMODE((tmp_path / "saved").stat().st_mode) == 0o600
    config.unlink()
    there = ("--data-dir", str(tmp_path / "there"))
    back = cli(*there, "backup", "--restore", "saved", "--passphrase-file", phrase)
    assert back.code == 0, back.err
    assert str(config) in back.out
    assert config.read_text() == 'name = "laptop"\n'
    assert back.err.endswith("others may still have\n")
    assert f"'tui-registry --data-dir {tmp_path / 'there'} sync'" in back.err
    assert cli(*there, "show", own).out == cli("show", own).out
    assert cli(*there, "search", "--saved").out == cli("search", "--saved").out
    assert cli(*there, "update", own, "-", given="version: 1.0.1\n").code == 0
    again = cli(*there, "backup", "--restore", "saved", "--passphrase-file", phrase)
    assert is_one_sentence(again, "there is a replica in", "move that folder away", "--data-dir")


def test_the_key_goes_by_a_keystore_and_a_wrong_passphrase_leaves_nothing(
    cli: Cli, own: str, data_dir: Path, phrase: str, tmp_path: Path
) -> None:
    secret = (data_dir / "identity.key").read_text().strip()
    assert cli("backup", "saved", "--passphrase-file", phrase).code == 0
    data = (tmp_path / "saved").read_bytes()
    assert bytes.fromhex(secret) not in data
    assert secret.encode() not in data
    (tmp_path / "wrong").write_text("another passphrase\n")
    there = ("--data-dir", "there", "backup", "--restore", "saved", "--passphrase-file")
    assert is_one_sentence(cli(*there, "wrong"), "the passphrase does not open this keystore")
    assert not [*(tmp_path / "there").iterdir()]
    assert cli(*there, phrase).code == 0
    assert (tmp_path / "there" / "identity.key").read_text().strip() == secret


def test_programs_read_what_was_done(cli: Cli, own: str, phrase: str, tmp_path: Path) -> None:
    address = cli("identity", "show", "--json").json["address"]
    made = cli("backup", "saved", "--passphrase-file", phrase, "--json").json
    assert made == {
        "file": str(tmp_path / "saved"),
        "bytes": (tmp_path / "saved").stat().st_size,
        "made_at": made["made_at"],
        "operations": 1,
        "records": 1,
        "address": address,
        "key": True,
        "settings": False,
    }
    back = cli("--data-dir", "there", "backup", "--restore", "saved", "--passphrase-file", phrase, "--json").json
    assert back == {
        "data_dir": "there",
        "made_at": made["made_at"],
        "operations": 1,
        "records": 1,
        "address": address,
        "key": True,
        "settings": "none",
        "sound": True,
        "invalid": [],
        "repaired": [],
    }


def test_without_the_key_it_is_said_and_records_can_be_read_alone(cli: Cli, own: str, tmp_path: Path) -> None:
    made = cli("backup", "saved", "--without-key")
    assert (made.code, "is not in it" in made.err) == (0, True)
    back = cli("--data-dir", "there", "backup", "--restore", "saved")
    assert (back.code, "is not there: 'identity import FILE' brings it" in back.out) == (0, True)
    assert cli("--data-dir", "there", "show", own).code == 0
    assert is_one_sentence(cli("--data-dir", "there", "update", own, "-", given="version: 2.0.0\n"), "key file")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("backup",), "FILE"),
        (("backup", ""), "empty"),
        (("backup", "-", "--without-key"), "a file"),
        (("backup", "x", "--restore", "--force"), "--force"),
        (("backup", "x", "--without-key", "--passphrase-file", "y"), "--without-key"),
        (("backup", "x"), "--passphrase-file"),
    ],
)
def test_a_line_that_makes_no_sense_is_one_sentence(
    cli: Cli, own: str, tmp_path: Path, words: tuple[str, ...], part: str
) -> None:
    said = cli(*words)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert part in said.err
    assert not (tmp_path / "x").exists()


def test_what_is_there_stays_without_force(cli: Cli, own: str, tmp_path: Path) -> None:
    assert cli("backup", "saved", "--without-key").code == 0
    before = (tmp_path / "saved").read_bytes()
    assert is_one_sentence(cli("backup", "saved", "--without-key"), "saved is there already", "--force")
    assert (tmp_path / "saved").read_bytes() == before
    assert cli("backup", "saved", "--without-key", "--force").code == 0


def test_nothing_is_made_where_there_is_no_replica(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    assert is_one_sentence(cli("backup", "saved", "--without-key"), "there is no replica in")
    assert not data_dir.exists()
    assert is_one_sentence(cli("backup", "--restore", "saved"), "saved cannot be read")
    (tmp_path / "saved").write_bytes(b"x" * 5_000)
    assert is_one_sentence(cli("backup", "--restore", "saved"), "is no backup of a replica")
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("talk", "code"),
    [
        # The line could be read, and what it asked for failed.
        (((b"Passphrase: ", b"correct horse\n"), (b"again: ", b"another one\n"), (b"differ", b"")), 1),
        (((b"Passphrase: ", b"correct \xff horse\n"), (b"is not text in the encoding", b"")), 2),
    ],
)
def test_a_passphrase_is_asked_for_twice_on_a_terminal(
    talk: tuple[tuple[bytes, bytes], ...], code: int, own: str, data_dir: Path, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "tui_registry", "--data-dir", str(data_dir), "backup", str(tmp_path / "saved")]
    with subprocess.Popen(
        line, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        said = b""
        for awaited, typed in talk:
            while awaited not in said:
                said += os.read(ours, 1_000)
            os.write(ours, typed)
        assert process.wait() == code
    os.close(ours)
    assert not (tmp_path / "saved").exists()


def test_a_disk_without_room_is_said_and_nothing_stays(own: str, data_dir: Path, tmp_path: Path) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    line = [
        sys.executable,
        "-c",
        _IGNORING,
        "--data-dir",
        str(data_dir),
        "backup",
        str(tmp_path / "saved"),
        "--without-key",
    ]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, preexec_fn=small, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "saved" in done.stderr
    assert not (tmp_path / "saved").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


# A file that may not grow is an error then, as on a full disk, and ends nobody.
_IGNORING = """
import signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from tui_registry.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
