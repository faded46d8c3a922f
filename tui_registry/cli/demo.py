"""`demo`: a throw-away replica with sample records, and a second one, served on loopback, that has more of them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import tui_registry
from tui_registry.cli.output import UsageError, note, out, out_json
from tui_registry.cli.registry import machine_in, need_terminal
from tui_registry.crdt import AnyOp, Identity, sign_up
from tui_registry.datastore import Datastore
from tui_registry.errors import KINDS, Json, Kind, Record, RegistryError
from tui_registry.records.as_written import read_manifest, read_record
from tui_registry.records.schema import ID_FIELD
from tui_registry.records.wire import derive_id, derive_manifest_id
from tui_registry.settings import SETTINGS_FILE, STATE_DIR_VARIABLE, mark_as_sample
from tui_registry.text import exact, safe_text

if TYPE_CHECKING:
    from tui_registry.cli.run import Screens

NEIGHBOUR = "neighbour"

_READY_SECONDS = 60
_END_SECONDS = 10


class DemoError(RegistryError):
    """The demo could not be built; code `demo`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("demo", sentence)


def demo(args: Namespace) -> int:
    """Build the demo, then open the screens on it."""
    if args.data_dir is not None:
        raise UsageError("the demo has a directory of its own, which vanishes: leave out --data-dir")
    if args.check:
        with prepared() as datastore:
            return _check(datastore, as_json=args.json)
    need_terminal("'tui-registry demo --check' does without")
    screens: Screens = args.screens
    with prepared() as datastore:
        datastore.machine = lambda: machine_in(args, datastore)
        # The person's settings are read; changes of them are written into the demo's directory only.
        screens(datastore, query="", settings_file=datastore.data_dir / SETTINGS_FILE)
    return 0


@contextmanager
def prepared() -> Iterator[Datastore]:
    """A replica with about two thirds of the sample and a peer, `neighbour`, that has all of it.

    Nothing outside a temporary directory is touched, and that is removed at the end, as is the neighbour's process.

    Raises:
        DemoError: the neighbour could not be started.
    """
    with tempfile.TemporaryDirectory(prefix="tui-registry-demo-") as folder, _ended_by_signals():
        here, there = Path(folder, "replica"), Path(folder, NEIGHBOUR)
        sample = sample_ops(int(time.time()))
        with Datastore.open(there) as neighbour:
            neighbour.apply((op.to_json() for ops in sample.records for op in ops), source="demo")
        with _served(there) as node, _opened(here, sample) as datastore:
            datastore.peers.add(NEIGHBOUR, _url(node, Path(folder)))
            datastore.news.seen()  # what is pulled from the neighbour is new, and nothing else
            yield datastore


@contextmanager
def looked_around() -> Iterator[Datastore]:
    """The same for the app to look around in, in whatever thread: the peer is a folder, and no process is begun."""
    with tempfile.TemporaryDirectory(prefix="tui-registry-sample-") as folder:
        here, log = Path(folder, "replica"), Path(folder, NEIGHBOUR)
        sample = sample_ops(int(time.time()))
        with Datastore.open(Path(folder, "there")) as neighbour:
            neighbour.apply((op.to_json() for ops in sample.records for op in ops), source="demo")
            _write_log(neighbour, log)
        with _opened(here, sample) as datastore:
            datastore.peers.add(NEIGHBOUR, str(log))
            yield datastore


# How


@contextmanager
def _opened(here: Path, sample: Sample) -> Iterator[Datastore]:
    """A replica of one's own, marked as sample data."""
    with Datastore.open(here) as datastore:
        mark_as_sample(here)
        # Every third record is the neighbour's alone, so that there is something to pull.
        known = [ops for number, ops in enumerate(sample.records) if number % 3 != 2]
        datastore.apply((op.to_json() for ops in known for op in ops), source="demo")
        for kind, record in own_records():
            datastore.add(kind, record)
        root, desk, laptop = own_conflict(datastore.key.identity(), int(time.time()))
        datastore.apply([root.to_json(), desk.to_json()], source="desk")
        datastore.apply([laptop.to_json()], source="laptop")
        # They are one's own, as the story has it: nobody is to be warned of them before the first thing one signs.
        datastore.elsewhere.acknowledge()
        for publisher, owner in sample.owners.items():
            if publisher != UNNAMED:
                datastore.names.set(owner.address, publisher)
        datastore.news.seen()  # what the neighbour brings is what is new
        yield datastore


def _write_log(neighbour: Datastore, folder: Path) -> None:
    """The log as a published directory. Nothing is remembered of it outside: nobody reads it but the sample."""
    from tui_registry.sync.tiles import pack, spans, spell_head

    neighbour.log.finish_sets(_READY_SECONDS)
    head = neighbour.log.signed_head()
    entries = folder / "sync" / head.epoch / "entries"
    entries.mkdir(parents=True)
    for span in spans(0, head.size, ranges=False):
        (entries / span.name).write_bytes(pack(neighbour.log.lines(span.start, span.end)))
    (folder / "sync" / "head").write_bytes(spell_head(head, ranges=False))


def _check(datastore: Datastore, *, as_json: bool) -> int:
    import asyncio

    from tui_registry.sync import pull_all

    before = datastore.stats().records
    (result,) = asyncio.run(pull_all(datastore, [NEIGHBOUR]))
    stats = datastore.stats()
    sound = result.ok and not result.rejected and not stats.pending and stats.records > before
    if as_json:
        out_json({"sound": sound, "records": before, "pulled": stats.records - before, "conflicts": stats.conflicts})
    else:
        pulled = f"{exact(stats.records - before)} more pulled from {NEIGHBOUR}"
        out(f"demo: {exact(before)} records, {pulled}, {exact(stats.conflicts)} in conflict")
    if not sound:
        note(safe_text(result.sentence))
    return 0 if sound else 1


@contextmanager
def _served(replica: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The replica as a node in a process of its own, ended with the block."""
    # This same installation, whatever the working directory holds: -P keeps that off the import path.
    root = str(Path(tui_registry.__file__).parent.parent)
    serve = ["serve", "--port", "0", "--json", "--data-dir", str(replica)]
    command = [sys.executable, "-P", "-m", "tui_registry", *serve]
    with replica.with_suffix(".log").open("wb") as log:
        node = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
                STATE_DIR_VARIABLE: str(replica.with_suffix(".state")),
            },
            start_new_session=True,  # Ctrl+C is for us; we end the node
        )
    with node:
        try:
            yield node
        finally:
            node.terminate()
            try:
                node.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                node.kill()


def _url(node: subprocess.Popen[bytes], folder: Path) -> str:
    """Where the node listens, by its first line."""
    assert node.stdout is not None
    readable, _, _ = select.select([node.stdout], [], [], _READY_SECONDS)
    line = node.stdout.readline() if readable else b""
    try:
        ready: Json = json.loads(line)
    except ValueError:
        ready = None
    url = ready.get("url") if isinstance(ready, dict) else None
    if not isinstance(url, str):
        said = (folder / f"{NEIGHBOUR}.log").read_text("utf-8", "replace").strip().rpartition("\n")[2]
        raise DemoError(f"the demo's neighbour did not start: {safe_text(said, 300) or 'it said nothing'}")
    return url


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an exit, so that the node is ended and the directory removed."""

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what `signal` calls
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# The records: the sample, signed by throw-away owners, and a few that show conflicts, problems and editing

UNNAMED = "hobbyist"

_DAY = 86_400
# An older version of every fourth record, so that histories have something to show.
_EDITED = 4
_BETWEEN = 40 * _DAY
_FOR_THE_DEMO = ("publisher", "updated_days_ago", "preferred_model_names", "manifest")


@dataclass(frozen=True, slots=True)
class Sample:
    """The ops of each record, children first, and the owners by the handle of their publisher."""

    records: Sequence[Sequence[AnyOp]]
    owners: Mapping[str, Identity]


def sample_ops(now: int) -> Sample:
    """The sample as it would have come from its publishers by `now`, in Unix seconds. Other keys at each call."""
    text = (resources.files("tui_registry") / "data" / "sample.json").read_text(encoding="utf-8")
    document: dict[str, list[dict[str, Json]]] = json.loads(text)
    items: list[tuple[Kind, dict[str, Json]]] = [(kind, item) for kind in KINDS for item in document[f"{kind}s"]]
    owners = {_handle(item): Identity.generate() for _, item in items}
    models: dict[Json, str] = {}
    records: list[list[AnyOp]] = []
    behind: list[tuple[list[AnyOp], Identity, Json]] = []
    for number, (kind, item) in enumerate(items):
        owner = owners[_handle(item)]
        updated = now - _whole(item["updated_days_ago"]) * _DAY
        created = updated - (_BETWEEN if number % _EDITED == 0 else 0)
        record = _record(kind, item, owner, created, models)
        if kind == "model":
            models[record["name"]] = str(record["model_id"])
        first = {**record, "tags": []} if created != updated else record
        ops = [sign_up(owner, kind, first)]
        if created != updated:
            later = {**record, "updated_at": updated}
            ops.append(sign_up(owner, kind, later, children=[ops[0].hash], clock=2, counter=2))
        records.append(ops)
        if "manifest" in item:
            behind.append((ops, owner, item["manifest"]))
    # Last, as a manifest may name any model of the sample.
    for ops, owner, says in behind:
        ops.append(sign_up(owner, "manifest", manifest_of(ops[0], says, models)))
    owners[UNNAMED] = hobbyist = Identity.generate()
    return Sample([_conflict(hobbyist, now), _careless(hobbyist, now), *records], owners)


def own_records() -> list[tuple[Kind, Record]]:
    """Records for the demo's own key to sign, so that editing and deleting can be tried."""
    return [
        (
            "model",
            read_record(
                "model",
                {
                    "name": "my-support-finetune",
                    "version": "1.1.0",
                    "description": "Your record: edit it with e, delete it with d.",
                    "license": "Apache-2.0",
                    "parameters": 7_000_000_000,
                    "quantization": "INT4",
                    "context_length": 32_768,
                    "tags": ["support", "finetune"],
                    "capabilities": ["chat"],
                },
            ),
        ),
        (
            "agent",
            read_record(
                "agent",
                {
                    "name": "my-inbox-agent",
                    "description": "Your record as well: sorts mail and drafts answers.",
                    "agent_type": "Assistant",
                    "framework": "CustomPython",
                    "tags": ["mail"],
                    "tools": ["imap", "calendar"],
                },
            ),
        ),
    ]


def own_conflict(owner: Identity, now: int) -> list[AnyOp]:
    """A record that the demo's own key wrote on two devices at once, so that settling a conflict can be tried: the
    first version, and what the desk and the laptop made of it."""
    about = "Sorts support tickets by topic and urgency, and says how sure it is."
    trained = "Trained on 12,000 tickets of 2025; the labels were checked by two people."
    fields: dict[str, Json] = {
        "name": "my-ticket-classifier",
        "version": "1.0.0",
        "description": f"{about}\n\n{trained}",
        "license": "Apache-2.0",
        "model_type": "Embedding",
        "parameters": 110_000_000,
        "context_length": 512,
        "tags": ["support", "classifier"],
        "capabilities": ["classification"],
    }
    desk: dict[str, Json] = {
        "version": "1.1.0",
        "description": f"{about}\n\n{trained.replace('12,000 tickets of 2025', '18,000 tickets of 2025 and 2026')}",
        "license": "MIT",
        "tags": ["support", "classifier", "urgency"],
    }
    laptop: dict[str, Json] = {
        "description": f"{about.replace('tickets by', 'tickets in English and German by')}\n\n{trained}",
        "license": "BSD-3-Clause",
        "context_length": 1024,
        "tags": ["support", "german"],
    }
    root = _owned("model", fields, owner, now - 9 * _DAY)
    return _forked(owner, root, ({**desk, "updated_at": now - _DAY}, {**laptop, "updated_at": now - 2 * _DAY}))


def naming_models(template: str, preferred: Sequence[str]) -> str:
    """The template with a MODEL line for each preferred model: ids depend on the owner, a new one at each start."""
    name, rest = template.split("\n", 1)
    return "\n".join([name, *(f"MODEL preferred:{identifier}" for identifier in preferred), rest])


def manifest_of(first: AnyOp, says: Json, models: Mapping[Json, str]) -> Record:
    """What stands behind a record, which names models of the sample by their names: ids depend on the owners.

    Args:
        first: what registered the record. says: the manifest as the sample has it. models: their ids by their names.
    """
    record = first.record
    assert isinstance(says, dict)
    assert record is not None
    fields = dict(says)
    required = fields.pop("required_model_names", [])
    assert isinstance(required, list)
    if required:
        fields["required_models"] = [models[name] for name in required]
    if "superseded_by_name" in fields:
        fields["superseded_by"] = models[fields.pop("superseded_by_name")]
    manifest = read_manifest(fields)
    made_from = manifest["derived_from"]
    assert isinstance(made_from, list)
    for source in made_from:
        assert isinstance(source, dict)
        source["model_id"] = models.get(source["name"])
    return manifest | {
        "manifest_id": derive_manifest_id(first.key),
        "owner_id": record["owner_id"],
        "subject_id": first.key,
        "subject_kind": first.kind.capitalize(),
        "subject_name": record["name"],
        "created_at": record["created_at"],
        "updated_at": record["created_at"],
    }


def _record(kind: Kind, item: Mapping[str, Json], owner: Identity, at: int, models: Mapping[Json, str]) -> Record:
    fields = {name: value for name, value in item.items() if name not in _FOR_THE_DEMO}
    names = item.get("preferred_model_names")
    if isinstance(names, list):
        preferred = [models[name] for name in names]
        fields["preferred_models"] = list(preferred)
        if template := str(fields.get("formfile_template", "")):
            fields["formfile_template"] = naming_models(template, preferred)
    return _owned(kind, fields, owner, at)


def _owned(kind: Kind, fields: Mapping[str, Json], owner: Identity, at: int) -> Record:
    """The record as its owner signs it first."""
    identifier = derive_id(kind, owner.address, str(fields["name"]), at)
    given: dict[str, Json] = {"owner_id": owner.address, ID_FIELD[kind]: identifier, "created_at": at, "updated_at": at}
    return read_record(kind, {**fields, **given})


def _conflict(owner: Identity, now: int) -> list[AnyOp]:
    """One key used on two machines that had not pulled: two versions, neither knowing the other."""
    fields: dict[str, Json] = {
        "name": "two-desks-embedder",
        "version": "0.3.0",
        "description": "Edited on two machines at once: a conflict, until its owner settles it.",
        "model_type": "Embedding",
        "parameters": 33_000_000,
        "context_length": 512,
        "tags": ["embedding"],
    }
    root = _owned("model", fields, owner, now - 20 * _DAY)
    desk: dict[str, Json] = {"version": "0.4.0", "updated_at": now - 2 * _DAY}
    laptop: dict[str, Json] = {"version": "0.3.1", "context_length": 8192, "updated_at": now - 3 * _DAY}
    return _forked(owner, root, (desk, laptop))


def _forked(owner: Identity, root: Record, sides: Sequence[Mapping[str, Json]]) -> list[AnyOp]:
    """A model as its owner registered it, and versions of it of which none knows the others."""
    first = sign_up(owner, "model", root)
    versions = ({**root, **side} for side in sides)
    return [first, *(sign_up(owner, "model", side, children=[first.hash], clock=2, counter=2) for side in versions)]


def _careless(owner: Identity, now: int) -> list[AnyOp]:
    """A record that is valid and shown, but breaks authoring rules, as another program may publish one."""
    fields: dict[str, Json] = {
        "name": "weekend-chat",
        "version": "1.0",
        "description": "A record from a careless program, with problems for you to see.",
        "license": "apache",
        "tags": ["Weekend Project", "chat"],
    }
    return [sign_up(owner, "model", _owned("model", fields, owner, now - 5 * _DAY))]


def _handle(item: Mapping[str, Json]) -> str:
    return str(item["publisher"])


def _whole(value: Json) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value
