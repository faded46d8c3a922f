"""One operation has one word for what it did, and one for how it stands, wherever one looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.seeds import NOW, make_record, owner, written
from tui_registry.datastore import Datastore
from tui_registry.present.deeds import standing
from tui_registry.present.record_rows import fact_rows, needs, signature_rows
from tui_registry.tui.browse.record_detail import Surroundings, version_lines
from tui_registry.tui.history.history_screen import operation_columns, operation_value

_STANDING = ("current", "rival", "gone")
_TIMES = ("WHEN", "WRITTEN", "ARRIVED")


@pytest.fixture
def lived(data_dir: Path, tmp_path: Path) -> tuple[str, str, str]:
    """A replica with three records: one to which everything was done, one in conflict, and one that is deleted."""
    me = owner("me")
    with Datastore.open(data_dir) as here, Datastore.open(tmp_path / "there") as there:
        for datastore in (here, there):
            datastore.key.replace(me)

        def write(datastore: Datastore, key: str, version: str) -> None:
            entry = datastore.entry(key)
            assert entry is not None
            written(datastore, key, {**entry.record, "version": version})

        def apart(key: str) -> None:
            there.apply(here.log.lines(0, here.log.head().size))
            write(there, key, "2.0.0")
            write(here, key, "3.0.0")
            here.apply(there.log.lines(0, there.log.head().size))

        full, rivals, gone = (here.add("model", make_record("model", name)).key for name in ("full", "rivals", "gone"))
        apart(full)
        write(here, full, "4.0.0")
        entry = here.entry(full)
        assert entry is not None
        here.delete("model", full, entry.heads)
        here.add("model", entry.record)
        apart(rivals)
        here.delete("model", gone, here.heads(gone))
    return full, rivals, gone


def on_the_command_line(table: str, deeds: set[str]) -> dict[str, tuple[str, str]]:
    """The deed and the standing of each operation in a table of `history`, by the beginning of its hash."""
    found = {}
    for line in table.splitlines():
        told = [deed for deed in deeds if f" {deed} " in line]
        stands = [word for word in _STANDING if f" {word} " in line]
        if told:
            found[line[:12]] = (told[0], stands[0] if stands else "")
    return found


def test_every_face_says_the_same_of_an_operation(cli: Cli, data_dir: Path, lived: tuple[str, str, str]) -> None:
    with Datastore.open(data_dir) as datastore:
        operations = datastore.log.operations(limit=100).rows
        of_records = {entry.hash: entry for key in lived for entry in datastore.history(key)}
    told = {operation.hash[:12]: (operation.did, standing(operation)) for operation in operations}
    assert {did for did, _ in told.values()} == {"registered", "edited", "settled", "deleted", "brought back"}
    assert {stands for _, stands in told.values()} == {*_STANDING, ""}

    assert {digest[:12]: (entry.did, standing(entry)) for digest, entry in of_records.items()} == told
    deeds = {did for did, _ in told.values()}
    assert {line["hash"][:12]: line["did"] for line in cli("history", "--json").lines} == {
        digest: did for digest, (did, _) in told.items()
    }
    everything = on_the_command_line(cli("history").out, deeds)
    assert {digest: did for digest, (did, _) in everything.items()} == {d: did for d, (did, _) in told.items()}
    one_by_one: dict[str, tuple[str, str]] = {}
    for key in lived:
        one_by_one |= on_the_command_line(cli("history", key).out, deeds)
    assert one_by_one == told


def test_show_has_the_rows_of_the_detail_in_their_words(cli: Cli, data_dir: Path) -> None:
    needs_much = make_record("model", "big", quantization="INT4", tags=["chat", "code"])
    needs_much["resource_requirements"] = {
        **dict(needs_much["resource_requirements"]), "min_vcpus": 2, "requires_gpu": True, "min_vram_gb": 16,
    }  # fmt: skip
    with Datastore.open(data_dir) as datastore:
        key = datastore.add("model", needs_much).key
        entry = datastore.entry(key)
    assert entry is not None
    shown = [line.strip() for line in cli("show", key).out.splitlines()]
    for row in (*signature_rows(entry), *fact_rows(entry.record)):
        assert (f"{row.plain:<14}{row.text}" in shown) is row.stated
    assert f"{'needs':<14}{', '.join(needs(entry.record))}" in shown
    assert "2 vCPUs, " in cli("show", key).out


def test_the_app_lists_operations_below_the_same_heads_in_the_same_words(
    cli: Cli, data_dir: Path, lived: tuple[str, str, str]
) -> None:
    with Datastore.open(data_dir) as datastore:
        operations = datastore.log.operations(limit=100).rows
    columns = {column.title: column for column in operation_columns(160, by_time=True)}
    order, heads, *lines = cli("history").out.splitlines()
    assert order == "operations of this replica, the last arrived first"
    alike = {*heads.split()} - {"ID", "FROM", *_TIMES}
    assert alike == {*columns} - {"NOW", "CLOCK", *_TIMES}
    for operation, line in zip(operations, lines, strict=True):
        shown = {title: operation_value(operation, column, NOW, {}) for title, column in columns.items()}
        assert (shown["DID"], shown["NOW"]) == (operation.did, standing(operation))
        assert all(f"{shown[title]} " in line for title in alike)


def test_the_detail_tells_the_history_of_a_record_in_the_same_words(
    data_dir: Path, lived: tuple[str, str, str]
) -> None:
    with Datastore.open(data_dir) as datastore:
        around = Surroundings(0, {}, datastore.address)
        for key in lived:
            entries = datastore.history(key)
            for entry in entries:
                title = version_lines(entry, around, 100)[0].plain
                assert title.startswith("  ".join(("", entry.did, *filter(None, [standing(entry)]), "")))
