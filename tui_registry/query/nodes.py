"""What a query is once it is read: small frozen values that compare by content.

They are written by hand on a base of a few lines, because eight frozen dataclasses cost 5 ms of every start-up and this
costs 0.2. `match` statements, `==`, `hash` and `repr` work as they do on dataclasses.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias, Union, dataclass_transform


@dataclass_transform(frozen_default=True)
class _Value:
    """A frozen value whose fields are its slots."""

    __slots__: ClassVar[tuple[str, ...]] = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *values: object, **named: object) -> None:
        names = self.__match_args__
        if len(values) + len(named) != len(names):
            raise TypeError(f"{type(self).__name__} takes {', '.join(names)}")
        for name, value in zip(names, values, strict=False):
            object.__setattr__(self, name, value)
        for name in names[len(values) :]:
            object.__setattr__(self, name, named[name])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def _content(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__match_args__])

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, _Value)
        return self._content() == other._content()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._content()))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({inside})"


class Text(_Value):
    """Words that stand next to each other, in this order, in one of the searched text fields (`folding.TEXT_FIELDS`).

    Attributes:
        words: at least one, folded as `folding.words` folds them.
        prefix: True when the last word may be the beginning of a longer one.
    """

    __slots__ = __match_args__ = ("words", "prefix")
    words: tuple[str, ...]
    prefix: bool


class Match(_Value):
    """A field that has a value. `fields.FIELDS[field].shape` says how it is compared:

    `word`: equal but for the case of A-Z (with any of the list where the record holds a list);
    `kind`: `model` or `agent`; `flag` (`is`, `has`): mine, conflict, invalid, formfile;
    `hex` (`id`, `model`): the id begins with the value, 1..64 lower-case hex digits;
    `owner`: the address begins with the value (in lower case, without a leading `0x`); or, when the value has no `0x`,
    the owner's local name equals it but for the case of A-Z.
    """

    __slots__ = __match_args__ = ("field", "value")
    field: str
    value: str


class Range(_Value):
    """A number or time of a record between two bounds, both inclusive; None is open. At least one bound is given.

    In the unit of the record's own field (a count, tokens, MB for `mem`, GB for `vram` and `disk`, Unix seconds), never
    below -1 nor above 2^63-1. `low > high` (always 1 and 0) matches nothing. A record that does not state the number
    (null, 0 parameters, or a kind without the field) is in no range; `Not` of a range holds for it.
    """

    __slots__ = __match_args__ = ("field", "low", "high")
    field: str
    low: int | None
    high: int | None


class Not(_Value):
    """Everything that `node` does not match. The parser never nests one directly in another."""

    __slots__ = __match_args__ = ("node",)
    node: Node


class And(_Value):
    """All of two or more nodes, none of them an And."""

    __slots__ = __match_args__ = ("nodes",)
    nodes: tuple[Node, ...]


class Or(_Value):
    """Any of two or more nodes, none of them an Or."""

    __slots__ = __match_args__ = ("nodes",)
    nodes: tuple[Node, ...]


Node: TypeAlias = Union[Text, Match, Range, Not, And, Or]


class Sort(_Value):
    """An order of results; `key` is relevance (never descending), name, updated, created, params or context."""

    __slots__ = __match_args__ = ("key", "descending")
    key: str
    descending: bool


class Query(_Value):
    """A query that was read. `str()` of it is a normal form that reads as an equal query.

    Attributes:
        where: None matches everything.
        sort: None leaves the order to the caller.
        unfinished: something at the end was left out because it is still being typed; no part of equality.
    """

    __slots__ = __match_args__ = ("where", "sort", "unfinished")
    where: Node | None
    sort: Sort | None
    unfinished: bool

    def _content(self) -> tuple[object, ...]:
        return (self.where, self.sort)

    @property
    def texts(self) -> tuple[Text, ...]:
        """The free text that is looked for (not the text that is excluded), in order: to highlight, rank or correct."""
        return tuple(positive_texts(self.where))

    def asks(self, field: str, value: str | None = None) -> bool:
        """Whether a field plays a part in the query; with `value` only as this one."""
        found = _matches(self.where)
        return any(match.field == field and value in (None, match.value) for match in found)

    def __str__(self) -> str:
        from .printing import query_text

        return query_text(self)


def positive_texts(node: Node | None, negated: bool = False) -> list[Text]:
    """The Text nodes under an even number of Nots, in order."""
    if isinstance(node, Text):
        return [] if negated else [node]
    if isinstance(node, Not):
        return positive_texts(node.node, not negated)
    if isinstance(node, And | Or):
        return [text for part in node.nodes for text in positive_texts(part, negated)]
    return []


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
