"""The authoring rules: what form, CLI, API and Datastore check before a record is signed.

They are advice to an author, not part of the protocol: a peer's record that breaks them is still shown, with its
problems. Works on plain records; wire limits come along as problems of their own, so that a form shows all at once.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from tui_registry.errors import Json, Kind, Problem, Record
from tui_registry.frozen import NamedTuple
from tui_registry.licences import SPELLINGS, licence_fault
from tui_registry.records.schema import FIELDS, MAX_OP_BYTES
from tui_registry.records.wire import ShapeError, check_shape, wire_problems
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from tui_registry.formfile import FormfileProblem


def check(
    kind: Kind,
    record: Record,
    *,
    model_type: Callable[[str], Json | None] | None = None,
    instead: Callable[[str], str | None] = lambda _: None,
) -> list[Problem]:
    """Every problem of a plain record, in the order of its fields; an empty list is a record that can be signed.

    Id, owner and times are left alone: the Datastore sets them. A record of the wrong shape gives one problem, `shape`.

    Args:
        kind: which kind of record it is.
        record: a plain record.
        model_type: the plain `model_type` of a model that is known here, None for an unknown id. Without it the rules
            on what is known here are skipped.
        instead: what is known of an id that is no model here, as `not_here` takes it.
    """
    try:
        check_shape(kind, record)
    except ShapeError as error:
        return [Problem(error.path, "error", "shape", error.sentence)]
    problems = [problem for problem in wire_problems(kind, record) if problem.path not in _SET_BY_THE_DATASTORE]
    broken = {problem.path for problem in problems}
    for path, rule in _TEXT_RULES:
        text = record[path]
        if isinstance(text, str) and path not in broken:
            problems += rule(text)
    if "formfile_template" not in broken:
        problems += _disagreements(kind, record)
    problems += _requirements(record)
    problems += _tags(record, broken)
    if kind == "model":
        problems += _model(record)
    else:
        problems += _preferred_models(record, broken, model_type, instead)
    problems += _size(record)
    if len(problems) > 1:
        places = _PLACES[kind]
        problems.sort(key=lambda problem: places[re.split(r"[.\[]", problem.path, maxsplit=1)[0]])
    return problems


def without_consequences(kind: Kind, faults: Iterable[Problem], problems: Iterable[Problem]) -> list[Problem]:
    """All that is wrong with what somebody wrote, in the order of its fields: what could not be read of it, and what
    the rules say of the rest.

    Args:
        faults: as `as_written.read_as_far_as_it_goes` gives them.
        problems: of the record that it gives (`check`). One that is, or may be, about what stands there for a fault is
            left out: it would be told again if it were one of what was meant.
    """
    found = [*faults]
    if not found:
        return [*problems]
    paths = {fault.path for fault in found}

    def is_of_its_own(problem: Problem) -> bool:
        relied_on = {problem.path, *_RELIED_ON.get(problem.code, ()), *_MOST_BY_LEAST.get(problem.path, ())}
        return problem.code not in _OF_ALL and paths.isdisjoint(path[:end] for path in relied_on for end in _ends(path))

    places = _PLACES[kind]
    return sorted(
        (*found, *filter(is_of_its_own, problems)),
        key=lambda problem: places.get(re.split(r"[.\[]", problem.path, maxsplit=1)[0], -1),
    )


def is_plainly_valid(kind: Kind, record: Record) -> bool:
    """Whether a glance tells that a record which keeps the wire limits has no error: where this is true `check` finds
    none, where it is false nothing is known. It costs a tenth of `check` and asks no library, so it is done for every
    operation that arrives. Of templates, and of licences and versions that are not the usual ones, it knows nothing.
    """
    version, licence, template = record["version"], record["license"], record["formfile_template"]
    tags, description, needs = record["tags"], record["description"], record["resource_requirements"]
    if not (type(version) is str and type(tags) is list and type(description) is str and type(needs) is dict):
        return False
    if template or licence not in SPELLINGS or _PLAIN(version) is None or len(description) > _SHORT:
        return False
    seen: set[str] = set()
    for tag in tags:
        if type(tag) is not str or tag in seen or _SLUG.fullmatch(tag) is None:
            return False
        seen.add(tag)
    for least, most, _ in _PAIRS:
        if not _is_within(needs[least], needs[most]):
            return False
    if needs["min_vcpus"] == 0:
        return False
    capabilities = record["capabilities"]
    items = len(tags) + (len(capabilities) if type(capabilities) is list else _MANY)
    if kind == "model":
        is_fine = needs["requires_gpu"] is True or (
            needs["min_vram_gb"] is None and needs["cuda_cores"] is None and needs["tensor_cores"] is None
        )
        return is_fine and record["context_length"] != 0 and items <= _MANY
    tools, models = record["tools"], record["preferred_models"]
    if not (type(tools) is list and type(models) is list):
        return False
    is_fine = all(type(model) is str and _MODEL_ID.fullmatch(model) for model in models)
    return is_fine and items + len(tools) + len(models) <= _MANY


# A text of so many characters, so many labels and no template are far from too many bytes.
_SHORT = 2_000
_MANY = 32


def _is_within(least: Json, most: Json) -> bool:
    return type(least) is int and type(most) is int and least <= most


_SET_BY_THE_DATASTORE = frozenset({"model_id", "agent_id", "owner_id", "created_at", "updated_at"})
_PLACES = {kind: {field.name: place for place, field in enumerate(fields)} for kind, fields in FIELDS.items()}


def _error(path: str, code: str, sentence: str, *instead: str | int | None) -> Problem:
    return Problem(path, "error", code, sentence, instead)


def _warning(path: str, code: str, sentence: str) -> Problem:
    return Problem(path, "warning", code, sentence)


# ---- text fields ---------------------------------------------------------------------------------------------------


def _name(name: str) -> Iterator[Problem]:
    shown = safe_text(name)
    if not name.strip():
        yield _warning("name", "blank_name", "shows as nothing: write a name that can be read")
    elif shown != name:
        yield _warning("name", "hidden_characters", f"holds characters that do not show: it reads as {_show(name)}")


def _version(version: str) -> Iterator[Problem]:
    sentence = version_fault(version)
    if sentence is not None:
        meant = _meant(version)
        yield _error("version", "semver", sentence, *(() if meant is None else (meant,)))


def _license(expression: str) -> Iterator[Problem]:
    fault = licence_fault(expression)
    if fault is not None:
        yield Problem("license", fault.severity, fault.code, fault.sentence, fault.instead)


@lru_cache(maxsize=32)
def _template(template: str) -> tuple[Problem, ...]:
    # Cached, because a form checks the whole record on every key that goes into any field.
    if not template.strip():
        return ()
    faults = _parsed(template).problems
    # A stranger's template has up to 12,000 lines, and with them as many faults: some are enough, errors before others.
    shown = faults if len(faults) <= _TEMPLATE_FAULTS else sorted(faults, key=_is_mild)[:_TEMPLATE_FAULTS]
    problems = [
        Problem("formfile_template", fault.severity, fault.code, f"line {fault.line}: {fault.sentence}")
        for fault in shown
    ]
    if len(shown) < len(faults):
        sentence = f"{len(faults) - len(shown):,} more problems: see `tui-registry formfile lint`"
        problems.append(Problem("formfile_template", "warning", "more_problems", sentence))
    return tuple(problems)


def _disagreements(kind: Kind, record: Record) -> Iterator[Problem]:
    """Where the template gives less than the record needs, or names other models: warnings, by line."""
    template = record["formfile_template"]
    if not isinstance(template, str) or not template.strip():
        return
    for fault in _parsed(template).disagreements(kind, record)[:_DISAGREEMENTS]:
        yield _warning("formfile_template", fault.code, f"line {fault.line}: {fault.sentence}")


class _Template(NamedTuple):
    """A template that was read: what is wrong with it, and where it and a record disagree."""

    problems: Sequence[FormfileProblem]
    disagreements: Callable[[Kind, Record], Sequence[FormfileProblem]]


@lru_cache(maxsize=4)
def _parsed(template: str) -> _Template:
    # Cached, because the same template is asked about again for each key that goes into another field
    from tui_registry import formfile  # few records have one

    parsed = formfile.parse(template, mode="lint")
    return _Template(parsed.problems, lambda kind, record: formfile.check_agreement(parsed, kind, record))


_TEMPLATE_FAULTS = 100
_DISAGREEMENTS = 20


def _is_mild(fault: FormfileProblem) -> bool:
    return fault.severity != "error"


_TEXT_RULES: tuple[tuple[str, Callable[[str], Iterable[Problem]]], ...] = (
    ("name", _name),
    ("version", _version),
    ("license", _license),
    ("formfile_template", _template),
)


# ---- numbers -------------------------------------------------------------------------------------------------------

_PAIRS = (
    ("min_vcpus", "recommended_vcpus", "vCPUs"),
    ("min_memory_mb", "recommended_memory_mb", "MB of memory"),
    ("min_disk_gb", "recommended_disk_gb", "GB of disk"),
)
_GPU_FIELDS = (("min_vram_gb", "VRAM is"), ("cuda_cores", "CUDA cores are"), ("tensor_cores", "tensor cores are"))


def _requirements(record: Record) -> Iterator[Problem]:
    needs = record["resource_requirements"]
    if not isinstance(needs, dict):
        return
    for least_name, most_name, unit in _PAIRS:
        least, most = needs[least_name], needs[most_name]
        if not isinstance(least, int) or not isinstance(most, int):
            continue
        if unit == "vCPUs" and least < 1:
            yield _error(f"resource_requirements.{least_name}", "below_one", "0 vCPUs run nothing: write 1 or more", 1)
        if most < least:
            sentence = f"{most:,} {unit} recommended, but at least {least:,} needed: write {least:,} or more"
            yield _error(f"resource_requirements.{most_name}", "below_minimum", sentence, least)
        elif unit == "vCPUs" and most < 1:
            yield _error(f"resource_requirements.{most_name}", "below_one", "0 vCPUs run nothing: write 1 or more", 1)
    if needs.get("requires_gpu") is False:
        for field, what in _GPU_FIELDS:
            if needs.get(field) is not None:
                sentence = f"{what} of a GPU, but none is required: require a GPU or leave this empty"
                yield _error(f"resource_requirements.{field}", "needs_gpu", sentence, None)


def _model(record: Record) -> Iterator[Problem]:
    context = record["context_length"]
    if context == 0:
        yield _error("context_length", "below_one", "0 tokens hold nothing: write 1 or more, or leave this empty", None)
    if record["model_type"] == "LLM":
        if record["parameters"] == 0:
            yield _warning("parameters", "not_stated", "an LLM should state its parameters, such as 7b")
        if context is None:
            yield _warning("context_length", "not_stated", "an LLM should state its context length, such as 32k")


def _size(record: Record) -> Iterator[Problem]:
    # Counted only where it can matter: no character takes more than six bytes (`\u00xx`).
    longest = max(("description", "formfile_template"), key=lambda path: len(str(record[path])))
    rough = len(str(record["description"])) + len(str(record["formfile_template"]))
    for value in record.values():
        if isinstance(value, list):
            rough += sum(len(str(item)) + 16 for item in value)
    if rough * 6 + 4096 < MAX_RECORD_BYTES:
        return
    size = len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_RECORD_BYTES:
        sentence = f"the record takes {size:,} bytes, one operation has room for {MAX_RECORD_BYTES:,}: shorten this"
        yield _error(longest, "too_big", sentence)


# What an operation with sixteen children adds around its record: one that fits can also be edited in any conflict.
_ENVELOPE_BYTES = 1_600
MAX_RECORD_BYTES = MAX_OP_BYTES - _ENVELOPE_BYTES


def _ends(path: str) -> Iterator[int]:
    """Where a path ends, and those of all that it lies in."""
    yield len(path)
    for found in re.finditer(r"[.\[]", path):
        yield found.start()


# Of what else than its own field a problem is: by its code, and by the path.
_OF_ALL = frozenset(("too_big", "disagrees"))
_RELIED_ON = {
    "needs_gpu": ("resource_requirements.requires_gpu",),
    "not_stated": ("model_type",),
    "incompatible_model": ("compatible_model_types",),
}
_MOST_BY_LEAST = {f"resource_requirements.{most}": (f"resource_requirements.{least}",) for least, most, _ in _PAIRS}

# ---- lists ---------------------------------------------------------------------------------------------------------

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_MODEL_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _tags(record: Record, broken: set[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, tag in _items(record, "tags", broken):
        if _SLUG.fullmatch(tag) is None:
            slug = _slug(tag)
            write = slug or "lower-case letters, digits and hyphens"
            yield _error(path, "slug", f"{_show(tag)} is not a slug: write {write}", *filter(None, (slug,)))
        elif tag in seen:
            yield _error(path, "duplicate", f"{tag} is there already: remove it here", None)
        seen.add(tag)


def _slug(tag: str) -> str:
    plain = unicodedata.normalize("NFKD", tag).encode("ascii", "ignore").decode().lower().replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def not_here(identifier: str, what: str, instead: str | None) -> str:
    """The sentence on an id that a record names and that is no live record of its kind here.

    Args:
        what: `model`, or whatever it should be.
        instead: what is known of it, as `was deleted here`; None where nothing is.
    """
    if instead is None:
        return f"{identifier[:8]} is no {what} known here: pull from a peer that has it, or check the id"
    return f"{identifier[:8]} {instead}: name another {what}, or none"


def _preferred_models(
    record: Record,
    broken: set[str],
    model_type: Callable[[str], Json | None] | None,
    instead: Callable[[str], str | None],
) -> Iterator[Problem]:
    compatible = record["compatible_model_types"]
    for path, model_id in _items(record, "preferred_models", broken):
        if _MODEL_ID.fullmatch(model_id) is None:
            yield _error(path, "model_id", f"{_show(model_id)} is not a model id: write its 64 lower-case hex digits")
        elif model_type is not None:
            its_type = model_type(model_id)
            if its_type is None:
                yield _warning(path, "unknown_model", not_here(model_id, "model", instead(model_id)))
            elif isinstance(compatible, list) and its_type not in compatible:
                name = _show(_variant_name(its_type))
                sentence = f"{model_id[:8]} is of type {name}: add {name} to the compatible model types or remove it"
                yield _warning(path, "incompatible_model", sentence)


def _variant_name(variant: Json) -> str:
    return str(variant["Other"]) if isinstance(variant, dict) else str(variant)


def _items(record: Record, field: str, broken: set[str]) -> Iterator[tuple[str, str]]:
    """The items of a list of text that keep their wire limits, each with its path."""
    items = record[field]
    if isinstance(items, list):
        for index, item in enumerate(items):
            path = f"{field}[{index}]"
            if isinstance(item, str) and path not in broken:
                yield path, item


def _show(text: str) -> str:
    return safe_text(text, 40)


# ---- versions: SemVer 2.0.0 (https://semver.org/spec/v2.0.0.html), and if not, which one was meant -------------------


@lru_cache(maxsize=4096)
def version_fault(version: str) -> str | None:
    """A sentence that says what to write instead, or None when the version is SemVer."""
    if _is_semver(version):
        return None
    meant = _meant(version)
    write = meant if meant is not None else "a version such as 0.1.0"
    return f"{safe_text(version, 40)} is not SemVer: write {write}"


def _is_semver(version: str) -> bool:
    if _PLAIN(version):
        return True
    # semver 3.0 takes other scripts' digits and a line end after the version; the specification does not.
    if not version.isascii() or not version.isprintable():
        return False
    from semver import Version

    return Version.is_valid(version)


# Three plain numbers need no library to be recognised: most versions, and the import of semver costs 5 ms.
_PLAIN = re.compile(r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)").fullmatch

# `v1.2`, `1`, `1.2.3.4`, `1.0rc1`, `1.0.0.dev3`, `2024-05-01`, `1.0_beta`: up to three numbers, then whatever follows.
_LOOSE = re.compile(r"[vV=\s]*([0-9]{1,9})(?:[.-]([0-9]{1,9}))?(?:[.-]([0-9]{1,9}))?([0-9A-Za-z.+_\s-]*)", re.ASCII)


def _meant(version: str) -> str | None:
    match = _LOOSE.fullmatch(version.strip())
    if match is None:
        return None
    numbers = ".".join(str(int(part or "0")) for part in match.group(1, 2, 3))
    rest, plus, build = match[4].partition("+")
    release = _identifiers(rest)
    tail = _identifiers(build) if plus else []
    meant = numbers + ("-" + ".".join(release) if release else "") + ("+" + ".".join(tail) if tail else "")
    return meant if _is_semver(meant) else None


def _identifiers(text: str) -> list[str]:
    parts = (part.strip("-") for part in re.split(r"[.\s_]+", text))
    return [str(int(part)) if part.isdigit() else part for part in parts if part]
