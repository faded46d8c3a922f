"""A record that is no more, as it was last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.widget import Widget

from tui_registry.datastore import Entry
from tui_registry.text import address_short
from tui_registry.tui.browse.detail_text import moment
from tui_registry.tui.browse.record_actions import Change, RecordActions, Ref
from tui_registry.tui.browse.record_detail import RecordDetail
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.kit.copying import copy_records
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.messages import ShowRecord


class DeletedRecordScreen(FrameScreen[None]):
    """Shows what was deleted, until it is left with Esc or brought back."""

    CSS_PATH: ClassVar[str] = "../browse/detail.tcss"
    AUTO_FOCUS: ClassVar[str] = "DetailBody"
    HEADING: ClassVar[str] = "Deleted record"
    MODE: ClassVar[str] = "app.history"
    WHERE: ClassVar[tuple[Where, ...]] = ("deleted",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "deleted.back", "deleted.undo", "deleted.next_tab", "deleted.copy", "app.help", "app.palette", "app.quit",
    )  # fmt: skip

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self._ref = ref
        self._entry: Entry | None = None
        self.parts = (RecordActions(self, lambda: ref, self._changed),)

    def compose_body(self) -> Iterable[Widget]:
        yield RecordDetail(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._read()
        self.watch(self.host, "facts", self._read, init=False)

    @flow(group="entry", exclusive=True, background=True)
    async def _read(self) -> None:
        from tui_registry.datastore import read_deleted

        deleted = await self.read(read_deleted, self.datastore, self._ref.id)
        if deleted is None:
            self._show_what_is_back()
            return
        self._entry = deleted.entry
        self.query_one(RecordDetail).show(deleted.entry)
        when = moment(deleted.at, self.host.now())
        who = (
            "u brings it back"
            if deleted.entry.mine
            else f"only its owner {address_short(deleted.by)} can bring it back"
        )
        self.hint(f"deleted {when}: {who}", "note")

    def _show_what_is_back(self) -> None:
        if self.is_current:  # who has gone to another mode stays there
            self.app.post_message(ShowRecord(self._ref.id))
        self.dismiss(None)

    @flow
    async def action_copy(self) -> None:
        if self._entry is not None:
            await copy_records(self, [self._entry])

    def _changed(self, change: Change) -> None:
        if change.select == self._ref.id:
            self._show_what_is_back()

    def action_back(self) -> None:
        self.dismiss(None)
