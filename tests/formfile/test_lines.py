"""What each instruction takes and what is said when it is given something else."""

from __future__ import annotations

import pytest

from tests.formfile.texts import EVERYTHING, MODEL_ID
from tui_registry.formfile import FormfileProblem, Template, parse
from tui_registry.formfile.language import (
    INSTRUCTIONS,
    Copy,
    Description,
    Disk,
    Entrypoint,
    Env,
    Expose,
    Gpu,
    Install,
    Memory,
    Model,
    Name,
    Run,
    Span,
    User,
    Vcpu,
    Workdir,
)  # fmt: skip
from tui_registry.formfile.lines import READERS

NO_ARRAY = 'ENTRYPOINT starts like a JSON array but is none: write ["program", "argument"]'


def problems(line: str, mode: str = "lint") -> list[FormfileProblem]:
    """The problems of one line in an otherwise good Formfile, as if the line were the second one."""
    return list(parse(f"NAME x\n{line}", mode).problems)


def only(line: str, mode: str = "lint") -> FormfileProblem:
    (problem,) = problems(line, mode)
    assert problem.line == 2
    return problem


def test_a_formfile_with_every_instruction_reads_without_problems_even_in_strict_mode():
    assert parse(EVERYTHING, "strict").problems == ()


def test_instructions_are_typed_and_in_order():
    at = Span(1, 1, 1)
    assert parse(EVERYTHING).instructions == (
        Name(span=at, value="research-crew"),
        Description(span=at, value="Finds papers, and reads them"),
        Model(span=at, presence="required", model_id=MODEL_ID),
        Vcpu(span=at, count=4),
        Memory(span=at, megabytes=16384),
        Disk(span=at, gigabytes=50),
        Gpu(span=at, model="H100", count=2),
        User(span=at, username="crew", passwd="{{ passwd }}", sudo=True, shell="/bin/bash", groups=("docker", "users")),
        Workdir(span=at, path="/app"),
        Run(span=at, command='apt-get update && echo "done" # for the shell'),
        Copy(span=at, source="./src", destination="/app"),
        Install(span=at, packages=("python3", "python3-venv=3.11.2-1")),
        Env(span=at, key="PORT", value="{{ port }}"),
        Env(span=at, key="HOME", value="/home/crew", scope="user", owner="crew"),
        Env(span=at, key="MODE", value="fast", scope="service", owner="form-app.service"),
        Entrypoint(span=at, command="python3", args=("-m", "crew")),
    )


def test_a_span_is_the_place_of_the_instruction_without_its_comment():
    (name,) = parse("\n  NAME abc  # why").instructions
    assert name.span == Span(2, 3, 11)


@pytest.mark.parametrize(
    ("line", "column", "code", "sentence"),
    [
        ("MEMORY 128", 8, "too_small", "MEMORY 128 is too small: 512 to 256000 MB"),
        ("MEMORY 256001", 8, "too_large", "MEMORY 256001 is too large: 512 to 256000 MB"),
        ("MEMORY 16GB", 8, "unit", "MEMORY takes plain MB: write 16384"),
        ("MEMORY 1.5 GiB", 8, "unit", "MEMORY takes plain MB: write 1536"),
        ("MEMORY 16,384", 8, "unit", "MEMORY takes plain MB: write 16384"),
        ("MEMORY 900GB", 8, "unit", "MEMORY takes plain MB: 512 to 256000 MB"),
        ("MEMORY lots", 8, "not_a_number", "MEMORY takes plain MB, a whole number: 512 to 256000 MB, not 'lots'"),
        ("VCPU 0", 6, "too_small", "VCPU 0 is too small: 1 to 128"),
        ("VCPU 129", 6, "too_large", "VCPU 129 is too large: 1 to 128"),
        ("VCPU -1", 6, "not_a_number", "VCPU takes a plain number, a whole number: 1 to 128, not '-1'"),
        ("VCPU 4 cores", 6, "unit", "VCPU takes a plain number: write 4"),
        ("VCPU ٤", 6, "not_a_number", "VCPU takes a plain number, a whole number: 1 to 128, not '٤'"),
        ("DISK 4", 6, "too_small", "DISK 4 is too small: 5 to 65535 GB"),
        ("DISK 65536", 6, "too_large", "DISK 65536 is too large: 5 to 65535 GB"),
        ("DISK 1TB", 6, "unit", "DISK takes plain GB: write 1024"),
        ("GPU A100", 5, "unknown_gpu", "unknown GPU model 'A100': did you mean H100?"),
        ("GPU rtx-5090", 5, "unknown_gpu", "unknown GPU model 'rtx-5090': did you mean RTX5090?"),
        ("GPU H100:9", 10, "too_large", "GPU count 9 is too large: 1 to 8"),
        ("GPU H100:", 10, "missing_value", "GPU H100: needs a count, 1 to 8"),
        (f"MODEL {MODEL_ID}", 7, "model_form", f"MODEL takes required:ID or preferred:ID: write required:{MODEL_ID}"),
        ("MODEL require:x", 7, "model_form", "MODEL takes required:ID or preferred:ID: write required:x"),
        ("MODEL preferred:", 7, "missing_value", "MODEL preferred: needs the id of a model"),
        ("MEMRY 512", 1, "unknown_instruction", "unknown instruction 'MEMRY': did you mean MEMORY?"),
        ("CMD run", 1, "unknown_instruction", "CMD is no Formfile instruction: write ENTRYPOINT"),
        ("VCPU", 5, "missing_value", "VCPU needs a value, as in 'VCPU count'"),
        ("WORKDIR app", 9, "relative_path", "WORKDIR takes an absolute path: write /app"),
        ("WORKDIR /a/../b", 9, "relative_path", "WORKDIR takes a path without . and .."),
        ("COPY a", 6, "copy_form", "COPY takes one source and one destination, without spaces in them"),
        ("COPY --from=x a b", 6, "unknown_option", "COPY has no options here: leave out --from"),
        ("ENV PATH", 5, "env_form", "ENV takes KEY=VALUE: write PATH=value"),
        ("ENV 1A=x", 5, "env_key", "'1A' is no variable name: letters, digits and _, no digit first"),
        ("ENV A=1 B=2", 9, "extra_value", "ENV takes one KEY=VALUE: write one ENV line for each variable"),
        ("ENV --scope=all A=1", 5, "bad_scope", "'all' is no scope: write system, user:NAME or service:NAME"),
        ("ENV --scope=user: A=1", 5, "bad_scope", "'user:' is no scope: write system, user:NAME or service:NAME"),
        ("ENV --for=x A=1", 5, "unknown_option", "unknown option '--for': ENV takes --scope="),
        ('ENTRYPOINT ["a", b]', 18, "bad_json", NO_ARRAY),
        ('ENTRYPOINT ["a", 1]', 12, "bad_json", "ENTRYPOINT takes an array of strings: put every item in quotes"),
        ("ENTRYPOINT []", 12, "missing_value", "ENTRYPOINT needs a program"),
        ("USER sudo:true", 6, "missing_key", "USER needs username:NAME"),
        ("USER username:Bob", 6, "bad_username", "'Bob' is no user name: [a-z_][a-z0-9_-]{0,31}"),
        ("USER username:" + "a" * 33, 6, "bad_username", f"'{'a' * 33}' is no user name: [a-z_][a-z0-9_-]{{0,31}}"),
        ("USER username:bob sudo:maybe", 19, "bad_boolean", "sudo: is true or false, not 'maybe'"),
        ("USER username:bob shell:bash", 19, "relative_path", "shell: takes an absolute path such as /bin/bash"),
        ("USER username:bob group:a", 19, "unknown_key", "unknown USER key 'group': did you mean 'groups'?"),
        ("USER username:bob groups:a,B", 19, "bad_group", "'B' is no group name: [a-z_][a-z0-9_-]{0,31}"),
        ("USER bob", 6, "user_form", "USER takes key:value words, without spaces around the colon"),
        ('USER username:bob shell:"/bin', 19, "unclosed_quote", "this quote is not closed on its line"),
        ("VCPU {{ 1x }}", 6, "placeholder_syntax", "a placeholder is written {{ name }}"),
        ("RUN a \\", 7, "continuation", "the builder reads one instruction a line: join it with the next line"),
        ("RUN a\x1b[31m", 6, "control_character", "control character U+001B: delete it"),
        ("RUN a\u202eb", 6, "control_character", "control character U+202E: delete it"),
        ("NAME y", 1, "repeated", "NAME stands on line 1 already: keep one"),
    ],
)  # fmt: skip
def test_an_error_has_its_place_and_says_what_would_be_right(line, column, code, sentence):
    assert only(line) == FormfileProblem(2, column, "error", code, sentence)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("vcpu 4", "name_case"),
        ("VCPU\t4", "spacing"),
        ("VCPU  4", "spacing"),
        ("VCPU 4 # four", "trailing_comment"),
        ('COPY "a" b', "quoted"),
        ('ENV A="b c"', "quoted"),
        ('ENTRYPOINT run "b c"', "quoted"),
        ("USER username=bob", "key_separator"),
        ("EXPOSE 80 443", "expose_ignored"),
        ("INSTALL -y", "bad_package"),
        ("RUN echo {{ port }}", "placeholder_undeclared"),
        ("#? not a declaration", "declaration_syntax"),
        ("VCPU 4\nCPU 4", "duplicate"),
        ("ENV A=1\nENV A=2", "duplicate"),
    ],
)
def test_what_only_the_documentation_accepts_is_a_warning_and_in_strict_mode_an_error(line, code):
    assert [p.severity for p in problems(line) if p.code == code] == ["warning"]
    assert [p.severity for p in problems(line, "strict") if p.code == code] == ["error"]
    assert not parse(f"NAME x\n{line}").errors


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("CPU 4", "alias"),
        ("CORES 4", "alias"),
        ("MEM 512", "alias"),
        ("MBS 512", "alias"),
        ("STORAGE 5", "alias"),
        ("#? unused = 1", "declaration_unused"),
        ("MODEL preferred:llama", "model_id"),
        ("COPY ../a /b", "outside_context"),
        ("USER username:bob ssh_authorized_keys:AAAA", "public_key"),
    ],
)
def test_advice_stays_a_warning_in_strict_mode(line, code):
    problem = only(line, "strict")
    assert (problem.severity, problem.code) == ("warning", code)


def test_a_formfile_without_a_name_has_one_problem():
    (problem,) = parse("").problems
    assert (problem.line, problem.column, problem.code) == (1, 1, "missing_name")


def test_a_name_that_cannot_be_read_is_not_called_missing_too():
    assert [p.code for p in parse("NAME").problems] == ["missing_value"]


def test_a_value_with_a_placeholder_is_not_range_checked():
    (_, memory) = parse("#? mb = 1\nNAME x\nMEMORY {{mb}}").instructions
    assert memory == Memory(span=Span(1, 1, 1), megabytes=Template("{{ mb }}"))


def test_comments_start_a_line_or_follow_white_space_outside_quotes():
    text = "# a\n\nNAME x\nENV A=b#c\nUSER username:u shell:'/bin/# x'\nDESCRIPTION it's C# # really"
    formfile = parse(text)
    assert [line.comment for line in formfile.lines] == [" a", None, None, None, None, " really"]
    assert [type(i).__name__ for i in formfile.instructions] == ["Name", "Env", "User", "Description"]
    assert formfile.instructions[3].value == "it's C#"


def test_a_command_is_verbatim_to_the_end_of_its_line():
    (_, run) = parse("NAME x\nRUN  echo 'it'  \"# no comment\"  # the shell's").instructions
    assert run.command == "echo 'it'  \"# no comment\"  # the shell's"


def test_lines_that_continue_another_are_not_read_as_instructions():
    formfile = parse("NAME x\nRUN a && \\\n  b && \\\n  c\nVCPU 4")
    assert [p.code for p in formfile.problems] == ["continuation"]
    assert [i.keyword for i in formfile.instructions] == ["NAME", "VCPU"]


def test_only_line_feeds_end_lines():
    formfile = parse("NAME x\r\nVCPU 4\x0bMEMORY 1\r\n")
    assert len(formfile.lines) == 2


def test_a_byte_order_mark_is_told_and_skipped():
    formfile = parse("\ufeffNAME x")
    assert [p.code for p in formfile.problems] == ["bom"]
    assert formfile.instructions


def test_ports_may_be_separated_by_commas():
    assert parse("NAME x\nEXPOSE 80,443 {{ p }}").instructions[1] == Expose(
        span=Span(1, 1, 1), ports=(80, 443, Template("{{ p }}"))
    )


@pytest.mark.parametrize("port", ["0", "65536", "80/tcp", "http"])
def test_a_port_is_a_number_up_to_65535(port):
    assert any(p.severity == "error" for p in problems(f"EXPOSE {port}"))


def test_a_repeated_resource_says_which_one_the_builder_uses():
    (problem,) = problems("VCPU 4\nVCPU 8")
    assert problem.sentence == "VCPU stands on line 2 already: the builder uses the first one, keep one"


def test_every_instruction_of_the_table_has_a_reader():
    assert {spec.name for spec in INSTRUCTIONS} == set(READERS)
