"""A reader whose rules know less than its peer's: what it cannot read is outside of what it compares, it is counted, and
it is read after an upgrade."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sync.conftest import Open
from tests.sync.logs import ALICE, BOB, bodies, manifest, roots
from tui_registry.crdt import op
from tui_registry.datastore import Datastore
from tui_registry.node import running
from tui_registry.replica.log import peers
from tui_registry.sync import publish, pull, push

COMMON, THEIRS, LATER = roots(ALICE, 300), roots(BOB, 20, "theirs"), roots(BOB, 5, "later")
MANIFESTS = [*(manifest(ALICE, of) for of in COMMON[:5]), *(manifest(BOB, of) for of in THEIRS[:5])]


@pytest.fixture
def rules_1(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Until it is undone, operations are read as by rules 1."""
    with monkeypatch.context() as before:
        before.delitem(op._CLASSES, "Manifest")
        before.setattr(peers, "READER_VERSION", "rules-1")
        yield before


@pytest.fixture
def there(replica: Open) -> Datastore:
    """A replica that knows manifests, and has them."""
    store = replica("there")
    lines = bodies([*COMMON[:150], *MANIFESTS[:5], *COMMON[150:], *THEIRS, *MANIFESTS[5:]])
    assert store.apply(lines, source="test").applied == len(lines)
    return store


@pytest.mark.parametrize("way", ["differences", "hashes"])
async def test_what_a_reader_cannot_read_is_outside_of_what_it_compares(
    way: str, there: Datastore, replica: Open, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rules_1: pytest.MonkeyPatch = request.getfixturevalue("rules_1")
    here = replica("here")
    here.apply(bodies(COMMON), source="test")
    with running(there, accept_ops=True) as node:
        publish(there, tmp_path / "log")
        here.peers.add("new", node.url if way == "differences" else str(tmp_path / "log"))
        first = await pull(here, "new")
        assert (first.error, first.read, first.applied, first.unsupported, first.rejected) == (None, 0, 20, 10, 0)
        peer = here.peers.get("new")
        assert (peer.next_index, peer.unsupported, peer.identical) == (330, 10, False)
        # It is not asked for them again, however often, and not once it has more either.
        assert (await pull(here, "new")).unsupported == 0
        there.apply(bodies(LATER[:3]), source="test")
        publish(there, tmp_path / "log")
        after = await pull(here, "new")
        assert (after.read, after.applied, after.unsupported) == (3, 3, 0)
        if way == "differences":
            here.apply(bodies(LATER[3:5]), source="test")
            assert (await push(here, "new")).offered == 2
            assert (await push(here, "new")).offered == 0
        rules_1.undo()
        last = await pull(here, "new")
        assert (last.error, last.applied, last.unsupported) == (None, 10, 0)
        assert (here.stats().unsupported, here.peers.get("new").unsupported) == (0, 0)
        if way == "differences":
            assert here.log.head().fingerprint == there.log.head().fingerprint
        assert here.verify().sound
