"""All that a person's settings add to the app, read once: keys, commands, themes, and what is wrong with them.

**Keys**: `[keys]`, read against the registry of actions. What cannot hold is left out and told; the rest is in force.
Two actions that can be meant by one key on one screen are a conflict, but for pairs that the program itself lets share
it, as `!` of a record does with `!` everywhere.

**Commands**: a key runs a program with values of the record under the cursor.

    [commands.chat]
    key = "ctrl+g"
    label = "chat"
    argv = ["ollama", "run", "--", "{name}"]
    run = "screen"

What stands in a record was written by strangers, so no shell ever reads the words: a placeholder fills its place in one
argument and nothing else. A value that would begin an argument with `-`, behind which a program looks for an option, is
refused, unless a `--` of the person's own stands before it; so is one that cannot be shown as it is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import PurePath
from typing import Final, Literal

from textual.app import SuspendNotSupported
from textual.color import Color, ColorParseError
from textual.content import Content
from textual.keys import key_to_character
from textual.theme import BUILTIN_THEMES, Theme

from tui_registry.datastore import Datastore, Entry, ManifestEntry
from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.settings import THEMES, SettingFault, Settings, Tables, Texts, Value, in_words
from tui_registry.text import nearest, safe_text
from tui_registry.tui import browse, kit
from tui_registry.tui.browse.browse_screen import BrowseScreen
from tui_registry.tui.kit.actions import ACTIONS, Action, Where, key_name, keymap, types, use_keys
from tui_registry.tui.kit.flows import FlowScreen, read
from tui_registry.tui.kit.host import RegistryHost
from tui_registry.tui.kit.program import Ended, ProgramScreen, hand_over, outcome_words, quoted
from tui_registry.tui.kit.text_flow import paragraph, stack


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


# Commands

How = Literal["background", "screen"]
PLACEHOLDERS: Final = ("id", "name", "version", "kind", "owner", "uri", "licence")


class OwnCommand(NamedTuple):
    """A program, and the words that it is called with.

    Attributes:
        name: of its table. key: as the registry of actions spells it, empty for none.
        run: `screen` gives it the terminal until it ends, `background` shows what it writes.
    """

    name: str
    key: str
    label: str
    argv: tuple[str, ...]
    run: How

    @property
    def action(self) -> Action:
        """It in the registry of actions."""
        keys = (self.key,) if self.key else ()
        tooltip = f"Run {quoted(self.argv)}"
        return Action(f"commands.{self.name}", keys, self.label, safe_text(tooltip, 120), "own", f"own('{self.name}')")


class Record(NamedTuple):
    """A record as a command sees it, its values by placeholder; one that it has not is empty."""

    values: Mapping[str, str]


class NotRunError(RegistryError):
    """A command that is not run with this record; code `own_command`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("own_command", sentence)


def read_commands(tables: Tables, keys: Keys) -> tuple[list[OwnCommand], list[SettingFault]]:
    """The commands that can be run, and what is wrong with entries. One whose key is taken is there without it.

    Args:
        keys: the person's own keys of other actions.
    """
    commands: list[OwnCommand] = []
    faults: list[SettingFault] = []
    for name, table in tables:
        try:
            command = _read(name, dict(table))
        except _WrongError as wrong:
            faults.append(SettingFault("commands", f"{name}.{wrong.entry}" if wrong.entry else name, str(wrong)))
            continue
        taken = _taken(command, commands, keys) if command.key else None
        if taken is not None:
            faults.append(SettingFault("commands", f"{name}.key", f"{taken}; the palette has it without a key"))
            command = command._replace(key="")
        commands.append(command)
    return commands, faults


def record_of(entry: Entry, behind: ManifestEntry | None) -> Record:
    """What commands can be given of a record."""
    manifest = None if behind is None else behind.manifest
    files = [] if manifest is None else manifest.get("artifacts", [])
    uris = [file["uri"] for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    record = entry.record
    values = {
        "id": entry.id,
        "name": str(record["name"]),
        "version": str(record["version"]),
        "kind": entry.kind,
        "owner": f"0x{str(record['owner_id']).removeprefix('0x')}",
        "uri": str(uris[0]) if uris else "",
        "licence": str(record["license"]),
    }
    return Record(values)


def filled(command: OwnCommand, record: Record) -> tuple[str, ...]:
    """The words of the command for a record.

    Raises:
        NotRunError: a value of the record must not, or cannot, stand there.
    """
    words: list[str] = []
    for place, word in enumerate(command.argv):
        for name in _places(word):
            value = record.values[name]
            if not value:
                why = "no file of it has an address" if name == "uri" else f"it has no {name}"
                raise NotRunError(f"{command.label}: not run, {why}")
            if safe_text(value) != value:
                shown = f"its {name} has characters that hide or act on a terminal"
                raise NotRunError(f"{command.label}: not run, {shown}: {safe_text(value, 60)}")
            if ".." in _STEPS.split(value):
                shown = safe_text(value, 60)
                raise NotRunError(f"{command.label}: not run, as a path its {name} leads out of a folder: {shown}")
        whole = _PLACE.sub(lambda found: f"{{{found[1]}}}" if found[1] else record.values[found[2]], word)
        if whole.startswith("-") and not word.startswith("-") and "--" not in command.argv[:place]:
            shown = safe_text(command.argv[0], 40)
            raise NotRunError(
                f'{command.label}: not run, {safe_text(whole, 60)} would be an option to {shown}: put "--" before it '
                "in argv, where it takes one"
            )
        words.append(whole)
    return tuple(words)


class OwnCommands:
    """Runs them, each after a question that shows its words, until the person says that it may run without.

    What was said holds until the app ends, and for exactly that entry.

    Attributes:
        known: by name.
    """

    def __init__(self, host: RegistryHost) -> None:
        self.known: dict[str, OwnCommand] = {}
        self._host = host
        self._unasked: set[OwnCommand] = set()

    async def start(self, name: str) -> None:
        """Run the command of that name for the record under the cursor. A step of a flow over the screen in front.

        Raises:
            NotRunError: it is not run with this record.
        """
        command, screen = self.known[name], self._host.screen
        ref = screen.ref if isinstance(screen, BrowseScreen | browse.DetailScreen) else None
        if ref is None:
            raise NotRunError(f"{command.label} is about a record: go to one in Browse")
        record = await read(_read_record, self._host.datastore, ref)
        if record is None:
            raise NotRunError("this record was deleted meanwhile")
        await self.run(command, record)

    async def run(self, command: OwnCommand, record: Record) -> None:
        """Ask, run, say how it ended. A step of a flow over the screen in front.

        Raises:
            NotRunError: it is not run with this record.
        """
        argv = filled(command, record)
        screen = self._host.screen
        if not isinstance(screen, FlowScreen):
            return
        if command not in self._unasked:
            answer = await screen.ask(_question(command, argv))
            if answer == "whole":
                await screen.ask(_whole(command, argv), later=True)
                answer = await screen.ask(_question(command, argv, is_seen=True), later=True)
            if answer is None or answer == "back":
                return
            if answer == "always":
                self._unasked.add(command)
        if command.run == "background":
            ended = await screen.ask(ProgramScreen(quoted(argv), argv))
        else:
            ended = self._lend(argv)
            self._host.look()
        if ended is not None:
            well = ended.code == 0 and not ended.stopped
            self._host.say(f"{command.label}: {outcome_words(ended)}", "done" if well else "problem")

    def _lend(self, argv: Sequence[str]) -> Ended:
        """Give the terminal to a program, and take it back when the person has seen how it ended."""

        def wait(ended: Ended) -> None:
            sys.stdout.write(f"\n{safe_text(argv[0], 60)}: {outcome_words(ended)}. Enter goes back. ")
            sys.stdout.flush()
            with suppress(EOFError, OSError):
                input()

        try:
            with self._host.suspend():
                return hand_over(argv, wait)
        except SuspendNotSupported as error:
            raise NotRunError('this terminal cannot be lent to a program: write run = "background"') from error


# How

# A word in double braces stands for itself in single ones.
_PLACE: Final = re.compile(r"\{\{([A-Za-z_]+)\}\}|\{([A-Za-z_]+)\}")
_STEPS: Final = re.compile(r"[/\\]")
_CHOSEN_OPTION: Final = re.compile(r"-+\{[A-Za-z_]")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_HOWS: Final[tuple[How, ...]] = ("background", "screen")
_ENTRIES: Final = ("argv", "key", "label", "run")
_LONGEST_LABEL: Final = 30
_MOST_WORDS: Final = 64
# The cells of a line that its question shows on any terminal.
_MOST_ASKED: Final = 300
# What reads a whole argument as a program of its own: a stranger's name in one would be code.
_READS_CODE: Final = re.compile(
    r"(?:(?:ba|da|z|k|mk|fi|tc|c|a|xon|elvi)?sh|nu|busybox|python|pypy|perl|ruby|node|bun|deno|php|lua|luajit|julia|R"
    r"|Rscript|tclsh|osascript|pwsh|powershell|[gmn]?awk|sed|jq|vim?|nvim|emacs|psql|mysql|mariadb|duckdb)[\d.]*"
)
_CODE_OPTION: Final = re.compile(r"-{1,2}\w*[ce]|--?(?:command|eval|exec|expression|run)|\+.*")
_EDITORS: Final = frozenset({"vi", "vim", "nvim", "emacs"})
_SPLITS: Final = ("-S", "--split-string")
# What hands its words on to a shell, whatever stands in them.
_HANDS_ON: Final = frozenset(
    {"ssh", "watch", "tmux", "screen", "eval", "script", "su", "parallel", "entr", "make", "gmake", "just"}
)
# What runs the program that is the first of its words.
_RUNS_ANOTHER: Final = frozenset(
    {"env", "sudo", "doas", "nohup", "nice", "ionice", "time", "timeout", "setsid", "stdbuf", "xargs", "chroot", "exec",
     "command", "strace", "systemd-run", "npx", "bunx", "uvx"}
)  # fmt: skip


class _WrongError(ValueError):
    def __init__(self, entry: str, sentence: str) -> None:
        super().__init__(sentence)
        self.entry = entry


def _read_record(datastore: Datastore, ref: browse.Ref) -> Record | None:
    entry = datastore.entry(ref.id, ref.kind)
    return None if entry is None else record_of(entry, datastore.manifests.get(entry.id))


def _read(name: str, table: Mapping[str, Value]) -> OwnCommand:
    if _NAME.fullmatch(name) is None:
        raise _WrongError("", "a command's name has up to 32 letters, digits, - and _")
    for entry in table:
        if entry not in _ENTRIES:
            near = nearest(entry, _ENTRIES)
            hint = f"did you mean {near}?" if near else f"write {', '.join(_ENTRIES)}"
            raise _WrongError(entry, f"a command has no '{safe_text(entry, 40)}': {hint}")
    argv = _argv(table.get("argv"))
    how = table.get("run", "background")
    run = next((one for one in _HOWS if one == how), None)
    if run is None:
        raise _WrongError("run", 'write "screen" for a program that needs the terminal, else "background"')
    label = table.get("label", name)
    if not isinstance(label, str) or not 0 < len(label) <= _LONGEST_LABEL or safe_text(label) != label:
        raise _WrongError("label", f"write a word or two in quotes, up to {_LONGEST_LABEL} characters")
    typed = table.get("key", "")
    if not isinstance(typed, str):
        raise _WrongError("key", 'write one key in quotes, such as "ctrl+g"')
    try:
        key = read_key(typed) if typed.strip() else ""
    except ValueError as error:
        raise _WrongError("key", str(error)) from None
    return OwnCommand(name, key, label, argv, run)


def _argv(value: Value) -> tuple[str, ...]:
    if isinstance(value, str):
        raise _WrongError("argv", 'no shell reads it: write a list of words, such as ["ollama", "run", "{name}"]')
    if not isinstance(value, tuple) or not value or not value[0] or len(value) > _MOST_WORDS:
        raise _WrongError("argv", 'write a list of words, the program first: ["ollama", "run", "{name}"]')
    for word in value:
        for found in _places(word):
            if found not in PLACEHOLDERS:
                near = nearest(found, PLACEHOLDERS)
                known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
                hint = f"did you mean {{{near}}}?" if near else f"there are {known}; {{{{x}}}} is a plain {{x}}"
                raise _WrongError("argv", f"there is no {{{safe_text(found, 40)}}}: {hint}")
        if _CHOSEN_OPTION.match(word) is not None:
            raise _WrongError("argv", "which option is given is for you to say, not for a record")
        if "\0" in word:
            raise _WrongError("argv", "a word of a program has no NUL in it")
    if _places(value[0]):
        raise _WrongError("argv", "which program is run is for you to say, not for a record")
    code = _code_among(value)
    if code:
        raise _WrongError("argv", code)
    return value


def _code_among(argv: Sequence[str]) -> str:
    """Why a placeholder would be code to some program; empty where it is none."""
    reader, runner, operands = "", "", 0
    for place, word in enumerate(argv):
        base, before = PurePath(word).name, argv[place - 1] if place else ""
        if runner and (found := _PLACE.match(word)) is not None and found[2]:
            return f"what {runner} runs is for you to say, not for a record: write the program before it"
        if base in _RUNS_ANOTHER:
            runner = base
        elif not word.startswith("-") and "=" not in word and not word[:1].isdigit():
            runner = ""  # this is what it runs
        if base in _HANDS_ON and any(map(_places, argv[place:])):
            return f"{base} gives its words to a shell, and a record's name would be run by it"
        if not reader and _READS_CODE.fullmatch(base) is not None:
            reader = base
        elif not _places(word):
            operands += bool(reader) and not word.startswith("-")
        elif before in _SPLITS:
            return f"{before} makes several words of one: give each as a word of its own"
        elif reader and _CODE_OPTION.fullmatch(before):
            safe = f'["{reader}", "{before}", "... \\"$1\\"", "{reader}", "{{name}}"]'
            return f"{reader} would run a record's name as code: give it as a word of its own, as in {safe}"
        elif reader and not operands and reader not in _EDITORS:
            return f"what {reader} runs is for you to say, not for a record: put your own script before it"
    return ""


def _places(word: str) -> list[str]:
    """The placeholders of a word."""
    return [found[2] for found in _PLACE.finditer(word) if found[2]]


def _taken(command: OwnCommand, others: Sequence[OwnCommand], keys: Keys) -> str | None:
    """Who has its key already, in words."""
    for item in ACTIONS:
        if command.key in keys.get(item.id, item.keys) and together("own", item.where):
            return f"{key_name(command.key)} is {item.id} ({item.label}): take another"
    for other in others:
        if other.key == command.key:
            return f"{key_name(command.key)} is the command {other.name}: take another"
    return None


def _question(command: OwnCommand, argv: Sequence[str], *, is_seen: bool = False) -> kit.ChooseScreen:
    """Whether to run it. What is too long to be read there can be run only after it was shown whole."""
    where = "It gets the terminal until it ends." if command.run == "screen" else "What it writes is shown."
    words = Content(quoted(argv))
    more = words.cell_length > _MOST_ASKED
    shown = words.truncate(_MOST_ASKED, ellipsis=True).plain
    run = [
        kit.Choice("r", "once", "Run it"),
        kit.Choice("R", "always", "Run it, and do not ask again", "for this command, until the app ends"),
    ]
    whole = [kit.Choice("w", "whole", "Show all of it", "and ask once more then")]
    return kit.ChooseScreen(
        f"Run {safe_text(command.label, 40)}?",
        [kit.Choice("b", "back", "Back"), *(whole if more and not is_seen else run)],
        f"{shown}\n{where} Each word is given to it as it is.",
    )


def _whole(command: OwnCommand, argv: Sequence[str]) -> kit.PageScreen:
    every = [quoted([word]) for word in argv]

    def layout(words: Sequence[str], width: int) -> Content:
        found = [one for one in every if all(word in one.casefold() for word in words)]
        return stack(line for one in found for line in paragraph(one, width))

    return kit.PageScreen(f"{safe_text(command.label, 40)}: a word a line", layout)


# Keys

Keys = Mapping[str, tuple[str, ...]]


def read_keys(texts: Texts) -> tuple[Keys, list[SettingFault]]:
    """The keys of the actions that were given others, by id, and what is wrong with the entries that do not hold."""
    given: dict[str, tuple[str, ...]] = {}
    faults: list[SettingFault] = []
    for name, text in texts:
        try:
            given[name] = _read_entry(name, text, suggests=len(faults) < _MOST_SUGGESTED)
        except ValueError as error:
            faults.append(SettingFault("keys", name, str(error)))
    while clash := _clash(given):
        name, sentence = clash
        del given[name]
        faults.append(SettingFault("keys", name, sentence))
    return given, faults


# For so many faults the nearest word is looked for, which takes half a millisecond each: the app starts behind it.
_MOST_SUGGESTED: Final = 16


def read_key(text: str, *, suggests: bool = True) -> str:
    """One key as the registry of actions spells it, from what a person writes: `Ctrl+F`, `esc`, `question_mark`.

    Raises:
        ValueError: there is no such key, or a terminal cannot tell it from another; the sentence says what to write.
    """
    text = text.strip()
    if not text:
        raise ValueError("a key is missing between two commas: the comma itself is called comma")
    if len(text) == 1 and text.isprintable():
        return text
    *modifiers, base = text.split("+") if not text.endswith("+") else (*text[:-2].split("+"), "+")
    modifiers = sorted({modifier.lower().strip() for modifier in modifiers})
    base = base.strip()
    plain = _ALIASES.get(base.lower(), base.lower() if len(base) > 1 else base)
    if not set(modifiers) <= {"ctrl", "shift", "alt"} or not base:
        raise ValueError(f"there is no key '{safe_text(text, 40)}'{_nearest_key(text if suggests else '')}")
    if plain not in _NAMED:
        if len(plain) > 1:
            character = key_to_character(plain) or _SIGNS.get(plain)
            if character is None or not character.isprintable():
                raise ValueError(f"there is no key '{safe_text(text, 40)}'{_nearest_key(text if suggests else '')}")
            plain = character
        if "shift" in modifiers:
            raise ValueError(f"shift and a letter is the capital letter: write {safe_text(plain.upper(), 1)}")
        plain = plain.lower() if modifiers else plain
    whole = "+".join((*modifiers, plain))
    if whole == "ctrl+c":
        raise ValueError("ctrl+c copies what is selected, and nothing else: write another one")
    if whole in _SAME:
        raise ValueError(f"a terminal sends {whole} as {key_name(_SAME[whole])}: write another one")
    return whole


# How


def _read_entry(name: str, text: str, *, suggests: bool) -> tuple[str, ...]:
    item = _BY_ID.get(name)
    if item is None:
        near = _nearest_ids(name) if suggests else []
        hint = f"did you mean {near[0]}?" if near else "'tui-registry config keys' lists them"
        raise ValueError(f"there is no such action: {hint}")
    words = [text] if text.strip() == "," else text.split(",") if text.strip() else []
    keys = tuple(dict.fromkeys(read_key(word, suggests=suggests) for word in words))
    if item.where in _TYPED_IN and (letter := next(filter(types, keys), None)) is not None:
        raise ValueError(f"{key_name(letter)} types there: take a key such as ctrl+{_example(letter)} or f5")
    if name in _ALWAYS and all(map(types, keys)):
        raise ValueError(f"without a key that is no letter there would be no way to {_ALWAYS[name]}: add one")
    if name.endswith(".back") and not keys:
        raise ValueError("without a key there would be no way back: write one")
    return keys


def _clash(given: Keys) -> tuple[str, str] | None:
    """An entry that does not hold as another action has its key where it works too, and why; the later of two."""
    by_key: dict[str, list[Action]] = {}
    for item in ACTIONS:
        for key in given.get(item.id, item.keys):
            by_key.setdefault(key, []).append(item)
    for name in reversed([*given]):
        item = _BY_ID[name]
        for key in given[name]:
            for other in by_key[key]:
                shared = key in item.keys and key in other.keys
                if other.id != name and not shared and together(item.where, other.where):
                    where = "also here" if other.where == item.where else "on the same screen"
                    free = "give that another key, or take this one back"
                    return name, f"{key_name(key)} is {other.id} ({other.label}) {where}: {free}"
    return None


def is_placed(place: Where) -> bool:
    """Whether it is known here what is on the screen together with a place."""
    return place in _SCREENS or place in _AROUND or place in ("everywhere", "own", "dialog")


def together(one: Where, other: Where) -> bool:
    """Whether a key could mean an action of either place at one moment."""
    if one == other:
        return True
    for inner, outer in ((one, other), (other, one)):
        if outer == "everywhere" or outer in _AROUND.get(inner, ()):
            return True
        if inner == "own" and outer in ("browse", "record", "detail", "list", "marks", "text"):
            return True
    return False


def _nearest_ids(name: str) -> list[str]:
    return [one for one in _BY_ID if one.partition(".")[2] == name] or get_close_matches(name, _BY_ID, n=1)


def _nearest_key(text: str) -> str:
    near = get_close_matches(text.lower(), _ALL_KEYS, n=1) if text else []
    return f": did you mean {near[0]}?" if near else ": write a sign, ctrl+f, f5, enter, esc, space, pagedown or such"


def _example(letter: str) -> str:
    return letter.lower() if letter.isascii() and letter.isalpha() and f"ctrl+{letter.lower()}" not in _SAME else "f"


_BY_ID: Final = {item.id: item for item in ACTIONS}
# Where text is written: letters are for that.
_TYPED_IN: Final[frozenset[Where]] = frozenset(
    {
        "typing",
        "writing",
        "register",
        "items",
        "template",
        "import",
        "narrowing",
        "status",
        "mending",
        "dialog",
        "line",
        "locked_file",
        "locked_file_path",
        "area",
        "licence",
        "take",
    }
)
# What everybody must be able to do, also while typing.
_ALWAYS: Final = {"app.quit": "leave", "app.palette": "find what has no key"}
# Places that are whole screens, or of whole screens.
_SCREENS: Final[tuple[Where, ...]] = (
    "browse", "record", "detail", "conflict", "sync", "quarantine", "left_out", "history", "version", "settings",
    "compare", "findings", "register",
)  # fmt: skip
# What stands around a part of a screen, and is asked where the part has no such key.
_AROUND: Final[Mapping[Where, tuple[Where, ...]]] = {
    "browse": ("record",),
    "detail": ("record",),
    "typing": ("browse", "record"),
    "facets": ("browse", "record", "list"),
    "marks": ("browse", "record", "list"),
    "list": _SCREENS,
    "text": (*_SCREENS, "page"),
    "narrowing": ("history", "findings"),
    "items": ("register",),
    "entries": ("register",),
    "template": ("register",),
    "searches": ("dialog",),
    "columns": ("dialog",),
    "empty": ("browse", "record"),
    "area": ("register", "template", "writing"),
    "licence": ("register",),
    "take": ("dialog",),
    "locked_file": ("dialog",),
    "locked_file_path": ("locked_file", "dialog"),
    "writing": ("dialog",),
    "drafts": ("dialog",),
    "merge": ("dialog",),
    "import": ("dialog",),
    "mending": ("dialog",),
    "status": ("dialog",),
    "line": ("dialog",),
    "page": ("dialog",),
}
_ALIASES: Final = {
    "esc": "escape", "return": "enter", "del": "delete", "ins": "insert", "pgup": "pageup", "pgdn": "pagedown",
    "page_up": "pageup", "page_down": "pagedown", "bs": "backspace", "spacebar": "space",
}  # fmt: skip
_SIGNS: Final = {"slash": "/", "plus": "+", "minus": "-", "at": "@", "backslash": "\\", "underscore": "_"}
_NAMED: Final = frozenset(
    {
        "escape", "enter", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown", "up",
        "down", "left", "right", *(f"f{number}" for number in range(1, 25)),
    }
)  # fmt: skip
_ALL_KEYS: Final = [*_NAMED, *_ALIASES, *_SIGNS, *(f"ctrl+{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
# https://en.wikipedia.org/wiki/C0_and_C1_control_codes: what these make of a letter is what the key itself sends.
_SAME: Final = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+h": "backspace", "ctrl+[": "escape"}
