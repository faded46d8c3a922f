"""The form: registering and editing models and agents, and the drafts of it.

Imported by the first frame: what it offers is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.register.register_screen import RegisterMode as RegisterMode, RegisterScreen as RegisterScreen
    from tui_registry.tui.register.value_screen import Fault as Fault, ValueScreen as ValueScreen

__all__ = ["Fault", "RegisterMode", "RegisterScreen", "ValueScreen"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(("RegisterMode", "RegisterScreen"), ".register_screen"),
        **dict.fromkeys(("Fault", "ValueScreen"), ".value_screen"),
    },
)
