"""Versions of a record side by side: what differs, what merges by itself, and which words of a text changed."""

from __future__ import annotations

import copy
import random
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from tests.records.histories import ITEMS, LEAVES, History, after_of, before_of, histories, some
from tests.records.rules import NEEDS, agent, model
from tui_registry.errors import KINDS, Json, Kind, Record
from tui_registry.records import canonical_bytes
from tui_registry.records.merging import (
    Item,
    ItemChange,
    Merged,
    Piece,
    changed_items,
    choose,
    differing,
    holders,
    items,
    marked,
    merge,
    paths,
    shape_of,
    side,
    value_at,
)
from tui_registry.records.schema import ID_FIELD


def bare(record: Record) -> Record:
    """Without id, owner and times."""
    return {path: value_at(record, path) for path in paths("model" if "model_id" in record else "agent")}


def words_of(value: Json) -> list[str]:
    """The items of a list, so that they can be put in order."""
    assert isinstance(value, list)
    return [str(item) for item in value]


# ---- what differs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_leaf_but_id_owner_and_times_is_compared(kind: Kind) -> None:
    given_by_the_datastore = {ID_FIELD[kind], "owner_id", "created_at", "updated_at"}
    assert paths(kind) == tuple(path for path in LEAVES[kind] if path not in given_by_the_datastore)
    assert [path for path in paths(kind) if shape_of(path) == "text"] == ["description", "formfile_template"]
    lists = {path for path in paths(kind) if shape_of(path) == "list"}
    assert lists == {"tags", "capabilities"} | (
        {"preferred_models", "tools", "compatible_model_types"} & set(LEAVES[kind])
    )


@given(histories(), st.booleans())
def test_the_fields_that_differ_are_exactly_those_in_which_the_versions_are_not_all_equal(
    history: History, rootless: bool
) -> None:
    base = None if rootless else history.base
    found = differing(base, history.versions)
    expected = [
        path
        for path in paths(history.kind)
        if any(value_at(version, path) != value_at(history.versions[0], path) for version in history.versions)
    ]
    assert [difference.path for difference in found] == expected
    for difference in found:
        assert difference.values == tuple(value_at(version, difference.path) for version in history.versions)
        assert difference.based is not rootless
        assert difference.base == (None if base is None else value_at(base, difference.path))


def test_id_owner_and_times_are_no_difference() -> None:
    assert (
        differing(None, [model(updated_at=1, created_at=1), model(updated_at=2, created_at=2, owner_id="ab" * 20)])
        == []
    )
    assert differing(None, []) == []


def test_a_requirement_is_compared_by_itself() -> None:
    found = differing(model(), [model(min_vcpus=2), model(requires_gpu=True, min_vram_gb=8)])
    assert [(difference.path, difference.base, difference.values) for difference in found] == [
        (f"{NEEDS}.min_vcpus", 1, (2, 1)),
        (f"{NEEDS}.requires_gpu", False, (False, True)),
        (f"{NEEDS}.min_vram_gb", None, (None, 8)),
    ]


# ---- what merges by itself -----------------------------------------------------------------------------------------


@given(histories(), st.booleans())
def test_nothing_that_is_given_is_changed_and_nothing_that_comes_back_is_shared(
    history: History, rootless: bool
) -> None:
    before = copy.deepcopy(history)
    merged = merge(None if rootless else history.base, history.versions)
    for value in merged.record.values():
        if isinstance(value, list):
            value.append("more")
        elif isinstance(value, dict):
            value.clear()
    assert history == before


@given(histories(), st.booleans())
def test_a_merge_has_the_shape_of_its_kind(history: History, rootless: bool) -> None:
    merged = merge(None if rootless else history.base, history.versions)
    kept = {
        name: history.versions[0][name] for name in (ID_FIELD[history.kind], "owner_id", "created_at", "updated_at")
    }
    assert {name: merged.record[name] for name in kept} == kept
    assert list(merged.record) == list(history.versions[0])
    # Refuses what is no record of that kind.
    canonical_bytes(history.kind, merged.record)


@given(histories(most=1), st.integers(1, 4), st.integers(0, 3))
def test_where_one_side_alone_changed_anything_the_merge_is_that_side(history: History, many: int, place: int) -> None:
    versions = [history.base] * many
    versions[place % many] = history.versions[0]
    merged = merge(history.base, versions)
    assert (bare(merged.record), merged.open) == (bare(history.versions[0]), ())


@given(histories())
def test_what_versions_changed_to_the_same_value_is_taken_and_what_they_changed_differently_is_open(
    history: History,
) -> None:
    merged = merge(history.base, history.versions)
    for path in paths(history.kind):
        was = value_at(history.base, path)
        changed = [value_at(version, path) for version in history.versions if value_at(version, path) != was]
        same = all(value == changed[0] for value in changed)
        assert (path in merged.open) is (not same and shape_of(path) != "list")
        if same:
            assert value_at(merged.record, path) == (changed[0] if changed else was)
        elif path in merged.open:
            assert value_at(merged.record, path) == value_at(history.versions[0], path)


@given(histories(), st.randoms(use_true_random=False))
def test_a_merge_does_not_depend_on_the_order_of_the_versions_but_for_what_is_open(
    history: History, dice: random.Random
) -> None:
    shuffled = dice.sample(history.versions, len(history.versions))
    one, other = merge(history.base, history.versions), merge(history.base, shuffled)
    assert one.open == other.open
    settled = [path for path in paths(history.kind) if path not in one.open]
    assert [value_at(one.record, path) for path in settled] == [value_at(other.record, path) for path in settled]


@given(histories())
def test_without_an_ancestor_all_that_differs_is_open_and_lists_are_united(history: History) -> None:
    merged = merge(None, history.versions)
    found = merged.differences
    assert merged.open == tuple(difference.path for difference in found if difference.shape != "list")
    for difference in found:
        value = value_at(merged.record, difference.path)
        if difference.shape == "list":
            assert set(words_of(value)) == {item for version in difference.values for item in words_of(version)}
            first = list(dict.fromkeys(words_of(difference.values[0])))
            assert words_of(value)[: len(first)] == first
        else:
            assert value == difference.values[0]


@given(histories())
def test_a_merge_of_equal_versions_is_that_version(history: History) -> None:
    merged = merge(history.base, [history.versions[0]] * 3)
    assert merged == Merged(history.versions[0], (), ())


# ---- lists ---------------------------------------------------------------------------------------------------------


@given(ITEMS, st.lists(ITEMS, min_size=2, max_size=4))
def test_lists_merge_like_sets(base: list[Json], values: list[list[Json]]) -> None:
    merged = merge(agent(tools=base), [agent(tools=value) for value in values])
    was, has = set(words_of(base)), [set(words_of(value)) for value in values]
    expected = {item for item in was if all(item in version for version in has)} | set().union(*has) - was
    result = words_of(value_at(merged.record, "tools"))
    assert set(result) == expected
    assert merged.open == ()
    most_often = max((words_of(value).count(item) for value in values for item in expected), default=0)
    assert all(result.count(item) <= most_often for item in expected)


@pytest.mark.parametrize(
    ("base", "values", "expected"),
    [
        (["a", "b"], (["a", "b", "c"], ["a", "b", "d"]), ["a", "b", "c", "d"]),
        (["a", "b"], (["a", "b", "d"], ["c", "a", "b"]), ["a", "b", "c", "d"]),
        (["a", "b", "c"], (["a", "c"], ["a", "b", "c", "d"]), ["a", "c", "d"]),
        (["a", "b"], ([], ["c", "a", "b"]), ["c"]),
        # Put in another order by one: taken, and what the other added follows.
        (["a", "b"], (["b", "a"], ["a", "b", "c"]), ["b", "a", "c"]),
        # By two, in two ways: as it was.
        (["a", "b", "c"], (["b", "a", "c"], ["c", "b", "a"]), ["a", "b", "c"]),
        # What is there twice counts once, as soon as lists are put together.
        (["a", "a"], (["a", "a", "b"], ["a", "a", "c", "c"]), ["a", "b", "c"]),
        (["a"], (["a", "a"], ["a"]), ["a", "a"]),
        (None, (["b", "a"], ["a", "c", "b"]), ["b", "a", "c"]),
        (["LLM"], (["LLM", {"Other": "LLM"}], ["LLM", "Embedding"]), ["LLM", "Embedding", {"Other": "LLM"}]),
    ],
)
def test_how_lists_are_put_together(
    base: list[Json] | None, values: tuple[list[Json], ...], expected: list[Json]
) -> None:
    versions = [agent(compatible_model_types=value) for value in values]
    merged = merge(None if base is None else agent(compatible_model_types=base), versions)
    assert value_at(merged.record, "compatible_model_types") == expected
    assert merged.open == ()


def test_each_item_says_who_has_it() -> None:
    assert items(["a", "b"], [["b", "c", "c"], ["a", "b"], ["c"]]) == [
        Item("a", True, (1,)), Item("b", True, (0, 1)), Item("c", False, (0, 2)),
    ]  # fmt: skip
    assert items(None, [["a"], ["a"]]) == [Item("a", False, (0, 1))]
    assert changed_items(["a", "b"], ["c", "b"]) == [ItemChange("a", "-"), ItemChange("b", " "), ItemChange("c", "+")]
    assert changed_items(None, ["c"]) == [ItemChange("c", "+")]


def test_thousands_of_versions_are_merged() -> None:
    base = agent(tags=["kept", "gone"])
    versions = [agent(tags=["kept", f"new-{number:04}"], version=f"1.0.{number}") for number in range(3000)]
    merged = merge(base, versions)
    assert merged.open == ("version",)
    assert merged.record["tags"] == ["kept", *(f"new-{number:04}" for number in range(3000))]


# ---- decisions -----------------------------------------------------------------------------------------------------


@given(histories(), st.data())
def test_a_decision_wins_and_is_no_longer_open(history: History, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(paths(history.kind)))
    value = data.draw(some(history.kind, path))
    plain = merge(history.base, history.versions)
    decided = merge(history.base, history.versions, {path: value})
    assert decided.record == choose(plain.record, path, value)
    assert decided.open == tuple(open_path for open_path in plain.open if open_path != path)
    assert decided.differences == plain.differences


@given(histories(), st.integers(0, 3))
def test_a_whole_side_has_every_field_of_that_version_and_knows_whose_it_is(history: History, place: int) -> None:
    place %= len(history.versions)
    merged = merge(history.base, history.versions)
    taken = side(merged.record, merged.differences, place)
    assert bare(taken) == bare(history.versions[place])
    assert all(place in holders(taken, difference) for difference in merged.differences)


def test_a_value_that_no_version_has_is_nobodys() -> None:
    versions = [model(tags=["a"]), model(tags=["b"])]
    merged = merge(model(), versions)
    assert holders(merged.record, merged.differences[0]) == ()
    assert holders(versions[1], merged.differences[0]) == (1,)


@pytest.mark.parametrize(
    "path", ["flavour", "owner_id", "model_id", "updated_at", NEEDS, f"{NEEDS}.flavour", "name.x", ""]
)
def test_what_no_author_writes_cannot_be_chosen(path: str) -> None:
    with pytest.raises(KeyError):
        choose(model(), path, "x")
    with pytest.raises(KeyError):
        merge(None, [model()], {path: "x"})
    with pytest.raises(KeyError):
        shape_of(path)


# ---- words ---------------------------------------------------------------------------------------------------------

_TEXTS = st.text(max_size=40) | st.lists(
    st.sampled_from(["four", "GPUs", "a", "b", "\n", " ", "  ", "\r\n", "日本", "語", "か\u3099", "x" * 30]),
    max_size=40,
).map("".join)


@given(_TEXTS, _TEXTS)
def test_the_pieces_make_up_both_texts(before: str, after: str) -> None:
    pieces = marked(before, after)
    assert (before_of(pieces), after_of(pieces)) == (before, after)
    assert all(piece.text for piece in pieces)
    # One that stayed, one that went, one that came: no two of a kind meet.
    signs = "".join(piece.sign for piece in pieces)
    assert not any(pair in signs for pair in ("  ", "--", "++", "+-"))


@given(_TEXTS)
def test_a_text_that_stayed_is_one_piece(text: str) -> None:
    assert marked(text, text) == ([Piece(text, " ")] if text else [])
    assert marked("", text) == ([Piece(text, "+")] if text else [])
    assert marked(text, "") == ([Piece(text, "-")] if text else [])


@pytest.mark.parametrize(
    ("before", "after", "stream"),
    [
        ("runs on four GPUs", "runs on eight GPUs", " runs on |-four|+eight|  GPUs"),
        ("a b", "a b c", " a b|+ c"),
        ("a b", "a  b", " a|- |+  | b"),
        ("FROM x\nRUN a\nEND\n", "FROM x\nEND\n", " FROM x\n|-RUN a\n| END\n"),
        ("VCPU 1\nMEMORY 1024\n", "VCPU 2\nMEMORY 1024\n", " VCPU |-1|+2| \nMEMORY 1024\n"),
        ("one two three", "three one two", "+three | one two|- three"),
        ("東京の空", "大阪の空", "-東京|+大阪| の空"),
        ("the the the end", "the the end", " the the |-the | end"),
    ],
)
def test_which_words_changed(before: str, after: str, stream: str) -> None:
    assert "|".join(f"{piece.sign}{piece.text}" for piece in marked(before, after)) == stream


def _hostile() -> dict[str, tuple[str, str]]:
    dice = random.Random(7)
    numbers = [str(number) for number in range(4000)]
    shuffled = dice.sample(numbers, len(numbers))
    few = [" ".join(dice.choices("abcdef", k=12_288)) for _ in range(2)]
    return {
        "one word": ("a " * 12_288, "a " * 12_000 + "b "),
        "few words": (few[0], few[1]),
        "few lines": (few[0].replace(" ", "\n"), few[1].replace(" ", "\n")),
        "backwards": (" ".join(numbers), " ".join(reversed(numbers))),
        "shuffled": (" ".join(numbers), " ".join(shuffled)),
        "every second word": (" ".join(f"{word} A" for word in numbers), " ".join(f"{word} B" for word in numbers)),
        "a chain": (
            " ".join(f"{number + 1} {number}" for number in range(2400)),
            " ".join(f"{number + 1} x {number}" for number in range(2400)),
        ),
        "no words": ("x" * 24_576, "y" * 24_576),
        "no space": ("日" * 10_000, "本日" * 5000),
    }


@pytest.mark.parametrize("name", _hostile())
def test_a_text_made_to_be_slow_is_cut_into_pieces_all_the_same(name: str) -> None:
    before, after = _hostile()[name]
    pieces = marked(before, after)
    assert (before_of(pieces), after_of(pieces)) == (before, after)


def test_few_changes_are_found_in_a_long_text_of_few_words() -> None:
    line = "the agent of the lab and the model of the lab\n"
    before = line * 400
    after = line * 100 + "the agent of the house\n" + line * 299 + "the agent of the lab\n"
    changed = sum(len(piece.text) for piece in marked(before, after) if piece.sign != " ")
    assert changed < 4 * len(line)


def test_nothing_heavy_is_imported() -> None:
    script = "import sys, tui_registry.records.merging; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"pydantic", "pydantic_core", "dataclasses", "difflib", "inspect", "sqlite3"}
