"""All that a person's settings add to the app, read once: keys, commands, themes, and what is wrong with them."""

from __future__ import annotations

from typing import Final

from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from tui_registry.frozen import NamedTuple
from tui_registry.settings import THEMES, SettingFault, Settings, Tables, Value, in_words
from tui_registry.text import nearest, safe_text
from tui_registry.tui.kit.actions import ACTIONS, key_name, keymap, use_keys
from tui_registry.tui.kit.host import RegistryHost
from tui_registry.tui.kit.keys import Keys, read_keys
from tui_registry.tui.own.commands import OwnCommand, OwnCommands, read_commands


class Own(NamedTuple):
    """What holds, and what does not.

    Attributes:
        keys: of actions, by id.
    """

    keys: Keys
    commands: tuple[OwnCommand, ...]
    themes: tuple[Theme, ...]
    faults: tuple[SettingFault, ...]


def follow(app: RegistryHost) -> None:
    """Let the app have what its settings add; what is wrong is said on the status line, and the rest holds.

    It counts for the screens that are made from now on.
    """
    own = read_own(app.settings)
    actions = [command.action for command in own.commands]
    use_keys(own.keys, actions)
    app.set_keymap(keymap(own.keys))
    for item in actions:
        if item.keys:
            app.bind(item.pressed_key, item.name, description=item.label, show=False)
    app.held(OwnCommands).known.update((command.name, command) for command in own.commands)
    for theme in own.themes:
        app.register_theme(theme)
    told = in_words(own.faults)
    if told:
        first = told[0] if len(told) == 1 else f"{len(told)} faults ('config check' tells all), {told[0]}"
        app.say(f"settings: {first}", "problem")


def read_own(settings: Settings) -> Own:
    """What the settings add to the app."""
    keys, faults = read_keys(settings.keys)
    commands, wrong = read_commands(settings.commands, keys)
    themes, odd = _read_themes(settings.themes)
    return Own(keys, tuple(commands), tuple(themes), (*faults, *wrong, *odd))


def faults_of(settings: Settings) -> tuple[SettingFault, ...]:
    """What of the settings the app would do without."""
    return read_own(settings).faults


def keys_of(settings: Settings) -> list[tuple[str, str, str]]:
    """Every action that can have a key: its id, the keys it has, what it does."""
    own = read_own(settings)
    rows = []
    for item in (*ACTIONS, *(command.action for command in own.commands)):
        keys = own.keys.get(item.id, item.keys)
        rows.append((item.id, ", ".join(map(key_name, keys)), item.tooltip))
    return rows


# Themes

_COLOURS: Final = (
    "primary", "secondary", "warning", "error", "success", "accent", "foreground", "background", "surface", "panel",
    "boost",
)  # fmt: skip
_BASE: Final = "base"
_DARK: Final = "dark"
_LONGEST: Final = 32


def _read_themes(tables: Tables) -> tuple[list[Theme], list[SettingFault]]:
    themes: list[Theme] = []
    faults: list[SettingFault] = []
    for name, table in tables:
        if name in THEMES or not _is_name(name):
            what = "there is one of that name already" if name in THEMES else "it has small letters, digits and -"
            faults.append(SettingFault("themes", name, f"a theme of your own needs a name of its own: {what}"))
            continue
        theme, wrong = _read_theme(name, table)
        faults += wrong
        themes.append(theme)
    return themes, faults


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _LONGEST and all(sign.isascii() and (sign.isalnum() or sign in "-_") for sign in name)


def _read_theme(name: str, table: tuple[tuple[str, Value], ...]) -> tuple[Theme, list[SettingFault]]:
    """The theme, made of what is right in the table, and what is not."""
    faults: list[SettingFault] = []
    given = dict(table)
    base_name = given.pop(_BASE, "textual-dark")
    base = BUILTIN_THEMES.get(base_name) if isinstance(base_name, str) else None
    if base is None:
        near = nearest(str(base_name), THEMES)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(THEMES)}"
        faults.append(SettingFault("themes", f"{name}.{_BASE}", f"there is no theme '{_shown(base_name)}': {hint}"))
        base = BUILTIN_THEMES["textual-dark"]
    is_dark = given.pop(_DARK, base.dark)
    if not isinstance(is_dark, bool):
        faults.append(SettingFault("themes", f"{name}.{_DARK}", "write true or false, without quotes"))
        is_dark = base.dark
    colours = {colour: getattr(base, colour) for colour in _COLOURS}
    for entry, value in given.items():
        if entry not in _COLOURS:
            near = nearest(entry, (*_COLOURS, _BASE, _DARK))
            hint = f"did you mean {near}?" if near else f"write {_BASE}, {_DARK}, {', '.join(_COLOURS)}"
            faults.append(SettingFault("themes", f"{name}.{entry}", f"a theme has no '{_shown(entry)}': {hint}"))
        elif not isinstance(value, str) or not _is_colour(value, base.ansi):
            say = f"'{_shown(value)}' is no colour: write #rrggbb, or a name such as teal"
            if isinstance(value, str) and value.startswith("ansi_"):
                say = f'{_shown(value)} is one of the terminal\'s own colours: write base = "ansi-dark" or "ansi-light"'
            faults.append(SettingFault("themes", f"{name}.{entry}", say))
        else:
            colours[entry] = value
    # What a base says of single parts of widgets was chosen for its colours.
    variables = base.variables if base.ansi or not given else {}
    theme = Theme(
        name=name,
        primary=colours["primary"],
        secondary=colours["secondary"],
        warning=colours["warning"],
        error=colours["error"],
        success=colours["success"],
        accent=colours["accent"],
        foreground=colours["foreground"],
        background=colours["background"],
        surface=colours["surface"],
        panel=colours["panel"],
        boost=colours["boost"],
        dark=is_dark,
        luminosity_spread=base.luminosity_spread,
        text_alpha=base.text_alpha,
        variables=dict(variables),
        ansi=base.ansi,
    )
    return theme, faults


def _is_colour(text: str, ansi: bool) -> bool:
    try:
        colour = Color.parse(text)
    except ColorParseError:
        return False
    return colour.a == 1 and (ansi or colour.ansi is None)


def _shown(value: Value) -> str:
    return safe_text(str(value), 40)
