"""What a person's settings add to the app: keys, commands and themes of their own; what is wrong is told and left out."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from textual.events import Key

import tui_registry.tui
from tests.seeds import make_record
from tests.tui.driving import WIDE, browse_of, press, replica, running, screen_text, settle, status
from tests.tui.syncing import until_ended
from tui_registry.datastore import Datastore
from tui_registry.settings import Settings, load_settings, settings_path
from tui_registry.tui.kit.actions import HEADINGS, action, use_keys
from tui_registry.tui.kit.dialogs import ChooseScreen
from tui_registry.tui.kit.help import HelpScreen
from tui_registry.tui.kit.program import Output, ProgramScreen, run_program
from tui_registry.tui.own.own_settings import (
    NotRunError,
    OwnCommand,
    Record,
    filled,
    is_placed,
    read_key,
    read_keys,
    read_own,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    with replica(tmp_path_factory.mktemp("own")) as datastore:
        datastore.add("model", make_record("model", "plain-name"))
        yield datastore


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = settings_path()
    path.parent.mkdir(parents=True)
    yield path
    use_keys({})


def written(config: Path, text: str) -> Settings:
    config.write_text(text)
    return load_settings()


def faults(*keys: tuple[str, str]) -> list[str]:
    return [f"{fault.name}: {fault.sentence}" for fault in read_keys(keys)[1]]


# Keys


async def test_a_key_of_ones_own_works_and_is_the_one_that_is_shown_everywhere(shared: Datastore) -> None:
    settings = Settings(keys=(("browse.search", "ctrl+f"), ("browse.filters", "/"), ("record.duplicate", "ctrl+y")))
    async with running(shared, WIDE, settings=settings) as (app, pilot):
        assert "ctrl+f find" in screen_text(app)
        await press(pilot, "slash")
        assert browse_of(app).is_filtering
        await press(pilot, "escape", "f")
        assert not browse_of(app).is_filtering
        await press(pilot, "ctrl+f")
        assert browse_of(app).bar.is_typing
        await press(pilot, "escape", "escape", "question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert "ctrl+f" in screen_text(app)
        await press(pilot, "escape", "ctrl+y")
        assert "Register" in screen_text(app)


async def test_without_an_entry_the_keys_are_those_of_the_program_again(shared: Datastore) -> None:
    async with running(shared, settings=Settings(keys=(("browse.search", ""),))) as (app, pilot):
        assert "/ find  " not in screen_text(app)
        await press(pilot, "slash")
        assert not browse_of(app).bar.is_typing
    async with running(shared) as (app, pilot):
        assert "/ find  " in screen_text(app)
        await press(pilot, "slash")
        assert browse_of(app).bar.is_typing


async def test_a_letter_that_quits_is_a_letter_where_one_types(shared: Datastore) -> None:
    async with running(shared, settings=Settings(keys=(("app.quit", "q, ctrl+x"),))) as (app, pilot):
        await press(pilot, "slash", "q")
        assert browse_of(app).bar.question.query == "q"
        await press(pilot, "ctrl+q")
        assert app.is_running
        await pilot.press("ctrl+x")
    assert app.return_code == 0
    async with running(shared, settings=Settings(keys=(("app.quit", "q, ctrl+x"),))) as (app, pilot):
        await pilot.press("q")
    assert app.return_code == 0


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("browse.serch", "x", "did you mean browse.search?"),
        ("search", "x", "did you mean browse.search?"),
        ("browse.search", "Esx", "did you mean esc?"),
        ("browse.search", "ctrl+i", "as tab"),
        ("browse.search", "ctrl+c", "copies"),
        ("browse.search", "shift+a", "write A"),
        ("browse.search", "x,,y", "called comma"),
        ("browse.search", "f", "f is browse.filters"),
        ("browse.search", "j", "j is list.down"),
        ("record.edit", "n", "n is browse.new"),
        ("sync.add", "1", "1 is app.browse"),
        ("register.save", "s", "types there"),
        ("app.quit", "q", "no way to leave"),
        ("app.palette", "", "no way to find"),
        ("browse.back", "", "no way back"),
    ],
)
def test_what_cannot_hold_is_told(name: str, text: str, told: str) -> None:
    assert [fault for fault in faults((name, text)) if told in fault], faults((name, text))


def test_of_two_entries_that_clash_the_first_holds_and_keys_can_be_swapped() -> None:
    assert faults(("browse.search", "f"), ("browse.filters", "/")) == []
    held, told = read_keys((("browse.new", "ctrl+y"), ("record.edit", "ctrl+y")))
    assert dict(held) == {"browse.new": ("ctrl+y",)}
    assert [fault.name for fault in told] == ["record.edit"]
    # An entry that does not hold gives its key back, which another one relied on.
    held, told = read_keys((("browse.search", "n"), ("browse.filters", "/")))
    assert not held
    assert {fault.name for fault in told} == {"browse.search", "browse.filters"}


def test_every_action_can_be_given_a_key_that_nothing_else_has() -> None:
    from tui_registry.tui.kit.actions import ACTIONS

    for item in ACTIONS:
        assert faults((item.id, "ctrl+f12")) == [], item.id
    # A new place stands in `_SCREENS` or in `_AROUND` of own/own_settings.py, and in `_TYPED_IN` where text is written.
    assert [place for place in HEADINGS if not is_placed(place)] == []


@pytest.mark.parametrize(
    ("typed", "key"),
    [("Ctrl+F", "ctrl+f"), ("esc", "escape"), ("question_mark", "?"), ("G", "G"), ("F5", "f5"), ("PgUp", "pageup"),
     ("comma", ","), ("+", "+"), ("ctrl+shift+up", "ctrl+shift+up"), ("slash", "/")],
)  # fmt: skip
def test_a_key_is_read_as_people_write_it(typed: str, key: str) -> None:
    assert read_key(typed) == key


def test_for_a_file_full_of_faults_no_more_than_a_few_words_are_guessed() -> None:
    for entries in ([(f"browse.serch{n}", "x") for n in range(4_000)], [("browse.search", "ctrl+ff1")] * 4_000):
        _, found = read_keys(entries)
        assert len(found) == 4_000
        assert 0 < sum("did you mean" in fault.sentence for fault in found) <= 16


async def test_the_app_starts_with_the_rest_and_tells_the_line(shared: Datastore, config: Path) -> None:
    settings = written(
        config,
        'theme = "nord"\n[keys]\n# mine\nbrowse.serch = "x"\n"browse.search" = ["ctrl+f", ","]\n"Browse.new" = true\n',
    )
    async with running(shared, WIDE, settings=settings) as (app, _):
        assert status(app).startswith(
            "settings: 2 faults ('config check' tells all), line 4: [keys] browse.serch: there is no such action"
        )
        assert "ctrl+f find" in screen_text(app)
        assert app.theme == "nord"


# Commands


def command(*argv: str, run: str = "background") -> OwnCommand:
    return OwnCommand("go", "", "go", argv, "screen" if run == "screen" else "background")


def record(**values: str) -> Record:
    return Record({"id": "ab", "name": "n", "version": "1.0.0", "kind": "model", "owner": "0x1", "uri": "",
                   "licence": "MIT", **values})  # fmt: skip


def test_a_value_is_one_word_whatever_stands_in_it() -> None:
    hostile = "a b; rm -rf / $(x) `y` \"z\" '{id}'"
    assert filled(command("p", "{name}", "--m={name}"), record(name=hostile)) == ("p", hostile, f"--m={hostile}")


def test_braces_that_are_no_placeholder_stay() -> None:
    assert filled(command("p", "{{print}}", '{"a": {"b": 1}}', "{{name}}={name}"), record(name="{id}"))[1:] == (
        "{print}", '{"a": {"b": 1}}', "{name}={id}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("word", "values", "why"),
    [
        ("{name}", {"name": "-rf"}, "would be an option"),
        ("{name}", {"name": "--exec=x"}, "would be an option"),
        ("{name}", {"name": "a\x1b[31m"}, "hide or act on a terminal"),
        ("{name}", {"name": "a\nb"}, "hide or act on a terminal"),
        ("{name}", {"name": "a\u202eb"}, "hide or act on a terminal"),
        ("/models/{name}", {"name": "../../home"}, "leads out of a folder"),
        ("{uri}", {}, "no file of it has an address"),
    ],
)
def test_what_could_do_harm_is_not_run(word: str, values: dict[str, str], why: str) -> None:
    with pytest.raises(NotRunError, match=why):
        filled(command("p", word), record(**values))


def test_a_value_that_begins_with_a_dash_is_one_behind_ones_own_double_dash() -> None:
    assert filled(command("p", "--", "{name}"), record(name="-rf"))[-1] == "-rf"
    assert filled(command("p", "-m{name}"), record(name="-rf"))[-1] == "-m-rf"


def test_commands_that_cannot_hold_are_told_with_their_place() -> None:
    table = (
        ("ok", (("argv", ("p",)),)),
        ("text", (("argv", "p {name}"),)),
        ("empty", (("argv", ()),)),
        ("place", (("argv", ("p", "{nam}")),)),
        ("program", (("argv", ("{name}",)),)),
        ("shell", (("argv", ("/bin/sh", "-c", "x {name}")),)),
        ("python", (("argv", ("env", "python3", "-c", "print({name})")),)),
        ("afar", (("argv", ("ssh", "host", "x", "{name}")),)),
        ("how", (("argv", ("p",)), ("run", "window"))),
        ("word", (("argv", ("p",)), ("keys", "x"))),
        ("a b", (("argv", ("p",)),)),
    )
    own = read_own(Settings(commands=table))
    assert [one.name for one in own.commands] == ["ok"]
    assert [fault.name for fault in own.faults] == [
        "text.argv", "empty.argv", "place.argv", "program.argv", "shell.argv", "python.argv", "afar.argv", "how.run",
        "word.keys", "a b",
    ]  # fmt: skip
    assert "no shell reads it" in own.faults[0].sentence
    assert "did you mean {name}?" in own.faults[2].sentence


@pytest.mark.parametrize(
    ("argv", "right"),
    [
        (("sh", "-c", 'x "$1"', "sh", "{name}"), True),
        (("vim", "{name}"), True),
        (("vim", "-c", "{name}"), False),
        (("sh", "{name}"), False),
        (("perl", "-e{name}"), False),
        (("awk", "{name}"), False),
        (("python3", "-m", "mod", "{name}"), True),
        (("python3", "x.py", "--model={name}"), True),
        (("env", "-S", "sh -c {name}"), False),
        (("bash", "-lc", "{name}"), False),
        (("watch", "-n1", "{name}"), False),
        (("make", "MODEL={name}"), False),
        (("lua5.4", "-e", "{name}"), False),
        (("env", "A=1", "{name}"), False),
        (("env", "A={name}", "prog"), True),
        (("timeout", "5", "{name}"), False),
        (("timeout", "5", "prog", "{name}"), True),
        (("prog", "--{name}"), False),
        (("prog", "--model={name}"), True),
    ],
)
def test_no_record_says_what_a_program_runs(argv: tuple[str, ...], right: bool) -> None:
    own = read_own(Settings(commands=(("x", (("argv", argv),)),)))
    assert bool(own.commands) is right, own.faults


def test_numbers_that_python_would_not_write_are_faults_like_others(config: Path) -> None:
    long = "0x" + "f" * 5000
    keys = f'[keys]\n"browse.search" = {long}\n"browse.new" = [{long}]\nx.y.z.a = {long}\n'
    settings = written(config, f'{keys}[commands.a]\nargv = ["p"]\nlabel = {long}\n[themes.a]\nprimary = {long}\n')
    assert len(read_own(settings).faults) == 5


def test_a_command_whose_key_is_taken_is_there_without_it() -> None:
    own = read_own(Settings(commands=tuple((name, (("key", key), ("argv", ("p",)))) for name, key in
                                           (("a", "e"), ("b", "ctrl+g"), ("c", "ctrl+g")))))  # fmt: skip
    assert [one.key for one in own.commands] == ["", "ctrl+g", ""]
    assert "e is record.edit" in own.faults[0].sentence
    assert "the command b" in own.faults[1].sentence


async def test_a_command_is_shown_before_it_runs_and_asked_for_no_more_where_one_says_so(shared: Datastore) -> None:
    argv = (
        sys.executable,
        "-c",
        "import sys; print(sys.argv[1:]); print('odd', file=sys.stderr); sys.exit(3)",
        "{name}",
    )
    settings = Settings(commands=(("try", (("key", "ctrl+g"), ("label", "try it"), ("argv", argv))),))
    async with running(shared, WIDE, settings=settings) as (app, pilot):
        await press(pilot, "ctrl+g")
        assert isinstance(app.screen, ChooseScreen)
        assert "plain-name" in screen_text(app)
        await press(pilot, "b", "ctrl+g", "escape", "ctrl+g", "R")
        await until_ended(pilot)
        assert "['plain-name']" in screen_text(app)
        assert "ended with 3" in screen_text(app)
        await press(pilot, "escape")
        assert status(app) == "try it: ended with 3: odd"
        await press(pilot, "ctrl+g")
        await until_ended(pilot)
        await press(pilot, "escape", "question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert action("commands.try").label == "try it"
        await press(pilot, "escape", "3", "ctrl+g")
        assert "is about a record" in status(app)


async def test_a_command_too_long_to_be_read_in_its_question_runs_only_when_all_of_it_was_shown(
    shared: Datastore,
) -> None:
    argv = (sys.executable, "-c", f"print('ran') # {'fine ' * 500}", "the-end")
    settings = Settings(commands=(("try", (("key", "ctrl+g"), ("argv", argv))),))
    async with running(shared, (60, 20), settings=settings) as (app, pilot):
        await press(pilot, "ctrl+g")
        assert "the-end" not in screen_text(app)
        await press(pilot, "r", "R")
        assert isinstance(app.screen, ChooseScreen)
        await press(pilot, "w", "G")
        assert "the-end" in screen_text(app)
        await press(pilot, "escape")
        assert "Run it" in screen_text(app)
        await press(pilot, "r")
        await until_ended(pilot)
        assert "ran" in screen_text(app)


async def test_how_a_command_ended_is_in_sight_however_long_it_is(shared: Datastore) -> None:
    argv = (sys.executable, "-c", "import sys; sys.exit(3)", "word" * 20)
    settings = Settings(commands=(("try", (("key", "ctrl+g"), ("argv", argv))),))
    for size in (WIDE, (80, 24), (60, 20)):
        async with running(shared, size, settings=settings) as (app, pilot):
            await press(pilot, "ctrl+g", "r")
            await until_ended(pilot)
            assert "ended with 3" in screen_text(app)


async def test_esc_ends_a_command_and_a_program_that_is_not_there_is_told(shared: Datastore) -> None:
    endless = (sys.executable, "-c", "import time\nprint('up', flush=True)\nwhile True: time.sleep(9)")
    table = (("wait", (("key", "ctrl+g"), ("argv", endless))), ("no", (("key", "ctrl+e"), ("argv", ("no-such-one",)))))
    async with running(shared, settings=Settings(commands=table)) as (app, pilot):
        await pilot.press("ctrl+g", "r")
        await pilot.pause()
        page = app.screen
        assert isinstance(page, ProgramScreen)
        await press(pilot, "escape")
        await until_ended(pilot)
        assert "stopped" in screen_text(app)
        await press(pilot, "escape")
        assert status(app) == "wait: stopped"
        await press(pilot, "ctrl+e", "r")
        await until_ended(pilot)
        await press(pilot, "escape")
        assert "there is no program 'no-such-one' here" in status(app)


def test_of_an_output_without_an_end_so_little_is_laid_out_that_keys_are_answered() -> None:
    output = Output()
    for _ in range(40):
        output.add(b"y\n" * 30_000)
    while_it_runs, before = output.end(32 * 1024, 500)
    assert while_it_runs.count("\n") == 500
    assert before == 40 * 60_000 - 1_000
    kept, before = output.end()
    assert kept.count("\n") == 10_000
    assert before == 40 * 60_000 - 20_000
    short = Output()
    short.add(b"one\ntwo")
    assert short.end(32 * 1024, 500) == ("one\ntwo", 0)


@pytest.mark.parametrize("ending", ["wait", "exec >&- 2>&-; wait"])
def test_what_a_stopped_program_left_running_is_stopped_with_it(tmp_path: Path, ending: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    output, stop = Output(), Event()
    # What a shell begins with & ignores Ctrl+C.
    argv = ["sh", "-c", f'(sleep 3; echo late) >"$1" 2>&1 & echo up; {ending}', "sh", str(pipe)]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_program, argv, {}, output, stop)
        while not output.changes:
            assert not running.done()
        stop.set()
        assert running.result().stopped
    os.set_blocking(reader, True)
    assert os.read(reader, 10) == b""
    os.close(reader)


# Themes


async def test_a_theme_of_ones_own_is_used_and_offered(shared: Datastore, config: Path) -> None:
    settings = written(
        config, 'theme = "mine"\n[themes.mine]\nbase = "nord"\nprimary = "#ff8800"\npanel = "oops"\ntype = "x"\n'
    )
    async with running(shared, WIDE, settings=settings) as (app, pilot):
        assert app.theme == "mine"
        assert app.current_theme.primary == "#ff8800"
        assert app.current_theme.success == "#A3BE8C"
        assert "2 faults" in status(app)
        assert "line 5: [themes] mine.panel: 'oops' is no colour" in status(app)
        await press(pilot, "5", "j", "enter")
        assert "mine" in screen_text(app)


def test_themes_that_cannot_hold_are_told() -> None:
    table = (
        ("nord", (("primary", "#000000"),)),
        ("low", (("base", "norb"), ("dark", "yes"), ("primary", 3))),
        ("own16", (("base", "ansi-dark"), ("accent", "ansi_bright_blue"))),
        ("mixed", (("accent", "ansi_bright_blue"),)),
    )
    own = read_own(Settings(themes=table))
    assert [theme.name for theme in own.themes] == ["low", "own16", "mixed"]
    told = {fault.name: fault.sentence for fault in own.faults}
    assert set(told) == {"nord", "low.base", "low.dark", "low.primary", "mixed.accent"}
    assert "did you mean nord?" in told["low.base"]
    assert "the terminal's own" in told["mixed.accent"]
    for theme in own.themes:
        theme.to_color_system().generate()


# `config`


def test_config_tells_what_is_wrong_with_which_line(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui_registry.__main__ import main

    monkeypatch.setenv("TUI_REGISTRY_DATA_DIR", str(tmp_path / "data"))
    assert main(["config", "check"]) == 0
    assert "no such file" in capsys.readouterr().out
    config.write_text('[keys]\n"browse.new" = "ctrl+y"\n[commands.x]\nargv = "p"\n[themes.mine]\nprimary = "#123456"\n')
    assert main(["config", "check"]) == 1
    assert capsys.readouterr().out.startswith("line 4: [commands] x.argv: no shell reads it")
    assert main(["config", "check", "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 1
    assert main(["config", "set", "theme", "mine"]) == 0
    assert main(["config", "set", "keys.browse.search", "ctrl+y"]) == 1
    assert "ctrl+y is browse.new" in capsys.readouterr().err
    assert main(["config", "set", "keys.browse.search", "ctrl+f"]) == 0
    assert main(["config", "set", "keys.browse.new", ""]) == 0
    capsys.readouterr()
    assert main(["config", "keys"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any(row.split()[:2] == ["browse.search", "ctrl+f"] for row in rows)
    assert any(row.split()[:2] == ["browse.new", "n"] for row in rows)


def test_no_sentence_names_a_key_that_a_person_may_have_changed() -> None:
    """What a sentence says of a key with ctrl or a letter it takes from the registry of actions."""
    # What is built into a text area, and what speaks of keys in general.
    allowed = (
        "ctrl+z takes it back",
        "write a sign, ctrl+f",
        "ctrl+c copies",
        'such as "ctrl+g"',
        "ctrl+left moves",
        " w writes a file",
    )
    named = re.compile(
        r"\bctrl\+\w+ |\(ctrl\+|(?<![\w'’<-])[a-zA-Z] (takes|brings|signs|marks|undoes|stops|shows|tells|adds|removes|finds|pulls|pushes|copies|forgets|writes)\b"
    )
    found = []
    for path in Path(tui_registry.tui.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        plain = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree) if path.name != "actions.py" else ():
            text = node.value if isinstance(node, ast.Constant) and id(node) not in plain else None
            if isinstance(text, str) and named.search(text) and not any(one in text for one in allowed):
                found.append((path.name, text))
    assert found == [], "write {key_of('the.action')} in place of the key"


async def test_a_key_that_moved_a_cursor_and_opens_something_now_is_waited_for(shared: Datastore) -> None:
    down = ("list.down", "down"), ("text.down", "down"), ("browse.search", "j")
    async with running(shared, settings=Settings(keys=down)) as (app, pilot):
        for letter in "jxy":
            app.post_message(Key(letter, letter))
        await settle(pilot)
        assert browse_of(app).bar.question.query == "xy"
