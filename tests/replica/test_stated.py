"""What manifests state of many records: found, ordered and counted as a plain look at each record says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
from hypothesis import given, settings, strategies as st

from tests.laws import examples
from tests.replica.replicas import replica
from tests.replica.test_search_cost import watched
from tests.seeds import NOW, make_record, owner
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Kind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.records import defaults, derive_id, derive_manifest_id
from tui_registry.records.schema import ID_FIELD
from tui_registry.replica.search import matching

OWNERS = (owner("stated 0"), owner("stated 1"))
GONE = "ab" * 32
DAY = 86_400


class Stated(NamedTuple):
    """A record, and what is stated of it: `scores` of MMLU; `needs` and `prefers` a model that is here or is not."""

    kind: Kind
    whose: int
    license: str
    parameters: int
    day: int
    scores: tuple[float, ...]
    needs: bool | None
    prefers: bool | None
    deprecated: bool

    @property
    def has_manifest(self) -> bool:
        return bool(self.scores) or self.needs is not None or self.deprecated

    @property
    def orphaned(self) -> bool:
        return self.needs is False or (self.kind == "agent" and self.prefers is False)


def _scored(sign: Callable[[float], bool]) -> Callable[[Stated], bool]:
    return lambda one: any(map(sign, one.scores))


HIGH, LOW = _scored(lambda value: value >= 0.5), _scored(lambda value: value < 0.3)
QUERIES: dict[str, Callable[[Stated], bool]] = {
    "eval:MMLU>=0.5": HIGH,
    "eval:mmlu>=0": lambda one: bool(one.scores),
    "-eval:mmlu>=0.5": lambda one: not HIGH(one),
    "eval:mmlu>=0.5,mmlu<0.3": lambda one: HIGH(one) or LOW(one),
    "eval:mmlu>=0.5 eval:mmlu<0.3": lambda one: HIGH(one) and LOW(one),
    "eval:mmlu<0.3 license:mit": lambda one: LOW(one) and one.license == "MIT",
    "eval:mmlu>=0.5 kind:model -license:mit": lambda one: HIGH(one) and one.kind == "model" and one.license != "MIT",
    "eval:mmlu>=0.5 params:>1b": lambda one: HIGH(one) and one.parameters > 10**9,
    "eval:mmlu>=0.5 status:deprecated": lambda one: HIGH(one) and one.deprecated,
    "eval:mmlu>=0.5 mit": lambda one: HIGH(one) and one.license == "MIT",
    "is:orphaned": lambda one: one.orphaned,
    "-is:orphaned": lambda one: not one.orphaned,
    "is:orphaned kind:agent": lambda one: one.orphaned and one.kind == "agent",
    "is:orphaned license:mit": lambda one: one.orphaned and one.license == "MIT",
    "is:orphaned eval:mmlu>=0": lambda one: one.orphaned and bool(one.scores),
    "is:orphaned OR eval:mmlu<0.3": lambda one: one.orphaned or LOW(one),
    "is:orphaned OR license:mit": lambda one: one.orphaned or one.license == "MIT",
    "is:orphaned has:manifest -mit": lambda one: one.orphaned and one.has_manifest and one.license != "MIT",
    "is:orphaned (mit OR is:starred)": lambda one: one.orphaned and one.license == "MIT",
}
# A day that is far ahead of the clock: what is dated so comes last.
AHEAD = 12
SORTS: dict[str, Callable[[Stated], tuple[bool, int]]] = {
    "sort:-updated": lambda one: (one.day == AHEAD, -one.day),
    "sort:created": lambda one: (one.day == AHEAD, one.day),
    "sort:name": lambda one: (False, 0),
    "sort:-params": lambda one: (not one.parameters, -one.parameters),
    "sort:fit": lambda one: (False, 0),
}

records = st.lists(
    st.builds(
        Stated,
        st.sampled_from(("model", "model", "agent")),
        st.sampled_from((0, 0, 1)),
        st.sampled_from(("MIT", "Apache-2.0")),
        st.sampled_from((0, 7 * 10**9, 70 * 10**9)),
        st.sampled_from((0, 1, 2, 3, 4, AHEAD)),
        st.lists(st.sampled_from((0.1, 0.25, 0.5, 0.75)), max_size=2, unique=True).map(tuple),
        st.sampled_from((None, None, True, False)),
        st.sampled_from((None, None, True, False)),
        st.sampled_from((False, False, False, True)),
    ).map(lambda one: one if one.kind == "model" else one._replace(parameters=0)),
    min_size=1,
    max_size=24,
)


def _id(one: Stated, number: int) -> str:
    at = NOW - (9 - one.day) * DAY
    return derive_id(one.kind, OWNERS[one.whose].address, f"{one.license} {number}", at)


def _ops(population: list[Stated]) -> Iterator[bytes]:
    here = next((_id(one, number) for number, one in enumerate(population) if one.kind == "model"), GONE)
    for number, one in enumerate(population):
        name, at, signer = f"{one.license} {number}", NOW - (9 - one.day) * DAY, OWNERS[one.whose]
        more: Record = {"parameters": one.parameters}
        if one.kind == "agent":
            more = {} if one.prefers is None else {"preferred_models": [here if one.prefers else GONE]}
        record = make_record(one.kind, name, license=one.license, **more)
        times: Record = {"owner_id": signer.address, "created_at": at, "updated_at": at}
        record |= {**times, ID_FIELD[one.kind]: _id(one, number)}
        yield sign_up(signer, one.kind, record).body
        if one.has_manifest:
            subject = _id(one, number)
            scores: list[Json] = [
                {"benchmark": "MMLU", "metric": "acc", "value": str(value), "source": ""} for value in one.scores
            ]
            manifest = defaults("manifest") | {
                **times,
                "manifest_id": derive_manifest_id(subject),
                "subject_id": subject,
                "subject_kind": one.kind.capitalize(),
                "subject_name": name,
                "status": "Deprecated" if one.deprecated else "Active",
                "required_models": [] if one.needs is None else [here if one.needs else GONE],
                "evaluations": scores,
            }
            yield sign_up(signer, "manifest", manifest).body


@contextmanager
def few_are_many() -> Iterator[None]:
    bounds = {
        "LISTED": 5, "_CHECKED": 3, "FEW": 2, "_NEAR": (2, 4), "_SAMPLED": 3, "_LOOKED_UP": 1, "_SOON": (2, 3), "_NEWEST": 2,
        "_MANY": 4, "_MANY_WORDS": 5,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in bounds.items():
            patch.setattr(matching, name, value)
        yield


def _walk(datastore: Datastore, text: str, *, backwards: bool = False, counted: bool = True) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = datastore.search(text, limit=3, cursor=cursor, backwards=backwards, counted=counted)
        ids = [row.id for row in page.rows]
        found = [*ids, *found] if backwards else [*found, *ids]
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.parametrize("bounds", [nullcontext, few_are_many])
@settings(max_examples=examples(10, 80))
@given(
    records, st.lists(st.sampled_from(sorted(QUERIES)), min_size=4, max_size=8, unique=True), st.booleans(), st.data()
)
def test_what_is_stated_of_many_is_found_in_every_order_from_both_ends_and_counted_as_a_look_at_each_says(
    bounds: Callable[[], AbstractContextManager[None]],
    population: list[Stated],
    queries: list[str],
    muted: bool,
    data: st.DataObject,
) -> None:
    by_id = {_id(one, number): one for number, one in enumerate(population)}
    with bounds(), replica() as datastore:
        datastore.apply([*_ops(population)])
        # Without a model nothing that is named is here.
        is_alone = all(one.kind == "agent" for one in population)
        if muted:
            datastore.rations.mute(OWNERS[1].address)
        for text in queries:
            sort = data.draw(st.sampled_from(sorted(SORTS)))
            wanted = {
                key
                for key, one in by_id.items()
                if not (muted and one.whose == 1)
                and QUERIES[text](one._replace(needs=one.needs and not is_alone, prefers=one.prefers and not is_alone))
            }
            asked = f"{text} {sort}"
            found = _walk(datastore, asked)
            assert len(found) == len(wanted), asked
            assert {*found} == wanted, asked
            keys = [SORTS[sort](by_id[key]) for key in found]
            assert keys == sorted(keys), asked
            assert _walk(datastore, asked, backwards=True) == found, asked
            assert _walk(datastore, asked, counted=False) == found, asked
            first = datastore.search(asked, limit=3)
            assert first.total == len(wanted) if first.exact else first.total <= len(wanted), asked
            facets = datastore.facets(asked)
            kinds = {value.value: value.records for value in facets.values["kind"]}
            counted = {kind: sum(by_id[key].kind == kind for key in wanted) for kind in ("model", "agent")}
            assert all(number <= counted[kind] for kind, number in kinds.items()), asked
            assert not facets.exact or kinds == {kind: number for kind, number in counted.items() if number}, asked


@pytest.mark.parametrize("text", ["eval:MMLU>=0.5", "is:orphaned"])
def test_no_more_rows_than_a_few_are_looked_at_one_by_one_before_all_that_state_it_are_listed(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rare = Stated("model", 0, "MIT", 10**9, 0, (0.5,), False, None, deprecated=False)
    common = rare._replace(scores=(), needs=None, day=4)
    with few_are_many(), replica() as datastore:
        datastore.apply([*_ops([rare] * 8 + [common] * 20)])
        for order in matching.ORDERS:
            said = watched(datastore)
            assert len(datastore.search(f"{text} sort:-{order}", limit=3).rows) == 3
            reading = [each for each in said if each.startswith("SELECT c.rid, ") and "INDEXED BY" in each]
            one_by_one = [each for each in reading if "c.rid IN (SELECT" not in each]
            assert one_by_one
            assert all(
                f", c.rid) {sign}= (" in each for each in one_by_one for sign in [">" if "DESC" in each else "<"]
            )
