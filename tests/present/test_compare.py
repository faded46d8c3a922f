"""Records side by side: what differs, what a bar says, and a table that keeps its columns whatever stands in it."""

from __future__ import annotations

import unicodedata

from hypothesis import given, strategies as st
from rich.cells import cell_len

from tests.records.histories import History, histories
from tests.records.rules import NEEDS, agent, model
from tests.seeds import NOW
from tests.trust.strings import STRINGS, dangers, fitted
from tui_registry.datastore import Entry
from tui_registry.errors import Kind, Record
from tui_registry.present.compare import (
    CompareRow,
    Comparison,
    compare,
    how_many,
    in_words,
    markdown,
    models_named,
    row_lines,
    text_lines,
    to_json,
)
from tui_registry.records.schema import defaults


def entry(record: Record, place: int = 0, live: int = 1) -> Entry:
    kind: Kind = "model" if "model_id" in record else "agent"
    heads = tuple(str(number) * 64 for number in range(live))
    return Entry(kind, f"{place:064}", record, heads, heads, (), False, None, False, 1000)


def side_by_side(*records: Record) -> Comparison:
    return compare([entry(record, place) for place, record in enumerate(records)], NOW)


def row_of(comparison: Comparison, path: str) -> CompareRow:
    return next(row for row in comparison.rows if row.path == path)


def lines_of(row: CompareRow, width: int = 24) -> list[list[str]]:
    places = range(len(row.values))
    return [
        ["".join(part.text for part in cell).rstrip() for cell in line] for line in row_lines(row, places, width, len)
    ]


def test_what_differs_is_lit_and_of_several_the_odd_one_out() -> None:
    two = side_by_side(model(license="MIT"), model(license="ISC"))
    assert [row.path for row in two.shown(only_differing=True)] == ["license"]
    assert [value.lit for value in row_of(two, "license").values] == [True, True]
    assert not any(value.lit for value in row_of(two, "framework").values)
    assert in_words(two) == f"1 of {len(two.rows)} fields differs"
    three = side_by_side(model(license="MIT"), model(license="ISC"), model(license="MIT"))
    assert [value.lit for value in row_of(three, "license").values] == [False, True, False]


def test_lists_are_sets_and_items_that_not_all_have_are_lit() -> None:
    same = side_by_side(model(tags=["a", "b", "b"]), model(tags=["b", "a"]))
    assert not row_of(same, "tags").differs
    tags = row_of(side_by_side(model(tags=["code", "chat"]), model(tags=["chat", "vision"])), "tags")
    assert [[(item.text, item.tone) for item in value.items] for value in tags.values] == [
        [("chat", "plain"), ("code", "lit")], [("chat", "plain"), ("vision", "lit")],
    ]  # fmt: skip


def test_a_list_that_has_no_room_says_how_many_items_are_left() -> None:
    (*shown, last) = lines_of(row_of(side_by_side(model(tags=[f"tag-{n:02}" for n in range(64)]), model()), "tags"))
    listed = sum(line[0].count("tag-") for line in shown)
    assert last[0] == f"and {64 - listed} more"
    assert len(shown) + 1 == 8


def test_bars_have_one_scale_and_what_is_not_stated_has_none() -> None:
    sizes = row_of(side_by_side(*(model(parameters=n) for n in (8_000_000_000, 0, 2_000_000_000, 1))), "parameters")
    texts, bars = lines_of(sizes, 24)
    assert texts == ["8,000,000,000 (8 B)", "not stated", "2,000,000,000 (2 B)", "1"]
    assert bars == ["━" * 24, "", "━" * 6 + "─" * 18, "╸" + "─" * 23]
    vram = row_of(side_by_side(model(), model()), f"{NEEDS}.min_vram_gb")
    assert lines_of(vram) == [["not stated", "not stated"]]


def test_a_field_that_one_kind_has_not_is_a_dash_and_both_have_one_type() -> None:
    mixed = side_by_side(model(), agent(tools=["sql"]))
    assert [value.text for value in row_of(mixed, "kind").values] == ["model", "agent"]
    assert [value.text for value in row_of(mixed, "type").values] == ["LLM", "Assistant"]
    assert [value.text for value in row_of(mixed, "tools").values] == ["-", "sql"]
    assert row_of(mixed, "tools").values[1].items[0].tone == "lit"
    # Nobody states it: that one could have is no difference.
    quantization = row_of(mixed, "quantization")
    assert ([value.text for value in quantization.values], quantization.differs) == (["none", "-"], False)
    assert "kind" not in [row.path for row in side_by_side(model(), model()).rows]
    assert len({row.label for row in mixed.rows}) == len(mixed.rows)


def test_of_a_text_the_first_line_is_shown_and_that_more_of_it_differs() -> None:
    rows = side_by_side(model(formfile_template="\nNAME x\nVCPU 1\n"), model(formfile_template="NAME x\nVCPU 2"))
    template = row_of(rows, "formfile_template")
    assert [value.text for value in template.values] == ["NAME x", "NAME x"]
    assert [value.more for value in template.values] == ["and 1 more line, which differ"] * 2
    assert "VCPU 2" in str(to_json(rows, only_differing=True))


def test_how_many_can_be_compared() -> None:
    assert [bool(how_many(count)) for count in range(1, 6)] == [True, False, False, False, True]


def test_a_conflict_and_a_record_that_is_gone_are_said_in_its_head() -> None:
    entries = [entry(model(), 0, live=2), entry(model(), 1)]
    found = compare(entries, NOW, gone={entries[1].id})
    table = "\n".join(text_lines(found, False, 80, len))
    assert "! nordlicht-7b" in table
    assert "deleted meanwhile" in table
    assert "deleted meanwhile" in markdown(found, True)
    assert found.heads[0].warnings[0].startswith("conflict: 2 versions")


@given(histories(most=3), st.integers(20, 200), st.booleans())
def test_every_column_is_as_wide_as_it_should_be_and_each_record_has_its_cell(
    made: History, width: int, only: bool
) -> None:
    found = side_by_side(made.base, *made.versions)
    for row in found.shown(only):
        assert len(row.values) == len(found.heads)
        for line in row_lines(row, range(len(found.heads)), 13, cell_len):
            assert [sum(cell_len(part.text) for part in cell) for cell in line] == [13] * len(found.heads)
    for text in text_lines(found, only, width, cell_len):
        assert not dangers(text)


def test_texts_of_strangers_break_neither_the_table_nor_the_markdown() -> None:
    for text in STRINGS.values():
        hostile = model(
            name=fitted(text, 128), license=fitted(text, 128), tags=[fitted(text, 128)], description=text[:10_000]
        )
        found = side_by_side(hostile, model())
        for line in (*text_lines(found, False, 80, cell_len), *markdown(found, False).split("\n")):
            assert not dangers(line)
            assert not any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in line)
        rows = markdown(found, False).split("\n")
        assert len(rows) == len(found.rows) + 2
        assert {row.replace("\\\\", "").replace("\\|", "").count("|") for row in rows} == {4}


def test_what_stands_behind_records_is_compared_where_any_of_them_says_it() -> None:
    entries = [entry(model(), place) for place in range(3)]
    artifact = {"uri": "a.gguf", "media_type": "", "sha256": None, "size_bytes": 1024, "quantization": None}
    said: Record = {"status": "Deprecated", "status_message": "old", "artifacts": [artifact], "languages": ["en", "nl"]}
    behind = {entries[0].id: defaults("manifest") | said, entries[1].id: defaults("manifest") | {"languages": ["en"]}}
    told = compare(entries, NOW, behind=behind)
    assert [value.text for value in row_of(told, "manifest.status").values] == ["Deprecated", "Active", "Active"]
    assert [value.text for value in row_of(told, "manifest.artifacts").values] == [
        "a.gguf, 1 KiB, no digest",
        "none",
        "none",
    ]
    assert [value.text for value in row_of(told, "manifest.languages").values] == ["en, nl", "en", "none"]
    assert row_of(told, "manifest.artifacts").differs
    assert not any(row.path == "manifest.datasets" for row in told.rows)
    assert not any(row.path.startswith("manifest.") for row in compare(entries, NOW).rows)
    for lines in (text_lines(told, True, 100, cell_len), [markdown(told, True)]):
        assert "a.gguf" in " ".join(lines)
    assert any(field["path"] == "manifest.status" for field in to_json(told, True)["fields"])  # type: ignore[union-attr, index, call-overload]


def test_a_model_that_is_here_is_compared_by_its_name() -> None:
    here, elsewhere = "a" * 64, "b" * 64
    entries = [entry(agent(preferred_models=[here, elsewhere])), entry(agent(preferred_models=[here]), 1)]
    assert models_named(entries, {entries[0].id: {"required_models": ["c" * 64]}}) == [here, elsewhere, "c" * 64]
    row = row_of(compare(entries, NOW, models={here: "tiny\x1b-llama"}), "preferred_models")
    assert [[item.text for item in value.items] for value in row.values] == [
        ["tiny\ufffd-llama", "b" * 12],
        ["tiny\ufffd-llama"],
    ]
