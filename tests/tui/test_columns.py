"""Columns by width."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from tests.seeds import NOW
from tui_registry.datastore import Row
from tui_registry.tui.browse.record_list import Around, columns_for, mark_of, row_text
from tui_registry.tui.kit.lists import GAP, cell, header_text


def make_row(name: str = "Qwen2.5-7B-Instruct", **changes: object) -> Row:
    values: dict[str, object] = {
        "kind": "model", "id": "a" * 64, "name": name, "owner": "7a1c" + "0" * 32 + "93ef", "version": "1.0.0",
        "type": "LLM", "framework": "PyTorch", "license": "Apache-2.0", "quantization": None,
        "parameters": 7_615_616_512, "context_length": 131_072, "created_at": NOW - 9 * 86_400,
        "updated_at": NOW - 3 * 86_400, "heads": 1, "future": False,
    }  # fmt: skip
    return Row(**{**values, **changes})  # type: ignore[arg-type]


@given(st.text(), st.integers(0, 60), st.booleans())
def test_a_cell_is_exactly_as_wide_as_asked_whatever_its_letters_measure(text: str, width: int, right: bool) -> None:
    printable = "".join(letter for letter in text if letter.isprintable())
    assert cell_len(cell(printable, width, right)) == width


@given(st.integers(10, 300))
def test_the_columns_fill_the_width_exactly(width: int) -> None:
    columns = columns_for(width)
    line = (" " * GAP).join(row_text(make_row(), columns, Around(NOW)))
    assert cell_len(line) == width == cell_len((" " * GAP).join(header_text(columns)))


@given(st.integers(10, 300))
def test_more_width_never_shows_less(width: int) -> None:
    assert {column.title for column in columns_for(width)} <= {column.title for column in columns_for(width + 1)}


def test_eighty_columns_show_kind_type_size_licence_and_age() -> None:
    titles = [column.title for column in columns_for(80 - 4)]
    assert titles == ["NAME", "KIND", "TYPE", "SIZE", "LICENCE", "UPDATED"]


def test_units_are_peoples_and_numbers_stand_right() -> None:
    columns = columns_for(200)
    shown = dict(zip((column.title for column in columns), row_text(make_row(), columns, Around(NOW)), strict=True))
    assert shown["SIZE"] == " 7.6 B"
    assert shown["CONTEXT"] == "  131 k"
    assert shown["UPDATED"].strip() == "3 d"
    assert shown["OWNER"] == "0x7a1c..93ef"


def test_a_licence_that_does_not_fit_shows_what_sets_it_apart() -> None:
    columns = columns_for(80)
    for licence, shown in (("LicenseRef-Llama-3.2", "Llama-3.2"), ("LicenseRef-x", "LicenseRef-x"), ("MIT", "MIT")):
        cells = row_text(make_row(license=licence), columns, Around(NOW))
        assert cells[[column.title for column in columns].index("LICENCE")].strip() == shown


def test_types_stand_in_full_as_soon_as_there_is_room() -> None:
    for name in ("ImageGeneration", "AudioProcessing", "CodeGenerator"):
        assert name in [text.strip() for text in row_text(make_row(type=name), columns_for(90), Around(NOW))]


@pytest.mark.parametrize(("changes", "mark"), [({}, " "), ({"heads": 2}, "!"), ({"future": True}, "+")])
def test_a_conflict_and_a_time_ahead_are_marked_with_a_sign(changes: dict[str, object], mark: str) -> None:
    assert mark_of(make_row(**changes)) == mark
