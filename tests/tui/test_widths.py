"""Rows stay in their columns whatever a terminal makes of Devanagari, of emoji and of marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from tui_registry.text import safe_text
from tui_registry.tui.kit.lists import cell
from tui_registry.tui.kit.terminal import in_place
from tui_registry.tui.kit.text_flow import paragraph

NAMES = (
    "हिन्दी मॉडल", "தமிழ் மாதிரி", "ক্ষুদ্র", "ភាសាខ្មែរ", "👩‍👩‍👧‍👦 family", "🏳️‍🌈", "🇩🇪🇫🇷", "👍🏽", "❤️ love", "1️⃣",
    "한국어", "\u1112\u1161\u11ab", "漢字モデル", "e\u0301tude", "שלום", "مرحبا", "Z\u0301\u0336", "x\u200d",
)  # fmt: skip


def by_letters(text: str) -> int:
    """As a terminal measures that looks at each letter by itself, and gives spacing marks a cell."""
    wide = sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
    return wide - sum(unicodedata.category(letter) in ("Mn", "Me", "Cf") for letter in text)


def every_letter(text: str) -> int:
    """As one measures that knows of no marks and of nothing that joins."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def column_after(data: str, width: Callable[[str], int]) -> int:
    """Where the cursor stands after that was written to a terminal that measures so."""
    column = saved = 0
    for piece in re.findall(r"\x1b7|\x1b8|\x1b\[\d*[A-Za-z]|[^\x1b]+", data):
        if piece == "\x1b7":
            saved = column
        elif piece == "\x1b8":
            column = saved
        elif piece.startswith("\x1b"):
            column += int(piece[2:-1]) if piece.endswith("C") else 0
        else:
            column += width(piece)
    return column


@pytest.mark.parametrize("width", [cell_len, by_letters, every_letter])
@pytest.mark.parametrize("name", NAMES)
def test_what_stands_behind_a_name_stands_in_its_column(name: str, width: Callable[[str], int]) -> None:
    row = f"\x1b[1m{cell(safe_text(name), 20)}\x1b[0m\x1b[31m  model\x1b[0m"
    assert column_after(in_place(row), width) == 27


def test_what_a_terminal_draws_wider_is_not_wiped_by_the_free_cells_behind_it() -> None:
    written = in_place("\x1b[1mमॉडल\x1b[0m\x1b[31m     \x1b[0mx")
    text = written.rindex("मॉडल")
    assert written.rindex("     ") < text
    assert column_after(written, by_letters) == cell_len("मॉडल") + 6
    assert written.index("\x1b[31m", text) < written.index("x", text)


@given(st.text(), st.integers(0, 40))
def test_a_text_is_left_where_the_app_thinks_it_ends(text: str, cells: int) -> None:
    shown = cell(safe_text(text), cells)
    for width in (by_letters, every_letter, cell_len):
        if not shown.isascii():
            row = in_place(f"\x1b[1m{shown}\x1b[0m")
            assert column_after(row, width) == cells or "\x1b7" not in row


@pytest.mark.parametrize("name", NAMES)
def test_what_a_cell_shows_is_cut_nowhere_else(name: str) -> None:
    for width in range(1, 24):
        shown = cell(safe_text(name), width).rstrip()
        assert by_letters(shown) <= width
        assert cell_len(cell(safe_text(name), width)) == width


def test_lines_of_such_letters_are_broken_where_the_widest_terminal_has_no_more_room() -> None:
    for line in paragraph("हिन्दी मॉडल और भाषा " * 9, 40):
        assert by_letters(line.plain) <= 44  # of a line with more such signs than the others a few


def test_plain_words_are_written_as_they_are() -> None:
    for text in ("\x1b[1mQwen2.5\x1b[0m │ ✓ done … → ↵", "漢字 日本語", "Ünïcödé Ελλ Рус", "\x1b]0;x\x07\x1b[?2026h"):
        assert in_place(text) == text
