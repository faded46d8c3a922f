"""Registering by keyboard: what is typed is checked, kept, signed and found again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import OptionList

from tests.tui.form_app import (
    OF_SHARED_FORM,
    FormApp,
    Opened,
    clock,
    echoed,
    go_to,
    lines,
    model,
    settled,
    tab_to,
    typed,
    under,
)
from tui_registry.datastore import Datastore
from tui_registry.tui.register.form_body import Rail
from tui_registry.tui.register.register_screen import RegisterScreen, Saved


@pytest.fixture
def datastore(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "data", clock=clock) as opened:
        yield opened


async def test_a_model_is_registered_by_keyboard_alone(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "Qwen2.5-7B")
        await tab_to(pilot, "license")
        await typed(pilot, "apa")
        await settled(pilot)
        await pilot.press("right")
        await tab_to(pilot, "model_type")
        await pilot.press("enter", "down", "enter")
        await tab_to(pilot, "parameters")
        await typed(pilot, "7.6b")
        assert echoed(app, "parameters") == "7,600,000,000"
        await tab_to(pilot, "quantization")
        await pilot.press("enter", *"IQ4", "enter", *"_XS")
        await tab_to(pilot, "context_length")
        await typed(pilot, "32k")
        await tab_to(pilot, "resource_requirements.recommended_memory_mb")
        await typed(pilot, "16GB")
        await tab_to(pilot, "resource_requirements.requires_gpu")
        await pilot.press("enter", "down", "enter")
        await tab_to(pilot, "resource_requirements.min_vram_gb")
        await typed(pilot, "12")
        await tab_to(pilot, "tags")
        await typed(pilot, "chat, multilingual")
        await tab_to(pilot, "description")
        await pilot.press("O", "n", "e", "enter", "t", "w", "o")
        await pilot.press("ctrl+s")
        await settled(pilot)

    assert len(app.results) == 1
    saved = app.results[0]
    assert isinstance(saved, Saved)
    entry = datastore.entry(saved.id)
    assert entry is not None
    record = entry.record
    assert (record["name"], record["license"], record["model_type"]) == ("Qwen2.5-7B", "Apache-2.0", "Embedding")
    assert (record["parameters"], record["context_length"]) == (7_600_000_000, 32_768)
    assert record["quantization"] == {"Other": "IQ4_XS"}
    assert (record["tags"], record["description"]) == (["chat", "multilingual"], "One\ntwo")
    needs = record["resource_requirements"]
    assert isinstance(needs, dict)
    assert (needs["recommended_memory_mb"], needs["requires_gpu"], needs["min_vram_gb"]) == (16_384, True, 12)
    assert app.outcome.text == f"registered Qwen2.5-7B, id {saved.id[:12]}"
    assert datastore.drafts.all() == []


async def test_an_agent_is_registered_by_keyboard_alone(datastore: Datastore) -> None:
    preferred = datastore.add("model", model(name="Mistral-7B")).key
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "research-crew")
        await pilot.press("shift+tab", "enter", "down", "enter")
        await settled(pilot)
        await tab_to(pilot, "agent_type")
        await pilot.press("enter", "r", "e", "s", "enter")
        await tab_to(pilot, "framework")
        await pilot.press("enter", "c", "r", "e", "w", "enter")
        await tab_to(pilot, "compatible_model_types")
        await pilot.press("down", "space", "tab")
        await typed(pilot, "Robotics")
        await tab_to(pilot, "preferred_models")
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press(*"mistral")
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert "Mistral-7B" in lines(app)
        await tab_to(pilot, "tools")
        await typed(pilot, "web-search, python")
        await pilot.press("ctrl+s")
        await settled(pilot)

    saved = app.results[0]
    assert saved is not None
    assert saved.kind == "agent"
    entry = datastore.entry(saved.id)
    assert entry is not None
    record = entry.record
    assert (record["name"], record["agent_type"], record["framework"]) == ("research-crew", "Researcher", "CrewAI")
    assert record["compatible_model_types"] == ["LLM", "Embedding", {"Other": "Robotics"}]
    assert record["preferred_models"] == [preferred]
    assert record["tools"] == ["web-search", "python"]


@OF_SHARED_FORM
async def test_a_problem_stands_under_its_field_only_after_it_was_left(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, "version")
    await typed(pilot, "1.0")
    await settled(pilot)
    assert under(app, "version") == ""
    assert "1 problem before" not in lines(app)
    assert "2 problems before this can be signed" in lines(app)
    await pilot.press("tab")
    await settled(pilot)
    assert under(app, "version") == "✗ 1.0 is not SemVer: write 1.0.0"
    # the name was passed on the way, the licence not yet
    assert under(app, "name").startswith("✗ ")
    assert under(app, "license") == ""
    assert "✗ 2" in str(app.form.query_one(Rail).query_one(OptionList).get_option("identity").prompt)
    await pilot.press("shift+tab")
    await typed(pilot, "1.0.0")
    await settled(pilot)
    assert under(app, "version") == ""


@OF_SHARED_FORM
async def test_the_menu_of_a_choice_does_not_count_as_leaving_it(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, "quantization")
    await pilot.press("enter", "end", "enter")
    await settled(pilot)
    assert "quantization" not in app.form.state.left
    await pilot.press("tab", "tab")
    await settled(pilot)
    assert under(app, "quantization").startswith("✗ ")


@OF_SHARED_FORM
async def test_a_menu_is_narrowed_by_typing_and_takes_the_rest_as_other(form: Opened) -> None:
    app, pilot = form
    await go_to(pilot, "framework")
    await pilot.press("enter", "o")
    await settled(pilot)
    menu = app.form.query_one("#field-framework ChoiceMenu", OptionList)
    shown = [str(option.prompt) for option in menu.options]
    assert shown == ["PyTorch", "TensorFlow", "ONNX", "CoreML", "Other: o"]
    await pilot.press("n", "enter")
    await settled(pilot)
    assert app.form.state.texts["framework"] == "ONNX"
    await pilot.press("enter", "x", "backspace", "[", "/", "x", "]", "enter")
    await settled(pilot)
    assert app.form.state.texts["framework"] == "Other:[/x]"
    await pilot.press("!")
    await settled(pilot)
    assert app.form.state.texts["framework"] == "Other:[/x]!"


@OF_SHARED_FORM
async def test_a_default_is_typed_over_and_what_was_written_is_gone_on_with(form: Opened) -> None:
    app, pilot = form
    await tab_to(pilot, "license")
    await pilot.press(*"ISC")
    assert app.form.state.texts["license"] == "ISC"
    await pilot.press("shift+tab", "tab", *"-1")
    await settled(pilot)
    assert app.form.state.texts["license"] == "ISC-1"


async def test_saving_with_problems_goes_to_the_first_and_stores_nothing(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "resource_requirements.min_vcpus")
        await typed(pilot, "many")
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert app.form.query_one("#field-name").has_focus_within
        assert under(app, "name").startswith("✗ ")
        assert under(app, "resource_requirements.min_vcpus").startswith("✗ many is not a count")
        assert app.outcome.text.startswith("not signed yet: 2 problems")
        await pilot.press("ctrl+n")
        await settled(pilot)
        assert app.form.query_one("#field-resource_requirements-min_vcpus").has_focus_within
        await pilot.press("ctrl+n")
        await settled(pilot)
        assert app.form.query_one("#field-name").has_focus_within
    assert app.results == []
    assert datastore.stats().records == 0


async def test_escape_keeps_the_draft_and_register_offers_it_again(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("agent"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "half an idea")
        await go_to(pilot, "resource_requirements.min_memory_mb")
        await typed(pilot, "plenty")
        await pilot.press("escape")
        await settled(pilot)
        assert app.results == [None]
        assert "draft kept" in app.outcome.text

        app.open(RegisterScreen("model", any_draft=True))
        await settled(pilot)
        assert "half an idea" in lines(app)
        await pilot.press("enter")
        await settled(pilot)
        assert app.form.state.kind == "agent"
        assert app.form.state.texts["name"] == "half an idea"
        assert app.form.state.texts["resource_requirements.min_memory_mb"] == "plenty"
        assert "draft saved" in lines(app)


async def test_leaving_an_untouched_form_leaves_no_draft(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("escape")
        await settled(pilot)
    assert app.results == [None]
    assert datastore.drafts.all() == []


async def test_quitting_keeps_what_was_typed_a_moment_ago(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("x", "y")
        await pilot.press("ctrl+q")
    assert [draft.fields["name"] for draft in datastore.drafts.all()] == ["xy"]


async def test_a_draft_is_discarded_only_after_a_question(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await typed(pilot, "gone")
        await pilot.press("escape")
        await settled(pilot)
        app.open(RegisterScreen("model"))
        await settled(pilot)
        for key in ("delete", "ctrl+d"):
            await pilot.press(key)
            await settled(pilot)
            assert "Discard this draft?" in lines(app)
            await pilot.press("y", "d", "enter")
            await settled(pilot)
            assert len(datastore.drafts.all()) == 1
        await pilot.press("delete", "right", "enter")
        await settled(pilot)
        assert datastore.drafts.all() == []
        # Nothing is left to choose from
        assert app.form.state.texts["name"] == ""
        assert app.screen is app.form


@OF_SHARED_FORM
async def test_the_preview_shows_the_id_and_the_json(form: Opened) -> None:
    app, pilot = form
    await typed(pilot, "llama")
    await pilot.press("ctrl+r")
    await settled(pilot)
    shown = lines(app)
    assert "What will be signed" in shown
    assert '"name": "llama"' in shown
    assert "bytes of 65,536" in shown
    await pilot.press("escape")
    await settled(pilot)
    assert app.screen is app.form


async def test_every_section_is_reached_by_keys(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(60, 16), notifications=True) as pilot:
        await settled(pilot)
        for path in (
            "model_type", "resource_requirements.min_vcpus", "formfile_template", "tags", "description",
            "manifest.repository_url", "manifest.derived_from", "manifest.interfaces", "manifest.evaluations",
            "manifest.status",
        ):  # fmt: skip
            await pilot.press("ctrl+down")
            await settled(pilot)
            row = app.form.query_one("#field-" + path.replace(".", "-"))
            assert row.has_focus_within
            assert row.region.y >= 1
        await pilot.press("f6")
        await settled(pilot)
        assert app.form.query_one("#field-name").has_focus_within
