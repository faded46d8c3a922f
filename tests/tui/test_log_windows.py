"""The windows of the log: every operation is found where it belongs, from wherever one comes, while the log grows."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings, strategies as st

from tests.seeds import make_record, owner, signed
from tests.tui.driving import replica
from tui_registry.datastore import Datastore
from tui_registry.replica.log.operations import Log, Operation, Operations
from tui_registry.tui.history.operation_list import WINDOW, LogSpan, LogWindows, newest, read_log


class MadeUp(Datastore):
    """A replica with a `MadeUpLog`."""

    def __init__(self, size: int) -> None:
        self.log = MadeUpLog(size)


class MadeUpLog(Log):
    """A log of operations of which only the place matters, one in three of them this replica's own."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.read = 0

    def operations(self, *, mine=False, limit=100, before=None, after=None, unwanted=None) -> Operations:  # type: ignore[no-untyped-def]
        places = [place for place in range(self.size) if not mine or place % 3 == 1]
        total = len(places)
        if after is not None:
            found = [place for place in places if place > after][:limit][::-1]
        else:
            found = [place for place in reversed(places) if before is None or place < before][:limit]
        self.read += len(found)
        return Operations([operation(place) for place in found], total)


def operation(place: int) -> Operation:
    return Operation(place, "model", f"{place:064x}", "edited", "", "", "", "", 1, 0, False, False, False, False, ())


def read(windows: LogWindows, datastore: Datastore, span: LogSpan, *, mine: bool) -> int:
    return sum(windows.put(reading) for reading in read_log(datastore, span, lambda: False, mine=mine))


@settings(max_examples=60, deadline=None, print_blob=True)
@given(
    mine=st.booleans(),
    size=st.integers(0, 5_000),
    looks=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 120), st.integers(0, 30)), max_size=8),
)
def test_wherever_one_looks_the_operations_that_belong_there_come(
    mine: bool, size: int, looks: list[tuple[int, int, int]]
) -> None:
    datastore, windows = MadeUp(size), LogWindows(whole=not mine)
    read(windows, datastore, newest(datastore, mine=mine), mine=mine)
    for low, length, more in looks:
        low = min(low, max(0, windows.total - 1))
        # Twice where the log has grown meanwhile
        while (span := windows.missing(low, low + length)) is not None:
            read(windows, datastore, span, mine=mine)
        places = [place for place in range(datastore.log.size) if not mine or place % 3 == 1]
        for rank in range(low, min(low + length + 1, windows.total)):
            row = windows.row(rank)
            assert row is not None
            assert row.place == places[rank]
        datastore.log.size += more


def test_the_oldest_of_ones_own_is_reached_from_its_end_not_through_all_others() -> None:
    datastore, windows = MadeUp(9_000), LogWindows(whole=False)
    read(windows, datastore, LogSpan(2_900, 2_999), mine=True)
    datastore.log.read = 0
    span = windows.missing(0, 50)
    assert span is not None
    assert span.upwards
    read(windows, datastore, span, mine=True)
    assert datastore.log.read <= WINDOW


def test_what_grew_is_told_and_what_was_read_stays_in_its_rank(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        for number in range(3):
            datastore.add("model", make_record("model", f"mine-{number}"))
        windows = LogWindows(whole=True)
        assert read(windows, datastore, LogSpan(0, WINDOW), mine=False) == 3
        first = windows.row(0)
        datastore.apply([signed(owner("other"), "model", "theirs").to_json()])
        assert read(windows, datastore, LogSpan(0, WINDOW), mine=False) == 1
        assert windows.row(0) == first
        newest = windows.row(3)
        assert newest is not None
        assert newest.name == "theirs"
