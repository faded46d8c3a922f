"""The log as people look at it: what each operation did, windows of it from both ends, what was deleted last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.seeds import NOW, make_record, owner, seed, signed, stranger_ops, written
from tui_registry.crdt import sign_rm, sign_up
from tui_registry.datastore import (
    Datastore,
    HistoryEntry,
    NothingToUndo,
    StoreError,
    carry_out,
    plan_undo,
)
from tui_registry.errors import Record
from tui_registry.replica.log import operations, record_history
from tui_registry.replica.log.operations import Operation, Places
from tui_registry.replica.store import connection
from tui_registry.replica.store.stored import parts_of


@pytest.fixture
def datastore(tmp_path: Path) -> Datastore:
    opened = Datastore.open(tmp_path, clock=lambda: NOW)
    opened.key.replace(owner("me"))
    return opened


def everything(datastore: Datastore, *, mine: bool = False) -> list[Operation]:
    return datastore.log.operations(mine=mine, limit=10_000).rows


def edited(datastore: Datastore, key: str, version: str) -> None:
    entry = datastore.entry(key)
    assert entry is not None
    written(datastore, key, {**entry.record, "version": version})


def deleted(datastore: Datastore, key: str) -> None:
    written(datastore, key, None)


def test_each_operation_says_what_it_did_and_to_what(datastore: Datastore) -> None:
    key = datastore.add("model", make_record("model", "mine", version="1.0.0")).key
    edited(datastore, key, "2.0.0")
    deleted(datastore, key)
    datastore.add("model", {**make_record("model", "mine", version="3.0.0"), "model_id": key})
    shown = [(row.did, row.name, row.version, row.is_head, row.is_winner) for row in everything(datastore)]
    assert shown == [
        ("brought back", "mine", "3.0.0", True, True),
        ("deleted", "mine", "2.0.0", False, False),
        ("edited", "mine", "2.0.0", False, False),
        ("registered", "mine", "1.0.0", False, False),
    ]
    history = datastore.history(key)
    assert [row.hash for row in everything(datastore)] == [entry.hash for entry in history]
    assert [row.children for row in everything(datastore)] == [entry.children for entry in history]


def test_an_edit_of_two_live_versions_settles_and_a_removal_of_both_names_the_one_that_was_shown(
    datastore: Datastore,
) -> None:
    root = signed(owner("me"), "model", "forked")
    assert root.record is not None
    forks = [
        sign_up(owner("me"), "model", {**root.record, "version": version}, children=[root.hash], clock=2)
        for version in ("1.0.0", "2.0.0")
    ]
    datastore.apply(op.to_json() for op in (root, *forks))
    before = datastore.entry(root.key)
    assert before is not None
    shown = str(before.record["version"])
    deleted(datastore, root.key)
    assert [(row.did, row.version) for row in everything(datastore)[:1]] == [("deleted", shown)]
    other = signed(owner("me"), "model", "settled")
    assert other.record is not None
    forks = [
        sign_up(owner("me"), "model", {**other.record, "version": version}, children=[other.hash], clock=2)
        for version in ("1.0.0", "2.0.0")
    ]
    datastore.apply(op.to_json() for op in (other, *forks))
    edited(datastore, other.key, "3.0.0")
    assert everything(datastore)[0].did == "settled"


def test_a_removal_beside_a_write_that_it_did_not_know_is_a_head_of_a_record_that_goes_on(datastore: Datastore) -> None:
    root = signed(owner("me"), "model", "goes on")
    assert root.record is not None
    removal = sign_rm(owner("me"), "model", root.key, children=[root.hash], clock=2, updated_at=NOW)
    write = sign_up(owner("me"), "model", {**root.record, "version": "2.0.0"}, children=[root.hash], clock=2)
    datastore.apply(op.to_json() for op in (root, write, removal))
    last = everything(datastore)[0]
    assert (last.did, last.is_head, last.is_gone) == ("deleted", True, False)
    deleted(datastore, root.key)
    assert everything(datastore)[0].is_gone


def test_a_write_on_more_heads_than_one_operation_names_is_undone_to_the_version_that_was_shown(
    datastore: Datastore,
) -> None:
    root = signed(owner("me"), "model", "forked")
    assert root.record is not None
    forks = [
        sign_up(owner("me"), "model", {**root.record, "version": f"{fork}.0.0"}, children=[root.hash], clock=2)
        for fork in range(19)
    ]
    datastore.apply(op.to_json() for op in (root, *forks))
    entry = datastore.entry(root.key)
    assert entry is not None
    shown = entry.record["version"]
    written(datastore, root.key, {**entry.record, "version": "99.0.0"})
    settled = plan_undo(datastore, root.key)
    assert settled.then is not None
    assert settled.then["version"] == shown
    carry_out(datastore, settled)
    restored = datastore.entry(root.key)
    assert restored is not None
    assert restored.record["version"] == shown


def test_a_deletion_of_more_heads_than_one_operation_names_brings_back_the_version_that_was_shown(
    datastore: Datastore,
) -> None:
    root = signed(owner("me"), "model", "forked")
    assert root.record is not None
    forks = [
        sign_up(owner("me"), "model", {**root.record, "version": f"{fork}.0.0"}, children=[root.hash], clock=2)
        for fork in range(19)
    ]
    datastore.apply(op.to_json() for op in (root, *forks))
    entry = datastore.entry(root.key)
    assert entry is not None
    shown = entry.record["version"]
    deleted(datastore, root.key)
    assert everything(datastore)[0].version == shown
    planned = plan_undo(datastore, root.key)
    assert planned.then is not None
    assert planned.then["version"] == shown


def test_what_two_machines_deleted_side_by_side_is_brought_back(datastore: Datastore) -> None:
    root = signed(owner("me"), "model", "twice gone", version="1.2.3")
    removals = [
        sign_rm(owner("me"), "model", root.key, children=[root.hash], clock=2, updated_at=NOW + later)
        for later in (0, 1)
    ]
    assert datastore.apply(op.to_json() for op in (root, *removals)).applied == 3
    carry_out(datastore, plan_undo(datastore, root.key))
    entry = datastore.entry(root.key)
    assert entry is not None
    assert entry.record["version"] == "1.2.3"
    assert len(entry.heads) == 1


def test_an_edit_beside_a_removal_is_undone_on_top_of_both(datastore: Datastore) -> None:
    root = signed(owner("me"), "model", "goes on", version="1.0.0")
    assert root.record is not None
    removal = sign_rm(owner("me"), "model", root.key, children=[root.hash], clock=2, updated_at=NOW)
    write = sign_up(owner("me"), "model", {**root.record, "version": "2.0.0"}, children=[root.hash], clock=2)
    datastore.apply(op.to_json() for op in (root, write, removal))
    carry_out(datastore, plan_undo(datastore, root.key))
    entry = datastore.entry(root.key)
    assert entry is not None
    assert (entry.record["version"], len(entry.heads)) == ("1.0.0", 1)


def test_looking_at_the_history_makes_no_key(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        seed(datastore, 2)
        gone = signed(owner("them"), "model", "gone")
        removal = sign_rm(owner("them"), "model", gone.key, children=[gone.hash], clock=2, updated_at=NOW)
        datastore.apply(op.to_json() for op in (gone, removal))
        assert datastore.log.operations(mine=True).total == 0
        assert datastore.log.operations().total == 4
        assert datastore.log.last_deleted() is None
        last = datastore.log.last_operation(gone.key)
        assert last is not None
        assert (last.mine, last.actor, last.before) == (False, owner("them").address, gone.record)
        with pytest.raises(NothingToUndo, match="only the key that signed"):
            plan_undo(datastore, gone.key)
    assert not (tmp_path / "identity.key").exists()


def test_the_history_of_a_record_is_read_window_by_window_and_no_more_of_it_than_is_wanted(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = datastore.add("model", make_record("model", "long", version="0.0.0")).key
    datastore.add("model", make_record("model", "another"))
    for number in range(1, 7):
        edited(datastore, key, f"{number}.0.0")
    deleted(datastore, key)
    whole = datastore.history(key)
    assert [entry.place for entry in whole] == [8, 7, 6, 5, 4, 3, 2, 0]
    read: list[bytes] = []

    def count(body: bytes) -> tuple[Record | None, tuple[str, ...]]:
        read.append(body)
        return parts_of(body)

    monkeypatch.setattr(record_history, "parts_of", count)
    for limit in (1, 3, 8, 100):
        windows: list[HistoryEntry] = []
        while page := datastore.history(key, limit=limit, before=windows[-1].place if windows else None):
            assert len(page) <= limit
            windows += page
        assert windows == whole
    assert datastore.history(key, limit=0) == datastore.history(key, limit=-1) == []
    read.clear()
    assert datastore.history(key, limit=2) == whole[:2]
    assert len(read) == 3  # what the earlier one replaced is looked at as well
    # An undo looks at the last operation, and at the one before it.
    read.clear()
    planned = plan_undo(datastore, key)
    assert planned.then is not None
    assert planned.then["version"] == "6.0.0"
    assert len(read) == 1


def test_a_removal_on_a_write_of_more_heads_than_one_operation_names_takes_that_write_away(
    datastore: Datastore,
) -> None:
    root = signed(owner("me"), "model", "forked")
    assert root.record is not None
    forks = [
        sign_up(owner("me"), "model", {**root.record, "version": f"{fork}.0.0"}, children=[root.hash], clock=2)
        for fork in range(40)
    ]
    datastore.apply(op.to_json() for op in (root, *forks))
    edited(datastore, root.key, "99.0.0")
    deleted(datastore, root.key)
    assert [(row.did, row.version) for row in everything(datastore)[:2]] == [
        ("deleted", "99.0.0"),
        ("settled", "99.0.0"),
    ]
    planned = plan_undo(datastore, root.key)
    assert planned.then is not None
    assert planned.then["version"] == "99.0.0"


def test_an_edit_in_the_second_in_which_many_heads_were_settled_is_undone_to_what_settled_them(
    datastore: Datastore,
) -> None:
    root = signed(owner("me"), "model", "forked")
    assert root.record is not None
    forks = [
        sign_up(owner("me"), "model", {**root.record, "version": f"{fork}.0.0"}, children=[root.hash], clock=2)
        for fork in range(16)
    ]
    datastore.apply(op.to_json() for op in (root, *forks))
    edited(datastore, root.key, "98.0.0")
    edited(datastore, root.key, "99.0.0")
    planned = plan_undo(datastore, root.key)
    assert planned.then is not None
    assert planned.then["version"] == "98.0.0"


def test_a_removal_of_a_deletion_of_many_heads_takes_away_what_was_shown_before_the_first(datastore: Datastore) -> None:
    root = signed(owner("me"), "model", "forked")
    assert root.record is not None
    forks = [
        sign_up(owner("me"), "model", {**root.record, "version": f"{fork}.0.0"}, children=[root.hash], clock=2)
        for fork in range(40)
    ]
    datastore.apply(op.to_json() for op in (root, *forks))
    entry = datastore.entry(root.key)
    assert entry is not None
    deleted(datastore, root.key)
    (head,) = datastore.heads(root.key)
    again = sign_rm(owner("me"), "model", root.key, children=[head], clock=6, updated_at=NOW + 1)
    assert datastore.apply([again.to_json()]).applied == 1
    assert [row.version for row in everything(datastore)[:2]] == [entry.record["version"]] * 2
    assert plan_undo(datastore, root.key).then == entry.record


def test_what_two_machines_with_many_heads_deleted_side_by_side_comes_back_as_it_was_shown(
    datastore: Datastore, tmp_path: Path
) -> None:
    root = signed(owner("me"), "model", "forked")
    assert root.record is not None
    forks = [
        sign_up(owner("me"), "model", {**root.record, "version": f"{fork}.0.0"}, children=[root.hash], clock=2)
        for fork in range(19)
    ]
    ops = [op.to_json() for op in (root, *forks)]
    datastore.apply(ops)
    shown = datastore.entry(root.key)
    assert shown is not None
    with Datastore.open(tmp_path / "other", clock=lambda: NOW + 60) as other:
        other.key.replace(owner("me"))
        other.apply(ops)
        deleted(other, root.key)
        deleted(datastore, root.key)
        datastore.apply(other.log.lines(20, 22))
    assert len(datastore.heads(root.key)) == 2
    assert plan_undo(datastore, root.key).then == shown.record
    carry_out(datastore, plan_undo(datastore, root.key))
    restored = datastore.entry(root.key)
    assert restored is not None
    assert {**restored.record, "updated_at": 0} == {**shown.record, "updated_at": 0}
    assert len(restored.heads) == 1


def test_what_was_there_before_is_not_looked_for_without_end(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_history, "_MOST", 3)
    root = signed(owner("me"), "model", "gone", version="1.2.3")
    ops = [root]
    for clock in range(2, 9):
        ops.append(sign_rm(owner("me"), "model", root.key, children=[ops[-1].hash], clock=clock, updated_at=NOW))
    assert datastore.apply(op.to_json() for op in ops).applied == 8
    assert [row.version for row in everything(datastore)] == ["1.2.3"] * 8
    with pytest.raises(NothingToUndo, match="what was deleted is not"):
        plan_undo(datastore, root.key)


def test_a_removal_of_removals_still_names_its_record(datastore: Datastore) -> None:
    root = signed(owner("me"), "model", "gone", version="1.2.3")
    first = sign_rm(owner("me"), "model", root.key, children=[root.hash], clock=2, updated_at=NOW)
    second = sign_rm(owner("me"), "model", root.key, children=[first.hash], clock=3, updated_at=NOW)
    assert datastore.apply(op.to_json() for op in (root, first, second)).applied == 3
    last = everything(datastore)[0]
    assert (last.did, last.name, last.version) == ("deleted", "gone", "1.2.3")


def chained_removals(datastore: Datastore, removals: int) -> None:
    """A stranger's record, removed, and every removal removed again."""
    root = signed(owner("them"), "model", f"gone {removals}", version="1.2.3")
    ops = [root]
    for clock in range(2, removals + 2):
        ops.append(sign_rm(owner("them"), "model", root.key, children=[ops[-1].hash], clock=clock, updated_at=NOW))
    assert datastore.apply(op.to_json() for op in ops).applied == removals + 1


def statements(datastore: Datastore, ask: Callable[[], object]) -> list[str]:
    """What the database is asked of the log for an answer."""
    said: list[str] = []
    with datastore._pool.read() as db:
        db.set_trace_callback(said.append)
    ask()
    with datastore._pool.read() as db:
        db.set_trace_callback(None)
    return [statement for statement in said if "ops" in statement]


def test_a_deleted_record_is_found_by_its_name_in_steps_by_the_length_of_its_chain_of_removals_not_by_its_square(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_STEPS", 10)
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        return False

    steps = []
    for removals in (50, 200):
        chained_removals(datastore, removals)
        asked = 0
        assert len(datastore.log.places(words=f"gone {removals}", unwanted=count).places) == removals + 1
        steps.append(asked)
    assert steps[1] < 8 * steps[0]  # five times the removals in all
    (reading,) = {
        said for said in statements(datastore, lambda: datastore.log.places(words="gone")) if "is_rm = 0" in said
    }
    with datastore._pool.read() as db:
        plan = [detail for *_, detail in db.execute(f"EXPLAIN QUERY PLAN {reading}")]
    assert "SEARCH ops USING INDEX ops_of_record (rid=? AND is_head=?)" in plan


def test_a_window_of_removals_is_read_in_as_many_statements_however_long_the_chains_before_it_are(
    datastore: Datastore,
) -> None:
    said = []
    for removals in (60, 240):
        chained_removals(datastore, removals)
        rows = datastore.log.operations(limit=50).rows
        assert {(row.did, row.name, row.version) for row in rows} == {("deleted", f"gone {removals}", "1.2.3")}
        said.append(len(statements(datastore, lambda: datastore.log.operations(limit=50))))
    assert said[0] == said[1] < 6
    # One more for another record.
    rows = datastore.log.operations(limit=301).rows
    assert [row.name for row in rows] == ["gone 240"] * 241 + ["gone 60"] * 60
    assert len(statements(datastore, lambda: datastore.log.operations(limit=301))) == said[0] + 1


def test_removals_of_removals_name_the_last_write_before_them_not_a_later_one(datastore: Datastore) -> None:
    ops = [signed(owner("them"), "model", "on and off", version="0.0.0")]
    record = ops[0].record
    assert record is not None
    for step in range(1, 10):
        on, clock, value = [ops[-1].hash], step + 1, {**record, "version": f"{step}.0.0", "updated_at": NOW + step}
        if step % 3:
            ops.append(sign_rm(owner("them"), "model", ops[0].key, children=on, clock=clock, updated_at=NOW + step))
        else:
            ops.append(sign_up(owner("them"), "model", value, children=on, clock=clock))
    assert datastore.apply(op.to_json() for op in ops).applied == 10
    versions_told = [f"{step - step % 3}.0.0" for step in reversed(range(10))]
    assert [row.version for row in everything(datastore)] == versions_told


@pytest.mark.parametrize("near", [1, 7, 2_000])
@pytest.mark.parametrize("mine", [False, True], ids=["all", "mine"])
def test_windows_join_to_the_whole(
    datastore: Datastore, mine: bool, near: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "_NEAR", near)
    lived(datastore)
    whole = everything(datastore)
    assert [row.place for row in whole] == list(reversed(range(54)))
    expected = [row for row in whole if row.actor == datastore.address or not mine]
    downwards: list[Operation] = []
    while True:
        page = datastore.log.operations(mine=mine, limit=4, before=downwards[-1].place if downwards else None)
        assert page.total == len(expected)
        if not page.rows:
            break
        downwards += page.rows
    assert downwards == expected


def lived(datastore: Datastore) -> None:
    """Ten records of one's own, some deleted, each followed by four of strangers that are dated earlier and earlier."""
    for number in range(10):
        key = datastore.add("model", make_record("model", f"mine-{number}")).key
        datastore.apply(
            signed(owner(f"stranger-{other}"), "model", f"theirs-{number}", at=NOW - 1_000 * other - number).to_json()
            for other in range(4)
        )
        if number % 3 == 0:
            deleted(datastore, key)


@pytest.mark.parametrize("by_time", [False, True], ids=["arrival", "time"])
@pytest.mark.parametrize("owners", [None, ["me"], ["stranger-1", "stranger-2"]], ids=["all", "mine", "theirs"])
def test_a_list_has_its_operations_in_its_order_however_it_came_to_grow(
    datastore: Datastore, owners: list[str] | None, by_time: bool
) -> None:
    addresses = None if owners is None else [owner(name).address for name in owners]
    known = datastore.log.places(owners=addresses, by_time=by_time)
    for _ in range(2):
        lived(datastore)
        known = datastore.log.places(owners=addresses, by_time=by_time, known=known)
        rows = [row for row in everything(datastore) if addresses is None or row.actor in addresses]
        if by_time:
            rows.sort(key=lambda row: (-row.updated_at, -row.place))
        assert [*known.places] == [row.place for row in rows]
        afresh = datastore.log.places(owners=addresses, by_time=by_time)
        assert ([*known.places], [*known.times]) == ([*afresh.places], [*afresh.times])
        shown = datastore.log.operations_at(known.places[3:9])
        assert {row.place for row in shown} == {*known.places[3:9]}


@pytest.mark.parametrize("by_time", [False, True], ids=["arrival", "time"])
@pytest.mark.parametrize("owners", [None, ["stranger"]], ids=["all", "theirs"])
def test_places_of_a_log_that_was_rewritten_since_are_not_taken_over(
    datastore: Datastore, tmp_path: Path, owners: list[str] | None, by_time: bool
) -> None:
    def listed(known: Places | None = None) -> Places:
        addresses = None if owners is None else [owner(name).address for name in owners]
        return datastore.log.places(owners=addresses, by_time=by_time, known=known)

    ops = [*stranger_ops(20)]
    datastore.apply(op.to_json() for op in ops[:10])
    known = listed()
    rewritten_by_another(tmp_path, lost=(2, 5))
    datastore.apply(op.to_json() for op in (signed(owner("another"), "model", "theirs"), *ops[10:]))
    places = listed(known)
    assert places.size > known.size
    assert places.epoch != known.epoch
    assert ([*places.places], [*places.times]) == ([*listed().places], [*listed().times])
    assert {*places.places} == {*range(19)} - ({8} if owners else set())
    # Under one epoch they are.
    datastore.apply([signed(owner("another"), "model", "more").to_json()])
    again = listed(places)
    assert (again.epoch, again.size) == (places.epoch, 20)
    assert ([*again.places], [*again.times]) == ([*listed().places], [*listed().times])


def rewritten_by_another(data_dir: Path, *, lost: tuple[int, ...]) -> None:
    """Some operations go bad, and another process takes them out of the log."""
    with Datastore.open(data_dir) as another:
        with another._pool.write() as db:
            db.executemany("UPDATE ops SET body = x'00' WHERE idx = ?", [(place,) for place in lost])
        assert [found.place for found in another.verify().invalid] == [*lost]


def test_the_deed_of_an_operation_that_is_gone_is_said_to_be_gone(datastore: Datastore, tmp_path: Path) -> None:
    datastore.apply(op.to_json() for op in stranger_ops(5))
    assert datastore.log.deeds(range(5)) == ["registered"] * 5
    rewritten_by_another(tmp_path, lost=(2,))
    with pytest.raises(StoreError, match="has no operation 4 now") as raised:
        datastore.log.deeds(range(5))
    assert raised.value.code == "changed"
    assert datastore.log.deeds([]) == []
    assert [row.place for row in datastore.log.operations_at(range(5))] == [3, 2, 1, 0]


def test_words_find_every_operation_of_a_record_by_name_or_id_deleted_or_not(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(datastore)
    rows = everything(datastore)

    def found(words: str) -> list[int]:
        return [*datastore.log.places(words=words).places]

    gone = next(row.id for row in rows if row.name == "mine-3")
    assert found("mine 3") == found("MINE-3") == found(gone[:10]) == [row.place for row in rows if row.id == gone]
    assert len(found("mine 3")) == 2
    assert found("mine") == [row.place for row in rows if row.mine]
    assert len(found("theirs-1")) == 4
    assert found("mine theirs") == found("ine") == found("painted") == []
    mine = [owner("me").address]
    assert [*datastore.log.places(words="mine", owners=mine, by_time=True).places] == [
        row.place for row in sorted(rows, key=lambda row: (-row.updated_at, -row.place)) if row.mine
    ]
    monkeypatch.setattr(operations, "_MOST_DELETED", 1)
    some = datastore.log.places(words="mine")
    assert (len(some.places), some.unread) == (14 - 2 * 3, 3)


def test_the_deeds_of_a_list_are_those_that_its_operations_tell(datastore: Datastore) -> None:
    key = datastore.add("model", make_record("model", 'a "children":[] name', version="1.0.0")).key
    edited(datastore, key, "2.0.0")
    deleted(datastore, key)
    datastore.add("model", {**make_record("model", 'a "children":[] name'), "model_id": key})
    entry = datastore.entry(key)
    assert entry is not None
    forks = [
        sign_up(owner("me"), "model", {**entry.record, "version": version}, children=list(entry.heads), clock=5)
        for version in ("3.0.0", "4.0.0")
    ]
    datastore.apply(op.to_json() for op in forks)
    edited(datastore, key, "5.0.0")
    rows = everything(datastore)
    assert {row.did for row in rows} == {"registered", "edited", "deleted", "brought back", "settled"}
    assert datastore.log.deeds([row.place for row in rows]) == [row.did for row in rows]


def test_an_operation_knows_those_beside_it_on_its_record(datastore: Datastore) -> None:
    key = datastore.add("model", make_record("model", "long", version="1.0.0")).key
    datastore.add("model", make_record("model", "another"))
    edited(datastore, key, "2.0.0")
    edited(datastore, key, "3.0.0")
    assert [datastore.log.beside(key, place) for place in (0, 2, 3)] == [(1, 3, None, 2), (2, 3, 0, 3), (3, 3, 2, None)]


def test_what_was_deleted_last_and_is_still_deleted_is_found_in_any_later_run(tmp_path: Path) -> None:
    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        seed(datastore, 5)
        keys = [datastore.add("model", make_record("model", name)).key for name in ("a", "b", "c")]
        assert datastore.log.last_deleted() is None
        deleted(datastore, keys[1])
        deleted(datastore, keys[0])
    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        assert datastore.log.last_deleted() == keys[0]
        datastore.add("model", {**make_record("model", "a"), "model_id": keys[0]})
        assert datastore.log.last_deleted() == keys[1]
        datastore.key.replace(owner("another"))
        assert datastore.log.last_deleted() is None
