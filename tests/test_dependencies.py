"""What is imported is declared, and nothing else: a distribution that only another one brings may leave with it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import packages_distributions
from pathlib import Path

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
