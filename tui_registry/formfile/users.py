"""Reading a USER line: `key:value` words, each key once."""

from __future__ import annotations

import re

from .language import BOOLEANS, USER_KEYS, nearest
from .model import Span, Template, User
from .report import LineReport, shown
from .words import Word, has_placeholder

_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_KEY = re.compile(r"\s*([^:=\s]*)\s*([:=])")
_PUBLIC_KEY = re.compile(r"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S+|sk-(?:ssh|ecdsa)-\S+)\s+[A-Za-z0-9+/=]+(?:\s|$)")


def valid_account(name: str) -> bool:
    """Whether this may be the name of an account or of a group."""
    return _ACCOUNT.fullmatch(name) is not None


def read_user(words: tuple[Word, ...], span: Span, report: LineReport) -> User | None:
    """The account a USER line describes, or None after saying why it describes none."""
    given: dict[str, str] = {}
    good = True
    for word in words:
        match = _KEY.match(word.text)
        if match is None:
            # Not quoted in the sentence: in `passwd: word` the word is the password.
            report.add(word.start, "user_form", "USER takes key:value words, without spaces around the colon")
            return None
        key, text = match.group(1), word.text[match.end() :]
        if key not in USER_KEYS:
            meant = nearest(key.lower(), tuple(USER_KEYS))
            known = f"did you mean '{meant}'?" if meant else f"the keys are {', '.join(USER_KEYS)}"
            report.add(word.start, "unknown_key", f"unknown USER key '{shown(key)}': {known}")
            good = False
            continue
        if match.group(2) == "=":
            report.add(word.start, "key_separator", f"write {key}:value, with a colon")
        if key in given:
            report.add(word.start, "duplicate", f"USER says {key} twice: the builder uses the last one")
        if not text:
            report.add(word.start, "missing_value", f"{key}: needs a value")
            good = False
        elif not _check(key, text, word.start, report):
            good = False
        given[key] = text
    if "username" not in given:
        report.add(words[0].start, "missing_key", "USER needs username:NAME")
        return None
    return _user(given, span) if good else None


def _check(key: str, text: str, at: int, report: LineReport) -> bool:
    kind = USER_KEYS[key][0]
    if kind == "keys":
        for part in _list(text):
            if not has_placeholder(part) and not _PUBLIC_KEY.match(part):
                report.add(at, "public_key", "this does not look like an SSH public key: ssh-ed25519 AAAA... name")
        return bool(_list(text)) or _fail(at, "missing_value", f"{key}: needs a value", report)
    if kind == "groups":
        wrong = [part for part in _list(text) if not has_placeholder(part) and not valid_account(part)]
        if wrong:
            return _fail(at, "bad_group", f"'{shown(wrong[0])}' is no group name: [a-z_][a-z0-9_-]{{0,31}}", report)
        return bool(_list(text)) or _fail(at, "missing_value", f"{key}: needs a value", report)
    if has_placeholder(text):
        return True
    if kind == "username" and not valid_account(text):
        return _fail(at, "bad_username", f"'{shown(text)}' is no user name: [a-z_][a-z0-9_-]{{0,31}}", report)
    if kind == "boolean" and text.lower() not in BOOLEANS:
        return _fail(at, "bad_boolean", f"{key}: is true or false, not '{shown(text)}'", report)
    if kind == "path" and not text.startswith("/"):
        return _fail(at, "relative_path", f"{key}: takes an absolute path such as /bin/bash", report)
    return True


def _fail(at: int, code: str, sentence: str, report: LineReport) -> bool:
    report.add(at, code, sentence)
    return False


def _list(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)


def _user(given: dict[str, str], span: Span) -> User:
    def flag(key: str) -> bool | Template | None:
        text = given.get(key)
        if text is None:
            return None
        return Template(text) if has_placeholder(text) else BOOLEANS[text.lower()]

    return User(
        span=span,
        username=given["username"],
        passwd=given.get("passwd"),
        sudo=flag("sudo"),
        ssh_authorized_keys=_list(given.get("ssh_authorized_keys", "")),
        lock_passwd=flag("lock_passwd"),
        shell=given.get("shell"),
        ssh_pwauth=flag("ssh_pwauth"),
        disable_root=flag("disable_root"),
        chpasswd_expire=flag("chpasswd_expire"),
        groups=_list(given.get("groups", "")),
    )
