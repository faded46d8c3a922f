"""The Formfile language as one table: names, aliases, ranges, keys, and how serious each problem is.

The parser, the formatter, the completions, the highlighting and the help text all read this table. Where the builder's
documentation and the builder itself disagree, the documentation is accepted with a warning; `strict` makes an error of
everything that the builder would ignore, refuse or read in another way.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from tui_registry.errors import Severity
from tui_registry.frozen import Frozen

from .model import Mode

# What a second line of the same instruction means to the builder.
Repeat: TypeAlias = Literal["refused", "first", "last", "many"]
UserKind: TypeAlias = Literal["username", "password", "boolean", "keys", "path", "groups"]


class Numbers(Frozen):
    """What an instruction that takes a whole number takes.

    Attributes:
        least, most: the range, both ends in it.
        unit: what is counted, `MB` or `GB`; empty for plain pieces.
        units: what people write after a number, such as `g`, and how many of `unit` it is.
    """

    least: int
    most: int
    unit: str = ""
    units: tuple[tuple[str, float], ...] = ()

    @property
    def range(self) -> str:
        """The range in words, such as `512 to 256000 MB`."""
        return f"{self.least} to {self.most}{' ' + self.unit if self.unit else ''}"


class InstructionSpec(Frozen):
    """What the language says of one instruction.

    Attributes:
        name: its main name, in capitals.
        syntax: how a line of it is written, for people.
        says: what it does, in a few words without a full stop.
        repeat: what the builder does with a second one.
        aliases: its other names.
        numbers: the range of its value, None where that is no single number.
        values: how its value may begin, for completions.
    """

    name: str
    syntax: str
    says: str
    repeat: Repeat = "many"
    aliases: tuple[str, ...] = ()
    numbers: Numbers | None = None
    values: tuple[str, ...] = ()


# Memory of one, from the makers' data sheets; in order of size.
GPU_MEMORY_GB: dict[str, int] = {"RTX5090": 32, "H100": 80, "H200": 141, "B200": 180}
GPU_MODELS: tuple[str, ...] = tuple(GPU_MEMORY_GB)
GPU_COUNT = Numbers(1, 8)
PORTS = Numbers(1, 65535)
SCOPES: tuple[str, ...] = ("system", "user:", "service:")
BOOLEANS: dict[str, bool] = {
    "true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False,
}  # fmt: skip

_MB = (("k", 1 / 1024), ("m", 1.0), ("g", 1024.0), ("t", 1024.0**2))
_GB = (("m", 1 / 1024), ("g", 1.0), ("t", 1024.0))

INSTRUCTIONS: tuple[InstructionSpec, ...] = (
    InstructionSpec(
        "NAME", "NAME name", "the name of the instance: letters, digits, - and _; required once", "refused"
    ),
    InstructionSpec("DESCRIPTION", "DESCRIPTION text", "what it is for", "last"),
    InstructionSpec(
        "MODEL",
        "MODEL required:ID | preferred:ID",
        "a model that the agent needs, by its registry id",
        values=("required:", "preferred:"),
    ),
    InstructionSpec("VCPU", "VCPU count", "virtual processors", "first", ("CPU", "CORES"), Numbers(1, 128)),
    InstructionSpec("MEMORY", "MEMORY mb", "memory in MB", "first", ("MEM", "MBS"), Numbers(512, 256000, "MB", _MB)),
    InstructionSpec("DISK", "DISK gb", "disk space in GB", "first", ("STORAGE",), Numbers(5, 65535, "GB", _GB)),
    InstructionSpec("GPU", "GPU model[:count]", "1 to 8 GPUs of one model", values=GPU_MODELS),
    InstructionSpec("USER", "USER key:value ...", "an account on the machine; username is required"),
    InstructionSpec(
        "WORKDIR", "WORKDIR /path", "the absolute directory of the application, /app if not given", "refused"
    ),
    InstructionSpec("RUN", "RUN command", "a shell command, run as root while the image is built"),
    InstructionSpec("COPY", "COPY source destination", "files from the build context into the image"),
    InstructionSpec("INSTALL", "INSTALL package ...", "Debian packages, installed with apt-get"),
    InstructionSpec(
        "ENV",
        "ENV [--scope=system|user:NAME|service:NAME] KEY=VALUE",
        "one environment variable without spaces, for the whole system if no scope is given",
    ),
    InstructionSpec(
        "ENTRYPOINT", 'ENTRYPOINT ["program", "argument"] | program argument', "what runs at start", "last"
    ),
    InstructionSpec("EXPOSE", "EXPOSE port ...", "ports, 1 to 65535; documentation only: the builder ignores it"),
)

BY_NAME: dict[str, InstructionSpec] = {
    name: spec for spec in INSTRUCTIONS for name in (spec.name, *spec.aliases)
}  # fmt: skip

USER_KEYS: dict[str, tuple[UserKind, str]] = {
    "username": ("username", "[a-z_][a-z0-9_-]{0,31}, required"),
    "passwd": ("password", "a placeholder, never a password or its hash"),
    "sudo": ("boolean", "true or false"),
    "ssh_authorized_keys": ("keys", "public keys, separated by commas, in quotes"),
    "lock_passwd": ("boolean", "true or false"),
    "shell": ("path", "an absolute path"),
    "ssh_pwauth": ("boolean", "true or false"),
    "disable_root": ("boolean", "true or false"),
    "chpasswd_expire": ("boolean", "true or false"),
    "groups": ("groups", "names, separated by commas"),
}

# Instructions of other builders that people bring along, with what to do instead.
FOREIGN: dict[str, str] = {
    "FROM": "the builder chooses the base image: leave it out",
    "CMD": "write ENTRYPOINT",
    "ADD": "write COPY",
    "ARG": "declare a placeholder with '#? name = default'",
    "LABEL": "write DESCRIPTION or leave it out",
    "VOLUME": "the builder has no volumes: leave it out",
    "HEALTHCHECK": "the builder has no health checks: leave it out",
    "STOPSIGNAL": "the builder has no stop signal: leave it out",
    "SHELL": "commands run in /bin/sh: leave it out",
    "MAINTAINER": "leave it out",
    "ONBUILD": "leave it out",
}

# The placeholders that are filled from the record itself and need no declaration.
RECORD_PLACEHOLDERS: tuple[str, ...] = (
    "id", "name", "owner_id", "version", "description", "license", "vcpus", "memory_mb", "disk_gb",
)  # fmt: skip

# Everything that is not listed here is an error in both modes.
_SEVERITY: dict[str, tuple[Severity, Severity]] = {
    "name_case": ("warning", "error"),
    "spacing": ("warning", "error"),
    "trailing_comment": ("warning", "error"),
    "quoted": ("warning", "error"),
    "duplicate": ("warning", "error"),
    "key_separator": ("warning", "error"),
    "expose_ignored": ("warning", "error"),
    "bad_name": ("warning", "error"),
    "bad_package": ("warning", "error"),
    "bom": ("warning", "error"),
    "declaration_syntax": ("warning", "error"),
    "placeholder_undeclared": ("warning", "error"),
    # The builder reads these as they are meant; they stay advice.
    "alias": ("warning", "warning"),
    "declaration_unused": ("warning", "warning"),
    "model_id": ("warning", "warning"),
    "outside_context": ("warning", "warning"),
    "public_key": ("warning", "warning"),
    "secret_likely": ("warning", "warning"),
}


def severity(code: str, mode: Mode) -> Severity:
    """How serious a problem of this code is in this mode."""
    lint, strict = _SEVERITY.get(code, ("error", "error"))
    return strict if mode == "strict" else lint


def nearest(word: str, known: tuple[str, ...]) -> str | None:
    """The known word that was probably meant, if any is close."""
    from difflib import get_close_matches

    close = get_close_matches(word[:64], known, n=1, cutoff=0.6)
    return close[0] if close else None
