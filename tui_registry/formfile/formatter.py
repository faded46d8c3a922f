"""Writing a Formfile: in its one canonical layout, and with its placeholders filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from tui_registry.frozen import Frozen

from . import language
from .language import (
    Declaration,
    Formfile,
    FormfileProblem,
    Instruction,
    Line,
    LineReport,
    Mode,
    Report,
    Template,
)
from .lines import parse
from .words import CONTROL, PLACEHOLDER, free_text, placeholders, quote_free_text, quote_word, split_words


def format(text: str) -> str:  # noqa: A001 - the public name; the builtin is not used here
    """The canonical layout of a Formfile. Formatting twice is formatting once.

    Upper-case main names, one space between words, quotes only where they are needed, `{{ name }}`, comments kept: one
    at the end of an instruction moves to the line before it, since the builder would read it as part of the value. No
    more than one blank line in a row, none at either end. A line with an error stays exactly as it is.
    """
    return format_parsed(parse(text))


def format_parsed(formfile: Formfile) -> str:
    """The same for a Formfile that is parsed already."""
    broken = {problem.line for problem in formfile.errors if problem.code not in _ABOUT_THE_WHOLE}
    written: list[str] = []
    for line in formfile.lines:
        written.extend([line.raw] if line.number in broken else _lines(line))
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(written).strip("\n"))
    return f"{text}\n" if text else ""


def written(instruction: Instruction) -> str:
    """The canonical spelling of one instruction."""
    return f"{instruction.keyword} {_value(instruction)}"


def written_declaration(name: str, default: str | None) -> str:
    """The canonical spelling of a declaration."""
    return f"#? {name}" if default is None else f"#? {name} = {default}".rstrip()


# Errors that leave the line they are shown on readable.
_ABOUT_THE_WHOLE = ("missing_name", "repeated")


def _lines(line: Line) -> list[str]:
    if isinstance(line.holds, Declaration):
        return [written_declaration(line.holds.name, line.holds.default)]
    if line.comment is None:
        return [line.raw if line.holds is None else written(line.holds)]
    if line.holds is None:
        # A `#?` that is no declaration keeps its look, for its problem to be seen and mended.
        return [line.raw.strip() if line.comment.startswith("?") else _comment(line.comment)]
    # A space keeps a comment that began with `?` from becoming a declaration.
    comment = f" {line.comment}" if line.comment.startswith("?") else line.comment
    return [_comment(comment), written(line.holds)]


def _comment(text: str) -> str:
    # `#!` and `####` keep their look, and what was indented stays so.
    return f"# {text}" if text and text[0].isalnum() else f"#{text}"


def _value(instruction: Instruction) -> str:
    match instruction:
        case language.Name(value=text) | language.Description(value=text):
            return quote_free_text(text)
        case language.Run(command=text):
            return text
        case language.Model(presence=presence, model_id=model_id):
            return quote_word(f"{presence}:{model_id}")
        case language.Vcpu(count=number) | language.Memory(megabytes=number) | language.Disk(gigabytes=number):
            return _number(number)
        case language.Gpu(model=name, count=count):
            return quote_word(name if count == 1 else f"{name}:{_number(count)}")
        case language.User():
            return _user(instruction)
        case language.Workdir(path=path):
            return quote_word(path)
        case language.Copy(source=source, destination=destination):
            return f"{quote_word(source)} {quote_word(destination)}"
        case language.Install(packages=packages):
            return " ".join(quote_word(package) for package in packages)
        case language.Env():
            return _env(instruction)
        case language.Entrypoint():
            return _entrypoint(instruction)
        case language.Expose(ports=ports):
            return " ".join(_number(port) for port in ports)
    raise TypeError(f"no spelling for {type(instruction).__name__}")


def _number(value: int | Template) -> str:
    return quote_word(value.text) if isinstance(value, Template) else str(value)


def _user(user: language.User) -> str:
    def flag(value: bool | Template | None) -> str | None:
        return value.text if isinstance(value, Template) else None if value is None else str(value).lower()

    given = {
        "username": user.username,
        "passwd": user.passwd,
        "sudo": flag(user.sudo),
        "ssh_authorized_keys": ",".join(user.ssh_authorized_keys) or None,
        "lock_passwd": flag(user.lock_passwd),
        "shell": user.shell,
        "ssh_pwauth": flag(user.ssh_pwauth),
        "disable_root": flag(user.disable_root),
        "chpasswd_expire": flag(user.chpasswd_expire),
        "groups": ",".join(user.groups) or None,
    }
    return " ".join(f"{key}:{quote_word(text, first=False)}" for key, text in given.items() if text is not None)


def _env(env: language.Env) -> str:
    scope = "" if env.scope == "system" else f"{quote_word(f'--scope={env.scope}:{env.owner}')} "
    return f"{scope}{env.key}={quote_word(env.value, first=False) if env.value else ''}"


def _entrypoint(entrypoint: language.Entrypoint) -> str:
    words = [entrypoint.command, *entrypoint.args]
    plain = not words[0].startswith("[") and all(word and quote_word(word) == word for word in words)
    if entrypoint.written == "words" and plain:
        return " ".join(words)
    array = json.dumps(words, ensure_ascii=False)
    return CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", array)


# ---- filling in placeholders -----------------------------------------------------------------------------------------


class Rendered(Frozen):
    """A Formfile without placeholders, in canonical layout; lines and columns of `problems` are the template's."""

    text: str
    problems: tuple[FormfileProblem, ...]


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
    return Rendered(format("\n".join(line for line in lines if line is not None)), tuple(problems))


def wanted(formfile: Formfile) -> tuple[str, ...]:
    """The names of the placeholders that the instructions use, in the order of their first use."""
    names: dict[str, None] = {}
    for line in formfile.lines:
        if not isinstance(line.holds, Declaration) and line.raw.lstrip()[:1] != "#":
            names.update(dict.fromkeys(name for name, _ in placeholders(_without_comment(line))))
    return tuple(names)


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
