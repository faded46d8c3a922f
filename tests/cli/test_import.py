"""`import`: drafts and their problems first; stored only with --register, and never twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Cli, is_one_sentence
from tests.seeds import owner, seed, signed
from tui_registry.datastore import Datastore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One good model, one good agent a level down, one with errors, one broken, one that is no record, one hidden."""
    root = tmp_path / "cards"
    (root / "agents").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "a.yaml").write_text("kind: model\n" + MODEL)
    (root / "agents" / "crew.json").write_text('{"name": "crew", "agent_type": "Researcher"}')
    (root / "b.yaml").write_text("kind: model\nname: b\nversion: '1.0'\n")
    (root / "c.json").write_text('{"kind": "model", "na')
    (root / "tsconfig.json").write_text('{\n // a comment\n "a": 1,\n}')
    (root / "helm.yaml").write_text("name: {{ .Values.name }}\n")
    (root / "k8s.yaml").write_text("apiVersion: v1\nkind: Pod\n---\nkind: Pod\n")
    (root / "package.json").write_text('{"name": "left-pad", "version": "1.0.0"}')
    (root / ".git" / "d.yaml").write_text("kind: model\n" + MODEL)
    (root / "README.md").write_text("# not read")
    return root


def statuses(cli: Cli, *words: str) -> dict[str, str]:
    return {Path(line["source"]).name: line["status"] for line in cli("import", *words, "--json").lines}


def test_without_register_drafts_are_shown_and_nothing_is_stored(cli: Cli, folder: Path, data_dir: Path) -> None:
    said = cli("import", str(folder))
    assert said.code == 1
    assert "version: 1.0 is not SemVer" in said.out
    assert "--register" in said.err
    assert statuses(cli, str(folder)) == {
        "a.yaml": "ready", "b.yaml": "invalid", "c.json": "invalid", "crew.json": "ready", "package.json": "skipped",
        "tsconfig.json": "skipped", "helm.yaml": "skipped", "k8s.yaml": "skipped",
    }  # fmt: skip
    with Datastore.open(data_dir) as datastore:
        assert datastore.stats().ops == 0


def test_with_register_the_good_ones_are_stored_and_the_others_told(cli: Cli, folder: Path) -> None:
    said = cli("import", str(folder), "--register", "--json")
    assert said.code == 1
    by_name = {Path(line["source"]).name: line for line in said.lines}
    assert by_name["a.yaml"]["status"] == by_name["crew.json"]["status"] == "registered"
    assert by_name["b.yaml"]["problems"][0]["code"] == "semver"
    assert by_name["c.json"]["problems"][0]["sentence"].startswith("line 1")
    assert cli("show", by_name["a.yaml"]["id"], "--json").json["record"]["name"] == "my-finetune"
    assert len(cli("export").lines) == 2


def test_an_export_can_be_imported_elsewhere_and_is_known_where_it_came_from(
    cli: Cli, seeded: Path, tmp_path: Path
) -> None:
    (tmp_path / "all.ndjson").write_text(cli("export").out)
    assert {line["status"] for line in cli("import", "all.ndjson", "--register", "--json").lines} == {"here"}
    elsewhere = ("--data-dir", str(tmp_path / "elsewhere"))
    said = cli(*elsewhere, "import", "all.ndjson", "--register", "--json")
    assert said.code == 0
    assert [line["status"] for line in said.lines] == ["registered"] * 12
    names = {line["record"]["name"] for line in cli("export").lines}
    assert {line["record"]["name"] for line in cli(*elsewhere, "export").lines} == names


def test_operations_are_stored_as_they_are_signed(cli: Cli, seeded: Path, tmp_path: Path) -> None:
    (tmp_path / "backup").write_bytes(cli("export", "--ops").out.encode())
    elsewhere = tmp_path / "elsewhere"
    looked = cli("--data-dir", str(elsewhere), "import", "backup", "--json").json
    assert (looked["status"], looked["operations"]) == ("ready", 12)
    said = cli("--data-dir", str(elsewhere), "import", "backup", "--register", "--json")
    assert (said.code, said.json["applied"], said.json["known"]) == (0, 12, 0)
    with Datastore.open(elsewhere) as there, Datastore.open(seeded) as here:
        assert there.log.head().fingerprint == here.log.head().fingerprint
    again = cli("--data-dir", str(elsewhere), "import", "backup", "--register", "--json").json
    assert (again["applied"], again["known"]) == (0, 12)


def test_a_forged_operation_is_told_and_the_good_ones_stay(cli: Cli, tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "source") as source:
        seed(source, 3)
        lines = source.log.lines(0, 3)
    forged = lines[1].replace(b"made for tests", b"made for theft")
    (tmp_path / "ops").write_bytes(b"\n".join([lines[0], forged, b"x" * 100_000, lines[2]]) + b"\n")
    said = cli("import", "ops", "--register", "--json")
    assert said.code == 1
    assert (said.json["status"], said.json["applied"], said.json["rejected"]) == ("failed", 2, 2)
    assert [problem["code"] for problem in said.json["problems"]] == ["hash", "limit"]


def test_set_gives_every_draft_a_value(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "two.json").write_text(
        json.dumps([{"name": "a", "model_type": "LLM"}, {"name": "b", "parameters": "7b"}])
    )
    said = cli(
        "import", "two.json", "--register", "--set", "license=Apache-2.0", "--set", "tags=chat, code",
        "--set", "resource_requirements.min_vcpus=2",
    )  # fmt: skip
    assert said.code == 0, said.err
    for line in cli("list", "models", "--json").lines:
        record = line["record"]
        assert (record["license"], record["tags"]) == ("Apache-2.0", ["chat", "code"])
        assert record["resource_requirements"]["min_vcpus"] == 2


def test_set_of_an_unknown_field_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: model\n" + MODEL)
    said = cli("import", "a.yaml", "--set", "licence=MIT", "--json")
    assert said.code == 1
    assert said.json["problems"][0]["code"] == "unknown_field"


def test_a_value_without_a_field_is_a_usage_error(cli: Cli) -> None:
    assert cli("import", "a.yaml", "--set", "MIT").code == 2


def test_a_file_that_does_not_tell_its_kind_needs_kind(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"name": "x"}')
    said = cli("import", "x.json", "--json")
    assert (said.code, said.json["status"]) == (1, "invalid")
    assert cli("import", "x.json", "--kind", "agent", "--json").json["status"] == "ready"


def test_a_source_that_is_not_there_gets_a_sentence(cli: Cli) -> None:
    assert is_one_sentence(cli("import", "nowhere"), "nowhere")


def test_an_empty_folder_gets_a_sentence(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert is_one_sentence(cli("import", "empty"), "no descriptions in empty")


def test_a_named_pipe_in_a_folder_does_not_hang_the_import(cli: Cli, tmp_path: Path) -> None:
    import os

    (tmp_path / "cards").mkdir()
    os.mkfifo(tmp_path / "cards" / "pipe.json")
    assert statuses(cli, "cards") == {"pipe.json": "skipped"}


def test_many_records_are_registered_in_their_order(cli: Cli, tmp_path: Path) -> None:
    lines = [json.dumps({"kind": "model", "record": {"name": f"m{number}", "parameters": 1}}) for number in range(1200)]
    (tmp_path / "many.ndjson").write_text("\n".join(lines))
    said = cli("import", "many.ndjson", "--register", "--json")
    assert said.code == 0
    assert [line["name"] for line in said.lines] == [f"m{number}" for number in range(1200)]
    assert len({line["id"] for line in said.lines}) == 1200


def test_a_draft_that_import_tells_can_be_registered(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(f"kind: model\n{MODEL}")
    told = cli("import", "m.yaml", "--json")
    assert told.json["id"] is None
    said = cli("register", "model", "-", "--json", given=told.out)
    assert said.code == 0, said.err
    assert said.json["record"]["name"] == told.json["name"]


def test_a_list_of_thousands_is_summed_up_and_explained_when_asked(cli: Cli, tmp_path: Path) -> None:
    items = [{"kind": "model", "name": f"m{n}", "license": "MIT", "parameters": 1} for n in range(900)]
    items += [{"kind": "model", "name": "", "license": "MIT"} for _ in range(100)]
    (tmp_path / "many.json").write_text(json.dumps(items))
    said = cli("import", "many.json")
    assert said.code == 1
    assert "and 900 more, 800 ready, 100 not ready: --explain shows each" in said.out
    assert "  100: name: " in said.out
    assert "(the first: many.json[900])" in said.out
    assert "900 ready, 100 not ready" in said.err
    assert cli("import", "many.json", "--explain").out.count("many.json[") == 1000
    assert len(cli("import", "many.json", "--json").lines) == 1000


@pytest.mark.parametrize("width", ["40", "60", "80", "160"])
def test_a_line_says_which_file_at_any_width(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    deep = tmp_path / "a-folder-with-a-long-name" / "and-another-one-in-it"
    deep.mkdir(parents=True)
    (deep / "mine.yaml").write_text(f"kind: model\n{MODEL}")
    assert "mine.yaml" in cli("import", str(tmp_path)).out
    assert "mine.yaml" in cli("import", str(deep / "mine.yaml")).out


def test_a_card_that_leaves_out_its_type_is_read_and_waits_for_an_answer(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# m\nA fine model.\n")
    (tmp_path / "helm.yaml").write_text("apiVersion: v2\nname: chart\n")
    assert cli("import", str(tmp_path)).code == 0
    assert cli("import", str(tmp_path), "--register").code == 1
    assert cli("list", "models", "--json").lines == []
    assert cli("import", str(tmp_path), "--register", "--set", "model_type=LLM").code == 0
    assert len(cli("list", "models", "--json").lines) == 1


def test_a_draft_with_a_name_like_another_s_is_noted_and_registered_all_the_same(
    cli: Cli, data_dir: Path, tmp_path: Path
) -> None:
    with Datastore.open(data_dir) as datastore:
        datastore.apply([signed(owner("lab"), "model", "Llama-3").to_json()])
        datastore.names.set(owner("lab").address, "the lab")
    card = tmp_path / "card.json"
    card.write_text('{"model_type": "LLM", "name": "L1ama-3", "license": "MIT"}')
    told = "its name looks like “Llama-3”, a record of the lab, a key you named"
    assert cli("import", "--kind", "model", "card.json", "--json").json["notes"] == [told]
    assert told in cli("import", "--kind", "model", "--explain", "card.json").out
    assert cli("import", "--kind", "model", "--register", "card.json", "--json").json["status"] == "registered"
    # What is one's own already is nobody else's.
    assert cli("import", "--kind", "model", "card.json", "--json").json["notes"] == []
