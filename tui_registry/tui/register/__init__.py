"""The form: registering and editing models and agents, and the drafts of it.

Imported by the first frame: what it offers is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.register.register_screen import RegisterMode as RegisterMode, RegisterScreen as RegisterScreen

__all__ = ["RegisterMode", "RegisterScreen"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"RegisterMode": ".register_screen", "RegisterScreen": ".register_screen"}
)
