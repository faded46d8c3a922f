"""What a name looks like."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.trust.lookalikes import IMITATING, LOOK_ALIKES, ORIGINAL
from tui_registry.skeletons import imitates_marks, looks, looks_alike, skeleton


@pytest.mark.parametrize("name", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_a_look_alike_has_the_skeleton_of_the_original(name: str) -> None:
    assert name != ORIGINAL
    assert looks_alike(name, ORIGINAL)
    assert looks(name) == looks(ORIGINAL)


@pytest.mark.parametrize(
    "name",
    [
        "Llama3.1 8B Instruct", "Llama 3.1 8 B Instruct", "Llama/3.1/8B/Instruct", "Llama 3.1 8B Instruct?",
        "\u00abLlama 3.1 8B Instruct\u00bb", "@Llama 3.1 8B Instruct", "Llama: 3.1 8B Instruct", "Llama, 3.1 8B Instruct",
        "Llama (3.1) 8B Instruct", "Llama 3.1_8B.Instruct", "Llama 3.1 8B. Instruct", "Llama 3.1 8B Instruct\u2122",
        "Llama 3.1 8B Instruct\u2022", "Llama 3.1 8B Instruct\u3002", "Llama 3\u00b71 8B Instruct", "Llama 3,1 8B Instruct",
        "LIama 3.l 8BInstruct", "#Llama 3.1 8B Instruct\u2020",
    ],
)  # fmt: skip
def test_what_a_search_passes_over_makes_no_name_another(name: str) -> None:
    assert looks_alike(name, ORIGINAL)


def test_words_that_end_or_begin_like_numbers_are_words() -> None:
    for one, other in (
        ("Phi 3", "Phi3"),
        ("Pro 1", "Prol"),
        ("Turbo Instruct", "TurboInstruct"),
        ("Qwen1.5", "Qwenl.5"),
    ):
        assert looks_alike(one, other), one


@pytest.mark.parametrize("kind", LOOK_ALIKES)
def test_only_a_name_that_says_what_the_program_says_imitates_its_marks(kind: str) -> None:
    assert imitates_marks(LOOK_ALIKES[kind]) == (kind in IMITATING)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Qwen2.5-7B-Instruct", "Qwen2.5-72B-Instruct"),
        ("Qwen2.5-7B", "Qwen25-7B"),
        ("Qwen-1-5B", "Qwen-15B"),
        ("Llama-2-13B", "Llama-213B"),
        ("Command R", "Command R+"),
        ("Llama-3-8B", "Llama-3-8B-GGUF"),
        ("coder-c++", "coder-c#"),
        ("通义千问", "通义万相"),
        ("हिन्दी", "हिन्दू"),
        ("Llama-3", "Llama-4"),
        ("🦙", "🐳"),
    ],
)
def test_names_that_people_tell_apart_are_told_apart(one: str, other: str) -> None:
    assert not looks_alike(one, other)


@pytest.mark.parametrize(
    "name", ["gpt-j", "verified-reasoner", "SWE-bench_Verified", "0x-tools", "you-only-look-once", "Assigned By Hand"]
)
def test_an_everyday_name_imitates_nothing(name: str) -> None:
    assert not imitates_marks(name)


@given(st.text(max_size=128))
def test_any_name_has_a_skeleton_which_is_its_own(name: str) -> None:
    found = skeleton(name)
    assert bool(found) == bool(name)
    assert 0 <= looks(name) < 2**63
    assert looks_alike(name, name)
    assert isinstance(imitates_marks(name), bool)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40))
def test_case_accents_and_what_nothing_shows_never_tell_ascii_names_apart(name: str) -> None:
    assert skeleton(name.upper()) == skeleton(name.lower())
    if name.isalnum():
        assert skeleton("\u200b".join(name)) == skeleton(name)
        assert skeleton("".join(f"{letter}\u0301" for letter in name)) == skeleton(name)
