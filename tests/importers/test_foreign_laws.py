"""Laws of the readers of JSON: whatever stands where they look, a draft of the right shape comes out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.importers.test_a2a import CARD_0_3, CARD_1_0
from tests.importers.test_ai_catalog import A2A, MCP, NESTED, catalog, entry
from tests.importers.test_huggingface import CONFIG
from tests.importers.test_mcp import SERVER, SNAKE
from tests.importers.test_mcp_clients import BUNDLE, CLIENT
from tests.importers.test_modelpack import config
from tests.importers.test_oasf import NEW, OLD
from tests.importers.test_ollama import SHOW, TAGS
from tui_registry.importers.draft_writer import NO_TYPE, Draft
from tui_registry.importers.huggingface import card_draft, parse_card
from tui_registry.importers.ollama import read_tags
from tui_registry.importers.recognising import read_foreign
from tui_registry.records.schema import FIELDS
from tui_registry.records.wire import check_shape, wire_problems

LISTED = catalog(entry("a", A2A, data=CARD_1_0), entry("m", MCP, url="https://x.example"), entry("c", NESTED, data={}))
EXAMPLES = [CARD_0_3, CARD_1_0, SERVER, SNAKE, TAGS, CONFIG, CLIENT, BUNDLE, config(), OLD, NEW, LISTED]
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["\x00", "\ud800", "", " ", "x" * 40_000, [], {}, [None], [[]], {"name": 1}, ["a"] * 300]),
)


@st.composite
def spoilt(draw: st.DrawFn, examples: list[Any]) -> Any:
    """An example with odd values at some places, wherever they lie."""
    value = draw(st.sampled_from(examples))
    for _ in range(draw(st.integers(1, 5))):
        value = replaced(draw, value)
    return value


def replaced(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: replaced(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], replaced(draw, value[place]), *value[place + 1 :]]
    return draw(odd)


def is_sound(draft: Draft) -> None:
    finding = draft.finding()
    assert finding.problems in ((), (NO_TYPE,))
    assert finding.record is not None
    assert finding.kind is not None
    check_shape(finding.kind, finding.record)
    # Only what is missing may break a limit: everything that is there was made to fit.
    assert {problem.path for problem in wire_problems(finding.kind, finding.record)} <= {
        "name", "model_id", "agent_id", "owner_id",
    }  # fmt: skip
    names = {field.name for field in FIELDS[finding.kind]}
    assert {path.partition(".")[0] for path in finding.origins} <= names
    assert all(origin for origin in finding.origins.values())
    assert all("\n" not in note for note in finding.notes)


@given(spoilt(EXAMPLES))
def test_a_spoilt_description_gives_sound_drafts_or_is_not_recognised(value: Any) -> None:
    for one in read_foreign(value, "x", "named") or []:
        if isinstance(one, Draft):
            is_sound(one)
        else:
            assert all("\n" not in problem.sentence for problem in one.found.problems)


@pytest.mark.parametrize(
    "wide",
    [
        {**NEW, "locators": [{"type": "x", "urls": [f"u{n}" for n in range(60_000)]}]},
        catalog(entry("a", A2A, url="https://x.example", tags=[f"t{n}" for n in range(60_000)])),
    ],
    ids=range(2),
)
def test_what_is_told_and_listed_takes_no_longer_than_the_file_is(wide: Any) -> None:
    """Each of these took minutes when what is there already was looked through for each that came."""
    (draft,) = read_foreign(wide, "x", "named") or []
    assert len(draft.finding().notes) < 10


@given(spoilt([SHOW]))
def test_a_spoilt_answer_of_ollama_gives_a_sound_draft(show: Any) -> None:
    for draft in read_tags(TAGS, "x", {"gemma3:4b": show}):
        is_sound(draft)


front = st.dictionaries(
    st.sampled_from(["license", "tags", "language", "pipeline_tag", "library_name", "base_model", "model_name"]),
    st.one_of(st.text(max_size=30), st.lists(st.text(max_size=10), max_size=4)),
    min_size=1,
)


@given(front, st.text(max_size=300))
def test_any_card_gives_a_sound_draft(values: dict[str, Any], text: str) -> None:
    import json

    # JSON is YAML, as far as this goes.
    lines = "\n".join(f"{key}: {json.dumps(value)}" for key, value in values.items())
    card = parse_card(f"---\n{lines}\n---\n{text}")
    if card is not None:
        is_sound(card_draft(card, "x", "folder"))


@given(st.text(max_size=400))
def test_any_text_is_a_card_or_none(text: str) -> None:
    parse_card(text)
    parse_card(f"---\nlicense: mit\n---\n{text}")
