"""A record in full as text for people: the header and the tabs of the detail. Pure; exact values stand here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from textual.content import Content

from tui_registry.datastore import Entry, HistoryEntry
from tui_registry.errors import Json, Problem, Record
from tui_registry.text import address_short, age, count_words, exact, safe_text, size_bytes, size_mb
from tui_registry.tui.kit.text_flow import field, heading, paragraph, stack

_LONGEST: Final = 25_000  # a Formfile may have 24,576 characters
_LABEL: Final = 14
# A record may have any number of operations; nobody reads more of them here.
HISTORY_SHOWN: Final = 200


class Surroundings(NamedTuple):
    """What the detail needs to know beside the record: the time, the local names of owners, this replica's address."""

    now: int
    owners: Mapping[str, str]
    address: str


def header(entry: Entry, around: Surroundings, width: int) -> Content:
    """The lines above the tabs: name, what it is, who signed it, what it needs, what is wrong with it."""
    record = entry.record
    name = safe_text(text_of(record["name"]), 200) or "(no name)"
    version = safe_text(text_of(record["version"]), 64)
    lines = [Content.assemble((name, "bold $text-primary"), "  ", (version, "$foreground-muted"))]
    lines += paragraph(" · ".join(_what(entry)), width)
    lines += paragraph(_size(record), width) if entry.kind == "model" else paragraph(_works_with(record), width)
    lines += field("owner", signer(entry, around), width, 8)
    lines += field("needs", _needs(record), width, 8)
    tags = ", ".join(texts(record["tags"]))
    if tags:
        lines += field("tags", tags, width, 8)
    for warning in warnings(entry, around.now):
        lines += paragraph(f"! {warning}", width, "$text-warning")
    return stack(lines)


def signer(entry: Entry, around: Surroundings) -> str:
    """Who signed the record, in words: a signature says who signed, not that they are who they claim."""
    owner = text_of(entry.record["owner_id"])
    short = address_short(owner)
    name = around.owners.get(owner)
    if entry.mine:
        return f"you ({short}), signed"
    if name is None:
        return f"{short}, signed by a key you have not named"
    same = sum(other == name for other in around.owners.values())
    twin = f"; {same} keys have this name" if same > 1 else ""
    return f"{safe_text(name, 40)} ({short}), signed{twin}"


def warnings(entry: Entry, now: int) -> list[str]:
    """What one should know before trusting what is shown."""
    found = []
    if len(entry.live_heads) > 1:
        count = len(entry.live_heads)
        found.append(f"conflict: {count} versions are live, the winner is shown; the next edit settles it")
    updated = number_of(entry.record["updated_at"])
    if entry.future:
        found.append(f"dated {age(now - updated)}, ahead of this machine's clock")
    if entry.problems:
        found.append(f"{counted(entry.problems)}, listed below")
    return found


def counted(problems: Sequence[Problem]) -> str:
    """How many there are of what is wrong and of what is merely advised: `1 problem, 2 warnings`."""
    errors = sum(problem.severity == "error" for problem in problems)
    counts = ((errors, "problem"), (len(problems) - errors, "warning"))
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count)


def overview(entry: Entry, around: Surroundings, width: int) -> Content:
    """Description, problems, and every field that the header shortens."""
    record, lines = entry.record, []
    description = safe_text(text_of(record["description"]), _LONGEST, newlines=True)
    lines += paragraph(description or "No description.", width, "" if description else "$foreground-muted")
    if entry.problems:
        only_advice = all(problem.severity == "warning" for problem in entry.problems)
        lines += heading("Warnings" if only_advice else "Problems")
        for problem in entry.problems:
            sign = "!" if problem.severity == "error" else "·"
            where = f"{safe_text(problem.path, 80)}: " if problem.path else ""
            lines += field(sign, f"{where}{safe_text(problem.sentence, 400)}", width, 2)
    lines += heading("Record")

    def add(label: str, value: str) -> None:
        lines.extend(field(label, value, width, _LABEL))

    if entry.kind == "model":
        parameters = number_of(record["parameters"])
        add("parameters", exact(parameters) if parameters else "unknown")
        add("context", _tokens(record["context_length"]))
        add("quantisation", variant(record["quantization"]) or "none")
        add("input", _speed(record["input_tokens_per_second"]))
        add("output", _speed(record["output_tokens_per_second"]))
    else:
        add("works with", ", ".join(variants(record["compatible_model_types"])) or "no model types")
        add("prefers", ", ".join(texts(record["preferred_models"])) or "no model in particular")
        add("tools", ", ".join(texts(record["tools"])) or "none")
    add("framework", variant(record["framework"]))
    add("licence", safe_text(text_of(record["license"]), 128))
    add("capabilities", ", ".join(texts(record["capabilities"])) or "none")
    add("tags", ", ".join(texts(record["tags"])) or "none")
    add("created", moment(number_of(record["created_at"]), around.now))
    add("updated", moment(number_of(record["updated_at"]), around.now))
    lines += heading("Signature")
    add("id", entry.id)
    add("owner", text_of(record["owner_id"]))
    add("operation", size_bytes(entry.size))
    for place, head in enumerate(entry.live_heads):
        add("winner" if place == 0 else "also live", head)
    return stack(lines)


def requirements(entry: Entry, width: int) -> Content:
    """What the record needs: minimum and recommended side by side."""
    needs = entry.record["resource_requirements"]
    assert isinstance(needs, dict)
    column = max(10, min(16, (width - _LABEL) // 2))
    lines = [
        Content.styled("".ljust(_LABEL) + "minimum".rjust(column) + "recommended".rjust(column), "$foreground-muted")
    ]

    def row(label: str, least: str, better: str) -> None:
        lines.append(
            Content.assemble((label.ljust(_LABEL), "$foreground-muted"), least.rjust(column), better.rjust(column))
        )

    row("vCPUs", exact(number_of(needs["min_vcpus"])), exact(number_of(needs["recommended_vcpus"])))
    row("memory", size_mb(number_of(needs["min_memory_mb"])), size_mb(number_of(needs["recommended_memory_mb"])))
    row("disk", _gb(needs["min_disk_gb"]), _gb(needs["recommended_disk_gb"]))
    if entry.kind == "model":
        lines.append(Content(""))
        lines += field("GPU", "required" if needs["requires_gpu"] else "not required", width, _LABEL)
        for label, name, unit in (("VRAM", "min_vram_gb", " GB"), ("CUDA cores", "cuda_cores", ""),
                                  ("Tensor cores", "tensor_cores", "")):  # fmt: skip
            value = needs[name]
            lines += field(label, "not stated" if value is None else f"{exact(number_of(value))}{unit}", width, _LABEL)
    return stack(lines)


def formfile(entry: Entry, width: int) -> Content:
    """The Formfile template with its line numbers, exactly as signed (made safe to show)."""
    template = text_of(entry.record["formfile_template"])
    if not template.strip():
        return stack(paragraph("No Formfile template.", width, "$foreground-muted"))
    lines: list[Content] = []
    for number, line in enumerate(safe_text(template, _LONGEST, newlines=True).split("\n"), start=1):
        lines += field(f"{number:>4}", line, width, 6)
    return stack(lines)


def history(record_id: str, entries: Sequence[HistoryEntry] | None, around: Surroundings, width: int) -> Content:
    """The record's last operations, newest first, each with what it changed."""
    if entries is None:
        return stack(paragraph("Reading…", width, "$foreground-muted"))
    by_hash = {entry.hash: entry for entry in entries}
    lines: list[Content] = []
    for entry in entries[:HISTORY_SHOWN]:
        marks = [word for word, is_so in (("winner", entry.is_winner), ("head", entry.is_head)) if is_so]
        lines.append(
            Content.assemble(
                (_deed(entry), "bold"),
                (f"  {moment(entry.updated_at, around.now)}", "$foreground-muted"),
                (f"  {', '.join(marks)}" if marks else "", "$text-success"),
            )
        )
        owner = around.owners.get(entry.actor)
        who = f"{safe_text(owner, 40)} ({address_short(entry.actor)})" if owner else address_short(entry.actor)
        lines += field("", f"{who} · clock {exact(entry.clock)} · {entry.hash[:12]}…", width, 2, "$foreground-muted")
        before = next((by_hash[child].record for child in entry.children if child in by_hash), None)
        changed = changes(before, entry.record)
        if changed:
            lines += field("", f"changed {', '.join(changed)}", width, 2)
        lines.append(Content(""))
    if len(entries) > HISTORY_SHOWN:
        lines += paragraph(f"The earlier ones: tui-registry history {record_id[:12]}", width, "$foreground-muted")
    return stack(lines)


def changes(before: Record | None, after: Record | None) -> list[str]:
    """The names of the fields that differ, times apart; none where there is nothing to compare."""
    if before is None or after is None:
        return []
    return [name for name in after if name not in ("updated_at", "created_at") and before.get(name) != after[name]]


# ---- values ----------------------------------------------------------------------------------------------------------


def text_of(value: Json) -> str:
    """A value that the record's shape says is text."""
    return value if isinstance(value, str) else ""


def number_of(value: Json) -> int:
    """A value that the record's shape says is a number."""
    return value if isinstance(value, int) else 0


def texts(value: Json) -> list[str]:
    """A list of texts, each made safe."""
    return [safe_text(text_of(item), 128) for item in value] if isinstance(value, list) else []


def variant(value: Json) -> str:
    """An enum's name, or the text of an `Other`."""
    return safe_text(text_of(value.get("Other") if isinstance(value, dict) else value), 64)


def variants(value: Json) -> list[str]:
    """A list of enums."""
    return [variant(item) for item in value] if isinstance(value, list) else []


def moment(seconds: int, now: int) -> str:
    """A time in full and how long ago it was, in UTC."""
    when = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    since = age(now - seconds)
    return f"{when} ({since})" if since == "now" or since.startswith("in ") else f"{when} ({since} ago)"


def _what(entry: Entry) -> list[str]:
    record = entry.record
    words = [entry.kind, variant(record["model_type" if entry.kind == "model" else "agent_type"])]
    words.append(variant(record["framework"]))
    if entry.kind == "model" and record["quantization"] is not None:
        words.append(variant(record["quantization"]))
    words.append(safe_text(text_of(record["license"]), 128) or "no licence")
    return words


def _size(record: Record) -> str:
    parameters, context = number_of(record["parameters"]), record["context_length"]
    size = f"{count_words(parameters)} parameters" if parameters else "size unknown"
    return size if context is None else f"{size} · {exact(number_of(context))} tokens context"


def _works_with(record: Record) -> str:
    types = ", ".join(variants(record["compatible_model_types"]))
    return f"works with {types}" if types else "works with no model type it names"


def _needs(record: Record) -> str:
    needs = record["resource_requirements"]
    assert isinstance(needs, dict)
    vcpus = number_of(needs["min_vcpus"])
    words = [f"{vcpus} vCPU{'' if vcpus == 1 else 's'}", size_mb(number_of(needs["min_memory_mb"]))]
    words.append(f"{_gb(needs['min_disk_gb'])} disk")
    if needs.get("requires_gpu"):
        vram = needs.get("min_vram_gb")
        words.append("GPU" if vram is None else f"GPU {_gb(vram)} VRAM")
    return " · ".join(words)


def _gb(value: Json) -> str:
    return size_mb(number_of(value) * 1024)


def _tokens(value: Json) -> str:
    return "unknown" if value is None else f"{exact(number_of(value))} tokens"


def _speed(value: Json) -> str:
    return "not stated" if value is None else f"{exact(number_of(value))} tokens/s"


def _deed(entry: HistoryEntry) -> str:
    if entry.is_rm:
        return "deleted"
    return "edited" if entry.children else "registered"
