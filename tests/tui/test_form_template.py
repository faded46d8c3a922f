"""The Formfile in the form: coloured, checked by line while it is typed, completed, written from the record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import OptionList, Static

from tests.tui.form_app import (
    OF_SHARED_FORM,
    FormApp,
    Opened,
    clock,
    go_to,
    lines,
    model,
    settled,
    tab_to,
    typed,
    under,
)
from tui_registry.datastore import Datastore
from tui_registry.formfile import generate
from tui_registry.records.authoring import check
from tui_registry.tui.kit.text_flow import Flow
from tui_registry.tui.register.area_rows import DescriptionRow, FormfileArea, TemplateRow, line_of
from tui_registry.tui.register.register_screen import RegisterScreen

TEMPLATE = "formfile_template"


@pytest.fixture
def datastore(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "data", clock=clock) as opened:
        yield opened


def is_shown(widget: Static) -> bool:
    return bool(widget.display)


def editor(app: FormApp) -> FormfileArea:
    return app.form.query_one(FormfileArea)


@OF_SHARED_FORM
async def test_instructions_are_coloured_and_unknown_ones_differ(form: Opened) -> None:
    app, _ = form
    area = editor(app)
    area.load_text("NAME x\nNONSENSE y\n# words")
    styles = [str(area.get_line(place).get_style_at_offset(app.console, 0)) for place in range(3)]
    assert len(set(styles)) == 3
    assert area.get_line(0).plain == "NAME x"


@OF_SHARED_FORM
async def test_a_problem_is_shown_by_line_while_somebody_types(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, TEMPLATE)
    editor(app).insert("NAME x\nVCPU 500")
    await settled(pilot)
    assert "line 2: " in under(app, TEMPLATE)
    assert editor(app).has_focus


@OF_SHARED_FORM
async def test_the_next_problem_goes_to_its_line_and_on_to_the_one_after(form: Opened) -> None:
    app, pilot = form
    await typed(pilot, "a name")
    editor(app).load_text("NAME x\nVCPU 500\nRUN true\nMEMORY 1")
    await settled(pilot)
    await pilot.press("ctrl+n")
    assert editor(app).cursor_location == (1, 0)
    await pilot.press("ctrl+n")
    assert editor(app).cursor_location == (3, 0)


async def test_a_template_that_gives_less_than_the_record_needs_is_warned_about(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "a name")
        await tab_to(pilot, "resource_requirements.min_memory_mb")
        await typed(pilot, "2GB")
        await go_to(pilot, TEMPLATE)
        editor(app).insert("NAME x\nMEMORY 1024\nDISK 10")
        await settled(pilot)
        assert "! line 2: MEMORY 1024 is less than the record's minimum of 2048 MB" in under(app, TEMPLATE)
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert app.results == [] or app.results[0] is not None


def test_a_problem_of_the_template_names_its_line() -> None:
    problems = check("model", model(formfile_template="NAME x\nVCPU 1\nMEMORY 512\nDISK 10\n"))
    assert [line_of(problem) for problem in problems] == [3]


@OF_SHARED_FORM
async def test_completion_offers_instructions_and_enter_takes_one(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, TEMPLATE)
    await pilot.press("f2")
    offers = app.form.query_one(TemplateRow).query_one(OptionList)
    assert editor(app).offering
    assert offers.option_count > 5
    assert "virtual processors" in lines(app)
    await pilot.press("m")
    assert [str(offers.get_option_at_index(at).prompt).split()[0] for at in range(offers.option_count)] == [
        "MODEL",
        "MEMORY",
    ]
    # Below the beginning that they complete: no rest of a line shows before them
    assert offers.absolute_offset is not None
    assert offers.absolute_offset.x == editor(app).cursor_screen_offset.x - len("m")
    await pilot.press("down", "enter")
    await settled(pilot)
    assert not editor(app).offering
    assert app.form.state.texts[TEMPLATE] == "MEMORY "
    await pilot.press("5", "enter", "v", "f2")
    await settled(pilot)
    assert app.form.state.texts[TEMPLATE] == "MEMORY 5\nVCPU "


@OF_SHARED_FORM
async def test_escape_closes_the_completions_and_only_they(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, TEMPLATE)
    await pilot.press("f2", "escape")
    await settled(pilot)
    assert not editor(app).offering
    assert editor(app).has_focus
    assert app.results == []


@OF_SHARED_FORM
async def test_a_formfile_is_written_from_what_the_record_needs_and_undone(form: Opened) -> None:
    app, pilot = form
    await typed(pilot, "my-llama")
    await pilot.press("f3")
    await settled(pilot)
    record, _ = app.form.state.record()
    assert record[TEMPLATE] == generate("model", record)
    assert "NAME my-llama" in app.form.state.texts[TEMPLATE]
    assert under(app, TEMPLATE) == ""
    await pilot.press("ctrl+z")
    await settled(pilot)
    assert app.form.state.texts[TEMPLATE] == ""


@OF_SHARED_FORM
async def test_a_formfile_that_is_there_is_replaced_only_after_a_question(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, TEMPLATE)
    editor(app).insert("NAME mine")
    await pilot.press("f3", "n")
    await settled(pilot)
    assert app.form.state.texts[TEMPLATE] == "NAME mine"
    await pilot.press("f3", "y")
    await settled(pilot)
    assert app.form.state.texts[TEMPLATE] != "NAME mine"


@OF_SHARED_FORM
async def test_a_formfile_is_laid_out(form: Opened) -> None:
    app, pilot = form
    editor(app).load_text("name   x\nvcpu  2")
    await settled(pilot)
    await app.form.run_action("format")
    await settled(pilot)
    assert app.form.state.texts[TEMPLATE] == "NAME x\nVCPU 2\n"


@OF_SHARED_FORM
async def test_the_description_can_be_read_as_it_will_look_and_edited_again(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, "description")
    row = app.form.query_one(DescriptionRow)
    row.control.insert("# Title\n\nSome **bold** words")
    await pilot.press("f4")
    await settled(pilot)
    assert not row.control.display
    assert "**" not in lines(app)
    assert "Some bold words" in lines(app)
    await pilot.press("f4")
    await settled(pilot)
    assert row.control.has_focus
    assert app.form.state.texts["description"] == "# Title\n\nSome **bold** words"


async def test_a_hostile_description_is_only_text_to_read(datastore: Datastore) -> None:
    key = datastore.add("model", model(description=HOSTILE[0])).key
    app = FormApp(datastore, RegisterScreen("model", record_id=key))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "description")
        row = app.form.query_one(DescriptionRow)
        for text in HOSTILE:
            row.put(text)
            await pilot.press("f4")
            await settled(pilot)
            assert row.query_one(Flow).display, text
            shown = lines(app)
            assert "\x1b" not in shown, text
            assert "\u202e" not in shown, text
            await pilot.press("f4")
            await settled(pilot)
            assert row.control.has_focus, text
        row.put(HOSTILE[0])
        await pilot.press("escape")
        await settled(pilot)
    assert app.results == [None]


HOSTILE = (
    "[/x] [@click=app.quit]x[/]",
    "\x1b[31mred\x1b[0m \u202egnp",
    "[a](javascript:alert) ![img](file:///etc/passwd)",
    "> " * 500 + "deep",
    "<script>x</script>\n\n| a | b |\n| - | - |\n| [/x] | [red]y |",
    "```[/x]\n[@click=app.quit]x[/]\n```",
)
