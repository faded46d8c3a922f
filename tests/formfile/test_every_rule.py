"""Every rule of a Formfile has a line that breaks it and one that keeps it."""

from __future__ import annotations

import pytest

from tests.codes import codes_of
from tests.formfile.rules import OF_THE_WHOLE, RULES, WHILE_RENDERING, WITH_THE_RECORD, LineRule
from tui_registry import formfile


def codes(text: str) -> list[str]:
    return [problem.code for problem in formfile.parse(text, "lint").problems]


def below_a_name(line: str) -> str:
    # A byte order mark can stand only in front of everything
    return f"{line}NAME x" if line == "\ufeff" else f"NAME x\n{line}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_line_that_breaks_a_rule_is_told_from_one_that_keeps_it(rule: LineRule) -> None:
    assert rule.code in codes(below_a_name(rule.broken))
    assert codes(below_a_name(rule.kept)) == []


def test_no_rule_is_without_its_pair_of_lines() -> None:
    elsewhere = OF_THE_WHOLE | WHILE_RENDERING | WITH_THE_RECORD
    assert codes_of(formfile) == {rule.code for rule in RULES} | elsewhere


def test_a_formfile_needs_a_name() -> None:
    assert codes("VCPU 1") == ["missing_name"]
    assert codes("NAME x\nVCPU 1") == []
