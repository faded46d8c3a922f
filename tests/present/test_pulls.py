"""The counts of a pull stand in one table: whoever tells of them tells of all, in the same words."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given, strategies as st

from tui_registry.datastore import ApplyReport, Rejection
from tui_registry.errors import Json
from tui_registry.present.pulls import COUNTS, PullResult, PushResult, Tally, read_report, report_json, tally_of

TALLIES = st.builds(
    Tally, **{field.name: st.integers(0, 10**9 if field.name != "conflicts" else 100) for field in fields(Tally)}
)


def result(tally: Tally, *rejections: Rejection) -> PullResult:
    return PullResult(
        peer="hub", head=None, read=0, rejections=rejections, bytes=0, seconds=0.0, restarted=False, error=None,
        **tally.counts(),
    )  # fmt: skip


def report(tally: Tally) -> ApplyReport:
    """A report of these counts, with a rejection for each that was rejected."""
    made = ApplyReport()
    made.applied, made.known = tally.applied, tally.known
    made.pending, made.unsupported, made.conflicted = tally.pending, tally.unsupported, set(range(tally.conflicts))
    made.left_out["owner_full"] = tally.left_out
    made.rejected = [Rejection(place, "hash", "the hash is wrong") for place in range(tally.rejected)]
    return made


def test_every_count_has_its_words_and_its_place_in_json() -> None:
    names = [field.name for field in fields(Tally)]
    assert sorted(count.name for count in COUNTS) == sorted(names)
    assert list(Tally().counts()) == names
    numbers = {name: place for place, name in enumerate(names, 1)}
    assert Tally(**numbers).counts() == numbers


@given(TALLIES, TALLIES)
def test_tallies_add_up_count_by_count(one: Tally, other: Tally) -> None:
    both = one.plus(other).counts()
    assert both == {name: number + other.counts()[name] for name, number in one.counts().items()}


@pytest.mark.parametrize(
    ("tally", "brief", "sentence"),
    [
        (Tally(), "0 new operations", "hub: nothing new"),
        (Tally(known=5), "0 new operations · 5 known", "hub: nothing new"),
        (
            Tally(applied=1200, known=3, pending=2, rejected=4, unsupported=1, left_out=5),
            "1,200 new operations · 3 known · 4 rejected · 2 pending · 5 left out",
            "hub: 1,200 new operations, 2 waiting for earlier ones, 1 of a later version, 5 left out, 4 rejected",
        ),
    ],
)
def test_what_a_pull_came_to_is_said_briefly_and_in_a_sentence(tally: Tally, brief: str, sentence: str) -> None:
    assert (tally.brief, result(tally).sentence) == (brief, sentence)


def test_the_sentence_ends_in_the_first_reason_made_safe() -> None:
    told = result(Tally(rejected=2), Rejection(7, "hash", "the \x1b[31mhash is wrong"), Rejection(9, "id", "other"))
    assert told.sentence == "hub: 2 rejected (hash: the \ufffd[31mhash is wrong)"


def test_what_a_push_came_to_is_said_in_a_sentence() -> None:
    assert PushResult(peer="hub", offered=0).sentence == "hub: has everything that is here"
    told = PushResult(peer="hub", offered=1200, applied=1100, known=90, rejected=10)
    assert told.sentence == "hub: offered 1,200 operations, 1,100 new to it, 10 rejected"


@given(TALLIES.map(lambda tally: Tally(**{**tally.counts(), "rejected": tally.rejected % 8})))
def test_a_nodes_report_is_read_as_it_was_written(tally: Tally) -> None:
    told = report_json(report(tally), 100, 100)
    assert read_report(json.loads(json.dumps(told))) == tally == tally_of(report(tally))


def test_a_report_tells_a_bounded_number_of_rejections() -> None:
    rejected = report_json(report(Tally(rejected=5)), 2, 100)["rejected"]
    assert rejected == [
        {"index": 0, "code": "hash", "sentence": "the hash is wrong"},
        {"index": 1, "code": "hash", "sentence": "the hash is wrong"},
    ]


@pytest.mark.parametrize(
    "answer", [None, 7, [], {}, {"applied": "7", "known": -1, "pending": True, "rejected": 3, "unsupported": 2**60}]
)
def test_what_a_stranger_does_not_tell_counts_as_nothing(answer: Json) -> None:
    assert read_report(answer) == Tally()
