"""A query's tree made into SQL: what the word index can answer goes there, the rest becomes conditions on columns.

The text of a query is data: words are letters and digits by construction, everything else is a bound parameter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeGuard

from tui_registry.errors import Kind
from tui_registry.frozen import NamedTuple
from tui_registry.query.fields import FIELDS, FITS, LARGEST, RANGES, STATUSES, alike, is_hex, is_in_use, measured
from tui_registry.query.folding import fold_case, goes_on, is_inside, spellings_of, words
from tui_registry.query.nodes import And, Match, Node, Not, Or, Range, Text, conjunction, disjunction, negation
from tui_registry.replica.catalogue.current import IN_CONFLICT
from tui_registry.replica.catalogue.derived import (
    FACET_LETTERS,
    KIND_CODES_BY_NAME,
    NEED,
    facet_word,
    hex_word,
    is_counted,
    is_made_up,
    name_word,
    words_between,
)
from tui_registry.replica.catalogue.judged import Judged
from tui_registry.replica.catalogue.since_looked import (
    IS_NEW,
    IS_NOTED,
    IS_PULLED,
    IS_STARRED,
    NEW,
    NOTED,
    PULLED,
    STARRED,
)
from tui_registry.replica.store.stored import hex_range

if TYPE_CHECKING:
    from tui_registry.fit import Machine

Parameter = str | int | float | bytes
Condition = tuple[str, list[Parameter]]

IS_KIND = "c.kind = ?"
HAS_MANIFEST = "c.manifest_heads > 0"
HAS_STATUS = "c.status IS NOT NULL"
# Whether there is a manifest the row itself tells: only where there is one it is looked for.
IS_ORPHANED = (
    "(c.kind = 1 AND EXISTS (SELECT 1 FROM links l CROSS JOIN missing x ON x.target = l.target "
    f"WHERE l.stated_by = c.rid)) OR ({HAS_MANIFEST} AND EXISTS (SELECT 1 FROM manifests m CROSS JOIN links l "
    "ON l.stated_by = m.rid CROSS JOIN missing x ON x.target = l.target WHERE m.subject = c.id))"
)
_IS_GIVEN = f"{HAS_MANIFEST} AND EXISTS (SELECT 1 FROM manifests m WHERE m.subject = c.id AND ({{}}))"
_IS_MEASURED = (
    f"{HAS_MANIFEST} AND EXISTS (SELECT 1 FROM manifests m CROSS JOIN evaluations e ON e.rid = m.rid "
    "WHERE m.subject = c.id AND {})"
)
# The same by an index of what is stated, as rids.
_ORPHANED = (
    "SELECT l.source AS rid FROM missing x CROSS JOIN links l INDEXED BY links_to ON l.target = x.target "
    "WHERE l.source IS NOT NULL"
)
_MEASURED = (
    "SELECT e.source AS rid FROM evaluations e INDEXED BY evaluations_measured WHERE {} AND e.source IS NOT NULL"
)
IS_LISTED = "c.rid IN (SELECT rowid FROM words WHERE words MATCH ?)"
LOOKED_UP = "EXISTS (SELECT 1 FROM words WHERE words MATCH ? AND rowid = c.rid)"

_TEXT_COLUMNS = "- {facets} :"
# The words of a name, without its forms; and with them, in either index.
NAME_COLUMN = "name :"
NAME_COLUMNS = "{name name_forms} :"

_ALWAYS: Condition = ("1", [])
_NOTE_SAYS = "instr(n.words, ?)"

# The column holds a line for each label, and LIKE compares as NOCASE does. In most rows no line even begins with it:
# that is seen without putting a text together. Looked for within lines it would be compared at each of the letters of a
# stranger's labels, which may be twelve thousand times the first one of what is asked for.
_IS_LABELLED = (
    "(c.labels LIKE ? ESCAPE '\\' OR c.labels LIKE ? ESCAPE '\\') "
    "AND (char(10) || c.labels || char(10)) LIKE ? ESCAPE '\\'"
)
_ESCAPED = re.compile(r"[\\%_]")

# A number's column is called as its field of a record, but for one.
_RANGE_COLUMNS = {
    **{name: field.paths[0].rpartition(".")[2] for name, field in FIELDS.items() if field.shape in RANGES},
    "tps": "output_tps",
    NEED: "need",
}
_COLUMNS = {
    "type": "type",
    "framework": "framework",
    "license": "license",
    "quant": "quantization",
    "status": "status",
}


class Compiled(NamedTuple):
    """A query compiled for each way of reading; `whole` means the same as `match` and `rest` together.

    Attributes:
        context: what it was compiled with.
        parts: what must hold, all of it.
        match: an FTS5 expression over `words` for all that the index can answer, None when that is nothing. It knows no
            numbers, only their classes, so it may find more than the query does.
        rest: a condition on `c` for what `match` leaves.
        words: an FTS5 expression for the free text alone, None where there is none that must hold.
        filters: FTS5 expressions for what else must hold; each finds all that the query does, and more.
        ranges: the ranges that must hold, as (column, low, high), for reading through the index of a rare one.
        ids: the least and the greatest id, where the query asks for the beginning of one.
        kind: 0 or 1 where the query asks for one kind.
        conflicts: the query asks for records in conflict. invalid: it asks for invalid ones. manifests: for those that
            have a manifest.
        stated: for each part that asks for what an index of statements tells, what was measured and what names records
            that are not here: the part, and a statement of rids for all that it finds, one or several times each.
        named: where names are found in other words than those of the only free text, an expression over `names` for all
            names that it finds but inside of words; and `elsewhere` is one over `words` for what is found without the
            other words. A phrase is found in `names` in a tenth of the time.
        has_status: whatever it finds has a status.
        seen: the query asks for what is not new to the person here.
        among: a statement of rids for all that the query finds, and perhaps others, where it asks for what a person
            keeps or what came here: these are few.
    """

    context: Context
    parts: tuple[Node, ...] = ()
    match: str | None = None
    rest: Condition = _ALWAYS
    words: str | None = None
    filters: tuple[str, ...] = ()
    ranges: tuple[tuple[str, int, int], ...] = ()
    ids: tuple[bytes, bytes] | None = None
    kind: int | None = None
    conflicts: bool = False
    invalid: bool = False
    manifests: bool = False
    stated: tuple[tuple[Node, Condition], ...] = ()
    named: str | None = None
    elsewhere: str | None = None
    has_status: bool = False
    seen: bool = False
    among: Condition | None = None

    @property
    def whole(self) -> Condition:
        """A condition on a row of the catalogue `c`: columns where there are any, look-ups of its words else.

        Made when it is asked for: which look-up is the cheaper one the index must tell, and for a phrase that costs as
        much as the search."""
        return self.context.shown(_all(self.parts, self.context))

    def beside(self, node: Node) -> Condition:
        """The same for all parts but one."""
        return self.context.shown(_all([part for part in self.parts if part is not node], self.context))

    @property
    def columns(self) -> Condition | None:
        """The same for all but free text, None where more than columns must be asked."""
        condition = _all([part for part in self.parts if not isinstance(part, Text)], self.context)
        return None if asks_words(condition[0]) else self.context.shown(condition)

    @property
    def is_everything(self) -> bool:
        return not self.parts

    @property
    def is_kind(self) -> bool:
        """Whether the query asks for a kind and nothing else."""
        return len(self.parts) == 1 and self.kind is not None

    @property
    def is_range(self) -> bool:
        """Whether the query asks for a range and nothing else."""
        return len(self.parts) == 1 and isinstance(self.parts[0], Range)


class Context(NamedTuple):
    """Whose registry it is, and what it knows.

    Attributes:
        address: the replica's, 40 hex digits, "" before there is one.
        owners: local names of owners, folded -> their addresses.
        begin_with: the known words that begin with a word; None where they are too many, or too short, to name.
        is_rare: whether few records match an FTS5 expression, so that they can be listed.
        is_named: whether any name matches an FTS5 expression.
        go_on_inside: the words of names that a word stands inside of, not all where they are very many.
        models_named: the ids of models that bear a name, not all where they are very many.
        usual_kind: the kind that most records are of.
        is_indexed: the word index has all records. While it is made anew, what columns can tell is not asked of it.
        judged: what is known of which records are invalid.
        hidden: the owners whose records are not shown.
        machine: the machine of whoever asks, where the query asks what runs on it.
    """

    address: str
    owners: dict[str, list[str]]
    begin_with: Callable[[str], Sequence[str] | None]
    is_rare: Callable[[str], bool]
    is_named: Callable[[str], bool]
    go_on_inside: Callable[[str], Sequence[str]]
    models_named: Callable[[str], Sequence[str]]
    usual_kind: Kind = "model"
    is_indexed: bool = True
    judged: Judged = Judged()
    hidden: tuple[bytes, ...] = ()
    machine: Machine | None = None

    def shown(self, condition: Condition) -> Condition:
        """A condition on a row of the catalogue `c`, but for what is hidden."""
        if not self.hidden:
            return condition
        where, values = condition
        return f"({where}) AND c.owner NOT IN ({', '.join('?' * len(self.hidden))})", [*values, *self.hidden]


def by_folded_name(names: Mapping[str, str]) -> dict[str, list[str]]:
    """`Context.owners` from local names by address."""
    found: dict[str, list[str]] = {}
    for address, name in names.items():
        found.setdefault(fold_case(name), []).append(address)
    return found


def compile_query(node: Node | None, context: Context) -> Compiled:
    """The conditions that hold for exactly the records that `query.matches` accepts."""
    if node is None:
        return Compiled(context, rest=context.shown(_ALWAYS))
    node = _plainly(node, context)
    parts = node.nodes if isinstance(node, And) else (node,)
    found: list[tuple[Node, str]] = []
    excluded: list[str] = []
    left: list[Node] = []
    for part in parts:
        if not context.is_indexed and not _is_text(part):
            left.append(part)
        elif isinstance(part, Not) and (match := _match(part.node, context)) is not None:
            excluded.append(match)
        elif (match := _match(part, context)) is not None:
            found.append((part, match))
        else:
            left.append(part)
            if (cover := _cover(part, context)) is not None:
                found.append((part, cover))
    rare = [match for part, match in found if not (_is_kind(part) and part.value == context.usual_kind)]
    if rare and len(rare) < len(found):
        # A word that most records have is passed entry by entry, and the other kind has the fewer ones.
        others = (facet_word("kind", kind) for kind in KIND_CODES_BY_NAME if kind != context.usual_kind)
        excluded += [f"facets : ({other})" for other in others]
    match = _both(rare or [match for _, match in found])
    if excluded:
        match = f"({match or _everything()}) NOT ({' OR '.join(f'({match})' for match in excluded)})"
    named, elsewhere = _apart(parts, context) if match is not None else (None, None)
    ids = (hex_range(part.value, 64) for part in parts if isinstance(part, Match) and part.field == "id")
    return Compiled(
        context,
        parts,
        match,
        context.shown(_all(left, context)),
        _both(match for part, match in found if isinstance(part, Text)),
        tuple(match for part, match in found if not isinstance(part, Text)),
        tuple(_bounds(part) for part in parts if isinstance(part, Range) and part.field != "pulled"),
        next(ids, None),
        next((KIND_CODES_BY_NAME[part.value] for part in parts if _is_kind(part)), None),
        _CONFLICTING in parts,
        _INVALID in parts,
        _DESCRIBED in parts,
        tuple((part, rows) for part in parts if (rows := _stated(part)) is not None),
        named,
        elsewhere,
        has_status=any(map(_asks_status, parts)),
        seen=_SEEN in parts,
        among=next((rows for part in sorted(parts, key=_is_of_arrivals) if (rows := _among(part)) is not None), None),
    )


# Made once: to make and compare them takes as long as much of the rest.
_CONFLICTING, _INVALID, _DESCRIBED = Match("is", "conflict"), Match("is", "invalid"), Match("has", "manifest")
_IS_NEW = Match("is", "new")
_SEEN = Not(_IS_NEW)


def _is_of_arrivals(node: Node) -> bool:
    """Whether a node asks when something came: there may be more of it than of what a person keeps."""
    return isinstance(node, Range) or node == _IS_NEW


def _among(node: Node) -> Condition | None:
    """`Compiled.among` of a part."""
    match node:
        case Match("is", "starred"):
            return STARRED, []
        case Match("is", "new"):
            return NEW, []
        case Match("has", "note"):
            return NOTED.format("1"), []
        case Match("note", value):
            return NOTED.format(_NOTE_SAYS), [f" {value}"]
        case Range("pulled"):
            return PULLED, [*_times_of(node)]
        case Or(nodes):
            return _each_of(nodes, _among)
        case _:
            return None


def _times_of(node: Range) -> tuple[int, int]:
    return node.low or 0, LARGEST if node.high is None else node.high


def _compared(node: Node) -> Condition | None:
    """What must hold for a row `e` of what was measured, where a node asks for values; None where it does not."""
    if not isinstance(node, Match) or node.field != "eval":
        return None
    benchmark, sign, number = measured(node.value)
    return None if number is None else (f"e.benchmark = ? AND e.value {sign} ?", [fold_case(benchmark), number])


def _stated(node: Node) -> Condition | None:
    """`Compiled.stated` of a part."""
    match node:
        case Match("is", "orphaned"):
            return _ORPHANED, []
        case Match():
            compared = _compared(node)
            return None if compared is None else (_MEASURED.format(compared[0]), compared[1])
        case Or(nodes):
            return _each_of(nodes, _stated)
        case _:
            return None


_OR = " UNION ALL "


def _each_of(nodes: Sequence[Node], of: Callable[[Node], Condition | None]) -> Condition | None:
    """A statement of rids for all that one of some nodes finds; None where not each has one, or for too many nodes."""
    each = [of(node) for node in nodes]
    found = [rows for rows in each if rows is not None]
    if len(found) < len(each):
        return None
    statement = _OR.join(rows for rows, _ in found)
    # As in `_joined`: SQLite puts 500 statements together.
    return (statement, [value for _, values in found for value in values]) if statement.count(_OR) < 400 else None


def _asks_status(node: Node) -> bool:
    """Whether what a node holds for has a status, which what is to be used has not."""
    if isinstance(node, Or):
        return all(map(_asks_status, node.nodes))
    return isinstance(node, Match) and node.field == "status"


def is_invalid(judged: Judged) -> Condition:
    """The condition on `c` that holds for invalid records."""
    column = "c.invalid IS NOT NULL AND c.invalid = 1"
    if judged.is_whole:
        return column, []
    beside = json.dumps(judged.beside)
    return f"({column} AND c.rid >= ?) OR c.rid IN (SELECT value FROM json_each(?))", [judged.floor, beside]


def asks_words(condition: str) -> bool:
    """Whether a condition asks the word index."""
    return IS_LISTED in condition or LOOKED_UP in condition


def text_match(text: Text, context: Context) -> str:
    """The FTS5 expression of free text: where its words stand, and what else names are found by."""
    found = [stands_in(text, context, NAME_COLUMNS if text.in_name else _text_columns(text, context))]
    if text.prefix:
        if (spelt := _spelt(text, context)) is not None:
            found.append(f"{NAME_COLUMN} ({spelt})")
        if (inside := _inside(text, context)) is not None:
            found.append(inside)
    if text.owner:
        found.append(text_match(text.named, context))
    return found[0] if len(found) == 1 else " OR ".join(f"({part})" for part in found)


def name_match(text: Text, context: Context) -> str:
    """The same only for what names hold, and not inside their words."""
    text = text.named
    standing = stands_in(text, context, NAME_COLUMNS)
    spelt = _spelt(text, context) if text.prefix else None
    return standing if spelt is None else f"({standing}) OR ({NAME_COLUMN} ({spelt}))"


def start_match(text: Text, context: Context) -> str:
    """The same only for names that begin with it."""
    found = [stands_in(text, context, NAME_COLUMN, anchor="^ ")]
    if text.prefix and (spelt := _spelt(text, context, anchor="^ ")) is not None:
        found.append(f"{NAME_COLUMN} ({spelt})")
    if text.owner:
        found.append(start_match(text.named, context))
    return found[0] if len(found) == 1 else " OR ".join(f"({part})" for part in found)


def has_inside(text: Text, context: Context) -> bool:
    """Whether names are found that hold the text inside a word."""
    return text.prefix and _inside(text.named, context) is not None


def _text_columns(text: Text, context: Context) -> str:
    """The column filter that keeps a text from being found in what is made up. Where it has a word that is not there,
    it is left out: with it FTS5 reads for each record where the words stand."""
    *before, last = text.words
    known = (context.begin_with(last) if text.prefix else None) or (last,)
    is_there = all(map(is_made_up, before)) and any(map(is_made_up, known))
    return _TEXT_COLUMNS if is_there else ""


def stands_in(text: Text, context: Context, columns: str, *, anchor: str = "") -> str:
    """The FTS5 expression for where the words of a text stand.

    Args:
        columns: a column filter with its colon, "" for all columns.
        anchor: `^ ` for only where a column begins with them.
    """
    *before, last = text.words
    known = context.begin_with(last) if text.prefix else None
    if known is None:
        return f"{columns} {anchor}{_phrase(text.words, text.prefix)}".lstrip()
    phrases = " OR ".join(anchor + _phrase((*before, word), False) for word in (known or (last,)))
    return f"{columns} ({phrases})".lstrip()


def is_owner(address: str, value: str, names: Mapping[str, Sequence[str]]) -> bool:
    """Whether `owner:` with this value means an address; `names` as in `Context.owners`."""
    prefix = _owner_prefix(value)
    return (prefix is not None and address.startswith(prefix)) or address in names.get(_as_name(value), ())


# How


def _plainly(node: Node, context: Context) -> Node:
    """The node without what is said by other nodes: to be used is all that is neither deprecated nor withdrawn, which
    is little to exclude and would be much to list; and what fits is what needs no more than a machine has."""
    match node:
        case Match("status", value) if is_in_use(value):
            return Not(Or(tuple(Match("status", status) for status in STATUSES[1:])))
        case Match("fit", value) if node != _NEEDS_GPU:
            return _fitting(value, context.machine)
        case Not(inner):
            return negation(_plainly(inner, context))
        case And(nodes):
            return conjunction([_plainly(part, context) for part in nodes]) or node
        case Or(nodes):
            return disjunction([_plainly(part, context) for part in nodes]) or node
        case _:
            return node


# No value of the language: the owner of the record says that it needs a GPU.
_NEEDS_GPU = Match("fit", "=gpu")


def _fitting(value: str, machine: Machine | None) -> Node:
    """What `fit:` with this value asks for, in ranges of what models need."""
    from tui_registry.fit import card, limits, parse_size  # few queries ask for it

    if value == "unknown":
        return And((Match("kind", "model"), Not(_up_to(LARGEST))))
    if value not in FITS:
        return _up_to(limits(card(parse_size(value))).gpu)
    if machine is None:
        return _up_to(0)
    known = limits(machine)
    # Each has bounds of its own, so that the index of needs is read between them and not from its end.
    on_gpu, beyond_cpu = _up_to(known.gpu), _between(known.cpu + 1, LARGEST)
    if value == "runs":
        most = _up_to(max(known.gpu, known.cpu))
        return most if known.cpu <= known.gpu else And((most, Or((on_gpu, Not(_NEEDS_GPU)))))
    if value == "offload":
        return And((_between(known.gpu + 1, known.offload), Or((beyond_cpu, _NEEDS_GPU))))
    return And((_between(max(known.gpu, known.offload) + 1, LARGEST), Or((beyond_cpu, _NEEDS_GPU))))


def _up_to(most: int) -> Range:
    return _between(1, most)


def _between(least: int, most: int) -> Range:
    most = min(most, LARGEST)
    return Range(NEED, least, most) if least <= most else Range(NEED, 1, 0)


def _phrase(typed: Sequence[str], prefix: bool) -> str:
    return f'"{" ".join(typed)}"{" *" if prefix else ""}'


def _spelt(text: Text, context: Context, anchor: str = "") -> str | None:
    """The other spellings of a text that names have, and what they have for it and what stands beside it. Of a phrase
    FTS5 reads all that has its words, so what no name has is not asked for."""
    found: list[str] = []
    spellings = [(spelling, goes_on(text.words, spelling)) for spelling in spellings_of(text.words)]
    for spelling, may_go_on in (*spellings, *((together, True) for together in text.beside)):
        *before, last = spelling
        begun = context.begin_with(last)
        if begun is not None and not begun:
            continue
        if any(not context.is_named(_phrase((word,), False)) for word in before):
            continue
        whole = [(*before, word) for word in begun or ()]
        phrases = [_phrase(words, False) for words in whole] or [_phrase(spelling, may_go_on)]
        if context.is_named(f"({' OR '.join(phrases)})"):
            found += [anchor + phrase for phrase in phrases]
    return " OR ".join(found) or None


def _apart(parts: Sequence[Node], context: Context) -> tuple[str | None, str | None]:
    """`Compiled.named` and `Compiled.elsewhere`."""
    texts = [part for part in parts if isinstance(part, Text)]
    if len(texts) != 1 or not texts[0].prefix or _spelt(texts[0].named, context) is None:
        return None, None
    node = And(tuple(parts)) if len(parts) > 1 else parts[0]
    return name_match(texts[0], context), compile_query(node, context._replace(is_named=lambda _: False)).match


def _inside(text: Text, context: Context) -> str | None:
    if len(text.words) > 1 or not is_inside(text.words[0]):
        return None
    return _any([f'"{name_word(word)}"' for word in context.go_on_inside(text.words[0])])


@cache
def _everything() -> str:
    """An expression that finds every record, as each has a kind: FTS5's NOT needs a left side."""
    return f"facets : ({' OR '.join(facet_word('kind', kind) for kind in KIND_CODES_BY_NAME)})"


def _match(node: Node, context: Context) -> str | None:
    """The node as an FTS5 expression, None where the index cannot answer it."""
    match node:
        case Text():
            return text_match(node, context)
        case Match():
            return _facet(node, context)
        case Range():
            classes, is_exact = words_between(*_asked(node))
            return _any(classes) if is_exact else None
        case Not():
            match = _match(node.node, context)
            return None if match is None else f"({_everything()}) NOT ({match})"
        case And() | Or():
            parts = [_match(part, context) for part in node.nodes]
            if any(part is None for part in parts):
                return None
            return (" AND " if isinstance(node, And) else " OR ").join(f"({part})" for part in parts)


def _cover(node: Node, context: Context) -> str | None:
    """An FTS5 expression that finds every record the node does, and perhaps others; None where there is no such."""
    match node:
        case Range():
            return _any(words_between(*_asked(node))[0])
        case Match("name", value):
            found = words(value)
            return f"{NAME_COLUMN} {_phrase(found, False)}" if found else None
        case Match("eval", value):
            return _any([facet_word("eval", measured(value)[0])])
        case And():
            return _both(cover for part in node.nodes if (cover := _cover(part, context)) is not None)
        case Or():
            each = [_cover(part, context) for part in node.nodes]
            return None if None in each else " OR ".join(f"({cover})" for cover in each)
        case _:
            return _match(node, context)


def _both(matches: Iterable[str]) -> str | None:
    return " AND ".join(f"({match})" for match in matches) or None


def _asked(node: Range) -> tuple[str, int, int]:
    _, low, high = _bounds(node)
    return node.field, low, high


def _any(made_up: Sequence[str]) -> str | None:
    return f"facets : ({' OR '.join(made_up)})" if made_up else None


def _facet(node: Match, context: Context) -> str | None:
    match node.field:
        case "has" if node.value in ("manifest", "note"):
            return None
        case "eval" if measured(node.value)[2] is not None:
            return None  # the index knows no values
        case "eval":
            return _any([facet_word("eval", measured(node.value)[0])])
        case "kind" | "type" | "framework" | "license" | "quant" | "tag" | "cap" | "tool" | "has" | "status":
            return _any([facet_word(node.field, value) for value in alike(node.field, node.value)])
        case "version":
            return _any([facet_word("version", node.value)])
        case "model" | "needs" | "from" as field:
            ids = [f'"{hex_word(field, identifier)}"' for identifier in context.models_named(node.value)]
            begins = [f'"{hex_word(field, node.value)}" *'] if is_hex(node.value) else []
            options = [*begins, *ids]
            if field == "from":
                options.append(facet_word("source", node.value))
            return f"facets : ({' OR '.join(options)})" if options else None
        case "owner":
            named = [hex_word("owner", address) for address in context.owners.get(_as_name(node.value), ())]
            prefix = _owner_prefix(node.value)
            begins = [f'"{hex_word("owner", prefix)}" *'] if prefix else []
            options = [*begins, *(f'"{word}"' for word in named)]
            return f"facets : ({' OR '.join(options)})" if options else None
        case "is" if node.value == "mine" and context.address:
            return f'facets : "{hex_word("owner", context.address)}"'
        case _:
            return None


def _as_name(value: str) -> str:
    # What is written with 0x is an address, whatever names there are.
    return "" if value.lower().startswith("0x") else fold_case(value)


def _owner_prefix(value: str) -> str | None:
    digits = value.lower().removeprefix("0x")
    return digits if 1 <= len(digits) <= 40 and not digits.strip("0123456789abcdef") else None


def _all(nodes: Sequence[Node], context: Context) -> Condition:
    parts = [_condition(node, context) for node in nodes]
    if not parts:
        return _ALWAYS
    return " AND ".join(f"({part})" for part, _ in parts), [value for _, values in parts for value in values]


def _condition(node: Node, context: Context) -> Condition:
    """The node as an SQL condition that is never NULL; of columns where there are any, else of words."""
    match node:
        case Not():
            condition, parameters = _condition(node.node, context)
            return f"NOT ({condition})", parameters
        case And() | Or():
            parts = [_condition(part, context) for part in node.nodes]
            word = " AND " if isinstance(node, And) else " OR "
            return _joined(word, [part for part, _ in parts]), [value for _, values in parts for value in values]
        case Range("pulled"):
            return IS_PULLED, [*_times_of(node), *_times_of(node)]
        case Range():
            column, low, high = _bounds(node)
            return f"c.{column} IS NOT NULL AND c.{column} BETWEEN ? AND ?", [low, high]
        case Match():
            return _column_condition(node, context) or _by_words(node, context)
        case Text():
            return _by_words(node, context)


def _joined(word: str, parts: Sequence[str]) -> str:
    """Parts with a word between them: what is watched has more of them than one query, and SQLite reads n in a row as a
    tree that is n deep, of which it takes 1,000."""
    while len(parts) > _IN_A_ROW:
        rows = (parts[place : place + _IN_A_ROW] for place in range(0, len(parts), _IN_A_ROW))
        parts = [_joined(word, row) for row in rows]
    return word.join(f"({part})" for part in parts)


_IN_A_ROW = 100


def _bounds(node: Range) -> tuple[str, int, int]:
    """The column and its bounds, both inclusive. 0 parameters are unknown ones, and lie in no range."""
    least = 1 if node.field == "params" else 0
    low = least if node.low is None else max(least, node.low)
    return _RANGE_COLUMNS[node.field], low, 2**63 - 1 if node.high is None else node.high


def _column_condition(node: Match, context: Context) -> Condition | None:
    """A condition of columns alone; None where they cannot answer it."""
    match node.field, node.value:
        case "kind", value:
            return IS_KIND, [KIND_CODES_BY_NAME[value]]
        case "id", value:
            low, high = hex_range(value, 64)
            return "c.rid IN (SELECT rid FROM keys WHERE id BETWEEN ? AND ?)", [low, high]
        case "name", value:
            return "c.name = ? COLLATE NOCASE", [value]
        case "fit", _:
            return "c.needs_gpu", []
        case "is", "mine" if context.address:
            return "c.owner = ?", [bytes.fromhex(context.address)]
        case "is", "conflict":
            return IN_CONFLICT, []
        case "is", "invalid":
            return is_invalid(context.judged)
        case "is", "orphaned":
            return IS_ORPHANED, []
        case "is", "starred":
            return IS_STARRED, []
        case "is", "new":
            return IS_NEW, []
        case "has", "note":
            return IS_NOTED.format("1"), []
        case "note", value:
            return IS_NOTED.format(_NOTE_SAYS), [f" {value}"]
        case "eval", _ if (compared := _compared(node)) is not None:
            where, asked = compared
            return _IS_MEASURED.format(where), asked
        case "has", "manifest":
            return HAS_MANIFEST, []
        case "has", "formfile":
            return "c.has_formfile", []
        case (("needs" | "from" | "eval" | "has"), _):
            given = _given(node, context)
            held = " OR ".join(["instr(' ' || m.words, ?)"] * len(given))
            return (_IS_GIVEN.format(held), [f" {word}" for word in given]) if given else None
        case ("type" | "framework" | "license" | "quant" | "status") as field, value:
            values = alike(field, value)
            return f"coalesce(c.{_COLUMNS[field]}, '') COLLATE NOCASE IN ({', '.join('?' * len(values))})", [*values]
        case ("tag" | "cap" | "tool") as field, value if is_counted(value):
            line = FACET_LETTERS[field] + _ESCAPED.sub(r"\\\g<0>", value)
            return _IS_LABELLED, [f"{line}%", f"%\n{line}%", f"%\n{line}\n%"]
        case _:
            return None


def _given(node: Match, context: Context) -> list[str]:
    """The words, or their beginnings, one of which a manifest gives its record where a node holds for that; none where
    manifests have nothing to do with it."""
    match node.field, node.value:
        case ("needs" | "from") as field, value:
            named = [hex_word(field, identifier) for identifier in context.models_named(value)]
            begun = [hex_word(field, value)] if is_hex(value) else []
            return [*begun, *named, *([facet_word("source", value)] if field == "from" else [])]
        case "has", ("artifact" | "digest") as value:
            return [facet_word("has", value)]
        case "eval", value:
            return [facet_word("eval", measured(value)[0])]
        case _:
            return []


def _by_words(node: Node, context: Context) -> Condition:
    match = _match(node, context)
    if match is None:
        # An owner's name that nobody has, or `is:mine` before there is a key.
        return "0", []
    # A list of all rows with a common word would be most of the registry.
    return (IS_LISTED if context.is_rare(match) else LOOKED_UP), [match]


def _is_text(node: Node) -> bool:
    return isinstance(node, Text) or (isinstance(node, Or) and all(isinstance(part, Text) for part in node.nodes))


def _is_kind(node: Node) -> TypeGuard[Match]:
    return isinstance(node, Match) and node.field == "kind"
