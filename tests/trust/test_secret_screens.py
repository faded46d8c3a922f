"""No screen, and no picture of one, shows the private key; the first one says where it lies and to keep a copy."""

from __future__ import annotations

from pathlib import Path

from tests.seeds import NOW, make_record, seed
from tests.trust.test_secrets import SECRET, holds
from tests.tui.driving import WIDE, press, running, screen_text
from tui_registry.crdt import Identity
from tui_registry.datastore import Datastore
from tui_registry.replica.store.key import KEY_FILE


async def test_no_screen_shows_the_key(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "data", clock=lambda: NOW) as datastore:
        datastore.key.replace(Identity(SECRET))
        datastore.add("model", make_record("model", "mine", license="Apache-2.0"))
        seed(datastore, 3)
        async with running(datastore, WIDE, "name:=mine") as (app, pilot):
            shown = []
            for key in ("1", "2", "escape", "3", "4", "5", "1", "enter", "left", "question_mark"):
                await press(pilot, key)
                shown.append(screen_text(app) + app.export_screenshot())
        assert len(set(shown)) > 5
        assert Identity(SECRET).address in "".join(shown)
        assert not any(holds(picture.encode(), SECRET) for picture in shown)


async def test_the_first_screen_says_where_the_key_is_and_to_keep_a_copy(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "data", clock=lambda: NOW) as datastore:
        async with running(datastore, WIDE) as (app, _):
            told = " ".join(screen_text(app).split())
    assert KEY_FILE in told
    assert "nobody can change your records" in told
    assert "a copy under a passphrase" in told
