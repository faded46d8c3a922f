"""What the command line itself can find wrong."""

from __future__ import annotations

from tui_registry.errors import RegistryError


class UsageError(RegistryError):
    """The line asks for something that makes no sense, such as a deletion nobody can confirm; exit code 2."""

    def __init__(self, sentence: str) -> None:
        super().__init__("usage", sentence)


class FileError(RegistryError):
    """A file named on the line that cannot be read or written; exit code 1."""

    def __init__(self, sentence: str) -> None:
        super().__init__("file", sentence)


class StoppedError(RegistryError):
    """The person said no, or something did not come to its end; the sentence may be empty. Exit code 1."""

    def __init__(self, sentence: str) -> None:
        super().__init__("stopped", sentence)
