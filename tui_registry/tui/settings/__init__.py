"""Settings: colours, names, where everything is kept.

Imported by the first frame: what it offers is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.settings.settings_screen import (
        SettingsScreen as SettingsScreen,
        choose_theme as choose_theme,
        copy_key as copy_key,
    )

__all__ = ["SettingsScreen", "choose_theme", "copy_key"]

__getattr__, __dir__ = lazy_exports(__name__, dict.fromkeys(__all__, ".settings_screen"))
