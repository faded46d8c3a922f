"""A small app around the form, and a person at its keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.dom import DOMNode
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Static

from tests.tui.driving import settle
from tui_registry.datastore import Datastore
from tui_registry.errors import Record
from tui_registry.records.schema import defaults
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.host import RegistryHost, host_of
from tui_registry.tui.register.field_rows import FieldRow
from tui_registry.tui.register.form_state import FormState
from tui_registry.tui.register.register_screen import RegisterScreen, Saved

NOW = 1_750_000_000


class FormApp(RegistryHost):
    """Shows one form after the other; `results` holds what they answered."""

    CSS_PATH = str(Path(__file__).parents[2] / "tui_registry" / "tui" / "app.tcss")
    BINDINGS = bindings_for("everywhere")

    def __init__(self, datastore: Datastore, form: RegisterScreen) -> None:
        super().__init__(datastore, clock=lambda: NOW)
        self.results: list[Saved | None] = []
        self._first = form

    def on_mount(self) -> None:
        self.open(self._first)

    def open(self, form: RegisterScreen) -> None:
        self.push_screen(form, self.results.append)

    @property
    def form(self) -> RegisterScreen:
        screen = next(screen for screen in reversed(self.screen_stack) if isinstance(screen, RegisterScreen))
        assert isinstance(screen, RegisterScreen)
        return screen


def clock() -> int:
    return NOW


def model(**fields: object) -> Record:
    """A model that the authoring rules let pass."""
    record = defaults("model")
    record.update(name="llama", version="1.0.0", parameters=7_000_000_000, context_length=4096)
    for name, value in fields.items():
        assert value is None or isinstance(value, str | int | list | dict)
        record[name] = value
    return record


async def settled(pilot: Pilot[None]) -> None:
    """Wait until every flow has ended or waits for a person, and the screens are still."""
    await settle(pilot)
    await pilot.pause()


Opened = tuple[FormApp, Pilot[None]]
# Of a test that takes the fixture `form`: it runs in the loop that the form lives in.
OF_SHARED_FORM = pytest.mark.asyncio(loop_scope="module")


async def as_opened(app: FormApp, pilot: Pilot[None]) -> None:
    """Make the form of a new record again what it was when it was opened: nothing typed, nothing left, no undo."""
    screen, new = app.form, FormState.blank(app.form.state.kind)
    assert app.screen is screen, "a dialog of the test before is still open"
    assert screen.state.record_id is None
    rows = [
        row for path, row in screen.form.body.rows.items() if path in screen.state.left or row.text != new.texts[path]
    ]
    screen.state.texts, screen.state.left, screen.state.tried, screen.state.checked = new.texts, set(), False, ()
    for row in rows:
        row.put(new.texts[row.field.path])
    screen.form.row_at("name").focus_control()
    await settled(pilot)
    screen.state.left.clear()
    app.say("")
    screen.check()
    await settled(pilot)


async def typed(pilot: Pilot[None], text: str) -> None:
    """Type into the field that has the focus, in place of what it held."""
    await pilot.press("end", "ctrl+u")
    for character in text:
        # As the terminal sends them, without waiting for the screen after each one
        pilot.app.post_message(Key(character, character))
    gate = host_of(pilot.app).gate
    await pilot.pause()
    await gate.until(lambda: gate.is_at_rest)
    await pilot.pause()


async def tab_to(pilot: Pilot[None], path: str) -> None:
    """Press Tab, as often as it takes, until the field has the focus."""
    screen = pilot.app.screen
    for _ in range(5):
        if _row(screen, path).has_focus_within:
            return
        chain = list(screen.focus_chain)
        here = chain.index(screen.focused) if screen.focused in chain else -1
        there = next(index for index, widget in enumerate(chain) if _row(screen, path) in widget.ancestors)
        for _ in range((there - here) % len(chain)):
            pilot.app.post_message(Key("tab", None))
        await settled(pilot)
    raise AssertionError(f"Tab never comes to {path}")


async def go_to(pilot: Pilot[None], path: str) -> None:
    """Put the cursor into a field, as a click does."""
    _row(pilot.app.screen, path).focus_control()
    await pilot.pause()


def _row(screen: DOMNode, path: str) -> FieldRow:
    return screen.query_one("#field-" + path.replace(".", "-"), FieldRow)


def under(app: FormApp, path: str) -> str:
    """What stands under a field, as text."""
    found = _row(app.form, path).query(".problem").results(Static)
    return next((str(line.content) for line in found if line.display), "")


def echoed(app: FormApp, path: str) -> str:
    """What stands beside a field, as text."""
    found = _row(app.form, path).query(".echo").results(Static)
    return next((str(beside.content) for beside in found), "")


def lines(app: FormApp) -> str:
    """Everything on the screen, as text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
