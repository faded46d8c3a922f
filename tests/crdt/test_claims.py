"""What bytes claim to be, before they are believed."""

from __future__ import annotations

import pytest

from tests.crdt.making import KINDS, removal_of, root, write_on
from tui_registry.crdt import claimed_hash, digest_of
from tui_registry.errors import Kind


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_of_operation_ends_in_the_hash_that_it_claims(kind: Kind) -> None:
    first = root(kind)
    second = write_on(first)
    for op in (first, second, removal_of(second)):
        assert claimed_hash(op.to_json()) == op.hash


@pytest.mark.parametrize(
    "end",
    [b"}}", b"}}}}}", b"}}}\n", b"}}} ", b"}}}}x", b'","rec":1}}}'],
    ids=["too few braces", "too many", "a line end", "white space", "a letter", "another member"],
)
def test_bytes_that_end_otherwise_claim_nothing(end: bytes) -> None:
    stem = root().to_json().rstrip(b"}")
    assert claimed_hash(stem + b"}}}}") == claimed_hash(stem + b"}}}") is not None
    assert claimed_hash(stem + end) is None


def test_a_hash_of_another_length_or_spelling_is_no_claim() -> None:
    body = root().to_json()
    for spoilt in (body.replace(b'"hash":"', b'"hash":"0'), body.replace(b'"hash":"', b'"hash":"F')[:-5] + b'"}}}}'):
        assert spoilt != body
        assert claimed_hash(spoilt) is None
    assert claimed_hash(b"") is None


def test_whole_bytes_are_known_by_a_digest_of_all_of_them() -> None:
    # BLAKE2b with 32 bytes of digest, RFC 7693; of nothing, by another implementation.
    assert digest_of(b"").hex() == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
    body = root().to_json()
    assert digest_of(body) != digest_of(body[:-1] + b" ")
