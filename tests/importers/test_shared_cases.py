"""The cases that the project shares, by the table of their README, as far as formats go; skipped where they are absent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at
from tui_registry.importers import Finding, Found, Skipped, read_source

CASES = Path(__file__).parents[3] / "shared" / "cases" / "import"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")


def found(case: str) -> list[Found]:
    return list(read_source(CASES / case))


def only(case: str) -> Finding:
    (one,) = found(case)
    assert isinstance(one, Finding)
    return one


@pytest.mark.parametrize(
    ("case", "values"),
    [
        ("07-infinity", {"context_length": 4096, "license": "MIT"}),
        ("10-wellknown", {"name": "N", "version": "1.0.0"}),
        ("13-leadnl", {"license": "MIT", "tags": ["chat"]}),
        ("16-big", {"license": "MIT", "name": "m"}),
        ("17-latin1", {"description": "Un modèle enregistré en Latin-1, comme avant.", "tags": ["francais"]}),
        ("mcp_license.json", {"license": "Apache-2.0"}),
        ("a2a_verdate.json", {"version": "0.1.0"}),
        ("Modelfile", {"context_length": 8192, "license": "MIT", "description": "You are a careful helper."}),
    ],
)
def test_a_case_is_read_with_its_values(case: str, values: dict[str, Any]) -> None:
    one = only(case)
    assert one.problems == () or {problem.path for problem in one.problems} == {"model_type"}
    assert {path: at(one, path) for path in values} == values


def test_anchors_cost_no_tags() -> None:
    assert {"chat", "legal"} <= set(at(only("12-anchors"), "tags"))


@pytest.mark.parametrize(("case", "told"), [("17-latin1", "Latin-1"), ("a2a_verdate.json", "2025-06-01 is a date")])
def test_what_was_guessed_or_left_out_is_told(case: str, told: str) -> None:
    assert any(told in note for note in only(case).notes)


@pytest.mark.parametrize(
    ("case", "what"),
    [("08-dataset/README.md", "data set card"), ("09-space/README.md", "Space"), ("SKILL.md", "skill"),
     ("15-list/train.json", "list of 5,000")],
)  # fmt: skip
def test_what_is_no_model_is_refused_by_name(case: str, what: str) -> None:
    one = only(case)
    assert one.record is None
    assert what in one.problems[0].sentence


def test_a_list_of_servers_is_read_entry_by_entry_and_its_cursor_told() -> None:
    good, bad = found("mcp_list_mixed.json")
    assert isinstance(good, Finding)
    assert isinstance(bad, Finding)
    assert good.record is not None
    assert any("io.github.me/b:1.0.0" in note for note in good.notes)
    assert bad.record is None
    assert len(found("mcp_array.json")) == 2


@pytest.mark.parametrize(
    ("case", "is_passed_over"),
    [("08-dataset", lambda one: isinstance(one, Skipped)), ("15-list", lambda one: isinstance(one, Skipped))],
)
def test_a_folder_of_something_else_is_passed_over(case: str, is_passed_over: Callable[[Found], bool]) -> None:
    assert [is_passed_over(one) for one in found(case)] == [True]


def test_a_folder_of_real_life_is_read_as_far_as_it_can_be() -> None:
    card, *others = found("14-mixedfolder")
    assert isinstance(card, Finding)
    assert card.record is not None
    assert [type(one) for one in others] == [Skipped] * 3
    said = [one.sentence.partition(":")[0] for one in others if isinstance(one, Skipped)]
    assert said == ["is a template", "is YAML of several documents", "is JSON with comments or trailing commas"]
