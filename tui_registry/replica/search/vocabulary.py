"""The words and values that records have: counted as facets, offered for completion, proposed for what was mistyped."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tui_registry.errors import Kind
from tui_registry.frozen import NamedTuple
from tui_registry.licences import usual
from tui_registry.query.fields import FACETS, STATUSES
from tui_registry.query.folding import fold_case, words
from tui_registry.replica.catalogue.current import owned_by
from tui_registry.replica.catalogue.derived import (
    KIND_CODES,
    KINDS_BY_CODE,
    SHORTEST_KNOWN,
    facet_word,
    field_and_value,
    is_learnt,
    knows_all_words,
)
from tui_registry.replica.search import matching
from tui_registry.replica.search.compile import Compiled
from tui_registry.text import safe_text

# All matches are looked at where they can be listed; of a search with more, so many of the ones registered last.
_LOOKED_AT = 5_000
_MOST_VALUES = 30

FACET_FIELDS = tuple(FACETS)

# Classes of size by parameters: (largest, what the query language calls the class, what people call it).
_SIZES = (
    (10**9, "<=1b", "up to 1 B"),
    (4 * 10**9, "1b..4b", "1 to 4 B"),
    (10**10, "4b..10b", "4 to 10 B"),
    (4 * 10**10, "10b..40b", "10 to 40 B"),
    (2**63, ">40b", "over 40 B"),
)
_LARGEST = [largest for largest, _, _ in _SIZES]
_SIZE_LABELS = {value: label for _, value, label in _SIZES}

_NAMES_LOOKED_AT = 500
_NAMES_OFFERED = 20
_NAMED_AT_MOST = 64
_SCANNED = 100_000
_COMPARED = 5_000
# Similarity, of 100: from the first on a word is taken for a typo, from the second on where there is no nearer one.
_NEAR = 80.0
_ENOUGH = 70.0
# Values are few, and some have only three letters.
_ALIKE = 60.0
# To find the names that are nearest to some words, so many of the words are looked for, and so many names with each.
_WORDS_COMPARED = 6
_NAMES_COMPARED = 100
_NAMES_PROPOSED = 3
_LIKE_A_NAME = 50.0
_SHORT = 3
# Of the values of a field so many are looked through at most.
_SEARCHED = 10_000
# Of a search's matches the labels are counted where a record has no more than so many characters of them, until there
# are so many different ones: more are of somebody who floods the registry with them.
_LABELLING = 2_000
_MOST_LABELS = 50_000
_LABELLED_AT_ONCE = 500
_LAST = "\U0010ffff"
# What is counted of a row; labels where they are not longer than a parameter says.
_COUNTED = (
    "c.kind, c.type, c.framework, c.license, c.quantization, c.parameters, c.owner, "
    "CASE WHEN length(c.labels) <= ? THEN c.labels END, c.status"
)


class FacetValue(NamedTuple):
    """One value of a facet.

    Attributes:
        value: what the query language takes after the field (for `size` the field is `params`).
        label: what people read; foreign text.
        records: how many of the matches looked at have it.
    """

    value: str
    label: str
    records: int


class Facets(NamedTuple):
    """The facets of a search.

    Attributes:
        values: by field of `FACET_FIELDS`, the most frequent first, at most 30 each.
        exact: whether all matches were counted; otherwise the ones registered last stand for all.
        notes: as `Page.notes`.
    """

    values: dict[str, list[FacetValue]]
    exact: bool
    notes: tuple[str, ...] = ()


def read_facets(db: sqlite3.Connection, compiled: Compiled) -> Facets:
    """Count the values of a search's matches."""
    facets = _read_facets(db, compiled)
    if [found.value for found in facets.values["status"]] == [STATUSES[0]]:
        facets.values["status"].clear()  # nothing is said of any: there is nothing to choose from
    return facets


def _read_facets(db: sqlite3.Connection, compiled: Compiled) -> Facets:
    rids = matching.listed(db, compiled)
    tables, where, parameters = matching.source(compiled, rids, _LOOKED_AT if rids is None else len(rids))
    rows = db.execute(
        f"SELECT {_COUNTED} FROM {tables} WHERE {where}",
        [_LABELLING, *parameters],
    ).fetchall()
    counters, is_whole = _counted(rows)
    values = {field: _most(counters[field]) for field in FACET_FIELDS}
    order = [value for _, value, _ in _SIZES]
    values["size"].sort(key=lambda item: order.index(item.value))
    if compiled.is_everything:
        # For the whole registry the replica keeps the counts.
        values.update({field: found for field in FACET_FIELDS if (found := known_values(db, field, "", _MOST_VALUES))})
        out = _hidden_values(db, compiled)
        if out is None:
            return Facets(values, exact=False)
        for field, fewer in out.items():
            shown = (found._replace(records=found.records - fewer[found.value]) for found in values[field])
            if field not in ("size", "owner"):  # these are of the rows above
                values[field] = sorted((found for found in shown if found.records > 0), key=_by_number)
        return Facets(values, len(rows) < _LOOKED_AT)
    return Facets(values, rids is not None and is_whole)


def _hidden_values(db: sqlite3.Connection, compiled: Compiled) -> dict[str, Counter[str]] | None:
    """The values of the records of muted owners; None where these are very many."""
    owners = compiled.context.hidden
    if not owners:
        return {}
    rows = db.execute(
        f"SELECT {_COUNTED} FROM (SELECT rowid AS rid FROM words WHERE words MATCH ? LIMIT ?) hidden "
        "CROSS JOIN catalogue c ON c.rid = hidden.rid",
        (_LABELLING, owned_by(owners), _LOOKED_AT + 1),
    ).fetchall()
    return None if len(rows) > _LOOKED_AT else _counted(rows)[0]


def _by_number(found: FacetValue) -> tuple[int, str]:
    return -found.records, found.value


def known_values(db: sqlite3.Connection, field: str, prefix: str, limit: int) -> list[FacetValue]:
    """The values of a field that records here have, the most frequent first, whose text begins so in any case."""
    source, is_whole = _values(db, field)
    rows = db.execute(
        f"SELECT value, records FROM {source} WHERE substr(value, 1, ?) = ? COLLATE NOCASE "
        "ORDER BY records DESC, value LIMIT ?",
        (field, len(prefix), prefix, limit),
    ).fetchall()
    if not is_whole and len(rows) < limit:
        rare = "SELECT value, records FROM counted WHERE field = ? AND value >= ? AND value < ? LIMIT ?"
        for begun in dict.fromkeys((prefix, prefix.lower(), prefix.upper(), prefix.capitalize())):
            rows += db.execute(rare, (field, begun, begun + _LAST, limit))
        rows = [*dict.fromkeys(rows)][:limit]
    counted = _folded(Counter(dict(rows))).most_common() if field == "license" else rows
    if field == "status" and STATUSES[0].lower().startswith(prefix.lower()):
        (records,) = db.execute("SELECT models + agents FROM replica").fetchone()
        said = db.execute(
            "SELECT value, records FROM counted WHERE field = 'status' AND value IN (?, ?)", STATUSES[1:]
        ).fetchall()
        in_use = _with_those_in_use(Counter(dict(said)), records)[STATUSES[0]]
        counted = sorted([*rows, *([(STATUSES[0], in_use)] if in_use else [])], key=lambda row: (-row[1], row[0]))
    return [FacetValue(value, value, records) for value, records in counted]


def names_beginning(db: sqlite3.Connection, prefix: str, kind: Kind | None) -> dict[str, list[str]]:
    """The names of records here that begin so in any case, at most 20, and whose they are (40 hex digits each)."""
    rows = db.execute(
        "SELECT name, owner FROM (SELECT name, owner, kind FROM catalogue c INDEXED BY catalogue_name "
        "WHERE name >= ? COLLATE NOCASE AND name < ? COLLATE NOCASE ORDER BY name COLLATE NOCASE LIMIT ?) "
        "WHERE ? IS NULL OR kind = ?",
        (prefix, prefix + _LAST, _NAMES_LOOKED_AT, kind, None if kind is None else KIND_CODES[kind]),
    )
    found: dict[str, list[str]] = {}
    for name, owner in rows:
        if name in found or len(found) < _NAMES_OFFERED:
            found.setdefault(name, []).append(owner.hex())
    return found


def benchmarks_beginning(db: sqlite3.Connection, prefix: str) -> list[tuple[str, int]]:
    """The benchmarks, folded, that the manifests which came last were measured by, whose names begin so, each with how
    many of these manifests."""
    wanted = fold_case(prefix)
    rows = db.execute(
        "SELECT benchmark, count(DISTINCT rid) AS manifests FROM "
        "(SELECT rid, benchmark FROM evaluations ORDER BY rid LIMIT ?) "
        "WHERE substr(benchmark, 1, ?) = ? GROUP BY benchmark ORDER BY manifests DESC, benchmark LIMIT ?",
        (_LOOKED_AT, len(wanted), wanted, _NAMES_OFFERED),
    )
    return [(benchmark, manifests) for benchmark, manifests in rows]


def beginnings(db: sqlite3.Connection) -> Callable[[str], Sequence[str] | None]:
    """What `Context.begin_with` asks, answered once for each word."""
    known: dict[str, Sequence[str] | None] = {}

    is_whole = knows_all_words(db)

    def begin_with(word: str) -> Sequence[str] | None:
        if not is_whole or not is_learnt(word):
            return None
        if word not in known:
            found = _between(db, word, word + _LAST, _NAMED_AT_MOST + 1)
            known[word] = found if len(found) <= _NAMED_AT_MOST else None
        return known[word]

    return begin_with


def insides(db: sqlite3.Connection) -> Callable[[str], Sequence[str]]:
    """What `Context.go_on_inside` asks, answered once for each word."""
    known: dict[str, Sequence[str]] = {}
    statement = "SELECT word FROM endings WHERE ending >= ? AND ending <= ? AND ending <> word LIMIT ?"

    def go_on_inside(word: str) -> Sequence[str]:
        if word not in known:
            rows = db.execute(statement, (word, word + _LAST, _NAMED_AT_MOST))
            known[word] = list(dict.fromkeys(found for (found,) in rows))
        return known[word]

    return go_on_inside


def nearest_word(db: sqlite3.Connection, word: str, begins: bool) -> str | None:
    """The word itself where records have it (with `begins`: or one that begins so), else the nearest that they have."""
    if len(word) < SHORTEST_KNOWN - 1 or _is_used(db, word, begins):
        return word
    # Typos seldom touch the first letter, and the vocabulary is sorted: looking at one stretch of it is enough, mostly
    # a short one.
    for start, enough in ((word[:2], _NEAR), (word[0], _ENOUGH)):
        stretch = _between(db, start, start + _LAST, _SCANNED)
        alike = [known for known in stretch if abs(len(known) - len(word)) <= 3]
        # A word stays known when its last record is gone, so the nearest that still finds something counts.
        found = next((found for found in _most_alike(word, alike, enough) if _is_used(db, found, False)), None)
        if found is not None:
            return found
    return None


def nearest_names(
    db: sqlite3.Connection, typed: Sequence[str], nearest: Callable[[str, bool], str | None]
) -> list[str]:
    """The names that are most like these words, the nearest first, at most three, each once.

    Args:
        nearest: as `nearest_word`.
    """
    if not typed:
        return []
    from rapidfuzz import fuzz  # needed on the way to a proposal only

    known = [known for word in typed[:_WORDS_COMPARED] if (known := nearest(word, True)) is not None]
    begun = [word[:_SHORT] for word in typed[:_WORDS_COMPARED] if len(word) >= _SHORT]
    wanted = " ".join(typed)
    names: dict[str, float] = {}
    for word in dict.fromkeys((*known, *begun)):
        rows = db.execute(
            "SELECT c.name FROM (SELECT rowid AS rid FROM names WHERE names MATCH ? ORDER BY rowid DESC LIMIT ?) n "
            "CROSS JOIN catalogue c ON c.rid = n.rid",
            (f'"{word}" *', _NAMES_COMPARED),
        )
        for (name,) in rows:
            if name not in names:
                names[name] = fuzz.ratio(wanted, " ".join(words(name)))
    most_alike = sorted(names, key=lambda name: (-names[name], name))
    return [name for name in most_alike[:_NAMES_PROPOSED] if names[name] >= _LIKE_A_NAME]


def nearest_value(db: sqlite3.Connection, field: str, value: str) -> str | None:
    """The value itself where records have it in a field, in any case, else the nearest of those that most have."""
    source, _ = _values(db, field)
    rows = db.execute(f"SELECT value FROM {source} ORDER BY records DESC LIMIT ?", (field, _COMPARED))
    known = [*(STATUSES if field == "status" else ()), *(found for (found,) in rows)]
    wanted = fold_case(value)
    same = next((found for found in known if fold_case(found) == wanted), None)
    if same is not None or _is_used(db, facet_word(field, value), False):
        return same or value
    # A proposal is shown, and typed for the person: only values that need no escaping.
    plain = [found for found in known if safe_text(found) == found]
    return next(iter(_most_alike(wanted, plain, _ALIKE, fold_case)), None)


# How


def _most_alike(
    word: str, known: Sequence[str], enough: float, folded: Callable[[str], str] | None = None
) -> list[str]:
    """The five most similar, the nearest first; `enough` is the least similarity, of 100."""
    from rapidfuzz import fuzz, process  # needed on the way to a proposal only

    best = process.extract(word, known, scorer=fuzz.ratio, processor=folded, score_cutoff=enough, limit=5)
    return [found for found, _, _ in best]


def _values(db: sqlite3.Connection, field: str) -> tuple[str, bool]:
    """Where to look through the values of a field (which is its parameter), and whether it has all of them: where there
    are very many, it has those that most records have."""
    statement = "SELECT count(*) FROM (SELECT 1 FROM counted WHERE field = ? LIMIT ?)"
    (number,) = db.execute(statement, (field, _SEARCHED + 1)).fetchone()
    if number <= _SEARCHED:
        return "(SELECT value, records FROM counted WHERE field = ?)", True
    common = "counted INDEXED BY counted_common WHERE field = ? AND records > 1 ORDER BY records DESC"
    return f"(SELECT value, records FROM {common} LIMIT {_SEARCHED})", False


def _most(counted: Counter[str]) -> list[FacetValue]:
    items = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [FacetValue(value, _SIZE_LABELS.get(value, value), records) for value, records in items[:_MOST_VALUES]]


def _folded(licences: Counter[str]) -> Counter[str]:
    """The numbers of records by licence, where those of all spellings of a licence count for its usual one."""
    found: Counter[str] = Counter()
    for licence, records in licences.items():
        found[usual(licence)] += records
    return found


def _with_those_in_use(statuses: Counter[str], records: int) -> Counter[str]:
    """The numbers of records by what is said of them, with those that are to be used among so many records."""
    in_use = records - sum(statuses[status] for status in STATUSES[1:])
    return Counter({**statuses, STATUSES[0]: in_use}) if in_use > 0 else statuses


def _counted(rows: list[tuple[Any, ...]]) -> tuple[dict[str, Counter[str]], bool]:
    """The values of rows by field, and whether these are all. Column by column, as one call for a column costs a tenth
    of one for each value."""
    columns = zip(*rows, strict=True) if rows else [()] * 9
    kinds, types, frameworks, licences, quantizations, sizes, owners, labels, statuses = columns
    classes = Counter(bisect_left(_LARGEST, size) for size in sizes if size)
    found: dict[str, Counter[str]] = {
        "kind": Counter({KINDS_BY_CODE[code]: records for code, records in Counter(kinds).items()}),
        "type": Counter(types),
        "framework": Counter(frameworks),
        "license": _folded(Counter(licences)),
        "quant": Counter(value for value in quantizations if value is not None),
        "size": Counter({_SIZES[number][1]: records for number, records in classes.items()}),
        "owner": Counter({owner.hex(): records for owner, records in Counter(owners).items()}),
        "status": _with_those_in_use(Counter(said for said in statuses if said is not None), len(rows)),
        "tag": Counter(),
        "cap": Counter(),
        "tool": Counter(),
    }
    lines: Counter[str] = Counter()
    is_whole = None not in labels
    for start in range(0, len(labels), _LABELLED_AT_ONCE):
        if len(lines) > _MOST_LABELS:
            is_whole = False
            break
        lines.update("\n".join(filter(None, labels[start : start + _LABELLED_AT_ONCE])).split("\n"))
    for line, records in lines.items():
        if line:
            field, value = field_and_value(line)
            found[field][value] = records
    return found, is_whole


def _between(db: sqlite3.Connection, first: str, last: str, most: int) -> list[str]:
    rows = db.execute("SELECT word FROM vocabulary WHERE word >= ? AND word <= ? LIMIT ?", (first, last, most))
    return [word for (word,) in rows]


def _is_used(db: sqlite3.Connection, word: str, begins: bool) -> bool:
    match = f'"{word}"{" *" if begins else ""}'
    return db.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (match,)).fetchone() is not None
