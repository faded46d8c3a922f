"""What must hold of a replica whenever its program was interrupted (issue 3, point 3)."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

from tests.crash.disk import read_journal, said
from tests.crash.nursery import Nursery
from tests.crash.places import DATABASE_PATH, LINES, LOG, PURGED, REPLICA
from tests.replica.replicas import rows
from tests.seeds import NOW
from tests.sync.logs import ALICE
from tui_registry.crdt.tree import RightEdge
from tui_registry.datastore import Datastore
from tui_registry.replica.catalogue.derived import INDEX_VERSION
from tui_registry.replica.store.key import KEY_FILE

_INSTANCES = 'SELECT term, doc, col, "offset" FROM temp.{0}_seen'


def assert_survived(nursery: Nursery, program: str, base: Path, acknowledged: list[str]) -> None:
    """Nothing acknowledged is lost, nothing is broken, and the program can be run again, to its end."""
    assert_sound(nursery, program, base, acknowledged)
    journal = base / "finishing.journal"
    journal.unlink(missing_ok=True)
    assert nursery.run(program, base / "home", journal).status == 0
    assert_sound(nursery, program, base, acknowledged + said(read_journal(journal)))


def assert_sound(nursery: Nursery, program: str, base: Path, acknowledged: list[str]) -> None:
    """Open what is left of `base/home` and compare it with what was acknowledged."""
    home = base / "home"
    with Datastore.open(home / REPLICA, clock=lambda: NOW) as datastore:
        assert rows(datastore, "PRAGMA integrity_check") == [("ok",)]
        _assert_kept(datastore, home, acknowledged)
        if (base / LINES).exists():
            _assert_cursor_behind_ops(datastore, (base / LINES).read_bytes().split(b"\n"), acknowledged)
        if "upgraded" in acknowledged or program == "upgrade":
            # Opening it has just finished what was interrupted.
            assert rows(datastore, "SELECT index_version FROM replica") == [(INDEX_VERSION,)]
        # A log that is to be repaired is sound once it was: not before.
        if program != "repair" or any(line.startswith("epoch") for line in acknowledged):
            words = indexed_words(home)
            report = datastore.verify()
            assert report.sound, (report.invalid, report.repaired)
            assert indexed_words(home) == words
        if program == "manifests":
            _assert_side_by_side(datastore)
        if program == "purge":
            _assert_whole_or_gone(datastore, is_gone="purged" in acknowledged)
        key = datastore.key.identity()
        assert (home / REPLICA / KEY_FILE).stat().st_mode & 0o777 == 0o600
        assert datastore.address == key.address
    if (home / LOG / "sync" / "head").exists():
        assert nursery.run("read_log", home, base / "reading.journal").status == 0
    elif program == "publish_log":
        assert not any(line.startswith("published") for line in acknowledged)


def indexed_words(home: Path) -> list[set[tuple[object, ...]]]:
    """Every word of every record that the word indexes hold."""
    connection = sqlite3.connect(home / DATABASE_PATH)
    try:
        for table in ("words", "names"):
            connection.execute(f"CREATE VIRTUAL TABLE temp.{table}_seen USING fts5vocab(main, {table}, instance)")
        return [set(connection.execute(_INSTANCES.format(table))) for table in ("words", "names")]
    finally:
        connection.close()


def _assert_kept(datastore: Datastore, home: Path, acknowledged: list[str]) -> None:
    ops = {digest.hex() for (digest,) in rows(datastore, "SELECT hash FROM ops")}  # type: ignore[attr-defined]
    facts: dict[str, str] = {}
    for line in acknowledged:
        what, _, value = line.partition(" ")
        if what == "op":
            assert value in ops, "an acknowledged operation is lost"
        elif what == "draft":
            assert datastore.drafts.get(value) is not None, "an acknowledged draft is lost"
        elif what == "key":
            assert value in _keys(home), "a private key is lost"
        facts[what] = value
    if "epoch" in facts:
        assert datastore.log.head().epoch == facts["epoch"]
    if "address" in facts:
        assert datastore.key.identity().address == facts["address"], "an acknowledged key is lost"
    if "published" in facts:
        head = home / LOG / "sync" / "head"
        assert head.exists(), "an acknowledged log is lost"
        assert json.loads(head.read_text())["size"] >= int(facts["published"]), "an acknowledged log is lost"


def _assert_whole_or_gone(datastore: Datastore, *, is_gone: bool) -> None:
    """Of the owner that is purged all is there, or nothing and all of it is known as left out."""
    counted = (
        "SELECT count(*) FROM keys JOIN ops USING (rid) WHERE owner = ?",
        "SELECT count(*) FROM left_out WHERE owner = ?",
    )
    here, left_out = (rows(datastore, ask, bytes.fromhex(ALICE.address))[0][0] for ask in counted)
    assert (here, left_out) in (((0, PURGED),) if is_gone else ((0, PURGED), (PURGED, 0)))
    assert (datastore.rations.of(ALICE.address) is not None) == (here == 0)


def _assert_side_by_side(datastore: Datastore) -> None:
    """A record is deleted and brought back with what stands behind it: never one without the other."""
    for (subject,) in rows(datastore, "SELECT subject FROM manifests"):
        assert isinstance(subject, bytes)
        found, entry = datastore.manifests.get(subject.hex()), datastore.entry(subject.hex())
        assert found is not None
        if entry is None or entry.record["name"] == "one":  # of the other one it is removed by itself
            assert (found.manifest is None) == (entry is None)


def _keys(home: Path) -> set[str]:
    return {path.read_text().strip() for path in (home / REPLICA).glob(f"{KEY_FILE}*")}


def _assert_cursor_behind_ops(datastore: Datastore, lines: list[bytes], acknowledged: list[str]) -> None:
    stored = {*datastore.log.lines(0, datastore.log.head().size)}
    aside = {
        digest for table in ("pending", "rejected") for (digest,) in rows(datastore, f"SELECT digest FROM {table}")
    }
    done = [0, *(int(line.partition(" ")[2]) for line in acknowledged if line.startswith("read"))]
    asked = "SELECT next_index, running_sum, edge, edge_size FROM cursors"
    ((next_index, total, edge, edge_size),) = rows(datastore, asked) or [(0, "0" * 64, None, None)]
    assert isinstance(next_index, int)
    assert max(done) <= next_index <= len(lines), "an acknowledged batch is lost"
    read = lines[:next_index]
    for line in read:
        assert line in stored or hashlib.blake2b(line, digest_size=32).digest() in aside, "the cursor ran ahead"
    assert total == f"{sum(int(line.rstrip(b'}')[-65:-1], 16) for line in read) % 2**256:064x}"
    # The tree over the log moves with the cursor.
    tree = RightEdge().extended(bytes.fromhex(line.rstrip(b"}")[-65:-1].decode()) for line in read)
    assert next_index == 0 or (edge, edge_size) == (tree.to_bytes(), next_index)
    if "pulled" in acknowledged:
        assert next_index == len(lines)
