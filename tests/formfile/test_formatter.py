"""The canonical layout, by example; its laws are in test_properties."""

from __future__ import annotations

import pytest

from tests.formfile.texts import EVERYTHING
from tui_registry.formfile import format as canonical, parse


@pytest.mark.parametrize(
    ("line", "layout"),
    [
        ("vcpu   4", "VCPU 4"),
        ("cpu 04", "VCPU 4"),
        ("MBS 512", "MEMORY 512"),
        ("STORAGE\t5", "DISK 5"),
        ("VCPU {{n}}", "VCPU {{ n }}"),
        ("GPU H100:1", "GPU H100"),
        ("COPY 'a' \"b\"", "COPY a b"),
        ("WORKDIR '/my app'", 'WORKDIR "/my app"'),
        ('ENV --scope=system A="b"', "ENV A=b"),
        ("ENV A='b c'", 'ENV A="b c"'),
        ("ENV A=", "ENV A="),
        ("ENTRYPOINT   run  fast", "ENTRYPOINT run fast"),
        ("ENTRYPOINT run 'very fast'", 'ENTRYPOINT ["run", "very fast"]'),
        ('ENTRYPOINT ["run","fast"]', 'ENTRYPOINT ["run", "fast"]'),
        ("EXPOSE 80,443", "EXPOSE 80 443"),
        ("DESCRIPTION 'plain'", "DESCRIPTION plain"),
        ('DESCRIPTION "a # b"', 'DESCRIPTION "a # b"'),
        ('DESCRIPTION it\'s "it"', 'DESCRIPTION it\'s "it"'),
        ("RUN   a  'b'  # c ", "RUN a  'b'  # c"),
        (
            'USER groups="a, b" sudo:YES username:bob ssh_authorized_keys:"ssh-ed25519 AA me"',
            'USER username:bob sudo:true ssh_authorized_keys:"ssh-ed25519 AA me" groups:a,b',
        ),
        ("VCPU 4 #why", "# why\nVCPU 4"),
        ("VCPU 4 #? x = 1", "# ? x = 1\nVCPU 4"),
        ("#?  a.b=  two words ", "#? a.b = two words"),
        ("#? a =", "#? a ="),
        ("#? a", "#? a"),
        ("   #note", "# note"),
        ("#!x", "#!x"),
        ("#    indented", "#    indented"),
        ("  VCPU  0", "  VCPU  0"),
        ("  NOPE  x ", "  NOPE  x "),
    ],
)
def test_a_line_in_canonical_layout(line, layout):
    assert canonical(f"NAME x\n{line}\n") == f"NAME x\n{layout}\n"


def test_blank_lines_are_single_and_never_at_an_end():
    assert canonical("\n\nNAME x\n \n\n\nVCPU 4\n\n") == "NAME x\n\nVCPU 4\n"


def test_windows_line_ends_and_a_byte_order_mark_go():
    assert canonical("\ufeffNAME x\r\nVCPU 4\r\n") == "NAME x\nVCPU 4\n"


def test_nothing_stays_nothing():
    assert canonical("") == ""
    assert canonical("\n \n") == ""


def test_a_canonical_formfile_is_its_own_layout():
    assert canonical(EVERYTHING) == EVERYTHING


def test_formatting_mends_everything_that_only_strict_mode_minds_about_spelling():
    text = "name x # why\ncpu\t4\nUSER username=bob\nENTRYPOINT run 'a b'\n"
    assert not parse(canonical(text), "strict").problems
