"""What the log is as a set is kept with it: after any history it is what reckoning it anew from the log says, at every
size; a replica that has none gets it behind, whatever ends that in the middle; and what does not fit is found."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tests.laws import examples
from tests.replica.programs import ROOT, Program
from tests.replica.replicas import database, replica, rows
from tests.replica.test_released import left_by
from tests.seeds import NOW, make_record, owner, seed, signed, stranger_ops
from tui_registry import datastore as opening
from tui_registry.crdt.sets import SYMBOLS, LtHash, Symbols
from tui_registry.crdt.tree import RightEdge
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.replica.log import kept_set
from tui_registry.replica.log.kept_set import keep_some
from tui_registry.replica.store import tables
from tui_registry.sync import publish

BEHIND = 3


@pytest.fixture(autouse=True, scope="module")
def soon() -> Iterator[None]:
    """What is kept follows after three operations, and is made behind four at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_set, "MOST_BEHIND", BEHIND)
        patch.setattr(tables, "MOST_BEHIND", BEHIND)
        patch.setattr(kept_set, "_AT_ONCE", 4)
        yield


@pytest.fixture
def ten() -> Iterator[Datastore]:
    with replica() as registry:
        seed(registry, 10)
        yield registry


def hashes_of(registry: Datastore) -> list[bytes]:
    found = [digest for (digest,) in rows(registry, "SELECT hash FROM ops ORDER BY idx")]
    return [digest for digest in found if isinstance(digest, bytes)]


def kept(registry: Datastore) -> int:
    ((number,),) = rows(registry, "SELECT kept FROM replica")
    assert isinstance(number, int)
    return number


def spoil(registry: Datastore, *statements: str) -> None:
    connection = database(registry)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def assert_told(registry: Datastore, size: int | None = None) -> None:
    """What is told of that many operations, or of all, is what they come to."""
    head = registry.log.head()
    hashes = hashes_of(registry)[:size]
    lanes, symbols, edge = LtHash(), Symbols(), RightEdge().extended(hashes)
    lanes.add_all(hashes)
    symbols.add_all(hashes)
    told = registry.log.set_of(head.epoch, size)
    assert told is not None
    assert (told.epoch, told.size, told.set_hash) == (head.epoch, len(hashes), lanes.digest())
    assert told.lanes.to_bytes() == lanes.to_bytes()
    assert told.root in ((edge.root(),) if len(hashes) == head.size else (edge.root(), None))
    assert registry.log.symbols(head.epoch, len(hashes), 0, SYMBOLS) == symbols.to_bytes()
    assert registry.log.symbols(head.epoch, len(hashes), 7, 70) == symbols.to_bytes(7, 70)
    if size is None:
        assert (head.set, head.root) == (lanes.digest().hex(), edge.root().hex())


def assert_making(registry: Datastore) -> None:
    head = registry.log.head()
    assert (head.set, head.root) == ("", "")
    assert registry.log.set_of(head.epoch) is None
    assert registry.log.symbols(head.epoch, head.size, 0, 1) is None


STEPS = st.tuples(
    st.sampled_from(["apply", "apply", "add", "one", "behind", "forgotten", "verify", "epoch", "rewritten"]),
    st.integers(1, 9),
)


@settings(max_examples=examples(10, 300))
@given(st.lists(STEPS, min_size=1, max_size=9), st.integers(0, 100))
def test_after_any_history_what_is_told_is_what_the_log_comes_to_at_every_size(
    steps: list[tuple[str, int]], earlier: int
) -> None:
    theirs = iter(stranger_ops(200))
    with replica() as registry, Datastore.open(registry.data_dir, clock=lambda: NOW) as beside:
        is_behind = False
        for what, number in steps:
            if what == "apply":
                registry.apply(op.body for op in islice(theirs, number))
            elif what == "add":
                beside.add("model", make_record("model", f"mine {kept(registry)} {number} {len(hashes_of(registry))}"))
            elif what == "one":
                for op in islice(theirs, number):
                    beside.apply([op.body])
            elif what == "behind":
                keep_some(registry._pool)
            elif what == "forgotten":  # as in a replica of before there was such a thing
                spoil(registry, "DELETE FROM log_set", "DELETE FROM log_symbols", "UPDATE replica SET kept = 0")
            elif what == "verify":
                assert registry.verify().sound
            elif what == "epoch":
                registry.log.renew_epoch()
            elif hashes_of(registry):
                place = number % len(hashes_of(registry))
                spoil(registry, f"UPDATE ops SET body = x'00' WHERE idx = {place}")
                assert not beside.verify().sound
            is_behind = len(hashes_of(registry)) - kept(registry) > BEHIND
            if is_behind:
                assert what != "verify"
            elif number % 2:  # what is told need not have been asked for before
                assert_told(registry)
        if is_behind:
            with Datastore.open(registry.data_dir, read_only=True) as fresh:
                assert_making(fresh)
            assert registry.log.finish_sets(60)
        assert_told(registry)
        assert_told(registry, earlier % (len(hashes_of(registry)) + 1))
        assert_told(beside)
        assert registry.verify().sound


@pytest.mark.parametrize("size", range(11))
def test_it_is_told_of_every_earlier_size(ten: Datastore, size: int) -> None:
    assert_told(ten, size)


def test_what_is_not_of_this_log_and_what_would_take_too_long_is_not_told(ten: Datastore) -> None:
    log = ten.log
    epoch = log.head().epoch
    assert (log.set_of("0" * 32), log.set_of(epoch, 11), log.set_of(epoch, -1)) == (None, None, None)
    assert (log.symbols("0" * 32, 10, 0, 9), log.symbols(epoch, 11, 0, 9)) == (None, None)
    assert log.set_of(epoch, 6, most=3) is None
    assert log.set_of(epoch, 4, most=3) is None
    assert log.symbols(epoch, 5, 0, 9, most=4) is None
    for size in (3, 7, 10):
        assert log.set_of(epoch, size, most=3) is not None
        assert log.symbols(epoch, size, 0, 9, most=3) is not None


def test_a_head_that_is_given_to_others_says_more_than_one_that_is_not(ten: Datastore) -> None:
    head = ten.log.head()
    assert (head.rules, head.signed_at, len(head.set), len(head.root)) == (1, NOW, 64, 64)
    assert ten.log.head(make_key=False) == head._replace(rules=0, set="", root="", signed_at=0)
    with replica() as empty:
        told = empty.log.head()
        assert (told.signed_at, told.root) == (0, RightEdge().root().hex())
        assert_told(empty)


@given(st.binary(max_size=32), st.integers(0, 256), st.integers(0, 12))
@settings(max_examples=examples(30, 1000))
def test_the_hashes_under_a_prefix_are_those_that_begin_so(data: bytes, bits: int, size: int) -> None:
    registry = _shared()
    hashes = hashes_of(registry)
    prefix = (hashes[len(data) % 10][: bits % 5] + data)[:32] if bits % 2 else data
    spelt = f"{int.from_bytes(prefix.ljust(32, bytes(1)), 'big'):0256b}"[:bits]
    under = sorted(one for one in hashes[:size] if f"{int.from_bytes(one, 'big'):0256b}".startswith(spelt))
    assert registry.log.hashes_under(prefix, bits, size) == under
    assert registry.log.hashes_under(prefix, bits, size, limit=2) == under[:2]


def test_an_older_replica_gets_it_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = left_by(1, tmp_path / "left")
    with Datastore.open(folder, clock=lambda: NOW) as registry:
        if registry._indexing is not None:
            registry._indexing.join()
        assert_told(registry)
        assert registry.verify().sound
    spoil(registry, "DELETE FROM log_set", "DELETE FROM log_symbols", "UPDATE replica SET kept = 0")
    with Datastore.open(folder, clock=lambda: NOW) as brief:
        assert brief._indexing is not None  # and a command that only looks ends before it begins
        assert_making(brief)
    assert kept(registry) == 0
    monkeypatch.setattr(opening, "_JUDGED_AFTER_SECONDS", 0)
    with Datastore.open(folder, clock=lambda: NOW) as registry:
        assert registry._indexing is not None
        registry._indexing.join()
        assert_told(registry)
    with Datastore.open(folder, clock=lambda: NOW) as registry:
        assert registry._indexing is None


def test_a_log_of_before_is_published_with_all_that_its_head_says(ten: Datastore, tmp_path: Path) -> None:
    spoil(ten, "DELETE FROM log_set", "DELETE FROM log_symbols", "UPDATE replica SET kept = 0")
    assert_making(ten)
    head = publish(ten, tmp_path / "log").head
    assert (head.size, len(head.set), len(head.root)) == (10, 64, 64)
    assert_told(ten)


def test_where_nothing_can_be_written_it_is_not_made_and_that_is_no_error(ten: Datastore) -> None:
    spoil(ten, "DELETE FROM log_set", "DELETE FROM log_symbols", "UPDATE replica SET kept = 0")
    with Datastore.open(ten.data_dir, read_only=True) as looking:
        assert not looking.log.finish_sets(60)
        assert_making(looking)


_KILLED = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from tui_registry.replica.log import kept_set
from tui_registry.replica.store.connection import Pool

class Killed(Pool):
    @contextmanager
    def write(self, **how):
        with super().write(**how) as db:
            yield db
            os.kill(os.getpid(), signal.SIGKILL)

kept_set.MOST_BEHIND, kept_set._AT_ONCE = 3, 4
pool = Pool(Path(sys.argv[1]))
assert kept_set.keep_some(pool)
kept_set.keep_some(Killed(pool.path))
"""


def test_killed_in_the_middle_it_goes_on_where_it_was(ten: Datastore) -> None:
    spoil(ten, "DELETE FROM log_set", "DELETE FROM log_symbols", "UPDATE replica SET kept = 0")
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(ten.data_dir / DATABASE)], cwd=ROOT)
    assert ended.returncode == -signal.SIGKILL
    assert kept(ten) == 4
    with Datastore.open(ten.data_dir, read_only=True) as fresh:
        assert_making(fresh)
    ten.apply([signed(owner("late"), "model", "meanwhile").body])
    assert kept(ten) == 4  # it is not for a writer to catch up
    assert ten.log.finish_sets(60)
    assert kept(ten) >= 8
    assert_told(ten)
    assert ten.verify().sound


_ADDS = """
import sys
from tests.seeds import stranger_ops
from tui_registry.datastore import Datastore
from tui_registry.replica.log import kept_set
kept_set.MOST_BEHIND = 3
ops = list(stranger_ops(14, by=sys.argv[2]))
with Datastore.open(sys.argv[1]) as registry:
    print("ready", flush=True)
    for line in sys.stdin:
        registry.apply([op.body for op in ops[: int(line)]])
        del ops[: int(line)]
        print("done", flush=True)
"""


def test_two_processes_that_write_keep_one_set(ten: Datastore) -> None:
    with Program(_ADDS, ten.data_dir, "one") as one, Program(_ADDS, ten.data_dir, "two") as two:
        assert (one.says(), two.says()) == ("ready", "ready")
        for program, number in ((one, 1), (two, 2), (one, 3)):
            program.told(str(number))
            assert program.says() == "done"
            assert_told(ten)
        one.told("8")  # both at once
        two.told("9")
        assert (one.says(), two.says()) == ("done", "done")
    assert_told(ten)
    assert ten.verify().sound


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_set SET lanes = zeroblob(2048)",
        "UPDATE log_set SET lanes = x'00'",
        "UPDATE log_set SET edge = zeroblob(length(edge))",
        "UPDATE log_set SET edge = x'00'",
        "UPDATE log_set SET total = zeroblob(32)",
        "DELETE FROM log_set",
        "UPDATE log_set SET lanes = printf('%02048d', 0)",
        "UPDATE log_symbols SET symbols = 'text' WHERE start = 256",
        "UPDATE log_symbols SET symbols = zeroblob(length(symbols)) WHERE start = 0",
        "DELETE FROM log_symbols WHERE start > 0",
        "INSERT INTO log_symbols SELECT 100, symbols FROM log_symbols WHERE start = 0",
        "UPDATE replica SET kept = 7",
        "UPDATE replica SET kept = -1",
        "UPDATE replica SET kept = 99",
    ],
)
def test_what_does_not_fit_the_log_is_found_and_set_right(ten: Datastore, statement: str) -> None:
    spoil(ten, statement)
    with Datastore.open(ten.data_dir) as serving:
        before = serving.log.signed_head()
    with Datastore.open(ten.data_dir, read_only=True) as looking:
        (said,) = looking.verify().unrepaired
    assert said == "what is kept of the log to compare it with others (set hash, symbols, root) did not fit it"
    (said,) = ten.verify().repaired
    assert said.endswith("did not fit it and was made anew")
    # No key signs two heads of one log and size that differ: somebody else would have the proof of it.
    after = ten.log.signed_head()
    assert not before.sig or (before.epoch, before.size) != (after.epoch, after.size) or before == after
    assert_told(ten)
    assert ten.verify().sound
    # Nor does it keep anybody from writing, or from making it behind.
    spoil(ten, statement)
    ten.apply(op.body for op in islice(stranger_ops(20), 10, 20))
    ten.log.finish_sets(60)
    ten.verify()
    assert_told(ten)


@pytest.mark.parametrize(
    "places", [[], [0], [3, 4, 9], [11], [9, 10, 11], [*range(11)], [0, 1, 2, 4, 5, 6, 8, 11], [*range(12)]]
)
def test_what_is_kept_follows_where_operations_are_taken_out_of_the_log(ten: Datastore, places: list[int]) -> None:
    for op in islice(stranger_ops(12), 10, 12):  # the last two are not kept yet
        ten.apply([op.body])
    assert_told(ten)
    hashes = hashes_of(ten)
    left = [digest for place, digest in enumerate(hashes) if place not in places]
    total = sum(int.from_bytes(digest, "big") for digest in left) % 2**256
    with ten._pool.write() as db:
        kept_set.take_out(db, places)
        db.executemany("DELETE FROM ops WHERE idx = ?", ((place,) for place in places))
        for place, digest in enumerate(left):
            db.execute("UPDATE ops SET idx = ? WHERE hash = ?", (place, digest))
        db.execute("UPDATE replica SET epoch = ?, size = ?, fingerprint = ?", ("ab" * 16, len(left), f"{total:064x}"))
    assert (kept(ten), hashes_of(ten)) == (len(left), left)
    assert_told(ten)
    with Datastore.open(ten.data_dir, clock=lambda: NOW) as fresh:
        assert_told(fresh)


def test_what_is_kept_is_there_right_after_a_purge(ten: Datastore) -> None:
    """Else the head that others are given would bear no signature for a while."""
    others = stranger_ops(9, by="flood")
    ten.apply(op.body for op in islice(others, 5))
    ten.add("model", make_record("model", "mine"))
    ten.apply(op.body for op in others)
    assert_told(ten)
    ten.purge(owner=owner("flood").address)
    assert (len(hashes_of(ten)), kept(ten)) == (11, 11)
    assert_told(ten)
    assert ten.verify().sound


@pytest.mark.parametrize("place", [2, 9])
def test_where_operations_are_missing_nothing_is_told_and_nobody_goes_on_for_ever(ten: Datastore, place: int) -> None:
    spoil(
        ten,
        "DELETE FROM log_set",
        "DELETE FROM log_symbols",
        "UPDATE replica SET kept = 0",
        f"DELETE FROM ops WHERE idx = {place}",
    )
    while keep_some(ten._pool):
        pass
    assert_making(ten)
    ten.apply(op.body for op in islice(stranger_ops(20), 10, 20))
    assert_making(ten)
    assert not ten.verify().sound
    assert_told(ten)


def test_what_was_told_last_does_not_outlive_the_log_it_was_of(ten: Datastore) -> None:
    """As where an older copy was put in the place of the file: other operations stand under the same epoch."""
    (late,) = islice(stranger_ops(11), 10, 11)
    ten.apply([late.body])
    assert_told(ten)
    other = "77" * 32
    total = (sum(int.from_bytes(one, "big") for one in hashes_of(ten)[:10]) + int(other, 16)) % 2**256
    spoil(
        ten,
        f"UPDATE ops SET hash = x'{other}' WHERE idx = 10",
        f"UPDATE replica SET fingerprint = '{total:064x}'",
    )
    assert_told(ten)
    spoil(ten, f"UPDATE replica SET fingerprint = '{'0' * 64}'")
    assert_making(ten)  # nothing that cannot be right is told


_opened: list[Datastore] = []


def _shared() -> Datastore:
    return _opened[0]


@pytest.fixture(autouse=True, scope="module")
def shared(soon: None) -> Iterator[None]:
    with replica() as registry:
        seed(registry, 10)
        _opened.append(registry)
        yield
        _opened.clear()
