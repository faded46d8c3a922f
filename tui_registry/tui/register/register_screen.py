"""Register or edit a record: a form that checks while you type, keeps a draft, and signs when nothing is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import BindingType

from tui_registry.datastore import Entry
from tui_registry.errors import Kind, Record, RegistryError
from tui_registry.tui.kit.actions import TYPE_AHEAD, Where, bindings_for
from tui_registry.tui.register.desk import Wanted
from tui_registry.tui.register.draft_list import FRESH, DraftList
from tui_registry.tui.register.drafting import DraftingScreen
from tui_registry.tui.register.drafts import new_key
from tui_registry.tui.register.fields import field_at
from tui_registry.tui.register.form_messages import FormOpened, RecordOvertaken, RecordStored
from tui_registry.tui.register.formfile_area import FormfileArea
from tui_registry.tui.register.merge import Side, changed_by_them, differences, merged
from tui_registry.tui.register.merge_screen import MergeScreen
from tui_registry.tui.register.outcomes import Broken, Overtaken, Refused, Signed
from tui_registry.tui.register.preview import preview
from tui_registry.tui.register.preview_screen import PreviewScreen
from tui_registry.tui.register.texts import to_texts

if TYPE_CHECKING:
    from tui_registry.tui.imports.importing import Candidate

_BACK = "your draft is back"


class RegisterScreen(DraftingScreen):
    """Answers with what was saved, or None when it was left; its draft is kept then."""

    WHERE: ClassVar[tuple[Where, ...]] = ("register",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(*WHERE), *TYPE_AHEAD]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "register.save",
        "register.next_problem",
        "register.preview",
        "register.back",
        "app.help_f1",
        "register.next_section",
        "app.palette",
    )
    MODE: ClassVar[str] = "app.register"
    HEADING: ClassVar[str] = "Register"

    def __init__(
        self,
        kind: Kind,
        *,
        record_id: str | None = None,
        duplicate_of: str | None = None,
        draft_key: str | None = None,
        imported: Candidate | None = None,
        version: str | None = None,
    ) -> None:
        """
        Args:
            kind: of the new record, or of the one named.
            record_id: edit this record. duplicate_of: start from this one. draft_key: go on with this draft.
            imported: start from what was read elsewhere.
            version: of an edit, what the record's version becomes.
        """
        super().__init__(kind)
        self._wanted = Wanted(kind, record_id, duplicate_of, draft_key, imported, version)
        self._signing = False

    def on_mount(self) -> None:
        # Made here, before a thread asks for it
        _ = self.desk
        self._open(self._wanted)
        for name, watcher in (("minute", self.show_draft_age), ("facts", self._look_at_record)):
            self.watch(self.host, name, watcher, init=False)

    def footer_actions(self) -> tuple[str, ...]:
        first, last = self.FOOTER[:2], self.FOOTER[3:5]
        if isinstance(self.focused, FormfileArea):
            return (*first, "template.complete", "register.generate", *last)
        if self.query("#field-description:focus-within"):
            return (*first, "register.read_description", *last)
        return self.FOOTER

    # ---- opening

    @work(thread=True, group="open")
    def _open(self, wanted: Wanted) -> None:
        try:
            self.post_message(FormOpened(self.desk.open(wanted)))
        except RegistryError as error:
            self.post_message(FormOpened(None, error.sentence))

    @on(FormOpened)
    async def _opened(self, message: FormOpened) -> None:
        opened = message.opened
        if opened is None:
            self.say(message.sentence, "problem")
            if not self.ready:
                self.dismiss(None)
            return
        self.key = opened.key
        self.title_line.heading = opened.heading
        self.saved_at = None if opened.draft is None else opened.draft.saved_at
        if opened.draft is not None:
            # What was typed before shows what is wrong with it, as it did then
            opened.state.left |= opened.state.touched()
        await self.show_form(opened.state)
        self.show_draft_age()
        if self.state.notes and opened.draft is None:
            # What was read is kept like what is typed
            self.was_edited()
        self.say(opened.notice or (_BACK if opened.draft is not None else ""))
        if opened.others:
            kind = opened.state.kind
            drafts = DraftList(opened.others, f"a new {kind}", self.host.now(), self)
            self.open_screen(drafts, self._draft_picked, later=True)

    def _draft_picked(self, key: str | None) -> None:
        if key is not None and key != FRESH:
            self._open(Wanted(self.state.kind, draft_key=key))

    # ---- signing

    def action_save(self) -> None:
        if self.ready and not self._signing:
            self._signing = self.state.tried = True
            self.say("checking ...")
            self.check()

    def was_checked(self) -> None:
        if self.host.outcome.text == _BACK:
            self.say(f"{_BACK}: {self.state.summary()}")
        if not self._signing:
            return
        if self.state.errors():
            self._signing = False
            self._refuse()
            return
        record, _ = self.state.record()
        self._sign(self.key, self.state.kind, record, self.state.record_id, self.state.seen)

    @work(thread=True, group="sign")
    def _sign(self, key: str, kind: Kind, record: Record, record_id: str | None, seen: tuple[str, ...]) -> None:
        self.post_message(RecordStored(self.desk.sign(key, kind, record, record_id, seen)))

    @on(RecordStored)
    def _stored(self, message: RecordStored) -> None:
        self._signing = False
        match message.outcome:
            case Signed(saved, sentence, leftover):
                self.done = True
                self.say(f"{sentence} ({leftover})" if leftover else sentence, "problem" if leftover else "done")
                self.host.look()
                self.dismiss(saved)
            case Refused(problems):
                self.state.checked = problems
                self._refuse()
            case Overtaken(entry):
                self._offer_merge(entry)
            case Broken(sentence):
                self.say(sentence, "problem")
                self.keep_draft()

    def _refuse(self) -> None:
        """Say that it was not signed, and go to the first thing to put right."""
        first = self.state.errors()[0]
        of_a_field = field_at(self.state.kind, first.path) is not None
        self.say(f"not signed yet: {self.state.summary() if of_a_field else first.sentence}", "problem")
        self.show_problems()
        self.go_to(first)

    def action_preview(self) -> None:
        facts = self.host.facts
        if not self.ready or facts is None:
            return
        record, _ = self.state.record()
        editing = self.state.record_id is not None
        shown = preview(
            self.state.kind,
            record,
            owner=facts.address,
            now=self.host.now(),
            children=len(self.state.seen),
            base=self.state.base if editing else None,
            texts=self.state.texts if editing else None,
        )
        self.open_screen(PreviewScreen(shown, self.state.summary()))

    # ---- when the record changes underneath

    def _look_at_record(self) -> None:
        if self.state.record_id is not None and self.ready and not self.done:
            self._look(self.state.kind, self.state.record_id, self.state.seen)

    @work(thread=True, group="look")
    def _look(self, kind: Kind, record_id: str, seen: tuple[str, ...]) -> None:
        try:
            if self.desk.overtaken(kind, record_id, seen):
                self.post_message(RecordOvertaken())
        except RegistryError:
            # Saving will meet the same trouble and say it; a look in passing stays silent
            return

    @on(RecordOvertaken)
    def _overtaken(self) -> None:
        if not self.done:
            self.say("this record changed meanwhile: ctrl+s shows how, nothing is signed yet", "problem")

    def _offer_merge(self, entry: Entry | None) -> None:
        if entry is None:
            self.state.record_id, self.state.source, self.state.seen = None, None, ()
            self.key = new_key()
            self.keep_draft()
            self.say("this record was deleted meanwhile: the form is kept, ctrl+s registers it as new", "problem")
            return
        theirs = to_texts(entry.kind, entry.record)
        found = changed_by_them(differences(entry.kind, self.state.base, self.state.texts, theirs))

        def chosen(choices: dict[str, Side] | None) -> None:
            if choices is None:
                self.say("nothing was merged: ctrl+s offers it again", "problem")
                return
            self.state.texts = merged(self.state.texts, theirs, choices)
            self.state.base, self.state.source, self.state.seen = theirs, entry.record, entry.heads
            self.show_texts()
            self.keep_draft()
            self.say("merged: look it over, ctrl+s signs it", "done")

        if found:
            self.say("this record changed meanwhile: nothing is signed yet", "problem")
            self.open_screen(MergeScreen(found), chosen, later=True)
        else:
            chosen({})
