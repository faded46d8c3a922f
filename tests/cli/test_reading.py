"""`list`, `search`, `show`, `history`, `export`: data on stdout, messages on stderr, one JSON object a line."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Cli, is_one_sentence
from tests.seeds import owner, signed
from tui_registry import datastore as opening
from tui_registry.cli import look
from tui_registry.crdt import sign_up
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.records import defaults

HOSTILE = "[red]x[/]\x1b]52;c;eA==\x07\u202egpj.exe\nsecond line\x9b31m"


@pytest.mark.parametrize(("kind", "count"), [("models", 10), ("agents", 2)])
def test_list_json_streams_one_object_a_line(cli: Cli, seeded: Path, kind: str, count: int) -> None:
    said = cli("list", kind, "--json")
    assert said.code == 0
    assert said.err == ""
    assert len(said.lines) == count
    for line in said.lines:
        assert list(line) == ["kind", "id", "record", "heads", "problems", "status", "petname", "looks_like"]
        assert line["status"] is None
        assert f"{line['kind']}s" == kind
        assert line["record"][f"{line['kind']}_id"] == line["id"]


def test_a_status_is_named_found_and_counted_and_a_manifest_in_conflict_listed(cli: Cli, own: str) -> None:
    with Datastore.open() as store:
        op = store.manifests.set(own, {**defaults("manifest"), "status": "Deprecated", "status_message": "old"})
        said = store.manifests.get(own)
        assert said is not None
        assert said.manifest is not None
        for side in ("[x]left\x1b[31m", "right"):
            rival = {**said.manifest, "status": {"Other": side}}
            store.apply([sign_up(store.key.identity(), "manifest", rival, children=[op.hash], clock=2).body])
        status = store.search().rows[0].status
    (line,) = cli("search", f'status:"{status}"', "--json").lines
    assert line["status"] == status
    assert cli("search", "status:deprecated").out == ""
    assert cli("list", "models").out.splitlines()[1].endswith("conflict: 2 versions of its manifest")
    assert "\x1b" not in cli("list", "models").out
    (conflict,) = cli("conflicts", "--json").lines
    assert (conflict["id"], len(conflict["versions"]), conflict["manifest_versions"]) == (own, 1, 2)
    assert cli("conflicts").out.splitlines()[1].endswith("the manifest (2 versions)")
    counts = {row["term"] for row in cli("search", "--facets", "", "--json").lines if row["field"] == "status"}
    assert {"status:Active"} < counts
    assert cli("status", "--json").json["conflicts"]["records"] == 1


def test_list_is_newest_first_and_sorts_on_request(cli: Cli, seeded: Path) -> None:
    times = [line["record"]["updated_at"] for line in cli("list", "models", "--json").lines]
    assert times == sorted(times, reverse=True)
    names = [line["record"]["name"] for line in cli("list", "models", "--json", "--sort", "name").lines]
    assert names == sorted(names)
    down = [line["record"]["name"] for line in cli("list", "models", "--json", "--sort=-name").lines]
    assert down == names[::-1]


def test_limit_limits_the_table_and_the_json_alike(cli: Cli, seeded: Path) -> None:
    assert len(cli("list", "models", "--json", "--limit", "3").lines) == 3
    said = cli("list", "models", "--limit", "3")
    assert len(said.out.splitlines()) == 1 + 3
    assert said.err == "tui-registry: 3 of 10 shown: --limit 0 lists all\n"
    assert len(cli("list", "models", "--limit", "0").out.splitlines()) == 1 + 10


def test_a_limit_below_zero_is_a_usage_error(cli: Cli) -> None:
    assert cli("list", "models", "--limit=-1").code == 2


def test_an_empty_replica_says_what_to_do(cli: Cli) -> None:
    said = cli("list", "models")
    assert (said.code, said.out) == (0, "")
    assert "register" in said.err
    assert "demo" in said.err


def test_search_takes_its_words_as_one_query(cli: Cli, seeded: Path) -> None:
    together, apart = cli("search", "kind:model llama", "--json"), cli("search", "kind:model", "llama", "--json")
    assert together.out == apart.out != ""
    assert all("llama" in line["record"]["name"] for line in together.lines)


def test_search_says_what_it_took_for_words_and_refuses_it_when_strict(cli: Cli, seeded: Path) -> None:
    for how in ((), ("--json",)):
        said = cli("search", "llama3:chat", *how)
        assert said.code == 0
        assert said.err.startswith("tui-registry: there is no field 'llama3': looked for 'llama3:chat' as words\n")
    for how in ((), ("--json",), ("--facets",)):
        refused = cli("search", "--strict", "llama3:chat", *how)
        assert is_one_sentence(refused, "put the text in quotes")
    assert "did you mean license:" in cli("search", "licens:mit").err
    assert "put the text in quotes" in cli("export", "llama3:chat").err


def test_search_that_finds_nothing_is_no_failure(cli: Cli, seeded: Path) -> None:
    said = cli("search", "zzzyyyxxx")
    assert (said.code, said.out, said.err) == (0, "", "tui-registry: nothing found\n")


def test_a_query_that_cannot_be_read_says_where(cli: Cli, seeded: Path) -> None:
    assert is_one_sentence(cli("search", "llama", "bogus:>1"), "bogus", "character 7")


def test_show_takes_the_beginning_of_an_id(cli: Cli, own: str) -> None:
    assert cli("show", own[:8], "--json").json["id"] == own
    assert cli("show", f"0x{own[:8]}", "--json").json["id"] == own


def test_show_names_everything_exactly_for_people(cli: Cli, own: str) -> None:
    said = cli("show", own)
    assert said.code == 0
    for part in (
        "my-finetune  1.0.0  (model)",
        own,
        "your key",
        "7,600,000,000 (7.6 B)",
        "32,768 tokens",
        "Apache-2.0",
    ):
        assert part in said.out


def test_show_says_that_a_stranger_is_one_until_named(cli: Cli, seeded: Path) -> None:
    first = cli("list", "models", "--json", "--limit", "1").json
    assert "signed by a key you have not named" in cli("show", first["id"]).out
    with Datastore.open(seeded) as datastore:
        datastore.names.set(first["record"]["owner_id"], "the lab")
    assert "which you call the lab" in cli("show", first["id"]).out


@pytest.mark.parametrize("command", ["show", "history"])
def test_an_unknown_id_gets_a_sentence(cli: Cli, seeded: Path, command: str) -> None:
    assert is_one_sentence(cli(command, "f" * 64), "there is no record here")
    assert is_one_sentence(cli(command, "not-an-id"), "is not an id")


def test_an_ambiguous_id_lists_the_candidates(cli: Cli, data_dir: Path) -> None:
    with Datastore.open(data_dir) as datastore:
        datastore.apply([signed(owner("a"), "model", f"m{number}").to_json() for number in range(40)])
    ids = [line["id"] for line in cli("list", "models", "--json").lines]
    digit = next(digit for digit in "0123456789abcdef" if sum(item.startswith(digit) for item in ids) > 1)
    said, choices = cli("show", digit), cli("show", digit, "--json").json["error"]["choices"]
    first, *lines = said.err.splitlines()
    assert all(part in first for part in ("several ids", "more digits"))
    assert [choice["id"] for choice in choices] == sorted(item for item in ids if item.startswith(digit))
    assert len(lines) == len(choices)


def test_history_shows_every_operation_of_a_deleted_record(cli: Cli, own: str) -> None:
    assert cli("update", own, "-", given="version: 1.1.0\n").code == 0
    assert cli("delete", own, "--yes").code == 0
    lines = cli("history", own[:10], "--json").lines
    assert [(line["deletes"], line["head"], line["current"], line["clock"]) for line in lines] == [
        (True, True, False, 3),
        (False, False, False, 2),
        (False, False, False, 1),
    ]
    assert lines[0]["children"] == [lines[1]["hash"]]
    assert [line["record"] and line["record"]["version"] for line in lines] == [None, "1.1.0", "1.0.0"]
    table = cli("history", own[:10]).out
    assert all(word in table for word in ("deleted", "edited", "registered"))


@pytest.mark.parametrize("width", ["40", "80", "200"])
def test_no_command_lets_hostile_text_reach_the_terminal(
    cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    op = signed(
        owner("villain"), "model", HOSTILE, description=HOSTILE, version="1\x1b[2J", license=HOSTILE, tags=[HOSTILE],
        formfile_template=HOSTILE, framework={"Other": "\x1bc"}, capabilities=[HOSTILE],
    )  # fmt: skip
    with Datastore.open(data_dir) as datastore:
        assert datastore.apply([op.to_json()]).applied == 1
        datastore.names.set(owner("villain").address, HOSTILE)
    for words in (
        ("list", "models"), ("list", "models", "--json"), ("search", "red"), ("show", op.key),
        ("show", op.key, "--json"),
        ("history", op.key), ("history", op.key, "--json"), ("export",), ("update", op.key, "-"), ("delete", op.key),
    ):  # fmt: skip
        said = cli(*words)
        bad = {character for character in said.out + said.err if character < " " and character != "\n"}
        assert not bad | (set(said.out + said.err) & {"\x9b", "\u202e", "\x7f"}), words


def test_a_table_fits_its_terminal(cli: Cli, seeded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (80, 100, 160):
        monkeypatch.setenv("COLUMNS", str(width))
        assert max(len(line) for line in cli("list", "models").out.splitlines()) <= width


def test_export_writes_every_record_as_list_does_without_what_is_this_replica_s_own(cli: Cli, seeded: Path) -> None:
    exported = cli("export").lines
    assert len(exported) == 12
    cli("identity", "name", exported[0]["record"]["owner_id"], "my lab")
    listed = cli("list", "agents", "--json").lines
    assert {line.pop("petname") for line in listed} == {"my lab"}
    assert {line.pop("looks_like") for line in listed} == {None}
    assert {line.pop("status") for line in listed} == {None}
    assert cli("export", "kind:agent").lines == listed


def test_a_named_owner_stands_by_that_name_in_lists_and_in_history(cli: Cli, seeded: Path) -> None:
    record = cli("list", "models", "--json").lines[0]
    cli("identity", "name", record["record"]["owner_id"], "my lab")
    for words in (("list", "models"), ("search", record["record"]["name"])):
        assert "  my lab" in cli(*words).out
    assert cli("history", record["id"], "--json").json["petname"] == "my lab"
    assert cli("history", "--json").lines[0]["petname"] == "my lab"
    assert "of my lab" in cli("history", record["id"]).out


def test_a_name_like_another_s_is_told_in_a_list_and_by_itself(cli: Cli, seeded: Path) -> None:
    first = cli("list", "models", "--json", "--sort", "name").lines[0]
    with Datastore.open(seeded) as datastore:
        name = first["record"]["name"].replace("a", "\u0430").replace("e", "\u0435")
        op = signed(owner("imitator"), "model", name)
        datastore.apply([op.to_json()])
    owner_id = first["record"]["owner_id"]
    told = f"looks like a name of 0x{owner_id[:4]}..{owner_id[-4:]}"
    assert told in cli("list", "models").out
    assert "which came here first" in cli("show", op.key).out
    assert cli("show", op.key, "--json").json["looks_like"]["id"] == first["id"]
    cli("identity", "name", owner_id, "my lab")
    assert "looks like a name of my lab" in cli("list", "models").out
    assert "a record of my lab, a key you named" in cli("show", op.key).out


def test_export_ops_writes_the_exact_bytes_of_the_log(cli: Cli, seeded: Path) -> None:
    with Datastore.open(seeded) as datastore:
        log = datastore.log.lines(0, 12)
    assert cli("export", "--ops").out.encode().splitlines() == log


def test_export_ops_takes_ids_and_no_query(cli: Cli, seeded: Path) -> None:
    assert is_one_sentence(cli("export", "--ops", "llama"), "'llama' is not an id")
    ids = [line["id"] for line in cli("list", "models", "--json", "--limit", "2").lines]
    lines = [cli("export", "--ops", one).out for one in ids]
    assert cli("export", "--ops", *ids, ids[0]).out == "".join(lines)
    assert cli("export", "llama", "-o", "x").code == cli("export", "--ops", "-o", "x").code == 2
    assert cli("export", "--log", "x", "llama").code == 2


def test_export_log_writes_a_directory_that_peers_can_read(cli: Cli, seeded: Path, tmp_path: Path) -> None:
    said = cli("export", "--log", str(tmp_path / "stick"), "--json")
    assert said.code == 0
    assert said.json["operations"] == 12
    head = json.loads((tmp_path / "stick" / "sync" / "head").read_bytes())
    assert (head["epoch"], head["size"]) == (said.json["epoch"], 12)


@pytest.mark.parametrize("command", [("list", "models"), ("search", "kind:model")], ids=" ".join)
def test_the_first_lines_come_before_the_last_is_read_and_a_reader_that_goes_away_is_no_error(
    seeded: Path, command: tuple[str, ...]
) -> None:
    with Datastore.open(seeded) as datastore:
        datastore.apply([signed(owner("b"), "model", f"n{n}", description="long " * 500).to_json() for n in range(60)])
    line = [sys.executable, "-m", "tui_registry", "--data-dir", str(seeded), *command, "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        # What follows is more than a pipe holds, so it is not all written.
        assert process.poll() is None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_the_data_dir_may_stand_before_or_after_the_command(cli: Cli, own: str, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    assert cli("--data-dir", elsewhere, "list", "models", "--json").lines == []
    assert cli("list", "models", "--json", "--data-dir", elsewhere).lines == []
    assert [line["record"]["name"] for line in cli("list", "models", "--json").lines] == [MODEL.split()[1]]


@pytest.fixture
def outdated(seeded: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, its word index of an earlier version, and far too large to be made at an opening."""
    for bound in ("_INDEXED_AT_OPENING", "_INDEXED_AT_ONCE"):
        monkeypatch.setattr(opening, bound, 2)
    monkeypatch.setattr(opening, "_INDEX_PAUSE_SECONDS", 0.2)
    with closing(sqlite3.connect(seeded / DATABASE)) as db, db:
        db.execute("UPDATE replica SET index_version = 0")
    return seeded


@pytest.mark.parametrize("options", [(), ("--json",), ("--facets",)])
def test_a_search_makes_an_outdated_index_anew_and_says_so_and_answers_in_full(
    cli: Cli, outdated: Path, options: tuple[str, ...]
) -> None:
    said = cli("search", *options, "number")
    assert said.code == 0
    assert said.err.startswith("tui-registry: search is being made anew, once for this version of tui-registry\n")
    assert "% of the records" not in said.err
    if not options:
        assert len(said.out.splitlines()) == 1 + 12
    assert cli("search", *options, "number").err.count("anew") == 0


def test_who_asks_for_what_columns_tell_waits_for_no_index(
    cli: Cli, outdated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_INDEX_PAUSE_SECONDS", 3600)
    assert cli("list", "models", "--json").err == ""
    assert "anew" not in cli("search", "kind:agent").err
    assert cli("search", "parms:<8b").code != 0


def test_where_the_index_takes_too_long_a_search_says_what_to_do(
    cli: Cli, outdated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_INDEX_SECONDS", 0.0)
    monkeypatch.setattr(opening, "_INDEX_PAUSE_SECONDS", 3600)
    said = cli("search", "--json", "number")
    assert len(said.lines) < 12
    assert "the next search goes on with it, and 'tui-registry verify' does all of it at once" in said.err
    assert "% of the records are in it" in said.err
    cli("verify")
    assert len(cli("search", "--json", "number").lines) == 12
