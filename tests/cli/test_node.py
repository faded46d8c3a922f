"""`--node`: the commands that ask a node in place of the replica on this machine, and those that say they do not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import MODEL, Cli, Said, is_one_sentence
from tests.node.conftest import T0
from tests.seeds import make_record, owner, seed, signed
from tests.sync.test_remote import in_conflict
from tui_registry.cli.commands import COMMANDS
from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.node import running
from tui_registry.records.schema import defaults
from tui_registry.sync.remote import connect

ME = owner("me")


@dataclass(frozen=True)
class There:
    """A node to which a module writes, its replica, and a file with a token for it."""

    store: Datastore
    url: str
    token_file: str
    token: str


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    seconds = count(T0)
    folder = tmp_path_factory.mktemp("there")
    with Datastore.open(folder / "node", clock=lambda: next(seconds)) as store:
        store.key.replace(ME)
        seed(store, 12)
        token = store.tokens.add("ci", ("write",))
        (folder / "ci.token").write_text(f"{token}\n")
        with running(store) as node:
            yield There(store, node.url, str(folder / "ci.token"), token)


class Asked:
    """The command line with `--node`, which never makes a replica here."""

    def __init__(self, cli: Cli, there: There, data_dir: Path) -> None:
        self._cli = cli
        self._there = there
        self._data_dir = data_dir

    def __call__(self, *words: str, given: str = "") -> Said:
        said = self._cli(*words, "--node", self._there.url, given=given)
        assert not self._data_dir.exists()
        return said

    def writes(self, *words: str, given: str = "") -> Said:
        return self(*words, "--token-file", self._there.token_file, given=given)


@pytest.fixture
def ask(cli: Cli, there: There, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.delenv("TUI_REGISTRY_TOKEN", raising=False)
    return Asked(cli, there, data_dir)


@pytest.fixture
def local(cli: Cli, there: There) -> Cli:
    """The same command lines on the node's own replica."""

    def run(*words: str, given: str = "") -> Said:
        return cli("--data-dir", str(there.store.data_dir), *words, given=given)

    return run


@pytest.mark.parametrize(
    "words",
    [
        ("list", "models"),
        ("list", "agents", "--json"),
        ("list", "models", "--limit", "3", "--json", "--sort", "name"),
        ("search", "kind:model", "llama"),
        ("search", "kind:agent", "--json"),
        ("search", "nothing-of-that-name", "kind:model"),
    ],
)
def test_what_is_listed_is_as_on_the_nodes_own_machine(ask: Asked, local: Cli, words: tuple[str, ...]) -> None:
    here, asked = local(*words), ask(*words)
    assert (asked.code, asked.out) == (here.code, here.out)


def test_a_list_that_is_cut_says_so(ask: Asked, local: Cli) -> None:
    here, asked = (run("list", "models", "--limit", "2") for run in (local, ask))
    assert (len(asked.out.splitlines()), asked) == (3, here)
    assert "--limit 0 lists all" in asked.err
    assert "--limit 0 lists all" in ask("search", "made for tests", "--limit", "2").err


def test_what_was_meant_is_told_where_nothing_is_found(ask: Asked, local: Cli) -> None:
    for query in ("liama kind:model", "mistrlal kind:model", "name:llma kind:model", "nothing-at-all"):
        here, asked = local("search", query), ask("search", query)
        assert asked == here


def test_a_record_is_shown_as_on_the_nodes_own_machine(ask: Asked, local: Cli, there: There) -> None:
    row = there.store.list_agents(limit=1).rows[0]
    assert ask("show", row.id[:12], "--json").out == local("show", row.id[:12], "--json").out
    here, asked = local("show", row.id).out.splitlines(), ask("show", row.id).out.splitlines()
    # But for the size of its operation, which a node does not tell.
    assert [line for line in here if "Operation" not in line and "operation" not in line] == asked


def test_a_record_lives_by_its_node(ask: Asked, there: There) -> None:
    made = ask.writes("register", "model", "-", "--json", given=MODEL)
    assert made.code == 0, made.err
    assert made.json["status"] == "registered"
    assert f"signed by the node {there.url} with its own key, 0x{ME.address}" in made.err
    key = made.json["id"]
    again = ask.writes("register", "model", "-", given=MODEL)
    assert (again.code, again.out) == (0, f"already here: model my-finetune, id {key}\n")
    other = ask.writes("register", "model", "-", given=MODEL + "description: another\n")
    assert is_one_sentence(other, "is here already and the file says something else", "nothing was signed")
    # What helps goes to the node as well
    assert f"'tui-registry --node {there.url} update {key[:12]} " in other.err
    assert f"'tui-registry --node {there.url} register --new'" in other.err

    shown = ask("show", key, "--json")
    edited = ask.writes("update", key, "-", "--json", given="description: changed\n")
    assert (edited.code, edited.json["record"]["description"]) == (0, "changed")
    stale = ask.writes("update", key, "-", given=shown.out)
    assert is_one_sentence(stale, "has changed since")
    wrong = ask.writes("register", "model", "-", "--new", given="name: x\nversion: '1'\n")
    assert (wrong.code, wrong.err.splitlines()[0]) == (
        1,
        "tui-registry: stdin: version: 1 is not SemVer: write 1.0.0",
    )

    unasked = ask.writes("delete", key)
    assert (unasked.code, "say --yes" in unasked.err) == (2, True)
    deleted = ask.writes("delete", key, "--yes", "--json")
    assert (deleted.code, deleted.json["deleted"]) == (0, True)
    gone = ask("show", key)
    assert is_one_sentence(gone, there.url, "there is no record there")
    assert there.store.entry(key) is None


def test_a_conflict_is_looked_at_and_settled_by_its_node(ask: Asked, there: There) -> None:
    key = in_conflict(there.store, "contested")
    assert key[:12] in ask("conflicts").out
    (listed,) = [line for line in ask("conflicts", "--json").lines if line["id"] == key]
    shown = ask("show", key)
    assert "2 versions" in ask("list", "models").out
    assert "by the node" in shown.out
    assert len(ask("show", key, "--json").json["versions"]) == 2
    # The commands that are named ask the node as well.
    settles = f"'tui-registry --node {there.url} resolve {key[:12]}' settles it"
    assert settles in shown.out
    assert is_one_sentence(ask.writes("update", key, "-", given="version: 2.0.0\n"), "is in conflict", settles)
    diff = ask("diff", key, "--json").json
    assert (diff["differing"][0]["path"], diff["revision"]) == ("description", listed["revision"])
    take = listed["versions"][1]["hash"][:12]
    dry = ask("resolve", key, "--take", take, "--dry-run", "--json")
    assert dry.json["written"] is False
    settled = ask.writes("resolve", key, "--take", take, "--revision", listed["revision"], "--json")
    assert settled.code == 0, settled.err
    assert settled.json["record"]["description"] == listed["versions"][1]["record"]["description"]
    assert len(there.store.heads(key)) == 1


@pytest.fixture
def lived(there: There) -> str:
    """A model that was registered, edited, deleted, brought back and edited on two devices."""
    store = there.store
    op = store.add("model", make_record("model", f"lived-{store.log.head().size}"))
    key, record = op.key, op.record
    assert record is not None
    store.update("model", key, {**record, "description": "edited"}, store.heads(key))
    store.delete("model", key, store.heads(key))
    store.add("model", {**record, "description": "back"})
    return key


def test_a_history_is_told_as_on_the_nodes_own_machine(ask: Asked, local: Cli, lived: str) -> None:
    for words in (("history", lived), ("history", lived[:20], "--limit", "2")):
        here, asked = local(*words, "--json").lines, ask(*words, "--json").lines
        untold: dict[str, Json] = {"clock": None, "index": None, "source": ""}
        assert asked == [line | untold for line in here]
    table = ask("history", lived).out
    assert [word in table for word in ("registered", "edited", "deleted", "brought back")] == [True] * 4
    assert "CLOCK" not in table


def test_what_a_node_states_of_a_file_is_not_ones_own_word(ask: Asked, there: There, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"weights")
    file: Json = {
        "uri": "hf://org/m/w.bin", "media_type": "", "sha256": hashlib.sha256(b"weights").hexdigest(),
        "size_bytes": 7, "quantization": None,
    }  # fmt: skip
    manifest = {**defaults("manifest"), "artifacts": [file]}
    key = there.store.add("model", make_record("model", "stated"), manifest=manifest).key
    said = ask("verify-file", key, str(tmp_path / "w.bin"), "--json")
    assert (said.code, said.json["state"], said.json["named_by"][0]["mine"]) == (0, "is_one", False)
    assert "which is a claim of 0x" in said.json["sentence"]


def test_what_an_operation_did_and_left_is_told_as_on_the_nodes_own_machine(ask: Asked, local: Cli, lived: str) -> None:
    ops = [line["hash"][:12] for line in local("history", lived, "--json").lines]
    for words in (
        ("diff", lived, "--json"),
        ("diff", lived, ops[2], "--json"),
        ("diff", lived, ops[3], ops[0], "--json"),
        ("show", lived, "--at", ops[3], "--json"),
    ):
        here, asked = local(*words).json, ask(*words).json
        for told in (*here.get("versions", ()), *([here["at"]] if "at" in here else ())):
            told["source"] = ""
        assert asked == here
    assert is_one_sentence(ask("show", lived, "--at", ops[1]), "was deleted by that operation")
    assert "by an operation" not in ask("show", lived, "--at", "today").err
    assert ask("show", lived, "--at", "today").code == 2


def test_what_was_done_to_a_manifest_is_told_as_on_the_nodes_own_machine(ask: Asked, local: Cli, there: There) -> None:
    store = there.store
    behind = defaults("manifest") | {"status_message": "first"}
    key = store.add("model", make_record("model", f"behind-{store.log.head().size}"), manifest=behind).key
    entry, beside = store.entry(key), store.manifests.get(key)
    assert entry is not None
    assert beside is not None
    changed = store.manifests.set(key, {**behind, "languages": ["nl"]}, beside.heads)
    store.update("model", key, {**entry.record, "version": "2.0.0"}, entry.heads)
    both = {**entry.record, "version": "3.0.0"}
    store.update("model", key, both, store.heads(key), manifest=behind, manifest_seen=(changed.hash,))
    lines = local("history", key, "--json").lines
    assert [line["of"] for line in lines] == ["manifest", "model", "model", "manifest", "manifest", "model"]
    for words in (("history", key), ("history", key, "--limit", "3")):
        untold: dict[str, Json] = {"clock": None, "index": None, "source": ""}
        assert ask(*words, "--json").lines == [line | untold for line in local(*words, "--json").lines]
    ops = [line["hash"][:12] for line in lines]
    for words in (
        ("diff", key, "--json"),
        ("diff", key, ops[3], "--json"),
        ("diff", key, ops[4], ops[0], "--json"),
        ("show", key, "--at", ops[3], "--json"),
        ("show", key, "--at", ops[2], "--json"),
    ):
        here, asked = local(*words).json, ask(*words).json
        for told in (here, here.get("manifest") or {}):
            for version in (*told.get("versions", ()), *([told["at"]] if "at" in told else ())):
                version["source"] = ""
        assert asked == here
    store.manifests.delete(key, [store.manifests.history(key)[0].hash])
    assert ask("history", key, "--json").lines[0]["deletes"] is True


def test_a_deleted_record_has_its_history_there(ask: Asked, there: There, lived: str) -> None:
    there.store.delete("model", lived, there.store.heads(lived))
    assert ask("history", lived[:16], "--json").lines[0]["deletes"] is True
    deleted = ask.writes("register", "model", "-", "--json", given="name: to-delete\n").json["id"]
    said = ask.writes("delete", deleted, "--yes", "--json").json
    assert (said["hash"],) == there.store.heads(deleted)


def test_a_conflict_is_settled_by_a_removal_of_all_versions(ask: Asked, there: There) -> None:
    key = in_conflict(there.store, "unwanted")
    revision = ask("diff", key, "--json").json["revision"]
    said = ask.writes("resolve", key, "--delete", "--yes", "--revision", revision)
    assert (said.code, there.store.entry(key)) == (0, None)


def test_the_record_of_another_is_refused_before_anything_is_asked(ask: Asked, there: There) -> None:
    row = there.store.list_agents(limit=1).rows[0]
    assert is_one_sentence(ask.writes("delete", row.id), "can only be deleted with that key")


def test_the_token_comes_from_the_environment_as_well(
    ask: Asked, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_REGISTRY_TOKEN", f"{there.token}\n")
    assert ask("register", "model", "-", given="name: by-the-environment\n").code == 0


def test_a_token_that_others_can_read_on_the_way_is_warned_of(
    cli: Cli, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_REGISTRY_TOKEN", there.token)
    said = cli("delete", "abc", "--node", "http://0.0.0.0:1", "--yes")
    assert (said.code, "can read the token: use https" in said.err) == (1, True)
    assert "can read the token" not in cli("delete", "abc", "--node", there.url, "--yes").err


def test_a_write_without_a_token_says_where_it_goes(ask: Asked) -> None:
    said = ask("register", "model", "-", given=MODEL)
    assert said.code == 2
    assert "--token-file" in said.err
    assert "TUI_REGISTRY_TOKEN" in said.err


def test_a_token_that_opens_nothing_is_refused_by_the_node(
    ask: Asked, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_REGISTRY_TOKEN", "wrong")
    assert is_one_sentence(ask("register", "model", "-", given="name: never\n"), there.url, "bearer token")


# What else a line needs to be one, where it is not any word.
ELSE = {
    "hub": ("status",),
    "completion": ("bash",),
    "peer": ("list",),
    "formfile": ("language",),
    "identity": ("show",),
    "token": ("list",),
    "config": ("path",),
}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A replica of both kinds, and the address of its node, which go by the time that it is."""
    folder = tmp_path_factory.mktemp("seeded") / "node"
    with Datastore.open(folder) as store:
        seed(store, 12)
        with running(store) as node:
            yield folder, node.url


@pytest.mark.parametrize(
    "order", ["name", "-name", "updated", "-updated", "created", "params", "-params", "-context", "context", "-fit"]
)
@pytest.mark.parametrize("query", ["created:>2001-01-01", "(-zzz)"])
def test_both_kinds_come_in_the_order_of_a_replica(cli: Cli, seeded: tuple[Path, str], order: str, query: str) -> None:
    """What is alike in it may come in another order."""

    def keys(found: Iterable[dict[str, Any]]) -> list[object]:
        name = {"params": "parameters", "context": "context_length"}.get(order.lstrip("-"), order.lstrip("-"))
        records = [one.get("record", one) for one in found]
        return [str(record.get(name, record.get(f"{name}_at"))).lower() for record in records]

    words = ("search", query, f"--sort={order}")
    folder, url = seeded
    here, far = (cli(*words, *there, "--json").lines for there in (("--data-dir", str(folder)), ("--node", url)))
    assert keys(far) == keys(here)
    assert {line["id"] for line in far} == {line["id"] for line in here}
    assert {line["kind"] for line in here} == {"model", "agent"}
    # Window by window, of whatever size.
    with connect(url) as remote:
        for limit in (1, 5):
            rows, cursor = [], None
            while True:
                page = remote.search(query, sort=order, limit=limit, cursor=cursor)
                rows += [row.id for row in page.rows]
                assert page.total == len(here) or cursor is not None
                if (cursor := page.next) is None:
                    break
            assert rows == [line["id"] for line in far]


@pytest.mark.parametrize("query", ["", "tag:chat", "params:<=8b", "nothing-has-this"])
def test_facets_are_counted_over_both_kinds(ask: Asked, local: Cli, query: str) -> None:
    words = ("search", "--facets", *([query] if query else []))

    def counted(said: Said) -> list[dict[str, Json]]:
        # Names are local.
        return sorted(
            ({**line, "label": ""} for line in said.lines), key=lambda line: str((line["field"], line["term"]))
        )

    assert counted(ask(*words, "--json")) == counted(local(*words, "--json"))
    assert ask(*words).code == 0


@pytest.mark.parametrize("command", [name for name, command in COMMANDS.items() if not command.asks_nodes])
def test_every_other_command_refuses_in_words(cli: Cli, data_dir: Path, command: str) -> None:
    node = ("--node", "http://127.0.0.1:1")
    said = cli(command, *ELSE.get(command, ()), *node)
    for words in ("x",), ("x", "x"):
        if "arguments are required" in said.err:
            said = cli(command, *words, *node)
    assert (said.code, said.out) == (2, ""), said.err
    assert f"'{command}' is about a replica on this machine" in said.err
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--node", "http://127.0.0.1:1"), "the terminal interface shows a replica on this machine"),
        (("list", "models", "--node", ""), "the word is empty"),
        (("list", "models", "--node", "http://x", "--data-dir", "d"), "leave one of them out"),
        (("search", "--saved", "--node", "http://x"), "leave --node out"),
        (("history", "--node", "http://x"), "give its ID"),
    ],
)
def test_a_line_that_asks_for_both_is_refused(cli: Cli, words: tuple[str, ...], sentence: str) -> None:
    said = cli(*words)
    assert said.code == 2
    assert sentence in said.err


@pytest.mark.parametrize("url", ["127.0.0.1:8420", "http://me:secret@127.0.0.1:1", "http://127.0.0.1:1"])
def test_what_is_no_node_is_said_in_one_sentence(cli: Cli, data_dir: Path, url: str) -> None:
    said = cli("--node", url, "list", "models")
    assert is_one_sentence(said)
    assert "secret" not in said.err
    assert not data_dir.exists()


def test_a_node_is_asked_by_names_as_a_replica_is(ask: Asked, local: Cli, there: There) -> None:
    made = [ask.writes("register", "model", "-", "--new", "--json", given=MODEL) for _ in range(2)]
    keys = {said.json["id"] for said in made}
    for run in (local, ask):
        told = run("show", "my-finetune", "--json").json["error"]
        assert told["code"] == "ambiguous"
        assert keys <= {choice["id"] for choice in told["choices"]}
        assert all(choice["mine"] for choice in told["choices"])
    there.store.apply([signed(owner("far"), "model", "Only One").to_json()])
    mine = ask.writes("register", "model", "-", "--new", "--json", given=MODEL.replace("my-finetune", "Only One"))
    assert "several records there have the name 'Only One'" in ask("show", "Only One").err
    assert ask.writes("update", "Only One", "-", "--json", given="description: so\n").json["id"] == mine.json["id"]
    assert ask.writes("delete", "only one", "--yes", "--json").json["id"] == mine.json["id"]
    assert ask("show", "only one", "--json").json["record"]["owner_id"] == owner("far").address
    assert is_one_sentence(ask("show", "Only On"), "'Only On' is not an id, and no record there has that name")
    for hostile in ('"', "\\", 'x" OR kind:model', "\x1b[2J", " ", "a:b", "x" * 500, "\udcff", "../models", "?q=1"):
        said = ask("show", hostile)
        assert (said.code, said.out) == (1, "")
        assert "that name" in said.err
        assert "\x1b" not in said.err


def test_links_are_told_by_a_node_as_on_its_own_machine_and_said_before_its_key_signs(
    ask: Asked, local: Cli, there: There
) -> None:
    base = ask.writes("register", "model", "-", "--new", "--json", given=MODEL.replace("my-finetune", "a base")).json[
        "id"
    ]
    there.store.apply([signed(owner("far"), "agent", "far crew", preferred_models=[base]).to_json()])
    crew = there.store.add("agent", make_record("agent", "a crew", preferred_models=[base, "ab" * 32])).key
    for words in (("lineage", crew), ("dependants", base), ("lineage", "a crew", "--depth", "0")):
        here, asked = local(*words), ask(*words)
        assert (asked.code, asked.out) == (0, here.out)
        assert ask(*words, "--json").json["nodes"] == local(*words, "--json").json["nodes"]
    there.store.names.set(owner("far").address, "whoever")
    told = ask("dependants", base, "--json").json
    assert told["counts"]["prefers"] == {"own": 1, "named": 1, "strangers": 0}
    assert "whoever" not in ask("dependants", base).out
    assert {node["whose"] for node in told["nodes"][1:]} == {"own", "stranger"}
    said = ask.writes("deprecate", "a base", "--message", "old").err
    assert f"2 agents prefer this: 'tui-registry --node {there.url} dependants {base[:12]}'" in said
    assert "2 agents prefer this" in ask.writes("update", base, "-", given="license: MIT\n").err
    assert "2 agents prefer this" in ask.writes("delete", base, "--yes").err
    assert ask("dependants", base[:16]).out.startswith("a base (deleted here)")
    assert "is not an id" in ask("lineage", "nobody at all").err
