"""The words of an import: one state, one reason and one sentence for each thing that can become of what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui_registry.datastore import ApplyReport, Rejection
from tui_registry.errors import Problem, RegistryError
from tui_registry.present.imports import (
    Candidate,
    Finding,
    ImportOutcome,
    Operations,
    OperationsTaken,
    Skipped,
    judged,
    passed_over,
    registered_words,
    survey_words,
    taken,
)

DRAFT = Finding("a.yaml", "model", {"name": "a"}, origins={"name": "x"}, notes=("look at it",))
ERROR = Problem("license", "error", "spdx", "is no licence")
WARNING = Problem("", "warning", "parameters", "should state parameters")


def reading(*problems: Problem) -> Candidate:
    return judged(Finding("a.yaml", None, None, problems))


@pytest.mark.parametrize(
    ("candidate", "status", "state", "reason"),
    [
        (judged(DRAFT), "ready", "ready", ""),
        (judged(DRAFT, [WARNING]), "ready", "ready", ""),
        (judged(DRAFT, [ERROR, WARNING]), "invalid", "1 problem", "license: is no licence"),
        (judged(DRAFT, [ERROR, ERROR]), "invalid", "2 problems", "license: is no licence (and 1 more)"),
        (judged(DRAFT, here_as="1" * 64), "here", "here already", "registered here already"),
        (reading(Problem("", "error", "document", "is empty")), "invalid", "unreadable", "is empty"),
    ],
)
def test_what_was_found_has_a_status_a_state_and_a_reason(
    candidate: Candidate, status: str, state: str, reason: str
) -> None:
    assert (candidate.status, candidate.state, candidate.reason) == (status, state, reason)


def test_a_candidate_keeps_what_the_finding_says() -> None:
    candidate = judged(DRAFT)
    assert (candidate.source, candidate.kind, candidate.name) == ("a.yaml", "model", "a")
    assert (candidate.origins, candidate.notes) == (DRAFT.origins, DRAFT.notes)


def test_registering_ends_in_an_id_or_in_why_not() -> None:
    done, refused, known = judged(DRAFT), judged(DRAFT), judged(DRAFT)
    done.end_in("1" * 64)
    refused.end_in(RegistryError("not_owner", "is another's"))
    known.end_in(RegistryError("already_registered", "is there"))
    assert (done.state, done.id) == ("registered", "1" * 64)
    assert (refused.state, refused.reason) == ("refused", "is another's")
    assert known.state == "here already"


def test_a_finding_of_another_kind_is_refused_in_words() -> None:
    assert DRAFT.wanted_as(None) is DRAFT
    assert DRAFT.wanted_as("model") is DRAFT
    refused = DRAFT.wanted_as("agent")
    assert refused.record is None
    assert [problem.sentence for problem in refused.problems] == ["describes a model, not an agent"]


def test_an_outcome_counts_in_the_order_in_which_things_happened() -> None:
    outcome = ImportOutcome()
    for candidate in (
        judged(DRAFT),
        passed_over(Skipped("b", "says nothing")),
        judged(DRAFT, here_as="1"),
        judged(DRAFT),
    ):
        outcome.add(candidate)
    assert outcome.summary(registering=True) == "2 ready, 1 skipped, 1 here already"
    assert outcome.summary(registering=False) == (
        "2 ready, 1 skipped, 1 here already: --register registers what is ready"
    )
    assert not outcome.failed()
    outcome.add(judged(DRAFT, [ERROR]))
    assert outcome.failed()


def test_operations_are_told_by_what_became_of_them() -> None:
    report = ApplyReport()
    report.applied, report.known = 2, 1
    report.rejected = [Rejection(3, "hash", "the hash is wrong")]
    one = taken(Operations(Path("ops"), lambda: iter(())), report)
    assert (one.status, [(problem.path, problem.code) for problem in one.problems]) == (
        "failed", [("operation 4", "hash")],
    )  # fmt: skip
    assert one.operations is not None
    assert one.label == one.operations.sentence
    assert one.counts == one.operations._asdict()
    looked = Candidate("ops", "ready", operations=OperationsTaken(3))
    assert (looked.label, looked.counts) == ("3 operations", {"operations": 3})
    assert one.operations.sentence == "2 operations stored, 1 known already, 1 rejected"
    both = one.operations.plus(OperationsTaken(4, applied=1, pending=2, unsupported=1))
    assert both.sentence == "3 operations stored, 1 known already, 2 pending, 1 unsupported, 1 rejected"
    assert both.operations == 8


def test_a_list_of_findings_is_told_in_one_line() -> None:
    assert survey_words(3, 1, 0, cut=False) == "3 found, 1 ready"
    assert survey_words(2_000, 1, 2, cut=True) == (
        "2,000 found, 1 ready, 2 files describe nothing, there are more: tui-registry import takes all"
    )


def test_what_was_registered_is_told_with_what_stopped_it() -> None:
    assert registered_words(1) == "registered 1 record"
    assert registered_words(1_000, "the disk is full") == "registered 1,000 records; the disk is full"
