"""The texts of a form and the record: nothing is lost on the way there and back."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.tui.form_records import records
from tui_registry.errors import KINDS, Kind, Record
from tui_registry.records.schema import FIELDS, Struct, defaults
from tui_registry.records.wire import check_shape
from tui_registry.tui.register.form_fields import (
    FormField,
    echo,
    field_at,
    form_fields,
    join_items,
    read_text,
    same_value,
    split_items,
    to_record,
    to_texts,
)


def _field(kind: Kind, path: str) -> FormField:
    field = field_at(kind, path)
    assert field is not None
    return field


@given(records())
def test_a_record_survives_the_form_untouched(given_record: tuple[Kind, Record]) -> None:
    kind, record = given_record
    again, problems = to_record(kind, to_texts(kind, record), record)
    assert problems == []
    assert again == record
    assert list(again) == list(record)


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from([f.path for f in form_fields("model")]), st.text()))
def test_any_texts_make_a_record_of_the_right_shape(kind: Kind, texts: dict[str, str]) -> None:
    record, _ = to_record(kind, {path: text.encode("utf-8", "replace").decode() for path, text in texts.items()})
    check_shape(kind, record)


@given(st.lists(st.text()))
def test_every_list_has_a_spelling_on_one_line(items: list[str]) -> None:
    assert split_items(join_items(items)) == items


@pytest.mark.parametrize(
    ("line", "items"),
    [
        ("chat, code,, multilingual ,", ["chat", "code", "multilingual"]),
        ('one, "two, three", four', ["one", "two, three", "four"]),
        ('"open, to the end', ["open, to the end"]),
        ("", []),
        (" , ", []),
        ('""', [""]),
    ],
)
def test_lists_read_as_people_write_them(line: str, items: list[str]) -> None:
    assert split_items(line) == items


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_the_record_is_in_the_form(kind: Kind) -> None:
    leaves = set()
    for field in FIELDS[kind]:
        inner = field.type
        leaves |= {f"{field.name}.{sub.name}" for sub in inner.fields} if isinstance(inner, Struct) else {field.name}
    set_by_the_datastore = {f"{kind}_id", "owner_id", "created_at", "updated_at"}
    assert {field.path for field in form_fields(kind) if not field.behind} == leaves - set_by_the_datastore


@pytest.mark.parametrize(
    ("path", "text", "value", "shown"),
    [
        ("parameters", "7.6b", 7_600_000_000, "7,600,000,000"),
        ("parameters", "7615616512", 7_615_616_512, "7.6 B"),
        ("parameters", "", 0, "unknown"),
        ("context_length", "32k", 32_768, "32,768"),
        ("context_length", "131072", 131_072, "128k"),
        ("context_length", "", None, "not stated"),
        ("resource_requirements.min_memory_mb", "16GB", 16_384, "16,384 MB"),
        ("resource_requirements.min_memory_mb", "16384", 16_384, "16 GB"),
        ("resource_requirements.min_memory_mb", "16", 16_384, "16 GB"),
        ("resource_requirements.min_disk_gb", "1TB", 1024, "1,024 GB"),
        ("resource_requirements.min_vcpus", "4", 4, ""),
        ("tags", "chat, code", ["chat", "code"], "2 of 64"),
        ("model_type", "Other:Robotics", {"Other": "Robotics"}, ""),
        ("quantization", "", None, ""),
    ],
)
def test_units_are_read_as_written_and_echoed(path: str, text: str, value: object, shown: str) -> None:
    field = _field("model", path)
    assert read_text(field, text) == value
    assert echo(field, text) == shown


def test_what_is_shown_for_a_loaded_number_is_what_it_means() -> None:
    record = defaults("model")
    record["parameters"], record["context_length"] = 7_600_000_000, 131_072
    texts = to_texts("model", record)
    assert texts["parameters"] == "7.6 B"
    assert texts["context_length"] == "128k"
    record["parameters"] = 7_615_616_512
    assert to_texts("model", record)["parameters"] == "7,615,616,512"


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("parameters", "many", "many is not a count: write 7.6b, 135m or 7,600,000,000"),
        ("resource_requirements.min_vcpus", "-1", "-1 is not a count: write a number such as 1"),
        ("resource_requirements.cuda_cores", "x", "x is not a count: write a number such as 3584"),
        ("input_tokens_per_second", "-5", "-5 is not a count: write a number such as 1200"),
        ("output_tokens_per_second", "1e999", "1e999 is not a count: write a number such as 85"),
        ("resource_requirements.min_vcpus", "256", "256 is more than this field holds: at most 255"),
        ("resource_requirements.min_vcpus", "", "write a number such as 1"),
        ("model_type", "Robot", "Robot is not one of LLM"),
    ],
)
def test_a_text_that_cannot_be_read_says_what_to_write(path: str, text: str, words: str) -> None:
    record, problems = to_record("model", {path: text})
    assert [problem.path for problem in problems] == [path]
    assert words in problems[0].sentence
    assert record == defaults("model")


def test_two_spellings_of_one_value_are_the_same() -> None:
    field = _field("model", "parameters")
    assert same_value(field, "7.6b", "7,600,000,000")
    assert not same_value(field, "7.6b", "7.7b")
    assert not same_value(field, "x", "y")


def test_a_problem_inside_a_list_belongs_to_its_field() -> None:
    assert _field("model", "tags[2]").path == "tags"
    assert _field("model", "model_type.Other").path == "model_type"
    assert _field("agent", "resource_requirements.min_vcpus").path == "resource_requirements.min_vcpus"
    assert field_at("model", "owner_id") is None
    assert field_at("model", "") is None
