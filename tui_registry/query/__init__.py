"""The query language: one parser for the TUI, the CLI and the API. Data in, data out; no I/O.

    parse("llama params:<=8b license:apache2 sort:-params")

The text of a query is only ever data: what comes out is a tree of small values (`nodes`), which the replica compiles to
bound parameters, and `matches` is the same language in plain Python, the oracle that the SQL is tested against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .editing import Completion, chosen, complete, corrected, has_term, sorted_by, with_term, without_term
    from .evaluate import Document, found_in, matches
    from .fields import FACETS, FIELDS, Facet, Field, spellings
    from .folding import searched_text, words
    from .nodes import And, Match, Node, Not, Or, Query, QueryError, Range, Sort, Text
    from .sentences import GRAMMAR, describe
    from .syntax import parse

__all__ = [
    "FACETS", "FIELDS", "GRAMMAR", "And", "Completion", "Document", "Facet", "Field", "Match", "Node", "Not", "Or",
    "Query", "QueryError", "Range", "Sort", "Text", "chosen", "complete", "corrected", "describe", "found_in",
    "has_term", "matches", "parse", "searched_text", "sorted_by", "spellings", "with_term", "without_term", "words",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(
            ("Completion", "chosen", "complete", "corrected", "has_term", "sorted_by", "with_term", "without_term"),
            ".editing",
        ),
        **dict.fromkeys(("Document", "found_in", "matches"), ".evaluate"),
        **dict.fromkeys(("FACETS", "FIELDS", "Facet", "Field", "spellings"), ".fields"),
        **dict.fromkeys(("searched_text", "words"), ".folding"),
        **dict.fromkeys(
            ("And", "Match", "Node", "Not", "Or", "Query", "QueryError", "Range", "Sort", "Text"), ".nodes"
        ),
        **dict.fromkeys(("GRAMMAR", "describe"), ".sentences"),
        "parse": ".syntax",
    },
)
