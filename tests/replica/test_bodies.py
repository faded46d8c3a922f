"""Records passed on as they are stored are those that are read one by one, byte for byte as anybody would spell them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest
from hypothesis import given, settings

from tests.crdt.histories import History, histories
from tests.laws import examples
from tests.replica.replicas import replica
from tests.replica.test_search import narrow
from tests.seeds import make_record, owner, seed, signed
from tui_registry.datastore import Datastore
from tui_registry.errors import KINDS, Kind
from tui_registry.records import defaults


def assert_as_read(registry: Datastore) -> None:
    rows = registry.search(limit=1000).rows
    asked = [row.id for row in rows]
    found = registry.bodies(asked)
    assert [body.id for body in found] == asked
    for row, body in zip(rows, found, strict=True):
        entry = registry.entry(row.id)
        assert entry is not None
        assert body.record == json.dumps(entry.record, ensure_ascii=False, separators=(",", ":")).encode()
        told = (body.kind, body.heads, body.live, body.revision)
        assert told == (entry.kind, entry.heads, len(entry.live_heads), entry.revision)


@settings(max_examples=examples(12, 300))
@given(histories(spoilt=False))
def test_after_any_history_they_are_the_entries(history: History) -> None:
    with replica() as registry:
        registry.apply(history.all)
        assert_as_read(registry)


@pytest.mark.parametrize(
    "text",
    [
        '},"vclock":{"x":1},"children":[',
        '"op":{"op":{"value":{}',
        ',"vclock":',
        '\\","vclock":\\',
        "\x01\x08\x0c\n\r\t\x1f\x7f\x85\u2028\u2029/\\\"'",
        "ä 変更 🤗 \U0010ffff \ue000\ufffd",
        "e\u0301 \u202e",
    ],
)
def test_whatever_texts_say_a_record_is_cut_out_whole(text: str) -> None:
    fields = {"description": f"x{text}x", "tags": [text], "capabilities": [text, "vclock"], "license": text}
    with replica() as registry:
        for kind in ("model", "agent"):
            typed = {f"{kind}_type": {"Other": text}, "framework": {"Other": "vclock"}}
            registry.apply([signed(owner("bodies"), kind, f"{text} {kind}", **fields, **typed).body])
        assert len(registry.search().rows) == 2
        assert_as_read(registry)


def test_what_is_not_there_is_left_out_and_the_order_is_that_of_the_question() -> None:
    with replica() as registry:
        seed(registry, 5)
        ids = [row.id for row in registry.search().rows]
        asked = [*ids[::-1], "ab" * 32, "no id", ids[0].upper(), ids[2]]
        assert [body.id for body in registry.bodies(asked)] == [*ids[::-1], ids[2]]
        assert registry.bodies([]) == []
        with pytest.raises(TypeError):
            registry.bodies(ids[0])


@pytest.mark.parametrize("bounds", [nullcontext, narrow])
def test_a_window_of_what_is_stored_is_the_window_of_its_rows(
    bounds: Callable[[], AbstractContextManager[None]],
) -> None:
    with replica() as registry, bounds():
        seed(registry, 12)
        for name in ("number nine", "other"):
            op = registry.add("model", make_record("model", name))
            registry.manifests.set(op.key, {**defaults("manifest"), "status": "Deprecated"})
        for query in (
            "", "number", "number 1", "-number", "kind:agent", "type:llm", "sort:name", "number sort:-params", "nothing",
            "has:manifest", "has:manifest sort:name", "status:deprecated", "-has:manifest number", "sort:context",
        ):  # fmt: skip
            for kind in (None, *KINDS):
                assert_windows_agree(registry, query, kind)


def assert_windows_agree(registry: Datastore, query: str, kind: Kind | None) -> None:
    """However a search is asked for, page after page, counted or not."""
    counted = registry.search(query, kind=kind, limit=1000).rows
    read: list[str] = []
    cursor = None
    while True:
        rows, stored = (
            registry.search(query, kind=kind, limit=5, cursor=cursor, counted=False, own_names=False, stored=stored)
            for stored in (False, True)
        )
        assert stored.rows == []
        assert stored.bodies == registry.bodies([row.id for row in rows.rows])
        assert stored._replace(bodies=()) == rows._replace(rows=[])
        read += [body.id for body in stored.bodies]
        cursor = stored.next
        if cursor is None:
            break
    assert sorted(read) == sorted(row.id for row in counted)
