"""The windows of a long list."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, strategies as st

from tests.tui.test_columns import make_row
from tui_registry.datastore import Datastore, Page
from tui_registry.tui.browse.answers import WINDOW, Question, Reading, Span, read_windows
from tui_registry.tui.browse.record_list import Windows


def answer(total: int, *, exact: bool = True) -> list[Reading]:
    """All windows of an answer with so many rows."""
    rows = [make_row(f"row {number}", id=f"{number:064x}") for number in range(total)]
    pages = [rows[start : start + WINDOW] for start in range(0, max(1, total), WINDOW)]
    return [
        Reading(k, Page(page, f"cursor {k + 1}" if k + 1 < len(pages) else None, total, exact))
        for k, page in enumerate(pages)
    ]


def test_rows_are_found_by_place_and_by_id() -> None:
    windows = Windows()
    windows.put(answer(450))
    assert windows.total == 450
    row = windows.row(449)
    assert row is not None
    assert row.name == "row 449"
    assert windows.place_of(row.id) == 449
    assert windows.row(450) is None


def test_what_is_not_at_hand_is_read_on_from_the_nearest_known_cursor() -> None:
    windows = Windows()
    windows.put(answer(2000)[:2])
    assert windows.missing(0, 399) is None
    assert windows.missing(390, 1450) == Span(2, 7, 2, "cursor 2", 2000)
    assert windows.span(7, 7) == Span(7, 7, 2, "cursor 2", 2000)


def test_a_list_that_can_be_read_from_its_end_is_when_that_is_nearer() -> None:
    windows = Windows(reversible=True)
    readings = answer(1950)
    windows.put(readings[:1])
    assert windows.missing(1900, 1949) == Span(9, 9, 9, None, 1950, backwards=True)
    last = Reading(9, Page(readings[9].page.rows, "back 8", 1950), backwards=True)
    windows.put([last])
    assert windows.missing(1900, 1949) is None
    assert windows.missing(1500, 1700) == Span(7, 8, 8, "back 8", 1950, backwards=True)
    assert windows.missing(250, 300) == Span(1, 1, 1, "cursor 1", 1950)


def test_the_end_moves_with_the_number_of_rows() -> None:
    span = Span(8, 9, 9, None, 1950, backwards=True)
    assert span.ending_at(2005, WINDOW) == Span(9, 10, 10, None, 2005, backwards=True)
    assert list(span.windows) == [9, 8]


def test_a_bound_grows_as_the_list_is_read_and_becomes_exact_at_the_end() -> None:
    windows = Windows()
    readings = answer(450, exact=False)
    bounded = [Reading(item.window, Page(item.page.rows, item.page.next, 10, False)) for item in readings]
    windows.put(bounded[:1])
    assert (windows.total, windows.exact) == (WINDOW + 1, False)
    windows.put(bounded[1:])
    assert (windows.total, windows.exact) == (450, True)


def test_windows_read_in_place_drop_what_no_longer_follows() -> None:
    windows = Windows()
    windows.put(answer(1000))
    moved = Page([make_row("new", id="f" * 64)] * WINDOW, "another cursor", 1001)
    windows.put([Reading(1, moved)])
    assert windows.row(WINDOW) == moved.rows[0]
    assert windows.row(0) is not None
    assert windows.missing(0, 600) == Span(2, 3, 2, "another cursor", 1001)


@given(st.integers(0, 30_000))
def test_however_long_the_list_few_windows_are_kept(total: int) -> None:
    windows = Windows()
    windows.put(answer(total))
    assert windows.total == total
    assert windows.matching == (total, True)
    kept = sum(windows.row(k * WINDOW) is not None for k in range(total // WINDOW + 1))
    assert kept <= 40


def test_the_end_of_a_list_that_is_empty_by_now_is_an_empty_window(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        end = Span(2, 2, 2, None, 500, backwards=True)
        ((window,),) = read_windows(datastore, Question(), end, lambda: False, recount=True)
    assert (window.window, window.page.rows, window.page.total) == (0, [], 0)
