"""Filling in placeholders."""

from __future__ import annotations

import pytest

from tests.formfile.texts import EVERYTHING
from tui_registry.formfile import parse, record_values, render, wanted


def errors(text: str, values: dict[str, str]) -> list[tuple[int, str]]:
    return [(p.line, p.sentence) for p in render(text, values).problems if p.severity == "error"]


def test_values_go_before_defaults_and_declarations_are_left_out():
    rendered = render("#? a = 1\n#? b = 2\nNAME x\nENV A={{ a }}-{{ b }}\n", {"b": "3"})
    assert rendered.text == "NAME x\nENV A=1-3\n"
    assert rendered.problems == ()


def test_a_whole_template_renders_to_a_formfile_without_placeholders():
    rendered = render(EVERYTHING, {"passwd": "correct 'horse' \"battery\""})
    assert rendered.problems == ()
    assert "{{" not in rendered.text
    user = next(i for i in parse(rendered.text, secrets=False).instructions if i.keyword == "USER")
    assert user.passwd == "correct 'horse' \"battery\""


def test_a_missing_value_is_an_error_at_its_place_in_the_template():
    rendered = render("#? a\n\nNAME x\nVCPU {{ a }}", {})
    (problem,) = rendered.problems
    assert (problem.line, problem.column, problem.code) == (4, 6, "placeholder_missing")
    assert problem.sentence == "'a' has no value: give one, or declare '#? a = default'"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("a\nb", "the value of 'v' has a line break: an instruction is one line"),
        ("a\rb", "the value of 'v' has a line break: an instruction is one line"),
        ("a\x1bb", "the value of 'v' holds a control character: delete it"),
        ("{{ w }}", "the value of 'v' holds '{{', which would be read as a placeholder"),
    ],
)
def test_a_value_that_would_change_the_file_is_refused(value, says):
    assert (2, says) in errors("NAME x\nRUN echo {{ v }}", {"v": value})


def test_ranges_are_checked_after_rendering_with_the_line_of_the_template():
    text = "#? n = 4\n# about\nNAME x\nVCPU {{ n }}\nGPU H100:{{ n }}\n"
    assert errors(text, {}) == []
    assert errors(text, {"n": "129"}) == [
        (4, "VCPU 129 is too large: 1 to 128"),
        (5, "GPU count 129 is too large: 1 to 8"),
    ]


def test_lists_take_several_words_from_one_value():
    rendered = render("NAME x\nINSTALL {{ p }} c\nEXPOSE {{ e }}\n", {"p": "a b", "e": "80 443"})
    assert rendered.text == "NAME x\nINSTALL a b c\nEXPOSE 80 443\n"


def test_values_are_quoted_as_their_place_needs():
    text = 'NAME x\nDESCRIPTION {{ v }}\nUSER username:u ssh_authorized_keys:{{ k }}\nENTRYPOINT ["a", "{{ v }}"]\n'
    rendered = render(text, {"v": 'say "hi" # now', "k": "ssh-ed25519 AA me"})
    assert rendered.problems == ()
    assert rendered.text.split("\n")[1:4] == [
        "DESCRIPTION 'say \"hi\" # now'",
        'USER username:u ssh_authorized_keys:"ssh-ed25519 AA me"',
        'ENTRYPOINT ["a", "say \\"hi\\" # now"]',
    ]


def test_a_description_that_cannot_be_quoted_is_refused():
    assert errors("NAME x\nDESCRIPTION {{ v }}", {"v": 'it\'s "it" # now'})


def test_comments_keep_their_braces():
    assert render("# {{ a }}\nNAME x\n", {"a": "1"}).text == "# {{ a }}\nNAME x\n"


def test_no_sentence_repeats_a_password_that_was_given():
    rendered = render("NAME x\nUSER username:Bad passwd:{{ p }} sudo:maybe", {"p": "hunter2"})
    assert rendered.problems
    assert "hunter2" not in "".join(p.sentence for p in rendered.problems)


def test_wanted_lists_each_placeholder_once():
    text = "#? a = 1\n#? b\nNAME {{ name }}\nRUN {{ b }} {{ a }} {{ b }} # {{ c }}\nVCPU 4 # {{ d }}\n# {{ e }}"
    assert wanted(parse(text)) == ("name", "b", "a", "c")


def test_a_record_gives_its_names_and_recommended_resources():
    record = {
        "agent_id": "ab" * 32,
        "name": "crew",
        "owner_id": "cd" * 20,
        "version": "1.0.0",
        "description": "Finds\npapers",
        "license": "MIT",
        "resource_requirements": {"recommended_vcpus": 4, "recommended_memory_mb": 1024, "recommended_disk_gb": 10},
    }
    assert record_values("agent", record) == {
        "id": "ab" * 32,
        "name": "crew",
        "owner_id": "cd" * 20,
        "version": "1.0.0",
        "description": "Finds papers",
        "license": "MIT",
        "vcpus": "4",
        "memory_mb": "1024",
        "disk_gb": "10",
    }
