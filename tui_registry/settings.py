"""Where the replica lives, and the few settings a person may write into a file. Environment and TOML, no pydantic."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from tui_registry.durable import drafted, sync_folder
from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.text import nearest, safe_text

if TYPE_CHECKING:
    from platformdirs import PlatformDirs

APP = "tui-registry"
DATA_DIR_VARIABLE = "TUI_REGISTRY_DATA_DIR"
STATE_DIR_VARIABLE = "TUI_REGISTRY_STATE_DIR"
SETTINGS_FILE = "settings.toml"
_SAMPLE = "this-is-sample-data"

_MAX_BYTES = 64 * 1024
_MAX_CHARACTERS = 64
_MOST = 2**53
_WHOLE_EXAMPLE = 4_294_967_296


class SettingsError(RegistryError):
    """A settings file that cannot be read; code `settings`. The sentence names the file, the `reason` does not."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__("settings", f"{safe_text(str(path))}: {reason}")
        self.reason = reason


# A table of the settings file: names and numbers, in the order in which they stand there.
Numbers: TypeAlias = tuple[tuple[str, int | float], ...]
TableName: TypeAlias = Literal["sync", "node"]
SettingName: TypeAlias = Literal["theme", "name", "sync_every", "named_first", "accept_ops"]
# The texts and the tables that the file may hold.
SETTING_NAMES: tuple[SettingName, ...] = ("theme", "name", "sync_every", "named_first", "accept_ops")
TABLE_NAMES: tuple[TableName, ...] = ("sync", "node")
# The tables of texts: saved machines, the keys of actions by their ids, the columns of lists.
Texts: TypeAlias = tuple[tuple[str, str], ...]
TextTableName: TypeAlias = Literal["machines", "keys", "columns"]
MACHINES: TextTableName = "machines"
TEXT_TABLE_NAMES: tuple[TextTableName, ...] = ("machines", "keys", "columns")
# The tables of tables: commands of the person's own, and themes.
Value: TypeAlias = str | int | float | bool | tuple[str, ...] | None
Tables: TypeAlias = tuple[tuple[str, tuple[tuple[str, Value], ...]], ...]
NESTED_TABLE_NAMES: tuple[Literal["commands", "themes"], ...] = ("commands", "themes")
# What may stand before `=` in each, what that is called, and an example of what stands behind it.
_ENTRIES: dict[str, tuple[re.Pattern[str], str, str]] = {
    "machines": (re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII), "a machine's name has up to 32 letters, digits, - and _",
                 "gpu=24gb ram=64gb"),
    "keys": (re.compile(r"[a-z0-9_]{1,32}(\.[a-z0-9_]{1,32}){1,2}", re.ASCII), "an action's id is like browse.search",
             "ctrl+f"),
    "columns": (re.compile(r"[a-z]{1,32}", re.ASCII), "a list's name has up to 32 small letters",
                "kind type size licence updated"),
}  # fmt: skip
_LONGEST_ENTRY = 256
# What the app's colours can be: Textual's own. They stand here as whoever sets one need not bring Textual.
THEMES = (
    "ansi-dark", "ansi-light", "atom-one-dark", "atom-one-light", "catppuccin-frappe", "catppuccin-latte",
    "catppuccin-macchiato", "catppuccin-mocha", "dracula", "flexoki", "gruvbox", "monokai", "nord", "rose-pine",
    "rose-pine-dawn", "rose-pine-moon", "solarized-dark", "solarized-light", "textual-dark", "textual-light",
    "tokyo-night",
)  # fmt: skip
# Who may push to this replica's node; `named`: whoever brings what a key signed that has a name here.
PushersName: TypeAlias = Literal["nobody", "token", "named", "anybody"]
PUSHERS: tuple[PushersName, ...] = ("nobody", "token", "named", "anybody")
# The longest and the shortest that something repeats itself after; how seconds are meant where a number has a unit.
_LEAST_INTERVAL, _MOST_INTERVAL = 10, 30 * 86_400
_SWITCH = ("", "on", "off")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Bounded = TypeVar("Bounded")


class Settings(NamedTuple):
    """What `settings.toml` may hold; every key may be left out.

    Attributes:
        theme: a Textual theme, such as `nord` or `textual-light`; empty for the app's own.
        name: what this replica calls itself on the title line, such as `laptop`; empty for the machine's name.
        sync_every: how often the app pulls by itself, as `interval` reads it; empty for not at all.
        named_first: "off" where searches in the app do not put what is your own, and what the keys sign that you named,
            before what fits as well; empty or "on" where they do.
        accept_ops: one of `PUSHERS`; empty for nobody. `serve --accept-ops` comes before it.
        sync, node: bounds that are set in a table of that name, of `sync.Bounds` and of `node.NodeBounds`; they know
            which there are (`with_bounds`).
        machines: saved machines by name, each as `machine.parse_machine` reads it; whoever uses one reads it.
        keys: the keys of actions by the action's id, separated by commas; the app knows which there are.
        columns: the columns of lists by the list's name, separated by spaces; whoever shows the list knows them.
        commands, themes: the person's own by name, each with what its table says; a value is None that is neither one
            nor a list of texts. The app knows what may stand there.
    """

    theme: str = ""
    name: str = ""
    sync_every: str = ""
    named_first: str = ""
    accept_ops: str = ""
    sync: Numbers = ()
    node: Numbers = ()
    machines: Texts = ()
    keys: Texts = ()
    columns: Texts = ()
    commands: Tables = ()
    themes: Tables = ()


class SettingFault(NamedTuple):
    """What is wrong with one entry of a table; the app does without that entry.

    Attributes:
        table, name: `keys`, `browse.search`; of an entry of a nested table its name and key, `play.argv`.
        sentence: what is wrong and what to write, without the place.
    """

    table: str
    name: str
    sentence: str


def data_dir(given: Path | str | None = None) -> Path:
    """The replica's directory: what is given, else `$TUI_REGISTRY_DATA_DIR`, else the user data directory.

    Raises:
        ValueError: an empty word is given. It is some script's unset variable, and must not mean the person's replica.
    """
    if given is not None and not str(given):
        raise ValueError("the data directory is an empty word: name one, or give None for the usual one")
    chosen = str(given or os.environ.get(DATA_DIR_VARIABLE, ""))
    if chosen:
        path = Path(chosen)
        try:
            return path.expanduser()
        except RuntimeError:  # `~stranger`: no such user, so the folder is called that
            return path
    return _usual().user_data_path


def state_dir() -> Path:
    """Where this machine remembers what must not come back with a backup of a replica: `$TUI_REGISTRY_STATE_DIR`, else
    the user state directory. It need not exist; it is not absolute where the user has no home."""
    chosen = os.environ.get(STATE_DIR_VARIABLE, "")
    if chosen:
        return Path(chosen).absolute()
    return _usual().user_state_path


def mark_as_sample(folder: Path) -> None:
    """Say in a data directory that its replica holds sample data and is thrown away. Raises OSError."""
    (folder / _SAMPLE).touch()


def is_sample(folder: Path) -> bool:
    """Whether a data directory says so."""
    return (folder / _SAMPLE).exists()


def settings_path() -> Path:
    """Where the settings file is looked for; it need not exist."""
    return _usual().user_config_path / SETTINGS_FILE


def _usual() -> PlatformDirs:
    """The person's usual folders."""
    # Costs more to import than to look up, and most scripts name their directory.
    from platformdirs import PlatformDirs

    return PlatformDirs(APP, appauthor=False)


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings file; the defaults where there is none.

    Raises:
        SettingsError: it cannot be read, is not TOML, or holds an unknown key or a value of the wrong type.
    """
    path = settings_path() if path is None else path
    return _parsed(path, _read(path))


def with_setting(settings: Settings, key: SettingName, value: str) -> Settings:
    """The settings with one of the texts in them set."""
    match key:
        case "theme":
            return settings._replace(theme=value)
        case "name":
            return settings._replace(name=value)
        case "sync_every":
            return settings._replace(sync_every=value)
        case "named_first":
            return settings._replace(named_first=value)
        case "accept_ops":
            return settings._replace(accept_ops=value)


def save_setting(key: SettingName, value: str, path: Path | None = None) -> Settings:
    """Write one setting into the file, which is made where there is none; all else in it stays, comments too.

    The file is replaced as a whole: whoever reads it meanwhile, or after a crash, reads the old one or the new one.

    Returns:
        What the file says then.

    Raises:
        SettingsError: the file cannot be read, is wrong already, or cannot be written; it is as it was.
    """
    path = settings_path() if path is None else path
    raw = _read(path)
    wanted = with_setting(_parsed(path, raw), key, _text(path, key, value))
    changed = _with_setting(raw.decode(), key, value)
    try:
        kept = _parsed(path, changed)
    except SettingsError:
        kept = None
    if kept != wanted:
        raise SettingsError(path, f"{key} is written there in a way that only you can change: open it in an editor")
    _write(path, changed)
    return kept


def save_bound(
    table: TableName,
    name: str,
    number: int | float | None,
    check: Callable[[Settings], object],
    path: Path | None = None,
) -> Settings:
    """Write one bound into a table of the file, as `save_setting` writes a text; None takes its line away.

    Args:
        check: is given the settings as they would be, and raises SettingsError where they are not right.

    Raises:
        SettingsError: as of `save_setting`, and what `check` raises; the file is as it was.
    """
    path = settings_path() if path is None else path
    raw = _read(path)
    before = _parsed(path, raw)
    numbers = dict(before.sync if table == "sync" else before.node)
    if number is None:
        numbers.pop(name, None)
    else:
        numbers[name] = number
    given = tuple(numbers.items())
    wanted = before._replace(sync=given) if table == "sync" else before._replace(node=given)
    check(wanted)
    return _save_line(path, raw, table, name, None if number is None else str(number), wanted)


def save_text(table: TextTableName, name: str, text: str, path: Path | None = None) -> Settings:
    """Write a text into one of the tables of them, as `save_bound` writes a bound; an empty one takes its line away.

    Args:
        text: as whoever uses the table reads it, which the caller has done.

    Raises:
        SettingsError: as of `save_setting`; the file is as it was.
    """
    path = settings_path() if path is None else path
    raw = _read(path)
    before = _parsed(path, raw)
    _check_text(path, table, name, text)
    texts = dict(_texts_of(before, table))
    if text:
        texts[name] = text
    else:
        texts.pop(name, None)
    wanted = _with_texts(before, table, tuple(texts.items()))
    return _save_line(path, raw, table, name, _toml_text(text) if text else None, wanted)


def _save_line(path: Path, raw: bytes, table: str, name: str, written: str | None, wanted: Settings) -> Settings:
    """Write a line of a table, None to take it away; refuse where the file does not say what is wanted then."""
    changed = _with_line(raw.decode(), table, name, written)
    try:
        kept = _parsed(path, changed)
    except SettingsError:
        kept = None
    if kept is None or _unordered(kept) != _unordered(wanted):
        sentence = f"[{table}] {name} is written there in a way that only you can change: open it in an editor"
        raise SettingsError(path, sentence)
    _write(path, changed)
    return kept


def in_words(faults: Iterable[SettingFault], path: Path | None = None) -> list[str]:
    """Each fault as a sentence that begins with its line in the file, where that can be found."""
    faults = list(faults)
    if not faults:
        return []
    path = settings_path() if path is None else path
    try:
        lines = _lines(_read(path).decode(errors="replace"))
    except SettingsError:
        lines = {}
    told = []
    for fault in sorted(faults, key=lambda fault: _line_of(fault, lines)):
        line = _line_of(fault, lines)
        place = f"line {line}: " if line else ""
        told.append(f"{place}[{fault.table}] {safe_text(fault.name, 60)}: {fault.sentence}")
    return told


def interval(text: str) -> int:
    """The seconds that `30s`, `15m`, `2h` or `1d` means: from 10 seconds to 30 days.

    Raises:
        ValueError: it is none; the sentence says what one is.
    """
    match = re.fullmatch(r"([0-9]{1,7})([smhd])", text.strip().lower())
    seconds = 0 if match is None else int(match[1]) * _UNITS[match[2]]
    if not _LEAST_INTERVAL <= seconds <= _MOST_INTERVAL:
        raise ValueError("an interval is a number and s, m, h or d, from 10s to 30d, such as 15m")
    return seconds


def with_bounds(
    bounds: Bounded, table: str, given: Numbers, within: Mapping[str, tuple[int, int]], path: Path | None = None
) -> Bounded:
    """Bounds, some of them as a table of the settings file has them.

    Args:
        bounds: a frozen dataclass whose members are numbers: the defaults. A whole number stays one; None is a bound
            that is not set.
        table: what it is called in the file.
        within: the least and the most that a bound may be set to, where that is not any number above 0.
        path: of the settings file; None for the person's own.

    Raises:
        SettingsError: there is no bound of that name, or the number is none for it.
    """
    import dataclasses

    assert dataclasses.is_dataclass(bounds)
    assert not isinstance(bounds, type)
    path = settings_path() if path is None else path
    known = {field.name: getattr(bounds, field.name) for field in dataclasses.fields(bounds)}
    whole_ones = {field.name for field in dataclasses.fields(bounds) if str(field.type).startswith("int")}
    for name, number in given:
        if name not in known:
            raise SettingsError(path, f"[{table}] has no bound '{safe_text(name, 40)}'{_nearest(name, known)}")
        whole = name in whole_ones
        if whole and not isinstance(number, int):
            usual = _WHOLE_EXAMPLE if known[name] is None else known[name]
            raise SettingsError(path, f"[{table}] {name} must be a whole number, such as {usual}")
        least, most = within.get(name, (1 if whole else 0.1, _MOST))
        if not least <= number <= most:
            raise SettingsError(path, f"[{table}] {name} is {number}: write {least:,} to {most:,} (without commas)")
    set_here = {name: number if name in whole_ones else float(number) for name, number in given}
    return dataclasses.replace(bounds, **set_here)


# How


def _unordered(settings: Settings) -> tuple[object, ...]:
    plain = settings._replace(sync=(), node=(), machines=(), keys=(), columns=())
    tables = (settings.sync, settings.node, settings.machines, settings.keys, settings.columns)
    return plain, *map(dict, tables)


def _lines(text: str) -> dict[str, int]:
    """The line of each key of the file, counted from 1, by its whole name; also of each table."""
    lines: dict[str, int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        head = re.match(r"\s*\[\[?([^\]]*)\]", line)
        entry = re.match(r"""\s*((?:"[^"]*"|'[^']*'|[\w.-]|\s)+?)\s*=""", line)
        if head is not None:
            table = _parts(head[1])
            lines.setdefault(".".join(table), number)
        elif entry is not None:
            lines.setdefault(".".join((*table, *_parts(entry[1]))), number)
    return lines


def _parts(dotted: str) -> tuple[str, ...]:
    found = re.findall(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*\.?""", dotted)
    return tuple("".join(part) for part in found)


def _line_of(fault: SettingFault, lines: Mapping[str, int]) -> int:
    """0 where it cannot be found."""
    name = f"{fault.table}.{fault.name}"
    while name not in lines and "." in name:
        name = name.rpartition(".")[0]
    return lines.get(name, 0)


def _texts_of(settings: Settings, table: TextTableName) -> Texts:
    match table:
        case "machines":
            return settings.machines
        case "keys":
            return settings.keys
        case "columns":
            return settings.columns


def _with_texts(settings: Settings, table: TextTableName, texts: Texts) -> Settings:
    match table:
        case "machines":
            return settings._replace(machines=texts)
        case "keys":
            return settings._replace(keys=texts)
        case "columns":
            return settings._replace(columns=texts)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = nearest(name, [*known])
    return f": did you mean {near}?" if near else ": 'tui-registry help trust' lists them"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise SettingsError(path, f"cannot be read ({error.strerror})") from error
    if len(raw) > _MAX_BYTES:
        raise SettingsError(path, f"has more than {_MAX_BYTES:,} bytes")
    return raw


def _parsed(path: Path, raw: bytes) -> Settings:
    if not raw:
        return Settings()
    # Most people have no such file, and the first frame is faster without the parser.
    import tomllib

    try:
        table = tomllib.loads(raw.decode())
    except UnicodeDecodeError:
        raise SettingsError(path, "is not UTF-8: save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(path, f"is not TOML: {safe_text(str(error), 160)}") from None
    except ValueError:  # Python reads no number of thousands of digits
        raise SettingsError(path, f"has a number in it that is too long: {_MOST:,} is the largest") from None
    except RecursionError:
        raise SettingsError(path, "is nested too deeply: a setting is text in quotes") from None
    sync, node = (_numbers(path, key, table.pop(key, {})) for key in TABLE_NAMES)
    settings = Settings(sync=sync, node=node)
    for name in TEXT_TABLE_NAMES:
        settings = _with_texts(settings, name, _texts(path, name, table.pop(name, {})))
    commands, themes = (_nested(path, name, table.pop(name, {})) for name in NESTED_TABLE_NAMES)
    settings = settings._replace(commands=commands, themes=themes)
    for key, value in table.items():
        settings = with_setting(settings, _name(path, key), _text(path, key, value))
    return settings


def _numbers(path: Path, key: str, value: object) -> Numbers:
    if not isinstance(value, dict):
        raise SettingsError(path, f"{key} is a table of bounds: write [{key}] and below it a line for each")
    for name, number in value.items():
        # A truth value is a number to Python; nan is less than nothing, and more.
        is_number = isinstance(number, int | float) and not isinstance(number, bool) and number == number
        if not is_number or (isinstance(number, int) and abs(number) > _MOST):
            raise SettingsError(path, f"[{key}] {safe_text(str(name), 40)} must be a number, such as 30")
    return tuple(value.items())


def _texts(path: Path, table: TextTableName, value: object) -> Texts:
    if not isinstance(value, dict):
        raise SettingsError(path, f"{table} is a table: write [{table}] and below it a line for each")
    # browse.search = "/" is a table in a table to TOML: its author meant the id.
    if table == "keys":
        # Whoever knows the actions says what is wrong with one of them; the others hold.
        return tuple((name, _keys_text(text)) for name, text in _flat(value))
    for name, text in value.items():
        _check_text(path, table, name, text)
    return tuple(value.items())


def _keys_text(value: object) -> str:
    """Keys as one text, whatever stands there: several may be a list, too."""
    if isinstance(value, list):
        return ", ".join("comma" if key == "," else _keys_text(key) for key in value)
    return "" if isinstance(value, dict) else str(_short(value))


def _nested(path: Path, table: str, value: object) -> Tables:
    if not isinstance(value, dict):
        raise SettingsError(path, f"{table} is a table of tables: write [{table}.NAME] and below it what it is")
    found = []
    for name, inner in value.items():
        if not isinstance(inner, dict):
            raise SettingsError(path, f"[{table}] {safe_text(name, 40)}: write [{table}.NAME] and below it what it is")
        found.append((name, tuple((key, _plain(held)) for key, held in inner.items())))
    return tuple(found)


def _plain(value: object) -> Value:
    if isinstance(value, list):
        texts = tuple(text for text in value if isinstance(text, str))
        return texts if len(texts) == len(value) else None
    return _short(value) if isinstance(value, str | int | float | bool) else None


def _short(value: Bounded) -> Bounded | None:
    """None for a number that Python would not write."""
    return None if isinstance(value, int) and abs(value) > _MOST else value


def _flat(table: Mapping[str, object], deeper: int = 2) -> Iterable[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict) and deeper:
            yield from ((f"{name}.{rest}", inner) for rest, inner in _flat(value, deeper - 1))
        else:
            yield name, value


def _check_text(path: Path, table: TextTableName, name: str, text: object) -> None:
    shown = safe_text(name, 40)
    form, what, example = _ENTRIES[table]
    if form.fullmatch(name) is None:
        raise SettingsError(path, f"[{table}] '{shown}': {what}")
    if not isinstance(text, str) or len(text) > _LONGEST_ENTRY or not text.isprintable():
        raise SettingsError(path, f'[{table}] {shown} must be text in quotes, such as "{example}"')


def _name(path: Path, key: str) -> SettingName:
    for name in SETTING_NAMES:
        if name == key:
            return name
    names = (*TABLE_NAMES, *TEXT_TABLE_NAMES, *NESTED_TABLE_NAMES)
    near = nearest(key, (*SETTING_NAMES, *names))
    tables = ", ".join(f"[{table}]" for table in names[:-1]) + f" and [{names[-1]}]"
    hint = f"did you mean {near}?" if near else f"write one of {', '.join(SETTING_NAMES)}, or the tables {tables}"
    sentence = f"unknown setting '{safe_text(key, 40)}': {hint}"
    raise SettingsError(path, sentence)


def _text(path: Path, key: str, value: object) -> str:
    if not isinstance(value, str):
        raise SettingsError(path, f'{key} must be text in quotes, such as {key} = "..."')
    if len(value) > _MAX_CHARACTERS:
        raise SettingsError(path, f"{key} has {len(value):,} characters: at most {_MAX_CHARACTERS} are shown")
    if key == "sync_every" and value:
        try:
            interval(value)
        except ValueError as error:
            raise SettingsError(path, f"sync_every is '{safe_text(value, 40)}': {error}; or \"\" for not") from None
    if key == "named_first" and value not in _SWITCH:
        raise SettingsError(path, f'named_first is \'{safe_text(value, 40)}\': write "on" or "off"')
    if key == "accept_ops" and value and value not in PUSHERS:
        words = f"write one of {', '.join(PUSHERS)}"
        raise SettingsError(path, f"accept_ops is '{safe_text(value, 40)}': {words} ('tui-registry help trust')")
    return value


def _with_setting(text: str, key: str, value: str) -> bytes:
    written = _toml_text(value)
    line = re.compile(rf"""^([ \t]*["']?{key}["']?[ \t]*=[ \t]*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*')""", re.MULTILINE)
    if line.search(text) is not None:
        return line.sub(lambda match: match[1] + written, text, count=1).encode(errors="replace")
    # Before the first table, or it would belong to that.
    table = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    before, after = (text, "") if table is None else (text[: table.start()], text[table.start() :])
    end = "" if not before or before.endswith("\n") else "\n"
    return f"{before}{end}{key} = {written}\n{after}".encode(errors="replace")


def _toml_text(value: str) -> str:
    # A JSON string is a TOML one but for DEL, which JSON lets stand.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _with_line(text: str, table: str, name: str, written: str | None) -> bytes:
    """The text with a line in a table of it, None to take it away."""
    bare = re.fullmatch(r"[A-Za-z0-9_-]+", name, re.ASCII) is not None
    key = name if bare else _toml_text(name)
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    heads = [place for place, line in enumerate(lines) if re.match(rf"[ \t]*\[[ \t]*{table}[ \t]*\]", line)]
    if not heads:
        gap = ["\n"] if lines and written is not None else []
        lines += [] if written is None else [*gap, f"[{table}]\n", f"{key} = {written}\n"]
        return "".join(lines).encode(errors="replace")
    begin = heads[0] + 1
    end = next((at for at in range(begin, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
    known = re.compile(rf"""([ \t]*["']?{re.escape(name)}["']?[ \t]*=[ \t]*)("[^"\n]*"|'[^'\n]*'|[^\s#]+)""")
    for place in range(begin, end):
        match = known.match(lines[place])
        if match is not None:
            rest = lines[place][match.end() :]
            lines[place] = "" if written is None else f"{match[1]}{written}{rest}"
            break
    else:
        if written is not None:
            lines.insert(begin, f"{key} = {written}\n")
    return "".join(lines).encode(errors="replace")


def _write(path: Path, raw: bytes) -> None:
    try:
        _replace(path, raw)
    except OSError as error:
        raise SettingsError(path, f"cannot be written ({error.strerror}): nothing was changed") from error


def _replace(path: Path, raw: bytes) -> None:
    # Where the file is a link, such as into a folder of dotfiles, what it leads to is replaced.
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with drafted(path, raw) as draft:
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    sync_folder(path.parent)
