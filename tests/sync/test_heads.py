"""Heads from strangers are read strictly, and what is additive is ignored."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from tui_registry.datastore import Head
from tui_registry.sync.tiles import MAX_SIZE, LogError, parse_head, spell_head

HEAD = Head("0123456789abcdef" * 2, 12, "ab" * 32, "cd" * 20)
TREE = json.loads(spell_head(HEAD, ranges=True))


def test_a_head_is_read_as_it_was_spelt() -> None:
    assert parse_head(spell_head(HEAD, ranges=True)).head == HEAD
    assert parse_head(spell_head(HEAD, ranges=True)).ranges
    assert not parse_head(spell_head(HEAD, ranges=False)).ranges


def test_members_of_a_later_version_are_ignored() -> None:
    assert parse_head(json.dumps({**TREE, "reconcile": {"v": 2}, "ranges": "yes"}).encode()).ranges is False


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("epoch", None), ("epoch", "E" * 32), ("epoch", "e" * 31), ("epoch", "../../../../../etc/passwd_______"),
        ("epoch", "e" * 32 + "\n"), ("epoch", 7), ("size", -1), ("size", MAX_SIZE + 1), ("size", 1.0), ("size", True),
        ("size", "12"), ("size", None), ("fingerprint", "AB" * 32), ("fingerprint", "ab" * 31), ("fingerprint", []),
        ("node", "0x" + "cd" * 19), ("node", None),
    ],
)  # fmt: skip
def test_a_wrong_member_is_named(member: str, value: object) -> None:
    with pytest.raises(LogError, match=f"whose {member} is not") as caught:
        parse_head(json.dumps({**TREE, member: value}).encode())
    assert caught.value.code == "bad_head"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><title>Log in to the hotel</title>", "a web page"),
        (b"  <HTML>", "a web page"),
        (b"", "something else"),
        (b"[" * 60_000, "something else"),
        (b'{"size": ' + b"9" * 60_000 + b"}", "something else"),
        (b"\xff\xfe{}", "something else"),
        (b"[1, 2]", "JSON that is not"),
        (b"null", "JSON that is not"),
    ],
)
def test_what_is_no_head_at_all_is_told_apart(data: bytes, said: str) -> None:
    with pytest.raises(LogError, match=said) as caught:
        parse_head(data)
    assert caught.value.code == "not_a_node"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_head_or_the_declared_error(data: bytes) -> None:
    with suppress(LogError):
        parse_head(data)
