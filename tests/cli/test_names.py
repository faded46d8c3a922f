"""Names where ids are taken: an exact id wins, then the beginning of one, then a name that one record has."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli
from tests.seeds import make_record, owner, signed
from tui_registry.cli.completion import offer
from tui_registry.datastore import Datastore

MINE = "name: {0}\nversion: 1.0.0\nlicense: MIT\nparameters: 1\ncontext_length: 1\n"


def from_stranger(data_dir: Path, name: str, who: str = "stranger", kind: str = "model") -> str:
    op = signed(owner(who), "agent" if kind == "agent" else "model", name)
    with Datastore.open(data_dir) as datastore:
        datastore.apply([op.to_json()])
    return op.key


def mine(cli: Cli, name: str) -> str:
    return str(cli("register", "model", "-", "--json", "--new", given=MINE.format(f'"{name}"')).json["id"])


def test_a_name_that_one_record_has_is_enough_for_it(cli: Cli, data_dir: Path) -> None:
    theirs = from_stranger(data_dir, "Llama 3")
    for words in (("show",), ("history",), ("fit",), ("manifest", "show"), ("lineage",), ("dependants",), ("use",)):
        assert cli(*words, "Llama 3", "--json").code in (0, 1)
        assert "is not an id" not in cli(*words, "Llama 3").err
    assert cli("show", "Llama 3", "--json").json["id"] == theirs
    assert cli("show", "llama 3", "--json").json["id"] == theirs
    other = from_stranger(data_dir, "llama 3", "other")
    assert cli("show", "Llama 3", "--json").json["id"] == theirs
    assert cli("show", "llama 3", "--json").json["id"] == other
    nothing = cli("show", "Llama")
    assert (nothing.code, nothing.out) == (1, "")
    assert "'Llama' is not an id, and no record here has that name" in nothing.err


def test_of_several_records_with_a_name_the_choices_are_listed_with_ids_and_owners(cli: Cli, data_dir: Path) -> None:
    theirs = [from_stranger(data_dir, "llama", who, kind) for who, kind in (("a", "model"), ("b", "agent"))]
    own = mine(cli, "llama")
    said = cli("show", "llama")
    assert (said.code, said.out) == (1, "")
    first, *lines = said.err.splitlines()
    assert "3 records here have the name 'llama'" in first
    assert own[:12] in lines[0]
    assert lines[0].endswith("of yours")
    for identifier, who in zip(theirs, "ab", strict=True):
        assert any(identifier[:12] in line and owner(who).address in line for line in lines)
    told = cli("show", "llama", "--json").json["error"]
    assert told["code"] == "ambiguous"
    assert {choice["id"] for choice in told["choices"]} == {own, *theirs}
    assert [choice["mine"] for choice in told["choices"]] == [True, False, False]
    # Whoever is muted is in nobody's way
    for who in "ab":
        cli("mute", f"0x{owner(who).address}")
    assert cli("show", "llama", "--json").json["id"] == own


def test_what_writes_looks_among_ones_own_records(cli: Cli, data_dir: Path) -> None:
    theirs = from_stranger(data_dir, "llama")
    own = mine(cli, "llama")
    assert cli("update", "llama", "-", "--json", given="description: so\n").json["id"] == own
    assert cli("deprecate", "llama", "--message", "old", "--json").json["id"] == own
    assert cli("manifest", "set", "llama", "-", "--json", given="status: Active\n").json["id"] == own
    assert cli("manifest", "delete", "llama", "--yes", "--json").json["id"] == own
    assert cli("undo", "llama", "--yes").code == 0
    assert cli("delete", "llama", "--yes", "--json").json["id"] == own
    assert "belongs to 0x" in cli("update", "llama", "-", given="description: so\n").err
    assert cli("show", "llama", "--json").json["id"] == theirs
    assert cli("restore", "llama", "--json").json["id"] == own
    gone = mine(cli, "gone")
    cli("delete", "gone", "--yes")
    assert "deleted here" in cli("show", gone[:12]).err
    assert cli("restore", "gone", "--json").json["id"] == gone
    two = [mine(cli, "twice"), mine(cli, "twice")]
    said = cli("delete", "twice", "--yes", "--json").json["error"]
    assert {choice["id"] for choice in said["choices"]} == {*two}


def test_a_name_that_looks_like_an_id_or_an_option_never_stands_for_another_record(cli: Cli, data_dir: Path) -> None:
    own = mine(cli, "mine")
    with Datastore.open(data_dir) as datastore:
        key = datastore.add("model", make_record("model", "gone")).key
        datastore.delete("model", key, datastore.heads(key))
    for name in (own, own[:12], own[:4], key, key[:12], f"0x{'ab' * 6}"):
        from_stranger(data_dir, name)
    for typed in (own, own[:12], own[:4], own.upper()):
        assert cli("show", typed, "--json").json["id"] == own
    for typed in (key, key[:12]):
        assert "was deleted here" in cli("show", typed).err
    assert cli("show", f"0x{'ab' * 6}").code == 1
    dashed = from_stranger(data_dir, "--json")
    assert cli("show", "--", "--json").out.startswith("--json")
    assert cli("show", dashed).code == 0
    for hostile in ("\x1b[2J", "a\n b", " ", "", "x" * 2_000, "%", "'; DROP TABLE keys"):
        said = cli("show", "--", hostile)
        assert (said.code, said.out, len(said.err.splitlines())) == (1, "", 1)
        assert "\x1b" not in said.err
    assert "is not an id" in cli("show", "--", "\udcff").err


def test_tab_offers_names_that_lead_to_their_record_and_ids_for_others(cli: Cli, data_dir: Path) -> None:
    theirs = from_stranger(data_dir, "llama")
    from_stranger(data_dir, "--lla")
    own = mine(cli, "llama")
    mine(cli, "llama two")

    def words(*line: str) -> list[str]:
        return [one.word for one in offer(["--data-dir", str(data_dir), *line]).candidates]

    assert words("update", "lla") == ["llama", "llama two"]
    assert sorted(words("show", "LLA")) == sorted(["llama two", own[:12], theirs[:12]])
    assert words("show", "--", "--lla") == ["--lla"]
    assert words("show", "\udcff") == []
