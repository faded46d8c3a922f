"""What goes wrong between two replicas, in words that name the peer."""

from __future__ import annotations

from typing import TypeAlias

from tui_registry.errors import RegistryError
from tui_registry.text import safe_text

Code: TypeAlias = str


class SyncError(RegistryError):
    """A pull or push that could not be finished.

    Attributes:
        peer: the peer's local name.
        code: one of `refused`, `unreachable`, `timeout`, `insecure`, `protocol`, `redirect`, `not_a_node`, `bad_head`,
            `bad_tile`, `too_large`, `vanished`, `not_accepted`, `turn_over`, `stopped`, `no_directory`,
            `http_` and a status, or `unexpected`: a fault of ours that this peer brought to light.
        reason: the sentence without the peer's name, for a column beside it.
    """

    def __init__(self, peer: str, code: Code, reason: str) -> None:
        super().__init__(code, f"{peer}: {reason}")
        self.peer = peer
        self.reason = reason


def quoted(text: str, limit: int = 60) -> str:
    """What a peer wrote, safe to show and cut."""
    return safe_text(text, limit)
