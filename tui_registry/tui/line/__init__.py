"""The command line inside the app: a line as a shell takes it behind the program's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .command_line import CommandLine as CommandLine, CommandLines as CommandLines

__all__ = ["CommandLine", "CommandLines"]

__getattr__, __dir__ = lazy_exports(__name__, {"CommandLine": ".command_line", "CommandLines": ".command_line"})
