"""What a query is once it is read: small frozen values that compare by content, and their text in normal form.

`parse(str(query)) == query`, as long as it fits the language's bounds. What cannot be read is a `QueryError`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias, Union

from tui_registry.errors import RegistryError
from tui_registry.frozen import Frozen

from .fields import FIELDS, UNSHARED, normalise
from .folding import joined


class QueryError(RegistryError):
    """A query that cannot be read. Code `query`.

    Attributes:
        position: 0-based index of the first character that is wrong in the text given to `parse`.
        length: how many characters are wrong, at least 1 (it may reach past the end of the text).
        suggestion: what could stand in place of `text[position : position + length]`, or None.
    """

    def __init__(self, sentence: str, position: int, length: int = 1, suggestion: str | None = None) -> None:
        super().__init__("query", sentence)
        self.position = position
        self.length = max(1, length)
        self.suggestion = suggestion

    def corrected(self, text: str) -> str | None:
        """The query's text with the suggestion in its place, or None without a suggestion."""
        if self.suggestion is None:
            return None
        return text[: self.position] + self.suggestion + text[self.position + self.length :]


class Text(Frozen, uncompared=("beside",), hidden=("beside",)):
    """Words that stand next to each other, in this order, in one of the lists of `folding.searched_words`.

    Attributes:
        words: at least one, as `folding.words` cuts them.
        prefix: True when the last word may be the beginning of a longer one. Then a name is found also where it has the
            words in another usual spelling (`folding.spellings_of`), or inside a word of it.
        in_name: True when only the name is looked at (`name:`).
        owner: how many of the words stand before the last slash of `OWNER/NAME` or an address: names are found by the
            others alone. Not 0 with `prefix` only.
        beside: what a name may have in place of this text and the one typed right before or behind it
            (`folding.joined`). It follows from where the text stands, and is no part of equality.
    """

    words: tuple[str, ...]
    prefix: bool
    in_name: bool = False
    owner: int = 0
    beside: tuple[tuple[str, ...], ...] = ()

    @property
    def named(self) -> Text:
        """What is looked for in names: this text, or what stands behind its last slash."""
        return Text(self.words[self.owner :], self.prefix, in_name=True) if self.owner else self


def side_by_side(left: Text, right: Text) -> tuple[Text, Text]:
    """Two texts as they are when they are typed with nothing but space between them."""
    together = _together(left, right)
    return (left, right) if together is None else (_besides(left, together), _besides(right, together))


def _together(left: Text, right: Text) -> tuple[str, ...] | None:
    if any(text.in_name or text.owner or not text.prefix for text in (left, right)):
        return None
    return joined(left.words, right.words)


def _besides(text: Text, together: tuple[str, ...]) -> Text:
    return Text(text.words, text.prefix, beside=(*text.beside, together))


class Match(Frozen):
    """A field that has a value. `fields.FIELDS[field].shape` says how it is compared:

    `word`: equal but for the case of A-Z (with any of the list where the record holds a list);
    `kind`: `model` or `agent`; `flag` (`is`, `has`): mine, conflict, invalid, orphaned, starred, new, watched,
    formfile, manifest, artifact, digest, note;
    `note`: words (`folding.words`) with spaces between, which stand in the note in that order, the last perhaps begun;
    `hex` (`id`): the id begins with the value, 1..64 lower-case hex digits;
    `name`: equal but for the case of A-Z (`name:=`; words in the name are a Text);
    `version`: one of `fields.version_beginnings`, as `fields.plain_version` writes it;
    `model`: the id of a preferred model begins with the value, when that is hex digits; or a model here that has one of
    these ids bears the value for a name, but for the case of A-Z;
    and so for `needs` and `from` with what a manifest says; of `from` the name that a manifest has for it counts too;
    `eval`: a benchmark, but for the case of A-Z, and how what came of it compares with a number (`fields.measured`);
    `fit`: one of `fields.FITS`, what the need of a model is to the machine of whoever asks; or a size as
    `fit.parse_size` reads it, of the GPU that it is to run on;
    `owner`: the address begins with the value (in lower case, without a leading `0x`); or, when the value has no `0x`,
    the owner's local name equals it but for the case of A-Z.
    """

    field: str
    value: str


class Range(Frozen):
    """A number or time of a record between two bounds, both inclusive; None is open. At least one bound is given.

    In the unit of the record's own field (a count, tokens, MB for `mem`, GB for `vram` and `disk`, Unix seconds), never
    below -1 nor above 2^63-1. `low > high` (always 1 and 0) matches nothing. A record that does not state the number
    (null, 0 parameters, or a kind without the field) is in no range; `Not` of a range holds for it.
    """

    field: str
    low: int | None
    high: int | None


class Not(Frozen):
    """Everything that `node` does not match. The parser never nests one directly in another."""

    node: Node


class And(Frozen):
    """All of two or more nodes, none of them an And."""

    nodes: tuple[Node, ...]


class Or(Frozen):
    """Any of two or more nodes, none of them an Or."""

    nodes: tuple[Node, ...]


Node: TypeAlias = Union[Text, Match, Range, Not, And, Or]


class Sort(Frozen):
    """An order of results; `key` is relevance (never descending), name, updated, created, params, context or fit."""

    key: str
    descending: bool


class Query(Frozen, uncompared=("unfinished", "notes")):
    """A query that was read. `str()` of it is a normal form that reads as an equal query.

    Attributes:
        where: None matches everything.
        sort: None leaves the order to the caller.
        unfinished: something at the end was left out because it is still being typed; no part of equality.
        notes: what was not read as it may have been meant, a sentence each, safe to show; no part of equality.
    """

    where: Node | None
    sort: Sort | None
    unfinished: bool
    notes: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[Text, ...]:
        """The free text that is looked for (not the text that is excluded), in order: to highlight, rank or correct."""
        return tuple(positive_texts(self.where))

    @property
    def unshared(self) -> Match | Range | None:
        """The first part that asks for what one replica alone knows (`fields.UNSHARED`), None where none does."""
        return _unshared(self.where)

    @property
    def matches(self) -> tuple[Match, ...]:
        """Every value of a field that plays a part in it, in order."""
        return tuple(_matches(self.where))

    def asks(self, field: str, value: str | None = None) -> bool:
        """Whether a field plays a part in the query; with `value` only as this one."""
        return any(match.field == field and value in (None, match.value) for match in self.matches)

    def __str__(self) -> str:
        parts = [] if self.where is None else [_written(self.where)]
        if self.sort is not None:
            parts.append(f"sort:{'-' if self.sort.descending else ''}{self.sort.key}")
        return " ".join(parts)


def expect_shared(query: Query) -> None:
    """See to it that a query asks for nothing that one replica alone knows.

    Raises:
        QueryError: it does.
    """
    part = query.unshared
    if part is not None:
        what = _written(part)
        raise QueryError(f"{what} asks for what one person keeps in their own replica: a node tells nothing of that", 0)


def positive_texts(node: Node | None, negated: bool = False) -> list[Text]:
    """The Text nodes under an even number of Nots, in order."""
    if isinstance(node, Text):
        return [] if negated else [node]
    if isinstance(node, Not):
        return positive_texts(node.node, not negated)
    if isinstance(node, And | Or):
        return [text for part in node.nodes for text in positive_texts(part, negated)]
    return []


def _unshared(node: Node | None) -> Match | Range | None:
    match node:
        case Match(field, value):
            return node if (field, value) in UNSHARED or (field, None) in UNSHARED else None
        case Range(field):
            return node if (field, None) in UNSHARED else None
        case Not(inner):
            return _unshared(inner)
        case And(nodes) | Or(nodes):
            return next((found for part in nodes if (found := _unshared(part)) is not None), None)
        case _:
            return None


def _matches(node: Node | None) -> list[Match]:
    """Every Match of a tree, in order."""
    if isinstance(node, Match):
        return [node]
    if isinstance(node, Not):
        return _matches(node.node)
    if isinstance(node, And | Or):
        return [match for part in node.nodes for match in _matches(part)]
    return []


def conjunction(parts: list[Node]) -> Node | None:
    """All of the parts, flat: nothing, the only part, or an And."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.nodes if isinstance(part, And) else (part,))
    return And(tuple(flat)) if len(flat) > 1 else flat[0] if flat else None


def disjunction(parts: list[Node]) -> Node | None:
    """Any of the parts, flat: nothing, the only part, or an Or."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.nodes if isinstance(part, Or) else (part,))
    return Or(tuple(flat)) if len(flat) > 1 else flat[0] if flat else None


def negation(node: Node) -> Node:
    """The opposite; two negations are none."""
    return node.node if isinstance(node, Not) else Not(node)


def value_text(field: str, value: str) -> str:
    """What stands after `field:` to mean exactly this value: with `=` where it would be read as another spelling, in
    quotes where it has to be."""
    bare = value and not any(character in '"(),' or character.isspace() for character in value)
    literal = value.startswith("=") or field == "name" or normalise(field, value) != (value,)
    return f"{'=' if literal else ''}{value if bare else quoted(value)}"


def quoted(text: str) -> str:
    """The text in quotes, as `tokens` reads it back."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def one_field(node: Or) -> str | None:
    """The field of an Or that is a list of values of one field, or None."""
    fields = {part.field if isinstance(part, Match) else None for part in node.nodes}
    return fields.pop() if len(fields) == 1 else None


def _range_text(bounds: Range) -> str:
    # Imported for a range only: most queries have none, and dates need a clock's modules.
    from .intervals import bounds_text

    return bounds_text(FIELDS[bounds.field], (bounds.low, bounds.high))


def _written(node: Node, negated: bool = False, tight: bool = False) -> str:
    """The text of a node; `tight` where an operator binds more closely than OR."""
    match node:
        case Text():
            return _words(node, negated)
        case Match(field, value):
            return f"{field}:{value_text(field, value)}"
        case Range(field):
            return f"{field}:{_range_text(node)}"
        case Not(inner):
            text = _written(inner, not negated, True)
            return f"-({text})" if isinstance(inner, And) else f"-{text}"
        case And(nodes):
            text = _written(nodes[0], negated, True)
            for left, right in pairwise(nodes):
                text += f"{_between(left, right)}{_written(right, negated, True)}"
            return text
        case Or(nodes):
            name = one_field(node)
            if name is not None:
                values = [value_text(name, part.value) for part in nodes if isinstance(part, Match)]
                return f"{name}:{','.join(values)}"
            branches = " OR ".join([_written(part, negated) for part in nodes])
            return f"({branches})" if tight else branches


def _between(left: Node, right: Node) -> str:
    """What stands between two parts of an And: side by side, two texts would mean more than both of them."""
    if isinstance(left, Text) and isinstance(right, Text):
        together = _together(left, right)
        if together is not None and together not in left.beside:
            return " AND "
    return " "


def _words(text: Text, negated: bool) -> str:
    """A word that is looked for may be a beginning without a star, and one that is excluded is whole without quotes."""
    if text.owner:
        # Commas separate words, and open no quotes in which there would be no owner.
        path = f"{','.join(text.words[: text.owner])}/{','.join(text.words[text.owner :])}"
        return path + ("*" if negated else "")
    phrase = " ".join(text.words)
    if text.in_name:
        return "name:" + _words(Text(text.words, text.prefix), negated)
    if len(text.words) == 1 and text.prefix != negated:
        return phrase
    return (phrase if len(text.words) == 1 and negated else quoted(phrase)) + ("*" if text.prefix else "")
