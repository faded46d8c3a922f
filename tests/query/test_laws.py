"""What holds for every query, and for every text that might be one."""

from __future__ import annotations

from hypothesis import assume, example, given, settings, strategies as st

from tests.laws import examples
from tests.query.generated import NOW, SAVED, documents, nodes, queries, texts
from tui_registry.query import (
    And,
    Document,
    Node,
    Not,
    Or,
    Query,
    QueryError,
    chosen,
    complete,
    describe,
    has_term,
    matches,
    parse,
    with_term,
    without_term,
)
from tui_registry.query.syntax import MAX_LENGTH
from tui_registry.text import safe_text


def holds(node: Node, document: Document) -> bool:
    return matches(Query(node, None, False), document)


@settings(max_examples=examples(100, 1000))
@given(texts())
def test_any_text_parses_or_is_a_query_error_that_points_into_it(text: str) -> None:
    error: QueryError | None = None
    try:
        parse(text, now=NOW, saved=SAVED)
    except QueryError as caught:
        error = caught
    if error is not None:
        assert error.code == "query"
        assert error.sentence
        assert 0 <= error.position < error.position + error.length <= len(text)


def read(text: str, **saved: str) -> Query | None:
    """The query, or None when the text is none."""
    try:
        return parse(text, now=NOW, saved=SAVED | saved)
    except QueryError:
        return None


@settings(max_examples=examples(100, 1000))
@given(texts())
def test_the_normal_form_of_a_text_reads_as_the_same_query(text: str) -> None:
    query = read(text)
    if query is None or len(str(query)) > MAX_LENGTH:
        return
    again = parse(str(query))
    assert again == query
    assert str(again) == str(query)
    assert not again.unfinished


@given(queries())
def test_the_text_of_a_query_reads_as_that_query(query: Query) -> None:
    text = str(query)
    assume(len(text) <= MAX_LENGTH)
    assert parse(text) == query


@given(queries())
def test_a_description_is_one_safe_line(query: Query) -> None:
    line = describe(query)
    assert line
    assert "\n" not in line
    assert safe_text(line) == line


@given(nodes(), documents())
def test_a_document_is_found_by_a_query_or_by_its_opposite(node: Node, document: Document) -> None:
    assert holds(Not(node), document) != holds(node, document)
    assert holds(Not(Not(node)), document) == holds(node, document)


@given(nodes(), nodes(), documents())
def test_de_morgan(one: Node, other: Node, document: Document) -> None:
    assert holds(Not(And((one, other))), document) == holds(Or((Not(one), Not(other))), document)
    assert holds(Not(Or((one, other))), document) == holds(And((Not(one), Not(other))), document)


@given(nodes(), nodes(), documents())
def test_and_and_or_commute(one: Node, other: Node, document: Document) -> None:
    assert holds(And((one, other)), document) == holds(And((other, one)), document)
    assert holds(Or((one, other)), document) == holds(Or((other, one)), document)


@given(texts(), texts(), documents())
def test_two_saved_searches_side_by_side_find_what_both_find(one: str, other: str, document: Document) -> None:
    first, second = read(one), read(other)
    both = read("@one @other", one=one, other=other)
    either = read("@one OR @other", one=one, other=other)
    # Without a query there is nothing to say; an unfinished or empty one is left out of the whole.
    if first is None or second is None or both is None or either is None:
        return
    assert matches(both, document) == (matches(first, document) and matches(second, document))
    if first.where is not None and second.where is not None:
        assert matches(either, document) == (matches(first, document) or matches(second, document))


@given(texts(), st.integers(-3, 60))
def test_completions_of_any_text_stay_inside_it(text: str, cursor: int) -> None:
    def values(field: str, begun: str) -> list[tuple[str, int]]:
        return [(f"{begun}x y", 3), ('a"b', 2), ("=c", 1)]

    for completion in complete(text, cursor, values):
        assert 0 <= completion.start <= completion.end <= len(text)
        assert completion.insert


CHOICES = st.sampled_from(
    [("type", "LLM"), ("type", "embeddings"), ("license", "GPL-3.0"), ("tag", "chat"), ("tag", 'a "b", c'),
     ("is", "mine"), ("params", "1b..8b"), ("owner", "my-lab"), ("kind", "agent"), ("sort", "-updated"),
     ("updated", "2026-01")]
)  # fmt: skip


@settings(max_examples=examples(50, 500))
@given(texts(), CHOICES)
@example("-", ("sort", "-updated"))
@example('""', ("sort", "-updated"))
def test_toggling_a_facet_on_any_text_puts_the_term_in_and_takes_it_out(text: str, choice: tuple[str, str]) -> None:
    narrowed = with_term(text, *choice)
    query = read(text)
    if query is None:
        # No promise on a broken text but that nothing breaks.
        without_term(narrowed, *choice)
        chosen(text, choice[0])
        return
    assert with_term(narrowed, *choice) == narrowed
    assert not has_term(without_term(narrowed, *choice), *choice)
    assert has_term(narrowed, *choice)
    assert read(narrowed) is not None
    assert read(without_term(narrowed, *choice)) is not None
