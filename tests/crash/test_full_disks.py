"""A disk that has no room from some change of a file on: told in words, and nothing lost."""

from __future__ import annotations

import pytest

from tests.crash.checks import assert_survived
from tests.crash.conftest import Fresh
from tests.crash.disk import read_journal, said
from tests.crash.nursery import REFUSED, Nursery
from tests.crash.test_kills import CASES

CODES = {"disk_full", "unwritable"}


def fill_everywhere(nursery: Nursery, fresh: Fresh, program: str, twist: str, wanted: int) -> int:
    """Fill the disk before so many changes of a file, spread over all; returns how often the program was refused."""
    base = fresh(program)
    assert nursery.run(program, base / "home", base / "journal", twist=twist).status == 0
    changes = sum(event.what != "!" for event in read_journal(base / "journal"))
    refused = 0
    for at in range(1, changes + 1, changes // wanted + 1):
        base = fresh(program)
        status = nursery.run(program, base / "home", base / "journal", at=at, twist=twist, full=True).status
        told = said(read_journal(base / "journal"))
        try:
            assert status in (0, REFUSED), "an undeclared error"
            if status == REFUSED:
                refused += 1
                code, _, sentence = told.pop().removeprefix("refused ").partition(": ")
                assert code in CODES, sentence
                assert "full" in sentence or "No space left" in sentence
            assert_survived(nursery, program, base, told)
        except BaseException as error:
            error.add_note(f"replay: {program} {twist!r}, disk full from change {at} on")
            raise
    return refused


@pytest.mark.parametrize(("program", "twist"), CASES)
def test_a_disk_that_is_full_is_told_in_words_and_costs_nothing_that_was_acknowledged(
    nursery: Nursery, fresh: Fresh, program: str, twist: str
) -> None:
    assert fill_everywhere(nursery, fresh, program, twist, 2) > 0


@pytest.mark.long
@pytest.mark.parametrize(("program", "twist"), CASES)
def test_a_disk_that_is_full_from_any_change_on_is_told_in_words(
    nursery: Nursery, fresh: Fresh, program: str, twist: str
) -> None:
    print(f"{program} {twist}: refused {fill_everywhere(nursery, fresh, program, twist, 1_000_000)} times")  # noqa: T201
