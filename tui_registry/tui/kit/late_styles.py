"""Style sheets that the first frame does without."""

from __future__ import annotations

from pathlib import Path

from textual.dom import DOMNode

_FOLDER = Path(__file__).parents[1]


def read_styles(node: DOMNode, name: str) -> None:
    """Read a style sheet, once; it counts for what is mounted from now on.

    Args:
        name: of the file below `tui/`, such as `browse/record_detail.tcss`.
    """
    styles, path = node.app.stylesheet, _FOLDER / name
    if not styles.has_source(str(path)):
        styles.read(path)
        styles.parse()
