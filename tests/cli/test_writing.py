"""`register`, `update`, `delete`: signed, stored, and never over a change that nobody was shown."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Cli, is_one_sentence
from tui_registry.datastore import Datastore
from tui_registry.errors import Json

AGENT = '{"name": "crew", "version": "2.0.0", "agent_type": "researcher", "tools": ["browser"]}'


class Terminal(io.StringIO):
    """A person who answers."""

    def isatty(self) -> bool:
        return True


def test_register_reads_yaml_and_people_s_units(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(MODEL)
    said = cli("register", "model", "my.yaml", "--json")
    assert said.code == 0
    record = said.json["record"]
    assert (record["name"], record["parameters"], record["context_length"]) == ("my-finetune", 7_600_000_000, 32_768)
    shown = cli("show", said.json["id"], "--json").json
    assert (shown.pop("petname"), shown.pop("looks_like")) == (None, None)
    assert {**shown, "status": "registered"} == said.json


def test_register_reads_json_from_stdin(cli: Cli) -> None:
    said = cli("register", "agent", "-", given=AGENT)
    assert said.code == 0
    assert said.out.startswith("registered agent crew, id ")
    assert cli("list", "agents", "--json").json["record"]["agent_type"] == "Researcher"


def test_register_stores_a_record_with_warnings_and_says_them(cli: Cli) -> None:
    said = cli("register", "model", "-", given="name: bare\n")
    assert said.code == 0
    assert "warning: parameters" in said.err


def test_register_the_same_again_signs_nothing_and_says_which_it_is(cli: Cli, own: str) -> None:
    for again in (cli("show", own, "--json").out, MODEL):
        said = cli("register", "model", "-", given=again)
        assert (said.code, said.out) == (0, f"already here: model my-finetune, id {own}\n")
    told = cli("register", "model", "-", "--json", given=MODEL).json
    assert (told["id"], told["status"]) == (own, "here")
    assert len(cli("history", own, "--json").lines) == 1


def test_register_of_what_is_here_otherwise_says_what_differs_and_what_to_do(
    cli: Cli, own: str, tmp_path: Path
) -> None:
    (tmp_path / "my.yaml").write_text(MODEL.replace("Apache-2.0", "MIT") + "description: new\n")
    said = cli("register", "model", "my.yaml", "--json")
    differs = "Description, line 1: {+new+}" if "line 1" in said.err else "Description: "
    assert is_one_sentence(
        said, own[:12], "Licence: Apache-2.0 → MIT", differs, f"'update {own[:12]} my.yaml'", "--new"
    )
    assert cli("update", own, "my.yaml").code == 0
    assert cli("register", "model", "my.yaml").out == f"already here: model my-finetune, id {own}\n"


def test_register_of_what_is_here_otherwise_says_first_what_is_wrong_with_it(cli: Cli, own: str) -> None:
    said = cli("register", "model", "-", given=MODEL.replace("Apache-2.0", "bsd"))
    assert is_one_sentence(said, "stdin: license: ")


def test_register_new_makes_another_record(cli: Cli, own: str, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(MODEL)
    other = cli("register", "model", "my.yaml", "--new", "--json").json
    assert other["id"] != own
    # From now on the file is the one that it was registered as
    assert cli("register", "model", "my.yaml", "--json").json["id"] == other["id"]
    (tmp_path / "my.yaml").write_text(MODEL.replace("Apache-2.0", "MIT"))
    assert is_one_sentence(cli("register", "model", "my.yaml"), other["id"][:12])


def test_register_where_several_are_meant_names_them(cli: Cli, own: str) -> None:
    other = cli("register", "model", "-", "--new", "--json", given=MODEL.replace("Apache-2.0", "MIT")).json["id"]
    assert is_one_sentence(
        cli("register", "model", "-", given=MODEL + "description: a\n"), own[:12], other[:12], "--new"
    )
    # It says exactly what one of them does
    assert cli("register", "model", "-", "--json", given=MODEL).json["id"] == own


def test_a_deleted_record_can_be_registered_again_under_its_id(cli: Cli, own: str) -> None:
    shown = cli("show", own, "--json").out
    cli("delete", own, "--yes")
    again = cli("register", "model", "-", "--json", given=shown)
    assert again.json["id"] == own
    assert again.json["record"]["created_at"] == json.loads(shown)["record"]["created_at"]


def test_update_changes_what_the_file_names_and_keeps_the_rest(cli: Cli, own: str) -> None:
    before = cli("show", own, "--json").json["record"]
    said = cli("update", own[:12], "-", "--json", given="version: 1.0.1\nresource_requirements: {min_vcpus: 2}\n")
    assert said.code == 0
    after = said.json["record"]
    assert after["version"] == "1.0.1"
    assert after["resource_requirements"] == before["resource_requirements"] | {"min_vcpus": 2}
    assert after | {"version": 0, "updated_at": 0, "resource_requirements": 0} == before | {
        "version": 0, "updated_at": 0, "resource_requirements": 0,
    }  # fmt: skip


def test_update_refuses_to_swallow_a_change_that_its_file_had_not_seen(cli: Cli, own: str) -> None:
    shown = cli("show", own, "--json").json
    assert cli("update", own, "-", given="version: 1.1.0\n").code == 0
    shown["record"]["description"] = "edited from an old copy"
    assert is_one_sentence(cli("update", own, "-", given=json.dumps(shown)), "has changed")
    record = cli("show", own, "--json").json["record"]
    assert (record["version"], record["description"]) == ("1.1.0", "")


@pytest.mark.parametrize("heads", [["zz"], [], "x", None, [["a" * 64]], ["A" * 64], ["a" * 64, 7], {}])
def test_update_refuses_heads_that_were_damaged_on_the_way(cli: Cli, own: str, heads: Json) -> None:
    shown = cli("show", own, "--json").json
    assert cli("update", own, "-", given="version: 1.1.0\n").code == 0
    said = cli("update", own, "-", given=json.dumps({**shown, "heads": heads}))
    assert is_one_sentence(said, "stdin: heads: must be the list of 64-digit hashes that 'show --json' gave")
    assert cli("show", own, "--json").json["record"]["version"] == "1.1.0"


def test_update_without_heads_goes_on_top_of_what_is_here(cli: Cli, own: str) -> None:
    shown = cli("show", own, "--json").json
    assert cli("update", own, "-", given="version: 1.1.0\n").code == 0
    del shown["heads"], shown["revision"]
    assert cli("update", own, "-", given=json.dumps(shown)).code == 0
    assert cli("show", own, "--json").json["record"]["version"] == "1.0.0"


def test_update_refuses_a_copy_of_another_record(cli: Cli, own: str) -> None:
    other = cli("register", "model", "-", "--new", "--json", given=MODEL)
    assert is_one_sentence(cli("update", own, "-", given=other.out), "take the id out")
    for beside in (other.json["id"], other.json["id"][:12], "", 5):
        part = {
            "kind": "model",
            "id": beside,
            "record": {"version": "9.0.0"},
            "heads": cli("show", own, "--json").json["heads"],
        }
        assert is_one_sentence(cli("update", own, "-", given=json.dumps(part)), "id")
    assert cli("show", own, "--json").json["record"]["version"] == "1.0.0"


def test_update_with_errors_changes_nothing(cli: Cli, own: str, data_dir: Path) -> None:
    assert is_one_sentence(cli("update", own, "-", given="version: '1.0'\n"), "stdin: version", "write 1.0.0")
    assert cli("show", own, "--json").json["record"]["version"] == "1.0.0"


@pytest.mark.parametrize("words", [("update", "-"), ("delete", "--yes")])
def test_another_owners_record_is_left_alone(cli: Cli, seeded: Path, words: tuple[str, str]) -> None:
    stranger = cli("list", "models", "--json", "--limit", "1").json
    said = cli(words[0], stranger["id"], words[1], given="version: 9.9.9\n")
    assert is_one_sentence(said, stranger["record"]["owner_id"])
    # What helps who would edit it helps nobody to delete it.
    assert ("register a copy" in said.err) == (words[0] == "update")
    with Datastore.open(seeded) as datastore:
        assert datastore.stats().ops == 12


def test_delete_removes_the_record_and_says_so(cli: Cli, own: str) -> None:
    assert cli("delete", own, "--yes", "--json").json["deleted"] is True
    assert is_one_sentence(cli("show", own), "there is no record here")


def test_delete_asks_nobody_in_a_script(cli: Cli, own: str) -> None:
    said = cli("delete", own)
    assert (said.code, said.out) == (2, "")
    assert "--yes" in said.err
    assert cli("show", own).code == 0


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1), ("", 1, 1)])
def test_delete_asks_a_person(
    cli: Cli, own: str, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    from tui_registry.__main__ import main

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert main(["delete", own]) == code
    assert len(cli("list", "models", "--json").lines) == left


def test_an_update_that_changes_nothing_says_so_and_signs_nothing(cli: Cli, own: str) -> None:
    shown = cli("show", own, "--json").out
    assert cli("update", own, "-", given=shown).out.startswith("unchanged: model ")
    assert cli("show", own, "--json").json["heads"] == json.loads(shown)["heads"]
