"""The mark, kept outside the replica's folder, notices one that was put back to an older copy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.replica.replicas import replica
from tests.seeds import NOW, stranger_ops
from tui_registry.datastore import Datastore, Restored

OPS = [op.to_json() for op in stranger_ops(8)]
Open = Callable[[], Datastore]


@pytest.fixture
def folder() -> Iterator[Path]:
    with replica() as made:
        yield made.data_dir


@pytest.fixture
def opened(folder: Path) -> Iterator[Open]:
    """Opens the replica in the folder, a second later each time."""
    with ExitStack() as stack:
        moment = iter(range(NOW, NOW + 1000))

        def at() -> Datastore:
            second = next(moment)
            return stack.enter_context(Datastore.open(folder, clock=lambda: second))

        yield at


def backed_up(folder: Path, opened: Open, tmp_path: Path) -> Path:
    """A backup with three operations of a replica that has shared five."""
    first = opened()
    first.apply(OPS[:3])
    first.mark.share()
    first.close()
    shutil.copytree(folder, tmp_path / "backup")
    later = opened()
    later.apply(OPS[3:5])
    later.mark.note(later.log.head())
    later.close()
    return tmp_path / "backup"


def put_back(backup: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)


def test_a_replica_that_only_grew_was_not_restored(opened: Open) -> None:
    store = opened()
    assert store.mark.restored() is None
    for stop in (3, 5):
        store.apply(OPS[:stop])
        shared = store.mark.share()
        assert (shared.renewed, shared.restored, shared.unmarked) == (False, None, None)
    store.apply(OPS)
    assert store.mark.restored() is None


def test_a_backup_that_was_put_back_gets_another_epoch_before_it_is_shared(
    folder: Path, opened: Open, tmp_path: Path
) -> None:
    put_back(backed_up(folder, opened, tmp_path), folder)
    store = opened()
    epoch = store.log.head().epoch
    found = Restored(size=3, shared=5, shared_at=NOW + 1)
    assert store.mark.restored() == found
    shared = store.mark.share()
    assert (shared.renewed, shared.restored) == (True, found)
    assert store.log.head().epoch != epoch
    assert not store.mark.share().renewed
    # Whoever asks before the next write is still told, until somebody has taken note of it.
    assert store.mark.restored() == found
    store.mark.forget()
    assert store.mark.restored() is None


@pytest.mark.parametrize("lines", [OPS[5:], OPS[:5][::-1]], ids=["others were written", "they came back by themselves"])
def test_one_that_grew_again_is_noticed_too(folder: Path, opened: Open, tmp_path: Path, lines: list[bytes]) -> None:
    put_back(backed_up(folder, opened, tmp_path), folder)
    store = opened()
    store.apply(lines)
    assert store.log.head().size >= 5
    assert store.mark.share().renewed


@pytest.mark.parametrize(
    "lines", [OPS[5:], OPS[:5][::-1] + OPS[5:]], ids=["others were written", "they came back by themselves"]
)
def test_giving_away_what_was_restored_does_not_hide_it(
    folder: Path, opened: Open, tmp_path: Path, lines: list[bytes]
) -> None:
    """As a push does, which gives no epoch away."""
    put_back(backed_up(folder, opened, tmp_path), folder)
    store = opened()
    store.apply(lines)
    assert store.mark.note(store.log.head()) is None
    assert store.mark.restored() == Restored(size=store.log.head().size, shared=5, shared_at=NOW + 1)
    assert store.mark.share().renewed


def test_another_epoch_that_is_asked_for_takes_nothing_for_told(folder: Path, opened: Open, tmp_path: Path) -> None:
    put_back(backed_up(folder, opened, tmp_path), folder)
    store = opened()
    store.mark.share()
    store.mark.share(new_epoch=True)
    assert store.mark.restored() is not None


def test_a_copy_that_is_used_beside_the_other_gets_an_epoch_of_its_own(
    folder: Path, opened: Open, tmp_path: Path
) -> None:
    backup = backed_up(folder, opened, tmp_path)
    with Datastore.open(backup, clock=lambda: NOW + 9) as copy:
        assert copy.mark.share().renewed
    assert not opened().mark.share().renewed


def test_a_kill_right_after_the_epoch_was_renewed_hides_nothing(
    folder: Path, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back(backed_up(folder, opened, tmp_path), folder)
    store = opened()

    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(store.mark, "_note", killed)
    with pytest.raises(KeyboardInterrupt):
        store.mark.share()
    later = opened()
    assert later.mark.restored() == Restored(size=3, shared=5, shared_at=NOW + 1)
    assert not later.mark.share().renewed


def test_of_two_that_notice_it_at_once_one_renews_the_epoch(
    folder: Path, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back(backed_up(folder, opened, tmp_path), folder)
    first, second = opened(), opened()
    differs = second.mark._differs
    epochs = []

    def late() -> Restored | None:
        found = differs()
        assert first.mark.share().renewed
        epochs.append(first.log.head().epoch)
        return found

    monkeypatch.setattr(second.mark, "_differs", late)
    assert second.mark.share().renewed
    assert epochs == [second.log.head().epoch]


def test_a_backup_of_what_was_shared_last_is_no_older_copy(folder: Path, opened: Open, tmp_path: Path) -> None:
    first = opened()
    first.apply(OPS[:3])
    first.mark.share()
    first.close()
    shutil.copytree(folder, tmp_path / "backup")
    put_back(tmp_path / "backup", folder)
    assert not opened().mark.share().renewed


def test_the_epoch_is_renewed_when_asked_for(opened: Open) -> None:
    store = opened()
    store.apply(OPS)
    epoch = store.log.head().epoch
    shared = store.mark.share(new_epoch=True)
    assert (shared.renewed, shared.restored) == (True, None)
    assert store.log.head().epoch != epoch
    assert store.mark.restored() is None


def test_what_is_forgotten_before_it_was_shared_is_shared_under_another_epoch(
    folder: Path, opened: Open, tmp_path: Path
) -> None:
    put_back(backed_up(folder, opened, tmp_path), folder)
    store = opened()
    epoch = store.log.head().epoch
    store.mark.forget()
    assert store.log.head().epoch != epoch
    assert store.mark.restored() is None


def test_a_mark_that_cannot_be_written_is_told_and_stops_nothing(opened: Open, state_dir: Path) -> None:
    state_dir.parent.mkdir(exist_ok=True)
    state_dir.write_text("in the way")
    store = opened()
    store.apply(OPS)
    unmarked = store.mark.share().unmarked
    assert unmarked is not None
    assert str(state_dir) in unmarked
    assert store.mark.note(store.log.head()) == unmarked


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"size": -1}', '{"size": "5"}', "[" * 5_000, "\ud800"])
def test_a_mark_that_cannot_be_read_says_nothing(opened: Open, state_dir: Path, text: str) -> None:
    store = opened()
    store.apply(OPS)
    store.mark.share()
    (file,) = (state_dir / "marks").iterdir()
    file.write_text(text, errors="surrogatepass")
    assert store.mark.restored() is None
    assert not store.mark.share().renewed


def test_marks_are_small_bounded_and_their_owners_alone(opened: Open, state_dir: Path) -> None:
    store = opened()
    store.apply(OPS)
    (state_dir / "marks").mkdir(parents=True)
    for number in range(1_010):
        (state_dir / "marks" / f"{number:032x}.json").write_text("{}")
    store.mark.share()
    files = [*(state_dir / "marks").iterdir()]
    assert len(files) == 1_000
    written = state_dir / "marks" / f"{store.log.head().epoch}.json"
    assert json.loads(written.read_bytes())["size"] == len(OPS)
    assert written.stat().st_mode & 0o777 == 0o600


def test_of_those_that_note_at_once_no_slow_one_takes_a_mark_back(opened: Open, state_dir: Path) -> None:
    """The workers of a node all give the log away."""
    stores = [opened() for _ in range(3)]
    heads = []
    for op in OPS:
        stores[0].apply([op])
        heads.append(stores[0].log.head())
    noted: list[int] = []

    def note(store: Datastore) -> None:
        for head in heads * 3:
            assert store.mark.note(head) is None
            (file,) = (state_dir / "marks").glob("*.json")
            size = json.loads(file.read_text())["size"]
            assert size >= head.size
            noted.append(size)

    with ThreadPoolExecutor(len(stores)) as pool:
        for done in [pool.submit(note, store) for store in stores]:
            done.result()
    assert max(noted) == len(OPS)
