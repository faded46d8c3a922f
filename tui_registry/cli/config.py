"""`config`: the person's settings, shown, changed one by one, or edited."""

from __future__ import annotations

import contextlib
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Protocol

from tui_registry.cli.output import (
    FileError,
    StoppedError,
    confirm,
    note,
    out,
    out_json,
    report,
)
from tui_registry.errors import Json
from tui_registry.present.columns import BROWSE, TABLE as _COLUMNS, chosen_columns, read_columns
from tui_registry.settings import (
    MACHINES,
    SETTING_NAMES,
    TABLE_NAMES,
    THEMES,
    SettingFault,
    Settings,
    SettingsError,
    TableName,
    Tables,
    in_words,
    load_settings,
    save_bound,
    save_setting,
    save_text,
    settings_path,
)
from tui_registry.text import safe_text


def config(args: Namespace) -> int:
    """Show the settings or where they are kept, set one, or open them in an editor."""
    path = settings_path()
    match args.action:
        case "path":
            if args.json:
                out_json({"path": str(path), "exists": path.exists()})
            else:
                out(safe_text(str(path)))
        case "set":
            _show(path, _set(path, args.name, args.value, args.own), as_json=args.json, whole=False)
        case "edit":
            return _edit(path, args.own)
        case "check":
            return _tell_check(path, args.own, as_json=args.json)
        case "keys":
            _tell_keys(path, args.own, as_json=args.json)
        case _:
            settings = checked(path)
            _show(path, settings, as_json=args.json, whole=args.all)
            for sentence in _faults(settings, path, args.own):
                note(sentence)
    return 0


class OwnSettings(Protocol):
    """What of the settings only the screens can read."""

    def faults(self, settings: Settings) -> Sequence[SettingFault]:
        """What of the keys, commands and themes the app would do without."""

    def keys(self, settings: Settings) -> Sequence[tuple[str, str, str]]:
        """All that can have a key: its id, the keys it has, what it does."""


def checked(path: Path | None = None) -> Settings:
    """The settings, every bound in them looked at too.

    Raises:
        SettingsError: what is wrong with the file.
    """
    settings = load_settings(path)
    _check(settings, path)
    return settings


def names() -> Iterator[str]:
    """What can be set: `theme`, `sync.pull_seconds`; of machines those that are saved."""
    yield from SETTING_NAMES
    with contextlib.suppress(SettingsError):
        settings = load_settings()
        yield from (f"{MACHINES}.{name}" for name, _ in settings.machines)
        yield from (f"{_KEYS}.{name}" for name, _ in settings.keys)
    yield f"{_COLUMNS}.{BROWSE}"
    for table, bounds in _bounds(Settings(), None).items():
        yield from (f"{table}.{name}" for name in bounds)


# How


def _check(settings: Settings, path: Path | None) -> None:
    _bounds(settings, path)
    if settings.machines:
        from tui_registry.machine import MachineError, find_machine  # most people save none

        machines = dict(settings.machines)
        for name in machines:
            try:
                find_machine(name, machines)
            except MachineError as error:
                raise SettingsError(settings_path() if path is None else path, error.sentence) from None


def _bounds(settings: Settings, path: Path | None) -> dict[TableName, dict[str, Json]]:
    """Every bound as it is now, by its table and name."""
    from tui_registry.node.limits import node_bounds_of
    from tui_registry.sync.bounds import bounds_of

    sync, node = bounds_of(settings, path), node_bounds_of(settings, path)
    return {
        "sync": {field.name: getattr(sync, field.name) for field in fields(sync)},
        "node": {field.name: getattr(node, field.name) for field in fields(node)},
    }


def _show(path: Path, settings: Settings, *, as_json: bool, whole: bool) -> None:
    here: dict[TableName, dict[str, Json]] = {"sync": {**dict(settings.sync)}, "node": {**dict(settings.node)}}
    bounds = _bounds(settings, path) if whole else here
    texts: dict[str, Json] = {name: getattr(settings, name) for name in SETTING_NAMES}
    if as_json:
        machines: dict[str, Json] = {**dict(settings.machines)}
        columns: dict[str, Json] = {**dict(settings.columns)}
        of_tables: dict[str, Json] = {"sync": bounds["sync"], "node": bounds["node"], MACHINES: machines}
        of_tables[_KEYS] = {**dict(settings.keys)}
        of_tables["commands"], of_tables["themes"] = _json_of(settings.commands), _json_of(settings.themes)
        of_tables[_COLUMNS] = columns
        out_json({"path": str(path), "exists": path.exists(), **texts, **of_tables})
        return
    for name, value in texts.items():
        out(f"{name} = {safe_text(str(value))}" if value else f"{name} = (not set)")
    for table, numbers in bounds.items():
        for name, number in numbers.items():
            shown = "" if number is None else f"{number}"
            out(f"{table}.{name} = " + (shown if name in here[table] else f"{shown}  (not set)".lstrip()))
    for name, made_of in settings.machines:
        out(f"{MACHINES}.{name} = {safe_text(made_of)}")
    for name, keys in settings.keys:
        out(f"{_KEYS}.{name} = {safe_text(keys) or '(none)'}")
    for nested, entries in (("commands", settings.commands), ("themes", settings.themes)):
        for name, values in entries:
            for entry, held in values:
                shown = ", ".join(held) if isinstance(held, tuple) else str(held)
                out(safe_text(f"{nested}.{name}.{entry} = {shown}"))
    for name, columns_of in settings.columns:
        out(f"{_COLUMNS}.{name} = {safe_text(columns_of)}")


def _json_of(tables: Tables) -> dict[str, Json]:
    told: dict[str, Json] = {}
    for name, values in tables:
        plain: dict[str, Json] = {}
        for key, held in values:
            plain[key] = [*held] if isinstance(held, tuple) else held
        told[name] = plain
    return told


def _set(path: Path, name: str, typed: str, own: OwnSettings | None) -> Settings:
    themes = _themes(path) if name == "theme" else ()
    if name == "theme" and typed and typed not in themes and len(typed) <= _LONGEST_THEME:
        near = get_close_matches(typed.lower(), themes, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(themes)}"
        raise SettingsError(path, f"there is no theme '{safe_text(typed, 40)}': {hint}")
    for known in SETTING_NAMES:
        if name == known:
            return save_setting(known, typed, path)
    table, _, bound = name.partition(".")
    for known_table in TABLE_NAMES:
        if table == known_table and bound:
            number = _number(path, name, typed)
            return save_bound(known_table, bound, number, lambda settings: _check(settings, path), path)
    if table == MACHINES and bound:
        return _set_machine(path, bound, typed)
    if table == _KEYS and bound:
        return _set_keys(path, bound, typed, own)
    if name == f"{_COLUMNS}.{BROWSE}":
        return _set_columns(path, typed)
    every = [*names()]
    near = [one for one in every if one.partition(".")[2] == name] or get_close_matches(name, every, n=1)
    hint = f"did you mean {' or '.join(near)}?" if near else "'config show --all' lists them"
    raise SettingsError(path, f"there is no setting '{safe_text(name, 40)}': {hint}")


def _themes(path: Path) -> tuple[str, ...]:
    """The app's, and the person's own."""
    return (*THEMES, *(safe_text(name, 40) for name, _ in load_settings(path).themes))


def _set_keys(path: Path, name: str, typed: str, own: OwnSettings | None) -> Settings:
    """Give an action keys, or with an empty word those of the program back."""
    before = load_settings(path)
    keys = {**dict(before.keys), name: typed}
    if typed and own is not None:
        for fault in own.faults(Settings(keys=tuple(keys.items()))):
            if fault.name == name:
                raise SettingsError(path, f"keys.{safe_text(name, 60)}: {fault.sentence}")
    return save_text(_KEYS, name, typed, path)


def _faults(settings: Settings, path: Path, own: OwnSettings | None) -> list[str]:
    """What the app would do without, in words; the screens are asked only where there is something."""
    _, faults = chosen_columns(settings.columns)
    if own is not None and (settings.keys or settings.commands or settings.themes):
        faults += own.faults(settings)
    return in_words(faults, path)


def _tell_check(path: Path, own: OwnSettings | None, *, as_json: bool) -> int:
    problems = _faults(checked(path), path, own)
    if as_json:
        out_json({"path": str(path), "exists": path.exists(), "problems": [*problems]})
    else:
        for problem in problems:
            out(problem)
    if not problems and not as_json:
        out(f"{safe_text(str(path))}: " + ("every setting is right" if path.exists() else "there is no such file yet"))
    return 1 if problems else 0


def _tell_keys(path: Path, own: OwnSettings | None, *, as_json: bool) -> None:
    rows = () if own is None else own.keys(checked(path))
    for name, keys, about in rows:
        if as_json:
            out_json({"id": name, "keys": keys, "about": about})
        else:
            out(f"{name:<{_WIDEST_ID}} {keys or '(none)':<{_WIDEST_KEYS}} {safe_text(about, 100)}")


def _set_machine(path: Path, name: str, typed: str) -> Settings:
    from tui_registry.machine import MachineError, parse_machine

    if typed:
        try:
            parse_machine(typed)
        except MachineError as error:
            raise SettingsError(path, f"{MACHINES}.{safe_text(name, 40)}: {error.sentence}") from None
    return save_text(MACHINES, name, typed, path)


def _set_columns(path: Path, typed: str) -> Settings:
    try:
        chosen = read_columns(typed)
    except ValueError as error:
        raise SettingsError(path, f"{_COLUMNS}.{BROWSE}: {error}") from None
    return save_text(_COLUMNS, BROWSE, " ".join(chosen), path)


def _number(path: Path, name: str, typed: str) -> int | float | None:
    """The number that was typed; None for an empty word, which takes the setting away."""
    if not typed:
        return None
    try:
        return int(typed)
    except ValueError:
        pass
    is_size = name.endswith("_bytes")
    if is_size:
        from tui_registry.present.leaving_out import read_size

        with contextlib.suppress(ValueError):
            return read_size(typed)
    try:
        return float(typed)
    except ValueError:
        what = "a number of bytes, such as 500MB or 2GiB" if is_size else "a number, such as 30"
        raise SettingsError(
            path,
            f"{safe_text(name, 60)} must be {what}: '{safe_text(typed, 40)}' is none, and an empty word takes the "
            "setting away",
        ) from None


def _edit(path: Path, own: OwnSettings | None) -> int:
    from tui_registry.external_editor import EditorError, editor_words, run_editor

    words = editor_words()
    if not words:
        # One that nobody chose is one that some cannot leave; and in a script nobody is there to type.
        raise FileError(
            f"no editor is named: set $EDITOR, such as to nano, change {safe_text(str(path))} with any other, or use "
            "'config set NAME VALUE'"
        )
    is_new = not path.exists()
    if is_new:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_NEW, "utf-8")
        except OSError as error:
            raise FileError(f"{safe_text(str(path))} cannot be written: {error.strerror}") from error
    while True:
        try:
            code = run_editor(words, str(path))
        except EditorError:
            _take_back(path, is_new=is_new)
            raise
        if is_new and _take_back(path, is_new=True):
            note("nothing was written, and there is no file")
            return 0
        if code:
            raise StoppedError(f"the editor ended with {code}; {safe_text(str(path))} is as it left it")
        try:
            faults = _faults(checked(path), path, own)
            if faults:
                raise SettingsError(path, "; ".join(faults))
        except SettingsError as error:
            if not sys.stdin.isatty():
                raise
            report(error)
            confirm(
                "Edit it again?", "edit it again", "what you wrote is kept as it is, and not followed until it is right"
            )
        else:
            out(f"{safe_text(str(path))}: every setting is right")
            return 0


def _take_back(path: Path, *, is_new: bool) -> bool:
    """Remove a file that was made for the editor and holds nothing of the person's; whether it is gone."""
    try:
        if is_new and path.exists() and path.read_text("utf-8", "replace") == _NEW:
            path.unlink()
    except OSError:
        return False
    return not path.exists()


_KEYS: Final = "keys"
_WIDEST_ID, _WIDEST_KEYS = 26, 18
# A longer word is refused as any text of the settings that is too long.
_LONGEST_THEME = 40
_NEW = """\
# Settings of tui-registry. Take the '#' away from what you want to set; 'tui-registry config show --all' lists all.

# The colours of the app, such as "nord" or "textual-light".
# theme = ""

# What this replica calls itself on the title line.
# name = "laptop"

# How often the app pulls by itself.
# sync_every = "15m"

# Whether searches in the app put your own records and those of named keys first among names that fit as well.
# named_first = "off"

# Who may push to this replica's node: "nobody", "token", "named" or "anybody" ('tui-registry help node').
# accept_ops = "token"

# Bounds of pulls, and of this replica's node ('tui-registry help trust' explains them).
# [sync]
# pull_seconds = 600
# [node]
# connections = 256

# Machines that `fit --machine NAME` and the app look with the eyes of; gb is 10^9 bytes, gib 2^30.
# [machines]
# big = "gpu=2x24gb ram=128gb"

# Other keys for what the app does ('tui-registry config keys' lists the ids); several separated by commas, "" for none.
# [keys]
# "browse.search" = "ctrl+f"

# A key that runs a program of yours on the record under the cursor ('tui-registry help settings').
# [commands.chat]
# key = "ctrl+g"
# argv = ["ollama", "run", "--", "{name}"]
# run = "screen"

# A theme of your own: theme = "mine" uses it. "ansi-dark" and "ansi-light" use your terminal's own 16 colours.
# [themes.mine]
# base = "nord"
# primary = "#88c0d0"
# The columns of the list in the app, in their order; C there chooses them too.
# [columns]
# browse = "type size context licence owner updated"
"""
