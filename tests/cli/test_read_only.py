"""Commands on a replica that cannot be written: what only looks gives what it always does, and what would write says
why it does not, before anything is asked, fetched or changed elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tests.places import fill, read_only, small_disk
from tests.seeds import NOW, make_record, seed
from tui_registry.datastore import DATABASE, Datastore

A_KEY = "a" * 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six records of a stranger, one of this replica's own, a peer and a saved search; closed."""
    folder = tmp_path_factory.mktemp("whole")
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        seed(datastore, 6)
        datastore.add("model", make_record("model", "mine"))
        datastore.peers.add("lab", "http://127.0.0.1:1")
        datastore.searches.save("own", "is:mine")
    return folder


@pytest.fixture
def fixed(whole: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same where nobody can write it, as the replica that commands use."""
    shutil.copytree(whole, data_dir)
    with read_only(data_dir) as place:
        monkeypatch.setenv("TUI_REGISTRY_DATA_DIR", str(place))
        yield place


@pytest.fixture
def mine(whole: Path) -> str:
    """The id of the replica's own record."""
    with Datastore.open(whole) as datastore:
        return datastore.search("is:mine").rows[0].id


def test_what_only_looks_gives_what_it_always_does(cli: Cli, fixed: Path, whole: Path, mine: str) -> None:
    lines = [
        ("list", "models"),
        ("search", "is:mine", "--json"),
        ("search", "@own", "--facets"),
        ("show", mine),
        ("history",),
        ("history", mine, "--json"),
        ("diff", mine),
        ("conflicts",),
        ("quarantine",),
        ("peer", "list"),
        ("export",),
        ("export", "--ops"),
        ("verify",),
        ("identity", "name"),
    ]
    for line in lines:
        there, elsewhere = cli(*line), cli("--data-dir", str(whole), *line)
        assert there == elsewhere, line
        assert there.code == 0, there.err
    assert cli("identity", "show", "--json").json["key_file"] == str(fixed / "identity.key")
    for kind in ("--log", "--bundle"):
        assert cli("export", kind, f"out{kind}").code == 0
    assert cli("--data-dir", "copy", "peer", "add", "stick", "out--log").code == 0
    assert cli("--data-dir", "copy", "sync", "stick", "--json").lines[-1]["applied"] == 7


def test_what_would_write_says_why_not_and_what_to_do(cli: Cli, fixed: Path, mine: str) -> None:
    Path("record.yaml").write_text("name: new\nlicense: MIT\nparameters: 7b\ncontext_length: 4k\n")
    lines = [
        ("register", "model", "record.yaml"),
        ("update", mine, "record.yaml"),
        ("delete", mine, "--yes"),
        ("undo", mine),
        ("import", "record.yaml", "--register"),
        ("peer", "add", "other", "http://127.0.0.1:1"),
        ("peer", "remove", "lab"),
        ("search", "--save", "x", "llama"),
        ("identity", "new", "--yes"),
        ("identity", "name", f"0x{A_KEY}", "lab"),
        # Nothing is fetched, and nothing tried again for ever.
        ("sync",),
        ("sync", "lab", "--every", "1h"),
        ("export", "--log", "out", "--new-epoch"),
    ]
    before = {path: path.read_bytes() for path in fixed.iterdir()}
    for line in lines:
        said = cli(*line)
        assert is_one_sentence(said, str(fixed / DATABASE), "can only be read: ", ". Copy its folder to where"), line
    assert {path: path.read_bytes() for path in fixed.iterdir()} == before
    assert not Path("out").exists()


def test_a_draft_is_imported_to_look_at(cli: Cli, fixed: Path) -> None:
    Path("record.yaml").write_text("name: new\nlicense: MIT\nparameters: 7b\ncontext_length: 4k\n")
    said = cli("import", "record.yaml")
    assert said.code == 0, said.err
    assert "new" in said.out


def test_on_a_full_disk_too(cli: Cli, whole: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk:
        folder = Path(shutil.copytree(whole, disk / "replica"))
        fill(disk)
        for line in (("list", "models"), ("search", "is:mine"), ("export",), ("verify",)):
            assert cli("--data-dir", str(folder), *line) == cli("--data-dir", str(whole), *line)
        said = cli("--data-dir", str(folder), "peer", "add", "other", "http://127.0.0.1:1")
        assert is_one_sentence(said, f"its disk is full ({folder / DATABASE}). Make room and try again")
        # Not to copy the folder: nothing is wrong with where it lies.
        told = json.loads(cli("--data-dir", str(folder), "doctor", "--offline", "--json").out)["checks"]
        assert {one["name"]: one["remedy"] for one in told}["database"] == "Make room and try again"
