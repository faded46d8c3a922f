"""The compiled shim and the nursery, once for all, and a place in memory for what is interrupted."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from tests.crash.nursery import Nursery
from tests.replica.replicas import PLACE


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim, compiled."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("the shim wants a C compiler and LD_PRELOAD")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = Path(__file__).with_name("shim.c")
    options = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra")
    subprocess.run([compiler, *options, "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


@pytest.fixture(scope="session")
def nursery(shim: Path) -> Iterator[Nursery]:
    with Nursery(shim) as started:
        yield started


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of this test's own, in memory where there is such a place: every commit waits for the disk."""
    folder = Path(tempfile.mkdtemp(dir=PLACE)).resolve()
    yield folder
    shutil.rmtree(folder)


Fresh = Callable[[str], Path]


@pytest.fixture
def fresh(nursery: Nursery, place: Path) -> Fresh:
    """Makes a folder in which a program can run, as if for the first time; the folder given out before is gone."""

    @lru_cache
    def prepared(program: str) -> Path:
        nursery.prepare(program, place / program)
        return place / program

    def make(program: str) -> Path:
        base = place / "now"
        if base.exists():
            shutil.rmtree(base)
        shutil.copytree(prepared(program), base)
        return base

    return make
