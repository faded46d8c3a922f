"""A form without widgets: when problems show, where they are, what is next, and what a draft keeps."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.tui.form_records import records
from tui_registry.datastore import Draft
from tui_registry.errors import Kind, Problem, Record
from tui_registry.records.schema import MAX_OP_BYTES, defaults
from tui_registry.records.wire import derive_id
from tui_registry.tui.register.desk import edit_key, new_key
from tui_registry.tui.register.form_changes import changed_by_them, differences, merged, preview
from tui_registry.tui.register.form_fields import form_fields, to_texts
from tui_registry.tui.register.form_state import FormState, SectionStatus, as_draft, from_draft
from tui_registry.tui.register.known_words import is_plain
from tui_registry.tui.register.register_screen import describe, saved_ago

OWNER = "7a1c" + "0" * 32 + "93ef"
NAME = Problem("name", "error", "required", "must not be empty")
LICENCE = Problem("license", "error", "license_ambiguous", "bsd is ambiguous")
TAG = Problem("tags[1]", "warning", "duplicate", "is there twice")
WHOLE = Problem("", "error", "too_large", "the operation is too large")


def _with(*problems: Problem) -> FormState:
    state = FormState.blank("model")
    state.checked = problems
    return state


def test_a_field_is_neutral_until_it_was_left_once() -> None:
    state = _with(NAME)
    assert state.shown() == {}
    state.left.add("version")
    assert state.shown() == {}
    state.left.add("name")
    assert state.shown() == {"name": [NAME]}


def test_trying_to_save_shows_every_problem() -> None:
    state = _with(TAG, NAME)
    state.tried = True
    assert state.shown() == {"name": [NAME], "tags": [TAG]}


def test_a_problem_of_no_field_is_shown_at_once() -> None:
    state = _with(WHOLE, Problem("created_at", "error", "time_order", "too late"))
    assert [problem.code for problem in state.shown()[""]] == ["too_large", "time_order"]


def test_sections_count_what_may_be_shown() -> None:
    state = _with(NAME, TAG)
    assert state.section("identity") == SectionStatus(False, 0, 0)
    state.left.add("version")
    assert state.section("identity") == SectionStatus(True, 0, 0)
    state.left |= {"name", "tags"}
    assert state.section("identity") == SectionStatus(True, 1, 0)
    assert state.section("tags") == SectionStatus(True, 0, 1)


def test_the_next_problem_goes_round_the_errors_and_then_the_warnings() -> None:
    state = _with(TAG, LICENCE, NAME)
    assert state.next_problem(None) == NAME
    assert state.next_problem("name") == LICENCE
    assert state.next_problem("license") == NAME
    assert _with(TAG).next_problem("name") == TAG
    assert _with().next_problem("name") is None
    assert _with(WHOLE).next_problem(None) is None


def test_an_unreadable_text_hides_what_the_rules_say_of_its_default() -> None:
    state = _with(Problem("parameters", "warning", "unstated", "LLMs should state their parameters"))
    state.texts["parameters"] = "many"
    assert [problem.code for problem in state.problems()] == ["unreadable"]


@pytest.mark.parametrize(
    ("problems", "words"),
    [
        ((), "ready to sign"),
        ((TAG,), "ready to sign, 1 warning"),
        ((NAME,), "1 problem before this can be signed"),
        ((NAME, LICENCE, TAG), "2 problems before this can be signed, 1 warning"),
    ],
)
def test_the_summary_counts(problems: tuple[Problem, ...], words: str) -> None:
    assert _with(*problems).summary() == words


def test_another_spelling_of_the_same_value_is_no_change() -> None:
    record = defaults("model")
    record["parameters"] = 7_600_000_000
    state = FormState.editing("model", "a" * 64, record, ())
    state.texts["parameters"] = "7.6b"
    assert not state.changed
    state.texts["parameters"] = "7.7b"
    assert state.changed


def test_a_duplicate_keeps_the_fields_and_drops_id_owner_and_times() -> None:
    record = defaults("agent")
    record.update(name="crew", agent_id="a" * 64, owner_id=OWNER, created_at=5, updated_at=6)
    state = FormState.duplicating("agent", record)
    assert not state.changed
    copy, _ = state.record()
    assert copy == {**defaults("agent"), "name": "crew"}


def test_switching_the_kind_keeps_what_was_typed_there_and_back() -> None:
    state = FormState.blank("model")
    state.texts.update(name="x", parameters="7b")
    state.switch("agent")
    record, problems = state.record()
    assert (record["name"], record["framework"], problems) == ("x", "LangChain", [])
    state.switch("model")
    record, _ = state.record()
    assert (record["name"], record["framework"], record["parameters"]) == ("x", "PyTorch", 7_000_000_000)


@given(records(), st.text(max_size=8))
def test_a_draft_of_an_edit_brings_back_texts_base_and_heads(given_record: tuple[Kind, Record], typed: str) -> None:
    kind, record = given_record
    state = FormState.editing(kind, "a" * 64, record, ("b" * 64,))
    state.texts["name"] = typed
    draft = as_draft(edit_key(kind, "a" * 64), state, 7)
    # the record has changed by the time the draft is opened again
    now = FormState.editing(kind, "a" * 64, {**record, "version": "9.9.9"}, ("c" * 64,))
    from_draft(draft, now)
    assert (now.texts, now.base, now.seen) == (state.texts, state.base, ("b" * 64,))


def test_a_draft_of_a_later_version_leaves_unknown_fields_alone() -> None:
    state = FormState.blank("model")
    from_draft(Draft(new_key(), "model", None, (), {"name": "x", "flavour": "sweet"}, 0), state)
    record, problems = state.record()
    assert (record["name"], problems) == ("x", [])


def test_drafts_read_as_people_speak() -> None:
    draft = Draft(new_key(), "model", None, (), {"name": "\x1b[31mllama"}, 100)
    assert describe(draft, 110) == ("new model: \ufffd[31mllama", "just now")
    assert describe(Draft("k", "agent", "a" * 64, (), {}, 0), 3 * 3600) == ("edit of agent: without a name", "3 h ago")
    assert saved_ago(100, 130) == "draft saved just now"
    assert saved_ago(100, 280) == "draft saved 3 min ago"


def _texts(**fields: str) -> dict[str, str]:
    return {**to_texts("model", defaults("model")), **fields}


def test_a_merge_asks_only_about_what_the_others_changed() -> None:
    base = _texts(name="a", version="1.0.0", license="MIT", parameters="7b")
    mine = _texts(name="mine", version="1.0.0", license="ISC", parameters="7,000,000,000")
    theirs = _texts(name="theirs", version="1.1.0", license="MIT", parameters="7b")
    found = differences("model", base, mine, theirs)
    assert [(found.field.path, found.both, found.proposed) for found in found] == [
        ("name", True, "mine"),
        ("version", False, "theirs"),
        ("license", False, "mine"),
    ]
    assert [difference.field.path for difference in changed_by_them(found)] == ["name", "version"]


@given(st.fixed_dictionaries({side: st.sampled_from(("a", "b", "c")) for side in ("base", "mine", "theirs")}))
def test_the_proposed_merge_loses_only_what_both_changed(texts: dict[str, str]) -> None:
    base, mine, theirs = (_texts(name=texts[side]) for side in ("base", "mine", "theirs"))
    found = differences("model", base, mine, theirs)
    result = merged(mine, theirs, {difference.field.path: difference.proposed for difference in found})
    changed = {side["name"] for side in (mine, theirs) if side["name"] != base["name"]}
    assert result["name"] in (changed or {base["name"]})


def test_the_preview_shows_id_size_and_what_an_edit_changes() -> None:
    record = {**defaults("model"), "name": "m"}
    shown = preview("model", record, owner=OWNER, now=1_700_000_000)
    assert shown.new
    assert shown.id == derive_id("model", OWNER, "m", 1_700_000_000)
    assert f'"model_id": "{shown.id}"' in shown.document()
    assert shown.size < MAX_OP_BYTES

    edited = {**shown.record, "parameters": 7_600_000_000}
    before, after = to_texts("model", shown.record), to_texts("model", edited)
    again = preview("model", edited, owner=OWNER, now=1_700_000_009, children=1, base=before, texts=after)
    assert (again.new, again.id, again.record["created_at"]) == (False, shown.id, 1_700_000_000)
    assert again.changes == (("Parameters", "", "7.6 B"),)


def test_every_field_has_a_label_and_a_sentence() -> None:
    assert all(field.label and field.about for kind in ("model", "agent") for field in form_fields(kind))


@pytest.mark.parametrize(
    ("word", "plain"), [("chat", True), ("web search", True), ("a, b", False), ("\x1b[31m", False), ("x" * 99, False)]
)
def test_only_plain_words_are_proposed(word: str, plain: bool) -> None:
    assert is_plain(word) is plain
