"""What every test shares: hypothesis without timed assertions, few examples but for the nightly run, the loop, folders
in memory, and a state directory that is nobody's."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import closing, suppress
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest
from httpx._transports import default as transports
from hypothesis import HealthCheck, Phase, settings

from tests.idle import IdleLoop
from tests.laws import NIGHTLY
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.replica.store import connection
from tui_registry.replica.store.connection import Pool
from tui_registry.settings import STATE_DIR_VARIABLE

settings.register_profile(
    NIGHTLY, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("house", settings.get_profile(NIGHTLY), max_examples=25)
# The same examples for every mutant, and no time spent on shrinking what one breaks.
settings.register_profile(
    "mutation", settings.get_profile(NIGHTLY), derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("house")

# Gone with the process. Its name stands in the environment from the start, for what is set up before any test, such as
# the node of a module.
_STATES = tempfile.TemporaryDirectory(prefix="tui-registry-tests-")
os.environ[STATE_DIR_VARIABLE] = _STATES.name
_NUMBERS = count()

# Every commit of every replica waits for the disk. Where a file system in memory has room, `tmp_path` lies there: what a
# file system has to keep when the power fails is for `tests/crash`.
_MEMORY: Final = Path("/dev/shm")
_ROOM_BYTES: Final = 2 << 30

# Some thirty times what the longest test of an everyday run takes, and more than `faulthandler_timeout`.
_STUCK_SECONDS: Final = 300
_AGAIN_SECONDS: Final = 30
# Of the tests that may take many minutes, those that are running.
_taking_long = set[str]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        signal.signal(signal.SIGALRM, _give_up)
    # What is collected stays to the end.
    gc.disable()
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_collection_finish() -> None:
    """An app is thousands of objects in circles, and the modules and tests below it a million that stay: looking through
    all of them again and again for what can go takes a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 20, 50)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test that never ends ends its worker, which says its name: `faulthandler_timeout` has told where it stood."""
    signal.alarm(0 if _may_take_long(item.keywords) else _STUCK_SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
        return
    if report.when == "setup" and _may_take_long(report.keywords):
        _taking_long.add(report.nodeid)
    elif report.when != "call":  # it has ended, or its worker has
        _taking_long.discard(report.nodeid)
    signal.alarm(0 if _taking_long else 2 * _STUCK_SECONDS)


def pytest_enter_pdb() -> None:
    """Who looks for a fault has the time that it takes."""
    signal.alarm(0)


def pytest_sessionfinish() -> None:
    signal.alarm(0)


def _may_take_long(keywords: Container[str]) -> bool:
    """Whether a test may take many minutes: those of the nightly run, and any with the examples of that."""
    return "long" in keywords or settings.get_current_profile_name() == NIGHTLY


def _give_up(*_: object) -> None:
    """End a run in which no test ends any more, as where a worker was stopped; what failed until then is told."""
    # What hangs may catch it.
    signal.alarm(_AGAIN_SECONDS)
    standing = "ps is not installed"
    with suppress(OSError):
        said = subprocess.run(["ps", "-eo", "pid,ppid,stat,etime,args"], capture_output=True, check=False).stdout
        standing = said.decode(errors="replace")
    pytest.exit(f"no test has ended for minutes; this is running:\n{standing}", returncode=2)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One more than there are processors: tests of nodes and hubs wait for processes of their own a good part of the time."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1) + 1


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test runs in a loop that knows when it is idle."""
    return {"idle": IdleLoop}


_settle = Pool.settle
_create_context = transports.create_ssl_context


@lru_cache(maxsize=8)
def _usual_context(trust_env: bool, *_: str | None) -> ssl.SSLContext:
    return _create_context(trust_env=trust_env)


def _context_made_once(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
    """A client of a test that says nothing of TLS loads the certificates of the whole world, which takes thirty
    milliseconds, and so does each `httpx.get`: they are loaded once, and once for each place that the environment names.
    Whom this program trusts it asks for itself."""
    if verify is not True or cert is not None:
        return _create_context(verify=verify, cert=cert, trust_env=trust_env)
    return _usual_context(trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


transports.create_ssl_context = _context_made_once  # type: ignore[attr-defined]


@lru_cache(maxsize=1)
def _new_replica() -> tuple[bytes, bytes]:
    """The bytes of a replica that was made and closed, and the epoch that stands in them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE
        with patch.object(Pool, "settle", _settle):
            Datastore.open(folder).close()
        with closing(sqlite3.connect(path)) as db:
            (epoch,) = db.execute("SELECT epoch FROM replica").fetchone()
        return path.read_bytes(), epoch.encode()


def _settle_in_a_copy(pool: Pool) -> sqlite3.Connection:
    """To make the tables takes ten times as long as all else that opening a new replica does, and most tests open one:
    it begins as a copy, with an epoch of its own. Other processes make theirs, as do the tests of opening."""
    path = pool.path
    is_made = not pool._asked and path.name == DATABASE and connection._hindrance_of(path) is None
    if is_made and not [*path.parent.glob(f"{DATABASE}*")]:
        data, epoch = _new_replica()
        draft = path.with_name(f".copy-{os.getpid()}-{next(_NUMBERS)}")
        with suppress(OSError):
            draft.write_bytes(data.replace(epoch, os.urandom(16).hex().encode()))
            os.link(draft, path)
        draft.unlink(missing_ok=True)
    return _settle(pool)


@pytest.fixture(autouse=True, scope="module")
def _copies(request: pytest.FixtureRequest) -> Iterator[None]:
    """A module of tests that says `MAKES_REPLICAS = True` makes each of its own."""
    if getattr(request.module, "MAKES_REPLICAS", False):
        yield
        return
    with patch.object(Pool, "settle", _settle_in_a_copy):
        yield


@pytest.fixture(autouse=True)
def state_dir(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where marks are kept, another place for every test; it is made by whoever writes there."""
    place = Path(_STATES.name) / f"{next(_NUMBERS)}"
    monkeypatch.setenv(STATE_DIR_VARIABLE, str(place))
    return place
