"""A view of a hub holds what the hub's log says and nothing else: it follows what fits, and says what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hub.memory import HUB_KEY, MemoryLog
from tests.hub.views import View, bodies, catalogue, same_everywhere
from tests.seeds import NOW, make_record, owner, signed, stranger_ops
from tui_registry.backup import back_up, put_back
from tui_registry.crdt import parse_op
from tui_registry.datastore import Datastore, StoreError
from tui_registry.sync import publish


@pytest.fixture
def shared() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def view(tmp_path: Path, shared: MemoryLog) -> Iterator[View]:
    """A node with five operations, and nothing unseen."""
    view = View(tmp_path / "view", shared)
    view.store.apply([op.to_json() for op in stranger_ops(4)], source="push:10.0.0.1")
    view.store.add("model", make_record("model", "tiny"))
    yield view
    view.close()


@pytest.fixture
def other(tmp_path: Path, shared: MemoryLog, view: View) -> Iterator[View]:
    """Another node, as far."""
    other = View(tmp_path / "other", shared)
    other.store.hub.follow()
    yield other
    other.close()


def refused(deed: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as raised:
        deed()
    return raised.value.code


# ---- what does not fit ---------------------------------------------------------------------------------------------


def test_a_hub_put_back_to_an_older_copy_is_noticed_and_not_followed(
    view: View, other: View, shared: MemoryLog
) -> None:
    view.store.news.seen()
    shared.put_back(3)
    for deed in (view.store.hub.follow, lambda: view.store.add("model", make_record("model", "more"))):
        assert refused(deed) == "hub_other"
    standing = view.store.hub.standing()
    assert (standing.is_ready, standing.code, standing.size, standing.shared_size) == (False, "restored", 5, 3)
    assert view.store.log.head().size == 5
    # A younger node goes on with it, and by and by it is as long again: it is another log all the same.
    third = View(other.store.data_dir.parent / "third", shared)
    for number in range(4):
        third.store.add("model", make_record("model", f"since {number}"))
        assert refused(view.store.hub.follow) == "hub_other"
        assert view.store.hub.standing().code == "restored"
    third.close()
    # Who asks for it has the view made anew, and is told what it cost.
    remade = view.store.hub.remake()
    assert remade == (7, 2)
    # What was looked at is nothing new for that.
    assert {row.name for row in view.store.search("is:new").rows} == {f"since {number}" for number in range(4)}
    same_everywhere([view], shared)
    assert view.store.verify().sound


def test_a_log_rewritten_under_another_epoch_is_followed_once_the_view_is_made_anew(
    view: View, other: View, shared: MemoryLog
) -> None:
    left = [(op.hash, op.body) for op in shared.ops if op.place != 1]
    shared.rewrite("c" * 32, left)
    assert refused(view.store.hub.follow) == "hub_other"
    assert view.store.hub.standing().code == "other_epoch"
    assert bodies(view.store)[1] not in [body for _, body in left]
    came = [entry.source for entry in view.store.history(bodies_key(view.store, "tiny"))]
    told: list[tuple[int, int]] = []
    assert view.store.hub.remake(lambda done, of: told.append((done, of))) == (4, 1)
    assert told[-1] == (4, 4)
    assert [entry.source for entry in view.store.history(bodies_key(view.store, "tiny"))] == came == [None]
    report = other.store.verify()
    assert report.repaired == [
        "this view differed from the hub's log, which has 1 of its operations no more: it was made anew from that"
    ]
    same_everywhere([view, other], shared)
    assert catalogue(view.store) == catalogue(other.store)
    assert view.store.add("model", make_record("model", "more")).hash
    assert view.store.verify().sound


def test_what_is_damaged_in_a_view_is_not_said_to_be_lost_by_the_hub(view: View, shared: MemoryLog) -> None:
    with view.store._pool.write() as db:
        db.execute("UPDATE ops SET body = x'00' WHERE idx = 2")
    assert view.store.verify().repaired == ["this view differed from the hub's log: it was made anew from that"]
    same_everywhere([view], shared)


def test_a_log_put_back_to_before_it_was_rewritten_takes_nothing_of_a_view(view: View, shared: MemoryLog) -> None:
    """It is of the epoch before, as is a log that was rewritten since: only that one knows what it was called."""
    before, ops = shared.head_now.epoch, [(op.hash, op.body) for op in shared.ops]
    shared.rewrite("c" * 32, ops)
    view.store.hub.remake()
    view.store.add("model", make_record("model", "since"))
    shared.rewrite(before, ops)
    shared.epochs = {before}
    assert refused(view.store.hub.follow) == "hub_other"
    assert view.store.hub.standing().code == "restored"
    assert refused(view.store.verify) == "hub_other"
    assert view.store.log.head().size == len(ops) + 1


def test_another_epoch_that_begins_as_the_view_does_needs_no_making_anew(view: View, shared: MemoryLog) -> None:
    shared.rewrite("c" * 32, [(op.hash, op.body) for op in shared.ops])
    assert refused(view.store.hub.follow) == "hub_other"
    assert view.store.hub.remake(whole=False) == (5, 0)
    same_everywhere([view], shared)


def test_a_log_of_later_rules_is_not_followed(view: View, shared: MemoryLog) -> None:
    shared.head_now = shared.head_now._replace(rules=99)
    for deed in (view.store.hub.follow, lambda: view.store.add("model", make_record("model", "m"))):
        assert refused(deed) == "hub_newer"
    assert view.store.hub.standing()[:2] == (False, "newer")
    assert [row.name for row in view.store.search("tiny").rows] == ["tiny"]


@pytest.mark.parametrize(
    "line", [b"nonsense", signed(owner("x"), "model", "m").to_json().replace(b"7000000000", b"7000000001")]
)
def test_an_operation_that_breaks_a_rule_is_not_followed_whoever_wrote_it(
    line: bytes, view: View, shared: MemoryLog
) -> None:
    shared.write([(b"\1" * 32, line)], "0" * 64, (), NOW)
    assert refused(view.store.hub.follow) == "hub_other"
    assert view.store.hub.standing()[:2] == (False, "invalid")
    assert view.store.log.head().size == 5


def test_a_row_that_was_changed_under_the_chain_is_noticed(view: View, other: View, shared: MemoryLog) -> None:
    other.store.add("model", make_record("model", "more"))
    shared.ops[-1] = shared.ops[-1]._replace(body=signed(owner("x"), "model", "m").to_json())
    assert refused(view.store.hub.follow) == "hub_other"
    assert view.store.hub.standing()[:2] == (False, "restored")
    assert view.store.log.head().size == 5


# ---- the folder ----------------------------------------------------------------------------------------------------


def test_a_folder_that_bears_a_hubs_id_is_read_without_the_hub_and_nothing_else(
    view: View, shared: MemoryLog, tmp_path: Path
) -> None:
    op = signed(owner("x"), "model", "m")
    before = bodies(view.store)
    view.close()
    with Datastore.open(view.store.data_dir, clock=lambda: NOW) as alone:
        assert alone.hub.id == shared.head().hub
        assert [row.name for row in alone.search("tiny").rows] == ["tiny"]
        alone.peers.add("peer", str(tmp_path))
        alone.searches.save("mine", "tiny")
        entry = alone.entry(bodies_key(alone, "tiny"))
        assert entry is not None
        for deed in (
            lambda: alone.add("model", make_record("model", "more")),
            lambda: list(alone.add_all([("model", make_record("model", "more"))])),
            lambda: alone.delete("model", entry.id, entry.heads),
            lambda: alone.apply([op.to_json()]),
            lambda: alone.purge(owner=owner("stranger").address),
            lambda: alone.purge(peer="push:10.0.0.1"),
            alone.log.renew_epoch,
            alone.expect_writable,
            alone.mark.share,
            lambda: publish(alone, tmp_path / "published"),
            alone.hub.follow,
        ):
            assert refused(deed) == "hub_view"
        report = alone.verify()
        assert (report.sound, bool(report.unwritable)) == (True, True)
        assert bodies(alone) == before
        # A damaged row is told, and left for who has the hub.
        with alone._pool.write() as db:
            db.execute("UPDATE catalogue SET name = 'another'")
        assert alone.verify().unrepaired
    again = View(view.store.data_dir, shared)
    assert again.store.verify().repaired
    assert again.store.verify().sound
    again.close()


def test_with_the_hub_too_a_view_is_neither_purged_nor_given_another_epoch(view: View) -> None:
    assert refused(lambda: view.store.purge(owner=owner("stranger").address)) == "hub_view"
    assert refused(view.store.log.renew_epoch) == "hub_view"
    assert refused(lambda: view.store.mark.share(new_epoch=True)) == "hub_view"
    assert view.store.mark.share() == (False, None, None)
    assert view.store.mark.note(view.store.log.head()) is None
    assert view.store.mark.restored() is None


def test_a_damaged_view_is_made_anew_from_the_hub(view: View, other: View, shared: MemoryLog) -> None:
    with view.store._pool.write() as db:
        db.execute("UPDATE ops SET body = (SELECT body FROM ops WHERE idx = 1) WHERE idx = 2")
        db.execute("DELETE FROM ops WHERE idx = 4")
    report = view.store.verify()
    assert any("made anew" in sentence for sentence in report.repaired)
    same_everywhere([view], shared)
    assert catalogue(view.store) == catalogue(other.store)
    assert view.store.verify().sound


def test_a_folder_with_a_log_of_its_own_or_of_another_hub_is_refused_and_left_as_it_is(
    view: View, tmp_path: Path
) -> None:
    with Datastore.open(tmp_path / "own", clock=lambda: NOW) as own:
        own.add("model", make_record("model", "mine"))
    before = (tmp_path / "own" / "registry.sqlite3").read_bytes()
    assert refused(lambda: Datastore.open(tmp_path / "own", hub=MemoryLog())) == "hub_other"
    assert (tmp_path / "own" / "registry.sqlite3").read_bytes() == before
    view.close()
    assert refused(lambda: Datastore.open(view.store.data_dir, hub=MemoryLog(hub="d" * 32))) == "hub_other"


def test_an_empty_folder_is_not_begun_while_the_hub_is_away_and_a_view_is_opened_to_read(
    view: View, shared: MemoryLog, tmp_path: Path
) -> None:
    view.shaky.is_away = True
    assert refused(lambda: Datastore.open(tmp_path / "new", hub=view.shaky)) == "hub_away"
    assert not (tmp_path / "new").exists()
    view.close()
    with Datastore.open(view.store.data_dir, hub=view.shaky) as again:
        assert again.hub.standing()[:2] == (True, "away")
        assert again.stats().models + again.stats().agents == 5
        assert refused(lambda: again.add("model", make_record("model", "more"))) == "hub_away"
        view.shaky.is_away = False
        assert again.add("model", make_record("model", "more")).hash


def test_a_replica_becomes_a_hub_by_its_chain_and_one_of_its_own_again(tmp_path: Path) -> None:
    shared = MemoryLog()
    with Datastore.open(tmp_path / "own", clock=lambda: NOW) as own:
        own.key.replace(HUB_KEY)
        own.add("model", make_record("model", "mine"))
        own.apply([op.to_json() for op in stranger_ops(3)], source="file")
        head = own.log.head()
        ops = operations(own)
        shared.rewrite(head.epoch, ops)
        assert own.hub.chain_of_view() == shared.head().chain
        assert refused(own.hub.follow) == refused(own.hub.remake) == "no_hub"
        assert refused(lambda: own.hub.bind(shared.head()._replace(chain=b"\0" * 32))) == "hub_other"
        assert own.hub.id is None
        own.hub.bind(shared.head())
        assert (own.hub.id, own.hub.address) == (shared.head().hub, HUB_KEY.address)
        assert own.log.head().epoch == head.epoch
        assert refused(lambda: own.add("model", make_record("model", "more"))) == "hub_view"
    view = View(tmp_path / "own", shared)
    view.store.add("model", make_record("model", "more"))
    view.store.hub.release()
    assert view.store.hub.id is None
    assert view.store.log.head().epoch != head.epoch
    view.close()
    with Datastore.open(tmp_path / "own", clock=lambda: NOW) as own:
        own.add("model", make_record("model", "alone again"))
        assert (own.verify().sound, own.log.head().size, shared.head().size) == (True, 6, 5)


def test_a_backup_of_a_view_is_a_view_and_follows_on(
    view: View, other: View, shared: MemoryLog, tmp_path: Path
) -> None:
    back_up(view.store, tmp_path / "view.backup", None)
    other.store.add("model", make_record("model", "since"))
    put_back(tmp_path / "view.backup", tmp_path / "again", None, lambda *_: None)
    again = View(tmp_path / "again", shared)
    assert again.store.hub.follow() == (1, 6, 6)
    same_everywhere([again], shared)
    again.close()


# ---- other ways in -------------------------------------------------------------------------------------------------


def test_tiles_whose_chain_the_hub_confirms_are_taken_without_their_signatures(
    view: View, shared: MemoryLog, tmp_path: Path
) -> None:
    lines = [op.body for op in shared.ops]
    late = View(tmp_path / "late", shared, clock=lambda: NOW + 3_600)
    assert refused(lambda: late.store.hub.lines_unverified(0, [*lines[:2], lines[3]])) == "hub_differs"
    assert refused(lambda: late.store.hub.lines_unverified(1, lines[1:])) == "hub_differs"
    other = stranger_ops(1, by="another")
    assert refused(lambda: late.store.hub.lines_unverified(0, [op.to_json() for op in other])) == "hub_differs"
    assert late.store.log.head().size == 0
    assert late.store.hub.lines_unverified(0, lines[:3]) == (3, 3, 5)
    assert late.store.hub.follow() == (2, 5, 5)
    same_everywhere([late], shared)
    assert catalogue(late.store) == catalogue(view.store)
    assert late.store.verify().sound
    late.close()


def test_following_ends_where_it_was_asked_to(view: View, shared: MemoryLog, tmp_path: Path) -> None:
    late = View(tmp_path / "late", shared)
    assert late.store.hub.follow(2) == (2, 2, 5)
    assert late.store.hub.follow(until=3) == (1, 3, 5)
    assert late.store.hub.follow(until=1) == (0, 3, 5)
    assert late.store.hub.follow() == (2, 5, 5)
    late.close()


def test_a_far_view_follows_before_it_locks_the_hub(
    view: View, shared: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.store.apply([op.to_json() for op in stranger_ops(1_500, by="many")], source="push:10.0.0.1")
    late = View(tmp_path / "late", shared)
    assert late.store.add("model", make_record("model", "late")).hash
    assert late.shaky.turns == 1
    # Others append so much between its look and its turn that it lets go, and follows first.
    more = iter([op.to_json() for op in stranger_ops(3_000, by="crowd")])

    def crowd() -> None:
        view.store.apply([next(more) for _ in range(1_100)], source="push:10.0.0.1")

    late.shaky.faults["turn"] = crowd
    assert late.store.add("model", make_record("model", "later")).hash
    assert late.shaky.turns == 3
    same_everywhere([view, late], shared)
    late.close()


def operations(store: Datastore) -> list[tuple[bytes, bytes]]:
    """Each with its hash."""
    return [(bytes.fromhex(parse_op(line).hash), line) for line in bodies(store)]


def bodies_key(store: Datastore, name: str) -> str:
    (row,) = store.search(name).rows
    return row.id
