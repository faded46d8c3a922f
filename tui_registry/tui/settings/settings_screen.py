"""Settings: the few things to choose, where everything is, and the names of keys."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from tui_registry.errors import RegistryError
from tui_registry.settings import settings_path
from tui_registry.text import address_short, safe_text
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.kit.copying import CopyingScreen
from tui_registry.tui.kit.lists import ItemList
from tui_registry.tui.kit.messages import Failed, Told
from tui_registry.tui.kit.text_flow import Flow
from tui_registry.tui.settings.setting_rows import Places, SettingRow, SettingsList, row_in_full, setting_rows

_LONGEST_NAME = 64


class PlacesRead(Message):
    def __init__(self, places: Places) -> None:
        super().__init__()
        self.places = places


class SettingsScreen(CopyingScreen):
    """A list; what is under the cursor is explained below it."""

    CSS_PATH: ClassVar[str] = "settings.tcss"
    AUTO_FOCUS: ClassVar[str] = "SettingsList"
    HEADING: ClassVar[str] = "Settings"
    MODE: ClassVar[str] = "app.settings"
    WHERE: ClassVar[tuple[Where, ...]] = ("settings",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "settings.change", "settings.copy", "settings.back", "app.help", "app.palette", "app.quit",
    )  # fmt: skip
    OWNER: ClassVar[tuple[str, ...]] = (
        "settings.change", "settings.forget", "settings.copy", "settings.back", "app.help", "app.palette", "app.quit",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._places: Places | None = None

    def compose_body(self) -> Iterable[Widget]:
        yield SettingsList(id="settings")
        yield Flow(id="setting")

    def on_mount(self) -> None:
        super().on_mount()
        self._data_changed()
        self.watch(self.host, "facts", self._data_changed, init=False)
        self.watch(self.host, "settings", self._data_changed, init=False)
        self.watch(self.app, "theme", self._show, init=False)

    def footer_actions(self) -> tuple[str, ...]:
        item = self._list.item
        return self.OWNER if item is not None and item.kind == "owner" else self.FOOTER

    @property
    def _list(self) -> SettingsList:
        return self.query_one(SettingsList)

    # What it shows

    def _data_changed(self) -> None:
        self._read()

    @work(thread=True, exclusive=True, group="places")
    def _read(self) -> None:
        worker = get_current_worker()
        path = self.host.settings_file or settings_path()
        try:
            drafts = len(self.datastore.drafts.all())
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
            return
        if not worker.is_cancelled:
            data_dir, key_file = self.datastore.data_dir.absolute(), self.datastore.key.file.absolute()
            self.post_message(PlacesRead(Places(data_dir, key_file, path, Path(path).exists(), drafts)))

    @on(PlacesRead)
    def _places_read(self, message: PlacesRead) -> None:
        self._places = message.places
        self._show()

    def _show(self) -> None:
        facts = self.host.facts
        if self._places is not None and facts is not None:
            machine = platform.node()
            self._list.show(
                setting_rows(self.host.settings, self.app.theme, machine, self._places, facts.address, facts.owners)
            )

    @on(ItemList.Highlighted)
    def _highlighted(self, message: ItemList.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        if self._list.item is not None:
            self.query_one("#setting", Flow).flow(partial(row_in_full, self._list.item))
        self.refresh_footer()

    # Actions

    @on(ItemList.Chosen)
    def _chosen(self, message: ItemList.Chosen) -> None:
        message.stop()
        if self.is_active:  # not at the second Enter of one read
            self.action_change()

    def action_change(self) -> None:
        """Change what is under the cursor, or copy what cannot be changed."""
        item = self._list.item
        if item is None:
            return
        match item.kind:
            case "name":
                self._ask_name()
            case "theme":
                self.host.action_change_theme()
            case "owner":
                self._ask_owner_name(item)
            case _:
                self.action_copy()

    def action_copy(self) -> None:
        item = self._list.item
        if item is not None:
            noun = "the key's address" if item.kind == "owner" else f"the {item.name}"
            self.copy_text(item.copied, noun)

    def _ask_name(self) -> None:
        from tui_registry.tui.kit.dialogs import AskScreen

        def answered(name: str | None) -> None:
            if name is not None and name != self.host.settings.name:
                shown = (
                    f"this replica is called {safe_text(name, 40)}" if name else "this replica has the machine's name"
                )
                self.host.keep_setting("name", name, f"{shown} from now on")

        self.open_screen(
            AskScreen(
                "A name for this replica",
                self.host.settings.name,
                placeholder=platform.node(),
                check=_wrong_name,
                detail="It stands in the title line and stays on this machine. Empty for the machine's name.",
            ),
            answered,
        )

    def _ask_owner_name(self, row: SettingRow) -> None:
        from tui_registry.tui.kit.dialogs import AskScreen

        def answered(name: str | None) -> None:
            if name and name != row.name:
                self._name_owner(row.copied, name)

        self.open_screen(
            AskScreen(
                f"Another name for the key {address_short(row.copied.removeprefix('0x'))}",
                row.name,
                check=lambda name: None if name else "write a name; d in the list forgets it",
                detail=f"{row.copied}\nThe name stays on this machine.",
            ),
            answered,
        )

    def action_forget(self) -> None:
        """Forget the name of a key, after a question."""
        row = self._list.item
        if row is None or row.kind != "owner":
            self.say("put the cursor on a name that you gave a key", "problem")
            return
        from tui_registry.tui.kit.dialogs import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self._name_owner(row.copied, "")

        self.open_screen(
            ConfirmScreen(
                f"Forget the name {safe_text(row.name, 60)}?",
                f"{row.copied}\nIts records stay; they are shown as signed by a key you have not named.",
                yes="Forget",
                no="Keep",
            ),
            answered,
        )

    @work(thread=True, group="write")
    def _name_owner(self, address: str, name: str) -> None:
        owner = address.removeprefix("0x")
        try:
            self.datastore.names.set(owner, name)
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
            return
        called = f"is called {safe_text(name, 40)} here" if name else "has no name any more"
        self.post_message(Told(f"the key {address_short(owner)} {called}"))
        self.app.call_from_thread(self.host.look)

    async def action_back(self) -> None:
        await self.app.run_action("mode('browse')")


def _wrong_name(name: str) -> str | None:
    if len(name) > _LONGEST_NAME:
        return f"at most {_LONGEST_NAME} characters"
    return None if safe_text(name) == name else "this has characters that cannot be shown"
