"""`manifest` and `deprecate`, and manifests in the files of other commands."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import MODEL, Cli, is_one_sentence
from tests.crdt import model
from tests.crdt.making import root
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record

BEHIND = """\
manifest:
  repository_url: https://example.org/me/my-finetune
  artifacts:
    - uri: weights/model.gguf
      size_bytes: 4431400960
  derived_from:
    - {relation: finetune, name: org/base}
  architecture: {layers: 32, kv_heads: 8, head_dim: 128}
  evaluations:
    - {benchmark: MMLU, metric: accuracy, value: 0.713}
  languages: [en, pt-BR]
"""
URI = "https://example.org/model"


@pytest.fixture
def both(cli: Cli) -> str:
    """The id of a model of this replica's own with a manifest."""
    said = cli("register", "model", "-", "--json", given=MODEL + BEHIND)
    assert said.code == 0, said.err
    assert "manifest.artifacts[0].sha256: weights without their SHA-256" in said.err
    identifier: str = said.json["id"]
    return identifier


def ops(data_dir: Path) -> int:
    with Datastore.open(data_dir) as store:
        return store.log.head().size


def test_a_manifest_is_registered_shown_and_told_in_the_history_of_its_record(cli: Cli, both: str) -> None:
    shown = cli("show", both).out
    for words in ("weights/model.gguf, 4.1 GiB, no digest", "fine-tuned from org/base", "MMLU accuracy 0.713"):
        assert words in shown
        assert words in cli("manifest", "show", both[:12]).out
    assert cli("register", "model", "-", given=MODEL + BEHIND).out.startswith("already here")
    differs = cli("register", "model", "-", given=MODEL + BEHIND.replace("pt-BR", "nl"))
    assert is_one_sentence(differs, "update", both[:12])
    assert cli("deprecate", both, "--message", "Answers wrongly").code == 0
    shown = cli("show", both).out
    assert "! deprecated: Answers wrongly" in shown
    done = cli("history", both).out
    assert "the manifest, status: Active → Deprecated" in done
    lines = cli("history", both, "--json").lines
    assert [(line["of"], line["did"], line["changed"]) for line in lines] == [
        ("manifest", "edited", ["status", "status_message"]),
        ("manifest", "registered", []),
        ("model", "registered", []),
    ]
    # With a limit they are the last of both.
    assert [line["of"] for line in cli("history", both, "--json", "--limit", "2").lines] == ["manifest", "manifest"]


def test_what_a_file_does_not_say_of_a_manifest_stays_and_null_takes_it_away(cli: Cli, both: str) -> None:
    assert cli("update", both, "-", given="version: 1.1.0").code == 0
    assert cli("update", both, "-", given="manifest: {languages: [nl]}").code == 0
    found = cli("manifest", "show", both, "--json").json["manifest"]
    assert (found["languages"], len(found["artifacts"])) == (["nl"], 1)
    shown = cli("show", both, "--json").json
    assert cli("manifest", "set", both, "-", given="languages: [fr]").code == 0
    # What was shown is stale by what was written behind it.
    assert is_one_sentence(cli("update", both, "-", given=json.dumps(shown)), "has changed")
    assert cli("update", both, "-", given="manifest: null").code == 0
    assert cli("show", both, "--json").json["manifest"] is None
    said = cli("manifest", "show", both)
    assert (said.code, said.out) == (0, "")
    assert "has no manifest" in said.err
    assert cli("undo", both, "--yes").code == 0
    assert cli("show", both, "--json").json["manifest"]["languages"] == ["fr"]


def test_a_record_is_deprecated_withdrawn_and_used_again_and_undo_takes_back_each(cli: Cli, own: str) -> None:
    heir = cli("register", "model", "-", "--json", given=MODEL.replace("my-finetune", "heir")).json["id"]
    agent = cli("register", "agent", "-", "--json", given="name: helper\nlicense: MIT\n").json["id"]
    told = cli("deprecate", own, "--message", "too old", "--by", heir[:12], "--json").json["manifest"]
    assert (told["status"], told["status_message"], told["superseded_by"]) == ("Deprecated", "too old", heir)
    # What a second one does not give stays.
    for message in ("much too old", "too old"):
        told = cli("deprecate", own, "--message", message, "--json").json["manifest"]
        assert (told["status_message"], told["superseded_by"]) == (message, heir)
    again = cli("deprecate", own, "--message", "too old", "--by", heir)
    assert "already" in again.err
    assert is_one_sentence(cli("deprecate", own, "--by", agent), "a model is replaced by a model")
    assert is_one_sentence(cli("deprecate", own, "--by", own), "cannot be replaced by itself")
    assert is_one_sentence(cli("deprecate", own, "--withdraw"), "a withdrawn record says why")
    assert cli("deprecate", own, "--active", "--message", "x").code == 2
    assert cli("deprecate", own, "--withdraw", "--message", "tampered").out.startswith(
        "model my-finetune: withdrawn: tampered"
    )
    assert cli("undo", own, "--yes").code == 0
    assert cli("manifest", "show", own, "--json").json["manifest"]["status"] == "Deprecated"
    assert cli("deprecate", own, "--active").out.startswith("model my-finetune: to be used")
    assert cli("manifest", "show", own, "--json").json["manifest"]["superseded_by"] is None


WRONG: list[tuple[Json, str, str]] = [
    ({"artifacts": [{"uri": "https://a b"}]}, "artifacts[0].uri", "URI"),
    ({"artifacts": [{"uri": URI, "sha256": "ab"}]}, "artifacts[0].sha256", "64"),
    ({"artifacts": [{"uri": URI}] * 257}, "artifacts", "at most 256"),
    ({"languages": ["en_GB"]}, "languages[0]", "language tag"),
    ({"languages": ["e"]}, "languages[0]", "BCP 47"),
    ({"artifact": []}, "artifact", "did you mean 'artifacts'"),
    ({"artifacts": [{"uri": f"{URI}?{'x' * 2000}{n}"} for n in range(31)]}, "artifacts", "one operation has room"),
    ("text", "", "must be an object of fields"),
]


def test_what_cannot_be_signed_is_one_sentence_at_its_place_and_nothing_is_written(
    cli: Cli, own: str, data_dir: Path, tmp_path: Path
) -> None:
    size = ops(data_dir)
    for value, path, words in WRONG:
        at = f"manifest.{path}: " if path else "manifest: "
        record: Record = {
            "name": "other",
            "license": "MIT",
            "parameters": "7b",
            "context_length": 4096,
            "manifest": value,
        }
        assert is_one_sentence(cli("register", "model", "-", given=json.dumps(record)), at, words), path
        assert is_one_sentence(cli("update", own, "-", given=json.dumps({"manifest": value})), at, words), path
        assert is_one_sentence(cli("manifest", "set", own, "-", given=json.dumps(value)), path, words), path
    with Datastore.open(data_dir) as store:
        store.apply([root(name="theirs").to_json()], source="hub")
        theirs = store.find(root(name="theirs").key)[1]
    for line in (("manifest", "set", theirs, "-"), ("deprecate", theirs), ("update", theirs, "-")):
        assert is_one_sentence(cli(*line, given=BEHIND if line[0] == "update" else "languages: [en]"), "belongs to")
    assert is_one_sentence(cli("manifest", "delete", own, "--yes"), "has no manifest")
    assert is_one_sentence(cli("manifest", "resolve", own, "--delete"), "not in conflict")
    assert ops(data_dir) == size + 1


def test_a_manifest_is_edited_in_an_editor_and_what_is_wrong_is_kept(
    cli: Cli, both: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"

    def edits(script: str) -> None:
        editor.write_text(f"#!/bin/sh\n{script}\n")
        editor.chmod(0o700)

    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    edits("true")
    assert "nothing was changed" in cli("manifest", "edit", both).err
    edits("sed -i 's/- pt-BR/- nl/; s/status: Active/status: Deprecated/' \"$1\"")
    assert cli("manifest", "edit", both).code == 0
    found = cli("manifest", "show", both, "--json").json["manifest"]
    assert (found["status"], found["languages"], len(found["artifacts"])) == ("Deprecated", ["en", "nl"], 1)
    assert not list(tmp_path.glob("tui-registry-*"))
    edits("sed -i 's/- nl/- e/' \"$1\"")
    said = cli("manifest", "edit", both)
    assert said.code == 1
    (kept,) = tmp_path.glob("tui-registry-*/manifest.yaml")
    assert str(kept) in said.err
    assert "- e\n" in kept.read_text()
    edits("exit 3")
    assert "ended with 3" in cli("manifest", "edit", both).err
    before = {*tmp_path.glob("tui-registry-*")}
    # One that leaves a backup beside it, and one that takes the file away; what is no UTF-8 is not signed as else.
    edits('rm "$1"')
    assert is_one_sentence(cli("manifest", "edit", both), "manifest.yaml", "read")
    edits('touch "$1.bak"; echo \'languages: [de]\' > "$1"')
    assert cli("manifest", "edit", both).code == 0
    assert cli("manifest", "show", both, "--json").json["manifest"]["languages"] == ["de"]
    assert {*tmp_path.glob("tui-registry-*")} == before
    # What was not edited is as it was, whatever YAML makes of it.
    odd = ["no", "1e5", "0o17", "a\x85b", "a\u2028b", "a\nb", " a ", "\ufeffa", "é", "#a", "\x1b[0m"]
    assert cli("manifest", "set", both, "-", given=json.dumps({"datasets": odd})).code == 0
    edits('echo \'documentation_url: https://example.org\' >> "$1"; sed -i "/^documentation_url: \'\'/d" "$1"')
    assert cli("manifest", "edit", both).code == 0
    found = cli("manifest", "show", both, "--json").json["manifest"]
    assert (found["datasets"], found["documentation_url"]) == (odd, "https://example.org")
    edits("printf 'status_message: caf\\351\\n' > \"$1\"")
    said = cli("manifest", "edit", both)
    assert (said.code, "UTF-8" in said.err, "is kept" in said.err) == (1, True, True)
    monkeypatch.setenv("EDITOR", os.fspath(tmp_path / "no-such-editor"))
    assert is_one_sentence(cli("manifest", "edit", both), "cannot be started")
    monkeypatch.setenv("EDITOR", "vi '")
    assert is_one_sentence(cli("manifest", "edit", both), "set $EDITOR")


def fork(record: str, data_dir: Path) -> None:
    """Two versions of a manifest, which do not know of each other."""
    with Datastore.open(data_dir) as store:
        entry = store.manifests.get(record)
        assert entry is not None
        assert entry.manifest is not None
        for side in ("left", "right"):
            value: Record = {**entry.manifest, "status_message": side}
            op = model.up_tree(store.key.identity(), "manifest", value, [entry.heads[0]], 2)
            store.apply([model.spell(op)], source="hub")


def test_a_manifest_in_conflict_is_shown_and_settled(cli: Cli, both: str, data_dir: Path) -> None:
    fork(both, data_dir)
    assert cli("history", "--elsewhere", "--acknowledge").code == 0
    assert "its manifest is in conflict: 2 versions" in cli("show", both).out
    said = cli("manifest", "show", both, "--json").json
    assert said["conflict"] is True
    assert is_one_sentence(cli("manifest", "set", both, "-", given="languages: [en]"), "manifest resolve")
    assert is_one_sentence(cli("deprecate", both), "manifest resolve")
    take = next(one["hash"] for one in said["versions"] if one["manifest"]["status_message"] == "right")
    # Nobody can be asked, and nothing says what was seen.
    assert cli("manifest", "resolve", both, "--take", take).code == 2
    assert is_one_sentence(cli("manifest", "resolve", both, "--take", take, "--revision", "ab" * 32), "other versions")
    assert is_one_sentence(
        cli("manifest", "resolve", both, "--take", "ff" * 20, "--revision", said["revision"]), "no version of it"
    )
    settled = cli("manifest", "resolve", both, "--take", take[:12], "--revision", said["revision"], "--json").json
    assert (settled["conflict"], settled["manifest"]["status_message"]) == (False, "right")


def test_diff_and_show_tell_what_an_operation_did_to_a_manifest(cli: Cli, both: str) -> None:
    assert cli("deprecate", both, "--message", "Answers wrongly").code == 0
    said = cli("diff", both)
    assert "its manifest" in said.out.splitlines()[0]
    assert "Status: Active → Deprecated" in said.out
    assert cli("update", both, "-", given="version: 2.0.0\nmanifest: {languages: [nl]}\n").code == 0
    at_once = cli("diff", both).out
    assert "Version: 1.0.0 → 2.0.0" in at_once
    assert "Languages: en, pt-BR → nl" in at_once
    told = cli("diff", both, "--json").json
    assert (told["of"], [one["path"] for one in told["differing"]]) == ("model", ["version"])
    assert (told["manifest"]["of"], told["manifest"]["differing"][0]["values"]) == ("manifest", [["nl"]])
    new, _, deprecated, first, registered = [line["hash"][:12] for line in cli("history", both, "--json").lines]
    assert "Languages: en, pt-BR → nl" in cli("diff", both, first, new).out
    assert "name two that wrote the same" in cli("diff", both, new, registered).err
    assert is_one_sentence(cli("diff", both, "ffffffffffff"), "ffffffffffff")
    then = cli("show", both, "--at", deprecated).out
    assert "1.0.0" in then
    assert "en, pt-BR" in then
    assert "Deprecated" in then
    back = cli("show", both, "--at", first, "--json").json
    assert (back["at"]["hash"][:12], back["manifest"]["status"], back["record"]["version"]) == (
        first,
        "Active",
        "1.0.0",
    )
    assert cli("show", both, "--at", registered, "--json").json["manifest"] == back["manifest"]
    # Given to update it brings both back.
    assert cli("update", both, "-", given=json.dumps(back)).code == 0
    now = cli("show", both, "--json").json
    assert (now["record"]["version"], now["manifest"]["languages"]) == ("1.0.0", ["en", "pt-BR"])


def test_diff_of_a_manifest_in_conflict_tells_its_versions_and_resolve_where_that_is_settled(
    cli: Cli, both: str, data_dir: Path
) -> None:
    fork(both, data_dir)
    said = cli("diff", both)
    assert "the manifest of model" in said.out
    assert "is in conflict: 2 versions" in said.out
    assert "Reason: " in said.out
    assert "manifest resolve" in said.err
    told = cli("diff", both, "--json").json
    assert (told["of"], told["conflict"]) == ("manifest", True)
    assert told["revision"] == cli("manifest", "show", both, "--json").json["revision"]
    assert [sorted(one["values"]) for one in told["differing"]] == [["left", "right"]]
    assert is_one_sentence(cli("resolve", both), "only the manifest is in conflict", "manifest resolve")


def test_an_export_carries_what_stands_behind_a_record_and_an_import_brings_it_back(
    cli: Cli, both: str, tmp_path: Path
) -> None:
    plain = cli("register", "model", "-", "--json", given=MODEL.replace("my-finetune", "plain")).json["id"]
    lines = {line["id"]: line for line in cli("export").lines}
    assert "manifest" not in lines[plain]
    here = cli("show", both, "--json").json
    assert (lines[both]["manifest"], lines[both]["revision"]) == (here["manifest"], here["revision"])
    as_json, as_yaml = tmp_path / "all.jsonl", tmp_path / "all.yaml"
    as_json.write_text(cli("export").out)
    as_yaml.write_text(yaml.safe_dump([*lines.values()]))
    assert cli("import", str(as_json), "--register").err.endswith("2 here already\n")
    theirs = {"manifest_id", "owner_id", "subject_id", "created_at", "updated_at"}
    for file in (as_json, as_yaml):
        other = str(tmp_path / file.suffix[1:])
        assert cli("--data-dir", other, "import", str(file), "--register").code == 0
        found = {line["record"]["name"]: line.get("manifest") for line in cli("--data-dir", other, "export").lines}
        assert found["plain"] is None
        back = found["my-finetune"]
        assert {name: back[name] for name in back if name not in theirs} == {
            name: value for name, value in here["manifest"].items() if name not in theirs
        }
    # An edit of a line is refused where what stands behind the record has changed since.
    assert cli("deprecate", both).code == 0
    assert is_one_sentence(cli("update", both, "-", given=json.dumps(lines[both])), "changed")
