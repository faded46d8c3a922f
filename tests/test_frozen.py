"""Frozen values: what they promise in place of frozen dataclasses."""

from __future__ import annotations

import pickle
import typing
from typing import ClassVar, get_type_hints

import pytest

from tui_registry.frozen import Frozen, NamedTuple


class Place(Frozen, kw_only=True, uncompared=("line",)):
    line: int


class Pair(Place, hidden=("secret",)):
    kind: ClassVar[str] = "pair"
    first: int
    second: int = 2
    secret: str = ""


def test_fields_are_given_by_place_or_by_name_and_have_defaults() -> None:
    pair = Pair(1, line=7)
    assert (pair.first, pair.second, pair.line, pair.kind) == (1, 2, 7, "pair")
    assert Pair(1, 3, line=7) == Pair(second=3, first=1, line=7)


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {"line": 1}), ((1,), {}), ((1, 2, "", 4), {"line": 1}), ((1,), {"line": 1, "first": 2}), ((1,), {"row": 1})],
    ids=["too few", "none by name", "too many", "twice", "unknown"],
)
def test_what_does_not_fit_the_fields_is_refused(values: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Pair(*values, **named)


def test_values_compare_by_content_but_for_what_is_left_out() -> None:
    assert Pair(1, line=1) == Pair(1, line=2)
    assert hash(Pair(1, line=1)) == hash(Pair(1, line=2))
    assert Pair(1, line=1) != Pair(2, line=1)
    assert Place(line=1) != Pair(1, line=1)


def test_values_cannot_be_changed() -> None:
    pair = Pair(1, line=1)
    with pytest.raises(AttributeError):
        pair.first = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del pair.first


def test_a_hidden_field_is_not_in_the_repr() -> None:
    assert repr(Pair(1, secret="hush", line=3)) == "Pair(line=3, first=1, second=2)"


def test_values_are_matched_by_place_and_survive_pickling() -> None:
    match pickle.loads(pickle.dumps(Pair(1, 5, line=3))):
        case Pair(first, second):
            assert (first, second) == (1, 5)
        case other:
            raise AssertionError(other)


class Spot(NamedTuple):
    """Where."""

    x: int
    y: int = 2

    @property
    def total(self) -> int:
        return self.x + self.y


class _Typed(typing.NamedTuple):
    """Where."""

    x: int
    y: int = 2


def test_a_named_tuple_is_what_typing_makes_of_it() -> None:
    assert (Spot(1), Spot(x=5, y=6), Spot(1).total) == ((1, 2), (5, 6), 3)
    assert repr(Spot(1)) == "Spot(x=1, y=2)"
    assert pickle.loads(pickle.dumps(Spot(1))) == Spot(1)
    assert get_type_hints(Spot) == get_type_hints(_Typed)
    for name in ("__doc__", "__module__", "__mro__", "__match_args__", "_fields", "_field_defaults"):
        assert str(getattr(Spot, name)) == str(getattr(_Typed, name)).replace("_Typed", "Spot")
    with pytest.raises(TypeError):
        Spot()  # type: ignore[call-arg]
