"""`--json`: what programs read of every command, where it did what it was asked for and where it failed."""

from __future__ import annotations

from argparse import _SubParsersAction
from pathlib import Path

import pytest

from tests.cli import shapes
from tests.cli.conftest import Cli
from tests.sync.logs import show_two_faces
from tests.trust.test_every_command import COMMANDS
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore
from tui_registry.settings import settings_path
from tui_registry.sync import lan

Words = tuple[str, ...]

SPEAKING = [words for words, parser in COMMANDS.items() if "--json" in parser._option_string_actions]
# What fails in an answer of its own, or not by what is in its way here.
_ANSWERS = {("doctor",), ("config", "path"), ("demo",)}


def filled(words: Words) -> list[str]:
    """A line of the command with some word in every place that needs one."""
    parser = COMMANDS[words]
    assert not any(isinstance(action, _SubParsersAction) for action in parser._actions)
    needed = [action for action in parser._actions if not action.option_strings and action.nargs not in ("?", "*")]
    return [*words, *("0" * 40 if action.choices is None else next(iter(action.choices)) for action in needed)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_line_that_cannot_be_read_is_an_error_for_programs_too(cli: Cli, words: Words) -> None:
    said = cli(*words, "--json", "--no-such-option")
    assert said.code == 2
    error = said.json["error"]
    assert error["code"] == "usage"
    assert said.err == f"tui-registry: {error['sentence']}\n"


def test_json_behind_two_dashes_is_a_word_as_any(cli: Cli) -> None:
    assert cli("list", "--", "--json").out == ""


@pytest.mark.parametrize("words", [words for words in SPEAKING if words not in _ANSWERS], ids=" ".join)
def test_every_command_that_fails_says_so_as_json(
    cli: Cli, data_dir: Path, words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its replica nor its settings nor its files can be read."""
    # Which looks around for some seconds before it opens its replica.
    monkeypatch.setattr(lan, "find_nodes", list)
    data_dir.write_text("no folder")
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text("= [")
    more = {
        ("search",): ["x"],
        ("compare",): ["y"],
        ("undo",): ["x"],
        ("change",): ["x", "--tag", "y"],
        ("manifest", "resolve"): ["--delete"],
        ("purge",): ["0" * 40],
        ("hub", "recover"): ["--from-view"],
        ("formfile", "lint"): ["x"],
        ("formfile", "render"): ["x"],
    }
    said = cli(*filled(words), *more.get(words, []), "--json")
    assert said.code == 1
    error = said.json["error"]
    assert set(error) == {"code", "sentence"}
    assert error["code"] not in ("usage", "unexpected")
    assert said.err == f"tui-registry: {error['sentence']}\n"


def test_a_record_that_cannot_be_signed_is_an_error_with_its_problems(cli: Cli) -> None:
    said = cli("register", "model", "-", "--json", given="name: ''\nversion: x\nlicense: ''\n")
    error = said.json["error"]
    assert (said.code, error["code"]) == (1, "invalid")
    assert error["problems"][0]["path"] == "name"
    severities = [problem["severity"] for problem in error["problems"]]
    assert set(severities) == {"error", "warning"}
    assert severities == sorted(severities)
    assert len(said.err.splitlines()) == len(error["problems"])


def test_what_came_before_a_failure_stays_and_the_error_is_the_last_line(cli: Cli, own: str) -> None:
    said = cli("identity", "show", "--json")
    Path(said.json["key_file"]).write_text("no key")
    first, last = cli("identity", "show", "--json").lines
    assert first["address"] == said.json["address"]
    assert list(last) == ["error"]


# ---- shapes: every answer that a test of this folder gets through `cli` is held to them as well ---------------------


def test_the_page_tells_of_every_command_and_of_no_other() -> None:
    """And of each option that makes it print something else."""
    assert {row.words for row in shapes.rows()} == set(SPEAKING)
    for row in shapes.rows():
        assert row.options <= set(COMMANDS[row.words]._option_string_actions), row
        assert shapes.names_in(shapes.read(row.shape)) <= shapes.declared().keys(), row


def test_every_type_of_the_page_is_of_use() -> None:
    used = {name for row in shapes.rows() for name in shapes.names_in(shapes.read(row.shape))} | {shapes.ERRORS}
    seen: set[str] = set()
    while used - seen:
        name = (used - seen).pop()
        seen.add(name)
        used |= shapes.names_in(shapes.declared()[name])
    assert seen == shapes.declared().keys()


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ({"path": "x", "exists": 1}, ".exists is 1, not a boolean"),
        ({"path": "x"}, "it has no exists"),
        ({"path": "x", "exists": True, "more": 1}, ".more stands in no type"),
        ({"error": {"code": "x"}}, ".error has no sentence"),
        ([], "it is [], not an object"),
    ],
)
def test_an_answer_of_another_shape_is_noticed(answer: object, part: str) -> None:
    fault = shapes.fault_of(("config", "path", "--json"), [answer], 1)
    assert fault is not None
    assert fault.endswith(part)


@pytest.fixture
def forked(cli: Cli, own: str) -> str:
    """The id of a record of this replica's own in conflict."""
    assert cli("update", own, "-", given="license: MIT").code == 0
    with Datastore.open() as datastore:
        (last, first) = datastore.history(own)
        record = {**(last.record or {}), "license": "ISC", "updated_at": last.updated_at}
        other = sign_up(datastore.key.identity(), "model", record, children=[first.hash], clock=2)
        assert datastore.apply([other.to_json()]).applied == 1
    return own


# What only ends by a signal, is checked where it runs: `serve` and rounds of `sync` in test_exchange. And so is what asks
# a domain or the local network (tests/sync/test_domains.py, test_lan.py), or a hub (tests/hub).
_ELSEWHERE = {
    "manifest edit",
    "manifest resolve",
    "serve",
    "serve --token",
    "sync --every",
    "identity verify",
    "peer find",
    "hub init",
    "hub status",
    "hub nodes",
    "hub nodes --forget",
    "hub publish",
    "hub recover",
    "hub fork",
    "hub purge",
    "hub rewrite",
    "hub upgrade",
    "hub leave",
}


def test_what_every_command_prints_has_the_shape_that_the_page_tells(
    cli: Cli, forked: str, tmp_path: Path, quick_lock: None
) -> None:
    """A line for each row of the table at least. `cli` holds what it prints to the page."""
    (tmp_path / "crew.formfile").write_text("NAME crew\nNO SUCH\n")
    (tmp_path / "phrase").write_text("a long passphrase\n")
    (tmp_path / "card.json").write_text('{"name": "card", "license": "MIT", "formfile_template": "NAME card\\n"}')
    (tmp_path / "behind.json").write_text('{"languages": ["en"]}')
    (tmp_path / "cards.ndjson").write_text('{"name": "one"}\n{"name": "two"}\n')
    ours = cli("register", "model", "card.json", "--json").json["id"]
    seen = cli("show", forked, "--json").json["revision"]
    lines = f"""
        register model card.json | update {ours} card.json | list models
        change {ours} --tag x --yes | change --search is:mine --untag x --dry-run
        manifest set {ours} behind.json | deprecate --message=x {ours} | manifest show {ours} | show {ours}
        history {ours} | manifest delete --yes {ours} | search card | search --facets card
        search --save mine is:mine | search --saved | show {ours} | show {forked} | show --at today {ours}
        conflicts | diff {forked} | diff {ours} | compare {ours} {forked} | fit {ours} | use {ours} | verify-file card.json
        star {ours} {forked} | star --undo {forked} | star | note {ours} try it | note | note {ours} | note --undo {ours}
        watch {"1" * 40} | watch @mine | watch | watch --undo @mine | news | news --seen
        lineage {ours} | dependants {ours} | history | history {forked} | status
        history --elsewhere | history --elsewhere --acknowledge | resolve --dry-run --set license=MIT {forked}
        resolve --dry-run --delete {forked}
        resolve --set license=MIT --yes --revision {seen} {forked} | import --kind model card.json
        import --kind model --update cards.ndjson
        undo --batches | undo --yes --batch last | delete --yes {ours} | restore {ours} | undo --yes {ours}
        restore {ours} | formfile fmt crew.formfile | formfile render crew.formfile | formfile generate {ours}
        formfile lint crew.formfile | formfile build -o x.tar {ours} | formfile verify x.tar
        export | export --bom {ours} | export --log log | export --bundle bundles | --data-dir there peer add here log
        export --catalog www --public-url https://registry.example
        --data-dir there peer look here | --data-dir there peer add --dry-run other bundles
        --data-dir there peer list | --data-dir there sync | --data-dir there peer show here
        --data-dir there peer trust here | --data-dir there peer faces | verify --faces faces | --data-dir there quarantine
        --data-dir third peer add here log | --data-dir third sync here --from BUNDLE
        --data-dir fourth sync --from BUNDLE | --data-dir there sync --push
        --data-dir there sync --push --dry-run | --data-dir there peer remove here
        apply --kind model card.json | backup --without-key all.backup
        --data-dir fifth backup --restore --without-key all.backup
        --data-dir sixth peer add hub http://127.0.0.1:1 | --data-dir sixth publish --kind model card.json
        verify | verify --ops ops | identity show | identity export --passphrase-file phrase key.json
        identity import --yes --passphrase-file phrase key.json | identity new --yes
        identity name {"0" * 40} lab | identity name | identity list | identity statement example.org | token add ci | token list | token revoke ci
        block 0x{"1" * 40} | block | block --undo {"1" * 40} | mute {"1" * 40} | mute --undo {"1" * 40} | mute
        purge --yes {"1" * 40} | quarantine --left-out | quarantine --left-out --take-in
        peer limit --everybody --owner-ops 5 --bytes 2GiB | peer limit | peer limit --everybody --off
        --data-dir there peer add again log | --data-dir there sync --audit | --data-dir there purge --dry-run --peer again
        doctor --offline | config show --all | config check | config keys | config path | config set name box | demo --check
    """.replace("\n", "|")
    met = set()
    fails = {"formfile render crew.formfile", "formfile lint crew.formfile", "--data-dir there sync --push"}
    fails |= {"--data-dir there sync --push --dry-run"}  # a folder takes none
    fails |= {"--data-dir sixth publish --kind model card.json", f"use {ours}", "verify-file card.json"}
    for line in filter(None, (line.strip() for line in lines.split("|"))):
        bundle = next((str(path) for path in tmp_path.glob("bundles/*.tar")), "")
        words = [*line.replace("BUNDLE", bundle).split(), "--json"]
        if "faces" in words:
            with Datastore.open(tmp_path / "there") as datastore:
                show_two_faces(datastore, "here")
            (tmp_path / "faces").write_text(cli("--data-dir", "there", "peer", "faces", "--json").out)
        if "ops" in words:
            (tmp_path / "ops").write_text(cli("export", "--ops").out)
        said = cli(*words)
        assert said.code == int(line in fails), (line, said.err)
        row = shapes.row_of(words)
        assert row is not None
        met.add(row)
    assert {str(row) for row in shapes.rows()} - {str(row) for row in met} == _ELSEWHERE
