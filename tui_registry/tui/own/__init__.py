"""What a person's settings add to the app: keys, commands and colours of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .own_settings import OwnCommands as OwnCommands, follow as follow

__all__ = ["OwnCommands", "follow"]

__getattr__, __dir__ = lazy_exports(__name__, dict.fromkeys(__all__, ".own_settings"))
