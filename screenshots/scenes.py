"""What is done in the app before a picture of it is taken."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from picture import Frame, frame
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.driving import screen_text, settle
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.fit import GIB, MIB, Gpu, Machine
from tui_registry.node import running
from tui_registry.records.schema import defaults
from tui_registry.tui.app import RegistryApp
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.register.area_rows import FormfileArea
from tui_registry.tui.register.field_rows import FieldRow

Scene = Callable[[Pilot[None]], Awaitable[None]]

# What a person sees of their own folders; the pictures show nobody's.
HOME = Path("/home/me")
MODEL_FILE = "Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf"


async def browse(pilot: Pilot[None]) -> None:
    """A search, and the detail of what it found."""
    await pilot.press("/", *"chat params:<=32b")
    await settle(pilot)
    await pilot.press("enter", "j")


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
        "#? port = 8080\n#? model = Qwen/Qwen2.5-7B-Instruct\nNAME my-llama-finetune\nVCPU 8\nMEMORY 16GB\nDISK 40\n"
        "GPU RTX5090:1\nINSTALL python3 python3-venv\nE\n# From here on it is the model's own.\nWORKDIR /srv/model\n"
        "RUN pip install vllm\nENV PORT={{ port }}\n"
        'ENTRYPOINT ["vllm", "serve", "{{ model }}", "--port", "{{ port }}"]\n'
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
    """What was refused, one of it in full."""
    await pilot.press("3", "x")
    await settle(pilot)
    await pilot.press("j", "j")


async def history(pilot: Pilot[None]) -> None:
    """What happened, by when it was written."""
    await pilot.press("4")
    await settle(pilot)
    await pilot.press("m", "t")


async def settings(pilot: Pilot[None]) -> None:
    """Where everything is; the key explained."""
    datastore = host_of(pilot.app).datastore
    datastore.data_dir = datastore.key._data_dir = HOME / ".local" / "share" / "tui-registry"
    await pilot.press("5")
    await settle(pilot)
    await pilot.press("j", "j", "j", "j")


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
    """What stands behind a record: its files, what it was made from, and what it was measured at."""
    await _on_lantern(pilot, 0)
    await pilot.press("enter", "right", "right", "right", "right")


async def links(pilot: Pilot[None]) -> None:
    """What a model is to others: what it was made from, what replaces it, and who cannot do without it."""
    await _on_lantern(pilot, 1)
    await pilot.press("enter", "enter")
    await settle(pilot)
    await pilot.press("left_square_bracket")


async def sources(pilot: Pilot[None]) -> None:
    """A form with a manifest: one of its files is open, and says what is wrong with it."""
    await pilot.press("/", *"name:my-support", "enter")
    await settle(pilot)
    await pilot.press("e")
    await settle(pilot)
    await to_field(pilot, "manifest-artifacts")
    await pilot.press("down", "enter")
    await settle(pilot)
    await pilot.press("tab", "tab")


async def fitting(pilot: Pilot[None]) -> None:
    """What runs on one card, and what the answer on one model is made of."""
    await pilot.press("/", *"fit:runs kind:model -is:conflict", "enter")
    await settle(pilot)
    await pilot.press("j", "right", "right")


async def using(pilot: Pilot[None]) -> None:
    """The lines that give a model to the tools that can read it."""
    await _on_lantern(pilot, 0)
    await pilot.press("x")
    await settle(pilot)
    await pilot.press(*["down"] * 7)


async def _on_lantern(pilot: Pilot[None], below: int) -> None:
    """Models, with the cursor on the made-up one, or so many below it."""
    await pilot.press("/", *"type:llm updated:<1y", "enter")
    await settle(pilot)
    await pilot.press("j", *"j" * below)


async def tour(pilot: Pilot[None], frames: list[Frame]) -> None:
    """What the product is for, in five acts; each frame is kept with how long it is shown, in seconds."""
    caption = "Models and agents, described and signed, in your terminal"

    def shot(seconds: float, keys: str = "") -> None:
        frames.append(frame(pilot.app, seconds, caption, keys))

    async def press(*keys: str) -> None:
        await pilot.press(*keys)
        await settle(pilot)

    shot(1.6)

    caption = "1. Import a GGUF: only its header is read"
    await press("i")
    for end, seconds in ((0, 0.7), (12, 0.3), (len(MODEL_FILE), 0.8)):
        field = pilot.app.screen.query_one(Input)
        field.value, field.cursor_position = MODEL_FILE[:end], end
        await settle(pilot)
        shot(seconds, "" if end else "i")
    await press("enter")
    shot(3.2, "enter")
    await press("ctrl+s")
    shot(1.6, "ctrl+s")

    caption = "2. Search as you type"
    for typed, seconds in (("/", 0.5), ("qw", 0.35), ("en", 0.35), (" 7", 0.35), ("b", 1.2)):
        await press(*typed)
        shot(seconds, "/" if typed == "/" else "")

    caption = "3. Does it run here? The sum, number by number"
    await press("enter", "right", "right")
    shot(3.2, "right")

    caption = "4. Pull what others have; every signature is checked"
    await press("3")
    shot(1.2, "3")
    # Not by the pilot, which waits until it is over.
    assert isinstance(pilot.app, RegistryApp)
    pilot.app.simulate_key("s")
    while "pulling [" not in (shown := screen_text(pilot.app)) and " new" not in shown:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    shot(0.7, "s")
    await settle(pilot)
    shot(1.8)

    caption = "5. Changed on two machines? Settle it, field by field"
    await press("1", "slash", "ctrl+u", "enter", "exclamation_mark")
    shot(1.2, "!")
    await press("j")
    shot(1.6, "j")
    await press("b")
    shot(0.9, "b")
    await press("j", "a")
    shot(1.2, "a")
    await press("ctrl+s")
    shot(2.4, "ctrl+s")


# The frame of the tour that says most by itself: what runs here.
BEST = "3."

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
# In light colours too.
LIGHT = ("browse", "register", "sync", "conflict", "fit")
# Cells of the terminal, where the usual size is not what a scene fills.
SIZES = {
    "browse": (132, 30),
    "compare": (132, 36),
    "conflict": (150, 22),
    "fit": (132, 32),
    "links": (132, 35),
    "quarantine": (132, 24),
    "settings": (132, 32),
    "sync": (132, 22),
    "tour": (100, 28),
    "use": (132, 30),
}


async def to_field(pilot: Pilot[None], name: str) -> None:
    """Put the cursor into a field of the form."""
    pilot.app.screen.query_one(f"#field-{name}", FieldRow).focus_control()
    await settle(pilot)


@contextmanager
def furnish(datastore: Datastore, folder: Path) -> Iterator[None]:
    """Let the demo's replica have a past: peers, of which one is down, edits of one's own, and what was refused."""
    # One machine for all pictures, whoever takes them.
    datastore.machine = lambda: Machine(
        "this machine", (Gpu("NVIDIA GeForce RTX 4070", 12_282 * MIB, 11_010 * MIB),), 32 * GIB, 21 * GIB, 16
    )
    model, agent = (next(datastore.entries(f"is:mine -is:conflict kind:{kind}")) for kind in ("model", "agent"))
    datastore.update("model", model.id, {**model.record, "version": "1.2.0"}, model.heads, manifest=_behind(datastore))
    datastore.delete("agent", agent.id, agent.heads)
    datastore.add("agent", {**agent.record, **_OWN})
    lines = datastore.log.lines(0, 100)
    with ExitStack() as nodes:
        for name, known, own in (
            ("studio", 90, ()),
            ("office", 40, ("invoice-reader", "meeting-notes")),
            ("workshop", 70, ()),
        ):
            there = nodes.enter_context(Datastore.open(folder / ".peers" / name))
            there.apply(lines[:known], source="laptop")
            for agent_name in own:
                there.add("agent", defaults("agent") | {"name": agent_name, "license": "MIT", "tags": [name]})
            datastore.peers.add(name, nodes.enter_context(running(there)).url)
        datastore.peers.add("old-node", "http://127.0.0.1:9")
        _refuse(datastore, lines)
        yield


def _refuse(datastore: Datastore, lines: Sequence[bytes]) -> None:
    """Let it be sent what is refused, each for another reason."""
    spoilt = [
        lines[0].replace(b'"name":"', b'"name":"Official-', 1),
        lines[1][:700],
        lines[4].replace(b'"sig":"', b'"sig":"00', 1),
        lines[5].replace(b'"updated_at":1', b'"updated_at":9', 1),
        lines[6].replace(b'"license":"', b'"license":"Free-', 1),
        lines[7] + b"}",
    ]
    datastore.apply(spoilt[:3], source="old-node")
    datastore.apply(spoilt[3:5], source="neighbour")
    datastore.apply([*spoilt[5:], b"GET / HTTP/1.1"], source="push:192.0.2.7")


def _behind(datastore: Datastore) -> Record:
    """What stands behind one's own model."""
    base = next(datastore.entries("name:=Qwen2.5-7B-Instruct"))
    files: list[Json] = [
        {
            "uri": f"my-support-finetune-{form}.gguf",
            "media_type": "application/gguf",
            "sha256": digest,
            "size_bytes": size,
            "quantization": "GGUF",
        }
        for form, digest, size in (("Q4_K_M", "5f2a" * 16, 4_683_073_536), ("Q8_0", None, 8_098_525_888))
    ]
    made_from: Record = {"relation": "Finetune", "model_id": base.id, "name": str(base.record["name"]), "sha256": None}
    return defaults("manifest") | {
        "repository_url": "https://models.example/me/my-support-finetune",
        "artifacts": files,
        "derived_from": [made_from],
        "languages": ["en", "de"],
    }


# Ids, owner and times are the signer's.
_OWN: Record = {name: defaults("agent")[name] for name in ("agent_id", "owner_id", "created_at", "updated_at")}


def write_model(folder: Path) -> None:
    """A GGUF file whose header says what that model's says, and whose tensors are as many; its data takes no room."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    values = {
        "general.architecture": "qwen2",
        "general.type": "model",
        "general.name": "Qwen2.5 Coder 7B Instruct",
        "general.license": "apache-2.0",
    }
    numbers = {
        "general.file_type": 15,
        "qwen2.block_count": 28,
        "qwen2.context_length": 32_768,
        "qwen2.embedding_length": 3584,
        "qwen2.attention.head_count": 28,
        "qwen2.attention.head_count_kv": 4,
    }
    tags = [text(tag) for tag in ("code", "chat")]
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(values) + len(numbers) + 1)
    for key, value in values.items():
        head += text(key) + struct.pack("<I", 8) + text(value)
    for key, number in numbers.items():
        head += text(key) + struct.pack("<II", 4, number)
    head += text("general.tags") + struct.pack("<IIQ", 9, 8, len(tags)) + b"".join(tags)
    head += text("blk.0.weight") + struct.pack("<IQQIQ", 2, 3584, 2_124_893, 12, 0)
    with (folder / MODEL_FILE).open("wb") as file:
        file.write(head)
        file.truncate(4_683_073_536)
