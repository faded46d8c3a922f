"""The path of a file: completing it, in whatever line it is typed; and the dialog that asks for a file which is written
under a passphrase."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar, Final

from textual import events, on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.errors import RegistryError
from tui_registry.keystore import too_weak
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import TYPE_AHEAD, bindings_for
from tui_registry.tui.kit.dialogs import Dialog, LineInput, back_or_accept, write_into
from tui_registry.tui.kit.flows import flow

# A folder with more entries is looked at so far.
_LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True)
class PathOffer:
    """One way to go on: the whole `text` for the field, and what `name` to show for it."""

    text: str
    name: str
    is_folder: bool


def offers(typed: str, most: int = 50) -> list[PathOffer]:
    """What the last part of a path could become: folders first, then files, by name; none where nothing is there.

    Hidden entries are offered once a dot was typed; names that no line of text can hold never are.
    """
    start = typed.rpartition("/")[2]
    before = typed[: len(typed) - len(start)]
    try:
        where = Path(before or ".").expanduser()
        with os.scandir(where) as entries:
            found = [
                PathOffer(f"{before}{entry.name}{'/' if is_folder else ''}", entry.name, is_folder)
                for entry in islice(entries, _LOOKED_AT)
                if entry.name.lower().startswith(start.lower())
                and (start.startswith(".") or not entry.name.startswith("."))
                and safe_text(entry.name) == entry.name
                for is_folder in (_is_folder(entry),)
            ]
    except (OSError, RuntimeError, ValueError):
        # Not there, not readable, no such user: nothing to offer, and reading it will say why
        return []
    found.sort(key=lambda offer: (not offer.is_folder, offer.name.lower(), offer.name))
    return found[:most]


def in_words(offer: PathOffer) -> Content:
    """The offer as a list shows it."""
    return Content.assemble(safe_text(offer.name, 100), ("/", "$text-accent") if offer.is_folder else "")


def common_start(found: Sequence[PathOffer]) -> str:
    """The longest text that all offers begin with."""
    texts = [offer.text for offer in found]
    first, last = min(texts, default=""), max(texts, default="")
    # What the first and the last in order begin with, all between them do
    return first[
        : next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


# A file under a passphrase

_FILE: Final = "file"
_PHRASE: Final = "phrase"
_AGAIN: Final = "again"


class FileLine(LineInput):
    """The path of the file; Tab completes it."""

    BINDINGS = bindings_for("locked_file_path")

    async def action_complete_path(self) -> None:
        await self.screen.run_action("screen.complete")


class LockedFileScreen(Dialog[bool]):
    """Asks for a file that is to be written, and twice for the passphrase that locks what is secret in it; True once it
    is written, which it says. An error stays in the dialog, with what was typed."""

    AUTO_FOCUS = f"#locked-{_FILE}"
    # Where there is little room, what is typed stays in sight
    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-high")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("locked_file"), TYPE_AHEAD[1]]

    def __init__(
        self,
        question: str,
        about: str,
        write_it: Callable[[Path, str], str],
        *,
        placeholder: str,
        locks: bool = True,
    ) -> None:
        """
        Args:
            write_it: writes the file, in a thread, given its path and the passphrase, and gives the sentence that says
                so. What it raises as a RegistryError is said.
            locks: False where nothing in the file is secret: no passphrase is asked for.
        """
        super().__init__(question, about)
        self._write_it = write_it
        self._placeholder = placeholder
        self._locks = locks
        self._offers: Sequence[PathOffer] = ()
        self._writing = False

    def compose_answers(self) -> Iterable[Widget]:
        yield Static("To a new file", classes="label")
        yield FileLine(placeholder=self._placeholder, id=f"locked-{_FILE}", compact=True, select_on_focus=False)
        yield OptionList(id="locked-offers")
        if self._locks:
            yield Static("Under the passphrase", classes="label")
            yield Input(password=True, id=f"locked-{_PHRASE}", compact=True)
            yield Static("The same again", classes="label")
            yield Input(password=True, id=f"locked-{_AGAIN}", compact=True)
        yield Static(classes="wrong")
        yield back_or_accept("Write", "locked_file.accept")

    def on_mount(self) -> None:
        self._offer()

    # The path

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        if not self._writing:
            self._tell("")
        if message.input is self._line(_FILE):
            self._offer()

    @on(Input.Blurred)
    def _left(self, message: Input.Blurred) -> None:
        """Where the passphrase is typed, nothing is offered any more."""
        message.stop()
        if message.input is self._line(_FILE) and self.focused is not self._list:
            self._list.display = False

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget is self._line(_FILE):
            self._list.display = bool(self._offers)

    @flow(group="paths", exclusive=True, background=True)
    async def _offer(self) -> None:
        await self._show_offers()

    async def _show_offers(self) -> None:
        typed = self._line(_FILE).value
        found = await self.read(offers, typed)
        if typed == self._line(_FILE).value:
            self._offers = found
            self._list.clear_options()
            self._list.add_options(Option(in_words(offer)) for offer in found)
            self._list.highlighted = None
            self._list.display = bool(found) and self.focused in (self._line(_FILE), self._list)

    @flow
    async def action_complete(self) -> None:
        """Go on to what the offer under the cursor says, or as far as all of them agree; else to the next line."""
        line = self._line(_FILE)
        at = self._list.highlighted
        if at is not None:
            self._put(self._offers[at].text)
            return
        await self._show_offers()  # those for the last key may still be on their way
        text = common_start(self._offers)
        if line.value and len(text) > len(line.value):
            self._put(text)
        else:
            self.focus_next()

    def _put(self, text: str) -> None:
        write_into(self._line(_FILE), text)

    def on_key(self, event: events.Key) -> None:
        if event.key in ("up", "down") and self.focused is self._line(_FILE):
            event.stop()
            if event.key == "down":
                self._list.action_cursor_down()
            else:
                self._list.action_cursor_up()

    @on(OptionList.OptionSelected)
    def _picked(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self._put(self._offers[message.option_index].text)

    # Writing

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        if message.input is self._line(_FILE) and self._list.highlighted is not None:
            self._put(self._offers[self._list.highlighted].text)
        elif message.input is self._lines[-1]:
            self._write()
        else:
            self.focus_next("Input")

    def action_accept(self) -> None:
        self._write()

    @flow(group="write-locked", exclusive=True)
    async def _write(self) -> None:
        if self._writing:
            return
        wrong = await self.read(wrong_in, *(line.value for line in self._lines))
        if wrong is not None:
            place, sentence = wrong
            self._tell(sentence)
            self._lines[place].focus()
            if place:  # what cannot be seen is typed anew
                self._lines[place].select_all()
            return
        file, *phrases = (line.value for line in self._lines)
        self._writing = True
        self._tell("writing …")
        try:
            sentence = await self.write(self._write_to, file.strip(), "".join(phrases[:1]))
        except RegistryError as error:
            self._tell(error.sentence)
            self._line(_FILE).focus()
        else:
            self.say(sentence, "done")
            self.dismiss(True)
        finally:
            self._writing = False

    # How

    def _write_to(self, file: str, passphrase: str) -> str:
        return self._write_it(Path(file).expanduser().absolute(), passphrase)

    @property
    def _list(self) -> OptionList:
        return self.query_one("#locked-offers", OptionList)

    @property
    def _lines(self) -> list[Input]:
        return list(self.query(Input))

    def _line(self, name: str) -> Input:
        return self.query_one(f"#locked-{name}", Input)

    def _tell(self, sentence: str) -> None:
        self.query_one(".wrong", Static).update(Content(safe_text(sentence, 400)))


def wrong_in(file: str, phrase: str | None = None, again: str | None = None) -> tuple[int, str] | None:
    """What keeps the file from being written, and in which of the lines; None where nothing does.

    Args:
        phrase, again: what was typed as the passphrase; None where none is asked for.
    """
    if not file.strip():
        return 0, "write where it is to go: the path of a file that is not there yet"
    try:
        path = Path(file.strip()).expanduser()
        if path.is_dir():
            return 0, f"{file.strip()} is a folder: name a file in it"
        if path.exists() or path.is_symlink():
            return 0, f"{file.strip()} is there already: name another file"
        if not path.parent.is_dir():
            return 0, f"there is no folder {path.parent}: make it, or name another"
    except (OSError, RuntimeError, ValueError):  # a name too long, no such user
        return 0, f"{file.strip()} is no name of a file"
    if phrase is None:
        return None
    weak = too_weak(phrase)
    if weak is not None:
        return 1, weak
    try:
        phrase.encode()
    except UnicodeEncodeError:
        return 1, "the passphrase has characters that are no text: type it anew"
    return None if phrase == again else (2, "the two passphrases differ: type the same again")
