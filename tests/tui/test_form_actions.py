"""The places of the form and of the import in the registry of actions."""

from __future__ import annotations

import pytest

from tui_registry.tui.imports.findings import FindingsScreen
from tui_registry.tui.imports.import_flow import SourceScreen
from tui_registry.tui.kit.actions import Action, action, actions_for
from tui_registry.tui.kit.frame import MOST_FOOTER_KEYS
from tui_registry.tui.register.area_rows import FormfileArea
from tui_registry.tui.register.register_screen import RegisterScreen
from tui_registry.tui.register.value_screen import ValueScreen

HOMES: dict[str, type] = {
    "register": RegisterScreen,
    "template": FormfileArea,
    "import": SourceScreen,
    "findings": FindingsScreen,
    "mending": ValueScreen,
}
ITEMS = actions_for("register", "template", "import", "findings", "mending")


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_every_action_can_be_run_where_it_says(item: Action) -> None:
    assert callable(getattr(HOMES[item.where], "action_" + item.name.split("(")[0], None))


def test_the_footer_of_the_list_has_at_most_seven_keys_and_they_exist() -> None:
    for footer in (FindingsScreen.FOOTER, FindingsScreen.TYPING):
        assert 0 < len(footer) <= MOST_FOOTER_KEYS
        assert all(action(item).keys for item in footer)
