"""Reading the value of each instruction: one function per instruction, all of the same shape.

A reader gives back the instruction, or None after it has reported why it cannot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from tui_registry.frozen import Frozen

from . import model
from .arrays import read_array
from .language import BY_NAME, GPU_COUNT, GPU_MODELS, PORTS, Numbers, nearest
from .model import Instruction, Span, Template
from .numbers import read_number
from .report import LineReport, shown
from .users import read_user, valid_account
from .words import Word, has_placeholder

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_RECORD_ID = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Debian policy 5.6.1, with apt-get's `:arch`, `=version` and `/release`.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(?::[a-z0-9-]+)?(?:=[A-Za-z0-9.+:~-]+|/[A-Za-z0-9.-]+)?")
_SERVICE = re.compile(r"[A-Za-z0-9@._:\\-]+")


class Value(Frozen):
    """What follows the name of an instruction: the raw text from `start` on, and its words (none for free text)."""

    text: str
    start: int
    words: tuple[Word, ...]
    span: Span
    report: LineReport


Reader: TypeAlias = Callable[[Value], Instruction | None]


def read_name(value: Value) -> Instruction | None:
    """One text of letters, digits, - and _; others are reported and kept."""
    if not has_placeholder(value.text) and not _NAME.fullmatch(value.text):
        value.report.add(value.start, "bad_name", "a NAME holds only letters, digits, - and _")
    return model.Name(span=value.span, value=value.text)


def read_description(value: Value) -> Instruction | None:
    """Any text."""
    return model.Description(span=value.span, value=value.text)


def read_run(value: Value) -> Instruction | None:
    """Any text: a shell reads it."""
    return model.Run(span=value.span, command=value.text)


def read_model(value: Value) -> Instruction | None:
    """`required:ID` or `preferred:ID`."""
    word = _only(value, "MODEL")
    if word is None:
        return None
    presence, colon, model_id = word.text.partition(":")
    if not colon or presence not in ("required", "preferred"):
        meant = nearest(presence, ("required", "preferred")) or "required"
        rest = model_id if colon else presence
        value.report.add(
            word.start, "model_form", f"MODEL takes required:ID or preferred:ID: write {meant}:{shown(rest, 64)}"
        )
        return None
    if not model_id:
        value.report.add(word.start, "missing_value", f"MODEL {presence}: needs the id of a model")
        return None
    if not has_placeholder(model_id) and not _RECORD_ID.fullmatch(model_id):
        value.report.add(word.start, "model_id", "this is not a registry id: those have 64 hex digits in lower case")
    return model.Model(
        span=value.span, presence="required" if presence == "required" else "preferred", model_id=model_id
    )


def read_vcpu(value: Value) -> Instruction | None:
    """A number of processors."""
    count = read_number("VCPU", value.words, _numbers("VCPU"), value.report)
    return None if count is None else model.Vcpu(span=value.span, count=count)


def read_memory(value: Value) -> Instruction | None:
    """A number of MB, without a unit."""
    size = read_number("MEMORY", value.words, _numbers("MEMORY"), value.report)
    return None if size is None else model.Memory(span=value.span, megabytes=size)


def read_disk(value: Value) -> Instruction | None:
    """A number of GB, without a unit."""
    size = read_number("DISK", value.words, _numbers("DISK"), value.report)
    return None if size is None else model.Disk(span=value.span, gigabytes=size)


def read_gpu(value: Value) -> Instruction | None:
    """A model, or `model:count`."""
    word = _only(value, "GPU")
    if word is None:
        return None
    name, colon, number = word.text.partition(":")
    if not has_placeholder(name) and name not in GPU_MODELS:
        meant = nearest(re.sub(r"[\s_-]", "", name).upper(), GPU_MODELS)
        known = f"did you mean {meant}?" if meant else f"the models are {', '.join(GPU_MODELS)}"
        value.report.add(word.start, "unknown_gpu", f"unknown GPU model '{shown(name)}': {known}")
        return None
    if not colon:
        return model.Gpu(span=value.span, model=name)
    at = word.start + len(name) + 1
    if not number:
        value.report.add(at, "missing_value", f"GPU {shown(name)}: needs a count, {GPU_COUNT.range}")
        return None
    count = read_number("GPU count", (Word(number, at, word.end),), GPU_COUNT, value.report)
    return None if count is None else model.Gpu(span=value.span, model=name, count=count)


def read_account(value: Value) -> Instruction | None:
    """Words `key:value`, each key once."""
    return read_user(value.words, value.span, value.report)


def read_workdir(value: Value) -> Instruction | None:
    """An absolute path without `.` and `..`."""
    word = _only(value, "WORKDIR")
    if word is None:
        return None
    if not word.text.startswith("/") and not has_placeholder(word.text):
        value.report.add(word.start, "relative_path", f"WORKDIR takes an absolute path: write /{shown(word.text)}")
        return None
    if any(part in (".", "..") for part in word.text.split("/")):
        value.report.add(word.start, "relative_path", "WORKDIR takes a path without . and ..")
        return None
    return model.Workdir(span=value.span, path=word.text)


def read_copy(value: Value) -> Instruction | None:
    """A source and a destination, without options."""
    if value.words[0].text.startswith("--"):
        option = shown(value.words[0].text.partition("=")[0])
        value.report.add(value.words[0].start, "unknown_option", f"COPY has no options here: leave out {option}")
        return None
    if len(value.words) != 2:
        value.report.add(value.start, "copy_form", "COPY takes one source and one destination, without spaces in them")
        return None
    source, destination = value.words
    if not source.text or not destination.text:
        value.report.add(value.start, "missing_value", "COPY needs a source and a destination")
        return None
    if ".." in source.text.split("/"):
        value.report.add(source.start, "outside_context", "COPY reads only inside the build context: leave out ..")
    return model.Copy(span=value.span, source=source.text, destination=destination.text)


def read_install(value: Value) -> Instruction | None:
    """Names of packages; others are reported and kept."""
    if not all(word.text for word in value.words):
        value.report.add(value.start, "missing_value", "INSTALL needs the names of packages")
        return None
    for word in value.words:
        if not has_placeholder(word.text) and not _PACKAGE.fullmatch(word.text):
            value.report.add(word.start, "bad_package", f"'{shown(word.text)}' is not the name of a Debian package")
    return model.Install(span=value.span, packages=tuple(word.text for word in value.words))


def read_env(value: Value) -> Instruction | None:
    """`KEY=VALUE`, with a `--scope=` before it or without."""
    words = value.words
    scope: model.ScopeKind = "system"
    owner = ""
    if words[0].text.startswith("--"):
        found = _scope(words[0], value.report)
        if found is None:
            return None
        scope, owner = found
        words = words[1:]
    if not words:
        value.report.add(value.start, "missing_value", "ENV needs KEY=VALUE after its scope")
        return None
    key, equals, text = words[0].text.partition("=")
    if not equals:
        value.report.add(words[0].start, "env_form", f"ENV takes KEY=VALUE: write {shown(key)}=value")
        return None
    if not _KEY.fullmatch(key):
        value.report.add(
            words[0].start, "env_key", f"'{shown(key)}' is no variable name: letters, digits and _, no digit first"
        )
        return None
    if len(words) > 1:
        another = "=" in words[1].text
        advice = "write one ENV line for each variable" if another else "put a value with spaces in quotes"
        value.report.add(words[1].start, "extra_value", f"ENV takes one KEY=VALUE: {advice}")
        return None
    return model.Env(span=value.span, key=key, value=text, scope=scope, owner=owner)


def _scope(word: Word, report: LineReport) -> tuple[model.ScopeKind, str] | None:
    option, _, scope = word.text.partition("=")
    if option != "--scope":
        report.add(word.start, "unknown_option", f"unknown option '{shown(option)}': ENV takes --scope=")
        return None
    kind, colon, owner = scope.partition(":")
    if kind == "system" and not colon:
        return "system", ""
    if kind == "user" and owner and (has_placeholder(owner) or valid_account(owner)):
        return "user", owner
    if kind == "service" and owner and (has_placeholder(owner) or _SERVICE.fullmatch(owner)):
        return "service", owner
    report.add(word.start, "bad_scope", f"'{shown(scope)}' is no scope: write system, user:NAME or service:NAME")
    return None


def read_entrypoint(value: Value) -> Instruction | None:
    """A JSON array of texts, or words."""
    if value.text.startswith("["):
        items = read_array(value.text, value.start, value.report)
        if items is None:
            return None
        return model.Entrypoint(span=value.span, command=items[0], args=tuple(items[1:]), written="json")
    command, *args = (word.text for word in value.words)
    if not command:
        value.report.add(value.start, "missing_value", "ENTRYPOINT needs a program")
        return None
    return model.Entrypoint(span=value.span, command=command, args=tuple(args), written="words")


def read_expose(value: Value) -> Instruction | None:
    """Port numbers, between spaces or commas."""
    ports: list[int | Template] = []
    for word in value.words:
        at = word.start
        for part in word.text.split(","):
            if part:
                port = _port(part, at, value.report)
                if port is None:
                    return None
                ports.append(port)
            at += len(part) + 1
    if not ports:
        value.report.add(value.start, "missing_value", f"EXPOSE needs a port, {PORTS.range}")
        return None
    value.report.add(0, "expose_ignored", "EXPOSE is ignored by the builder: it documents the ports, it opens none")
    return model.Expose(span=value.span, ports=tuple(ports))


def _port(text: str, at: int, report: LineReport) -> int | Template | None:
    number, slash, protocol = text.partition("/")
    if slash and protocol.lower() in ("tcp", "udp"):
        report.add(at, "unit", f"EXPOSE takes plain port numbers: write {shown(number)}")
        return None
    return read_number("EXPOSE", (Word(text, at, at + len(text)),), PORTS, report)


def _only(value: Value, name: str) -> Word | None:
    if len(value.words) == 1:
        return value.words[0]
    value.report.add(value.words[1].start, "extra_value", f"{name} takes one value without spaces")
    return None


def _numbers(name: str) -> Numbers:
    numbers = BY_NAME[name].numbers
    assert numbers is not None
    return numbers


READERS: dict[str, Reader] = {
    "NAME": read_name,
    "DESCRIPTION": read_description,
    "MODEL": read_model,
    "VCPU": read_vcpu,
    "MEMORY": read_memory,
    "DISK": read_disk,
    "GPU": read_gpu,
    "USER": read_account,
    "WORKDIR": read_workdir,
    "RUN": read_run,
    "COPY": read_copy,
    "INSTALL": read_install,
    "ENV": read_env,
    "ENTRYPOINT": read_entrypoint,
    "EXPOSE": read_expose,
}
