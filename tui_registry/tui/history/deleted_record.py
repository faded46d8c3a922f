"""A record that is no more, as it was last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from tui_registry.datastore import Entry
from tui_registry.errors import RegistryError
from tui_registry.text import address_short
from tui_registry.tui.browse.detail_text import moment
from tui_registry.tui.browse.own_record import OwnRecordScreen
from tui_registry.tui.browse.record_detail import RecordDetail
from tui_registry.tui.browse.record_screen import Ref
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.kit.messages import Done, Failed, ShowRecord

if TYPE_CHECKING:
    from tui_registry.datastore import Deleted


class DeletedRead(Message):
    """What was read of the record; None when it is there again."""

    def __init__(self, deleted: Deleted | None) -> None:
        super().__init__()
        self.deleted = deleted


class DeletedRecordScreen(OwnRecordScreen):
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

    @property
    def ref(self) -> Ref:
        return self._ref

    def compose_body(self) -> Iterable[Widget]:
        yield RecordDetail(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._data_changed()
        self.watch(self.host, "facts", self._data_changed, init=False)

    def _data_changed(self) -> None:
        self._read()

    @work(thread=True, exclusive=True, group="entry")
    def _read(self) -> None:
        from tui_registry.datastore import read_deleted

        worker = get_current_worker()
        try:
            deleted = read_deleted(self.datastore, self._ref.id)
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
            return
        if not worker.is_cancelled:
            self.post_message(DeletedRead(deleted))

    @on(DeletedRead)
    def _show(self, message: DeletedRead) -> None:
        deleted = message.deleted
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

    def action_copy(self) -> None:
        if self._entry is not None:
            self.ask_what_to_copy([self._entry])

    def wrote(self, message: Done) -> None:
        if message.select == self._ref.id:
            self._show_what_is_back()

    def action_back(self) -> None:
        self.dismiss(None)
