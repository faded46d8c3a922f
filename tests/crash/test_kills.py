"""A process that ends in the middle: before its n-th change of a file, for every n, and by `kill -9` at any moment."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from tests.crash.checks import assert_sound, assert_survived
from tests.crash.conftest import Fresh
from tests.crash.disk import read_journal, said
from tests.crash.nursery import ENDED_BY_SHIM, KILLED, Nursery

CASES = [
    ("first_start", ""),
    ("neighbours_key", ""),
    ("local_writes", ""),
    ("local_writes", "checkpoints"),
    ("manifests", ""),
    ("pull_log", ""),
    ("pull_log", "checkpoints"),
    ("import_records", ""),
    ("upgrade", ""),
    ("repair", ""),
    ("purge", ""),
    ("new_key", ""),
    ("publish_log", ""),
]


def end_before_each_change(nursery: Nursery, fresh: Fresh, program: str, twist: str, first: int, step: int) -> int:
    """End the program before its first, (first + step)th... change until it ends by itself; returns how often."""
    for kills, at in enumerate(count(first, step)):
        base = fresh(program)
        journal = base / "journal"
        status = nursery.run(program, base / "home", journal, at=at, twist=twist).status
        assert status in (0, ENDED_BY_SHIM), f"{program} {twist} at={at} failed by itself"
        try:
            assert_survived(nursery, program, base, said(read_journal(journal)))
        except BaseException as error:
            error.add_note(f"replay: {program} twist={twist!r} at={at}")
            raise
        if status == 0:
            return kills
    raise AssertionError


@pytest.mark.parametrize(("program", "twist"), CASES)
def test_a_process_that_ends_at_any_change_of_a_file_loses_nothing(
    nursery: Nursery, fresh: Fresh, program: str, twist: str
) -> None:
    base = fresh(program)
    nursery.run(program, base / "home", base / "journal", twist=twist)
    changes = sum(event.what != "!" for event in read_journal(base / "journal"))
    # A few places in CI, spread over the whole of it; all of them in the long run.
    assert end_before_each_change(nursery, fresh, program, twist, 1, changes // 3 + 1) >= 3


@pytest.mark.long
@pytest.mark.parametrize(("program", "twist"), CASES)
def test_a_process_that_ends_at_every_change_of_a_file_loses_nothing(
    nursery: Nursery, fresh: Fresh, program: str, twist: str
) -> None:
    kills = end_before_each_change(nursery, fresh, program, twist, 1, 1)
    print(f"{program} {twist}: {kills} kills survived")  # noqa: T201


class Struck(NamedTuple):
    """How many programs were struck before their end, and how many of those had changed a file, or acknowledged
    something, by then."""

    all: int = 0
    changing: int = 0
    acknowledging: int = 0


def kill_at_random(nursery: Nursery, fresh: Fresh, seed: int, kills: int) -> Struck:
    """`kill -9` writing, importing and pulling replicas at random moments, each several times over."""
    random = Random(seed)
    struck = Struck()
    done = 0
    while done < kills:
        program = random.choice(["local_writes", "import_records", "pull_log", "first_start"])
        base = fresh(program)
        whole = nursery.run(program, base / "home", base / "measured").seconds
        base = fresh(program)
        acknowledged: list[str] = []
        # A started pull or first start is over soon; writing goes on for ever.
        for _ in range(10 if program in ("local_writes", "import_records") else 4):
            after = random.uniform(0, whole * 1.1)
            journal = base / f"journal-{done}"
            status = nursery.run(program, base / "home", journal, after=after, twist="checkpoints").status
            assert status in (0, KILLED)
            events = read_journal(journal)
            acknowledged += said(events)
            try:
                assert_sound(nursery, program, base, acknowledged)
            except BaseException as error:
                error.add_note(f"replay: kill_at_random(seed={seed}), kill {done} of {program} after {after:.4f} s")
                raise
            if status == KILLED:
                changing = any(event.what != "!" for event in events)
                struck = Struck(struck.all + 1, struck.changing + changing, struck.acknowledging + bool(said(events)))
            done += 1
    return struck


def test_kill_9_at_random_moments_loses_nothing(nursery: Nursery, fresh: Fresh) -> None:
    assert kill_at_random(nursery, fresh, 20261122, 10).changing > 0


@pytest.mark.long
def test_kill_9_at_hundreds_of_random_moments_loses_nothing(nursery: Nursery, fresh: Fresh) -> None:
    seed, aimed = 1122, 800
    struck = kill_at_random(nursery, fresh, seed, aimed)
    print(f"seed {seed}: {aimed} kills aimed, survived: {struck}")  # noqa: T201
    assert struck.all >= 500


def test_the_shim_sees_what_a_program_does_to_its_files(nursery: Nursery, fresh: Fresh) -> None:
    """Were the calls to go round it, every test here would pass for nothing."""
    base = fresh("first_start")
    assert nursery.run("first_start", base / "home", base / "journal").status == 0
    events = read_journal(base / "journal")
    assert {event.what for event in events} == set("!cwtsulm")
    written = {Path(event.path).name for event in events if event.what == "w"}
    assert {"registry.sqlite3", "registry.sqlite3-journal", "registry.sqlite3-wal"} <= written
    assert nursery.run("first_start", fresh("first_start") / "home", base / "journal", at=3).status == ENDED_BY_SHIM


def test_the_twist_makes_the_wal_flow_into_the_database(nursery: Nursery, fresh: Fresh) -> None:
    """Or the cases that are named so would say no more than the others."""
    written = {}
    for program in ("local_writes", "pull_log"):
        for twist in ("", "checkpoints"):
            base = fresh(program)
            assert nursery.run(program, base / "home", base / "journal", twist=twist).status == 0
            names = [Path(event.path).name for event in read_journal(base / "journal") if event.what == "w"]
            written[twist] = names.count("registry.sqlite3")
        assert written["checkpoints"] > 2 * written[""]
