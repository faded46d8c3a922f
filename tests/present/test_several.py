"""What one change makes of several records: each is changed or left alone for a reason, and nothing else happens."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from tests.seeds import make_record
from tui_registry.datastore import Body
from tui_registry.errors import Problem
from tui_registry.present import several
from tui_registry.present.several import Edit, plan, read_tags

OWN, OTHER = "a" * 40, "b" * 40
TAGS = st.lists(st.sampled_from(["rag", "old", "chat", "x"]), unique=True).map(tuple)


def body(number: int, tags: tuple[str, ...], *, owner: str = OWN, live: int = 1) -> Body:
    record = {**make_record("model", f"m{number}", tags=[*tags]), "owner_id": owner}
    return Body("model", f"{number:064x}", json.dumps(record).encode(), ("c" * 64,), live)


def test_ten_thousand_reasons_are_told_in_a_few_lines() -> None:
    """A rule's sentence may name what the record says: a question with a line for each would be as long as a book."""
    left = tuple(several.Left("model", f"{n:064x}", f"m{n}", f"refused: '1.{n}' is not SemVer") for n in range(10_000))
    lines = several.left_lines(several.Plan(Edit(("rag",)), (), (), left))
    assert len(lines) == 6
    assert lines[-1] == "9,995 left alone for other reasons"


@given(TAGS, TAGS, TAGS)
def test_an_edit_done_twice_is_done_once_and_keeps_the_order_of_what_stays(
    had: tuple[str, ...], more: tuple[str, ...], less: tuple[str, ...]
) -> None:
    edit = Edit(more, tuple(tag for tag in less if tag not in more))
    record = make_record("model", "m", tags=[*had])
    once = edit.of(record)
    assert edit.of(once) == once
    assert set(once["tags"]) == (set(had) | set(more)) - set(edit.without)  # type: ignore[arg-type]
    assert [tag for tag in once["tags"] if tag in had] == [tag for tag in had if tag not in edit.without]  # type: ignore[union-attr]
    assert {name for name in record if record[name] != once[name]} <= {"tags"}


def test_every_record_is_changed_or_left_alone_for_its_reason() -> None:
    bodies = [
        body(1, ()), body(2, ("rag",)), body(3, (), owner=OTHER), body(4, (), live=2), body(5, ("bad",)),
    ]  # fmt: skip
    asked = [(one.kind, one.id, "?") for one in bodies] + [("model", "f" * 64, "gone")]

    def check(_kind: object, record: dict[str, object]) -> list[Problem]:
        return [Problem("tags", "error", "slug", "that is wrong")] if "bad" in record["tags"] else []  # type: ignore[operator]

    planned = plan(Edit(("rag",)), asked, bodies, OWN, check)  # type: ignore[arg-type]
    assert [change.id for change in planned.changes] == [bodies[0].id]
    assert planned.changes[0].seen == bodies[0].heads
    reasons = {one.name: one.why for one in planned.left}
    assert reasons == {
        "m2": "so already", "m3": "of other owners", "m4": "in conflict, which is to be settled first",
        "m5": "refused: that is wrong", "gone": "not here any more",
    }  # fmt: skip
    assert planned.is_refused
    assert not plan(Edit(("rag",)), asked[1:2], bodies, OWN, check).is_refused  # type: ignore[arg-type]
    assert plan(Edit(("rag",)), asked[:1], bodies, "", check).changes == ()  # type: ignore[arg-type]
    told = " ".join(several.details(planned, "u takes it back"))
    assert "m1" in told
    assert told.count("left alone") == 5


def test_tags_are_read_as_people_write_them() -> None:
    assert read_tags("rag, +chat  -old -old") == Edit(("rag", "chat"), ("old",))
    for text in ("", " , ", "-", "rag -"):
        with pytest.raises(ValueError, match="write tags to add"):
            read_tags(text)
    with pytest.raises(ValueError, match="rag is to be added and taken away"):
        read_tags("rag -rag")


def test_what_is_ones_own_comes_first_among_what_is_left_alone_and_tags_have_one_order() -> None:
    bodies = [body(1, (), owner=OTHER), body(2, (), owner=OTHER), body(3, ("rag",))]
    asked = [(one.kind, one.id, "?") for one in bodies]
    said = several.nothing_to_do(plan(Edit(("rag",)), asked, bodies, OWN, lambda *_: []))  # type: ignore[arg-type]
    assert said.startswith("nothing to change: 1 left alone, as it is so already")
    assert said.endswith("; 2 left alone, as they are other owners'")
    records = [{"tags": ["b", "a"]}, {"tags": ["c"]}, {"tags": ["c"]}]
    assert several.common_tags(records) == [("c", 2), ("a", 1), ("b", 1)]  # type: ignore[arg-type]
