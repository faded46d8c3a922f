"""The pages of help: which there are, and what they say. The command line prints them, the app shows them and a node
serves them, all from the same files of this package.

No I/O but reading those files, which are words of the program as any other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tui_registry import formfile, query  # they import what makes a table once it is asked for

# What each is about, on one line; in the order in which they are listed. The file of a page bears its name.
PAGES: Final = {
    "start": "the first ten minutes: look around, register, search, fit, exchange, your key",
    "search": "how to find things, and the whole query language",
    "fit": "manifests, what runs where and how that is estimated, the lines that run it, files and links",
    "conflicts": "two versions of one record: how they come, how they are settled, undo and history",
    "formfile": "templates to build from, and the whole language of them",
    "trust": "how replicas exchange records, what is believed, which threats are answered and which not",
    "node": "running a node that others rely on",
    "hub": "several nodes that share one log",
    "settings": "keys, columns, commands and colours of your own",
    "json": "in which shape --json prints, for scripts",
    "tongues": "what a node says in the formats of others",
    "protocol": "what replicas agree on: enough to write another one",
}

# In the place of this line stand tables that the program makes from what it reads by.
_TABLES: Final = "(The program puts its tables here: `tui-registry help {name}`.)"


def page_text(name: str) -> str:
    """A page, in Markdown. Its examples are lines that run.

    Args:
        name: one of `PAGES`.
    """
    text = (Path(__file__).parents[1] / f"{name}.md").read_text("utf-8")
    marker = _TABLES.format(name=name)
    if marker not in text:
        return text
    tables = "\n".join(f"    {line}".rstrip() for line in _tables(name).strip("\n").split("\n"))
    return text.replace(marker, tables)


def _tables(name: str) -> str:
    if name == "search":
        return query.GRAMMAR
    return formfile.LANGUAGE
