"""Whether a record is still to be used: deprecate it, withdraw it, or say that it is active again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from textual import events, on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.datastore import Entry, ManifestEntry
from tui_registry.errors import Record, RegistryError
from tui_registry.records.schema import defaults
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import TYPE_AHEAD, bindings_for, key_of
from tui_registry.tui.kit.dialogs import Dialog, LineInput, back_or_accept
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.register.model_rows import PickModel

_STATUSES: Final = (
    ("Active", "to be used", ""),
    ("Deprecated", "deprecated", "better not: say what to use instead"),
    ("Withdrawn", "withdrawn", "not to be used at all: say why"),
)
_A: Final = {"model": "a model", "agent": "an agent"}


class StatusScreen(Dialog[Record]):
    """Answers with what becomes of the manifest: as it was, but for status, reason and what replaces the record."""

    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("status"), *TYPE_AHEAD]

    def __init__(self, entry: Entry, behind: ManifestEntry, affected: str | None = None) -> None:
        """
        Args:
            affected: who names the record, in words; None where nobody does.
        """
        who = f"{affected}. " if affected else ""
        super().__init__(
            f"Is {safe_text(str(entry.record['name']), 60)} still to be used?",
            f"{who}Lists dim a record that is not, and name why. Tab goes on, {key_of('status.accept')} signs it.",
        )
        self.add_class("-form")
        self._entry = entry
        self._manifest = behind.manifest or defaults("manifest")

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(*(Option(_words(place, None)) for place in range(len(_STATUSES))), compact=True)
        yield Static(Content("Why, and what to do"), classes="name")
        yield LineInput(
            safe_text(str(self._manifest["status_message"])),
            placeholder="e.g. use 1.1 instead",
            compact=True,
        )
        yield Static(Content(f"Replaced by another {self._entry.kind}"), classes="name")
        heir = self._manifest["superseded_by"]
        yield LineInput("" if heir is None else str(heir), placeholder="its id, or its name and enter", compact=True)
        yield Static(classes="wrong")
        yield back_or_accept("Sign", "status.accept")

    def on_mount(self) -> None:
        names = [name for name, _, _ in _STATUSES]
        before = self._manifest["status"]
        here = names.index(before) if isinstance(before, str) and before in names else 0
        # Whoever comes here to a record that is to be used wants to say that it is not
        self.query_one(OptionList).highlighted = here or 1

    # What it says

    @property
    def _lines(self) -> tuple[LineInput, LineInput]:
        why, heir = self.query(LineInput)
        return why, heir

    def _said(self) -> Record:
        why, heir = self._lines
        status = _STATUSES[self.query_one(OptionList).highlighted or 0][0]
        message, identifier = why.value.strip(), heir.value.strip().lower()
        if status == "Active":
            message, identifier = "", ""
        said: Record = {"status": status, "status_message": message, "superseded_by": identifier or None}
        return {**self._manifest, **said}

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        for place in range(len(_STATUSES)):
            event.option_list.replace_option_prompt_at_index(place, _words(place, event.option_index))
        self._check()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._check()

    @flow(group="check", exclusive=True, background=True)
    async def _check(self) -> None:
        await self._problem()

    async def _problem(self) -> str:
        """What keeps it from being signed, which is shown; empty for nothing."""
        typed = self._lines[1].value.strip()
        if typed and not _is_id(typed) and self.query_one(OptionList).highlighted:
            sentence = f"{safe_text(typed, 40)} is no id: Enter looks for {_A[self._entry.kind]} of that name"
            self.query_one(".wrong", Static).update(Content.styled(sentence, "$foreground-muted"))
            return sentence
        try:
            found = await self.read(self.datastore.check, self._entry.kind, self._entry.record, self._said())
        except RegistryError as error:
            sentences = [error.sentence]
        else:
            ours = ("manifest.status", "manifest.superseded_by")
            sentences = [one.sentence for one in found if one.severity == "error" and one.path.startswith(ours)]
        shown = safe_text(sentences[0], 200) if sentences else ""
        self.query_one(".wrong", Static).update(Content(f"✗ {shown}" if shown else ""))
        return shown

    # Its keys

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._lines[0].focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        why, heir = self._lines
        if event.input is why:
            heir.focus()
        else:
            self.action_accept()

    def on_key(self, event: events.Key) -> None:
        options = self.query_one(OptionList)
        if event.key == "down" and options.has_focus and options.highlighted == len(_STATUSES) - 1:
            event.stop()
            event.prevent_default()
            self._lines[0].focus()

    @flow
    async def action_accept(self) -> None:
        """Take what is said, after a search where a name stands for the record that replaces this one."""
        _, heir = self._lines
        typed = heir.value.strip()
        if typed and not _is_id(typed) and self.query_one(OptionList).highlighted:
            found = await self.ask(PickModel(typed, None, kind=self._entry.kind, without=self._entry.id))
            if found is None:
                heir.focus()
                return
            heir.value = found
            await self._problem()
            return
        if not await self._problem():
            self.dismiss(self._said())


def _words(place: int, chosen: int | None) -> Content:
    _, word, about = _STATUSES[place]
    sign = "(•)" if place == chosen else "( )"
    return Content.assemble(f" {sign} {word}", (f"  {about}" if about else "", "$foreground-muted"))


def _is_id(text: str) -> bool:
    return len(text) == 64 and all(character in "0123456789abcdef" for character in text.lower())
