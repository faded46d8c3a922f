"""The screen of a form whose text is kept as a draft: stored while somebody types, and before the form is left."""

from __future__ import annotations

from contextlib import suppress

from textual import on, work
from textual.timer import Timer

from tui_registry.datastore import Draft
from tui_registry.errors import Kind, RegistryError
from tui_registry.tui.kit.confirm import ConfirmScreen
from tui_registry.tui.register.draft_list import DraftList
from tui_registry.tui.register.drafts import as_draft, saved_ago
from tui_registry.tui.register.form_messages import DraftDropped, DraftKept
from tui_registry.tui.register.form_writing import WritingScreen

# Seconds from a keystroke to the draft on disk, so that fast typing is not a write for each letter.
DRAFT_DELAY = 0.5


class DraftingScreen(WritingScreen):
    """A form that loses nothing: not by Esc, not by a crash, not by a full disk.

    Attributes:
        saved_at: when its draft was stored, None when there is none.
        done: the record was signed or the draft discarded: no draft is kept from here on.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.saved_at: int | None = None
        self.done = False
        self._draft_timer: Timer | None = None
        self._keeping = self._keep_again = self._leaving = False

    def was_edited(self) -> None:
        if self._draft_timer is None:
            self._draft_timer = self.set_timer(DRAFT_DELAY, self.keep_draft)

    def keep_draft(self) -> None:
        """Store what was typed; one write at a time, the last one counts."""
        if self._draft_timer is not None:
            self._draft_timer.stop()
            self._draft_timer = None
        if self._keeping:
            self._keep_again = True
        elif self.ready and not self.done:
            self._keeping = True
            self._keep(as_draft(self.key, self.state, self.host.now()))

    @work(thread=True, group="draft")
    def _keep(self, draft: Draft) -> None:
        try:
            key = self.desk.keep(draft)
        except RegistryError as error:
            self.post_message(DraftKept(draft.key, draft.key, draft.saved_at, error.sentence))
        else:
            self.post_message(DraftKept(draft.key, key, draft.saved_at))

    @on(DraftKept)
    def _kept(self, message: DraftKept) -> None:
        self._keeping = False
        if message.key != message.meant == self.key:
            self.key = message.key
            self.say("this draft was changed elsewhere too: yours is kept beside it")
        if self._keep_again:
            self._keep_again = False
            self.keep_draft()
        elif message.failure:
            self._not_kept(message.failure)
        else:
            self.saved_at = message.saved_at
            self.show_draft_age()
            if self._leaving:
                self.say("draft kept: Register offers it again")
                self.dismiss(None)

    def _not_kept(self, failure: str) -> None:
        self.note("draft not saved")
        self.say(f"the draft could not be saved: {failure}", "problem")
        if not self._leaving:
            return
        self._leaving = False

        def answered(lose: bool | None) -> None:
            if lose:
                self.dismiss(None)

        question, why = "Leave, and lose what you typed?", f"The draft could not be saved: {failure}"
        self.open_screen(ConfirmScreen(question, why, yes="Leave", no="Stay"), answered, later=True)

    def show_draft_age(self) -> None:
        self.note("" if self.saved_at is None else saved_ago(self.saved_at, self.host.now()))

    def on_screen_suspend(self) -> None:
        if self._draft_timer is not None:
            self.keep_draft()

    def on_unmount(self) -> None:
        # The app is closing before the timer rang: no worker would come to it, so this once the write is made here
        if self._draft_timer is not None and not self.done:
            # A disk that refuses it has refused the drafts before, and was told then
            with suppress(RegistryError):
                self.desk.keep(as_draft(self.key, self.state, self.host.now()))

    # ---- leaving

    def action_back(self) -> None:
        if not self.ready:
            self.dismiss(None)
        elif self.state.changed:
            self._leaving = True
            self.keep_draft()
        else:
            self._drop_and_leave()

    def action_discard_draft(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._drop_and_leave()

        question = ConfirmScreen("Discard what you typed?", "It cannot be brought back.", yes="Discard", no="Keep")
        self.open_screen(question, answered)

    def _drop_and_leave(self) -> None:
        self.done = True
        self._drop(self.key)

    @on(DraftList.Discarded)
    def _discarded(self, message: DraftList.Discarded) -> None:
        self._drop(message.key)

    @work(thread=True, group="draft")
    def _drop(self, key: str) -> None:
        try:
            if key == self.key:
                self.desk.close(key)
            else:
                self.desk.forget(key)
        except RegistryError as error:
            self.post_message(DraftDropped(key, error.sentence))
        else:
            self.post_message(DraftDropped(key))

    @on(DraftDropped)
    def _dropped(self, message: DraftDropped) -> None:
        if message.failure:
            self.say(f"the draft could not be removed: {message.failure}", "problem")
        if message.key == self.key:
            self.dismiss(None)
