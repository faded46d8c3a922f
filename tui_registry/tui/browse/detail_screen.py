"""One record on a screen of its own, where the terminal is too narrow for list and detail side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.widget import Widget

from tui_registry.tui.browse.own_record import OwnRecordScreen
from tui_registry.tui.browse.record_detail import RecordDetail
from tui_registry.tui.browse.record_screen import Ref
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.kit.messages import Done, EntryRead

if TYPE_CHECKING:
    from tui_registry.tui.register.register_screen import Saved


class DetailScreen(OwnRecordScreen):
    """Shows the record until it is left with Esc, or is gone."""

    CSS_PATH: ClassVar[str] = "detail.tcss"
    AUTO_FOCUS: ClassVar[str] = "DetailBody"
    WHERE: ClassVar[tuple[Where, ...]] = ("detail", "record")
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "detail.back", "record.next_tab", "record.edit", "record.delete", "record.copy", "record.name_owner",
        "app.help",
    )  # fmt: skip

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self._ref = ref

    @property
    def ref(self) -> Ref:
        return self._ref

    def mode(self) -> str:
        # It is opened from the list of records, and from the history
        return f"app.{self.app.current_mode}"

    def compose_body(self) -> Iterable[Widget]:
        yield RecordDetail(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.read_entry(self._ref)
        self.watch(self.host, "facts", self._data_changed, init=False)

    def action_back(self) -> None:
        self.dismiss(None)

    def _data_changed(self) -> None:
        self.read_entry(self._ref)

    def record_saved(self, saved: Saved | None) -> None:  # noqa: ARG002 - the poll shows what was saved
        self.host.look()

    def wrote(self, message: Done) -> None:
        if message.gone == self._ref.id:
            self.dismiss(None)

    @on(EntryRead)
    def _show_entry(self, message: EntryRead) -> None:
        if message.entry is not None:
            self.query_one(RecordDetail).show(message.entry)
        elif self.is_current:
            self.say("this record was deleted meanwhile", "problem")
            self.dismiss(None)
