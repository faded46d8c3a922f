"""The Python API that stays stable (DESIGN section 5)."""

from __future__ import annotations

from pathlib import Path

import pytest

import tui_registry
from tests.seeds import owner, signed
from tui_registry import AIAgent, AIModel, Datastore, InvalidRecord, OpError, check_op, parse_op


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
