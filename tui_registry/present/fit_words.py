"""Whether a record runs on a machine, in words: the same on the command line and in the app.

GB is 10^9 bytes here, as `tui_registry.fit` counts. Names come from strangers: all text is made safe to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from tui_registry import fit
from tui_registry.errors import Json, Record
from tui_registry.frozen import NamedTuple
from tui_registry.present.record_rows import Row, requirement_rows
from tui_registry.text import exact, plural, safe_text, size_mb

if TYPE_CHECKING:
    from tui_registry.fit import AgentAnswer, Answer, Gpu, Machine, Model, Need, Room, Verdict

# One word to a verdict, for a column.
WORDS: Final = {"runs": "runs", "offload": "partly", "no": "no", "unknown": "?"}
_NAME: Final = 60


def size(count: int) -> str:
    """Bytes in units of 1000: `18.1 GB`, `530 MB`, `4 kB`."""
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 1000)):
        if count >= factor:
            digits = count / factor
            return f"{digits:.1f} {unit}" if digits < 100 and factor >= fit.GB else f"{digits:,.0f} {unit}"
    return f"{exact(count)} B"


# ---- verdicts --------------------------------------------------------------------------------------------------------


def sentence(verdict: Verdict) -> str:
    """The verdict on one form: `runs on one GPU: needs 6.4 GB, 25.3 GB are there`."""
    need, room = verdict.need, verdict.room
    match verdict.word:
        case "unknown":
            return f"cannot be told: {' and '.join(_MISSING[code] for code in verdict.missing)}"
        case "no":
            if room is None:
                return f"does not run: its owner says that it needs a GPU, and there is none (needs {total(need)})"
            return f"does not run: {size(verdict.short)} are missing (needs {total(need)}, {_has(room)})"
    assert room is not None
    # A need without its cache is only the least that it can be
    known = ", as far as is stated" if "no_cache" in need.remarks else ""
    return f"runs {where(room)}{known}: needs {total(need)}, {size(room.size)} are there"


def total(need: Need) -> str:
    """All that a form needs: `6.4 GB`, or `at least 6.4 GB` where the cache is not counted."""
    return f"at least {size(need.total)}" if "no_cache" in need.remarks else size(need.total)


def where(room: Room) -> str:
    """`on one GPU`, `on 2 GPUs`, `on the CPU`."""
    match room.where:
        case "gpu":
            return "on one GPU"
        case "gpus":
            return f"on {room.cards} GPUs"
        case "unified":
            return "on the GPU, in the memory that it shares"
        case "cpu":
            return "on the CPU"
        case "offload":
            return f"on {plural(room.cards, 'GPU')} and memory together, slowly"


def _has(room: Room) -> str:
    return f"the most there is {where(room).removesuffix(', slowly')} is {size(room.size)}"


_MISSING: Final = {
    "files": "no sizes of files are stated",
    "parameters": "no parameters are stated",
    "bits": "its quantisation does not say how many bits a weight has",
    "architecture": "no architecture is stated",
    "machine": "nothing is known of the machine",
}


def called(need: Need) -> str:
    """What a form is called: its quantisation, and where it has one the file."""
    name = safe_text(need.quantization, _NAME) or "as it is"
    return f"{name}, {safe_text(need.file, _NAME)}" if need.file else name


# ---- what a need is made of ------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """One addend of a need: what it is, how many bytes, and how they come about."""

    label: str
    size: int
    how: str


def parts(need: Need) -> list[Part]:
    """The addends, in the order of the formula. Where the record's own least stands in and is more, what lacks."""
    found: list[Part] = []
    if need.weights:
        found.append(Part("Weights", need.weights, _weights(need)))
        if need.cache.source != "none":
            found.append(Part("Cache", need.cache.size, _cache(need)))
        share = f"{fit.OVERHEAD_SHARE:.0%} of the weights, and no less than {size(fit.OVERHEAD_LEAST)}"
        found.append(Part("Overhead", need.overhead, f"runtime and buffers: {share}"))
    rest = need.total - sum(part.size for part in found)
    if rest > 0:
        field = "least VRAM" if need.stated_in == "min_vram_gb" else "least memory"
        how = f"up to what its owner states as its {field}, less what is left to the system: {size(need.stated)}"
        found.append(Part("Stated", rest, how))
    return found


def remarks(need: Need) -> list[str]:
    """What is to be known of the number, a sentence each."""
    found = [_REMARKS[code] for code in need.remarks]
    if need.weights_from == "parameters":
        found.append("the size of the weights is an estimate: no sizes of files are stated")
    if need.is_capped:
        found.append(f"its context ends at {exact(need.cache.tokens)} tokens: no more were counted")
    if need.needs_gpu:
        found.append("its owner says that it needs a GPU")
    return found


_REMARKS: Final = {
    "bound": "the cache is an upper bound: windows and the like are not stated",
    "stated": "no architecture is stated, so that what its owner states as the least stands in for the cache",
    "stated_weights": "nothing tells the size of its weights, so that what its owner states as the least stands in",
    "stated_all": "nothing tells the size of its weights or what its cache takes, so that what its owner states as the"
    " least stands in",
    "short": "the context is short: layers that look back a longer way may take less than was counted",
    "no_cache": "no architecture is stated: its cache is not counted, and it needs more than this",
    "nothing": "nothing tells what it needs",
    "usual_bits": "nothing that is stated says how many bits a weight has: what is usual was taken",
}


def _weights(need: Need) -> str:
    if need.weights_from == "files":
        files = "" if need.files == 1 else f" and {exact(need.files - 1)} more"
        return f"{safe_text(need.file, _NAME)}{files}, as their owner states"
    assert need.bits is not None
    scheme = safe_text(need.bits.scheme, _NAME)
    return f"{exact(need.parameters)} parameters × {need.bits.bits:g} bits ({scheme}) / 8"


def _cache(need: Need) -> str:
    cache = need.cache
    width = "" if cache.width == "f16" else f", kept as {safe_text(cache.width, 20)}"
    tokens = f"{exact(cache.tokens)} tokens{width}"
    match cache.source:
        case "stated":
            constant = f"{exact(cache.constant)} bytes + " if cache.constant else ""
            return f"{constant}{exact(cache.token)} bytes × {tokens}, as its layers keep them"
        case "formula":
            shape = f"{exact(cache.layers)} layers × {exact(cache.kv_heads)} heads × {exact(cache.head_dim)} numbers"
            return f"2 × {shape} × 2 bytes × {tokens}"
        case _:
            return "not known: no architecture is stated"


# ---- machines --------------------------------------------------------------------------------------------------------


def machine_line(machine: Machine) -> str:
    """A machine in one line: `this machine: 2 GPUs of 25.8 GB, 64.0 GB memory`."""
    cards = _cards(machine.gpus)
    memory = ""
    if machine.ram is not None:
        memory = f"{size(machine.ram)} memory{', which its GPU shares' if machine.unified else ''}"
    known = "; ".join(part for part in (cards, memory) if part)
    name = safe_text(machine.name, _NAME)
    return ": ".join(part for part in (name, known or "nothing is known of it") if part)


def _cards(gpus: Iterable[Gpu]) -> str:
    counted: dict[tuple[int, str], int] = {}
    for gpu in gpus:
        key = gpu.total, safe_text(gpu.name, _NAME)
        counted[key] = counted.get(key, 0) + 1
    told = []
    for (total, name), count in counted.items():
        of = f"{'a GPU' if count == 1 else f'{count} GPUs'} of {size(total)}"
        told.append(f"{of} ({name})" if name else of)
    return ", ".join(told)


def machine_rows(machine: Machine) -> list[Row]:
    """What is known of a machine, and how much of it counts."""
    rows = []
    for number, gpu in enumerate(machine.gpus, start=1):
        name = safe_text(gpu.name, _NAME)
        free = "" if gpu.free is None else f"; {size(gpu.free)} of it are free now"
        text = f"{size(gpu.total)}, less {size(fit.GPU_RESERVE)} for the system: {size(fit.gpu_room(gpu))}{free}"
        rows.append(Row("", f"GPU {number}" if len(machine.gpus) > 1 else "GPU", f"{name}, {text}" if name else text))
    if machine.is_known and not machine.gpus and not machine.unified:
        rows.append(Row("", "GPU", "none that is known"))
    if machine.ram is not None:
        free = "" if machine.ram_free is None else f"; {size(machine.ram_free)} of it are free now"
        room = fit.ram_room(machine)
        rows.append(Row("", "Memory", f"{size(machine.ram)}, less {size(machine.ram - room)} for the system{free}"))
        if machine.unified:
            rows.append(Row("", "Shared", f"its GPU may have {size(fit.unified_room(machine))} of the memory"))
    if machine.cores is not None:
        rows.append(Row("", "CPU", plural(machine.cores, "core")))
    if machine.disk_free is not None:
        rows.append(Row("", "Disk", f"{size(machine.disk_free)} are free"))
    return rows


# ---- what a record states as its needs, beside a machine -------------------------------------------------------------


class Bar(NamedTuple):
    """An amount of one thing: whose it is, how much in words, and how much beside the others of the same thing.

    Attributes:
        whose: empty for what the record states, else the machine's name.
        lacks: a machine that has less than the record's least.
    """

    title: str
    text: str
    size: int
    whose: str = ""
    lacks: bool = False


class Demand(NamedTuple):
    """One thing that a record needs an amount of, and the fields of the record that say so."""

    label: str
    paths: tuple[str, ...]
    bars: tuple[Bar, ...]


def demands(record: Record, machine: Machine | None) -> list[Demand]:
    """The amounts that a record states, each beside what a machine has of it where that is known; what is not stated is
    left out. Sizes are told in the record's own units, of 1024, a machine's too."""
    kept = record["resource_requirements"]
    stated = kept if isinstance(kept, dict) else {}
    rows = {row.path: row for row in requirement_rows(record)}
    found = []
    for thing, (label, unit, has) in _THINGS.items():
        bars, paths = list[Bar](), list[str]()
        for title, name in (("minimum", f"min_{thing}"), ("recommended", f"recommended_{thing}")):
            size, path = stated.get(name), f"resource_requirements.{name}"
            if isinstance(size, int) and path in rows:
                bars.append(Bar(title, rows[path].text, size * unit))
                paths.append(path)
        amount = None if machine is None else has(machine)
        if bars and machine is not None and amount is not None:
            words = exact(amount) if unit == 1 else size_mb(amount // fit.MIB)
            name = safe_text(machine.name, _NAME) or "the machine"
            bars.append(Bar(name, words, amount, name, amount < bars[0].size))
        if bars:
            found.append(Demand(label, tuple(paths), tuple(bars)))
    return found


_GIB: Final = 1024 * fit.MIB
# What it is called, the unit of its fields in bytes or pieces, and how much of it a machine has.
_THINGS: Final[dict[str, tuple[str, int, Callable[[Machine], int | None]]]] = {
    "vcpus": ("vCPUs", 1, lambda machine: machine.cores),
    "memory_mb": ("memory", fit.MIB, lambda machine: machine.ram),
    "disk_gb": ("disk", _GIB, lambda machine: machine.disk_free),
    "vram_gb": ("GPU memory", _GIB, lambda machine: sum(gpu.total for gpu in machine.gpus) if machine.gpus else None),
}


# ---- agents ----------------------------------------------------------------------------------------------------------


class Named(NamedTuple):
    """A record that is here, and its manifest."""

    record: Record
    manifest: Record | None


def models_of(agent: Record, manifest: Record | None, read: Callable[[str], Named | None]) -> list[Model]:
    """The models that an agent names, required ones first; each is read once.

    Args:
        read: a model that is here, by its id.
    """
    required = None if manifest is None else manifest.get("required_models")
    found: list[Model] = []
    seen: set[str] = set()
    for relation, ids in (("required", required), ("preferred", agent.get("preferred_models"))):
        for identifier in ids if isinstance(ids, list) else ():
            if not isinstance(identifier, str) or identifier in seen:
                continue
            seen.add(identifier)
            here = read(identifier) if _is_id(identifier) else None
            name, record, behind = "", None, None
            if here is not None:
                name, record, behind = str(here.record["name"]), here.record, here.manifest
            found.append(
                fit.Model("required" if relation == "required" else "preferred", identifier, name, record, behind)
            )
    return found


def _is_id(identifier: str) -> bool:
    """Whether a text is an id: agents may name models by any."""
    return len(identifier) == _ID_DIGITS and not identifier.strip("0123456789abcdef")


_ID_DIGITS: Final = 64


def agent_sentence(answer: AgentAnswer) -> str:
    """The verdict on an agent, and which of its models it is by."""
    if not answer.models:
        return "cannot be told: it names no model"
    if answer.best is None:
        return "cannot be told: none of the models that it names is here"
    model, verdicts = answer.models[answer.best]
    assert verdicts is not None
    name = model_called(model)
    need = verdicts.best.need
    form = f" as {safe_text(need.quantization, _NAME)}" if need.quantization else ""
    words = f"with {name}{form}, which {sentence(verdicts.best)}"
    if answer.word in ("runs", "offload"):
        return f"fits {words}"
    return f"{'does not fit' if answer.word == 'no' else 'cannot be told'}: the nearest is {words[5:]}"


def blocks(answer: AgentAnswer) -> list[str]:
    """What an agent needs and cannot have, a sentence each."""
    found = []
    for place in answer.blocks:
        model, verdicts = answer.models[place]
        why = "is not here" if verdicts is None else sentence(verdicts.best)
        found.append(f"it needs {model_called(model)}, which {why}")
    return found


def model_called(model: Model) -> str:
    """A model by its name, or the beginning of its id."""
    return safe_text(model.name, _NAME) or safe_text(model.id[:12])


# ---- for programs ----------------------------------------------------------------------------------------------------


def machine_json(machine: Machine) -> dict[str, Json]:
    """A machine as programs read it: bytes."""
    return {
        "name": machine.name,
        "gpus": [{"name": gpu.name, "total": gpu.total, "free": gpu.free} for gpu in machine.gpus],
        "ram": machine.ram,
        "ram_free": machine.ram_free,
        "unified": machine.unified,
        "cores": machine.cores,
        "disk_free": machine.disk_free,
        "rooms": [{"where": room.where, "cards": room.cards, "bytes": room.size} for room in fit.rooms(machine)],
        "notes": list(machine.notes),
    }


def form_json(verdict: Verdict) -> dict[str, Json]:
    """The verdict on one form, with all that it is made of."""
    need, room = verdict.need, verdict.room
    cache = need.cache
    return {
        "quantization": need.quantization,
        "verdict": verdict.word,
        "sentence": sentence(verdict),
        "where": None if room is None else room.where,
        "cards": 0 if room is None else room.cards,
        "room": None if room is None else room.size,
        "missing_bytes": verdict.short,
        "not_stated": list(verdict.missing),
        "needed": need.total or None,
        "weights": {
            "bytes": need.weights,
            "from": need.weights_from,
            "file": need.file or None,
            "files": need.files,
            "parameters": need.parameters,
            "bits": None if need.bits is None else need.bits.bits,
            "scheme": None if need.bits is None else need.bits.scheme,
        },
        "cache": {
            "bytes": cache.size,
            "from": cache.source,
            "tokens": cache.tokens,
            "token_bytes": cache.token,
            "constant_bytes": cache.constant,
            "layers": cache.layers,
            "kv_heads": cache.kv_heads,
            "head_dim": cache.head_dim,
            "type": cache.width,
        },
        "overhead": need.overhead,
        "stated": {"bytes": need.stated, "field": need.stated_in} if need.stated else None,
        "needs_gpu": need.needs_gpu,
        "remarks": list[Json](remarks(need)),
    }


def answer_json(answer: Answer) -> dict[str, Json]:
    """The verdict on a model: over all, and on each form of it."""
    best = answer.best
    return {
        "verdict": best.word,
        "sentence": sentence(best),
        "best": answer.each.index(best),
        "forms": [form_json(verdict) for verdict in answer.each],
        "models": [],
        "blocks": [],
    }


def agent_json(answer: AgentAnswer) -> dict[str, Json]:
    """The verdict on an agent: over all, and on each model that it names."""
    models: list[Json] = []
    for model, verdicts in answer.models:
        models.append(
            {
                "relation": model.relation,
                "id": model.id,
                "name": model.name or None,
                "verdict": None if verdicts is None else verdicts.best.word,
                "sentence": "is not here" if verdicts is None else sentence(verdicts.best),
                "form": None if verdicts is None else form_json(verdicts.best),
            }
        )
    return {
        "verdict": answer.word,
        "sentence": agent_sentence(answer),
        "best": answer.best,
        "forms": [],
        "models": models,
        "blocks": [answer.models[place][0].id for place in answer.blocks],
    }
