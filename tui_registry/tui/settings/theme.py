"""The colours, shown while one chooses, and how a choice is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList

from tui_registry.settings import SettingName, SettingsError, save_setting, with_setting
from tui_registry.tui.kit.dialogs import Dialog
from tui_registry.tui.kit.flows import FlowScreen, write
from tui_registry.tui.kit.host import RegistryHost


class ThemeScreen(Dialog[str]):
    """The name of the theme that was chosen; None when closed, and the colours are as before."""

    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [("j", "step('cursor_down')"), ("k", "step('cursor_up')")]

    def __init__(self, themes: Iterable[str], current: str) -> None:
        super().__init__("Colours", "The one under the cursor is shown. Enter keeps it, Esc leaves it as it was.")
        self._themes = sorted(themes)
        self._before = current

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(*(Content(theme) for theme in self._themes))

    def on_mount(self) -> None:
        if self._before in self._themes:
            self.query_one(OptionList).highlighted = self._themes.index(self._before)

    def action_step(self, step: str) -> None:
        """Move the cursor."""
        options = self.query_one(OptionList)
        if step == "cursor_down":
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, message: OptionList.OptionHighlighted) -> None:
        message.stop()
        self.app.theme = self._themes[message.option_index]

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.dismiss(self._themes[message.option_index])

    def action_back(self) -> None:
        self.app.theme = self._before
        self.dismiss(None)


async def choose_theme(host: RegistryHost) -> None:
    """Ask for the colours over the screen in front, and keep them. A step of a flow."""
    if isinstance(host.screen, FlowScreen):
        theme = await host.screen.ask(ThemeScreen(host.available_themes, host.theme))
        if theme is not None:
            await keep_setting(host, "theme", theme, f"the colours are {theme} from now on")


async def keep_setting(host: RegistryHost, key: SettingName, value: str, sentence: str) -> None:
    """Write a setting into the file, and say so; where that fails it holds until the end, and why is said. A step of a
    flow."""
    try:
        await write(save_setting, key, value, host.settings_file)
    except SettingsError as error:
        host.say(f"for now only: {error.sentence}", "problem")
    else:
        host.say(sentence, "done")
    host.settings = with_setting(host.settings, key, value)
