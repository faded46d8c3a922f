"""What a query means, in plain Python over plain records: the oracle that the replica's SQL is tested against."""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from tui_registry.errors import Json, Kind, Problem, Record
from tui_registry.fit import card, limits, parse_size
from tui_registry.frozen import NamedTuple

from .fields import FIELDS, FITS, LARGEST, STATUSES, Field, alike, is_hex, is_in_use, measured, version_beginnings
from .folding import (
    fold_case,
    folded_character,
    forms,
    goes_on,
    has_inside,
    is_inside,
    searched_words,
    spellings_of,
    word_places,
    words,
)
from .nodes import And, Match, Node, Not, Or, Query, Range, Text

if TYPE_CHECKING:
    from tui_registry.fit import Machine


class Document(NamedTuple):
    """A record and what this replica knows about it.

    Attributes:
        record: plain, as serde prints it; a missing field counts as not stated.
        mine: its owner is this replica's own key.
        live_heads: how many live heads it has; more than one is a conflict.
        problems: what the authoring rules say; an error makes it invalid, a warning does not.
        owner_name: the local name of its owner.
        models: the models that are here, as (id, name).
        status: what its manifest says of it, None where it is to be used.
        manifest_heads: how many versions of its manifest are live; 0 where it has none.
        manifest: plain, None where it has none. orphaned: it names a model that is not here.
        starred: the person who asks put a star to it. note: what they wrote to it, None where they did not.
        new: one of its versions, or of its manifest's, came from others since that person looked.
        pulled: when these versions came from others, in Unix seconds. watched: it is of what that person watches.
        need: the bytes that a model needs at the usual context; None where nothing tells them.
        machine: of whoever asks; None where it is not known, and then nothing fits it.
    """

    kind: Kind
    record: Record
    mine: bool = False
    live_heads: int = 1
    problems: tuple[Problem, ...] = ()
    owner_name: str | None = None
    models: tuple[tuple[str, str], ...] = ()
    status: str | None = None
    manifest_heads: int = 0
    need: int | None = None
    machine: Machine | None = None
    manifest: Record | None = None
    orphaned: bool = False
    starred: bool = False
    note: str | None = None
    new: bool = False
    pulled: tuple[int, ...] = ()
    watched: bool = False


def matches(query: Query, document: Document) -> bool:
    """Whether the query finds the document. Its order (`sort:`) plays no part."""
    return query.where is None or _holds(query.where, document)


def values_of(field: Field, document: Document) -> list[str]:
    """The texts that a document holds in a field: a list's items, an enum's name, the text of an `Other`."""
    value = _at(document, field)
    return [text for text in map(_plain, value if isinstance(value, list) else [value]) if text is not None]


def number_of(field: Field, document: Document) -> int | None:
    """The number that a document states in a field, clamped to 2^63-1 as catalogue columns are; None when it states
    none, which is what 0 parameters mean."""
    value = _at(document, field)
    if not isinstance(value, int) or isinstance(value, bool) or (field.name == "params" and value == 0):
        return None
    return min(value, LARGEST)


def _holds(node: Node, document: Document) -> bool:
    match node:
        case Text():
            if node.owner and _holds(node.named, document):
                return True
            held = searched_words(document.record)
            if node.in_name:
                return is_in_name(node, held.name, held.name_forms) or _is_inside_one(node, held.name, held.name_forms)
            if any(stands_in(node, column) for column in held):
                return True
            return _is_spelt(node, held.name) or _is_inside_one(node, held.name, held.name_forms)
        case Match(name, value):
            return _has_value(FIELDS[name], value, document)
        case Range(name, low, high):
            number = number_of(FIELDS[name], document)
            numbers = document.pulled if name == "pulled" else () if number is None else (number,)
            return any((low is None or low <= one) and (high is None or one <= high) for one in numbers)
        case Not(inner):
            return not _holds(inner, document)
        case And(nodes):
            return all(_holds(part, document) for part in nodes)
        case Or(nodes):
            return any(_holds(part, document) for part in nodes)


def stands_in(text: Text, found: Sequence[str]) -> bool:
    """Whether the words of `text` stand somewhere in `found`, next to each other and in their order."""
    return _stand_in(text.words, text.prefix, found)


def is_in_name(text: Text, name: Sequence[str], name_forms: Sequence[str]) -> bool:
    """Whether a name holds the words of `text`, in another spelling too, and not only inside of others."""
    text = text.named
    return stands_in(text, name) or stands_in(text, name_forms) or _is_spelt(text, name)


def begins_name(text: Text, name: Sequence[str]) -> bool:
    """Whether a name begins with the words of `text`."""
    return _in_a_line(name).startswith(_sought(text))


def found_in(shown: str, texts: Sequence[Text]) -> list[tuple[int, int]]:
    """Where what was looked for stands in a text as it is shown: stretches of it, (start, end), in order, none touching
    another. Of a word that was begun it is the beginning; inside of words what was typed."""
    if not texts:
        return []
    folded, places = _folded_with_places(shown)
    standing = word_places(folded)
    words = [word for word, _, _ in standing]
    marked: set[int] = set()
    for text in texts:
        stretches = list(_stretches(text, words, standing))
        if not stretches and len(text.words) == 1:
            stretches = list(_inside_stretches(text, shown, folded, places))
        marked.update(place for start, end in stretches for place in range(start, end))
    characters = {places[place] for place in marked}
    if characters and not shown.isascii():
        cut = set(places)
        for place in range(1, len(shown)):
            # What is left out of words, such as an accent by itself, is drawn upon the character before it.
            if place not in cut and place - 1 in characters:
                characters.add(place)
    found: list[tuple[int, int]] = []
    for place in sorted(characters):
        if found and found[-1][1] == place:
            found[-1] = found[-1][0], place + 1
        else:
            found.append((place, place + 1))
    return found


def _folded_with_places(shown: str) -> tuple[str, list[int]]:
    """The text as words are cut from it, and of each of its characters the place of the one that is shown."""
    if shown.isascii():
        return shown.lower(), [*range(len(shown))]
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(shown):
        one = "".join(map(folded_character, unicodedata.normalize("NFKC", character)))
        folded.append(one)
        places += [place] * len(one)
    return "".join(folded), places


def _stretches(text: Text, words: Sequence[str], standing: Sequence[tuple[str, int, int]]) -> Iterator[tuple[int, int]]:
    for wanted, prefix in _ways(text):
        for start in range(len(words) - len(wanted) + 1):
            last = start + len(wanted) - 1
            if _stand_in(wanted, prefix, words[start : last + 1]):
                yield standing[start][1], standing[last][1] + len(wanted[-1])


def _inside_stretches(text: Text, shown: str, folded: str, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where one word stands inside of others: anywhere where that is looked for, else where a form begins."""
    (word,) = text.words
    anywhere = text.prefix and is_inside(word)
    if not anywhere and not stands_in(text, forms(shown)):
        return
    for found in re.finditer(re.escape(word), folded):
        before, here = shown[: places[found.start()]][-1:], shown[places[found.start()]]
        if anywhere or not before.isalpha() or not here.islower() or not here.isascii():
            yield found.span()


def _is_spelt(text: Text, name: Sequence[str]) -> bool:
    held = _in_a_line(name)
    return any(sought in held for sought in _sought(text)[1:])


def _in_a_line(words: Sequence[str]) -> str:
    return f" {' '.join(words)} "


def _sought(text: Text) -> tuple[str, ...]:
    """What stands in the line of a name's words where one of `_ways` stands in the name. To put matches in order, names
    are looked at by the thousand."""
    return _sought_for(text.words, text.prefix, text.owner, text.beside)


@lru_cache(maxsize=64)
def _sought_for(
    words: tuple[str, ...], prefix: bool, owner: int, beside: tuple[tuple[str, ...], ...]
) -> tuple[str, ...]:
    ways = _ways(Text(words, prefix, False, owner, beside))
    return tuple([f" {' '.join(way)}{'' if may_go_on else ' '}" for way, may_go_on in ways])


def _ways(text: Text) -> list[tuple[tuple[str, ...], bool]]:
    """The words of a text and what names may have for them, each with whether the last word may be a beginning."""
    spellings = spellings_of(text.words) if text.prefix else ()
    spelt = ((words, goes_on(text.words, words)) for words in spellings)
    named = _ways(text.named) if text.owner else ()
    return [(text.words, text.prefix), *spelt, *((words, True) for words in text.beside), *named]


def _is_inside_one(text: Text, *names: Sequence[str]) -> bool:
    """Whether `text` is one word that stands inside of one."""
    typed = text.words[0]
    if not text.prefix or len(text.words) > 1 or not is_inside(typed):
        return False
    return any(typed in word[1:] for found in names for word in found if has_inside(word))


def _stand_in(wanted: Sequence[str], prefix: bool, found: Sequence[str]) -> bool:
    if len(wanted) == 1:  # nearly always
        (word,) = wanted
        return any(one.startswith(word) for one in found) if prefix else word in found
    length = len(wanted)
    whole, last = list(wanted[: length - prefix]), wanted[-1]
    for start in range(len(found) - length + 1):
        here = found[start : start + length]
        if list(here[: len(whole)]) == whole and (not prefix or here[-1].startswith(last)):
            return True
    return False


def _has_value(field: Field, value: str, document: Document) -> bool:
    if field.shape == "kind":
        return document.kind == value
    if field.shape == "flag":
        return _has_flag(value, document)
    if field.shape == "fit":
        return _fits(value, document)
    if field.shape == "hex":
        return any(held.startswith(value) for held in values_of(field, document))
    if field.shape == "note":
        return f" {value}" in _in_a_line(words(document.note or ""))
    if field.shape == "version":
        return any(value in version_beginnings(held) for held in values_of(field, document))
    if field.shape == "model":
        named = tuple(identifier for identifier, name in document.models if fold_case(name) == fold_case(value))
        begins = (*named, value) if is_hex(value) else named
        if field.name == "from" and any(fold_case(name) == fold_case(value) for name in _stated(document, "name")):
            return True
        return any(held.startswith(begins) for held in _ids(field, document))
    if field.shape == "eval":
        return _is_measured(value, document)
    if field.shape == "owner":
        if any(held.startswith(value.lower().removeprefix("0x")) for held in values_of(field, document)):
            return True
        name = document.owner_name
        return name is not None and not value.startswith("0x") and fold_case(name) == fold_case(value)
    if field.name == "status":
        said = fold_case(document.status or "")
        if is_in_use(value):
            return said not in map(fold_case, STATUSES[1:])
        return said == fold_case(value)
    meant = {fold_case(one) for one in alike(field.name, value)}
    return any(fold_case(held) in meant for held in values_of(field, document))


def _has_flag(value: str, document: Document) -> bool:
    if value == "mine":
        return document.mine
    if value == "conflict":
        return document.live_heads > 1 or document.manifest_heads > 1
    if value == "invalid":
        return any(problem.severity == "error" for problem in document.problems)
    if value == "manifest":
        return document.manifest_heads > 0
    if value == "note":
        return document.note is not None
    if value in ("starred", "new", "watched"):
        return {"starred": document.starred, "new": document.new, "watched": document.watched}[value]
    if value == "orphaned":
        return document.orphaned
    if value in ("artifact", "digest"):
        artifacts = [item for item in _list(document, "artifacts") if isinstance(item, dict)]
        return any(value == "artifact" or item["sha256"] is not None for item in artifacts)
    return bool(str(document.record.get("formfile_template", "")).strip())


def _ids(field: Field, document: Document) -> list[str]:
    """The ids of models that a document names."""
    if field.name == "needs":
        return list(map(str, _list(document, "required_models")))
    return _stated(document, "model_id") if field.name == "from" else values_of(field, document)


def _stated(document: Document, member: str) -> list[str]:
    made_from = [item for item in _list(document, "derived_from") if isinstance(item, dict)]
    return [str(item[member]) for item in made_from if item[member]]


def _list(document: Document, name: str) -> list[Json]:
    value = None if document.manifest is None else document.manifest[name]
    return value if isinstance(value, list) else []


def _is_measured(value: str, document: Document) -> bool:
    benchmark, sign, number = measured(value)
    found = [item for item in _list(document, "evaluations") if isinstance(item, dict)]
    values = [float(str(item["value"])) for item in found if fold_case(str(item["benchmark"])) == fold_case(benchmark)]
    return any(number is None or _COMPARED[sign](held, number) for held in values)


_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq
}  # fmt: skip


def _fits(value: str, document: Document) -> bool:
    if document.kind != "model":
        return False
    if document.need is None:
        return value == "unknown"
    if value not in FITS:
        return document.need <= limits(card(parse_size(value))).gpu
    if document.machine is None:
        return False
    known = limits(document.machine)
    kept = document.record.get("resource_requirements")
    needs_gpu = isinstance(kept, dict) and kept.get("requires_gpu") is True
    runs = document.need <= known.gpu or (document.need <= known.cpu and not needs_gpu)
    offloads = not runs and document.need <= known.offload
    return {"runs": runs, "offload": offloads, "no": not runs and not offloads, "unknown": False}[value]


def _at(document: Document, field: Field) -> Json:
    path = field.paths[document.kind == "agent"]
    value: Json = document.record
    for step in path.split(".") if path else ("",):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _plain(value: Json) -> str | None:
    if isinstance(value, dict):
        value = value.get("Other")
    return value if isinstance(value, str) else None
