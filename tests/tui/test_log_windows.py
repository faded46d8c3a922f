"""What the history looks through for a deed: no more at a time than is said, nothing twice, and in the end everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.seeds import make_record, owner, signed, stranger_ops
from tests.tui.driving import replica
from tui_registry.datastore import Datastore
from tui_registry.errors import RegistryError
from tui_registry.present.deeds import DEEDS
from tui_registry.tui.history import history_screen
from tui_registry.tui.history.history_screen import NOTHING, Asked, Listing, asked_for, read_listing


def listing(datastore: Datastore, asked: Asked, before: Listing = NOTHING, wanted: int = 1_000) -> Listing:
    return read_listing(datastore, asked, before, wanted, lambda: False)


@pytest.mark.parametrize("by_time", [False, True], ids=["arrival", "time"])
def test_what_is_found_step_by_step_while_the_log_grows_is_what_one_look_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_time: bool
) -> None:
    monkeypatch.setattr(history_screen, "LOOKED", 7)
    monkeypatch.setattr(history_screen, "_STEP", 3)
    with replica(tmp_path, 20) as datastore:
        for number in range(4):
            key = datastore.add("model", make_record("model", f"mine-{number}")).key
            datastore.delete("model", key, datastore.heads(key))
        asked = Asked(mine=False, did="deleted", by_time=by_time)
        looked: list[int] = []
        real = datastore.log.deeds
        monkeypatch.setattr(
            datastore.log, "deeds", lambda places, unwanted=None: looked.extend(places) or real(places, unwanted)
        )
        found = listing(datastore, asked)
        assert not found.whole
        assert len(looked) < 7 + 3
        datastore.apply(op.to_json() for op in stranger_ops(5, by="another"))
        for _ in range(8):
            found = listing(datastore, asked, found)
        assert found.whole
        assert sorted(looked) == list(range(33))
        assert {*found.found} == {place for place in range(33) if datastore.log.deeds([place]) == ["deleted"]}


def test_a_log_that_was_rewritten_is_looked_through_for_a_deed_afresh(tmp_path: Path) -> None:
    with replica(tmp_path, 6) as datastore:
        asked = Asked(mine=False, did="deleted")
        before = listing(datastore, asked)
        assert not before.found
        with Datastore.open(tmp_path) as another:
            with another._pool.write() as db:
                db.execute("UPDATE ops SET body = x'00' WHERE idx < 3")
            assert [found.place for found in another.verify().invalid] == [0, 1, 2]
        key = datastore.add("model", make_record("model", "mine")).key
        datastore.delete("model", key, datastore.heads(key))
        datastore.apply(op.to_json() for op in stranger_ops(2, by="another"))
        assert [*listing(datastore, asked, before).found] == [*listing(datastore, asked).found] == [4]


def test_a_line_is_read_as_words_an_owner_and_a_deed() -> None:
    assert asked_for('big llama owner:"my lab" did:br', mine=True, by_time=False) == Asked(
        True, "big llama", "my lab", "brought back", False
    )
    assert asked_for("owner: is:mine qwen3:8b did:", mine=False, by_time=True) == Asked(
        False, "qwen3:8b", "me", "", True
    )
    for deed in DEEDS:
        assert asked_for(f'did:"{deed}"', mine=True, by_time=False).did == deed
    with pytest.raises(RegistryError, match="registered, edited, settled, deleted or brought back"):
        asked_for("did:painted", mine=True, by_time=False)


def test_an_owner_is_known_by_the_name_given_here_or_by_an_address_in_any_spelling(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        op = signed(owner("other"), "model", "theirs")
        datastore.apply([op.to_json()])
        datastore.names.set(owner("other").address, "My Lab")
        address = owner("other").address
        for text in ("my lab", "MY", address, f"0x{address[:6]}", f"0x{address[:4]}..{address[-4:]}"):
            assert listing(datastore, Asked(mine=True, owner=text)).found[0] == 0
        assert not listing(datastore, Asked(mine=True, owner="nobody")).found
