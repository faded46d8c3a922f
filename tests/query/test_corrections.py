"""A query that found nothing is proposed again with its misspelt words put right, and everything else as it was typed."""

from __future__ import annotations

import pytest
from hypothesis import example, given

from tests.query.generated import NOW, SAVED, texts
from tui_registry.query import QueryError, corrected, parse

WORDS = {"mistrl": "mistral", "lama": "llama", "chta": "chat", "instruct": "instruct"}
VALUES = {
    ("tag", "chta"): "chat",
    ("license", "mti"): "MIT",
    ("license", "MIT"): "MIT",
    ("tag", "two wrods"): "two words",
}


def word(typed: str, begins: bool) -> str | None:
    if begins and any(known.startswith(typed) for known in WORDS.values()):
        return typed
    return typed if typed in WORDS.values() else WORDS.get(typed)


def value(field: str, typed: str) -> str | None:
    return VALUES.get((field, typed))


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        ("mistrl", "mistral"),
        ("mistrl license:mit", "mistral license:mit"),
        ("mistrl  (tag:chta OR params:<=8b) sort:-params", "mistral  (tag:chat OR params:<=8b) sort:-params"),
        ('"lama chta" instruct', '"llama chat" instruct'),
        ('instruct "lama cha', 'instruct "llama cha"*'),
        ("lama-chta", "llama-chat"),
        ("lama*", "llama*"),
        ("license:mti,mit", "license:MIT,mit"),
        ('tag:"two wrods"', 'tag:"two words"'),
        ("mistrl instr", "mistral instr"),
        ("mistrl -lama", "mistral -lama"),
        ("mistrl NOT tag:chta", "mistral NOT tag:chta"),
        ("mistrl @fav", "mistral @fav"),
    ],
)
def test_what_is_misspelt_is_put_right_and_the_rest_stays_as_typed(text: str, proposed: str) -> None:
    assert corrected(text, word, value) == proposed


@pytest.mark.parametrize("text", ["llama chat", "mistrl unheard", "tag:unheard", "", "owner:0xab", "-mistrl"])
def test_nothing_is_proposed_where_nothing_is_misspelt_or_a_word_has_no_likeness(text: str) -> None:
    assert corrected(text, word, value) is None


@given(texts())
@example('":')
def test_a_proposal_for_a_query_that_can_be_read_can_be_read(text: str) -> None:
    try:
        parse(text, now=NOW, saved=SAVED)
    except QueryError:
        return
    proposed = corrected(text, lambda typed, _: typed[::-1], lambda _, typed: typed[::-1])
    if proposed is not None and len(proposed) <= 2000:
        parse(proposed, now=NOW, saved=SAVED)
