"""What is said of the copies that somebody keeps: of the key, of everything."""

from __future__ import annotations

from pathlib import Path

from tui_registry.text import safe_text


def key_copied(address: str, path: Path) -> str:
    """Where a copy of the key is, under a passphrase.

    Args:
        address: of the key, 40 hex digits.
    """
    return f"wrote the key of 0x{address} to {safe_text(str(path))}, locked with the passphrase"
