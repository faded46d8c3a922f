"""`python -m tests.packaged WHEEL SDIST`: whether a wheel and a source distribution hold what this tree does.

The wheel is the package, with its pages, styles and data, and nothing else. The source distribution also has what its
own tests need, so that whoever packages it can run them without git.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

from tui_registry import __version__

HOME = Path(__file__).parents[1]


def main(wheel: Path, sdist: Path) -> str | None:
    """What is wrong with them, or None."""
    package = files_below("tui_registry")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        of_it = f"tui_registry-{__version__}.dist-info/"
        metadata = packed.read(f"{of_it}METADATA").decode()
        entries = packed.read(f"{of_it}entry_points.txt").decode()
    faults = [f"the wheel lacks {name}" for name in sorted(package - {*names})]
    faults += [f"the wheel has {name}" for name in names if name not in package and not name.startswith(of_it)]
    if f"\nVersion: {__version__}\n" not in metadata or "tui-registry = tui_registry.__main__:main" not in entries:
        faults.append("the wheel is of another version, or has no command")
    with tarfile.open(sdist) as tar:
        held = {name.partition("/")[2] for name in tar.getnames()}
    wanted = package | {*files_below("tests"), *files_below("screenshots"), "pyproject.toml"}
    wanted |= {file.name for file in HOME.iterdir() if file.suffix == ".md" or file.name == "LICENSE"}
    faults += [f"the source distribution lacks {name}" for name in sorted(wanted - held)]
    return "\n".join(faults) or None


def files_below(folder: str) -> set[str]:
    """The files of a folder of this tree, but for what is made by running it."""
    paths = (path for path in (HOME / folder).rglob("*") if path.is_file())
    names = (path.relative_to(HOME) for path in paths if path.suffix not in (".pyc", ".pyo"))
    return {name.as_posix() for name in names if not name.is_relative_to("tests/benchmarks/data")}


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
