"""A replica full of hostile strings, and a look at the screen that finds whether any of them did something."""

from __future__ import annotations

import importlib
import json
import pkgutil
import unicodedata
from contextlib import suppress
from pathlib import Path

from textual.screen import Screen
from textual.widget import Widget

import tui_registry.tui
from tests.seeds import NOW, make_record, owner, signed
from tests.trust.hostile_replica import manifest_of
from tests.trust.strings import STRINGS, dangers, fitted
from tests.tui.driving import replica
from tui_registry.crdt import AgentOp, Identity, ModelOp, sign_up
from tui_registry.datastore import Datastore, Draft, Ration
from tui_registry.errors import Json, Kind, Record
from tui_registry.query import QueryError
from tui_registry.records import derive_manifest_id
from tui_registry.records.schema import defaults
from tui_registry.tui import RegistryApp

TEXTS = tuple(STRINGS.values())
# Each record holds so many of the strings, each in several fields: so few of them show them all.
AT_ONCE = 8


def fill(folder: Path) -> None:
    """Put the strings in every place of a replica that a stranger, a peer, a file or a slip of the hand can reach."""
    with replica(folder) as datastore:
        lines = [op for place in range(len(TEXTS)) for op in _strangers(place)]
        report = datastore.apply(lines, source="stranger")
        assert not report.rejected, report.rejected[:3]
        for place, text in enumerate(TEXTS):
            datastore.names.set(owner(f"owner {place}").address, text)
            bad = json.dumps({text: {text: text}}, ensure_ascii=False).encode(errors="replace")
            datastore.apply([text.replace("\n", "").encode(), bad], source=f"{text[:60]} {place}")
            datastore.peers.add(f"peer-{place}", f"/nowhere/{place}/{text[:200].replace(chr(58), chr(46))}")
            datastore.peers.finish_pull(f"peer-{place}", None, f"it said {text}")
            datastore.drafts.save(Draft(f"new:{place}", "model", None, (), dict.fromkeys(_TYPED, text)))
            datastore.searches.remember(text)
            unwanted = signed(owner(f"unwanted {place}"), "model", fitted(text, 128))
            if place % 2:
                datastore.rations.block(owner(f"unwanted {place}").address)
                datastore.names.set(owner(f"unwanted {place}").address, text)
            datastore.apply([unwanted.to_json()], source=text[:60], ration=Ration(owner_ops=0))
            with suppress(QueryError):
                datastore.searches.save(f"search-{place}", text)
        _own(datastore)


def _strangers(place: int) -> list[bytes]:
    """A record of that string's owner, and a rival version of every other one."""
    around = [TEXTS[(place + step) % len(TEXTS)] for step in range(AT_ONCE)]
    items: list[Json] = [fitted(text, 128) for text in around]
    other: Json = {"Other": fitted(around[1], 64)}
    long = "\n".join(fitted(text, 1_000) for text in around)
    fields: dict[str, Json] = {
        "version": fitted(around[2], 64), "license": items[3], "framework": {"Other": fitted(around[4], 64)},
        "tags": items, "capabilities": items, "description": long, "formfile_template": long,
    }  # fmt: skip
    kind = "agent" if place % 7 == 3 else "model"
    if kind == "agent":
        fields |= {"agent_type": other, "tools": items, "preferred_models": items, "compatible_model_types": [other]}
    else:
        fields |= {"model_type": other, "quantization": other}
    op = signed(owner(f"owner {place}"), kind, fitted(around[0], 128), at=NOW - place, **fields)
    assert op.record is not None
    made = [op.to_json(), *_behind(owner(f"owner {place}"), op, kind, around, rivals=2 if place % 5 == 0 else 1)]
    if place % 2:
        for version in ("1.0.0", "2.0.0"):
            rival = sign_up(
                owner(f"owner {place}"), kind, {**op.record, "version": version}, children=[op.hash], clock=2
            )
            made.append(rival.to_json())
    behind = sign_up(owner(f"owner {place}"), "manifest", manifest_of(op, around[5], owner(f"owner {place}")))
    return [*made, behind.to_json()]


def _behind(identity: Identity, op: ModelOp | AgentOp, kind: Kind, texts: list[str], rivals: int) -> list[bytes]:
    """A manifest of a record that says these strings wherever it may, and rival versions of it."""
    assert op.record is not None
    short, words = [fitted(text, 64) for text in texts], [fitted(text, 128) for text in texts]
    digest = "ab" * 32
    made = []
    for rival in range(rivals):
        value: Record = defaults("manifest") | {
            "manifest_id": derive_manifest_id(op.key), "owner_id": identity.address, "subject_id": op.key,
            "subject_kind": kind.capitalize(), "subject_name": op.record["name"],
            "created_at": op.record["created_at"], "updated_at": op.record["updated_at"],
            "status": {"Other": short[rival]}, "status_message": fitted(texts[1], 500), "superseded_by": digest,
            "artifacts": [
                {"uri": "x:[@click=app.quit]", "media_type": text, "sha256": digest, "size_bytes": 2**64 - 1,
                 "quantization": {"Other": short[2]}}
                for text in words
            ],
            "interfaces": [{"url": "x:[/x]", "protocol": {"Other": short[3]}, "version": text} for text in short],
            "derived_from": [
                {"relation": {"Other": short[4]}, "model_id": digest, "name": text, "sha256": None} for text in words
            ],
            "required_models": [digest],
            "evaluations": [
                {"benchmark": word, "metric": text, "value": "0.1", "source": "x:[/x]"}
                for word, text in zip(words, short, strict=True)
            ],
            "datasets": words,
        }  # fmt: skip
        made.append(sign_up(identity, "manifest", value, counter=2 + rival).to_json())
    return made


def _own(datastore: Datastore) -> None:
    """Records of one's own with such names, one of them edited and two deleted."""
    for place, text in enumerate(TEXTS[::6]):
        key = datastore.add("model", make_record("model", fitted(text, 128), description=fitted(text, 500))).key
        entry = datastore.entry(key)
        assert entry is not None
        if place > 2:
            said: Record = defaults("manifest") | {
                "status": {"Other": fitted(text, 64)}, "status_message": fitted(text, 500), "datasets": [fitted(text, 128)],
                "derived_from": [{"relation": "Merge", "model_id": None, "name": fitted(text, 128), "sha256": None}],
            }  # fmt: skip
            datastore.manifests.set(key, said)
        if place == 0:
            datastore.update("model", key, {**entry.record, "version": "3.0.0"}, entry.heads)
        elif place < 3:
            datastore.delete("model", key, entry.heads)
    _own_conflict(datastore)


def _own_conflict(datastore: Datastore) -> None:
    """A record of one's own that was written on two devices at once."""
    root = signed(owner("me"), "model", fitted(TEXTS[0], 128), at=NOW - 1)
    assert root.record is not None
    lines = [root.to_json()]
    for text, other in (TEXTS[1:3], TEXTS[3:5]):
        fields: dict[str, Json] = {
            "version": fitted(text, 64), "license": fitted(other, 128), "model_type": {"Other": fitted(text, 64)},
            "description": f"{fitted(text, 500)}\n{fitted(other, 500)}", "tags": [fitted(text, 128), fitted(other, 128)],
        }  # fmt: skip
        lines.append(
            sign_up(owner("me"), "model", {**root.record, **fields}, children=[root.hash], clock=2, counter=2).to_json()
        )
    # And one of which only what stands behind it was.
    lone = signed(owner("me"), "model", fitted(TEXTS[5], 128), at=NOW - 2)
    lines += [lone.to_json(), *_behind(owner("me"), lone, "model", [*TEXTS[:AT_ONCE]], rivals=2)]
    assert not datastore.apply(lines, source="device").rejected


_TYPED = (
    "name", "version", "license", "description", "parameters", "tags", "capabilities", "formfile_template", "framework",
)  # fmt: skip


class Looker:
    """Looks at screens, and remembers which and what widgets it saw."""

    def __init__(self) -> None:
        self.screens: set[type] = set()
        self.widgets: set[type] = set()

    def look(self, app: RegistryApp) -> None:
        """Nothing on the screen can act on a terminal, hide or run, the layout holds, and the app runs on."""
        assert app.is_running
        assert app.return_code is None
        self.screens.update(type(screen) for screen in app.screen_stack)
        self.widgets.update(type(widget) for widget in app.screen.walk_children() if widget.display)
        where = type(app.screen).__name__
        for strip in app.screen._compositor.render_strips(app.size):
            assert strip.cell_length == app.size.width, where
            assert not dangers(strip.text), (where, strip.text)
            for letter in strip.text.replace("\u200d", "").replace("\ufe0f", ""):
                assert unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), (where, strip.text)
            for segment in strip:
                meta = segment.style.meta if segment.style is not None else {}
                assert "@click" not in meta, (where, segment)
                assert segment.style is None or segment.style.link is None, (where, segment)


def every(base: type[Widget]) -> set[type]:
    """Every screen, or every widget, that the app defines and that is no base of another."""
    for module in pkgutil.walk_packages(tui_registry.tui.__path__, "tui_registry.tui."):
        importlib.import_module(module.name)
    found, left = set[type](), [base]
    while left:
        cls = left.pop()
        children = cls.__subclasses__()
        left += children
        ours = [child for child in children if child.__module__.startswith("tui_registry.")]
        if cls.__module__.startswith("tui_registry.") and not ours and (base is Screen or not issubclass(cls, Screen)):
            found.add(cls)
    return found
