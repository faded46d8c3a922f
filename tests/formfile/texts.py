"""Formfiles for the tests: one that says everything, and strategies that write others."""

from __future__ import annotations

import json

from hypothesis import strategies as st

MODEL_ID = "ab" * 32

EVERYTHING = f"""\
#? passwd
#? port = 8080
NAME research-crew
DESCRIPTION Finds papers, and reads them
MODEL required:{MODEL_ID}
VCPU 4
MEMORY 16384
DISK 50
GPU H100:2
USER username:crew passwd:{{{{ passwd }}}} sudo:true shell:/bin/bash groups:docker,users
WORKDIR /app
RUN apt-get update && echo "done" # for the shell
COPY ./src /app
INSTALL python3 python3-venv=3.11.2-1
ENV PORT={{{{ port }}}}
ENV --scope=user:crew HOME=/home/crew
ENV --scope=service:form-app.service MODE=fast
ENTRYPOINT ["python3", "-m", "crew"]
"""

_names = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)
_accounts = st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True)
_placeholder = st.sampled_from(["{{ name }}", "{{version}}", "{{  a.b }}"])
_gap = st.sampled_from([" ", "  ", "\t", " \t "])
_printable = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=20)


def _quoted(text: str) -> str:
    return (
        f'"{text}"' if '"' not in text else f"'{text}'" if "'" not in text else text.replace('"', "").replace("'", "")
    )


_word = st.one_of(
    st.from_regex(r"[A-Za-z0-9./_:=+-]{1,10}", fullmatch=True),
    _placeholder,
    _printable.map(lambda text: _quoted(text.replace("{", "("))),
)


def _number(least: int, most: int) -> st.SearchStrategy[str]:
    return st.one_of(st.integers(least, most).map(str), st.integers(least, most).map(lambda n: f"0{n}"), _placeholder)


@st.composite
def _user(draw: st.DrawFn) -> str:
    colon = draw(st.sampled_from([":", "="]))
    keys = {
        "username": draw(_accounts),
        "passwd": "{{ passwd }}",
        "sudo": draw(st.sampled_from(["true", "YES", "0", "off", "{{ sudo }}"])),
        "ssh_authorized_keys": draw(
            st.sampled_from(['"ssh-ed25519 AAAA me@x"', '"ssh-rsa AA a,ssh-rsa BB b"', "{{ k }}"])
        ),
        "lock_passwd": draw(st.sampled_from(["true", "no"])),
        "shell": draw(st.sampled_from(["/bin/bash", '"/opt/my shell"'])),
        "ssh_pwauth": "on",
        "disable_root": "1",
        "chpasswd_expire": "false",
        "groups": draw(st.sampled_from(["a", "a,b", '"a, b"'])),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(keys)), max_size=6, unique=True))
    chosen = [*chosen, "username"] if "username" not in chosen else chosen
    return " ".join(f"{key}{colon}{keys[key]}" for key in chosen)


_values: dict[str, st.SearchStrategy[str]] = {
    "DESCRIPTION": st.one_of(_printable, st.sampled_from(['"a # b"', "it's", "'x' y", '"quoted"'])),
    "MODEL": st.sampled_from([f"required:{MODEL_ID}", "preferred:{{ id }}", "preferred:short"]),
    "VCPU": _number(1, 128),
    "CPU": _number(1, 128),
    "cores": _number(1, 128),
    "MEMORY": _number(512, 256000),
    "MEM": _number(512, 256000),
    "MBS": _number(512, 256000),
    "DISK": _number(5, 65535),
    "storage": _number(5, 65535),
    "GPU": st.sampled_from(["H100", "H200:1", "RTX5090:8", "B200:{{ n }}", "{{ gpu }}", '"H100:2"']),
    "USER": _user(),
    "WORKDIR": st.sampled_from(["/app", '"/my app"', "{{ dir }}"]),
    "RUN": _printable,
    "COPY": st.tuples(_word, _word).map(" ".join),
    "INSTALL": st.lists(_word, min_size=1, max_size=4).map(" ".join),
    "ENV": st.tuples(
        st.sampled_from(
            ["", "--scope=system ", "--scope=user:bob ", '"--scope=service:a@b" ', "--scope=user:{{ u }} "]
        ),
        st.from_regex(r"[A-Z_][A-Z0-9_]{0,6}", fullmatch=True),
        _word,
    ).map(lambda parts: f"{parts[0]}{parts[1]}={parts[2]}"),
    "ENTRYPOINT": st.one_of(
        st.lists(st.text(max_size=8), min_size=1, max_size=4).map(json.dumps),
        st.lists(_word, min_size=1, max_size=4).map(" ".join),
    ),
    "EXPOSE": st.sampled_from(["80", "80 443", "1,2, 3", "{{ port }} 0443"]),
}


# The spellings of instructions that the texts below use.
WRITTEN = {"NAME", *(name.upper() for name in _values)}


@st.composite
def _line(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["instruction", "instruction", "instruction", "comment", "blank", "declaration"]))
    if kind == "blank":
        return draw(st.sampled_from(["", "   ", "\t"]))
    if kind == "comment":
        return draw(st.sampled_from(["#", " # ", "#!", "##"])) + draw(_printable)
    if kind == "declaration":
        return draw(st.sampled_from(["#? name = x", "#?a.b=", " #?  passwd", "#? k = two words", "#? not valid!"]))
    name = draw(st.sampled_from(sorted(_values)))
    comment = draw(st.sampled_from(["", "", " # why", "  #? x = 1", " #"]))
    return draw(st.sampled_from(["", "  "])) + name + draw(_gap) + draw(_values[name]) + comment


@st.composite
def formfiles(draw: st.DrawFn) -> str:
    """Formfiles, most of them without errors, in every spelling that the language accepts."""
    lines = draw(st.lists(_line(), max_size=8))
    lines.insert(draw(st.integers(0, len(lines))), f"NAME {draw(_names)}")
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines) + draw(st.sampled_from(["", "\n", "\n\n\n"]))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good Formfile with some characters put in, taken out or doubled."""
    text = draw(st.one_of(st.just(EVERYTHING), formfiles()))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(text)))
        until = draw(st.integers(at, min(len(text), at + 4)))
        put = draw(
            st.one_of(st.text(max_size=4), st.sampled_from(['"', "'", "{{", "}}", "\\\n", "#", "[", "\0", "\r", ":"]))
        )
        text = text[:at] + put + text[until:]
    return text
