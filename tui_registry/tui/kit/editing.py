"""A long text in the person's own editor, while the app waits behind it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tui_registry.errors import RegistryError, system_reason
from tui_registry.external_editor import editor_words, run_editor
from tui_registry.frozen import NamedTuple
from tui_registry.text import safe_text
from tui_registry.tui.kit.flows import read
from tui_registry.tui.kit.host import RegistryHost
from tui_registry.tui.kit.terminal import TerminalDriver, terminal_kept

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
