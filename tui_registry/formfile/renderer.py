"""Filling in the placeholders of a Formfile."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tui_registry.errors import Json, Kind

from . import formatter
from .language import RECORD_PLACEHOLDERS
from .model import Declaration, Formfile, FormfileProblem, Instruction, Line, Mode
from .parser import parse
from .report import LineReport, Report
from .words import CONTROL, PLACEHOLDER, free_text, placeholders, quote_free_text, quote_word, split_words


@dataclass(frozen=True, slots=True)
class Rendered:
    """A Formfile without placeholders, in canonical layout; lines and columns of `problems` are the template's."""

    text: str
    problems: tuple[FormfileProblem, ...]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A placeholder as a form asks for it: `default` is None when a value has to be given."""

    name: str
    default: str | None
    from_record: bool


def render(text: str, values: Mapping[str, str], mode: Mode = "lint") -> Rendered:
    """Fills in every placeholder: from `values`, else from its declared default.

    Values are quoted as their place needs it, so a value stays one word; only after INSTALL and EXPOSE a value with
    spaces becomes several. In RUN a value is put into the command as it is: quoting for the shell is the author's part.
    The declarations are left out of the result. What secrets the values hold is not reported.

    Args:
        text: the template.
        values: by name; those that no placeholder asks for are ignored. A value is one line.
        mode: how the result is checked.
    """
    template = parse(text, mode, secrets=False)
    defaults = {d.name: d.default for d in reversed(template.declarations) if d.default is not None}
    given = {**defaults, **values}
    report = Report(mode)
    lines = [_render_line(line, given, LineReport(report, line.number)) for line in template.lines]
    # Checked line by line as in the template, so that problems carry its line numbers.
    checked = parse("\n".join("#" if line is None else line for line in lines), mode, secrets=False)
    # A placeholder that is left over has its own, better problem by now.
    problems = [*report.problems, *(p for p in checked.problems if p.code != "placeholder_undeclared")]
    problems.sort(key=lambda problem: (problem.line, problem.column))
    return Rendered(formatter.format("\n".join(line for line in lines if line is not None)), tuple(problems))


def wanted(formfile: Formfile) -> tuple[Placeholder, ...]:
    """The placeholders that the instructions use, in the order of their first use."""
    defaults = {declaration.name: declaration.default for declaration in reversed(formfile.declarations)}
    names: dict[str, None] = {}
    for line in formfile.lines:
        if not isinstance(line.holds, Declaration) and line.raw.lstrip()[:1] != "#":
            names.update(dict.fromkeys(name for name, _ in placeholders(_without_comment(line))))
    return tuple(
        Placeholder(name, defaults.get(name), name in RECORD_PLACEHOLDERS and name not in defaults) for name in names
    )


def record_values(kind: Kind, record: Mapping[str, Json]) -> dict[str, str]:
    """What a record itself has to say for placeholders; resources are the recommended ones.

    `id`, `name`, `owner_id`, `version`, `description` (on one line), `license`, `vcpus`, `memory_mb`, `disk_gb`.
    """
    values: dict[str, str] = {}
    needs = record.get("resource_requirements")
    needs = needs if isinstance(needs, dict) else {}
    sources = {
        "id": record.get(f"{kind}_id"),
        "vcpus": needs.get("recommended_vcpus"),
        "memory_mb": needs.get("recommended_memory_mb"),
        "disk_gb": needs.get("recommended_disk_gb"),
    }
    for name in RECORD_PLACEHOLDERS:
        value = sources.get(name) if name in sources else record.get(name)
        if isinstance(value, str):
            values[name] = " ".join(value.split())
        elif isinstance(value, int) and not isinstance(value, bool):
            values[name] = str(value)
    return values


def _without_comment(line: Line) -> str:
    return line.raw[: line.holds.span.end - 1] if isinstance(line.holds, Instruction) else line.raw


def _render_line(line: Line, given: Mapping[str, str], report: LineReport) -> str | None:
    """The line with its values, None for a declaration."""
    if isinstance(line.holds, Declaration):
        return None
    if "{{" not in line.raw or line.raw.lstrip().startswith("#"):
        return line.raw
    value = _without_comment(line)
    tail = line.raw[len(value) :]
    return _fill(value, line.holds, _filler(given, value, report), report) + tail


def _filler(given: Mapping[str, str], value: str, report: LineReport) -> Callable[[str], str]:
    refused = {
        name: at for name, at in reversed(list(placeholders(value))) if (name not in given) or _refused(given[name])
    }
    for name, at in refused.items():
        short = name[:40]
        if name not in given:
            report.add(
                at, "placeholder_missing", f"'{short}' has no value: give one, or declare '#? {short} = default'"
            )
        else:
            report.add(at, "placeholder_value", f"the value of '{short}' {_refused(given[name])}")

    def fill(text: str) -> str:
        return PLACEHOLDER.sub(lambda m: m.group() if m.group(1) in refused else given[m.group(1)], text)

    return fill


def _refused(value: str) -> str:
    if "\n" in value or "\r" in value:
        return "has a line break: an instruction is one line"
    if CONTROL.search(value):
        return "holds a control character: delete it"
    return "holds '{{', which would be read as a placeholder" if "{{" in value else ""


def _fill(value: str, holds: Instruction | Declaration | None, fill: Callable[[str], str], report: LineReport) -> str:
    start = len(value) - len(value.lstrip())
    keyword = holds.keyword if isinstance(holds, Instruction) else ""
    if not keyword or keyword == "RUN":
        return fill(value)
    name, rest = value.split(None, 1)
    if keyword in ("NAME", "DESCRIPTION"):
        text = " ".join(fill(free_text(rest).text).split())
        written = quote_free_text(text)
        if free_text(written).text != text:
            report.add(start, "placeholder_value", f"{keyword} cannot hold both kinds of quotes and a ' #'")
        return f"{name} {written}"
    if keyword == "ENTRYPOINT" and rest.lstrip().startswith("["):
        return f"{name} {_fill_array(rest, fill)}"
    words = [fill(word.text) for word in split_words(rest).words]
    if keyword in ("INSTALL", "EXPOSE"):
        words = [part for word in words for part in word.split()]
    return " ".join([name, *(quote_word(word) for word in words)])


def _fill_array(text: str, fill: Callable[[str], str]) -> str:
    items = json.loads(text)
    return json.dumps([fill(item) for item in items if isinstance(item, str)], ensure_ascii=False)
