"""One record on a screen of its own, where the terminal is too narrow for list and detail side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.widget import Widget

from tui_registry.query import Text
from tui_registry.tui.browse.kept_marks import KeptMarks
from tui_registry.tui.browse.machines import MachineChoice
from tui_registry.tui.browse.marked_records import Several
from tui_registry.tui.browse.record_actions import Change, RecordActions, Ref, Subject
from tui_registry.tui.browse.record_detail import RecordDetail, TabLine, read_shown
from tui_registry.tui.browse.record_use import RecordUse
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.kit.frame import FrameScreen


class DetailScreen(FrameScreen[None]):
    """Shows the record until it is left with Esc, or is gone."""

    CSS_PATH: ClassVar[str] = "detail.tcss"
    AUTO_FOCUS: ClassVar[str] = "TextBody"
    WHERE: ClassVar[tuple[Where, ...]] = ("detail", "record")
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "detail.back", "record.next_tab", "record.edit", "record.delete", "record.copy", "record.older", "app.help",
    )  # fmt: skip

    def __init__(self, ref: Ref, texts: Sequence[Text] = (), *, tab: str | None = None) -> None:
        """
        Args:
            texts: what was looked for, which is marked.
            tab: the one that is open, None for the first.
        """
        super().__init__()
        self._tab = tab
        self._ref = ref
        self._texts = texts
        subject = Subject(lambda: ref, self._changed)
        self.parts = (
            RecordActions(self, subject),
            Several(self, subject),
            KeptMarks(self, subject),
            MachineChoice(self),
            RecordUse(self, lambda: ref),
        )

    @property
    def ref(self) -> Ref:
        """The record that it shows."""
        return self._ref

    def footer_actions(self) -> tuple[str, ...]:
        detail = self.query_one(RecordDetail)
        # In the links no key goes to an older version.
        footer = tuple(name for name in self.FOOTER if detail.tab != "links" or name != "record.older")
        if not any(one is not None and len(one.live_heads) > 1 for one in (detail.entry, detail.behind)):
            return footer
        return tuple("record.conflict" if name == "record.copy" else name for name in footer)

    @on(TabLine.Turned)
    def _turned(self) -> None:
        self.refresh_footer()

    def compose_body(self) -> Iterable[Widget]:
        yield RecordDetail(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        if self._tab is not None:
            self.query_one(RecordDetail).open_tab(self._tab)
        self._read()
        self.watch(self.host, "facts", self._read, init=False)

    @flow(group="entry", exclusive=True, background=True)
    async def _read(self) -> None:
        entry, behind, near = await self.read(read_shown, self.datastore, self._ref.id, self._ref.kind)
        if entry is not None:
            detail = self.query_one(RecordDetail)
            detail.mark(self._texts)
            detail.show(entry, behind, near=near)
            self.refresh_footer()
        elif self.is_current:
            self.say("this record was deleted meanwhile", "problem")
            self.dismiss(None)

    def _changed(self, change: Change) -> None:
        if change.gone == self._ref.id:
            self.dismiss(None)

    def action_back(self) -> None:
        self.next_step()
        self.dismiss(None)
