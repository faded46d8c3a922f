"""What an editor needs: completions, colours, help; and what importing costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tui_registry import formfile
from tui_registry.formfile import LANGUAGE, Token, complete, tokens
from tui_registry.formfile.language import GPU_MODELS, INSTRUCTIONS, USER_KEYS


def offered(text: str) -> list[str]:
    """The completions at the end of the text."""
    lines = text.split("\n")
    return [completion.text for completion in complete(text, len(lines), len(lines[-1]) + 1)]


def test_an_empty_line_offers_every_instruction():
    assert offered("NAME x\n") == [f"{spec.name} " for spec in INSTRUCTIONS]


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("EN", ["ENV ", "ENTRYPOINT "]),
        ("  ent", ["ENTRYPOINT "]),
        ("GPU ", list(GPU_MODELS)),
        ("GPU h", ["H100", "H200"]),
        ("GPU H100", []),
        ("MODEL p", ["preferred:"]),
        ("ENV ", ["--scope=system", "--scope=user:", "--scope=service:"]),
        ("ENV --scope=s", ["--scope=system", "--scope=service:"]),
        ("ENV A=1 ", []),
        ("USER ", [f"{key}:" for key in USER_KEYS]),
        ("USER username:bob s", ["sudo:", "ssh_authorized_keys:", "shell:", "ssh_pwauth:"]),
        ("USER sudo:", ["true", "false"]),
        ("USER passwd:", ["{{ passwd }}"]),
        ("USER shell:/bin/b", ["/bin/bash"]),
        ("#? port = 1\nENV A={{ po", ["port }}"]),
        ("VCPU {{vc", ["vcpus }}"]),
        ("# EN", []),
        ("NOPE x", []),
    ],
)
def test_what_is_offered_at_the_end_of_a_text(text, texts):
    assert offered(text) == texts


def test_a_completion_replaces_what_is_typed():
    (completion,) = complete("NAME x\n  WOR", 2, 6)
    assert (completion.text, completion.start, completion.end) == ("WORKDIR ", 3, 6)


def test_a_placeholder_that_is_closed_already_is_not_closed_again():
    assert [c.text for c in complete("VCPU {{ vc }}", 1, 11)] == ["vcpus"]


def test_the_pieces_of_a_line_are_coloured():
    line = "USER username:bob sudo:true passwd:{{ p }} # x"
    assert [(token.kind, line[token.start : token.end]) for token in tokens(line)] == [
        ("instruction", "USER"),
        ("key", "username:"),
        ("value", "bob"),
        ("key", "sudo:"),
        ("keyword", "true"),
        ("key", "passwd:"),
        ("placeholder", "{{ p }}"),
        ("comment", "# x"),
    ]


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("# x", "comment"),
        ("#? x = 1", "declaration"),
        ("VCPU 4", "instruction"),
        ("cpu 4", "instruction"),
        ("X 4", "unknown"),
    ],
)
def test_the_first_piece_says_what_the_line_is(line, first):
    assert tokens(line)[0].kind == first


def test_a_blank_line_has_no_pieces():
    assert tokens("  ") == []
    assert tokens(" VCPU 4")[1] == Token("number", 6, 7)


def test_the_help_names_everything_in_the_table_and_fits_a_screen():
    for spec in INSTRUCTIONS:
        assert spec.syntax in LANGUAGE
        assert all(alias in LANGUAGE for alias in spec.aliases)
    assert all(word in LANGUAGE for word in (*USER_KEYS, *GPU_MODELS, "512 to 256000 MB"))
    assert max(map(len, LANGUAGE.split("\n"))) <= 100


def test_every_public_name_is_there_and_is_no_module():
    for name in formfile.__all__:
        assert type(getattr(formfile, name)).__name__ != "module"


def test_the_package_imports_nothing_until_it_is_used_and_only_the_standard_library_then():
    code = """
import sys
import tui_registry.formfile as f
assert not [m for m in sys.modules if m.startswith("tui_registry.formfile.")]
for name in f.__all__:
    getattr(f, name)
ours = {m.partition(".")[0] for m in sys.modules} - set(sys.stdlib_module_names)
print(sorted(m for m in ours if not m.startswith("_")))
inside = {m for m in sys.modules if m.startswith("tui_registry.") and not m.startswith("tui_registry.formfile")}
assert inside <= {"tui_registry._lazy", "tui_registry.errors", "tui_registry.text"}, inside
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "['tui_registry']", run.stderr
