"""Versions of a record in words: whose they are, what differs, which items and words changed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, strategies as st

from tests.records.histories import History, after_of, before_of, histories
from tests.records.rules import NEEDS, agent, model
from tests.seeds import NOW, owner, signed
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.present.record_rows import changed_rows
from tui_registry.present.version_words import (
    ancestor_line,
    came,
    change_lines,
    headline,
    item_pieces,
    letter,
    row,
    rows,
    spelled,
    text_lines,
    text_pieces,
)
from tui_registry.records.merging import Piece, differing
from tui_registry.text import safe_text

DAY = 86_400
EVIL = "a\x1b[2J\u202e\nb\x07"


class Origin(NamedTuple):
    """Where an operation comes from, as history entries say it."""

    actor: str = "7a1c" + "0" * 32 + "93ef"
    mine: bool = False
    updated_at: int = NOW - 3 * DAY
    arrived_at: int | None = NOW - 2 * DAY
    source: str | None = "hub"


@pytest.mark.parametrize(("place", "called"), [(0, "A"), (1, "B"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_versions_are_called_by_letters(place: int, called: str) -> None:
    assert letter(place) == called


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        (Origin(mine=True), "written 3 d ago by you, arrived from hub 2 d ago"),
        (Origin(), "written 3 d ago by 0x7a1c..93ef, arrived from hub 2 d ago"),
        (Origin(actor="a" * 40), "written 3 d ago by the lab, arrived from hub 2 d ago"),
        (Origin(mine=True, source="file"), "written 3 d ago by you, arrived from a file 2 d ago"),
        (
            Origin(mine=True, source="hub:1f2e3d4c"),
            "written 3 d ago by you, arrived from another node of the hub 2 d ago",
        ),
        (
            Origin(mine=True, source="push:192.0.2.7"),
            "written 3 d ago by you, pushed from 192.0.2.7 2 d ago",
        ),
        (Origin(source=EVIL), f"written 3 d ago by 0x7a1c..93ef, arrived from {safe_text(EVIL)} 2 d ago"),
        (Origin(mine=True, source=None), "written here 3 d ago by you"),
        (Origin(mine=True, updated_at=NOW, arrived_at=NOW, source=None), "written here now by you"),
        (Origin(updated_at=NOW + DAY), "written in 1 d by 0x7a1c..93ef, arrived from hub 2 d ago"),
        (Origin(arrived_at=None, source=None), "written 3 d ago by 0x7a1c..93ef, arrived before 0.2"),
        (Origin(arrived_at=None, source=None, mine=True), "written 3 d ago by you, arrived before 0.2"),
    ],
)
def test_when_and_from_where_a_version_came(origin: Origin, said: str) -> None:
    assert came(origin, NOW, {"a" * 40: "the lab"}) == said


def test_the_version_that_is_shown_is_the_current_one_and_the_others_are_its_rivals() -> None:
    assert headline(0, Origin(mine=True), NOW, {}) == (
        "version A: current, written 3 d ago by you, arrived from hub 2 d ago"
    )
    assert headline(1, Origin(), NOW, {}).startswith("version B: rival, written 3 d ago by 0x7a1c..93ef")
    assert ancestor_line(Origin(mine=True, source=None), NOW, {}) == "common ancestor: written here 3 d ago by you"
    assert ancestor_line(None, NOW, {}) == "no common ancestor"


def test_where_versions_came_from_is_said_of_history_entries_and_of_operations(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        datastore.apply([signed(owner("lab"), "model", "theirs").to_json()], source="hub")
        key = datastore.search(limit=1).rows[0].id
        said = [came(entry, NOW, {owner("lab").address: "the lab"}) for entry in datastore.history(key)]
        said += [came(row, NOW, {owner("lab").address: "the lab"}) for row in datastore.log.operations().rows]
    assert len(said) == 2
    assert all(words.startswith("written 1 d ago by the lab, arrived from hub ") for words in said)


def test_a_difference_is_told_in_the_words_of_the_record_rows() -> None:
    versions = [model(context_length=None, min_memory_mb=2048), model(requires_gpu=True, license="ISC")]
    found = {told.label: told for told in map(rows, differing(model(), versions))}
    said = {
        label: [
            told.base.text if told.base else "",
            *(value.text for value in told.values),
            told.merged.text,
            told.open,
        ]
        for label, told in found.items()
    }
    assert said == {
        "Licence": ["MIT", "MIT", "ISC", "ISC", False],
        "Context": ["32,768 tokens", "not stated", "32,768 tokens", "not stated", False],
        "Memory": ["1 GB", "2 GB", "1 GB", "2 GB", False],
        "GPU": ["not required", "not required", "required", "required", False],
    }
    assert [value.stated for value in found["Context"].values] == [False, True]
    rootless = rows(differing(None, versions)[0])
    assert (rootless.base, rootless.open, rootless.path) == (None, True, "license")


def test_texts_that_begin_alike_are_shown_where_they_part() -> None:
    alike = "A model for the long evenings of the north, " * 20
    versions = [model(description=alike + "with a lamp"), model(description=alike + "in the dark"), model()]
    told = rows(differing(model(description=alike), versions)[0], 40)
    assert "with a lamp" in told.values[0].text
    assert "in the dark" in told.values[1].text
    assert (told.values[2].text, told.values[2].stated) == ("none", False)
    assert all(len(value.text) <= 40 for value in told.values)


@given(histories(), st.integers(1, 80))
def test_every_value_of_a_difference_is_safe_short_and_never_empty(history: History, limit: int) -> None:
    for found in differing(history.base, history.versions):
        told = rows(found, limit)
        assert len(told.values) == len(history.versions)
        for value in (told.base, told.merged, *told.values):
            assert value is not None
            assert value.label == told.label
            assert 0 < len(value.text) <= limit
            assert safe_text(value.text) == value.text


def test_items_that_were_added_and_removed() -> None:
    was: list[Json] = ["LLM", "Embedding"]
    assert item_pieces(was, [{"Other": "Rerank"}, "LLM"]) == [
        Piece("LLM", " "), Piece("Embedding", "-"), Piece("Rerank", "+"),
    ]  # fmt: skip
    assert item_pieces(None, [EVIL]) == [Piece(safe_text(EVIL), "+")]


_TEXTS = st.text(max_size=60) | st.lists(st.sampled_from(["a", "b", " ", "\n", "\t", EVIL, "\r\n"]), max_size=30).map(
    "".join
)


@given(_TEXTS, _TEXTS)
def test_changed_lines_hold_all_that_changed_and_nothing_that_acts_on_a_terminal(before: str, after: str) -> None:
    pieces = text_pieces(before, after)
    lines = text_lines(before, after)
    for piece in (*pieces, *(piece for line in lines for piece in line.pieces)):
        assert safe_text(piece.text, newlines=True) == piece.text
    assert all("\n" not in piece.text for line in lines for piece in line.pieces)
    # Every line has a change.
    assert all(any(piece.sign != " " for piece in line.pieces) for line in lines)
    for sign in "-+":
        told = "".join(piece.text for line in lines for piece in line.pieces if piece.sign == sign)
        changed = "".join(piece.text for piece in pieces if piece.sign == sign)
        assert told.replace("↵", "") == changed.replace("\n", "").replace("↵", "")


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("VCPU 1\nMEMORY 1024\n", "VCPU 1\nMEMORY 2048\n", [(2, "MEMORY [-1024-]{+2048+}")]),
        ("a\nb\nc", "a\nc", [(2, "[-b-]")]),
        ("a\nc", "a\nb\nc", [(2, "{+b+}")]),
        ("a\nc", "a\n\nc", [(2, "{+↵+}")]),
        ("a\nb", "a b", [(1, "a[-↵-]"), (1, "{+ +}b")]),
        ("a\nb\nc\nd", "b\nc\nx", [(1, "[-a-]"), (3, "[-d-]{+x+}")]),
        ("a [/x] b", "a [/y] b", [(1, "a [-[/x]-]{+[/y]+} b")]),
        ("same", "same", []),
    ],
)
def test_a_changed_line_without_colours(before: str, after: str, lines: list[tuple[int, str]]) -> None:
    assert [(line.number, spelled(line.pieces)) for line in text_lines(before, after)] == lines


def test_of_a_long_line_the_words_beside_a_change_are_shown() -> None:
    far = "north " * 100
    (line,) = text_lines(f"{far}four {far}", f"{far}eight {far}")
    said = spelled(line.pieces)
    assert said == "…" + far[-24:] + "[-four-]{+eight+} " + far[:23] + "…"
    (line,) = text_lines(f"one {far}four", f"two {far}eight")
    assert spelled(line.pieces) == "[-one-]{+two+} " + far[:23] + "…" + far[-24:] + "[-four-]{+eight+}"
    (line,) = text_lines("", "x" * 10_000)
    assert len(spelled(line.pieces, 60)) == 64


def test_what_changed_between_two_versions_is_a_line_a_field() -> None:
    before = agent(
        tags=["code", "chat"], capabilities=["a", "b"], tools=["x"], formfile_template="NAME x\nMEMORY 512\n"
    )
    after = agent(
        license="ISC", tags=["chat", "vision"], capabilities=["b", "a"], tools=["x", "x"], min_vcpus=2, description="New",
        formfile_template="NAME x\nMEMORY 1024\n",
    )  # fmt: skip
    assert change_lines(before, after) == [
        "Description: none → New",
        "Licence: MIT → ISC",
        "Tags: - code, + vision",
        "Formfile, line 2: MEMORY [-512-]{+1024+}",
        "vCPUs: 1 → 2",
        "Capabilities: the same in another order",
        "Tools: the same, but not as often",
    ]
    assert change_lines(before, before) == change_lines(None, after) == change_lines(before, None) == []


def test_of_a_text_with_many_changed_lines_the_first_are_told_and_the_rest_counted() -> None:
    before, after = ("\n".join(f"{word} {number}" for number in range(20)) for word in ("RUN", "USE"))
    lines = change_lines(model(formfile_template=before), model(formfile_template=after), most=3)
    assert lines == [
        "Formfile, line 1: [-RUN-]{+USE+} 0",
        "Formfile, line 2: [-RUN-]{+USE+} 1",
        "Formfile, line 3: [-RUN-]{+USE+} 2",
        "Formfile: and 17 more lines",
    ]


@given(histories(most=1))
def test_every_field_that_changed_has_its_line_and_no_other(history: History) -> None:
    after: Record = history.versions[0]
    labels = [line.partition(":")[0].partition(",")[0] for line in change_lines(history.base, after)]
    assert set(labels) == {now.label for _, now in changed_rows(history.base, after)}
    assert all(safe_text(line) == line for line in change_lines(history.base, after))


def test_one_value_is_a_row() -> None:
    assert row(f"{NEEDS}.min_memory_mb", 2048).text == "2 GB"
    assert len(row("description", "x" * 10_000, 30).text) == 30
    with pytest.raises(KeyError):
        row("flavour", "sweet")


def test_safe_pieces_are_the_text_itself_where_it_is_harmless() -> None:
    pieces = text_pieces("one two\nthree", "one\nthree four")
    assert (before_of(pieces), after_of(pieces)) == ("one two\nthree", "one\nthree four")
