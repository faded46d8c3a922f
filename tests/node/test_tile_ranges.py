"""A node gives parts of a tile, so that a reader goes on where the line broke (RFC 9110, section 14)."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.node.conftest import T0, client, refused
from tests.sync.logs import ALICE, bodies, roots
from tui_registry.datastore import Datastore
from tui_registry.node import running
from tui_registry.sync.tiles import pack


@pytest.fixture(scope="module")
def tile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, str, bytes]]:
    """A reader, a tile's path and the tile."""
    with Datastore.open(tmp_path_factory.mktemp("ranges"), clock=lambda: T0) as store:
        lines = bodies(roots(ALICE, 20))
        store.apply(lines, source="test")
        with running(store) as address, client(address) as reader:
            yield reader, f"/sync/{store.log.head().epoch}/entries/0.20.ndjson.gz", pack(lines)


@pytest.mark.parametrize(
    ("wanted", "first", "stop"),
    [
        ("bytes=0-", 0, None), ("bytes=100-", 100, None), ("bytes=100-199", 100, 200), ("bytes=0-0", 0, 1),
        ("bytes=100-99999999", 100, None), ("bytes=-50", -50, None), ("bytes=-99999999", 0, None),
        ("BYTES= 100-199", 100, 200),
    ],
)  # fmt: skip
def test_a_part_is_given(tile: tuple[httpx.Client, str, bytes], wanted: str, first: int, stop: int | None) -> None:
    reader, path, data = tile
    whole = reader.get(path)
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, data, "bytes")
    part = reader.get(path, headers={"range": wanted, "if-range": whole.headers["etag"]})
    expected = data[first:stop]
    begin = data.index(expected) if len(expected) > 1 else 0
    assert (part.status_code, part.content) == (206, expected)
    assert part.headers["content-range"] == f"bytes {begin}-{begin + len(expected) - 1}/{len(data)}"
    assert part.headers["etag"] == whole.headers["etag"]
    assert part.headers["cache-control"] == whole.headers["cache-control"]


@pytest.mark.parametrize(
    "asked",
    [
        {"range": "bytes=100-99"}, {"range": "bytes=-"}, {"range": "bytes=0-9,20-29"}, {"range": "lines=0-9"},
        {"range": "bytes=a-b"}, {"range": "bytes=" + "9" * 400 + "-"}, {"range": ""}, {"range": "bytes=1.5-"},
        {"range": "bytes=100-", "if-range": '"another"'},
        {"range": "bytes=100-", "if-range": "Tue, 15 Nov 1994 12:45:26 GMT"},
        {"range": "bytes=100-", "if-range": "W/WEAK"},
        {"if-range": "ETAG"},
    ],
)  # fmt: skip
def test_all_of_it_is_given_where_no_part_is_meant(
    tile: tuple[httpx.Client, str, bytes], asked: dict[str, str]
) -> None:
    reader, path, data = tile
    tag = reader.head(path).headers["etag"]
    headers = {name: value.replace("ETAG", tag).replace("WEAK", tag) for name, value in asked.items()}
    answer = reader.get(path, headers=headers)
    assert (answer.status_code, answer.content) == (200, data)
    assert "content-range" not in answer.headers


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=-0"])
def test_a_part_that_is_not_there_is_416(tile: tuple[httpx.Client, str, bytes], wanted: str) -> None:
    reader, path, data = tile
    answer = reader.get(path, headers={"range": wanted})
    refused(answer, 416, "no_range")
    assert answer.headers["content-range"] == f"bytes */{len(data)}"


def test_who_has_it_needs_no_part_and_head_gives_none(tile: tuple[httpx.Client, str, bytes]) -> None:
    reader, path, _ = tile
    tag = reader.head(path).headers["etag"]
    assert reader.get(path, headers={"range": "bytes=0-9", "if-none-match": tag}).status_code == 304
    assert reader.head(path, headers={"range": "bytes=0-9"}).status_code == 200
    # The head of a log is small, and is given whole.
    assert reader.get("/sync/head", headers={"range": "bytes=0-9"}).status_code == 200
