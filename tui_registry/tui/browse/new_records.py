"""How new records come in from Browse: by form, or from a file, a folder or an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry.errors import KINDS
from tui_registry.tui.browse.own_record import OwnRecordScreen
from tui_registry.tui.kit.messages import ShowRecord

if TYPE_CHECKING:
    from tui_registry.tui.imports.survey import Survey


class NewRecords(OwnRecordScreen):
    """A screen from which records can be registered."""

    def action_new(self) -> None:
        from tui_registry.tui.kit.dialogs import Choice, ChooseScreen
        from tui_registry.tui.register.register_screen import RegisterScreen

        def answered(chosen: str | None) -> None:
            for kind in KINDS:
                if chosen == kind:
                    self.open_screen(RegisterScreen(kind), self.record_saved)

        self.open_screen(
            ChooseScreen(
                "Register a new",
                [
                    Choice("m", "model", "model", "weights that answer, embed, hear, see or draw"),
                    Choice("a", "agent", "agent", "a program that uses models and tools"),
                ],
            ),
            answered,
        )

    def action_import(self) -> None:
        from tui_registry.tui.imports.import_flow import ImportSource

        self.open_screen(ImportSource(), self._found)

    def _found(self, found: Survey | None) -> None:
        """One draft goes into the form, several into a list."""
        if found is None:
            return
        if len(found.candidates) == 1 and not found.operations:
            from tui_registry.tui.register.register_screen import RegisterScreen

            (candidate,) = found.candidates
            form = RegisterScreen(candidate.kind or "model", imported=candidate)
            self.open_screen(form, self.record_saved, later=True)
            return
        from tui_registry.tui.imports.import_flow import FindingsScreen

        def left(record_id: str | None) -> None:
            self.host.look()
            if record_id is not None:
                self.app.post_message(ShowRecord(record_id))

        self.open_screen(FindingsScreen(found), left, later=True)
