"""What lists and screens read: named tuples, so that neither they nor the first frame pay for more."""

from __future__ import annotations

from typing import NamedTuple

from tui_registry.errors import Kind, Problem, Record


class Row(NamedTuple):
    """One current record as lists show it.

    Attributes:
        id: 64 hex digits. owner: 40 hex digits.
        type, framework, quantization: the variant's name, or the text of an `Other`.
        parameters: a count, 0 = unknown; clamped to 2^63-1.
        created_at, updated_at: Unix seconds.
        heads: the number of live heads; more than one is a conflict.
        future: updated_at lies more than a day ahead of this machine's clock.
    """

    kind: Kind
    id: str
    name: str
    owner: str
    version: str
    type: str
    framework: str
    license: str
    quantization: str | None
    parameters: int
    context_length: int | None
    created_at: int
    updated_at: int
    heads: int
    future: bool


class Page(NamedTuple):
    """A window of a list.

    Attributes:
        next: an opaque cursor for the window after this one, None at the end.
        total: how many records match; where `exact` is False there are at least so many.
        did_you_mean: a query that would find something, when this one found nothing.
    """

    rows: list[Row]
    next: str | None
    total: int
    exact: bool = True
    did_you_mean: str | None = None


class Entry(NamedTuple):
    """One current record in full.

    Attributes:
        record: the plain record, exact.
        heads: all heads, ascending; what `update` and `delete` want as `seen`.
        live_heads: the heads that are Ups, the winner first.
        problems: the authoring rules it breaks, in this registry's eyes.
        mine: signed by this replica's identity.
        owner_name: the local name of the owner's key, None when the user has not named it.
        size: bytes of the winning op.
    """

    kind: Kind
    id: str
    record: Record
    heads: tuple[str, ...]
    live_heads: tuple[str, ...]
    problems: tuple[Problem, ...]
    mine: bool
    owner_name: str | None
    future: bool
    size: int


class Stats(NamedTuple):
    """Counts of what this replica holds; `ops` is the size of the log, `unsupported` sums what peers' logs held."""

    models: int
    agents: int
    ops: int
    conflicts: int
    pending: int
    rejected: int
    unsupported: int

    @property
    def records(self) -> int:
        return self.models + self.agents
