"""Forms not yet signed survive, as typed."""

from __future__ import annotations

from pathlib import Path

from tests.replica.conftest import Clock
from tui_registry.datastore import Datastore, Draft

HOSTILE = "[/x] \x1b[31m \u202e ü \n\t \" ' \\ 漢"


def test_drafts_survive_opening_again_as_typed(tmp_path: Path) -> None:
    draft = Draft("new-model", "model", None, (), {"name": HOSTILE, "parameters": "7,6 B?"})
    edit = Draft("edit", "agent", "ab" * 32, ("cd" * 32, "ef" * 32), {})
    with Datastore.open(tmp_path, clock=lambda: 5) as datastore:
        datastore.drafts.save(draft)
        datastore.drafts.save(edit)
    with Datastore.open(tmp_path) as datastore:
        assert datastore.drafts.get("new-model") == Draft("new-model", "model", None, (), dict(draft.fields), 5)
        assert datastore.drafts.get("edit") == Draft("edit", "agent", "ab" * 32, ("cd" * 32, "ef" * 32), {}, 5)
        assert datastore.drafts.get("none") is None


def test_a_draft_takes_the_place_of_the_one_with_its_key_and_the_last_saved_comes_first(
    datastore: Datastore, clock: Clock
) -> None:
    for key, name in (("a", "first"), ("b", "second"), ("a", "third")):
        clock.now += 1
        datastore.drafts.save(Draft(key, "model", None, (), {"name": name}))
    assert [(draft.key, draft.fields["name"]) for draft in datastore.drafts.all()] == [("a", "third"), ("b", "second")]


def test_a_dropped_draft_is_gone_and_dropping_none_is_fine(datastore: Datastore) -> None:
    datastore.drafts.save(Draft("a", "model", None, (), {}))
    datastore.drafts.drop("a")
    datastore.drafts.drop("a")
    assert datastore.drafts.all() == []


def test_a_draft_is_dropped_only_as_it_is_known(datastore: Datastore) -> None:
    known, newer = (Draft("a", "model", None, (), {"name": name}) for name in ("known", "newer"))
    datastore.drafts.save(newer)
    assert not datastore.drafts.drop("a", known)
    assert len(datastore.drafts.all()) == 1
    assert datastore.drafts.drop("a", newer)
    assert datastore.drafts.drop("a", newer)
    assert datastore.drafts.all() == []


def test_no_draft_goes_because_there_are_many(datastore: Datastore, clock: Clock) -> None:
    for number in range(500):
        clock.now += 1
        datastore.drafts.save(Draft(str(number), "model", None, (), {}))
    assert [int(draft.key) for draft in datastore.drafts.all()] == list(range(499, -1, -1))


def test_drafts_are_in_no_log(datastore: Datastore) -> None:
    datastore.drafts.save(Draft("a", "model", None, (), {"name": "secret plans"}))
    assert datastore.log.head().size == 0
    assert datastore.search("secret").rows == []
