"""`python -m tests.released.make` keeps this tree as a release: its wheel, and a replica that the wheel made.

Run once for each version, before it is released, from a clean checkout of it, in an environment that has pip and the
dependencies which that version declares (0.1.0 signs with coincurve 21). It writes beside this file

    tui_registry-X.Y.Z-py3-none-any.whl     reproducible: its times are those of the last commit
    X.Y.Z.tar.gz                            replica/, a data directory with a key for tests, and said.json: what that
                                            version itself answers when asked what the replica holds

and refuses to write over a version that is kept already. `fill_X_Y.py` says what the replica holds.
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import tui_registry

FOLDER = Path(__file__).parent
HOME = FOLDER.parents[1]


def make(version: str = tui_registry.__version__) -> None:
    """Keep the wheel and the replica of the version that this tree is."""
    major, minor, _ = version.split(".", 2)
    kept = FOLDER / f"{version}.tar.gz"
    if kept.exists():
        raise SystemExit(f"{kept.name} is kept already: what went out stays as it is")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        wheel = _build(place)
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(place / "code")
        environment = {**os.environ, "PYTHONPATH": str(place / "code")}
        script = FOLDER / f"fill_{major}_{minor}.py"
        subprocess.run([sys.executable, script, scratch], env=environment, cwd=scratch, check=True)
        (FOLDER / wheel.name).write_bytes(wheel.read_bytes())
        kept.write_bytes(_packed(place, ("replica", "replica/identity.key", "replica/registry.sqlite3", "said.json")))


def _build(place: Path) -> Path:
    committed = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=HOME, capture_output=True, text=True, check=True
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place / "wheel", HOME],
        env={**os.environ, "SOURCE_DATE_EPOCH": committed.stdout.strip()},
        check=True,
    )
    (wheel,) = (place / "wheel").iterdir()
    return wheel


def _packed(place: Path, names: tuple[str, ...]) -> bytes:
    """A tar.gz of these files that says nothing of this machine, its user or the time."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name in names:
            entry = tar.gettarinfo(place / name, name)
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ""
            if entry.isfile():
                with (place / name).open("rb") as file:
                    tar.addfile(entry, file)
            else:
                tar.addfile(entry)
    return gzip.compress(data.getvalue(), mtime=0)


if __name__ == "__main__":
    make()
