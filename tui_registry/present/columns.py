"""The columns that a list of records can have: what they are called, by which order each goes, and how people choose
some of them, in the settings and in the app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tui_registry.errors import Kind
from tui_registry.frozen import NamedTuple
from tui_registry.settings import SettingFault, Texts, TextTableName
from tui_registry.text import nearest, safe_text

# Where the settings have them, and what the list of Browse is called there: [columns] browse = "kind type size".
TABLE: Final[TextTableName] = "columns"
BROWSE: Final = "browse"


# A kind is told by its sign as well as by its word, and by a colour at most besides.
KIND_SIGNS: Final[Mapping[Kind, str]] = {"model": "◆", "agent": "○"}


def kind_cell(kind: Kind) -> str:
    """A kind in a column: `◆ model`."""
    return f"{KIND_SIGNS[kind]} {kind}"


class ListColumn(NamedTuple):
    """A column of a list of records; the name of the record comes before all of them and is none.

    Attributes:
        name: as people write it in their settings.
        title: as it heads the column.
        words: what stands in it, in a few words.
        order: the key of `sort:` that goes by it; empty where none does, as each order costs every pull an index.
    """

    name: str
    title: str
    words: str
    order: str = ""


# In the order in which they are shown where nobody chose.
COLUMNS: Final = (
    ListColumn("kind", "KIND", "model or agent"),
    ListColumn("type", "TYPE", "type of model or agent"),
    ListColumn("framework", "FRAMEWORK", "what it is built with"),
    ListColumn("size", "SIZE", "parameters", "params"),
    ListColumn("fit", "FIT", "whether it runs on the machine that is looked with", "fit"),
    ListColumn("needs", "NEEDS", "memory that it needs to run at the usual context", "fit"),
    ListColumn("vram", "VRAM", "least GPU memory, as its owner states it"),
    ListColumn("quant", "QUANT", "quantisation"),
    ListColumn("context", "CONTEXT", "tokens of context", "context"),
    ListColumn("licence", "LICENCE", "licence, by SPDX id"),
    ListColumn("version", "VERSION", "version"),
    ListColumn("owner", "OWNER", "whose it is, by the name you gave the key"),
    ListColumn("status", "STATUS", "deprecated, withdrawn, or what its owner says"),
    ListColumn("created", "CREATED", "how long ago it was registered", "created"),
    ListColumn("updated", "UPDATED", "how long ago it was changed", "updated"),
)
NAMES: Final = tuple(column.name for column in COLUMNS)

# The orders in the direction in which people ask for them first: the largest and the latest, but names from A on and
# models that need little memory.
DOWNWARDS: Final = frozenset({"params", "context", "updated", "created"})

# As the query language calls some of them.
_OTHER_NAMES: Final = {
    "license": "licence", "params": "size", "parameters": "size", "ctx": "context", "quantisation": "quant",
    "quantization": "quant", "need": "needs", "memory": "needs",
}  # fmt: skip


def read_columns(text: str) -> tuple[str, ...]:
    """The names of columns that somebody wrote, separated by spaces or commas, in their order; none for an empty text,
    which leaves the choice to the width.

    Raises:
        ValueError: there is no such column, or it stands there twice; the sentence says so.
    """
    found: list[str] = []
    for word in text.replace(",", " ").split():
        name = _OTHER_NAMES.get(word.lower(), word.lower())
        if name == "name":
            continue  # it is always there, and first
        if name not in NAMES:
            near = nearest(name, (*NAMES, *_OTHER_NAMES))
            hint = f"did you mean {_OTHER_NAMES.get(near, near)}?" if near else f"there are {', '.join(NAMES)}"
            raise ValueError(f"there is no column '{safe_text(word, 40)}': {hint}")
        if name in found:
            raise ValueError(f"the column {name} stands there twice")
        found.append(name)
    return tuple(found)


def chosen_columns(settings: Texts) -> tuple[tuple[str, ...], list[SettingFault]]:
    """The columns of Browse that the settings name, none where they name none or name them wrongly; and what is wrong.

    Args:
        settings: `Settings.columns`.
    """
    chosen: tuple[str, ...] = ()
    faults: list[SettingFault] = []
    for name, text in settings:
        if name != BROWSE:
            meant = f"did you mean {BROWSE}?" if nearest(name, (BROWSE,)) else f"there is {BROWSE}"
            faults.append(SettingFault(TABLE, name, f"there is no list of this name whose columns are chosen: {meant}"))
            continue
        try:
            chosen = read_columns(text)
        except ValueError as error:
            faults.append(SettingFault(TABLE, name, str(error)))
    return chosen, faults
