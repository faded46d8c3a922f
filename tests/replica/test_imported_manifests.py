"""Importing twice is importing once for manifests too: what the source changed is taken, what a person edited stays."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings, strategies as st

from tests.laws import examples
from tests.replica.replicas import database, replica
from tests.replica.test_imported import ALL, size
from tests.seeds import make_record, owner
from tui_registry.datastore import Datastore, ImportRun, TakenIn, carry_out, carry_out_reverse, plan_undo
from tui_registry.errors import ABSENT, GivenManifest, Json, Record
from tui_registry.records.schema import defaults
from tui_registry.replica.catalogue.current import revision_with

FILES: Json = [
    {"uri": "a.gguf", "media_type": "", "sha256": None, "size_bytes": 7, "quantization": None},
    {"uri": "b.gguf", "media_type": "", "sha256": "ab" * 32, "size_bytes": 8, "quantization": None},
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Datastore]:
    """One replica for tests that each have names of their own."""
    with replica() as opened:
        opened.key.replace(owner("me"))
        yield opened


def manifest(**fields: Json) -> Record:
    return defaults("manifest") | fields


def taken(
    store: Datastore, name: str, given: GivenManifest, *, update: bool = True, wins: bool = False, **fields: Json
) -> TakenIn:
    """What became of a source that says this; of a manifest it states what is no default."""
    run = ImportRun("http://x", "import")
    stated = (
        {field for field in given if given[field] != defaults("manifest")[field]} if isinstance(given, dict) else ()
    )
    record = make_record("model", name, **fields)
    entry = run.describe(
        f"http://x/{name}", "", "model", record, stated=ALL, manifest=given, manifest_stated=stated, manifest_wins=wins
    )
    (compared,) = store.imports.compare(run, [entry])
    (one,) = store.take_in([entry], run, register=not update, update=update)
    assert one.error is None
    # What was said before is what is done
    assert (compared.found, compared.manifest_changes) == (one.comparison.found, one.comparison.manifest_changes)
    return one


def identifier(one: TakenIn) -> str:
    found = one.comparison.id or (one.op.key if one.op is not None else None)
    assert found is not None
    return found


def shown(store: Datastore, record: str) -> Record | None:
    entry = store.manifests.get(record)
    return None if entry is None else entry.manifest


def at(store: Datastore, record: str, field: str) -> Json:
    found = shown(store, record)
    assert found is not None
    return found[field]


def edit(store: Datastore, record: str, **fields: Json) -> None:
    entry = store.manifests.get(record)
    assert entry is not None
    store.manifests.set(record, {**(entry.manifest or defaults("manifest")), **fields}, entry.heads)


def test_the_same_twice_signs_nothing_and_a_change_of_the_manifest_alone_is_one_operation(shared: Datastore) -> None:
    said = manifest(languages=["en"], artifacts=FILES)
    first = taken(shared, "once", said)
    record, before = identifier(first), size(shared)
    assert at(shared, record, "artifacts") == FILES
    for update in (False, True):
        assert taken(shared, "once", said, update=update).comparison.found == "same"
    assert size(shared) == before
    changed = taken(shared, "once", said | {"languages": ["en", "nl"]})
    assert [one.path for one in changed.comparison.manifest_changes] == ["manifest.languages"]
    assert changed.comparison.changes == ()
    assert changed.op is not None
    assert (changed.op.kind, size(shared)) == ("manifest", before + 1)
    assert taken(shared, "once", said | {"languages": ["en", "nl"]}).comparison.found == "same"
    # Both at once are two operations, and one undo
    both = taken(shared, "once", said | {"languages": ["nl"]}, description="another")
    assert (both.comparison.found, size(shared)) == ("changed", before + 3)
    assert at(shared, record, "languages") == ["nl"]


def test_a_change_that_is_only_listed_is_listed_again(shared: Datastore) -> None:
    taken(shared, "listed", manifest(languages=["en"]))
    for _ in range(2):
        assert taken(shared, "listed", manifest(languages=["nl"]), update=False).comparison.found == "changed"
    assert taken(shared, "listed", manifest(languages=["nl"])).op is not None


def test_a_record_that_has_no_manifest_gets_one_when_asked(shared: Datastore) -> None:
    record = identifier(taken(shared, "bare", ABSENT))
    assert shown(shared, record) is None
    looked = taken(shared, "bare", manifest(languages=["en"]), update=False)
    assert (looked.comparison.found, looked.op, looked.comparison.manifest_before) == ("changed", None, None)
    taken(shared, "bare", manifest(languages=["en"]))
    assert at(shared, record, "languages") == ["en"]
    # A source that says nothing of it any more leaves it as it is
    assert taken(shared, "bare", ABSENT).comparison.found == "same"
    assert taken(shared, "bare", manifest(languages=["en"])).comparison.found == "same"


def test_what_a_person_edited_stays_and_is_told_and_the_rest_is_taken(shared: Datastore) -> None:
    said = manifest(documentation_url="https://a.example", repository_url="https://r.example", artifacts=FILES)
    record = identifier(taken(shared, "edited", said))
    mine = {"uri": "c.gguf", "media_type": "", "sha256": None, "size_bytes": 9, "quantization": None}
    assert isinstance(FILES, list)
    edit(shared, record, documentation_url="https://mine.example", artifacts=[FILES[0], mine], status="Deprecated")
    later = said | {
        "documentation_url": "https://b.example", "repository_url": "https://s.example",
        "artifacts": [FILES[0] | {"size_bytes": 70}, FILES[1]] if isinstance(FILES[0], dict) else [],
    }  # fmt: skip
    one = taken(shared, "edited", later)
    assert one.comparison.edited == ("manifest.documentation_url",)
    assert at(shared, record, "documentation_url") == "https://mine.example"
    assert at(shared, record, "repository_url") == "https://s.example"
    assert at(shared, record, "status") == "Deprecated"
    files = at(shared, record, "artifacts")
    assert isinstance(files, list)
    # The file that the person took away stays away, the one of theirs stays, the new size is taken
    assert files == [{**mine, "uri": "a.gguf", "size_bytes": 70}, mine]
    assert taken(shared, "edited", later).comparison.found == "same"


def test_a_digest_that_is_not_made_anew_stays_while_the_file_is_as_large(shared: Datastore) -> None:
    def files(digest: str | None, length: int = 7) -> Record:
        one: Record = {"uri": "a.gguf", "media_type": "", "sha256": digest, "size_bytes": length, "quantization": None}
        return manifest(artifacts=[one])

    record = identifier(taken(shared, "hashed", files("ab" * 32)))
    assert taken(shared, "hashed", files(None)).comparison.found == "same"
    taken(shared, "hashed", files(None), description="another")
    assert at(shared, record, "artifacts") == files("ab" * 32)["artifacts"]
    taken(shared, "hashed", files(None, 8))
    assert at(shared, record, "artifacts") == files(None, 8)["artifacts"]


def test_a_manifest_that_was_deleted_here_stays_so_unless_the_file_says_how_it_is_to_be(shared: Datastore) -> None:
    said = manifest(languages=["en"])
    record = identifier(taken(shared, "deleted", said))
    entry = shared.manifests.get(record)
    assert entry is not None
    shared.manifests.delete(record, entry.heads)
    assert taken(shared, "deleted", said).comparison == taken(shared, "deleted", said).comparison
    one = taken(shared, "deleted", manifest(languages=["nl"]))
    assert (one.comparison.found, one.comparison.edited) == ("same", ("manifest",))
    assert shown(shared, record) is None
    taken(shared, "deleted", manifest(languages=["nl"]), wins=True)
    assert at(shared, record, "languages") == ["nl"]


def test_a_file_that_says_that_there_is_to_be_none_takes_away_what_nobody_edited(shared: Datastore) -> None:
    first, second = (identifier(taken(shared, name, manifest(languages=["en"]))) for name in ("null-1", "null-2"))
    edit(shared, second, languages=["nl"])
    gone = taken(shared, "null-1", None)
    assert (gone.op is not None, shown(shared, first)) == (True, None)
    kept = taken(shared, "null-2", None)
    assert (kept.op, kept.comparison.edited, at(shared, second, "languages")) == (None, ("manifest",), ["nl"])
    taken(shared, "null-2", None, wins=True)
    assert shown(shared, second) is None
    for name in ("null-1", "null-2"):
        assert taken(shared, name, None).comparison.found == "same"


def test_what_was_signed_in_a_form_without_the_manifest_gets_it_at_the_next_import(shared: Datastore) -> None:
    record = shared.add("model", make_record("model", "form")).key
    run, said = ImportRun("http://x", "import"), manifest(languages=["en"])
    entry = run.describe("http://x/form", "", "model", make_record("model", "form"), stated=ALL, manifest=said)
    shared.imports.remember(entry, record)
    assert taken(shared, "form", said).comparison.found == "changed"
    assert at(shared, record, "languages") == ["en"]
    assert taken(shared, "form", said).comparison.found == "same"


def test_what_a_person_wrote_by_hand_is_added_to_and_never_replaced(shared: Datastore) -> None:
    record = identifier(taken(shared, "by-hand", ABSENT))
    edit(shared, record, languages=["fr"], documentation_url="https://mine.example")
    one = taken(shared, "by-hand", manifest(languages=["en"], documentation_url="https://a.example"))
    assert one.comparison.edited == ("manifest.documentation_url",)
    assert at(shared, record, "languages") == ["fr", "en"]
    assert at(shared, record, "documentation_url") == "https://mine.example"


def test_a_manifest_of_a_memory_that_somebody_damaged_is_one_that_nobody_remembers(shared: Datastore) -> None:
    record = identifier(taken(shared, "damaged", manifest(languages=["en"])))
    for inner in (
        b'{"manifest": {"languages": 7, "artifacts": [1]}}',
        b'{"manifest": [1]}',
        b"{",
        b'{"manifest": null}',
    ):
        with database(shared) as db:
            db.execute("UPDATE imported SET said = ? WHERE source = 'http://x/damaged'", (zlib.compress(inner),))
        assert taken(shared, "damaged", manifest(languages=["en"], artifacts=FILES)).comparison.found != "kept"
    assert at(shared, record, "languages") == ["en"]


def test_undoing_an_import_takes_both_back_in_one(shared: Datastore) -> None:
    record = identifier(taken(shared, "undone", manifest(languages=["en"])))
    taken(shared, "undone", manifest(languages=["nl"]), description="another")
    (batch,) = shared.log.batches(1)
    failures = carry_out_reverse(shared, shared.log.reverse(batch.number))
    assert not failures
    assert at(shared, record, "languages") == ["en"]
    entry = shared.entry(record)
    assert entry is not None
    assert entry.record["description"] != "another"


def test_undoing_what_an_import_did_to_one_record_takes_back_both(shared: Datastore) -> None:
    run, said = ImportRun("http://x", "import"), manifest(languages=["en"])
    entries = [
        run.describe(f"http://x/both-{n}", "", "model", make_record("model", f"both-{n}"), stated=ALL, manifest=said)
        for n in range(2)
    ]
    first, second = (identifier(one) for one in shared.take_in(entries, run, register=True))
    carry_out(shared, plan_undo(shared, first))
    assert (shared.entry(first), shown(shared, first)) == (None, None)
    assert at(shared, second, "languages") == ["en"]


def test_a_copy_that_was_edited_is_taken_and_one_of_an_earlier_version_undoes_nothing(shared: Datastore) -> None:
    record = identifier(taken(shared, "copied", manifest(languages=["en"])))

    def copy(given: GivenManifest, revision: str | None) -> TakenIn:
        run = ImportRun("", "apply")
        entry = shared.entry(record)
        assert entry is not None
        described = run.describe(
            "", "", "model", entry.record, stated=ALL, heads=entry.heads, revision=revision, manifest=given
        )
        (one,) = shared.take_in([described], run, update=True)
        return one

    def revision() -> str:
        entry, beside = shared.entry(record), shared.manifests.get(record)
        assert entry is not None
        assert beside is not None
        return revision_with(entry.heads, beside.heads)

    first, said = revision(), shown(shared, record)
    assert said is not None
    assert copy(said, first).comparison.found == "same"
    assert copy({**said, "languages": ["nl"]}, first).op is not None
    assert at(shared, record, "languages") == ["nl"]
    # What was printed before that, as it was printed, and changed without a look at what is here
    assert copy(said, first).comparison.found == "same"
    stale = copy({**said, "languages": ["fr"]}, first)
    assert (stale.comparison.found, stale.op) == ("kept", None)
    assert copy(None, revision()).op is not None
    assert shown(shared, record) is None


TEXTS = st.lists(st.sampled_from(["en", "nl", "fr"]), unique=True, max_size=3).map(list[Json])
FIELDS = ("languages", "documentation_url")
COUNT = iter(range(10**6))


@settings(max_examples=examples(12, 300))
@given(st.lists(st.tuples(st.sampled_from(["source", "person"]), TEXTS, st.integers(0, 2)), max_size=5))
def test_nothing_that_a_person_edited_is_lost_and_what_nobody_edited_is_as_the_source_says(
    shared: Datastore, steps: list[tuple[str, list[Json], int]]
) -> None:
    name, said = f"law-{next(COUNT)}", manifest(languages=["en"], documentation_url="https://0.example")
    record = identifier(taken(shared, name, said))
    added: set[str] = set()
    mine = ""
    for who, languages, number in steps:
        if who == "source":
            said = said | {"languages": ["en", *(one for one in languages if one != "en")]}
            said = said | {"documentation_url": f"https://{number}.example"}
            taken(shared, name, said)
            before = size(shared)
            assert taken(shared, name, said).comparison.found == "same"
            assert size(shared) == before
        else:
            mine, own = f"https://mine-{number}.example", f"x-{number}"
            present = at(shared, record, "languages")
            assert isinstance(present, list)
            edit(shared, record, documentation_url=mine, languages=[*(one for one in present if one != own), own])
            added.add(own)
        now = at(shared, record, "languages")
        assert isinstance(now, list)
        assert added <= set(map(str, now))
        assert {one for one in now if one not in added} == set(
            said["languages"] if isinstance(said["languages"], list) else ()
        )
        assert at(shared, record, "documentation_url") == (mine or said["documentation_url"])
