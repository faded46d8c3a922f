"""What bad input gets (issue 2): one sentence with the place, exit 1, nothing stored, no traceback."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Cli, is_one_sentence
from tui_registry.datastore import Datastore

as_nobody = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def nothing_is_stored(data_dir: Path) -> bool:
    with Datastore.open(data_dir) as datastore:
        return datastore.stats().ops == 0


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("broken.json", '{"name": "x",\n "version" 1}', ("broken.json, line 2", "is not JSON")),
        ("broken.yaml", "name: x\n  version: [1\n", ("broken.yaml, line 2", "is not YAML")),
        ("twice.json", '{"name": "x", "name": "y"}', ("twice.json, line 1", "given twice")),
        ("alias.yaml", "name: &a x\nversion: *a\n", ("alias.yaml, line 1", "anchors")),
        ("empty.yaml", "\n", ("empty.yaml", "is empty")),
        (
            "unknown.yaml",
            MODEL + "licence: MIT\n",
            ("unknown.yaml", "unknown field 'licence'", "did you mean 'license'?"),
        ),
        ("type.json", '{"name": "x", "parameters": [1]}', ("type.json: parameters", "must be a whole number")),
        ("wide.json", '{"name": "x", "context_length": 4294967296}', ("wide.json: context_length", "4,294,967,296")),
        ("long.yaml", f"{MODEL.replace('my-finetune', 'x' * 129)}", ("long.yaml: name", "128")),
        ("list.json", "[1, 2]", ("list.json", "not an object of fields")),
        ("null.yaml", "null\n", ("null.yaml", "holds a single value, not an object of fields")),
        ("id.yaml", MODEL + "model_id: abc\n", ("id.yaml: model_id", "64 lower-case hex digits")),
        ("kind.yaml", MODEL + "kind: agent\n", ("kind.yaml: kind", "describes an agent, not a model")),
        (
            "template.yaml",
            MODEL + 'formfile_template: "RUN make\\nMEMORY 1024\\nDISK 10"\n',
            ("template.yaml: formfile_template", "line 1", "NAME"),
        ),
    ],
)
def test_a_bad_file_gets_a_sentence_with_its_place(
    cli: Cli, data_dir: Path, tmp_path: Path, name: str, text: str, parts: tuple[str, ...]
) -> None:
    (tmp_path / name).write_text(text)
    assert is_one_sentence(cli("register", "model", name), *parts)
    assert nothing_is_stored(data_dir)


def test_a_bad_file_on_stdin_is_called_stdin(cli: Cli, data_dir: Path) -> None:
    assert is_one_sentence(cli("register", "model", "-", given="{"), "stdin, line 1", "is not JSON")
    assert nothing_is_stored(data_dir)


def test_every_problem_of_a_record_is_listed_one_a_line(cli: Cli, data_dir: Path) -> None:
    said = cli("register", "model", "-", given="name: x\nversion: '1.0'\nlicense: bsd\ntags: [Big Tag]\n")
    assert said.code == 1
    # What keeps it from being signed comes first, then what could be better
    shown = [line.removeprefix("tui-registry: ").split(": stdin: ")[-1] for line in said.err.splitlines()]
    assert [line.removeprefix("stdin: ").split(": ")[0] for line in shown] == [
        "version", "license", "tags[0]", "parameters", "context_length",
    ]  # fmt: skip
    assert nothing_is_stored(data_dir)


def test_bytes_that_are_not_utf8_get_a_sentence(cli: Cli, data_dir: Path) -> None:
    assert is_one_sentence(cli("register", "model", "-", given=b"name: \xff\n"), "stdin", "UTF-8")
    assert nothing_is_stored(data_dir)


def test_a_file_that_is_too_big_gets_a_sentence(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "big.json").write_bytes(b'{"name": "' + b"x" * 2**20 + b'"}')
    assert is_one_sentence(cli("register", "model", "big.json"), "big.json", "1,048,576")


@pytest.mark.parametrize(
    ("name", "part"), [("gone.json", "no such file"), (".", "is a directory"), ("a\0b", "name of a file")]
)
def test_a_file_that_cannot_be_read_gets_a_sentence(cli: Cli, name: str, part: str) -> None:
    assert is_one_sentence(cli("register", "model", name), part)


def test_what_strangers_wrote_never_reaches_the_terminal_raw(cli: Cli) -> None:
    said = cli("register", "model", "-", given='{"na\\u001b]52;c;eA==\\u0007me": "x", "\\u202egpj": 1}')
    assert said.code == 1
    assert not set(said.err) & {"\x1b", "\x07", "\u202e"}


# A replica that cannot be used


def test_a_file_that_is_no_database_gets_a_sentence_and_stays(cli: Cli, data_dir: Path) -> None:
    data_dir.mkdir()
    path = data_dir / "registry.sqlite3"
    path.write_bytes(b"this is my diary " * 300)
    before = path.read_bytes()
    assert is_one_sentence(cli("list", "models"), "registry.sqlite3", "not a registry database")
    assert path.read_bytes() == before


def test_another_programs_database_gets_a_sentence_and_stays(cli: Cli, data_dir: Path) -> None:
    data_dir.mkdir()
    path = data_dir / "registry.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE cookies (name TEXT)")
    db.close()
    before = path.read_bytes()
    assert is_one_sentence(cli("list", "models"), "registry.sqlite3")
    assert path.read_bytes() == before


def test_a_newer_schema_gets_a_sentence_and_stays(cli: Cli, seeded: Path) -> None:
    path = seeded / "registry.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA user_version = 9999")
    db.close()
    before = path.read_bytes()
    assert is_one_sentence(cli("list", "models"), "registry.sqlite3", "newer")
    assert path.read_bytes() == before


def test_a_damaged_database_gets_a_sentence(cli: Cli, seeded: Path) -> None:
    path = seeded / "registry.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    raw = bytearray(path.read_bytes())
    raw[4096:] = b"\xa5" * (len(raw) - 4096)
    path.write_bytes(raw)
    assert is_one_sentence(cli("list", "models"), "registry.sqlite3", "damaged")
    assert path.read_bytes() == bytes(raw)


def test_a_data_directory_that_is_a_file_gets_a_sentence(cli: Cli, data_dir: Path) -> None:
    data_dir.write_text("no folder")
    assert is_one_sentence(cli("list", "models"), str(data_dir))


@as_nobody
def test_a_directory_that_cannot_be_written_gets_a_sentence(cli: Cli, data_dir: Path) -> None:
    data_dir.mkdir(mode=0o500)
    assert is_one_sentence(cli("register", "model", "-", given=MODEL), str(data_dir))


def test_a_full_disk_gets_a_sentence_and_loses_nothing(cli: Cli, seeded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui_registry.replica.store.connection import Pool

    connect = Pool.connect

    def with_no_room(pool: Pool) -> sqlite3.Connection:
        connection = connect(pool)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(Pool, "connect", with_no_room)
    said = cli("register", "model", "-", given=f"{MODEL}description: {'long ' * 1900}\n")
    assert is_one_sentence(said, "registry.sqlite3", "full")
    monkeypatch.undo()
    with Datastore.open(seeded) as datastore:
        assert datastore.stats().ops == 12


def test_a_full_disk_behind_stdout_gets_a_sentence(seeded: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tui_registry", "--data-dir", str(seeded), "list", "models"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "tui-registry: the disk is full: make room and try again"
    assert "Traceback" not in done.stderr


def test_a_key_file_without_a_key_gets_a_sentence(cli: Cli, own: str, data_dir: Path) -> None:
    (data_dir / "identity.key").write_text("not a key\n")
    assert is_one_sentence(cli("register", "model", "-", given=MODEL), "identity.key")


def test_what_should_not_happen_gets_a_sentence_and_says_how_to_see_more(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a\x1b[31mb")

    monkeypatch.setattr(Datastore, "stats", fail)
    assert is_one_sentence(cli("list", "models"), "this should not happen", "TUI_REGISTRY_DEBUG=1")
    monkeypatch.setenv("TUI_REGISTRY_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli("list", "models")
