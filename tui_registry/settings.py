"""Where the replica lives, and the few settings a person may write into a file. Environment and TOML, no pydantic."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from tui_registry.durable import drafted, sync_folder
from tui_registry.errors import RegistryError
from tui_registry.text import safe_text

APP = "tui-registry"
DATA_DIR_VARIABLE = "TUI_REGISTRY_DATA_DIR"
STATE_DIR_VARIABLE = "TUI_REGISTRY_STATE_DIR"
SETTINGS_FILE = "settings.toml"

_MAX_BYTES = 64 * 1024
_MAX_CHARACTERS = 64


class SettingsError(RegistryError):
    """A settings file that cannot be read; code `settings`. The sentence names the file."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__("settings", f"{safe_text(str(path))}: {sentence}")


class Settings(NamedTuple):
    """What `settings.toml` may hold; every key may be left out.

    Attributes:
        theme: a Textual theme, such as `nord` or `textual-light`; empty for the app's own.
        name: what this replica calls itself on the title line, such as `laptop`; empty for the machine's name.
    """

    theme: str = ""
    name: str = ""


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
    # Costs more to import than to look up, and most scripts name their directory.
    from platformdirs import user_data_path

    return user_data_path(APP, appauthor=False)


def state_dir() -> Path:
    """Where this machine remembers what must not come back with a backup of a replica: `$TUI_REGISTRY_STATE_DIR`, else
    the user state directory. It need not exist; it is not absolute where the user has no home."""
    chosen = os.environ.get(STATE_DIR_VARIABLE, "")
    if chosen:
        return Path(chosen).absolute()
    from platformdirs import user_state_path

    return user_state_path(APP, appauthor=False)


def settings_path() -> Path:
    """Where the settings file is looked for; it need not exist."""
    from platformdirs import user_config_path

    return user_config_path(APP, appauthor=False) / SETTINGS_FILE


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings file; the defaults where there is none.

    Raises:
        SettingsError: it cannot be read, is not TOML, or holds an unknown key or a value of the wrong type.
    """
    path = settings_path() if path is None else path
    return _parsed(path, _read(path))


def save_setting(key: str, value: str, path: Path | None = None) -> Settings:
    """Write one setting into the file, which is made where there is none; all else in it stays, comments too.

    The file is replaced as a whole: whoever reads it meanwhile, or after a crash, reads the old one or the new one.

    Returns:
        What the file says then.

    Raises:
        SettingsError: the file cannot be read, is wrong already, or cannot be written; it is as it was.
    """
    path = settings_path() if path is None else path
    raw = _read(path)
    wanted = _parsed(path, raw)._replace(**{key: _text(path, key, value)})
    changed = _with_setting(raw.decode(), key, value)
    try:
        kept = _parsed(path, changed)
    except SettingsError:
        kept = None
    if kept != wanted:
        raise SettingsError(path, f"{key} is written there in a way that only you can change: open it in an editor")
    try:
        _replace(path, changed)
    except OSError as error:
        raise SettingsError(path, f"cannot be written ({error.strerror}): nothing was changed") from error
    return kept


# How


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
    except RecursionError:
        raise SettingsError(path, "is nested too deeply: a setting is text in quotes") from None
    return Settings(**{key: _text(path, key, value) for key, value in table.items()})


def _text(path: Path, key: str, value: object) -> str:
    known = Settings._fields
    if key not in known:
        raise SettingsError(path, f"unknown setting '{safe_text(key, 40)}': write one of {', '.join(known)}")
    if not isinstance(value, str):
        raise SettingsError(path, f'{key} must be text in quotes, such as {key} = "..."')
    if len(value) > _MAX_CHARACTERS:
        raise SettingsError(path, f"{key} has {len(value):,} characters: at most {_MAX_CHARACTERS} are shown")
    return value


def _with_setting(text: str, key: str, value: str) -> bytes:
    # A JSON string is a TOML one but for DEL, which JSON lets stand.
    written = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    line = re.compile(rf"""^([ \t]*["']?{key}["']?[ \t]*=[ \t]*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*')""", re.MULTILINE)
    if line.search(text) is not None:
        return line.sub(lambda match: match[1] + written, text, count=1).encode(errors="replace")
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{end}{key} = {written}\n".encode(errors="replace")


def _replace(path: Path, raw: bytes) -> None:
    # Where the file is a link, such as into a folder of dotfiles, what it leads to is replaced.
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with drafted(path, raw) as draft:
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    sync_folder(path.parent)
