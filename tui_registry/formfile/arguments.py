"""What follows the name of an instruction, read into the instruction: one function for each, all of the same shape.

A reader reports what can be borne, and raises `Refused` for what cannot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeAlias

from tui_registry.frozen import Frozen
from tui_registry.text import nearest

from . import language
from .language import (
    BOOLEANS,
    GPU_COUNT,
    GPU_MODELS,
    PORTS,
    USER_KEYS,
    Instruction,
    InstructionSpec,
    LineReport,
    Numbers,
    Span,
    Template,
    shown,
)
from .words import Word, has_placeholder, one_spelling, stray_braces


class Refused(Exception):
    """What stands on the line is no instruction: at which character (from 0), the code and the sentence."""

    def __init__(self, at: int, code: str, sentence: str) -> None:
        super().__init__(at, code, sentence)
        self.problem = at, code, sentence


class Value(Frozen):
    """What follows the name of an instruction: the raw text from `start` on, and its words (none for free text)."""

    spec: InstructionSpec
    text: str
    start: int
    words: tuple[Word, ...]
    span: Span
    report: LineReport


Reader: TypeAlias = Callable[[Value], Instruction]

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_RECORD_ID = re.compile(r"[0-9a-f]{64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Debian policy 5.6.1, with apt-get's `:arch`, `=version` and `/release`.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(?::[a-z0-9-]+)?(?:=[A-Za-z0-9.+:~-]+|/[A-Za-z0-9.-]+)?")
_SERVICE = re.compile(r"[A-Za-z0-9@._:\\-]+")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


def _name(value: Value) -> Instruction:
    if not has_placeholder(value.text) and not _NAME.fullmatch(value.text):
        value.report.add(value.start, "bad_name", "a NAME holds only letters, digits, - and _")
    return language.Name(span=value.span, value=value.text)


def _description(value: Value) -> Instruction:
    return language.Description(span=value.span, value=value.text)


def _run(value: Value) -> Instruction:
    return language.Run(span=value.span, command=value.text)


def _model(value: Value) -> Instruction:
    word = _only(value)
    presence, colon, model_id = word.text.partition(":")
    if not colon or presence not in ("required", "preferred"):
        meant = nearest(presence, ("required", "preferred")) or "required"
        rest = model_id if colon else presence
        raise Refused(
            word.start, "model_form", f"MODEL takes required:ID or preferred:ID: write {meant}:{shown(rest, 64)}"
        )
    if not model_id:
        raise Refused(word.start, "missing_value", f"MODEL {presence}: needs the id of a model")
    if not has_placeholder(model_id) and not _RECORD_ID.fullmatch(model_id):
        value.report.add(word.start, "model_id", "this is not a registry id: those have 64 hex digits in lower case")
    return language.Model(
        span=value.span, presence="required" if presence == "required" else "preferred", model_id=model_id
    )


def _vcpu(value: Value) -> Instruction:
    return language.Vcpu(span=value.span, count=_size(value))


def _memory(value: Value) -> Instruction:
    return language.Memory(span=value.span, megabytes=_size(value))


def _disk(value: Value) -> Instruction:
    return language.Disk(span=value.span, gigabytes=_size(value))


def _gpu(value: Value) -> Instruction:
    word = _only(value)
    name, colon, number = word.text.partition(":")
    if not has_placeholder(name) and name not in GPU_MODELS:
        meant = nearest(re.sub(r"[\s_-]", "", name).upper(), GPU_MODELS)
        known = f"did you mean {meant}?" if meant else f"the models are {', '.join(GPU_MODELS)}"
        raise Refused(word.start, "unknown_gpu", f"unknown GPU model '{shown(name)}': {known}")
    if not colon:
        return language.Gpu(span=value.span, model=name)
    at = word.start + len(name) + 1
    if not number:
        raise Refused(at, "missing_value", f"GPU {shown(name)}: needs a count, {GPU_COUNT.range}")
    count = _number("GPU count", (Word(number, at, word.end),), GPU_COUNT)
    return language.Gpu(span=value.span, model=name, count=count)


def _workdir(value: Value) -> Instruction:
    word = _only(value)
    if not word.text.startswith("/") and not has_placeholder(word.text):
        raise Refused(word.start, "relative_path", f"WORKDIR takes an absolute path: write /{shown(word.text)}")
    if any(part in (".", "..") for part in word.text.split("/")):
        raise Refused(word.start, "relative_path", "WORKDIR takes a path without . and ..")
    return language.Workdir(span=value.span, path=word.text)


def _copy(value: Value) -> Instruction:
    if value.words[0].text.startswith("--"):
        option = shown(value.words[0].text.partition("=")[0])
        raise Refused(value.words[0].start, "unknown_option", f"COPY has no options here: leave out {option}")
    if len(value.words) != 2:
        raise Refused(value.start, "copy_form", "COPY takes one source and one destination, without spaces in them")
    source, destination = value.words
    if not source.text or not destination.text:
        raise Refused(value.start, "missing_value", "COPY needs a source and a destination")
    if ".." in source.text.split("/"):
        value.report.add(source.start, "outside_context", "COPY reads only inside the build context: leave out ..")
    return language.Copy(span=value.span, source=source.text, destination=destination.text)


def _install(value: Value) -> Instruction:
    if not all(word.text for word in value.words):
        raise Refused(value.start, "missing_value", "INSTALL needs the names of packages")
    for word in value.words:
        if not has_placeholder(word.text) and not _PACKAGE.fullmatch(word.text):
            value.report.add(word.start, "bad_package", f"'{shown(word.text)}' is not the name of a Debian package")
    return language.Install(span=value.span, packages=tuple(word.text for word in value.words))


def _env(value: Value) -> Instruction:
    words = value.words
    scope: language.ScopeKind = "system"
    owner = ""
    if words[0].text.startswith("--"):
        scope, owner = _scope(words[0])
        words = words[1:]
    if not words:
        raise Refused(value.start, "missing_value", "ENV needs KEY=VALUE after its scope")
    key, equals, text = words[0].text.partition("=")
    if not equals:
        raise Refused(words[0].start, "env_form", f"ENV takes KEY=VALUE: write {shown(key)}=value")
    if not _VARIABLE.fullmatch(key):
        sentence = f"'{shown(key)}' is no variable name: letters, digits and _, no digit first"
        raise Refused(words[0].start, "env_key", sentence)
    if len(words) > 1:
        another = "=" in words[1].text
        advice = "write one ENV line for each variable" if another else "put a value with spaces in quotes"
        raise Refused(words[1].start, "extra_value", f"ENV takes one KEY=VALUE: {advice}")
    return language.Env(span=value.span, key=key, value=text, scope=scope, owner=owner)


def _scope(word: Word) -> tuple[language.ScopeKind, str]:
    option, _, scope = word.text.partition("=")
    if option != "--scope":
        raise Refused(word.start, "unknown_option", f"unknown option '{shown(option)}': ENV takes --scope=")
    kind, colon, owner = scope.partition(":")
    if kind == "system" and not colon:
        return "system", ""
    if kind == "user" and owner and (has_placeholder(owner) or _ACCOUNT.fullmatch(owner)):
        return "user", owner
    if kind == "service" and owner and (has_placeholder(owner) or _SERVICE.fullmatch(owner)):
        return "service", owner
    raise Refused(word.start, "bad_scope", f"'{shown(scope)}' is no scope: write system, user:NAME or service:NAME")


def _entrypoint(value: Value) -> Instruction:
    if value.text.startswith("["):
        program, *args = _array(value.text, value.start)
        return language.Entrypoint(span=value.span, command=program, args=tuple(args), written="json")
    program, *args = (word.text for word in value.words)
    if not program:
        raise Refused(value.start, "missing_value", "ENTRYPOINT needs a program")
    return language.Entrypoint(span=value.span, command=program, args=tuple(args), written="words")


def _expose(value: Value) -> Instruction:
    ports: list[int | Template] = []
    for word in value.words:
        at = word.start
        for part in word.text.split(","):
            if part:
                ports.append(_port(part, at))
            at += len(part) + 1
    if not ports:
        raise Refused(value.start, "missing_value", f"EXPOSE needs a port, {PORTS.range}")
    value.report.add(0, "expose_ignored", "EXPOSE is ignored by the builder: it documents the ports, it opens none")
    return language.Expose(span=value.span, ports=tuple(ports))


def _port(text: str, at: int) -> int | Template:
    number, slash, protocol = text.partition("/")
    if slash and protocol.lower() in ("tcp", "udp"):
        raise Refused(at, "unit", f"EXPOSE takes plain port numbers: write {shown(number)}")
    return _number("EXPOSE", (Word(text, at, at + len(text)),), PORTS)


def _only(value: Value) -> Word:
    if len(value.words) > 1:
        raise Refused(value.words[1].start, "extra_value", f"{value.spec.name} takes one value without spaces")
    return value.words[0]


# ---- USER: `key:value` words, each key once --------------------------------------------------------------------------

_USER_KEY = re.compile(r"\s*([^:=\s]*)\s*([:=])")
_PUBLIC_KEY = re.compile(r"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S+|sk-(?:ssh|ecdsa)-\S+)\s+[A-Za-z0-9+/=]+(?:\s|$)")


def _user(value: Value) -> Instruction:
    given: dict[str, str] = {}
    refused: list[Refused] = []
    for word in value.words:
        match = _USER_KEY.match(word.text)
        if match is None:
            # Not quoted in the sentence: in `passwd: word` the word is the password.
            sentence = "USER takes key:value words, without spaces around the colon"
            refused.append(Refused(word.start, "user_form", sentence))
            break
        key, text = match.group(1), word.text[match.end() :]
        try:
            _check_key(key, match.group(2), given, word.start, value.report)
            _check_text(key, text, word.start, value.report)
        except Refused as problem:
            refused.append(problem)
        given[key] = text
    else:
        if "username" not in given:
            refused.append(Refused(value.words[0].start, "missing_key", "USER needs username:NAME"))
    for earlier in refused[:-1]:
        value.report.add(*earlier.problem)
    if refused:
        raise refused[-1]
    return _account(given, value.span)


def _check_key(key: str, separator: str, given: dict[str, str], at: int, report: LineReport) -> None:
    if key not in USER_KEYS:
        meant = nearest(key.lower(), tuple(USER_KEYS))
        known = f"did you mean '{meant}'?" if meant else f"the keys are {', '.join(USER_KEYS)}"
        raise Refused(at, "unknown_key", f"unknown USER key '{shown(key)}': {known}")
    if separator == "=":
        report.add(at, "key_separator", f"write {key}:value, with a colon")
    if key in given:
        report.add(at, "duplicate", f"USER says {key} twice: the builder uses the last one")


def _check_text(key: str, text: str, at: int, report: LineReport) -> None:
    kind, items = USER_KEYS[key][0], _list(text)
    if not text or (kind in ("keys", "groups") and not items):
        raise Refused(at, "missing_value", f"{key}: needs a value")
    if kind == "keys":
        for part in items:
            if not has_placeholder(part) and not _PUBLIC_KEY.match(part):
                report.add(at, "public_key", "this does not look like an SSH public key: ssh-ed25519 AAAA... name")
    elif kind == "groups":
        wrong = [part for part in items if not has_placeholder(part) and not _ACCOUNT.fullmatch(part)]
        if wrong:
            raise Refused(at, "bad_group", f"'{shown(wrong[0])}' is no group name: [a-z_][a-z0-9_-]{{0,31}}")
    elif has_placeholder(text):
        return
    elif kind == "username" and not _ACCOUNT.fullmatch(text):
        raise Refused(at, "bad_username", f"'{shown(text)}' is no user name: [a-z_][a-z0-9_-]{{0,31}}")
    elif kind == "boolean" and text.lower() not in BOOLEANS:
        raise Refused(at, "bad_boolean", f"{key}: is true or false, not '{shown(text)}'")
    elif kind == "path" and not text.startswith("/"):
        raise Refused(at, "relative_path", f"{key}: takes an absolute path such as /bin/bash")


def _list(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)


def _account(given: dict[str, str], span: Span) -> language.User:
    def flag(key: str) -> bool | Template | None:
        text = given.get(key)
        if text is None:
            return None
        return Template(text) if has_placeholder(text) else BOOLEANS[text.lower()]

    return language.User(
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


# ---- whole numbers in the plain unit of their instruction, and what to write instead of `16GB` -----------------------

_WHOLE = re.compile(r"[0-9]+", re.ASCII)
_GROUPED = re.compile(r"[0-9]{1,3}(?:[,_' ][0-9]{3})+", re.ASCII)
_WITH_UNIT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([a-zA-Z]+)", re.ASCII)
_ENDLESS = 15


def _size(value: Value) -> int | Template:
    assert value.spec.numbers is not None
    return _number(value.spec.name, value.words, value.spec.numbers)


def _number(name: str, words: tuple[Word, ...], numbers: Numbers) -> int | Template:
    text, at = " ".join(word.text for word in words), words[0].start
    if has_placeholder(text):
        if len(words) > 1:
            raise Refused(words[1].start, "extra_value", f"{name} takes one value")
        return Template(text)
    if not _WHOLE.fullmatch(text):
        raise Refused(at, *_not_whole(name, text, numbers))
    digits = text.lstrip("0") or "0"
    value = int(digits) if len(digits) <= _ENDLESS else 10**_ENDLESS
    if value < numbers.least:
        raise Refused(at, "too_small", f"{name} {value} is too small: {numbers.range}")
    if value > numbers.most:
        raise Refused(at, "too_large", f"{name} {shown(text, 20)} is too large: {numbers.range}")
    return value


def _not_whole(name: str, text: str, numbers: Numbers) -> tuple[str, str]:
    takes = f"plain {numbers.unit}" if numbers.unit else "a plain number"
    if _GROUPED.fullmatch(text):
        plain = re.sub("[,_' ]", "", text)[:_ENDLESS]
        return "unit", f"{name} takes {takes}: {_instead(int(plain), numbers)}"
    if match := _WITH_UNIT.fullmatch(text):
        factor = _factor(match.group(2).lower(), numbers)
        if factor is not None:
            return "unit", f"{name} takes {takes}: {_instead(round(float(match.group(1)) * factor), numbers)}"
    return "not_a_number", f"{name} takes {takes}, a whole number: {numbers.range}, not '{shown(text)}'"


def _factor(unit: str, numbers: Numbers) -> float | None:
    for letter, factor in numbers.units:
        if unit in (letter, f"{letter}b", f"{letter}ib"):
            return factor
    # "4 cores", "2 vcpus": the word says nothing that the instruction does not say.
    return None if numbers.units else 1.0


def _instead(value: int, numbers: Numbers) -> str:
    return f"write {value}" if numbers.least <= value <= numbers.most else numbers.range


# ---- the JSON array of an ENTRYPOINT ---------------------------------------------------------------------------------

_NO_ARRAY = 'ENTRYPOINT starts like a JSON array but is none: write ["program", "argument"]'


def _array(text: str, start: int) -> list[str]:
    """The program and its arguments in an array that stands at `start` on its line."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = error.pos if isinstance(error, json.JSONDecodeError) else 0
        raise Refused(start + at, "bad_json", _NO_ARRAY) from None
    strings = [item for item in items if isinstance(item, str)] if isinstance(items, list) else []
    if not isinstance(items, list) or len(strings) != len(items):
        raise Refused(start, "bad_json", "ENTRYPOINT takes an array of strings: put every item in quotes")
    if not strings or not strings[0]:
        raise Refused(start, "missing_value", "ENTRYPOINT needs a program")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for item in strings for character in item):
        raise Refused(start, "control_character", "ENTRYPOINT holds a character that no program can be given")
    if any(stray_braces(item) for item in strings):
        raise Refused(start, "placeholder_syntax", "a placeholder is written {{ name }}")
    return [one_spelling(item) for item in strings]


def after_array(raw: str, at: int) -> int | None:
    """Where a comment starts that follows the array at `at`, or None."""
    try:
        _, end = json.JSONDecoder().raw_decode(raw, at)
    except (ValueError, RecursionError):
        return None
    begin = len(raw) - len(raw[end:].lstrip())
    return begin if end < begin < len(raw) and raw[begin] == "#" else None


READERS: dict[str, Reader] = {
    "NAME": _name,
    "DESCRIPTION": _description,
    "MODEL": _model,
    "VCPU": _vcpu,
    "MEMORY": _memory,
    "DISK": _disk,
    "GPU": _gpu,
    "USER": _user,
    "WORKDIR": _workdir,
    "RUN": _run,
    "COPY": _copy,
    "INSTALL": _install,
    "ENV": _env,
    "ENTRYPOINT": _entrypoint,
    "EXPOSE": _expose,
}
