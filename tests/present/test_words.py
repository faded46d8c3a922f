"""The words and rows that every face takes from `present`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.seeds import NOW, make_record
from tui_registry.datastore import Datastore, Entry, plan_undo
from tui_registry.errors import KINDS, Json, Kind, Record
from tui_registry.present import amounts, deeds, undone
from tui_registry.present.record_rows import (
    Row,
    better_with,
    changed_rows,
    fact_rows,
    identity_rows,
    needs,
    requirement_rows,
    signature_rows,
    signed_by,
    warnings,
)
from tui_registry.records.schema import FIELDS, ID_FIELD, Struct

GPU: dict[str, Json] = {
    "min_vcpus": 1, "recommended_vcpus": 8, "min_memory_mb": 16_400, "recommended_memory_mb": 32_768, "min_disk_gb": 20,
    "recommended_disk_gb": 1024, "requires_gpu": True, "min_vram_gb": 16, "cuda_cores": 3584, "tensor_cores": None,
}  # fmt: skip


def entry_of(record: Record, **facts: object) -> Entry:
    entry = Entry("model", "a" * 64, record, ("1" * 64,), ("1" * 64,), (), False, None, False, 1536)
    return entry._replace(**facts)


def shown(rows: list[Row]) -> dict[str, str]:
    return {row.plain: row.text for row in rows}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (amounts.vcpus(1), "1 vCPU"),
        (amounts.vcpus(2), "2 vCPUs"),
        (amounts.memory(16_384), "16 GB"),
        (amounts.memory(1536), "1.5 GB"),
        (amounts.memory(16_400), "16,400 MB"),
        (amounts.memory(0), "0 MB"),
        (amounts.memory(2**64 - 1), "18,446,744,073,709,551,615 MB"),
        (amounts.gigabytes(1024), "1 TB"),
        (amounts.parameters(940), "940"),
        (amounts.parameters(7_600_000_000), "7,600,000,000 (7.6 B)"),
        (amounts.moment(0, 0), "1970-01-01 00:00:00 UTC (now)"),
        (amounts.moment(0, 3 * 86_400), "1970-01-01 00:00:00 UTC (3 d ago)"),
        (amounts.moment(3600, 0), "1970-01-01 01:00:00 UTC (in 1 h)"),
        (deeds.by_whom("7a1c" + "0" * 32 + "93ef", False, {}), "0x7a1c..93ef"),
        (deeds.by_whom("a" * 40, False, {"a" * 40: "the lab"}), "the lab"),
        (deeds.by_whom("a" * 40, True, {"a" * 40: "the lab"}), "you"),
    ],
)
def test_amounts_moments_and_signers_in_words(said: str, words: str) -> None:
    assert said == words


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_that_an_author_writes_has_a_row(kind: Kind) -> None:
    record = make_record(kind, "x")
    rows = [*identity_rows(record), *fact_rows(record), *requirement_rows(record)]
    leaves = []
    for field in FIELDS[kind]:
        inner = field.type.fields if isinstance(field.type, Struct) else ()
        leaves += [f"{field.name}.{deeper.name}" for deeper in inner] or [field.name]
    assert {row.path for row in rows} == set(leaves) - {ID_FIELD[kind], "owner_id", "created_at", "updated_at"}
    assert all(row.text for row in rows)
    assert len({row.label for row in rows}) == len(rows)


def test_what_a_record_leaves_open_is_said_in_words_and_marked() -> None:
    rows = fact_rows(make_record("model", "x", parameters=0, context_length=None))
    said = {row.plain: (row.text, row.stated) for row in rows}
    assert said["parameters"] == said["context"] == said["input speed"] == ("not stated", False)
    assert said["quantisation"] == said["tags"] == ("none", False)
    assert said["licence"] == ("MIT", True)


def test_what_it_needs_is_the_same_on_one_line_and_in_rows() -> None:
    record = make_record("model", "x", resource_requirements=GPU)
    assert needs(record) == ["1 vCPU", "16,400 MB memory", "20 GB disk", "GPU with 16 GB memory", "3,584 CUDA cores"]
    assert better_with(record) == ["8 vCPUs", "32 GB memory", "1 TB disk"]
    rows = shown(requirement_rows(record))
    assert (rows["vCPUs"], rows["memory"], rows["recommended disk"]) == ("1", "16,400 MB", "1 TB")
    assert (rows["GPU"], rows["GPU memory"], rows["tensor cores"]) == ("required", "16 GB", "not stated")


def test_text_of_strangers_is_safe_in_every_row() -> None:
    evil = "a\x1b[2J\u202e\nb"
    record = make_record(
        "model", evil, version=evil, license=evil, description=evil, tags=[evil], framework={"Other": evil},
        formfile_template=evil, capabilities=[evil], owner_id=evil,
    )  # fmt: skip
    entry = entry_of(record, owner_name=evil)
    rows = [*identity_rows(record), *fact_rows(record), *signature_rows(entry)]
    assert not any(character in row.text for row in rows for character in "\x1b\u202e\n")


def test_whose_signature_it_is() -> None:
    record = make_record("model", "x", owner_id="b" * 40)
    assert signed_by(entry_of(record, mine=True)) == "signed by your key"
    assert signed_by(entry_of(record)) == "signed by a key you have not named"
    assert signed_by(entry_of(record, owner_name="the lab")) == "signed by a key which you call the lab"
    assert signed_by(entry_of(record, owner_name="the lab"), 2).endswith("the lab, as 1 more")


def test_the_live_version_that_is_shown_is_the_current_one_and_the_others_are_its_rivals() -> None:
    entry = entry_of(make_record("model", "x", owner_id="b" * 40, updated_at=NOW), live_heads=("1" * 64, "2" * 64))
    heads = [(row.plain, row.text) for row in signature_rows(entry) if row.plain in ("current", "rival")]
    assert heads == [("current", "1" * 64), ("rival", "2" * 64)]
    assert warnings(entry, NOW) == [deeds.conflict(2)]
    assert "2 versions are live, the current one is shown" in deeds.conflict(2)
    assert warnings(entry._replace(live_heads=("1" * 64,), future=True), NOW - 3 * 86_400) == [
        "dated in 3 d, ahead of this machine's clock"
    ]


def test_an_undo_is_asked_and_told_with_what_it_changes(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        key = datastore.add("model", make_record("model", "mine")).key
        plan = plan_undo(datastore, key)
        assert undone.question(plan, " (3fa9)") == ("Undo the registration of model “mine” (3fa9), that is, delete it?")
        assert (undone.answer(plan), undone.done(plan)) == ("Delete", "deleted model “mine”")

        entry = datastore.entry(key)
        assert entry is not None
        changed = {**entry.record, "license": "Apache-2.0", "resource_requirements": {**GPU, "min_vcpus": 4}}
        datastore.update("model", key, changed, entry.heads)
        plan = plan_undo(datastore, key)
        assert undone.question(plan) == "Undo the last change of model “mine”?"
        lines = undone.detail(plan).split("\n")
        assert lines[:2] == ["Licence: Apache-2.0 → MIT", "vCPUs: 4 → 1"]
        assert lines[-1].startswith("This is one more signed operation")
        assert [row.plain for row, _ in changed_rows(plan.now, plan.then)][:2] == ["licence", "vCPUs"]
        assert (undone.answer(plan), undone.done(plan)) == ("Undo", "“mine” is as it was before")

        datastore.delete("model", key, datastore.heads(key))
        plan = plan_undo(datastore, key)
        assert undone.question(plan) == "Bring back the model “mine”?"
        assert (undone.answer(plan), undone.done(plan)) == ("Bring back", "“mine” is back")
