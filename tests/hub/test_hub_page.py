"""What `help hub` says to those who run one: its commands are commands, its examples are read by what reads them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import tui_registry
from tests.certificates import Authority
from tui_registry.cli.parser import build_parser
from tui_registry.node.limits import DEFAULT_PORT
from tui_registry.node.responses import status_of
from tui_registry.replica.log.turns import UNKNOWN_SECONDS
from tui_registry.replica.store.key import KEY_FILE

PAGE = Path(tui_registry.__file__).with_name("hub.md").read_text("utf-8")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
DATA, MARK = "/replica", "/mark"


def example(first: str) -> str:
    """The block that begins with this line."""
    (found,) = re.findall(rf"^```\w+\n(# {re.escape(first)}\n.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def rows(header: str) -> list[list[str]]:
    table = PAGE[PAGE.index(header) :].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def taken(words: list[str]) -> None:
    """See to it that the command line takes a line."""
    build_parser(words).parse_args(words)


def test_the_commands_of_the_page_are_commands() -> None:
    said = [line.split(None, 1)[1] for line in re.findall(r"`(tui-registry [^`]*)`", PAGE)]
    said += re.findall(r"`((?:hub|serve|export) [^`]*)`", PAGE)
    assert len(said) > 12
    for line in said:
        words = shlex.split(line.replace("s3://...", "s3://bucket/prefix"))
        if len(words) == 2:  # named without what it is to do
            with pytest.raises(SystemExit, match="0"):
                taken([*words, "--help"])
        else:
            taken(words)


def test_each_answer_that_the_page_names_is_one_to_come_again_by() -> None:
    named = {*re.findall(r"503 `(\w+)`", PAGE)} - {*re.findall(r"readiness is 503 `(\w+)`", PAGE)}
    assert named == {"hub_away", "hub_busy", "outcome_unknown"}
    for code in named:
        assert status_of(code) == 503


def test_the_times_of_the_page_are_those_of_the_program() -> None:
    pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[hub]'")
    from tui_registry.hub import postgres

    assert f"writes wait {postgres.LOCK_SECONDS} s for their turn" in PAGE
    assert f"loses its turn after {postgres.IDLE_SECONDS} s" in PAGE
    assert f"cannot find out in {UNKNOWN_SECONDS:.0f} s" in PAGE
    assert f"{postgres.POLL_SECONDS:.0f} s later at most" in PAGE


# Examples


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(example("compose.yaml"))
    return found


def test_compose_begins_a_hub_and_then_its_nodes() -> None:
    said = compose()
    services = said["services"]
    nodes = [service for name, service in services.items() if name.startswith("node-")]
    assert len(nodes) == 3
    for service in services.values():
        for volume in service.get("volumes", ()):
            name = volume.partition(":")[0]
            assert name in said["volumes"] or name.startswith(("/", "./"))
        for secret in service.get("secrets", ()):
            assert secret in said["secrets"]
        for other in service.get("depends_on", {}):
            assert other in services
    views = [volume for node in nodes for volume in node["volumes"] if volume.endswith(f":{DATA}")]
    assert len({*views}) == len(nodes), "each node has a view of its own"
    for service in (*nodes, services["publisher"]):
        shell, flag, script = service["entrypoint"]
        assert (shell, flag) == ("sh", "-c")
        assert f"$$TUI_REGISTRY_DATA_DIR/{KEY_FILE}" in script
        taken(service["command"])


@pytest.mark.parametrize("there_is", [True, False])
@pytest.mark.parametrize("name", ["node-1", "hub-init"])
def test_what_compose_runs_puts_the_key_into_its_place_first(tmp_path: Path, name: str, *, there_is: bool) -> None:
    """The scripts are run as compose runs them, with a program of our own in the place of ours."""
    service = compose()["services"][name]
    program = tmp_path / "bin" / "tui-registry"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\ntest "$2" != status || {str(there_is).lower()}\n')
    program.chmod(0o755)
    (tmp_path / "key").write_text("secret")
    script = service["entrypoint"][2].replace("$$", "$").replace("/run/secrets/hub-key", str(tmp_path / "key"))
    subprocess.run(
        ["sh", "-c", script, *service["command"]],
        env={"PATH": f"{program.parent}:/usr/bin:/bin", "TUI_REGISTRY_DATA_DIR": str(tmp_path)},
        check=True,
    )
    said = [line.split() for line in (tmp_path / "said").read_text().splitlines()]
    if name == "node-1":
        assert said == [service["command"]]
    else:
        assert [words[:2] for words in said] == [["hub", "status"], *([] if there_is else [["hub", "init"]])]
    for words in said:
        taken(words)
    key = tmp_path / KEY_FILE
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("secret", 0o600)


def test_kubernetes_begins_nodes_with_views_of_their_own() -> None:
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(example("kubernetes.yaml"))}
    nodes = found["StatefulSet", "tui-registry"]["spec"]
    pod = nodes["template"]["spec"]
    labels = nodes["template"]["metadata"]["labels"]
    assert nodes["selector"]["matchLabels"] == labels
    assert found["PodDisruptionBudget", "tui-registry"]["spec"]["selector"]["matchLabels"] == labels
    assert ("Service", nodes["serviceName"]) in found
    for kind, name in found:
        if kind == "Service":
            assert found[kind, name]["spec"]["selector"] == labels
    volumes = {volume["name"] for volume in pod["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in nodes["volumeClaimTemplates"]}
    node, publisher = pod["containers"]
    taken(publisher["args"])
    for container in (*pod["initContainers"], node, publisher):
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    assert pod["initContainers"][0]["command"][-1] == f"{DATA}/{KEY_FILE}"
    taken(node["args"])
    (port,) = node["ports"]
    assert port["containerPort"] == DEFAULT_PORT
    probes = {kind: node[kind]["httpGet"] for kind in ("livenessProbe", "readinessProbe")}
    assert {probe["path"] for probe in probes.values()} == {"/health/live", "/health/ready"}
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert json.loads(json.dumps(node["env"]))[0]["value"] == DATA


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_nginx_takes_its_example(tmp_path: Path) -> None:
    identity = tmp_path / "identity.pem"
    identity.write_text(Authority("ours").server("registry.example"))
    server = re.sub(
        r"/etc/ssl/registry.example/\w+.pem", str(identity), example("/etc/nginx/conf.d/tui-registry-hub.conf")
    )
    kept = "".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = tmp_path / "nginx.conf"
    settings.write_text(f"pid {tmp_path}/pid; events {{}}\nhttp {{ access_log off; {kept}\n{server} }}")
    command = [str(NGINX), "-t", "-p", str(tmp_path), "-c", str(settings), "-e", str(tmp_path / "error.log")]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
