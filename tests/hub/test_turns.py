"""Turns on a shared log: whatever is lost on the way, what was acknowledged is there once, and all views are the same."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hub.memory import STEPS, MemoryLog, Step
from tests.hub.views import View, as_one_replica, bodies, catalogue, same_everywhere
from tests.replica.replicas import rows
from tests.replica.test_interfaces import MCP, manifest_of
from tests.replica.test_manifests import manifest
from tests.seeds import NOW, make_record, owner, signed, stranger_ops
from tui_registry.crdt import sign_up
from tui_registry.datastore import MOST_BYTES, MOST_OPS, Datastore, Once, SharedLog, StoreError
from tui_registry.errors import Record
from tui_registry.replica.log import turns
from tui_registry.sync import publish, pull

ONCE = Once("laptop", "POST /models", "8e03978e", b"a request")


@pytest.fixture(params=["memory", "postgres"])
def shared(request: pytest.FixtureRequest) -> SharedLog:
    """A hub's log that nobody has written to."""
    if request.param == "memory":
        return MemoryLog()
    log: SharedLog = request.getfixturevalue("postgres_log")
    return log


@pytest.fixture
def begin(tmp_path: Path, shared: SharedLog) -> Iterator[Callable[[], View]]:
    """Opens another node's replica. Each of them has the time by a clock of its own, hours from the others' and from
    the hub's."""
    views: list[View] = []

    def opened() -> View:
        ahead = 7_200 * (len(views) - 1)
        views.append(View(tmp_path / f"view{len(views)}", shared, clock=lambda: NOW + ahead))
        return views[-1]

    yield opened
    for view in views:
        view.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not heard of is given up soon."""
    monkeypatch.setattr(turns, "UNKNOWN_SECONDS", 0.05)
    monkeypatch.setattr(turns, "_ASKED_EVERY_SECONDS", 0.01)


# ---- what every turn does ------------------------------------------------------------------------------------------


def test_what_one_node_writes_another_has_at_the_same_place_once_it_follows(
    begin: Callable[[], View], shared: SharedLog
) -> None:
    one, other = begin(), begin()
    first = one.store.add("model", make_record("model", "tiny"))
    followed = other.store.hub.follow()
    assert (followed.appended, followed.size, followed.shared_size) == (1, 1, 1)
    changed = other.store.update("model", first.key, make_record("model", "tiny", description="more"), [first.hash])
    # It has not followed: the turn itself brings it up to date, and what was named is judged then.
    with pytest.raises(StoreError) as raised:
        one.store.update("model", first.key, make_record("model", "tiny", description="other"), [first.hash])
    assert raised.value.code == "changed"
    gone = one.store.delete("model", first.key, [changed.hash])
    lines = same_everywhere([one, other], shared)
    assert lines == [op.to_json() for op in (first, changed, gone)]
    assert one.store.hub.id == other.store.hub.id == shared.head().hub


def test_what_was_followed_is_told_from_what_was_written_here_and_counts_for_nobody(begin: Callable[[], View]) -> None:
    one, other = begin(), begin()
    op = one.store.add("model", make_record("model", "tiny"))
    other.store.hub.follow()
    (here,), (there,) = (view.store.history(op.key) for view in (one, other))
    assert here.source is None
    assert (there.source or "").startswith("hub:")
    assert rows(other.store, "SELECT * FROM sources") == []
    assert other.store.elsewhere.count() == 0
    assert other.store.key.operations() == 1
    assert other.store.verify().sound


def test_an_import_a_push_and_a_pull_go_the_same_way_in_turns_of_bounded_size(
    begin: Callable[[], View], shared: SharedLog, tmp_path: Path
) -> None:
    one, other = begin(), begin()
    written = list(one.store.add_all([("model", make_record("model", f"m{number}")) for number in range(600)]))
    report = other.store.apply([op.to_json() for op in stranger_ops(700)], source="push:10.0.0.1")
    assert (len(written), report.applied) == (600, 700)
    folder = tmp_path / "published"
    with Datastore.open(tmp_path / "peer", clock=lambda: NOW) as peer:
        peer.apply([op.to_json() for op in stranger_ops(300, by="another")], source="seed")
        publish(peer, folder)
    one.store.peers.add("peer", str(folder))
    assert [asyncio.run(pull(one.store, "peer")).applied for _ in range(2)] == [300, 0]
    assert len(same_everywhere([one, other], shared)) == 1_600
    at_once = one.shaky.appended + other.shaky.appended
    assert max(ops for ops, _ in at_once) == MOST_OPS
    assert max(size for _, size in at_once) <= MOST_BYTES


def test_long_operations_are_cut_by_their_bytes(begin: Callable[[], View], shared: SharedLog) -> None:
    view = begin()
    long = [
        make_record("model", f"m{number}", description="a long text " * 800, tags=[f"t{number}"])
        for number in range(512)
    ]
    added = list(view.store.add_all([("model", record) for record in long[:256]]))
    assert len(added) == 256
    assert max(size for _, size in view.shaky.appended) <= MOST_BYTES
    assert len(same_everywhere([view], shared)) == 256


def test_each_of_those_that_wait_together_has_its_own_outcome_and_one_turn_serves_them(
    begin: Callable[[], View], shared: SharedLog
) -> None:
    view = begin()
    op = view.store.add("model", make_record("model", "tiny"))
    view.shaky.turns = 0
    go, held = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        go.wait(30)

    view.shaky.faults["locked"] = hold
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(view.store.add, "model", make_record("model", "first"))
        held.wait(30)
        waiting = [threads.submit(view.store.add, "model", make_record("model", f"m{number}")) for number in range(4)]
        refused = threads.submit(view.store.update, "model", op.key, make_record("model", "tiny"), ["0" * 64])
        while len(view.store._turns._waiting) < 6:
            threading.Event().wait(0.001)
        go.set()
        hashes = {first.result().hash, *(one.result().hash for one in waiting)}
        with pytest.raises(StoreError) as raised:
            refused.result()
    assert raised.value.code == "changed"
    assert len(hashes) == 5
    assert view.shaky.turns == 1
    assert len(same_everywhere([view], shared)) == 6


def test_writers_of_several_nodes_at_once_lose_and_double_nothing(begin: Callable[[], View], shared: SharedLog) -> None:
    views = [begin(), begin(), begin()]

    def work(number: int) -> list[str]:
        store = views[number % 3].store
        ops = [store.add("model", make_record("model", "same name")) for _ in range(4)]
        pushed = [signed(owner("pusher"), "model", f"pushed {step}").to_json() for step in range(4)]
        store.apply(pushed, source="push:10.0.0.1")
        return [op.hash for op in ops]

    with ThreadPoolExecutor(6) as threads:
        written = [digest for part in threads.map(work, range(6)) for digest in part]
    lines = same_everywhere(views, shared)
    assert len(lines) == len({*written}) + 4 == 28


def answering(protocol: str) -> Record:
    return manifest(interfaces=[{"url": "https://a.example/", "protocol": protocol, "version": ""}])


def same_lists(*views: View) -> list[tuple[object, ...]]:
    """What the nodes tell of the agents of a protocol, and of those that were: they follow to the end first."""
    asked = "SELECT rid, protocol, stated, source, changed FROM interfaces ORDER BY rid DESC, protocol"
    for view in views:
        view.store.hub.follow()
    told = [rows(view.store, asked) for view in views]
    assert all(one == told[0] for one in told)
    return told[0]


def test_what_speaks_a_protocol_changed_at_the_same_time_on_all_nodes(begin: Callable[[], View]) -> None:
    one, other = begin(), begin()
    op = one.store.add("agent", make_record("agent", "first"), manifest=answering("MCP"))
    other.store.add("agent", make_record("agent", "second"), manifest=answering("MCP"))
    other.store.update("agent", op.key, make_record("agent", "first", description="new"), [op.hash])
    assert len(same_lists(one, other)) == 2


def test_a_node_tells_what_fell_out_of_another_ones_list_before_it_followed(begin: Callable[[], View]) -> None:
    one, other = begin(), begin()
    gone = one.store.add("agent", make_record("agent", "gone"), manifest=answering("MCP"))
    one.store.delete("agent", gone.key, [gone.hash])
    another = one.store.add("agent", make_record("agent", "in another"), manifest=answering("MCP"))
    (said,) = one.store.manifests.history(another.key)
    one.store.manifests.set(another.key, answering("A2A"), [said.hash])
    # What counts for agents of a type alone.
    packed = manifest(artifacts=[{"uri": "https://a.example/x", "media_type": "", "sha256": "ab" * 32,
                                  "size_bytes": 1, "quantization": None}])  # fmt: skip
    typed = one.store.add("agent", make_record("agent", "typed", agent_type={"Other": "MCP server"}), manifest=packed)
    other.store.hub.follow(one.store.log.head().size - 2)
    one.store.update("agent", typed.key, make_record("agent", "typed"), [typed.hash])
    told = same_lists(one, other)
    assert [(protocol, stated > 0, source is not None) for _, protocol, stated, source, _ in told] == [
        ("MCP", False, False), ("A2A", True, True), ("MCP", False, False), ("MCP", True, False),
    ]  # fmt: skip
    assert all(changed > 0 for *_, changed in told)


def test_what_one_push_brings_into_conflict_and_settles_again_is_no_conflict(begin: Callable[[], View]) -> None:
    view, by = begin(), owner("pusher")
    first = signed(by, "agent", "listed")
    assert first.record is not None
    behind = sign_up(by, "manifest", manifest_of(first, MCP))
    edits = [
        sign_up(by, "agent", {**first.record, "description": said}, children=[first.hash], clock=2)
        for said in ("one", "other")
    ]
    settled = sign_up(by, "agent", first.record, children=sorted(edit.hash for edit in edits), clock=3)
    # Each edit is written by itself, as other nodes have listed the agent before it.
    report = view.store.apply([op.to_json() for op in (first, behind, *edits, settled)], source="push:10.0.0.1")
    assert (report.applied, report.conflicts, view.store.stats().conflicts) == (5, 0, 0)


# ---- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("how", ["away", "busy"])
def test_a_write_that_loses_the_hub_at_any_step_is_there_once_or_refused_and_not_there(
    step: Step, how: str, begin: Callable[[], View], shared: SharedLog
) -> None:
    one, other = begin(), begin()
    before = other.store.add("model", make_record("model", "before"))
    one.store.hub.follow()
    one.shaky.faults[step] = "busy" if how == "busy" and step not in ("commit", "committed") else "away"
    if step in ("head", "operations"):
        one.store.hub._seen_at = float("-inf")  # so that it looks first
        other.store.add("model", make_record("model", "another"))
    try:
        hashes = [one.store.add("model", make_record("model", "new")).hash]
    except StoreError as error:
        assert error.code in ("hub_away", "hub_busy")
        hashes = []
    lines = same_everywhere([one, other], shared)
    here = [op.hash.hex() for op in shared.operations(0, len(lines))]
    assert [digest for digest in here if digest in hashes] == hashes
    names = [row.name for row in one.store.search().rows]
    assert names.count("new") == len(hashes)
    assert before.hash in here
    assert one.store.add("model", make_record("model", "after")).hash


@pytest.mark.parametrize("step", ["append", "appended", "commit"])
def test_a_holder_that_froze_and_wakes_when_others_have_gone_on_begins_anew(
    step: Step, begin: Callable[[], View], shared: SharedLog
) -> None:
    one, other = begin(), begin()
    one.shaky.meanwhile = lambda: other.store.add("model", make_record("model", "meanwhile")) and None
    one.shaky.faults[step] = "frozen"
    op = one.store.add("model", make_record("model", "frozen"))
    lines = same_everywhere([one, other], shared)
    assert lines[1] == op.to_json()
    assert len(lines) == 2


def test_where_nobody_knows_whether_it_was_written_the_hash_is_told(
    begin: Callable[[], View], shared: SharedLog
) -> None:
    view = begin()

    def gone() -> None:
        view.shaky.is_away = True

    for step, is_there in (("commit", False), ("committed", True)):
        view.shaky.faults[step] = gone  # type: ignore[index]
        with pytest.raises(StoreError) as raised:
            view.store.add("model", make_record("model", f"lost at {step}"), once=ONCE._replace(key=step))
        assert raised.value.code == "outcome_unknown"
        assert view.store.log.head().size == 0 if step == "commit" else True
        view.shaky.is_away = False
        lines = same_everywhere([view], shared)
        assert any(f"lost at {step}".encode() in line for line in lines) is is_there
        if is_there:
            assert shared.operations(0, 1)[0].hash.hex() in raised.value.sentence
            # Asked for again under its key, it is not written again.
            again = view.store.add("model", make_record("model", f"lost at {step}"), once=ONCE._replace(key=step))
            assert [again.to_json()] == same_everywhere([view], shared)


def test_a_hub_that_is_away_lets_reads_go_on_and_refuses_writes(begin: Callable[[], View]) -> None:
    view = begin()
    op = view.store.add("model", make_record("model", "tiny"))
    view.shaky.is_away = True
    for write in (
        lambda: view.store.add("model", make_record("model", "more")),
        lambda: view.store.delete("model", op.key, [op.hash]),
        lambda: view.store.apply([op.to_json() for op in stranger_ops(1)], source="push:10.0.0.1"),
        view.store.hub.follow,
    ):
        with pytest.raises(StoreError) as raised:
            write()
        assert raised.value.code == "hub_away"
    standing = view.store.hub.standing()
    assert (standing.is_ready, standing.code, standing.size) == (True, "away", 1)
    assert [row.name for row in view.store.search().rows] == ["tiny"]
    view.shaky.is_away = False
    assert view.store.add("model", make_record("model", "more")).hash


def test_a_write_that_the_hub_has_and_the_view_could_not_commit_is_answered_and_followed_before_the_next(
    begin: Callable[[], View], shared: SharedLog
) -> None:
    view, other = begin(), begin()

    def lose() -> None:
        connection = view.store._pool._writer
        assert connection is not None
        connection.execute("ROLLBACK")

    view.shaky.faults["committed"] = lose
    op = view.store.add("model", make_record("model", "tiny"), once=ONCE)
    assert view.store.log.head().size == 0
    assert view.store.hub.standing()[:2] == (False, "behind")
    # The same request, at another node: what came of it is known there.
    assert other.store.add("model", make_record("model", "tiny"), once=ONCE) == op
    assert view.store.add("model", make_record("model", "tiny"), once=ONCE) == op
    assert view.store.hub.standing()[:2] == (True, "follows")
    changed = view.store.update("model", op.key, make_record("model", "tiny", description="new"), [op.hash])
    assert same_everywhere([view, other], shared) == [op.to_json(), changed.to_json()]


def test_an_error_of_one_takes_back_what_it_did_and_nothing_of_others(begin: Callable[[], View]) -> None:
    view = begin()

    def spoilt(db: sqlite3.Connection) -> None:
        db.execute("UPDATE replica SET models = 77")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        view.store._turns.run(spoilt)
    with pytest.raises(sqlite3.OperationalError):
        view.store._turns.run(lambda db: db.execute("SELECT * FROM nothing"))
    view.store.add("model", make_record("model", "tiny"))
    assert view.store.stats().models == 1


def test_a_view_whose_disk_is_full_adds_nothing_to_the_hub_and_follows_once_there_is_room(
    begin: Callable[[], View], shared: SharedLog
) -> None:
    view, other = begin(), begin()
    view.store.add("model", make_record("model", "tiny"))
    writer = view.store._pool._writer
    assert writer is not None
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")
    long = [signed(owner("x"), "model", f"m{n}", description="long " * 1_000).to_json() for n in range(60)]
    with pytest.raises(StoreError) as raised:
        view.store.apply(long, source="push:10.0.0.1")
    assert raised.value.code == "disk_full"
    assert shared.head().size == 1
    other.store.apply(long, source="push:10.0.0.1")
    for deed in (view.store.hub.follow, lambda: view.store.add("model", make_record("model", "more"))):
        with pytest.raises(StoreError) as raised:
            deed()
        assert raised.value.code == "disk_full"
    assert view.store.log.head().size == 1
    standing = view.store.hub.standing()
    assert (standing.is_ready, standing.code, standing.size, standing.shared_size) == (False, "behind", 1, 61)
    assert "is full" in standing.sentence
    writer.execute("PRAGMA max_page_count = 1000000")
    view.store.add("model", make_record("model", "more"))
    assert len(same_everywhere([view, other], shared)) == 62


def test_a_thread_that_is_interrupted_leaves_what_others_wait_for_to_another(
    begin: Callable[[], View], shared: SharedLog
) -> None:
    view = begin()
    go, held = threading.Event(), threading.Event()

    def interrupted(db: sqlite3.Connection) -> None:
        db.execute("UPDATE replica SET models = 77")
        held.set()
        go.wait(30)
        raise KeyboardInterrupt

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(view.store._turns.run, interrupted)
        held.wait(30)
        others = [threads.submit(view.store.add, "model", make_record("model", f"m{n}")) for n in range(3)]
        while len(view.store._turns._waiting) < 3:
            threading.Event().wait(0.001)
        go.set()
        with pytest.raises(KeyboardInterrupt):
            first.result()
        assert len({one.result().hash for one in others}) == 3
    assert len(same_everywhere([view], shared)) == 3
    assert view.store.stats().models == 3


# ---- idempotency keys ----------------------------------------------------------------------------------------------


def test_a_request_is_done_once_whichever_node_is_asked(begin: Callable[[], View], shared: SharedLog) -> None:
    one, other = begin(), begin()
    assert other.store.done(ONCE) is None
    op = one.store.add("model", make_record("model", "tiny"), once=ONCE)
    assert other.store.done(ONCE) == op
    assert other.store.add("model", make_record("model", "tiny"), once=ONCE) == op
    with pytest.raises(StoreError) as raised:
        other.store.add("model", make_record("model", "tiny"), once=ONCE._replace(request=b"another"))
    assert raised.value.code == "key_reused"
    assert same_everywhere([one, other], shared) == [op.to_json()]


# ---- what waits ----------------------------------------------------------------------------------------------------


def test_following_releases_nothing_and_a_turn_does(begin: Callable[[], View], shared: SharedLog) -> None:
    one, other = begin(), begin()
    root = signed(owner("stranger"), "model", "root")
    with Datastore.open(one.store.data_dir.parent / "author", clock=lambda: NOW) as author:
        author.key.replace(owner("stranger"))
        author.apply([root.to_json()], source="own")
        ops = []
        seen = root
        for step in range(3):
            seen = author.update("model", root.key, make_record("model", "root", description=f"{step}"), [seen.hash])
            ops.append(seen)
    # Each waits at both nodes for the one before it, and the first for the root.
    for view in (one, other):
        assert view.store.apply([op.to_json() for op in ops], source="push:10.0.0.1").pending == 3
    assert one.store.apply([root.to_json()], source="push:10.0.0.2").applied == 4
    size = one.store.log.head().size
    assert other.store.hub.follow().size == size == 4
    assert shared.head().size == 4
    assert other.store.hub.is_release_due
    assert other.store.release_due() == 0
    assert rows(other.store, "SELECT count(*) FROM pending") == [(0,)]
    assert not other.store.hub.is_release_due
    same_everywhere([one, other], shared)


def test_what_waits_at_another_node_alone_comes_in_by_its_own_turn(
    begin: Callable[[], View], shared: SharedLog
) -> None:
    one, other = begin(), begin()
    root = signed(owner("stranger"), "model", "root")
    with Datastore.open(one.store.data_dir.parent / "author", clock=lambda: NOW) as author:
        author.key.replace(owner("stranger"))
        author.apply([root.to_json()], source="own")
        changed = author.update("model", root.key, make_record("model", "root", description="new"), [root.hash])
    assert other.store.apply([changed.to_json()], source="push:10.0.0.1").pending == 1
    one.store.apply([root.to_json()], source="push:10.0.0.2")
    other.store.hub.follow()
    assert bodies(other.store) == [root.to_json()]
    assert other.store.release_due() == 1
    assert same_everywhere([one, other], shared) == [root.to_json(), changed.to_json()]
    assert (other.store.history(root.key)[0].source, rows(other.store, "SELECT * FROM pending")) == (
        "push:10.0.0.1",
        [],
    )


def test_all_views_have_the_catalogue_of_one_replica(
    begin: Callable[[], View], shared: SharedLog, tmp_path: Path
) -> None:
    views = [begin(), begin()]
    op = views[0].store.add("model", make_record("model", "tiny"))
    views[1].store.manifests.set(op.key, manifest(status="Deprecated"), [])
    views[1].store.add("agent", make_record("agent", "helper", preferred_models=[]))
    views[0].store.apply([op.to_json() for op in stranger_ops(40)], source="push:10.0.0.1")
    lines = same_everywhere(views, shared)
    whole = as_one_replica(tmp_path / "oracle", lines)
    assert [catalogue(view.store) == whole for view in views] == [True, True]
