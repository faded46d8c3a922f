"""Whatever strangers write into records, peers and errors: every command survives it, nothing of it acts on a terminal,
and programs get exactly what was written, as JSON (DESIGN section 9)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Cli, Said
from tests.seeds import NOW, owner
from tests.sync.hostile import Answer, always, but, honest
from tests.trust.peers import log_of, served
from tests.trust.spoiling import attacks
from tests.trust.strings import STRINGS, dangers, fitted
from tui_registry.cli.parser import SUMMARIES
from tui_registry.cli.table import cell_width
from tui_registry.crdt import Identity, Op, sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import KINDS, Json, Kind, Record
from tui_registry.node import node_token, running
from tui_registry.records import defaults, derive_id
from tui_registry.records.schema import ID_FIELD

STRANGER = owner("hostile")
CASES = [(kind, name) for kind in KINDS for name in STRINGS]


def record_of(kind: Kind, text: str, by: Identity = STRANGER) -> Record:
    """A record, sound on the wire, with this text in every field that holds text."""
    record = defaults(kind)
    item = fitted(text, 128)
    record |= {
        "name": item,
        "version": fitted(text, 64),
        "description": fitted(text, 10_000),
        "license": item,
        "framework": {"Other": fitted(text, 64)},
        "tags": [item, item[::-1], "x" + item[:127]],
        "capabilities": [item] * 3,
        "formfile_template": fitted(text, 1_500),
    }
    other: Json = {"Other": fitted(text, 64)}
    if kind == "model":
        record |= {"model_type": other, "quantization": other, "parameters": 2**64 - 1, "context_length": 2**32 - 1}
    else:
        record |= {"agent_type": other, "compatible_model_types": [other, "LLM"], "preferred_models": [item, "ab" * 32]}
        record |= {"tools": [item, item]}
    record |= {"owner_id": by.address, "created_at": NOW, "updated_at": NOW}
    record[ID_FIELD[kind]] = derive_id(kind, by.address, item, NOW)
    return record


def op_of(kind: Kind, name: str) -> Op:
    return sign_up(STRANGER, kind, record_of(kind, STRINGS[name]))


OPS = {case: op_of(*case) for case in CASES}
# Every other record was written twice at once: a conflict.
RIVALS = [
    sign_up(STRANGER, kind, {**record_of(kind, STRINGS[name]), "description": fitted(STRINGS[name][::-1], 9_999)})
    for kind, name in CASES[::2]
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replica full of such records, with such words in every other place that a stranger or a mistake can reach."""
    folder = tmp_path_factory.mktemp("hostile") / "data"
    with Datastore.open(folder, clock=lambda: NOW + 60) as datastore:
        report = datastore.apply([op.body for op in (*OPS.values(), *RIVALS)], source="stranger")
        assert report.applied == len({op.hash for op in (*OPS.values(), *RIVALS)}), report.rejected[:3]
        datastore.apply([line for attack in attacks() for line in attack.lines], source="forger")
        for number, text in enumerate(STRINGS.values()):
            # Lines that are no operations, with the words in their values, their names and their errors.
            lines = [text.replace("\n", "").encode(), json.dumps({text: {text: text}}).encode()]
            tree = json.loads(OPS["model", "sql"].body)
            tree["Model"]["Up"]["op"]["op"]["value"][text] = 1
            lines.append(json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode())
            datastore.apply(lines, source=f"source-{number}")
            datastore.add_peer(f"peer-{number}", f"/nowhere/{number}/{text[:200].replace(chr(58), chr(46))}")
            datastore.finish_pull(f"peer-{number}", None, f"it said {text}")
        datastore.name_owner(STRANGER.address, STRINGS["clipboard"])
    return folder


@pytest.fixture
def run(cli: Cli, filled: Path) -> Cli:
    """Runs a command on the filled replica, and looks for what must not be in its words."""

    def checked(*words: str, given: str | bytes = b"") -> Said:
        said = cli("--data-dir", str(filled), *words, given=given)
        assert not dangers(said.err), words
        assert "Traceback" not in said.err
        assert "should not happen" not in said.err, said.err
        if "--json" in words:
            assert said.out.isascii()
            assert all(isinstance(line, dict) for line in said.lines)
        else:
            assert not dangers(said.out), words
        return said

    return checked


def test_what_is_dangerous_is_found() -> None:
    harmless = {
        "closing-tag", "every-closing-tag", "action", "action-bell", "link", "style", "broken-style", "brackets",
        "markdown", "html", "percent", "private", "long-word", "long-wide-word", "many-lines", "spaces", "one-space",
        "wide", "keycaps", "rtl", "thai", "sql", "fts", "query", "shell", "path", "csv", "json", "yaml", "ndjson",
        "option", "look-alike", "emoji-flood", "variation-selectors",
    }  # fmt: skip
    assert {name for name, text in STRINGS.items() if not dangers(text)} <= harmless


@pytest.mark.parametrize("kind", KINDS)
def test_lists(run: Cli, kind: Kind) -> None:
    said = run("list", f"{kind}s", "--limit", "0")
    lines = said.out.splitlines()
    assert said.code == 0
    assert len(lines) == 1 + len(STRINGS)
    # The layout holds: what marks a conflict follows the last column.
    assert max(cell_width(line.partition("  conflict: ")[0]) for line in lines) <= 120
    for line in lines[1:]:
        assert any(op.key[:12] in line for op in OPS.values())
    # Programs get what was written, character by character.
    records = {tree["id"]: tree["record"] for tree in run("list", f"{kind}s", "--json").lines}
    for op in OPS.values():
        if op.kind == kind:
            assert records[op.key] in [other.record for other in (op, *RIVALS) if other.key == op.key]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_one_record(run: Cli, kind: Kind, name: str) -> None:
    op = OPS[kind, name]
    for words in (("show", op.key), ("history", op.key)):
        for more in ((), ("--json",)):
            assert run(*words, *more).code == 0
    for words in (("update", op.key, "-"), ("delete", op.key, "--yes")):
        assert run(*words, given="version: 2.0.0\n").code == 1


def test_a_template_with_thousands_of_faults_is_not_told_in_thousands_of_lines(cli: Cli, data_dir: Path) -> None:
    record = record_of("model", "x") | {"formfile_template": "x\n" * 12_288}
    with Datastore.open(data_dir) as datastore:
        assert datastore.apply([sign_up(STRANGER, "model", record).body], source="").applied == 1
        entry = next(datastore.entries(""))
    faults = [problem for problem in entry.problems if problem.path == "formfile_template"]
    assert len(faults) == 101
    assert faults[-1].sentence.startswith("12,1")
    assert sum(problem.severity == "error" for problem in entry.problems) >= 100


@pytest.mark.parametrize("name", STRINGS)
def test_formfiles(run: Cli, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Formfile goes to a file or a pipe as it is, and to a terminal made safe."""
    op, text = OPS["model", name], STRINGS[name]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for words in (("lint", "--record", op.key), ("render", "--record", op.key), ("generate", op.key)):
        assert run("formfile", *words).code in (0, 1)
    for action in ("lint", "fmt", "render"):
        assert run("formfile", action, "-", given=text).code in (0, 1)
    assert run("formfile", "lint", "--json", "-", given=text).code in (0, 1)
    named = f"FROM x\n{{{{{text[:200]}}}}}\n"
    assert run("formfile", "render", "--set", f"{text[:200]}={text[:200]}", "-", given=named).code in (0, 1, 2)
    bundle = str(tmp_path / "bundle.tar")
    if run("formfile", "build", op.key, "--allow-conflict", "-o", bundle).code == 0:
        assert run("formfile", "verify", bundle).code == run("formfile", "verify", bundle, "--json").code == 0


@pytest.mark.parametrize("name", STRINGS)
def test_words_of_a_person(run: Cli, name: str, tmp_path: Path) -> None:
    """A query, an id, a name of a file, a peer, a sort key and a field that look like this: found, or told in words."""
    text = STRINGS[name]
    short = text[:200]
    assert run("search", "--", text).code in (0, 1)
    assert run("search", "--json", "--", short).code in (0, 1)
    assert run("export", "--json", "--", short).code in (0, 1, 2)
    for words in (("show",), ("history",), ("delete", "--yes"), ("update", "--", short)):
        assert run(*words, *(() if "--" in words else ("--",)), *((short,) if len(words) < 3 else ("-",))).code == 1
    assert run("register", "model", "--", short).code in (1, 2)
    # Not longer than the name of a file can be.
    assert run("import", "--", short.encode()[:200].decode(errors="ignore")).code in (1, 2)
    assert run("peer", "add", "--", short, short).code == 1
    assert run("peer", "remove", "--", short).code == 1
    assert run("sync", "--", short).code == 1
    assert run("list", "models", f"--sort={short}").code == 2
    assert run("list", "models", f"--limit={short}").code == 2
    assert run(f"x{short}").code == 2
    given = json.dumps(
        {short: short, "name": text, "version": text, "license": text, "tags": [text], "framework": text}
    )
    assert run("register", "model", "-", given=given).code == 1
    assert run("register", "agent", "-", "--json", given=given).code == 1
    given = f"name: {json.dumps(short)}\nlicense: {json.dumps(short)}\nframework: {json.dumps(short)}\n"
    assert run("import", "--set", f"name={short}", "--", str(_written(tmp_path / "x.yaml", given))).code in (0, 1)
    assert run("register", "model", "-", given=text).code == 1


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name",
    [
        "colour", "clipboard", "c1", "backspaces", "tabs-and-lines", "bidi-override",
        "zero-width", "tags", "noncharacters", "combining-flood", "emoji", "percent", "option", "spaces",
    ],
)  # fmt: skip
def test_names_of_files_and_folders(cli: Cli, name: str, tmp_path: Path) -> None:
    folder = tmp_path / STRINGS[name].encode()[:100].decode(errors="ignore")
    folder.mkdir()
    (folder / "diary.sqlite3").write_text("")
    described = _written(folder / "card.yaml", "name: x\nlicense: bsd\nstrange: 1\n")
    _written(folder / "broken.json", "{")
    for words in (
        ("identity", "show"),
        ("verify",),
        ("import", str(folder)),
        ("register", "model", str(described)),
        ("register", "model", str(folder)),
        ("register", "model", str(folder / "broken.json")),
        ("export", "--log", str(folder / "log")),
        ("peer", "add", "stick", str(folder / "log")),
        ("peer", "list"),
        ("sync",),
        ("identity", "import", str(described), "--passphrase-file", str(folder / "none"), "--yes"),
        ("identity", "new", "--yes"),
    ):
        said = cli("--data-dir", str(folder / "data"), *words)
        assert not dangers(said.out + said.err), words
        assert "Traceback" not in said.err
        assert "should not happen" not in said.err, said.err
    (folder / "data" / "registry.sqlite3").write_text("a diary")
    said = cli("--data-dir", str(folder / "data"), "list", "models")
    assert said.code == 1
    assert not dangers(said.err)


def test_everything_else_that_prints(run: Cli, filled: Path, tmp_path: Path) -> None:
    assert run("peer", "list").code == 0
    assert len(run("peer", "list", "--json").lines) == len(STRINGS)
    # Lines as long as a peer likes, each of them readable by itself.
    quarantine = run("quarantine", "--limit", "100000")
    assert quarantine.code == 0
    shown = run("quarantine", "--limit", "100000", "--json").lines
    assert len(quarantine.out.splitlines()) == 1 + 2 * len(shown)
    assert {"forger", "source-0"} <= {line["source"] for line in shown}
    assert run("verify").code == run("verify", "--json").code == 0
    assert len(run("export", "--json").lines) == len(OPS)
    assert all(not dangers(line) for line in run("export").out.splitlines())
    for words in (("identity", "show"), ("export", "--log", str(tmp_path / "log"))):
        assert run(*words).code == run(*words, "--json").code == 0
    # Operations are strangers' bytes; as a file they make the same registry elsewhere.
    (tmp_path / "ops.ndjson").write_bytes(b"".join(op.body + b"\n" for op in OPS.values()))
    for more in ((), ("--register",), ("--json",), ("--explain",)):
        assert run("import", str(tmp_path / "ops.ndjson"), *more).code == 0
    assert set(SUMMARIES) - {"serve", "demo", "help"} <= {
        "list", "search", "show", "history", "register", "import", "update", "delete", "peer", "sync", "export",
        "verify", "quarantine", "identity", "formfile",
    }  # fmt: skip


PEERS: dict[str, Answer] = {
    "redirects": always(302, location="http://evil.example/\x9b31m" + "%1b[2J" + "A" * 5_000),
    "redirects-here": always(302, location="/[@click=app.quit]x[/]"),
    "red-page": always(500, STRINGS["clipboard"].encode()),
    "head": always(200, json.dumps({"epoch": STRINGS["colour"], "node": STRINGS["title"]}).encode()),
    "tile": but(honest(log_of([b"{}"])), ".gz", always(200, STRINGS["clear"].encode())),
    "etag": but(honest(log_of([b"{}"])), "head", always(200, json.dumps(log_of([]).head()).encode(), etag='"\x9b31m"')),
    "lines": honest(log_of([text.replace("\n", "").encode() for text in STRINGS.values()])),
    "fields": honest(log_of([json.dumps({"Model": {"Up": {text: text}}}).encode() for text in STRINGS.values()])),
}


@pytest.mark.parametrize("name", PEERS)
def test_peers_that_answer_so(run: Cli, cli: Cli, filled: Path, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(filled, folder)

    def here(*words: str) -> Said:
        said = cli("--data-dir", str(folder), *words)
        assert not dangers(said.out if "--json" not in words else ""), words
        assert not dangers(said.err)
        assert "Traceback" not in said.err
        return said

    with served(PEERS[name]) as url:
        assert here("peer", "add", "them", url).code == 0
        for words in (("sync", "them"), ("sync", "them", "--json"), ("sync", "them", "--push")):
            assert here(*words).code in (0, 1)
    assert here("peer", "list").code == here("quarantine").code == 0


def test_peers_in_folders_that_are_not_there(run: Cli) -> None:
    said = run("sync")
    assert said.code == 1
    assert len(said.err.splitlines()) == len(STRINGS)


# ---- the node ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("node") / "data"
    shutil.copytree(filled, folder)
    with (
        Datastore.open(folder) as datastore,
        running(datastore, accept_ops=True) as address,
        httpx.Client(base_url=address.url, trust_env=False, timeout=60) as client,
    ):
        client.headers["authorization"] = f"Bearer {node_token(folder)}"
        yield client


def answered(response: httpx.Response) -> Json:
    """The answer, which must be JSON and say nothing of where it came from."""
    assert response.status_code < 500, response.text[:500]
    assert response.headers["content-type"] in ("application/json", "application/problem+json")
    assert "Traceback" not in response.text
    tree: Json = json.loads(response.content.decode(), parse_constant=pytest.fail)
    return tree


@pytest.mark.parametrize("kind", KINDS)
def test_the_node_answers_with_exactly_what_was_written(node: httpx.Client, kind: Kind) -> None:
    found: list[Json] = []
    cursor: str | None = None
    while cursor is not None or not found:
        page = answered(node.get(f"/{kind}s", params={"limit": 20} | ({"cursor": cursor} if cursor else {})))
        assert isinstance(page, dict)
        items = page["items"]
        assert isinstance(items, list)
        found += items
        following = page["next"]
        assert following is None or isinstance(following, str)
        cursor = following
        if cursor is None:
            break
    written = [op.record for op in (*OPS.values(), *RIVALS) if op.kind == kind]
    assert len(found) == len(STRINGS)
    assert all(record in written for record in found)
    for op in OPS.values():
        if op.kind == kind:
            assert answered(node.get(f"/{kind}s/{op.key}")) in written


@pytest.mark.parametrize("name", STRINGS)
def test_the_node_is_asked_with_such_words(node: httpx.Client, name: str) -> None:
    text = STRINGS[name]
    short = text[:1_000]
    answered(node.get("/models", params={"q": short, "sort": short[:60], "cursor": short}))
    answered(node.get("/models", params={"q": text[:4_000], "limit": short[:100]}))
    answered(node.get("/agents", params={"cursor": short}))
    answered(node.post("/models/search", json={"query": text}))
    answered(node.post("/agents/search", json={"query": short, "cursor": short, "sort": short, short: 1}))
    quoted = "".join(f"%{byte:02x}" for byte in short[:300].encode())
    answered(node.get(f"/models/{quoted}"))
    answered(node.put(f"/agents/{quoted}", json={"name": text}))
    answered(node.delete(f"/models/{quoted}", headers={"if-match": quoted}))
    answered(node.get(f"/sync/{quoted}/entries/{quoted}"))
    answered(node.get(f"/{quoted}"))
    answered(node.post("/models", json={short: text, "name": text, "license": text, "version": text, "tags": [text]}))
    answered(node.post("/agents", content=text.encode(), headers={"content-type": "application/json"}))
    answered(node.post("/sync/ops/get", json={"hashes": [text]}))
    answered(node.post("/sync/ops", content=text.replace("\n", "").encode() + b"\n"))


def test_the_nodes_page_shows_no_strangers_words(node: httpx.Client) -> None:
    page = node.get("/docs").text
    assert not dangers(page)
    for op in OPS.values():
        assert op.key not in page
