"""What is derived from a record: its row in the catalogue, its words in the word index, its values that are counted.

It depends on nothing but the record and what its manifest gives it; `INDEX_VERSION` changes when an answer
here does, so that every replica makes its catalogue and its words anew.

The word index is contentless: to take a record out of it the very words that went in must be given again.

Numbers and times are words too: each stands in the index as its class, so that a range is answered inside the index. A
class is wide, so the index finds a little more than a range asks for, and columns tell the rest: class n of a number
holds what is over 2^(n-1) and at most 2^n, class n of a time 2^23 seconds (97 days). A word is a letter and the class.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache

from tui_registry.errors import KINDS, OP_KINDS, Json, Kind, OpKind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.query.fields import FIELDS, version_beginnings
from tui_registry.query.folding import endings, fold_case, has_inside, searched_words
from tui_registry.replica.store.stored import stored_id
from tui_registry.replica.store.tables import MAKE_WORD_INDEX, set_words_aside
from tui_registry.skeletons import looks

INDEX_VERSION = 4

_MOST = 2**63 - 1
# Which words the vocabulary knows, by their length: FTS5 has an index of the beginnings of up to three letters.
SHORTEST_KNOWN = 4
MOST_WORDS = 1_000_000
MOST_NAME_WORDS = 200_000
_LEARNT_AT_ONCE = 20_000
_HEX = re.compile(r"[0-9a-f]{1,64}").match

_LONGEST_COUNTED = 64

WORD_COLUMNS = "name, description, tags, capabilities, tools, name_forms, forms, facets"
# Where in these the forms of the name stand.
_NAME_FORMS = 5

# One letter a facet. The made-up word is the letter and a digest of the folded value, so that any value is one word;
# for what is hex digits already (`owner`, `model`, `needs`, `from`) the digits themselves, so that the first few find
# it. `source` is the name of what a model was made from. Numbers have letters of their own (`_NUMBERS`).
FACET_LETTERS = {
    "kind": "k",
    "type": "t",
    "framework": "f",
    "license": "l",
    "quant": "q",
    "tag": "g",
    "cap": "c",
    "tool": "u",
    "owner": "o",
    "model": "m",
    "has": "h",
    "version": "r",
    "status": "a",
    "needs": "b",
    "from": "j",
    "source": "y",
    "eval": "z",
}

# By field of the query language (letter, smallest class, largest class); the two hold what lies beyond them as well.
_NUMBERS = {
    "params": ("p", 20, 42),
    "ctx": ("x", 9, 24),
    "vram": ("v", 0, 12),
    "mem": ("e", 8, 24),
    "disk": ("d", 0, 14),
    "vcpus": ("n", 0, 8),
    "tps": ("s", 0, 14),
}
# The range of what models need: no field of the language by itself, `fit:` comes to it.
NEED = "need"
# (field of the query language, whether its value is one of the requirements, the value's name there)
_STATED = [(field, "." in path, path.rpartition(".")[2]) for field in _NUMBERS for path in FIELDS[field].paths[:1]]
_TIME = "w"
_TIME_BITS = 23
# The class of the autumn of 2019: whatever is older is in it too.
_FIRST_TIME = 187
# Every made-up word: a letter and digits of one kind or another, or a word of a name behind its mark.
_MADE_UP = re.compile(r"i\..*|[a-z][0-9a-f]*").fullmatch
# A range of more classes is not worth asking the index for: nearly everything lies in it.
_MOST_CLASSES = 32

_INSERT_WORDS = f"INSERT INTO words (rowid, {WORD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_NAMES = "INSERT INTO names (rowid, name, name_forms) VALUES (?, ?, ?)"
# How a contentless index is told to forget: the very words that went in.
_DELETE_WORDS = f"INSERT INTO words (words, rowid, {WORD_COLUMNS}) VALUES ('delete', ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_DELETE_NAMES = "INSERT INTO names (names, rowid, name, name_forms) VALUES ('delete', ?, ?, ?)"


def word_values(kind: Kind, record: Record) -> tuple[str, ...]:
    """The words of a record, in the order of `WORD_COLUMNS`.

    Folded and cut here already, so that what a word is depends on one table (`query.folding`) and not also on the
    Unicode version of whatever SQLite is installed.
    """
    held = searched_words(record)
    looked_into = {word for word in (*held.name, *held.name_forms) if has_inside(word)}
    made_up = [*_facets(kind, record), *map(name_word, sorted(looked_into))]
    return (*map(" ".join, held), " ".join(made_up))


# The same few licences, types and tags come again and again.
@lru_cache(maxsize=65_536)
def facet_word(field: str, value: str) -> str:
    """The made-up word that stands for one value of a facet; values compare as SQLite's NOCASE does."""
    folded = fold_case(value).encode("utf-8", "surrogatepass")
    return FACET_LETTERS[field] + hashlib.blake2s(folded, digest_size=6).hexdigest()


def hex_word(field: str, digits: str) -> str:
    """The made-up word of an address or id, or the beginning of one."""
    return FACET_LETTERS[field] + digits


class Vocabulary(NamedTuple):
    """What is learnt of records besides where their words stand.

    Attributes:
        words: of four letters or more, whatever they stand in. Not numbers: there is no end of them, and few records
            have the same one.
        name_words: those of names that are looked into.
    """

    words: set[str]
    name_words: set[str]


def name_word(word: str) -> str:
    """The made-up word for a word of a name that is looked into. By itself it may be in most descriptions, which would
    all be read past to find the names that have it."""
    return f"i.{word}"


def is_made_up(word: str) -> bool:
    """Whether a word may be a made-up one, or the beginning of one."""
    return _MADE_UP(word) is not None


def is_learnt(word: str) -> bool:
    """Whether a word, or a longer one that begins so, is known to the vocabulary once a record has it."""
    return len(word) >= SHORTEST_KNOWN and not word[0].isdigit()


def vocabulary_of(records: Iterable[tuple[str, ...]]) -> Vocabulary:
    """What is learnt of records; these are their `word_values`."""
    names: set[str] = set()
    others: set[str] = set()
    for columns in records:
        names.update(columns[0].split(), columns[_NAME_FORMS].split())
        others.update(" ".join(columns[1:-1]).split())
    known = set(filter(is_learnt, names | others))
    return Vocabulary(known, set(filter(has_inside, names)))


def class_words(record: Record) -> list[str]:
    """The words of all numbers that a record states, and of its creation."""
    needs = record["resource_requirements"]
    assert isinstance(needs, dict)
    found = [
        word
        for field, of_needs, name in _STATED
        if type(number := (needs if of_needs else record).get(name)) is int and (word := _word(field, number))
    ]
    created = record["created_at"]
    if type(created) is int:
        found.append(f"{_TIME}{_time_class(created)}")
    return found


def words_between(field: str, low: int, high: int) -> tuple[list[str], bool]:
    """The words of all values from `low` to `high` (inclusive, at least 0), and whether no others have them. No words
    at all: the index cannot help."""
    if low > high or field in (NEED, "pulled"):
        # What a record needs changes with its manifest, and is asked of its column; when it came stands in no word.
        return [], False
    if field == "created":
        return _times(low, high), False
    if field == "updated":
        # Nothing is updated before it is created. (What is new needs no help: searches begin with it.)
        return _times(0, high), False
    letter, first, last = _NUMBERS[field]
    lowest, highest = _class(low, first, last), _class(high, first, last)
    # 0 parameters are unknown ones, and have no word.
    begins_class = low <= (field == "params") if lowest == first else low == 2 ** (lowest - 1) + 1
    ends_class = high == (_MOST if highest == last else 2**highest)
    return [f"{letter}{number}" for number in range(lowest, highest + 1)], begins_class and ends_class


def index_words(db: sqlite3.Connection, texts: Sequence[tuple[int, tuple[str, ...]]]) -> None:
    """Put the words of records, as (rid, `word_values`), into the word indexes."""
    db.executemany(_INSERT_WORDS, ((rid, *columns) for rid, columns in texts))
    db.executemany(_INSERT_NAMES, ((rid, columns[0], columns[_NAME_FORMS]) for rid, columns in texts))


def learn(db: sqlite3.Connection, vocabulary: Vocabulary) -> None:
    """Let the replica know these words; those it knows already are fine. It knows no more than MOST_WORDS: who makes up
    words by the million makes searches slower, and nothing else."""
    words, name_words = db.execute("SELECT words, name_words FROM search_state").fetchone()
    if vocabulary.words and words < MOST_WORDS:
        learning = sorted(vocabulary.words)
        # One too many says that there are words that are not known.
        learning = learning[: MOST_WORDS - words] if len(learning) + words > MOST_WORDS else learning
        new = db.executemany("INSERT OR IGNORE INTO vocabulary (word) VALUES (?)", ((word,) for word in learning))
        known = words + new.rowcount if len(learning) == len(vocabulary.words) else MOST_WORDS
        if known != words:
            db.execute("UPDATE search_state SET words = ?", (known,))
    if not vocabulary.name_words or name_words >= MOST_NAME_WORDS:
        return
    # A word stands among its own endings: that it is there says that all are.
    new = db.execute(
        "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM endings WHERE ending = value AND word = value)",
        (json.dumps(sorted(vocabulary.name_words)),),
    )
    found = [word for (word,) in new.fetchall()]
    if not found:
        return
    rows = [(ending, word) for word in found for ending in (word, *endings(word))]
    db.execute("UPDATE search_state SET name_words = name_words + ?", (len(found),))
    db.executemany("INSERT INTO endings (ending, word) VALUES (?, ?)", sorted(rows))


def forget_words(db: sqlite3.Connection, texts: Sequence[tuple[int, tuple[str, ...]]]) -> None:
    """Take the words of records out again; they must be the ones that went in."""
    db.executemany(_DELETE_WORDS, ((rid, *columns) for rid, columns in texts))
    db.executemany(_DELETE_NAMES, ((rid, columns[0], columns[_NAME_FORMS]) for rid, columns in texts))


def forget_all_words(db: sqlite3.Connection) -> None:
    """Empty the word indexes."""
    db.execute("INSERT INTO words (words) VALUES ('delete-all')")
    db.execute("INSERT INTO names (names) VALUES ('delete-all')")
    _forget_learnt(db)


def tidy_words(db: sqlite3.Connection) -> None:
    """Give back the room of words that no record has any more, after many records are gone: marks in the indexes say
    that they are, and what was learnt of them stays. It rewrites the indexes."""
    for index in ("words", "names"):
        db.execute(f"INSERT INTO {index} ({index}) VALUES ('optimize')")
    _forget_learnt(db)
    db.execute("CREATE VIRTUAL TABLE temp.standing USING fts5vocab(main, words, col)")
    db.execute("CREATE VIRTUAL TABLE temp.naming USING fts5vocab(main, names, row)")
    try:
        standing = db.execute("SELECT DISTINCT term FROM temp.standing WHERE col <> 'facets'")
        while rows := standing.fetchmany(_LEARNT_AT_ONCE):
            learn(db, Vocabulary({word for (word,) in rows if is_learnt(word)}, set()))
        naming = db.execute("SELECT term FROM temp.naming")
        while rows := naming.fetchmany(_LEARNT_AT_ONCE):
            learn(db, Vocabulary(set(), {word for (word,) in rows if has_inside(word)}))
    finally:
        db.execute("DROP TABLE temp.standing")
        db.execute("DROP TABLE temp.naming")


def _forget_learnt(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM vocabulary")
    db.execute("DELETE FROM endings")
    db.execute("UPDATE search_state SET words = 0, name_words = 0")


def knows_all_words(db: sqlite3.Connection) -> bool:
    """Whether the vocabulary has every word that is in the index."""
    (words,) = db.execute("SELECT words FROM search_state").fetchone()
    return bool(words < MOST_WORDS)


def indexed_from(db: sqlite3.Connection) -> int:
    """The first rid whose words are in the index; those before it are still to come."""
    (floor,) = db.execute("SELECT floor FROM search_state").fetchone()
    return int(floor)


def index_version(db: sqlite3.Connection) -> int:
    """The version of the program's making by which the index was made; `INDEX_VERSION` is the present one."""
    (version,) = db.execute("SELECT index_version FROM replica").fetchone()
    return int(version)


def indexed_share(db: sqlite3.Connection) -> float:
    """How much of the word index is made, from 0 to 1."""
    floor, top = db.execute("SELECT floor, top FROM search_state").fetchone()
    return 1.0 if floor <= 1 else float(top - floor) / top


def begin_index(db: sqlite3.Connection) -> None:
    """Begin another word index, to be made from the newest record on."""
    (last,) = db.execute("SELECT coalesce(max(rid), 0) FROM keys").fetchone()
    if indexed_from(db) <= last:
        set_words_aside(db)
        for statement in MAKE_WORD_INDEX:
            db.execute(statement)
    _forget_learnt(db)
    db.execute("UPDATE search_state SET floor = ?, top = ?", (last + 1, last + 1))


def index_reaches(db: sqlite3.Connection, floor: int) -> None:
    """All records from this rid on are in the word index; from 1 on, that is all there are."""
    db.execute("UPDATE search_state SET floor = ?", (floor,))


def variant_text(value: Json) -> str:
    """An enum's name, or the text of its `Other`."""
    return str(value["Other"]) if isinstance(value, dict) else str(value)


def has_template(record: Record) -> bool:
    template = record["formfile_template"]
    return template != "" and bool(str(template).strip())


def texts(value: Json) -> list[str]:
    return [item for item in value if type(item) is str] if type(value) is list and value else []


# How


def _facets(kind: Kind, record: Record) -> list[str]:
    found = [
        facet_word("kind", kind),
        facet_word("type", variant_text(record[f"{kind}_type"])),
        facet_word("framework", variant_text(record["framework"])),
        facet_word("license", str(record["license"])),
        hex_word("owner", str(record["owner_id"])),
        *_version_words(str(record["version"])),
        *[facet_word("tag", value) for value in texts(record["tags"])],
        *[facet_word("cap", value) for value in texts(record["capabilities"])],
    ]
    if kind == "agent":
        found += [facet_word("tool", value) for value in texts(record.get("tools"))]
        # Asked for by its first digits, so what counts is how it begins.
        preferred = texts(record.get("preferred_models"))
        found += [hex_word("model", digits) for value in preferred if (digits := _digits(value))]
    if (quantization := record.get("quantization")) is not None:
        found.append(facet_word("quant", variant_text(quantization)))
    if has_template(record):
        found.append(facet_word("has", "formfile"))
    return found + class_words(record)


# Most records are of the same few versions.
@lru_cache(maxsize=4_096)
def _version_words(version: str) -> tuple[str, ...]:
    return tuple([facet_word("version", beginning) for beginning in version_beginnings(version)])


def _digits(value: str) -> str:
    match = _HEX(value)
    return "" if match is None else match[0]


# Sizes and needs come again and again.
@lru_cache(maxsize=65_536)
def _word(field: str, number: int) -> str:
    if number == 0 and field == "params":
        return ""
    letter, first, last = _NUMBERS[field]
    return f"{letter}{_class(number, first, last)}"


def _class(number: int, first: int, last: int) -> int:
    return min(max((number - 1).bit_length() if number > 0 else 0, first), last)


def _times(low: int, high: int) -> list[str]:
    classes = range(_time_class(low), _time_class(high) + 1)
    return [f"{_TIME}{number}" for number in classes] if len(classes) <= _MOST_CLASSES else []


def _time_class(seconds: int) -> int:
    return max(seconds >> _TIME_BITS, _FIRST_TIME)


# ---- the row, and the values that are counted ------------------------------------------------------------------------

KIND_CODES: dict[OpKind, int] = {"model": 0, "agent": 1, "manifest": 2}
KIND_CODES_BY_NAME: dict[str, int] = {kind: KIND_CODES[kind] for kind in KINDS}
# Of what stands in the catalogue, and of all that the log has keys for.
KINDS_BY_CODE: tuple[Kind, ...] = KINDS
OP_KINDS_BY_CODE: tuple[OpKind, ...] = OP_KINDS

RECORD_COLUMNS = (
    "name, version, type, framework, license, quantization, parameters, context_length, output_tps, min_vcpus, "
    "min_memory_mb, min_disk_gb, min_vram_gb, need, needs_gpu, has_formfile, looks, labels, created_at, updated_at, "
    "status"
)
_NEED = RECORD_COLUMNS.split(", ").index("need")
CATALOGUE_COLUMNS = f"rid, idx, kind, id, owner, live_heads, manifest_heads, invalid, {RECORD_COLUMNS}"

RecordColumns = tuple[str | int | None, ...]

_CATALOGUE_MARKS = ", ".join("?" * len(CATALOGUE_COLUMNS.split(",")))
INSERT_CATALOGUE = f"INSERT OR REPLACE INTO catalogue ({CATALOGUE_COLUMNS}) VALUES ({_CATALOGUE_MARKS})"

_FIELDS = {letter: field for field, letter in FACET_LETTERS.items()}


class Derived(NamedTuple):
    """All that is derived from one record.

    Attributes:
        columns: what the catalogue holds. words: what the word index holds.
        counted: its values that are counted, each after its facet's letter.
        invalid: 0 where a glance tells that it breaks no authoring rule, else None: `judged` looks closer.
        asked: a model's part in what it needs to run (`fit.Asked`), else None.
        prefers: the ids of the models that an agent prefers, each once.
    """

    columns: RecordColumns
    words: tuple[str, ...]
    counted: tuple[str, ...]
    invalid: int | None
    asked: tuple[int, int, bool, int] | None = None
    prefers: tuple[bytes, ...] = ()

    def given(
        self, status: str | None, weights: int | None, token: int | None, constant: int | None, words: str
    ) -> Derived:
        """The same for a record whose manifest gives it this status, this part in its need (`fit.Behind`) and these
        made-up words."""
        if self.asked is None or (weights is None and token is None):
            return self.beside(status, words)
        need = least_need(self.asked, weights, token, constant)
        columns = (*self.columns[:_NEED], need, *self.columns[_NEED + 1 :])
        return self._replace(columns=columns).beside(status, words)

    def beside(self, status: str | None, words: str) -> Derived:
        """The same for a record that has this status and these made-up words of its manifest; it had none. Words and
        what is counted depend on nothing else that a manifest gives."""
        if words:
            *texts, made_up = self.words
            return self._replace(words=(*texts, f"{made_up} {words}")).beside(status, "")
        if status is None:
            return self
        *texts, made_up = self.words
        return self._replace(
            columns=(*self.columns[:-1], status),
            words=(*texts, f"{made_up} {facet_word('status', status)}"),
            counted=(*self.counted, f"{FACET_LETTERS['status']}{status}"),
        )


def derive(kind: Kind, record: Record) -> Derived:
    """What the catalogue, the word index and the counts hold for a record."""
    asked = asked_of(record) if kind == "model" else None
    columns = record_columns(kind, record, asked)
    invalid = 0 if _making().is_plainly_valid(kind, record) else None
    prefers = () if kind == "model" else _prefers(record)
    return Derived(columns, word_values(kind, record), counted_values(kind, columns), invalid, asked, prefers)


def _prefers(record: Record) -> tuple[bytes, ...]:
    found = dict.fromkeys(map(stored_id, texts(record.get("preferred_models"))))
    return tuple(target for target in found if target)


class _Making(NamedTuple):
    """What is brought when something is derived: a list is read without it. What a model needs to run, by `fit`: its
    own part, its manifest's, and what both come to at least; and a glance at a record by the rules for authors."""

    is_plainly_valid: Callable[[Kind, Record], bool]
    asked_of: Callable[[Record], tuple[int, int, bool, int]]
    behind_of: Callable[[Record], tuple[int | None, int | None, int | None]]
    least: Callable[[tuple[int, int, bool, int], int | None, int | None, int | None], int | None]


@cache
def _making() -> _Making:
    from tui_registry import fit
    from tui_registry.records.authoring import is_plainly_valid

    return _Making(
        is_plainly_valid,
        fit.asked_of,
        fit.behind_of,
        lambda asked, *behind: fit.least_need(asked, fit.Behind(*behind)),
    )


def asked_of(record: Record) -> tuple[int, int, bool, int]:
    """A model's part in what it needs to run."""
    return _making().asked_of(record)


def behind_of(manifest: Record) -> tuple[int | None, int | None, int | None]:
    """A manifest's part in what its model needs to run: weights, token, constant, clamped (`fit.Behind`)."""
    weights, token, constant = _making().behind_of(manifest)
    return _clamped(weights), _clamped(token), _clamped(constant)


def record_columns(kind: Kind, record: Record, asked: tuple[int, int, bool, int] | None) -> RecordColumns:
    """What the catalogue holds of a record without a manifest, in the order of `RECORD_COLUMNS`."""
    needs = record["resource_requirements"]
    assert isinstance(needs, dict)
    quantization = record.get("quantization")
    name = str(record["name"])
    return (
        name,
        str(record["version"]),
        variant_text(record[f"{kind}_type"]),
        variant_text(record["framework"]),
        str(record["license"]),
        None if quantization is None else variant_text(quantization),
        _clamped(record.get("parameters", 0)),
        _clamped(record.get("context_length")),
        _clamped(record.get("output_tokens_per_second")),
        _clamped(needs["min_vcpus"]),
        _clamped(needs["min_memory_mb"]),
        _clamped(needs["min_disk_gb"]),
        _clamped(needs.get("min_vram_gb")),
        None if asked is None else least_need(asked),
        1 if needs.get("requires_gpu") is True else 0,
        1 if has_template(record) else 0,
        looks(name),
        _labels(record),
        _clamped(record["created_at"]),
        _clamped(record["updated_at"]),
        None,
    )


def least_need(
    asked: tuple[int, int, bool, int], weights: int | None = None, token: int | None = None, constant: int | None = None
) -> int | None:
    """What a model needs at least, with what its manifest gives to that (`fit.Behind`)."""
    return _clamped(_making().least(asked, weights, token, constant))


def counted_values(kind: Kind, columns: RecordColumns) -> tuple[str, ...]:
    """The values of a record that are counted over the registry, each after its facet's letter (`lMIT`): the column
    `labels` has its own that way already."""
    _, _, type_, framework, licence, quantization, *_, labels, _, _, status = columns
    found = [f"k{kind}", f"t{type_}", f"f{framework}", f"l{licence}"]
    if quantization is not None:
        found.append(f"q{quantization}")
    if labels:
        found += str(labels).split("\n")
    if status is not None:
        found.append(f"{FACET_LETTERS['status']}{status}")
    return tuple(found)


def count_values(db: sqlite3.Connection, counted: Mapping[str, int]) -> None:
    """Add to the number of records that have a value (`counted_values`); what none has any more is forgotten."""
    db.executemany(
        "INSERT INTO counted (field, value, records) VALUES (?, ?, ?) "
        "ON CONFLICT (field, value) DO UPDATE SET records = records + excluded.records",
        ((*field_and_value(key), more) for key, more in sorted(counted.items()) if more),
    )
    fewer = [field_and_value(key) for key, more in counted.items() if more < 0]
    db.executemany("DELETE FROM counted WHERE field = ? AND value = ? AND records <= 0", fewer)


def field_and_value(counted: str) -> tuple[str, str]:
    """A field of the query language and a value of it, from one of `counted_values`."""
    return _FIELDS[counted[0]], counted[1:]


# How


def is_counted(label: str) -> bool:
    """Whether a tag, capability or tool stands in the catalogue and is counted: not one that holds a line end, nor one
    so long that it is none to choose from a list. Others are found by their facet's word all the same."""
    return len(label) <= _LONGEST_COUNTED and "\n" not in label


def _labels(record: Record) -> str:
    """Tags, capabilities and tools that are counted, a line each, the facet's letter first; one that a record has twice
    counts once."""
    return "\n".join(
        [
            letter + value
            for letter, field in (("g", "tags"), ("c", "capabilities"), ("u", "tools"))
            if (values := record.get(field))
            for value in dict.fromkeys(texts(values))
            if is_counted(value)
        ]
    )


def _clamped(value: Json) -> int | None:
    """A number as SQLite can hold it: u64 clamped to 2^63-1."""
    if type(value) is not int:
        return None
    return value if value <= _MOST else _MOST  # noqa: FURB136 - min() costs four times as much, eleven times an op
