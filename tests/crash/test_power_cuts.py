"""A power cut before any change of a file: what had not been synced is gone, or only some of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from tests.crash.checks import assert_sound, assert_survived
from tests.crash.conftest import Fresh
from tests.crash.disk import Disk, Event, Image, read_journal, said, write_image
from tests.crash.nursery import Nursery
from tests.crash.test_kills import CASES

SEED = 20261122


class Cut(NamedTuple):
    """What is on disk after the first `at` events, and how much of what was said had been said by then."""

    at: int
    image: Image


class Story(NamedTuple):
    """A program that ran to its end on a watched folder."""

    base: Path
    disk: Disk
    events: list[Event]


def played(nursery: Nursery, fresh: Fresh, program: str, twist: str) -> Story:
    base = fresh(program)
    disk = Disk(base / "home")
    assert nursery.run(program, base / "home", base / "journal", twist=twist).status == 0
    return Story(base, disk, read_journal(base / "journal"))


def cuts(story: Story, look: Callable[[Disk], Image]) -> Iterator[Cut]:
    """A power cut before each event and after the last; of those that leave the same image, the latest: it has
    everything acknowledged against it that the others have."""
    last = Cut(0, look(story.disk))
    for at, event in enumerate(story.events, 1):
        story.disk.apply(event)
        # What is only written is on disk in neither view.
        image = last.image if event.what in "!wt" else look(story.disk)
        if image != last.image:
            yield last
        last = Cut(at, image)
    yield last


def assert_cut_survived(nursery: Nursery, program: str, story: Story, cut: Cut, how: str) -> None:
    home = story.base / "home"
    shutil.rmtree(home)
    write_image(cut.image, home)
    try:
        assert_survived(nursery, program, story.base, said(story.events[: cut.at]))
    except BaseException as error:
        error.add_note(f"replay: {how}, power cut before event {cut.at} of {len(story.events)}")
        raise


@pytest.mark.parametrize(("program", "twist"), CASES)
def test_a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged(
    nursery: Nursery, fresh: Fresh, program: str, twist: str
) -> None:
    # Of the many images a few, spread over the whole; all of them in the long run.
    assert cut_everywhere(nursery, fresh, program, twist, at_most=3) >= 6


@pytest.mark.long
@pytest.mark.parametrize(("program", "twist"), CASES)
def test_a_power_cut_at_every_moment_loses_nothing_that_was_acknowledged(
    nursery: Nursery, fresh: Fresh, program: str, twist: str
) -> None:
    print(f"{program} {twist}: {cut_everywhere(nursery, fresh, program, twist)} power cuts survived")  # noqa: T201


def cut_everywhere(nursery: Nursery, fresh: Fresh, program: str, twist: str, at_most: int = 1_000_000) -> int:
    survived = 0
    for how, look in (("nothing unsynced", Disk.synced), ("names first", Disk.names_first)):
        story = played(nursery, fresh, program, twist)
        found = list(cuts(story, look))
        for cut in [*found[: -1 : len(found) // at_most + 1], found[-1]]:
            assert_cut_survived(nursery, program, story, cut, f"{program} {twist!r}, {how}")
            survived += 1
    return survived


def tear_everywhere(nursery: Nursery, fresh: Fresh, program: str, twist: str, seed: int, wanted: int) -> int:
    """Power cuts at so many moments, each of which leaves a random part of what was not synced."""
    random = Random(seed)
    story = played(nursery, fresh, program, twist)
    moments = sorted(random.sample(range(len(story.events)), min(wanted, len(story.events))))
    disk, at = story.disk, 0
    for moment in moments:
        for event in story.events[at:moment]:
            disk.apply(event)
        at = moment
        cut = Cut(moment, disk.torn(random))
        assert_cut_survived(nursery, program, story, cut, f"{program} {twist!r}, torn with seed {seed}")
    return len(moments)


@pytest.mark.parametrize(("program", "twist"), CASES)
def test_a_power_cut_that_leaves_part_of_the_unsynced_loses_nothing_that_was_acknowledged(
    nursery: Nursery, fresh: Fresh, program: str, twist: str
) -> None:
    assert tear_everywhere(nursery, fresh, program, twist, SEED, 2) == 2


@pytest.mark.long
@pytest.mark.parametrize(("program", "twist"), CASES)
def test_power_cuts_that_leave_part_of_the_unsynced_at_every_moment_lose_nothing(
    nursery: Nursery, fresh: Fresh, program: str, twist: str
) -> None:
    survived = sum(tear_everywhere(nursery, fresh, program, twist, SEED + round_, 10_000) for round_ in range(3))
    print(f"{program} {twist}: {survived} torn power cuts survived (seeds {SEED}..{SEED + 2})")  # noqa: T201


@pytest.mark.parametrize("program", ["first_start", "local_writes", "import_records", "pull_log"])
def test_without_synchronous_writes_the_same_power_cuts_lose_what_was_acknowledged(
    nursery: Nursery, fresh: Fresh, program: str
) -> None:
    """The suite bites: with SQLite's durability off it fails, and says that something acknowledged is lost."""
    story = played(nursery, fresh, program, "unsynced")
    acknowledged = said(story.events)
    assert acknowledged
    lost = []
    for cut in cuts(story, Disk.synced):
        shutil.rmtree(story.base / "home")
        write_image(cut.image, story.base / "home")
        try:
            assert_sound(nursery, program, story.base, said(story.events[: cut.at]))
        except AssertionError as error:
            lost.append(str(error))
    assert any("acknowledged" in sentence for sentence in lost), lost
