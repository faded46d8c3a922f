"""Conflicts over REST: what a write is answered, what is told of live versions, and how they are settled."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.node.conftest import T0, Node, bearer, client, refused, serving
from tests.seeds import owner, signed
from tests.test_protocol_page import section, table
from tui_registry.crdt import AnyOp, Identity, sign_up
from tui_registry.datastore import Datastore, Once
from tui_registry.errors import ABSENT, KINDS, GivenManifest, Json, Kind, Record
from tui_registry.node import running
from tui_registry.node.limits import MAX_VERSIONS
from tui_registry.sync import pull

Op = AnyOp
ME = owner("me")
# Each record of a test has a name of its own.
NAMES = (f"record-{number}" for number in count())


class Overtaken(Datastore):
    """A replica to which somebody else writes between what the node reads and what it writes."""

    first: Callable[[], object] | None = None

    def update(
        self,
        kind: Kind,
        identifier: str,
        record: Record,
        seen: Sequence[str],
        *,
        manifest: GivenManifest = ABSENT,
        manifest_seen: Sequence[str] = (),
        once: Once | None = None,
    ) -> Op:
        self._let_others_write()
        return super().update(kind, identifier, record, seen, manifest=manifest, manifest_seen=manifest_seen, once=once)

    def delete(self, kind: Kind, identifier: str, seen: Sequence[str], *, once: Once | None = None) -> Op:
        self._let_others_write()
        return super().delete(kind, identifier, seen, once=once)

    def resolve(
        self, kind: Kind, identifier: str, record: Record | None, seen: Sequence[str], *, once: Once | None = None
    ) -> Op:
        self._let_others_write()
        return super().resolve(kind, identifier, record, seen, once=once)

    def _let_others_write(self) -> None:
        first, self.first = self.first, None
        if first is not None:
            first()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Overtaken]:
    with Overtaken.open(tmp_path_factory.mktemp("conflicts") / "node", clock=lambda: T0) as opened:
        opened.key.replace(ME)
        yield opened


@pytest.fixture(scope="module")
def node(store: Overtaken) -> Iterator[Node]:
    """A node that a whole module writes to: each record has a name of its own."""
    with serving(store) as started:
        yield started


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Node]:
    """A node of one test's own."""
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as opened:
        opened.key.replace(ME)
        with serving(opened) as started:
            yield started


class Given(NamedTuple):
    """A record of the node's own key, as it was registered and as it is live now."""

    root: Op
    live: list[Op]

    @property
    def path(self) -> str:
        return f"/{self.root.kind}s/{self.root.key}"

    @property
    def heads(self) -> list[str]:
        return sorted(op.hash for op in self.live)

    def fields(self, description: str) -> Record:
        return {**(self.root.record or {}), "description": description}


def edit(of: Op, description: str, at: int = T0 - 500, by: Identity = ME) -> Op:
    """An edit on another device of the same owner."""
    record = {**(of.record or {}), "description": description, "updated_at": at}
    return sign_up(by, of.kind, record, children=[of.hash], clock=1 + of.clock[by.address])


def given(store: Datastore, kind: Kind, versions: int) -> Given:
    """A record of which so many versions are live."""
    root = signed(ME, kind, next(NAMES), at=T0 - 1_000, license="MIT")
    live = [edit(root, f"version {number}") for number in range(versions)]
    assert store.apply([op.to_json() for op in (root, *live)], source="laptop").applied == 1 + versions
    return Given(root, live)


def revision(*heads: str) -> str:
    return hashlib.sha3_256("".join(sorted(heads)).encode()).hexdigest()


# The table of the protocol page: whatever is said there is tried.

ROWS = table(section("Error codes"), "| live versions |")


def named(node: Node, record: Given, names: str) -> tuple[dict[str, str], dict[str, Json]]:
    """What a request names: as headers of PUT, PATCH and DELETE, and as members of what `resolve` is sent."""
    shown = node.reader.get(record.path)
    match names:
        case "nothing":
            return {}, {}
        case "`*`":
            return {"if-match": "*"}, {}
        case "the present state":
            return {"if-match": shown.headers["etag"]}, {"heads": shown.json()["heads"]}
        case "an earlier state":
            earlier = revision(record.root.hash)
            return {"if-match": f'"{earlier}.0123456789abcdef"'}, {"heads": [record.root.hash]}
    raise AssertionError(names)


def asked(node: Node, deed: str, record: Given, names: str) -> httpx.Response:
    headers, members = named(node, record, names)
    new: Json = record.fields("new")
    if deed == "resolve":
        return node.writer.post(f"{record.path}/resolve", json={"record": new, **members}, headers={})
    if deed == "PUT":
        return node.writer.put(record.path, json=new, headers=headers)
    if deed == "PATCH":
        return node.writer.patch(record.path, json={"description": "new"}, headers=headers)
    return node.writer.delete(record.path, headers=headers)


@pytest.mark.parametrize("row", ROWS, ids=[", ".join(row[:2]) for row in ROWS])
def test_what_comes_of_a_write_is_what_the_table_says(node: Node, store: Overtaken, row: list[str]) -> None:
    live, names, of_others, of_resolve = row
    versions, _, overtaken = live.partition(", and ")
    assert (versions in ("one", "several"), overtaken) in ((True, ""), (True, "another write comes first"))
    for kind in KINDS:
        for deed, outcome in (*((deed, of_others) for deed in ("PUT", "PATCH", "DELETE")), ("resolve", of_resolve)):
            record = given(store, kind, 1 if versions == "one" else 3)
            if overtaken:
                third = edit(record.live[0] if versions == "one" else record.root, "meanwhile")
                store.first = lambda third=third: store.apply([third.to_json()])
            answer = asked(node, deed, record, names)
            if outcome == "written":
                written_as_asked(store, deed, record, answer)
            else:
                status, _, code = outcome.partition(" ")
                refused_and_nothing_lost(store, record, refused(answer, int(status), code.strip("`")))
            store.first = None


def written_as_asked(store: Datastore, deed: str, record: Given, answer: httpx.Response) -> None:
    assert answer.status_code == (204 if deed == "DELETE" else 200), answer.text
    last = store.history(record.root.key)[0]
    assert list(last.children) == record.heads
    entry = store.entry(record.root.key)
    if deed == "DELETE":
        assert entry is None
    else:
        assert entry is not None
        assert (entry.record["description"], entry.heads) == ("new", (last.hash,))
        assert answer.json() == {**entry.record, "revision": entry.revision, "conflict": False, "heads": [last.hash]}


def refused_and_nothing_lost(store: Datastore, record: Given, told: dict[str, object]) -> None:
    history = store.history(record.root.key)
    assert all(entry.record is not None and entry.record["description"] != "new" for entry in history)
    assert {op.hash for op in record.live} <= {entry.hash for entry in history}
    if told["code"] == "invalid":
        return
    heads = store.heads(record.root.key)
    assert (told["heads"], told["revision"]) == ([*heads], revision(*heads))
    if len(heads) > 1:
        assert (told["differing"], told["resolve"]) == (["description"], f"{record.path}/resolve")
    else:
        assert not {"differing", "resolve"} & told.keys()


def test_no_tag_of_any_form_lets_a_write_through_a_conflict(node: Node, store: Datastore) -> None:
    record = given(store, "model", 2)
    etag = node.reader.get(record.path).headers["etag"]
    for tag in (etag, f"W/{etag}", f'"{revision(*record.heads)}"', "*", '"x"', f'"x", {etag}', "", "junk"):
        for answer in (
            node.writer.put(record.path, json=record.fields("new"), headers={"if-match": tag}),
            node.writer.delete(record.path, headers={"if-match": tag}),
        ):
            told = refused(answer, 409, "conflict")
            assert "Nothing was written, and no version is lost" in str(told["detail"])
    assert store.heads(record.root.key) == tuple(record.heads)


# Tags


def test_a_tag_of_version_0_1_guards_a_write_as_it_did(node: Node, store: Datastore) -> None:
    record = given(store, "model", 1)
    of_0_1 = f'"{revision(*record.heads)}"'
    assert node.reader.get(record.path, headers={"if-none-match": of_0_1}).status_code == 200
    written = node.writer.put(record.path, json=record.fields("new"), headers={"if-match": of_0_1})
    assert written.status_code == 200
    refused(node.writer.delete(record.path, headers={"if-match": of_0_1}), 412, "changed")


def test_a_tag_is_compared_by_its_revision_to_write_and_as_a_whole_to_read(node: Node, store: Datastore) -> None:
    record = given(store, "model", 1)
    shown = node.reader.get(record.path)
    etag = shown.headers["etag"]
    assert etag == f'"{shown.json()["revision"]}.{hashlib.sha3_256(shown.content).hexdigest()[:16]}"'
    assert shown.headers["cache-control"] == "no-cache"
    of_other_bytes = f'"{shown.json()["revision"]}.{"0" * 16}"'
    assert node.reader.get(record.path, headers={"if-none-match": of_other_bytes}).status_code == 200
    held = node.reader.get(record.path, headers={"if-none-match": etag})
    assert (held.status_code, held.headers["etag"], held.headers["cache-control"]) == (304, etag, "no-cache")
    written = node.writer.put(record.path, json=record.fields("new"), headers={"if-match": of_other_bytes})
    assert written.status_code == 200
    assert node.reader.get(record.path, headers={"if-none-match": etag}).headers["etag"] == written.headers["etag"]


def test_a_rival_that_arrives_changes_the_tag_where_the_shown_version_stays(node: Node, store: Datastore) -> None:
    record = given(store, "model", 1)
    before = node.reader.get(record.path)
    rival = edit(record.root, "rival", at=T0 - 600)
    store.apply([rival.to_json()])
    after = node.reader.get(record.path, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["conflict"] is True


# What is answered


def test_a_conflict_is_shown_with_each_version_and_where_they_come_from(node: Node, store: Datastore) -> None:
    record = given(store, "agent", 2)
    shown = node.reader.get(record.path).json()
    found = store.versions(record.root.key)
    assert found is not None
    assert (shown["conflict"], shown["heads"]) == (True, record.heads)
    assert (shown["revision"], shown["differing"]) == (revision(*record.heads), ["description"])
    assert [version["hash"] for version in shown["versions"]] == [entry.hash for entry in found.live]
    assert shown["versions"][0]["record"]["description"] == shown["description"]
    for told, entry in zip((*shown["versions"], shown["ancestor"]), (*found.live, found.ancestor), strict=True):
        assert entry is not None
        # Not who it came from: that is the operator's own business.
        assert told == {
            "hash": entry.hash, "updated_at": entry.updated_at, "arrived_at": T0, "record": entry.record,
        }  # fmt: skip
    assert shown["ancestor"]["hash"] == record.root.hash


def test_lists_tell_which_records_are_in_conflict(alone: Node) -> None:
    settled, open_one = given(alone.store, "model", 1), given(alone.store, "model", 2)
    for page in (alone.reader.get("/models"), alone.reader.post("/models/search", json={})):
        told = {item["model_id"]: (item["conflict"], item["revision"]) for item in page.json()["items"]}
        assert told == {
            settled.root.key: (False, revision(*settled.heads)),
            open_one.root.key: (True, revision(*open_one.heads)),
        }
    assert alone.reader.get("/health").json()["conflicts"] == 1


def test_what_any_answer_shows_can_be_edited_and_sent_back(alone: Node) -> None:
    record = given(alone.store, "model", 1)
    (item,) = alone.reader.get("/models").json()["items"]
    first = alone.writer.put(record.path, json={**item, "description": "from a list"})
    assert first.status_code == 200, first.text
    second = alone.writer.put(record.path, json={**first.json(), "description": "from an answer"})
    assert second.json()["description"] == "from an answer"
    # It says which state was edited, and another one has come since.
    told = refused(alone.writer.put(record.path, json=first.json()), 409, "changed")
    assert told["heads"] == second.json()["heads"]
    assert alone.writer.put(record.path, json=first.json() | {"revision": second.json()["revision"]}).status_code == 200


def test_of_very_many_versions_a_bounded_number_is_shown_and_all_are_settled(node: Node, store: Datastore) -> None:
    record = given(store, "model", MAX_VERSIONS + 6)
    shown = node.reader.get(record.path).json()
    assert (len(shown["versions"]), shown["more_versions"], shown["ancestor"]) == (MAX_VERSIONS, 6, None)
    assert shown["heads"] == record.heads
    told = refused(node.writer.delete(record.path), 409, "conflict")
    assert told["heads"] == record.heads
    body = {"record": record.fields("new"), "revision": shown["revision"]}
    settled = node.writer.post(f"{record.path}/resolve", json=body).json()
    assert (settled["description"], settled["conflict"], len(settled["heads"])) == ("new", False, 1)


# Settling


def test_a_conflict_is_settled_with_a_value_or_by_deleting_all_versions(node: Node, store: Datastore) -> None:
    record = given(store, "model", 2)
    shown = node.reader.get(record.path)
    merged = {**shown.json()["versions"][1]["record"], "tags": ["merged"]}
    settled = node.writer.post(
        f"{record.path}/resolve",
        json={"record": merged, "revision": shown.json()["revision"]},
        headers={"if-match": shown.headers["etag"]},
    )
    assert settled.status_code == 200, settled.text
    assert (settled.json()["tags"], settled.json()["conflict"]) == (["merged"], False)
    assert settled.headers["etag"] == node.reader.get(record.path).headers["etag"]

    other = given(store, "model", 2)
    gone = node.writer.post(f"{other.path}/resolve", json={"record": None, "heads": other.heads[::-1]})
    assert (gone.status_code, gone.content) == (204, b"")
    refused(node.reader.get(other.path), 404, "not_found")
    refused(node.writer.post(f"{other.path}/resolve", json={"record": None, "heads": other.heads}), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"heads": ["HEADS"]}, "record"),
        ({"record": None}, "heads"),
        ({"record": None, "heads": None}, "heads"),
        ({"record": None, "heads": []}, "heads"),
        ({"record": None, "heads": "HEADS"}, "heads"),
        ({"record": None, "heads": ["A" * 64]}, "heads"),
        ({"record": None, "heads": [7]}, "heads"),
        ({"record": None, "revision": 7}, "revision"),
        ({"record": None, "revision": "0"}, "revision"),
        ({"record": None, "heads": ["HEADS"], "etag": "x"}, "etag"),
        ({"record": "text", "heads": ["HEADS"]}, ""),
        ({"record": {"name": ""}, "heads": ["HEADS"]}, "name"),
        ({"record": {"name": "x", "versions": []}, "heads": ["HEADS"]}, "versions"),
        ({"record": {"name": "x", "model_id": "1" * 64}, "heads": ["HEADS"]}, "model_id"),
        ([], ""),
        ("text", ""),
    ],
)
def test_what_cannot_settle_is_named_and_nothing_is_written(
    node: Node, store: Datastore, body: Json, path: str
) -> None:
    record = given(store, "model", 2)
    if isinstance(body, dict) and body.get("heads") == ["HEADS"]:
        body = {**body, "heads": [*record.heads]}
    told = refused(node.writer.post(f"{record.path}/resolve", json=body), 422, "invalid")
    problems = told["problems"]
    assert isinstance(problems, list)
    assert path in [problem["path"] for problem in problems]
    assert all(problem["sentence"] for problem in problems)
    assert store.heads(record.root.key) == tuple(record.heads)


def test_a_conflict_is_settled_by_its_owner_who_has_the_token(alone: Node) -> None:
    record = given(alone.store, "model", 2)
    body = {"record": record.fields("new"), "heads": record.heads}
    refused(alone.reader.post(f"{record.path}/resolve", json=body), 401, "unauthorized")
    refused(alone.writer.post(f"/models/{record.root.key[:20]}/resolve", json=body), 400, "bad_id")
    refused(alone.writer.post("/models/search/resolve", json=body), 400, "bad_id")
    refused(alone.writer.post(f"/agents/{record.root.key}/resolve", json=body), 404, "not_found")
    stale = {"if-match": f'"{revision(record.root.hash)}"'}
    refused(alone.writer.post(f"{record.path}/resolve", json=body, headers=stale), 412, "changed")
    half = {**body, "heads": record.heads[:1]}
    assert refused(alone.writer.post(f"{record.path}/resolve", json=half), 409, "changed")["heads"] == record.heads
    alone.store.key.replace(owner("somebody else"))
    refused(alone.writer.post(f"{record.path}/resolve", json=body), 403, "not_owner")
    # Not 409, as he could not settle it, and not 412.
    refused(alone.writer.put(record.path, json=body["record"]), 403, "not_owner")
    refused(alone.writer.delete(record.path, headers=stale), 403, "not_owner")
    assert alone.store.heads(record.root.key) == tuple(record.heads)


async def test_two_laptops_write_apart_meet_and_lose_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        laptops: list[tuple[Datastore, httpx.Client]] = []
        for name in ("home", "work"):
            store = stack.enter_context(Datastore.open(tmp_path / name, clock=lambda: T0))
            store.key.replace(ME)
            address = stack.enter_context(running(store))
            caller = stack.enter_context(client(address))
            caller.headers["authorization"] = bearer(store)
            laptops.append((store, caller))
        (home, at_home), (work, at_work) = laptops
        home.peers.add("work", str(at_work.base_url))
        work.peers.add("home", str(at_home.base_url))

        made = at_home.post("/models", json={"name": "my-finetune", "license": "MIT", "description": "first"})
        path = made.headers["location"]
        await pull(work, "home")
        for caller, field, value in ((at_home, "description", "written at home"), (at_work, "tags", ["work"])):
            shown = caller.get(path)
            edited = {**shown.json(), field: value}
            assert caller.put(path, json=edited, headers={"if-match": shown.headers["etag"]}).status_code == 200
        assert (await pull(work, "home")).conflicts == 1

        shown = at_work.get(path)
        told = shown.json()
        assert sorted(told["differing"]) == ["description", "tags"]
        assert {(one["record"]["description"], *one["record"]["tags"]) for one in told["versions"]} == {
            ("written at home",), ("first", "work"),
        }  # fmt: skip
        # The dutiful edit of what GET showed, with every head and the tag: refused, in words that say where to go.
        refusal = refused(at_work.put(path, json=told, headers={"if-match": shown.headers["etag"]}), 409, "conflict")
        both = {**told["versions"][0]["record"], "description": "written at home", "tags": ["work"]}
        settled = at_work.post(str(refusal["resolve"]), json={"record": both, "heads": refusal["heads"]})
        assert settled.status_code == 200, settled.text

        await pull(home, "work")
        assert at_home.get(path).content == at_work.get(path).content
        told = at_home.get(path).json()
        assert (told["conflict"], told["description"], told["tags"]) == (False, "written at home", ["work"])
        key = told["model_id"]
        assert {entry.hash for entry in home.history(key)} == {entry.hash for entry in work.history(key)}
        assert len(home.history(key)) == 4
        assert home.log.head().fingerprint == work.log.head().fingerprint
