"""The person's own keys: `[keys]` of the settings, read against the registry of actions.

What cannot hold is left out and told; the rest is in force. Two actions that can be meant by one key on one screen are
a conflict, but for pairs that the program itself lets share it, as `!` of a record does with `!` everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from textual.keys import key_to_character

from tui_registry.settings import SettingFault, Texts
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import ACTIONS, Action, Where, key_name, types

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
