"""Two to four records side by side: a row for each field, which values differ, and bars for what has a size.

A comparison is laid out in cells of a terminal. How many of them a text takes differs with who draws it, so the
functions that break lines are told by `measure`. Everything that a comparison holds is safe to show.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from tui_registry.errors import Json, Kind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.present.amounts import ago
from tui_registry.present.deeds import by_whom
from tui_registry.present.manifest_rows import stated_rows
from tui_registry.present.record_rows import (
    Row,
    fact_rows,
    identity_rows,
    requirement_rows,
    variant,
    warnings,
)
from tui_registry.records.merging import value_at
from tui_registry.records.schema import defaults
from tui_registry.text import ELLIPSIS, exact, moment_utc, plural, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Body, Entry

LEAST: Final = 2
MOST: Final = 4
# Beside a row whose values differ, so that colour is never alone
DIFFERS: Final = "≠"
GONE: Final = "deleted meanwhile"
# Before the labels stand a sign and a space, between the columns two.
GUTTER: Final = 2
GAP: Final = 2

Tone = Literal["lit", "plain", "quiet", "bar", "rest"]
Measure = Callable[[str], int]


class Part(NamedTuple):
    """A stretch of a line: `lit` where it differs, `quiet` where nothing does; `bar` and the `rest` up to its scale."""

    text: str
    tone: Tone


Line = list[Part]


class Head(NamedTuple):
    """One of the records: its owner in words and by address, and what one should know before trusting it; `gone` when
    it was deleted since it was read."""

    kind: Kind
    id: str
    name: str
    version: str
    owner: str
    owner_id: str
    warnings: tuple[str, ...]
    gone: bool = False


class Value(NamedTuple):
    """What a record has in a field.

    Attributes:
        json: as it is signed; None where it is left open or the kind has no such field.
        text: in words, never empty: `-` where the kind has no such field.
        lit: it differs from what more than half of the records have.
        items: of a list, those that every record has come first; `lit` are those that not every one has.
        more: what of a text is not shown, in words.
        number: what its bar is drawn for; None where there is none, as of what is not stated.
    """

    json: Json
    text: str
    lit: bool
    items: tuple[Part, ...] = ()
    more: str = ""
    number: int | None = None


class CompareRow(NamedTuple):
    """A field of all the records; `scale` is the largest number of a row that has bars, and 0 for other rows."""

    path: str
    label: str
    values: tuple[Value, ...]
    differs: bool
    scale: int = 0


class Comparison(NamedTuple):
    """The records, and their fields in an order for who chooses one: what it is, what it needs, texts, times."""

    heads: tuple[Head, ...]
    rows: tuple[CompareRow, ...]

    def shown(self, only_differing: bool) -> tuple[CompareRow, ...]:
        """The rows, or those that differ."""
        return tuple(row for row in self.rows if row.differs or not only_differing)

    @property
    def label_width(self) -> int:
        """Cells of the longest label."""
        return max(len(row.label) for row in self.rows)


def compare(
    entries: Sequence[Entry],
    now: int,
    gone: Collection[str] = (),
    behind: Mapping[str, Record] = MappingProxyType({}),
    models: Mapping[str, str] = MappingProxyType({}),
) -> Comparison:
    """Records side by side, in the order they are given.

    Args:
        now: Unix seconds.
        gone: ids of those that were deleted since they were read.
        behind: the manifests of those that have one, by the id of the record.
        models: names of the models that they name and that are here, by id; not made safe to show.
    """
    manifests = [behind.get(entry.id) or defaults("manifest") for entry in entries]
    cells = [
        {cell.path: cell for cell in (*_cells(entry, now), *_cells_behind(rows, manifest))}
        for entry, manifest, rows in zip(entries, manifests, stated_rows(manifests), strict=True)
    ]
    # The fields of the first record, and after each the ones that only others have.
    paths: list[str] = []
    for column in cells:
        place = 0
        for path in column:
            if path not in paths:
                paths.insert(place, path)
            place = paths.index(path) + 1
    if len({entry.kind for entry in entries}) == 1:
        paths.remove("kind")
    return Comparison(
        tuple(_head(entry, now, entry.id in gone) for entry in entries),
        tuple(_row([column.get(path) for column in cells], models) for path in paths),
    )


def names_in(bodies: Iterable[Body]) -> dict[str, str]:
    """The names of records, by id; not made safe to show."""
    return {body.id: str(json.loads(body.record)["name"]) for body in bodies}


def models_named(entries: Iterable[Entry], behind: Mapping[str, Record]) -> list[str]:
    """The ids of the models that records prefer, or need by their manifests."""
    lists = [entry.record.get("preferred_models") for entry in entries]
    lists += [manifest.get("required_models") for manifest in behind.values()]
    return [*dict.fromkeys(str(one) for ids in lists if isinstance(ids, list) for one in ids)]


def in_words(comparison: Comparison) -> str:
    """How much differs: `14 of 27 fields differ`."""
    differing = len(comparison.shown(only_differing=True))
    if not differing:
        return "no field differs"
    return f"{differing} of {len(comparison.rows)} fields {'differs' if differing == 1 else 'differ'}"


def how_many(count: int) -> str:
    """Why so many records cannot be compared; empty when they can."""
    if LEAST <= count <= MOST:
        return ""
    return f"{LEAST} to {MOST} records can be compared, not {exact(count)}"


# In cells of a terminal


def row_lines(row: CompareRow, places: Sequence[int], width: int, measure: Measure) -> list[list[Line]]:
    """The lines of a row, each with a cell for every one of the places, filled up to the width."""
    cells = [_cell_lines(row, row.values[place], width, measure) for place in places]
    return _side_by_side(cells, width, measure)


def head_lines(
    comparison: Comparison, places: Sequence[int], width: int, measure: Measure, *, ids: bool = False
) -> list[list[Line]]:
    """The lines above the columns: names in full, then version and owner; `ids` adds what other commands take."""
    cells = []
    for place in places:
        head = comparison.heads[place]
        sign = [Part("!", "lit")] if head.warnings else []
        lines = _broken([*sign, *(Part(word, "plain") for word in head.name.split(" ") if word)], width, measure)
        # Names may be 128 characters: more than three lines of one would push the table out of sight.
        lines = lines if len(lines) <= 3 else [*lines[:2], [*lines[2][:-1], Part(ELLIPSIS, "plain")]]
        words = [*(Part(word, "quiet") for word in head.version.split(" ") if word), Part("·", "quiet")]
        lines += _broken([*words, Part(head.owner, "quiet")], width, measure)[:2]
        lines += [[Part(head.id[:12], "quiet")]] if ids else []
        lines += _broken([Part(word, "lit") for word in GONE.split(" ")], width, measure) if head.gone else []
        cells.append(lines)
    return _side_by_side(cells, width, measure)


def text_lines(comparison: Comparison, only_differing: bool, width: int, measure: Measure) -> Iterator[str]:
    """The whole table as lines of text, about as wide as `width` lets it."""
    places = range(len(comparison.heads))
    label_width = comparison.label_width
    room = (width - GUTTER - label_width - GAP * len(places)) // len(places)
    column = max(_NARROWEST, min(_WIDEST, room))
    for line in head_lines(comparison, places, column, measure, ids=True):
        yield _text_line(" ", "", label_width, line)
    for row in comparison.shown(only_differing):
        for place, line in enumerate(row_lines(row, places, column, measure)):
            first = place == 0
            sign = DIFFERS if row.differs and first else " "
            yield _text_line(sign, row.label if first else "", label_width, line)


# For other programs


def markdown(comparison: Comparison, only_differing: bool) -> str:
    """The table in Markdown, as GitHub renders it; the labels of what differs are bold."""
    lines = [["", *map(_marked_down_head, comparison.heads)], ["---"] * (len(comparison.heads) + 1)]
    for row in comparison.shown(only_differing):
        label = f"**{row.label}**" if row.differs else row.label
        lines.append([label, *(_marked_down(_whole(value)) for value in row.values)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def to_json(comparison: Comparison, only_differing: bool) -> dict[str, Json]:
    """The table for programs: each field's values as they are signed, and in words."""
    return {
        "records": [{**head._asdict(), "warnings": list(head.warnings)} for head in comparison.heads],
        "fields": [
            {
                "path": row.path,
                "label": row.label,
                "differs": row.differs,
                "values": [value.json for value in row.values],
                "texts": [_whole(value) for value in row.values],
            }
            for row in comparison.shown(only_differing)
        ],
    }


# How

_NARROWEST, _WIDEST = 12, 40
# Of a text its first line, and no more of that: the record itself is a key away.
_LONGEST: Final = 100
_MOST_LINES: Final = 8
_BARS: Final = frozenset(("parameters", "context_length", "resource_requirements.min_vram_gb"))
_TEXTS: Final = frozenset(("description", "formfile_template"))
# Both kinds have a type, under a name of its own
_ONE_NAME: Final = {"model_type": "type", "agent_type": "type"}
_NO_FIELD: Final = "-"
_BEHIND: Final = "manifest."
_MARKDOWN: Final = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]<>()#|~!&$"})


class _Cell(NamedTuple):
    """A field of one record: its value, the words for it, and by what it is told from others, None where it is open."""

    path: str
    row: Row
    json: Json
    key: object


def _cells(entry: Entry, now: int) -> Iterator[_Cell]:
    record = entry.record
    yield _Cell("kind", Row("kind", "Kind", entry.kind), entry.kind, entry.kind)
    short = {path: _first_line(record[path]) for path in _TEXTS}
    identity = [row for row in identity_rows({**record, **short}) if row.path in _TEXTS]
    for row in (*fact_rows(record), *requirement_rows(record), *identity):
        value = value_at(record, row.path)
        key = _key(value) if row.stated else None
        yield _Cell(_ONE_NAME.get(row.path, row.path), row, value, key)
    for path, label in (("created_at", "Created"), ("updated_at", "Updated")):
        seconds = record[path]
        if isinstance(seconds, int):
            text = f"{moment_utc(seconds)[:10]}, {ago(now - seconds)}"
            yield _Cell(path, Row(path, label, text), seconds, text)


def _cells_behind(rows: Sequence[Row], manifest: Record) -> Iterator[_Cell]:
    for row in rows:
        value, path = manifest[row.path], f"{_BEHIND}{row.path}"
        yield _Cell(path, row._replace(path=path), value, _key(value) if row.stated else None)


def _key(value: Json) -> object:
    """Lists are sets: the order of their items and how often each stands there says nothing."""
    return frozenset(map(str, value)) if isinstance(value, list) else str(value)


def _first_line(value: Json) -> str:
    lines = value.split("\n") if isinstance(value, str) else []
    first = next((line.strip() for line in lines if line.strip()), "")
    return first if len(first) <= _LONGEST else first[: _LONGEST - 1] + ELLIPSIS


def _head(entry: Entry, now: int, gone: bool) -> Head:
    record = entry.record
    owner = str(record["owner_id"])
    names = {} if entry.owner_name is None else {owner: entry.owner_name}
    return Head(
        entry.kind,
        entry.id,
        safe_text(str(record["name"]), 128).strip() or "(no name)",
        safe_text(str(record["version"]), 64).strip(),
        safe_text(by_whom(owner, entry.mine, names), 40),
        owner,
        tuple(warnings(entry, now)),
        gone,
    )


def _row(cells: Sequence[_Cell | None], models: Mapping[str, str]) -> CompareRow:
    known = [cell for cell in cells if cell is not None]
    keys = [None if cell is None else cell.key for cell in cells]
    differs = len(set(keys)) > 1
    common, count = Counter(keys).most_common(1)[0]
    lists = [cell.json for cell in known if isinstance(cell.json, list)]
    everywhere = set[str]()
    if len(lists) == len(cells):
        everywhere = set(map(str, lists[0])).intersection(*(map(str, items) for items in lists))
    values = []
    for cell, key in zip(cells, keys, strict=True):
        if cell is None:
            values.append(Value(None, _NO_FIELD, lit=False))
            continue
        json, text = cell.json, cell.row.text
        lit = differs and (key != common or 2 * count <= len(cells))
        more = ""
        if cell.path in _TEXTS:
            alike = any(other.row.text == text and other.key != key for other in known)
            more = _how_much_more(str(json), alike)
        listed = json if isinstance(json, list) and not any(_has_fields(item) for item in json) else []
        items = tuple(_items(cell.path, listed, everywhere, differs, models))
        number = json if cell.path in _BARS and isinstance(json, int) and cell.row.stated else None
        values.append(Value(json, text, lit, items, more, number))
    scale = max((value.number for value in values if value.number is not None), default=0)
    return CompareRow(known[0].path, known[0].row.label, tuple(values), differs, scale)


def _has_fields(item: Json) -> bool:
    """Whether an item of a list is no single value, as a file of a manifest: that is told in the words of its row."""
    return isinstance(item, dict) and set(item) != {"Other"}


def _items(
    path: str, values: list[Json], everywhere: set[str], differs: bool, models: Mapping[str, str]
) -> Iterator[Part]:
    once = {str(value): value for value in values}
    for name in sorted(once, key=lambda name: name not in everywhere):
        text = variant(once[name])
        if path in ("preferred_models", f"{_BEHIND}required_models") and len(text) == 64:
            # An id; where no such model is here, this much of it finds the record elsewhere
            text = safe_text(models.get(text, ""), 60).strip() or text[:12]
        yield Part(text, "lit" if differs and name not in everywhere else "plain" if differs else "quiet")


def _how_much_more(text: str, alike: bool) -> str:
    lines = len(text.strip().split("\n")) - 1
    if lines:
        return f"and {plural(lines, 'more line')}{', which differ' if alike else ''}"
    return "differs further on" if alike else ""


def _whole(value: Value) -> str:
    text = ", ".join(item.text for item in value.items) or value.text
    return f"{text} ({value.more})" if value.more else text


def _cell_lines(row: CompareRow, value: Value, width: int, measure: Measure) -> list[Line]:
    tone: Tone = "lit" if value.lit else "plain" if row.differs and value.text != _NO_FIELD else "quiet"
    if value.items:
        last = len(value.items) - 1
        parts = [Part(item.text + "," * (place < last), item.tone) for place, item in enumerate(value.items)]
        lines = _shortened(parts, width, measure)
    else:
        lines = _broken([Part(word, tone) for word in value.text.split(" ") if word], width, measure)
    if value.more:
        lines += _broken([Part(word, "quiet") for word in value.more.split(" ")], width, measure)
    if value.number is not None:
        lines.append(_bar(value.number, row.scale, width, "bar" if row.differs else "quiet"))
    return lines


def _shortened(items: Sequence[Part], width: int, measure: Measure) -> list[Line]:
    """As many items as have room in a cell, and how many there are beside them."""
    lines = _broken(items, width, measure)
    kept = len(items)
    while len(lines) >= _MOST_LINES + (kept == len(items)) and kept > 1:
        kept -= 1
        lines = _broken(items[:kept], width, measure)
    left = len(items) - kept
    return [*lines, [Part(f"and {exact(left)} more", "quiet")]] if left else lines


def _bar(number: int, scale: int, width: int, tone: Tone) -> Line:
    """A bar in half cells; a number above nothing has one at least."""
    halves = 2 * width * number // scale if scale else 0
    halves = max(halves, int(number > 0))
    whole, half = divmod(halves, 2)
    return [Part("━" * whole + "╸" * half, tone), Part("─" * (width - whole - half), "rest")]


def _broken(parts: Iterable[Part], width: int, measure: Measure) -> list[Line]:
    """Words on lines of at most so many cells; what is wider than a line is cut into pieces."""
    lines: list[Line] = [[]]
    used = 0
    for part in parts:
        for text in _pieces(part.text, width, measure):
            wide = measure(text)
            if lines[-1] and used + 1 + wide > width:
                lines.append([])
            used = used + 1 + wide if lines[-1] else wide
            if lines[-1]:
                lines[-1].append(Part(" ", part.tone))
            lines[-1].append(Part(text, part.tone))
    return lines


def _pieces(text: str, width: int, measure: Measure) -> Iterator[str]:
    # Terminals disagree how wide emoji are that are joined; apart they are as wide as `measure` says.
    text = text.replace("\u200d", "")
    while measure(text) > width:
        end = min(len(text), width)
        while end > 1 and measure(text[:end]) > width:
            end -= 1
        # Names of models are long, and made of parts: better a short line than a part in two pieces.
        joint = max(text.rfind(sign, 0, end) + 1 for sign in "-_/:")
        end = joint if 3 * joint > end else end
        # What has no width belongs to the letter before it.
        while end > 1 and measure(text[end]) == 0:
            end -= 1
        yield text[:end]
        text = text[end:]
    if text:
        yield text


def _side_by_side(cells: Sequence[list[Line]], width: int, measure: Measure) -> list[list[Line]]:
    high = max(map(len, cells))
    return [[_filled(lines[y] if y < len(lines) else [], width, measure) for lines in cells] for y in range(high)]


def _filled(line: Line, width: int, measure: Measure) -> Line:
    left = width - sum(measure(part.text) for part in line)
    return [*line, Part(" " * left, "quiet")]


def _text_line(sign: str, label: str, label_width: int, cells: Sequence[Line]) -> str:
    columns = ["".join(part.text for part in cell) for cell in cells]
    return (" " * GAP).join([f"{sign} {label:<{label_width}}", *columns]).rstrip()


def _marked_down_head(head: Head) -> str:
    told = [head.name, f"{head.version} · {head.owner}", *([GONE] if head.gone else [])]
    return "<br>".join(map(_marked_down, told))


def _marked_down(text: str) -> str:
    return text.translate(_MARKDOWN)
