"""The sections at the side of the form: where one is, and where the problems are; below, a word on the field."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.text import safe_text
from tui_registry.tui.register.fields import RAIL_WORDS, SECTIONS, FormField, SectionId
from tui_registry.tui.register.state import SectionStatus

_WORD_WIDTH = 13


class Rail(Vertical):
    """Six sections, each with `ok`, `✗` and the number of its problems, `!` and the number of its warnings, or nothing
    while no field of it was left."""

    class Chosen(Message):
        """Somebody wants to go to a section."""

        def __init__(self, section: SectionId) -> None:
            super().__init__()
            self.section = section

    def compose(self) -> ComposeResult:
        yield OptionList(*(Option(_words(section, None), id=section) for section in SECTIONS), compact=True)
        yield Static(id="about")

    def show_status(self, section: SectionId, status: SectionStatus) -> None:
        """Show how a section stands."""
        sections = self.query_one(OptionList)
        words = _words(section, status)
        if sections.get_option(section).prompt != words:
            sections.replace_option_prompt(section, words)

    def show_field(self, field: FormField, origin: str = "") -> None:
        """Show which section a field lies in, what the field is about, and where its value came from."""
        sections = self.query_one(OptionList)
        sections.highlighted = sections.get_option_index(field.section)
        title = Content.styled(field.title, "bold")
        source = f"\n\n↳ {safe_text(origin, 300)}" if origin else ""
        # Its size is fixed: no new layout for each field
        self.query_one("#about", Static).update(Content.assemble(title, "\n", field.about, source), layout=False)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        for section in SECTIONS:
            if section == event.option_id:
                self.post_message(self.Chosen(section))


def _words(section: SectionId, status: SectionStatus | None) -> Content:
    word = f"{RAIL_WORDS[section]:<{_WORD_WIDTH}}"
    if status is None or not status.visited:
        return Content(word + "    ")
    if status.errors:
        return Content.assemble(word, (f"{'✗ ' + str(status.errors):>4}", "$text-error"))
    if status.warnings:
        return Content.assemble(word, (f"{'! ' + str(status.warnings):>4}", "$text-warning"))
    return Content.assemble(word, ("  ok", "$text-success"))
