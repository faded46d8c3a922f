"""Starting the app: what it shows first is read while Textual is imported, and nothing else is in the way."""

from __future__ import annotations

import gc

from tui_registry.datastore import Datastore
from tui_registry.settings import Settings
from tui_registry.tui.opening import Opening


def run(datastore: Datastore, *, query: str = "", settings: Settings | None = None) -> None:
    """Explore the replica until the person quits.

    Args:
        datastore: open; the caller closes it.
        query: what the list is asked for at first.
    """
    opening = Opening(datastore, query)
    gc.disable()  # the app enables it again, once its first frame is laid out
    try:
        from tui_registry.tui.app import RegistryApp

        RegistryApp(datastore, query=query, settings=settings, opening=opening).run()
    finally:
        gc.enable()
        opening.close()
