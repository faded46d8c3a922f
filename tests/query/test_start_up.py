"""What reading a query loads, and that the public names are what they say."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module
from types import ModuleType

import tui_registry.query as query


def loaded_by(code: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_parsing_loads_nothing_heavy() -> None:
    modules = loaded_by("from tui_registry.query import parse; parse('llama license:apache2 -tag:x')")
    assert not modules & {"pydantic", "textual", "rapidfuzz", "sqlite3", "difflib", "yaml", "datetime", "fractions"}
    assert not modules & {f"tui_registry.query.{name}" for name in ("intervals", "sentences", "editing", "evaluate")}


def test_public_names_are_never_shadowed_by_modules() -> None:
    for module in pkgutil.iter_modules(query.__path__):
        import_module(f"tui_registry.query.{module.name}")
    for name in query.__all__:
        assert not isinstance(getattr(query, name), ModuleType), name
