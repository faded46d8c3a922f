"""What a parsed Formfile is made of: typed instructions with their places, and the problems found on the way."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from tui_registry.errors import Severity
from tui_registry.frozen import Frozen

Mode: TypeAlias = Literal["strict", "lint"]
Presence: TypeAlias = Literal["required", "preferred"]
ScopeKind: TypeAlias = Literal["system", "user", "service"]


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
    """GPUs of one model of `language.GPU_MODELS`, 1 to 8 of them."""

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
