"""Asks a node all that its description allows, and much that it does not (schemathesis): nothing that it answers is a
fault of its own, or a status, a header, a media type or a body that is not described, and nothing is taken that is
described as wrong. Events are left out, as their answer has no end (`test_events`).

    python -m tests.node.described [SEED [CASES]]

It is no part of the ordinary suite, as it takes half a minute; `.ci/run` runs it.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stdout
from pathlib import Path

import schemathesis
from schemathesis.cli import schemathesis as command

from tests.crdt import model
from tests.node.conftest import T0, bearer
from tests.node.test_conflicts_api import ME, Given, given, revision
from tests.seeds import make_record, stranger_ops
from tui_registry.datastore import Datastore
from tui_registry.errors import KINDS, Kind, Record
from tui_registry.node import running
from tui_registry.node.routes import EVENTS
from tui_registry.records.schema import defaults
from tui_registry.tongues.mcp_registry import server_name

# Statuses that may be the answer to what is described as right: a licence or a query is a language of its own, and most
# ids are of no record.
_RIGHT = [200, 201, 204, 206, 304, 400, 403, 404, 409, 412, 416, 422]
_WRONG = [400, 401, 403, 404, 409, 412, 415, 422, 431]


@schemathesis.serializer("application/x-ndjson")
def lines(_: object, value: object) -> bytes:
    """A push as it travels; schemathesis knows no lines of JSON."""
    return value if isinstance(value, bytes) else str(value).encode()


_came: Counter[tuple[str, int]] = Counter()


@schemathesis.hook
def after_call(_: object, case: schemathesis.Case, response: schemathesis.Response) -> None:
    """Count the answers."""
    _came[case.operation.label, response.status_code] += 1


def main(seed: int = 1, cases: int = 15) -> int:
    """Ask a small replica's node; gives the exit status, and says what was found where something was.

    Args:
        cases: for each operation, beside those that follow from the description.
    """
    with tempfile.TemporaryDirectory() as place, Datastore.open(Path(place) / "node", clock=lambda: T0) as store:
        store.key.replace(ME)
        store.apply([op.to_json() for op in stranger_ops(4)], source="a stranger")
        # Of each kind one that is written to, two that are deleted, and one in conflict.
        records = {kind: [given(store, kind, versions) for versions in (1, 1, 1, 2, 1)] for kind in KINDS}
        config = Path(place) / "schemathesis.toml"
        config.write_text(_config(store, records, _server(store)))
        said = io.StringIO()
        # What it keeps of a run is kept where it is asked from.
        with running(store, accept_ops=True) as address, redirect_stdout(said), chdir(place):
            arguments = [
                "--no-color", "--config-file", str(config), "run", f"{address.url}/openapi.json",
                "--header", f"Authorization: {bearer(store)}", "--checks", "all", "--seed", str(seed),
                "--max-examples", str(cases), "--exclude-path", EVENTS, "--continue-on-failure", "--generation-database", "none",
            ]  # fmt: skip
            try:
                command(arguments)
            except SystemExit as ended:
                status = int(ended.code or 0)
    operations = {operation for operation, _ in _came}
    never = [operation for operation in operations if not any(_came[operation, good] for good in (200, 201, 204))]
    if status or never:
        print(said.getvalue())  # noqa: T201
    for operation in sorted(operations):
        counts = ", ".join(f"{code}: {count}" for (of, code), count in sorted(_came.items()) if of == operation)
        print(  # noqa: T201
            f"{operation:45} {counts}{'   never answered as asked' if operation in never else ''}"
        )
    return status or bool(never)


# How


def _manifest_in_conflict(store: Datastore, record: str) -> str:
    """Give a record a manifest with two live versions; what stands for them."""
    store.manifests.set(record, defaults("manifest"))
    entry = store.manifests.get(record)
    assert entry is not None
    assert entry.manifest is not None
    for side in ("left", "right"):
        value = {**entry.manifest, "status_message": side}
        op = model.up_tree(ME, "manifest", value, [entry.heads[0]], 2)
        store.apply([model.spell(op)], source="another device")
    return revision(*store.manifests.get(record).heads)  # type: ignore[union-attr]


def _answering(store: Datastore) -> str:
    """Add an agent that answers over A2A; its id."""
    answers: Record = {"interfaces": [{"url": "https://example.org/a2a", "protocol": "A2A", "version": "1.0"}]}
    return store.add("agent", make_record("agent", "answering"), manifest=defaults("manifest") | answers).key


def _server(store: Datastore) -> str:
    """Add an agent that MCP clients are told of; what they call it."""
    answers: Record = {"interfaces": [{"url": "https://example.org/mcp", "protocol": "MCP", "version": ""}]}
    op = store.add("agent", make_record("agent", "server"), manifest=defaults("manifest") | answers)
    return server_name(store.address, op.key)


def _config(store: Datastore, records: Mapping[Kind, Sequence[Given]], server: str) -> str:
    """What schemathesis is told beside the description: where to look, so that it comes past the door."""
    head = store.log.head()
    words = {
        "license": ["MIT", "Apache-2.0", "LicenseRef-mine"],
        "version": ["1.0.0", "0.1.0-rc.1"],
        "tag": ["chat", "tiny", "a-b"],
        "query": ["tag:chat", "license:mit params:<8b", "is:conflict", ""],
        "epoch": [head.epoch],
        "part": ["a.json", "00.json"],
        "server": [server],
        "server-version": ["latest"],
        "tile": [f"0.{head.size}.ndjson.gz", "0.1-3.ndjson.gz", "7.ndjson.gz"],
    }
    bound = {
        "path.epoch": "epoch",
        "path.name": "tile",
        "path.part": "part",
        "path.serverName": "server",
        "path.version": "server-version",
        "query.q": "query",
        "body.query": "query",
        "body.license": "license",
        "body.version": "version",
        "body.tags[*]": "tag",
        "body.epoch": "epoch",
    }
    of_kinds = ""
    for kind, (written, gone, gone_too, contested, settled) in records.items():
        words[f"{kind}-manifest-revision"] = [_manifest_in_conflict(store, settled.root.key)]
        words[f"{kind}s"] = [gone.root.key, gone_too.root.key]
        words[f"{kind}-revision"] = [revision(*contested.heads)]
        of_kinds += f"""
[[operations]]
include-operation-id = "validate_{kind}"
# To be told what is wrong with it is what a body is sent there for.
checks.negative_data_rejection.expected-statuses = {[200, *_WRONG]}
[[operations]]
include-operation-id = ["replace_{kind}", "patch_{kind}"]
parameters = {{ "path.record_id" = "{written.root.key}" }}
[[operations]]
include-operation-id = [
    "get_{kind}_manifest", "replace_{kind}_manifest", "patch_{kind}_manifest", "delete_{kind}_manifest",
]
parameters = {{ "path.record_id" = "{written.root.key}" }}
[[operations]]
include-operation-id = "resolve_{kind}_manifest"
# A body that is right is rare among those that are made up for it.
generation.max-examples = 60
[operations.parameters]
"path.record_id" = "{settled.root.key}"
"header.If-Match" = "*"
"body.revision" = {{ dictionary = "{kind}-manifest-revision", probability = 1.0 }}
[[operations]]
include-operation-id = "resolve_{kind}"
[operations.parameters]
"path.record_id" = "{contested.root.key}"
"header.If-Match" = "*"
"body.revision" = {{ dictionary = "{kind}-revision", probability = 0.7 }}
[[operations]]
include-operation-id = "get_{kind}"
parameters = {{ "path.record_id" = {{ dictionary = "{kind}s", probability = 0.7 }} }}
[[operations]]
# No other is deleted: the records above are written to until the end.
include-operation-id = "delete_{kind}"
parameters = {{ "path.record_id" = "{gone.root.key}" }}
[[operations]]
# What was done to a record is told of a deleted one as well.
include-operation-id = ["get_{kind}_history", "get_{kind}_heads"]
checks.use_after_free.enabled = false
parameters = {{ "path.record_id" = {{ dictionary = "{kind}s", probability = 0.7 }} }}
"""
    of_kinds += f"""
[[operations]]
include-operation-id = "read_agent_card"
parameters = {{ "path.record_id" = "{_answering(store)}" }}
"""
    return (
        f"[checks]\npositive_data_acceptance.expected-statuses = {_RIGHT}\n"
        f"negative_data_rejection.expected-statuses = {_WRONG}\n"
        + "".join(f"[dictionaries.{name}]\nvalues = {json.dumps(values)}\n" for name, values in words.items())
        + "[parameters]\n"
        + "".join(f'"{at}" = {{ dictionary = "{name}", probability = 0.7 }}\n' for at, name in bound.items())
        + of_kinds
    )


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
