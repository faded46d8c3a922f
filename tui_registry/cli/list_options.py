"""What `list` and `search` take."""

from __future__ import annotations

from argparse import ArgumentParser

ROWS_ON_A_TERMINAL = 100
_SORTS = ("updated", "created", "name", "params", "context")


def arguments(parser: ArgumentParser) -> None:
    """Declare what both commands take."""
    parser.add_argument(
        "--sort",
        metavar="KEY",
        choices=[*_SORTS, *(f"-{key}" for key in _SORTS)],
        help=f"{', '.join(_SORTS)}; with '-' before it downwards: --sort=-params",
    )
    parser.add_argument("--limit", type=count, metavar="N", help="at most N records, 0 for all (see below)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


LIMITS = f"""\
Everything is listed, but a table on a terminal ends after {ROWS_ON_A_TERMINAL} records unless --limit says otherwise.
With --json each line is {{"kind", "id", "record", "heads", "problems"}}. IDs are shown by their beginning: a beginning
that only one record has is enough for every command."""


def count(text: str) -> int:
    """A number from the line, 0 or more."""
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ValueError(text)
    return int(text)


count.__name__ = "number"  # argparse says "invalid number value"
