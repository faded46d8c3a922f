"""A node that runs follows what other processes put in its place: the key, the tokens, the bounds. Real processes."""

from __future__ import annotations

import json
import os
import pty
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.certificates import Authority
from tests.cli import shapes
from tests.node.conftest import refused
from tui_registry.datastore import TOKEN_FILE

RECORD = {"license": "MIT", "parameters": 1, "context_length": 1}


@dataclass
class Running:
    """A `serve` of its own, and the commands that are run beside it."""

    data_dir: Path
    process: subprocess.Popen[str]
    caller: httpx.Client

    def __call__(self, *words: str) -> str:
        return commanded(self.data_dir, *words)

    def registers(self, name: str, token: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        return self.caller.post("/models", json={"name": name, **RECORD}, headers=headers)

    def hears(self, number: signal.Signals, beginning: str) -> str:
        """Send a signal; the line that the node says then."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        while line := self.process.stderr.readline():
            if beginning in line:
                return line
        raise AssertionError(f"it ended with {self.process.wait()}")


def commanded(data_dir: Path, *words: str) -> str:
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(data_dir), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def serving(data_dir: Path, *words: str, env: dict[str, str] | None = None) -> Iterator[Running]:
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(data_dir), "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
    ) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(base_url=url, trust_env=False, timeout=30, verify=False) as caller:
                yield Running(data_dir, process, caller)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()
    assert process.returncode == 0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("rotated") / "data") as started:
        yield started


def test_a_node_that_has_signed_signs_with_the_new_key_at_once(node: Running) -> None:
    token = node("token", "add", "rotation")
    before = node.registers("before", token).json()["owner_id"]
    assert node.caller.get("/health").json()["node"] == before
    after = json.loads(node("identity", "new", "--yes", "--json"))["address"]
    assert after != before
    assert node.caller.get("/sync/head").json()["node"] == after
    answer = node.registers("after", token)
    assert (answer.status_code, answer.json()["owner_id"]) == (201, after)


def test_a_token_opens_once_it_is_made_and_not_once_it_is_revoked(node: Running) -> None:
    one, other = node("token", "add", "one"), node("token", "add", "other")
    assert node.registers("with one", one).status_code == node.registers("with the other", other).status_code == 201
    node("token", "revoke", "one")
    refused(node.registers("again", one), 401, "unauthorized")
    assert node.registers("with the other again", other).status_code == 201


def test_the_token_in_the_file_of_0_1_opens_for_as_long_as_it_is_there(node: Running) -> None:
    file, token, other = node.data_dir / TOKEN_FILE, "x" * 43, "y" * 43
    refused(node.registers("before it", token), 401, "unauthorized")
    file.write_text(token + "\n")
    assert node.registers("with it", token).status_code == 201
    file.write_text(other + "\n")
    refused(node.registers("with the former one", token), 401, "unauthorized")
    assert node.registers("with the new one", other).status_code == 201
    node("token", "revoke", TOKEN_FILE)
    refused(node.registers("without it", other), 401, "unauthorized")
    assert not file.exists()


def test_the_options_of_the_command_reach_the_doors(tmp_path: Path) -> None:
    words = "--host-name registry.example --trust-proxy 127.0.0.0/8 --root-path /registry --accept-ops=token"
    with serving(tmp_path / "data", *words.split()) as node:
        asked = {"host": "registry.example", "x-forwarded-for": "192.0.2.7"}
        token = node("token", "add", "mirror", "--scope", "push")
        refused(node.caller.post("/registry/sync/ops", content=b"x\n", headers=asked), 401, "unauthorized")
        bearing = {**asked, "authorization": f"Bearer {token}"}
        assert len(node.caller.post("/registry/sync/ops", content=b"x\n", headers=bearing).json()["rejected"]) == 1
        assert json.loads(node("quarantine", "--json"))["source"] == "push:192.0.2.7"
        refused(node.caller.get("/health", headers={"host": "evil.example"}), 421, "unknown_host")


def test_a_hangup_reads_anew_who_may_push_unless_the_command_says_it(tmp_path: Path) -> None:
    settings = tmp_path / "config" / "tui-registry" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('accept_ops = "token"\n')
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    with serving(tmp_path / "data", env=env) as node, serving(tmp_path / "other", "--accept-ops", env=env) as other:

        def offered(node: Running) -> int:
            return node.caller.post("/sync/ops", content=b"x\n").status_code

        assert (offered(node), offered(other)) == (401, 200)
        settings.write_text("")
        for one in (node, other):
            assert "read anew" in one.hears(signal.SIGHUP, "SIGHUP")
        assert (offered(node), offered(other)) == (403, 200)


def test_a_hangup_reads_the_bounds_anew_and_the_node_lives_on(tmp_path: Path) -> None:
    settings = tmp_path / "config" / "tui-registry" / "settings.toml"
    settings.parent.mkdir(parents=True)
    with serving(tmp_path / "data", env={"XDG_CONFIG_HOME": str(tmp_path / "config")}) as node:

        def asks() -> httpx.Response:
            return node.caller.post("/models/search", json={"query": "x" * 2_000})

        assert asks().status_code == 200
        settings.write_text("[node]\nquestion_bytes = 1000\n")
        assert asks().status_code == 200
        assert "read anew" in node.hears(signal.SIGHUP, "SIGHUP")
        # On the connection that was open before, as a proxy's always are.
        refused(asks(), 413, "too_large")
        settings.write_text("[node]\nno_such_bound = 1\n")
        line = node.hears(signal.SIGHUP, "SIGHUP")
        assert "stay as they were" in line
        assert "no_such_bound" in line
        refused(asks(), 413, "too_large")
        settings.unlink()
        node.hears(signal.SIGHUP, "SIGHUP")
        assert asks().status_code == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_node_whose_terminal_was_closed_ends(tmp_path: Path, workers: str) -> None:
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(tmp_path / "data"), "serve", "--port", "0"]
    command += ["--workers", workers]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, command)
    said = b""
    while b"Ctrl+C ends this\r\n" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_journal_begins_with_where_its_node_listens_and_holds_all_that_is_said_on_stderr(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--log-format", "json", "--allow-remote") as node:
        answer = node.caller.get("/models?q=secret", headers={"x-request-id": "of-a-proxy"})
        assert answer.headers["x-request-id"] == "of-a-proxy"
        assert node.process.stderr is not None
        written = ""
        node.process.send_signal(signal.SIGHUP)
        while "SIGHUP" not in written:
            written += node.process.stderr.readline()
        node.process.send_signal(signal.SIGTERM)
        written += node.process.communicate()[1]
    start, request, note, closing = map(json.loads, written.splitlines())
    assert (start["event"], start["url"]) == ("start", str(node.caller.base_url).rstrip("/"))
    assert (request["request_id"], request["route"], request["status"]) == ("of-a-proxy", "/models", 200)
    assert (note["event"], closing["event"]) == ("note", "closing")
    assert "secret" not in written


def test_a_hangup_shows_the_new_certificate_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    ours, others = Authority("ours"), Authority("another's")
    file = tmp_path / "identity.pem"
    file.write_text(ours.server("127.0.0.1"))

    def is_by(authority: Authority) -> bool:
        trusting = ssl.create_default_context(cadata=authority.certificate)
        try:
            with httpx.Client(base_url=node.caller.base_url, verify=trusting, trust_env=False, timeout=30) as caller:
                return caller.get("/health/live").status_code == 200
        except httpx.ConnectError:
            return False

    with serving(tmp_path / "data", "--tls-cert", str(file)) as node:
        assert is_by(ours)
        file.write_text("nothing")
        assert "stay as they were" in node.hears(signal.SIGHUP, "SIGHUP")
        assert is_by(ours)
        file.write_text(others.server("127.0.0.1"))
        assert "read anew" in node.hears(signal.SIGHUP, "SIGHUP")
        assert is_by(others)
        assert not is_by(ours)


def test_the_command_listens_on_a_socket_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    command = [sys.executable, "-m", "tui_registry", "--data-dir", str(tmp_path / "data"), "serve", "--json"]
    with subprocess.Popen(
        [*command, "--uds", str(path), "--trust-proxy", "unix"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert (told["url"], told["uds"]) == (f"unix:{path}", str(path))
            assert shapes.fault_of(("serve", "--json"), [told], 0) is None
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(path), verify=False)) as caller:
                assert caller.get("http://localhost/health/ready").status_code == 200
        finally:
            process.terminate()
    assert process.returncode == 0
    assert not path.exists()
