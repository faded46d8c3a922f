"""Every place for a word in every command, read off the parser itself, so that a command yet to come is tried as well."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Said
from tests.seeds import NOW
from tests.trust.hostile_replica import OPS, record_of
from tests.trust.strings import STRINGS, dangers
from tui_registry.cli import commands
from tui_registry.cli.parser import build_parser
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore, revision_of
from tui_registry.errors import Record
from tui_registry.node import running

Words = tuple[str, ...]

# Looking a name up and writing a whole log take long: a few words must do.
_SLOW = {"--host", "--log"}
_FEW = ("clipboard", "bidi-override", "many-lines", "option")


def leaves(parser: argparse.ArgumentParser, words: Words = ()) -> Iterator[tuple[Words, argparse.ArgumentParser]]:
    """Each command with its words, and what it takes."""
    declare = getattr(parser, "declare", None)
    if declare is not None:
        declare()
    deeper = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not deeper:
        yield words, parser
    for action in deeper:
        for name, command in action.choices.items():
            yield from leaves(command, (*words, name))


COMMANDS = dict(leaves(build_parser()))


def lines_of(words: Words, text: str, name: str) -> Iterator[list[str]]:
    """Command lines of one command with this text in every place that takes a word."""
    # Commands that ask no node refuse `--node` all alike.
    actions = [
        action
        for action in COMMANDS[words]._actions
        if action.nargs != 0
        and action.dest != "data_dir"
        and not (action.dest == "node" and action.help == argparse.SUPPRESS)
    ]
    positional = [action for action in actions if not action.option_strings]
    plain = [action.choices[0] if isinstance(action.choices, (list, tuple)) else "x" for action in positional]
    as_json = ["--json"] if "--json" in COMMANDS[words]._option_string_actions and name in _FEW else []
    if any(action.choices is None for action in positional):
        filled = [first if action.choices else text for action, first in zip(positional, plain, strict=True)]
        yield [*words, *as_json, "--", *filled]
    for action in positional:
        if action.choices is not None:
            yield [*words, "--", text]
    for action in actions:
        for option in action.option_strings[-1:]:
            if option not in _SLOW or name in _FEW:
                yield [*words, *as_json, f"{option}={text}", "--", *plain]


FREE = [words for words in COMMANDS if any(True for _ in lines_of(words, "x", "clipboard"))]


def test_the_parser_names_every_command_there_is() -> None:
    assert {words[0] for words in COMMANDS} == set(commands.COMMANDS)
    assert len(FREE) > len(commands.COMMANDS)


@pytest.fixture
def here(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A replica of one's own; the current folder lies so deep that no word leads out of the test's own."""
    below = tmp_path.joinpath(*"abcdefgh")
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return shutil.copytree(filled, tmp_path / "copy")


def expect_harmless_words(cli: Cli, here: Path, words: Words, names: Iterable[str]) -> None:
    for name in names:
        for line in lines_of(words, STRINGS[name], name):
            said = cli("--data-dir", str(here), *line)
            assert said.code in (0, 1, 2), line
            expect_harmless(said, line)


# Of all words, so many that a command gets every sixth of them, and six commands in a row each of them.
_SHARES = 6


@pytest.mark.parametrize("words", FREE, ids=" ".join)
def test_a_hostile_word_in_every_place_of_a_command(cli: Cli, here: Path, words: Words) -> None:
    turn = FREE.index(words)
    some = [name for place, name in enumerate(STRINGS) if name in _FEW or (place + turn) % _SHARES == 0]
    expect_harmless_words(cli, here, words, some)


@pytest.mark.long
@pytest.mark.parametrize("words", FREE, ids=" ".join)
def test_each_hostile_word_in_every_place_of_a_command(cli: Cli, here: Path, words: Words) -> None:
    expect_harmless_words(cli, here, words, STRINGS)


def expect_harmless(said: Said, line: list[str]) -> None:
    assert not dangers(said.err), line
    assert "Traceback" not in said.err, line
    assert "should not happen" not in said.err, (line, said.err)
    if "--json" in line:
        assert said.out.isascii(), line
        assert all(isinstance(tree, dict) for tree in said.lines), line
    else:
        assert not dangers(said.out), line


# In place of these: the id of a hostile record of this replica's own, of one that was deleted, and of one in conflict;
# the revision of the record that the line named before.
OURS, GONE, FORKED, SEEN = "OURS", "GONE", "FORKED", "SEEN"

# What each command is asked on a replica that strangers filled. `demo` opens screens; `serve` and `mcp`, which speaks
# another language on its stdin, have tests of their own.
ANSWERS: dict[str, list[Words]] = {
    "list": [("list", "models"), ("list", "agents")],
    "search": [("search", "x"), ("search", "--", "-nothing"), ("search", "--facets"), ("search", "--facets", "x")],
    "show": [("show", OPS["model", "clipboard"].key), ("show", OPS["model", "clipboard"].key, "--at", "today")],
    "history": [("history", OPS["agent", "clipboard"].key), ("history",)],
    "conflicts": [("conflicts",)],
    "diff": [("diff", OPS["model", "clipboard"].key), ("diff", FORKED)],
    "fit": [("fit", OPS["model", "clipboard"].key), ("fit", OPS["agent", "clipboard"].key, "--machine", "ram=8gb")],
    "use": [("use", OPS["model", "clipboard"].key), ("use", OPS["model", "clipboard"].key, "--for", "ollama")],
    "verify-file": [("verify-file", "x"), ("verify-file", OPS["model", "clipboard"].key, "x")],
    "lineage": [("lineage", OPS["model", "clipboard"].key), ("lineage", OPS["agent", "clipboard"].key)],
    "dependants": [("dependants", OPS["model", "clipboard"].key), ("dependants", GONE)],
    "compare": [("compare", OPS["model", "clipboard"].key, OPS["model", "colour"].key)],
    "register": [("register", "model", "-")],
    "import": [("import", ".")],
    "manifest": [
        ("manifest", "show", OPS["model", "clipboard"].key),
        ("manifest", "set", OPS["model", "colour"].key, "-"),
        ("manifest", "show", OPS["model", "colour"].key),
    ],
    "deprecate": [("deprecate", OPS["model", "colour"].key, "--message", "x")],
    "change": [
        ("change", "--search", "is:mine", "--tag", "x", "--dry-run"),
        ("change", OPS["model", "colour"].key, "--license", "MIT", "--yes"),
    ],
    "update": [("update", OPS["model", "colour"].key, "-")],
    "delete": [("delete", OPS["model", "colour"].key, "--yes")],
    "undo": [("undo", OPS["model", "colour"].key, "--yes"), ("undo", OURS, "--yes"), ("undo", GONE, "--yes")],
    "resolve": [("resolve", OPS["model", "colour"].key), ("resolve", FORKED, "--yes", "--revision", SEEN)],
    "restore": [("restore", OPS["model", "colour"].key), ("restore", GONE)],
    "formfile": [("formfile", "lint", "--record", OPS["model", "colour"].key)],
    "peer": [("peer", "list"), ("peer", "limit", "--everybody", "--named-only", "yes"), ("peer", "limit")],
    "sync": [("sync",)],
    "serve": [("serve", "--token")],
    "hub": [("hub", "status"), ("hub", "purge", OPS["model", "clipboard"].actor or "", "--yes")],
    "token": [("token", "add", "x"), ("token", "list"), ("token", "revoke", "x")],
    "export": [("export",), ("export", "--log", "log")],
    "verify": [("verify",)],
    "quarantine": [("quarantine", "--limit", "100000"), ("quarantine", "--left-out")],
    "star": [("star", OPS["model", "clipboard"].key), ("star",)],
    "note": [("note", OPS["model", "clipboard"].key, "x"), ("note",), ("note", OPS["model", "clipboard"].key)],
    "watch": [("watch", OPS["model", "clipboard"].actor or ""), ("watch",)],
    "news": [("news",), ("news", "--seen")],
    "mute": [("mute", OPS["model", "clipboard"].actor or ""), ("mute",)],
    "block": [("block", OPS["model", "clipboard"].actor or ""), ("block",)],
    "purge": [("purge", "--yes", OPS["model", "clipboard"].actor or ""), ("purge", "--peer", "x", "--dry-run")],
    "identity": [("identity", "show"), ("identity", "new", "--yes"), ("identity", "name")],
    "apply": [("apply", "-", "--dry-run")],
    "publish": [("publish", "-", "--kind", "model", "--dry-run")],
    "backup": [("backup", "kept.backup", "--without-key", "--force")],
    "status": [("status",)],
    "doctor": [("doctor", "--offline")],
    "config": [("config", "show"), ("config", "path")],
    "completion": [("completion", "words", "show", ""), ("completion", "words", "search", "")],
    "help": [("help",), ("help", "search")],
}


@pytest.mark.parametrize("command", sorted(set(commands.COMMANDS) - {"demo", "mcp"}))
def test_what_every_command_says_of_a_replica_that_strangers_filled(
    cli: Cli, filled: Path, tmp_path: Path, command: str
) -> None:
    here = tmp_path / "copy"
    shutil.copytree(filled, here)
    for words in ANSWERS[command]:
        takes_json = any("--json" in parser._option_string_actions for leaf, parser in COMMANDS.items() if words[: len(leaf)] == leaf)  # fmt: skip
        for asked in ([*words], [*words, "--json"]) if takes_json else ([*words],):
            line = [own_record(here, word) if word in (OURS, GONE, FORKED) else word for word in asked]
            line = [revision_in(here, line[1]) if word == SEEN else word for word in line]
            said = cli("--data-dir", str(here), *line)
            # Words that are refused before anything is looked at show nothing.
            assert said.code != 2, (line, said.err)
            assert said.code == 0 or line == asked, (line, said.err)
            expect_harmless(said, line)


def test_what_is_said_of_a_node_that_strangers_filled(
    cli: Cli, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "copy"
    shutil.copytree(filled, here)
    forked = own_record(here, FORKED)
    no_node = ("--facets", "--at")
    lines = [
        tuple(forked if word == FORKED else word for word in words)
        for name, command in commands.COMMANDS.items()
        for words in (ANSWERS[name] if command.asks_nodes else ())
        if words not in (("history",), ("verify-file", "x"))
        and SEEN not in words
        and not any(word in words for word in no_node)
    ]
    with Datastore.open(here) as store, running(store) as node:
        monkeypatch.setenv("TUI_REGISTRY_TOKEN", store.tokens.add("test", ("write",)))
        lines.append(("resolve", forked, "--yes", "--revision", revision_of(store.heads(forked))))
        for words in lines:
            for asked in ([*words], [*words, "--json"]):
                said = cli("--node", node.url, *asked)
                assert said.code != 2, (asked, said.err)
                expect_harmless(said, asked)
    assert {words[0] for words in lines} == {name for name, one in commands.COMMANDS.items() if one.asks_nodes}


def revision_in(folder: Path, identifier: str) -> str:
    with Datastore.open(folder) as datastore:
        return revision_of(datastore.heads(identifier))


def own_record(folder: Path, state: str) -> str:
    """The id of a new record that is this replica's own, with such a word wherever an author may sign one."""
    with Datastore.open(folder, clock=lambda: NOW + 60) as datastore:
        identity = datastore.key.identity()
        record = record_of("model", f"{STRINGS['clipboard']} {datastore.log.head().size}", by=identity)
        sound: Record = {"version": "1.0.0", "license": "MIT", "tags": ["x"], "formfile_template": ""}
        op = sign_up(identity, "model", {**record, **sound})
        assert datastore.apply([op.body]).applied == 1
        if state == FORKED:
            # What one version changed the other did not: nothing is left to decide.
            for change in ({"description": STRINGS["clipboard"][::-1]}, {"version": "1.0.1"}):
                value: Record = {**record, **sound, **change}
                datastore.apply([sign_up(identity, "model", value, children=[op.hash], clock=2).body])
        if state == GONE:
            datastore.delete("model", op.key, [op.hash])
        return op.key
