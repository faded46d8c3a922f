"""Text from strangers, in every place where a screen shows it (DESIGN 9): it is shown, and does nothing else."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.seeds import make_record, owner, signed
from tests.tui.driving import NARROW, WIDE, browse_of, list_of, press, replica, running, settle
from tui_registry.tui.app import RegistryApp
from tui_registry.tui.screens.ask import AskScreen
from tui_registry.tui.screens.choose import Choice, ChooseScreen
from tui_registry.tui.screens.confirm import ConfirmScreen
from tui_registry.tui.widgets.search_bar import SearchBar

HOSTILE = {
    "closing markup": "[/x]",
    "open markup": "[bold red",
    "action": "[@click=app.quit]x[/]",
    "link": "[link=https://example.invalid]x[/link]",
    "variable": "$primary ${x} {x} %s",
    "escape": "\x1b[31mred\x1b[0m",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "title": "\x1b]0;evil\x07",
    "c1": "\x9b31m\x85\x90",
    "controls": "a\rb\nc\td\x08e\x7f",
    "bidi": "abc\u202egpj.exe\u2066x\u2069",
    "zero width": "a\u200bb\u200cc\ufeffd\u2060e",
    "combining": "Z" + "\u0351" * 100,
    "leading mark": "\u0301e",
    "emoji": "👩‍👩‍👧‍👦🏴‍☠️👍🏽" * 5,
    "wide": "模型" * 40,
    "rtl": "مرحبا שלום",
    "long word": "x" * 100,
    "line separators": "a\u2028b\u2029c",
    "spaces": "   \u3000 ",
}


def long_text(text: str) -> str:
    """A description of the allowed length made of the text: words of ten thousand characters among them."""
    return (f"{text}\n" * 30 + "W" * 10_000)[:10_000]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replica with a model for each text, by an owner of that name, and an agent whose lists hold them all."""
    folder = tmp_path_factory.mktemp("hostile")
    with replica(folder) as datastore:
        lines = []
        for name, text in HOSTILE.items():
            stranger = owner(name)
            datastore.name_owner(stranger.address, text)
            short = {"Other": text[:64]}
            fields = {
                "version": text[:64], "license": text[:128], "description": text * 3, "tags": [text[:128]] * 5,
                "capabilities": [text[:128]], "framework": short, "model_type": short, "quantization": short,
                "formfile_template": text * 3,
            }  # fmt: skip
            if name in ("long word", "combining", "wide"):
                fields |= {"description": long_text(text), "formfile_template": long_text(text) * 2}
            lines.append(signed(stranger, "model", text[:128], **fields).to_json())
        texts = [text[:128] for text in HOSTILE.values()]
        types = [{"Other": text[:64]} for text in texts[:16]]
        agent = signed(
            owner("agent"), "agent", "all of them", tags=texts, capabilities=texts, tools=texts, preferred_models=texts,
            compatible_model_types=types,
        )  # fmt: skip
        report = datastore.apply([*lines, agent.to_json()])
        assert report.applied == len(HOSTILE) + 1, report.rejected
    return folder


def assert_harmless(app: RegistryApp) -> None:
    """What stands on the screen can neither act on a terminal nor hide, and the app runs on."""
    assert app.is_running
    assert app.return_code is None
    for strip in app.screen._compositor.render_strips(app.size):
        assert strip.cell_length == app.size.width
        for letter in strip.text.replace("\u200d", "").replace("\ufe0f", ""):
            assert unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), strip.text
        for segment in strip:
            meta = segment.style.meta if segment.style is not None else {}
            assert "@click" not in meta, segment
            assert segment.style is None or segment.style.link is None


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
async def test_list_and_every_tab_of_the_detail_show_it_harmlessly(hostile: Path, size: tuple[int, int]) -> None:
    with replica(hostile) as datastore:
        async with running(datastore, size) as (app, pilot):
            for _ in range(len(HOSTILE) + 1):
                assert_harmless(app)
                await press(pilot, "enter")
                for _ in range(4):
                    assert_harmless(app)
                    await press(pilot, "right")
                await press(pilot, "escape", "j")
            assert list_of(app).cursor == len(HOSTILE)


async def test_every_dialog_about_it_shows_it_harmlessly(hostile: Path) -> None:
    with replica(hostile) as datastore:
        async with running(datastore) as (app, pilot):
            for _ in range(len(HOSTILE) + 1):
                for key in ("e", "y", "o"):
                    await press(pilot, key)
                    assert app.screen is not browse_of(app)
                    assert_harmless(app)
                    await press(pilot, "escape")
                await press(pilot, "j")


async def test_ones_own_record_with_such_a_name_can_be_deleted(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        for text in HOSTILE.values():
            datastore.add("model", make_record("model", text[:128]))
        async with running(datastore) as (app, pilot):
            for left in reversed(range(len(HOSTILE))):
                await press(pilot, "d")
                assert_harmless(app)
                await press(pilot, "y")
                assert_harmless(app)
                assert datastore.stats().records == left


async def test_what_a_person_types_or_pastes_into_the_search_line_is_text(hostile: Path) -> None:
    with replica(hostile) as datastore:
        async with running(datastore, query=HOSTILE["clipboard"]) as (app, pilot):
            assert_harmless(app)
            for text in HOSTILE.values():
                browse_of(app).query_one(SearchBar).ask(text)
                await settle(pilot)
                assert_harmless(app)


async def test_every_text_that_code_hands_to_a_dialog_or_line_is_made_safe(tmp_path: Path) -> None:
    with replica(tmp_path, 1) as datastore:
        async with running(datastore) as (app, pilot):
            for text in HOSTILE.values():
                await show_everywhere(app, pilot, text)


async def show_everywhere(app: RegistryApp, pilot: Pilot[None], text: str) -> None:
    dialogs = (
        ConfirmScreen(text, text, "Yes", "No"),
        ChooseScreen(text, [Choice("a", "a", text, text)], text),
        AskScreen(text, text, "", lambda _: text, text),
    )
    for dialog in dialogs:
        app.push_screen(dialog)
        await settle(pilot)
        if isinstance(dialog, AskScreen):
            await press(pilot, "enter")
        assert_harmless(app)
        await press(pilot, "escape")
    screen = browse_of(app)
    for tone in ("done", "problem"):
        screen.say(text, tone)
        await settle(pilot)
        assert_harmless(app)
    screen.say("")
    screen.hint(text, "problem")
    screen.note(text)
    screen.title_line.heading = text
    await settle(pilot)
    assert_harmless(app)
