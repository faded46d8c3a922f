"""What is done in the app before a picture of it is taken."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.driving import settle
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.fit import GIB, MIB, Gpu, Machine
from tui_registry.records.schema import defaults
from tui_registry.tui.register.area_rows import FormfileArea
from tui_registry.tui.register.field_rows import FieldRow

Scene = Callable[[Pilot[None]], Awaitable[None]]

MODEL_FILE = "Qwen2.5-7B-Instruct-Q4_K_M.gguf"


async def browse(pilot: Pilot[None]) -> None:
    """A search, and the detail of what it found."""
    await pilot.press("/", *"chat params:<=32b")
    await settle(pilot)
    await pilot.press("enter", "j", "j", "j")


async def filters(pilot: Pilot[None]) -> None:
    """What the records have in common, one value of it chosen."""
    await pilot.press("/", *"type:llm", "enter", "f")
    await settle(pilot)
    await pilot.press("right", "right", "j")


async def register(pilot: Pilot[None]) -> None:
    """A form with problems under their fields, the rail that counts them, and items of a list."""
    await pilot.press("2")
    await settle(pilot)
    await pilot.press(*"my-llama-finetune", "tab", *"1.0", "tab", *"apache", "tab")
    await settle(pilot)
    await pilot.press("tab", "tab", *"7.6b", "tab", "tab", *"32k", "tab")
    await settle(pilot)
    await to_field(pilot, "tags")
    assert pilot.app.focused is not None
    pilot.app.focused.post_message(Paste("chat, Code Review, multilingual"))
    await settle(pilot)
    await pilot.press("tab")
    await to_field(pilot, "license")


async def importing(pilot: Pilot[None]) -> None:
    """A draft from a file of 4 GB: where each value came from, and what to look at."""
    await pilot.press("i")
    await settle(pilot)
    pilot.app.screen.query_one(Input).value = MODEL_FILE
    await settle(pilot)
    await pilot.press("enter")


async def formfile(pilot: Pilot[None]) -> None:
    """The Formfile of a form: colours, a problem on its line, completion."""
    await pilot.press("2")
    await settle(pilot)
    await pilot.press(*"my-llama-finetune")
    area = pilot.app.screen.query_one(FormfileArea)
    area.focus()
    await settle(pilot)
    area.load_text(
        "#? port = 8080\nNAME my-llama-finetune\nVCPU 2\nMEMORY 4GB\nDISK 20\n"
        "ENV PORT={{ port }}  # where it listens\nRUN pip install vllm\n"
        'ENTRYPOINT ["vllm", "serve"]\nE'
    )
    await settle(pilot)
    area.move_cursor((8, 1))
    await pilot.press("f2")


async def sync(pilot: Pilot[None]) -> None:
    """The peers after a pull of all; one of them is down."""
    await pilot.press("3")
    await settle(pilot)
    await pilot.press("S")


async def quarantine(pilot: Pilot[None]) -> None:
    """What was refused, the second of it in full."""
    await pilot.press("3", "x")
    await settle(pilot)
    await pilot.press("j")


async def history(pilot: Pilot[None]) -> None:
    """What happened, the last of it one's own."""
    await pilot.press("4")
    await settle(pilot)
    await pilot.press("m")


async def settings(pilot: Pilot[None]) -> None:
    """Where everything is; the key explained."""
    await pilot.press("5")
    await settle(pilot)
    await pilot.press("j", "j", "j")


async def conflict(pilot: Pilot[None]) -> None:
    """A record that was changed on two machines, its versions side by side, the licence decided."""
    await pilot.press("exclamation_mark")
    await settle(pilot)
    await pilot.press("j", "j", "b", "k")


async def compare(pilot: Pilot[None]) -> None:
    """Three records side by side."""
    await pilot.press("slash", *"kind:model llama", "enter")
    await settle(pilot)
    await pilot.press("space", "space", "space", "equals_sign")


async def manifest(pilot: Pilot[None]) -> None:
    """What stands behind a record that is not to be used any more: its files, and what it was made from."""
    await pilot.press("/", *"name:=lantern-7b", "enter")
    await settle(pilot)
    await pilot.press("enter", "right", "right", "right", "right")


async def links(pilot: Pilot[None]) -> None:
    """What a model is to others: what it was made from, who cannot do without it, and what does not go together."""
    await pilot.press("/", *"name:=lantern-7b", "enter")
    await settle(pilot)
    await pilot.press("enter", "enter")
    await settle(pilot)
    await pilot.press("left_square_bracket")


async def sources(pilot: Pilot[None]) -> None:
    """The same filled in: one of its files is open, and says what is wrong with it."""
    await pilot.press("/", *"name:=lantern-7b", "enter")
    await settle(pilot)
    await pilot.press("e")
    await settle(pilot)
    await to_field(pilot, "manifest-artifacts")
    await pilot.press("down", "enter")
    await settle(pilot)
    await pilot.press("tab")


async def fitting(pilot: Pilot[None]) -> None:
    """What runs on one card, and what the answer on one model is made of."""
    await pilot.press("/", *"fit:runs lantern has:manifest", "enter", "right", "right")


async def using(pilot: Pilot[None]) -> None:
    """The lines that give a model to the tools that can read it; it is not to be used any more, which comes first."""
    await pilot.press("/", *"name:=lantern-7b", "enter")
    await settle(pilot)
    await pilot.press("x")
    await settle(pilot)
    await pilot.press("down", "down")


SCENES: dict[str, Scene] = {
    "browse": browse,
    "conflict": conflict,
    "compare": compare,
    "filters": filters,
    "register": register,
    "import": importing,
    "manifest": manifest,
    "sources": sources,
    "links": links,
    "fit": fitting,
    "use": using,
    "formfile": formfile,
    "history": history,
    "quarantine": quarantine,
    "settings": settings,
    "sync": sync,
}


async def to_field(pilot: Pilot[None], name: str) -> None:
    """Put the cursor into a field of the form."""
    pilot.app.screen.query_one(f"#field-{name}", FieldRow).focus_control()
    await settle(pilot)


def furnish(datastore: Datastore) -> None:
    """Let the demo's replica have a past: a peer that is down, edits of one's own, and what was refused."""
    datastore.peers.add("old-node", "http://127.0.0.1:9")
    first, second = list(datastore.entries("is:mine -is:conflict"))[:2]
    datastore.update(first.kind, first.id, {**first.record, "version": "1.1.0"}, first.heads)
    datastore.delete(second.kind, second.id, second.heads)
    datastore.add(second.kind, second.record)
    _describe(datastore)
    # One machine for all pictures, whoever takes them.
    datastore.machine = lambda: Machine(
        "this machine", (Gpu("NVIDIA GeForce RTX 4070", 12_282 * MIB, 11_010 * MIB),), 32 * GIB, 21 * GIB, 16
    )
    lines = datastore.log.lines(0, 3)
    spoilt = [lines[0].replace(b'"name":"', b'"name":"Official-', 1), lines[1][:700], lines[2].replace(b"MIT", b"mit")]
    datastore.apply([line for line in spoilt if line not in lines], source="old-node")
    datastore.apply([b"GET / HTTP/1.1"], source="push:192.0.2.7")


def _describe(datastore: Datastore) -> None:
    """A model with all that may stand behind one."""
    base = next(datastore.entries("kind:model params:>=7b params:<=8b -is:mine"))
    heir = datastore.add("model", {**base.record, **_OWN, "name": "lantern-7b", "version": "2.0.0"}).key
    files: list[Json] = [
        {"uri": uri, "media_type": "", "sha256": digest, "size_bytes": size, "quantization": "GGUF"}
        for uri, digest, size in (
            ("lantern-7b-Q4_K_M.gguf", "5f2a" * 16, 4_683_073_536),
            ("lantern-7b-Q8_0.gguf", None, 8_098_525_888),
        )
    ]
    made_from: Record = {"relation": "Finetune", "model_id": base.id, "name": str(base.record["name"]), "sha256": None}
    manifest: Record = defaults("manifest") | {
        "status": "Deprecated",
        "status_message": "Answers wrongly in Dutch: use 2.0.0",
        "superseded_by": heir,
        "repository_url": "https://huggingface.co/lighthouse/lantern-7b",
        "artifacts": files,
        "derived_from": [made_from],
        "datasets": ["HuggingFaceFW/fineweb-edu", "lighthouse/harbour-talk"],
        "languages": ["en", "nl", "pt-BR"],
        "architecture": {
            "layers": 32, "kv_heads": 8, "head_dim": 128, "experts": None, "active_parameters": None,
            "kv_token_bytes": None, "kv_constant_bytes": None,
        },
        "evaluations": [{"benchmark": "MMLU", "metric": "accuracy", "value": "0.713", "source": ""}],
    }  # fmt: skip
    record = {**base.record, **_OWN, "name": "lantern-7b", "version": "1.0.0", "license": "Apache-2.0"}
    lantern = datastore.add("model", record, manifest=manifest).key
    _link(datastore, base.id, lantern)


def _link(datastore: Datastore, base: str, lantern: str) -> None:
    """Who uses that model, and what was made from it."""
    made: Record = {"relation": "Quantized", "model_id": lantern, "name": "lantern-7b", "sha256": None}
    model: Record = defaults("model") | {
        "name": "lantern-7b-dutch",
        "license": "CC-BY-4.0",
        "parameters": 7_615_616_512,
    }
    datastore.add("model", model | {"context_length": 32_768}, manifest=defaults("manifest") | {"derived_from": [made]})
    needed = defaults("manifest") | {"required_models": [lantern]}
    for name, behind in (("harbour-crew", needed), ("night-watch", needed), ("pilot-boat", None)):
        agent: Record = defaults("agent") | {"name": name, "license": "MIT", "preferred_models": [base, lantern]}
        datastore.add("agent", agent, manifest=behind)


# Ids, owner and times are the signer's.
_OWN: Record = {name: defaults("model")[name] for name in ("model_id", "owner_id", "created_at", "updated_at")}


def write_model(folder: Path) -> None:
    """A GGUF file whose header says something and whose tensors would be 7.6 B parameters; its data takes no room."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    values = {
        "general.architecture": "qwen2",
        "general.name": "Qwen2.5 7B Instruct",
        "general.license": "apache-2.0",
        "general.description": "Answers, writes and reasons in 29 languages.",
    }
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(values) + 2)
    for key, value in values.items():
        head += text(key) + struct.pack("<I", 8) + text(value)
    for key, number in (("general.file_type", 15), ("qwen2.context_length", 131_072)):
        head += text(key) + struct.pack("<II", 4, number)
    head += text("blk.0.weight") + struct.pack("<IQQIQ", 2, 8192, 929_600, 12, 0)
    with (folder / MODEL_FILE).open("wb") as file:
        file.write(head)
        file.truncate(4_683_073_536)
