"""Writing a Formfile in its one canonical layout."""

from __future__ import annotations

import json

from . import model
from .model import Declaration, Formfile, Instruction, Line, Template
from .parser import parse
from .words import CONTROL, quote_free_text, quote_word


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
    tidy: list[str] = []
    for piece in written:
        if piece or (tidy and tidy[-1]):
            tidy.append(piece)
    while tidy and not tidy[-1]:
        tidy.pop()
    return "".join(f"{piece}\n" for piece in tidy)


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
        case model.Name(value=text) | model.Description(value=text):
            return quote_free_text(text)
        case model.Run(command=text):
            return text
        case model.Model(presence=presence, model_id=model_id):
            return quote_word(f"{presence}:{model_id}")
        case model.Vcpu(count=number) | model.Memory(megabytes=number) | model.Disk(gigabytes=number):
            return _number(number)
        case model.Gpu(model=name, count=count):
            return quote_word(name if count == 1 else f"{name}:{_number(count)}")
        case model.User():
            return _user(instruction)
        case model.Workdir(path=path):
            return quote_word(path)
        case model.Copy(source=source, destination=destination):
            return f"{quote_word(source)} {quote_word(destination)}"
        case model.Install(packages=packages):
            return " ".join(quote_word(package) for package in packages)
        case model.Env():
            return _env(instruction)
        case model.Entrypoint():
            return _entrypoint(instruction)
        case model.Expose(ports=ports):
            return " ".join(_number(port) for port in ports)
    raise TypeError(f"no spelling for {type(instruction).__name__}")


def _number(value: int | Template) -> str:
    return quote_word(value.text) if isinstance(value, Template) else str(value)


def _user(user: model.User) -> str:
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


def _env(env: model.Env) -> str:
    scope = "" if env.scope == "system" else f"{quote_word(f'--scope={env.scope}:{env.owner}')} "
    return f"{scope}{env.key}={quote_word(env.value, first=False) if env.value else ''}"


def _entrypoint(entrypoint: model.Entrypoint) -> str:
    words = [entrypoint.command, *entrypoint.args]
    plain = not words[0].startswith("[") and all(word and quote_word(word) == word for word in words)
    if entrypoint.written == "words" and plain:
        return " ".join(words)
    array = json.dumps(words, ensure_ascii=False)
    return CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", array)
