"""Command lines that are typed inside the app, which knows no command: they run on its replica, each as a process."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tui_registry.cli.commands import COMMANDS
from tui_registry.cli.completion import offer, split
from tui_registry.cli.output import UsageError
from tui_registry.cli.parser import PROGRAM
from tui_registry.text import nearest, safe_text


class LinesInside:
    """Lines about one replica."""

    def __init__(self, data_dir: Path) -> None:
        """
        Args:
            data_dir: of the replica that the app shows.
        """
        self._data_dir = str(data_dir.absolute())

    def argv(self, line: str) -> Sequence[str]:
        """The program and the words that run a line, without the program's name, on the replica.

        Raises:
            UsageError: it cannot be run here: it would need a terminal, or never end.
        """
        words = _words(line)
        refused = _refused(words)
        if refused:
            raise UsageError(refused)
        about = () if _has(words, "--node") else ("--data-dir", self._data_dir)
        return sys.executable, "-P", "-m", "tui_registry", *about, *words

    def complete(self, line: str) -> Sequence[tuple[str, str]]:
        """What the whole line may become, and a few words on each.

        Raises:
            RegistryError: the replica cannot be read.
        """
        words, _ = split(f"{PROGRAM} {line}")
        if not any(words):
            return [(command.name, command.summary) for command in COMMANDS.values() if command.name not in _NEVER]
        about = () if _has(words, "--node") else ("--data-dir", self._data_dir)
        offered = offer([*about, *words])
        if offered.kind != "words":
            return []
        before = "".join(f"{shlex.quote(word)} " for word in words[:-1])
        end = "" if offered.is_open else " "
        return [
            (f"{before}{shlex.quote(one.word)}{end}", one.about)
            for one in offered.candidates
            if not (len(words) == 1 and one.word in _NEVER)
        ]


# How

# Why a command does not run inside the app.
_NEVER: Final = {
    "serve": "serve runs until it is stopped: run it in a shell",
    "mcp": "mcp is begun by the program that asks it, which tells it when to end: see 'mcp --help'",
    "demo": "demo opens the app once more: run it in a shell",
}
# The same of an option of one, or of its action.
_ONCE: Final = "with --every it runs until it is stopped: leave that out, or run it in a shell"
_NOT_SO: Final = {
    ("sync", "--every"): _ONCE,
    ("hub", "--every"): _ONCE,
    ("hub", "leave"): "that changes which log the app reads: leave the app, and run it in a shell",
    ("config", "edit"): "an editor needs the terminal: use 'config set NAME VALUE', or run it in a shell",
    ("identity", "new"): "that changes the key that the app signs with: leave the app, and run it in a shell",
    ("identity", "import"): "that changes the key that the app signs with: leave the app, and run it in a shell",
}


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError:
        raise UsageError("a quotation is not closed: put the same quote at its end") from None
    return words[1:] if words[:1] == [PROGRAM] else words


def _has(words: Sequence[str], option: str) -> bool:
    """Whether an option is given, its value in the same word or not."""
    if "--" in words:
        words = words[: words.index("--")]
    return any(word == option or word.startswith(f"{option}=") for word in words)


def _refused(words: Sequence[str]) -> str:
    """Why a line does not run here; empty where it does."""
    if _has(words, "--data-dir"):
        return "lines here are about the replica that is shown: leave --data-dir out, or use a shell"
    if _has(words, "--query"):
        return "--query opens the app, which you are in"
    only_told = any(_has(words, option) for option in ("-h", "--help", "--version"))
    command = next((word for place, word in enumerate(words) if not _is_option(words, place)), None)
    if command is None:
        return "" if only_told else "a line begins with a command, such as verify or show"
    if command not in COMMANDS:
        near = nearest(command, list(COMMANDS))
        hint = f"did you mean {near}?" if near else "tab shows them"
        return f"there is no command '{safe_text(command, 40)}': {hint}"
    if only_told:
        return ""
    reasons = (why for (name, word), why in _NOT_SO.items() if name == command and _says(words, word))
    return _NEVER.get(command) or next(reasons, "")


def _says(words: Sequence[str], word: str) -> bool:
    """Whether a line has an option, or an action of its command."""
    if word.startswith("-"):
        return _has(words, word)
    plain = [one for place, one in enumerate(words) if not _is_option(words, place)]
    return plain[1:2] == [word]


def _is_option(words: Sequence[str], place: int) -> bool:
    """Whether a word is an option of every command, or the value of one."""
    return words[place].startswith("-") or (place > 0 and words[place - 1] == "--node")
