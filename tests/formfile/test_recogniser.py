"""Base64 and the builder's two JSON forms."""

from __future__ import annotations

import base64
import json

import pytest

from tests.formfile.texts import EVERYTHING
from tui_registry.formfile import parse, recognise
from tui_registry.formfile.recogniser import LONGEST

HASH = "$6$rounds=4096$salt$" + "a" * 86

SERDE = {
    "name": "crew",
    "build_instructions": [
        {"Run": "apt-get update"},
        {"Copy": ["./src", "/app"]},
        {"Install": {"packages": ["python3", "git"]}},
        {"Env": {"key": "A", "value": "A", "scope": "System"}},
        {"Env": {"key": "B", "value": "2", "scope": {"User": "crew"}}},
        {"Entrypoint": {"command": "python3", "args": ["-m", "crew"]}},
        {"Expose": [443, 80]},
    ],
    "system_config": [{"Cpu": 4}, {"Memory": 2048}, {"Disk": 20}, {"Gpu": {"model": "H100", "count": 2}}],
    "users": [
        {
            "username": "crew", "passwd": HASH, "ssh_authorized_keys": ["ssh-ed25519 AA me"], "lock_passwd": False,
            "sudo": True, "shell": "/bin/bash", "ssh_pwauth": True, "disable_root": True, "chpasswd_expire": True,
            "chpasswd_list": {}, "groups": ["docker", "users"],
        }
    ],
    "workdir": "/app",
}  # fmt: skip

PLAIN = """\
NAME crew
VCPU 4
MEMORY 2048
DISK 20
GPU H100:2
#? passwd_1
USER username:crew passwd:{{ passwd_1 }} sudo:true ssh_authorized_keys:"ssh-ed25519 AA me" lock_passwd:false \
shell:/bin/bash ssh_pwauth:true disable_root:true chpasswd_expire:true groups:docker,users
WORKDIR /app
RUN apt-get update
COPY ./src /app
INSTALL python3 git
ENV A=A
ENV --scope=user:crew B=2
ENTRYPOINT ["python3", "-m", "crew"]
EXPOSE 80 443
"""


def printed(kind: str, item: object) -> str:
    return json.dumps({kind: item})


# As `Formfile::to_json` prints it: strings of JSON, the key of a variable for its value, no name of a user.
BUILDER = {
    "formfile": {
        "name": "crew",
        "build_instructions": [
            printed("build_instruction", {"run": "apt-get update"}),
            printed("build_instruction", {"copy": ["./src", "/app"]}),
            printed("build_instruction", {"install": {"packages": ["python3"]}}),
            printed("build_instruction", {"key": "PORT", "value": "PORT", "scope": {"service": "form-app"}}),
            printed("build_instruction", {"command": "python3", "args": ["-m", "crew"]}),
            printed("build_instruction", {"expose": [80]}),
        ],
        "system_config": [
            printed("system_config", {"cpu": 4}),
            printed("system_config", {"memory": 2048}),
            printed("system_config", {"disk": 20}),
            printed("system_config", {"gpu_model": "H100", "gpu_count": 1}),
        ],
        "users": [printed("user", {"username": ["docker"], "passwd": HASH})],
        "workdir": "/app",
    }
}


def test_the_json_that_serde_derives_becomes_a_formfile():
    found = recognise(json.dumps(SERDE, indent=2))
    assert (found.text, found.form) == (PLAIN, "json")
    assert not parse(found.text).errors


def test_the_json_that_the_builder_prints_becomes_a_formfile_and_says_what_it_lost():
    found = recognise(json.dumps(BUILDER))
    assert found.text.split("\n") == [
        "NAME crew", "VCPU 4", "MEMORY 2048", "DISK 20", "GPU H100", "#? passwd_1",
        "USER username:user1 passwd:{{ passwd_1 }}", "WORKDIR /app", "RUN apt-get update", "COPY ./src /app",
        "INSTALL python3", "#? PORT", "ENV --scope=service:form-app PORT={{ PORT }}",
        'ENTRYPOINT ["python3", "-m", "crew"]', "EXPOSE 80", "",
    ]  # fmt: skip
    assert len(found.notes) == 3
    assert not parse(found.text).errors


@pytest.mark.parametrize("form", [SERDE, BUILDER])
def test_password_hashes_stay_out(form):
    found = recognise(json.dumps(form))
    assert "$6$" not in found.text + "".join(found.notes)
    assert "password hashes are left out: a placeholder stands for each" in found.notes


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
@pytest.mark.parametrize("text", [EVERYTHING, EVERYTHING + "RUN echo ÿþ?>>", "NAME x"])
def test_base64_of_a_formfile_is_unwrapped(encode, text):
    wrapped = encode(text.encode()).decode()
    for spelling in (wrapped, wrapped.rstrip("=\n"), f"\n {wrapped} \n"):
        assert recognise(spelling).text == text
        assert recognise(spelling).form == "base64"
    assert recognise(f"data:text/plain;base64,{wrapped}").text == text


def test_base64_of_the_json_form_is_unwrapped_twice():
    found = recognise(base64.b64encode(json.dumps(SERDE).encode()).decode())
    assert (found.text, found.form) == (PLAIN, "base64")


@pytest.mark.parametrize(
    "text",
    [
        "", EVERYTHING, "NAME", "NAME x", "{", "{}", '{"name": "x"}', '{"formfile": {}}', '{"formfile": "x"}', "[1]",
        base64.b64encode(b"\xff\xfe").decode(), base64.b64encode(b"hello world").decode(), "[" * 100_000,
        '{"a":' * 100_000, '{"a": ' + "9" * 10_000 + "}",
    ],
)  # fmt: skip
def test_anything_else_comes_back_as_it_is(text):
    found = recognise(text)
    assert (found.text, found.form, found.notes) == (text, "plain", ())


def test_items_that_cannot_be_read_are_told():
    found = recognise(
        json.dumps({"system_config": [{"Cpu": "x"}, 1], "build_instructions": [{}, "x"], "users": [None]})
    )
    assert found.notes == (
        "an item of system_config could not be read",
        "an item of users could not be read",
        "an item of build_instructions could not be read",
    )


def test_very_long_texts_are_not_searched():
    wrapped = base64.b64encode(b"NAME x\n" + b"#" * LONGEST).decode()
    assert recognise(wrapped).form == "plain"
