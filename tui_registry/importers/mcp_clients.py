"""The settings of an MCP client -> a draft for each server that it knows.

`mcpServers` of Claude, Cursor and others, `servers` of VS Code, `context_servers` of Zed
(https://modelcontextprotocol.io/docs/develop/connect-local-servers, https://code.visualstudio.com/docs/copilot). Such
files hold keys and paths of whoever wrote them: values of environments and headers, arguments, and addresses with
anything secret in them are never shown or kept. Of a command only a package is taken that runs under a known launcher.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tui_registry.errors import Json, Problem
from tui_registry.importers.draft_writer import Draft, Given, Judged, shown
from tui_registry.importers.formats import Reader
from tui_registry.importers.manifest_writer import public_address
from tui_registry.importers.others import FORMAT
from tui_registry.importers.untrusted import object_at, text_at, texts_at
from tui_registry.present.imports import Finding
from tui_registry.text import exact

_IN = "in the client's settings"
_MOST = 256


def read_document(value: Json, source: str, _name: str) -> list[Given] | None:
    """The drafts of the servers that a client knows, None when the document is no such settings."""
    servers = _servers_in(value)
    if servers is None:
        return None
    if not servers:
        return [_judged(source, "is the settings of an MCP client without servers")]
    found = [_read(name, said, source) for name, said in list(servers.items())[:_MOST]]
    if len(servers) > _MOST:
        said = f"holds {exact(len(servers))} servers: only the first {exact(_MOST)} were read"
        found.append(_judged(source, said))
    return found


def _servers_in(value: Json) -> dict[str, Json] | None:
    if not isinstance(value, dict):
        return None
    # These names are theirs alone: what is odd in them is told, and takes nothing from the rest
    for member in ("mcpServers", "context_servers"):
        if isinstance(listed := value.get(member), dict):
            return listed
    inner = object_at(value, "mcp")  # VS Code keeps them below it in its own settings
    own = value if value.keys() <= _BESIDE else {}
    for place, member in ((own, "servers"), (inner, "servers")):
        listed = place.get(member)
        if isinstance(listed, dict) and listed and all(_is_server(one) for one in listed.values()):
            return listed
    return None


# What stands in VS Code's `mcp.json`; a list of servers is in many other documents too.
_BESIDE = frozenset(("servers", "inputs", "sandbox", "$schema"))


def _is_server(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    named = any(isinstance(value.get(key), str | dict) for key in ("command", *_ADDRESSES))
    return named or value.get("type") in ("stdio", "http", "sse", "streamable-http", "streamableHttp")


_ADDRESSES = ("url", "serverUrl", "httpUrl")


def _read(name: str, said: Json, source: str) -> Given:
    if isinstance(said, dict) and _is_server(said):
        return _draft(name, said, source)
    sentence = "is a server with neither a command nor an address: nothing is known of it"
    return _judged(f"{source} {shown(name)}", sentence)


def _judged(source: str, sentence: str) -> Judged:
    return Judged(Finding(source, None, None, (Problem("", "error", FORMAT, sentence),)))


def _draft(name: str, said: Mapping[str, Json], source: str) -> Draft:
    draft = Draft("agent", f"{source} {shown(name)}")
    draft.entry = name
    draft.put("name", name, f"its name {_IN}")
    draft.put("agent_type", {"Other": "MCP server"}, f"it is one {_IN}")
    nested = object_at(said, "command")  # Zed's older spelling
    command = text_at(said, "command") or text_at(nested, "path")
    arguments = texts_at(said, "args") or texts_at(nested, "args")
    launcher = _launcher(command)
    if launcher == "cmd" and arguments[:1] and arguments[0].lower() == "/c":  # as Windows starts a script
        launcher, arguments = _launcher("".join(arguments[1:2])), arguments[2:]
    draft.put("framework", _LAUNCHERS.get(launcher, {"Other": "MCP"}), f"the command {shown(launcher, 20)} {_IN}"
              if launcher in _LAUNCHERS else "nothing says what it is written in")  # fmt: skip
    package = next(_packages(launcher, arguments), None)
    if package is not None:
        draft.put("description", f"Package: {package.partition(' ')[2]}", f"the command {_IN}")
        draft.add("tags", [package.partition(" ")[0]], f"the command {_IN}")
        _put_package(draft, *package.split(" ", 1))
    elif command:
        draft.note("how it is started says something on that machine alone, and was left out")
    address = text_at(said, *_ADDRESSES)
    public = "" if _may_hold_key(address) else public_address(address)
    if public:
        draft.behind.add_interface(public, "MCP")
    elif address:
        draft.note("its address is of somebody's own network, or may hold a secret: it was left out")
    draft.add("tools", [name], f"its name {_IN}: agents call its tools by it")
    draft.add("tags", ["mcp"], "it is an MCP server")
    needed = [*object_at(said, "env", "environment"), *object_at(said, "headers"), *object_at(nested, "env")]
    if needed:
        named = ", ".join(shown(one, 40) for one in needed[:8])
        draft.note(f"it is given {named}{', ...' if len(needed) > 8 else ''}: the values were not read")
    if said.get("disabled") is True or said.get("enabled") is False:
        draft.note(f"it is disabled {_IN}")
    return draft


def _launcher(command: str) -> str:
    return re.split(r"[/\\]", command)[-1].lower().removesuffix(".exe").removesuffix(".cmd")


def _may_hold_key(address: str) -> bool:
    """Whether a part of an address looks like a key: hosts give their customers addresses that are one."""
    parts = re.split(r"[/.]", address.partition("://")[2])
    return any(_KEY_IN_ADDRESS.search(part) or _SECRET.search(part) for part in parts)


# What no word or date is written with, a run of letters and digits that is none, or what is longer than both.
_KEY_IN_ADDRESS = re.compile(
    r"[^A-Za-z0-9_:\[\]-]|^.{32,}$|(?=[A-Za-z]*[0-9])(?<![A-Za-z0-9])[A-Za-z0-9]{9,}"
    r"|[a-z][A-Z]+[a-z]+[A-Z]\S{6,}",
    re.ASCII,
)


_LAUNCHERS: Mapping[str, Json] = {
    "npx": "CustomJS", "bunx": "CustomJS", "pnpx": "CustomJS", "node": "CustomJS", "bun": "CustomJS",
    "deno": "CustomJS", "uvx": "CustomPython", "uv": "CustomPython", "pipx": "CustomPython", "python": "CustomPython",
    "python3": "CustomPython", "cargo": "CustomRust",
}  # fmt: skip
_NPM = re.compile(r"(?:@[a-z0-9][a-z0-9._-]{0,63}/)?[a-z0-9][a-z0-9._-]{0,127}(?:@[A-Za-z0-9.^~_-]{1,40})?", re.ASCII)
_PYPI = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?:\[[a-z0-9,_-]{1,40}\])?(?:(?:==|@)[A-Za-z0-9.+_-]{1,40})?", re.ASCII
)
_IMAGE = re.compile(r"(?:[a-z0-9.-]+(?::[0-9]{1,5})?/)?[a-z0-9][a-z0-9._-]*(?:/[a-z0-9._-]+)*"
                    r"(?::[A-Za-z0-9._-]{1,64})?(?:@sha256:[0-9a-f]{64})?", re.ASCII)  # fmt: skip
_FORMS = {"npx": ("npm", _NPM), "bunx": ("npm", _NPM), "pnpx": ("npm", _NPM), "uvx": ("pypi", _PYPI)}
# Options whose value is the package, and what stands behind is a command in it.
_INSTALLS = {"npm": ("-p", "--package"), "pypi": ("--from", "--spec")}
# Options that take no value.
_ALONE = frozenset(
    ("-y", "--yes", "-q", "--quiet", "--silent", "--prefer-offline", "--no-cache", "--refresh", "--isolated", "-i",
     "-t", "-it", "-ti", "--rm", "--init", "-d", "--interactive", "--tty", "--")
)  # fmt: skip
# What takes the next argument, which is then no package.
_WITH_VALUE = frozenset(
    ("-e", "--env", "-v", "--volume", "--mount", "--name", "--network", "-p", "--env-file", "--python", "--with",
     "-w", "--user", "-u", "--entrypoint", "--index-url")
)  # fmt: skip


def _packages(launcher: str, arguments: list[str]) -> Iterator[str]:
    """The package that a known launcher is told to run: the first argument that is no option, and nothing behind it."""
    if launcher in ("docker", "podman") and arguments[:1] == ["run"]:
        kind, form, arguments = "oci", _IMAGE, arguments[1:]
    elif launcher == "uv" and arguments[:2] == ["tool", "run"]:
        kind, form, arguments = "pypi", _PYPI, arguments[2:]
    elif launcher == "pipx" and arguments[:1] == ["run"]:
        kind, form, arguments = "pypi", _PYPI, arguments[1:]
    elif launcher in _FORMS:
        kind, form = _FORMS[launcher]
    else:
        return
    waiting = iter(arguments)
    installs = _INSTALLS.get(kind, ())
    for argument in waiting:
        option, _, value = argument.partition("=")
        if option in installs:
            argument = value or next(waiting, "")
        elif argument in _WITH_VALUE:
            if next(waiting, "-").startswith("-"):
                return
            continue
        elif argument.startswith("-"):
            if argument not in _ALONE and "=" not in argument:
                return  # what is not known here may take the next one, and that may be a key
            continue
        if form.fullmatch(argument) is not None and not _SECRET.search(argument):
            yield f"{kind} {argument}"
        return


# What looks like a key stands for no package, wherever it stands.
_SECRET = re.compile(r"(?i)^(?:sk|pk|ghp|gho|xox[a-z]|glpat|hf|key|token)[-_]|[A-Za-z0-9_-]{40,}(?<!:)", re.ASCII)


def _put_package(draft: Draft, kind: str, name: str) -> None:
    if kind == "oci" and "." in name.partition("/")[0]:
        draft.behind.add_file(f"oci://{name}")
    elif kind == "npm":
        bare, _, version = name[1:].partition("@")
        if version and version[0].isdigit():
            draft.behind.add_file(f"https://registry.npmjs.org/{name[0]}{bare}/{version}")
    elif kind == "pypi" and "==" in name and "[" not in name:
        draft.behind.add_file(f"https://pypi.org/project/{name.replace('==', '/')}")


READER = Reader(document=read_document)
