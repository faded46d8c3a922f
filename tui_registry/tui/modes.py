"""The modes on the number keys but the first, each imported when somebody goes there: the first frame needs none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual.screen import Screen


def _register() -> Screen[None]:
    from tui_registry.tui.register.register_screen import RegisterMode

    return RegisterMode()


def _sync() -> Screen[None]:
    from tui_registry.tui.sync.sync_screen import SyncScreen

    return SyncScreen()


def _history() -> Screen[None]:
    from tui_registry.tui.history.history_screen import HistoryScreen

    return HistoryScreen()


def _settings() -> Screen[None]:
    from tui_registry.tui.settings.settings_screen import SettingsScreen

    return SettingsScreen()


LATER_MODES: Final[dict[str, Callable[[], Screen[None]]]] = {
    "register": _register,
    "sync": _sync,
    "history": _history,
    "settings": _settings,
}
