"""What is kept of a form that was not signed: when its draft is stored, and the offer to go on with one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from textual import events, on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.datastore import Draft
from tui_registry.text import age, safe_text
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.dialogs import ConfirmScreen, Dialog
from tui_registry.tui.kit.flows import flow, write
from tui_registry.tui.register.desk import Desk, Opened, new_key
from tui_registry.tui.register.form_state import FormState, as_draft


class DraftKeeper:
    """Keeps the draft of one form.

    Attributes:
        key: of the draft.
        saved_at: when it was stored, None when there is none.
        unsaved: something was typed since.
        closed: the record was signed or the draft discarded: none is kept from here on.
    """

    def __init__(self, desk: Desk, now: Callable[[], int]) -> None:
        self.key = new_key()
        self.saved_at: int | None = None
        self.unsaved = self.closed = False
        self._desk = desk
        self._now = now
        self._writing = asyncio.Lock()

    async def keep(self, state: FormState) -> bool:
        """Store what the form says, one write at a time.

        Returns:
            Whether another form changed the draft meanwhile, so that this one is stored beside it.

        Raises:
            RegistryError: it could not be stored.
        """
        async with self._writing:
            if self.closed:
                return False
            self.unsaved = False
            draft = as_draft(self.key, state, self._now())
            key = await write(self._desk.keep, draft)
            self.saved_at = draft.saved_at
            moved = key != draft.key == self.key
            if moved:
                self.key = key
            return moved

    def keep_at_once(self, state: FormState) -> None:
        """Store what was typed since the last time, when the app ends and no flow would come to it.

        Raises:
            RegistryError: it could not be stored.
        """
        if self.unsaved and not self.closed:
            self._desk.keep(as_draft(self.key, state, self._now()))

    async def drop(self) -> None:
        """Remove the draft for good.

        Raises:
            RegistryError: it could not be removed.
        """
        self.closed = True
        await write(self._desk.close, self.key)

    def age(self) -> str:
        """`draft saved just now`, `draft saved 3 min ago`; empty when there is none."""
        return "" if self.saved_at is None else saved_ago(self.saved_at, self._now())


class DraftList(Dialog[str]):
    """Drafts that could be gone on with, and a fresh form. Answers with the key of a draft; None, as after Esc, is for
    a fresh form.

    It stands between the key that asks for a form and that form, so that what is typed here is for the form. No letter
    answers, and the first one moves the cursor from the draft that Enter would open to the fresh form.

    Attributes:
        typed: what was typed and pasted, for the form.
    """

    BINDINGS = bindings_for("drafts")

    def __init__(self, opened: Opened, fresh: str, now: int, forget: Callable[[Draft], None]) -> None:
        """
        Args:
            opened: the fresh form, with the drafts that could be gone on with.
            fresh: what the fresh form is called.
            now: Unix seconds.
            forget: removes a draft; called in a thread.
        """
        others = f"\nOther drafts: {opened.elsewhere}, offered by 2 Register" if opened.elsewhere else ""
        super().__init__("Go on with a draft?", f"Enter opens one, Delete discards it, Esc starts anew{others}")
        self.add_class("-form")
        self.typed: list[events.Key | events.Paste] = []
        self._drafts = {draft.key: draft for draft in opened.others}
        self._fresh = fresh
        self._now = now
        self._forget = forget

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(
            *(Option(_words(draft, self._now), id=key) for key, draft in self._drafts.items()),
            Option(Content(self._fresh)),
        )
        yield Static(Content(_INVITATION), classes="typed")

    @property
    def first_line(self) -> str:
        """What was typed for the first field of the form."""
        return _texts(self.typed).split("\t")[0]

    def on_key(self, event: events.Key) -> None:
        if event.is_printable or event.key == "tab":
            self._take(event, [*self.typed, event.copy()])
        elif event.key == "backspace":
            self._take(event, _without_last(self.typed))
        elif event.key == "ctrl+u":
            self._take(event, [])

    def on_paste(self, event: events.Paste) -> None:
        self._take(event, [*self.typed, events.Paste(event.text)])

    def _take(self, event: events.Key | events.Paste, typed: list[events.Key | events.Paste]) -> None:
        event.stop()
        event.prevent_default()
        options = self.query_one(OptionList)
        if typed and not self.typed and not options.highlighted:
            options.action_last()
        self.typed = typed
        text = _texts(typed).replace("\t", " [tab] ")
        shown = safe_text(text)[-_SHOWN:]
        self.query_one(".typed", Static).update(Content(f"typed so far: {shown}" if text else _INVITATION))

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)

    @flow
    async def action_discard(self) -> None:
        """Remove the draft under the cursor, after a question; without any left there is nothing to choose."""
        drafts = self.query_one(OptionList)
        option = drafts.highlighted_option
        if option is None or option.id is None:
            self.say("this is not a draft")
            return
        draft = self._drafts[option.id]
        what, when = describe(draft, self._now)
        detail = f"{what}, left {when}\nIt cannot be brought back."
        question = ConfirmScreen("Discard this draft?", detail, yes="Discard", no="Keep", for_good=True)
        if await self.ask(question):
            await self.write(self._forget, draft)
            drafts.remove_option(draft.key)
            if drafts.option_count == 1:
                self.dismiss(None)


_INVITATION = "what you type goes to the form that you choose"
_SHOWN = 50


def _texts(typed: Iterable[events.Key | events.Paste]) -> str:
    """What was typed as text, a Tab for the way to the next field."""
    pieces = []
    for event in typed:
        if isinstance(event, events.Paste):
            pieces.append(" ".join(event.text.split()))
        else:
            pieces.append("\t" if event.key == "tab" else event.character or "")
    return "".join(pieces)


def _without_last(typed: list[events.Key | events.Paste]) -> list[events.Key | events.Paste]:
    """What was typed without its last character, of a paste as well."""
    last = typed[-1] if typed else None
    rest = typed[:-1]
    return [*rest, events.Paste(last.text[:-1])] if isinstance(last, events.Paste) and last.text[:-1] else rest


def saved_ago(saved_at: int, now: int) -> str:
    """`draft saved just now`, `draft saved 3 min ago`."""
    return f"draft saved {_ago(saved_at, now)}"


def describe(draft: Draft, now: int) -> tuple[str, str]:
    """A draft in a list: what it is, and when it was left."""
    name = safe_text(draft.fields.get("name", "").strip(), 48) or "without a name"
    doing = "edit of" if draft.record_id is not None else "new"
    return f"{doing} {draft.kind}: {name}", _ago(draft.saved_at, now)


def _ago(then: int, now: int) -> str:
    seconds = max(0, now - then)
    return "just now" if seconds < 60 else f"{age(seconds)} ago"


def _words(draft: Draft, now: int) -> Content:
    what, when = describe(draft, now)
    return Content.assemble(what, (f"  {when}", "$text-muted"))
