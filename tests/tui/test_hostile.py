"""Text from strangers on every screen and in every widget: it is shown, and does nothing else."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from tests.seeds import NOW, make_record, owner
from tests.trust.strings import STRINGS, fitted
from tests.tui.driving import NARROW, WIDE, browse_of, list_of, press, replica, running, screen_text, settle
from tests.tui.form_app import go_to
from tests.tui.hostile import AT_ONCE, TEXTS, Looker, every, fill
from tests.tui.syncing import until_ended
from tui_registry.present.found import Found, Recommended
from tui_registry.present.using import Link
from tui_registry.settings import Settings
from tui_registry.sync.looking import LookError
from tui_registry.tui import RegistryApp
from tui_registry.tui.browse.record_use import LinksScreen
from tui_registry.tui.browse.search_bar import SearchBar
from tui_registry.tui.conflicts.version_columns import FieldTable
from tui_registry.tui.history.history_screen import OperationList
from tui_registry.tui.kit.dialogs import AskScreen, Choice, ChooseScreen, ConfirmScreen
from tui_registry.tui.kit.paths import FileLine
from tui_registry.tui.register.form_changes import Difference, MergeScreen
from tui_registry.tui.register.form_fields import form_fields
from tui_registry.tui.sync.add_peer import FoundScreen, take_screen
from tui_registry.tui.sync.pushes import TokenScreen

Visit = Callable[[RegistryApp, Pilot[None], Looker], Awaitable[None]]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replica full of such strings, in a folder that is called like one."""
    folder = tmp_path_factory.mktemp("hostile") / "[/x] [@click=app.quit]\x1b[31m\u202e"
    fill(folder)
    return folder


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


async def paste(app: RegistryApp, pilot: Pilot[None], line: Input, text: str) -> None:
    """Put a text into a line in the place of what it holds, as a person can who has copied it somewhere."""
    line.value = ""
    line.post_message(Paste(text))
    await settle(pilot)


async def walk(app: RegistryApp, pilot: Pilot[None], looker: Looker, *keys: str | tuple[str, ...]) -> None:
    """Press keys one by one, and look after each; after the last one of several that show nothing new between them."""
    for key in keys:
        await press(pilot, *([key] if isinstance(key, str) else key))
        looker.look(app)


# ---- one visit for each part of the app ------------------------------------------------------------------------------


async def list_and_detail(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """Every page of the list, and every tab of records that hold all strings between them."""
    looker.look(app)
    await walk(app, pilot, looker, *["pagedown"] * 3, "g", *["right"] * 7)
    for turn in range(0, len(TEXTS), AT_ONCE):
        list_of(app).move_to(turn)
        await settle(pilot)
        looker.look(app)
        await walk(app, pilot, looker, *(["left"] if turn // AT_ONCE % 2 == 0 else ["right"]) * 7)
    await walk(
        app,
        pilot,
        looker,
        "enter",
        "G",
        "escape",
        "C",
        ("escape", "t"),
        "m",
        "=",
        "escape",
        "space",
        "space",
        "y",
        "escape",
        "E",
        "j",
        ("escape", "G", "V", "g"),
        "+",
        ("escape", "L"),
        *"x",
        "escape",
        "d",
        "escape",
        "escape",
    )


async def side_by_side(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """Four records at a time in columns, all of them and what differs, to the end; and what can be copied of them. Each
    holds the strings from its own place on: four in a row hold three more than one does."""
    for turn in range(0, len(TEXTS), AT_ONCE + 3):
        list_of(app).move_to(turn)
        await settle(pilot)
        await walk(
            app, pilot, looker, ("space",) * 4, "=", *["right"] * 3, "pagedown", "G", ".", "left", "enter", "escape"
        )
        await walk(app, pilot, looker, "y", ("escape",) * 3)


async def detail_alone(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """The narrow detail, and the questions about a stranger's record."""
    for turn in range(3, len(TEXTS), 2 * AT_ONCE):
        list_of(app).move_to(turn)
        await settle(pilot)
        await walk(app, pilot, looker, "enter", *["right"] * 4, "G", "right")
        for key in ("e", "y", "o", "v", "b"):
            await walk(app, pilot, looker, key, "escape")
        await walk(app, pilot, looker, "escape")


async def lines_and_files(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """What records are used with, and whose file the database of the replica is."""
    for turn in range(0, len(TEXTS), AT_ONCE):
        list_of(app).move_to(turn)
        await settle(pilot)
        await walk(app, pilot, looker, "x", "j", "enter")
        await walk(app, pilot, looker, "c", "escape")
    await walk(app, pilot, looker, "c")
    await paste(app, pilot, app.screen.query_one(Input), __file__)
    await walk(app, pilot, looker, "enter", "escape")


async def searching(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """Every string as a query; completions, past searches, filters, saved searches, the palette, help."""
    for text in TEXTS:
        browse_of(app).query_one(SearchBar).ask(text)
        await settle(pilot)
        looker.look(app)
    browse_of(app).query_one(SearchBar).ask("")
    await walk(app, pilot, looker, "slash", *"tag:", "tab", *["down"] * 12, "escape")
    browse_of(app).query_one(SearchBar).ask("")
    await walk(app, pilot, looker, "slash", "up", "up", "up", "escape", "escape")
    browse_of(app).query_one(SearchBar).ask("has:formfile")
    await walk(app, pilot, looker, "f", *["pagedown"] * 4, "G", "space", "escape", "ctrl+s", "escape")
    await walk(app, pilot, looker, "@", "pagedown", "pagedown", "end", "escape", "ctrl+p", *"search", "escape")
    await walk(app, pilot, looker, "question_mark", "G", "escape")


async def conflicts(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """The versions of strangers' records and of one of one's own: every side of every field, and what can be written."""
    browse_of(app).query_one(SearchBar).ask("is:conflict")
    await settle(pilot)
    for _ in range(3):
        await walk(app, pilot, looker, "exclamation_mark", "right", "tab", "G", "escape", "j", "right", "escape", "j")
    browse_of(app).query_one(SearchBar).ask("is:conflict is:mine")
    await settle(pilot)
    await walk(app, pilot, looker, "exclamation_mark", "enter", "escape", *["j"] * 8, *["right"] * 3)
    rows = app.screen.query_one(FieldTable)
    for path in ("description", "tags"):
        rows.move_to(next(place for place in range(rows.total) if getattr(rows.item_at(place), "path", "") == path))
        await settle(pilot)
        await walk(app, pilot, looker, "a", "enter", "j", "escape", "ctrl+s", "d", "escape")
    await walk(app, pilot, looker, "escape", "j", "exclamation_mark", "down", "escape")


async def ones_own(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """Questions about records of one's own: the next version, undo, delete, bringing back."""
    browse_of(app).query_one(SearchBar).ask("is:mine")
    await settle(pilot)
    for _ in range(3):
        await walk(app, pilot, looker, "v", "escape", "u", "escape", "d", "escape", "j")
    await walk(app, pilot, looker, "d", "y", "U", "escape", "D", "tab", "x", "tab", "x", "enter", "escape", "escape")


async def peers(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """Peers with such addresses and errors, adding one, the quarantine, and what one's own key signed elsewhere."""
    await walk(app, pilot, looker, "3", "s", "j", "s", "y", *["pagedown"] * 4, "s", "d", "escape", "a")
    for text in TEXTS[::5]:
        for line in app.screen.query(Input):
            await paste(app, pilot, line, fitted(text, 200))
        await walk(app, pilot, looker, "enter")
    await walk(app, pilot, looker, "escape", "x", *["j"] * 2 * AT_ONCE, "enter", "G", "escape")
    await walk(app, pilot, looker, *["pagedown"] * 8, "y", "escape", "b", "escape")
    await walk(app, pilot, looker, "l", *["j"] * 2 * AT_ONCE, "b", "escape", "t", "T", "escape", "enter", "G", "escape")
    await walk(app, pilot, looker, *["pagedown"] * 8, "y", "escape")
    await walk(app, pilot, looker, "o", "k", "G", "escape", "o", "l")


async def history(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """Everybody's operations, a deleted record and its versions, and what can be copied of one."""
    await walk(app, pilot, looker, "4", "y", "escape", "enter", "escape", "t", "t", "/", *"did:del", "enter")
    operations = app.screen.query_one(OperationList)
    assert operations.item is not None
    assert operations.item.did == "deleted"
    await walk(app, pilot, looker, "enter", "left", "[", "r", "escape", "y", "escape", "escape", "u", "escape")
    await walk(app, pilot, looker, "escape", "m", *["pagedown"] * 7)


async def settings(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """Names of keys, paths, colours."""
    await walk(app, pilot, looker, "5", "enter", "escape", "j", "enter", "j", "escape", *["j"] * 8)
    await walk(app, pilot, looker, *["pagedown"] * 3, "enter", "escape", "d", "escape", *["k"] * 2 * AT_ONCE)
    await walk(app, pilot, looker, "g", *["j"] * 5, "enter", "s")
    for text in TEXTS[::5]:
        await paste(app, pilot, app.screen.query_one(FileLine), fitted(text, 200))
        await walk(app, pilot, looker, "ctrl+s")
    await walk(app, pilot, looker, "escape")


async def forms(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """Drafts of such texts, the form with one of them, its preview, a merge, and a search for models."""
    await walk(app, pilot, looker, "2", *["pagedown"] * 3, "enter", *["ctrl+down"] * 6, "f4", "ctrl+r", "escape")
    await go_to(pilot, "framework")
    await walk(app, pilot, looker, "enter", "down", "escape")
    fields = zip(form_fields("model"), TEXTS * 2, strict=False)
    app.push_screen(MergeScreen([Difference(field, text, text, text, True, "mine") for field, text in fields]))
    await settle(pilot)
    await walk(app, pilot, looker, *["pagedown"] * 4, "escape", "escape")


async def forms_of_records(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """A stranger's agent as a new record: lists of such items, models to choose from, the Formfile."""
    browse_of(app).query_one(SearchBar).ask("kind:agent")
    await settle(pilot)
    await walk(app, pilot, looker, "e", "y", *["ctrl+down"] * 6, "ctrl+n", "ctrl+n", "ctrl+r", "escape")
    await go_to(pilot, "tags")
    for letter in ("left_square_bracket", "s", "w", "l"):  # what some of the strings begin with
        await walk(app, pilot, looker, letter, "down", "down", ("backspace", "end", "backspace", "backspace"))
    for name in ("artifacts", "interfaces", "derived_from", "evaluations"):
        await go_to(pilot, f"manifest.{name}")
        await walk(app, pilot, looker, "enter", "tab", "tab", "escape", "down", "enter", "escape", "delete", "ctrl+z")
    from tui_registry.tui.register.model_rows import PickModel

    app.push_screen(PickModel("x"))
    await settle(pilot)
    await walk(app, pilot, looker, "down", "pagedown", "escape")
    await walk(app, pilot, looker, "escape")


async def imports(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """A folder of files that are called so and hold such texts."""
    folder = app.datastore.data_dir.parent / "files"
    write_files(folder)
    for where in (f"{folder}/none\x1b[31m[/x]", f"{folder}.json", str(folder)):
        await press(pilot, "i")
        line = app.screen.query_one(Input)
        await paste(app, pilot, line, f"{folder}/")
        await walk(app, pilot, looker, "tab", "down", "up")
        await paste(app, pilot, line, where)
        await walk(app, pilot, looker, "enter")
        if where != str(folder):
            await walk(app, pilot, looker, "escape")
    await walk(app, pilot, looker, *["j"] * 4, "pagedown", "enter", *["ctrl+down"] * 4, "escape", "a", "r")
    await walk(app, pilot, looker, "A", "g", "space", "space", "m", "escape", "slash", *"licence", "enter", "m", "1")
    line = app.screen.query_one(Input)
    for text in TEXTS[::5]:
        await paste(app, pilot, line, fitted(text, 200))
        await walk(app, pilot, looker, "enter")
    await walk(app, pilot, looker, "escape", "tab", "escape", "escape", "right", "enter")


def write_files(folder: Path) -> None:
    """Records of the strings, in files named by them."""
    folder.mkdir(exist_ok=True)
    for name in ("colour", "clipboard", "bidi-override", "action", "combining-flood", "emoji", "c1"):
        text = STRINGS[name]
        record = {"kind": "model", "name": text, "license": text, "version": text, "description": text, "tags": [text]}
        (folder / f"{text[:40].replace('/', '')}.json").write_text(json.dumps(record))
    folder.with_suffix(".json").write_text('{"\x1b[31m')


async def first_minutes(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """What was found somewhere, what a stranger recommends, and a tour over it."""
    app.sample = "SAMPLE DATA"
    await walk(app, pilot, looker, "f8", "f8", "escape", "3", "1")
    for text in TEXTS[::5]:
        peers = (Recommended("https://hub.example", "hub", text),) * 5
        found = Found("folder", text, 5, owner("me").address, signed=True, files=(text,), recommended=peers)
        known = {owner("me").address: text}

        def look(_: str, __: object, text: str = text) -> Found:
            raise LookError("nothing_there", text)

        for dialog in (
            FoundScreen(found._replace(why_none=text, kind="bundles"), [], NOW, known, ""),
            take_screen(look),
        ):
            app.push_screen(dialog)
            await settle(pilot)
            looker.look(app)
            for line in app.screen.query(Input):
                await paste(app, pilot, line, fitted(text, 200))
                await walk(app, pilot, looker, "enter")
            await walk(app, pilot, looker, "escape")
    await walk(app, pilot, looker, "f8", "l")


async def command_line(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """A line that lists all of it, as it is completed and as it is printed."""
    await walk(app, pilot, looker, ":", *"show", "space", "tab")
    line = app.screen.query_one(Input)
    line.value = "list models"
    await walk(app, pilot, looker, "enter")
    await until_ended(pilot)
    await walk(app, pilot, looker, "G", "escape")


async def words_of_the_code(app: RegistryApp, pilot: Pilot[None], looker: Looker) -> None:
    """Every text that code hands to a dialog or a line of the frame, so many at once."""
    for start in range(0, len(TEXTS), AT_ONCE):
        some = [fitted(text, 300) for text in TEXTS[start : start + AT_ONCE]]
        joined = " ".join(some)
        choices = [Choice(str(place), text, text, text) for place, text in enumerate(some)]
        for dialog in (
            ConfirmScreen(joined, "\n".join(some)),
            ChooseScreen(joined, choices, joined),
            AskScreen(some[0], some[1], some[2], lambda _, joined=joined: joined, joined),  # type: ignore[misc]
            TokenScreen(some[0], some[1], refused=True),
            LinksScreen(joined, [Link(text, text) for text in some]),
        ):
            app.push_screen(dialog)
            await settle(pilot)
            looker.look(app)
            if isinstance(dialog, AskScreen):
                await press(pilot, "enter")
            await walk(app, pilot, looker, "escape")
    screen = browse_of(app)
    for text in TEXTS:
        screen.say(text, "problem")
        screen.note(text)
        screen.title_line.heading = text
        await pilot.pause()
        looker.look(app)
        screen.say("")
        screen.hint(text)
        await pilot.pause()
        looker.look(app)


# Each with the screens and widgets that it has to come by; what several of them see stands at one.
VISITS: tuple[tuple[Visit, tuple[int, int], str], ...] = (
    (
        list_and_detail,
        WIDE,
        "BrowseScreen ChooseScreen ColumnList ColumnsScreen Flow KeyFooter QueryInput RecordDetail RecordList SearchBar "
        "StatusLine ValueScreen TabLine TextBody TitleLine",
    ),
    (side_by_side, NARROW, "CompareScreen CompareTable"),
    (
        detail_alone,
        NARROW,
        "AskScreen ChipInput ChoiceRow ChoiceSelect ConfirmScreen DescriptionRow DetailScreen FlagRow Form "
        "FormBody FormfileArea LicenceInput LineRow Rail RegisterScreen",
    ),
    (searching, NARROW, "CompletionList EmptyState FacetPanel HelpScreen SearchesScreen"),
    (conflicts, NARROW, "ConflictScreen FieldTable ItemTable TextScreen"),
    (ones_own, WIDE, "StatusScreen"),
    (lines_and_files, WIDE, "UseScreen"),
    (
        peers,
        NARROW,
        "AddPeerScreen LeftOutList LeftOutScreen ListAndText PageScreen PeerTable QuarantineScreen RefusedList SyncScreen",
    ),
    (history, NARROW, "HistoryScreen NarrowingInput OperationList VersionScreen"),
    (settings, NARROW, "FileLine LockedFileScreen SettingsList SettingsScreen ThemeScreen"),
    (
        forms,
        NARROW,
        "ChoiceMenu DifferenceList DraftList KindRow MergeScreen PreviewScreen RegisterMode",
    ),
    (
        forms_of_records,
        WIDE,
        "CheckList ChoicesRow EntriesRow EntryList ModelsRow PickModel RecordRow TemplateRow WordOffers",
    ),
    (imports, NARROW, "FindingList FindingsScreen NarrowingLine SourceScreen"),
    (command_line, NARROW, "LineScreen ProgramScreen"),
    (first_minutes, NARROW, "FoundScreen TourLine"),
    (words_of_the_code, NARROW, "LinksScreen TokenScreen"),
)


@pytest.mark.parametrize(("visit", "size", "shown"), VISITS, ids=[visit.__name__ for visit, _, _ in VISITS])
async def test_every_string_is_shown_and_nothing_more(
    hostile: Path, visit: Visit, size: tuple[int, int], shown: str
) -> None:
    looker = Looker()
    with replica(hostile) as datastore:
        async with running(datastore, size) as (app, pilot):
            app.settings = Settings(name=STRINGS["colour"] + STRINGS["closing-tag"])
            await visit(app, pilot, looker)
    assert set(shown.split()) - {cls.__name__ for cls in looker.screens | looker.widgets} == set()


def test_a_visit_comes_by_every_screen_and_every_widget() -> None:
    """A screen or a widget that is made later and that no visit comes by fails this by name."""
    visited = {name for _, _, shown in VISITS for name in shown.split()}
    assert {cls.__name__ for cls in every(Screen) | every(Widget)} - visited == set()


async def test_an_empty_replica_in_such_a_folder_says_where_its_key_is(tmp_path: Path) -> None:
    with replica(tmp_path / "\x1b]0;x\x07[/x]\u202e") as datastore:
        async with running(datastore) as (app, _):
            Looker().look(app)
            assert "identity.key" in screen_text(app)


async def test_ones_own_record_with_such_a_name_can_be_deleted(tmp_path: Path) -> None:
    looker = Looker()
    with replica(tmp_path) as datastore:
        for text in TEXTS[::3]:
            datastore.add("model", make_record("model", fitted(text, 128)))
        async with running(datastore) as (app, pilot):
            for left in reversed(range(len(TEXTS[::3]))):
                await walk(app, pilot, looker, "d", "y")
                assert datastore.stats().records == left
