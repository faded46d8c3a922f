"""`status`: what is here, on one screen; `doctor`: what is wrong, each with what helps. Neither changes anything."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.places import read_only
from tests.seeds import make_record, seed
from tui_registry.cli.condition import SMALLEST_TERMINAL
from tui_registry.datastore import DATABASE, Datastore, Draft
from tui_registry.node.server import running
from tui_registry.settings import mark_as_sample
from tui_registry.tui.kit.terminal import SMALLEST


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six records of a stranger, one of this replica's own, a draft and a peer that nobody answers for; closed."""
    folder = tmp_path_factory.mktemp("whole")
    with Datastore.open(folder) as datastore:
        seed(datastore, 6)
        datastore.add("model", make_record("model", "mine"))
        datastore.drafts.save(Draft("new:1", "model", None, (), {"name": "half"}))
        datastore.searches.save("own", "is:mine")
        datastore.peers.add("lab", "http://127.0.0.1:1")
    folder.chmod(0o700)
    return folder


@pytest.fixture
def here(whole: Path, data_dir: Path) -> Path:
    """The same, as the replica that commands use."""
    return Path(shutil.copytree(whole, data_dir))


def checks(cli: Cli, *words: str) -> dict[str, Any]:
    """What `doctor` says by name, the last one where a name has several; the exit code is as it says."""
    said = cli("doctor", "--json", *words)
    told = said.json
    assert said.code == (0 if told["ok"] else 1)
    assert told["ok"] == all(check["state"] != "wrong" for check in told["checks"])
    for check in told["checks"]:
        assert (check["remedy"] is None) == (check["state"] == "ok")
    return {check["name"]: check for check in told["checks"]}


# ---- status --------------------------------------------------------------------------------------------------------


def test_status_tells_what_is_here(cli: Cli, here: Path) -> None:
    told = cli("status", "--json").json
    assert told["folder"] == str(here)
    assert told["read_only"] is None
    with Datastore.open(here) as datastore:
        stats, address = datastore.stats(), datastore.address
    assert told["records"] == {"models": stats.models, "agents": stats.agents, "muted": 0}
    assert told["operations"]["log"] == 7
    assert (told["key"]["address"], told["key"]["signed"]) == (address, 1)
    assert [(peer["name"], peer["last_sync"]) for peer in told["peers"]] == [("lab", None)]
    assert (told["drafts"], told["saved_searches"], told["indexed"]) == (1, 1, 1)
    assert told["bytes"] > (here / DATABASE).stat().st_size
    shown = cli("status").out
    for part in (str(here), f"0x{address}, which signed 1 operation\n", "lab: never pulled from", "1 unfinished draft"):
        assert part in shown
    assert len(shown.splitlines()) < 24


def test_status_tells_who_may_push_and_how_much_room_others_have(cli: Cli, here: Path) -> None:
    assert "pushes" not in cli("status").out
    for name, value in (("accept_ops", "token"), ("sync.room_bytes", "1"), ("node.push_store_bytes", "1")):
        assert cli("config", "set", name, value).code == 0
    shown = cli("status").out
    assert "pushes      a node here takes them from who bears a token for that, of which none is left" in shown
    assert "what comes from others may fill 1 B" in shown
    told = cli("status", "--json").json
    assert (told["room"], told["pushes"]) == (1, {"from": "token", "room": 1})


def test_status_says_so_where_a_replica_is_sample_data(cli: Cli, here: Path) -> None:
    assert cli("status", "--json").json["sample"] is False
    mark_as_sample(here)
    assert "sample data of a demo" in cli("status").out
    assert cli("status", "--json").json["sample"] is True


def test_status_makes_no_key_and_says_that_there_is_none(cli: Cli, data_dir: Path) -> None:
    assert "none yet: it is made at the first signature" in cli("status").out
    assert cli("status", "--json").json["key"]["address"] is None
    assert not (data_dir / "identity.key").exists()


def test_status_tells_of_trouble(cli: Cli, here: Path) -> None:
    with Datastore.open(here) as datastore:
        mine = datastore.search("is:mine").rows[0].id
        datastore.update("model", mine, {**make_record("model", "mine"), "version": "2.0.0"}, datastore.heads(mine))
        datastore.apply([b"nonsense"], source="file")
    with closing(sqlite3.connect(here / DATABASE)) as db, db:
        db.execute("UPDATE search_state SET floor = 5, top = 8")
        db.execute("INSERT INTO elsewhere (idx, state) VALUES (0, 0)")
        db.execute("UPDATE peers SET last_error = 'lab: \x1b[31mgone', last_try = 1")
    (here / "identity.key").unlink()
    with read_only(here) as place:
        said = cli("status", "--data-dir", str(place))
    assert said.code == 0, said.err
    for part in (
        "it can only be read: ",
        "1 were refused",
        "identity.key is not there: put your backup in its place",
        "1 operation signed by it elsewhere",
        "the last pull failed: lab: ",
        "37 % of the records are in it",
    ):
        assert part in said.out
    assert "\x1b" not in said.out


# ---- doctor --------------------------------------------------------------------------------------------------------


def test_doctor_makes_no_replica_where_there_is_none(cli: Cli, data_dir: Path) -> None:
    told = checks(cli)
    assert {*told} == {"settings", "folder", "database", "clock", "terminal"}
    assert {check["state"] for check in told.values()} == {"ok"}
    assert not data_dir.exists()


def test_doctor_finds_a_peer_that_does_not_answer_and_asks_none_where_it_is_told_so(cli: Cli, here: Path) -> None:
    told = checks(cli)
    assert told.pop("peers")["state"] == "wrong"
    assert {check["state"] for check in told.values()} == {"ok"}
    said = cli("doctor")
    assert "peer lab: " in said.out
    assert "'peer remove lab' forgets it" in said.out
    assert said.err == "tui-registry: 1 thing is wrong\n"
    assert checks(cli, "--offline")["peers"] == {
        "name": "peers", "state": "ok", "sentence": "1 peer, not asked", "remedy": None,
    }  # fmt: skip
    before = (here / DATABASE).read_bytes()
    checks(cli)
    assert (here / DATABASE).read_bytes() == before


def test_doctor_asks_a_peer_that_answers(cli: Cli, here: Path, tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "node") as other, running(other) as address:
        with Datastore.open(here) as datastore:
            datastore.peers.remove("lab")
            datastore.peers.add("node", address.url)
        assert checks(cli)["peers"]["sentence"] == "peer node answers"


def test_doctor_waits_for_no_peer_that_takes_the_connection_and_says_nothing(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_registry.cli.condition._PEER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with Datastore.open(here) as datastore:
            datastore.peers.remove("lab")
            datastore.peers.add("silent", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert checks(cli)["peers"]["state"] == "wrong"


@pytest.mark.parametrize("harm", ["cut", "garbage", "newer"])
def test_doctor_finds_a_damaged_database(cli: Cli, here: Path, harm: str) -> None:
    path = here / DATABASE
    content = path.read_bytes()
    if harm == "newer":
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")
    else:
        path.write_bytes(content[: len(content) // 2] if harm == "cut" else b"xyz" * 10_000)
    assert checks(cli, "--offline")["database"]["state"] == "wrong"


def test_doctor_finds_a_damaged_page_wherever_it_is(cli: Cli, here: Path) -> None:
    path = here / DATABASE
    content = path.read_bytes()
    for page in range(0, len(content), 8_192):
        path.write_bytes(content[:page] + b"\xff" * 8_192 + content[page + 8_192 :])
        told = checks(cli, "--offline")["database"]
        assert told["state"] == "wrong", page
        assert not {"*", "↵"} & {*told["sentence"]}, told  # one fault is enough to see which it is


def test_doctor_finds_a_key_that_is_gone_spoilt_or_not_for_its_owner_alone(cli: Cli, here: Path) -> None:
    file = here / "identity.key"
    secret = file.read_text()
    file.chmod(0o644)
    assert checks(cli, "--offline")["key"]["state"] == "warning"
    file.write_text("no key")
    assert checks(cli, "--offline")["key"]["state"] == "wrong"
    file.unlink()
    assert checks(cli, "--offline")["key"]["state"] == "wrong"
    file.write_text(secret)
    file.chmod(0o600)
    assert checks(cli, "--offline")["key"]["state"] == "ok"


def test_doctor_finds_a_clock_that_was_put_back(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Datastore.open(here) as datastore:
        datastore.add("model", make_record("model", "today"))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3 * 86_400)
    check = checks(cli, "--offline")["clock"]
    assert (check["state"], "you signed a record at" in check["sentence"]) == ("wrong", True)
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    assert "before this program was written" in checks(cli, "--offline")["clock"]["sentence"]


def test_doctor_finds_settings_that_are_wrong(cli: Cli, here: Path, tmp_path: Path) -> None:
    assert here.exists()
    file = tmp_path / "config" / "tui-registry" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[sync]\npull_secnds = 3\n")
    check = checks(cli, "--offline")["settings"]
    assert check["state"] == "wrong"
    assert "did you mean pull_seconds?" in check["sentence"]


def test_doctor_finds_a_folder_that_others_can_write_and_one_that_nobody_can(cli: Cli, here: Path) -> None:
    here.chmod(0o777)
    assert "chmod 700" in checks(cli, "--offline")["folder"]["remedy"]
    here.chmod(0o700)
    with read_only(here) as place:
        told = checks(cli, "--offline", "--data-dir", str(place))
    assert told["database"]["state"] == "warning"
    assert "can only be read" in told["database"]["sentence"]


def test_doctor_tells_of_what_a_key_signed_elsewhere(cli: Cli, here: Path) -> None:
    with closing(sqlite3.connect(here / DATABASE)) as db, db:
        db.execute("INSERT INTO elsewhere (idx, state) VALUES (0, 0)")
    assert "'history --elsewhere'" in checks(cli, "--offline")["key"]["remedy"]


def test_the_terminal_that_the_app_needs_is_the_one_that_doctor_asks_for() -> None:
    assert (SMALLEST.width, SMALLEST.height) == SMALLEST_TERMINAL
