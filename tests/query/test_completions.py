"""What is offered at the cursor."""

from __future__ import annotations

from tui_registry.query import FIELDS, Completion, complete
from tui_registry.query.editing import MAX_COMPLETIONS

EXISTING = {
    "license": {"MIT": 5, "Apache-2.0": 9, "GPL-3.0": 1},
    "type": {"LLM": 7, "Embedding": 2},
    "tag": {"two words": 3, "two": 3, "=odd": 1},
    "kind": {"model": 8, "agent": 2},
    "@": {"my favourites": 0, "fav": 0},
}


def values(field: str, begun: str) -> list[tuple[str, int]]:
    return [(value, n) for value, n in EXISTING.get(field, {}).items() if value.lower().startswith(begun.lower())]


def offered(text: str) -> list[Completion]:
    """The completions at the `|` in the text."""
    return complete(text.replace("|", ""), text.index("|"), values)


def results(text: str) -> list[str]:
    """The texts that come of taking each completion."""
    plain = text.replace("|", "")
    return [plain[: one.start] + one.insert + plain[one.end :] for one in offered(text)]


def test_field_names_begin_at_a_word_a_minus_or_a_parenthesis() -> None:
    assert results("llama par|") == ["llama params:"]
    assert results("-par|") == ["-params:"]
    assert results("(par|") == ["(params:"]
    assert results("licen|") == ["license:"]
    assert results("me|mo chat") == ["mem: chat"]
    assert len(offered("|")) == len(offered("-|")) == len(FIELDS)
    assert offered("llama |") == []
    assert offered('"par|') == []


def test_values_come_most_frequent_first_with_their_counts_and_only_what_exists() -> None:
    assert [(one.text, one.records) for one in offered("license:|")] == [("Apache-2.0", 9), ("MIT", 5), ("GPL-3.0", 1)]
    assert results("x license:a| y") == ["x license:Apache-2.0 y"]
    assert results("kind:m|") == ["kind:model"]
    assert offered("license:zzz|") == []
    assert offered("nofield:|") == []


def test_another_spelling_offers_the_value_it_stands_for() -> None:
    assert results("license:apache2|") == ["license:Apache-2.0"]
    assert results("type:embeddings|") == ["type:Embedding"]


def test_a_value_is_written_so_that_it_means_itself() -> None:
    assert results("tag:tw|") == ["tag:two", 'tag:"two words"']
    assert results('tag:"two w|') == ['tag:"two words"']
    assert results('tag:"two w|" x') == ['tag:"two words" x']
    assert results("license:GP|") == ["license:=GPL-3.0"]
    assert results("tag:==o|") == ["tag:==odd"]


def test_a_list_is_completed_at_its_last_value() -> None:
    assert results("type:LLM,e|") == ["type:LLM,Embedding"]
    assert results("type:LLM,|") == ["type:LLM,LLM", "type:LLM,Embedding"]


def test_fixed_values_orders_numbers_and_saved_searches() -> None:
    assert results("is:|") == [
        "is:mine",
        "is:conflict",
        "is:invalid",
        "is:orphaned",
        "is:starred",
        "is:new",
        "is:watched",
    ]
    assert results("fit:|") == ["fit:runs", "fit:offload", "fit:no", "fit:unknown", "fit:24gb"]
    assert results("fit:o|") == ["fit:offload"]
    assert results("sort:-pa|") == ["sort:-params"]
    assert results("params:|")[0] == "params:<=8b"
    assert results("params:<|") == ["params:<=8b"]
    assert results("@|") == ['@"my favourites"', "@fav"]
    assert results("@my|") == ['@"my favourites"']


def test_the_list_is_bounded() -> None:
    many = complete("tag:", 4, lambda field, begun: [(f"t{n}", n) for n in range(1000)])
    assert len(many) == MAX_COMPLETIONS
    assert many[0].text == "t999"
