"""Whose heads a peer shows: pinned, told and accepted on the command line; and proofs of two faces, handed on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.cli.test_exchange import every
from tests.sync.logs import MALLORY, show_two_faces
from tui_registry.datastore import Datastore
from tui_registry.sync import publish


@pytest.fixture
def stick(tmp_path: Path) -> str:
    """The static log of a replica that has a key, and nothing in it."""
    with Datastore.open(tmp_path / "stranger") as datastore:
        publish(datastore, tmp_path / "stick")
    return str(tmp_path / "stick")


def renewed(tmp_path: Path) -> str:
    """The log once more, by another key; its address."""
    (tmp_path / "stick" / "sync" / "head").unlink()
    with Datastore.open(tmp_path / "stranger") as datastore:
        datastore.key.replace()
        publish(datastore, tmp_path / "stick")
        return datastore.address


def test_a_key_is_pinned_another_one_is_told_and_accepted(cli: Cli, stick: str, tmp_path: Path) -> None:
    assert cli("peer", "add", "stick", stick).code == 0
    assert cli("sync").err == ""
    before = cli("peer", "show", "stick", "--json").json
    assert before["key"] == before["signed_by"] == before["node"]
    assert (before["root_fits"], before["concerns"]) == (True, [])
    new = renewed(tmp_path)
    said = cli("sync")
    # It is no failure: what the peer gives proves itself.
    assert said.code == 0
    assert (
        f"stick: its head is signed by another key than it is known by: by 0x{new}, and not by 0x{before['key']}"
        in said.err
    )
    assert "'peer trust stick' accepts the new key" in said.err
    told = cli("sync", "--json").json
    assert (told["ok"], [concern["code"] for concern in told["concerns"]]) == (True, ["another_key"])
    assert "another key" in cli("peer", "list").out
    shown = cli("peer", "show", "stick").out
    assert f"0x{before['key']}; its last head is signed by 0x{new}" in shown
    assert "fits all that was read" in shown
    assert "is signed by another key" in cli("status").out
    assert "warning  peer stick: its head is signed by another key" in cli("doctor", "--offline").out
    assert cli("doctor", "--offline").code == 0
    assert f"stick is known by the key 0x{new}" in cli("peer", "trust", "stick").out
    assert cli("sync").err == ""
    assert cli("peer", "show", "stick", "--json").json["concerns"] == []


def test_a_key_that_is_known_is_named_when_a_peer_is_added(cli: Cli, stick: str) -> None:
    assert cli("peer", "add", "stick", stick, "--key", "0x" + "AB" * 20, "--json").json["key"] == "ab" * 20
    assert "another key" in cli("sync").err
    wrong = cli("peer", "add", "other", stick + "/x", "--key", "alice")
    assert (wrong.code, "40 hex digits" in wrong.err) == (1, True)
    assert cli("peer", "trust", "stick", "alice").code == 1
    assert cli("peer", "trust", "stick", "cd" * 20, "--json").json["key"] == "cd" * 20


def test_a_peer_that_was_never_read_has_no_key_to_accept(cli: Cli) -> None:
    cli("peer", "add", "hub", "http://127.0.0.1:1")
    said = cli("peer", "trust", "hub")
    assert said.code == 1
    assert "'sync hub' first, or name the key" in said.err
    assert "none yet" in cli("peer", "show", "hub").out
    assert cli("peer", "show", "nobody").code == 1
    assert cli("sync", "hub").code == 1
    # A key that was named, and a peer that was never reached: nothing is odd yet.
    assert cli("peer", "trust", "hub", "ab" * 20, "--json").json["concerns"] == []


def test_an_unsigned_head_is_accepted_as_it_is(cli: Cli, stick: str) -> None:
    cli("peer", "add", "stick", stick)
    cli("sync")
    head = Path(stick) / "sync" / "head"
    tree = json.loads(head.read_text())
    del tree["sig"]
    head.write_text(json.dumps(tree))
    said = cli("sync")
    assert said.code == 0
    assert "stick: its head bears no signature, and it is known by that of 0x" in said.err
    assert "stick is taken without a signature" in cli("peer", "trust", "stick").out
    assert cli("sync").err == ""


def test_rounds_tell_what_is_odd_about_a_key_once(
    data_dir: Path, stick: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Datastore.open(data_dir) as datastore:
        datastore.peers.add("stick", stick)
        every(datastore, 5, lambda rounds: renewed(tmp_path) and None if rounds == 2 else None)
        said = capsys.readouterr()
        assert said.err.count("another key") == 1
        assert "Traceback" not in said.err
        every(datastore, 3, lambda _: None, as_json=True)
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [concern["code"] for concern in line["concerns"]] == ["another_key"]


# Two faces


@pytest.fixture
def proof(cli: Cli, data_dir: Path) -> dict[str, Any]:
    """A proof as `peer faces --json` writes it."""
    with Datastore.open(data_dir) as datastore:
        datastore.peers.add("hub", "http://127.0.0.1:1")
        show_two_faces(datastore, "hub")
    found: dict[str, Any] = cli("peer", "faces", "--json").json
    return found


def test_a_proof_is_listed_told_and_known_once_that_is_said(cli: Cli, proof: dict[str, Any]) -> None:
    assert proof["shown_by"] == ["hub", "hub"]
    listed = cli("peer", "faces")
    assert f"0x{MALLORY.address} signed two heads of 7 operations" in listed.out
    assert "'verify --faces FILE'" in listed.err
    assert "two faces" in cli("peer", "list").out
    assert "cannot both be true" in cli("doctor", "--offline").out
    assert "1 proof of two faces is known now, and kept" in cli("peer", "trust", "hub", MALLORY.address).err
    assert "cannot both be true" not in cli("peer", "list").out
    assert "which you know" in cli("peer", "faces").out
    # What it proves, it proves also where the peer is gone.
    cli("peer", "remove", "hub")
    assert cli("peer", "faces", "--json").json["heads"] == proof["heads"]


def test_a_proof_is_checked_without_a_replica(cli: Cli, proof: dict[str, Any], tmp_path: Path) -> None:
    elsewhere = ("--data-dir", str(tmp_path / "nowhere"))
    said = cli(*elsewhere, "verify", "--faces", "-", "--json", given=json.dumps(proof))
    assert said.code == 0
    (found,) = said.json["proofs"]
    assert (found["key"], found["size"], found["roots"]) == (MALLORY.address, 7, ["01" * 32, "02" * 32])
    spoken = cli(*elsewhere, "verify", "--faces", "-", given=f"{json.dumps(proof)}\n{json.dumps(proof)}\n")
    assert "- is sound" in spoken.out or "stdin is sound" in spoken.out
    assert not (tmp_path / "nowhere").exists()


def changed(head: int, **members: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(proof: dict[str, Any]) -> dict[str, Any]:
        heads = [dict(one) for one in proof["heads"]]
        for member, value in members.items():
            if value is None:
                del heads[head][member]
            else:
                heads[head][member] = value
        return {**proof, "heads": heads}

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed(1, root="03" * 32), "whose signature is not one of its node's key"),
        (changed(1, epoch="ab" * 16), "whose signature is not"),
        (changed(0, sig=None), "bears no signature"),
        (changed(0, size="7"), "whose size is not a whole number"),
        (lambda proof: {**proof, "heads": [proof["heads"][0]] * 2}, "the same root"),
        (lambda proof: {**proof, "heads": proof["heads"][:1]}, "it has no two heads"),
        (lambda _: {"heads": [[], []]}, "JSON that is not a registry's head"),
        (lambda _: "proof", "it has no two heads"),
        (lambda _: {"heads": "\x1b[31m"}, "it has no two heads"),
    ],
)
def test_what_proves_nothing_is_said_to(
    cli: Cli, proof: dict[str, Any], change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    answer = cli("verify", "--faces", "-", "--json", given=f"{json.dumps(proof)}\n{json.dumps(change(proof))}\n")
    assert answer.code == 1
    assert (answer.json["sound"], answer.json["line"]) == (False, 2)
    assert said in answer.json["sentence"]


@pytest.mark.parametrize("given", ["", "no json\n", "[" * 70_000, b"\xff\xfe\n", "{}\n" + "x" * 200_000])
def test_any_file_is_answered_in_a_sentence(cli: Cli, given: str | bytes) -> None:
    answer = cli("verify", "--faces", "-", given=given)
    assert answer.code == 1
    assert ", line 1: " in answer.err
