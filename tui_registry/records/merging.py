"""Versions of one record side by side: where they differ, what can be merged without asking, which words changed.

A version is a plain record. Nothing here changes what it is given: a record that comes back is a copy of its own. Cheap
to import, because `diff` and `show` pass through, and no work grows faster than the number of versions.
"""

from __future__ import annotations

import copy
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Literal, TypeAlias

from tui_registry.errors import Json, Kind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import ID_FIELD, FieldType, Many, Text, leaves

# How a field's versions are best told apart: a `text` by its words, a `list` by its items.
Shape: TypeAlias = Literal["value", "text", "list"]
# In both, only in what was before, only in what came after.
Sign: TypeAlias = Literal[" ", "-", "+"]


class Difference(NamedTuple):
    """A field in which the versions are not all equal.

    Attributes:
        path: such as `license` or `resource_requirements.min_vcpus`.
        base: the ancestor's value; None as well where there is no ancestor, which `based` tells from null.
        values: one for each version, in the order given.
        merged: the value that a merge takes by itself; where it is `open`, the first version's.
        open: a merge needs a decision here.
    """

    path: str
    shape: Shape
    base: Json
    based: bool
    values: tuple[Json, ...]
    merged: Json
    open: bool


class Merged(NamedTuple):
    """A merge: the record, the paths that wait for a decision, and all fields in which the versions differ.

    What was decided is in `record` and no longer in `open`; the differences tell what the merge does by itself.
    """

    record: Record
    open: tuple[str, ...]
    differences: tuple[Difference, ...]


class Item(NamedTuple):
    """An item of a list field: whether the ancestor has it (`based`), and the places of the versions that have it."""

    value: Json
    based: bool
    having: tuple[int, ...]


class ItemChange(NamedTuple):
    """An item of a list that was (`-`), is (`+`), or was and is."""

    value: Json
    sign: Sign


class Piece(NamedTuple):
    """A stretch of a text that was (`-`), is (`+`), or was and is."""

    text: str
    sign: Sign


def paths(kind: Kind) -> tuple[str, ...]:
    """Every field that an author writes, leaf by leaf, in the order of the record: no id, no owner, no times."""
    return tuple(_leaves(kind))


def shape_of(path: str) -> Shape:
    """How versions of that field are told apart.

    Raises:
        KeyError: no kind of record has such a field.
    """
    leaves = _leaves("model")
    return leaves[path] if path in leaves else _leaves("agent")[path]


def value_at(record: Record, path: str) -> Json:
    """The value of a field.

    Raises:
        KeyError: the record has no such field.
    """
    holder, name = _holder(record, path)
    return holder[name]


def differing(base: Record | None, versions: Sequence[Record]) -> list[Difference]:
    """The fields in which versions of one record (or records of one kind) are not all equal, in the record's order.

    Args:
        base: their nearest common ancestor, None where they have none.
    """
    found: list[Difference] = []
    for path, shape in _leaves(_kind(versions[0])).items() if versions else ():
        values = tuple(value_at(version, path) for version in versions)
        if any(value != values[0] for value in values):
            was = None if base is None else value_at(base, path)
            merged, is_open = _merged(shape, was, base is not None, values)
            found.append(Difference(path, shape, was, base is not None, values, merged, is_open))
    return found


def merge(base: Record | None, versions: Sequence[Record], decided: Mapping[str, Json] | None = None) -> Merged:
    """One record of several versions, as far as that needs no decision.

    A field that was changed to one and the same value, by one version or by several, is taken. Lists merge by item:
    what any version added is in, what any removed is out. All else in which the versions differ is open, and the record
    has the first version's value there. Without an ancestor nobody can say who changed what: lists are united, and the
    rest is open. Id, owner and times are the first version's.

    Args:
        base: the nearest common ancestor, None where there is none.
        versions: at least one; the one that is shown stands first.
        decided: values by their paths, also of fields that do not differ. They win, and are not open.

    Raises:
        KeyError: a record of this kind has no field of a decided path.
    """
    chosen = decided or {}
    differences = tuple(differing(base, versions))
    record = copy.deepcopy(versions[0])
    for path, value in ({found.path: found.merged for found in differences} | dict(chosen)).items():
        _set(record, path, value)
    waiting = tuple(found.path for found in differences if found.open and found.path not in chosen)
    return Merged(record, waiting, differences)


def choose(record: Record, path: str, value: Json) -> Record:
    """A copy of the record with one field set.

    Raises:
        KeyError: `path` is no field that an author writes.
    """
    chosen = copy.deepcopy(record)
    _set(chosen, path, value)
    return chosen


def side(record: Record, differences: Iterable[Difference], place: int) -> Record:
    """A copy of the record in which every field that differs is as the version at that place has it."""
    taken = copy.deepcopy(record)
    for found in differences:
        _set(taken, found.path, found.values[place])
    return taken


def holders(record: Record, difference: Difference) -> tuple[int, ...]:
    """The places of the versions whose value the record has there; none where it is nobody's, such as a merged list."""
    value = value_at(record, difference.path)
    return tuple(place for place, held in enumerate(difference.values) if held == value)


def items(base: Json, values: Sequence[Json]) -> list[Item]:
    """Lists as sets: every item once, the ancestor's first and then the new ones as they come.

    Args:
        base: the ancestor's list, None where there is no ancestor.
        values: the versions' lists.
    """
    known = _items(base)
    having: dict[_ItemKey, list[int]] = {key: [] for key in known}
    found = dict(known)
    for place, value in enumerate(values):
        for key, item in _items(value).items():
            found.setdefault(key, item)
            having.setdefault(key, []).append(place)
    return [Item(item, key in known, tuple(having[key])) for key, item in found.items()]


def changed_items(before: Json, after: Json) -> list[ItemChange]:
    """What became of each item of a list: those of before in their order, then the new ones; each once."""
    return [
        ItemChange(item.value, "+" if not item.based else " " if item.having else "-")
        for item in items(before, [after])
    ]


def marked(before: str, after: str) -> list[Piece]:
    """Which words of a text changed, as one stream of pieces.

    Those that are not `+` make up the text before and those that are not `-` the text after, to the last character.
    Between two pieces that stayed stands at most one that went and then one that came. Lines are compared first and
    words within them. The work is bounded: where a text asks for more, a longer stretch than needed counts as changed.
    """
    stream = _Stream()
    effort = _Effort(_MOST_CELLS)
    then, now = (_compiled(_LINE).findall(text) for text in (before, after))
    for old, new, same in _stretches(then, now, effort):
        if same:
            stream.add(" ", "".join(new))
        else:
            _mark_words("".join(old), "".join(new), stream, effort)
    return stream.end()


# How


@cache
def _leaves(kind: Kind) -> dict[str, Shape]:
    return {path: _shape(field.type) for path, field in leaves(kind).items()}


def _shape(of: FieldType) -> Shape:
    if isinstance(of, Many):
        return "list"
    return "text" if isinstance(of, Text) and of.most > _LONGEST_LINE else "value"


# Names, versions and licences are at most so long; a description or a template may be more.
_LONGEST_LINE = 128


def _kind(record: Record) -> Kind:
    return "model" if ID_FIELD["model"] in record else "agent"


def _holder(record: Record, path: str) -> tuple[Record, str]:
    """The dict that holds a field, and its name there. A dot in a path always leads into a struct."""
    outer, dot, inner = path.partition(".")
    deeper = record[outer] if dot else record
    if not isinstance(deeper, dict) or (inner or outer) not in deeper:
        raise KeyError(path)
    return deeper, inner or outer


def _set(record: Record, path: str, value: Json) -> None:
    if path not in _leaves(_kind(record)):
        raise KeyError(path)
    holder, name = _holder(record, path)
    holder[name] = _own(value)


def _own(value: Json) -> Json:
    """A copy of a field's value; several times as fast as `deepcopy` is."""
    if isinstance(value, list):
        return [_own(item) for item in value]
    return dict(value) if isinstance(value, dict) else value


def _merged(shape: Shape, base: Json, based: bool, values: tuple[Json, ...]) -> tuple[Json, bool]:
    """What becomes of values that are not all equal, and whether that is open."""
    changed = [value for value in values if not based or value != base]
    if all(value == changed[0] for value in changed):
        return changed[0], False
    if shape == "list":
        return _merged_lists(base, based, values), False
    return values[0], True


# A named variant and an `Other` of the same text are two items.
_ItemKey: TypeAlias = tuple[str, str]


def _items(value: Json) -> dict[_ItemKey, Json]:
    """The items of a list by what makes them equal, each once, in the order of the list."""
    found: dict[_ItemKey, Json] = {}
    for item in value if isinstance(value, list) else ():
        key = ("Other", str(item.get("Other"))) if isinstance(item, dict) else ("", str(item))
        found.setdefault(key, item)
    return found


def _merged_lists(base: Json, based: bool, values: tuple[Json, ...]) -> list[Json]:
    """Lists merged by item, each item once.

    What stays keeps the ancestor's order, or the one new order where the versions know only one. New items follow, the
    ones that stand first among a version's new items before the others, so that no version comes before another.
    """
    versions = [_items(value) for value in values]
    known = _items(base) if based else versions[0]
    kept = {key for key in known if not based or all(key in version for version in versions)}
    order = tuple(key for key in known if key in kept)
    if based:
        orders = {tuple(key for key in version if key in kept) for version in versions} - {order}
        order = orders.pop() if len(orders) == 1 else order
    found = dict(known)
    places: dict[_ItemKey, int] = {}
    for version in versions:
        found.update(version)
        for place, key in enumerate(key for key in version if key not in known):
            places[key] = min(place, places.get(key, place))
    return [found[key] for key in (*order, *sorted(places, key=lambda key: (places[key], key)))]


# ---- words ---------------------------------------------------------------------------------------------------------

_LINE = r"[^\n]*\n|[^\n]+"
# Scripts that put no space between words: kana, Chinese characters, Hangul. Each character counts as a word, together
# with the marks that belong to it.
_UNSPACED = "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_WORDS = rf"((?:[{_UNSPACED}][\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef]*|[^\s{_UNSPACED}]+)?)(\s*)"
_compiled = cache(re.compile)

# So many comparisons of two words are some ten milliseconds.
_MOST_CELLS = 100_000
# So few take no longer than looking for what occurs once.
_FEW_CELLS = 100
# How often a stretch is cut again at what occurs once in it; an ordinary text needs two or three rounds.
_DEEPEST = 6

_Block: TypeAlias = tuple[int, int, int]  # begins here before, begins there after, so many are equal


class _Effort:
    """What is left of the work that a comparison may cost."""

    def __init__(self, cells: int) -> None:
        self._left = cells

    def allows(self, cells: int) -> bool:
        if cells > self._left:
            return False
        self._left -= cells
        return True


class _Stream:
    """Collects pieces: what went and what came since the last piece that stayed is one piece each."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._open: dict[Sign, list[str]] = {" ": [], "-": [], "+": []}

    def add(self, sign: Sign, text: str) -> None:
        if text:
            self._close("-" if sign == " " else " ")
            if sign == " ":
                self._close("+")
            self._open[sign].append(text)

    def end(self) -> list[Piece]:
        for sign in self._open:
            self._close(sign)
        return self._pieces

    def _close(self, sign: Sign) -> None:
        if self._open[sign]:
            self._pieces.append(Piece("".join(self._open[sign]), sign))
            self._open[sign].clear()


def _mark_words(before: str, after: str, stream: _Stream, effort: _Effort) -> None:
    """Word by word; the space after a word may have changed without it."""
    then, now = (_compiled(_WORDS).findall(text)[:-1] for text in (before, after))
    words, new_words = [word for word, _ in then], [word for word, _ in now]
    place = new_place = 0
    for old, new, same in _stretches(words, new_words, effort):
        spaces = [space for _, space in then[place : place + len(old)]]
        new_spaces = [space for _, space in now[new_place : new_place + len(new)]]
        place, new_place = place + len(old), new_place + len(new)
        if same:
            for word, space, new_space in zip(new, spaces, new_spaces, strict=True):
                stream.add(" ", word)
                _mark(space, new_space, stream)
            continue
        # Space that follows both is no part of the change.
        after_both = spaces.pop() if spaces and new_spaces and spaces[-1] == new_spaces[-1] else None
        if after_both is not None:
            new_spaces[-1] = ""
            spaces.append("")
        stream.add("-", "".join(word + space for word, space in zip(old, spaces, strict=True)))
        stream.add("+", "".join(word + space for word, space in zip(new, new_spaces, strict=True)))
        stream.add(" ", after_both or "")


def _mark(before: str, after: str, stream: _Stream) -> None:
    if before == after:
        stream.add(" ", after)
    else:
        stream.add("-", before)
        stream.add("+", after)


def _stretches(then: list[str], now: list[str], effort: _Effort) -> Iterator[tuple[list[str], list[str], bool]]:
    """Both lists cut into stretches that are equal or differ, in order."""
    place = new_place = 0
    for begins, new_begins, length in (*sorted(_blocks(then, now, effort)), (len(then), len(now), 0)):
        if begins > place or new_begins > new_place:
            yield then[place:begins], now[new_place:new_begins], False
        place, new_place = begins + length, new_begins + length
        if length:
            yield then[begins:place], now[new_begins:new_place], True


def _blocks(then: list[str], now: list[str], effort: _Effort) -> list[_Block]:
    """Blocks that are equal, none crossing another.

    What is equal at both ends is taken first, then what occurs once on both sides (as in a patience diff: most likely
    these are the same ones), and between these the same again. What is left is compared each with each, if it is small.
    """
    found: list[_Block] = []
    stretches = [(0, len(then), 0, len(now), 0)]
    while stretches:
        first, last, new_first, new_last, depth = stretches.pop()
        begins, new_begins = first, new_first
        while first < last and new_first < new_last and then[first] == now[new_first]:
            first, new_first = first + 1, new_first + 1
        found.append((begins, new_begins, first - begins))
        ends = last
        while first < last and new_first < new_last and then[last - 1] == now[new_last - 1]:
            last, new_last = last - 1, new_last - 1
        found.append((last, new_last, ends - last))
        if set(then[first:last]).isdisjoint(now[new_first:new_last]):
            continue
        cells = (last - first) * (new_last - new_first)
        cut = depth < _DEEPEST and cells > _FEW_CELLS
        anchors = _anchors(then, now, first, last, new_first, new_last) if cut else []
        for place, new_place in anchors:
            found.append((place, new_place, 1))
            stretches.append((first, place, new_first, new_place, depth + 1))
            first, new_first = place + 1, new_place + 1
        if anchors:
            stretches.append((first, last, new_first, new_last, depth + 1))
        elif effort.allows(cells):
            found += _most_equal(then, now, first, last, new_first, new_last)
    return [block for block in found if block[2]]


def _anchors(
    then: list[str], now: list[str], first: int, last: int, new_first: int, new_last: int
) -> list[tuple[int, int]]:
    """Where what occurs once on both sides stands: as many as there are in the same order."""
    counts, new_counts = Counter(then[first:last]), Counter(now[new_first:new_last])
    new_places = {now[place]: place for place in range(new_first, new_last) if new_counts[now[place]] == 1}
    pairs = [
        (place, new_places[then[place]])
        for place in range(first, last)
        if counts[then[place]] == 1 and then[place] in new_places
    ]
    # The longest ascending row of the new places.
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for number, (_, new_place) in enumerate(pairs):
        length = bisect_left(tails, new_place)
        previous.append(ends[length - 1] if length else -1)
        tails[length : length + 1] = [new_place]
        ends[length : length + 1] = [number]
    row: list[tuple[int, int]] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        row.append(pairs[number])
        number = previous[number]
    return row[::-1]


def _most_equal(then: list[str], now: list[str], first: int, last: int, new_first: int, new_last: int) -> list[_Block]:
    """A longest common row, each compared with each."""
    width = new_last - new_first
    # rows[i][j]: how many are equal from the i-th before and the j-th after on
    rows = [[0] * (width + 1)]
    for place in range(last - 1, first - 1, -1):
        below, row, word = rows[-1], [0] * (width + 1), then[place]
        for at in range(width - 1, -1, -1):
            if word == now[new_first + at]:
                row[at] = below[at + 1] + 1
            else:
                row[at] = max(below[at], row[at + 1])
        rows.append(row)
    rows.reverse()
    found: list[_Block] = []
    place = at = 0
    while place < last - first and at < width:
        if then[first + place] == now[new_first + at]:
            found.append((first + place, new_first + at, 1))
            place, at = place + 1, at + 1
        elif rows[place + 1][at] >= rows[place][at + 1]:
            place += 1
        else:
            at += 1
    return found
