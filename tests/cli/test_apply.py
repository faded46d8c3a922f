"""`apply`: a file says how records are to be, as often as it is said; what it does not name stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Cli, Said, is_one_sentence
from tests.importers.made import LLAMA, gguf
from tui_registry.datastore import Datastore

FILE = """\
- kind: model
  name: my-finetune
  version: 1.0.0
  license: Apache-2.0
  parameters: 7.6b
  context_length: 32k
  tags: [chat]
- kind: agent
  name: my-crew
  license: MIT
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "records.yaml"
    path.write_text(FILE)
    return path


def statuses(said: Said) -> list[str]:
    return [line["status"] for line in said.lines]


def ops(data_dir: Path) -> int:
    with Datastore.open(data_dir) as datastore:
        return datastore.log.head().size


def test_a_file_is_applied_once_and_twice_is_nothing_to_do(cli: Cli, file: Path, data_dir: Path) -> None:
    dry = cli("apply", "records.yaml", "--dry-run")
    assert (dry.code, dry.err) == (0, "tui-registry: 2 ready: without --dry-run this is signed\n")
    assert not (data_dir / "identity.key").exists()
    first = cli("apply", "records.yaml", "--json")
    assert (first.code, statuses(first)) == (0, ["registered", "registered"])
    for words in ((), ("--dry-run",)):
        again = cli("apply", "records.yaml", *words)
        assert (again.code, ops(data_dir)) == (0, 2)
        assert again.err == "tui-registry: nothing to do: 2 here already\n"
    assert cli("undo", "--batch", "last", "--yes").code == 0
    assert cli("list", "models").out == ""


def test_the_dry_run_tells_the_changes_and_signs_nothing_and_the_run_makes_them(
    cli: Cli, file: Path, data_dir: Path
) -> None:
    model, agent = (line["id"] for line in cli("apply", "records.yaml", "--json").lines)
    file.write_text(FILE.replace("Apache-2.0", "MIT").replace("[chat]", "[code, new]"))
    dry, dry_json = cli("apply", "records.yaml", "--dry-run"), cli("apply", "records.yaml", "--dry-run", "--json")
    assert (dry.code, dry_json.code, ops(data_dir)) == (0, 0, 2)
    assert statuses(dry_json) == ["changed", "here"]
    assert {change["path"]: change["after"] for change in dry_json.lines[0]["changes"]} == {
        "license": "MIT",
        "tags": ["code", "new"],
    }
    assert "Apache-2.0" in dry.out
    done = cli("apply", "records.yaml")
    assert (done.code, ops(data_dir)) == (0, 3)
    told = [line for line in dry.out.splitlines() if line.startswith("  ")]
    assert told == [line for line in done.out.splitlines() if line.startswith("  ")]
    record = cli("show", model, "--json").json["record"]
    assert (record["license"], record["tags"], record["context_length"]) == ("MIT", ["code", "new"], 32_768)
    assert cli("show", agent, "--json").json["record"]["license"] == "MIT"


def test_what_the_file_states_wins_over_edits_and_what_it_does_not_name_stays(cli: Cli, file: Path) -> None:
    model = cli("apply", "records.yaml", "--json").lines[0]["id"]
    cli("update", model, "-", given="license: MIT\ndescription: by hand\ntags: [mine]\n")
    assert statuses(cli("import", "records.yaml", "--update", "--json")) == ["here", "here"]
    assert statuses(cli("apply", "records.yaml", "--json")) == ["updated", "here"]
    record = cli("show", model, "--json").json["record"]
    assert (record["license"], record["tags"], record["description"]) == ("Apache-2.0", ["chat"], "by hand")


def test_of_a_struct_only_the_fields_that_are_named_are_set(cli: Cli, own: str) -> None:
    cli("update", own, "-", given="resource_requirements: {min_vcpus: 4, recommended_vcpus: 8}\nquantization: INT4\n")
    given = f"kind: model\nmodel_id: {own}\nname: my-finetune\nquantization: null\nresource_requirements: {{min_vcpus: 6}}\n"
    changes = cli("apply", "-", "--json", given=given).json["changes"]
    assert [change["path"] for change in changes] == ["quantization", "resource_requirements.min_vcpus"]
    needs = cli("show", own, "--json").json["record"]["resource_requirements"]
    assert (needs["min_vcpus"], needs["recommended_vcpus"]) == (6, 8)


def test_what_was_deleted_comes_back_as_the_same_record(cli: Cli, file: Path) -> None:
    model = cli("apply", "records.yaml", "--json").lines[0]["id"]
    cli("delete", model, "--yes")
    assert statuses(cli("import", "records.yaml", "--update", "--json")) == ["deleted", "here"]
    dry = cli("apply", "records.yaml", "--dry-run", "--json")
    assert statuses(dry) == ["ready", "here"]
    first = dry.lines[0]
    assert "deleted" not in [problem["code"] for problem in first["problems"]]
    assert "it was deleted here, and comes back" in first["notes"]
    said = cli("apply", "records.yaml", "--json")
    assert (said.code, statuses(said)) == (0, ["registered", "here"])
    assert cli("apply", "records.yaml").err == "tui-registry: nothing to do: 2 here already\n"


def test_an_id_names_the_record_from_anywhere(cli: Cli, own: str) -> None:
    given = f"kind: model\nmodel_id: {own}\nname: renamed\nversion: 3.0.0\n"
    said = cli("apply", "-", "--json", given=given)
    assert (said.code, said.json["status"], said.json["id"], said.json["source"]) == (0, "updated", own, "stdin")
    record = cli("show", own, "--json").json["record"]
    assert (record["name"], record["version"], record["license"]) == ("renamed", "3.0.0", "Apache-2.0")
    assert cli("apply", "-", given=given).err == "tui-registry: nothing to do: 1 here already\n"


@pytest.mark.parametrize(
    ("given", "said"), [("kind: model\nname: [\n", "line 3, column 1: is not YAML"), (" \n", "is empty")]
)
def test_what_is_wrong_with_a_text_from_a_pipe_is_told_with_its_place(cli: Cli, given: str, said: str) -> None:
    (problem,) = cli("apply", "-", "--json", given=given).json["problems"]
    assert said in problem["sentence"]


def test_without_an_id_it_is_the_one_of_that_name_and_version(cli: Cli, own: str) -> None:
    given = f"kind: model\n{MODEL}description: from a pipe\n"
    said = cli("apply", "-", "--json", given=given)
    assert (said.json["status"], said.json["id"]) == ("updated", own)


def test_what_show_printed_is_applied_unless_the_record_changed_since(cli: Cli, own: str) -> None:
    shown = cli("show", own, "--json").json
    shown["record"]["license"] = "MIT"
    assert cli("apply", "-", "--json", given=json.dumps(shown)).json["status"] == "updated"
    shown["record"]["license"] = "BSD-3-Clause"
    for words in ((), ("--dry-run",)):
        stale = cli("apply", "-", *words, "--json", given=json.dumps(shown))
        assert (stale.code, stale.json["status"], stale.json["problems"][0]["code"]) == (1, "kept", "changed")


def test_a_list_is_read_from_a_pipe_as_this_program_writes_it(cli: Cli, file: Path) -> None:
    cli("apply", "records.yaml")
    exported = cli("export").out
    said = cli("apply", "-", "--json", given=exported)
    assert (said.code, statuses(said)) == (0, ["here", "here"])


def test_another_ones_record_is_left_and_the_others_are_applied(cli: Cli, seeded: Path, file: Path) -> None:
    theirs = cli("list", "models", "--json", "--limit", "1").json
    fields = {**theirs["record"], "description": "mine now"}
    both = json.dumps([{"kind": "model", **fields}, {"kind": "model", "name": "new", "license": "MIT"}])
    for words, then in ((("--dry-run",), ["kept", "ready"]), ((), ["kept", "registered"])):
        said = cli("apply", "-", *words, "--json", given=both)
        assert (said.code, statuses(said)) == (1, then)


def test_bad_records_are_named_and_the_others_are_applied(cli: Cli, file: Path, tmp_path: Path) -> None:
    file.write_text(FILE.replace("Apache-2.0", "apache-ish"))
    for words, then in ((("--dry-run",), ["invalid", "ready"]), ((), ["invalid", "registered"])):
        said = cli("apply", "records.yaml", *words, "--json")
        assert (said.code, statuses(said)) == (1, then)
        assert said.lines[0]["problems"][0]["path"] == "license"


def test_what_says_nothing_of_how_a_record_is_to_be_is_refused(cli: Cli, own: str, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(gguf(LLAMA))
    (tmp_path / "ops").write_text(cli("export", "--ops").out)
    for name in ("m.gguf", "ops"):
        said = cli("apply", name, "--json")
        assert (said.code, said.json["status"], said.json["problems"][0]["code"]) == (1, "invalid", "format")
    assert "'import http://127.0.0.1:1 --update'" in cli("apply", "http://127.0.0.1:1").err
    (tmp_path / "empty").mkdir()
    assert is_one_sentence(cli("apply", "empty"), "there are no descriptions in empty")
    assert cli("apply", "missing.yaml").code == 1
