"""The language, sentence by sentence."""

from __future__ import annotations

import pytest

from tui_registry.query import And, Match, Node, Not, Or, Query, QueryError, Range, Sort, Text, describe, parse
from tui_registry.query.fields import LARGEST

NOW = 1_790_000_000
B = 10**9


def where(text: str, **saved: str) -> Node | None:
    return parse(text, now=NOW, saved=saved).where


def error(text: str, **saved: str) -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse(text, now=NOW, saved=saved)
    return caught.value


def whole(*words: str) -> Text:
    return Text(words, False)


def begun(*words: str) -> Text:
    return Text(words, True)


def named(*words: str, prefix: bool = True) -> Text:
    return Text(words, prefix, in_name=True)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("", None),
        ("llama", begun("llama")),
        ("llama chat", And((begun("llama"), begun("chat")))),
        ("Llama-3.1", begun("llama", "3.1")),
        ("c++ C#", And((begun("c++"), begun("c#")))),
        ("通义千问", begun("通义", "义千", "千问")),
        ("-(lla*)", Not(begun("lla"))),
        ('"Code Llama"', whole("code", "llama")),
        ('"code lla"*', begun("code", "lla")),
        ('"code lla', begun("code", "lla")),
        ('chat "code lla', And((begun("chat"), begun("code", "lla")))),
        ("lla* chat", And((begun("lla"), begun("chat")))),
        ('llama "chat"', And((begun("llama"), whole("chat")))),
        ("llama tag:chat", And((begun("llama"), Match("tag", "chat")))),
        ("llama -chat", And((begun("llama"), Not(whole("chat"))))),
        ("llama NOT (chat code)", And((begun("llama"), Not(And((whole("chat"), whole("code"))))))),
        ("a AND b OR c", Or((And((begun("a"), begun("b"))), begun("c")))),
        ("a (b OR c)", And((begun("a"), Or((begun("b"), begun("c")))))),
        ("a or b", And((begun("a"), begun("or"), begun("b")))),
        ("((a))", begun("a")),
        ("NOT -a", begun("a")),
        ("a & () b", And((begun("a"), begun("b")))),
        ("a - b", And((begun("a"), begun("b")))),
        ('"a:b" https', And((whole("a", "b"), begun("https")))),
    ],
)
def test_free_text(text: str, node: Node | None) -> None:
    assert where(text) == node


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("kind:Models", Match("kind", "model")),
        ("type:embeddings", Match("type", "Embedding")),
        ("TYPE:llm", Match("type", "LLM")),
        ("type:Reranker", Match("type", "Reranker")),
        ("type:LLM,audio", Or((Match("type", "LLM"), Match("type", "AudioProcessing")))),
        ("license:apache2", Match("license", "Apache-2.0")),
        ('licence:"apache 2.0"', Match("license", "Apache-2.0")),
        ("license:bsd", Or((Match("license", "BSD-2-Clause"), Match("license", "BSD-3-Clause")))),
        ("license:=bsd", Match("license", "bsd")),
        ("-quant:gguf", Not(Match("quant", "GGUF"))),
        ('tag:"two words"', Match("tag", "two words")),
        ('tag:"a \\"b\\""', Match("tag", 'a "b"')),
        ("cap:vision tool:browser", And((Match("cap", "vision"), Match("tool", "browser")))),
        ("owner:0xAB", Match("owner", "0xab")),
        ("owner:My-Lab", Match("owner", "My-Lab")),
        ("id:0xFF model:ab", And((Match("id", "ff"), Match("model", "ab")))),
        ("name:Qwen2.5 -name:chat", And((named("qwen", "2.5"), Not(named("chat", prefix=False))))),
        ('name:"code llama",lla', Or((named("code", "llama", prefix=False), named("lla")))),
        ('name:"code lla"*', named("code", "lla")),
        ("name:=Qwen2.5-7B", Match("name", "Qwen2.5-7B")),
        ("version:2.5.,V3", Or((Match("version", "2.5"), Match("version", "3")))),
        ("model:Llama-3.1-8B", Match("model", "Llama-3.1-8B")),
        ('model:"two words"', Match("model", "two words")),
        ("is:mine is:conflict", And((Match("is", "mine"), Match("is", "conflict")))),
        ("is:invalid OR has:formfile", Or((Match("is", "invalid"), Match("has", "formfile")))),
    ],
)
def test_fields_of_text(text: str, node: Node) -> None:
    assert where(text) == node


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("params:<=8b", None, 8 * B),
        ("params:<8B", None, 8 * B - 1),
        ("params:>1.5b", 1_500_000_001, None),
        ("params:>=7,615,616,512", 7_615_616_512, None),
        ("params:=7b", 7 * B, 7 * B),
        ("params:7b", 7 * B, 8 * B - 1),
        ("params:7.6b", 7_600_000_000, 7_699_999_999),
        ("params:7000000000", 7 * B, 7 * B),
        ("params:1b..8b", 1 * B, 8 * B),
        ("params:1b..", 1 * B, None),
        ("params:..8b", None, 8 * B),
        ("parameters:135M", 135_000_000, 135_999_999),
        ("params:<99999999999999999999", None, LARGEST - 1),
        ("params:>=99999999999999999999", LARGEST, None),
        ("params:>99999999999999999999", 1, 0),
        ("params:<0", 1, 0),
        ("ctx:>=32k", 32_768, None),
        ("ctx:32k", 32_768, 32_768),
        ("vram:<24gb", None, 23),
        ("vram:<=24", None, 24),
        ("vram:<1.5gb", None, 1),
        ("vram:>512mb", 1, None),
        ("vram:=1.5gb", 1, 0),
        ("mem:<=16GB", None, 16_384),
        ("mem:512", 512, 512),
        ("mem:<=16", None, 16_384),
        ("mem:8..32", 8192, 32_768),
        ("mem:256..1024", 256, 1024),
        ("mem:16..16384", 16, 16_384),
        ("mem:8..16384mb", 8192, 16_384),
        ("disk:>=1tb", 1024, None),
        ("vcpus:4..8", 4, 8),
        ("tps:>50", 51, None),
        ("updated:2026-01-31", 1_769_817_600, 1_769_903_999),
        ("updated:>2026-01-31", 1_769_904_000, None),
        ("updated:2026-01", 1_767_225_600, 1_769_903_999),
        ("updated:<=2026-01", None, 1_769_903_999),
        ("updated:2024-02-29..2026", 1_709_164_800, 1_798_761_599),
        ("created:>=2026-01-01T12:30", 1_767_270_600, None),
        ("created:2026-01-01T12:30:05Z", 1_767_270_605, 1_767_270_605),
        ("updated:9999-12", 253_399_622_400, 253_402_300_799),
        ("updated:>9999", 1, 0),
        ("updated:7d", NOW - 604_800, None),
        ("updated:<7d", NOW - 604_799, None),
        ("updated:>2w", None, NOW - 1_209_601),
        ("updated:1mo..1w", NOW - 2_592_000, NOW - 604_800),
        ("updated:1w..1mo", NOW - 2_592_000, NOW - 604_800),
        ("updated:2026-01-01..1d", 1_767_225_600, NOW - 86_400),
        ("updated:<100y", 0, None),
    ],
)
def test_fields_of_numbers_and_times(text: str, low: int | None, high: int | None) -> None:
    field = {"parameters": "params"}.get(text.partition(":")[0], text.partition(":")[0])
    assert where(text) == Range(field, low, high)


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("sort:-params", Sort("params", True)),
        ("sort:name llama", Sort("name", False)),
        ("sort:-ctx", Sort("context", True)),
        ("sort:-relevance", Sort("relevance", False)),
        ("a OR (b sort:updated)", Sort("updated", False)),
    ],
)
def test_sort_may_stand_anywhere_and_is_no_part_of_what_is_looked_for(text: str, sort: Sort) -> None:
    query = parse(text)
    assert query.sort == sort
    rest = text.replace(f"sort:{text.partition('sort:')[2].split()[0].rstrip(')')}", "")
    assert query.where == parse(rest).where


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("llama params:", "llama"),
        ("llama params: ", "llama"),
        ("llama params:<", "llama"),
        ("llama params:1.", "llama"),
        ("llama -params:<=", "llama"),
        ('llama "', "llama"),
        ('llama -"code', "llama"),
        ('llama license:"apa', "llama"),
        ("llama OR", "llama"),
        ("llama OR (", "llama"),
        ("llama AND", "llama"),
        ("llama NOT", "llama"),
        ("llama -", "llama"),
        ("(llama", "llama"),
        ("llama is:", "llama"),
        ("llama is:mi", "llama"),
        ("llama kind:a", "llama"),
        ("llama sort:-pa", "llama"),
        ("llama updated:>202", "llama"),
        ("llama updated:2026-0", "llama"),
        ("llama updated:3m", "llama"),
        ("llama updated:2026-01..2", "llama"),
        ("llama id:0x", "llama"),
        ("llama name:", "llama"),
        ("llama name:-", "llama"),
        ("llama version:.", "llama"),
        ("llama model:", "llama"),
        ("llama @", "llama"),
        ("llama @fa", "llama"),
    ],
)
def test_what_is_still_being_typed_at_the_end_is_left_out_and_flagged(text: str, same_as: str) -> None:
    query = parse(text, now=NOW, saved={"fav": "x"})
    assert query.unfinished
    assert query == parse(same_as)
    assert not parse(same_as).unfinished


@pytest.mark.parametrize(
    ("text", "position", "length", "sentence"),
    [
        ("llama params:", 6, 7, "params: needs a value right after the colon, such as params:<=8b"),
        ("params:<", 0, 8, "params: needs a value right after the colon, such as params:<=8b"),
        ('license:""', 0, 10, "license: needs a value right after the colon, such as license:apache2"),
        ("llama is:mi", 9, 2, "is: knows no 'mi': did you mean mine?"),
        ("sort:-pa", 6, 2, "sort: knows no 'pa': it can be relevance, name, updated, created, params, context or fit"),
        ("params:1.", 7, 2, "params: 1. is not a count: write 7.6b, 135m or 7,600,000,000"),
        ("updated:>202", 8, 4,
         "updated: '202' is not a date: write 2026-01-31, 2026-01, 2026 or an age such as 7d or 3mo"),
        ("id:0x", 3, 2, "id: '0x' is not one: an id is up to 64 hex digits"),
        ('llama "no such', 6, 8, "this quote is never closed"),
        ('license:"apa', 0, 12, "this quote is never closed"),
        ("a (first (b)", 2, 1, "this ( is never closed: close it or put it in quotes"),
        ("llama OR", 6, 2, "OR needs something on its right"),
        ("llama AND", 6, 3, "AND needs something on its right"),
        ("llama NOT", 6, 3, "NOT needs something to exclude after it"),
        ("-", 0, 1, "there is no word to look for in '-': words have letters or digits"),
        ('""', 0, 2, "there is no word to look for in '': words have letters or digits"),
        ("llama @", 6, 1, "@ needs the name of a saved search right after it"),
        ("llama @fa", 6, 3, "there is no saved search 'fa': did you mean @fav?"),
        ("@half", 0, 5, "in '@half': this quote is never closed"),
    ],
)  # fmt: skip
def test_a_whole_text_with_an_unfinished_end_is_refused(text: str, position: int, length: int, sentence: str) -> None:
    saved = {"fav": "x", "half": 'a "b'}
    with pytest.raises(QueryError) as caught:
        parse(text, now=NOW, saved=saved, whole=True)
    assert (caught.value.position, caught.value.length, caught.value.sentence) == (position, length, sentence)
    parse(text, now=NOW, saved=saved)


@pytest.mark.parametrize("text", ["!!!", "...", '"?"', "-!!!", "NOT ...", "(& &)", "sort:name !!!", "\N{HUGGING FACE}"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_text_without_a_word_does_not_come_to_mean_everything(text: str, whole: bool) -> None:
    with pytest.raises(QueryError, match="there is no word to look for in"):
        parse(text, whole=whole)


@pytest.mark.parametrize("text", ["", "  ", "*", "kind:model !!!", "llama ...", "a OR &"])
def test_nothing_a_lone_star_and_marks_beside_a_question_are_whole_queries(text: str) -> None:
    assert parse(text, whole=True) == parse(text)


@pytest.mark.parametrize(("text", "position", "length"), [("\ud800", 0, 1), ("llama \udcff\udcfe x", 6, 2)])
def test_what_is_no_character_is_refused_with_its_place(text: str, position: int, length: int) -> None:
    caught = error(text)
    assert (caught.position, caught.length) == (position, length)
    assert caught.sentence == "this is no character: write the query in UTF-8"


def test_the_words_of_an_unfinished_query_say_that_its_end_is_left_out() -> None:
    assert describe(parse("params:<")) == "everything; without its unfinished end"
    assert describe(parse("llama (")) == "“llama…”; without its unfinished end"
    assert describe(parse("llama params:<8b")).endswith("under 8 B")


@pytest.mark.parametrize(
    ("text", "position", "length", "suggestion", "sentence"),
    [
        ("llama parms:<=8b", 6, 6, "params:", "there is no field 'parms': did you mean params:?"),
        ("-licens:mit", 1, 7, "license:", "there is no field 'licens': did you mean license:?"),
        ("x llama3:>8b", 2, 10, '"llama3:>8b"',
         "there is no field 'llama3': put the text in quotes to search for it"),
        ("llama3:1..8", 0, 11, '"llama3:1..8"', "there is no field 'llama3': put the text in quotes to search for it"),
        ("lisence:mit", 0, 8, "licence:", "there is no field 'lisence': did you mean licence:?"),
        ("version:>2 a", 8, 2, None, "version: compares nothing: write version:2.5 for all that begins with 2.5"),
        ("params: 8b", 0, 7, None, "params: needs a value right after the colon, such as params:<=8b"),
        ("params:8x a", 7, 2, None, "params: 8x is not a count: write 7.6b, 135m or 7,600,000,000"),
        ("params:8b..1b", 7, 6, "1b..8b", "params: the range runs backwards: write 1b..8b"),
        ("updated:2026-02-30", 8, 10, None, "updated: there is no date '2026-02-30': write one such as 2026-01-31"),
        ("updated:1969", 8, 4, None, "updated: '1969' is not a date: years run from 1970 to 9999"),
        ("is:mnie", 3, 4, "mine", "is: knows no 'mnie': did you mean mine?"),
        ("is:x a", 3, 1, None, "is: knows no 'x': it can be mine, conflict, invalid, orphaned, starred, new or watched"),
        ("eval:mmlu>x a", 5, 6, None, "eval: 'mmlu>x': a value is compared with a number, such as MMLU>=0.7"),
        ("eval:>1 a", 5, 2, None, "eval: name a benchmark first, such as eval:MMLU>=0.7"),
        ("id:xyz", 3, 3, None, "id: 'xyz' is not one: an id is up to 64 hex digits"),
        ("sort:-nmae", 6, 4, "name", "sort: knows no 'nmae': did you mean name?"),
        ("-sort:name", 1, 9, None, "sort: cannot be excluded: write sort:-params for the largest first"),
        ("sort:name sort:params", 10, 11, None, "there is a sort: already: keep one of the two"),
        ("OR a", 0, 2, None, "OR needs something on its left"),
        ("a OR OR b", 2, 2, None, "OR needs something on its right"),
        ("(a OR ) b", 3, 2, None, "OR needs something on its right"),
        ("a AND OR b", 2, 3, None, "AND needs something on its right"),
        ("NOT OR a", 0, 3, None, "NOT needs something to exclude after it"),
        ("a) b", 1, 1, "", "this ) closes nothing: remove it or put it in quotes"),
        ("@fvv x", 0, 4, "@fav", "there is no saved search 'fvv': did you mean @fav?"),
    ],
)  # fmt: skip
def test_an_error_points_at_the_character_and_says_what_could_stand_there(
    text: str, position: int, length: int, suggestion: str | None, sentence: str
) -> None:
    caught = error(text, fav="llama")
    assert (caught.position, caught.length, caught.suggestion) == (position, length, suggestion)
    assert caught.sentence == sentence
    assert caught.code == "query"


@pytest.mark.parametrize(
    ("text", "node", "field", "shown"),
    [
        ("llama3.1:8b", begun("llama", "3.1", "8b"), "llama3.1", "llama3.1:8b"),
        ("https://a.b", begun("a", "b"), "https", "https://a.b"),
        ('x:"two words"', whole("x", "two", "words"), "x", 'x:"two words"'),
        ("-x:y", Not(whole("x", "y")), "x", "x:y"),
        ("x:", begun("x"), "x", "x:"),
    ],
)
def test_what_can_be_no_field_is_read_as_words_with_a_note_and_refused_where_asked(
    text: str, node: Node, field: str, shown: str
) -> None:
    query = parse(text)
    assert query.where == node
    assert query.notes == (f"there is no field '{field}': looked for '{shown}' as words",)
    assert parse("@fav", saved={"fav": text}).notes == query.notes
    with pytest.raises(QueryError, match=f"there is no field '{field}': put the text in quotes"):
        parse(text, strict=True)


def test_a_suggestion_can_be_put_in_place() -> None:
    assert error("llama parms:<=8b").corrected("llama parms:<=8b") == "llama params:<=8b"
    assert error("is:x a").corrected("is:x a") is None


def test_an_error_quotes_hostile_text_safely_and_briefly() -> None:
    sentence = error("\x1b[31m" + "x" * 500 + ":>1").sentence
    assert "\x1b" not in sentence
    assert len(sentence) < 150


def test_an_age_needs_the_present() -> None:
    with pytest.raises(QueryError, match="counted from now"):
        parse("updated:7d")


def test_text_is_bounded() -> None:
    parse("a" * 2000)
    caught = error("a" * 2003)
    assert (caught.position, caught.length) == (2000, 3)


def test_terms_are_bounded_lists_and_saved_searches_included() -> None:
    parse(" ".join(["a"] * 64))
    assert "64 terms" in error(" ".join(["a"] * 65)).sentence
    assert "64 terms" in error("tag:" + ",".join(["a"] * 65)).sentence
    doubling = {f"s{n}": f"@s{n - 1} @s{n - 1}" for n in range(1, 12)}
    assert "64 terms" in error("@s11", s0="a", **doubling).sentence


def test_nesting_is_bounded_saved_searches_included() -> None:
    parse("(" * 16 + "a" + ")" * 16)
    assert error("(" * 17 + "a" + ")" * 17).position == 16
    chain = {f"s{n}": f"@s{n - 1}" for n in range(1, 30)}
    assert "16 deep" in error("@s29", s0="a", **chain).sentence
    assert where("-" * 1999 + "a") == Not(whole("a"))


def test_a_saved_search_stands_in_its_place_as_if_in_parentheses() -> None:
    either = Or((begun("a"), begun("b")))
    assert where("tag:x @fav", fav="a OR b") == And((Match("tag", "x"), either))
    assert where("-@fav", fav="a OR b") == Not(either)
    assert where('@"two words"', **{"two words": "a OR b"}) == either
    assert where("@FAV", fav="a OR b") == either
    assert where("@outer c", outer="@inner", inner="a OR b") == And((either, begun("c")))


def test_a_saved_order_counts_when_the_query_has_none() -> None:
    assert parse("@fav", saved={"fav": "a sort:name"}).sort == Sort("name", False)
    assert parse("@fav sort:-params", saved={"fav": "a sort:name"}).sort == Sort("params", True)


def test_saved_searches_that_contain_themselves_are_refused_with_the_way_round() -> None:
    caught = error("x @a", a="@b", b="y @a")
    assert (caught.position, caught.length) == (2, 2)
    assert "@a -> @b -> @a" in caught.sentence


def test_an_error_in_a_saved_search_names_it_and_points_at_the_reference() -> None:
    caught = error("x @a y", a="parms:1")
    assert (caught.position, caught.length, caught.suggestion) == (2, 2, None)
    assert caught.sentence.startswith("in '@a': there is no field 'parms'")


def test_the_normal_form_reads_well() -> None:
    for text in (
        "llama params:<=8b license:Apache-2.0 sort:-params",
        "llama OR (chat -code) -> tag",
        "type:LLM,Embedding -tag:old updated:2026-01 params:7b",
        'ctx:>=32k vram:<30gb mem:16gb..32gb "code llama" lla',
    ):
        assert str(parse(str(parse(text)))) == str(parse(text))
    assert str(parse("llama params:<=8b license:apache2 sort:-params")) == (
        "llama params:<=8b license:Apache-2.0 sort:-params"
    )
    assert str(parse("a (b OR -c) tps:>50 params:<8b")) == "a (b OR -c) tps:>50 params:<8b"
    assert str(parse("")) == ""


@pytest.mark.parametrize(
    ("text", "words", "owner", "last"),
    [
        ("Qwen/Qwen2.5-7B", ("qwen", "qwen", "2.5", "7b"), 1, "Qwen2.5-7B"),
        ("https://hf.co/a/b-c/tree/main?x=y#z", ("hf", "co", "a", "b", "c"), 3, "b-c"),
        ("https://hf.co/a/b/", ("hf", "co", "a", "b"), 3, "b"),
        ("hf.co/a/b:Q4_K_M", ("hf", "co", "a", "b"), 3, "b"),
        ("ollama.com/library/b:8b-q4_0", ("ollama", "com", "library", "b", "8b"), 3, "b:8b"),
        ("a/b*", ("a", "b"), 1, "b"),
    ],
)
def test_names_are_looked_for_with_the_end_of_an_address_or_path_and_a_note_says_so(
    text: str, words: tuple[str, ...], owner: int, last: str
) -> None:
    query = parse(text, whole=True)
    assert query.where == Text(words, True, owner=owner)
    assert query.notes == (f"names are looked for with '{last}', the end of '{text.removesuffix('*')}'",)
    assert parse(str(query)).where == query.where


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a/", ("a",)),
        ("/b", ("b",)),
        ("llama3.1:latest", ("llama", "3.1")),
        ("llama3.1:8b-fp16", ("llama", "3.1", "8b")),
    ],
)
def test_what_is_no_path_is_words_without_what_says_how_a_file_is_made(text: str, words: tuple[str, ...]) -> None:
    assert parse(text).where == begun(*words)


@pytest.mark.parametrize("text", ['"Qwen/Qwen2.5"', "-Qwen/Qwen2.5"])
def test_a_path_in_quotes_or_excluded_is_its_words(text: str) -> None:
    query = parse(text)
    words = whole("qwen", "qwen", "2.5")
    assert (query.where, query.notes) == (Not(words) if text.startswith("-") else words, ())


@pytest.mark.parametrize(
    ("text", "beside"),
    [
        ("sd xl", [(("sdxl",),), (("sdxl",),)]),
        ("yolo v8 x", [(("yolov", "8"),), (("yolov", "8"), ("v", "8x")), (("v", "8x"),)]),
        ("gpt 4 o", [(), (("4o",),), (("4o",),)]),
        ("a b c", [(("ab",),), (("ab",), ("bc",)), (("bc",),)]),
        ("qwen 7b", [(), ()]),
        ("a AND b", [(), ()]),
        ("a tag:x b", [(), ()]),
        ("a (b)", [(), ()]),
        ('"a" b', [(), ()]),
        ("a -b c", [(), ()]),
        ("千 问", [(), ()]),
        ("c++ x", [(), ()]),
    ],
)
def test_words_side_by_side_are_looked_for_together_in_names(
    text: str, beside: list[tuple[tuple[str, ...], ...]]
) -> None:
    query = parse(text)
    assert [one.beside for one in query.texts] == beside
    assert [one.beside for one in parse(str(query)).texts] == beside


def test_a_pasted_command_is_left_out_with_a_note_but_not_where_words_are_meant_strictly() -> None:
    query = parse("ollama run phi4")
    assert query.where == begun("phi", "4")
    assert query.notes == ("read as a command: 'ollama run' was left out",)
    for text, strict in (("ollama run", False), ("ollama runs phi4", False), ("ollama run phi4", True)):
        assert len(parse(text, strict=strict).texts) > 1


def test_queries_are_frozen_values() -> None:
    query = parse("a -b")
    assert query == parse("a  -b")
    assert hash(query) == hash(parse("a -b"))
    assert query != parse("a -c")
    assert And((begun("a"), begun("b"))) != Or((begun("a"), begun("b")))
    assert repr(begun("a")) == "Text(words=('a',), prefix=True, in_name=False, owner=0)"
    with pytest.raises(AttributeError, match="frozen"):
        query.where = None  # type: ignore[misc]
    with pytest.raises(AttributeError):
        query.other = 1
    with pytest.raises(TypeError):
        Query(None, None)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("VRAM<=24GB", "vram:<=24gb"),
        ("params>7b", "params:>7b"),
        ("license=MIT", "license:mit"),
        ("context=32k", "context:32k"),
        ("Tag=chat", "tag:chat"),
    ],
)
def test_a_field_without_its_colon_is_words_and_a_note_says_what_was_meant(word: str, meant: str) -> None:
    query = parse(word)
    assert isinstance(query.where, Text)
    assert query.notes == (
        f"a field has a colon behind it, and '{word}' was looked for as words: did you mean {meant}?",
    )
    assert parse(meant).notes == ()


@pytest.mark.parametrize("word", ["a<=b", "<=24gb", "vram<=", "vram", "vram<=many", "x=params", '"vram<=24gb"'])
def test_what_is_no_field_without_its_colon_has_no_note(word: str) -> None:
    assert parse(word).notes == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fit:runs", "models that run on this machine"),
        ("fit:runs,offload", "models that run on this machine or that run on its GPU and memory together"),
        ("-fit:no", "not models that do not run on this machine"),
        ("fit:24GB", "models that run on a GPU with 24 GB"),
        ("fit:24gib", "models that run on a GPU with 24 GiB"),
        ("fit:1.5t", "models that run on a GPU with 1.5 TB"),
        ("sort:fit", "everything; least needed memory first"),
        ("fit:24", "everything; without its unfinished end"),
        ("fit:ru", "everything; without its unfinished end"),
        ("fit:24gi", "everything; without its unfinished end"),
    ],
)
def test_what_fits_is_said_in_words(text: str, words: str) -> None:
    query = parse(text, now=NOW)
    assert describe(query) == words
    assert parse(str(query)) == query


@pytest.mark.parametrize("text", ["fit:lots x", "fit:24 x", "fit:-1gb x", "fit:<24gb x", "fit:24gb..48gb x"])
def test_what_no_machine_has_is_told_with_what_to_write(text: str) -> None:
    with pytest.raises(QueryError, match="fit:"):
        parse(text, now=NOW)


def test_a_status_that_is_none_of_the_registrys_is_said_to_be_none_with_those_that_are() -> None:
    closed = "status: 'nonsense' can only be an owner's own word: statuses are active, deprecated and withdrawn"
    assert parse("status:nonsense", whole=True).notes == (closed,)
    assert parse("status:deprecatd x").notes == (
        "status: 'deprecatd' can only be an owner's own word: did you mean deprecated?",
    )
    for plain in ("status:deprecated,withdrawn", "status:Active", "status:=Withdrawn", "status:dep", "status:"):
        assert parse(plain).notes == ()
