"""Saved searches from scripts: kept with `search --save`, asked as `@name`, listed and forgotten."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli, is_one_sentence


def test_a_saved_search_is_asked_by_its_name_alone_and_with_more(cli: Cli, seeded: Path) -> None:
    assert cli("search", "--save", "agents", "kind:agent").code == 0
    assert cli("search", "@agents", "--json").out == cli("search", "kind:agent", "--json").out != ""
    assert cli("search", "@agents sort:name", "--json").code == 0


def test_saving_prints_no_data(cli: Cli, seeded: Path) -> None:
    said = cli("search", "--save", "@mine", "is:mine")
    assert (said.code, said.out) == (0, "")
    assert "@mine" in said.err


def test_saved_searches_are_listed_for_people_and_for_programs(cli: Cli, seeded: Path) -> None:
    cli("search", "--save", "b", "kind:agent")
    cli("search", "--save", "long-name", "llama", "params:<=8b")
    assert cli("search", "--saved").out == "@b          kind:agent\n@long-name  llama params:<=8b\n"
    assert cli("search", "--saved", "--json").lines == [
        {"name": "b", "query": "kind:agent"},
        {"name": "long-name", "query": "llama params:<=8b"},
    ]


def test_a_saved_search_can_be_forgotten_once(cli: Cli, seeded: Path) -> None:
    cli("search", "--save", "b", "kind:agent")
    assert cli("search", "--forget", "b").code == 0
    assert cli("search", "--saved", "--json").lines == []
    assert is_one_sentence(cli("search", "--forget", "b"), "no saved search", "b")


def test_what_cannot_be_asked_is_not_saved(cli: Cli, seeded: Path) -> None:
    assert is_one_sentence(cli("search", "--save", "x", "llama bogus:1"), "bogus", "character 7")
    assert is_one_sentence(cli("search", "--save", "no way", "llama"), "letters, digits")
    assert cli("search", "--saved", "--json").lines == []


def test_a_search_needs_a_query_and_the_list_of_searches_takes_none(cli: Cli, seeded: Path) -> None:
    assert cli("search").code == 2
    assert cli("search", "--save", "x").code == 2
    assert cli("search", "--saved", "llama").code == 2
