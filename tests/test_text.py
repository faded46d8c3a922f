"""What `safe_text` promises of hostile text, and the units people read and write."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, strategies as st

from tui_registry.text import (
    address_short,
    age,
    count_words,
    exact,
    parse_bytes,
    parse_count,
    parse_gb,
    parse_mb,
    parse_memory,
    parse_tokens,
    safe_text,
    size_bytes,
    size_mb,
)

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u180e\u200b\u200c\u2060\u2061\u206a\u3164"
    "\ufe0f\ufeff\uffa0\ufff9\U000e0041\U000e0100"
)
anything = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    "text", ["", "Qwen2.5-7B-Instruct", "[/x] [@click=app.quit]x[/]", "日本語", "модель β", "é", "กำ"]
)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert safe_text(text) == text


def test_an_escape_sequence_loses_its_escape_and_shows_that_it_did() -> None:
    assert safe_text("a\x1b[31mred\x1b]0;title\x07") == "a\ufffd[31mred\ufffd]0;title\ufffd"


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_no_control_character_survives(code: int) -> None:
    shown = safe_text(f"a{chr(code)}b")
    assert shown in ("a\ufffdb", "a b", "a↵b")


@pytest.mark.parametrize("character", [*BIDI, *INVISIBLE, "\u2028", "\u2029", "\ud800", "\ufffe"])
def test_what_reorders_or_hides_becomes_visible_one_for_one(character: str) -> None:
    assert safe_text(f"ad{character}{character}min") == "ad\ufffd\ufffdmin"


@pytest.mark.parametrize("space", ["\xa0", "\u2009", "\u202f", "\u205f"])
def test_odd_spaces_become_plain_ones(space: str) -> None:
    assert safe_text(f"a{space}b") == "a b"


def test_line_breaks_and_tabs_on_one_line() -> None:
    assert safe_text("a\r\nb\nc\rd\te") == "a↵b↵c↵d e"


def test_line_breaks_and_tabs_when_lines_are_asked_for() -> None:
    assert safe_text("a\r\nb\nc\rd\te\x0bf", newlines=True) == "a\nb\nc\nd    e\ufffdf"


def test_four_marks_on_a_letter_stay_and_the_rest_of_the_stack_goes() -> None:
    assert safe_text("e" + "\u0301" * 4) == "e" + "\u0301" * 4
    assert safe_text("e" + "\u0301" * 6 + "x") == "e" + "\u0301" * 4 + "\ufffd\ufffdx"


def test_a_mark_without_a_letter_gets_a_circle_to_sit_on() -> None:
    assert safe_text("\u0301a") == "\u25cc\u0301a"
    assert safe_text("x\n\u0301a\n", newlines=True) == "x\n\u25cc\u0301a\n"


@pytest.mark.parametrize("emoji", ["👩‍💻", "👩🏽‍🚀", "🏳️‍🌈", "❤️", "1️⃣", "☎\ufe0e", "👨‍👩‍👧‍👦"])
def test_emoji_sequences_keep_their_joiners(emoji: str) -> None:
    assert safe_text(f"by {emoji}!") == f"by {emoji}!"


@pytest.mark.parametrize("text", ["a\u200db", "👩\u200db", "a\u200d👩", "a\ufe0f\u200d🔥"])
def test_a_joiner_outside_an_emoji_sequence_is_shown(text: str) -> None:
    assert "\u200d" not in safe_text(text)
    assert "\ufffd" in safe_text(text)


def test_the_limit_counts_the_ellipsis() -> None:
    assert safe_text("abcdef", 6) == "abcdef"
    assert safe_text("abcdefg", 6) == "abcde…"
    assert safe_text("abc", 1) == "…"
    assert safe_text("abc", 0) == ""
    assert safe_text("\t" * 50, 6, newlines=True) == "     …"


def test_a_cut_leaves_no_joiner_behind() -> None:
    assert safe_text("👩‍💻👩‍💻", 3) == "👩…"


@given(anything, st.booleans())
def test_whatever_comes_in_nothing_that_acts_or_hides_comes_out(text: str, newlines: bool) -> None:
    shown = safe_text(text, newlines=newlines)
    shown.encode()
    for character in shown.replace("\n", "") if newlines else shown:
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert character not in BIDI


@given(anything, st.booleans())
def test_safe_text_is_safe_already(text: str, newlines: bool) -> None:
    shown = safe_text(text, newlines=newlines)
    assert safe_text(shown, newlines=newlines) in (shown, shown.replace("\t", " "))


@given(anything, st.integers(-2, 12), st.booleans())
def test_the_limit_holds_and_cuts_only_what_is_longer(text: str, limit: int, newlines: bool) -> None:
    whole, cut = safe_text(text, newlines=newlines), safe_text(text, limit, newlines)
    assert len(cut) <= max(0, limit)
    assert cut == whole if len(whole) <= limit else cut in ("", "…") or cut.endswith("…")


def test_a_very_long_text_with_a_limit_is_not_walked_to_its_end() -> None:
    assert safe_text("\x1b" * 5_000_000, 5) == "\ufffd" * 4 + "…"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"), (940, "940"), (999, "999"), (1000, "1 k"), (1500, "1.5 k"), (8192, "8.2 k"), (131_072, "131 k"),
        (999_499, "999 k"), (999_500, "1 M"), (7_615_616_512, "7.6 B"), (99_949_999_999, "99.9 B"),
        (99_950_000_000, "100 B"), (405_000_000_000, "405 B"), (10**12, "1 T"), (2**64 - 1, "18,446,744 T"),
        (-1500, "-1.5 k"),
    ],
)  # fmt: skip
def test_counts_for_people(number: int, words: str) -> None:
    assert count_words(number) == words


@pytest.mark.parametrize(
    ("megabytes", "words"), [(512, "512 MB"), (1536, "1.5 GB"), (16384, "16 GB"), (1_048_576, "1 TB"), (0, "0 MB")]
)
def test_sizes_in_mb_for_people(megabytes: int, words: str) -> None:
    assert size_mb(megabytes) == words


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 B"), (500, "500 B"), (1536, "1.5 KiB"), (65_536, "64 KiB"), (5 * 1024**3, "5 GiB")]
)
def test_sizes_in_bytes_for_people(number: int, words: str) -> None:
    assert size_bytes(number) == words


DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"), (59, "now"), (60, "1 min"), (300, "5 min"), (3599, "59 min"), (3600, "1 h"), (3 * 3600, "3 h"),
        (DAY - 1, "23 h"), (3 * DAY, "3 d"), (7 * DAY, "1 w"), (30 * DAY, "4 w"), (31 * DAY, "1 mo"),
        (122 * DAY, "4 mo"), (364 * DAY, "11 mo"), (365 * DAY, "1 y"), (2 * 365 * DAY, "2 y"),
        (-30, "now"), (-120, "in 2 min"), (-3 * DAY, "in 3 d"),
    ],
)  # fmt: skip
def test_ages_for_people(seconds: int, words: str) -> None:
    assert age(seconds) == words


def test_exact_numbers_and_short_addresses() -> None:
    assert exact(12408) == "12,408"
    assert address_short("7a1c" + "0" * 32 + "93ef") == "0x7a1c..93ef"
    assert address_short("\x1b[2J") == "0x\ufffd[2J..\ufffd[2J"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7b", 7_000_000_000), ("7.6b", 7_600_000_000), ("7.6 B", 7_600_000_000), (" 135 M ", 135_000_000),
        ("1.1T", 1_100_000_000_000), ("7,615,616,512", 7_615_616_512), ("7_000", 7000), ("0", 0), ("1.5k", 1500),
        ("70 billion", 70_000_000_000), ("1.000b", 10**9), ("18446744073709551615", 2**64 - 1),
    ],
)  # fmt: skip
def test_counts_as_people_write_them(text: str, number: int) -> None:
    assert parse_count(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("32k", 32_768), ("128K", 131_072), ("4k", 4096), ("1m", 1_048_576), ("1.5k", 1536), ("32,768", 32_768),
     ("32_768", 32_768), ("200000", 200_000)],
)  # fmt: skip
def test_tokens_as_people_write_them(text: str, number: int) -> None:
    assert parse_tokens(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("512", 512), ("16GB", 16_384), ("16 GiB", 16_384), ("16g", 16_384), ("1.5 TB", 1_572_864), ("2048 KB", 2)],
)
def test_memory_as_people_write_it(text: str, number: int) -> None:
    assert parse_mb(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("16", 16_384), (" 1.5 ", 1536), ("0.5", 512), ("511", 511 * 1024), ("512", 512), ("1024", 1024),
        ("16384", 16_384), ("16GB", 16_384), ("16 MB", 16), ("1,024", 1024), ("0", 0),
    ],
)  # fmt: skip
def test_a_plain_number_is_memory_as_whoever_types_it_means_it(text: str, number: int) -> None:
    assert parse_memory(text) == number


@pytest.mark.parametrize("text", ["", "x", "16 mobs", "1,00", "٣", "9" * 41, "-1"])
def test_what_is_no_memory_says_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a size of memory: write 16GB, 512MB or 1\.5TB$"):
        parse_memory(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("4,096", 4096), ("4.5GB", 4_500_000_000), ("4.5 GiB", 4_831_838_208), ("2k", 2000), ("2 KiB", 2048), ("7b", 7)],
)
def test_a_gb_of_bytes_is_no_gib(text: str, number: int) -> None:
    assert parse_bytes(text) == number


@pytest.mark.parametrize(("text", "number"), [("20", 20), ("20GB", 20), ("1TB", 1024), ("20480 MB", 20)])
def test_disk_as_people_write_it(text: str, number: int) -> None:
    assert parse_gb(text) == number


@pytest.mark.parametrize("text", ["", "7x", "b", "-1", "1e9", "1,00", "٣", "7 b b", "1__0", ".5b", "5.", "9" * 41])
def test_what_is_no_count_says_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a count: write 7\.6b, 135m or 7,600,000,000$"):
        parse_count(text)


def test_a_fraction_of_a_whole_is_named_as_such() -> None:
    with pytest.raises(ValueError, match=r"^1\.5 is not a count without a fraction: write "):
        parse_count("1.5")
    with pytest.raises(ValueError, match=r"^512MB is not a size in GB without a fraction: write 20, 20GB or 1TB$"):
        parse_gb("512MB")


def test_the_sentence_about_a_hostile_number_is_safe_and_short() -> None:
    with pytest.raises(ValueError) as caught:
        parse_mb("\x1b[31m" * 100)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 120


@given(st.integers(0, 2**64 - 1))
def test_an_exact_number_is_read_back(number: int) -> None:
    assert parse_count(exact(number)) == number
    assert parse_tokens(str(number)) == number


def test_the_module_imports_nothing_heavy() -> None:
    heavy = "{'textual', 'pydantic', 'rich', 'decimal', 'datetime'}"
    code = f"import sys, tui_registry.text; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
