"""Starting the app: what it shows first is read while Textual is imported, and nothing else is in the way."""

from __future__ import annotations

import gc
from pathlib import Path

from tui_registry.datastore import Datastore
from tui_registry.settings import Settings
from tui_registry.tui.opening import Opening


def run(
    datastore: Datastore,
    *,
    query: str = "",
    settings: Settings | None = None,
    settings_file: Path | None = None,
    wrong: str = "",
) -> None:
    """Explore the replica until the person quits.

    Args:
        datastore: open; the caller closes it.
        query: what the list is asked for at first.
        settings_file: where settings that are changed are kept; None for where the person's own file is.
        wrong: what the person has to be told at first, such as of a settings file that cannot be read.

    Raises:
        SystemExit: a signal ended the app, with what a shell says of that: 128 and its number. Drafts are kept.
        Exception: the app ended by a mistake in the program; the terminal is as it was before.
    """
    opening = Opening(datastore, query)
    gc.disable()  # the app enables it again, once its first frame is laid out
    try:
        from tui_registry.tui.app import RegistryApp

        app = RegistryApp(datastore, query=query, settings=settings, settings_file=settings_file, opening=opening)
        if wrong:
            app.say(wrong, "problem")
        app.run()
        if app.crash is not None:
            raise app.crash
        if app.return_code:
            raise SystemExit(app.return_code)
    finally:
        gc.enable()
        opening.close()
