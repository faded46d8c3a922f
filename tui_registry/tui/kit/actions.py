"""The one registry of actions: key bindings, footers, help and the command palette read it.

Letters and digits are never priority bindings: while an input has the focus they type.
"""

from __future__ import annotations

from typing import Final

from textual.binding import Binding, BindingType

from tui_registry.tui.kit.action_table import ACTIONS as ACTIONS
from tui_registry.tui.kit.action_table import HEADINGS as HEADINGS
from tui_registry.tui.kit.action_table import Action as Action
from tui_registry.tui.kit.action_table import Where as Where

# Between the fields of a form. With priority, so that what is typed after a Tab in one burst (a slow line, a macro)
# reaches the field that the Tab led to.
TYPE_AHEAD: Final[tuple[BindingType, ...]] = (
    Binding("tab", "app.focus_next", show=False, priority=True),
    Binding("shift+tab", "app.focus_previous", show=False, priority=True),
)

_PRIORITY: Final = frozenset({"app.quit", "app.palette", "app.help_f1"})


def bindings_for(*places: Where) -> list[BindingType]:
    """The bindings of the actions of these places, in the registry's order."""
    return [
        Binding(
            ",".join(action.keys),
            action.name,
            action.label,
            tooltip=action.tooltip,
            id=action.id,
            # Only keys that no input takes may have priority.
            priority=action.id in _PRIORITY,
            show=False,
        )
        for action in actions_for(*places)
        if action.keys
    ]


def actions_for(*places: Where) -> list[Action]:
    """The actions of these places, in the registry's order."""
    return [action for action in ACTIONS if action.where in places]


def action(action_id: str) -> Action:
    """The action of that id.

    Raises:
        KeyError: there is none.
    """
    return _BY_ID[action_id]


_BY_ID: Final = {item.id: item for item in ACTIONS}
