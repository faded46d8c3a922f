"""`formfile lint`, `fmt`, `render`, `generate` and `language`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, is_one_sentence
from tui_registry.datastore import Datastore
from tui_registry.formfile import LANGUAGE, parse

CREW = """\
name: research crew
description: Finds papers
resource_requirements: {min_vcpus: 2, recommended_vcpus: 4, min_memory_mb: 1024, recommended_memory_mb: 2048}
formfile_template: |
  #? port = 8080
  NAME crew
  CPU {{ vcpus }} # four
  MEMORY {{ memory_mb }}
  ENV PORT={{ port }}
"""


@pytest.fixture
def crew(cli: Cli) -> str:
    """The id of an agent of this replica's own, with a template."""
    identifier: str = cli("register", "agent", "-", "--json", given=CREW).json["id"]
    return identifier


# lint


def test_lint_lists_each_problem_with_its_place_line_and_caret(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "crew.formfile").write_text("NAME crew\nVCPU 999\nCPU\t4\nFROM debian\n")
    said = cli("formfile", "lint", "crew.formfile")
    assert said.code == 1
    assert said.out.splitlines() == [
        "crew.formfile:2:6: error: VCPU 999 is too large: 1 to 128 [too_large]",
        "    VCPU 999",
        "         ^",
        "crew.formfile:3:1: warning: CPU is another name of VCPU: prefer VCPU [alias]",
        "    CPU 4",
        "    ^",
        "crew.formfile:3:4: warning: the builder ignores this line: put a space after VCPU [spacing]",
        "    CPU 4",
        "       ^",
        "crew.formfile:4:1: error: FROM is no Formfile instruction: the builder chooses the base image: leave it out "
        "[unknown_instruction]",
        "    FROM debian",
        "    ^",
    ]
    assert said.err == "tui-registry: crew.formfile: 2 errors, 2 warnings\n"


def test_lint_of_a_formfile_without_problems_prints_nothing(cli: Cli) -> None:
    said = cli("formfile", "lint", "-", given="NAME x\nVCPU 4\n")
    assert (said.code, said.out, said.err) == (0, "", "tui-registry: stdin: no problems\n")


def test_warnings_alone_are_no_failure_and_errors_when_strict(cli: Cli) -> None:
    text = "NAME x\nEXPOSE 80\n"
    assert cli("formfile", "lint", "-", given=text).code == 0
    assert cli("formfile", "lint", "-", "--strict", given=text).code == 1


def test_lint_as_json_is_one_problem_a_line(cli: Cli) -> None:
    said = cli("formfile", "lint", "-", "--json", given="NAME x\nVCPU 999\nEXPOSE 80\n")
    assert [(p["file"], p["line"], p["column"], p["severity"], p["code"]) for p in said.lines] == [
        ("stdin", 2, 6, "error", "too_large"),
        ("stdin", 3, 1, "warning", "expose_ignored"),
    ]
    assert (said.code, said.err) == (1, "")
    assert set(said.lines[0]) == {"file", "line", "column", "severity", "code", "sentence"}


def test_lint_never_shows_a_secret(cli: Cli) -> None:
    said = cli("formfile", "lint", "-", given="NAME x\nUSER username:a passwd:hunter2\n")
    assert said.code == 1
    assert "[secret]" in said.out
    assert "hunter2" not in said.out + said.err


def test_lint_of_a_private_key_never_shows_it(cli: Cli) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
    said = cli("formfile", "lint", "-", given=f"NAME x\n# {key}")
    assert said.code == 1
    assert "b3Blbn" not in said.out
    assert "BEGIN" not in said.out


def test_the_caret_stands_under_its_character_whatever_comes_before_it(cli: Cli) -> None:
    text = 'NAME x\nENV A=日本語é "b\nRUN ' + "x" * 300 + "\a" + "y" * 300 + "\n"
    lines = cli("formfile", "lint", "-", given=text).out.splitlines()
    at = lines.index('    ENV A=日本語é "b')
    # Three wide characters take two cells each.
    assert lines[at + 1] == " " * (4 + len('ENV A=日本語é "') - 1 + 3) + "^"
    long = next(line for line in lines if "xxx" in line)
    assert long.startswith("    …x")
    assert long.endswith("y…")
    assert len(long) <= 120
    assert lines[lines.index(long) + 1] == " " * long.index("\ufffd") + "^"


def test_a_missing_line_is_not_pointed_at_on_another_one(cli: Cli) -> None:
    said = cli("formfile", "lint", "-", given="VCPU 4\n")
    assert said.out == "stdin:1:1: error: NAME is missing: add a line such as NAME my-model [missing_name]\n"


def test_a_formfile_longer_than_a_template_may_be_is_an_error(cli: Cli) -> None:
    said = cli("formfile", "lint", "-", "--json", given="NAME x\n" + "# more\n" * 4_000)
    assert [problem["code"] for problem in said.lines] == ["too_long"]
    assert said.code == 1


def test_lint_with_a_record_says_where_the_two_disagree(cli: Cli, crew: str) -> None:
    said = cli("formfile", "lint", "-", "--record", crew[:10], given="NAME x\nVCPU 1\nMEMORY 2048\nDISK 10\n")
    assert said.code == 0
    assert said.out.splitlines()[:2] == [
        "stdin:2:1: warning: VCPU 1 is less than the record's minimum of 2 [disagrees]",
        "    VCPU 1",
    ]


def test_lint_of_a_record_alone_reads_its_template(cli: Cli, crew: str) -> None:
    codes = [problem["code"] for problem in cli("formfile", "lint", "--record", crew, "--json").lines]
    assert codes == ["disagrees", "alias", "trailing_comment"]


def test_lint_reads_what_the_builder_prints(cli: Cli) -> None:
    import base64

    said = cli("formfile", "lint", "-", given=base64.b64encode(b"NAME x\nVCPU 999\n"))
    assert "stdin:2:6: error" in said.out
    assert "base64" in said.err


def test_what_strangers_wrote_never_reaches_the_terminal_raw(cli: Cli) -> None:
    said = cli("formfile", "lint", "-", given="NAME x\nBA\x1b[31mD \u202e x\nRUN \x1b]52;c;eA==\x07\n")
    assert said.code == 1
    assert not set(said.out + said.err) & {"\x1b", "\x07", "\u202e"}


# fmt

UNTIDY = b"NAME   x\r\n\r\n\r\nCPU 4 # four\r\nFROM debian\r\n"
TIDY = "NAME x\n\n# four\nVCPU 4\nFROM debian\n"


def test_fmt_prints_the_layout_and_keeps_lines_with_errors(cli: Cli) -> None:
    said = cli("formfile", "fmt", "-", given=UNTIDY)
    assert (said.code, said.out) == (0, TIDY)
    assert said.err == "tui-registry: stdin: 1 error, lines with errors stay as they are: see 'formfile lint'\n"


def test_fmt_check_fails_for_another_layout_only(cli: Cli) -> None:
    said = cli("formfile", "fmt", "-", "--check", given="NAME   x\n")
    assert is_one_sentence(said, "stdin is not in layout")
    said = cli("formfile", "fmt", "-", "--check", given="NAME x\n")
    assert (said.code, said.out, said.err) == (0, "", "")


def test_fmt_write_changes_the_file_and_keeps_its_mode(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "crew.formfile"
    path.write_bytes(UNTIDY)
    path.chmod(0o664)
    assert cli("formfile", "fmt", "crew.formfile", "--write").code == 0
    assert path.read_bytes() == TIDY.encode()
    assert path.stat().st_mode & 0o777 == 0o664
    assert [item.name for item in tmp_path.iterdir()] == ["crew.formfile"]


def test_fmt_write_follows_a_link_and_leaves_a_tidy_file_alone(cli: Cli, tmp_path: Path) -> None:
    path, link = tmp_path / "crew.formfile", tmp_path / "link"
    path.write_bytes(UNTIDY)
    link.symlink_to(path)
    assert cli("formfile", "fmt", "link", "--write").code == 0
    assert link.is_symlink()
    before = path.stat()
    assert "in layout already" in cli("formfile", "fmt", "crew.formfile", "--write").err
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_fmt_as_json(cli: Cli) -> None:
    assert cli("formfile", "fmt", "-", "--json", given="NAME   x\n").json == {
        "file": "stdin", "changed": True, "text": "NAME x\n",
    }  # fmt: skip


# render


def test_render_fills_in_the_record_and_the_values_given(cli: Cli, crew: str, tmp_path: Path) -> None:
    (tmp_path / "port.txt").write_text("443\r\n")
    for words, port in (
        ((), "8080"),
        (("--set", "port=1", "--set", "port=2"), "2"),
        (("--set-file", "port=port.txt"), "443"),
    ):
        said = cli("formfile", "render", "--record", crew, *words)
        assert said.code == 0
        assert said.out == f"NAME crew\n# four\nVCPU 4\nMEMORY 2048\nENV PORT={port}\n"


def test_render_of_a_file_takes_values_from_the_record_that_is_named(cli: Cli, crew: str) -> None:
    said = cli("formfile", "render", "-", "--record", crew, given="NAME x\nVCPU {{ vcpus }}\n")
    assert (said.code, said.out, said.err) == (0, "NAME x\nVCPU 4\n", "")


def test_render_with_errors_prints_no_formfile_and_the_places_in_the_template(cli: Cli) -> None:
    said = cli("formfile", "render", "-", given="#? a\nNAME x\nVCPU {{ vcpus }}\nENV A={{ a }}\n")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[:3] == [
        "tui-registry: stdin:3:6: error: 'vcpus' has no value: give one, or declare '#? vcpus = default' "
        "[placeholder_missing]",
        "    VCPU {{ vcpus }}",
        "         ^",
    ]
    assert "stdin:4:7: error: 'a' has no value" in said.err


def test_render_as_json(cli: Cli) -> None:
    assert cli("formfile", "render", "-", "--json", given="NAME x\n").json == {"text": "NAME x\n", "problems": []}
    said = cli("formfile", "render", "-", "--json", given="NAME x\nVCPU {{ vcpus }}\n")
    assert (said.code, said.json["text"]) == (1, None)
    assert [problem["code"] for problem in said.json["problems"]] == ["placeholder_missing"]


def test_render_gives_a_pipe_the_exact_text(cli: Cli) -> None:
    assert cli("formfile", "render", "-", given="NAME x\nRUN echo é\u00a0日\n").out == "NAME x\nRUN echo é\u00a0日\n"


# generate, language, help


def test_generate_writes_a_formfile_without_problems(cli: Cli, crew: str) -> None:
    said = cli("formfile", "generate", crew[:10])
    assert said.code == 0
    assert said.out.startswith("NAME research-crew\nDESCRIPTION Finds papers\n\nVCPU 4\nMEMORY 2048\n")
    assert parse(said.out, "strict").problems == ()
    assert cli("formfile", "generate", crew, "--json").json == {"kind": "agent", "id": crew, "text": said.out}


def test_the_language_is_explained(cli: Cli) -> None:
    said = cli("formfile", "language")
    assert said.code == 0
    assert LANGUAGE in said.out


@pytest.mark.parametrize("action", ["lint", "fmt", "render", "generate", "language", "build", "verify"])
def test_every_action_has_help(cli: Cli, action: str) -> None:
    said = cli("formfile", action, "--help")
    assert said.code == 0
    assert f"usage: tui-registry formfile {action}" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 120


# Bad input


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("lint", "gone"), ("gone", "no such file")),
        (("lint", "."), ("is a directory",)),
        (("lint", "a\0b"), ("no name of a file",)),
        (("fmt", "gone", "--write"), ("gone", "no such file")),
        (("render", "-", "--record", "ffff"), ("ffff",)),
        (("render", "-", "--set", "port=1"), ("no placeholder 'port'", "it has none")),
        (("render", "-", "--set-file", "port=gone"), ("gone", "no such file")),
        (("generate", "ffff"), ("ffff",)),
        (("lint", "-", "--record", "ffff"), ("ffff",)),
    ],
)
def test_what_is_not_there_gets_a_sentence(cli: Cli, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert is_one_sentence(cli("formfile", *words, given="NAME x\n"), *parts)


def test_bytes_that_are_not_utf8_get_a_sentence(cli: Cli) -> None:
    assert is_one_sentence(cli("formfile", "lint", "-", given=b"NAME \xff\n"), "stdin", "UTF-8")


def test_a_file_that_is_too_big_gets_a_sentence(cli: Cli) -> None:
    assert is_one_sentence(cli("formfile", "fmt", "-", given=b"#" * (2**20 + 1)), "1,048,576")


def test_a_value_used_many_times_is_refused_before_it_is_filled_in(cli: Cli) -> None:
    text = "#? a\nNAME x\n" + "RUN {{ a }}\n" * 5_000
    assert is_one_sentence(cli("formfile", "render", "-", "--set", f"a={'x' * 9_000}", given=text), "at most 262,144")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), "lint|fmt"),
        (("polish",), "polish"),
        (("lint",), "--record ID"),
        (("render",), "--record ID"),
        (("fmt",), "FILE"),
        (("fmt", "-", "--write"), "stdin cannot be written"),
        (("fmt", "-", "--check", "--write"), "not allowed"),
        (("render", "-", "--set", "port"), "NAME=VALUE"),
        (("build",), "ID"),
        (("verify",), "FILE"),
    ],
)
def test_a_line_that_makes_no_sense_is_one_sentence_and_exit_2(cli: Cli, words: tuple[str, ...], part: str) -> None:
    said = cli("formfile", *words)
    assert (said.code, said.out) == (2, "")
    assert len(said.err.splitlines()) == 1
    assert part in said.err


@pytest.mark.parametrize("action", ["lint", "fmt", "render"])
def test_a_text_alone_is_read_without_types_keys_network_or_screens(tmp_path: Path, action: str) -> None:
    script = (
        "import sys; from tui_registry.__main__ import main; code = main(sys.argv[1:]);"
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "formfile", action, "-"], input="NAME x\n", capture_output=True, text=True, check=True
    )  # fmt: skip
    code, *names = done.stdout.splitlines()[-1].split()
    assert code == "0"
    assert not set(names) & {
        "pydantic",
        "pydantic_core",
        "btclib_secp256k1",
        "Crypto",
        "httpx",
        "textual",
        "rich",
        "asyncio",
        "yaml",
    }


def test_a_text_alone_needs_no_replica(cli: Cli, data_dir: Path) -> None:
    for words in (("lint", "-"), ("fmt", "-"), ("render", "-")):
        assert cli("formfile", *words, given="NAME x\n").code == 0
    assert not data_dir.exists()


def test_reading_a_template_writes_nothing(cli: Cli, crew: str, data_dir: Path) -> None:
    cli("formfile", "lint", "--record", crew)
    cli("formfile", "render", "--record", crew)
    with Datastore.open(data_dir) as datastore:
        assert datastore.stats().ops == 1


def test_a_terminal_gets_no_escapes_and_no_archive(cli: Cli, crew: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "NAME x\nRUN \x1b]52;c;eA==\x07 # \u202e\n"
    assert "\x1b" in cli("formfile", "fmt", "-", given=text).out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    said = cli("formfile", "fmt", "-", given=text)
    assert said.code == 0
    assert not set(said.out) & {"\x1b", "\x07", "\u202e"}
    said = cli("formfile", "build", crew, "-o", "-")
    assert (said.code, said.out) == (2, "")
    assert "terminal" in said.err
