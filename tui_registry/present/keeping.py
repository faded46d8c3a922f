"""What is said where somebody keeps a replica well: verifies it, and keeps copies of its key and of everything."""

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


def backed_up(
    path: Path, *, operations: int, records: int, address: str, has_key: bool, tokens: str, former: int
) -> tuple[list[str], list[str]]:
    """What a backup holds and where it is, and what of the replica it leaves out; a sentence each.

    Args:
        address: of the key, 40 hex digits, empty for a replica without one; has_key: whether the key is in it.
        tokens: the name of the file of a token that lies in the replica's folder; empty where there is none.
        former: how many files of former keys lie there.
    """
    told = [f"wrote {plural(operations, 'operation')}, {plural(records, 'record')} to {safe_text(str(path))}"]
    notes = []
    if has_key:
        told.append(f"the key of 0x{address} is in it, locked with the passphrase: without that nobody can use it")
    elif address:
        notes.append(
            f"the key of 0x{address} is not in it, and without it nobody can change its records: keep a copy "
            "elsewhere with 'identity export FILE'"
        )
    if tokens:
        notes.append(f"the token in {tokens} is not in it: programs need another one then ('token add')")
    if former:
        left = "is not" if former == 1 else "are not"
        notes.append(f"{plural(former, 'former key')} (identity.key.*.old in the replica's folder) {left} in it")
    return told, notes
