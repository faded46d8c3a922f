"""What is said of a replica that was put back to an older copy of itself."""

from __future__ import annotations

from tui_registry.datastore import Restored, Shared
from tui_registry.present.elsewhere import what_sharing_did, what_was_restored


def test_an_older_copy_and_one_that_grew_since_are_told_apart() -> None:
    assert what_was_restored(Restored(1_000, 1_200, 1_784_160_000)) == (
        "this replica is an older copy of itself, such as a backup: it has 1,000, and others were given 1,200 "
        "operations of it (2026-07-16 00:00:00 UTC)"
    )
    assert "that grew since" in what_was_restored(Restored(1_300, 1_200, 0))


def test_nothing_is_said_where_all_is_as_ever() -> None:
    assert [*what_sharing_did(Shared())] == []


def test_a_place_that_cannot_be_written_is_safe_to_show() -> None:
    (line,) = what_sharing_did(Shared(unmarked="/home/\x1b[31mred cannot be written"))
    assert "\x1b" not in line
