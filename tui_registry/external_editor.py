"""The person's own editor, which $VISUAL or else $EDITOR names."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence

from tui_registry.errors import RegistryError
from tui_registry.text import safe_text


class EditorError(RegistryError):
    """The editor cannot be started; code `file`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("file", sentence)


def editor_words(otherwise: str = "") -> list[str]:
    """What $VISUAL or else $EDITOR names, as a shell reads it: the program and what it is called with.

    Args:
        otherwise: the editor where neither names one.

    Raises:
        EditorError: it cannot be read so.
    """
    said = (os.environ.get("VISUAL") or "").strip() or (os.environ.get("EDITOR") or "").strip() or otherwise
    try:
        return shlex.split(said)
    except ValueError:
        raise EditorError(f"the editor {safe_text(said, 80)} ends within a quotation: set $EDITOR") from None


def run_editor(words: Sequence[str], path: str) -> int:
    """Let a file be edited until the editor ends; gives its exit status.

    Raises:
        EditorError: it cannot be started.
    """
    try:
        return subprocess.run([*words, path], check=False).returncode  # noqa: S603 - the person's own editor
    except OSError as error:
        raise EditorError(
            f"the editor '{safe_text(' '.join(words), 80)}' cannot be started ({error.strerror}): set $EDITOR"
        ) from error
