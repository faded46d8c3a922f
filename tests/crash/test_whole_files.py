"""Files that commands write once: under its name each is whole or not there, and stays once it was said to be written."""

from __future__ import annotations

from tests.crash.conftest import Fresh
from tests.crash.disk import Disk, read_journal
from tests.crash.nursery import Nursery
from tests.crash.places import FORMFILE, KEYSTORE, NEW_LOG


def test_a_file_is_whole_at_every_moment_and_stays_once_it_was_said_to_be_written(
    nursery: Nursery, fresh: Fresh
) -> None:
    base = fresh("whole_files")
    home, journal = base / "home", base / "journal"
    names = (KEYSTORE, FORMFILE, f"{NEW_LOG}/sync/head")
    disk = Disk(home)
    before = disk.synced()
    assert nursery.run("whole_files", home, journal).status == 0
    after = {name: (home / name).read_bytes() for name in names}
    written: set[str] = set()
    for event in read_journal(journal):
        disk.apply(event)
        if event.what == "!":
            written.add(event.data.decode().removeprefix("file "))
        # A power cut now, that leaves the least and that leaves all names.
        for image in (disk.synced(), disk.names_first()):
            for name in names:
                assert image.get(name) in ({after[name]} if name in written else {before.get(name), after[name]}), name
    assert written == set(names)
    assert not [path for path in home.rglob(".*") if path.is_file()]
