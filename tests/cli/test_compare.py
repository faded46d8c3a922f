"""`compare`: records side by side, for people and for programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tui_registry.datastore import Datastore


@pytest.fixture
def ids(seeded: Path) -> list[str]:
    with Datastore.open(seeded) as datastore:
        return [row.id for row in datastore.search(limit=5).rows]


def test_records_stand_in_columns_in_the_order_they_are_named(cli: Cli, ids: list[str]) -> None:
    said = cli("compare", ids[1][:10], ids[0])
    assert (said.code, said.err) == (0, "")
    assert said.out.split().index(ids[1][:12]) < said.out.split().index(ids[0][:12])
    assert "\n  Licence " in said.out
    assert "\n≠ Tags " in said.out
    only = cli("compare", ids[1], ids[0], "--differing").out
    assert "Licence" not in only
    assert "≠ Tags" in only


def test_programs_get_the_values_as_they_are_signed(cli: Cli, ids: list[str]) -> None:
    found = cli("compare", *ids[:3], "--json").json
    assert [record["id"] for record in found["records"]] == ids[:3]
    records = [cli("show", key, "--json").json["record"] for key in ids[:3]]
    for field in found["fields"]:
        if field["path"] in ("tags", "license", "description"):
            assert field["values"] == [record[field["path"]] for record in records]
    differing = cli("compare", *ids[:3], "--json", "--differing").json["fields"]
    assert differing == [field for field in found["fields"] if field["differs"]]


def test_an_id_that_is_not_there_is_said_in_one_sentence(cli: Cli, ids: list[str]) -> None:
    assert is_one_sentence(cli("compare", ids[0], "ffffffff"), "there is no record here", "ffffffff")


@pytest.mark.parametrize("places", [(0,), (0, 1, 2, 3, 4), (0, 0)])
def test_what_cannot_be_compared_is_a_usage_error(cli: Cli, ids: list[str], places: tuple[int, ...]) -> None:
    said = cli("compare", *(ids[place] for place in places))
    assert (said.code, said.out) == (2, "")
    assert "compared" in said.err
