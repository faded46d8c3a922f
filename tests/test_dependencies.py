"""What is imported is declared, and nothing else: a distribution that only another one brings may leave with it. And what
of others is used that they do not promise is named here, so that a version without it is told in a sentence."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import packages_distributions
from inspect import getsource, signature
from pathlib import Path

from packaging.requirements import Requirement

OURS = {"tests", "tui_registry"}
OF_THE_CHECKER = {"_typeshed"}  # types that only a checker has
HOME = Path(__file__).parents[1]
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]


def imported(folder: str) -> Iterator[str]:
    """The distributions whose modules the files of a folder import."""
    homes = distributions()
    for file in (HOME / folder).rglob("*.py"):
        text = file.read_text()
        tree = ast.parse(text)
        # Expressions are most of a file, and import nothing but by name.
        for node in ast.walk(tree) if "import_module(" in text else statements(tree):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
                modules = [node.module]
            else:
                modules = [*called(node)]
            for module in (
                {name.partition(".")[0] for name in modules} - OURS - OF_THE_CHECKER - sys.stdlib_module_names
            ):
                yield from (spelt(name) for name in homes.get(module, [module]))


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement below it, and what parts of statements have some of their own."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield node
            yield from statements(node)


@lru_cache(maxsize=1)
def distributions() -> Mapping[str, list[str]]:
    """The distributions that bring each module; asking takes a look into all that is installed."""
    return packages_distributions()


def called(node: ast.AST) -> Iterator[str]:
    """The module of `import_module("...")`."""
    match node:
        case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=str(module))]):
            yield module


def declared(requirements: list[str]) -> set[str]:
    return {spelt(re.split(r"[^\w.-]", requirement)[0]) for requirement in requirements}


def spelt(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_package_declares_what_it_imports_and_nothing_else() -> None:
    extras = PROJECT["optional-dependencies"]
    optional = [line for name, lines in extras.items() if name not in ("test", "dev") for line in lines]
    assert {*imported("tui_registry")} == declared(PROJECT["dependencies"] + optional)


def test_a_developer_gets_all_that_the_tests_import() -> None:
    extras = PROJECT["optional-dependencies"]
    # atheris is brought by hand: CONTRIBUTING says so.
    known = declared([requirement for lines in (PROJECT["dependencies"], *extras.values()) for requirement in lines])
    assert {*imported("tests")} - known == {"atheris"}


def test_the_oldest_versions_that_are_run_are_the_oldest_that_are_allowed() -> None:
    extras = PROJECT["optional-dependencies"]
    lines = [line for name, lines in extras.items() if name != "dev" for line in lines]
    asked = [Requirement(line) for line in PROJECT["dependencies"] + lines]
    allowed = {spelt(each.name): bound.version for each in asked for bound in each.specifier if bound.operator == ">="}
    text = (HOME / "tests" / "oldest.txt").read_text()
    run = dict(line.split("==") for line in text.splitlines() if not line.startswith("#"))
    # 8.2 and 8.2.0 are one version.
    assert {spelt(name): same(version) for name, version in run.items()} == {
        name: same(version) for name, version in allowed.items()
    }


def same(version: str) -> tuple[int, ...]:
    return (*map(int, version.split(".")), 0, 0, 0)[:4]


def test_each_dependency_has_a_line_that_says_what_it_is_for() -> None:
    (lines,) = re.findall(
        r"^dependencies = \[\n(.*?)^\]", (HOME / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE
    )
    for line in lines.splitlines():
        assert re.fullmatch(r'    (#.*|"[^"]+", # .+)', line), line


def test_what_is_private_to_textual_and_used_here_is_there() -> None:
    from textual.app import App
    from textual.binding import BindingsMap
    from textual.drivers.linux_driver import LinuxDriver
    from textual.widget import Widget
    from textual.widgets import OptionList, Select, _select

    widgets = "tui/register/{field_rows,entry_rows}.py: the menu of a choice that narrows as one types"
    assert issubclass(_select.SelectOverlay, OptionList), widgets
    assert issubclass(_select.SelectCurrent, Widget), widgets
    assert "self._setup_options_renderables()" in getsource(Select), widgets
    assert signature(App._display).parameters.keys() == {"self", "screen", "renderable"}, (
        "tui/kit/host.py: every screen is drawn through it, and where the terminal is too small a sentence stands there"
    )
    assert signature(App._handle_exception).parameters.keys() == {"self", "error"}, (
        "tui/kit/host.py and gate.py: what an error of a screen ends in"
    )
    app = App[None]()
    assert app._driver is None, "tui/kit/{terminal,editing}.py: what writes to the terminal"
    assert app._exit_renderables == [], "tui/kit/host.py: the page of values that a crash would print"
    assert app._keymap == {}, "tui/kit/gate.py: keys that a person changed"
    assert isinstance(Widget()._bindings.copy(), BindingsMap), (
        "tui/kit/{gate,host}.py: what a key does where it is typed"
    )
    assert "_writer_thread" in getsource(LinuxDriver), "tui/kit/terminal.py: whether the terminal is still written to"


def test_what_is_private_to_others_and_used_here_is_there() -> None:
    from h11 import SERVER, Connection
    from packaging.licenses import _spdx
    from uvicorn.protocols.http import h11_impl

    listed = "licences.py: rare licences are proposed, and old ones known, by packaging's own list"
    assert {"id", "deprecated"} <= _spdx.LICENSES["mit"].keys(), listed
    assert "id" in _spdx.EXCEPTIONS["llvm-exception"], listed
    assert len(Connection(SERVER)._receive_buffer) == 0, (
        "node/server.py: how much of a request is there and not read yet"
    )
    parts = "node/server.py: when a connection may begin, goes on and is let go"
    for name in ("handle_events", "on_response_complete", "timeout_keep_alive_handler", "data_received", "shutdown"):
        assert callable(getattr(h11_impl.H11Protocol, name)), f"{name}, {parts}"
    assert isinstance(h11_impl.RequestResponseCycle, type), parts
