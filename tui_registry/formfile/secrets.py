"""Finding what must never be published: password hashes, passwords, private keys and access tokens.

A registry is public and its operations are for ever, so these are errors even in a comment. The sentences never repeat
what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from tui_registry.frozen import Frozen, NamedTuple

from .words import PLACEHOLDER, split_words

_INSTEAD = "is published for ever: write a placeholder such as {{ %s }} and give its value when you build"


class Secret(Frozen):
    """Something found at character `at` (from 0) of a line. `sure` is false for what only looks like a secret."""

    at: int
    sentence: str
    sure: bool = True


class _Pattern(NamedTuple):
    """What is found only where one of the marks stands: most lines have none, and nothing is compiled for them."""

    marks: tuple[str, ...]
    expression: str

    def search(self, line: str, start: int = 0) -> re.Match[str] | None:
        """The first place that matches."""
        return _compiled(self.expression).search(line, start) if any(mark in line for mark in self.marks) else None

    def all(self, line: str) -> Iterator[re.Match[str]]:
        """Every place that matches."""
        return _compiled(self.expression).finditer(line) if any(mark in line for mark in self.marks) else iter(())


_compiled = cache(re.compile)

_PRIVATE_KEY = _Pattern(
    ("PRIVATE KEY", "PuTTY-User-Key-File-", "AGE-SECRET-KEY-1"),
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-|AGE-SECRET-KEY-1",
)
_KEY_END = _Pattern(("-----END ",), r"-----END (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = r"(?:#\s*)?(?:[A-Za-z0-9+/=]*|[A-Za-z-]+: .*)"

# crypt(5) and the PHC string format.
_HASH = _Pattern(
    ("$",),
    r"\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{10,}"
    r"|\$argon2(?:id|i|d)\$[^\s\"']{8,}"
    r"|\$(?:1|5|6|7|y|gy|sha1|md5|scrypt|pbkdf2[a-z0-9-]{0,12})\$[^\s\"'$:]{1,64}\$(?:[^\s\"'$:]{1,64}\$)?[./A-Za-z0-9+=]{12,}",
)

_TOKENS: tuple[tuple[_Pattern, str], ...] = tuple(
    (_Pattern(marks, r"(?<![A-Za-z0-9_-])(?:" + pattern + ")"), says)
    for marks, pattern, says in (
        (("AKIA", "ASIA"), r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])", "an AWS access key"),
        (("gh", "github_pat_"), r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}", "a GitHub token"),
        (("hf_",), r"hf_[A-Za-z0-9]{20,}", "a Hugging Face token"),
        (("sk-",), r"sk-(?!ssh-|ecdsa-)(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{20,}", "an API key"),
        (("glpat-",), r"glpat-[A-Za-z0-9_-]{20,}", "a GitLab token"),
        (("xox",), r"xox[abeoprs]-[A-Za-z0-9-]{10,}", "a Slack token"),
        (("AIza",), r"AIza[A-Za-z0-9_-]{35}", "a Google API key"),
        (("npm_",), r"npm_[A-Za-z0-9]{36}", "an npm token"),
        (("pypi-",), r"pypi-AgE[A-Za-z0-9_-]{20,}", "a PyPI token"),
        (("k_live_",), r"[rs]k_live_[A-Za-z0-9]{20,}", "a Stripe key"),
        (("eyJ",), r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", "a signed web token"),
    )
)

_LABEL = r"(?i:\s*(?:passwd|password|passphrase)\s*(?:[:=]|$))"
_SECRET_WORDS = {"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "CREDENTIALS"}
_SECRET_PAIRS = {("API", "KEY"), ("ACCESS", "KEY"), ("PRIVATE", "KEY"), ("AUTH", "KEY"), ("SIGNING", "KEY")}
_ENV = r"(?i:[ \t]*ENV[ \t]+(?:--scope=\S*[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(\S+))"
_URL_PASSWORD = _Pattern(("://",), r"(?i:[a-z][a-z0-9+.-]{1,15}://[^\s/:@\"'{}$]{0,64}:([^\s/:@\"'{}$]{1,128})@)")


def find_secrets(line: str) -> Iterator[Secret]:
    """The secrets on one line of a Formfile, an instruction or a comment, from left to right by sort."""
    if match := _PRIVATE_KEY.search(line):
        yield Secret(match.start(), "a private key " + _INSTEAD % "private_key")
    password = _password(line)
    if password is not None:
        yield password
    elif match := _HASH.search(line):
        yield Secret(match.start(), "a password hash " + _INSTEAD % "passwd")
    tokens = [(match.start(), says) for pattern, says in _TOKENS for match in pattern.all(line)]
    for at, says in sorted(tokens):
        yield Secret(at, f"{says} {_INSTEAD % 'token'}")
    if not tokens:
        yield from _likely(line)


def opens_private_key(line: str) -> bool:
    """Whether the lines after this one belong to a private key."""
    match = _PRIVATE_KEY.search(line)
    return match is not None and match.group().startswith("-----") and _KEY_END.search(line, match.end()) is None


def in_private_key(line: str) -> bool:
    """Whether a line after the first one of a private key still belongs to it."""
    return _KEY_END.search(line) is not None or _compiled(_KEY_BODY).fullmatch(line.strip()) is not None


def ends_private_key(line: str) -> bool:
    """Whether a line of a private key is its last one."""
    return _KEY_END.search(line) is not None


def _password(line: str) -> Secret | None:
    start = len(line) - len(line.lstrip(" \t#"))
    if line[start : start + 4].upper() != "USER" or not line[start + 4 : start + 5].isspace():
        return None
    found = split_words(line, start + 4)
    words = [(word.start, word.text) for word in found.words]
    if found.unclosed_at is not None:
        words.append((found.unclosed_at, line[found.unclosed_at :].replace('"', "").replace("'", "")))
    for index, (at, text) in enumerate(words):
        match = _compiled(_LABEL).match(text)
        if match is None:
            continue
        value = text[match.end() :]
        if not value and index + 1 < len(words) and ":" not in words[index + 1][1]:
            value = words[index + 1][1]
        if PLACEHOLDER.sub("", value).strip():
            what = "a password hash " if _HASH.search(value) else "a password "
            return Secret(at, what + _INSTEAD % "passwd")
    return None


def _likely(line: str) -> Iterator[Secret]:
    if (match := _compiled(_ENV).match(line)) and _names_a_secret(match.group(1)) and _literal(match.group(2)):
        key = match.group(1)[:40]
        says = f"{key} looks like a secret: write a placeholder such as {{{{ {key.lower()} }}}}"
        yield Secret(match.start(1), says, sure=False)
    if match := _URL_PASSWORD.search(line):
        yield Secret(match.start(1), "this address holds a password: write a placeholder instead", sure=False)


def _names_a_secret(key: str) -> bool:
    parts = key.upper().split("_")
    return any(part in _SECRET_WORDS for part in parts) or any(pair in _SECRET_PAIRS for pair in pairwise(parts))


def _literal(value: str) -> bool:
    value = value.strip("\"'")
    plain = value.isdigit() or value.lower() in ("true", "false", "yes", "no", "on", "off", "none", "null")
    return bool(value) and not plain and value[0] not in "$/" and "{{" not in value
