"""Whatever goes wrong in whatever order: nothing acknowledged is lost, nothing is there twice, and all views are the same
as one replica that was given the same operations."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings, strategies as st

from tests.hub.memory import STEPS, MemoryLog, Step
from tests.hub.views import View, as_one_replica, catalogue, same_everywhere
from tests.laws import examples
from tests.seeds import make_record, owner, signed
from tui_registry.crdt import sign_up
from tui_registry.datastore import Once, SharedLog, StoreError
from tui_registry.frozen import NamedTuple
from tui_registry.replica.log import turns

_VIEWS = 3


def _strangers() -> list[bytes]:
    """Two records of a stranger's, each a chain of four operations."""
    lines = []
    for name in ("left", "right"):
        op = signed(owner("stranger"), "model", name)
        lines.append(op.to_json())
        for step in range(3):
            record = {**(op.record or {}), "description": f"step {step}"}
            op = sign_up(owner("stranger"), "model", record, children=[op.hash], clock=step + 2, counter=step + 2)
            lines.append(op.to_json())
    return lines


STRANGERS = _strangers()


class Act(NamedTuple):
    """What happens next: at which view, what goes wrong on its way, and what of the stranger's is pushed."""

    at: int
    does: Literal["add", "keyed", "update", "delete", "push", "follow", "release", "restart"]
    fault: Step | None = None
    how: Literal["away", "busy", "frozen", "gone", "rolled back"] = "away"
    pushed: tuple[int, ...] = ()


ACTS = st.builds(
    Act,
    at=st.integers(0, _VIEWS - 1),
    does=st.sampled_from(("add", "keyed", "update", "delete", "push", "push", "follow", "release", "restart")),
    fault=st.one_of(st.none(), st.sampled_from(STEPS)),
    how=st.sampled_from(("away", "busy", "frozen", "gone", "rolled back")),
    pushed=st.lists(st.integers(0, len(STRANGERS) - 1), min_size=1, max_size=5).map(tuple),
)


@pytest.fixture(scope="module", autouse=True)
def soon() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "UNKNOWN_SECONDS", 0.0)
        patch.setattr(turns, "_ASKED_EVERY_SECONDS", 0.0)
        yield


@settings(max_examples=examples(8, 600))
@given(schedule=st.lists(ACTS, min_size=1, max_size=14))
def test_no_schedule_of_faults_loses_or_doubles_anything(
    schedule: list[Act], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("schedule")
    play(schedule, folder, MemoryLog())
    shutil.rmtree(folder)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nor_does_one_on_postgresql(seed: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    log: SharedLog = request.getfixturevalue("postgres_log")
    drawn = random.Random(seed)
    schedule = [
        Act(
            drawn.randrange(_VIEWS),
            drawn.choice(("add", "keyed", "update", "delete", "push", "follow", "release", "restart")),
            drawn.choice((None, *STEPS)),
            drawn.choice(("away", "busy", "frozen", "gone", "rolled back")),
            tuple(drawn.sample(range(len(STRANGERS)), 3)),
        )
        for _ in range(20)
    ]
    play(schedule, tmp_path, log)


def play(schedule: Sequence[Act], folder: Path, shared: SharedLog) -> None:
    """Play a schedule and see what came of it."""
    game = _Game(folder, shared)
    try:
        for number, act in enumerate(schedule):
            game.play(act, number)
        game.check()
    finally:
        game.close()


class _Game:
    def __init__(self, folder: Path, shared: SharedLog) -> None:
        self._folder = folder
        self._shared = shared
        self._views = [View(folder / f"view{number}", shared) for number in range(_VIEWS)]
        # By hash; and what is known of names that were to be registered: there, refused, or nobody knows.
        self._acknowledged: list[str] = []
        self._names: dict[str, bool | None] = {}
        self._keyed: dict[str, Once] = {}
        self._pushed: set[int] = set()

    def play(self, act: Act, number: int) -> None:
        view = self._views[act.at]
        self._spoil(view, act)
        name = f"record {number}"
        try:
            match act.does:
                case "add":
                    self._names[name] = None
                    self._acknowledged.append(view.store.add("model", make_record("model", name)).hash)
                    self._names[name] = True
                case "keyed":
                    self._names[name] = None
                    once = self._keyed[name] = Once("laptop", "POST /models", name, b"the same")
                    self._acknowledged.append(view.store.add("model", make_record("model", name), once=once).hash)
                    self._names[name] = True
                case "update" | "delete":
                    self._edit(view, act.does, number)
                case "push":
                    lines = [STRANGERS[place] for place in act.pushed]
                    report = view.store.apply(lines, source="push:10.0.0.1")
                    assert not report.rejected
                    # What waits is this view's own: where it could not write, whoever pushes next brings it again.
                    if view.store.hub.standing().code != "behind":
                        self._pushed.update(act.pushed)
                case "follow":
                    view.store.hub.follow()
                case "release":
                    view.store.release_due()
                case "restart":
                    view.close()
                    view.shaky.faults.clear()
                    view.shaky.is_away = False
                    self._views[act.at] = View(view.store.data_dir, self._shared)
        except StoreError as error:
            assert error.code in ("hub_away", "hub_busy", "outcome_unknown", "changed", "not_found"), error
            if name in self._names and error.code != "outcome_unknown":
                self._names[name] = False
        view.shaky.faults.clear()
        view.shaky.is_away = False

    def _edit(self, view: View, does: str, number: int) -> None:
        rows = view.store.search("record").rows
        if not rows:
            return
        entry = view.store.entry(rows[number % len(rows)].id)
        assert entry is not None
        if does == "delete":
            # It may be one that nobody was told of.
            self._names[str(entry.record["name"])] = None
            op = view.store.delete("model", entry.id, entry.heads)
        else:
            op = view.store.update("model", entry.id, {**entry.record, "description": f"{number}"}, entry.heads)
        self._acknowledged.append(op.hash)

    def _spoil(self, view: View, act: Act) -> None:
        if act.fault is None:
            return
        lost_on_commit = act.fault in ("commit", "committed")
        if act.how == "gone":
            view.shaky.faults[act.fault] = lambda: setattr(view.shaky, "is_away", True)
        elif act.how == "rolled back":
            view.shaky.faults["committed"] = lambda: _roll_back(view)
        elif act.how == "frozen" and act.fault in ("append", "appended", "commit"):
            other = self._views[(act.at + 1) % _VIEWS]
            view.shaky.meanwhile = lambda: self._acknowledged.append(
                other.store.add("model", make_record("model", "meanwhile")).hash
            )
            view.shaky.faults[act.fault] = "frozen"
        else:
            view.shaky.faults[act.fault] = "busy" if act.how == "busy" and not lost_on_commit else "away"
        if act.fault in ("head", "operations"):
            view.store.hub._seen_at = float("-inf")

    def check(self) -> None:
        # A client that was told nothing asks again, anywhere.
        for place, (name, once) in enumerate(self._keyed.items()):
            if self._names[name] is not True:
                store = self._views[place % _VIEWS].store
                deleted = store.done(once)
                op = store.add("model", make_record("model", name), once=once)
                assert deleted is None or deleted == op
                self._acknowledged.append(op.hash)
                self._names[name] = None if deleted else True
        for _ in range(2):
            for view in self._views:
                view.store.hub.follow()
                view.store.release_due()
        lines = same_everywhere(self._views, self._shared)
        here = [op.hash.hex() for op in self._shared.operations(0, len(lines))]
        assert {*self._acknowledged} <= {*here}
        written = [line for line in lines if b'"children":[]' in line]
        for name, is_there in self._names.items():
            count = sum(f'"name":"{name}"'.encode() in line for line in written)
            assert count <= 1, name
            assert is_there is None or count == is_there, name
        # What was pushed is there with all that it stands on, or it waits.
        for place in self._pushed:
            stands_on = range(place // 4 * 4, place + 1)
            assert (STRANGERS[place] in lines) == ({*stands_on} <= self._pushed | self._in(lines)), place
        whole = as_one_replica(self._folder / "oracle", lines)
        for view in self._views:
            assert catalogue(view.store) == whole

    def _in(self, lines: list[bytes]) -> set[int]:
        return {place for place, line in enumerate(STRANGERS) if line in lines}

    def close(self) -> None:
        for view in self._views:
            view.close()


def _roll_back(view: View) -> None:
    connection = view.store._pool._writer
    assert connection is not None
    connection.execute("ROLLBACK")
