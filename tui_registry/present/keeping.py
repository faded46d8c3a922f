"""What is said where somebody keeps a replica well: verifies it, and keeps a copy of its key."""

from __future__ import annotations

from pathlib import Path

from tui_registry.datastore import VerifyReport
from tui_registry.text import plural, safe_text


def key_copied(address: str, path: Path) -> str:
    """Where a copy of the key is, under a passphrase.

    Args:
        address: of the key, 40 hex digits.
    """
    return f"wrote the key of 0x{address} to {safe_text(str(path))}, locked with the passphrase"


def verified(found: VerifyReport) -> list[str]:
    """What verifying the replica came to: all of it in a sentence, then each thing that was not sound."""
    state = "all is sound" if found.sound else "not all was sound"
    lines = [f"{plural(found.ops, 'operation')} checked, {plural(found.records, 'record')}: {state}"]
    lines += [f"operation {each.place}: {each.code}: {safe_text(each.sentence)}" for each in found.invalid]
    lines += [safe_text(repair) for repair in (*found.repaired, *found.unrepaired)]
    if found.unwritable and not found.sound:
        lines.append(safe_text(f"nothing was repaired: {found.unwritable}. Copy the replica, and verify the copy"))
    return lines
