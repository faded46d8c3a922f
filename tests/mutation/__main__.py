"""`python -m tests.mutation`: run mutmut as `pyproject.toml` says, and count what survived."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.mutation.equivalent import EQUIVALENT

LEAST = 95.0
KILLED = {"killed", "timeout", "segfault", "suspicious"}


def mutmut(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *words],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def changed_line(mutant: str) -> tuple[str, str]:
    """Where a mutant is and how its line reads: its number is another with every edit."""
    diff = mutmut("show", mutant)
    module, function = re.fullmatch(r"tui_registry\.crdt\.(\w+)\.x_?(.*)__mutmut_\d+", mutant).groups()  # type: ignore[union-attr]
    lines = [line[1:].strip() for line in diff.splitlines() if re.match(r"\+(?!\+\+)", line)]
    return f"{module}.{function.replace('ǁ', '.').strip('.')}", " ".join(lines)


def main() -> int:
    subprocess.run([sys.executable, "-m", "mutmut", "run", *sys.argv[1:]], cwd=Path(__file__).parents[2], check=True)
    outcomes = [
        line.strip().rpartition(": ") for line in mutmut("results", "--all", "true").splitlines() if ": " in line
    ]
    survivors = [changed_line(name) for name, _, outcome in outcomes if outcome not in KILLED]
    holes = [survivor for survivor in survivors if survivor not in EQUIVALENT]
    for where, line in holes:
        print(f"survived: {where}: {line}")  # noqa: T201
    rate = 100 * (len(outcomes) - len(survivors)) / len(outcomes)
    print(  # noqa: T201
        f"{len(outcomes)} mutants, {len(outcomes) - len(survivors)} killed ({rate:.1f} %), "
        f"{len(survivors) - len(holes)} say the same as the code (tests/mutation/equivalent.py), {len(holes)} holes"
    )
    return 0 if rate >= LEAST and not holes else 1


if __name__ == "__main__":
    raise SystemExit(main())
