"""Making operations: what `sign_up` and `sign_rm` give is what the design says, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.crdt import model
from tests.crdt.histories import START
from tests.crdt.making import ADA, BOB, KINDS, fresh
from tui_registry.crdt import chain_of_children, check_op, sign_rm, sign_up
from tui_registry.errors import Kind

hashes = st.lists(st.integers(0, 2**256 - 1).map("{:064x}".format), unique=True)


@given(
    st.sampled_from(KINDS),
    hashes.filter(lambda found: len(found) <= 16),
    st.integers(1, 2**63 - 1),
    st.integers(1, 2**63 - 1),
)
def test_a_signed_write_is_spelt_as_the_oracle_spells_it(
    kind: Kind, children: list[str], clock: int, counter: int
) -> None:
    record = fresh(kind, **{"status_message" if kind == "manifest" else "description": '"quoted" \x01 漢'})
    op = sign_up(ADA, kind, record, children=children, clock=clock, counter=counter)
    assert op.to_json() == model.spell(model.up_tree(ADA, kind, record, children, clock, counter=counter))


@given(
    st.sampled_from(KINDS),
    hashes.filter(lambda found: 1 <= len(found) <= 16),
    st.integers(1, 2**63 - 1),
    st.integers(0, 2**40),
)
def test_a_signed_removal_is_spelt_as_the_oracle_spells_it(
    kind: Kind, children: list[str], clock: int, time: int
) -> None:
    key = "ab" * 32
    op = sign_rm(ADA, kind, key, children=children, clock=clock, updated_at=time)
    assert op.to_json() == model.spell(model.rm_tree(ADA, kind, key, children, clock, time))


def test_signing_again_gives_the_same_bytes() -> None:
    assert sign_up(ADA, "model", fresh()).to_json() == sign_up(ADA, "model", fresh()).to_json()
    assert sign_up(ADA, "model", fresh()).hash != sign_up(BOB, "model", fresh(by=BOB)).hash


def test_without_children_a_write_is_the_first_of_its_record_and_of_its_signer() -> None:
    op = sign_up(ADA, "model", fresh())
    assert (op.children, op.clock) == ((), {ADA.address: 1})
    assert op.to_json() == model.spell(model.up_tree(ADA, "model", fresh(), [], 1, counter=1))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_signed_is_valid(kind: Kind) -> None:
    base = sign_up(ADA, kind, fresh(kind))
    check_op(base, [])
    gone = sign_rm(ADA, kind, base.key, children=[base.hash], clock=2, updated_at=START)
    check_op(gone, [base])
    again = sign_up(ADA, kind, fresh(kind), children=[gone.hash], clock=3, counter=2)
    check_op(again, [gone])


@given(hashes)
def test_a_chain_names_every_head_once_in_order_16_first_then_15_each(heads: list[str]) -> None:
    links = chain_of_children(heads)
    assert [head for link in links for head in link] == sorted(heads)
    assert len(links[0]) <= 16
    assert all(1 <= len(link) <= 15 for link in links[1:])
    assert all(len(link) == (16 if place == 0 else 15) for place, link in enumerate(links[:-1]))


@pytest.mark.parametrize(
    ("count", "lengths"), [(0, [0]), (1, [1]), (16, [16]), (17, [16, 1]), (31, [16, 15]), (32, [16, 15, 1])]
)
def test_a_chain_is_as_long_as_it_must_be(count: int, lengths: list[int]) -> None:
    links = chain_of_children([f"{number:064x}" for number in range(count)])
    assert [len(link) for link in links] == lengths
