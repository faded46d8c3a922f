"""The state of a key: which of its operations are heads, and which version is shown; see protocol.md, State of a key.

It stands by itself, without the rules, so that whoever only looks at a record imports no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Linked(Protocol):
    """An operation that knows the ones it names."""

    @property
    def hash(self) -> str: ...
    @property
    def children(self) -> tuple[str, ...]: ...


class Head(Protocol):
    """What deciding between heads asks. `counter` is the signer's own clock."""

    @property
    def hash(self) -> str: ...
    @property
    def is_rm(self) -> bool: ...
    @property
    def counter(self) -> int: ...


_L = TypeVar("_L", bound=Linked)
_H = TypeVar("_H", bound=Head)


def heads(ops: Iterable[_L]) -> list[_L]:
    """The valid ops of one key that no other valid op names as a child, ascending by hash."""
    ops = list(ops)
    named = {child for op in ops for child in op.children}
    return sorted((op for op in ops if op.hash not in named), key=lambda op: op.hash)


def winner(current: Iterable[_H]) -> _H | None:
    """The live head with the largest clock, ties to the smallest hash; None when the record does not exist."""
    live = (head for head in current if not head.is_rm)
    return min(live, key=lambda head: (-head.counter, head.hash), default=None)
