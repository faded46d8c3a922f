"""Lazy re-exports, so that a package can offer its public names without importing its rooms (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_exports(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package whose public names live in submodules.

    Args:
        package: the package's `__name__`.
        homes: public name -> relative module that defines it, such as `{"parse": ".parser"}`. The two must differ: once
            imported, a submodule stands in its package under its own name.
    """

    def get(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(home, package), name)
        # Stored, so that the second look-up is an ordinary one.
        setattr(import_module(package), name, value)
        return value

    def names() -> list[str]:
        return sorted(homes)

    return get, names
