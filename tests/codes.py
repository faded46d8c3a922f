"""The codes of problems, read from the source: so that a test over all rules notices a new one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

# Where each maker of problems takes the code: the number of arguments in front of it.
_MAKERS = {"_error": 1, "_warning": 1, "_fail": 1, "Problem": 2, "LicenceFault": 1, "FormfileProblem": 3}
# `add` of a Report takes a line more in front than that of a LineReport; a reader of values raises what cannot be borne.
_ADD = ("add", "Refused")


def codes_of(*modules: ModuleType) -> set[str]:
    """Every code that the problems of these modules and packages can have."""
    return {code for module in modules for path in _files(module) for code in _codes(ast.parse(path.read_text()))}


def _files(module: ModuleType) -> list[Path]:
    path = Path(str(module.__file__))
    return sorted(path.parent.glob("*.py")) if path.name == "__init__.py" else [path]


def _codes(tree: ast.Module) -> Iterator[str]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    named = {function.name: function for function in functions}
    for function in functions:
        for call in ast.walk(function):
            if not isinstance(call, ast.Call):
                continue
            for code in _arguments(call):
                if isinstance(code, ast.Starred):
                    yield from _returned(named, code)
                elif isinstance(code, ast.Name):
                    yield from _assigned(function, code.id)
                else:
                    yield from _constants(code)


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name in _ADD and len(call.args) >= 2:
        starred = [argument for argument in call.args if isinstance(argument, ast.Starred)]
        yield starred[0] if starred else call.args[-2]
    elif name in _MAKERS and len(call.args) > _MAKERS[name]:
        yield call.args[_MAKERS[name]]


def _returned(named: dict[str, ast.FunctionDef], code: ast.Starred) -> Iterator[str]:
    if isinstance(code.value, ast.Call) and isinstance(code.value.func, ast.Name):
        for node in ast.walk(named[code.value.func.id]):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                yield from _constants(node.value.elts[0])


def _assigned(function: ast.FunctionDef, name: str) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and any(isinstance(at, ast.Name) and at.id == name for at in node.targets):
            yield from _constants(node.value)


def _constants(code: ast.expr) -> Iterator[str]:
    """The text that an expression may be: of `a if b else c`, either."""
    match code:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp():
            yield from _constants(code.body)
            yield from _constants(code.orelse)
