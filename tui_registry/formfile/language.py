"""The Formfile language: its table of instructions, the typed instructions themselves, and how problems are noted.

Parser, formatter, completions, highlighting and help text all read the one table. Where the builder's documentation and
the builder itself disagree, the documentation is accepted with a warning; `strict` makes an error of everything that
the builder would ignore, refuse or read in another way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, TypeAlias

from tui_registry.errors import Severity
from tui_registry.frozen import Frozen

Mode: TypeAlias = Literal["strict", "lint"]
Presence: TypeAlias = Literal["required", "preferred"]
ScopeKind: TypeAlias = Literal["system", "user", "service"]
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


# ---- what a parsed Formfile is made of -------------------------------------------------------------------------------


class Span(Frozen):
    """A place on one line, in characters: `line` and `start` count from 1, `end` is the column after the last one."""

    line: int
    start: int
    end: int


class FormfileProblem(Frozen):
    """One thing that is wrong with a Formfile; `line` and `column` count from 1, the sentence names neither."""

    line: int
    column: int
    severity: Severity
    code: str
    sentence: str


class Template(Frozen):
    """A value that is not known before rendering, such as `{{ vcpus }}`; its range is checked after rendering."""

    text: str


class Instruction(Frozen, kw_only=True, uncompared=("span",)):
    """What all instructions share. Two instructions are equal when they say the same, wherever they stand."""

    keyword: ClassVar[str] = ""
    span: Span


class Name(Instruction):
    """What the instance is called."""

    keyword: ClassVar[str] = "NAME"
    value: str


class Description(Instruction):
    """What it is for, in words, without the quotes around them."""

    keyword: ClassVar[str] = "DESCRIPTION"
    value: str


class Model(Instruction):
    """A model that the agent needs, by its registry id: 64 hex digits, or a placeholder."""

    keyword: ClassVar[str] = "MODEL"
    presence: Presence
    model_id: str


class Vcpu(Instruction):
    """Virtual processors, 1 to 128."""

    keyword: ClassVar[str] = "VCPU"
    count: int | Template


class Memory(Instruction):
    """Memory in MB of 1,024 KB, 512 to 256,000."""

    keyword: ClassVar[str] = "MEMORY"
    megabytes: int | Template


class Disk(Instruction):
    """Disk space in GB of 1,024 MB, 5 to 65,535."""

    keyword: ClassVar[str] = "DISK"
    gigabytes: int | Template


class Gpu(Instruction):
    """GPUs of one model of `GPU_MODELS`, 1 to 8 of them."""

    keyword: ClassVar[str] = "GPU"
    model: str
    count: int | Template = 1


class User(Instruction, hidden=("passwd",)):
    """An account on the machine; `None` and empty tuples stand for what the line does not say.

    Attributes:
        username: of `[a-z_][a-z0-9_-]*`, at most 32 characters, or a placeholder.
        ssh_authorized_keys: public keys as OpenSSH spells them, one each.
        shell: an absolute path.
        groups: names of groups, spelt as the username.
    """

    keyword: ClassVar[str] = "USER"
    username: str
    # Kept out of the repr: a Formfile being edited may hold a password that must not reach a log.
    passwd: str | None = None
    sudo: bool | Template | None = None
    ssh_authorized_keys: tuple[str, ...] = ()
    lock_passwd: bool | Template | None = None
    shell: str | None = None
    ssh_pwauth: bool | Template | None = None
    disable_root: bool | Template | None = None
    chpasswd_expire: bool | Template | None = None
    groups: tuple[str, ...] = ()


class Workdir(Instruction):
    """The directory of the application, an absolute path without `.` and `..`."""

    keyword: ClassVar[str] = "WORKDIR"
    path: str


class Run(Instruction):
    """A shell command, verbatim to the end of its line: the shell reads its own quotes and comments."""

    keyword: ClassVar[str] = "RUN"
    command: str


class Copy(Instruction):
    """A file or folder of the build context, and where it goes in the image; paths without spaces."""

    keyword: ClassVar[str] = "COPY"
    source: str
    destination: str


class Install(Instruction):
    """Debian packages by name, each as apt-get takes it: with `:arch`, and `=version` or `/release`."""

    keyword: ClassVar[str] = "INSTALL"
    packages: tuple[str, ...]


class Env(Instruction):
    """One variable. `owner` names the user or the service of that scope and is empty for the system."""

    keyword: ClassVar[str] = "ENV"
    key: str
    value: str
    scope: ScopeKind = "system"
    owner: str = ""


class Entrypoint(Instruction, uncompared=("written",)):
    """The program that runs at start, and its arguments, one each.

    Attributes:
        written: how it is spelt, as a JSON array or as words; for the formatter only.
    """

    keyword: ClassVar[str] = "ENTRYPOINT"
    command: str
    args: tuple[str, ...] = ()
    written: Literal["json", "words"] = "json"


class Expose(Instruction):
    """Ports, 1 to 65,535, without protocol. The builder ignores them: they tell a reader."""

    keyword: ClassVar[str] = "EXPOSE"
    ports: tuple[int | Template, ...]


class Declaration(Frozen, uncompared=("span",)):
    """A `#? name = default` line: it names a placeholder; `default` is `None` when a value has to be given."""

    name: str
    default: str | None
    span: Span


class Line(Frozen):
    """One line as the parser saw it; what it holds is `None` for blank lines and for those it could not read.

    `comment` is the text after the `#`, of a comment line or of a comment at the end of an instruction.
    """

    number: int
    raw: str
    holds: Instruction | Declaration | None = None
    comment: str | None = None


def is_tried(lines: Iterable[Line], keyword: str) -> bool:
    """Whether some line that could not be read starts with this name: then it is not missing as well."""
    return any(line.holds is None and line.raw.split(None, 1)[:1] == [keyword] for line in lines)


class Formfile(Frozen, uncompared=("lines",), hidden=("lines",)):
    """What `parse` gives back: always something, with every problem it found, by line and column."""

    instructions: tuple[Instruction, ...]
    declarations: tuple[Declaration, ...]
    problems: tuple[FormfileProblem, ...]
    lines: tuple[Line, ...] = ()

    @property
    def errors(self) -> tuple[FormfileProblem, ...]:
        """The problems that keep this text from being signed or built."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


# ---- problems --------------------------------------------------------------------------------------------------------

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


class Report:
    """The problems of one Formfile, in the order they are found; the mode says how serious each is."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.problems: list[FormfileProblem] = []

    def add(self, line: int, at: int, code: str, sentence: str) -> None:
        """Notes a problem at character `at` (from 0) of a line (from 1)."""
        lint, strict = _SEVERITY.get(code, ("error", "error"))
        severity = strict if self.mode == "strict" else lint
        self.problems.append(FormfileProblem(line, at + 1, severity, code, sentence))


class LineReport:
    """A report bound to one line, so that the readers of values need not carry its number about."""

    def __init__(self, report: Report, line: int) -> None:
        self.report = report
        self.line = line

    def add(self, at: int, code: str, sentence: str) -> None:
        """As `Report.add`, on this line."""
        self.report.add(self.line, at, code, sentence)


def shown(text: str, limit: int = 40) -> str:
    """A piece of the text as a sentence may quote it: one line, printable, short."""
    clean = "".join(c if c.isprintable() else "?" for c in text[: limit + 1])
    return f"{clean[:limit]}..." if len(clean) > limit else clean
