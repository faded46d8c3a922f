"""The words for versions of a record: whose each is, where they differ, and which items and words changed.

What differs, `records.merging` finds; here it gets its labels and becomes text that is safe to show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from tui_registry.errors import Json, Record
from tui_registry.frozen import NamedTuple
from tui_registry.present.amounts import ago
from tui_registry.present.deeds import by_whom
from tui_registry.present.manifest_rows import changed_manifest_rows
from tui_registry.present.record_rows import Row, value_row, variant
from tui_registry.records.merging import Difference, Piece, Shape, Sign, changed_items, differing, marked
from tui_registry.text import ELLIPSIS, NEWLINE_SIGN, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import HistoryEntry


class Written(Protocol):
    """What an operation says of where it comes from: a `HistoryEntry` or an `Operation`."""

    @property
    def actor(self) -> str: ...
    @property
    def mine(self) -> bool: ...
    @property
    def updated_at(self) -> int: ...
    @property
    def arrived_at(self) -> int | None: ...
    @property
    def source(self) -> str | None: ...


class DifferenceRows(NamedTuple):
    """A field in which versions differ, in words: what the ancestor, each version and the merge have there.

    Attributes:
        base: None where there is no ancestor.
        open: the merge needs a decision here.
    """

    path: str
    label: str
    shape: Shape
    open: bool
    base: Row | None
    values: tuple[Row, ...]
    merged: Row


class TextLine(NamedTuple):
    """A line in which words changed, without its line break; `number` counts from 1, in the text where it stands."""

    number: int
    pieces: tuple[Piece, ...]


def letter(place: int) -> str:
    """What the version at a place is called: A, B, ..., Z, AA, AB, ..."""
    more, last = divmod(place, 26)
    return (letter(more - 1) if more else "") + chr(ord("A") + last)


def headline(place: int, entry: Written, now: int, names: Mapping[str, str]) -> str:
    """`version A: current, written 3 d ago by you, arrived from hub 2 d ago`; the one that is shown stands first.

    Args:
        place: of the version, from 0.
        now: Unix seconds.
        names: this replica's names of owners, by address.
    """
    return f"version {letter(place)}: {'rival' if place else 'current'}, {came(entry, now, names)}"


def ancestor_line(entry: Written | None, now: int, names: Mapping[str, str]) -> str:
    """`common ancestor: written 5 d ago by you, ...`, or that there is none."""
    return "no common ancestor" if entry is None else f"common ancestor: {came(entry, now, names)}"


def came(entry: Written, now: int, names: Mapping[str, str]) -> str:
    """When and by whom a version was written, as its author says, and when and from where it arrived.

    `written 3 d ago by you, arrived from hub 2 d ago`; `written here now by you`.
    """
    who = safe_text(by_whom(entry.actor, entry.mine, names), _LONGEST_NAME)
    here = " here" if entry.source is None and entry.arrived_at is not None else ""
    written = f"written{here} {ago(now - entry.updated_at)} by {who}"
    if entry.arrived_at is None:
        # Replicas of 0.1 kept neither when nor from where.
        return f"{written}, arrived before 0.2"
    if not entry.source:
        return written
    return f"{written}, {arrived_from(entry.source)} {ago(now - entry.arrived_at)}"


def arrived_from(source: str) -> str:
    """By the source kept with an operation: `arrived from hub`, `arrived from a file`, `pushed from 192.0.2.7`."""
    pushed = source.removeprefix("push:")
    if pushed != source:
        return f"pushed from {safe_text(pushed, _LONGEST_NAME)}"
    if source.startswith("hub:"):
        return "arrived from another node of the hub"
    return f"arrived from {'a file' if source == 'file' else safe_text(source, _LONGEST_NAME)}"


def row(path: str, value: Json, limit: int = 60) -> Row:
    """A field's value on one line of at most `limit` characters."""
    return _rows(path, [value], limit)[0]


def rows(difference: Difference, limit: int = 60) -> DifferenceRows:
    """A difference on lines of at most `limit` characters.

    Texts that begin alike are shown from shortly before where they part, so that what differs is to be seen.
    """
    was = [difference.base] if difference.based else []
    merged, *others = _rows(difference.path, [difference.merged, *was, *difference.values], limit)
    base = others.pop(0) if was else None
    return DifferenceRows(difference.path, merged.label, difference.shape, difference.open, base, tuple(others), merged)


def item_pieces(before: Json, after: Json) -> list[Piece]:
    """What became of each item of a list, safe to show: those of before in their order, then the new ones."""
    return [Piece(variant(change.value), change.sign) for change in changed_items(before, after)]


def text_pieces(before: str, after: str) -> list[Piece]:
    """Which words of a text changed, safe to show, line breaks kept (`merging.marked`).

    The text before is what is not `+`, the text after what is not `-`.
    """
    return [Piece(safe_text(piece.text, newlines=True), piece.sign) for piece in marked(before, after)]


def text_lines(before: str, after: str) -> list[TextLine]:
    """The lines in which words changed, in order; a line that is not in the text after has its number of before."""
    found: list[TextLine] = []
    line: list[Piece] = []
    numbers: dict[Sign, int] = {"-": 1, "+": 1}
    for piece in (*text_pieces(before, after), Piece("\n", " ")):
        for part in piece.text.splitlines(keepends=True):
            text = part.removesuffix("\n")
            line += [Piece(text, piece.sign)] if text else []
            if text == part:
                continue
            signs = {held.sign for held in line}
            if piece.sign != " " and signs != {piece.sign}:
                # The line is empty, or was joined or parted here.
                line.append(Piece(NEWLINE_SIGN, piece.sign))
                signs.add(piece.sign)
            if signs - {" "}:
                found.append(TextLine(numbers["-" if signs == {"-"} else "+"], tuple(line)))
            line = []
            for side in numbers:
                numbers[side] += piece.sign in (" ", side)
    return found


def spelled(pieces: Sequence[Piece], limit: int = 60) -> str:
    """A changed line where there are no colours, as `git diff --word-diff` has it: `MEMORY [-1024-]{+2048+}`.

    Of what stayed only the words beside a change are kept, of a change at most `limit` characters.
    """
    words = []
    for place, piece in enumerate(pieces):
        if piece.sign == " ":
            words.append(_beside(piece.text, place > 0, place < len(pieces) - 1))
        else:
            opening, closing = ("[-", "-]") if piece.sign == "-" else ("{+", "+}")
            words.append(f"{opening}{safe_text(piece.text, limit)}{closing}")
    return safe_text("".join(words), 4 * limit)


def change_lines(before: Record | None, after: Record | None, limit: int = 60, most: int = 8) -> list[str]:
    """What changed between two versions of a record or of a manifest, a line a field: none where either is no version.

    `Licence: MIT → Apache-2.0`, `Tags: + chat, - code`, `Formfile, line 3: MEMORY [-1024-]{+2048+}`.

    Args:
        limit: how many characters of a value are shown.
        most: of how many lines of a text it is told what changed.
    """
    if before is None or after is None:
        return []
    if _is_manifest(after):
        rows = changed_manifest_rows(before, after)
        return [f"{was.label}: {safe_text(was.text, limit)} → {safe_text(to.text, limit)}" for was, to in rows]
    return [line for found in differing(None, [before, after]) for line in _change_lines(found, limit, most)]


def of_manifest(entry: HistoryEntry) -> bool:
    """Whether an operation wrote the manifest of a record, and not the record."""
    record = entry.record or entry.before
    return record is not None and _is_manifest(record)


def what_changed(entry: HistoryEntry) -> list[str]:
    """What an operation changed, a line a field as in `change_lines`; nothing where it registered the record."""
    if entry.did == "deleted" and entry.before is not None and _is_manifest(entry.before):
        return ["took away what stood behind the record"]
    if entry.did == "deleted" and entry.before is not None:
        return [f"took away version {safe_text(str(entry.before['version']), 64)}"]
    changes = change_lines(entry.before, entry.record)
    if not changes and entry.did in ("edited", "settled") and entry.before is not None:
        return ["no field changed"]
    return changes


# How


def _is_manifest(record: Record) -> bool:
    return "manifest_id" in record


_LONGEST_NAME = 40
# How much of what stayed is kept beside a change.
_BESIDE = 24


def _change_lines(found: Difference, limit: int, most: int) -> list[str]:
    was, now = found.values
    shown = rows(found, limit)
    if found.shape == "list":
        pieces = [piece for piece in item_pieces(was, now) if piece.sign != " "]
        changes = ", ".join(f"{piece.sign} {safe_text(piece.text, limit)}" for piece in pieces)
        return [f"{shown.label}: {changes or _same_items(was, now)}"]
    if found.shape == "text" and was and now:
        lines = text_lines(str(was), str(now))
        told = [f"{shown.label}, line {line.number}: {spelled(line.pieces, limit)}" for line in lines[:most]]
        return told + ([f"{shown.label}: and {len(lines) - most} more lines"] if len(lines) > most else [])
    return [f"{shown.label}: {shown.values[0].text} → {shown.values[1].text}"]


def _same_items(was: Json, now: Json) -> str:
    lengths = {len(value) for value in (was, now) if isinstance(value, list)}
    return "the same in another order" if len(lengths) == 1 else "the same, but not as often"


def _beside(text: str, after_change: bool, before_change: bool) -> str:
    kept = _BESIDE * (after_change + before_change)
    if len(text) <= kept + 1:
        return text
    head = text[:_BESIDE] if after_change else ""
    return head + ELLIPSIS + (text[-_BESIDE:] if before_change else "")


def _rows(path: str, values: list[Json], limit: int) -> list[Row]:
    texts = {value for value in values if isinstance(value, str) and value}
    begins = 0
    if len(texts) > 1:
        # What the first and the last in order have in common, all have.
        ends = zip(min(texts), max(texts), strict=False)
        part = next((place for place, (one, other) in enumerate(ends) if one != other), len(min(texts)))
        begins = part - limit // 3 if part > limit // 2 else 0
    return [_row(path, value, begins, limit) for value in values]


def _row(path: str, value: Json, begins: int, limit: int) -> Row:
    if isinstance(value, str) and value and (begins or len(value) > 2 * limit):
        # No more than can be shown: a text may be long, and the versions many.
        value = (ELLIPSIS if begins else "") + value[begins : begins + 2 * limit + 2]
    shown = value_row(path, value)
    return shown._replace(text=safe_text(shown.text, limit))
