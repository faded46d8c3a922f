"""A query's text into a tree. `GRAMMAR` is the language in words.

    query  := all ("OR" all)*
    all    := one (["AND"] one)*
    one    := ("-" | "NOT")* ("(" query ")" | word | phrase | term | "@" name)

It is read again at each key press, so what stands at the end and is still being typed (`params:<`, an open quote or
parenthesis, a lone OR) is left out and flagged instead of refused; anything wrong before the end is an error. For a
program, whose text is whole, that is an error too: it must not get everything for half a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tui_registry.text import nearest, safe_text

from .fields import FITS, RANGES, STATUSES, Field, field_names, find_field, is_hex, measured, normalise, plain_version
from .folding import words
from .lexer import Piece, Token, tokens
from .nodes import (
    And,
    Match,
    Node,
    Not,
    Or,
    Query,
    QueryError,
    Range,
    Sort,
    Text,
    conjunction,
    disjunction,
    negation,
    quoted,
    side_by_side,
)

MAX_LENGTH: Final = 2000
MAX_TERMS: Final = 64
MAX_DEPTH: Final = 16


def parse(
    text: str,
    *,
    now: int | None = None,
    saved: Mapping[str, str] | None = None,
    whole: bool = False,
    strict: bool = False,
) -> Query:
    """The query that a text asks for.

    Args:
        text: at most MAX_LENGTH characters.
        now: the present in Unix seconds; only ages (`updated:7d`) need it.
        saved: the texts of the saved searches that `@name` stands for, by name. Each is read on its own, as if in
            parentheses; its `sort:` counts when the query has none.
        whole: nothing is still being typed: what would be left out at the end is refused.
        strict: a field that there is not is refused, also where it cannot be a misspelt one and would be read as words;
            and no word is left out as a command's.

    Raises:
        QueryError: and nothing else, for any text.
    """
    parser = _Parser(text, now, saved or {}, whole, strict, (), 0, [0])
    where = parser.read()
    return Query(where, parser.sort or parser.saved_sort, parser.unfinished, tuple(parser.notes))


class UnfinishedError(Exception):
    """The term stands at the end of the text and is still being typed: it means nothing yet."""


class _Parser:
    """Reads one text, once. `terms` is shared with the parsers of the saved searches in it, so that the bound holds for
    the whole query."""

    def __init__(
        self,
        text: str,
        now: int | None,
        saved: Mapping[str, str],
        whole: bool,
        strict: bool,
        path: tuple[str, ...],
        depth: int,
        terms: list[int],
    ) -> None:
        if len(text) > MAX_LENGTH:
            too_many = len(text) - MAX_LENGTH
            raise QueryError(f"a query has at most {MAX_LENGTH:,} characters: cut {too_many:,}", MAX_LENGTH, too_many)
        _check_text(text)
        # What stands at the end of the text counts as still being typed. In a whole text nothing stands there.
        self.text = f"{text} ." if whole else text
        self.now = now
        self.saved = saved
        self.whole = whole
        self.strict = strict
        self.path = path
        self.first_depth = depth
        self.terms = terms
        self.tokens = tokens(text)
        self.at = 0
        self.sort: Sort | None = None
        self.saved_sort: Sort | None = None
        self.unfinished = False
        self.notes: list[str] = []
        self.wordless: Token | None = None
        self.beginnings = beginning_tokens(self.tokens)

    def read(self) -> Node | None:
        if not self.strict:
            self._pass_command()
        where = self._any(self.first_depth)
        if self.at < len(self.tokens):
            closing = self.tokens[self.at]
            raise QueryError("this ) closes nothing: remove it or put it in quotes", closing.start, 1, "")
        if where is None and self.wordless is not None and not self.unfinished:
            # Next to something to look for it is passed over; alone it must not come to mean everything.
            sentence = f"there is no word to look for in {_shown(self.wordless.text)}: words have letters or digits"
            raise self._error(sentence, self.wordless)
        return where

    def _pass_command(self) -> None:
        """Pass over the words of a pasted command before the name that it is given."""
        typed = [token.text.lower() if token.kind == "word" and not token.star else "" for token in self.tokens[:3]]
        for count in (3, 2):
            command = " ".join(typed[:count])
            if command in _COMMANDS and len(self.tokens) > count and self.tokens[count].kind in ("word", "term"):
                self.at = count
                self.notes.append(f"read as a command: {_shown(command)} was left out")
                return

    def _peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _any(self, depth: int) -> Node | None:
        branches: list[Node] = []
        operator: Token | None = None
        while True:
            start = self.at
            branch = self._all(depth)
            token = self._peek()
            is_or = token is not None and token.kind == "OR"
            if self.at == start and (is_or or operator is not None):
                self._no_operand(operator, token)
            if branch is not None:
                branches.append(branch)
            if not is_or:
                return disjunction(branches)
            operator = token
            self.at += 1

    def _all(self, depth: int) -> Node | None:
        parts: list[Node] = []
        operator: Token | None = None
        start = self.at
        is_text = False
        while True:
            token = self._peek()
            if token is None or token.kind in (")", "OR"):
                if operator is not None:
                    self._no_operand(operator, token)
                return conjunction(parts)
            if token.kind == "AND":
                if operator is not None or self.at == start:
                    self._no_operand(operator, token)
                operator = token
                self.at += 1
                continue
            part = self._one(depth)
            was_text = is_text and operator is None
            operator = None
            is_text = part is not None and (token.kind == "word" or token.star)
            if part is None:
                continue
            if was_text and is_text and isinstance(part, Text) and isinstance(parts[-1], Text):
                parts[-1], part = side_by_side(parts[-1], part)
            parts.append(part)

    def _no_operand(self, operator: Token | None, token: Token | None) -> None:
        """Nothing stands between an operator and the next token (or the start, or the end)."""
        if operator is None:
            assert token is not None
            raise self._error(f"{token.kind} needs something on its left", token)
        if token is not None or self.whole:
            raise self._error(f"{operator.kind} needs something on its right", operator)
        self.unfinished = True

    def _one(self, depth: int) -> Node | None:
        negated = False
        first = last = self.tokens[self.at]
        while (token := self._peek()) is not None and token.kind in ("-", "NOT"):
            negated = not negated
            last = token
            self.at += 1
        if token is None and not self.whole:
            self.unfinished = True
            return None
        if token is None or token.kind in (")", "OR", "AND"):
            raise self._error(f"{last.kind} needs something to exclude after it", last)
        self.at += 1
        in_group = token.kind == "("
        node = self._group(token, depth + 1) if in_group else self._leaf(token, depth, first is not token)
        return negation(node) if negated and node is not None else node

    def _group(self, opening: Token, depth: int) -> Node | None:
        self._check_depth(opening, depth)
        node = self._any(depth)
        if self._peek() is not None:
            self.at += 1
        elif self.whole:
            raise self._error("this ( is never closed: close it or put it in quotes", opening)
        else:
            self.unfinished = True
        return node

    def _leaf(self, token: Token, depth: int, excluded: bool) -> Node | None:
        node: Node | None
        try:
            if token.kind == "term":
                node = self._term(token, excluded)
            elif token.kind == "saved":
                return self._expand(token, depth + 1)
            else:
                node = self._free_text(token)
        except UnfinishedError:
            if self.whole:
                open_quote, bare_name = (
                    "this quote is never closed",
                    "@ needs the name of a saved search right after it",
                )
                raise self._error(open_quote if token.is_open else bare_name, token) from None
            self.unfinished = True
            return None
        self._count(node, token)
        return node

    def _free_text(self, token: Token) -> Node | None:
        begins = token.start in self.beginnings
        if token.is_open and (self.whole or not begins):
            raise UnfinishedError
        if token.kind == "word" and (meant := _with_colon(token.text)) is not None:
            sentence = f"a field has a colon behind it, and {_shown(token.text)} was looked for as words"
            self.notes.append(f"{sentence}: did you mean {meant}?")
        return self._text(token, token.text, token.star or begins)

    def _text(self, token: Token, text: str, prefix: bool) -> Node | None:
        found = words(text)
        if prefix and token.kind != "phrase" and ("/" in text or ":" in text):
            *before, last = path = _path(text)
            owner, named = words("/".join(before)), words(last)
            if owner and named:
                self.notes.append(f"names are looked for with {_shown(last)}, the end of {_shown(text)}")
                return Text((*owner, *named), prefix, owner=len(owner))
            found = words("/".join(path))
        if not found:
            # "&" or "C:" next to real words: nothing to look for, and no reason to refuse the rest.
            self.unfinished |= is_begun(token) and token.end == len(self.text)
            # A star alone is the beginning of any word: everything is what it asks for.
            if not (token.kind == "word" and not token.text):
                self.wordless = self.wordless or token
            return None
        return Text(tuple(found), prefix)

    def _term(self, token: Token, excluded: bool) -> Node | None:
        field = _field_of(token, self.text, self.strict)
        begins = token.start in self.beginnings
        if field is None:
            written = self.text[token.start : token.end]
            node = self._text(token, written, written.endswith("*") or (begins and '"' not in written))
            if isinstance(node, Text) and not node.owner:
                self.notes.append(f"there is no field {_shown(token.text)}: looked for {_shown(written)} as words")
            return node
        if field.shape == "name":
            return _read_name(token, field, self.text, begins)
        if field.shape != "sort":
            node = _read_term(token, field, self.text, self.now)
            if field.name == "status":
                self.notes += _unknown_statuses(token, self.text)
            return node
        sort = _read_sort(token, field, self.text)
        if excluded:
            raise self._error("sort: cannot be excluded: write sort:-params for the largest first", token)
        if self.sort is not None:
            raise self._error("there is a sort: already: keep one of the two", token)
        self.sort = sort
        return None

    def _expand(self, token: Token, depth: int) -> Node | None:
        """The saved search that `@name` stands for, in its place."""
        self._check_depth(token, depth)
        name = token.text
        names = {saved.lower(): saved for saved in self.saved}
        found = name if name in self.saved else names.get(name.lower())
        at_end = token.end == len(self.text)
        if found is None:
            if not name or (at_end and any(saved.startswith(name.lower()) for saved in names)):
                raise UnfinishedError
            near = nearest(name.lower(), list(names))
            guess = f": did you mean @{names[near]}?" if near else ""
            raise self._error(f"there is no saved search {_shown(name)}{guess}", token, near and f"@{names[near]}")
        if found in self.path:
            chain = " -> ".join(f"@{step}" for step in (*self.path[self.path.index(found) :], found))
            raise self._error(f"a saved search cannot contain itself: {_shown(chain)}", token)
        try:
            path = (*self.path, found)
            parser = _Parser(self.saved[found], self.now, self.saved, self.whole, self.strict, path, depth, self.terms)
            node = parser.read()
            self.notes += parser.notes
        except QueryError as problem:
            raise self._error(f"in {_shown(f'@{found}')}: {problem.sentence}", token) from None
        self.saved_sort = self.saved_sort or parser.sort or parser.saved_sort
        return node

    def _count(self, node: Node | None, token: Token) -> None:
        self.terms[0] += _leaves(node)
        if self.terms[0] > MAX_TERMS:
            raise self._error(f"a query has at most {MAX_TERMS} terms", token)

    def _check_depth(self, token: Token, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._error(f"parentheses and saved searches nest at most {MAX_DEPTH} deep", token)

    def _error(self, sentence: str, token: Token, suggestion: str | None = None) -> QueryError:
        return QueryError(sentence, token.start, token.end - token.start, suggestion)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        # Half of a pair in JSON, or a byte of an argument that the terminal's encoding has no character for.
        sentence = "this is no character: write the query in UTF-8"
        raise QueryError(sentence, error.start, error.end - error.start) from None


def is_begun(token: Token) -> bool:
    """Whether free text at the end has no word yet and may well get one: a minus, or quotes with nothing in them."""
    return token.text == "-" if token.kind == "word" else token.kind == "phrase" and not token.text


def _is_typed(token: Token) -> bool:
    """Whether it is free text that may still become longer."""
    return token.kind == "word" or (token.kind == "phrase" and token.is_open)


def beginning_tokens(found: list[Token]) -> set[int]:
    """Where the words start that are looked for (not excluded) outside of closed quotes: each may be the beginning of a
    longer one. Of an open quote it is the last word in it, so that the list narrows while a phrase is typed. Terms that
    are not excluded are among them."""
    starts: set[int] = set()
    negated = pending = False
    outer: list[bool] = []
    for token in found:
        if token.kind in ("-", "NOT"):
            pending = not pending
            continue
        if token.kind == "(":
            outer.append(negated)
            negated ^= pending
        elif token.kind == ")" and outer:
            negated = outer.pop()
        elif negated == pending and (token.kind == "term" or (_is_typed(token) and words(token.text))):
            starts.add(token.start)
        pending = False
    return starts


def _leaves(node: Node | None) -> int:
    if isinstance(node, And | Or):
        return sum(map(_leaves, node.nodes))
    if isinstance(node, Not):
        return _leaves(node.node)
    return 1 if isinstance(node, Text | Match | Range) else 0


# ---- what people paste -----------------------------------------------------------------------------------------------

# Commands that are given the name of a model.
_COMMANDS: Final = frozenset(
    {
        *("ollama run", "ollama pull", "ollama show", "lms get", "vllm serve", "git clone", "docker model run"),
        *("docker model pull", "huggingface-cli download", "hf download", "modelscope download"),
    }
)
# Behind the name of a repository: a place in it.
_INSIDE_REPOSITORY: Final = frozenset(
    {
        *("tree", "blob", "resolve", "raw", "commit", "commits", "discussions", "issues", "pull", "releases", "wiki"),
        *("tags", "files", "summary"),
    }
)
# How a file is made, which is no part of a model's name: `:latest`, `:Q4_K_M`, `:8b-instruct-fp16`.
_MADE_SO: Final = r"(?i)(?:^|-)(?:latest|(?:ud-)?i?q[0-9](?:_[a-z0-9]+)*|b?fp?(?:8|16|32)|int[48])$"


def _path(text: str) -> list[str]:
    """An address or path in parts, without its scheme and question, as far as a repository's name; and what stands
    behind a colon in the last part, without how the file is made."""
    _, is_address, rest = text.rstrip("*").rpartition("://")
    if is_address:
        rest = re.split("[?#]", rest, maxsplit=1)[0]
    parts = [part for part in rest.split("/") if part]
    end = next((place for place, part in enumerate(parts) if place > 1 and part in _INSIDE_REPOSITORY), len(parts))
    name, colon, tag = parts[end - 1].rpartition(":") if parts else ("", "", "")
    if not colon:
        return parts[:end] or [""]
    kept = re.sub(_MADE_SO, "", tag)
    return [*parts[: end - 1], f"{name}:{kept}" if kept else name]


# ---- one term, `name:values`: which field it is, and what its values mean --------------------------------------------

_SIGNS: Final = ("<=", ">=", "<", ">", "=")
_SORT_ALIASES: Final = {"parameters": "params", "ctx": "context", "date": "updated", "need": "fit"}


def _field_of(token: Token, text: str, strict: bool) -> Field | None:
    """The field that a term names; None where it names none and can be nothing but words with a colon, as in
    `llama3.1:8b`: no field is near, and what follows compares nothing.

    Raises:
        QueryError: there is none of that name; proposes the nearest, or quotes around the whole.
    """
    field = find_field(token.text)
    if field is not None:
        return field
    value = text[token.start + len(token.text) + 1 : token.end]
    # A pasted address is no misspelt field, however near its scheme comes to one.
    near = None if value.startswith("//") else nearest(token.text.lower(), field_names())
    if near is not None:
        sentence = f"there is no field {_shown(token.text)}: did you mean {near}:?"
        raise QueryError(sentence, token.start, len(token.text) + 1, f"{near}:")
    if not strict and ".." not in value and not value.startswith(_SIGNS):
        return None
    whole = text[token.start : token.end]
    sentence = f"there is no field {_shown(token.text)}: put the text in quotes to search for it"
    raise QueryError(sentence, token.start, token.end - token.start, quoted(whole.replace('"', "")))


def _with_colon(word: str) -> str | None:
    """What a word such as `VRAM<=24GB` would be with the colon that it lacks; None where that is no term either."""
    at = next((place for place, character in enumerate(word) if character in "<>="), 0)
    field = find_field(word[:at]) if at else None
    if field is None:
        return None
    value = word[at:] if field.shape in RANGES and word[at] != "=" else word[at:].lstrip("=")
    meant = f"{word[:at].lower()}:{value if field.shape in ('text', 'name') else value.lower()}"
    try:
        return meant if parse(meant).where is not None else None
    except QueryError:
        return None


def _read_term(token: Token, field: Field, text: str, now: int | None) -> Node:
    """What a term of any field but `sort` asks for: a Match, a Range, or an Or of Matches.

    Raises:
        UnfinishedError: its value is missing or begun only, at the very end of the text.
        QueryError: its value is missing or none of the field's.
    """
    _check_value(token, field, text)
    if field.shape in RANGES:
        return read_number(token, field, text, now)
    parts: list[Node] = [
        Match(field.name, value) for piece in token.pieces for value in _values(piece, field, token, text)
    ]
    return _any_of(parts, token, field, text)


def _unknown_statuses(token: Token, text: str) -> Iterator[str]:
    """What to say of statuses that are no words of the registry's: an owner may have them, and hardly any does."""
    known = [status.lower() for status in STATUSES]
    for piece in token.pieces:
        asked = piece.text.lower()
        begun = piece.end == len(text) and any(status.startswith(asked) for status in known)
        if asked and not begun and asked not in known:
            near = nearest(asked, known)
            guess = f"did you mean {near}?" if near else f"statuses are {', '.join(known[:-1])} and {known[-1]}"
            yield f"status: {_shown(piece.text)} can only be an owner's own word: {guess}"


def _read_name(token: Token, field: Field, text: str, begins: bool) -> Node:
    """Any of the words that stand in a name, or of exact names. Raises as `_read_term`."""
    _check_value(token, field, text)
    parts: list[Node] = []
    for piece in token.pieces:
        if piece.literal and piece.text:
            parts.append(Match(field.name, piece.text))
        elif found := words(piece.text):
            is_quoted = text[piece.start] == '"'
            parts.append(Text(tuple(found), piece.text.endswith("*") or (begins and not is_quoted), in_name=True))
    return _any_of(parts, token, field, text)


def _any_of(parts: list[Node], token: Token, field: Field, text: str) -> Node:
    node = disjunction(parts)
    # An empty pair of quotes is as good as no value.
    if node is None and token.end == len(text):
        raise UnfinishedError
    if node is None:
        raise _missing(token, field)
    return node


def _read_sort(token: Token, field: Field, text: str) -> Sort:
    """The order that a `sort:` term asks for. Raises as `_read_term`."""
    _check_value(token, field, text)
    if len(token.pieces) > 1:
        raise QueryError("sort: takes one order only", token.start, token.end - token.start)
    piece = token.pieces[0]
    descending = piece.text.startswith("-")
    key = piece.text.removeprefix("-").lower()
    key = _SORT_ALIASES.get(key, key)
    if key not in field.options:
        key = _option(Piece(key, piece.start + descending, piece.end, False), field, token, text)
    return Sort(key, descending and key != "relevance")


def read_number(token: Token, field: Field, text: str, now: int | None) -> Range:
    """The bounds that a term of a number or time asks for. Raises as `_read_term`."""
    start = token.pieces[0].start
    raw = text[start : token.end].replace('"', "")
    operator = next((sign for sign in _SIGNS if raw.startswith(sign)), "")
    value = raw[len(operator) :]
    at_end = token.end == len(text)
    # A dot at the end is the first half of ".." or of a fraction.
    if at_end and (not value.strip(".") or (value.endswith(".") and not value.endswith(".."))):
        raise UnfinishedError
    if not value.strip(". "):
        raise _missing(token, field)
    # Imported for a range only: most queries have none, and dates need a clock's modules.
    from .intervals import BackwardsRangeError, is_beginning, read_bounds

    if field.shape == "time" and at_end and is_beginning(value.rpartition("..")[2]):
        raise UnfinishedError
    try:
        return Range(field.name, *read_bounds(field, operator, value, now))
    except ValueError as problem:
        turned = problem.turned if isinstance(problem, BackwardsRangeError) else None
        sentence = f"{field.name}: {problem}"
        raise QueryError(sentence, start, token.end - start, turned) from None


def _check_value(token: Token, field: Field, text: str) -> None:
    if token.is_open or (not token.pieces and token.end == len(text.rstrip())):
        raise UnfinishedError
    if not token.pieces:
        raise _missing(token, field)


def _values(piece: Piece, field: Field, token: Token, text: str) -> tuple[str, ...]:
    value = piece.text
    if not value:
        return ()
    if field.shape == "word":
        return (value,) if piece.literal else normalise(field.name, value)
    if field.shape == "version":
        return _version(piece, token, text)
    if field.shape == "note":
        return (" ".join(found),) if (found := words(value)) else ()
    if field.shape == "model" and not is_hex(value.lower().removeprefix("0x")):
        return (value,)
    if field.shape == "eval":
        return (_evaluation(piece, token, text),)
    value = value.lower()
    if field.shape == "fit" and not value[:1].isalpha():
        return (_card(piece, token, text),)
    if field.options:
        return (_option(Piece(value, piece.start, piece.end, False), field, token, text),)
    if field.shape == "owner":
        if not value.startswith("0x"):
            return (piece.text,)
        longest, what = 40, "an address is 0x and up to 40 hex digits"
    else:
        longest, what = 64, "an id is up to 64 hex digits"
    digits = value.removeprefix("0x")
    if not digits and piece.end == len(text):
        raise UnfinishedError
    if not is_hex(digits) or len(digits) > longest:
        raise QueryError(f"{field.name}: {_shown(piece.text)} is not one: {what}", piece.start, piece.end - piece.start)
    return (value if field.shape == "owner" else digits,)


def _card(piece: Piece, token: Token, text: str) -> str:
    """The size of a GPU that a piece means, in lower case."""
    from tui_registry.fit import parse_size  # few queries ask for it

    size = "".join(piece.text.lower().split())
    try:
        parse_size(size)
    except ValueError as problem:
        is_begun = re.fullmatch(r"[0-9]+(?:\.[0-9]*)?(?:[gmt]i)?|", size, re.ASCII) is not None
        if token.end == len(text) and is_begun:
            raise UnfinishedError from None
        one = f"{problem}; or one of {', '.join(FITS)}"
        raise QueryError(f"fit: {_shown(piece.text)}: {one}", piece.start, piece.end - piece.start) from None
    return size


def _evaluation(piece: Piece, token: Token, text: str) -> str:
    """A benchmark and what its value is compared with, as it was typed."""
    value = f"={piece.text}" if piece.literal else piece.text
    if value[0] in "<>=":
        if token.end == len(text):
            raise UnfinishedError
        raise QueryError("eval: name a benchmark first, such as eval:MMLU>=0.7", piece.start, piece.end - piece.start)
    try:
        measured(value)
    except ValueError as problem:
        if token.end == len(text) and value[-1] in "<>=.-":
            raise UnfinishedError from None
        raise QueryError(f"eval: {_shown(value)}: {problem}", piece.start, piece.end - piece.start) from None
    return value


def _version(piece: Piece, token: Token, text: str) -> tuple[str, ...]:
    if piece.text.startswith(_SIGNS):
        sentence = "version: compares nothing: write version:2.5 for all that begins with 2.5"
        raise QueryError(sentence, piece.start, piece.end - piece.start)
    version = plain_version(piece.text).rstrip(".-+")
    if not version and token.end == len(text):
        raise UnfinishedError
    return (version or piece.text,)


def _option(piece: Piece, field: Field, token: Token, text: str) -> str:
    """The option that a piece names in full, plural allowed (`kind:models`)."""
    for option in field.options:
        if piece.text in (option, f"{option}s"):
            return option
    if token.end == len(text) and any(option.startswith(piece.text) for option in field.options):
        raise UnfinishedError
    near = nearest(piece.text, list(field.options))
    known = f"{', '.join(field.options[:-1])} or {field.options[-1]}" if len(field.options) > 1 else field.options[0]
    guess = f": did you mean {near}?" if near else f": it can be {known}"
    raise QueryError(f"{field.name}: knows no {_shown(piece.text)}{guess}", piece.start, piece.end - piece.start, near)


def _missing(token: Token, field: Field) -> QueryError:
    sentence = f"{field.name}: needs a value right after the colon, such as {field.examples[0]}"
    return QueryError(sentence, token.start, token.end - token.start)


def _shown(text: str) -> str:
    """A piece of the user's text as a sentence quotes it: safe, and short."""
    return f"'{safe_text(text, 40)}'"
