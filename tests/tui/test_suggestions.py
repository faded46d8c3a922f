"""One key on a problem takes what it says to write: the value is data of the problem, and never read from a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.form_app import FormApp, go_to, lines, model, settled, typed, under
from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.records.authoring import check
from tui_registry.tui.kit.dialogs import ChooseScreen
from tui_registry.tui.register.register_screen import RegisterScreen


@pytest.fixture
def datastore(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("field", "value", "path", "instead"),
    [
        ("version", "1.0", "version", ("1.0.0",)),
        ("version", "v2-rc1", "version", ("2.0.0-rc1",)),
        ("version", "latest", "version", ()),
        ("license", "apache 2", "license", ("Apache-2.0",)),
        ("license", "mit", "license", ("MIT",)),
        ("license", "GPL-3.0", "license", ("GPL-3.0-only", "GPL-3.0-or-later")),
        ("license", "MIT OR (GPL-3.0 AND ISC)", "license", (
            "MIT OR (GPL-3.0-only AND ISC)", "MIT OR (GPL-3.0-or-later AND ISC)")),
        ("license", "MIT OR apache 2", "license", ("MIT OR Apache-2.0",)),
        ("license", "MIT, ISC", "license", ("MIT OR ISC", "MIT AND ISC")),
        ("license", "unknown", "license", ()),
        ("license", "\x1b[31m", "license", ("LicenseRef-31m",)),
        ("tags", ["Two Words"], "tags[0]", ("two-words",)),
        ("tags", ["a", "a"], "tags[1]", (None,)),
        ("tags", ["日本"], "tags[0]", ()),
        ("context_length", 0, "context_length", (None,)),
    ],
)  # fmt: skip
def test_a_problem_holds_what_would_be_right(
    field: str, value: Json, path: str, instead: tuple[str | None, ...]
) -> None:
    (problem,) = [found for found in check("model", model(**{field: value})) if found.path == path]
    assert problem.instead == instead
    for each in instead:
        now = value if isinstance(value, int | str) else [each] if each else ["a"]
        again = check("model", model(**{field: now if isinstance(now, list) else each}))
        assert [found for found in again if found.path == path and found.severity == "error"] == []


async def test_one_key_takes_what_the_problem_says(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "version")
        await typed(pilot, "1.0")
        await pilot.press("tab")
        await settled(pilot)
        assert "write 1.0.0" in under(app, "version")
        await go_to(pilot, "version")
        await pilot.press("ctrl+t")
        await settled(pilot)
        assert app.form.state.texts["version"] == "1.0.0"
        assert under(app, "version") == ""

        await go_to(pilot, "resource_requirements.min_memory_mb")
        await typed(pilot, "16")
        await pilot.press("ctrl+t")
        await settled(pilot)
        assert app.form.state.texts["resource_requirements.recommended_memory_mb"] == "16 GB"

        await go_to(pilot, "tags")
        for character in "Two Words, b, b,":
            await pilot.press("space" if character == " " else "comma" if character == "," else character)
        await settled(pilot)
        await pilot.press("ctrl+t")
        await settled(pilot)
        await pilot.press("ctrl+t")
        await settled(pilot)
        assert app.form.state.texts["tags"] == "two-words, b"


async def test_of_several_licences_one_is_chosen_and_f2_shows_the_common_ones(datastore: Datastore) -> None:
    app = FormApp(datastore, RegisterScreen("model"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await go_to(pilot, "license")
        await typed(pilot, "GPL")
        await pilot.press("ctrl+t")
        await settled(pilot)
        assert isinstance(app.screen, ChooseScreen)
        assert "GPL-3.0-or-later" in lines(app)
        await pilot.press("escape")
        await settled(pilot)
        assert app.form.state.texts["license"] == "GPL"
        await pilot.press("f2")
        await settled(pilot)
        await pilot.press("1")
        await settled(pilot)
        assert app.form.state.texts["license"] == "Apache-2.0"
