"""The laws of the language, over texts of every sort."""

from __future__ import annotations

from hypothesis import example, given, strategies as st

from tests.formfile.texts import EVERYTHING, WRITTEN, formfiles, mutated
from tui_registry.formfile import (
    complete,
    find_secrets,
    format as canonical,
    generate,
    parse,
    recognise,
    render,
    tokens,
)
from tui_registry.formfile.language import BY_NAME

anything = st.one_of(
    st.text(), mutated(), formfiles(), st.text(st.characters()), st.text(alphabet="\"'{} #\\\n=:[],aRUNSER")
)


def test_the_texts_of_these_laws_use_every_spelling_of_every_instruction():
    assert set(BY_NAME) == WRITTEN


@given(anything, st.sampled_from(["lint", "strict"]))
@example("[" * 100_000, "lint")
@example("ENTRYPOINT " + "[" * 100_000, "lint")
@example("ENTRYPOINT [" + "9" * 10_000 + "]", "strict")
@example("VCPU " + "9" * 10_000, "strict")
@example("\ud800", "lint")
def test_parsing_never_raises_and_places_every_problem_on_a_line_of_the_text(text, mode):
    formfile = parse(text, mode)
    lines = text.split("\n")
    for problem in formfile.problems:
        assert 1 <= problem.line <= max(1, len(lines))
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.sentence
        assert problem.sentence.isprintable()
        assert not problem.sentence.removesuffix("...").endswith(".")
    assert list(formfile.problems) == sorted(formfile.problems, key=lambda p: (p.line, p.column))


@given(anything)
def test_strict_finds_what_lint_finds_and_is_never_milder(text):
    lint, strict = parse(text, "lint"), parse(text, "strict")
    assert [(p.line, p.column, p.code) for p in lint.problems] == [(p.line, p.column, p.code) for p in strict.problems]
    assert len(strict.errors) >= len(lint.errors)
    assert lint.instructions == strict.instructions


@given(anything)
@example("0\r\r")
def test_formatting_twice_is_formatting_once(text):
    once = canonical(text)
    assert canonical(once) == once


@given(st.one_of(formfiles(), mutated()))
@example(EVERYTHING)
@example('NAME x\nDESCRIPTION "a # b"')
@example('NAME x\nENTRYPOINT ["a", "\\u202e"]')
@example("NAME x\nCOPY a\"'\"b c'\"'d")
@example("NAME x # ? = 1\nVCPU 4 #? y = 1")
def test_formatting_keeps_the_meaning_of_every_text_without_errors(text):
    before = parse(text)
    if before.errors:
        return
    after = parse(canonical(text))
    assert not after.errors
    assert after.instructions == before.instructions
    assert after.declarations == before.declarations
    assert sum(line.comment is not None for line in after.lines) == sum(
        line.comment is not None for line in before.lines
    )


@given(anything)
def test_formatting_leaves_lines_with_errors_as_they_are(text):
    formfile = parse(text)
    written = canonical(text).split("\n")
    for problem in formfile.errors:
        if problem.code not in ("missing_name", "repeated"):
            line = text.removeprefix("\ufeff").split("\n")[problem.line - 1].rstrip("\r")
            assert line in written or not line.strip()


@given(anything, st.dictionaries(st.sampled_from(["name", "passwd", "port", "a.b", "k"]), st.text(max_size=12)))
@example("NAME 0\n#? a=\nCPU\t{{ a}}", {})
def test_rendering_never_raises_and_leaves_no_placeholder_without_a_problem(text, values):
    rendered = render(text, values)
    uses = [line for line in parse(rendered.text, secrets=False).problems if line.code == "placeholder_undeclared"]
    assert not uses or any(p.severity == "error" for p in rendered.problems)


@given(st.text(max_size=40).filter(lambda v: "{{" not in v))
def test_a_value_stays_one_word_whatever_it_holds(value):
    rendered = render("NAME x\nENV A={{ v }}\nENTRYPOINT run {{ v }}\nCOPY {{ v }} /app", {"v": value})
    if any(problem.severity == "error" for problem in rendered.problems):
        return
    env, entrypoint, copy = parse(rendered.text, secrets=False).instructions[1:]
    assert (env.value, entrypoint.args, copy.source) == (value, (value,), value)


@given(anything, st.integers(-1, 12), st.integers(-1, 30))
def test_completions_begin_with_what_is_typed(text, line, column):
    lines = text.split("\n")
    for completion in complete(text, line, column):
        typed = lines[line - 1][completion.start - 1 : completion.end - 1]
        assert completion.text.lower().startswith(typed.lower())


@given(anything)
def test_tokens_cover_all_but_white_space_in_order_and_without_overlap(text):
    for line in text.split("\n"):
        at = 0
        for token in tokens(line):
            assert at <= token.start < token.end <= len(line)
            assert not line[at : token.start].strip()
            at = token.end
        assert not line[at:].strip()


@given(anything)
def test_recognising_never_raises(text):
    assert isinstance(recognise(text).text, str)


@given(st.text())
def test_finding_secrets_never_repeats_them(line):
    for secret in find_secrets(line):
        assert 0 <= secret.at <= len(line)


_numbers = st.one_of(st.none(), st.integers(0, 2**64 - 1), st.text(max_size=3))
_needs = st.fixed_dictionaries(
    {},
    optional={
        "min_vcpus": _numbers,
        "recommended_vcpus": _numbers,
        "recommended_memory_mb": _numbers,
        "min_disk_gb": _numbers,
        "recommended_disk_gb": _numbers,
        "requires_gpu": st.booleans(),
        "min_vram_gb": _numbers,
    },
)
_records = st.fixed_dictionaries(
    {"name": st.text(max_size=30), "description": st.text(max_size=60), "resource_requirements": _needs},
    optional={"preferred_models": st.lists(st.sampled_from(["ab" * 32, "cd" * 32, "x"]), max_size=4)},
)


@given(st.sampled_from(["model", "agent"]), _records)
@example("model", {"name": "", "description": '" # \'" \\', "resource_requirements": {}})
@example("model", {"name": "AKIAABCDEFGHIJKLMNOP", "description": "x", "resource_requirements": {}})
def test_generated_formfiles_are_canonical_and_without_problems(kind, record):
    text = generate(kind, record)
    assert parse(text, "strict").problems == () or "AKIA" in text
    assert canonical(text) == text
