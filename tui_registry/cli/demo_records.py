"""The demo's records: the sample, signed by throw-away owners, and a few that show conflicts, problems and editing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from tui_registry.crdt import AgentOp, Identity, ModelOp, sign_up
from tui_registry.errors import KINDS, Json, Kind, Record
from tui_registry.records.as_written import read_record
from tui_registry.records.schema import ID_FIELD
from tui_registry.records.wire import derive_id

UNNAMED = "hobbyist"

_DAY = 86_400
# An older version of every fourth record, so that histories have something to show.
_EDITED = 4
_BETWEEN = 40 * _DAY
_FOR_THE_DEMO = ("publisher", "updated_days_ago", "preferred_model_names")


@dataclass(frozen=True, slots=True)
class Sample:
    """The ops of each record, children first, and the owners by the handle of their publisher."""

    records: Sequence[Sequence[ModelOp | AgentOp]]
    owners: Mapping[str, Identity]


def sample_ops(now: int) -> Sample:
    """The sample as it would have come from its publishers by `now`, in Unix seconds. Other keys at each call."""
    text = (resources.files("tui_registry") / "data" / "sample.json").read_text(encoding="utf-8")
    document: dict[str, list[dict[str, Json]]] = json.loads(text)
    items: list[tuple[Kind, dict[str, Json]]] = [(kind, item) for kind in KINDS for item in document[f"{kind}s"]]
    owners = {_handle(item): Identity.generate() for _, item in items}
    models: dict[Json, str] = {}
    records: list[list[ModelOp | AgentOp]] = []
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


def naming_models(template: str, preferred: Sequence[str]) -> str:
    """The template with a MODEL line for each preferred model: ids hold their owner, another one at each start."""
    name, rest = template.split("\n", 1)
    return "\n".join([name, *(f"MODEL preferred:{identifier}" for identifier in preferred), rest])


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


def _conflict(owner: Identity, now: int) -> list[ModelOp | AgentOp]:
    """One key used on two machines that had not pulled: two versions, neither knowing the other."""
    fields: dict[str, Json] = {
        "name": "two-desks-embedder",
        "version": "0.3.0",
        "description": "Edited on two machines at once: a conflict, until its owner writes again.",
        "model_type": "Embedding",
        "parameters": 33_000_000,
        "context_length": 512,
        "tags": ["embedding"],
    }
    root = _owned("model", fields, owner, now - 20 * _DAY)
    first = sign_up(owner, "model", root)
    desk = {**root, "version": "0.4.0", "updated_at": now - 2 * _DAY}
    laptop = {**root, "version": "0.3.1", "context_length": 8192, "updated_at": now - 3 * _DAY}
    return [
        first,
        *(sign_up(owner, "model", side, children=[first.hash], clock=2, counter=2) for side in (desk, laptop)),
    ]


def _careless(owner: Identity, now: int) -> list[ModelOp | AgentOp]:
    """Valid for everybody and shown, with the problems that its author was not told of."""
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
