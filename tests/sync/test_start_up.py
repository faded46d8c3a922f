"""What importing sync costs: nothing of the network before a peer on the network is asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HEAVY = ("httpx", "fastapi", "uvicorn", "pydantic", "textual")


@pytest.mark.parametrize(
    "names", ["Bounds", "SyncError, Started, Progress, Finished, Failed", "pull, pull_all, publish, push"]
)
def test_the_network_is_imported_only_for_peers_on_it(names: str) -> None:
    program = f"import sys; from tui_registry.sync import {names}; print([m for m in {_HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
