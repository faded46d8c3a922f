"""The Python API that stays stable: what README promises to programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tui_registry
from tests.seeds import NOW, owner, signed
from tui_registry import AIAgent, AIModel, Datastore, InvalidRecord, OpError, check_op, datastore, parse_op
from tui_registry.replica.log import arrivals


@pytest.mark.parametrize("name", tui_registry.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(tui_registry, name).__name__ == name


def test_dir_lists_the_public_names() -> None:
    assert set(tui_registry.__all__) <= set(dir(tui_registry))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Dataset'"):
        tui_registry.Dataset  # noqa: B018


def test_a_model_lives_through_the_datastore(tmp_path: Path) -> None:
    model = AIModel(name="mine", parameters=7_000_000_000, context_length=4096)
    assert model.validate() == []
    with Datastore.open(tmp_path) as registry:
        op = registry.add_model(model)
        stored = registry.get_model(op.key)
        assert stored is not None
        assert (stored.name, stored.owner_id, stored.id) == ("mine", registry.address, op.key)
        edited = registry.update_model(
            op.key, stored.model_copy(update={"version": "0.2.0"}), seen=registry.heads(op.key)
        )
        assert edited.children == (op.hash,)
        registry.delete_model(op.key, seen=registry.heads(op.key))
        assert registry.get_model(op.key) is None


def test_an_agent_with_errors_is_refused_with_its_problems(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as registry, pytest.raises(InvalidRecord) as caught:
        registry.add_agent(AIAgent(name="crew", version="1.0"))
    assert [problem.path for problem in caught.value.problems] == ["version"]


def test_an_operation_is_read_checked_and_written_again() -> None:
    op = signed(owner("me"), "model", "mine")
    read = parse_op(op.to_json())
    assert (read.kind, read.key, read.hash, read.children) == ("model", op.key, op.hash, ())
    assert read.computed_hash() == read.hash
    assert read.signer() == owner("me").address
    assert read.to_json() == op.to_json()
    check_op(read, [])


def test_a_spoilt_operation_is_an_op_error_with_its_code() -> None:
    body = signed(owner("me"), "model", "mine").to_json()
    with pytest.raises(OpError) as malformed:
        parse_op(body + b" ")
    assert malformed.value.code == "malformed"
    with pytest.raises(OpError) as forged:
        check_op(parse_op(body.replace(b'"name":"mine"', b'"name":"mina"')), [])
    assert forged.value.code == "hash"


# ---- what a program does wrong is told where it does it -------------------------------------------------------------

TINY = signed(owner("me"), "model", "tiny")
PLAIN = AIModel(name="plain").to_plain()

MISTAKES: dict[str, tuple[Callable[[Any], object], type[Exception], str]] = {
    "add_model, dict": (lambda d: d.add_model(PLAIN), TypeError, "`add_model` and `update_model` take an AIModel, not dict"),
    "add_model, agent": (lambda d: d.add_model(AIAgent(name="x")), TypeError, "take an AIModel, not AIAgent"),
    "add_agent": (lambda d: d.add_agent({}), TypeError, "`add_agent` and `update_agent` take an AIAgent, not dict"),
    "update_model": (lambda d: d.update_model(TINY.key, PLAIN, ()), TypeError, "take an AIModel, not dict"),
    "update_agent": (lambda d: d.update_agent(TINY.key, PLAIN, ()), TypeError, "take an AIAgent, not dict"),
    "update, seen": (
        lambda d: d.update("model", TINY.key, PLAIN, TINY.hash),
        TypeError,
        "the heads that were seen are a list of hashes, not str",
    ),
    "delete, seen": (lambda d: d.delete_model(TINY.key, None), TypeError, "are a list of hashes, not NoneType"),
    "add, kind": (lambda d: d.add("modle", PLAIN), ValueError, "a kind is 'model' or 'agent', not 'modle'"),
    "add, record": (lambda d: d.add("model", AIModel(name="x")), TypeError, "a plain record is a dict"),
    "add_all, kind": (lambda d: list(d.add_all([("model", PLAIN), ("x", PLAIN)])), ValueError, "not 'x'"),
    "add_all, record": (lambda d: list(d.add_all([("model", PLAIN), ("model", 5)])), TypeError, "is a dict .*, not int"),
    "resolve, seen": (lambda d: d.resolve("model", TINY.key, None, TINY.hash), TypeError, "a list of hashes, not str"),
    "resolve_model": (lambda d: d.resolve_model(TINY.key, PLAIN, ()), TypeError, "take an AIModel, not dict"),
    "record_at": (lambda d: d.record_at(TINY.key, None), TypeError, "a moment is Unix seconds, .* not NoneType"),
    "delete, kind": (lambda d: d.delete("x", TINY.key, ()), ValueError, "not 'x'"),
    "check, kind": (lambda d: d.check("x", PLAIN), ValueError, "not 'x'"),
    "search, kind": (lambda d: d.search(kind="x"), ValueError, "not 'x'"),
    "facets, kind": (lambda d: d.facets(kind="x"), ValueError, "not 'x'"),
    "entries, kind": (lambda d: list(d.entries(kind="x")), ValueError, "not 'x'"),
    "entry, kind": (lambda d: d.entry(TINY.key, "x"), ValueError, "not 'x'"),
    "find, kind": (lambda d: d.find(TINY.key, "x"), ValueError, "not 'x'"),
    "find": (lambda d: d.find(5), TypeError, "the beginning of an id is text, not int"),
    "search, query": (lambda d: d.search(None), TypeError, "a query is text, not NoneType"),
    "facets, query": (lambda d: d.facets(5), TypeError, "a query is text, not int"),
    "search, sort": (lambda d: d.search(sort=5), TypeError, "an order is text, not int"),
    "search, cursor": (lambda d: d.search(cursor=5), TypeError, "a cursor is text, not int"),
    "search, limit": (lambda d: d.search(limit=2.5), TypeError, "a limit is a whole number of rows, not float"),
    "list_models": (lambda d: d.list_models(limit=0), ValueError, "a limit is 1 row or more, not 0"),
    "list_agents": (lambda d: d.list_agents(limit=-1), ValueError, "a limit is 1 row or more, not -1"),
    "name_owner": (lambda d: d.names.set("abcd", "x"), ValueError, "an address is 40 hex digits, not 'abcd'"),
    "apply, str": (lambda d: d.apply([TINY, TINY.to_json().decode()]), TypeError, "an operation is bytes .*, not str"),
    "apply, one": (lambda d: d.apply(TINY.to_json()), TypeError, "an operation is bytes .*, not int"),
}  # fmt: skip


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    with Datastore.open(tmp_path_factory.mktemp("empty")) as registry:
        yield registry


@pytest.mark.parametrize("what", MISTAKES)
def test_a_programs_mistake_is_an_error_in_words_and_writes_nothing(empty: Datastore, what: str) -> None:
    wrong, kind_of_error, words = MISTAKES[what]
    with pytest.raises(kind_of_error, match=words):
        wrong(empty)
    assert (empty.stats().ops, empty.names.all()) == (0, {})


@pytest.mark.parametrize(("given", "is_a"), [(5, "int"), (b"here", "bytes"), (["here"], "list")])
def test_only_a_path_opens_a_replica(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: object, is_a: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=f"a data directory is a path, not {is_a}"):
        Datastore.open(given)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_apply_takes_operations_and_their_bytes(tmp_path: Path) -> None:
    other = signed(owner("me"), "model", "other")
    with Datastore.open(tmp_path) as registry:
        report = registry.apply([TINY, other.to_json(), TINY.to_json(), b"{}"])
        assert (report.applied, report.known, [found.place for found in report.rejected]) == (2, 1, [3])
        assert registry.apply(iter([other])).known == 1


def test_a_list_with_something_else_in_it_is_applied_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_APPLIED_AT_ONCE", 1)
    with Datastore.open(tmp_path) as registry:
        with pytest.raises(TypeError):
            registry.apply([TINY, *(signed(owner("me"), "model", name) for name in "abc"), None])  # type: ignore[list-item]
        assert registry.stats().ops == 0


@pytest.mark.filterwarnings("error")
def test_what_a_copy_of_a_record_was_given_unchecked_is_an_invalid_record(tmp_path: Path) -> None:
    with Datastore.open(tmp_path, clock=lambda: NOW) as registry:
        op = registry.add_model(AIModel(name="mine"))
        stored = registry.get_model(op.key)
        assert stored is not None
        for field, value in (("parameters", "x"), ("model_type", 5), ("tags", "x"), ("resource_requirements", None)):
            with pytest.raises(InvalidRecord) as caught:
                registry.update_model(op.key, stored.model_copy(update={field: value}), registry.heads(op.key))
            assert [problem.path for problem in caught.value.problems] == [field]
        assert registry.heads(op.key) == (op.hash,)
        # A variant's name is what the plain form holds anyhow.
        edited = stored.model_copy(update={"model_type": "LLM"})
        assert registry.update_model(op.key, edited, registry.heads(op.key)).value == edited


@pytest.mark.parametrize("name", datastore.__all__)
def test_every_name_at_the_datastores_door_is_there(name: str) -> None:
    assert getattr(datastore, name).__name__ == name
