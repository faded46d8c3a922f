"""The tree over a log is that of RFC 6962, and its right edge is enough to go on with it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings, strategies as st

from tests.laws import examples
from tui_registry.crdt.tree import RightEdge

# The leaves and roots that implementations of Certificate Transparency test with (google/certificate-transparency,
# merkletree/merkle_tree_test.cc).
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: Sequence[bytes]) -> bytes:
    """As the RFC defines it."""
    if len(leaves) < 2:
        return sha256(b"\0" + leaves[0]).digest() if leaves else sha256().digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + mth(leaves[:half]) + mth(leaves[half:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    leaves = [bytes.fromhex(leaf) for leaf in LEAVES[:size]]
    assert RightEdge().extended(leaves).root().hex() == ROOTS[size] == mth(leaves).hex()


@settings(max_examples=examples(50, 500))
@given(st.lists(st.integers(0, 40), max_size=6), st.binary(min_size=1, max_size=4))
def test_an_edge_goes_on_as_if_it_had_seen_everything(steps: list[int], seed: bytes) -> None:
    edge, leaves = RightEdge(), list[bytes]()
    for step in steps:
        more = [sha256(seed + (len(leaves) + place).to_bytes(4, "big")).digest() for place in range(step)]
        leaves += more
        edge = RightEdge.from_bytes(edge.size, edge.to_bytes()).extended(more)
        assert (edge.size, edge.root()) == (len(leaves), mth(leaves))
        assert len(edge.nodes) == len(leaves).bit_count()


@pytest.mark.parametrize(("size", "length"), [(-1, 0), (0, 32), (3, 32), (3, 65), (4, 31)])
def test_what_is_no_edge_of_that_size_is_refused(size: int, length: int) -> None:
    with pytest.raises(ValueError, match="no right edge"):
        RightEdge.from_bytes(size, bytes(length))
