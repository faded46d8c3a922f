"""What a form hands back when it closes."""

from __future__ import annotations

from dataclasses import dataclass

from tui_registry.errors import Kind


@dataclass(frozen=True, slots=True)
class Saved:
    """A record that was signed and stored; `id` is its 64 hex digits."""

    kind: Kind
    id: str
