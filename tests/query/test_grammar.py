"""The help text says what the parser does, and the tables say what the records do."""

from __future__ import annotations

import re

import pytest

from tui_registry.query import FACETS, FIELDS, GRAMMAR, parse, spellings
from tui_registry.query.fields import field_names, find_field, normalise, other_spellings
from tui_registry.records import schema


def test_every_example_of_every_field_parses() -> None:
    for field in FIELDS.values():
        for example in field.examples:
            query = parse(example, now=1_790_000_000)
            assert not query.unfinished
            assert query.where is not None or query.sort is not None


def test_the_grammar_names_every_field_and_alias_and_fits_a_terminal() -> None:
    for name in field_names():
        assert f"{name}:" in GRAMMAR
    assert max(map(len, GRAMMAR.splitlines())) <= 118


@pytest.mark.parametrize("example", re.findall(r"^  (\S+:\S+)  ", GRAMMAR, re.MULTILINE))
def test_what_the_grammar_shows_parses(example: str) -> None:
    assert not parse(example, now=1_790_000_000).unfinished


def test_names_and_aliases_are_found_in_any_case() -> None:
    assert find_field("LICENCE") is FIELDS["license"]
    assert find_field("ram") is FIELDS["mem"]
    assert find_field("nothing") is None


def test_each_canonical_value_and_each_other_spelling_normalises_to_itself() -> None:
    for field, table in other_spellings().items():
        for value, others in table.items():
            assert value in normalise(field, value.upper())
            for other in others.split():
                assert normalise(field, other) == (value,), other
    assert normalise("tag", "LLM") == ("LLM",)
    assert normalise("type", "Reranker") == ("Reranker",)


def test_the_table_of_spellings_is_documented_whole() -> None:
    text = spellings()
    assert "license:Apache-2.0  also  apache, apache2" in text
    assert "license:bsd  any of  BSD-2-Clause, BSD-3-Clause" in text


def test_the_tables_hold_every_variant_that_records_have() -> None:
    assert set(other_spellings()["type"]) == {*schema.MODEL_TYPES, *schema.AGENT_TYPES}
    assert set(other_spellings()["framework"]) == {*schema.MODEL_FRAMEWORKS, *schema.AGENT_FRAMEWORKS}
    assert set(other_spellings()["quant"]) == set(schema.QUANTIZATION_TYPES)


def test_every_facet_narrows_by_a_field_of_the_language() -> None:
    assert all(facet.name == name and facet.term in FIELDS and facet.title for name, facet in FACETS.items())
    assert FACETS["size"].term == "params"
