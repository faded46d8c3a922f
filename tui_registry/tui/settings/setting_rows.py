"""What the settings screen lists: a name for this replica, colours, where everything is, the names of keys. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

from textual.content import Content

from tui_registry.datastore import DATABASE
from tui_registry.settings import Settings
from tui_registry.text import exact, safe_text
from tui_registry.tui.kit.lists import GAP, Column, ItemList
from tui_registry.tui.kit.text_flow import paragraph, stack

SettingKind = Literal["name", "theme", "place", "owner"]
_NAME_WIDTH: Final = 20
_GROUP_WIDTH: Final = 12
_EXPORT: Final = "tui-registry identity export FILE"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One line.

    Attributes:
        kind: what can be done with it: `place` can only be copied.
        group: the first of a group names it.
        about: a sentence or two.
        copied: what is copied of it.
    """

    kind: SettingKind
    group: str
    name: str
    value: str
    about: str
    copied: str


class SettingsList(ItemList[SettingRow]):
    """The rows, in groups."""

    PLAIN: ClassVar[tuple[str, ...]] = ("SETTING",)

    def columns(self, width: int) -> tuple[Column, ...]:
        left = width - _GROUP_WIDTH - _NAME_WIDTH - 2 * GAP
        return (Column("", _GROUP_WIDTH), Column("SETTING", _NAME_WIDTH), Column("NOW", max(1, left)))

    def value(self, item: SettingRow, column: Column) -> str:
        match column.title:
            case "":
                return item.group
            case "SETTING":
                return item.name
            case _:
                return item.value

    def key_of(self, item: SettingRow) -> Hashable:
        return item.kind, item.copied if item.kind == "owner" else item.name


@dataclass(frozen=True, slots=True)
class Places:
    """Where this replica keeps its files, as far as they are there, and what is in them.

    Attributes:
        settings_there: whether there is a settings file.
        drafts: how many forms are kept that were not signed.
    """

    data_dir: Path
    key_file: Path
    settings: Path
    settings_there: bool
    drafts: int


def setting_rows(
    settings: Settings, theme: str, machine: str, places: Places, address: str, owners: Mapping[str, str]
) -> list[SettingRow]:
    """All rows.

    Args:
        machine: what the replica is called as long as it has no name.
        owners: local names by address.
    """
    data, key = places.data_dir, places.key_file
    database = data / DATABASE
    rows = [
        SettingRow(
            "name", "this replica", "name", settings.name or f"{machine} (the machine's)",
            "What the title line calls this replica. It stays on this machine.", settings.name or machine,
        ),
        SettingRow(
            "theme", "", "colours", theme, "The colours of the app; they are shown while you choose.", theme,
        ),
        SettingRow(
            "place", "your key", "address", f"0x{address}",
            "Your name as an owner everywhere: every record and operation of yours carries it.", f"0x{address}",
        ),
        SettingRow(
            "place", "", "key file", str(key),
            f"Whoever has this file can change your records, and without it nobody can, you included. Keep a copy "
            f"elsewhere: {_EXPORT} writes one under a passphrase.", str(key),
        ),
        SettingRow(
            "place", "files", "data folder", str(data),
            "Everything of this replica lies here. To back it up, copy it while nothing runs.", str(data),
        ),
        SettingRow(
            "place", "", "database", str(database), "All operations, and what is derived from them.", str(database),
        ),
        SettingRow(
            "place", "", "drafts", f"{exact(places.drafts)}, in the database",
            "Forms that were not signed yet are kept as you type; 2 takes them up again.", str(database),
        ),
        SettingRow(
            "place", "", "settings file", f"{places.settings}{'' if places.settings_there else ' (not made yet)'}",
            "What is changed here is kept there; it may be edited by hand.", str(places.settings),
        ),
    ]  # fmt: skip
    named = sorted(owners.items(), key=lambda owner: (owner[1].lower(), owner[0]))
    for place, (owner, name) in enumerate(named):
        twins = sum(other == name for other in owners.values())
        twin = f" {exact(twins)} keys have this name." if twins > 1 else ""
        rows.append(
            SettingRow(
                "owner", "named keys" if place == 0 else "", name, f"0x{owner}",
                f"A name that you gave to a key; it never travels.{twin}", f"0x{owner}",
            )
        )  # fmt: skip
    return rows


def row_in_full(row: SettingRow, width: int) -> Content:
    """The value whole, what it is, and what can be done with it."""
    lines = paragraph(safe_text(row.name, 100), width, "bold")
    lines += paragraph(safe_text(row.value, 1_000), width)
    lines += paragraph(row.about, width, "$foreground-muted")
    return stack([*lines, *paragraph(_DOES[row.kind], width, "$text-accent")])


_DOES: Final[dict[SettingKind, str]] = {
    "name": "enter changes it",
    "theme": "enter chooses others",
    "place": "enter or y copies it",
    "owner": "enter renames it · d forgets it · y copies the address",
}
