"""The offer to go on with a form that was left: drafts of new records and of edits, and a fresh form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import on
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_registry.datastore import Draft
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.confirm import ConfirmScreen
from tui_registry.tui.kit.dialog import Dialog
from tui_registry.tui.register.drafts import describe

FRESH = "fresh"


class DraftList(Dialog[str]):
    """Answers with the key of a draft, or `FRESH`; None, after Esc, means a fresh form too."""

    BINDINGS = bindings_for("drafts")

    class Discarded(Message):
        """Somebody gave up a draft, after a question. The screen that opened the list removes it."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, drafts: Sequence[Draft], fresh: str, now: int, opener: Widget) -> None:
        super().__init__("Go on with a draft?", "Enter opens one, d discards it, Esc starts anew")
        self.add_class("-form")
        self._drafts = drafts
        self._fresh = fresh
        self._now = now
        self._opener = opener

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(
            *(Option(_words(draft, self._now), id=draft.key) for draft in self._drafts),
            Option(Content(self._fresh), id=FRESH),
        )

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)

    def action_discard(self) -> None:
        drafts = self.query_one(OptionList)
        draft = next((draft for draft in self._drafts if draft.key == _key_at(drafts)), None)
        if draft is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                drafts.remove_option(draft.key)
                self._opener.post_message(self.Discarded(draft.key))

        what, when = describe(draft, self._now)
        question = ConfirmScreen("Discard this draft?", f"{what}, left {when}", yes="Discard", no="Keep")
        self.open_screen(question, answered)


def _key_at(drafts: OptionList) -> str | None:
    at = drafts.highlighted
    return None if at is None else drafts.get_option_at_index(at).id


def _words(draft: Draft, now: int) -> Content:
    what, when = describe(draft, now)
    return Content.assemble(what, (f"  {when}", "$text-muted"))
