"""`undo`, `restore`, `history` without an ID: what was done last, and taking it back with one more signed operation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Cli, is_one_sentence
from tests.cli.test_writing import Terminal
from tests.seeds import seed
from tui_registry.__main__ import main
from tui_registry.cli import look
from tui_registry.datastore import Datastore, HistoryEntry, now


def test_undo_brings_the_version_before_back_as_one_more_operation(cli: Cli, own: str) -> None:
    before = cli("show", own, "--json").json["record"]
    cli("update", own, "-", given="version: 2.0.0\ntags: [code]\n")
    undone = cli("undo", own[:10], "--yes", "--json")
    assert undone.code == 0
    assert {**undone.json["record"], "updated_at": 0} == {**before, "updated_at": 0}
    assert len(cli("history", own, "--json").lines) == 3
    assert cli("undo", own, "--yes", "--json").json["record"]["version"] == "2.0.0"


def test_undo_asks_with_what_would_change_and_a_no_changes_nothing(
    cli: Cli, own: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cli("update", own, "-", given="version: 2.0.0\n")
    assert cli("undo", own).code == 2
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert main(["undo", own]) == 1
    asked = capfd.readouterr().err
    assert "Undo the last change of model “my-finetune”" in asked
    assert ": version? [y/N]" in asked
    assert len(cli("history", own, "--json").lines) == 2


def test_undoing_a_registration_deletes_it_and_restore_brings_it_back(cli: Cli, own: str) -> None:
    before = cli("show", own, "--json").json["record"]
    deleted = cli("undo", own, "--yes", "--json").json
    assert (deleted["id"], deleted["deleted"]) == (own, True)
    assert cli("show", own).code == 1
    restored = cli("restore", own[:12], "--json")
    assert restored.code == 0
    assert restored.json["id"] == own
    assert {**restored.json["record"], "updated_at": 0} == {**before, "updated_at": 0}


def test_restore_brings_back_what_was_deleted_in_an_earlier_run(cli: Cli, own: str) -> None:
    cli("delete", own, "--yes")
    said = cli("restore", own)
    assert said.out == f"brought back model my-finetune, id {own}\n"
    assert cli("show", own).code == 0


def test_what_cannot_be_undone_or_restored_is_one_sentence(cli: Cli, own: str, seeded: Path) -> None:
    assert is_one_sentence(cli("restore", own), "is not deleted", "'undo'")
    with Datastore.open(seeded) as datastore:
        theirs = next(entry.id for entry in datastore.entries("") if not entry.mine)
    assert is_one_sentence(cli("undo", theirs, "--yes"), "only the key that signed")
    assert is_one_sentence(cli("undo", "abcdef0123456789", "--yes"), "no record here")
    assert is_one_sentence(cli("restore", "abcdef0123456789"), "no record here")


def test_history_without_an_id_lists_what_happened_last_first(cli: Cli, data_dir: Path) -> None:
    with Datastore.open(data_dir) as datastore:
        seed(datastore, 3)
    own = cli("register", "model", "-", "--json", given=MODEL).json["id"]
    cli("update", own, "-", given="version: 2.0.0\n")
    cli("delete", own, "--yes")
    lines = cli("history", "--json").lines
    assert [line["index"] for line in lines] == [5, 4, 3, 2, 1, 0]
    assert [line["did"] for line in lines] == ["deleted", "edited", *["registered"] * 4]
    assert [line["name"] for line in lines[:3]] == ["my-finetune"] * 3
    assert (lines[0]["deletes"], lines[0]["head"], lines[0]["current"]) == (True, True, False)
    assert [line["id"] for line in cli("history", "--mine", "--json").lines] == [own] * 3
    assert [line["index"] for line in cli("history", "--limit", "2", "--json").lines] == [5, 4]
    table = cli("history", "--mine").out.splitlines()
    assert len(table) == 1 + 4
    assert table[0] == "operations of this key, the last arrived first"
    assert table[2].split()[1:6] == ["now", "now", "here", "deleted", "model"]
    assert own[:12] in table[2]


def test_history_of_everything_is_read_to_its_end(cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "_READ_AT_ONCE", 2)
    with Datastore.open(data_dir) as datastore:
        seed(datastore, 7)
    for limit, count in (("0", 7), ("3", 3), ("4", 4), ("100", 7)):
        assert len(cli("history", "--limit", limit, "--json").lines) == count
    assert not (data_dir / "identity.key").exists()


def test_history_of_a_record_is_read_to_its_end_and_no_further_than_asked(
    cli: Cli, own: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_RECORDS_READ_AT_ONCE", 2)
    for number in range(1, 5):
        cli("update", own, "-", given=f"version: 1.{number}.0\n")
    versions = [f"1.{number}.0" for number in (4, 3, 2, 1, 0)]
    for limit, count in ((None, 5), ("0", 5), ("1", 1), ("3", 3), ("4", 4), ("100", 5)):
        words = ["history", own, "--json"] + ([] if limit is None else ["--limit", limit])
        assert [line["record"]["version"] for line in cli(*words).lines] == versions[:count]
    # Two lines each: the operation, and what it changed.
    assert len(cli("history", own, "--limit", "3").out.splitlines()) == 3 + 2 * 3
    asked: list[int | None] = []
    read = Datastore.history

    def counted(self: Datastore, identifier: str, *, limit: int | None, before: int | None) -> list[HistoryEntry]:
        asked.append(limit)
        return read(self, identifier, limit=limit, before=before)

    monkeypatch.setattr(Datastore, "history", counted)
    cli("history", own, "--limit", "3")
    assert asked == [2, 1]


def test_a_record_deleted_on_two_machines_is_restored(cli: Cli, own: str, data_dir: Path, tmp_path: Path) -> None:
    before = cli("show", own, "--json").json["record"]
    with Datastore.open(data_dir) as here, Datastore.open(tmp_path / "there", clock=lambda: now() + 60) as there:
        there.key.replace(here.key.identity())
        there.apply(here.log.lines(0, 10))
        for datastore in (here, there):
            datastore.delete("model", own, datastore.heads(own))
        assert here.apply(there.log.lines(0, 10)).applied == 1
        assert len(here.heads(own)) == 2
    restored = cli("restore", own, "--json")
    assert restored.code == 0
    assert {**restored.json["record"], "updated_at": 0} == {**before, "updated_at": 0}


@pytest.mark.parametrize("command", ["history", "quarantine", "list models"])
def test_how_many_is_a_plain_number_everywhere(cli: Cli, command: str) -> None:
    for limit in ("1_0", "-1", "1.5", "٣", "+3", " 3", "9" * 10, ""):
        assert cli(*command.split(), f"--limit={limit}").code == 2
    assert cli(*command.split(), "--limit=0").code == 0


def test_history_of_an_empty_replica_is_empty_and_says_so(cli: Cli) -> None:
    assert (cli("history").code, cli("history").out) == (0, "")
    assert "no operations yet" in cli("history").err
    assert "signed nothing yet" in cli("history", "--mine").err
    assert cli("history", "--json").out == ""


def test_mine_and_an_id_exclude_each_other(cli: Cli, own: str) -> None:
    assert cli("history", own, "--mine").code == 2


def test_an_import_is_undone_as_one(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.yaml").write_text(MODEL.replace("my-finetune", name))
    done = cli("import", str(tmp_path), "--register")
    assert "to take it back: tui-registry undo --batch 1" in done.err
    listed = cli("undo", "--batches").out
    assert f"import of {tmp_path}"[:20] in listed
    assert cli("undo", "--batch", "last").code == 2  # nobody can be asked
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert main(["undo", "--batch", "1"]) == 1
    assert len(cli("list", "models", "--json").lines) == 3
    told = cli("undo", "--batch", "last", "--yes", "--json").json
    assert told == {"batch": 1, "undone": 3, "kept": {}, "failed": []}
    assert cli("list", "models", "--json").lines == []
    assert cli("undo", "--batches", "--json").lines[1]["undone"] == 1
    assert "3 records" in cli("undo", "--batch", "last", "--yes").out
    assert len(cli("list", "models", "--json").lines) == 3


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (("undo",), 2, "which record? Give its ID"),
        (("undo", "--batch", "7"), 1, "there is no batch 7 here"),
        (("undo", "--batch", "last"), 1, "there is none yet"),
        (("undo", "--batch", "x"), 1, "'x' is no number"),
    ],
)
def test_a_batch_that_cannot_be_undone_is_one_sentence(cli: Cli, line: tuple[str, ...], code: int, said: str) -> None:
    told = cli(*line)
    assert told.code == code
    assert said in told.err
    is_one_sentence(told)
