"""`conflicts`, `diff`, `resolve`, `show --at`, operations of one record in a file: no version is lost unseen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cli.conftest import MODEL, Cli, Said, is_one_sentence
from tests.cli.test_writing import Terminal
from tests.seeds import NOW, owner, signed
from tui_registry.__main__ import main
from tui_registry.cli.look import _moment
from tui_registry.cli.output import UsageError
from tui_registry.crdt import sign_rm, sign_up
from tui_registry.datastore import Datastore

HERE = "license: ISC\ntags: [chat, lamps]\nversion: 1.1.0\n"
THERE = "license: MIT\ntags: [chat, code]\ndescription: |\n  A model for long evenings.\n  It answers about lamps.\n"


class Fork(NamedTuple):
    """A record of this replica's key in conflict, the operations by the licences of their versions, another laptop."""

    id: str
    ops: Mapping[str, str]
    laptop: str


@pytest.fixture
def fork(cli: Cli, own: str, data_dir: Path, tmp_path: Path) -> Fork:
    """Two laptops with one key, that edited one record without knowing of each other; this one has read the other."""
    laptop = str(tmp_path / "laptop")
    shutil.copytree(data_dir, laptop)
    assert cli("update", own, "-", given=HERE).code == 0
    assert cli("--data-dir", laptop, "update", own, "-", given=THERE).code == 0
    assert cli("--data-dir", laptop, "export", "--log", "stick").code == 0
    cli("peer", "add", "laptop", str(tmp_path / "stick"))
    said = cli("sync")
    assert said.out == "laptop: 1 new operation, 1 in conflict, 1 signed by your key elsewhere\n"
    assert said.err.endswith("tui-registry: 'tui-registry conflicts' lists the records in conflict\n")
    assert cli("history", "--elsewhere", "--acknowledge").code == 0
    ops = {line["record"]["license"]: line["hash"] for line in cli("history", own, "--json").lines}
    return Fork(own, ops, laptop)


def shown(cli: Cli, identifier: str) -> Any:
    return cli("show", identifier, "--json").json


def settle(cli: Cli, identifier: str, *words: str, given: str = "") -> Said:
    """`resolve`, as a script does that has seen the versions."""
    return cli("resolve", identifier, *words, "--revision", shown(cli, identifier)["revision"], given=given)


def a_third_version_comes(cli: Cli, fork: Fork) -> None:
    """From a third laptop: it edited what only this one had written."""
    with Datastore.open() as datastore:
        identity = datastore.key.identity()
        first = datastore.log.version(fork.ops["Apache-2.0"])
        record = {**(first.record or {}), "license": "BSD-3-Clause", "updated_at": first.updated_at + 1}
        third = sign_up(identity, "model", record, children=[first.hash], clock=2)
        assert datastore.apply([third.to_json()]).applied == 1


def size(data_dir: Path) -> int:
    with Datastore.open(data_dir) as datastore:
        return datastore.log.head().size


def test_two_laptops_edit_apart_meet_settle_and_end_up_equal_with_nothing_lost(
    cli: Cli, fork: Fork, data_dir: Path, tmp_path: Path
) -> None:
    (conflict,) = cli("conflicts", "--json").lines
    assert (conflict["id"], conflict["mine"]) == (fork.id, True)
    assert cli("diff", fork.id[:10]).code == 0
    settled = cli("resolve", fork.id, "--set", "license=MIT", "--json", "--revision", conflict["revision"])
    assert settled.code == 0
    record = settled.json["record"]
    assert (record["license"], record["version"], record["tags"]) == ("MIT", "1.1.0", ["chat", "code", "lamps"]) or (
        record["tags"] == ["chat", "lamps", "code"]
    )
    assert "lamps." in record["description"]
    # Back to the other laptop, by its own sync.
    cli("export", "--log", "back")
    cli("--data-dir", fork.laptop, "peer", "add", "home", str(tmp_path / "back"))
    said = cli("--data-dir", fork.laptop, "sync", "--json")
    assert (said.json["applied"], said.json["conflicts"]) == (2, 0)
    there = cli("--data-dir", fork.laptop, "show", fork.id, "--json").json
    assert (there.pop("petname"), there.pop("looks_like")) == (None, None)
    assert there == settled.json
    for folder in (str(data_dir), fork.laptop):
        assert cli("--data-dir", folder, "conflicts").err == "tui-registry: no record is in conflict\n"
        lines = cli("--data-dir", folder, "history", fork.id, "--json").lines
        # Both versions, as they were written.
        assert {line["hash"] for line in lines} > set(fork.ops.values())
        assert {line["record"]["license"] for line in lines} == {"Apache-2.0", "ISC", "MIT"}
        assert cli("--data-dir", folder, "verify").code == 0


def test_an_import_of_operations_counts_the_conflicts_that_it_brings(
    cli: Cli, own: str, data_dir: Path, tmp_path: Path
) -> None:
    laptop = str(tmp_path / "laptop")
    shutil.copytree(data_dir, laptop)
    cli("update", own, "-", given=HERE)
    cli("--data-dir", laptop, "update", own, "-", given=THERE)
    cli("--data-dir", laptop, "export", "--ops", own, "-o", "record.ndjson")
    said = cli("import", "record.ndjson", "--register")
    assert "1 in conflict" in said.out
    assert "'tui-registry conflicts'" in said.err
    assert cli("import", "record.ndjson", "--register", "--json").json["conflicts"] == 0


def test_conflicts_are_listed_with_ones_own_first(cli: Cli, fork: Fork, data_dir: Path) -> None:
    root = signed(owner("lab"), "model", "theirs", at=NOW)
    assert root.record is not None
    rivals = [
        sign_up(
            owner("lab"), "model", {**root.record, "license": licence, "updated_at": 2_000_000_000},
            children=[root.hash], clock=2,
        )
        for licence in ("MIT", "ISC")
    ]  # fmt: skip
    with Datastore.open(data_dir) as datastore:
        datastore.apply([op.to_json() for op in (root, *rivals)])
        datastore.names.set(owner("lab").address, "the lab")
    said = cli("conflicts")
    assert said.code == 0
    table = said.out.splitlines()
    assert [line.split()[0] for line in table] == ["ID", fork.id[:12], root.key[:12]]
    assert "you" in table[1]
    assert "version, description, licence, tags" in table[1]
    assert "the lab" in table[2]
    mine, theirs = cli("conflicts", "--json").lines
    assert list(mine) == [
        "kind", "id", "name", "owner", "mine", "versions", "ancestor", "heads", "revision", "differing",
        "manifest_versions",
    ]  # fmt: skip
    assert (mine["mine"], theirs["mine"], theirs["owner"]) == (True, False, owner("lab").address)
    assert mine["differing"] == ["version", "description", "license", "tags"]
    assert {version["hash"] for version in mine["versions"]} == {fork.ops["ISC"], fork.ops["MIT"]} == {*mine["heads"]}
    assert mine["ancestor"]["hash"] == fork.ops["Apache-2.0"]
    (arrived,) = [version for version in mine["versions"] if version["record"]["license"] == "MIT"]
    assert (arrived["source"], arrived["arrived_at"] >= arrived["updated_at"]) == ("laptop", True)
    assert list(arrived) == ["hash", "actor", "updated_at", "arrived_at", "source", "record"]
    assert len(cli("conflicts", "--json", "--limit", "1").lines) == 1
    # Somebody else's is shown, and only they can settle it.
    assert "only the lab can settle it" in cli("diff", root.key).err
    assert is_one_sentence(cli("resolve", root.key, "--take", rivals[0].hash), "can only be settled with that key")


def test_diff_of_a_conflict_tells_each_version_against_their_ancestor(cli: Cli, fork: Fork) -> None:
    said = cli("diff", fork.id)
    assert said.code == 0
    for part in (
        "is in conflict: 2 versions",
        f"({fork.ops['Apache-2.0'][:12]})",
        f"({fork.ops['ISC'][:12]})",
        "  Licence: Apache-2.0 → ISC",
        "  Tags: + lamps",
        "  Tags: + code",
        "arrived from laptop",
    ):
        assert part in said.out
    # It leads on, not to itself
    assert f"'tui-registry resolve {fork.id[:12]}' settles it" in said.err
    assert "tui-registry diff" not in said.err
    told = cli("diff", fork.id, "--json").json
    assert (told["conflict"], told["against"]) == (True, fork.ops["Apache-2.0"])
    by_path = {found["path"]: found for found in told["differing"]}
    assert (by_path["license"]["before"], by_path["license"]["open"]) == ("Apache-2.0", True)
    assert (by_path["version"]["merged"], by_path["version"]["open"]) == ("1.1.0", False)


def test_diff_of_operations_tells_what_they_changed_and_marks_words(cli: Cli, own: str) -> None:
    cli("update", own, "-", given="description: It answers about lamps and nothing else.\n")
    cli("update", own, "-", given="description: It answers about candles and nothing else.\ntags: [code]\n")
    last, middle, first = (line["hash"] for line in cli("history", own, "--json").lines)
    said = cli("diff", own)
    assert "Description, line 1: It answers about [-lamps-]{+candles+} and nothing else." in said.out
    assert "Tags: - chat, + code" in said.out
    assert cli("diff", own, last[:16]).out == said.out
    assert "Description: none → It answers about lamps" in cli("diff", own, middle).out
    assert "nothing was there before" in cli("diff", own, first).out
    both = cli("diff", own, first[:20], last).out
    assert both.splitlines()[1].startswith(f"from {first[:12]}: registered")
    assert "Description: none → It answers about candles" in both
    assert cli("diff", own, last, last).out.endswith("  no field differs, only the time\n")
    told = cli("diff", own, first, last, "--json").json
    assert told["differing"][-1] == {"path": "tags", "before": ["chat"], "values": [["code"]]}
    assert cli("diff", own, "--json").json["versions"][0]["hash"] == last
    cli("delete", own, "--yes")
    gone = cli("diff", own)
    assert "it took the record away" in gone.out
    assert f"--at {last[:12]}" in gone.out
    assert cli("diff", own, "--json").json["differing"] == []


def test_diff_of_what_settled_a_conflict_tells_what_became_of_every_version(cli: Cli, fork: Fork) -> None:
    assert settle(cli, fork.id, "--take", fork.ops["MIT"][:16]).code == 0
    said = cli("diff", fork.id).out
    assert said.count("in place of") == 2
    assert "    Licence: ISC → MIT" in said


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("diff", "OWN", "zz"), "is not the hash of an operation"),
        (("diff", "OWN", "0" * 16), "no operation here whose hash begins with"),
        (("diff", "OWN", "OTHER"), "belongs to another record"),
        (("diff", "f" * 64), "there is no record here"),
        (("resolve", "OWN"), "is not in conflict: there is nothing to settle"),
        (("show", "OWN", "--at", "2020"), "was not there yet: its first operation is of"),
        (("show", "OWN", "--at", "00000000"), "no operation here whose hash begins with"),
        (("show", "OWN", "--at", "OTHER"), "belongs to another record"),
        (("export", "--ops", "f" * 64), "there is no record here"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_not_there_is_one_sentence(cli: Cli, own: str, words: tuple[str, ...], part: str) -> None:
    other = cli("register", "model", "-", "--json", given="name: other\n").json["heads"][0]
    line = [{"OWN": own, "OTHER": other}.get(word, word) for word in words]
    assert is_one_sentence(cli(*line), part)


@pytest.mark.parametrize("words", [("update", "-"), ("delete", "--yes"), ("undo", "--yes")], ids=lambda words: words[0])
def test_nothing_but_resolve_settles_and_the_refusal_names_fields_and_commands(
    cli: Cli, fork: Fork, data_dir: Path, words: tuple[str, str]
) -> None:
    before = size(data_dir)
    said = cli(words[0], fork.id, words[1], given="version: 9.0.0\n")
    assert is_one_sentence(
        said, "is in conflict, its 2 versions differ in version, description, licence, tags", "nothing was written",
        f"'tui-registry diff {fork.id[:12]}'", f"'tui-registry resolve {fork.id[:12]}'",
    )  # fmt: skip
    assert size(data_dir) == before


def test_a_dutiful_edit_of_a_record_in_conflict_loses_nothing(cli: Cli, fork: Fork) -> None:
    told = shown(cli, fork.id)
    assert {version["record"]["license"] for version in told["versions"]} == {"ISC", "MIT"}
    told["record"]["version"] = "2.0.0"
    assert is_one_sentence(cli("update", fork.id, "-", given=json.dumps(told)), "is in conflict", "resolve")
    assert shown(cli, fork.id)["versions"] == told["versions"]
    # The same file settles, where it is meant to, once what is open is decided: it changed the version and no more.
    assert is_one_sentence(cli("resolve", fork.id, "--merge", "-", given=json.dumps(told)), "licence needs a decision")
    said = cli("resolve", fork.id, "--merge", "-", "--set", "license=ISC", given=json.dumps(told))
    assert said.code == 0, said.err
    record = shown(cli, fork.id)["record"]
    assert (record["version"], record["license"], sorted(record["tags"])) == ("2.0.0", "ISC", ["chat", "code", "lamps"])
    assert "long evenings" in record["description"]


@pytest.mark.parametrize("form", ["show", "answer"])
def test_of_an_edited_export_only_what_was_edited_is_decided(
    cli: Cli, own: str, data_dir: Path, tmp_path: Path, form: str
) -> None:
    laptop = str(tmp_path / "laptop")
    shutil.copytree(data_dir, laptop)
    there = "context_length: 4096\ntags: [chat, code]\nresource_requirements: {recommended_vcpus: 8}\n"
    assert cli("--data-dir", laptop, "update", own, "-", given=there).code == 0
    # Two edits: the version of this laptop is the one that is shown.
    for given in ("version: 1.1.0\n", "tags: [chat, lamps]\n"):
        assert cli("update", own, "-", given=given).code == 0
    cli("--data-dir", laptop, "export", "--ops", own, "-o", "record.ndjson")
    cli("import", "record.ndjson", "--register")
    told = shown(cli, own)
    edited = told["record"]
    edited.update(description="Edited by hand.", tags=[*edited["tags"], "new"])
    edited["resource_requirements"]["min_memory_mb"] = 512
    # As a node answers a GET: the fields, and beside them what they were read from.
    answer = {**edited, **{name: told[name] for name in ("heads", "revision", "versions")}}
    document = json.dumps(told if form == "show" else answer)
    said = cli("resolve", own, "--merge", "-", "--json", given=document)
    assert said.code == 0, said.err
    record = said.json["record"]
    assert (record["context_length"], record["version"], record["description"]) == (4096, "1.1.0", "Edited by hand.")
    needs = record["resource_requirements"]
    assert (needs["recommended_vcpus"], needs["min_memory_mb"]) == (8, 512)
    assert sorted(record["tags"]) == ["chat", "code", "lamps", "new"]


def test_an_edited_export_goes_on_top_of_the_version_that_is_taken(cli: Cli, fork: Fork) -> None:
    told = shown(cli, fork.id)
    told["record"]["version"] = "2.0.0"
    said = cli("resolve", fork.id, "--take", fork.ops["MIT"], "--merge", "-", "--json", given=json.dumps(told))
    record = said.json["record"]
    assert (record["license"], record["version"], record["tags"]) == ("MIT", "2.0.0", ["chat", "code"])


def test_an_export_of_how_it_was_is_that_version_whole(cli: Cli, fork: Fork) -> None:
    for licence in ("Apache-2.0", "ISC", "MIT"):
        told = cli("show", fork.id, "--at", fork.ops[licence], "--json").json
        said = cli("resolve", fork.id, "--merge", "-", "--dry-run", "--json", given=json.dumps(told))
        ours = {"updated_at": 0}
        assert {**said.json["record"], **ours} == {**told["record"], **ours}


def test_show_of_a_record_in_conflict_names_its_versions_and_how_to_settle_it(cli: Cli, fork: Fork) -> None:
    said = cli("show", fork.id).out
    for part in (
        "version A: current",
        "version B: rival",
        f"({fork.ops['ISC'][:12]})",
        "they differ in version, description, licence, tags",
        f"'tui-registry diff {fork.id[:12]}' shows what differs; 'tui-registry resolve {fork.id[:12]}' settles it",
    ):
        assert part in said
    assert "versions" not in shown(cli, cli("register", "model", "-", "--new", "--json", given=MODEL).json["id"])


def test_resolve_without_a_decision_names_what_is_open_and_writes_nothing(cli: Cli, fork: Fork, data_dir: Path) -> None:
    before = size(data_dir)
    said = cli("resolve", fork.id)
    assert is_one_sentence(said, "licence needs a decision", "--take OP", "--set license=VALUE", "diff")
    assert is_one_sentence(cli("resolve", fork.id, "--set", "version=3.0.0"), "licence needs a decision")
    assert is_one_sentence(cli("resolve", fork.id, "--merge", "-", given="version: 3.0.0\n"), "licence needs")
    assert size(data_dir) == before


def test_resolve_takes_a_version_whole_and_sets_fields_on_top(cli: Cli, fork: Fork) -> None:
    said = settle(cli, fork.id, "--take", fork.ops["MIT"][:16], "--set", "version=2.0.0", "--set", "name=mine")
    assert said.code == 0
    assert said.out.startswith(f"settled model mine, id {fork.id}\n")
    assert "Name: mine (decided here)" in said.out
    assert f"Licence: MIT (as in {fork.ops['MIT'][:12]})" in said.out
    assert "Version: 2.0.0 (decided here)" in said.out
    assert f"'tui-registry history {fork.id[:12]}'" in said.err
    assert all(op[:12] in said.err for licence, op in fork.ops.items() if licence != "Apache-2.0")
    record = shown(cli, fork.id)["record"]
    assert (record["license"], record["version"], record["tags"]) == ("MIT", "2.0.0", ["chat", "code"])


def test_a_file_decides_the_fields_that_it_names_and_the_rest_merges(cli: Cli, fork: Fork) -> None:
    said = settle(cli, fork.id, "--merge", "-", "--json", given="license: BSD-3-Clause\n")
    assert said.code == 0, said.err
    record = said.json["record"]
    assert (record["license"], record["version"]) == ("BSD-3-Clause", "1.1.0")
    assert sorted(record["tags"]) == ["chat", "code", "lamps"]


def test_a_dry_run_writes_nothing(cli: Cli, fork: Fork, data_dir: Path) -> None:
    before = size(data_dir)
    said = cli("resolve", fork.id, "--set", "license=MIT", "--dry-run")
    assert (said.code, said.err) == (0, "tui-registry: nothing was written\n")
    assert said.out.startswith("would settle model my-finetune")
    told = cli("resolve", fork.id, "--set", "license=MIT", "--dry-run", "--json").json
    assert (told["record"]["license"], told["written"]) == ("MIT", False)
    assert cli("resolve", fork.id, "--delete", "--dry-run").code == 0
    assert cli("resolve", fork.id, "--delete", "--dry-run", "--json").json["written"] is False
    assert size(data_dir) == before


def test_a_conflict_is_settled_by_a_removal_after_asking(cli: Cli, fork: Fork) -> None:
    before = shown(cli, fork.id)["versions"][0]
    assert cli("resolve", fork.id, "--delete").code == 2
    assert cli("resolve", fork.id, "--delete", "--take", fork.ops["MIT"], "--yes").code == 2
    said = settle(cli, fork.id, "--delete")
    assert (said.code, "say --yes" in said.err) == (2, True)
    said = settle(cli, fork.id, "--delete", "--yes", "--json")
    assert (said.code, said.json["deleted"]) == (0, True)
    assert is_one_sentence(cli("show", fork.id), "there is no record here")
    # Of both versions the one that was shown.
    was = f"--at {before['hash'][:12]}' shows it as it was before"
    assert is_one_sentence(cli("show", fork.id, "--at", "today"), "was deleted then", was)
    assert was in cli("diff", fork.id).out
    assert len(cli("history", fork.id, "--json").lines) == 4


def test_what_needs_no_decision_is_shown_and_asked_for(
    cli: Cli,
    own: str,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    laptop = str(tmp_path / "laptop")
    shutil.copytree(data_dir, laptop)
    cli("update", own, "-", given="version: 1.1.0\n")
    cli("--data-dir", laptop, "update", own, "-", given="license: MIT\n")
    cli("--data-dir", laptop, "export", "--ops", own, "-o", "record.ndjson")
    cli("import", "record.ndjson", "--register")
    said = cli("resolve", own)
    assert (said.code, "--revision REVISION --yes" in said.err) == (2, True)
    said = settle(cli, own)
    assert (said.code, "say --yes" in said.err) == (2, True)
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    capfd.readouterr()
    assert main(["resolve", own]) == 1
    asked = capfd.readouterr().err
    assert "Version: 1.1.0 (as in " in asked
    assert "Licence: MIT (as in " in asked
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert main(["resolve", own]) == 0
    record = shown(cli, own)["record"]
    assert (record["version"], record["license"]) == ("1.1.0", "MIT")


@pytest.mark.parametrize(
    "words", [("--take", "ISC"), ("--set", "license=MIT"), ("--merge", "-"), ("--delete",)], ids=lambda words: words[0]
)
def test_no_version_is_settled_that_nobody_saw(
    cli: Cli,
    fork: Fork,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    line = ["resolve", fork.id, *(fork.ops.get(word, word) for word in words)]
    given = "license: MIT\n"
    revision = cli("diff", fork.id, "--json").json["revision"]
    a_third_version_comes(cli, fork)
    before = size(data_dir)
    # A script says what it saw.
    for more in ((), ("--yes",), ("--json", "--yes")):
        said = cli(*line, *more, given=given)
        assert (said.code, len(said.err.splitlines())) == (2, 1)
        assert list(said.json) == ["error"] if "--json" in more else not said.out
        assert "--revision REVISION" in said.err
    assert is_one_sentence(cli(*line, "--yes", "--revision", revision, given=given), "has changed since")
    # A person is shown it all, and asked.
    if "--merge" in words:
        Path("edit.yaml").write_text(given)
        line[-1] = "edit.yaml"
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    capfd.readouterr()
    assert main(line) == 1
    asked = capfd.readouterr().err
    assert "is in conflict: 3 versions" in asked
    assert all(f"  Licence: Apache-2.0 → {licence}" in asked for licence in ("ISC", "MIT", "BSD-3-Clause"))
    assert size(data_dir) == before
    seen = shown(cli, fork.id)["revision"]
    assert seen == cli("diff", fork.id, "--json").json["revision"] == cli("conflicts", "--json").json["revision"]
    assert cli(*line, "--yes", "--revision", seen).code == 0
    assert size(data_dir) == before + 1


def test_heads_that_moved_meanwhile_answer_changed_and_nothing_is_written(
    cli: Cli, fork: Fork, data_dir: Path, tmp_path: Path
) -> None:
    told = shown(cli, fork.id)
    cli("--data-dir", fork.laptop, "update", fork.id, "-", given="version: 1.2.0\n")
    cli("--data-dir", fork.laptop, "export", "--log", "stick")
    assert cli("sync").out == "laptop: 1 new operation, 1 signed by your key elsewhere\n"
    before = size(data_dir)
    assert is_one_sentence(
        cli("resolve", fork.id, "--merge", "-", given=json.dumps(told)), "has other versions by now", "diff"
    )
    only_revision = {name: told[name] for name in ("kind", "record", "revision")}
    assert is_one_sentence(
        cli("resolve", fork.id, "--merge", "-", given=json.dumps(only_revision)), "has changed since"
    )
    # As a node answers a GET: the fields, and beside them what they were read from.
    answer = {**told["record"], **{name: told[name] for name in ("heads", "revision", "versions")}}
    assert is_one_sentence(
        cli("resolve", fork.id, "--merge", "-", given=json.dumps(answer)), "has other versions by now"
    )
    assert is_one_sentence(
        cli("resolve", fork.id, "--take", fork.ops["ISC"], "--revision", told["revision"]), "changed"
    )
    assert size(data_dir) == before


def test_a_merge_that_breaks_a_rule_writes_nothing(cli: Cli, fork: Fork, data_dir: Path) -> None:
    before = size(data_dir)
    said = cli("resolve", fork.id, "--merge", "-", given="license: MIT\nversion: '1.0'\n")
    assert is_one_sentence(said, "stdin: version", "write 1.0.0")
    assert cli("resolve", fork.id, "--set", "nosuch=1").code == 1
    assert cli("resolve", fork.id, "--set", "license=MIT", "--set", "version=one").code == 1
    other = cli("register", "model", "-", "--new", "--json", given=MODEL)
    assert is_one_sentence(cli("resolve", fork.id, "--merge", "-", given=other.out), "take the id out")
    assert is_one_sentence(cli("resolve", fork.id, "--take", other.json["heads"][0]), "belongs to another record")
    assert is_one_sentence(cli("resolve", fork.id, "--take", "0" * 16), "no operation here")
    assert is_one_sentence(cli("resolve", fork.id, "--merge", "none.yaml"), "cannot be read")
    damaged = {**shown(cli, fork.id), "revision": "zz"}
    assert is_one_sentence(
        cli("resolve", fork.id, "--merge", "-", given=json.dumps(damaged)), "stdin: revision: must be"
    )
    assert size(data_dir) == before + 1


# As it was


def test_a_record_is_shown_as_an_operation_wrote_it_and_update_brings_that_back(cli: Cli, own: str) -> None:
    first = shown(cli, own)["heads"][0]
    cli("update", own, "-", given="version: 2.0.0\n")
    said = cli("show", own, "--at", first[:12])
    assert said.out.startswith("as it was at ")
    assert f"operation {first[:12]}: registered" in said.out
    assert "my-finetune  1.0.0  (model)" in said.out
    told = cli("show", own, "--at", first, "--json").json
    assert (told["record"]["version"], told["at"]["hash"]) == ("1.0.0", first)
    assert (told["heads"], told["revision"]) == (shown(cli, own)["heads"], shown(cli, own)["revision"])
    assert cli("update", own, "-", given=json.dumps(told)).code == 0
    assert shown(cli, own)["record"]["version"] == "1.0.0"
    cli("delete", own, "--yes")
    assert cli("show", own, "--at", first, "--json").json["record"]["version"] == "1.0.0"


def test_a_record_is_shown_as_it_was_at_a_time(cli: Cli, data_dir: Path) -> None:
    day = 86_400
    root = signed(owner("lab"), "model", "theirs", at=NOW - 10 * day, license="MIT")
    assert root.record is not None
    edit = sign_up(
        owner("lab"), "model", {**root.record, "license": "ISC", "updated_at": NOW - 5 * day},
        children=[root.hash], clock=2,
    )  # fmt: skip
    gone = sign_rm(owner("lab"), "model", root.key, children=[edit.hash], clock=3, updated_at=NOW - day)
    with Datastore.open(data_dir) as datastore:
        assert datastore.apply([op.to_json() for op in (root, edit, gone)]).applied == 3
    # NOW is 2026-07-16 00:00 UTC.
    for at, licence in (
        ("2026-07-06", "MIT"), ("2026-07-10", "MIT"), ("2026-07-11T00:00Z", "ISC"), ("2026-07-11T00:59+01:00", "MIT"),
        ("2026-07-11T01:00+01:00", "ISC"), ("2026-07-14", "ISC"), ("2026-07-11 00:00:00 UTC", "ISC"),
    ):  # fmt: skip
        assert cli("show", root.key, "--at", at, "--json").json["record"]["license"] == licence, at
    assert is_one_sentence(cli("show", root.key, "--at", "2026-07-05"), "was not there yet")
    assert is_one_sentence(cli("show", root.key, "--at", "2026-07-15"), "was deleted then", f"--at {edit.hash[:12]}")


@pytest.mark.parametrize(
    ("text", "back"),
    [("3d", 3 * 86_400), ("2h", 7_200), ("3 d ago", 3 * 86_400), ("1w", 7 * 86_400), ("today", 0), ("2999", 0)],
)
def test_ages_and_days_are_counted_from_now(text: str, back: int) -> None:
    now = NOW + 3_600
    assert _moment(text, now) == now - back
    assert _moment("yesterday", now) == NOW - 1


def test_what_is_no_time_is_an_operation_or_one_sentence(cli: Cli, own: str) -> None:
    assert _moment("1a2b3c4d", NOW) is None
    for text in ("tomorrow", "2026-02-31", "12:30", "2026-13", "2026-01-31T25:00+01:00", ""):
        with pytest.raises(UsageError, match="write"):
            _moment(text, NOW)
        said = cli("show", own, f"--at={text}")
        assert (said.code, len(said.err.splitlines())) == (2, 1)


def test_what_was_deleted_twice_is_looked_up_in_its_history(cli: Cli, own: str, data_dir: Path) -> None:
    cli("delete", own, "--yes")
    with Datastore.open(data_dir) as datastore:
        (removal,) = datastore.heads(own)
        again = sign_rm(
            datastore.key.identity(),
            "model",
            own,
            children=[removal],
            clock=3,
            updated_at=datastore.log.version(removal).updated_at,
        )
        assert datastore.apply([again.to_json()]).applied == 1
    said = cli("show", own, "--at", again.hash)
    assert is_one_sentence(said, "was deleted by that operation", f"'tui-registry history {own[:12]}'")
    assert "--at" not in said.err


# History


def test_history_tells_what_changed_both_times_and_from_whom(cli: Cli, fork: Fork) -> None:
    said = cli("history", fork.id).out.splitlines()
    assert said[:2] == [f"model {fork.id}, yours", "its operations, the last arrived first"]
    (arrived,) = [place for place, line in enumerate(said) if line.startswith(fork.ops["MIT"][:12])]
    assert "laptop" in said[arrived]
    assert "Licence: Apache-2.0 → MIT; Tags: + code" in said[arrived + 1]
    (written,) = [line for line in said if line.startswith(fork.ops["ISC"][:12])]
    assert " here" in written
    lines = {line["hash"]: line for line in cli("history", fork.id, "--json").lines}
    assert lines[fork.ops["MIT"]]["source"] == "laptop"
    assert lines[fork.ops["MIT"]]["changed"] == ["description", "license", "tags"]
    assert lines[fork.ops["ISC"]]["source"] is None
    assert all(line["arrived_at"] >= line["updated_at"] for line in lines.values())
    everything = cli("history", "--json").lines
    assert [line["source"] for line in everything] == ["laptop", None, None]


# Operations of one record in a file


@pytest.fixture
def exported(cli: Cli, fork: Fork) -> tuple[Fork, list[bytes]]:
    said = cli("export", "--ops", fork.id[:12])
    assert said.code == 0
    return fork, said.out.encode().splitlines(keepends=True)


def test_operations_of_a_record_are_checked_without_a_replica(
    cli: Cli, exported: tuple[Fork, list[bytes]], data_dir: Path
) -> None:
    fork, lines = exported
    assert cli("export", "--ops", fork.id, "-o", "record.ops").err.startswith(
        "tui-registry: wrote 3 operations of model"
    )
    assert Path("record.ops").read_bytes() == b"".join(lines)
    address = shown(cli, fork.id)["record"]["owner_id"]
    shutil.rmtree(data_dir)
    said = cli("verify", "--ops", "record.ops")
    assert said.code == 0
    for part in (
        f"model {fork.id}",
        f"0x{address}",
        "2 versions: a conflict",
        fork.ops["ISC"][:12],
        "later operations",
    ):
        assert part in said.out
    told = cli("verify", "--ops", "-", "--json", given=b"".join(lines)).json
    assert (told["sound"], told["operations"], told["proves_completeness"]) == (True, 3, False)
    (record,) = told["records"]
    assert (record["owner"], record["versions"], record["conflict"], record["deleted"]) == (address, 3, True, False)
    assert {*record["heads"]} == {op["hash"] for op in record["live"]} == {fork.ops["ISC"], fork.ops["MIT"]}
    assert not data_dir.exists()


def test_a_deleted_record_and_a_whole_backup_are_checked_as_well(cli: Cli, own: str, seeded: Path) -> None:
    cli("delete", own, "--yes")
    assert "none: the record is deleted" in cli("verify", "--ops", "-", given=cli("export", "--ops", own).out).out
    told = cli("verify", "--ops", "-", "--json", given=cli("export", "--ops").out).json
    assert (told["operations"], len(told["records"])) == (14, 13)


def spoilt(lines: list[bytes]) -> dict[str, tuple[bytes, str]]:
    """Files that prove nothing, and what is said of them."""
    first, second, last = lines
    return {
        "a flipped word": (first.replace(b"my-finetune", b"my-finesse!") + second + last, "line 1: "),
        "another's signature": (first + second.replace(b'"sig":"', b'"sig":"0', 1) + last, "line 2: "),
        "cut within a line": (first + second[:-40], "line 2: "),
        "a line left out": (second + last, "line 1: it builds on operation"),
        "out of order": (last + first, "line 1: it builds on operation"),
        "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(300), "line 1: the bytes are not UTF-8 JSON"),
        "records": (b'{"kind":"model","record":{}}\n', "line 1: "),
        "an empty line": (first + b"\n" + second, "line 2: "),
        "an endless line": (first + b"x" * 200_000, "line 2: "),
        "nothing": (b"", "the file is empty"),
    }


def test_a_file_that_was_spoilt_is_one_sentence_with_the_line(cli: Cli, exported: tuple[Fork, list[bytes]]) -> None:
    for what, (data, part) in spoilt(exported[1]).items():
        said: Said = cli("verify", "--ops", "-", given=data)
        assert is_one_sentence(said, "stdin, ", part), (what, said)
        told = cli("verify", "--ops", "-", "--json", given=data)
        assert (told.code, told.json["sound"]) == (1, False), what
        assert part in told.json["sentence"]
    assert is_one_sentence(cli("verify", "--ops", "none.ops"), "none.ops cannot be read")


def test_a_record_registered_twice_has_no_ancestor_and_its_versions_are_compared_with_each_other(
    cli: Cli, data_dir: Path
) -> None:
    with Datastore.open(data_dir) as datastore:
        identity = datastore.key.identity()
        twice = [signed(identity, "model", "twin", at=NOW, license=licence) for licence in ("MIT", "ISC")]
        assert datastore.apply([op.to_json() for op in twice]).applied == 2
    key = twice[0].key
    said = cli("diff", key)
    assert "no common ancestor" in said.out
    assert "the others are compared with this one" in said.out
    assert said.out.count("  Licence: ") == 1
    told = cli("diff", key, "--json").json
    assert (told["against"], told["before"], told["differing"][0]["open"]) == (None, None, True)
    assert is_one_sentence(cli("resolve", key, "--yes"), "licence needs a decision")
    assert settle(cli, key, "--set", "license=MIT").code == 0
    assert cli("conflicts", "--json").lines == []
