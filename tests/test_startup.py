"""The start-up promises: what a command does not need, it does not import, so that it starts at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tui_registry
from tests.seeds import make_record, seed
from tui_registry.datastore import Datastore
from tui_registry.node import running

SCREENS = {"textual", "rich"}
NETWORK = {"httpx", "fastapi", "uvicorn", "starlette", "asyncio"}
TYPES = {"pydantic", "pydantic_core"}
KEYS = {"btclib_secp256k1", "Crypto"}

_SCRIPT = """
import sys
from tui_registry.__main__ import main
code = main(sys.argv[1:])
sys.stderr.write("\\n" + __import__("json").dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def imported(data_dir: Path | None, *words: str, given: str = "") -> set[str]:
    """The top-level packages in `sys.modules` at the end of a command that did well."""
    where = () if data_dir is None else ("--data-dir", str(data_dir))
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *where, *words],
        input=given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, names = json.loads(done.stderr.rpartition("\n")[2])
    assert code == 0, done.stderr
    return set(names)


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("replica")
    with Datastore.open(path) as datastore:
        seed(datastore)
        datastore.add("model", make_record("model", "llama-with-a-formfile", formfile_template="NAME llama\nVCPU 4\n"))
    return path


@pytest.fixture(scope="module")
def record_id(replica: Path) -> str:
    with Datastore.open(replica) as datastore:
        return datastore.search(limit=1).rows[0].id


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("help",), ("list", "--help"), ("serve", "--help")])
def test_help_imports_no_screens_network_types_keys_or_database(replica: Path, words: tuple[str, ...]) -> None:
    assert not imported(replica, *words) & (SCREENS | NETWORK | TYPES | KEYS | {"sqlite3", "yaml", "platformdirs"})


def test_the_help_of_search_needs_the_grammar_and_no_more(replica: Path) -> None:
    assert not imported(replica, "search", "--help") & (SCREENS | NETWORK | TYPES | KEYS | {"yaml"})


@pytest.mark.parametrize(
    "words",
    [
        ("list", "models"),
        ("search", "llama kind:model"),
        ("show", "ID"),
        ("show", "ID", "--at", "today"),
        ("history", "ID"),
        ("conflicts",),
        ("diff", "ID"),
        ("peer", "list"),
        ("identity", "name"),
        ("search", "--facets"),
    ],
)
@pytest.mark.parametrize("json_option", [(), ("--json",)])
def test_commands_that_read_import_no_screens_network_types_or_keys(
    replica: Path, record_id: str, words: tuple[str, ...], json_option: tuple[str, ...]
) -> None:
    line = [record_id if word == "ID" else word for word in words]
    assert not imported(replica, *line, *json_option) & (SCREENS | NETWORK | TYPES | KEYS | {"yaml", "platformdirs"})


def test_a_node_is_asked_without_a_web_framework_screens_types_or_keys(replica: Path, record_id: str) -> None:
    with Datastore.open(replica) as datastore, running(datastore) as node:
        for words in (("list", "models"), ("show", record_id), ("history", record_id)):
            names = imported(None, *words, "--node", node.url)
            # What asks over HTTP brings `rich`, for a command line of its own.
            assert not names & (TYPES | KEYS | {"textual", "fastapi", "uvicorn", "starlette", "yaml"})


_NODE = """
import sys
import httpx
from tui_registry.datastore import Datastore
from tui_registry.node import running
with Datastore.open(sys.argv[1]) as store, running(store) as node:
    for path in ("/health", "/models", "/browse", "/sync/head"):
        assert httpx.get(node.url + path, headers={"accept": "*/*"}, trust_env=False, timeout=60).status_code == 200
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
    assert httpx.get(node.url + "/openapi.json", trust_env=False, timeout=60).json()["openapi"]
"""


def test_a_node_describes_itself_for_whoever_asks_and_starts_without(replica: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _NODE, replica], capture_output=True, text=True, check=True)
    assert not {*done.stdout.split()} & {"fastapi", "pydantic", "textual"}


def test_how_a_replica_stands_is_told_without_screens_network_types_or_keys(replica: Path) -> None:
    assert not imported(replica, "status") & (SCREENS | NETWORK | TYPES | KEYS | {"yaml"})


def test_a_table_is_listed_without_the_authoring_rules(replica: Path) -> None:
    assert not imported(replica, "list", "models") & {"packaging", "semver", "rapidfuzz"}


@pytest.mark.parametrize("words", [("list", "models"), ("search", "llama"), ("show", "ID")])
def test_commands_that_read_pay_for_no_code_that_writes_code_and_no_compression(
    replica: Path, record_id: str, words: tuple[str, ...]
) -> None:
    line = [record_id if word == "ID" else word for word in words]
    # Templates are checked on the way, too.
    costly = {"dataclasses", "inspect", "shutil", "bz2", "lzma", "tomllib", "secrets", "random"}
    assert not imported(replica, *line, "--json") & costly


def test_registering_imports_no_screens_network_or_types(tmp_path: Path) -> None:
    names = imported(tmp_path, "register", "model", "-", given="name: x\nparameters: 7b\n")
    # Spelling an op is pydantic_core's; the record types are not needed.
    assert not names & (SCREENS | NETWORK | {"pydantic"})
    assert "btclib_secp256k1" in names


def test_a_pull_imports_no_screens(replica: Path, tmp_path: Path) -> None:
    from tui_registry.sync import publish

    with Datastore.open(replica) as datastore:
        publish(datastore, tmp_path / "stick")
    imported(tmp_path / "data", "peer", "add", "stick", str(tmp_path / "stick"))
    assert not imported(tmp_path / "data", "sync") & (SCREENS | {"pydantic"})


def test_the_package_imports_nothing_until_a_name_is_asked_for() -> None:
    script = "import tui_registry, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("tui_registry")}
    assert ours == {"tui_registry", "tui_registry._lazy"}


def test_named_tuples_are_those_that_cost_a_start_little() -> None:
    """`typing`'s compiles every annotation: 0.2 ms a class. Of values with a type parameter it is the only one."""
    of_typing = re.compile(r"^from typing import .*\bNamedTuple\b", re.MULTILINE)
    package = Path(tui_registry.__file__).parent
    texts = {path.relative_to(package).as_posix(): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    found = {name for name, text in texts.items() if of_typing.search(text) and "(NamedTuple, Generic[" not in text}
    assert not found, "say `from tui_registry.frozen import NamedTuple`"
