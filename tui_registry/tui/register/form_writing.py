"""The long texts of a form: the Formfile written and laid out for a person, the description read as it will look."""

from __future__ import annotations

from textual import on

from tui_registry.formfile import format as formatted
from tui_registry.formfile import generate
from tui_registry.tui.kit.confirm import ConfirmScreen
from tui_registry.tui.register.area_rows import DescriptionRow, TemplateRow
from tui_registry.tui.register.body import FormBody
from tui_registry.tui.register.filling import FillingScreen
from tui_registry.tui.register.formfile_area import FormfileArea


class WritingScreen(FillingScreen):
    """A form with what helps to write its long texts."""

    def action_generate(self) -> None:
        """Write the Formfile from what the record needs, after a question when there is one already."""
        if not self.ready:
            return
        record, _ = self.state.record()
        text = generate(self.state.kind, record)
        row = self.query_one(TemplateRow)

        def answered(yes: bool | None) -> None:
            if yes:
                row.rewrite(text)
                self.say("written from what the record needs; ctrl+z takes it back", "done")

        if row.text.strip() and row.text != text:
            detail = "It is written anew from name, description, requirements and preferred models."
            self.open_screen(ConfirmScreen("Replace the Formfile?", detail, yes="Replace", no="Keep"), answered)
        else:
            answered(yes=True)

    def action_format(self) -> None:
        """Lay out the Formfile; lines with errors stay as they are."""
        if self.ready:
            row = self.query_one(TemplateRow)
            row.rewrite(formatted(row.control.text))
            self.say("laid out; ctrl+z takes it back", "done")

    async def action_read_description(self) -> None:
        """Show the description as it will be read, or edit it again."""
        if self.ready:
            row = self.query_one(DescriptionRow)
            await row.turn()
            # What is to be read has its height only now
            body = self.query_one(FormBody)
            body.call_after_refresh(body.show_focused)
            self.say("as it will be read: F4 edits it again, links are not opened" if row.reading else "")

    @on(FormfileArea.NothingOffered)
    def _nothing_offered(self) -> None:
        self.say("nothing is known that could stand here: write an instruction")
