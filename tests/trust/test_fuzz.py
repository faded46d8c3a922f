"""A fast slice of the fuzzing: any bytes, spoilt good ones and any JSON, into every decoder of what comes from outside.
Only declared errors come out, and what is taken obeys its laws (`fuzz/targets.py`)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings, strategies as st

from tests.laws import examples
from tests.trust.fuzz.crashers import CRASHERS
from tests.trust.fuzz.targets import TARGETS, Target

EXAMPLES = examples(25, 100)

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)


@st.composite
def spoilt(draw: st.DrawFn, target: Target) -> bytes:
    """A sound input with a few things done to it."""
    data = bytearray(draw(st.sampled_from(target.seeds)))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.integers(0, 40))
        match draw(st.integers(0, 5)):
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = draw(st.sampled_from(target.words))
            case 3:
                data[at:at] = data[at : at + size]
            case 4:
                data[at : at + size] = draw(st.sampled_from(target.words))
            case 5:
                data[at:at] = draw(st.sampled_from(target.words)) * draw(st.sampled_from([1, 40, 2_000]))
    return bytes(data[:70_000])


@st.composite
def any_json(draw: st.DrawFn, target: Target) -> bytes:
    """Any JSON, with the names that the format has: decoders meet sound JSON of the wrong shape."""
    names = [*sorted({word.decode("latin-1").strip('": {') for word in target.words} | _names(target)), "x"]
    tree = st.recursive(
        _scalars,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(names) | st.text(max_size=4), inner, max_size=5)
        ),
        max_leaves=12,
    )
    return json.dumps(draw(tree), ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def _names(target: Target) -> set[str]:
    found: set[str] = set()

    def walk(tree: object) -> None:
        if isinstance(tree, dict):
            found.update(tree)
            for inner in tree.values():
                walk(inner)

    for seed in target.seeds:
        try:
            walk(json.loads(seed))
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("name", TARGETS)
def test_a_sound_input_passes(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(st.binary(max_size=400))
    def fuzz(data: bytes) -> None:
        TARGETS[name].run(data)

    fuzz()


@pytest.mark.parametrize("name", TARGETS)
def test_spoilt_inputs(name: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(spoilt(TARGETS[name]))
    def fuzz(data: bytes) -> None:
        TARGETS[name].run(data)

    fuzz()


@pytest.mark.parametrize("name", ["op", "answer", "head", "body", "file", "formfile", "keystore"])
def test_any_json(name: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(any_json(TARGETS[name]))
    def fuzz(data: bytes) -> None:
        TARGETS[name].run(data)

    fuzz()


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, found in CRASHERS.items() for what in found])
def test_what_crashed_once(name: str, what: str) -> None:
    TARGETS[name].run(CRASHERS[name][what])
