"""Toggling terms in a query's text."""

from __future__ import annotations

import pytest

from tui_registry.query import chosen, has_term, parse, with_term, without_term


@pytest.mark.parametrize(
    ("text", "field", "value", "result"),
    [
        ("", "type", "LLM", "type:LLM"),
        ("lla", "type", "LLM", "lla type:LLM"),
        ("  code   lla  ", "type", "LLM", "  code   lla type:LLM"),
        ("x type:llm", "type", "LLM", "x type:llm"),
        ("type:LLM x", "type", "Embedding", "type:LLM,Embedding x"),
        ("type:LLM x", "type", "embeddings", "type:LLM,=embeddings x"),
        ("tag:a x", "tag", "two words", 'tag:a x tag:"two words"'),
        ("license:mit", "license", "GPL-3.0", "license:mit,=GPL-3.0"),
        ("-license:mit x", "license", "MIT", "x license:MIT"),
        ("-license:mit,isc x", "license", "MIT", "-license:isc x license:MIT"),
        ("a OR b", "type", "LLM", "(a OR b) type:LLM"),
        ("a OR type:Embedding", "type", "LLM", "(a OR type:Embedding) type:LLM"),
        ("(a OR b)", "type", "LLM", "(a OR b) type:LLM"),
        ('a "open', "type", "LLM", 'type:LLM a "open'),
        ("a OR", "type", "LLM", "type:LLM (a OR"),
        ("a (b", "type", "LLM", "type:LLM a (b"),
        ("a params:<", "type", "LLM", "type:LLM a params:<"),
        ("a -", "type", "LLM", "type:LLM a -"),
        ("params:>1b x params:<2b", "params", "1b..8b", "x params:1b..8b"),
        ("sort:name x", "sort", "-params", "x sort:-params"),
        ("a OR b sort:name", "sort", "-params", "a OR b sort:-params"),
        ("a OR b", "sort", "name", "a OR b sort:name"),
        ("a (b sort:name)", "sort", "-params", "a (b) sort:-params"),
        ("a @fa", "type", "LLM", "type:LLM a @fa"),
        ("is:mine", "is", "conflict", "is:mine is:conflict"),
        ("owner:0xab", "owner", "my lab", 'owner:0xab,"my lab"'),
        ("parms:8 x", "type", "LLM", "parms:8 x type:LLM"),
    ],
)
def test_with_term(text: str, field: str, value: str, result: str) -> None:
    assert with_term(text, field, value) == result


@pytest.mark.parametrize(
    ("text", "field", "value", "result"),
    [
        ("type:LLM", "type", "LLM", ""),
        ("a type:llm b", "type", "LLM", "a b"),
        ("a  type:LLM", "type", "LLM", "a"),
        ("type:LLM,Embedding x", "type", "LLM", "type:Embedding x"),
        ('tag:a tag:"two words"', "tag", "two words", "tag:a"),
        ("license:gpl3 x", "license", "GPL-3.0", "license:GPL-3.0-only,GPL-3.0-or-later x"),
        ("a AND type:LLM AND b", "type", "LLM", "a AND b"),
        ("type:LLM AND b", "type", "LLM", "b"),
        ("(type:LLM) a", "type", "LLM", "(type:LLM) a"),
        ("a OR type:LLM", "type", "LLM", "a OR type:LLM"),
        ("-type:LLM", "type", "LLM", "-type:LLM"),
        ("x params:<8000m", "params", "<8b", "x"),
        ("x", "type", "LLM", "x"),
    ],
)
def test_without_term(text: str, field: str, value: str, result: str) -> None:
    assert without_term(text, field, value) == result


def test_what_is_chosen() -> None:
    text = "type:llm,embeddings tag:a -tag:b (tag:c) params:<8b sort:-params"
    assert chosen(text, "type") == ["LLM", "Embedding"]
    assert chosen(text, "tag") == ["a"]
    assert chosen(text, "params") == ["<8b"]
    assert chosen(text, "sort") == ["-params"]
    assert has_term(text, "params", "<8000m")
    assert not has_term(text, "params", "<=8b")
    assert not has_term(text, "params", "nonsense")


def test_adding_a_term_keeps_the_word_that_is_being_typed_a_beginning() -> None:
    assert parse(with_term("lla", "type", "LLM")).texts == parse("lla").texts
