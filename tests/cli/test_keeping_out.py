"""`mute`, `block`, `purge`, `peer limit` and what was left out, on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.seeds import NOW, owner, seed, signed
from tui_registry.datastore import Datastore
from tui_registry.sync import publish

NOISY = owner("noisy").address


@pytest.fixture
def filled(data_dir: Path, tmp_path: Path) -> Path:
    """This replica has a stranger's four records and three of an owner who is noisy, which a stick has as well."""
    noise = [signed(owner("noisy"), "model", f"noise {n}").to_json() for n in range(3)]
    with Datastore.open(tmp_path / "there", clock=lambda: NOW) as there:
        seed(there, 4)
        there.apply(noise)
        publish(there, tmp_path / "stick")
    with Datastore.open(data_dir, clock=lambda: NOW) as here:
        here.peers.add("stick", str(tmp_path / "stick"))
        here.names.set(NOISY, "spam-lab")
    return data_dir


def test_a_muted_owner_is_hidden_and_told_and_shown_again(cli: Cli, filled: Path) -> None:
    cli("sync")
    said = cli("mute", "spam-lab")
    assert said.out == f"spam-lab (0x{NOISY[:4]}..{NOISY[-4:]}): is hidden in lists, searches and counts from now on; what it signs still comes in\n"  # fmt: skip
    listed = cli("list", "models")
    assert "noise" not in listed.out
    assert "3 records of owners that you muted are not shown" in listed.err
    assert cli("search", f"owner:{NOISY[:10]}").out.count("noise") == 3
    assert NOISY in cli("mute").out
    assert "3 of owners that you muted, which lists do not show" in cli("status").out
    assert cli("status", "--json").json["records"]["muted"] == 3
    assert cli("mute", "--undo", f"0x{NOISY}").out.endswith("is shown again\n")
    assert cli("list", "models").out.count("noise") == 3
    assert (cli("mute", "--undo", NOISY).code, cli("mute").err) == (1, "tui-registry: no owner is muted\n")


def test_a_block_lasts_until_it_is_undone_and_a_sync_brings_what_was_left_out(cli: Cli, filled: Path) -> None:
    assert cli("block", NOISY).code == 0
    assert cli("sync").out == "stick: 4 new operations, 3 left out\n"
    assert "identical but for 3 left out" in cli("peer", "list").out
    assert cli("peer", "list", "--json").json["left_out"] == 3
    assert "3 were left out by your choice" in cli("status").out
    told = cli("quarantine", "--left-out").out
    assert "spam-lab" in told
    assert told.endswith("  blocked: their owner is blocked\n")
    audit = cli("sync", "--audit").out
    assert audit == "stick: 4 of 7 operations are here\n  3 are not: left out: their owner is blocked\n"
    assert "3 operations left out so far at the next sync" in cli("block", "--undo", "spam-lab").out
    assert cli("sync").out == "stick: 3 new operations\n"
    assert cli("quarantine", "--left-out").err == "tui-registry: nothing was left out\n"


def test_a_purge_says_first_what_it_takes_and_asks(cli: Cli, filled: Path) -> None:
    cli("sync")
    planned = cli("purge", "--dry-run", NOISY)
    assert "it would take out 3 records (3 operations, about " in planned.out
    unasked = cli("purge", NOISY)
    assert (unasked.code, "nobody can be asked" in unasked.err) == (2, True)
    assert cli("list", "models").out.count("noise") == 3
    done = cli("purge", "--yes", "--json", "spam-lab").json
    assert (done["records"], done["ops"], done["done"], done["owner"]) == (3, 3, True, NOISY)
    assert "noise" not in cli("list", "models").out
    assert cli("sync").out == "stick: nothing new\n"
    assert "identical but for 3 left out" in cli("peer", "list").out
    assert cli("verify").code == 0
    cli("block", "--undo", NOISY)
    assert cli("sync").out == "stick: 3 new operations\n"


def test_a_limit_holds_what_is_over_it_back_and_says_so(cli: Cli, filled: Path) -> None:
    assert cli("peer", "limit", "stick", "--ops", "5", "--bytes", "2GiB").out == "stick: 5 operations in all, 2 GiB in all\n"  # fmt: skip
    assert cli("sync").out == "stick: 5 new operations, 2 left out\n"
    assert "source full: as much came from there as is taken" in cli("quarantine", "--left-out").out
    assert cli("peer", "limit").out.startswith("stick: 5 operations in all")
    assert cli("quarantine", "--left-out", "--take-in").out.startswith("2 operations come in at the next sync")
    assert cli("sync").out == "stick: 2 new operations\n"
    assert cli("peer", "limit", "stick", "--off").out == "stick: whatever comes\n"
    for line in (("peer", "limit", "--ops", "3"), ("peer", "limit", "stick", "--off", "--ops", "3")):
        assert cli(*line).code == 2
    assert cli("peer", "limit", "nobody", "--ops", "3").code == 1
    assert cli("peer", "limit", "stick", "--bytes", "much").code == 2


def test_a_limit_is_told_as_it_was_said(cli: Cli, filled: Path) -> None:
    assert cli("peer", "limit", "stick", "--bytes", "500MB", "--owner-ops", "1").out == "stick: 500 MB in all, 1 operation of an owner\n"  # fmt: skip
    assert cli("peer", "limit", "stick", "--bytes", "1536").out == "stick: 1,536 bytes in all, 1 operation of an owner\n"  # fmt: skip


def test_what_is_left_out_of_one_owner_is_found_behind_larger_ones_and_told_of_its_peer(cli: Cli, filled: Path) -> None:
    cli("peer", "limit", "--everybody", "--ops", "0")
    cli("block", NOISY)
    cli("sync")
    assert "  identical but for 7 left out here\n" in cli("peer", "list").out
    assert "left out   7 operations\n" in cli("peer", "show", "stick").out
    told = cli("quarantine", "--left-out", "--owner", NOISY, "--limit", "1").out
    assert "spam-lab" in told
    assert told.endswith("  blocked: their owner is blocked\n")


@pytest.mark.parametrize("how", ["--dry-run", "--yes"])
def test_a_purge_of_what_a_mistyped_peer_brought_is_not_told_as_done(cli: Cli, filled: Path, how: str) -> None:
    said = cli("purge", "--peer", "stik", how)
    assert (said.code, said.out) == (1, "")
    assert "no peer named 'stik'" in said.err
    assert cli("purge", "--peer", "stick", how).code == 0


def test_one_operation_comes_in(cli: Cli, filled: Path) -> None:
    cli("peer", "limit", "stick", "--ops", "6")
    cli("sync")
    assert cli("quarantine", "--left-out", "--take-in").out.startswith("1 operation comes in at the next sync")


def test_only_named_keys_come_in_where_that_is_said(cli: Cli, filled: Path) -> None:
    cli("peer", "limit", "--everybody", "--named-only", "yes")
    assert cli("sync").out == "stick: 3 new operations, 4 left out\n"
    cli("peer", "limit", "--everybody", "--named-only", "no")
    assert cli("peer", "limit").err.startswith("tui-registry: there are no limits")
    assert cli("sync").out == "stick: 4 new operations\n"


def test_removing_a_peer_tells_and_takes_what_only_it_brought(cli: Cli, filled: Path) -> None:
    cli("sync")
    said = cli("peer", "remove", "stick")
    assert "7 records (7 operations, about" in said.err
    assert "'purge --peer stick' takes them out" in said.err
    assert cli("purge", "--peer", "stick", "--yes").code == 0
    assert cli("list", "models").out == ""
    cli("peer", "add", "stick", str(filled.parent / "stick"))
    cli("sync")
    taken = cli("peer", "remove", "stick", "--purge", "--yes", "--json").json
    assert taken["removed"]
    assert cli("status", "--json").code == 0


@pytest.mark.parametrize("verb", ["mute", "block", "purge"])
def test_whom_it_is_about_must_be_known_and_not_oneself(cli: Cli, filled: Path, verb: str) -> None:
    yes = ("--yes",) if verb == "purge" else ()
    own = cli("identity", "show", "--json").json["address"]
    assert "this replica's own key" in cli(verb, own, *yes).err
    assert "is no address of 40 hex digits" in cli(verb, "nobody", *yes).err
