"""What every screen is made of: the frame, dialogs, lists, flows, the gate and the registry of actions.

Offers the dialogs, help and the palette, which the first frame does without: each is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.kit.dialogs import (
        AskScreen as AskScreen,
        Choice as Choice,
        ChooseScreen as ChooseScreen,
        ConfirmScreen as ConfirmScreen,
    )
    from tui_registry.tui.kit.help import (
        ActionsProvider as ActionsProvider,
        HelpScreen as HelpScreen,
        PageScreen as PageScreen,
        PagesProvider as PagesProvider,
        SearchesProvider as SearchesProvider,
        page_of_package as page_of_package,
    )
    from tui_registry.tui.kit.signing import sign as sign

__all__ = [
    "ActionsProvider", "AskScreen", "Choice", "ChooseScreen", "ConfirmScreen", "HelpScreen", "PageScreen",
    "PagesProvider", "SearchesProvider", "page_of_package", "sign",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AskScreen": ".dialogs",
        "Choice": ".dialogs",
        "ChooseScreen": ".dialogs",
        "ConfirmScreen": ".dialogs",
        "HelpScreen": ".help",
        "PageScreen": ".help",
        "page_of_package": ".help",
        "ActionsProvider": ".help",
        "PagesProvider": ".help",
        "SearchesProvider": ".help",
        "sign": ".signing",
    },
)
