"""Importing twice is importing once, and what a person edited here is never lost to a source."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given, settings, strategies as st

from tests.laws import examples
from tests.replica.programs import Program
from tests.replica.replicas import database, replica, rows
from tests.seeds import make_record, owner, written
from tui_registry.datastore import (
    Comparison,
    Datastore,
    Described,
    FieldChange,
    ImportRun,
    TakenIn,
    carry_out_reverse,
    plan_undo,
)
from tui_registry.errors import Json, Problem, Record
from tui_registry.records.as_written import read_record
from tui_registry.records.merging import paths

PLACE = "http://x"
ALL = paths("model")


@pytest.fixture(scope="module")
def shared() -> Iterator[Datastore]:
    """One replica for tests that each have names of their own."""
    with replica() as opened:
        opened.key.replace(owner("me"))
        yield opened


@pytest.fixture
def datastore() -> Iterator[Datastore]:
    with replica() as opened:
        opened.key.replace(owner("me"))
        yield opened


def draft(name: str, **fields: Json) -> Record:
    return make_record("model", name, **fields)


Entry = tuple[str, str | None, Record]


def described(run: ImportRun, entries: Sequence[Entry], stated: Sequence[str] = ALL) -> list[Described]:
    return [run.describe(source, entry, "model", record, stated=stated) for source, entry, record in entries]


def compared(datastore: Datastore, *entries: Entry, stated: Sequence[str] = ALL) -> list[Comparison]:
    run = ImportRun(PLACE, "import")
    return datastore.imports.compare(run, described(run, entries, stated))


def taken(
    datastore: Datastore, *entries: Entry, register: bool = False, update: bool = False, stated: Sequence[str] = ALL
) -> list[TakenIn]:
    run = ImportRun(PLACE, "import")
    found = [*datastore.take_in(described(run, entries, stated), run, register=register, update=update)]
    assert all(one.error is None for one in found)
    return found


def registered(datastore: Datastore, *entries: Entry) -> list[str]:
    """The ids of entries that were registered."""
    ids = [one.op.key for one in taken(datastore, *entries, register=True) if one.op is not None]
    assert len(ids) == len(entries)
    return ids


def edit(datastore: Datastore, identifier: str, **fields: Json) -> None:
    entry = datastore.entry(identifier)
    assert entry is not None
    written(datastore, identifier, {**entry.record, **fields})


def size(datastore: Datastore) -> int:
    return datastore.log.head().size


def shown(datastore: Datastore, identifier: str) -> Record:
    entry = datastore.entry(identifier)
    assert entry is not None
    return entry.record


# ---- the rule, told by the sequences of what people and sources do ---------------------------------------------------

FIELDS = ("description", "parameters", "tags")
NAMES = ("one", "two")
Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("add", "list", "change", "change", "edit", "edit", "register", "update", "delete", "undo")),
        st.integers(0, 7),
        st.integers(0, len(FIELDS) - 1),
    ),
    min_size=3,
    max_size=14,
)


class World:
    """A source of files and a list, a replica that imports it, and what a person did there.

    Every value is made once, so that nobody says by chance what somebody else says.
    """

    def __init__(self, datastore: Datastore) -> None:
        self.datastore = datastore
        self.entries: list[Entry] = []
        self.ids: dict[int, str] = {}
        self.edits: dict[tuple[str, str], Json] = {}
        self.values = 0

    def fresh(self, who: str, field: str, before: Json) -> Json:
        self.values += 1
        match field:
            case "parameters":
                return 10**9 + self.values
            case "tags":
                assert isinstance(before, list)
                return [*before, f"{who}-{self.values}"]
        return f"{who} {self.values}"

    def do(self, step: Step) -> None:
        deed, which, field = step[0], step[1], FIELDS[step[2]]
        if deed in ("add", "list"):
            place, name = (f"{PLACE}/list", None) if deed == "list" else (f"{PLACE}/{len(self.entries)}", "")
            self.entries.append((place, name, draft(NAMES[which % 2])))
        elif deed == "change" and self.entries:
            source, name, record = self.entries[which % len(self.entries)]
            value = self.fresh("source", field, record[field])
            self.entries[which % len(self.entries)] = source, name, {**record, field: value}
        elif deed in ("edit", "delete", "undo") and self.ids:
            identifier = self.ids[[*self.ids][which % len(self.ids)]]
            entry = self.datastore.entry(identifier)
            if entry is None:
                return
            if deed == "edit":
                value = self.fresh("person", field, entry.record[field])
                written(self.datastore, identifier, {**entry.record, field: value})
                self.edits[identifier, field] = value
            elif deed == "delete":
                written(self.datastore, identifier, None)
            elif (identifier, field) not in self.edits and plan_undo(self.datastore, identifier).batch is not None:
                for batch in self.datastore.log.batches(1):
                    carry_out_reverse(self.datastore, self.datastore.log.reverse(batch.number))
                self.edits = {key: value for key, value in self.edits.items() if self.keeps(*key, value)}
        elif deed in ("register", "update"):
            self.take_in(update=deed == "update")

    def take_in(self, *, update: bool) -> None:
        looked = compared(self.datastore, *self.entries)
        before = size(self.datastore)
        found = taken(self.datastore, *self.entries, register=not update, update=update)
        # What was said before is what is done
        assert [one.comparison.found for one in found] == [one.found for one in looked]
        ids = [one.op.key if one.op is not None else one.comparison.id for one in found]
        live = [identifier for identifier in ids if identifier and self.datastore.entry(identifier) is not None]
        assert len(live) == len(set(live)), "two entries are one record"
        for place, one in enumerate(found):
            told = ids[place]
            assert told is not None
            # Of several of one name in a list, what they said tells which is which, and not their places
            if place in self.ids and one.comparison.found != "deleted" and self.is_alone(place):
                assert told == self.ids[place], "an entry became another record"
            if one.comparison.found == "changed":
                assert one.comparison.changes
            self.ids[place] = told
        signed = sum(one.op is not None for one in found)
        assert size(self.datastore) == before + signed
        again = taken(self.datastore, *self.entries, register=not update, update=update)
        assert size(self.datastore) == before + signed, "the same twice signed something"
        assert {one.comparison.found for one in again} <= {"same", "deleted" if update else "changed"}

    def is_alone(self, place: int) -> bool:
        source, _, record = self.entries[place]
        alike = [one for one in self.entries if (one[0], one[2]["name"]) == (source, record["name"])]
        return len(alike) == 1

    def keeps(self, identifier: str, field: str, value: Json) -> bool:
        entry = self.datastore.entry(identifier)
        if entry is None:
            return True
        now = entry.record[field]
        return (
            set(map(str, value)) <= set(map(str, now))
            if isinstance(value, list) and isinstance(now, list)
            else (now == value)
        )

    def check(self) -> None:
        for (identifier, field), value in self.edits.items():
            assert self.keeps(identifier, field, value), f"the {field} that a person wrote is lost"
        assert len([*self.datastore.search(limit=1000).rows]) <= len(self.entries)


@settings(max_examples=examples(12, 300))
@example(
    [
        ("add", 0, 0),
        ("update", 0, 0),
        ("edit", 0, 0),
        ("change", 0, 0),
        ("update", 0, 0),
        ("change", 0, 1),
        ("update", 0, 0),
    ]
)
@example([("list", 0, 0), ("list", 2, 0), ("register", 0, 0), ("change", 1, 2), ("edit", 1, 2), ("update", 0, 0)])
@example(
    [
        ("add", 0, 0),
        ("update", 0, 0),
        ("delete", 0, 0),
        ("update", 0, 0),
        ("register", 0, 0),
        ("add", 0, 0),
        ("update", 0, 0),
    ]
)
@example([("add", 0, 0), ("update", 0, 0), ("change", 0, 0), ("update", 0, 0), ("undo", 0, 0), ("update", 0, 0)])
@given(STEPS)
def test_nothing_that_a_person_edited_is_lost_and_the_same_twice_signs_nothing(steps: list[Step]) -> None:
    with replica() as datastore:
        datastore.key.replace(owner("me"))
        world = World(datastore)
        for step in steps:
            world.do(step)
            world.check()
        world.take_in(update=True)
        world.check()
        for place, (_, _, record) in enumerate(world.entries):
            entry = datastore.entry(world.ids[place])
            for field in FIELDS if entry is not None else ():
                # What nobody edited is what the source says, but for an undo, which stays
                if (world.ids[place], field) not in world.edits and "undo" not in [deed for deed, _, _ in steps]:
                    assert entry is not None
                    assert entry.record[field] == record[field]


# ---- what it is by a source that is remembered -----------------------------------------------------------------------


def test_an_entry_that_says_the_same_is_the_record_that_it_was_even_where_that_was_edited(shared: Datastore) -> None:
    entry: Entry = (f"{PLACE}/same", "", draft("same"))
    (identifier,) = registered(shared, entry)
    edit(shared, identifier, name="another name", description="mine")
    before = size(shared)
    for step in (compared(shared, entry), [one.comparison for one in taken(shared, entry, register=True, update=True)]):
        assert [(one.found, one.id) for one in step] == [("same", identifier)]
    assert size(shared) == before


def test_what_the_source_changed_is_taken_and_what_both_changed_stays_and_is_told(shared: Datastore) -> None:
    where = f"{PLACE}/changed"
    (identifier,) = registered(shared, (where, "", draft("changed", tags=["a", "b"])))
    edit(shared, identifier, description="mine", version="9.0.0", tags=["a", "b", "mine"])
    entry = (where, "", draft("changed", tags=["b", "c"], description="theirs", license="Apache-2.0"))
    (told,) = compared(shared, entry)
    assert (told.found, told.id, told.heads) == ("changed", identifier, shared.heads(identifier))
    assert told.edited == ("description",)
    assert told.changes == (
        FieldChange("license", "MIT", "Apache-2.0"),
        FieldChange("tags", ["a", "b", "mine"], ["b", "c", "mine"]),
    )
    (done,) = taken(shared, entry, update=True)
    assert done.op is not None
    record = shown(shared, identifier)
    assert (record["description"], record["version"], record["license"]) == ("mine", "9.0.0", "Apache-2.0")
    assert record["tags"] == ["b", "c", "mine"]
    # The person's is told once: from now on that is what the source says
    assert [(one.found, one.edited) for one in compared(shared, entry)] == [("same", ())]


def test_a_change_that_is_only_listed_is_listed_again(shared: Datastore) -> None:
    where = f"{PLACE}/listed"
    registered(shared, (where, "", draft("listed")))
    entry = (where, "", draft("listed", description="new"))
    for _ in range(2):
        (told,) = taken(shared, entry, register=True)
        assert (told.comparison.found, told.op) == ("changed", None)


def test_what_a_source_does_not_state_is_left_as_it_is(shared: Datastore) -> None:
    where = f"{PLACE}/unstated"
    (identifier,) = registered(shared, (where, "", draft("unstated", description="said once")))
    before = size(shared)
    # A server that did not answer for its details this time
    silent = (where, "", draft("unstated"))
    assert [one.comparison.found for one in taken(shared, silent, update=True, stated=["name"])] == ["same"]
    assert shown(shared, identifier)["description"] == "said once"
    whole = draft("unstated", description="said once")
    assert [one.found for one in compared(shared, (where, "", whole))] == ["same"]
    assert size(shared) == before
    # Nor does it forget what was said before, where it changes something else
    edit(shared, identifier, description="mine")
    taken(shared, (where, "", draft("unstated", license="ISC")), update=True, stated=["name", "license"])
    assert [one.found for one in compared(shared, (where, "", {**whole, "license": "ISC"}))] == ["same"]


def test_what_was_deleted_here_stays_so_until_somebody_asks_for_it(shared: Datastore) -> None:
    entry: Entry = (f"{PLACE}/deleted", "", draft("deleted"))
    (identifier,) = registered(shared, entry)
    written(shared, identifier, None)
    (left,) = taken(shared, entry, update=True)
    assert (left.comparison.found, left.comparison.id, left.op) == ("deleted", identifier, None)
    assert left.comparison.reason is not None
    assert "--register" in left.comparison.reason.sentence
    (anew,) = registered(shared, entry)
    assert anew != identifier
    assert [(one.found, one.id) for one in compared(shared, entry)] == [("same", anew)]


def test_what_was_deleted_and_registered_again_by_hand_is_that(shared: Datastore) -> None:
    entry: Entry = (f"{PLACE}/again", "", draft("again"))
    written(shared, registered(shared, entry)[0], None)
    identifier = by_hand(shared, "again")
    assert [(one.found, one.id) for one in compared(shared, entry)] == [("same", identifier)]


def test_an_import_that_was_undone_can_be_made_again(datastore: Datastore) -> None:
    entries: list[Entry] = [(f"{PLACE}/{n}", "", draft("undone")) for n in range(3)]
    ids = registered(datastore, *entries)
    (batch,) = datastore.log.batches()
    assert (batch.label, batch.ops) == ("import", 3)
    carry_out_reverse(datastore, datastore.log.reverse(batch.number))
    assert [one.op for one in taken(datastore, *entries, update=True)] == [None] * 3
    assert set(registered(datastore, *entries)).isdisjoint(ids)
    # The undo undone: they are what the import remembers last
    assert {one.found for one in compared(datastore, *entries)} == {"same"}


def test_an_import_that_signs_nothing_is_no_batch(datastore: Datastore) -> None:
    entry: Entry = (f"{PLACE}/batch", "", draft("batch"))
    registered(datastore, entry)
    taken(datastore, entry, register=True, update=True)
    assert len(rows(datastore, "SELECT * FROM batches")) == 1


def test_a_record_in_conflict_is_left_to_the_person(datastore: Datastore) -> None:
    from tui_registry.crdt import sign_up

    where = f"{PLACE}/conflict"
    (identifier,) = registered(datastore, (where, "", draft("conflict")))
    (head,) = datastore.heads(identifier)
    rival = {**shown(datastore, identifier), "description": "rival"}
    edit(datastore, identifier, license="ISC")
    datastore.apply([sign_up(owner("me"), "model", rival, children=[head], clock=2)])
    before = size(datastore)
    (left,) = taken(datastore, (where, "", draft("conflict", version="2.0.0")), update=True)
    assert left.comparison.found == "kept"
    assert left.comparison.reason is not None
    assert left.comparison.reason.code == "conflict"
    assert f"resolve {identifier[:12]}" in left.comparison.reason.sentence
    assert size(datastore) == before
    # What says the same is nobody's concern
    assert [one.found for one in compared(datastore, (where, "", draft("conflict")))] == ["same"]


def test_what_a_person_sets_wins_and_is_no_word_of_the_source(shared: Datastore) -> None:
    where, said = f"{PLACE}/set", draft("set", license="bsd")

    def take(licence: str | None, **fields: Json) -> TakenIn:
        run = ImportRun(PLACE)
        theirs = {**said, **fields}
        record = theirs if licence is None else {**theirs, "license": licence}
        chosen = () if licence is None else ("license",)
        entry = run.describe(where, "", "model", record, said=theirs, stated=ALL, chosen=chosen)
        (found,) = shared.take_in([entry], run, update=True)
        return found

    first = take("BSD-3-Clause")
    assert first.op is not None
    # Without the person's word the source says what it said, and nothing is wrong with it any more
    assert [take(licence).comparison.found for licence in (None, "BSD-3-Clause")] == ["same", "same"]
    assert take("MIT").op is not None
    assert take(None, description="more").op is not None
    record = shown(shared, first.op.key)
    assert (record["license"], record["description"]) == ("MIT", "more")


def test_a_question_about_a_new_record_is_no_question_about_one_that_is_here(shared: Datastore) -> None:
    where, asked = f"{PLACE}/asked", Problem("model_type", "error", "not_stated", "which type is it?")
    stated = [path for path in ALL if path != "model_type"]

    def take(record: Record, *, chosen: Sequence[str] = ()) -> TakenIn:
        run = ImportRun(PLACE)
        problems = () if chosen else (asked,)
        entry = run.describe(where, "", "model", record, stated=stated, chosen=chosen, problems=problems)
        (found,) = shared.take_in([entry], run, update=True)
        return found

    refused = take(draft("asked"))
    assert (refused.op, getattr(refused.error, "problems", ())[:1]) == (None, (asked,))
    answered = take(draft("asked", model_type="Embedding"), chosen=["model_type"])
    assert answered.op is not None
    assert take(draft("asked")).comparison.found == "same"
    assert take(draft("asked", description="new")).op is not None
    assert shown(shared, answered.op.key)["model_type"] == "Embedding"


# ---- what it is without one ------------------------------------------------------------------------------------------


def by_hand(datastore: Datastore, name: str, **fields: Json) -> str:
    return datastore.add("model", draft(name, **fields)).key


def test_without_a_memory_kind_name_version_and_quantisation_find_the_record(shared: Datastore) -> None:
    identifier = by_hand(shared, "Named", quantization="INT4")
    for other in (
        draft("named", quantization="INT4"), draft("Named"), draft("Named", quantization="INT8"),
        draft("Named", quantization="INT4", version="2.0.0"),
    ):  # fmt: skip
        assert [one.found for one in compared(shared, (f"{PLACE}/named", "", other))] == ["new"]
    entry: Entry = (f"{PLACE}/named", "", draft("Named", quantization="INT4"))
    assert [(one.found, one.id) for one in compared(shared, entry)] == [("same", identifier)]
    assert [one.comparison.found for one in taken(shared, entry, register=True)] == ["same"]
    # Now it is known by its source
    edit(shared, identifier, name="Renamed")
    assert [(one.found, one.id) for one in compared(shared, entry)] == [("same", identifier)]


def test_without_a_memory_what_was_edited_since_it_was_registered_stays_and_is_told(shared: Datastore) -> None:
    identifier = by_hand(shared, "upgraded")
    edit(shared, identifier, description="mine")
    entry: Entry = (f"{PLACE}/upgraded", "", draft("upgraded", license="ISC"))
    (told,) = compared(shared, entry)
    assert (told.found, told.edited) == ("changed", ("description",))
    assert [change.path for change in told.changes] == ["license"]
    assert [one.op is not None for one in taken(shared, entry, update=True)] == [True]
    assert (shown(shared, identifier)["description"], shown(shared, identifier)["license"]) == ("mine", "ISC")


def test_where_several_records_are_meant_they_are_named_unless_one_says_just_that(shared: Datastore) -> None:
    ids = [by_hand(shared, "several", description=text) for text in ("first", "second")]
    before = size(shared)
    (left,) = taken(shared, (f"{PLACE}/several", "", draft("several")), register=True, update=True)
    assert (left.comparison.found, left.comparison.id, size(shared)) == ("kept", None, before)
    assert left.comparison.reason is not None
    assert left.comparison.reason.code == "ambiguous"
    assert all(identifier[:12] in left.comparison.reason.sentence for identifier in ids)
    (found,) = compared(shared, (f"{PLACE}/several", "", draft("several", description="second")))
    assert (found.found, found.id) == ("same", ids[1])


def test_another_s_record_is_never_meant_by_its_name(shared: Datastore) -> None:
    from tests.seeds import signed

    theirs = signed(owner("stranger"), "model", "theirs")
    shared.apply([theirs])
    assert [one.found for one in compared(shared, (f"{PLACE}/theirs", "", draft("theirs")))] == ["new"]
    record = shown(shared, theirs.key)
    assert [one.found for one in compared(shared, (f"{PLACE}/copy", theirs.key, record))] == ["same"]
    (told,) = compared(shared, (f"{PLACE}/copy", theirs.key, {**record, "description": "otherwise"}))
    assert (told.found, told.reason and told.reason.code) == ("kept", "not_owner")


# ---- several in one import -------------------------------------------------------------------------------------------


def test_entries_of_one_name_stay_as_many_records_as_they_are(datastore: Datastore) -> None:
    """A Q4 and a Q8 file with the same name in their headers, and two equal entries of one list."""
    entries: list[Entry] = [(f"{PLACE}/{file}", "", draft("twin")) for file in ("q4", "q8")]
    entries += [(f"{PLACE}/list", None, draft("twin"))] * 2
    assert len(set(registered(datastore, *entries))) == 4
    before = size(datastore)
    assert [one.comparison.found for one in taken(datastore, *entries, register=True)] == ["same"] * 4
    # One more of them is one more record, wherever it stands
    more: Entry = (f"{PLACE}/q2", "", draft("twin"))
    found = taken(datastore, more, *entries, update=True)
    assert [one.comparison.found for one in found] == ["new", *["same"] * 4]
    assert size(datastore) == before + 1


def test_a_list_that_is_put_in_another_order_is_the_same_list(datastore: Datastore) -> None:
    entries: list[Entry] = [(f"{PLACE}/list", None, draft(name, description=name)) for name in ("a", "b", "c")]
    registered(datastore, *entries)
    assert {one.found for one in compared(datastore, *reversed(entries))} == {"same"}


def test_several_of_one_name_are_told_apart_by_what_they_said_before(datastore: Datastore) -> None:
    one, two, three, four = (
        (f"{PLACE}/list", None, draft("twin", description=text)) for text in ("one", "two", "three", "four")
    )
    first, second, third = registered(datastore, one, two, three)
    changed: Entry = (f"{PLACE}/list", None, draft("twin", description="two, changed"))
    for entries, ids in (
        ((three, one, two), [third, first, second]),
        ((two, three), [second, third]),
        ((four, one, two, three), [None, first, second, third]),
        ((changed, three, one), [second, third, first]),
    ):
        found = compared(datastore, *entries)
        assert [one.id for one in found] == ids
        assert {one.found for one, entry in zip(found, entries, strict=True) if entry not in (changed, four)} == {
            "same"
        }
    assert size(datastore) == 3
    moved = taken(datastore, changed, three, one, update=True)
    assert [one.comparison.id for one in moved if one.op is not None] == [second]
    assert [one.found for one in compared(datastore, one, changed, three)] == ["same"] * 3
    # What was looked at is what is signed, be it taken alone
    run = ImportRun(PLACE, "import")
    again: Entry = (f"{PLACE}/list", None, draft("twin", description="two, changed again"))
    entries = described(run, [again, three, one])
    assert [one.id for one in datastore.imports.compare(run, entries)] == [second, third, first]
    (chosen,) = datastore.take_in(entries[:1], run, update=True)
    assert chosen.comparison.id == second


def test_a_file_that_was_moved_is_still_its_record_and_one_that_was_copied_beside_it_is_not(
    datastore: Datastore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("moved")
    here, there = folder / "a.json", folder / "b.json"
    here.touch()

    def found(*places: object) -> list[str]:
        run = ImportRun(str(folder), "import")
        entries = described(run, [(str(place), "", draft("moved")) for place in places])
        return [one.comparison.found for one in datastore.take_in(entries, run, update=True)]

    assert found(here) == ["new"]
    here.rename(there)
    assert found(there) == ["same"]
    here.touch()
    assert found(here, there) == ["new", "same"]


def test_a_file_whose_name_another_took_is_still_its_record(datastore: Datastore) -> None:
    one, two = draft("one"), draft("two", description="other")
    here, there, third = f"{PLACE}/a", f"{PLACE}/b", f"{PLACE}/c"
    first, second = registered(datastore, (here, "", one), (there, "", two))
    edit(datastore, first, description="mine")
    # They changed places
    swapped: list[Entry] = [(here, "", two), (there, "", one)]
    for words in ({"register": True}, {"update": True}, {"update": True}):
        found = taken(datastore, *swapped, **words)
        assert [(one.comparison.found, one.comparison.id) for one in found] == [("same", second), ("same", first)]
    assert shown(datastore, first)["description"] == "mine"
    # One moved on, and what took its place is new; what was looked at may be signed alone
    rotated: list[Entry] = [(here, "", draft("three")), (there, "", one), (third, "", two)]
    run = ImportRun(PLACE, "import")
    entries = described(run, rotated)
    looked = datastore.imports.compare(run, entries)
    assert [(one.found, one.id) for one in looked] == [("new", None), ("same", first), ("same", second)]
    (new,) = datastore.take_in(entries[:1], run, register=True)
    assert new.op is not None
    assert [one.found for one in compared(datastore, *rotated)] == ["same"] * 3
    assert [one.comparison.found for one in taken(datastore, *rotated, update=True)] == ["same"] * 3
    assert [one.id for one in compared(datastore, *rotated)] == [new.op.key, first, second]
    # One that was copied, and changed then, is changed
    copied: list[Entry] = [(here, "", draft("three", license="ISC")), (f"{PLACE}/copy", "", draft("three"))]
    assert [(one.found, one.id) for one in compared(datastore, *copied)] == [("changed", new.op.key), ("new", None)]
    # A file that says something else is changed, as ever
    edited: list[Entry] = [*rotated[:2], (third, "", draft("two", description="yet other"))]
    assert [one.found for one in compared(datastore, *edited)] == ["same", "same", "changed"]


def test_two_files_that_came_to_one_record_by_themselves_do_not_write_over_each_other(datastore: Datastore) -> None:
    """Each was imported alone and found the record; then the folder of both is."""
    for file in ("a", "b"):
        run = ImportRun(f"{PLACE}/{file}", "import")
        entries = described(run, [(f"{PLACE}/{file}", "", draft("both"))])
        [*datastore.take_in(entries, run, update=True)]
    assert size(datastore) == 1
    first: Entry = (f"{PLACE}/a", "", draft("both"))
    assert [one.found for one in compared(datastore, first, (f"{PLACE}/b", "", draft("both")))] == ["same", "same"]
    found = taken(datastore, first, (f"{PLACE}/b", "", draft("both", license="ISC")), update=True)
    assert [one.comparison.found for one in found] == ["same", "kept"]
    assert found[1].comparison.reason is not None
    assert found[1].comparison.reason.code == "twice"


def test_chosen_ones_of_a_list_that_was_looked_at_are_what_was_looked_at(datastore: Datastore) -> None:
    identifier = by_hand(datastore, "looked")
    run = ImportRun(PLACE, "import")
    entries = described(run, [(f"{PLACE}/{file}", "", draft("looked")) for file in ("a", "b")])
    assert [one.found for one in datastore.imports.compare(run, entries)] == ["same", "new"]
    # The second alone is registered: it is not the first's record now
    (chosen,) = datastore.take_in(entries[1:], run, register=True)
    assert chosen.op is not None
    assert chosen.op.key != identifier


def test_what_was_registered_by_hand_is_remembered(shared: Datastore) -> None:
    run = ImportRun(PLACE, "import")
    (entry,) = described(run, [(f"{PLACE}/form", "", draft("form"))])
    identifier = by_hand(shared, "form, as a person put it right")
    shared.imports.remember(entry, identifier)
    assert [(one.found, one.id) for one in compared(shared, (f"{PLACE}/form", "", draft("form")))] == [
        ("same", identifier)
    ]


# ---- our own exports -------------------------------------------------------------------------------------------------


def exported(datastore: Datastore, identifier: str, **fields: Json) -> Described:
    entry = datastore.entry(identifier)
    assert entry is not None
    run = ImportRun(f"{PLACE}/export", "import")
    record = {**entry.record, **fields}
    return run.describe(f"{PLACE}/export", identifier, "model", record, stated=ALL, heads=entry.heads)


def test_an_export_is_its_record_and_an_old_one_undoes_nothing(shared: Datastore) -> None:
    identifier = by_hand(shared, "exported", description="first")
    run = ImportRun(f"{PLACE}/export", "import")
    old, edited = exported(shared, identifier), exported(shared, identifier, license="ISC")
    assert [one.found for one in shared.imports.compare(run, [old])] == ["same"]
    (told,) = shared.imports.compare(run, [edited])
    assert [change.path for change in told.changes] == ["license"]
    edit(shared, identifier, description="second")
    # A copy of what was there says nothing new; one that was edited meanwhile is told
    (same,) = shared.take_in([old], run, update=True)
    (left,) = shared.take_in([edited], run, update=True)
    assert (same.comparison.found, left.comparison.found) == ("same", "kept")
    assert left.comparison.reason is not None
    assert left.comparison.reason.code == "changed"
    assert (shown(shared, identifier)["description"], shown(shared, identifier)["license"]) == ("second", "MIT")
    (done,) = shared.take_in([exported(shared, identifier, license="ISC")], run, update=True)
    assert done.op is not None
    assert (shown(shared, identifier)["description"], shown(shared, identifier)["license"]) == ("second", "ISC")


def test_an_export_of_another_replica_is_registered_once(shared: Datastore) -> None:
    entry: Entry = (f"{PLACE}/elsewhere", "e" * 64, {**draft("elsewhere"), "model_id": "e" * 64})
    (identifier,) = registered(shared, entry)
    assert [(one.found, one.id) for one in compared(shared, entry)] == [("same", identifier)]


# ---- the memory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"", b"nonsense", zlib.compress(b"not JSON"), zlib.compress(b"7"), zlib.compress(b"[" * 100_000),
        zlib.compress(b'{"name": ["?"], "description": 7}'), zlib.compress(b'{"nosuch": 1}'),
        zlib.compress(b'"' + b"x" * 10_000_000 + b'"'), zlib.compress(json.dumps(draft("spoilt")).encode())[:-4],
        "text", 7,
    ],
    ids=range(11),
)  # fmt: skip
def test_a_memory_that_somebody_spoilt_is_none(shared: Datastore, said: object) -> None:
    """It is a file on somebody's disk. Nothing in it is ever signed, and what was edited here stays."""
    where = f"{PLACE}/spoilt {said!r:.80}"
    name = f"spoilt {hash(where)}"
    (identifier,) = registered(shared, (where, "", draft(name)))
    edit(shared, identifier, description="mine")
    db = database(shared)
    db.execute("UPDATE imported SET said = ? WHERE source = ?", (said, where))
    db.close()
    entry = (where, "", draft(name, license="ISC"))
    (told,) = compared(shared, entry)
    assert (told.found, told.id, [change.path for change in told.changes]) == ("changed", identifier, ["license"])
    assert [one.op is not None for one in taken(shared, entry, update=True)] == [True]
    assert shown(shared, identifier)["description"] == "mine"
    assert [one.found for one in compared(shared, entry)] == ["same"]


def test_a_memory_that_names_what_is_not_here_or_not_ours_is_none(shared: Datastore) -> None:
    from tests.seeds import signed

    other = signed(owner("stranger"), "model", "not ours")
    shared.apply([other])
    for number, spoilt in enumerate((b"\xee" * 32, bytes.fromhex(other.key), b"", b"short", 7, "text")):
        where, name = f"{PLACE}/named {number}", f"named {number}"
        (identifier,) = registered(shared, (where, "", draft(name)))
        db = database(shared)
        db.execute("UPDATE imported SET id = ? WHERE source = ?", (spoilt, where))
        db.close()
        assert [(one.found, one.id) for one in compared(shared, (where, "", draft(name)))] == [("same", identifier)]


@pytest.mark.parametrize("name", ["n" * 100_000, "\udcff", "a\0b", ""])
def test_whatever_a_stranger_calls_an_entry_it_is_remembered_in_bounds(shared: Datastore, name: str) -> None:
    entry: Entry = (f"{PLACE}/{name}", name, draft(f"called {hash(name)}"))
    (identifier,) = registered(shared, entry)
    edit(shared, identifier, name="another")
    assert [(one.found, one.id) for one in compared(shared, entry)] == [("same", identifier)]
    longest = rows(shared, "SELECT max(length(source)), max(length(entry)) FROM imported")
    assert all(length <= 5_000 for length in longest[0] if isinstance(length, int))


def test_what_is_remembered_is_the_draft_and_nothing_else(datastore: Datastore) -> None:
    registered(datastore, (f"{PLACE}/said", "", draft("said", description="text")))
    ((packed,),) = rows(datastore, "SELECT said FROM imported")
    assert isinstance(packed, bytes)
    said = json.loads(zlib.decompress(packed))
    assert not {"model_id", "owner_id", "created_at", "updated_at"} & set(said)
    assert read_record("model", said) == draft("said", description="text")


_IMPORTS = """
import sys
from tests.seeds import make_record
from tui_registry.datastore import Datastore, ImportRun
from tui_registry.records.merging import paths

with Datastore.open(sys.argv[1]) as datastore:
    run = ImportRun("http://x", "import")
    for step in range(1_000):
        entries = [
            run.describe(f"http://x/{n}", "", "model", make_record("model", f"m{n % 7}"), stated=paths("model"))
            for n in range(step * 20, step * 20 + 20)
        ]
        [*datastore.take_in(entries, run, update=True)]
        print(step, flush=True)
"""


def test_an_import_that_is_killed_goes_on_where_it_was(datastore: Datastore) -> None:
    """What is signed is remembered, whatever happens: both are one transaction."""
    with Program(_IMPORTS, datastore.data_dir) as importing:
        while importing.says() != "3":
            pass
        importing.kill()
    ops, known = size(datastore), rows(datastore, "SELECT count(*), count(DISTINCT id) FROM imported")
    assert known == [(ops, ops)]
    entries: list[Entry] = [(f"{PLACE}/{n}", "", draft(f"m{n % 7}")) for n in range(ops + 20)]
    found = taken(datastore, *entries, update=True)
    assert [one.comparison.found for one in found] == ["same"] * ops + ["new"] * 20
    assert datastore.stats().records == ops + 20


def test_more_files_than_one_transaction_takes_are_as_many_records_twice(datastore: Datastore) -> None:
    entries: list[Entry] = [(f"{PLACE}/{n}", "", draft(f"m{n % 3}")) for n in range(1_002)]
    assert len(set(registered(datastore, *entries))) == 1_002
    assert {one.comparison.found for one in taken(datastore, *entries, register=True, update=True)} == {"same"}
    assert (size(datastore), datastore.stats().records) == (1_002, 1_002)
    (batch,) = datastore.log.batches()
    assert batch.ops == 1_002


def test_records_of_one_name_do_not_each_try_every_second_before_theirs(datastore: Datastore) -> None:
    entries: list[Entry] = [(f"{PLACE}/{n}", "", draft("one name")) for n in range(60)]
    said: list[str] = []
    with datastore._pool.write() as db:
        db.set_trace_callback(said.append)
    registered(datastore, *entries)
    assert sum(statement.startswith("SELECT 1 FROM keys") for statement in said) <= 2 * len(entries)
    times = sorted(int(str(entry.record["created_at"])) for entry in datastore.entries())
    assert times == list(range(times[0], times[0] + 60))


def test_nothing_is_asked_for_is_a_mistake(shared: Datastore) -> None:
    with pytest.raises(ValueError, match="register"):
        [*shared.take_in([], ImportRun(PLACE))]
