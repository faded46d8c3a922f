"""Finding the Formfile in what people paste: plain text, base64 of it, or the JSON that the builder prints.

The builder has two JSON forms: `Formfile::to_json`, where every instruction is a string of JSON inside the JSON, and
the one that serde derives. Both hold password hashes, which stay out of the result.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Literal

from tui_registry.errors import Json
from tui_registry.frozen import Frozen

from . import formatter
from .language import BY_NAME, USER_KEYS
from .words import quote_word

# The longest template is 24,576 characters; base64 of the JSON form of such a one is well below this.
LONGEST = 1 << 20
_BASE64 = re.compile(r"(?:data:[a-z0-9.+/;=-]{0,80};base64,)?([A-Za-z0-9+/_=\s-]+)")
_MOST_ITEMS = 4096


class Recognised(Frozen):
    """A Formfile as plain text, the form it came in, and what was changed or could not be kept."""

    text: str
    form: Literal["plain", "base64", "json"]
    notes: tuple[str, ...] = ()


def recognise(text: str) -> Recognised:
    """The plain Formfile in a text. What is in none of the known forms comes back as it is; nothing is raised.

    Texts of more than `LONGEST` characters are taken as plain.
    """
    if len(text) > LONGEST:
        return Recognised(text, "plain")
    return _json_form(text) or _base64_form(text) or Recognised(text, "plain")


def _base64_form(text: str) -> Recognised | None:
    match = _BASE64.fullmatch(text.strip())
    if match is None:
        return None
    digits = "".join(match.group(1).split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        inner = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    found = _json_form(inner)
    if found is not None:
        return Recognised(found.text, "base64", found.notes)
    return Recognised(inner, "base64") if _looks_like_formfile(inner) else None


def _looks_like_formfile(text: str) -> bool:
    lines = (line.split(None, 1) for line in text.splitlines()[:1000])
    return any(len(line) == 2 and line[0].upper() in BY_NAME for line in lines)


def _json_form(text: str) -> Recognised | None:
    value = _load(text)
    if isinstance(value, dict) and isinstance(value.get("formfile"), (dict, str)):
        inner = value["formfile"]
        if isinstance(inner, str):
            # The body of a build request may carry the text itself.
            return Recognised(inner, "json") if _looks_like_formfile(inner) else None
        value = inner
    if not isinstance(value, dict) or not any(key in value for key in ("build_instructions", "system_config", "users")):
        return None
    notes: list[str] = []
    lines = list(_lines(value, notes))
    return Recognised(formatter.format("\n".join(lines)), "json", tuple(dict.fromkeys(notes)))


def _load(text: str) -> Json:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _lines(value: dict[str, Json], notes: list[str]) -> Iterator[str]:
    if name := _word(value.get("name")):
        yield f"NAME {name}"
    if description := _word(value.get("description")):
        yield f"DESCRIPTION {description}"
    for item in _items(value, "system_config", notes):
        yield from _system(item, notes)
    for number, item in enumerate(_items(value, "users", notes), 1):
        yield from _user(item, number, notes)
    workdir = _word(value.get("workdir"))
    if workdir:
        yield f"WORKDIR {quote_word(workdir)}"
    for item in _items(value, "build_instructions", notes):
        yield from _build(item, notes)


def _items(value: dict[str, Json], key: str, notes: list[str]) -> Iterator[dict[str, Json]]:
    items = value.get(key)
    for item in items[:_MOST_ITEMS] if isinstance(items, list) else []:
        inner = _load(item) if isinstance(item, str) else item
        if isinstance(inner, dict):
            for wrapper in ("system_config", "user", "build_instruction"):
                wrapped = inner.get(wrapper)
                inner = wrapped if isinstance(wrapped, dict) else inner
            yield inner
        else:
            notes.append(f"an item of {key} could not be read")


def _system(item: dict[str, Json], notes: list[str]) -> Iterator[str]:
    plain = {key.lower(): value for key, value in item.items()}
    for key, name in (("cpu", "VCPU"), ("memory", "MEMORY"), ("disk", "DISK")):
        if (number := _number(plain.get(key))) is not None:
            yield f"{name} {number}"
            return
    gpu = plain.get("gpu")
    model, count = plain.get("gpu_model"), plain.get("gpu_count")
    if isinstance(gpu, dict):
        model, count = gpu.get("model"), gpu.get("count")
    if isinstance(model, str) and model:
        number = _number(count)
        yield f"GPU {_word(model)}" if number is None else f"GPU {_word(model)}:{number}"
        return
    notes.append("an item of system_config could not be read")


def _user(item: dict[str, Json], number: int, notes: list[str]) -> Iterator[str]:
    username = _word(item.get("username"))
    if not username:
        # `User::to_json` writes other fields over the name.
        username = f"user{number}"
        notes.append(f"the builder's JSON has lost the name of a user: {username} stands for it")
    words = [f"username:{quote_word(username, first=False)}"]
    if _word(item.get("passwd")):
        yield f"#? passwd_{number}"
        words.append(f"passwd:{{{{ passwd_{number} }}}}")
        notes.append("password hashes are left out: a placeholder stands for each")
    for key, (kind, _) in USER_KEYS.items():
        value = item.get(key) if key not in ("username", "passwd") else None
        if isinstance(value, bool):
            words.append(f"{key}:{'true' if value else 'false'}")
        elif isinstance(value, list):
            text = ",".join(part for part in (_word(entry) for entry in value[:_MOST_ITEMS]) if part)
            words += [f"{key}:{quote_word(text, first=False)}"] if text else []
        elif isinstance(value, str) and kind == "path" and value:
            words.append(f"{key}:{quote_word(_word(value), first=False)}")
    yield "USER " + " ".join(words)


def _build(item: dict[str, Json], notes: list[str]) -> Iterator[str]:
    plain = {key.lower(): value for key, value in item.items()}
    for wrapper in ("env", "entrypoint"):
        inner = plain.get(wrapper)
        plain = inner if isinstance(inner, dict) else plain
    match plain:
        case {"run": str(command)}:
            yield f"RUN {_word(command)}"
        case {"copy": [str(source), str(destination)]}:
            yield f"COPY {quote_word(_word(source))} {quote_word(_word(destination))}"
        case {"copy": str(source)}:
            yield f"COPY {quote_word(_word(source))} {quote_word(_word(source))}"
        case {"install": {"packages": list(packages)}}:
            yield "INSTALL " + " ".join(quote_word(word) for word in map(_word, packages[:_MOST_ITEMS]) if word)
        case {"key": str(key), "value": str(value)}:
            if key == value and "scope" in plain and "env" not in item and "Env" not in item:
                # `BuildInstruction::to_json` prints the key in the place of the value.
                notes.append(f"the builder's JSON has lost the value of {_word(key)[:40]}: a placeholder stands for it")
                yield f"#? {_word(key)}"
                value = f"{{{{ {_word(key)} }}}}"
            yield _env(key, value, plain.get("scope"))
        case {"command": str(command)}:
            args = plain.get("args")
            items = [command, *(arg for arg in (args if isinstance(args, list) else []) if isinstance(arg, str))]
            yield f"ENTRYPOINT {json.dumps(items, ensure_ascii=True)}"
        case {"expose": list(ports)}:
            numbers = sorted(number for port in ports[:_MOST_ITEMS] if (number := _number(port)) is not None)
            yield "EXPOSE " + " ".join(str(port) for port in numbers)
        case _:
            notes.append("an item of build_instructions could not be read")


def _env(key: str, value: str, scope: Json) -> str:
    option = ""
    if isinstance(scope, dict):
        for kind, owner in list(scope.items())[:1]:
            option = f"--scope={kind.lower()}:{_word(owner)} "
    return f"ENV {option}{_word(key)}={quote_word(_word(value), first=False) if value else ''}"


def _word(value: Json) -> str:
    """A string on one line; what is no string is empty."""
    return " ".join(value.splitlines()).strip() if isinstance(value, str) else ""


def _number(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
