"""One line and many lines of text that cannot hold what a terminal must not see, however it came in; and a long text in
the person's own editor, while the app waits behind it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import reactive
from textual.suggester import Suggester
from textual.widgets import Input, OptionList, TextArea
from textual.widgets.text_area import Edit, EditResult

from tui_registry.errors import RegistryError, system_reason
from tui_registry.external_editor import editor_words, run_editor
from tui_registry.frozen import NamedTuple
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import ACTIONS, bindings_for
from tui_registry.tui.kit.flows import flow, read
from tui_registry.tui.kit.host import RegistryHost, host_of
from tui_registry.tui.kit.terminal import TerminalDriver, terminal_kept

_NEXT_SECTION = next(item for item in ACTIONS if item.id == "register.next_section")


class SafeInput(Input):
    """One line. Its value is set to safe text only; what is pasted is made safe, its lines joined by `joiner`."""

    # How wide the text is decides how far it scrolls, and not where anything stands: a letter lays out nothing anew
    virtual_size: reactive[Size] = reactive(Size(0, 0))

    def __init__(
        self,
        value: str = "",
        *,
        placeholder: str = "",
        joiner: str = " ",
        suggester: Suggester | None = None,
    ) -> None:
        super().__init__(value, placeholder=placeholder, suggester=suggester, select_on_focus=False, compact=True)
        self._joiner = joiner

    def replace(self, text: str, start: int, end: int) -> None:
        super().replace(_safe_piece(text, newlines=False), start, end)

    def on_paste(self, event: events.Paste) -> None:
        # Textual keeps the first line only; a pasted list is a list
        event.prevent_default()
        event.stop()
        lines = [line.strip() for line in event.text.splitlines()]
        self.replace(self._joiner.join(line for line in lines if line), *self.selection)


class SafeArea(TextArea):
    """Many lines; loaded with safe text only, and what is typed or pasted is made safe.

    Attributes:
        outside: what its file is called where it is edited outside.
    """

    outside = "text.txt"
    # Textual's own use of F6 here would keep people in the field
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"screen.{_NEXT_SECTION.name}", id=_NEXT_SECTION.id, show=False) for key in _NEXT_SECTION.keys),
        *bindings_for("area"),
    ]

    def edit(self, edit: Edit) -> EditResult:
        edit.text = _safe_piece(edit.text, newlines=True)
        return super().edit(edit)

    @flow
    async def action_edit_outside(self) -> None:
        """Let the person's own editor change the text; ctrl+z takes that back as one step."""
        host = host_of(self)
        edited = await edit_outside(host, self.text, self.outside)
        if edited.text is not None:
            self.replace(shown_lines(edited.text), (0, 0), self.document.end)
            self.move_cursor((0, 0))
        if edited.sentence:
            host.say(edited.sentence, "problem")


def _safe_piece(text: str, *, newlines: bool) -> str:
    # A mark typed after its letter arrives alone: only in front of nothing does it need a letter of its own
    return safe_text("a" + text, newlines=newlines)[1:]


def shown_line(raw: str) -> str:
    """A loaded text as one safe line."""
    return safe_text(raw)


def shown_lines(raw: str) -> str:
    """A loaded text as safe lines."""
    return safe_text(raw, newlines=True)


def move_by_arrows(event: events.Key, options: OptionList) -> None:
    """Let up and down in a line move in the list below it."""
    if event.key in ("up", "down") and not options.has_focus:
        event.stop()
        if event.key == "down":
            options.action_cursor_down()
        else:
            options.action_cursor_up()


# The person's own editor

# Far more than any field takes.
MOST_BYTES: Final = 256 * 1024
NO_EDITOR: Final = "no editor is named: set $VISUAL or $EDITOR, such as to nano, and start again"


class Edited(NamedTuple):
    """What came of it: the `text`, or None where it stays as it was; and a sentence, empty where nothing is to be
    said."""

    text: str | None
    sentence: str


async def edit_outside(host: RegistryHost, text: str, name: str) -> Edited:
    """Let a text be changed in the person's editor. A step of a flow.

    Args:
        name: of the file, for the editor to tell what is in it, such as `description.md`.
    """
    try:
        words = editor_words()
        if not words:
            return Edited(None, NO_EDITOR)
        path = await read(_write, name, text)
    except RegistryError as error:
        return Edited(None, error.sentence)
    except OSError as error:
        return Edited(None, f"no file could be made for the editor ({system_reason(error)}): nothing was changed")
    with _lent(host):
        return await read(_edit, words, path, text)


@contextmanager
def _lent(host: RegistryHost) -> Iterator[None]:
    """The terminal is the editor's. Where the app has none, as in a test, there is none to give."""
    driver = host._driver
    if isinstance(driver, TerminalDriver):
        with driver.lent(), host.suspend(), terminal_kept():
            yield
    else:
        yield


def _write(name: str, text: str) -> Path:
    """A file of this user alone, in a folder of this user alone."""
    path = Path(tempfile.mkdtemp(prefix="tui-registry-")) / name
    try:
        path.touch(mode=0o600)
        path.write_bytes(text.encode())
    except OSError:  # such as a full disk
        shutil.rmtree(path.parent, ignore_errors=True)
        raise
    return path


def _edit(words: list[str], path: Path, before: str) -> Edited:
    """Run the editor, and read what it left. What was written and cannot be taken stays in its file."""
    try:
        code = run_editor(words, str(path))
    except RegistryError as error:
        shutil.rmtree(path.parent, ignore_errors=True)
        return Edited(None, error.sentence)
    data, fault = b"", ""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        fault = f"what the editor wrote cannot be read ({system_reason(error)})"
    changed = not fault and data not in (before.encode(), before.encode() + b"\n")
    if code:
        fault = f"the editor ended with {code}" if code > 0 else f"signal {-code} ended the editor"
    elif len(data) > MOST_BYTES:
        fault = f"the text has more than {MOST_BYTES // 1024} KiB"
    elif not fault:
        try:
            text = data.decode("utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError:
            fault = "the text is not UTF-8"
        else:
            shutil.rmtree(path.parent, ignore_errors=True)
            if not changed:
                return Edited(None, "nothing was changed")
            # Editors end the last line, which a field does not.
            return Edited(text if before.endswith("\n") else text.removesuffix("\n"), "")
    if not changed:
        shutil.rmtree(path.parent, ignore_errors=True)
        return Edited(None, f"{fault}: the text stays as it was")
    return Edited(None, f"{fault}: the text stays as it was, and what was written is in {safe_text(str(path))}")
