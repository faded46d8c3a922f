"""Looking at records that strangers wrote, and asking for what is not there."""

from __future__ import annotations

import pytest

from tests.replica.replicas import replica
from tests.seeds import NOW, owner, seed, signed

NO_IDS = ("", "x", "ab", "AB" * 32, "0x" + "ab" * 31, "ü" * 64, "ab" * 33, "a\0" * 32)


@pytest.mark.parametrize("identifier", NO_IDS)
def test_what_is_no_id_is_not_found(identifier: str) -> None:
    with replica() as datastore:
        seed(datastore, 3)
        assert datastore.entry(identifier) is None
        assert datastore.get_model(identifier) is None
        assert datastore.heads(identifier) == ()
        assert datastore.history(identifier) == []


def test_a_strangers_list_of_preferred_models_may_hold_anything() -> None:
    stranger = owner("stranger")
    op = signed(stranger, "agent", "odd", preferred_models=[item for item in NO_IDS if item and "\0" not in item])
    with replica() as datastore:
        assert datastore.apply([op.body]).applied == 1
        entry = datastore.entry(op.key)
        assert entry is not None
        assert any(problem.path.startswith("preferred_models") for problem in entry.problems)
        assert [row.id for row in datastore.search("is:invalid").rows] == [op.key]


def test_a_record_that_breaks_authoring_rules_is_shown_with_its_problems() -> None:
    op = signed(owner("stranger"), "model", "odd", version="one", tags=["Not A Slug", "Not A Slug"])
    with replica() as datastore:
        assert datastore.apply([op.body]).applied == 1
        entry = datastore.entry(op.key)
        assert entry is not None
        assert {"version", "tags[0]"} <= {problem.path for problem in entry.problems}
        assert (entry.mine, entry.owner_name, entry.size) == (False, None, len(op.body))
        assert datastore.search().rows[0].name == "odd"


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "[/x]", "\u202e", "\x01" * 128, "' OR 1=1 --", '"', "漢" * 128, "\u0301" * 128]
)
def test_hostile_text_is_stored_and_given_back_exactly(text: str) -> None:
    op = signed(
        owner("stranger"), "model", text, description=text, license=text, tags=[text], model_type={"Other": text[:64]}
    )
    with replica() as datastore:
        assert datastore.apply([op.body]).applied == 1
        entry = datastore.entry(op.key)
        assert entry is not None
        assert entry.record == op.record
        assert datastore.search().rows[0].name == text
        assert datastore.verify().sound
        assert datastore.stats().records == 1
        assert entry.record["updated_at"] == NOW - 86_400
