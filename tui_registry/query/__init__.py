"""The query language: one parser for the TUI, the CLI and the API. Data in, data out; no I/O.

    parse("llama params:<=8b license:apache2 sort:-params")

The text of a query is only ever data: what comes out is a tree of small values (`nodes`), which the replica compiles to
bound parameters, and `matches` is the same language in plain Python, the oracle that the SQL is tested against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .completions import Completion as Completion
    from .completions import complete as complete
    from .corrections import corrected as corrected
    from .errors import QueryError as QueryError
    from .evaluate import Document as Document
    from .evaluate import matches as matches
    from .facets import chosen as chosen
    from .facets import has_term as has_term
    from .facets import with_term as with_term
    from .facets import without_term as without_term
    from .fields import FIELDS as FIELDS
    from .fields import Field as Field
    from .folding import searched_text as searched_text
    from .folding import words as words
    from .grammar import GRAMMAR as GRAMMAR
    from .nodes import And as And
    from .nodes import Match as Match
    from .nodes import Node as Node
    from .nodes import Not as Not
    from .nodes import Or as Or
    from .nodes import Query as Query
    from .nodes import Range as Range
    from .nodes import Sort as Sort
    from .nodes import Text as Text
    from .parser import parse as parse
    from .sentences import describe as describe
    from .synonyms import spellings as spellings

__all__ = [
    "FIELDS",
    "GRAMMAR",
    "And",
    "Completion",
    "Document",
    "Field",
    "Match",
    "Node",
    "Not",
    "Or",
    "Query",
    "QueryError",
    "Range",
    "Sort",
    "Text",
    "chosen",
    "complete",
    "corrected",
    "describe",
    "has_term",
    "matches",
    "parse",
    "searched_text",
    "spellings",
    "with_term",
    "without_term",
    "words",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "FIELDS": ".fields",
        "GRAMMAR": ".grammar",
        "And": ".nodes",
        "Completion": ".completions",
        "Document": ".evaluate",
        "Field": ".fields",
        "Match": ".nodes",
        "Node": ".nodes",
        "Not": ".nodes",
        "Or": ".nodes",
        "Query": ".nodes",
        "QueryError": ".errors",
        "Range": ".nodes",
        "Sort": ".nodes",
        "Text": ".nodes",
        "describe": ".sentences",
        "has_term": ".facets",
        "matches": ".evaluate",
        "searched_text": ".folding",
        "spellings": ".synonyms",
        "chosen": ".facets",
        "with_term": ".facets",
        "without_term": ".facets",
        "words": ".folding",
        "complete": ".completions",
        "corrected": ".corrections",
        "parse": ".parser",
    },
)
