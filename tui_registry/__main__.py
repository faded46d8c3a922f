"""The console entry: the only module that knows both the commands and the screens."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tui_registry.datastore import Datastore
    from tui_registry.settings import SettingFault, Settings
    from tui_registry.tui.line import CommandLine


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, without the program's name; `sys.argv` for None. Returns the exit code."""
    # Imports make many objects and no garbage. Commands collect it once they run, the screens after their first frame.
    gc.disable()
    try:
        from tui_registry.cli import run

        return run(sys.argv[1:] if argv is None else argv, _screens, _Own())
    finally:
        gc.enable()


class _Own:
    """What of the settings only the screens can read: they are imported for the lines that ask for it."""

    def faults(self, settings: Settings) -> Sequence[SettingFault]:
        from tui_registry.tui.own.own_settings import faults_of

        return faults_of(settings)

    def keys(self, settings: Settings) -> Sequence[tuple[str, str, str]]:
        from tui_registry.tui.own.own_settings import keys_of

        return keys_of(settings)


def _screens(datastore: Datastore, *, query: str, settings_file: Path | None = None) -> None:
    from tui_registry import tui
    from tui_registry.settings import Settings, SettingsError, load_settings

    wrong = ""
    try:
        settings = load_settings()
        if settings.sync:  # most people set none, and the first frame needs none
            from tui_registry.sync.bounds import bounds_of

            bounds_of(settings)
    except SettingsError as error:
        # A slip in an editor keeps nobody from looking.
        settings, wrong = Settings(), f"settings not read: {error.reason}"

    def lines(data_dir: Path) -> CommandLine:
        from tui_registry.cli.inside import LinesInside

        return LinesInside(data_dir)

    tui.run(
        datastore,
        query=query,
        settings=settings,
        settings_file=settings_file,
        wrong=wrong,
        lines=lines,
        samples=_looked_around,
    )


def _looked_around() -> AbstractContextManager[Datastore]:
    """Sample data for whoever asks for it: most people do so once."""
    from tui_registry.cli.demo import looked_around

    return looked_around()


if __name__ == "__main__":
    sys.exit(main())
