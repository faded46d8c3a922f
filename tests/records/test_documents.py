"""Strict JSON: one meaning or none, for headers and files of any size."""

from __future__ import annotations

import pytest

from tui_registry.records.documents import NotJsonError, strict_json


def test_json_is_read_as_it_is() -> None:
    assert strict_json('{"a": [1, 2.5, null, true, "é"]}'.encode()) == {"a": [1, 2.5, None, True, "é"]}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "names a twice"),
        (b'[{"x": {"\\u001b": 1, "\\u001b": 1}}]', "names \ufffd twice"),
        (b"[NaN]", "is not JSON"),
        (b"[-Infinity]", "is not JSON"),
        (b'{"a": 1', "is not JSON"),
        (b"[" + b"9" * 5000 + b"]", "is not JSON"),
        (b"", "is not JSON"),
        (b'"\xff"', "holds bytes that are not UTF-8"),
        (b"[" * 100_000, "is nested too deep"),
    ],
)
def test_what_has_no_one_meaning_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(NotJsonError) as caught:
        strict_json(data)
    assert str(caught.value) == sentence
