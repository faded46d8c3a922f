"""`change`: tags and a licence for several records, told beforehand, undone as one."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.places import no_room_for_many
from tests.seeds import make_record, seed
from tui_registry.datastore import Datastore


@pytest.fixture
def mine(cli: Cli) -> list[str]:
    """The ids of three records of this replica's own, beside four of a stranger."""
    with Datastore.open() as datastore:
        seed(datastore, 4)
        return [
            datastore.add("model", make_record("model", f"m{number}", license="MIT", tags=["old"])).key
            for number in range(3)
        ]


def said_of(cli: Cli, identifier: str) -> tuple[object, object]:
    record = cli("show", identifier, "--json").json["record"]
    return record["tags"], record["license"]


def test_named_records_get_tags_and_a_licence_and_one_undo_takes_it_back(cli: Cli, mine: list[str]) -> None:
    said = cli("change", *mine[:2], "--tag", "rag", "--untag", "old", "--license", "Apache-2.0", "--yes", "--json")
    assert said.code == 0, said.err
    assert said.json["changed"] == mine[:2]
    assert (said.json["left"], said.json["written"]) == ([], True)
    assert [said_of(cli, one) for one in mine] == [(["rag"], "Apache-2.0")] * 2 + [(["old"], "MIT")]
    assert "change of tags and licence of 2 records" in cli("undo", "--batches").out
    assert cli("undo", "--batch", str(said.json["batch"]), "--yes").code == 0
    assert [said_of(cli, one) for one in mine] == [(["old"], "MIT")] * 3


def test_a_search_changes_what_is_one_s_own_and_leaves_the_others(cli: Cli, mine: list[str]) -> None:
    dry = cli("change", "--search", "kind:model", "--tag", "rag", "--dry-run", "--json")
    assert dry.code == 0
    assert sorted(dry.json["changed"]) == sorted(mine)
    assert {one["why"] for one in dry.json["left"]} == {"of other owners"}
    assert (dry.json["batch"], dry.json["written"]) == (None, False)
    assert said_of(cli, mine[0]) == (["old"], "MIT")
    said = cli("change", "--search", "kind:model", "--tag", "rag", "--yes")
    assert said.out.count("changed model") == 3
    assert "4 left alone, as they are other owners'" in said.err
    again = cli("change", "--search", "is:mine", "--tag", "rag", "--yes")
    assert (again.code, again.out) == (0, "")
    assert "3 left alone, as they are so already" in again.err


def test_a_named_record_that_cannot_be_changed_is_told_and_the_others_are(cli: Cli, mine: list[str]) -> None:
    other = next(line["id"] for line in cli("export").lines if line["id"] not in mine)
    said = cli("change", other, mine[0], "--tag", "rag", "--yes")
    assert said.code == 1
    assert "it is another owner's" in said.err
    assert said_of(cli, mine[0])[0] == ["old", "rag"]
    bad = cli("change", mine[0], "--tag", "Not_Slug", "--license", "apache", "--yes", "--json")
    assert bad.code == 1
    assert bad.json["changed"] == []
    assert "refused: " in bad.json["left"][0]["why"]


def test_where_the_disk_fills_up_in_between_what_was_written_is_told_and_taken_back(
    cli: Cli, mine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        no_room_for_many(full)
        tags = [word for number in range(20) for word in ("--tag", f"{number}-{'x' * 40}")]
        said = cli("change", *mine, *tags, "--yes", "--json")
    assert said.code == 1
    told, error = said.lines
    assert told["changed"] == mine[: len(told["changed"])] != mine
    assert error["error"]["code"] == "disk_full"
    assert cli("undo", "--batch", str(told["batch"]), "--yes").code == 0
    assert [said_of(cli, one)[0] for one in mine] == [["old"]] * 3


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--tag", "x"), "which records?"),
        (("abc",), "say what to change"),
        (("abc", "--search", "x", "--tag", "x"), "not by both"),
        (("abc", "--tag", "x", "--untag", "x"), "both name x"),
    ],
)
def test_a_line_that_means_nothing_is_told(cli: Cli, words: tuple[str, ...], part: str) -> None:
    said = cli("change", *words)
    assert said.code == 2
    assert part in said.err


def test_nobody_is_asked_where_nobody_can_answer(cli: Cli, mine: list[str]) -> None:
    said = cli("change", *mine, "--tag", "rag")
    assert said.code == 2
    assert "One signed operation" not in said.out
    assert "--yes" in said.err
    assert said_of(cli, mine[0])[0] == ["old"]


# ---- the deletion of several -----------------------------------------------------------------------------------------


def test_several_records_are_deleted_in_one_batch_and_come_back_by_one_undo(cli: Cli, mine: list[str]) -> None:
    said = cli("delete", *mine[:2], mine[0], "--yes", "--json")
    assert said.code == 0, said.err
    assert [line["id"] for line in said.lines] == mine[:2]
    assert cli("undo", "--batch", "last", "--yes").code == 0
    assert {line["id"] for line in cli("export", "is:mine").lines} == set(mine)


def test_nothing_is_deleted_where_one_of_several_is_another_owner_s(cli: Cli, mine: list[str]) -> None:
    other = next(line["id"] for line in cli("export").lines if line["id"] not in mine)
    said = cli("delete", mine[0], other, "--yes")
    assert said.code == 1
    assert "can only be deleted with that key" in said.err
    assert cli("show", mine[0]).code == 0
