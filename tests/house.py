"""The house in figures: how big it is, how it hangs together, and how far apart a feature's parts lie.

    python -m tests.house            every figure
    python -m tests.house --list     and the modules and classes behind those that have a goal

A figure is no test: it shows a reader where the house drifts. What must not drift at all is an import contract in
`pyproject.toml`. Each function below says how its figure is found.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import re
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

PACKAGE = "tui_registry"
ROOT = Path(__file__).resolve().parent.parent / PACKAGE
# From so many entries on a listing of modules is a table.
A_TABLE = 4
# Commands import what they need when they run: the start budgets ask for it.
MAY_IMPORT_LATE = ("cli", "__main__")


class Import(NamedTuple):
    """A statement that imports from the package: who, whom, and whether it runs when the module is loaded."""

    by: str
    of: str
    at_load: bool


class House:
    """The package as its source says it is. Module names are dotted and begin with the package's."""

    def __init__(self, root: Path = ROOT) -> None:
        self.paths = {_module_name(path, root): path for path in sorted(root.rglob("*.py"))}
        self.trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.paths.items()}
        self._public = self._public_names()
        self.imports = [found for name in self.trees for found in self._imports(name)]

    def statements(self) -> int:
        """Every `ast.stmt` of every module: a line split in two counts once, and neither do blank lines or comments."""
        return sum(isinstance(node, ast.stmt) for tree in self.trees.values() for node in ast.walk(tree))

    def circles(self) -> list[list[str]]:
        """Groups of modules of one package that import each other, in whatever function the import stands."""
        found = []
        for package in sorted({_package(name) for name in self.paths} - {""}):
            inside = {name for name in self.paths if _package(name) == package}
            ways = defaultdict(set)
            for one in self.imports:
                if one.by in inside and one.of in inside:
                    ways[one.by].add(one.of)
            found += _circles(ways, inside)
        return found

    def with_one_importer(self) -> list[str]:
        """Modules that exactly one module imports when it is loaded, and that one stands in the same package.

        Without the entries of a table: to be named there once is their whole purpose.
        """
        importers, in_tables = defaultdict(set), self.in_tables()
        for one in self.imports:
            if one.at_load:
                importers[one.of].add(one.by)
        return [
            name
            for name, path in self.paths.items()
            if path.name != "__init__.py"
            and _package(name)
            and len(importers[name]) == 1
            and _package(next(iter(importers[name]))) == _package(name)
            and name not in in_tables
        ]

    def in_tables(self) -> set[str]:
        """Modules that stand in a table of their own package: it names at least four of them, each as one of its rows.

        There are two sorts. A module that imports what it names by a string (`import_module`) holds a table of all
        siblings that its strings name, alone or before a function's name: `"look.show"`. And a list, tuple, set or
        dict is a table of those siblings of which an element is something, alone or called: `*help_routes(queues)`.
        """
        found = set()
        for name, tree in self.trees.items():
            inside = {of for of in self.paths if _package(of) == _package(name) != ""} - {name}
            tables = [_named_by_strings(tree, name.rpartition(".")[0])] if _imports_by_strings(tree) else []
            homes = self._homes(name)
            tables += [
                {homes[word] for word in map(_begins_with, elements) if word in homes} for elements in _displays(tree)
            ]
            for table in tables:
                if len(table & inside) >= A_TABLE:
                    found |= table & inside
        return found

    def late_imports(self) -> list[str]:
        """Import statements inside functions, each as `module:line`, outside the command line."""
        return [
            f"{name}:{node.lineno}"
            for name, tree in self.trees.items()
            if _package(name) not in MAY_IMPORT_LATE and name.rpartition(".")[2] not in MAY_IMPORT_LATE
            for node in _inside_functions(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]

    def ladders(self) -> list[tuple[int, str]]:
        """How many of our own classes stand above one another, itself included; the highest first."""
        bases: dict[str, list[str]] = {}
        for tree in self.trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    bases[node.name] = [_last_name(base) for base in node.bases]

        def height(name: str, below: frozenset[str] = frozenset()) -> int:
            if name not in bases or name in below:
                return 0
            return 1 + max((height(base, below | {name}) for base in bases[name]), default=0)

        return sorted(((height(name), name) for name in bases), reverse=True)

    def shared_names(self) -> list[tuple[str, int]]:
        """Base names that several modules have, with how many; packages' own `__init__` does not count."""
        counted = Counter(path.stem for path in self.paths.values() if path.stem != "__init__")
        return [(name, times) for name, times in counted.most_common() if times > 1]

    def touching(self, pattern: str) -> list[str]:
        """Modules whose text has that word: those that a thing of the same sort would have to be added to."""
        word = re.compile(rf"\b{pattern}\b")
        return [name for name, path in self.paths.items() if word.search(path.read_text(encoding="utf-8"))]

    def _imports(self, name: str) -> Iterator[Import]:
        tree = self.trees[name]
        for node, at_load in _import_statements(tree):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            else:
                base = self._absolute(name, node)
                targets = [self._home(base, alias.name) for alias in node.names]
            for target in dict.fromkeys(targets):
                if target in self.paths and target != name:
                    yield Import(name, target, at_load)

    def _homes(self, name: str) -> dict[str, str]:
        """The names that a module imports from modules of the package, each with the module that it comes from."""
        return {
            alias.asname or alias.name: of
            for node, _ in _import_statements(self.trees[name])
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            for of in [self._home(self._absolute(name, node), alias.name)]
            if of in self.paths
        }

    def _home(self, base: str, imported: str) -> str:
        """Which module `from base import imported` reads: of a package's public name the one that it lives in."""
        whole = f"{base}.{imported}"
        return whole if whole in self.paths else self._public.get(whole, base)

    def _public_names(self) -> dict[str, str]:
        """The names that packages offer lazily, each with the module that their `__init__` tells type checkers of."""
        return {
            f"{name}.{alias.asname or alias.name}": self._absolute(name, node)
            for name, path in self.paths.items()
            if path.name == "__init__.py"
            for branch in self.trees[name].body
            if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
            for node in ast.walk(branch)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if self._absolute(name, node) in self.paths
        }

    def _absolute(self, name: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = name.split(".")
        if self.paths[name].name != "__init__.py":
            parts = parts[:-1]
        parts = parts[: len(parts) - node.level + 1]
        return ".".join([*parts, *([node.module] if node.module else [])])


# What runs: the files of the package that one deed passes through, without those that are only imported by it.


@contextmanager
def files_run() -> Iterator[set[str]]:
    """The files of the package in which a function is called meanwhile, in any thread."""
    found: set[str] = set()
    prefix = str(ROOT)
    over = False  # threads that outlive this go on noting what they call

    def note(frame: object, event: str, _: object) -> None:
        code = frame.f_code
        if not over and event == "call" and code.co_name != "<module>" and code.co_filename.startswith(prefix):
            found.add(code.co_filename[len(prefix) + 1 :])

    threading.setprofile(note)
    sys.setprofile(note)
    with suppress(RuntimeError):  # only threads that begin from now on are seen: the loop must take new ones
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
    try:
        yield found
    finally:
        over = True
        sys.setprofile(None)
        threading.setprofile(None)


def journeys() -> dict[str, set[str]]:
    """The files that run for five deeds, each done once before it is counted (the first time also imports)."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"add_model": _adding(Path(folder, "add")), "pull of one op": _pulling(Path(folder, "pull"))}
        return asyncio.run(_typing(Path(folder, "app"))) | found


def _adding(folder: Path) -> set[str]:
    from tui_registry import AIModel, Datastore

    with Datastore.open(folder) as registry:
        registry.add_model(AIModel(name="one", parameters=7, context_length=9))
        with files_run() as found:
            registry.add_model(AIModel(name="two", parameters=7, context_length=9))
    return found


def _pulling(folder: Path) -> set[str]:
    from tui_registry import AIModel, Datastore
    from tui_registry.sync import publish, pull

    with Datastore.open(folder / "theirs") as theirs, Datastore.open(folder / "ours") as ours:
        _add_peer(ours, "stick", str(folder / "stick"))
        for name in ("one", "two"):
            theirs.add_model(AIModel(name=name, parameters=7, context_length=9))
            publish(theirs, folder / "stick")
            with files_run() as found:
                asyncio.run(pull(ours, "stick"))
        return found


def _add_peer(registry: object, name: str, address: str) -> None:
    """By whichever name it has, so that the figure of an older tree can be taken."""
    peers = getattr(registry, "peers", None)
    add = registry.add_peer if hasattr(registry, "add_peer") else peers.add
    add(name, address)


async def _typing(folder: Path) -> dict[str, set[str]]:
    from tests.tui.driving import press, replica, running, settle

    found = {}
    with replica(folder, strangers=12) as registry:
        async with running(registry, size=(160, 50)) as (app, pilot):
            for timer in app._timers:
                timer.pause()  # what the look at the replica each second brings about belongs to no key
            await press(pilot, "slash", "l", "a")
            with files_run() as found["one key in the search line"]:
                await press(pilot, "m")
            await press(pilot, "escape", "escape")
            for name in ("first", "second"):
                await press(pilot, "n", "m")
                await press(pilot, *name)
                with files_run() as found["one letter in a form field"]:
                    await pilot.press("x")
                with files_run() as found["ctrl+s to row to list"]:
                    await pilot.press("ctrl+s")
                    await settle(pilot)
    return found


# By whose word each is counted: a thing of that sort that is there already. The word must stand for nothing else.
SORTS = {
    "a shown and searchable field of AIModel": "context_length",
    "a new outcome count of a pull": "unsupported",
    "a facet": "cap",
    "a column of Browse": "LICENCE",
    "an importer": "(?i:a2a)",
    "a command that the app has too": "undo",
}


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.house", description=__doc__.splitlines()[0])
    options.add_argument("--list", action="store_true", help="what stands behind the figures too")
    chosen = options.parse_args()
    house = House()
    say = print_listed if chosen.list else print_figure
    say("statements", house.statements(), [])
    say("modules", len(house.paths), [])
    say("circles of imports inside packages", len(house.circles()), [", ".join(one) for one in house.circles()])
    say("modules imported by exactly one sibling", len(house.with_one_importer()), house.with_one_importer())
    say("imports inside functions, without the command line", len(house.late_imports()), house.late_imports())
    highest, _ = house.ladders()[0]
    say("own classes above one another, worst", highest, [f"{n} {name}" for n, name in house.ladders() if n > 3])
    say(
        "base names shared by several modules",
        len(house.shared_names()),
        [f"{n} x{k}" for n, k in house.shared_names()],
    )
    for sort, word in SORTS.items():
        say(f"files to touch for {sort} (by {word})", len(house.touching(word)), house.touching(word))
    for deed, files in journeys().items():
        say(f"files that run for: {deed}", len(files), sorted(files))


def print_figure(what: str, figure: int, _: list[str]) -> None:
    print(f"{figure:>7,}  {what}")


def print_listed(what: str, figure: int, behind: list[str]) -> None:
    print_figure(what, figure, behind)
    for line in behind:
        print(f"{'':9}{line}")


def _module_name(path: Path, root: Path) -> str:
    parts = [root.name, *path.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _package(name: str) -> str:
    """The package on whose floor a module stands: `sync` for `tui_registry.sync.tiles`; "" for one at the top."""
    parts = name.split(".")
    if len(parts) > 2:
        return parts[1]
    return parts[1] if len(parts) == 2 and (ROOT / parts[1]).is_dir() else ""


def _last_name(base: ast.expr) -> str:
    if isinstance(base, ast.Subscript):
        base = base.value
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def _import_statements(tree: ast.AST, at_load: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """With whether it runs when the module is loaded; without those for the type checker alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_load
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for branch in node.orelse:
                yield from _import_statements(ast.Module([branch], []), at_load)
        else:
            yield from _import_statements(node, at_load and not isinstance(node, _FUNCTIONS))


def _imports_by_strings(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Call) and _last_name(node.func) == "import_module" for node in ast.walk(tree))


def _named_by_strings(tree: ast.AST, package: str) -> set[str]:
    """What its strings may name in that package; most of it is no module."""
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {f"{package}.{text.partition('.')[0]}" for text in texts if re.fullmatch(r"\w+(\.\w+)?", text)}


def _displays(tree: ast.AST) -> Iterator[list[ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            yield node.elts
        elif isinstance(node, ast.Dict):
            yield node.values


def _begins_with(element: ast.expr) -> str:
    """The name that an element is, or of which it is a call or an attribute; "" for anything else."""
    while not isinstance(element, ast.Name):
        if isinstance(element, ast.Starred | ast.Attribute):
            element = element.value
        elif isinstance(element, ast.Call):
            element = element.func
        else:
            return ""
    return element.id


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _inside_functions(tree: ast.AST, inside: bool = False) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if inside:
            yield node
        yield from _inside_functions(node, inside or isinstance(node, _FUNCTIONS))


def _circles(ways: dict[str, set[str]], nodes: set[str]) -> list[list[str]]:
    """The strongly connected groups of more than one, by which each can be reached from each."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for after in ways[waiting.pop()] - seen:
                seen.add(after)
                waiting.append(after)
        return seen

    far = {name: reached(name) for name in nodes}
    groups = {frozenset({one, *(two for two in far[one] if one in far[two])}) for one in nodes}
    return sorted(sorted(group) for group in groups if len(group) > 1)


_Say = Callable[[str, int, list[str]], None]

if __name__ == "__main__":
    main()
