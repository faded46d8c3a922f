"""What an importer can find wrong with a source as a whole."""

from __future__ import annotations

from tui_registry.errors import RegistryError


class SourceError(RegistryError):
    """A file, folder or address that cannot be read, or is not what it begins as; code `source`, one sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__("source", sentence)


class CutOffError(SourceError):
    """A header that needs more bytes than the file has."""
