"""`search --facets`: what the matches have in common, as the app's filters count it, and as terms to search on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tests.seeds import owner, signed
from tui_registry.datastore import Datastore


@pytest.mark.parametrize("query", ["", "kind:agent", "llama OR kind:agent"])
def test_each_term_finds_as_many_records_as_it_counts(cli: Cli, seeded: Path, query: str) -> None:
    counts = cli("search", "--facets", "--json", query).lines
    with Datastore.open(seeded) as datastore:
        facets = datastore.facets(query)
    assert [(line["field"], line["value"], line["records"]) for line in counts] == [
        (field, item.value, item.records) for field, items in facets.values.items() for item in items
    ]
    assert all(line["exact"] for line in counts)
    for line in counts:
        narrowed = f"({query}) {line['term']}" if query else line["term"]
        assert len(cli("search", "--json", narrowed).lines) == line["records"] > 0, line


def test_the_table_tells_the_terms_with_your_names_for_owners(cli: Cli, seeded: Path) -> None:
    address = cli("list", "models", "--json", "--limit", "1").json["record"]["owner_id"]
    cli("identity", "name", address, "The lab")
    lines = [line.split() for line in cli("search", "--facets").out.splitlines()]
    assert ["kind:model", "10"] in lines
    assert [f"owner:{address}", "12", "The", "lab"] in lines
    assert ["params:4b..10b", "10", "4", "to", "10", "B"] in lines


def test_values_of_strangers_are_terms_in_quotes(cli: Cli, data_dir: Path) -> None:
    with Datastore.open(data_dir) as datastore:
        datastore.apply([signed(owner("x"), "model", "m", license='MIT" OR kind:agent').to_json()])
    (line,) = [line for line in cli("search", "--facets", "--json").lines if line["field"] == "license"]
    assert len(cli("search", "--json", "--", line["term"]).lines) == 1


def test_nothing_found_is_no_failure_and_a_query_that_cannot_be_read_says_where(cli: Cli, seeded: Path) -> None:
    said = cli("search", "--facets", "zzzyyyxxx")
    assert (said.code, said.out, said.err) == (0, "", "tui-registry: nothing found\n")
    assert is_one_sentence(cli("search", "--facets", "llama", "bogus:>1"), "bogus", "character 7")
    assert cli("search", "--facets", "llama", "bogus:1").err.startswith("tui-registry: there is no field 'bogus': ")


@pytest.mark.parametrize("more", [("--sort", "name"), ("--limit", "3"), ("--saved",), ("--save", "x")])
def test_counts_take_nothing_that_is_for_lists(cli: Cli, more: tuple[str, ...]) -> None:
    assert cli("search", "--facets", *more, "x").code == 2
