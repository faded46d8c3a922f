"""A query as text again, in normal form: `parse(str(query)) == query`, as long as it fits the language's bounds."""

from __future__ import annotations

from .fields import FIELDS
from .lexer import quoted
from .nodes import And, Match, Node, Not, Or, Query, Range, Sort, Text
from .synonyms import normalise


def query_text(query: Query) -> str:
    """The normal form of a query; "" for the query for everything."""
    parts: list[str] = []
    if query.where is not None:
        parts.append(_Writer(query.texts).write(query.where))
    if query.sort is not None:
        parts.append(f"sort:{sort_text(query.sort)}")
    return " ".join(parts)


def value_text(field: str, value: str) -> str:
    """What stands after `field:` to mean exactly this value: with `=` where it would be read as another spelling, in
    quotes where it has to be."""
    bare = value and not any(character in '"(),' or character.isspace() for character in value)
    literal = value.startswith("=") or normalise(field, value) != (value,)
    return f"{'=' if literal else ''}{value if bare else quoted(value)}"


def range_text(bounds: Range) -> str:
    """What stands after the colon to mean exactly these bounds."""
    field = FIELDS[bounds.field]
    if field.shape == "time":
        from . import dates

        return dates.range_text(bounds)
    from . import amounts

    return amounts.range_text(field, bounds)


def sort_text(sort: Sort) -> str:
    """What stands after `sort:`."""
    return f"{'-' if sort.descending else ''}{sort.key}"


def one_field(node: Or) -> str | None:
    """The field of an Or that is a list of values of one field, or None."""
    fields = {part.field if isinstance(part, Match) else None for part in node.nodes}
    return fields.pop() if len(fields) == 1 else None


class _Writer:
    """Writes a tree in one pass.

    The parser takes the last unquoted word that is looked for as the beginning of a word, so which words may stand
    without quotes depends on how many such beginnings are still to come.
    """

    def __init__(self, texts: tuple[Text, ...]) -> None:
        self.beginnings: int = sum(_is_beginning(text) for text in texts)

    def write(self, node: Node, negated: bool = False, tight: bool = False) -> str:
        """The text of a node; `tight` where an operator binds more closely than OR."""
        match node:
            case Text():
                return self._words(node, negated)
            case Match(field, value):
                return f"{field}:{value_text(field, value)}"
            case Range(field):
                return f"{field}:{range_text(node)}"
            case Not(inner):
                text = self.write(inner, not negated, True)
                return f"-({text})" if isinstance(inner, And) else f"-{text}"
            case And(nodes):
                return " ".join([self.write(part, negated, True) for part in nodes])
            case Or(nodes):
                name = one_field(node)
                if name is not None:
                    values = [value_text(name, part.value) for part in nodes if isinstance(part, Match)]
                    return f"{name}:{','.join(values)}"
                branches = " OR ".join([self.write(part, negated) for part in nodes])
                return f"({branches})" if tight else branches

    def _words(self, text: Text, negated: bool) -> str:
        phrase = " ".join(text.words)
        if len(text.words) > 1:
            return quoted(phrase) + ("*" if text.prefix else "")
        if negated:
            return phrase + ("*" if text.prefix else "")
        if text.prefix:
            self.beginnings -= 1
            return phrase + ("*" if self.beginnings else "")
        return phrase if self.beginnings else quoted(phrase)


def _is_beginning(text: Text) -> bool:
    return text.prefix and len(text.words) == 1
