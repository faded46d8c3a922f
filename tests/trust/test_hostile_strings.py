"""Whatever strangers write into records, peers and errors: every command survives it, nothing of it acts on a terminal,
and programs get exactly what was written, as JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Cli, Said
from tests.node.conftest import bearer
from tests.sync.hostile import Answer, always, but, honest
from tests.trust.hostile_replica import CASES, OPS, RIVALS, STRANGER, record_of
from tests.trust.peers import log_of, served
from tests.trust.strings import STRINGS, dangers
from tui_registry.cli.output import cell_width
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import KINDS, Json, Kind
from tui_registry.node import running
from tui_registry.records.as_written import BESIDE


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
    # The layout holds: what is remarked of a record follows the last column.
    keys = {op.key[:12] for op in OPS.values()}
    for line in lines[1:]:
        (key,) = (key for key in keys if key in line)
        assert cell_width(line.partition(key)[0] + key) <= 120
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
    assert 100 < len(faults) <= 100 + 1 + 20  # those of the text, how many more, and where it disagrees with the record
    (more,) = [fault for fault in faults if fault.code == "more_problems"]
    assert more.sentence.startswith("12,1")
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
def test_files_of_a_person(run: Cli, name: str, tmp_path: Path) -> None:
    """A description with such words in its fields and their names, and none at all: told in words, never stored."""
    text = STRINGS[name]
    short = text[:200]
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
        httpx.Client(base_url=address.url, trust_env=False, timeout=60, verify=False) as client,
    ):
        client.headers["authorization"] = bearer(datastore)
        yield client


def answered(response: httpx.Response) -> Json:
    """The answer, which must be JSON and say nothing of where it came from."""
    assert response.status_code < 500, response.text[:500]
    assert response.headers["content-type"] in ("application/json", "application/problem+json")
    assert "Traceback" not in response.text
    tree: Json = json.loads(response.content.decode(), parse_constant=pytest.fail)
    return tree


def fields_of(told: Json) -> Json:
    """A record without what a node tells beside its fields."""
    assert isinstance(told, dict)
    return {name: value for name, value in told.items() if name not in BESIDE}


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
    assert all(fields_of(item) in written for item in found)
    for op in OPS.values():
        if op.kind == kind:
            assert fields_of(answered(node.get(f"/{kind}s/{op.key}"))) in written


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
    answered(node.post("/sync/reconcile", json={"epoch": text, "ranges": [[short, text]], short: text}))
    answered(node.post("/sync/ops", content=text.replace("\n", "").encode() + b"\n"))


def test_the_nodes_page_shows_no_strangers_words(node: httpx.Client) -> None:
    page = node.get("/docs").text
    assert not dangers(page)
    for op in OPS.values():
        assert op.key not in page
