"""How far a peer's log was read (see protocol.md, Pulling): the cursor and the ops move together or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from tests.crdt.making import root, write_on
from tests.replica.replicas import database, replica, rows
from tests.seeds import stranger_ops
from tui_registry.crdt import claimed_hash, op
from tui_registry.crdt.tree import RightEdge
from tui_registry.datastore import ApplyReport, Cursor, Datastore, Head, StoreError
from tui_registry.replica.log import arrivals, peers

EPOCH = "ab" * 16
NODE = "cd" * 20
OPS = [op.to_json() for op in stranger_ops(12)]
UNSUPPORTED = b'{"Dataset":{"Up":{"hash":"' + b"11" * 32 + b'"}}}'


@pytest.fixture
def datastore() -> Iterator[Datastore]:
    with replica() as opened:
        opened.peers.add("lab", "http://127.0.0.1:1")
        yield opened


def total(lines: Sequence[bytes]) -> str:
    """What a peer's fingerprint would be: the sum of the hashes of its entries."""
    hashes = [int(line.rsplit(b'"hash":"', 1)[1][:64], 16) if b'"hash":"' in line else 0 for line in lines]
    return f"{sum(hashes) % 2**256:064x}"


def head_of(lines: Sequence[bytes], epoch: str = EPOCH) -> Head:
    return Head(epoch, len(lines), total(lines), NODE)


def store(datastore: Datastore, cursor: Cursor, lines: Sequence[bytes]) -> tuple[ApplyReport, Cursor]:
    """The entries from the cursor's start on."""
    return datastore.peers.store_entries("lab", cursor, datastore.log.check_lines(lines, cursor.start))


def pull(datastore: Datastore, lines: Sequence[bytes], epoch: str = EPOCH, at_once: int = 5) -> Cursor:
    """What a pull of a log that holds these lines does."""
    head = head_of(lines, epoch)
    cursor = first = datastore.peers.begin_pull("lab", head)
    while cursor.start < head.size:
        _, cursor = store(datastore, cursor, lines[cursor.start : cursor.start + at_once])
    datastore.peers.finish_pull("lab", head, None)
    return first


def stored(datastore: Datastore) -> list[tuple[object, ...]]:
    return rows(datastore, "SELECT epoch, next_index, running_sum, unsupported_index, evicted_index FROM cursors")


def test_the_first_pull_reads_everything_and_the_next_only_what_is_new(datastore: Datastore) -> None:
    assert pull(datastore, OPS[:8]).start == 0
    assert stored(datastore) == [(EPOCH, 8, total(OPS[:8]), None, None)]
    again = pull(datastore, OPS[:8])
    assert (again.start, again.restarted) == (8, False)
    assert pull(datastore, OPS).start == 8
    assert datastore.stats().ops == 12
    assert datastore.peers.get("lab").next_index == 12
    assert datastore.peers.get("lab").identical


def test_reading_goes_on_where_the_last_stored_batch_ended(datastore: Datastore) -> None:
    cursor = datastore.peers.begin_pull("lab", head_of(OPS))
    report, cursor = store(datastore, cursor, OPS[:5])
    assert (report.applied, cursor.start, cursor.next_index) == (5, 5, 5)
    # The pull ends here, as by a kill; another begins.
    assert datastore.peers.begin_pull("lab", head_of(OPS)).start == 5


def test_a_head_that_shrinks_voids_the_cursor(datastore: Datastore) -> None:
    pull(datastore, OPS)
    cursor = datastore.peers.begin_pull("lab", head_of(OPS[:4]))
    assert (cursor.start, cursor.next_index, cursor.running_sum, cursor.restarted) == (0, 0, "0" * 64, True)
    assert pull(datastore, OPS[:4]).start == 0
    assert stored(datastore) == [(EPOCH, 4, total(OPS[:4]), None, None)]


def test_sums_that_disagree_at_the_same_size_void_the_cursor(datastore: Datastore) -> None:
    pull(datastore, OPS[:6])
    other = [*OPS[:5], OPS[7]]
    first = pull(datastore, other)
    assert (first.start, first.restarted) == (0, True)
    assert datastore.stats().ops == 7
    assert not datastore.peers.begin_pull("lab", head_of(other)).restarted


def test_another_epoch_is_another_log_and_the_former_cursor_stays(datastore: Datastore) -> None:
    pull(datastore, OPS[:6])
    assert pull(datastore, OPS[:3], "cd" * 16).start == 0
    assert datastore.peers.begin_pull("lab", head_of(OPS[:6])).start == 6


def test_the_cursors_of_a_peer_that_changes_its_epoch_at_each_look_are_bounded(datastore: Datastore) -> None:
    for number in range(40):
        pull(datastore, OPS[:2], f"{number:032x}")
    assert len(stored(datastore)) <= 6
    assert datastore.peers.begin_pull("lab", head_of(OPS[:2], f"{39:032x}")).start == 2


def test_an_exception_between_storing_and_commit_leaves_both_as_they_were(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = datastore.peers.begin_pull("lab", head_of(OPS))
    _, cursor = store(datastore, cursor, OPS[:4])
    before = stored(datastore), datastore.log.head(), datastore.stats(), rows(datastore, "SELECT * FROM catalogue")

    class Interrupted(BaseException):
        pass

    def interrupted(*_: object, **__: object) -> None:
        raise Interrupted

    arrivals = datastore.log.check_lines(OPS[4:8], cursor.start)
    with monkeypatch.context() as patched:
        # The last thing that storing does, after the ops and the cursor have been written.
        patched.setattr(peers, "_mark_unsupported", interrupted)
        with pytest.raises(Interrupted):
            datastore.peers.store_entries("lab", cursor, [*arrivals, *datastore.log.check_lines([UNSUPPORTED], 8)])
    assert (
        stored(datastore),
        datastore.log.head(),
        datastore.stats(),
        rows(datastore, "SELECT * FROM catalogue"),
    ) == before
    report, moved = datastore.peers.store_entries("lab", cursor, arrivals)
    assert (report.applied, moved.next_index) == (4, 8)
    assert datastore.verify().sound


def test_the_cursor_is_never_ahead_of_the_ops_for_another_reader(datastore: Datastore) -> None:
    """At each commit, as another connection sees it: the sum of the cursor is the sum of the log."""
    seen = []
    cursor = datastore.peers.begin_pull("lab", head_of(OPS))
    other = database(datastore)
    for start in range(0, len(OPS), 3):
        _, cursor = store(datastore, cursor, OPS[start : start + 3])
        seen.append(
            other.execute(
                "SELECT c.next_index = r.size AND c.running_sum = r.fingerprint FROM cursors c, replica r"
            ).fetchone()
        )
    other.close()
    assert seen == [(1,)] * 4


def test_a_rejected_op_does_not_stop_a_pull_and_is_not_read_again(datastore: Datastore) -> None:
    lines = [*OPS[:3], b"nonsense", OPS[3].replace(b'"rec":0', b'"rec":2').replace(b'"rec":1', b'"rec":3'), *OPS[4:]]
    pull(datastore, lines)
    assert datastore.stats().ops == 11
    assert stored(datastore)[0][1] == len(lines)
    assert datastore.peers.get("lab").rejected == 2
    assert datastore.peers.begin_pull("lab", head_of(lines)).start == len(lines)


def test_known_ops_move_the_cursor_too(datastore: Datastore) -> None:
    datastore.apply(OPS, source="elsewhere")
    pull(datastore, OPS)
    assert stored(datastore) == [(EPOCH, 12, total(OPS), None, None)]
    assert datastore.peers.get("lab").identical


# ---- what was not kept ---------------------------------------------------------------------------------------------


def test_an_unsupported_entry_is_remembered_and_read_again_after_an_upgrade(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [*OPS[:3], UNSUPPORTED, *OPS[3:]]
    pull(datastore, lines)
    assert stored(datastore)[0] == (EPOCH, 13, total(lines), 3, None)
    assert datastore.stats().ops == 12
    assert datastore.stats().unsupported == 1
    # The same program does not read it again...
    assert pull(datastore, lines).start == 13
    # ... a later one does, and forgets nothing when it is stopped on the way.
    monkeypatch.setattr(peers, "READER_VERSION", "a later version")
    assert datastore.peers.begin_pull("lab", head_of(lines)).start == 3
    assert datastore.peers.begin_pull("lab", head_of(lines)).start == 3
    cursor = datastore.peers.begin_pull("lab", head_of(lines))
    _, cursor = store(datastore, cursor, lines[3:6])
    assert cursor.start == 6
    assert (cursor.next_index, cursor.running_sum) == (13, total(lines))
    # The pull ends here: what had not been read again is not forgotten, though entry 3 is this reader's own now.
    assert datastore.peers.begin_pull("lab", head_of(lines)).start == 6
    assert pull(datastore, lines).start == 6
    assert pull(datastore, lines).start == 13
    monkeypatch.setattr(peers, "READER_VERSION", "one later still")
    assert datastore.peers.begin_pull("lab", head_of(lines)).start == 3


def test_what_is_unsupported_is_counted_once_however_often_it_is_read(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [*OPS[:3], UNSUPPORTED, *OPS[3:], UNSUPPORTED]
    pull(datastore, lines)
    assert datastore.stats().unsupported == 2
    # Of a log with another name, after an upgrade that does not read them either, and after one that does.
    pull(datastore, lines, epoch="a" * 32)
    assert datastore.stats().unsupported == 2
    monkeypatch.setattr(peers, "READER_VERSION", "a later version")
    pull(datastore, lines, epoch="a" * 32)
    assert datastore.stats().unsupported == 2
    monkeypatch.setattr(peers, "READER_VERSION", "one later still")
    monkeypatch.setitem(op._CLASSES, "Dataset", op.ModelOp)  # malformed for that one: read, at least
    pull(datastore, lines, epoch="a" * 32)
    assert (datastore.stats().unsupported, datastore.peers.get("lab").unsupported) == (0, 0)


@pytest.fixture
def _room_for_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MAX_PENDING", 4)


def waiting(count: int, name: str = "w") -> tuple[list[bytes], list[bytes]]:
    """Roots, and an op on top of each."""
    roots = [root(name=f"{name} {number}") for number in range(count)]
    return [op.body for op in roots], [write_on(op).body for op in roots]


@pytest.mark.usefixtures("_room_for_four")
def test_an_evicted_entry_is_remembered_and_read_again_when_room_returns(datastore: Datastore) -> None:
    roots, lines = waiting(10)
    pull(datastore, lines)
    assert datastore.stats().pending == 4
    assert stored(datastore)[0][1:] == (10, total(lines), None, 4)
    # No room yet: reading goes on at the end.
    assert pull(datastore, lines).start == 10
    datastore.apply(roots[:4], source="elsewhere")
    assert datastore.stats().pending == 0
    assert datastore.peers.begin_pull("lab", head_of(lines)).start == 4
    datastore.apply(roots[4:], source="elsewhere")
    pull(datastore, lines)
    assert datastore.stats().ops == 20
    assert stored(datastore)[0][3:] == (None, None)


def test_there_is_no_room_to_read_again_while_what_waits_is_too_large(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots, lines = waiting(10)
    size = sum(map(len, lines))
    monkeypatch.setattr(arrivals, "MAX_PENDING_BYTES", 6 * size // 10)
    pull(datastore, lines)
    waits = datastore.stats().pending
    assert 0 < waits < 10
    # Few enough, and yet reading again would only put them out again.
    assert datastore.peers.begin_pull("lab", head_of(lines)).start == 10
    datastore.apply(roots[:waits], source="elsewhere")
    assert datastore.stats().pending == 0
    assert datastore.peers.begin_pull("lab", head_of(lines)).start == waits


def test_an_entry_that_came_again_under_another_epoch_is_marked_there_when_it_is_evicted(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots, lines = waiting(3)
    pull(datastore, lines)
    pull(datastore, lines[::-1], "cd" * 16)
    monkeypatch.setattr(arrivals, "MAX_PENDING", 0)
    datastore.apply(waiting(1, "other")[1], source="elsewhere")
    assert datastore.stats().pending == 0
    monkeypatch.undo()
    datastore.apply(roots, source="elsewhere")
    assert pull(datastore, lines[::-1], "cd" * 16).start == 0
    assert datastore.stats().ops == 6


@pytest.mark.usefixtures("_room_for_four")
def test_a_pull_that_reads_again_and_is_stopped_forgets_no_unkept_entry(datastore: Datastore) -> None:
    roots, lines = waiting(10)
    pull(datastore, lines)
    datastore.apply(roots[:4], source="elsewhere")
    cursor = datastore.peers.begin_pull("lab", head_of(lines))
    assert cursor.start == 4
    datastore.apply(roots[4:6], source="elsewhere")
    store(datastore, cursor, lines[4:6])  # and there it ends
    assert datastore.peers.begin_pull("lab", head_of(lines)).start == 6


@pytest.mark.usefixtures("_room_for_four")
def test_an_unsupported_entry_before_it_does_not_hide_an_evicted_one(datastore: Datastore) -> None:
    roots, waits = waiting(10)
    lines = [UNSUPPORTED, *waits]
    pull(datastore, lines)
    datastore.apply(roots, source="elsewhere")
    assert datastore.stats().pending == 0
    pull(datastore, lines)
    assert datastore.stats().ops == 20


@pytest.mark.usefixtures("_room_for_four")
def test_an_evicted_entry_before_it_does_not_hide_an_unsupported_one(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots, waits = waiting(10)
    lines = [*waits, UNSUPPORTED]
    pull(datastore, lines)
    datastore.apply(roots, source="elsewhere")
    pull(datastore, lines)
    assert datastore.stats().ops == 20
    monkeypatch.setattr(peers, "READER_VERSION", "a later version")
    assert datastore.peers.begin_pull("lab", head_of(lines)).start <= 10


# ---- peers ---------------------------------------------------------------------------------------------------------


def test_peers_are_named_once_and_forgotten_with_their_cursors_but_not_their_ops(datastore: Datastore) -> None:
    pull(datastore, OPS[:4])
    for name, address, code in (
        ("lab", "http://other:1", "peer_exists"), ("other", "http://127.0.0.1:1", "peer_exists"),
        ("Lab!", "http://x", "bad_peer_name"), ("", "http://x", "bad_peer_name"), ("x" * 33, "http://x", "bad_peer_name"),
        ("x", "", "bad_address"), ("x", "ftp://x", "bad_address"), ("x", "http://", "bad_address"),
        ("x", "http://a:b@x", "bad_address"), ("x", "http://x?y", "bad_address"), ("x", "http://x:99999", "bad_address"),
    ):  # fmt: skip
        with pytest.raises(StoreError) as raised:
            datastore.peers.add(name, address)
        assert raised.value.code == code, (name, address)
    datastore.peers.remove("lab")
    assert stored(datastore) == []
    assert datastore.peers.all() == []
    assert datastore.stats().ops == 4
    with pytest.raises(StoreError) as raised:
        datastore.peers.remove("lab")
    assert raised.value.code == "not_found"
    with pytest.raises(StoreError):
        datastore.peers.begin_pull("lab", head_of(OPS))


def test_a_failed_pull_leaves_its_sentence_and_the_last_good_one_its_time(datastore: Datastore) -> None:
    pull(datastore, OPS[:4])
    good = datastore.peers.get("lab").last_sync
    assert good is not None
    datastore.peers.finish_pull("lab", None, "lab does not answer")
    peer = datastore.peers.get("lab")
    assert (peer.last_error, peer.last_sync) == ("lab does not answer", good)
    datastore.peers.finish_pull("lab", head_of(OPS[:4]), None)
    assert datastore.peers.get("lab").last_error is None


# ---- the log that others read --------------------------------------------------------------------------------------


def test_ops_asked_for_by_hash_come_children_first_without_the_unknown_and_no_more_than_asked(
    datastore: Datastore,
) -> None:
    base = root()
    chain = [base]
    for number in range(5):
        chain.append(write_on(chain[-1], description=str(number)))
    datastore.apply(op.body for op in chain)
    hashes = [op.hash for op in reversed(chain)]
    assert datastore.log.by_hash([*hashes, "00" * 32, *hashes], 10**9) == [op.body for op in chain]
    two = len(chain[0].body) + len(chain[1].body) + 2
    assert datastore.log.by_hash(hashes, two) == [op.body for op in chain[:2]]
    assert datastore.log.by_hash(hashes, two - 1) == [chain[0].body]
    assert datastore.log.by_hash(hashes, 1) == [chain[0].body]  # one op at least
    assert datastore.log.by_hash(["00" * 32], 10**9) == []
    assert datastore.log.by_hash([], 10**9) == []
    assert datastore.log.lines(1, 3) == [chain[1].body, chain[2].body]
    assert datastore.log.lines(6, 100) == []


@pytest.mark.parametrize("at_once", [1, 3, 5, 12])
@pytest.mark.parametrize("compared", [0, 6], ids=["read", "half of it compared"])
def test_every_older_head_of_the_same_log_is_told_from_every_other(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch, at_once: int, compared: int
) -> None:
    """With tiles of four entries, whatever the batches were."""
    monkeypatch.setattr(peers, "_TILE", 4)
    if compared:
        datastore.peers.begin_pull("lab", head_of(OPS))
        datastore.peers.skip_entries("lab", EPOCH, compared, total(OPS[:compared]))
    pull(datastore, OPS, at_once=at_once)

    def verdict(head: Head) -> str:
        standing = datastore.peers.standing("lab", head)
        if standing.verdict != "unsure":
            return standing.verdict
        # No more than a tile has to be read.
        assert head.size // 4 == (standing.known - 1) // 4
        between = OPS[head.size : standing.known]
        return "stale" if standing.leads_there(head, (total([line]) for line in between)) else "other"

    assert verdict(head_of(OPS)) == verdict(Head(EPOCH, 13, "0" * 64, NODE)) == "on"
    for size in range(12):
        # What was compared only was not read: its older heads are asked for once more.
        told = "stale" if size >= compared or size == 0 or size // 4 == (compared - 1) // 4 else "other"
        assert verdict(head_of(OPS[:size])) == told, size
        for other in (total(OPS[1 : size + 1]) if size else "2" * 64, "1" * 64):
            assert verdict(Head(EPOCH, size, other, NODE)) == "other", size
        assert verdict(Head("cd" * 16, size, total(OPS[:size]), NODE)) == "other"


# The tree over what was read


def signed_head(lines: Sequence[bytes]) -> Head:
    """As the peer signs it; the signature itself was checked before it comes here."""
    tree = RightEdge().extended(bytes.fromhex(claimed_hash(line) or "") for line in lines)
    return head_of(lines)._replace(rules=1, set="5e" * 32, root=tree.root().hex(), signed_at=1, sig="ab" * 65)


def fits(datastore: Datastore, lines: Sequence[bytes]) -> bool | None:
    """Whether the root of these lines fits what was read, by a pull that has nothing left to read."""
    datastore.peers.see_head("lab", signed_head(lines))
    datastore.peers.finish_pull("lab", signed_head(lines), None)
    return datastore.peers.get("lab").root_fits


@pytest.mark.parametrize("at_once", [1, 5, 7, 12])
def test_the_root_of_what_was_read_is_known_however_it_came(datastore: Datastore, at_once: int) -> None:
    pull(datastore, OPS[:7], at_once=at_once)
    assert fits(datastore, OPS[:7]) is True
    # A pull that ended in its middle, as by a kill, and another.
    _, cursor = store(datastore, datastore.peers.begin_pull("lab", head_of(OPS)), OPS[7:9])
    pull(datastore, OPS, at_once=at_once)
    assert fits(datastore, OPS) is True
    assert fits(datastore, [OPS[1], OPS[0], *OPS[2:]]) is False
    assert fits(datastore, OPS) is True
    assert cursor.next_index == 9


def test_what_is_read_again_is_in_the_tree_once(datastore: Datastore) -> None:
    pull(datastore, OPS[:8])
    with closing(database(datastore)) as db:
        db.execute("UPDATE cursors SET again_index = 3")
    assert pull(datastore, OPS).start == 3
    assert fits(datastore, OPS) is True


def test_a_void_cursor_begins_another_tree(datastore: Datastore) -> None:
    pull(datastore, OPS)
    pull(datastore, OPS[5:])
    assert fits(datastore, OPS[5:]) is True
    assert fits(datastore, OPS[5:7]) is None  # it was not read up to there


def test_what_was_pushed_is_in_the_tree_and_what_was_compared_is_not(datastore: Datastore) -> None:
    pull(datastore, OPS[:6])
    hashes = [bytes.fromhex(claimed_hash(line) or "") for line in OPS]
    datastore.peers.note_pushed("lab", EPOCH, 6, hashes[6:9])
    assert fits(datastore, OPS[:9]) is True
    datastore.peers.skip_entries("lab", EPOCH, 11, total(OPS[:11]))
    assert fits(datastore, OPS[:11]) is None
    datastore.peers.note_pushed("lab", EPOCH, 11, hashes[11:])
    assert fits(datastore, OPS) is None


def test_the_tree_of_a_list_of_hashes_is_known(datastore: Datastore) -> None:
    datastore.apply(OPS)
    datastore.peers.begin_pull("lab", head_of(OPS))
    edge = RightEdge().extended(bytes.fromhex(claimed_hash(line) or "") for line in OPS)
    epoch = datastore.log.head().epoch
    assert datastore.peers.pass_over("lab", EPOCH, 12, total(OPS), epoch=epoch, hashes=[], edge=edge)
    assert fits(datastore, OPS) is True


def test_entries_that_may_have_another_hash_leave_a_root_unjudged(datastore: Datastore) -> None:
    lines = [*OPS[:3], UNSUPPORTED]
    pull(datastore, lines)
    assert fits(datastore, OPS[:4]) is None
    assert fits(datastore, lines[:3]) is None
    pull(datastore, [*lines, *OPS[3:]])
    assert fits(datastore, [*OPS, OPS[0]]) is None
