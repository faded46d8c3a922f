"""The facets of a search are what counting its matches in plain Python gives; beyond a bound they say that they are not."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, note, settings, strategies as st

from tests.laws import examples
from tests.query.generated import queries
from tests.replica.replicas import replica
from tests.replica.test_search import MACHINE, OWNERS, document, narrow, registries
from tests.seeds import seed, signed
from tui_registry.query import FACETS, FIELDS, Document, matches, parse
from tui_registry.query.evaluate import number_of, values_of
from tui_registry.replica.search import vocabulary
from tui_registry.replica.search.vocabulary import FACET_FIELDS, Facets

TEXTS = (
    "",
    "llama",
    "kind:agent",
    "tag:chat",
    "-tag:chat",
    "params:>1b",
    "llama OR is:conflict",
    "updated:2026",
    "is:mine",
)
SIZES = [(value, label) for _, value, label in vocabulary._SIZES]


def counted(documents: list[Document]) -> dict[str, Counter[str]]:
    """The numbers of records by field and value. What is listed as several lines counts by the text of each."""
    found: dict[str, Counter[str]] = {field: Counter() for field in FACET_FIELDS}
    for known in documents:
        found["kind"][known.kind] += 1
        for field in ("type", "framework", "license", "quant", "tag", "cap", "tool", "owner"):
            found[field].update(set(values_of(FIELDS[field], known)))
        size = number_of(FIELDS["params"], known)
        for value, _ in SIZES:
            if size is not None and matches(parse(f"params:{value}", now=0), known):
                found["size"][value] += 1
                break
        found["status"].update(said_of(known))
    if [*found["status"]] == ["Active"]:
        found["status"].clear()
    return found


def said_of(known: Document) -> set[str]:
    """What a manifest says of a record: one of the three, or a word of the owner's, which counts as the first too."""
    said = (known.status or "Active").lower()
    return {said.capitalize()} if said in ("active", "deprecated", "withdrawn") else {said, "Active"}


def shown(facets: Facets) -> dict[str, Counter[str]]:
    return {field: Counter({item.value: item.records for item in items}) for field, items in facets.values.items()}


@settings(max_examples=examples(12, 60))
@given(registries(), st.sets(st.sampled_from(TEXTS), min_size=1, max_size=4), st.lists(queries(), max_size=3))
def test_facets_count_what_the_matches_have(bodies: list[bytes], texts: set[str], trees: list[object]) -> None:
    with replica() as datastore:
        datastore.apply(bodies)
        datastore.machine = lambda: MACHINE
        for owner in OWNERS:
            datastore.names.set(owner.address, "My Lab")
        documents = [document(datastore, row) for row in datastore.search(limit=1000).rows]
        for text in [*sorted(texts), *map(str, trees)]:
            note(text)
            asked = parse(text, now=datastore._clock())
            facets = datastore.facets(text)
            assert facets.exact
            wanted = counted([known for known in documents if matches(asked, known)])
            assert shown(facets) == wanted


@pytest.mark.parametrize("text", ["number", "kind:model", "-tag:llama", "params:>1b"])
def test_beyond_the_bound_facets_say_that_they_are_a_part(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_LOOKED_AT", 6)
    with replica() as datastore, narrow():
        seed(datastore, 40)
        facets = datastore.facets(text)
        assert not facets.exact
        assert 0 < sum(item.records for item in facets.values["kind"]) <= 6


def test_of_the_whole_registry_facets_are_exact_however_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_LOOKED_AT", 6)
    with replica() as datastore:
        seed(datastore, 40)
        kinds = {item.value: item.records for item in datastore.facets().values["kind"]}
        assert kinds == {"model": 32, "agent": 8}


def test_a_label_that_a_record_has_twice_counts_once() -> None:
    with replica() as datastore:
        datastore.apply([signed(OWNERS[0], "model", "same", tags=["chat", "chat"]).body])
        for text in ("", "same"):
            (tag,) = datastore.facets(text).values["tag"]
            assert (tag.value, tag.records) == ("chat", 1)


def test_every_facet_narrows_a_search_by_a_term_of_the_language() -> None:
    for field in FACET_FIELDS:
        assert FACETS[field].term in FIELDS
    for value, _ in SIZES:
        assert parse(f"params:{value}", now=0).where is not None
