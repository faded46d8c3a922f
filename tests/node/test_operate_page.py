"""What `help node` says to operators: its tables are of the program, and its examples are read by what reads them."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as read_metrics

import tui_registry
from tests.certificates import Authority
from tests.node.conftest import bearer, refused
from tui_registry.cli.parser import build_parser
from tui_registry.datastore import REASONS, Datastore
from tui_registry.node import NodeBounds, Whereabouts, running
from tui_registry.node.following import HubSeen
from tui_registry.node.limits import DEFAULT_PORT
from tui_registry.node.metrics import exposition
from tui_registry.node.push_policy import PushPolicy
from tui_registry.node.queues import Queues
from tui_registry.node.responses import status_of
from tui_registry.node.tokens import Tokens
from tui_registry.node.watch import Counts, Journal, Seen
from tui_registry.settings import PUSHERS

PAGE = Path(tui_registry.__file__).with_name("node.md").read_text()
PROGRAM = "/opt/tui-registry/bin/tui-registry"
SBIN = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"
NGINX = shutil.which("nginx") or shutil.which("nginx", path=SBIN)
ANALYZE = shutil.which("systemd-analyze")


def example(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def rows(header: str) -> list[list[str]]:
    table = PAGE[PAGE.index(header) :].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


# Tables


def test_the_page_has_each_metric_with_its_labels(store: Datastore) -> None:
    store.peers.add("hub", "http://127.0.0.1:1")
    with store._pool.write() as db:
        db.execute("UPDATE peers SET last_sync = 1")
    counts = Counts()
    counts.add(Seen("", "GET", "/models", 200, 0.1, 10, None))
    counts.turns["done"] = counts.unreadable["http"] = counts.pushed["applied"] = counts.refused_pushes["full"] = 1
    with closing(Queues(NodeBounds())) as queues:
        policy = PushPolicy(store, Tokens(store), False, NodeBounds())
        hub = HubSeen("follows", True, 1, 2, 0.0)
        told = exposition(store, policy, counts, queues.counts(), "", hub=hub)[0].decode()
    found = {}
    for family in read_metrics(told):
        if family.name.startswith("tui_registry_"):
            name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
            name = re.sub(r"(_total|_info)\1$", r"\1", name)
            found[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    listed = {row[0].strip("`"): {*re.findall(r"`(\w+)`", row[1])} for row in rows("| metric |")}
    assert listed == found


def test_the_page_has_each_member_of_a_line() -> None:
    written = io.StringIO()
    journal = Journal("json", written)
    journal.worker = 1
    journal.request(Seen("abc", "GET", "/models", 200, 0.1, 10, None))
    assert [row[0].strip("`") for row in rows("| member |")] == [*json.loads(written.getvalue())]


def test_the_page_has_who_may_push_and_how_much_and_how_the_rest_is_answered() -> None:
    assert [row[0].strip("`") for row in rows("| who | may push |")] == [*PUSHERS]
    for name, usual, *_ in rows("| bound | usually |"):
        assert getattr(NodeBounds(), name.strip("`")) == int(usual.replace(",", ""))
    for status, code, _ in rows("| answer | code |"):
        assert status == "200" or status_of(code.strip("`")) == int(status)
    assert all(f"`{reason}`" in PAGE for reason in REASONS)


# Examples


def taken(words: list[str]) -> None:
    """See to it that the command line takes a line."""
    assert words[0] in (PROGRAM, "tui-registry")
    build_parser(words[1:]).parse_args(words[1:])


def test_the_commands_of_the_examples_are_commands() -> None:
    unit = re.findall(r"^ExecStart=(.*)$", example("ini"), re.MULTILINE)
    shell = [line[line.index(PROGRAM) :] for line in example("sh").splitlines() if PROGRAM in line]
    prose = re.findall(r"`(tui-registry [^`]*)`", PAGE)
    assert (len(unit), len(shell)) == (1, 1)
    assert len(prose) > 3
    for line in (*unit, *shell, *prose):
        taken(shlex.split(line))


@pytest.mark.skipif(ANALYZE is None, reason="needs systemd")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "tui-registry.service"
    unit.write_text(example("ini").replace(PROGRAM, sys.executable))
    done = subprocess.run([str(ANALYZE), "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("UMask=0007", "UMask=none"))
    done = subprocess.run([str(ANALYZE), "verify", str(unit)], capture_output=True, text=True, check=False)
    assert "Failed to parse mode value" in done.stderr


def test_the_container_starts_a_node_and_asks_it_how_it_is() -> None:
    lines = example("dockerfile").replace("\\\n", " ").splitlines()
    steps = [line.partition(" ")[::2] for line in lines]
    assert [step for step, _ in steps] == [
        "FROM", "COPY", "COPY", "RUN", "USER", "ENV", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD",
    ]  # fmt: skip
    said = dict(steps)
    # What a package registry has under the program's name need not be this program.
    assert re.findall(r"pip install --no-cache-dir (\S+)", said["RUN"]) == ["/src"]
    copied = [line.split() for step, line in steps if step == "COPY"]
    assert all(line[-1].startswith("/src/") for line in copied)
    assert all((Path(__file__).parents[2] / name).exists() for line in copied for name in line[:-1])
    taken([*json.loads(said["ENTRYPOINT"]), *json.loads(said["CMD"])])
    assert said["EXPOSE"] == str(DEFAULT_PORT)
    check = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
    assert check[:2] == ["python", "-c"]
    compile(check[2], "HEALTHCHECK", "exec")
    assert f"http://127.0.0.1:{DEFAULT_PORT}/health/live" in check[2]
    assert {*json.loads(said["VOLUME"])} == {word.partition("=")[2] for word in said["ENV"].split()}


def test_prometheus_is_told_where_to_ask_and_with_which_token() -> None:
    (job,) = yaml.safe_load(example("yaml"))["scrape_configs"]
    assert job["scheme"] == "https"
    assert job["authorization"].keys() == {"credentials_file"}


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_nginx_takes_its_example_and_offers_the_node_by_it(store: Datastore, tmp_path: Path) -> None:
    """With its own ports and files in place of those of a machine."""
    authority, folder, path = Authority("ours"), tmp_path / "nginx", tmp_path / "node.sock"
    folder.mkdir()
    identity = folder / "identity.pem"
    identity.write_text(authority.server("registry.example"))
    with ExitStack() as stack:
        free = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(4)]
        ports = [one.getsockname()[1] for one in free]
    left = iter(ports)
    server = re.sub(r"listen (?:\[::\]:)?\d+", lambda _: f"listen 127.0.0.1:{next(left)}", example("nginx"))
    server = server.replace("/run/tui-registry/node.sock", str(path))
    server = re.sub(r"/etc/ssl/registry.example/\w+.pem", str(identity), server)
    configuration = folder / "nginx.conf"
    kept = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration.write_text(
        f"daemon on; master_process off; pid {folder}/pid; events {{}}\nhttp {{ access_log off; {kept}\n{server} }}"
    )
    command = [str(NGINX), "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    line = shlex.split(re.findall(r"^ExecStart=(.*)$", example("ini"), re.MULTILINE)[0])
    options = build_parser(line[1:]).parse_args(line[1:])
    whereabouts = Whereabouts(names=tuple(options.host_name), proxies=tuple(options.trust_proxy))
    with ExitStack() as stack:
        stack.enter_context(running(store, uds=path, whereabouts=whereabouts, accept_ops=True))
        subprocess.run(command, check=True, capture_output=True)
        stack.callback(subprocess.run, [*command, "-s", "stop"], check=True, capture_output=True)
        trusting = ssl.create_default_context(cadata=authority.certificate)
        transport = httpx.HTTPTransport(verify=trusting, local_address="127.0.0.2")
        asked = {"host": "registry.example", "x-forwarded-for": "6.6.6.6"}
        caller = stack.enter_context(httpx.Client(transport=transport, headers=asked, timeout=30))

        def ask(method: str, path: str, **more: Any) -> httpx.Response:
            by_name = {"sni_hostname": "registry.example"}
            return caller.request(method, f"https://127.0.0.1:{ports[0]}{path}", extensions=by_name, **more)

        assert ask("GET", "/health/ready").json()["status"] == "ready"
        assert len(ask("POST", "/sync/ops", content=b"no operation\n").json()["rejected"]) == 1
        assert {found.source for found in store.log.quarantine()} == {"push:127.0.0.2"}
        assert ask("POST", "/sync/ops", content=b"x" * NodeBounds().push_bytes).status_code == 400
        refused(ask("GET", "/metrics"), 401, "unauthorized")
        token = bearer(store, "metrics")
        assert "tui_registry_connections 1.0" in ask("GET", "/metrics", headers={"authorization": token}).text
        refused(ask("GET", "/health", headers={"host": "evil.example"}), 421, "unknown_host")
        plain = caller.get(f"http://127.0.0.1:{ports[2]}/models?q=x")
        assert (plain.status_code, plain.headers["location"]) == (301, "https://registry.example/models?q=x")
