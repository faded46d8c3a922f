"""JSON and YAML as people write them in files -> plain JSON values, or one sentence with the place of what is wrong.

YAML is read as text throughout: `version: 1.0` stays `1.0` and `license: no` stays `no`; `read_record` makes numbers
where a field holds numbers. Neither format may name a key twice, and YAML's anchors, aliases, merge keys and tags,
with which one document can mean several things, are refused.

What programs of others wrote is read as they wrote it (`load_foreign`): with anchors, within bounds, with `Infinity`,
and a field that cannot be read costs that field alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

from tui_registry.errors import Json, RegistryError
from tui_registry.text import safe_text

if TYPE_CHECKING:
    import yaml

MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_FOREIGN_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
_LONGEST_NUMBER = 40


class NotJsonError(ValueError):
    """Bytes that are no strict JSON; the message goes after the name of what holds them, such as `is not JSON`."""


class DocumentError(RegistryError):
    """A file that cannot be read as JSON or YAML; code `document`. Line and column count from 1, or are None."""

    def __init__(self, name: str, sentence: str, line: int | None = None, column: int | None = None) -> None:
        place = f", line {line}, column {column}" if line is not None else ""
        super().__init__("document", f"{safe_text(name, 200)}{place}: {sentence}")
        self.line = line
        self.column = column


def load_document(text: str, name: str) -> Json:
    """The value that a JSON or YAML text holds.

    Args:
        text: the whole text, at most 1 MiB.
        name: what it is called in errors; `.json`, `.yaml` and `.yml` decide the format, else its first character does.

    Raises:
        DocumentError: it is too big, too deep, not of its format, or says one thing twice.
    """
    text = text.removeprefix("\ufeff")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise DocumentError(name, "holds bytes that are not UTF-8: save it as UTF-8") from None
    if size > MAX_DOCUMENT_BYTES:
        # Of a file, no more is at hand than its beginning
        raise DocumentError(name, f"is longer than the {MAX_DOCUMENT_BYTES:,} bytes that are read")
    if not text.strip():
        raise DocumentError(name, "is empty")
    suffix = PurePath(name).suffix.lower()
    is_json = suffix == ".json" or (suffix not in (".yaml", ".yml") and text.lstrip()[0] in "{[")
    return _json(text, name) if is_json else _yaml(text, name)


def load_foreign(text: str, name: str, notes: list[str]) -> Json:
    """The value in a JSON or YAML text of somebody else's program.

    `Infinity` and `NaN` are numbers, and YAML's anchors and merge keys are read as far as what they stand for stays
    small. A key that is given twice with different values, and a field of YAML's outermost mapping that is no YAML, are
    left out, but for a line of text, which is taken as it stands; `notes` is told.

    Args:
        text: at most 4 MiB. name: as for `load_document`.

    Raises:
        DocumentError: as for `load_document`, of what is left after that.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_FOREIGN_BYTES:
        raise DocumentError(name, f"has more than the {MAX_FOREIGN_BYTES:,} bytes that are read")
    if not text.strip():
        raise DocumentError(name, "is empty")
    suffix = PurePath(name).suffix.lower()
    if suffix == ".json" or (suffix not in (".yaml", ".yml") and text.lstrip()[0] in "{["):
        try:
            return tolerant_json(text, notes)
        except NotJsonError as error:
            raise DocumentError(name, str(error)) from None
    try:
        return _yaml(text, name, notes)
    except DocumentError:
        fields = _field_by_field(text, name, notes)
        if not fields:
            raise
        return fields


def tolerant_json(text: str, notes: list[str]) -> Json:
    """The value in JSON as programs write it: `Infinity` and `NaN` are numbers, comments and a comma behind the last
    item are passed over; what is given twice with different values is left out, and `notes` is told.

    Raises:
        NotJsonError: it is none.
    """

    def once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        value = dict(pairs)
        if len(value) < len(pairs):
            firsts = dict(reversed(pairs))
            for key in [key for key in value if firsts[key] is not value[key] and firsts[key] != value[key]]:
                del value[key]
                _tell_twice(notes, key)
        return value

    text = text.removeprefix("\ufeff")
    try:
        try:
            value: Json = json.loads(text, object_pairs_hook=once)
        except ValueError:
            plain = _without_comments(text)
            if plain == text:
                raise
            value = json.loads(plain, object_pairs_hook=once)
    except RecursionError:
        raise NotJsonError("is nested too deep") from None
    except ValueError as error:
        raise NotJsonError("is not JSON") from error
    return value


def _without_comments(text: str) -> str:
    """JSON without what editors let people write in their settings; every place stays in its line and column."""
    kept = _COMMENT.sub(lambda match: match["string"] or _BLANKED.sub(" ", match[0]), text)
    return _LAST_COMMA.sub(lambda match: match["string"] or " ", kept)


# As `_JSON_TOKEN`, what does not end is taken whole.
_STRING = r'(?P<string>"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?)'
_COMMENT = re.compile(rf"{_STRING}|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?")
_LAST_COMMA = re.compile(rf"{_STRING}|,(?=[ \t\r\n]*+[\]}}])")
_BLANKED = re.compile(r"[^\n]")


def _tell_twice(notes: list[str], key: str) -> None:
    if len(notes) < _MOST_NOTES:
        notes.append(f"{safe_text(key, 40)} is given twice with different values, so it was left out")


_MOST_NOTES = 16


def strict_json(data: bytes) -> Json:
    """The value in strict JSON: UTF-8, no name given twice in an object, no NaN. As fast as `json` itself.

    Args:
        data: of any size: who calls bounds it. A value nested deeper than the recursion limit is refused.

    Raises:
        NotJsonError: it is none.
    """
    try:
        value: Json = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_refused)
    except UnicodeDecodeError:
        raise NotJsonError("holds bytes that are not UTF-8") from None
    except RecursionError:
        raise NotJsonError("is nested too deep") from None
    except NotJsonError:
        raise
    except ValueError as error:  # numbers of thousands of digits too
        raise NotJsonError("is not JSON") from error
    return value


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJsonError(f"names {safe_text(twice, 40)} twice")
    return value


def _refused(name: str) -> Json:
    raise ValueError(name)


# ---- JSON documents, with the place of what is wrong -----------------------------------------------------------------

# A string that does not end is a token too and nothing is tried twice, or a hostile file would cost its size squared.
_JSON_TOKEN = re.compile(
    r'(?P<string>"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?)(?P<colon>\s*+:)?|(?P<open>[\[{])|(?P<close>[\]}])'
    r"|(?P<number>-?[0-9][0-9.eE+-]*)|(?P<nan>NaN|-?Infinity)"
)


def _json(text: str, name: str) -> Json:
    _look_over(text, name)
    try:
        return strict_json(text.encode())
    except NotJsonError as refusal:
        error = refusal.__cause__
        if not isinstance(error, json.JSONDecodeError):
            raise DocumentError(name, str(refusal)) from None
        message = error.msg[:1].lower() + error.msg[1:].removesuffix(" at").removesuffix(" starting")
        raise DocumentError(name, f"is not JSON: {message}", error.lineno, error.colno) from None


def _look_over(text: str, name: str) -> None:
    """Refuse what `json.loads` would take or trip over: keys given twice, NaN, endless numbers, deep nesting."""
    keys: list[set[str]] = []
    for token in _JSON_TOKEN.finditer(text):
        match token.lastgroup:
            case "open":
                keys.append(set())
                if len(keys) > MAX_DEPTH:
                    raise _at(text, name, token.start(), f"is nested deeper than {MAX_DEPTH} levels")
            case "close":
                if keys:
                    keys.pop()
            case "colon" if keys:
                key = _unquoted(token["string"])
                if key in keys[-1]:
                    raise _at(text, name, token.start(), f"{safe_text(key, 40)} is given twice: keep one")
                keys[-1].add(key)
            case "nan":
                raise _at(text, name, token.start(), f"{token[0]} is not a JSON number")
            case "number" if len(token[0]) > _LONGEST_NUMBER:
                raise _at(text, name, token.start(), f"a number has {len(token[0]):,} characters: no field takes that")


def _unquoted(string: str) -> str:
    try:
        return str(json.loads(string))
    except json.JSONDecodeError:
        return string  # a broken escape: `json.loads` will say so with its place


def _at(text: str, name: str, offset: int, sentence: str) -> DocumentError:
    line = text.count("\n", 0, offset) + 1
    return DocumentError(name, sentence, line, offset - (text.rfind("\n", 0, offset) + 1) + 1)


# ---- YAML ----------------------------------------------------------------------------------------------------------


def _yaml(text: str, name: str, notes: list[str] | None = None, anchors: _Anchors | None = None) -> Json:
    """With `notes`, as others' programs write it; `anchors` are known before, and those of the text join them."""
    import yaml

    unprintable = yaml.SafeLoader.NON_PRINTABLE.search(text)
    if unprintable is not None and notes is None:
        raise _at(text, name, unprintable.start(), "holds a control character: remove it")
    if unprintable is not None:
        text = yaml.SafeLoader.NON_PRINTABLE.sub("", text)
    # libyaml's scanner where the wheel has it: twenty times as fast, the same events.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reader = _YamlReader(name) if notes is None else _ForeignYamlReader(name, notes, anchors)
    try:
        for event in yaml.parse(text, Loader=loader):
            match event:
                case yaml.ScalarEvent():
                    reader.scalar(event)
                case yaml.MappingStartEvent():
                    reader.open(event, {})
                case yaml.SequenceStartEvent():
                    reader.open(event, [])
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    reader.close()
                case yaml.AliasEvent():
                    reader.alias(event)
                case yaml.DocumentStartEvent():
                    reader.begin(event)
                case yaml.DocumentEndEvent():
                    reader.end()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        sentence = f"is not YAML: {safe_text(error.problem or 'it cannot be read', 120)}"
        if mark is None:
            raise DocumentError(name, sentence) from None
        raise DocumentError(name, sentence, mark.line + 1, mark.column + 1) from None
    except RecursionError:
        raise DocumentError(name, "is nested too deep") from None
    if reader.is_empty:
        raise DocumentError(name, "is empty")
    return reader.value


# A field of the outermost mapping, with its value: to the next line that begins with a key.
_FIELD = re.compile(r"^(?P<key>[A-Za-z_][\w.-]{0,80})[ \t]*:(?=[ \t\r\n]|\Z)", re.MULTILINE)
_MOST_FIELDS = 200
# What begins something in YAML that is no plain text.
_NO_PLAIN = frozenset("\"'{}[]&*!|>%@`#?-")


def _field_by_field(text: str, name: str, notes: list[str]) -> dict[str, Json]:
    """The fields of YAML's outermost mapping that can be read by themselves, where the whole cannot."""
    fields: dict[str, Json] = {}
    twice: set[str] = set()
    anchors: _Anchors = {}
    for key, line, part in top_fields(text):
        inner: list[str] = []
        try:
            value = _yaml(part, name, inner, anchors)
        except DocumentError as error:
            place = line + (error.line or 1)
            plain = part.partition(":")[2].strip()
            # As people write who do not know that `: ` and ` #` mean something in YAML
            if plain and plain[0] not in _NO_PLAIN and len(plain.splitlines()) == 1:
                fields.setdefault(key, plain)
                if len(notes) < _MOST_NOTES:
                    notes.append(f"{safe_text(key, 40)} is no YAML, so its line was taken as it stands (line {place})")
                continue
            said = error.sentence.partition(": ")[2]
            if len(notes) < _MOST_NOTES:
                notes.append(f"{safe_text(key, 40)} could not be read and was left out (line {place}: {said})")
            continue
        found = value.get(key) if isinstance(value, dict) else None
        if key in fields and fields[key] != found:
            twice.add(key)
        elif found is not None:
            fields[key] = found
        notes.extend(inner[: max(0, _MOST_NOTES - len(notes))])
    for key in twice:
        del fields[key]
        _tell_twice(notes, key)
    return fields


def top_fields(text: str) -> Iterator[tuple[str, int, str]]:
    """Each field of YAML's outermost mapping: its key, how many lines stand before it, and its lines."""
    found = []
    for match in _FIELD.finditer(text):
        found.append(match)
        if len(found) > _MOST_FIELDS:
            break
    line, at = 0, 0
    # Of no fields at all there is none that follows
    for match, following in zip(found, [*found[1:], None], strict=False):
        line += text.count("\n", at, match.start())
        at = match.start()
        if following is not None or len(found) <= _MOST_FIELDS:
            yield match["key"], line, text[at : None if following is None else following.start()]


class _YamlReader:
    """Builds plain values from YAML's events, where the loaders of the package would resolve scalars and aliases."""

    def __init__(self, name: str) -> None:
        self.value: Json = None
        self._name = name
        self.is_empty = True
        # The open lists and mappings, each mapping with the key whose value comes next.
        self._open: list[list[Json] | dict[str, Json]] = []
        self._keys: list[str | None] = []

    def begin(self, event: yaml.DocumentStartEvent) -> None:
        if not self.is_empty:
            raise self._error(event, "holds more than one document: keep one")
        self.is_empty = False

    def end(self) -> None:
        """The document has ended."""

    def scalar(self, event: yaml.ScalarEvent) -> None:
        self._refuse_extras(event, event.anchor, event.tag)
        self._add(event, event.value, merge=not event.style and event.value == "<<")

    def alias(self, event: yaml.AliasEvent) -> None:
        raise self._error(event, "aliases such as *name are not read: write the value out")

    def open(self, event: yaml.CollectionStartEvent, value: list[Json] | dict[str, Json]) -> None:
        self._refuse_extras(event, event.anchor, event.tag)
        self._begin(event, value)

    def close(self) -> None:
        self._open.pop()
        self._keys.pop()

    def _refuse_extras(self, event: yaml.Event, anchor: str | None, tag: str | None) -> None:
        if anchor is not None:
            raise self._error(event, "anchors such as &name are not read: write the value out")
        if tag is not None:
            raise self._error(event, "tags such as !!str are not read: leave it out, the field decides the type")

    def _begin(self, event: yaml.Event, value: list[Json] | dict[str, Json]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise self._error(event, f"is nested deeper than {MAX_DEPTH} levels")
        self._add(event, value)
        self._open.append(value)
        self._keys.append(None)

    def _add(self, event: yaml.Event, value: Json, merge: bool = False) -> None:
        if not self._open:
            self.value = value
            return
        parent, key = self._open[-1], self._keys[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif key is not None:
            parent[key] = value
            self._keys[-1] = None
        elif merge:
            raise self._error(event, "merge keys (<<) are not read: write the fields out")
        elif not isinstance(value, str):
            raise self._error(event, "a key must be text")
        elif value in parent:
            raise self._error(event, f"{safe_text(value, 40)} is given twice: keep one")
        else:
            self._keys[-1] = value

    def _error(self, event: yaml.Event, sentence: str) -> DocumentError:
        mark = event.start_mark
        if mark is None:
            return DocumentError(self._name, sentence)
        return DocumentError(self._name, sentence, mark.line + 1, mark.column + 1)


# What the aliases of one document may stand for, in values: files dumped with anchors have a few dozen.
_MOST_ALIASED = 100_000
# Scalars that YAML takes for nothing where they are not quoted (https://yaml.org/type/null.html).
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MERGE = "<<"


# By the name of an anchor: a value, how many values it holds, and how many levels.
_Anchors: TypeAlias = dict[str, tuple[Json, int, int]]


class _ForeignYamlReader(_YamlReader):
    """Reads anchors and merge keys too, bounded by what they stand for; tags are passed over, and null is nothing."""

    def __init__(self, name: str, notes: list[str], anchors: _Anchors | None) -> None:
        super().__init__(name)
        self._notes = notes
        self._anchors = {} if anchors is None else anchors
        # Beside each open list or mapping: its anchor, and how many values and levels it has so far.
        self._measures: list[tuple[str | None, int, int]] = []
        self._aliased = 0
        self._merging: list[dict[str, Json]] = []
        self._repeated: list[tuple[dict[str, Json], str, Json]] = []

    def end(self) -> None:
        """Leave out what was given twice, unless both say the same."""
        for parent, key, first in self._repeated:
            if key in parent and parent[key] != first:
                del parent[key]
                _tell_twice(self._notes, key)

    def scalar(self, event: yaml.ScalarEvent) -> None:
        plain = not event.style
        value: Json = None if plain and event.value in _NULLS else event.value
        size = 1 + len(event.value) // 64
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, size, 0)
        self._count(size, 0)
        is_key = bool(self._open) and isinstance(self._open[-1], dict) and self._keys[-1] is None
        self._add(event, str(event.value) if is_key else value, merge=plain and event.value == _MERGE)

    def open(self, event: yaml.CollectionStartEvent, value: list[Json] | dict[str, Json]) -> None:
        self._begin(event, value)
        self._measures.append((event.anchor, 1, 1))

    def close(self) -> None:
        anchor, size, height = self._measures.pop()
        value = self._open.pop()
        self._keys.pop()
        if isinstance(value, dict):
            self._settle(value)
        if anchor is not None:
            self._anchors[anchor] = (value, size, height)
        self._count(size, height)

    def alias(self, event: yaml.AliasEvent) -> None:
        found = self._anchors.get(event.anchor or "")
        if found is None:
            raise self._error(event, "an alias names no value before it")
        value, size, height = found
        self._aliased += size
        if self._aliased > _MOST_ALIASED:
            raise self._error(event, f"its aliases stand for more than {_MOST_ALIASED:,} values")
        if len(self._open) + height > MAX_DEPTH:
            raise self._error(event, f"is nested deeper than {MAX_DEPTH} levels")
        self._count(size, height)
        self._add(event, value)

    def _count(self, size: int, height: int) -> None:
        if self._measures:
            anchor, sizes, heights = self._measures[-1]
            self._measures[-1] = (anchor, sizes + size, max(heights, height + 1))

    def _add(self, event: yaml.Event, value: Json, merge: bool = False) -> None:
        parent = self._open[-1] if self._open else None
        if isinstance(parent, dict) and self._keys[-1] is None and isinstance(value, str):
            if merge:
                self._merging.append(parent)
            if value in parent:
                self._repeated.append((parent, value, parent.pop(value)))
            self._keys[-1] = value
            return
        super()._add(event, value, merge)

    def _settle(self, value: dict[str, Json]) -> None:
        """Give a mapping what its merge key names."""
        if not (self._merging and self._merging[-1] is value):
            return
        self._merging.pop()
        named = value.pop(_MERGE, None)
        for base in named if isinstance(named, list) else [named]:
            for key, inner in base.items() if isinstance(base, dict) else ():
                value.setdefault(key, inner)
