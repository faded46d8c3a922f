"""A node read and written by `connect`: the verbs of the Datastore, whoever answers."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.node.conftest import T0
from tests.seeds import make_record, owner, seed, signed
from tests.sync.hostile import Answer, Ask, Reply, always, but, hostile
from tests.sync.lines import line_to
from tests.sync.logs import edit, removal
from tests.sync.test_retries import Time, cut, in_turn
from tui_registry import AIAgent, AIModel, Datastore, InvalidRecord, Remote, RemoteError, connect
from tui_registry.datastore import HistoryEntry, Page
from tui_registry.errors import Json, Kind, RegistryError
from tui_registry.node import running
from tui_registry.sync import Bounds
from tui_registry.sync.http_transport import Waits

ME = owner("me")
AT_ONCE = Bounds(retry_seconds=0)


@dataclass(frozen=True)
class World:
    """A node to which a module writes, its replica, and somebody who bears a token for it."""

    store: Datastore
    url: str
    token: str
    remote: Remote


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    seconds = count(T0)
    with Datastore.open(tmp_path_factory.mktemp("remote") / "node", clock=lambda: next(seconds)) as store:
        store.key.replace(ME)
        seed(store, 12)
        token = store.tokens.add("test", ("write",))
        with running(store) as node, connect(node.url, token, bounds=AT_ONCE) as remote:
            yield World(store, node.url, token, remote)


def in_conflict(store: Datastore, name: str) -> str:
    """The id of a model of the node's own of which two versions are live."""
    root = signed(ME, "model", name, at=T0 - 1_000)
    ops = [root, *(edit(ME, root, at=T0 - 500, description=text) for text in ("one", "another"))]
    assert store.apply([op.to_json() for op in ops], source="laptop").applied == 3
    return root.key


# ---- reading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", [None, "name", "-params"])
def test_a_list_has_the_rows_that_the_replica_has(world: World, sort: str | None) -> None:
    for here, there in (
        (world.store.list_models(sort=sort, limit=7), world.remote.list_models(sort=sort, limit=7)),
        (world.store.list_agents(sort=sort), world.remote.list_agents(sort=sort)),
    ):
        # What depends on the clock of whoever looks, on no more than the record, or is theirs alone, no answer says.
        told = [row._replace(future=False, need=None, needs_gpu=False, vram=None, new=False) for row in here.rows]
        assert [row._replace(future=False) for row in there.rows] == told


def test_it_is_told_how_many_there_are(world: World) -> None:
    kinds: tuple[Kind | None, ...] = (None, "model")
    for kind in kinds:
        here = world.store.search("made for tests", kind=kind)
        there = world.remote.search("made for tests", kind=kind)
        assert (there.total, there.exact) == (here.total, here.exact) == (len(there.rows), True)
    part = world.remote.search("made for tests", kind="model", limit=2)
    assert (part.total, part.exact) == (there.total, True)
    part = world.remote.search("made for tests", limit=2)
    assert (part.total, part.exact) == (there.total, False)


async def test_a_node_that_does_not_count_is_asked_all_the_same() -> None:
    no_total = always(400, b'{"code": "parameter"}', content_type="application/problem+json")
    page = told({"items": [MODEL], "next": None, "notes": ["a\x1bb", 7]})

    async def answer(ask: Ask, reply: Reply) -> None:
        await (no_total if "total" in ask.query else page)(ask, reply)

    def ask(url: str) -> list[Page]:
        with connect(url) as remote:
            return [remote.list_models(), remote.list_models()]

    async with hostile(answer) as peer:
        first, second = await asyncio.to_thread(ask, peer.url)
        assert len(peer.asks) == 3
    assert first == second
    assert (first.total, first.exact, "\x1b" in first.notes[0]) == (1, True, False)


def test_windows_follow_each_other_to_the_end_models_first(world: World) -> None:
    rows, cursor = [], None
    while True:
        page = world.remote.search("made for tests", limit=3, cursor=cursor)
        assert len(page.rows) <= 3
        rows += page.rows
        if page.next is None:
            break
        cursor = page.next
    assert sorted(row.id for row in rows) == sorted(row.id for row in world.store.search("made for tests").rows)
    assert [row.kind for row in rows] == sorted((row.kind for row in rows), reverse=True)


def test_every_entry_is_the_replicas(world: World) -> None:
    query = "made for tests kind:agent"
    there = list(world.remote.entries(query))
    here = list(world.store.entries(query))
    assert there
    assert [one._replace(future=False, size=0) for one in here] == [one._replace(future=False) for one in there]
    assert [entry.revision for entry in there] == [entry.revision for entry in here]


def test_records_come_typed(world: World) -> None:
    models = list(world.remote.models("made for tests"))
    assert models
    assert all(isinstance(model, AIModel) for model in models)
    assert world.remote.get_model(models[0].id) == models[0] == world.store.get_model(models[0].id)
    agent = next(world.remote.agents())
    assert world.remote.get_agent(agent.id) == agent
    assert world.remote.get_model(agent.id) is None


def test_a_record_is_found_by_the_beginning_of_its_id(world: World) -> None:
    row = world.store.list_agents(limit=1).rows[0]
    assert world.remote.find(f"0x{row.id[:12].upper()}") == ("agent", row.id)
    assert world.remote.heads(row.id) == world.store.heads(row.id)
    for prefix, code in (("ffffffffff", "not_found"), ("../health", "not_found"), ("", "not_found")):
        with pytest.raises(RemoteError) as caught:
            world.remote.find(prefix)
        assert caught.value.code == code


def test_an_id_that_is_none_never_becomes_part_of_a_path(world: World) -> None:
    with pytest.raises(ValueError, match="64 lower-case hex digits"):
        world.remote.entry("../../health")


def test_a_conflict_is_told_with_each_of_its_versions(world: World) -> None:
    key = in_conflict(world.store, "contested")
    here, there = world.store.versions(key), world.remote.versions(key)
    assert here is not None
    assert there is not None
    assert (there.heads, there.revision, there.mine) == (here.heads, here.revision, True)
    assert [entry.record for entry in there.live] == [entry.record for entry in here.live]
    assert there.ancestor is not None
    assert here.ancestor is not None
    assert there.ancestor.record == here.ancestor.record
    assert there.base == here.base
    entry, theirs = world.store.entry(key), world.remote.entry(key)
    assert entry is not None
    assert theirs is not None
    assert theirs.live_heads == entry.live_heads
    (row,) = world.remote.search("contested", kind="model").rows
    assert row.heads == 2


def test_a_history_is_the_replicas_but_for_what_a_node_does_not_tell(world: World) -> None:
    key = in_conflict(world.store, "with-a-past")
    versions = world.store.versions(key)
    assert versions is not None
    record = versions.live[0].record
    assert record is not None
    world.store.resolve("model", key, {**record, "description": "settled"}, versions.heads)
    world.store.delete("model", key, world.store.heads(key))
    for number in range(60):  # more than a page has
        record = {**record, "description": f"again {number}"}
        if number == 0:
            world.store.add("model", record)
        else:
            world.store.update("model", key, record, world.store.heads(key))
    there = list(world.remote.history(key))
    here = [entry._replace(place=0, clock=0, source="") for entry in world.store.history(key)]
    assert there == here
    assert list(world.remote.history(key, limit=3)) == here[:3]
    assert world.remote.record_at(key, here[-1].hash[:16]) == here[-1]
    for at, code in (("0" * 64, "not_found"), ("none", "not_found"), ("", "not_found")):
        with pytest.raises(RemoteError) as caught:
            world.remote.record_at(key, at)
        assert caught.value.code == code
    assert list(world.remote.history("0" * 64)) == []


def test_a_record_that_outlived_a_removal_has_the_one_version_that_is_live(world: World) -> None:
    root = signed(ME, "model", "outlived", at=T0 - 1_000)
    # The removals' hashes stand on either side of the version's.
    ops = [root, edit(ME, root, at=T0 - 500), *(removal(ME, root, at=T0 - 500 + number) for number in range(6))]
    assert world.store.apply([op.to_json() for op in ops], source="laptop").rejected == []
    here, there = world.store.entry(root.key), world.remote.entry(root.key)
    assert here is not None
    assert there is not None
    assert (len(there.heads), there.live_heads) == (7, here.live_heads)
    (listed,) = [entry for entry in world.remote.entries("name:outlived") if entry.id == root.key]
    assert listed == there
    versions = world.remote.versions(root.key)
    assert versions is not None
    assert [entry.hash for entry in versions.live] == [*here.live_heads]


def test_a_query_that_cannot_be_read_is_refused_in_the_nodes_words(world: World) -> None:
    with pytest.raises(RemoteError, match="sise") as caught:
        world.remote.list_models(limit=1), world.remote.search("sise:>7b")
    assert (caught.value.code, caught.value.status) == ("query", 400)
    assert caught.value.sentence.startswith(world.url)


def test_a_node_says_how_it_is(world: World) -> None:
    health = world.remote.health()
    assert (health.status, health.node, health.ops) == ("ok", ME.address, world.store.log.head().size)


async def test_it_can_be_used_where_a_loop_runs(world: World) -> None:
    assert world.remote.health().status == "ok"


# ---- writing ------------------------------------------------------------------------------------------------------


def test_a_record_lives_through_the_remote(world: World) -> None:
    written = world.remote.add_model(AIModel(name="mine", parameters=7_000_000_000))
    assert (written.hash,) == world.remote.heads(written.key) == world.store.heads(written.key)
    model = world.remote.get_model(written.key)
    assert model is not None
    assert model.owner_id == ME.address
    edited = world.remote.update_model(
        written.key, model.model_copy(update={"version": "0.2.0"}), seen=world.remote.heads(written.key)
    )
    with pytest.raises(RemoteError) as caught:
        world.remote.update_model(written.key, model, seen=[written.hash or ""])
    assert (caught.value.code, caught.value.status) == ("changed", 412)
    assert edited.record is not None
    assert edited.record["version"] == "0.2.0"
    assert world.remote.delete_model(written.key, seen=world.remote.heads(written.key)).record is None
    assert world.remote.get_model(written.key) is None
    assert world.store.get_model(written.key) is None


def test_a_conflict_is_settled_by_the_heads_that_were_seen(world: World) -> None:
    key = in_conflict(world.store, "to-settle")
    model = world.remote.get_model(key)
    versions = world.remote.versions(key)
    assert model is not None
    assert versions is not None
    with pytest.raises(RemoteError) as caught:
        world.remote.update_model(key, model, seen=versions.heads)
    assert caught.value.code == "conflict"
    written = world.remote.resolve_model(key, model.model_copy(update={"description": "both"}), seen=versions.heads)
    assert world.store.heads(key) == (written.hash,)


def test_every_problem_of_a_record_is_told(world: World) -> None:
    with pytest.raises(InvalidRecord) as caught:
        world.remote.add_agent(AIAgent(name="crew", version="1.0"))
    with pytest.raises(InvalidRecord) as here:
        world.store.add_agent(AIAgent(name="crew", version="1.0"))
    assert caught.value.problems == here.value.problems


def test_a_record_is_checked_by_what_is_known_at_the_node(world: World) -> None:
    there = world.remote.check("agent", make_record("agent", "crew", version="1", preferred_models=["0" * 64]))
    here = world.store.check("agent", make_record("agent", "crew", version="1", preferred_models=["0" * 64]))
    assert there == here
    assert world.remote.check("model", make_record("model", "fine")) == []


@pytest.mark.parametrize(("token", "code"), [(None, "unauthorized"), ("wrong", "unauthorized")])
def test_a_write_needs_a_token(world: World, token: str | None, code: str) -> None:
    with connect(world.url, token) as remote, pytest.raises(RemoteError) as caught:
        remote.add("model", make_record("model", "never"))
    assert caught.value.code == code
    assert "token add" in caught.value.sentence
    assert not world.store.search("never", kind="model").rows


async def test_a_write_whose_answer_was_lost_is_done_once(world: World) -> None:
    before = world.store.log.head().size
    async with line_to(world.url, cut_after=10) as line:

        async def mended(seconds: float) -> None:
            line.cut_after = None

        def write() -> str:
            with connect(line.url, world.token, waits=Waits(mended)) as remote:
                return remote.add("model", make_record("model", "once")).key

        key = await asyncio.to_thread(write)
        assert line.connections == 2
    assert world.store.log.head().size == before + 1
    assert [row.id for row in world.store.search("name:once", kind="model").rows] == [key]


# ---- whoever answers ----------------------------------------------------------------------------------------------


def problem(status: int, **members: Json) -> Answer:
    return always(status, json.dumps(members).encode(), content_type="application/problem+json")


def told(tree: Json, status: int = 200) -> Answer:
    return always(status, json.dumps(tree).encode(), content_type="application/json")


MODEL = AIModel(name="x", model_id="ab" * 32, owner_id="cd" * 20).to_plain()
NODE = told({"status": "ok", "version": "1", "node": "cd" * 20, "ops": 1})


async def refused(answer: Answer, verb: Callable[[Remote], object]) -> RegistryError:
    """The error that a verb ends with."""

    def ask(url: str) -> RegistryError:
        with connect(url, "t", bounds=AT_ONCE) as remote, pytest.raises(RegistryError) as caught:
            verb(remote)
        return caught.value

    async with hostile(but(answer, "/health", NODE)) as peer:
        return await asyncio.to_thread(ask, peer.url)


def a_list(remote: Remote) -> object:
    return remote.list_models()


def an_entry(remote: Remote) -> object:
    return remote.entry("ab" * 32, "model")


STRANGE: dict[str, tuple[Answer, Callable[[Remote], object], str]] = {
    "no JSON": (always(200, b"<html>"), a_list, "not JSON"),
    "deep JSON": (always(200, b"[" * 100_000), a_list, "not JSON"),
    "a huge number": (always(200, b"9" * 10_000), a_list, "not JSON"),
    "a list": (told([]), a_list, "not a node's"),
    "no items": (told({"items": "many"}), a_list, "no page"),
    "too many items": (told({"items": [MODEL] * 101}), a_list, "no page"),
    "a cursor that is none": (told({"items": [], "next": 7}), a_list, "no page"),
    "pages without an end": (told({"items": [], "next": "x"}), a_list, "without an end"),
    "no record": (told({"items": [7], "next": None}), a_list, "no record"),
    "half a record": (told({"items": [{"name": "x"}], "next": None}), a_list, "is missing"),
    "a wrong type": (told({**MODEL, "parameters": "many"}), an_entry, "parameters"),
    "an empty name": (told({**MODEL, "name": ""}), an_entry, "nobody could have signed"),
    "another record": (told({**MODEL, "model_id": "ba" * 32}), an_entry, "another record"),
    "no heads": (told({**MODEL, "revision": "ab" * 32}), an_entry, "no heads"),
    "heads that are none": (told({**MODEL, "heads": ["../x"]}), an_entry, "no hashes"),
    "a conflict without versions": (told({**MODEL, "heads": ["ab" * 32], "conflict": True}), an_entry, "no heads"),
    "an answer to a write": (told({**MODEL, "heads": []}), lambda r: r.add("model", MODEL), "no hashes"),
    "no problem": (told({}, 500), a_list, "status 500"),
    "no route": (always(404, b"nothing"), a_list, "Check the address"),
    "heads of no hashes": (told({"heads": ["x"], "live": []}), lambda r: r.heads("ab" * 32), "no hashes"),
    "no problems": (told({"valid": True}), lambda r: r.check("model", MODEL), "does not say what is wrong"),
    "an old node": (
        always(404, b'{"code": "no_route"}', content_type="application/problem+json"),
        lambda r: next(r.history("ab" * 32)),
        "tells no histories",
    ),
    "a redirect": (always(302, location="https://elsewhere.example/"), a_list, "connect to that one"),
    "another host": (always(421), a_list, "does not know itself"),
}


@pytest.mark.parametrize("strange", STRANGE)
async def test_what_is_no_nodes_answer_is_an_error_in_words(strange: str) -> None:
    answer, verb, said = STRANGE[strange]
    error = await refused(answer, verb)
    assert said in error.sentence
    assert error.sentence.startswith("http://127.0.0.1:")


OPERATION: dict[str, Json] = {
    "hash": "ab" * 32, "deed": "registered", "updated_at": 1, "arrived_at": None, "children": [], "is_head": True,
    "is_shown": True, "changed": [], "record": MODEL,
}  # fmt: skip
NO_OPERATIONS: dict[str, Json] = {
    "no list": {"items": 7},
    "no operation": {"items": [7]},
    "too many": {"items": [OPERATION] * 51},
    "no hash": {"items": [{**OPERATION, "hash": "x"}]},
    "an unknown deed": {"items": [{**OPERATION, "deed": "conjured"}]},
    "children of no hashes": {"items": [{**OPERATION, "children": [[]]}]},
    "another record": {"items": [{**OPERATION, "record": {**MODEL, "model_id": "ba" * 32}}]},
    "no record": {"items": [{**OPERATION, "record": {"name": []}}]},
    "pages without an end": {"items": [], "next": "1"},
}


@pytest.mark.parametrize("what", NO_OPERATIONS)
async def test_a_history_of_what_is_no_operation_is_an_error_in_words(what: str) -> None:
    heads = told({"heads": ["ab" * 32], "live": ["ab" * 32]})
    answer = but(told(NO_OPERATIONS[what]), "/heads", heads)
    error = await refused(answer, lambda remote: list(remote.history("ab" * 32)))
    assert error.code == "protocol"


async def test_an_operation_whose_children_never_come_is_told_all_the_same() -> None:
    heads = told({"heads": ["ab" * 32], "live": ["ab" * 32]})
    items: Json = [{**OPERATION, "children": ["cd" * 32], "changed": ["name", 7]}]
    ends = in_turn(told({"items": items, "next": "1"}), told({"items": [OPERATION], "next": None}))

    def ask(url: str) -> list[HistoryEntry]:
        with connect(url) as remote:
            return list(remote.history("ab" * 32))

    async with hostile(but(but(ends, "/heads", heads), "/health", NODE)) as peer:
        first, second = await asyncio.to_thread(ask, peer.url)
    assert (first.before, first.children, second.mine) == (None, ("cd" * 32,), True)


VERSION: dict[str, Json] = {"hash": "ab" * 32, "updated_at": 1, "arrived_at": 2, "record": MODEL}
SHOWN: dict[str, Json] = {
    **MODEL, "heads": ["ab" * 32, "cd" * 32], "conflict": True, "revision": "ef" * 32, "differing": ["name"],
    "versions": [VERSION, {**VERSION, "hash": "cd" * 32}], "ancestor": VERSION, "mergeable": True, "more_versions": 1,
}  # fmt: skip
TRUE_ANSWERS: dict[str, Json] = {
    "/models": {"items": [SHOWN], "next": None, "notes": ["x"], "total": 1, "total_is_exact": True, "near": ["y"]},
    "/agents": {"items": [], "next": None, "notes": []},
    f"/models/{'ab' * 32}": SHOWN,
    "/models/ab": SHOWN,
    f"/models/{'ab' * 32}/heads": {"heads": ["ab" * 32], "live": ["ab" * 32]},
    f"/models/{'ab' * 32}/versions": {"versions": [VERSION], "ancestor": None},
    f"/models/{'ab' * 32}/history": {"items": [OPERATION], "next": None},
    "/health": {"status": "ok", "version": "1", "node": "cd" * 20, "ops": 1, "conflicts": 1},
}
VERBS: list[Callable[[Remote], object]] = [
    lambda r: r.search("x"), lambda r: list(r.entries()), lambda r: list(r.models()), lambda r: r.conflicts(),
    lambda r: r.versions("ab" * 32), lambda r: r.entry("ab" * 32), lambda r: list(r.history("ab" * 32)),
    lambda r: r.find("ab", deleted=True), lambda r: r.health(), lambda r: r.get_model("ab" * 32),
]  # fmt: skip
LIES: list[Json] = [
    None, True, -1, 0, 10**30, 1.5, float("inf"), "", "x", "\x1b[2J", "ab" * 32, [], [[]], {}, {"x": {}}, ["ab" * 32] * 9,
]  # fmt: skip


def spoilt(tree: Json, chance: random.Random) -> Json:
    """The tree with a lie in some place of it."""
    if isinstance(tree, dict) and tree and chance.random() < 0.9:
        name = chance.choice([*tree])
        if chance.random() < 0.1:
            return {other: value for other, value in tree.items() if other != name}
        return {**tree, name: spoilt(tree[name], chance)}
    if isinstance(tree, list) and tree and chance.random() < 0.9:
        return [spoilt(tree[0], chance), *tree[1:]]
    return chance.choice(LIES)


async def test_whatever_is_wrong_with_an_answer_nothing_but_a_declared_error_comes_of_it() -> None:
    chance = random.Random(8)
    answers: dict[str, Json] = {}

    async def answer(ask: Ask, reply: Reply) -> None:
        known = answers.get(ask.path)
        status = 200 if ask.path in answers else 404
        body = known if status == 200 else {"code": "not_found", "detail": "nothing"}
        kind = "application/json" if status == 200 else "application/problem+json"
        await reply.whole(status, json.dumps(body).encode(), content_type=kind)

    def ask(url: str) -> list[str]:
        outcomes = []
        with connect(url, bounds=AT_ONCE) as remote:
            for number in range(150):
                path = chance.choice([*TRUE_ANSWERS])
                answers.clear()
                answers.update(TRUE_ANSWERS)
                if number >= len(VERBS):
                    answers[path] = spoilt(TRUE_ANSWERS[path], chance)
                vars(remote).pop("_health", None)
                try:
                    VERBS[number % len(VERBS)](remote)
                except RegistryError as error:
                    outcomes.append(error.code)
                else:
                    outcomes.append("fine")
        return outcomes

    async with hostile(answer) as peer:
        outcomes = await asyncio.to_thread(ask, peer.url)
    assert set(outcomes[: len(VERBS)]) == {"fine"}
    assert set(outcomes) == {"fine", "protocol"}


async def test_an_answer_larger_than_a_bound_is_let_go() -> None:
    bounds = Bounds(tile_bytes=1_000)

    def ask(url: str) -> str:
        with connect(url, bounds=bounds) as remote, pytest.raises(RegistryError) as caught:
            remote.list_models()
        return caught.value.code

    async with hostile(always(200, b" " * 2_000)) as peer:
        assert await asyncio.to_thread(ask, peer.url) == "too_large"


async def test_what_a_stranger_says_is_safe_to_show() -> None:
    bad = "\x1b]0;gone\x07" + "a" * 100_000
    error = await refused(problem(400, code="query", detail=bad), a_list)
    assert "\x1b" not in error.sentence
    assert len(error.sentence) < 1_200
    error = await refused(problem(400, code="\x1b[2J", detail=7), a_list)
    assert error.code == "http_400"
    bad = bad[:2_000]
    problems: Json = [{"path": bad, "severity": [], "code": 1, "sentence": bad}, 7] * 1_000
    error = await refused(problem(422, code="invalid", detail="x", problems=problems), a_list)
    assert isinstance(error, InvalidRecord)
    assert len(error.problems) <= 200
    assert "\x1b" not in "".join(one.path + one.sentence for one in error.problems)


async def test_a_busy_node_is_asked_again_when_it_says() -> None:
    time = Time()

    def ask(url: str) -> int:
        with connect(url, waits=time.waits()) as remote:
            return remote.health().ops

    answers = in_turn(always(503, retry_after="3"), cut(), NODE)
    async with hostile(answers) as peer:
        assert await asyncio.to_thread(ask, peer.url) == 1
    assert time.waited == [3.125, 0.25]


async def test_a_write_that_is_sent_again_bears_the_same_key_and_only_writes_bear_the_token() -> None:
    written = told({**MODEL, "heads": ["ab" * 32], "conflict": False})
    in_flight = always(409, b'{"code": "in_flight"}', content_type="application/problem+json", retry_after="0")

    def ask(url: str) -> None:
        with connect(url, "secret", bounds=AT_ONCE) as remote:
            assert remote.add("model", MODEL).hash == "ab" * 32

    async with hostile(but(in_turn(always(503), in_flight, cut(), written), "/health", NODE)) as peer:
        await asyncio.to_thread(ask, peer.url)
        read, *writes = peer.asks
    assert "authorization" not in read.headers
    assert len(writes) == 4
    assert len({ask.headers["idempotency-key"] for ask in writes}) == 1
    assert {ask.headers["authorization"] for ask in writes} == {"Bearer secret"}


async def test_it_is_said_that_a_write_without_an_answer_may_have_been_done() -> None:
    async def mute(ask: Ask, reply: Reply) -> None:
        await asyncio.Event().wait()

    def ask(url: str) -> str:
        bounds = Bounds(retry_seconds=0, read_seconds=0.1)
        with connect(url, "t", bounds=bounds) as remote, pytest.raises(RemoteError) as caught:
            remote.add("model", MODEL)
        return caught.value.sentence

    async with hostile(but(mute, "/health", NODE)) as peer:
        assert "may have been written all the same" in await asyncio.to_thread(ask, peer.url)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8420", "ftp://x", "http://me:secret@x", "http://x/?q=1", "http://", "http://x:99999"]
)
def test_what_is_no_address_of_a_node_is_refused(url: str) -> None:
    with pytest.raises(RegistryError) as caught:
        connect(url)
    assert "secret" not in caught.value.sentence


def test_what_was_closed_says_so(recwarn: pytest.WarningsRecorder) -> None:
    gc.collect()
    recwarn.clear()  # what tests before this one left open
    with connect("http://127.0.0.1:1") as registry:
        pass
    registry.close()
    with pytest.raises(RemoteError, match="has been closed") as told:
        registry.health()
    assert (told.value.code, [*recwarn]) == ("unusable", [])


def test_what_is_no_token_is_refused_unseen() -> None:
    with pytest.raises(RemoteError) as caught:
        connect("http://127.0.0.1:1", "two\nlines")
    assert "two" not in caught.value.sentence


def test_where_nothing_listens_is_said(tmp_path: Path) -> None:
    with connect("http://127.0.0.1:1") as remote, pytest.raises(RegistryError) as caught:
        remote.health()
    assert caught.value.code == "refused"
