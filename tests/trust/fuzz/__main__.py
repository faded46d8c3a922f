"""`python -m tests.trust.fuzz [TARGET] [SECONDS]`: coverage-guided, with atheris (dev only)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(tempfile.gettempdir()) / "tui-registry-fuzz"


def fuzz(name: str, seconds: int) -> None:
    """Run one target in this process, which ends with it; what crashes is left beside its corpus."""
    import atheris

    with atheris.instrument_imports(include=["tui_registry", "tests.trust.fuzz"]):
        from tests.trust.fuzz.targets import TARGETS
    target = TARGETS[name]
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    words = CORPUS / f"{name}.dict"
    spelt = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.words)
    words.write_text("".join(f'"{word}"\n' for word in spelt))
    options = [
        f"-max_total_time={seconds}", f"-artifact_prefix={CORPUS}/crash-{name}-", f"-dict={words}", "-max_len=66000",
        "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.run)
    atheris.Fuzz()


def main(words: list[str]) -> int:
    """Each target in a process of its own, one after the other; 1 when any has crashed."""
    if words[:1] == ["--here"]:
        # Before anything else is imported: what is not instrumented cannot guide.
        fuzz(words[1], int(words[2]))
        return 0
    from tests.trust.fuzz.targets import TARGETS

    names = [word for word in words if not word.isdecimal()] or list(TARGETS)
    seconds = next((int(word) for word in words if word.isdecimal()), 60)
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        print(f"there is no target {unknown[0]}: {', '.join(TARGETS)}")  # noqa: T201
        return 2
    failed = False
    for name in names:
        done = subprocess.run(
            [sys.executable, "-m", "tests.trust.fuzz", "--here", name, str(seconds)],
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        stats = [line for line in done.stderr.splitlines() if line.startswith("stat::number_of_executed_units")]
        failed = failed or done.returncode != 0
        print(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'} {' '.join(stats)}", flush=True)  # noqa: T201
        if done.returncode != 0:
            print(done.stdout[-3_000:], done.stderr[-1_000:], flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
