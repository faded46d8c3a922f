"""The terminal interface: an explorer of one replica. It reads and writes through the Datastore only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .app import RegistryApp as RegistryApp
    from .start import run as run

__all__ = ["RegistryApp", "run"]

__getattr__, __dir__ = lazy_exports(__name__, {"RegistryApp": ".app", "run": ".start"})
