"""`import` twice is once: what is here is told, what changed is listed and signed when asked, what was edited stays."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import MODEL, Cli, Said
from tests.importers.made import LLAMA, gguf
from tests.importers.serving import serving
from tests.importers.test_ollama import SHOW, TAGS
from tui_registry.datastore import Datastore

SERVER = {
    "name": "io.example/tool", "description": "A tool.", "version": "1.0.0", "license": "MIT",
    "remotes": [{"type": "sse", "url": "https://example.com/sse"}],
}  # fmt: skip
FILE = f"kind: model\n{MODEL}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "models" / "m.yaml"
    path.parent.mkdir()
    path.write_text(FILE)
    return path


def change(file: Path, **fields: str) -> None:
    lines = file.read_text().splitlines()
    kept = [line for line in lines if line.partition(":")[0] not in fields]
    file.write_text("\n".join([*kept, *(f"{name}: {value}" for name, value in fields.items())]) + "\n")


def statuses(said: Said) -> list[str]:
    return [line["status"] for line in said.lines]


def ops(data_dir: Path) -> int:
    with Datastore.open(data_dir) as datastore:
        return datastore.log.head().size


def test_a_folder_twice_is_registered_once(cli: Cli, file: Path, data_dir: Path) -> None:
    (file.parent / "same.gguf").write_bytes(gguf(LLAMA))
    (file.parent / "same-again.gguf").write_bytes(gguf(LLAMA))
    (file.parent / "list.json").write_text(json.dumps([{"kind": "agent", "name": "twin"}] * 2))
    first = cli("import", "models", "--register", "--json")
    assert (first.code, statuses(first)) == (0, ["registered"] * 5)
    for words in (("--register",), ("--update",), ("--register", "--update"), ()):
        again = cli("import", "models", *words, "--json")
        assert (again.code, statuses(again)) == (0, ["here"] * 5)
        assert [line["id"] for line in again.lines] == [line["id"] for line in first.lines]
        assert again.err == "tui-registry: 5 here already\n"
    # The two files have manifests, which say where they are
    assert ops(data_dir) == 7


def test_a_file_is_the_same_by_whatever_path_and_in_whatever_folder(
    cli: Cli, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("import", "models", "--register")
    change(file, name="another", version="3.0.0")
    assert statuses(cli("import", str(file), "--json")) == ["changed"]
    monkeypatch.chdir(file.parent)
    assert statuses(cli("import", "m.yaml", "--json")) == ["changed"]
    assert statuses(cli("import", "../models/../models", "--json")) == ["changed"]
    assert cli("register", "model", "m.yaml").code == 1


def test_what_the_source_changed_is_listed_field_by_field_and_signed_when_asked(
    cli: Cli, file: Path, data_dir: Path
) -> None:
    identifier = cli("import", str(file), "--register", "--json").json["id"]
    change(file, license="MIT", tags="[chat, new]", resource_requirements="{min_vcpus: 2}")
    for words in ((), ("--register",)):
        told = cli("import", str(file), *words)
        assert told.code == 0
        assert "changed" in told.out
        for line in ("  Licence: Apache-2.0 → MIT\n", "  Tags: + new\n", "  vCPUs: 1 → 2\n"):
            assert line in told.out
        assert told.err == "tui-registry: 1 changed: --update signs the changes\n"
    listed = cli("import", str(file), "--json").json
    assert (listed["status"], listed["id"]) == ("changed", identifier)
    assert listed["changes"] == [
        {"path": "license", "before": "Apache-2.0", "after": "MIT"},
        {"path": "tags", "before": ["chat"], "after": ["chat", "new"]},
        {"path": "resource_requirements.min_vcpus", "before": 1, "after": 2},
    ]
    assert ops(data_dir) == 1
    done = cli("import", str(file), "--update", "--json")
    assert (done.code, done.json["status"], done.json["changes"]) == (0, "updated", listed["changes"])
    assert done.err == "tui-registry: 1 updated\n"
    assert cli("show", identifier, "--json").json["record"]["license"] == "MIT"
    assert statuses(cli("import", str(file), "--update", "--json")) == ["here"]
    assert ops(data_dir) == 2


def test_what_a_person_edited_stays_and_is_told(cli: Cli, file: Path) -> None:
    identifier = cli("import", str(file), "--register", "--json").json["id"]
    cli("update", identifier, "-", given="description: mine\nlicense: ISC\n")
    assert statuses(cli("import", str(file), "--update", "--json")) == ["here"]
    change(file, description="theirs", context_length="64k")
    said = cli("import", str(file), "--update")
    assert "note: description: the source says something else, and it was edited here: yours is kept" in said.out
    record = cli("show", identifier, "--json").json["record"]
    assert (record["description"], record["license"], record["context_length"]) == ("mine", "ISC", 65_536)


def test_what_is_here_already_is_one_line_but_for_what_a_person_must_know(cli: Cli, file: Path) -> None:
    (file.parent / "server.json").write_text(json.dumps(SERVER))
    assert "  note: " in cli("import", "models", "--update").out
    assert len(cli("import", "models", "--update").out.splitlines()) == 3
    assert "  note: " in cli("import", "models", "--explain").out
    cli("update", cli("list", "agents", "--json").json["id"], "-", given="description: mine\n")
    (file.parent / "server.json").write_text(json.dumps({**SERVER, "description": "theirs"}))
    (told,) = [line for line in cli("import", "models").out.splitlines() if "note: " in line]
    assert told.startswith("  note: description: ")


def test_a_cron_line_registers_what_is_new_and_undoes_as_one(cli: Cli, file: Path) -> None:
    assert statuses(cli("import", "models", "--update", "--json")) == ["registered"]
    change(file, license="MIT")
    (file.parent / "n.yaml").write_text(FILE.replace("my-finetune", "another"))
    said = cli("import", "models", "--update", "--json")
    assert (said.code, statuses(said)) == (0, ["updated", "registered"])
    assert said.err.splitlines()[-1] == "tui-registry: to take it back: tui-registry undo --batch 2"
    assert cli("undo", "--batch", "2", "--yes").code == 0
    records = [line["record"] for line in cli("list", "models", "--json").lines]
    assert [(record["name"], record["license"]) for record in records] == [("my-finetune", "Apache-2.0")]
    # What a person took back stays so
    assert statuses(cli("import", "models", "--update", "--json")) == ["here", "deleted"]


def test_what_was_deleted_here_is_registered_anew_only_when_asked(cli: Cli, file: Path) -> None:
    first = cli("import", str(file), "--register", "--json").json["id"]
    cli("delete", first, "--yes")
    for words in ((), ("--update",)):
        left = cli("import", str(file), *words, "--json")
        assert (left.code, left.json["status"], left.json["id"]) == (0, "deleted", first)
        assert left.json["problems"][0]["code"] == "deleted"
        assert "was deleted here: 'import --register' registers it anew" in left.json["problems"][0]["sentence"]
        assert left.err == "tui-registry: 1 deleted here\n"
    anew = cli("import", str(file), "--register", "--json")
    assert (anew.code, anew.json["status"]) == (0, "registered")
    assert anew.json["id"] != first
    assert statuses(cli("import", str(file), "--register", "--json")) == ["here"]


def test_where_several_records_are_meant_nothing_is_signed_and_the_line_fails(
    cli: Cli, own: str, file: Path, data_dir: Path
) -> None:
    other = cli("register", "model", "-", "--new", "--json", given=MODEL.replace("chat", "code")).json["id"]
    change(file, license="MIT")
    assert cli("import", str(file)).code == 0
    for words in ("--register", "--update"):
        said = cli("import", str(file), words, "--json")
        assert (said.code, said.json["status"], said.json["id"]) == (1, "kept", None)
        (problem,) = said.json["problems"]
        assert (problem["severity"], problem["code"]) == ("error", "ambiguous")
        assert own[:12] in problem["sentence"]
        assert other[:12] in problem["sentence"]
        assert said.err == "tui-registry: 1 left alone\n"
    assert ops(data_dir) == 2


def test_a_record_in_conflict_is_told_and_left(cli: Cli, file: Path, tmp_path: Path, data_dir: Path) -> None:
    identifier = cli("import", str(file), "--register", "--json").json["id"]
    laptop = str(tmp_path / "laptop")
    shutil.copytree(data_dir, laptop)
    assert cli("--data-dir", laptop, "update", identifier, "-", given="license: MIT\n").code == 0
    assert cli("update", identifier, "-", given="license: ISC\n").code == 0
    (tmp_path / "ops").write_text(cli("--data-dir", laptop, "export", "--ops").out)
    assert cli("import", "ops", "--register").code == 0
    change(file, version="2.0.0")
    assert cli("import", str(file), "--register").code == 0
    said = cli("import", str(file), "--update", "--json")
    assert (said.code, said.json["status"], said.json["id"]) == (1, "kept", identifier)
    assert said.json["problems"][0]["code"] == "conflict"
    assert f"resolve {identifier[:12]}" in said.json["problems"][0]["sentence"]


def test_an_old_export_undoes_nothing(cli: Cli, file: Path, tmp_path: Path) -> None:
    identifier = cli("import", str(file), "--register", "--json").json["id"]
    old = cli("export").out
    cli("update", identifier, "-", given="description: newer\n")
    (tmp_path / "old.ndjson").write_text(old)
    said = cli("import", "old.ndjson", "--update", "--json")
    assert (said.code, statuses(said)) == (0, ["here"])
    (tmp_path / "old.ndjson").write_text(old.replace("Apache-2.0", "MIT"))
    said = cli("import", "old.ndjson", "--update", "--json")
    assert (said.code, said.json["status"], said.json["problems"][0]["code"]) == (1, "kept", "changed")
    (tmp_path / "new.ndjson").write_text(cli("export").out.replace("Apache-2.0", "MIT"))
    assert statuses(cli("import", "new.ndjson", "--json")) == ["changed"]
    assert statuses(cli("import", "new.ndjson", "--update", "--json")) == ["updated"]
    record = cli("show", identifier, "--json").json["record"]
    assert (record["description"], record["license"]) == ("newer", "MIT")


def test_a_value_that_a_person_set_stays_without_being_set_again(cli: Cli, tmp_path: Path, data_dir: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("---\nlicense: other\n---\n# m\nA fine model.\n")
    assert statuses(cli("import", "README.md", "--update", "--json")) == ["invalid"]
    settings = ("--set", "model_type=Embedding", "--set", "license=ISC")
    identifier = cli("import", "README.md", *settings, "--update", "--json").json["id"]
    assert identifier is not None
    for words in ((), settings):
        said = cli("import", "README.md", *words, "--update", "--json")
        assert (said.code, statuses(said), ops(data_dir)) == (0, ["here"], 1)
    card.write_text(card.read_text().replace("license: other", "license: other\ntags: [fine]"))
    assert cli("import", "README.md", "--update", "--json").json["changes"][0]["path"] == "tags"
    changed = cli("import", "README.md", "--set", "license=MIT", "--update", "--json").json
    assert [(one["path"], one["after"]) for one in changed["changes"]] == [("license", "MIT")]
    record = cli("show", identifier, "--json").json["record"]
    assert (record["model_type"], record["license"]) == ("Embedding", "MIT")


def test_a_change_that_breaks_a_rule_is_told_and_not_signed(cli: Cli, file: Path, data_dir: Path) -> None:
    cli("import", str(file), "--register")
    change(file, license="bsd")
    for words in ((), ("--update",)):
        said = cli("import", str(file), *words, "--json")
        assert (said.code, said.json["status"]) == (1, "invalid")
        assert said.json["problems"][0]["path"] == "license"
    assert ops(data_dir) == 1


def test_a_list_keeps_its_records_in_any_order_and_when_it_grows(cli: Cli, tmp_path: Path) -> None:
    items: list[dict[str, Any]] = [{"kind": "agent", "name": name, "license": "MIT"} for name in ("a", "b", "c")]
    (tmp_path / "list.json").write_text(json.dumps(items[0]))
    (first,) = cli("import", "list.json", "--register", "--json").lines
    (tmp_path / "list.json").write_text(json.dumps(items))
    grown = cli("import", "list.json", "--register", "--json")
    assert statuses(grown) == ["here", "registered", "registered"]
    assert grown.lines[0]["id"] == first["id"]
    (tmp_path / "list.json").write_text(json.dumps([{**item, "description": "new"} for item in reversed(items)]))
    turned = cli("import", "list.json", "--update", "--json")
    assert statuses(turned) == ["updated"] * 3
    assert [line["id"] for line in turned.lines] == [line["id"] for line in reversed(grown.lines)]


def test_versions_of_one_server_in_a_list_stay_themselves_in_any_order(
    cli: Cli, tmp_path: Path, data_dir: Path
) -> None:
    versions = [{**SERVER, "version": version} for version in ("1.0.0", "2.0.0")]
    for servers in (versions, versions[::-1], [versions[1]]):
        (tmp_path / "list.json").write_text(json.dumps({"servers": servers}))
        assert cli("import", "list.json", "--update").code == 0
        assert ops(data_dir) == 4  # each with its manifest


def test_a_variant_of_the_author_s_own_is_seen_to_change(cli: Cli, file: Path) -> None:
    change(file, model_type="{Other: ranking}")
    cli("import", str(file), "--register")
    change(file, model_type="{Other: reranking}")
    assert cli("register", "model", str(file)).code == 1
    (changed,) = cli("import", str(file), "--update", "--json").json["changes"]
    assert (changed["path"], changed["after"]) == ("model_type", {"Other": "reranking"})


def test_of_what_stays_as_it_is_here_nothing_is_said_to_come_from_the_source(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    path.write_text(json.dumps({name: value for name, value in SERVER.items() if name != "license"}))
    identifier = cli("import", str(path), "--set", "license=ISC", "--register", "--json").json["id"]
    cli("update", identifier, "-", given="description: mine\n")
    path.write_text(path.read_text().replace("A tool", "Theirs").replace("1.0.0", "2.0.0"))
    origins = cli("import", str(path), "--json").json["origins"]
    assert (origins["license"], origins["description"]) == ("the record that is here",) * 2
    assert origins["version"] == "version in server.json"


def test_a_licence_is_assumed_of_what_is_registered_and_of_nothing_that_is_here(cli: Cli, file: Path) -> None:
    file.write_text("kind: model\nname: bare\n")
    assert "MIT" in cli("register", "model", str(file)).err
    cli("update", cli("list", "models", "--json").json["id"], "-", given="license: ISC\n")
    for words in (("register", "model"), ("import",)):
        said = cli(*words, str(file))
        assert (said.code, "MIT" in said.out + said.err) == (0, False)
    change(file, description="More of it.")
    for words in (("register", "model"), ("import",), ("import", "--update")):
        said = cli(*words, str(file))
        assert "MIT" not in said.out + said.err
    assert cli("list", "models", "--json").json["record"]["license"] == "ISC"


def test_what_names_the_record_that_is_here_is_told_how_it_could_be_another(cli: Cli, own: str, tmp_path: Path) -> None:
    (tmp_path / "copy.json").write_text(cli("export").out.replace("Apache-2.0", "MIT"))
    said = cli("register", "model", "copy.json")
    assert (said.code, "without its id 'register --new'" in said.err) == (1, True)
    assert cli("register", "model", "copy.json", "--new").code == 1


def test_what_is_refused_makes_no_key_and_no_batch(cli: Cli, file: Path, data_dir: Path) -> None:
    change(file, license="bsd")
    (file.parent / "README.md").write_text("---\nlicense: mit\n---\n# Untyped\n")
    for words in (
        ("register", "model", str(file)),
        ("import", "models", "--register"),
        ("import", "models", "--update"),
    ):
        assert cli(*words).code == 1
    assert not (data_dir / "identity.key").exists()
    cli("register", "model", "-", given=MODEL)
    cli("import", "models", "--register")
    assert cli("undo", "--batches", "--json").lines == []


def test_a_quantised_set_stays_a_set(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for name in ("q4", "q8", "q2"):
        (tmp_path / "set" / f"{name}.gguf").write_bytes(gguf(LLAMA))
    ids = [line["id"] for line in cli("import", "set", "--register", "--json").lines]
    assert len(set(ids)) == 3
    (tmp_path / "set" / "q8.gguf").unlink()
    assert [line["id"] for line in cli("import", "set", "--update", "--json").lines] == ids[:2]


def test_a_server_s_models_are_known_by_their_names_there(cli: Cli, tmp_path: Path) -> None:
    pages: dict[str, Any] = {"/api/tags": TAGS, "/api/show": SHOW}
    with serving(pages) as server:
        address = server.address
        first = cli("import", address, "--update", "--json")
        assert statuses(first) == ["registered"] * 2
        pages["/api/tags"] = {"models": [*reversed(TAGS["models"])]}
        again = cli("import", f"{address}/api/tags", "--json")
        assert statuses(again) == ["here"] * 2
        assert [line["id"] for line in again.lines] == [line["id"] for line in reversed(first.lines)]
        # What is not to be had for a while is no change
        del pages["/api/show"]
        assert statuses(cli("import", address.removeprefix("http://"), "--update", "--json")) == ["here"] * 2


def test_a_file_whose_name_is_no_unicode_is_known_again(cli: Cli, file: Path) -> None:
    try:
        file.rename(file.with_name(os.fsdecode(b"\xff.yaml")))
    except OSError:
        pytest.skip("this file system holds Unicode only")
    assert statuses(cli("import", "models", "--update", "--json")) == ["registered"]
    assert statuses(cli("import", "models", "--update", "--json")) == ["here"]


def test_a_file_that_changed_a_record_is_that_record(cli: Cli, own: str, file: Path) -> None:
    change(file, name="renamed")
    assert cli("update", own, str(file)).code == 0
    change(file, license="MIT")
    changed = cli("import", str(file), "--json").json
    assert (changed["status"], changed["id"]) == ("changed", own)
    # What only says what to change is no description
    (file.parent / "patch.yaml").write_text("version: 3.0.0\n")
    assert cli("update", own, str(file.parent / "patch.yaml")).code == 0


def test_hash_gives_files_their_digests_which_stay_when_it_is_imported_without(
    cli: Cli, tmp_path: Path, data_dir: Path
) -> None:
    (tmp_path / "m.gguf").write_bytes(gguf(LLAMA))
    plain = cli("import", "m.gguf")
    assert "1 file without SHA-256 in manifests: --hash reads them for it" in plain.err
    identifier = cli("import", "m.gguf", "--register", "--hash", "--json").json["id"]
    digest = hashlib.sha256(gguf(LLAMA)).hexdigest()

    def digests() -> list[str]:
        with Datastore.open(data_dir) as datastore:
            beside = datastore.manifests.get(identifier)
            assert beside is not None
            assert beside.manifest is not None
            files: Any = beside.manifest["artifacts"]
            return [one["sha256"] for one in files]

    assert digests() == [digest]
    for words in ((), ("--update",), ("--update", "--hash")):
        assert statuses(cli("import", "m.gguf", *words, "--json")) == ["here"]
    # A model that was trained on is as large as before: its digest is another one, where somebody looks
    (tmp_path / "m.gguf").write_bytes(gguf(LLAMA)[:-1] + b"x")
    changed = cli("import", "m.gguf", "--hash")
    assert "manifest: Files: " in changed.out
    assert cli("import", "m.gguf", "--hash", "--update").code == 0
    assert digests() == [hashlib.sha256(gguf(LLAMA)[:-1] + b"x").hexdigest()]
    refused = cli("import", "https://example.org/x.gguf", "--hash")
    assert (refused.code, "--hash reads files on this machine" in refused.err) == (2, True)


def test_a_manifest_in_a_file_is_applied_with_its_record_and_taken_away_again(
    cli: Cli, tmp_path: Path, data_dir: Path
) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"{FILE}\nmanifest:\n  languages: [en]\n  documentation_url: https://a.example\n")
    identifier = cli("apply", "m.yaml", "--json").json["id"]

    def manifest() -> Any:
        with Datastore.open(data_dir) as datastore:
            beside = datastore.manifests.get(identifier)
            return None if beside is None else beside.manifest

    assert manifest()["languages"] == ["en"]
    assert statuses(cli("apply", "m.yaml", "--json")) == ["here"]
    path.write_text(f"{FILE}\nmanifest: {{languages: [nl]}}\n")
    dry = cli("apply", "m.yaml", "--dry-run")
    assert "manifest: Languages: en → nl" in dry.out
    assert cli("apply", "m.yaml").code == 0
    # What the file leaves out stays as it is
    assert (manifest()["languages"], manifest()["documentation_url"]) == (["nl"], "https://a.example")
    path.write_text(FILE)
    assert statuses(cli("apply", "m.yaml", "--json")) == ["here"]
    path.write_text(f"{FILE}\nmanifest: null\n")
    assert statuses(cli("apply", "m.yaml", "--json")) == ["updated"]
    assert manifest() is None
    assert statuses(cli("apply", "m.yaml", "--json")) == ["here"]
