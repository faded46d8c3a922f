"""Words every layer shares: kinds, plain JSON, problems, and the base of every declared error. No I/O."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from typing import Final, Literal, TypeAlias, Union

from tui_registry.frozen import NamedTuple

Kind: TypeAlias = Literal["model", "agent"]
KINDS: tuple[Kind, ...] = ("model", "agent")
# What an operation writes: a record, or the manifest that stands behind one.
OpKind: TypeAlias = Literal["model", "agent", "manifest"]
OP_KINDS: tuple[OpKind, ...] = (*KINDS, "manifest")

Json: TypeAlias = Union[bool, int, float, str, list["Json"], dict[str, "Json"], None]
# A record exactly as serde prints it: every field present, in the order of `records.schema`.
Record: TypeAlias = dict[str, Json]


class Absent(Enum):
    """Stands for what is not said, where None says that there is to be nothing."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
# What is to stand behind a record that is written: a plain manifest, None for none, or what stands there already.
GivenManifest: TypeAlias = Union[Record, Literal[Absent.ABSENT], None]

Severity: TypeAlias = Literal["error", "warning"]


class Problem(NamedTuple):
    """One thing that is wrong with a record.

    Attributes:
        path: the field, such as `name`, `resource_requirements.min_vcpus` or `tags[2]`.
        severity: an `error` keeps the record from being signed, a `warning` does not.
        code: stable, for programs.
        sentence: for people; it says what would be right.
        instead: values of which each would be right there, None for nothing at all; empty where none is known. What the
            sentence says, for whoever can put it there.
    """

    path: str
    severity: Severity
    code: str
    sentence: str
    instead: tuple[str | int | None, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The problem as programs read it; `instead` only where there is something to write."""
        told: dict[str, Json] = {
            "path": self.path, "severity": self.severity, "code": self.code, "sentence": self.sentence
        }  # fmt: skip
        return {**told, "instead": [*self.instead]} if self.instead else told


class Choice(NamedTuple):
    """One of the records that may have been meant.

    Attributes:
        id: 64 hex digits. owner: 40 hex digits.
        name, version: of the record, foreign text.
        whose: what the owner is called here; None where it has no name.
        mine: signed by the key that signs there. deleted: it is not live.
    """

    kind: Kind
    id: str
    name: str
    version: str
    owner: str
    whose: str | None
    mine: bool
    deleted: bool = False

    def to_json(self) -> dict[str, Json]:
        """The choice as programs read it."""
        return {
            "kind": self.kind,
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "owner": self.owner,
            "mine": self.mine,
            "deleted": self.deleted,
        }


class RegistryError(Exception):
    """The base of every declared error: a stable code for programs and a sentence for people.

    Attributes:
        choices: the first of the records that may have been meant, where there are several.
    """

    def __init__(self, code: str, sentence: str, choices: Sequence[Choice] = ()) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.choices = tuple(choices)


class InvalidRecord(RegistryError):
    """A record that cannot be signed as it is; `problems` says why, one by one. `source` is the file that holds it,
    where it came from one."""

    def __init__(self, problems: tuple[Problem, ...], source: str = "") -> None:
        errors = [problem for problem in problems if problem.severity == "error"] or list(problems)
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        first = errors[0]
        where = "".join(f"{part}: " for part in (source, first.path) if part)
        super().__init__("invalid", f"{where}{first.sentence}{more}")
        self.problems = problems
        self.source = source


def system_reason(error: OSError) -> str:
    """Why the system refuses something, in its own words; the name of the error where it has none."""
    return os.strerror(error.errno) if error.errno is not None else type(error).__name__
