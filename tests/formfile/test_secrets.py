"""What must not be published is found, and is not repeated in the sentence."""

from __future__ import annotations

import pytest

from tui_registry.formfile import format as canonical, parse

HASHES = [
    "$1$saltsalt$" + "a" * 22,
    "$2b$12$" + "a" * 53,
    "$5$saltsalt$" + "a" * 43,
    "$6$rounds=4096$saltsaltsaltsalt$" + "a" * 86,
    "$y$j9T$saltsalt$" + "a" * 43,
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
]
TOKENS = [
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1" * 18,
    "github_pat_" + "a1" * 20,
    "hf_" + "aB" * 17,
    "sk-" + "a1" * 20,
    "sk-proj-" + "a1" * 20,
    "glpat-" + "a1" * 10,
    "xoxb-1234567890-abc",
]


def secrets(text: str) -> list[tuple[int, str]]:
    return [(p.line, p.sentence) for p in parse(text).problems if p.code == "secret" and p.severity == "error"]


@pytest.mark.parametrize("value", [*HASHES, "hunter2", '"correct horse"', "x{{ p }}"])
@pytest.mark.parametrize("form", ["passwd:{}", "passwd={}", "passwd: {}", "password:{}", 'passwd:"{}'])
def test_a_password_or_its_hash_in_a_user_line_is_an_error(form, value):
    (found,) = secrets(f"NAME x\nUSER username:bob {form.format(value)}")
    assert found[0] == 2
    assert "placeholder" in found[1]


@pytest.mark.parametrize("line", ["RUN echo {}", "ENV A={}", "# was {}", "RUN usermod -p '{}' bob", "UNKNOWN {}", "{}"])
@pytest.mark.parametrize("value", [*HASHES, *TOKENS])
def test_hashes_and_tokens_are_found_wherever_they_stand(line, value):
    assert [at for at, _ in secrets(f"NAME x\n{line.format(value)}")] == [2]


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "PGP "])
def test_a_private_key_is_one_error_however_many_lines_it_has(kind):
    end = " BLOCK" if kind == "PGP " else ""
    name = f"{kind}PRIVATE KEY{end}-----"
    key = f"-----BEGIN {name}\nProc-Type: 4\n\nb3BlbnNzaC1rZXk=\nAAAA\n-----END {name}"
    problems = parse(f"NAME x\n{key}\nVCPU 0").problems
    assert [(p.line, p.code) for p in problems] == [(2, "secret"), (8, "too_small")]


@pytest.mark.parametrize(
    "line",
    [
        "USER username:bob passwd:{{ passwd }}",
        'USER username:bob passwd:"{{passwd}}" lock_passwd:true',
        'USER username:bob ssh_authorized_keys:"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE me@host"',
        'USER username:bob ssh_authorized_keys:"sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5 me@host"',
        "RUN awk '{print $1$2}' f",
        "INSTALL hf-transfer task-desktop",
        "RUN pip install sk-learn-contrib-some-long-name",
        "ENV HF_HUB_ENABLE_HF_TRANSFER=1",
        "ENV MAX_TOKENS=4096",
        "ENV API_KEY={{ api_key }}",
        "ENV TOKEN_FILE=/run/secrets/token",
        'RUN curl -H "Authorization: Bearer $TOKEN"',
    ],
)
def test_what_is_no_secret_is_left_alone(line):
    assert not [p for p in parse(f"#? passwd\n#? api_key\nNAME x\n{line}").problems if p.code.startswith("secret")]


def test_a_default_for_a_password_is_a_secret_too():
    text = "#? pw = hunter2\nNAME x\nUSER username:bob passwd:{{ pw }}"
    assert secrets(text) == [(1, "a password is published for ever: declare it without a default, '#? pw'")]


@pytest.mark.parametrize("line", ["ENV DB_PASSWORD=hunter2", "ENV OPENAI_API_KEY=abc", "ENV DB=pg://u:hunter2@db/x"])
def test_what_looks_like_a_secret_is_a_warning(line):
    (problem,) = parse(f"NAME x\n{line}").problems
    assert (problem.code, problem.severity) == ("secret_likely", "warning")
    assert "hunter2" not in problem.sentence


@pytest.mark.parametrize("value", ["hunter2secret", *HASHES, *TOKENS])
@pytest.mark.parametrize(
    "line",
    [
        "USER username:bob passwd:{}",
        "USER username:bob passwd: {}",
        "USER username:bob passwd:'{}",
        "USER passwd:{} foo:bar",
        "USER username:bob passwd:{} sudo:maybe",
    ],
)
def test_no_sentence_and_no_repr_repeats_a_secret(line, value):
    formfile = parse(f"NAME x\n{line.format(value)}")
    assert value not in "".join(problem.sentence for problem in formfile.problems)
    assert value not in repr(formfile)


@pytest.mark.parametrize(
    "line", ["{}", "VCPU {}", "GPU {}", "MODEL {}", "WORKDIR {}", "ENV {}", "USER {}", "ENV --x={} A=b"]
)
def test_a_token_in_the_wrong_place_is_not_repeated_either(line):
    for token in TOKENS:
        sentences = "".join(p.sentence for p in parse(f"NAME x\n{line.format(token)}").problems)
        assert token[:12] not in sentences


def test_formatting_does_not_touch_a_line_with_a_secret():
    line = "  user   username:bob   passwd:hunter2"
    assert line in canonical(f"NAME x\n{line}\n")
