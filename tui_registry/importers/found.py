"""What reading a source comes to, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, Union

from tui_registry.importers.documents import Finding as Finding
from tui_registry.importers.files import lines_of, opened
from tui_registry.records.schema import MAX_OP_BYTES


@dataclass(frozen=True, slots=True)
class Operations:
    """A file of signed operations, one a line, as `export --ops` writes it."""

    path: Path

    def lines(self) -> Iterator[bytes]:
        """The operations' bytes; a line that is too long for one comes cut, and no rule will let it pass.

        Raises:
            SourceError: the file cannot be read.
        """
        with opened(self.path) as file:
            for _, line in lines_of(file, MAX_OP_BYTES + 2):
                yield line


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file of a folder that describes no record, and why it was passed over."""

    source: str
    sentence: str


Found: TypeAlias = Union[Finding, Operations, Skipped]
