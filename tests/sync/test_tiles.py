"""Tiles: their names, what they hold, and what unpacking refuses."""

from __future__ import annotations

import gzip
import random
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from tui_registry.sync.bounds import MAX_OP_BYTES, TILE_OPS, Bounds
from tui_registry.sync.tiles import LogError, Span, Unpacker, pack, spans, split

LIMIT = Bounds().tile_bytes


def unpack(data: bytes, count: int, *, limit: int = LIMIT, step: int = 65_536) -> list[bytes]:
    unpacker = Unpacker(limit)
    for start in range(0, len(data), step):
        unpacker.feed(data[start : start + step])
    return unpacker.lines(count)


@given(st.integers(0, 2000), st.integers(0, 2000), st.booleans())
def test_spans_cover_exactly_what_is_asked_for_in_order(start: int, more: int, ranges: bool) -> None:
    size = start + more
    found = list(spans(start, size, ranges=ranges))
    covered = [index for span in found for index in range(span.start, span.end)]
    assert bool(covered) == (start < size)
    assert covered == list(range(covered[0] if covered else size, size))
    if ranges or start % TILE_OPS == 0:
        assert covered == list(range(start, size))
    assert all(Span.from_name(span.name) == span for span in found)


@pytest.mark.parametrize(
    "name",
    [
        "", "0", "0.ndjson", "00.ndjson.gz", "-1.ndjson.gz", "0.0.ndjson.gz", "0.256.ndjson.gz", "0.257.ndjson.gz",
        "0.5-5.ndjson.gz", "0.9-5.ndjson.gz", "0.0-5.ndjson.gz", "0.1-257.ndjson.gz", "1.01.ndjson.gz",
        "0.1-2-3.ndjson.gz", "../head", "0.ndjson.gz/", "0.ndjson.gz\n", "٠.ndjson.gz", "1e3.ndjson.gz",
        "9" * 30 + ".ndjson.gz",
    ],
)  # fmt: skip
def test_a_tile_has_one_name_only(name: str) -> None:
    assert Span.from_name(name) is None


@given(st.lists(st.binary(min_size=1, max_size=300).map(lambda b: b.translate(None, b"\n\0") or b"x"), max_size=40))
def test_what_was_packed_unpacks_whatever_the_size_of_the_pieces(lines: list[bytes]) -> None:
    data = pack(lines)
    assert unpack(data, len(lines)) == lines
    assert unpack(data, len(lines), step=7) == lines
    assert data == pack(lines)


def test_a_tile_of_the_largest_operations_is_within_the_bound() -> None:
    noise = random.Random(7)
    lines = [bytes(noise.randrange(32, 127) for _ in range(64)) * (MAX_OP_BYTES // 64) for _ in range(TILE_OPS)]
    assert unpack(pack(lines), TILE_OPS) == lines


def test_a_gzip_bomb_is_cut_off_at_the_bound() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(64)) + bomb.flush()
    unpacker = Unpacker(1 << 20)
    with pytest.raises(LogError, match="more than 1,048,576 bytes") as caught:
        unpacker.feed(packed)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html>", "not whole gzip"),
        (pack([b"a", b"b"])[:-1], "ends in the middle"),
        (pack([b"a", b"b"]) + b"more", "after the end"),
        (pack([b"a"]) + pack([b"b"]), "after the end"),
        (pack([b"a"]), "1 lines where its name promises 2"),
        (pack([b"a", b"b", b"c"]), "3 lines"),
        (gzip.compress(b"a\nb", mtime=0), "does not end with a line end"),
        (gzip.compress(b"a\n\n", mtime=0), "empty line"),
        (gzip.compress(b"a\nb\0\n", mtime=0), "NUL"),
        (pack([b"a", b"b"])[:12] + b"\xff\xff\xff\xff" + pack([b"a", b"b"])[16:], "gzip"),
        (b"", "ends in the middle"),
    ],
)
def test_what_is_not_the_tile_its_name_promises_is_refused_in_words(data: bytes, reason: str) -> None:
    with pytest.raises(LogError, match=reason):
        unpack(data, 2)


def test_no_data_is_no_lines() -> None:
    assert split(b"", 0) == []


@given(st.binary(max_size=400))
def test_any_bytes_give_lines_or_the_declared_error(data: bytes) -> None:
    with suppress(LogError):
        unpack(data, 2)
    with suppress(LogError):
        assert b"".join(line + b"\n" for line in split(data, len(data))) == data
