"""The words of an import: one state, one reason and one sentence for each thing that can become of what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.seeds import make_record
from tui_registry.datastore import (
    ApplyReport,
    Comparison,
    FieldChange,
    ImportRun,
    Rejection,
    StoreError,
    TakenIn,
)
from tui_registry.errors import InvalidRecord, Problem, RegistryError
from tui_registry.present.imports import (
    Candidate,
    Finding,
    ImportOutcome,
    Operations,
    OperationsTaken,
    Skipped,
    describe,
    judged,
    passed_over,
    registered_words,
    survey_words,
    taken,
)

DRAFT = Finding("a.yaml", "model", {"name": "a"}, origins={"name": "x"}, notes=("look at it",))
ERROR = Problem("license", "error", "spdx", "is no licence")
WARNING = Problem("", "warning", "parameters", "should state parameters")


WHY = StoreError("ambiguous", "nobody can tell")
BEFORE = make_record("model", "a", license="ISC")
CHANGED = Comparison("changed", "1" * 64, ("2" * 64,), BEFORE, {**BEFORE, "license": "MIT"}, ("description",))


def compared(comparison: Comparison) -> Candidate:
    candidate = judged(DRAFT)
    candidate.compared(comparison)
    return candidate


def reading(*problems: Problem) -> Candidate:
    return judged(Finding("a.yaml", None, None, problems))


@pytest.mark.parametrize(
    ("candidate", "status", "state", "reason"),
    [
        (judged(DRAFT), "ready", "ready", ""),
        (judged(DRAFT, [WARNING]), "ready", "ready", ""),
        (judged(DRAFT, [ERROR, WARNING]), "invalid", "1 problem", "license: is no licence"),
        (judged(DRAFT, [ERROR, ERROR]), "invalid", "2 problems", "license: is no licence (and 1 more)"),
        (compared(Comparison("new")), "ready", "ready", ""),
        (compared(Comparison("new", problems=(ERROR,))), "invalid", "1 problem", "license: is no licence"),
        (compared(Comparison("same", "1" * 64)), "here", "here already", "registered here already"),
        (compared(CHANGED), "changed", "changed", ""),
        (compared(CHANGED._replace(problems=(ERROR,))), "invalid", "1 problem", "license: is no licence"),
        (compared(Comparison("deleted", "1" * 64, reason=WHY)), "deleted", "deleted here", ""),
        (compared(Comparison("kept", reason=WHY)), "kept", "left alone", "nobody can tell"),
        (reading(Problem("", "error", "document", "is empty")), "invalid", "unreadable", "is empty"),
    ],
)
def test_what_was_found_has_a_status_a_state_and_a_reason(
    candidate: Candidate, status: str, state: str, reason: str
) -> None:
    assert (candidate.status, candidate.state, candidate.reason) == (status, state, reason)


@pytest.fixture
def outcome() -> ImportOutcome:
    return ImportOutcome()


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
        compared(Comparison("same", "1")),
        judged(DRAFT),
    ):
        outcome.add(candidate)
    assert outcome.summary(registering=True) == "2 ready, 1 passed over, 1 here already"
    assert outcome.summary(registering=False) == (
        "2 ready, 1 passed over, 1 here already: --register registers what is ready"
    )
    assert not outcome.failed()
    outcome.add(judged(DRAFT, [ERROR]))
    assert outcome.failed()


def test_what_changed_is_told_field_by_field_beside_what_stays(outcome: ImportOutcome) -> None:
    candidate = compared(CHANGED)
    for _ in range(2):  # looked at, and again when it is signed
        assert candidate.changes == (FieldChange("license", "ISC", "MIT"),)
        assert (candidate.id, candidate.heads, candidate.before) == (CHANGED.id, CHANGED.heads, BEFORE)
        assert candidate.record == CHANGED.record
        told = "description: the source says something else, and it was edited here: yours is kept"
        assert candidate.notes == ("look at it", told)
        candidate.end_in(TakenIn(CHANGED))
    outcome.add(candidate)
    assert outcome.summary(registering=True) == "1 changed: --update signs the changes"
    outcome.add(judged(DRAFT))
    assert outcome.summary(registering=False) == (
        "1 changed, 1 ready: --register registers what is ready; --update signs the changes"
    )
    assert outcome.counted() == "1 changed, 1 ready"


def test_what_is_refused_when_it_is_signed_is_told_as_it_would_have_been_before() -> None:
    candidate = judged(DRAFT)
    candidate.end_in(TakenIn(Comparison("new", problems=(ERROR,)), error=InvalidRecord((ERROR,))))
    assert (candidate.status, candidate.errors) == ("invalid", [ERROR])
    candidate.end_in(TakenIn(CHANGED, error=StoreError("changed", "has changed")))
    assert (candidate.status, candidate.reason) == ("failed", "has changed")


@pytest.mark.parametrize(
    ("code", "looking", "registering", "updating"),
    [
        ("ambiguous", False, True, True), ("twice", False, True, True), ("conflict", False, False, True),
        ("changed", False, False, True), ("not_owner", False, False, False),
    ],
)  # fmt: skip
def test_what_is_left_alone_fails_a_line_that_asked_for_it(
    outcome: ImportOutcome, code: str, looking: bool, registering: bool, updating: bool
) -> None:
    outcome.add(compared(Comparison("kept", reason=StoreError(code, "why"))))
    outcome.add(compared(Comparison("deleted", "1", reason=WHY)))
    assert outcome.failed() is looking
    assert outcome.failed(registering=True) is registering
    assert outcome.failed(updating=True) is updating


def test_a_finding_is_described_by_its_place_and_by_what_it_states() -> None:
    record = make_record("model", "a", license="LicenseRef-unstated", version="1.2.3")
    run = ImportRun("/x")
    foreign = Finding("x/a", "model", record, origins={"name": "n", "license": "nowhere"}, place="/x/a")
    entry = describe(foreign, run)
    assert entry is not None
    assert (entry.source, entry.entry, entry.stated) == ("/x/a", "", {"name"})
    ours = replace(foreign, source="x/b[2]", place="/x/b", entry=None, origins={}, stated=frozenset(record))
    first, second = describe(ours, run), describe(ours, run, {**record, "license": "MIT"}, ["license"])
    assert first is not None
    assert second is not None
    assert (first.entry, second.entry) == ("a\t1.2.3\t", "a\t1.2.3\t\t2")
    assert (first.chosen, second.chosen, second.said["license"]) == (set(), {"license"}, "LicenseRef-unstated")
    assert {"license", "tags"} <= first.stated
    known = describe(replace(foreign, record={**record, "model_id": "e" * 64}), run)
    assert known is not None
    assert known.entry == "e" * 64
    for unusable in (
        replace(foreign, record=None), replace(foreign, kind=None),
        replace(foreign, problems=(Problem("", "error", "cut_off", "is not whole"),)),
    ):  # fmt: skip
        assert describe(unusable, run) is None
    # Where there is no place, nothing is remembered
    nowhere = describe(foreign, ImportRun(""))
    assert nowhere is not None
    assert nowhere.source == ""


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
    assert survey_words({}, 0, cut=False) == "0 found"
    assert survey_words({"here": 1, "ready": 2}, 1, cut=False) == (
        "3 found: 2 ready, 1 here already; 1 file passed over"
    )
    assert survey_words({"ready": 2_000, "changed": 1}, 2, cut=True) == (
        "2,001 found: 2,000 ready, 1 changed; 2 files passed over; there are more: tui-registry import takes all"
    )


def test_what_was_registered_is_told_with_what_stopped_it() -> None:
    assert registered_words(1) == "registered 1 record"
    assert registered_words(1_000) == "registered 1,000 records"
    assert registered_words(2, updated=1) == "registered 2 records and updated 1 record"
    assert registered_words(0, updated=3) == "updated 3 records"
