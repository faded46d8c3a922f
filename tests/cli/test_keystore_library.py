"""What the keystore library brings along must not reach the rest of the process."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.seeds import owner
from tui_registry.keystore import read_keystore, write_keystore


def test_the_keystore_library_leaves_the_recursion_limit_as_it_was(tmp_path: Path) -> None:
    before = sys.getrecursionlimit()
    write_keystore(tmp_path / "key.json", owner("me"), b"a passphrase")
    assert read_keystore((tmp_path / "key.json").read_text(), b"a passphrase").address == owner("me").address
    assert sys.getrecursionlimit() == before
