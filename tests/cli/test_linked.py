"""`lineage` and `dependants`, and what commands say of who is affected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.seeds import NOW, owner, signed
from tests.sync.logs import edit
from tui_registry.datastore import Datastore


def register(cli: Cli, tmp_path: Path, kind: str, name: str, **fields: object) -> str:
    (tmp_path / f"{name}.json").write_text(json.dumps({"name": name, **fields}))
    return str(cli("register", kind, f"{name}.json", "--json").json["id"])


def test_who_is_affected_is_told_and_a_tree_shows_it(cli: Cli, tmp_path: Path) -> None:
    size = {"parameters": 1, "context_length": 1}
    base = register(cli, tmp_path, "model", "base", license="CC-BY-NC-4.0", **size)
    made = {"derived_from": [{"relation": "Finetune", "model_id": base}, {"relation": "Merge", "name": "org/other"}]}
    tuned = register(cli, tmp_path, "model", "tuned", license="MIT", manifest=made, **size)
    crew = register(cli, tmp_path, "agent", "crew", preferred_models=[base], manifest={"required_models": [tuned]})

    tree = cli("lineage", crew).out.splitlines()
    assert [line.partition(":")[0] for line in tree[1:]] == [
        "├─ needs", "│  ├─ fine-tuned from", "│  └─ merged from", "└─ prefers", "! tuned (MIT) was made from base (CC-BY-NC-4.0)",
    ]  # fmt: skip
    assert "org/other (not here)" in tree[3]
    told = cli("lineage", crew, "--json").json
    assert [clash["id"] for clash in told["clashes"]] == [tuned]
    assert cli("lineage", crew, "--depth", "1", "--json").json["deeper"] is True

    up = cli("dependants", base, "--json").json
    assert {node["name"]: node["link"] for node in up["nodes"]} == {
        "base": None,
        "crew": "prefers",
        "tuned": "derived",
    } | {"crew": up["nodes"][-1]["link"]}
    assert up["counts"]["prefers"] == {"own": 1, "named": 0, "strangers": 0}

    said = cli("deprecate", tuned, "--message", "old").err
    assert "1 agent needs this: 'tui-registry dependants" in said
    (tmp_path / "card.json").write_text(json.dumps({"license": "Apache-2.0"}))
    assert "1 agent prefers this, 1 model was made from it" in cli("update", base, "card.json").err
    (tmp_path / "card.json").write_text(json.dumps({"description": "else"}))
    assert "prefers" not in cli("update", base, "card.json").err
    assert "1 agent needs this" in cli("delete", tuned, "--yes").err
    assert "tuned (deleted here)" in cli("lineage", crew).out
    assert "crew" in cli("dependants", tuned).out


def test_a_tree_reads_the_way_it_leads_and_says_a_thing_once(cli: Cli, tmp_path: Path) -> None:
    size = {"parameters": 1, "context_length": 1}
    base = register(cli, tmp_path, "model", "base", license="CC-BY-NC-4.0", **size)
    made = {"derived_from": [{"relation": how, "model_id": base} for how in ("Finetune", "Adapter")]}
    tuned = register(cli, tmp_path, "model", "tuned", license="MIT", manifest=made, **size)
    assert "└─ fine-tuned from it: tuned" in cli("dependants", base).out
    assert cli("lineage", tuned).out.count("! tuned (MIT)") == 1
    bounded = cli("dependants", base, "--depth", "0").err
    assert "it goes on behind 0 steps" in bounded
    assert "nothing here names it" not in bounded


def test_an_undo_that_deletes_or_changes_a_licence_says_who_is_affected(cli: Cli, tmp_path: Path) -> None:
    base = register(cli, tmp_path, "model", "base", license="MIT", parameters=1, context_length=1)
    register(cli, tmp_path, "agent", "crew", preferred_models=[base])
    for card, is_said in (({"description": "else"}, False), ({"license": "Apache-2.0"}, True)):
        (tmp_path / "card.json").write_text(json.dumps(card))
        cli("update", base, "card.json")
        assert ("1 agent prefers this" in cli("undo", base, "--yes").err) is is_said
    withdrawn = {"manifest": {"status": "Withdrawn", "status_message": "no"}}
    for change, is_said in (({"description": "so"}, False), ({"license": "ISC"}, True), (withdrawn, True)):
        (tmp_path / "card.json").write_text(json.dumps({"kind": "model", "name": "base", **change}))
        assert ("note: 1 agent prefers this" in cli("apply", "card.json", "--dry-run").out) is is_said
        assert ("1 agent prefers this" in cli("update", base, "card.json").err) is is_said
    fresh = register(cli, tmp_path, "model", "fresh", parameters=1, context_length=1)
    register(cli, tmp_path, "agent", "other", preferred_models=[fresh])
    assert "1 agent prefers this" in cli("undo", fresh, "--yes").err


def test_a_bill_of_materials_is_what_cyclonedx_asks_for(cli: Cli, tmp_path: Path) -> None:
    size = {"parameters": 7_000_000_000, "context_length": 4096}
    base = register(cli, tmp_path, "model", "base", license="LicenseRef-llama3", **size)
    odd = ["ollama://llama3:8b", "https://example.org/%zz", "https://[", "https://example.org/#a#b"]
    behind = {
        "derived_from": [
            {"relation": "Quantized", "model_id": base},
            {"relation": {"Other": "taught"}, "name": "org/x"},
        ],
        "artifacts": [
            {"uri": "hf://org/tuned/a.gguf", "sha256": "ab" * 32, "size_bytes": 5, "media_type": "x/y"},
            {"uri": "b.gguf"},
            *({"uri": uri} for uri in odd),
        ],
        "evaluations": [{"benchmark": "MMLU", "metric": "acc", "value": "0.7"}],
        "datasets": ["org/data", "org/data"],
        "languages": ["en"],
        "repository_url": "https://example.org/tuned",
        "status": "Deprecated",
        "status_message": "old",
    }
    tuned = register(
        cli, tmp_path, "model", "tuned", license="MIT OR Apache-2.0", quantization="GGUF", tags=["chat"], manifest=behind,
        description="so", **size,
    )  # fmt: skip
    needed = {
        "required_models": [tuned, "ab" * 32],
        "interfaces": [{"url": "https://example.org/mcp", "protocol": "MCP"}],
    }
    crew = register(cli, tmp_path, "agent", "crew", preferred_models=[base], manifest=needed)
    bom = cli("export", "--bom", crew).json
    by_ref = {part["bom-ref"]: part for part in bom["components"]}
    assert bom["metadata"]["component"]["bom-ref"] == crew
    assert {ref: part["scope"] for ref, part in by_ref.items()} == {
        tuned: "required", base: "optional", "ab" * 32: "required"
    }  # fmt: skip
    assert by_ref[tuned]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert [one["name"] for one in by_ref[tuned]["pedigree"]["ancestors"]] == ["base", "org/x"]
    assert by_ref[tuned]["externalReferences"][0]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert len(by_ref[tuned]["externalReferences"]) == 3
    stated = [one["value"] for one in by_ref[tuned]["properties"] if one["name"] == "tui_registry:distribution"]
    assert stated == odd
    assert bom["dependencies"][0] == {"ref": crew, "dependsOn": [tuned, "ab" * 32, base]}
    assert cli("export", "--bom", crew).json["serialNumber"] == bom["serialNumber"]
    assert cli("export", "--bom", crew, "x").code == 2
    schema = pytest.importorskip("cyclonedx.schema")
    validation = pytest.importorskip("cyclonedx.validation.json")
    try:
        validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_7)
        wrong = validator.validate_str(json.dumps(bom))
    except validation.MissingOptionalDependencyException as missing:
        pytest.skip(str(missing))
    assert wrong is None, wrong


def test_a_record_and_who_uses_it_name_each_other_in_show(cli: Cli, tmp_path: Path) -> None:
    size = {"parameters": 1, "context_length": 1}
    base = register(cli, tmp_path, "model", "base", **size)
    other = register(cli, tmp_path, "model", "other", **size)
    crew = register(
        cli, tmp_path, "agent", "crew", preferred_models=[base, other], manifest={"required_models": [base]}
    )
    shown = " ".join(cli("show", crew).out.split())
    assert f"prefers base {base[:12]}, other {other[:12]}" in shown
    assert f"base {base[:12]}" in shown.partition("manifest")[2]
    assert "used by 1 agent: crew" in " ".join(cli("show", base).out.split())
    made = {"derived_from": [{"relation": "Finetune", "model_id": base}]}
    register(cli, tmp_path, "model", "tuned", manifest=made, **size)
    assert "made into 1 model: tuned" in " ".join(cli("show", base).out.split())
    assert "used by" not in cli("show", crew).out


def test_what_was_deleted_here_is_said_to_be_and_no_pull_is_promised(cli: Cli, tmp_path: Path) -> None:
    base = register(cli, tmp_path, "model", "base", parameters=1, context_length=1)
    crew = register(cli, tmp_path, "agent", "crew", preferred_models=[base], manifest={"required_models": [base]})
    assert cli("delete", "base", "--yes").code == 0
    for told in (cli("show", crew), cli("update", crew, "-", given="description: so\n"), cli("manifest", "show", crew)):
        said = told.out + told.err
        assert f"{base[:8]} (“base”) was deleted here: name another model, or none" in said
        assert "pull" not in said
    assert "base (deleted here)" in cli("show", crew).out
    (problem, *_) = cli("show", crew, "--json").json["problems"]
    assert problem["code"] == "unknown_model"
    register(cli, tmp_path, "agent", "lost", preferred_models=["ab" * 32, crew])
    said = cli("show", "lost").out
    assert "pull from a peer that has it" in said
    assert f"{crew[:8]} is an agent: name another model" in said


def test_a_rename_and_another_type_say_who_relies_on_the_record(cli: Cli, tmp_path: Path) -> None:
    base = register(cli, tmp_path, "model", "base", parameters=1, context_length=1)
    register(cli, tmp_path, "agent", "crew", preferred_models=[base])
    for card, is_said in (("name: other", True), ("model_type: Embedding", True), ("tags: [x]", False)):
        assert ("1 agent prefers this" in cli("update", base, "-", given=card).err) is is_said


def test_a_batch_that_is_taken_back_and_a_file_of_records_say_who_relies_on_them(cli: Cli, tmp_path: Path) -> None:
    size = {"parameters": 1, "context_length": 1}
    (tmp_path / "two.json").write_text(json.dumps([{"kind": "model", "name": name, **size} for name in ("one", "two")]))
    made = cli("import", "two.json", "--register", "--json").lines
    one = next(line["id"] for line in made if line.get("name") == "one")
    register(cli, tmp_path, "agent", "crew", preferred_models=[one])
    (tmp_path / "one.json").write_text(json.dumps({"kind": "model", "name": "one", "license": "ISC"}))
    line = next(line for line in cli("apply", "one.json", "--dry-run", "--json").lines if line.get("id") == one)
    assert line["affected"]["prefers"] == {"own": 1, "named": 0, "strangers": 0}
    (line, *_) = cli("apply", "two.json", "--dry-run", "--json").lines
    assert "affected" not in line
    said = cli("undo", "--batch", "last", "--yes").err
    assert "one: 1 agent prefers this" in said
    assert "two:" not in said


def test_settling_says_who_relies_on_what_changes_by_it(cli: Cli, tmp_path: Path, data_dir: Path) -> None:
    me = owner("me")
    first = signed(me, "model", "base", license="MIT", at=NOW - 1_000)
    ops = [first, *(edit(me, first, at=NOW - 500, description=text) for text in ("one", "another"))]
    with Datastore.open(data_dir) as datastore:
        datastore.key.replace(me)
        datastore.apply([op.to_json() for op in ops])
    register(cli, tmp_path, "agent", "crew", preferred_models=[first.key])
    revision = cli("show", "base", "--json").json["revision"]
    told = cli("resolve", "base", "--set", "license=ISC", "--set", "description=so", "--revision", revision, "--yes")
    assert told.code == 0, told.err
    assert "1 agent prefers this" in told.err


def test_what_is_to_be_used_instead_is_told_by_its_name(cli: Cli, tmp_path: Path) -> None:
    size = {"parameters": 1, "context_length": 1}
    old, new = (register(cli, tmp_path, "model", name, **size) for name in ("old", "new"))
    assert cli("deprecate", "old", "--message", "slow", "--by", "new", "--json").json["id"] == old
    assert f"deprecated: slow; its owner names another model instead, new ({new[:12]})" in cli("show", "old").out
    for words in (("manifest", "show", "old"), ("use", "old"), ("deprecate", "old", "--message", "very slow")):
        said = cli(*words)
        assert f"slow; its owner names another model instead, new ({new[:12]})" in said.out + said.err, words
