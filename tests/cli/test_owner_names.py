"""`identity name`: what this replica calls the keys of owners, given, told, taken over and taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tests.seeds import owner
from tests.trust.strings import STRINGS, dangers

ADDRESS = owner("stranger").address


def test_a_key_gets_a_name_that_show_and_search_know(cli: Cli, seeded: Path) -> None:
    record = cli("list", "models", "--json", "--limit", "1").json
    address = record["record"]["owner_id"]
    assert cli("identity", "name", f"0x{address.upper()}", " The lab ").out == f"0x{address}  The lab\n"
    assert cli("identity", "name", address).out == f"0x{address}  The lab\n"
    assert "which you call The lab" in cli("show", record["id"]).out
    assert len(cli("search", "--json", 'owner:"the lab"').lines) == 12
    assert cli("identity", "name", address, "--forget", "--json").json == {"address": address, "name": None}
    assert "a key you have not named" in cli("show", record["id"]).out


def test_names_are_told_one_object_a_line_so_that_another_machine_can_take_them_over(cli: Cli, tmp_path: Path) -> None:
    cli("identity", "name", owner("b").address, "twin")
    cli("identity", "name", ADDRESS, "twin")
    told = cli("identity", "name", "--json").lines
    assert told == [{"address": address, "name": "twin"} for address in sorted((ADDRESS, owner("b").address))]
    there = ("--data-dir", str(tmp_path / "there"))
    for line in told:
        assert cli("identity", "name", *there, line["address"], line["name"], "--json").json == line
    assert cli("identity", "name", *there).out == cli("identity", "name").out


def test_a_key_without_a_name_is_no_failure_but_cannot_lose_one(cli: Cli) -> None:
    said = cli("identity", "name", ADDRESS)
    assert (said.code, said.out, "has no name here" in said.err) == (0, "", True)
    assert cli("identity", "name", ADDRESS, "--json").json == {"address": ADDRESS, "name": None}
    assert is_one_sentence(cli("identity", "name", ADDRESS, "--forget"), "has no name here")
    assert cli("identity", "name").err.startswith("tui-registry: no key has a name here")


@pytest.mark.parametrize(
    "words",
    [
        (ADDRESS[:12], "x"),
        ("0x", "x"),
        (ADDRESS, ""),
        (ADDRESS, " "),
        (ADDRESS, "x", "--forget"),
        ("--forget",),
        (ADDRESS, "\udcff"),
    ],
)
def test_what_makes_no_sense_changes_no_name(cli: Cli, words: tuple[str, ...]) -> None:
    cli("identity", "name", ADDRESS, "lab")
    assert cli("identity", "name", *words).code == 2
    assert cli("identity", "name", "--json").json == {"address": ADDRESS, "name": "lab"}


def test_no_name_acts_on_the_terminal(cli: Cli, seeded: Path) -> None:
    for text in STRINGS.values():
        if text.strip():
            for words in ((ADDRESS, "--", text), (), ("--json",)):
                said = cli("identity", "name", *words)
                assert said.code == 0
                assert not dangers(said.out + said.err)
