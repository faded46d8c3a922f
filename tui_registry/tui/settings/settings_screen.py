"""Settings: the few things to choose, where everything is, and the names of keys; and caring for the replica without
leaving the app: verifying it, a backup of it, and a copy of its key under a passphrase."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, Literal, TypeVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList

from tui_registry import backup
from tui_registry.crdt import Identity
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.errors import RegistryError
from tui_registry.keystore import locked, write_keystore
from tui_registry.present.amounts import bar, clock, percent
from tui_registry.present.keeping import key_copied, verified
from tui_registry.settings import (
    THEMES,
    SettingName,
    Settings,
    SettingsError,
    interval,
    is_sample,
    save_setting,
    settings_path,
    with_setting,
)
from tui_registry.text import address_short, exact, plural, safe_text
from tui_registry.tui import kit
from tui_registry.tui.kit.actions import Where, bindings_for, key_of
from tui_registry.tui.kit.copying import copy_text
from tui_registry.tui.kit.dialogs import Dialog
from tui_registry.tui.kit.flows import FlowScreen, Part, flow, unwanted, write
from tui_registry.tui.kit.frame import BESIDE, FrameScreen
from tui_registry.tui.kit.host import RegistryHost
from tui_registry.tui.kit.lists import GAP, Column, ItemList
from tui_registry.tui.kit.paths import LockedFileScreen
from tui_registry.tui.kit.text_flow import Flow, paragraph, stack
from tui_registry.tui.sync import PullsByThemselves

Result = TypeVar("Result")
SettingKind = Literal["name", "theme", "every", "first", "key", "verify", "backup", "place", "owner"]
_LONGEST_NAME: Final = 64
_NAME_WIDTH: Final = 20
_GROUP_WIDTH: Final = 12
_EXPORT: Final = "tui-registry identity export FILE"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One line.

    Attributes:
        kind: what can be done with it: `place` can only be copied.
        group: the first of a group names it.
        about: a sentence or two.
        copied: what is copied of it.
    """

    kind: SettingKind
    group: str
    name: str
    value: str
    about: str
    copied: str


class SettingsList(ItemList[SettingRow]):
    """The rows, in groups."""

    PLAIN: ClassVar[tuple[str, ...]] = ("SETTING",)

    def columns(self, width: int) -> tuple[Column, ...]:
        left = width - _GROUP_WIDTH - _NAME_WIDTH - 2 * GAP
        return (Column("", _GROUP_WIDTH), Column("SETTING", _NAME_WIDTH), Column("NOW", max(1, left)))

    def value(self, item: SettingRow, column: Column) -> str:
        match column.title:
            case "":
                return item.group
            case "SETTING":
                return item.name
            case _:
                return item.value

    def key_of(self, item: SettingRow) -> Hashable:
        return item.kind, item.copied if item.kind == "owner" else item.name


class SettingsScreen(FrameScreen[None]):
    """A list; what is under the cursor is explained below it."""

    CSS_PATH: ClassVar[str] = "settings.tcss"
    AUTO_FOCUS: ClassVar[str] = "SettingsList"
    HORIZONTAL_BREAKPOINTS = BESIDE
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

    RUNNING: ClassVar[tuple[str, ...]] = ("settings.cancel", *FOOTER)

    def __init__(self) -> None:
        super().__init__()
        self._places: Places | None = None
        self._care = Care(self, self._show)

    def compose_body(self) -> Iterable[Widget]:
        yield SettingsList(id="settings")
        yield Flow(id="setting")

    def on_mount(self) -> None:
        super().on_mount()
        self._read()
        self.watch(self.host, "facts", self._read, init=False)
        self.watch(self.host, "settings", self._read, init=False)
        self.watch(self.host, "minute", self._show, init=False)
        self.watch(self.app, "theme", self._show, init=False)

    def footer_actions(self) -> tuple[str, ...]:
        item = self._list.item
        if self._care.how_far:
            return self.RUNNING
        return self.OWNER if item is not None and item.kind == "owner" else self.FOOTER

    @property
    def _list(self) -> SettingsList:
        return self.query_one(SettingsList)

    # What it shows

    @flow(background=True, exclusive=True, group="places")
    async def _read(self) -> None:
        self._places = await self.read(read_places, self.datastore, self.host.settings_file or settings_path())
        self._show()

    def _show(self) -> None:
        facts = self.host.facts
        if self._places is not None and facts is not None:
            machine = platform.node()
            settings = self.host.settings
            by_itself = self.host.held(PullsByThemselves).in_words() if settings.sync_every else ""
            self._list.show(
                setting_rows(
                    settings,
                    self.app.theme,
                    machine,
                    self._places,
                    facts.address,
                    facts.owners,
                    by_itself=by_itself,
                    verified=self._care.how_far or self._care.last,
                )
            )
            self.refresh_footer()

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
        self.action_change()

    @flow
    async def action_change(self) -> None:
        """Change what is under the cursor, or copy what cannot be changed."""
        row = self._list.item
        if row is None:
            return
        match row.kind:
            case "name":
                await self._change_name()
            case "theme":
                await choose_theme(self.host)
            case "every":
                await self._change_interval()
            case "first":
                await self._change_order()
            case "key":
                await self._keep_key(row)
            case "verify":
                self._care.verify()
            case "backup":
                await self._care.back_up()
            case "owner":
                await self._rename_owner(row)
            case _:
                await self._copy(row)

    @flow
    async def action_copy(self) -> None:
        row = self._list.item
        if row is not None:
            await self._copy(row)

    @flow(writes=True)
    async def action_forget(self) -> None:
        """Forget the name of a key, after a question."""
        row = self._list.item
        if row is None or row.kind != "owner":
            self.say("put the cursor on a name that you gave a key", "problem")
            return
        question = kit.ConfirmScreen(
            f"Forget the name {safe_text(row.name, 60)}?",
            f"{row.copied}\nIts records stay; they are shown as signed by a key you have not named.",
            yes="Forget",
            no="Keep",
            for_good=True,
        )
        if await self.ask(question):
            await self._name_owner(row.copied, "")

    def action_cancel(self) -> None:
        self._care.stop()

    async def _copy(self, row: SettingRow) -> None:
        noun = {"owner": "the key's address", "verify": "the command", "backup": "the command"}
        await copy_text(self, row.copied, noun.get(row.kind, f"the {row.name}"))

    async def _keep_key(self, row: SettingRow) -> None:
        choices = [
            kit.Choice("s", "save", "save a copy", "in a file, under a passphrase"),
            kit.Choice("y", "copy", "copy the path of the key file", "to the clipboard"),
        ]
        match await self.ask(kit.ChooseScreen("The key that signs what you write", choices, row.about)):
            case "save":
                await copy_key(self)
            case "copy":
                await self._copy(row)

    async def _change_name(self) -> None:
        before = self.host.settings.name
        question = kit.AskScreen(
            "A name for this replica",
            before,
            placeholder=platform.node(),
            check=_wrong_name,
            detail="It stands in the title line and stays on this machine. Empty for the machine's name.",
        )
        name = await self.ask(question)
        if name is not None and name != before:
            shown = f"this replica is called {safe_text(name, 40)}" if name else "this replica has the machine's name"
            await keep_setting(self.host, "name", name, f"{shown} from now on")

    async def _change_interval(self) -> None:
        before = self.host.settings.sync_every
        question = kit.AskScreen(
            "How often to pull by itself?",
            before,
            placeholder="15m",
            check=_wrong_interval,
            detail="From every peer, as long as the app runs: 30s, 15m, 2h. Empty for not at all.",
        )
        every = await self.ask(question)
        if every is not None and every != before:
            shown = f"the app pulls every {every}" if every else "the app pulls only when it is asked to"
            await keep_setting(self.host, "sync_every", every, f"{shown} from now on")
            self.host.held(PullsByThemselves)

    async def _change_order(self) -> None:
        on = self.host.settings.named_first == "off"
        shown = "your own records and those of keys you named come first" if on else "no key's records come first"
        await keep_setting(self.host, "named_first", "on" if on else "off", f"{shown} from now on")

    async def _rename_owner(self, row: SettingRow) -> None:
        await self.read(self.datastore.expect_writable)
        question = kit.AskScreen(
            f"Another name for the key {address_short(row.copied.removeprefix('0x'))}",
            row.name,
            check=lambda name: None if name else f"write a name; {key_of('settings.forget')} in the list forgets it",
            detail=f"{row.copied}\nThe name stays on this machine.",
        )
        name = await self.ask(question)
        if name and name != row.name:
            await self._name_owner(row.copied, name)

    async def _name_owner(self, address: str, name: str) -> None:
        owner = address.removeprefix("0x")
        await self.write(self.datastore.names.set, owner, name)
        called = f"is called {safe_text(name, 40)} here" if name else "has no name any more"
        self.say(f"the key {address_short(owner)} {called}", "done")
        self.host.look()

    @flow
    async def action_back(self) -> None:
        await self.app.run_action("mode('browse')")


# The rows


@dataclass(frozen=True, slots=True)
class Places:
    """Where this replica keeps its files, as far as they are there, and what is in them.

    Attributes:
        settings_there: whether there is a settings file.
        drafts: how many forms are kept that were not signed.
    """

    data_dir: Path
    key_file: Path
    settings: Path
    settings_there: bool
    drafts: int


def read_places(datastore: Datastore, settings: Path) -> Places:
    """Where everything is now. Raises StoreError."""
    data_dir, key_file = datastore.data_dir.absolute(), datastore.key.file.absolute()
    return Places(data_dir, key_file, settings, settings.exists(), len(datastore.drafts.all()))


def setting_rows(
    settings: Settings,
    theme: str,
    machine: str,
    places: Places,
    address: str,
    owners: Mapping[str, str],
    *,
    by_itself: str = "",
    verified: str = "",
) -> list[SettingRow]:
    """All rows.

    Args:
        machine: what the replica is called as long as it has no name.
        owners: local names by address.
        by_itself: when the next pull by itself is, in words.
        verified: how far verifying is, or what it came to in this session.
    """
    data, key, line = places.data_dir, places.key_file, key_of("app.line")
    database = data / DATABASE
    every = f"every {settings.sync_every}" if settings.sync_every else "off"
    rows = [
        SettingRow(
            "name", "this replica", "name", settings.name or f"{machine} (the machine's)",
            "What the title line calls this replica. It stays on this machine.", settings.name or machine,
        ),
        SettingRow(
            "theme", "", "colours", theme, "The colours of the app; they are shown while you choose.", theme,
        ),
        SettingRow(
            "every", "", "pull by itself", ", ".join(filter(None, (every, by_itself))),
            "How often the app pulls from every peer by itself, as long as it runs. A peer that fails is asked less "
            "and less often.", settings.sync_every or "off",
        ),
        SettingRow(
            "first", "", "named keys first", "off" if settings.named_first == "off" else "on",
            "Whether a search puts your own records, and those of keys that you named, before others whose names fit "
            "as well. Lists and other replicas' answers do not depend on it.",
            settings.named_first or "on",
        ),
        SettingRow(
            "place", "your key", "address", f"0x{address}",
            "Your name as an owner everywhere: every record and operation of yours carries it.", f"0x{address}",
        ),
        SettingRow(
            "key", "", "key file", str(key),
            "Whoever has this file can change your records, and without it nobody can, you included. Keep a copy "
            "elsewhere, under a passphrase.", str(key),
        ),
        SettingRow(
            "verify", "care", "verify", verified or "not in this session",
            "Every operation is checked again, with its signature, and what is derived from them is set right where it "
            "differs. On a large replica that takes minutes; the app goes on meanwhile.", "tui-registry verify",
        ),
        SettingRow(
            "backup", "", "backup", "everything in one file",
            "The log, the settings and, under a passphrase, the key, in one file that a replica can be made of.",
            "tui-registry backup FILE",
        ),
        SettingRow(
            "place", "files", "data folder", str(data), "Everything of this replica lies here.", str(data),
        ),
        SettingRow(
            "place", "", "database", str(database), "All operations, and what is derived from them.", str(database),
        ),
        SettingRow(
            "place", "", "drafts", f"{exact(places.drafts)}, in the database",
            "Forms that were not signed yet are kept as you type; 2 takes them up again.", str(database),
        ),
        SettingRow(
            "place", "", "settings file", f"{places.settings}{'' if places.settings_there else ' (not made yet)'}",
            "What is changed here is kept there; it may be edited by hand.", str(places.settings),
        ),
        SettingRow(
            "place", "", "of your own", _own_in_words(settings),
            "Keys, commands on a record, and colours of your own stand in the settings file, and count from the next "
            f"start: {line}help settings tells how, {line}config check what is wrong with them.", str(places.settings),
        ),
    ]  # fmt: skip
    named = sorted(owners.items(), key=lambda owner: (owner[1].lower(), owner[0]))
    for place, (owner, name) in enumerate(named):
        twins = sum(other == name for other in owners.values())
        twin = f" {exact(twins)} keys have this name." if twins > 1 else ""
        rows.append(
            SettingRow(
                "owner", "named keys" if place == 0 else "", name, f"0x{owner}",
                f"A name that you gave to a key; it never travels.{twin}", f"0x{owner}",
            )
        )  # fmt: skip
    return rows


def _own_in_words(settings: Settings) -> str:
    counts = ((settings.keys, "key"), (settings.commands, "command"), (settings.themes, "theme"))
    return ", ".join(plural(len(held), what) for held, what in counts if held) or "no keys, commands or themes yet"


def row_in_full(row: SettingRow, width: int) -> Content:
    """The value whole, what it is, and what can be done with it."""
    lines = paragraph(safe_text(row.name, 100), width, "bold")
    lines += paragraph(safe_text(row.value, 1_000), width)
    lines += paragraph(row.about, width, "$foreground-muted")
    return stack([*lines, *paragraph(_does(row.kind), width, "$text-accent")])


def _does(kind: SettingKind) -> str:
    copy = key_of("settings.copy")
    match kind:
        case "name" | "every":
            return "enter changes it"
        case "theme":
            return "enter chooses others"
        case "first":
            return "enter turns it on or off"
        case "key":
            return f"enter saves a copy, as {_EXPORT} does · {copy} copies the path"
        case "verify":
            return f"enter begins · {key_of('settings.cancel')} stops it"
        case "backup":
            return "enter asks where to"
        case "place":
            return f"enter or {copy} copies it"
        case "owner":
            return f"enter renames it · {key_of('settings.forget')} forgets it · {copy} copies the address"


def _wrong_interval(text: str) -> str | None:
    try:
        if text:
            interval(text)
    except ValueError as error:
        return str(error)
    return None


def _wrong_name(name: str) -> str | None:
    if len(name) > _LONGEST_NAME:
        return f"at most {_LONGEST_NAME} characters"
    return None if safe_text(name) == name else "this has characters that cannot be shown"


# The colours, shown while one chooses, and how a choice is kept


class ThemeScreen(Dialog[str]):
    """The name of the theme that was chosen; None when closed, and the colours are as before."""

    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [("j", "step('cursor_down')"), ("k", "step('cursor_up')")]

    def __init__(self, themes: Iterable[str], current: str) -> None:
        super().__init__("Colours", "The one under the cursor is shown. Enter keeps it, Esc leaves it as it was.")
        self._themes = sorted(themes)
        self._before = current

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(
            *(Content.assemble(theme, (_about_theme(theme), "$foreground-muted")) for theme in self._themes)
        )

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


def _about_theme(theme: str) -> str:
    grounds = {"ansi-dark": "a dark", "ansi-light": "a light"}
    if theme in grounds:
        return f"  the 16 colours of your terminal, on {grounds[theme]} ground"
    return "" if theme in THEMES else "  your own"


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


# Caring for the replica

# How far it is is drawn so often.
_SECONDS_BETWEEN_WORDS = 0.2
_BAR_CELLS = 24


class Care(Part):
    """What a screen offers for that.

    Attributes:
        how_far: how far verifying is, in words; empty where it does not run.
        last: what it came to in this session; empty before.
    """

    def __init__(self, screen: FlowScreen[None], moved: Callable[[], object]) -> None:
        """
        Args:
            moved: called whenever it has come further.
        """
        super().__init__(screen)
        self.how_far = ""
        self.last = ""
        self._moved = moved
        self._stopped = False

    def stop(self) -> None:
        """Tell verifying to end: what is checked changes nothing before all of it is."""
        if self.how_far:
            self._stopped = True
        else:
            self.say("nothing runs that could be stopped")

    @flow(background=True, group="verify")
    async def verify(self) -> None:
        """Check every operation and rebuild what is derived, as the command does, and say what was found."""
        if self.how_far:
            self.say(f"the replica is being verified: {key_of('settings.cancel')} stops it")
            return
        self._stopped, gone = False, unwanted()
        loop, began, told_at = asyncio.get_running_loop(), time.monotonic(), 0.0

        def further(done: int, of: int) -> None:
            nonlocal told_at
            if self._stopped or gone():
                raise _Stopped(done)
            now = time.monotonic()
            if now - told_at >= _SECONDS_BETWEEN_WORDS:
                told_at = now
                loop.call_soon_threadsafe(self._tell, _words(done, of, now - began))

        self._tell("verifying …")
        try:
            told, *notes = verified(await self.read(self.datastore.verify, further))
        except _Stopped as stopped:
            self.say(stopped.sentence)
            return
        finally:
            self._tell("")
        self.last = told
        self._moved()
        self.say(told, "problem" if notes else "done")
        self.screen.host.look()
        if notes:
            self.screen.open_screen(_page("What verifying found", [told, *notes]), later=True)

    def _tell(self, how_far: str) -> None:
        self.how_far = how_far
        self._moved()

    async def back_up(self) -> None:
        """Ask for a file and a passphrase, and write a backup of everything. A step of a flow."""
        with_key = "with"
        if self.datastore.key.known:
            choices = [
                kit.Choice("k", "with", "with the key", "locked with a passphrase"),
                kit.Choice("o", "without", "without the key", "what is made of it cannot sign"),
            ]
            about = "Everything in one file, made while others write: the log, the settings and the key."
            chosen = await self.ask(kit.ChooseScreen("A backup of this replica", choices, about))
            if chosen is None:
                return
            with_key = chosen
        notes: list[str] = []
        await self.ask(
            LockedFileScreen(
                "A backup of this replica",
                "'tui-registry backup --restore FILE' makes a replica of it, also on another machine.",
                partial(_back_up, self.datastore, notes, with_key == "with"),
                placeholder="~/registry.backup",
                locks=with_key == "with" and bool(self.datastore.key.known),
            )
        )
        if notes:
            await self.ask(_page("The backup is written", notes))


class _Stopped(RegistryError):
    def __init__(self, done: int) -> None:
        super().__init__("stopped", f"verifying was stopped after {exact(done)} operations; nothing was changed")


def _back_up(datastore: Datastore, notes: list[str], with_key: bool, path: Path, passphrase: str) -> str:
    """Write it; all that is to be said of it goes into `notes` where that is more than a sentence or two."""

    def lock(identity: Identity) -> str:
        return locked(identity, passphrase.encode())

    made = backup.back_up(datastore, path, lock if with_key else None)
    told, left_out = made.in_words()
    if left_out:
        notes += [*told, *left_out]
    return told[0]


def _words(done: int, of: int, seconds: float) -> str:
    share = min(1.0, done / of) if of else 1.0
    left = seconds * (of - done) / done if done else 0
    ends = f"  {clock(left)} left" if left >= 1 else ""
    return f"{exact(done)} of {exact(of)} {bar(share, _BAR_CELLS)} {percent(share)}{ends}"


def _page(title: str, sentences: list[str]) -> kit.PageScreen:
    def layout(words: Sequence[str], width: int) -> Content:
        lines = []
        for sentence in sentences:
            if all(word in sentence.casefold() for word in words):
                lines += [*paragraph(sentence, width), Content("")]
        return stack(lines)

    return kit.PageScreen(title, layout)


async def copy_key(screen: FlowScreen[Result]) -> bool:
    """Ask over a screen for a file and a passphrase, write a copy of the key, and say where it is. A step of a flow of
    the screen.

    Returns:
        Whether it was written.
    """
    address = screen.datastore.key.known
    whose = f"the key of {address_short(address)}" if address else "your key"
    about = "Without the passphrase nobody can use the copy, you included. Keep both, and not on this machine alone."
    if is_sample(screen.datastore.data_dir):
        # In the question too: where there is little room, nothing else is shown
        whose = "the sample data's key, not your own"
        about = "This is the key of the sample data, and goes when that goes: it is not the key of your own replica."
    question = LockedFileScreen(
        f"Save a copy of {whose}",
        about,
        partial(write_key_copy, screen.datastore),
        placeholder="~/tui-registry-key.json",
    )
    written = await screen.ask(question)
    return written is not None


def write_key_copy(datastore: Datastore, path: Path, passphrase: str) -> str:
    """Write the key, locked, to a new file, and tell where it is.

    Raises:
        CopyError: the file is there already, or cannot be written. StoreError: there is no key to copy.
    """
    identity = datastore.key.identity()
    write_keystore(path, identity, passphrase.encode())
    beside = path.parent.resolve() == datastore.data_dir.resolve()
    lost = ". It lies beside the key itself: put it elsewhere too" if beside else ""
    return f"{key_copied(identity.address, path)}{lost}"
